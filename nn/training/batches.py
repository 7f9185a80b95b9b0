"""Batches: the examples of one epoch, in groups."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from autograd.text import described
from nn.whole_numbers import is_whole

X = TypeVar("X")
Y = TypeVar("Y")


def batches(
    xs: Sequence[X], ys: Sequence[Y], size: int | None = None, rng: random.Random | None = None
) -> Iterator[tuple[list[X], list[Y]]]:
    """The examples of one epoch in batches; the last batch may be smaller.

    Args:
        xs, ys: inputs and targets, of one length.
        size: the number of examples in a batch; None puts all in one.
        rng: a generator to shuffle with; None keeps the order.

    Raises:
        TypeError: if rng cannot shuffle.
        ValueError: if the lengths differ, or the size is not a whole number of at least 1.

    >>> list(batches("abcde", [0, 1, 2, 3, 4], size=2))
    [(['a', 'b'], [0, 1]), (['c', 'd'], [2, 3]), (['e'], [4])]
    """
    if len(xs) != len(ys):
        raise ValueError(f"batches needs one target for each input, but got {len(xs)} inputs and {len(ys)} targets")
    if size is not None and (not is_whole(size) or size < 1):
        raise ValueError(f"a batch holds a whole number of examples, at least 1, but got size={size!r}; None takes all at once")
    refuse_what_cannot_shuffle(rng)
    order = list(range(len(xs)))
    if rng is not None:
        rng.shuffle(order)
    size = size or max(len(order), 1)
    return (([xs[i] for i in order[k : k + size]], [ys[i] for i in order[k : k + size]]) for k in range(0, len(order), size))


def refuse_what_cannot_shuffle(rng: Any) -> None:
    """Refuse what is no generator, a seed say.

    Raises:
        TypeError: saying what was given.
    """
    if rng is not None and not hasattr(rng, "shuffle"):
        raise TypeError(f"rng is a generator to shuffle with, random.Random(0) say, but got {described(rng)}")
