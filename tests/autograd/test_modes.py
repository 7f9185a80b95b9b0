"""explain_forward against dual numbers; compare_modes against the three ways, run with numbers that count."""

import math
import random
import re
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from operator import add, mul

import pytest
from hypothesis import strategies as st

import autograd
import nn
from autograd import Value, compare_modes, explain_forward, grad, jvp, paths, scope, topological_order
from autograd.errors import ClosureError
from autograd.explaining.costs import Cost
from autograd.rules.formula_tree import Name, PartialDerivative, Product, Tangent
from autograd.rules.notation import LATEX
from tests.strategies import for_all

# --- forward mode -------------------------------------------------------------------------------------------------------


class Dual:
    """A number and its derivative, with the rules of the textbook."""

    def __init__(self, number, tangent=Fraction(0)):
        self.number, self.tangent = number, tangent

    def __add__(self, other):
        return Dual(self.number + other.number, self.tangent + other.tangent)

    def __sub__(self, other):
        return Dual(self.number - other.number, self.tangent - other.tangent)

    def __mul__(self, other):
        return Dual(self.number * other.number, self.tangent * other.number + self.number * other.tangent)

    def __truediv__(self, other):
        a, b = self.number, other.number
        return Dual(a / b, (self.tangent * b - a * other.tangent) / b**2)


def twins(seed):
    """The same random expression of labelled nodes twice: as Values, and as dual numbers that are differentiated in x."""
    rng = random.Random(seed)
    numbers = {name: Fraction(rng.randint(1, 9), rng.randint(1, 9)) for name in "xyz"}
    values = [Value(number, name) for name, number in numbers.items()]
    duals = [Dual(number, Fraction(name == "x")) for name, number in numbers.items()]
    for k in range(8):
        i, j, operation = rng.randrange(len(values)), rng.randrange(len(values)), rng.choice("+-**/")
        if operation == "/" and duals[j].number == 0:
            operation = "*"
        for twin in (values, duals):
            a, b = twin[i], twin[j]
            twin.append({"+": a.__add__, "-": a.__sub__, "*": a.__mul__, "/": a.__truediv__}[operation](b))
        values[-1].label = f"n{k}"
    return values, {value.label: dual for value, dual in zip(values, duals, strict=True)}


def exactly(text, known):
    """A printed sum of products as a Fraction: names are looked up, whole numbers are exact."""
    text = re.sub(r"∂\w+/∂\w+|∂[₁₂]\w+|[a-z]\w*\.tangent", lambda match: f"({known[match.group()]})", text).replace("·", "*")
    return eval(re.sub(r"\d+", r"Fraction(\g<0>)", text), {"Fraction": Fraction})


@for_all(st.integers(0, 10**6), examples=100)
def test_every_printed_tangent_is_that_of_dual_numbers_in_names_and_in_numbers(seed):
    values, duals = twins(seed)
    output, x = values[-1], values[0]
    text = str(explain_forward(output, x))
    known = {f"{name}.tangent": dual.tangent for name, dual in duals.items()}
    for node in topological_order(output):
        twice = len(set(node.inputs)) < len(node.inputs)  # ∂u/∂v of u = v/v would be two numbers
        for each, p, number in zip(node.inputs, node.partials, "₁₂", strict=False):
            known[f"∂{number}{node.label}" if twice else f"∂{node.label}/∂{each.label}"] = p
    shown = re.findall(r"^\s+(\w+)\.tangent = (.*)$", text, re.MULTILINE)
    for name, equations in shown:
        for part in equations.split(" = "):
            assert exactly(part, known) == known[f"{name}.tangent"], (name, part, text)
    behind_x = {node.label for node in topological_order(output) if x in topological_order(node)}
    assert [name for name, _ in shown] == [
        "x",
        *(each.label for each in topological_order(output) if each.label in behind_x - {"x"}),
    ]
    last = text.split("\n\n")[0].splitlines()[-1].split(" = ")
    assert last[0].strip() == f"d{output.label}/dx"
    assert Fraction(last[-1]) == duals[output.label].tangent == jvp([output], [x], [1])[0]


def test_the_derivative_has_the_bits_of_jvp(monkeypatch):
    monkeypatch.setattr("autograd.rules.notation.NUM_DIGITS", 17)
    x, y = Value(0.1, "x"), Value(0.7, "y")
    h = (x * y + x / 3).tanh()
    output = autograd.softmax([h * x, h - y, x.exp() * 0.3])[1].log() + 0.1 * h + 1e-3 * h * x
    last = re.search(r"d\w+/dx = .* ([-\d.e]+)$", str(explain_forward(output, x)), re.MULTILINE)
    assert float(last.group(1)) == jvp([output], [x], [1.0])[0]


def test_it_says_what_it_is_and_how_it_differs():
    w, x = Value(3.0, "w"), Value(2.0, "x")
    derivation = explain_forward(w * x + 1, w)
    text = str(derivation)
    assert "v1.tangent = ∂v1/∂w·w.tangent = 2·1 = 2" in text
    for words in ("Forward mode", "dual number", "one pass for each source", "backward() goes", "one pass for each output"):
        assert words in text
    v1, w = Name("v1"), Name("w")
    in_latex = [LATEX.write(Tangent(v1)), LATEX.write(Product([PartialDerivative(v1, w), Tangent(w)])), r"2 \cdot 1", "2"]
    assert " = ".join(in_latex) in derivation.to_latex()
    assert "x.tangent" not in text
    assert "$$" in derivation.to_markdown()


def test_between_any_two_nodes():
    x = Value(2.0, "x")
    u = x * x
    u.label = "u"
    assert "dv1/du = v1.tangent = 3" in str(explain_forward(3 * u, u))
    assert "du/du = u.tangent = 1" in str(explain_forward(u, u))
    text = str(explain_forward(x + 1, Value(5.0, "y")))
    assert "v1 does not depend on y." in text
    assert "dv1/dy = 0" in text


def test_a_folded_scope_is_one_step():
    x = Value(2.0, "x")
    with scope("cube"):
        y = x * x * x
    y.label = "y"
    text = str(explain_forward(y * y, x, fold="cube"))
    assert "y = cube(x) = 8" in text
    assert "y.tangent = ∂y/∂x·x.tangent = 12·1 = 12" in text
    assert "= 8·12 + 8·12 = 96 + 96 = 192" in text


def test_of_a_long_chain_the_ends_are_shown_and_the_rest_is_counted():
    x = Value(1.0, "x")
    y = x
    for _ in range(30_000):
        y = y + 1e-4
    text = str(explain_forward(y, x))
    assert "29940 steps between are left out." in text
    assert len(text) < 10_000
    assert text.count(".tangent = ∂") == 60
    assert "/dx = v30000.tangent = 1\n" in text


# --- what each way costs ------------------------------------------------------------------------------------------------


class Tally:
    multiplications = additions = 0


class Counting:
    """A number that counts its products and sums with numbers of its kind: those with the seed 1 and the zero are none."""

    def __init__(self, tally):
        self.tally = tally

    def __mul__(self, other):
        self.tally.multiplications += isinstance(other, Counting)
        return self

    def __add__(self, other):
        self.tally.additions += isinstance(other, Counting)
        return self

    __rmul__, __radd__ = __mul__, __add__


def counted(output, sources):
    """The costs of the three ways, by really going them: with ``paths``, with ``jvp`` for each source, and with ``grad``."""
    routes = [list(paths(output, source)) for source in sources]
    tallies = [Tally() for _ in range(3)]

    def plant(tally):
        for node in topological_order(output):
            node._dx = Counting(tally) if node._x is not None else None
            node._dy = Counting(tally) if node._y is not None else None
        return tally

    by_paths = plant(tallies[0])
    for found in routes:
        products = [reduce(mul, [Counting(by_paths) for _ in path.partials]) for path in found if path.partials]
        reduce(add, products, 0)
    plant(tallies[1])
    for source in sources:
        jvp([output], [source], [1.0])
    plant(tallies[2])
    grad(output, sources)
    reached = [found for found in routes if found]
    passes = (sum(map(len, routes)), len(reached), min(1, len(reached)))
    return [Cost(n, each.multiplications, each.additions) for n, each in zip(passes, tallies, strict=True)]


OPERATIONS = [
    lambda a, b: a * b,
    lambda a, b: a - b,
    lambda a, b: a.tanh(),
    lambda a, b: a * 2.0 + b,
    lambda a, b: a * a,
]


@for_all(st.integers(0, 10**6), st.integers(1, 14), examples=100)
def test_the_counts_are_those_of_numbers_that_count(seed, size):
    rng = random.Random(seed)
    leaves = [Value(rng.random(), name) for name in "xyzw"]
    nodes = list(leaves)
    for _ in range(size):
        nodes.append(rng.choice(OPERATIONS)(rng.choice(nodes), rng.choice(nodes)))
    output = nodes[-1]
    some = rng.sample(nodes, rng.randint(1, 5))  # inner nodes too, and some on which nothing depends
    for sources in (leaves, some):
        costs = compare_modes(output, sources)
        assert [costs.paths, costs.forward, costs.reverse] == counted(output, sources)
        assert costs.sources == costs.forward.passes == sum(each in topological_order(output) for each in sources)
        assert costs.reverse.operations <= costs.paths.operations


def test_by_itself_it_takes_all_leaves_that_are_not_constants():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    z = x * y + 3 * x
    assert compare_modes(z) == compare_modes(z, [y, x, x]) == compare_modes(z, iter([x, y]))
    assert compare_modes(z, x) == compare_modes(z, [x, Value(1.0)])


def test_a_chain_costs_the_same_in_every_way():
    x = Value(0.5, "x")
    y = x
    for _ in range(7):
        y = y.sin()
    assert set(compare_modes(y)[2:]) == {Cost(1, 6, 0)}


@pytest.mark.parametrize("rungs", [1, 2, 10, 200])
def test_a_ladder_of_diamonds(rungs):
    x = Value(1, "x")
    y = x
    for _ in range(rungs):
        y = y + y
    costs = compare_modes(y)
    assert costs.paths == Cost(2**rungs, 2**rungs * (rungs - 1), 2**rungs - 1)
    assert costs.forward == costs.reverse == Cost(1, 2 * rungs - 2, rungs)


@pytest.mark.parametrize("n", [2, 3, 10])
def test_a_sum_of_products(n):
    w, x = ([Value(1.0) for _ in range(n)] for _ in range(2))
    costs = compare_modes(autograd.dot(w, x))
    # product k passes n - k + 1 additions (the first n - 1) on its way, and has two factors, each used once
    steps = (n - 1) + sum(n - k + 1 for k in range(2, n + 1))
    assert costs.paths == Cost(2 * n, 2 * steps, 0)
    assert costs.forward == Cost(2 * n, 2 * steps, 0)
    assert costs.reverse == Cost(1, 2 * n + 2 * (n - 2), 0)  # two edges into each product and each addition but the last


@pytest.mark.parametrize("widths", [[3], [4, 3], [5, 4, 3]])
def test_a_network_with_one_output_and_many_parameters(widths):
    model = nn.MLP(2, [*widths, 1], activation="tanh", seed=0)
    costs = compare_modes(model([0.5, -1.0]))
    sizes = [2, *widths, 1]
    layers = list(pairwise(sizes))
    parameters = sum(n * (m + 1) for m, n in layers)
    # A neuron of m inputs: m products and m additions of two operands each, and tanh; the numbers of the data are constants.
    edges = sum(n * (4 * m + 1) for m, n in layers) - 2 * widths[0] - 1  # and the last neuron is linear
    joining = sum(m * (n - 1) for m, n in layers[1:])  # a hidden node is used by each neuron of the next layer
    assert costs.reverse == Cost(1, edges - 2, joining)
    # a path from a parameter of some layer chooses a neuron in each layer above
    assert costs.paths.passes == sum(n * (m + 1) * math.prod(sizes[k + 2 :]) for k, (m, n) in enumerate(layers))
    assert costs.forward.passes == costs.sources == parameters == len(model.parameters())
    assert "Reverse mode is cheaper here" in str(costs)


def test_large_graphs_are_counted_without_recursion_and_without_walking_paths():
    x = Value(1.0, "x")
    y = x
    for k in range(40_000):
        y = y + (x if k % 2 else y)  # the number of paths is doubled, then one is added: 1, 2, 3, 6, 7, 14, 15, ...
    costs = compare_modes(y)
    assert costs.paths.passes == 2**20_001 - 1
    assert costs.reverse == Cost(1, 2 * 40_000 - 2, 40_000)
    assert re.search(r"path by path +7\.96e\+6020 ", str(costs))  # 20 001 times the common logarithm of 2 is 6020.9


def test_many_sources_are_counted_without_a_pass_for_each():
    w = [Value(1.0) for _ in range(5000)]
    costs = compare_modes(autograd.total(w))
    assert costs.reverse == Cost(1, 2 * 4999 - 2, 0)
    # on the way of the first two lie all 4999 additions, of which one multiplies the seed; of each later one there is one fewer
    assert costs.forward == Cost(5000, 4998 + sum(range(4999)), 0)


# --- what it says -------------------------------------------------------------------------------------------------------


def test_the_table_and_the_conclusion():
    x, y = Value(2.0, "x"), Value(-3.0, "y")
    u = x * y
    costs = compare_modes((u * u).tanh())
    assert str(costs).splitlines()[:8] == [
        "The derivatives of v3 with respect to 2 sources",
        "                paths or passes  multiplications  additions",
        "path by path                  4                8          2",
        "forward mode                  2                6          2",
        "reverse mode                  1                4          1",
        "",
        "Reverse mode is cheaper here: 5 operations in 1 pass; forward mode needs 8 operations in 2 passes, 1.6 times as many.",
        "Path by path it takes 10: what paths have in common is computed again for each.",
    ]
    assert repr(costs) == str(costs)
    for words in (
        "one output, the loss",
        "with one source and many outputs it is the other way round",
        "the seed 1",
        "not counted",
    ):
        assert words in str(costs)


def test_where_forward_mode_is_cheaper_it_says_so():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    words = str(compare_modes((x * x).tanh()))
    assert "Forward mode is cheaper here: 2 operations in 1 pass; reverse mode needs 3 operations in 1 pass." in words
    assert "Path by path it takes 3" in words
    words = str(compare_modes((x * x + y * y).tanh()))
    assert "Forward mode is cheaper here: 6 operations in 2 passes; reverse mode needs 8 operations in 1 pass." in words


def test_where_all_cost_the_same_it_says_so():
    words = str(compare_modes(Value(2.0, "x") * Value(3.0, "y")))
    assert "Both modes cost the same here: forward mode 0 operations in 2 passes, reverse mode as many in 1 pass." in words
    assert "Path by path costs no more" in words


def test_where_nothing_depends_on_the_sources_it_says_so():
    for costs in (compare_modes(Value(1.0) * 2, [Value(3.0)]), compare_modes(Value(1.0), [])):
        assert set(costs[2:]) == {Cost(0, 0, 0)}
        assert "depends on none of the sources: every derivative is 0." in str(costs)
        assert "cheaper" not in str(costs)
    x = Value(1.0, "x")
    assert set(compare_modes(x, [x])[2:]) == {Cost(1, 0, 0)}  # dx/dx = 1


def test_notebooks_get_a_table():
    costs = compare_modes(Value(2.0, "x") * Value(3.0, "y"))
    assert costs._repr_markdown_() == costs.to_markdown()
    lines = costs.to_markdown().splitlines()
    assert lines[0] == "**The derivatives of v1 with respect to 2 sources**"
    assert lines[2:7] == [
        "|  | paths or passes | multiplications | additions |",
        "|---|---:|---:|---:|",
        "| path by path | 2 | 0 | 0 |",
        "| forward mode | 2 | 0 | 0 |",
        "| reverse mode | 1 | 0 | 0 |",
    ]
    assert "Both modes cost the same" in lines[8]


# --- at the door --------------------------------------------------------------------------------------------------------


def test_nothing_is_touched():
    x = Value(2.0, "x")
    y = x * x
    y.grad, x.grad = 7.0, 8.0
    derivation = explain_forward(y, x)
    str(derivation), derivation.to_latex(), derivation.to_markdown(), str(compare_modes(y))
    assert (y.data, x.data, y.grad, x.grad, y.label, y.partials, y.inputs) == (4.0, 2.0, 7.0, 8.0, "", (2.0, 2.0), (x, x))


def test_what_is_assigned_later_is_not_shown():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    derivation = explain_forward(x * y, x)
    text, latex = str(derivation), derivation.to_latex()
    x.data, y.label = 100.0, "other"
    assert (str(derivation), derivation.to_latex()) == (text, latex)


def test_steps_that_do_not_hold_any_more_are_refused():
    x = Value(2.0, "x")
    y = x * x
    x.data = 3.0
    with pytest.raises(ValueError, match="follow from each other, but x was assigned"):
        explain_forward(y, x)


def test_closures_are_refused_at_once_where_they_are_in_the_way():
    x, y = Value(2.0, "x"), Value(5.0, "y")
    closed = Value(4.0, (x,), "square")
    output = 3 * closed + y
    for ask in (lambda: explain_forward(output, x), lambda: compare_modes(output), lambda: compare_modes(output, [x])):
        with pytest.raises(ClosureError, match="'square' is a closure"):
            ask()
    assert "= 1\n" in str(explain_forward(output, y))
    assert compare_modes(output, y).reverse == Cost(1, 0, 0)
    microgpt = Value(4.0, (x,), (4.0,))  # with its local derivative
    assert "v1.tangent = ∂v1/∂x·x.tangent = 4·1 = 4" in str(explain_forward(microgpt, x))
    assert compare_modes(microgpt * 2).reverse == Cost(1, 1, 0)


def test_strangers_are_refused_with_words():
    x = Value(2.0, "x")
    for output, source in ((2.0, x), (x, "x"), (x, [x])):
        with pytest.raises(TypeError, match="from Value to Value, but got"):
            explain_forward(output, source)
    for output, sources in ((2.0, None), (x, 3.0), (x, [x, "y"])):
        with pytest.raises(TypeError, match="compare_modes counts from Values to a Value, but got"):
            compare_modes(output, sources)
