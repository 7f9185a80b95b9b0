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

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autograd.compiled.program import load as load


def __getattr__(name: str) -> object:
    if name == "load":  # autograd.load: importing it loads NumPy
        from autograd.compiled.program import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
