"""Examples in whatever numbers: compiled or not, model and loss get the same; and what a loss cannot have is refused before training."""

import logging
from fractions import Fraction

import numpy as np
import pytest

import nn
from autograd import Value
from nn.training.examples import Examples, plain

XS = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]
LABELS = [1, 0, 1, 0]


def scores(xs, ys, loss, eager, outputs=1, **options):
    model = nn.MLP(2, [4, outputs], activation="tanh", seed=3, **options)
    losses = [epoch.loss for epoch in nn.fit(model, xs, ys, loss, lr=0.1, epochs=5, eager=eager)]
    return losses + [p.data for p in model.parameters()]


def signed(output, y):
    return (output - (2 * y - 1)) ** 2


FORMS = {
    "unsigned": lambda data: np.array(data, dtype=np.uint8),
    "boolean": lambda data: np.array(data, dtype=bool),
    "lists of booleans": lambda data: np.array(data, dtype=bool).tolist(),
    "eight bits": lambda data: np.array(data, dtype=np.int8),
    "small floats": lambda data: np.array(data, dtype=np.float32),
    "half floats": lambda data: np.array(data, dtype=np.float16),
    "floats": lambda data: np.array(data, dtype=float),
    "lists of arrays": lambda data: [*np.array(data, dtype=np.uint8)],
    "tuples": lambda data: tuple(tuple(row) if isinstance(row, list) else row for row in data),
}


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_small_numbers_are_computed_with_as_pythons(form, eager, caplog):
    expected = scores(XS, LABELS, signed, eager=True)
    assert scores(FORMS[form](XS), FORMS[form](LABELS), signed, eager) == pytest.approx(expected, rel=1e-12)
    assert not caplog.records


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("loss", ["cross_entropy_logits", "sum_of_squares", signed])
def test_labels_in_whatever_numbers(loss, form, eager):
    outputs = 2 if loss == "cross_entropy_logits" else 1
    expected = scores(XS, LABELS, loss, eager=True, outputs=outputs)
    assert scores(XS, FORMS[form](LABELS), loss, eager, outputs=outputs) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("eager", [False, True])
def test_a_label_that_is_no_whole_number_is_refused(eager):
    for wrong, words in (
        ([0.5, 1.0], "0.5"),
        (["cat", "dog"], r"\[names.index\(y\) for y in ys\]"),
        ([0, 2.0], "from 0 to 1, but got 2"),
    ):
        with pytest.raises(ValueError, match=words):
            nn.fit(nn.MLP(2, [2]), XS[:2], wrong, lr=0.1, epochs=1, eager=eager)


@pytest.mark.parametrize("eager", [False, True])
def test_texts_reach_a_loss_of_ones_own(eager, caplog):
    def loss(output, y):
        return (output - (1.0 if y == "cat" else -1.0)) ** 2

    with caplog.at_level(logging.WARNING, "nn.fit"):
        found = scores(XS, ["cat", "dog", "cat", "dog"], loss, eager)
    assert found == pytest.approx(
        scores(XS, [1.0, -1.0, 1.0, -1.0], lambda output, y: (output - y) ** 2, eager=True), rel=1e-12
    )
    assert ("cannot be compiled for these examples: ys needs real numbers" in caplog.text) == (not eager)


@pytest.mark.parametrize("eager", [False, True])
def test_examples_of_several_lengths_are_trained_on_graph_by_graph(eager, caplog):
    class Sum(nn.Module):
        def __init__(self):
            self.w = Value(0.5)

        def __call__(self, x):
            return sum(self.w * a for a in x)

    model = Sum()
    history = nn.fit(model, [[1.0], [1.0, 2.0]], [1.0, 3.0], lambda a, y: (a - y) ** 2, lr=0.05, epochs=30, eager=eager)
    assert history[-1].loss < 1e-6
    assert ("cannot be compiled for these examples" in caplog.text) == (not eager)


def test_what_plain_makes_of_numbers():
    given = [
        np.uint8(200),
        np.bool_(True),
        True,
        np.float32(0.5),
        Fraction(1, 3),
        7,
        0.25,
        (1, [np.int64(2)]),
        np.array([[1], [2]]),
    ]
    found = plain(given)
    assert found == [200, 1, 1, 0.5, Fraction(1, 3), 7, 0.25, [1, [2]], [[1], [2]]]
    assert [type(each) for each in found] == [int, int, int, float, Fraction, int, float, list, list]
    assert type(found[-1][0][0]) is int
    word, node = "word", Value(1.0)
    assert plain([word, None, node]) == [word, None, node]


def test_a_series_that_counts_by_labels_is_read_by_place():
    class Series:
        """As one of pandas, whose index is not 0, 1, 2."""

        def __init__(self, numbers):
            self.numbers = np.array(numbers)

        def __len__(self):
            return len(self.numbers)

        def __array__(self, dtype=None, copy=None):
            return self.numbers

        def __getitem__(self, label):
            return self.numbers[label - 10]

        def copy(self):
            return Series(self.numbers.copy())

        @property
        def shape(self):
            return self.numbers.shape

        def __eq__(self, other):
            return self.numbers == other.numbers

    series = Series([3.0, 4.0, 5.0])
    examples = Examples("xs", series)
    assert (examples[0], examples.lists(), examples.array().tolist()) == (3.0, [3.0, 4.0, 5.0], [3.0, 4.0, 5.0])
    assert not examples.changed()
    series.numbers[1] = 0.0
    assert examples.changed()


# --- refused before training ------------------------------------------------------------------------------------------------


def probabilities(x):
    return [Value(0.5), Value(0.5)]


UNFIT = {
    "hinge of labels": ("hinge", [1, 0, 1, 0], {}, r"example 1: hinge needs targets of -1 or 1.* 2 \* label - 1"),
    "hinge of scores": ("hinge", [1, -1, 2.5, 1], {}, r"example 2: hinge needs targets of -1 or 1"),
    "hinge of two outputs": ("hinge", [[1, -1], [1, -1], [1, 0], [1, 1]], {"outputs": 2}, "example 2: hinge needs targets"),
    "hinge of probabilities": ("hinge", [1, -1, 1, -1], {"output": "sigmoid"}, "output is sigmoid, which is never negative"),
    "negative targets": ("cross_entropy_logits", [[1, 0], [0, 1], [2, -1], [1, 0]], {"outputs": 2}, "example 2: .* at least 0"),
    "negative targets of probabilities": (
        "cross_entropy",
        [[1, 0], [-1, 2], [0, 1], [1, 0]],
        {"outputs": 2, "output": "softmax"},
        "example 1: .* at least 0",
    ),
    "targets that are nan": (
        "cross_entropy_logits",
        [[1, 0], [0, 1], [1, 0], [float("nan"), 0]],
        {"outputs": 2},
        "example 3: ",
    ),
    "logits for probabilities": ("cross_entropy", [1, 0, 1, 0], {"outputs": 2}, "take cross_entropy_logits"),
    "probabilities for logits": (
        "cross_entropy_logits",
        [1, 0, 1, 0],
        {"outputs": 2, "output": "softmax"},
        "take cross_entropy,",
    ),
    "too few targets": (
        "sum_of_squares",
        [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [1.0]],
        {"outputs": 2},
        "example 3: .* 1 targets",
    ),
}


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("train", [nn.fit, nn.epochs], ids=["fit", "epochs"])
@pytest.mark.parametrize("name", UNFIT)
def test_a_loss_that_fits_neither_targets_nor_outputs_is_refused_before_training(name, train, eager):
    loss, ys, options, words = UNFIT[name]
    outputs = options.get("outputs", 1)
    model = nn.MLP(2, [4, outputs], output=options.get("output", "linear"), seed=3)
    before = [p.data for p in model.parameters()]
    with pytest.raises(ValueError, match=words):
        train(model, XS, ys, loss, lr=0.1, epochs=5, eager=eager)
    assert [p.data for p in model.parameters()] == before


class Wrapped(nn.Module):
    """A model of one's own: what it gives is only known when it runs."""

    def __init__(self, output):
        self.inner = nn.MLP(2, [4, 2], output=output, seed=3)

    def __call__(self, x):
        return self.inner(x)


@pytest.mark.parametrize("eager", [False, True])
def test_the_same_of_a_model_of_ones_own(eager):
    with pytest.raises(ValueError, match="take cross_entropy,"):
        nn.fit(Wrapped("softmax"), XS, LABELS, lr=0.1, epochs=1, eager=eager)
    with pytest.raises(ValueError, match=r"example 1: hinge needs targets of -1 or 1"):
        nn.fit(Wrapped("linear"), XS, [[1, -1], [0, 1], [1, 1], [1, 1]], "hinge", lr=0.1, epochs=1, eager=eager)


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("batch_size", [None, 1])
def test_a_probability_of_0_is_refused_before_training_whichever_example_has_it(eager, batch_size):
    class Shares(nn.Module):
        def __init__(self):
            self.w = Value(1.0, "w")

        def __call__(self, x):
            return [self.w * x[0], 1 - self.w * x[0]]

    model = Shares()
    xs = [[0.5], [0.25], [0.75], [-0.25]]
    with pytest.raises(ValueError, match=r"example 3.*log\(x\) needs x > 0"):
        nn.fit(model, xs, [0, 1, 0, 0], "cross_entropy", lr=0.01, epochs=1, eager=eager, batch_size=batch_size)
    assert model.w.data == 1.0


@pytest.mark.parametrize("eager", [False, True])
def test_masked_entries_are_not_trained_on(eager):
    model = nn.MLP(2, [1], seed=0)
    hidden = np.ma.masked_array(XS, mask=np.eye(4, 2))
    with pytest.raises(ValueError, match="xs has masked entries, and fit computes with all"):
        nn.fit(model, hidden, LABELS, "sum_of_squares", lr=0.1, epochs=1, eager=eager)
    with pytest.raises(ValueError, match="ys has masked entries, and fit computes with all"):
        nn.fit(model, XS, np.ma.masked_equal(LABELS, 0), "sum_of_squares", lr=0.1, epochs=1, eager=eager)
    assert nn.fit(model, np.ma.masked_array(XS), LABELS, "sum_of_squares", lr=0.1, epochs=1, eager=eager)


def test_an_array_of_one_number_has_no_examples():
    with pytest.raises(TypeError, match=r"fit needs xs as a list or an array, an entry for each example, but got array\(3"):
        nn.fit(nn.MLP(2, [1], seed=0), np.array(3.0), LABELS, "sum_of_squares", lr=0.1, epochs=1)


class Table(nn.Module):
    """Logits that are the rows of a table of weights, which begins as the identity: each class follows itself."""

    def __init__(self):
        self.rows = [[Value(float(i == j)) for j in range(3)] for i in range(3)]

    def __call__(self, x):
        return [sum(k * w for k, w in zip(x, column, strict=True)) for column in zip(*self.rows, strict=True)]


@pytest.mark.parametrize("eager", [False, True])
def test_logits_that_happen_to_add_up_to_1_are_trained(eager):
    halves = nn.MLP(2, [2], bias=False, init=lambda rng, nin, nout: 0.5)
    assert [o.data for o in halves([0.5, 0.5])] == [0.5, 0.5]
    assert nn.fit(halves, [[0.5, 0.5], [1.0, 0.0]], [0, 1], lr=0.1, epochs=1, eager=eager)
    classes = [0, 1, 2, 0]
    assert nn.fit(Table(), [nn.one_hot(k, 3) for k in classes], classes, lr=0.1, epochs=1, eager=eager)


SOFT = [[k / 60, 1 - k / 60] for k in range(60)]


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize(
    ("loss", "ys", "outputs", "words"),
    [
        (nn.cross_entropy_logits, [*SOFT[:-1], [-0.5, 1.5]], 2, "example 59: cross_entropy_logits needs targets of at least 0"),
        (nn.hinge, [1.0] + [1 + k / 60 for k in range(59)], 1, "example 2: hinge needs targets of -1 or 1"),
    ],
)
def test_a_loss_given_as_a_function_refuses_what_it_refuses_by_name(loss, ys, outputs, words, eager):
    with pytest.raises(ValueError, match=words):
        nn.fit(nn.MLP(1, [outputs], seed=0), [[k / 60] for k in range(60)], ys, loss, lr=0.1, epochs=1, eager=eager)


def test_labels_are_compiled_for_a_loss_given_as_a_function(caplog):
    expected = scores(XS, LABELS, "cross_entropy_logits", eager=True, outputs=2)
    assert scores(XS, LABELS, nn.cross_entropy_logits, eager=False, outputs=2) == pytest.approx(expected, rel=1e-12)
    assert not caplog.records
