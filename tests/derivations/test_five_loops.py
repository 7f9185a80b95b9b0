"""The five training loops of the notes, ``examples/five_notations.py``, against loops in NumPy."""

import importlib.util
import inspect
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import nn
from nn import LOSSES, MLP, NOTATIONS
from tests.derivations.five_losses import BAR, CASES, ENTROPY, NAMES, NETS, OUTPUTS, SQUARES, N, close, own_gradients
from tests.derivations.networks import Network, forward
from tests.sweeps import sweep

EXAMPLE = Path(__file__).parents[2] / "examples" / "five_notations.py"
SPEC = importlib.util.spec_from_file_location("five_notations", EXAMPLE)
example = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(example)

ETA = example.ETA
STEPS = sweep("steps of each note's training loop", sample=200, full=2000)


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
def test_a_loop_follows_the_trajectory_of_numpy(loss, name):
    steps = STEPS.take()
    found = np.array(list(example.trajectory(name, OUTPUTS[loss], loss, ETA, steps)))
    size = len(start(loss).x) if NOTATIONS[name].batch else 1
    expected = np.array([numbers(net) for net in trained(start(loss), ETA, steps, size)])
    assert len(found) == steps + 1
    assert STEPS.error(np.abs(found - expected).max() / np.abs(expected).max()) <= BAR
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
