"""The first nan stops training and says where it was born; what else goes wrong is said."""

import logging
import math
import random

import pytest

import nn
from autograd import DomainError, Value, exp, log, relu, sqrt
from nn.training.trouble import death_warning

XS, YS = [[1.0], [2.0], [3.0], [4.0]], [1.0, 2.0, 3.0, 4.0]


class Line(nn.Module):
    def __init__(self, w=1.0, function=lambda z: z):
        self.w, self.function = Value(w, "w"), function

    def __call__(self, x):
        return self.function(self.w * x[0])


def squares(output, y):
    return (output - y) ** 2


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("batch_size", [None, 1, 2])
def test_training_that_overflows_stops_where_the_first_number_is_lost(eager, batch_size):
    model = Line(w=3.0, function=exp)
    with pytest.raises(
        FloatingPointError, match=r"fit stopped in epoch 1, batch \d: example \d.*exp.*smaller learning rate"
    ) as caught:
        nn.fit(model, [[1.0], [2.0], [300.0], [4.0]], YS, squares, lr=1e-9, epochs=5, eager=eager, batch_size=batch_size)
    batch = {None: 1, 1: 3, 2: 2}[batch_size]
    assert f"epoch 1, batch {batch}: example 2" in str(caught.value)
    assert math.isfinite(model.w.data)
    assert (model.w.data == 3.0) == (batch == 1)


@pytest.mark.parametrize("batch_size", [None, 1, 3])
def test_both_ways_stop_at_the_same_step_with_the_same_parameters(batch_size):
    stopped = []
    for eager in (False, True):
        model = nn.MLP(1, [3, 1], activation="relu", seed=1)
        with pytest.raises(FloatingPointError) as caught:
            nn.fit(model, XS, YS, squares, lr=50.0, epochs=100, eager=eager, batch_size=batch_size)
        stopped.append((str(caught.value).partition(":")[0], [p.data for p in model.parameters()]))
    assert stopped[0][0] == stopped[1][0]
    assert stopped[0][1] == pytest.approx(stopped[1][1], rel=1e-6)
    assert all(map(math.isfinite, stopped[0][1]))


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("batch_size", [None, 2])
@pytest.mark.parametrize("train", [nn.fit, nn.epochs], ids=["fit", "epochs"])
def test_a_gradient_that_is_infinite_stops_training_before_it_is_used(eager, batch_size, train):
    model = Line(w=1.0, function=lambda z: sqrt((z - 3.0) ** 2))  # at 3 it is 0, and its derivative infinity times 0
    with pytest.raises(FloatingPointError, match=r"stopped in epoch 1, batch \d: .*sqrt") as caught:
        list(train(model, XS, YS, squares, lr=1e-300, epochs=3, eager=eager, batch_size=batch_size))
    assert f"batch {batch_size or 1}: " in str(caught.value)
    assert model.w.data == 1.0


def test_an_operation_that_leaves_its_domain_stops_training_with_its_own_error():
    stopped = [stop_outside_the_domain_of_log(eager) for eager in (False, True)]
    assert stopped[0] == pytest.approx(stopped[1], rel=1e-12)


def stop_outside_the_domain_of_log(eager):
    model = Line(w=1.0, function=log)
    with pytest.raises(DomainError, match=r"epochs stopped in epoch \d+, batch 1: example 0.*log\(x\) needs x > 0"):
        list(nn.epochs(model, XS, [-3.0] * 4, squares, lr=0.05, epochs=100, eager=eager))
    return model.w.data


@pytest.mark.parametrize("eager", [False, True])
def test_a_parameter_that_is_nan_is_named(eager):
    model = Line()
    training = nn.epochs(model, XS, YS, squares, lr=0.01, epochs=3, eager=eager)
    next(training)
    model.w.data = math.nan
    with pytest.raises(
        FloatingPointError, match="epochs stopped in epoch 2, batch 1: example 0: w is nan before any operation"
    ):
        next(training)


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_number_that_was_given_is_no_fault_of_the_learning_rate(wrong, eager):
    with pytest.raises(FloatingPointError, match=r"example 2: .* before any operation. It was given: leave such examples out"):
        nn.fit(Line(), [[1.0], [2.0], [wrong]], [1.0] * 3, squares, lr=0.01, epochs=1, eager=eager)


def test_only_examples_of_the_batch_are_searched_and_called_as_they_were_given():
    rng = random.Random(1)
    xs = [[1.0]] * 20
    xs[7] = [2000.0]
    with pytest.raises(FloatingPointError, match="example 7, "):
        nn.fit(Line(function=exp), xs, [1.0] * 20, squares, lr=1e-9, epochs=1, batch_size=4, rng=rng)


def test_a_loss_that_is_infinite_by_its_sum_alone():
    class Large(nn.Module):
        def __init__(self):
            self.w = Value(1.5e154, "w")

        def __call__(self, x):
            return self.w * x[0]

    for eager in (False, True):
        with pytest.raises(FloatingPointError, match="fit stopped in epoch 1, batch 1: "):
            nn.fit(Large(), [[0.7]] * 4, [0.0] * 4, squares, lr=1e-300, epochs=1, eager=eager)


@pytest.mark.parametrize("eager", [False, True])
def test_a_loss_that_grows_a_thousandfold_is_warned_of_once(eager, caplog):
    with caplog.at_level(logging.WARNING, "nn.fit"):
        nn.fit(Line(w=0.9), XS, YS, squares, lr=0.15, epochs=30, eager=eager)
    [record] = caplog.records
    assert "the loss has grown from 0.075 in epoch 1 to" in record.getMessage()
    assert "smaller learning rate" in record.getMessage()


def relus(dead, living=5):
    """A network of relus, of which some are dead."""
    model = nn.MLP(2, [living + dead, 1], seed=0)
    for neuron in model.layers[0].neurons[:dead]:
        neuron.b.data = -100.0
    return model


@pytest.mark.parametrize("eager", [False, True])
def test_relus_that_are_dead_after_training_are_counted(eager, caplog):
    data = nn.data.moons(30, seed=0)
    with caplog.at_level(logging.WARNING, "nn.fit"):
        nn.fit(relus(dead=5), data.x, data.y, squares, lr=1e-5, epochs=20, eager=eager)
        assert not caplog.records  # it has learned, and half of them live
        nn.fit(relus(dead=6), data.x, data.y, squares, lr=1e-5, epochs=20, eager=eager)
        nn.fit(relus(dead=1), data.x, data.y, squares, lr=1e-30, epochs=2, eager=eager)
        nn.fit(relus(dead=0), data.x, data.y, squares, lr=2.0, epochs=3, eager=eager)
    assert [record.getMessage().partition(", so")[0] for record in caplog.records] == [
        "after 20 epochs, 6 of 11 relus give 0 for all examples",
        "after 2 epochs, 1 of 6 relus gives 0 for all examples",
        "after 3 epochs, 5 of 5 relus give 0 for all examples",
    ]


def test_what_trains_well_is_not_warned_of(caplog):
    data = nn.data.moons(40, seed=0)
    nn.fit(nn.MLP(2, [8, 2], activation="tanh", seed=0), data.x, data.y, lr=0.5, epochs=40, batch_size=10, rng=random.Random(0))
    assert not caplog.records


def test_a_loss_of_zero_does_not_grow(caplog):
    nn.fit(Line(w=1.0), XS, YS, squares, lr=0.01, epochs=4)
    assert not caplog.records


def test_graphs_that_differ_from_example_to_example_count_no_relus():
    def model(x):
        return [Value(-k).relu() for k in range(1, x + 1)]

    assert death_warning(model, [2, 2], True) is not None
    assert death_warning(model, [2, 3], True) is None


def test_the_relus_of_a_hinge_that_is_satisfied_are_none_of_the_models(caplog):
    nn.fit(nn.MLP(1, [1], seed=1), [[100.0], [-100.0]], [1, -1], "hinge", lr=1.0, epochs=5)
    assert not caplog.records


def test_a_relu_that_is_alive_for_the_last_class_alone_is_not_dead():
    xs = [[1.0]] * 300 + [[-1.0]] * 30  # sorted by class, as many data sets are
    one = Value(1.0)
    assert death_warning(lambda x: relu(-one * x[0]), xs, has_fallen=False) is None
    warning = death_warning(lambda x: relu(-one * x[0]), xs[:300], has_fallen=False)
    assert warning is not None
    assert warning.startswith("1 of 1 relus gives 0 for 100 of 300 examples, evenly among them, so")
