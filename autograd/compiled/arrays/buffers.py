"""Buffers: the primals and adjoints of many slots as the lines of two arrays, and the actions that run the steps on them.

A buffer is built once for a tape and a block size. Its actions know the slices that they read and write, so a call only runs the
actions one after the other. One buffer, ``Shared``, holds what all examples share; another, ``PerBlock``, what differs between the
examples of a block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from autograd.compiled.arrays import ufuncs
from autograd.compiled.arrays.long_sums import AnyStep, Sum
from autograd.compiled.steps import Group, Matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autograd.compiled.arrays.arithmetic import Fast
    from autograd.compiled.arrays.executor import Arrays
    from autograd.compiled.executor import Array
    from autograd.rules.op import Op

Action: TypeAlias = Callable[[], object]
Read: TypeAlias = "Callable[[], Array]"
Accumulate: TypeAlias = "Callable[[Array], None]"


class Buffer:
    """The primals and adjoints of slots, a line for each slot, and the actions of the steps.

    Args:
        executor: says on which line each slot is.
        arithmetic: the products and sums, fast or careful.
        steps: that compute the slots of this buffer.
        shared: the buffer that these steps also read, and give adjoints to; None for that buffer itself.
    """

    primals: Array
    adjoints: Array

    def __init__(self, executor: Arrays, arithmetic: Fast, steps: Sequence[AnyStep], shared: Shared | None) -> None:
        self._executor, self.arithmetic, self._shared = executor, arithmetic, shared
        self._readers: dict[tuple[int, ...], Read] = {}
        self._gathered: dict[int, tuple[Array, Array]] = {}  # the matrices of steps, by the first slot that they compute
        self._forward: list[Action] = []
        self._backward: list[Action] = []
        self._cleared: list[int] = []  # lines of adjoints to clear, since the first contribution does not assign all of them
        self._seeds = self._seeded()
        self._started = set(self._seeds)  # lines of adjoints that have a value at this point of the backward pass
        for step in steps:
            self._forward.append(self._forward_action(step))
        carries_gradient = executor.tape.carries_gradient
        for step in reversed(steps):
            lines = [executor.line[slot] for slot in step.out]
            if self._started.isdisjoint(lines) or not any(carries_gradient[slot] for slot in step.out):
                continue
            self._clear(lines)
            self._backward += self._backward_actions(step)
        self._cleared = sorted(set(self._cleared))

    def _seeded(self) -> list[int]:
        """The lines whose adjoints have a value before the backward pass begins."""
        raise NotImplementedError

    def _clear(self, lines: Sequence[int]) -> None:
        """Let these lines of adjoints start cleared, except those that have a value already."""
        self._cleared += [line for line in lines if line not in self._started]
        self._started.update(lines)

    def _forward_action(self, step: AnyStep) -> Action:
        if isinstance(step, Sum):
            return self._sum(step)
        return self._matrix(step) if isinstance(step, Matrix) else self._group(step)

    def _backward_actions(self, step: AnyStep) -> list[Action]:
        if isinstance(step, Sum):
            return self._sum_backward(step)
        return self._matrix_backward(step) if isinstance(step, Matrix) else self._group_backward(step)

    # --- forward --------------------------------------------------------------------------------------------------------

    def _group(self, step: Group) -> Action:
        compute, out = ufuncs.value(step.op), self._computed(self.primals, step)
        reads = [self._reader(slots) for slots in step.columns]
        if len(reads) == 1:
            [x] = reads
            return lambda: compute(x(), out)
        if len(reads) == 2:
            x, y = reads
            return lambda: compute(x(), y(), out)
        return lambda: compute(*(read() for read in reads), out)

    def _matrix(self, step: Matrix) -> Action:
        weights, x, out = self._weights(step)[0], self._reader(step.operands), self._computed(self.primals, step)
        product = self.arithmetic.product(weights.size * out.shape[1])
        if not step.start:
            return lambda: product(weights, x(), out)
        start = self._reader(step.start)

        def act() -> None:
            product(weights, x(), out)
            np.add(out, start(), out=out)

        return act

    def _sum(self, step: Sum) -> Action:
        out = self._computed(self.primals, step)[0]
        first, *rest = [
            _read(self._primals_of(slots), [self._executor.line[slot] for slot in slots], _contiguous)
            for slots in self._by_buffer(step.terms)
        ]

        def act() -> None:
            np.add.reduce(first(), axis=0, out=out)
            for read in rest:  # the terms that all examples share
                np.add(out, read().sum(axis=0), out=out)

        return act

    def _by_buffer(self, slots: Sequence[int]) -> list[list[int]]:
        """The slots that differ between examples, then the shared ones; without empty lists."""
        parts = [[slot for slot in slots if self._is_shared([slot]) == shared] for shared in (False, True)]
        return [part for part in parts if part]

    def _weights(self, step: Matrix) -> tuple[Array, Array]:
        """The matrix of a step, and one for its adjoint."""
        assert self._shared is not None
        first = step.out[0]
        if first not in self._gathered:
            self._gathered[first] = self._shared.gathered(step.weights)
        return self._gathered[first]

    def _reader(self, slots: Sequence[int]) -> Read:
        """What returns the primals of these slots: a slice, one line for all of them, or gathered lines. Equal slots share it."""
        key = tuple(slots)
        if key not in self._readers:
            self._readers[key] = _read(
                self._primals_of(slots), [self._executor.line[slot] for slot in slots], _one_or_contiguous
            )
        return self._readers[key]

    def _primals_of(self, slots: Sequence[int]) -> Array:
        return self._shared.primals if self._is_shared(slots) else self.primals  # type: ignore[union-attr]

    def _is_shared(self, slots: Sequence[int]) -> bool:
        """Whether these slots, which are all alike, are in the shared buffer and not in this one."""
        return self._shared is not None and not self._executor.tape.per_example[slots[0]]

    def _computed(self, array: Array, step: AnyStep) -> Array:
        """The lines that a step computes, which are contiguous."""
        first = self._executor.line[step.out[0]]
        return array[first : first + len(step.out)]

    # --- backward -------------------------------------------------------------------------------------------------------

    def _group_backward(self, step: Group) -> list[Action]:
        adjoint, out = self._computed(self.adjoints, step), self._computed(self.primals, step)
        reads = [self._reader(slots) for slots in step.columns]
        actions = []
        for index, slots in enumerate(step.columns):
            constant = step.op.constant_partials[index]
            if step.op.cuts[index] == "True" or not self._carry_gradient(slots):
                continue
            accumulate = self._accumulator(slots)
            if constant == 1:
                actions.append(_pass_on(accumulate, adjoint))
            else:
                actions.append(self._multiply(accumulate, step.op, index, reads, out, adjoint))
        return actions

    def _multiply(self, accumulate: Accumulate, op: Op, index: int, reads: list[Read], out: Array, adjoint: Array) -> Action:
        passed_on, partial, cut = self.arithmetic.passed_on, ufuncs.partial(op, index), ufuncs.cut(op, index)
        if op.constant_partials[index] == -1:
            return lambda: accumulate(passed_on(-1.0, adjoint))
        if not self.arithmetic.careful:
            return lambda: accumulate(partial(*(read() for read in reads), out) * adjoint)

        def act() -> None:
            operands = [read() for read in reads]
            accumulate(passed_on(partial(*operands, out), adjoint, cut(*operands, out)))

        return act

    def _sum_backward(self, step: Sum) -> list[Action]:
        adjoint = self._computed(self.adjoints, step)
        wanted = [slot for slot in step.terms if self._executor.tape.carries_gradient[slot]]
        return [
            _pass_on(self._accumulator(slots), np.broadcast_to(adjoint, (len(slots), adjoint.shape[1])))
            for slots in self._by_buffer(wanted)
        ]

    def _matrix_backward(self, step: Matrix) -> list[Action]:
        adjoint, x, actions = self._computed(self.adjoints, step), self._reader(step.operands), list[Action]()
        weights, weights_adjoint = self._weights(step)
        multiplications = weights.size * adjoint.shape[1]
        multiply, multiply_weights = (self.arithmetic.adjoint_product(multiplications, first) for first in (True, False))

        to_weights, to_operands = np.empty_like(weights_adjoint), np.empty((len(step.operands), adjoint.shape[1]))

        def add_to_weights() -> None:
            multiply(adjoint, x().T, to_weights)
            np.add(weights_adjoint, to_weights, out=weights_adjoint)

        def add_to_operands() -> None:
            multiply_weights(transposed, adjoint, to_operands)
            accumulate(to_operands)

        if any(self._carry_gradient(slots) for slots in step.weights):
            actions.append(add_to_weights)
        if self._carry_gradient(step.operands):
            accumulate, transposed = self._accumulator(step.operands), weights.T
            actions.append(add_to_operands)
        if self._carry_gradient(step.start):
            actions.append(_pass_on(self._accumulator(step.start), adjoint))
        return actions

    def _carry_gradient(self, slots: Sequence[int]) -> bool:
        return any(self._executor.tape.carries_gradient[slot] for slot in slots)

    def _accumulator(self, slots: Sequence[int]) -> Accumulate:
        """What adds contributions, a line for each slot, to the adjoints; lines that have no value yet are assigned."""
        lines = [self._executor.line[slot] for slot in slots]
        if self._is_shared(slots):
            assert self._shared is not None
            return _sum_over_examples(self._shared.adjoints, lines, self.arithmetic)
        first = self._started.isdisjoint(lines)
        if first:
            self._started.update(lines)
        else:
            self._clear(lines)
        return _accumulate(self.adjoints, lines, first, self.arithmetic)


class Shared(Buffer):
    """What all examples share: parameters, constants, and what is computed from them alone, once per call."""

    def __init__(self, executor: Arrays, arithmetic: Fast) -> None:
        self.primals, self.adjoints = np.zeros((executor.shared_lines, 1)), np.zeros((executor.shared_lines, 1))
        tape = executor.tape
        self.primals[tape.parameters : tape.parameters + len(tape.constants), 0] = tape.constants
        self._matrices: dict[bytes, tuple[NDArray[np.intp], Array, Array]] = {}
        super().__init__(executor, arithmetic, executor.shared_steps, None)

    def _seeded(self) -> list[int]:
        return list(range(self._executor.shared_lines))

    def gathered(self, slots: list[list[int]]) -> tuple[Array, Array]:
        """The matrix of the primals of these slots, and one for their adjoints."""
        index = np.array([[self._executor.line[slot] for slot in row] for row in slots])
        key = index.tobytes() + bytes(index.shape[1:])
        if key not in self._matrices:
            self._matrices[key] = index, np.empty(index.shape), np.empty(index.shape)
        return self._matrices[key][1:]

    def start(self, theta: Array) -> None:
        """Compute what is shared, and clear its adjoints."""
        self.primals[: len(theta), 0] = theta
        for act in self._forward:
            act()
        primals = self.primals[:, 0]
        for index, weights, weights_adjoint in self._matrices.values():
            primals.take(index, out=weights)
            weights_adjoint.fill(self.arithmetic.start)
        self.adjoints.fill(self.arithmetic.start)

    def finish(self) -> Array:
        """The gradient with respect to the parameters, once all blocks have added their contributions; the next call changes it."""
        adjoints = self.adjoints[:, 0]
        for index, _, weights_adjoint in self._matrices.values():
            self.arithmetic.add_at(adjoints, index.ravel(), weights_adjoint.ravel())
        for act in self._backward:
            act()
        return adjoints[: self._executor.tape.parameters]


class PerBlock(Buffer):
    """What differs between examples, for blocks of one size; with ``all_inputs`` each input has an adjoint, if only 0."""

    def __init__(self, executor: Arrays, shared: Shared, size: int, all_inputs: bool = False) -> None:
        self.primals, self.adjoints = np.empty((executor.example_lines, size)), np.empty((executor.example_lines, size))
        self._inputs, self._size = executor.tape.inputs, size
        super().__init__(executor, shared.arithmetic, executor.example_steps, shared)
        if all_inputs:
            self._clear(range(self._inputs))
        self._results = [self._values(slot) for slot in executor.tape.outputs]

    def _seeded(self) -> list[int]:
        output = self._executor.tape.outputs[0]
        return [self._executor.line[output]] if self._executor.tape.per_example[output] else []

    def forward(self, block: Array) -> Array:
        """The first output of each example, from the inputs of the block: (F, size); the next call changes it."""
        self.primals[: self._inputs] = block
        for act in self._forward:
            act()
        return self._results[0]

    def outputs(self, block: Array) -> Array:
        """All outputs of each example: (size, K)."""
        self.forward(block)
        return np.stack(self._results, axis=1)

    def _values(self, slot: int) -> Array:
        return np.broadcast_to(self._primals_of([slot])[self._executor.line[slot]], (self._size,))

    def backward(self) -> None:
        """Compute the adjoints, from the output back, and add the contributions to what is shared."""
        for line in self._cleared:
            self.adjoints[line] = self.arithmetic.start
        for line in self._seeds:
            self.adjoints[line] = 1.0
        for act in self._backward:
            act()
        if not self._seeds:
            self._shared.adjoints[self._executor.line[self._executor.tape.outputs[0]]] += self._size  # type: ignore[union-attr]


# --- actions --------------------------------------------------------------------------------------------------------------


def _read(primals: Array, lines: Sequence[int], as_slice: Callable[[Sequence[int]], slice | None]) -> Read:
    where = as_slice(lines)
    if where is not None:
        view = primals[where]
        return lambda: view
    index = np.array(lines)
    return lambda: primals.take(index, axis=0)


def _one_or_contiguous(lines: Sequence[int]) -> slice | None:
    """The lines as a slice if they are contiguous; a slice of one line, which NumPy repeats, if they are all the same."""
    one = len(lines) == 1 or all(line == lines[0] for line in lines)
    return slice(lines[0], lines[0] + 1) if one else _contiguous(lines)


def _contiguous(lines: Sequence[int]) -> slice | None:
    """The lines as a slice if they are contiguous."""
    first = lines[0]
    return slice(first, first + len(lines)) if list(lines) == list(range(first, first + len(lines))) else None


def _pass_on(accumulate: Accumulate, adjoint: Array) -> Action:
    return lambda: accumulate(adjoint)


def _accumulate(adjoints: Array, lines: Sequence[int], first: bool, arithmetic: Fast) -> Accumulate:
    """What adds contributions to lines of adjoints, or assigns them; contributions to the same line are summed first."""
    where: Any = _one_or_contiguous(lines)
    merge: Callable[[Array], Array] | None = None
    if where is not None:
        if len(lines) > 1 and lines[0] == lines[1]:
            merge = lambda contributions: arithmetic.sum(contributions, axis=0, keepdims=True)  # noqa: E731
        return _assign(adjoints[where], merge) if first else _add(adjoints[where], merge)
    where, starts = np.unique(np.sort(lines), return_index=True)
    if len(where) == len(lines):
        where = np.array(lines)
    else:
        order = np.argsort(lines, kind="stable")
        merge = lambda contributions: np.add.reduceat(contributions[order], starts, axis=0)  # noqa: E731

    def accumulate(contributions: Array) -> None:
        contributions = contributions if merge is None else merge(contributions)
        if first:
            adjoints[where] = contributions
        else:
            adjoints[where] += contributions

    return accumulate


def _assign(view: Array, merge: Callable[[Array], Array] | None) -> Accumulate:
    def accumulate(contributions: Array) -> None:
        view[...] = contributions if merge is None else merge(contributions)

    return accumulate


def _add(view: Array, merge: Callable[[Array], Array] | None) -> Accumulate:
    def accumulate(contributions: Array) -> None:
        np.add(view, contributions if merge is None else merge(contributions), out=view)

    return accumulate


def _sum_over_examples(adjoints: Array, lines: Sequence[int], arithmetic: Fast) -> Accumulate:
    """What sums contributions over the examples, for slots that all examples share."""
    index, flat = np.array(lines), adjoints[:, 0]
    return lambda contributions: np.add.at(flat, index, arithmetic.sum(contributions, axis=1))
