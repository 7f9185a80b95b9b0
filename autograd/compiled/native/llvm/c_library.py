"""The functions of the C library that machine code calls: those of ``math``, their vector forms where they exist, and those
that read the processor's flags.

Since glibc 2.22 (most functions: 2.35) Linux has ``libmvec``: ``_ZGVeN8v_exp`` computes eight exponentials at a time. The names
are those of the Vector Function ABI: ``e`` is AVX-512, ``d`` AVX2, ``b`` SSE2, ``n`` NEON; then the lanes, and a ``v`` for each
operand. Results are off by at most 4 units in the last place.

The processor sets a flag, which stays set until it is cleared, when finite operands give infinity or nan: where a number
overflows, where one is divided by zero, and where a result does not exist.

Source: IEEE 754 (2019), section 7; C11, section 7.6, ``fenv.h``.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import platform
import sys
from functools import cache
from typing import Any, NamedTuple

import llvmlite.binding as llvm

FAMILIES = {"x86_64": {8: "e", 4: "d", 2: "b"}, "aarch64": {2: "n"}}
CONVENTIONS = {"aarch64": "aarch64_vector_pcs"}
FLAGS = {"x86_64": 0b1101, "amd64": 0b1101, "i686": 0b1101, "aarch64": 0b111, "arm64": 0b111}
FLAGS_ON_WINDOWS = 0b11100


class VectorFunction(NamedTuple):
    """A function of vectors: its name, and its calling convention unless that is C's."""

    name: str
    convention: str


@cache
def scalar_function(name: str) -> str:
    """The C library's function, under a name that LLVM does not know: it would compute ``pow(x, 2)`` as ``x * x``."""
    own = f"libm.{name}"
    _publish(own, getattr(_math_library(), name))
    return own


@cache
def vector_function(name: str, lanes: int, operands: int) -> VectorFunction | None:
    """The function of so many operands for vectors of ``lanes``, or None if the C library of this machine lacks it."""
    machine = platform.machine()
    family = FAMILIES.get(machine, {}).get(lanes)
    library = _vector_library()
    if family is None or library is None:
        return None
    symbol = f"_ZGV{family}N{lanes}{'v' * operands}_{name}"
    if not hasattr(library, symbol):
        return None
    _publish(symbol, getattr(library, symbol))
    return VectorFunction(symbol, CONVENTIONS.get(machine, ""))


def flags() -> int:
    """FE_OVERFLOW | FE_DIVBYZERO | FE_INVALID as this machine's C library numbers them; 0 if that is not known."""
    return FLAGS_ON_WINDOWS if sys.platform == "win32" else FLAGS.get(platform.machine().lower(), 0)


def _publish(name: str, function: Any) -> None:
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    llvm.add_symbol(name, address)


@cache
def _math_library() -> ctypes.CDLL:
    if sys.platform == "win32":
        return ctypes.CDLL("ucrtbase")
    return ctypes.CDLL(ctypes.util.find_library("m"))


@cache
def _vector_library() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL("libmvec.so.1")
    except OSError:
        return None
