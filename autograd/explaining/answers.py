"""Answers: small expressions, typed by a learner, as numbers. Read as any other expression, and computed by the table alone."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from functools import reduce
from typing import Any

from autograd.expressions.errors import ExpressionError
from autograd.expressions.reader import Expression
from autograd.rules.numbers import number
from autograd.text import first_few, quoted

SUBSCRIPTED = re.compile(r"\w+\[[^\[\]]*\](?:_\d+)?")
"""The label of a parameter, ``w1[2,3]``, or of the second with it, ``w1[2,3]_2``: a name in an answer, though in no expression."""

AS_TYPED = str.maketrans({"·": "*", "^": "**", "«": "", "»": ""})
"""What a learner copies from an explanation, or writes for a power, as an expression has it."""


class AnswerError(ValueError):
    """An answer that cannot be read as a number.

    >>> try:
    ...     number_from("2 apples", {})
    ... except AnswerError as error:
    ...     print(error)
    '2 apples' is not a number or an expression such as 1/3 or 2*(-3): an operator is missing between 2 and apples; for a \
product write *
    """


def number_from(answer: Any, names: Mapping[str, Any]) -> Any:
    """The number that an answer is: a number as given, or an expression of numbers and of these names.

    Raises:
        AnswerError: if the answer is neither, or has no value.

    >>> number_from("2*(-3) + x", {"x": 0.5}), number_from("1/3", {}), number_from("tanh(0)", {}), number_from(7, {})
    (-5.5, 0.3333333333333333, 0.0, 7)
    """
    if not isinstance(answer, str):
        try:
            return number(answer)
        except TypeError as error:
            raise AnswerError(str(error)) from None
    text = answer.strip().removeprefix("+").translate(AS_TYPED)
    numbers = {"inf": math.inf, "nan": math.nan, **names}
    labels: dict[str, str] = {}

    def stand_in(label: re.Match[str]) -> str:
        """A name that an expression may have, for a label that is one of the names."""
        name = re.sub(r"\s", "", label[0])
        name = name if name in names else f"«{name}»"
        if name not in names:
            return label[0]
        plain = re.sub(r"\W", "_", name)
        while plain in numbers:
            plain += "_"
        numbers[plain], labels[plain] = names[name], name
        return plain

    def message_of(error: ExpressionError) -> str:
        return reduce(lambda message, plain: message.replace(plain, labels[plain]), labels, error.message)

    try:
        exact = any(isinstance(number, Fraction) for number in names.values())
        expression = Expression(SUBSCRIPTED.sub(stand_in, text), exact)
    except ExpressionError as error:
        reason = f"is not a number or an expression such as 1/3 or 2*(-3): {message_of(error)}"
        raise AnswerError(f"{quoted(answer.strip())} {reason}") from None
    unknown = [name for name in expression.names if name not in numbers]
    if unknown:
        raise AnswerError(f"{quoted(unknown[0])} is no name of the graph; its names are {first_few(names)}")
    try:
        return expression.number(numbers)
    except ExpressionError as error:
        raise AnswerError(f"{quoted(answer.strip())} has no value: {message_of(error)}") from None
