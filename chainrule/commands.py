"""The commands that ask something of an expression: explain, draw and check."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

import autograd
from autograd import Value
from autograd.files import write_whole
from autograd.text import first_few, quoted
from chainrule.arguments import LIMITS, ExpressionCommand, read, refused, with_expression
from chainrule.terminal import columns, show, table, titled

FORMATS = {".svg": "svg", ".png": "png", ".pdf": "pdf", ".dot": "", ".gv": ""}
"""The format of a picture by the ending of its file; the last two are its text."""

COLOURS = {"agrees": "green", "kink": "yellow", "unclear": "yellow", "DIFFERS": "bold red"}

exact_option = click.option(
    "--exact", is_flag=True, help="Take decimals as fractions: 0.1 is 1/10. What is no fraction, as exp(x), stays a float."
)


@click.command(cls=ExpressionCommand, epilog=LIMITS)
@with_expression
@click.option("--wrt", multiple=True, metavar="NAME", help="Differentiate in this name; may be repeated.  [default: all]")
@click.option("--forward", is_flag=True, help="By forward mode: tangents from left to right, a pass for each name.")
@click.option("--latex", is_flag=True, help="As LaTeX.")
@click.option("--markdown", is_flag=True, help="As Markdown, with formulas in dollar signs.")
@exact_option
@click.option("--max-paths", type=click.IntRange(1, 1000), default=10, help="How many paths to show for a name.")
@click.option("--max-steps", type=click.IntRange(1, 1000), default=60, help="How many steps to show.")
def explain(
    text: str,
    assignments: tuple[str, ...],
    wrt: tuple[str, ...],
    forward: bool,
    latex: bool,
    markdown: bool,
    exact: bool,
    max_paths: int,
    max_steps: int,
) -> None:
    """Derive the derivative of an expression, step by step and path by path.

    \b
    Examples:
      chainrule explain "tanh(w*x + b)" w=0.5 x=2 b=-1
      chainrule explain "u = w*x; tanh(u + b)" w=0.5 x=2 b=-1 --wrt w
      chainrule explain "x**3 / (1 - x)" x=1/3 --exact
      chainrule explain "x*y + x" x=2 y=-3 --wrt x --forward
      chainrule explain "-log(sigmoid(z))" z=0.3 --latex
    """
    if latex and markdown:
        raise click.UsageError("--latex and --markdown are two ways to write one derivation; choose one")
    expression, numbers = read(text, assignments, exact)
    with refused():
        output, nodes = expression.graph(numbers)
        unknown = [name for name in wrt if name not in nodes]
        if unknown:
            raise click.UsageError(f"--wrt: the expression has no name {quoted(unknown[0])}; it has {first_few(nodes)}")
        sources = [nodes[name] for name in wrt or expression.given(numbers)]
        if forward:
            derivations = [autograd.explain_forward(output, source) for source in dict.fromkeys(sources)]
        else:
            derivations = [autograd.explain(output, sources, max_paths=max_paths, max_steps=max_steps)]
        if latex or markdown:
            written = [Text((one.to_latex() if latex else one.to_markdown()).rstrip()) for one in derivations]
        else:
            width = columns()
            written = [titled(one.to_text(width) if width else str(one)) for one in derivations]
    show(Text("\n\n").join(written))


@click.command(cls=ExpressionCommand, epilog=LIMITS)
@with_expression
@click.option("-o", "--out", required=True, metavar="FILE", help=f"Ends in {', '.join(FORMATS)}.")
@exact_option
def draw(text: str, assignments: tuple[str, ...], out: str, exact: bool) -> None:
    """Draw the graph of an expression, with every value, gradient and local derivative.

    \b
    Examples:
      chainrule draw "tanh(w*x + b)" w=0.5 x=2 b=-1 -o neuron.svg
      chainrule draw "u = x*y; u + u**2" x=1/3 y=2 --exact -o graph.png
      chainrule draw "max(x, y)" x=1 y=2 -o graph.dot
    """
    ending = Path(out).suffix.lower()
    if ending not in FORMATS:
        raise click.UsageError(f"--out {out!r} has an unknown ending; a picture ends in {', '.join(FORMATS)}")
    import viz

    expression, numbers = read(text, assignments, exact)
    with refused():
        output, _ = expression.graph(numbers)
        output.backward()
        picture = viz.draw(output, max_nodes=None)  # expressions are short
    kind = FORMATS[ending]
    try:
        content = picture.pipe(kind) if kind else picture.source.encode()
    except viz.LayoutError as error:
        raise click.ClickException(f"{error}; or ask for a .dot file, which needs no layout") from None
    try:
        write_whole(Path(out), content)
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        reason = getattr(error, "strerror", None) or str(error)
        raise click.UsageError(f"--out {out!r} cannot be written: {reason.lower()}") from None
    show(f"wrote {out}")


@click.command(cls=ExpressionCommand, epilog=LIMITS)
@with_expression
@click.option("--order", type=click.IntRange(1, 2), default=1, help="2: check the second derivatives too.")
def check(text: str, assignments: tuple[str, ...], order: int) -> int:
    """Compare the derivatives of an expression with central differences and the complex step.

    The exit status is 1 unless every derivative is confirmed. At a kink, any number between the derivatives from both sides is.

    \b
    Examples:
      chainrule check "tanh(w*x + b)" w=0.5 x=2 b=-1
      chainrule check "relu(x) * y" x=0 y=3
      chainrule check "x*exp(y)" x=2 y=0.5 --order 2
    """
    expression, numbers = read(text, assignments)
    with refused():
        expression.graph(numbers)  # if there is anything wrong, it is said of the numbers given and not of others beside them
        names = expression.given(numbers)
        inputs = [Value(numbers[name], name) for name in names]

        def f(*values: Value) -> Value:
            return expression.graph(dict(zip(names, values, strict=True))).output

        report = autograd.check_gradients(f, inputs, order=order)
    headings, *rows = report.rows()
    coloured: list[list[str | Text]] = [[*cells, Text(verdict, COLOURS[verdict])] for *cells, verdict in rows]
    show(table(coloured, headings), *report.notes)
    return 0 if report else 1
