"""Which numbers a function takes out of its own graph: there ``backward()`` stops.

While a function is watched, its nodes and its inputs are of a class of their own, ``Watched``, which notes who reads their
number. Code outside pays nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

from autograd import recording
from autograd.debugging import Line, caller, is_users_file, users_line
from autograd.hooks import with_nodes_made_by
from autograd.value import Value

T = TypeVar("T")
_data, _grad = Value.__dict__["data"], Value.__dict__["grad"]

DATA, TEXT, GRAD, DERIVATIVES, COPY = (
    "reads .data",
    "writes a Value as text",
    "reads .grad",
    "takes a derivative as a number (create_graph=True would record it)",
    "copies a Value",
)


class Read(NamedTuple):
    """A number that was taken out of the graph: of which node, how, and on which line of the user's code."""

    node: Value
    how: str
    line: Line | None


_reads: ContextVar[dict[tuple[str, Line | None], Read] | None] = ContextVar("reads", default=None)


def _note(node: Value, how: str, line: Line | None) -> None:
    reads = _reads.get()
    if reads is not None:
        reads.setdefault((how, line), Read(node, how, line))


class Watched(Value):
    """A node that was made while a function is watched. Afterwards it behaves as a ``Value``."""

    __slots__ = ()

    def _number(self) -> Any:
        if _reads.get() is not None and is_users_file(caller(1)):
            _note(self, DATA, users_line())
        return _data.__get__(self)

    def _gradient(self) -> Any:
        if _reads.get() is not None and is_users_file(caller(1)):
            _note(self, GRAD, users_line())
        return _grad.__get__(self)

    data = property(_number, _data.__set__)
    grad = property(_gradient, _grad.__set__)

    def __format__(self, spec: str) -> str:
        if _reads.get() is not None and is_users_file(caller(1)):
            _note(self, TEXT, users_line())
        return super().__format__(spec)

    @property
    def partials(self) -> tuple[Any, ...]:
        if _reads.get() is not None and is_users_file(caller(1)):
            _note(self, DERIVATIVES, users_line())
        return super().partials

    @property
    def _slopes(self) -> tuple[Any, ...]:
        """Noted if ``grad`` computes a number with them."""
        if _reads.get() is not None and sys._getframe(1).f_code is recording._partial.__code__:
            _note(self, DERIVATIVES, users_line())
        return super()._slopes

    def __reduce_ex__(self, protocol: Any) -> Any:
        """A copy is a ``Value``, and the graph does not lead to it."""
        reads, line = _reads.get(), _line_outside_copy()
        token = _reads.set(None)
        try:
            state = super().__reduce_ex__(max(protocol, 2))[2:]
        finally:
            _reads.reset(token)
        if reads is not None:
            _note(self, COPY, line)
        return _empty, (), *state


Watched.__name__ = "Value"  # the name that Python's own messages give it


def _empty() -> Value:
    return object.__new__(Value)


def _line_outside_copy() -> Line | None:
    frame: Any = sys._getframe(1)
    while frame is not None and (frame.f_globals.get("__name__") == "copy" or not is_users_file(frame.f_code.co_filename)):
        frame = frame.f_back
    return Line.of(frame) if frame else None


def _new_node(kind: type[Value]) -> Value:
    return object.__new__(Watched if kind is Value and _reads.get() is not None else kind)


def watched(inputs: Sequence[Value], do: Callable[[], T]) -> tuple[T, dict[Any, Read]]:
    """The result of ``do()``, and what it reads, in this thread, of the inputs and of new nodes. (Not of inputs of a user's class.)"""
    reads: dict[tuple[str, Line | None], Read] = {}

    def watch_and_do() -> T:
        _reads.set(reads)
        return do()

    own = [source for source in inputs if type(source) is Value]
    return with_nodes_made_by(_new_node, own, lambda kind: Watched, watch_and_do), reads
