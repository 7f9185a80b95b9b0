import random

import numpy as np
import pytest
from sklearn.datasets import make_moons

from nn.data import DataError, Dataset, iris, moons, read_csv, split, standardise


@pytest.fixture
def csv(tmp_path):
    def write(text, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_iris_is_fishers():
    data = iris()
    assert len(data) == 150
    assert data.x[0] == [5.1, 3.5, 1.4, 0.2]  # the first line of Fisher's table
    assert [data.y.count(label) for label in range(3)] == [50, 50, 50]
    assert data.classes == ("setosa", "versicolor", "virginica")


def test_moons_are_micrograds_and_repeat_with_their_seed():
    assert moons(100, seed=3) == moons(100, seed=3)
    assert moons(100, seed=3) != moons(100, seed=4)
    np.random.seed(1337)  # noqa: NPY002  (micrograd's demo draws from the global generator)
    data = moons(100, noise=0.1)
    np.random.seed(1337)  # noqa: NPY002
    x, y = make_moons(n_samples=100, noise=0.1)
    assert data.x == x.tolist()
    assert data.y == y.tolist()


def test_csv_with_the_label_last(csv):
    data = read_csv(csv("a,b,kind\n1,2.5,yes\n-3,4e-2,no\n\n0,0,yes\n2,2,no\n"))
    assert data == Dataset("table", ("a", "b"), ("no", "yes"), [[1.0, 2.5], [-3.0, 0.04], [0.0, 0.0], [2.0, 2.0]], [1, 0, 1, 0])


def test_csv_with_a_target_column_a_byte_order_mark_and_quotes(csv):
    text = '\ufeffkind,"a, in cm"\n"x",1\n"y",2\nx,3\ny,4\n'
    data = read_csv(csv(text), target="kind")
    assert data.features == ("a, in cm",)
    assert data.y == [0, 1, 0, 1]


def test_csv_sorts_numeric_labels_as_numbers(csv):
    assert read_csv(csv("a,y\n1,10\n2,9\n3,10\n4,9\n")).classes == ("9", "10")


BAD = {
    "empty": ("", ["is empty", "header"]),
    "blank lines only": ("\n\n  \n", ["is empty"]),
    "header only": ("a,b,y\n", ["no examples"]),
    "no header": ("1,2,0\n3,4,1\n", ["line 1", "header is missing"]),
    "one column": ("a;b;y\n1;2;0\n", ["line 1", "one column", "commas"]),
    "columns of one name": ("a,a,y\n1,2,0\n", ["line 1", "'a'"]),
    "ragged, short": ("a,b,y\n1,2,0\n1,2\n", ["line 3", "2 columns", "3"]),
    "ragged, long": ("a,b,y\n1,2,0\n\n1,2,0,5\n", ["line 4", "4 columns", "3"]),
    "not a number": ("a,b,y\n1,2,0\n1,two,1\n", ["line 3", "'b'", "'two'"]),
    "missing number": ("a,b,y\n1,,0\n", ["line 2", "'b'", "''"]),
    "nan": ("a,b,y\n1,nan,0\n", ["line 2", "'b'", "'nan'"]),
    "infinite": ("a,b,y\n1,inf,0\n", ["line 2", "'b'", "'inf'"]),
    "missing label": ("a,b,y\n1,2,\n", ["line 2", "'y'", "label is missing"]),
    "too large": ("a,y\n1e308,0\n-1e308,0\n1,1\n2,1\n", ["line 2", "'a'", "'1e308'", "1e+100"]),
    "a number only Python reads": ("a,y\n1_000,0\n", ["line 2", "'1_000'"]),
    "no header, labels of words": ("5.1,3.5,setosa\n4.9,3.0,setosa\n", ["line 1", "header is missing"]),
    "a class with one example": ("a,y\n1,0\n2,0\n3,1\n4,0\n", ["'y'", "'1' has one example"]),
    "one class": ("a,y\n1,0\n2,0\n", ["'y'", "1 different label"]),
    "a column of measurements": (
        "a,y\n" + "".join(f"{k},{k}.5\n" for k in range(20)),
        ["'y'", "20 different labels", "--target"],
    ),
    "unclosed quote": ('a,y\n"1,0\n', ["line", "quotes"]),
    "not text": (b"a,y\n\xff\xfe,0\n", ["UTF-8"]),
    "a NUL": (b"a,y\n1\x00,0\n", ["line 2"]),
}


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD)
def test_bad_csv_is_refused_with_file_place_and_remedy(csv, text, words):
    path = csv(text)
    with pytest.raises(DataError) as caught:
        read_csv(path)
    message = str(caught.value)
    assert str(path) in message
    assert all(word in message for word in words), message
    assert "\n" not in message


def test_csv_that_cannot_be_read(tmp_path, csv):
    with pytest.raises(DataError, match="no such file"):
        read_csv(tmp_path / "nowhere.csv")
    with pytest.raises(DataError, match="directory"):
        read_csv(tmp_path)
    with pytest.raises(DataError, match=r"no column is called 'z'; there are 'a', 'y'"):
        read_csv(csv("a,y\n1,0\n"), target="z")


def test_split_takes_its_share_of_each_class_and_loses_nothing():
    data = iris()
    train, test = split(data, 0.2, random.Random(0))
    assert [test.y.count(label) for label in range(3)] == [10, 10, 10]
    assert sorted(train.x + test.x) == sorted(data.x)
    assert split(data, 0.2, random.Random(0)) == (train, test)
    with pytest.raises(DataError, match="takes two"):
        split(data.take([0, 50, 51]), 0.2, random.Random(0))


def test_standardise_uses_the_statistics_of_the_first_set_alone():
    train, test = split(iris(), 0.2, random.Random(0))
    scaled, other = standardise(train, test)
    x = np.array(train.x)
    # 1e-12: sums of a hundred numbers of size 1.
    np.testing.assert_allclose(np.array(scaled.x), (x - x.mean(0)) / x.std(0), atol=1e-12)
    np.testing.assert_allclose(np.array(other.x), (np.array(test.x) - x.mean(0)) / x.std(0), atol=1e-12)
    constant = Dataset("c", ("a",), ("0", "1"), [[5.0], [5.0]], [0, 1])
    assert standardise(constant)[0].x == [[0.0], [0.0]]
