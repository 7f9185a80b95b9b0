"""Many graphs, many threads, a pass that is interrupted anywhere, any hash seed: the numbers stay the same, and memory too.

How one deep graph is built and freed is tested in test_value.py; ten million nodes are a benchmark, benchmarks/load.py.
"""

import gc
import os
import random
import re
import signal
import subprocess
import sys
import threading
import tracemalloc
from fractions import Fraction
from pathlib import Path

import pytest

import autograd
import nn
from autograd import Constant, Value, grad, scope, topological_order
from tests.sweeps import sweep

DROPPED = sweep("graphs made and dropped", sample=10_000, full=100_000)
DROPPED_TWICE = sweep("graphs of derivatives made and dropped", sample=2000, full=20_000)
STEPS = sweep("steps of training, for a leak", sample=500, full=10_000)
HASHES = sweep("hash seeds of a whole session", sample=1, full=10)

ROOT = Path(__file__).parents[2]
ENGINE = str(Path(autograd.__file__).parent)


def bits(numbers):
    return [number.hex() if isinstance(number, float) else repr(number) for number in numbers]


# --- memory ----------------------------------------------------------------------------------------------------------


def used(k):
    """A graph with a constant and a node of the user's own, differentiated twice."""
    x, y = Value(0.5 + k % 7), Value(1.5)
    square = Value(x.data**2, (x,), (2 * x.data,))
    out = (x * y + 2).tanh() * square
    out.backward()
    out.backward()


def differentiated_again(k):
    """The graph of a derivative."""
    x = Value(0.5 + k % 7)
    [slope] = grad((x * 3 + 2).tanh(), [x], create_graph=True)
    slope.backward()


@pytest.fixture
def no_collector():
    used(0), differentiated_again(0)  # compiles the rows, which leaves some garbage behind, once
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def growth(use, times):
    """What is left after so many uses: bytes for each, objects that the collector tracks, and how many of them are garbage."""
    tracemalloc.start()
    try:
        for k in range(500):  # Python keeps some freed objects for the next that are made, up to 2,000 tuples of a length
            use(k)
        held, tracked = tracemalloc.get_traced_memory()[0], len(gc.get_objects())
        for k in range(times):
            use(k)
        held = tracemalloc.get_traced_memory()[0] - held
        return held / times, len(gc.get_objects()) - tracked, gc.collect()
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("use", "graphs"), [(used, DROPPED), (differentiated_again, DROPPED_TWICE)])
def test_graphs_that_were_dropped_leave_nothing_behind(no_collector, use, graphs):
    held, tracked, found = growth(use, graphs.take())
    assert held < 48  # bytes for each graph: less than two floats, of ten nodes and more of 168 bytes
    assert (tracked, found) == (0, 0)


def test_training_steps_leave_nothing_behind(no_collector):
    model = nn.MLP(2, [4, 1], activation="tanh", seed=0)
    optimizer = nn.SGD(model.parameters(), 0.01)

    def step(k):
        loss = nn.mean([nn.half_sum_of_squares(model([k % 5 - 2.0, sign]), sign) for sign in (-1.0, 1.0)])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    step(0)
    gc.collect()
    held, tracked, found = growth(step, STEPS.take())
    assert held < 48
    assert (tracked, found) == (0, 0)


def test_a_leak_would_be_seen(no_collector):
    kept = []
    held, tracked, _ = growth(lambda k: kept.append(Value(1.0)), 1_000)
    assert held > 100
    assert tracked == 1_000

    def cycle(k):
        node = Value(1.0)
        node.myself = node

    held, tracked, found = growth(cycle, 1_000)
    assert held > 100
    assert tracked >= 1_000
    assert found >= 1_500


# --- threads ---------------------------------------------------------------------------------------------------------


def trained(seed):
    """A little training in scopes; the bits of everything it made, and the scopes that its nodes got."""
    model = nn.MLP(2, [4, 1], activation="tanh", seed=seed)
    optimizer = nn.SGD(model.parameters(), 0.1)
    rng = random.Random(seed)
    numbers, scopes = [], set()
    for _ in range(30):
        with scope(f"thread {seed}"):
            loss = nn.half_sum_of_squares(model([rng.random(), rng.random()]), rng.random())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        nodes = topological_order(loss)
        numbers += [number for node in nodes for number in (node.data, node.grad)]
        numbers += grad(loss, model.parameters())
        scopes |= {node.scope[0] for node in nodes if node.op}
    return bits(numbers), scopes


def in_threads(work, count):
    """What each of so many threads answers; they start together, and take turns as often as Python can."""
    answers, ready, interval = [None] * count, threading.Barrier(count), sys.getswitchinterval()

    def run(k):
        ready.wait(timeout=30)
        answers[k] = work(k)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(count)]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
    finally:
        sys.setswitchinterval(interval)
    return answers


def test_eight_threads_find_the_bits_that_one_finds():
    one_after_the_other = [trained(k) for k in range(8)]
    assert in_threads(trained, 8) == one_after_the_other
    assert [scopes for _, scopes in one_after_the_other] == [{f"thread {k}"} for k in range(8)]
    assert len({tuple(numbers) for numbers, _ in one_after_the_other}) == 8  # each had its own task
    assert Value(1.0).scope == ()


FIRST_USE = """
import sys, threading
from autograd import Value, grad
sys.setswitchinterval(1e-6)
ready, found = threading.Barrier(8), []
def work():
    x = Value(0.75)
    ready.wait()
    y = (x**3 / x.exp() + x.gelu() - x.leaky_relu(0.1)).tanh() * x.log()
    y.backward()
    found.append((y.data.hex(), x.grad.hex(), grad(y, [x])[0].hex()))
threads = [threading.Thread(target=work) for _ in range(8)]
for each in threads: each.start()
for each in threads: each.join()
assert len(found) == 8 and len(set(found)) == 1, found
"""


def test_eight_threads_may_be_the_first_to_use_a_row():
    """Rows are compiled when first used: here by eight threads at a time, in a fresh interpreter."""
    subprocess.run([sys.executable, "-c", FIRST_USE], check=True, cwd=ROOT, timeout=60)


# --- an interrupted pass ---------------------------------------------------------------------------------------------


def cubed(x):
    """An operation by closure."""
    out = Value(x.data**3, (x,), "cubed")

    def _backward():
        x.grad += 3 * x.data**2 * out.grad

    out._backward = _backward
    return out


def small_graph():
    """The output and the leaves of a graph with shared nodes, a constant, a closure and local derivatives given as numbers."""
    x, y = Value(0.75), Value(-1.25)
    inner = x * y
    given = Value(inner.data * x.data, (inner, x), (x.data, inner.data))
    return cubed(inner + 3 * x).tanh() * inner - given / y, [x, y]


def gradients(output):
    return bits(node.grad for node in topological_order(output))


def zero(leaves):
    for leaf in leaves:
        leaf.grad = 0.0


class Interrupts:
    """Raises before the n-th step of Python in the engine or in the closure (n = None: never), and counts the steps."""

    def __init__(self, n):
        self.n, self.steps, self.before = n, 0, sys.gettrace()

    def __call__(self, frame, event, _):
        if not frame.f_code.co_filename.startswith(ENGINE) and frame.f_code.co_name != "_backward":
            return None
        frame.f_trace_opcodes = True  # every instruction: also between reading a gradient and writing the sum
        if event in ("line", "opcode"):
            self.steps += 1
            if self.steps == self.n:
                sys.settrace(self.before)
                raise KeyboardInterrupt
        return self

    def __enter__(self):
        sys._getframe().f_trace_opcodes = True  # Python 3.12 looks once, here, whether any frame wants its instructions
        sys.settrace(self)
        return self

    def __exit__(self, *error):
        sys.settrace(self.before)  # of a debugger, or of the measurement of coverage


def test_an_interrupt_at_any_step_of_backward_is_mended_by_the_next_pass():
    output, leaves = small_graph()
    output.backward()
    undisturbed = gradients(output)
    zero(leaves)
    with Interrupts(None) as whole:
        output.backward()
    assert gradients(output) == undisturbed
    assert whole.steps > 5 * len(topological_order(output))
    halfway = set()
    for n in range(1, whole.steps + 1):
        zero(leaves)
        with pytest.raises(KeyboardInterrupt), Interrupts(n):
            output.backward()
        halfway.add(tuple(gradients(output)))
        zero(leaves)
        output.backward()
        assert gradients(output) == undisturbed, f"interrupted before step {n}"
    assert len(halfway) > len(topological_order(output))  # it did stop everywhere, and what it left behind differs
    assert [node.grad for node in topological_order(output) if type(node) is Constant] == [0]


def test_a_real_signal_in_the_middle_of_backward():
    """Control-C, sent by the process to itself from inside the pass."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        output, leaves = small_graph()
        [closure] = [node for node in topological_order(output) if node._op == "cubed"]
        on = closure.op.backward
        (output * closure).backward()
        undisturbed = gradients(output)
        zero(leaves)

        def interrupted():
            on()
            signal.raise_signal(signal.SIGINT)

        closure._backward = interrupted
        with pytest.raises(KeyboardInterrupt):
            (output * closure).backward()
        assert gradients(output) != undisturbed
        zero(leaves)
        closure._backward = on
        (output * closure).backward()
        assert gradients(output) == undisturbed
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_gradient_that_cannot_be_added_to_stops_the_pass_and_zeroing_mends_it():
    """PyTorch's way of zeroing, None, is no number here."""
    output, leaves = small_graph()
    output.backward()
    undisturbed = gradients(output)
    for leaf in leaves:
        zero(leaves)
        leaf.grad = None
        with pytest.raises(TypeError):
            output.backward()
        zero(leaves)
        output.backward()
        assert gradients(output) == undisturbed


def test_an_overflow_in_the_middle_of_backward_leaves_nothing_that_zeroing_does_not_mend():
    """The exact number meets a float on the way back, not before."""
    x, y = Value(Fraction(3)), Value(0.5)
    difference = x * 10**400 - x * 10**400
    with pytest.raises(OverflowError):
        (y * difference).backward()
    x.grad, y.grad = Fraction(0), 0.0
    (difference + x).backward()
    assert (x.grad, y.grad, difference.grad) == (1, 0.0, 1)


def test_an_interrupt_of_the_forward_pass_closes_its_scopes():
    model = nn.MLP(1, [2, 1], seed=0)

    def stop(z):
        raise KeyboardInterrupt

    model.layers[1].neurons[0]._activate = stop
    with pytest.raises(KeyboardInterrupt), scope("outer"):
        model([1.0])
    assert Value(1.0).scope == ()


# --- the same on each run --------------------------------------------------------------------------------------------

EVERYTHING = """
import random, sys
import nn, viz
from autograd import Value, grad, hessian, scope, topological_order
random.seed(1)
junk = [object() for _ in range(random.randrange(1000))]

names = "abcdef"
leaves = [Value(random.uniform(-1, 1), name) for name in names]
nodes = list(leaves)
for k in range(60):
    a, b = random.choice(nodes), random.choice(nodes)
    with scope(random.choice(names)):
        nodes.append(random.choice([lambda: a + b, lambda: a * b, lambda: (a - b).tanh(), lambda: a / 3,
                                    lambda: Value(a.data * b.data, (a, b), (b.data, a.data))])())
    nodes[-1].label = f"n{k}"
out = sum(nodes)
out.backward()
print([node.label for node in topological_order(out)])
print([node.grad.hex() for node in topological_order(out) if isinstance(node.grad, float)])
print([d.hex() for d in grad(out, nodes)], grad(nodes[20], [leaves[0]], create_graph=True))
smooth = sum(a * b.tanh() for a in leaves for b in leaves)
print([d.hex() for row in hessian(smooth, leaves) for d in row])
print(viz.draw(out, max_nodes=None).source)

xs, ys = [[random.gauss(0, 1) for _ in range(4)] for _ in range(60)], [random.randrange(3) for _ in range(60)]
model = nn.MLP(4, [3, 3], activation="tanh", init="xavier", seed=0)
optimizer = nn.SGD(model.parameters(), 0.1)
for xs, ys in nn.batches(xs, ys, 10, random.Random(0)):
    loss = nn.mean([nn.cross_entropy_logits(model(x), y) for x, y in zip(xs, ys)])
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    print(loss.data.hex())
"""


def printed(*arguments, seed, folder=ROOT):
    """What Python prints under a hash seed, the time that something took left out."""
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, check=True, cwd=folder, text=True)
    return re.sub(r"\d+\.\d s|\d+:\d\d:\d\d", "some time", done.stdout)


def hash_seeds(part):
    """0, which is no seed at all, and others."""
    yield "0"
    yield from (str(case + 1) for case in HASHES.cases(part))


def test_order_gradients_pictures_and_training_are_the_same_bits_whatever_the_hash_seed():
    runs = {printed("-c", EVERYTHING, seed=seed) for seed in hash_seeds("of everything")}
    assert len(runs) == 1
    text = runs.pop()
    assert text.count("0x") > 100
    assert "digraph" in text


def test_a_set_that_shows_would_be_seen():
    assert len({printed("-c", "print({'a', 'b', 'c', 'd'})", seed=seed) for seed in ("0", "1", "4242")}) > 1


def test_the_demonstration_prints_and_draws_the_same_whatever_the_hash_seed(tmp_path):
    runs = []
    for seed in hash_seeds("of the demonstration"):
        folder = tmp_path / seed
        folder.mkdir()
        text = printed("-m", "chainrule", "demo", "--epochs", "1", "--layers", "2", "--out", "out", seed=seed, folder=folder)
        runs.append((text, [path.read_text(encoding="utf-8") for path in sorted(folder.glob("out/*.dot"))]))
    assert all(each == runs[0] for each in runs)
    assert re.search(r"loss \d\.\d{4}", runs[0][0])
    assert len(runs[0][1]) == 2
