"""debug: inside it, every node knows the line of your code that made it.

Every node asks for the open scopes when it is made, through the hook ``current_scope``. Inside ``debug()`` a function stands
there that asks Python for the line as well.
"""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Callable
from contextvars import ContextVar
from functools import lru_cache
from itertools import count
from threading import get_ident
from types import FrameType, TracebackType
from typing import NamedTuple

from autograd.hooks import exchange
from autograd.interrupts import register_at_fork, with_undo
from autograd.scopes import Scope, current_scope

_foreign = [os.path.join(os.path.dirname(__file__), ""), "<row "]
"""How the file names of code begin that is not the user's: this package, and the functions compiled from rows."""

_SITE_PACKAGES = ("site-packages", "dist-packages")
_standard_library = os.path.join(os.path.dirname(os.__file__), "")

DEBUGGERS = {"bdb", "pdb", "cmd", "ipdb", "pudb", "pydevd", "debugpy", "IPython", "_pytest"}
"""Packages that show the values of a program: debuggers, and pytest, where an assertion fails. Those of pydevd begin with ``_pydev``."""

_lines: dict[tuple[str, int], Line] = {}
"""Lines by file and number, as long as blocks are open: all nodes that a line makes share it."""

_entered: ContextVar[tuple[tuple[int, int], ...]] = ContextVar("debug", default=())  # the blocks that this thread is in


def register_package(init: str) -> None:
    """Do not count the code of a package as the user's: its ``__init__.py`` calls ``register_package(__file__)``."""
    folder = os.path.join(os.path.dirname(init), "")
    if folder not in _foreign:
        _foreign.append(folder)
        _whose.cache_clear()


def is_users_file(name: str) -> bool:
    """Whether the code of a file is the user's own.

    >>> is_users_file(__file__), is_users_file("<row tanh>"), is_users_file("notebook.py")
    (False, False, True)
    """
    return not name.startswith(tuple(_foreign))


OURS, LIBRARYS, USERS = "ours", "a library's", "the user's"


@lru_cache(maxsize=4096)
def _whose(name: str) -> str:
    """Whose the code of a file is; asked for each node that is traced, several times.

    A library, NumPy or Python's own modules, speaks for its caller: its lines are of no use in a message.
    """
    if not is_users_file(name):
        return OURS
    if name.startswith(_standard_library):
        return USERS if name[len(_standard_library) :].startswith(_SITE_PACKAGES) else LIBRARYS
    numpy = sys.modules.get("numpy")
    is_numpys = numpy is not None and name.startswith(os.path.dirname(str(numpy.__file__)))
    return LIBRARYS if is_numpys or name.startswith("<frozen ") else USERS


class Line(NamedTuple):
    """A line of code. Its text is empty if there is no source, as in an ``exec``."""

    file: str
    number: int
    text: str

    @classmethod
    def of(cls, frame: FrameType) -> Line:
        """The line that a frame is running."""
        file, number = frame.f_code.co_filename, frame.f_lineno
        return cls(file, number, linecache.getline(file, number, frame.f_globals).strip())

    def __str__(self) -> str:
        return f"{self.file}, line {self.number}" + (f": {self.text}" if self.text else "")


class Place(tuple[str, ...]):
    """A scope that knows the line too. All nodes that a line makes in a scope share one."""

    line: Line


class debug:  # noqa: N801  (used as a statement: `with debug():`)
    """Inside it, every node remembers the line of code that made it: ``node.made_at``.

    The line is the innermost one of your own code: calls inside autograd, nn and other registered packages are skipped. Blocks
    nest, and a thread is only inside its own blocks. A node made outside has ``made_at`` None, and costs no more than without
    this module. ``diagnose`` quotes the line.

    >>> from autograd import Value
    >>> def loss(prediction, target):
    ...     return (prediction - target) ** 2
    >>> with debug():
    ...     y = loss(Value(3.0), 1.0)
    >>> y.made_at.number, y.made_at.text
    (2, 'return (prediction - target) ** 2')
    >>> y.inputs[0].made_at is y.made_at, loss(Value(3.0), 1.0).made_at
    (True, None)
    """

    __slots__ = ("_blocks",)

    def __init__(self) -> None:
        self._blocks: list[_Block] = []

    def __enter__(self) -> debug:
        if not _is_inside():
            linecache.checkcache()  # a file may have been edited since Python last read it
            _lines.clear()
        self._blocks.append(_Block())
        self._blocks[-1].begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        block = self._blocks.pop()
        with_undo(block.end, block.end)


class _Block:
    """A block of ``debug()``. It ends when nothing refers to it any more, if an interrupt kept the ``with`` statement from ending it.

    There are no locks, which might stay held: whoever changes how many blocks are open looks again after it has set the hook.
    """

    def __init__(self) -> None:
        self._key = get_ident(), next(_numbers)

    def begin(self) -> None:
        _open.add(self._key)
        _entered.set((*_entered.get(), self._key))
        _set_hook()

    def end(self) -> None:
        _open.discard(self._key)
        _entered.set(tuple(filter(_is_open, _entered.get())))
        _set_hook()

    def __del__(self) -> None:
        if _is_open(getattr(self, "_key", None)):  # missing if it was never made
            self.end()


_numbers = count()
_open: set[tuple[int, int]] = set()  # the blocks that are open in all threads: the thread, and a number
_is_open: Callable[[object], bool] = _open.__contains__


def _is_inside() -> bool:
    """Whether this thread is in a block."""
    return any(map(_is_open, _entered.get()))


def _set_hook() -> None:
    hook = None
    while hook is not (wanted := _current_place if _open else current_scope):
        hook = wanted
        exchange("current_scope", hook)


def _end_what_other_threads_began() -> None:
    """In a process made by fork() no other thread goes on."""
    _open.intersection_update({key for key in _open if key[0] == get_ident()})
    _set_hook()


register_at_fork(after_in_child=_end_what_other_threads_began)


def _current_place() -> Scope:
    """The open scopes; inside ``debug()`` as a ``Place`` with the line of the user's code that is running."""
    scope = current_scope()
    if not _is_inside():
        return scope  # only another thread is in a block
    frame = _users_frame(sys._getframe(1))
    if frame is None:
        return scope  # a thread that runs no code of the user's
    key = frame.f_code.co_filename, frame.f_lineno
    line = _lines.get(key)
    if line is None:
        line = _lines[key] = Line.of(frame)
    return _place(scope, line)


def users_line() -> Line | None:
    """The innermost running line of the user's code; None if no code of the user's is running."""
    frame = _users_frame(sys._getframe(1))
    return None if frame is None else Line.of(frame)


def _users_frame(frame: FrameType | None) -> FrameType | None:
    while frame is not None and _whose(frame.f_code.co_filename) is not USERS:
        frame = frame.f_back
    return frame


def line_of_error(error: BaseException) -> Line | None:
    """The innermost line of the user's code in which an error was raised.

    >>> try:
    ...     {}["key"]
    ... except KeyError as error:
    ...     print(line_of_error(error).text)
    {}["key"]
    """
    found, trace = None, error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if _whose(name) is USERS:
            found = Line(name, trace.tb_lineno, linecache.getline(name, trace.tb_lineno, trace.tb_frame.f_globals).strip())
        trace = trace.tb_next
    return found


def is_asked_by_user(frame: FrameType | None) -> bool:
    """Whether the code of a frame is the user's own, or a library's that the user's code called.

    A debugger that shows a value is not the user's code, nor is what it calls.
    """
    while frame is not None:
        whose = _whose(frame.f_code.co_filename)
        if whose is OURS or _is_debuggers(frame):
            return False
        if whose is USERS:
            return not is_debugger_asking(frame)
        frame = frame.f_back
    return False


def is_debugger_asking(frame: FrameType | None = None) -> bool:
    """Whether a debugger called what the user's code is doing in a frame, or in the one that called this package."""
    frame = frame or sys._getframe(1)
    while frame is not None and _whose(frame.f_code.co_filename) is OURS:
        frame = frame.f_back
    while frame is not None and _whose(frame.f_code.co_filename) is not OURS:
        if _is_debuggers(frame):
            return True
        frame = frame.f_back
    return False


def _is_debuggers(frame: FrameType) -> bool:
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    return package in DEBUGGERS or package.startswith("_pydev")


def caller(depth: int) -> str:
    """The file of the function that stands ``depth`` calls above the one that asks."""
    return sys._getframe(depth + 1).f_code.co_filename


@lru_cache(maxsize=4096)
def _place(scope: Scope, line: Line) -> Place:
    place = Place(scope)
    place.line = line
    return place
