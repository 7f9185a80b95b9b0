"""What a command prints: tables and text, in colours on a terminal and plain elsewhere, in whatever signs can be shown there."""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Iterable, Sequence

import click
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

_SIGNS = {"·": "*", "∂": "D", "→": "->", "≈": "~=", "…": "...", "«": "<", "»": ">", "�": "?"}
"""What stands for a sign where it cannot be shown; D and not d for ∂, since a d is a derivative over all paths."""

_ENDLESS = 10_000
"""Columns of a page that is no terminal: lines are as long as they are."""


def _in_plain_signs(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    char = error.object[error.start]
    return _SIGNS.get(char, char.encode("ascii", "backslashreplace").decode()), error.start + 1


codecs.register_error("chainrule", _in_plain_signs)


def use_plain_signs() -> None:
    """From now on, what standard output cannot encode is written in other signs, and is no error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="chainrule")


def show(*parts: RenderableType) -> None:
    """Print to standard output, all at once.

    Raises:
        click.ClickException: if it cannot be written. (A reader that has gone, as in ``| head``, is no error: click ends quietly.)
    """
    use_plain_signs()
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _ENDLESS
    try:
        with console.capture() as capture:
            for part in parts:
                console.print(part, soft_wrap=not isinstance(part, Table))
        text = capture.get()
        if not console.is_terminal:
            text = "".join(line.rstrip() + "\n" for line in text.split("\n")[:-1])
        if sys.stdout is not None:  # as it is where standard output was closed
            sys.stdout.write(text)
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise click.ClickException(f"the output cannot be written: {(error.strerror or str(error)).lower()}") from None


def columns() -> int | None:
    """The width of the terminal; None where standard output is none."""
    console = Console()
    return console.width if console.is_terminal else None


def table(rows: Iterable[Sequence[str | Text]], headings: Sequence[str] = ()) -> Table:
    """Rows of columns, with no lines between, as a pipe likes them."""
    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=bool(headings))
    for heading in headings:
        made.add_column(heading, overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made


def titled(text: str) -> Text:
    """Text whose lines that are not indented are titles."""
    lines = [Text(line, style="" if line.startswith(" ") else "bold") for line in text.split("\n")]
    return Text("\n").join(lines)
