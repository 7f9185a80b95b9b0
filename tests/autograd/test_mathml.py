"""MathML: well formed, of presentation elements alone, and read back it has the value of the formula."""

import math
import random
import re
from fractions import Fraction
from xml.etree import ElementTree

import pytest
from hypothesis import strategies as st

from autograd import OPS, Op, Value, apply, explain, explain_forward, scope, why_order, why_plus
from autograd.rules.formula_tree import (
    Adjoint,
    Binary,
    Derivative,
    Name,
    Negative,
    Numeral,
    PartialDerivative,
    Product,
    Sum,
    Tangent,
    operation,
    partial,
)
from autograd.rules.mathml import MATHML
from autograd.rules.notation import Notation
from tests.autograd.classics import GOLDEN, IN_MATHML, derivation, named
from tests.autograd.test_latex import LABELS, NUMBERS, ROWS
from tests.strategies import for_all

NAMESPACE = "{http://www.w3.org/1998/Math/MathML}"
NUM_CHILDREN = {"msup": 2, "msub": 2, "mroot": 2, "msubsup": 3, "mfrac": 2, "mover": 2}
ANY_NUMBER_OF_CHILDREN = {"math", "mrow", "msqrt", "mtable", "mtr", "mtd"}
TOKENS = {  # what each may hold
    "mn": r"\d+(\.\d+)?",
    "mi": r"[^\W\d]\w*|∞",
    "mo": r"[+\N{MINUS SIGN}·=≈(),|<>≤≥≠\[\]⌊⌋→…∂\N{PRIME}^¯˙\u2061]|\+=",
    "mtext": r"(?s:.+)",
    "mspace": "",
}


def faults(element):
    """What is wrong with an element and with those in it."""
    tag, children, text = element.tag.removeprefix(NAMESPACE), list(element), element.text or ""
    if tag in TOKENS:
        return [] if not children and re.fullmatch(TOKENS[tag], text) else [f"<{tag}> holds {text!r}"]
    found = [] if tag in ANY_NUMBER_OF_CHILDREN or NUM_CHILDREN.get(tag) == len(children) else [f"<{tag}> of {len(children)}"]
    found += [f"<{tag}> holds the text {text!r}"] if text.strip() else []
    return [*found, *(fault for child in children for fault in faults(child))]


def parsed(formula):
    return ElementTree.fromstring(f"<math>{MATHML.write(formula)}</math>")


# --- well formed ----------------------------------------------------------------------------------------------------------


def derivations():
    for label in LABELS:
        x = Value(3.0)
        x.label = label
        yield explain(named(label, 3 / x), x)
        with scope(label):
            y = named(label, x * x)
        yield explain(y * 2, x, fold=1)
    x, y = Value(2.0, "x"), Value(0.5, "a\x00b\ufffe")
    yield explain(Value(4.0, (x,), "<script>") + y, y)
    yield explain(apply(Op("binomial", "x * (x - 1) / 2 * y", ("(2 * x - 1) / 2 * y", "x * (x - 1) / 2"),
                           latex=r"\binom{{x}}{{y}}"), x, y) ** 2)  # fmt: skip
    n = x * 3
    yield from (why_order(n + n * 5), why_plus(x * x), explain_forward(x * y, x))
    for row in ROWS:
        operands = [Value(low + 0.4 * (high - low), name) for name, (low, high) in zip("pq", row.samples, strict=False)]
        yield explain(apply(row, *operands) ** 2 + operands[0])


def test_derivations_are_well_formed_and_of_presentation_elements_alone():
    for shown in derivations():
        root = ElementTree.fromstring(shown.to_mathml())
        assert root.tag == f"{NAMESPACE}math"
        assert faults(root) == []


def test_numbers_and_names_are_well_formed():
    for number in NUMBERS:
        numeral = Numeral(number)
        quotient = Binary("div", numeral, Binary("add", Name("a"), Name("b")))
        for formula in (
            numeral,
            Adjoint(numeral),
            Binary("power", numeral, quotient),
            Sum([Product([numeral, numeral]), numeral]),
        ):
            assert faults(parsed(formula)) == []
    for label in LABELS:
        assert faults(parsed(Product([Adjoint(Name(label)), Tangent(Name(label))]))) == []


@pytest.mark.parametrize(
    ("wrong", "fault"),
    {
        "<mfrac><mi>a</mi></mfrac>": "<mfrac> of 1",
        "<mi>2</mi>": "<mi> holds '2'",
        "<mn>x</mn>": "<mn> holds 'x'",
        "<mo>-</mo>": "<mo> holds '-'",  # a hyphen is no minus
        "<mrow>a</mrow>": "<mrow> holds the text 'a'",
        "<ci>a</ci>": "<ci> of 0",  # content MathML
        r"<mi>\sigma</mi>": r"<mi> holds '\\sigma'",
    }.items(),
)
def test_a_fault_is_found(wrong, fault):
    assert fault in faults(ElementTree.fromstring(f"<math>{wrong}</math>"))


# --- read back ------------------------------------------------------------------------------------------------------------

SIGNS = {"·": "*", "\N{MINUS SIGN}": "-", "\u2061": "", "=": "==", "≠": "!=", "≤": "<=", "≥": ">=", "[": "float(", "]": ")"}
FUNCTIONS = {
    "ln": "log",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "max": "maximum",
    "min": "minimum",
    "\N{GREEK SMALL LETTER SIGMA}": "sigmoid",
}


def read(element):
    """Presentation MathML as Python. Only what a reader sees groups: parentheses, bars, roots, fractions and exponents."""
    tag, children = element.tag, [read(child) for child in element]
    match tag, children:
        case "msup", [base, exponent]:
            return f"{base}**({exponent})"
        case "msub", [name, _]:
            return f"{name}{''.join(element[1].itertext())}"
        case "mfrac", [numerator, denominator]:
            return f"(({numerator})/({denominator}))"
        case "msqrt", _:
            return f"sqrt({''.join(children)})"
        case "mroot", [inside, "N('3')"]:
            return f"cbrt({inside})"
        case _, ["|", inside, "|"]:
            return f"abs({inside})"
        case _, ["⌊", inside, "⌋"]:
            return f"floor({inside})"
        case "mn", _:
            return f"N('{element.text}')"
        case "mi", _:
            return FUNCTIONS.get(element.text, element.text)
    return SIGNS.get(element.text, element.text or "") + "".join(children)


def value_of(formula, **names):
    return eval(read(parsed(formula)), {"N": Fraction, **names})


NAMES = {"x": Fraction(2, 3), "y1": Fraction(-5, 2), "z": Fraction(3)}
OPERATIONS = {"add": Fraction.__add__, "sub": Fraction.__sub__, "mul": Fraction.__mul__, "div": Fraction.__truediv__}


def random_formula(rng, depth):
    """A formula, and its value, computed beside it."""
    kind = rng.choice([*OPERATIONS, "negative", "power", "product", "sum"]) if depth else rng.choice(["name", "number"])
    if kind == "name":
        name = rng.choice(list(NAMES))
        return Name(name), NAMES[name]
    if kind == "number":
        number = rng.choice([Fraction(-3), Fraction(1, 2), Fraction(-2, 7), Fraction(4), Fraction(123)])
        return Numeral(number), number
    (left, a), (right, b) = (random_formula(rng, rng.randrange(depth)) for _ in "ab")
    if kind == "negative":
        return Negative(left), -a
    if kind == "power":
        return Binary("power", left, Numeral(3)), a**3
    if kind in ("product", "sum"):
        return (Product([left, right]), a * b) if kind == "product" else (Sum([left, right]), a + b)
    return Binary(kind, left, right), OPERATIONS[kind](a, b)


def check(seed):
    try:
        formula, value = random_formula(random.Random(seed), depth=5)
    except ZeroDivisionError:
        return
    assert faults(parsed(formula)) == []
    assert value_of(formula, **NAMES) == value


@for_all(st.integers(0, 10**6), examples=100)
def test_a_formula_read_back_has_its_value(seed):
    check(seed)


def test_reading_back_finds_a_missing_parenthesis(monkeypatch):
    monkeypatch.setattr(Notation, "operand", lambda self, piece, at_least: piece.text)
    with pytest.raises(AssertionError):
        list(map(check, range(100)))


@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_every_row_and_its_derivatives_read_back_have_their_values(row):
    operands = [low + 0.4 * (high - low) for low, high in row.samples]
    functions = {name: lambda *xs, op=op: apply(op, *map(float, xs)) for name, op in OPS.items() if not op.is_family}
    functions |= {name: lambda x, c, op=op: apply(op.at(float(c)), float(x)) for name, op in OPS.items() if op.is_family}
    out, *partials = row.kernel(*operands)
    known = {**functions, "N": float, "e": math.e, "π": math.pi, **dict(zip("xy", operands, strict=False)), "out": out}
    names = [Name(name) for name, _ in zip("xy", operands, strict=False)]
    formulas = [operation(row, names), *(partial(row, slot, names, Name("out")) for slot in range(row.arity))]
    for formula, number in zip(formulas, (out, *partials), strict=True):
        assert eval(read(parsed(formula)), known) == pytest.approx(number, rel=1e-12)


# --- what is written ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", IN_MATHML)
def test_the_classics_are_written_as_before(name):
    """After a change that is meant: ``python -m tests.autograd.classics``, and read the difference."""
    assert f"{derivation(name).to_mathml()}\n" == (GOLDEN / f"{name}.mathml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "latex", [r"\mathcal{L}", r"\left", "x^", "^x", r"\text", r"\frac{{x}}", r"\sqrt", r"\operatorname{a", r"\,x"]
)
def test_a_row_whose_latex_says_more_is_called_by_its_name(latex, monkeypatch):
    monkeypatch.setattr(OPS["detach"], "latex", latex)
    called = "<mrow><mi>detach</mi><mo>&#8289;</mo><mrow><mo>(</mo><mi>a</mi><mo>)</mo></mrow></mrow>"
    assert MATHML.write(operation(OPS["detach"], [Name("a")])) == called


def test_round_is_local_and_straight_is_total():
    y, x = Name("y"), Name("x")
    fraction = "<mfrac><mrow>{0}<mi>y</mi></mrow><mrow>{0}<mi>x</mi></mrow></mfrac>"
    assert MATHML.write(PartialDerivative(y, x)) == fraction.format("<mo>∂</mo>")
    assert MATHML.write(Derivative(y, x)) == fraction.format('<mi mathvariant="normal">d</mi>')


def test_names_have_their_indices_and_accents_on_their_letters():
    for label, written in {
        "x": "<mi>x</mi>",
        "loss": "<mi>loss</mi>",
        "alpha": "<mi>\N{GREEK SMALL LETTER ALPHA}</mi>",
        "x1": "<msub><mi>x</mi><mn>1</mn></msub>",
        "w1[2,3]": "<msubsup><mi>w</mi><mrow><mn>2</mn><mo>,</mo><mn>3</mn></mrow>"
        "<mrow><mo>(</mo><mn>1</mn><mo>)</mo></mrow></msubsup>",
        "x'": "<msup><mi>x</mi><mo>\N{PRIME}</mo></msup>",
        "a <b>": "<mtext>a &lt;b&gt;</mtext>",
    }.items():
        assert MATHML.write(Name(label)) == written
    bar = '<mover accent="true"><mi>v</mi><mo stretchy="false">¯</mo></mover>'
    assert MATHML.write(Adjoint(Name("v5"))) == f"<msub>{bar}<mn>5</mn></msub>"
