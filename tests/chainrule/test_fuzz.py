"""Whatever stands on the command line: a result or a message that explains, soon, and never a traceback.

Three kinds of input: random text, a soup of the language's own words, and correct expressions with extreme numbers. To look for new
ones, twenty times as many: ``pytest --long --seed 7``.
"""

from __future__ import annotations

import io
import re
import time
import warnings
from contextlib import redirect_stderr, redirect_stdout
from unittest import mock

import pytest
from hypothesis import strategies as st

from autograd.expressions import reader
from autograd.expressions.callable_rows import FUNCTIONS, Composition
from autograd.expressions.errors import ExpressionError
from autograd.expressions.numerals import MAX_EXPRESSION_CHARS
from autograd.expressions.reader import Expression
from chainrule import cli
from tests.strategies import for_all

SOON = 20.0  # seconds, on a machine that may be busy with something else; the slowest take one or two


def run(*arguments):
    """The command in this process: (status, standard output, standard error)."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err), mock.patch("sys.argv", ["chainrule", *arguments]):
        try:
            cli.main()
        except SystemExit as end:
            status = end.code
    for stream in (out, err):
        stream.flush()
    return status, *(stream.buffer.getvalue().decode() for stream in (out, err))


def trouble(*arguments):
    """What is wrong with how the command took these arguments; empty if nothing is."""
    started = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            status, out, err = run(*arguments)
    except Exception as error:  # a traceback for the user
        return f"{type(error).__name__}: {error}"
    if time.perf_counter() - started > SOON:
        return "it takes too long"
    if status == 0:
        return "" if out and not err else "a result needs output, and no error"
    if status == 1:
        return "" if arguments[0] == "check" and out and not err else "only a check can fail"
    if status != 2 or out or not err.startswith("chainrule"):
        return f"status {status} with the output {out[:100]!r} and the error {err[:100]!r}"
    lines = err.removesuffix("\n").split("\n")
    if len(lines) == 3:
        caret = re.fullmatch(r"  ( *)(\^+)", lines[2])
        return "" if caret and lines[1].startswith("  ") and len(lines[1]) <= 76 else "the caret stands nowhere"
    return "" if len(lines) <= 2 else f"the error has {len(lines)} lines"


def refusal(text):
    try:
        Expression(text)
    except ExpressionError as error:
        return error.message
    return ""


# --- what to try ------------------------------------------------------------------------------------------------------

NAMES = "x y w x1 u _ σ 日本 ｘ lambda exp".split()  # noqa: RUF001, SIM905
EXTREME = [*"0 1 2 3 0.5 1e-3 10 1e308 1e-308 5e-324 0.0 709 1e16 9007199254740993 400".split(), "9" * 300]  # noqa: SIM905
BEYOND = ["1e999", "1e-999", "1e99999999", "9" * 400, "9" * 2000, "1/0", "nan", "inf", "", "x", "1e308/1e-308", "0x1F", "1_0"]
WORDS = [
    *"+-*/().,;=^%&|!<>[]{}'\"\\#@:~`?$ \t\n\0²−×é\u202e", "**", "//", "==", "+=", ":=", "->", "...", "1_0", "0x1F", "2j", "007", "1.", ".5", "1e",  # noqa: RUF001
    "if", "else", "for", "lambda", "None", "True", "import", "yield", "await", "not", "in", "is", "and", "or", "where", "<=", "!=", "__import__('os')", "x.y", "f'{x}'", "*x", "**x",
]  # fmt: skip
SOUP = st.lists(st.sampled_from([*NAMES, *EXTREME, *BEYOND, *WORDS, *FUNCTIONS]), max_size=25).map("".join)
ASSIGNED = st.lists(
    st.one_of(st.tuples(st.sampled_from(NAMES), st.sampled_from([*EXTREME, *BEYOND])).map("=".join), st.text(max_size=30)),
    max_size=4,
)


SIGNS = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])


@st.composite
def formulas(draw, depth=4):
    """A correct expression of x, y and w: as Python writes it, but for the spaces."""
    kind = (
        draw(st.sampled_from(["name", "number", "binary", "binary", "call", "minus", "choice"]))
        if depth
        else draw(st.sampled_from(["name", "number"]))
    )
    part = formulas(depth - 1)
    if kind == "name":
        return draw(st.sampled_from(["x", "y", "w"]))
    if kind == "number":
        return draw(st.sampled_from(EXTREME))
    if kind == "minus":
        return f"-({draw(part)})"
    if kind == "binary":
        left, right = (draw(st.sampled_from(["{}", "({})"])).format(draw(part)) for _ in range(2))
        return left + draw(st.sampled_from([" + ", "-", "*", "/", " // ", "%", "**"])) + right
    if kind == "choice":
        comparisons = [
            draw(st.sampled_from(["{} {} {}", "not {} {} {}", "0 < {} {} {}"])).format(draw(part), draw(SIGNS), draw(part))
            for _ in range(draw(st.integers(1, 2)))
        ]
        condition = draw(st.sampled_from([" and ", " or "])).join(comparisons)
        return f"where({condition}, {draw(part)}, {draw(part)})"
    name = draw(st.sampled_from(list(FUNCTIONS)))
    called = FUNCTIONS[name]
    if isinstance(called, Composition):
        arguments, constant = [draw(part) for _ in range(draw(st.integers(called.least, called.most or 4)))], []
    else:
        arguments = [draw(part) for _ in range(called.arity)]
        constant = [draw(st.sampled_from(EXTREME))] if called.is_family and draw(st.booleans()) else []
    return f"{name}({', '.join(arguments + constant)})"


@st.composite
def commands_with_numbers(draw):
    """Steps and a result that uses them, and for each name that occurs a number."""
    steps = draw(st.lists(formulas(depth=2), max_size=3))
    text = "".join(f"u{k} = {step}; " for k, step in enumerate(steps)) + draw(formulas())
    text += "".join(
        draw(st.sampled_from([" + {}", "*{}**2", " - {}*{}", "/{}"])).replace("{}", f"u{k}") for k in range(len(steps))
    )
    given = st.tuples(st.sampled_from(["", "-"]), st.sampled_from(EXTREME), st.sampled_from(["", "", "", "/3", "/7e5"])).map(
        "".join
    )
    return text, [f"{name}={draw(given)}" for name in sorted(set(re.findall(r"\b[xyw]\b", text)))]


HOW = st.sampled_from(
    [
        ["explain"],
        ["explain", "--exact"],
        ["explain", "--exact", "--latex"],
        ["explain", "--markdown", "--max-paths", "2"],
        ["explain", "--forward"],
        ["explain", "--forward", "--exact"],
        ["check"],
        ["check"],
        ["draw", "-o", "/dev/null/no.dot"],
    ]
)


# --- properties -------------------------------------------------------------------------------------------------------


@for_all(HOW, st.text(max_size=30), ASSIGNED, examples=150)
def test_any_text_is_taken_or_refused_with_a_message(how, text, assigned):
    assert trouble(*how, "--", text, *assigned) == ""


@for_all(HOW, SOUP, ASSIGNED, examples=300)
def test_any_words_of_the_language_are_taken_or_refused_with_a_message(how, text, assigned):
    assert trouble(*how, "--", text, *assigned) == ""


@for_all(HOW, commands_with_numbers(), examples=300)
def test_extreme_numbers_give_a_result_or_a_message(how, command):
    text, assigned = command
    assert trouble(*how, "--", text, *assigned) == ""


@for_all(
    st.lists(
        st.one_of(SOUP, st.text(max_size=30), st.sampled_from(["-o", "--wrt", "--exact", "--", "-x", "x=1", "a.dot"])),
        max_size=5,
    ),
    examples=100,
)
def test_any_arguments_are_taken_or_refused_with_a_message(arguments):
    assert trouble("explain", *[each for each in arguments if "h" not in each]) == ""  # of which --help is a result too


@for_all(formulas(), examples=200)
def test_an_expression_made_by_the_grammar_is_taken(text):
    if len(text) <= MAX_EXPRESSION_CHARS:
        assert refusal(text) == ""


# --- the fuzzer itself ------------------------------------------------------------------------------------------------


def warns(text):
    warnings.warn(f"planted in {text}", stacklevel=1)


def test_a_traceback_a_warning_slowness_and_a_caret_out_of_place_are_caught(monkeypatch):
    assert trouble("explain", "x*x", "x=2") == trouble("explain", "x^2", "x=2") == ""
    for planted in (KeyError("planted"), RecursionError("planted")):
        with mock.patch.object(reader, "apply", side_effect=planted):
            assert type(planted).__name__ in trouble("explain", "x*x", "x=2")
    with mock.patch.object(reader, "check_tokens", warns):
        assert "UserWarning" in trouble("explain", "x*x", "x=2")
    with mock.patch.object(ExpressionError, "__str__", return_value="planted\n  x^2\n!"):
        assert "caret" in trouble("explain", "x^2", "x=2")
    with mock.patch.object(cli, "_stop", side_effect=SystemExit(0)):
        assert "a result needs output" in trouble("explain", "x^2", "x=2")
    monkeypatch.setitem(globals(), "SOON", 0.0)
    assert "too long" in trouble("explain", "x*x", "x=2")


PROPERTIES = [name for name, test in globals().items() if hasattr(test, "can_fail")]


@pytest.mark.parametrize("name", PROPERTIES)
def test_each_property_can_fail(name):
    def planted(text):
        raise ExpressionError("planted", text, (0, len(text) + 1)) if "x" in text else AssertionError("planted")

    with (
        mock.patch.object(reader, "check_tokens", planted),
        mock.patch.object(ExpressionError, "__str__", return_value="a\n\nb"),
    ):
        assert globals()[name].can_fail()
