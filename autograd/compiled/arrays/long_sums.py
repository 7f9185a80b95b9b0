"""Long sums: ``a + b + c + ...``, whose links are used nowhere else, as one step; an array adds its lines faster than one by one.

So it is with the penalty on all parameters, and with the denominator of a softmax.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from autograd.compiled.steps import Group, Matrix, Step
from autograd.compiled.tape import Tape
from autograd.ops import ADD

FEWEST = 4  # terms of a sum that is worth it


class Sum(NamedTuple):
    """``out = terms[0] + terms[1] + ...``; a term that is added twice stands twice. Of ``out`` there is one."""

    terms: list[int]
    out: list[int]

    def __str__(self) -> str:
        return f"sum of {len(self.terms)}"


AnyStep: TypeAlias = Group | Matrix | Sum


def with_sums(tape: Tape, steps: Sequence[Step]) -> list[AnyStep]:
    """The steps, in which chains of additions are one step each.

    >>> from autograd import OPS
    >>> from autograd.compiled.tape import Instruction
    >>> tape = Tape(4, 0, (), (Instruction(ADD, 0, 1), Instruction(ADD, 4, 2), Instruction(ADD, 5, 3)), (6,), num_differentiated=4)
    >>> with_sums(tape, [Group(ADD, [0], [1], [4]), Group(ADD, [4], [2], [5]), Group(ADD, [5], [3], [6])])
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
            found.append(Group(ADD, *([column[k] for k in alone] for column in (step.x, step.y, step.out))))
        found += [Sum(ends[step.out[k]][1], [step.out[k]]) for k in kept if step.out[k] in ends]
    return found


def _chains(tape: Tape, steps: Sequence[Step]) -> dict[int, tuple[list[int], list[int]]]:
    """Each long sum by the slot of its last link: the links before it, and its terms from left to right."""
    chains: dict[int, tuple[list[int], list[int]]] = {}
    for step in steps:
        if isinstance(step, Group) and step.op is ADD:
            for x, y, out in zip(step.x, step.y, step.out, strict=True):
                rest, term = (x, y) if _goes_on(tape, chains, x, out) else (y, x)
                if _goes_on(tape, chains, rest, out):
                    links, terms = chains.pop(rest)
                    links.append(out)
                    terms.append(term)
                    chains[out] = links, terms
                else:
                    chains[out] = [out], [x, y]
    return {end: (links[:-1], terms) for end, (links, terms) in chains.items() if len(terms) >= FEWEST}


def _goes_on(tape: Tape, chains: dict[int, tuple[list[int], list[int]]], link: int, out: int) -> bool:
    return link in chains and tape.uses[link] == 1 and tape.per_example[link] == tape.per_example[out]
