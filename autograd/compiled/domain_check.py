"""check=True: which operation, at which example, is the first that leaves its domain or turns nan.

Compiled code cannot stop at an example, so it answers by IEEE's rules. This goes through the tape in plain floats and stops.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from autograd.compiled.print_tape import Writer
from autograd.compiled.tape import Tape
from autograd.errors import DomainError
from autograd.rules.evaluate import evaluate
from autograd.rules.notation import TEXT

if TYPE_CHECKING:
    from autograd.compiled.executor import Array


def raise_first_fault(tape: Tape, theta: Array, examples: Array) -> None:
    """Find the first fault, forward and then backward, in the first example that has one.

    Raises:
        DomainError: where a finite operand lies outside the domain of an operation: as the eager engine does.
        FloatingPointError: where a parameter or input is nan, or the first result or adjoint turns nan.

    >>> from autograd import Value, compile
    >>> p = Value(0.5, "p")
    >>> compile(lambda x: (p * x).log(), [p], check=True, executor="plain")([2.0, 1.0, -1.0])
    Traceback (most recent call last):
        ...
    autograd.errors.DomainError: example 2, v2 = log(v1) (<doctest autograd.compiled.domain_check.raise_first_fault[2]>, line 1: compile(lambda x: \
(p * x).log(), [p], check=True, executor="plain")([2.0, 1.0, -1.0])): log(x) needs x > 0, but x = -0.5 ('v1'). If x is a probability, \
take the cross-entropy of the logits: it never takes the log of 0.
    """
    search = _Search(tape)
    parameters = theta.tolist()
    for k, example in enumerate(examples.tolist()):
        values, partials = search.forward(k, parameters, example)
        if len(tape.outputs) == 1:
            search.backward(k, values, partials)


class _Search:
    """Goes through a tape with its names at hand."""

    def __init__(self, tape: Tape) -> None:
        self.tape, self.writer = tape, Writer(tape, TEXT)
        self.names = [piece.text for piece in self.writer.pieces]

    def forward(self, k: int, parameters: list[float], example: list[float]) -> tuple[list[float], list[tuple[float, ...]]]:
        """The numbers in all slots and the local derivatives, if nothing is wrong with them."""
        values = [*parameters, *example, *self.tape.constants]
        for name, number in zip(self.names, values[: self.tape.leaves], strict=False):
            if number != number:
                raise FloatingPointError(f"example {k}: {name} is nan before any operation")
        partials = []
        for slot, instruction in enumerate(self.tape.instructions, start=self.tape.first_slot):
            operands = [values[each] for each in instruction.operands]
            try:
                out, *local = evaluate(instruction.op, *operands, labels=[self.names[each] for each in instruction.operands])
            except DomainError as error:
                raise type(error)(f"{self._where(k, slot)}: {error}") from None
            if out != out and not any(each != each for each in operands):
                raise FloatingPointError(f"{self._where(k, slot)} turns nan: {self._told(slot, values)}")
            values.append(out)
            partials.append(tuple(local))
        return values, partials

    def backward(self, k: int, values: list[float], partials: list[tuple[float, ...]]) -> None:
        """Go back from the output, as long as no adjoint that leads to a wanted leaf turns nan."""
        adjoints = [0.0] * self.tape.num_slots
        adjoints[self.tape.outputs[0]] = 1.0
        for slot in range(self.tape.num_slots - 1, self.tape.first_slot - 1, -1):
            at = slot - self.tape.first_slot
            for source, partial in zip(self.tape.instructions[at].operands, partials[at], strict=True):
                adjoints[source] += partial * adjoints[slot]
                if math.isnan(adjoints[source]) and self.tape.depends_on_wanted[source]:
                    raise FloatingPointError(
                        f"{self._where(k, slot)}: the adjoint of {self.names[source]} turns nan, by the local derivative {partial} "
                        f"times {adjoints[slot]}, where {self._told(slot, values)}"
                    )

    def _where(self, k: int, slot: int) -> str:
        line = self.tape.lines[slot - self.tape.first_slot] if self.tape.lines else None
        return f"example {k}, {self.writer.statement(slot)}{f' ({line})' if line else ''}"

    def _told(self, slot: int, values: list[float]) -> str:
        """The operands of an instruction with their numbers."""
        sources = dict.fromkeys(self.tape.instructions[slot - self.tape.first_slot].operands)
        return ", ".join(f"{self.names[each]} = {values[each]!r}" for each in sources)
