"""An expression becomes the graph that the same Python would record, or is refused at its place in the learner's words."""

import math
import warnings
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import assume
from hypothesis import strategies as st

import autograd
from autograd import OPS, Constant, DomainError, Value, equal, grad, less, less_equal, topological_order, where
from autograd.expressions import reader, tokens
from autograd.expressions.callable_rows import FUNCTIONS
from autograd.expressions.errors import ExpressionError, OutsideDomainError
from autograd.expressions.numerals import MAX_EXACT_BITS, MAX_EXACT_DIGITS, MAX_EXPRESSION_CHARS, number
from autograd.expressions.reader import MAX_PARTS, Expression, read_numbers
from autograd.expressions.tokens import MAX_PARENTHESES
from autograd.rules.exact_powers import bits
from tests.strategies import for_all


def graph(text, exact=False, **numbers):
    return Expression(text, exact).graph(numbers)


def shape(output):
    """The graph in topological order: symbols, labels, numbers, and which nodes each reads."""
    order = topological_order(output)
    places = {node: k for k, node in enumerate(order)}
    return [
        (node._op, node.label, type(node), node.data, node.partials, [places[each] for each in node.inputs]) for node in order
    ]


# --- the graph is the one that Python records ----------------------------------------------------------------------------

W, X, B = 0.5, 2.0, -1.25


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("w*x + b", lambda w, x, b: w * x + b),
        ("tanh(w*x + b)", lambda w, x, b: (w * x + b).tanh()),
        ("-x**2", lambda w, x, b: -(x**2)),
        ("(-b)**2*x**-1", lambda w, x, b: (-b) ** 2 * x**-1),
        ("x**w**2", lambda w, x, b: x ** (w**2)),
        ("2**x", lambda w, x, b: 2.0**x),
        ("w - x - b", lambda w, x, b: w - x - b),
        ("w/x/b", lambda w, x, b: w / x / b),
        ("w/(x/b)", lambda w, x, b: w / (x / b)),
        ("x*x", lambda w, x, b: x * x),
        ("1/3*x", lambda w, x, b: (1 / 3) * x),
        ("x**(1/2)", lambda w, x, b: x**0.5),
        ("x*exp(1)", lambda w, x, b: x * math.exp(1)),
        ("max(w, x) + minimum(x, 0)", lambda w, x, b: w.maximum(x) + x.minimum(0.0)),
        ("leaky_relu(b) + leaky_relu(b, 0.1) + elu(b, 2)", lambda w, x, b: b.leaky_relu() + b.leaky_relu(0.1) + b.elu(2)),
        ("where(w < x, w*x, b)", lambda w, x, b: where(less(w, x), lambda: w * x, lambda: b)),
        ("where(x > 3, log(b), exp(b))", lambda w, x, b: where(less(3.0, x), lambda: b.log(), lambda: b.exp())),
        ("where(0 <= w < x, sin(x), 1)", lambda w, x, b: where(less_equal(0.0, w) & less(w, x), lambda: x.sin(), lambda: 1.0)),
        (
            "where(w == 0.5 and not x >= b or b != 1, x, w)",
            lambda w, x, b: where(equal(w, 0.5) & ~less_equal(b, x) | ~equal(b, 1.0), lambda: x, lambda: w),
        ),
        (
            "where(less(w, x), b, w) + where(b > x, where(1 < 2, x, b), 0)",
            lambda w, x, b: where(less(w, x), lambda: b, lambda: w) + where(less(x, b), lambda: x, lambda: 0.0),
        ),
        ("relu(abs(b)) - softplus(b)", lambda w, x, b: abs(b).relu() - b.softplus()),
        (".5*x + 1.*w + 1e-3 + 2E+1*b", lambda w, x, b: 0.5 * x + 1.0 * w + 1e-3 + 20.0 * b),
        ("  w *\n\tx  ", lambda w, x, b: w * x),
        ("--x", lambda w, x, b: x.__neg__().__neg__()),
    ],
)
def test_an_expression_records_what_python_would(text, python):
    numbers = {"w": W, "x": X, "b": B}
    expected = python(*(Value(each, name) for name, each in numbers.items()))
    assert shape(graph(text, **numbers).output) == shape(expected)


def test_two_graphs_that_differ_in_a_number_a_name_or_an_order_have_different_shapes():
    shapes = [
        shape(graph(text, w=W, x=X, b=B).output) for text in ("w*x + b", "w*b + x", "w*x - b", "b + w*x", "w*x + 2", "x*w + b")
    ]
    assert all(one != other for k, one in enumerate(shapes) for other in shapes[:k])


def test_every_function_is_the_row_of_its_name():
    called = {name for name in FUNCTIONS if name not in ("max", "min", "clip", "norm", "logsumexp", "ln")}
    assert called == {name for name in OPS if callable(getattr(autograd, name, None))}
    assert {"exp", "tanh", "relu", "leaky_relu", "maximum", "softplus", "abs", "detach"} < called
    for name in called:
        output = graph(
            f"{name}({', '.join(['x', 'y'][: OPS[name].arity])})", x=1.25 if name == "acosh" else 0.25, y=0.75
        ).output
        assert output.op.name == name


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("max(x, 2, y)", lambda x, y: autograd.maximum(x, 2.0, y)),
        ("min(x)*y", lambda x, y: x * y),
        ("clip(x, -1, 1) + y", lambda x, y: autograd.clip(x, -1.0, 1.0) + y),
        ("norm(x, y, 2)", lambda x, y: autograd.norm([x, y, 2.0])),
        ("logsumexp(x, y)", lambda x, y: autograd.logsumexp([x, y])),
        ("log(x, y)", lambda x, y: x.log() / y.log()),
        ("log(x, 2) + y", lambda x, y: x.log2() + y),
        ("x // 2 + 7 % y", lambda x, y: x // 2.0 + 7.0 % y),
        ("floor(x) + hypot(x, y) - atan2(y, x)", lambda x, y: x.floor() + x.hypot(y) - y.atan2(x)),
    ],
)
def test_functions_made_of_rows(text, python):
    assert shape(graph(text, x=0.25, y=0.75).output) == shape(python(Value(0.25, "x"), Value(0.75, "y")))


MATH = {
    **vars(math),
    "abs": abs,
    "maximum": max,
    "minimum": min,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "relu": lambda x: max(x, 0.0),
    "softplus": lambda x: math.log(1 + math.exp(x)),
}
FORMULAS = st.recursive(
    st.sampled_from(["x", "y", "w", "1", "2", "0.5", "3"]),
    lambda parts: st.one_of(
        st.tuples(parts, st.sampled_from([" + ", " - ", "*", " / ", "**"]), parts).map("".join),
        st.tuples(st.sampled_from(["-", ""]), parts).map(lambda pair: f"{pair[0]}({pair[1]})"),
        st.tuples(st.sampled_from(["exp", "sin", "tanh", "sqrt", "sigmoid", "relu", "softplus", "abs", "log1p", "erf"]), parts).map("{0[0]}({0[1]})".format),
        st.tuples(st.sampled_from(["maximum", "minimum"]), parts, parts).map("{0[0]}({0[1]}, {0[2]})".format),
    ),
    max_leaves=8,
)  # fmt: skip


@for_all(FORMULAS, st.tuples(*[st.floats(0.25, 4)] * 3), examples=200)
def test_the_number_is_what_python_computes(text, numbers):
    """Python's own eval, of text that this file made, is the oracle: its operators and its math."""
    names = dict(zip(["x", "y", "w"], numbers, strict=True))
    try:
        expected = eval(text, {"__builtins__": {}}, {**MATH, **names})
    except (ArithmeticError, ValueError):
        assume(False)
    read = Expression(text)
    assume(read.names)
    assume(isinstance(expected, float) and abs(expected) < 1e100)
    try:
        output = read.graph({name: names[name] for name in read.names}).output
    except ExpressionError as error:
        # Python's power gives complex numbers, and a subexpression may be one whose imaginary part is lost on the way.
        assert "x ** " in error.message  # noqa: PT017
        return
    # 1e-9: sigmoid and softplus are written in another way here than in the table, and differences may cancel.
    assert output.data == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_that_property_can_fail(monkeypatch):
    monkeypatch.setitem(reader.SIGNS, reader.ast.Sub, "add")
    assert test_the_number_is_what_python_computes.can_fail()


# --- names and definitions ------------------------------------------------------------------------------------------------------


def test_names_come_in_the_order_in_which_they_occur_and_steps_need_no_number():
    read = Expression("u = w*x; v = u**2 + b; tanh(v + u*w)")
    assert (read.names, read.definitions) == (("w", "x", "b"), ("u", "v"))
    output, nodes = read.graph({"w": W, "x": X, "b": B})
    w, x, b = Value(W, "w"), Value(X, "x"), Value(B, "b")
    u = w * x
    u.label = "u"
    v = u**2 + b
    v.label = "v"
    assert shape(output) == shape((v + u * w).tanh())
    assert {name: node.data for name, node in nodes.items()} == {"w": W, "x": X, "b": B, "u": u.data, "v": v.data}
    assert all(node.label == name for name, node in nodes.items())


def test_the_result_may_have_a_name():
    assert graph("y = x*x", x=3.0).output.label == "y"


def test_a_step_that_is_a_name_alone_is_that_very_node_and_one_of_numbers_alone_is_a_number():
    output, nodes = graph("u = x; c = 2**3; u*c", x=3.0)
    assert nodes["u"] is nodes["x"]
    assert nodes["x"].label == "x"
    assert "c" not in nodes
    assert [(type(each), each.data, each.label) for each in output.inputs] == [(Value, 3.0, "x"), (Constant, 8.0, "")]


def test_greek_letters_and_wide_ones_are_names_as_in_python():
    assert Expression("σ*θ_1 + ｘ").names == ("σ", "θ_1", "x")  # noqa: RUF001  (Python, too, reads the wide x as x)
    assert read_numbers(["ｘ=2", "σ=1"], Expression("x*σ")) == {"x": 2.0, "σ": 1.0}  # noqa: RUF001


def test_one_expression_makes_graphs_at_many_numbers_and_takes_nodes_as_they_are():
    read = Expression("x**3")
    assert [read.graph({"x": k}).output.data for k in (1.0, 2.0, 3.0)] == [1.0, 8.0, 27.0]
    x = Value(2.0, "mine")
    assert read.graph({"x": x}).nodes["x"] is x
    assert x.label == "mine"


# --- exact numbers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [None, 3, b"x", Value(1.0)])
def test_what_is_no_text_is_said_so(text):
    with pytest.raises(TypeError, match=r"an expression is a text, 'w\*x \+ b' say, but got"):
        autograd.expression(text)


def test_numbers_are_given_by_name_and_others_are_ignored():
    read = autograd.expression("u = x; u*u")
    for numbers in (None, [3.0], 3.0):
        with pytest.raises(TypeError, match="a number for each name"):
            read.graph(numbers)
    assert set(read.graph({"x": 1.0, "z": 2.0}).nodes) == {"x", "u"}
    with pytest.raises(ExpressionError, match="u is defined in the expression"):
        read.number({"x": 1.0, "u": 2.0})
    with pytest.raises(TypeError, match="x is a Value: take graph"):
        read.number({"x": Value(1.0)})


def test_a_value_of_the_users_gets_no_label():
    x = Value(3.0)
    assert autograd.expression("a = x; a*a").graph({"x": x}).nodes["a"] is x
    assert x.label == ""


def test_exact_numbers_are_fractions_throughout():
    output, nodes = graph("x**3/(1 - x) + 0.1 + 1/3*x", exact=True, x=Fraction(1, 3))
    assert output.data == Fraction(1, 27) / Fraction(2, 3) + Fraction(1, 10) + Fraction(1, 9)
    [derivative] = grad(output, [nodes["x"]])
    assert (type(derivative), derivative) == (Fraction, Fraction(7, 12) + Fraction(1, 3))


def test_whole_exponents_are_shown_as_whole_numbers_in_both_kinds():
    for exact in (False, True):
        assert [graph(text, exact, x=2).output._op for text in ("x**2", "x**2.0", "x**(1 + 2)", "x**-1")] == [
            "**2",
            "**2",
            "**3",
            "**-1",
        ]


@pytest.mark.parametrize(
    "text",
    [
        "x*9**9**9",
        "x**9**9",
        "x**(10**1000)",
        "u = x**99; v = u**99; v",
        "x + 7**5000",
        "a = x*x + x; b = a*a + a; c = b*b + b; d = c*c + c; e = d*d + d; f = e*e + e; g = f*f + f; h = g*g + g; i = h*h + h; i*i*i*i",
    ],
)
def test_exact_numbers_that_would_fill_the_memory_are_refused_before_they_are_computed(text):
    with pytest.raises(ExpressionError, match=f"exact numbers may have {MAX_EXACT_DIGITS} digits in all"):
        graph(text, exact=True, x=Fraction(1, 3))
    assert isinstance(graph(text, x=1 / 3).output.data, float)  # which may be inf


def test_exact_numbers_below_the_bound_can_always_be_printed():
    output, nodes = graph("x**120*x**50", exact=True, x=Fraction(7, 30))
    [derivative] = grad(output, [nodes["x"]])
    assert output.data == Fraction(7, 30) ** 170
    assert derivative == 170 * Fraction(7, 30) ** 169
    # Python prints no int of more than 4300 digits. A gradient has at most those of the local derivatives, and a few for the sum.
    assert MAX_EXACT_DIGITS + MAX_PARTS < 4300
    assert bits(output.data) < MAX_EXACT_BITS


@pytest.mark.parametrize(("base", "power"), [(1, 1), (-1, 1), (0, 0)])
def test_powers_of_0_and_1_never_grow(base, power):
    assert graph("x**10**30", exact=True, x=Fraction(base)).output.data == power


def test_a_number_beyond_the_floats_is_an_error_only_where_floats_are_needed():
    assert graph("x*10**400", exact=True, x=Fraction(1, 3)).output.data == Fraction(10**400, 3)
    with pytest.raises(ExpressionError, match="exp needs floats here"):
        graph("exp(x*10**400)", exact=True, x=Fraction(1, 3))
    assert graph("x*10**400", x=1.0).output.data == math.inf


# --- numbers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["2", "0.5", ".5", "5.", "1e-3", "1E+3", "0", "1e308", "5e-324", "0.1", "123456789.123456789", "9" * 300]
)
def test_decimals_are_the_floats_that_python_reads(text):
    assert number(text) == float(text)
    assert number(f"-{text}") == -float(text)
    assert number(text, exact=True) == Fraction(text)


def test_a_ratio_is_rounded_once():
    assert number("1/3") == 1 / 3
    assert number("+1/3", exact=True) == Fraction(1, 3)
    assert number("-0.1/0.3", exact=True) == Fraction(-1, 3)
    assert number("1e400/1e399") == 10.0


@pytest.mark.parametrize(
    "text",
    ["", "x", "1/", "/2", "1/2/3", "1_000", "0x10", "1j", "٣", "nan", "inf", "-inf", "1e", "--1", "1 2", "2*3", "9" * 2000],
)
def test_what_is_no_number_is_said_to_be_none(text):
    with pytest.raises(ValueError, match=r"is no number; write for example 2, -0\.5, 1e-3 or 1/3"):
        number(text)


@pytest.mark.parametrize(
    ("text", "exact", "words"),
    [
        ("1e999", False, "beyond what a float holds"),
        ("1e-999", False, "beyond what a float holds"),
        ("1e99999999999", False, "beyond what a float holds"),
        ("1e300/1e-300", False, "beyond what a float holds"),
        ("1e99999999999", True, "too long: 1800 digits"),
        ("1e-9999", True, "too long: 1800 digits"),
        ("1/0", False, "divides by 0"),
        ("1/0.0", True, "divides by 0"),
    ],
)
def test_a_number_that_cannot_be_kept_is_refused_and_not_rounded_to_0_or_infinity(text, exact, words):
    with pytest.raises(ValueError, match=words):
        number(text, exact)


# --- what is refused, and where -----------------------------------------------------------------------------------------------

REFUSED = [
    ("", "", "the expression is empty"),
    ("x^2", " ^ ", "'^' is not allowed; write ** for a power"),
    ("x²", " ^", "'²' is not allowed; write **2"),
    ("2 × x", "  ^  ", "'×' is not allowed; write * for a product"),  # noqa: RUF001
    ("x − 1", "  ^  ", "'−' is not allowed; write - for a minus"),  # noqa: RUF001
    ("[x]", "^  ", "write round parentheses"),
    ("|x|", "^  ", "write abs(x)"),
    ("x < y", "^^^^^", "a comparison is the condition of a choice: where(x < y, a, b)"),
    ("where(x < y, x, y) + (x < y)", "                      ^^^^^", "a comparison is the condition of a choice"),
    ("x and y", "^^^^^^^", "a comparison is the condition of a choice"),
    ("not x", "^^^^^", "a comparison is the condition of a choice"),
    ("where(x, 1, 2)", "      ^", "the condition of where is a comparison"),
    ("where(x < 1 and y, x, 2)", "                ^", "and, or and not join several"),
    ("where(x + 1, x, 2)", "      ^^^^^", "the condition of where is a comparison"),
    ("where(x < y, 1)", "^^^^^^^^^^^^^^^", "where takes 3 arguments, a condition and two sides"),
    ("where(x = 1, 2, 3)", "        ^", "to compare write =="),
    ("where + x", "^^^^^", "where is a function: call it"),
    ("where = x; where", "^^^^^", "where is a function, so no definition can have its name"),
    ("x if x < y else y", "  ^^", "for a choice write where(x < y, a, b)"),
    ("wehre(x < y, x, y)", "^^^^^", "did you mean where?"),
    ("where(x < y & y < 2, x, y)", "            ^", "between comparisons write and"),
    ("where(x ≤ y, x, y)", "        ^", "write <="),
    ("and x", "^^^", "a name or a number is missing before 'and'"),
    ("x.y", " ^ ", "'.' is not allowed; allowed are names, numbers"),
    ("x & 2", "  ^  ", "'&' is not allowed; between comparisons write and"),
    ("'x'", "^  ", "is not allowed"),
    ("x # y", "  ^  ", "'#' is not allowed"),
    ("x\0", " ^", r"'\x00' is not allowed"),
    ("x\\", " ^", r"'\\' is not allowed"),
    ("٣*x", "^  ", "'٣' is not allowed"),
    ("2x", " ^", "an operator is missing between 2 and x; for a product write *"),
    ("2(x)", " ^  ", "an operator is missing between 2 and ("),
    ("(x)(y)", "   ^  ", "an operator is missing between ) and ("),
    ("x y", "  ^", "an operator is missing between x and y"),
    ("sin x", "    ^", "an operator is missing between sin and x; call it, as sin(...)"),
    ("0x1F", " ^^^", "an operator is missing between 0 and x1F"),
    ("1_000", " ^^^^", "an operator is missing"),
    ("2j", " ^", "an operator is missing"),
    ("x +", "   ^", "the expression ends after '+', where a name or a number should follow"),
    ("u = 2;", "      ^", "the expression ends after ';'"),
    ("* x", "^  ", "a name or a number is missing before '*'"),
    ("+x", "^ ", "a name or a number is missing before '+'"),
    ("x / / 2", "    ^  ", "a name or a number is missing before '/'"),
    ("()", " ^", "a name or a number is missing before ')'"),
    ("x*()", "   ^", "a name or a number is missing before ')'"),
    ("tanh(x,)", "       ^", "a name or a number is missing before ')'"),
    ("tanh(*x)", "     ^  ", "a name or a number is missing before '*'"),
    ("(x", "^ ", "this parenthesis is never closed"),
    ("x)", " ^", "this parenthesis closes nothing"),
    ("tanh(x=1)", "      ^  ", "'=' gives a name to a part"),
    ("u = v = 2", "      ^  ", "'=' gives a name to a part"),
    ("x + y = 2", "      ^  ", "'=' gives a name to a part"),
    ("(u = 2; x)", "   ^      ", "'=' gives a name to a part"),
    ("tanh(x; y)", "      ^   ", "';' ends a definition, and parentheses are still open"),
    ("lambda*x", "^^^^^^  ", "'lambda' is a word of Python, so it cannot be a name; lambda_ can"),
    ("x if x else 2", "  ^^         ", "'if' is a word of Python"),
    ("None", "^^^^", "'None' is a word of Python"),
    ("ｉf", "^^", "is a word of Python"),  # noqa: RUF001
    ("007*x", "^    ", "leading zeros"),
    ("1e999*x", "^^^^^  ", "'1e999' is beyond what a float holds"),
    ("x, y", "^^^^", "a comma separates the arguments of a function, and nothing else"),
    ("tanh((x, y))", "     ^^^^^^ ", "a comma separates"),
    ("x; y", "^   ", "a definition before the result has a name"),
    ("exp*x", "^^^  ", "exp is a function: call it, as exp(x), or choose another name"),
    ("exp = 2; x", "^^^       ", "exp is a function, so no definition can have its name"),
    ("x = 2*x", "^      ", "x is read before it is defined"),
    ("u = x; u = y; u", "       ^       ", "u is defined already"),
    ("sigmod(x)", "^^^^^^   ", "sigmod is no function that can be called; did you mean sigmoid?"),
    ("w(x + 1)", "^       ", "w is no function that can be called; for a product write w*(...)"),
    ("pow(x, 2)", "^^^      ", "pow is written as an operator: x ** c"),
    ("add(x, 2)", "^^^      ", "add is written as an operator: x + y"),
    ("power_dx(x, 2)", "^^^^^^^^      ", "power_dx is no function that can be called"),
    ("eval(x)", "^^^^   ", "eval is no function that can be called"),
    ("tanh()", "^^^^^^", "tanh takes 1 argument, but has 0"),
    ("2*tanh(x, 1)", "  ^^^^^^^^^^", "tanh takes 1 argument, but has 2"),
    ("hypot(x)", "^^^^^^^^", "hypot takes 2 arguments, but has 1"),
    ("max()", "^^^^^", "max takes 1 argument or more, but has 0"),
    ("clip(x, 1)", "^^^^^^^^^^", "clip takes 3 arguments, but has 2"),
    ("log(x, y, 1)", "^^^^^^^^^^^^", "log takes 1 argument or 2, but has 3"),
    ("elu(x, 1, 2)", "^^^^^^^^^^^^", "elu takes 1 argument, or 2 with its constant, but has 3"),
    ("σσ*(日本 + 2y)", "          ^ ", "an operator is missing"),  # noqa: RUF001
]  # fmt: skip


@pytest.mark.parametrize(("text", "carets", "words"), REFUSED, ids=[text for text, *_ in REFUSED])
def test_what_is_not_allowed_is_refused_at_its_place(text, carets, words):
    with pytest.raises(ExpressionError) as caught:
        Expression(text)
    start, end = caught.value.place
    columns = [" "] * start + ["^"] * max(1, end - start)
    assert words in caught.value.message
    assert "".join(columns) == (carets.rstrip() or "^")


def test_the_message_shows_the_place_below_the_expression_however_long_or_wide_it_is():
    assert str(refusal("2*x^2")).splitlines() == ["'^' is not allowed; write ** for a power", "  2*x^2", "     ^"]
    assert str(refusal("日本^2")).splitlines()[1:] == ["  日本^2", "      ^"]  # on a screen, those are two columns wide
    assert str(refusal("x\u202e")).splitlines()[1:] == ["  x�", "   ^"]  # and this one would write from right to left
    for long in ("x" * 300 + "^2", "2^" + "x" * 300, "x" * 200 + "^" + "x" * 200):
        _, excerpt, carets = str(refusal(long)).splitlines()
        assert excerpt[carets.index("^")] == "^"
        assert len(excerpt) <= 76
        assert "…" in excerpt
    assert str(refusal("")) == "the expression is empty; write for example w*x + b"


def refusal(text):
    with pytest.raises(ExpressionError) as caught:
        Expression(text)
    return caught.value


FOREIGN = [
    "x if y else 2", "lambda: x", "[x]", "x[0]", "x.y", "f'{x}'", "'x'", "x < y", "x and y", "not x", "+x", "~x", "x @ y", "x, y",
    "tanh(*x)", "tanh(x=1)", "tanh(**x)", "(u := x)", "{x}", "{x: 1}", "[x for x in y]", "(x for x in y)", "await_ if 1 else x", "...", "None", "True", "b'x'",
    "tanh(x)(y)", "x.tanh()", "import os", "x += 1; x", "u, v = x; u", "u = v = x; u", "u: int = x; u", "del x; x", "pass; x", "x == 1", "x | y", "x << 2", "2j*x",
    "__import__('os')", "eval(x)", "(yield x)", "global x; x", "x and 1", "assert x; x", "1_0*x", "0x1F*x", "return x", "def f(): x",
]  # fmt: skip


@pytest.mark.parametrize("text", FOREIGN)
def test_the_tree_too_has_nothing_but_what_is_allowed(text, monkeypatch):
    """What passes the check of the words is read by Python's parser; even if all passed, the tree would be refused."""
    assert refusal(text)
    monkeypatch.setattr(reader, "check_tokens", lambda text: None)
    assert refusal(text)


def test_the_parser_says_nothing_on_its_own(monkeypatch):
    monkeypatch.setattr(reader, "check_tokens", lambda text: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert refusal("1or x")  # Python warns of a number that runs into a word
        assert refusal("'\\d'")


def test_length_depth_and_size_are_bounded():
    assert Expression("x" * MAX_EXPRESSION_CHARS).names == ("x" * MAX_EXPRESSION_CHARS,)
    assert f"more than {MAX_EXPRESSION_CHARS}" in refusal("x" * (MAX_EXPRESSION_CHARS + 1)).message
    assert Expression("(" * MAX_PARENTHESES + "x" + ")" * MAX_PARENTHESES).names == ("x",)
    assert refusal("(" * (MAX_PARENTHESES + 1) + "x" + ")" * (MAX_PARENTHESES + 1)).place == (
        MAX_PARENTHESES,
        MAX_PARENTHESES + 1,
    )
    half = MAX_PARTS // 2
    assert graph("+".join("x" * half), x=1.0).output.data == half
    assert f"more than {MAX_PARTS}" in refusal("+".join("x" * (half + 1))).message
    assert graph("-" * (MAX_PARTS - 1) + "x", x=1.0).output.data == -1.0
    assert refusal("-" * (MAX_EXPRESSION_CHARS - 1) + "x")
    assert graph("**".join("x" * half), x=1.0).output.data == 1.0


@pytest.mark.parametrize(
    "error", [RecursionError(), MemoryError("parser stack overflow"), ValueError("null bytes"), SyntaxError("x; y")]
)
def test_a_parser_that_gives_up_is_an_error_too(error, monkeypatch):
    def gives_up(text):
        raise error

    monkeypatch.setattr(reader.ast, "parse", gives_up)
    assert "this is no expression" in refusal("x").message


# --- running --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "numbers", "carets", "words"),
    [
        ("w*x + b", {"x": 1.0}, "^", "w, b have no numbers; add for example w=1"),
        ("w*x + b", {"w": 1.0, "x": 1.0}, "      ^", "b has no number; add for example b=1"),
        ("2 + 3", {}, "^^^^^", "the result depends on no name"),
        ("u = x*x; 3", {"x": 1.0}, "         ^", "the result depends on no name"),
        ("1 + leaky_relu(x, x)", {"x": 1.0}, "    ^^^^^^^^^^^^^^^^", "the last argument of leaky_relu is its constant"),
        ("1 + log(w - 2*x)", {"x": 1.0, "w": 1.0}, "    ^^^^^^^^^^^^", "log(x) needs x > 0, but x = -1.0"),
        ("w*(1/x)", {"x": 0.0, "w": 1.0}, "   ^^^", "x / y needs y != 0, but x = 1.0, y = 0.0 ('x')"),
        ("x + clip(x, 1, 0)", {"x": 0.0}, "    ^^^^^^^^^^^^^", "clip needs a low bound that is at most the high one"),
        ("x % 0", {"x": 1.0}, "^^^^^", "x % y needs y != 0, but x = 1.0 ('x'), y = 0.0"),
        ("u = x - 1; sqrt(u)", {"x": 0.0}, "           ^^^^^^^", "sqrt(x) needs x >= 0, but x = -1.0 ('u')"),
        ("x*(1/0)", {"x": 0.0}, "   ^^^", "x / y needs y != 0, but x = 1.0, y = 0.0"),
        ("x**(1/2)", {"x": -8.0}, "^^^^^^^^", "x ** c needs"),
    ],
)
def test_what_cannot_be_computed_is_said_at_its_place(text, numbers, carets, words):
    with pytest.raises(ExpressionError) as caught:
        graph(text, **numbers)
    assert words in caught.value.message
    start, end = caught.value.place
    assert " " * start + "^" * (end - start) == carets


def test_an_operation_outside_its_domain_is_a_domain_error_for_those_who_go_on():
    with pytest.raises(DomainError) as caught:
        graph("log(x)", x=-1.0)
    assert isinstance(caught.value, OutsideDomainError)


# --- NAME=NUMBER ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("assignments", "words"),
    [
        (["x"], "'x' does not give a number to a name; write for example x=2, without spaces"),
        (["=2"], "'=2' does not give a number"),
        (["5"], "'5' does not give a number"),
        (["2=x"], "'2=x' does not give a number"),
        ([""], "'' does not give a number"),
        (["x\n"], "'x�' does not give a number"),
        (["x=1", "x=2"], "x has two numbers; give it one"),
        (["x=1", "z=2"], "z does not occur in the expression; its names are w, x"),
        (["u=1"], "u is defined in the expression, so it has its number already"),
        (["exp=1"], "exp is the name of a function, so it cannot have a number"),
        (["x="], "x: '' is no number"),
        (["x=two"], "x: 'two' is no number"),
        (["x=nan"], "x: 'nan' is no number"),
        (["x=1=2"], "x: '1=2' is no number"),
        (["x=1e999"], "x: '1e999' is beyond what a float holds"),
        (["x=1/0"], "x: '1/0' divides by 0"),
        (["x=" + "9" * 2000], "9…' is no number"),
    ],
)
def test_each_thing_that_can_be_wrong_with_an_assignment_has_its_own_message(assignments, words):
    with pytest.raises(ValueError) as caught:
        read_numbers(assignments, Expression("u = w*x; exp(u)"))
    assert words in str(caught.value)
    assert len(str(caught.value)) < 150


def test_numbers_are_read_as_floats_or_exactly():
    assert read_numbers(["x=0.1", " w = -1/3 "], Expression("w*x")) == {"x": 0.1, "w": -1 / 3}
    assert read_numbers(["x=0.1", "w=-1/3"], Expression("w*x", exact=True)) == {"x": Fraction(1, 10), "w": Fraction(-1, 3)}


def test_names_beyond_a_few_are_not_all_listed():
    read = Expression("+".join(f"x{k}" for k in range(20)))
    with pytest.raises(ExpressionError, match=r"x0, .*x7, \.\.\. have no numbers"):
        read.graph({})


def test_tokens_are_cut_where_the_next_begins():
    found = list(tokens._tokens("u=1e5*x_1; tanh(u**-.5)"))
    assert [token.text for token in found] == ["u", "=", "1e5", "*", "x_1", ";", "tanh", "(", "u", "**", "-", ".5", ")"]
    assert all(one.place[1] <= other.place[0] for one, other in pairwise(found))


# --- choices -------------------------------------------------------------------------------------------------------------


def test_a_choice_computes_the_side_that_it_takes_and_no_other():
    choice = Expression("where(x > 0, log(x), 0)")
    output, nodes = choice.graph({"x": -1.0})
    assert (output.data, grad(output, [nodes["x"]])) == (0.0, [0.0])
    assert (choice.number({"x": -1.0}), choice.number({"x": 1.0})) == (0, 0.0)
    output, nodes = choice.graph({"x": 2.0})
    assert (output.data, grad(output, [nodes["x"]])) == (math.log(2), [0.5])


def test_a_choice_is_exact_in_fractions():
    output, nodes = Expression("where(x <= 1/3, x**2, 1/x)", exact=True).graph({"x": Fraction(1, 3)})
    assert (output.data, grad(output, [nodes["x"]])) == (Fraction(1, 9), [Fraction(2, 3)])


def test_both_sides_of_a_choice_are_read():
    assert Expression("where(a < b, c, d*f)").names == ("a", "b", "c", "d", "f")


# --- numbers and names that are known -------------------------------------------------------------------------------------


def test_pi_and_e_are_known_where_no_number_is_given_for_them():
    area = Expression("pi*r**2 + e")
    assert (area.names, area.known) == (("r",), ("pi", "e"))
    output, nodes = area.graph({"r": 3.0})
    assert output.data == pytest.approx(9 * math.pi + math.e, rel=1e-15)
    assert "pi" not in nodes
    assert area.number({"r": 3.0}) == output.data
    output, nodes = area.graph({"r": 3.0, "e": 1.0})
    output.backward()
    assert (output.data, nodes["e"].grad) == (pytest.approx(9 * math.pi + 1, rel=1e-15), 1.0)
    assert Expression("e = 2*x; e*x").graph({"x": 3.0}).output.data == 18.0
    assert Expression("e = 2*x; e*x").known == ()


def test_ln_is_log():
    assert Expression("ln(x)").graph({"x": 2.0}).output.data == math.log(2.0)
    assert Expression("ln(x)").graph({"x": 2.0}).output.op.name == "log"
    with pytest.raises(ExpressionError, match="ln takes 1 argument, but has 2"):
        Expression("ln(x, 2)")
    with pytest.raises(ExpressionError, match="ln is a function"):
        Expression("ln = x; ln")
