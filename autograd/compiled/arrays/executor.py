r"""The NumPy executor: each step of the tape is an array operation on all examples of a block.

A slot is a line of an array, with one entry for each example. The slots that a step computes stand together, so that a step reads
and writes slices where it can. A matrix is one product:

.. math:: A = W X + b \qquad \bar X \mathrel{+}= W^T \bar A \qquad \bar W \mathrel{+}= \bar A X^T

Sums over examples and in products are in NumPy's order, which is not that of the tape, so results differ from ``backward()`` in the
last digits. Memory is that of one block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from autograd.compiled.arrays.buffers import Frame, Once
from autograd.compiled.arrays.long_sums import AnyStep, with_sums
from autograd.compiled.steps import steps_by_level
from autograd.compiled.tape import Tape

if TYPE_CHECKING:
    from autograd.compiled.executor import Array

BLOCK = 2**22  # bytes of numbers and adjoints in a block, about what a cache holds


class Arrays:
    """The executor of a tape in NumPy.

    >>> from autograd import OPS
    >>> from autograd.compiled.tape import Instruction
    >>> tape = Tape(1, 1, (), (Instruction(OPS["mul"], 0, 1), Instruction(OPS["tanh"], 2)), (3,), num_differentiated=1)
    >>> value, gradient = Arrays(tape).bind(np.array([[1.0], [2.0]])).gradient(np.array([0.5]))
    >>> round(value, 6), gradient.round(6).tolist()
    (0.611856, [0.813198])
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.steps, self.once = (with_sums(tape, steps) for steps in reversed(steps_by_level(tape)))
        self.place = [0] * tape.num_slots  # of each slot, among those that are shared or among those that are not
        shared = [*range(tape.parameters), *range(tape.leaves, tape.first_slot), *_made(self.once)]
        examples = [*range(tape.parameters, tape.leaves), *_made(self.steps)]
        for slots in (shared, examples):
            for k, slot in enumerate(slots):
                self.place[slot] = k
        self.shared, self.lines = len(shared), max(1, len(examples))

    @cached_property
    def each(self) -> Arrays:
        """The same tape with the parameters as inputs, and so with a gradient for each example."""
        tape = self.tape
        return Arrays(replace(tape, parameters=0, inputs=tape.leaves, shapes=((tape.leaves,),), num_differentiated=tape.leaves))

    def bind(self, examples: Array, mean: bool = True) -> ArraysBound:
        """Take in the data, (N, F)."""
        return ArraysBound(self, examples, len(examples) if mean else 1)

    def show(self, what: str) -> str:
        """There is nothing to show but the steps of the tape."""
        raise ValueError(
            f"the NumPy executor runs the steps of the tape, and has no {what!r}; native code has 'llvm' and 'asm'"
        )


class ArraysBound:
    """A tape with examples, in blocks."""

    def __init__(self, executor: Arrays, examples: Array, share: int) -> None:
        self._executor, self._examples, self._share = executor, examples, share
        count = len(examples)
        most = max(1, BLOCK // (16 * executor.lines))
        blocks = -(-count // most)
        ends = [count * k // blocks for k in range(blocks + 1)]
        self._once = Once(executor)
        frames = {size: Frame(executor, self._once, size) for size in {b - a for a, b in pairwise(ends)}}
        self._blocks = [(frames[b - a], np.ascontiguousarray(examples[a:b].T)) for a, b in pairwise(ends)]

    def gradient(self, theta: Array) -> tuple[float, Array]:
        """The value and its gradient, reduced over the examples."""
        total = 0.0
        with np.errstate(all="ignore"):
            self._once.start(theta)
            for frame, block in self._blocks:
                total += frame.forward(block)[0]
                frame.backward()
            adjoints = self._once.finish()
        return total / self._share, adjoints / self._share

    def value(self, theta: Array) -> float:
        """The value, reduced over the examples."""
        with np.errstate(all="ignore"):
            self._once.start(theta)
            return sum((frame.forward(block)[0] for frame, block in self._blocks), 0.0) / self._share

    def outputs(self, theta: Array) -> Array:
        """All outputs of each example: (N, K)."""
        with np.errstate(all="ignore"):
            self._once.start(theta)
            return np.concatenate([frame.outputs(block) for frame, block in self._blocks])

    def per_example(self, theta: Array) -> tuple[Array, Array]:
        """The value and the gradient of each example."""
        each, wanted = self._executor.each, self._executor.tape.num_differentiated
        values, gradients = np.empty(len(self._examples)), np.empty((len(self._examples), wanted))
        most, done = max(1, BLOCK // (16 * each.lines)), 0
        once = Once(each)
        with np.errstate(all="ignore"):
            while done < len(values):
                examples = self._examples[done : done + most]
                here = slice(done, done + len(examples))
                block = np.concatenate([np.broadcast_to(theta[:, None], (len(theta), len(examples))), examples.T])
                frame = Frame(each, once, len(examples), each_input=True)
                once.start(np.empty(0))
                values[here] = frame.forward(block)[1]
                frame.backward()
                gradients[here] = frame.adjoints[:wanted].T
                done += len(examples)
        return values, gradients


def _made(steps: Sequence[AnyStep]) -> list[int]:
    return [slot for step in steps for slot in step.out]
