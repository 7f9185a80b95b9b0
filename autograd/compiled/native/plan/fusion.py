"""Which steps of a block run as one: a matrix and an activation, while the activation's numbers are in registers.

Forward, the activation runs with the matrix that computes its operands. Backward, it runs with the matrix that reads its
results, since that computes their adjoints. Memory would bound a separate pass; the kernel of a matrix is bound by the
multipliers and has time to spare.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from autograd.compiled.native.kernels.row_facts import is_light, read_backward
from autograd.compiled.steps import Group, Matrix, Step
from autograd.compiled.tape import Tape

Unit: TypeAlias = list[Step]
"""Steps that run as one, in this order: a single step, or a matrix and an activation."""


def forward_units(steps: Sequence[Step]) -> list[Unit]:
    """The steps in order, each activation in the unit of the matrix that computes its operands."""
    units: list[Unit] = []
    computed_by: dict[tuple[int, ...], Unit] = {}
    for step in steps:
        if isinstance(step, Group) and is_light(step.op) and (unit := computed_by.pop(tuple(step.columns[0]), None)):
            unit.append(step)
            continue
        units.append([step])
        if isinstance(step, Matrix):
            computed_by[tuple(step.out)] = units[-1]
    return units


def backward_units(tape: Tape, varies: Sequence[bool], steps: Sequence[Step]) -> list[Unit]:
    """The steps in reverse, each activation in the unit of the matrix that alone reads its results."""
    activations = {frozenset(step.out): step for step in steps if isinstance(step, Group) and is_light(step.op)}
    units: list[Unit] = []
    taken: set[int] = set()
    for step in reversed(steps):
        if step.out[0] in taken:
            continue
        units.append([step])
        activation = activations.get(frozenset(step.operands)) if isinstance(step, Matrix) else None
        if activation and _nothing_else_reads(tape, varies, step, activation):
            units[-1].append(activation)
            taken.add(activation.out[0])
    return units


def passing(tape: Tape, unit: Unit) -> frozenset[int]:
    """The results of a matrix that only its activation reads, and only forward: they stay in registers."""
    match unit:
        case [Matrix(out=out), Group(op=op)] if "x" not in read_backward(op) and all(tape.uses[slot] == 1 for slot in out):
            return frozenset(out)
    return frozenset()


def _nothing_else_reads(tape: Tape, varies: Sequence[bool], matrix: Step, activation: Group) -> bool:
    """Whether only the matrix reads the activation's results, and only the activation its operands, which have adjoints."""
    once = all(tape.uses[slot] == len(matrix.out) for slot in activation.out) and all(
        tape.uses[slot] == 1 for slot in activation.columns[0]
    )
    return once and all(tape.has_adjoint[slot] and varies[slot] for slot in activation.columns[0])
