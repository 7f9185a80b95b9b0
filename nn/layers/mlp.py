"""MLP: layers in a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from autograd import Value
from autograd.text import short_repr
from autograd.value import Operand
from nn.layers.activations import Activation, activation_function
from nn.layers.initialisation import Init
from nn.layers.layer import Layer
from nn.layers.neuron import as_inputs
from nn.module import Module
from nn.seeding import Seed, generator


class Trace(NamedTuple):
    """What a network computed, layer by layer: ``pre_activations[k][i]`` belongs to neuron i of layer k, from 0.

    >>> trace = MLP(1, [2, 1], init=lambda rng, nin, nout: 3.0).trace([2.0])
    >>> [h.data for h in trace.activations[0]], trace.pre_activations[1][0].data
    ([6.0, 6.0], 36.0)
    """

    inputs: list[Value]
    pre_activations: list[list[Value]]
    activations: list[list[Value]]


class MLP(Module):
    """A multilayer perceptron, in micrograd's form: ``MLP(2, [16, 16, 1])``.

    Args:
        nin: the number of inputs.
        nouts: the number of neurons in each layer; the last is the number of outputs.
        activation: of the hidden layers, one for all or a list with one for each.
        output: the activation of the last layer.
        bias: whether neurons have a bias, one answer for all layers or a list with one for each.
        init: how weights are drawn: ``"uniform"``, ``"xavier"``, ``"he"``, or a function of (generator, nin, nout).
        seed: for a generator of the network's own; None draws from Python's global one, as micrograd does.

    Raises:
        ValueError: if a width is not a whole number of at least 1, a name is unknown, or a list does not have one entry for each
            layer; when called, if there are not ``nin`` inputs.

    Source: S4.9, S4.i2; parameters in the order of micrograd, neuron by neuron, weights before the bias.

    >>> model = MLP(2, [3, 2], activation="tanh", output="softmax", seed=1)
    >>> model
    MLP of [Layer of [tanhNeuron(2), tanhNeuron(2), tanhNeuron(2)], softmax Layer of [LinearNeuron(3), LinearNeuron(3)]]
    >>> round(sum(p.data for p in model([0.5, -0.5])), 12)
    1.0
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        activation: Activation | Sequence[Activation] = "relu",
        output: Activation = "linear",
        bias: bool | Sequence[bool] = True,
        init: Init = "uniform",
        seed: Seed = None,
    ) -> None:
        if not hasattr(nouts, "__len__") or len(nouts) == 0:
            raise ValueError(
                f"an MLP needs a list of widths, one for each layer, as in MLP(2, [16, 16, 1]), but got {short_repr(nouts)}"
            )
        if isinstance(activation, str) and activation != "softmax":
            activation_function(activation)  # refuses an unknown name even where there is no hidden layer to use it
        hidden = _one_for_each("hidden layer", "activations", activation, len(nouts) - 1)
        biases = _one_for_each("layer", "biases", bias, len(nouts))
        rng = generator(seed)
        widths = [nin, *nouts]
        self.layers = [
            Layer(width, nout, own, bias=has_bias, init=init, seed=rng)
            for width, nout, own, has_bias in zip(widths, nouts, [*hidden, output], biases, strict=False)
        ]
        for k, layer in enumerate(self.layers, start=1):
            layer._label(f"layer{k}", str(k))

    def trace(self, x: Iterable[Operand]) -> Trace:
        """The pre-activations and activations of every layer: all that a backward pass by hand needs (S4.84, S4.85).

        >>> trace = MLP(2, [3, 1], seed=0).trace([1.0, 2.0])
        >>> [len(layer) for layer in trace.pre_activations], trace.activations[0][0].data >= 0
        ([3, 1], True)
        """
        inputs = h = self._inputs(x)
        pre_activations, activations = [], []
        for layer in self.layers:
            overridden = type(layer).__call__ is not Layer.__call__  # by a subclass that computes something else
            a, h = ([], layer(h)) if overridden else layer.trace(h)
            pre_activations.append(a)
            activations.append(h)
        return Trace(inputs, pre_activations, activations)

    def _inputs(self, x: Iterable[Operand]) -> list[Value]:
        return as_inputs("the network", x, len(self.layers[0].neurons[0].w))

    def __call__(self, x: Iterable[Operand]) -> list[Value] | Value:
        """The outputs for one example: a list, or one ``Value`` where there is one output, as in micrograd."""
        outputs = self.trace(x).activations[-1]
        return outputs[0] if len(outputs) == 1 else outputs

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(repr, self.layers))}]"


def _one_for_each(what: str, plural: str, choice: object, count: int) -> list:  # type: ignore[type-arg]
    """A list with one entry for each, from such a list or from one choice for all."""
    if not isinstance(choice, list | tuple):
        return [choice] * count
    if len(choice) != count:
        hint = "; the last layer's is output=..." if what == "hidden layer" else ""
        layers = what if count == 1 else what + "s"
        raise ValueError(f"there must be one for each or one for all: {count} {layers}, but {len(choice)} {plural}{hint}")
    return list(choice)
