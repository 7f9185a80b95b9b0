"""The native executor: agreement at every width, exactness for one example, threads, and what is compiled when."""

import ctypes
import math
import random
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import mpmath

import autograd
from autograd import OPS, Value, relu, total
from autograd.compiled import choice
from autograd.compiled.native import Native, bound, elementary, formula, fusion, jit, machine
from autograd.compiled.native.block import Batch
from autograd.compiled.native.ir import Code
from autograd.compiled.native.moves import CELLS
from autograd.compiled.native.stream import Arena
from autograd.compiled.plain import Plain
from autograd.compiled.tape import Row, Tape
from nn import MLP
from tests.compiled.oracle import eager, error
from tests.compiled.tapes import drawn

ROOT = Path(__file__).parents[2]
LANES = [8, 4, 2, 1]


def network(activation="tanh", sizes=(3, 5, 6), seed=0, penalty=0.0):
    """The tape of a loss of a network, and its parameters' numbers."""
    model = MLP(sizes[0], [*sizes[1:], 1], activation=activation, seed=seed)

    def loss(x, y):
        data = (model(x) - y) ** 2
        return data + penalty * total(p * p for p in model.parameters()) if penalty else data

    compiled = autograd.compile(loss, model.parameters(), shapes=[(sizes[0],), ()])
    return compiled.tape, compiled.parameters()


def examples(count, width, seed=0):
    return np.random.default_rng(seed).normal(size=(count, width))


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
    for seed in range(60):
        function = drawn(seed)
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


def tape_of(output, parameters):
    """The tape of a graph that is there."""
    slots = {each: k for k, each in enumerate(parameters)}
    order = autograd.topological_order(output)
    constants = list(dict.fromkeys(float(each.data) for each in order if not each.inputs and each not in slots))
    slots |= {
        each: len(parameters) + constants.index(float(each.data)) for each in order if not each.inputs and each not in slots
    }
    rows = [each for each in order if each.inputs]
    slots |= {each: len(parameters) + len(constants) + k for k, each in enumerate(rows)}
    listed = tuple(Row(each.op, *(slots[operand] for operand in each.inputs)) for each in rows)
    return Tape(len(parameters), 0, tuple(constants), listed, (slots[output],), wanted=len(parameters))


@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus"])
@pytest.mark.parametrize("penalty", [0.0, 1e-3])
def test_an_unrolled_loss_is_eager_s_to_the_last_bit(activation, penalty):
    loss, parameters = unrolled(20, activation, penalty)
    loss.backward()
    theta = np.array([each.data for each in parameters])
    value, gradient = Native(tape_of(loss, parameters)).bind(np.empty((1, 0))).gradient(theta)
    assert value == loss.data
    assert gradient.tolist() == [each.grad for each in parameters]


@pytest.mark.parametrize("seed", range(40))
def test_random_functions_are_eager_s_to_the_last_bit(seed):
    function = drawn(seed)
    values, width = function.values(), function.examples.shape[1]
    tape = autograd.compile(function.function(values), values, shapes=[(width,)]).tape
    truth = eager(function)
    for k in range(len(function.outputs)):
        one = Native(tape.only(k).with_inputs()).bind(function.examples)
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
    tape = Tape(0, op.arity, (), (Row(op, 0, *([1] if op.arity == 2 else [])),), (op.arity,), wanted=op.arity)
    native = Native(tape, lanes=lanes).bind(np.array(pairs))
    wanted = [tuple(map(float, op.ieee(*pair))) for pair in pairs]
    outputs = native.outputs(np.empty(0))[:, 0]
    agree = np.isclose(outputs, [each[0] for each in wanted], rtol=1e-13, atol=0, equal_nan=True)
    assert agree.all(), [(pairs[k], outputs[k], wanted[k]) for k in np.flatnonzero(~agree)][:5]
    slopes = native.per_example(np.empty(0))[1]
    agree = np.isclose(slopes, [each[1:] for each in wanted], rtol=1e-13, atol=0, equal_nan=True).all(axis=1)
    assert agree.all(), [(pairs[k], slopes[k], wanted[k]) for k in np.flatnonzero(~agree)][:5]


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


# --- functions of vectors ----------------------------------------------------------------------------------------------


class Applied:
    """A kernel of the tests: a primitive on one vector."""

    def __init__(self, name, lanes):
        self.function, self.lanes, self.name = name, lanes, f"applied.{name}.x{lanes}"

    def write(self):
        code = Code(self.name, "ptr %x, ptr %y", self.lanes)
        code.store(formula.Formula(code, exact=False).of(f"{self.function}(x)", {"x": code.load("%x")}), "%y")
        code.end("ret void")
        return code


def applied(name, lanes, numbers):
    kernel = Applied(name, lanes)
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(jit.library().addresses([kernel])[kernel.name])
    results = np.empty_like(numbers)
    for start in range(0, len(numbers), lanes):
        call(numbers[start:].ctypes.data, results[start:].ctypes.data)
    return results


@pytest.mark.parametrize("lanes", [8, 4, 2])
@pytest.mark.parametrize("name", [*elementary.FUNCTIONS])
def test_functions_written_out_are_good_to_4_units_in_the_last_place(name, lanes):
    rng = np.random.default_rng(0)
    numbers = np.concatenate([scale * rng.normal(size=400) for scale in (1e-8, 1e-3, 0.3, 1.0, 5.0, 150.0)])
    numbers = numbers[np.abs(numbers) < 700]
    numbers = numbers[: len(numbers) // 8 * 8]
    with mpmath.workdps(40):
        for x, y in zip(numbers.tolist(), applied(name, lanes, numbers).tolist(), strict=True):
            truth = getattr(mpmath, name)(mpmath.mpf(x))
            assert abs(y - truth) <= 4 * math.ulp(float(truth))


@pytest.mark.parametrize("lanes", [8, 4, 2])
def test_functions_written_out_at_the_edges(lanes):
    numbers = np.array(
        [math.nan, math.inf, -math.inf, 0.0, -0.0, 709.7, 710.5, -745.1, -746.5, 5e-324, 1e308, -1e308, 0, 0, 0, 0]
    )
    exps, tanhs = (applied(name, lanes, numbers) for name in ("exp", "tanh"))
    wanted = [math.nan, math.inf, 0.0, 1.0, 1.0, math.exp(709.7), math.inf, 5e-324, 0.0, 1.0, math.inf, 0.0, 1, 1, 1, 1]
    np.testing.assert_allclose(exps, wanted, rtol=1e-15)
    np.testing.assert_array_equal(tanhs[:12], [math.nan, 1, -1, 0, -0.0, 1, 1, -1, -1, 5e-324, 1, -1])
    assert np.signbit(tanhs[4])
    assert not np.signbit(tanhs[3])


def test_without_vector_functions_lanes_go_one_by_one(monkeypatch):
    monkeypatch.setattr(formula, "vector_function", lambda name, lanes: None)
    fresh = jit.Library()
    monkeypatch.setattr(machine, "library", lambda: fresh)
    tape, theta = network("sigmoid")
    tape = autograd.compile(lambda x: autograd.log(1 + autograd.sin(x) ** 2) ** 1.5, shapes=[()]).tape
    X = examples(19, 1)
    assert error(Native(tape).bind(X).outputs(theta[:0]), Plain(tape).bind(X).outputs(theta[:0])) < 1e-14


# --- threads, memory, compilation ----------------------------------------------------------------------------------------


def test_threads_agree_and_repeat_themselves(monkeypatch):
    monkeypatch.setattr(bound, "OPERATIONS_PER_THREAD", 1)
    tape, theta = network(penalty=0.01)
    X = examples(500, 4)
    one = Native(tape).bind(X).gradient(theta)
    for threads in (2, 3):
        step = Native(tape, threads=threads).bind(X)
        assert len(step._machines) == threads
        value, gradient = step.gradient(theta)
        assert error(value, one[0]) < 1e-14
        assert error(gradient, one[1]) < 1e-14
        for _ in range(20):
            again, same = step.gradient(theta)
            assert again == value
            assert (same == gradient).all()
        assert error(step.outputs(theta), Native(tape).bind(X).outputs(theta)) == 0.0
        assert error(step.value(theta), one[0]) < 1e-14


def test_calls_from_several_threads_take_turns():
    tape, theta = network()
    for count in (1, 100):
        step = Native(tape).bind(examples(count, 4))
        wanted = {k: step.gradient(k * theta)[1].tolist() for k in (1, 2, 3)}
        wrong = []

        def work(k, step=step, wanted=wanted, wrong=wrong):
            wrong.extend(1 for _ in range(300) if step.gradient(k * theta)[1].tolist() != wanted[k])

        threads = [threading.Thread(target=work, args=(k,)) for k in wanted]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert not wrong


def test_little_work_stays_in_one_thread():
    tape, _ = network()
    assert len(Native(tape, threads=2).bind(examples(100, 4))._machines) == 1
    assert len(Native(tape, threads=2).bind(examples(100_000, 4))._machines) == 2


def test_memory_is_that_of_a_block_whatever_the_batch():
    tape, _ = network()
    small, large = (Native(tape).bind(examples(count, 4)) for count in (40, 4000))
    assert small._machines[0]._memory.size == large._machines[0]._memory.size


def test_slots_take_turns():
    """A block has room for a few layers, however deep the network is."""
    tapes = [network("tanh", (2, *[16] * depth))[0] for depth in (2, 8)]
    sizes = []
    for tape in tapes:
        arena = Arena(CELLS)
        layout = Batch(arena, tape, 8)
        sizes.append(max([*layout._primal.values(), *layout._adjoint.values()]) - min(layout._primal.values()))
    assert sizes[1] < 4 * sizes[0]  # of 16 x 8 layers only the activations stay


LIGHT = {"relu": True, "abs": True, "step": True, "tanh": False, "sigmoid": False, "leaky_relu": False, "mul": False}


def test_light_operations_run_with_a_matrix():
    assert {name: fusion.is_light(OPS[name]) for name in LIGHT} == LIGHT
    tape, _ = network("relu", (2, 8, 8))
    layout = Batch(Arena(CELLS), tape, 8)
    with_activation = [[str(step) for step in unit] for unit in layout._forward if len(unit) > 1]
    assert with_activation == [["matrix 8 x 2 with bias", "8 x ReLU"], ["matrix 8 x 8 with bias", "8 x ReLU"]]
    assert sum(len(unit) > 1 for unit in layout._backward) == 2


@pytest.mark.parametrize("name", sorted(fusion.IDEMPOTENT))
def test_the_derivative_of_an_idempotent_operation_is_that_at_its_result(name):
    kernel = OPS[name].ieee
    for x in EDGES:
        out, slope = kernel(x)
        again, same = kernel(out)
        np.testing.assert_array_equal([again, same], [out, slope])


def test_what_only_an_activation_reads_gets_no_memory():
    tape, _ = network("relu", (2, 8, 8))
    layout = Batch(Arena(CELLS), tape, 8)
    relus = [step for unit in layout._forward for step in unit[1:]]
    assert len(relus) == 2
    assert all(slot not in layout._primal for step in relus for slot in step.x)
    assert all(slot in layout._primal for step in relus for slot in step.out)


@pytest.mark.parametrize("used", ["operand", "result", "both", "neither"])
def test_an_activation_whose_numbers_are_read_elsewhere_too(used):
    w = [Value(0.3 * k - 1.2, f"w{k}") for k in range(12)]

    def fn(x):
        a = [w[3 * k] + w[3 * k + 1] * x[0] + w[3 * k + 2] * x[1] for k in range(2)]
        h = [relu(each) for each in a]
        out = w[6] * h[0] + w[7] * h[1]
        if used in ("operand", "both"):
            out = out * a[0]
        if used in ("result", "both"):
            out = out + (w[8] * h[0] + w[9] * h[1]) ** 2 + h[1]
        return out

    tape = autograd.compile(fn, w, shapes=[(2,)]).tape
    theta, X = np.array([each.data for each in w]), examples(45, 2)
    got, wanted = Native(tape).bind(X).gradient(theta), Plain(tape).bind(X).gradient(theta)
    assert error(got[0], wanted[0]) < 1e-14
    assert error(got[1], wanted[1]) < 1e-14


def test_a_second_tape_of_the_same_functions_compiles_nothing():
    for sizes in ((3, 8, 8), (2, 12, 4)):
        tape, theta = network("relu", sizes)
        Native(tape).bind(examples(77, sizes[0] + 1)).gradient(theta)
        known = {*jit.library()._addresses}
    tape, theta = network("relu", (5, 16, 8))
    Native(tape).bind(examples(77, 6)).gradient(theta)
    assert {*jit.library()._addresses} == known


def test_what_is_shown():
    tape, _ = network("relu", (2, 4))
    native = Native(tape, lanes=4)
    assert "matrix 4 x 2 with bias" in native.show("steps")
    assert "define void @matrix.shared.relu.passing.4x2x4(" in native.show("llvm")
    assert "matrix.shared.relu.passing.4x2x4:" in native.show("asm")
    with pytest.raises(ValueError, match='shows "steps", "llvm" or "asm", but not \'hex\''):
        native.show("hex")


def test_a_hundred_thousand_operations_are_laid_out():
    w = [Value(0.5, "a"), Value(0.25, "b")]
    node = w[0]
    for _ in range(50_000):
        node = (node * w[1]).tanh()
    tape = tape_of(node, w)
    value, gradient = Native(tape).bind(np.empty((1, 0))).gradient(np.array([0.5, 0.25]))
    node.backward()
    assert (value, gradient.tolist()) == (node.data, [w[0].grad, w[1].grad])


@pytest.mark.parametrize(
    ("release", "executor"), [("0.44.1", "numpy"), ("0.45.0", "native"), ("1.0", "native"), ("odd", "native")]
)
def test_an_old_llvmlite_is_left_alone(monkeypatch, release, executor):
    monkeypatch.setattr(choice, "version", lambda name: release)
    assert choice.chosen("auto") == executor
    if executor == "numpy":
        with pytest.raises(ImportError, match="native code needs llvmlite"):
            choice.chosen("native")


# --- nothing is read or written past the ends ----------------------------------------------------------------------------


def guarded(*arguments):
    command = [sys.executable, "-m", "tests.compiled.guarded", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mprotect")
@pytest.mark.parametrize("side", ["after", "before"])
@pytest.mark.parametrize("lanes", LANES)
def test_guard_pages(lanes, side):
    done = guarded(lanes, side)
    assert done.stdout.strip() == "no access past the ends", done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mprotect")
@pytest.mark.parametrize("bug", ["after writes behind", "before reads ahead", "after small arena"])
def test_a_planted_overrun_is_caught(bug):
    done = guarded(8, *bug.split())
    assert done.returncode < 0, done.stdout
    assert not done.stdout
