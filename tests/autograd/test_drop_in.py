"""Programs written for micrograd, for the class of its lecture and for a microgpt run with one import changed.

They stand in tests/drop_in as their users wrote them. Here the import is changed, the program is run, and what it found is
compared with something that shares no code with either engine: closed forms, complex numbers, or the same training in NumPy.
"""

import cmath
import math
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from autograd import OPS, Value

PROGRAMS = Path(__file__).parents[1] / "drop_in"
IMPORTS = {  # what is changed, and into what
    "from micrograd.engine import": "from autograd import",
    "from micrograd.nn import": "from nn import",
    "from engine import": "from autograd import",
    "from microgpt import": "from autograd import",
}
STEP = 1e-30  # of the complex step: f'(x) = Im f(x + ih) / h up to h^2, so no digit is lost to a difference


def migrated(source):
    for old, new in IMPORTS.items():
        source = source.replace(old, new)
    return source


def run(name):
    """The variables of a program after it has run."""
    path = PROGRAMS / f"{name}.py"
    variables = {"__name__": name}
    exec(compile(migrated(path.read_text(encoding="utf-8")), path, "exec"), variables)
    return variables


@pytest.mark.parametrize("path", [path for path in PROGRAMS.glob("*.py") if path.name != "conftest.py"], ids=lambda p: p.stem)
def test_nothing_but_the_import_is_changed(path):
    before = path.read_text(encoding="utf-8").splitlines()
    changed = [(old, new) for old, new in zip(before, migrated("\n".join(before)).splitlines(), strict=True) if old != new]
    assert 1 <= len(changed) <= 2  # the engine, and the networks if they are used
    assert all(old.startswith("from ") and new.startswith(("from autograd import", "from nn import")) for old, new in changed)


def test_operators():
    program = run("operators")
    terms = program["terms"]
    values = terms(-1.5, 3)
    in_x, in_y = terms(complex(-1.5, STEP), 3), terms(-1.5, complex(3, STEP))
    assert len(program["found"]) == len(values) > 40
    for found, value, x, y in zip(program["found"], values, in_x, in_y, strict=True):
        # complex division and powers round a few times more than real ones
        assert found == pytest.approx((value, complex(x).imag / STEP, complex(y).imag / STEP), rel=1e-14, abs=1e-15)
    # c = ((a + b) 2 - a/4) / b, g = c^2 + 1 at a = 2, b = -3; dc/da = 7/4b, dc/db = 2/b - c/b
    a, b = Fraction(2), Fraction(-3)
    c = ((a + b) * 2 - a / 4) / b
    exact = [c**2 + 1, 2 * c * Fraction(7, 4) / b, 2 * c * (2 / b - c / b)]
    assert [program["g"].data, program["a"].grad, program["b"].grad] == pytest.approx([float(e) for e in exact], rel=1e-15)


def test_closures(monkeypatch):
    monkeypatch.setattr(Value, "tanh", Value.tanh)  # the program replaces them, for this test alone
    monkeypatch.setattr(Value, "exp", Value.exp)
    program = run("closures")

    def out(x, y):
        z = (cmath.tanh(x * y) + cmath.exp(x + 2 * y) + x + x) / 4
        return 3 * cmath.tanh(z) + y / z

    expected = [out(0.25, -0.75).real, out(complex(0.25, STEP), -0.75).imag / STEP, out(0.25, complex(-0.75, STEP)).imag / STEP]
    # The terms of z nearly cancel, to 0.17, so a rounding weighs six times and more in 1/z^2.
    assert [program["out"].data, program["x"].grad, program["y"].grad] == pytest.approx(expected, rel=1e-13)
    assert program["z"]._prev >= {program["x"]}
    assert (program["z"]._op, program["x"].exp()._op) == ("mean", "exp")


def test_the_lecture():
    # n = 2 * -3 + 0.5 * 1 + 6.25 = 0.75 and o = tanh n, so do/dn = 1 - o^2 =: s; then x1, w1, x2, w2: s times the other factor.
    program = run("lecture")
    o = math.tanh(0.75)
    s = 1 - o * o
    expected = [s, s, s, s, s, -3 * s, 2 * s, s, 0.5 * s]
    assert program["o"].data == pytest.approx(o, rel=1e-15)
    for way in ("by_hand", "by_order", "by_backward"):
        assert program[way] == pytest.approx(expected, rel=1e-15), way
    # (e - 1) / (e + 1) cancels digits, and e is past 4
    assert program["taken_apart"] == pytest.approx([s, -3 * s, 2 * s, s, 0.5 * s], rel=1e-14)


def test_the_picture_of_the_lecture():
    program = run("lecture")
    lines = [line.strip() for line in program["picture"].source.splitlines()]
    assert sum("shape=record" in line for line in lines) == 10
    assert sum("->" in line for line in lines) == 5 + 9  # an arrow out of each operation, and one from each operand
    n, o = str(id(program["n"])), str(id(program["o"]))
    assert f'{n} [label="{{ n | data 0.7500 | grad 0.5966 }}" shape=record]' in lines
    assert f'{n} -> "{o}tanh"' in lines
    assert f'"{o}tanh" [label=tanh]' in lines
    assert {v.label for v in program["order"]} == {"x1", "x2", "w1", "w2", "b", "x1*w1", "x2*w2", "x1*w1 + x2*w2", "n", "o"}


# --- networks, the same by hand in NumPy ------------------------------------------------------------------------------


def unpacked(flat, widths):
    """Weights and biases by layer, from parameters that come neuron by neuron, weights before the bias."""
    layers, at = [], 0
    for nin, nout in pairwise(widths):
        rows = np.array(flat[at : at + nout * (nin + 1)], dtype=float).reshape(nout, nin + 1)
        layers.append(rows)
        at += rows.size
    assert at == len(flat)
    return layers


def with_ones(x):
    return np.hstack([x, np.ones((len(x), 1))])


def forward(layers, x, slope, last_is_linear):
    """The inputs of every layer and the outputs; z becomes max(z, 0) + slope z, in the last layer perhaps z itself."""
    inputs, pre = [], []
    for k, layer in enumerate(layers):
        inputs.append(with_ones(x))
        pre.append(inputs[-1] @ layer.T)
        x = pre[-1] if last_is_linear and k == len(layers) - 1 else np.maximum(pre[-1], 0) + slope * pre[-1]
    return inputs, pre, x


def backward(layers, inputs, pre, delta, slope, last_is_linear):
    """The gradients by layer, from that of the outputs."""
    gradients = []
    for k in reversed(range(len(layers))):
        if not (last_is_linear and k == len(layers) - 1):
            delta = delta * ((pre[k] > 0) + slope)
        gradients.insert(0, delta.T @ inputs[k])
        delta = delta @ layers[k][:, :-1]
    return gradients


def flattened(layers):
    return np.concatenate([layer.ravel() for layer in layers])


def test_a_network_of_ones_own_with_adam():
    program = run("own_network")
    x, y = np.array(program["xs"]), np.array(program["ys"])[:, None]
    layers = unpacked(program["start"], [3, 4, 4, 1])
    m = v = np.zeros(len(program["start"]))
    losses = []
    for k in range(1, 41):
        inputs, pre, outputs = forward(layers, x, 0.1, False)
        losses.append(float(((outputs - y) ** 2).mean()))
        gradient = flattened(backward(layers, inputs, pre, 2 * (outputs - y) / len(x), 0.1, False))
        m, v = 0.9 * m + 0.1 * gradient, 0.99 * v + 0.01 * gradient**2
        flat = flattened(layers) - 0.05 * (m / (1 - 0.9**k)) / (np.sqrt(v / (1 - 0.99**k)) + 1e-8)
        layers = unpacked(flat, [3, 4, 4, 1])
    assert program["losses"] == pytest.approx(losses, rel=1e-12)  # 40 steps of a thousand roundings; seen: 3e-15
    assert losses[-1] < losses[0] / 4
    assert [p.data for p in program["model"].parameters()] == pytest.approx(list(flat), rel=1e-11, abs=1e-12)
    assert all(type(p.m) is float and p.v > 0 for p in program["model"].parameters())


def test_the_networks_of_micrograd_by_their_names():
    program = run("networks")
    assert program["shown"] == (
        "MLP of [Layer of [ReLUNeuron(3), ReLUNeuron(3), ReLUNeuron(3), ReLUNeuron(3)], "
        "Layer of [LinearNeuron(4), LinearNeuron(4)]]"
    )
    assert program["count"] == 4 * (3 + 1) + 2 * (4 + 1)
    assert program["weights"][0][0][0] == program["first"]
    assert program["weights"][0][1] == [0.5, -0.5, -1.5]
    layers = [np.column_stack(each) for each in zip(program["weights"], program["biases"], strict=True)]
    inputs, pre, outputs = forward(layers, np.array([[1.0, -2.0, 0.5]]), 0, True)
    assert [o.data for o in program["outputs"]] == pytest.approx(list(outputs[0]), rel=1e-14)
    gradient = flattened(backward(layers, inputs, pre, 2 * (outputs - 1), 0, True))
    assert program["gradient"] == pytest.approx(list(gradient), rel=1e-13, abs=1e-15)
    assert set(program["zeroed"]) == set(program["still"]) == {0}


def test_a_module_of_ones_own():
    program = run("networks")

    def mixture(p):
        straight, bent = (p[3 * i] * 0.5 + p[3 * i + 1] * -1.0 + p[3 * i + 2] for i in range(2))
        bent = bent / (1 + bent * bent)
        a, b = (p[6 + 3 * i] * straight + p[7 + 3 * i] * bent + p[8 + 3 * i] for i in range(2))
        return p[12] * a + (1 - p[12]) * b

    start = np.array(program["start"])
    assert program["out"].data == pytest.approx(mixture(start), rel=1e-14)
    slopes = [mixture(start + STEP * 1j * one).imag / STEP for one in np.eye(len(start))]
    assert program["slopes"] == pytest.approx(slopes, rel=1e-13)


def test_the_moons_demo_of_micrograd():
    """The published run. It takes 100 steps of 100 examples: some twelve seconds on a quiet machine."""
    program = run("moons")
    x, y = program["X"], program["y"][:, None]
    layers = unpacked(program["start"], [2, 16, 16, 1])
    losses = []
    for k in range(100):
        inputs, pre, scores = forward(layers, x, 0, True)
        margins = np.maximum(0, 1 - y * scores)
        losses.append(float(margins.mean() + 1e-4 * sum((layer**2).sum() for layer in layers)))
        gradients = backward(layers, inputs, pre, -y * (margins > 0) / len(x), 0, True)
        rate = 1.0 - 0.9 * k / 100
        layers = [layer - rate * (g + 2e-4 * layer) for layer, g in zip(layers, gradients, strict=True)]
    # How far do sums that are rounded differently drift apart? Over 200 NumPy runs that took the examples in random orders, no
    # loss differed from ours by more than 3e-14 of it (near step 68), and the last by 4e-16: this training damps what rounding
    # does. So one tolerance serves for all steps; a wrong derivative would show in the first digits.
    assert program["losses"] == pytest.approx(losses, rel=1e-12)
    published = {0: 0.8958441028683222, 99: 0.010978370135492717}
    assert {k: program["losses"][k] for k in published} == pytest.approx(published, rel=1e-12)
    assert program["accuracies"][-1] == 1.0


# --- a language model, the same in NumPy ------------------------------------------------------------------------------

SHAPES = {
    "token": (6, 6), "position": (6, 6), "query": (6, 6), "key": (6, 6), "value": (6, 6), "output": (6, 6),
    "up": (12, 6), "down": (6, 12), "head": (6, 6),
}  # fmt: skip


def loss_of_a_word(flat, sequence):
    """-log p of each next token, on average: embeddings, two heads of attention, a hidden layer, all in matrices."""
    w, at = {}, 0
    for name, shape in SHAPES.items():
        w[name] = flat[at : at + shape[0] * shape[1]].reshape(shape)
        at += w[name].size
    assert at == len(flat)

    def norm(x):
        return x / np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-5)

    n = min(6, len(sequence) - 1)
    x = norm(w["token"][sequence[:n]] + w["position"][:n])
    q, k, v = (norm(x) @ w[name].T for name in ("query", "key", "value"))
    heads = []
    for h in (slice(0, 3), slice(3, 6)):
        scores = np.exp(q[:, h] @ k[:, h].T / math.sqrt(3)) * np.tri(n)  # nobody attends to what comes later
        heads.append(scores / scores.sum(axis=1, keepdims=True) @ v[:, h])
    x = np.hstack(heads) @ w["output"].T + x
    hidden = norm(x) @ w["up"].T
    x = hidden * (hidden.real > 0) @ w["down"].T + x
    p = np.exp(x @ w["head"].T)
    p = p / p.sum(axis=1, keepdims=True)
    return -np.log(p[range(n), sequence[1 : n + 1]]).mean()


def test_a_language_model_in_microgpts_style():
    program = run("tiny_gpt")
    assert {name: (len(m), len(m[0])) for name, m in program["state"].items()} == SHAPES
    flat = np.array(program["start"])
    m = v = np.zeros(len(flat))
    losses = []
    for step in range(program["steps"]):
        sequence = [program["END"], *map("abcdo".index, program["words"][step]), program["END"]]
        losses.append(loss_of_a_word(flat, sequence))
        gradient = np.array([loss_of_a_word(flat + STEP * 1j * one, sequence).imag / STEP for one in np.eye(len(flat))])
        m, v = 0.9 * m + 0.1 * gradient, 0.95 * v + 0.05 * gradient**2
        rate = 0.05 * (1 - step / program["steps"]) / (1 - 0.9 ** (step + 1))
        flat = flat - rate * m / (np.sqrt(v / (1 - 0.95 ** (step + 1))) + 1e-8)
    # Adam divides by the size of each gradient, so that the digits lost in the smallest one count as much as the others'.
    assert program["losses"] == pytest.approx(losses, rel=1e-10)
    assert sum(losses[6:]) < sum(losses[:6])  # the second time it sees the words it knows them better


def test_the_recorded_children_and_local_gradients_are_the_pass():
    """The program multiplies and adds them itself."""
    program = run("tiny_gpt")
    assert program["by_loop"] == pytest.approx(program["by_backward"], rel=1e-12, abs=1e-15)
    assert max(map(abs, program["by_loop"])) > 0.01
    assert (
        max(len(node._children) for node in program["order"]) == 6
    )  # the user's own operation: a dot product of three by three
    assert all(len(node._children) == len(node._local_grads) for node in program["order"])


# --- and what does not run, as docs/coming-from-micrograd.md says -------------------------------------------------------


def test_what_is_read_off_an_operation_cannot_be_assigned():
    x = Value(2.0)
    y = x * 3
    for name in ("_prev", "_op", "_children", "_local_grads"):
        with pytest.raises(AttributeError):
            setattr(y, name, ())
    y.backward()
    assert x.grad == 3.0


def test_the_keywords_of_a_microgpt_are_not_taken():
    for keyword in ("children", "local_grads"):
        with pytest.raises(TypeError, match=keyword):
            Value(2.0, **{keyword: ()})


def test_backward_on_a_leaf_adds_one():
    x = Value(2.0)
    x.backward()
    x.backward()
    assert x.grad == 2.0


# --- these tests can fail ---------------------------------------------------------------------------------------------


def test_every_program_of_the_folder_is_run():
    tests = Path(__file__).read_text(encoding="utf-8")
    for path in PROGRAMS.glob("*.py"):
        assert path.name == "conftest.py" or f'run("{path.stem}")' in tests


def test_a_planted_bug_is_caught(monkeypatch):
    """A product that passes on twice what it should: each comparison has to see it."""
    monkeypatch.setitem(vars(OPS["mul"]), "kernel", lambda x, y: (x * y, 2 * y, x))
    for test in (
        test_operators,
        test_the_lecture,
        test_a_network_of_ones_own_with_adam,
        test_the_networks_of_micrograd_by_their_names,
        test_a_module_of_ones_own,
        test_a_language_model_in_microgpts_style,
    ):
        with pytest.raises(AssertionError):
            test()
