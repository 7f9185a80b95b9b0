"""``EXPR NAME=NUMBER...``: the arguments of the commands that ask something of an expression."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from autograd.expressions.numerals import MAX_EXACT_DIGITS, MAX_EXPRESSION_CHARS
from autograd.expressions.reader import MAX_PARTS, Expression, read_numbers
from autograd.expressions.tokens import MAX_PARENTHESES
from autograd.rules.numbers import Number

LIMITS = (
    f"EXPR has names, numbers, + - * / **, parentheses and functions (chainrule ops lists them), and before the result definitions such "
    f"as u = w*x; and not more than {MAX_EXPRESSION_CHARS} characters, {MAX_PARTS} numbers, names and operations, {MAX_PARENTHESES} parentheses in "
    f"parentheses, and with --exact {MAX_EXACT_DIGITS} digits. NUMBER is a decimal, or a ratio of two as 1/3; pi and e are known where no number is given for them."
)

F = TypeVar("F", bound=Callable[..., Any])


class ExpressionCommand(click.Command):
    """A command with an expression, which may begin with a minus or two: ``chainrule explain "-x**2" x=3``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments. A space before an expression that begins with a minus keeps click from taking it for an option."""
        options = {name for parameter in self.get_params(ctx) if isinstance(parameter, click.Option) for name in parameter.opts}
        return super().parse_args(ctx, [" " + argument if _is_negative(argument, options) else argument for argument in args])


def _is_negative(argument: str, options: set[str]) -> bool:
    """Whether an argument is an expression that begins with a minus. ``--maxpaths`` is none: it is a misspelt option."""
    looks_like_an_option = re.fullmatch("--([a-z][a-z-]*(=.*)?)?", argument, re.DOTALL)
    return argument.startswith("-") and not looks_like_an_option and argument not in {*options, "-"}


def with_expression(command: F) -> F:
    """Add the arguments EXPR and NAME=NUMBER to a command, which gets them as ``text`` and ``assignments``."""
    numbers = click.argument("assignments", nargs=-1, metavar="NAME=NUMBER...")
    return click.argument("text", metavar="EXPR")(numbers(command))


def read(text: str, assignments: tuple[str, ...], exact: bool = False) -> tuple[Expression, dict[str, Number]]:
    """Return the expression, and a number for each of its names.

    Raises:
        click.UsageError: if either is not what it should be.
    """
    with refused():
        expression = Expression(text, exact)
        return expression, read_numbers(assignments, expression)


@contextmanager
def refused() -> Iterator[None]:
    """Turn what the engine cannot compute, or an expression cannot say, into bad input: a message, and exit status 2.

    Raises:
        click.UsageError: with the message of the error.
    """
    try:
        yield
    except ValueError as error:  # ExpressionError and DomainError are ValueErrors
        raise click.UsageError(str(error)) from None
    except ArithmeticError as error:
        raise click.UsageError(f"the numbers are too large or too small to go on with ({error}); try others") from None
