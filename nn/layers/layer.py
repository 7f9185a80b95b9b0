"""Layer: neurons that read the same inputs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from autograd import Value, scope, softmax
from autograd.value import Operand
from nn.layers.activations import Activation
from nn.layers.initialisation import Init
from nn.layers.neuron import Neuron, as_inputs
from nn.module import Module
from nn.seeding import Seed, generator
from nn.whole_numbers import at_least


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
    """Neurons that read the same inputs; a call returns the list of their activations, even if there is only one.

    Args:
        nin: the number of inputs.
        nout: the number of neurons.
        activation: as for ``Neuron``, and ``"softmax"``: the probabilities of all pre-activations together.
        nonlin, bias, init, seed: as for ``Neuron``.

    Raises:
        ValueError: if a width is not a whole number of at least 1, or a name is unknown; when called, if there are not ``nin`` inputs.

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
        of_neuron = "linear" if self.activation == "softmax" else self.activation
        rng = generator(seed)
        self.neurons = [
            Neuron(nin, of_neuron, bias=bias, init=init, nout=nout, seed=rng)
            for _ in range(at_least(1, nout, "a layer", "neurons"))
        ]
        self._label("layer", "")

    def _label(self, name: str, number: str) -> None:
        """Name the layer, and label its parameters with its number in the network."""
        self.name = name
        for i, neuron in enumerate(self.neurons, start=1):
            neuron._label(f"neuron{i}", f"w{number}[{i},{{}}]", f"b{number}[{i}]", (name,))

    def trace(self, x: Iterable[Operand]) -> LayerTrace:
        """The pre-activations and the activations, for a list of numbers or Values.

        >>> layer = Layer(1, 1, init=lambda rng, nin, nout: 3.0)
        >>> layer.trace([-2.0])
        LayerTrace(pre_activations=[Value(data=-6.0, grad=0.0)], activations=[Value(data=0.0, grad=0.0)])
        """
        x = as_inputs(self.name, x, len(self.neurons[0].w))
        pre_activations, activations = [], []
        with scope(self.name) as layer:
            for neuron in self.neurons:
                layer.part(neuron.name)
                pre_activations.append(neuron.pre_activation(x))
                overridden = type(neuron).__call__ is not Neuron.__call__  # by a subclass that computes something else
                activations.append(neuron(x) if overridden else neuron._activate(pre_activations[-1]))
            if self.activation == "softmax":
                layer.part("softmax")
                activations = softmax(activations)
        return LayerTrace(pre_activations, activations)

    def __call__(self, x: Iterable[Operand]) -> list[Value]:
        """The activations, for a list of numbers or Values."""
        return self.trace(x).activations

    def __repr__(self) -> str:
        softmax = "softmax " if self.activation == "softmax" else ""
        return f"{softmax}Layer of [{', '.join(map(repr, self.neurons))}]"
