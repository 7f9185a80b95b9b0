"""How lines are broken: prose between its words; an equation before = and ≈, and then before the signs of its formulas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from autograd.explaining.statements import Line, Phrase, Prose, Run, phrase
from autograd.rules.notation import TEXT, Notation

INDENT_CHARS = 2  # of a level


def written(notation: Notation, said: Sequence[Run], bold: bool = False) -> str:
    """Return words and formulas next to each other."""
    return "".join(_run(notation, run, bold) for run in said)


def _run(notation: Notation, run: Run, bold: bool) -> str:
    """A formula, words, or the sign between two sides of an equation, which need not stand in a line of its own."""
    if not isinstance(run, str):
        return notation.write(run)
    return notation.relations.get(run.strip()) or notation.prose(run, bold)


def rows(notation: Notation, line: Line | Prose, width: int) -> Iterator[tuple[int, str]]:
    """Yield the rows that a line is broken into, each with its level of indentation. A formula may be wider than ``width``.

    ``width`` is that of a row without indentation; each level takes ``INDENT_CHARS`` of it.
    """
    if isinstance(line, Line):
        yield from _broken_at_relations(notation, line, width)
    else:
        room = width - INDENT_CHARS * line.level
        yield from ((line.level, written(notation, row)) for row in _filled(notation, line.phrase, room))


def _filled(notation: Notation, said: Phrase, width: int) -> Iterator[Phrase]:
    """Prose in rows; a formula stays in one piece."""
    row: Phrase = []
    for word in _words(said):
        longer = phrase("{} {}", row, word) if row else word
        if row and sum(len(run) if isinstance(run, str) else notation.width(notation.write(run)) for run in longer) > width:
            yield row
            row = word
        else:
            row = longer
    yield row


def _words(said: Phrase) -> list[Phrase]:
    """The phrase split at its spaces; a formula and the comma after it are one word."""
    words: list[Phrase] = [[]]
    for run in said:
        for number, part in enumerate(run.split(" ") if isinstance(run, str) else [run]):
            if number:
                words.append([])
            words[-1] += phrase("{}", part)
    return [word for word in words if word]


def _broken_at_relations(notation: Notation, line: Line, width: int) -> Iterator[tuple[int, str]]:
    """A chain of equations: one that is too long is broken before = and ≈, a side that is too long before its own signs."""
    first, *rest = _sides(notation, line)
    room = width - INDENT_CHARS * line.level
    if rest and notation.width("".join(first)) <= width / 4:
        first = _joined(first, rest.pop(0))  # a short left side does not stand alone
    fits = notation.width("".join(part for side in (first, *rest) for part in side)) <= room
    chain = [first]
    for side in rest:
        longer = _joined(chain[-1], side)
        if fits or (len(chain) > 1 and notation.width("".join(longer)) <= room - INDENT_CHARS):
            chain[-1] = longer
        else:
            chain.append([side[0].lstrip(), *side[1:]])
    for number, parts in enumerate(chain):
        yield from _broken_at_signs(notation, line.level + bool(number), parts, width)


def _sides(notation: Notation, line: Line) -> list[list[str]]:
    """The sides of a line, each in the parts between which it may be broken. A side that repeats the one before is left out."""
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
    sides[-1] = _joined(sides[-1], [written(notation, line.remark)])
    return sides


def _parts(notation: Notation, said: Phrase) -> list[str]:
    """The phrase, split where a line may be broken."""
    parts = [""]
    for run in said:
        text, _, breaks = (notation.prose(run), 0, ()) if isinstance(run, str) else notation.piece(run)
        parts = _joined(parts, [text[start:end] for start, end in pairwise([0, *breaks, len(text)])])
    return parts


def _joined(row: list[str], parts: list[str]) -> list[str]:
    """The parts of both, next to each other: between them a line may not be broken."""
    return [*row[:-1], row[-1] + parts[0], *parts[1:]]


def _broken_at_signs(notation: Notation, level: int, parts: list[str], width: int) -> Iterator[tuple[int, str]]:
    """The parts in one row, or where that is too long for a terminal in several."""
    if (
        notation is not TEXT or notation.width("".join(parts)) <= width - INDENT_CHARS * level
    ):  # a page is wider than a terminal
        parts = ["".join(parts)]
    row, indented = parts[0], level
    for part in parts[1:]:
        if notation.width(row + part) > width - INDENT_CHARS * indented:
            yield indented, row
            row, indented = part.lstrip(), level + 1
        else:
            row += part
    yield indented, row
