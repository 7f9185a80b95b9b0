"""The equations of the five lecture notes by number, each with its verdict and the case that runs it.

S4.31 is displayed formula 31 of note 4, S4.i5 the fifth formula inside a sentence there. The verdicts:

    V    verified: it holds as printed
    D    a definition, an update or a forward formula: nothing to verify; a case uses it
    F    false as printed; the formula shown here is the corrected one
    R    holds as printed only under a restriction; the formula shown here holds without it
    -    a name or a fragment, without a claim

A case is a function that yields ``Holds`` and ``Fails``: what must be equal, and what a printed form gives that must not be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

BAR = 1e-12  # of the array's largest entry: float64 keeps 16 digits, and some hundred roundings cost two or three
WRONG = 1e-3  # of the same: far above any rounding; what a printed form is off by at least


class Holds(NamedTuple):
    """Two ways to the same array, scalars being arrays of no dimension."""

    computed: Any
    expected: Any

    def error(self) -> float:
        """The largest difference, relative to the largest entry expected (absolute where all are 0)."""
        computed, expected = np.asarray(self.computed, dtype=float), np.asarray(self.expected, dtype=float)
        assert computed.shape == expected.shape, f"the shape is {computed.shape}, but must be {expected.shape}"
        assert np.isfinite(expected).all(), "an array to compare with must be finite"
        difference = np.abs(computed - expected).max(initial=0.0)
        return float(difference / (np.abs(expected).max(initial=0.0) or 1.0))


class Malformed(ValueError):
    """A printed form is no expression, or an operand is missing in it; the message is for the page of equations."""


class Fails(NamedTuple):
    """A printed form, as a function to be called, and what it ought to have given."""

    computed: Callable[[], Any]
    expected: Any

    def how(self) -> str:
        """In which way it fails: it cannot be computed, has another shape, or other numbers."""
        expected = np.asarray(self.expected, dtype=float)
        try:
            computed = np.asarray(self.computed(), dtype=float)
        except Malformed as error:
            return str(error)
        except ValueError:  # from NumPy, whose words differ between versions
            return "the shapes do not match"
        except IndexError:
            return "reads something that is not there"
        if computed.shape != expected.shape:
            return f"shape {computed.shape} for {expected.shape}"
        error = Holds(computed, expected).error()
        assert error > WRONG, f"the printed form is off by {error:.1e} only: it does not fail"
        return f"off by {error:.2g}"


Case = Callable[[], Iterable[Holds | Fails]]


class Equation(NamedTuple):
    """A formula of a note: LaTeX, what it claims, and how that is shown."""

    number: str
    verdict: str
    formula: str
    claim: str
    case: Case | None = None
    printed: str = ""  # LaTeX of the printed form, or words, where it differs
    used_in: tuple[str, ...] = ()  # of a definition: the cases that use it
    reason: str = ""  # why there is no case, or why its printed form cannot be made to fail

    @property
    def note(self) -> int:
        return int(self.number[1])


class Result(NamedTuple):
    """What a case showed: its worst error, and how each printed form failed."""

    error: float
    failures: tuple[str, ...]


EQUATIONS: dict[str, Equation] = {}
RESULTS: dict[str, Result] = {}  # of the cases run so far


def _register(equation: Equation) -> None:
    assert equation.number not in EQUATIONS, f"{equation.number} is registered twice"
    EQUATIONS[equation.number] = equation


def definition(number: str, formula: str, claim: str, *, used_in: str | tuple[str, ...], printed: str = "") -> None:
    used_in = (used_in,) if isinstance(used_in, str) else used_in
    _register(Equation(number, "D", formula, claim, printed=printed, used_in=used_in))


def fragment(number: str, formula: str, claim: str) -> None:
    _register(Equation(number, "-", formula, claim))


def notation(number: str, formula: str, claim: str, *, printed: str, reason: str) -> None:
    """A slip in a name or a remark: false as printed, but no number or shape can show it."""
    _register(Equation(number, "F", formula, claim, printed=printed, reason=reason))


def verified(number: str, formula: str, claim: str) -> Callable[[Case], Case]:
    return _case(number, "V", formula, claim)


def false(number: str, formula: str, claim: str, *, printed: str) -> Callable[[Case], Case]:
    return _case(number, "F", formula, claim, printed=printed)


def restricted(number: str, formula: str, claim: str, *, printed: str, reason: str = "") -> Callable[[Case], Case]:
    return _case(number, "R", formula, claim, printed=printed, reason=reason)


def _case(number: str, verdict: str, formula: str, claim: str, **others: str) -> Callable[[Case], Case]:
    def register(case: Case) -> Case:
        _register(Equation(number, verdict, formula, claim, case, **others))
        return case

    return register


def check(equation: Equation) -> Result:
    """Run the case of an equation.

    Raises:
        AssertionError: if something does not hold to ``BAR``, a printed form does not fail, or the case shows too little.
    """
    assert equation.case is not None
    shown = list(equation.case())
    holds = [part for part in shown if isinstance(part, Holds)]
    fails = [part for part in shown if isinstance(part, Fails)]
    assert holds, f"{equation.number} compares nothing"
    if equation.verdict == "V":
        assert not fails, f"{equation.number} is verified as printed, and cannot fail"
    else:
        assert fails or (equation.verdict == "R" and equation.reason), f"{equation.number}: the printed form must fail"
    error = max(part.error() for part in holds)
    assert error <= BAR, f"{equation.number} is off by {error:.1e} of the largest entry, more than {BAR}"
    return Result(error, tuple(part.how() for part in fails))


def cases() -> Iterator[Equation]:
    return (equation for equation in EQUATIONS.values() if equation.case is not None)
