"""What the benchmarks share: how they read numbers on the command line, and how they refuse to time gradients that differ."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence

TOLERANCE = 1e-9  # relative to the largest entry: far above rounding, far below any error in a derivative


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"needs a whole number of at least 1, but got {text}")
    return number


def refuse_if_different(what: str, expected: Sequence[float], got: Sequence[float], ours: str, name: str) -> None:
    """Exit with a message unless all entries agree to ``TOLERANCE`` of the largest."""
    largest = max(map(abs, expected))
    difference = max((abs(e - g) for e, g in zip(expected, got, strict=True)), default=math.inf)
    if not difference <= TOLERANCE * largest:
        sys.exit(
            f"no ratios: the {what} of {name} differs from that of {ours} by {difference:.3g}, the largest is {largest:.3g}"
        )
