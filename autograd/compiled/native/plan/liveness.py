"""Which numbers are needed when: slots of a block take turns in the same memory, so that a block fits into the fast cache.

Time goes through the steps forward, then backward, those that run as one at the same time. A primal lives from the step that makes it to the last that reads it, which may
be a local derivative on the way back; an adjoint from its first contribution to the step that passes it on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autograd.compiled.native.kernels.row_facts import read_backward
from autograd.compiled.native.plan.fusion import Unit, passing
from autograd.compiled.steps import Group, Matrix, Step
from autograd.compiled.tape import Tape


class SlotAllocator:
    """Addressing for the primals and adjoints of steps, numbered from 0: ``count`` of them are enough.

    What a step reads is free for others only after it. ``inputs`` are those that stand in slots, for good; and so do the adjoints of
    inputs, for they are results.
    """

    def __init__(
        self, tape: Tape, varies: Sequence[bool], forward: Sequence[Unit], backward: Sequence[Unit], inputs: Sequence[int]
    ) -> None:
        self._tape, self._of_block = tape, varies
        self.primal: dict[int, int] = {slot: i for i, slot in enumerate(inputs)}
        self.adjoint: dict[int, int] = {}
        self.count = len(self.primal)
        self._free: list[int] = []
        last: dict[tuple[bool, int], int] = {}
        moments = [*self._forward(forward), *self._backward(backward)]
        for time, (_, read) in enumerate(moments):
            last |= dict.fromkeys(read, time)
        ending: list[list[tuple[bool, int]]] = [[] for _ in moments]
        for number, time in last.items():
            if number[1] >= tape.first_slot:
                ending[time].append(number)
        for (made, _), over in zip(moments, ending, strict=True):
            for is_adjoint, slot in made:
                places = self.adjoint if is_adjoint else self.primal
                if slot not in places:
                    places[slot] = self._take()
            self._free += [(self.adjoint if is_adjoint else self.primal)[slot] for is_adjoint, slot in over]

    def _take(self) -> int:
        if self._free:
            return self._free.pop()
        self.count += 1
        return self.count - 1

    def _varies(self, slots: Sequence[int], adjoint: bool = False) -> list[tuple[bool, int]]:
        """Those of the slots that a block holds: as (is it an adjoint, slot)."""
        return [
            (adjoint, slot) for slot in slots if self._of_block[slot] and (self._tape.depends_on_wanted[slot] or not adjoint)
        ]

    def _forward(self, units: Sequence[Unit]) -> Iterator[tuple[list[tuple[bool, int]], list[tuple[bool, int]]]]:
        """For each unit what it makes, and what it reads; at the end the outputs are read."""
        for unit in units:
            unseen = passing(self._tape, unit)
            out = self._varies([slot for step in unit for slot in step.out if slot not in unseen])
            yield out, out + self._varies([slot for step in unit for slot in _sources(step) if slot not in unseen])
        outputs = self._varies(self._tape.outputs)
        seeds = self._varies(self._tape.outputs, adjoint=True)
        yield seeds, outputs + seeds

    def _backward(self, units: Sequence[Unit]) -> Iterator[tuple[list[tuple[bool, int]], list[tuple[bool, int]]]]:
        for unit in units:
            given = self._varies([slot for step in unit for slot in _sources(step)], adjoint=True)
            received = self._varies([slot for step in unit for slot in step.out], adjoint=True)
            yield given, given + received + self._varies([slot for step in unit for slot in _read_backward(step)])


def _sources(step: Step) -> list[int]:
    return [*step.x, *step.y] if isinstance(step, Group) else [*step.operands, *step.start]


def _read_backward(step: Step) -> list[int]:
    """The slots whose primals the local derivatives read."""
    if isinstance(step, Matrix):
        return step.operands
    names = read_backward(step.op)
    return [slot for name, slots in (("x", step.x), ("y", step.y), ("out", step.out)) if name in names for slot in slots]
