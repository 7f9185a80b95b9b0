"""What may be exchanged while code runs: how a node is made, and where.

Each operation calls ``new_node`` and ``current_scope``, by names that it looks up in ``value.py``. ``debug()`` and the tracing
of a compiled function put functions of their own there, and put back what stood there before. A flag that each operation has to
ask would make every program slower; a name that is looked up anyway costs nothing.

    new_node(kind)     makes an empty node of a class          exchanged while a function is traced: nodes without numbers
    current_scope()    the names of the open scopes            exchanged inside debug(): scopes that know the line of code
"""

from __future__ import annotations

import math
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


def is_traced(x: object) -> bool:
    """Whether x is a ``Value`` without a number, since ``autograd.compile`` is tracing the function that computes with it.

    A function that reads numbers, to check them for example, asks this first, since a traced ``Value`` has none to read.

    >>> import autograd
    >>> def root(x):
    ...     if not is_traced(x) and x < 0:
    ...         raise ValueError("no root")
    ...     return autograd.sqrt(x)
    >>> root(autograd.Value(4.0)).data, autograd.compile(root).value([4.0, 9.0])
    (2.0, 2.5)
    """
    return isinstance(x, value.Value) and bool(getattr(x, "_is_traced", False))


def is_tracing() -> bool:
    """Whether ``autograd.compile`` is tracing a function in this thread: then new nodes without a number are traced.

    >>> from autograd import compile
    >>> seen = []
    >>> compile(lambda x: seen.append(is_tracing()) or 2 * x).value([1.0]), seen, is_tracing()
    (2.0, [True], False)
    """
    node = value.new_node(value.Value)
    value.Value.__init__(node, math.nan)
    return is_traced(node)
