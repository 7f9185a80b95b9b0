"""What may be exchanged while code runs: how a node is made, and where.

Each operation calls ``new_node`` and ``current_scope``, by names that it looks up in ``value.py``. ``debug()`` and the tracing
of a compiled function put functions of their own there, and put back what stood there before. A flag that each operation has to
ask would make every program slower; a name that is looked up anyway costs nothing.

    new_node(kind)     makes an empty node of a class          exchanged while a function is traced: nodes without numbers
    current_scope()    the names of the open scopes            exchanged inside debug(): scopes that know the line of code
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import Any, TypeVar

from autograd import value
from autograd.interrupts import Turn, assign, register_at_fork, with_undo
from autograd.text import short_repr
from autograd.value import Value

HOOKS = ("new_node", "current_scope")
T = TypeVar("T")


def exchange(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Put a function in the place of a hook, for all threads.

    Returns:
        The function that stood there.

    >>> from autograd import Value
    >>> before = exchange("current_scope", lambda: ("everywhere",))
    >>> y = 2 * Value(1.0)
    >>> exchange("current_scope", before) is before, y.scope, (2 * y).scope
    (False, ('everywhere',), ())
    """
    if name not in HOOKS:
        raise ValueError(f"a hook is {' or '.join(HOOKS)}, but got {short_repr(name)}")
    before: Callable[..., Any] = vars(value)[name]
    vars(value)[name] = function
    return before


def with_nodes_made_by(
    function: Callable[..., Any], lent: Sequence[Value], as_class: Callable[[type], type], do: Callable[[], T]
) -> T:
    """The result of ``do()``; until it returns ``new_node`` is this function, for all threads, and the Values that are lent are of
    another class. One thread at a time may be in here, so none puts back what another one needs.

    >>> made = []
    >>> with_nodes_made_by(lambda kind: made.append(kind) or object.__new__(kind), [], type, lambda: 2 * value.Value(1.0))
    Value(data=2.0, grad=0.0)
    >>> made == [value.Value]
    True
    """
    block = _Block(lent)

    def begin_and_do() -> T:
        block.begin(function, as_class)
        return do()

    return copy_context().run(with_undo, begin_and_do, block.end)


class _Block:
    """What a call of ``with_nodes_made_by`` puts back; ending it twice does no harm, nor if it has not begun."""

    def __init__(self, lent: Sequence[Value]) -> None:
        self._lent, self._classes, self._before = lent, list[Any](), list[Callable[..., Any]]()

    def begin(self, function: Callable[..., Any], as_class: Callable[[type], type]) -> None:
        _turn.take(self)
        _blocks.append(self)
        self._before.append(value.new_node)
        self._classes += map(type, self._lent)
        exchange("new_node", function)
        assign(self._lent, "__class__", map(as_class, self._classes))

    def end(self) -> None:
        if _turn.is_mine():  # else it has ended, and another thread may be in its own block
            self.put_back()
            _turn.give_back(self)

    def put_back(self) -> None:
        assign(self._lent, "__class__", self._classes)
        for before in self._before:
            exchange("new_node", before)
        _blocks[:] = [block for block in _blocks if block is not self]


_turn = Turn()
_blocks: list[_Block] = []  # that are open: one thread's, each within the one before


def _end_what_other_threads_began() -> None:
    """In a process made by fork() no other thread goes on."""
    if not _turn.is_mine():
        for block in reversed(_blocks[:]):
            block.put_back()
        _turn.reset()


register_at_fork(after_in_child=_end_what_other_threads_began)
