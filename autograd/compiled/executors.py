"""Which executor runs a program, and how it is made."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

from autograd.compiled.plain import Plain
from autograd.interrupts import with_undo
from autograd.text import short_repr

if TYPE_CHECKING:
    from autograd.compiled.executor import Executor
    from autograd.compiled.tape import Tape

T = TypeVar("T")

EXECUTORS = ("auto", "native", "numpy", "plain")
OLDEST_LLVMLITE = (0, 45)  # the first with LLVM 20, whose passes native code asks for by name


def choose_executor(name: str) -> str:
    """The name of an executor that can run: for ``"auto"`` native code if llvmlite (0.45 or later) is installed, else NumPy.

    Raises:
        ValueError: if there is none of that name.
        ImportError: if native code is asked for by name and llvmlite is missing or older.

    >>> choose_executor("plain")
    'plain'
    """
    if name not in EXECUTORS:
        raise ValueError(f"no executor is called {name!r}; there are {', '.join(EXECUTORS)}")
    installed = find_spec("llvmlite") is not None and _llvmlite_release() >= OLDEST_LLVMLITE
    if name == "native" and not installed:
        raise ImportError('native code needs llvmlite: pip install llvmlite; executor="auto" does without')
    if name == "auto":
        name = "native" if installed else "numpy"
        if not installed:
            _note_that_llvmlite_is_missing()
    return name


def _llvmlite_release() -> tuple[int, ...]:
    """The installed release of llvmlite; one that does not state its number counts as new enough."""
    try:
        return tuple(int(part) for part in version("llvmlite").split(".")[:2])
    except (PackageNotFoundError, ValueError):
        return OLDEST_LLVMLITE


@lru_cache(maxsize=1)
def _note_that_llvmlite_is_missing() -> None:
    """Log it; the cache makes that once in a process."""
    logging.getLogger("autograd.compile").warning(
        "compiled programs run on NumPy; with llvmlite they run as machine code, which is faster: pip install llvmlite"
    )


def check_threads(threads: int | None) -> int | None:
    """The number of threads as it was given.

    Raises:
        ValueError: if it is no whole number from 1.
    """
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
        raise ValueError(f"threads are a whole number, at least 1, but got {short_repr(threads)}")
    return threads


def make_executor(name: str, tape: Tape, threads: int | None = None) -> Executor:
    """The executor of that name, ready to run the tape."""
    if name == "native":
        from autograd.compiled.native import Native

        return Native(tape, threads=threads)
    if name == "numpy":
        from autograd.compiled.arrays.executor import Arrays

        return Arrays(tape)
    return Plain(tape)


def without_gc(do: Callable[[], T]) -> T:
    """The result of ``do()``, in which Python's cyclic garbage collector pauses: a long tape becomes hundreds of thousands of objects,
    and none of them is garbage."""
    enabled = gc.isenabled()

    def pause_and_do() -> T:
        gc.disable()
        return do()

    return with_undo(pause_and_do, gc.enable if enabled else gc.disable)
