"""What a command prints: tables and text, in colours on a terminal and plain elsewhere, in whatever signs can be shown there."""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from autograd.text import printable_lines

_SIGNS = {"·": "*", "∂": "D", "→": "->", "≈": "~=", "…": "...", "«": "<", "»": ">", "�": "?"}
"""What replaces a sign that the terminal cannot show. ∂ becomes D, since d stands for a derivative over all paths."""

_UNBROKEN_COLUMNS = 10_000
"""The width of output that is no terminal, so that no line is broken."""


def _in_plain_signs(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    char = error.object[error.start]
    return _SIGNS.get(char, char.encode("ascii", "backslashreplace").decode()), error.start + 1


codecs.register_error("chainrule", _in_plain_signs)


def use_plain_signs() -> None:
    """From now on replace the signs that standard output cannot encode, instead of raising an error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="chainrule")


class Terminal(Console):
    """Where a command prints: no control character of a name gets through, and no bracket in a name is read as a style."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print texts and tables."""
        super().print(*(printable_lines(each) if isinstance(each, str) else each for each in objects), **options)


def show(*parts: RenderableType) -> None:
    """Print to standard output, all at once.

    Raises:
        click.ClickException: if it cannot be written. (A reader that has gone, as in ``| head``, is no error: click ends quietly.)
    """
    use_plain_signs()
    console = Terminal()
    if not console.is_terminal:
        console.width = _UNBROKEN_COLUMNS
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
    """Return the width of the terminal, or None if standard output is not a terminal."""
    console = Console()
    return console.width if console.is_terminal else None


def table(rows: Iterable[Sequence[str | Text]], headings: Sequence[str] = ()) -> Table:
    """Return rows in columns, without lines between them, so that other programs can read them from a pipe."""
    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=bool(headings))
    for heading in headings:
        made.add_column(heading, overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made


def titled(text: str) -> Text:
    """Return text in which every line that is not indented is a title, in bold."""
    lines = [Text(line, style="" if line.startswith(" ") else "bold") for line in text.split("\n")]
    return Text("\n").join(lines)
