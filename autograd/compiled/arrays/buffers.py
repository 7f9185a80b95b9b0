"""Sheets: the numbers and adjoints of many slots as the lines of two arrays, and the actions of the steps on them.

A sheet is made once for a tape and a number of examples: every action knows its slices, and a call does nothing but run them. What
all examples share is on one sheet, ``Once``, and what differs between them on another, ``Frame``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.compiled.arrays import ufuncs
from autograd.compiled.arrays.long_sums import AnyStep, Sum
from autograd.compiled.steps import Group, Matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autograd.compiled.arrays.executor import Arrays
    from autograd.compiled.executor import Array

Action = Callable[[], None]


class Sheet:
    """Slots as the lines of two arrays, numbers and adjoints, and the actions of the steps on them."""

    numbers: Array
    adjoints: Array

    def __init__(self, executor: Arrays, steps: Sequence[AnyStep], once: Once | None) -> None:
        self._executor, self._once = executor, once
        self._readers: dict[tuple[int, ...], Callable[[], Array]] = {}
        self._forward: list[Action] = []
        self._backward: list[Action] = []
        self._cleared: list[int] = []  # lines of adjoints that start from 0, since what is given first does not cover them
        self._met = set(self._given())
        for step in steps:
            self._forward.append(self._forwards(step))
        for step in reversed(steps):
            lines = [executor.place[slot] for slot in step.out]
            if self._met.isdisjoint(lines) or not any(executor.tape.carries_gradient[slot] for slot in step.out):
                continue
            self._clear(lines)
            self._backward += self._backwards(step)
        self._cleared = sorted(set(self._cleared))

    def _given(self) -> list[int]:
        """The lines whose adjoints have a value before the backward pass begins."""
        raise NotImplementedError

    def _clear(self, lines: Sequence[int]) -> None:
        """Let these lines of adjoints start from 0, unless something was given to them before."""
        self._cleared += [line for line in lines if line not in self._met]
        self._met.update(lines)

    def _forwards(self, step: AnyStep) -> Action:
        return (
            self._matrix(step) if isinstance(step, Matrix) else self._sum(step) if isinstance(step, Sum) else self._rows(step)
        )

    def _backwards(self, step: AnyStep) -> list[Action]:
        if isinstance(step, Sum):
            return self._sum_back(step)
        return self._matrix_back(step) if isinstance(step, Matrix) else self._rows_back(step)

    # --- forward --------------------------------------------------------------------------------------------------------

    def _rows(self, step: Group) -> Action:
        compute, out = ufuncs.value(step.op), self._lines(self.numbers, step.out)
        reads = [self._reader(slots) for slots in (step.x, step.y) if slots]
        if len(reads) == 1:
            [x] = reads
            return lambda: compute(x(), out)
        x, y = reads
        return lambda: compute(x(), y(), out)

    def _matrix(self, step: Matrix) -> Action:
        weights, x, out = self._weights(step), self._reader(step.operands), self._lines(self.numbers, step.out)
        if not step.start:
            return lambda: _product(weights, x(), out)
        start = self._reader(step.start)

        def act() -> None:
            _product(weights, x(), out)
            np.add(out, start(), out=out)

        return act

    def _sum(self, step: Sum) -> Action:
        out = self._lines(self.numbers, step.out)[0]
        first, *rest = [
            _read(self._numbers_of(slots), [self._executor.place[slot] for slot in slots], _following)
            for slots in self._by_kind(step.terms)
        ]

        def act() -> None:
            np.add.reduce(first(), axis=0, out=out)
            for read in rest:  # what is shared by all examples
                np.add(out, read().sum(axis=0), out=out)

        return act

    def _by_kind(self, slots: Sequence[int]) -> list[list[int]]:
        """The slots that differ between examples, and those that do not; without what is empty."""
        kinds = [[slot for slot in slots if self._is_shared([slot]) == shared] for shared in (False, True)]
        return [each for each in kinds if each]

    def _weights(self, step: Matrix) -> Array:
        assert self._once is not None
        return self._once.gathered(step.weights)[0]

    def _reader(self, slots: Sequence[int]) -> Callable[[], Array]:
        """The numbers in these slots: a slice, one line for all, or lines gathered. Asked again it is the same."""
        key = tuple(slots)
        if key not in self._readers:
            self._readers[key] = _read(self._numbers_of(slots), [self._executor.place[slot] for slot in slots], _together)
        return self._readers[key]

    def _numbers_of(self, slots: Sequence[int]) -> Array:
        return self._once.numbers if self._is_shared(slots) else self.numbers  # type: ignore[union-attr]

    def _is_shared(self, slots: Sequence[int]) -> bool:
        return self._once is not None and not self._executor.tape.per_example[slots[0]]

    def _lines(self, array: Array, slots: Sequence[int]) -> Array:
        """The lines that a step computes, which stand together."""
        first = self._executor.place[slots[0]]
        return array[first : first + len(slots)]

    # --- backward -------------------------------------------------------------------------------------------------------

    def _rows_back(self, step: Group) -> list[Action]:
        adjoint, out = self._lines(self.adjoints, step.out), self._lines(self.numbers, step.out)
        reads = [self._reader(slots) for slots in (step.x, step.y) if slots]
        actions = []
        for index, slots in enumerate((step.x, step.y)[: len(reads)]):
            text = step.op.partials[index]
            if text == "0" or not any(self._executor.tape.carries_gradient[slot] for slot in slots):
                continue
            give = self._giver(slots)
            if text in ("1", "-1"):
                actions.append(_passes_on(give, adjoint, negative=text == "-1"))
            else:
                actions.append(_multiplies(give, ufuncs.partial(step.op, index), reads, out, adjoint))
        return actions

    def _sum_back(self, step: Sum) -> list[Action]:
        adjoint = self._lines(self.adjoints, step.out)
        wanted = [slot for slot in step.terms if self._executor.tape.carries_gradient[slot]]
        return [
            _passes_on(self._giver(slots), np.broadcast_to(adjoint, (len(slots), adjoint.shape[1])))
            for slots in self._by_kind(wanted)
        ]

    def _matrix_back(self, step: Matrix) -> list[Action]:
        assert self._once is not None
        adjoint, x, actions = self._lines(self.adjoints, step.out), self._reader(step.operands), []
        weights, slopes = self._once.gathered(step.weights)
        scratch = np.empty_like(slopes)
        leads = self._executor.tape.carries_gradient

        def add_slopes() -> None:
            _product(adjoint, x().T, scratch)
            np.add(slopes, scratch, out=slopes)

        if any(leads[slot] for row in step.weights for slot in row):
            actions.append(add_slopes)
        if any(leads[slot] for slot in step.operands):
            give, back = self._giver(step.operands), weights.T
            actions.append(lambda: give(back @ adjoint))
        if step.start and any(leads[slot] for slot in step.start):
            actions.append(_passes_on(self._giver(step.start), adjoint))
        return actions

    def _giver(self, slots: Sequence[int]) -> Callable[[Array], None]:
        """What adds contributions, a line for each slot, to the adjoints; of lines that have none yet it assigns them."""
        lines = [self._executor.place[slot] for slot in slots]
        if self._is_shared(slots):
            assert self._once is not None
            return _summed_over_examples(self._once.adjoints, lines)
        first = self._met.isdisjoint(lines)
        if first:
            self._met.update(lines)
        else:
            self._clear(lines)
        return _into(self.adjoints, lines, first)


class Once(Sheet):
    """What all examples share: parameters, constants and what is computed of them alone, once per call."""

    def __init__(self, executor: Arrays) -> None:
        self.numbers, self.adjoints = np.zeros((executor.shared, 1)), np.zeros((executor.shared, 1))
        tape = executor.tape
        self.numbers[tape.parameters : tape.parameters + len(tape.constants), 0] = tape.constants
        self._matrices: dict[bytes, tuple[NDArray[np.intp], Array, Array]] = {}
        super().__init__(executor, executor.once, None)

    def _given(self) -> list[int]:
        return list(range(self._executor.shared))

    def gathered(self, slots: list[list[int]]) -> tuple[Array, Array]:
        """The matrix of the numbers in these slots, and one for their slopes."""
        index = np.array([[self._executor.place[slot] for slot in row] for row in slots])
        key = index.tobytes() + bytes(index.shape[1:])
        if key not in self._matrices:
            self._matrices[key] = index, np.empty(index.shape), np.empty(index.shape)
        return self._matrices[key][1:]

    def start(self, theta: Array) -> None:
        """Compute what is shared."""
        self.numbers[: len(theta), 0] = theta
        for act in self._forward:
            act()
        flat = self.numbers[:, 0]
        for index, weights, slopes in self._matrices.values():
            flat.take(index, out=weights)
            slopes.fill(0.0)
        self.adjoints.fill(0.0)

    def finish(self) -> Array:
        """The gradient in the parameters, when all blocks have given what they have."""
        flat = self.adjoints[:, 0]
        for index, _, slopes in self._matrices.values():
            flat += np.bincount(index.ravel(), slopes.ravel(), minlength=len(flat))
        for act in self._backward:
            act()
        return flat[: self._executor.tape.parameters].copy()


class Frame(Sheet):
    """What differs between examples, for blocks of one size."""

    def __init__(self, executor: Arrays, once: Once, size: int, each_input: bool = False) -> None:
        self.numbers, self.adjoints = np.empty((executor.lines, size)), np.empty((executor.lines, size))
        self._inputs, self._size = executor.tape.inputs, size
        super().__init__(executor, executor.steps, once)
        if each_input:
            self._clear(range(self._inputs))

    def _given(self) -> list[int]:
        [*outputs] = self._executor.tape.outputs
        return [self._executor.place[outputs[0]]] if self._executor.tape.per_example[outputs[0]] else []

    def forward(self, block: Array) -> tuple[float, Array]:
        """Compute the first output of the block: summed, and of each example."""
        self.numbers[: self._inputs] = block
        for act in self._forward:
            act()
        values = self._values(self._executor.tape.outputs[0])
        return float(values.sum()), values

    def outputs(self, block: Array) -> Array:
        """All outputs of the block."""
        self.forward(block)
        return np.stack([self._values(slot) for slot in self._executor.tape.outputs], axis=1)

    def _values(self, slot: int) -> Array:
        line = self._numbers_of([slot])[self._executor.place[slot]]
        return np.broadcast_to(line, (self._size,))

    def backward(self) -> None:
        """Give the adjoints on, from the output back."""
        for line in self._cleared:
            self.adjoints[line] = 0.0
        for line in self._given():
            self.adjoints[line] = 1.0
        for act in self._backward:
            act()
        if not self._given():
            self._once.adjoints[self._executor.place[self._executor.tape.outputs[0]]] += self._size  # type: ignore[union-attr]


# --- actions --------------------------------------------------------------------------------------------------------------


def _read(numbers: Array, lines: Sequence[int], as_slice: Callable[[Sequence[int]], slice | None]) -> Callable[[], Array]:
    where = as_slice(lines)
    if where is not None:
        view = numbers[where]
        return lambda: view
    index = np.array(lines)
    return lambda: numbers.take(index, axis=0)


def _together(lines: Sequence[int]) -> slice | None:
    """The lines as a slice, if they follow each other; if all are one line, that one, for NumPy to repeat."""
    one = len(lines) == 1 or all(line == lines[0] for line in lines)
    return slice(lines[0], lines[0] + 1) if one else _following(lines)


def _following(lines: Sequence[int]) -> slice | None:
    """The lines as a slice, if they follow each other."""
    first = lines[0]
    return slice(first, first + len(lines)) if list(lines) == list(range(first, first + len(lines))) else None


def _product(a: Array, b: Array, out: Array) -> None:
    np.matmul(a, b, out=out)


def _passes_on(give: Callable[[Array], None], adjoint: Array, negative: bool = False) -> Action:
    return (lambda: give(-adjoint)) if negative else (lambda: give(adjoint))


def _multiplies(
    give: Callable[[Array], None], slope: Callable[..., Any], reads: list[Callable[[], Array]], out: Array, adjoint: Array
) -> Action:
    return lambda: give(slope(*(read() for read in reads), out) * adjoint)


def _into(adjoints: Array, lines: Sequence[int], first: bool) -> Callable[[Array], None]:
    """Contributions to lines of adjoints; those to the same line are added up first."""
    where: Any = _together(lines)
    same = where is not None and len(lines) > 1 and lines[0] == lines[1]
    merge: Callable[[Array], Array] | None = None
    if same:
        merge = _sum_of_lines
    elif where is None:
        where, starts = np.unique(np.sort(lines), return_index=True)
        if len(where) == len(lines):
            where = np.array(lines)
        else:
            order = np.argsort(lines, kind="stable")
            merge = lambda given: np.add.reduceat(given[order], starts, axis=0)  # noqa: E731
    if isinstance(where, slice):
        view = adjoints[where]
        return _assigns(view, merge) if first else _adds(view, merge)

    def give(given: Array) -> None:
        given = given if merge is None else merge(given)
        if first:
            adjoints[where] = given
        else:
            adjoints[where] += given

    return give


def _sum_of_lines(given: Array) -> Array:
    return given.sum(axis=0, keepdims=True)  # type: ignore[no-any-return]


def _assigns(view: Array, merge: Callable[[Array], Array] | None) -> Callable[[Array], None]:
    def give(given: Array) -> None:
        view[...] = given if merge is None else merge(given)

    return give


def _adds(view: Array, merge: Callable[[Array], Array] | None) -> Callable[[Array], None]:
    def give(given: Array) -> None:
        np.add(view, given if merge is None else merge(given), out=view)

    return give


def _summed_over_examples(adjoints: Array, lines: Sequence[int]) -> Callable[[Array], None]:
    """Contributions to what all examples share."""
    index, flat = np.array(lines), adjoints[:, 0]
    return lambda given: np.add.at(flat, index, given.sum(axis=1))
