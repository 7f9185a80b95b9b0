"""Random tapes in which operands are cut and infinities stand behind them, and what their gradients are by the rule alone.

The oracle shares with the engine only the numbers that a row's texts give by IEEE 754. Where a row is cut is written here by hand,
what has received nothing is None, and nothing is multiplied with it.
"""

import math
import random
from dataclasses import dataclass

import numpy as np

from autograd import OPS, Constant, Value
from autograd.compiled.tape import NO_OPERAND, Instruction, Tape
from autograd.rules.evaluate import evaluate_ieee
from autograd.rules.op import Op
from autograd.value import apply
from tests.oracle import ROWS

NUMBERS = (0.0, -0.0, 1e300, -1e300, math.inf, -math.inf, 1.0, -1.0, 0.5, 2.0, -3.0)


def always(*operands):
    return True


def never(*operands):
    return False


# For each row that does not choose its operands everywhere, by hand: whether it leaves out x, and whether y.
LEFT_OUT = {
    **dict.fromkeys(("step", "sign", "heaviside", "detach", "floor", "rint", "rint_down"), (always,)),
    **dict.fromkeys(("exceeds", "less", "improves", "less_equal", "equal", "floordiv"), (always, always)),
    "maximum": (lambda x, y: x < y, lambda x, y: y < x),
    "minimum": (lambda x, y: x > y, lambda x, y: y > x),
    "relu": (lambda x: x <= 0,),
    "bounded": (lambda x: abs(x) > 40,),
    "when": (never, lambda x, y: x == 0),
    "unless": (never, lambda x, y: x == 1),
    "power": (lambda x, y: x == y == 0,) * 2,
    "power_dyyy": (never, lambda x, y: x == 0),
    "beside": (always, lambda x, y: x == 0),
    "absorb": (never, lambda x, y: x == 0 and not abs(y) < math.inf),
    "factor": (always, lambda x, y: x == 0 and y != 0),
}
LEFT_OUT_MEMBERS = {("pow", 0): (always,), ("leaky_relu", 0): (lambda x: x <= 0,), ("elu", 0): (lambda x: x <= 0,)}


def left_out(op: Op, *operands: float) -> tuple[bool, ...]:
    """For each operand whether the operation leaves it out."""
    conditions = LEFT_OUT_MEMBERS.get((op.name, op.c)) or LEFT_OUT.get(op.name) or (never,) * op.arity
    return tuple(condition(*operands) for condition in conditions)


# Those that choose stand here more often, and those with a pole or an infinite slope that they can meet.
MEMBERS = [OPS["pow"].at(0), OPS["pow"].at(0.5), OPS["pow"].at(-1), OPS["leaky_relu"].at(0), OPS["elu"].at(0)]
CHOOSING = [op for op in ROWS if op.name in LEFT_OUT] + MEMBERS
STEEP = [OPS[name] for name in ("sqrt", "log", "div", "mul", "asin", "abs")]
ARITHMETIC = [OPS[name] for name in ("add", "sub", "mul")]


@dataclass
class Case:
    """A tape, and the numbers of its parameters and of the inputs of each example."""

    tape: Tape
    parameters: list[float]
    examples: np.ndarray

    def leaves(self, example) -> list[float]:
        """The numbers of the parameters, and of the inputs of one example."""
        return [*self.parameters, *map(float, example)]

    def graph(self, example) -> tuple[list[Value], Value]:
        """The leaves and the output of one example's graph, by IEEE's rules."""
        leaves = [Value(number) for number in self.leaves(example)]
        return leaves, run(self.tape, leaves)


def run(tape: Tape, leaves):
    """The output of a tape on Values."""
    values = [*leaves, *map(Constant, tape.constants)]
    for op, *slots in tape.instructions:
        values.append(apply(op, *[values[slot] for slot in slots if slot != NO_OPERAND], fallback=evaluate_ieee))
    return values[tape.outputs[0]]


def drawn(case: int, examples: int = 1) -> Case:
    """A tape of 3 to 14 operations, with 1 to 3 parameters and as many inputs, differentiated with respect to all of them."""
    rng = random.Random(f"cut {case}")
    parameters, inputs = rng.randint(1, 3), rng.randint(0 if examples == 1 else 1, 3)
    constants = tuple(dict.fromkeys(rng.choice((1.0, 2.0, -1.0, 0.5)) for _ in range(2)))
    slots = parameters + inputs + len(constants)
    instructions = []
    for _ in range(rng.randint(3, 14)):
        kind = rng.random()
        op = rng.choice(CHOOSING if kind < 0.4 else STEEP if kind < 0.65 else ARITHMETIC if kind < 0.85 else ROWS)
        recent = range(max(0, slots - 4), slots)
        operands = [rng.choice(recent if rng.random() < 0.6 else range(slots)) for _ in range(op.arity)]
        instructions.append(Instruction(op, *operands))
        slots += 1
    everything = Tape(parameters, inputs, constants, tuple(instructions), (slots - 1,), num_differentiated=parameters + inputs)
    return Case(
        everything.restrict_to_output(0),
        [rng.choice(NUMBERS) for _ in range(parameters)],
        np.array([[rng.choice(NUMBERS) for _ in range(inputs)] for _ in range(examples)]).reshape(examples, inputs),
    )


# --- the rule, by hand ------------------------------------------------------------------------------------------------


def by_hand(tape: Tape, leaves: list[float]) -> tuple[list[float], list[tuple[float | None, ...]]]:
    """The numbers of all slots, and the local derivatives of each instruction: None where it leaves the operand out."""
    values, partials = [*leaves, *tape.constants], []
    for op, *slots in tape.instructions:
        operands = [values[slot] for slot in slots if slot != NO_OPERAND]
        out, *local = map(float, op.ieee(*operands))
        values.append(out)
        chosen = zip(left_out(op, *operands), local, strict=True)
        partials.append(tuple(None if cut else partial for cut, partial in chosen))
    return values, partials


def reverse(tape: Tape, partials) -> list[float]:
    """The gradient with respect to all leaves."""
    adjoints: list[float | None] = [None] * tape.num_slots
    adjoints[tape.outputs[0]] = 1.0
    for slot in range(tape.num_slots - 1, tape.first_slot - 1, -1):
        instruction = tape.instructions[slot - tape.first_slot]
        for source, partial in zip(instruction.operands, partials[slot - tape.first_slot], strict=True):
            if partial is not None and adjoints[slot] is not None:
                adjoints[source] = (adjoints[source] or 0.0) + partial * adjoints[slot]
    return [adjoint or 0.0 for adjoint in adjoints[: tape.leaves]]


def forward(tape: Tape, partials, source: int) -> float:
    """The derivative of the output with respect to one leaf."""
    tangents: list[float | None] = [None] * tape.num_slots
    tangents[source] = 1.0
    for slot, (instruction, local) in enumerate(zip(tape.instructions, partials, strict=True), start=tape.first_slot):
        for operand, partial in zip(instruction.operands, local, strict=True):
            if partial is not None and tangents[operand] is not None:
                tangents[slot] = (tangents[slot] or 0.0) + partial * tangents[operand]
    return tangents[tape.outputs[0]] or 0.0


def same(got: float, want: float) -> bool:
    """Whether two numbers are of one class (finite, inf, -inf, nan), and agree to rounding if they are finite."""
    if math.isfinite(got) and math.isfinite(want):
        return math.isclose(got, want, rel_tol=1e-9, abs_tol=1e-300)
    return got == want or (math.isnan(got) and math.isnan(want))
