"""One example in the network of note 4, for its cases: as ``Value``s in the note's letters, and its derivatives by complex step.

Layers are k = 1 .. L: ``W[k]``, ``b[k]``, ``a[k]``, ``h[k]`` belong to layer k, and ``h[0]`` are the inputs; entry 0 of the others is
empty, so that a layer has the same number as in the note. Neurons and classes count from 0 here, from 1 there: w_212 is W[2][0][1].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import nn
from autograd import Value, grad, log
from tests.derivations.networks import (
    DERIVATIVES,
    Array,
    Network,
    complex_step,
    forward,
    model,
    onwards,
    with_bias,
    with_weights,
)

LOSSES: dict[str, tuple[Callable[[Any, Array], Value], Callable[[Array, Array], Any]]] = {
    "cross_entropy": (lambda y_hat, y: -log(y_hat[y.argmax()]), lambda y_hat, y: -np.log(y_hat[y.argmax()])),
    "squares": (lambda y_hat, y: nn.sum_of_squares(y_hat, y.tolist()), lambda y_hat, y: ((y_hat - y) ** 2).sum()),
}
"""Each loss of one example twice: of Values, of arrays. The cross-entropy is unfused, so that the probabilities are nodes."""


class Example:
    """Example n of a network: ``W``, ``b``, ``a``, ``h``, ``y_hat``, ``loss`` and ``theta`` (S4.10) are Values; l is the true class."""

    def __init__(self, net: Network, n: int = 0, loss: str = "cross_entropy") -> None:
        self.net, self.x, self.y, self.L, self.l = net, net.x[n], net.y[n], len(net.weights), int(net.y[n].argmax())
        of_values, self._of_arrays = LOSSES[loss]
        mlp = model(net)
        arranged = nn.parameters_in_layout(mlp, "theta")
        trace = mlp.trace(self.x.tolist())
        self.W, self.b = [[], *arranged[: self.L]], [[], *arranged[self.L :]]
        self.a, self.h = [[], *trace.pre_activations], [trace.inputs, *trace.activations]
        self.y_hat = self.h[self.L]
        self.loss = of_values(self.y_hat, self.y)
        self.theta = flat(arranged)

    def d_W(self, k: int) -> Array:
        return complex_step(lambda w: self._loss(forward(with_weights(self.net, k, w), self.x)[1][-1]), self.net.weights[k - 1])

    def d_b(self, k: int) -> Array:
        return complex_step(lambda b: self._loss(forward(with_bias(self.net, k, b), self.x)[1][-1]), self.net.biases[k - 1])

    def d_a(self, k: int) -> Array:
        return complex_step(lambda a: self._loss(onwards(self.net, k, a)), forward(self.net, self.x)[0][k - 1])

    def d_h(self, k: int) -> Array:
        """The derivative with respect to the activations of a layer, 0 .. L; those of the last layer are free coordinates."""

        def from_here(h: Array) -> Any:
            if k == self.L:
                return self._loss(h)
            return self._loss(onwards(self.net, k + 1, self.net.weights[k] @ h + self.net.biases[k]))

        return complex_step(from_here, forward(self.net, self.x)[1][k])

    def slopes(self, k: int) -> Array:
        """g' at the pre-activations of layer k, by hand."""
        return DERIVATIVES[self.net.activations[k - 1]](forward(self.net, self.x)[0][k - 1])

    def _loss(self, y_hat: Array) -> Any:
        return self._of_arrays(y_hat, self.y)


def d(output: Value, source: Value) -> Any:
    """The derivative of one node in another."""
    return grad(output, [source])[0]


def theta_of(net: Network) -> Array:
    """All parameters in one vector, in the order of S4.10."""
    return np.concatenate([array.ravel() for array in (*net.weights, *net.biases)])


def with_theta(net: Network, theta: Array) -> Network:
    """The same network with other parameters, given in one vector."""
    shapes = [array.shape for array in (*net.weights, *net.biases)]
    ends = np.cumsum([np.prod(shape) for shape in shapes])
    parts = [part.reshape(shape) for part, shape in zip(np.split(theta, ends[:-1]), shapes, strict=True)]
    return net._replace(weights=parts[: len(net.weights)], biases=parts[len(net.weights) :])


def flat(nested: Any) -> list[Any]:
    """All that is in lists of lists, in their order."""
    return [entry for part in nested for entry in flat(part)] if isinstance(nested, list) else [nested]


def data(values: Any) -> Array:
    """The numbers of Values, of lists of them, or of lists of lists."""
    return np.array([data(value) for value in values]) if isinstance(values, list) else np.array(values.data)
