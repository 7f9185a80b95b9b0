"""Ctrl-C at any line, and forks at any time: engine and model are as before or as after."""

import contextlib
import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import autograd
import nn
from autograd import Value, check_gradients, debug, debugging, scopes, tanh, value
from autograd.compiled import tracing
from autograd.compiled.tracing import trace
from autograd.interrupts import Turn, assign, with_undo
from nn import MLP, SGD
from tests.interrupts import strikes, struck_at

ROOT = Path(__file__).parents[2]
CONTEXTS_OF_NUMPY = np.lib.NumpyVersion(np.__version__) >= "2.0.0"  # before, NumPy kept its settings elsewhere


def engine():
    """What code of the packages exchanges while it runs."""
    return (
        *(value.new_node, value.current_scope, scopes.current_scope()),
        *(tracing._tracing.get(), debugging._is_inside(), debugging._open, gc.isenabled()),
        np.geterr() if CONTEXTS_OF_NUMPY else None,
    )


AT_REST = engine()


def another_thread_can_trace():
    tapes = []
    thread = threading.Thread(target=lambda: tapes.append(trace(lambda x: 2 * x, [], [()])), daemon=True)
    thread.start()
    thread.join(20)
    return bool(tapes)


def assert_at_rest(*parameters):
    assert engine() == AT_REST
    assert {type(p) for p in parameters} <= {Value}
    assert [p.data for p in parameters] == [float(p.data) for p in parameters]
    assert another_thread_can_trace()


# --- by line --------------------------------------------------------------------------------------------------------------


def test_an_interrupt_of_a_trace():
    w, b = Value(0.5, "w"), Value(-0.25, "b")

    def loss(x, y):
        with autograd.scope("layer"):
            z = tanh(w * x[0] + b)
        return (z - y) ** 2 + autograd.where(x[1] < b, w, 0.0)

    for place in strikes(lambda: autograd.compile(loss, [w, b], executor="plain").trace([(2,), ()])):
        assert_at_rest(w, b)
        assert (w.data, b.data) == (0.5, -0.25), place


def test_an_interrupt_of_a_trace_within_a_trace():
    w, u = Value(0.5, "w"), Value(2.0, "u")

    def outer(x):
        inner = autograd.compile(lambda z: u * z, [u], executor="plain")
        return w * x * inner.value([1.0])

    for _ in strikes(lambda: autograd.compile(outer, [w], shapes=[()], executor="plain"), sample=60):
        assert_at_rest(w, u)


@pytest.mark.parametrize("named", [False, True])
def test_an_interrupt_of_debug(named):
    x, seen = Value(2.0), []

    def run():
        block = debug() if named else None
        with debug() as inner, block or contextlib.nullcontext():
            seen.append((x * 3).made_at is not None)
            with inner, autograd.scope("here"):
                x * x

    for _ in strikes(run):
        assert_at_rest()
        assert (x * 3).made_at is None
    assert all(seen)


def test_an_interrupt_of_check_gradients():
    x, y = Value(0.5, "x"), Value(2.0, "y")
    for _ in strikes(lambda: check_gradients(lambda a, b: a * b.data, [x, y]), sample=60):
        assert_at_rest(x, y)
        assert (x.data, y.data) == (0.5, 2.0)


@pytest.mark.parametrize("executor", ["plain", "numpy", "native"])
def test_an_interrupt_of_compile_bind_and_step(executor):
    w = [Value(0.1 * k + 0.1) for k in range(4)]

    def loss(x, y):
        return (tanh(w[0] * x[0] + w[1] * x[1] + w[2]) * w[3] - y) ** 2

    data = [[[0.5, 1.0], [-1.0, 0.25], [2.0, 0.0]], [1.0, 0.0, 1.0]]
    program = autograd.compile(loss, w, executor=executor)
    expected = program(*data)
    for _ in strikes(lambda: autograd.compile(loss, w, executor=executor)(*data), sample=150):
        assert_at_rest(*w)
    step = program.bind(*data)
    for _ in strikes(lambda: (step(), step.value(), step.per_example(), program(*data)), sample=150):
        assert_at_rest(*w)
        for again in step(), program(*data):
            assert (again.value, again.gradients.tolist()) == (expected.value, expected.gradients.tolist())


def test_an_interrupt_of_write_and_of_a_step_of_sgd():
    model = MLP(2, [3, 1], seed=0)
    parameters = model.parameters()
    program = autograd.compile(model, shapes=[(2,)], executor="plain")
    optimizer = SGD(parameters, lr=0.5)
    numbers = [0.1 * k for k in range(len(parameters))]

    def prepare():
        for p, number in zip(parameters, numbers, strict=True):
            p.data, p.grad = number, 2.0

    theta = np.arange(float(len(parameters)))
    changes = {
        "data": (lambda: program.write(theta), [*theta]),
        "grad": (lambda: program.write_gradients(theta), [2.0 + k for k in theta]),
        "data ": (optimizer.step, [number - 0.5 * 2.0 for number in numbers]),
        "grad ": (optimizer.zero_grad, [0.0] * len(parameters)),
    }
    for name, (change, after) in changes.items():
        prepare()
        before, seen = [getattr(p, name.strip()) for p in parameters], []
        for _ in strikes(change, prepare):
            now = [getattr(p, name.strip()) for p in parameters]
            assert now in (before, after)
            seen.append(now)
        assert before in seen


@pytest.mark.parametrize("eager", [False, True])
def test_an_interrupt_of_fit_leaves_the_numbers_of_a_step(eager):
    """The model after an interrupt is the model after some number of whole steps; in the eager way its gradients are too."""
    data = nn.data.moons(12, seed=0)
    model = MLP(2, [2, 2], activation="tanh", seed=0)
    start = [p.data for p in model.parameters()]

    def numbers():
        return tuple(p.data for p in model.parameters()), tuple(p.grad for p in model.parameters()) if eager else None

    def prepare():
        assign(model.parameters(), "data", start)
        assign(model.parameters(), "grad", [0.0] * len(start))

    def run():
        nn.fit(model, data.x, data.y, lr=0.5, epochs=2, batch_size=6, eager=eager)

    prepare()
    states = {numbers()}
    step = SGD.step
    for count in range(1, 5):  # by training for so many steps
        prepare()
        optimizer = SGD(model.parameters(), lr=0.5)
        for k in range(count):
            half = slice(6 * (k % 2), 6 * (k % 2) + 6)
            losses = [nn.cross_entropy_logits(model(x), y) for x, y in zip(data.x[half], data.y[half], strict=True)]
            optimizer.zero_grad()
            nn.losses.mean(losses).backward()
            step(optimizer)
        states.add(numbers())
    near = [np.array(state[0]) for state in states]
    for place in strikes(run, prepare, sample=120):
        assert_at_rest(*model.parameters())
        if eager:
            assert numbers() in states, place
        else:
            assert min(np.abs(np.array(numbers()[0]) - state).max() for state in near) < 1e-12, place


def test_an_interrupt_of_what_undoes():
    done = []

    def undo():
        done.append("begun")
        done.append("ended")

    for _ in strikes(lambda: with_undo(lambda: None, undo), done.clear):
        pass
    assert struck_at(None, lambda: with_undo(lambda: None, undo))
    assert done[-2:] == ["begun", "ended"]


# --- threads and forks ----------------------------------------------------------------------------------------------------


def test_threads_take_turns():
    turn, inside, most = Turn(), [], []

    def work(name):
        for _ in range(50):
            turn.take(name)
            inside.append(name)
            most.append(len(inside))
            inside.remove(name)
            turn.give_back(name)
            turn.give_back(name)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert (max(most), len(most)) == (1, 200)


FORKS = """
import os, signal, sys, threading, time
import numpy as np
import autograd
from autograd import Value, debug, tanh, value
from autograd.compiled.native import bound

bound.OPERATIONS_PER_THREAD = 1
what, executor = sys.argv[1:]
w = [Value(0.1 * k + 0.1) for k in range(4)]
X, Y = np.random.default_rng(0).uniform(-1, 1, (400, 2)), np.ones(400)
busy = threading.Event()

def loss(x, y):
    return (tanh(w[0] * x[0] + w[1] * x[1] + w[2]) * w[3] - y) ** 2

def slow(x, y):
    with debug():
        busy.set()
        time.sleep(0.02)
        return loss(x, y)

program = autograd.compile(loss, w, executor=executor, threads=2)
step = program.bind(X, Y)
expected = step()

def work():
    k = 0
    while True:
        k += 1
        if what == "step":
            busy.set()
            step()
        elif what == "trace":
            autograd.compile(slow, w, shapes=[(2,), ()], executor=executor)
        elif what == "compile":
            own = autograd.Op(f"own{k}", f"x * {k} + x * x", (f"{k} + 2 * x",))
            busy.set()
            autograd.compile(lambda x: tanh(autograd.apply(own, x)) * w[0], w, executor=executor)([0.1, 0.2])
        elif what == "debug":
            with debug():
                busy.set()
                [w[0] * 3 for _ in range(100)]

worker = threading.Thread(target=work, daemon=True)
worker.start()
busy.wait(20)
for k in range(10):
    time.sleep(0.003 * k)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        assert [type(p) for p in w] == [Value] * 4
        assert [p.data for p in w] == [0.1 * k + 0.1 for k in range(4)]
        assert value.new_node is object.__new__, value.new_node
        assert (w[0] * 2).made_at is None
        with debug():
            assert (w[0] * 2).made_at is not None
        again = step()
        assert again.value == expected.value and (again.gradients == expected.gradients).all()
        fresh = autograd.compile(lambda x, y: loss(x, y) * 3 + autograd.sin(x[0]), w, executor=executor, threads=2)(X, Y)
        assert np.isfinite(fresh.value)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        sys.exit(f"child {k}: {status}")
os._exit(not worker.is_alive())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize(
    ("what", "executor"),
    [("trace", "plain"), ("debug", "plain"), ("step", "plain"), ("step", "numpy"), ("step", "native"), ("compile", "native")],
)
def test_a_process_made_by_fork_works_whatever_was_under_way(what, executor):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKS, what, executor],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
