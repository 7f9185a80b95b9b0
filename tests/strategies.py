"""Random expressions, networks and data for the tests of properties. hypothesis prints them readably and shrinks them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache, wraps
from inspect import signature
from math import ceil, floor, inf
from typing import Any, NamedTuple, cast

import numpy as np
from hypothesis import Phase, assume, given, seed, settings
from hypothesis import strategies as st

import autograd
import nn
from autograd import OPS, Op, Value, apply, derivative, dot, gradient, identity, jacobian_of, jvp, sin, value_and_grad
from autograd.rules.cut import Cut
from autograd.rules.evaluate import evaluate
from autograd.rules.numbers import Number
from autograd.value import as_value
from tests import duals
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


# --- programs: whatever a function may do, as one text ------------------------------------------------------------------


def by_gradient(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: gradient(lambda xs: f(xs[0]))([x])[0]


def by_value_and_grad(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: value_and_grad(f)(x)[1][0]


def by_jacobian(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: jacobian_of(lambda xs: [f(xs[0])])([x])[0][0]


def by_jvp(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The derivative in forward mode, with respect to a node of its own."""

    def slope(x: Any) -> Any:
        variable = identity(as_value(x))
        return jvp([f(variable)], [variable], [1], create_graph=True)[0]

    return slope


DERIVATIVES = {D.__name__: D for D in (derivative, by_gradient, by_value_and_grad, by_jacobian, by_jvp)}
OURS = {
    **{name: getattr(autograd, name) for name in autograd.__all__},
    **DERIVATIVES,
    "let": lambda x, body: body(x),
    "inf": inf,
    "Fraction": Fraction,
}


class Program(NamedTuple):
    """A function of x0, x1, ... as the text of an expression, and the numbers at which to ask for its derivatives."""

    text: str
    at: tuple[Number, ...]

    def function(self, world: Mapping[str, Any] = OURS) -> Callable[..., Any]:
        """The function; ``world`` says what the names in its text stand for: ours, or those of an oracle."""
        names = ", ".join(f"x{k}" for k in range(len(self.at)))
        return cast(Callable[..., Any], eval(f"lambda {names}: {self.text}", dict(world)))

    def __repr__(self) -> str:
        return f"\n    {self.text}\n    at {', '.join(f'x{k} = {number}' for k, number in enumerate(self.at))}"


# The forms of terms, by what they are there for. {a} and {b} are terms, {c} is a condition, {n} a name, {e} a name of 0 if there
# is one, and {m} 0 or -inf. {v} and {w} are new names. {body} may read {v}, and {y}, the variable of the derivative {D} at {at};
# {p} is in both. Behind @ stand pairs that the form compares.
FORMS = {
    "arithmetic": ["({a} + {b})", "({a} - {b})", "({a} * {b})", "({a} / (1 + {b}**2))", "(-{a})", "({a}**3)"],
    "repeated operands": [
        "let({a}, lambda {v}: {v} * {v})", "let({a}, lambda {v}: {v} / (1 + {v} * {v}))", "let({a}, lambda {v}: {body})",
        "let({a}, lambda {v}: where({c}, {v}, {v}))", "let({a}, lambda {v}: maximum({v}, {v}))",
    ],
    "cuts": [
        "detach({a})", "relu({a}) @{a}|0", "maximum({a}, {b}) @{a}|{b}", "minimum({a}, {b}) @{a}|{b}",
        "clip({a}, -1, 1) @{a}|1 @{a}|-1", "where({c}, {a}, {b})", "where({c}, lambda: {a}, lambda: {b})",
    ],
    "derivatives": ["{D}(lambda {y}: {body} + {p} * {y})({at})"],
    "infinities": [
        "sqrt({a}) @{a}|0", "sqrt(relu({a})) @{a}|0", "sqrt(maximum({a}, 0)) @{a}|0", "asin(clip({a}, -1, 1)) @{a}|1 @{a}|-1",
        "cbrt({a}) @{a}|0", "sqrt(abs({a})) @{a}|0", "({a} + detach(sqrt({e}))) @{e}|0", "maximum(sqrt({e}), 1) @{e}|0 @{e}|1",
        "relu(sqrt({e}) - 1) @{e}|0 @{e}|1", "where({c}, {a}, sqrt({e})) @{e}|0", "where({c}, lambda: 1 / {e}, {b}) @{e}|0",
        "maximum({a}, -inf)", "minimum(inf, {a})", "where({c}, {a}, inf)", "where({c}, -inf, {a})",
    ],
    "lengths": ["hypot({a}, {b}) @{a}|0 @{b}|0", "let({a}, lambda {v}: hypot({v}, {v})) @{a}|0"],
    "smooth": [
        "sin({a})", "cos({a})", "exp({a})", "tanh({a})", "atan({a})", "sigmoid({a})", "softplus({a})", "log(1 + {a}**2)",
    ],
    "masks": ["logsumexp([{a} + {m}, {b} + {m}, {a}])", "softmax([{a} + {m}, {b}, {n} + {m}])[1]", "softmax([{a} + {m}, {b}])[0]"],
    "solvers": [
        "let({a}, lambda {w}: solve(lambda {v}: {v} - sin({v}) / 2 - {w}, 0.5))",
        "let({a}, lambda {w}: let({b}, lambda {v}: solve(lambda u: u**3 + (1 + {v}**2) * u - {w}, 0.5)))",
    ],
}  # fmt: skip
EXACT = ("arithmetic", "repeated operands", "cuts", "derivatives")  # forms that take Fractions to Fractions
ANALYTIC = ("arithmetic", "derivatives", "smooth")  # forms that complex numbers have too
CONDITIONS = [
    "less({l}, {r})",
    "less_equal({l}, {r})",
    "equal({l}, {r})",
    "(less({l}, {r}) & less({r}, 1))",
    "(equal({l}, {r}) | less({r}, 1))",
]
APART = 1e-6  # where two sides differ by more, rounding does not decide how they compare
DYADIC = 2**20  # floats compute whole numbers of such parts, if they are small, without rounding


@dataclass
class Scope:
    """The names that a term may read, with their numbers by the oracle, and those that floats compute without rounding."""

    numbers: dict[str, Any]
    exact: frozenset[str]
    known: dict[str, Any] = field(default_factory=dict)

    def value(self, text: str) -> Any:
        if text not in self.known:
            self.known[text] = duals.base(eval(text, {**duals.world(duals.Derivatives()), **self.numbers}))
        return self.known[text]

    def is_tame(self, text: str) -> bool:
        """Whether a text has a number, of at most ``LIMIT``."""
        try:
            return bool(abs(self.value(text)) <= LIMIT)
        except (ArithmeticError, ValueError):
            return False

    def is_exact(self, text: str) -> bool:
        number = self.value(text)
        rational = set(re.findall(r"[A-Za-z]\w*", text)) <= self.exact
        return isinstance(number, Fraction) or (rational and number * DYADIC % 1 == 0)

    def is_settled(self, left: str, right: str) -> bool:
        """Whether rounding cannot decide how two texts compare."""
        if not (self.is_tame(left) and self.is_tame(right)):
            return False
        return bool(abs(self.value(left) - self.value(right)) > APART or (self.is_exact(left) and self.is_exact(right)))

    def inside(self, name: str, text: str) -> Scope:
        """The scope of a function that is called with a text, which it calls by a name."""
        return Scope({**self.numbers, name: self.value(text)}, self.exact | ({name} if self.is_exact(text) else set()))


class Holes(dict[str, str]):
    """What stands in the holes of a form: drawn when it is first asked for."""

    def __init__(self, drawers: Mapping[str, Callable[[], str]]) -> None:
        self._drawers = drawers

    def __missing__(self, name: str) -> str:
        self[name] = self._drawers[name]()
        return self[name]


@st.composite
def programs(draw: st.DrawFn, kind: type = float, forms: Sequence[str] = (), most: int = 4, depth: int = 3) -> Program:
    """Programs with finite values, whatever stands behind what they leave out; they shrink towards names and numbers.

    Args:
        kind: the type of the numbers: float, or Fraction for programs that are exact.
        forms: which of ``FORMS`` they are made of; by default all that the kind allows.
        most: how many forms stand in each other at most.
        depth: how deep derivatives nest at most.
    """
    kinds = [*forms] or [*(EXACT if kind is Fraction else FORMS)]
    count = itertools.count()
    edges = st.sampled_from([*map(kind, (0, 0, 1, -1))])
    numbers = st.booleans().flatmap(lambda any_number: NUMBERS[kind] if any_number else edges)

    def number() -> str:
        drawn = draw(numbers)
        return f"({drawn!r})" if drawn < 0 else repr(drawn)

    def one_of(texts: Iterable[str]) -> str:
        return cast(str, draw(st.sampled_from([*texts])))

    def leaf(scope: Scope) -> str:
        return one_of([*scope.numbers] * 2 + [""]) or number()

    def condition(scope: Scope, size: int, depth: int) -> str:
        left, right = term(scope, size, depth), leaf(scope)
        if not (scope.is_settled(left, right) and scope.is_settled(right, "1")):
            left, right = number(), number()
        return one_of(CONDITIONS).format(l=left, r=right)

    def place(scope: Scope, variable: str, size: int, depth: int) -> str:
        """Where a derivative is taken: at a Value, since the derivative at a number is one, and cuts what it reads."""
        made = f"({variable} + {term(scope, size, depth)})"
        return variable if draw(st.booleans()) or not scope.is_tame(made) else made

    def term(scope: Scope, size: int, depth: int) -> str:
        return cast(str, draw(terms(scope, size, depth)))

    @st.composite  # so that hypothesis can put a part in place of the whole
    def terms(draw: st.DrawFn, scope: Scope, size: int, depth: int) -> str:
        """The text of a term that has a number, and is no matter of rounding; else a leaf."""
        form = draw(st.sampled_from(["", *kinds]))
        nested = form == "derivatives"
        if not form or not size or (nested and not depth):
            return leaf(scope)

        def body() -> str:
            inside = scope.inside(holes["y"], holes["at"]) if nested else scope.inside(holes["v"], holes["a"])
            return term(inside, size - 1, depth - nested)

        holes = Holes(
            {
                "a": lambda: term(scope, size - 1, depth),
                "b": lambda: term(scope, size // 2, depth),
                "c": lambda: condition(scope, size // 2, depth),
                "n": lambda: one_of(scope.numbers),
                "p": lambda: one_of(name for name in scope.numbers if name[0] in "xy"),
                "e": lambda: one_of([name for name, number in scope.numbers.items() if number == 0] or scope.numbers),
                "m": lambda: one_of(["0.0", "-inf"]),
                "v": lambda: f"v{next(count)}",
                "w": lambda: f"w{next(count)}",
                "y": lambda: f"y{next(count)}",
                "D": lambda: one_of(DERIVATIVES),
                "at": lambda: place(scope, holes["p"], size // 2, depth),
                "body": body,
            }
        )
        text, *compared = one_of(FORMS[form]).split(" @")
        made = text.format_map(holes)
        settled = all(scope.is_settled(*(side.format_map(holes) for side in pair.split("|"))) for pair in compared)
        return made if settled and scope.is_tame(made) else leaf(scope)

    at = tuple(draw(numbers) for _ in range(draw(st.integers(1, 3))))
    names = {f"x{k}": duals.held(number) for k, number in enumerate(at)}
    scope = Scope(names, frozenset(name for name, number in names.items() if number * DYADIC % 1 == 0))
    text = term(scope, most, depth)
    return Program(text if re.search(r"\bx\d", text) else f"({text} + x0)", at)


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
