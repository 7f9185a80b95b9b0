"""The complex step: a derivative that needs no subtraction and none of the table's partials.

For an analytic f and a tiny h, f(x + ih) = f(x) + ih f'(x) + O(h^2): the imaginary part divided by h is the derivative, to the
last digits. Nothing is subtracted, so no digits cancel.

It is f itself that computes with these numbers. A ``Value`` takes them as its data while the check runs, so whatever f computes
from ``x.data`` with Python's operators moves too. What knows real numbers only, as ``math.sin``, refuses them; then there is no
complex step. Nor is there one if f catches that error: the ``Step`` remembers it.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from autograd.rules.complex_primitives import COMPLEX_PRIMITIVES, complex_power
from autograd.rules.cut import CUT
from autograd.rules.evaluate import evaluate_ieee
from autograd.rules.grammar import Floats
from autograd.rules.numbers import EPSILON, Guest
from autograd.rules.op import FLOATS, CallTable, Op

NORMAL = 2.0**-1022  # below it, floats have fewer digits
SHORTEST = NORMAL * 2.0**-30  # a step below has too few digits itself
BESIDE = -34  # as a power of 2, the longest step that is tiny beside x
CONVERGED = 1e-6  # of a derivative: two complex steps that differ by more tell nothing
RESIDUE = 1e-50  # what tiny steps give in place of a derivative 0 where a function is not analytic, as x ** 1.5 at 0


class Witness(NamedTuple):
    """A derivative that was computed from values of f.

    Attributes:
        derivative: the number.
        error: its estimated error.
        is_tied: whether f compared what it computes with an equal number: there it may take another branch.
    """

    derivative: float
    error: float
    is_tied: bool = False


class Step:
    """One run of f on complex numbers.

    Attributes:
        runs: whether f still computes. Afterwards the numbers that f kept are the real ones that they stood for.
        lost: whether f asked one of them for what only floats have.
        tied: whether f compared one of them with an equal number.
        underflowed: whether an imaginary part inside f came out too small to have its digits.
    """

    __slots__ = ("lost", "runs", "tied", "underflowed")

    def __init__(self) -> None:
        self.runs, self.lost, self.tied, self.underflowed = True, False, False, False


class LostError(Exception):
    """An imaginary part was lost."""


class Analytic(Guest):
    """A complex number z that stands for the real number Re z: order, abs and signs go by the real part. Moved off a number, it does not equal it.

    While its step runs it has no ``float()``, no text and no hash: they would lose the imaginary part without a word.

    >>> x = Analytic(complex(2.0, 1e-30))
    >>> (3 * x * x).z.imag / 1e-30, x > 1, abs(-x).z == x.z, isinstance(x, float)
    (12.0, True, True, True)
    """

    __slots__ = ("step", "z")

    def __init__(self, z: complex = 0j, step: Step | None = None) -> None:
        self.z, self.step = z, step or Step()

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """That of the number it stands for, so f takes the branches that it takes there."""
        return float

    @property
    def plain(self) -> Any:
        return self if self.step.runs else self.z.real

    def evaluate(self, op: Op, *operands: Any) -> tuple[Any, ...]:
        """The result of a row and its local derivatives, which f may read."""
        numbers = [_complex(operand) for operand in operands]
        reals = [number.real for number in numbers]
        is_level = op.is_staircase and is_constant(op) and not takes_a_step(op, reals)  # whatever floor does inside it
        out = complex(evaluate_ieee(op, *reals)[0]) if is_level else _value(op)(*numbers)
        local = [_local(op, place, numbers, out) for place in range(op.arity)]
        self.step.underflowed |= abs(out.imag) < NORMAL and any(
            partial.real and number.imag and abs(partial.real * number.imag) < NORMAL
            for partial, number in zip(local, numbers, strict=True)
        )
        return Analytic(complex(out), self.step), *(z if z is CUT else Analytic(z, self.step) for z in local)

    def __deepcopy__(self, memo: Any) -> Analytic:
        return self

    # fmt: off
    def __add__(self, other: Any) -> Any: return _result(operator.add, self, other)
    def __radd__(self, other: Any) -> Any: return _result(operator.add, other, self)
    def __sub__(self, other: Any) -> Any: return _result(operator.sub, self, other)
    def __rsub__(self, other: Any) -> Any: return _result(operator.sub, other, self)
    def __mul__(self, other: Any) -> Any: return _result(operator.mul, self, other)
    def __rmul__(self, other: Any) -> Any: return _result(operator.mul, other, self)
    def __truediv__(self, other: Any) -> Any: return _result(operator.truediv, self, other)
    def __rtruediv__(self, other: Any) -> Any: return _result(operator.truediv, other, self)
    def __pow__(self, other: Any) -> Any: return _result(complex_power, self, other)
    def __rpow__(self, other: Any) -> Any: return _result(complex_power, other, self)
    def __neg__(self) -> Any: return Analytic(-self.z, self.step).plain
    def __pos__(self) -> Any: return self.plain
    def __abs__(self) -> Any: return Analytic(COMPLEX_PRIMITIVES["abs"](complex(_complex(self))), self.step).plain
    def __lt__(self, other: Any) -> bool: return self._compared(operator.lt, other)
    def __le__(self, other: Any) -> bool: return self._compared(operator.le, other)
    def __gt__(self, other: Any) -> bool: return self._compared(operator.gt, other)
    def __ge__(self, other: Any) -> bool: return self._compared(operator.ge, other)
    def __eq__(self, other: object) -> bool: return _complex(self) == (_complex(other) if type(other) is Analytic else other)
    def __bool__(self) -> bool: return _complex(self) != 0
    # fmt: on

    def _compared(self, compare: Callable[[Any, Any], bool], other: Any) -> bool:
        number = other.z.real if type(other) is Analytic else other
        self.step.tied |= self.z.real == number
        return compare(self.z.real, number)

    @property
    def real(self) -> Analytic:
        """The number itself: it stands for a real one."""
        return self

    # --- what only floats have ------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(float, name):
            raise AttributeError(f"'float' object has no attribute {name!r}")
        return self._of_float(name)

    def _of_float(self, name: str) -> Any:
        """An attribute of the float, by which the imaginary part is lost, whatever f does with the error."""
        if self.step.runs:
            self.step.lost = True
            raise TypeError(f"a complex step loses its derivative by float.{name}")
        return getattr(self.z.real, name)


def _as_float(name: str) -> Callable[..., Any]:
    return lambda number, *others: number._of_float(name)(*others)


for _name in (
    "float", "int", "round", "trunc", "floor", "ceil", "mod", "rmod", "floordiv", "rfloordiv", "divmod", "rdivmod", "hash", "repr",
    "format",
):  # fmt: skip
    setattr(Analytic, f"__{_name}__", _as_float(f"__{_name}__"))


def _complex(operand: Any) -> complex:
    if type(operand) is Analytic:
        return operand.z if operand.step.runs else operand.z.real
    return float(operand)


def _result(compute: Callable[[Any, Any], complex], left: Any, right: Any) -> Any:
    if not all(isinstance(operand, int | float) or hasattr(operand, "numerator") for operand in (left, right)):
        return NotImplemented
    numbers = _complex(left), _complex(right)
    z = compute(*numbers)
    steps = [operand.step for operand in (left, right) if type(operand) is Analytic and operand.step.runs]
    if not steps:
        return z.real
    if compute not in (operator.add, operator.sub):  # which may cancel, but lose nothing where floats end
        steps[0].underflowed |= abs(z.imag) < NORMAL and z != 0 and any(number.imag for number in numbers)
    return Analytic(z, steps[0])


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


def _local(op: Op, place: int, operands: Sequence[complex], out: complex) -> complex:
    if op.cuts[place] and _is_cut(op, place)(*(number.real for number in (*operands, out))):
        return CUT
    try:
        return complex(_partial(op, place)(*operands, out))
    except (ArithmeticError, ValueError):
        return complex(math.nan)


def is_constant(op: Op) -> bool:
    """Whether all derivatives of a row are 0, except where it jumps."""
    return not op.detaches and set(op.constant_partials) == {0}


def takes_a_step(op: Op, operands: Sequence[float]) -> bool:
    """Whether a row of steps, as floor, takes another one at the next float: its derivative 0 is then none of the values'."""
    value = evaluate_ieee(op, *operands)[0]
    return is_constant(op) and any(
        evaluate_ieee(op, *operands[:place], math.nextafter(operands[place], end), *operands[place + 1 :])[0] != value
        for place in range(op.arity)
        for end in (-math.inf, math.inf)
    )


# --- the derivative -------------------------------------------------------------------------------------------------------


def complex_step(f: Callable[[Analytic], Any], x: float) -> Witness | None:
    """The derivative of f at x from two complex steps of different length; None if f refuses complex numbers.

    Its error is the difference of the two. Steps are tiny beside x, since the scale of f may be as small as x is. Where the
    imaginary part of the result underflows, longer ones are taken, which are right if they agree.

    Source: Squire & Trapp, *Using complex variables to estimate derivatives of real functions* (1998).

    >>> complex_step(lambda x: x * x * x, 2.0)
    Witness(derivative=12.0, error=0.0, is_tied=False)
    >>> complex_step(lambda x: math.sin(x), 2.0) is None
    True
    """

    tied = False

    def imaginary(h: float) -> tuple[float, bool]:
        """The imaginary part of the result, and whether digits were lost to underflow, in it or on the way."""
        nonlocal tied
        step = Step()
        try:
            z = complex(_complex(f(Analytic(complex(x, h), step))))
        finally:
            step.runs, tied = False, tied or step.tied
            if step.lost:
                raise LostError
        ends = abs(z.imag) < NORMAL and (z.imag != 0 or 0 < abs(z.real) < NORMAL / EPSILON)
        return z.imag, ends or step.underflowed

    error = math.inf  # of the derivative 0: what an imaginary part may have been that underflowed
    try:
        for long, short in _steps(x):
            part, underflowed = imaginary(long)
            if abs(part) >= NORMAL and not underflowed:
                shorter, underflowed = imaginary(short)
                found = None if underflowed else _witness(part / long, shorter / short, exactly_0=x == 0)
                if found and not abs(found.derivative) > error:
                    return found._replace(is_tied=tied)
                if not underflowed:
                    break  # also if tinier steps gave less: a step of length 1 may reach another branch, as of min(x*x, 1)
            if underflowed:
                error = math.nan
            elif error == math.inf:
                error = NORMAL / long
        else:
            error *= 0  # no step, however long, changes anything
    except LostError:
        return None
    except Exception:
        pass  # f may do whatever it likes with numbers that it was not written for
    too_small = 0 < abs(x) <= SHORTEST * 2.0**-BESIDE  # to have steps beside it: longer ones may pass over what f does there
    return Witness(0.0, error, tied) if error < math.inf and not too_small else None


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
