"""The complex step: a derivative that needs no subtraction and none of the table's partials.

For an analytic f and a tiny h, f(x + ih) = f(x) + ih f'(x) + O(h^2): the imaginary part divided by h is the derivative, to the
last digits. Nothing is subtracted, so no digits cancel.

It is f itself that computes with these numbers. A ``Value`` takes them as its data while the check runs, so whatever f computes
from ``x.data`` with Python's operators moves too. What knows real numbers only, as ``math.sin``, refuses them; then there is no
complex step.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from autograd.checking.rounding import EPSILON
from autograd.rules.complex_primitives import COMPLEX_PRIMITIVES, complex_power
from autograd.rules.cut import CUT
from autograd.rules.grammar import Floats
from autograd.rules.numbers import Guest
from autograd.rules.op import FLOATS, CallTable, Op

NORMAL = 2.0**-1022  # below it, floats have fewer digits
SHORTEST = NORMAL * 2.0**-30  # a step below has too few digits itself
BESIDE = -34  # as a power of 2, the longest step that is tiny beside x
CONVERGED = 1e-6  # of a derivative: two complex steps that differ by more tell nothing
RESIDUE = 1e-50  # what tiny steps give in place of a derivative 0 where a function is not analytic, as x ** 1.5 at 0


class Witness(NamedTuple):
    """A derivative that was computed from values of f, with its estimated error."""

    derivative: float
    error: float


class Analytic(Guest):
    """A complex number z that stands for the real number Re z: comparisons, abs and signs go by the real part.

    There is no ``float()`` of it: that would lose the imaginary part without a word.

    >>> x = Analytic(complex(2.0, 1e-30))
    >>> (3 * x * x).z.imag / 1e-30, x > 1, abs(-x).z == x.z
    (12.0, True, True)
    """

    __slots__ = ("z",)

    def __init__(self, z: complex = 0j) -> None:
        self.z = z

    def evaluate(self, op: Op, *operands: Any) -> tuple[Any, ...]:
        """The result of a row and its local derivatives, which f may read."""
        numbers = [_complex(operand) for operand in operands]
        out = _value(op)(*numbers)
        return Analytic(complex(out)), *(_local(op, place, numbers, out) for place in range(op.arity))

    def __repr__(self) -> str:
        return f"Analytic({self.z})"

    def __format__(self, spec: str) -> str:
        return format(self.z.real, spec)  # for those who print what they compute

    # fmt: off
    def __add__(self, other: Any) -> Any: return _result(other, lambda z: self.z + z)
    def __radd__(self, other: Any) -> Any: return _result(other, lambda z: z + self.z)
    def __sub__(self, other: Any) -> Any: return _result(other, lambda z: self.z - z)
    def __rsub__(self, other: Any) -> Any: return _result(other, lambda z: z - self.z)
    def __mul__(self, other: Any) -> Any: return _result(other, lambda z: self.z * z)
    def __rmul__(self, other: Any) -> Any: return _result(other, lambda z: z * self.z)
    def __truediv__(self, other: Any) -> Any: return _result(other, lambda z: self.z / z)
    def __rtruediv__(self, other: Any) -> Any: return _result(other, lambda z: z / self.z)
    def __pow__(self, other: Any) -> Any: return _result(other, lambda z: complex_power(self.z, z))
    def __rpow__(self, other: Any) -> Any: return _result(other, lambda z: complex_power(z, self.z))
    def __neg__(self) -> Any: return Analytic(-self.z)
    def __pos__(self) -> Any: return self
    def __abs__(self) -> Any: return Analytic(COMPLEX_PRIMITIVES["abs"](self.z))
    def __lt__(self, other: Any) -> bool: return self.z.real < _real(other)
    def __le__(self, other: Any) -> bool: return self.z.real <= _real(other)
    def __gt__(self, other: Any) -> bool: return self.z.real > _real(other)
    def __ge__(self, other: Any) -> bool: return self.z.real >= _real(other)
    def __eq__(self, other: object) -> bool: return self.z.real == _real(other)
    def __hash__(self) -> int: return hash(self.z.real)
    def __bool__(self) -> bool: return self.z.real != 0
    # fmt: on

    @property
    def real(self) -> Analytic:
        """The number itself: it stands for a real one."""
        return self


def _complex(operand: Any) -> complex:
    return operand.z if isinstance(operand, Analytic) else float(operand)


def _real(operand: Any) -> float:
    return operand.z.real if isinstance(operand, Analytic) else operand


def _result(other: Any, compute: Callable[[complex], complex]) -> Any:
    return (
        Analytic(compute(_complex(other)))
        if isinstance(other, int | float | Guest) or hasattr(other, "numerator")
        else NotImplemented
    )


# --- rows on complex numbers ----------------------------------------------------------------------------------------------


class _Complex(Floats):
    """For complex numbers: choices compare real parts, and the power is Python's. Whoever is moved off a number does not equal it."""

    def visit_Compare(self, node: ast.Compare) -> ast.expr:  # noqa: N802  (ast's naming)
        self.generic_visit(node)
        if isinstance(node.ops[0], ast.Eq | ast.NotEq):
            return node
        node.left = ast.Attribute(node.left, "real", ast.Load())
        node.comparators = [ast.Attribute(side, "real", ast.Load()) for side in node.comparators]
        return node


_COMPLEX = CallTable(_Complex, COMPLEX_PRIMITIVES)


@lru_cache(maxsize=4096)
def _value(op: Op) -> Callable[..., complex]:
    return op.compile_value(_COMPLEX)


@lru_cache(maxsize=4096)
def _partial(op: Op, place: int) -> Callable[..., complex]:
    return op.compile_partial(_COMPLEX, place)


@lru_cache(maxsize=4096)
def _is_cut(op: Op, place: int) -> Callable[..., bool]:
    return op.compile_cut(FLOATS, place)


def _local(op: Op, place: int, operands: Sequence[complex], out: complex) -> Any:
    if op.cuts[place] and _is_cut(op, place)(*(number.real for number in (*operands, out))):
        return CUT
    try:
        return Analytic(complex(_partial(op, place)(*operands, out)))
    except (ArithmeticError, ValueError):
        return Analytic(complex(math.nan))


# --- the derivative -------------------------------------------------------------------------------------------------------


def complex_step(f: Callable[[Analytic], Any], x: float) -> Witness | None:
    """The derivative of f at x from two complex steps of different length; None if f refuses complex numbers.

    Its error is the difference of the two. Steps are tiny beside x, since the scale of f may be as small as x is. Where the
    imaginary part of the result underflows, longer ones are taken, which are right if they agree.

    Source: Squire & Trapp, *Using complex variables to estimate derivatives of real functions* (1998).

    >>> complex_step(lambda x: x * x * x, 2.0)
    Witness(derivative=12.0, error=0.0)
    >>> complex_step(lambda x: math.sin(x), 2.0) is None
    True
    """

    def imaginary(h: float) -> tuple[float, bool]:
        """The imaginary part of the result, and whether it has lost digits to underflow."""
        result = f(Analytic(complex(x, h)))
        z = result.z if isinstance(result, Analytic) else complex(float(result))
        return z.imag, abs(z.imag) < NORMAL and (z.imag != 0 or 0 < abs(z.real) < NORMAL / EPSILON)

    error = math.inf  # of the derivative 0: what an imaginary part may have been that underflowed
    try:
        for long, short in _steps(x):
            part, underflowed = imaginary(long)
            if abs(part) >= NORMAL:
                found = _witness(part / long, imaginary(short)[0] / short, exactly_0=x == 0)
                if found:
                    return found
                break
            if underflowed:
                error = math.nan
            elif error == math.inf:
                error = NORMAL / long
        else:
            error *= 0  # no step, however long, changes anything
    except Exception:
        pass  # f may do whatever it likes with numbers that it was not written for
    too_small = 0 < abs(x) <= SHORTEST * 2.0**-BESIDE  # to have steps beside it: longer ones may pass over what f does there
    return Witness(0.0, error) if error < math.inf and not too_small else None


def _steps(x: float) -> list[tuple[float, float]]:
    """Pairs of steps, the tiniest first: beside x, then beside 1 or a larger x, then of length 1."""
    size, unit = min(abs(x) or 2.0**-300, 1.0), max(abs(x), 1.0)
    pairs = [(size, -100, -108), (size, -30, BESIDE), (unit, -40, -42), (1.0, 0, -1.4)]
    steps = [(length * 2.0**long, length * 2.0**short) for length, long, short in pairs]
    return [(long, short) for long, short in steps if short > SHORTEST]


def _witness(long: float, short: float, exactly_0: bool) -> Witness | None:
    """The derivative by the shorter of two steps, if the two agree; or if x is 0, where both may lead to 0."""
    error = abs(long - short)
    if error <= CONVERGED * abs(short):
        return Witness(short, error)
    return Witness(0.0, abs(short)) if exactly_0 and abs(short) < abs(long) < RESIDUE else None
