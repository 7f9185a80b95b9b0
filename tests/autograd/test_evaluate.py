"""evaluate, where numbers are too large for floats or leave the reals."""

import math
from fractions import Fraction

import pytest

from autograd import Op, Value, ops
from autograd.errors import DomainError, PoleError
from autograd.evaluate import evaluate

LARGE = 10**400  # beyond the largest float


def test_below_the_domain_by_more_than_a_float_can_say_is_no_pole():
    with pytest.raises(DomainError) as caught:
        evaluate(ops.LOG, -LARGE)
    assert type(caught.value) is DomainError
    with pytest.raises(PoleError):
        evaluate(ops.LOG, 0)


def test_a_value_that_is_no_real_number_is_nan_though_its_derivatives_are_real():
    root = Op("root_of_my_own", "x ** c", ("c * x",), default=Fraction(1, 2))  # no domain keeps x = -4 out
    assert evaluate(root.at(), 4) == (2, 2)
    for operand in (-4, Fraction(-4)):
        value, derivative = evaluate(root.at(), operand)
        assert math.isnan(value)
        assert derivative == -2


@pytest.mark.parametrize(("op", "operand"), [(ops.EXP, LARGE), (ops.POW.at(LARGE), 2.0)])
def test_an_int_or_a_constant_that_is_no_float_is_refused_where_floats_are_needed(op, operand):
    with pytest.raises(
        OverflowError, match=f"{op.name} needs floats here, and one of its operands is beyond the largest float"
    ):
        evaluate(op, operand)


@pytest.mark.parametrize("other", [3, Fraction(3, 2)])
def test_with_a_float_on_either_side_all_are_floats(other):
    for x, y in [(Value(0.5), Value(other)), (Value(other), Value(0.5))]:
        for node in (x * y, x**y, x.maximum(y)):
            assert {type(each) for each in (node.data, *node.partials)} == {float}
