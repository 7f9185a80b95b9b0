"""What holds for every expression: exactly in Fractions, bit for bit where the same operations are done, else to rounding.

The expressions come from ``tests/strategies.py``, over all rows of the table. At the end of the file every property is shown to
be able to fail: a bug is planted, and the property finds a counterexample.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, repeat
from math import isfinite
from typing import Any

import pytest
from hypothesis import Phase, assume, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from autograd import (
    OPS,
    Constant,
    Value,
    apply,
    derivatives,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    ops,
    recording,
    scope,
    topological_order,
    value,
    vjp,
)
from tests.strategies import NUMBERS, ROWS, Expression, Operation, Question, expressions, for_all, is_tame, questions

EPS = Fraction(1, 2**52)  # twice the largest relative error of a product or a sum
TINY = Fraction(1, 2**1000)  # more than underflow costs: 2^-1075 a product, enlarged on a path of ten by less than 2^70
RATIONAL, REAL = expressions(Fraction), expressions(float)
FRACTIONS = NUMBERS[Fraction]
RECORDED = st.booleans()  # whether derivatives are computed with create_graph=True


def bits(numbers: Any) -> str:
    """Numbers to the last bit: their text tells 0.0 from -0.0 and from 0, and inf from nan."""
    return repr([each.data if isinstance(each, Value) else each for each in numbers])


def same(numbers: list[Any]) -> Any:
    """Equal numbers, where nan equals nan: at an edge of the domain, like that of 0**y, there are derivatives that do not exist."""
    return pytest.approx(numbers, rel=0, abs=0, nan_ok=True)


def data(derivatives: list[Any]) -> list[Any]:
    return [each.data if isinstance(each, Value) else each for each in derivatives]


def inner(xs: Any, ys: Any) -> Fraction:
    return sum((Fraction(x) * Fraction(y) for x, y in zip(xs, ys, strict=True)), Fraction(0))


def leaves_of(graph: dict[str, Value]) -> list[Value]:
    return [node for name, node in graph.items() if name.startswith("x")]


# --- the expressions ---------------------------------------------------------------------------------------------------


FEATURES: dict[str, Callable[[Expression], bool]] = {
    "a row with the same operand twice": lambda e: any(
        operation.operands[:1] == operation.operands[1:] for operation in e.operations.values()
    ),
    "a shared part": lambda e: sum("v1" in operation.operands for operation in e.operations.values()) > 2,
    "a constant": lambda e: any(len(operation.reads()) < operation.op.arity for operation in e.operations.values()),
    "a kink": lambda e: any(
        operation.op.kinks and e.leaves.get(operation.operands[0]) == 0 for operation in e.operations.values()
    ),
    "four leaves": lambda e: len(e.leaves) == 4,
    "ten operations": lambda e: len(e.operations) == 10,
}


@pytest.mark.parametrize("kind", ROWS)
def test_expressions_are_made_of_every_row_and_have_every_shape(kind):
    met: set[str] = set()
    expected = {op.name for op in ROWS[kind]} | set(FEATURES)

    def is_complete(expression):
        met.update(operation.op.name for operation in expression.operations.values())
        met.update(name for name, has in FEATURES.items() if has(expression))
        return met == expected

    with suppress(NoSuchExample):
        find(expressions(kind), is_complete, settings=settings(max_examples=2000, phases=[Phase.generate]))
    assert met == expected


def test_the_rows_of_floats_are_all_there_are_and_those_of_fractions_the_rational_ones():
    assert {op.name for op in ROWS[float]} == set(OPS)
    assert {op.name for op in ROWS[Fraction]} == set(BY_HAND)


@for_all(st.one_of([st.tuples(st.just(kind), expressions(kind)) for kind in ROWS]))
def test_every_operation_is_well_defined_and_of_its_kind(drawn):
    kind, expression = drawn
    graph = expression.graph()
    for name, operation in expression.operations.items():
        assert is_tame(operation.op, [graph[node].data if isinstance(node, str) else node for node in operation.operands], kind)
        assert type(graph[name].data) is kind
    assert len(graph) == len(expression.names)


def test_an_expression_is_printed_as_the_list_of_its_operations():
    operations = {"v1": Operation(ops.MUL, ("x1", 0.5)), "v2": Operation(ops.POW.at(3), ("v1",))}
    assert repr(Expression({"x1": 2.0}, operations)) == "\n    x1 = 2.0\n    v1 = mul(x1, 0.5)\n    v2 = pow(v1, c=3)"


def test_a_counterexample_is_small():
    smallest = find(REAL, lambda e: any(operation.op is ops.EXP for operation in e.operations.values()))
    assert repr(smallest) == "\n    x1 = 0.0\n    v1 = exp(x1)"


# --- exact: Fractions against Taylor polynomials -----------------------------------------------------------------------


def sign(x: Fraction) -> int:
    return (x > 0) - (x < 0)


# For each rational row, by hand: f, its derivatives in the operands, and its second derivatives, xx or (xx, xy, yy).
BY_HAND: dict[str, Callable[..., tuple[Any, ...]]] = {
    "step": lambda x: (x > 0, 0, 0),
    "sign": lambda x: (sign(x), 0, 0),
    "heaviside": lambda x: (Fraction(1 + sign(x), 2), 0, 0),
    "exceeds": lambda x, y: (Fraction(1 + sign(x - y), 2), 0, 0, 0, 0, 0),
    "detach": lambda x: (x, 0, 0),
    "identity": lambda x: (x, 1, 0),
    "neg": lambda x: (-x, -1, 0),
    "abs": lambda x: (abs(x), sign(x), 0),
    "floor": lambda x: (x // 1, 0, 0),
    "rint": lambda x: (round(x), 0, 0),
    "rint_down": lambda x: (-((1 - 2 * x) // 2), 0, 0),
    "floordiv": lambda x, y: (x // y, 0, 0, 0, 0, 0),
    "mod": lambda x, y: (x % y, 1, -(x // y), 0, 0, 0),
    "bounded": lambda x: (max(-40, min(x, 40)), Fraction(1 + sign(40 - abs(x)), 2), 0),
    "relu": lambda x: (max(x, 0), x > 0, 0),
    "leaky_relu": lambda x, c: (x, 1, 0) if x > 0 else (c * x, c, 0),
    "pow": lambda x, c: (x**c, c * x ** (c - 1) if c else 0, c * (c - 1) * x ** (c - 2) if c not in (0, 1) else 0),
    "add": lambda x, y: (x + y, 1, 1, 0, 0, 0),
    "sub": lambda x, y: (x - y, 1, -1, 0, 0, 0),
    "mul": lambda x, y: (x * y, y, x, 0, 1, 0),
    "vanish": lambda x, y: (x * y, y, x, 0, 1, 0),
    "absorb": lambda x, y: (x * y, y, x, 0, 1, 0),
    "beside": lambda x, y: (y, 0, 1, 0, 0, 0) if x else (0, 0, 0, 0, 0, 0),
    "factor": lambda x, y: (y, 0, x != 0 or y == 0, 0, 0, 0),
    "div": lambda x, y: (x / y, 1 / y, -x / y**2, 0, -1 / y**2, 2 * x / y**3),
    "maximum": lambda x, y: (max(x, y), Fraction(1 + sign(x - y), 2), Fraction(1 + sign(y - x), 2), 0, 0, 0),
    "minimum": lambda x, y: (min(x, y), Fraction(1 + sign(y - x), 2), Fraction(1 + sign(x - y), 2), 0, 0, 0),
    "less": lambda x, y: (x < y, 0, 0, 0, 0, 0),
    "improves": lambda x, y: (x < y, 0, 0, 0, 0, 0),
    "less_equal": lambda x, y: (x <= y, 0, 0, 0, 0, 0),
    "equal": lambda x, y: (x == y, 0, 0, 0, 0, 0),
    "when": lambda x, y: (x * y, y, x, 0, 1, 0),
    "unless": lambda x, y: (y - x * y, -y, 1 - x, 0, -1, 0),
}


@dataclass
class Taylor:
    """A Taylor polynomial to the second order: the value, the gradient and the Hessian in n variables."""

    value: Fraction
    gradient: list[Fraction]
    hessian: list[list[Fraction]]

    @classmethod
    def variable(cls, number: Fraction, index: int, n: int) -> Taylor:
        return cls(number, [Fraction(i == index) for i in range(n)], [[Fraction(0)] * n for _ in range(n)])

    @classmethod
    def call(cls, op: Any, *operands: Any) -> Taylor:
        """The rule of the chain rule's second order (Faà di Bruno), for one operand or two."""
        x = next(each for each in operands if isinstance(each, Taylor))
        n = range(len(x.gradient))
        x, y = [each if isinstance(each, Taylor) else cls.variable(each, -1, len(n)) for each in (*operands, Fraction(0))[:2]]
        if op.arity == 1:
            f, fx, fxx = BY_HAND[op.name](x.value, *([] if op.c is None else [op.c]))
            fy = fxy = fyy = 0
        else:
            f, fx, fy, fxx, fxy, fyy = BY_HAND[op.name](x.value, y.value)
        p, q = x.gradient, y.gradient
        return cls(
            Fraction(f),
            [fx * p[i] + fy * q[i] for i in n],
            [
                [
                    fx * x.hessian[i][j]
                    + fy * y.hessian[i][j]
                    + fxx * p[i] * p[j]
                    + fxy * (p[i] * q[j] + q[i] * p[j])
                    + fyy * q[i] * q[j]
                    for j in n
                ]
                for i in n
            ],
        )


def taylor(expression: Expression) -> dict[str, Taylor]:
    n = len(expression.leaves)
    start = {name: Taylor.variable(number, i, n) for i, (name, number) in enumerate(expression.leaves.items())}
    return expression.replay(start, Taylor.call)


@for_all(RATIONAL, RECORDED, examples=150)
def test_values_and_gradients_of_fractions_are_those_of_taylor_polynomials(expression, recorded):
    graph, expected = expression.graph(), taylor(expression)
    for name in expression.names:
        assert graph[name].data == expected[name].value
        found = data(grad(graph[name], leaves_of(graph), recorded))
        assert found == expected[name].gradient
        assert recorded or {type(each) for each in found} == {Fraction}


@for_all(RATIONAL, RECORDED, examples=100)
def test_hessians_of_fractions_are_those_of_taylor_polynomials(expression, recorded):
    graph, expected = expression.graph(), taylor(expression)[expression.output]
    H = [data(row) for row in hessian(graph[expression.output], leaves_of(graph), recorded)]
    assert expected.hessian == H
    assert [list(column) for column in zip(*H, strict=True)] == H  # Schwarz: symmetric


@for_all(questions(Fraction), RECORDED, examples=100)
def test_the_products_are_those_with_the_jacobian_and_the_hessian(question, recorded):
    outputs, inputs = question.nodes()
    v, t = question.v, question.t
    J, H = jacobian(outputs, inputs), hessian(outputs[0], inputs)
    assert data(vjp(outputs, inputs, v, recorded)) == [inner(v, column) for column in zip(*J, strict=True)]
    assert data(jvp(outputs, inputs, t, recorded)) == [inner(row, t) for row in J]
    assert data(hvp(outputs[0], inputs, t, recorded)) == [inner(row, t) for row in H]


# --- floats: to rounding, against the sum over paths in exact arithmetic ------------------------------------------------


def absolute(number: float) -> Fraction:
    return abs(Fraction(number))


def summed_over_paths(
    graph: dict[str, Value], inputs: list[Value], factor: Callable[[Any], Fraction]
) -> dict[Value, list[Fraction]]:
    """For each node and each input the products of a factor for each edge, summed over the paths between them, exactly."""
    sums: dict[Value, list[Fraction]] = {}
    for node in graph.values():  # in the order in which they were made
        edges = [(factor(p), sums[x]) for x, p in zip(node.inputs, node.partials, strict=True) if x in sums]
        sums[node] = [Fraction(node is x) + sum((p * row[j] for p, row in edges), Fraction(0)) for j, x in enumerate(inputs)]
    return sums


def close(got: Any, exact: Fraction, size: Fraction, roundings: int) -> bool:
    """Whether a float is what at most so many roundings make of an exact sum, if its terms taken positive sum up to ``size``."""
    return abs(Fraction(got) - exact) <= roundings * EPS * size + TINY


def roundings(question: Question) -> int:
    """At most what a term of a derivative is rounded: one product for each edge of its path, one sum for each edge it meets."""
    return 3 * len(question.expression.operations) + len(question.outputs) + len(question.inputs) + 1


@for_all(questions(float), RECORDED, examples=100)
def test_derivatives_of_floats_are_the_sum_over_paths(question, recorded):
    expression, k = question.expression, roundings(question)
    graph = expression.graph()
    outputs, inputs = [graph[name] for name in question.outputs], [graph[name] for name in question.inputs]
    v, t = question.v, question.t
    J, sizes = ([sums[y] for y in outputs] for sums in (summed_over_paths(graph, inputs, f) for f in (Fraction, absolute)))
    for found, row, size in zip(jacobian(outputs, inputs, recorded), J, sizes, strict=True):
        assert all(map(close, data(found), row, size, repeat(k)))
    back, forth = data(vjp(outputs, inputs, v, recorded)), data(jvp(outputs, inputs, t, recorded))
    for found, column, size in zip(back, zip(*J, strict=True), zip(*sizes, strict=True), strict=True):
        assert close(found, inner(v, column), inner(map(absolute, v), size), k)
    for found, row, size in zip(forth, J, sizes, strict=True):
        assert close(found, inner(row, t), inner(size, map(absolute, t)), k)


@for_all(questions(Fraction))
def test_forward_mode_is_reverse_mode(question):
    outputs, inputs = question.nodes()
    pushed, pulled = jvp(outputs, inputs, question.t), vjp(outputs, inputs, question.v)
    assert inner(question.v, pushed) == inner(pulled, question.t)  # (v, J t) = (v J, t)


@for_all(questions(float), examples=100)
def test_forward_mode_of_floats_is_reverse_mode_to_rounding(question):
    graph = question.expression.graph()
    outputs, inputs = [graph[name] for name in question.outputs], [graph[name] for name in question.inputs]
    v, t = question.v, question.t
    sizes = summed_over_paths(graph, inputs, absolute)
    size = inner(map(absolute, v), [inner(sizes[y], map(absolute, t)) for y in outputs])
    assert close(inner(v, jvp(outputs, inputs, t)) - inner(vjp(outputs, inputs, v), t), Fraction(0), size, roundings(question))


@for_all(expressions(float, most=4), examples=150)
def test_hessians_of_floats_are_symmetric_to_rounding(expression):
    graph = expression.graph()
    leaves = leaves_of(graph)
    gradient = grad(graph[expression.output], leaves, create_graph=True)
    second = {str(i): node for i, node in enumerate(topological_order(*gradient))}
    assume(all(isfinite(p) for node in second.values() for p in node.partials))  # else at an edge of the domain
    sizes = summed_over_paths(second, leaves, absolute)
    H = hessian(graph[expression.output], leaves)
    for i, j in combinations(range(len(leaves)), 2):
        # H_ij and H_ji come from different formulas, each rounded, and rounding is enlarged on its way through four steps;
        # in thousands of expressions they differ by less than 1e-15 of the size.
        assert abs(H[i][j] - H[j][i]) <= 1e-9 * float(sizes[gradient[i]][j] + sizes[gradient[j]][i])


# --- bit for bit: where the same operations are done ---------------------------------------------------------------------


@for_all(questions(float))
def test_rows_of_the_jacobian_are_gradients(question):
    outputs, inputs = question.nodes()
    assert list(map(bits, jacobian(outputs, inputs))) == [bits(grad(output, inputs)) for output in outputs]


@for_all(REAL, examples=100)
def test_grad_is_what_backward_leaves_in_every_node(expression):
    graph = expression.graph()
    found = grad(graph[expression.output], [*graph.values()])
    assert all(node.grad == 0 for node in graph.values())
    graph[expression.output].backward()
    assert bits(found) == bits(node.grad for node in graph.values())


@for_all(REAL, examples=100)
def test_a_recorded_gradient_has_the_same_numbers(expression):
    graph = expression.graph()
    nodes = [*graph.values()]
    # by ==, because a recorded 0 may be the table's, an int
    assert grad(graph[expression.output], nodes) == data(grad(graph[expression.output], nodes, create_graph=True))


@for_all(st.one_of(RATIONAL, REAL), examples=100)
def test_a_second_backward_doubles_the_leaves_and_not_the_inner_nodes(expression):
    graph = expression.graph()
    graph[expression.output].backward()
    once = {name: node.grad for name, node in graph.items()}
    graph[expression.output].backward()
    for name, node in graph.items():
        if name in expression.operations or type(node.grad) is Fraction:
            assert node.grad == once[name] * (2 if name in expression.leaves else 1)
        else:  # paths are added one by one to what is there, so that doubling is exact only up to rounding
            [size] = summed_over_paths(graph, [node], absolute)[graph[expression.output]]
            assert close(node.grad, 2 * Fraction(once[name]), 2 * size, 5 * len(graph))


@for_all(REAL)
def test_the_hessian_is_the_jacobian_of_the_gradient_and_hvp_its_tangents(expression):
    graph = expression.graph()
    output, leaves = graph[expression.output], leaves_of(graph)
    gradient = grad(output, leaves, create_graph=True)
    for row, expected in zip(hessian(output, leaves), jacobian(gradient, leaves), strict=True):
        assert row == same(expected)
    assert hvp(output, leaves, [0.5] * len(leaves)) == same(jvp(gradient, leaves, [0.5] * len(leaves)))


@for_all(questions(float), st.integers(-5, 5), st.booleans())
def test_a_seed_scaled_by_a_power_of_two_scales_all(question, exponent, negative):
    factor = 2.0**exponent * (-1) ** negative
    outputs, inputs = question.nodes()
    for product, weights in ((vjp, question.v), (jvp, question.t)):
        scaled = product(outputs, inputs, [factor * each for each in weights])
        assert scaled == [factor * each for each in product(outputs, inputs, weights)]


@for_all(questions(Fraction), FRACTIONS, st.lists(FRACTIONS, min_size=4, max_size=4))
def test_the_products_are_linear_in_their_weights(question, factor, others):
    outputs, inputs = question.nodes()
    for product, weights in ((vjp, question.v), (jvp, question.t)):
        both = [factor * a + b for a, b in zip(weights, others, strict=False)]
        parts = product(outputs, inputs, weights), product(outputs, inputs, others[: len(weights)])
        assert product(outputs, inputs, both) == [factor * a + b for a, b in zip(*parts, strict=True)]


# --- the rules of calculus, exactly --------------------------------------------------------------------------------------

TWO_NODES = RATIONAL.flatmap(lambda e: st.tuples(st.just(e), st.sampled_from(e.names[::-1]), st.sampled_from(e.names)))


@for_all(TWO_NODES, FRACTIONS, FRACTIONS, RECORDED)
def test_derivatives_are_linear(drawn, a, b, recorded):
    expression, f, g = drawn
    graph = expression.graph()
    f, g, leaves = graph[f], graph[g], leaves_of(graph)
    expected = [a * df + b * dg for df, dg in zip(grad(f, leaves), grad(g, leaves), strict=True)]
    assert data(grad(a * f + b * g, leaves, recorded)) == expected


@for_all(TWO_NODES, RECORDED)
def test_the_product_rule_and_the_quotient_rule(drawn, recorded):
    expression, f, g = drawn
    graph = expression.graph()
    f, g, leaves = graph[f], graph[g], leaves_of(graph)
    pairs = list(zip(grad(f, leaves), grad(g, leaves), strict=True))
    assert data(grad(f * g, leaves, recorded)) == [df * g.data + f.data * dg for df, dg in pairs]
    if g.data != 0:
        assert data(grad(f / g, leaves, recorded)) == [(df * g.data - f.data * dg) / g.data**2 for df, dg in pairs]


INNER_AND_OUTER = RATIONAL.flatmap(lambda e: st.tuples(st.just(e), expressions(Fraction, first=e.graph()[e.output].data)))


@for_all(INNER_AND_OUTER, RECORDED, examples=150)
def test_the_chain_rule(drawn, recorded):
    """(f o g)' = f'(g) g', where f may have more variables, which stay as they are."""
    g, f = drawn
    inside, alone = g.graph(), f.graph()
    u, xs = inside[g.output], leaves_of(inside)
    composed = f.replay({**{name: Value(number) for name, number in f.leaves.items()}, "x1": u})
    [slope] = grad(alone[f.output], [alone["x1"]])
    assert data(grad(composed[f.output], xs, recorded)) == [slope * dg for dg in grad(u, xs)]


@for_all(RATIONAL.flatmap(lambda e: st.tuples(st.just(e), st.integers(0, len(e.operations)))), RECORDED, examples=120)
def test_the_chain_rule_across_a_cut(drawn, recorded):
    """All paths pass the leaves and the first k nodes: dy/dx is the sum over them of dy/du du/dx, with y a function of the u."""
    expression, k = drawn
    whole = expression.graph()
    cut = expression.names[: len(expression.leaves) + k]
    rest = expression.replay({name: Value(whole[name].data) for name in cut})
    xs = leaves_of(whole)
    dy_du = grad(rest[expression.output], [rest[name] for name in cut])
    du_dx = jacobian([whole[name] for name in cut], xs)
    assert data(grad(whole[expression.output], xs, recorded)) == [inner(dy_du, column) for column in zip(*du_dx, strict=True)]


# --- what must not matter ------------------------------------------------------------------------------------------------


def everything(expression: Expression, graph: dict[str, Value]) -> dict[str, str]:
    """All numbers of the nodes that lead to the output, by name: data, and the derivative from grad and from backward."""
    output = graph[expression.output]
    reached = {*topological_order(output)}
    nodes = {name: graph[name] for name in expression.names if graph[name] in reached}
    found = grad(output, [*nodes.values()])
    for leaf in leaves_of(nodes):
        leaf.grad = 0.0
    output.backward()
    return {name: bits([node.data, each, node.grad]) for (name, node), each in zip(nodes.items(), found, strict=True)}


@for_all(REAL.flatmap(lambda e: st.tuples(st.just(e), st.permutations([*e.operations]))))
def test_the_order_in_which_independent_nodes_were_made_changes_nothing(drawn):
    expression, wish = drawn
    other = expression.reordered(wish)
    assert everything(expression, other.graph()) == everything(expression, expression.graph())


@for_all(REAL)
def test_nodes_made_in_between_and_other_backward_passes_change_nothing(expression):
    aside = Value(1.5)

    def busy(op, *operands):
        node = apply(op, *operands)
        (node * aside).tanh()  # reads the node, but the output does not depend on it
        (aside * aside + 1.0).backward()
        return node

    graph = expression.replay(expression.start(), busy)
    for node in graph.values():
        node.backward()  # leaves gradients behind, in inner nodes too
    assert everything(expression, graph) == everything(expression, expression.graph())


@for_all(REAL)
def test_scopes_and_labels_change_nothing(expression):
    def named(op, *operands):
        with scope("inside"):
            node = apply(op, *operands)
        node.label = "the same for all"
        return node

    with scope("outside"):
        graph = expression.replay(expression.start(), named)
    assert everything(expression, graph) == everything(expression, expression.graph())


@for_all(REAL.flatmap(lambda e: st.tuples(st.just(e), st.permutations(e.names))))
def test_the_order_of_the_inputs_orders_the_derivatives_and_changes_none(drawn):
    expression, names = drawn
    graph = expression.graph()
    output, nodes = graph[expression.output], [*graph.values()]
    expected = dict(zip(graph, grad(output, nodes), strict=True))
    assert bits(grad(output, [graph[name] for name in names])) == bits(expected[name] for name in names)


@for_all(REAL)
def test_derivatives_asked_for_leave_every_grad_alone(expression):
    graph = expression.graph()
    nodes = [*graph.values()]
    graph[expression.output].backward()
    before = bits(node.grad for node in nodes)
    for question in (grad, hessian):
        question(graph[expression.output], nodes, create_graph=True)
    jvp([graph[expression.output]], nodes, [1.0] * len(nodes))
    assert bits(node.grad for node in nodes) == before


# --- cutting the graph ---------------------------------------------------------------------------------------------------

A_NODE = REAL.flatmap(lambda e: st.tuples(st.just(e), st.sampled_from(e.names[::-1])))


@for_all(A_NODE, examples=100)
def test_the_derivative_in_a_node_is_that_with_a_leaf_in_its_place(drawn):
    expression, name = drawn
    graph = expression.graph()
    rest = expression.replay({**expression.start(), name: Value(graph[name].data)})
    assert bits(grad(graph[expression.output], [graph[name]])) == bits(grad(rest[expression.output], [rest[name]]))


@for_all(A_NODE, examples=100)
def test_detach_cuts(drawn):
    """No derivative passes a detached node; all others are those with a number in its place."""
    expression, name = drawn
    graph = expression.graph()
    leaves = {each: graph[each] for each in expression.leaves}
    cut = expression.replay({**leaves, name: graph[name].detach()})
    held = expression.replay({**leaves, name: Constant(graph[name].data)})
    ends = [each[expression.output] for each in (graph, cut, held)]
    assert ends[0].data == ends[1].data == ends[2].data
    assert grad(ends[1], [graph[name]]) == [0.0]
    assert grad(ends[1], [*leaves.values()]) == grad(ends[2], [*leaves.values()])


# --- every property can fail ---------------------------------------------------------------------------------------------

TRUE_GRAD, TRUE_JVP, TRUE_VJP, TRUE_PASS, TRUE_RECORDED = grad, jvp, vjp, Value.backward, recording.recorded


def in_this_file(name: str, wrong: Any) -> Callable[[pytest.MonkeyPatch], None]:
    """Plants a wrong function where the properties look for it."""
    return lambda monkeypatch: monkeypatch.setitem(globals(), name, wrong)


def in_place_of(owner: Any, name: str, wrong: Any) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda monkeypatch: monkeypatch.setattr(owner, name, wrong)


def in_the_chain_rule(name: str, **wrong: Any) -> Callable[[pytest.MonkeyPatch], None]:
    """Plants into the arithmetic of derivatives: NUMBERS, or what ``recorded()`` returns."""
    if name == "recorded":
        return in_place_of(derivatives, name, lambda: TRUE_RECORDED()._replace(**wrong))
    return in_place_of(derivatives, name, getattr(recording, name)._replace(**wrong))


def second_operand_not_recorded(node: Value, index: int) -> Any:
    return node.partials[1] if index else TRUE_RECORDED().partial(node, 0)


def read_off_backward(output: Value, inputs: list[Value], create_graph: bool = False) -> list[Any]:
    output.backward()
    return [each.grad for each in inputs]


def of_leaves_only(output: Value, inputs: list[Value]) -> list[Any]:
    return [0.0 if x.inputs else g for x, g in zip(inputs, TRUE_GRAD(output, inputs), strict=True)]


def assigned(self: Value) -> None:
    """``=`` for ``+=``."""
    self.grad = type(self.data)(1)
    for node in reversed(topological_order(self)):
        for source, partial in zip(node.inputs, node.partials, strict=True):
            source.grad = partial * node.grad


def inner_nodes_not_reset(self: Value) -> None:
    self.grad = type(self.data)(1)
    for node in reversed(topological_order(self)):
        for source, partial in zip(node.inputs, node.partials, strict=True):
            source.grad += partial * node.grad


def newest_for_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass that starts at the node made last, whichever was asked for."""
    made: list[Value] = []

    def new(cls: type) -> Any:
        made.append(object.__new__(cls))
        return made[-1]

    monkeypatch.setattr(value, "new_node", new)
    monkeypatch.setattr(Value, "backward", lambda self: TRUE_PASS(made[-1]))


def identity_by_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Value, "__hash__", lambda self: hash(self.label) if self.label else id(self))
    monkeypatch.setattr(Value, "__eq__", lambda self, other: self is other or self.label == other.label != "")


PLANTED: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], list[Any]]] = {
    "partials of * swapped": (
        in_place_of(ops.MUL, "exact", lambda x, y: (x * y, x, y)),
        [
            test_values_and_gradients_of_fractions_are_those_of_taylor_polynomials,
            test_the_product_rule_and_the_quotient_rule,
        ],
    ),
    "where paths meet, the last one counts": (
        in_the_chain_rule("NUMBERS", plus=lambda x, y: y),
        [
            test_derivatives_of_floats_are_the_sum_over_paths,
            test_derivatives_are_linear,
            test_the_chain_rule_across_a_cut,
            test_forward_mode_is_reverse_mode,
        ],
    ),
    "upstream factor dropped": (
        in_the_chain_rule("NUMBERS", times=lambda partial, upstream: partial),
        [test_the_chain_rule, test_grad_is_what_backward_leaves_in_every_node],
    ),
    "second partial not recorded": (
        in_the_chain_rule("recorded", partial=second_operand_not_recorded),
        [test_hessians_of_fractions_are_those_of_taylor_polynomials, test_hessians_of_floats_are_symmetric_to_rounding],
    ),
    "recorded partials swapped": (
        in_the_chain_rule("recorded", partial=lambda node, index: TRUE_RECORDED().partial(node, len(node.inputs) - 1 - index)),
        [test_a_recorded_gradient_has_the_same_numbers],
    ),
    "forward mode off by 1e-9": (
        in_this_file("jvp", lambda *arguments: [each * (1 + 1e-9) for each in TRUE_JVP(*arguments)]),
        [test_forward_mode_of_floats_is_reverse_mode_to_rounding, test_derivatives_of_floats_are_the_sum_over_paths],
    ),
    "hvp of squared slopes, as Gauss and Newton": (
        in_this_file("hvp", lambda y, xs, v, *_: [g * inner(TRUE_GRAD(y, xs), v) for g in TRUE_GRAD(y, xs)]),
        [
            test_the_products_are_those_with_the_jacobian_and_the_hessian,
            test_the_hessian_is_the_jacobian_of_the_gradient_and_hvp_its_tangents,
        ],
    ),
    "one row for all outputs": (
        in_this_file("jacobian", lambda outputs, inputs, *_: [TRUE_GRAD(outputs[0], inputs)] * len(outputs)),
        [test_rows_of_the_jacobian_are_gradients],
    ),
    "seed not used": (
        in_this_file("vjp", lambda outputs, inputs, v: TRUE_VJP(outputs, inputs, [1] * len(v))),
        [test_a_seed_scaled_by_a_power_of_two_scales_all, test_the_products_are_linear_in_their_weights],
    ),
    "= for +=": (in_place_of(Value, "backward", assigned), [test_grad_is_what_backward_leaves_in_every_node]),
    "inner gradients not reset": (
        in_place_of(Value, "backward", inner_nodes_not_reset),
        [
            test_a_second_backward_doubles_the_leaves_and_not_the_inner_nodes,
            test_nodes_made_in_between_and_other_backward_passes_change_nothing,
        ],
    ),
    "grad by way of backward": (
        in_this_file("grad", read_off_backward),
        [test_derivatives_asked_for_leave_every_grad_alone],
    ),
    "the newest node taken for the output": (
        newest_for_output,
        [
            test_the_order_in_which_independent_nodes_were_made_changes_nothing,
            test_nodes_made_in_between_and_other_backward_passes_change_nothing,
        ],
    ),
    "nodes told apart by their labels": (identity_by_label, [test_scopes_and_labels_change_nothing]),
    "inputs sorted": (
        in_this_file("grad", lambda output, inputs: TRUE_GRAD(output, sorted(inputs, key=lambda x: x.data))),
        [test_the_order_of_the_inputs_orders_the_derivatives_and_changes_none],
    ),
    "derivatives in leaves only": (
        in_this_file("grad", of_leaves_only),
        [test_the_derivative_in_a_node_is_that_with_a_leaf_in_its_place],
    ),
    "detach lets the derivative pass": (in_place_of(ops.DETACH, "kernel", lambda x: (x, 1.0)), [test_detach_cuts]),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug, monkeypatch):
    plant, properties = PLANTED[bug]
    plant(monkeypatch)
    assert [each.__name__ for each in properties if not each.can_fail()] == []


def test_a_bug_is_planted_for_every_property():
    properties = {name for name, test in globals().items() if hasattr(test, "can_fail")}
    shown = {test.__name__ for _, tests in PLANTED.values() for test in tests}
    assert properties - shown == {"test_every_operation_is_well_defined_and_of_its_kind"}  # of the strategy, not of the engine
