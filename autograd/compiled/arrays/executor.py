r"""The NumPy executor: each step of the tape is an array operation on all examples of a block.

A slot is a line of an array, with one entry for each example. The slots that a step computes are contiguous, so that steps read
and write slices where they can. A matrix is one product:

.. math:: A = W X + b \qquad \bar X \mathrel{+}= W^T \bar A \qquad \bar W \mathrel{+}= \bar A X^T

NumPy adds over examples and in products in an order of its own, so results differ from those of ``backward()`` in the last digits.
The memory is that of one block of examples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from autograd.compiled.arrays.arithmetic import Careful, Fast
from autograd.compiled.arrays.buffers import PerBlock, Shared
from autograd.compiled.arrays.long_sums import AnyStep, with_sums
from autograd.compiled.optimism import FastOrCareful
from autograd.compiled.steps import steps_by_level
from autograd.compiled.tape import Tape
from autograd.interrupts import cached

if TYPE_CHECKING:
    from autograd.compiled.executor import Array

Answer = TypeVar("Answer")

BLOCK_BYTES = 2**22  # of primals and adjoints in a block: about what a cache holds
LINE_BYTES = 16  # a primal and an adjoint: what a line takes for each example


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
        self.shared_steps, self.example_steps = (with_sums(tape, steps) for steps in steps_by_level(tape))
        self.line = [0] * tape.num_slots  # of each slot, in the buffer of its kind
        shared = [*range(tape.parameters), *range(tape.leaves, tape.first_slot), *_results(self.shared_steps)]
        examples = [*range(tape.parameters, tape.leaves), *_results(self.example_steps)]
        for slots in (shared, examples):
            for line, slot in enumerate(slots):
                self.line[slot] = line
        self.shared_lines, self.example_lines = len(shared), max(1, len(examples))

    @property
    def block_size(self) -> int:
        """The number of examples that a block has at most."""
        return max(1, BLOCK_BYTES // (LINE_BYTES * self.example_lines))

    @cached
    def with_parameters_as_inputs(self) -> Arrays:
        """The executor of the same tape with the parameters as inputs: it computes a gradient for each example."""
        tape = self.tape
        return Arrays(replace(tape, parameters=0, inputs=tape.leaves, shapes=((tape.leaves,),), num_differentiated=tape.leaves))

    def bind(self, examples: Array, mean: bool = True) -> ArraysBound:
        return ArraysBound(self, examples, len(examples) if mean else 1)

    def show(self, what: str) -> str:
        raise ValueError(
            f"the NumPy executor runs the steps of the tape, and has no {what!r}; native code has 'llvm' and 'asm'"
        )


class ArraysBound:
    """A tape with examples: fast, or careful where a number became infinite or nan (``autograd/compiled/optimism.py``)."""

    def __init__(self, executor: Arrays, examples: Array, share: int) -> None:
        finite = bool(np.isfinite(examples).all()) and all(map(math.isfinite, executor.tape.constants))
        self._blocks = FastOrCareful(
            lambda careful: Blocks(executor, examples, share, Careful() if careful else Fast()), finite
        )

    def gradient(self, theta: Array) -> tuple[float, Array]:
        return self._ask(Blocks.gradient, theta)

    def value(self, theta: Array) -> float:
        return self._ask(Blocks.value, theta)

    def outputs(self, theta: Array) -> Array:
        return self._ask(Blocks.outputs, theta)

    def per_example(self, theta: Array) -> tuple[Array, Array]:
        return self._ask(Blocks.per_example, theta)

    def _ask(self, question: Callable[[Blocks, Array], tuple[Answer, bool]], theta: Array) -> Answer:
        """The answer, in a context that ends with it: there NumPy keeps how it handles its flags, whatever interrupts it."""
        return copy_context().run(self._blocks.ask, question, theta)


class Blocks:
    """A tape with examples, in blocks. Its answers come with the doubt of their arithmetic."""

    def __init__(self, executor: Arrays, examples: Array, share: int, arithmetic: Fast) -> None:
        self._executor, self._examples, self._share, self._arithmetic = executor, examples, share, arithmetic
        count = len(examples)
        num_blocks = -(-count // executor.block_size)
        ends = [count * k // num_blocks for k in range(num_blocks + 1)]
        self._shared = Shared(executor, arithmetic)
        buffers = {size: PerBlock(executor, self._shared, size) for size in {b - a for a, b in pairwise(ends)}}
        self._blocks = [(buffers[b - a], np.ascontiguousarray(examples[a:b].T)) for a, b in pairwise(ends)]

    def gradient(self, theta: Array) -> tuple[tuple[float, Array], bool]:
        total = 0.0
        with self._arithmetic.flags():
            self._arithmetic.look_at(theta)
            self._shared.start(theta)
            for buffer, block in self._blocks:
                total += float(buffer.forward(block).sum())
                buffer.backward()
            gradient = self._shared.finish()
            if self._arithmetic.careful:
                gradient = gradient + 0.0  # nothing becomes 0.0
                if self._executor.tape.shares_results and not np.isfinite(gradient).all():
                    gradient = sum(
                        (gradients.sum(axis=0) for _, _, gradients in self._each_example(theta)), np.zeros(len(theta))
                    )
            answer = total / self._share, gradient / self._share
        return answer, self._arithmetic.doubt

    def value(self, theta: Array) -> tuple[float, bool]:
        with self._arithmetic.flags():
            self._arithmetic.look_at(theta)
            self._shared.start(theta)
            total = sum((float(buffer.forward(block).sum()) for buffer, block in self._blocks), 0.0)
        return total / self._share, self._arithmetic.doubt

    def outputs(self, theta: Array) -> tuple[Array, bool]:
        with self._arithmetic.flags():
            self._arithmetic.look_at(theta)
            self._shared.start(theta)
            outputs = np.concatenate([buffer.outputs(block) for buffer, block in self._blocks])
        return outputs, self._arithmetic.doubt

    def per_example(self, theta: Array) -> tuple[tuple[Array, Array], bool]:
        width = self._executor.tape.num_differentiated
        values, gradients = np.empty(len(self._examples)), np.empty((len(self._examples), width))
        with self._arithmetic.flags():
            self._arithmetic.look_at(theta)
            for here, some_values, some_gradients in self._each_example(theta):
                values[here], gradients[here] = some_values, some_gradients
        return (values, gradients), self._arithmetic.doubt

    def _each_example(self, theta: Array) -> Iterator[tuple[slice, Array, Array]]:
        """For blocks of examples where they stand, and the value and the gradient of each."""
        executor, width = self._executor.with_parameters_as_inputs, self._executor.tape.num_differentiated
        shared = Shared(executor, self._arithmetic)
        for start in range(0, len(self._examples), executor.block_size):
            here = slice(start, start + executor.block_size)
            examples = self._examples[here]
            block = np.concatenate([np.broadcast_to(theta[:, None], (len(theta), len(examples))), examples.T])
            buffer = PerBlock(executor, shared, len(examples), all_inputs=True)
            shared.start(np.empty(0))
            values = buffer.forward(block)
            buffer.backward()
            yield here, values, buffer.adjoints[:width].T + 0.0  # nothing becomes 0.0


def _results(steps: Sequence[AnyStep]) -> list[int]:
    return [slot for step in steps for slot in step.out]
