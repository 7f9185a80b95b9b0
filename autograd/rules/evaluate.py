"""Evaluating a row at any numbers: exact and mixed ones, those that overflow, and those at the edges of the domain."""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import zip_longest
from typing import Any

from autograd.errors import DomainError, ExactPowerError, PoleError
from autograd.rules.cut import CUT
from autograd.rules.numbers import Guest, Number, is_finite, number
from autograd.rules.op import EXACT, Op
from autograd.text import short_repr


def evaluate(op: Op, *operands: Number, labels: Sequence[str] = ()) -> tuple[Any, ...]:
    """The result and the local derivatives of a row.

    Kinds of numbers mix as in Python: beside a float all become floats, beside a Fraction all become Fractions. If the
    arithmetic fails, there are two cases. If the operands are finite and outside the row's domain, that is an error. Else the
    row is evaluated again by the rules of IEEE 754: ``exp(1000)`` is inf, and so is the derivative of ``sqrt`` at 0. What is exact
    stays exact.

    Args:
        op: the row.
        operands: as many numbers as the row has operands.
        labels: the operands' labels, for messages.

    Raises:
        DomainError: if finite operands lie outside the domain of the operation.
        OverflowError: if floats are needed and an int or Fraction is beyond the largest; an ``ExactPowerError`` if an exact power
            would have too many digits.
        TypeError: if an operand is not a number.

    >>> from autograd import ops
    >>> evaluate(ops.DIV, Fraction(1), 3)
    (Fraction(1, 3), Fraction(1, 3), Fraction(-1, 9))
    >>> evaluate(ops.EXP, 1000.0), evaluate(ops.SQRT, 0.0)
    ((inf, inf), (0.0, inf))
    """
    try:
        data = [number(operand) for operand in operands]
    except TypeError as error:
        raise TypeError(f"{op.name} of {_given(operands, labels)}: {error}") from None
    for operand in data:
        if isinstance(operand, Guest):
            return operand.evaluate(op, *data)
    kinds = {type(x) for x in data}
    pole = False
    try:
        if float in kinds:
            return op.kernel(*_floats(op, data))
        results = op.exact(*([Fraction(x) for x in data] if Fraction in kinds else data))
        if not any(isinstance(x, complex) for x in results):
            return tuple(Fraction(x) if Fraction in kinds and type(x) is int else x for x in results)
    except ExactPowerError:
        raise
    except (ArithmeticError, ValueError) as error:
        pole = isinstance(error, ZeroDivisionError)
    if all(map(is_finite, data)) and not op.defined(*data):
        raise _domain_error(op, data, labels, PoleError if pole or _is_pole(op, data) else DomainError)
    return _ieee(op, data) if float in kinds else _exact_where_possible(op, data)


def evaluate_ieee(op: Op, *operands: Number, labels: Sequence[str] = ()) -> tuple[Any, ...]:
    """The same, but outside the domain the rules of IEEE 754 hold too: for derivatives that are recorded.

    >>> from autograd import ops
    >>> evaluate_ieee(ops.DIV, 1.0, 0.0)
    (inf, inf, -inf)
    """
    try:
        return evaluate(op, *operands, labels=labels)
    except DomainError:
        return _ieee(op, operands)


def _ieee(op: Op, data: Sequence[Number]) -> tuple[float, ...]:
    return floats(op.ieee(*_floats(op, data)))


def _exact_where_possible(op: Op, data: Sequence[Number]) -> tuple[Any, ...]:
    """For exact numbers at which a formula fails: a power of -1/3 is a Fraction, although its derivative with the log of -1/3 is nan."""
    results: list[Any] = []
    for compute, rounded in zip(_separately(op), _ieee(op, data), strict=True):
        try:
            result = compute(*data, *results[:1])
        except (ArithmeticError, ValueError):
            result = rounded
        exact = rounded is not CUT and isinstance(result, int | Fraction)
        results.append(
            Fraction(result) if exact and any(isinstance(x, Fraction) for x in data) else result if exact else rounded
        )
    return tuple(results)


@lru_cache(maxsize=1024)
def _separately(op: Op) -> tuple[Callable[..., Any], ...]:
    """The value and the partials as functions of exact numbers, each on its own."""
    return op.compile_value(EXACT), *(op.compile_partial(EXACT, index) for index in range(op.arity))


def floats(results: Sequence[Number]) -> tuple[float, ...]:
    """The results of a row as floats; ``CUT`` stays what it is, which ``float()`` would make an ordinary 0.

    >>> from autograd import ops
    >>> floats(ops.RELU.ieee(-1.0))[1] is CUT
    True
    """
    return tuple(x if x is CUT else float(x) for x in results)


def _is_pole(op: Op, data: Sequence[Number]) -> bool:
    try:
        return math.isinf(_ieee(op, data)[0])
    except OverflowError:
        return False  # no operation has a pole at numbers beyond the largest float


def _floats(op: Op, data: Sequence[Number]) -> list[float]:
    try:
        if op.c is not None:
            float(op.c)  # the constant may be too large too
        return [float(x) for x in data]
    except OverflowError:
        raise OverflowError(
            f"{op.name} needs floats here, and one of its operands is beyond the largest float, 1.8e308; "
            "keep all numbers int or Fraction, or scale them down"
        ) from None


def _given(operands: Sequence[Any], labels: Sequence[str]) -> str:
    """The operands by their labels, or as they are."""
    return " and ".join(label or short_repr(x) for x, label in zip_longest(operands, labels, fillvalue=""))


def _domain_error(op: Op, data: Sequence[Number], labels: Sequence[str], kind: type[DomainError]) -> DomainError:
    names = [f" ({label!r})" if label else "" for label in labels] or [""] * len(data)
    given = [f"{operand} = {short_repr(x)}{name}" for operand, x, name in zip(op.operands, data, names, strict=True)]
    constant = [f"c = {short_repr(op.c)}"] if op.is_family else []
    return kind(f"{op.formula} needs {op.domain}, but {', '.join(given + constant)}. {op.remedy}")
