"""The five notations: their table of factors against losses written by hand."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import strategies as st

from autograd import Value
from nn import LAYOUTS, LOSSES, MLP, NOTATIONS, Layer, backward_quantities, compare_notations
from nn.textbooks import conventions as module
from tests.derivations.five_losses import BAR, CASES, ENTROPY, NAMES, NETS, OWN, SQUARES, N, close, own_gradients
from tests.derivations.networks import complex_step, forward, model, onwards
from tests.strategies import for_all

# --- the table, by hand ----------------------------------------------------------------------------------------------

# constant, factor, scale and rate: for N = 6; the rate that equals 1 on C
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
    assert list(map(str, found)) == list(BY_HAND[loss, name])


def test_the_table_has_the_five_notes_with_their_layouts():
    assert [notation.note for notation in NOTATIONS.values()] == [0, 1, 2, 3, 4]
    assert [notation.layout for notation in NOTATIONS.values()] == list(LAYOUTS)
    assert [notation.batch for notation in NOTATIONS.values()] == [False, True, False, True, True]
    assert all(NOTATIONS[name].name == name and NOTATIONS[name].squares in LOSSES for name in NAMES)


SIGNS = dict(zip(NAMES, (1, 1, 1, -1, 1), strict=True))


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


@for_all(
    st.lists(fractions, min_size=9, max_size=9), st.lists(st.tuples(fractions, fractions), min_size=1, max_size=5), examples=100
)
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


@for_all(
    fractions.filter(bool), st.integers(1, 1000), st.sampled_from([SQUARES, ENTROPY, "cross_entropy_logits"]), examples=100
)
def test_rate_times_gradient_is_the_step_on_c(eta, examples, loss):
    for notation in NOTATIONS.values():
        assert notation.rate(eta, examples, loss) * notation.scale(examples, loss) == eta


# --- the check can fail, and what is refused -------------------------------------------------------------------------


def test_a_wrong_factor_is_reported(monkeypatch):
    net = NETS[SQUARES]
    monkeypatch.setitem(module.MULTIPLES_OF_HALF, "sum_of_squares", 1)
    report = compare_notations(model(net), net.x.tolist(), net.y.tolist())
    assert not report
    lines = str(report).splitlines()[1:]
    assert ["off by" in line for line in lines] == [True, False, False, False, True]
    assert report.errors["sensitivities"] == pytest.approx(0.5)  # δ for 2δ: half of the note's own quantity is missing


def test_the_error_is_the_largest_difference_by_the_largest_entry_of_the_notes_own():
    assert module._error([[[1.0, 6.0]], [[-2.0]]], [[[1.0, 4.0]], [[-1.0]]]) == 2 / 4
    assert module._error([[[0.25, 0.5]]], [[[0.0, 0.0]]]) == 0.5  # where all is 0 it is absolute


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), float("-inf")])
def test_one_entry_that_is_no_number_is_an_infinite_error(broken):
    assert module._error([[[1.0, broken]]], [[[1.0, 2.0]]]) == float("inf")
    assert module._error([[[1.0, 2.0]]], [[[1.0, broken]]]) == float("inf")


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
