"""Every equation of the notes that makes a claim: it holds, or fails as printed and holds corrected."""

from collections import Counter

import numpy as np
import pytest

from tests.derivations import registry
from tests.derivations.notes import EQUATIONS
from tests.derivations.registry import Equation, Fails, Holds, cases, check

NOTATION_ONLY = {"S0.i1", "S0.22", "S4.i12", "S4.98"}  # slips in a name or a remark, which no number or shape can show


@pytest.mark.parametrize("equation", list(cases()), ids=lambda equation: equation.number)
def test_equation(equation):
    registry.RESULTS[equation.number] = check(equation)


def test_all_equations_are_registered_with_their_verdicts():
    assert Counter(equation.verdict for equation in EQUATIONS.values()) == {"V": 92, "D": 60, "F": 39, "R": 23, "-": 15}
    assert Counter(equation.note for equation in EQUATIONS.values()) == {0: 43, 1: 27, 2: 29, 3: 15, 4: 115}
    displayed = {0: 41, 1: 19, 2: 28, 3: 11, 4: 102}
    inside = {0: 2, 1: 8, 2: 1, 3: 4, 4: 13}
    numbers = {f"S{note}.{n}" for note, last in displayed.items() for n in range(1, last + 1)}
    assert set(EQUATIONS) == numbers | {f"S{note}.i{n}" for note, last in inside.items() for n in range(1, last + 1)}


def test_every_claim_is_a_case_but_slips_of_notation():
    without = {equation.number for equation in EQUATIONS.values() if equation.verdict in "VFR" and equation.case is None}
    assert without == NOTATION_ONLY
    assert all(EQUATIONS[number].reason for number in without)


def test_every_definition_is_used_by_a_case():
    for equation in EQUATIONS.values():
        if equation.verdict == "D":
            assert equation.used_in, equation.number
            assert all(EQUATIONS[number].case is not None for number in equation.used_in), equation.number


def test_every_equation_that_is_not_right_says_what_is_printed():
    missing = [equation.number for equation in EQUATIONS.values() if equation.verdict in "FR" and not equation.printed]
    assert missing == []


# --- the checker can fail -------------------------------------------------------------------------------------------

RIGHT = np.array([3.0, -4.0])
PLANTED = {
    "a wrong number": ("V", lambda: [Holds(RIGHT * (1 + 1e-11), RIGHT)]),
    "a wrong shape": ("V", lambda: [Holds(RIGHT[:1], RIGHT)]),
    "a nan": ("V", lambda: [Holds(RIGHT * np.nan, RIGHT)]),
    "nothing compared": ("V", list),
    "a printed form that is right": ("F", lambda: [Holds(RIGHT, RIGHT), Fails(lambda: RIGHT, RIGHT)]),
    "a printed form never run": ("F", lambda: [Holds(RIGHT, RIGHT)]),
    "a restriction never left": ("R", lambda: [Holds(RIGHT, RIGHT)]),
    "a verified one that fails": ("V", lambda: [Holds(RIGHT, RIGHT), Fails(lambda: -RIGHT, RIGHT)]),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_found(name):
    verdict, case = PLANTED[name]
    with pytest.raises(AssertionError):
        check(Equation("S9.1", verdict, "", "", case))


def test_a_printed_form_fails_by_number_or_by_shape():
    assert Fails(lambda: -RIGHT, RIGHT).how() == "off by 2"
    assert Fails(lambda: RIGHT[:1], RIGHT).how() == "shape (1,) for (2,)"
    assert Fails(lambda: np.ones((2, 3)) @ np.ones((2, 3)), RIGHT).how() == "the shapes do not match"
