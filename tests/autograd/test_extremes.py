"""The derivatives of every row to the third order at extreme operands are right, or inf where they are beyond the floats.

The witness is a difference of the row's value in mpmath, so close and with so many digits that it is right at 5e-324 and at 1e300.
(At the ends of domains derivatives are limits: tests/autograd/test_derivatives.py has them by hand.)
"""

import itertools
import math
import random

import pytest

from autograd import Op, Value, grad
from autograd.value import apply
from tests.oracle import DIVISIONS, HELPERS, POWERS, ROWS, WITNESSES, arguments, is_regular, mp, mpf, row_id
from tests.sweeps import sweep

CASES = sweep("derivatives to the third order at extreme operands", sample=120, full=20_000)

MARKS = (0.0, 5e-324, 1e-300, 1e-160, 1e-155, 1e-8, 0.5, 1 - 2**-53, 1.0, 1 + 2**-52, 2.0, 3.0, 40.0, 745.0, 1e155, 1e300)
EXTREMES = [sign * mark for mark in MARKS for sign in (1, -1)]
PUBLIC = [op for op in ROWS if op.name not in HELPERS and op.name != "detach"]
STEP = mpf("1e-330")
DIGITS = 2200  # of which a third difference keeps what is left of 3 * 330
TINY = 1e-100  # a square or a cube of 1 / TINY and of what is smaller is beyond the floats
TURNING = {"sin", "cos", "tan", "sinc"}  # from 1e15 on neighbouring floats are turns apart


def difference(function, at, which):
    """The derivative of a function with respect to these operands, one after the other, by central differences."""
    if not which:
        return function(*at)
    above, below = ([x + side * STEP * (k == which[0]) for k, x in enumerate(at)] for side in (1, -1))
    return (difference(function, above, which[1:]) - difference(function, below, which[1:])) / (2 * STEP)


def wanted(op, point, which):
    with mp.workdps(DIGITS):
        value = WITNESSES[op.name][0]
        found = difference(value, arguments(op, point), which)
        return math.copysign(math.inf, found) if abs(found) >= mpf(2) ** 1024 else float(found)


def recorded(op, point, which):
    leaves = [Value(x) for x in point]
    node = apply(op, *leaves)
    for index in which:
        [node] = grad(node, [leaves[index]], create_graph=True)
    return node.data


def drawn(case):
    """A row, a point where it is smooth, and the operands that it is differentiated with respect to: one to three."""
    rng = random.Random(case)
    while True:
        op = rng.choice(PUBLIC)
        point = tuple(rng.choice(EXTREMES) for _ in range(op.arity))
        which = tuple(sorted(rng.choices(range(op.arity), k=rng.randint(1, 3))))
        if is_regular(op, point) and op.defined(*point) and not is_left_out(op, point, which):
            return op, point, which


def is_left_out(op, point, which):
    """Places where the witness, or docs/accuracy.md, does not say what is right."""
    size = max(map(abs, point))
    if op.name in TURNING:
        return size > 1e15
    if op.name in DIVISIONS:
        return abs(point[0] / point[1]) > 1e15  # the steps are closer than STEP
    if op.name in POWERS:
        return (
            abs(point[1]) > 2**53  # an exponent that has no neighbours at a distance of 1
            or (point[0] < 0 and 1 in which)  # no derivative with respect to the exponent
            or (len(which) > 1 and abs(point[0]) < TINY and point[1] < 1)  # two terms overflow
        )
    if op.name in ("hypot", "atan2"):
        return size < (TINY if len(which) == 3 else 1e-300)  # a subnormal length has few digits
    return op.name == "div" and which == (1, 1, 1) and point[0] == 0 and abs(point[1]) < TINY


def is_right(got, want):
    """Whether a derivative is near enough, a saturated one to 1e-14; and inf where the last factor of it is beyond the floats."""
    return got == want or abs(got - want) <= 1e-9 * abs(want) + 1e-14 or (math.isinf(got) and got * want > 1e307)


def wrong(cases):
    for case in cases:
        op, point, which = drawn(case)
        got, want = recorded(op, point, which), wanted(op, point, which)
        if not is_right(got, want):
            yield f"{row_id(op)} at {point} with respect to {which}: {got}, not {want}"


def test_derivatives_at_extreme_operands():
    assert list(wrong(CASES.cases())) == []


def test_every_public_row_and_order_is_drawn():
    found = [drawn(case) for case in range(5000)]
    assert {row_id(op) for op, _, _ in found} == {row_id(op) for op in PUBLIC}
    for op in PUBLIC:
        assert {len(which) for other, _, which in found if other is op} == {1, 2, 3}


NAIVE = {  # the textbook's formulas, in which a power of a large number meets a 0, or infinity itself
    "gelu": ("x / 2 * erfc(-x / sqrt(2))", ("erfc(-x / sqrt(2)) / 2 + x * exp(-(x ** 2) / 2) / sqrt(2 * pi)",)),
    "logaddexp": ("log(exp(x) + exp(y))", ("exp(x) / (exp(x) + exp(y))", "exp(y) / (exp(x) + exp(y))")),
}


@pytest.mark.parametrize("name", NAIVE)
def test_a_planted_formula_without_care_is_found(name, monkeypatch):
    monkeypatch.setitem(WITNESSES, "naive", WITNESSES[name])
    naive = Op("naive", *NAIVE[name])
    points = itertools.product((-1e155, 0.5, 745.0, 1e155), repeat=naive.arity)
    thrice = (0, 0, 0)
    assert any(not is_right(recorded(naive, point, thrice), wanted(naive, point, thrice)) for point in points)
