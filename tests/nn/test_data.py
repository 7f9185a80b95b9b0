import collections
import itertools
import os
import random
import sys

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_circles, make_moons

from nn.data import (
    DATASETS,
    DataError,
    Dataset,
    blobs,
    circles,
    iris,
    load,
    moons,
    read_csv,
    spirals,
    split,
    standardise,
    xor,
)


@pytest.fixture
def csv(tmp_path):
    def write(text, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


# --- points in the plane ---------------------------------------------------------------------------------------------

PLANAR = {"moons": 2, "circles": 2, "spirals": 2, "xor": 2, "blobs": 3}


@pytest.mark.parametrize("name", PLANAR)
def test_the_same_seed_gives_the_same_numbers(name):
    make = DATASETS[name]
    random.seed(5)
    state = random.getstate()
    assert make(seed=3) == make(seed=3) == make(seed=random.Random(3)) == load(name, 3)
    assert make(seed=3) != make(seed=4)
    assert random.getstate() == state  # a seed leaves the global generator alone
    one = make()
    assert make() != one
    random.setstate(state)
    assert make() == one  # no seed: Python's global generator


def test_the_numbers_of_a_seed_are_these():
    """On every Python, so that a printed lesson stays true."""
    data = moons(4, noise=0.1, seed=1337)
    assert data.y == [0, 0, 1, 1]
    # 1e-12: sin and cos may differ in the last digit from machine to machine
    expected = [
        [-0.9858155550949704, -0.08883574816748523],
        [0.9374826141585698, -0.07079891713140325],
        [2.0996464665881076, 0.4972729670649556],
        [-0.05522954659594519, 0.3399360694504071],
    ]
    np.testing.assert_allclose(data.x, expected, atol=1e-12)


@pytest.mark.parametrize("name", PLANAR)
@pytest.mark.parametrize("n", [3, 10, 101])
def test_classes_are_balanced_as_well_as_n_allows(name, n):
    data = DATASETS[name](n, seed=0)
    assert (len(data), len(data.x), data.name, data.features) == (n, n, name, ("x", "y"))
    assert {len(row) for row in data.x} == {2}
    assert len(data.classes) == PLANAR[name]
    counts = [data.y.count(label) for label in range(PLANAR[name])]
    assert sum(counts) == n
    assert max(counts) - min(counts) <= 1


def test_there_may_be_more_classes():
    assert [spirals(12, seed=0, classes=4).y.count(label) for label in range(4)] == [3] * 4
    assert [blobs(13, seed=0, classes=5).y.count(label) for label in range(5)] == [2, 2, 3, 3, 3]


@pytest.mark.parametrize("name", PLANAR)
def test_examples_are_in_random_order(name):
    y = DATASETS[name](100, seed=0).y
    assert 20 < sum(a != b for a, b in itertools.pairwise(y)) < 90


@pytest.mark.parametrize("name", PLANAR)
def test_noise_is_normal_with_its_standard_deviation_and_leaves_the_labels(name):
    clean, noisy = DATASETS[name](2000, noise=0, seed=0), DATASETS[name](2000, noise=0.25, seed=0)
    assert clean.y == noisy.y
    noise = (np.array(noisy.x) - np.array(clean.x)).ravel() / 0.25
    # 4,000 draws: the mean's own deviation is 0.016, that of the variance 0.022; 5 of those are allowed
    assert abs(noise.mean()) < 0.08
    assert abs(noise.var() - 1) < 0.11
    assert 2.5 < abs(noise).max() < 6
    assert abs(np.corrcoef(noise[::2], noise[1::2])[0, 1]) < 0.12  # x and y have noise of their own


# Noise-free points lie on their curves; 1e-12: a few roundings of numbers of size 1.


def points(data):
    return [(np.array([x for x, label in zip(data.x, data.y, strict=True) if label == c])).T for c in range(len(data.classes))]


@pytest.mark.parametrize("n", [7, 100])
def test_moons_and_circles_are_on_scikit_learns_curves(n):
    for ours, (x, y) in [
        (moons(n, noise=0, seed=0), make_moons(n, shuffle=False)),
        (circles(n, noise=0, seed=0), make_circles(n, shuffle=False, factor=0.5)),
    ]:
        for label, mine in enumerate(points(ours)):
            theirs = x[y == label].T
            order = [np.lexsort(np.round(points, 9)) for points in (mine, theirs)]
            np.testing.assert_allclose(mine[:, order[0]], theirs[:, order[1]], atol=1e-12)


def test_circles_have_radius_one_and_one_half():
    outer, inner = points(circles(51, noise=0, seed=0))
    np.testing.assert_allclose(np.hypot(*outer), 1, atol=1e-12)
    np.testing.assert_allclose(np.hypot(*inner), 0.5, atol=1e-12)


def test_each_moon_is_half_of_a_circle():
    upper, lower = points(moons(50, noise=0, seed=0))
    np.testing.assert_allclose(np.hypot(upper[0], upper[1]), 1, atol=1e-12)
    np.testing.assert_allclose(np.hypot(lower[0] - 1, lower[1] - 0.5), 1, atol=1e-12)
    assert upper[1].min() > -1e-12
    assert lower[1].max() < 0.5 + 1e-12


def test_spirals_turn_as_far_as_they_lead_away_from_the_centre():
    arms = points(spirals(300, noise=0, seed=0, classes=3))
    for c, (x, y) in enumerate(arms):
        radius = np.hypot(x, y)
        assert radius.min() == pytest.approx(0.1)
        assert radius.max() == pytest.approx(1)
        turns = np.arctan2(y, x) / (2 * np.pi)
        off = turns - 1.25 * radius - c / 3
        np.testing.assert_allclose(off, np.round(off), atol=1e-12)  # whole turns
    first = np.sort(np.hypot(*arms[0]))
    np.testing.assert_allclose(np.diff(first), first[1] - first[0], atol=1e-12)  # evenly spaced


def test_xor_is_the_sign_rule_with_a_margin_in_all_four_quadrants():
    data = xor(400, noise=0, seed=0)
    assert all((x * y < 0) == (label == 1) for (x, y), label in zip(data.x, data.y, strict=True))
    assert all(0.1 <= abs(v) <= 1 for row in data.x for v in row)
    quadrants = collections.Counter((x > 0, y > 0) for x, y in data.x)
    assert set(quadrants.values()) == {100}


def test_blobs_are_centred_on_a_circle():
    for c, (x, y) in enumerate(points(blobs(4 * 2500, noise=0.3, seed=0, classes=4))):
        centre = [(1, 0), (0, 1), (-1, 0), (0, -1)][c]
        # 2,500 draws: the mean's own deviation is 0.006; 5 of those are allowed
        np.testing.assert_allclose([x.mean(), y.mean()], centre, atol=0.03)


@pytest.mark.parametrize("name", PLANAR)
def test_impossible_points_are_refused(name):
    make = DATASETS[name]
    for n in (0, PLANAR[name] - 1, -3, 10.0, "10", True):
        with pytest.raises(ValueError, match=f"{name} needs a whole number of examples, at least {PLANAR[name]}, but got"):
            make(n)
    for noise in (-0.1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=f"{name} needs a standard deviation of the noise, 0 or more, but got {noise}"):
            make(noise=noise)
    for many in (spirals, blobs):
        with pytest.raises(ValueError, match="whole number of classes, at least 2, but got 1"):
            many(classes=1)


# --- scikit-learn's ---------------------------------------------------------------------------------------------------

BUNDLED = {
    # name: its loader, the sizes of the classes, the first example
    "iris": (load_iris, [50, 50, 50], [5.1, 3.5, 1.4, 0.2]),  # the first line of Fisher's table
    "wine": (load_wine, [59, 71, 48], [14.23, 1.71, 2.43, 15.6, 127.0]),
    "breast_cancer": (load_breast_cancer, [212, 357], [17.99, 10.38, 122.8, 1001.0]),
    "digits": (load_digits, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180], [0.0, 0.0, 5.0, 13.0, 9.0, 1.0, 0.0, 0.0]),
}


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_data_are_scikit_learns_number_for_number(name):
    loader, counts, first = BUNDLED[name]
    data, bunch = load(name), loader()
    assert np.array_equal(data.x, bunch.data)
    assert np.array_equal(data.y, bunch.target)
    assert {type(v) for row in data.x for v in row} == {float}  # Python's own
    assert {type(label) for label in data.y} == {int}
    assert data.name == name
    assert data.features == tuple(bunch.feature_names)
    assert data.classes == tuple(map(str, bunch.target_names))
    assert {type(word) for word in data.features + data.classes} == {str}
    assert [data.y.count(label) for label in range(len(data.classes))] == counts
    assert data.x[0][: len(first)] == first
    assert load(name, seed=5) == data  # a seed changes nothing


@pytest.mark.parametrize("name", BUNDLED)
def test_without_scikit_learn_the_command_that_installs_it_is_said(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(DataError, match=rf"{name} comes with scikit-learn: pip install scikit-learn"):
        load(name)
    assert [len(load(planar, seed=0)) for planar in PLANAR] == [100, 100, 200, 200, 150]


def test_the_table_of_data_sets_has_them_all_and_an_unknown_name_is_told_so():
    assert list(DATASETS) == [*PLANAR, *BUNDLED]
    with pytest.raises(DataError, match=f"no data set is called 'mnist'; there are {', '.join(DATASETS)}"):
        load("mnist")


# --- CSV files --------------------------------------------------------------------------------------------------------


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
    for name in ("a\0b.csv", "\ud800.csv"):
        with pytest.raises(DataError, match="is no name that a file can have"):
            read_csv(name)
    with pytest.raises(DataError, match="directory"):
        read_csv(tmp_path)
    with pytest.raises(DataError, match=r"no column is called 'z'; there are 'a', 'y'"):
        read_csv(csv("a,y\n1,0\n"), target="z")


YEARS = "2019,2020,2021,country\n1,2,3,Chad\n4,5,6,Peru\n7,8,9,Chad\n1,5,9,Peru\n"


def test_years_are_names_of_columns(csv):
    data = read_csv(csv(YEARS))
    assert (data.features, data.classes, data.x[0], data.y) == (
        ("2019", "2020", "2021"),
        ("Chad", "Peru"),
        [1, 2, 3],
        [0, 1, 0, 1],
    )
    data = read_csv(csv(YEARS.replace("country", "2022").replace("Chad", "0").replace("Peru", "1")), target="2022")
    assert (data.features, data.classes) == (("2019", "2020", "2021"), ("0", "1"))
    with pytest.raises(DataError, match="line 1: the header is missing"):
        read_csv(csv("1500,1600,Chad\n1,2,Peru\n4,5,Chad\n7,8,Peru\n1,5,Chad\n"))


def test_an_index_without_a_name_is_no_feature(csv):
    """As ``DataFrame.to_csv`` writes it, with numbers or with words."""
    for names in "0123", ["a", "b", "c", "d"], ["", "", "", ""]:
        rows = ["1.5,0,x", "2.5,1,y", "3.5,0,x", "4.5,1,y"]
        data = read_csv(csv(",width,size,kind\n" + "\n".join(f"{name},{row}" for name, row in zip(names, rows, strict=True))))
        assert (data.features, data.x[1], data.classes) == (("width", "size"), [2.5, 1.0], ("x", "y"))
    data = read_csv(csv("width,,kind\n1,2,x\n3,4,y\n5,6,x\n7,8,y\n"))
    assert data.features == ("width", "Unnamed: 1")
    with pytest.raises(DataError, match="line 3: 2 columns where the header has 3"):
        read_csv(csv(",a,y\n0,1,x\n1,2\n"))
    with pytest.raises(DataError, match="only one column, 'y'"):
        read_csv(csv(",y\n0,x\n1,y\n"))


class Counted(str):
    """A text that counts how often it is compared."""

    __slots__ = ()
    times = 0

    def __eq__(self, other):
        Counted.times += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_the_classes_are_counted_in_linear_time(csv, monkeypatch):
    """By comparisons, not by the clock: 2,000 classes of two examples each."""
    from nn.data import csv as module

    rows = module._rows
    monkeypatch.setattr(module, "_rows", lambda path: ((line, [*map(Counted, row)]) for line, row in rows(path)))
    text = "a,y\n" + "".join(f"{k},c{k % 2000}\n" for k in range(4000))
    Counted.times = 0
    data = read_csv(csv(text))
    assert len(data.classes) == 2000
    assert Counted.times < 200_000
    assert [data.classes[y] for y in data.y[:3]] == ["c0", "c1", "c2"]


@pytest.mark.skipif(os.name != "posix", reason="POSIX has these devices and pipes")
def test_what_may_never_end_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for path in tmp_path / "pipe.csv", "/dev/zero":
        with pytest.raises(DataError, match="is no file but a device or a pipe"):
            read_csv(path)


def test_a_line_without_end_is_refused(csv):
    for text in "1," * 600_000, "a,y\n" + "1," * 600_000:
        with pytest.raises(DataError, match=f"line {1 + text.count(chr(10))}: longer than 1,000,000 characters"):
            read_csv(csv(text))


# --- splitting and standardising --------------------------------------------------------------------------------------


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


def test_classes_are_in_order_numbers_before_words(tmp_path):
    file = tmp_path / "mixed.csv"
    file.write_text("x,y\n" + "".join(f"{k},{label}\n" for k, label in enumerate(["b", "10", "a", "9", "b", "10", "a", "9"])))
    assert read_csv(file).classes == ("9", "10", "a", "b")
