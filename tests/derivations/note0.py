"""Note 0 in its own letters: a forward pass in Values, and by its side the derivatives by complex step.

Layer m = 1 .. M has width S(m); W[m][j][i] goes from unit j of layer m - 1 to unit i of layer m, so that W(m) is p x q with
p = S(m-1), q = S(m), and r = S(m+1); n = W^T a + b; a = f(n), elementwise; J = (y - a)^T (y - a) of one sample; s = +dJ/dn.
Here f is tanh, the sigmoid and tanh again, so that no layer has the f of its neighbour.
"""

from typing import Any, NamedTuple

import numpy as np

import autograd
import nn
from autograd import Value, grad, jacobian, total
from tests.derivations.networks import (
    ACTIVATIONS,
    Array,
    Network,
    complex_step,
    forward,
    model,
    network,
    onwards,
    with_bias,
    with_weights,
)

NET = network([3, 4, 5, 2], examples=7)._replace(activations=["tanh", "sigmoid", "tanh"])
X, Y = NET.x[0], NET.y[0]
M = 3
LAYERS, HIDDEN = range(1, M + 1), range(1, M)
_pre_activations, A = forward(NET, X)  # A[m] = a(m), A[0] = x
N = [None, *_pre_activations]  # N[m] = n(m)
ALPHA = 0.4


class Record(NamedTuple):
    """A forward pass in Values, by the note's names: n[1] .. n[M], a[0] .. a[M], W[m][j][i], b[m][i] and J."""

    n: list[Any]
    a: list[Any]
    W: list[Any]
    b: list[Any]
    J: Value
    mlp: nn.MLP


def record(net: Network = NET, x: Array = X, y: Array = Y, mlp: nn.MLP | None = None) -> Record:
    mlp = mlp or model(net)
    trace = mlp.trace(x.tolist())
    W, b = zip(*nn.parameters_in_layout(mlp, "transposed"), strict=True)
    J = nn.sum_of_squares(trace.activations[-1], y.tolist())
    return Record([None, *trace.pre_activations], [trace.inputs, *trace.activations], [None, *W], [None, *b], J, mlp)


def sensitivity(run: Record, m: int) -> Array:
    """S0.8 and S0.9: the derivatives of J in the pre-activations of layer m."""
    return np.array(grad(run.J, run.n[m]))


def data(values: list[Value]) -> Array:
    return np.array([value.data for value in values])


def local(function: str, n: float) -> float:
    """The derivative of f alone, as a function of a number of its own."""
    at = Value(n)
    return grad(getattr(autograd, function)(at), [at])[0]


def preactivations(run: Record, m: int) -> list[Value]:
    """S0.4 written out, unit by unit."""
    W, a, b = run.W[m], run.a[m - 1], run.b[m]
    return [total(W[j][i] * a[j] for j in range(len(a))) + b[i] for i in range(len(b))]


def Fdot(run: Record, m: int) -> Array:
    """S0.25, from the engine: the Jacobian of the activations in the pre-activations of their layer."""
    return np.array(jacobian(run.a[m], run.n[m]))


def layers(mlp: nn.MLP) -> list[tuple[Array, Array]]:
    """The numbers of all layers now: W(m), p x q, and b(m)."""
    return [(np.array(w), np.array(b)) for w, b in nn.export_parameters(mlp, "transposed")]


# --- the other side: J in NumPy, of the numbers of one layer, for complex_step ----------------------------------------


def loss(a: Array, y: Array = Y) -> Any:
    return ((y - a) ** 2).sum()


def true_dW(m: int, net: Network = NET, x: Array = X, y: Array = Y) -> Array:
    """dJ/dW(m) in the note's layout, p x q."""
    return complex_step(lambda W: loss(forward(with_weights(net, m, W.T), x)[1][-1], y), net.weights[m - 1].T)


def true_db(m: int, net: Network = NET, x: Array = X, y: Array = Y) -> Array:
    return complex_step(lambda b: loss(forward(with_bias(net, m, b), x)[1][-1], y), net.biases[m - 1])


def true_s(m: int, net: Network = NET, x: Array = X, y: Array = Y) -> Array:
    return complex_step(lambda n: loss(onwards(net, m, n), y), forward(net, x)[0][m - 1])


def true_jacobian(m: int) -> Array:
    """dn(m+1)/dn(m), r x q."""
    f = ACTIVATIONS[NET.activations[m - 1]]
    return complex_step(lambda n: NET.weights[m] @ f(n) + NET.biases[m], N[m])


def moved(net: Network, x: Array, y: Array, weights: Any, biases: Any) -> Network:
    """A step in NumPy: w - weights dJ/dw, b - biases dJ/db, where all gradients are taken before it."""
    W = [w - weights * true_dW(m, net, x, y).T for m, w in enumerate(net.weights, start=1)]
    b = [each - biases * true_db(m, net, x, y) for m, each in enumerate(net.biases, start=1)]
    return net._replace(weights=W, biases=b)
