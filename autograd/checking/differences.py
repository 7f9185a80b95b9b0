"""Differences: a derivative from values of a function alone, with an estimate of its error.

The quotient (f(x + h) - f(x - h)) / 2h errs by a multiple of h^2, and by the rounding of f divided by h. So h goes from large to
small, around 1 and around the size of x, since nobody says on which of the two scales f changes. Each pair of neighbours is
extrapolated to h = 0 (Richardson), and the extrapolation that agrees best with its neighbour is taken, unless the quotients of
smaller h contradict it: then f is not smooth on the larger scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from autograd.checking.complex_step import Witness
from autograd.checking.rounding import SMALLEST
from autograd.rules.numbers import EPSILON

DECADES = 14  # of h, from a tenth of a scale on: from where the series errs to where rounding does
ROOM = 8  # h spans so many floats at least
SAFETY = 10  # an error that is itself estimated may be so many times larger
RESOLVED = 1e-3  # of a derivative: with a larger error it tells little
WITNESSES = 3  # so many quotients of smaller h must say the same of an estimate that is not resolved
JUMP = 1e-7  # beside x
BESIDE_0 = 1e-300  # the next number
LEVEL = 0.01  # of a jump: beside it f changes by no more, from one distance to another
FINE = 1e-9  # of a derivative: an error below this is small enough to stop


class Quotient(NamedTuple):
    """A difference quotient, with a bound of what rounding makes of it."""

    h: float
    slope: float
    noise: float


class Differences:
    """The values of a function beside a point.

    Args:
        f: a function of floats.
        x: the point.
        noise: a bound of the rounding error of f at x.
    """

    def __init__(self, f: Callable[[float], float], x: float, noise: float) -> None:
        self.f, self.x, self.noise = f, x, noise
        self.values: dict[float, float] = {}

    def at(self, x: float) -> float:
        """f(x); nan where f has no value."""
        if x not in self.values:
            try:
                self.values[x] = self.f(x)
            except Exception:  # f may refuse numbers beside x with whatever error it likes
                self.values[x] = math.nan
        return self.values[x]

    def hs(self) -> list[float]:
        """The differences h, from large to small: around 1 and around the size of x, as far as floats can tell them apart."""
        large, small = max(1.0, abs(self.x)), min(1.0, abs(self.x) or 1.0)
        around = [large * 10.0**-k for k in range(1, DECADES + 1)]
        around += [h for k in range(1, DECADES + 1) if (h := small * 10.0**-k) < around[-1] / 3]
        return [h for h in around if h > ROOM * math.ulp(self.x)]

    def quotients(self, left: int, right: int) -> Iterator[Quotient]:
        """The quotients between x + left h and x + right h, where both have values."""
        for h in self.hs():
            a, b = self.x + left * h, self.x + right * h
            p, q = self.at(a), self.at(b)
            if math.isfinite(p) and math.isfinite(q) and math.isfinite(q - p):
                rounding = EPSILON * abs(p) + EPSILON * abs(q) + 2 * self.noise + SMALLEST
                yield Quotient(h, (q - p) / (b - a), rounding / (b - a))

    def central(self, expected: float = math.nan) -> Witness | None:
        """The derivative; sooner, if it comes close to the expected one."""
        found: list[Quotient] = []
        for quotient in self.quotients(-1, 1):
            found.append(quotient)
            witness = _best(found, 2)
            if witness and max(witness.error, abs(witness.derivative - expected)) <= FINE * abs(expected):
                return witness
        return _best(found, 2)

    def changes_course(self, derivative: float) -> bool:
        """Whether f has one slope as seen from further away and another one close by, and nothing between.

        The distance of the quotients from the derivative shrinks by a hundred from one h to the next where f is smooth. Here it
        stays for two of them, and then it is gone: f chooses by a number, or is a loop that ends as soon as it is close enough.
        """
        off = [abs(quotient.slope - derivative) for quotient in self.quotients(-1, 1)]
        return any(
            0.5 * a < b < 2 * a and b > RESOLVED * abs(derivative) and c < 1e-4 * b
            for a, b, c in zip(off, off[1:], off[2:], strict=False)
        )

    def sides(self) -> tuple[Witness | None, Witness | None]:
        """The derivatives from the left and from the right."""
        left, right = (_best(list(self.quotients(*ends)), 1) for ends in ((-1, 0), (0, 1)))
        return left, right

    def one_sided(self) -> Witness | None:
        """The derivative at an end of the domain, beyond which f has no values; None elsewhere."""
        hs = self.hs()
        if not hs or (math.isfinite(self.at(self.x - hs[0])) and math.isfinite(self.at(self.x + hs[0]))):
            return None
        return min((side for side in self.sides() if side), key=lambda side: side.error, default=None)

    def resolution(self) -> float:
        """The derivative that rounding alone may be, if f changes on the scale of x or of 1."""
        return ROOM * EPSILON * abs(self.at(self.x)) / min(1.0, abs(self.x) or 1.0)

    def jumps_here(self) -> bool:
        """Whether f jumps at x itself: it changes as much from float to float as over many times as many, and as over ``JUMP``."""
        tiny = math.ulp(self.x) if self.x else BESIDE_0
        below, above = self.at(self.x - tiny), self.at(self.x + tiny)
        jump = above - below
        if not SAFETY * (EPSILON * (abs(below) + abs(above)) + 2 * self.noise + SMALLEST) < abs(jump) < math.inf:
            return False
        wider = (3 * tiny, 100 * tiny, 1000 * tiny, JUMP * (abs(self.x) or 1.0))
        return all(abs(self.at(self.x + h) - self.at(self.x - h) - jump) <= LEVEL * abs(jump) for h in wider)


def _best(quotients: Sequence[Quotient], error_order: int) -> Witness | None:
    """The best extrapolation. Each combines two quotients so that the first term of their error cancels."""
    estimates = [
        b._replace(slope=b.slope + (b.slope - a.slope) / (min(a.h / b.h, 1e9) ** error_order - 1))
        for a, b in pairwise(quotients)
    ]
    best: Witness | None = None
    for place, (a, b) in enumerate(pairwise(estimates), 2):
        for estimate, last in ((a, place - 1), (b, place)):
            error = abs(b.slope - a.slope) + estimate.noise
            later = quotients[last + 1 :]
            if (best is None or error < best.error) and (error <= RESOLVED * abs(estimate.slope) or len(later) >= WITNESSES):
                reach = SAFETY * (error + abs(quotients[last].slope - estimate.slope))
                if all(abs(each.slope - estimate.slope) <= reach + SAFETY * each.noise for each in later):
                    best = Witness(estimate.slope, error)
    return best
