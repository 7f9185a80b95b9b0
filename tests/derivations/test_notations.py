"""The five notations: their table against losses written by hand, and their five training loops against loops in NumPy."""

import importlib.util
import inspect
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd import Value
from nn import LAYOUTS, LOSSES, MLP, NOTATIONS, Layer, backward_quantities, compare_notations
from nn import notations as module
from nn.matrix import MatrixMLP
from tests.derivations.networks import (
    Network,
    complex_step,
    forward,
    model,
    network,
    onwards,
    with_bias,
    with_weights,
)

BAR = 1e-12  # of the largest entry
SQUARES, ENTROPY = "half_sum_of_squares", "cross_entropy"
N = 6  # unlike every width, and not 2, where 2/N is 1
NETS = {
    SQUARES: network([3, 4, 5, 2], examples=N, seed=3),
    ENTROPY: network([3, 4, 5, 2], examples=N, output="softmax", seed=3),
}
NAMES = list(NOTATIONS)


def close(computed, expected):
    computed, expected = np.asarray(computed, dtype=float), np.asarray(expected, dtype=float)
    assert computed.shape == expected.shape
    assert np.abs(computed - expected).max() <= BAR * np.abs(expected).max()
    return True


# --- the table, by hand ----------------------------------------------------------------------------------------------

COLUMNS = ("constant", "factor", "scale", "rate")  # for N = 6; the rate that equals 1 on C
BY_HAND = {
    (SQUARES, "sensitivities"): ("1", "2", "2", "1/2"),
    (SQUARES, "batches"): ("1/2", "1", "1", "1"),
    (SQUARES, "composed_functions"): ("1/2", "1", "1", "1"),
    (SQUARES, "delta_rule"): ("1/2", "-1", "1", "1"),
    (SQUARES, "feed_forward"): ("1/6", "1/3", "1/3", "3"),
    (ENTROPY, "sensitivities"): ("1", "1", "1", "1"),
    (ENTROPY, "batches"): ("1", "1", "1", "1"),
    (ENTROPY, "composed_functions"): ("1", "1", "1", "1"),
    (ENTROPY, "delta_rule"): ("1", "-1", "1", "1"),
    (ENTROPY, "feed_forward"): ("1/6", "1/6", "1/6", "6"),
}


@pytest.mark.parametrize(("loss", "name"), BY_HAND)
def test_the_factors_are_those_of_the_notes(loss, name):
    notation = NOTATIONS[name]
    found = [notation.constant(N, loss), notation.factor(N, loss), notation.scale(N, loss), notation.rate(1, N, loss)]
    assert [str(each) for each in found] == list(BY_HAND[loss, name])


def test_the_table_has_the_five_notes_with_their_layouts():
    assert [notation.note for notation in NOTATIONS.values()] == [0, 1, 2, 3, 4]
    assert [notation.layout for notation in NOTATIONS.values()] == list(LAYOUTS)
    assert [notation.batch for notation in NOTATIONS.values()] == [False, True, False, True, True]
    assert all(NOTATIONS[name].name == name and NOTATIONS[name].squares in LOSSES for name in NAMES)


def entropy(a, y):
    return -(y * np.log(a)).sum(axis=-1)


OWN = {  # each note's loss, of the outputs of a batch and its targets, as printed; one example of notes 0 and 2 at a time
    (SQUARES, "sensitivities"): lambda a, y: ((y - a) * (y - a)).sum(),
    (SQUARES, "batches"): lambda a, y: 0.5 * ((a - y) ** 2).sum(),
    (SQUARES, "composed_functions"): lambda a, y: 0.5 * ((a - y) ** 2).sum(),
    (SQUARES, "delta_rule"): lambda a, y: sum(0.5 * ((y_i - a_i) ** 2).sum() for a_i, y_i in zip(a, y, strict=True)),
    (SQUARES, "feed_forward"): lambda a, y: 1 / len(a) * ((a - y) ** 2).sum(),
    (ENTROPY, "sensitivities"): lambda a, y: entropy(a, y).sum(),
    (ENTROPY, "batches"): lambda a, y: entropy(a, y).sum(),
    (ENTROPY, "composed_functions"): lambda a, y: entropy(a, y).sum(),
    (ENTROPY, "delta_rule"): lambda a, y: entropy(a, y).sum(),
    (ENTROPY, "feed_forward"): lambda a, y: entropy(a, y).mean(),
}
SIGNS = dict(zip(NAMES, (1, 1, 1, -1, 1), strict=True))
CASES = [(loss, name) for loss in NETS for name in NAMES]


def quantity(loss, name, layer):
    """The backward quantity of a layer from 1, by complex step of the note's own loss: a row for each example."""
    net, own = NETS[loss], OWN[loss, name]
    derivative = complex_step(lambda z: own(onwards(net, layer, z), net.y), forward(net, net.x)[0][layer - 1])
    return SIGNS[name] * derivative


@pytest.mark.parametrize(("loss", "name"), CASES)
def test_the_backward_quantities_are_those_of_the_notes_own_losses(loss, name):
    net = NETS[loss]
    examples = model(net), net.x.tolist(), net.y.tolist(), loss
    for layer in (1, 2, 3):
        expected = quantity(loss, name, layer)
        assert close(NOTATIONS[name].backward_quantity(*examples)[layer - 1], expected)
        assert close(backward_quantities(*examples)[name][layer - 1], expected)


@pytest.mark.parametrize("name", ["sensitivities", "composed_functions"])
def test_where_a_step_takes_one_example_the_others_do_not_change_its_quantity(name):
    net = NETS[SQUARES]
    together = NOTATIONS[name].backward_quantity(model(net), net.x.tolist(), net.y.tolist())
    for i in range(N):
        alone = NOTATIONS[name].backward_quantity(model(net), [net.x[i].tolist()], [net.y[i].tolist()])
        assert [layer[i] for layer in together] == [layer[0] for layer in alone]


def own_gradients(loss, name):
    """The gradients of the note's own loss by complex step: for each layer in W, d_l x d_(l-1), and in b."""
    net, own = NETS[loss], OWN[loss, name]
    for k in (1, 2, 3):
        in_w = complex_step(lambda w, k=k: own(forward(with_weights(net, k, w), net.x)[1][-1], net.y), net.weights[k - 1])
        in_b = complex_step(lambda b, k=k: own(forward(with_bias(net, k, b), net.x)[1][-1], net.y), net.biases[k - 1])
        yield in_w, in_b


def arranged(layout, gradients):
    """The arrays of a layout, by hand, one after the other."""
    last = len(gradients) - 1
    if layout == "transposed":
        return [array for w, b in gradients for array in (w.T, b)]
    if layout == "bias_row":
        rows = [np.vstack([b, w.T]) for w, b in gradients]
        return [m if k == last else np.column_stack([np.zeros(len(m)), m]) for k, m in enumerate(rows)]
    if layout == "matrices":
        return [array for pair in gradients for array in pair]
    if layout == "units":
        return [np.array([bias, *row]) for w, b in gradients for row, bias in zip(w, b, strict=True)]
    return [w for w, _ in gradients] + [b for _, b in gradients]


@pytest.mark.parametrize(("loss", "name"), CASES)
def test_the_gradients_stand_in_the_layout_of_the_note(loss, name):
    net, layout = NETS[loss], NOTATIONS[name].layout
    found = NOTATIONS[name].gradients(model(net), net.x.tolist(), net.y.tolist(), loss)
    if layout in ("transposed", "matrices"):
        found = [array for pair in found for array in pair]
    expected = arranged(layout, list(own_gradients(loss, name)))
    assert len(found) == len(expected)
    assert all(close(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("loss", NETS)
def test_the_report_confirms_the_table(loss):
    net = NETS[loss]
    report = compare_notations(model(net), net.x.tolist(), net.y.tolist(), loss, eta=0.25)
    assert report
    assert list(report.errors) == NAMES
    assert max(report.errors.values()) <= BAR


@pytest.mark.parametrize("name", NAMES)
def test_logits_with_their_cross_entropy_pass_the_same_back_as_softmax_with_its_own(name):
    net = NETS[ENTROPY]
    logits = model(net._replace(activations=["sigmoid", "sigmoid", "linear"]))
    labels = net.y.argmax(axis=1).tolist()
    found = NOTATIONS[name].backward_quantity(logits, net.x.tolist(), labels, "cross_entropy_logits")
    assert all(close(found[k - 1], quantity(ENTROPY, name, k)) for k in (1, 2, 3))


def test_no_gradient_is_touched():
    net = NETS[SQUARES]
    mlp = model(net)
    for k, p in enumerate(mlp.parameters()):
        p.grad = float(k)
    compare_notations(mlp, net.x.tolist(), net.y.tolist())
    NOTATIONS["feed_forward"].gradients(mlp, net.x.tolist(), net.y.tolist())
    assert [p.grad for p in mlp.parameters()] == list(range(len(mlp.parameters())))


# --- exactly, and for all numbers ------------------------------------------------------------------------------------

fractions = st.fractions(min_value=-3, max_value=3, max_denominator=20)


@given(st.lists(fractions, min_size=9, max_size=9), st.lists(st.tuples(fractions, fractions), min_size=1, max_size=5))
def test_with_fractions_the_factors_are_exact(parameters, examples):
    mlp = MLP(1, [2, 1], activation="linear")
    for p, number in zip(mlp.parameters(), parameters, strict=False):
        p.data = number
    xs, ys = [[x] for x, _ in examples], [[y] for _, y in examples]
    ours = backward_quantities(mlp, xs, ys)
    reference = ours["composed_functions"]
    for name, notation in NOTATIONS.items():
        theirs = notation.backward_quantity(mlp, xs, ys)
        assert ours[name] == theirs
        factor = notation.factor(len(examples))
        assert theirs == [[[factor * entry for entry in row] for row in layer] for layer in reference]
        assert all(isinstance(entry, Fraction) for layer in theirs for row in layer for entry in row)
    assert set(compare_notations(mlp, xs, ys).errors.values()) == {0.0}


@given(fractions.filter(bool), st.integers(1, 1000), st.sampled_from([SQUARES, ENTROPY, "cross_entropy_logits"]))
def test_rate_times_gradient_is_the_step_on_c(eta, samples, loss):
    for notation in NOTATIONS.values():
        assert notation.rate(eta, samples, loss) * notation.scale(samples, loss) == eta


# --- the check can fail, and what is refused -------------------------------------------------------------------------


def test_a_wrong_factor_is_reported(monkeypatch):
    net = NETS[SQUARES]
    monkeypatch.setitem(module.TIMES_HALF, "sum_of_squares", 1)
    report = compare_notations(model(net), net.x.tolist(), net.y.tolist())
    assert not report
    lines = str(report).splitlines()[1:]
    assert ["off by" in line for line in lines] == [True, False, False, False, True]


@pytest.mark.parametrize("change", [{"sign": 1}, {"squares": "sum_of_squares"}, {"average": True}])
def test_a_wrong_row_differs_from_the_note(monkeypatch, change):
    net = NETS[SQUARES]
    wrong = replace(NOTATIONS["delta_rule"], **change)
    with pytest.raises(AssertionError):
        close(wrong.backward_quantity(model(net), net.x.tolist(), net.y.tolist())[0], quantity(SQUARES, "delta_rule", 1))


def test_what_is_no_number_does_not_agree():
    mlp = model(NETS[SQUARES])
    mlp.parameters()[0].data = float("nan")
    report = compare_notations(mlp, NETS[SQUARES].x.tolist(), NETS[SQUARES].y.tolist())
    assert not report
    assert "off by inf" in str(report)


class Opaque(Layer):
    def __call__(self, x):
        return [Value(0.0) + sum(x)]


def opaque():
    mlp = MLP(3, [2, 1])
    mlp.layers[0] = Opaque(3, 2)
    mlp.layers[1] = Layer(1, 1)
    return mlp


ROW = NOTATIONS["feed_forward"]
REFUSED = {
    "another loss": (lambda: ROW.scale(6, "hinge"), ValueError, "half_sum_of_squares, cross_entropy, .* but got 'hinge'"),
    "no examples": (lambda: ROW.scale(0), ValueError, "at least one example, but got samples=0"),
    "no examples, though they do not matter": (lambda: NOTATIONS["delta_rule"].scale(0), ValueError, "at least one example"),
    "half an example": (lambda: ROW.scale(1.5), TypeError, "whole number, but got 1.5 of type float"),
    "a bool": (lambda: ROW.rate(0.1, True), TypeError, "whole number, but got True"),
    "a rate that is no number": (lambda: ROW.rate("0.1", 6), TypeError, "but got '0.1'"),
    "no model": (lambda: ROW.gradients([1.0], [[1.0]], [[1.0]]), TypeError, "of an MLP, but got \\[1.0\\] of type list"),
    "targets missing": (lambda: compare_notations(MLP(1, [1]), [[1.0]], []), ValueError, "1 outputs and 0 targets"),
    "nothing": (lambda: compare_notations(MLP(1, [1]), [], []), ValueError, "0 outputs and 0 targets"),
    "a layer of one's own": (
        lambda: compare_notations(opaque(), [[1.0, 2.0, 3.0]], [[0.0]]),
        ValueError,
        "no pre-activations",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_sense_is_refused(name):
    call, error, words = REFUSED[name]
    with pytest.raises(error, match=words):
        call()


# --- the five training loops against NumPy ---------------------------------------------------------------------------

EXAMPLE = Path(__file__).parents[2] / "examples" / "five_notations.py"
SPEC = importlib.util.spec_from_file_location("five_notations", EXAMPLE)
example = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(example)

OUTPUTS = {SQUARES: "sigmoid", ENTROPY: "softmax"}
ETA = example.ETA


def by_hand(net, x, y):
    """The gradients of C over some examples, in NumPy: for each layer in W and b. The output's delta is all that differs."""
    _, h = forward(net, x)
    delta = h[-1] - y if net.activations[-1] == "softmax" else (h[-1] - y) * h[-1] * (1 - h[-1])
    gradients = []
    for k in reversed(range(len(net.weights))):
        gradients.insert(0, (delta.T @ h[k], delta.sum(axis=0)))
        delta = (delta @ net.weights[k]) * h[k] * (1 - h[k])
    return gradients


def trained(net, eta, steps, size):
    """The parameters at steps 0, 1, ..., with the gradient of C over the next ``size`` examples at each."""
    yield net
    for k in range(steps):
        chosen = [i % len(net.x) for i in range(k * size, (k + 1) * size)]
        gradients = by_hand(net, net.x[chosen], net.y[chosen])
        net = net._replace(
            weights=[w - eta * g for w, (g, _) in zip(net.weights, gradients, strict=True)],
            biases=[b - eta * g for b, (_, g) in zip(net.biases, gradients, strict=True)],
        )
        yield net


def start(loss):
    """The network of the example, as arrays."""
    mlp, xs, ys = example.problem(OUTPUTS[loss])
    pairs = nn.export_parameters(mlp, "matrices")
    y = np.eye(2)[ys] if loss == ENTROPY else np.array(ys)
    activations = [layer.activation for layer in mlp.layers]
    return Network([np.array(w) for w, _ in pairs], [np.array(b) for _, b in pairs], activations, np.array(xs), y)


def numbers(net):
    """All parameters in the order of ``parameters()``: neuron by neuron, weights before the bias."""
    return np.concatenate([np.column_stack([w, b]).ravel() for w, b in zip(net.weights, net.biases, strict=True)])


def test_the_gradients_by_hand_are_those_by_complex_step():
    for loss, net in NETS.items():
        pairs = zip(by_hand(net, net.x, net.y), own_gradients(loss, "batches"), strict=True)
        assert all(close(a, b) for ours, theirs in pairs for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(("loss", "name"), CASES)
def test_a_loop_follows_the_trajectory_of_numpy_for_200_steps(loss, name):
    found = np.array(list(example.trajectory(name, OUTPUTS[loss], loss, ETA, 200)))
    size = len(start(loss).x) if NOTATIONS[name].batch else 1
    expected = np.array([numbers(net) for net in trained(start(loss), ETA, 200, size)])
    assert len(found) == 201
    assert np.abs(found - expected).max() <= BAR * np.abs(expected).max()
    assert np.abs(found[-1] - found[0]).max() > 0.1  # it moved


@pytest.mark.parametrize("name", NAMES)
def test_a_loop_with_another_rate_takes_another_way(name):
    [*_, found] = example.trajectory(name, "sigmoid", SQUARES, 2 * ETA, 200)
    size = len(start(SQUARES).x) if NOTATIONS[name].batch else 1
    *_, expected = trained(start(SQUARES), ETA, 200, size)
    assert np.abs(found - numbers(expected)).max() > 0.1


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_readable_at_k_and_after_it_and_differ_by_a_step_down(name):
    notation, rate = NOTATIONS[name], 0.3
    mlp, xs, ys = example.problem("sigmoid")
    history = example.LOOPS[name](mlp, xs, ys, LOSSES[notation.squares], rate, 8)
    for k in range(8):
        nn.import_parameters(mlp, history[k], notation.layout)
        chosen = slice(None) if notation.batch else slice(k % len(xs), k % len(xs) + 1)
        gradient = list(example.flat(notation.gradients(mlp, xs[chosen], ys[chosen])))
        at, after = (np.array(list(example.flat(history[t]))) for t in (k, k + 1))
        assert close(after, at - rate * np.array(gradient))


def test_the_dummies_of_the_bias_row_stay_zero():
    mlp, xs, ys = example.problem("sigmoid")
    for first, second, _ in example.batches(mlp, xs, ys, nn.half_sum_of_squares, 0.5, 3):
        assert [row[0] for row in first + second] == [0.0] * (len(first) + len(second))


def test_the_loop_of_note_4_makes_exactly_as_many_updates_as_asked_for_and_1000_unless_told():
    xs, ys = [[0.5], [-1.0]], [[0.2], [0.9]]

    def history(*iterations):
        return example.feed_forward(MLP(1, [2, 1], "sigmoid", "sigmoid", seed=0), xs, ys, nn.sum_of_squares, 0.1, *iterations)

    assert inspect.signature(example.feed_forward).parameters["max_iterations"].default == 1000
    whole = history()
    assert len(whole) == 1001
    assert all(a != b for a, b in pairwise(whole))
    for iterations in (0, 1, 7):
        assert history(iterations) == whole[: iterations + 1]


@pytest.mark.parametrize("loss", NETS)
def test_example_by_example_and_all_together_differ_by_the_square_of_the_rate(loss):
    def gap(eta):
        *_, one_by_one = trained(start(loss), eta, N, 1)
        *_, together = trained(start(loss), eta, 1, N)
        return np.abs(numbers(one_by_one) - numbers(together)).max()

    for eta in (1e-2, 1e-3):
        # The gap is as small as 2e-8, a difference of numbers of about 1: rounding leaves 8 digits of it.
        assert example.gap(OUTPUTS[loss], loss, eta) == pytest.approx(gap(eta), rel=1e-6)
        assert gap(eta) / gap(eta / 2) == pytest.approx(4, abs=4 * eta)


# --- the reference case ----------------------------------------------------------------------------------------------
# Widths 4-3-2, N = 5, sigmoid; indices from 1. 12 digits, computed once in NumPy by five backward passes in the five notations.

REFERENCE = {
    SQUARES: {
        "loss": "1.29344184351",
        "delta2": "0.136423901246, -0.128233239789",
        "delta1": "0.0132298801054, -0.00852928801357, -0.00995492831514",
        "G1": """0.016111274549, 0.00434788757674, -0.00880639849504, 0.0414496209889
                 -0.0130745475156, -0.00212344058426, 0.00593944083376, -0.0299811962956
                 -0.0126853521383, -0.00375710255831, 0.00505900516261, -0.0312017144286""",
        "g1": "0.0154727076473, -0.00883314250786, -0.012741916995",
        "G2": """0.101299601575, 0.070252106476, 0.0821805915999
                 -0.0713515488813, -0.0443881610775, -0.0551950508813""",
        "g2": "0.188318866255, -0.132325815332",
    },
    ENTROPY: {
        "loss": "3.64636227908",
        "delta2": "0.56467954098, -0.56467954098",
        "delta1": "0.0564552507139, -0.0375590170562, -0.042046447667",
        "G1": """0.0686364111906, 0.0216754948961, -0.0311543224597, 0.171522723942
                 -0.058792371117, -0.0142456604695, 0.0176352719133, -0.125440663911
                 -0.0531333938711, -0.0172013961502, 0.0176704395419, -0.128601581483""",
        "g1": "0.0765036280677, -0.0544984996933, -0.0592958631119",
        "G2": """0.426945795104, 0.296179817752, 0.348056592221
                 -0.426945795104, -0.296179817752, -0.348056592221""",
        "g2": "0.791815390166, -0.791815390166",
    },
}


def reference(loss):
    """The network of the reference case, from its formulas."""

    def w(layer, rows, columns):
        return np.array(
            [[((3 * i + 5 * j + 2 * layer) % 7 - 3) / 10 for j in range(1, columns + 1)] for i in range(1, rows + 1)]
        )

    def b(layer, rows):
        return np.array([((2 * i + layer) % 5 - 2) / 10 for i in range(1, rows + 1)])

    x = np.array([[((2 * n + 3 * j) % 5 - 2) / 2 + n / 10 for j in range(1, 5)] for n in range(1, 6)])
    y = np.eye(2)[[1, 0, 1, 0, 1]]  # classes 2, 1, 2, 1, 2
    return Network([w(1, 3, 4), w(2, 2, 3)], [b(1, 3), b(2, 2)], ["sigmoid", OUTPUTS[loss]], x, y)


def from_values(loss):
    """Everything from the graph: deltas in note 2's notation, gradients in note 3's."""
    net = reference(loss)
    mlp, xs, ys = model(net), net.x.tolist(), net.y.tolist()
    deltas = backward_quantities(mlp, xs, ys, loss)["composed_functions"]
    units = NOTATIONS["delta_rule"].gradients(mlp, xs, ys, loss)
    g1, g2 = np.array(units[:3]), np.array(units[3:])
    total = NOTATIONS["delta_rule"].objective([mlp(x) for x in xs], ys, loss).data
    return total, deltas[1][0], deltas[0][0], g1[:, 1:], g1[:, 0], g2[:, 1:], g2[:, 0]


def from_the_twin(loss):
    net = reference(loss)
    found = MatrixMLP(net.weights, net.biases, net.activations).gradients(net.x, net.y, loss, "sum")
    return (
        found.loss,
        found.deltas[1][0],
        found.deltas[0][0],
        *(each for pair in zip(found.weights, found.biases, strict=True) for each in pair),
    )


def from_the_loss_alone(loss):
    """By complex step, from NumPy's forward pass."""
    net, own = reference(loss), OWN[loss, "batches"]
    z, h = forward(net, net.x)
    deltas = [complex_step(lambda z, k=k: own(onwards(net, k, z), net.y), z[k - 1])[0] for k in (2, 1)]
    gradients = []
    for k in (1, 2):
        gradients += [
            complex_step(lambda w, k=k: own(forward(with_weights(net, k, w), net.x)[1][-1], net.y), net.weights[k - 1]),
            complex_step(lambda b, k=k: own(forward(with_bias(net, k, b), net.x)[1][-1], net.y), net.biases[k - 1]),
        ]
    return own(h[-1], net.y), *deltas, *gradients


@pytest.mark.parametrize("compute", [from_values, from_the_twin, from_the_loss_alone])
@pytest.mark.parametrize("loss", REFERENCE)
def test_the_reference_case_to_12_digits(loss, compute):
    expected = REFERENCE[loss]
    count = 0
    for (name, text), found in zip(expected.items(), compute(loss), strict=True):
        digits = text.replace("\n", ",").replace(" ", "").split(",")
        assert [f"{number:.12g}" for number in np.ravel(found).tolist()] == digits, name
        count += len(digits)
    assert count == 29
