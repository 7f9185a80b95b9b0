"""number: the door. What passes keeps its value and gets one of three types."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from autograd.rules.numbers import number


class Third(Fraction):
    """A rational number of someone else's."""


class bool_:  # a name of NumPy's
    pass


@pytest.mark.parametrize(
    ("given", "want"),
    [
        (3, 3), (True, 1), (np.int8(-3), -3), (np.bool_(True), 1), (10**400, 10**400),
        (0.5, 0.5), (np.float32(0.5), 0.5), (np.float64(-0.0), -0.0),
        (Fraction(2, 3), Fraction(2, 3)), (Third(2, 3), Fraction(2, 3)),
    ],
)  # fmt: skip
def test_a_number_passes_as_int_float_or_fraction(given, want):
    got = number(given)
    assert (repr(got), type(got)) == (repr(want), type(want))


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ("1", "convert it first"), (1j, "take its real part"), (np.complex128(1), "take its real part"),
        ([1.0], "one Value for each entry"), (np.array(1.0), "one Value for each entry"),
        (None, "give it a number"), (Decimal(1), "give it a number"), (bool_(), "give it a number"),
    ],
)  # fmt: skip
def test_whatever_else_is_refused_with_advice(given, advice):
    with pytest.raises(TypeError, match=f"of type {type(given).__name__}; .*{advice}"):
        number(given)


@pytest.mark.parametrize(("length", "shown"), [(60, "7" * 60), (61, "7" * 59 + "…")])
def test_what_is_long_is_shown_in_sixty_characters(length, shown):
    class Long:
        def __repr__(self):
            return "7" * length

    with pytest.raises(TypeError, match=f"got {shown} of type"):
        number(Long())
