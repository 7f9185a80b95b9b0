"""``chainrule ops``: the table of operations on the screen."""

from __future__ import annotations

from collections.abc import Iterator

import click

from autograd import OPS, Op
from autograd.expressions.callable_rows import closest
from autograd.rules.evaluate import evaluate
from chainrule.terminal import show, table, titled

ALIASES = {"max": "maximum", "min": "minimum", "ln": "log"}
HEADINGS = ["operation", "value", "∂out/∂x", "∂out/∂y", "needs", "kinks and constants"]


@click.command()
@click.argument("name", required=False)
def ops(name: str | None) -> None:
    """List the operations of the table, or show one in detail.

    In the formulas x and y are the operands, out is the result, c a constant.

    \b
    Examples:
      chainrule ops
      chainrule ops tanh
      chainrule ops "**"
    """
    if name is None:
        show(table(map(_row, OPS.values()), HEADINGS))
        return
    op = OPS.get(ALIASES.get(name, name)) or next((op for op in OPS.values() if op.symbol == name), None)
    if op is None:
        raise click.UsageError(f"{name!r} is no operation of the table; {closest(name) or 'chainrule ops lists them'}")
    show(titled(op.name), table(_details(op)))


def _row(op: Op) -> list[str]:
    second = op.partials[1] if op.arity == 2 else ""
    return [op.name, op.value, op.partials[0], second, op.domain, "; ".join(_notes(op))]


def _notes(op: Op) -> Iterator[str]:
    yield from (f"kink at {kink} = 0: {convention}" for kink, convention in op.kinks.items())
    if op.default is not None:
        yield f"c = {op.default} unless given"


def _details(op: Op) -> Iterator[tuple[str, str]]:
    """What the row says, and one example of it."""
    names = ["out", *(f"∂out/∂{operand}" for operand in op.operands)]
    yield from zip(["  value", *(f"  {name}" for name in names[1:])], [op.value, *op.partials], strict=True)
    yield "  needs", op.domain or "nothing: it has a value everywhere"
    if op.remedy:
        yield "  elsewhere", op.remedy
    for note in _notes(op):
        yield "  note", note
    yield "  in LaTeX", op.latex
    point = [low + 0.75 * (high - low) for low, high in op.samples]
    numbers = evaluate(op.at() if op.is_family else op, *point)
    at = ", ".join(f"{operand} = {number:g}" for operand, number in zip(op.operands, point, strict=True))
    yield "  example", f"at {at}: " + ", ".join(f"{name} = {number:.6g}" for name, number in zip(names, numbers, strict=True))
