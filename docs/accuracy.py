"""Measures every row of the table against mpmath and writes ``accuracy.md``: ``python docs/accuracy.py``, about a minute."""

import math
import platform
import random
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))  # the oracle stands with the tests, which are not installed

from autograd import Op, ops  # noqa: E402
from tests.oracle import ROWS, WEAK, Error, errors, everywhere, ordinary  # noqa: E402

COUNT = 4000  # points in each of the two regions
FEW = 400  # points in each column of the tables of growth
RESULTS = ("value", "d/dx", "d/dy")

# The results whose error grows: a row, and 0 for its value, 1 or 2 for a partial. With c = 0.5 no rounding changes
# c - 1, and no digit is lost.
CURVES = ((ops.TANH, 1), (ops.SIGMOID, 1), (ops.SILU, 1), (ops.ERF, 1), (ops.GELU, 0), (ops.GELU, 1))
POWERS = ((ops.POW.at(1 / 3), 1), (ops.POW.at(0.5), 1))

TEXT = """\
# How accurate the operations are

This page shows how far each row of the [table of operations](../README.md#the-operations) is from the right number: its value
and each of its local derivatives, compared with [mpmath](https://mpmath.org) at 50 digits. The numbers compared are those that
you get: the data of a `Value` and its `partials`.

{platform}
`python docs/accuracy.py` measures again and rewrites this page. Functions like `exp` come from your C library, so some numbers
differ on another platform.

**An ulp** (unit in the last place) is the distance between neighbouring floats where the true result lies: 2.2e-16 between 1
and 2, 1.8e-12 around 10000, 4.9e-324 around the smallest float. The best float is the one nearest to the true result: its error
is 0.5 ulp at most. A call of the C library with one or two roundings after it makes 1 to 2 ulp. An error of n ulp leaves about
16 - log10(n) digits.

**What was measured.** *In its range*: {count} points of the range that the row names as its `samples`, half of them evenly
spread, half random. *Anywhere*: these and {count} points of its whole domain, among them subnormal and huge floats, both zeros,
the neighbours of kinks, poles, roots and ends of the domain, and the places where a function overflows, underflows or
saturates. Kinks themselves are left out, because there a convention takes the place of the derivative.

**At the ends of the floats.** inf counts as 2^1024, and so does every true result beyond that: inf is right where the result is
too large for a float, and wrong by many ulp where it is not. An ulp is never less than 4.9e-324, so 0 is right for every result
smaller than half of that. Where the float is nan and the result is a number, the page says nan.

**An edge of powers** is not in the table below: with a negative base and a whole float exponent beyond 2^53, d/dx has the right
size and the wrong sign, because c - 1 is rounded and an odd number becomes even. An int or a Fraction as base gives the exact result
there.

**Higher derivatives of sinc** are not in the table either. The nth is at most π^n / (n + 1) in size. Relative to that the error of
the second to the fourth is at most 5e-15, at 0 and near it too. From the fifth on it grows near |x| = 1/2, to 2e-12 in the eighth.
Nothing is promised beyond the eighth, because where |x| < 1/2 the slope is a series of 12 terms.

**At the ends of domains** derivatives of any order are the limits from inside, inf included, or nan where terms of the limit have
two signs. The tests hold up to the fourth derivative, the mixed ones included: `x ** c` and `x ** y` at base 0, `asin` and `acos` at
-1 and 1, `acosh` at 1, `sqrt` and `cbrt` at 0. nan or a convention remain where the limit depends on the way: the second derivatives of
`hypot` and those of `atan2` at the origin; and all derivatives of `x ** y` at x = y = 0, as of `x ** x` at 0, which are 0. From the fourth
derivative with respect to y on, those of `x ** y` at base 0 are 0 too.

**At extreme operands** (5e-324, 1e300, and what lies beside 1) the tests hold up to the third derivative: it is right, or inf where it is
beyond the floats. nan remains where two terms overflow with different signs, or one that a 0 multiplies: the third derivatives of `hypot`
and `atan2` of operands below 1e-100, the mixed ones of `x ** y` with y < 1 and x below 1e-100, and that of `0 / y` with y below 1e-100.

## Every row

The worst error found, in ulp, and where. 0 means that every result was the true one. A star leads to the next section.

| row | result | worst in its range | at | worst anywhere | at |
|---|---|---:|---|---:|---|
{rows}

## Where digits are lost

The starred results have errors above 4 ulp somewhere (those of a family, for some constants). The mathematics is right there,
but the float formula keeps fewer digits of a number that is very small or very large. Still, its error is small relative to
another number, which stands under *relative to*: *at most* is the worst error found anywhere, divided by that number. If that
number is 1, *at most* is the absolute error. An example is the derivative of `tanh` where `tanh` is nearly 1: the derivative
has few digits of its own, but all that count when it is added to numbers near 1.

tiny is 2.2e-308, the smallest float that has all its digits; it is added to every number under *relative to*. Nothing is
promised where a factor of the formula overflows and the result does not, which takes operands like x = 1e-300 or y = 1e15:
there the result can be inf or nan. Φ and φ are the normal distribution and its density.

| row | result | why | relative to | at most | at |
|---|---|---|---|---:|---|
{weak}

## How the loss grows

The worst error, in ulp, at {few} random points of both signs with |x| between the bounds:

{curves}

The same for the derivative of `x ** c`, with x or 1/x between the bounds:

{powers}
"""


class Worst(NamedTuple):
    """The worst errors of one result of a row: in ulp, in its range and anywhere; and relative to its scale in ``WEAK``."""

    ordinary: Error
    anywhere: Error
    scaled: Error


def measured(op: Op, count: int = COUNT) -> list[Worst]:
    """The worst errors of the value and of each partial, over ``count`` points in each region."""
    near, far = ([errors(op, point) for point in islice(points(op), count)] for points in (ordinary, everywhere))
    return [
        Worst(worst(here), worst(here + there), max(here + there, key=lambda error: error.scaled))
        for here, there in zip(map(list, zip(*near, strict=True)), map(list, zip(*far, strict=True)), strict=True)
    ]


def worst(found: Iterable[Error]) -> Error:
    """The largest error in ulp; the first, if several are as large."""
    return max(found, key=lambda error: error.ulps)


def page(results: dict[Op, list[Worst]]) -> str:
    """The text of ``accuracy.md``."""
    python = f"{platform.python_implementation()} {'.'.join(platform.python_version_tuple()[:2])}"
    library = " ".join(platform.libc_ver()).strip() or platform.system()
    return TEXT.format(
        platform=f"Measured with {python}, {library}, {platform.machine()}.",
        count=f"{COUNT:,}",
        few=FEW,
        rows="\n".join(row(op, index, found) for op in results for index, found in enumerate(results[op])),
        weak="\n".join(weak(name, index, results) for name, index in WEAK),
        curves=growth(CURVES, (0, 1, 2, 4, 8, 16, 32), "{} to {}", lambda t: t),
        powers=growth(POWERS, (0, 1, 10, 100, 300), "1e{} to 1e{}", lambda t: 10**t),
    )


def row(op: Op, index: int, found: Worst) -> str:
    """A line of the first table."""
    star = " [*](#where-digits-are-lost)" if (op.name, index) in WEAK else ""
    cells = [
        label(op),
        RESULTS[index],
        ulps(found.ordinary),
        at(found.ordinary),
        ulps(found.anywhere) + star,
        at(found.anywhere),
    ]
    return f"| {' | '.join(cells)} |"


def weak(name: str, index: int, results: dict[Op, list[Worst]]) -> str:
    """A line of the second table; a family has one line for all its constants."""
    _, formula, why = WEAK[name, index]
    op, error = max(((op, results[op][index].scaled) for op in results if op.name == name), key=lambda pair: pair[1].scaled)
    formula = formula.replace("|", r"\|")  # within a table
    return f"| {label(op)} | {RESULTS[index]} | {why} | `{formula}` | {error.scaled:.1e} | {at(error)} |"


def growth(curves: Sequence[tuple[Op, int]], bounds: Sequence[int], head: str, operand: Callable[[float], float]) -> str:
    """A table of the worst errors between neighbouring bounds, one line for each result of a row."""
    bins = list(pairwise(bounds))
    lines = [f"| row | result | {' | '.join(head.format(*ends) for ends in bins)} |", "|---|---|" + "---:|" * len(bins)]
    for op, index in curves:
        rng = random.Random(f"{op!r} {index}")
        points_of_bins = [[(operand(rng.choice((1, -1)) * rng.uniform(*ends)),) for _ in range(FEW)] for ends in bins]
        found = [worst(errors(op, point)[index] for point in points) for points in points_of_bins]
        lines.append(f"| {label(op)} | {RESULTS[index]} | {' | '.join(map(ulps, found))} |")
    return "\n".join(lines)


def label(op: Op) -> str:
    """The name of a row, with the constant of a family."""
    return f"`{op.name}`" + ("" if op.c is None else f", c = {op.c:.3g}")


def ulps(error: Error) -> str:
    """The error as the page shows it."""
    n = error.ulps
    if n == 0 or math.isnan(error.got):
        return "nan" if n else "0"
    return f"{n:.2f}" if n < 100 else f"{n:.0f}" if n < 10_000 else f"{n:.1e}"


def at(error: Error) -> str:
    """Where it occurred."""
    return ", ".join(f"{name} = {number!r}" for name, number in zip("xy", error.point, strict=False)) if error.ulps else ""


if __name__ == "__main__":
    (HERE / "accuracy.md").write_text(page({op: measured(op) for op in ROWS}), encoding="utf-8")
