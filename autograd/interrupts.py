"""What must be put back, even if an interrupt strikes: Ctrl-C raises KeyboardInterrupt between any two lines.

And what must not be left half done in a process that ``os.fork()`` makes, where no thread goes on but the one that called it (D16).
"""

from __future__ import annotations

import os
import time
from _thread import get_ident
from collections import deque
from collections.abc import Callable, Iterable
from functools import cached_property
from itertools import repeat
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")


def with_undo(do: Callable[[], T], undo: Callable[[], object]) -> T:
    """The result of ``do()``. However it ends, ``undo()`` has run to its end: an interrupt within it makes it run again.

    A ``with`` statement does not promise this, since an interrupt may strike between entering and the first line, or in the code
    that leaves. ``do`` changes things and says so to ``undo`` before it does; a second ``undo()`` does no harm.

    >>> shelf = []
    >>> with_undo(lambda: shelf.append("book") or len(shelf), shelf.clear), shelf
    (1, [])
    """
    try:
        try:
            return do()
        finally:
            undo()
    finally:
        undo()


def with_attribute(thing: Any, name: str, held: Any, do: Callable[[], T]) -> T:
    """The result of ``do()``, in which an attribute is another; then it is what it was.

    >>> from autograd import Value
    >>> x = Value(3.0)
    >>> with_attribute(x, "data", 4.0, lambda: x.data * x.data), x.data
    (16.0, 3.0)
    """
    before = getattr(thing, name)

    def set_and_do() -> T:
        setattr(thing, name, held)
        return do()

    return with_undo(set_and_do, lambda: setattr(thing, name, before))


def assign(objects: Iterable[Any], name: str, held: Iterable[Any]) -> None:
    """Set an attribute of many objects: of all or of none, since C runs the loop, and between its rounds no interrupt strikes.

    >>> from autograd import Value
    >>> w, b = Value(1.0), Value(2.0)
    >>> assign([w, b], "data", [3.0, 4.0]); w.data, b.data
    (3.0, 4.0)
    """
    deque(map(setattr, objects, repeat(name), held), maxlen=0)


if TYPE_CHECKING:
    cached = cached_property
else:

    class cached(cached_property):  # noqa: N801  (a decorator)
        """``functools.cached_property`` without the lock that it has before Python 3.12, one for the objects of all threads.

        A process made by ``os.fork()`` would find that lock taken for good if another thread was computing.

        >>> class Circle:
        ...     @cached
        ...     def area(self): print("computed"); return 3.14
        >>> circle = Circle(); circle.area, circle.area
        computed
        (3.14, 3.14)
        """

        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            return instance.__dict__.setdefault(self.attrname, self.func(instance))


class Turn:
    """What one thread at a time may do, as with a lock; but who has the turn is known, so that it can be given back twice.

    A thread that has the turn may take it again, and keeps it until the first taker gives it back.

    >>> turn = Turn()
    >>> turn.take("me"); turn.take("me, again"); turn.give_back("me, again"); turn.is_mine()
    True
    >>> turn.give_back("me"); turn.give_back("me"); turn.is_mine()
    False
    """

    WAIT_SECONDS = 0.0005

    def __init__(self) -> None:
        self._held: dict[str, tuple[object, int]] = {}

    def take(self, who: object) -> None:
        """Wait until no other thread has the turn."""
        thread = get_ident()
        while self._held.setdefault("turn", (who, thread))[1] != thread:
            time.sleep(self.WAIT_SECONDS)

    def is_mine(self) -> bool:
        """Whether this thread has the turn."""
        return "turn" in self._held and self._held["turn"][1] == get_ident()

    def give_back(self, who: object) -> None:
        """Let others go on, if it was this taker who took the turn."""
        if self.is_mine() and self._held["turn"][0] is who:
            self._held.clear()

    def reset(self) -> None:
        """Nobody has the turn: in a process made by fork(), whose thread did not take it."""
        self._held.clear()


def register_at_fork(**functions: Callable[[], object]) -> None:
    """What runs ``before`` a fork, and ``after_in_parent`` and ``after_in_child``; where there is no fork, nothing."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(**functions)
