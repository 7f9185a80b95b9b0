"""Embedding: the product of a one-hot vector and a table, without the products; and targets of -1 and 1."""

import random

import numpy as np
import pytest

from autograd import Value, total
from nn import MLP, SGD, Embedding, Layer, cross_entropy_logits, hinge, mean, one_hot, one_vs_rest


def by_one_hot(embedding, label):
    """Entry j is the sum over the labels l of one_hot(label)_l times E_lj."""
    e = one_hot(label, len(embedding.table))
    return [total(e[k] * row[j] for k, row in enumerate(embedding.table)) for j in range(len(embedding.table[0]))]


@pytest.mark.parametrize("label", range(5))
def test_a_call_equals_one_hot_times_table_with_its_gradients(label):
    upstream = [0.5, -2.0, 3.0]  # the derivatives of the loss in the three entries
    embedding, other = Embedding(5, 3, seed=1), Embedding(5, 3, seed=1)
    row, product = embedding(label), by_one_hot(other, label)
    assert [v.data for v in row] == [v.data for v in product]
    total(g * v for g, v in zip(upstream, row, strict=True)).backward()
    total(g * v for g, v in zip(upstream, product, strict=True)).backward()
    gradients = [[v.grad for v in line] for line in embedding.table]
    assert gradients == [[v.grad for v in line] for line in other.table]
    assert gradients == [upstream if k == label else [0.0] * 3 for k in range(5)]


def test_a_call_equals_the_linear_layer_that_reads_the_one_hot_vector():
    embedding, layer = Embedding(4, 2, seed=1), Layer(4, 2, activation="linear", bias=False)
    for neuron, column in zip(layer.neurons, zip(*embedding.table, strict=True), strict=True):
        neuron.w = list(column)
    for label in range(4):
        assert [v.data for v in embedding(label)] == [v.data for v in layer(one_hot(label, 4))]


def test_a_label_used_twice_adds_up_its_gradients():
    embedding = Embedding(3, 1, seed=0)
    (embedding(2)[0] * 3 + embedding(2)[0] * 4 + embedding(0)[0]).backward()
    assert [row[0].grad for row in embedding.table] == [1.0, 0.0, 7.0]


def test_the_call_gives_the_parameters_themselves_in_a_list_of_its_own():
    embedding = Embedding(2, 2, seed=0)
    row = embedding(1)
    assert row[0] is embedding.table[1][0]
    row.clear()
    assert len(embedding(1)) == 2


def test_its_parameters_are_labelled_scoped_and_found_row_by_row():
    embedding = Embedding(2, 3, seed=0)
    assert [p.label for p in embedding.parameters()] == ["e[0,1]", "e[0,2]", "e[0,3]", "e[1,1]", "e[1,2]", "e[1,3]"]
    assert {p.scope for p in embedding.parameters()} == {("embedding",)}
    assert embedding.named_parameters()[4][0] == "table.1.1"
    assert repr(embedding) == "Embedding(2, 3)"


def test_numbers_are_drawn_row_by_row_as_asked():
    rng = random.Random(7)
    expected = [[rng.uniform(-1, 1) for _ in range(3)] for _ in range(4)]
    assert [[v.data for v in row] for row in Embedding(4, 3, seed=7).table] == expected
    random.seed(7)
    assert [[v.data for v in row] for row in Embedding(4, 3).table] == expected
    widths = Embedding(4, 3, init=lambda rng, nin, nout: 10 * nin + nout).table
    assert {v.data for row in widths for v in row} == {43}
    # he has the standard deviation sqrt(2 / 4); the deviation of 3,000 draws is off by about 1.3 %, and 6 of those are allowed
    drawn = [v.data for row in Embedding(4, 750, init="he", seed=0).table for v in row]
    assert np.std(drawn) == pytest.approx(0.5**0.5, rel=0.08)


@pytest.mark.parametrize("label", [-1, 3, 1.0, "1", None, [1], Value(1.0)], ids=repr)
def test_bad_labels_are_refused_with_the_words_of_one_hot(label):
    with pytest.raises(ValueError) as expected:
        one_hot(label, 3)
    for refuse in (Embedding(3, 2, seed=0), lambda label: one_vs_rest(label, 3)):
        with pytest.raises(ValueError) as caught:
            refuse(label)
        assert str(caught.value) == str(expected.value)


def test_labels_from_numpy_are_labels():
    embedding = Embedding(3, 2, seed=0)
    assert embedding(np.int64(2)) == embedding.table[2]


@pytest.mark.parametrize(("arguments", "words"), [((0, 2), "labels"), ((2, 0), "numbers in a row"), ((2.5, 2), "2.5")])
def test_a_table_of_no_size_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        Embedding(*arguments)
    with pytest.raises(ValueError, match="no initialisation is called 'zeros'"):
        Embedding(2, 2, init="zeros")


def test_an_embedding_learns_with_the_network_above_it():
    """A permutation of four labels, which only a table that moves can tell apart: its rows all start out equal."""
    embedding = Embedding(4, 2, init=lambda rng, nin, nout: rng.gauss(0, 0.01), seed=0)
    model = MLP(2, [4], seed=0)
    optimizer = SGD(embedding.parameters() + model.parameters(), lr=1.0)
    wanted = [2, 0, 3, 1]
    for _ in range(150):
        optimizer.zero_grad()
        mean([cross_entropy_logits(model(embedding(label)), wanted[label]) for label in range(4)]).backward()
        optimizer.step()
    logits = [[z.data for z in model(embedding(label))] for label in range(4)]
    assert np.argmax(logits, axis=1).tolist() == wanted


def test_one_vs_rest_is_the_target_of_hinge():
    assert [one_vs_rest(label, 3) for label in range(3)] == [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
    assert [one_vs_rest(label, 2)[1] for label in (0, 1)] == [-1, 1]
    outputs = [Value(2.0), Value(-0.5), Value(0.25)]
    # max(0, 1 - 2) + max(0, 1 - 0.5) + max(0, 1 + 0.25)
    assert hinge(outputs, one_vs_rest(0, 3)).data == 0 + 0.5 + 1.25
