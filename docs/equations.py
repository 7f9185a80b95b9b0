"""Runs every equation of the lecture notes and writes ``derivations/equations.md``: ``python docs/equations.py``."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))  # the cases are in the tests, which are not installed

from tests.derivations.notes import EQUATIONS  # noqa: E402
from tests.derivations.registry import BAR, Equation, Result, check  # noqa: E402

PAGE = HERE / "derivations" / "equations.md"

NUMBER = "off by "

TEXT = """\
# Every equation of the five notes

Each formula of the lecture notes by its number, in the order of the notes: S4.31 is displayed formula 31 of note 4, S4.i5 the
fifth formula inside a sentence there. `python docs/equations.py` runs all of them and writes this page;
`pytest tests/derivations` runs the same cases, which are in `tests/derivations`.

The page shows the right formula. The verdicts are:

- **V** holds as printed ({V} formulas).
- **F** is false as printed ({F}). For {run} of these the printed form was run and failed, as the table says, and the formula on
  this page was run and holds. The other {slips} are slips in a name or a remark, which no number or shape can show; the table
  says why.
- **R** holds as printed only under a restriction ({R}).
- **D** is a definition or an update, with nothing to verify ({D}); the table names the cases that use it.
- A dash is a name or a fragment without a claim ({fragments}).

*Worst error* is the largest difference between both sides of an equation, relative to the largest entry of the array; one side
is computed by complex steps or by hand in NumPy. The error must not exceed {bar:g}.
"""


def row(equation: Equation, result: Result | None) -> str:
    """One line of the table. If both sides have the same bits, the error is 0."""
    notes = [equation.claim]
    if equation.printed:
        notes.append(f"printed: {equation.printed}")
    if result is not None and result.failures:
        notes.append("as printed: " + ", ".join(ways(result.failures)))
    if equation.used_in:
        notes.append("used in " + ", ".join(equation.used_in))
    if equation.reason:
        notes.append(equation.reason)
    error = "" if result is None else "0" if result.error == 0 else f"{result.error:.0e}"
    cells = [equation.number, f"${equation.formula}$", equation.verdict.replace("-", "—"), "; ".join(notes), error]
    return "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in cells) + " |"


def ways(failures: tuple[str, ...]) -> list[str]:
    """The ways in which a printed form failed, each once; of several wrong numbers, the one with the smallest error."""
    wrong = sorted((way for way in failures if way.startswith(NUMBER)), key=lambda way: float(way.removeprefix(NUMBER)))
    others = dict.fromkeys(way for way in failures if not way.startswith(NUMBER))
    return [*others, *(f"{way} or more" if len(wrong) > 1 else way for way in wrong[:1])]


def page() -> str:
    """Run the cases and return the whole page."""
    verdicts = [equation.verdict for equation in EQUATIONS.values()]
    counts = {verdict: verdicts.count(verdict) for verdict in "VFRD"}
    slips = sum(equation.verdict == "F" and equation.case is None for equation in EQUATIONS.values())
    parts = [TEXT.format(**counts, run=counts["F"] - slips, slips=slips, fragments=verdicts.count("-"), bar=BAR)]
    for note in sorted({equation.note for equation in EQUATIONS.values()}):
        lines = [f"## Note {note}", "", "| number | equation | verdict | what it says | worst error |", "|---|---|---|---|---|"]
        equations = [equation for equation in EQUATIONS.values() if equation.note == note]
        lines += [row(equation, check(equation) if equation.case else None) for equation in equations]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
