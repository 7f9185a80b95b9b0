"""Layer: neurons that read the same inputs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from autograd import Value, scope, softmax
from autograd.value import Operand
from nn.layers.neuron import Activation, Init, Neuron, inputs_of, width
from nn.module import Module
from nn.seeding import Seed, generator


class LayerTrace(NamedTuple):
    """What a layer computed: its pre-activations a and its activations h = g(a), one ``Value`` for each neuron.

    >>> layer = Layer(1, 2, init=lambda rng, nin, nout: -3.0)
    >>> a, h = layer.trace([2.0])
    >>> a[0].data, h[0].data
    (-6.0, 0.0)
    """

    pre_activations: list[Value]
    activations: list[Value]


class Layer(Module):
    """Neurons that read the same inputs; called, it gives the list of their activations, even if there is only one.

    Args:
        nin: the number of inputs.
        nout: the number of neurons.
        activation: as for ``Neuron``, and ``"softmax"``: the probabilities of all pre-activations together.
        nonlin, bias, init, seed: as for ``Neuron``.

    Raises:
        ValueError: if a width is not positive or a name is unknown; when called, if the number of inputs is not ``nin``.

    Source: S4.2-S4.5; softmax S4.15.

    >>> layer = Layer(3, 2, activation="softmax", seed=0)
    >>> round(sum(p.data for p in layer([1.0, 2.0, 3.0])), 12)
    1.0
    """

    name = "layer"  # of a subclass that does not call __init__
    activation: Activation = "linear"

    def __init__(
        self,
        nin: int,
        nout: int,
        activation: Activation = "relu",
        *,
        nonlin: bool = True,
        bias: bool = True,
        init: Init = "uniform",
        seed: Seed = None,
    ) -> None:
        self.activation = activation if nonlin else "linear"
        each = "linear" if self.activation == "softmax" else self.activation
        rng = generator(seed)
        self.neurons = [
            Neuron(nin, each, bias=bias, init=init, nout=nout, seed=rng) for _ in range(width("a layer", "neurons", nout))
        ]
        self._name("layer", "")

    def _name(self, name: str, number: str) -> None:
        self.name = name
        for i, neuron in enumerate(self.neurons, start=1):
            neuron._name(f"neuron{i}", f"w{number}[{i},{{}}]", f"b{number}[{i}]", (name,))

    def trace(self, x: Iterable[Operand]) -> LayerTrace:
        """The pre-activations and the activations, for a list of numbers or Values.

        >>> layer = Layer(1, 1, init=lambda rng, nin, nout: 3.0)
        >>> layer.trace([-2.0])
        LayerTrace(pre_activations=[Value(data=-6.0, grad=0.0)], activations=[Value(data=0.0, grad=0.0)])
        """
        x = inputs_of(self.name, x, len(self.neurons[0].w))
        before, after = [], []
        with scope(self.name) as layer:
            for neuron in self.neurons:
                layer.part(neuron.name)
                before.append(neuron.pre_activation(x))
                own = type(neuron).__call__ is not Neuron.__call__  # a subclass that computes something else
                after.append(neuron(x) if own else neuron._activate(before[-1]))
            if self.activation == "softmax":
                layer.part("softmax")
                after = softmax(after)
        return LayerTrace(before, after)

    def __call__(self, x: Iterable[Operand]) -> list[Value]:
        """The activations, for a list of numbers or Values."""
        return self.trace(x).activations

    def __repr__(self) -> str:
        softmax = "softmax " if self.activation == "softmax" else ""
        return f"{softmax}Layer of [{', '.join(map(repr, self.neurons))}]"
