"""Machines: an arena in memory and the calls that run streams on it. And the threads that run several machines at once."""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from autograd.compiled.native.kernels.memory import ARENA, GRADIENT, THETA, VALUE, Driver
from autograd.compiled.native.llvm.ir import WORD_BYTES
from autograd.compiled.native.llvm.jit import library
from autograd.compiled.native.plan.stream import CACHE_LINE_BYTES, Arena, Stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autograd.compiled.executor import Array

    Queue: TypeAlias = SimpleQueue[tuple[Callable[[], None], SimpleQueue[BaseException | None]] | None]


class Phase(NamedTuple):
    """A stream, how often it runs, and for data and results an address and a stride: the bytes from one run to the next."""

    stream: Stream
    times: int = 1
    data: int = 0
    data_stride: int = 0
    results: int = 0
    results_stride: int = 0


def zero_bytes(size: int) -> NDArray[np.uint8]:
    """So many bytes, all 0, that begin with a cache line."""
    memory = np.zeros(size + CACHE_LINE_BYTES, dtype=np.uint8)
    start = -memory.ctypes.data % CACHE_LINE_BYTES
    return memory[start : start + size]


class Machine:
    """An arena of its own, the parameters (``theta``), which the caller fills, and their gradient, which the caller reads."""

    def __init__(self, arena: Arena, parameters: int, allocate: Callable[[int], NDArray[np.uint8]] = zero_bytes) -> None:
        self._allocate = allocate
        self._memory = allocate(-(-arena.size // CACHE_LINE_BYTES) * CACHE_LINE_BYTES)
        self.doubles: Array = self._memory.view(np.float64)
        arena.fill(self.doubles)
        self.theta, self.gradient = (allocate(parameters * WORD_BYTES).view(np.float64) for _ in range(2))
        self._value = ctypes.c_double.from_address(self._memory.ctypes.data + VALUE)
        words = self._memory.view(np.int64)
        words[ARENA // WORD_BYTES] = self._memory.ctypes.data
        words[THETA // WORD_BYTES], words[GRADIENT // WORD_BYTES] = self.theta.ctypes.data, self.gradient.ctypes.data

    @property
    def value(self) -> float:
        """The sum of the values of the examples."""
        return self._value.value

    def prepared(self, phases: Sequence[Phase]) -> Callable[[], None]:
        """A call that runs the phases in order. It releases the interpreter's lock, and keeps alive what it needs."""
        words = [self._memory.ctypes.data, len(phases)]
        addresses = library().addresses([Driver(), *(kernel for phase in phases for kernel in phase.stream.kernels)])
        for stream, times, *cells in phases:
            words += [stream.words(addresses).ctypes.data, times, *cells]
        context = self._allocate(len(words) * WORD_BYTES).view(np.int64)
        context[:] = words
        address = ctypes.c_void_p(context.ctypes.data)
        run, keep = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(addresses[Driver().name]), (self, context, phases)

        def call(keep: Any = keep) -> None:
            run(address)

        return call


class ThreadPool:
    """Threads that wait for work. They end when the pool is collected as garbage."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._start()

    def _start(self) -> None:
        self._process = os.getpid()
        self._queues: list[Queue] = [SimpleQueue() for _ in range(self._count)]
        for queue in self._queues:
            threading.Thread(target=_worker, args=(queue,), daemon=True).start()
        weakref.finalize(self, _stop_workers, self._queues)

    def run(self, calls: Sequence[Callable[[], None]]) -> None:
        """Run all calls at once: the first in this thread, each other in its own. What a call raises is raised here."""
        if self._process != os.getpid():
            self._start()  # a process made by fork() has none of its parent's threads
        done: SimpleQueue[BaseException | None] = SimpleQueue()
        for queue, call in zip(self._queues, calls[1:], strict=False):
            queue.put((call, done))
        try:
            calls[0]()
        finally:
            errors = [done.get() for _ in calls[1:]]
        for error in errors:
            if error is not None:
                raise error


def _worker(queue: Queue) -> None:
    while work := queue.get():
        call, done = work
        try:
            call()
        except BaseException as error:  # any error at all: run() waits for an answer
            done.put(error)
        else:
            done.put(None)


def _stop_workers(queues: Sequence[Queue]) -> None:
    for queue in queues:
        queue.put(None)
