"""Which steps of a block run as one: a matrix, and the activation of its rows, while their numbers are in registers.

Going forward the activation follows the matrix that makes its operands; going backward it follows the matrix that reads its results,
for that gives it their adjoints. A separate pass would be bound by the memory, and a matrix has time to spare for it: its kernel is
bound by the multipliers.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

from autograd.compiled.steps import Matrix, Rows, Step
from autograd.compiled.tape import Tape
from autograd.ieee import PRIMITIVES
from autograd.language import names_in
from autograd.row import OPS, Op

IDEMPOTENT = frozenset({"relu"})
"""Operations that change nothing when done again: relu(relu(x)) = relu(x). Their derivative at the operand is that at the result, for
it is the same branch that is taken; so the operand need not be kept."""

Unit: TypeAlias = list[Step]
"""Steps that run as one, in the order in which they run: one, or a matrix and an activation."""


def forward_units(steps: Sequence[Step]) -> list[Unit]:
    """The steps, with each activation behind its matrix."""
    units: list[Unit] = []
    makers: dict[tuple[int, ...], Unit] = {}
    for step in steps:
        if isinstance(step, Rows) and is_light(step.op) and (maker := makers.pop(tuple(step.x), None)):
            maker.append(step)
            continue
        units.append([step])
        if isinstance(step, Matrix):
            makers[tuple(step.out)] = units[-1]
    return units


def backward_units(tape: Tape, steps: Sequence[Step]) -> list[Unit]:
    """The steps in reverse, with each activation behind the matrix that alone reads its results."""
    activations = {frozenset(step.out): step for step in steps if isinstance(step, Rows) and is_light(step.op)}
    units: list[Unit] = []
    taken: set[int] = set()
    for step in reversed(steps):
        if step.out[0] in taken:
            continue
        units.append([step])
        activation = activations.get(frozenset(step.operands)) if isinstance(step, Matrix) else None
        if activation and _alone(tape, step, activation):
            units[-1].append(activation)
            taken.add(activation.out[0])
    return units


def read_backward(op: Op) -> set[str]:
    """What the local derivatives of an operation read: of x, y and out."""
    names = {name for text in op.partials for name in names_in(text)} & {"x", "y", "out"}
    return {"out"} if names and op.name in IDEMPOTENT else names


def passing(tape: Tape, unit: Unit) -> frozenset[int]:
    """The results of a matrix that nothing reads but its activation, and that only going forward: they stay in registers."""
    match unit:
        case [Matrix(out=made), Rows(op=op)] if "x" not in read_backward(op) and all(tape.uses[slot] == 1 for slot in made):
            return frozenset(made)
    return frozenset()


def is_light(op: Op) -> bool:
    """Whether the operation has one operand and is a few instructions, for the value and for the derivative."""
    return op.arity == 1 and not op.is_family and all(_is_light(text) for text in (op.value, *op.partials))


@lru_cache(maxsize=4096)
def _is_light(text: str) -> bool:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Pow | ast.Div):
            return False
        if isinstance(node, ast.Call):
            name = node.func.id  # type: ignore[attr-defined]  # the grammar allows no other calls
            if not (PRIMITIVES[name].llvm == "llvm.fabs" if name in PRIMITIVES else _is_light(OPS[name].value)):
                return False
    return True


def _alone(tape: Tape, step: Step, activation: Rows) -> bool:
    """Whether nothing but the step's rows reads the results, and nothing but the activation its operands."""
    once = all(tape.uses[slot] == len(step.out) for slot in activation.out) and all(
        tape.uses[slot] == 1 for slot in activation.x
    )
    return once and all(tape.active[slot] and tape.per_example[slot] for slot in activation.x)
