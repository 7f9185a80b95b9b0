"""What a compiled loss could freeze: whatever is changed between two epochs, compiled training follows, or says so and goes on eagerly."""

import itertools
import logging
import random
import time

import numpy as np
import pytest

import nn
from autograd import Value, detach, total, where
from autograd.generators import states_of_generators
from tests.sweeps import sweep

XS = [[0.5, -1.0], [1.5, 0.25], [-0.75, 0.5], [1.0, 1.0]]
YS = [1.0, -1.0, 2.0, 1.0]
EPOCHS = 9


class World:
    """A model, a loss, its examples, and what happens between two epochs."""

    def __init__(self):
        self.model = nn.MLP(2, [3, 1], activation="tanh", seed=1)
        self.xs, self.ys = [list(x) for x in XS], list(YS)

    def loss(self, output, y):
        return (output - y) ** 2

    def between(self, number):
        pass


class AnnealedFactor(World):
    factor = 1.0

    def loss(self, output, y):
        return self.factor * (output - y) ** 2

    def between(self, number):
        self.factor *= 0.99


class FactorOfOnePercentLate(AnnealedFactor):
    def between(self, number):
        self.factor = 1.01 if number >= 5 else 1.0


class FactorInAnArray(World):
    def __init__(self):
        super().__init__()
        self.factor = np.ones(1)

    def loss(self, output, y):
        return (output - y) ** 2 * self.factor[0]

    def between(self, number):
        self.factor[0] = 1 + number


class ConstantValue(World):
    def __init__(self):
        super().__init__()
        self.weight = Value(0.5, "weight")

    def loss(self, output, y):
        return self.weight * (output - y) ** 2

    def between(self, number):
        self.weight.data *= 0.5


class Activation(World):
    def between(self, number):
        if number == 1:
            for neuron in self.model.layers[0].neurons:
                neuron.activation = "sigmoid"


class LossReplaced(World):
    power = 2

    def loss(self, output, y):
        return (output - y) ** self.power

    def between(self, number):
        self.power = 4


class Frozen(World):
    """The first layer is frozen after the second epoch: the value of the loss does not change, its gradient does."""

    frozen = False

    def loss(self, output, y):
        return ((detach(output) if self.frozen else output) - y) ** 2 + 0.1 * output

    def between(self, number):
        self.frozen = number >= 1


class Targets(World):
    def between(self, number):
        self.ys[number % 4] += 1.0


class Inputs(World):
    def between(self, number):
        self.xs[number % 4][1] = float(number)


class Arrays(World):
    def __init__(self):
        super().__init__()
        self.xs, self.ys = np.array(XS), np.array(YS)

    def between(self, number):
        self.xs[number % 4, 1] = number
        self.ys *= 0.9


class RowsThatAreArrays(World):
    def __init__(self):
        super().__init__()
        self.xs = [np.array(x) for x in XS]

    def between(self, number):
        self.xs[number % 4][0] = number


class MoreExamples(World):
    def between(self, number):
        self.xs.append([float(number), 0.0])
        self.ys.append(0.0)


class LongerInputs(World):
    """The model of one's own takes inputs of any length."""

    def __init__(self):
        super().__init__()
        self.model = Weighted()

    def between(self, number):
        for x in self.xs:
            x.append(float(number))


class Weighted(nn.Module):
    def __init__(self):
        self.w = Value(0.5, "w")

    def __call__(self, x):
        return total(self.w * a for a in x)


class Texts(World):
    def loss(self, output, y):
        return (output - (float(y) if isinstance(y, str) else y)) ** 2

    def between(self, number):
        self.ys[0] = "1.5"


class Parameters(World):
    def between(self, number):
        self.model.parameters()[0].data += 0.1


class OwnGenerator(World):
    def __init__(self):
        super().__init__()
        self.rng = random.Random(5)

    def loss(self, output, y):
        return (output * (1 + 0.1 * self.rng.gauss(0, 1)) - y) ** 2


class NumpysGenerator(OwnGenerator):
    def __init__(self):
        super().__init__()
        self.rng = np.random.default_rng(5)

    def loss(self, output, y):
        return (output * float(self.rng.normal()) - y) ** 2


class GlobalGeneratorOfNumpy(World):
    def __init__(self):
        super().__init__()
        np.random.seed(3)  # noqa: NPY002

    def loss(self, output, y):
        return (output * float(np.random.choice([0, 2])) - y) ** 2  # noqa: NPY002


class GlobalGenerator(World):
    def __init__(self):
        super().__init__()
        random.seed(3)

    def loss(self, output, y):
        return (output * random.choice([0, 2]) - y) ** 2


class AnIterator(World):
    def __init__(self):
        super().__init__()
        self.factors = itertools.cycle([1.0, 2.0, 3.0])

    def loss(self, output, y):
        return next(self.factors) * (output - y) ** 2


class ACounter(World):
    count = 0

    def loss(self, output, y):
        self.count += 1
        return (output - y) ** 2 / (1 + 0.01 * self.count)


class AClock(World):
    def __init__(self):
        super().__init__()
        self.start = time.perf_counter()

    def loss(self, output, y):
        return (output - y) ** 2 * (1 + time.perf_counter() - self.start)


class TypeOfTheTarget(World):
    def loss(self, output, y):
        return (output - y) ** 2 if type(y) is float else 3 * (output - y) ** 2


class TypeNotOfTheTarget(World):
    def loss(self, output, y):
        return (output - y) ** 2 if isinstance(y, float) else 3 * (output - y) ** 2


class Dictionary(World):
    def loss(self, output, y):
        return {1.0: 5.0}.get(y, 1.0) * (output - y) ** 2


FOLLOWED = [ConstantValue, Targets, Inputs, Arrays, RowsThatAreArrays, MoreExamples, LongerInputs, Parameters]
SEEN_AT_ONCE = [
    AnnealedFactor, FactorInAnArray, Activation, LossReplaced, Frozen, GlobalGenerator, GlobalGeneratorOfNumpy, TypeOfTheTarget,
    TypeNotOfTheTarget, Dictionary, Texts,
]  # fmt: skip
DISTURBED = [OwnGenerator, NumpysGenerator, AnIterator, ACounter, AClock]  # by the runs that compare


def trained(kind, eager, batch_size=None, epochs=EPOCHS):
    world, losses = kind(), []
    for epoch in nn.epochs(
        world.model, world.xs, world.ys, world.loss, lr=0.05, epochs=epochs, eager=eager, batch_size=batch_size
    ):
        losses.append(epoch.loss)
        world.between(epoch.number)
    return losses, [p.data for p in world.model.parameters()]


@pytest.mark.parametrize("batch_size", [None, 3])
@pytest.mark.parametrize("kind", [*FOLLOWED, *SEEN_AT_ONCE], ids=lambda kind: kind.__name__)
def test_compiled_training_gives_the_numbers_of_the_graph_engine(kind, batch_size, caplog):
    with caplog.at_level(logging.WARNING, "nn.fit"):
        losses, numbers = trained(kind, eager=False, batch_size=batch_size)
    said = [record.getMessage() for record in caplog.records if "on the graph engine" in record.getMessage()]
    assert len(said) == (kind in SEEN_AT_ONCE)
    expected_losses, expected_numbers = trained(kind, eager=True, batch_size=batch_size)
    assert losses == pytest.approx(expected_losses, rel=1e-12)
    assert numbers == pytest.approx(expected_numbers, rel=1e-12)
    if kind is not Parameters:
        assert expected_losses != trained(World, eager=True)[0] or kind in (TypeOfTheTarget, TypeNotOfTheTarget)


@pytest.mark.parametrize("kind", DISTURBED, ids=lambda kind: kind.__name__)
def test_what_is_drawn_or_counted_at_each_call_is_noticed_before_training(kind, caplog):
    trained(kind, eager=False)
    [record] = caplog.records
    assert "training on the graph engine, since for example 0 the result is" in record.getMessage()


def test_what_is_changed_late_is_found_at_the_next_check_and_the_epochs_since_the_last_one_are_named(caplog):
    losses, _ = trained(FactorOfOnePercentLate, eager=False, epochs=40)
    [record] = caplog.records
    found = record.getMessage()
    assert "before epoch 8, for example 0 the result is" in found
    assert "trained in the epochs 4 to 7 may be wrong" in found
    expected, _ = trained(FactorOfOnePercentLate, eager=True, epochs=40)
    assert losses[:5] == pytest.approx(expected[:5], rel=1e-12)
    assert losses[5] != pytest.approx(expected[5], rel=1e-4)
    numbers = [float(word) for word in found.split("the result is ")[1].replace(",", "").split() if word[0].isdigit()]
    assert numbers[0] / numbers[1] == pytest.approx(1.01, rel=1e-12)


def test_the_last_epoch_is_checked_too(caplog):
    trained(FactorOfOnePercentLate, eager=False, epochs=7)
    [record] = caplog.records
    assert "before epoch 7" in record.getMessage()
    assert "the epochs 4 to 6 may be wrong" in record.getMessage()


def test_a_frozen_derivative_is_named(caplog):
    trained(Frozen, eager=False)
    assert "the derivative with respect to" in caplog.text


def test_a_leaf_whose_new_loss_cannot_be_compiled_goes_on_eagerly(caplog):
    class Choosing(ConstantValue):
        def loss(self, output, y):
            return super().loss(output, y) if self.weight > 0.2 or output > 0 else 2 * (output - y) ** 2

    losses, _ = trained(Choosing, eager=False)
    assert "cannot be compiled" in caplog.text
    assert losses == pytest.approx(trained(Choosing, eager=True)[0], rel=1e-12)


def test_nothing_is_left_of_a_check():
    seen = []

    class Watching(World):
        def loss(self, output, y):
            seen.append(output)
            return super().loss(output, y)

    world = Watching()
    before = states_of_generators()
    history = nn.fit(world.model, world.xs, world.ys, world.loss, lr=0.05, epochs=20)
    assert states_of_generators() == before
    assert {p.grad for p in world.model.parameters()} == {0.0}
    assert len(history) == 20
    # once for the mistakes, once traced, one of each label (1.0 comes twice), and before the epochs 2, 4, 8, 16 and 20
    assert len(seen) == 1 + 1 + 3 + 5


def test_a_planted_wrong_program_is_noticed(monkeypatch, caplog):
    from autograd.compiled import program

    right = program.trace

    def wrong(*arguments):
        from dataclasses import replace

        tape = right(*arguments)
        return replace(tape, constants=tuple(constant * 1.01 for constant in tape.constants))

    monkeypatch.setattr(program, "trace", wrong)
    model = nn.MLP(2, [3, 1], activation="tanh", seed=1)
    nn.fit(model, XS, YS, lambda output, y: 2.5 * (output - y) ** 2, lr=0.05, epochs=3)
    assert "training on the graph engine, since for example 0 the result is" in caplog.text


# --- nobody is accused wrongly ---------------------------------------------------------------------------------------------

NETWORKS = sweep("networks that are trained compiled and graph by graph", sample=15, full=400)


def random_training(case):
    """A network and its loss by chance, by name or of one's own, with a penalty or not; and the options of its training."""
    rng = random.Random(case)
    loss = rng.choice(["sum_of_squares", "half_sum_of_squares", "cross_entropy", "cross_entropy_logits", "hinge", "own"])
    count = rng.randint(2, 3) if loss.startswith("cross") else rng.randint(1, 2)
    widths = [*(rng.randint(1, 4) for _ in range(rng.randint(0, 2))), count]
    activation = rng.choice([name for name in nn.ACTIVATIONS if name != "softmax"])
    xs = [[rng.gauss(0, 10 ** rng.uniform(-3, 2)) for _ in range(2)] for _ in range(rng.randint(1, 9))]
    target = {"hinge": lambda: rng.choice([-1, 1]), "own": lambda: rng.gauss(0, 1), "sum_of_squares": lambda: rng.gauss(0, 1e3)}
    number = target.get(loss, lambda: rng.randint(0, 1))
    ys = [rng.randrange(count) if loss.startswith("cross") else [number() for _ in range(count)] for _ in xs]
    strength = Value(10 ** rng.uniform(-6, 0), "strength")

    def own(outputs, y):
        outputs = outputs if isinstance(outputs, list) else [outputs]
        errors = [where(a > b, (a - b) ** 2, 0.5 * abs(a - b)) for a, b in zip(outputs, y, strict=True)]
        return total(errors) + strength * total({w * w for w in model.parameters()})  # over a set: in any order

    model = nn.MLP(2, widths, activation=activation, output="softmax" if loss == "cross_entropy" else "linear", seed=case)
    options = {"lr": 10 ** rng.uniform(-9, -6), "epochs": 4, "batch_size": rng.choice([None, 1, 3])}
    return model, xs, ys, own if loss == "own" else loss, options


def test_random_networks_are_trained_compiled_with_the_numbers_of_the_graph_engine(caplog):
    for case in NETWORKS.cases():
        losses = []
        for eager in (False, True):
            model, xs, ys, loss, options = random_training(case)
            losses.append([epoch.loss for epoch in nn.fit(model, xs, ys, loss, eager=eager, **options)])
        assert losses[0] == pytest.approx(losses[1], rel=1e-9, abs=1e-12)
        assert "graph engine" not in caplog.text
