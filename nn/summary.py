"""Summary: the parts of a model, their parameters, and the size of the graph of one example.

>>> from nn import MLP
>>> print(summary(MLP(2, [16, 16, 1])))
MLP of 337 parameters
<BLANKLINE>
part      kind   activation  inputs  outputs  parameters  operations
layers.0  Layer  relu             2       16          48          80
layers.1  Layer  relu            16       16         272         528
layers.2  Layer  linear          16        1          17          32
total                                                337         640
<BLANKLINE>
One example makes a graph of 979 nodes: 640 operations, 337 parameters, and 2 inputs and constants.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from autograd import Value
from autograd.text import described
from nn.embedding import Embedding
from nn.layers import MLP, Layer, Neuron
from nn.module import Module

COLUMNS = ("part", "kind", "activation", "inputs", "outputs", "parameters", "operations")
COLUMNS_OF_WORDS = 3  # the others hold numbers


@dataclass(frozen=True)
class Part:
    """One line of a summary, with None for what does not apply or is not known.

    Attributes:
        name: the path in the model, as in ``named_parameters``.
        kind: the name of its class.
        activation: the name of its activation.
        inputs, outputs: how many it has; the inputs of an ``Embedding`` are its labels.
        parameters: how many it has; a shared one counts in the first part that has it.
        operations: how many nodes it adds to the graph of one example. This is known for each layer of an ``MLP``; for a module of
            your own only the total is known.
    """

    name: str
    kind: str
    activation: str | None
    inputs: int | None
    outputs: int | None
    parameters: int
    operations: int | None


@dataclass(frozen=True, repr=False)
class Summary:
    """A report on a model, which prints as text and shows as a table in a notebook.

    Attributes:
        kind: the name of the model's class.
        parts: a ``Part`` for each layer, or for each piece of a module of your own.
        parameters: how many parameters the model has.
        operations: how many operations the graph of one example has.
        reached: how many parameters that graph has; an ``Embedding`` uses one row of many.
        others: how many other leaves it has: inputs and constants.
    """

    kind: str
    parts: tuple[Part, ...]
    parameters: int
    operations: int
    reached: int
    others: int

    @property
    def nodes(self) -> int:
        """How many nodes the graph of one example has."""
        return self.operations + self.reached + self.others

    def __repr__(self) -> str:
        rows = self._rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(w) if k < COLUMNS_OF_WORDS else cell.rjust(w)
                for k, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]
        return "\n".join([self._title(), "", *(line.rstrip() for line in lines), "", self._graph()])

    def _repr_html_(self) -> str:
        head, *body, total = (
            "".join(
                f'<{tag} style="text-align: {"left" if k < COLUMNS_OF_WORDS else "right"}">{html.escape(cell)}</{tag}>'
                for k, cell in enumerate(row)
            )
            for row, tag in zip(self._rows(), ["th", *["td"] * len(self.parts), "th"], strict=True)
        )
        lines = "".join(f"<tr>{line}</tr>" for line in body)
        return (
            f"<table><caption>{html.escape(self._title())}</caption><thead><tr>{head}</tr></thead><tbody>{lines}</tbody>"
            f"<tfoot><tr>{total}</tr></tfoot></table><p>{html.escape(self._graph())}</p>"
        )

    def _rows(self) -> list[tuple[str, ...]]:
        parts = [tuple("" if cell is None else str(cell) for cell in vars(part).values()) for part in self.parts]
        return [COLUMNS, *parts, ("total", "", "", "", "", str(self.parameters), str(self.operations))]

    def _title(self) -> str:
        return f"{self.kind} of {self.parameters} parameters"

    def _graph(self) -> str:
        of = "" if self.reached == self.parameters else f" of the {self.parameters}"
        return (
            f"One example makes a graph of {self.nodes} nodes: {self.operations} operations, {self.reached}{of} parameters, "
            f"and {self.others} inputs and constants."
        )


def summary(model: Module, *example: Any) -> Summary:
    r"""The parts of a model, and the size of the graph of one example, which is run and counted.

    A layer of n neurons with m inputs records :math:`nm` products, :math:`nm` sums and n activations: n sums fewer without a bias,
    and no activations if it is linear. The loss does not count.

    Args:
        model: an ``MLP``, ``Layer``, ``Neuron``, ``Embedding``, or a ``Module`` of your own that can be called.
        example: what to call the model with. A module of your own needs this; the default is 1.0 for each input, or label 0.

    Raises:
        TypeError: if the model cannot be called, needs an example, or returns something else than Values.

    >>> from nn import Neuron
    >>> report = summary(Neuron(3, activation="tanh"))
    >>> report.parameters, report.operations, report.nodes
    (4, 7, 14)
    """
    if not isinstance(model, Module) or not callable(model):
        raise TypeError(f"summary takes a Module that can be called, but got {described(model)}")
    example = example or _example(model)
    stages = model.trace(*example).activations if isinstance(model, MLP) else [_values(model, model(*example))]
    graph: set[Value] = set()
    operations = [sum(node.op is not None for node in _add(stage, graph)) for stage in stages]
    parameters = set(model.parameters())
    reached = len(graph & parameters)
    parts = _parts(model, operations)
    return Summary(
        type(model).__name__, parts, len(parameters), sum(operations), reached, len(graph) - sum(operations) - reached
    )


def _example(model: Module) -> tuple[Any, ...]:
    if isinstance(model, Embedding):
        return (0,)
    first = model.layers[0] if isinstance(model, MLP) else model
    if isinstance(first, Layer | Neuron):
        return ([1.0] * len((first.neurons[0] if isinstance(first, Layer) else first).w),)
    raise TypeError(
        f"summary runs one example, and only you know what a {type(model).__name__} is called with: write summary(model, x)"
    )


def _values(model: Module, returned: Any) -> list[Value]:
    """The Values in what a model returned: one of them, or nested lists."""
    if isinstance(returned, Value):
        return [returned]
    if isinstance(returned, list | tuple):
        return [value for part in returned for value in _values(model, part)]
    raise TypeError(
        f"summary counts the graph of Values, but a call of {type(model).__name__} returned {returned!r} of type "
        f"{type(returned).__name__}; it needs a Value, or a list of them"
    )


def _add(outputs: list[Value], graph: set[Value]) -> list[Value]:
    """Add to the graph the nodes that these outputs were computed from, and return those that are new in it."""
    new = list(dict.fromkeys(outputs))
    graph.update(new)
    for node in new:  # the list grows during the loop
        for source in node.inputs:
            if source not in graph:
                graph.add(source)
                new.append(source)
    return new


def _parts(model: Module, operations: list[int]) -> tuple[Part, ...]:
    """The layers and other modules that hold parameters; a parameter counts in the innermost module around it."""
    modules = dict(_modules("", model, set()))
    counts = dict.fromkeys(modules, 0)
    for parameter, _ in model.named_parameters():
        counts[max((path for path in modules if not path or parameter.startswith(f"{path}.")), key=len)] += 1
    known = iter(operations if isinstance(model, MLP | Layer | Neuron | Embedding) else [])
    parts = []
    for path, module in modules.items():
        if counts[path] or isinstance(module, Layer | Neuron | Embedding):
            kind, (inputs, outputs) = type(module).__name__, _widths(module)
            parts.append(
                Part(path or kind.lower(), kind, _activation(module), inputs, outputs, counts[path], next(known, None))
            )
    return tuple(parts)


def _modules(path: str, held: Any, visited: set[int]) -> Iterator[tuple[str, Module]]:
    """A module and the modules in it, with their paths; those inside layers, neurons and embeddings do not count."""
    if isinstance(held, Module | list | tuple | dict) and id(held) not in visited:
        visited.add(id(held))
        if isinstance(held, Module):
            yield path, held
            if isinstance(held, Layer | Neuron | Embedding):
                return
        parts = vars(held) if isinstance(held, Module) else held
        for name, part in parts.items() if isinstance(parts, dict) else enumerate(parts):
            yield from _modules(f"{path}.{name}" if path else str(name), part, visited)


def _activation(module: Module) -> str | None:
    if not isinstance(module, Layer | Neuron):
        return None
    return module.activation if isinstance(module.activation, str) else getattr(module.activation, "__name__", "custom")


def _widths(module: Module) -> tuple[int | None, int | None]:
    """The numbers of inputs and outputs."""
    if isinstance(module, Neuron):
        return len(module.w), 1
    if isinstance(module, Layer):
        return len(module.neurons[0].w), len(module.neurons)
    return (len(module.table), len(module.table[0])) if isinstance(module, Embedding) else (None, None)
