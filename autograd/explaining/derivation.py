"""Derivation: sections of statements, written as text, as Markdown, in LaTeX and in MathML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from autograd.explaining.line_breaks import INDENT_CHARS, rows, written
from autograd.explaining.shown_digits import with_digits
from autograd.explaining.statements import Line, Phrase, Prose, Section, phrase
from autograd.rules.mathml import MATHML
from autograd.rules.notation import LATEX, TEXT, Notation
from autograd.text import escaped_for_markdown

LINE_WIDTH_CHARS = 100  # of a line that can be broken, with its indentation
MIN_LINE_CHARS = 30  # on the narrowest terminal
MATHML_NAMESPACE = "http://www.w3.org/1998/Math/MathML"
SPACE = '<mspace height="3ex"/>'  # above a section


class Derivation:
    r"""Something explained in sections; printed, it is plain text, and in a notebook typeset.

    It holds the names and numbers of the time when it was made: what is assigned later does not change it.

    Args:
        sections: the headings, and the lines under each.

    >>> from autograd.explaining.statements import equation
    >>> from autograd.rules.formula_tree import Derivative, Name, Numeral
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
        self._sections = with_digits(list(sections))

    def to_text(self, columns: int = LINE_WIDTH_CHARS) -> str:
        """Return plain text whose lines are broken to fit into so many columns: those of a terminal, say."""
        width = max(columns - INDENT_CHARS, MIN_LINE_CHARS)  # a section's lines stand indented below its heading
        return "\n\n".join("\n".join(_typeset(TEXT, section, width)) for section in self._sections)

    def __str__(self) -> str:
        return self.to_text()

    __repr__ = __str__

    def to_latex(self) -> str:
        """Return one environment of mathematics, for LaTeX (amsmath), MathJax and KaTeX."""
        return _aligned(_typeset(LATEX, section) for section in self._sections)

    def to_mathml(self) -> str:
        """Return one element of presentation MathML, for a page: browsers typeset it themselves."""
        blocks = [list(_typeset(MATHML, section)) for section in self._sections]
        for block in blocks[1:]:
            block[0] = SPACE + block[0]
        cells = "\n".join(f'<mtr><mtd style="text-align: left">{row}</mtd></mtr>' for block in blocks for row in block)
        return f'<math xmlns="{MATHML_NAMESPACE}" display="block"><mtable displaystyle="true">\n{cells}\n</mtable></math>'

    def to_markdown(self) -> str:
        """Return Markdown with the formulas in dollar signs."""
        blocks = []
        for section in self._sections:
            blocks.append(f"**{_markdown(_heading(section))}**")
            for kind, lines in groupby(section.lines, key=type):
                if kind is Prose:
                    blocks += [_markdown(line.phrase) for line in lines if isinstance(line, Prose)]
                else:
                    blocks.append(_without_tags(_displayed(row for line in lines for row in _rows(LATEX, line))))
        return "\n\n".join(blocks) + "\n"

    def _repr_markdown_(self) -> str:
        return self.to_markdown()

    def _repr_latex_(self) -> str:
        """LaTeX for notebooks that prefer it to Markdown: a display for each section, so that a page can break between them."""
        return "\n\n".join(_displayed(_typeset(LATEX, section)) for section in self._sections)


def _heading(section: Section) -> Phrase:
    return section.title if section.of is None else phrase("{}: {}", section.of, section.title)


def _typeset(notation: Notation, section: Section, width: int = LINE_WIDTH_CHARS) -> Iterator[str]:
    yield written(notation, _heading(section), bold=True)
    for line in section.lines:
        yield from (notation.indent + row for row in _rows(notation, line, width))


def _rows(notation: Notation, line: Line | Prose, width: int = LINE_WIDTH_CHARS) -> Iterator[str]:
    return (notation.indent * level + text for level, text in rows(notation, line, width))


def _displayed(rows: Iterable[str]) -> str:
    return f"$$\n{_aligned([rows])}\n$$"


def _aligned(blocks: Iterable[Iterable[str]]) -> str:
    """Rows below each other, with some space between blocks."""
    written = " \\\\[1ex]\n".join(" \\\\\n".join(f"&{row}" for row in rows) for rows in blocks)
    return f"\\begin{{aligned}}\n{written}\n\\end{{aligned}}"


def _markdown(said: Phrase) -> str:
    """Words with Markdown's own signs escaped, and formulas in dollar signs."""
    words = "".join(
        escaped_for_markdown(run) if isinstance(run, str) else f"${_without_tags(LATEX.write(run))}$" for run in said
    )
    return words.replace("\N{NO-BREAK SPACE}", " ")


def _without_tags(latex: str) -> str:
    """LaTeX without the signs in which Markdown sees HTML; MathJax and KaTeX have names for them."""
    return latex.replace("<", r"\lt ").replace(">", r"\gt ")
