"""The global generators of random numbers, those of ``random`` and NumPy: whether something was drawn, and as if nothing were."""

from __future__ import annotations

import pickle
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def generators_kept() -> Iterator[None]:
    """Afterwards the global generators give the numbers that they would have given without what was done in here.

    >>> with generators_kept():
    ...     drawn = random.random()
    >>> random.random() == drawn
    True
    """
    own, *numpys = states_of_generators()
    try:
        yield
    finally:
        random.setstate(own)
        for state in numpys:
            sys.modules["numpy.random"].set_state(pickle.loads(state))


def states_of_generators() -> tuple[Any, ...]:
    """The states of ``random`` and, where it is loaded, of NumPy, to be compared."""
    if "numpy.random" not in sys.modules:
        return (random.getstate(),)
    state = sys.modules["numpy.random"].get_state(legacy=False)  # in which every kind of generator has one
    return random.getstate(), pickle.dumps(state)  # arrays cannot be compared as a whole
