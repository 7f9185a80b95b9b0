"""The primitives of the table's language, with the answers of IEEE 754 where Python's ``math`` raises.

Python raises ``OverflowError`` for ``math.exp(1000)`` and ``ValueError`` for ``math.sin(inf)``; arrays and machine code return
``inf`` and ``nan``. The engine calls ``math`` first. If it raises although the operands lie in the domain, the engine calls the
functions of this module.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

INF, NAN = math.inf, math.nan


class Primitive(NamedTuple):
    """A function that rows may call: Python's, with the answers of IEEE 754 where Python raises.

    ``sympy`` is the function as an expression for SymPy, and ``arity`` its number of operands. ``llvm`` is LLVM's name of the
    machine instruction for it, if there is one; the others are functions of the C library, with the same name. ``numpy`` is
    NumPy's name if it is another, and None if NumPy lacks the function.
    """

    function: Callable[..., Any]
    sympy: str
    overflow: Callable[[float], float] = lambda x: INF
    poles: Mapping[float, float] = {}
    llvm: str = ""
    numpy: str | None = ""
    arity: int = 1

    def ieee(self, *operands: float) -> Any:
        """The value, which exists even where Python's function raises."""
        try:
            return self.function(*operands)
        except OverflowError:
            return self.overflow(*operands)
        except (ValueError, ZeroDivisionError):
            return self.poles.get(operands[0], NAN)


def floor(x: Any) -> Any:
    """The largest whole number that is at most ``x``; a float of a float.

    >>> floor(-0.5), floor(7), floor(INF)
    (-1.0, 7, inf)
    """
    return x // 1 if abs(x) < INF else x


def rint(x: Any) -> Any:
    """The nearest whole number, the even one if two are as near; a float of a float.

    >>> rint(2.5), rint(-0.75), rint(7)
    (2.0, -1.0, 7)
    """
    return math.copysign(round(x), x) if isinstance(x, float) else round(x)


def fmod(x: Any, y: Any) -> Any:
    """What is left of ``x`` after as many steps of ``y`` towards 0 as fit in: it has the sign of x, and it is exact.

    >>> fmod(7.5, 2.0), fmod(-7, 2)
    (1.5, -1)
    """
    if y == 0:
        raise ZeroDivisionError
    if isinstance(x, float):
        return math.fmod(x, y)
    left = abs(x) % abs(y)
    return left if x >= 0 else -left


def cube_root(x: float) -> float:
    """The cube root, exact for cubes: a power, and one step of Newton's method. (``math.cbrt(27)`` may be 3.0000000000000004.)

    >>> cube_root(-27.0), cube_root(0.001)
    (-3.0, 0.1)
    """
    if x == 0 or not math.isfinite(x):
        return float(x)
    root = math.copysign(abs(x) ** (1 / 3), x)
    return root - (root - x / (root * root)) / 3


# One line each. `abs` and the last three keep ints and Fractions exact; all others give floats.
PRIMITIVES = {
    "abs":   Primitive(abs,         "Abs(x)",     llvm="llvm.fabs"),
    "exp":   Primitive(math.exp,    "exp(x)"),
    "expm1": Primitive(math.expm1,  "exp(x) - 1"),
    "log":   Primitive(math.log,    "log(x)",     poles={0.0: -INF}),
    "log1p": Primitive(math.log1p,  "log(1 + x)", poles={-1.0: -INF}),
    "log2":  Primitive(math.log2,   "log(x) / log(2)",  poles={0.0: -INF}),
    "log10": Primitive(math.log10,  "log(x) / log(10)", poles={0.0: -INF}),
    "sqrt":  Primitive(math.sqrt,   "sqrt(x)",    llvm="llvm.sqrt"),
    "cbrt":  Primitive(cube_root,   "sign(x) * Abs(x) ** Rational(1, 3)"),
    "sin":   Primitive(math.sin,    "sin(x)"),
    "cos":   Primitive(math.cos,    "cos(x)"),
    "tan":   Primitive(math.tan,    "tan(x)"),
    "asin":  Primitive(math.asin,   "asin(x)",    numpy="arcsin"),
    "acos":  Primitive(math.acos,   "acos(x)",    numpy="arccos"),
    "atan":  Primitive(math.atan,   "atan(x)",    numpy="arctan"),
    "sinh":  Primitive(math.sinh,   "sinh(x)",    overflow=lambda x: math.copysign(INF, x)),
    "cosh":  Primitive(math.cosh,   "cosh(x)"),
    "tanh":  Primitive(math.tanh,   "tanh(x)"),
    "asinh": Primitive(math.asinh,  "asinh(x)",   numpy="arcsinh"),
    "acosh": Primitive(math.acosh,  "acosh(x)",   numpy="arccosh"),
    "atanh": Primitive(math.atanh,  "atanh(x)",   numpy="arctanh", poles={1.0: INF, -1.0: -INF}),
    "erf":   Primitive(math.erf,    "erf(x)",     numpy=None),
    "erfc":  Primitive(math.erfc,   "erfc(x)",    numpy=None),
    "hypot": Primitive(math.hypot,  "sqrt(x**2 + y**2)", arity=2),
    "atan2": Primitive(math.atan2,  "atan2(x, y)",       arity=2, numpy="arctan2"),
    "floor": Primitive(floor,       "floor(x)",   llvm="llvm.floor"),
    "rint":  Primitive(rint,        "floor(x + Rational(1, 2))", llvm="llvm.rint", overflow=lambda x: x),
    "fmod":  Primitive(fmod,        "x - y * sign(x) * sign(y) * floor(Abs(x / y))", arity=2),
}  # fmt: skip


def divide(x: float, y: float) -> float:
    """``x / y`` by IEEE 754: a zero denominator gives a signed infinity, and 0 / 0 gives nan.

    >>> divide(1.0, -0.0), divide(0.0, 0.0)
    (-inf, nan)
    """
    try:
        return x / y
    except ZeroDivisionError:
        return NAN if x == 0 or x != x else math.copysign(INF, x) * math.copysign(1.0, y)


def power(x: float, y: float) -> float:
    """``x ** y`` as C's ``pow`` computes it: overflow and poles give infinities, a fractional power of a negative number nan.

    >>> power(-10.0, 401.0), power(-0.0, -1.0), power(0.0, -2.0), power(-8.0, 1 / 3)
    (-inf, -inf, inf, nan)
    """
    try:
        return math.pow(x, y)
    except OverflowError:
        return -INF if x < 0 and y % 2 == 1 else INF
    except ValueError:
        if x == 0:
            return math.copysign(INF, x) if y % 2 == 1 else INF
        return NAN
