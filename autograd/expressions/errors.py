"""What is wrong with an expression, and where: a message with the place underlined."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from unicodedata import combining, east_asian_width

from autograd.errors import DomainError

Place = tuple[int, int]
"""The columns at which a part of an expression begins and ends."""

SHOWN_CHARS = 72
"""How many characters of a long expression are shown around the place."""


class ExpressionError(ValueError):
    """An expression that cannot become a graph; printed, it shows the place.

    Args:
        message: what was met, and what is allowed.
        text: the expression.
        place: where the trouble is; a place without width is shown as one column.

    >>> print(ExpressionError("'^' is not allowed; write ** for a power", "2*x^2", (3, 4)))
    '^' is not allowed; write ** for a power
      2*x^2
         ^
    """

    def __init__(self, message: str, text: str, place: Place) -> None:
        super().__init__(message, text, place)
        self.message, self.text, self.place = message, text, place

    def __str__(self) -> str:
        if not self.text:
            return self.message
        start, end = self.place
        first = max(0, min(start - SHOWN_CHARS // 3, len(self.text) - SHOWN_CHARS))
        last = first + SHOWN_CHARS
        before = "…" * (first > 0) + _printable(self.text[first:start])
        there = _printable(self.text[start : min(end, last)])
        after = _printable(self.text[min(end, last) : last]) + "…" * (last < len(self.text))
        carets = " " * _columns(before) + "^" * max(1, _columns(there))
        return f"{self.message}\n  {before}{there}{after}\n  {carets}"


class OutsideDomainError(ExpressionError, DomainError):
    """A ``DomainError`` of the engine that shows the place too: the engine names the operation and the operand."""


def visible(text: str, longest: int = 40) -> str:
    r"""Any text in quotes, short and without a character that cannot be printed.

    >>> visible("x\n"), visible("12345", longest=4)
    ("'x�'", "'123…'")
    """
    return f"'{_printable(text if len(text) <= longest else text[: longest - 1] + '…')}'"


def some(names: Iterable[str], most: int = 8) -> str:
    """Names in a row, and of very many the first.

    >>> some("abc", most=2), some([])
    ('a, b, ...', 'none')
    """
    shown = list(islice(names, most + 1))
    return ", ".join(shown if len(shown) <= most else [*shown[:most], "..."]) or "none"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "�" for char in text)


def _columns(text: str) -> int:
    """How many columns of a terminal a text fills: some letters take two, accents that combine with a letter take none."""
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)
