r"""The matrix twin of an MLP: the same network as arrays, with its backward pass written by hand.

It is the independent witness for the gradients of the scalars: it uses only the textbooks' matrix equations, and neither the table
of derivatives nor the graph. The N examples of a batch are rows (S1.i1); layer k has width :math:`d_k`, and :math:`H_0 = X` is the
batch of inputs. Forward, for k = 1 .. L:

    A_k  =  H_{k-1} W_k^T + b_k       pre-activations, N x d_k      S4.2, S4.84 for every row
    H_k  =  g_k(A_k)                  activations, N x d_k          S4.4, S4.85; S1.i4

Backward, for k = L .. 1, from dE/dH_L, the derivative of the loss with respect to the outputs:

    dE/dA_k      =  dE/dH_k * g_k'(A_k)    entry by entry, N x d_k  S4.90; S1.15 and S1.17, printed as matrix products
    dE/dW_k      =  (dE/dA_k)^T H_{k-1}    d_k x d_{k-1}            S4.87 summed over the examples; S1.16 transposed
    dE/db_k      =  sum of dE/dA_k's rows  d_k                      S4.88 summed over the examples
    dE/dH_{k-1}  =  dE/dA_k W_k            N x d_{k-1}              S4.89; with the first line S0.26 for every row

Row i of :math:`W_k` holds the weights of neuron i, column j those from neuron j of the layer below. For softmax the first
line is not entry by entry: each row is multiplied by its own Jacobian (S4.i13). The loop starts at k = L (S4.i11 prints L-1, which
leaves W_L without a gradient) and runs down to k = 1, which gives dE/dH_0, the derivative with respect to the inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from nn.layers import MLP

Array: TypeAlias = NDArray[np.float64]


class Forward(NamedTuple):
    """What each layer computed for a batch: arrays with one row for each example. ``MLP.trace`` returns the same for one example.

    >>> twin = MatrixMLP([np.array([[1.0, -1.0]])], [np.array([0.5])], ["relu"])
    >>> forward = twin.forward([[2.0, 1.0], [1.0, 2.0]])
    >>> forward.pre_activations[0].tolist(), forward.activations[0].tolist()
    ([[1.5], [-0.5]], [[1.5], [0.0]])
    """

    inputs: Array
    pre_activations: list[Array]
    activations: list[Array]


class Gradients(NamedTuple):
    """The loss of a batch and its derivatives, as arrays.

    Attributes:
        loss: the mean or sum over the N examples.
        outputs: the outputs of the network, N x d_L.
        deltas: for each layer, the derivatives with respect to its pre-activations, N x d_k.
        weights: for each layer, the derivatives with respect to its weights, d_k x d_{k-1}.
        biases: for each layer, the derivatives with respect to its biases, d_k, or None without a bias.
        inputs: the derivatives with respect to the inputs, N x d_0.

    >>> twin = MatrixMLP([np.array([[1.0, -1.0]])], [np.array([0.5])], ["linear"])
    >>> gradients = twin.gradients([[2.0, 1.0]], [1.0], loss="half_sum_of_squares")
    >>> gradients.deltas[0].tolist(), gradients.weights[0].tolist(), gradients.inputs.tolist()
    ([[0.5]], [[1.0, 0.5]], [[0.5, -0.5]])
    """

    loss: float
    outputs: Array
    deltas: list[Array]
    weights: list[Array]
    biases: list[Array | None]
    inputs: Array

    def flat(self) -> Array:
        """The derivatives with respect to all parameters, in the order of ``MLP.parameters()``: neuron by neuron, weights, then bias.

        >>> twin = MatrixMLP([np.array([[1.0, -1.0]])], [np.array([0.5])], ["linear"])
        >>> twin.gradients([[2.0, 1.0]], [1.0], loss="half_sum_of_squares").flat().tolist()
        [1.0, 0.5, 0.5]
        """
        layers = zip(self.weights, self.biases, strict=True)
        return np.concatenate([(w if b is None else np.column_stack([w, b])).ravel() for w, b in layers])


class MatrixMLP:
    r"""A multilayer perceptron in matrices.

    Args:
        weights: for each layer its matrix :math:`W_k`, of shape :math:`d_k \times d_{k-1}`.
        biases: for each layer its vector :math:`b_k`, of shape :math:`d_k`, or None.
        activations: for each layer the name of its activation, from ``ACTIVATIONS``.

    Raises:
        ValueError: if the shapes do not match, or an activation is not in ``ACTIVATIONS``.

    Source: S4.9 forward, S4.84-S4.90 backward, with examples as rows (S1.15-S1.17).

    >>> from nn import MLP, mean, sum_of_squares
    >>> model = MLP(2, [3, 1], activation="tanh", seed=0)
    >>> inputs, targets = [[0.5, -1.0], [2.0, 1.0]], [1.0, -1.0]
    >>> gradients = MatrixMLP.from_model(model).gradients(inputs, targets, "sum_of_squares")
    >>> mean([sum_of_squares(model(x), y) for x, y in zip(inputs, targets)]).backward()
    >>> bool(np.allclose(gradients.flat(), [p.grad for p in model.parameters()], rtol=1e-12, atol=0))
    True
    """

    def __init__(self, weights: Sequence[ArrayLike], biases: Sequence[ArrayLike | None], activations: Sequence[str]) -> None:
        if not len(weights) == len(biases) == len(activations) >= 1:
            raise ValueError(
                "a network needs one weight matrix, one bias (or None) and one activation for each of its layers, "
                f"but got {len(weights)}, {len(biases)} and {len(activations)}"
            )
        self.weights = [np.array(w, dtype=float) for w in weights]
        self.biases = [None if b is None else np.array(b, dtype=float) for b in biases]
        self.activations = list(activations)
        below = None
        for k, (w, b, name) in enumerate(zip(self.weights, self.biases, self.activations, strict=True), start=1):
            if w.ndim != 2 or 0 in w.shape or below not in (None, w.shape[1]):
                columns = "a column for each input" if below is None else f"{below} columns, the width of the layer below"
                raise ValueError(f"the weights of layer {k} need a row for each neuron and {columns}, but have shape {w.shape}")
            if b is not None and b.shape != (len(w),):
                raise ValueError(f"the bias of layer {k} has shape {b.shape}, but its weights {w.shape} need {(len(w),)}")
            if name not in ACTIVATIONS:
                raise ValueError(f"layer {k} has activation {name!r}, but the matrix twin knows {', '.join(ACTIVATIONS)}")
            below = len(w)

    @classmethod
    def from_model(cls, model: MLP) -> MatrixMLP:
        """The twin of an MLP, with its parameters in float64 and the names of its activations.

        Raises:
            ValueError: if an activation is a function and not a name.

        >>> from nn import MLP
        >>> model = MLP(2, [3, 1], seed=0)
        >>> bool(MatrixMLP.from_model(model).weights[0][2, 1] == model.layers[0].neurons[2].w[1].data)
        True
        """
        for k, layer in enumerate(model.layers, start=1):
            if not isinstance(layer.activation, str):
                raise ValueError(
                    f"layer {k} has the function {layer.activation!r} as activation, whose derivative the matrix twin cannot "
                    f"know; it needs one of the names {', '.join(ACTIVATIONS)}"
                )
        return cls(*_parameters(model), [str(layer.activation) for layer in model.layers])

    def to_model(self, model: MLP) -> None:
        """Write the parameters into the ``data`` of an MLP of the same shapes; its activations stay.

        Raises:
            ValueError: if a shape differs; nothing is written then.

        >>> from nn import MLP
        >>> model = MLP(2, [1])
        >>> MatrixMLP([[[0.5, -1.0]]], [[0.25]], ["linear"]).to_model(model)
        >>> [p.data for p in model.parameters()]
        [0.5, -1.0, 0.25]
        """
        theirs, ours = _shapes(*_parameters(model)), _shapes(self.weights, self.biases)
        if theirs != ours:
            raise ValueError(
                f"layer by layer, the weights and biases of the model have shapes {theirs}, but those of the matrix twin {ours}: "
                "export needs a model of the same widths, with biases in the same layers"
            )
        for layer, weights, bias in zip(model.layers, self.weights, self.biases, strict=True):
            for i, neuron in enumerate(layer.neurons):
                for j, w in enumerate(neuron.w):
                    w.data = float(weights[i, j])
                if neuron.b is not None and bias is not None:
                    neuron.b.data = float(bias[i])

    @np.errstate(all="ignore")  # overflow gives inf, as with Values
    def forward(self, inputs: ArrayLike) -> Forward:
        """The pre-activations and activations of every layer, for a batch with one example in each row.

        Raises:
            ValueError: if the inputs are not an array of one row or more, with one number for each input.

        >>> MatrixMLP([[[1.0, 2.0]]], [[-3.0]], ["relu"]).forward([[1.0, 0.0], [1.0, 2.0]]).activations[-1].tolist()
        [[0.0], [2.0]]
        """
        x = np.array(inputs, dtype=float)
        if x.ndim != 2 or len(x) == 0 or x.shape[1] != self.weights[0].shape[1]:
            raise ValueError(
                f"the inputs have shape {x.shape}, but the first layer's weights {self.weights[0].shape} need "
                f"(N, {self.weights[0].shape[1]}): one row for each of N samples"
            )
        h = x
        pre_activations, activations = [], []
        for w, b, name in zip(self.weights, self.biases, self.activations, strict=True):
            a = h @ w.T if b is None else h @ w.T + b  # S4.2, S4.84
            h = ACTIVATIONS[name][0](a)  # S4.4, S4.85
            pre_activations.append(a)
            activations.append(h)
        return Forward(x, pre_activations, activations)

    @np.errstate(all="ignore")  # overflow gives inf, as with Values
    def gradients(
        self, inputs: ArrayLike, targets: ArrayLike, loss: str = "cross_entropy_logits", reduction: str = "mean"
    ) -> Gradients:
        """The loss of a batch and its derivatives with respect to every parameter, pre-activation and input, by hand.

        Args:
            inputs: one row for each of N examples.
            targets: an array with a row for each example and a column for each output; or N class labels, whole numbers from
                0, which stand for one-hot rows; or N numbers, for a single output and a loss other than cross-entropy.
            loss: a name from ``LOSSES``.
            reduction: ``"mean"`` or ``"sum"`` over the examples (S4.14, S3.3).

        Raises:
            ValueError: if a shape, a label or a name is wrong.

        >>> gradients = MatrixMLP([[[1.0], [0.0]]], [None], ["linear"]).gradients([[0.0]], [1])
        >>> gradients.loss, gradients.deltas
        (0.6931471805599453, [array([[ 0.5, -0.5]])])
        """
        if loss not in LOSSES or reduction not in ("mean", "sum"):
            raise ValueError(
                f"the loss is one of {', '.join(LOSSES)} and the reduction mean or sum, but got {loss!r} and {reduction!r}"
            )
        x, pre_activations, activations = self.forward(inputs)
        y, below = activations[-1], [x, *activations]
        t = _targets(targets, y.shape, loss)
        value, derivative = LOSSES[loss]
        scale = 1 / len(y) if reduction == "mean" else 1.0

        d_h = scale * derivative(y, t)
        deltas: list[Array] = []
        d_weights: list[Array] = []
        d_biases: list[Array | None] = []
        for k in reversed(range(len(self.weights))):
            slopes = ACTIVATIONS[self.activations[k]][1](pre_activations[k])
            delta = _through(slopes, d_h)  # S4.90, S1.15, S1.17
            deltas.insert(0, delta)
            d_weights.insert(0, delta.T @ below[k])  # S4.87, S1.16
            d_biases.insert(0, None if self.biases[k] is None else delta.sum(axis=0))  # S4.88
            d_h = delta @ self.weights[k]  # S4.89
        return Gradients(scale * float(value(y, t).sum()), y, deltas, d_weights, d_biases, d_h)


def _through(slopes: Array, d_h: Array) -> Array:
    """dE/dA from dE/dH: each row times the Jacobian of the activation. ``slopes`` has its diagonal, or for softmax all of it."""
    if slopes.ndim == 2:
        return d_h * slopes
    d_a: Array = np.einsum("ni,nij->nj", d_h, slopes)
    return d_a


def _parameters(model: MLP) -> tuple[list[list[list[float]]], list[list[float] | None]]:
    weights = [[[w.data for w in neuron.w] for neuron in layer.neurons] for layer in model.layers]
    return weights, [[neuron.b.data for neuron in layer.neurons if neuron.b is not None] or None for layer in model.layers]


def _shapes(weights: Sequence[ArrayLike], biases: Sequence[ArrayLike | None]) -> list[tuple[tuple[int, ...], ...]]:
    """For each layer the shapes of its weights and its bias; () stands for no bias."""
    return [(np.shape(w), () if b is None else np.shape(b)) for w, b in zip(weights, biases, strict=True)]


def _targets(targets: ArrayLike, shape: tuple[int, ...], loss: str) -> Array:
    """The targets as an array with the shape of the outputs."""
    examples, outputs = shape
    t = np.asarray(targets)
    if t.shape == (examples,) and outputs == 1 and not loss.startswith("cross_entropy"):
        t = t[:, np.newaxis]
    elif t.shape == (examples,) and t.dtype.kind in "iu" and t.min() >= 0 and t.max() < outputs:
        t = np.eye(outputs)[t]  # S4.16
    if t.shape != shape:
        raise ValueError(
            f"targets of shape {t.shape} and type {t.dtype} do not fit outputs of shape {shape}: {loss} needs one number for "
            f"each output, or for each sample a class label, a whole number from 0 to {outputs - 1}"
        )
    if loss == "hinge" and not np.isin(t, (-1, 1)).all():
        raise ValueError(f"hinge needs targets of -1 or 1, one for each output, but got {np.unique(t)}")
    return t.astype(float)


# --- activations: each with its derivative, in forms that cannot overflow ---------------------------------------------


def _sigmoid(a: Array) -> Array:
    y: Array = np.exp(np.minimum(a, 0)) / (1 + np.exp(-np.abs(a)))  # S4.92; below 0 as e^a / (1 + e^a)
    return y


def _softmax(a: Array) -> Array:
    e = np.exp(a - a.max(axis=1, keepdims=True))
    y: Array = e / e.sum(axis=1, keepdims=True)  # S4.15
    return y


def _softmax_jacobian(a: Array) -> Array:
    """For each row y of probabilities diag(y) - y y^T (S4.i13), N x d x d."""
    y = _softmax(a)
    return y[:, :, np.newaxis] * (np.eye(y.shape[1]) - y[:, np.newaxis, :])


def _gauss(a: Array) -> Array:
    """The distribution function of the normal distribution, accurate in both tails."""
    erfc = np.vectorize(math.erfc, otypes=[float])
    return np.asarray(erfc(-a / math.sqrt(2)) / 2)


SLOPE, ALPHA = 0.01, 1.0  # of leaky_relu (Maas et al. 2013) and elu (Clevert et al. 2015) below 0

ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "linear": (lambda a: a, np.ones_like),
    "relu": (lambda a: np.maximum(a, 0), lambda a: np.heaviside(a, 0)),
    "leaky_relu": (lambda a: np.where(a > 0, a, SLOPE * a), lambda a: np.where(a > 0, 1, SLOPE)),
    "elu": (
        lambda a: np.where(a > 0, a, ALPHA * np.expm1(np.minimum(a, 0))),
        lambda a: np.where(a > 0, 1, ALPHA * np.exp(np.minimum(a, 0))),
    ),
    "silu": (lambda a: a * _sigmoid(a), lambda a: _sigmoid(a) + a * _sigmoid(a) * _sigmoid(-a)),
    "gelu": (lambda a: a * _gauss(a), lambda a: _gauss(a) + a * np.exp(-a * a / 2) / math.sqrt(2 * math.pi)),
    "softplus": (lambda a: np.logaddexp(0, a), _sigmoid),
    "sigmoid": (_sigmoid, lambda a: _sigmoid(a) * _sigmoid(-a)),  # S4.102
    "tanh": (np.tanh, lambda a: 4 * _sigmoid(2 * a) * _sigmoid(-2 * a)),  # S4.101, 1 - tanh^2 = 1 / cosh^2
    "softmax": (_softmax, _softmax_jacobian),
}
"""Each activation and its derivative; for softmax the Jacobian of each row. At a kink the derivative is the left one."""


# --- losses: for each example the value, and the derivative with respect to the outputs -------------------------------


def _log_softmax(y: Array) -> Array:
    shifted = y - y.max(axis=1, keepdims=True)
    logs: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logs


def _where_wanted(y: Array, t: Array) -> Array:
    """The probabilities, with 1 for a class whose target is 0: it does not count, whatever its probability."""
    return np.where(t == 0, 1, y)


LOSSES: dict[str, tuple[Callable[[Array, Array], Array], Callable[[Array, Array], Array]]] = {
    "sum_of_squares": (
        lambda y, t: ((t - y) ** 2).sum(axis=1),  # S0.27
        lambda y, t: -2 * (t - y),  # S0.31 without its F
    ),
    "half_sum_of_squares": (
        lambda y, t: ((y - t) ** 2).sum(axis=1) / 2,  # S2.i1
        lambda y, t: y - t,  # S3.7
    ),
    "cross_entropy": (
        lambda y, t: -(t * np.log(_where_wanted(y, t))).sum(axis=1),  # S4.i5 with its minus
        lambda y, t: -t / _where_wanted(y, t),  # S4.31 with its indicator, S4.35
    ),
    "cross_entropy_logits": (
        lambda y, t: -np.where(t == 0, 0, t * _log_softmax(y)).sum(axis=1),
        lambda y, t: t.sum(axis=1, keepdims=True) * _softmax(y) - t,  # S4.45, S4.86, whose rows of t sum to 1
    ),
    "hinge": (
        lambda y, t: np.maximum(1 - t * y, 0).sum(axis=1),
        lambda y, t: -t * np.heaviside(1 - t * y, 0),
    ),
}
"""Each loss and its derivative with respect to the outputs y, for every example of a batch; outputs and targets are N x d_L."""
