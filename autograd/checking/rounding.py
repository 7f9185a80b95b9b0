"""What rounding can do to a derivative: the chain rule once more, on numbers that carry a bound of their own error.

Where ``tanh`` saturates, ``1 - out`` keeps only the digits that the rounding of ``out`` left. Whoever compares a derivative with
another one has to know this. So each row of a graph is evaluated on ``Rounded`` numbers, with errors in its operands, and the
backward pass adds up what they do: a running error analysis, to first order.

Source: Higham, *Accuracy and Stability of Numerical Algorithms* (2002), section 3.3.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from autograd.micrograd import Closure
from autograd.rules.grammar import Calls
from autograd.rules.numbers import EPSILON
from autograd.rules.op import CallTable, Op
from autograd.rules.primitives import PRIMITIVES, divide, power
from autograd.value import Value

SMALLEST = 5e-324  # what a result can lose where floats end


class Rounded:
    """A number with a bound of its error. Choices compare the numbers."""

    __slots__ = ("error", "number")

    def __init__(self, number: float, error: float = 0.0) -> None:
        self.number, self.error = number, error

    @property
    def is_nothing(self) -> bool:
        """Whether the number is 0 without an error."""
        return not self.number and not self.error

    def __lt__(self, other: Any) -> bool:
        return self.number < _number(other)

    def __le__(self, other: Any) -> bool:
        return self.number <= _number(other)

    def __gt__(self, other: Any) -> bool:
        return self.number > _number(other)

    def __ge__(self, other: Any) -> bool:
        return self.number >= _number(other)

    def __eq__(self, other: object) -> bool:
        return self.number == _number(other)

    __hash__ = None  # type: ignore[assignment]


def _number(operand: Any) -> float:
    return operand.number if isinstance(operand, Rounded) else float(operand)


def _with_errors(function: Callable[..., float], roundings: float = 1.0) -> Callable[..., Rounded]:
    """A function of floats as one of ``Rounded`` numbers: the error of each operand moves the result, which is then rounded."""

    def rounded(*operands: Any) -> Rounded:
        numbers = [_number(operand) for operand in operands]
        result = function(*numbers)
        if not any(isinstance(operand, Rounded) for operand in operands):
            return Rounded(result)  # of a row's constants, as c - 1
        error = roundings * EPSILON * abs(result) + SMALLEST
        for place, operand in enumerate(operands):
            if isinstance(operand, Rounded) and operand.error:
                shifted = [
                    abs(function(*numbers[:place], operand.number + side, *numbers[place + 1 :]) - result)
                    for side in (-operand.error, operand.error)
                ]
                error += max((shift for shift in shifted if shift == shift), default=math.inf)
        return Rounded(result, error)

    return rounded


def _negative(operand: Any) -> Any:
    return Rounded(-operand.number, operand.error) if isinstance(operand, Rounded) else -operand


def _absolute(operand: Any) -> Any:
    return Rounded(abs(operand.number), operand.error) if isinstance(operand, Rounded) else abs(operand)


_plus, _times = _with_errors(operator.add), _with_errors(operator.mul)
_ROUNDED = CallTable(
    Calls,
    {
        **{name: _with_errors(primitive.ieee, 2.0) for name, primitive in PRIMITIVES.items()},
        "add": _plus, "sub": _with_errors(operator.sub), "mul": _times, "div": _with_errors(divide),
        "power": _with_errors(power, 2.0), "neg": _negative, "abs": _absolute,
    },
)  # fmt: skip


class Bounds(NamedTuple):
    """What rounding can do, and how large the terms of the chain rule are.

    Attributes:
        value: a bound of the error of the output.
        derivatives: for each source the sum over all paths, and a bound of its error.
        paths: for each source the largest product of local derivatives along one path.
    """

    value: float
    derivatives: list[Rounded]
    paths: list[float]


def bounds(order: Sequence[Value], sources: Sequence[Value]) -> Bounds:
    """Bounds for the graph of ``order``, whose last node is the output. A closure that is a function passes nothing on.

    >>> from autograd import topological_order
    >>> x = Value(15.0)
    >>> found = bounds(topological_order(x.tanh()), [x])
    >>> 1e-16 < found.derivatives[0].error < 1e-15, found.paths == [x.tanh().partials[0]]
    (True, True)
    """
    numbers = {node: Rounded(float(node.data)) for node in order}
    partials: dict[Value, list[Rounded]] = {}
    for node in order:
        operands = [numbers[source] for source in node.inputs]
        if isinstance(node.op, Op):
            numbers[node].error = applied(node.op, *operands).error
            partials[node] = [
                Rounded(float(partial), _as_rounded(_partial(node.op, place)(*operands, numbers[node])).error)
                for place, partial in enumerate(node.partials)
            ]
        elif isinstance(node.op, Closure):
            numbers[node].error = 4 * EPSILON * abs(numbers[node].number)
            partials[node] = [Rounded(float(partial), 4 * EPSILON * abs(partial)) for partial in node.partials]
    adjoints = {node: Rounded(0.0) for node in (*order, *sources)}
    paths = dict.fromkeys(adjoints, 0.0)
    adjoints[order[-1]], paths[order[-1]] = Rounded(1.0), 1.0
    for node in reversed(order):
        for source, partial in zip(node.inputs, partials.get(node, ()), strict=False):
            if partial.is_nothing or adjoints[node].is_nothing:
                continue  # what is cut passes nothing on, and 0 times inf would be nan
            adjoints[source] = _plus(adjoints[source], _times(partial, adjoints[node]))
            paths[source] = max(paths[source], abs(partial.number) * paths[node])
    return Bounds(numbers[order[-1]].error, [adjoints[source] for source in sources], [paths[source] for source in sources])


def applied(op: Op, *operands: Rounded) -> Rounded:
    """The result of an operation, with what the errors of its operands and its own rounding do to it.

    >>> from autograd.ops import SUB
    >>> residue = applied(SUB, Rounded(0.1 + 0.2, 2**-52), Rounded(0.3))
    >>> 0 < residue.number < residue.error
    True
    """
    return _as_rounded(_value(op)(*operands))


def _as_rounded(result: Any) -> Rounded:
    return result if isinstance(result, Rounded) else Rounded(float(result))


@lru_cache(maxsize=4096)
def _value(op: Op) -> Callable[..., Any]:
    return op.compile_value(_ROUNDED)


@lru_cache(maxsize=4096)
def _partial(op: Op, place: int) -> Callable[..., Any]:
    return op.compile_partial(_ROUNDED, place)
