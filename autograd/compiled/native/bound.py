"""A tape with its data in machine code."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.compiled.native import machine
from autograd.compiled.native.llvm.ir import WORD_BYTES
from autograd.compiled.native.llvm.jit import BLOCK_VECTORS
from autograd.compiled.native.machine import Machine, Phase
from autograd.compiled.native.plan.batch import split
from autograd.compiled.native.plan.stream import Stream

if TYPE_CHECKING:
    from autograd.compiled.executor import Array
    from autograd.compiled.native.executor import Native

OPERATIONS_PER_THREAD = 2_000_000
"""Operations times examples that make a second thread worth waking: about 0.15 ms."""


class BatchBound:
    """A batch in vectors; its blocks are shared out to the threads."""

    def __init__(self, native: Native, examples: Array, mean: bool, allocate: Callable[[int], Any] = machine.zeros) -> None:
        self._native, self._tape, self._allocate = native, native.tape, allocate
        self._count = len(examples)
        varies = any(self._tape.per_example[slot] for slot in self._tape.outputs)
        self._examples = examples if varies else examples[:1]  # equal examples are run once
        runs = len(self._examples)
        self._lanes = min(lanes for lanes in BLOCK_VECTORS if lanes >= min(runs, native.lanes))
        self._share = (self._count / runs) / (self._count if mean else 1)
        self._layout = native.layout(self._lanes)[1]
        self._parts = split(runs, self._lanes, self._layout.unroll)
        self._data = in_lanes(self._examples, self._lanes, self._layout.unroll, allocate)
        self._lock = threading.Lock()  # calls from several threads take turns: they use the same memory

    @cached_property
    def _machines(self) -> list[Machine]:
        """A machine for each thread."""
        work = len(self._examples) * len(self._tape.instructions)
        threads = max(1, min(self._native.threads, self._parts[2] or 1, work // OPERATIONS_PER_THREAD))
        arena, layout = self._native.layout(self._lanes)
        machines = [Machine(arena, self._tape.parameters, self._allocate) for _ in range(threads)]
        for each in machines:
            each.doubles[_slice(layout.full, layout.unroll * self._lanes)] = self._share
            each.doubles[_slice(layout.partial, self._parts[0])] = self._share
        return machines

    def gradient(self, theta: Array) -> tuple[float, Array]:
        """The value and its gradient, reduced over the examples."""
        with self._lock:
            calls = self._gradient_calls
            if len(calls) == 1:
                machine = self._machines[0]
                machine.theta[:] = theta
                calls[0]()
                return machine.value * self._share, machine.gradient.copy()
            self._run(calls, theta)
            return self._value, np.sum([each.gradient for each in self._machines], axis=0)

    def value(self, theta: Array) -> float:
        """The value, reduced over the examples."""
        with self._lock:
            self._run(self._value_calls, theta)
            return self._value

    def _run(self, calls: list[Callable[[], None]], theta: Array) -> None:
        for each in self._machines:
            each.theta[:] = theta
        self._native.run(calls)

    @property
    def _value(self) -> float:
        return sum(each.value for each in self._machines) * self._share

    def outputs(self, theta: Array) -> Array:
        """All outputs of each example: (N, K)."""
        varies, tape = self._tape.per_example, self._tape
        outputs = np.empty((self._count, len(tape.outputs)))
        with self._lock:
            calls, results = self._outputs_calls
            self._run(calls, theta)
            by_example = iter(self._out_of_lanes(results).T)
            shared = self._machines[0].doubles
            for column, slot in enumerate(tape.outputs):
                outputs[:, column] = (
                    next(by_example) if varies[slot] else shared[self._layout.shared.primal[slot] // WORD_BYTES]
                )
        return outputs

    def _out_of_lanes(self, results: Array) -> Array:
        """The reverse of ``in_lanes``: a row for each example."""
        lanes, (partial, singles, blocks) = self._lanes, self._parts
        width = self._layout.unroll * lanes
        columns = len(results) // (int(partial > 0) * lanes + singles * lanes + blocks * width)
        rows, start = [], 0
        for count, size, used in ((int(partial > 0), lanes, partial), (singles, lanes, lanes), (blocks, width, width)):
            end = start + count * size * columns
            block = results[start:end].reshape(count, columns, size)[:, :, :used]
            rows.append(block.transpose(0, 2, 1).reshape(count * used, columns))
            start = end
        return np.concatenate(rows)

    def per_example(self, theta: Array) -> tuple[Array, Array]:
        """The value (N,) and the gradient (N, wanted) of each example."""
        if self._tape.per_example[self._tape.outputs[0]]:
            return self._apart.per_example(theta)
        value, gradient = BatchBound(self._native, self._examples, True, self._allocate).gradient(theta)
        gradients = np.zeros((self._count, self._tape.num_differentiated))  # those of the inputs stay 0
        if self._tape.num_differentiated:
            gradients[:, : self._tape.parameters] = gradient
        return np.full(self._count, value), gradients

    @cached_property
    def _apart(self) -> PerExampleBound:
        return PerExampleBound(self._native, self._examples, self._lanes, self._allocate)

    # --- the phases of a call ----------------------------------------------------------------------------------------

    @cached_property
    def _gradient_calls(self) -> list[Callable[[], None]]:
        return self._value_or_gradient("gradient", True)

    @cached_property
    def _value_calls(self) -> list[Callable[[], None]]:
        return self._value_or_gradient("value", False)

    def _value_or_gradient(self, name: str, gradient: bool) -> list[Callable[[], None]]:
        layout, native = self._layout, self._native

        def stream(part: str, write: Callable[[Stream, bool], None]) -> Phase:
            return Phase(native.stream(layout, f"{name} {part}", 1, lambda stream: write(stream, gradient)))

        def block(name: str, vectors: int, mask: int, first: bool) -> Stream:
            def write(stream: Stream) -> None:
                layout.forward(stream, vectors)
                layout.tally(stream, vectors)
                if gradient:
                    layout.backward(stream, vectors, mask, first)

            return native.stream(layout, f"{name}{' first' * (first and gradient)}", vectors, write)

        def before(stream: Stream, gradient: bool) -> None:
            layout.before(stream)
            layout.clear(stream, gradient)

        return self._calls(
            name, block, stream("before", before), [stream("wipe", layout.wipe)], [stream("after", layout.after)]
        )

    @cached_property
    def _outputs_calls(self) -> tuple[list[Callable[[], None]], Array]:
        layout, stream, lanes = self._layout, self._native.stream, self._lanes

        def block(name: str, vectors: int, mask: int, first: bool) -> Stream:
            return stream(layout, name, vectors, lambda to: layout.forward(to, vectors), lambda to: layout.outputs(to, vectors))

        columns = sum(self._tape.per_example[slot] for slot in self._tape.outputs)
        partial, singles, blocks = self._parts
        size = (bool(partial) + singles + blocks * layout.unroll) * lanes * columns
        results = self._allocate(size * WORD_BYTES).view(np.float64)
        before = Phase(stream(layout, "before", 1, layout.before))
        return self._calls("outputs", block, before, results=results.ctypes.data, columns=columns), results

    def _calls(
        self,
        name: str,
        block: Callable[[str, int, int, bool], Stream],
        before: Phase,
        wipe: list[Phase] | None = None,
        after: list[Phase] | None = None,
        results: int = 0,
        columns: int = 0,
    ) -> list[Callable[[], None]]:
        """A call for each thread: the first takes what does not fill a block, and all take their part of the blocks."""
        layout, (partial, singles, blocks) = self._layout, self._parts
        lanes, inputs, data = self._lanes, self._tape.inputs, self._data.ctypes.data
        row, out = lanes * inputs * WORD_BYTES, lanes * columns * WORD_BYTES
        loose: list[Phase] = []  # what does not fill a block
        if partial:
            stream = block(f"{name} partial", 1, layout.partial, True)
            loose = [Phase(stream, 1, data, 0, results, 0), *(wipe or [])]
            data, results = data + row, results + out
        if singles:
            stream = block(name, 1, layout.full, not partial)
            loose.append(Phase(stream, 1, data, row, results, out))
            stream = block(name, 1, layout.full, False)
            loose.append(Phase(stream, singles - 1, data + row, row, results + out, out))
            data, results = data + singles * row, results + singles * out
        row, out = row * layout.unroll, out * layout.unroll
        calls = []
        for each, (start, stop) in zip(self._machines, _shares(blocks, len(self._machines)), strict=True):
            phases = [before, *loose]
            for k, times in ((start, min(1, stop - start)), (start + 1, stop - start - 1)):
                if times > 0:
                    stream = block(name, layout.unroll, layout.full, k == start and not loose)
                    phases.append(Phase(stream, times, data + k * row, row, results + k * out, out))
            calls.append(each.prepared([phase for phase in (*phases, *(after or [])) if phase.times]))
            loose = []
        return calls


class PerExampleBound:
    """A batch of which each example wants a gradient of its own."""

    def __init__(self, native: Native, examples: Array, lanes: int, allocate: Callable[[int], Any]) -> None:
        self._native, self._tape, self._lanes, self._allocate = native, native.tape, lanes, allocate
        self._count = len(examples)
        arena, self._layout = native.layout(lanes, apart=True)
        self._data = in_lanes(examples, lanes, 1, allocate)
        self._machine = Machine(arena, self._tape.parameters, allocate)
        self._machine.doubles[_slice(self._layout.full, lanes)] = 1.0
        self._lock = threading.Lock()

    def per_example(self, theta: Array) -> tuple[Array, Array]:
        """The value (N,) and the gradient (N, wanted) of each example."""
        with self._lock:
            call, results = self._call
            self._machine.theta[:] = theta
            call()
            return results[: self._count, 0].copy(), results[: self._count, 1 : 1 + self._tape.num_differentiated].copy()

    @cached_property
    def _call(self) -> tuple[Callable[[], None], Array]:
        """The call, and the array that it fills with a row for each example: the value, the gradient, and zeros to a whole vector."""
        layout, lanes = self._layout, self._lanes
        (partial, _, vectors), data = split(self._count, lanes, 1), self._data.ctypes.data
        columns = -(-(1 + self._tape.num_differentiated) // lanes) * lanes
        results = self._allocate(max(self._count, lanes) * columns * WORD_BYTES).view(np.float64)
        out, row = results.ctypes.data, columns * WORD_BYTES
        vector = lanes * self._tape.inputs * WORD_BYTES
        stream = self._native.stream(layout, "apart", 1, layout.apart)
        phases = [Phase(self._native.stream(layout, "before", 1, layout.before))]
        if partial:
            phases.append(Phase(stream, 1, data, 0, out, 0))
            data, out = data + vector, out + partial * row  # over the rows of the idle lanes
        if vectors:
            phases.append(Phase(stream, vectors, data, vector, out, lanes * row))
        return self._machine.prepared(phases), results.reshape(-1, columns)


def _shares(count: int, parts: int) -> Iterator[tuple[int, int]]:
    """``count`` things dealt out to ``parts``, as evenly as can be."""
    for k in range(parts):
        yield k * count // parts, (k + 1) * count // parts


def in_lanes(examples: Array, lanes: int, unroll: int, allocate: Callable[[int], Any]) -> Array:
    """The data as the kernels read them: for each vector or block the lanes of input 1, of input 2, and so on."""
    start, singles, blocks = split(len(examples), lanes, unroll)
    inputs = examples.shape[1]
    parts: list[Array] = []
    if start:  # the vector that is not full
        vector = np.resize(examples[:start], (lanes, inputs))
        vector[start:] = np.where(np.isfinite(vector[start:]), vector[start:], 0.0)
        parts = [vector.T]
    for count, size in ((singles, lanes), (blocks, unroll * lanes)):
        stop = start + count * size
        parts.append(examples[start:stop].reshape(count, size, inputs).transpose(0, 2, 1))
        start = stop
    data: Array = allocate(sum(part.size for part in parts) * WORD_BYTES).view(np.float64)
    np.concatenate([part.ravel() for part in parts], out=data)
    return data


def _slice(place: int, count: int) -> slice:
    return slice(place // WORD_BYTES, place // WORD_BYTES + count)
