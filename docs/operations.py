"""Writes the table of operations as Markdown, from the rows; ``python docs/operations.py`` updates the README.

>>> print(markdown().splitlines()[2])
| `step` | `0 if x <= 0 else 1 if x > 0 else x` | `0` | kink at x = 0: the value is 0, the left limit |
"""

from pathlib import Path

from autograd.ops import OPS, Op

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- operations: begin -->", "<!-- operations: end -->"


def markdown() -> str:
    """The whole table: each row with its formula, local derivatives, domain and kinks."""
    lines = ["| operation | value | local derivatives | where |", "|---|---|---|---|"]
    for op in OPS.values():
        partials = ", ".join(f"`{partial}`" for partial in op.partials)
        lines.append(f"| `{op.name}` | `{op.value}` | {partials} | {_where(op)} |")
    return "\n".join(lines)


def _where(op: Op) -> str:
    notes = [f"needs `{op.domain}`"] if op.domain else []
    notes += [f"kink at {kink} = 0: {convention}" for kink, convention in op.kinks.items()]
    if op.default is not None:
        notes.append(f"c = {op.default} unless given")
    return "; ".join(notes)


def refreshed(page: str) -> str:
    """The page with the current table between its markers.

    >>> refreshed(f"before {BEGIN} stale {END} after") == f"before {BEGIN}\\n{markdown()}\\n{END} after"
    True
    """
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{markdown()}\n{END}{after}"


if __name__ == "__main__":
    README.write_text(refreshed(README.read_text(encoding="utf-8")), encoding="utf-8")
