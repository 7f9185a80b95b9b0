"""Native: the executor that runs a tape as machine code, over batches in vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from autograd.compiled.native.bound import BatchBound
from autograd.compiled.native.kernels.memory import RESERVED_BYTES
from autograd.compiled.native.llvm.jit import BLOCK_VECTORS, Halt, assembly, assembly_text, native_lanes
from autograd.compiled.native.machine import WORKERS, Call, zero_bytes
from autograd.compiled.native.plan.batch import BatchLayout
from autograd.compiled.native.plan.stream import Arena, Stream
from autograd.compiled.tape import Tape
from autograd.text import short_repr

if TYPE_CHECKING:
    from autograd.compiled.executor import Array, Bound


class Native:
    """The executor of a tape in machine code.

    Args:
        tape: what to run.
        lanes: the largest number of doubles in a vector: 8, 4, 2 or 1; what the host has if left out. A small batch takes as
            few as hold it.
        threads: the largest number of threads; one if left out. Each has at least about 0.15 ms of work. Their number decides
            how sums are grouped, so the same number gives the same bits.

    Raises:
        ValueError: if vectors cannot have so many lanes.

    >>> import numpy as np
    >>> from autograd import OPS
    >>> from autograd.compiled.tape import Instruction
    >>> line = Tape(1, 1, (), (Instruction(OPS["mul"], 0, 1),), (2,), num_differentiated=1)
    >>> value, gradient = Native(line).bind(np.array([[1.0], [2.0], [6.0]])).gradient(np.array([10.0]))
    >>> value, gradient.tolist()
    (30.0, [3.0])
    """

    def __init__(self, tape: Tape, lanes: int | None = None, threads: int | None = None) -> None:
        self.tape, self.lanes, self.threads = tape, lanes or native_lanes(), threads or 1
        if self.lanes not in BLOCK_VECTORS:
            raise ValueError(f"vectors have {', '.join(map(str, BLOCK_VECTORS))} lanes, but got {short_repr(lanes)}")
        self._layouts: dict[tuple[int, bool, bool], tuple[Arena, BatchLayout]] = {}
        self._streams: dict[tuple[BatchLayout, str, int], Stream] = {}

    def bind(self, examples: Array, mean: bool = True, allocate: Callable[[int], Any] = zero_bytes) -> Bound:
        """The tape with its data, (N, F), which are copied to the order of the lanes when they are first needed."""
        return BatchBound(self, examples, mean, allocate)

    def show(self, what: str) -> str:
        """The kernels: ``"llvm"`` as they are written, or ``"asm"`` as LLVM compiles them."""
        if what not in ("llvm", "asm"):
            raise ValueError(f'native code shows "llvm" or "asm", but not {short_repr(what)}')
        kernels = [kernel for kernel in Stream(self._forward_and_backward).kernels if kernel.name != Halt.name]
        return assembly_text(kernels) if what == "llvm" else assembly(kernels)

    def _forward_and_backward(self, stream: Stream) -> None:
        _, layout = self.layout(self.lanes)
        layout.shared.forward(stream)
        layout.forward(stream, layout.block_vectors)
        if len(self.tape.outputs) == 1 and self.tape.num_differentiated:
            layout.backward(stream, layout.block_vectors, layout.full_seed, first=False)
            layout.shared.backward(stream)

    # --- layouts and their streams, made when they are needed ---------------------------------------------------------

    def layout(self, lanes: int, separate: bool = False, careful: bool = False) -> tuple[Arena, BatchLayout]:
        """The layout of blocks; with ``separate`` each example gets a gradient of its own; ``careful`` ones run careful kernels."""
        key = lanes, separate, careful
        if key not in self._layouts:
            arena = Arena(RESERVED_BYTES)
            self._layouts.setdefault(key, (arena, BatchLayout(arena, self.tape, lanes, separate, careful)))
        return self._layouts[key]

    def stream(self, layout: BatchLayout, name: str, vectors: int, *writers: Callable[[Stream], None]) -> Stream:
        """The stream of this name, written when it is first asked for."""
        key = layout, name, vectors
        if key not in self._streams:
            self._streams.setdefault(key, Stream(*writers))
        return self._streams[key]

    def run(self, calls: list[Call]) -> int:
        """Run the calls, each in a thread of its own. The processor's flags are joined."""
        return calls[0]() if len(calls) == 1 else WORKERS.run(calls)
