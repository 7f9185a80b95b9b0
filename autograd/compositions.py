"""Sums, inner products, lengths, softmax, and the choice between two sides: compositions of the table's operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from sys import float_info
from typing import Any, TypeAlias, overload

from autograd.functions import clip, detach, exp, maximum, sqrt, unless, when
from autograd.ops import LOG
from autograd.rules.evaluate import evaluate_ieee
from autograd.text import described
from autograd.traced import is_traced
from autograd.value import Condition, Operand, Value, apply, as_condition

Side: TypeAlias = Operand | Callable[[], Operand]

LEAST = 1e-40
"""Below the squares of all numbers that are not 0, relative to ``float_info.min``; its own root times that is 0."""


@overload
def total(xs: Iterable[Value], start: Operand = ...) -> Value: ...
@overload
def total(xs: Iterable[Operand], start: Operand = ...) -> Any: ...


def total(xs: Iterable[Operand], start: Operand = 0) -> Any:
    """The sum from left to right, :math:`start + x_1 + x_2 + \\dots`; without terms it is the start.

    >>> total([Value(1.0), Value(2.0), 3])
    Value(data=6.0, grad=0.0)
    """
    result = start
    for x in xs:  # not sum(): since Python 3.12 it corrects the rounding of plain floats, and so would differ from Values
        result = result + x
    return result


@overload
def dot(xs: Iterable[Value], ys: Iterable[Operand], start: Operand = ...) -> Value: ...
@overload
def dot(xs: Iterable[Operand], ys: Iterable[Value], start: Operand = ...) -> Value: ...
@overload
def dot(xs: Iterable[Operand], ys: Iterable[Operand], start: Operand = ...) -> Any: ...
def dot(xs: Iterable[Operand], ys: Iterable[Operand], start: Operand = 0) -> Any:
    r"""The inner product plus a start, :math:`start + x_1 y_1 + x_2 y_2 + \dots`, as in a neuron (S4.79).

    Raises:
        ValueError: if the lengths differ.

    >>> dot([Value(1.0), Value(2.0)], [3.0, 4.0], start=Value(0.5))
    Value(data=11.5, grad=0.0)
    """
    xs, ys = list(xs), list(ys)
    if len(xs) != len(ys):
        raise ValueError(f"dot needs two lists of one length, but got {len(xs)} and {len(ys)} numbers")
    return total((x * y for x, y in zip(xs, ys, strict=True)), start)


def norm(xs: Iterable[Operand]) -> Any:
    r"""The length of a vector, :math:`\sqrt{x_1^2 + x_2^2 + \dots}`, without overflow; its derivatives are :math:`x_i` over the length.

    At the origin there is no derivative: there it is taken to be 0, and no gradient passes on. The numbers are divided by the
    largest first, which is detached, and the length is multiplied by it.

    Raises:
        ValueError: if there are no numbers.

    >>> norm([3.0, 4.0]), norm([1e200, 1e200]) / 1e200
    (5.0, 1.4142135623730951)
    >>> x, y = Value(0.0), Value(0.0)
    >>> norm([x, y]).backward(); x.grad, y.grad
    (0.0, 0.0)
    """
    numbers: list[Any] = _entries("norm", xs)
    largest = _largest("norm", [abs(x) for x in numbers])
    scale = clip(largest, float_info.min, float_info.max)  # neither 0 nor inf, by which nothing can be divided
    squares = total((x / scale) ** 2 for x in numbers)
    return scale * sqrt(maximum(squares, LEAST))


@overload
def softmax(xs: Iterable[Value]) -> list[Value]: ...
@overload
def softmax(xs: Iterable[Operand]) -> list[Any]: ...
def softmax(xs: Iterable[Operand]) -> list[Any]:
    r"""The probabilities :math:`e^{x_i} / \sum_j e^{x_j}` (S4.15), from logits of any size.

    The largest logit is subtracted first: the result is the same, and no exponential overflows. This shift is detached, so that
    the graph differentiates the formula and not the shift.

    A logit -inf, such as a mask, has the probability 0 and takes the derivative 0. If all logits are -inf, or one is inf, no formula
    says what the probabilities are, and they are nan, as in PyTorch.

    Raises:
        ValueError: if there are no logits.

    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """
    xs = _entries("softmax", xs)
    shift = _largest("softmax", xs)
    exponentials = [exp(x - shift) for x in xs]
    denominator = total(exponentials)
    return [exponential / denominator for exponential in exponentials]


@overload
def logsumexp(xs: Iterable[Value]) -> Value: ...
@overload
def logsumexp(xs: Iterable[Operand]) -> Any: ...
def logsumexp(xs: Iterable[Operand]) -> Any:
    r"""The logarithm of a sum of exponentials, :math:`\ln\sum_j e^{x_j}`, without overflow.

    A term -inf, such as a mask, adds nothing and takes the derivative 0. If all terms are -inf, the result is -inf; if one is inf, it is
    inf. The derivatives with respect to infinite terms are nan then, as in PyTorch.

    Raises:
        ValueError: if there are no terms.

    >>> logsumexp([1000.0, 1000.0])          # 1000 + ln 2
    1000.6931471805599
    >>> from math import inf
    >>> logsumexp([-inf, 0.0]), logsumexp([-inf, -inf]), logsumexp([inf, 0.0])
    (0.0, -inf, inf)
    """
    xs = _entries("logsumexp", xs)
    shift = _largest("logsumexp", xs, instead_of_infinity=0.0)
    exponentials = total(exp(x - shift) for x in xs)
    # If all terms are -inf, the sum is 0 and its logarithm -inf.
    return apply(LOG, exponentials, fallback=evaluate_ieee) + shift


def _entries(name: str, xs: Iterable[Operand]) -> list[Any]:
    entries = list(xs)
    for entry in entries:
        if hasattr(entry, "__iter__"):
            hint = f"for each row write [autograd.{name}(row) for row in rows]"
            raise TypeError(f"autograd.{name} takes one list of numbers and Values, but an entry is {described(entry)}; {hint}")
    return entries


def _largest(name: str, xs: list[Operand], instead_of_infinity: float | None = None) -> Any:
    if not xs:
        raise ValueError(f"{name} needs at least one number, but got an empty list")
    largest = maximum(xs)
    if instead_of_infinity is not None:  # an infinite constant would rule out fast compiled code
        largest = where(abs(largest) <= float_info.max, largest, instead_of_infinity)
    return detach(largest)


def where(condition: Condition | bool, a: Side, b: Side) -> Any:
    r"""One of two sides: a where the condition holds, else b. The other side adds nothing to value and gradient, be it inf or nan.

    In Iverson's brackets, which are 1 where a condition holds and else 0, it is :math:`[c]\,a + [\mathrm{not}\ c]\,b`. This sum is
    recorded if the condition is, as ``less(x, y)`` is, or ``x < y`` while ``autograd.compile`` traces a function. A side -0.0 then
    gives 0.0. A comparison of Values is otherwise True or False, and then the result is the side itself.

    Args:
        condition: a comparison, or comparisons joined with ``&``, ``|`` and ``~``, each in parentheses; or True or False.
        a, b: numbers, Values, or functions without arguments that return one, as ``lambda: sqrt(x)``. A function is called only
            if its side is chosen. While tracing both are called, since examples choose differently.

    Raises:
        TypeError: if the condition is none, or a side of a recorded choice is no number.

    Source: Iverson, *A Programming Language* (1962); Knuth, *Two notes on notation* (1992).

    >>> from autograd import log
    >>> x = Value(-4.0)
    >>> where(x > 0, lambda: log(x), x)
    Value(data=-4.0, grad=0.0)
    >>> import autograd
    >>> program = autograd.compile(lambda x: where((x > 0) & (x < 9), log(x), 0.0))
    >>> program.per_example([-1.0, 1.0, 10.0]).values.tolist()
    [0.0, 0.0, 0.0]
    """
    holds = as_condition(condition)
    if not isinstance(holds, Condition):
        return _taken(a if holds else b)
    both = is_traced(holds)
    brackets = ((when, a, both or bool(holds)), (unless, b, both or not holds))
    terms = [(bracket, _taken(side)) for bracket, side, may_be_taken in brackets if may_be_taken or not callable(side)]
    for _, side in terms:
        if hasattr(side, "__iter__"):
            raise TypeError(
                f"where chooses between two numbers or Values, but a side is {described(side)}; "
                "choose for each pair: [where(condition, x, y) for x, y in zip(xs, ys)]"
            )
    kept = [(bracket, side) for bracket, side in terms if isinstance(side, Value) or side != 0] or terms[:1]
    first, *rest = (bracket(holds, side) for bracket, side in kept)
    return total(rest, start=first)


def _taken(side: Side) -> Operand:
    return side() if callable(side) else side
