"""What all examples share: parameters, constants, and the operations that read nothing else. They run once per call."""

from __future__ import annotations

from collections.abc import Sequence

from autograd.compiled.native.kernels.memory import GRADIENT, THETA, CopyBlock, Fill
from autograd.compiled.native.llvm.ir import WORD_BYTES
from autograd.compiled.native.plan.stream import CACHE_LINE_BYTES, AccumulationPlan, Addressing, Arena, Stream
from autograd.compiled.steps import Group, Step
from autograd.compiled.tape import Tape

CACHE_LINE_DOUBLES = CACHE_LINE_BYTES // WORD_BYTES


class SharedLayout:
    """The offsets of each shared slot's primal and adjoint, one number each, and the instructions of the shared steps.

    Leaves and constants come first, then the results of each step. Adjoints follow in the same order. They all start from 0,
    and are cleared by whole cache lines.
    """

    def __init__(self, arena: Arena, tape: Tape, steps: Sequence[Step]) -> None:
        self._tape = tape
        self._steps = [step for step in steps if isinstance(step, Group)]  # that is all: the operands of a matrix vary
        slots = [*range(tape.first_slot), *(slot for step in self._steps for slot in step.out)]
        self._lines = -(-len(slots) // CACHE_LINE_DOUBLES)
        self._distance = self._lines * CACHE_LINE_BYTES  # from a primal to its adjoint
        start = arena.reserve(2 * self._distance)
        self.primal = {slot: start + i * WORD_BYTES for i, slot in enumerate(slots)}
        for slot, constant in enumerate(tape.constants, start=tape.leaves):
            arena.constants[self.primal[slot]] = constant

    def adjoint(self, slot: int) -> int:
        return self.primal[slot] + self._distance

    def load_parameters(self, stream: Stream) -> None:
        """Copy the caller's parameters to their slots."""
        if self._tape.parameters:
            stream.add(CopyBlock(load=True), self._tape.parameters * WORD_BYTES, THETA, self.primal[0])

    def forward(self, stream: Stream) -> None:
        addressing = self._addressing()
        for step in self._steps:
            addressing.forward(stream, step)

    def clear_adjoints(self, stream: Stream) -> None:
        if self._lines:
            stream.add(Fill(CACHE_LINE_DOUBLES), self._lines, self.adjoint(0), 0)

    def backward(self, stream: Stream) -> None:
        addressing = self._addressing()
        for step in reversed(self._steps):
            addressing.backward(stream, step)

    def store_gradient(self, stream: Stream) -> None:
        """Copy the adjoints of the parameters to the caller's gradient."""
        if self._tape.parameters:
            stream.add(CopyBlock(load=False), self._tape.parameters * WORD_BYTES, GRADIENT, self.adjoint(0))

    def _addressing(self) -> Addressing:
        accumulation = AccumulationPlan(self._tape.depends_on_wanted, range(self._tape.num_slots))
        return Addressing(1, 1, self.primal.__getitem__, self.adjoint, lambda slot: "v", accumulation)
