"""What is wrong with an expression, and where: a message with the place underlined."""

from __future__ import annotations

from unicodedata import combining, east_asian_width

from autograd.errors import DomainError
from autograd.text import same_columns

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
        before = "…" * (first > 0) + same_columns(self.text[first:start])
        there = same_columns(self.text[start : min(end, last)])
        after = same_columns(self.text[min(end, last) : last]) + "…" * (last < len(self.text))
        carets = " " * _columns(before) + "^" * max(1, _columns(there))
        return f"{self.message}\n  {before}{there}{after}\n  {carets}"


class OutsideDomainError(ExpressionError, DomainError):
    """A ``DomainError`` of the engine that shows the place too: the engine names the operation and the operand."""


def _columns(text: str) -> int:
    """How many columns of a terminal a text fills: some letters take two, accents that combine with a letter take none."""
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)
