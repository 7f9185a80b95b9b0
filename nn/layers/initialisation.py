"""Initialisation: how the weights are drawn before training."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from nn.seeding import Generator

Draw: TypeAlias = Callable[[Generator, int, int], float]
Init: TypeAlias = str | Draw

INITS: dict[str, Draw] = {
    "uniform": lambda rng, nin, nout: rng.uniform(-1, 1),
    "xavier": lambda rng, nin, nout: rng.uniform(-1, 1) * math.sqrt(6 / (nin + nout)),
    "he": lambda rng, nin, nout: rng.gauss(0, 1) * math.sqrt(2 / nin),
}
"""How a weight is drawn: micrograd's uniform(-1, 1); Glorot & Bengio (2010), equation 16; He et al. (2015), equation 10."""


def init_function(init: Init) -> Draw:
    """The function that draws a weight, for a name; a function is returned as it is.

    Raises:
        ValueError: if no initialisation has the name.
    """
    if isinstance(init, str) and init not in INITS:
        raise ValueError(f"no initialisation is called {init!r}; there are {', '.join(INITS)}")
    return INITS[init] if isinstance(init, str) else init
