"""What holds for every network and every batch: exactly in Fractions, bit for bit where the same operations are done.

That the scalars equal the matrix twin on random networks is shown in ``test_matrix.py``. At the end of the file every property
is shown to be able to fail.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

import nn
from autograd import Value, grad, jacobian, logsumexp, softmax, topological_order, total
from nn.matrix import MatrixMLP
from tests.strategies import Problem, for_all, problems

EPS = 2.0**-52  # twice the largest relative error of a product or a sum
FLOATS, RATIONAL = problems(), problems(rational=True)
ALL = st.one_of(RATIONAL, FLOATS)


def bits(numbers: Any) -> str:
    """Numbers to the last bit: their text tells 0.0 from -0.0 and from 0."""
    return repr([entry.data if isinstance(entry, Value) else entry for entry in numbers])


def gradient(loss: Value, model: nn.MLP) -> list[Any]:
    return grad(loss, model.parameters())


def sizes(output: Value) -> dict[Value, float]:
    """For each node the products of the local derivatives on the paths to it, all taken positive and summed."""
    order = topological_order(output)
    sums = dict.fromkeys(order, 0.0) | {output: 1.0}
    for node in reversed(order):
        for source, partial in zip(node.inputs, node.partials, strict=True):
            sums[source] += abs(float(partial)) * sums[node]
    return sums


def agree(found: list[Any], expected: list[Any], loss: Value, at: Sequence[Value]) -> bool:
    """Whether derivatives of the loss that were summed in another order are the same: exactly for Fractions, to rounding for floats.

    A term of such a sum is rounded at most once for each product on its path and each sum that it meets, so on either side at
    most three times for each node of the graph.
    """
    if type(loss.data) is Fraction:
        return found == expected
    size, roundings = sizes(loss), 3 * len(topological_order(loss))
    return all(
        abs(one - other) <= roundings * EPS * size.get(node, 0.0) for one, other, node in zip(found, expected, at, strict=True)
    )


# --- the batch ---------------------------------------------------------------------------------------------------------


@for_all(ALL)
def test_the_gradient_of_a_batch_is_the_mean_or_the_sum_of_its_examples(p):
    model = p.model()
    losses = p.losses(model)
    loss = p.reduced(losses)
    columns = zip(*(gradient(loss, model) for loss in losses), strict=True)
    count = len(losses) if p.reduction == "mean" else 1
    assert agree(gradient(loss, model), [sum(column) / count for column in columns], loss, model.parameters())


@for_all(ALL.flatmap(lambda p: st.tuples(st.just(p), st.permutations(range(len(p.inputs))))))
def test_the_order_of_the_examples_does_not_matter(drawn):
    p, order = drawn
    other = p._replace(inputs=p.inputs[order], targets=p.targets[order])
    model = p.model()
    loss, shuffled = p.reduced(p.losses(model)), other.reduced(other.losses(model))
    assert agree(gradient(shuffled, model), gradient(loss, model), loss, model.parameters())


@for_all(ALL)
def test_an_example_does_not_know_of_the_others(p):
    model = p.model()
    alone = p._replace(inputs=p.inputs[:1], targets=p.targets[:1])
    [loss] = alone.losses(model)
    assert bits([loss, *gradient(loss, model)]) == bits([p.losses(model)[0], *gradient(p.losses(model)[0], model)])


# --- the network -------------------------------------------------------------------------------------------------------


def shuffled(p: Problem, k: int, order: list[int]) -> Problem:
    """The neurons of hidden layer k, from 0, in another order: its rows, and the columns of the layer above."""
    weights, biases = [*p.weights], [*p.biases]
    weights[k], weights[k + 1] = weights[k][order], weights[k + 1][:, order]
    if biases[k] is not None:
        biases[k] = biases[k][order]
    return p._replace(weights=weights, biases=biases)


@st.composite
def permuted(draw: st.DrawFn, rational: bool) -> tuple[Problem, int, list[int]]:
    """A problem with a hidden layer, the layer, and an order of its neurons."""
    p = draw(problems(rational).filter(lambda p: len(p.weights) > 1))
    k = draw(st.integers(0, len(p.weights) - 2))
    return p, k, draw(st.permutations(range(len(p.weights[k]))))


def gradients_of(p: Problem) -> tuple[Any, Problem]:
    """The loss, and its derivatives in the places of the parameters."""
    model = p.model()
    loss = p.reduced(p.losses(model))
    loss.backward()
    weights = [np.array([[w.grad for w in neuron.w] for neuron in layer.neurons]) for layer in model.layers]
    biases = [
        None if bias is None else np.array([neuron.b.grad for neuron in layer.neurons])
        for bias, layer in zip(p.biases, model.layers, strict=True)
    ]
    return loss.data, p._replace(weights=weights, biases=biases)


@for_all(permuted(rational=True))
def test_hidden_neurons_in_another_order_leave_the_loss_and_permute_the_gradient(drawn):
    p, k, order = drawn
    loss, gradients = gradients_of(p)
    other_loss, other_gradients = gradients_of(shuffled(p, k, order))
    assert type(loss) is Fraction
    assert loss == other_loss
    assert repr(shuffled(gradients, k, order)) == repr(other_gradients)


@for_all(permuted(rational=False))
def test_hidden_neurons_in_another_order_change_outputs_by_rounding_only(drawn):
    p, k, order = drawn
    one, other = p.model(), shuffled(p, k, order).model()
    for x in p.inputs.tolist():
        for y, z in zip(one.trace(x).activations[-1], other.trace(x).activations[-1], strict=True):
            # Every node is rounded by at most four units in its last place, and that reaches the output along all its paths.
            bound = sum(4 * EPS * abs(node.data) * size for output in (y, z) for node, size in sizes(output).items())
            assert abs(y.data - z.data) <= bound


@for_all(ALL)
def test_a_trace_is_what_the_network_its_layers_and_its_neurons_compute(p):
    model = p.model()
    for x in p.inputs.tolist():
        trace = model.trace(x)
        outputs = model(x)
        assert bits(outputs if isinstance(outputs, list) else [outputs]) == bits(trace.activations[-1])
        below = [trace.inputs, *trace.activations]
        for layer, h, before, after in zip(model.layers, below, trace.pre_activations, trace.activations, strict=False):
            assert bits(layer(h)) == bits(after)
            assert bits(neuron.pre_activation(h) for neuron in layer.neurons) == bits(before)
            if layer.activation != "softmax":
                assert bits(neuron(h) for neuron in layer.neurons) == bits(after)


@for_all(ALL)
def test_zero_grad_once_or_twice_leaves_zeros_and_the_numbers(p):
    model = p.model()
    parameters = model.parameters()
    numbers = bits(parameters)
    loss = p.reduced(p.losses(model))
    loss.backward()
    first = bits(p.grad for p in parameters)
    for times in (1, 2):
        for _ in range(times):
            model.zero_grad()
        assert bits(p.grad for p in parameters) == bits(type(p.data)() for p in parameters)
        assert bits(parameters) == numbers
        loss.backward()
        assert bits(p.grad for p in parameters) == first


@for_all(FLOATS)
def test_the_twin_takes_the_parameters_and_gives_them_back_exactly(p):
    model, other = p.model(), p._replace(weights=[0 * w for w in p.weights]).model()
    twin = MatrixMLP.from_model(model)
    assert repr((twin.weights, twin.biases, twin.activations)) == repr((p.weights, p.biases, p.activations))
    twin.to_model(other)
    assert bits(other.parameters()) == bits(model.parameters())


# --- logits --------------------------------------------------------------------------------------------------------------

EIGHTHS = st.integers(-80, 80).map(lambda n: n / 8)  # sums of such numbers are not rounded
LOGITS = st.lists(EIGHTHS, min_size=1, max_size=6)
AND_TARGETS = LOGITS.flatmap(
    lambda z: st.tuples(st.just(z), st.integers(0, len(z) - 1) | st.lists(EIGHTHS.map(abs), min_size=len(z), max_size=len(z)))
)


def moved(logits: list[float], shift: float) -> list[Value]:
    return [Value(z + shift) for z in logits]


@for_all(LOGITS, EIGHTHS)
def test_a_constant_added_to_all_logits_leaves_softmax_and_its_jacobian(logits, shift):
    here, there = moved(logits, 0.0), moved(logits, shift)
    p, q = softmax(here), softmax(there)
    assert bits(p) == bits(q)
    assert repr(jacobian(p, here)) == repr(jacobian(q, there))


@for_all(AND_TARGETS, EIGHTHS)
def test_a_constant_added_to_all_logits_leaves_cross_entropies_and_their_gradients(drawn, shift):
    logits, target = drawn
    here, there = moved(logits, 0.0), moved(logits, shift)
    weight = 1.0 if isinstance(target, int) else sum(target)
    largest = max(map(abs, logits)) + abs(shift)
    for loss in (nn.cross_entropy_logits, lambda z, t: nn.cross_entropy(softmax(z), t)):
        one, other = loss(here, target), loss(there, target)
        assert bits(grad(one, here)) == bits(grad(other, there))
        # log sum e^z, of the size of the logits, is rounded; then a logit subtracted, and each of up to six terms summed
        assert abs(one.data - other.data) <= 10 * EPS * weight * (largest + 2)
        # so the derivative in that constant is 0: sum_c (p_c - y_c), each rounded
        assert abs(sum(grad(one, here))) <= 50 * EPS * weight


# --- every property can fail -------------------------------------------------------------------------------------------

TRUE_SUM, TRUE_ZERO, TRUE_EXPORT = nn.Neuron.pre_activation, nn.Module.zero_grad, MatrixMLP.to_model


def average_as_they_come(losses: list[Value]) -> Value:
    average = losses[0]
    for loss in losses[1:]:
        average = (average + loss) / 2
    return average


def later_weights_count_more(self: nn.Neuron, x: Sequence[Any]) -> Value:
    return TRUE_SUM(self, [h * (1 + Fraction(j, 1000)) for j, h in enumerate(x)])


def tired(self: nn.Neuron, x: Sequence[Any]) -> Value:
    """A neuron that remembers how often it was used."""
    self.uses = getattr(self, "uses", 0) + 1
    return TRUE_SUM(self, x) * self.uses


def without_the_last(self: nn.Module) -> None:
    kept = self.parameters()[-1].grad
    TRUE_ZERO(self)
    self.parameters()[-1].grad = kept


def in_single_precision(self: MatrixMLP, model: nn.MLP) -> None:
    TRUE_EXPORT(self, model)
    for parameter in model.parameters():
        parameter.data = float(np.float32(parameter.data))


PLANTED: dict[str, tuple[Any, str, Any, list[Any]]] = {
    "the mean is the sum": (nn, "mean", total, [test_the_gradient_of_a_batch_is_the_mean_or_the_sum_of_its_examples]),
    "the mean favours the last": (nn, "mean", average_as_they_come, [test_the_order_of_the_examples_does_not_matter]),
    "a neuron remembers": (nn.Neuron, "pre_activation", tired, [test_an_example_does_not_know_of_the_others]),
    "a neuron's place counts": (
        nn.Neuron,
        "pre_activation",
        later_weights_count_more,
        [
            test_hidden_neurons_in_another_order_leave_the_loss_and_permute_the_gradient,
            test_hidden_neurons_in_another_order_change_outputs_by_rounding_only,
        ],
    ),
    "the last activation forgotten": (
        nn.MLP,
        "__call__",
        lambda self, x: self.trace(x).pre_activations[-1],
        [test_a_trace_is_what_the_network_its_layers_and_its_neurons_compute],
    ),
    "a parameter left out by zero_grad": (
        nn.Module,
        "zero_grad",
        without_the_last,
        [test_zero_grad_once_or_twice_leaves_zeros_and_the_numbers],
    ),
    "export in single precision": (
        MatrixMLP,
        "to_model",
        in_single_precision,
        [test_the_twin_takes_the_parameters_and_gives_them_back_exactly],
    ),
    "softmax without its shift": (
        sys.modules[__name__],
        "softmax",
        nn.elementary.softmax,
        [test_a_constant_added_to_all_logits_leaves_softmax_and_its_jacobian],
    ),
    "logsumexp that forgets to shift back": (
        nn.losses,
        "logsumexp",
        lambda xs: logsumexp(xs) - max(x.data for x in xs),
        [test_a_constant_added_to_all_logits_leaves_cross_entropies_and_their_gradients],
    ),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug, monkeypatch):
    owner, name, wrong, properties = PLANTED[bug]
    monkeypatch.setattr(owner, name, wrong)
    assert [check.__name__ for check in properties if not check.can_fail()] == []


def test_a_bug_is_planted_for_every_property():
    properties = {name for name, test in globals().items() if hasattr(test, "can_fail")}
    assert properties == {test.__name__ for *_, tests in PLANTED.values() for test in tests}
