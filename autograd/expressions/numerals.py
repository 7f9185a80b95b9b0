"""How a number is written, in an expression and after ``NAME=``, and which float or Fraction it becomes."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from autograd.rules.exact_powers import bits
from autograd.text import quoted

NUMERAL = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
"""An unsigned decimal number, as a pattern: 2, 0.5, .5, 1e-3."""

MAX_EXPRESSION_CHARS = 1000
"""Characters that an expression may have, or a number."""

MAX_EXACT_DIGITS = 1800
"""Digits that all exact numbers of an expression may have together, local derivatives included."""

MAX_EXACT_BITS = (10**MAX_EXACT_DIGITS).bit_length() - 1
MAX_EXPONENT_DIGITS = 4  # 1e9999 is beyond every bound already, and 1e999999999 would fill the memory before it is found out

_SIGNED_RATIO = re.compile(rf"([-+]?)({NUMERAL})(?:/({NUMERAL}))?")


def number(text: str, exact: bool = False) -> float | Fraction:
    """Return the number that is written, a decimal or a ratio of two: the nearest float, or the exact Fraction.

    Raises:
        ValueError: if it is no number, or too large or too small to keep.

    >>> number("-0.5"), number("1/3"), number("0.1", exact=True)
    (-0.5, 0.3333333333333333, Fraction(1, 10))
    >>> number("1e999")
    Traceback (most recent call last):
        ...
    ValueError: '1e999' is beyond what a float holds, from 4.9e-324 to 1.8e308
    """
    text = text.strip()
    match = _SIGNED_RATIO.fullmatch(text) if len(text) <= MAX_EXPRESSION_CHARS else None
    if match is None:
        raise ValueError(f"{quoted(text)} is no number; write for example 2, -0.5, 1e-3 or 1/3")
    sign, numerator, denominator = match.groups(default="1")
    kept_are = (
        f"is too long: {MAX_EXACT_DIGITS} digits are kept"
        if exact
        else "is beyond what a float holds, from 4.9e-324 to 1.8e308"
    )
    if any(len(numeral.lower().partition("e")[2].lstrip("+-0")) > MAX_EXPONENT_DIGITS for numeral in (numerator, denominator)):
        raise ValueError(f"{quoted(text)} {kept_are}")
    if Fraction(denominator) == 0:
        raise ValueError(f"{quoted(text)} divides by 0")
    ratio = Fraction(numerator) / Fraction(denominator)
    if sign == "-":
        ratio = -ratio
    try:
        kept = ratio if exact else float(ratio)
    except OverflowError:
        kept = math.inf
    if kept == math.inf or (kept == 0) != (ratio == 0) or bits(kept) > MAX_EXACT_BITS:
        raise ValueError(f"{quoted(text)} {kept_are}")
    return kept
