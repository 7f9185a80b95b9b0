"""What derivatives are computed with: plain numbers, or Values that record a graph of their own."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import add, mul
from typing import Any, NamedTuple

from autograd.errors import ClosureError
from autograd.ops import ADD, MUL, POW, POWER
from autograd.rules.evaluate import evaluate_ieee
from autograd.rules.grammar import Calls
from autograd.rules.op import OPS, Functions, Op
from autograd.value import Operand, Value, apply


class Arithmetic(NamedTuple):
    """All that the chain rule needs: the local derivative of a node in its input number ``index``, products and sums."""

    partial: Callable[[Value, int], Any]
    times: Callable[[Any, Any], Any]
    plus: Callable[[Any, Any], Any]


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
    """An operation on Values and numbers, by IEEE's rules."""
    if op is POWER and not isinstance(operands[1], Value):
        op, operands = POW.at(operands[1]), operands[:1]
    return apply(op, *operands, otherwise=evaluate_ieee)


def _times(x: Any, y: Any) -> Any:
    """A product that records no factor 1 and no product with 0: those of literals in the table, not of the user's numbers."""
    number, other = (y, x) if isinstance(x, Value) else (x, y)
    return other if number == 1 else number if number == 0 else _record(MUL, x, y)


def _plus(x: Any, y: Any) -> Any:
    """A sum that records no number 0: the start of each accumulation."""
    return y if x == 0 else x if y == 0 else _record(ADD, x, y)  # a Value equals itself alone, and no number


NUMBERS = Arithmetic(_partial, mul, add)
RECORDED = Arithmetic(_recorded_partial, _times, _plus)
"""Derivatives that are graphs themselves, so that they can be differentiated again."""
