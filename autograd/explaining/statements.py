"""What a derivation says, in no notation yet: sections of equations and prose, in which formulas are trees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from autograd.rules.formula_tree import Formula, Numeral, Product, Sum, elide_middle, side_by_side
from autograd.rules.numbers import Number

MAX_OPERATIONS = 60  # of a graph that a derivation shows by default

T = TypeVar("T")

Run: TypeAlias = str | Formula  # words, or a formula among them
Phrase: TypeAlias = list[Run]


class Side(NamedTuple):
    """One side of an equation, and the relation before it: ``=``, ``≈`` or ``+=``; before the first side none."""

    relation: str
    phrase: Phrase


class Line(NamedTuple):
    """A chain of equations, ``first = second ≈ third``, with a remark at its end; ``level`` says how far it is indented."""

    sides: Sequence[Side]
    level: int = 0
    remark: Sequence[Run] = ()


class Prose(NamedTuple):
    """Words, with formulas among them."""

    phrase: Phrase
    level: int = 0


class Section(NamedTuple):
    """A heading, the lines under it, and the derivative that it is about, if it is about one."""

    title: Phrase
    lines: Sequence[Line | Prose]
    of: Formula | None = None


def phrase(text: str, *holes: Run | Phrase) -> Phrase:
    """Return words in which a formula, other words or a phrase has taken the place of each ``{}``.

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
    """Return the formulas with commas between them; of very many only the first and the last."""
    items: list[Run] = elide_middle(formulas, lambda formula: formula, "…")
    return phrase(", ".join(["{}"] * len(items)), *items)


# --- equations ----------------------------------------------------------------------------------------------------------


def equation(first: Formula, *sides: Formula, relation: str = "") -> list[Side]:
    """Return ``first = side = side``. A derivation writes ≈ where a number that it shows is rounded.

    >>> from autograd.rules.formula_tree import Name
    >>> [side.relation for side in equation(Name("y"), Name("x"), Numeral(1 / 3))]
    ['', '=', '=']
    """
    return [Side(relation, [first]), *(Side("=", [side]) for side in sides)]


def stated(formula: Formula, number: Number) -> Phrase:
    """Return ``formula = number`` as a phrase that a line of prose does not break.

    >>> from autograd.rules.formula_tree import Name
    >>> stated(Name("x"), 1 / 3)[1]
    '\\xa0=\\xa0'
    """
    return [formula, "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}", Numeral(number)]


def product(numbers: Sequence[Number]) -> Formula:
    """Numbers multiplied: ``2·(-3)``."""
    return Product(side_by_side(numbers, Numeral))


def total(numbers: Sequence[Number]) -> Formula:
    """Numbers added: ``2 + (-3)``."""
    return Sum(side_by_side(numbers, Numeral))


# --- excerpts -----------------------------------------------------------------------------------------------------------


class Excerpt(Generic[T]):
    """All of some items; of too many the first and the last, of those that matter if ``matters`` says which do."""

    def __init__(self, items: Sequence[T], most: int, matters: Callable[[T], bool] | None = None) -> None:
        chosen = items
        if len(items) > most and matters is not None:
            chosen = list(filter(matters, items)) or items
        self._first, self._last = (chosen[: most // 2], chosen[most // 2 - most :]) if len(chosen) > most else ([], chosen)
        self.shown = [*self._first, *self._last]
        self.num_left_out = len(items) - len(self.shown)

    @property
    def parts(self) -> list[Sequence[T]]:
        """The first and the last, or all that are shown in one part."""
        return [part for part in (self._first, self._last) if part]

    def lines(self, write: Callable[[T], Iterable[Line]], left_out: Prose) -> Iterator[Line | Prose]:
        """The lines about each item shown, with ``left_out`` where others are missing."""
        for item in self._first:
            yield from write(item)
        if self.num_left_out:
            yield left_out
        for item in self._last:
            yield from write(item)
