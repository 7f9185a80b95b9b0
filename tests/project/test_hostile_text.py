"""Whatever a label, a scope, a column or a file is called: no control character reaches a terminal, DOT, Markdown, LaTeX or a page."""

import contextlib
import re
import sys
import xml.etree.ElementTree as ET

import pytest
from hypothesis import strategies as st

import autograd
import viz
from autograd import Value, scope
from chainrule import cli
from nn.data import DataError, Dataset, read_csv
from tests.strategies import for_all

NASTY = st.sampled_from(
    ["\x1b[31m", "\x1b]0;title\x07", "\r", "\n", "\n# heading\n", "\t", "\x00", "\x7f", "\x9b2J", "\u2028", "\u202e", "\ud800", "<b>", "</math>", "$x$",
     "`code`", "*", "_", "[a](b)", "|", "&lt;", "\\", "\\input{x}", "%", "{", "}", '"', "]>", "«", "\\N", "~", "^", "é", "∂", "x", "w1[2,3]"]
)  # fmt: skip
HOSTILE = st.lists(NASTY, min_size=1, max_size=6).map("".join)


def graph(label, name):
    """A graph whose leaf, result, scope and closure are called as you like."""
    x, y = Value(0.5, label), Value(-2.0, "y")
    with contextlib.suppress(ValueError), scope(name):
        y = y * x
    out = (x * y + x.exp()).tanh() * x.relu()
    out.label = name
    out.backward()
    return out, x


TEXTS = {
    "explain": lambda out, x: str(autograd.explain(out)),
    "explain, folded": lambda out, x: (
        str(autograd.explain(out, x, fold=1)) if any(n.scope for n in autograd.topological_order(out)) else ""
    ),
    "explain_forward": lambda out, x: str(autograd.explain_forward(out, x)),
    "why_order": lambda out, x: str(autograd.why_order(out)),
    "why_plus": lambda out, x: str(autograd.why_plus(out)),
    "compare_modes": lambda out, x: str(autograd.compare_modes(out)),
    "quiz": lambda out, x: str(autograd.quiz(out, count=20, seed=0)),
    "answers": lambda out, x: " ".join(
        str(each.check("1")) + str(each.check(x.label)) for each in autograd.quiz(out, count=6, seed=0)
    ),
    "paths": lambda out, x: " ".join(map(str, autograd.paths(out, x))),
    "diagnose": lambda out, x: str(autograd.diagnose(out)),
    "check_gradients": lambda out, x: str(autograd.check_gradients(lambda a: a * a, [Value(2.0, x.label)])),
    "repr": lambda out, x: repr(out) + repr(x),
}
LATEX = {
    "explain": lambda out, x: autograd.explain(out).to_latex(),
    "explain_forward": lambda out, x: autograd.explain_forward(out, x).to_latex(),
    "why_plus": lambda out, x: autograd.why_plus(out).to_latex(),
}
MARKDOWN = {
    "explain": lambda out, x: autograd.explain(out).to_markdown(),
    "quiz": lambda out, x: autograd.quiz(out, count=20, seed=0)._repr_markdown_(),
    "compare_modes": lambda out, x: autograd.compare_modes(out).to_markdown(),
    "diagnose": lambda out, x: autograd.diagnose(out)._repr_markdown_(),
    "why_order": lambda out, x: autograd.why_order(out).to_markdown(),
}


def bad(text):
    """The characters that steer a terminal, or that are none: all that cannot be printed but the ends of lines."""
    return [char for char in text if not char.isprintable() and char != "\n"]


@pytest.mark.parametrize("show", TEXTS.values(), ids=TEXTS)
def test_no_control_character_reaches_a_terminal(show):
    @for_all(HOSTILE, HOSTILE, examples=40, full=1000)
    def check(label, name):
        assert bad(show(*graph(label, name))) == []

    check()


@pytest.mark.parametrize("show", LATEX.values(), ids=LATEX)
def test_latex_has_no_control_character_and_all_its_braces(show):
    @for_all(HOSTILE, HOSTILE, examples=40, full=1000)
    def check(label, name):
        text = show(*graph(label, name))
        assert bad(text) == []
        braces = re.sub(r"\\[{}]", "", text)
        assert braces.count("{") == braces.count("}")
        assert "\\input" not in text

    check()


@pytest.mark.parametrize("show", MARKDOWN.values(), ids=MARKDOWN)
def test_markdown_has_no_tag_and_no_control_character(show):
    @for_all(HOSTILE, HOSTILE, examples=40, full=1000)
    def check(label, name):
        text = show(*graph(label, name))
        assert bad(text) == []
        assert not re.search(r"(?<!\\)[<>]", text)
        assert not re.search(r"^# ", text, re.MULTILINE)

    check()


@for_all(HOSTILE, HOSTILE, examples=40, full=1000)
def test_mathml_and_dot_keep_their_structure(label, name):
    out, _ = graph(label, name)
    ET.fromstring(autograd.explain(out).to_mathml())
    source = viz.draw(out).source
    assert [char for char in source if not char.isprintable() and char not in "\n\t"] == []
    assert len(source.splitlines()) == len(viz.draw(graph("a", "b")[0]).source.splitlines())


@for_all(HOSTILE, examples=40, full=1000)
def test_no_control_character_reaches_a_listing(label):
    w, x = Value(1.5, label), Value(0.5, "x")
    compiled = autograd.compile(lambda z: (w * x + z).tanh(), [w, x])
    bound = compiled.bind([1.0, 2.0])
    for text in (str(compiled), repr(compiled), compiled.to_latex(), "\n".join(map(str, compiled.steps)), repr(bound)):
        assert bad(text) == [], text


@for_all(HOSTILE, HOSTILE, examples=40, full=1000)
def test_data_and_its_errors_print(name, column):
    assert bad(repr(Dataset(name, (column, "b"), (name, "c"), [[1.0, 2.0]], [0]))) == []
    assert bad(str(DataError(f"{name}, column {column}: wrong"))) == []


def test_the_error_of_a_file_prints():
    with pytest.raises(DataError) as caught:
        read_csv("/nowhere/\x1b[31m.csv")
    assert str(caught.value).startswith(r"/nowhere/\x1b[31m.csv cannot be read")


@pytest.mark.parametrize("column", ["\x1b[31mred", "a\rb", "x\u202ey"])
def test_a_column_of_a_file_reaches_no_terminal(column, tmp_path, capsys, monkeypatch):
    rows = "\n".join(f"{i % 7}.5,{(i * 3) % 5},{'ab'[i % 2]}{column[:3].strip()}" for i in range(40))
    path = tmp_path / "data.csv"
    path.write_text(f'"{column}",second,"kind"\n{rows}\n', encoding="utf-8", newline="")
    monkeypatch.setattr(
        sys,
        "argv",
        ["chainrule", "demo", "--data", str(path), "--epochs", "1", "--layers", "2", "--out", str(tmp_path / "out")],
    )
    with pytest.raises(SystemExit):
        cli.main()
    out, err = capsys.readouterr()
    assert bad(out + err) == []
    for written in (tmp_path / "out").glob("*.dot"):
        assert [char for char in written.read_text(encoding="utf-8") if not char.isprintable() and char not in "\n\t"] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["draw", "x*x", "x=2", "-o", "a\x1b[31m.svgx"],
        ["draw", "x*x", "x=2", "-o", "a\x1b[31m\r.dot"],
        ["demo", "--data", "\x1b[2J.csv"],
        ["ops", "\x1b[2J"],
        ["\x1b[2J"],
    ],
)
def test_no_argument_reaches_the_terminal_as_it_is(arguments, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["chainrule", *arguments])
    with pytest.raises(SystemExit):
        cli.main()
    out, err = capsys.readouterr()
    assert out + err
    assert bad(out + err) == []
