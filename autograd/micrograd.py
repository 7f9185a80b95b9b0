"""What programs written for micrograd or a microgpt need: operations made by hand, and those programs' names for a node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from autograd.errors import ClosureError
from autograd.rules.numbers import Number, number
from autograd.text import described

if TYPE_CHECKING:
    from autograd.value import Value


def _pass_nothing_on() -> None:
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
        backward: Callable[[], None] = _pass_nothing_on,
    ) -> None:
        self.symbol, self.inputs, self.partials, self.backward = symbol, inputs, partials, backward

    def __reduce_ex__(self, protocol: Any) -> Any:
        """What ``copy`` and ``pickle`` make a copy of; a function would go on to read and write the nodes that it was written for."""
        if self.backward is not _pass_nothing_on:
            raise ClosureError(
                f"{self.symbol or 'a node with children'!r} is a closure: a copy of it would pass its gradient on to the nodes of the "
                "original. State it as a row, Op(name, value, partials), or by its local derivatives, Value(data, children, partials)"
            )
        return super().__reduce_ex__(max(protocol, 2))  # the older protocols know no __slots__

    def recorded_partials(self) -> Sequence[Value] | None:
        """The local derivatives as Values that can be differentiated. Here there are none: numbers and functions are no formulas."""
        return None


def closure_of(children: Iterable[Value], op: str | Iterable[Number]) -> Closure:
    """The closure that ``Value(data, children, op)`` asks for: ``op`` is a name, or the local derivatives.

    Raises:
        TypeError: if the children are no Values, or a local derivative is no number.
        ValueError: if there is not one local derivative for each child.
    """
    if isinstance(children, Micrograd):
        raise TypeError("the children of a Value are a tuple, even if there is only one: Value(data, (x,), op)")
    if not isinstance(children, Iterable):
        raise TypeError(f"after its number a Value takes a label, or a tuple of children, but got {described(children)}")
    inputs = tuple(children)
    for child in inputs:
        if not isinstance(child, Micrograd):
            raise TypeError(f"the children of a Value are Values, but got {described(child)}")
    if isinstance(op, str):
        return Closure(op, inputs)
    partials = tuple(map(number, op))
    if len(partials) != len(inputs):
        raise ValueError(f"a Value needs a local derivative for each child, but got {len(partials)} for {len(inputs)} children")
    return Closure("", inputs, partials)


def step_back(node: Value) -> Callable[[], None]:
    """The function that passes the node's gradient on, as the node is now; a function that wraps it may take its place."""
    if isinstance(node.op, Closure) and not node.op.partials:
        return node.op.backward
    edges = tuple(zip(node.inputs, node._slopes, strict=True))

    def backward() -> None:
        for source, partial in edges:
            source.grad += partial * node.grad

    return backward


def make_closure(node: Value, backward: Callable[[], None]) -> None:
    """Let a node be the result of a closure, with this backward pass; its inputs stay what they were."""
    node.op = Closure(node._op, node.inputs, backward=backward)
    node._x = node._y = node._dx = node._dy = None


class Micrograd:
    """Those programs' names, which ``Value`` inherits: micrograd's ``_prev``, ``_op`` and ``_backward``, and a microgpt's."""

    __slots__ = ()

    @property
    def _prev(self: Any) -> set[Value]:
        return set(self.inputs)

    @property
    def _op(self: Any) -> str:
        return str(self.op.symbol) if self.op else ""

    @property
    def _backward(self: Any) -> Callable[[], None]:
        """Passes this node's gradient on to its inputs. Assign a function to make the operation a closure."""
        return step_back(self)

    @_backward.setter
    def _backward(self: Any, function: Callable[[], None]) -> None:
        make_closure(self, function)

    @property
    def _children(self: Any) -> tuple[Value, ...]:
        return tuple(self.inputs)

    @property
    def _local_grads(self: Any) -> tuple[Any, ...]:
        return tuple(self._slopes)
