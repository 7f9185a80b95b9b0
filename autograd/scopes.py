"""Names for regions of a graph, by which pictures and explanations group its nodes."""

from __future__ import annotations

from contextvars import ContextVar
from types import TracebackType

Scope = tuple[str, ...]

_current: ContextVar[Scope] = ContextVar("scope", default=())

current_scope = _current.get
"""The names of the open scopes of this thread, outermost first."""


class scope:  # noqa: N801  (used as a statement: `with scope("layer1"):`)
    """Gives a name to the region of the graph that is made inside it. Scopes nest, and each thread has its own.

    Args:
        name: the region's name in pictures and explanations.

    Raises:
        TypeError: if the name is not a string.

    >>> from autograd import Value, scope
    >>> x = Value(2.0)
    >>> with scope("layer1"), scope("neuron1"):
    ...     y = 3 * x
    >>> y.scope, x.scope
    (('layer1', 'neuron1'), ())
    """

    __slots__ = ("_before", "_name", "_path")

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"a scope needs a name, a string, but got {name!r} of type {type(name).__name__}")
        self._name = name
        self._before: list[Scope] = []  # the scopes to go back to: a scope may be entered within itself

    def __enter__(self) -> scope:
        self._before.append(_current.get())
        self._path = (*self._before[-1], self._name)
        _current.set(self._path)
        return self

    def part(self, name: str) -> None:
        """Open a scope inside this one, up to the next part or the end. It costs less than a ``with`` for each of many parts.

        >>> from autograd import Value
        >>> with scope("layer1") as layer:
        ...     layer.part("neuron1"); y = 2 * Value(1.0)
        ...     layer.part("neuron2"); z = 3 * Value(1.0)
        >>> y.scope, z.scope
        (('layer1', 'neuron1'), ('layer1', 'neuron2'))
        """
        _current.set((*self._path, name))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _current.set(self._before[-1])
        self._before.pop()

    def __del__(self) -> None:
        """Go back if an interrupt kept the ``with`` statement from doing so, and it was not within another that did."""
        before = getattr(self, "_before", None)  # missing if it was never made
        if before and _current.get()[: len(before[0]) + 1] == (*before[0], self._name):
            _current.set(before[0])
