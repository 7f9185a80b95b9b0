"""Draws the pictures of the documentation: ``python docs/pictures.py`` updates them."""

from pathlib import Path

import viz
from autograd import Value, scope

HERE = Path(__file__).parent


def neuron() -> Value:
    """The example of the README."""
    w, x, b = Value(0.5, "w"), Value(2.0, "x"), Value(-1.5, "b")
    y = (w * x + b).tanh()
    y.label = "y"
    y.backward()
    return y


def loss_of_a_neuron() -> Value:
    """The example of "Flat and fast"."""
    w, x, b, y = Value(0.5, "w"), Value(2.0, "x"), Value(-1.5, "b"), Value(1.0, "y")
    loss = ((w * x + b).tanh() - y) ** 2
    loss.backward()
    return loss


def layer() -> Value:
    """Two neurons that read the same two inputs, and the sum of both."""
    x = [Value(2.0, "x[0]"), Value(-1.0, "x[1]")]
    outputs = []
    for i, numbers in enumerate(((0.5, 1.5, -1.0), (-0.25, 0.75, 0.5)), start=1):
        with scope(f"row {i}"):
            w1, w2, b = (
                Value(number, name) for number, name in zip(numbers, (f"w[{i},1]", f"w[{i},2]", f"b[{i}]"), strict=True)
            )
            outputs.append(b + w1 * x[0] + w2 * x[1])
    return outputs[0] + outputs[1]


PICTURES = {"neuron": neuron, "flat-and-fast-neuron": loss_of_a_neuron, "flat-and-fast-layer": layer}

if __name__ == "__main__":
    for name, example in PICTURES.items():
        (HERE / f"{name}.svg").write_text(viz.draw(example()).pipe(format="svg", encoding="utf-8"), encoding="utf-8")
