"""What check_gradients answers: a table of derivatives with a verdict each, and what there is to say about them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

AGREES, KINK, DIFFERS, UNCLEAR = "agrees", "kink", "DIFFERS", "unclear"


class InputCheck(NamedTuple):
    """One derivative: as ``backward()`` gives it, and as values of f alone give it.

    Attributes:
        name: the input; in an entry of the Hessian the two of them, as ``"x, y"``.
        at: its number; None in an entry of the Hessian.
        backward: the derivative under test.
        numeric: the derivative by differences; None if they tell nothing.
        complex_step: the derivative by complex steps; None if f refuses complex numbers.
        difference: how far the derivative under test is from the better of the two.
        verdict: "agrees"; "kink", where f has a kink and the derivative lies between those from the left and from the right;
            "DIFFERS"; or "unclear", where values of f do not tell.
    """

    name: str
    at: Any
    backward: float
    numeric: float | None
    complex_step: float | None
    difference: float
    verdict: str


class GradientReport:
    """The result of ``check_gradients``: true if every derivative was confirmed; printed, a table with remarks below.

    Attributes:
        inputs: an ``InputCheck`` for each scalar input.
        hessian: with ``order=2`` an ``InputCheck`` for each pair of inputs; else empty.
        suspect: if a derivative differs, what to look at; else empty.
        remarks: what else there is to say, one sentence or two each: which numbers f takes out of its graph, for example.
        column: what the column under test is called: "backward", or "gradient" for one that was written by hand.
    """

    __slots__ = ("column", "hessian", "inputs", "remarks", "suspect")

    def __init__(
        self,
        inputs: Sequence[InputCheck],
        suspect: str = "",
        remarks: Sequence[str] = (),
        hessian: Sequence[InputCheck] = (),
        column: str = "backward",
    ) -> None:
        self.inputs, self.hessian, self.suspect, self.remarks, self.column = (
            tuple(inputs), tuple(hessian), suspect, tuple(remarks), column,
        )  # fmt: skip

    @property
    def entries(self) -> tuple[InputCheck, ...]:
        """Those of the gradient, then those of the Hessian."""
        return self.inputs + self.hessian

    @property
    def notes(self) -> tuple[str, ...]:
        """What stands below the table: the suspect, if there is one, and the remarks."""
        return (*([self.suspect] if self.suspect else []), *self.remarks)

    def __bool__(self) -> bool:
        return all(entry.verdict in (AGREES, KINK) for entry in self.entries)

    def rows(self) -> list[list[str]]:
        """The cells of the table, the headings first."""
        rows = [["input", "at", self.column, "numeric", "complex step", "difference", "verdict"]]
        for entry in self.entries:
            numbers = (entry.at, entry.backward, entry.numeric, entry.complex_step)
            cells = ["-" if number is None else f"{float(number):.10g}" for number in numbers]
            rows.append([entry.name, *cells, f"{entry.difference:.3g}", entry.verdict])
        return rows

    def __repr__(self) -> str:
        rows = self.rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, *self.notes])

    def _repr_html_(self) -> str:
        head, *body = (
            "<tr>" + "".join(f'<{tag} style="text-align: left">{escape(cell)}</{tag}>' for cell in row) + "</tr>"
            for row, tag in zip(self.rows(), ["th", *["td"] * len(self.entries)], strict=True)
        )
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return f"<table><thead>{head}</thead><tbody>{''.join(body)}</tbody></table>{notes}"
