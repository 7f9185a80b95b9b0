"""The native executor: agreement at every width, over a batch and for each example, and what nan and infinity do."""

import math
import random
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("llvmlite")


import autograd
from autograd import OPS, Value, relu, total
from autograd.compiled.native import Native, machine
from autograd.compiled.native.kernels import memory
from autograd.compiled.native.llvm import jit
from autograd.compiled.native.plan import batch
from autograd.compiled.plain import Plain
from autograd.compiled.tape import Instruction, Tape
from nn import MLP
from tests.compiled.networks import examples, network, tape_of
from tests.compiled.oracle import eager, error
from tests.compiled.tapes import drawn
from tests.sweeps import sweep

ROOT = Path(__file__).parents[2]
LANES = [8, 4, 2, 1]
WIDTHS = sweep("random functions at other widths", sample=60, full=1200)
EACH_EXAMPLE = sweep("random functions, native, each example", sample=40, full=800)


# --- agreement -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu"])
def test_every_batch_at_every_width(lanes, activation):
    tape, theta = network(activation, penalty=0.01)
    native, plain = Native(tape, lanes=lanes), Plain(tape)
    for count in range(1, 34):
        X = examples(count, 4, count)
        got, expected = native.bind(X), plain.bind(X)
        (value, gradient), (true_value, true_gradient) = got.gradient(theta), expected.gradient(theta)
        assert error(value, true_value) < 1e-13
        assert error(gradient, true_gradient) < 1e-13
        assert error(got.value(theta), true_value) < 1e-13
        assert error(got.outputs(theta), expected.outputs(theta)) < 1e-13


@pytest.mark.parametrize("lanes", [4, 2, 1])
def test_random_functions_at_other_widths(lanes):
    for case in WIDTHS.cases(f"{lanes} lanes"):
        function = drawn(case)
        if len(function.outputs) > 1:
            continue
        truth, values = eager(function), function.values()
        width = function.examples.shape[1]
        tape = autograd.compile(function.function(values), values, shapes=[(width,)]).tape
        value, gradient = Native(tape, lanes=lanes).bind(function.examples).gradient(np.array(function.parameters))
        slopes = truth.slopes[:, 0]
        scale = max(1e-3 * truth.paths, np.abs(slopes).max(initial=0.0))
        assert WIDTHS.error(error(value, truth.outputs.mean(), np.abs(truth.outputs).max())) < 1e-12
        assert WIDTHS.error(error(gradient, slopes.mean(axis=0), scale)) < 1e-12


def test_sums_and_means():
    tape, theta = network()
    X = examples(21, 4)
    mean, added = (Native(tape).bind(X, mean=mean) for mean in (True, False))
    assert error(added.gradient(theta)[1], 21 * mean.gradient(theta)[1]) < 1e-14
    assert error(added.value(theta), 21 * mean.value(theta)) < 1e-14


def test_results_are_arrays_of_their_own():
    tape, theta = network()
    for count in (1, 20):
        step = Native(tape).bind(examples(count, 4))
        first = step.gradient(theta)[1]
        kept = first.copy()
        step.gradient(2 * theta)
        assert (first == kept).all()


# --- one example, and each example ----------------------------------------------------------------------------------


def unrolled(count, activation, penalty):
    """micrograd's way: one graph for the loss over all examples; and the network's parameters."""
    model = MLP(2, [8, 5, 1], activation=activation, seed=1)
    rng = random.Random(0)
    losses = [relu(1 + -rng.choice([-1, 1]) * model([rng.uniform(-1, 1), rng.uniform(-1, 1)])) for _ in range(count)]
    return total(losses) / count + penalty * total(p * p for p in model.parameters()), model.parameters()


@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus"])
@pytest.mark.parametrize("penalty", [0.0, 1e-3])
def test_an_unrolled_loss_agrees_with_eager(activation, penalty):
    loss, parameters = unrolled(20, activation, penalty)
    loss.backward()
    theta = np.array([parameter.data for parameter in parameters])
    value, gradient = Native(tape_of(loss, parameters)).bind(np.empty((1, 0))).gradient(theta)
    assert error(value, loss.data) < 1e-13
    assert error(gradient, [parameter.grad for parameter in parameters]) < 1e-13


def each_example(function, lanes):
    """The largest error of ``per_example`` for a random function, with respect to its parameters and inputs."""
    values, width = function.values(), function.examples.shape[1]
    tape = autograd.compile(function.function(values), values, shapes=[(width,)]).tape
    truth, worst = eager(function), 0.0
    for k in range(len(function.outputs)):
        one = Native(tape.restrict_to_output(k).with_inputs(), lanes=lanes).bind(function.examples)
        got, slopes = one.per_example(np.array(function.parameters))
        expected = np.concatenate([truth.slopes[:, k], truth.input_slopes[:, k]], axis=1)
        worst = max(worst, error(got, truth.outputs[:, k]), error(slopes, expected, 1e-3 * truth.paths))
    return worst


def test_each_example_of_random_functions_agrees_with_eager():
    for case in EACH_EXAMPLE.cases():
        assert EACH_EXAMPLE.error(each_example(drawn(case), lanes=LANES[case % 4])) < 1e-12


def neuron(w, x):
    return w[0] + w[1] * x[0] + w[2] * x[1]


FUNCTIONS = {
    "a parameter": lambda w, x: w[1],
    "parameters alone": lambda w, x: w[0] * autograd.exp(w[1]),
    "an input": lambda w, x: x[1],
    "no parameter": lambda w, x: autograd.exp(x[0]) * x[1],
    "computed weights": lambda w, x: autograd.exp(w[0]) * x[0] + (w[1] * w[2]) * x[1] + w[0],
    "a penalty": lambda w, x: neuron(w, x) ** 2 + 0.1 * total(weight * weight for weight in w),
    "a weight twice in a row": lambda w, x: w[0] * x[0] + w[0] * x[1],
    "a weight in two matrices": lambda w, x: autograd.tanh(neuron(w, x)) + autograd.exp(w[2] * x[1] + w[1] * x[2]),
    "a matrix twice": lambda w, x: autograd.tanh(neuron(w, x)) * neuron(w, [x[2], x[0]]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("lanes", LANES)
def test_each_example_of_odd_functions(name, lanes):
    w = [Value(0.3 * k - 0.5, f"w{k}") for k in range(3)]
    tape = autograd.compile(lambda x: FUNCTIONS[name](w, x), w, shapes=[(3,)]).tape
    theta = np.array([weight.data for weight in w])
    for differentiated in (tape, tape.with_inputs()):
        for count in (1, 2, 9, 21):
            X = examples(count, 3)
            got, expected = Native(differentiated, lanes=lanes).bind(X), Plain(differentiated).bind(X)
            pairs = zip(got.per_example(theta), expected.per_example(theta), strict=True)
            assert max(error(*pair) for pair in pairs) < 1e-13
            assert error(got.outputs(theta), expected.outputs(theta)) < 1e-13
            assert error(got.value(theta), expected.value(theta)) < 1e-13
            (value, gradient), (true_value, true_gradient) = got.gradient(theta), expected.gradient(theta)
            assert error(value, true_value) < 1e-13
            assert error(gradient, true_gradient) < 1e-13


@pytest.mark.parametrize("lanes", LANES)
def test_each_example_of_every_batch(lanes):
    tape, theta = network("tanh", (3, 9, 6), penalty=0.01)
    native, plain = Native(tape, lanes=lanes), Plain(tape)
    for count in range(1, 34):
        X = examples(count, 4, count)
        (values, gradients), expected = native.bind(X).per_example(theta), plain.bind(X).per_example(theta)
        assert error(values, expected[0]) < 1e-13
        assert error(gradients, expected[1]) < 1e-13


@pytest.mark.parametrize(
    ("module", "name", "wrong"),
    [
        (memory, "_transposed", lambda code, square: square),  # each example gets numbers of its neighbours
        (batch, "AddToTotal", lambda lanes: memory.Copy(lanes)),  # only the last place of a weight counts
    ],
)
def test_a_planted_bug_of_per_example_is_caught(monkeypatch, module, name, wrong):
    fresh = jit.Library()
    monkeypatch.setattr(machine, "library", lambda: fresh)
    monkeypatch.setattr(module, name, wrong)
    w = [Value(0.3 * k - 0.5, f"w{k}") for k in range(3)]
    tape = autograd.compile(lambda x: FUNCTIONS["a weight twice in a row"](w, x), w, shapes=[(3,)]).tape
    theta, X = np.array([weight.data for weight in w]), examples(20, 3)
    gradients = [executor(tape).bind(X).per_example(theta)[1] for executor in (Native, Plain)]
    assert error(*gradients) > 1e-2


# --- nan and infinity --------------------------------------------------------------------------------------------------

EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 20.0, -20.0, 710.0, -746.0, 1e300, -1e300, math.inf, -math.inf, math.nan]


@pytest.mark.parametrize("name", [*OPS])
@pytest.mark.parametrize("lanes", [8, 1])
def test_edges_are_those_of_ieee_754(name, lanes):
    op = OPS[name].at(2.5) if OPS[name].is_family else OPS[name]
    pairs = [(x, y) for x in EDGES for y in EDGES] if op.arity == 2 else [(x,) for x in EDGES]
    tape = Tape(
        0, op.arity, (), (Instruction(op, 0, *([1] if op.arity == 2 else [])),), (op.arity,), num_differentiated=op.arity
    )
    native = Native(tape, lanes=lanes).bind(np.array(pairs))
    expected = [tuple(map(float, op.ieee(*pair))) for pair in pairs]
    outputs = native.outputs(np.empty(0))[:, 0]
    agree = np.isclose(outputs, [value for value, *_ in expected], rtol=1e-13, atol=0, equal_nan=True)
    assert agree.all(), [(pairs[k], outputs[k], expected[k]) for k in np.flatnonzero(~agree)][:5]
    slopes = native.per_example(np.empty(0))[1]
    agree = np.isclose(slopes, [partials for _, *partials in expected], rtol=1e-13, atol=0, equal_nan=True).all(axis=1)
    assert agree.all(), [(pairs[k], slopes[k], expected[k]) for k in np.flatnonzero(~agree)][:5]


@pytest.mark.parametrize("name", [name for name, op in OPS.items() if op.is_rectifier])
def test_the_derivative_of_a_rectifier_is_that_at_its_result(name):
    kernel = OPS[name].ieee
    for x in EDGES:
        out, slope = kernel(x)
        again, same = kernel(out)
        np.testing.assert_array_equal([again, same], [out, slope])


@pytest.mark.parametrize("lanes", LANES)
def test_idle_lanes_leave_no_trace(lanes):
    """At 0 the derivative of sqrt is infinite. Idle lanes have adjoint 0 and make nan of it; they are masked to zero."""
    w = Value(1.0, "w")
    tape = autograd.compile(lambda x: autograd.sqrt(w * x), [w], shapes=[()]).tape
    theta = np.array([0.0])
    for count in (2, 3, 5, 9, 11, 33):
        value, gradient = Native(tape, lanes=lanes).bind(np.ones((count, 1))).gradient(theta)
        assert value == 0.0
        assert gradient.tolist() == [math.inf]


@pytest.mark.parametrize(("activation", "large"), [(relu, math.inf), (autograd.exp, 2000.0), (autograd.exp, math.inf)])
@pytest.mark.parametrize("lanes", [8, 4, 2])
def test_idle_lanes_of_a_matrix_leave_no_trace(activation, large, lanes):
    """An infinite activation makes infinite derivatives; the lanes that repeat the example must not make nan of them."""
    w = [Value(0.5, f"w{k}") for k in range(9)]

    def fn(x):
        hidden = [activation(w[3 * k] + w[3 * k + 1] * x[0] + w[3 * k + 2] * x[1]) for k in range(2)]
        return w[6] + w[7] * hidden[0] + w[8] * hidden[1]

    tape, theta = autograd.compile(fn, w, shapes=[(2,)]).tape, np.array([weight.data for weight in w])
    for count in (3, 11):
        X = np.abs(examples(count, 2))
        X[0, 1] = large
        got, expected = Native(tape, lanes=lanes).bind(X).gradient(theta), Plain(tape).bind(X).gradient(theta)
        assert np.isinf(expected[1]).any()
        np.testing.assert_allclose(got[0], expected[0])
        np.testing.assert_allclose(got[1], expected[1], rtol=1e-13)


def test_a_nan_stays_in_its_own_example():
    tape, theta = network("relu")
    X = examples(20, 4)
    X[7, 1] = math.nan
    outputs = Native(tape).bind(X).outputs(theta)[:, 0]
    assert [k for k in range(20) if math.isnan(outputs[k])] == [7]
    assert math.isnan(Native(tape).bind(X).gradient(theta)[0])
