"""Where random numbers come from: a seed, a generator, or Python's global one."""

from __future__ import annotations

import operator
import random
from types import ModuleType
from typing import TypeAlias

from autograd.text import described

Generator: TypeAlias = random.Random | ModuleType  # Python's own module `random` is its global generator
Seed: TypeAlias = int | Generator | None


def generator(seed: Seed) -> Generator:
    """The generator that a seed stands for: a new one for a whole number, Python's global one for None; a generator is returned as it is.

    Raises:
        TypeError: if it is none of these.
    """
    if seed is None:
        return random
    if hasattr(seed, "__index__"):
        return random.Random(operator.index(seed))
    if not hasattr(seed, "uniform"):
        raise TypeError(f"a seed is a whole number, a random.Random, or None, but got {described(seed)}")
    return seed
