"""Closure: an operation that has no row in the table, because the user made its node by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograd.value import Value


def _passes_nothing_on() -> None:
    """The backward pass of a closure until the user assigns one."""


class Closure:
    """The operation of a node whose number the user computed: any number of inputs, and the backward pass in one of two forms.

    In micrograd's way it is a function, which ``backward()`` runs; there is nothing in it that ``grad`` could read. In the way
    of a 200-line microgpt it is the local derivatives, one number for each input: all that a first derivative needs.

    >>> from autograd import Value, grad
    >>> x = Value(3.0)
    >>> out = Value(x.data**2, (x,), "square")
    >>> def backward(): x.grad += 2 * x.data * out.grad
    >>> out._backward = backward
    >>> (2 * out).backward(); x.grad
    12.0

    >>> square = Value(x.data**2, (x,), (2 * x.data,))
    >>> grad(2 * square, [x])
    [12.0]
    """

    __slots__ = ("symbol", "inputs", "partials", "backward")

    def __init__(
        self,
        symbol: str,
        inputs: tuple[Value, ...],
        partials: tuple[Any, ...] = (),
        backward: Callable[[], None] = _passes_nothing_on,
    ) -> None:
        self.symbol, self.inputs, self.partials, self.backward = symbol, inputs, partials, backward
