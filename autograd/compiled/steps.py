r"""Steps: what an executor runs. A step joins instructions of a tape that one array operation or one loop can run together.

Two kinds are recognised.

*Matrices.* A chain ``z + w1*x1 + w2*x2 + ...`` is one row of a matrix-vector product if its links (the
partial sums) and its products are used nowhere else. Chains that read the same operands x are the rows of one matrix W:

.. math:: a_i = z_i + \sum_j W_{ij}\,x_j \qquad \bar x_j \mathrel{+}= \sum_i W_{ij}\,\bar a_i \qquad \bar W_{ij} = x_j\,\bar a_i

These are the equations of a layer (S4.79, S4.89), found although the user wrote only scalars.

*Groups.* Instructions of one operation that do not read each other's results, such as the sixteen ``relu`` of a layer. A choice,
:math:`[c]\,a + [\text{not } c]\,b`, is three instructions of a tape, and one operation of a step: ``CHOICE``.

All examples share the parameters. Steps that depend on no input run once per call, and the others are ordered by depth, which makes the
largest groups. It takes time linear in the length of the tape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from autograd.compiled.tape import Tape
from autograd.ops import ADD, MAXIMUM, MUL, SUB, UNLESS, WHEN
from autograd.rules.op import Op


class Choice(Op):
    """``y`` where the condition ``x`` is 1, and ``z`` where it is 0: a row of three operands, which is not of the table."""

    operands = ("x", "y", "z")

    def __init__(self) -> None:
        self.name = self.symbol = "where"
        self.value, self.partials = (
            "0 + (z if x == 0 else y)",
            ("0", "when(x, 1)", "unless(x, 1)"),
        )  # 0 + -0.0 is 0.0, as in sums
        self.c = None


CHOICE = Choice()


class Group(NamedTuple):
    """``out[i] = op(x[i], y[i])``, where no instruction reads the result of another; ``columns`` are x, and y if op reads it."""

    op: Op
    columns: list[list[int]]
    out: list[int]

    def __str__(self) -> str:
        return f"{len(self.out)} x {self.op.symbol}"


class Matrix(NamedTuple):
    """``out[i] = start[i] + sum_j weights[i][j] * operands[j]``, summed from left to right.

    The operands are all different. ``start`` is empty if the chains start with a product.
    """

    weights: list[list[int]]
    operands: list[int]
    start: list[int]
    out: list[int]

    def __str__(self) -> str:
        return f"matrix {len(self.out)} x {len(self.operands)}{' with bias' if self.start else ''}"


Step: TypeAlias = Group | Matrix


class Steps(NamedTuple):
    """``shared`` runs once per call, then ``examples`` for each example. The backward pass runs both in reverse."""

    shared: list[Step]
    examples: list[Step]


def steps_by_level(tape: Tape, varies: Sequence[bool] | None = None) -> Steps:
    """The steps. All examples share the weights of a matrix; its operands differ between examples.

    ``varies`` says of each slot whether it differs between examples; it is ``tape.per_example`` unless given. Equal operations of the
    same depth form one group, so groups are as large as they can be.
    """
    varies = tape.per_example if varies is None else varies
    chains = _chains(tape, lambda w, x: not varies[w] and varies[x])
    level, groups = [0] * tape.num_slots, dict[object, list[Step]]()
    for item in _items(tape, chains):
        sources = item.sources
        level[item.slot] = depth = 1 + max(level[source] for source in sources)
        key: object = (depth, item.op, *(varies[source] for source in sources))
        if isinstance(item, _Chain):
            item.sort()
            key = (
                depth,
                tape.has_adjoint[item.slot],
                item.start >= 0 and varies[item.start],
                item.start >= 0,
                tuple(item.operands),
            )
        _join(groups.setdefault(key, []), item)
    ordered = sorted((step for steps in groups.values() for step in steps), key=lambda step: level[step.out[0]])
    return Steps([step for step in ordered if not varies[step.out[0]]], [step for step in ordered if varies[step.out[0]]])


# --- chains ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Chain:
    """``start + w1*x1 + w2*x2 + ...``; ``slot`` is that of its last link, ``start`` is -1 if the chain starts with a product."""

    start: int
    slot: int = -1
    weights: list[int] = field(default_factory=list)
    operands: list[int] = field(default_factory=list)
    products: list[int] = field(default_factory=list)
    links: list[int] = field(default_factory=list)
    known_operands: set[int] = field(default_factory=set)
    op: Op = ADD

    @property
    def sources(self) -> Sequence[int]:
        return [*self.operands, self.start] if self.start >= 0 else self.operands

    def add(self, product: int, weight: int, operand: int) -> None:
        self.products.append(product)
        self.weights.append(weight)
        self.operands.append(operand)
        self.known_operands.add(operand)

    def sort(self) -> None:
        """Order the terms by operand: chains that read the same operands in another order then are rows of one matrix."""
        terms = sorted(zip(self.operands, self.weights, strict=True))
        self.operands, self.weights = ([term[i] for term in terms] for i in range(2))


@dataclass(slots=True)
class _Single:
    """An instruction that is in no chain."""

    slot: int
    op: Op
    sources: tuple[int, ...]


_Item: TypeAlias = _Chain | _Single


def _chains(tape: Tape, is_product: Callable[[int, int], bool]) -> dict[int, _Chain]:
    """Each chain of two products or more, by the slot of its last link. ``is_product(w, x)``: whether w may be a weight of x."""
    uses = tape.uses
    products: dict[int, tuple[int, int]] = {}
    ends: dict[int, _Chain] = {}
    for slot, (op, x, y) in enumerate(tape.instructions, tape.first_slot):
        if op is MUL and uses[slot] == 1 and is_product(x, y) != is_product(y, x):
            products[slot] = (x, y) if is_product(x, y) else (y, x)
        elif op is ADD and (x in products or y in products):
            rest, term = (x, y) if y in products else (y, x)
            _link(ends, products, uses, slot, rest, term)
    return {end: found for end, found in ends.items() if len(found.operands) > 1}


def _link(
    ends: dict[int, _Chain], products: dict[int, tuple[int, int]], uses: Sequence[int], slot: int, rest: int, term: int
) -> None:
    """Let the sum ``rest + term`` continue the chain that ends in ``rest``, or begin one."""
    _, operand = products[term]
    current = None
    if rest in ends and uses[rest] == 1 and operand not in ends[rest].known_operands:
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


# --- choices --------------------------------------------------------------------------------------------------------


def _choices(tape: Tape) -> tuple[dict[int, tuple[int, int, int]], set[int]]:
    """Each choice by the slot of its sum: the condition and the two sides; and the slots of the terms, which nothing else reads."""
    is_condition = _conditions(tape)
    choices: dict[int, tuple[int, int, int]] = {}
    brackets: set[int] = set()
    for slot, (op, *terms) in enumerate(tape.instructions, tape.first_slot):
        if op is ADD and all(term >= tape.first_slot and tape.uses[term] == 1 for term in terms):
            kept = {tape.instructions[term - tape.first_slot].op: tape.instructions[term - tape.first_slot] for term in terms}
            if kept.keys() == {WHEN, UNLESS} and kept[WHEN].x == kept[UNLESS].x and is_condition[kept[WHEN].x]:
                choices[slot] = (kept[WHEN].x, kept[WHEN].y, kept[UNLESS].y)
                brackets.update(terms)
    return choices, brackets


def _conditions(tape: Tape) -> list[bool]:
    """For each slot whether its number is always 1 or 0: a comparison, or conditions joined."""
    found = [False] * tape.leaves + [constant in (0, 1) for constant in tape.constants]
    for op, x, y in tape.instructions:
        joined = op in (MUL, MAXIMUM) and found[x] and found[y]
        negated = op is SUB and tape.leaves <= x < tape.first_slot and tape.constants[x - tape.leaves] == 1 and found[y]
        found.append(op.is_comparison or joined or negated)
    return found


def _items(tape: Tape, chains: dict[int, _Chain]) -> Iterator[_Item]:
    """The chains, and the instructions that are in none, in the order of the tape."""
    choices, brackets = _choices(tape)
    inside = {slot for found in chains.values() for slots in (found.products, found.links) for slot in slots} | brackets
    for slot, instruction in enumerate(tape.instructions, tape.first_slot):
        if slot in chains:
            yield chains[slot]
        elif slot in choices:
            yield _Single(slot, CHOICE, choices[slot])
        elif slot not in inside:
            yield _Single(slot, instruction.op, instruction.operands)


def _join(steps: list[Step], item: _Item) -> None:
    """Add the item to the last of these steps; if there is none, it becomes the first."""
    if isinstance(item, _Chain):
        if not steps:
            steps.append(Matrix([], item.operands, [], []))
        matrix = steps[-1]
        assert isinstance(matrix, Matrix)
        matrix.weights.append(item.weights)
        if item.start >= 0:
            matrix.start.append(item.start)
    else:
        if not steps:
            steps.append(Group(item.op, [[] for _ in item.sources], []))
        group = steps[-1]
        assert isinstance(group, Group)
        for column, source in zip(group.columns, item.sources, strict=True):
            column.append(source)
    steps[-1].out.append(item.slot)
