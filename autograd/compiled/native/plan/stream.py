"""Streams of instructions, the arena that they work on, and the instructions of single operations."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from autograd.compiled.native.kernels.elementwise import ElementwiseKernel, fixed_constant
from autograd.compiled.native.llvm.ir import WORD_BYTES
from autograd.compiled.native.llvm.jit import Halt, Kernel
from autograd.compiled.steps import Group
from autograd.rules.op import Op

if TYPE_CHECKING:
    from numpy.typing import NDArray

CACHE_LINE_BYTES = 64


class Arena:
    """Memory to come: how much, and what stands in it from the beginning. All places are bytes from its base."""

    def __init__(self, reserved: int) -> None:
        self.size = reserved
        self.constants: dict[int, float] = {}

    def take(self, size: int) -> int:
        """A new stretch that begins with a cache line."""
        place = -(-self.size // CACHE_LINE_BYTES) * CACHE_LINE_BYTES
        self.size = place + size
        return place

    def fill(self, doubles: NDArray[np.float64]) -> None:
        """Write what stands in it from the beginning into an arena of zeros."""
        doubles[[place // WORD_BYTES for place in self.constants]] = list(self.constants.values())


class Stream:
    """Instructions, one after the other: a kernel and its words."""

    def __init__(self, *write: Callable[[Stream], None]) -> None:
        self.instructions: list[tuple[Kernel, Sequence[int]]] = []
        self._words: NDArray[np.int64] | None = None
        for each in write:
            each(self)
        self.add(Halt())

    def add(self, kernel: Kernel, *words: int) -> None:
        """One more instruction."""
        self.instructions.append((kernel, words))

    @property
    def kernels(self) -> Iterator[Kernel]:
        """The kernels that it needs, once each, if they may have to be compiled still."""
        if self._words is None:
            yield from {kernel.name: kernel for kernel, _ in self.instructions}.values()

    def words(self, addresses: Mapping[str, int]) -> NDArray[np.int64]:
        """The stream as the machine reads it, with the addresses of its kernels."""
        if self._words is None:
            words: list[int] = []
            for kernel, rest in self.instructions:
                words.append(addresses[kernel.name])
                words.extend(rest)
            self._words = np.array(words, dtype=np.int64)
        return self._words


def bits(x: float) -> int:
    """A double as a word."""
    return int(struct.unpack("<q", struct.pack("<d", x))[0])


class Addressing(NamedTuple):
    """What the instructions of single operations need to know: where each slot's primal and adjoint are, and its kind."""

    lanes: int
    vectors: int
    primal: Callable[[int], int]
    adjoint: Callable[[int], int]
    kind: Callable[[int], str]  # "v" or "s"
    action: Callable[[int], str]  # what becomes of the next contribution to the slot's adjoint

    def _head(self, op: Op, count: int) -> list[int]:
        """The words before the rows: how many, how many vectors, and the constant if the kernel is not made for it."""
        free = op.c is not None and fixed_constant(op) is None
        return [count, self.vectors, *([bits(float(op.c))] if free and op.c is not None else [])]

    def forward(self, stream: Stream, step: Group) -> None:
        """The instruction of a group."""
        kinds = "".join(self.kind(operands[0]) for operands in (step.x, step.y) if operands)
        columns = [step.x, step.y, step.out] if step.y else [step.x, step.out]
        words = [self.primal(slot) for row in zip(*columns, strict=True) for slot in row]
        kernel = ElementwiseKernel(step.op, fixed_constant(step.op), self.lanes, kinds)
        stream.add(kernel, *self._head(step.op, len(step.out)), *words)

    def backward(self, stream: Stream, step: Group, only_first: bool = False) -> None:
        """The instructions of a group, from its last row to its first; rows stand together that do the same with adjoints.

        ``only_first`` passes nothing on to the second operand.
        """
        kinds = "".join(self.kind(operands[0]) for operands in (step.x, step.y) if operands)
        runs: list[tuple[tuple[str, ...], list[int]]] = []
        for i in reversed(range(len(step.out))):
            operands = (step.x[i], step.y[i]) if step.y else (step.x[i],)
            actions = tuple("none" if k and only_first else self.action(slot) for k, slot in enumerate(operands))
            if not runs or runs[-1][0] != actions:
                runs.append((actions, []))
            receivers = [self.adjoint(slot) for slot, action in zip(operands, actions, strict=True) if action != "none"]
            if receivers:
                out = step.out[i]
                runs[-1][1].extend([*map(self.primal, (*operands, out)), self.adjoint(out), *receivers])
        for actions, words in runs:
            if words:
                kernel = ElementwiseKernel(step.op, fixed_constant(step.op), self.lanes, kinds, actions)
                stream.add(kernel, *self._head(step.op, len(words) // len(kernel.fields)), *words)


class AccumulationPlan:
    """What becomes of each contribution, in the order in which they are made."""

    def __init__(self, active: Sequence[bool], met: Iterable[int] = ()) -> None:
        self._active, self._met = active, set(met)

    def __call__(self, slot: int) -> str:
        """ "none", "first" or "add" for the next contribution to the slot's adjoint."""
        if not self._active[slot]:
            return "none"
        if slot in self._met:
            return "add"
        self._met.add(slot)
        return "first"
