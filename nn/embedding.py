"""Class labels as vectors: ``Embedding`` learns one for each label; ``one_vs_rest`` has -1 and 1 where ``one_hot`` has 0 and 1."""

from __future__ import annotations

from autograd import Value
from nn.layers.neuron import Init, init_function, width
from nn.losses import one_hot
from nn.module import Module
from nn.seeding import Seed, generator


class Embedding(Module):
    r"""A table of parameters with one row for each label; called with a label it gives that row.

    The row is :math:`e_l^T E`, one-hot vector times table (count x dim), without the products: the same numbers and the same
    gradients, which are exactly 0 in every other row. ``e[2,1]`` is the first number of the row of label 2.

    Args:
        count: the number of labels, which are 0 .. count - 1.
        dim: the length of each row.
        init: how the numbers are drawn, as the weights of ``Layer(count, dim)``, which would read the one-hot vector.
        seed: of the table's own generator; None draws from Python's global one.

    Raises:
        ValueError: if count or dim is not a positive whole number; when called, if the label is not one of them.

    Source: Bengio et al. (2003), "A neural probabilistic language model", the matrix C; the one-hot vector S4.16.

    >>> embedding = Embedding(10, 2, seed=0)
    >>> row = embedding(3)
    >>> [v.label for v in row], row == embedding.table[3]
    (['e[3,1]', 'e[3,2]'], True)
    """

    def __init__(self, count: int, dim: int, init: Init = "uniform", seed: Seed = None) -> None:
        draw, rng = init_function(init), generator(seed)
        count, dim = width("an embedding", "labels", count), width("an embedding", "numbers in a row", dim)
        self.table = [[Value(draw(rng, count, dim), f"e[{label},{j + 1}]") for j in range(dim)] for label in range(count)]
        self.name = "embedding"
        for value in self.parameters():
            value.scope = (self.name,)

    def __call__(self, label: int) -> list[Value]:
        """The row of a label: the parameters themselves."""
        return list(self.table[one_hot(label, len(self.table)).index(1)])

    def __repr__(self) -> str:
        return f"Embedding({len(self.table)}, {len(self.table[0])})"


def one_vs_rest(label: int, classes: int) -> list[int]:
    """The vector of targets for ``hinge`` with one output for each class: 1 at the label, -1 elsewhere.

    For two classes and a single output, entry 1 is its target: ``one_vs_rest(label, 2)[1]``, -1 for label 0 and 1 for label 1.

    Raises:
        ValueError: if the label is not a whole number from 0 to classes - 1.

    Source: Rifkin & Klautau (2004), "In defense of one-vs-all classification"; -1 and 1 as in micrograd's demo.

    >>> one_vs_rest(2, 5)
    [-1, -1, 1, -1, -1]
    """
    return [2 * each - 1 for each in one_hot(label, classes)]
