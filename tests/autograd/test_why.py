"""why_order and why_plus against first attempts at a backward pass, written as learners write them."""

import random
import re
from fractions import Fraction

import pytest
from hypothesis import strategies as st

import nn
from autograd import Constant, Value, explain_forward, topological_order, why_order, why_plus
from autograd.errors import ClosureError
from autograd.rules.formula_tree import Adjoint, Derivative, Name
from autograd.rules.notation import LATEX
from tests.strategies import for_all

# --- first attempts -----------------------------------------------------------------------------------------------------


class Attempt:
    """A learner's backward pass over a graph: recursive, with gradients of its own, and with the slips that are asked for."""

    def __init__(self, output, remembers=True, adds=True, in_order=False):
        self.remembers, self.adds = remembers, adds
        self.grad = {output: 1}
        self.passed_on = []  # each node that passes on, with the gradient that it has by then
        self.met = set()
        if in_order:
            for node in reversed(postorder(output)):
                self.step(node)
        else:
            self.visit(output)

    def step(self, node):
        if node.inputs:
            self.passed_on.append((node, self.grad[node]))
        for each, partial in zip(node.inputs, node.partials, strict=True):
            if self.adds:
                self.grad[each] = self.grad.get(each, 0) + partial * self.grad[node]
            else:
                self.grad[each] = partial * self.grad[node]

    def visit(self, node):
        if self.remembers and node in self.met:
            return
        self.met.add(node)
        self.step(node)
        for each in node.inputs:
            self.visit(each)


def postorder(output):
    order = []

    def visit(node):
        if node not in order:
            for each in node.inputs:
                visit(each)
            order.append(node)

    visit(output)
    return order


def derivatives(output):
    """Of the output in every node: the sum over all paths, walked one by one."""
    found = {}

    def walk(node, so_far):
        found[node] = found.get(node, 0) + so_far
        for each, partial in zip(node.inputs, node.partials, strict=True):
            walk(each, so_far * partial)

    walk(output, Fraction(1))
    return found


OPERATIONS = [
    lambda a, b: a * b,
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a + 2 * b,
    lambda a, b: a * a,
    lambda a, b: -a,
]


def random_graph(seed, size=8):
    """Labelled nodes over two leaves and constants, with Fractions."""
    rng = random.Random(seed)
    nodes = [Value(Fraction(rng.randint(1, 4)), name) for name in "xy"]
    for k in range(rng.randint(1, size)):
        nodes.append(rng.choice(OPERATIONS)(rng.choice(nodes), rng.choice(nodes)))
        for each in topological_order(nodes[-1]):
            each.label = each.label or ("" if type(each) is Constant else f"n{k}" if each is nodes[-1] else f"m{k}")
    return nodes[-1]


def parts(derivation):
    """The sections of a derivation, by their titles up to a colon, and what follows the colon."""
    sections, names = {}, {}
    for block in str(derivation).split("\n\n"):
        title, *lines = block.splitlines()
        title, _, name = title.partition(": ")
        sections[title], names[title] = [line.strip() for line in lines], name
    return sections, names


def compared(lines):
    """What a section of gradients says: the wrong ones and the right ones beside them, by name; the rest is said to be right."""
    *pairs, rest = lines
    found = {}
    for line in pairs:
        name, got, right_name, right = re.fullmatch(r"(\w+)\.grad = (\S+), but d\w+/d(\w+) = (\S+)", line).groups()
        assert right_name == name
        found[name] = (Fraction(got), Fraction(right))
    assert rest == (
        "All others are right." if found else "All are right all the same: with these numbers the mistake does not show."
    )
    return found


def wrong(attempt, right):
    return {
        node.label: (attempt.grad[node], right[node])
        for node in right
        if type(node) is not Constant and attempt.grad[node] != right[node]
    }


# --- the order ----------------------------------------------------------------------------------------------------------


@for_all(st.integers(0, 10**6), examples=100)
def test_the_naive_pass_is_that_of_a_recursive_attempt(seed):
    output = random_graph(seed)
    attempt, right = Attempt(output), derivatives(output)
    sections, names = parts(why_order(output))
    order = [node for node, _ in attempt.passed_on]
    lines = sections["The backward pass in a naive order"]
    assert lines[1] == " → ".join(node.label for node in order)
    amounts = {}
    for name, amount in re.findall(r"^(\w+)\.grad \+= .* = (\S+?)(?:  \(too late.*)?$", "\n".join(lines), re.MULTILINE):
        amounts[name] = amounts.get(name, 0) + Fraction(amount)
    if not any("left out" in line for line in lines):
        assert amounts == {n.label: g for n, g in attempt.grad.items() if type(n) is not Constant and n is not output}

    users = {node: [user for user in order if node in user.inputs] for node in order}
    early = [node for node in order if any(order.index(user) > order.index(node) for user in users[node])]
    assert ("Where it first goes wrong" in sections) == bool(early)
    if not early:
        assert not wrong(attempt, right)
        assert "Why it happens to be right here" in sections
        return
    first = early[0]
    assert names["Where it first goes wrong"] == first.label
    words, then, end, *more = sections["Where it first goes wrong"]
    contributed = [each.label for each in users[first] if order.index(each) < order.index(first)]
    to_come = [each.label for each in users[first] if order.index(each) > order.index(first)]
    assert words == (
        f"{first.label} passes on too early. Contributed by then: {', '.join(contributed)}; still to come: {', '.join(to_come)}."
    )
    assert Fraction(re.search(r"= (\S+)  \(when", then).group(1)) == dict(attempt.passed_on)[first]
    assert Fraction(re.search(r"= (\S+)  \(in the end\)", end).group(1)) == attempt.grad[first]
    assert more == ([f"{len(early)} nodes in all pass on too early."] if len(early) > 1 else [])
    assert compared(sections["The gradients"]) == wrong(attempt, right)


@for_all(st.integers(0, 10**6), examples=100)
def test_a_walk_without_a_memory_is_that_of_an_attempt_without_one(seed):
    output = random_graph(seed, size=6)
    sections, _ = parts(why_order(output))
    if "Why it happens to be right here" not in sections:
        return
    attempt = Attempt(output, remembers=False)
    again = [node for node, _ in attempt.passed_on]
    lines = sections.get("And if the walk forgets which nodes it has met")
    assert (lines is None) == (len(set(again)) == len(again))
    if lines:
        name, times = re.match(r"Then (\w+) passes its gradient on (\d+) times", lines[0]).groups()
        assert [node.label for node in again].count(name) == int(times) > 1
        assert compared(lines[1:]) == wrong(attempt, derivatives(output))


def test_the_diamond():
    x = Value(2.0, "x")
    n = x * x
    n.label = "n"
    p, q = n * 5, n * 7
    p.label, q.label = "p", "q"
    out = p * q
    out.label = "out"
    sections, names = parts(why_order(out))
    assert names["Where it first goes wrong"] == "n"
    assert sections["Where it first goes wrong"] == [  # p = 20 and q = 28; each passes the other to n, times 5 or 7
        "n passes on too early. Contributed by then: p; still to come: q.",
        "n.grad = 140  (when n passes on)",
        "n.grad = 140 + 140 = 280  (in the end)",
    ]
    assert sections["The gradients"] == ["x.grad = 560, but dout/dx = 1120", "All others are right."]  # out = 35 x**4
    assert "n.grad += ∂q/∂n·q.grad = 7·20 = 140  (too late: n has passed on)" in sections["The backward pass in a naive order"]


def test_an_example_that_was_worked_by_hand_in_a_discussion_of_micrograd():
    a, b = Value(2.0, "a"), Value(3.0, "b")
    c, d = a + b, a * b
    e, f = c + d, c * d
    y = e + f
    for node, label in zip((c, d, e, f, y), "cdefy", strict=True):
        node.label = label
    sections, names = parts(why_order(y))
    assert names["Where it first goes wrong"] == "c"
    # with c = 5 and d = 6: dy/da = (1 + d) + (1 + c) b = 25 and dy/db = (1 + d) + (1 + c) a = 19
    assert sections["The gradients"] == ["a.grad = 4, but dy/da = 25", "b.grad = 3, but dy/db = 19", "All others are right."]
    assert sections["Where it first goes wrong"][-1] == "2 nodes in all pass on too early."


def test_the_order_of_the_operands_decides():
    x = Value(2.0, "x")
    n = 3 * x
    assert "Where it first goes wrong" in parts(why_order(n + 5 * n))[0]
    lines = parts(why_order(5 * n + n))[0]["Why it happens to be right here"]
    assert lines == [
        "A node with several users is met after all of them, as v1 after its 2.",
        "Nothing in the walk sees to that: it follows the order in which the operands are written.",
    ]


def test_the_minimal_example_is_right_with_a_memory_and_wrong_without():
    a = Value(1, "a")
    b = a + a
    b.label = "b"
    c = b + b
    c.label = "c"
    sections, _ = parts(why_order(c))
    assert sections["Why it happens to be right here"] == [
        "No node that passes on has several users, so each has its whole gradient when it is met."
    ]
    assert sections["And if the walk forgets which nodes it has met"] == [
        "Then b passes its gradient on 2 times, once for each way that leads to it.",
        "a.grad = 8, but dc/da = 4",
        "All others are right.",
    ]


def test_without_a_memory_a_node_passes_on_once_for_each_way_to_it():
    a = Value(1, "a")
    b = 2 * a
    b.label = "b"
    sections, _ = parts(why_order(b + b + b + b))
    assert sections["And if the walk forgets which nodes it has met"][:2] == [
        "Then b passes its gradient on 4 times, once for each way that leads to it.",
        "a.grad = 32, but dv3/da = 8",  # all four uses have contributed when b passes on first, and it does so four times
    ]


def test_a_tree_is_right_in_any_order():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    sections, _ = parts(why_order((x * y + x).tanh()))
    assert list(sections) == ["The backward pass in a naive order", "Why it happens to be right here", "Why the order matters"]


def test_a_topological_order_is_explained_in_two_sentences():
    x = Value(2.0)
    n = x * 3
    for output in (n, n + n, n + n * 2):
        text = " ".join(parts(why_order(output))[0]["Why the order matters"])
        assert text.count(". ") + 1 == text.count(".") == 2
        assert "every node stands after its inputs" in text


def test_what_comes_too_late_may_be_nothing():
    x = Value(2.0, "x")
    n = 3 * x
    n.label = "n"
    sections, names = parts(why_order(n + 0 * (5 * n)))
    assert names["Where it first goes wrong"] == "n"
    assert sections["The gradients"] == ["All are right all the same: with these numbers the mistake does not show."]


def test_a_difference_in_digits_that_are_not_shown_is_shown():
    x = Value(2.0, "x")
    n = x * 1
    lines = parts(why_order(n + n * 1e-9))[0]["The gradients"]
    assert lines[0].startswith("x.grad = 1, but dv3/dx ≈ 1, and the difference is 1e-09")


def test_rounding_in_another_order_is_no_mistake():
    model = nn.MLP(3, [8, 8, 1], activation="tanh", seed=1)
    output = model([0.1, 0.2, 0.3])
    sections, _ = parts(why_order(output))
    attempt, plain = Attempt(output), Attempt(output, in_order=True)
    named = dict(re.findall(r"^(\S+)\.grad [=≈] ([-\d.e]+), but", "\n".join(sections["The gradients"]), re.MULTILINE))
    for each in model.parameters():
        if each.label in named:
            assert attempt.grad[each] != pytest.approx(plain.grad[each], rel=1e-12)
            assert float(named[each.label]) == pytest.approx(attempt.grad[each], rel=1e-5)  # six digits are shown
    biases = [neuron.b.label for neuron in model.layers[2].neurons]
    assert not set(biases) & set(named)


# --- = for += -----------------------------------------------------------------------------------------------------------


@for_all(st.integers(0, 10**6), examples=100)
def test_the_overwriting_pass_is_that_of_an_attempt_with_equals(seed):
    output = random_graph(seed)
    attempt, right = Attempt(output, adds=False, in_order=True), derivatives(output)
    sections, names = parts(why_plus(output))
    edges = [each for node in right for each in node.inputs if type(each) is not Constant]
    twice = {node.label for node in edges if edges.count(node) > 1}
    assert ("Why nothing changes here" in sections) == (not twice)
    if not twice:
        assert not wrong(attempt, right)
        return
    assert compared(sections["The gradients"]) == wrong(attempt, right)
    [name] = [name for title, name in names.items() if title.startswith("Where")]
    met = []
    for node in reversed(postorder(output)):
        for slot, each in enumerate(node.inputs):
            if type(each) is not Constant:
                met.append((each.label, node, slot))
    first, second = next((met[i], met[k]) for k in range(len(met)) for i in reversed(range(k)) if met[i][0] == met[k][0])
    assert name == first[0]
    amounts = [node.partials[slot] * attempt.grad[node] for _, node, slot in (first, second)]
    words, with_equals, with_plus = sections["Where a contribution is first lost"]
    by = [f"{node.label} (operand {slot + 1})" for _, node, slot in (first, second)]
    uses = [node.label for node in edges].count(name)
    assert words == f"{name} is used {uses} times. What {by[0]} contributes is overwritten by what {by[1]} does."
    assert with_equals == f"{name}.grad = {amounts[1]}  (after these two, with =)"
    assert Fraction(re.search(r"= (\S+)  \(with \+=\)", with_plus).group(1)) == sum(amounts)


def test_the_square_is_used_by_both_operands():
    x = Value(3.0, "x")
    sections, names = parts(why_plus(x * x))
    assert names["Where a contribution is first lost"] == "x"
    assert sections["The gradients"] == ["x.grad = 3, but dv1/dx = 6", "All others are right."]
    assert "x.grad = ∂₂v1·v1.grad = 3·1 = 3  (overwrites 3)" in sections["The backward pass with = in place of +="]
    assert sections["Where a contribution is first lost"][2] == "x.grad = 3 + 3 = 6  (with +=)"


def test_each_contribution_overwrites_the_one_before():
    x = Value(3.0, "x")
    lines = parts(why_plus(x * 5 + x * 6 + x * 7))[0]["The backward pass with = in place of +="]
    found = [re.search(r"= (\d)(?:  \(overwrites (\d)\))?$", line).groups() for line in lines if line.startswith("x.grad")]
    assert found == [("7", None), ("6", "7"), ("5", "6")]


def test_where_no_node_is_used_twice_nothing_changes():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    sections, _ = parts(why_plus((x * y + 1).tanh()))
    assert list(sections) == ["The backward pass with = in place of +=", "Why nothing changes here"]
    assert "No node is used twice" in sections["Why nothing changes here"][0]


def test_what_is_overwritten_may_be_nothing():
    x = Value(3.0, "x")
    sections, names = parts(why_plus(0 * x + x))
    assert names["Where a contribution is first lost"] == "x"
    assert sections["Where a contribution is first lost"][2] == "x.grad = 1 + 0 = 1  (with +=)"
    assert sections["The gradients"] == ["x.grad = 0, but dv2/dx = 1", "All others are right."]
    sections, names = parts(why_plus(1 * x + 0 * x))
    assert sections["Where a contribution is first lost"][2] == "x.grad = 0 + 1 = 1  (with +=)"
    assert sections["The gradients"] == ["All are right all the same: with these numbers the mistake does not show."]


# --- both ---------------------------------------------------------------------------------------------------------------


WHYS = pytest.mark.parametrize("why", [why_order, why_plus])


@WHYS
def test_of_a_large_graph_a_part_is_shown_and_the_rest_is_counted(why):
    x = Value(1.0, "x")
    y = x
    for _ in range(10_000):
        y = y * 0.25 + y * 0.75
    derivation = why(y)
    text = str(derivation)
    assert len(text) < 10_000
    assert "39970 more contributions are left out." in text
    assert re.search(r"\d+ more gradients are wrong\.", text)


def test_a_ladder_without_a_memory_is_not_walked():
    x = Value(1.0, "x")
    y = x
    for _ in range(5000):
        y = y + y
    text = str(why_order(y))
    assert "v4999 is the first to pass on again; in all there are more than 10000 visits." in text


@WHYS
def test_fractions_stay_exact(why):
    x = Value(Fraction(1, 3), "x")
    n = x * x
    text = str(why(n + n * Fraction(1, 7)))
    assert "≈" not in text
    assert "dv3/dx = 16/21" in text  # 8/7 * 2/3


@WHYS
def test_nothing_is_touched(why):
    x = Value(2.0, "x")
    y = x * x
    y.grad, x.grad = 7.0, 8.0
    derivation = why(y)
    str(derivation), derivation.to_latex(), derivation.to_markdown()
    assert (y.data, x.data, y.grad, x.grad, y.label, y.partials, y.inputs) == (4.0, 2.0, 7.0, 8.0, "", (2.0, 2.0), (x, x))


@WHYS
def test_what_is_assigned_later_is_not_shown(why):
    x = Value(2.0, "x")
    n = x * x
    derivation = why(n + n * 5)
    text, latex = str(derivation), derivation.to_latex()
    x.data, n.label = 100.0, "other"
    assert (str(derivation), derivation.to_latex()) == (text, latex)


@WHYS
def test_closures_and_strangers_are_refused_at_once(why):
    x = Value(2.0, "x")
    with pytest.raises(ClosureError, match="'square' is a closure"):
        why(3 * Value(4.0, (x,), "square"))
    with pytest.raises(TypeError, match=r"from Value to Value, but got 2\.0"):
        why(2.0)
    assert "x.grad" in str(why(Value(4.0, (x, x), (2.0, 2.0))))  # in microgpt's way, with its local derivatives


@WHYS
def test_a_leaf_and_a_constant_alone_are_no_trouble(why):
    assert "x.grad = 1" in str(why(Value(2.0, "x")))
    assert str(why(Constant(2.0)))


@WHYS
def test_latex_and_markdown_say_the_same(why):
    x = Value(2.0, "x")
    n = x * x
    n.label = "n_1"
    derivation = why(n + n * 5)
    latex = derivation.to_latex()
    assert LATEX.write(Adjoint(Name("n_1"))) in latex
    assert LATEX.write(Derivative(Name("v2"), Name("x"))) + " = 24" in latex
    assert latex.count("{") - latex.count(r"\{") == latex.count("}") - latex.count(r"\}")
    assert r"\text{, but }" in latex
    assert derivation.to_markdown().count("**") == 2 * str(derivation).count("\n\n") + 2


# --- names among words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", [why_order, why_plus])
def test_names_among_words_are_typeset_as_in_formulas(why):
    x, n = Value(2.0, "x"), Value(3.0, "w1[1,2]") * 3
    n.label = "h_12"
    derivation = why(n * x + n * 5)
    for text in (derivation.to_markdown(), derivation.to_latex()):
        assert "h_12" not in text
        assert "\x02" not in text
    assert "$h_{12}$" in derivation.to_markdown()
    assert r"h_{12}\text{" in derivation.to_latex()
    assert "h_12" in str(derivation)


def test_a_name_of_several_words_stays_in_one_piece_wherever_a_line_ends():
    x = Value(2.0, "a name of so many words that no line holds two of it, and $")
    latex = explain_forward(x * 3, x).to_latex()
    assert latex.count(r"\text{a name of so many words that no line ho…}") == latex.count("a name of") > 5
    assert latex.count("{") == latex.count("}")
    assert "\x02" not in latex
    assert "\x04" not in latex
