"""The primitives of the table's language, with the answers of IEEE 754 where Python's ``math`` raises.

Python raises ``OverflowError`` for ``math.exp(1000)`` and ``ValueError`` for ``math.sin(inf)``; arrays and machine code return
``inf`` and ``nan``. The engine calls ``math`` first. If it raises although the operands lie in the domain, the engine calls the
functions of this module.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

INF, NAN = math.inf, math.nan


class Primitive(NamedTuple):
    """A function that rows may call: Python's, with the answers of IEEE 754 where Python raises.

    ``sympy`` is the function as an expression for SymPy. ``llvm`` is LLVM's name of the machine instruction for it, if there is
    one; the others are functions of the C library, with the same name.
    """

    function: Callable[..., float]
    sympy: str
    overflow: Callable[[float], float] = lambda x: INF
    poles: Mapping[float, float] = {}
    llvm: str = ""

    def ieee(self, x: float) -> float:
        """The value, which exists even where Python's function raises."""
        try:
            return self.function(x)
        except OverflowError:
            return self.overflow(x)
        except ValueError:
            return self.poles.get(x, NAN)


# One line each. `abs` keeps ints and Fractions exact; all others give floats.
PRIMITIVES = {
    "abs":   Primitive(abs,        "Abs(x)",     llvm="llvm.fabs"),
    "exp":   Primitive(math.exp,   "exp(x)"),
    "expm1": Primitive(math.expm1, "exp(x) - 1"),
    "log":   Primitive(math.log,   "log(x)",     poles={0.0: -INF}),
    "log1p": Primitive(math.log1p, "log(1 + x)", poles={-1.0: -INF}),
    "sqrt":  Primitive(math.sqrt,  "sqrt(x)",    llvm="llvm.sqrt"),
    "sin":   Primitive(math.sin,   "sin(x)"),
    "cos":   Primitive(math.cos,   "cos(x)"),
    "tan":   Primitive(math.tan,   "tan(x)"),
    "asin":  Primitive(math.asin,  "asin(x)"),
    "acos":  Primitive(math.acos,  "acos(x)"),
    "atan":  Primitive(math.atan,  "atan(x)"),
    "sinh":  Primitive(math.sinh,  "sinh(x)",    overflow=lambda x: math.copysign(INF, x)),
    "cosh":  Primitive(math.cosh,  "cosh(x)"),
    "tanh":  Primitive(math.tanh,  "tanh(x)"),
    "erf":   Primitive(math.erf,   "erf(x)"),
    "erfc":  Primitive(math.erfc,  "erfc(x)"),
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
