"""Derivation: statements with a heading, which show themselves as text, as Markdown and as LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import groupby
from typing import Any, NamedTuple

from autograd.notation import DIGITS, LATEX, TEXT, Notation, Piece, escaped
from autograd.number import Number


class Line(NamedTuple):
    """A chain of equations, ``parts[0] = parts[1] ≈ ...``, or words alone; indented by ``level``."""

    text: str
    level: int = 0
    is_prose: bool = False


class Section(NamedTuple):
    """A heading and what stands under it."""

    title: str
    lines: list[Line]


class Derivation:
    """Something explained in sections; printed, it is plain text, and in a notebook typeset.

    Args:
        sections: the sections, written in the notation that is asked for: made when shown, and then only.

    >>> derivation = Derivation(lambda notation: [Section("A title", [Line(notation.derivative("y", "x") + " = 2")])])
    >>> print(derivation)
    A title
      dy/dx = 2
    >>> print(derivation.to_latex())
    \\begin{aligned}
    &\\textbf{A title} \\\\
    &\\quad \\frac{\\mathrm{d} y}{\\mathrm{d} x} = 2
    \\end{aligned}
    """

    def __init__(self, sections: Callable[[Notation], Iterable[Section]]) -> None:
        self._sections = sections

    def __str__(self) -> str:
        blocks = []
        for title, lines in self._sections(TEXT):
            blocks.append("\n".join([title, *("  " * (line.level + 1) + line.text for line in lines)]))
        return "\n\n".join(blocks)

    __repr__ = __str__

    def to_latex(self) -> str:
        """The derivation as one environment of mathematics, for LaTeX (amsmath), MathJax and KaTeX."""
        rows = []
        for title, lines in self._sections(LATEX):
            rows.append(rf"\textbf{{{escaped(title)}}}")
            rows += [_indented(line, line.level + 1) for line in lines]
        return _aligned(rows)

    def to_markdown(self) -> str:
        """The derivation as Markdown, the formulas in dollar signs."""
        blocks = []
        for title, lines in self._sections(LATEX):
            blocks.append(f"**{title}**")
            for is_prose, group in groupby(lines, key=lambda line: line.is_prose):
                if is_prose:
                    blocks += [line.text for line in group]
                else:
                    blocks.append(f"$$\n{_aligned(_indented(line, line.level) for line in group)}\n$$")
        return "\n\n".join(blocks) + "\n"

    def _repr_latex_(self) -> str:
        return f"$$\n{self.to_latex()}\n$$"

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def _indented(line: Line, level: int) -> str:
    return r"\quad " * level + (LATEX.prose(line.text) if line.is_prose else line.text)


def _aligned(rows: Iterable[str]) -> str:
    return "\\begin{aligned}\n" + " \\\\\n".join(f"&{row}" for row in rows) + "\n\\end{aligned}"


# --- equations ------------------------------------------------------------------------------------------------------


class Numbers(NamedTuple):
    """A part of an equation in which numbers stand: with ``≈`` before it if one of them had to be rounded."""

    text: str
    values: tuple[Any, ...]


def equation(notation: Notation, first: str, *parts: str | Numbers) -> str:
    """``first = part = part``; the sign is ≈ wherever a shown number is not the exact one.

    >>> equation(TEXT, "y", "x*x", value(TEXT, 1 / 3))
    'y = x*x ≈ 0.333333'
    >>> equation(TEXT, "y", "x*x", "x*x")
    'y = x*x'
    """
    text, rounded, last = first, False, first
    for part in parts:
        shown = part.text if isinstance(part, Numbers) else part
        here = isinstance(part, Numbers) and not all(map(shown_exactly, part.values))
        if shown != last:
            text += (notation.approximately if here or (rounded and isinstance(part, Numbers)) else notation.equals) + shown
        rounded, last = here, shown
    return text


def value(notation: Notation, number: Number) -> Numbers:
    """A number as the end of an equation."""
    return Numbers(notation.number(number).text, (number,))


def product(notation: Notation, numbers: Sequence[Number]) -> Numbers:
    """Numbers multiplied: ``2·(-3)``."""
    return Numbers(notation.product([notation.number(each) for each in numbers]), tuple(numbers))


def total(notation: Notation, numbers: Sequence[Number]) -> Numbers:
    """Numbers added: ``2 + (-3)``."""
    return Numbers(notation.sum([notation.number(each) for each in numbers]), tuple(numbers))


def shown_exactly(number: Number) -> bool:
    """Whether the digits shown are all of them."""
    return isinstance(number, int | Fraction) or number != number or float(f"{number:.{DIGITS}g}") == number


def symbols(notation: Notation, factors: Sequence[str]) -> str:
    """Factors by name."""
    return notation.product([Piece(each) for each in factors])
