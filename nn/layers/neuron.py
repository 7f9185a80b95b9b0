"""Neuron: a weighted sum and an activation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from autograd import OPS, Value, scope
from autograd.ops import ADD, MUL
from autograd.text import described
from autograd.value import Operand, apply2, as_value
from nn.layers.activations import Activation, activation_function
from nn.layers.initialisation import Init, init_function
from nn.module import Module
from nn.seeding import Seed, generator
from nn.whole_numbers import at_least


class Neuron(Module):
    r"""One neuron: :math:`g(b + w_1 x_1 + w_2 x_2 + \dots)`.

    Args:
        nin: the number of inputs.
        activation: g, a name from ``ACTIVATIONS`` other than softmax, or a function of a ``Value``.
        nonlin: micrograd's switch; False means ``activation="linear"``.
        bias: whether there is a b; it starts at 0.
        init: how weights are drawn, a name from ``INITS`` or a function of (generator, nin, nout).
        nout: the number of neurons in the layer, which ``init`` may use.
        seed: for a generator of the neuron's own; None draws from Python's global one, as micrograd does.

    Raises:
        ValueError: if ``nin`` is not a whole number of at least 1, or a name is unknown; when called, if there are not ``nin`` inputs.

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
        self.w = [Value(draw(rng, nin, nout)) for _ in range(at_least(1, nin, "a neuron", "inputs"))]
        self.b = Value(0.0) if bias else None
        self.activation = activation if nonlin else "linear"
        self._label("neuron", "w[{}]", "b", ())

    @property
    def activation(self) -> Activation:
        """g, a name or a function; assign another to change it."""
        return self._activation

    @activation.setter
    def activation(self, activation: Activation) -> None:
        self._activate = activation_function(activation)  # first, since it may refuse
        self._activation = activation

    @property
    def nonlin(self) -> bool:
        """micrograd's switch: whether there is an activation. True makes it relu."""
        return self.activation != "linear"

    @nonlin.setter
    def nonlin(self, nonlin: bool) -> None:
        if nonlin != self.nonlin:
            self.activation = "relu" if nonlin else "linear"

    def _label(self, name: str, weight: str, bias: str, outer: tuple[str, ...]) -> None:
        """Name the neuron, which is the name of its scope, and label its parameters, which belong to that scope."""
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
            term = apply2(MUL, w, h)  # w * h, without a call of __mul__ for each weight
            z = term if z is None else apply2(ADD, z, term)
        return z  # type: ignore[return-value]  # there is at least one weight

    def __call__(self, x: Iterable[Operand]) -> Value:
        """The activation, for a list of numbers or Values."""
        x = as_inputs(self.name, x, len(self.w))
        with scope(self.name):
            return self._activate(self.pre_activation(x))

    def __repr__(self) -> str:
        return f"{_prefix(self.activation)}Neuron({len(self.w)})"


def as_inputs(who: str, x: Iterable[Operand], nin: int) -> list[Value]:
    """The inputs as a list of Values; ``who`` takes them, and is named in messages.

    Raises:
        TypeError: if they are no list.
        ValueError: if there are not ``nin`` of them.
    """
    if not hasattr(x, "__iter__"):
        raise TypeError(f"{who} takes a list of {nin} inputs, but got {described(x)}")
    inputs = [as_value(number) for number in x]
    if len(inputs) != nin:
        raise ValueError(f"{who} takes {nin} inputs, but got {len(inputs)}; its neurons have {nin} weights each")
    return inputs


def _prefix(activation: Activation) -> str:
    """What stands before "Neuron" when one is printed, as in micrograd."""
    if activation == "linear":
        return "Linear"
    if isinstance(activation, str):
        return OPS[activation].symbol
    return getattr(activation, "__name__", "custom ")
