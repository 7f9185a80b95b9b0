"""The layout of a batch: blocks of examples in the lanes of vectors.

In the arena stand, after what all examples share (``shared.py``): the slots of a block, each ``unroll`` vectors; their adjoints;
the weights of matrices, packed in the order of the tiles; and the sums, one vector for each weight and each shared operand,
which collect adjoints over all blocks.

Where each example wants a gradient of its own (*apart*), sums end with the block, which is a single vector, and lanes are not added.
Then nothing but leaves is shared: what parameters alone give is computed for each example, as its adjoints have to be.

A batch of N examples is first a vector that is not full, if N does not divide by the lanes, then single vectors, then blocks. Idle
lanes repeat its examples with a seed of 0; what they would add to the sums is wiped, for 0 times infinity is nan.
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
from autograd.compiled.native.kernels.tiled_matrices import TILE_COLUMNS, MatrixForward, MatrixOperands, MatrixWeights, Tile
from autograd.compiled.native.llvm.ir import WORD_BYTES
from autograd.compiled.native.llvm.jit import BLOCK_VECTORS
from autograd.compiled.native.plan.fusion import Unit, backward_units, forward_units, passing
from autograd.compiled.native.plan.liveness import SlotAllocator
from autograd.compiled.native.plan.shared import SharedLayout
from autograd.compiled.native.plan.stream import AccumulationPlan, Addressing, Arena, Stream
from autograd.compiled.steps import Group, Matrix, steps_by_level
from autograd.compiled.tape import Tape
from autograd.ops import ADD
from autograd.rules.op import Op

TILE_ROWS, TILE_ROWS_OF_ONE_LANE = 4, 8  # rows of a tile, and of one of a single lane


class BatchLayout:
    """Where everything is, and the streams of a block and around the blocks."""

    def __init__(self, arena: Arena, tape: Tape, lanes: int, apart: bool = False) -> None:
        self.tape, self.lanes, self.unroll = tape, lanes, 1 if apart else BLOCK_VECTORS[lanes]
        self.vector = lanes * WORD_BYTES
        self._slot = self.unroll * self.vector
        self._height = TILE_ROWS if lanes > 1 else TILE_ROWS_OF_ONE_LANE
        self._varies = (*tape.per_example[: tape.first_slot], *[True] * len(tape.instructions)) if apart else tape.per_example
        shared, self.steps = steps_by_level(tape, self._varies)
        self.shared = SharedLayout(arena, tape, shared)
        self.zeros = arena.take(max(self._slot, self._height * self.vector))
        self.full, self.partial = arena.take(self._slot), arena.take(self.vector)
        self._copied = self._inputs_to_copy()
        self._forward = forward_units(self.steps)
        self._backward = backward_units(tape, self._varies, self.steps) if lanes > 1 else [[step] for step in self.steps[::-1]]
        allocator = SlotAllocator(tape, self._varies, self._forward, self._backward, self._copied)
        first = arena.take(allocator.count * self._slot)
        self._primal = {slot: first + place * self._slot for slot, place in allocator.primal.items()}
        self._adjoint = {slot: first + place * self._slot for slot, place in allocator.adjoint.items()}
        self._packed: dict[object, int] = {}
        self._sources: list[int] = []
        self._bands = {step.out[0]: self._row_bands(step) for step in self.steps if isinstance(step, Matrix)}
        for bands in self._bands.values():
            for band in bands:
                if band.key not in self._packed:
                    self._packed[band.key] = len(self._sources)
                    self._sources += band.slots
        self._pack = arena.take(len(self._sources) * WORD_BYTES)
        singles = self._shared_operands()
        receivers = [VALUE, *(self._receiver(slot) for slot in (*singles, *self._sources))]
        self._receivers = receivers + [DISCARD] * (-len(receivers) % lanes)
        self.total = arena.take(len(self._receivers) * self.vector)  # the first of the sums is that of the values
        self._sum = {slot: self.total + (1 + i) * self.vector for i, slot in enumerate(singles)}
        self._weight_sums = self.total + (1 + len(singles)) * self.vector

    def _receiver(self, slot: int) -> int:
        """Where the sum of a shared slot's adjoints goes."""
        return self.shared.adjoint(slot) if self.tape.depends_on_wanted[slot] else DISCARD

    def _from_data(self, step: Matrix) -> bool:
        """Whether a matrix reads nothing but inputs: it takes them from the data as they are."""
        return all(slot < self.tape.leaves for slot in step.operands)

    def _in_data(self, slot: int, vectors: int) -> int:
        """The place of an input in the data of so many vectors."""
        return (slot - self.tape.parameters) * vectors * self.vector

    def _inputs_to_copy(self) -> list[int]:
        """The inputs that are read by other steps, or are outputs: they get slots."""
        read = set(self.tape.outputs)
        for step in self.steps:
            if isinstance(step, Group):
                read.update(step.x, step.y)
            else:
                read.update(step.start, () if self._from_data(step) else step.operands)
        return [slot for slot in range(self.tape.parameters, self.tape.leaves) if slot in read]

    def _operands(self, step: Matrix, vectors: int) -> list[int]:
        """The cell with the base of the operands, and their offsets from it."""
        if self._from_data(step):
            return [DATA, *(self._in_data(slot, vectors) for slot in step.operands)]
        return [ARENA, *(self._primal[slot] for slot in step.operands)]

    def _shared_operands(self) -> list[int]:
        """The shared slots that single operations read, and through which an adjoint flows."""
        tape = self.tape
        met: dict[int, None] = {}
        for step in self.steps:
            if isinstance(step, Group):
                met |= {slot: None for slot in (*step.x, *step.y) if tape.depends_on_wanted[slot] and not self._varies[slot]}
        return list(met)

    def _row_bands(self, step: Matrix) -> list[RowBand]:
        """Tiles of so many rows, and one of the rows that are left."""
        whole = len(step.out) // self._height * self._height
        shared = bool(step.start) and not self._varies[step.start[0]]
        kind = "shared" if shared else "example" if step.start else "none"
        parts = ((0, whole, self._height), (whole, len(step.out), len(step.out) - whole))
        return [RowBand(step, kind, first, stop, height) for first, stop, height in parts if stop > first]

    # --- streams around the blocks -----------------------------------------------------------------------------------

    def before(self, stream: Stream) -> None:
        """Take in the parameters, compute what is shared, pack the weights."""
        self.shared.load(stream)
        self.shared.forward(stream)
        if self._sources:
            stream.add(Gather(), len(self._sources), self._pack, *(self.shared.primal[slot] for slot in self._sources))

    def clear(self, stream: Stream, gradient: bool) -> None:
        """Set the sums to 0: that of the values, and those of shared operands; those of weights begin with the first block."""
        stream.add(Fill(1), 1, VALUE, 0)
        stream.add(Fill(self.lanes), 1 + len(self._sum) if gradient else self.lanes, self.total, 0)
        if gradient:
            self.shared.clear(stream)
            if not self._varies[self.tape.outputs[0]]:
                stream.add(Copy(1), 1, self.full, self.shared.adjoint(self.tape.outputs[0]))

    def _sums(self, gradient: bool) -> int:
        return len(self._receivers) if gradient else self.lanes

    def wipe(self, stream: Stream, gradient: bool) -> None:
        """After the vector that is not full: the sums of values and of shared operands."""
        places = [self.total, *(self._sum.values() if gradient else ())]
        stream.add(MaskToZero(self.lanes), len(places), self.partial, *places)

    def after(self, stream: Stream, gradient: bool) -> None:
        """Add up the lanes, and go back through what is shared."""
        count = self._sums(gradient)
        targets = self._receivers if gradient else [VALUE] + [DISCARD] * (self.lanes - 1)
        reduce = Reduce(self.lanes)
        stream.add(reduce, count // reduce.group, self.total, *targets)
        if not self._varies[self.tape.outputs[0]]:
            stream.add(Copy(1), 1, self.shared.primal[self.tape.outputs[0]], VALUE)
        if gradient:
            self.shared.backward(stream)
            self.shared.give(stream)

    # --- streams of a block ------------------------------------------------------------------------------------------

    def forward(self, stream: Stream, vectors: int) -> None:
        """Take in the examples and run the steps."""
        places = self._places(vectors, AccumulationPlan(()))
        if self._copied:
            words = [word for slot in self._copied for word in (self._in_data(slot, vectors), self._primal[slot])]
            stream.add(Examples(self.lanes), len(self._copied), vectors, DATA, *words)
        for first, *rest in self._forward:
            if isinstance(first, Group):
                places.forward(stream, first)
            else:
                for band in self._bands[first.out[0]]:
                    self._matrix_forward(stream, vectors, band, rest)

    def outputs(self, stream: Stream, vectors: int) -> None:
        """Give out the outputs that differ between examples."""
        slots = [slot for slot in self.tape.outputs if self._varies[slot]]
        if slots:
            stream.add(Outputs(self.lanes), len(slots), vectors, RESULTS, *(self._primal[slot] for slot in slots))

    def tally(self, stream: Stream, vectors: int) -> None:
        """Add the values to their sum."""
        [output] = self.tape.outputs
        if self._varies[output]:
            stream.add(AddToTotal(self.lanes), vectors, self._primal[output], self.total)

    def apart(self, stream: Stream) -> None:
        """A vector of examples there and back: give out each one's value, and the adjoints of its wanted leaves."""
        tape = self.tape
        self.clear(stream, True)
        self.forward(stream, 1)
        self.tally(stream, 1)
        self.backward(stream, 1, self.full, first=True)
        sums = dict(self._sum)
        for i, slot in enumerate(self._sources):
            place = self._weight_sums + i * self.vector
            if (
                tape.depends_on_wanted[slot] and sums.setdefault(slot, place) != place
            ):  # it stands at several places of matrices
                stream.add(AddToTotal(self.lanes), 1, place, sums[slot])
        adjoints = sums | {
            slot: self._adjoint[slot] for slot in range(tape.parameters, tape.num_differentiated) if slot in self._adjoint
        }
        places = [self.total, *(adjoints.get(slot, self.zeros) for slot in range(tape.num_differentiated))]
        places += [self.zeros] * (-len(places) % self.lanes)
        stream.add(Scatter(self.lanes), len(places) // self.lanes, RESULTS, len(places) * WORD_BYTES, *places)

    def backward(self, stream: Stream, vectors: int, mask: int, first: bool) -> None:
        """Seed the adjoint of the output with the mask, and run the steps in reverse; the first block begins the sums."""
        output = self.tape.outputs[0]
        if output not in self._adjoint:
            return
        stream.add(Copy(self.lanes), vectors, mask, self._adjoint[output])
        actions = AccumulationPlan(self.tape.depends_on_wanted, [output, *self._sum])
        places = self._places(vectors, actions)
        begun: set[object] = set()
        for step, *rest in self._backward:
            if isinstance(step, Group):
                places.backward(stream, step)
                continue
            if not self.tape.depends_on_wanted[step.out[0]]:
                continue
            if step.start and self._varies[step.start[0]]:
                places.backward(stream, Group(ADD, step.start, step.start, step.out), only_first=True)
            if mask == self.partial:
                self._wipe_factors(stream, step)
            bands = self._bands[step.out[0]]
            for band in bands:
                self._matrix_operands(stream, vectors, band, actions, rest if band is bands[-1] else [])
                self._matrix_weights(stream, vectors, band, first and band.key not in begun)
                begun.add(band.key)

    def _wipe_factors(self, stream: Stream, step: Matrix) -> None:
        """Let idle lanes add 0 to the sums of the weights: 0 times 0, whatever was there."""
        places = [self._adjoint[slot] for slot in step.out]
        if not self._from_data(step):
            places += [self._primal[slot] for slot in step.operands]
        stream.add(MaskToZero(self.lanes), len(places), self.partial, *places)

    def _places(self, vectors: int, actions: AccumulationPlan) -> Addressing:
        varies, shared = self._varies, self.shared.primal
        return Addressing(
            self.lanes,
            vectors,
            lambda slot: (
                self._primal.get(slot, 0) if varies[slot] else shared[slot]
            ),  # 0: of one that is passing, and never read
            lambda slot: self._adjoint[slot] if varies[slot] else self._sum[slot],
            lambda slot: "v" if varies[slot] else "s",
            actions,
        )

    # --- matrices ----------------------------------------------------------------------------------------------------

    def _matrix_forward(self, stream: Stream, vectors: int, band: RowBand, activation: Unit) -> None:
        unseen = passing(self.tape, [band.step, *activation])
        kernel = MatrixForward(Tile(self.lanes, vectors, band.height), band.start, _operation(activation), bool(unseen))
        words = self._operands(band.step, vectors)
        for tile in band.tiles():
            words += [self._primal[band.step.out[i]] for i in tile if not unseen]
            if band.start == "example":
                words += [self._primal[band.step.start[i]] for i in tile]
            words += [self._primal[step.out[i]] for step in activation for i in tile]
        pack = self._pack + self._packed[band.key] * WORD_BYTES
        stream.add(kernel, len(band.tiles()), len(band.step.operands), pack, *words)

    def _matrix_operands(
        self, stream: Stream, vectors: int, band: RowBand, actions: AccumulationPlan, activation: Unit
    ) -> None:
        columns: list[list[int]] = []
        given = {out: x for rows in activation if isinstance(rows, Group) for x, out in zip(rows.x, rows.out, strict=True)}
        for j, slot in enumerate(band.step.operands):
            action = actions(slot)
            if action == "none":
                continue
            adjoint = self._adjoint[slot]
            columns.append([band.column(j) * WORD_BYTES, adjoint if action == "add" else self.zeros, adjoint])
            if slot in given:
                actions(given[slot])
                columns[-1][2:] = [self._adjoint[given[slot]], self._primal.get(given[slot], 0), self._primal[slot]]
        rows = [self._adjoint[band.step.out[i]] for i in range(band.first, band.stop)]
        pack = self._pack + self._packed[band.key] * WORD_BYTES
        fours = len(columns) // TILE_COLUMNS * TILE_COLUMNS
        for width, some in ((TILE_COLUMNS, columns[:fours]), (1, columns[fours:])):
            if some:
                kernel = MatrixOperands(Tile(self.lanes, vectors, band.height), width, _operation(activation))
                counts = (len(band.tiles()), len(some), pack, band.size() * WORD_BYTES)
                stream.add(kernel, *counts, *chain(*some), *rows)

    def _matrix_weights(self, stream: Stream, vectors: int, band: RowBand, begin: bool) -> None:
        step = band.step
        if any(self.tape.depends_on_wanted[slot] for slot in band.slots):
            words = self._operands(step, vectors)
            words += [self._adjoint[step.out[i]] for i in range(band.first, band.stop)]
            sums = self._weight_sums + self._packed[band.key] * self.vector
            kernel = MatrixWeights(Tile(self.lanes, vectors, band.height), band.start == "shared")
            origin = (self.zeros, 0) if begin else (sums, band.height * self.vector)
            stream.add(kernel, len(band.tiles()), len(step.operands), sums, *origin, *words)


class RowBand:
    """Group ``first`` to ``stop`` of a matrix, in tiles of ``height``; ``start`` as in ``MatrixForward``."""

    def __init__(self, step: Matrix, start: str, first: int, stop: int, height: int) -> None:
        self.step, self.start, self.first, self.stop, self.height = step, start, first, stop, height
        self.slots = self._weights_in_tiles()
        self.key = (height, start == "shared", len(step.operands), tuple(self.slots))  # equal: the same weights

    def tiles(self) -> list[range]:
        """The rows of each tile."""
        return [range(i, i + self.height) for i in range(self.first, self.stop, self.height)]

    def size(self) -> int:
        """How many numbers a tile has."""
        return self.height * (len(self.step.operands) + (self.start == "shared"))

    def column(self, j: int) -> int:
        """How many numbers of a tile stand before column j."""
        return self.height * (j + (self.start == "shared"))

    def _weights_in_tiles(self) -> list[int]:
        """The slots of the weights in the order in which the kernels read them."""
        slots: list[int] = []
        for tile in self.tiles():
            if self.start == "shared":
                slots += [self.step.start[i] for i in tile]
            for column in zip(*(self.step.weights[i] for i in tile), strict=True):
                slots += column
        return slots


def _operation(activation: Unit) -> Op | None:
    """The operation that runs with a matrix, if there is one."""
    return next((step.op for step in activation if isinstance(step, Group)), None)


def split(examples: int, lanes: int, unroll: int) -> tuple[int, int, int]:
    """How many examples there are in a vector that is not full, how many single vectors, and how many blocks of ``unroll`` vectors.

    >>> split(100, 8, 4), split(64, 8, 4), split(3, 4, 2)
    ((4, 0, 3), (0, 0, 2), (3, 0, 0))
    """
    vectors, partial = divmod(examples, lanes)
    blocks, singles = divmod(vectors, unroll)
    return partial, singles, blocks
