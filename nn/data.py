"""Data sets to learn from: points in the plane made from a seed, scikit-learn's small real ones, and any CSV file.

>>> from nn import data
>>> data.moons(100, noise=0.1, seed=1337)
Dataset moons: 100 examples, 2 features, 2 classes
>>> print(*data.DATASETS)
moons circles spirals xor blobs iris wine breast_cancer digits
"""

from __future__ import annotations

import random
from collections.abc import Callable

from nn.dataset import DataError, Dataset, read_csv, split, standardise
from nn.synthetic import Seed, blobs, circles, moons, spirals, xor

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


def iris() -> Dataset:
    """Fisher's 150 irises of three species: four lengths and widths in centimetres.

    Raises:
        DataError: without scikit-learn, which ships the data.

    Source: Fisher (1936), "The use of multiple measurements in taxonomic problems".

    >>> iris().features[0], iris().classes
    ('sepal length (cm)', ('setosa', 'versicolor', 'virginica'))
    """
    return _bundled("iris")


def wine() -> Dataset:
    """178 Italian wines of three growers: 13 chemical measurements.

    Raises:
        DataError: without scikit-learn, which ships the data.

    Source: Forina et al. (1988), PARVUS; UCI Machine Learning Repository, "Wine".

    >>> wine()
    Dataset wine: 178 examples, 13 features, 3 classes
    """
    return _bundled("wine")


def breast_cancer() -> Dataset:
    """569 tumours, malignant or benign: 30 measurements of cell nuclei in an image.

    Raises:
        DataError: without scikit-learn, which ships the data.

    Source: Street, Wolberg & Mangasarian (1993), "Nuclear feature extraction for breast tumor diagnosis".

    >>> breast_cancer()
    Dataset breast_cancer: 569 examples, 30 features, 2 classes
    """
    return _bundled("breast_cancer")


def digits() -> Dataset:
    """1797 handwritten digits: 8 x 8 pixels, row by row, of brightness 0 to 16.

    Raises:
        DataError: without scikit-learn, which ships the data.

    Source: Alpaydin & Kaynak (1998), UCI Machine Learning Repository, "Optical Recognition of Handwritten Digits", test set.

    >>> digits()
    Dataset digits: 1797 examples, 64 features, 10 classes
    """
    return _bundled("digits")


def _bundled(name: str) -> Dataset:
    try:
        state = random.getstate()  # scikit-learn's first import draws from Python's generator; the user's seed is not to notice
        import sklearn.datasets

        random.setstate(state)
    except ImportError:
        raise DataError(f"the data set {name} comes with scikit-learn: pip install 'chainrule[data]'") from None
    bunch = getattr(sklearn.datasets, f"load_{name}")()
    features, classes = (tuple(map(str, names)) for names in (bunch.feature_names, bunch.target_names))
    return Dataset(name, features, classes, bunch.data.tolist(), bunch.target.tolist())


GENERATED = (moons, circles, spirals, xor, blobs)
DATASETS: dict[str, Callable[..., Dataset]] = {each.__name__: each for each in (*GENERATED, iris, wine, breast_cancer, digits)}
"""The data sets by name: functions, of which the first five take n, noise and a seed."""


def load(name: str, seed: Seed = None) -> Dataset:
    """A data set by its name in ``DATASETS``; those that are generated take the seed, the others are always the same.

    Raises:
        DataError: if there is no such data set, or it needs scikit-learn and that is missing.

    >>> load("xor", seed=0)
    Dataset xor: 200 examples, 2 features, 2 classes
    """
    if name not in DATASETS:
        raise DataError(f"no data set is called {name!r}; there are {', '.join(DATASETS)}")
    return DATASETS[name](seed=seed) if DATASETS[name] in GENERATED else DATASETS[name]()
