"""Threads: a step that they share is right, a program starts no more than it was allowed, and grad() needs no graph of its own."""

import random
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import autograd
from autograd import Value, grad, tanh

ROOT = Path(__file__).parents[2]


def in_threads(count, work):
    """What ``work(k)`` returns in each of so many threads that run at once; what it raises is raised."""
    results, start = [None] * count, threading.Barrier(count)

    def run(k):
        start.wait()
        try:
            results[k] = work(k)
        except BaseException as error:
            results[k] = error

    threads = [threading.Thread(target=run, args=(k,)) for k in range(count)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def program(executor, count=4, threads=None):
    w = [Value(0.1 * k + 0.1, f"w{k}") for k in range(4)]

    def loss(x, y):
        return (tanh(w[0] * x[0] + w[1] * x[1] + w[2]) * w[3] - y) ** 2 + autograd.relu(w[0] * x[0]).sqrt() * 0.01

    return autograd.compile(loss, w, executor=executor, threads=threads)


def asked(step, theta):
    """All that a step can be asked, as bytes."""
    parts = [*step(theta), step.value(theta), *step.per_example(theta)]
    return [np.asarray(part).tobytes() for part in parts]


@pytest.mark.parametrize("infinite", [False, True])
@pytest.mark.parametrize(("executor", "threads"), [("plain", None), ("numpy", None), ("native", None), ("native", 2)])
@pytest.mark.parametrize("count", [1, 40])
def test_a_step_that_threads_share_is_right(executor, threads, count, infinite, monkeypatch):
    """Each thread asks at parameters of its own, at some of which the careful way is needed."""
    if executor == "native":
        from autograd.compiled.native import bound

        monkeypatch.setattr(bound, "OPERATIONS_PER_THREAD", 1)
    rng = np.random.default_rng(0)
    data = rng.uniform(-1.0, 1.0, (count, 2)), rng.uniform(-1.0, 1.0, count)
    thetas = [rng.uniform(-1.0, 1.0, 4) for _ in range(6)]
    if infinite:
        thetas[1][2], thetas[4][0] = np.inf, 1e300
    step = program(executor, threads=threads).bind(*data)
    expected = [asked(program(executor, threads=threads).bind(*data), theta) for theta in thetas]
    wrong = in_threads(6, lambda k: sum(asked(step, thetas[k]) != expected[k] for _ in range(5 if executor == "plain" else 40)))
    assert wrong == [0] * 6


@pytest.mark.parametrize("executor", ["plain", "numpy", "native"])
def test_threads_bind_compile_and_ask_one_program_at_once(executor):
    rng = np.random.default_rng(0)
    batches = [(rng.uniform(-1.0, 1.0, (k + 1, 2)), rng.uniform(-1.0, 1.0, k + 1)) for k in range(6)]
    theta = np.array([0.1, -0.2, 0.3, 0.4])

    def all_of(one, k):
        parts = [
            *one(*batches[k], theta=theta),
            one.jacobian(*batches[k], theta=theta),
            *one.input_gradients(*batches[k], theta=theta),
        ]
        return [np.asarray(part).tobytes() for part in parts]

    for _ in range(3):
        shared = program(executor)  # not traced yet
        assert in_threads(6, lambda k, shared=shared: all_of(shared, k)) == [all_of(program(executor), k) for k in range(6)]


def test_a_step_in_use_that_is_shared_keeps_its_numbers():
    """A careless pool is caught: one whose calls share their memory."""
    from autograd.compiled.optimism import FastOrCareful

    class Slot:
        number = 0.0

    def question(slot, theta):
        slot.number = theta
        for _ in range(1000):
            if slot.number != theta:
                return ("wrong", False)
        return ("right", False)

    pool = FastOrCareful(lambda careful: Slot(), finite=True)
    assert all(in_threads(4, lambda k: all(pool.ask(question, k) == "right" for _ in range(200))))
    shared = Slot()
    careless = FastOrCareful(lambda careful: shared, finite=True)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        assert not all(in_threads(4, lambda k: all(careless.ask(question, k) == "right" for _ in range(200))))
    finally:
        sys.setswitchinterval(interval)


STARTED = """
import threading, numpy as np, autograd
from autograd import Value, tanh
from autograd.compiled.native import bound
bound.OPERATIONS_PER_THREAD = 1
w = [Value(0.1 * k) for k in range(4)]
X = np.random.default_rng(0).uniform(-1, 1, (500, 2))
before = threading.active_count()
model = autograd.compile(lambda x: [tanh(w[k] * x[0]) + w[k] * x[1] for k in range(4)], w, executor="native", threads=3)
loss = autograd.compile(lambda x: tanh(w[0] * x[0]) + w[1] * x[1], w, executor="native", threads=3)
for _ in range(2):
    model.value(X), model.jacobian(X), model.input_jacobian(X)
    loss(X), loss.value(X), loss.per_example(X), loss.input_gradients(X), loss.bind(X)()
threads = [threading.Thread(target=lambda: [loss(X) for _ in range(50)]) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(threading.active_count() - before)
"""


def test_a_program_starts_no_more_threads_than_it_was_allowed():
    done = subprocess.run([sys.executable, "-c", STARTED], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "2", done.stderr  # and the caller's own is the third


def test_grad_is_safe_on_a_graph_that_threads_share():
    rng = random.Random(0)
    leaves = [Value(rng.uniform(0.5, 2.0)) for _ in range(5)]
    nodes = list(leaves)
    for _ in range(300):
        a, b = rng.choice(nodes[-20:]), rng.choice(nodes)
        nodes.append(tanh(a * b + rng.choice(leaves)))
    outputs = nodes[-6:]
    expected = [grad(output, leaves) for output in outputs]
    assert in_threads(6, lambda k: [grad(outputs[k], leaves) for _ in range(30)]) == [[each] * 30 for each in expected]
    assert {node.grad for node in nodes} == {0.0}
