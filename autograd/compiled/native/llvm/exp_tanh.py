r"""exp and tanh for vectors, written out as polynomials: faster than a library that looks numbers up in tables.

Both begin with :math:`y = n\ln 2 + r`, n an integer and :math:`|r| \le \tfrac12\ln 2`, and a polynomial for
:math:`e^r - 1 = r + r^2/2 + r^3 P(r)`; P interpolates at the zeros of a Chebyshev polynomial, to 8e-17 of the result. Then

.. math:: e^y = 2^n (1 + (e^r - 1)) \qquad \tanh|x| = \frac{-m}{2 + m}, \quad m = e^{-2|x|} - 1 = 2^n(e^r - 1) + (2^n - 1)

so that tanh keeps all digits near 0. Results are off by at most 4 units in the last place, like those of the C library's vector
functions; the tests measure it.

Source: Cody & Waite, *Software Manual for the Elementary Functions* (1980), chapters 6 and 13.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from autograd.compiled.native.llvm.ir import Code

P = (
    0.16666666666666666, 0.041666666666651246, 0.008333333333332147, 0.0013888888905973543, 0.00019841269854409363,
    2.480153620505534e-05, 2.755727992579576e-06, 2.761390867578486e-07, 2.509563297507093e-08,
)  # fmt: skip
LN2_PARTS = (0.6931471675634384, 1.2996506893889889e-08)
"""ln 2 in two parts. The first ends in zero bits, so n times it is exact."""
ROUNDING = 1.5 * 2.0**52
"""Add it to a number and subtract it: what is left is the nearest integer, whose bits are the last of the sum."""


def exp(code: Code, x: str) -> str:
    """``exp(x)`` in each lane, from 0 below -746 to infinity above 710; nan for nan."""
    y = _limited(code, _limited(code, x, "ogt", 710.0), "olt", -746.0)
    n, q = _reduced(code, y)
    half = code.let(f"ashr {code.integers} {n}, {code.integer(1)}")  # 2**n as two factors, each a normal number
    rest = code.let(f"sub {code.integers} {n}, {half}")
    return code.binary("fmul", code.binary("fmul", code.binary("fadd", 1.0, q), _power(code, half)), _power(code, rest))


def tanh(code: Code, x: str) -> str:
    size = code.call(f"llvm.fabs.{code.suffix}", x)
    n, q = _reduced(code, _limited(code, code.binary("fmul", -2.0, size), "olt", -40.0))  # beyond, tanh is 1
    scale = _power(code, n)
    m = code.multiply_add(scale, q, code.binary("fadd", scale, -1.0))
    ratio = code.binary("fdiv", code.let(f"fneg {code.type} {m}"), code.binary("fadd", 2.0, m))
    return code.call(f"llvm.copysign.{code.suffix}", ratio, x)


FUNCTIONS: Mapping[str, Callable[[Code, str], str]] = {"exp": exp, "tanh": tanh}
"""The functions of this file, by the names of their primitives."""


def _reduced(code: Code, y: str) -> tuple[str, str]:
    """n as integers, and ``exp(r) - 1``."""
    shifted = code.multiply_add(y, code.number(1 / math.log(2)), code.number(ROUNDING))
    n = code.binary("fsub", shifted, ROUNDING)
    r = code.multiply_add(n, code.number(-LN2_PARTS[1]), code.multiply_add(n, code.number(-LN2_PARTS[0]), y))
    p = code.number(P[-1])
    for coefficient in reversed((0.5, *P[:-1])):
        p = code.multiply_add(p, r, code.number(coefficient))
    q = code.multiply_add(code.binary("fmul", r, r), p, r)
    bits = code.let(f"bitcast {code.type} {shifted} to {code.integers}")
    return code.let(f"sub {code.integers} {bits}, bitcast ({code.type} {code.number(ROUNDING)} to {code.integers})"), q


def _power(code: Code, n: str) -> str:
    """2**n: the bits of n become the exponent of a double."""
    shifted = code.let(f"shl {code.integers} {n}, {code.integer(52)}")
    bits = code.let(f"add {code.integers} {shifted}, bitcast ({code.type} {code.number(1.0)} to {code.integers})")
    return code.let(f"bitcast {code.integers} {bits} to {code.type}")


def _limited(code: Code, x: str, comparison: str, limit: float) -> str:
    """x, or the limit where x is beyond it; nan stays nan."""
    beyond = code.let(f"fcmp {comparison} {code.type} {x}, {code.number(limit)}")
    return code.select(beyond, limit, x)
