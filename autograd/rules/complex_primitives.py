"""The primitives on complex numbers x + ih with a small h: Python's, and what Python lacks.

A derivative can be measured by them: h is so small that the imaginary part of f(x + ih) is h f'(x) to the last digit. So a function
need not be right on the whole plane, but it has to keep all digits of a tiny imaginary part.
"""

import cmath
import math
from collections.abc import Callable, Mapping

from autograd.rules.primitives import PRIMITIVES

FEWEST = 2.0**-970  # of x: below it, the angle h / x has fewer digits than a float
SATURATED = 300.0  # where tanh is 1 and its derivative, exp(-600), is 0 in every sum


class NotAnalyticError(ArithmeticError):
    """There is no derivative here, or no continuation is known."""


def _refuse(z: complex) -> complex:
    raise NotAnalyticError


def _abs(z: complex) -> complex:
    if z.real == 0 and z.imag:
        raise NotAnalyticError
    return -z if z.real < 0 else z


def complex_power(x: complex, y: complex) -> complex:
    """The power. With a base of 0 or below it is analytic in the base only, and real for whole exponents only."""
    if x.real > 0:
        if 0 < abs(x.imag) < FEWEST * x.real and not y.imag:
            power = math.pow(x.real, y.real)  # Python's goes by the angle of x, which has no digits left
            return complex(power, power * y.real / x.real * x.imag)
        return x**y
    if y.imag:
        raise NotAnalyticError
    if x.real == 0:
        return complex(x) ** y.real
    if y.real % 1:
        raise NotAnalyticError
    return (-x) ** y.real * (-1 if y.real % 2 else 1)


def _expm1(z: complex) -> complex:
    half = math.sin(z.imag / 2)
    return complex(math.expm1(z.real) * math.cos(z.imag) - 2 * half * half, math.exp(z.real) * math.sin(z.imag))


def _log1p(z: complex) -> complex:
    if abs(z.imag) > 1e-10 * (1 + z.real):
        return cmath.log(1 + z)
    return complex(math.log1p(z.real), math.atan2(z.imag, 1 + z.real))  # the modulus of 1 + z differs by the square of z.imag


def _tanh(z: complex) -> complex:
    return cmath.tanh(z) if abs(z.real) < SATURATED else complex(math.tanh(z.real))  # Python's raises an OverflowError


def _error_function(real: Callable[[float], float], sign: int) -> Callable[[complex], complex]:
    def function(z: complex) -> complex:
        """The first terms of Taylor's series in the imaginary part, which is tiny."""
        x, y = z.real, z.imag
        slope = sign * 2 / math.sqrt(math.pi) * math.exp(-x * x) if abs(x) < 1e9 else 0.0
        if abs(y) * (1 + abs(x)) > 1e-8 and slope:
            raise NotAnalyticError
        return complex(real(x) + slope * x * y * y, slope * y)

    return function


def _log2(z: complex) -> complex:
    return cmath.log(z) / math.log(2)


def _cbrt(z: complex) -> complex:
    if z.real == 0 and z.imag:
        raise NotAnalyticError
    return -complex_power(-z, 1 / 3) if z.real < 0 else complex_power(z, 1 / 3)


def _hypot(x: complex, y: complex) -> complex:
    length = math.hypot(x.real, y.real)
    if length == 0:
        raise NotAnalyticError
    return complex(length, x.real / length * x.imag + y.real / length * y.imag)


def _atan2(x: complex, y: complex) -> complex:
    size = max(abs(x.real), abs(y.real))
    if size == 0:
        raise NotAnalyticError
    a, b = x.real / size, y.real / size
    return complex(math.atan2(x.real, y.real), (b * (x.imag / size) - a * (y.imag / size)) / (a * a + b * b))


def _staircase(real: Callable[[float], float]) -> Callable[[complex], complex]:
    def function(z: complex) -> complex:
        """A constant, except where a step is."""
        if z.imag and not real(math.nextafter(z.real, -math.inf)) == real(z.real) == real(math.nextafter(z.real, math.inf)):
            raise NotAnalyticError
        return complex(real(z.real))

    return function


def _fmod(x: complex, y: complex) -> complex:
    """x minus a whole number of y; beside a whole quotient that number jumps."""
    rest = PRIMITIVES["fmod"].function(x.real, y.real)
    if rest == 0:
        raise NotAnalyticError
    return complex(rest, x.imag - (x.real - rest) / y.real * y.imag)


COMPLEX_PRIMITIVES: Mapping[str, Callable[..., complex]] = {
    **{name: getattr(cmath, name, _refuse) for name in PRIMITIVES},
    "abs": _abs, "pow": complex_power, "expm1": _expm1, "log1p": _log1p, "log2": _log2, "tanh": _tanh,
    "cbrt": _cbrt, "hypot": _hypot, "atan2": _atan2, "fmod": _fmod,
    **{name: _staircase(PRIMITIVES[name].function) for name in ("floor", "rint")},
    "erf": _error_function(math.erf, 1), "erfc": _error_function(math.erfc, -1),
}  # fmt: skip
