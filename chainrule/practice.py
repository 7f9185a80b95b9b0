"""The command that asks the learner: quiz."""

from __future__ import annotations

import sys

import click

import autograd
from chainrule.arguments import LIMITS, ExpressionCommand, read, refused, with_expression
from chainrule.commands import exact_option
from chainrule.terminal import show


@click.command(cls=ExpressionCommand, epilog=LIMITS)
@with_expression
@click.option("--count", type=click.IntRange(1, 100), default=5, show_default=True, help="How many exercises, at most.")
@click.option("--seed", type=int, default=None, help="For the same exercises every time.")
@exact_option
def quiz(text: str, assignments: tuple[str, ...], count: int, seed: int | None, exact: bool) -> int:
    """Exercises about an expression: local derivatives, products along a path, derivatives.

    Answer with a number or a small expression, 1/3 or 2*(-3); a wrong answer is explained, and you may try once more. The
    exit status is 1 unless every answer was right. Answers may be piped in, one on each line.

    \b
    Examples:
      chainrule quiz "tanh(w*x + b)" w=0.5 x=2 b=-1
      chainrule quiz "x*y + x" x=2 y=-3 --seed 1 --count 3
    """
    expression, numbers = read(text, assignments, exact)
    with refused():
        output, _ = expression.graph(numbers)
        exercises = autograd.quiz(output, count=count, seed=seed)
    return 0 if exercises.ask(_line, show) == len(exercises) else 1


def _line(prompt: str) -> str:
    if sys.stdin.isatty():
        click.echo(prompt, nl=False)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line
