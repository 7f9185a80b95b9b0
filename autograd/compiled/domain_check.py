"""``check=True``: which operation, at which example, is the first that leaves its domain or turns nan.

Compiled code cannot stop at an example, so it answers by IEEE's rules. This search runs the tape in plain floats and stops.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from autograd.compiled.plain import forward
from autograd.compiled.print_tape import Writer
from autograd.compiled.tape import Tape
from autograd.errors import DomainError
from autograd.ops import IMPROVES
from autograd.rules.evaluate import evaluate
from autograd.rules.notation import TEXT

if TYPE_CHECKING:
    from autograd.compiled.executor import Array


def raise_first_fault(
    tape: Tape, theta: Array, examples: Array, called: Sequence[int] | None = None, infinite: bool = False
) -> None:
    """Raise an error for the first fault, forward and then backward, of the first example that has one.

    Args:
        tape, theta, examples: what is searched.
        called: the numbers of the examples, in messages; if left out 0, 1, 2, ...
        infinite: whether infinity is a fault too, if it comes of numbers that are finite.

    Raises:
        DomainError: where finite operands lie outside the domain of an operation: the eager engine's error.
        FloatingPointError: where a parameter or input is nan, or the first result or adjoint turns nan, or infinite.

    >>> from autograd import Value, compile
    >>> p = Value(0.5, "p")
    >>> compile(lambda x: (p * x).log(), [p], check=True, executor="plain")([2.0, 1.0, -1.0])          # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    autograd.errors.DomainError: example 2, v2 = log(v1) (<doctest ...>, line 1: ...): log(x) needs x > 0, but x = -0.5 ('v1'). ...
    """
    search = _Search(tape, infinite)
    parameters = theta.tolist()
    for k, example in zip(called or range(len(examples)), examples.tolist(), strict=True):
        values, partials = forward(tape, parameters, example)
        search.results(k, values)
        if len(tape.outputs) == 1:
            search.adjoints(k, values, partials)


class _Search:
    """Looks at the numbers of one example after the other, with the names of a tape at hand for messages."""

    def __init__(self, tape: Tape, infinite: bool = False) -> None:
        self._tape, self._writer = tape, Writer(tape, TEXT)
        self._is_fault: Callable[[float], bool] = (lambda number: not math.isfinite(number)) if infinite else math.isnan
        self._names = self._writer.names

    def results(self, k: int, values: list[float]) -> None:
        """Raise for the first result of example ``k`` that is outside a domain, or nan although no operand is.

        What is computed for a side that a choice does not take is not looked at, nor is a step that ``solve`` tries and rejects.
        """
        for name, number in zip(self._names, values[: self._tape.leaves], strict=False):
            if self._is_fault(number):
                raise FloatingPointError(f"example {k}: {name} is {number} before any operation")
        counts = self._counts(values)
        for slot, instruction in enumerate(self._tape.instructions, start=self._tape.first_slot):
            operands = [values[source] for source in instruction.operands]
            if not counts[slot]:
                continue
            try:
                evaluate(instruction.op, *operands, labels=[self._names[source] for source in instruction.operands])
            except DomainError as error:
                raise type(error)(f"{self._where(k, slot)}: {error}") from None
            if self._is_fault(values[slot]) and not any(map(self._is_fault, operands)):
                raise FloatingPointError(f"{self._where(k, slot)} turns {values[slot]}: {self._operands(slot, values)}")

    def _counts(self, values: list[float]) -> list[bool]:
        """For each slot whether an output depends on its number here."""
        counts = [False] * self._tape.num_slots
        for slot in self._tape.outputs:
            counts[slot] = True
        for slot in range(self._tape.num_slots - 1, self._tape.first_slot - 1, -1):
            instruction = self._tape.instructions[slot - self._tape.first_slot]
            if counts[slot] and instruction.op is not IMPROVES:
                ignored = instruction.op.ignores(*(values[source] for source in instruction.operands))
                for source, is_ignored in zip(instruction.operands, ignored, strict=True):
                    counts[source] = counts[source] or not is_ignored
        return counts

    def adjoints(self, k: int, values: list[float], partials: list[tuple[float, ...]]) -> None:
        """Raise for the first contribution that makes an adjoint nan, of a slot that depends on a wanted leaf.

        ``plain.backward`` only has the adjoints in the end; which contribution is to blame is known while they are summed.
        """
        nothing = 0.0
        adjoints = [nothing] * self._tape.num_slots
        adjoints[self._tape.outputs[0]] = 1.0
        for slot in range(self._tape.num_slots - 1, self._tape.first_slot - 1, -1):
            if adjoints[slot] is nothing:
                continue
            place = slot - self._tape.first_slot
            for source, partial in zip(self._tape.instructions[place].operands, partials[place], strict=True):
                adjoints[source] += partial * adjoints[slot]
                if self._is_fault(adjoints[source]) and self._tape.depends_on_wanted[source]:
                    raise FloatingPointError(
                        f"{self._where(k, slot)}: the adjoint of {self._names[source]} turns {adjoints[source]}, by the local derivative {partial} "
                        f"times {adjoints[slot]}, where {self._operands(slot, values)}"
                    )

    def _where(self, k: int, slot: int) -> str:
        """The example, the statement that computes the slot, and the user's line."""
        line = self._tape.lines[slot - self._tape.first_slot] if self._tape.lines else None
        return f"example {k}, {self._writer.statement(slot)}{f' ({line})' if line else ''}"

    def _operands(self, slot: int, values: list[float]) -> str:
        """The operands of an instruction with their numbers."""
        sources = dict.fromkeys(self._tape.instructions[slot - self._tape.first_slot].operands)
        return ", ".join(f"{self._names[source]} = {values[source]!r}" for source in sources)
