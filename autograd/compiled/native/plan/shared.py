"""What all examples share: parameters, constants, and the operations that read nothing else. They run once per call.

If a parameter is infinite or nan, the processor's flags are raised, as they are where an operation gives such a number.
"""

from __future__ import annotations

from collections.abc import Sequence

from autograd.compiled.native.kernels.memory import GRADIENT, THETA, Fill, LoadParameters, StoreGradient
from autograd.compiled.native.kernels.products import NOTHING
from autograd.compiled.native.llvm.ir import WORD_BYTES
from autograd.compiled.native.plan.stream import CACHE_LINE_BYTES, AccumulationPlan, Addressing, Arena, Stream, bits
from autograd.compiled.steps import Group, Step
from autograd.compiled.tape import Tape

CACHE_LINE_DOUBLES = CACHE_LINE_BYTES // WORD_BYTES
WIDE = 32  # parameters that are loaded at a time


class SharedLayout:
    """The offsets of each shared slot's primal and adjoint, one number each, and the instructions of the shared steps.

    Leaves and constants come first, then the results of each step. Adjoints follow in the same order. They all start from 0,
    and are cleared by whole cache lines.
    """

    def __init__(self, arena: Arena, tape: Tape, steps: Sequence[Step], careful: bool) -> None:
        self._tape, self._careful = tape, careful
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
            count = self._tape.parameters
            lanes = WIDE if count >= WIDE else 1
            stream.add(LoadParameters(lanes), count // lanes, (count - lanes) * WORD_BYTES, THETA, self.primal[0])

    def forward(self, stream: Stream) -> None:
        addressing = self._addressing()
        for step in self._steps:
            addressing.forward(stream, step)

    def clear_adjoints(self, stream: Stream) -> None:
        if self._lines:
            stream.add(Fill(CACHE_LINE_DOUBLES), self._lines, self.adjoint(0), bits(NOTHING if self._careful else 0.0))

    def backward(self, stream: Stream) -> None:
        addressing = self._addressing()
        for step in reversed(self._steps):
            addressing.backward(stream, step)

    def store_gradient(self, stream: Stream) -> None:
        """Copy the adjoints of the parameters to the caller's gradient."""
        if self._tape.parameters:
            stream.add(StoreGradient(), self._tape.parameters * WORD_BYTES, GRADIENT, self.adjoint(0))

    def _addressing(self) -> Addressing:
        accumulation = AccumulationPlan(self._tape.has_adjoint, range(self._tape.num_slots))
        return Addressing(1, 1, self.primal.__getitem__, self.adjoint, lambda slot: "v", accumulation, self._careful)
