"""Summary: parameters and nodes against closed forms, and the report that is read."""

import itertools
import re

import pytest

import nn
from autograd import Value, softmax, topological_order, total
from nn import MLP, Embedding, Layer, Module, Neuron, elementary, summary


def operations_of_layer(nin, nout, bias, activation):
    """The closed form: nin products for each neuron, a sum for each of them (the first needs none without a bias), and g."""
    sums = nin if bias else nin - 1
    if activation == "softmax":  # nout - 1 maxima, detach, nout differences, exponentials and quotients, nout - 1 sums
        return nout * (nin + sums) + 5 * nout - 1
    return nout * (nin + sums + (activation != "linear"))


CASES = list(
    itertools.product(
        [(2, [16, 16, 1]), (3, [4, 5, 2]), (1, [1]), (5, [1, 3])], [True, False], ["relu", "tanh"], ["linear", "softmax"]
    )
)


@pytest.mark.parametrize(("widths", "bias", "activation", "output"), CASES)
def test_an_mlp_has_the_parameters_and_nodes_of_the_closed_forms(widths, bias, activation, output):
    nin, nouts = widths
    report = summary(MLP(nin, nouts, activation=activation, output=output, bias=bias))
    activations = [activation] * (len(nouts) - 1) + [output]
    pairs = list(itertools.pairwise([nin, *nouts]))
    assert [(part.inputs, part.outputs) for part in report.parts] == pairs
    assert [part.activation for part in report.parts] == activations
    assert [part.parameters for part in report.parts] == [(a + bias) * b for a, b in pairs]
    assert [part.operations for part in report.parts] == [
        operations_of_layer(a, b, bias, g) for (a, b), g in zip(pairs, activations, strict=True)
    ]
    assert report.parameters == sum((a + bias) * b for a, b in pairs)
    assert report.operations == sum(part.operations for part in report.parts)
    assert report.nodes == report.operations + report.parameters + nin


def test_the_nodes_are_those_of_the_graph_that_backward_walks():
    model = MLP(3, [4, 5, 2], activation=elementary.tanh, output="softmax", bias=[True, False, True], seed=0)
    outputs = model([1.0, 1.0, 1.0])
    graph = topological_order(total(outputs))[:-1]  # without the sum of the two outputs
    report = summary(model)
    assert report.nodes == len(graph)
    assert report.operations == sum(bool(node.inputs) for node in graph)


@pytest.mark.parametrize("bias", [True, False])
def test_layers_and_neurons(bias):
    layer = summary(Layer(3, 4, activation="sigmoid", bias=bias))
    assert (layer.parameters, layer.operations) == ((3 + bias) * 4, operations_of_layer(3, 4, bias, "sigmoid"))
    [part] = layer.parts
    assert (part.name, part.kind, part.inputs, part.outputs, part.operations) == ("layer", "Layer", 3, 4, layer.operations)
    neuron = summary(Neuron(5, bias=bias))
    assert (neuron.parameters, neuron.operations, neuron.others) == (5 + bias, 10 + bias, 5)
    assert (neuron.parts[0].inputs, neuron.parts[0].outputs) == (5, 1)


def test_an_embedding_records_nothing_and_reaches_one_row():
    report = summary(Embedding(10, 3))
    assert (report.parameters, report.operations, report.reached, report.others, report.nodes) == (30, 0, 3, 0, 3)
    assert "3 of the 30 parameters" in str(report)


class Reader(Module):
    """Two embedded labels, a network of layers, a scale of its own; one embedding under two names."""

    def __init__(self):
        self.embedding = Embedding(7, 2, seed=0)
        self.again = self.embedding
        self.scale = Value(2.0)
        self.body = {"network": MLP(4, [3, 2], seed=0)}

    def __call__(self, first, second):
        outputs = self.body["network"](self.embedding(first) + self.embedding(second))
        return [[self.scale * y for y in outputs], outputs[0]]


def test_a_module_of_ones_own_is_taken_apart_and_its_nodes_are_counted_together():
    report = summary(Reader(), 3, 3)
    assert [(part.name, part.kind, part.parameters, part.operations) for part in report.parts] == [
        ("reader", "Reader", 1, None),
        ("embedding", "Embedding", 14, None),
        ("body.network.layers.0", "Layer", 15, None),
        ("body.network.layers.1", "Layer", 8, None),
    ]
    assert report.parameters == sum(part.parameters for part in report.parts) == 38
    assert report.operations == operations_of_layer(4, 3, True, "relu") + operations_of_layer(3, 2, True, "linear") + 2
    assert (report.reached, report.others) == (38 - 12, 0)  # one label twice: six rows are not used


def test_constants_and_closures_are_counted():
    class Affine(Module):
        def __init__(self):
            self.w = Value(3.0)

        def __call__(self, x):
            y = 2 * self.w * x + 1
            return Value(y.data, (y,), "closure")

    report = summary(Affine(), Value(5.0))
    assert (report.operations, report.reached, report.others) == (4, 1, 3)  # 2, x and 1


def test_an_output_given_twice_is_one_node():
    class Twice(Module):
        def __call__(self, x):
            y = x + 1
            return y, [y, x]

    assert (summary(Twice(), Value(5.0)).operations, summary(Twice(), Value(5.0)).nodes) == (1, 3)


def test_running_the_example_leaves_the_model_alone():
    model = MLP(2, [3, 1], seed=0)
    model([1.0, 2.0]).backward()
    before = [(p.data, p.grad) for p in model.parameters()]
    summary(model)
    assert [(p.data, p.grad) for p in model.parameters()] == before


def test_an_example_of_ones_own_is_taken():
    model = MLP(1, [1], activation="linear", output=lambda z: z.log(), init=lambda rng, nin, nout: -1.0)
    with pytest.raises(ValueError, match=r"log\(x\) needs x > 0"):
        summary(model)  # log(-1)
    assert summary(model, [-1.0]).operations == 3
    assert summary(MLP(2, [3]), [Value(1.0), 2]).others == 2


def test_a_large_network_is_counted_without_recursion():
    report = summary(MLP(100, [50, 10]))
    assert report.operations == 50 * 201 + 10 * 100


TEXT = """\
MLP of 31 parameters

part      kind   activation  inputs  outputs  parameters  operations
layers.0  Layer  tanh             2        3           9          15
layers.1  Layer  sigmoid          3        4          12          36
layers.2  Layer  softmax          4        2          10          25
total                                                 31          76

One example makes a graph of 117 nodes: 76 operations, 31 parameters, and 10 inputs and constants."""


def test_the_report_is_a_table_as_text_and_in_a_notebook():
    model = MLP(2, [3, 4, 2], activation=["tanh", elementary.sigmoid], output="softmax", bias=[True, False, True])
    report = summary(model)
    assert str(report) == repr(report) == TEXT
    page = report._repr_html_()
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", page)]
    assert [[cell for cell in row if cell] for row in rows] == [line.split() for line in TEXT.splitlines()[2:7]]
    assert {len(row) for row in rows} == {7}
    assert TEXT.splitlines()[0] in page
    assert TEXT.splitlines()[-1] in page


def test_names_are_escaped_in_the_notebook():
    class Odd(Module):
        def __init__(self):
            self.parts = {"<b>": Neuron(1)}

        def __call__(self, x):
            return self.parts["<b>"]([x])

    page = summary(Odd(), 1.0)._repr_html_()
    assert "parts.&lt;b&gt;" in page
    assert "<b>" not in page


def test_a_module_without_parameters_has_no_parts():
    class Softmax(Module):
        def __call__(self, xs):
            return softmax(xs)

    report = summary(Softmax(), [Value(1.0), Value(2.0)])
    assert (report.parts, report.parameters, report.operations, report.others) == ((), 0, 9, 2)
    assert "total" in str(report)


def test_what_cannot_be_run_is_refused_with_words():
    with pytest.raises(TypeError, match="Module that can be called, but got 5"):
        summary(5)
    with pytest.raises(TypeError, match=r"Module that can be called, but got .*Module"):
        summary(Module())
    with pytest.raises(TypeError, match=r"what a Reader is called with: write summary\(model, x\)"):
        summary(Reader())
    with pytest.raises(TypeError, match=r"a call of Bad returned 1\.0 of type float; it needs a Value, or a list of them"):
        summary(type("Bad", (Module,), {"__call__": lambda self, x: [x]})(), 1.0)
    with pytest.raises(ValueError, match="takes 2 inputs, but got 1"):
        summary(MLP(2, [1]), [1.0])


def test_it_is_offered_by_the_package():
    assert nn.summary is summary
