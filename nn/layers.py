"""Neuron, Layer, MLP: micrograd's networks, with any activation in each layer.

A layer computes from the activations h of the layer below (S4.2, S4.4)

    a_i = b_i + w_i1 h_1 + w_i2 h_2 + ...        its pre-activations,
    h_i = g(a_i)                                 its activations.

Parameters are labelled as in the textbooks: w2[3,1] goes to neuron 3 of layer 2, from neuron 1 of the layer below.
"""

from __future__ import annotations

import math
import operator
import random
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import ModuleType
from typing import NamedTuple, TypeAlias

from autograd import OPS, Value, scope, softmax
from autograd.ops import ADD, MUL
from autograd.value import Operand, apply1, apply2, as_value
from nn.module import Module

Generator: TypeAlias = random.Random | ModuleType  # Python's own module `random` is its global generator
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
        seed: int | Generator | None = None,
    ) -> None:
        draw, rng = _init(init), _generator(seed)
        self.w = [Value(draw(rng, nin, nout)) for _ in range(_width("a neuron", "inputs", nin))]
        self.b = Value(0.0) if bias else None
        self.activation = activation if nonlin else "linear"
        self._name("neuron", "w[{}]", "b", ())

    @property
    def activation(self) -> Activation:
        """g, by name or as a function; assign another to change it."""
        return self._given

    @activation.setter
    def activation(self, activation: Activation) -> None:
        self._activate = _activation(activation)  # first, since it refuses what is none
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
        x = _inputs(self.name, x, len(self.w))
        with scope(self.name):
            return self._activate(self.pre_activation(x))

    def __repr__(self) -> str:
        return f"{_shown(self.activation)}Neuron({len(self.w)})"


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
        seed: int | Generator | None = None,
    ) -> None:
        self.activation = activation if nonlin else "linear"
        each = "linear" if self.activation == "softmax" else self.activation
        rng = _generator(seed)
        self.neurons = [
            Neuron(nin, each, bias=bias, init=init, nout=nout, seed=rng) for _ in range(_width("a layer", "neurons", nout))
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
        x = _inputs(self.name, x, len(self.neurons[0].w))
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
        bias: whether neurons have a bias, for all layers or a list with one for each.
        init: how weights are drawn: ``"uniform"``, ``"xavier"``, ``"he"``, or a function of (generator, nin, nout).
        seed: of the network's own generator; None draws from Python's global one, as micrograd does.

    Raises:
        ValueError: if a width is not positive, a name is unknown, or a list does not fit the layers; when called, if the number
            of inputs is not ``nin``.

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
        seed: int | Generator | None = None,
    ) -> None:
        if not hasattr(nouts, "__len__") or len(nouts) == 0:
            raise ValueError(f"an MLP needs a list of widths, one for each layer, as in MLP(2, [16, 16, 1]), but got {nouts!r}")
        if isinstance(activation, str) and activation != "softmax":
            _activation(activation)  # refuses an unknown name even where there is no hidden layer to use it
        hidden = _for_each("hidden layer", "activations", activation, len(nouts) - 1)
        biases = _for_each("layer", "biases", bias, len(nouts))
        rng = _generator(seed)
        widths = [nin, *nouts]
        self.layers = [
            Layer(width, nout, each, bias=b, init=init, seed=rng)
            for width, nout, each, b in zip(widths, nouts, [*hidden, output], biases, strict=False)
        ]
        for k, layer in enumerate(self.layers, start=1):
            layer._name(f"layer{k}", str(k))

    def trace(self, x: Iterable[Operand]) -> Trace:
        """The pre-activations and activations of every layer: all that a backward pass by hand needs (S4.84-85).

        >>> trace = MLP(2, [3, 1], seed=0).trace([1.0, 2.0])
        >>> [len(layer) for layer in trace.pre_activations], trace.activations[0][0].data >= 0
        ([3, 1], True)
        """
        inputs = h = _inputs("the network", x, len(self.layers[0].neurons[0].w))
        pre_activations, activations = [], []
        for layer in self.layers:
            own = type(layer).__call__ is not Layer.__call__  # a subclass that computes something else
            a, h = ([], layer(h)) if own else layer.trace(h)
            pre_activations.append(a)
            activations.append(h)
        return Trace(inputs, pre_activations, activations)

    def __call__(self, x: Iterable[Operand]) -> list[Value] | Value:
        """The outputs for one example: a list, or the ``Value`` itself where there is one output, as in micrograd."""
        outputs = self.trace(x).activations[-1]
        return outputs[0] if len(outputs) == 1 else outputs

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(repr, self.layers))}]"


# --- arguments ------------------------------------------------------------------------------------------------------


def _inputs(who: str, x: Iterable[Operand], nin: int) -> list[Value]:
    if not hasattr(x, "__iter__"):
        raise TypeError(f"{who} takes a list of {nin} inputs, but got {x!r} of type {type(x).__name__}")
    inputs = [as_value(each) for each in x]
    if len(inputs) != nin:
        raise ValueError(f"{who} takes {nin} inputs, but got {len(inputs)}; its neurons have {nin} weights each")
    return inputs


def _width(who: str, what: str, width: int) -> int:
    if isinstance(width, bool) or not hasattr(width, "__index__") or operator.index(width) < 1:
        raise ValueError(f"{who} needs a whole number of {what}, at least 1, but got {width!r}")
    return operator.index(width)


def _for_each(what: str, plural: str, given: object, count: int) -> list:  # type: ignore[type-arg]
    """One thing for all, or a list with one for each."""
    if not isinstance(given, list | tuple):
        return [given] * count
    if len(given) != count:
        hint = "; the last layer's is output=..." if what == "hidden layer" else ""
        layers = what if count == 1 else what + "s"
        raise ValueError(f"there must be one for each or one for all: {count} {layers}, but {len(given)} {plural}{hint}")
    return list(given)


def _activation(activation: Activation) -> Callable[[Value], Value]:
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


def _init(init: Init) -> Callable[[Generator, int, int], float]:
    if isinstance(init, str) and init not in INITS:
        raise ValueError(f"no initialisation is called {init!r}; there are {', '.join(INITS)}")
    return INITS[init] if isinstance(init, str) else init


def _generator(seed: int | Generator | None) -> Generator:
    if seed is None:
        return random
    if hasattr(seed, "__index__"):
        return random.Random(operator.index(seed))
    if not hasattr(seed, "uniform"):
        raise TypeError(f"a seed is a whole number, a random.Random, or None, but got {seed!r} of type {type(seed).__name__}")
    return seed


def _shown(activation: Activation) -> str:
    if activation == "linear":
        return "Linear"
    if isinstance(activation, str):
        return OPS[activation].symbol
    return getattr(activation, "__name__", "custom ")
