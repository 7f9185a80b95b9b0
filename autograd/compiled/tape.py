"""Tape: the Wengert list of one example, as data: which operation reads which slots, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any, NamedTuple

from autograd.rules.op import Op

Shape = tuple[int, ...]


def shown(shape: Shape) -> str:
    """A shape in words.

    >>> shown(()), shown((3,)), shown((2, 3))
    ('one number', 'a list of 3', 'lists of 2 x 3')
    """
    if not shape:
        return "one number"
    return f"a list of {shape[0]}" if len(shape) == 1 else f"lists of {' x '.join(map(str, shape))}"


NO_OPERAND = -1
"""The second operand of an operation that has one."""


class Instruction(NamedTuple):
    """One operation: a row of the table of derivatives, and the slots of its operands.

    >>> from autograd import OPS
    >>> Instruction(OPS["mul"], 0, 1).operands, Instruction(OPS["exp"], 2).operands
    ((0, 1), (2,))
    """

    op: Op
    x: int
    y: int = NO_OPERAND

    @property
    def operands(self) -> tuple[int, ...]:
        """The slots that it reads, with multiplicity: of ``v * v`` the same one twice."""
        return (self.x,) if self.y == NO_OPERAND else (self.x, self.y)


@dataclass(frozen=True)
class Tape:
    r"""A function of parameters and of one example's inputs, as the list of its operations.

    Every number has a slot: first the parameters, then the inputs, then the constants, then the result of each row. A row reads
    slots before its own. Instructions stand in the order of ``topological_order``: nothing is in it on which no output depends, and in
    reverse it is the order in which ``backward()`` adds the contributions to each adjoint.

    Args:
        parameters: how many there are; slots 0, 1, ...
        inputs: how many numbers make up an example, all arguments of the function flattened one after the other.
        constants: the numbers that occur in the function, each bit pattern once.
        instructions: the operations.
        outputs: the slots of the results: one for a loss, several for a model.
        num_differentiated: how many of the first slots have an adjoint: the parameters, or parameters and inputs.
        names: what parameters and inputs are called; "" for no name.
        shapes: of the arguments, for one example: ``((2,), ())`` for two features and a label.
        output_shape: of the result: ``()`` for one scalar.
        lines: where the user's code made each row, if that is known.
        captured: the labels of Values that are no leaves here, but constants, with the numbers that they had.

    Raises:
        ValueError: if a slot does not stand before its reader, or the numbers of operands or names do not fit.

    Source: Wengert, *A simple automatic derivative evaluation program* (1964); Griewank & Walther (2008), section 2.2.

    >>> from autograd import OPS
    >>> tape = Tape(1, 1, (), (Instruction(OPS["mul"], 0, 1), Instruction(OPS["tanh"], 2)), (3,), num_differentiated=1)
    >>> tape.num_slots, tape.per_example
    (4, (False, True, True, True))
    """

    parameters: int
    inputs: int
    constants: tuple[float, ...]
    instructions: tuple[Instruction, ...]
    outputs: tuple[int, ...]
    num_differentiated: int
    names: tuple[str, ...] = ()
    shapes: tuple[Shape, ...] = ()
    output_shape: Shape = ()
    lines: tuple[Any, ...] = field(default=(), compare=False, repr=False)
    captured: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.names:
            object.__setattr__(self, "names", ("",) * self.leaves)
        if not self.shapes and self.inputs:
            object.__setattr__(self, "shapes", ((self.inputs,),))
        if len(self.outputs) > 1 and not self.output_shape:
            object.__setattr__(self, "output_shape", (len(self.outputs),))
        for fault in _faults(self):
            raise ValueError(fault)

    @property
    def leaves(self) -> int:
        """The number of parameters and inputs."""
        return self.parameters + self.inputs

    @property
    def first_slot(self) -> int:
        """The slot of the first row: those before it hold parameters, inputs and constants."""
        return self.leaves + len(self.constants)

    @property
    def num_slots(self) -> int:
        """The number of slots."""
        return self.first_slot + len(self.instructions)

    @cached_property
    def per_example(self) -> tuple[bool, ...]:
        """For each slot whether it depends on an input; what does not is shared by all examples, and computed once."""
        varies = [False] * self.parameters + [True] * self.inputs + [False] * len(self.constants)
        for _, x, y in self.instructions:
            varies.append(varies[x] or (y != NO_OPERAND and varies[y]))
        return tuple(varies)

    @cached_property
    def depends_on_wanted(self) -> tuple[bool, ...]:
        """For each slot whether it depends on a wanted leaf: an adjoint elsewhere would lead nowhere."""
        leads = [True] * self.num_differentiated + [False] * (self.first_slot - self.num_differentiated)
        for _, x, y in self.instructions:
            leads.append(leads[x] or (y != NO_OPERAND and leads[y]))
        return tuple(leads)

    @cached_property
    def carries_gradient(self) -> tuple[bool, ...]:
        """For each slot whether its adjoint has a way to a wanted leaf: active, and not by local derivatives of 0 alone.

        What a ``detach`` reads is active and leads nowhere: it changes with the parameters, and has no part in their gradient.
        """
        leads = list(self.depends_on_wanted[: self.first_slot])
        for op, x, y in self.instructions:
            leads.append((leads[x] and op.partials[0] != "0") or (y != NO_OPERAND and leads[y] and op.partials[1] != "0"))
        return tuple(leads)

    @cached_property
    def uses(self) -> tuple[int, ...]:
        """For each slot how often it is read, by instructions and as an output."""
        count = [0] * self.num_slots
        for _, x, y in self.instructions:
            count[x] += 1
            if y != NO_OPERAND:
                count[y] += 1
        for output in self.outputs:
            count[output] += 1
        return tuple(count)

    @cached_property
    def last_use(self) -> tuple[int, ...]:
        """For each slot the slot of the last row that reads it; of an output the end of the tape; -1 if it is never read."""
        last = [NO_OPERAND] * self.num_slots
        for slot, row in enumerate(self.instructions, start=self.first_slot):
            for each in row.operands:
                last[each] = slot
        for output in self.outputs:
            last[output] = self.num_slots
        return tuple(last)

    def with_inputs(self) -> Tape:
        """The same tape, differentiated in the inputs too."""
        return replace(self, num_differentiated=self.leaves)

    def restrict_to_output(self, output: int) -> Tape:
        """The tape of one of the outputs, by its number: what the others alone need is gone.

        >>> from autograd import OPS
        >>> tape = Tape(1, 0, (), (Instruction(OPS["exp"], 0), Instruction(OPS["sin"], 0)), (1, 2), num_differentiated=1)
        >>> tape.restrict_to_output(1).instructions == (Instruction(OPS["sin"], 0),)
        True
        """
        return replace(pruned(self, [self.outputs[output]]), output_shape=())


def pruned(tape: Tape, outputs: Sequence[int]) -> Tape:
    """The tape of these outputs, without the instructions and constants that they do not need, and otherwise in the same order."""
    needed = [False] * tape.num_slots
    for output in outputs:
        needed[output] = True
    for slot in range(tape.num_slots - 1, tape.first_slot - 1, -1):
        if needed[slot]:
            for each in tape.instructions[slot - tape.first_slot].operands:
                needed[each] = True
    kept = [slot for slot in range(tape.num_slots) if slot < tape.leaves or needed[slot]]
    new = {slot: k for k, slot in enumerate(kept)}
    new[NO_OPERAND] = NO_OPERAND
    kept_instructions = [slot - tape.first_slot for slot in kept if slot >= tape.first_slot]
    return replace(
        tape,
        constants=tuple(tape.constants[slot - tape.leaves] for slot in kept if tape.leaves <= slot < tape.first_slot),
        instructions=tuple(Instruction(op, new[x], new[y]) for op, x, y in (tape.instructions[k] for k in kept_instructions)),
        outputs=tuple(new[each] for each in outputs),
        output_shape=(len(outputs),) if len(outputs) > 1 else (),
        lines=tuple(tape.lines[k] for k in kept_instructions) if tape.lines else (),
    )


def _faults(tape: Tape) -> Any:
    """What is wrong with a tape, one sentence each."""
    if min(tape.parameters, tape.inputs) < 0:
        yield f"a tape has no fewer than 0 parameters and inputs, but got {tape.parameters} and {tape.inputs}"
    for slot, (op, x, y) in enumerate(tape.instructions, start=tape.first_slot):
        if not 0 <= x < slot or not (0 <= y < slot if op.arity == 2 else y == NO_OPERAND):
            operands = f"one operand, and {NO_OPERAND} for the second" if op.arity == 1 else "two operands"
            yield f"slot {slot}, {op.name}, needs {operands}, from the slots 0 to {slot - 1} before it, but reads {x} and {y}"
        if op.is_family and op.c is None:
            yield f"slot {slot} is of the family {op.name}, which needs its constant: at(c)"
    if not tape.outputs or not all(0 <= each < tape.num_slots for each in tape.outputs):
        yield f"the outputs are slots from 0 to {tape.num_slots - 1}, at least one, but got {tape.outputs}"
    if tape.num_differentiated not in (0, tape.parameters, tape.leaves):
        yield f"adjoints are wanted of no leaf, of the {tape.parameters} parameters or of all {tape.leaves}, not of {tape.num_differentiated}"
    if len(tape.names) != tape.leaves:
        yield f"a tape of {tape.leaves} parameters and inputs needs as many names, but has {len(tape.names)}"
    if sum(map(prod, tape.shapes)) != tape.inputs:
        yield f"arguments of the shapes {tape.shapes} do not have {tape.inputs} numbers"
    if prod(tape.output_shape) != len(tape.outputs):
        yield f"a result of shape {tape.output_shape} does not have {len(tape.outputs)} numbers"
    if tape.lines and len(tape.lines) != len(tape.instructions):
        yield f"{len(tape.instructions)} rows were made in {len(tape.lines)} lines"
