"""Kernels that move numbers: between the caller's arrays and the arena, and around the blocks of a batch.

All offsets are in bytes from the base of the arena. Kernels reach the caller's arrays through *cells*: words of the arena that
hold an address.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autograd.compiled.native.llvm.c_library import flags, scalar_function
from autograd.compiled.native.llvm.ir import WORD_BYTES, Code
from autograd.compiled.native.llvm.jit import ARGUMENTS, next_kernel

DATA, RESULTS, THETA, GRADIENT, ARENA = 0, 8, 16, 24, 32
"""The offsets of the cells: the data of a block, where its results go, the parameters, their gradient, and the arena itself."""

DISCARD, VALUE, RESERVED_BYTES = 40, 48, 56
"""The offsets of a number that nobody reads, and of a batch's value; and the bytes of all that has a fixed offset."""


class LoadParameters(NamedTuple):
    """Copies the caller's parameters, as many as there are lanes or more, to the arena. Raises the processor's flags if one of them is
    infinite or nan.

    The instruction: kernel, n vectors, the bytes from the first vector to the last, the array's cell, the offset. The last vector ends with
    the last parameter.
    """

    lanes: int

    @property
    def name(self) -> str:
        return f"load_parameters.x{self.lanes}"

    def write(self) -> Code:
        """Such a number has all bits of its exponent set. One more then is a carry to the sign."""
        code = Code(self.name, ARGUMENTS, self.lanes)
        count, last, target = code.word("%pc", 1), code.word("%pc", 2), code.at("%base", code.word("%pc", 4))
        source = code.load(code.at("%base", code.word("%pc", 3)), "ptr")
        carries = code.variable(code.integers, "zeroinitializer")

        def copy(offset: str) -> None:
            x = code.load(code.at(source, offset))
            code.store(x, code.at(target, offset))
            size = code.let(f"and {code.integers} {code.bits_of(x)}, {code.integer(2**63 - 1)}")
            carry = code.let(f"add {code.integers} {size}, {code.integer(2**52)}")
            carries_so_far = code.let(f"load {code.integers}, ptr {carries}")
            code.emit(f"store {code.integers} {code.let(f'or {code.integers} {carries_so_far}, {carry}')}, ptr {carries}")

        with code.repeat(count) as i:
            copy(code.times(i, self.lanes * WORD_BYTES))
        copy(last)
        signs = code.let(f"icmp slt {code.integers} {code.let(f'load {code.integers}, ptr {carries}')}, {code.integer(0)}")
        mask = code.let(f"bitcast {code.bits} {signs} to i{self.lanes}")
        with code.when(code.let(f"icmp ne i{self.lanes} {mask}, 0")):
            code.on_flags(scalar_function("feraiseexcept"), flags())
        next_kernel(code, code.at("%pc", 5 * WORD_BYTES))
        return code


class StoreGradient(NamedTuple):
    """Copies bytes from the arena to the caller's gradient.

    The instruction: kernel, bytes, the array's cell, the offset.
    """

    name: str = "store_gradient"

    def write(self) -> Code:
        code = Code(self.name, ARGUMENTS, lanes=1)
        size, array = code.word("%pc", 1), code.load(code.at("%base", code.word("%pc", 2)), "ptr")
        numbers = code.at("%base", code.word("%pc", 3))
        code.declared["llvm.memcpy.p0.p0.i64"] = "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"
        code.emit(f"call void @llvm.memcpy.p0.p0.i64(ptr {array}, ptr {numbers}, i64 {size}, i1 false)")
        next_kernel(code, code.at("%pc", 4 * WORD_BYTES))
        return code


class Gather(NamedTuple):
    """Copies numbers from n offsets to n neighbouring words.

    The instruction: kernel, n, the offset of the first word, n offsets.
    """

    name: str = "gather"

    def write(self) -> Code:
        code = Code(self.name, ARGUMENTS, lanes=1)
        count, target = code.word("%pc", 1), code.at("%base", code.word("%pc", 2))
        table = code.at("%pc", 3 * WORD_BYTES)
        with code.repeat(count) as i:
            code.store(code.load(code.at("%base", code.word(table, i))), code.at(target, code.times(i, WORD_BYTES)))
        next_kernel(code, code.at(table, code.times(count, WORD_BYTES)))
        return code


class Fill(NamedTuple):
    """Stores one number in all lanes of neighbouring vectors.

    The instruction: kernel, n vectors, the offset, the number.
    """

    lanes: int

    @property
    def name(self) -> str:
        return f"fill.x{self.lanes}"

    def write(self) -> Code:
        code = Code(self.name, ARGUMENTS, self.lanes)
        count, target = code.word("%pc", 1), code.at("%base", code.word("%pc", 2))
        x = code.broadcast(code.at("%pc", 3 * WORD_BYTES))
        with code.repeat(count) as i:
            code.store(x, code.at(target, code.times(i, self.lanes * WORD_BYTES)))
        next_kernel(code, code.at("%pc", 4 * WORD_BYTES))
        return code


class Copy(NamedTuple):
    """Copies neighbouring vectors inside the arena.

    The instruction: kernel, n vectors, the offsets of the source and the target.
    """

    lanes: int

    @property
    def name(self) -> str:
        return f"copy.x{self.lanes}"

    def write(self) -> Code:
        code, vector = Code(self.name, ARGUMENTS, self.lanes), self.lanes * WORD_BYTES
        count = code.word("%pc", 1)
        source, target = (code.at("%base", code.word("%pc", i)) for i in (2, 3))
        with code.repeat(count) as i:
            code.store(code.load(code.at(source, code.times(i, vector))), code.at(target, code.times(i, vector)))
        next_kernel(code, code.at("%pc", 4 * WORD_BYTES))
        return code


class Examples(NamedTuple):
    """Loads the inputs of a block into their slots. In the data stand all vectors of an input, then those of the next.

    The instruction: kernel, n inputs, vectors, the data's cell; for each input its offset in the data, and its slot's.
    """

    lanes: int

    @property
    def name(self) -> str:
        return f"examples.x{self.lanes}"

    def write(self) -> Code:
        code, vector = Code(self.name, ARGUMENTS, self.lanes), self.lanes * WORD_BYTES
        inputs, vectors, cell = (code.word("%pc", i) for i in range(1, 4))
        data, table = code.load(code.at("%base", cell), "ptr"), code.at("%pc", 4 * WORD_BYTES)
        with code.repeat(inputs) as i:
            offsets = code.at(table, code.times(i, 2 * WORD_BYTES))
            source, target = code.at(data, code.word(offsets)), code.at("%base", code.word(offsets, 1))
            with code.repeat(vectors) as u:
                code.store(code.load(code.at(source, code.times(u, vector))), code.at(target, code.times(u, vector)))
        next_kernel(code, code.at(table, code.times(inputs, 2 * WORD_BYTES)))
        return code


class Outputs(NamedTuple):
    """Stores the outputs of a block in an array, in the order of ``Examples``.

    The instruction: kernel, n outputs, vectors, the array's cell, the offsets of the slots.
    """

    lanes: int

    @property
    def name(self) -> str:
        return f"outputs.x{self.lanes}"

    def write(self) -> Code:
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
    """Adds neighbouring vectors to one vector, the total.

    The instruction: kernel, n vectors, the offset of the first, the offset of the total.
    """

    lanes: int

    @property
    def name(self) -> str:
        return f"add_to_total.x{self.lanes}"

    def write(self) -> Code:
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
    """Sets vectors to 0 in the lanes where the mask is 0. These lanes hold no example.

    The instruction: kernel, n vectors, the offset of the mask, n offsets.
    """

    lanes: int

    @property
    def name(self) -> str:
        return f"mask_to_zero.x{self.lanes}"

    def write(self) -> Code:
        code = Code(self.name, ARGUMENTS, self.lanes)
        count, mask, table = code.word("%pc", 1), code.at("%base", code.word("%pc", 2)), code.at("%pc", 3 * WORD_BYTES)
        kind = f"<{self.lanes} x i1>" if self.lanes > 1 else "i1"
        used = code.let(f"fcmp une {code.type} {code.load(mask)}, {code.number(0.0)}")
        with code.repeat(count) as i:
            address = code.at("%base", code.word(table, i))
            x = code.let(f"select {kind} {used}, {code.type} {code.load(address)}, {code.type} {code.number(0.0)}")
            code.store(x, address)
        next_kernel(code, code.at(table, code.times(count, WORD_BYTES)))
        return code


class Reduce(NamedTuple):
    """Adds up the lanes of neighbouring vectors, ``at_once`` vectors at a time, and adds each result to a number.

    The instruction: kernel, n, the offset of the first of n times ``at_once`` vectors; for each the offset of the number.
    """

    lanes: int

    @property
    def name(self) -> str:
        return f"reduce.x{self.lanes}"

    @property
    def at_once(self) -> int:
        """How many vectors are reduced at a time."""
        return max(1, self.lanes // 2)

    def write(self) -> Code:
        """Adds the halves of each vector. The sums are the rows of a square, and the columns of its transpose are added."""
        half = self.at_once
        code, vector = Code(self.name, ARGUMENTS, half), self.lanes * WORD_BYTES
        squares, vectors, table = code.word("%pc", 1), code.at("%base", code.word("%pc", 2)), code.at("%pc", 3 * WORD_BYTES)
        with code.repeat(squares) as i:
            first = code.at(vectors, code.times(i, half * vector))
            offsets = code.at(table, code.times(i, half * WORD_BYTES))
            square = [code.load(code.at(first, k * vector)) for k in range(half)]
            if self.lanes > 1:
                upper = [code.load(code.at(first, k * vector + half * WORD_BYTES)) for k in range(half)]
                square = [code.binary("fadd", *halves) for halves in zip(square, upper, strict=True)]
            while len(square) > 1:
                square = [_folded(code, x, y, len(square)) for x, y in zip(square[::2], square[1::2], strict=True)]
            for k in range(half):
                target = code.at("%base", code.word(offsets, k))
                total = code.let(f"fadd double {code.load(target, 'double')}, {code.lane(square[0], k)}")
                code.store(total, target, "double")
        next_kernel(code, code.at(table, code.times(squares, half * WORD_BYTES)))
        return code


def _folded(code: Code, x: str, y: str, num_vectors: int) -> str:
    """Two of ``num_vectors`` vectors, added to one.

    A run of ``lanes / num_vectors`` neighbouring lanes waits to be added up; in the result the runs are half as long.
    """
    lanes, run = code.lanes, code.lanes // num_vectors
    low = [2 * run * (k // (2 * run)) + k % run + (lanes if k % (2 * run) >= run else 0) for k in range(lanes)]
    halves = [_shuffled(code, x, y, indices) for indices in (low, [k + run for k in low])]
    return code.binary("fadd", *halves)


def _shuffled(code: Code, x: str, y: str, indices: Sequence[int]) -> str:
    """A vector of the lanes with these indices: the lanes of x are counted first, then those of y."""
    mask = ", ".join(f"i32 {k}" for k in indices)
    return code.let(f"shufflevector {code.type} {x}, {code.type} {y}, <{code.lanes} x i32> <{mask}>")


class Scatter(NamedTuple):
    """Stores vectors as the columns of an array that has a row for each example.

    The instruction: kernel, n, the array's cell, the bytes of a row of the array, the offsets of n times ``lanes`` vectors.
    """

    lanes: int

    @property
    def name(self) -> str:
        return f"scatter.x{self.lanes}"

    def write(self) -> Code:
        """As many vectors as they have lanes are a square, which is transposed."""
        code, lanes = Code(self.name, ARGUMENTS, self.lanes), self.lanes
        squares, cell, row_bytes = (code.word("%pc", i) for i in (1, 2, 3))
        array, table = code.load(code.at("%base", cell), "ptr"), code.at("%pc", 4 * WORD_BYTES)
        with code.repeat(squares) as i:
            offsets, target = (
                code.at(table, code.times(i, lanes * WORD_BYTES)),
                code.at(array, code.times(i, lanes * WORD_BYTES)),
            )
            square = [code.load(code.at("%base", code.word(offsets, k))) for k in range(lanes)]
            for k, example in enumerate(_transposed(code, square)):
                code.store(example, code.at(target, code.times(row_bytes, k)))
        next_kernel(code, code.at(table, code.times(squares, lanes * WORD_BYTES)))
        return code


def _transposed(code: Code, square: list[str]) -> list[str]:
    """The columns of a square of vectors: in squares of 2, then of 4 and so on, the corners off the diagonal change places."""
    lanes, size = code.lanes, 1
    while size < lanes:
        left = [k + lanes - size if k & size else k for k in range(lanes)]  # the left columns of each square, from both vectors
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
    """The function that Python calls. It runs streams, each a number of times, and moves two cells on after each time.

    It returns the processor's flags, which are 0 if no number became infinite or nan.

    Its argument is the address of words: the base of the arena, the number of phases; for each phase the address of its stream,
    how often it runs, and for the cells of data and results an address and the bytes from one time to the next.
    """

    name: str = "run"

    def write(self) -> Code:
        """The only loop over the batch."""
        code = Code(self.name, "ptr noalias %context", lanes=1, result="i32")
        raised = scalar_function("fetestexcept")
        with code.when(code.let(f"icmp ne i32 {code.on_flags(raised, flags())}, 0")):  # to clear takes longer than to ask
            code.on_flags(scalar_function("feclearexcept"), flags())
        base, phases = code.load("%context", "ptr"), code.word("%context", 1)
        with code.repeat(phases) as k:
            phase = code.at("%context", code.plus(code.times(k, 6 * WORD_BYTES), 2 * WORD_BYTES))
            stream, times = code.load(phase, "ptr"), code.word(phase, 1)
            cells = [(DATA, code.word(phase, 2), code.word(phase, 3)), (RESULTS, code.word(phase, 4), code.word(phase, 5))]
            with code.repeat(times) as i:
                for cell, start, stride in cells:
                    address = code.plus(start, code.let(f"mul nuw nsw i64 {i}, {stride}"))
                    code.store(address, code.at(base, cell), "i64")
                code.emit(f"call void {code.load(stream, 'ptr')}(ptr {stream}, ptr {base})")
        code.emit(f"ret i32 {code.on_flags(raised, flags())}")
        return code
