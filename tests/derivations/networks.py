"""Small networks in NumPy, by hand, for the oracles of the equations; and the same networks as ``nn.MLP``.

The forward pass is written for real and complex numbers alike, so that ``complex_step`` gives any derivative from it to the last
digits. Nothing here reads ``autograd``; only ``model`` does, which makes the network whose equations are tested.

Notation, neutral between the notes: layers l = 1 .. L of widths d_0 .. d_L; ``weights[l - 1]`` is W_l, d_l x d_(l-1), row i goes
to neuron i; ``biases[l - 1]`` is b_l; z_l = W_l h_(l-1) + b_l; h_l = g_l(z_l); h_0 = x.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import nn

Array = NDArray[Any]
STEP = 1e-100  # its square vanishes beside any number


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def softmax(z: Array) -> Array:
    e = np.exp(z - z.real.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "linear": lambda z: z,
    "softmax": softmax,
}
DERIVATIVES: dict[str, Callable[[Array], Array]] = {
    "sigmoid": lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2,
    "tanh": lambda z: 1 / np.cosh(z) ** 2,
    "linear": np.ones_like,
}


class Network(NamedTuple):
    """The numbers of a network, with examples: ``x`` and ``y`` have a row for each, N x d_0 and N x d_L."""

    weights: list[Array]
    biases: list[Array]
    activations: list[str]
    x: Array
    y: Array

    @property
    def widths(self) -> list[int]:
        return [self.weights[0].shape[1], *(len(w) for w in self.weights)]


def network(
    widths: Sequence[int], examples: int, activation: str = "sigmoid", output: str = "sigmoid", seed: int = 0
) -> Network:
    """Random numbers of about 1, the same for the same arguments; targets between 0 and 1, one-hot for softmax."""
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(b, a)) for a, b in pairwise(widths)]
    biases = [rng.normal(size=b) for b in widths[1:]]
    x = rng.normal(size=(examples, widths[0]))
    labels = rng.permutation(np.arange(examples) % widths[-1])
    y = np.eye(widths[-1])[labels] if output == "softmax" else rng.uniform(0.1, 0.9, size=(examples, widths[-1]))
    return Network(weights, biases, [activation] * (len(widths) - 2) + [output], x, y)


def forward(net: Network, x: Array) -> tuple[list[Array], list[Array]]:
    """The pre-activations z_1 .. z_L and the activations h_0 .. h_L, of one example or of a batch in rows."""
    pre_activations, activations = [], [x]
    for w, b, name in zip(net.weights, net.biases, net.activations, strict=True):
        pre_activations.append(activations[-1] @ w.T + b)
        activations.append(ACTIVATIONS[name](pre_activations[-1]))
    return pre_activations, activations


def onwards(net: Network, layer: int, z: Array) -> Array:
    """The output h_L when the pre-activation of a layer (from 1) is z."""
    h = ACTIVATIONS[net.activations[layer - 1]](z)
    for w, b, name in zip(net.weights[layer:], net.biases[layer:], net.activations[layer:], strict=True):
        h = ACTIVATIONS[name](h @ w.T + b)
    return h


def with_weights(net: Network, layer: int, w: Array) -> Network:
    """The same network with another W in a layer (from 1)."""
    return net._replace(weights=[w if k == layer else own for k, own in enumerate(net.weights, start=1)])


def with_bias(net: Network, layer: int, b: Array) -> Network:
    """The same network with another b in a layer (from 1)."""
    return net._replace(biases=[b if k == layer else own for k, own in enumerate(net.biases, start=1)])


def complex_step(f: Callable[[Array], Any], at: Array) -> Array:
    """The derivative of f, a number or an array, in each entry of ``at``: of shape ``f(at).shape + at.shape``.

    f(at + ih) = f(at) + ih f'(at) + O(h^2): the imaginary part over h, to the last digits.
    """
    at = np.asarray(at, dtype=complex)
    columns = []
    for index in np.ndindex(at.shape):
        moved = at.copy()
        moved[index] += 1j * STEP
        columns.append(np.asarray(f(moved)).imag / STEP)
    return np.stack(columns, axis=-1).reshape(columns[0].shape + at.shape)


def model(net: Network) -> nn.MLP:
    """The ``nn.MLP`` with the same parameters and activations."""
    mlp = nn.MLP(net.widths[0], net.widths[1:], activation=net.activations[:-1], output=net.activations[-1], seed=0)
    pairs = [[w.tolist(), b.tolist()] for w, b in zip(net.weights, net.biases, strict=True)]
    nn.import_parameters(mlp, pairs, "matrices")
    return mlp
