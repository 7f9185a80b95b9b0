"""The native executor as a machine: threads, memory, what is compiled when, and that nothing is touched past the ends."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("llvmlite")


import autograd
from autograd import OPS, Op, Value, relu
from autograd.compiled import executors
from autograd.compiled.native import Native, bound
from autograd.compiled.native.kernels import row_facts
from autograd.compiled.native.kernels.memory import RESERVED_BYTES
from autograd.compiled.native.llvm import jit
from autograd.compiled.native.machine import Workers
from autograd.compiled.native.plan.batch import BatchLayout
from autograd.compiled.native.plan.stream import Arena
from autograd.compiled.plain import Plain
from autograd.compiled.tape import Instruction, Tape
from tests.compiled.networks import examples, network, tape_of
from tests.compiled.oracle import error

ROOT = Path(__file__).parents[2]
LANES = [8, 4, 2, 1]


# --- threads, memory, compilation ----------------------------------------------------------------------------------------


def test_threads_agree_and_repeat_themselves(monkeypatch):
    monkeypatch.setattr(bound, "OPERATIONS_PER_THREAD", 1)
    tape, theta = network(penalty=0.01)
    X = examples(500, 4)
    one = Native(tape).bind(X).gradient(theta)
    for threads in (2, 3):
        step = Native(tape, threads=threads).bind(X)
        assert len(step._batch._make(False)._machines) == threads
        value, gradient = step.gradient(theta)
        assert error(value, one[0]) < 1e-14
        assert error(gradient, one[1]) < 1e-14
        for _ in range(20):
            again, same = step.gradient(theta)
            assert again == value
            assert (same == gradient).all()
        assert error(step.outputs(theta), Native(tape).bind(X).outputs(theta)) == 0.0
        assert error(step.value(theta), one[0]) < 1e-14


def in_threads(work, arguments):
    threads = [threading.Thread(target=work, args=(argument,)) for argument in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_calls_of_one_step_from_several_threads_are_right():
    tape, theta = network()
    for count in (1, 100):
        step = Native(tape).bind(examples(count, 4))
        expected = {k: step.gradient(k * theta)[1].tolist() for k in (1, 2, 3)}
        wrong = []

        def work(k, step=step, expected=expected, wrong=wrong):
            wrong.extend(1 for _ in range(300) if step.gradient(k * theta)[1].tolist() != expected[k])

        in_threads(work, expected)
        assert not wrong


def test_steps_of_one_program_in_several_threads_share_its_threads(monkeypatch):
    monkeypatch.setattr(bound, "OPERATIONS_PER_THREAD", 1)
    tape, theta = network()
    native, X = Native(tape, threads=2), examples(200, 4)
    expected = {k: native.bind(X).gradient(k * theta)[1].tolist() for k in (1, 2, 3)}
    wrong = []

    def work(k):
        step = native.bind(X)
        wrong.extend(1 for _ in range(200) if step.gradient(k * theta)[1].tolist() != expected[k])

    in_threads(work, expected)
    assert not wrong


def failing():
    raise ZeroDivisionError


@pytest.mark.parametrize("place", [0, 1])
def test_what_a_call_in_a_thread_raises_is_raised_and_the_pool_goes_on(place):
    pool, ran = Workers(), []
    with pytest.raises(ZeroDivisionError):
        pool.run([failing if k == place else lambda: ran.append(1) or 0 for k in range(2)])
    pool.run([lambda: ran.append(2) or 0] * 2)
    assert sorted(ran) == [1, 2, 2]


FORK = """
import os, signal, sys
import numpy as np
from autograd.compiled.native import Native, bound
from tests.compiled.networks import examples, network

bound.OPERATIONS_PER_THREAD = 1
tape, theta = network()
step = Native(tape, threads=2).bind(examples(200, 4))
before = step.gradient(theta)[1]
child = os.fork()
if child == 0:
    signal.alarm(20)
    os._exit(0 if (step.gradient(theta)[1] == before).all() else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_process_made_by_fork_has_threads_of_its_own():
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", FORK], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert result.returncode == 0


def test_little_work_stays_in_one_thread():
    tape, _ = network()
    assert len(Native(tape, threads=2).bind(examples(100, 4))._batch._make(False)._machines) == 1
    assert len(Native(tape, threads=2).bind(examples(100_000, 4))._batch._make(False)._machines) == 2


def test_memory_is_that_of_a_block_whatever_the_batch():
    tape, _ = network()
    small, large = (Native(tape).bind(examples(count, 4)) for count in (40, 4000))
    assert small._batch._make(False)._machines[0]._memory.size == large._batch._make(False)._machines[0]._memory.size


def test_slots_take_turns():
    """A block has room for a few layers, however deep the network is."""
    tapes = [network("tanh", (2, *[16] * depth))[0] for depth in (2, 8)]
    sizes = []
    for tape in tapes:
        arena = Arena(RESERVED_BYTES)
        layout = BatchLayout(arena, tape, 8)
        sizes.append(max([*layout._primal.values(), *layout._adjoint.values()]) - min(layout._primal.values()))
    assert sizes[1] < 4 * sizes[0]  # of each layer only the activations stay


LIGHT = {"relu": True, "abs": True, "step": True, "tanh": False, "sigmoid": False, "leaky_relu": False, "mul": False}


def test_light_operations_run_with_a_matrix():
    assert {name: row_facts.is_light(OPS[name]) for name in LIGHT} == LIGHT
    tape, _ = network("relu", (2, 8, 8))
    layout = BatchLayout(Arena(RESERVED_BYTES), tape, 8)
    with_activation = [[str(step) for step in unit] for unit in layout._forward if len(unit) > 1]
    assert with_activation == [["matrix 8 x 2 with bias", "8 x ReLU"], ["matrix 8 x 8 with bias", "8 x ReLU"]]
    assert sum(len(unit) > 1 for unit in layout._backward) == 2


def test_what_only_an_activation_reads_gets_no_memory():
    tape, _ = network("relu", (2, 8, 8))
    layout = BatchLayout(Arena(RESERVED_BYTES), tape, 8)
    relus = [step for unit in layout._forward for step in unit[1:]]
    assert len(relus) == 2
    assert all(slot not in layout._primal for step in relus for slot in step.columns[0])
    assert all(slot in layout._primal for step in relus for slot in step.out)


@pytest.mark.parametrize("used", ["operand", "result", "both", "neither"])
def test_an_activation_whose_numbers_are_read_elsewhere_too(used):
    w = [Value(0.3 * k - 1.2, f"w{k}") for k in range(12)]

    def fn(x):
        a = [w[3 * k] + w[3 * k + 1] * x[0] + w[3 * k + 2] * x[1] for k in range(2)]
        h = [relu(z) for z in a]
        out = w[6] * h[0] + w[7] * h[1]
        if used in ("operand", "both"):
            out = out * a[0]
        if used in ("result", "both"):
            out = out + (w[8] * h[0] + w[9] * h[1]) ** 2 + h[1]
        return out

    tape = autograd.compile(fn, w, shapes=[(2,)]).tape
    theta, X = np.array([weight.data for weight in w]), examples(45, 2)
    got, expected = Native(tape).bind(X).gradient(theta), Plain(tape).bind(X).gradient(theta)
    assert error(got[0], expected[0]) < 1e-14
    assert error(got[1], expected[1]) < 1e-14


def test_a_second_tape_of_the_same_functions_compiles_nothing():
    for sizes in ((3, 8, 8), (2, 12, 4)):
        tape, theta = network("relu", sizes)
        Native(tape).bind(examples(77, sizes[0] + 1)).gradient(theta)
        known = {*jit.library()._addresses}
    tape, theta = network("relu", (5, 16, 8))
    Native(tape).bind(examples(77, 6)).gradient(theta)
    assert {*jit.library()._addresses} == known


def test_rows_of_your_own_are_not_taken_for_others(monkeypatch):
    """A row may have the name that a kernel spells for another, and a name that another row had before."""

    def doubled(text, partial):
        monkeypatch.delitem(OPS, "pow2", raising=False)
        op = Op("pow2", text, (partial,))
        tape = Tape(0, 1, (), (Instruction(op, 0),), (1,), num_differentiated=1)
        return Native(tape).bind(np.full((9, 1), 3.0)).outputs(np.empty(0))[0, 0]

    square = Tape(0, 1, (), (Instruction(OPS["pow"].at(2), 0),), (1,), num_differentiated=1)
    assert Native(square).bind(np.full((9, 1), 3.0)).outputs(np.empty(0))[0, 0] == 9.0
    assert doubled("2 * x", "2") == 6.0
    assert doubled("3 * x", "3") == 9.0
    monkeypatch.delitem(OPS, "pow2")


def test_what_is_shown():
    tape, _ = network("relu", (2, 4))
    native = Native(tape, lanes=4)
    assert "define void @matrix.shared.relu.passing.4x2x4(" in native.show("llvm")
    assert "matrix.shared.relu.passing.4x2x4:" in native.show("asm")
    with pytest.raises(ValueError, match='shows "llvm" or "asm", but not \'hex\''):
        native.show("hex")


def test_vectors_of_three_lanes_are_refused():
    with pytest.raises(ValueError, match="vectors have 8, 4, 2, 1 lanes, but got 3"):
        Native(network()[0], lanes=3)


def test_a_hundred_thousand_operations_are_laid_out():
    w = [Value(0.5, "a"), Value(0.25, "b")]
    node = w[0]
    for _ in range(50_000):
        node = (node * w[1]).tanh()
    tape = tape_of(node, w)
    value, gradient = Native(tape).bind(np.empty((1, 0))).gradient(np.array([0.5, 0.25]))
    node.backward()
    assert error(value, node.data) < 1e-13
    assert error(gradient, [w[0].grad, w[1].grad]) < 1e-13


@pytest.mark.parametrize(
    ("release", "executor"), [("0.44.1", "numpy"), ("0.45.0", "native"), ("1.0", "native"), ("odd", "native")]
)
def test_an_old_llvmlite_is_left_alone(monkeypatch, release, executor):
    monkeypatch.setattr(executors, "version", lambda name: release)
    assert executors.choose_executor("auto") == executor
    if executor == "numpy":
        with pytest.raises(ImportError, match="native code needs llvmlite"):
            executors.choose_executor("native")


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
