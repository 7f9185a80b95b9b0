"""Losses: hand-worked numbers, gradients in closed form, and targets that do not fit."""

import math
import random
from fractions import Fraction

import numpy as np
import pytest

import nn
from autograd import DomainError, Value, grad, softmax
from nn import MLP, SGD, cross_entropy, cross_entropy_logits, half_sum_of_squares, hinge, mean, one_hot, sum_of_squares


def values(*numbers):
    return [Value(x) for x in numbers]


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_sum_of_squares():
    a, y = values(1.0, 3.0, -2.0), [0.0, 1.0, -2.0]
    loss = sum_of_squares(a, y)
    assert loss.data == 1.0 + 4.0 + 0.0
    assert grad(loss, a) == [2.0, 4.0, 0.0]  # -2 (y - a)


def test_half_sum_of_squares():
    a, y = values(1.0, 3.0, -2.0), [0.0, 1.0, -2.0]
    loss = half_sum_of_squares(a, y)
    assert loss.data == 2.5
    assert grad(loss, a) == [1.0, 2.0, 0.0]  # a - y


def test_squares_of_a_single_output_take_a_number():
    a = Value(0.75)
    assert sum_of_squares(a, 0.5).data == sum_of_squares([a], [0.5]).data == sum_of_squares([a], 0.5).data == 0.0625
    assert sum_of_squares(a, -3).data == 3.75**2
    assert half_sum_of_squares(a, np.float64(0.5)).data == 0.03125
    assert sum_of_squares(a, Value(0.5)).data == 0.0625


def test_fractions_stay_fractions():
    a = values(Fraction(1, 3), Fraction(1, 2))
    loss = half_sum_of_squares(a, [0, 1])
    assert loss.data == (Fraction(1, 9) + Fraction(1, 4)) / 2
    assert grad(loss, a) == [Fraction(1, 3), Fraction(-1, 2)]
    assert mean([loss, loss]).data == loss.data
    assert type(mean([loss, loss]).data) is Fraction


def test_cross_entropy_of_probabilities():
    p = values(0.2, 0.5, 0.3)
    loss = cross_entropy(p, 1)
    assert loss.data == -math.log(0.5)
    assert grad(loss, p) == [0.0, -2.0, 0.0]  # -y / p
    soft = cross_entropy(p, [0.25, 0.25, 0.5])
    assert soft.data == pytest.approx(-0.25 * math.log(0.2) - 0.25 * math.log(0.5) - 0.5 * math.log(0.3), rel=1e-15)
    assert grad(soft, p) == pytest.approx([-1.25, -0.5, -0.5 / 0.3], rel=1e-15)


def test_cross_entropy_of_logits_has_the_gradient_p_minus_y():
    numbers = [0.3, -1.2, 2.0]
    z = values(*numbers)
    p = [math.exp(x) / sum(map(math.exp, numbers)) for x in numbers]
    loss = cross_entropy_logits(z, 2)
    assert loss.data == pytest.approx(-math.log(p[2]), rel=1e-14)
    assert grad(loss, z) == pytest.approx([p[0], p[1], p[2] - 1], rel=1e-13)
    y = [0.2, 0.3, 0.5]
    soft = cross_entropy_logits(z, y)
    assert soft.data == pytest.approx(-sum(b * math.log(a) for a, b in zip(p, y, strict=True)), rel=1e-14)
    assert grad(soft, z) == pytest.approx([a - b for a, b in zip(p, y, strict=True)], rel=1e-13)
    assert loss.data == pytest.approx(cross_entropy(softmax(z), 2).data, rel=1e-14)
    assert grad(loss, z) == pytest.approx(grad(cross_entropy(softmax(z), 2), z), rel=1e-13)


def test_logits_eight_hundred_apart():
    z = values(0.0, 800.0)
    wrong, right = cross_entropy_logits(z, 0), cross_entropy_logits(z, 1)
    assert (wrong.data, right.data) == (800.0, 0.0)
    assert grad(wrong, z) == [-1.0, 1.0]
    assert grad(right, z) == pytest.approx([0.0, 0.0], abs=1e-300)
    assert cross_entropy_logits(values(-800.0, 800.0), 0).data == 1600.0


def test_a_probability_of_zero_hurts_only_in_the_true_class():
    p = values(0.0, 1.0)
    assert cross_entropy(p, 1).data == 0.0
    assert cross_entropy(p, [0, 1]).data == 0.0
    assert grad(cross_entropy(p, [0.0, 1.0]), p) == [0.0, -1.0]
    with pytest.raises(DomainError, match="log"):
        cross_entropy(p, 0)


def test_hinge():
    a = values(0.25, -3.0, 2.0)
    loss = hinge(a, [1, 1, 1])
    assert loss.data == 0.75 + 4.0 + 0.0
    assert grad(loss, a) == [-1.0, -1.0, 0.0]
    loss = hinge(a, [-1, -1, -1])
    assert loss.data == 1.25 + 0.0 + 3.0
    assert grad(loss, a) == [1.0, 0.0, 1.0]
    assert hinge(Value(1.0), 1).data == 0.0
    assert hinge(Value(0.5), -1.0).data == 1.5
    assert hinge(Value(0.5), np.int64(-1)).data == 1.5


def test_mean():
    a = values(1.0, 2.0, 6.0)
    assert mean(a).data == 3.0
    assert grad(mean(a), a) == pytest.approx([1 / 3] * 3, rel=1e-15)
    assert mean(value for value in a).data == 3.0
    with pytest.raises(ValueError, match="at least one loss"):
        mean([])


# --- targets ---------------------------------------------------------------------------------------------------------

LOSSES_OF_CLASSES = ["cross_entropy", "cross_entropy_logits"]


@pytest.mark.parametrize("name", sorted(set(nn.LOSSES) - {"hinge"}))
@pytest.mark.parametrize("label", [0, 2, np.int64(2), True])
def test_a_label_is_its_one_hot_vector(name, label):
    a = values(0.2, 0.5, 0.3)
    by_label, by_vector = (nn.LOSSES[name](a, y) for y in (label, [float(i == int(label)) for i in range(3)]))
    assert by_label.data == by_vector.data
    assert grad(by_label, a) == grad(by_vector, a)
    assert nn.LOSSES[name](a, np.array(one_hot(int(label), 3))).data == by_label.data
    assert nn.LOSSES[name](tuple(a), tuple(one_hot(int(label), 3))).data == by_label.data


@pytest.mark.parametrize("name", sorted(nn.LOSSES))
@pytest.mark.parametrize("label", [-1, 3, 1.0, None, 0.5, 10**30], ids=repr)
def test_what_is_no_label_is_refused_with_words(name, label):
    with pytest.raises(ValueError, match=r"label .* whole number"):
        nn.LOSSES[name](values(0.2, 0.5, 0.3), label)


@pytest.mark.parametrize("name", sorted(nn.LOSSES))
def test_a_target_of_another_length_is_refused_with_both_lengths(name):
    with pytest.raises(ValueError, match=r"2 outputs and 3 targets"):
        nn.LOSSES[name](values(0.2, 0.5), [1, 0, 0])
    with pytest.raises(ValueError, match=r"1 outputs and 2 targets"):
        nn.LOSSES[name](Value(0.2), [1, 0])
    with pytest.raises(ValueError, match=rf"{name} needs at least one output"):
        nn.LOSSES[name]([], [])


@pytest.mark.parametrize("target", [0, 2, [1], [1, 0]], ids=repr)
def test_hinge_needs_signs(target):
    with pytest.raises(ValueError, match="hinge needs"):
        hinge(values(0.2, 0.5) if isinstance(target, list) else Value(0.2), target)


@pytest.mark.parametrize("name", sorted(nn.LOSSES))
def test_targets_are_numbers(name):
    with pytest.raises(TypeError, match="got '1' of type str"):
        nn.LOSSES[name](values(0.2, 0.5), [1, "1"])
    with pytest.raises(TypeError, match="ndarray"):
        nn.LOSSES[name](values(0.2, 0.5), np.eye(2))


@pytest.mark.parametrize("name", sorted(nn.LOSSES))
def test_a_loss_is_a_value_whatever_the_target(name):
    target = [-1, -1] if name == "hinge" else [0, 0]
    loss = nn.LOSSES[name](values(0.25, 0.75), target)
    assert isinstance(loss, Value)
    loss.backward()


def test_one_hot():
    assert [one_hot(i, 3) for i in range(3)] == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert one_hot(np.int64(1), 2) == [0, 1]
    for label in (-1, 3, "1", 1.0):
        with pytest.raises(ValueError, match="whole number"):
            one_hot(label, 3)


def test_losses_by_name():
    assert set(nn.LOSSES) == {"sum_of_squares", "half_sum_of_squares", "cross_entropy", "cross_entropy_logits", "hinge"}
    assert all(getattr(nn, name) is function for name, function in nn.LOSSES.items())


# --- training --------------------------------------------------------------------------------------------------------


def train(model, loss, data, lr, epochs):
    optimizer = SGD(model.parameters(), lr=lr)
    history = []
    for _ in range(epochs):
        cost = mean([loss(model(x), y) for x, y in data])
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        history.append(cost.data)
    return history


def test_an_error_function_of_ones_own_trains():
    def fourth_power(outputs, target):
        return (outputs - target) ** 4 + abs(outputs - target)

    rng = random.Random(0)
    data = [([x := rng.uniform(-1, 1)], 2 * x + 1) for _ in range(20)]
    model = MLP(1, [1], seed=0)
    history = train(model, fourth_power, data, 0.05, 150)
    assert history[-1] < 0.05 * history[0]
    assert weights_of(model) == pytest.approx([2.0, 1.0], abs=0.1)  # the step of abs stays 0.05


def weights_of(model):
    return [p.data for p in model.parameters()]


@pytest.mark.parametrize("name", sorted(nn.LOSSES))
def test_every_loss_trains(name):
    data = [([0.0, 0.0], 0), ([0.0, 1.0], 1), ([1.0, 0.0], 1), ([1.0, 1.0], 0)]
    outputs = {"cross_entropy": "softmax"}.get(name, "linear")
    if name == "hinge":
        data = [(x, [1, -1] if y == 0 else [-1, 1]) for x, y in data]
    model = MLP(2, [6, 2], activation="tanh", output=outputs, seed=2)
    history = train(model, nn.LOSSES[name], data, 0.2, 150)
    assert history[-1] < 0.3 * history[0]
