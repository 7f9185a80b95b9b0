"""Neuron, Layer, MLP: drawing, shapes, activations and traces."""

import math
import random
import statistics

import numpy as np
import pytest

from autograd import Value, grad, topological_order
from nn import ACTIVATIONS, MLP, Layer, Neuron

# The activations once more, by hand.
BY_HAND = {
    "linear": lambda a: a,
    "relu": lambda a: a if a > 0 else 0.0,
    "leaky_relu": lambda a: a if a > 0 else 0.01 * a,
    "elu": lambda a: a if a > 0 else math.exp(a) - 1,
    "silu": lambda a: a / (1 + math.exp(-a)),
    "gelu": lambda a: a * (1 + math.erf(a / math.sqrt(2))) / 2,
    "softplus": lambda a: math.log(1 + math.exp(a)),
    "sigmoid": lambda a: 1 / (1 + math.exp(-a)),
    "tanh": math.tanh,
}


def weights(model):
    return [p.data for p in model.parameters()]


# --- drawing ---------------------------------------------------------------------------------------------------------


def test_weights_are_drawn_as_micrograd_draws_them():
    random.seed(1337)
    expected = []
    for nin, nout in [(2, 16), (16, 16), (16, 1)]:
        for _ in range(nout):
            expected += [random.uniform(-1, 1) for _ in range(nin)] + [0.0]
    random.seed(1337)
    assert weights(MLP(2, [16, 16, 1])) == expected
    random.seed(1337)
    assert weights(Neuron(2)) == expected[:3]
    random.seed(1337)
    assert weights(Layer(2, 16)) == expected[:48]


def test_a_seed_is_independent_of_the_global_generator_and_leaves_it_alone():
    random.seed(1)
    state = random.getstate()
    one = weights(MLP(3, [4, 2], seed=7))
    assert random.getstate() == state
    random.seed(2)
    assert weights(MLP(3, [4, 2], seed=7)) == one
    assert weights(MLP(3, [4, 2], seed=8)) != one
    assert weights(MLP(3, [4, 2], seed=random.Random(7))) == one
    assert weights(MLP(3, [4, 2], seed=0)) != weights(MLP(3, [4, 2], seed=None))
    layers = MLP(3, [3, 3], seed=7).layers
    assert weights(layers[0]) != weights(layers[1])  # one generator goes through all of them


def test_a_numpy_integer_is_a_seed_and_a_width_too():
    assert weights(MLP(np.int64(2), [np.int64(3), 1], seed=np.int64(5))) == weights(MLP(2, [3, 1], seed=5))


@pytest.mark.parametrize("seed", ["5", 1.5], ids=repr)
def test_what_is_no_seed_is_refused_with_words(seed):
    with pytest.raises((TypeError, ValueError), match="seed"):
        MLP(2, [1], seed=seed)


def test_xavier_and_he_have_their_variances():
    nin, nout = 60, 100
    xavier = [w.data for neuron in Layer(nin, nout, init="xavier", seed=0).neurons for w in neuron.w]
    bound = math.sqrt(6 / (nin + nout))
    assert 0.99 * bound < max(map(abs, xavier)) <= bound
    # 6,000 draws: the variance's own standard error is about 1.2 % (uniform) and 1.8 % (normal); 6 of those are allowed.
    assert statistics.pvariance(xavier, 0) == pytest.approx(2 / (nin + nout), rel=0.07)
    he = [w.data for neuron in Layer(nin, nout, init="he", seed=0).neurons for w in neuron.w]
    assert statistics.pvariance(he, 0) == pytest.approx(2 / nin, rel=0.11)
    assert statistics.fmean(he) == pytest.approx(0, abs=6 * math.sqrt(2 / nin / 6000))
    within = sum(abs(w) < math.sqrt(2 / nin) for w in he) / len(he)
    assert within == pytest.approx(0.6827, abs=0.036)  # a normal distribution: 6 standard errors of a proportion
    assert {b.data for layer in MLP(2, [3, 1], init="he").layers for b in (n.b for n in layer.neurons)} == {0.0}


def test_an_init_of_ones_own_sees_the_widths():
    asked = []
    MLP(2, [3, 1], init=lambda rng, nin, nout: asked.append((nin, nout)) or 0.5)
    assert asked == [(2, 3)] * 6 + [(3, 1)] * 3


# --- widths ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [0, 1, 3])
def test_a_wrong_number_of_inputs_is_refused_with_both_numbers(given):
    for network in (Neuron(2), Layer(2, 3), MLP(2, [3, 1])):
        with pytest.raises(ValueError, match=rf"takes 2 inputs, but got {given}"):
            network([1.0] * given)
    with pytest.raises(ValueError, match=rf"takes 2 inputs, but got {given}"):
        MLP(2, [3, 1]).trace([1.0] * given)


def test_what_is_no_list_of_numbers_is_refused_with_words():
    with pytest.raises(TypeError, match="takes a list of 2 inputs"):
        MLP(2, [1])(1.0)
    with pytest.raises(TypeError, match="takes a list of 2 inputs"):
        MLP(2, [1])(Value(1.0))
    with pytest.raises(TypeError, match="a Value holds a real number"):
        MLP(2, [1])(["a", "b"])
    with pytest.raises(TypeError, match="one Value for each entry"):
        MLP(2, [1])(np.ones((2, 2)))


@pytest.mark.parametrize("width", [0, -1, 2.0, "2", True, None])
def test_widths_are_whole_numbers_from_one(width):
    for make in (
        lambda: Neuron(width),
        lambda: Layer(2, width),
        lambda: Layer(width, 2),
        lambda: MLP(width, [1]),
        lambda: MLP(2, [width]),
        lambda: MLP(2, [3, width, 1]),
    ):
        with pytest.raises(ValueError, match=r"needs a whole number of \w+, at least 1, but got " + repr(width)):
            make()


@pytest.mark.parametrize("nouts", [[], 3, ()], ids=repr)
def test_an_mlp_needs_a_list_of_widths(nouts):
    with pytest.raises(ValueError, match="list of widths"):
        MLP(2, nouts)


def test_lists_have_to_fit_the_layers_and_the_error_names_both_numbers():
    with pytest.raises(ValueError, match=r"2 hidden layers, but 3 activations.*output="):
        MLP(2, [3, 3, 1], activation=["tanh"] * 3)
    with pytest.raises(ValueError, match="3 layers, but 2 biases"):
        MLP(2, [3, 3, 1], bias=[True, False])


def test_unknown_names_are_refused_with_those_that_exist():
    with pytest.raises(ValueError, match=r"'tahn'.*tanh"):
        MLP(2, [1, 1], activation="tahn")
    with pytest.raises(ValueError, match=r"'exp'"):
        Neuron(1, activation="exp")
    with pytest.raises(ValueError, match=r"a name .* or a function"):
        Neuron(1, activation=3)
    with pytest.raises(ValueError, match=r"'xaver'.*xavier"):
        MLP(2, [1], init="xaver")
    with pytest.raises(ValueError, match="whole layer"):
        Neuron(1, activation="softmax")


def test_one_neuron_everywhere():
    model = MLP(2, [1, 1], seed=0)
    y = model([1.0, -2.0])
    assert isinstance(y, Value)
    y.backward()
    assert isinstance(model.layers[0]([1.0, 2.0]), list)
    assert isinstance(MLP(1, [1])([1.0]), Value)
    assert len(MLP(2, [3, 2])([1.0, 2.0])) == 2


# --- computing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(BY_HAND))
def test_a_trace_is_the_textbooks_recursion(name):
    model = MLP(3, [4, 3, 2], activation=name, output="tanh", seed=3)
    for neuron in (n for layer in model.layers for n in layer.neurons):
        neuron.b.data = 0.1
    x = [0.5, -1.5, 2.0]
    trace = model.trace(x)
    assert [v.data for v in trace.inputs] == x
    h = x
    for k, layer in enumerate(model.layers):
        a = [sum((w.data * v for w, v in zip(n.w, h, strict=True)), n.b.data) for n in layer.neurons]
        h = [BY_HAND[name if k < 2 else "tanh"](z) for z in a]
        # The sums are added in the same order; the activations differ from math's by roundings.
        assert [v.data for v in trace.pre_activations[k]] == pytest.approx(a, rel=1e-13)
        assert [v.data for v in trace.activations[k]] == pytest.approx(h, rel=1e-13)
    assert [v.data for v in model(x)] == [v.data for v in trace.activations[-1]]


def test_every_activation_is_tried():
    assert {*BY_HAND, "softmax"} == set(ACTIVATIONS)


def test_a_trace_holds_the_nodes_themselves():
    model = MLP(2, [3, 1], activation="tanh", seed=0)
    x = [Value(0.5), Value(-1.0)]
    trace = model.trace(x)
    assert trace.inputs == x
    output = trace.activations[-1][0]
    assert output is trace.pre_activations[-1][0]  # linear: h = a
    nodes = set(topological_order(output))
    assert nodes >= {n for layer in (*trace.pre_activations, *trace.activations) for n in layer}
    # h = tanh(a), and dJ/da = dJ/dh (1 - h^2)
    for a, h in zip(trace.pre_activations[0], trace.activations[0], strict=True):
        assert h.inputs == (a,)
        [da], [dh] = grad(output, [a]), grad(output, [h])
        assert da == pytest.approx(dh * (1 - math.tanh(a.data) ** 2), rel=1e-13)
    softmax = Layer(2, 3, activation="softmax", seed=0).trace(x)
    assert [type(v) for v in softmax.pre_activations] == [Value] * 3


def test_the_softmax_layer():
    layer = Layer(2, 3, activation="softmax", seed=4)
    a, p = layer.trace([1.0, 2.0])
    exponentials = [math.exp(v.data) for v in a]
    assert [v.data for v in p] == pytest.approx([e / sum(exponentials) for e in exponentials], rel=1e-14)
    assert len(MLP(2, [1], output="softmax").trace([1.0, 2.0]).activations[0]) == 1
    assert MLP(2, [1], output="softmax")([1.0, 2.0]).data == 1.0
    hidden = MLP(2, [3, 1], activation="softmax", seed=0).trace([1.0, 2.0])
    assert sum(v.data for v in hidden.activations[0]) == pytest.approx(1.0, rel=1e-14)


def test_the_default_is_micrograds_relu_with_a_linear_output():
    model = MLP(2, [3, 3, 1])
    assert [layer.activation for layer in model.layers] == ["relu", "relu", "linear"]
    operations = {n._op for n in topological_order(model([1.0, 2.0])) if n._op}
    assert operations == {"+", "*", "ReLU"}


def test_activations_and_biases_for_each_layer():
    model = MLP(2, [3, 3, 2], activation=["tanh", "relu"], output="sigmoid", bias=[False, True, False], seed=0)
    assert [layer.activation for layer in model.layers] == ["tanh", "relu", "sigmoid"]
    assert [[n.b is not None for n in layer.neurons] for layer in model.layers] == [[False] * 3, [True] * 3, [False] * 2]
    assert len(model.parameters()) == 6 + 12 + 6
    assert all(p.data == 0.0 for name, p in model.named_parameters() if name.endswith(".b"))
    assert len(MLP(2, [3, 1], bias=False).parameters()) == 9
    assert MLP(2, [2], bias=False)([0.0, 0.0])[0].data == 0.0


def test_an_activation_may_be_any_function():
    model = MLP(1, [1, 1], activation=lambda z: z * z, output=lambda z: -z, init=lambda rng, nin, nout: 3.0)
    assert model([2.0]).data == -(3.0 * 36.0)


def test_nonlin_is_micrograds_switch():
    neuron = Neuron(1, nonlin=False, init=lambda rng, nin, nout: 3.0)
    assert neuron([-2.0]).data == -6.0
    assert repr(neuron) == "LinearNeuron(1)"
    assert Layer(1, 1, nonlin=False).activation == "linear"


@pytest.mark.parametrize(
    "x",
    [[1.0, -2.0], (1, -2), [Value(1.0), Value(-2.0)], [Value(1.0), -2], np.array([1.0, -2.0]), np.array([[1, -2]])[0]],
    ids=["floats", "ints", "Values", "mixed", "row", "ints in a row"],
)
def test_inputs_of_every_kind(x):
    model = MLP(2, [3, 2], activation="tanh", seed=0)
    assert [v.data for v in model(x)] == [v.data for v in model([1.0, -2.0])]
    assert [v.data for v in model(iter(x))] == [v.data for v in model([1.0, -2.0])]


def test_gradients_reach_the_inputs():
    x = [Value(1.0), Value(2.0)]
    model = MLP(2, [1], init=lambda rng, nin, nout: 3.0)
    model(x).backward()
    assert [v.grad for v in x] == [3.0, 3.0]
    assert [p.grad for p in model.parameters()] == [1.0, 2.0, 1.0]


# --- showing ---------------------------------------------------------------------------------------------------------


def test_repr():
    assert repr(MLP(2, [2, 1])) == "MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(2)]]"
    assert repr(Layer(3, 1, "tanh")) == "Layer of [tanhNeuron(3)]"
    assert repr(Layer(3, 1, "softmax")) == "softmax Layer of [LinearNeuron(3)]"
    assert repr(Neuron(2, math.sin)) == "sinNeuron(2)"


def test_labels_and_scopes():
    model = MLP(2, [3, 1], seed=0)
    neuron = model.layers[0].neurons[2]
    assert [p.label for p in neuron.parameters()] == ["w1[3,1]", "w1[3,2]", "b1[3]"]
    assert neuron.b.scope == ("layer1", "neuron3")
    trace = model.trace([1.0, 2.0])
    assert trace.activations[0][2].scope == ("layer1", "neuron3")
    assert trace.activations[1][0].scope == ("layer2", "neuron1")
    assert Value(1.0).scope == ()


class Doubling(Neuron):
    def __call__(self, x):
        return 2 * super().__call__(x)


class Flipping(Layer):
    def __call__(self, x):
        return [-h for h in super().__call__(x)]


def test_a_subclass_that_computes_something_else_is_asked_and_not_passed_over():
    layer = Layer(2, 2, "tanh", seed=0)
    [first, second] = [h.data for h in layer([0.5, -1.0])]
    layer.neurons[1].__class__ = Doubling
    assert [h.data for h in layer([0.5, -1.0])] == [first, 2 * second]
    model = MLP(2, [2, 1], "tanh", seed=0)
    plain = [h.data for h in model.layers[0]([0.5, -1.0])]
    model.layers[0].__class__ = Flipping
    trace = model.trace([0.5, -1.0])
    assert [h.data for h in trace.activations[0]] == [-h for h in plain]
    assert trace.activations[1][0].data == model([0.5, -1.0]).data


def test_the_activation_of_a_neuron_can_be_changed_by_either_name():
    neuron = Neuron(1, seed=0)
    neuron.w[0].data = -2.0
    assert (neuron([1.0]).data, neuron.nonlin) == (0.0, True)
    neuron.nonlin = False
    assert (neuron([1.0]).data, neuron.activation, repr(neuron)) == (-2.0, "linear", "LinearNeuron(1)")
    neuron.activation = "tanh"
    assert (neuron([1.0]).data, neuron.nonlin) == (math.tanh(-2.0), True)
    neuron.nonlin = True
    assert neuron.activation == "tanh"
    with pytest.raises(ValueError, match="no activation is called 'tan'"):
        neuron.activation = "tan"
    assert neuron.activation == "tanh"
