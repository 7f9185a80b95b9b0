"""What may be exchanged while code runs: how a node is made, and where.

Each operation calls ``new_node`` and ``current_scope``, by names that it looks up in ``value.py``. ``debug()`` and the tracing
of a compiled function put functions of their own there, and put back what stood there before. A flag that each operation has to
ask would make every program slower; a name that is looked up anyway costs nothing.

    new_node(kind)     makes an empty node of a class          exchanged while a function is traced: nodes without numbers
    current_scope()    the names of the open scopes            exchanged inside debug(): scopes that know the line of code
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

from autograd import value

HOOKS = ("new_node", "current_scope")
_lock = RLock()


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
        raise ValueError(f"a hook is {' or '.join(HOOKS)}, but got {name!r}")
    before: Callable[..., Any] = vars(value)[name]
    vars(value)[name] = function
    return before


@contextmanager
def nodes_made_by(function: Callable[..., Any]) -> Iterator[None]:
    """In here ``new_node`` is this function, for all threads. One thread at a time may be in such a block, so none puts back what
    another one needs.

    >>> from autograd import Value
    >>> made = []
    >>> with nodes_made_by(lambda kind: made.append(kind) or object.__new__(kind)):
    ...     y = 2 * Value(1.0)
    >>> made == [Value]
    True
    """
    with _lock:
        before = exchange("new_node", function)
        try:
            yield
        finally:
            exchange("new_node", before)
