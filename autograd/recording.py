"""The arithmetic of the chain rule: on plain numbers, or on Values, so that the derivative has a graph of its own.

While a function is traced, no number says whether an operand was chosen: it may be in one example and not in the next. Then the
condition is recorded too. Whatever was passed on through such an operand has a *reach*, 1 where it arrives and 0 where it was cut;
products with it are ``when(reach, product)``, so that 0 times infinity is nothing there, and not nan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from operator import add, mul
from typing import Any, NamedTuple

from autograd.errors import ClosureError
from autograd.micrograd import Closure
from autograd.ops import ADD, MAXIMUM, MUL, POW, POWER, SUB, WHEN
from autograd.rules.cut import CUT
from autograd.rules.evaluate import evaluate_ieee
from autograd.rules.grammar import Calls, Conditions
from autograd.rules.numbers import is_finite
from autograd.rules.op import OPS, CallTable, Op
from autograd.traced import is_traced
from autograd.value import Constant, Operand, Value, apply


class Reached(NamedTuple):
    """A partial or an adjoint that is something only where ``reach`` is 1, and nothing where it is 0."""

    number: Any
    reach: Value


class Arithmetic(NamedTuple):
    """What the chain rule needs: the local derivative of a node with respect to input ``index`` or ``CUT``, products and sums."""

    partial: Callable[[Value, int], Any]
    times: Callable[[Any, Any], Any]
    plus: Callable[[Any, Any], Any]


def _partial(node: Value, index: int) -> Any:
    """The local derivative that was recorded as a number when the node was made."""
    if not node._slopes:
        raise closure_error(node, "it has no local derivatives to read")
    return node._slopes[index]


def _recorded_partial(node: Value, op: Op, index: int) -> Any:
    """The local derivative as a ``Value`` with a graph of its own: the row's text, read with functions that record."""
    if not is_traced(node):
        return CUT if node._slopes[index] is CUT else _recorder(op, index)(*node.inputs, node)
    if op.cuts[index] == "True":
        return CUT
    slope = _recorder(op, index)(*node.inputs, node)
    if not op.cuts[index]:
        return slope
    return Reached(slope, _record(SUB, 1, _cut_recorder(op, index)(*node.inputs, node)))


def _recorded_by_closure(node: Value) -> Sequence[Any]:
    partials = node.op.recorded_partials() if isinstance(node.op, Closure) else None
    if partials is None:
        raise closure_error(node, "its local derivatives have no formulas to record")
    return partials


def closure_error(node: Value, reason: str) -> ClosureError:
    """The error for an operation that is a closure, where a row is needed."""
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
_RECORDING_CONDITIONS = _Recording(Conditions, {})


@lru_cache(maxsize=4096)
def _recorder(op: Op, index: int) -> Callable[..., Any]:
    return op.compile_partial(_RECORDING, index)


@lru_cache(maxsize=4096)
def _cut_recorder(op: Op, index: int) -> Callable[..., Any]:
    return op.compile_cut(_RECORDING_CONDITIONS, index)


def _record(op: Op, *operands: Operand) -> Any:
    """Apply an operation to Values and numbers, by IEEE's rules."""
    if op is POWER and not isinstance(operands[1], Value):
        op, operands = POW.at(operands[1]), operands[:1]
    return apply(op, *operands, fallback=evaluate_ieee)


def _times(slope: Any, adjoint: Any) -> Any:
    """The product; a factor 1 that is a literal of the table, and no number of the user's, records nothing."""
    if isinstance(slope, Reached) or isinstance(adjoint, Reached):
        return _times_reached(slope, adjoint)
    number, other = (adjoint, slope) if isinstance(slope, Value) else (slope, adjoint)
    return other if number == 1 else _record(MUL, slope, adjoint)


def _times_reached(slope: Any, adjoint: Any) -> Reached:
    reaches = [factor.reach for factor in (slope, adjoint) if isinstance(factor, Reached)]
    reach = reaches[0] if len(reaches) == 1 else _record(MUL, *reaches)
    product = _times(number_of(slope), number_of(adjoint))
    return Reached(product if _is_finite(slope) else _record(WHEN, reach, product), reach)


def _is_finite(slope: Any) -> bool:
    """Whether a product with it is 0 where the adjoint is: so it is for numbers, and for parameters, which are taken to be finite.

    So the backward pass of a layer stays a product with its matrix.
    """
    if isinstance(slope, Value):
        return getattr(slope, "_is_parameter", False) or (isinstance(slope, Constant) and is_finite(slope.data))
    return not isinstance(slope, Reached)


def _plus(x: Any, y: Any, either: Callable[[Value, Value], Value]) -> Any:
    """The sum, which arrives where one of its terms does."""
    if x is CUT:
        return y
    total = _record(ADD, number_of(x), number_of(y))
    return Reached(total, either(x.reach, y.reach)) if isinstance(x, Reached) and isinstance(y, Reached) else total


def number_of(adjoint: Any) -> Any:
    """What is passed on, without its reach."""
    return adjoint.number if isinstance(adjoint, Reached) else adjoint


NUMBERS = Arithmetic(_partial, mul, add)


def recorded() -> Arithmetic:
    """For derivatives that can be differentiated again, in one pass.

    All nodes of a layer share the reach of the next, and a closure that can record its derivatives is asked once.
    """
    either = lru_cache(maxsize=None)(partial(_record, MAXIMUM))
    of_closures: dict[Value, Sequence[Any]] = {}

    def recorded_partial(node: Value, index: int) -> Any:
        if isinstance(node.op, Op):
            return _recorded_partial(node, node.op, index)
        if node not in of_closures:
            of_closures[node] = _recorded_by_closure(node)
        return of_closures[node][index]

    return Arithmetic(recorded_partial, _times, partial(_plus, either=either))
