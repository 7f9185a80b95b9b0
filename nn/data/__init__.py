"""Data sets to learn from: points in the plane made from a seed, scikit-learn's small real ones, and any CSV file.

>>> from nn import data
>>> data.moons(100, noise=0.1, seed=1337)
Dataset moons: 100 examples, 2 features, 2 classes
>>> print(*data.DATASETS)
moons circles spirals xor blobs iris wine breast_cancer digits
"""

from __future__ import annotations

from collections.abc import Callable

from nn.data.bundled import breast_cancer, digits, iris, wine
from nn.data.csv import read_csv
from nn.data.dataset import DataError, Dataset, split, standardise
from nn.data.synthetic import blobs, circles, moons, spirals, xor
from nn.seeding import Seed

__all__ = [
    "DATASETS",
    "DataError",
    "Dataset",
    "blobs",
    "breast_cancer",
    "circles",
    "digits",
    "iris",
    "load",
    "moons",
    "read_csv",
    "spirals",
    "split",
    "standardise",
    "wine",
    "xor",
]


GENERATED = (moons, circles, spirals, xor, blobs)
DATASETS: dict[str, Callable[..., Dataset]] = {
    function.__name__: function for function in (*GENERATED, iris, wine, breast_cancer, digits)
}
"""The data sets by name: functions, of which the first five take n, noise and a seed."""


def load(name: str, seed: Seed = None) -> Dataset:
    """The data set with a name from ``DATASETS``; the seed is for those that are generated, the others are always the same.

    Raises:
        DataError: if there is no such data set, or it needs scikit-learn and that is missing.

    >>> load("xor", seed=0)
    Dataset xor: 200 examples, 2 features, 2 classes
    """
    if name not in DATASETS:
        raise DataError(f"no data set is called {name!r}; there are {', '.join(DATASETS)}")
    return DATASETS[name](seed=seed) if DATASETS[name] in GENERATED else DATASETS[name]()
