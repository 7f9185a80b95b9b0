"""where in compiled functions: each example takes its own side, and the other adds nothing, be it inf or nan."""

import math
from contextlib import suppress

import numpy as np
import pytest

import autograd
from autograd import DomainError, Value, equal, grad, less, log, sqrt, where
from autograd.compiled import load
from tests.compiled.choices import Recorded, drawn
from tests.compiled.oracle import EXECUTORS
from tests.sweeps import sweep

CHOOSING = sweep("random functions that choose", sample=60, full=2400)
CLOSE = 1e-9  # relative to the numbers in a function, which are 50 at most

executors = pytest.mark.parametrize("executor", EXECUTORS)


# --- random functions ---------------------------------------------------------------------------------------------------


def off(got, wanted):
    """The largest difference relative to 1 or to the number; inf for nan."""
    got, wanted = np.asarray(got, dtype=float), np.asarray(wanted, dtype=float)
    differences = np.abs(got - wanted) / np.maximum(1.0, np.abs(wanted))
    return float(np.where(np.isnan(differences), np.inf, differences).max(initial=0.0))


def eager_error(choosing, known):
    """How far backward() is from Python's choices, with conditions that are Python's or recorded."""
    worst = 0.0
    for x, value, gradient in zip(choosing.examples, choosing.values, choosing.gradients, strict=True):
        leaves = [Value(each) for each in (*choosing.parameters, *x)]
        output = choosing.function(Recorded(known), leaves[:2])(leaves[2:])
        output.backward()
        worst = max(worst, off(output.data, value), off([leaf.grad for leaf in leaves], gradient))
    return worst


def compiled_error(choosing, executor):
    """How far a program is: per example, over the batch, and with respect to the inputs."""
    parameters = [Value(each, f"w{k}") for k, each in enumerate(choosing.parameters)]
    program = autograd.compile(choosing.function(Recorded(), parameters), parameters, executor=executor)
    values, slopes = program.per_example(choosing.examples)
    value, gradients = program(choosing.examples)
    [inputs] = program.input_gradients(choosing.examples)
    wanted = np.array(choosing.gradients)
    return max(
        off(values, choosing.values),
        off(slopes, wanted[:, :2]),
        off(value, np.mean(choosing.values)),
        off(gradients, wanted[:, :2].mean(axis=0)),
        off(np.asarray(inputs) * len(choosing.examples), wanted[:, 2:]),
    )


@pytest.mark.parametrize("known", [True, False], ids=["known", "recorded"])
def test_random_functions_that_choose(known):
    for case in CHOOSING.cases():
        assert CHOOSING.error(eager_error(drawn(case), known)) < CLOSE


@executors
def test_random_functions_that_choose_compiled(executor):
    for case in CHOOSING.cases():
        assert CHOOSING.error(compiled_error(drawn(case), executor)) < CLOSE


@pytest.mark.parametrize(
    "wrong",
    [
        lambda self, holds, a, b: where(holds, b, a),
        lambda self, holds, a, b: a() + 0 * b(),
        lambda self, holds, a, b: where(holds, lambda: autograd.detach(a()), b),
    ],
    ids=["sides exchanged", "one side for all", "a side that is not differentiated"],
)
def test_a_planted_bug_is_found(wrong, monkeypatch):
    monkeypatch.setattr(Recorded, "choose", wrong)
    found = []
    for case in range(20):
        with suppress(DomainError):
            found.append(eager_error(drawn(case), known=False))
    assert max(found) > 1e-3


# --- the side that is not taken -----------------------------------------------------------------------------------------

SIDES = [-2.0, -1.0, 0.0, 1.0, 4.0]  # outside the domains of log and sqrt, on their edge, and inside
GUARDED = {
    "log": (lambda x: where(x > 0, log(x), 0.0), lambda x: math.log(x) if x > 0 else 0.0, lambda x: 1 / x if x > 0 else 0.0),
    "sqrt": (lambda x: where(x > 0, sqrt(x), x), lambda x: math.sqrt(x) if x > 0 else x, lambda x: 0.5 / math.sqrt(x) if x > 0 else 1.0),
    "sqrt at its edge": (lambda x: where(x < 1, x * x, sqrt(x - 1)), lambda x: x * x if x < 1 else math.sqrt(x - 1),
                         lambda x: 2 * x if x < 1 else 0.5 / math.sqrt(x - 1) if x > 1 else math.inf),
    "quotient": (lambda x: where(equal(x, 0), 1.0, autograd.sin(x) / x), lambda x: math.sin(x) / x if x else 1.0,
                 lambda x: (math.cos(x) - math.sin(x) / x) / x if x else 0.0),
    "the slope of sinc": (lambda x: grad(autograd.sinc(x / 2), [x], create_graph=True)[0],
                          lambda x: (math.cos(math.pi * x / 2) - autograd.sinc(x / 2)) / x if x else 0.0,
                          lambda x: -((math.pi / 2) ** 2) * autograd.sinc(x / 2)
                          - 2 * (math.cos(math.pi * x / 2) - autograd.sinc(x / 2)) / x**2 if x else -((math.pi / 2) ** 2) / 3),
    "clipped": (lambda x: where(~((x >= -1) & (x <= 1)), 0.0, autograd.asin(x / 2)), lambda x: math.asin(x / 2) if abs(x) <= 1 else 0.0,
                lambda x: 1 / math.sqrt(4 - x * x) if abs(x) <= 1 else 0.0),
    "overflow": (lambda x: where(x < 2, autograd.exp(x), autograd.exp(400 * x) - autograd.exp(400 * x)),
                 lambda x: math.exp(x) if x < 2 else math.nan, lambda x: math.exp(x) if x < 2 else math.nan),
}  # fmt: skip


@executors
@pytest.mark.parametrize("name", GUARDED)
def test_the_side_that_is_not_taken_adds_nothing(name, executor):
    function, value, slope = GUARDED[name]
    w = Value(3.0, "w")
    program = autograd.compile(lambda x: w * function(x), [w], executor=executor)
    for lanes in (SIDES, SIDES[:1], 5 * SIDES):
        values, gradients = program.per_example(lanes)
        assert values == pytest.approx([3 * value(x) for x in lanes], rel=1e-14, nan_ok=True)
        assert gradients[:, 0] == pytest.approx([value(x) for x in lanes], rel=1e-14, nan_ok=True)
        [inputs] = program.input_gradients(lanes)
        assert inputs * len(lanes) == pytest.approx([3 * slope(x) for x in lanes], rel=1e-14, nan_ok=True)


@executors
def test_a_parameter_behind_the_side_that_is_not_taken(executor):
    w = Value(-4.0, "w")
    program = autograd.compile(lambda x: where(x > w, x * w, sqrt(w)), [w], executor=executor)
    value, gradients = program([1.0, 2.0])
    assert (value, gradients.tolist()) == (-6.0, [1.5])


@executors
def test_second_derivatives_take_the_side_too(executor):
    def curvature(x):
        y = where(x > 0, x**3, sqrt(-x) * x)
        [first] = grad(y, [x], create_graph=True)
        return grad(first, [x], create_graph=True)[0]

    values = autograd.compile(curvature, executor=executor).per_example([2.0, -4.0]).values
    assert values == pytest.approx([12.0, -0.75 / 2], rel=1e-14)


@executors
def test_a_comparison_with_nan_is_false_as_in_python(executor):
    program = autograd.compile(lambda x, y: where(sqrt(x) < y, 1.0, where(~(y < sqrt(x)), 2.0, 3.0)), executor=executor)
    assert program.per_example([-1.0, 4.0, 4.0, 4.0], [0.0, 3.0, 2.0, 1.0]).values.tolist() == [2.0, 1.0, 2.0, 3.0]


# --- check=True ---------------------------------------------------------------------------------------------------------


@executors
def test_check_does_not_accuse_the_side_that_is_not_taken(executor):
    w = Value(1.0, "w")
    program = autograd.compile(lambda x: where(x > 0, log(x) * w, x), [w], check=True, executor=executor)
    value, gradients = program([-1.0, 1.0])
    assert (value, gradients.tolist()) == (-0.5, [0.0])


@executors
def test_check_accuses_the_side_that_is_taken(executor):
    program = autograd.compile(lambda x: where(x > -3, log(x), x), check=True, executor=executor)
    assert program.value([1.0, -4.0]) == -2.0
    with pytest.raises(DomainError, match=r"example 1, v2 = log\(x\) .*log\(x\) needs x > 0, but x = -2\.0"):
        program.value([1.0, -2.0])


# --- saved programs -----------------------------------------------------------------------------------------------------


def test_a_program_that_chooses_is_saved_and_loaded(tmp_path):
    w = Value(0.5, "w")
    program = autograd.compile(
        lambda x: where((x > w) | equal(x, -1), log(x) * w, less(x, 0)), [w], shapes=[()], executor="plain"
    )
    program.save(tmp_path / "choice.json")
    again = load(tmp_path / "choice.json", executor="plain")
    assert again.tape == program.tape
    data = [-2.0, 0.25, 3.0]
    assert (
        again.per_example(data).values.tolist() == program.per_example(data).values.tolist() == [1.0, 0.0, 0.5 * math.log(3.0)]
    )
