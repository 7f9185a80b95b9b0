"""The page of measured errors says what is true, and the measurement would notice if a row were wrong by 1e-12."""

import importlib.util
import math
import random
import re
from itertools import islice
from pathlib import Path

import pytest

from autograd import OPS
from tests.oracle import (
    EPS,
    HUGE,
    ROWS,
    WEAK,
    clamped,
    distance,
    errors,
    everywhere,
    is_regular,
    mp,
    mpf,
    ordinary,
    row_id,
    ulp,
)
from tests.sweeps import sweep

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "accuracy.md").read_text(encoding="utf-8")
spec = importlib.util.spec_from_file_location("accuracy", DOCS / "accuracy.py")
accuracy = importlib.util.module_from_spec(spec)
spec.loader.exec_module(accuracy)

POINTS = sweep("points of every row against the page", sample=300, full=2 * accuracy.COUNT)
DIGITS = sweep("points of every row, the oracle with 100 digits", sample=110, full=2200)
ULPS = sweep("floats and their ulp", sample=500, full=10_000)

OUTPUTS = [(op, index) for op in ROWS for index in range(op.arity + 1)]


def each(rows):
    return pytest.mark.parametrize("op", rows, ids=row_id)


# --- the rule ---------------------------------------------------------------------------------------------------------


def test_an_ulp_is_the_distance_of_neighbouring_floats():
    rngs = map(random.Random, ULPS.cases())
    ends = [0.0, 5e-324, 2.0**-1022, 1 - EPS / 2, 1.0, 1 + EPS, HUGE]
    for x in ends + [math.ldexp(rng.random(), rng.randint(-1070, 1020)) for rng in rngs]:
        assert ulp(mpf(x)) == ulp(-mpf(x)) == math.ulp(x)
    assert ulp(mpf("1e-400")) == 5e-324
    assert ulp(mpf("1e400")) == math.ulp(HUGE)


@pytest.mark.parametrize(
    ("got", "want", "ulps"),
    [
        (1.0, mpf(1) + mpf(EPS) / 4, 0.25),
        (1 + EPS, mpf(1), 1),
        (math.inf, mpf("1e400"), 0),
        (-math.inf, mpf("-1e400"), 0),
        (math.inf, mpf(HUGE), 1),  # one step too early
        (HUGE, mpf("1e400"), 1),  # one step too late
        (math.inf, mpf(2) ** 1000, 2.0**76 - 2.0**52),
        (-math.inf, mpf("1e400"), 2.0**54),
        (0.0, mpf("1e-400"), pytest.approx(0)),
        (0.0, mpf(5e-324), 1),
        (-0.0, mpf(0), 0),
        (math.nan, mpf(1), math.inf),
        (1.0, mp.nan, math.inf),
        (math.nan, mp.nan, 0),
    ],
    ids=str,
)
def test_the_rule_for_the_ends_of_the_floats(got, want, ulps):
    assert float(distance(got, want) / ulp(want)) == ulps


def test_samples_stay_inside_the_domain_and_reach_its_ends():
    for op in ROWS:
        points = [*islice(ordinary(op), 300), *islice(everywhere(op), 2000)]
        assert all(is_regular(op, point) and op.defined(*point) for point in points)
        sizes = [abs(point[0]) for point in points]
        ends = {
            **dict.fromkeys(("asin", "acos", "asin_dx", "atanh"), 0.999999),
            **dict.fromkeys(("floor", "rint", "rint_down"), 1e15),
        }
        assert min(sizes) < (1 + 1e-6 if op.name == "acosh" else 1e-307)
        assert max(sizes) > ends.get(op.name, 1e300)  # from 2 ** 52 on, every float is whole and so a jump


@each(ROWS)
def test_more_digits_of_the_oracle_give_the_same(op, monkeypatch):
    points = [*islice(ordinary(op), 10), *islice(everywhere(op), DIGITS.take() - 10)]
    wanted = [error.want for point in points for error in errors(op, point)]
    monkeypatch.setattr("tests.oracle.DIGITS", 100)
    for want, better in zip(wanted, (error.want for point in points for error in errors(op, point)), strict=True):
        if not mp.isnan(better):  # beyond the floats the sign is enough
            assert abs(clamped(want) - clamped(better)) <= max(abs(better) * mpf("1e-20"), mpf("1e-1000"))  # which is 0 by far


# --- the page -----------------------------------------------------------------------------------------------------------


def cells(table):
    """The lines of the page's table of this number, cell by cell."""
    blocks = re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in blocks[table].splitlines()[2:]]


def number(cell):
    text = cell.split()[0]
    return math.inf if text == "nan" else float(text)


IN_RANGE, ANYWHERE = (
    {output: number(line[column]) for output, line in zip(OUTPUTS, cells(0), strict=True)} for column in (2, 4)
)
SCALED = {key: float(line[4]) for key, line in zip(WEAK, cells(1), strict=True)}


def test_the_page_lists_each_row_and_each_result():
    assert [line[:2] for line in cells(0)] == [[accuracy.label(op), accuracy.RESULTS[index]] for op, index in OUTPUTS]
    assert {op.name for op, _ in OUTPUTS} == set(OPS)
    named = [re.match(r"`(\w+)`", line[0]).group(1) for line in cells(1)]
    assert [(name, accuracy.RESULTS.index(line[1])) for name, line in zip(named, cells(1), strict=True)] == list(WEAK)


def test_the_words_of_the_page_are_those_of_its_source(monkeypatch):
    def words(page):
        """All but the numbers, where they were found, and what they were measured on."""
        without_places = re.sub(r"^Measured with .*|(x = [^|,]*(, y = [^|]*)?)(?= \|)", "", page, flags=re.MULTILINE)
        return re.sub(r"-?\d[\d.]*(e[+-]?\d+)?|nan|inf", "#", without_places).replace("  ", " ")

    monkeypatch.setattr(accuracy, "FEW", 5)
    assert words(accuracy.page({op: accuracy.measured(op, 60) for op in ROWS})) == words(PAGE)


def test_every_error_above_4_ulp_has_its_reason_and_its_scale():
    above = {(op.name, index) for op, index in OUTPUTS if max(IN_RANGE[op, index], ANYWHERE[op, index]) > 4}
    assert above == set(WEAK)
    assert all(found <= 4 * EPS for found in SCALED.values())


def exceeding(op, count):
    """The results of a row with fresh errors beyond those of the page.

    The points are among those of the page, so on the same platform nothing can be. Another C library may round a call
    otherwise and be wrong by an ulp or two more: it is allowed twice the error and four ulp.
    """
    found = set()
    for here, points in ((True, ordinary(op)), (False, everywhere(op))):
        for point in islice(points, count):
            for index, error in enumerate(errors(op, point)):
                weak = (op.name, index) in WEAK
                in_range = here and error.ulps > 2 * IN_RANGE[op, index] + 4
                anywhere = (
                    error.scaled > 2 * SCALED[op.name, index] + 4 * EPS if weak else error.ulps > 2 * ANYWHERE[op, index] + 4
                )
                if in_range or anywhere:
                    found.add(index)
    return found


@each(ROWS)
def test_fresh_errors_are_those_of_the_page(op):
    assert exceeding(op, POINTS.take() // 2) == set()


# --- the measurement can fail -------------------------------------------------------------------------------------------

BUGS = {
    "a factor 1 + 1e-12": lambda each: each * (1 + 1e-12),
    "a flipped sign": lambda each: -each,
    "a constant 1e-12 more": lambda each: each + 1e-12,
    "a NaN": lambda each: math.nan,
}


@pytest.mark.parametrize("bug", BUGS)
@each(ROWS)
def test_a_planted_bug_exceeds_the_page(op, bug, monkeypatch):
    kernel = op.kernel
    for index in range(op.arity + 1):
        planted = lambda *operands: [BUGS[bug](each) if k == index else each for k, each in enumerate(kernel(*operands))]  # noqa: B023, E731
        monkeypatch.setitem(vars(op), "kernel", planted)
        always_zero = not any(kernel(*point)[index] for point in islice(ordinary(op), 20))
        if not (always_zero and bug in ("a factor 1 + 1e-12", "a flipped sign")):
            assert exceeding(op, 15) == {index}
