"""fit and epochs: compiled and graph by graph they give the same numbers, and what cannot be compiled is trained all the same."""

import inspect
import logging
import math
import random
from fractions import Fraction

import numpy as np
import pytest

import autograd
import nn
from autograd import Value
from nn.matrix import MatrixMLP

STEPS = 20
TOLERANCE = 1e-10  # relative: rounding of 1e-16, grown over twenty steps of training


def losses(model, data, **options):
    given = {"lr": 0.1, "epochs": STEPS, "rng": random.Random(3)} | options
    return [epoch.loss for epoch in nn.fit(model, data.x, data.y, **given)]


SETTINGS = {
    "labels, tanh": ({"activation": "tanh"}, 3, "cross_entropy_logits", nn.data.blobs(21, seed=1)),
    "labels, relu": ({"activation": "relu"}, 2, "cross_entropy_logits", nn.data.moons(20, seed=1)),
    "probabilities": ({"activation": "gelu", "output": "softmax"}, 2, "cross_entropy", nn.data.moons(20, seed=1)),
    "one number": ({"activation": "silu"}, 1, "half_sum_of_squares", nn.data.moons(20, seed=1)),
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("batch_size", [None, 1, 6])
def test_compiled_training_has_the_losses_of_the_graph_engine(name, batch_size):
    options, count, loss, data = SETTINGS[name]
    models = [nn.MLP(2, [5, count], seed=2, **options) for _ in range(2)]
    epochs = STEPS if batch_size is None else 2
    compiled, eager = (
        losses(model, data, loss=loss, batch_size=batch_size, epochs=epochs, eager=eager)
        for model, eager in zip(models, (False, True), strict=True)
    )
    assert compiled == pytest.approx(eager, rel=TOLERANCE)
    assert compiled[0] != compiled[-1]
    numbers = [[p.data for p in model.parameters()] for model in models]
    assert numbers[0] == pytest.approx(numbers[1], rel=1e-8, abs=1e-12)


def test_the_first_steps_are_those_of_gradient_descent_by_matrices():
    data = nn.data.moons(12, seed=4)
    model = nn.MLP(2, [4, 2], activation="tanh", seed=5)
    twin = MatrixMLP.from_model(model)
    expected = []
    for _ in range(STEPS):
        outputs = twin.forward(np.array(data.x)).activations[-1]
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        expected.append(float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - shifted[range(12), data.y])))
        gradients = twin.gradients(np.array(data.x), np.array(data.y), loss="cross_entropy_logits")
        for k in range(2):
            twin.weights[k] -= 0.1 * gradients.weights[k]
            twin.biases[k] -= 0.1 * gradients.biases[k]
    assert losses(model, data) == pytest.approx(expected, rel=TOLERANCE)


def test_hinge_with_targets_of_plus_and_minus_one_is_compiled(caplog):
    data = nn.data.moons(20, seed=1)
    ys = [2 * y - 1 for y in data.y]
    results = []
    for eager in (False, True):
        model = nn.MLP(2, [4, 1], seed=2)
        results.append([e.loss for e in nn.fit(model, data.x, ys, "hinge", lr=0.1, epochs=STEPS, eager=eager)])
    assert results[0] == pytest.approx(results[1], rel=TOLERANCE)
    assert not caplog.records


def choosing(outputs, target):
    score = outputs[0] if outputs[0] > outputs[1] else outputs[1]
    return (score - target[0]) ** 2


def test_a_loss_that_chooses_by_a_number_is_trained_on_the_graph_engine_and_that_is_said(caplog):
    data = nn.data.moons(8, seed=1)
    model = nn.MLP(2, [3, 2], activation="tanh", seed=2)
    with caplog.at_level(logging.WARNING, "nn.fit"):
        found = [e.loss for e in nn.fit(model, data.x, [[y] for y in data.y], choosing, lr=0.1, epochs=5)]
    assert found[-1] < found[0]
    [record] = caplog.records
    assert "cannot be compiled" in record.getMessage()
    assert "score" in record.getMessage() or "outputs" in record.getMessage()


def a_key_error(outputs, target):
    return outputs[0] * {0.0: 1.0, 1.0: 2.0}[target] + {"x": 1.0}.get("x") * outputs[1] ** 2


def an_attribute_error(outputs, target):
    return (outputs[0] - float(target.is_integer())) ** 2


def an_assertion_error(outputs, target):
    assert type(target) is float, "a number is needed"
    return (outputs[0] - target) ** 2


def an_error_of_its_own(outputs, target):
    if not isinstance(target, int | float):
        raise RuntimeError("no number")
    return (outputs[0] - target) ** 2


def a_swallowed_refusal(outputs, target):
    try:
        weight = 3.0 if target > 0.5 else 1.0
    except TypeError:
        weight = 2.0
    return weight * (outputs[0] - target) ** 2


def an_index(outputs, target):
    return (outputs[int(target)] - 1.0) ** 2


def a_stop_iteration(outputs, target):
    return (outputs[0] - next(number for number in (0.0, 1.0) if type(target) is float)) ** 2


def a_recursion_error(outputs, target):
    return a_recursion_error(outputs, target) if type(target) is not float else (outputs[0] - target) ** 2


@pytest.mark.parametrize(
    "loss",
    [
        a_key_error, an_attribute_error, an_assertion_error, an_error_of_its_own, a_swallowed_refusal, an_index, a_stop_iteration,
        a_recursion_error,
    ],
    ids=lambda loss: loss.__name__,
)  # fmt: skip
def test_whatever_is_raised_while_tracing_what_trains_eagerly_is_trained_eagerly(loss, caplog):
    data = nn.data.moons(12, seed=1)
    ys = [float(y) for y in data.y]
    compiled, eager = (
        [e.loss for e in nn.fit(nn.MLP(2, [3, 2], seed=2), data.x, ys, loss, lr=0.05, epochs=4, eager=eager)]
        for eager in (False, True)
    )
    assert compiled == eager
    [record] = [record for record in caplog.records if "relus" not in record.getMessage()]
    assert "training on the graph engine, since the loss cannot be compiled" in record.getMessage()
    assert "test_training.py, line" in record.getMessage()


@pytest.mark.parametrize("kind", [KeyError, AssertionError, ZeroDivisionError, TypeError])
def test_what_fails_eagerly_too_shows_the_eager_error_alone(kind):
    def loss(outputs, target):
        if isinstance(target, Value):
            raise RuntimeError("only while tracing")
        if target == 1:
            raise kind("of the function itself")
        return outputs[0] ** 2

    for eager in (False, True):
        with pytest.raises(kind, match="of the function itself") as caught:
            nn.fit(nn.MLP(2, [2]), [[1.0, 2.0]], [1], loss, lr=0.1, epochs=1, eager=eager)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None


def test_an_interrupt_while_tracing_is_no_reason_to_fall_back():
    def loss(outputs, target):
        if isinstance(target, Value):
            raise KeyboardInterrupt
        return outputs[0] ** 2

    with pytest.raises(KeyboardInterrupt):
        nn.fit(nn.MLP(2, [2]), [[1.0, 2.0]], [1.0], loss, lr=0.1, epochs=1)


def test_fractions_stay_exact():
    model = nn.MLP(1, [1], bias=False)
    [w] = model.parameters()
    w.data = Fraction(1, 2)
    nn.fit(model, [[1]], [Fraction(2)], "half_sum_of_squares", lr=Fraction(1, 3), epochs=1)
    assert w.data == Fraction(1, 2) + Fraction(1, 3) * (Fraction(2) - Fraction(1, 2))


def test_an_interrupted_epoch_leaves_the_numbers_of_its_last_step():
    class Stop(Exception):
        pass

    class Shuffle(random.Random):
        count = 0

        def shuffle(self, x):
            Shuffle.count += 1
            if Shuffle.count == 3:
                raise Stop

    data = nn.data.moons(8, seed=1)
    model = nn.MLP(2, [3, 2], seed=2)
    before = [p.data for p in model.parameters()]
    seen = []
    epochs = nn.epochs(model, data.x, data.y, lr=0.1, epochs=5, rng=Shuffle())
    with pytest.raises(Stop):
        seen.extend([p.data for p in model.parameters()] for _ in epochs)
    assert len(seen) == 2
    assert before != seen[0] != seen[1] == [p.data for p in model.parameters()]


# --- trained at once, or epoch by epoch --------------------------------------------------------------------------------


def numbers(model):
    return [p.data for p in model.parameters()]


@pytest.mark.parametrize("eager", [False, True])
def test_fit_trains_when_it_is_called_and_returns_the_list_of_epochs(eager):
    data = nn.data.moons(10, seed=1)
    model = nn.MLP(2, [3, 2], seed=2)
    before = numbers(model)
    history = nn.fit(model, data.x, data.y, lr=0.1, epochs=3, eager=eager)
    assert numbers(model) != before
    assert type(history) is list
    assert [epoch.number for epoch in history] == [1, 2, 3]
    assert nn.fit(model, data.x, data.y, lr=0.1, epochs=0, eager=eager) == []


@pytest.mark.parametrize("eager", [False, True])
def test_epochs_trains_only_as_far_as_it_is_asked(eager):
    data = nn.data.moons(10, seed=1)
    model, other = nn.MLP(2, [3, 2], seed=2), nn.MLP(2, [3, 2], seed=2)
    before = numbers(model)
    epochs = nn.epochs(model, data.x, data.y, lr=0.1, epochs=3, eager=eager)
    assert numbers(model) == before
    for count in (1, 2, 3):
        epoch = next(epochs)
        assert epoch.number == count
        nn.fit(other, data.x, data.y, lr=0.1, epochs=1, eager=eager)
        assert numbers(model) == numbers(other)
    assert next(epochs, None) is None


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("batch_size", [None, 1, 4])
def test_both_forms_give_the_same_bits(eager, batch_size):
    data = nn.data.blobs(9, seed=1)
    models = [nn.MLP(2, [3, 3], seed=2) for _ in range(2)]
    fitted, looped = (
        list(train(model, data.x, data.y, lr=0.1, epochs=3, batch_size=batch_size, rng=random.Random(5), eager=eager))
        for train, model in zip((nn.fit, nn.epochs), models, strict=True)
    )
    assert fitted == looped
    assert numbers(models[0]) == numbers(models[1])


def test_both_forms_have_the_same_arguments():
    fit, epochs = (inspect.signature(function).parameters for function in (nn.fit, nn.epochs))
    assert fit == epochs


GIVEN = {
    "xs": [[1.0, 2.0], [3.0, 4.0]],
    "ys": [0, 1],
    "loss": "cross_entropy_logits",
    "lr": 0.1,
    "epochs": 1,
    "batch_size": 1,
}
REFUSED = {
    "no loss is called 'mse'": {"loss": "mse"},
    "learning rate above 0": {"lr": -1.0},
    "whole number of epochs, at least 0, but got 1.5": {"epochs": 1.5},
    "whole number of epochs, at least 0, but got True": {"epochs": True},
    "one target for each input": {"ys": [0]},
    "at least one example": {"xs": [], "ys": []},
    "at least 1": {"batch_size": 0},
    "label among 2 classes": {"ys": [0, 2]},
    "needs xs as a list or an array": {"xs": {0: [1.0, 2.0]}},
    "needs ys as a list or an array": {"ys": iter([0, 1])},
    "a loss that is a Value": {"loss": lambda outputs, target: 3.0},
    "xs needs real numbers|holds a real number": {"xs": [[1.0, 2.0], [3.0, "4"]]},
    "xs is no array|the network takes 2 inputs, but got 3": {"xs": [[1.0, 2.0], [3.0, 4.0, 5.0]]},
    "the network takes 2 inputs, but got 1": {"xs": [[1.0], [3.0]]},
    "ys is no array|one target for each output": {"ys": [[1.0, 0.0], [1.0]], "loss": "sum_of_squares"},
    "hinge needs targets of -1 or 1": {"ys": [[1, -1], [1, 0]], "loss": "hinge"},
}


@pytest.mark.parametrize("words", REFUSED)
@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("train", [nn.fit, nn.epochs], ids=["fit", "epochs"])
def test_what_is_wrong_is_refused_at_the_call_before_any_training(train, eager, words):
    model = nn.MLP(2, [2], seed=0)
    before = numbers(model)
    with pytest.raises((TypeError, ValueError), match=words):
        train(model, eager=eager, **GIVEN | REFUSED[words])  # no loop: a generator would not even have begun
    assert before == numbers(model)


@pytest.mark.parametrize("wrong", [abs, [1.0, 2.0], nn.Module()], ids=["a function", "a list", "not called"])
def test_what_is_no_model_is_told(wrong):
    with pytest.raises(TypeError, match=r"fit trains a model that is called and has parameters\(\)"):
        nn.fit(wrong, **GIVEN)


@pytest.mark.parametrize("eager", [False, True])
def test_a_seed_is_refused_before_training(eager):
    with pytest.raises(TypeError, match="rng is a generator"):
        nn.fit(nn.MLP(2, [2], seed=0), **GIVEN | {"rng": 3}, eager=eager)


def test_a_refusal_names_the_function_that_was_called():
    for train, name in ((nn.fit, "fit"), (nn.epochs, "epochs")):
        with pytest.raises(ValueError, match=f"^{name} needs a whole number of epochs"):
            train(nn.MLP(2, [2]), **GIVEN | {"epochs": -1})


def test_a_wrong_target_of_a_loss_by_name_is_refused_though_a_compiled_loss_could_not_see_it():
    with pytest.raises(ValueError, match="hinge needs targets of -1 or 1, one for each output, but got 0"):
        nn.fit(nn.MLP(1, [1]), [[1.0], [2.0]], [1, 0], "hinge", lr=0.1, epochs=1)


def test_the_first_run_that_looks_for_mistakes_draws_no_random_number_of_training():
    drawn = []

    def loss(output, target):
        drawn.append(random.random())
        return (output - target) ** 2

    random.seed(11)
    expected = [random.random() for _ in range(2)]
    random.seed(11)
    nn.fit(nn.MLP(1, [1], activation="linear", seed=0), [[1.0], [2.0]], [1.0, 3.0], loss, lr=0.01, epochs=1, eager=True)
    assert drawn[-2:] == expected


def test_a_planted_wrong_gradient_is_noticed(monkeypatch):
    from autograd.compiled.bound_program import BoundProgram

    right = BoundProgram.__call__
    monkeypatch.setattr(
        BoundProgram, "__call__", lambda self, theta: right(self, theta)._replace(gradients=right(self, theta)[1] * 1.0001)
    )
    data = nn.data.moons(10, seed=1)
    compiled = losses(nn.MLP(2, [3, 2], seed=2), data)
    eager = losses(nn.MLP(2, [3, 2], seed=2), data, eager=True)
    assert compiled != pytest.approx(eager, rel=TOLERANCE)


def test_a_model_of_a_single_value_and_an_own_loss():
    class Line(nn.Module):
        def __init__(self):
            self.slope = Value(0.0, "slope")

        def __call__(self, x):
            return self.slope * x[0]

    line = Line()
    nn.fit(line, [[1.0], [2.0]], [3.0, 6.0], lambda output, y: (output - y) ** 2, lr=0.1, epochs=60)
    assert line.slope.data == pytest.approx(3.0, abs=1e-6)


def test_compiled_training_on_probabilities_leaves_out_classes_of_target_0():
    program = autograd.compile(lambda p, y: nn.cross_entropy(p, y))
    for p, y in (([0.0, 0.25, 0.75], [0, 0, 1]), ([1.0, 0.0, 0.0], [1, 0, 0]), ([0.5, 0.0, 0.5], [0.25, 0, 0.75])):
        inputs = list(map(Value, p))
        nn.cross_entropy(inputs, y).backward()
        values, [slopes, _] = program.value([p], [y]), program.input_gradients([p], [y])
        assert values == pytest.approx(-sum(b * math.log(a) for a, b in zip(p, y, strict=True) if b), rel=1e-14)
        assert slopes[0].tolist() == [v.grad for v in inputs]


def test_random_numbers_are_drawn_anew_and_that_is_said(caplog):
    losses = []
    for eager in (False, True):
        random.seed(7)
        model = nn.MLP(1, [1], activation="linear", seed=0)
        loss = lambda a, y: (a * random.choice([0, 2]) - y) ** 2  # noqa: E731  (a dropout)
        losses.append([epoch.loss for epoch in nn.fit(model, [[1.0], [2.0]], [1.0, 3.0], loss, lr=0.01, epochs=3, eager=eager)])
    assert losses[0] == losses[1]
    assert "draws random numbers" in caplog.text


@pytest.mark.parametrize("eager", [True, False])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threads": 0}, "fit needs a whole number of threads, at least 1, but got 0"),
        ({"threads": True}, "fit needs a whole number of threads, at least 1, but got True"),
        ({"loss": None}, r"fit needs a loss: a name, one of sum_of_squares, .*, but got None"),
    ],
)
def test_threads_and_loss_are_refused_alike_compiled_or_not(arguments, message, eager):
    with pytest.raises((TypeError, ValueError), match=message):
        nn.fit(
            nn.MLP(1, [1], seed=0),
            [[1.0]],
            [1.0],
            **{"loss": "sum_of_squares", "lr": 0.1, "epochs": 1, "eager": eager, **arguments},
        )
