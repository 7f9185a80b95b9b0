"""Random expressions, networks and data for the tests of properties. hypothesis prints them readably and shrinks them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache, wraps
from inspect import signature
from math import ceil, floor
from typing import Any, NamedTuple

import numpy as np
from hypothesis import Phase, assume, given, seed, settings
from hypothesis import strategies as st

import nn
from autograd import OPS, Op, Value, apply, dot, sin
from autograd.rules.cut import Cut
from autograd.rules.evaluate import evaluate
from autograd.rules.numbers import Number
from tests.oracle import DIVISIONS
from tests.sweeps import DEPTH, Sweep


def for_all(*strategies: st.SearchStrategy[Any], examples: int = 60, full: int | None = None) -> Callable[[Any], Any]:
    """hypothesis's ``given`` at two depths (see sweeps.py): it tries ``examples``, and with ``--long`` ``full``, or 20 times as many.

    The test gets a function ``can_fail()``, which runs it again and returns whether it found a counterexample; it does not
    shrink it.
    """

    def decorate(check: Any) -> Any:
        sweep = Sweep(
            f"properties of {check.__module__.removeprefix('tests.').replace('.', '/')}", examples, full or 20 * examples
        )

        @wraps(check)
        def counted(*drawn: Any, **named: Any) -> None:
            sweep.count_one()
            check(*drawn, **named)

        counted.__signature__ = signature(check)  # the first versions of hypothesis 6 do not look behind wraps

        def can_fail() -> bool:
            quick = settings(max_examples=examples, phases=[Phase.generate], database=None, report_multiple_bugs=False)
            try:
                quick(given(*strategies)(check))()
            except AssertionError:
                return True
            return False

        test = settings(max_examples=sweep.count)(given(*strategies)(counted))
        if DEPTH.seed:
            test = seed(DEPTH.seed)(test)
        test.can_fail = can_fail
        return test

    return decorate


# --- expressions ------------------------------------------------------------------------------------------------------


class Operation(NamedTuple):
    """A row and its operands: nodes, by their names, and numbers."""

    op: Op
    operands: tuple[str | Number, ...]

    def reads(self) -> set[str]:
        """The names of the nodes that it reads."""
        return {operand for operand in self.operands if isinstance(operand, str)}

    def __str__(self) -> str:
        constant = [] if self.op.c is None else [f"c={self.op.c}"]
        return f"{self.op.name}({', '.join([*map(str, self.operands), *constant])})"


class Expression(NamedTuple):
    """A formula as a Wengert list: leaves x1, x2, ... with their numbers, then the operations v1, v2, ..."""

    leaves: dict[str, Number]
    operations: dict[str, Operation]

    def replay(self, nodes: Mapping[str, Any], call: Callable[..., Any] = apply) -> dict[str, Any]:
        """Every node by its name: ``nodes``, which hold all leaves, and the others, computed by ``call(op, *operands)``."""
        nodes = dict(nodes)
        for name, (op, operands) in self.operations.items():
            if name not in nodes:
                nodes[name] = call(op, *(nodes[operand] if isinstance(operand, str) else operand for operand in operands))
        return nodes

    def start(self) -> dict[str, Value]:
        """The leaves as Values."""
        return {name: Value(number) for name, number in self.leaves.items()}

    def graph(self) -> dict[str, Value]:
        """Every node as a Value."""
        return self.replay(self.start())

    @property
    def names(self) -> list[str]:
        return [*self.leaves, *self.operations]

    @property
    def output(self) -> str:
        return self.names[-1]

    def reordered(self, wish: Sequence[str]) -> Expression:
        """The same operations in the order of ``wish``, a list of their names, as far as their operands allow."""
        operations: dict[str, Operation] = {}
        while len(operations) < len(self.operations):
            known = {*self.leaves, *operations}
            name = next(name for name in wish if name not in operations and self.operations[name].reads() <= known)
            operations[name] = self.operations[name]
        return self._replace(operations=operations)

    def __repr__(self) -> str:
        return "\n    ".join(
            ["", *(f"{name} = {definition}" for name, definition in {**self.leaves, **self.operations}.items())]
        )


DENOMINATORS = {float: 1000, Fraction: 20}  # floats of thousandths fill the mantissa; the ranges of the rows end on twentieths


@cache
def between(low: float, high: float, kind: type) -> st.SearchStrategy[Any]:
    """Numbers of the kind in a range: readable ones, not so small that their powers vanish, and halves, which lie on kinks."""

    def parts(denominator: int) -> st.SearchStrategy[Fraction]:
        ends = ceil(low * denominator), floor(high * denominator)
        return st.integers(*ends).map(lambda numerator: Fraction(numerator, denominator))

    return (parts(2) | parts(DENOMINATORS[kind])).map(kind)


NUMBERS = {kind: between(-3, 3, kind) for kind in DENOMINATORS}
CONSTANTS = {float: st.integers(-2, 3) | NUMBERS[float], Fraction: st.integers(-2, 3)}
HALVES = (Fraction(1, 2), Fraction(-1, 2), Fraction(3, 2))  # each row is defined at one of them at least
MORE = st.sampled_from([False] + 9 * [True])  # whether another operation follows
CONSTANT = st.sampled_from([False, False, True])  # whether the second operand is a number
JUMP = 1e-9  # from a jump of whole quotients, where rounding of the operands would change the result
LIMIT = 100  # of values and local derivatives, so that nothing overflows on a path of ten


def is_rational(op: Op) -> bool:
    """Whether a row returns Fractions for Fractions, so takes no root, exponential or the like."""
    member = op.at(2) if op.is_family else op
    points = [[x] * op.arity for x in HALVES]
    return all(
        type(number) in (Fraction, Cut) for point in points if member.defined(*point) for number in evaluate(member, *point)
    )


# Rows of two operands stand here three times, so that paths meet, and first, because examples shrink towards the first.
BRANCHING = sorted([*OPS.values()] + 2 * [op for op in OPS.values() if op.arity == 2], key=lambda op: -op.arity)
ROWS = {float: BRANCHING, Fraction: [op for op in BRANCHING if is_rational(op)]}


def is_tame(op: Op, operands: Sequence[Number], kind: type) -> bool:
    """Whether operands lie in the row's domain, and its value and local derivatives have the kind and are at most ``LIMIT``.

    Whole quotients and remainders stay away from their jumps.
    """
    if not op.defined(*operands) or (op.name in DIVISIONS and op.distance_from_kink(*map(float, operands)) < JUMP):
        return False
    return all(type(number) in (kind, Cut) and abs(number) <= LIMIT for number in evaluate(op, *operands))


def is_flat(operand: str | Number, operations: Mapping[str, Operation]) -> bool:
    """Whether an operand has the derivative 0 everywhere, as conditions have, of which the rows ``when`` and ``unless`` speak."""
    return not isinstance(operand, str) or (operand in operations and set(operations[operand].op.constant_partials) == {0})


@st.composite
def expressions(draw: st.DrawFn, kind: type = float, most: int = 10, first: Number | None = None) -> Expression:
    """An expression of at most ``most`` operations over any rows of the table, in floats or in Fractions.

    Operands are numbers and earlier nodes, so nodes have several users. Where a row is not defined at its operands, or is steep
    there, new leaves are drawn from the row's samples. Kinks are not avoided: a property of all expressions holds with the
    convention there.

    Args:
        kind: the type of the numbers: float, or Fraction for rational expressions.
        most: the largest number of operations.
        first: the number of the first leaf; None for any.
    """
    leaves = {f"x{i}": draw(NUMBERS[kind]) for i in range(1, draw(st.integers(1, 3)) + 1)}
    if first is not None:
        leaves["x1"] = first
    values, operations = dict(leaves), {}
    for _ in range(most):
        if operations and not draw(MORE):
            break
        op = draw(st.sampled_from(ROWS[kind]))
        op = op.at(draw(CONSTANTS[kind])) if op.is_family else op
        nodes = [*reversed(values)]
        operands = [
            draw(st.sampled_from(nodes[:1] * 2 * len(nodes) + nodes))
        ]  # the newest in two of three, so that operations hang together
        if op.arity == 2:
            operands.append(draw(NUMBERS[kind] if draw(CONSTANT) else st.sampled_from(nodes)))
        new: dict[str, Number] = {}
        if not is_tame(op, [values.get(operand, operand) for operand in operands], kind):
            for i, (low, high) in enumerate(op.samples):
                if not low <= values.get(operands[i], operands[i]) <= high:
                    operands[i] = f"x{len(leaves) + len(new) + 1}"
                    new[operands[i]] = draw(between(low, high, kind))
        data = [{**values, **new}.get(operand, operand) for operand in operands]
        leaves_out = op.name in ("when", "unless") and data[0] == (op.name == "unless")
        if not is_tame(op, data, kind) or (leaves_out and not is_flat(operands[0], operations)):
            continue
        leaves.update(new)
        values.update(new)
        name = f"v{len(operations) + 1}"
        operations[name] = Operation(op, tuple(operands))
        values[name] = evaluate(op, *data)[0]
    return Expression(leaves, operations)


class Question(NamedTuple):
    """What to ask about an expression: derivatives of some nodes with respect to others, by name, and a weight for each."""

    expression: Expression
    outputs: list[str]
    inputs: list[str]
    v: list[Number]
    t: list[Number]

    def nodes(self) -> tuple[list[Value], list[Value]]:
        """The outputs and the inputs, in a new graph."""
        graph = self.expression.graph()
        return [graph[name] for name in self.outputs], [graph[name] for name in self.inputs]


@st.composite
def questions(draw: st.DrawFn, kind: type = float) -> Question:
    """Questions whose outputs and inputs are any nodes, a node also twice; they shrink towards the output and the leaves."""
    expression = draw(expressions(kind))
    outputs = draw(st.lists(st.sampled_from(expression.names[::-1]), min_size=1, max_size=3))
    inputs = draw(st.lists(st.sampled_from(expression.names), min_size=1, max_size=4))
    v, t = ([draw(NUMBERS[kind]) for _ in names] for names in (outputs, inputs))
    return Question(expression, outputs, inputs, v, t)


# --- derivatives inside derivatives, and equations ----------------------------------------------------------------------


@st.composite
def nested_programs(draw: st.DrawFn, budget: int = 3) -> tuple[str, str]:
    """A polynomial program of nested derivatives, as the text of an expression: in our functions, and in SymPy's.

    An inner derivative has a variable of its own, reads all outer ones, and is taken at an expression of them, or at a number
    plus ``zero(x0)``. That is 0, or 0 * x0 so that the result is a Value even if no call around it differentiates x0.
    """
    names = [f"x{k}" for k in range(4)]

    def expression(level: int, budget: int) -> tuple[str, str]:
        kind = draw(st.sampled_from(["name", "number", "+", "*", "-", "D", "D"] if budget else ["name", "number"]))
        if kind == "name":
            name = draw(st.sampled_from(names[: level + 1]))
            return name, name
        if kind == "number":
            number = str(draw(st.integers(-2, 3)))
            return f"({number})", f"({number})"
        if kind != "D" or level == 3:
            (a, a_), (b, b_) = expression(level, budget - 1), expression(level, budget - 1)
            sign = "+" if kind == "D" else kind
            return f"({a} {sign} {b})", f"({a_} {sign} {b_})"
        (body, body_), (at, at_) = expression(level + 1, budget - 1), expression(level, budget - 1)
        inner = names[level + 1]
        at = at if "x" in at else f"{at} + zero(x0)"
        return f"D(lambda {inner}: {body} + 0*{inner})({at})", f"diff({body_} + 0*{inner}, {inner}).subs({inner}, {at_})"

    return expression(0, budget)


class LinearPlusSine(NamedTuple):
    """Equations A v + bend sin(v shifted by one) = p, whose matrix dominates, so that each p has one solution."""

    matrix: list[list[float]]
    bend: float
    solution: list[float]

    def residuals(self, v: Sequence[Any], p: Sequence[Any]) -> list[Any]:
        return [dot(row, v) + self.bend * sin(v[k - 1]) - p[k] for k, row in enumerate(self.matrix)]

    @property
    def p(self) -> list[float]:
        """The parameters that have the solution."""
        return self.residuals(self.solution, [0.0] * len(self.solution))


@st.composite
def equations(draw: st.DrawFn, most: int = 4) -> LinearPlusSine:
    """Nonlinear equations in up to ``most`` unknowns, with a solution that is chosen first."""
    size = draw(st.integers(1, most))
    rows = [[draw(between(-1, 1, float)) for _ in range(size)] for _ in range(size)]
    matrix = [[entry + (1 + size) * (i == j) for j, entry in enumerate(row)] for i, row in enumerate(rows)]
    return LinearPlusSine(matrix, draw(between(0, 0.5, float)), [draw(between(-1, 1, float)) for _ in range(size)])


# --- networks and their data ------------------------------------------------------------------------------------------

ACTIVATIONS = ["linear", "relu", "leaky_relu", "elu", "silu", "gelu", "softplus", "sigmoid", "tanh", "softmax"]
LOSSES = ["sum_of_squares", "half_sum_of_squares", "cross_entropy", "cross_entropy_logits", "hinge"]
PROBABILITIES = ["sigmoid", "softmax"]  # activations of the output whose log cross_entropy can take
RATIONAL = ["linear", "relu"]  # leaky_relu's slope, 0.01, is a float


class Problem(NamedTuple):
    """A network, examples and a loss, as plain arrays."""

    weights: list[np.ndarray]
    biases: list[np.ndarray | None]
    activations: list[str]
    inputs: np.ndarray
    targets: np.ndarray  # as the user gives them: N x K numbers, N labels, or N numbers
    loss: str
    reduction: str

    def target_rows(self) -> np.ndarray:
        outputs = len(self.weights[-1])
        if self.targets.ndim == 2:
            return self.targets
        if outputs == 1 and not self.loss.startswith("cross_entropy"):
            return self.targets.reshape(-1, 1)
        return np.array([[float(c == label) for c in range(outputs)] for label in self.targets])

    def model(self) -> nn.MLP:
        """The network in scalars."""
        nin, nouts = self.weights[0].shape[1], [len(w) for w in self.weights]
        bias = [b is not None for b in self.biases]
        model = nn.MLP(nin, nouts, activation=self.activations[:-1], output=self.activations[-1], bias=bias, seed=0)
        for layer, weights, bias in zip(model.layers, self.weights, self.biases, strict=True):
            for i, neuron in enumerate(layer.neurons):
                for w, number in zip(neuron.w, weights[i].tolist(), strict=True):
                    w.data = number
                assert (neuron.b is None) == (bias is None)
                if bias is not None:
                    neuron.b.data = bias.tolist()[i]
        model.zero_grad()  # a zero of the number's own kind
        return model

    def losses(self, model: nn.MLP) -> list[Value]:
        """The loss of each example."""
        pairs = zip(self.inputs.tolist(), self.targets.tolist(), strict=True)
        return [nn.LOSSES[self.loss](model.trace(x).activations[-1], target) for x, target in pairs]

    def reduced(self, losses: list[Value]) -> Value:
        """The loss of all examples together, from the losses of each."""
        return nn.mean(losses) if self.reduction == "mean" else sum(losses)

    def in_fractions(self) -> Problem:
        """The same problem with every number rounded to eighths, as a Fraction: sums, products and quotients are exact."""

        def exact(array: np.ndarray | None) -> Any:
            return array if array is None or array.dtype.kind != "f" else np.vectorize(_eighths, otypes=[object])(array)

        weights, biases = map(exact, self.weights), map(exact, self.biases)
        return self._replace(weights=[*weights], biases=[*biases], inputs=exact(self.inputs), targets=exact(self.targets))


def _eighths(number: float) -> Fraction:
    return Fraction(round(8 * float(number)), 8)


def problem(
    seed: int,
    widths: Sequence[int],
    activations: Sequence[str],
    loss: str,
    *,
    examples: int = 5,
    bias: bool | list[bool] = True,
    reduction: str = "mean",
    targets: str = "rows",
) -> Problem:
    """A random problem. Weights and inputs of about 1 keep the activations in the range where they bend."""
    rng = np.random.default_rng(seed)
    flags = bias if isinstance(bias, list) else [bias] * len(activations)
    t = _targets(rng, loss, examples, widths[-1], targets)
    return Problem(
        [rng.uniform(-1, 1, (after, before)) for before, after in itertools.pairwise(widths)],
        [rng.uniform(-1, 1, width) if flag else None for width, flag in zip(widths[1:], flags, strict=True)],
        list(activations),
        rng.normal(size=(examples, widths[0])),
        t,
        loss,
        reduction,
    )


def _targets(rng: np.random.Generator, loss: str, examples: int, outputs: int, form: str) -> np.ndarray:
    """Targets in the form asked for, if the loss takes it: ``rows`` (one-hot, or of numbers), ``soft`` rows, or a ``vector``."""
    labels = rng.integers(outputs, size=examples)
    if loss == "hinge":
        t = rng.choice([-1.0, 1.0], size=(examples, outputs))
        t[:, :1] = -t[:, -1:]  # both signs in each example: with equal signs, softmax would leave nothing but rounding
    elif not loss.startswith("cross_entropy"):
        t = rng.normal(size=(examples, outputs))
    elif form == "soft":
        t = rng.uniform(size=(examples, outputs))  # these need not sum to 1
    else:
        t = np.eye(outputs)[labels]
    if form == "vector" and outputs == 1 and not loss.startswith("cross_entropy"):
        return t[:, 0]
    return labels if form == "vector" and loss != "hinge" else t


@st.composite
def problems(draw: st.DrawFn, rational: bool = False) -> Problem:
    """Networks of 1 to 4 layers, all widths different, with examples for any loss; if ``rational``, in Fractions."""
    depth = draw(st.integers(1, 4))
    widths = draw(st.lists(st.integers(1, 6), min_size=depth + 1, max_size=depth + 1, unique=True))
    if rational:
        loss = draw(st.sampled_from([name for name in LOSSES if not name.startswith("cross_entropy")]))
        names = [draw(st.sampled_from(RATIONAL)) for _ in range(depth)]
    else:
        loss = draw(st.sampled_from(LOSSES))
        names = draw(st.permutations(ACTIVATIONS))[:depth]
    if loss == "cross_entropy":
        names[-1] = draw(st.sampled_from(PROBABILITIES))
    # A softmax of one neuron is 1 for every example. The derivatives of a hinge after it, all 1 or -1, cancel but for rounding.
    assume(loss != "hinge" or ("softmax", 1) not in zip(names[:-1], widths[1:-1], strict=True))
    made = problem(
        draw(st.integers(0, 2**32 - 1)),
        widths,
        names,
        loss,
        examples=draw(st.integers(1, 8)),
        bias=draw(st.lists(st.booleans(), min_size=depth, max_size=depth)),
        reduction=draw(st.sampled_from(["mean", "sum"])),
        targets=draw(st.sampled_from(["rows", "vector", "soft"])),
    )
    return made.in_fractions() if rational else made
