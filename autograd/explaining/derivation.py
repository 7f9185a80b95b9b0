"""Derivation: statements with a heading, which show themselves as text, as Markdown and as LaTeX."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import groupby, pairwise
from textwrap import wrap
from typing import Any, NamedTuple

from autograd.rules.notation import DIGITS, LATEX, TEXT, Notation, Piece, ends, is_written_out, rounded
from autograd.rules.numbers import Number

WIDTH = 100  # signs on a line, if it can be broken, without
INDENT = 8  # signs before the innermost lines
NARROWEST = 30  # signs on a line of the narrowest terminal


class Line(NamedTuple):
    """A chain of equations, ``parts[0] = parts[1] ≈ ...``, or words alone; indented by ``level``."""

    text: str
    level: int = 0
    is_prose: bool = False


class Section(NamedTuple):
    """A heading, the derivative it is about, if there is one, and what stands under it."""

    title: str
    lines: list[Line]
    of: str = ""


class Derivation:
    r"""Something explained in sections; printed, it is plain text, and in a notebook typeset.

    It is told at once: numbers that are assigned later do not change it.

    Args:
        sections: gives the sections in a notation, ``TEXT`` or ``LATEX``.

    >>> derivation = Derivation(lambda notation: [Section("A title", [Line(notation.derivative("y", "x") + " = 2")])])
    >>> print(derivation)
    A title
      dy/dx = 2
    >>> print(derivation.to_latex())
    \begin{aligned}
    &\textbf{A title} \\
    &\quad \frac{\mathrm{d} y}{\mathrm{d} x} = 2
    \end{aligned}
    """

    def __init__(self, sections: Callable[[Notation], Iterable[Section]]) -> None:
        self._text, self._latex = list(sections(TEXT)), list(sections(LATEX))

    def to_text(self, columns: int = WIDTH + INDENT) -> str:
        """The derivation as plain text, its lines broken to fit into so many columns: those of a terminal, say."""
        blocks, width = [], max(columns - INDENT, NARROWEST)
        for title, lines, of in self._text:
            rows = ["  " * (level + 1) + text for line in lines for level, text in _rows(TEXT, line, width)]
            blocks.append("\n".join([f"{of}: {title}" if of else title, *rows]))
        return "\n\n".join(blocks)

    def __str__(self) -> str:
        return self.to_text()

    __repr__ = __str__

    def to_latex(self) -> str:
        """The derivation as one environment of mathematics, for LaTeX (amsmath), MathJax and KaTeX."""
        return _aligned(map(_typeset, self._latex))

    def to_markdown(self) -> str:
        """The derivation as Markdown, the formulas in dollar signs."""
        blocks = []
        for title, lines, of in self._latex:
            heading = words(title, _plain, "${}$")
            blocks.append(f"**${of}$: {heading}**" if of else f"**{heading}**")
            for is_prose, group in groupby(lines, key=lambda line: line.is_prose):
                if is_prose:
                    blocks += [words(line.text, _plain, "${}$") for line in group]
                else:
                    blocks.append(_displayed(_indented(*row) for line in group for row in _rows(LATEX, line)))
        return "\n\n".join(blocks) + "\n"

    def _repr_markdown_(self) -> str:
        return self.to_markdown()

    def _repr_latex_(self) -> str:
        """For what prefers LaTeX to Markdown: a display for each section, so that a page can break between them."""
        return "\n\n".join(_displayed(_typeset(section)) for section in self._latex)


def _typeset(section: Section) -> Iterator[str]:
    title, lines, of = section
    yield of + words(f": {title}" if of else title, lambda text: LATEX.prose(text, "textbf"))
    for line in lines:
        for level, text in _rows(LATEX, line):
            yield _indented(level + 1, text)


def _rows(notation: Notation, line: Line, width: int = WIDTH) -> Iterator[tuple[int, str]]:
    """A line, broken before equals signs where it is too long, with the level that each part is indented by."""
    if line.is_prose:
        together = notation is not TEXT  # a formula among the words
        lines = wrap(line.text, width, break_long_words=not together, break_on_hyphens=not together)
        yield from ((line.level, words(text, notation.prose)) for text in lines)
        return
    parts, level = _parts(notation, line.text), line.level
    if _width(notation, parts[0]) <= width / 4:
        parts[:2] = ["".join(parts[:2])]  # a short left side is not left alone
    row, *rest = parts if _width(notation, line.text) > width else [line.text]
    for number, part in enumerate(rest):
        if number == 0 or _width(notation, row + part) > width:
            yield from _broken(notation, level, row, width)
            row, level = part.lstrip(), line.level + 1
        else:
            row += part
    yield from _broken(notation, level, row, width)


def _broken(notation: Notation, level: int, row: str, width: int) -> Iterator[tuple[int, str]]:
    """A row of text, broken before the signs between its terms, factors or nodes where it is still too long."""
    if notation is not TEXT or len(row) <= width:  # a page is wider than a terminal
        yield level, row
        return
    begun, here = "", level
    for part in _cut(row, (" + ", " - ")) or _cut(row, ("·", " → ")) or _cut(row, ("*",)) or [row]:
        if begun and len(begun + part) > width:
            yield here, begun
            begun, here = part.lstrip(), level + 1
        else:
            begun += part
    yield here, begun


def _cut(row: str, signs: Container[str]) -> list[str]:
    """Text cut before each of the signs that stands in no brackets and no label; empty if none does."""
    depth, cuts = 0, [0]
    for match in re.finditer(r"«[^»]*»|[][()·]|\*+| [+→-] ", row):
        depth += (match.group() in "([") - (match.group() in ")]")
        if depth == 0 and match.group() in signs:
            cuts.append(match.start())
    return [row[start:end] for start, end in pairwise([*cuts, len(row)])] if len(cuts) > 1 else []


def _parts(notation: Notation, equation: str) -> list[str]:
    """A chain of equations, cut before each of its signs: of those that stand in brackets, of a label say, it is none."""
    depth, cuts = 0, [0]
    for match in _SIGNS[notation].finditer(equation):
        if match.group() in "«{":
            depth += 1
        elif match.group() in "»}":
            depth -= 1
        elif depth == 0 and match.group().startswith(" "):
            cuts.append(match.start())
    return [equation[start:end] for start, end in pairwise([*cuts, len(equation)])]


_SIGNS: dict[Notation, re.Pattern[str]] = {
    TEXT: re.compile("[«»]| [=≈] "),
    LATEX: re.compile(r"\\[{}]|[{}]| (?:=|\\approx) "),
}


def _width(notation: Notation, text: str) -> int:
    """About how many signs wide a formula is; of a fraction both parts count, and make up for the ∂ that do not."""
    return len(text if notation is TEXT else re.sub(r"\\[A-Za-z]+|[\\{}_^& ]", "", text))


def _indented(level: int, text: str) -> str:
    return r"\quad " * level + text


def _displayed(rows: Iterable[str]) -> str:
    return f"$$\n{_aligned([rows])}\n$$"


def _aligned(blocks: Iterable[Iterable[str]]) -> str:
    """Rows below each other, and some space between blocks."""
    written = " \\\\[1ex]\n".join(" \\\\\n".join(f"&{row}" for row in rows) for rows in blocks)
    return f"\\begin{{aligned}}\n{written}\n\\end{{aligned}}"


# --- words ----------------------------------------------------------------------------------------------------------


def among_words(notation: Notation, formula: str) -> str:
    """A formula, such as a name, as it stands in a title or in prose: there it is marked, so that it is typeset as one."""
    return formula if notation is TEXT else "\x02" + formula.replace(" ", "\x04") + "\x03"


def words(text: str, write: Callable[[str], str], formula: str = "{}") -> str:
    """Words as ``write`` writes them, and the formulas among them as they are.

    >>> words("of " + among_words(LATEX, "x_{1}") + ".", LATEX.prose)
    '\\\\text{of }x_{1}\\\\text{.}'
    """
    runs = re.split("\x02(.*?)\x03", text)
    return "".join(
        formula.format(run.replace("\x04", " ")) if number % 2 else write(run) for number, run in enumerate(runs) if run
    )


def _plain(text: str) -> str:
    """Words that Markdown takes for nothing else."""
    return re.sub(r"([\\`*_\[\]<>$#|~&])", r"\\\1", text)


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
    numbers = ends(numbers)
    return Numbers(notation.product([notation.number(each) for each in numbers]), tuple(numbers))


def total(notation: Notation, numbers: Sequence[Number]) -> Numbers:
    """Numbers added: ``2 + (-3)``."""
    numbers = ends(numbers)
    return Numbers(notation.sum([notation.number(each) for each in numbers]), tuple(numbers))


def shown_exactly(number: Number) -> bool:
    """Whether the digits shown are all of them, but for what rounding made of 0.1 + 0.2.

    >>> shown_exactly(0.1 + 0.2), shown_exactly(1 / 3)
    (True, False)
    """
    if not isinstance(number, float):
        return is_written_out(number) or Fraction(rounded(number)) == number
    shown = float(f"{number:.{DIGITS}g}")
    return shown == number or number != number or abs(shown - number) <= 4 * math.ulp(number)


def symbols(notation: Notation, factors: Sequence[str]) -> str:
    """Factors by name."""
    return notation.product([Piece(each) for each in factors])
