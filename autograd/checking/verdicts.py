"""From three numbers with their errors to a verdict: the derivative under test, the differences and the complex step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from autograd.checking.complex_step import Witness
from autograd.checking.differences import RESOLVED, SAFETY, Differences
from autograd.checking.moved import Branches
from autograd.checking.report import AGREES, DIFFERS, KINK, UNCLEAR

EXCUSED = 1e-4  # of a derivative that differences have measured: more is not blamed on rounding
UNRESOLVED = 0.1  # of a derivative: with a larger error it tells nothing
NEGLIGIBLE = 1e-270  # a difference below it is one of floats that end, and accuses nobody
TINY = 1e-30  # an error below it is no reason to doubt a row that is right elsewhere


class Column(NamedTuple):
    """A derivative under test.

    Attributes:
        derivative: the number.
        rounding: a bound of its rounding error, and of that of its witness.
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
        near_kink: whether an operation is so close to its kink that differences see both sides.
        by_convention: whether the derivatives of an operation are a convention here.
        reads_numbers: whether f takes numbers out of its graph, by which it may choose.
        remembers: whether f takes something from an earlier run, which does not move with its inputs.
        has_steps: whether an operation is a staircase, of which differences may pass over any number of steps.
        detaches: whether an operation passes its operand on, and no derivative.
        all_rows: whether all operations are rows.
        rows_hold: whether a derivative is the sum over the paths of its graph, and every operation a row whose derivatives are right
            where they have digits; asked only when needed.
    """

    near_kink: bool = False
    by_convention: bool = False
    reads_numbers: bool = False
    remembers: bool = False
    has_steps: bool = False
    detaches: bool = False
    all_rows: bool = True
    rows_hold: Callable[[], bool] = lambda: False


class Verdict(NamedTuple):
    """A verdict, a remark that says why, or an empty string, the differences' derivative, and the distance from the better witness."""

    word: str
    remark: str
    numeric: Witness | None
    difference: float


FEW_DIGITS = "rounding leaves few digits of the derivative, or none; each row on the way was checked where it has them"
CANCELS = "large terms cancel here: beside them the columns agree, and rounding hides what is much smaller"
NO_DIGITS = "rounding leaves too few digits of the derivative to tell"
CONTRADICTION = "differences and complex steps contradict each other"
COURSE = (
    "as seen from further away f has another slope than close by: it chooses by a number that it reads, or is a loop that ends "
    "as soon as it is close enough, which has no derivative to speak of"
)
CONVENTION = "an operation takes its derivative here by convention, since it has none"
SIDE = "f jumps here, or has a kink of which one side lies outside its domain"
REMEMBERED = (
    "f takes a node or a number from its last run, as lru_cache does: that does not move with the inputs, so values of f do not "
    "tell; check the function without its memory"
)
HIDDEN = "f takes another branch here, and rounding hides what it does on one side"
CUT_KINK = "f has a kink here and reads numbers, so values do not tell what the derivative should be between those of its sides"
LOOKS = "f reads numbers, and may do otherwise with complex ones; differences have too few digits to tell"
BESIDE = "an operation has a kink beside this point, which differences pass over"
STEPS = "an operation has steps, which differences may pass over"
NOT_FINITE = "the derivative under test is not finite, so no number confirms it"
NOTHING = "neither differences nor complex steps tell anything here"


class Case:
    """A derivative with its witnesses.

    Nothing tells if f remembers, has no derivative, or jumps. Where f takes another branch, its derivatives from both sides are the
    witnesses: between two that differ is a kink. Elsewhere the complex step is the better witness, and is asked first. If it is
    against the derivative, that is wrong, unless rounding may hide as much or the differences take its side; two columns that
    disagree by more than their errors never agree. If it is in favour, and the differences are not against, the derivative is
    confirmed if the errors are small beside its largest path, or if rounding explains them and every row on the way was checked.
    """

    def __init__(
        self,
        column: Column,
        by_complex: Witness | None,
        differences: Differences,
        tolerance: Tolerance,
        about: Surroundings,
        branches: Branches,
    ) -> None:
        self.column, self.differences, self.tolerance, self.about = column, differences, tolerance, about
        self.branches = branches._replace(is_tied=True, may_jump=True) if by_complex and by_complex.is_tied else branches
        self.backward = column.derivative
        self.numeric = numeric = differences.central(self.backward) or differences.one_sided()
        if by_complex and numeric and by_complex.derivative == 0 and SAFETY * numeric.error < by_complex.error:
            by_complex = None  # its imaginary part underflowed
        self.by_complex = by_complex
        self.witness = witness = by_complex or numeric or Witness(math.nan, math.nan)
        self.error = witness.error if by_complex else SAFETY * witness.error
        self.difference = abs(self.backward - witness.derivative)
        self.size = max(abs(self.backward), abs(witness.derivative))
        self.torn = numeric is not None and by_complex is not None and not self._is_close(numeric, by_complex)
        if self.torn and about.has_steps:
            self.numeric, self.torn = None, False  # of a staircase differences may pass over any number of steps
        self.rounding_is_known = about.all_rows and not about.reads_numbers

    def verdict(self) -> Verdict:
        return Verdict(*self._word(), self.numeric, self.difference)

    def _word(self) -> tuple[str, str]:
        about = self.about
        if about.remembers:
            return UNCLEAR, REMEMBERED
        may_jump = self.branches.is_tied or not self.rounding_is_known  # a row that is not tied may jump beside x, and not here
        if may_jump and self.differences.jumps_here():
            return UNCLEAR, SIDE  # whatever is stated there: a complex step follows one branch, and sees no jump
        if not math.isfinite(self.backward):
            return UNCLEAR, NOT_FINITE if math.isfinite(self.witness.derivative) else NOTHING
        if self.branches.is_tied:
            return self._between_branches()
        if not math.isfinite(self.difference):
            return UNCLEAR, NOTHING
        if self.difference > self.tolerance.relative * self.size + self.error + self._excuse():
            return self._against()
        if about.reads_numbers and self.differences.changes_course(self.backward):
            return UNCLEAR, COURSE
        if self.torn:
            return (KINK, BESIDE) if about.near_kink and self.rounding_is_known else (UNCLEAR, CONTRADICTION)
        return self._in_favour()

    def _between_branches(self) -> tuple[str, str]:
        """If f may take another branch at x: whether its derivatives from both sides are the same, and which they are."""
        if self.branches.may_jump or None in (sides := self.branches.sides()):
            sides = self.differences.sides()
        left, right = sides
        if left is None or right is None:
            return UNCLEAR, SIDE
        low, high = sorted((left.derivative, right.derivative))
        size = max(self.column.path, abs(self.backward), abs(low), abs(high))
        if not SAFETY * (left.error + right.error) <= max(self.tolerance.doubt * size, TINY):
            return UNCLEAR, HIDDEN
        error = self._error_of_sides(left, right)
        outside = max(low - self.backward, self.backward - high)
        if outside <= error:
            if high - low <= error:
                return AGREES, ""
            return self._kink()
        if self.about.by_convention:
            return UNCLEAR, CONVENTION
        if self.branches.may_jump:
            return UNCLEAR, SIDE
        self.difference = outside
        return (DIFFERS, "") if outside > error + self.column.rounding else (UNCLEAR, NO_DIGITS)

    def _kink(self) -> tuple[str, str]:
        return (UNCLEAR, CUT_KINK) if self.about.reads_numbers else (KINK, "")

    def _excuse(self) -> float:
        """How much of the difference may be rounding: the bound adds up the worst of everything, unless values show that it is less."""
        if self.numeric is None or self.torn or self.backward == self.numeric.derivative:
            return self.column.rounding
        measured = SAFETY * self.numeric.error <= RESOLVED * self.size
        return min(self.column.rounding, EXCUSED * self.size) if measured else self.column.rounding

    def _against(self) -> tuple[str, str]:
        """If the witness disagrees."""
        if self._is_between_sides():
            return self._kink()
        if self.about.by_convention:
            return UNCLEAR, CONVENTION
        if self.numeric and self.numeric.derivative == self.backward and self.difference <= SAFETY * self.numeric.error:
            return UNCLEAR, NO_DIGITS  # what a complex step leaves of a derivative 0 is rounding too
        if self.about.has_steps and not self.by_complex:
            return UNCLEAR, STEPS
        if self.torn and self._is_numeric():
            return UNCLEAR, CONTRADICTION
        if self.difference <= self.differences.resolution() and not (self.by_complex and self._differences_accuse()):
            return UNCLEAR, NO_DIGITS  # on the scale of x rounding hides as much, from either witness
        if not self.by_complex and self.difference <= self.column.rounding and not self._is_resolved():
            return UNCLEAR, NO_DIGITS  # both are noise, as of a wave that is finer than floats
        return (DIFFERS, "") if self.difference > NEGLIGIBLE else (UNCLEAR, NO_DIGITS)

    def _in_favour(self) -> tuple[str, str]:
        """If the witnesses agree: whether they know enough to confirm."""
        if self.size == 0 and self.error <= NEGLIGIBLE:
            return (AGREES, "") if not self.rounding_is_known or self.about.rows_hold() else (UNCLEAR, NO_DIGITS)
        doubt = self.tolerance.doubt * max(self.column.path, self.size)
        if self.about.reads_numbers and not (self.numeric and SAFETY * self.numeric.error <= doubt):
            return UNCLEAR, LOOKS
        if self.difference + self.error <= doubt:
            return AGREES, "" if self.difference <= self.tolerance.relative * self.size + self.error else CANCELS
        if self.about.by_convention:
            return UNCLEAR, CONVENTION
        bound = max(self.column.rounding, TINY, 0.0 if self.about.detaches else self.differences.resolution())
        if self.error <= bound and math.isfinite(self.column.rounding) and self.about.rows_hold():
            return AGREES, FEW_DIGITS if self.difference else ""
        return UNCLEAR, NO_DIGITS

    # --- what values say ----------------------------------------------------------------------------------------------

    def _is_close(self, numeric: Witness, other: Witness) -> bool:
        """Whether the differences agree with another derivative, or tell nothing."""
        size = max(abs(numeric.derivative), abs(other.derivative))
        if SAFETY * numeric.error > UNRESOLVED * size:
            return True
        allowed = self.tolerance.relative * size + SAFETY * numeric.error + other.error + self.column.rounding
        return abs(numeric.derivative - other.derivative) <= allowed

    def _is_numeric(self) -> bool:
        """Whether the differences agree with the derivative under test."""
        return self.numeric is not None and self._is_close(self.numeric, Witness(self.backward, 0.0))

    def _differences_accuse(self) -> bool:
        """Whether the differences have digits, and are against the derivative under test."""
        return self._is_resolved() and not self._is_numeric()

    def _is_resolved(self) -> bool:
        """Whether the differences have digits of their own."""
        return self.numeric is not None and SAFETY * self.numeric.error <= UNRESOLVED * abs(self.numeric.derivative)

    def _is_between_sides(self) -> bool:
        """Whether the derivatives from both sides differ, and the one under test lies between them."""
        left, right = self.differences.sides()
        if left is None or right is None:
            return False
        error = self._error_of_sides(left, right)
        low, high = sorted((left.derivative, right.derivative))
        return high - low > error and low - error <= self.backward <= high + error

    def _error_of_sides(self, left: Witness, right: Witness) -> float:
        size = max(abs(left.derivative), abs(right.derivative))
        return SAFETY * (left.error + right.error) + self.tolerance.relative * size
