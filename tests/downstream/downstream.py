"""What a user's own typed program looks like. Where a type is promised, ``assert_type`` holds the packages to it."""

import random

from typing_extensions import assert_type

import autograd
import nn
import viz
from autograd import Op, Value, apply, check_gradients, grad, hessian, jvp, value_and_grad
from nn.matrix import MatrixMLP


def neuron(x: list[Value], w: list[Value], b: Value) -> Value:
    return autograd.tanh(autograd.total((wi * xi for wi, xi in zip(w, x, strict=True)), b))


class Line(nn.Module):
    """A model of the user's own."""

    def __init__(self, rng: random.Random) -> None:
        self.slope = Value(rng.gauss(0, 1), "slope")
        self.offset = Value(0.0, "offset")

    def __call__(self, x: float) -> Value:
        return self.slope * x + self.offset


def train(model: Line, points: list[tuple[float, float]], steps: int) -> list[float]:
    optimizer = nn.SGD(model.parameters(), lr=0.1)
    losses: list[float] = []
    for _ in range(steps):
        loss = nn.mean([nn.sum_of_squares(model(x), y) for x, y in points])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.data))
    return losses


def main() -> None:
    x = Value(2.0, "x")
    y = 3 * x**2 - x / 4 + 2**x
    assert_type(y, Value)
    assert_type(autograd.exp(x), Value)
    assert_type(autograd.exp(2.0), float)
    assert_type(apply(autograd.OPS["exp"], x), Value)
    assert_type(apply(autograd.OPS["exp"], 2.0), float)
    assert_type(apply(autograd.OPS["mul"], 2.0, x), Value)
    assert_type(apply(autograd.OPS["mul"], 2.0, 3.0), float)
    [slope] = grad(y, [x])
    [[curvature]] = hessian(y, [x])
    [rate] = jvp([y], [x], [1.0])
    assert slope == rate
    assert curvature > 0

    out = neuron([x, Value(1.0)], [Value(0.5), Value(-1.5)], Value(0.25))
    out.backward()
    assert "neuron" not in viz.draw(out).source

    cube = Op("cube", "x ** 3", ("3 * x ** 2",))
    value, gradient = value_and_grad(lambda t: apply(cube, t))(2.0)
    assert (value, gradient) == (8.0, [12.0])
    report = check_gradients(lambda t: apply(cube, t), 2.0)
    assert_type(bool(report), bool)
    assert report, report

    line = Line(random.Random(0))
    losses = train(line, [(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)], steps=200)
    assert losses[-1] < 1e-6 < losses[0]

    model = nn.MLP(2, [3, 2], activation="tanh", output="softmax", seed=0)
    assert_type(model.parameters(), list[Value])
    loss = nn.cross_entropy(model([0.5, -1.0]), 1)
    assert_type(loss, Value)
    loss.backward()
    assert MatrixMLP.from_model(model).gradients([[0.5, -1.0]], [1], loss="cross_entropy").weights[0].shape == (3, 2)

    compiled = autograd.compile(lambda x, y: nn.half_sum_of_squares(line(x), y), line.parameters(), executor="numpy")
    mean_loss, gradients = compiled([0.0, 1.0, 2.0], [1.0, 3.0, 5.0])
    assert_type(mean_loss, float)
    assert mean_loss < 1e-6
    assert gradients.shape == (2,)
    print("downstream: all is well")  # noqa: T201


if __name__ == "__main__":
    main()
