"""topological_order: the order that makes one pass enough."""

import math

from hypothesis import strategies as st

from autograd import Value, topological_order
from tests.strategies import for_all

KINDS = ["unary", "+", "*", "constant", "closure"]
RECIPES = st.lists(  # for each node its kind, and which of the earlier nodes it reads (counted around)
    st.tuples(st.sampled_from(KINDS), st.lists(st.integers(0, 40), min_size=2, max_size=5)), max_size=25
)


def build(recipe):
    nodes = [Value(0.5, "leaf 0"), Value(1.5, "leaf 1"), Value(2.5, "leaf 2")]
    for number, (kind, reads) in enumerate(recipe):
        inputs = [nodes[i % len(nodes)] for i in reads]
        x, y = inputs[:2]
        if kind == "unary":
            node = x.tanh()
        elif kind == "constant":
            node = 3 * x
        elif kind == "closure":
            node = Value(1.0, inputs, "closure")
        else:
            node = x + y if kind == "+" else x * y
        node.label = f"node {number}"
        nodes.append(node)
    return nodes


def walked(*roots):
    """The reference: the textbook's recursive depth-first walk, first input first."""
    order, met = [], set()

    def visit(node):
        if node not in met:
            met.add(node)
            for each in node.inputs:
                visit(each)
            order.append(node)

    for root in roots:
        visit(root)
    return order


@for_all(RECIPES, examples=150)
def test_every_node_once_after_its_inputs_and_the_root_last(recipe):
    root = build(recipe)[-1]
    order = topological_order(root)
    place = {node: i for i, node in enumerate(order)}
    assert len(place) == len(order)
    assert order[-1] is root
    for node in order:
        assert all(place[each] < place[node] for each in node.inputs)
    readers = {each for node in order for each in node.inputs}
    assert readers == set(order) - {root}  # everything in it is read by something in it: nothing foreign


@for_all(RECIPES, examples=150)
def test_the_order_is_the_recursive_walks(recipe):
    root = build(recipe)[-1]
    assert topological_order(root) == walked(root)


@for_all(RECIPES, st.data(), examples=50)
def test_the_order_of_several_roots_is_that_of_their_walks_one_after_the_other(recipe, data):
    roots = data.draw(st.lists(st.sampled_from(build(recipe)), max_size=4))  # a root may be met on the way from another
    assert topological_order(*roots) == walked(*roots)


@for_all(RECIPES, examples=50)
def test_the_order_follows_from_the_expression_alone(recipe):
    one, two = (topological_order(build(recipe)[-1]) for _ in range(2))
    assert [node.label for node in one] == [node.label for node in two]
    assert topological_order(one[-1]) == one


def test_a_leaf_is_its_own_order():
    x = Value(1.0)
    assert topological_order(x) == [x]


def test_what_does_not_lead_to_the_root_is_left_out():
    x = Value(1.0)
    y = x * 2
    x * 3
    assert topological_order(y) == [x, y.inputs[1], y]


class Counted(Value):
    """A Value that counts how often a set or dict asks for its hash."""

    asked = 0

    def __hash__(self):
        Counted.asked += 1
        return super().__hash__()


def test_ten_thousand_children_of_a_closure_take_linear_work():
    def work(children):
        root = Counted(0.0, [Counted(1.0) for _ in range(children)], "wide")
        Counted.asked = 0
        assert len(topological_order(root)) == children + 1
        return Counted.asked

    assert work(10_000) <= 11 * work(1_000)  # quadratic work would be 100 times as much


def test_closures_nested_in_closures_take_linear_work():
    def work(depth):
        leaves = [Counted(1.0) for _ in range(depth)]
        root = leaves[0]
        for leaf in leaves:
            root = Counted(0.0, [leaf, root, leaf], "nested")
        Counted.asked = 0
        assert len(topological_order(root)) == 2 * depth
        return Counted.asked

    assert work(5_000) <= 11 * work(500)


def test_a_deep_chain_of_every_shape():
    depth = 30_000
    for grow in (lambda y, x: y.tanh(), lambda y, x: y + x, lambda y, x: x + y, lambda y, x: Value(1.0, (x, y), "c")):
        x = Value(0.0)
        y = x
        for _ in range(depth):
            y = grow(y, x)
        order = topological_order(y)
        assert len(order) == depth + 1
        assert (order[0], order[-1]) == (x, y)


def test_a_ladder_with_exponentially_many_paths_is_walked_once():
    x = Value(1.0)
    y = x
    for _ in range(1_000):
        y = y * 0.5 + y * 0.5
    y.backward()
    assert len(topological_order(y)) == 5 * 1_000 + 1  # two products, two constants, one sum for each rung
    assert math.isclose(x.grad, 1.0, rel_tol=1e-12)  # 2^1000 paths of 0.5^1000 each
