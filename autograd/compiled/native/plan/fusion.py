"""Which steps of a block run as one: a matrix, and the activation of its rows, while their numbers are in registers.

Going forward the activation follows the matrix that makes its operands; going backward it follows the matrix that reads its results,
for that gives it their adjoints. A separate pass would be bound by the memory, and a matrix has time to spare for it: its kernel is
bound by the multipliers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from autograd.compiled.native.kernels.row_facts import is_light, read_backward
from autograd.compiled.steps import Group, Matrix, Step
from autograd.compiled.tape import Tape

Unit: TypeAlias = list[Step]
"""Steps that run as one, in the order in which they run: one, or a matrix and an activation."""


def forward_units(steps: Sequence[Step]) -> list[Unit]:
    """The steps, with each activation behind its matrix."""
    units: list[Unit] = []
    makers: dict[tuple[int, ...], Unit] = {}
    for step in steps:
        if isinstance(step, Group) and is_light(step.op) and (maker := makers.pop(tuple(step.x), None)):
            maker.append(step)
            continue
        units.append([step])
        if isinstance(step, Matrix):
            makers[tuple(step.out)] = units[-1]
    return units


def backward_units(tape: Tape, varies: Sequence[bool], steps: Sequence[Step]) -> list[Unit]:
    """The steps in reverse, with each activation behind the matrix that alone reads its results."""
    activations = {frozenset(step.out): step for step in steps if isinstance(step, Group) and is_light(step.op)}
    units: list[Unit] = []
    taken: set[int] = set()
    for step in reversed(steps):
        if step.out[0] in taken:
            continue
        units.append([step])
        activation = activations.get(frozenset(step.operands)) if isinstance(step, Matrix) else None
        if activation and _alone(tape, varies, step, activation):
            units[-1].append(activation)
            taken.add(activation.out[0])
    return units


def passing(tape: Tape, unit: Unit) -> frozenset[int]:
    """The results of a matrix that nothing reads but its activation, and that only going forward: they stay in registers."""
    match unit:
        case [Matrix(out=made), Group(op=op)] if "x" not in read_backward(op) and all(tape.uses[slot] == 1 for slot in made):
            return frozenset(made)
    return frozenset()


def _alone(tape: Tape, varies: Sequence[bool], step: Step, activation: Group) -> bool:
    """Whether nothing but the step's rows reads the results, and nothing but the activation its operands."""
    once = all(tape.uses[slot] == len(step.out) for slot in activation.out) and all(
        tape.uses[slot] == 1 for slot in activation.x
    )
    return once and all(tape.depends_on_wanted[slot] and varies[slot] for slot in activation.x)
