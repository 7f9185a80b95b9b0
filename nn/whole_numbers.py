"""Whole numbers as arguments: how many inputs, neurons, classes, examples or epochs."""

from __future__ import annotations

import operator
from typing import Any

from autograd.text import short_repr


def is_whole(number: Any) -> bool:
    """Whether it is an int of Python or NumPy; True and False are not meant as numbers."""
    return hasattr(number, "__index__") and not isinstance(number, bool)


def at_least(least: int, number: Any, who: str, what: str) -> int:
    """The number as a Python int; ``who`` needs that many of ``what``.

    Raises:
        ValueError: if it is not a whole number, or less than ``least``.

    >>> at_least(1, 0, "a neuron", "inputs")
    Traceback (most recent call last):
        ...
    ValueError: a neuron needs a whole number of inputs, at least 1, but got 0
    """
    if not is_whole(number) or operator.index(number) < least:
        raise ValueError(f"{who} needs a whole number of {what}, at least {least}, but got {short_repr(number)}")
    return operator.index(number)
