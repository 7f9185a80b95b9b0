"""The command line: options are checked here, before any work is done.

Whatever is wrong with the input is said in one or two lines on standard error, and the exit status is 2.
"""

from __future__ import annotations

import math
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from autograd.text import printable_lines
from chainrule.commands import check, draw, explain
from chainrule.operations import ops
from chainrule.practice import quiz
from chainrule.terminal import use_plain_signs
from nn.data import DATASETS, DataError
from nn.layers import ACTIVATIONS

USUAL: dict[str, Any] = {"layers": [16, 16], "epochs": 40, "lr": 0.1, "batch_size": 8}
SPECIAL: dict[str, dict[str, Any]] = {
    "moons": {"lr": 0.2, "batch_size": 4},
    "spirals": {"epochs": 150, "lr": 0.2, "batch_size": 4},
    "breast_cancer": {"epochs": 10},
    "digits": {"layers": [16], "epochs": 2, "lr": 0.2},
}
"""What is enough to learn each data set within a minute, where that is not the usual; options given go before both."""


def _default(name: str) -> str:
    """For the help: ``16,16; digits 16``."""
    special = (f"{data} {_text(settings[name])}" for data, settings in SPECIAL.items() if name in settings)
    return "; ".join([_text(USUAL[name]), *special])


def _text(setting: Any) -> str:
    return ",".join(map(str, setting)) if isinstance(setting, list) else str(setting)


def _widths(context: click.Context, option: click.Parameter, value: str | None) -> list[int] | None:
    """``16,16`` as a list of widths."""
    if value is None:
        return None
    parts = [part.strip() for part in value.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) <= 4 and int(part) > 0 for part in parts):
        raise click.BadParameter(f"{value!r} is not a list of widths from 1 to 9999; write for example 16,16", context, option)
    return [int(part) for part in parts]


def _rate(context: click.Context, option: click.Parameter, value: float | None) -> float | None:
    if value is not None and not 0 < value < math.inf:  # nan is not: click's own ranges let it pass
        raise click.BadParameter(f"{value} is not a learning rate; give a number above 0", context, option)
    return value


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True}, invoke_without_command=True)
@click.version_option(version("chainrule"), "--version", prog_name="chainrule")
@click.pass_context
def cli(context: click.Context) -> None:
    """Scalar automatic differentiation that shows its work.

    \b
    Examples:
      chainrule explain "tanh(w*x + b)" w=0.5 x=2 b=-1 --wrt w
      chainrule draw "u = x*y; u + u**2" x=1/3 y=2 --exact -o graph.svg
      chainrule quiz "x*y + x" x=2 y=-3
      chainrule demo --data moons
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@cli.command()
@click.option(
    "--data",
    default="iris",
    metavar="|".join([*DATASETS, "PATH.csv"]),
    help="What to learn: a data set, or a CSV file with a header.",
)
@click.option("--target", help="The column of labels in the CSV file.  [default: the last]")
@click.option("--layers", callback=_widths, show_default=_default("layers"), help="The widths of the hidden layers.")
@click.option(
    "--activation", type=click.Choice([a for a in ACTIVATIONS if a != "softmax"]), default="tanh", help="Of the hidden layers."
)
@click.option(
    "--epochs", type=click.IntRange(1), show_default=_default("epochs"), help="How often to go through the training data."
)
@click.option("--lr", type=float, callback=_rate, show_default=_default("lr"), help="The learning rate.")
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    show_default=_default("batch_size"),
    help="Examples in a step: 1 is per-sample.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=1337,
    help="Of the weights, the split, the order, and the data made from one.",
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default="chainrule-demo", help="Where the pictures go."
)
@click.option("--eager", is_flag=True, help="Train on the graph engine, scalar by scalar, instead of compiled.")
def demo(**options: Any) -> None:
    """Train a network written in scalars on real data, and watch the chain rule at work.

    \b
    Examples:
      chainrule demo
      chainrule demo --data digits
      chainrule demo --data digits --eager
      chainrule demo --data spirals --activation relu --epochs 50
      chainrule demo --data flowers.csv --target species --layers 8
    """
    from chainrule.demo import run

    given = {name: value for name, value in options.items() if value is not None}
    run(**{"target": None, **USUAL, **SPECIAL.get(options["data"], {}), **given})


for command in (explain, draw, check, quiz, ops):
    cli.add_command(command)


def main() -> None:
    """Run the command; one line for each thing that can be wrong, and never a traceback for bad input."""
    use_plain_signs()
    try:
        status = cli(prog_name="chainrule", standalone_mode=False)
    except click.ClickException as error:
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "chainrule"
        _stop(f"{where}: {error.format_message()}", error.exit_code)
    except DataError as error:
        _stop(f"chainrule demo: {error}", 2)
    except (KeyboardInterrupt, click.Abort):
        _stop("chainrule: stopped", 130)
    sys.exit(status if isinstance(status, int) else 0)


def _stop(message: str, status: int) -> None:
    click.echo(printable_lines(message), err=True)
    sys.exit(status)
