"""The layout of a batch, which becomes blocks of examples: each example is a lane of vectors.

The arena holds, after what all examples share (``shared.py``): the slots of a block, each ``block_vectors`` vectors; their
adjoints; the weights of matrices, packed in the order in which the tiles read them; and the *sums*, which collect adjoints over
all blocks, one vector for each weight and each shared operand.

A batch of N examples is first a partial vector, if N is no multiple of the lanes; then single vectors; then blocks. The idle
lanes of the partial vector repeat its examples, but their seed is nothing, so they add nothing to the sums of adjoints; what they
add to the sum of the values is masked to zero.

A ``careful`` layout has the same form: its kernels are careful ones (``kernels/products.py``), and its adjoints and sums begin as
nothing. Fast kernels need no mask for idle lanes, since their seed is also a zero, and what is finite in an example is finite in its
copy.

If each example gets a gradient of its own (``separate``), a block is one vector, the sums end with it, and their lanes are not
added. Then examples share only leaves and constants: the adjoint of a number that depends on parameters alone differs between
examples, so each example computes the number too.
"""

from __future__ import annotations

from itertools import chain

from autograd.compiled.native.kernels.memory import (
    ARENA,
    DATA,
    DISCARD,
    RESULTS,
    VALUE,
    AddToTotal,
    Copy,
    Examples,
    Fill,
    Gather,
    MaskToZero,
    Outputs,
    Reduce,
    Scatter,
)  # fmt: skip
from autograd.compiled.native.kernels.products import NOTHING
from autograd.compiled.native.kernels.tiled_matrices import TILE_COLUMNS, MatrixForward, MatrixOperands, MatrixWeights, Tile
from autograd.compiled.native.llvm.ir import WORD_BYTES
from autograd.compiled.native.llvm.jit import BLOCK_VECTORS
from autograd.compiled.native.plan.fusion import Unit, backward_units, forward_units, passing
from autograd.compiled.native.plan.liveness import SlotAllocator
from autograd.compiled.native.plan.shared import SharedLayout
from autograd.compiled.native.plan.stream import AccumulationPlan, Addressing, Arena, Stream, bits
from autograd.compiled.steps import Group, Matrix, steps_by_level
from autograd.compiled.tape import Tape
from autograd.ops import ADD
from autograd.rules.op import Op

TILE_ROWS, TILE_ROWS_WITH_ONE_LANE = 4, 8


class BatchLayout:
    """The offsets of all numbers, and the instructions of a block and around the blocks.

    A method with a ``stream`` adds instructions to it. ``vectors`` is 1 or ``block_vectors``: single vectors run like blocks.
    """

    def __init__(self, arena: Arena, tape: Tape, lanes: int, separate: bool = False, careful: bool = False) -> None:
        self.tape, self.lanes, self.block_vectors = tape, lanes, 1 if separate else BLOCK_VECTORS[lanes]
        self._careful, self._start = careful, NOTHING if careful else 0.0
        self._vector_bytes = lanes * WORD_BYTES
        self._slot_bytes = self.block_vectors * self._vector_bytes
        self._tile_rows = TILE_ROWS if lanes > 1 else TILE_ROWS_WITH_ONE_LANE
        varies = (*tape.per_example[: tape.first_slot], *[True] * len(tape.instructions)) if separate else tape.per_example
        self._varies = varies
        shared, self._steps = steps_by_level(tape, varies)
        self.shared = SharedLayout(arena, tape, shared, careful)
        size = max(self._slot_bytes, self._tile_rows * self._vector_bytes)
        self._zeros = arena.reserve(size)
        if careful:
            arena.constants |= dict.fromkeys(range(self._zeros, self._zeros + size, WORD_BYTES), NOTHING)
        self.full_seed, self.partial_seed = arena.reserve(self._slot_bytes), arena.reserve(self._vector_bytes)
        self._inputs = self._inputs_with_slots()
        self._forward = forward_units(self._steps)
        self._backward = backward_units(tape, varies, self._steps) if lanes > 1 else [[step] for step in self._steps[::-1]]
        allocator = SlotAllocator(tape, varies, self._forward, self._backward, self._inputs)
        first = arena.reserve(allocator.count * self._slot_bytes)
        self._primal = {slot: first + position * self._slot_bytes for slot, position in allocator.primal.items()}
        self._adjoint = {slot: first + position * self._slot_bytes for slot, position in allocator.adjoint.items()}
        self._bands = {step.out[0]: self._row_bands(step) for step in self._steps if isinstance(step, Matrix)}
        self._packed: list[int] = []  # the slots of the packed weights
        self._packed_from: dict[object, int] = {}  # where among them the weights of a band begin
        for band in chain(*self._bands.values()):
            if band.key not in self._packed_from:
                self._packed_from[band.key] = len(self._packed)
                self._packed += band.slots
        self._packed_weights = arena.reserve(len(self._packed) * WORD_BYTES)
        operands = self._shared_operands()
        self._summed = self._summed_weights()
        weights = (self._receiver(slot) if i in self._summed else DISCARD for i, slot in enumerate(self._packed))
        receivers = [VALUE, *map(self._receiver, operands), *weights]
        self._receivers = receivers + [DISCARD] * (-len(receivers) % lanes)
        self._total = arena.reserve(len(self._receivers) * self._vector_bytes)  # the first sum is that of the values
        self._sum = {slot: self._total + (1 + i) * self._vector_bytes for i, slot in enumerate(operands)}
        self._weight_sums = self._total + (1 + len(operands)) * self._vector_bytes

    def _receiver(self, slot: int) -> int:
        """The offset of the number to which a shared slot's sum is added."""
        return self.shared.adjoint(slot) if self.tape.has_adjoint[slot] else DISCARD

    def _summed_weights(self) -> set[int]:
        """Which of the packed weights get contributions: those of matrices whose results have adjoints."""
        bands = [band for band in chain(*self._bands.values()) if self.tape.has_adjoint[band.out[0]]]
        return {self._packed_from[band.key] + i for band in bands for i in range(len(band.slots))}

    def _reads_data(self, matrix: Matrix) -> bool:
        """Whether a matrix reads nothing but inputs. Then it reads them from the data, where they stand as it needs them."""
        return all(slot < self.tape.leaves for slot in matrix.operands)

    def _offset_in_data(self, slot: int, vectors: int) -> int:
        """The offset of an input in the data of a block of so many vectors."""
        return (slot - self.tape.parameters) * vectors * self._vector_bytes

    def _inputs_with_slots(self) -> list[int]:
        """The inputs that are outputs, or that are read by more than matrices of inputs alone."""
        read = set(self.tape.outputs)
        for step in self._steps:
            if isinstance(step, Group):
                read.update(*step.columns)
            else:
                read.update(step.start, () if self._reads_data(step) else step.operands)
        return [slot for slot in range(self.tape.parameters, self.tape.leaves) if slot in read]

    def _operands(self, matrix: Matrix, vectors: int) -> list[int]:
        """The cell with the base of the operands, and their offsets from it."""
        if self._reads_data(matrix):
            return [DATA, *(self._offset_in_data(slot, vectors) for slot in matrix.operands)]
        return [ARENA, *(self._primal[slot] for slot in matrix.operands)]

    def _shared_operands(self) -> list[int]:
        """The shared slots that single operations read, and that have an adjoint."""
        tape = self.tape
        slots: dict[int, None] = {}
        for step in self._steps:
            if isinstance(step, Group):
                slots |= {slot: None for slot in chain(*step.columns) if tape.has_adjoint[slot] and not self._varies[slot]}
        return list(slots)

    def _row_bands(self, matrix: Matrix) -> list[RowBand]:
        """The rows in tiles of full height, and the rows that are left in one tile."""
        rows = len(matrix.out)
        in_full_tiles = rows // self._tile_rows * self._tile_rows
        shared = bool(matrix.start) and not self._varies[matrix.start[0]]
        start = "shared" if shared else "example" if matrix.start else "none"
        parts = ((0, in_full_tiles, self._tile_rows), (in_full_tiles, rows, rows - in_full_tiles))
        return [RowBand(matrix, start, first, stop, height) for first, stop, height in parts if stop > first]

    # --- around the blocks ----------------------------------------------------------------------------------------------

    def prepare(self, stream: Stream) -> None:
        """Load the parameters, compute what is shared, and pack the weights."""
        self.shared.load_parameters(stream)
        self.shared.forward(stream)
        if self._packed:
            weights = [self.shared.primal[slot] for slot in self._packed]
            stream.add(Gather(), len(weights), self._packed_weights, *weights)

    def clear_sums(self, stream: Stream, gradient: bool) -> None:
        """Let the sums of the values and of shared operands start anew. The sums of weights begin with the first block."""
        stream.add(Fill(1), 2, DISCARD, 0)  # and VALUE, which is its neighbour
        stream.add(Fill(self.lanes), 1 + len(self._sum) if gradient else self.lanes, self._total, bits(self._start))
        if gradient:
            self.shared.clear_adjoints(stream)
            if not self._varies[self.tape.outputs[0]]:
                stream.add(Copy(1), 1, self.full_seed, self.shared.adjoint(self.tape.outputs[0]))

    def mask_values(self, stream: Stream) -> None:
        """After the partial vector, set what its idle lanes added to the sum of the values to 0."""
        stream.add(MaskToZero(self.lanes), 1, self.partial_seed, self._total)

    def finish(self, stream: Stream, gradient: bool) -> None:
        """Add the lanes of the sums up, and go back through what is shared."""
        receivers = self._receivers if gradient else [VALUE] + [DISCARD] * (self.lanes - 1)
        reduce = Reduce(self.lanes)
        stream.add(reduce, len(receivers) // reduce.at_once, self._total, *receivers)
        if not self._varies[self.tape.outputs[0]]:
            stream.add(Copy(1), 1, self.shared.primal[self.tape.outputs[0]], VALUE)
        if gradient:
            self.shared.backward(stream)
            self.shared.store_gradient(stream)

    # --- a block --------------------------------------------------------------------------------------------------------

    def forward(self, stream: Stream, vectors: int) -> None:
        """Load the inputs and run the steps."""
        addressing = self._addressing(vectors, AccumulationPlan(()))
        if self._inputs:
            pairs = [(self._offset_in_data(slot, vectors), self._primal[slot]) for slot in self._inputs]
            stream.add(Examples(self.lanes), len(pairs), vectors, DATA, *chain(*pairs))
        for step, *activation in self._forward:
            if isinstance(step, Group):
                addressing.forward(stream, step)
            else:
                for band in self._bands[step.out[0]]:
                    self._matrix_forward(stream, vectors, band, activation)

    def store_outputs(self, stream: Stream, vectors: int) -> None:
        """Store the outputs that differ between examples in the caller's array."""
        slots = [slot for slot in self.tape.outputs if self._varies[slot]]
        if slots:
            stream.add(Outputs(self.lanes), len(slots), vectors, RESULTS, *(self._primal[slot] for slot in slots))

    def add_values(self, stream: Stream, vectors: int) -> None:
        """Add the values of the examples to their sum."""
        [output] = self.tape.outputs
        if self._varies[output]:
            stream.add(AddToTotal(self.lanes), vectors, self._primal[output], self._total)

    def backward(self, stream: Stream, vectors: int, seed: int, first: bool) -> None:
        """Seed the adjoint of the output, and run the steps in reverse. The ``first`` block begins the sums of weights."""
        output = self.tape.outputs[0]
        if output not in self._adjoint:
            return
        stream.add(Copy(self.lanes), vectors, seed, self._adjoint[output])
        accumulation = AccumulationPlan(self.tape.has_adjoint, [output, *self._sum])
        addressing = self._addressing(vectors, accumulation)
        begun: set[object] = set()
        for step, *activation in self._backward:
            if isinstance(step, Group):
                addressing.backward(stream, step)
                continue
            if not self.tape.has_adjoint[step.out[0]]:
                continue
            if step.start and self._varies[step.start[0]]:
                addressing.backward(stream, Group(ADD, [step.start, step.start], step.out), only_first=True)
            bands = self._bands[step.out[0]]
            for band in bands:
                self._matrix_operands(stream, vectors, band, accumulation, activation if band is bands[-1] else [])
                self._matrix_weights(stream, vectors, band, first and band.key not in begun)
                begun.add(band.key)

    def per_example(self, stream: Stream) -> None:
        """Run one vector forward and backward, and store the value of each example and the adjoints of its wanted leaves."""
        tape = self.tape
        self.clear_sums(stream, True)
        self.forward(stream, 1)
        self.add_values(stream, 1)
        self.backward(stream, 1, self.full_seed, first=True)
        adjoints = dict(self._sum)
        for i in sorted(self._summed):
            slot, offset = self._packed[i], self._weight_sums + i * self._vector_bytes
            if tape.has_adjoint[slot] and adjoints.setdefault(slot, offset) != offset:
                stream.add(AddToTotal(self.lanes), 1, offset, adjoints[slot])  # the slot is a weight in several places
        inputs = range(tape.parameters, tape.num_differentiated)
        adjoints |= {slot: self._adjoint[slot] for slot in inputs if slot in self._adjoint}
        columns = [self._total, *(adjoints.get(slot, self._zeros) for slot in range(tape.num_differentiated))]
        columns += [self._zeros] * (-len(columns) % self.lanes)
        stream.add(Scatter(self.lanes), len(columns) // self.lanes, RESULTS, len(columns) * WORD_BYTES, *columns)

    def _addressing(self, vectors: int, accumulation: AccumulationPlan) -> Addressing:
        varies, shared = self._varies, self.shared.primal

        def primal(slot: int) -> int:
            # A slot that stays in registers has no offset; its 0 is never read.
            return self._primal.get(slot, 0) if varies[slot] else shared[slot]

        def adjoint(slot: int) -> int:
            return self._adjoint[slot] if varies[slot] else self._sum[slot]

        def kind(slot: int) -> str:
            return "v" if varies[slot] else "s"

        return Addressing(self.lanes, vectors, primal, adjoint, kind, accumulation, self._careful)

    # --- matrices of a block --------------------------------------------------------------------------------------------

    def _weights_of(self, band: RowBand) -> int:
        return self._packed_weights + self._packed_from[band.key] * WORD_BYTES

    def _tile(self, vectors: int, band: RowBand) -> Tile:
        return Tile(self.lanes, vectors, band.height, self._careful)

    def _matrix_forward(self, stream: Stream, vectors: int, band: RowBand, activation: Unit) -> None:
        in_registers = bool(passing(self.tape, [band.matrix, *activation]))
        kernel = MatrixForward(self._tile(vectors, band), band.start, _operation(activation), in_registers)
        fields: list[int] = []
        for tile in band.tiles():
            fields += [self._primal[band.matrix.out[i]] for i in tile if not in_registers]
            if band.start == "example":
                fields += [self._primal[band.matrix.start[i]] for i in tile]
            fields += [self._primal[step.out[i]] for step in activation for i in tile]
        operands = self._operands(band.matrix, vectors)
        stream.add(kernel, len(band.tiles()), len(band.matrix.operands), self._weights_of(band), *operands, *fields)

    def _matrix_operands(
        self, stream: Stream, vectors: int, band: RowBand, accumulation: AccumulationPlan, activation: Unit
    ) -> None:
        columns: list[list[int]] = []
        groups = [step for step in activation if isinstance(step, Group)]
        activation_operand = {out: x for group in groups for x, out in zip(group.columns[0], group.out, strict=True)}
        for j, slot in enumerate(band.matrix.operands):
            action = accumulation(slot)
            if action == "none":
                continue
            adjoint = self._adjoint[slot]
            column = [band.column_start(j) * WORD_BYTES, adjoint if action == "add" else self._zeros, adjoint]
            if slot in activation_operand:
                x = activation_operand[slot]
                accumulation(x)
                column[2:] = [self._adjoint[x], self._primal.get(x, 0), self._primal[slot]]
            columns.append(column)
        rows = [self._adjoint[slot] for slot in band.out]
        in_full_tiles = len(columns) // TILE_COLUMNS * TILE_COLUMNS
        for width, some in ((TILE_COLUMNS, columns[:in_full_tiles]), (1, columns[in_full_tiles:])):
            if some:
                kernel = MatrixOperands(self._tile(vectors, band), width, _operation(activation))
                counts = (len(band.tiles()), len(some), self._weights_of(band), band.tile_size() * WORD_BYTES)
                stream.add(kernel, *counts, *chain(*some), *rows)

    def _matrix_weights(self, stream: Stream, vectors: int, band: RowBand, begin: bool) -> None:
        if any(self.tape.has_adjoint[slot] for slot in band.slots):
            kernel = MatrixWeights(self._tile(vectors, band), band.start == "shared")
            sums = self._weight_sums + self._packed_from[band.key] * self._vector_bytes
            old = (self._zeros, 0) if begin else (sums, band.height * self._vector_bytes)
            rows = [self._adjoint[slot] for slot in band.out]
            operands = self._operands(band.matrix, vectors)
            stream.add(kernel, len(band.tiles()), len(band.matrix.operands), sums, *old, *operands, *rows)


class RowBand:
    """The rows ``first`` to ``stop - 1`` of a matrix, in tiles of ``height``; ``start`` as in ``MatrixForward``.

    Attributes:
        out: the slots of the results.
        slots: the slots of the weights, and of shared starts, in the order in which the kernels read them.
        key: equal for bands that have the same weights in the same order.
    """

    def __init__(self, matrix: Matrix, start: str, first: int, stop: int, height: int) -> None:
        self.matrix, self.start, self.first, self.stop, self.height = matrix, start, first, stop, height
        self.out = matrix.out[first:stop]
        self.slots = self._weights_in_tiles()
        self.key = (height, start == "shared", len(matrix.operands), tuple(self.slots))

    def tiles(self) -> list[range]:
        return [range(i, i + self.height) for i in range(self.first, self.stop, self.height)]

    def tile_size(self) -> int:
        """How many numbers the weights of a tile are, with shared starts."""
        return self.column_start(len(self.matrix.operands))

    def column_start(self, j: int) -> int:
        """How many numbers of a tile stand before column j."""
        return self.height * (j + (self.start == "shared"))

    def _weights_in_tiles(self) -> list[int]:
        slots: list[int] = []
        for tile in self.tiles():
            if self.start == "shared":
                slots += [self.matrix.start[i] for i in tile]
            for column in zip(*(self.matrix.weights[i] for i in tile), strict=True):
                slots += column
        return slots


def _operation(activation: Unit) -> Op | None:
    """The operation that runs with a matrix, if there is one."""
    return next((step.op for step in activation if isinstance(step, Group)), None)


def split(examples: int, lanes: int, block_vectors: int) -> tuple[int, int, int]:
    """The number of examples in a partial vector, of single vectors, and of blocks.

    >>> split(100, 8, 4), split(64, 8, 4), split(3, 4, 2)
    ((4, 0, 3), (0, 0, 2), (3, 0, 0))
    """
    vectors, partial = divmod(examples, lanes)
    blocks, singles = divmod(vectors, block_vectors)
    return partial, singles, blocks
