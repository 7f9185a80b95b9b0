"""The gradients of random graphs, against mpmath with 50 digits and forward differentiation.

The graphs are drawn by the oracle's numbers, of which none comes from the engine. Each is then recorded with autograd and
differentiated by ``backward`` and by ``grad``, and value and derivatives must be as close to the exact ones as their condition
allows.
"""

import math
import operator
import random
from functools import lru_cache
from typing import Any, NamedTuple

import pytest

import autograd
from autograd import Constant, Value, grad, ops, topological_order
from autograd.value import apply, as_value
from tests.oracle import EPS, HELPERS, POWERS, ROWS, WITNESSES, arguments, is_regular, mpf, row_id, scale
from tests.sweeps import sweep

GRAPHS = sweep("random graphs against 50 digits", sample=2000, full=20_000)
ARITHMETIC = [ops.ADD, ops.SUB, ops.MUL, ops.DIV]
BIG = 1e3  # values and partials stay below, so that errors stay small enough to be propagated by first derivatives
SMALL = 1e-100  # derivatives that are not 0 stay above, far from underflow
MARGIN = 1e-3  # operands stay away from kinks by more than this, and so by far more than their errors
STEP = mpf("1e-20")  # of the difference quotients in the bounds


# --- the graphs, and their exact derivatives ------------------------------------------------------------------------------


class Node(NamedTuple):
    """A node of a graph in mpmath. Its operands are numbers of earlier nodes (int) or constants (float).

    The bounds are a running error analysis (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.3) to first
    order. Every result of a row is taken to be off by 4 EPS of its scale, as the table is measured; with the partials p of an
    operation in its operands x:

        error of its value              e  =  sum |p| e(x)  +  4 EPS scale
        derivative in a leaf            t  =  sum p t(x)
        sum of the paths to that leaf,
            of absolute products        a  =  sum |p| a(x)
        error of t by errors of p       d  =  sum |p| d(x)  +  |t(x)| (sum |dp/dx| e(x)  +  4 EPS scale of p)

    Besides, the backward pass rounds once for each product and once for each sum, so that a path with its products and the
    sums on it is rounded twice for each edge of the graph at most: in all a derivative may be off by d + EPS * edges * a.
    """

    op: Any
    operands: tuple[Any, ...]
    value: Any
    error: float
    slopes: list[Any]  # t
    paths: list[float]  # a
    errors: list[float]  # d


def leaf(value, index, leaves):
    unit = [float(each == index) for each in range(leaves)]
    return Node(None, (), mpf(value), 0.0, [mpf(each) for each in unit], unit, [0.0] * leaves)


def extended(nodes, op, operands):
    """The node of an operation on earlier nodes and constants; None where it is no place to measure."""
    inputs = [nodes[each] if type(each) is int else None for each in operands]
    point = [node.value if node else mpf(each) for node, each in zip(inputs, operands, strict=True)]
    if not is_regular(op, [float(each) for each in point]) or on_a_kink(op, point):
        return None
    if op.name in POWERS and point[0] < 0 and inputs[1]:
        return None  # a negative base has no derivative in the exponent
    at, leaves = arguments(op, point), len(nodes[0].slopes)
    function, *partials = WITNESSES[op.name]
    value = function(*at)
    error, slopes, paths, errors = own_error(op, 0, at, value), [mpf(0)] * leaves, [0.0] * leaves, [0.0] * leaves
    for index, (node, partial) in enumerate(zip(inputs, partials, strict=True)):
        if node:
            p = partial(*at)
            size = abs(float(p))
            error += (1 if op is ops.DETACH else size) * node.error  # detach states 0 and passes all on
            off = own_error(op, index + 1, at, p)
            off += sum(abs(slope(partial, p, at, j)) * other.error for j, other in enumerate(inputs) if other and other.error)
            for k in range(leaves):
                slopes[k] += p * node.slopes[k]
                paths[k] += size * node.paths[k]
                errors[k] += size * node.errors[k] + abs(float(node.slopes[k])) * off
            if not size < BIG:
                return None
    missed = value == 0 and own_error(op, 0, at, value) > SMALL  # a root between floats: two errors would be multiplied later
    fits = abs(value) < BIG and not missed and not any(0 < each < SMALL for each in paths)
    return Node(op, operands, value, error, slopes, paths, errors) if fits else None


def slope(function, value, at, index):
    """The derivative of a function in one of its operands, to the few digits that a bound needs."""
    return float((function(*[each + STEP * (k == index) for k, each in enumerate(at)]) - value) / STEP)


def own_error(op, index, at, want):
    return 4 * EPS * float(scale(op.name, index, at, want))


def on_a_kink(op, point):
    if op is ops.HYPOT_DX:  # it jumps at the origin
        return math.hypot(*map(float, point)) < MARGIN
    if op in (ops.BESIDE, ops.FACTOR):  # at base 0
        return abs(point[0]) < MARGIN
    return any(abs(value) < MARGIN for value in op.kink_values(*map(float, point)))


@lru_cache(GRAPHS.sample)
def drawn(seed):
    """A random graph of 5 to 60 nodes; the last is the output, and all others lead to it."""
    rng = random.Random(seed)
    size, leaves = rng.randint(5, 59), rng.randint(1, 4)
    nodes = [leaf(rng.uniform(-2, 2), k, leaves) for k in range(leaves)]
    unused = list(range(leaves))
    while len(nodes) < size or len(unused) > 1:
        closing = len(nodes) + len(unused) > size  # the rest brings all ends together
        op = rng.choice(ARITHMETIC if closing or rng.random() < 0.2 else ROWS)
        if closing:
            operands = rng.sample(unused, 2) if len(unused) > 1 else unused * 2
        else:
            operands = [rng.choice(unused if rng.random() < 0.7 else range(len(nodes))) for _ in range(op.arity)]
            if op.arity == 2 and rng.random() < 0.3:
                operands[rng.randrange(2)] = rng.choice((0.5, 2.0, 3.0, rng.uniform(-2, 2)))
        node = extended(nodes, op, tuple(operands))
        if node:
            used = [each for each in operands if type(each) is int]
            unused = [each for each in unused if each not in used] + [len(nodes)]
            nodes.append(node)
    return nodes


# --- the same graphs in autograd ------------------------------------------------------------------------------------------

SPELLED = {
    "neg": operator.neg, "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "power": operator.pow,
}  # fmt: skip


def spelled(op, operands):
    """An operation as its users write it."""
    if op.name in SPELLED:
        return SPELLED[op.name](*operands)
    if op.name in HELPERS:  # they have no name of their own
        return apply(op, *map(as_value, operands))
    constant = [] if op.c is None else [op.c]
    return operator.pow(*operands, *constant) if op.name == "pow" else getattr(autograd, op.name)(*operands, *constant)


def recorded(nodes):
    """The graph as a graph of Values."""
    values = []
    for node in nodes:
        operands = [values[each] if type(each) is int else each for each in node.operands]
        values.append(spelled(node.op, operands) if node.op else Value(float(node.value)))
    return values


def ratios(nodes):
    """The errors relative to their bounds: of the value, of the derivatives by ``backward``, and of those by ``grad``."""
    values = recorded(nodes)
    output, leaves = values[-1], values[: len(nodes[0].slopes)]
    by_grad = grad(output, leaves)
    output.backward()
    last, edges = nodes[-1], sum(len(node.operands) for node in nodes)
    bounds = [error + EPS * edges * path for error, path in zip(last.errors, last.paths, strict=True)]
    return [ratio(output.data, last.value, last.error)] + [
        ratio(got, want, bound)
        for found in ([each.grad for each in leaves], by_grad)
        for got, want, bound in zip(found, last.slopes, bounds, strict=True)
    ]


def ratio(got, want, bound):
    error = float(abs(got - want))
    return error / bound if bound else 0.0 if error == 0 else math.inf


@pytest.fixture(scope="module")
def graphs():
    """Those of the sample."""
    return [drawn(case) for case in range(GRAPHS.sample)]


def test_the_graphs_are_what_they_are_said_to_be(graphs):
    rows = {node.op for nodes in graphs for node in nodes} - {None}
    assert rows == set(ROWS)
    assert {len(nodes) for nodes in graphs} == set(range(5, 61))  # nodes, constants not counted
    for nodes in graphs[:100]:
        order = topological_order(recorded(nodes)[-1])
        assert len([each for each in order if not isinstance(each, Constant)]) == len(nodes)  # every node leads to the output
    uses = [[each for node in nodes for each in node.operands] for nodes in graphs]
    assert sum(len(set(each)) < len(each) for each in uses) > 0.9 * len(graphs)  # shared subexpressions
    sides = {
        (node.op.name, index)
        for nodes in graphs
        for node in nodes
        for index, each in enumerate(node.operands)
        if type(each) is float
    }
    assert sides >= {(name, side) for name in ("add", "sub", "mul", "div", "power", "maximum", "minimum") for side in (0, 1)}


def test_no_gradient_is_further_off_than_its_bound():
    worst = 0.0
    for case in GRAPHS.cases():
        worst = max(worst, GRAPHS.error(max(ratios(drawn(case)))))
        assert worst <= 1
    # 0.13 with glibc: the bounds add up the worst of everything. Were it far less, they could hide a bug.
    assert worst > 0.05


# --- the comparison can fail ----------------------------------------------------------------------------------------------


def caught(graphs):
    """How many of the graphs have a derivative beyond its bound."""
    return sum(max(ratios(nodes)) > 1 for nodes in graphs)


PARTIALS = [(op, index) for op in ROWS for index in range(1, op.arity + 1)]


@pytest.mark.parametrize(("op", "index"), PARTIALS, ids=lambda each: each if type(each) is int else row_id(each))
def test_a_partial_off_by_1e_12_is_caught(graphs, op, index, monkeypatch):
    right = op.kernel

    def wrong(*operands):
        return [each + 1e-12 * (abs(each) or 1) * (k == index) for k, each in enumerate(right(*operands))]

    monkeypatch.setitem(vars(op), "kernel", wrong)
    some = [nodes for nodes in graphs if any(node.op is op for node in nodes)][:60]
    assert caught(some)
    monkeypatch.undo()
    assert not caught(some)


def overwriting(self):
    order = topological_order(self)
    self.grad = 1.0
    for node in reversed(order):
        for source, partial in zip(node.inputs, node.partials, strict=True):
            source.grad = partial * node.grad


def one_operand_each(self):
    order = topological_order(self)
    self.grad = 1.0
    for node in reversed(order):
        for source, partial in dict(zip(node.inputs, node.partials, strict=True)).items():
            source.grad += partial * node.grad


@pytest.mark.parametrize(("wrong", "least"), [(overwriting, 50), (one_operand_each, 20)])
def test_a_wrong_backward_pass_is_caught(graphs, wrong, least, monkeypatch):
    monkeypatch.setattr(Value, "backward", wrong)
    assert caught(graphs[:100]) > least
