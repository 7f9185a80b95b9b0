"""Class labels as vectors: ``Embedding`` learns one for each label, ``one_vs_rest`` has -1 and 1 where ``one_hot`` has 0 and 1."""

from __future__ import annotations

from autograd import Value
from nn.layers.initialisation import Init, init_function
from nn.losses import one_hot
from nn.module import Module
from nn.seeding import Seed, generator
from nn.whole_numbers import at_least


class Embedding(Module):
    r"""A table of parameters with one row for each label; a call with a label returns its row.

    The row is :math:`e_l^T E`, the one-hot vector times the table (count x dim), looked up instead of multiplied: numbers and
    gradients are the same, and the gradients of every other row are exactly 0. The first number in the row of label 2 is
    labelled ``e[2,1]``.

    Args:
        count: the number of labels, which are 0 .. count - 1.
        dim: the length of each row.
        init: how the numbers are drawn: like the weights of ``Layer(count, dim)``, which would read the one-hot vector.
        seed: for a generator of the table's own; None draws from Python's global one.

    Raises:
        ValueError: if count or dim is not a whole number of at least 1; when called, if there is no such label.

    Source: Bengio et al. (2003), "A neural probabilistic language model", the matrix C; the one-hot vector S4.16.

    >>> embedding = Embedding(10, 2, seed=0)
    >>> row = embedding(3)
    >>> [v.label for v in row], row == embedding.table[3]
    (['e[3,1]', 'e[3,2]'], True)
    """

    def __init__(self, count: int, dim: int, init: Init = "uniform", seed: Seed = None) -> None:
        draw, rng = init_function(init), generator(seed)
        count, dim = at_least(1, count, "an embedding", "labels"), at_least(1, dim, "an embedding", "numbers in a row")
        self.table = [[Value(draw(rng, count, dim), f"e[{label},{j + 1}]") for j in range(dim)] for label in range(count)]
        self.name = "embedding"
        for value in self.parameters():
            value.scope = (self.name,)

    def __call__(self, label: int) -> list[Value]:
        """The row of a label: the parameters themselves, not copies."""
        return list(self.table[one_hot(label, len(self.table)).index(1)])

    def __repr__(self) -> str:
        return f"Embedding({len(self.table)}, {len(self.table[0])})"


def one_vs_rest(label: int, classes: int) -> list[int]:
    """The vector of targets for ``hinge`` with one output for each class: 1 at the label, -1 elsewhere.

    A network with a single output for two classes takes entry 1 as its target: ``one_vs_rest(label, 2)[1]`` is -1 for label 0 and
    1 for label 1.

    Raises:
        ValueError: if the label is not a whole number from 0 to classes - 1.

    Source: Rifkin & Klautau (2004), "In defense of one-vs-all classification"; -1 and 1 as in micrograd's demo.

    >>> one_vs_rest(2, 5)
    [-1, -1, 1, -1, -1]
    """
    return [2 * entry - 1 for entry in one_hot(label, classes)]
