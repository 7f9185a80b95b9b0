"""Paths end where they are cut, and are told there; what is left of a softmax reads as probabilities, and of a cross-entropy as p - y."""

import math
import random
import re

import numpy as np
import pytest
from hypothesis import strategies as st

import nn
from autograd import (
    Value,
    compare_modes,
    count_paths,
    detach,
    explain,
    explain_forward,
    grad,
    logsumexp,
    maximum,
    paths,
    quiz,
    relu,
    scope,
    softmax,
    sqrt,
    step,
    top_paths,
    why_order,
    why_plus,
)
from autograd.explaining.probabilities import Probabilities
from tests.autograd.test_explanation import check
from tests.strategies import for_all

LOGITS = [2.0, 1.0, -1.0]


def logits(data=LOGITS):
    return [Value(z, f"z{k}") for k, z in enumerate(data, start=1)]


def probabilities(data):
    """By hand, in NumPy."""
    exponentials = np.exp(np.array(data) - max(data))
    return exponentials / exponentials.sum()


# --- how many paths there are, and where they end -----------------------------------------------------------------------


def is_cut(node, slot):
    """Said again, in the words of calculus: detach and step everywhere, relu below 0, maximum where it does not choose."""
    x, *rest = (source.data for source in node.inputs)
    chooses = {"relu": x <= 0, "maximum": rest and (x < rest[0], rest[0] < x)[slot], "detach": True, "step": True}
    return bool(chooses.get(node.op.name, False))


def routes(output, source):
    """All paths of the graph, by recursion: slots, product, and whether one of their edges is cut."""
    if output is source:
        return [((), 1.0, False)]
    return [
        ((slot, *rest), output.partials[slot] * product, is_cut(output, slot) or cut)
        for slot, each in enumerate(output.inputs)
        for rest, product, cut in routes(each, source)
    ]


OPERATIONS = [
    lambda a, b: a * b,
    lambda a, b: a - 2 * b,
    lambda a, b: relu(a),
    lambda a, b: maximum(a, b),
    lambda a, b: detach(a) + b,
    lambda a, b: step(a) * b,
]


def random_graph(seed, size=8):
    rng = random.Random(seed)
    leaves = [Value(float(rng.choice([-2, -1, 1, 2, 3])), name) for name in "xyz"]
    nodes = list(leaves)
    for _ in range(size):
        nodes.append(rng.choice(OPERATIONS)(rng.choice(nodes), rng.choice(nodes)))
    return nodes[-1], leaves


@for_all(st.integers(0, 10**6), examples=150)
def test_live_paths_and_cut_ones_are_all_there_are(seed):
    output, leaves = random_graph(seed)
    for source in leaves:
        every = routes(output, source)
        live = [(slots, product) for slots, product, cut in every if not cut]
        count = count_paths(output, source)
        assert [(path.slots, path.product) for path in paths(output, source)] == live
        assert (count, count.cut) == (len(live), len(every) - len(live))
        assert sum(end.num_paths for end in count.ends) == count.cut
        assert all(is_cut(end.node, end.slot) for end in count.ends)
        assert sorted(path.slots for path in top_paths(output, source, 1000)) == sorted(slots for slots, _ in live)
        assert sum(product for _, product in live) == grad(output, [source])[0]


@for_all(st.integers(0, 10**6), examples=40)
def test_every_statement_is_true_where_paths_are_cut(seed):
    output, leaves = random_graph(seed, size=6)
    check(output)
    for source in leaves:
        check(output, source)


def test_the_softmax_has_four_paths_that_end_at_its_shift():
    zs = logits()
    loss = nn.cross_entropy_logits(zs, 0)
    count = count_paths(loss, zs[1])
    assert (count, count.cut) == (1, 4)
    [end] = count.ends
    assert end.node.op.detaches
    assert isinstance(count, int)
    assert f"{count}" == "1"


def test_the_counts_of_a_ladder_of_dead_ends_take_no_time():
    x = Value(1.0, "x")
    y = x
    for _ in range(200):
        y = y + y
    count = count_paths(detach(y) + y, x)
    assert (count, count.cut) == (2**200, 2**200)


def test_what_lies_behind_a_cut_is_not_told_even_if_it_is_infinite():
    x = Value(0.0, "x")
    text = check(x + detach(sqrt(x)))
    assert "nan" not in text
    assert "inf" not in text
    assert "dv3/dx = ∂v3/∂x = 1" in text
    assert "1 path ends at v2 = detach(sqrt(x)), which passes nothing on." in text


def test_a_folded_scope_ends_paths_inside():
    x = Value(2.0, "x")
    with scope("gate"):
        dead = detach(x * 3)
        half = detach(x) * x
    assert (count_paths(dead + x, x, fold="gate"), count_paths(dead + x, x, fold="gate").cut) == (1, 1)
    assert (count_paths(half, x, fold="gate"), count_paths(half, x, fold="gate").cut) == (1, 0)
    text = check(dead * x + half, x, fold="gate")
    assert "1 path ends at v2 = gate[v2](x), which passes nothing on." in text


# --- a dead relu ----------------------------------------------------------------------------------------------------------


def test_a_dead_relu_is_told_where_it_is_and_why():
    w, x, b = Value(-2.0, "w"), Value(3.0, "x"), Value(1.0, "b")
    text = check(relu(w * x + b) * 5 + w, w)
    assert "  v2 = w*x + b = -6 + 1 = -5\n  v3 = relu(v2) = relu(-5) = 0\n" in text
    assert "    ∂v3/∂v2 = step(v2) = step(-5) = 0  (cut: it passes nothing on)\n" in text
    assert "  1 path ends at v3 = relu(v2), a dead relu, which passes nothing on.\n" in text
    assert "dv5/dw = ∂v5/∂w = 1" in text
    assert "dv4/dw: every path is cut" in check(relu(w * x + b) * 5, w)


def test_the_operand_that_a_maximum_does_not_choose_is_named():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    text = check(maximum(x, y) + 0.5 * x, x)
    assert "1 path ends at v1 = maximum(x, y), which passes nothing on to x at these numbers." in text


def test_many_ends_are_one_sentence():
    x = Value(-1.0, "x")
    output = sum(relu(k * x) for k in range(1, 7))
    text = check(output, x).replace("\n  ", " ")
    assert text.count("end where nothing is passed on: ") == 1
    assert re.search(r"6 paths end where nothing is passed on: 1 at v\d+ = relu\(v\d+\), a dead relu, .*, 3 at 3 more\.", text)


# --- at most 40 lines, and p - y at the end ---------------------------------------------------------------------------------

LOSSES = {
    "logits": lambda zs, k: nn.cross_entropy_logits(zs, k),
    "probabilities": lambda zs, k: nn.cross_entropy(softmax(zs), k),
}


def measured(text):
    lines = text.splitlines()
    return len(lines), max(map(len, lines))


@pytest.mark.parametrize("data", [LOGITS, [0.0, 0.0, 0.0], [-30.25, 14.5, 3.0], [0.1, 0.2, 0.3]])
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("label", range(3))
def test_a_cross_entropy_of_three_classes_takes_at_most_40_lines_and_ends_in_p_minus_y(name, label, data):
    for k in range(3):
        zs = logits(data)
        text = check(LOSSES[name](zs, label), zs[k])
        assert measured(text) <= (40, 100)
        assert measured(text)[1] <= 100
        p = probabilities(data)[k]
        last = text.splitlines()[-1]
        assert re.match(rf"  dv\d+/dz{k + 1} = p{k + 1} - y{k + 1} [=≈] ", last)
        numbers = re.search(r"([\d.e-]+) - ([\d.]+)", last.split("y", 1)[1])
        assert float(numbers[1]) == pytest.approx(p, rel=1e-5)
        assert float(numbers[2]) == (k == label)
        assert f"y{k + 1} = {int(k == label)})" in last


@pytest.mark.parametrize("of", range(3))
@pytest.mark.parametrize("k", range(3))
def test_a_softmax_of_three_takes_at_most_40_lines_and_ends_in_probabilities(of, k):
    zs = logits()
    text = check(softmax(zs)[of], zs[k])
    assert measured(text)[0] <= 40
    assert measured(text)[1] <= 100
    p = probabilities(LOGITS)
    last = text.splitlines()[-1]
    assert last.startswith(f"  dv12/dz{k + 1} = p" if of == k else f"  dv12/dz{k + 1} = -p")
    told = float(re.findall(r"≈ (-?[\d.e-]+)", last)[-1])
    assert told == pytest.approx(p[of] * ((of == k) - p[k]), rel=1e-5)


def test_the_same_in_latex_markdown_and_mathml():
    zs = logits()
    shown = explain(nn.cross_entropy_logits(zs, 0), zs[0])
    assert r"= p_{1} - y_{1} \approx 0.705385 - 1 \approx -0.294615\text{  (}p_{1} = \frac{v_{5}}{v_{11}}" in shown.to_latex()
    assert "which passes nothing on" in shown.to_markdown()
    assert "which passes nothing on" in shown.to_mathml()


def test_soft_targets_and_scaled_losses():
    zs = logits()
    soft = str(explain(nn.cross_entropy_logits(zs, [0.2, 0.3, 0.5]))).splitlines()[-3:]
    assert [re.search(r"\(.*y\d = (.*)\)", line)[1] for line in soft] == ["0.2", "0.3", "0.5"]
    half = str(explain(0.5 * nn.cross_entropy_logits(zs, 1), zs[1])).splitlines()[-1]
    assert "= 0.5*p2 - 0.5 ≈ " in half  # no p - y, and not called so
    weight = Value(2.0, "w")
    text = str(explain(nn.cross_entropy_logits([weight * 3.0, zs[1]], 0), weight)).splitlines()[-1]
    assert "= 3*p1 - 3 ≈ " in text


def test_a_logsumexp_has_no_target():
    zs = logits()
    assert str(explain(logsumexp(zs), zs[1])).endswith("  dv13/dz2 = p2 ≈ 0.259496  (p2 = v7/v11)")


def test_names_of_probabilities_give_way_to_those_of_nodes():
    zs = [Value(z, name) for z, name in zip(LOGITS, ("p1", "y2", "z"), strict=True)]
    last = check(nn.cross_entropy_logits(zs, 0), zs[0]).splitlines()[-1]
    assert "dv14/dp1 = q1 - t1 ≈ 0.705385 - 1" in last


@pytest.mark.parametrize(
    "f",
    [
        lambda zs: softmax(softmax(zs))[0],  # two softmaxes, whose p1 would be two
        lambda zs: zs[0] * zs[1],
        lambda zs: logsumexp(zs) * zs[0],
        lambda zs: logsumexp(zs) ** 2,
    ],
)
def test_other_derivatives_are_not_said_to_be_probabilities(f):
    zs = logits()
    assert "p1" not in check(f(zs), zs[0])


def test_a_wrong_polynomial_is_not_printed(monkeypatch):
    right = Probabilities.polynomial
    monkeypatch.setattr(Probabilities, "polynomial", lambda self, ways: [*right(self, ways), *right(self, ways)[:1]])
    zs = logits()
    assert "p1" not in str(explain(nn.cross_entropy_logits(zs, 0), zs[0]))


# --- the others -------------------------------------------------------------------------------------------------------------


def test_forward_mode_ends_there_too():
    zs = logits()
    text = str(explain_forward(nn.cross_entropy_logits(zs, 0), zs[1]))
    assert "  4 paths end at v3 = detach(maximum(maximum(z1, z2), z3)), which passes nothing on.\n" in text
    assert "maximum(z1, z2) =" not in text
    w = Value(-2.0, "w")
    text = str(explain_forward(relu(w) * 5, w))
    assert "  v1 = relu(w) = 0\n    v1.tangent = 0  (cut: it passes nothing on)\n" in text
    assert text.split("\n\n")[0].endswith("dv2/dw = v2.tangent = 0")


def test_what_is_cut_costs_nothing():
    x = Value(2.0, "x")
    bare, cut = compare_modes(x * x + x), compare_modes(x * x + x + detach(x * x * x))
    assert cut.paths.passes == bare.paths.passes == 3
    assert cut.reverse.multiplications == bare.reverse.multiplications + 2  # one more sum on the way, of two edges
    assert compare_modes(detach(x) * 2).sources == 0


def test_the_quiz_asks_for_no_path_that_is_cut():
    zs = logits()
    exercises = quiz(nn.cross_entropy_logits(zs, 0), count=60, seed=0)
    assert not any("v3 →" in exercise.question or "∂v3/" in exercise.question for exercise in exercises)
    products = [exercise.answer for exercise in exercises if exercise.kind == "path product"]
    assert products
    assert 0 not in products
    w = Value(-2.0, "w")
    assert any("∂v2/∂v1" in exercise.question and exercise.answer == 0 for exercise in quiz(relu(w * 3) * 5, count=9, seed=0))


@pytest.mark.parametrize("why", [why_order, why_plus])
def test_the_lessons_on_backward_leave_out_what_is_cut(why):
    x = Value(2.0, "x")
    n = x * 3
    text = str(why(n * n + detach(n * x)))
    assert "detach" not in text
    assert "v3" not in text.split("\n\n")[0]


def test_a_network_of_relus_explains_its_dead_neurons():
    model = nn.MLP(2, [4, 1], seed=3)
    output = model([0.5, -1.0])
    dead = [node for node in model.trace([0.5, -1.0]).activations[0] if node.data == 0]
    assert dead
    text = check(output, model.parameters(), max_steps=200)
    assert text.count("(cut: it passes nothing on)") == len(dead)
    assert "a dead relu" in text
    assert not math.isnan(output.data)
