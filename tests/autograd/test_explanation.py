"""explain: every statement it prints is read back and evaluated; the classics stand as golden texts."""

import math
import re
from fractions import Fraction

import pytest

import autograd
import nn
from autograd import OPS, Constant, Value, apply, explain, grad, scope, topological_order
from autograd.errors import ClosureError
from autograd.named import names_of
from autograd.notation import LATEX, TEXT, Piece

# --- reading the text back --------------------------------------------------------------------------------------------


def functions():
    """What a printed formula may call: the table, evaluated on floats."""
    found = {name: lambda *xs, op=op: apply(op, *xs) for name, op in OPS.items() if not op.is_family}
    found |= {name: lambda x, c, op=op: apply(op.at(c), x) for name, op in OPS.items() if op.is_family}
    return {**found, "pi": math.pi}


FUNCTIONS = functions()
NAME = r"[^\W\d]\w*'*(?:\[[\w,]+\])?"
TOKEN = re.compile(rf"[d∂]{NAME}/[d∂]{NAME}|{NAME}(?:\.grad|\.tangent)?")


def evaluated(text, known):
    """A printed expression as a number: names and derivatives are looked up, ``·`` is a product."""
    holes = {}

    def hole(match):
        name, end = match.group(), match.end()
        if (name in FUNCTIONS and text_[end : end + 1] == "(") or name == "pi":
            return name
        holes[f"hole{len(holes)}"] = {"inf": math.inf, "nan": math.nan, **known}[name]
        return f"hole{len(holes) - 1}"

    text_ = re.sub(r"(?<![\w.])\d+(?:\.\d*)?e[+-]?\d+", lambda m: f"{float(m.group()):.400f}", text.replace("·", "*"))
    return float(eval(TOKEN.sub(hole, text_), FUNCTIONS, holes))


def facts(output):
    """What the names in a derivation stand for, computed without it."""
    names = names_of(topological_order(output))
    known = {}
    for node, name in names.items():
        known[name] = node.data
        known[f"{name}.grad"] = grad(output, [node])[0]
        for other, of in names.items():
            known[f"d{name}/d{of}"] = grad(node, [other])[0]
            known[f"∂{name}/∂{of}"] = dict(zip(node.inputs, node.partials, strict=True)).get(other)
    return known


def statements(text):
    """The equations of a derivation: what stands left, the sign after it, and the other parts."""
    for line in text.splitlines():
        if re.search(" (=|≈|[+]=) ", line):
            first, sign, *rest = re.split(r" (=|≈|\+=) ", re.sub(r"\s+\(operand \d\)$", "", line.strip()))
            yield first, sign, rest[::2]


def check(output, source=None, **options):
    """Every part of every equation is the same number, to the digits shown; and sums so far end at the gradient."""
    text = str(explain(output, source, **options))
    known = facts(output)
    last = {}
    for first, sign, rest in statements(text):
        numbers = [evaluated(each, known) for each in rest]
        # two local derivatives may go by one name, ∂v2/∂x of x*x: those in each operand, which the facts have not apart
        if sign != "+=" and not first.endswith(".grad") and not ("∂" in first and "(operand" in text):
            numbers.append(evaluated(first, known))
        terms = [float(each) for each in re.findall(r"(?<![\w.])\d+(?:\.\d*)?(?:e[+-]?\d+)?", " ".join(rest))]
        for n in numbers:
            # numbers are shown with six digits, and a few of them are multiplied, or added and cancel
            assert n == pytest.approx(numbers[0], rel=2e-4, abs=1e-5 * max(terms, default=0.0), nan_ok=True), (
                text,
                first,
                rest,
            )
        if first.endswith(".grad"):
            last[first] = numbers[-1]
    for name, number in last.items():
        assert number == pytest.approx(known[name], rel=2e-4, abs=1e-6), (text, name)
    assert last
    return text


def leaf(name, data):
    return Value(data, name)


x, y, z = leaf("x", 2.0), leaf("y", -3.0), leaf("z", 0.7)
EXPRESSIONS = {
    "sum of products": lambda x, y, z: x * y + y * z - x,
    "precedence": lambda x, y, z: -((x - y) - (z - x)) * (x / (y / z)) ** 2 - (-x) ** 2,
    "powers": lambda x, y, z: x**3 + 2**x - (x * z) ** (y / 3) + x**-1,
    "constants": lambda x, y, z: (1 - x) * 3 / (4 + 0.25 * y) - 7 + z,
    "shared": lambda x, y, z: (lambda u: u * u + u.tanh())(x * y + z),
    "softmax": lambda x, y, z: -(autograd.softmax([x, y, z])[1]).log(),
    "logsumexp": lambda x, y, z: autograd.logsumexp([x, y, z]) - x,
    "numbers of all sizes": lambda x, y, z: 1e-7 * x + 123456.789 * y * 1e12 + z / 1e9,
    "nested": lambda x, y, z: ((x.sin() + 1).exp() * y.cosh()).log1p().sqrt() * z,
    "families": lambda x, y, z: y.leaky_relu(0.2) + y.elu(0.5) * x.leaky_relu() + z.elu(),
}


@pytest.mark.parametrize("f", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_every_statement_about_an_expression_is_true(f):
    check(f(x, y, z))
    for source in (x, y, z):
        check(f(x, y, z), source)


ROWS = [op.at(0.5) if op.is_family and op.name != "pow" else op.at(3) if op.is_family else op for op in OPS.values()]


@pytest.mark.parametrize("op", ROWS, ids=repr)
def test_every_statement_about_every_row_is_true(op):
    operands = [
        Value(low + (0.3 + 0.3 * k) * (high - low), name)
        for k, (name, (low, high)) in enumerate(zip("pq", op.samples, strict=False))
    ]
    check(apply(op, *operands) * 2 + operands[0])


def test_fractions_are_exact_and_no_sign_is_approximate():
    a, b = Value(Fraction(1, 3), "a"), Value(Fraction(-2, 7), "b")
    text = check(a * b / (a - b) + a**2)
    assert "≈" not in text
    assert "/" in text
    assert "≈" in check(Value(1 / 3, "a") * 3)


# --- what is said ----------------------------------------------------------------------------------------------------

GOLDEN = {
    "neuron": (
        lambda: (Value(0.5, "w") * Value(2.0, "x") + Value(-1.0, "b")).tanh(),
        "w",
        """\
The formula
  v6 = tanh(w*x + b)
  where
    w = 0.5
    x = 2
    b = -1

The steps, each with its local derivatives
  v3 = w*x = 0.5*2 = 1
    ∂v3/∂w = x = 2
  v5 = v3 + b = 1 + (-1) = 0
    ∂v5/∂v3 = 1
  v6 = tanh(v5) = tanh(0) = 0
    ∂v6/∂v5 = (1 + v6)*(1 - v6) = 1

dv6/dw: the sum over all paths
  dv6/dw = ∂v6/∂v5·∂v5/∂v3·∂v3/∂w = 1·1·2 = 2

The same by accumulation, as backward() goes
  v6.grad = 1
  v5.grad += ∂v6/∂v5·v6.grad = 1·1 = 1
  v3.grad += ∂v5/∂v3·v5.grad = 1·1 = 1
  w.grad += ∂v3/∂w·v3.grad = 2·1 = 2""",
    ),
}


def source_named(output, name):
    [source] = [node for node in topological_order(output) if node.label == name]
    return source


@pytest.mark.parametrize(("make", "source", "text"), GOLDEN.values(), ids=GOLDEN)
def test_the_classics(make, source, text):
    output = make()
    assert str(explain(output, source_named(output, source))) == text


def test_precedence_is_kept_and_no_parenthesis_is_superfluous():
    a, b, c = Value(2.0, "a"), Value(3.0, "b"), Value(5.0, "c")
    for expression, text in [
        (a + b * c, "a + b*c"),
        ((a + b) * c, "(a + b)*c"),
        (a - (b - c), "a - (b - c)"),
        (a - b - c, "a - b - c"),
        (a / (b * c), "a/(b*c)"),
        (a * b / c, "a*b/c"),
        (-a * b, "-a*b"),
        (-(a * b), "-(a*b)"),
        ((-a) ** 2, "(-a)**2"),
        (-(a**2), "-a**2"),
        (a**b**2, "a**(b**2)"),
        ((a**b) ** 2, "(a**b)**2"),
        (2**a, "2**a"),
        ((a + 1).tanh() * (-3), "tanh(a + 1)*(-3)"),
        (a - (-b), "a - (-b)"),
        (1 / (1 + (-a).exp()), "1/(1 + exp(-a))"),
    ]:
        assert str(explain(expression)).splitlines()[1].split(" = ", 1)[1] == text


def test_labelled_and_shared_nodes_get_lines_of_their_own():
    a, b = Value(2.0, "a"), Value(3.0, "b")
    u = a * b
    u.label = "u"
    v = u + 1
    lines = str(explain(v * v)).splitlines()
    assert lines[1] == "  u = a*b"
    assert lines[2].endswith(" = u + 1")
    shared = lines[2].split()[0]
    assert lines[3].endswith(f" = {shared}*{shared}")


def test_equal_labels_are_told_apart_and_odd_ones_quoted():
    a, b, c = Value(2.0, "x"), Value(3.0, "x"), Value(5.0, "my value")
    lines = str(explain(a * b + c)).splitlines()
    assert lines[1] == "  v5 = x*x_2 + «my value»"
    assert [names_of([a, b, c])[each] for each in (a, b, c)] == ["x", "x_2", "my value"]


def test_without_a_path_the_derivative_is_zero():
    a, b = Value(2.0, "a"), Value(3.0, "b")
    text = str(explain(a * a, b))
    assert "There is no path: v2 does not depend on b." in text
    assert "dv2/db = 0" in text


def test_the_two_slots_of_a_square_are_told_apart():
    a = Value(3.0, "a")
    text = check(a * a, a)
    assert text.count("(operand 1)") == text.count("(operand 2)") == 1
    assert "dv2/da = 3 + 3 = 6" in text
    assert "a.grad = 3 + 3 = 6" in text


def test_many_paths_are_abridged_with_their_number_and_their_share():
    a = Value(1.0, "a")
    b = a
    for _ in range(6):
        b = b * 0.75 + b * 0.25
    text = str(explain(b, a, max_paths=4))
    assert "the 4 paths of the largest products, of 64 paths in all" in text
    # the largest has 0.75^6, the next three 0.75^5 * 0.25 each; all sizes add up to 1
    assert f"{100 * (0.75**6 + 3 * 0.75**5 * 0.25):.3g} % of the sum of all |products|" in text
    assert "steps are left out" not in text
    short = str(explain(b, a, max_steps=3))
    assert "15 earlier steps are left out" in short
    assert "lines are left out" in short


def test_a_ladder_of_diamonds_is_explained_without_walking_its_paths():
    a = Value(1.0, "a")
    b = a
    for _ in range(200):
        b = b + b
    text = str(explain(b, a))
    assert f"of {2**200} paths in all" in text
    assert len(text) < 20_000


def test_a_deep_graph_is_explained_without_recursion():
    a = Value(1.0, "a")
    b = a
    for _ in range(5000):
        b = (b * 1.0).tanh()
    derivation = explain(b, a)
    assert "left out" in str(derivation)
    assert derivation.to_latex()


def test_folded_scopes_are_one_step_with_a_name_and_a_number():
    a = Value(2.0, "a")
    with scope("cube"):
        b = a * a * a
    text = check_folded(b * 5, a)
    assert "v3 = cube(a) = cube(2) = 8" in text
    assert "∂v3/∂a = 12" in text


def check_folded(output, source):
    return str(explain(output, source, fold="cube"))


def test_the_order_is_that_of_backward_and_the_sums_end_at_the_gradient():
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    out = (a * b + a) * (a - b) + b
    text = str(explain(out))
    section = text.split("as backward() goes")[1]
    last = {}
    for match in re.finditer(r"^\s+(\w+)\.grad (\+?=) .*?(-?[\d.]+)$", section, re.MULTILINE):
        name, sign, number = match.groups()
        last[name] = float(number) if sign == "=" or name not in last else last[name] + float(number)
    out.backward()
    assert last["a"] == a.grad
    assert last["b"] == b.grad
    a.grad = b.grad = 0.0


def test_nothing_is_touched():
    a = Value(2.0, "a")
    out = a * a
    out.grad, a.grad = 7.0, 8.0
    derivation = explain(out)
    str(derivation), derivation.to_latex(), derivation.to_markdown()
    assert (out.grad, a.grad, out.label) == (7.0, 8.0, "")


def test_closures_and_strangers_are_refused():
    a = Value(2.0, "a")
    with pytest.raises(ClosureError, match="'square' is a closure"):
        str(explain(3 * Value(4.0, (a,), "square"), a))
    with pytest.raises(TypeError, match=r"but got 2\.0"):
        explain(2.0)
    with pytest.raises(TypeError, match="but got 'a'"):
        explain(a * a, ["a"])


def test_a_network_speaks_in_the_names_of_its_parameters():
    model = nn.MLP(2, [3, 1], activation="tanh", seed=0)
    loss = nn.sum_of_squares(model([0.5, -1.0]), [1.0])
    weight = model.layers[0].neurons[1].w[0]
    text = check(loss, weight)
    assert "w1[2,1]" in text
    assert r"w^{(1)}_{2,1}" in explain(loss, weight).to_latex()
    folded = str(explain(loss, weight, fold=2))
    assert "layer1/neuron2(" in folded


def test_constants_are_written_as_their_numbers():
    order = topological_order(Value(2.0, "a") * 3 + 0.5)
    assert all((node in names_of(order)) == (type(node) is not Constant) for node in order)


# --- LaTeX and Markdown ------------------------------------------------------------------------------------------------


def balanced(latex):
    depth = 0
    for match in re.finditer(r"\\[{}]|[{}]", latex):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if depth < 0:
            return False
    return depth == 0 and latex.count(r"\left") == latex.count(r"\right")


@pytest.mark.parametrize("op", ROWS, ids=repr)
def test_the_latex_of_every_row_is_balanced(op):
    pieces = [Piece("a + b", 1), Piece("h")][: op.arity]
    texts = [LATEX.operation(op, pieces), *(LATEX.partial(op, k, pieces, Piece("L")) for k in range(op.arity))]
    for piece in texts:
        assert balanced(piece.text), piece.text
        assert "{x}" not in piece.text


def test_names_are_typeset_with_their_indices():
    for label, latex in {
        "w": "w",
        "w1[2,3]": "w^{(1)}_{2,3}",
        "b2[1]": "b^{(2)}_{1}",
        "h_21": "h_{21}",
        "x1": "x_{1}",
        "alpha": r"\alpha",
        "loss": r"\mathrm{loss}",
        "v12": "v_{12}",
        "a+b": r"\text{a+b}",
        "50 % {of} \\it_": r"\text{50 \% \{of\} \textbackslash{}it\_}",
        "x'": "x'",
    }.items():
        assert LATEX.name(label) == latex
    assert TEXT.name("w1[2,3]") == "w1[2,3]"


def test_notebooks_get_markdown_and_latex():
    derivation = explain(Value(2.0, "x") * Value(3.0, "y"))
    markdown = derivation._repr_markdown_()
    assert markdown == derivation.to_markdown()
    assert markdown.startswith("**The formula**\n\n$$\n\\begin{aligned}\n&v_{3} = x \\cdot y\n")
    assert derivation._repr_latex_() == f"$$\n{derivation.to_latex()}\n$$"
    assert balanced(derivation.to_latex())
    assert repr(derivation) == str(derivation)
