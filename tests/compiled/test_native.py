"""The native executor: agreement at every width, exactness for one example, and numbers that are none."""

import math
import random
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("llvmlite")


import autograd
from autograd import OPS, Value, relu, total
from autograd.compiled.native import Native
from autograd.compiled.native.kernels import row_facts
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
TO_THE_BIT = sweep("random functions, native, one example at a time", sample=40, full=800)


# --- agreement -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu"])
def test_every_batch_at_every_width(lanes, activation):
    tape, theta = network(activation, penalty=0.01)
    native, plain = Native(tape, lanes=lanes), Plain(tape)
    for count in range(1, 34):
        X = examples(count, 4, count)
        got, wanted = native.bind(X), plain.bind(X)
        (value, gradient), (true_value, true_gradient) = got.gradient(theta), wanted.gradient(theta)
        assert error(value, true_value) < 1e-13
        assert error(gradient, true_gradient) < 1e-13
        assert error(got.value(theta), true_value) < 1e-13
        assert error(got.outputs(theta), wanted.outputs(theta)) < 1e-13


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
        assert error(value, truth.outputs.mean(), np.abs(truth.outputs).max()) < 1e-12
        assert error(gradient, slopes.mean(axis=0), max(1e-3 * truth.paths, np.abs(slopes).max(initial=0.0))) < 1e-12


def test_sums_and_means():
    tape, theta = network()
    X = examples(21, 4)
    mean, added = (Native(tape).bind(X, mean=each) for each in (True, False))
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


# --- one example, to the last bit --------------------------------------------------------------------------------------


def unrolled(count, activation, penalty):
    """micrograd's way: one graph for the loss over all examples; and the network's parameters."""
    model = MLP(2, [8, 5, 1], activation=activation, seed=1)
    rng = random.Random(0)
    losses = [relu(1 + -rng.choice([-1, 1]) * model([rng.uniform(-1, 1), rng.uniform(-1, 1)])) for _ in range(count)]
    return total(losses) / count + penalty * total(p * p for p in model.parameters()), model.parameters()


@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus"])
@pytest.mark.parametrize("penalty", [0.0, 1e-3])
def test_an_unrolled_loss_is_eager_s_to_the_last_bit(activation, penalty):
    loss, parameters = unrolled(20, activation, penalty)
    loss.backward()
    theta = np.array([each.data for each in parameters])
    value, gradient = Native(tape_of(loss, parameters)).bind(np.empty((1, 0))).gradient(theta)
    assert value == loss.data
    assert gradient.tolist() == [each.grad for each in parameters]


def test_random_functions_are_eager_s_to_the_last_bit():
    for case in TO_THE_BIT.cases():
        function = drawn(case)
        values, width = function.values(), function.examples.shape[1]
        tape = autograd.compile(function.function(values), values, shapes=[(width,)]).tape
        truth = eager(function)
        for k in range(len(function.outputs)):
            one = Native(tape.restrict_to_output(k).with_inputs()).bind(function.examples)
            got, slopes = one.per_example(np.array(function.parameters))
            assert got.tolist() == truth.outputs[:, k].tolist()
            assert slopes.tolist() == np.concatenate([truth.slopes[:, k], truth.input_slopes[:, k]], axis=1).tolist()


def test_lanes_of_exact_matrices_make_no_difference():
    loss, parameters = unrolled(3, "tanh", 0.0)
    tape, theta = tape_of(loss, parameters), np.array([each.data for each in parameters])
    results = [Native(tape, lanes=lanes).bind(np.empty((1, 0))).gradient(theta) for lanes in (8, 4, 2)]
    assert all(value == results[0][0] and (gradient == results[0][1]).all() for value, gradient in results)


def test_a_power_is_the_c_library_s():
    w = Value(1.1, "w")
    tape = autograd.compile(lambda x: (w * x) ** 2, [w], shapes=[()]).tape
    numbers = examples(200, 1)
    got = Native(tape, lanes=1).bind(numbers).per_example(np.array([1.1]))[0]
    assert got.tolist() == [math.pow(1.1 * x, 2) for x in numbers[:, 0].tolist()]


# --- numbers that are none ---------------------------------------------------------------------------------------------

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
    wanted = [tuple(map(float, op.ieee(*pair))) for pair in pairs]
    outputs = native.outputs(np.empty(0))[:, 0]
    agree = np.isclose(outputs, [each[0] for each in wanted], rtol=1e-13, atol=0, equal_nan=True)
    assert agree.all(), [(pairs[k], outputs[k], wanted[k]) for k in np.flatnonzero(~agree)][:5]
    slopes = native.per_example(np.empty(0))[1]
    agree = np.isclose(slopes, [each[1:] for each in wanted], rtol=1e-13, atol=0, equal_nan=True).all(axis=1)
    assert agree.all(), [(pairs[k], slopes[k], wanted[k]) for k in np.flatnonzero(~agree)][:5]


@pytest.mark.parametrize("name", sorted(row_facts.IDEMPOTENT))
def test_the_derivative_of_an_idempotent_operation_is_that_at_its_result(name):
    kernel = OPS[name].ieee
    for x in EDGES:
        out, slope = kernel(x)
        again, same = kernel(out)
        np.testing.assert_array_equal([again, same], [out, slope])


@pytest.mark.parametrize("lanes", LANES)
def test_idle_lanes_leave_no_trace(lanes):
    """The derivative of sqrt is infinite at 0; the lanes that repeat the example with adjoint 0 make nan of it, and are wiped."""
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

    tape, theta = autograd.compile(fn, w, shapes=[(2,)]).tape, np.array([each.data for each in w])
    for count in (3, 11):
        X = np.abs(examples(count, 2))
        X[0, 1] = large
        got, wanted = Native(tape, lanes=lanes).bind(X).gradient(theta), Plain(tape).bind(X).gradient(theta)
        assert np.isinf(wanted[1]).any()
        np.testing.assert_allclose(got[0], wanted[0])
        np.testing.assert_allclose(got[1], wanted[1], rtol=1e-13)


def test_a_nan_stays_in_its_own_example():
    tape, theta = network("relu")
    X = examples(20, 4)
    X[7, 1] = math.nan
    outputs = Native(tape).bind(X).outputs(theta)[:, 0]
    assert [k for k in range(20) if math.isnan(outputs[k])] == [7]
    assert math.isnan(Native(tape).bind(X).gradient(theta)[0])
