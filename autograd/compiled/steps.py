r"""Steps: what an executor runs. A tape's instructions, joined where many of them do one thing, which an array or a loop does at once.

Two things are recognised.

*Matrices.* A chain ``z + w1*x1 + w2*x2 + ...`` is one row of a matrix-vector product if its links and products are used
nowhere else. Chains that read the same operands x are the rows of one matrix W:

.. math:: a_i = z_i + \sum_j W_{ij}\,x_j \qquad \bar x_j \mathrel{+}= \sum_i W_{ij}\,\bar a_i \qquad \bar W_{ij} = x_j\,\bar a_i

which are the equations of a layer (S4.79, S4.89) although only scalars were written.

*Groups.* Instructions of one operation that do not read each other's results: the sixteen ``relu`` of a layer.

Two orders are offered. ``steps_by_level`` is for batches: parameters are shared by all examples, what depends on no input is
computed once per call, and what remains is ordered by depth, which makes the largest groups. ``steps_in_order`` is for one
example to the last bit: it follows the tape, and joins instructions only where each slot still takes its contributions in the order
of the eager backward pass, since sums of floats depend on their order.

Both take time linear in the tape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple, TypeAlias

from autograd.compiled.tape import Instruction, Tape
from autograd.ops import ADD, MUL
from autograd.rules.op import Op


class Group(NamedTuple):
    """Equal operations: ``out[i] = op(x[i], y[i])``, none of which reads a result of another. ``y`` is empty if op has one operand."""

    op: Op
    x: list[int]
    y: list[int]
    out: list[int]

    def __str__(self) -> str:
        return f"{len(self.out)} x {self.op.symbol}"


class Matrix(NamedTuple):
    """``out[i] = start[i] + sum_j weights[i][j] * operands[j]``, summed from left to right.

    No operand stands twice. ``start`` is empty if the chains start with a product. ``products[i][j]`` is the slot of the instruction
    that multiplies, ``links[i]`` of the one that adds to the start (or the first two products): they hold no values here, but
    say at which place of the tape a contribution is made.
    """

    weights: list[list[int]]
    operands: list[int]
    start: list[int]
    out: list[int]
    products: list[list[int]]
    links: list[int]

    def __str__(self) -> str:
        return f"matrix {len(self.out)} x {len(self.operands)}{' with bias' if self.start else ''}"


Step: TypeAlias = Group | Matrix


class Steps(NamedTuple):
    """``shared`` runs once per call, before ``examples``, which runs for each example. Backward is the same in reverse."""

    shared: list[Step]
    examples: list[Step]


def steps_by_level(tape: Tape) -> Steps:
    """The steps for a batch. Weights are what all examples share, operands what differs between them.

    Steps whose operands are ready equally early stand together, so a group is as large as it can be.
    """
    kinds = tape.per_example
    chains = _chains(tape, lambda w, x: not kinds[w] and kinds[x])
    level, groups = [0] * tape.num_slots, dict[object, list[Step]]()
    for item in _items(tape, chains, shared=False):
        sources = item.sources
        level[item.slot] = depth = 1 + max(level[source] for source in sources)
        key: object = (depth, item.op, *(kinds[source] for source in sources))
        if isinstance(item, _Chain):
            item.sort()
            key = (
                depth,
                tape.depends_on_wanted[item.slot],
                item.start >= 0 and kinds[item.start],
                item.start >= 0,
                tuple(item.operands),
            )
        _join(groups.setdefault(key, []), item)
    ordered = sorted((step for steps in groups.values() for step in steps), key=lambda step: level[step.out[0]])
    return Steps([step for step in ordered if not kinds[step.out[0]]], [step for step in ordered if kinds[step.out[0]]])


def steps_in_order(tape: Tape, shared: bool = False) -> list[Step]:
    """The steps of all instructions, or only of those that depend on no input, in the order of the tape.

    Weights are parameters, operands anything else. A matrix stands where the first of its rows was complete. Where one would
    change the order of contributions to any slot, its instructions are taken one by one.
    """
    chains = _chains(tape, lambda w, x: w < tape.parameters <= x, shared)
    steps = _in_order(tape, chains, shared)
    for wrong in (_misplaced(steps), set(range(tape.num_slots))):
        touched = {out for step in steps if isinstance(step, Matrix) and _touches(step, wrong) for out in step.out}
        if not touched:
            break
        chains = {end: each for end, each in chains.items() if end not in touched}
        steps = _in_order(tape, chains, shared)
        if not _misplaced(steps):
            break
    return steps


# --- chains ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Chain:
    """``start + w1*x1 + w2*x2 + ...``, known by the slot of its last link."""

    start: int
    slot: int = -1
    weights: list[int] = field(default_factory=list)
    operands: list[int] = field(default_factory=list)
    products: list[int] = field(default_factory=list)
    links: list[int] = field(default_factory=list)
    met: set[int] = field(default_factory=set)
    op: Op = ADD

    @property
    def sources(self) -> Sequence[int]:
        return [*self.operands, self.start] if self.start >= 0 else self.operands

    def add(self, product: int, weight: int, operand: int) -> None:
        self.products.append(product)
        self.weights.append(weight)
        self.operands.append(operand)
        self.met.add(operand)

    def sort(self) -> None:
        """Order the terms by operand, so that chains that read the same ones in another order are rows of one matrix."""
        terms = sorted(zip(self.operands, self.weights, self.products, strict=True))
        self.operands, self.weights, self.products = ([term[i] for term in terms] for i in range(3))


@dataclass(slots=True)
class _Single:
    """An instruction that is a step of its own, until it finds others like it."""

    slot: int
    op: Op
    sources: tuple[int, ...]


_Item: TypeAlias = _Chain | _Single


def _instructions(tape: Tape, shared: bool) -> Iterator[tuple[int, Instruction]]:
    """The instructions with their slots: all, or only those that are shared."""
    for slot, instruction in enumerate(tape.instructions, tape.first_slot):
        if not (shared and tape.per_example[slot]):
            yield slot, instruction


def _chains(tape: Tape, is_product: Callable[[int, int], bool], shared: bool = False) -> dict[int, _Chain]:
    """Each chain of two products or more, by the slot of its last link. ``is_product(w, x)`` says what may be multiplied."""
    uses = tape.uses
    products: dict[int, tuple[int, int]] = {}
    ends: dict[int, _Chain] = {}
    for slot, (op, x, y) in _instructions(tape, shared):
        if op is MUL and uses[slot] == 1 and is_product(x, y) != is_product(y, x):
            products[slot] = (x, y) if is_product(x, y) else (y, x)
        elif op is ADD and (x in products or y in products):
            rest, term = (x, y) if y in products else (y, x)
            _link(ends, products, uses, slot, rest, term)
    return {end: each for end, each in ends.items() if len(each.operands) > 1}


def _link(
    ends: dict[int, _Chain], products: dict[int, tuple[int, int]], uses: Sequence[int], slot: int, rest: int, term: int
) -> None:
    """Let the sum ``rest + term`` go on with the chain that ends in ``rest``, or begin one."""
    _, operand = products[term]
    current = None
    if rest in ends and uses[rest] == 1 and operand not in ends[rest].met:
        current = ends.pop(rest)
    elif rest in products and products[rest][1] != operand:
        current = _Chain(-1)
        current.add(rest, *products[rest])
    if current is None:
        current = _Chain(rest)
    current.add(term, *products[term])
    current.links.append(slot)
    current.slot = slot
    ends[slot] = current


def _items(tape: Tape, chains: dict[int, _Chain], shared: bool) -> Iterator[_Item]:
    """Chains and the instructions that are in none, in the order of the tape."""
    inside = {slot for each in chains.values() for slots in (each.products, each.links) for slot in slots}
    for slot, instruction in _instructions(tape, shared):
        if slot in chains:
            yield chains[slot]
        elif slot not in inside:
            yield _Single(slot, instruction.op, instruction.operands)


def _join(steps: list[Step], item: _Item) -> None:
    """Make the item part of the last of these steps, or the first of them."""
    if isinstance(item, _Chain):
        if not steps:
            steps.append(Matrix([], item.operands, [], [], [], []))
        matrix = steps[-1]
        assert isinstance(matrix, Matrix)
        matrix.weights.append(item.weights)
        matrix.products.append(item.products)
        matrix.links.append(item.links[0])
        if item.start >= 0:
            matrix.start.append(item.start)
    else:
        if not steps:
            steps.append(Group(item.op, [], [], []))
        group = steps[-1]
        assert isinstance(group, Group)
        group.x.append(item.sources[0])
        group.y.extend(item.sources[1:])
    steps[-1].out.append(item.slot)


# --- the order of the tape ------------------------------------------------------------------------------------------


def _in_order(tape: Tape, chains: dict[int, _Chain], shared: bool) -> list[Step]:
    """Steps in the order of the tape. A chain joins the matrix of an earlier one if its start was known there, another instruction the group
    just before it if that is of the same operation and makes none of its operands."""
    place = list(range(tape.num_slots))
    matrices: dict[object, list[Step]] = {}
    placed: list[list[Step]] = []
    last: list[Step] = []
    made: set[int] = set()
    for item in _items(tape, chains, shared):
        if isinstance(item, _Chain):
            key = (item.start >= 0, tuple(item.operands))
            group = matrices.get(key)
            if group is None or (item.start >= 0 and place[item.start] >= place[group[0].out[0]]):
                group = matrices[key] = []
                placed.append(group)
                last = []
            _join(group, item)
            place[item.slot] = place[group[0].out[0]]
        else:
            if not (last and last[0].op is item.op and made.isdisjoint(item.sources)):  # type: ignore[union-attr]
                last, made = [], set()
                placed.append(last)
            _join(last, item)
            made.add(item.slot)
    return [step for steps in placed for step in steps]


def contributions(step: Step) -> Iterator[tuple[int, int]]:
    """What a step gives in the backward pass: (slot that receives, slot of the instruction that gives), in the order of giving."""
    for i in reversed(range(len(step.out))):
        if isinstance(step, Group):
            yield step.x[i], step.out[i]
            if step.y:
                yield step.y[i], step.out[i]
            continue
        for operand, weight, product in zip(step.operands, step.weights[i], step.products[i], strict=True):
            yield operand, product
            yield weight, product
        if step.start:
            yield step.start[i], step.links[i]


def _misplaced(steps: Sequence[Step]) -> set[int]:
    """The slots that would take their contributions in another order than that of the tape, or not in one place.

    In the eager pass instructions give from the last to the first. Two contributions may change places: a + b is b + a.
    """
    last: dict[int, int] = {}
    count: dict[int, int] = {}
    wrong: set[int] = set()
    for step in reversed(steps):
        for slot, giver in contributions(step):
            if giver > last.get(slot, giver):
                wrong.add(slot)
            last[slot] = giver
            count[slot] = count.get(slot, 0) + 1
    return {slot for slot in wrong if count[slot] > 2} | _homeless(steps)


def _homeless(steps: Sequence[Step]) -> set[int]:
    """Weights that stand at several places of matrices, so that their adjoint would be summed in parts; and starts that are
    an operand or a weight of their matrix as well, which would take its contributions in another order."""
    home: dict[int, tuple[int, int, int]] = {}
    known: dict[object, int] = {}
    wrong: set[int] = set()
    for step in steps:
        if isinstance(step, Matrix):
            number = known.setdefault(tuple(map(tuple, step.weights)), len(known))
            for i, row in enumerate(step.weights):
                for j, weight in enumerate(row):
                    if home.setdefault(weight, (number, i, j)) != (number, i, j):
                        wrong.add(weight)
            wrong.update(set(step.start).intersection((*step.operands, *chain(*step.weights))))
    return wrong


def _touches(matrix: Matrix, slots: set[int]) -> bool:
    return any(not slots.isdisjoint(part) for part in (matrix.operands, matrix.start, *matrix.weights))
