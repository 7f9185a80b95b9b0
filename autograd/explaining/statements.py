"""What a derivation says: sections of equations and prose, in which formulas are trees and stand among words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise, zip_longest
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from autograd.rules.formula_tree import Formula, Numeral, Product, Sum, elide_middle, numbers_in, side_by_side
from autograd.rules.notation import prints_exactly
from autograd.rules.numbers import Number

MAX_OPERATIONS = 60  # of a graph that a derivation shows, if nothing else is asked

T = TypeVar("T")

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


# --- a part for the whole -----------------------------------------------------------------------------------------------


class Excerpt(Generic[T]):
    """Items, or of too many the first and the last: of those that matter, if it is said which do."""

    def __init__(self, items: Sequence[T], most: int, matters: Callable[[T], bool] | None = None) -> None:
        chosen = items
        if len(items) > most and matters is not None:
            chosen = list(filter(matters, items)) or items
        self._first, self._last = (chosen[: most // 2], chosen[most // 2 - most :]) if len(chosen) > most else ([], chosen)
        self.shown = [*self._first, *self._last]
        self.num_left_out = len(items) - len(self.shown)

    def lines(self, write: Callable[[T], Iterable[Line]], left_out: Prose) -> Iterator[Line | Prose]:
        """What there is to say of each item shown, with a word where others are left out."""
        for item in self._first:
            yield from write(item)
        if self.num_left_out:
            yield left_out
        for item in self._last:
            yield from write(item)
