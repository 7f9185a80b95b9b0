"""Tape: the Wengert list of one example, as data: which operation reads which slots, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, NamedTuple

from autograd.interrupts import cached
from autograd.rules.op import Op

Shape = tuple[int, ...]


NO_OPERAND = -1
"""The second slot of an instruction whose operation has one operand."""


class Instruction(NamedTuple):
    """One operation of a tape: a row of the table of derivatives, and the slots of its operands.

    >>> from autograd import OPS
    >>> Instruction(OPS["mul"], 0, 1).operands, Instruction(OPS["exp"], 2).operands
    ((0, 1), (2,))
    """

    op: Op
    x: int
    y: int = NO_OPERAND

    @property
    def operands(self) -> tuple[int, ...]:
        """The slots that it reads, with multiplicity: ``v * v`` reads one slot twice."""
        return (self.x,) if self.y == NO_OPERAND else (self.x, self.y)


@dataclass(frozen=True)
class Tape:
    r"""A function of parameters and of one example's inputs, as the list of its operations.

    Every number has a slot: first the parameters, then the inputs, then the constants, then the result of each instruction. An
    instruction reads slots before its own. Instructions stand in the order of ``topological_order``. An output depends on each of
    them, and the reverse is the order in which ``backward()`` adds the contributions to each adjoint.

    Args:
        parameters: how many there are; they have the slots 0, 1, ...
        inputs: how many numbers make up an example: all arguments of the function, flattened one after the other.
        constants: the numbers that occur in the function, each bit pattern once.
        instructions: the operations, with the slots that they read.
        outputs: the slots of the results: one for a loss, several for a model.
        num_differentiated: how many of the first slots are wanted leaves, which have a derivative: the parameters, or parameters
            and inputs.
        names: of parameters and inputs; "" for one without a name.
        shapes: of the arguments for one example: ``((2,), ())`` for two features and a label.
        output_shape: of the result: ``()`` for one scalar.
        labels: of the instructions' results, if they are known; "" for one without a label.
        lines: the line of the user's code that made each instruction, if that is known.
        captured: the labels of Values that the function reads although they are no parameters: here they are constants.

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
    labels: tuple[str, ...] = field(default=(), compare=False, repr=False)
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
        """The slot of the first instruction; the slots before it hold parameters, inputs and constants."""
        return self.leaves + len(self.constants)

    @property
    def num_slots(self) -> int:
        """The number of slots."""
        return self.first_slot + len(self.instructions)

    @cached
    def per_example(self) -> tuple[bool, ...]:
        """For each slot whether it depends on an input. If it does not, all examples share it, and it is computed once."""
        varies = [False] * self.parameters + [True] * self.inputs + [False] * len(self.constants)
        for _, x, y in self.instructions:
            varies.append(varies[x] or (y != NO_OPERAND and varies[y]))
        return tuple(varies)

    @cached
    def depends_on_wanted(self) -> tuple[bool, ...]:
        """For each slot whether it depends on a wanted leaf; no other slot needs an adjoint."""
        depends = [True] * self.num_differentiated + [False] * (self.first_slot - self.num_differentiated)
        for _, x, y in self.instructions:
            depends.append(depends[x] or (y != NO_OPERAND and depends[y]))
        return tuple(depends)

    @cached
    def carries_gradient(self) -> tuple[bool, ...]:
        """For each slot whether it depends on a wanted leaf by a path on which no local derivative is cut everywhere.

        The operand of a ``detach`` may depend on a wanted leaf, and carries no gradient to it.
        """
        carries = list(self.depends_on_wanted[: self.first_slot])
        for op, x, y in self.instructions:
            by_x = carries[x] and op.cuts[0] != "True"
            carries.append(by_x or (y != NO_OPERAND and carries[y] and op.cuts[1] != "True"))
        return tuple(carries)

    @cached
    def has_adjoint(self) -> tuple[bool, ...]:
        """For each slot whether a gradient comes to it from an output, and goes on from it to a wanted leaf.

        The operand of a ``detach`` may carry a gradient, and gets none.
        """
        carries = self.carries_gradient
        has = [False] * self.num_slots
        for slot in self.outputs:
            has[slot] = carries[slot]
        for slot, (op, *operands) in zip(range(self.num_slots - 1, -1, -1), reversed(self.instructions), strict=False):
            if has[slot]:
                for operand, cut in zip(operands, op.cuts, strict=False):
                    has[operand] = has[operand] or (carries[operand] and cut != "True")
        return tuple(has)

    @cached
    def shares_results(self) -> bool:
        """Whether a gradient passes through a result that all examples share.

        Over a batch it gets the sum of the adjoints first, and is then multiplied by its local derivative. If that is infinite,
        it matters: 0 times infinity is nan, and (0 + 1) times infinity is not.
        """
        results = range(self.first_slot, self.num_slots)
        return any(self.has_adjoint[slot] and not self.per_example[slot] for slot in results)

    @cached
    def uses(self) -> tuple[int, ...]:
        """For each slot how often it is read, by instructions and as an output."""
        count = [0] * self.num_slots
        for instruction in self.instructions:
            for slot in instruction.operands:
                count[slot] += 1
        for slot in self.outputs:
            count[slot] += 1
        return tuple(count)

    @cached
    def last_use(self) -> tuple[int, ...]:
        """For each slot the slot of the last instruction that reads it; -1 if none does, and for an output the number of slots."""
        last = [-1] * self.num_slots
        for result, instruction in enumerate(self.instructions, start=self.first_slot):
            for slot in instruction.operands:
                last[slot] = result
        for slot in self.outputs:
            last[slot] = self.num_slots
        return tuple(last)

    def with_inputs(self) -> Tape:
        """The same tape, differentiated with respect to the inputs too."""
        return replace(self, num_differentiated=self.leaves)

    def restrict_to_output(self, k: int) -> Tape:
        """The tape of output ``k`` alone, without what only the other outputs need, in the order of ``backward()`` on that output.

        >>> from autograd import OPS
        >>> instructions = (Instruction(OPS["exp"], 0), Instruction(OPS["sin"], 0))
        >>> tape = Tape(1, 0, (), instructions, (1, 2), num_differentiated=1)
        >>> tape.restrict_to_output(1).instructions == (Instruction(OPS["sin"], 0),)
        True
        """
        reached = self._order_from(self.outputs[k])
        constants = sorted(slot for slot in reached if self.leaves <= slot < self.first_slot)
        operations = [slot for slot in reached if slot >= self.first_slot]
        kept = [*range(self.leaves), *constants, *operations]
        new_slot = {NO_OPERAND: NO_OPERAND, **{old: new for new, old in enumerate(kept)}}
        places = [slot - self.first_slot for slot in operations]
        instructions = [self.instructions[place] for place in places]
        return replace(
            self,
            constants=tuple(self.constants[slot - self.leaves] for slot in constants),
            instructions=tuple(Instruction(op, new_slot[x], new_slot[y]) for op, x, y in instructions),
            outputs=(new_slot[self.outputs[k]],),
            output_shape=(),
            labels=tuple(self.labels[place] for place in places) if self.labels else (),
            lines=tuple(self.lines[place] for place in places) if self.lines else (),
        )

    def _order_from(self, output: int) -> list[int]:
        """The slots that an output needs, each after its operands: depth first, the first operand first, as ``topological_order``."""
        order: list[int] = []
        visited = {output}
        path = [output]
        while path:
            slot = path[-1]
            operands = self.instructions[slot - self.first_slot].operands if slot >= self.first_slot else ()
            source = next((operand for operand in operands if operand not in visited), None)
            if source is None:
                order.append(path.pop())
            else:
                visited.add(source)
                path.append(source)
        return order


def _faults(tape: Tape) -> Iterator[str]:
    """What is wrong with a tape, in one sentence each."""
    if min(tape.parameters, tape.inputs) < 0:
        yield f"a tape has no fewer than 0 parameters and inputs, but got {tape.parameters} and {tape.inputs}"
    for slot, (op, x, y) in enumerate(tape.instructions, start=tape.first_slot):
        if not 0 <= x < slot or not (0 <= y < slot if op.arity == 2 else y == NO_OPERAND):
            operands = f"one operand, and {NO_OPERAND} for the second" if op.arity == 1 else "two operands"
            yield f"slot {slot}, {op.name}, needs {operands}, from the slots 0 to {slot - 1} before it, but reads {x} and {y}"
        if op.is_family and op.c is None:
            yield f"slot {slot} is of the family {op.name}, which needs its constant: at(c)"
    if not tape.outputs or not all(0 <= slot < tape.num_slots for slot in tape.outputs):
        yield f"the outputs are slots from 0 to {tape.num_slots - 1}, at least one, but got {tape.outputs}"
    if tape.num_differentiated not in (0, tape.parameters, tape.leaves):
        yield f"adjoints are wanted of no leaf, of the {tape.parameters} parameters or of all {tape.leaves}, not of {tape.num_differentiated}"
    if len(tape.names) != tape.leaves:
        yield f"a tape of {tape.leaves} parameters and inputs needs as many names, but has {len(tape.names)}"
    if sum(map(prod, tape.shapes)) != tape.inputs:
        yield f"arguments of the shapes {tape.shapes} do not have {tape.inputs} numbers"
    if prod(tape.output_shape) != len(tape.outputs):
        yield f"a result of shape {tape.output_shape} does not have {len(tape.outputs)} numbers"
    if tape.labels and len(tape.labels) != len(tape.instructions):
        yield f"{len(tape.instructions)} rows have {len(tape.labels)} labels"
    if tape.lines and len(tape.lines) != len(tape.instructions):
        yield f"{len(tape.instructions)} rows were made in {len(tape.lines)} lines"
