"""Module: it finds its parameters, in micrograd's order, each once."""

import random
from fractions import Fraction

from autograd import Value
from nn import MLP, Layer, Module, Neuron


def test_parameters_come_in_micrograds_order():
    model = MLP(2, [3, 2])
    by_hand = [p for layer in model.layers for neuron in layer.neurons for p in [*neuron.w, neuron.b]]
    assert model.parameters() == by_hand
    assert len(by_hand) == 3 * (2 + 1) + 2 * (3 + 1)
    assert Layer(2, 2).parameters()[2].label == "b[1]"
    neuron = Neuron(3)
    assert neuron.parameters() == [*neuron.w, neuron.b]
    assert Neuron(3, bias=False).parameters()[-1].label == "w[3]"


def test_names_are_paths():
    model = MLP(2, [2, 1], bias=[True, False])
    assert [name for name, _ in model.named_parameters()] == [
        "layers.0.neurons.0.w.0",
        "layers.0.neurons.0.w.1",
        "layers.0.neurons.0.b",
        "layers.0.neurons.1.w.0",
        "layers.0.neurons.1.w.1",
        "layers.0.neurons.1.b",
        "layers.1.neurons.0.w.0",
        "layers.1.neurons.0.w.1",
    ]
    assert dict(model.named_parameters())["layers.1.neurons.0.w.1"] is model.layers[1].neurons[0].w[1]


def test_parameters_are_found_in_containers_and_submodules():
    class Everything(Module):
        def __init__(self):
            self.alone = Value(1.0)
            self.several = [Value(2.0), (Value(3.0), {"key": Value(4.0)})]
            self.inner = Neuron(1)
            self.computed = self.alone * 2
            self.constant = self.computed.inputs[1]
            self.number, self.text, self.none = 5.0, "text", None

    found = Everything().named_parameters()
    assert [name for name, _ in found] == ["alone", "several.0", "several.1.0", "several.1.1.key", "inner.w.0", "inner.b"]
    assert [p.data for _, p in found][:4] == [1.0, 2.0, 3.0, 4.0]
    assert Module().parameters() == []


def test_a_shared_parameter_is_counted_once_under_its_first_name():
    class Tied(Module):
        def __init__(self):
            self.first = Neuron(2)
            self.second = Neuron(2)
            self.second.w = self.first.w
            self.third = Neuron(1)
            self.third.b = self.first.b
            self.again = self.first

    expected = ["first.w.0", "first.w.1", "first.b", "second.b", "third.w.0"]
    assert [name for name, _ in Tied().named_parameters()] == expected
    assert len(set(Tied().parameters())) == 5


def test_a_cycle_of_modules_ends():
    class Child(Module):
        def __init__(self, parent):
            self.parent, self.p = parent, Value(1.0)

    parent = Module()
    parent.child = Child(parent)
    assert [name for name, _ in parent.named_parameters()] == ["child.p"]


def test_a_parameter_of_an_activation_is_found():
    class Swish(Module):
        def __init__(self):
            self.beta = Value(1.0)

        def __call__(self, z):
            return z * (self.beta * z).sigmoid()

    model = MLP(2, [2, 1], activation=Swish(), seed=0)
    assert len(model.parameters()) == 9 + 1
    model([1.0, 2.0]).backward()
    assert [p.grad != 0 for name, p in model.named_parameters() if name.endswith("beta")] == [True]


def test_zero_grad_keeps_the_kind_of_number():
    class Mixed(Module):
        def __init__(self):
            self.p, self.q, self.n = Value(1.0), Value(Fraction(1, 2)), Value(2)

    model = Mixed()
    (model.p * model.q * model.n).backward()
    assert 0 not in [p.grad for p in model.parameters()]
    model.zero_grad()
    assert [(type(p.grad), p.grad) for p in model.parameters()] == [(float, 0), (Fraction, 0), (int, 0)]


def test_zero_grad_starts_the_sum_afresh():
    model = MLP(2, [2, 1], activation="tanh", seed=1)
    x = [random.Random(0).random(), 0.5]
    model(x).backward()
    once = [p.grad for p in model.parameters()]
    model(x).backward()
    assert [p.grad for p in model.parameters()] == [2 * g for g in once]
    model.zero_grad()
    model(x).backward()
    assert [p.grad for p in model.parameters()] == once
