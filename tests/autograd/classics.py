"""The derivations that every course shows, as graphs with what to explain of them; their texts are in ``golden``.

After a change that is meant to change texts, write them anew, and read what changed:

    python -m tests.autograd.classics && git diff tests/autograd/golden
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import nn
from autograd import Value, dot, explain, logsumexp, scope
from nn import elementary

GOLDEN = Path(__file__).parent / "golden"

CLASSICS: dict[str, Callable[[], tuple[Value, dict[str, Any]]]] = {}  # each gives an output, and how to explain it


def classic(make):
    CLASSICS[make.__name__] = make
    return make


def named(label, node):
    node.label = label
    return node


@classic
def neuron():
    w, x, b = Value(0.5, "w"), Value(2.0, "x"), Value(-1.5, "b")
    return named("y", (w * x + b).tanh()), {"source": w}


@classic
def diamond():
    a = Value(2.0, "a")
    b, c = named("b", 3 * a), named("c", a * a)
    return named("d", b * c), {"source": a}


@classic
def square():
    x = Value(3.0, "x")
    return x * x, {}


@classic
def softmax_cross_entropy():
    """S4.28-S4.43: dL/dz_i is y_i, and for the true class, 2 here, y_i - 1."""
    zs = [Value(data, f"z{i}") for i, data in enumerate([2.0, 1.0, -1.0], start=1)]
    y = elementary.softmax(zs)[1]
    return named("L", -named("y2", y).log()), {"source": zs}


@classic
def log_sum_exp():
    """The largest is detached: the paths through it carry a factor 0."""
    xs = [Value(data, f"x{i}") for i, data in enumerate([2.0, 1.0, -1.0], start=1)]
    return named("L", logsumexp(xs)), {"source": xs[1]}


@classic
def thin_chain():
    """S4.21: one neuron per layer, and seven factors on the only path."""
    h, first = Value(0.5, "x"), Value(0.5, "w_111")
    for layer, (w, b) in enumerate([(first, 0.1), (-1.0, 0.2), (2.0, -0.5)], start=1):
        w = w if layer == 1 else Value(w, f"w_{layer}11")
        with scope("weighted_sum"):
            a = named(f"a_{layer}1", Value(b, f"b_{layer}1") + w * h)
        h = named(f"h_{layer}1", a.tanh()) if layer < 3 else named("yhat", a.sigmoid())
    with scope("squared_error"):
        loss = named("L", (h - Value(1.0, "y")) ** 2)
    return loss, {"source": first, "fold": 1}


@classic
def hidden_unit():
    """S4.50: h_22 acts on the loss through both units of the next layer."""
    h = [Value(data, f"h_2{j}") for j, data in enumerate([0.2, 0.5, -0.4], start=1)]
    w = [
        [Value(data, f"w_3{i}{j}") for j, data in enumerate(row, start=1)]
        for i, row in enumerate([[0.1, 0.6, -0.3], [0.4, -0.2, 0.7]], start=1)
    ]
    b = [Value(0.1, "b_31"), Value(-0.2, "b_32")]
    with scope("layer3"):
        a = [named(f"a_3{i + 1}", dot(w[i], h, start=b[i])) for i in (0, 1)]
    with scope("cross_entropy"):
        loss = named("L", -elementary.softmax(a)[0].log())
    return loss, {"source": h[1], "fold": 1}


@classic
def sigmoid():
    """S4.96-S4.102, step by step."""
    return named("a", elementary.sigmoid(Value(0.5, "z"))), {}


@classic
def powers():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    return named("z", x**3 + x**y), {}


def network():
    model = nn.MLP(2, [2, 1], activation="tanh", seed=0)
    x = [Value(0.5, "x1"), Value(-1.0, "x2")]
    return model, x, named("L", nn.sum_of_squares(model(x), [1.0]))


@classic
def folded_neurons():
    model, _, loss = network()
    return loss, {"source": model.layers[0].neurons[0].w[0], "fold": 2}


@classic
def folded_layers():
    """S4.89: an input acts on the loss through every neuron of the first layer."""
    _, x, loss = network()
    return loss, {"source": x[0], "fold": 1}


@classic
def ladder():
    x = Value(1.0, "x")
    y = x
    for k in range(1, 21):
        y = named(f"y{k}", 0.5 * y + 0.25 * y)
    return y, {"source": x, "max_paths": 3, "max_steps": 6}


@classic
def fractions():
    a, b = Value(Fraction(1, 3), "a"), Value(Fraction(-2, 5), "b")
    return named("y", a**2 * b / (1 - a)), {}


IN_MATHML = ["neuron", "diamond", "fractions", "powers", "softmax_cross_entropy", "folded_neurons"]  # kept in MathML too


def derivation(name):
    output, options = CLASSICS[name]()
    return explain(output, **options)


if __name__ == "__main__":
    for stale in GOLDEN.iterdir():
        stale.unlink()
    for name in CLASSICS:
        (GOLDEN / f"{name}.txt").write_text(f"{derivation(name)}\n", encoding="utf-8")
    for name in IN_MATHML:
        (GOLDEN / f"{name}.mathml").write_text(f"{derivation(name).to_mathml()}\n", encoding="utf-8")
