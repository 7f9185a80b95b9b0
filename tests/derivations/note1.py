"""Note 1: a batch with its examples in rows, any error function, the bias as a feature of the inputs.

In the note's letters: W^l is K^l x K^(l+1), for l = 0 .. L-1, and leads from layer l to layer l+1; A^l = Z^l W^l is N x K^(l+1);
Z^0 = X and Z^(l+1) = f^l(A^l). Column 0 of X is 1. No layer has another bias.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

import nn
from autograd import jacobian
from tests.derivations.networks import ACTIVATIONS, complex_step

ERRORS = {  # each of a whole batch; the last two are no sums over the examples
    "half the squares": lambda Y, T: ((Y - T) ** 2).sum() / 2,
    "cross-entropy of each output": lambda Y, T: -(T * np.log(Y) + (1 - T) * np.log(1 - Y)).sum(),
    "a distance": lambda Y, T: np.sqrt(((Y - T) ** 2).sum()),
    "a product of sums": lambda Y, T: (Y[:, 0] * T[:, 0]).sum() * np.exp((Y[:, 1] - T[:, 1]).sum()),
}


class Batch(NamedTuple):
    """The numbers of a network without other biases than X's column of 1, and its examples."""

    X: np.ndarray
    W: list[np.ndarray]
    f: list[str]
    T: np.ndarray


def batch(N=6, K=(4, 5, 3, 2), f=("tanh", "sigmoid", "sigmoid"), seed=1):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(N), rng.normal(size=(N, K[0] - 1))])
    W = [rng.normal(size=shape) for shape in pairwise(K)]
    return Batch(X, W, list(f), rng.uniform(0.1, 0.9, size=(N, K[-1])))


B = batch()
L, N = len(B.W), len(B.X)
SQUARE = batch(N=5, K=(4, 5, 3, 5))  # N = K^1 = K^3, where a wrong product can have the right shape


# --- by hand: NumPy, real or complex ----------------------------------------------------------------------------------


def onwards(b, l, A):
    """Y, when A^l is A."""
    for f, W in zip(b.f[l:-1], b.W[l + 1 :], strict=True):
        A = ACTIVATIONS[f](A) @ W
    return ACTIVATIONS[b.f[-1]](A)


def layers(b):
    """The arrays Z^0 .. Z^L and A^0 .. A^(L-1)."""
    Z, A = [b.X], []
    for f, W in zip(b.f, b.W, strict=True):
        A.append(Z[-1] @ W)
        Z.append(ACTIVATIONS[f](A[-1]))
    return Z, A


def dE_dW_by_hand(b, E, l):
    """The derivative of E in W^l, by complex step."""
    Z, _ = layers(b)
    return complex_step(lambda W: E(onwards(b, l, Z[l] @ W), b.T), b.W[l])


def dE_dA_by_hand(b, E, l):
    """The derivative of E in A^l, by complex step."""
    _, A = layers(b)
    return complex_step(lambda a: E(onwards(b, l, a), b.T), A[l])


# --- by the engine: arrays of Values ----------------------------------------------------------------------------------


class Graph(NamedTuple):
    """One graph for the whole batch: every entry of the note's arrays is a node."""

    mlp: nn.MLP
    W: list[np.ndarray]
    A: list[np.ndarray]
    Z: list[np.ndarray]


def graph(b):
    widths = [W.shape[1] for W in b.W]
    mlp = nn.MLP(b.X.shape[1], widths, activation=b.f[:-1], output=b.f[-1], bias=False, seed=0)
    nn.import_parameters(mlp, b.W, "bias_row")
    traces = [mlp.trace(x) for x in b.X]
    W = [np.array(w) for w in nn.parameters_in_layout(mlp, "bias_row")]
    A = [np.array([trace.pre_activations[l] for trace in traces]) for l in range(len(W))]
    Z = [np.array([trace.inputs for trace in traces])]
    return Graph(mlp, W, A, Z + [np.array([trace.activations[l] for trace in traces]) for l in range(len(W))])


def d(outputs, inputs):
    """The derivative of each output in each input: an array of the shape of the outputs, then that of the inputs."""
    outputs, inputs = np.array(outputs), np.array(inputs)
    return np.array(jacobian(list(outputs.flat), list(inputs.flat))).reshape(outputs.shape + inputs.shape)


def data(values):
    return np.array([value.data for value in np.ravel(values)]).reshape(np.shape(values))


def slopes(Z):
    """The local derivatives f'(A), read off the nodes of Z = f(A)."""
    return np.array([z.partials[0] for z in Z.flat]).reshape(Z.shape)


G = graph(B)
E_OF = {name: E(G.Z[L], B.T) for name, E in ERRORS.items()}  # each error as a Value


def every(last):
    """Each error with each l from 0 to last."""
    return [(ERRORS[name], E_OF[name], l) for name in ERRORS for l in range(last + 1)]
