"""Which executor runs a program."""

from __future__ import annotations

import logging
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from autograd.compiled.plain import Plain

if TYPE_CHECKING:
    from autograd.compiled.executor import Executor
    from autograd.compiled.tape import Tape

EXECUTORS = ("auto", "native", "numpy", "plain")
OLDEST = (0, 45)  # the first llvmlite with LLVM 20, whose passes native code asks for by name


def chosen(name: str) -> str:
    """The executor by its name; ``"auto"`` is native code if llvmlite (0.45 or later) is installed, and else NumPy.

    Raises:
        ValueError: if there is none of that name.
        ImportError: if native code is asked for by name and llvmlite is missing or older.

    >>> chosen("plain")
    'plain'
    """
    if name not in EXECUTORS:
        raise ValueError(f"no executor is called {name!r}; there are {', '.join(EXECUTORS)}")
    installed = find_spec("llvmlite") is not None and _release() >= OLDEST
    if name == "native" and not installed:
        raise ImportError('native code needs llvmlite: pip install "chainrule[fast]"; executor="auto" does without')
    if name == "auto":
        name = "native" if installed else "numpy"
        if not installed:
            _note()
    return name


def _release() -> tuple[int, ...]:
    """The release of llvmlite that is installed; one that does not tell is taken for a new one."""
    try:
        return tuple(int(each) for each in version("llvmlite").split(".")[:2])
    except (PackageNotFoundError, ValueError):
        return OLDEST


@lru_cache(maxsize=1)
def _note() -> None:
    """Said once."""
    logging.getLogger("autograd.compile").warning(
        'compiled programs run on NumPy; with llvmlite they run as machine code, which is faster: pip install "chainrule[fast]"'
    )


def executor(name: str, tape: Tape, threads: int | None = None) -> Executor:
    """The tape made ready to run by the executor of that name."""
    if name == "native":
        from autograd.compiled.native import Native

        return Native(tape, threads=threads)
    if name == "numpy":
        from autograd.compiled.arrays.executor import Arrays

        return Arrays(tape)
    return Plain(tape)
