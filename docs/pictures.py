"""Draws the pictures of the documentation anew: ``python docs/pictures.py``."""

from pathlib import Path

import viz
from autograd import Value

HERE = Path(__file__).parent


def neuron() -> Value:
    """The example of the README."""
    w, x, b = Value(0.5, "w"), Value(2.0, "x"), Value(-1.5, "b")
    y = (w * x + b).tanh()
    y.label = "y"
    y.backward()
    return y


if __name__ == "__main__":
    picture = viz.draw(neuron())
    (HERE / "neuron.svg").write_text(picture.pipe(format="svg", encoding="utf-8"), encoding="utf-8")
