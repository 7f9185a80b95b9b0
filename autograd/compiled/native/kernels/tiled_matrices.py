r"""Kernels of matrices over a block of examples: the three products of a layer, in tiles that stay in registers.

    forward     a_i  = z_i + sum_j W_ij x_j            S4.79
    operands    x'_j += sum_i W_ij a'_i                S4.89, W transposed (primes are adjoints)
    weights     W'_ij += sum over examples of x_j a'_i       S4.88

A tile is ``height`` rows of the matrix by ``vectors`` vectors of examples: 4 x 4 sums in 16 registers, which take 4 vectors of
x and 4 weights for each j. So each number is loaded once for four multiplications, and the multipliers do not wait for memory.

Weights and their adjoints stand in the order in which the tiles read them: for each tile the starts of its rows if they are
shared, then the weights of column 0, of column 1, and so on. The adjoint of a weight has a number in each lane, the sum over
the examples that this lane has seen; the lanes are added when the call ends.

With one lane a block is one example, and the lanes are free for something else: they are the rows of a tile. The weights of a
column, which are neighbours, make one vector, and an operand is broadcast.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

from autograd.compiled.native.kernels.products import NOTHING, add_passed_on, is_nothing, passed_on, settled
from autograd.compiled.native.kernels.row_facts import read_backward
from autograd.compiled.native.llvm.formula import Formula, operation_name
from autograd.compiled.native.llvm.ir import WORD_BYTES, Code, Number
from autograd.compiled.native.llvm.jit import ARGUMENTS, next_kernel
from autograd.rules.grammar import names_in
from autograd.rules.op import Op

TILE_COLUMNS = 4  # how many operands get their adjoints at a time


class Tile(NamedTuple):
    """The form of a matrix kernel: ``height`` rows at a time, by ``vectors`` vectors that have ``lanes`` examples each.

    Its code is fast, or ``careful`` as ``products.py`` says.
    """

    lanes: int
    vectors: int
    height: int
    careful: bool = False

    def __str__(self) -> str:
        return f"{self.height}x{self.vectors}x{self.lanes}{'.careful' * self.careful}"

    @property
    def vector(self) -> int:
        """The bytes of a vector of examples."""
        return self.lanes * WORD_BYTES

    @property
    def rows_in_lanes(self) -> bool:
        return self.lanes == 1

    @property
    def parts(self) -> int:
        """How many parts of a tile are computed one by one: its rows, or just one part if they are the lanes."""
        return 1 if self.rows_in_lanes else self.height

    def code(self, name: str) -> Code:
        return Code(name, ARGUMENTS, self.height if self.rows_in_lanes else self.lanes, fused=not self.careful)

    def operand(self, code: Code, address: str) -> list[str]:
        """The vectors of an operand, for all rows."""
        if self.rows_in_lanes:
            return [code.broadcast(address)]
        return [code.load(code.at(address, u * self.vector)) for u in range(self.vectors)]

    def weight(self, code: Code, column: str, part: int) -> str:
        """The weights of a part, from the column at this address."""
        return code.load(column) if self.rows_in_lanes else code.broadcast(code.at(column, part * WORD_BYTES))

    def load_rows(self, code: Code, offsets: str, part: int) -> list[str]:
        """The vectors of a part, each row from a slot of its own; at the address ``offsets`` stand the slots' offsets."""
        if not self.rows_in_lanes:
            return self.operand(code, code.at("%base", code.word(offsets, part)))
        vector = "poison"
        for r in range(self.height):
            vector = code.with_lane(vector, r, code.load(code.at("%base", code.word(offsets, r)), "double"))
        return [vector]

    def store_rows(self, code: Code, vectors: Sequence[Number], offsets: str, part: int) -> None:
        """Store the vectors where ``load_rows`` would load them."""
        if self.rows_in_lanes:
            for r in range(self.height):
                code.store(code.lane(code.number(vectors[0]), r), code.at("%base", code.word(offsets, r)), "double")
            return
        address = code.at("%base", code.word(offsets, part))
        for u, vector in enumerate(vectors):
            code.store(vector, code.at(address, u * self.vector))

    def new_sums(self, code: Code, count: int) -> list[list[str]]:
        """``count`` times ``vectors`` variables that start at 0, or at nothing."""
        start = code.number(NOTHING if self.careful else 0.0)
        return [[code.variable(code.type, start) for _ in range(self.vectors)] for _ in range(count)]


def _read(code: Code, variable: str) -> str:
    return code.let(f"load {code.type}, ptr {variable}")


def _write(code: Code, value: str, variable: str) -> None:
    code.emit(f"store {code.type} {value}, ptr {variable}")


class MatrixForward(NamedTuple):
    """The results of the rows. What a row starts from is "shared" (it stands with the weights), "example" (in a slot) or
    "none". An activation ``op`` may follow at once; results that only it reads are ``passing``, and are not stored.

    The instruction: kernel, tiles, columns, the offset of the weights; the cell with the base of the operands, which is the
    arena or the data, and their offsets from it; for each tile its ``fields``.
    """

    tile: Tile
    start: str
    op: Op | None = None
    passing: bool = False

    @property
    def name(self) -> str:
        """For example ``matrix.shared.relu.4x4x8``."""
        op = operation_name(self.op) if self.op else ""
        return ".".join(filter(None, ["matrix", self.start, op, "passing" * self.passing, str(self.tile)]))

    @property
    def fields(self) -> list[str]:
        """What the instruction holds for each tile: for each field the offsets of its rows."""
        return ["result"] * (not self.passing) + ["start"] * (self.start == "example") + ["activated"] * bool(self.op)

    def write(self) -> Code:
        """For each tile: load the starts, add the columns, store the results."""
        tile, code = self.tile, self.tile.code(self.name)
        tiles, columns, weights_offset, cell = (code.word("%pc", i) for i in (1, 2, 3, 4))
        data, operands = code.load(code.at("%base", cell), "ptr"), code.at("%pc", 5 * WORD_BYTES)
        tile_offsets = code.variable("ptr", code.at(operands, code.times(columns, WORD_BYTES)))
        weights = code.variable("ptr", code.at("%base", weights_offset))
        with code.repeat(tiles):
            offsets, weight = (code.let(f"load ptr, ptr {cursor}") for cursor in (tile_offsets, weights))
            sums = tile.new_sums(code, tile.parts)
            self._load_starts(code, sums, offsets, weight)
            if self.start == "shared":
                weight = code.at(weight, tile.height * WORD_BYTES)
            with code.repeat(columns) as j:
                x = tile.operand(code, code.at(data, code.word(operands, j)))
                column = code.at(weight, code.times(j, tile.height * WORD_BYTES))
                for r in range(tile.parts):
                    w = tile.weight(code, column, r)
                    for u in range(tile.vectors):
                        _write(code, self._plus(code, _read(code, sums[r][u]), w, x[u]), sums[r][u])
            for r in range(tile.parts):
                result = [_read(code, total) for total in sums[r]]
                if not self.passing:
                    tile.store_rows(code, result, self._field(code, offsets, "result"), r)
                if self.op:
                    formula = Formula(code)
                    activated = [formula.of(self.op.value, {"x": x}) for x in result]
                    tile.store_rows(code, activated, self._field(code, offsets, "activated"), r)
            code.emit(f"store ptr {code.at(weight, code.times(columns, tile.height * WORD_BYTES))}, ptr {weights}")
            code.emit(f"store ptr {code.at(offsets, len(self.fields) * tile.height * WORD_BYTES)}, ptr {tile_offsets}")
        next_kernel(code, code.let(f"load ptr, ptr {tile_offsets}"))
        return code

    def _plus(self, code: Code, total: str, w: str, x: str) -> str:
        return code.binary("fadd", total, code.binary("fmul", w, x)) if self.tile.careful else code.multiply_add(w, x, total)

    def _field(self, code: Code, offsets: str, field: str) -> str:
        """The address of the offsets of one field, among those of a tile."""
        return code.at(offsets, self.fields.index(field) * self.tile.height * WORD_BYTES)

    def _load_starts(self, code: Code, sums: list[list[str]], offsets: str, weight: str) -> None:
        for r in range(self.tile.parts):
            if self.start == "shared":
                start = [self.tile.weight(code, weight, r)] * self.tile.vectors
            elif self.start == "example":
                start = self.tile.load_rows(code, self._field(code, offsets, "start"), r)
            else:
                return
            for u in range(self.tile.vectors):
                _write(code, start[u], sums[r][u])


class MatrixOperands(NamedTuple):
    """The adjoints of the operands, ``width`` columns at a time: four, and one by one those that are left.

    With an activation ``op`` (never with one lane) the operands are the activation's results, and the kernel stores the
    adjoints of the activation's operands.

    The instruction: kernel, tiles, columns, the offset of the weights, the bytes from one tile's weights to the next; for each
    column the offset of its weights in a tile, the offset of the adjoint to which it adds (zeros for a first contribution), the
    offset where the adjoint is stored, and with an activation the offsets of its operand's primal and its result's; then for
    each row the offset of its adjoint.
    """

    tile: Tile
    width: int
    op: Op | None = None

    @property
    def name(self) -> str:
        """For example ``operands.4.relu.4x4x8``."""
        op = operation_name(self.op) if self.op else ""
        return ".".join(filter(None, ["operands", str(self.width), op, str(self.tile)]))

    @property
    def column_words(self) -> int:
        """How many words of the instruction belong to a column."""
        return 5 if self.op else 3

    def write(self) -> Code:
        """For ``width`` columns at a time: load what is there, add the rows, store the sums."""
        code = self.tile.code(self.name)
        tiles, columns, weights, stride = (code.word("%pc", i) for i in (1, 2, 3, 4))
        table = code.at("%pc", 5 * WORD_BYTES)
        rows = code.at(table, code.times(columns, self.column_words * WORD_BYTES))
        base = code.at("%base", weights)
        with code.repeat(columns, step=self.width) as j:
            self._columns(code, code.at(table, code.times(j, self.column_words * WORD_BYTES)), rows, base, tiles, stride)
        next_kernel(code, code.at(rows, code.times(tiles, self.tile.height * WORD_BYTES)))
        return code

    def _columns(self, code: Code, table: str, rows: str, base: str, tiles: str, stride: str) -> None:
        tile, width = self.tile, self.width
        weights = [code.at(base, code.word(table, self.column_words * c)) for c in range(width)]
        sums = tile.new_sums(code, width)
        before = [code.at("%base", code.word(table, self.column_words * c + 1)) for c in range(width)]
        nothing_came = [code.variable(code.bits, code.everywhere) for _ in range(tile.vectors * tile.careful)]
        if not tile.rows_in_lanes:
            for c in range(width):
                for u, vector in enumerate(tile.operand(code, before[c])):
                    _write(code, vector, sums[c][u])
        with code.repeat(tiles) as t:
            distance = code.let(f"mul nuw nsw i64 {t}, {stride}")
            in_tile = [code.at(weight, distance) for weight in weights]
            row = code.at(rows, code.times(t, tile.height * WORD_BYTES))
            for r in range(tile.parts):
                adjoint = tile.load_rows(code, row, r)
                for variable, vector in zip(nothing_came, adjoint, strict=False):
                    so_far = code.let(f"load {code.bits}, ptr {variable}")
                    now = code.let(f"and {code.bits} {so_far}, {is_nothing(code, vector)}")
                    code.emit(f"store {code.bits} {now}, ptr {variable}")
                for c in range(width):
                    w = tile.weight(code, in_tile[c], r)
                    for u in range(tile.vectors):
                        _write(code, add_passed_on(code, w, adjoint[u], _read(code, sums[c][u]), tile.careful), sums[c][u])
        masks = [code.let(f"load {code.bits}, ptr {variable}") for variable in nothing_came]
        for c in range(width):
            for u, mask in enumerate(masks):
                _write(code, settled(code, _read(code, sums[c][u]), mask), sums[c][u])
            after = code.at(table, (self.column_words * c + 2) * WORD_BYTES)
            if tile.rows_in_lanes:
                total = code.sum_of_lanes(code.load(before[c], "double"), _read(code, sums[c][0]))
                code.store(total, code.at("%base", code.word(after)), "double")
                continue
            adjoints: list[Number] = [_read(code, total) for total in sums[c]]
            if self.op:
                adjoints = self._through_activation(
                    code, self.op, adjoints, *(code.word(table, self.column_words * c + i) for i in (3, 4))
                )
            tile.store_rows(code, adjoints, after, 0)

    def _through_activation(self, code: Code, op: Op, adjoints: list[Number], x: str, out: str) -> list[Number]:
        """The adjoints of the activation's operands, from those of its results; x and out are the offsets of their primals."""
        [text], products = op.partials, list[Number]()
        offsets = {"x": x if "x" in read_backward(op) else out, "out": out}
        for u, adjoint in enumerate(adjoints):
            names: dict[str, Number] = {
                name: code.load(code.at(code.at("%base", offsets[name]), u * self.tile.vector))
                for name in names_in(text) & {*offsets}
            }
            formula, [cut] = Formula(code), op.cuts
            holds = self.tile.careful and cut != "" and formula.holds(cut, names)
            products.append(passed_on(code, formula.of(text, names), adjoint, self.tile.careful, holds))
        return products


class MatrixWeights(NamedTuple):
    """The adjoints of the weights, and of shared starts.

    The instruction: kernel, tiles, columns; the offset of the sums; the offset of the numbers to which contributions are added,
    and the bytes from one column of them to the next (those of the sums, but zeros and 0 for the first block); the cell with
    the base of the operands, and their offsets from it; then for each row the offset of its adjoint.
    """

    tile: Tile
    start: bool

    @property
    def name(self) -> str:
        """For example ``weights.start.4x4x8``."""
        return f"weights.{'start.' if self.start else ''}{self.tile}"

    def write(self) -> Code:
        """For each tile: load the adjoints of its rows, and add to each weight's sum the products with its operand."""
        tile, code = self.tile, self.tile.code(self.name)
        tiles, columns, sums_offset, old_offset, old_stride, cell = (code.word("%pc", i) for i in range(1, 7))
        data, operands = code.load(code.at("%base", cell), "ptr"), code.at("%pc", 7 * WORD_BYTES)
        rows = code.at(operands, code.times(columns, WORD_BYTES))
        sums, old = (code.variable("ptr", code.at("%base", offset)) for offset in (sums_offset, old_offset))
        with code.repeat(tiles) as t:
            row = code.at(rows, code.times(t, tile.height * WORD_BYTES))
            adjoints = [tile.load_rows(code, row, r) for r in range(tile.parts)]
            nothing_came = [self._nothing_came(code, vectors) for vectors in adjoints if tile.careful]
            if self.start:
                self._column(code, sums, old, old_stride, adjoints, [], nothing_came)
            with code.repeat(columns) as j:
                x = tile.operand(code, code.at(data, code.word(operands, j)))
                self._column(code, sums, old, old_stride, adjoints, x, nothing_came)
        next_kernel(code, code.at(rows, code.times(tiles, tile.height * WORD_BYTES)))
        return code

    @staticmethod
    def _nothing_came(code: Code, adjoints: list[str]) -> str:
        return reduce(lambda a, b: code.let(f"and {code.bits} {a}, {b}"), [is_nothing(code, adjoint) for adjoint in adjoints])

    def _column(
        self,
        code: Code,
        sums: str,
        old: str,
        old_stride: str,
        adjoints: list[list[str]],
        x: list[str],
        nothing_came: list[str],
    ) -> None:
        """One weight of each row of the tile; without x its start, whose operand is 1."""
        tile = self.tile
        column, old_column = (code.let(f"load ptr, ptr {cursor}") for cursor in (sums, old))
        totals = [code.load(code.at(old_column, r * tile.vector)) for r in range(tile.parts)]
        for u in range(tile.vectors):
            for r in range(tile.parts):
                adjoint = adjoints[r][u]
                totals[r] = (
                    add_passed_on(code, x[u], adjoint, totals[r], tile.careful)
                    if x
                    else code.binary("fadd", totals[r], adjoint)
                )
        for r, mask in enumerate(nothing_came):
            totals[r] = settled(code, totals[r], mask)
        for r in range(tile.parts):
            code.store(totals[r], code.at(column, r * tile.vector))
        code.emit(f"store ptr {code.at(column, tile.height * tile.vector)}, ptr {sums}")
        code.emit(f"store ptr {code.at(old_column, old_stride)}, ptr {old}")
