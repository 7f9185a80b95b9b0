"""What must be put back, even if an interrupt strikes: Ctrl-C raises KeyboardInterrupt between any two lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

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
