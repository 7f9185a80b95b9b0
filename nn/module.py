"""Module: anything with parameters, and how they are found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autograd import Constant, Value


class Module:
    """A part of a network, which finds its parameters in its own attributes.

    A parameter is a ``Value`` that was not computed: one in an attribute, or in a list, tuple, dict or module that an attribute
    holds. Subclasses assign their parameters to attributes and define ``__call__``.

    Source: modules of micrograd and PyTorch.

    >>> class Line(Module):
    ...     def __init__(self): self.slope, self.offset = Value(2.0), Value(1.0)
    ...     def __call__(self, x): return self.slope * x + self.offset
    >>> Line().named_parameters()
    [('slope', Value(data=2.0, grad=0.0)), ('offset', Value(data=1.0, grad=0.0))]
    """

    def parameters(self) -> list[Value]:
        """The parameters, without repetition, in the order of the attributes.

        >>> from nn import MLP
        >>> len(MLP(2, [16, 16, 1]).parameters())
        337
        """
        return [value for _, value in self.named_parameters()]

    def named_parameters(self) -> list[tuple[str, Value]]:
        """The parameters with their paths, such as ``layers.0.neurons.2.w.1``; a shared one has its first path.

        >>> from nn import MLP
        >>> [name for name, _ in MLP(1, [1]).named_parameters()]
        ['layers.0.neurons.0.w.0', 'layers.0.neurons.0.b']
        """
        found: dict[int, tuple[str, Value]] = {}
        for path, value in _walk("", self, set()):
            found.setdefault(id(value), (path, value))
        return list(found.values())

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0, as training needs before each backward pass.

        >>> from nn import MLP
        >>> model = MLP(1, [1])
        >>> model([2.0]).backward(); model.zero_grad()
        >>> {p.grad for p in model.parameters()}
        {0.0}
        """
        for parameter in self.parameters():
            parameter.grad = type(parameter.data)()


def _walk(path: str, held: Any, visited: set[int]) -> Iterator[tuple[str, Value]]:
    """The parameters in what an attribute holds, through modules and containers; ``visited`` guards against cycles."""
    if isinstance(held, Value):
        if not held.inputs and not isinstance(held, Constant):
            yield path, held
    elif isinstance(held, Module | list | tuple | dict) and id(held) not in visited:
        visited.add(id(held))
        parts = vars(held) if isinstance(held, Module) else held
        items = parts.items() if isinstance(parts, dict) else enumerate(parts)
        for name, part in items:
            yield from _walk(f"{path}.{name}" if path else str(name), part, visited)
