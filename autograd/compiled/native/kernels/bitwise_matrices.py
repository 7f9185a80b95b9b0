"""Kernels of matrices for one example, exact to the last bit: lanes are rows going forward, and columns going backward.

Floats are added in the order of the tape, products are rounded before they are added, and still eight sums go on at a time:
they are the sums of eight rows, or the adjoints of eight operands. The rows of a matrix are stored one after the other, each
padded to whole vectors; going forward they are read in tiles, transposed, which ``Transpose`` makes once per call.
"""

from __future__ import annotations

from typing import NamedTuple

from autograd.compiled.native.llvm.ir import Code
from autograd.compiled.native.llvm.jit import ARGUMENTS, next_kernel

WORD = 8


class Transpose(NamedTuple):
    """Copy a matrix to tiles of ``lanes`` rows: column 0 of the tile's rows, column 1, and so on.

    The instruction: kernel, rows, columns, bytes of a stored row, the offset of the matrix, the offset of the tiles.
    """

    lanes: int

    @property
    def name(self) -> str:
        """For example ``transpose.x8``."""
        return f"transpose.x{self.lanes}"

    def write(self) -> Code:
        """Number by number."""
        code = Code(self.name, ARGUMENTS, lanes=1)
        rows, columns, stride, matrix, tiles = (code.word("%pc", i) for i in (1, 2, 3, 4, 5))
        matrix, tiles = code.at("%base", matrix), code.at("%base", tiles)
        with code.repeat(rows) as i:
            source = code.at(matrix, code.let(f"mul nuw nsw i64 {i}, {stride}"))
            tile = code.let(f"mul nuw nsw i64 {code.let(f'udiv i64 {i}, {self.lanes}')}, {columns}")
            within = code.let(f"urem i64 {i}, {self.lanes}")
            place = code.at(tiles, code.times(code.plus(code.times(tile, self.lanes), within), WORD))
            with code.repeat(columns) as j:
                code.store(code.load(code.at(source, code.times(j, WORD))), code.at(place, code.times(j, self.lanes * WORD)))
        next_kernel(code, code.at("%pc", 6 * WORD))
        return code


class SingleForward(NamedTuple):
    """The instruction: kernel, tiles, columns, the offset of the tiles, the offset of the results, which stand one after the
    other; the offsets of the operands; if there are starts, their offsets, ``lanes`` for each tile."""

    lanes: int
    start: bool

    @property
    def name(self) -> str:
        """For example ``single.start.x8``."""
        return f"single.{'start.' if self.start else ''}x{self.lanes}"

    def write(self) -> Code:
        """For each tile: take the starts, add the columns from left to right, store the results."""
        lanes, code = self.lanes, Code(self.name, ARGUMENTS, self.lanes)
        tiles, columns, weights, results = (code.word("%pc", i) for i in (1, 2, 3, 4))
        weights, results = code.at("%base", weights), code.at("%base", results)
        operands = code.at("%pc", 5 * WORD)
        starts = code.at(operands, code.times(columns, WORD))
        size = code.times(columns, lanes * WORD)
        with code.repeat(tiles) as t:
            tile = code.at(weights, code.let(f"mul nuw nsw i64 {t}, {size}"))
            total = code.variable(code.type, code.number(-0.0))  # -0.0 + x is x, 0.0 + x is not if x is -0.0
            if self.start:
                first, words = "poison", code.at(starts, code.times(t, lanes * WORD))
                for k in range(lanes):
                    first = code.with_lane(first, k, code.load(code.at("%base", code.word(words, k)), "double"))
                code.end(f"store {code.type} {first}, ptr {total}")
            with code.repeat(columns) as j:
                x = code.broadcast(code.at("%base", code.word(operands, j)))
                product = code.binary("fmul", code.load(code.at(tile, code.times(j, lanes * WORD))), x)
                code.end(
                    f"store {code.type} {code.binary('fadd', code.let(f'load {code.type}, ptr {total}'), product)}, ptr {total}"
                )
            code.store(code.let(f"load {code.type}, ptr {total}"), code.at(results, code.times(t, lanes * WORD)))
        next_kernel(code, code.at(starts, code.times(tiles, lanes * WORD)) if self.start else starts)
        return code


class SingleBackward(NamedTuple):
    """Adjoints of the weights, and if ``operands`` those of the operands; from the last row to the first, as the tape has it.

    The instruction: kernel, rows, columns, vectors of a row, the offsets of the matrix, of its adjoint, of the adjoints of the
    results, and of a scratch of two rows; for each operand its offset, and with ``operands`` those of the adjoint to begin with
    and of the adjoint.
    """

    lanes: int
    operands: bool

    @property
    def name(self) -> str:
        """For example ``single.back.operands.x8``."""
        return f"single.back.{'operands.' if self.operands else ''}x{self.lanes}"

    def write(self) -> Code:
        """Gather the operands, go through the columns a vector at a time, scatter the adjoints."""
        code, vector = Code(self.name, ARGUMENTS, self.lanes), self.lanes * WORD
        rows, columns, vectors, matrix, adjoint, results, scratch = (code.word("%pc", i) for i in range(1, 8))
        matrix, adjoint, results, scratch = (code.at("%base", each) for each in (matrix, adjoint, results, scratch))
        stride = code.times(vectors, vector)
        second = code.at(scratch, stride)
        table, words = code.at("%pc", 8 * WORD), 3 if self.operands else 1
        with code.repeat(columns) as j:
            entry, place = code.at(table, code.times(j, words * WORD)), code.times(j, WORD)
            code.store(code.load(code.at("%base", code.word(entry)), "double"), code.at(scratch, place), "double")
            if self.operands:
                code.store(code.load(code.at("%base", code.word(entry, 1)), "double"), code.at(second, place), "double")
        with code.repeat(vectors) as t:
            here = code.times(t, vector)
            x = code.load(code.at(scratch, here))
            total = code.variable(code.type, code.load(code.at(second, here))) if self.operands else ""
            with code.repeat(rows) as i:
                row = code.let(f"sub nuw nsw i64 {code.let(f'sub nuw nsw i64 {rows}, {i}')}, 1")
                a = code.broadcast(code.at(results, code.times(row, WORD)))
                place = code.plus(code.let(f"mul nuw nsw i64 {row}, {stride}"), here)
                w = code.at(adjoint, place)
                code.store(code.binary("fadd", code.load(w), code.binary("fmul", x, a)), w)
                if self.operands:
                    product = code.binary("fmul", code.load(code.at(matrix, place)), a)
                    so_far = code.let(f"load {code.type}, ptr {total}")
                    code.end(f"store {code.type} {code.binary('fadd', so_far, product)}, ptr {total}")
            if self.operands:
                code.store(code.let(f"load {code.type}, ptr {total}"), code.at(second, here))
        if self.operands:
            with code.repeat(columns) as j:
                out = code.word(code.at(table, code.times(j, words * WORD)), 2)
                code.store(code.load(code.at(second, code.times(j, WORD)), "double"), code.at("%base", out), "double")
        next_kernel(code, code.at(table, code.times(columns, words * WORD)))
        return code
