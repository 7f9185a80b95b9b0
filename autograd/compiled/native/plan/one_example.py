"""The layout of one example, exact to the last bit; of a batch it runs what all examples share."""

from __future__ import annotations

from collections.abc import Sequence

from autograd.compiled.native.kernels.bitwise_matrices import SingleBackward, SingleForward, Transpose
from autograd.compiled.native.kernels.elementwise import Shape
from autograd.compiled.native.kernels.memory import DATA, THETA, TRASH, ZERO, Fetch, Fill, Put, Stretch
from autograd.compiled.native.plan.stream import WORD, Actions, Arena, Places, Stream, bits
from autograd.compiled.steps import Group, Matrix, Step
from autograd.compiled.tape import Tape
from autograd.ops import ADD

ONE = bits(1.0)


class Single:
    """Where each slot's primal and adjoint are, and the streams of one example.

    Leaves come first, those that are weights of a matrix in its rows; then the results of each step, side by side. Adjoints
    have the same order, ``distance`` bytes on. With ``cleared`` all adjoints start from 0 and others may add to them; else only
    the leaves' do, and inner slots begin with their first contribution.
    """

    def __init__(self, arena: Arena, tape: Tape, steps: Sequence[Step], lanes: int, cleared: bool = False) -> None:
        self.tape, self.steps, self.lanes, self.cleared = tape, steps, lanes, cleared
        self._arena = arena
        self.primal: dict[int, int] = {}
        self._tiles: dict[int, int] = {}  # place of a matrix -> place of its transposed tiles
        self._stored: dict[object, int] = {}
        start = arena.take(0)
        self._place_leaves()
        self._leaves = (start, arena.take(0))
        self._place_results()
        self.distance = arena.take(0) - start
        self._all = (start, arena.take(0))
        arena.take(self.distance)
        self._scratch = arena.take(2 * self._width() * WORD)

    # --- places ------------------------------------------------------------------------------------------------------

    def adjoint(self, slot: int) -> int:
        """The place of a slot's adjoint."""
        return self.primal[slot] + self.distance

    def _padded(self, count: int) -> int:
        return -(-count // self.lanes) * self.lanes

    def _width(self) -> int:
        return max((self._padded(len(step.operands)) for step in self.steps if isinstance(step, Matrix)), default=0)

    def _matrices(self) -> list[Matrix]:
        return [step for step in self.steps if isinstance(step, Matrix)]

    def _place_leaves(self) -> None:
        for matrix in self._matrices():
            key = _key(matrix)
            if key not in self._stored:
                width = self._padded(len(matrix.operands))
                place = self._stored[key] = self._arena.take(len(matrix.out) * width * WORD)
                for i, row in enumerate(matrix.weights):
                    for j, weight in enumerate(row):
                        self.primal[weight] = place + (i * width + j) * WORD
        tape = self.tape
        others = [slot for slot in range(tape.first_slot) if slot not in self.primal]  # in a batch these are all
        place = self._arena.take(len(others) * WORD)
        self.primal |= {slot: place + i * WORD for i, slot in enumerate(others)}
        for slot, constant in enumerate(tape.constants, start=tape.leaves):
            self._arena.constants[self.primal[slot]] = constant

    def _place_results(self) -> None:
        for step in self.steps:
            count = len(step.out)
            place = self._arena.take((self._padded(count) if isinstance(step, Matrix) else count) * WORD)
            self.primal |= {slot: place + i * WORD for i, slot in enumerate(step.out)}
        for matrix in self._matrices():
            place = self._stored[_key(matrix)]
            if place not in self._tiles:
                self._tiles[place] = self._arena.take(self._padded(len(matrix.out)) * len(matrix.operands) * WORD)

    # --- streams -----------------------------------------------------------------------------------------------------

    def load(self, stream: Stream) -> None:
        """Take in the parameters; once per call."""
        self.fetch(stream, range(self.tape.parameters), THETA)
        done: set[int] = set()
        for matrix in self._matrices():
            place = self._stored[_key(matrix)]
            if place not in done:
                done.add(place)
                width = self._padded(len(matrix.operands)) * WORD
                stream.add(Transpose(self.lanes), len(matrix.out), len(matrix.operands), width, place, self._tiles[place])

    def example(self, stream: Stream) -> None:
        """Take in the inputs of the next example."""
        self.fetch(stream, range(self.tape.parameters, self.tape.leaves), DATA)

    def fetch(self, stream: Stream, slots: Sequence[int], cell: int) -> None:
        """Take in numbers from an array."""
        places = [self.primal[slot] for slot in slots]
        if _adjacent(places):
            stream.add(Stretch(True), len(places) * WORD, cell, places[0])
        elif places:
            stream.add(Fetch(), len(places), cell, *places)

    def forward(self, stream: Stream) -> None:
        """The steps."""
        places = self._places(Actions(()))
        for step in self.steps:
            if isinstance(step, Group):
                places.forward(stream, step)
            else:
                place = self._tiles[self._stored[_key(step)]]
                rows = self._padded(len(step.out))
                words = [self.primal[slot] for slot in step.operands]
                if step.start:
                    words += [self.primal[slot] for slot in step.start] + [ZERO] * (rows - len(step.out))
                counts = (rows // self.lanes, len(step.operands))
                stream.add(SingleForward(self.lanes, bool(step.start)), *counts, place, self.primal[step.out[0]], *words)

    def clear(self, stream: Stream) -> None:
        """Set the adjoints to 0 to which contributions are added from the first."""
        start, end = self._all if self.cleared else self._leaves
        if end > start:
            stream.add(Fill(8), (end - start) // (8 * WORD), start + self.distance, 0)

    def seed(self, stream: Stream, output: int) -> None:
        """Let the adjoint of the output be 1."""
        stream.add(Fill(1), 1, self.adjoint(output), ONE)

    def backward(self, stream: Stream, output: int | None) -> None:
        """The steps in reverse; ``output`` is the slot that was seeded."""
        tape = self.tape
        met: set[int] = set(range(tape.num_slots)) if self.cleared else set(range(tape.first_slot))
        places = self._places(Actions(tape.depends_on_wanted, met | ({output} if output is not None else set())))
        for step in reversed(self.steps):
            if isinstance(step, Group):
                places.backward(stream, step)
                continue
            matrix, width = self._stored[_key(step)], self._padded(len(step.operands))
            if step.start:
                places.backward(stream, Group(ADD, step.start, step.start, step.out), only_first=True)
            passes_on = any(tape.depends_on_wanted[slot] for slot in step.operands)
            words: list[int] = []
            for slot in step.operands:
                words.append(self.primal[slot])
                if passes_on:
                    action = places.action(slot)
                    words.append(self.adjoint(slot) if action == "add" else ZERO)
                    words.append(self.adjoint(slot) if action != "none" else TRASH)
            counts = (len(step.out), len(step.operands), width // self.lanes)
            addresses = (matrix, matrix + self.distance, self.adjoint(step.out[0]), self._scratch)
            stream.add(SingleBackward(self.lanes, passes_on), *counts, *addresses, *words)

    def put(self, stream: Stream, places: Sequence[int], cell: int, add: bool = False) -> None:
        """Give out the numbers at these places, or add them to what was given out before."""
        if _adjacent(places) and not add:
            stream.add(Stretch(False), len(places) * WORD, cell, places[0])
        elif places:
            stream.add(Put(add), len(places), cell, *places)

    def adjoints(self, count: int) -> list[int]:
        """The places of the adjoints of the first ``count`` leaves."""
        return [self.adjoint(slot) for slot in range(count)]

    def _places(self, actions: Actions) -> Places:
        return Places(Shape(1, True), 1, self.primal.__getitem__, self.adjoint, lambda slot: "v", actions)


def _key(matrix: Matrix) -> object:
    return tuple(map(tuple, matrix.weights))


def _adjacent(places: Sequence[int]) -> bool:
    """Whether many places stand side by side."""
    return len(places) > 8 and list(places) == list(range(places[0], places[0] + len(places) * WORD, WORD))
