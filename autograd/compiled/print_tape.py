r"""A tape as the textbook writes it: v1 = w*x, v2 = ..., and then the adjoint statements, from the last instruction back.

Each instruction :math:`v = f(x, y)` has one adjoint statement for each operand,

.. math:: \bar x \mathrel{+}= \frac{\partial f}{\partial x}\,\bar v

The first adjoint statement for a slot assigns, the others add. Source: Griewank & Walther (2008), tables 3.1 to 3.4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from autograd.compiled.tape import Tape
from autograd.graph import unique_names
from autograd.rules.formula_tree import Adjoint, Formula, Name, Numeral, Product, operation, partial
from autograd.rules.notation import LATEX, TEXT, Notation


class Statement(NamedTuple):
    """An assignment, or if it ``adds``, an addition to the value so far."""

    to: str
    text: str
    adds: bool = False

    def __str__(self) -> str:
        return f"{self.to}{TEXT.relations['+=' if self.adds else '=']}{self.text}"


def names(tape: Tape) -> list[str]:
    """What each slot is called: see ``graph.names``. Constants are written as numbers, and have no name: "".

    >>> from autograd import OPS
    >>> from autograd.compiled.tape import Instruction
    >>> instructions = (Instruction(OPS["mul"], 0, 1), Instruction(OPS["add"], 4, 3))
    >>> names(Tape(2, 1, (5.0,), instructions, (5,), num_differentiated=2, names=("w", "", "w")))
    ['w', 'x1', 'w_2', '', 'v1', 'v2']
    """
    labels = [*tape.names, *(tape.labels or [""] * len(tape.instructions))]
    found = unique_names(labels, ["x"] * tape.leaves + ["v"] * len(tape.instructions))
    return [*found[: tape.leaves], *[""] * len(tape.constants), *found[tape.leaves :]]


class Writer:
    """Writes the statements of a tape in a notation, ``TEXT`` or ``LATEX``.

    >>> from autograd import OPS
    >>> from autograd.compiled.tape import Instruction
    >>> tape = Tape(1, 1, (), (Instruction(OPS["mul"], 0, 1), Instruction(OPS["add"], 2, 0)), (3,), num_differentiated=1, names=("w", "x"))
    >>> print(*Writer(tape, TEXT).primal(), *Writer(tape, TEXT).adjoint(), sep="; ")
    v1 = w*x; v2 = v1 + w; v1.grad = v2.grad; w.grad = v2.grad; w.grad += x·v1.grad
    """

    def __init__(self, tape: Tape, notation: Notation) -> None:
        self.tape, self.notation = tape, notation
        self.formulas: list[Formula] = [Name(name) for name in names(tape)]
        self.formulas[tape.leaves : tape.first_slot] = [
            Numeral(int(c) if abs(c) < 1e15 and c == int(c) else c) for c in tape.constants
        ]
        self.names = [notation.write(formula) for formula in self.formulas]

    def statement(self, slot: int) -> Statement:
        """The statement that computes a slot."""
        instruction = self.tape.instructions[slot - self.tape.first_slot]
        operands = [self.formulas[source] for source in instruction.operands]
        return Statement(self.names[slot], self.notation.write(operation(instruction.op, operands)))

    def primal(self) -> Iterator[Statement]:
        """The statements of the forward pass."""
        return (self.statement(slot) for slot in range(self.tape.first_slot, self.tape.num_slots))

    def seeds(self) -> list[str]:
        """The adjoints of the outputs, which are 1 when the backward pass begins."""
        return [self._adjoint(slot) for slot in self.tape.outputs]

    def adjoint(self) -> Iterator[Statement]:
        """The adjoint statements that lead to a wanted leaf; a local derivative of 0 passes nothing on."""
        assigned = set(self.tape.outputs)
        for slot in range(self.tape.num_slots - 1, self.tape.first_slot - 1, -1):
            instruction = self.tape.instructions[slot - self.tape.first_slot]
            if slot not in assigned:
                continue
            for index, source in enumerate(instruction.operands):
                if self.tape.carries_gradient[source] and instruction.op.cuts[index] != "True":
                    yield Statement(self._adjoint(source), self._contribution(slot, index), source in assigned)
                    assigned.add(source)

    def _contribution(self, slot: int, index: int) -> str:
        """A local derivative of an instruction, times the adjoint of its result."""
        instruction = self.tape.instructions[slot - self.tape.first_slot]
        operands = [self.formulas[source] for source in instruction.operands]
        local = partial(instruction.op, index, operands, self.formulas[slot])
        written = self.notation.write(local)
        if written in ("1", "-1"):
            return written[:-1] + self._adjoint(slot)
        return self.notation.write(Product([local, Adjoint(self.formulas[slot])]))

    def _adjoint(self, slot: int) -> str:
        return self.notation.write(Adjoint(self.formulas[slot]))


def to_text(tape: Tape) -> str:
    """The tape as text."""
    writer = Writer(tape, TEXT)
    leaves = [f"{what}{', '.join(writer.names[part])}" for what, part in _leaves(tape) if writer.names[part]]
    lines = [*leaves, *map(str, writer.primal())]
    if len(tape.outputs) > 1 or not tape.instructions:
        lines.append(f"outputs     {', '.join(writer.names[slot] for slot in tape.outputs)}")
    if tape.num_differentiated:
        lines += [f"adjoints, from {', '.join(seed + ' = 1' for seed in writer.seeds())}", *map(str, writer.adjoint())]
    return "\n".join(lines)


def _leaves(tape: Tape) -> list[tuple[str, slice]]:
    return [("parameters  ", slice(0, tape.parameters)), ("inputs      ", slice(tape.parameters, tape.leaves))]


def to_latex(tape: Tape) -> str:
    r"""The tape in LaTeX, for display mathematics, with a line for each statement.

    >>> from autograd import OPS
    >>> from autograd.compiled.tape import Instruction
    >>> print(to_latex(Tape(1, 0, (), (Instruction(OPS["tanh"], 0),), (1,), num_differentiated=1, names=("w",))))
    \begin{aligned}
    v_{1} &= \tanh\left(w\right) \\
    \bar{v}_{1} &= 1 \\
    \bar{w} &= \left(1 + v_{1}\right) \cdot \left(1 - v_{1}\right) \cdot \bar{v}_{1}
    \end{aligned}
    """
    writer = Writer(tape, LATEX)
    statements = [*writer.primal(), *[Statement(seed, "1") for seed in writer.seeds() if tape.num_differentiated]]
    statements += writer.adjoint() if tape.num_differentiated else ()
    lines = [f"{to} &{LATEX.relations['+=' if adds else '='].lstrip()}{text}" for to, text, adds in statements]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def counts(tape: Tape) -> dict[str, int]:
    """The number of instructions of each operation, the most frequent first.

    >>> from autograd import OPS
    >>> from autograd.compiled.tape import Instruction
    >>> counts(Tape(1, 0, (), (Instruction(OPS["exp"], 0), Instruction(OPS["mul"], 0, 1), Instruction(OPS["mul"], 2, 2)), (3,), num_differentiated=1))
    {'mul': 2, 'exp': 1}
    """
    return dict(Counter(instruction.op.name for instruction in tape.instructions).most_common())
