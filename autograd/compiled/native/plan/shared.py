"""What all examples share: the parameters, the constants, and the operations that read nothing else. They are run once per call."""

from __future__ import annotations

from collections.abc import Sequence

from autograd.compiled.native.kernels.memory import GRADIENT, THETA, CopyBlock, Fill
from autograd.compiled.native.llvm.ir import WORD_BYTES
from autograd.compiled.native.plan.stream import CACHE_LINE_BYTES, AccumulationPlan, Addressing, Arena, Stream
from autograd.compiled.steps import Group, Step
from autograd.compiled.tape import Tape

CACHE_LINE_DOUBLES = CACHE_LINE_BYTES // WORD_BYTES
"""The numbers of a cache line: an instruction clears whole lines."""


class SharedLayout:
    """Where each slot's primal and adjoint are, one number each, and the streams.

    Leaves come first, then the results of each step. Adjoints have the same order, ``distance`` bytes on; all of them start from 0.
    """

    def __init__(self, arena: Arena, tape: Tape, steps: Sequence[Step]) -> None:
        self._tape = tape
        self._steps = [step for step in steps if isinstance(step, Group)]  # all of them: a matrix has operands that vary
        slots = [*range(tape.first_slot), *(slot for step in self._steps for slot in step.out)]
        self._lines = -(-len(slots) // CACHE_LINE_DOUBLES)
        self._distance = self._lines * CACHE_LINE_DOUBLES * WORD_BYTES
        start = arena.take(2 * self._distance)
        self.primal = {slot: start + i * WORD_BYTES for i, slot in enumerate(slots)}
        for slot, constant in enumerate(tape.constants, start=tape.leaves):
            arena.constants[self.primal[slot]] = constant

    def adjoint(self, slot: int) -> int:
        """The place of a slot's adjoint."""
        return self.primal[slot] + self._distance

    def load(self, stream: Stream) -> None:
        """Take in the parameters."""
        if self._tape.parameters:
            stream.add(CopyBlock(True), self._tape.parameters * WORD_BYTES, THETA, self.primal[0])

    def forward(self, stream: Stream) -> None:
        """The steps."""
        places = self._places()
        for step in self._steps:
            places.forward(stream, step)

    def clear(self, stream: Stream) -> None:
        """Set all adjoints to 0."""
        if self._lines:
            stream.add(Fill(CACHE_LINE_DOUBLES), self._lines, self.adjoint(0), 0)

    def backward(self, stream: Stream) -> None:
        """The steps in reverse."""
        places = self._places()
        for step in reversed(self._steps):
            places.backward(stream, step)

    def give(self, stream: Stream) -> None:
        """Give out the adjoints of the parameters."""
        if self._tape.parameters:
            stream.add(CopyBlock(False), self._tape.parameters * WORD_BYTES, GRADIENT, self.adjoint(0))

    def _places(self) -> Addressing:
        actions = AccumulationPlan(self._tape.depends_on_wanted, range(self._tape.num_slots))
        return Addressing(1, 1, self.primal.__getitem__, self.adjoint, lambda slot: "v", actions)
