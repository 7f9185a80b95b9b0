r"""Activations built of elementary operations, as the lecture notes derive them.

Each is a function of a ``Value`` and can be used as an activation: ``MLP(2, [3, 1], activation=elementary.tanh)``. Its values and
gradients are those of the activation with the same name, which is a single node; here the graph shows every node in between, so
that its chain rule is the derivation.

They are for reading, not for training: :math:`e^{-z}` overflows at z = -710, where the single node does not; and at a kink
``maximum`` gives each operand half of the gradient, where the single node takes the left derivative.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from autograd import OPS, erf, exp, log, maximum, minimum, total


def sigmoid(z: Any) -> Any:
    r""":math:`\sigma(z) = 1/(1 + e^{-z})` (S2.14, S4.92), whose chain rule gives :math:`\sigma(1 - \sigma)` (S2.18).

    >>> from autograd import Value
    >>> z = Value(0.0); a = sigmoid(z); a.backward()
    >>> a.data, z.grad
    (0.5, 0.25)
    """
    return 1 / (1 + exp(-z))


def tanh(z: Any) -> Any:
    r""":math:`\tanh z = (e^z - e^{-z})/(e^z + e^{-z})` (S4.94), whose chain rule gives :math:`1 - \tanh^2 z` (S4.101).

    >>> from autograd import Value
    >>> z = Value(0.0); a = tanh(z); a.backward()
    >>> a.data, z.grad
    (0.0, 1.0)
    """
    up, down = exp(z), exp(-z)
    return (up - down) / (up + down)


def softplus(z: Any) -> Any:
    r""":math:`\ln(1 + e^z)`, whose derivative is the sigmoid.

    >>> round(softplus(0.0), 6)
    0.693147
    """
    return log(1 + exp(z))


def relu(z: Any) -> Any:
    r""":math:`\max(z, 0)`.

    >>> relu(-2.0), relu(3.0)
    (0.0, 3.0)
    """
    return maximum(z, 0)


def leaky_relu(z: Any, slope: Any = OPS["leaky_relu"].default) -> Any:
    r""":math:`\max(z, 0) + slope\cdot\min(z, 0)`.

    >>> leaky_relu(-2.0)
    -0.02
    """
    return maximum(z, 0) + slope * minimum(z, 0)


def elu(z: Any, alpha: Any = OPS["elu"].default) -> Any:
    r""":math:`\max(z, 0) + \alpha(e^{\min(z, 0)} - 1)`.

    >>> elu(2.0)
    2.0
    """
    return maximum(z, 0) + alpha * (exp(minimum(z, 0)) - 1)


def silu(z: Any) -> Any:
    r""":math:`z\,\sigma(z)`, with the elementary sigmoid.

    >>> silu(0.0)
    0.0
    """
    return z * sigmoid(z)


def gelu(z: Any) -> Any:
    r""":math:`z\,\tfrac12\big(1 + \mathrm{erf}(z/\sqrt2)\big)`.

    >>> gelu(0.0)
    0.0
    """
    return z * (1 + erf(z / math.sqrt(2))) / 2


def softmax(zs: Sequence[Any]) -> list[Any]:
    r""":math:`e^{z_i} / \sum_j e^{z_j}` (S4.15), without the shift that keeps it from overflowing.

    >>> softmax([0.0, 0.0])
    [0.5, 0.5]
    """
    exponentials = [exp(z) for z in zs]
    denominator = total(exponentials)
    return [exponential / denominator for exponential in exponentials]
