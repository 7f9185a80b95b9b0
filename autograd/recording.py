"""The arithmetic of the chain rule: on plain numbers, or on Values, so that the derivative has a graph of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import add, mul
from typing import Any, NamedTuple

from autograd.errors import ClosureError
from autograd.ops import ADD, MUL, POW, POWER
from autograd.rules.evaluate import evaluate_ieee
from autograd.rules.grammar import Calls
from autograd.rules.op import OPS, CallTable, Op
from autograd.value import Operand, Value, apply


class Arithmetic(NamedTuple):
    """What the chain rule needs: the local derivative of a node with respect to input ``index``, products and sums."""

    partial: Callable[[Value, int], Any]
    times: Callable[[Any, Any], Any]
    plus: Callable[[Any, Any], Any]


def _partial(node: Value, index: int) -> Any:
    """The local derivative that was recorded as a number when the node was made."""
    if not node.partials:
        raise _closure_error(node, "it has no local derivatives to read")
    return node.partials[index]


def _recorded_partial(node: Value, index: int) -> Any:
    """The local derivative as a ``Value`` with a graph of its own: the row's text, read with functions that record."""
    if not isinstance(node.op, Op):
        raise _closure_error(node, "its local derivatives have no formulas to record")
    return _recorder(node.op, index)(*node.inputs, node)


def _closure_error(node: Value, reason: str) -> ClosureError:
    return ClosureError(
        f"{node._op or 'a node with children'!r} is a closure: backward() can run it, but {reason}. "
        "State it as a row, Op(name, value, partials), or compose it of operations that are rows."
    )


class _Recording(CallTable):
    """What a partial calls when it is recorded: the rows, as operations on Values by IEEE's rules."""

    def __missing__(self, name: str) -> Callable[..., Any]:
        self[name] = lambda *operands: _record(OPS[name], *operands)
        return self[name]


_RECORDING = _Recording(Calls, {})


@lru_cache(maxsize=4096)
def _recorder(op: Op, index: int) -> Callable[..., Any]:
    return op.compile_partial(_RECORDING, index)


def _record(op: Op, *operands: Operand) -> Any:
    """Apply an operation to Values and numbers, by IEEE's rules."""
    if op is POWER and not isinstance(operands[1], Value):
        op, operands = POW.at(operands[1]), operands[:1]
    return apply(op, *operands, fallback=evaluate_ieee)


def _times(x: Any, y: Any) -> Any:
    """The product; a factor 1 or 0 that is a literal of the table, and no number of the user's, records nothing."""
    number, other = (y, x) if isinstance(x, Value) else (x, y)
    return other if number == 1 else number if number == 0 else _record(MUL, x, y)


def _plus(x: Any, y: Any) -> Any:
    """The sum; the number 0 with which each accumulation starts records nothing."""
    return y if x == 0 else x if y == 0 else _record(ADD, x, y)  # no Value equals a number, so only numbers are 0 here


NUMBERS = Arithmetic(_partial, mul, add)
RECORDED = Arithmetic(_recorded_partial, _times, _plus)
"""For derivatives that can be differentiated again."""
