"""SGD and batches: three steps by hand, and every example once an epoch."""

import math
import random
from fractions import Fraction

import numpy as np
import pytest

from autograd import Value
from nn import MLP, SGD, batches

# --- SGD -------------------------------------------------------------------------------------------------------------


def test_three_steps_by_hand():
    # J = (p - 3)^2 / 2 with dJ/dp = p - 3 and rate 1/2 halves the distance: 7, 5, 4, 3.5
    p = Value(7.0)
    optimizer = SGD([p], lr=0.5)
    path = []
    for _ in range(3):
        optimizer.zero_grad()
        ((p - 3) ** 2 / 2).backward()
        optimizer.step()
        path.append((p.grad, p.data))
    assert path == [(4.0, 5.0), (2.0, 4.0), (1.0, 3.5)]


def test_two_parameters_by_hand():
    # J = p q: (2, 3) moves by -0.1 (3, 2) to (1.7, 2.8), then by -0.1 (2.8, 1.7) to (1.42, 2.63)
    p, q = Value(2.0), Value(3.0)
    optimizer = SGD([p, q], lr=0.1)
    for expected in ([1.7, 2.8], [1.42, 2.63]):
        optimizer.zero_grad()
        (p * q).backward()
        optimizer.step()
        assert [p.data, q.data] == pytest.approx(expected, rel=1e-15)


def test_fractions_are_exact():
    p = Value(Fraction(7))
    optimizer = SGD([p], lr=Fraction(1, 3))
    for expected in (Fraction(13, 3), Fraction(31, 9), Fraction(85, 27)):
        optimizer.zero_grad()
        ((p - 3) ** 2).backward()
        optimizer.step()
        assert (type(p.data), p.data) == (Fraction, expected)


def test_without_zero_grad_gradients_add_up():
    p = Value(1.0)
    optimizer = SGD([p], lr=1)
    for grad, data in [(2.0, -1.0), (4.0, -5.0)]:
        (2 * p).backward()
        optimizer.step()
        assert (p.grad, p.data) == (grad, data)


def test_the_rate_may_change_on_the_way():
    p = Value(1.0)
    optimizer = SGD([p], lr=0.5)
    p.grad = 1.0
    optimizer.step()
    optimizer.lr = 0.25
    optimizer.step()
    assert p.data == 0.25


def test_zero_grad_keeps_the_kind():
    p, q = Value(Fraction(1, 2)), Value(2)
    (p * q).backward()
    SGD([p, q], lr=0.1).zero_grad()
    assert [(type(v.grad), v.grad) for v in (p, q)] == [(Fraction, 0), (int, 0)]


def test_a_network_goes_down():
    model = MLP(2, [4, 1], activation="tanh", seed=0)
    optimizer = SGD((p for p in model.parameters()), lr=0.1)
    costs = []
    for _ in range(30):
        cost = (model([0.5, -0.5]) - 1) ** 2
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        costs.append(cost.data)
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 1e-3 * costs[0]


def test_bad_parameters_are_refused_with_words():
    x = Value(1.0)
    with pytest.raises(ValueError, match="at least one parameter"):
        SGD([], lr=0.1)
    with pytest.raises(TypeError, match=r"1\.0 of type float"):
        SGD([1.0], lr=0.1)
    with pytest.raises(ValueError, match=r"moves leaves.*'\*'"):
        SGD([x, x * 2], lr=0.1)
    with pytest.raises(ValueError, match="moves leaves"):
        SGD([(x * 2).inputs[1]], lr=0.1)
    with pytest.raises(ValueError, match="moves leaves"):
        SGD([Value(1.0, (x,), "closure")], lr=0.1)


@pytest.mark.parametrize("wrong", [[[Value(1.0)], [Value(2.0)]], [{}]], ids=["lists", "a dict"])
def test_what_has_no_hash_is_refused_with_words_too(wrong):
    with pytest.raises(
        TypeError, match=r"SGD moves Values, but one of the parameters is .* a\.parameters\(\) \+ b\.parameters"
    ):
        SGD(wrong, lr=0.1)


def test_a_seed_is_no_generator():
    with pytest.raises(TypeError, match=r"rng is a generator to shuffle with, random.Random\(0\) say, but got 3 of type int"):
        batches(XS, YS, rng=3)


def test_a_parameter_named_twice_is_not_moved_twice():
    p = Value(1.0)
    p.grad = 1.0
    try:
        optimizer = SGD([p, p], lr=0.25)
    except ValueError:
        return  # to refuse it is as good
    optimizer.step()
    assert p.data == 0.75


@pytest.mark.parametrize("lr", [0, 0.0, -0.1, math.nan, math.inf, -math.inf], ids=repr)
def test_a_rate_is_positive_and_finite(lr):
    with pytest.raises(ValueError, match="learning rate above 0"):
        SGD([Value(1.0)], lr=lr)


@pytest.mark.parametrize("lr", ["0.1", None, [0.1], 1j], ids=repr)
def test_a_rate_is_a_number(lr):
    with pytest.raises(TypeError, match="number"):
        SGD([Value(1.0)], lr=lr)


def test_a_numpy_rate_leaves_python_numbers():
    p = Value(1.0)
    p.grad = 1.0
    SGD([p], lr=np.float64(0.5)).step()
    assert type(p.data) is float


# --- batches ---------------------------------------------------------------------------------------------------------

XS, YS = ["a", "b", "c", "d", "e", "f", "g"], list(range(7))


@pytest.mark.parametrize(
    ("size", "lengths"), [(1, [1] * 7), (2, [2, 2, 2, 1]), (3, [3, 3, 1]), (7, [7]), (100, [7]), (None, [7])]
)
def test_every_example_once_in_order_and_the_remainder_kept(size, lengths):
    found = list(batches(XS, YS, size=size))
    assert [(len(xs), len(ys)) for xs, ys in found] == [(n, n) for n in lengths]
    assert [x for xs, _ in found for x in xs] == XS
    assert [y for _, ys in found for y in ys] == YS


def test_shuffling_is_deterministic_and_keeps_pairs():
    def epoch(seed):
        return list(batches(XS, YS, size=3, rng=random.Random(seed)))

    assert epoch(1) == epoch(1)
    assert epoch(1) != epoch(2)
    pairs = [pair for xs, ys in epoch(1) for pair in zip(xs, ys, strict=True)]
    assert pairs != list(zip(XS, YS, strict=True))
    assert sorted(pairs) == list(zip(XS, YS, strict=True))
    order = list(range(7))
    random.Random(1).shuffle(order)
    assert [y for _, y in pairs] == order


def test_one_generator_gives_another_order_each_epoch_and_the_global_one_is_left_alone():
    rng, state = random.Random(1), random.getstate()
    one, two = (list(batches(XS, YS, size=3, rng=rng)) for _ in range(2))
    assert one != two
    assert random.getstate() == state
    assert sorted(XS) == XS


def test_rows_of_arrays():
    xs, ys = np.arange(6.0).reshape(3, 2), np.array([0, 1, 0])
    [(first, labels), _] = batches(xs, ys, size=2)
    assert [list(row) for row in first] == [[0.0, 1.0], [2.0, 3.0]]
    assert labels == [0, 1]


def test_bad_sizes_are_refused_at_once():
    with pytest.raises(ValueError, match="7 inputs and 6 targets"):
        batches(XS, YS[:-1])
    for size in (0, -1):
        with pytest.raises(ValueError, match=rf"size={size}"):
            batches(XS, YS, size=size)
    assert list(batches([], [])) == []
