"""The size of exact numbers, which Python does not bound; and powers, the one operation that makes a huge number at once."""

import sys
from fractions import Fraction
from types import CodeType
from typing import Any

from autograd.errors import ExactPowerError
from autograd.rules.numbers import Number

MAX_POWER_DIGITS = 300_000
"""Python would compute 2 ** 10**400 until the memory is full."""


def power(x: Number, y: Number) -> Any:
    """``x ** y`` as Python computes it, unless the result is exact and has more than ``MAX_POWER_DIGITS`` digits.

    Raises:
        ExactPowerError: if it has, before it is computed.

    >>> power(Fraction(2, 3), 2), power(0.5, 10**6), power(-1, 10**400)
    (Fraction(4, 9), 0.0, 1)
    """
    if bits_of_power(x, y) > MAX_POWER_DIGITS * 10 // 3:  # 10 bits are 3 digits
        raise ExactPowerError(
            f"the exact power x ** y of {_sized('x', x)} and {_sized('y', y)} would have more than "
            f"{MAX_POWER_DIGITS} digits; take a smaller exponent, or a float for x, whose powers are rounded"
        )
    return x**y


_FRACTIONS_POWER: CodeType = Fraction.__pow__.__code__


def base_of_power(base: Any) -> Any:
    """The base of a power whose exponent was asked to compute it, as ``__rpow__``; call it from there.

    Before Python 3.13 a Fraction makes a float of itself first. Then the method of Fraction that did so still holds it.

    >>> class Exponent:
    ...     def __rpow__(self, base):
    ...         return base_of_power(base)
    >>> Fraction(1, 3) ** Exponent(), 0.5 ** Exponent()
    (Fraction(1, 3), 0.5)
    """
    caller = sys._getframe(2) if type(base) is float and sys.version_info < (3, 13) else None
    return caller.f_locals["a"] if caller and caller.f_code is _FRACTIONS_POWER else base


def bits(number: object) -> int:
    """The bits of an exact number's numerator and denominator; 0 for a float.

    >>> bits(Fraction(7, 8)), bits(0.5)
    (7, 0)
    """
    if isinstance(number, int | Fraction):
        return number.numerator.bit_length() + number.denominator.bit_length()
    return 0


def bits_of_power(x: Number, y: Number) -> int:
    """About how many bits ``x ** y`` has if it is exact, without computing it; else 0. (Python's ``2 ** -3`` is a float.)

    >>> bits_of_power(Fraction(7, 8), -100), bits_of_power(1.5, 100), bits_of_power(2, -3)
    (700, 0, 0)
    """
    is_exact = isinstance(y, int) or (isinstance(y, Fraction) and y.denominator == 1)
    if not is_exact or x in (-1, 0, 1) or (y < 0 and isinstance(x, int) and isinstance(y, int)):
        return 0
    return bits(x) * abs(int(y))


def _sized(name: str, number: Number) -> str:
    size = bits(number)
    return f"{name} = {number}" if size <= 64 else f"a {name} of {size} bits"
