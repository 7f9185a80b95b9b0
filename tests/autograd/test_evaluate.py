"""evaluate, where numbers are too large for floats or leave the reals."""

import math
from fractions import Fraction

import pytest

from autograd import Op, Value, ops
from autograd.errors import DomainError, ExactPowerError, PoleError
from autograd.rules.evaluate import evaluate
from autograd.rules.exact_powers import MAX_POWER_DIGITS

LARGE = 10**400  # beyond the largest float


def test_below_the_domain_by_more_than_a_float_can_say_is_no_pole():
    with pytest.raises(DomainError) as caught:
        evaluate(ops.LOG, -LARGE)
    assert type(caught.value) is DomainError
    with pytest.raises(PoleError):
        evaluate(ops.LOG, 0)


@pytest.mark.parametrize(
    ("op", "formula"),
    [(ops.MOD, "x % y"), (ops.FLOORDIV, "x // y"), (ops.DIV, "x / y"), (ops.LOG, "log(x)"), (ops.ASIN_DX, "asin_dx(x)")],
)
def test_an_error_writes_the_operation_as_it_is_called(op, formula):
    operands = [1.0, 0.0] if op.arity == 2 else [-3.0]
    with pytest.raises(DomainError) as caught:
        evaluate(op, *operands)
    assert str(caught.value).startswith(f"{formula} needs {op.domain}, but x = {operands[0]}")


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


# --- exact powers of any size ------------------------------------------------------------------------------------------


TOO_LONG = {
    "a fraction": (Fraction(2, 3), LARGE),
    "its inverse": (Fraction(2, 3), -LARGE),
    "an int": (3, LARGE),
    "an exponent that cannot be printed": (3, 10**5000),
    "fractions": (Fraction(3), Fraction(10**9)),
    "an exponent that is a Value": (Fraction(2, 3), Value(10**9)),
    "a large one": (3, Value(LARGE)),
    "a long base": (Fraction(10**1000, 3), 100_000),
}


@pytest.mark.parametrize(("base", "exponent"), TOO_LONG.values(), ids=TOO_LONG)
def test_an_exact_power_that_would_fill_the_memory_is_refused(base, exponent):
    with pytest.raises(ExactPowerError, match="take a smaller exponent, or a float for x"):
        Value(base) ** exponent
    with pytest.raises(ExactPowerError, match=f"more than {MAX_POWER_DIGITS} digits"):
        Value(base) ** (exponent if isinstance(exponent, Value) else Value(exponent))


def test_exact_powers_below_the_bound_are_computed_to_the_last_digit():
    product, x = Fraction(1), Fraction(-7, 3)
    for _ in range(2000):
        product *= x
    node = Value(x) ** 2000
    assert (node.data, node.partials) == (product, (2000 * product / x,))
    big = Value(2) ** 300_000  # 90 309 digits
    assert (big.data, big.partials) == (1 << 300_000, (300_000 << 299_999,))


@pytest.mark.parametrize(("base", "value"), [(1, 1), (-1, 1), (0, 0), (Fraction(1), 1)])
def test_bases_whose_powers_do_not_grow_have_all_of_them(base, value):
    node = Value(base) ** LARGE
    assert (node.data, node.partials) == (value, (-LARGE if base == -1 else LARGE * value,))


def test_powers_that_python_gives_as_floats_are_no_exact_ones():
    assert (Value(2) ** -3_000_000).data == 0.0
    assert (Value(2.0) ** 10**300).data == math.inf


@pytest.mark.parametrize("exponent", [2**53 + 1, 2**53 + 2, 2**60 + 1])
@pytest.mark.parametrize("base", [-1, Fraction(-1)])
def test_an_exact_base_keeps_the_sign_of_its_derivative_at_any_exponent(base, exponent):
    assert (Value(base) ** exponent).partials == (exponent if exponent % 2 else -exponent,)


def test_a_float_base_has_the_sign_of_its_derivative_up_to_the_exponents_that_floats_can_count():
    for exponent in (2**53 - 1, 2**53):
        assert (Value(-1.0) ** exponent).partials == (float(exponent if exponent % 2 else -exponent),)
