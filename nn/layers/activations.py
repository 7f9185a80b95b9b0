"""Activations: rows of the table of operations by name, or any function of a ``Value``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from autograd import OPS, Value
from autograd.text import short_repr
from autograd.value import apply1

Activation: TypeAlias = str | Callable[[Value], Value]

ACTIVATIONS = ("linear", "relu", "leaky_relu", "elu", "silu", "gelu", "softplus", "sigmoid", "tanh", "softmax")
"""Activations by name: rows of the table, ``linear`` (none at all), and ``softmax``, the activation of a whole layer."""


def activation_function(activation: Activation) -> Callable[[Value], Value]:
    """The function of one pre-activation that a name stands for; a function is returned as it is.

    Raises:
        ValueError: if there is no such name, it is softmax, or the activation is neither a name nor a function.
    """
    if not isinstance(activation, str):
        if not callable(activation):
            raise ValueError(
                f"an activation is a name ({', '.join(ACTIVATIONS)}) or a function, but got {short_repr(activation)}"
            )
        return activation
    if activation not in ACTIVATIONS:
        raise ValueError(f"no activation is called {activation!r}; there are {', '.join(ACTIVATIONS)}")
    if activation == "softmax":
        raise ValueError("softmax is the activation of a whole layer: give it to a Layer or an MLP, not to a Neuron")
    if activation == "linear":
        return _linear
    return partial(apply1, OPS[activation].at() if OPS[activation].is_family else OPS[activation])


def _linear(z: Value) -> Value:
    return z
