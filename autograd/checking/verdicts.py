"""From three numbers with their errors to a verdict: the derivative under test, the differences and the complex step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from autograd.checking.complex_step import Witness
from autograd.checking.differences import RESOLVED, SAFETY, Differences
from autograd.checking.report import AGREES, DIFFERS, KINK, UNCLEAR

EXCUSED = 1e-4  # of a derivative that differences have measured: more is not blamed on rounding
NEGLIGIBLE = 1e-270  # a difference below it is one of floats that end, and accuses nobody
TINY = 1e-30  # an error below it is no reason to doubt a row that is right elsewhere


class Column(NamedTuple):
    """A derivative under test.

    Attributes:
        derivative: the number.
        rounding: a bound of its rounding error.
        path: the largest product of local derivatives along one path.
    """

    derivative: float
    rounding: float
    path: float


class Tolerance(NamedTuple):
    """How well two columns must agree.

    Attributes:
        relative: the part of the larger of two derivatives by which they may differ.
        doubt: the part of the largest path, or of the derivative, up to which an error confirms.
    """

    relative: float
    doubt: float


FIRST_ORDER = Tolerance(1e-7, 4e-7)
SECOND_ORDER = Tolerance(1e-6, 1e-4)


class Surroundings(NamedTuple):
    """What is known about f beside its values.

    Attributes:
        near_kink: whether an operation is so close to its kink that floats hardly tell the sides apart.
        by_convention: whether the derivatives of an operation are a convention here.
        reads_numbers: whether f takes numbers out of its graph, by which it may choose.
        rows_hold: whether a derivative is the sum over the paths of its graph, and every operation a row whose derivatives are right
            where they have digits; asked only when needed.
    """

    near_kink: bool = False
    by_convention: bool = False
    reads_numbers: bool = False
    rows_hold: Callable[[], bool] = lambda: False


class Verdict(NamedTuple):
    """A verdict, the differences' derivative and the distance that it was based on, and a remark that says why; or none."""

    word: str
    numeric: Witness | None
    difference: float
    remark: str = ""


FEW_DIGITS = "rounding leaves few digits of the derivative, or none; each row on the way was checked where it has them"
NO_DIGITS = "rounding leaves too few digits of the derivative to tell"
CONTRADICTION = "differences and complex steps contradict each other"
COURSE = (
    "as seen from further away f has another slope than close by: it chooses by a number that it reads, or is a loop that ends "
    "as soon as it is close enough, which has no derivative to speak of"
)
CONVENTION = "an operation takes its derivative here by convention, since it has none"
SIDE = "f jumps here, or has a kink of which one side lies outside its domain"
NOTHING = "neither differences nor complex steps tell anything here"


def judge(
    column: Column, by_complex: Witness | None, differences: Differences, tolerance: Tolerance, about: Surroundings
) -> Verdict:
    """The verdict on a derivative.

    The complex step is the better witness, and is asked first. Two columns that disagree by more than their errors never agree: that is
    a kink if the derivatives from the left and from the right differ, and the fault of the derivative under test if both witnesses, or
    the only one, are against it.
    """
    backward = column.derivative
    numeric = differences.central(backward) or differences.one_sided()
    witness = by_complex or numeric
    if witness is None or not math.isfinite(backward):
        return Verdict(UNCLEAR, numeric, math.nan, NOTHING)
    error = witness.error if by_complex else SAFETY * witness.error
    difference, size = abs(backward - witness.derivative), max(abs(backward), abs(witness.derivative))

    def verdict(word: str, remark: str = "") -> Verdict:
        return Verdict(word, numeric, difference, remark)

    torn = numeric is not None and by_complex is not None and not _close(numeric, by_complex, column, tolerance)
    excuse = 2 * column.rounding
    if numeric and not torn and SAFETY * numeric.error <= RESOLVED * size:
        excuse = min(excuse, EXCUSED * size)  # the bound adds up the worst of everything; values show that it is not so bad
    if difference > tolerance.relative * size + error + excuse:
        if between := _between_sides(differences, backward, tolerance, about):
            return verdict(between, SIDE if between == UNCLEAR else "")
        if about.by_convention:
            return verdict(UNCLEAR, CONVENTION)
        if torn and numeric and _close(numeric, Witness(backward, 0.0), column, tolerance):
            return verdict(UNCLEAR, CONTRADICTION)
        return verdict(DIFFERS if difference > NEGLIGIBLE else UNCLEAR)
    if about.reads_numbers and differences.changes_course(backward):
        return verdict(UNCLEAR, COURSE)
    if torn and numeric:
        if _is_one_sided(differences, witness.derivative, tolerance) or (
            about.near_kink and not _smooth(differences, tolerance)
        ):
            return verdict(KINK)
        if not about.near_kink or _close(numeric, Witness(backward, 0.0), column, tolerance):
            return verdict(UNCLEAR, CONTRADICTION)
        return verdict(DIFFERS)  # f is smooth here, and the complex step follows the branches that are taken
    if about.near_kink and _between_sides(differences, backward, tolerance, about) == KINK:
        return verdict(KINK)
    if error == difference == 0 or difference + error <= tolerance.doubt * max(column.path, size):
        return verdict(AGREES)
    if about.by_convention:
        return verdict(UNCLEAR, CONVENTION)
    if error <= max(2 * column.rounding, TINY) and math.isfinite(column.rounding) and about.rows_hold():
        return verdict(AGREES, FEW_DIGITS if difference else "")
    return verdict(UNCLEAR, NO_DIGITS)


def _close(numeric: Witness, other: Witness, column: Column, tolerance: Tolerance) -> bool:
    size = max(abs(numeric.derivative), abs(other.derivative))
    if SAFETY * numeric.error > 0.1 * size:
        return True  # it tells nothing
    allowed = tolerance.relative * size + SAFETY * numeric.error + other.error + 2 * column.rounding
    return abs(numeric.derivative - other.derivative) <= allowed


def _between_sides(differences: Differences, derivative: float, tolerance: Tolerance, about: Surroundings) -> str:
    """The verdict if f has a kink or jumps at x; else an empty string."""
    if differences.jumps():
        return UNCLEAR
    left, right = differences.sides()
    if left is None or right is None:
        return UNCLEAR if about.near_kink and differences.one_sided() else ""
    error = _error_of_sides(left, right, tolerance)
    low, high = sorted((left.derivative, right.derivative))
    return KINK if high - low > error and low - error <= derivative <= high + error else ""


def _is_one_sided(differences: Differences, witness: float, tolerance: Tolerance) -> bool:
    """Whether the complex step is the derivative from one side alone: at a kink it follows one branch."""
    left, right = differences.sides()
    if left is None or right is None:
        return False
    error = _error_of_sides(left, right, tolerance)
    return (abs(left.derivative - witness) <= error) != (abs(right.derivative - witness) <= error)


def _smooth(differences: Differences, tolerance: Tolerance) -> bool:
    """Whether the derivatives from both sides are the same."""
    left, right = differences.sides()
    return bool(left and right) and abs(left.derivative - right.derivative) <= _error_of_sides(left, right, tolerance)  # type: ignore[union-attr,arg-type]


def _error_of_sides(left: Witness, right: Witness, tolerance: Tolerance) -> float:
    return SAFETY * (left.error + right.error) + tolerance.relative * max(abs(left.derivative), abs(right.derivative))
