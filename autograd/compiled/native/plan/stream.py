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
    """Allocation plan: total size and initial constants. All offsets are in bytes from the base of the memory."""

    def __init__(self, reserved_bytes: int) -> None:
        self.size = reserved_bytes
        self.constants: dict[int, float] = {}

    def reserve(self, size: int) -> int:
        """The offset of so many more bytes, which begin with a cache line."""
        offset = -(-self.size // CACHE_LINE_BYTES) * CACHE_LINE_BYTES
        self.size = offset + size
        return offset

    def fill(self, doubles: NDArray[np.float64]) -> None:
        """Write the initial constants into memory that is all 0."""
        doubles[[offset // WORD_BYTES for offset in self.constants]] = list(self.constants.values())


class Stream:
    """Instructions that run one after the other. Each is a kernel and the words that it reads; the last is ``Halt``."""

    def __init__(self, *writers: Callable[[Stream], None]) -> None:
        self.instructions: list[tuple[Kernel, Sequence[int]]] = []
        self._written: list[tuple[int, NDArray[np.int64]]] = []  # address and words: if threads both write, the first hold
        for write in writers:
            write(self)
        self.add(Halt())

    def add(self, kernel: Kernel, *words: int) -> None:
        self.instructions.append((kernel, words))

    @property
    def kernels(self) -> Iterator[Kernel]:
        """Its kernels, each once; none if their addresses are already in its words."""
        if not self._written:
            yield from {kernel.name: kernel for kernel, _ in self.instructions}.values()

    def words(self, addresses: Mapping[str, int]) -> NDArray[np.int64]:
        """The stream as the machine reads it: each instruction is the address of its kernel, then its words."""
        words: list[int] = []
        for kernel, rest in self.instructions:
            words.append(addresses[kernel.name])
            words.extend(rest)
        return np.array(words, dtype=np.int64)

    def address(self, addresses: Mapping[str, int]) -> int:
        """Where its words stand, once they are written."""
        if not self._written:
            words = self.words(addresses)
            self._written.append((words.ctypes.data, words))
        return self._written[0][0]


def bits(x: float) -> int:
    """A double as a word."""
    return int(struct.unpack("<q", struct.pack("<d", x))[0])


class Addressing(NamedTuple):
    """What instructions of single operations need to know: the offsets of each slot's primal and adjoint, and its kind."""

    lanes: int
    vectors: int
    primal: Callable[[int], int]
    adjoint: Callable[[int], int]
    kind: Callable[[int], str]  # "v" or "s"
    action: AccumulationPlan  # what becomes of the next contribution to the slot's adjoint
    careful: bool

    def _counts(self, op: Op, count: int) -> list[int]:
        """The words before the fields: operations, vectors, and the constant unless the kernel is compiled for it."""
        in_stream = op.c is not None and fixed_constant(op) is None
        return [count, self.vectors, *([bits(float(op.c))] if in_stream and op.c is not None else [])]

    def forward(self, stream: Stream, group: Group) -> None:
        kinds = "".join(self.kind(operands[0]) for operands in group.columns)
        fields = [self.primal(slot) for slots in zip(*group.columns, group.out, strict=True) for slot in slots]
        kernel = ElementwiseKernel(group.op, fixed_constant(group.op), self.lanes, kinds, careful=self.careful)
        stream.add(kernel, *self._counts(group.op, len(group.out)), *fields)

    def backward(self, stream: Stream, group: Group, only_first: bool = False) -> None:
        """Add the instructions of a group, from its last operation to its first; neighbours with the same actions share one.

        With ``only_first`` nothing is passed on to the second operand.
        """
        kinds = "".join(self.kind(operands[0]) for operands in group.columns)
        runs: list[tuple[tuple[str, ...], list[int]]] = []
        for i in reversed(range(len(group.out))):
            operands = tuple(column[i] for column in group.columns)
            passes = [cut != "True" and self.action.has_adjoint[group.out[i]] for cut in group.op.cuts]
            actions = tuple(
                "none" if not passes[k] or (k and only_first) else self.action(slot) for k, slot in enumerate(operands)
            )
            if not runs or runs[-1][0] != actions:
                runs.append((actions, []))
            receivers = [self.adjoint(slot) for slot, action in zip(operands, actions, strict=True) if action != "none"]
            if receivers:
                out = group.out[i]
                runs[-1][1].extend([*map(self.primal, (*operands, out)), self.adjoint(out), *receivers])
        for actions, fields in runs:
            if fields:
                kernel = ElementwiseKernel(group.op, fixed_constant(group.op), self.lanes, kinds, actions, self.careful)
                stream.add(kernel, *self._counts(group.op, len(fields) // len(kernel.fields)), *fields)


class AccumulationPlan:
    """What becomes of each contribution to an adjoint. Contributions are asked about in the order in which they are computed.

    Args:
        has_adjoint: for each slot whether it has an adjoint at all.
        begun: the slots whose adjoints already hold a number.
    """

    def __init__(self, has_adjoint: Sequence[bool], begun: Iterable[int] = ()) -> None:
        self.has_adjoint, self._begun = has_adjoint, set(begun)

    def __call__(self, slot: int) -> str:
        """ "none", "first" or "add" for the next contribution to the slot's adjoint."""
        if not self.has_adjoint[slot]:
            return "none"
        if slot in self._begun:
            return "add"
        self._begun.add(slot)
        return "first"
