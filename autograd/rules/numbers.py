"""The numbers that a ``Value`` may hold."""

from fractions import Fraction
from math import inf
from numbers import Integral, Rational, Real
from typing import Any, TypeAlias

from autograd.text import described, short_repr

Number: TypeAlias = int | float | Fraction
EPSILON = 2.0**-52  # from 1 to the next float: an operation of floats rounds by at most half of it


class Guest:
    """A number of another kind, which evaluates rows itself. Users make none: a check moves a function with it, and then it is gone."""

    __slots__ = ()

    @property
    def plain(self) -> Any:
        """The number itself while the check moves f with it; afterwards the float that it stood for."""
        raise NotImplementedError

    def evaluate(self, op: Any, *operands: Any) -> tuple[Any, ...]:
        """The result and the local derivatives of a row, of which this number is an operand."""
        raise NotImplementedError


def number(value: Any) -> Number:
    """``value`` as a Python number: int, float and Fraction as they are, bools and NumPy scalars converted.

    Raises:
        TypeError: for anything else, saying what it was and what is needed.

    >>> number(True), number(0.5), number(Fraction(1, 3))
    (1, 0.5, Fraction(1, 3))
    >>> number("0.5")
    Traceback (most recent call last):
        ...
    TypeError: a Value holds a real number (int, float, Fraction or a NumPy scalar), but got '0.5' of type str; \
convert it first, with float(...)
    """
    kind = type(value)
    if kind is float or kind is int or kind is Fraction:
        return value  # type: ignore[no-any-return]
    if isinstance(value, Guest):
        return value.plain  # type: ignore[no-any-return]
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Rational):
        return Fraction(int(value.numerator), int(value.denominator))
    if isinstance(value, Real):
        return float(value)
    if kind.__module__ == "numpy" and kind.__name__ in ("bool", "bool_"):
        return int(value)
    raise TypeError(
        f"a Value holds a real number (int, float, Fraction or a NumPy scalar), but got {described(value)}; {_remedy(value)}"
    )


def as_float(value: Any, what: str) -> float:
    """``value`` as a float, where only floats will do; ``what`` says what it is.

    Raises:
        TypeError: if it is no number.
        OverflowError: if it is beyond the floats.

    >>> as_float(10**400, "the start of solve")
    Traceback (most recent call last):
        ...
    OverflowError: the start of solve is ≈1e+400, beyond the largest float, 1.8e308; scale it down
    """
    try:
        return float(number(value))
    except OverflowError:
        raise OverflowError(f"{what} is {short_repr(value)}, beyond the largest float, 1.8e308; scale it down") from None


def _remedy(value: Any) -> str:
    if isinstance(value, str):
        return "convert it first, with float(...)"
    if isinstance(value, complex):
        return "derivatives here are of real functions; take its real part"
    if hasattr(value, "__iter__"):
        return "make one Value for each entry: [Value(v) for v in ...]"
    return "give it a number"


def is_finite(x: Number) -> bool:
    """Whether a number is neither nan nor infinite; ``math.isfinite`` overflows for long Fractions.

    >>> is_finite(Fraction(10**400, 3)), is_finite(float("inf")), is_finite(float("nan"))
    (True, False, False)
    """
    return x == x and abs(x) != inf
