"""All readers of a graph call a node by the same name: explanations, questions, diagnosis, checks, pictures and programs."""

import re
import xml.etree.ElementTree as ET

import pytest

import viz
from autograd import (
    Constant,
    Op,
    Value,
    apply,
    check_gradients,
    compare_modes,
    explain,
    explain_forward,
    quiz,
    why_order,
    why_plus,
)
from autograd.checking.graph_facts import Subject
from autograd.compiled.print_tape import to_text
from autograd.compiled.tracing import trace
from autograd.explaining import named_graph
from autograd.graph import label_of, names, topological_order, unique_names

# Labels that two leaves share, and a leaf and a result; no label; and one that looks like a count.
LEAVES = {"x": Value(2.0, "x"), "x_2": Value(3.0, "x"), "x1": Value(0.5), "v2": Value(0.25, "v2")}
RESULTS = ["u", "v1", "v3", "u_2", "v4"]


def formula():
    x, twin, unnamed, counted = LEAVES.values()
    u = x * twin
    u.label = "u"
    v1 = u + 5
    again = (v1 * unnamed).tanh()
    again.label = "u"
    return again - counted


def explanation(output):
    return re.findall(r"^  (\w+) = .* [=≈] ", str(explain(output)), re.MULTILINE)


def forward_mode(output):
    return re.findall(r"^  (\w+) = .* [=≈] ", str(explain_forward(output, LEAVES["x"])), re.MULTILINE)


def walk_back(output):
    return re.findall(r"(\w+)\.grad", f"{why_order(output)} {why_plus(output)}")


def questions(output):
    return re.findall(r"\bd(\w+)/d(?:\w+)|∂(\w+)/∂(\w+)", str(quiz(output, count=100, seed=0)))


def diagnosis(output):
    subject = Subject(output)
    return [subject.formula(node).partition(" = ")[0] for node in subject.order if node.op]


def picture(output):
    tables = re.findall(r"<TABLE.*?</TABLE>", viz.draw(output).source, re.DOTALL)
    cells = [[*ET.fromstring(table).iter("TD")] for table in tables]
    return ["".join(row[-3].itertext()) for row in cells if len(row) > 2]  # a box of a constant has no name


def program(output):
    return re.findall(r"^(\w+) = ", to_text(trace(formula, list(LEAVES.values()), [])), re.MULTILINE)


READERS = [explanation, forward_mode, walk_back, questions, diagnosis, picture, program]


def results(reader):
    found = (name for names in reader(formula()) for name in ([names] if isinstance(names, str) else names))
    return sorted({*found} - {*LEAVES, ""})


def test_the_names():
    output = formula()
    assert [*names(topological_order(output)).values()] == ["x", "x_2", "u", "v1", "x1", "v3", "u_2", "v2", "v4"]
    assert all(names([output], [node])[node] == (label_of(node) or "x1") for node in LEAVES.values())


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_every_reader_calls_the_results_by_the_same_names(reader):
    assert results(reader) == sorted(RESULTS)


def test_a_reader_with_names_of_its_own_is_caught(monkeypatch):
    by_place = lambda order, sources=(): {node: label_of(node) or f"v{place}" for place, node in enumerate(order, 1)}  # noqa: E731
    monkeypatch.setattr(named_graph, "names", by_place)
    for reader in (explanation, forward_mode, walk_back):
        assert results(reader) != sorted(RESULTS)


def test_checks_and_costs_use_these_names():
    wrong = Op("misnamed_negative", "-x", ("1",))
    x, twin, unnamed, _ = leaves = list(LEAVES.values())
    report = check_gradients(lambda *_: apply(wrong, x * twin + 5) * unnamed, leaves[:3])
    assert [entry.name for entry in report.inputs] == ["x", "x_2", "x1"]
    assert "'misnamed_negative' (v3). Its local derivative with respect to v2 = 11 is 1" in report.suspect
    assert compare_modes(formula()).output == "v4"


def test_constants_are_their_numbers_unless_they_are_asked_about():
    constant, labelled = Constant(5), Constant(6, "six")
    output = labelled * (constant + Value(1.0, "x"))
    assert [*names(topological_order(output)).values()] == ["six", "x", "v1", "v2"]
    assert names(topological_order(output), [constant])[constant] == "x1"


def test_a_count_passes_over_what_is_taken():
    assert unique_names(["", "v1", "", "v3", "v1", "v1_2"], ["v"] * 6) == ["v2", "v1", "v4", "v3", "v1_2", "v1_2_2"]


# --- repeated operands ------------------------------------------------------------------------------------------------

SHOWERS = {
    "explain": lambda y: str(explain(y)),
    "explain_forward": lambda y: str(explain_forward(y, y.inputs[0])),
    "why_order": lambda y: str(why_order(y)),
    "why_plus": lambda y: str(why_plus(y)),
    "quiz": lambda y: str(quiz(y, count=50, seed=0)),
    "picture": lambda y: viz.draw(y).source,
}


@pytest.mark.parametrize("show", SHOWERS.values(), ids=SHOWERS)
def test_the_derivatives_with_respect_to_two_operands_that_are_one_node_are_told_apart(show):
    x = Value(3.0, "x")
    text = show(x * x)
    assert "∂₁" in text
    assert "∂₂" in text
    assert "∂v1/∂x" not in text  # it is 6, and no number on an edge


def test_they_are_told_apart_in_latex_and_mathml():
    x = Value(3.0, "x")
    shown = explain(x / x)
    assert r"\partial_{2} v_{1}" in shown.to_latex()
    assert "<msub><mo>∂</mo><mn>2</mn></msub>" in shown.to_mathml()
    assert r"\frac{\partial v_{1}}{\partial x}" not in shown.to_latex()
    assert r"\frac{\mathrm{d} v_{1}}{\mathrm{d} x}" in shown.to_latex()


def test_a_quiz_takes_the_sum_for_what_it_is():
    x = Value(3.0, "x")
    exercises = quiz(x * x, count=50, seed=0)
    [first] = [exercise for exercise in exercises if "local derivative ∂₁v1" in exercise.question]
    assert first.check(3)
    assert "dv1/dx, the sum over both operands" in str(first.check(6))
    [whole] = [exercise for exercise in exercises if exercise.question.endswith("What is dv1/dx?")]
    assert whole.check(6)
    assert not whole.check(3)
