"""Paths: all of them, how many, the largest; their sum is the gradient, with scopes folded or not."""

import math
import random
from fractions import Fraction
from itertools import islice

import pytest
from hypothesis import strategies as st

import nn
from autograd import Constant, Value, count_paths, grad, paths, scope, softmax, top_paths, topological_order
from autograd.errors import ClosureError
from autograd.explaining.folded import FoldedGraph
from tests.strategies import for_all

OPERATIONS = [
    lambda a, b: a * b,
    lambda a, b: a + b,
    lambda a, b: a - 2 * b,
    lambda a, b: a / 3,
    lambda a, b: a * a,
]


def random_graph(seed, kind=Fraction, size=9):
    """Leaves and a graph of sums, products, differences and quotients over them, with many shared nodes."""
    rng = random.Random(seed)
    leaves = [Value(kind(rng.randint(1, 5)), name) for name in "xyz"]
    nodes = list(leaves)
    for _ in range(size):
        a, b = rng.choice(nodes), rng.choice(nodes)
        nodes.append(rng.choice(OPERATIONS)(a, b))
    return nodes[-1], leaves


def routes(output, source):
    """All paths, by a recursion that knows nothing of stacks: the slots taken, and the product as written."""
    if output is source:
        return [((), Fraction(1))]
    return [
        ((slot, *rest), product * output.partials[slot])
        for slot, each in enumerate(output.inputs)
        for rest, product in routes(each, source)
    ]


@for_all(st.integers(0, 10**6), examples=100)
def test_all_paths_are_found_in_order_and_add_up_to_the_gradient_exactly(seed):
    output, leaves = random_graph(seed)
    for source in leaves:
        found = list(paths(output, source))
        assert [(path.slots, path.product) for path in found] == routes(output, source)
        assert sum(path.product for path in found) == grad(output, [source])[0]
        assert count_paths(output, source) == len(found)
        for path in found:
            assert path.nodes[0] is output
            assert path.nodes[-1] is source
            assert [node.inputs[slot] for node, slot in zip(path.nodes, path.slots, strict=False)] == list(path.nodes[1:])
            assert list(path.partials) == [node.partials[slot] for node, slot in zip(path.nodes, path.slots, strict=False)]
            assert math.prod(path.partials) == path.product


@for_all(st.integers(0, 10**6), st.integers(1, 6), examples=100)
def test_the_largest_paths_are_those_that_sorting_all_would_give(seed, k):
    output, leaves = random_graph(seed)
    for source in leaves:
        sizes = sorted((abs(path.product) for path in paths(output, source)), reverse=True)
        top = top_paths(output, source, k)
        assert [abs(path.product) for path in top] == sizes[:k]
        assert set(top) <= set(paths(output, source))
        assert len(set(top)) == len(top)


@for_all(st.integers(0, 10**6), examples=100)
def test_with_floats_the_sum_agrees_to_rounding(seed):
    output, leaves = random_graph(seed, kind=float)
    for source in leaves:
        products = [path.product for path in paths(output, source)]
        # each product is rounded at most once a step, and each addition once: far below 1e-13 of the sum of the sizes
        assert sum(products) == pytest.approx(grad(output, [source])[0], abs=1e-13 * sum(map(abs, products)))


def test_the_square_has_two_paths():
    x = Value(3.0, "x")
    assert [(path.slots, path.product) for path in paths(x * x, x)] == [((0,), 3.0), ((1,), 3.0)]


def test_unconnected_nodes_have_no_path_and_a_node_has_one_to_itself():
    x, y = Value(3.0), Value(2.0)
    z = x * x
    assert list(paths(z, y)) == []
    assert count_paths(z, y) == 0
    assert top_paths(z, y, 3) == []
    [itself] = paths(z, z)
    assert (itself.nodes, itself.slots, itself.partials, itself.product) == ((z,), (), (), 1.0)
    assert count_paths(z, z) == 1
    assert top_paths(z, z, 3) == [itself]


def ladder(rungs):
    x = Value(1.0)
    y = x
    for _ in range(rungs):
        y = y * 0.5 + y * 0.5
    return y, x


def test_a_ladder_is_counted_and_its_first_and_largest_paths_given_without_walking_the_others():
    y, x = ladder(200)
    assert count_paths(y, x) == 2**200
    assert [path.product for path in islice(paths(y, x), 3)] == [0.5**200] * 3
    assert [path.product for path in top_paths(y, x, 5)] == [0.5**200] * 5
    assert len(set(top_paths(y, x, 5))) == 5


def test_a_long_chain_has_one_path():
    x = Value(1.0)
    y = x
    for _ in range(50_000):
        y = y * 1.0
    [path] = paths(y, x)
    assert len(path.partials) == 50_000
    assert count_paths(y, x) == 1
    assert top_paths(y, x, 2) == [path]


def test_the_number_of_paths_through_layers_is_the_product_of_the_later_widths():
    model = nn.MLP(2, [4, 5, 3], activation="tanh", seed=0)
    loss = nn.sum_of_squares(model([0.5, -1.0]), [1.0, 0.0, 2.0])
    weight = model.layers[0].neurons[1].w[0]
    assert count_paths(loss, weight) == 5 * 3
    assert sum(path.product for path in paths(loss, weight)) == pytest.approx(grad(loss, [weight])[0], rel=1e-13)


def test_nan_ranks_first_and_infinities_are_shown_as_they_are():
    x, y = Value(0.0, "x"), Value(1.0, "y")
    steep = x.sqrt() * y
    assert [path.product for path in paths(steep, x)] == [math.inf]
    z = Value(1.0, (x, x, y), (5.0, math.nan, 7.0))
    assert [path.slots for path in top_paths(z, x, 2)] == [(1,), (0,)]


def test_closures_are_counted_but_have_no_product():
    x = Value(2.0)
    closed = Value(4.0, (x, x), "square")
    assert count_paths(3 * closed, x) == 2
    for ask in (lambda: list(paths(3 * closed, x)), lambda: top_paths(3 * closed, x, 1)):
        with pytest.raises(ClosureError, match="'square' is a closure"):
            ask()


def test_wrong_arguments_are_refused_with_words():
    x = Value(2.0)
    with pytest.raises(TypeError, match=r"from Value to Value, but got 2\.0"):
        count_paths(2.0, x)
    with pytest.raises(TypeError, match="from Value to Value, but got 'x'"):
        list(paths(x, "x"))
    for k in (0, -1, 1.5, True, "2"):
        with pytest.raises(ValueError, match="k is"):
            top_paths(x * x, x, k)
    for fold, error in ((True, TypeError), (1.5, TypeError), (0, ValueError), ("nowhere", ValueError)):
        with pytest.raises(error, match=r"fold|scope"):
            count_paths(x * x, x, fold=fold)


# --- folded scopes --------------------------------------------------------------------------------------------------


def two_scopes():
    x, w = Value(Fraction(2), "x"), Value(Fraction(3), "w")
    with scope("outer"):
        with scope("inner"):
            u = x * x
            v = u * w + 1
        y = v * v + u
    return y * 5, x, w, u, v, y


def test_a_folded_scope_is_one_step_with_its_own_derivative():
    out, x, w, _, _, y = two_scopes()
    steps = FoldedGraph(out, [x, w], fold="outer")
    assert steps.inputs(y) == (x, w)
    assert steps.partials(y) == (316, 104)  # y = v² + x² with v = x²w + 1 = 13: 2v·2xw + 2x and 2v·x²
    assert [node.label for node in steps.order if node.label] == ["x", "w"]
    assert count_paths(out, x, fold="outer") == count_paths(out, w, fold="outer") == 1


def test_inner_scopes_leave_what_is_used_outside_visible():
    out, x, _, u, v, y = two_scopes()
    steps = FoldedGraph(out, [x], fold="outer/inner")
    assert u in steps.order
    assert v in steps.order
    assert steps.inputs(v) == (u, steps.inputs(v)[1])
    assert steps.inputs(y) == y.inputs


@for_all(st.integers(0, 10**6), st.sampled_from([1, 2, "a", ("a", "a/b"), "a/b", ("b", "c")]), examples=150)
def test_folding_changes_no_derivative(seed, fold):
    rng = random.Random(seed)
    leaves = [Value(Fraction(rng.randint(1, 5)), name) for name in "xyz"]
    nodes = list(leaves)
    for scopes in (("a",), ("a", "b"), ("b",), ("c", "a"), ()) * 2:
        inside = []
        for name in scopes:
            inside.append(scope(name))
            inside[-1].__enter__()
        for _ in range(3):
            a, b = rng.choice(nodes), rng.choice(nodes)
            nodes.append(rng.choice(OPERATIONS[:3])(a, b))
        for each in reversed(inside):
            each.__exit__(None, None, None)
    output = nodes[-1]
    names = {"/".join(node.scope[:k]) for node in topological_order(output) if node.inputs for k in (1, 2)}
    if not isinstance(fold, int) and not set([fold] if isinstance(fold, str) else fold) <= names:
        return
    if isinstance(fold, int) or names:
        for source in (*leaves, nodes[5]):
            found = list(paths(output, source, fold=fold))
            assert sum(path.product for path in found) == grad(output, [source])[0]
            assert count_paths(output, source, fold=fold) == len(found)
            assert len(found) <= count_paths(output, source)


def test_constants_inside_a_folded_scope_are_not_seen():
    x = Value(2.0)
    with scope("s"):
        y = 3 * x + 4
    steps = FoldedGraph(y * 7, [x], fold=1)
    assert steps.inputs(y) == (x,)
    assert [node.data for node in steps.order if type(node) is Constant] == [7]


def test_softmax_folds_to_its_jacobian():
    logits = [Value(each, f"z{k}") for k, each in enumerate((0.5, -1.0, 2.0))]
    with scope("softmax"):
        p = softmax(logits)
    out = p[0] * 10 + p[1] + p[2] * 5
    steps = FoldedGraph(out, logits, fold="softmax")
    for i, each in enumerate(p):
        assert steps.inputs(each) == tuple(logits)
        # S4.i13: p_i (delta_ij - p_j); the shift by the largest logit is detached and cancels to rounding
        expected = [each.data * ((i == j) - other.data) for j, other in enumerate(p)]
        assert steps.partials(each) == pytest.approx(expected, abs=1e-15)


def test_a_source_inside_a_scope_stays_visible_and_neurons_fold_to_steps():
    model = nn.MLP(2, [3, 1], activation="tanh", seed=1)
    out = model([0.5, -1.0])
    hidden = model.trace([0.5, -1.0])
    weight = model.layers[0].neurons[2].w[1]
    [path] = paths(out, weight, fold=2)
    assert len(path.nodes) == 3
    assert path.product == pytest.approx(grad(out, [weight])[0], rel=1e-14)
    trace = hidden.pre_activations[0][2]
    end = hidden.activations[1][0]
    assert sum(p.product for p in paths(end, trace, fold=2)) == grad(end, [trace])[0]


def test_paths_refuses_a_stranger_at_the_call_and_not_at_the_first_path():
    x = Value(2.0)
    for arguments in ((3.0, x), (x, None), (x * x, x, "no such scope")):
        with pytest.raises((TypeError, ValueError)):
            paths(*arguments)
