"""diagnose on whole networks and on functions: equal neurons, softmax, gradients by depth, cuts. Planted ones are found, others are not."""

import copy
import math
import pickle
import random
from fractions import Fraction

import pytest

import autograd
import nn
from autograd import Value, cos, debug, detach, diagnose, exp, log, logsumexp, maximum, relu, scope, softmax, total
from tests.sweeps import sweep

HERE = __file__


def kinds(report):
    return [finding.kind for finding in report]


def examples(num_inputs, count=3, seed=0):
    rng = random.Random(seed)
    return [([rng.gauss(0, 1) for _ in range(num_inputs)], rng.gauss(0, 1)) for _ in range(count)]


def loss_of(model, data):
    """The mean over the examples of half the square of each error."""
    return nn.mean([total((out - y) ** 2 / 2 for out in _outputs(model(x))) for x, y in data])


def _outputs(result):
    return result if isinstance(result, list) else [result]


# --- weights that start equal -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [0.5, 0.0, -1.25])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "silu"])
def test_equal_weights_are_one_finding_for_each_layer_of_several_neurons(weight, activation):
    model = nn.MLP(2, [4, 3, 1], activation=activation, init=lambda rng, nin, nout: weight)
    report = diagnose(loss_of(model, examples(2)), model.parameters())
    found = [finding for finding in report if finding.kind == "equal weights"]
    assert [finding.node.scope[0] for finding in found] == ["layer1", "layer2"]
    assert found[0].message.startswith("neuron1, neuron2, neuron3 and 1 more of layer1 have the same parameters")
    assert "random weights" in found[0].message


def test_equal_neurons_stay_equal_in_training_as_the_finding_says():
    model = nn.MLP(2, [3, 1], activation="tanh", init=lambda rng, nin, nout: 0.5)
    optimiser = nn.SGD(model.parameters(), 0.1)
    for _ in range(5):
        loss = loss_of(model, examples(2))
        assert "equal weights" in kinds(diagnose(loss, model.parameters()))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    first, *others = [[p.data for p in neuron.parameters()] for neuron in model.layers[0].neurons]
    assert all(other == first for other in others)


def test_two_twins_among_many_are_named():
    model = nn.MLP(2, [4, 1], activation="tanh", seed=0)
    hidden, out = model.layers[0].neurons, model.layers[1].neurons[0]
    for a, b in zip(hidden[1].parameters(), hidden[3].parameters(), strict=True):
        b.data = a.data
    loss = loss_of(model, examples(2))
    assert "equal weights" not in kinds(diagnose(loss, model.parameters()))  # their outputs are weighted differently
    out.w[3].data = out.w[1].data
    [finding] = diagnose(loss_of(model, examples(2)), model.parameters())
    assert finding.message.startswith("neuron2 and neuron4 of layer1 have the same parameters")


def test_equal_weights_of_outputs_with_targets_of_their_own_are_healthy():
    model = nn.MLP(2, [3], init=lambda rng, nin, nout: 0.5, seed=0)
    loss = nn.mean([nn.cross_entropy_logits(model(x), label) for label, (x, _) in enumerate(examples(2))])
    assert not diagnose(loss, model.parameters())
    alone = nn.cross_entropy_logits(model([0.5, 1.0]), 0)  # in this example the other two classes get the same gradient
    assert not diagnose(alone, model.parameters())


def test_equal_numbers_outside_layers_and_equal_rows_of_an_embedding_are_healthy():
    a, b = Value(1.0, "a"), Value(1.0, "b")
    assert not diagnose(a + b)
    table = nn.Embedding(3, 2, init=lambda rng, nin, nout: 0.0)
    assert "equal weights" not in kinds(diagnose(total(table(0)) + total(table(1)), table.parameters()))


# --- softmax ------------------------------------------------------------------------------------------------------------


def by_hand(zs):
    exponentials = [exp(z) for z in zs]
    return [exponential / total(exponentials) for exponential in exponentials]


@pytest.mark.parametrize("taken", [softmax, by_hand], ids=["softmax", "by hand"])
def test_a_softmax_of_one_output(taken):
    z = Value(3.0, "z")
    [finding, *others] = [each for each in diagnose(taken([z])[0] * 2) if each.kind == "softmax of one output"]
    assert not others
    assert "whose result is 1 whatever z is" in finding.message
    assert "sigmoid" in finding.message


@pytest.mark.parametrize("loss", [lambda z: logsumexp([z]), lambda z: nn.cross_entropy_logits([z], 0)])
def test_a_cross_entropy_of_one_logit_is_one_too(loss):
    assert "softmax of one output" in kinds(diagnose(loss(Value(3.0, "z"))))


def test_a_network_whose_softmax_has_one_output_is_told_once():
    model = nn.MLP(2, [3, 1], activation="tanh", output="softmax", seed=0)
    loss = nn.mean([-log(model(x)) for x, _ in examples(2)])
    [finding] = [each for each in diagnose(loss, model.parameters()) if each.kind == "softmax of one output"]
    assert "layer2/softmax" in finding.message
    assert "(and 2 places like it)" in finding.message


@pytest.mark.parametrize("taken", [softmax, by_hand], ids=["softmax", "by hand"])
@pytest.mark.parametrize("then", [softmax, by_hand, lambda p: [logsumexp(p)]], ids=["softmax", "by hand", "logsumexp"])
def test_a_softmax_of_a_softmax(taken, then):
    zs = [Value(x, f"z{k}") for k, x in enumerate((3.0, -3.0, 0.5))]
    [finding] = diagnose(then(taken(zs))[0])
    assert finding.kind == "softmax of softmax"
    largest = math.e / (math.e + 2)
    assert f"no probability after the second exceeds {largest:.3g}" in finding.message
    assert f"no loss falls below {-math.log(largest):.3g}" in finding.message


def test_the_bounds_that_the_message_names_hold():
    for k in range(3):
        sure = [Value(1000.0 * (j == k)) for j in range(3)]
        assert max(p.data for p in softmax(softmax(sure))) == pytest.approx(math.e / (math.e + 2))


def test_probabilities_given_to_the_loss_of_logits():
    model = nn.MLP(2, [4, 3], activation="tanh", output="softmax", seed=0)
    right = nn.mean([nn.cross_entropy(model(x), 1) for x, _ in examples(2)])
    wrong = nn.mean([nn.cross_entropy_logits(model(x), 1) for x, _ in examples(2)])
    assert not diagnose(right, model.parameters())
    [finding] = diagnose(wrong, model.parameters())
    assert finding.kind == "softmax of softmax"
    assert "give cross_entropy_logits the logits" in finding.message


def test_what_only_looks_like_a_softmax_is_healthy():
    x, y = Value(0.3, "x"), Value(0.4, "y")
    p = softmax([x, y])
    assert not diagnose(log(exp(x)) + y)  # no softmax of one: nothing was shifted
    assert not diagnose(softmax([p[0] + x, p[1]])[0])  # a logit that is more than a probability
    assert not diagnose(exp(x) / (1 + exp(x)))  # a sigmoid by hand
    assert not diagnose(logsumexp([p[0], y]))


# --- gradients by depth -------------------------------------------------------------------------------------------------


def depth_findings(report):
    return [finding for finding in report if finding.kind in ("vanishing gradient", "exploding gradient")]


def test_ten_sigmoids_in_a_row():
    y = Value(0.5, "x")
    for _ in range(10):
        y = y.sigmoid()
    [finding] = diagnose(y)
    assert finding.kind == "vanishing gradient"
    factor = math.prod(partial for node in _chain(y) for partial in node.partials) ** (1 / 10)
    assert f"by a factor of {factor:.2g} on average in each of 9 steps back" in finding.message
    assert "relu or tanh" in finding.message


def _chain(node):
    while node.inputs:
        yield node
        node = node.inputs[0]


@pytest.mark.parametrize("init", ["uniform", "xavier", "he"])
@pytest.mark.parametrize("width", [4, 16])
def test_ten_layers_of_sigmoids_vanish(init, width):
    model = nn.MLP(3, [width] * 10 + [1], activation="sigmoid", init=init, seed=1)
    [finding] = depth_findings(diagnose(loss_of(model, examples(3)), model.parameters()))
    assert finding.kind == "vanishing gradient"
    assert "at layer11 it is" in finding.message
    assert "at layer1 " in finding.message


def test_large_weights_explode_and_small_ones_vanish():
    for size, kind in ((10.0, "exploding gradient"), (0.05, "vanishing gradient")):
        model = nn.MLP(3, [8] * 6 + [1], init=lambda rng, nin, nout, size=size: rng.gauss(0, size / math.sqrt(nin)), seed=0)
        [finding] = depth_findings(diagnose(loss_of(model, examples(3)), model.parameters()))
        assert finding.kind == kind
    assert float(finding.message.split(" times as much")[0].split(", ")[-1]) < 1e-3


def test_the_ratio_in_the_message_is_that_of_the_layers_outputs():
    model = nn.MLP(2, [3] * 8 + [1], activation="sigmoid", seed=0)
    trace = model.trace([0.5, -1.0])
    [output] = trace.activations[-1]
    [finding] = depth_findings(diagnose(output, model.parameters()))
    first, last = (autograd.grad(output, layer) for layer in (trace.activations[0], trace.activations[-1]))
    sizes = [math.sqrt(sum(d * d for d in layer) / len(layer)) for layer in (first, last)]
    assert f"{sizes[0] / sizes[1]:.2g} times as much" in finding.message


def test_fewer_layers_have_no_depth():
    x = Value(0.5, "x")
    assert not diagnose((20 * x).sigmoid().sigmoid())  # steep, but no depth
    assert not diagnose((-12 * x).exp().tanh())


def test_one_flat_layer_among_healthy_ones_is_no_matter_of_depth():
    model = nn.MLP(3, [8] * 6 + [1], activation="tanh", init="xavier", seed=0)
    for neuron in model.layers[3].neurons:
        for w in neuron.w:
            w.data *= 1e-4
    assert not depth_findings(diagnose(loss_of(model, examples(3)), model.parameters()))


def test_exact_numbers_beyond_the_floats_have_sizes_too():
    y = Value(Fraction(-3), "x")
    for _ in range(12):
        y = y.leaky_relu(10**40)
    [finding] = diagnose(y)
    assert finding.kind == "exploding gradient"


def test_scopes_without_parameters_are_no_layers():
    w = Value(0.5, "w")
    y = w * 1.0
    for k in range(12):
        with scope(f"part{k}"):
            y = y * 0.25 + 0.1
    assert not diagnose(y)


HEALTHY = [
    (activation, init, width, depth)
    for activation, init in [("tanh", "xavier"), ("relu", "he"), ("leaky_relu", "he"), ("tanh", "uniform"), ("elu", "xavier")]
    for width in (8, 16)
    for depth in (1, 2, 4, 6, 10)
]


HEALTHY_SEEDS = sweep("healthy networks are not accused", sample=1, full=20)


@pytest.mark.parametrize(("activation", "init", "width", "depth"), HEALTHY)
def test_networks_that_start_by_the_rule_are_healthy(activation, init, width, depth):
    for seed in HEALTHY_SEEDS.cases():
        model = nn.MLP(4, [width] * depth + [1], activation=activation, init=init, seed=seed)
        report = diagnose(loss_of(model, examples(4, seed=seed)), model.parameters())
        assert not set(kinds(report)) - {"dead relu", "zero derivative"}, seed


@pytest.mark.parametrize("init", nn.INITS)
@pytest.mark.parametrize("activation", [name for name in nn.ACTIVATIONS if name != "softmax"])
@pytest.mark.parametrize("output", ["linear", "softmax"])
def test_shallow_networks_of_every_kind_are_healthy(init, activation, output):
    model = nn.MLP(2, [6, 6, 3], activation=activation, output=output, init=init, seed=3)
    loss = nn.cross_entropy if output == "softmax" else nn.cross_entropy_logits
    report = diagnose(nn.mean([loss(model(x), k) for k, (x, _) in enumerate(examples(2))]), model.parameters())
    assert not set(kinds(report)) - {"dead relu", "zero derivative"}


# --- cuts ---------------------------------------------------------------------------------------------------------------

CUTS = {
    "data as a factor": lambda x: x * x.data,
    "a function of math": lambda x: x * math.sin(x.data),
    "a new Value": lambda x: Value(x.data**2) + 0 * x,
    "nothing left": lambda x: Value(math.exp(x.data)),
    "a copy": lambda x: copy.deepcopy(x) * 2,
    "a pickle": lambda x: pickle.loads(pickle.dumps(x)) ** 2,
    "a number": lambda x: 3 * x.data,
    "in an exponent": lambda x: x**x.data,
    "detach": lambda x: x * detach(x),
    "a derivative as a number": lambda x: x * autograd.grad(x * x, [x])[0],
    "a solver": lambda a: newton(a),
}
CLEAN = {
    "a product": lambda x: x * x,
    "a shift that cancels": lambda x: log(exp(x - x.data) + exp(2 * x - x.data)) + x.data,
    "a detached shift that cancels": lambda x: softmax([x, 2 * x, Value(1.0)])[0],
    "a kink": lambda x: relu(x - 1.3) + maximum(x, 1.3),
    "a dead relu": lambda x: relu(-x) * 5 + 1,
    "a step": lambda x: x.step() + 2 * x,
    "a branch": lambda x: x * 2 if x > 0 else -x,
    "steep": lambda x: exp(20 * x),
    "cancelling": lambda x: (x - x) * 1e6 + cos(x),
    "fast": lambda x: (50 * x).sin(),
    "flat": lambda x: (x - 1.3) ** 3,
}


def newton(a):
    root = Value(1.0)
    while abs((root * root - a).data) > 1e-13:
        root = Value(root.data - (root.data * root.data - a.data) / (2 * root.data))
    return root


@pytest.mark.parametrize("name", CUTS)
def test_a_cut_is_found_with_the_function(name):
    x = Value(1.3, "x")

    def f():
        return CUTS[name](x)

    output = f() if isinstance(f(), Value) else Value(f())
    report = diagnose(output, [x], function=f)
    [finding] = [finding for finding in report if finding.node is x]
    assert finding.kind == "cut"
    h = 1e-6
    slope = (CUTS[name](Value(1.3 + h)) - CUTS[name](Value(1.3 - h))) / (2 * h)
    by_graph = autograd.grad(output, [x])[0]
    told = finding.message.split("by differences is ")[1].split(",")[0]
    assert float(told) == pytest.approx(getattr(slope, "data", slope), rel=1e-3)
    assert f"in the graph it is {by_graph:.4g}." in finding.message
    assert x.data == 1.3


@pytest.mark.parametrize("name", CLEAN)
def test_what_is_whole_or_cancels_is_no_cut(name):
    x = Value(1.3, "x")
    assert "cut" not in kinds(diagnose(CLEAN[name](x), [x], function=lambda: CLEAN[name](x)))


def test_the_place_of_a_cut_and_its_line_are_named():
    x, y = Value(1.3, "x"), Value(2.0, "y")

    def f():
        slope = math.sin(x.data)
        return y * slope + x

    [finding] = diagnose(f(), [x, y], function=f)
    assert finding.node is x
    assert f"The number {math.sin(1.3)} in v1 = y * {math.sin(1.3)} follows it" in finding.message
    assert f"{HERE}, line " in finding.message
    assert "return y * slope + x" in finding.message


def test_detach_is_named_where_it_is():
    x = Value(1.3, "x")
    [finding] = diagnose(x * detach(x), [x], function=lambda: x * detach(x))
    assert "It is cut at v1 = detach(x), whose derivative is 0 everywhere." in finding.message
    assert "if the cut is meant" in finding.message


def test_a_cut_inside_a_network_is_told_for_the_weights_before_it():
    model = nn.MLP(2, [2, 1], activation="tanh", seed=0)

    def f():
        hidden = [Value(h.data) for h in model.layers[0]([0.5, -1.0])]
        return model.layers[1](hidden)[0] ** 2

    report = diagnose(f(), model.parameters(), function=f)
    assert {finding.node.scope[0] for finding in report if finding.kind == "cut"} == {"layer1"}
    assert "unreached parameter" not in kinds(report)


def test_without_the_function_nothing_is_said_of_cuts():
    x = Value(1.3, "x")
    assert not diagnose(x * x.data, [x])


def test_no_finding_with_a_function_says_what_was_checked():
    x = Value(1.3, "x")
    assert "checked: every parameter moves the function as its derivative in the graph says" in str(
        diagnose(x.tanh(), [x], function=lambda: x.tanh())
    )


def test_data_and_gradients_are_put_back_even_if_the_function_fails():
    x = Value(1.3, "x")
    x.grad = 0.0

    def f():
        if x.data != 1.3:
            raise KeyError("not here")
        return x * 2

    report = diagnose(f(), [x], function=f)
    assert (len(report), x.data, x.grad) == (0, 1.3, 0.0)
    assert report.unchecked[0].startswith("whether moving x moves the function as the graph says")
    assert "checked: every parameter moves the function" not in str(report)


CUTS_OF_SMALL_NUMBERS = {
    "sqrt": (lambda x: x * math.sqrt(x.data), 1e-4),
    "log": (lambda x: x * math.log(x.data), 1e-4),
    "a pole beside 1": (lambda x: x * (1 / (x.data - 0.9995)), 1.0),
    "a domain": (lambda x: x.log() * x.data, 1e-6),
    "a square": (lambda x: x * x.data, 1e-8),
}


@pytest.mark.parametrize(("f", "at"), CUTS_OF_SMALL_NUMBERS.values(), ids=CUTS_OF_SMALL_NUMBERS)
def test_a_cut_is_found_on_the_scale_of_the_parameter(f, at):
    x = Value(at, "x")
    report = diagnose(f(x), [x], function=lambda: f(x))
    assert [finding.kind for finding in report] == ["cut"]
    assert (x.data, report.unchecked) == (at, ())


def test_at_a_kink_a_cut_is_found_and_the_kink_is_none():
    x = Value(0.0, "x")
    assert "cut" in kinds(diagnose(x.relu() + 2 * math.sin(x.data), [x], function=lambda: x.relu() + 2 * math.sin(x.data)))
    report = diagnose(x.relu() + x, [x], function=lambda: x.relu() + x)
    assert "cut" not in kinds(report)
    assert report.unchecked == ()


def test_at_a_jump_it_is_said_that_moving_tells_nothing():
    x = Value(0.0, "x")
    report = diagnose(x.step() + x, [x], function=lambda: x.step() + x)
    assert report.unchecked[0].startswith("whether moving x moves the function")


def test_a_staircase_is_no_cut():
    x = Value(1 / 3, "x")
    report = diagnose((1e14 * x).floor() * 1e-14 + x, [x], function=lambda: (1e14 * x).floor() * 1e-14 + x)
    assert "cut" not in kinds(report)


def test_at_an_end_of_the_domain_nothing_is_guessed():
    x = Value(0.0, "x")
    assert "cut" not in kinds(diagnose(x.sqrt() * x, [x], function=lambda: x.sqrt() * x))


REFUSED = {
    "no function": (lambda x: diagnose(x * 2, [x], function=3), TypeError, "computes the output anew, but got 3 of type int"),
    "arguments": (lambda x: diagnose(x * 2, [x], function=lambda x: x * 2), TypeError, "takes no arguments"),
    "another function": (lambda x: diagnose(x * 2, [x], function=lambda: x * 3), ValueError, "the function gives 3.9"),
    "a list": (lambda x: diagnose(x * 2, [x], function=lambda: [x]), TypeError, "one scalar"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_functions_are_refused_with_advice(name):
    wrong, error, words = REFUSED[name]
    with pytest.raises(error, match=words):
        wrong(Value(1.3, "x"))


def test_a_function_inside_debug_keeps_the_lines_of_its_own():
    x = Value(1.3, "x")
    with debug():
        y = x * 2
    assert not diagnose(y, [x], function=lambda: x * 2)
    assert y.made_at.text == "y = x * 2"
