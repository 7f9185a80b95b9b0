"""Real data sets that come with scikit-learn: flowers, wines, tumours, handwritten digits."""

from __future__ import annotations

import random

from nn.data.dataset import DataError, Dataset


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
    """1797 handwritten digits: the brightness of 8 x 8 pixels, row by row, from 0 to 16.

    Raises:
        DataError: without scikit-learn, which ships the data.

    Source: Alpaydin & Kaynak (1998), UCI Machine Learning Repository, "Optical Recognition of Handwritten Digits", test set.

    >>> digits()
    Dataset digits: 1797 examples, 64 features, 10 classes
    """
    return _bundled("digits")


def _bundled(name: str) -> Dataset:
    try:
        state = random.getstate()  # scikit-learn's first import draws from Python's generator, which the user may have seeded
        import sklearn.datasets

        random.setstate(state)
    except ImportError:
        raise DataError(f"the data set {name} comes with scikit-learn: pip install scikit-learn") from None
    bunch = getattr(sklearn.datasets, f"load_{name}")()
    features, classes = (tuple(map(str, names)) for names in (bunch.feature_names, bunch.target_names))
    return Dataset(name, features, classes, bunch.data.tolist(), bunch.target.tolist())
