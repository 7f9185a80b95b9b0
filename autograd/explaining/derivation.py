"""Derivation: statements with a heading, which are written as text, as Markdown and as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise, zip_longest
from textwrap import wrap
from typing import NamedTuple, TypeAlias

from autograd.rules.formula_tree import Formula, Numeral, Product, Sum, elide_middle, numbers_in, side_by_side
from autograd.rules.notation import LATEX, TEXT, Notation, prints_exactly
from autograd.rules.numbers import Number

LINE_WIDTH_CHARS = 100  # of a line that can be broken, without its indentation
INDENT_CHARS = 8  # before the innermost lines
MIN_LINE_CHARS = 30  # on the narrowest terminal


# --- what is said -------------------------------------------------------------------------------------------------------

Run: TypeAlias = str | Formula  # words, or a formula among them
Phrase: TypeAlias = list[Run]


class Side(NamedTuple):
    """One side of an equation, with the relation before it: ``=``, ``≈``, ``+=``, or nothing before the first."""

    relation: str
    phrase: Phrase


class Line(NamedTuple):
    """A chain of equations, ``first = second ≈ third``, and a remark at its end; indented by ``level``."""

    sides: Sequence[Side]
    level: int = 0
    remark: Sequence[Run] = ()


class Prose(NamedTuple):
    """Words, with formulas among them."""

    phrase: Phrase
    level: int = 0


class Section(NamedTuple):
    """A heading, the derivative it is about, if there is one, and what stands under it."""

    title: Phrase
    lines: Sequence[Line | Prose]
    of: Formula | None = None


def phrase(text: str, *holes: Run | Phrase) -> Phrase:
    """Words, with a formula, other words or another phrase in place of each ``{}``.

    >>> from autograd.rules.formula_tree import Name
    >>> phrase("{} does not depend on {}.", Name("y"), Name("x"))
    [Name(label='y'), ' does not depend on ', Name(label='x'), '.']
    """
    runs: Phrase = []
    for words, hole in zip_longest(text.split("{}"), holes, fillvalue=""):
        for run in (words, *(hole if isinstance(hole, list) else [hole])):
            if isinstance(run, str) and runs and isinstance(runs[-1], str):
                runs[-1] += run
            elif run != "":
                runs.append(run)
    return runs


def listed(formulas: Sequence[Formula]) -> Phrase:
    """The formulas with commas between them; of very many the first and the last."""
    items: list[Run] = elide_middle(formulas, lambda formula: formula, "…")
    return phrase(", ".join(["{}"] * len(items)), *items)


# --- equations ----------------------------------------------------------------------------------------------------------


def equation(first: Formula, *sides: Formula, relation: str = "") -> list[Side]:
    """``first = side = side``; the sign is ≈ wherever a number shown is not the exact one.

    >>> from autograd.rules.formula_tree import Name
    >>> [side.relation for side in equation(Name("y"), Name("x"), Numeral(1 / 3))]
    ['', '=', '≈']
    """
    rounded = [False, *(not all(map(prints_exactly, numbers_in(side))) for side in sides)]
    relations = [relation, *("≈" if any(pair) else "=" for pair in pairwise(rounded))]
    return [Side(relation, [side]) for relation, side in zip(relations, (first, *sides), strict=True)]


def product(numbers: Sequence[Number]) -> Formula:
    """Numbers multiplied: ``2·(-3)``."""
    return Product(side_by_side(numbers, Numeral))


def total(numbers: Sequence[Number]) -> Formula:
    """Numbers added: ``2 + (-3)``."""
    return Sum(side_by_side(numbers, Numeral))


# --- how it is written --------------------------------------------------------------------------------------------------


class Derivation:
    r"""Something explained in sections; printed, it is plain text, and in a notebook typeset.

    It is told at once: numbers that are assigned later do not change it.

    >>> from autograd.rules.formula_tree import Derivative, Name
    >>> line = Line(equation(Derivative(Name("y"), Name("x")), Numeral(2)))
    >>> derivation = Derivation([Section(["A title"], [line])])
    >>> print(derivation)
    A title
      dy/dx = 2
    >>> print(derivation.to_latex())
    \begin{aligned}
    &\textbf{A title} \\
    &\quad \frac{\mathrm{d} y}{\mathrm{d} x} = 2
    \end{aligned}
    """

    def __init__(self, sections: Iterable[Section]) -> None:
        self._sections = list(sections)

    def to_text(self, columns: int = LINE_WIDTH_CHARS + INDENT_CHARS) -> str:
        """The derivation as plain text, its lines broken to fit into so many columns: those of a terminal, say."""
        width = max(columns - INDENT_CHARS, MIN_LINE_CHARS)
        blocks = []
        for section in self._sections:
            rows = ["  " * (level + 1) + text for line in section.lines for level, text in _rows(TEXT, line, width)]
            blocks.append("\n".join([_written(TEXT, _heading(section)), *rows]))
        return "\n\n".join(blocks)

    def __str__(self) -> str:
        return self.to_text()

    __repr__ = __str__

    def to_latex(self) -> str:
        """The derivation as one environment of mathematics, for LaTeX (amsmath), MathJax and KaTeX."""
        return _aligned(map(_typeset, self._sections))

    def to_markdown(self) -> str:
        """The derivation as Markdown, the formulas in dollar signs."""
        blocks = []
        for section in self._sections:
            blocks.append(f"**{_markdown(_heading(section))}**")
            for kind, lines in groupby(section.lines, key=type):
                if kind is Prose:
                    blocks += [_markdown(line.phrase) for line in lines if isinstance(line, Prose)]
                else:
                    blocks.append(_displayed(_indented(*row) for line in lines for row in _rows(LATEX, line)))
        return "\n\n".join(blocks) + "\n"

    def _repr_markdown_(self) -> str:
        return self.to_markdown()

    def _repr_latex_(self) -> str:
        """For what prefers LaTeX to Markdown: a display for each section, so that a page can break between them."""
        return "\n\n".join(_displayed(_typeset(section)) for section in self._sections)


def _heading(section: Section) -> Phrase:
    return section.title if section.of is None else phrase("{}: {}", section.of, section.title)


def _typeset(section: Section) -> Iterator[str]:
    yield _written(LATEX, _heading(section), bold=True)
    for line in section.lines:
        for level, text in _rows(LATEX, line):
            yield _indented(level + 1, text)


def _written(notation: Notation, said: Sequence[Run], bold: bool = False) -> str:
    """Words and formulas next to each other."""
    return "".join(notation.prose(run, bold) if isinstance(run, str) else notation.write(run) for run in said)


def _rows(notation: Notation, line: Line | Prose, width: int = LINE_WIDTH_CHARS) -> Iterator[tuple[int, str]]:
    """A line as rows no wider than this, if it can be broken so, each with the level that it is indented by."""
    if isinstance(line, Line):
        yield from _broken_at_relations(notation, line, width)
    elif notation is TEXT:
        yield from ((line.level, text) for text in wrap(_written(TEXT, line.phrase), width))
    else:
        yield from ((line.level, _written(notation, words)) for words in _filled(notation, line.phrase, width))


def _filled(notation: Notation, said: Phrase, width: int) -> Iterator[Phrase]:
    """Words in rows; a formula stays in one piece."""
    row: Phrase = []
    for word in _words(said):
        longer = phrase("{} {}", row, word) if row else word
        if row and sum(len(run) if isinstance(run, str) else len(notation.write(run)) + 2 for run in longer) > width:
            yield row
            row = word
        else:
            row = longer
    yield row


def _words(said: Phrase) -> list[Phrase]:
    """The phrase cut at its spaces; a formula and the sign after it are one word."""
    words: list[Phrase] = [[]]
    for run in said:
        for number, part in enumerate(run.split(" ") if isinstance(run, str) else [run]):
            if number:
                words.append([])
            words[-1] += phrase("{}", part)
    return [word for word in words if word]


def _broken_at_relations(notation: Notation, line: Line, width: int) -> Iterator[tuple[int, str]]:
    """A chain of equations, broken before =, ≈ where it is too long, and a side that is too long then before its own signs."""
    row, *rest = _sides(notation, line)
    if rest and notation.width("".join(row)) <= width / 4:
        row = _joined(row, rest.pop(0))  # a short left side is not left alone
    level = line.level
    fits = notation.width("".join(map("".join, [row, *rest]))) <= width
    for number, side in enumerate(rest):
        if fits or (number and notation.width("".join(_joined(row, side))) <= width):
            row = _joined(row, side)
        else:
            yield from _broken(notation, level, row, width)
            row, level = [side[0].lstrip(), *side[1:]], line.level + 1
    yield from _broken(notation, level, row, width)


def _sides(notation: Notation, line: Line) -> list[list[str]]:
    """The sides of a line, each in the parts between which it may be broken; a side that repeats the one before is left out."""
    sides: list[list[str]] = []
    last = None
    for relation, said in line.sides:
        parts = _parts(notation, said)
        if parts != last:
            before = notation.relations[relation] if relation else ""
            sides.append([before + parts[0], *parts[1:]])
            if relation == "+=":
                sides[-2:] = [_joined(*sides[-2:])]  # no equation, and no place to break a line
        last = parts
    sides[-1] = _joined(sides[-1], [_written(notation, line.remark)])
    return sides


def _parts(notation: Notation, said: Phrase) -> list[str]:
    """What is said, cut where a line may be broken."""
    parts = [""]
    for run in said:
        text, _, breaks = (notation.prose(run), 0, ()) if isinstance(run, str) else notation.piece(run)
        parts = _joined(parts, [text[start:end] for start, end in pairwise([0, *breaks, len(text)])])
    return parts


def _joined(row: list[str], parts: list[str]) -> list[str]:
    """The parts of two things that stand next to each other, not to be broken between them."""
    return [*row[:-1], row[-1] + parts[0], *parts[1:]]


def _broken(notation: Notation, level: int, parts: list[str], width: int) -> Iterator[tuple[int, str]]:
    """A row of text, broken where it may be if it is still too long."""
    if notation is not TEXT or notation.width("".join(parts)) <= width:  # a page is wider than a terminal
        parts = ["".join(parts)]
    row, here = parts[0], level
    for part in parts[1:]:
        if notation.width(row + part) > width:
            yield here, row
            row, here = part.lstrip(), level + 1
        else:
            row += part
    yield here, row


def _indented(level: int, text: str) -> str:
    return r"\quad " * level + text


def _displayed(rows: Iterable[str]) -> str:
    return f"$$\n{_aligned([rows])}\n$$"


def _aligned(blocks: Iterable[Iterable[str]]) -> str:
    """Rows below each other, and some space between blocks."""
    written = " \\\\[1ex]\n".join(" \\\\\n".join(f"&{row}" for row in rows) for rows in blocks)
    return f"\\begin{{aligned}}\n{written}\n\\end{{aligned}}"


def _markdown(said: Phrase) -> str:
    """Words that Markdown takes for nothing else, and formulas in dollar signs."""
    return "".join(
        re.sub(r"([\\`*_\[\]<>$#|~&])", r"\\\1", run) if isinstance(run, str) else f"${LATEX.write(run)}$" for run in said
    )
