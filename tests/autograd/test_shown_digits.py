"""The arithmetic that is shown comes out: a reader who computes it again, from the digits that stand there, finds what stands there.

The reader here is mpmath, with the functions as the textbook has them.
"""

import math
import re

import mpmath
import pytest
from mpmath import mp, mpf

import autograd
from autograd import Value, cos, exp, explain, explain_forward, relu, sigmoid, sin, softplus, tanh, top_paths, why_plus
from autograd.explaining import shown_digits
from tests.autograd.test_explanation import SIGN, iverson, unbroken
from tests.oracle import WITNESSES
from tests.strategies import expressions, for_all

FUNCTIONS = {name: row[0] for name, row in WITNESSES.items()} | {"float": mpf, "mpf": mpf, "pi": mp.pi, "exp": mp.exp}
NUMERAL = re.compile(r"(?<![\w.])(\d+\.?\d*(?:e[+-]?\d+)?)")
USUAL = 6


def redone(side):
    """What a side of an equation comes to; None if it speaks of names, or the textbook has no value there."""
    text = re.sub(r"(?<=\d)/(?=\d)", " / ", iverson(side)).replace("·", "*")
    words = set(re.findall(r"[^\W\d]\w*", NUMERAL.sub("", text))) - {"e"}
    if "«" in text or "∂" in text or "…" in text or not words <= FUNCTIONS.keys():
        return None
    try:
        value = eval(NUMERAL.sub(r"mpf('\1')", text), dict(FUNCTIONS))
    except (ValueError, ZeroDivisionError, mpmath.libmp.ComplexResult, TypeError, OverflowError):
        return None
    return value if isinstance(value, mpf) and not mp.isnan(value) else None


def last_digit(shown, side):
    """A unit of the last digit shown of a result, of six at least; of a 0 that of the largest number that it is made of."""
    numbers = [shown] if redone(shown) else NUMERAL.findall(side) or ["1"]
    size = max((abs(mpf(number.strip("()-"))) for number in numbers), default=mpf(0)) or mpf(1)
    digits = len(re.sub(r"e.*|^[0.]+|\D", "", shown.strip("()-")))
    return mpf(10) ** (mp.floor(mp.log10(size)) + 1 - max(digits, USUAL))


def claims(text):
    """Each side of an equation that can be computed, beside the number at its end."""
    for line in unbroken(text):
        body = re.sub(r"  \(.*\)$", "", line.strip())
        _, *rest = SIGN.split(body)
        sides = rest[1::2]
        if not sides or not re.fullmatch(r"-?[\d.]+(e[+-]?\d+)?", sides[-1]):
            continue
        for side in sides[:-1]:
            if redone(side) is not None:
                yield side, sides[-1], body


def check(text):
    count = 0
    for side, shown, line in claims(text):
        count += 1
        found, unit = redone(side), last_digit(shown, side)
        assert abs(found - mpf(shown)) <= mpf("1.001") * unit, f"{line}: {side} is {mpmath.nstr(found, 12)}"
    assert "-0\n" not in f"{text}\n"
    return count


@for_all(expressions(), examples=150, full=1500)
def test_the_shown_arithmetic_comes_out(expression):
    graph = expression.graph()
    output, source = graph[expression.output], graph["x1"]
    for text in (str(explain(output)), str(explain_forward(output, source)), str(why_plus(output))):
        check(text)


def test_it_cannot_pass_with_six_digits_throughout(monkeypatch):
    monkeypatch.setattr(shown_digits.Digits, "_add_digits", lambda self, claims: None)
    assert test_the_shown_arithmetic_comes_out.can_fail()


@pytest.mark.parametrize("x", [0.5, 3.0, 6.0, 9.0, 14.0, -7.5])
def test_a_saturated_tanh_is_shown_with_the_digits_that_its_derivative_is_made_of(x):
    text = str(explain(Value(x, "x").tanh() * 3))
    assert check(text) >= 5
    [shown] = re.findall(r"tanh\(-?[\d.]+\) [=≈] (\S+)", text)
    [slope] = re.findall(r"1 - v1\) [=≈] .* ≈ (\S+)\n", text)
    assert 1 - mpf(shown) ** 2 == pytest.approx(mpf(slope), rel=2e-5)


def test_that_tanh_of_6_is_not_1_in_the_picture_either():
    viz = pytest.importorskip("viz")
    out = Value(6.0, "x").tanh()
    out.backward()
    source = viz.draw(out).source
    assert "∂ 2.458e-05" in source
    [shown] = set(re.findall(r"0\.9999\d*", source))
    assert 1 - float(shown) ** 2 == pytest.approx(2.458e-05, rel=2e-3)


def test_a_residue_of_rounding_is_shown_as_0():
    a, b, c = Value(0.1, "a"), Value(0.2, "b"), Value(0.3, "c")
    text = str(explain(a + b - c))
    assert "v2 = v1 - c = 0.3 - 0.3 ≈ 0, with" in text
    assert "e-17" not in text
    assert "≈ 0\n" in str(explain(Value(math.pi, "x").sin()))
    x = Value(0.1, "x")
    assert "e-1" not in str(explain((x * 3 - 0.3) * 2))
    assert "1.11022e-16" in str(explain(((x * 3 - 0.3) * 2).relu()))  # the derivative is 1 because this is not 0


def test_an_honest_tiny_number_is_shown():
    assert "v1 = x*3 = 1e-17*3 = 3e-17\n" in str(explain(Value(1e-17, "x") * 3))
    assert "4.24835e-18" in str(explain(Value(-40.0, "x").sigmoid()))
    x = Value(1e-6, "x")
    assert "≈ 3.33" in (text := str(explain(x - x.tanh())))
    assert "e-19" in text
    assert "1.0000000000000002 - 1 ≈ 2.22045e-16" in str(explain(Value(1.0000000000000002, "x") - 1))


def test_what_is_divided_by_a_residue_shows_it():
    a, b, c = Value(0.1, "a"), Value(0.2, "b"), Value(0.3, "c")
    text = str(explain(1 / (a + b - c)))
    assert "1/5.55112e-17 ≈ 1.80144e+16" in text
    check(text)


def test_exact_numbers_stay_exact():
    from fractions import Fraction

    x = Value(Fraction(1, 3), "x")
    assert "≈" not in str(explain(x * x - x / 7))


def test_ten_of_twelve_paths_have_not_the_whole():
    x = Value(1.0, "x")
    text = str(explain(autograd.total([x * 1000 for _ in range(10)] + [x * 0.001 for _ in range(2)]), x))
    [share] = re.findall(r"together they have\s+(.*)\s+of\s+the\s+sum", text.replace("\n", " "))
    assert share.split() == ["more", "than", "99.9", "%"]
    assert "100 %" not in text


def test_a_path_prints_with_its_nodes():
    x, y = Value(2.0, "x"), Value(-3.0, "y")
    [first, second] = top_paths(x * y + x, x, k=2)
    assert str(first) == repr(first) == "x → v1 → v2: ∂v2/∂v1·∂v1/∂x = 1·(-3) = -3"
    assert str(second) == "x → v2: ∂v2/∂x = 1"
    [one, two] = autograd.paths(x * x, x)
    assert [str(one), str(two)] == ["x → v1: ∂₁v1 = 2", "x → v1: ∂₂v1 = 2"]
    assert str(next(autograd.paths(x, x))) == "x: 1"


# --- equations that hold in floats only -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (lambda x: tanh(20 * x), "tanh(20) ≈ 1"),
        (lambda x: sigmoid(40 * x), "sigmoid(40) ≈ 1"),
        (lambda x: exp(-800 * x), "exp(-800) ≈ 0"),
        (lambda x: exp(1e-20 * x), "exp(1e-20) ≈ 1"),
        (lambda x: 1e17 * x + 1, "1e+17 + 1 ≈ 1e+17"),
        (lambda x: 1e-300 * x * 1e-300, "1e-300*1e-300 ≈ 0"),
        (lambda x: softplus(50 * x), "softplus(50) ≈ 50"),
        (lambda x: sin(1e-20 * x), "sin(1e-20) ≈ 1e-20"),
        (lambda x: 1 - tanh(14 * x) ** 2, "tanh(14) ≈ 0.99999999999"),
        (lambda x: (1e5 * x + 1) ** 4, "100001**4 ≈ 1.0000"),
        (lambda x: (3 * x) ** 2, "3**2 = 9"),
        (lambda x: exp(0 * x), "exp(0) = 1"),
        (lambda x: 0.1 * x + 0.2, "0.1 + 0.2 = 0.3"),
        (lambda x: relu(-3 * x), "relu(-3) = 0"),
        (lambda x: 3 * x / 4, "3/4 = 0.75"),
        (lambda x: (4 * x) ** 0.5, "4**0.5 = 2"),
    ],
)
def test_equal_is_what_is_equal_and_not_what_is_absorbed(y, said):
    assert said in str(explain(y(Value(1.0, "x")))).replace("  ", " ")


def test_all_digits_of_a_float_are_rounded_too():
    text = str(explain(cos((Value(38373.52133081702, "x") ** 3) ** 2)))
    for said in ("38373.52133081702**3 ≈ 56506051591158.9", "56506051591158.9**2 ≈ ", "-sin(3.1929338664227113e+27) ≈ 0.94"):
        assert said in text
