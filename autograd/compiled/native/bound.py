"""A tape with its data in machine code: a batch in vectors, or one example after the other to the last bit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.compiled.native import machine
from autograd.compiled.native.kernels.memory import ARRAY, GRADIENT
from autograd.compiled.native.machine import Machine, Phase
from autograd.compiled.native.plan.batch import split
from autograd.compiled.native.plan.stream import WORD, Stream

if TYPE_CHECKING:
    from autograd.compiled.executor import Array
    from autograd.compiled.native.executor import Native

OPERATIONS_PER_THREAD = 2_000_000
"""Operations times examples that make a second thread worth waking: about 0.15 ms."""


class SingleBound:
    """One example after the other, exactly."""

    def __init__(self, native: Native, examples: Array, mean: bool, allocate: Callable[[int], Any] = machine.zeros) -> None:
        self._native, self._tape = native, native.tape
        varies = any(self._tape.per_example[slot] for slot in self._tape.outputs)
        self._count = len(examples)
        self._runs = self._count if varies else 1  # equal examples are run once
        self._share = self._count if mean else 1
        self._times = self._count // self._runs
        self._examples = allocate(self._runs * self._tape.inputs * WORD).view(np.float64)
        self._examples[:] = examples[: self._runs].ravel()
        arena, self._layout = native.single
        self._machine = Machine(arena, self._tape.parameters, allocate)
        self._allocate = allocate
        self._lock = threading.Lock()  # calls from several threads take turns: they use the same memory

    def gradient(self, theta: Array) -> tuple[float, Array]:
        """The value and its gradient, reduced over the examples."""
        machine = self._machine
        with self._lock:
            machine.theta[:] = theta
            machine.gradient.fill(0.0)
            call, values = self._gradient_call
            call()
            if self._runs == self._times == self._share == 1:
                return float(values[0]), machine.gradient.copy()
            scale = self._times / self._share
            return float(values.sum() * scale), machine.gradient * scale

    def value(self, theta: Array) -> float:
        """The value, reduced over the examples."""
        return float(self.outputs(theta).sum() / self._share)

    def outputs(self, theta: Array) -> Array:
        """All outputs of each example: (N, K)."""
        [outputs] = self._rows(self._outputs_call, theta, slice(None))
        return outputs

    def per_example(self, theta: Array) -> tuple[Array, Array]:
        """The value (N,) and the gradient (N, wanted) of each example."""
        values, gradients = self._rows(self._per_example_call, theta, 0, slice(1, None))
        return values, gradients

    def _rows(self, prepared: tuple[Callable[[], None], Array], theta: Array, *columns: Any) -> list[Array]:
        """What a call gives out, a row for each example, in arrays of these columns."""
        call, results = prepared
        with self._lock:
            self._machine.theta[:] = theta
            call()
            rows = results.reshape(self._runs, -1)
            parts = [rows[:, each] for each in columns]
            return [part.copy() if self._times == 1 else np.repeat(part, self._times, axis=0) for part in parts]

    @cached_property
    def _gradient_call(self) -> tuple[Callable[[], None], Array]:
        def after(stream: Stream) -> None:
            layout, tape = self._layout, self._tape
            layout.put(stream, [layout.primal[tape.outputs[0]]], ARRAY)
            layout.put(stream, layout.adjoints(tape.parameters if tape.num_differentiated else 0), GRADIENT, add=True)

        return self._prepared("gradient", 1, after)

    @cached_property
    def _per_example_call(self) -> tuple[Callable[[], None], Array]:
        def after(stream: Stream) -> None:
            layout, tape = self._layout, self._tape
            layout.put(stream, [layout.primal[tape.outputs[0]], *layout.adjoints(tape.num_differentiated)], ARRAY)

        return self._prepared("per example", 1 + self._tape.num_differentiated, after)

    @cached_property
    def _outputs_call(self) -> tuple[Callable[[], None], Array]:
        def after(stream: Stream) -> None:
            self._layout.put(stream, [self._layout.primal[slot] for slot in self._tape.outputs], ARRAY)

        return self._prepared("outputs", len(self._tape.outputs), after, backward=False)

    def _prepared(
        self, name: str, width: int, after: Callable[[Stream], None], backward: bool = True
    ) -> tuple[Callable[[], None], Array]:
        """The call that runs every example, and the array that it fills: ``width`` numbers for each."""
        layout, stream, inputs = self._layout, self._native.stream, self._tape.inputs * WORD
        output = self._tape.outputs[0]

        def there_and_back(stream: Stream) -> None:
            layout.example(stream)
            layout.forward(stream)
            if backward and self._tape.num_differentiated:
                layout.clear(stream)
                layout.seed(stream, output)
                layout.backward(stream, output)

        results = self._allocate(self._runs * width * WORD).view(np.float64)
        example = stream(f"single {name}", 1, there_and_back, after)
        data, out = self._examples.ctypes.data, results.ctypes.data
        load = Phase(stream("single load", 1, layout.load))
        return self._machine.prepared([load, Phase(example, self._runs, data, inputs, out, width * WORD)]), results


class BatchBound:
    """A batch in vectors; its blocks are shared out to the threads."""

    def __init__(self, native: Native, examples: Array, mean: bool, allocate: Callable[[int], Any] = machine.zeros) -> None:
        self._native, self._tape, self._layout = native, native.tape, native.batch[1]
        self._examples, self._mean, self._allocate = examples, mean, allocate
        self._count, lanes = len(examples), native.lanes
        self._share = 1 / self._count if mean else 1.0
        self._parts = split(self._count, lanes)
        self._data = self._in_lanes(examples)
        work = self._count * len(self._tape.instructions)
        threads = max(1, min(native.threads, self._parts[2] or 1, work // OPERATIONS_PER_THREAD))
        self._machines = [Machine(native.batch[0], self._tape.parameters, allocate) for _ in range(threads)]
        for each in self._machines:
            each.doubles[self._slice(self._layout.full, self._layout.unroll * lanes)] = self._share
            each.doubles[self._slice(self._layout.partial, self._parts[0])] = self._share
        self._theta, self._gradient = self._machines[0].theta, self._machines[0].gradient
        self._lock = threading.Lock()  # calls from several threads take turns: they use the same memory

    @staticmethod
    def _slice(place: int, count: int) -> slice:
        return slice(place // WORD, place // WORD + count)

    def _in_lanes(self, examples: Array) -> Array:
        """The data as the kernels read them: for each vector or block the lanes of input 1, of input 2, and so on."""
        lanes, (partial, singles, blocks) = self._native.lanes, self._parts
        width = self._layout.unroll * lanes
        start = partial
        parts: list[Array] = []
        if partial:
            vector = np.resize(examples[:partial], (lanes, self._tape.inputs))
            vector[partial:] = np.where(np.isfinite(vector[partial:]), vector[partial:], 0.0)
            parts = [vector.T]
        for count, size in ((singles, lanes), (blocks, width)):
            stop = start + count * size
            parts.append(examples[start:stop].reshape(count, size, self._tape.inputs).transpose(0, 2, 1))
            start = stop
        data: Array = self._allocate(sum(part.size for part in parts) * WORD).view(np.float64)
        np.concatenate([part.ravel() for part in parts], out=data)
        return data

    def gradient(self, theta: Array) -> tuple[float, Array]:
        """The value and its gradient, reduced over the examples."""
        with self._lock:
            calls = self._gradient_calls
            if len(calls) == 1:
                self._theta[:] = theta
                calls[0]()
                return self._machines[0].value * self._share, self._gradient.copy()
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
                outputs[:, column] = next(by_example) if varies[slot] else shared[self._layout.shared.primal[slot] // WORD]
        return outputs

    def _out_of_lanes(self, results: Array) -> Array:
        """The reverse of ``_in_lanes``: a row for each example."""
        lanes, (partial, singles, blocks) = self._native.lanes, self._parts
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
        """The value (N,) and the gradient (N, wanted) of each example, exactly."""
        return self._single.per_example(theta)

    @cached_property
    def _single(self) -> SingleBound:
        return SingleBound(self._native, self._examples, self._mean)

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
            return Phase(native.stream(f"{name} {part}", 1, lambda stream: write(stream, gradient)))

        def block(name: str, vectors: int, mask: int, first: bool) -> Stream:
            def write(stream: Stream) -> None:
                layout.forward(stream, vectors)
                layout.tally(stream, vectors)
                if gradient:
                    layout.backward(stream, vectors, mask, first)

            return native.stream(f"{name}{' first' * (first and gradient)}", vectors, write)

        def before(stream: Stream, gradient: bool) -> None:
            layout.before(stream)
            layout.clear(stream, gradient)

        return self._calls(
            name, block, stream("before", before), [stream("wipe", layout.wipe)], [stream("after", layout.after)]
        )

    @cached_property
    def _outputs_calls(self) -> tuple[list[Callable[[], None]], Array]:
        layout, stream, lanes = self._layout, self._native.stream, self._native.lanes

        def block(name: str, vectors: int, mask: int, first: bool) -> Stream:
            return stream(name, vectors, lambda to: layout.forward(to, vectors), lambda to: layout.outputs(to, vectors))

        columns = sum(self._tape.per_example[slot] for slot in self._tape.outputs)
        partial, singles, blocks = self._parts
        size = (bool(partial) + singles + blocks * layout.unroll) * lanes * columns
        results = self._allocate(size * WORD).view(np.float64)
        before = Phase(stream("before", 1, layout.before))
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
        lanes, inputs, data = self._native.lanes, self._tape.inputs, self._data.ctypes.data
        row, out = lanes * inputs * WORD, lanes * columns * WORD
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


def _shares(count: int, parts: int) -> Iterator[tuple[int, int]]:
    """``count`` things dealt out to ``parts``, as evenly as can be."""
    for k in range(parts):
        yield k * count // parts, (k + 1) * count // parts
