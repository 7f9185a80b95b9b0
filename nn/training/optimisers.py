"""Optimisers: what a training step does to the parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable

from autograd import Constant, Value
from autograd.interrupts import assign
from autograd.rules.numbers import Number, number
from autograd.text import described, short_repr
from autograd.value import require_numbers


class SGD:
    r"""Gradient descent: :math:`p \leftarrow p - \eta\,\partial J/\partial p` for every parameter (S0.1, S1.19, S4.i10).

    It is stochastic if the loss is that of one example or of a mini-batch, and not of all examples (``batches``).

    Args:
        params: the parameters, leaves of the graph; repetitions are dropped.
        lr: the learning rate :math:`\eta`. Assign to ``lr`` to change it between steps.

    Raises:
        TypeError: if the parameters are no list of Values, or the rate is no number.
        ValueError: if there are no parameters, one is not a leaf, or the rate is not positive and finite.

    >>> p = Value(1.0)
    >>> optimizer = SGD([p], lr=0.25)
    >>> (p**2).backward(); optimizer.step(); p.data
    0.5
    """

    def __init__(self, params: Iterable[Value], lr: Number) -> None:
        if isinstance(params, Value):
            raise TypeError("SGD takes a list of parameters: write SGD([p], lr), or SGD(model.parameters(), lr)")
        if not isinstance(params, Iterable):
            raise TypeError(f"SGD takes a list of parameters, but got {described(params)}: write SGD(model.parameters(), lr)")
        given = list(params)
        if not given:
            raise ValueError("SGD needs at least one parameter, but got an empty list")
        for p in given:
            if not isinstance(p, Value):
                raise TypeError(
                    f"SGD moves Values, but one of the parameters is {described(p)}: give it model.parameters(), and of two models "
                    "a.parameters() + b.parameters()"
                )
        self.params = list(dict.fromkeys(given))
        for p in self.params:
            if p.inputs or isinstance(p, Constant):
                reason = "is a constant, made of a plain number" if isinstance(p, Constant) else f"was computed by {p._op!r}"
                raise ValueError(f"SGD moves leaves, Values made from numbers, but one of the parameters {reason}: {p!r}")
        try:
            self.lr = number(lr)
        except TypeError:
            raise TypeError(f"SGD needs a learning rate, a number above 0, but got {described(lr)}") from None
        if not 0 < self.lr < math.inf:
            raise ValueError(f"SGD needs a learning rate above 0, but got {short_repr(lr)}")

    def step(self) -> None:
        """Move every parameter against its gradient.

        >>> p = Value(1.0); p.grad = 2.0
        >>> SGD([p], lr=0.1).step(); p.data
        0.8
        """
        try:
            moved = [p.data - self.lr * p.grad for p in self.params]
        except TypeError:
            require_numbers(self.params, "grad", "a step is the learning rate times it")
            require_numbers(self.params, "data", "a step moves it")
            raise
        assign(self.params, "data", moved)

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0, as training needs before each backward pass.

        >>> p = Value(1.0); p.grad = 2.0
        >>> SGD([p], lr=0.1).zero_grad(); p.grad
        0.0
        """
        assign(self.params, "grad", [type(p.data)() for p in self.params])
