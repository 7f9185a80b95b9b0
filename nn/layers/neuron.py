"""Neuron: a weighted sum and an activation."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeAlias

from autograd import OPS, Value, scope
from autograd.ops import ADD, MUL
from autograd.value import Operand, apply1, apply2, as_value
from nn.module import Module
from nn.seeding import Generator, Seed, generator

Activation: TypeAlias = str | Callable[[Value], Value]
Init: TypeAlias = str | Callable[[Generator, int, int], float]

ACTIVATIONS = ("linear", "relu", "leaky_relu", "elu", "silu", "gelu", "softplus", "sigmoid", "tanh", "softmax")
"""Activations by name: rows of the table, ``linear`` (none at all), and ``softmax``, the activation of a whole layer."""

INITS: dict[str, Callable[[Generator, int, int], float]] = {
    "uniform": lambda rng, nin, nout: rng.uniform(-1, 1),
    "xavier": lambda rng, nin, nout: rng.uniform(-1, 1) * math.sqrt(6 / (nin + nout)),
    "he": lambda rng, nin, nout: rng.gauss(0, 1) * math.sqrt(2 / nin),
}
"""How a weight is drawn: micrograd's uniform(-1, 1); Glorot & Bengio (2010), equation 16; He et al. (2015), equation 10."""


class Neuron(Module):
    r"""One neuron: :math:`g(b + w_1 x_1 + w_2 x_2 + \dots)`.

    Args:
        nin: the number of inputs.
        activation: g, a name from ``ACTIVATIONS`` (but not softmax) or a function of a ``Value``.
        nonlin: micrograd's switch; False means ``activation="linear"``.
        bias: whether there is a b; it starts at 0.
        init: how weights are drawn, a name from ``INITS`` or a function of (generator, nin, nout).
        nout: the number of neurons in the layer, which the init may use.
        seed: of the neuron's own generator; None draws from Python's global one, as micrograd does.

    Raises:
        ValueError: if a width is not positive, or a name is unknown.

    Source: S4.2, S4.79 (with its sum).

    >>> neuron = Neuron(2, activation="tanh", seed=0)
    >>> neuron.w[0].data, neuron.w[1].data, neuron.b.data = 0.5, -1.0, 0.25
    >>> neuron([2.0, 1.0])
    Value(data=0.24491866240370913, grad=0.0)
    """

    name = "neuron"  # of a subclass that does not call __init__

    def __init__(
        self,
        nin: int,
        activation: Activation = "relu",
        *,
        nonlin: bool = True,
        bias: bool = True,
        init: Init = "uniform",
        nout: int = 1,
        seed: Seed = None,
    ) -> None:
        draw, rng = init_function(init), generator(seed)
        self.w = [Value(draw(rng, nin, nout)) for _ in range(width("a neuron", "inputs", nin))]
        self.b = Value(0.0) if bias else None
        self.activation = activation if nonlin else "linear"
        self._name("neuron", "w[{}]", "b", ())

    @property
    def activation(self) -> Activation:
        """g, by name or as a function; assign another to change it."""
        return self._given

    @activation.setter
    def activation(self, activation: Activation) -> None:
        self._activate = activation_function(activation)  # first, since it refuses what is none
        self._given = activation

    @property
    def nonlin(self) -> bool:
        """micrograd's switch: whether there is an activation. True makes it relu."""
        return self.activation != "linear"

    @nonlin.setter
    def nonlin(self, nonlin: bool) -> None:
        if nonlin != self.nonlin:
            self.activation = "relu" if nonlin else "linear"

    def _name(self, name: str, weight: str, bias: str, outer: tuple[str, ...]) -> None:
        """Name the neuron's scope and label its parameters, which belong to that scope."""
        self.name = name
        for j, w in enumerate(self.w, start=1):
            w.label, w.scope = weight.format(j), (*outer, name)
        if self.b is not None:
            self.b.label, self.b.scope = bias, (*outer, name)

    def pre_activation(self, x: Sequence[Operand]) -> Value:
        r"""The weighted sum :math:`b + \sum_j w_j x_j`, summed from left to right as micrograd does.

        >>> neuron = Neuron(1, bias=False, init=lambda rng, nin, nout: 3.0)
        >>> neuron.pre_activation([-2.0])
        Value(data=-6.0, grad=0.0)
        """
        z = self.b
        for w, h in zip(self.w, x, strict=True):
            term = apply2(MUL, w, h)  # w * h, but without a call of __mul__ for each weight
            z = term if z is None else apply2(ADD, z, term)
        return z  # type: ignore[return-value]  # there is at least one weight

    def __call__(self, x: Iterable[Operand]) -> Value:
        """The activation, for a list of numbers or Values."""
        x = inputs_of(self.name, x, len(self.w))
        with scope(self.name):
            return self._activate(self.pre_activation(x))

    def __repr__(self) -> str:
        return f"{_shown(self.activation)}Neuron({len(self.w)})"


# --- arguments ------------------------------------------------------------------------------------------------------


def inputs_of(who: str, x: Iterable[Operand], nin: int) -> list[Value]:
    """The inputs as Values; ``who`` takes them, for messages.

    Raises:
        TypeError, ValueError: if they are no list, or not ``nin``.
    """
    if not hasattr(x, "__iter__"):
        raise TypeError(f"{who} takes a list of {nin} inputs, but got {x!r} of type {type(x).__name__}")
    inputs = [as_value(each) for each in x]
    if len(inputs) != nin:
        raise ValueError(f"{who} takes {nin} inputs, but got {len(inputs)}; its neurons have {nin} weights each")
    return inputs


def width(who: str, what: str, width: int) -> int:
    """How many of what ``who`` has.

    Raises:
        ValueError: if it is not a whole number of at least 1.
    """
    if isinstance(width, bool) or not hasattr(width, "__index__") or operator.index(width) < 1:
        raise ValueError(f"{who} needs a whole number of {what}, at least 1, but got {width!r}")
    return operator.index(width)


def activation_function(activation: Activation) -> Callable[[Value], Value]:
    """The function that an activation of a neuron names or is.

    Raises:
        ValueError: if it is neither.
    """
    if not isinstance(activation, str):
        if not callable(activation):
            raise ValueError(f"an activation is a name ({', '.join(ACTIVATIONS)}) or a function, but got {activation!r}")
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


def init_function(init: Init) -> Callable[[Generator, int, int], float]:
    """The function that draws a weight, by its name or as given.

    Raises:
        ValueError: if no initialisation has the name.
    """
    if isinstance(init, str) and init not in INITS:
        raise ValueError(f"no initialisation is called {init!r}; there are {', '.join(INITS)}")
    return INITS[init] if isinstance(init, str) else init


def _shown(activation: Activation) -> str:
    if activation == "linear":
        return "Linear"
    if isinstance(activation, str):
        return OPS[activation].symbol
    return getattr(activation, "__name__", "custom ")
