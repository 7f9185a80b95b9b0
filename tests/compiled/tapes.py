"""Random functions of one example, with their data: what every executor must run as the eager engine does.

Two kinds are drawn. ``any_rows`` takes all rows of the table in any order, with fan-out, constants and unused leaves.
``layers`` writes sums of products as networks do, and everything about them that a recogniser of matrices could get wrong:
shared weights, repeated and shuffled operands, starts of every kind, sums that are used twice.
"""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import numpy as np

from autograd import OPS, Op, Value, apply
from autograd.rules.cut import CUT
from autograd.rules.evaluate import evaluate

LIMIT = 30.0  # of values
STEEP = 8.0  # of local derivatives
FLAT = 1e-3  # local derivatives are no smaller, unless they are 0 by law
EPS = 2.0**-53
MARGIN = 1e-4  # from kinks, so that a different rounding makes no other choice
CONSTANTS = [-2, -1, 0, 1, 2, 3, 0.5, -0.5, 1.5]


class Line(NamedTuple):
    """An operation on nodes, by their numbers, and constants, as floats."""

    op: Op
    operands: tuple[int | float, ...]


class Drawn(NamedTuple):
    """A random function: its lines, the numbers of its outputs, and data. Nodes are parameters, inputs, then lines."""

    parameters: list[float]
    examples: np.ndarray
    lines: list[Line]
    outputs: list[int]

    def values(self) -> list[Value]:
        return [Value(number, f"w{k}") for k, number in enumerate(self.parameters)]

    def function(self, parameters: list[Value]) -> Any:
        def drawn(x: list[Any]) -> Any:
            nodes = [*parameters, *x]
            for op, operands in self.lines:
                nodes.append(apply(op, *(nodes[each] if type(each) is int else each for each in operands)))
            outputs = [nodes[each] for each in self.outputs]
            return outputs if len(outputs) > 1 else outputs[0]

        return drawn

    def __repr__(self) -> str:
        nodes = [f"w{k} = {each!r}" for k, each in enumerate(self.parameters)]
        nodes += [f"x{k} = {column.tolist()}" for k, column in enumerate(self.examples.T)]
        names = [each.partition(" ")[0] for each in nodes]
        for k, (op, operands) in enumerate(self.lines):
            told = [names[each] if type(each) is int else repr(each) for each in operands]
            names.append(f"v{k}")
            nodes.append(f"v{k} = {op.name}({', '.join(told)}{'' if op.c is None else f', c={op.c}'})")
        return "\n    ".join(["", *nodes, f"outputs {[names[each] for each in self.outputs]}"])


class Sketch:
    """A function in the making: every node with its numbers in all examples, and how large their errors may have grown."""

    def __init__(self, rng: random.Random, parameters: int, inputs: int, batch: int) -> None:
        self.rng, self.parameters, self.inputs = rng, parameters, inputs
        self.leaves = [rng.uniform(-2, 2) for _ in range(parameters)]
        self.examples = np.array([[rng.uniform(-2, 2) for _ in range(inputs)] for _ in range(batch)]).reshape(batch, inputs)
        self.numbers = [[each] * batch for each in self.leaves] + self.examples.T.tolist()
        self.errors = [0.0] * len(self.numbers)
        self.lines: list[Line] = []

    def add(self, op: Op, *operands: int | float) -> int | None:
        """Another line, unless it leads out of its domain, near a kink, or to large numbers, derivatives or errors."""
        columns = [self.numbers[each] if type(each) is int else [each] * len(self.examples) for each in operands]
        made, slopes = [], []
        for data in zip(*columns, strict=True):
            if not op.defined(*data) or near_kink(op, data):
                return None
            out, *local = evaluate(op, *data)
            if abs(out) > LIMIT or not all(abs(each) < STEEP for each in local):
                return None
            if not op.kinks and any(abs(each) < FLAT and each is not CUT for each in local):
                return None  # where tanh saturates, its derivative is what rounding has left
            made.append(out)
            slopes.append(local)
        errors = [self.errors[each] if type(each) is int else 0.0 for each in operands]
        error = max(sum(abs(p) * e for p, e in zip(local, errors, strict=True)) for local in slopes) + EPS
        if error > 3e3 * EPS:
            return None
        self.numbers.append(made)
        self.errors.append(error)
        self.lines.append(Line(op, operands))
        return len(self.numbers) - 1

    def done(self, outputs: list[int]) -> Drawn:
        return Drawn(self.leaves, self.examples, self.lines, outputs)


def near_kink(op: Op, data: tuple[float, ...]) -> bool:
    smooth = op.name not in ("power", "power_dx", "power_dy") or abs(data[0]) > MARGIN
    return not smooth or any(abs(value) < MARGIN for value in op.kink_values(*data))


def member(rng: random.Random, op: Op) -> Op:
    return op.at(rng.choice([0.3, -0.2, 1] if op.name == "leaky_relu" else CONSTANTS)) if op.is_family else op


def any_rows(rng: random.Random, size: int, batch: int, outputs: int = 1, wide: bool = False) -> Drawn:
    """Any rows of the table; ``wide`` takes operands from anywhere, else most are new, and the function is deep."""
    sketch = Sketch(rng, rng.randint(0, 6), rng.randint(1, 4), batch)
    rows = list(OPS.values())
    leaves = len(sketch.numbers)
    for _ in range(100 * size):
        if len(sketch.lines) >= size:
            break
        op = member(rng, rng.choice(rows))
        newest = len(sketch.numbers) - 1
        recent = rng.randint(leaves, newest) if wide and newest >= leaves else newest
        near = [recent, rng.randint(0, newest), rng.randint(max(0, newest - 5), newest)]
        operands: list[Any] = [rng.choice(near), rng.choice([*near, rng.randrange(leaves), float(rng.choice(CONSTANTS))])]
        if op.arity == 2 and rng.random() < 0.3:
            operands.reverse()
        operands = operands[: op.arity]
        if type(operands[0]) is float and op.arity == 1:
            continue
        if all(type(each) is float for each in operands):
            continue
        sketch.add(op, *operands)
    last = len(sketch.numbers) - 1
    return sketch.done([last, *(rng.randint(0, last) for _ in range(outputs - 1))])


def layers(rng: random.Random, width: int, depth: int, batch: int, outputs: int = 1) -> Drawn:
    """Sums of products in layers, with all their irregularities, and activations between them."""
    sketch = Sketch(rng, rng.randint(1, 3 * width), rng.randint(1, 5), batch)
    sketch.leaves = [0.3 * each for each in sketch.leaves]
    sketch.numbers[: len(sketch.leaves)] = [[each] * batch for each in sketch.leaves]
    weights = range(sketch.parameters)
    before = list(range(sketch.parameters, len(sketch.numbers)))
    mul, add = OPS["mul"], OPS["add"]
    regular = rng.random() < 0.5
    for _ in range(depth):
        reads = rng.sample(before, rng.randint(1, min(len(before), 12)))
        made = []
        for _ in range(rng.randint(1, width)):
            reads = reads if regular else rng.choices(before, k=rng.randint(1, min(6, len(before))))
            total = rng.choice([None, rng.choice(weights), rng.choice(before), *made[-1:]])
            for operand in reads:
                w: Any = rng.choice(weights) if regular or rng.random() < 0.9 else rng.choice([0.5, rng.choice(before)])
                product = sketch.add(mul, *rng.sample([w, operand], 2))
                if product is None:
                    continue
                total = product if total is None else sketch.add(add, *rng.sample([total, product], 2)) or total
            if total is not None:
                op = member(rng, OPS[rng.choice(["tanh", "relu", "sigmoid", "sin", "leaky_relu", "gelu", "sub", "add"])])
                operands = [total, *rng.choices([*before, total], k=op.arity - 1)]
                made.append(rng.choice([sketch.add(op, *operands), total]) or total)
        before = [*made, *rng.sample(before, rng.randint(0, min(2, len(before))))] or before
    total = before[0]
    for each in before[1:]:
        total = sketch.add(add, total, each) or total
    last = len(sketch.numbers) - 1
    return sketch.done([total, *(rng.randint(0, last) for _ in range(outputs - 1))])


def drawn(seed: int) -> Drawn:
    """A random function of either kind; small ones, and some that are deep or wide."""
    rng = random.Random(seed)
    batch = rng.choice([1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33])
    if rng.random() < 0.5:
        return any_rows(rng, rng.choice([1, 2, 3, 5, 8, 13, 21, 40]), batch, rng.choice([1, 1, 1, 3]), rng.random() < 0.5)
    return layers(rng, rng.choice([1, 2, 3, 5, 9, 16]), rng.randint(1, 3), batch, rng.choice([1, 1, 1, 3]))
