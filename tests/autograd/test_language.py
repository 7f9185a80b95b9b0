"""The language of rows: what is not of it is refused when the row is made, and what is of it is read as written."""

import ast
import math
from contextlib import contextmanager
from fractions import Fraction

import pytest
from hypothesis import strategies as st

from autograd import OPS, Op
from autograd.rules.grammar import Calls, Exact, Floats, compiled, is_integer, names_in
from tests.strategies import for_all


@contextmanager
def planted(*args, **kwargs):
    """A row that leaves the table again."""
    before = set(OPS)
    try:
        yield Op("planted", *args, **kwargs)
    finally:
        for name in set(OPS) - before:
            del OPS[name]


def refusal(*args, **kwargs):
    """The message with which a row is refused; the table stays as it was."""
    before = dict(OPS)
    with pytest.raises(ValueError) as caught, planted(*args, **kwargs):
        pass
    assert before == OPS
    return str(caught.value)


# --- refused when the row is made -----------------------------------------------------------------------------------

# A text, and the part of it that is foreign.
FOREIGN = [
    ("z", "z"),
    ("x + y", "y"),  # the row has one operand
    ("x * out", "out"),  # the result cannot read itself
    ("__import__", "__import__"),
    ("x + __builtins__", "__builtins__"),
    ("0.5 * x", "0.5"),
    ("1e3 * x", "1000.0"),
    ("1j * x", "1j"),
    ("True * x", "True"),
    ("None", "None"),
    ("...", "..."),
    ("'x'", "'x'"),
    ("b'x'", "b'x'"),
    ("f'{x}'", "f'{x}'"),
    ("1 / 2 * x", "1 / 2"),
    ("x + 10 / 5", "10 / 5"),
    ("x.real", "x.real"),
    ("x.__class__", "x.__class__"),
    ("exp.__self__", "exp.__self__"),
    ("x[0]", "x[0]"),
    ("[x]", "[x]"),
    ("{x}", "{x}"),
    ("(x, x)", "(x, x)"),
    ("[x for x in x]", "[x for x in x]"),
    ("lambda x: x", "lambda x: x"),
    ("(y := x)", "(y := x)"),
    ("gamma(x)", "gamma(x)"),
    ("eval(x)", "eval(x)"),
    ("whole(x)", "whole(x)"),  # for domains only
    ("exp()", "exp()"),
    ("exp(x, x)", "exp(x, x)"),
    ("maximum(x)", "maximum(x)"),
    ("exp(x=x)", "exp(x=x)"),
    ("exp(x, y=x)", "exp(x, y=x)"),
    ("exp(*x)", "*x"),
    ("exp(**x)", "exp(**x)"),
    ("exp(x)(x)", "exp(x)(x)"),
    ("exp", "exp"),
    ("+x", "+x"),
    ("~x", "~x"),
    ("not x", "not x"),
    ("x // 2", "x // 2"),
    ("x % 2", "x % 2"),
    ("x @ x", "x @ x"),
    ("x << 2", "x << 2"),
    ("x > 0", "x > 0"),
    ("1 + (x > 0)", "x > 0"),
    ("x or 1", "x or 1"),
    ("0 if x else 1", "0 if x else 1"),
    ("0 if 0 < x < 1 else x", "0 < x < 1"),
    ("0 if x > 0 and x < 1 else x", "0 if x > 0 and x < 1 else x"),
    ("0 if x in x else x", "x in x"),
    ("0 if x is x else x", "x is x"),
    ("-x.real", "x.real"),
    ("x.real - x.imag", "x.real"),  # of two the first
    ("x.real if x > 0 else x.imag", "x.real"),
]


@pytest.mark.parametrize(("text", "part"), FOREIGN, ids=[text for text, _ in FOREIGN])
def test_what_is_not_of_the_language_is_refused(text, part):
    for whole_text in (text, f"x - ({text})", f"0 if x < ({text}) else x"):
        assert f"the value of row 'planted' is {whole_text!r}, and {part!r} is not of" in refusal(whole_text, ("1",))
    assert f"a kink of row 'planted' is {text!r}, and {part!r} is not of" in refusal("x", ("1",), kinks={text: "0"})
    if part != "out":  # which a partial may read
        assert f"the partial in x of row 'planted' is {text!r}, and {part!r} is not of" in refusal("x", (text,))


@pytest.mark.parametrize(
    "text", ["", " ", "x +", "(x", "x; x", "x = 1", "import os", "return x", " x", "x\ny", "x y", "if", "x ! y"]
)
def test_what_is_not_an_expression_is_refused(text):
    assert f"the value of row 'planted' is not an expression: {text!r}" in refusal(text, ("1",))
    assert f"the partial in x of row 'planted' is not an expression: {text!r}" in refusal("x", (text,))


def test_texts_and_integers_have_a_largest_size():
    with planted("x" + " " * 999, ("1",)) as op:
        assert op.kernel(2.0) == (2.0, 1.0)
    assert "row 'planted' has 1001 characters; more than 1000 are not a row" in refusal("x" + " " * 1000, ("1",))
    largest = 2**53 - 1  # from 2**53 on an integer may lose its last digit as a float
    with planted(f"x - {largest}", ("1",)) as op:
        assert op.kernel(0.0) == (-largest, 1)
    assert f"{str(2**53)!r} is not of the language" in refusal(f"x - {2**53}", ("1",))


@pytest.mark.parametrize("text", ["1 if x > 0 else 0", "2 * (1 if c * x > 0 else c)", "1 if abs(c) > out else 0"])
def test_a_partial_chooses_on_the_constant_alone(text):
    assert refusal("c * x", (text,)) == (
        "the partial in x of row 'planted' may choose on the constant c alone; say it with step, sign or heaviside"
    )
    with planted("c * x if x > 0 else x", ("c if c > 0 else 0",)) as op:
        assert op.at(3).kernel(2.0) == (6.0, 3.0)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("exp(x) > 0", "exp(x)"),
        ("x > 0 and z > 0", "z"),
        ("x > out", "out"),
        ("0 < x < 1", "0 < x < 1"),
        ("not x > 0", "not x > 0"),
        ("whole(x, x)", "whole(x, x)"),
        ("whole(x > 0)", "x > 0"),
        ("(x > 0) + 1", "(x > 0) + 1"),
        ("(x > 0) == (x < 1)", "x > 0"),
        ("x > 0.5", "0.5"),
    ],
)
def test_foreign_domains_are_refused(text, part):
    assert f"the domain of row 'planted' is {text!r}, and {part!r} is not of the language" in refusal("x", ("1",), domain=text)


@pytest.mark.parametrize(
    "text", ["x > 0", "x != 0 and x < 10 or x == -1", "whole(x) and (x >= 1 or x <= -1)", "whole(2 * x / 3)"]
)
def test_domains_may_say_and_or_and_whole(text):
    with planted("x", ("1",), domain=text) as op:
        for x in (-7.5, -1.0, 0.0, 0.5, 3.0, 12.0):
            assert op.defined(x) == eval(text, {"x": x, "whole": float.is_integer})


@pytest.mark.parametrize(
    ("name", "partials"),
    [("tanh", ("1",)), ("", ("1",)), ("1x", ("1",)), ("two words", ("1",)), ("planted", ()), ("planted", ("1", "1", "1"))],
)
def test_a_row_needs_a_name_of_its_own_and_one_or_two_partials(name, partials):
    before = dict(OPS)
    with pytest.raises(ValueError, match=repr(name)):
        Op(name, "x", partials)
    assert before == OPS


@pytest.mark.parametrize("text", ["-1 / 2 * x", "(1 + 1) / 4 * x", "x * 2 ** -1", "1 / -2 * x"])
def test_integers_alone_never_make_a_float(text):
    """Else the row would lead out of the Fractions."""
    assert f"the value of row 'planted' is {text!r}, and" in refusal(text, ("1",))


@pytest.mark.parametrize(
    ("part", "value", "partial", "domain"),
    [
        ("planted(x)", "planted(x)", "1", ""),  # the value would call itself for ever
        ("leaky_relu(x)", "leaky_relu(x)", "1", ""),  # with which slope?
        ("pow(x)", "pow(x)", "1", ""),
        ("leaky_relu(x)", "x", "leaky_relu(x)", ""),
        ("c", "x", "c", ""),  # the value reads no c, so the row has no constant
        ("c", "x", "1", "x > c"),
        ("x - 1", "x", "1", "x - 1"),  # a number is no condition
        ("x", "x", "1", "x > 0 or x"),
    ],
)
def test_a_row_that_could_not_be_computed_is_refused(part, value, partial, domain):
    message = refusal(value, (partial,), domain=domain)
    assert "row 'planted'" in message
    assert repr(part) in message


# --- read as written ------------------------------------------------------------------------------------------------


def source(reader, *texts):
    """The body of the function that a reader makes of the texts."""
    functions = dict.fromkeys([*Floats.FUNCTIONS, *OPS, "power"], abs)
    return compiled(reader, "r", ["x", "y"], texts, functions).__doc__.partition(":\n    ")[2]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("2 * x", "2.0 * x"),
        ("-1", "-1.0"),
        ("-x ** 2", "-pow(x, 2.0)"),
        ("(-x) ** y", "pow(-x, y)"),
        ("x / sqrt(2 * pi)", f"x / {math.sqrt(2 * math.pi)!r}"),
        ("(3 - 1) ** 3 * x", "8.0 * x"),
        ("-2 / sqrt(pi) * x", f"{-2 / math.sqrt(math.pi)!r} * x"),
        ("pi", repr(math.pi)),
        ("0 if x <= 0 else 1 if x > 0 else x", "0.0 if x <= 0.0 else 1.0 if x > 0.0 else x"),
        ("maximum(x, 0)", "maximum(x, 0.0)"),
        ("step(1)", "step(1.0)"),  # a row is not folded, only primitives
        ("x - (y - 1)", "x - (y - 1.0)"),
    ],
)
def test_floats_reads_literals_as_floats_and_folds_constants(text, want):
    assert source(Floats, text) == f"return {want}"


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_kernels_hold_no_integer_and_no_constant_arithmetic(op):
    for node in ast.walk(ast.parse(op.kernel.__doc__)):
        if isinstance(node, ast.Constant):
            assert type(node.value) is float
        if isinstance(node, ast.BinOp):
            assert not (isinstance(node.left, ast.Constant) and isinstance(node.right, ast.Constant))


def test_exact_calls_a_power_that_knows_its_bounds():
    assert source(Exact, "-x ** 2") == "return -pow(x, 2)"
    assert source(Exact, "c * x ** (c - 1)") == "return c * pow(x, c - 1)"


@pytest.mark.parametrize("text", ["2 * x", "x / sqrt(2 * pi)", "0 if x <= 0 else x", "maximum(x, 0)", "x - (y - 1)"])
def test_else_exact_reads_the_text_as_it_stands(text):
    assert source(Exact, text) == f"return {text}"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("x * y - 1", "sub(mul(x, y), 1)"),
        ("-x ** 2", "neg(power(x, 2))"),
        ("(1 + x) / exp(-y)", "div(add(1, x), exp(neg(y)))"),
        ("c - 1 if c != 0 else 0", "sub(c, 1) if c != 0 else 0"),
    ],
)
def test_calls_reads_operators_as_calls(text, want):
    assert source(Calls, text) == f"return {want}"


def test_several_texts_share_the_result():
    assert source(Floats, "x * y", "y", "out / y") == "out = x * y\n    return out, y, out / y"


def test_compiled_rows_see_nothing_but_what_they_call():
    function = compiled(Floats, "r", ["x"], ["exp(x)"], Floats.FUNCTIONS)
    assert function.__globals__.keys() == {"__builtins__", "pi", "CUT", "exp", "r_row"}
    assert function.__globals__["__builtins__"] == {}


def test_names_in_and_whole():
    assert names_in("c * exp(x) + 2") == {"c", "exp", "x"}
    assert [is_integer(x) for x in (3.0, -0.0, 2, 0.5, math.inf, -math.inf, math.nan)] == [True] * 3 + [False] * 4


# --- random texts ---------------------------------------------------------------------------------------------------


def grammar(leaves):
    """Texts of the language, from the given leaves."""
    return st.recursive(
        st.sampled_from(leaves),
        lambda texts: st.one_of(
            st.tuples(texts, st.sampled_from(["+", "-", "*", "/", "**"]), texts).map(lambda parts: f"({' '.join(parts)})"),
            texts.map(lambda text: f"(-{text})"),
            st.tuples(st.sampled_from(["exp", "log", "sqrt", "erf", "step", "sigmoid", "tanh"]), texts).map(
                lambda p: f"{p[0]}({p[1]})"
            ),
            st.tuples(texts, texts).map(lambda p: f"maximum({p[0]}, {p[1]})"),
            st.tuples(texts, texts, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), texts).map(
                lambda p: f"({p[0]} if {p[1]} {p[2]} {p[3]} else x)"
            ),
        ),
        max_leaves=8,
    )


@for_all(grammar(["x", "y", "pi", "x * 2"]), st.floats(), st.floats(), examples=100)
def test_texts_of_the_language_are_computed_for_any_numbers(text, x, y):
    with planted(text, ("1", "1")) as op:
        assert isinstance(op.ieee(x, y)[0], (int, float))


NOISE = [
    "x", "y", "z", "out", "c", "pi", "1", "2", "0.5", "'a'", "exp", "step", "pow", "__class__", "lambda", "if", "else",
    "and", "or", "not", "in", "is", "+", "-", "*", "/", "**", "%", "~", ".", ",", "(", ")", "[", "]", "{", "}", ":", "=", ":=",
    "==", "<", ">", "\\", "#",
]  # fmt: skip


@for_all(
    st.one_of(
        st.text(max_size=20),
        st.lists(st.sampled_from(NOISE), max_size=12).map(" ".join),
        grammar(["x", "2", "z", "0.5", "c", "out", "x.y", "gamma(x)"]),
    ),
    examples=50,
)
def test_any_text_gives_a_row_or_a_value_error(text):
    for value, partial, domain, kink in [
        (text, "1", "", "x"),
        ("c * x", text, "", "x"),
        ("x", "1", text, "x"),
        ("x", "1", "", text),
    ]:
        try:
            with planted(value, (partial,), domain=domain, kinks={kink: "a convention"}) as op:
                assert isinstance(op, Op)
        except ValueError:
            pass


def test_whole_numbers_of_any_size_and_kind():
    assert all(map(is_integer, (2, -3.0, 1e300, Fraction(4), 10**400, Fraction(10**400))))
    assert not any(map(is_integer, (0.5, math.inf, -math.inf, math.nan, Fraction(1, 2), Fraction(10**400) + Fraction(1, 2))))
