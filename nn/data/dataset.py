"""A data set: examples that belong to classes; how it is split and standardised."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

from autograd.text import printable, printable_lines


class DataError(ValueError):
    """Data that cannot be read or learned from; the message names the file, the place in it, and the remedy.

    >>> from nn.data import read_csv
    >>> try:
    ...     read_csv("nowhere.csv")
    ... except DataError as error:
    ...     print(error)
    nowhere.csv cannot be read: no such file or directory; check the path
    """

    def __str__(self) -> str:
        return printable_lines(super().__str__())  # a file and its columns may be called anything


@dataclass(frozen=True, repr=False)
class Dataset:
    """Examples that belong to classes.

    Attributes:
        name: the name of the data set.
        features: the names of the columns of ``x``.
        classes: the names of the classes; a label is an index into them.
        x: one list of numbers for each example.
        y: one label for each example, from 0.

    >>> Dataset("fruit", ("weight", "width"), ("apple", "pear"), [[150.0, 7.1], [120.0, 6.5]], [0, 1])
    Dataset fruit: 2 examples, 2 features, 2 classes
    """

    name: str
    features: tuple[str, ...]
    classes: tuple[str, ...]
    x: list[list[float]]
    y: list[int]

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        return (
            f"Dataset {printable(self.name)}: {len(self)} examples, {len(self.features)} features, {len(self.classes)} classes"
        )

    def take(self, indices: Sequence[int]) -> Dataset:
        """The examples at these indices.

        >>> from nn.data import iris
        >>> iris().take([0, 3])
        Dataset iris: 2 examples, 4 features, 3 classes
        """
        return Dataset(self.name, self.features, self.classes, [self.x[i] for i in indices], [self.y[i] for i in indices])


def split(data: Dataset, held_out: float, rng: random.Random) -> tuple[Dataset, Dataset]:
    """A training and a test set, in which the test set has the share ``held_out`` of every class.

    Raises:
        DataError: if a class has fewer than two examples.

    >>> from nn.data import moons
    >>> train, test = split(moons(100, seed=0), 0.2, random.Random(0))
    >>> len(train), len(test), test.y.count(0)
    (80, 20, 10)
    """
    train: list[int] = []
    test: list[int] = []
    for label, name in enumerate(data.classes):
        members = [i for i, y in enumerate(data.y) if y == label]
        if len(members) < 2:
            raise DataError(f"{data.name}: class {name!r} has {len(members)} example; it takes two to train and to test")
        rng.shuffle(members)
        cut = min(max(1, round(held_out * len(members))), len(members) - 1)
        test += members[:cut]
        train += members[cut:]
    return data.take(sorted(train)), data.take(sorted(test))


def standardise(data: Dataset, *others: Dataset) -> list[Dataset]:
    """The data sets, with every feature shifted and scaled so that it has mean 0 and standard deviation 1 over the first of them.

    A feature that is constant over the first becomes 0 in all.

    >>> from nn.data import moons
    >>> [scaled] = standardise(moons(100, seed=0))
    >>> round(abs(sum(x for x, _ in scaled.x)), 9)
    0.0
    """
    columns = list(zip(*data.x, strict=True))
    means = [fmean(column) for column in columns]
    scales = [pstdev(column, mean) or math.inf for column, mean in zip(columns, means, strict=True)]
    return [
        Dataset(
            dataset.name,
            dataset.features,
            dataset.classes,
            [[(v - mean) / scale for v, mean, scale in zip(x, means, scales, strict=True)] for x in dataset.x],
            dataset.y,
        )
        for dataset in (data, *others)
    ]
