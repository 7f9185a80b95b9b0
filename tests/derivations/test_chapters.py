"""The chapters of the derivations: they run, show what running them gives, and have every equation of their note in its order."""

import html
import re
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.autograd.test_latex import complaints, needs_node
from tests.derivations.notes import EQUATIONS

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "docs"))  # the tool that makes the pages stands beside them, and is not installed

import chapters  # noqa: E402

CHAPTERS = {int(path.name[4]): path for path in chapters.HERE.glob("note[0-9]-*.md")}
LABEL = re.compile(r"^\*\*(S\d\.i?\d+(?:, S\d\.i?\d+)*)\*\*", re.MULTILINE)  # a paragraph or list item begins with its numbers


NOT_TEXT = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)  # fenced blocks and code inside a line
FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$\n]+\$", re.DOTALL)


def labels(page):
    return [number for group in LABEL.findall(page) for number in group.split(", ")]


@pytest.mark.parametrize("path", chapters.chapters(), ids=lambda path: path.stem)
def test_a_chapter_shows_what_running_it_gives(path):
    page = path.read_text(encoding="utf-8")
    fresh, figures = chapters.refreshed(page, path.stem)
    assert fresh == page, f"stale: run python docs/chapters.py {path.relative_to(ROOT)}"
    for figure in figures:
        assert (chapters.HERE / "figures" / figure).exists()


def test_a_stale_chapter_is_noticed_and_an_error_in_a_cell_is_raised():
    page = f"One\n\n```python\nprint(1 + 1)\n```\n\n{chapters.BEGIN}\n```text\n3\n```\n{chapters.END}\n\nTwo\n"
    fresh, figures = chapters.refreshed(page, "planted")
    assert fresh == page.replace("\n3\n", "\n2\n")
    assert figures == {}
    with pytest.raises(Exception, match="ZeroDivisionError"):
        chapters.refreshed("```python\n1 / 0\n```\n", "planted")


def test_what_a_cell_prints_is_one_block_however_it_arrives():
    page = "```python\nimport time\n\nprint(1, flush=True)\ntime.sleep(0.3)\nprint(2)\n```\n"
    fresh, _ = chapters.refreshed(page, "planted")
    assert fresh == f"{page}\n{chapters.BEGIN}\n```text\n1\n2\n```\n{chapters.END}\n"


def test_there_is_a_chapter_for_each_note_and_one_that_maps_them_onto_each_other():
    assert set(CHAPTERS) == {0, 1, 2, 3, 4}
    assert (chapters.HERE / "five-notations.md").exists()


@pytest.mark.parametrize("note", range(5))
def test_a_chapter_has_every_equation_of_its_note_in_order(note):
    assert labels(CHAPTERS[note].read_text(encoding="utf-8")) == [
        equation.number for equation in EQUATIONS.values() if equation.note == note
    ]


@pytest.mark.parametrize("path", chapters.chapters(), ids=lambda path: path.stem)
def test_a_chapter_ends_with_exercises_that_have_solutions_with_code(path):
    _, exercises = chapters.source(path.read_text(encoding="utf-8")).split("\n## Exercises\n")
    assert "\n## " not in exercises
    questions = re.findall(r"^\*\*Exercise (\d+)\.\*\*", exercises, re.MULTILINE)
    solutions = re.findall(r"<details>\n<summary>Solution</summary>\n.*?</details>", exercises, re.DOTALL)
    assert questions == [str(k) for k in range(1, len(questions) + 1)]
    assert len(questions) >= 3
    assert len(solutions) == len(questions)
    for solution in solutions:
        assert re.search(r"^```python\n.*^(?:assert |print\().*?^```$", solution, re.DOTALL | re.MULTILINE), solution


def lost_formulas(page):
    """The formulas that do not come through Markdown unchanged.

    A renderer that knows no mathematics, or looks for it only afterwards, as GitHub does, reads ``\\,`` as a comma, ``\\\\`` as one
    backslash, and in ``]_i ... x_{`` the beginning and the end of emphasis. Nor does it take a dollar for the beginning of a formula
    if it stands behind anything but a space or a bracket, or for the end if a letter or a digit follows.
    """
    shown = html.unescape(MarkdownIt("commonmark").enable("table").render(page))
    text = NOT_TEXT.sub("", page)
    lost = []
    for found in FORMULA.finditer(text):
        before, after = text[: found.start()][-1:], text[found.end() :][:1]
        if found.group() not in shown or before not in ("", " ", "\n", "(", "[") or after.isalnum():
            lost.append(found.group())
    return lost


PAGES = sorted(chapters.HERE.glob("*.md"))


@needs_node
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_katex_and_mathjax_find_no_fault_in_the_formulas(path):
    page = path.read_text(encoding="utf-8").replace(r"\|", "|")  # as it stands in a table
    formulas = [(formula.strip("$"), formula.startswith("$$")) for formula in FORMULA.findall(NOT_TEXT.sub("", page))]
    found = [(formula, said) for (formula, _), said in zip(formulas, complaints(formulas), strict=True) if said]
    assert not found, found[:3]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_formulas_come_through_every_renderer_of_markdown(path):
    assert lost_formulas(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "formula", [r"$a\,b$", r"$\{a\}$", r"$$\begin{matrix} 1 \\ 2 \end{matrix}$$", "$[a]_i b_{ij}$", "$a*b*c$"]
)
def test_a_formula_that_is_lost_is_noticed(formula):
    page = f"The formula {formula} and $a_j$, `$c\\,d$`.\n"
    assert lost_formulas(page) == [formula]


def test_a_formula_glued_to_its_neighbours_is_noticed():
    assert lost_formulas("**$a$**, the $b$s, ($c$), $d$-th\n") == ["$a$", "$b$"]


def test_the_page_of_equations_is_current():
    import equations

    def without_errors(page):  # which differ between platforms in the last digits
        return re.sub(r"(off by )[\d.e+-]+|\| (?:0|\d(?:\.\d)?e-\d+) \|$", r"\1", page, flags=re.MULTILINE)

    assert without_errors(equations.page()) == without_errors(equations.PAGE.read_text(encoding="utf-8")), (
        "stale: run python docs/equations.py"
    )
