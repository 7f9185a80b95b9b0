"""The reference: a tape executed in plain Python floats, one instruction and one example at a time, just as ``backward()`` does.

It is as slow as Python, and the other executors are measured by it. For each example its gradients equal those of ``backward()`` on
the function's own graph bit for bit: the same kernels, and the same contributions in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.compiled.tape import NO_OPERAND, Tape
from autograd.rules.evaluate import floats
from autograd.rules.op import Op

if TYPE_CHECKING:
    from autograd.compiled.executor import Array


class Plain:
    """The executor of a tape in plain floats.

    >>> from autograd import OPS
    >>> from autograd.compiled.tape import Instruction
    >>> square = Tape(1, 0, (), (Instruction(OPS["mul"], 0, 0),), (1,), num_differentiated=1)
    >>> value, gradient = Plain(square).bind(np.empty((1, 0))).gradient(np.array([3.0]))
    >>> value, gradient.tolist()
    (9.0, [6.0])
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape

    def bind(self, examples: Array, mean: bool = True) -> PlainBound:
        return PlainBound(self.tape, examples.tolist(), mean)

    def show(self, what: str) -> str:
        raise ValueError(f"the plain executor runs the tape as it is, and has no {what!r} to show; print the program")


class PlainBound:
    """A tape with examples, given as lists of floats."""

    def __init__(self, tape: Tape, examples: list[list[float]], mean: bool) -> None:
        self.tape, self._examples, self._share = tape, examples, len(examples) if mean else 1

    def gradient(self, theta: Array) -> tuple[float, Array]:
        values, gradients = self.per_example(theta)
        total = [0.0] * self.tape.parameters
        for gradient in gradients.tolist():
            total = [a + b for a, b in zip(total, gradient, strict=False)]
        return self._reduced(values), np.array(total) / self._share

    def value(self, theta: Array) -> float:
        return self._reduced(self.outputs(theta)[:, 0])

    def outputs(self, theta: Array) -> Array:
        parameters = theta.tolist()
        slots = [forward(self.tape, parameters, example)[0] for example in self._examples]
        return np.array([[values[slot] for slot in self.tape.outputs] for values in slots])

    def per_example(self, theta: Array) -> tuple[Array, Array]:
        parameters, [output] = theta.tolist(), self.tape.outputs
        values, gradients = [], np.empty((len(self._examples), self.tape.num_differentiated))
        for k, example in enumerate(self._examples):
            slots, partials = forward(self.tape, parameters, example)
            values.append(slots[output])
            gradients[k] = backward(self.tape, partials)[: self.tape.num_differentiated]
        return np.array(values), gradients

    def _reduced(self, values: Array) -> float:
        total = 0.0
        for value in values.tolist():
            total += value
        return total / self._share


def forward(tape: Tape, parameters: Sequence[float], example: Sequence[float]) -> tuple[list[float], list[tuple[float, ...]]]:
    """The numbers in all slots, and the local derivatives of each instruction.

    >>> from autograd import OPS
    >>> from autograd.compiled.tape import Instruction
    >>> forward(Tape(1, 1, (), (Instruction(OPS["mul"], 0, 1),), (2,), num_differentiated=1), [2.0], [5.0])
    ([2.0, 5.0, 10.0], [(5.0, 2.0)])
    """
    values = [*parameters, *example, *tape.constants]
    partials = []
    for op, x, y in tape.instructions:
        out, *local = computed(op, values[x]) if y == NO_OPERAND else computed(op, values[x], values[y])
        values.append(out)
        partials.append(tuple(local))
    return values, partials


def computed(op: Op, *operands: float) -> tuple[float, ...]:
    """The result and the local derivatives of an operation, also outside its domain, where IEEE 754 has an answer.

    >>> from autograd import OPS
    >>> computed(OPS["log"], 0.0)
    (-inf, inf)
    """
    try:
        return op.kernel(*operands)
    except (ArithmeticError, ValueError):
        return floats(op.ieee(*operands))


def backward(tape: Tape, partials: Sequence[tuple[float, ...]]) -> list[float]:
    """The adjoints of all slots of a tape with one output, from the local derivatives of its instructions."""
    nothing = 0.0  # as in Value.backward(): what has received nothing passes nothing on
    adjoints: list[Any] = [nothing] * tape.num_slots
    adjoints[tape.outputs[0]] += 1.0
    slot = tape.num_slots
    for (_, x, y), local in zip(reversed(tape.instructions), reversed(partials), strict=True):
        slot -= 1
        if adjoints[slot] is nothing:
            continue
        adjoints[x] += local[0] * adjoints[slot]
        if y != NO_OPERAND:
            adjoints[y] += local[1] * adjoints[slot]
    return adjoints
