"""Scalar code for one example, compiled to a program that runs forward and backward over whole batches.

=====================  ===============================================================================
tracing                runs the function once and records what it did ...
tape                   ... as a list of instructions on numbered slots (Wengert 1964)
steps                  finds the matrices that are hidden in the list
plain, arrays, native  execute it: plain Python floats, NumPy, machine code
program                is what ``autograd.compile`` returns
=====================  ===============================================================================
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autograd.compiled.program import Program


def load(path: str | PathLike[str], executor: str = "auto", threads: int | None = None, check: bool = False) -> Program:
    """The program that ``Program.save`` wrote: its tape, and its parameters with their numbers.

    Args:
        path: of the file, none of which is executed.
        executor, threads, check: as for ``autograd.compile``.

    Raises:
        ValueError: if the file is no saved program.

    >>> import autograd, tempfile, os
    >>> w = autograd.Value(3.0, "w")
    >>> program = autograd.compile(lambda x: w * x, [w], shapes=[()], executor="plain")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     program.save(os.path.join(folder, "line.json"))
    ...     loaded = load(os.path.join(folder, "line.json"), executor="plain")
    >>> loaded.value([1.0, 2.0]), loaded.values
    (4.5, [Value(data=3.0, grad=0.0, label='w')])
    """
    from autograd.compiled.program import loaded

    with open(path, encoding="utf-8") as file:
        return loaded(file.read(), executor, threads, check)
