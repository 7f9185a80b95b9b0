"""Gradient descent, and the batches it descends on."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from autograd import Constant, Value
from autograd.number import Number, number

X = TypeVar("X")
Y = TypeVar("Y")


class SGD:
    r"""Gradient descent: :math:`p \leftarrow p - \eta\,\partial J/\partial p` for every parameter (S0.1, S1.19, S4.i10).

    Stochastic or not is decided by what the gradient was taken of: one sample, a mini-batch, or all (``batches``).

    Args:
        params: the parameters, leaves of the graph; one given twice is moved once.
        lr: the learning rate :math:`\eta`. Assign to ``lr`` to change it on the way.

    Raises:
        TypeError, ValueError: if there are no parameters, one is not a leaf, or the rate is not positive and finite.

    >>> p = Value(1.0)
    >>> optimizer = SGD([p], lr=0.25)
    >>> (p**2).backward(); optimizer.step(); p.data
    0.5
    """

    def __init__(self, params: Iterable[Value], lr: Number) -> None:
        if isinstance(params, Value):
            raise TypeError("SGD takes a list of parameters: write SGD([p], lr), or SGD(model.parameters(), lr)")
        self.params = list(dict.fromkeys(params))
        if not self.params:
            raise ValueError("SGD needs at least one parameter, but got an empty list")
        for each in self.params:
            if not isinstance(each, Value):
                raise TypeError(f"SGD moves Values, but one of the parameters is {each!r} of type {type(each).__name__}")
            if each.inputs or isinstance(each, Constant):
                made = (
                    "is a constant, made of a plain number" if isinstance(each, Constant) else f"was computed by {each._op!r}"
                )
                raise ValueError(f"SGD moves leaves, Values made from numbers, but one of the parameters {made}: {each!r}")
        self.lr = number(lr)
        if not 0 < self.lr < math.inf:
            raise ValueError(f"SGD needs a learning rate above 0, but got {lr!r}")

    def step(self) -> None:
        """Move every parameter against its gradient.

        >>> p = Value(1.0); p.grad = 2.0
        >>> SGD([p], lr=0.1).step(); p.data
        0.8
        """
        for p in self.params:
            p.data -= self.lr * p.grad

    def zero_grad(self) -> None:
        """Set every gradient to 0, as before each backward pass of training.

        >>> p = Value(1.0); p.grad = 2.0
        >>> SGD([p], lr=0.1).zero_grad(); p.grad
        0.0
        """
        for p in self.params:
            p.grad = type(p.data)()


def batches(
    xs: Sequence[X], ys: Sequence[Y], size: int | None = None, rng: random.Random | None = None
) -> Iterator[tuple[list[X], list[Y]]]:
    """The examples of one epoch in batches: 1 is per-sample, None full-batch; the last batch may be smaller.

    Args:
        xs, ys: inputs and targets, of one length.
        size: the number of examples in a batch.
        rng: a generator to shuffle with; None keeps the order.

    Raises:
        ValueError: if the lengths differ or the size is less than 1.

    >>> list(batches("abcde", [0, 1, 2, 3, 4], size=2))
    [(['a', 'b'], [0, 1]), (['c', 'd'], [2, 3]), (['e'], [4])]
    """
    if len(xs) != len(ys):
        raise ValueError(f"batches needs one target for each input, but got {len(xs)} inputs and {len(ys)} targets")
    if size is not None and (not isinstance(size, int) or size < 1):
        raise ValueError(f"a batch holds a whole number of examples, at least 1, but got size={size!r}; None takes all at once")
    order = list(range(len(xs)))
    if rng is not None:
        rng.shuffle(order)
    size = size or max(len(order), 1)
    return (([xs[i] for i in order[k : k + size]], [ys[i] for i in order[k : k + size]]) for k in range(0, len(order), size))
