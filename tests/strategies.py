"""Random expressions, networks and batches for the tests of properties: all are printed as they were made, and shrink."""

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
from autograd import OPS, Op, Value, apply
from autograd.rules.evaluate import evaluate
from autograd.rules.numbers import Number
from tests.sweeps import DEPTH, Sweep


def for_all(*strategies: st.SearchStrategy[Any], examples: int = 60, full: int | None = None) -> Callable[[Any], Any]:
    """``@given``, at two depths (see sweeps.py): so many examples, and with ``--long`` twenty times as many unless told.

    The test's ``can_fail()`` runs it once more and tells whether it found a counterexample, without the time to shrink it.
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


class Step(NamedTuple):
    """One operation on nodes, given by their names, and numbers."""

    op: Op
    operands: tuple[str | Number, ...]

    def reads(self) -> set[str]:
        return {each for each in self.operands if isinstance(each, str)}

    def __str__(self) -> str:
        constant = [] if self.op.c is None else [f"c={self.op.c}"]
        return f"{self.op.name}({', '.join([*map(str, self.operands), *constant])})"


class Expression(NamedTuple):
    """A formula as the list of its steps (Wengert 1964): leaves x1, x2, ... with their numbers, then v1, v2, ..."""

    leaves: dict[str, Number]
    steps: dict[str, Step]

    def replay(self, nodes: Mapping[str, Any], call: Callable[..., Any] = apply) -> dict[str, Any]:
        """Every node by its name, computed by ``call(op, *operands)`` from those given: all leaves, and what else is to be cut."""
        nodes = dict(nodes)
        for name, step in self.steps.items():
            if name not in nodes:
                nodes[name] = call(step.op, *(nodes[each] if isinstance(each, str) else each for each in step.operands))
        return nodes

    def start(self) -> dict[str, Value]:
        """The leaves as Values."""
        return {name: Value(number) for name, number in self.leaves.items()}

    def graph(self) -> dict[str, Value]:
        """Every node as a Value."""
        return self.replay(self.start())

    @property
    def names(self) -> list[str]:
        return [*self.leaves, *self.steps]

    @property
    def output(self) -> str:
        return self.names[-1]

    def reordered(self, wish: Sequence[str]) -> Expression:
        """The same steps, each as early as a list of their names wishes and its operands allow."""
        steps: dict[str, Step] = {}
        while len(steps) < len(self.steps):
            known = {*self.leaves, *steps}
            name = next(name for name in wish if name not in steps and self.steps[name].reads() <= known)
            steps[name] = self.steps[name]
        return self._replace(steps=steps)

    def __repr__(self) -> str:
        return "\n    ".join(["", *(f"{name} = {it}" for name, it in {**self.leaves, **self.steps}.items())])


DENOMINATORS = {float: 1000, Fraction: 20}  # thousandths have, as floats, a full mantissa; rows' samples end on twentieths


@cache
def between(low: float, high: float, kind: type) -> st.SearchStrategy[Any]:
    """Numbers of the kind in a range: readable ones, none so small that its powers vanish, and halves, which meet kinks."""

    def parts(denominator: int) -> st.SearchStrategy[Fraction]:
        ends = ceil(low * denominator), floor(high * denominator)
        return st.integers(*ends).map(lambda numerator: Fraction(numerator, denominator))

    return (parts(2) | parts(DENOMINATORS[kind])).map(kind)


NUMBERS = {kind: between(-3, 3, kind) for kind in DENOMINATORS}
CONSTANTS = {float: st.integers(-2, 3) | NUMBERS[float], Fraction: st.integers(-2, 3)}
HALVES = (Fraction(1, 2), Fraction(-1, 2))
MORE = st.sampled_from([False] + 9 * [True])  # whether there is another step
CONSTANT = st.sampled_from([False, False, True])  # whether a second operand is a number
LIMIT = 100  # of values and local derivatives: nothing overflows on a path of ten


def is_rational(op: Op) -> bool:
    """Whether a row keeps Fractions: it takes no root, exponential or the like."""
    member = op.at(2) if op.is_family else op
    return all(type(each) is Fraction for x in HALVES for each in evaluate(member, *[x] * op.arity))


# Those of two operands thrice, so that paths meet; and first, because examples shrink towards them.
BRANCHING = sorted([*OPS.values()] + 2 * [op for op in OPS.values() if op.arity == 2], key=lambda op: -op.arity)
ROWS = {float: BRANCHING, Fraction: [op for op in BRANCHING if is_rational(op)]}


def is_tame(op: Op, operands: Sequence[Number], kind: type) -> bool:
    """Whether operands lie in the row's domain, and value and local derivatives are of the kind and of moderate size."""
    if not op.defined(*operands):
        return False
    return all(type(each) is kind and abs(each) <= LIMIT for each in evaluate(op, *operands))


@st.composite
def expressions(draw: st.DrawFn, kind: type = float, most: int = 10, first: Number | None = None) -> Expression:
    """An expression of at most ``most`` steps over any rows of the table, in floats or in Fractions.

    Operands are earlier nodes, so parts are shared, and numbers. Where the row is not defined there, or steep, new leaves are
    drawn from its samples. Kinks are not avoided: what is true of all expressions is true with the convention taken there.

    Args:
        kind: of number: float, or Fraction for rational expressions.
        most: the largest number of steps.
        first: the first leaf, if not any number.
    """
    leaves = {f"x{i}": draw(NUMBERS[kind]) for i in range(1, draw(st.integers(1, 3)) + 1)}
    if first is not None:
        leaves["x1"] = first
    values, steps = dict(leaves), {}
    for _ in range(most):
        if steps and not draw(MORE):
            break
        op = draw(st.sampled_from(ROWS[kind]))
        op = op.at(draw(CONSTANTS[kind])) if op.is_family else op
        nodes = [*reversed(values)]
        operands = [draw(st.sampled_from(nodes[:1] * 2 * len(nodes) + nodes))]  # two in three the newest: steps hang together
        if op.arity == 2:
            operands.append(draw(NUMBERS[kind] if draw(CONSTANT) else st.sampled_from(nodes)))
        new: dict[str, Number] = {}
        if not is_tame(op, [values.get(each, each) for each in operands], kind):
            for i, (low, high) in enumerate(op.samples):
                if not low <= values.get(operands[i], operands[i]) <= high:
                    operands[i] = f"x{len(leaves) + len(new) + 1}"
                    new[operands[i]] = draw(between(low, high, kind))
        data = [{**values, **new}.get(each, each) for each in operands]
        if not is_tame(op, data, kind):
            continue
        leaves.update(new)
        values.update(new)
        name = f"v{len(steps) + 1}"
        steps[name] = Step(op, tuple(operands))
        values[name] = evaluate(op, *data)[0]
    return Expression(leaves, steps)


class Question(NamedTuple):
    """What to ask of an expression: derivatives of any nodes in any others, by name, and a weight for each."""

    expression: Expression
    outputs: list[str]
    inputs: list[str]
    v: list[Number]
    t: list[Number]

    def nodes(self) -> tuple[list[Value], list[Value]]:
        """The outputs and inputs in a graph of their own."""
        graph = self.expression.graph()
        return [graph[name] for name in self.outputs], [graph[name] for name in self.inputs]


@st.composite
def questions(draw: st.DrawFn, kind: type = float) -> Question:
    """Outputs and inputs among all nodes, the same one also twice; last nodes and leaves first."""
    expression = draw(expressions(kind))
    outputs = draw(st.lists(st.sampled_from(expression.names[::-1]), min_size=1, max_size=3))
    inputs = draw(st.lists(st.sampled_from(expression.names), min_size=1, max_size=4))
    v, t = ([draw(NUMBERS[kind]) for _ in names] for names in (outputs, inputs))
    return Question(expression, outputs, inputs, v, t)


# --- networks and batches ---------------------------------------------------------------------------------------------

ACTIVATIONS = ["linear", "relu", "leaky_relu", "elu", "silu", "gelu", "softplus", "sigmoid", "tanh", "softmax"]
LOSSES = ["sum_of_squares", "half_sum_of_squares", "cross_entropy", "cross_entropy_logits", "hinge"]
PROBABILITIES = ["sigmoid", "softmax"]  # outputs that cross_entropy can take the log of
RATIONAL = ["linear", "relu"]  # leaky_relu's slope, 0.01, is a float


class Problem(NamedTuple):
    """A network, a batch and a loss, as plain arrays."""

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
        """The loss of the batch, from the losses of its examples."""
        return nn.mean(losses) if self.reduction == "mean" else sum(losses)

    def in_fractions(self) -> Problem:
        """The same problem with every number rounded to eighths, as a Fraction: what is rational in it is exact."""

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
    """Targets that fit the loss: rows of numbers, or where it takes them ``soft`` rows, or a ``vector``."""
    labels = rng.integers(outputs, size=examples)
    if loss == "hinge":
        t = rng.choice([-1.0, 1.0], size=(examples, outputs))
        t[:, :1] = -t[:, -1:]  # both signs in a row: of equal signs softmax would leave nothing but rounding
    elif not loss.startswith("cross_entropy"):
        t = rng.normal(size=(examples, outputs))
    elif form == "soft":
        t = rng.uniform(size=(examples, outputs))  # rows that do not sum to 1 either
    else:
        t = np.eye(outputs)[labels]
    if form == "vector" and outputs == 1 and not loss.startswith("cross_entropy"):
        return t[:, 0]
    return labels if form == "vector" and loss != "hinge" else t


@st.composite
def problems(draw: st.DrawFn, rational: bool = False) -> Problem:
    """Networks of 1 to 4 layers, all widths different, with a batch for any of the losses; ``rational`` ones in Fractions."""
    depth = draw(st.integers(1, 4))
    widths = draw(st.lists(st.integers(1, 6), min_size=depth + 1, max_size=depth + 1, unique=True))
    if rational:
        loss = draw(st.sampled_from([each for each in LOSSES if not each.startswith("cross_entropy")]))
        names = [draw(st.sampled_from(RATIONAL)) for _ in range(depth)]
    else:
        loss = draw(st.sampled_from(LOSSES))
        names = draw(st.permutations(ACTIVATIONS))[:depth]
    if loss == "cross_entropy":
        names[-1] = draw(st.sampled_from(PROBABILITIES))
    # A softmax of one neuron is 1 for every sample; above it hinge's derivatives, all 1 or -1, cancel and leave only rounding.
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
