"""Kernels that move numbers: between the caller's arrays and the arena, and what a batch needs around its blocks.

The caller's arrays are reached through *cells*, words of the arena that hold an address.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autograd.compiled.native.llvm.ir import WORD_BYTES, Code
from autograd.compiled.native.llvm.jit import ARGUMENTS, next_kernel

DATA, RESULTS, THETA, GRADIENT, ARENA = 0, 8, 16, 24, 32
"""The offsets of the cells: a block's data, where its results go, the parameters, their gradient, and the arena itself."""

DISCARD, VALUE, RESERVED_BYTES = 40, 48, 56
"""The offsets of a place that nobody reads, and of a batch's value; and where the arena goes on."""


class CopyBlock(NamedTuple):
    """A whole stretch at once, from an array or to it. The instruction: kernel, bytes, the array's cell, the offset."""

    fetch: bool

    @property
    def name(self) -> str:
        """``stretch.fetch`` or ``stretch.put``."""
        return f"stretch.{'fetch' if self.fetch else 'put'}"

    def write(self) -> Code:
        """The C library's memcpy."""
        code = Code(self.name, ARGUMENTS, lanes=1)
        size, array = code.word("%pc", 1), code.load(code.at("%base", code.word("%pc", 2)), "ptr")
        stretch = code.at("%base", code.word("%pc", 3))
        target, source = (stretch, array) if self.fetch else (array, stretch)
        code.declared["llvm.memcpy.p0.p0.i64"] = "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"
        code.emit(f"call void @llvm.memcpy.p0.p0.i64(ptr {target}, ptr {source}, i64 {size}, i1 false)")
        next_kernel(code, code.at("%pc", 4 * WORD_BYTES))
        return code


class Gather(NamedTuple):
    """Numbers from slots to a stretch of the arena. The instruction: kernel, n, the offset of the stretch, n offsets."""

    name: str = "gather"

    def write(self) -> Code:
        """Number by number."""
        code = Code(self.name, ARGUMENTS, lanes=1)
        count, stretch = code.word("%pc", 1), code.at("%base", code.word("%pc", 2))
        table = code.at("%pc", 3 * WORD_BYTES)
        with code.repeat(count) as i:
            code.store(code.load(code.at("%base", code.word(table, i))), code.at(stretch, code.times(i, WORD_BYTES)))
        next_kernel(code, code.at(table, code.times(count, WORD_BYTES)))
        return code


class Fill(NamedTuple):
    """One number, again and again. The instruction: kernel, n vectors, the offset, the number."""

    lanes: int

    @property
    def name(self) -> str:
        """For example ``fill.x8``."""
        return f"fill.x{self.lanes}"

    def write(self) -> Code:
        """Vector by vector."""
        code = Code(self.name, ARGUMENTS, self.lanes)
        count, place, x = (
            code.word("%pc", 1),
            code.at("%base", code.word("%pc", 2)),
            code.broadcast(code.at("%pc", 3 * WORD_BYTES)),
        )
        with code.repeat(count) as i:
            code.store(x, code.at(place, code.times(i, self.lanes * WORD_BYTES)))
        next_kernel(code, code.at("%pc", 4 * WORD_BYTES))
        return code


class Copy(NamedTuple):
    """Vectors from one place to another. The instruction: kernel, n vectors, the two offsets."""

    lanes: int

    @property
    def name(self) -> str:
        """For example ``copy.x8``."""
        return f"copy.x{self.lanes}"

    def write(self) -> Code:
        """Vector by vector."""
        code, vector = Code(self.name, ARGUMENTS, self.lanes), self.lanes * WORD_BYTES
        count, source, target = (
            code.word("%pc", 1),
            code.at("%base", code.word("%pc", 2)),
            code.at("%base", code.word("%pc", 3)),
        )
        with code.repeat(count) as i:
            code.store(code.load(code.at(source, code.times(i, vector))), code.at(target, code.times(i, vector)))
        next_kernel(code, code.at("%pc", 4 * WORD_BYTES))
        return code


class Examples(NamedTuple):
    """Inputs of the next block from the data to their slots. The instruction: kernel, n inputs, vectors, the offset of the data's
    cell; for each input its offset in the data, and its slot's."""

    lanes: int

    @property
    def name(self) -> str:
        """For example ``examples.x8``."""
        return f"examples.x{self.lanes}"

    def write(self) -> Code:
        """In the data stand the vectors of the first input, of the second, and so on."""
        code, vector = Code(self.name, ARGUMENTS, self.lanes), self.lanes * WORD_BYTES
        inputs, vectors, cell = (code.word("%pc", i) for i in range(1, 4))
        data, table = code.load(code.at("%base", cell), "ptr"), code.at("%pc", 4 * WORD_BYTES)
        with code.repeat(inputs) as i:
            entry = code.at(table, code.times(i, 2 * WORD_BYTES))
            source, target = code.at(data, code.word(entry)), code.at("%base", code.word(entry, 1))
            with code.repeat(vectors) as u:
                code.store(code.load(code.at(source, code.times(u, vector))), code.at(target, code.times(u, vector)))
        next_kernel(code, code.at(table, code.times(inputs, 2 * WORD_BYTES)))
        return code


class Outputs(NamedTuple):
    """The slots of the outputs to an array, in the order of ``Examples``. The instruction: kernel, outputs, vectors, the
    offset of the array's cell, the offsets of the slots."""

    lanes: int

    @property
    def name(self) -> str:
        """For example ``outputs.x8``."""
        return f"outputs.x{self.lanes}"

    def write(self) -> Code:
        """Output by output."""
        code, vector = Code(self.name, ARGUMENTS, self.lanes), self.lanes * WORD_BYTES
        outputs, vectors, cell = (code.word("%pc", i) for i in range(1, 4))
        array, table = code.load(code.at("%base", cell), "ptr"), code.at("%pc", 4 * WORD_BYTES)
        with code.repeat(outputs) as k:
            source = code.at("%base", code.word(table, k))
            target = code.at(array, code.times(code.let(f"mul nuw nsw i64 {k}, {vectors}"), vector))
            with code.repeat(vectors) as u:
                code.store(code.load(code.at(source, code.times(u, vector))), code.at(target, code.times(u, vector)))
        next_kernel(code, code.at(table, code.times(outputs, WORD_BYTES)))
        return code


class AddToTotal(NamedTuple):
    """Add the values of a block to the sum of each lane. The instruction: kernel, vectors, the offsets of the values and the sum."""

    lanes: int

    @property
    def name(self) -> str:
        """For example ``tally.x8``."""
        return f"tally.x{self.lanes}"

    def write(self) -> Code:
        """Vector by vector."""
        code, vector = Code(self.name, ARGUMENTS, self.lanes), self.lanes * WORD_BYTES
        vectors, values, total = code.word("%pc", 1), *(code.at("%base", code.word("%pc", i)) for i in (2, 3))
        so_far = code.variable(code.type, code.load(total))
        with code.repeat(vectors) as u:
            x = code.load(code.at(values, code.times(u, vector)))
            code.emit(f"store {code.type} {code.binary('fadd', code.let(f'load {code.type}, ptr {so_far}'), x)}, ptr {so_far}")
        code.store(code.let(f"load {code.type}, ptr {so_far}"), total)
        next_kernel(code, code.at("%pc", 4 * WORD_BYTES))
        return code


class MaskToZero(NamedTuple):
    """Set vectors to 0 in lanes where the mask is 0, which hold no example: even a product of 0 and infinity may stand there. The
    instruction: kernel, n vectors, the offset of the mask, n offsets."""

    lanes: int

    @property
    def name(self) -> str:
        """For example ``wipe.x8``."""
        return f"wipe.x{self.lanes}"

    def write(self) -> Code:
        """Vector by vector."""
        code = Code(self.name, ARGUMENTS, self.lanes)
        count, mask, table = code.word("%pc", 1), code.at("%base", code.word("%pc", 2)), code.at("%pc", 3 * WORD_BYTES)
        kind = f"<{self.lanes} x i1>" if self.lanes > 1 else "i1"
        used = code.let(f"fcmp une {code.type} {code.load(mask)}, {code.number(0.0)}")
        with code.repeat(count) as i:
            place = code.at("%base", code.word(table, i))
            x = code.let(f"select {kind} {used}, {code.type} {code.load(place)}, {code.type} {code.number(0.0)}")
            code.store(x, place)
        next_kernel(code, code.at(table, code.times(count, WORD_BYTES)))
        return code


class Reduce(NamedTuple):
    """Add up the lanes of each sum. The instruction: kernel, groups of ``group`` sums, the offset of the sums; for each sum the
    offset of the number to which it is added."""

    lanes: int

    @property
    def name(self) -> str:
        """For example ``reduce.x8``."""
        return f"reduce.x{self.lanes}"

    @property
    def group(self) -> int:
        """How many sums are added up together."""
        return max(1, self.lanes // 2)

    def write(self) -> Code:
        """The halves of each sum are added; they are rows of a square, which are added as the columns of its transpose."""
        half = self.group
        code, vector = Code(self.name, ARGUMENTS, half), self.lanes * WORD_BYTES
        groups, sums, table = code.word("%pc", 1), code.at("%base", code.word("%pc", 2)), code.at("%pc", 3 * WORD_BYTES)
        with code.repeat(groups) as i:
            place = code.at(sums, code.times(i, half * vector))
            words = code.at(table, code.times(i, half * WORD_BYTES))
            square = [code.load(code.at(place, k * vector)) for k in range(half)]
            if self.lanes > 1:
                others = [code.load(code.at(place, k * vector + half * WORD_BYTES)) for k in range(half)]
                square = [code.binary("fadd", *both) for both in zip(square, others, strict=True)]
            while len(square) > 1:
                square = [_folded(code, x, y, len(square)) for x, y in zip(square[::2], square[1::2], strict=True)]
            for k in range(half):
                target = code.at("%base", code.word(words, k))
                total = code.let(f"fadd double {code.load(target, 'double')}, {code.lane(square[0], k)}")
                code.store(total, target, "double")
        next_kernel(code, code.at(table, code.times(groups, half * WORD_BYTES)))
        return code


def _folded(code: Code, x: str, y: str, left: int) -> str:
    """Two vectors of runs that wait to be added become one, of runs half as long; ``left`` vectors are left in all."""
    lanes, run = code.lanes, code.lanes // left
    low = [2 * run * (k // (2 * run)) + k % run + (lanes if k % (2 * run) >= run else 0) for k in range(lanes)]
    halves = [_shuffled(code, x, y, indices) for indices in (low, [k + run for k in low])]
    return code.binary("fadd", *halves)


def _shuffled(code: Code, x: str, y: str, indices: Sequence[int]) -> str:
    """The lanes of these numbers: those of x come first, then those of y."""
    mask = ", ".join(f"i32 {k}" for k in indices)
    return code.let(f"shufflevector {code.type} {x}, {code.type} {y}, <{code.lanes} x i32> <{mask}>")


class Scatter(NamedTuple):
    """Numbers of the examples of a vector to the rows of an array, one for each example. The instruction: kernel, groups of ``lanes``
    vectors, the offset of the array's cell, the bytes of a row, the offsets of the vectors."""

    lanes: int

    @property
    def name(self) -> str:
        """For example ``scatter.x8``."""
        return f"scatter.x{self.lanes}"

    def write(self) -> Code:
        """As many vectors as they have lanes are a square, which is transposed."""
        code, lanes = Code(self.name, ARGUMENTS, self.lanes), self.lanes
        groups, cell, row = (code.word("%pc", i) for i in (1, 2, 3))
        array, table = code.load(code.at("%base", cell), "ptr"), code.at("%pc", 4 * WORD_BYTES)
        with code.repeat(groups) as i:
            words, place = code.at(table, code.times(i, lanes * WORD_BYTES)), code.at(array, code.times(i, lanes * WORD_BYTES))
            square = [code.load(code.at("%base", code.word(words, k))) for k in range(lanes)]
            for k, example in enumerate(_transposed(code, square)):
                code.store(example, code.at(place, code.times(row, k)))
        next_kernel(code, code.at(table, code.times(groups, lanes * WORD_BYTES)))
        return code


def _transposed(code: Code, square: list[str]) -> list[str]:
    """The columns of a square of vectors: in squares of 2, then of 4 and so on, the corners off the diagonal change places."""
    lanes, size = code.lanes, 1
    while size < lanes:
        left = [k + lanes - size if k & size else k for k in range(lanes)]  # with the columns of the second that it gives up
        right = [k + lanes if k & size else k + size for k in range(lanes)]
        square = [
            _shuffled(code, square[k - size], square[k], right)
            if k & size
            else _shuffled(code, square[k], square[k + size], left)
            for k in range(lanes)
        ]
        size *= 2
    return square


class Driver(NamedTuple):
    """The function that Python calls: it runs streams, each so many times, and moves two cells on after each time.

    Its argument is the address of words: the base of the arena, the number of phases; for each the address of the stream, how
    often, and for the cells of data and results an address and the bytes from one time to the next.
    """

    name: str = "run"

    def write(self) -> Code:
        """The only loop over the batch."""
        code = Code(self.name, "ptr noalias %context", lanes=1)
        base, phases = code.load("%context", "ptr"), code.word("%context", 1)
        with code.repeat(phases) as k:
            phase = code.at("%context", code.plus(code.times(k, 6 * WORD_BYTES), 2 * WORD_BYTES))
            stream, times = code.load(phase, "ptr"), code.word(phase, 1)
            cells = [(DATA, code.word(phase, 2), code.word(phase, 3)), (RESULTS, code.word(phase, 4), code.word(phase, 5))]
            with code.repeat(times) as i:
                for cell, address, step in cells:
                    here = code.plus(address, code.let(f"mul nuw nsw i64 {i}, {step}"))
                    code.store(here, code.at(base, cell), "i64")
                code.emit(f"call void {code.load(stream, 'ptr')}(ptr {stream}, ptr {base})")
        code.emit("ret void")
        return code
