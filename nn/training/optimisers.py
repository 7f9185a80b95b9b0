"""Gradient descent: what moves the parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable

from autograd import Constant, Value
from autograd.rules.numbers import Number, number


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
