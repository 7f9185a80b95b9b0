"""Which numbers of a block are needed when. Slots take turns in the same memory, so that a block fits into the fast cache.

Time goes through the units (steps that run as one) forward, then backward. A primal lives from the unit that computes it to the
last that reads it, which may be a local derivative on the way back; an adjoint lives from its first contribution to the unit
that passes it on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TypeAlias

from autograd.compiled.native.kernels.row_facts import read_backward
from autograd.compiled.native.plan.fusion import Unit, passing
from autograd.compiled.steps import Group, Matrix, Step
from autograd.compiled.tape import Tape

Numbers: TypeAlias = list[tuple[bool, int]]
"""Numbers of a block: whether each is an adjoint, and its slot."""


class SlotAllocator:
    """Assigns a position in memory to each primal and adjoint of a block; positions are 0, 1, ... ``count - 1``.

    What a unit reads is free for others only after it. The primals of ``inputs``, which stand in slots, stay to the end, and so
    do their adjoints, which are results.
    """

    def __init__(
        self, tape: Tape, varies: Sequence[bool], forward: Sequence[Unit], backward: Sequence[Unit], inputs: Sequence[int]
    ) -> None:
        self._tape, self._varies = tape, varies
        self.primal: dict[int, int] = {slot: i for i, slot in enumerate(inputs)}
        self.adjoint: dict[int, int] = {}
        self.count = len(self.primal)
        self._free: list[int] = []
        last_read: dict[tuple[bool, int], int] = {}
        moments = [*self._forward(forward), *self._backward(backward)]
        for time, (_, read) in enumerate(moments):
            last_read |= dict.fromkeys(read, time)
        ending: list[Numbers] = [[] for _ in moments]
        for number, time in last_read.items():
            if number[1] >= tape.first_slot:
                ending[time].append(number)
        for (written, _), ended in zip(moments, ending, strict=True):
            for is_adjoint, slot in written:
                positions = self.adjoint if is_adjoint else self.primal
                if slot not in positions:
                    positions[slot] = self._position()
            self._free += [(self.adjoint if is_adjoint else self.primal)[slot] for is_adjoint, slot in ended]

    def _position(self) -> int:
        if self._free:
            return self._free.pop()
        self.count += 1
        return self.count - 1

    def _of_block(self, slots: Sequence[int], adjoint: bool = False) -> Numbers:
        """The primals or adjoints of those slots that a block holds."""
        return [(adjoint, slot) for slot in slots if self._varies[slot] and (self._tape.has_adjoint[slot] or not adjoint)]

    def _forward(self, units: Sequence[Unit]) -> Iterator[tuple[Numbers, Numbers]]:
        """What each unit writes, and what must be there while it runs. At the end the outputs are read."""
        for unit in units:
            in_registers = passing(self._tape, unit)
            out = self._of_block([slot for step in unit for slot in step.out if slot not in in_registers])
            yield out, out + self._of_block([slot for step in unit for slot in _sources(step) if slot not in in_registers])
        outputs = self._of_block(self._tape.outputs)
        seeds = self._of_block(self._tape.outputs, adjoint=True)
        yield seeds, outputs + seeds

    def _backward(self, units: Sequence[Unit]) -> Iterator[tuple[Numbers, Numbers]]:
        for unit in units:
            contributed = self._of_block([slot for step in unit for slot in _sources(step)], adjoint=True)
            received = self._of_block([slot for step in unit for slot in step.out], adjoint=True)
            primals = self._of_block([slot for step in unit for slot in _read_backward(step)])
            yield contributed, contributed + received + primals


def _sources(step: Step) -> list[int]:
    return [*chain(*step.columns)] if isinstance(step, Group) else [*step.operands, *step.start]


def _read_backward(step: Step) -> list[int]:
    """The slots whose primals the local derivatives read."""
    if isinstance(step, Matrix):
        return step.operands
    names = read_backward(step.op)
    return [
        slot
        for name, slots in zip((*step.op.operands, "out"), (*step.columns, step.out), strict=True)
        if name in names
        for slot in slots
    ]
