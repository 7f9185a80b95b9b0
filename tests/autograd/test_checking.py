"""check_gradients and value_and_grad: right gradients are confirmed, and each planted bug is found and named."""

import math
import random
from fractions import Fraction
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import strategies as st

import autograd
from autograd import OPS, Op, Value, apply, check_gradients, topological_order, value_and_grad
from autograd.checking.complex_step import Analytic, complex_step
from nn import MLP, sum_of_squares
from tests.strategies import for_all

SMOOTH = {
    "product": (lambda x, y: x * y * y, [2.0, -3.0]),
    "quotient": (lambda x, y: (x - y) / (x * x + y), [1e-3, 5e3]),
    "shared": (lambda x: (lambda u: u * u + u / (u + 2) - x * u)(x * x + 3), [0.7]),
    "steep": (lambda x: (1000 * x).sin(), [0.3]),
    "tiny input": (autograd.log, [1e-12]),
    "huge input": (lambda x: (x / 1e9).exp(), [3e9]),
    "cancellation": (lambda x, y: (x + y) - x, [1e6, 1.0]),
    "no dependence": (lambda x, y: 1e5 + 0 * x + y.detach() * 0, [1.0, 2.0]),
    "no complex form": (lambda x, y: autograd.erf(x) * autograd.softplus(y) + autograd.gelu(x * y), [0.4, -1.2]),
    "saturated": (lambda x: (40 * x).tanh(), [1.0]),
    "exact numbers": (lambda x, y: x**3 / y, [Fraction(1, 3), 2]),
    "lists": (lambda w, x, b: autograd.dot(w, x, b), [[0.5, -1.0], (2.0, 3.0), 0.25]),
    "an array": (lambda w: autograd.logsumexp(w), [np.array([0.5, -1.0, 3.0])]),
}


@pytest.mark.parametrize(("f", "at"), SMOOTH.values(), ids=SMOOTH)
def test_right_gradients_are_confirmed(f, at):
    report = check_gradients(f, at)
    assert report, report
    assert {each.verdict for each in report.inputs} == {"agrees"}
    assert report.suspect == ""


def members():
    return [op if not op.is_family else op.at(c) for op in OPS.values() for c in ((None,) if not op.is_family else (0.3, 2))]


def inside(op):
    """Operands within the row's samples, away from its kinks at 0 and at x = y."""
    return [low + (0.37 + 0.2 * k) * (high - low) for k, (low, high) in enumerate(op.samples)]


@pytest.mark.parametrize("op", [op for op in members() if op.name != "detach"], ids=repr)
def test_every_row_is_confirmed_and_each_wrong_partial_of_it_is_found(op):
    def f(*operands):
        return 3 * apply(op, *operands) + 1

    at = inside(op)
    assert check_gradients(f, at), check_gradients(f, at)
    for index in range(op.arity):
        for wrong in ("-1.01 - ({})", "1.001 * ({}) + 1e-4", "0 * ({}) + 17"):
            planted = wrong.replace("1.001", "1001 / (999 + out * 0)").replace("1.01", "101 / (99 + out * 0)")
            planted = planted.replace("1e-4", "1 / (9999 + out * 0)").format(op.partials[index])
            texts = [planted if k == index else partial for k, partial in enumerate(op.partials)]
            bad = Op(f"bad_{op.name}", op.value, tuple(texts), default=op.c, domain=op.domain, samples=op.samples)
            report = check_gradients(lambda *operands, bad=bad: 3 * apply(bad, *operands) + 1, at)
            assert not report
            assert report.inputs[index].verdict == "DIFFERS"
            assert f"'bad_{op.name}'" in report.suspect
            del OPS[bad.name]


# --- bugs of the way back -----------------------------------------------------------------------------------------------


def backward_by(passing, order=topological_order):
    def backward(self):
        nodes = order(self)
        for node in nodes:
            if node.inputs:
                node.grad = 0.0
        self.grad = 1.0
        for node in reversed(nodes):
            passing(node)

    return backward


def overwriting(node):
    for source, partial in zip(node.inputs, node.partials, strict=True):
        source.grad = partial * node.grad


def without_upstream(node):
    for source, partial in zip(node.inputs, node.partials, strict=True):
        source.grad += partial


def by_sets(node):
    for source, partial in dict(zip(node.inputs, node.partials, strict=True)).items():
        source.grad += partial * node.grad


def twice(node):
    for source, partial in zip(node.inputs, node.partials, strict=True):
        source.grad += 2 * partial * node.grad


def rightly(node):
    for source, partial in zip(node.inputs, node.partials, strict=True):
        source.grad += partial * node.grad


def preorder(root):
    """Depth first, each node before its inputs: reversed below, so that a node passes on before all its users have."""
    found, rest = [], [root]
    while rest:
        node = rest.pop()
        if node not in found:
            found.append(node)
            rest += node.inputs
    return found[::-1]


def diamond(x, y):
    b = x + y
    return (b * b) * x + b.tanh()


@pytest.mark.parametrize(
    "backward",
    [
        backward_by(overwriting),
        backward_by(without_upstream),
        backward_by(by_sets),
        backward_by(twice),
        backward_by(rightly, preorder),
    ],
    ids=["overwriting", "without upstream", "operand lost", "factor 2", "order of visiting"],
)
def test_a_wrong_backward_pass_is_found(backward, monkeypatch):
    assert check_gradients(diamond, [0.5, -1.2])
    monkeypatch.setattr(Value, "backward", backward)
    report = check_gradients(diamond, [0.5, -1.2])
    assert not report
    assert "multiplied or added up wrongly on the way back" in report.suspect


def test_the_planted_passes_differ_from_the_right_one_by_their_bug_alone(monkeypatch):
    monkeypatch.setattr(Value, "backward", backward_by(rightly))
    assert check_gradients(diamond, [0.5, -1.2])


def closed_square(x, forgetful):
    out = Value(x.data**2, (x,), "square")

    def backward():
        x.grad += 2 * x.data * (1 if forgetful else out.grad)

    out._backward = backward
    return out


def test_a_closure_is_checked_as_a_whole():
    assert check_gradients(lambda x: 5 * closed_square(x, forgetful=False), 3.0)
    report = check_gradients(lambda x: 5 * closed_square(x, forgetful=True), 3.0)
    assert not report
    assert "'square' is a closure" in report.suspect
    nameless = check_gradients(lambda x: Value(x.data**2, (x,)), 3.0)  # and passes nothing on
    assert "'a node with children' is a closure" in nameless.suspect
    given_as_a_number = check_gradients(lambda x: Value(x.data**2, (x,), (3 * x.data,)), 3.0)
    assert not given_as_a_number


def test_the_first_wrong_operation_is_named_with_its_place_and_its_numbers():
    bad = Op("bad_sin", "sin(x)", ("-cos(x)",))

    def f(x):
        with autograd.scope("outer"):
            wrong = apply(bad, x)
            wrong.label = "s"
            return (wrong * 2).tanh()

    assert "'bad_sin' (v1)." in check_gradients(lambda x: apply(bad, x), 0.5).suspect
    assert (
        "'bad_sin' (outer/s). Its local derivative with respect to x = 0.5 is -0.8775825619, but moving that operand gives 0.87758256"
        in (check_gradients(f, 0.5).suspect)
    )


def test_detach_is_named_as_the_design_it_is():
    report = check_gradients(lambda x: x * x.detach(), 3.0)
    assert not report
    assert report.suspect == "detach passes nothing on, by design: it has derivative 0. Here it cuts x."


def guarded(x):
    y = 2 * x
    if y.data > 100:
        raise ValueError(y)
    return y


def with_two_kinks(x):
    return autograd.relu(x - 1) - autograd.relu(1 - x)


IN_COMPANY = {  # of what is harmless: a shift that is detached and cancels, and a number that is read and told
    "closure beside softmax": (
        lambda x: autograd.softmax([x, 2.0])[0] * closed_square(x, forgetful=True),
        "'square' is a closure",
    ),
    "closure behind a guard": (lambda x: guarded(x) * closed_square(x, forgetful=True), "'square' is a closure"),
    "kinks beside softmax": (lambda x: autograd.softmax([x, 2.0])[0] + with_two_kinks(x), "f is smooth here, but ReLU"),
    "kinks beside norm": (lambda x: autograd.norm([x, 2.0]) + with_two_kinks(x), "f is smooth here, but ReLU"),
    "kinks behind a guard": (lambda x: guarded(x) + with_two_kinks(x), "f is smooth here, but ReLU"),
    "detach behind a guard": (
        lambda x: guarded(x) * x.detach(),
        "detach passes nothing on, by design: it has derivative 0. Here it cuts x.",
    ),
    "a small detach": (
        lambda x: autograd.softmax([x, 2.0])[0] + 1e-12 * guarded(x) * (1e6 * x).detach(),
        "detach passes nothing on",
    ),
    "a number beside softmax": (lambda x: autograd.softmax([x, 2.0])[0] * x.data, "f reads .data"),
    "a number beside detach": (lambda x: x * (x.detach() - x.detach() + 1.0) * x.data, "f reads .data"),
    "an exponent": (lambda x: (3 * x) ** x.data, "f reads .data"),
}


@pytest.mark.parametrize(("f", "suspect"), IN_COMPANY.values(), ids=IN_COMPANY)
def test_only_what_the_derivative_lacks_is_suspected(f, suspect):
    report = check_gradients(f, 1.0)
    assert not report
    assert report.suspect.startswith(suspect) or f" {suspect}" in report.suspect


def test_the_difference_of_a_derivative_that_differs_is_not_0():
    [checked] = check_gradients(lambda x: autograd.relu(x) - autograd.relu(-x), 0.0).inputs
    assert (checked.verdict, checked.backward) == ("DIFFERS", 0.0)
    assert checked.difference == pytest.approx(1.0)


def test_a_derivative_that_is_not_finite_is_said_to_be_that():
    report = check_gradients(lambda x: x**2, 3.0, gradient=lambda x: math.nan)
    assert not report
    assert report.remarks == ("x: the derivative under test is not finite, so no number confirms it.",)
    assert report.inputs[0].numeric == pytest.approx(6.0)


def test_an_array_without_axes_is_a_number():
    numpy = pytest.importorskip("numpy")
    assert check_gradients(lambda x: x * x, numpy.array(3.0), gradient=lambda x: numpy.array(2 * x))
    assert check_gradients(lambda x, y: x * y, [numpy.array(3.0), 2.0])


def test_data_that_f_changes_are_put_back():
    def trains(w):
        loss = w * w
        loss.backward()
        w.data -= 0.1 * w.grad
        return w * w

    w = Value(3.0, "w")
    with pytest.raises(ValueError, match="changes the data of its arguments"):
        check_gradients(trains, [w])
    assert (w.data, w.grad) == (3.0, 0.0)


# --- where there is no derivative ------------------------------------------------------------------------------------

KINKS = {
    "relu at 0": (autograd.relu, [0.0]),
    "abs at 0": (abs, [0.0]),
    "tie": (autograd.maximum, [1.5, 1.5]),
    "leaky": (autograd.leaky_relu, [0.0]),
    "inside": (lambda x: (x - 2).relu() * 3 + x, [2.0]),
    "beside": (autograd.relu, [1e-9]),
}


@pytest.mark.parametrize(("f", "at"), KINKS.values(), ids=KINKS)
def test_a_convention_between_both_sides_is_accepted_at_a_kink_and_said(f, at):
    report = check_gradients(f, at)
    assert report
    assert {each.verdict for each in report.inputs} <= {"kink", "agrees"}


LEVEL_BEYOND_A_KINK = {  # a long complex step x + ih moves the real part of x*x by h*h, and so may cross it
    "minimum": (lambda x: autograd.minimum(x * x, 1.0), 1),
    "clip": (lambda x: autograd.clip(x * x, -1, 1), 1),
    "relu": (lambda x: autograd.relu(1 - x * x), -1),
    "where": (lambda x: autograd.where(autograd.less(x * x, 1), x * x, 1.0), 1),
    "cosh": (lambda x: autograd.relu(2 * math.cosh(1.0) - autograd.exp(x) - autograd.exp(-x)), -1),
}


@pytest.mark.parametrize(("f", "sign"), LEVEL_BEYOND_A_KINK.values(), ids=LEVEL_BEYOND_A_KINK)
def test_where_f_is_level_beyond_a_kink_its_derivative_0_is_confirmed(f, sign):
    for x in (-1.25, 1.1, 1.0000001, 1.5):
        report = check_gradients(f, x)
        assert [(each.verdict, each.complex_step) for each in report.inputs] == [("agrees", 0.0)]
    assert not check_gradients(lambda x: f(x) + x - x.detach(), 1.1)
    assert not check_gradients(lambda x: f(x) + 1e-3 * x.data, 1.1)


@pytest.mark.parametrize("name", ["minimum", "clip", "relu"])
def test_a_kink_beyond_which_f_is_level_is_one(name):
    f, _ = LEVEL_BEYOND_A_KINK[name]
    for x in (-1.0, 1.0):
        assert [each.verdict for each in check_gradients(f, x).inputs] == ["kink"]


def test_columns_that_agree_only_beside_large_terms_are_said_to():
    def f(x):
        return (autograd.exp(x) - autograd.exp(x)) + 1e-3 * x.data**2

    report = check_gradients(f, 40.0)
    assert report
    assert report.inputs[0].difference == pytest.approx(0.08, rel=0.5)
    assert "large terms cancel here" in str(report)
    assert not check_gradients(f, 1.0)


def test_a_wave_that_is_finer_than_floats_is_not_accused():
    for f, x in [(lambda x: autograd.sin(5e49 * x), 1.1), (lambda x: autograd.sin(x**x), 32.80292822896869)]:
        assert [each.verdict for each in check_gradients(f, x).inputs] == ["unclear"]


@pytest.mark.parametrize("relu", [autograd.relu, autograd.leaky_relu])
def test_a_kink_is_said_where_the_complex_step_takes_the_branch_that_is_taken(relu):
    x, y = check_gradients(lambda x, y: relu(x) * y, [0.0, 3.0]).inputs
    assert x.complex_step == pytest.approx(x.backward, rel=1e-15)
    assert x.verdict == "kink"
    assert y.verdict == "agrees"
    assert check_gradients(lambda x, y: relu(x) * y, [0.0, 0.0]).inputs[0].verdict == "agrees"  # the same from both sides: 0


def test_where_differences_see_nothing_a_complex_step_is_no_kink():
    [x] = check_gradients(autograd.sin, 1e15).inputs  # whose steps are many turns long
    assert (x.complex_step, x.verdict) == (pytest.approx(x.backward, rel=1e-12), "agrees")
    assert x.numeric is None  # and they know it


def test_the_exponent_of_a_negative_base_is_not_judged():
    base, exponent = check_gradients(lambda x, y: x**y, [-2.0, 3.0]).inputs
    assert (base.backward, base.complex_step, base.verdict) == (12.0, 12.0, "agrees")
    assert math.isnan(exponent.backward)
    assert (exponent.numeric, exponent.complex_step, exponent.verdict) == (None, None, "unclear")


@pytest.fixture
def differences_alone(monkeypatch):
    """As if no operation had a complex form."""
    monkeypatch.setattr("autograd.checking.moved.complex_step", lambda *_: None)


@pytest.mark.parametrize("name", ["relu at 0", "leaky", "inside"])
@pytest.mark.usefixtures("differences_alone")
def test_differences_alone_see_the_kink_between_the_slopes_of_both_sides(name):
    assert [each.verdict for each in check_gradients(*KINKS[name]).inputs] == ["kink"]


@pytest.mark.parametrize("wrong", ["2 + 0 * x", "0 * x - 1"])
def test_a_kink_excuses_no_wrong_derivative(wrong, monkeypatch):
    bad = Op("bad_relu", "0 if x <= 0 else x", (wrong,))
    assert check_gradients(lambda x: apply(bad, x), 0.0).inputs[0].verdict == "DIFFERS"
    monkeypatch.setattr("autograd.checking.moved.complex_step", lambda *_: None)
    assert check_gradients(lambda x: apply(bad, x), 0.0).inputs[0].verdict == "DIFFERS"


@pytest.mark.usefixtures("differences_alone")
@pytest.mark.parametrize("value", ["0 if x <= 0 else x", "x if x <= 0 else 0"], ids=["right", "left"])
def test_at_a_kink_a_slope_may_be_off_by_a_part_in_ten_million_as_elsewhere(value):
    for parts, verdict in [(5, "kink"), (20, "DIFFERS")]:  # of 1e8
        kink = Op(f"kink_{parts}", value, (f"{10**8 + parts} / ({10**8} + 0 * x)",))
        assert check_gradients(lambda x, kink=kink: apply(kink, x), 0.0).inputs[0].verdict == verdict


@pytest.mark.usefixtures("differences_alone")
def test_differences_have_eleven_digits_where_f_is_smooth():
    for f, at in [(autograd.exp, 1.0), (autograd.sin, 0.5), (lambda x: x**3, 2.0), (autograd.tanh, -0.3)]:
        [check] = check_gradients(f, [at]).inputs
        assert check.numeric == pytest.approx(check.backward, rel=1e-11)  # measured: 1e-12 at most


@pytest.mark.usefixtures("differences_alone")
def test_differences_from_one_side_are_extrapolated_too():
    one_sided = Op("one_sided", "sqrt(x) * sqrt(x) * exp(x)", ("(1 + x) * exp(x)",), domain="x >= 0")
    [check] = check_gradients(lambda x: apply(one_sided, x), 0.0).inputs
    assert (check.numeric, check.verdict) == (pytest.approx(1.0, rel=1e-12), "agrees")


def test_values_that_underflow_confirm_no_derivative_0(monkeypatch):
    row = OPS["mul"]
    monkeypatch.setitem(vars(row), "kernel", lambda x, y: (x * y, 0.0 * y, x))
    assert [each.verdict for each in check_gradients(lambda x: x * 5e-324, 0.0).inputs] == ["unclear"]


@pytest.mark.usefixtures("differences_alone")
def test_steps_that_overflow_are_left_out():
    for sign in (1, -1):  # on either side
        [check] = check_gradients(lambda x, sign=sign: 1e-10 * (sign * x).exp().exp(), sign * math.log(708)).inputs
        assert check.numeric == pytest.approx(check.backward, rel=1e-6)  # exp(709.8) is the largest
        assert check.verdict == "agrees"


UNCLEAR = {
    "a jump": (lambda x: autograd.step(x) + x, 0.0),
    "an infinite derivative": (autograd.sqrt, 0.0),
    "a derivative below rounding": (lambda x: x + 1e20, 1.0),
}


@pytest.mark.parametrize(("f", "at"), UNCLEAR.values(), ids=UNCLEAR)
@pytest.mark.usefixtures("differences_alone")
def test_what_differences_cannot_confirm_is_not_confirmed(f, at):
    report = check_gradients(f, at)
    assert not report
    assert report.inputs[0].verdict == "unclear"
    assert report.remarks


def test_at_the_end_of_a_domain_one_side_is_enough():
    assert check_gradients(lambda x: autograd.acos(x / 2) ** 2 * autograd.erf(x), 2 - 1e-9)
    assert check_gradients(lambda x: x**1.5, 0.0).inputs[0].verdict == "agrees"


@pytest.mark.parametrize(("value", "domain"), [("x * sqrt(x)", "x >= 0"), ("x * sqrt(-x)", "x <= 0")])
def test_a_wrong_derivative_at_either_end_of_a_domain_is_found(value, domain, monkeypatch):
    bad = Op("bad_end", value, ("2 + 0 * x",), domain=domain)  # at 0 it is 0
    assert check_gradients(lambda x: apply(bad, x), 0.0).inputs[0].verdict == "DIFFERS"
    monkeypatch.setattr("autograd.checking.moved.complex_step", lambda *_: None)
    assert check_gradients(lambda x: apply(bad, x), 0.0).inputs[0].verdict == "DIFFERS"


JUMPS = {
    "step": (autograd.step, 0.0),
    "where": (lambda x: autograd.where(x > 0, x + 1, -x), 0.0),
    "if": (lambda x: x + 1 if x.data > 0 else -x, 0.0),
    "if, away from 0": (lambda x: x + 1 if x > 3 else -x, 3.0),
    "floor": (lambda x: x + autograd.floor(x), 2.0),
}


@pytest.mark.parametrize(("f", "at"), JUMPS.values(), ids=JUMPS)
def test_a_jump_is_not_certified(f, at):
    report = check_gradients(f, at)
    assert [each.verdict for each in report.inputs] == ["unclear"]
    assert not report
    assert report.remarks[-1] == "x: f jumps here, or has a kink of which one side lies outside its domain."


def test_a_jump_by_hand_is_not_certified():
    report = check_gradients(lambda x: 1.0 if x > 0 else 0.0, 0.0, gradient=lambda x: [0.0])
    assert report.inputs[0].verdict == "unclear"


def test_the_floats_beside_a_jump_are_confirmed():
    assert check_gradients(autograd.step, 1e-12)
    assert check_gradients(autograd.floor, math.nextafter(2.0, 3.0))
    assert check_gradients(lambda x: (1e50 * x).tanh(), 0.0)  # steep, and no jump


def test_what_rounding_hides_is_confirmed_where_rows_alone_vouch_for_it():
    assert check_gradients(autograd.cos, -1e-310)
    assert check_gradients(lambda x: x**3, -1e-300)
    assert check_gradients(autograd.hypot, [1.7e-40, 9.6e185])
    assert check_gradients(lambda x: 1e20 + x * x.detach(), 3.0).inputs[0].verdict == "unclear"
    assert check_gradients(lambda x: 1e20 + x * x.data, 3.0).inputs[0].verdict == "unclear"


@pytest.mark.parametrize(("f", "at"), [(autograd.rint, 1e20), (lambda x: x - autograd.rint(x), 1e16), (autograd.floor, 1e17)])
def test_where_steps_are_finer_than_floats_nothing_is_accused(f, at):
    assert check_gradients(f, at).inputs[0].verdict == "unclear"


def test_whatever_f_raises_beside_x_is_no_value_there():
    table = {2.0: 1.0}
    report = check_gradients(lambda x: x * table[float(x.data)], 2.0)  # a KeyError beside 2
    assert report.inputs[0].verdict == "unclear"


def test_at_a_jump_no_derivative_is_called_wrong():
    def f(x):
        return (x - 2).step() + x * x.detach()  # detach makes it x, where the complex step says 2x

    assert check_gradients(f, 1.0).inputs[0].verdict == "DIFFERS"
    assert check_gradients(f, 2.0).inputs[0].verdict == "unclear"


@pytest.mark.usefixtures("differences_alone")
@pytest.mark.parametrize(("at", "size"), [(3.0, 3.0), (-500.0, 500.0), (0.0, 1.0), (0.2, 1.0), (1e-9, 1.0)])
def test_f_is_asked_beside_its_input_at_steps_relative_to_it_and_to_1(at, size):
    asked = []

    def f(x):
        asked.append(x.data)
        return (x * x).sin() + x.abs()

    check_gradients(f, at)
    wanted = {s * 10.0**-k * size for s in (-1, 1) for k in range(1, 9)}
    steps = {x - at for x in asked}
    assert all(any(abs(step - h) <= 1e-9 * size for step in steps) for h in wanted)
    if at == 1e-9:  # and around the size of a small input
        assert any(0 < abs(step) < 1e-12 for step in steps)


@pytest.mark.usefixtures("differences_alone")
def test_a_derivative_of_which_rounding_leaves_too_few_digits_is_not_confirmed():
    verdicts = [check_gradients(lambda x, size=size: x + size, 1.0).inputs[0].verdict for size in (1.0, 1e4, 1e9, 1e14)]
    assert verdicts == ["agrees", "agrees", "unclear", "unclear"]


@pytest.mark.usefixtures("differences_alone")
def test_what_rounding_leaves_where_paths_cancel_is_no_disagreement():
    [y] = check_gradients(lambda y: 0.1 * y + 0.2 * y - 0.3 * y, [1.0]).inputs
    assert y.backward != 0  # but 3e-17
    assert y.verdict == "agrees"


def test_a_function_that_is_nan_is_not_confirmed():
    assert not check_gradients(lambda x: x * math.nan, 1.0)


HIDDEN = {
    "two kinks that make a smooth function": (lambda x: 1e20 + autograd.relu(x) - autograd.relu(-x), 0.0, "DIFFERS"),
    "the same, where the operand rounds": (
        lambda x: 1e18 + autograd.relu(0.1 * x - 0.2) - autograd.relu(0.2 - 0.1 * x), 2.0, "DIFFERS",
    ),
    "a kink": (lambda x: 1e20 + autograd.relu(x), 0.0, "kink"),
    "none": (lambda x: 1e20 + autograd.relu(x) * x, 0.0, "agrees"),
    "a kink that is not reached": (lambda x: 1e20 + autograd.relu(autograd.relu(x)) + autograd.relu(0 * x), -1.0, "agrees"),
    "a jump": (lambda x: 1e20 + autograd.step(x), 0.0, "unclear"),
    "a small jump": (lambda x: 1e10 + 1e-8 * autograd.step(x), 0.0, "unclear"),
    "a branch of f": (lambda x: 1e20 + (x if x > 0 else -x), 0.0, "unclear"),
    "a branch by a number": (lambda x: 1e20 + (x if x.data > 0 else -x), 0.0, "unclear"),
    "a branch by the larger": (lambda x: 1e20 + max(x, Value(1.0)), 1.0, "unclear"),
}  # fmt: skip


@pytest.mark.parametrize(("f", "at", "verdict"), HIDDEN.values(), ids=HIDDEN)
def test_a_kink_that_rounding_hides_is_seen_or_not_certified(f, at, verdict):
    assert check_gradients(f, at).inputs[0].verdict == verdict


def test_a_kink_that_no_row_declares_is_seen_too():
    own = Op("own_relu", "0 if x <= 0 else x", ("step(x)",))
    assert check_gradients(lambda x: 1e20 + apply(own, x) - apply(own, -x), 0.0).inputs[0].verdict == "DIFFERS"


def test_two_kinks_that_touch_without_a_corner_are_smooth():
    for f, at in [
        (lambda x: x * abs(x), 0.0),
        (lambda x: (x - 2) * abs(x - 2), 2.0),
        (lambda x: autograd.relu(x - 2) ** 2, 2.0),
    ]:
        assert check_gradients(f, at).inputs[0].verdict == "agrees"


# --- parameters -------------------------------------------------------------------------------------------------------


def test_a_model_is_checked_where_it_is_and_left_as_it_was():
    model = MLP(3, [4, 2], activation="tanh", seed=1)
    parameters = model.parameters()
    for k, p in enumerate(parameters):
        p.grad = float(k)
    data = [p.data for p in parameters]

    def loss(*_):
        return sum_of_squares(model([0.5, -1.0, 2.0]), [1.0, 0.0])

    report = check_gradients(loss, parameters)
    assert report, report
    assert [each.name for each in report.inputs] == [p.label for p in parameters]
    assert [p.data for p in parameters] == data
    assert [p.grad for p in parameters] == [float(k) for k in range(len(parameters))]


def test_an_error_in_f_leaves_all_as_it_was():
    p = Value(2.0, "p")
    p.grad = 7.0
    calls = []

    def fails_later(p):
        calls.append(p.data)
        if len(calls) == 2:  # the second time at the same point
            raise RuntimeError("on purpose")
        return p * p

    with pytest.raises(RuntimeError, match="on purpose"):
        check_gradients(fails_later, [p])
    assert (p.data, p.grad) == (2.0, 7.0)


def test_what_is_no_function_of_its_arguments_is_refused():
    with pytest.raises(ValueError, match="two results for the same input"):
        check_gradients(lambda x: x * random.random(), 1.0)
    for results in [[1.0, math.nan], [math.nan, 1.0]]:
        with pytest.raises(ValueError, match="two results for the same input"):
            check_gradients(lambda x, results=results: x + results.pop(), 1.0)
    for f, gradient, message in [
        (Value(2.0), None, "takes a function, but got a Value"),
        (lambda x: None, None, "gave None .*has it no return"),
        (lambda x: x, [1.0], "takes a gradient as a function of the same arguments as f, but got"),
        (lambda x: x, lambda x: None, "the gradient gave None: has it no return"),
        (lambda x: x, lambda x: ["a"], "'a' of type str"),
        (lambda x: x, lambda x: "a", "'a' of type str"),
    ]:
        with pytest.raises(TypeError, match=message):
            check_gradients(f, 1.0, gradient=gradient)
    with pytest.raises(TypeError, match=r"must give one scalar, but gave \["):
        check_gradients(lambda x: [x, x], 1.0)
    with pytest.raises(TypeError, match="real number"):
        check_gradients(lambda x: x, ["1"])


def test_the_report_is_a_table():
    report = check_gradients(lambda x, y: x * y, [2.0, 3.0])
    lines = str(report).splitlines()
    assert lines == repr(report).splitlines()
    assert lines[0].split() == ["input", "at", "backward", "numeric", "complex", "step", "difference", "verdict"]
    assert [line.split()[:5] + line.split()[6:] for line in lines[1:]] == [
        ["x", "2", "3", "3", "3", "agrees"],
        ["y", "3", "2", "2", "2", "agrees"],
    ]
    assert [each.name for each in check_gradients(lambda *xs: xs[0] * xs[1], [2.0, 4.0]).inputs] == ["x1", "x2"]
    p, q = Value(2.0), Value(3.0)  # without labels
    assert [each.name for each in check_gradients(lambda *_: p * q, [p, q]).inputs] == ["x1", "x2"]


# --- the complex step -------------------------------------------------------------------------------------------------


def derivative(f, x):
    """By complex steps through a function of Values."""
    found = complex_step(lambda z: f(Value(z)).data, x)
    return found and found.derivative


@for_all(st.floats(-1.4, 1.4), st.floats(0.1, 5.0), examples=100)
def test_the_complex_step_is_exact_to_rounding(x, y):
    for f in (
        lambda x, y: x.tan() * y.log() + y**x + x.sigmoid() / y.sqrt(),
        lambda x, y: (x * y).relu() * x.cosh() + x**3 - (x / 2).asin() * 2**x + x.silu() + (y - x).maximum(x),
        lambda x, y: x.erf() * y.erfc() + x.expm1() * y.log1p() + (x - 3).gelu() + (y + 1).softplus() * x.elu(),
    ):
        u, v = Value(x), Value(y)
        output = f(u, v)
        order = topological_order(output)
        output.backward()
        scale = max(abs(node.data * node.grad) for node in order) + abs(u.grad) + abs(v.grad)
        for leaf, g in ((u, lambda z: f(z, Value(y))), (v, lambda z: f(Value(x), z))):  # noqa: B023
            # within rounding of the sizes met on the way; at the seam of a choice both follow the same branch or tie in halves
            if abs(x * y) > 1e-9 and abs(y - 2 * x) > 1e-9 and abs(leaf.data) > 1e-9:
                assert derivative(g, leaf.data) == pytest.approx(leaf.grad, abs=1e-12 * scale / min(1.0, abs(leaf.data)))


@pytest.mark.parametrize(
    ("f", "at", "right"),
    [
        (autograd.log, 1e-300, 1e300),
        (autograd.sqrt, 1e-300, 0.5e150),
        (lambda x: x * x, 1e-300, 2e-300),
        (lambda x: 1 / x, 1e150, -1e-300),
        (autograd.sin, 1e200, math.cos(1e200)),
        (autograd.sinc, 0.0, 0.0),
        (autograd.sinc, 1e-12, -(math.pi**2) / 3e12),  # which sin(pi x) / (pi x) loses: its complex quotient cancels
        (lambda x: x**0.5, 1e290, 0.5e-145),
        (lambda x: x**1.5, 0.0, 0.0),
        (lambda x: abs(x - 1).sqrt(), 1 + 1e-12, 0.5 / math.sqrt(1 + 1e-12 - 1)),
        (lambda x: abs(x - 1).sqrt(), 1 - 1e-12, -0.5 / math.sqrt(1e-12 + (1 - 1e-12 - 1 + 1e-12))),
        (autograd.tanh, 400.0, 0.0),
        (lambda x: autograd.hypot(x, 1e-11), 0.0, 0.0),
        (lambda x: autograd.hypot(x, 9.6e185), 1.7e-40, 1.7e-40 / 9.6e185),
    ],
    ids=str,
)
def test_the_complex_step_finds_the_scale_of_f(f, at, right):
    assert derivative(f, at) == pytest.approx(right, rel=1e-4 if at < 1 else 1e-13)


def test_the_complex_step_knows_where_it_does_not_apply():
    assert derivative(lambda x: abs(x), 0.0) is None
    assert derivative(lambda x: x * math.sin(x.data), 0.5) is None
    assert derivative(lambda x: x ** (x - 3.5), -2.0) is None
    assert derivative(lambda x: closed_square(x, forgetful=False), 3.0) == 6.0  # the closure's own arithmetic moves
    for f, at in ((autograd.exp, 1000.0), (lambda x: (x * math.inf).sin(), 1.0)):  # OverflowError and ValueError
        assert derivative(f, at) is None


def test_the_complex_step_chooses_by_real_parts_in_a_choice_within_a_choice_too():
    nested = Op("nested", "x * x if (1 if x > 2 else -1) > 0 else 5 * x", ("1",))
    for at, slope in [(3.0, 6.0), (1.0, 5.0)]:
        assert derivative(lambda x: apply(nested, x), at) == slope


def test_complex_numbers_behave_as_the_real_ones_they_stand_for():
    x = Analytic(complex(-2.0, 1e-30))
    assert (x < 0, x <= -2, x > 0, x >= -1, bool(x), isinstance(x, float)) == (True, True, False, False, True, True)
    assert (x == +x, x == -2, Analytic(complex(-2.0)) == -2) == (True, False, True)
    for f, slope in [
        (lambda x: 3 + x - 1 + (5 - x) * 2, -1.0),
        (lambda x: 3 * x / 2 * x, -6.0),
        (lambda x: 1 / x, -0.25),
        (lambda x: x**3, 12.0),
        (lambda x: 2 ** (-x), -4 * math.log(2)),
        (lambda x: abs(x) + +x.real, 0.0),
        (lambda x: x * Fraction(1, 2), 0.5),
    ]:
        assert f(x).z.imag / 1e-30 == pytest.approx(slope, rel=1e-14, abs=1e-14)
    for refused in (
        float,
        int,
        round,
        math.floor,
        math.sin,
        hash,
        str,
        repr,
        "{:.1f}".format,
        lambda x: divmod(x, 2),
        lambda x: x % 2,
        lambda x: x.hex,
    ):
        x.step.lost = False
        with pytest.raises(TypeError):
            refused(x)
        assert x.step.lost
    x.step.runs = False  # what f kept is then the real number
    assert (f"{x:.1f}", hash(x), float(x), x * x, 1 - x, Value(x).data, -x, round(x)) == (
        "-2.0",
        hash(-2.0),
        -2.0,
        4.0,
        3.0,
        -2.0,
        2.0,
        -2,
    )


def caught(f, otherwise):
    def g(x):
        try:
            return f(x)
        except TypeError:
            return otherwise

    return g


@pytest.mark.parametrize(
    "number",
    [
        lambda x: float(f"{x}"),
        lambda x: float(f"{x:.17g}"),
        lru_cache(None)(math.sin),
        hash,
        caught(float, 3.0),
        caught(math.sin, 3.0),
        lambda x: float(x) if isinstance(x, float) else 3.0,
        caught(lambda x: x.as_integer_ratio()[0], 3.0),
    ],
)
def test_a_number_that_loses_its_imaginary_part_leaves_no_complex_step(number):
    for offset in (0.0, 1e13):
        report = check_gradients(lambda x, offset=offset: offset + x * number(x.data), [3.0])
        assert report.inputs[0].complex_step is None
        assert not report


@pytest.mark.parametrize("offset", [0.0, 1e14])
def test_a_number_whose_class_is_looked_at_is_not_certified_by_a_complex_step(offset):
    report = check_gradients(lambda x: offset + x * (x.data if type(x.data) is float else 3.0), 3.0)
    assert report.inputs[0].verdict != "agrees"
    assert "f reads .data (" in str(report)


def test_a_kink_excuses_no_number_that_leaves_the_graph():
    assert check_gradients(lambda x: abs(x) + math.sin(x.data), 0.0).inputs[0].verdict == "unclear"


def test_neither_does_a_number_that_is_looked_up():
    known = [(3.0, math.sin(3.0))]

    def sine(number):
        return next((value for key, value in known if key == number), None) or math.sin(number)

    report = check_gradients(lambda x: 1e13 + x * sine(x.data), 3.0)
    assert report.inputs[0].complex_step is None


def test_a_value_that_is_written_as_text_is_named():
    report = check_gradients(lambda x: x * float(f"{x}"), 3.0)
    assert report.inputs[0].verdict == "DIFFERS"
    assert "f writes a Value as text (" in str(report)


@pytest.mark.parametrize(
    ("f", "at", "slope"),
    [
        (lambda x: 1e-130 + x + 1e150 * (x * x), 1e-150, 3.0),
        (lambda x: 1e-130 + x + 1e150 * (x * x).data, 1e-150, 3.0),
        (lambda x: 1e-130 + x + 1e150 * (x.data * x.data), 1e-150, 3.0),
        (lambda x: (x * 1e-308) * x, 1e300, 2e-8),
    ],
)
def test_an_imaginary_part_that_underflows_inside_f_is_no_witness(f, at, slope):
    [entry] = check_gradients(f, at).inputs
    assert entry.complex_step is None or entry.complex_step == pytest.approx(slope, rel=1e-12)
    assert entry.verdict != ("agrees" if entry.backward != pytest.approx(slope) else "DIFFERS")


def test_what_f_remembers_by_its_values_accuses_nobody_and_certifies_nothing():
    @lru_cache
    def power(x, n):
        return x if n == 1 else power(x, n // 2) * power(x, n - n // 2)

    sine = lru_cache(lambda x: math.sin(x.data))
    for f in (lambda x: power(x, 5), lambda x: x * sine(x)):
        report = check_gradients(f, 3.0)
        assert report.inputs[0].verdict == "unclear"
        assert "as lru_cache does" in str(report)


def test_what_cancels_has_not_underflowed():
    [entry] = check_gradients(lambda x: x * ((x.data + 1) - x.data), 2.0).inputs
    assert (entry.complex_step, entry.verdict) == (1.0, "agrees")


def test_what_f_keeps_is_real_after_a_check():
    kept = {}

    def warm(a):
        x = Value(kept.get("x", 1.0))
        for _ in range(60):
            x = x - (x * x - a) / (2 * x)
        kept["x"] = x.data
        return x

    history = []

    def remembers(x):
        history.append(x.data)
        return x * x

    warm(Value(2.0))
    check_gradients(warm, 2.0)
    assert type(kept["x"]) is float
    assert check_gradients(remembers, 2.0)
    assert all(math.isfinite(float(x)) and x + 1 == float(x) + 1 for x in history)


def test_at_the_door_complex_numbers_stay_refused():
    with pytest.raises(TypeError, match="derivatives here are of real functions"):
        Value(1j)
    x = Value(1.0)
    x.data = 1j
    with pytest.raises(TypeError, match="real number"):
        _ = x * x


# --- value_and_grad -----------------------------------------------------------------------------------------------------


def test_value_and_grad_keeps_the_shape_of_the_arguments():
    def loss(w, x, b):
        return autograd.tanh(autograd.dot(w[0], x) + w[1][0] * b)

    value, gradient = value_and_grad(loss)([[0.5, -1.0], [2.0]], (0.3, 0.7), 0.25)
    z = 0.5 * 0.3 - 0.7 + 2.0 * 0.25
    assert value == pytest.approx(math.tanh(z), rel=1e-15)
    d = 1 - math.tanh(z) ** 2
    [dw, dx, db] = gradient
    assert dw[0] == pytest.approx([d * 0.3, d * 0.7], rel=1e-14)
    assert dw[1] == pytest.approx([d * 0.25], rel=1e-14)
    assert dx == pytest.approx([d * 0.5, -d], rel=1e-14)
    assert db == pytest.approx(2 * d, rel=1e-14)


def test_value_and_grad_of_other_numbers_and_other_results():
    assert value_and_grad(lambda x: x**3)(Fraction(1, 2)) == (Fraction(1, 8), [Fraction(3, 4)])
    assert value_and_grad(lambda x, y: Value(7.0))(1.0, 2.0) == (7.0, [0.0, 0.0])
    assert value_and_grad(max)(2.0, 3.0) == (3.0, [0.0, 1.0])
    assert value_and_grad(lambda: Value(2.0))() == (2.0, [])
    w = Value(3.0)
    assert value_and_grad(lambda x: w * x)(2.0) == (6.0, [3.0])
    assert w.grad == 0.0


def test_value_and_grad_refuses_what_it_cannot_differentiate():
    def pair(x):
        return (x, x)

    with pytest.raises(TypeError, match=r"pair must return one scalar, but returned \(.*jacobian_of"):
        value_and_grad(pair)(1.0)
    for wrong in ("2", None, 1j, {"a": 1.0}):
        with pytest.raises(TypeError, match="real number"):
            value_and_grad(lambda x: x)(wrong)


def test_near_the_largest_float_differences_do_not_overflow(monkeypatch):
    monkeypatch.setattr("autograd.checking.moved.complex_step", lambda *_: None)
    assert check_gradients(autograd.exp, [709.7]).inputs[0].verdict == "agrees"


def test_beside_the_smallest_floats_there_is_no_room_for_differences():
    assert check_gradients(lambda x: x * x + x, [5e-324])  # by the complex step alone


def test_at_a_kink_whose_other_side_lies_outside_the_domain_nothing_is_accused():
    report = check_gradients(lambda x: autograd.abs(x) + x**1.5, at=0.0)
    assert [each.verdict for each in report.inputs] == ["unclear"]
    assert report.suspect == ""
    assert report.remarks == ("x: f jumps here, or has a kink of which one side lies outside its domain.",)


def test_a_wrong_derivative_at_an_end_of_the_domain_is_still_found():
    wrong = Op("wrong_power", "x + x ** 2", ("4",), domain="x >= 1")
    report = check_gradients(lambda x: apply(wrong, x), at=1.0)
    assert [each.verdict for each in report.inputs] == ["DIFFERS"]


def test_a_hessian_that_is_wrong_at_kinks_blames_the_kinks():
    report = check_gradients(lambda x: abs(x) * abs(x), 0.0, order=2)
    assert [each.verdict for each in report.hessian] == ["DIFFERS"]
    assert "at their kinks" in report.suspect
    assert "detach" not in report.suspect
