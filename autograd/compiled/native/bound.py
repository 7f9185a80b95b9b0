"""A tape with its data in machine code: over the batch as a whole, or with a gradient for each example."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.compiled.native.kernels.products import NOTHING
from autograd.compiled.native.llvm.c_library import flags
from autograd.compiled.native.llvm.ir import WORD_BYTES
from autograd.compiled.native.llvm.jit import BLOCK_VECTORS
from autograd.compiled.native.machine import Call, Machine, Phase, zero_bytes
from autograd.compiled.native.plan.batch import split
from autograd.compiled.native.plan.stream import Stream
from autograd.compiled.optimism import FastOrCareful
from autograd.interrupts import cached

if TYPE_CHECKING:
    from autograd.compiled.executor import Array
    from autograd.compiled.native.executor import Native

OPERATIONS_PER_THREAD = 2_000_000
"""How many operations, times examples, each thread has at least: about 0.15 ms of work."""

GRADIENTS_BYTES = 2**22  # of the gradients of single examples that are summed


class BatchBound:
    """A tape with its data: fast, or careful where a number became infinite or nan (``autograd/compiled/optimism.py``)."""

    def __init__(self, native: Native, examples: Array, mean: bool, allocate: Callable[[int], Any] = zero_bytes) -> None:
        self._native, self._tape, self._allocate, self._count = native, native.tape, allocate, len(examples)
        varies = any(self._tape.per_example[slot] for slot in self._tape.outputs)
        self._examples = examples = (
            examples if varies else examples[:1]
        )  # if no output reads an input, one example answers for all
        finite = flags() != 0 and bool(np.isfinite(examples).all()) and all(map(math.isfinite, self._tape.constants))
        share = (self._count / len(examples)) / (self._count if mean else 1)
        self._batch = FastOrCareful(lambda careful: Batch(native, examples, share, careful, allocate), finite)
        self._singly = FastOrCareful(lambda careful: PerExampleBatch(native, examples, careful, allocate), finite)
        self.gradient: Callable[[Array], tuple[float, Array]] = partial(self._batch.ask, Batch.gradient)
        self.value: Callable[[Array], float] = partial(self._batch.ask, Batch.value)

    def outputs(self, theta: Array) -> Array:
        outputs = self._batch.ask(Batch.outputs, theta)
        return outputs if len(outputs) == self._count else np.repeat(outputs, self._count, axis=0)

    def per_example(self, theta: Array) -> tuple[Array, Array]:
        if self._tape.per_example[self._tape.outputs[0]]:
            return self._singly.ask(PerExampleBatch.per_example, theta)
        value, gradient = BatchBound(self._native, self._examples, True, self._allocate).gradient(theta)
        gradients = np.zeros((self._count, self._tape.num_differentiated))  # those of the inputs stay 0
        if self._tape.num_differentiated:
            gradients[:, : self._tape.parameters] = gradient
        return np.full(self._count, value), gradients


class Batch:
    """A batch in vectors, whose blocks are dealt out to the threads. Its answers come with the processor's flags, which are 0 if
    all numbers were finite."""

    def __init__(self, native: Native, examples: Array, share: float, careful: bool, allocate: Callable[[int], Any]) -> None:
        self._native, self._tape, self._allocate = native, native.tape, allocate
        self._examples, self._share, self._careful = examples, share, careful
        self._lanes = lanes_for(native, examples)
        self._arena, self._layout = native.layout(self._lanes, careful=careful)
        self._parts = split(len(examples), self._lanes, self._layout.block_vectors)
        self._data = in_lanes(examples, self._lanes, self._layout.block_vectors, allocate)

    @cached
    def _machines(self) -> list[Machine]:
        """A machine for each thread."""
        layout, used = self._layout, self._parts[0]
        work = len(self._examples) * len(self._tape.instructions)
        threads = max(1, min(self._native.threads, self._parts[2] or 1, work // OPERATIONS_PER_THREAD))
        machines = [Machine(self._arena, self._tape.parameters, self._allocate) for _ in range(threads)]
        for machine in machines:
            machine.doubles[_slice(layout.full_seed, layout.block_vectors * self._lanes)] = self._share
            if used:  # the other lanes hold no example
                seeds = machine.doubles[_slice(layout.partial_seed, self._lanes)]
                seeds[:used], seeds[used:] = self._share, NOTHING
        return machines

    def gradient(self, theta: Array) -> tuple[tuple[float, Array], int]:
        machine, calls = self._gradient_calls
        if len(calls) == 1:
            machine.theta[:] = theta
            raised = calls[0]()
            value, gradient = machine.value.value * self._share, machine.gradient.copy()
        else:
            raised = self._run(calls, theta)
            value, gradient = self._value, np.sum([machine.gradient for machine in self._machines], axis=0)
        if self._careful:
            gradient += 0.0  # nothing becomes 0.0
            if self._tape.shares_results and not np.isfinite(gradient).all():
                gradient = self._sum_of_gradients(theta)
        return (value, gradient), raised

    @np.errstate(invalid="ignore", over="ignore")
    def _sum_of_gradients(self, theta: Array) -> Array:
        """The gradient as the sum of the examples' own."""
        total = np.zeros(self._tape.parameters)
        size = max(1, GRADIENTS_BYTES // (WORD_BYTES * max(1, len(theta))))
        for start in range(0, len(self._examples), size):
            examples = self._examples[start : start + size]
            (_, gradients), _ = PerExampleBatch(self._native, examples, True, self._allocate).per_example(theta)
            total += gradients[:, : len(total)].sum(axis=0)
        return total * self._share

    def value(self, theta: Array) -> tuple[float, int]:
        raised = self._run(self._value_calls, theta)
        return self._value, raised

    def _run(self, calls: list[Call], theta: Array) -> int:
        for machine in self._machines:
            machine.theta[:] = theta
        return self._native.run(calls)

    @property
    def _value(self) -> float:
        return sum(machine.value.value for machine in self._machines) * self._share

    def outputs(self, theta: Array) -> tuple[Array, int]:
        """All outputs of each example: (N, K)."""
        varies, tape = self._tape.per_example, self._tape
        outputs = np.empty((len(self._examples), len(tape.outputs)))
        calls, results = self._outputs_calls
        raised = self._run(calls, theta)
        by_output = iter(self._out_of_lanes(results).T)
        doubles, shared = self._machines[0].doubles, self._layout.shared
        for column, slot in enumerate(tape.outputs):
            outputs[:, column] = next(by_output) if varies[slot] else doubles[shared.primal[slot] // WORD_BYTES]
        return outputs, raised

    def _out_of_lanes(self, results: Array) -> Array:
        """The reverse of ``in_lanes``: an array that has a row for each example."""
        lanes, (partial, singles, blocks) = self._lanes, self._parts
        width = self._layout.block_vectors * lanes
        columns = len(results) // (int(partial > 0) * lanes + singles * lanes + blocks * width)
        parts, start = [], 0
        for count, size, used in ((int(partial > 0), lanes, partial), (singles, lanes, lanes), (blocks, width, width)):
            stop = start + count * size * columns
            part = results[start:stop].reshape(count, columns, size)[:, :, :used]
            parts.append(part.transpose(0, 2, 1).reshape(count * used, columns))
            start = stop
        return np.concatenate(parts)

    # --- the phases of a call ----------------------------------------------------------------------------------------

    @cached
    def _gradient_calls(self) -> tuple[Machine, list[Call]]:
        """The first machine, and a call for each."""
        return self._machines[0], self._value_or_gradient("gradient", True)

    @cached
    def _value_calls(self) -> list[Call]:
        return self._value_or_gradient("value", False)

    def _value_or_gradient(self, name: str, gradient: bool) -> list[Call]:
        layout, native = self._layout, self._native

        def phase(part: str, write: Callable[[Stream, bool], None]) -> Phase:
            return Phase(native.stream(layout, f"{name} {part}", 1, lambda stream: write(stream, gradient)))

        def block(name: str, vectors: int, seed: int, first: bool) -> Stream:
            def write(stream: Stream) -> None:
                layout.forward(stream, vectors)
                layout.add_values(stream, vectors)
                if gradient:
                    layout.backward(stream, vectors, seed, first)

            return native.stream(layout, f"{name}{' first' * (first and gradient)}", vectors, write)

        def prepare(stream: Stream, gradient: bool) -> None:
            layout.prepare(stream)
            layout.clear_sums(stream, gradient)

        masked = Phase(native.stream(layout, "masked", 1, layout.mask_values))
        return self._calls(name, block, phase("before", prepare), [masked], [phase("after", layout.finish)])

    @cached
    def _outputs_calls(self) -> tuple[list[Call], Array]:
        """The calls, and the array that they fill."""
        layout, native, lanes = self._layout, self._native, self._lanes

        def block(name: str, vectors: int, seed: int, first: bool) -> Stream:
            def write(stream: Stream) -> None:
                layout.forward(stream, vectors)
                layout.store_outputs(stream, vectors)

            return native.stream(layout, name, vectors, write)

        columns = sum(self._tape.per_example[slot] for slot in self._tape.outputs)
        partial, singles, blocks = self._parts
        size = (bool(partial) + singles + blocks * layout.block_vectors) * lanes * columns
        results = self._allocate(size * WORD_BYTES).view(np.float64)
        before = Phase(native.stream(layout, "before", 1, layout.prepare))
        return self._calls("outputs", block, before, results=results.ctypes.data, columns=columns), results

    def _calls(
        self,
        name: str,
        block: Callable[[str, int, int, bool], Stream],
        before: Phase,
        after_partial: list[Phase] | None = None,
        after: list[Phase] | None = None,
        results: int = 0,
        columns: int = 0,
    ) -> list[Call]:
        """A call for each thread. All share the blocks, and the first also runs the vectors that fill no block."""
        layout, (partial, singles, blocks) = self._layout, self._parts
        lanes, inputs, data = self._lanes, self._tape.inputs, self._data.ctypes.data
        data_stride, results_stride = lanes * inputs * WORD_BYTES, lanes * columns * WORD_BYTES
        left_over: list[Phase] = []
        if partial:
            stream = block(f"{name} partial", 1, layout.partial_seed, True)
            left_over = [Phase(stream, 1, data, 0, results, 0), *(after_partial or [])]
            data, results = data + data_stride, results + results_stride
        if singles:
            stream = block(name, 1, layout.full_seed, not partial)
            left_over.append(Phase(stream, 1, data, data_stride, results, results_stride))
            stream = block(name, 1, layout.full_seed, False)
            second = data + data_stride, data_stride, results + results_stride, results_stride
            left_over.append(Phase(stream, singles - 1, *second))
            data, results = data + singles * data_stride, results + singles * results_stride
        data_stride, results_stride = data_stride * layout.block_vectors, results_stride * layout.block_vectors
        calls = []
        for machine, (start, stop) in zip(self._machines, _shares(blocks, len(self._machines)), strict=True):
            phases = [before, *left_over]
            for k, times in ((start, min(1, stop - start)), (start + 1, stop - start - 1)):
                if times > 0:
                    stream = block(name, layout.block_vectors, layout.full_seed, k == start and not left_over)
                    cells = data + k * data_stride, data_stride, results + k * results_stride, results_stride
                    phases.append(Phase(stream, times, *cells))
            calls.append(machine.prepared([phase for phase in (*phases, *(after or [])) if phase.times]))
            left_over = []
        return calls


class PerExampleBatch:
    """A batch in vectors that gives each example a gradient of its own. Its answer comes with the processor's flags."""

    def __init__(self, native: Native, examples: Array, careful: bool, allocate: Callable[[int], Any]) -> None:
        self._native, self._tape, self._allocate = native, native.tape, allocate
        self._count, self._lanes = len(examples), lanes_for(native, examples)
        arena, self._layout = native.layout(self._lanes, separate=True, careful=careful)
        self._data = in_lanes(examples, self._lanes, 1, allocate)
        self._machine = Machine(arena, self._tape.parameters, allocate)
        self._machine.doubles[_slice(self._layout.full_seed, self._lanes)] = 1.0

    def per_example(self, theta: Array) -> tuple[tuple[Array, Array], int]:
        call, results = self._call
        self._machine.theta[:] = theta
        raised = call()
        values, gradients = results[: self._count, 0], results[: self._count, 1 : 1 + self._tape.num_differentiated]
        return (values.copy(), gradients + 0.0), raised  # nothing becomes 0.0

    @cached
    def _call(self) -> tuple[Call, Array]:
        """The call, and the array that it fills. A row is an example's value, gradient, and zeros up to a whole vector."""
        layout, lanes = self._layout, self._lanes
        (partial, _, vectors), data = split(self._count, lanes, 1), self._data.ctypes.data
        columns = -(-(1 + self._tape.num_differentiated) // lanes) * lanes
        array = self._allocate(max(self._count, lanes) * columns * WORD_BYTES).view(np.float64)
        results, row_bytes = array.ctypes.data, columns * WORD_BYTES
        data_stride = lanes * self._tape.inputs * WORD_BYTES
        stream = self._native.stream(layout, "per example", 1, layout.per_example)
        phases = [Phase(self._native.stream(layout, "before", 1, layout.prepare))]
        if partial:
            phases.append(Phase(stream, 1, data, 0, results, 0))
            data, results = (
                data + data_stride,
                results + partial * row_bytes,
            )  # the next vector overwrites the rows of idle lanes
        if vectors:
            phases.append(Phase(stream, vectors, data, data_stride, results, lanes * row_bytes))
        return self._machine.prepared(phases), array.reshape(-1, columns)


def lanes_for(native: Native, examples: Array) -> int:
    """How many lanes the vectors of a batch have: as few as hold it."""
    return min(lanes for lanes in BLOCK_VECTORS if lanes >= min(len(examples), native.lanes))


def _shares(count: int, parts: int) -> Iterator[tuple[int, int]]:
    """The start and stop of each part of ``range(count)``, as equal as can be."""
    for k in range(parts):
        yield k * count // parts, (k + 1) * count // parts


def in_lanes(examples: Array, lanes: int, block_vectors: int, allocate: Callable[[int], Any]) -> Array:
    """The data as the kernels read them: for each vector or block the lanes of the first input, of the second, and so on."""
    partial, singles, blocks = split(len(examples), lanes, block_vectors)
    inputs = examples.shape[1]
    parts: list[Array] = []
    if partial:
        parts = [np.resize(examples[:partial], (lanes, inputs)).T]
    start = partial
    for count, size in ((singles, lanes), (blocks, block_vectors * lanes)):
        stop = start + count * size
        parts.append(examples[start:stop].reshape(count, size, inputs).transpose(0, 2, 1))
        start = stop
    data: Array = allocate(sum(part.size for part in parts) * WORD_BYTES).view(np.float64)
    np.concatenate([part.ravel() for part in parts], out=data)
    return data


def _slice(offset: int, count: int) -> slice:
    """Where so many doubles stand in ``Machine.doubles``."""
    return slice(offset // WORD_BYTES, offset // WORD_BYTES + count)
