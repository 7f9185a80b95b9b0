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
FEW = 400  # and in each column of the tables of growth
RESULTS = ("value", "d/dx", "d/dy")

# What grows: a row and which of its results. With c = 0.5 the exponent c - 1 is exact, and nothing is lost.
CURVES = ((ops.TANH, 1), (ops.SIGMOID, 1), (ops.SILU, 1), (ops.ERF, 1), (ops.GELU, 0), (ops.GELU, 1))
POWERS = ((ops.POW.at(1 / 3), 1), (ops.POW.at(0.5), 1))

TEXT = """\
# How accurate the operations are

Every row of the [table of operations](../README.md#the-operations), its value and each of its local derivatives, measured
against [mpmath](https://mpmath.org) with 50 digits. What is measured is what you get: the numbers in a `Value` and in its
`partials`.

{platform}
`python docs/accuracy.py` writes this page anew. Functions like `exp` are those of your C library, so on another platform
some numbers differ.

**An ulp** (unit in the last place) is the distance between neighbouring floats where the exact result lies: 2.2e-16 between
1 and 2, 1.8e-12 around 10000, 4.9e-324 around the smallest. The best that a float can do is to be the one nearest to the exact
result: an error of 0.5 ulp at most. A call of the C library and one or two roundings on top make 1 to 2 ulp. An error of
n ulp leaves about 16 - log10(n) digits.

**What was measured.** *In its range*: {count} points of the range that the row names as its `samples`, half of them evenly
spread, half random. *Anywhere*: these and {count} points of its whole domain, among them subnormal and huge floats, both zeros,
the neighbours of kinks, poles, roots and ends of the domain, and the places where a function overflows, underflows or
saturates. On a kink there is a convention and no derivative, so kinks themselves are left out.

**At the ends of the floats.** inf counts as 2^1024, and so does every exact result beyond: inf is right where the result is
too large for a float, and wrong by many ulp where it is not. An ulp is never less than 4.9e-324, so 0 is right for
whatever is smaller than half of that. nan instead of a number is printed as nan.

**Two edges of powers** stand outside the table below, because a row that mended them could not be read any more. Second derivatives of
`x ** y` at y = 0 are nan where |x| is below 1e-154: 0 times a power that overflows. And a negative base with a whole float exponent
beyond 2^53 has a d/dx of the right size with the wrong sign, because c - 1 is rounded and an odd number becomes even; an int or a
Fraction as base is exact there.

## Every row

The worst error found, in ulp, and where. A star leads to the next section.

| row | result | worst in its range | at | worst anywhere | at |
|---|---|---:|---|---:|---|
{rows}

## Where digits are lost

The starred results have errors above 4 ulp somewhere (those of a family, for some constants). The mathematics is right there,
but the float formula keeps fewer digits of a number that is very small or very large. Still its error is small against
something else: *at most* is the worst error found anywhere, divided by what stands under *relative to*. Where that is 1, it is
the absolute error: where `tanh` is nearly 1 its derivative has few digits of its own, yet all that a sum with numbers about
1 can use.

tiny is 2.2e-308, the smallest float that has all its digits; it is part of every scale. Nothing is promised where a factor
of the formula overflows and the result does not, which takes operands like x = 1e-300 or y = 1e15: there the answer can be
inf or nan. Φ and φ are the normal distribution and its density.

| row | result | why | relative to | at most | at |
|---|---|---|---|---:|---|
{weak}

## How the loss grows

The worst error in ulp of {few} random points with |x| between the bounds, of both signs:

{curves}

The same for the derivative of x ** c, with x or 1/x between the bounds:

{powers}
"""


class Worst(NamedTuple):
    """The worst errors of one result of a row: in ulp in its range and anywhere, and relative to the scale of the weak."""

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
    """The error of the most ulps, the first of several."""
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
    """A line of the second table: a family has one for all its constants."""
    _, formula, why = WEAK[name, index]
    op, error = max(((op, results[op][index].scaled) for op in results if op.name == name), key=lambda each: each[1].scaled)
    formula = formula.replace("|", r"\|")  # within a table
    return f"| {label(op)} | {RESULTS[index]} | {why} | `{formula}` | {error.scaled:.1e} | {at(error)} |"


def growth(curves: Sequence[tuple[Op, int]], bounds: Sequence[int], head: str, operand: Callable[[float], float]) -> str:
    """A table of the worst errors between neighbouring bounds, one line for each result of a row."""
    bins = list(pairwise(bounds))
    lines = [f"| row | result | {' | '.join(head.format(*each) for each in bins)} |", "|---|---|" + "---:|" * len(bins)]
    for op, index in curves:
        rng = random.Random(f"{op!r} {index}")
        points = [[(operand(rng.choice((1, -1)) * rng.uniform(*each)),) for _ in range(FEW)] for each in bins]
        found = [worst(errors(op, point)[index] for point in each) for each in points]
        lines.append(f"| {label(op)} | {RESULTS[index]} | {' | '.join(map(ulps, found))} |")
    return "\n".join(lines)


def label(op: Op) -> str:
    """The name of a row, with the constant of a family."""
    return f"`{op.name}`" + ("" if op.c is None else f", c = {op.c:.3g}")


def ulps(error: Error) -> str:
    """The error as the page shows it."""
    n = error.ulps
    if n == 0 or math.isnan(error.got):
        return "nan" if n else "exact"
    return f"{n:.2f}" if n < 100 else f"{n:.0f}" if n < 10_000 else f"{n:.1e}"


def at(error: Error) -> str:
    """Where it occurred."""
    return ", ".join(f"{name} = {each!r}" for name, each in zip("xy", error.point, strict=False)) if error.ulps else ""


if __name__ == "__main__":
    (HERE / "accuracy.md").write_text(page({op: measured(op) for op in ROWS}), encoding="utf-8")
