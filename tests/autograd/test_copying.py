"""Graphs copied and pickled, however deep: the copy is a graph of its own, shared within as the original is."""

import copy
import pickle
import sys
import threading

import pytest

import nn
from autograd import ClosureError, Value, debug, detach, exp, less, scope, solve, tanh, topological_order, where
from tests.sweeps import sweep

NODES = sweep("nodes of a copied graph", sample=20_000, full=1_000_000)

WAYS = {
    "deepcopy": copy.deepcopy,
    **{f"pickle {k}": lambda held, k=k: pickle.loads(pickle.dumps(held, k)) for k in range(pickle.HIGHEST_PROTOCOL + 1)},
    "Python's pickle": lambda held: pickle._loads(pickle._dumps(held)),
}
ways = pytest.mark.parametrize("copied", WAYS.values(), ids=WAYS)


def chain(count):
    """A graph of so many nodes in one line, in which each node is used twice."""
    x, w = Value(0.5, "x"), Value(0.75, "w")
    node = x
    while count > 0:
        node = tanh(node * w) + node
        count -= 3
    return node, [w, x]


def same_graph(one, other):
    """Whether two graphs are alike, node by node, and have no node in common."""
    mine, its = topological_order(one), topological_order(other)
    place = {node: k for k, node in enumerate(mine)}
    its_place = {node: k for k, node in enumerate(its)}
    assert len(mine) == len(its)
    assert not set(mine) & set(its)
    for a, b in zip(mine, its, strict=True):
        assert (type(a), a.data, a.grad, a.op, a.partials, a.cuts, a.scope, a.label) == (
            *(type(b), b.data, b.grad, b.op, b.partials, b.cuts, b.scope, b.label),
        )
        assert [place[source] for source in a.inputs] == [its_place[source] for source in b.inputs]
    return True


@pytest.mark.parametrize("name", ["deepcopy", f"pickle {pickle.HIGHEST_PROTOCOL}"])
def test_a_graph_of_a_million_nodes(name):
    out, parameters = chain(NODES.take(name))
    out.backward()
    held = {"loss": out, "parameters": parameters, "half": out.inputs[1]}
    twin = WAYS[name](held)
    assert same_graph(out, twin["loss"])
    order = topological_order(twin["loss"])
    assert twin["half"] is twin["loss"].inputs[1]
    assert {*twin["parameters"]} == {node for node in order if not node.inputs}
    for parameter in twin["parameters"]:
        parameter.grad = 0.0
    twin["loss"].backward()
    assert [p.grad for p in twin["parameters"]] == [p.grad for p in parameters]


@ways
def test_a_graph_deeper_than_the_recursion_limit(copied):
    out, _ = chain(5 * sys.getrecursionlimit())
    assert same_graph(out, copied(out))


@ways
def test_what_is_shared_stays_shared(copied):
    out, [w, x] = chain(3000)
    middle = topological_order(out)[1500]
    held = [w, out, middle, {"again": out, "x": x}, out + middle, 2 * out]
    twin = copied(held)
    assert same_graph(out, twin[1])
    order = topological_order(twin[1])
    assert twin[0] is order[topological_order(out).index(w)]
    assert twin[2] is order[1500]
    assert twin[3]["again"] is twin[1]
    assert twin[3]["x"] is order[topological_order(out).index(x)]
    assert twin[4].inputs == (twin[1], twin[2])
    assert twin[5].inputs[1] is twin[1]


@ways
@pytest.mark.parametrize("backwards", [False, True])
def test_all_nodes_of_a_graph_in_a_list(copied, backwards):
    """Each node is asked for what stands before it: if it counted again what is saved, this would take the square of their number."""
    out, _ = chain(2500)
    order = topological_order(out)
    step = -1 if backwards else 1
    twin = copied(order[::step])[::step]
    assert twin == topological_order(twin[-1])
    assert same_graph(out, twin[-1])


@ways
def test_every_kind_of_node(copied):
    class_of_two = {"x": Value(2.0, "x"), "y": Value(3, "y")}
    x, y = class_of_two.values()
    with debug(), scope("here"):
        out = where(less(x, y), exp(x) / y, detach(x)) ** 2 + 5 + Value(7.0, (x, y), (2.0, 3.0))
    [root] = solve(lambda a: [a[0] * a[0] - x], [1.0])
    out = out + root
    out.backward()
    twin = copied(out)
    kinds = lambda root: [(type(node), node.made_at, getattr(node.op, "name", "")) for node in topological_order(root)]  # noqa: E731
    assert kinds(twin) == kinds(out)
    leaves = [
        {node.label: node for node in topological_order(root) if node.label in "xy" and node.label} for root in (out, twin)
    ]
    for root, named in zip((out, twin), leaves, strict=True):
        for node in named.values():
            node.grad = 0.0
        root.backward()
    assert [node.grad for node in leaves[0].values()] == [node.grad for node in leaves[1].values()]


class Named(Value):
    """A subclass with a slot and an attribute of its own."""

    __slots__ = ("owner", "empty")


@ways
def test_what_users_add_is_kept_cycles_included(copied):
    x = Named(2.0, "x")
    y = x * 3
    x.owner, x.result, y.source = "me", y, {"of": x}
    z = y + x
    y.user = z
    twin = copied(z)
    product, its = twin.inputs
    assert (type(its), its.owner, its.result, product.source["of"], product.user) == (Named, "me", product, its, twin)
    assert not hasattr(its, "empty")
    twin_of_leaf = copied(x)
    assert twin_of_leaf.result.inputs[0] is twin_of_leaf


def test_a_shallow_copy_shares_its_inputs():
    out, _ = chain(30)
    twin = copy.copy(out)
    assert twin is not out
    assert all(a is b for a, b in zip(twin.inputs, out.inputs, strict=True))
    assert (twin.data, twin.partials, twin.op) == (out.data, out.partials, out.op)


def test_after_a_dump_that_failed_the_next_one_is_whole():
    out, [w, _] = chain(5000)
    w.file = threading.Lock()
    failures = []
    for copied in WAYS.values():
        with pytest.raises((TypeError, pickle.PicklingError)) as error:
            copied(out)
        failures.append(error)  # and with its traceback all that the dump had saved
    del w.file
    for root in (out.inputs[0], out):
        for copied in WAYS.values():
            assert same_graph(root, copied(root))


def test_dumps_within_dumps_and_picklers_that_live_on(tmp_path):
    out, parameters = chain(5000)
    with open(tmp_path / "dump", "wb") as file:
        pickler = pickle.Pickler(file)
        pickler.dump(out)
        twin = pickle.loads(pickle.dumps([out + 1, parameters]))  # while the first pickler remembers the graph
        assert same_graph(out + 1, twin[0])
        pickler.dump([parameters, out.inputs[0]])
    with open(tmp_path / "dump", "rb") as file:
        unpickler = pickle.Unpickler(file)
        first, (again, half) = unpickler.load(), unpickler.load()
    assert same_graph(out, first)
    assert half is first.inputs[0]
    assert {*again} == {node for node in topological_order(first) if not node.inputs}

    class Within:
        def __reduce__(self):
            return bytes, (pickle.dumps(early),)

    early, middle = topological_order(out)[2400:2600:100]
    middle.other = Within()
    twin = pickle.loads(pickle.dumps(out))
    assert same_graph(out, twin)
    assert same_graph(early, pickle.loads(topological_order(twin)[2500].other))


def test_threads_copy_one_graph():
    out, _ = chain(5000)
    twins = []
    threads = [threading.Thread(target=lambda copied=copied: twins.append(copied(out))) for copied in [*WAYS.values()] * 2]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(twins) == 2 * len(WAYS)
    assert all(same_graph(out, twin) for twin in twins)


def test_a_model_beside_its_loss():
    model = nn.MLP(2, [4, 1], seed=0)
    loss = model([1.0, 2.0]) ** 2
    for copied in WAYS.values():
        twin, its_loss = copied((model, loss))
        assert {*twin.parameters()} <= {*topological_order(its_loss)}
        its_loss.backward()
        assert any(p.grad for p in twin.parameters())
        assert not any(p.grad for p in model.parameters())


def test_a_closure_that_keeps_to_its_nodes_is_not_copied():
    x = Value(3.0, "x")
    out = Value(x.data**2, (x,), "square")

    def backward():
        x.grad += 2 * x.data * out.grad

    out._backward = backward
    with pytest.raises(ClosureError, match=r"'square' is a closure.*would pass its gradient on to the nodes of the original"):
        copy.deepcopy(out + 1)
    with pytest.raises(ClosureError, match="'square' is a closure"):
        pickle.dumps(out + 1)
    assert copy.copy(out).data == 9.0
