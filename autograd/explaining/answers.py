"""Answers: small expressions, typed by a learner, as numbers. Read by Python's parser, and evaluated by the table alone."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from autograd.rules.evaluate import evaluate
from autograd.rules.grammar import OPERATORS
from autograd.rules.notation import TEXT, ends
from autograd.rules.numbers import number
from autograd.rules.op import OPS

LONGEST = 200  # characters; an answer is a number or a small expression


class AnswerError(ValueError):
    """An answer that cannot be read as a number.

    >>> try:
    ...     number_from("2 apples", {})
    ... except AnswerError as error:
    ...     print(error)
    '2 apples' is not a number or an expression such as 1/3 or 2*(-3)
    """


def number_from(answer: Any, names: Mapping[str, Any]) -> Any:
    """The number that an answer is: a number as given, or a text with numbers, + - * / **, functions of the table and names.

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
    answer = answer.strip()
    text = answer.replace("·", "*").replace("^", "**")
    shown = repr(answer if len(answer) <= LONGEST else answer[:LONGEST] + "...")
    try:
        if len(text) > LONGEST:
            raise SyntaxError
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise AnswerError(f"{shown} is not a number or an expression such as 1/3 or 2*(-3)") from None
    try:
        return _value(tree, names)
    except (ArithmeticError, ValueError) as error:
        raise error if isinstance(error, AnswerError) else AnswerError(f"{shown} has no value: {error}") from None


def _value(tree: ast.expr, names: Mapping[str, Any]) -> Any:
    """Recursion is safe: a short text has no deep tree."""
    match tree:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.Name() | ast.Subscript() if ast.unparse(tree).replace(", ", ",") in {
            each.replace(", ", ",") for each in names
        }:
            return names[ast.unparse(tree).replace(", ", ",").replace("[(", "[").replace(")]", "]")]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, names)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, names)
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
            return _computed(OPERATORS[type(operator)], [_value(left, names), _value(right, names)])
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in OPS and not OPS[name].is_family:
            if len(arguments) == OPS[name].arity:
                return _computed(name, [_value(each, names) for each in arguments])
    known = f", and the names {', '.join(TEXT.abridged(ends(list(names))))}" if names else ""
    raise AnswerError(
        f"{ast.unparse(tree)!r} is not of the language of answers: numbers, + - * / **, functions of the table{known}"
    )


def _computed(name: str, operands: list[Any]) -> Any:
    return evaluate(OPS[name], *operands)[0]
