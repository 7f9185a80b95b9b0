"""Derivatives of any node in any other, without touching a single ``.grad``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import add, mul
from typing import Any

from autograd.errors import ClosureError
from autograd.evaluate import evaluate_ieee
from autograd.graph import topological_order
from autograd.language import Calls
from autograd.ops import ADD, MUL, POW, POWER
from autograd.row import OPS, Functions, Op
from autograd.value import Operand, Value, apply, as_value


def grad(output: Value, inputs: Sequence[Value], create_graph: bool = False) -> list[Any]:
    r"""The derivatives :math:`\partial\,output/\partial\,v` for each v of ``inputs``, from one backward pass.

    Any two nodes will do, intermediate ones too; an input on which the output does not depend gets exactly 0. No node's
    ``grad`` is read or written.

    Args:
        output: the value to differentiate.
        inputs: a list of values to differentiate it in.
        create_graph: give ``Value`` objects instead of numbers: the derivatives, recorded as graphs of their own, which can be
            differentiated again.

    Returns:
        A list as long as ``inputs``.

    Raises:
        TypeError: if the output is no Value, or the inputs are no list of Values.
        ClosureError: if an operation between them is a closure, which has no local derivatives.

    Source: Griewank & Walther (2008), section 3.2, and 5.1 for derivatives of derivatives.

    >>> x = Value(2.0)
    >>> y = x**3
    >>> grad(y, [x])
    [12.0]
    >>> [dy] = grad(y, [x], create_graph=True)
    >>> [d2y] = grad(dy, [x], create_graph=True)
    >>> grad(d2y, [x])                              # the third derivative of x**3
    [6.0]
    """
    inputs = _checked(output, inputs)
    order = topological_order(output)
    between = _between(order, inputs)
    zero = type(output.data)()
    times, plus, partial = (_times, _plus, _recorded_partial) if create_graph else (mul, add, _partial)
    adjoints: dict[Value, Any] = {**dict.fromkeys(between, zero), output: zero + 1}
    for node in reversed(order):
        if node in between:
            for index, source in enumerate(node.inputs):
                if source in between:
                    adjoints[source] = plus(adjoints[source], times(partial(node, index), adjoints[node]))
    gradient = [adjoints.get(each, zero) for each in inputs]
    return [as_value(each) for each in gradient] if create_graph else gradient


def _checked(output: Value, inputs: Iterable[Value]) -> list[Value]:
    if not isinstance(output, Value):
        raise TypeError(f"grad differentiates a Value, but the output is {output!r} of type {type(output).__name__}")
    if isinstance(inputs, Value):
        raise TypeError("grad needs a list of inputs and gives a list of derivatives: write grad(y, [x]), not grad(y, x)")
    inputs = list(inputs)
    for each in inputs:
        if not isinstance(each, Value):
            raise TypeError(f"grad differentiates in Values, but one of the inputs is {each!r} of type {type(each).__name__}")
    return inputs


def _between(order: list[Value], inputs: list[Value]) -> set[Value]:
    """The nodes on paths from the inputs to the output: all that a derivative has to visit."""
    between = set(inputs).intersection(order)
    for node in order:
        if any(source in between for source in node.inputs):
            between.add(node)
    return between


def _partial(node: Value, index: int) -> Any:
    """The local derivative of a node in its input, as the number recorded when the node was made."""
    if not node.partials:
        raise _closure_error(node, "it has no local derivatives to read")
    return node.partials[index]


def _recorded_partial(node: Value, index: int) -> Any:
    """The same as a ``Value`` with a graph of its own: the row's text, read with functions that record."""
    if not isinstance(node.op, Op):
        raise _closure_error(node, "its local derivatives have no formulas to record")
    return _recorder(node.op, index)(*node.inputs, node)


def _closure_error(node: Value, reason: str) -> ClosureError:
    return ClosureError(
        f"{node._op or 'a node with children'!r} is a closure: backward() can run it, but {reason}. "
        "State it as a row, Op(name, value, partials), or compose it of operations that are rows."
    )


class _Recording(Functions):
    """What a partial calls when it is recorded: each row as an operation on Values that follows IEEE's rules."""

    def __missing__(self, name: str) -> Callable[..., Any]:
        self[name] = lambda *operands: _record(OPS[name], *operands)
        return self[name]


_RECORDING = _Recording(Calls, {})


@lru_cache(maxsize=4096)
def _recorder(op: Op, index: int) -> Callable[..., Any]:
    return op.partial_made_of(_RECORDING, index)


def _record(op: Op, *operands: Operand) -> Any:
    """An operation on Values and numbers; of numbers alone it is a number."""
    if not any(isinstance(each, Value) for each in operands):
        return evaluate_ieee(op, *operands)[0]  # type: ignore[arg-type]
    if op is POWER and not isinstance(operands[1], Value):
        op, operands = POW.at(operands[1]), operands[:1]
    return apply(op, *map(as_value, operands), otherwise=evaluate_ieee)


def _times(x: Any, y: Any) -> Any:
    """A product that records no factor 1 and no product with 0: those of literals in the table, not of the user's numbers."""
    if isinstance(x, Value) and isinstance(y, Value):
        return _record(MUL, x, y)
    number, other = (y, x) if isinstance(x, Value) else (x, y)
    return other if number == 1 else number if number == 0 else _record(MUL, x, y)


def _plus(x: Any, y: Any) -> Any:
    """A sum that records no number 0: the start of each accumulation."""
    return y if not isinstance(x, Value) and x == 0 else x if not isinstance(y, Value) and y == 0 else _record(ADD, x, y)
