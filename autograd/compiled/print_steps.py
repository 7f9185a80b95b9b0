"""Steps as text, the same for all executors: what was recognised in a tape, in the order in which a batch runs it."""

from __future__ import annotations

from autograd.compiled.arrays.long_sums import with_sums
from autograd.compiled.steps import steps_by_level
from autograd.compiled.tape import Tape


def to_text(tape: Tape) -> str:
    """A line for each step, with "once" before those that depend on no input and so run once per call.

    >>> from autograd import OPS
    >>> from autograd.compiled.tape import Instruction
    >>> square, add, tanh = Instruction(OPS["mul"], 0, 0), Instruction(OPS["add"], 1, 2), Instruction(OPS["tanh"], 3)
    >>> print(to_text(Tape(1, 1, (), (square, add, tanh), (4,), num_differentiated=1)))
    once: 1 x *
    1 x +
    1 x tanh
    """
    shared, examples = (with_sums(tape, steps) for steps in steps_by_level(tape))
    return "\n".join([*(f"once: {step}" for step in shared), *map(str, examples)])
