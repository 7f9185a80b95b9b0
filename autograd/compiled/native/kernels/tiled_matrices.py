r"""Kernels of matrices over a block of examples: the three products of a layer, in tiles that stay in registers.

    forward     a_i  = z_i + sum_j W_ij x_j            S4.79
    operands    x'_j += sum_i W_ij a'_i                S4.89, W transposed (primes are adjoints)
    weights     W'_ij += sum over examples of x_j a'_i       S4.88

A tile is ``height`` rows of the matrix by ``unroll`` vectors of examples: 4 x 4 sums in 16 registers, fed by 4 vectors of x
and 4 weights for each j. So a loaded number takes part in four multiplications, and the multipliers do not wait for memory.

Weights and their adjoints are kept in the order in which the tiles read them: for each tile, the starts of its rows if they
are shared, then the weights of column 0, of column 1, and so on. An adjoint of a weight has a number in each lane, the sum
over the examples that went through that lane; lanes are added when the call ends.

With one lane a block is one example, and no neighbours share its instructions. Then the rows of a tile are the lanes: the weights of a
column, which stand side by side, are one vector, and an operand is broadcast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autograd.compiled.native.kernels.row_facts import read_backward
from autograd.compiled.native.llvm.formula import Formula, spelled
from autograd.compiled.native.llvm.ir import WORD_BYTES, Code, Number
from autograd.compiled.native.llvm.jit import ARGUMENTS, next_kernel
from autograd.rules.grammar import names_in
from autograd.rules.op import Op

TILE_COLUMNS = 4  # of a tile of the transposed product


class Tile(NamedTuple):
    """The form of a matrix kernel: vectors of ``lanes``, ``unroll`` of them, ``height`` rows at a time."""

    lanes: int
    unroll: int
    height: int

    def __str__(self) -> str:
        return f"{self.height}x{self.unroll}x{self.lanes}"

    @property
    def vector(self) -> int:
        """The bytes of a vector."""
        return self.lanes * WORD_BYTES

    @property
    def upright(self) -> bool:
        """Whether the rows are the lanes: then they are one part of the tile, which has a part for each of them otherwise."""
        return self.lanes == 1

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return 1 if self.upright else self.height

    def code(self, name: str) -> Code:
        """The beginning of a kernel."""
        return Code(name, ARGUMENTS, self.height if self.upright else self.lanes, fused=True)

    def operand(self, code: Code, address: str) -> list[str]:
        """The vectors of a slot that meets all rows."""
        if self.upright:
            return [code.broadcast(address)]
        return [code.load(code.at(address, u * self.vector)) for u in range(self.unroll)]

    def weight(self, code: Code, column: str, part: int) -> str:
        """The vector of a part's weights in the column that stands at this address."""
        return code.load(column) if self.upright else code.broadcast(code.at(column, part * WORD_BYTES))

    def take(self, code: Code, words: str, part: int) -> list[str]:
        """The vectors of a part's slots; ``words`` is the address of the offsets of the slots of all rows."""
        if not self.upright:
            return self.operand(code, code.at("%base", code.word(words, part)))
        vector = "poison"
        for r in range(self.height):
            vector = code.with_lane(vector, r, code.load(code.at("%base", code.word(words, r)), "double"))
        return [vector]

    def put(self, code: Code, vectors: Sequence[Number], words: str, part: int) -> None:
        """Store what ``take`` would take."""
        if self.upright:
            for r in range(self.height):
                code.store(code.lane(code.number(vectors[0]), r), code.at("%base", code.word(words, r)), "double")
            return
        address = code.at("%base", code.word(words, part))
        for u, vector in enumerate(vectors):
            code.store(vector, code.at(address, u * self.vector))

    def zeros(self, code: Code, count: int) -> list[list[str]]:
        """Sums of ``count`` x ``unroll`` vectors that start at 0, as variables."""
        return [[code.variable(code.type, "zeroinitializer") for _ in range(self.unroll)] for _ in range(count)]


def _read(code: Code, variable: str) -> str:
    return code.let(f"load {code.type}, ptr {variable}")


def _write(code: Code, value: str, variable: str) -> None:
    code.emit(f"store {code.type} {value}, ptr {variable}")


class MatrixForward(NamedTuple):
    """``start`` is "shared" (with the weights), "example" (a slot for each row) or "none".

    The instruction: kernel, tiles, columns, the offset of the weights; the cell with the base of the operands, which may be the
    data themselves, and their offsets; for each tile the offsets of its results (unless they are ``passing``, on to an activation
    alone), of its starts if they are per example, and with an activation ``op`` those of its results.
    """

    tile: Tile
    start: str
    op: Op | None = None
    passing: bool = False

    @property
    def name(self) -> str:
        """For example ``matrix.shared.relu.4x4x8``."""
        op = spelled(self.op) if self.op else ""
        return ".".join(filter(None, ["matrix", self.start, op, "passing" * self.passing, str(self.tile)]))

    @property
    def fields(self) -> list[str]:
        """What stands in the instruction for each tile, of each of its rows."""
        return ["result"] * (not self.passing) + ["start"] * (self.start == "example") + ["activated"] * bool(self.op)

    def write(self) -> Code:
        """For each tile: take the starts, add the columns, store the results."""
        tile, code = self.tile, self.tile.code(self.name)
        tiles, columns, offset, cell = (code.word("%pc", i) for i in (1, 2, 3, 4))
        data, operands = code.load(code.at("%base", cell), "ptr"), code.at("%pc", 5 * WORD_BYTES)
        results = code.variable("ptr", code.at(operands, code.times(columns, WORD_BYTES)))
        weights = code.variable("ptr", code.at("%base", offset))
        with code.repeat(tiles):
            row, weight = (code.let(f"load ptr, ptr {each}") for each in (results, weights))
            sums = tile.zeros(code, tile.parts)
            self._take_starts(code, sums, row, weight)
            if self.start == "shared":
                weight = code.at(weight, tile.height * WORD_BYTES)
            with code.repeat(columns) as j:
                x = tile.operand(code, code.at(data, code.word(operands, j)))
                column = code.at(weight, code.times(j, tile.height * WORD_BYTES))
                for r in range(tile.parts):
                    w = tile.weight(code, column, r)
                    for u in range(tile.unroll):
                        _write(code, code.multiply_add(w, x[u], _read(code, sums[r][u])), sums[r][u])
            for r in range(tile.parts):
                result = [_read(code, each) for each in sums[r]]
                if not self.passing:
                    tile.put(code, result, self._words(code, row, "result"), r)
                if self.op:
                    formula = Formula(code)
                    activated = [formula.of(self.op.value, {"x": x}) for x in result]
                    tile.put(code, activated, self._words(code, row, "activated"), r)
            code.emit(f"store ptr {code.at(weight, code.times(columns, tile.height * WORD_BYTES))}, ptr {weights}")
            code.emit(f"store ptr {code.at(row, len(self.fields) * tile.height * WORD_BYTES)}, ptr {results}")
        next_kernel(code, code.let(f"load ptr, ptr {results}"))
        return code

    def _words(self, code: Code, row: str, field: str) -> str:
        """The address of a field of the rows of a tile."""
        return code.at(row, self.fields.index(field) * self.tile.height * WORD_BYTES)

    def _take_starts(self, code: Code, sums: list[list[str]], row: str, weight: str) -> None:
        for r in range(self.tile.parts):
            if self.start == "shared":
                start = [self.tile.weight(code, weight, r)] * self.tile.unroll
            elif self.start == "example":
                start = self.tile.take(code, self._words(code, row, "start"), r)
            else:
                return
            for u in range(self.tile.unroll):
                _write(code, start[u], sums[r][u])


class MatrixOperands(NamedTuple):
    """The adjoints of the operands, ``width`` columns at a time: four, and one for those that are left.

    The instruction: kernel, tiles, columns, the offset of the weights, and from one tile's weights to the next; for each column the
    offset of its weights in a tile, of the adjoint to begin with (zeros for a first contribution), and of the adjoint; then for each
    row the offset of its adjoint.

    With an activation ``op`` (never of one lane) the operands are its results, and what is stored are the adjoints of its own operands; the offsets of
    the primals of both follow those of the column.
    """

    tile: Tile
    width: int
    op: Op | None = None

    @property
    def name(self) -> str:
        """For example ``operands.4.relu.4x4x8``."""
        op = spelled(self.op) if self.op else ""
        return ".".join(filter(None, ["operands", str(self.width), op, str(self.tile)]))

    @property
    def words(self) -> int:
        """The words of a column."""
        return 5 if self.op else 3

    def write(self) -> Code:
        """For so many columns at a time: take what was there, add up the rows, store the sums."""
        code = self.tile.code(self.name)
        tiles, columns, weights, stride = (code.word("%pc", i) for i in (1, 2, 3, 4))
        table = code.at("%pc", 5 * WORD_BYTES)
        rows = code.at(table, code.times(columns, self.words * WORD_BYTES))
        base = code.at("%base", weights)
        with code.repeat(columns, step=self.width) as j:
            self._columns(code, code.at(table, code.times(j, self.words * WORD_BYTES)), rows, base, tiles, stride)
        next_kernel(code, code.at(rows, code.times(tiles, self.tile.height * WORD_BYTES)))
        return code

    def _columns(self, code: Code, table: str, rows: str, base: str, tiles: str, stride: str) -> None:
        tile, width = self.tile, self.width
        weights = [code.at(base, code.word(table, self.words * c)) for c in range(width)]
        sums = tile.zeros(code, width)
        before = [code.at("%base", code.word(table, self.words * c + 1)) for c in range(width)]
        if not tile.upright:
            for c in range(width):
                for u, vector in enumerate(tile.operand(code, before[c])):
                    _write(code, vector, sums[c][u])
        with code.repeat(tiles) as t:
            distance = code.let(f"mul nuw nsw i64 {t}, {stride}")
            places = [code.at(weight, distance) for weight in weights]
            row = code.at(rows, code.times(t, tile.height * WORD_BYTES))
            for r in range(tile.parts):
                adjoint = tile.take(code, row, r)
                for c in range(width):
                    w = tile.weight(code, places[c], r)
                    for u in range(tile.unroll):
                        _write(code, code.multiply_add(w, adjoint[u], _read(code, sums[c][u])), sums[c][u])
        for c in range(width):
            after = code.at(table, (self.words * c + 2) * WORD_BYTES)
            if tile.upright:
                total = code.sum_of_lanes(code.load(before[c], "double"), _read(code, sums[c][0]))
                code.store(total, code.at("%base", code.word(after)), "double")
                continue
            adjoints: list[Number] = [_read(code, each) for each in sums[c]]
            if self.op:
                adjoints = self._passed_on(code, self.op, adjoints, *(code.word(table, self.words * c + i) for i in (3, 4)))
            tile.put(code, adjoints, after, 0)

    def _passed_on(self, code: Code, op: Op, adjoints: list[Number], x: str, out: str) -> list[Number]:
        """The adjoints of the activation's operands."""
        [text], passed = op.partials, list[Number]()
        places = {"x": x if "x" in read_backward(op) else out, "out": out}
        for u, adjoint in enumerate(adjoints):
            names: dict[str, Number] = {
                name: code.load(code.at(code.at("%base", places[name]), u * self.tile.vector))
                for name in names_in(text) & {*places}
            }
            passed.append(code.binary("fmul", Formula(code).of(text, names), adjoint))
        return passed


class MatrixWeights(NamedTuple):
    """The adjoints of the weights, and of shared starts.

    The instruction: kernel, tiles, columns; the offset of the sums, the offset of what they are added to and the bytes from one
    column of that to the next (the sums again; or for the first block zeros, and 0); the cell with the base of the operands, and
    their offsets; then for each row the offset of its adjoint.
    """

    tile: Tile
    start: bool

    @property
    def name(self) -> str:
        """For example ``weights.start.4x4x8``."""
        return f"weights.{'start.' if self.start else ''}{self.tile}"

    def write(self) -> Code:
        """For each tile: take the adjoints of its rows, and give each weight its operand times them."""
        tile, code = self.tile, self.tile.code(self.name)
        tiles, columns, offset, origin, step, cell = (code.word("%pc", i) for i in range(1, 7))
        data, operands = code.load(code.at("%base", cell), "ptr"), code.at("%pc", 7 * WORD_BYTES)
        rows = code.at(operands, code.times(columns, WORD_BYTES))
        place, before = (code.variable("ptr", code.at("%base", each)) for each in (offset, origin))
        with code.repeat(tiles) as t:
            row = code.at(rows, code.times(t, tile.height * WORD_BYTES))
            adjoints = [tile.take(code, row, r) for r in range(tile.parts)]
            if self.start:
                self._column(code, place, before, step, adjoints, [])
            with code.repeat(columns) as j:
                self._column(code, place, before, step, adjoints, tile.operand(code, code.at(data, code.word(operands, j))))
        next_kernel(code, code.at(rows, code.times(tiles, tile.height * WORD_BYTES)))
        return code

    def _column(self, code: Code, place: str, before: str, step: str, adjoints: list[list[str]], x: list[str]) -> None:
        """One weight of each row of the tile; without x a start, whose operand is 1."""
        tile = self.tile
        sums, origin = (code.let(f"load ptr, ptr {each}") for each in (place, before))
        totals = [code.load(code.at(origin, r * tile.vector)) for r in range(tile.parts)]
        for u in range(tile.unroll):
            for r in range(tile.parts):
                adjoint = adjoints[r][u]
                totals[r] = code.multiply_add(x[u], adjoint, totals[r]) if x else code.binary("fadd", totals[r], adjoint)
        for r in range(tile.parts):
            code.store(totals[r], code.at(sums, r * tile.vector))
        code.emit(f"store ptr {code.at(sums, tile.height * tile.vector)}, ptr {place}")
        code.emit(f"store ptr {code.at(origin, step)}, ptr {before}")
