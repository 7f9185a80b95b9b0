"""Runs every equation of the lecture notes and writes ``derivations/equations.md``: ``python docs/equations.py``."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))  # the cases stand with the tests, which are not installed

from tests.derivations.notes import EQUATIONS  # noqa: E402
from tests.derivations.registry import BAR, Equation, Result, check  # noqa: E402

PAGE = HERE / "derivations" / "equations.md"

NUMBER = "off by "

TEXT = """\
# Every equation of the five notes

Each formula of the lecture notes by its number, in the order of the notes: S4.31 is displayed formula 31 of note 4, S4.i5 the fifth
formula inside a sentence there. `python docs/equations.py` runs them all and writes this page; the cases stand in
`tests/derivations`, where `pytest tests/derivations` runs them.

The formula shown is the right one. Verdicts: **V** holds as printed ({V} of them). **F** is false as printed ({F}): of {run} the
printed form was run, and failed as the table says, and the formula shown was run, and holds; the other {slips} are slips in a name or
a remark, which no number or shape can show, and the table says why. **R** holds as printed only under a restriction ({R}). **D**
is a definition or an update, with nothing to verify ({D}); the cases named use it. A dash is a name or a fragment without a claim
({fragments}).

*Worst error*: the largest difference between both sides, one of them by complex step or by hand in NumPy, relative to the largest
entry of the array. The bar is {bar:g}.
"""


def row(equation: Equation, result: Result | None) -> str:
    """One line of the table; what holds exactly has the error 0."""
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
    """In which ways a printed form failed, each once; of the wrong numbers the least wrong."""
    wrong = sorted((each for each in failures if each.startswith(NUMBER)), key=lambda each: float(each.removeprefix(NUMBER)))
    others = dict.fromkeys(each for each in failures if not each.startswith(NUMBER))
    return [*others, *(f"{each} or more" if len(wrong) > 1 else each for each in wrong[:1])]


def page() -> str:
    """The whole page, of cases run now."""
    verdicts = [equation.verdict for equation in EQUATIONS.values()]
    counts = {verdict: verdicts.count(verdict) for verdict in "VFRD"}
    slips = sum(each.verdict == "F" and each.case is None for each in EQUATIONS.values())
    parts = [TEXT.format(**counts, run=counts["F"] - slips, slips=slips, fragments=verdicts.count("-"), bar=BAR)]
    for note in sorted({equation.note for equation in EQUATIONS.values()}):
        lines = [f"## Note {note}", "", "| number | equation | verdict | what it says | worst error |", "|---|---|---|---|---|"]
        equations = [each for each in EQUATIONS.values() if each.note == note]
        parts.append("\n".join([*lines, *(row(each, check(each) if each.case else None) for each in equations)]) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
