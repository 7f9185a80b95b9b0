"""Machines: an arena in memory and the calls that run streams on it. And the threads that run several machines at once."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from autograd.compiled.native.kernels.memory import ARENA, GRADIENT, THETA, VALUE, Driver
from autograd.compiled.native.llvm.ir import WORD_BYTES
from autograd.compiled.native.llvm.jit import library
from autograd.compiled.native.plan.stream import CACHE_LINE_BYTES, Arena, Stream
from autograd.interrupts import register_at_fork

Call: TypeAlias = Callable[[], int]
"""What runs streams. It returns 0, or the processor's flags if a number became infinite or nan."""

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autograd.compiled.executor import Array

    Answers: TypeAlias = SimpleQueue[int | BaseException]


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
    """An arena of its own, the parameters (``theta``), which the caller fills, and their gradient, which the caller reads.

    ``value`` is a double of C: the sum of the values of the examples.
    """

    def __init__(self, arena: Arena, parameters: int, allocate: Callable[[int], NDArray[np.uint8]] = zero_bytes) -> None:
        self._allocate = allocate
        self._memory = allocate(-(-arena.size // CACHE_LINE_BYTES) * CACHE_LINE_BYTES)
        self._address = self._memory.ctypes.data
        self.doubles: Array = self._memory.view(np.float64)
        arena.fill(self.doubles)
        self.theta, self.gradient = (allocate(parameters * WORD_BYTES).view(np.float64) for _ in range(2))
        self.value = ctypes.c_double.from_address(self._address + VALUE)
        words = self._memory.view(np.int64)
        words[ARENA // WORD_BYTES] = self._address
        words[THETA // WORD_BYTES], words[GRADIENT // WORD_BYTES] = self.theta.ctypes.data, self.gradient.ctypes.data

    def prepared(self, phases: Sequence[Phase]) -> Call:
        """A call that runs the phases in order. It releases the interpreter's lock, and keeps alive what it needs.

        It returns 0, or the processor's flags if a number became infinite or nan.
        """
        words = [self._address, len(phases)]
        addresses = library().addresses([Driver(), *(kernel for phase in phases for kernel in phase.stream.kernels)])
        for stream, times, *cells in phases:
            words += [stream.address(addresses), times, *cells]
        context = self._allocate(len(words) * WORD_BYTES).view(np.int64)
        context[:] = words
        argument = ctypes.c_void_p(context.ctypes.data)
        argument.keep = self, context, phases  # type: ignore[attr-defined]
        return partial(_function(addresses[Driver().name]), argument)


@cache
def _function(address: int) -> Callable[[ctypes.c_void_p], int]:
    return ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(address)


class Worker(threading.Thread):
    """A thread that waits for calls, and puts the answer of each, or what it raised, into the caller's queue."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.calls: SimpleQueue[tuple[Call, Answers]] = SimpleQueue()

    def run(self) -> None:
        while True:
            call, answers = self.calls.get()
            try:
                answers.put(call())
            except BaseException as error:  # any error at all: the caller waits for an answer
                answers.put(error)


class Workers:
    """The threads that run calls beside their callers: as many as were needed at once, shared by all programs of the process."""

    def __init__(self) -> None:
        self._workers: dict[int, Worker] = {}

    def run(self, calls: Sequence[Call]) -> int:
        """Run all calls at once: the first in this thread, each other in its own. What a call raises is raised here.

        It returns the flags of all, joined.
        """
        answers: Answers = SimpleQueue()
        for number, call in enumerate(calls[1:]):
            self._worker(number).calls.put((call, answers))
        try:
            flags = calls[0]()
        finally:
            others = [answers.get() for _ in calls[1:]]
        for answer in others:
            if isinstance(answer, BaseException):
                raise answer
            flags |= answer
        return flags

    def _worker(self, number: int) -> Worker:
        """The worker of this number, started; if several threads need it first, one of them makes it and one starts it."""
        worker = self._workers.get(number) or self._workers.setdefault(number, Worker())
        if worker.ident is None:
            with suppress(RuntimeError):  # another thread has started it meanwhile
                worker.start()
        return worker

    def forget(self) -> None:
        """Have no threads: a process made by fork() has none of its parent's."""
        self._workers = {}


WORKERS = Workers()
register_at_fork(after_in_child=WORKERS.forget)
