"""Long sums: ``a + b + c + ...`` as one step, if its partial sums are used nowhere else.

The penalty on all parameters is such a sum, and so is the denominator of a softmax. NumPy adds the lines of an array faster in one
call than in one call each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from autograd.compiled.steps import Group, Matrix, Step
from autograd.compiled.tape import Tape
from autograd.ops import ADD

FEWEST_TERMS = 4  # that are worth a step of their own


class Sum(NamedTuple):
    """``out = terms[0] + terms[1] + ...``; a term that is added twice is listed twice. ``out`` has exactly one slot."""

    terms: list[int]
    out: list[int]

    def __str__(self) -> str:
        return f"sum of {len(self.terms)}"


AnyStep: TypeAlias = Group | Matrix | Sum


def with_sums(tape: Tape, steps: Sequence[Step]) -> list[AnyStep]:
    """The same steps, but with one ``Sum`` for each long chain of additions.

    >>> from autograd import OPS
    >>> from autograd.compiled.tape import Instruction
    >>> tape = Tape(4, 0, (), (Instruction(ADD, 0, 1), Instruction(ADD, 4, 2), Instruction(ADD, 5, 3)), (6,), num_differentiated=4)
    >>> with_sums(tape, [Group(ADD, [[0], [1]], [4]), Group(ADD, [[4], [2]], [5]), Group(ADD, [[5], [3]], [6])])
    [Sum(terms=[0, 1, 2, 3], out=[6])]
    """
    ends = _chains(tape, steps)
    inner = {link for links, _ in ends.values() for link in links}
    found: list[AnyStep] = []
    for step in steps:
        if isinstance(step, Matrix) or step.op is not ADD:
            found.append(step)
            continue
        kept = [k for k, slot in enumerate(step.out) if slot not in inner]
        alone = [k for k in kept if step.out[k] not in ends]
        if alone:
            found.append(Group(ADD, [[column[k] for k in alone] for column in step.columns], [step.out[k] for k in alone]))
        found += [Sum(ends[step.out[k]][1], [step.out[k]]) for k in kept if step.out[k] in ends]
    return found


def _chains(tape: Tape, steps: Sequence[Step]) -> dict[int, tuple[list[int], list[int]]]:
    """Each long sum by the slot of its last link, with the links before that and the terms from left to right."""
    chains: dict[int, tuple[list[int], list[int]]] = {}
    for step in steps:
        if isinstance(step, Group) and step.op is ADD:
            for x, y, out in zip(*step.columns, step.out, strict=True):
                rest, term = (x, y) if _goes_on(tape, chains, x, out) else (y, x)
                if _goes_on(tape, chains, rest, out):
                    links, terms = chains.pop(rest)
                    links.append(out)
                    terms.append(term)
                    chains[out] = links, terms
                else:
                    chains[out] = [out], [x, y]
    return {end: (links[:-1], terms) for end, (links, terms) in chains.items() if len(terms) >= FEWEST_TERMS}


def _goes_on(tape: Tape, chains: dict[int, tuple[list[int], list[int]]], link: int, out: int) -> bool:
    return link in chains and tape.uses[link] == 1 and tape.per_example[link] == tape.per_example[out]
