"""explain: every statement it prints is read back and found true, and the classics stand as golden texts."""

import functools
import importlib
import math
import re
import time
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import autograd
import nn
from autograd import OPS, Constant, Value, apply, count_paths, explain, grad, scope, topological_order
from autograd.errors import ClosureError
from autograd.graph import names
from autograd.rules.notation import TEXT
from tests.autograd.classics import CLASSICS, GOLDEN, IN_MATHML, derivation, named
from tests.strategies import expressions, for_all

# --- reading a derivation back ----------------------------------------------------------------------------------------

NAME = r"(?:«[^»]*»|[^\W\d]\w*'*(?:\[[\w,]+\])?)"
DERIVATIVE = rf"∂(?:{NAME}/∂{NAME}|[₀-₉]+{NAME})"
AS_DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
NUMBER = r"(?<![\w.])(?:\d+\.?\d*(?:e[+-]?\d+)?|inf\b|nan\b)"
TOKEN = re.compile(rf"(?P<derivative>[d∂]{NAME}/[d∂]{NAME}|∂[₀-₉]+{NAME})|(?P<number>{NUMBER})|(?P<name>{NAME}(?:\.grad)?)")
CUT_REMARK = "  (cut: it passes nothing on)"
MEANINGS = re.compile(r"  \(([pqyt]+\d+ = .*)\)$")  # of the names of probabilities and targets
PROSE = re.compile(
    r"A folded scope is one step;|Where both operands are one node, ∂₁ and ∂₂ are the derivatives with respect to each\.$|\d+ paths? ends? (at|where) |… \d+ (line|step|number)s? (is|are) left out here; max_steps shows more\.$"
    r"|There are \d+ more leaves\.|These are the \d+ paths with the largest products|.* does not depend on .*\.$"
)
SIGN = re.compile(r" (=|≈|\+=) (?![^«]*»)")
SHOWN = 5.1e-6  # half a unit in the last of six digits, relatively, and what floats add to it
WHOLE = 2e-14  # some units in the last digit of a float: what stands after an = has lost no more

FUNCTIONS = {name: lambda *xs, op=op: np.float64(apply(op, *map(float, xs))) for name, op in OPS.items() if not op.is_family}
FUNCTIONS["float"] = np.float64  # of a comparison
FUNCTIONS |= {
    name: lambda x, c, op=op: np.float64(apply(op.at(float(c)), float(x))) for name, op in OPS.items() if op.is_family
}


class Reader:
    """What the names in a derivation stand for, found without it: by ``grad``, and by computing again."""

    def __init__(self, output, sources):
        self.output = output
        self.order = topological_order(output)
        self.node = {TEXT.name(name): node for node, name in names(self.order, sources).items()}
        self.scopes = {".".join(node.scope[:k]) for node in self.order for k in range(1, len(node.scope) + 1)}
        self.entering = {scope_: {} for scope_ in self.scopes}  # for each step of a folded scope, what it is computed from
        self.known = {}

    def mean(self, meanings):
        """``p1 = v5/v11, y1 = 1``: names for what is not a node."""
        for meaning in meanings.split(", "):
            name, _, written = meaning.partition(" = ")
            self.known[name] = self.evaluated(written, WHOLE)

    def learn(self, step, written):
        """Its text says what enters a folded scope. What stands there as a formula is found by walking back from the step."""
        match = re.fullmatch(rf"([\w.]+)(\[{NAME}\])?\((.*)\)", written)
        if match and match[1] in self.scopes:
            node, names = self.node[step], match[3].split(", ")
            named = [self.node.get(name) for name in names]
            self.entering[match[1]][node] = named if None not in named else self.enters(node, tuple(match[1].split(".")))

    def enters(self, step, scope_):
        inside = {node for node in self.order if node.inputs and node.scope[: len(scope_)] == scope_}
        users = {node: [user for user in self.order if node in user.inputs] for node in inside}
        hidden = {node for node in inside if node is not self.output and set(users[node]) <= inside}
        found, rest = set(), [step]
        while rest:
            for source in rest.pop().inputs:
                if source in hidden:
                    rest.append(source)
                elif type(source) is not Constant:
                    found.add(source)
        return [node for node in self.order if node in found]

    def again(self, node, given):
        """A node computed once more, from other inputs."""
        if node in given or not node.inputs:
            return given.get(node, node.data)
        return apply(node.op, *(self.again(each, given) for each in node.inputs))

    def call(self, scope_, component, numbers):
        """A folded scope as a function: that of its steps so named, or whose inputs are, but for rounding, these."""
        steps = [(node, inputs) for node, inputs in self.entering[scope_].items() if len(inputs) == len(numbers)]
        if component:
            steps = [step for step in steps if step[0] is self.node[component]]
        node, inputs = min(steps, key=lambda step: math.dist([float(each.data) for each in step[1]], numbers))
        return np.float64(self.again(node, dict(zip(inputs, map(float, numbers), strict=True))))

    def folded(self, step):
        """What enters a step of a folded scope, as its text tells it; of another step nothing."""
        return next((steps[step] for steps in self.entering.values() if step in steps), None)

    def fact(self, text):
        """The number that a name or a derivative stands for, and how far rounding may have put it off."""
        if text in self.node:
            return np.float64(self.node[text].data), 0.0
        if text in self.known:
            return self.known[text]
        if text.startswith("∂"):
            step, slot = self.edge(text)
            if slot is not None:
                return np.float64(step.partials[slot]), 0.0
        if text not in self.known:
            self.known[text] = self.derivative(text)
        return self.known[text]

    def edge(self, text):
        """The step and the operand of ∂v/∂x, or of ∂₁v; no operand of a folded step."""
        if numbered := re.fullmatch(f"∂([₀-₉]+)({NAME})", text):
            step, slot = self.node[numbered[2]], int(numbered[1].translate(AS_DIGITS)) - 1
            assert step.inputs.count(step.inputs[slot]) > 1, f"{text}: why by number?"
            return step, slot
        step, source = (self.node[name] for name in re.fullmatch(f"∂({NAME})/∂({NAME})", text).groups())
        if self.folded(step):
            return step, None
        slots = [slot for slot, each in enumerate(step.inputs) if each is source]
        assert len(slots) == 1, f"{text}: with respect to which operand?"
        return step, slots[0]

    def derivative(self, text):
        if text.endswith(".grad"):
            step, source = self.output, self.node[text.removesuffix(".grad")]
        else:
            step, source = (self.node[name] for name in re.fullmatch(f"[d∂]({NAME})/[d∂]({NAME})", text).groups())
        if text.startswith("∂"):
            fresh = {each: Value(each.data) for each in self.folded(step)}
            step, source = self.again(step, fresh), fresh[source]
        sizes = {source: 1.0}  # of the products of all paths, added up: of it rounding takes a part
        for node in topological_order(step):
            pairs = zip(node.inputs, node.partials, strict=True)
            sizes.setdefault(node, sum(abs(float(partial)) * sizes[each] for each, partial in pairs))
        return np.float64(grad(step, [source])[0]), sizes[step] * WHOLE

    def evaluated(self, text, accuracy):
        """A written expression as a number, and how far it may be off if its numbers are accurate to so much."""
        text, functions, holes, offs = iverson(text), dict(FUNCTIONS), [], []

        def scoped(match):
            name = f"scope{len(functions)}_"
            functions[name] = lambda *numbers: self.call(*match.groups(), numbers)
            return f"{name}("

        if self.scopes:
            scopes = "|".join(map(re.escape, sorted(self.scopes, key=len, reverse=True)))
            text = re.sub(rf"(?<![\w.])({scopes})(?:\[({NAME})\])?\(", scoped, text)

        def hole(match):
            token = match.group()
            if token in functions and text[match.end() :].startswith("("):
                return token
            number = np.float64(token) if match["number"] else np.float64(math.pi)
            number, off = (number, abs(number) * accuracy) if match["number"] or token == "pi" else self.fact(token)
            holes.append(number)
            offs.append(off)
            return f"holes[{len(holes) - 1}]"

        code = compile(TOKEN.sub(hole, text).replace("·", "*"), text, "eval")

        def value(k=0, by=0.0):
            changed = [each + by if j == k else each for j, each in enumerate(holes)]
            try:
                return eval(code, functions, {"holes": changed})
            except ValueError:  # outside the domain
                return math.nan

        with np.errstate(all="ignore"):
            exact = value()
            moved = [[abs(value(k, by) - exact) for by in (off, -off)] for k, off in enumerate(offs) if off]
            return exact, abs(exact) * WHOLE + sum(np.nanmax(each) if any(map(np.isfinite, each)) else 0 for each in moved)

    def compare(self, left, sign, right):
        """That two sides of an equation agree: to the digits shown, and where the sign is = to the last."""
        accuracy = {"=": WHOLE, "≈": SHOWN}[sign]
        (a, off_a), (b, off_b) = self.evaluated(left, accuracy), self.evaluated(right, accuracy)
        assert a == b or (a != a and b != b) or abs(a - b) <= 1.1 * (off_a + off_b), f"{left} {sign} {right}: {a} and {b}"


def iverson(text):
    """Brackets that are no indices, as in [x < w[2]], as calls of float."""
    start = re.search(r"(?<![\w'\]])\[", text)
    if start is None:
        return text
    depth = 0
    for end in range(start.start(), len(text)):
        depth += {"[": 1, "]": -1}.get(text[end], 0)
        if depth == 0:
            break
    return f"{text[: start.start()]}float({iverson(text[start.end() : end])}){iverson(text[end + 1 :])}"


def unbroken(text):
    """The lines of a derivation, equations that go on below put together again, and equations side by side one below the other."""
    lines = re.sub(r"\n +(?=[·*])", "", re.sub(r"\n +(?=[=≈+→-] )", " ", sentences(text))).splitlines()
    given = [number for number, line in enumerate(lines) if re.match(r" *(where|and) .* [=≈] ", line)]
    for number in given:  # as prose it may go on in the next lines
        while number + 1 < len(lines) and (lines[number + 1].strip() and lines[number].endswith(",")):
            lines[number] += " " + lines.pop(number + 1).strip()
            given[:] = [each - (each > number) for each in given]
    return [each for line in lines for each in side_by_side(line)]


def sentences(text):
    """The text with each sentence on the ends of paths in one line."""
    lines = []
    for line in text.splitlines():
        if lines and re.match(r" +\d+ paths? ends? ", lines[-1]) and not lines[-1].endswith("."):
            lines[-1] += " " + line.strip()
        else:
            lines.append(line)
    return "\n".join(lines)


def side_by_side(line):
    """``where x = 2, y = 3`` and ``z = x + y, with ∂z/∂x = 1`` as several lines."""
    if re.match(r" *(where|and) .* [=≈] ", line):
        return [f"    {each}" for each in re.split(rf", (?={NAME} [=≈] )", re.sub(r"^ *(where|and) ", "", line))]
    step, _, constants = line.partition(", with ∂")
    return [step, *(f"    ∂{each.removeprefix('∂')}" for each in constants.split(", ∂") if constants)]


def edges_and_ways(output, sources):
    """How many local derivatives are told, and how many of them pass something on; for each source how many paths, and how many cut."""
    order = topological_order(output)
    edges = [(node, slot, each) for node in order for slot, each in enumerate(node.inputs)]
    live = [(node, slot, each) for node, slot, each in edges if not node.cuts[slot]]
    acting, reached = before(sources, edges), after(output, live)
    ends = [(node, slot, each) for node, slot, each in edges if node in reached and each in acting and node.cuts[slot]]
    ends = [edge for edge in ends if edge[0].op.cuts[edge[1]] != "True"]  # detach is no news
    leading = before([*sources, *(node for node, _, _ in ends)], live)
    passing = [edge for edge in live if edge[0] in reached and edge[2] in leading]
    ways = [[count_ways(output, source, some) for source in sources] for some in (live, edges)]
    return (
        len(passing) + len(ends),
        len(passing),
        ways[0],
        [whole - whole_live for whole_live, whole in zip(*ways, strict=True)],
    )


def before(sources, edges):
    """The nodes that lead from the sources upwards."""
    found = set(sources)
    for node, _, each in edges:
        found.update([node] if each in found else [])
    return found


def after(output, edges):
    """The nodes that lead from the output downwards."""
    found = {output}
    for node, _, each in reversed(edges):
        found.update([each] if node in found else [])
    return found


def count_ways(output, source, edges):
    to = {source: 1}
    for node, _, each in edges:
        if node is not source:
            to[node] = to.get(node, 0) + to.get(each, 0)
    return to.get(output, 0)


def check(output, source=None, columns=100, **options):
    """Every equation is true, every path is one, and of paths, local derivatives and contributions none is missing."""
    text = explain(output, source, **options).to_text(columns)
    sources = [source] if isinstance(source, Value) else list(source or [])
    reader = Reader(output, sources)
    lines = unbroken(text)
    for line in lines:
        if "…" not in line and len(parts := line.strip().split(" = ")) > 1 and parts[0] in reader.node:
            reader.learn(parts[0], parts[1].split(" ≈ ")[0])
    section, route, local, routes, received, ended, tolds = "", [], 0, 0, {}, [], []
    for number, line in enumerate(lines):
        body = line.strip().removesuffix(CUT_REMARK)
        if meanings := MEANINGS.search(line):
            body = MEANINGS.sub("", line).strip()
            reader.mean(meanings[1])
        if not line.startswith(" "):
            section, tolds = line, []
        elif re.match(r"\d+ paths? ends? ", body):
            ended.append(int(body.split()[0]))
        elif " → " in body:
            route = body.split(" → ")
            routes += 1
            for before, after in pairwise(route):
                assert "…" in (before, after) or reader.node[before] in (
                    reader.folded(reader.node[after]) or reader.node[after].inputs
                ), body
        elif SIGN.search(body):
            first, *rest = SIGN.split(body)
            if route:
                edges = [(reader.node.get(after), reader.node.get(before)) for before, after in reversed([*pairwise(route)])]
                factors = [] if "…" in first else [reader.edge(factor) for factor in re.findall(DERIVATIVE, first)]
                assert len(factors) == (0 if "…" in first else len(edges))
                for (step, slot), (after, before) in zip(factors, edges, strict=bool(factors)):
                    assert step is after
                    assert slot is None or step.inputs[slot] is before
                told = [tuple(slot for _, slot in factors), tuple(route)]
                assert not factors or told not in tolds, "the same path twice"
                tolds.append(told)
                route = []
            for left, sign, right in zip([first, *rest[1::2]], rest[::2], rest[1::2], strict=False):
                if sign != "+=" and "…" not in left + right:
                    reader.compare(left, sign, right)
            local += section.startswith("The steps") and first.startswith("∂")
            if "+=" in rest:
                received.setdefault(first, []).append(float(Fraction(rest[-1]) if "/" in rest[-1] else rest[-1]))
            elif first in received and "…" not in text:
                assert len(received[first]) == rest[1].count(" + ") + 1
        else:
            assert PROSE.match(body) or not SIGN.search(lines[number - 1]), f"what is this? {line}"
    if not options.get("fold"):
        leaves = [each for each in reader.order if not each.inputs and type(each) is not Constant]
        edges, passing, ways, cut = edges_and_ways(output, sources or leaves)
        assert ended == [each for each in cut if each]
        assert routes == sum(min(each, options.get("max_paths", 10)) for each in ways if each > 1)
        assert [int(each) for each in re.findall(r"of (\d+)\s+paths\s+in\s+all", text)] == [
            each for each in ways if each > options.get("max_paths", 10)
        ]
    if "left out" not in text and not options.get("fold"):
        assert local == edges
        assert sum(map(len, received.values())) == passing
        for name, contributions in received.items():
            off = SHOWN * sum(map(abs, contributions))
            assert sum(contributions) == pytest.approx(reader.fact(name)[0], abs=off, nan_ok=True)
    return text


# --- expressions ------------------------------------------------------------------------------------------------------

EXPRESSIONS = {
    "sum of products": lambda x, y, z: x * y + y * z - x,
    "precedence": lambda x, y, z: -((x - y) - (z - x)) * (x / (y / z)) ** 2 - (-x) ** 2,
    "powers": lambda x, y, z: x**3 + 2**x - (x * z) ** (y / 3) + x**-1,
    "constants": lambda x, y, z: (1 - x) * 3 / (4 + 0.25 * y) - 7 + z,
    "shared": lambda x, y, z: (lambda u: u * u - u.tanh() + u / u)(x * y + z),
    "softmax": lambda x, y, z: -(autograd.softmax([x, y, z])[1]).log(),
    "logsumexp": lambda x, y, z: autograd.logsumexp([x, y, z]) - x,
    "numbers of all sizes": lambda x, y, z: 1e-7 * x + 123456.789 * y * 1e12 + z / 1e9,
    "nested": lambda x, y, z: ((x.sin() + 1).exp() * y.cosh()).log1p().sqrt() * z,
    "families": lambda x, y, z: y.leaky_relu(0.2) + y.elu(0.5) * x.leaky_relu() + z.elu(),
    "tenths": lambda x, y, z: (x - 1.7) + (0.1 + 0.2) * z - 3 * 0.3,
}


def leaves():
    return Value(2.0, "x"), Value(-3.0, "y"), Value(0.7, "z")


@pytest.mark.parametrize("f", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_every_statement_about_an_expression_is_true(f):
    xyz = leaves()
    check(f(*xyz))
    for source in xyz:
        check(f(*xyz), source)
    check(f(*xyz), xyz[:2])


ROWS = [op.at(0.5) if op.is_family and op.name != "pow" else op.at(3) if op.is_family else op for op in OPS.values()]


@pytest.mark.parametrize("op", ROWS, ids=repr)
def test_every_statement_about_every_row_is_true(op):
    operands = [
        Value(low + (0.3 + 0.3 * k) * (high - low), name)
        for k, (name, (low, high)) in enumerate(zip("pq", op.samples, strict=False))
    ]
    check(apply(op, *operands) * 2 + operands[0])


@for_all(expressions(), examples=50)
def test_every_statement_about_any_expression_is_true(expression):
    nodes = expression.graph()
    for name, node in nodes.items():
        node.label = name if name in expression.leaves else ""
    check(nodes[expression.output])


@for_all(expressions(kind=Fraction, most=7), examples=25)
def test_of_fractions_every_statement_is_exact(expression):
    nodes = expression.graph()
    text = check(nodes[expression.output], nodes["x1"])
    assert "≈" not in text or max(len(str(node.data)) for node in nodes.values()) > 20


@for_all(expressions(most=8), examples=25)
def test_every_statement_about_inner_nodes_is_true(expression):
    nodes = expression.graph()
    for node in list(nodes.values())[-3:]:
        check(nodes[expression.output], node)


@for_all(expressions(most=8), examples=25)
def test_every_statement_is_true_with_scopes_folded(expression):
    """The first steps in one scope, half of them in another inside it."""
    names = list(expression.operations)
    nodes = expression.start()
    for k, name in enumerate(names):
        with scope("a"), scope("b" if k < len(names) // 2 else "c"):
            nodes[name] = expression.replay(nodes, apply)[name]
    output = 2 * nodes[expression.output]
    scopes = {"/".join(node.scope) for node in topological_order(output) if node.inputs}
    for fold in (1, 2, *sorted(scopes - {""})):
        check(output, nodes["x1"], fold=fold)


@for_all(expressions(most=10), examples=25)
def test_every_statement_that_is_left_is_true(expression):
    nodes = expression.graph()
    check(nodes[expression.output], max_steps=2, max_paths=1)


# --- the check can fail -------------------------------------------------------------------------------------------------


def swapped(function):
    return lambda self, node, operands: function(self, node, operands[::-1])


def at_the_other_slot(function):
    return lambda self, node, slot, in_numbers=False: function(self, node, len(node.inputs) - 1 - slot, in_numbers)


def without_the_first(function):
    return lambda items, write: function(items[1:] or items, write)


BUGS = {  # what is replaced, and by what made of it
    "no parentheses": ("rules.notation.Notation.operand", lambda f: lambda self, piece, at_least: piece.text),
    "too few parentheses": ("rules.notation.Notation.operand", lambda f: lambda self, piece, at_least: f(self, piece, at_least - 1)),
    "the sign of a number lost": ("rules.notation._Text.number", lambda f: lambda self, number, digits=None: f(self, abs(number), digits)),
    "numbers rounded too far": ("rules.notation.NUM_DIGITS", lambda digits: 4),
    "operands swapped": ("explaining.named_graph.NamedGraph._applied", swapped),
    "the formula of the other operand": ("explaining.named_graph.NamedGraph.local_derivative", at_the_other_slot),
    "a derivative upside down": ("rules.notation._Text.partial_derivative", lambda template: "∂{1}/∂{0}"),
    "the number of the other operand": ("explaining.folded.FoldedGraph.partials", lambda f: lambda self, node: f(self, node)[::-1]),
    "a term forgotten": ("explaining.chain_rule.total", lambda f: lambda numbers: f(numbers[1:] or numbers)),
    "a factor forgotten": ("explaining.chain_rule.product", lambda f: lambda numbers: f(numbers[1:] or numbers)),
    "a named factor forgotten": ("explaining.chain_rule.side_by_side", without_the_first),
    "a path forgotten": ("explaining.chain_rule.paths", lambda f: lambda *arguments: list(f(*arguments))[1:] or list(f(*arguments))),
    "a path told backwards": ("explaining.chain_rule.Route", lambda f: lambda nodes: f(nodes[::-1])),
    "= for ≈": ("explaining.shown_digits.prints_exactly", lambda f: lambda number, digits=None: True),
    "the wrong operand named": ("explaining.named_graph.operand_number", lambda f: lambda inputs, slot: f(inputs, 1 - slot) if f(inputs, slot) else 0),
    "no operand named": ("explaining.named_graph.operand_number", lambda f: lambda inputs, slot: 0),
    "added without need": ("explaining.chain_rule._Explanation._accumulated", lambda f: lambda self, *rest: [*f(self, *rest)] * 2),
}  # fmt: skip


def check_all():
    for f in EXPRESSIONS.values():
        check(f(*leaves()))


@pytest.mark.parametrize(("what", "change"), BUGS.values(), ids=BUGS)
def test_a_planted_bug_is_found(what, change, monkeypatch):
    *owner, name = f"autograd.{what}".split(".")
    module = importlib.import_module(".".join(owner[:3]))
    place = functools.reduce(getattr, owner[3:], module)
    monkeypatch.setattr(place, name, change(getattr(place, name)))
    with pytest.raises(AssertionError):
        check_all()


# --- the classics -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CLASSICS)
def test_the_classics_are_told_as_before(name):
    """After a change that is meant: ``python -m tests.autograd.classics``, and read the difference."""
    assert f"{derivation(name)}\n" == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_there_is_no_golden_text_of_a_classic_that_is_gone():
    expected = {*(f"{name}.txt" for name in CLASSICS), *(f"{name}.mathml" for name in IN_MATHML)}
    assert {path.name for path in GOLDEN.iterdir()} == expected


@pytest.mark.parametrize("name", CLASSICS)
def test_every_statement_of_the_classics_is_true(name):
    output, options = CLASSICS[name]()
    check(output, **options)


def test_the_thin_chain_has_the_factors_of_the_lecture():
    """S4.21."""
    chain = ["L", "yhat", "a_31", "h_21", "a_21", "h_11", "a_11", "w_111"]
    assert f"dL/dw_111 = {'·'.join(f'∂{y}/∂{x}' for y, x in pairwise(chain))}\n" in str(derivation("thin_chain"))


def test_a_hidden_unit_sums_over_the_units_of_the_next_layer():
    """S4.50 and S4.51: dL/dh_22 is the sum of dL/da_3m times w_3m2."""
    y = np.exp([0.54, -0.5]) / np.exp([0.54, -0.5]).sum()
    terms = [(y[0] - 1) * 0.6, y[1] * -0.2]
    assert f"dL/dh_22 ≈ {terms[0]:.6g} + ({terms[1]:.6g}) ≈ {sum(terms):.6g}\n" in str(derivation("hidden_unit"))


# --- what is said, and how ----------------------------------------------------------------------------------------------


def test_precedence_is_kept_and_no_parenthesis_is_superfluous():
    a, b, c = Value(2.0, "a"), Value(3.0, "b"), Value(5.0, "c")
    for expression, text in [
        (a + b * c, "a + b*c"),
        ((a + b) * c, "(a + b)*c"),
        ((a + b) * c * a, "(a + b)*c*a"),
        (a - (b + c) * a, "a - (b + c)*a"),
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
        (a * Fraction(-1, 3) / Fraction(2, 3) + Fraction(1, 2), "a*(-1/3)/(2/3) + 1/2"),
    ]:
        assert str(explain(expression)).splitlines()[1].split(" = ", 1)[1] == text


def test_labelled_and_shared_nodes_get_lines_of_their_own():
    a, b = Value(2.0, "a"), Value(3.0, "b")
    v = named("u", a * b) + 1
    lines = str(explain(v * v)).splitlines()
    assert lines[1:4] == ["  u = a*b", "  v1 = u + 1", "  v2 = v1*v1"]


def test_numbers_stand_in_the_order_in_which_the_formula_reads_them():
    w, x, b = Value(1.0, "w"), Value(2.0, "x"), Value(3.0, "b")
    lines = str(explain(x * (b + w * x))).splitlines()
    assert lines[2] == "  where x = 2, b = 3, w = 1"


def test_long_formulas_are_broken_into_lines():
    xs = [Value(float(k), f"x{k}") for k in range(1, 60)]
    lines = str(explain(autograd.total(xs), xs[0])).split("\n  where")[0].splitlines()[1:]
    assert len(lines) > 3
    assert "".join(lines).count(" + ") == 58


def test_long_equations_are_broken_before_their_signs():
    text = str(derivation("thin_chain"))
    assert "∂a_11/∂w_111\n    ≈ (-1.367506)·" in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("name", ["thin_chain", "hidden_unit", "softmax_cross_entropy", "diamond", "log_sum_exp"])
def test_on_a_narrow_terminal_every_line_fits_and_every_statement_is_still_true(name, columns):
    output, options = CLASSICS[name]()
    check(output, columns=columns, **options)
    lines = explain(output, **options).to_text(columns).splitlines()
    assert [line for line in lines if len(line) > columns and "(" not in line] == []  # a call is not broken
    assert max(map(len, lines)) <= 80


def test_long_products_sums_and_paths_are_broken_where_no_bracket_is_open():
    x = Value(2.0, "a·b + c")  # no sign in a label is one
    y = x
    for _ in range(14):
        y = y * x
    lines = explain(y * 3, x, max_paths=1).to_text(50).splitlines()
    assert max(map(len, lines)) <= 50
    assert any(line.lstrip().startswith("·∂") for line in lines)
    assert any(line.lstrip().startswith("→ ") for line in lines)
    assert all(line.count("«") == line.count("»") for line in lines)


def test_equal_labels_are_told_apart_and_odd_ones_quoted():
    a, b, c = Value(2.0, "x"), Value(3.0, "x"), Value(5.0, "my value")
    text = check(a * b + c)
    assert text.splitlines()[1] == "  v2 = x*x_2 + «my value»"
    assert "dv2/d«my value» = ∂v2/∂«my value» = 1" in text
    assert [names([a, b, c])[each] for each in (a, b, c)] == ["x", "x_2", "my value"]
    outside = Value(1.0, "x")
    assert "dv2/dx_3 = 0" in str(explain(a * b + c, outside))


@pytest.mark.parametrize(
    "label", ["50 % {of} \\it_", "a = b", "x»y«", "größe", "权重", "a\nb", "$$", "<b>", "x.grad", "d", "v1", "inf", 7]
)
def test_any_label_will_do(label):
    a, b = Value(2.0, "a"), Value(3.0)
    b.label = label
    text = str(explain(named(" ", a * b + b), b))
    assert ("dv3/d" if label == "v1" else "dv2/d") in text  # a count passes over the label
    assert len(text.splitlines()) == 22
    assert " = 2 + 1 = 3\n" in text


def test_many_equal_labels_take_no_longer():
    xs = [Value(1.0, "x") for _ in range(20_000)]
    assert list(names(xs).values())[-1] == "x_20000"


def test_without_a_path_the_derivative_is_zero():
    a, b = Value(2.0, "a"), Value(3.0, "b")
    text = check(a * a, b)
    assert "dv1/db: no path\n  v1 does not depend on b.\n  dv1/db = 0" in text
    assert "accumulation" not in text


def test_a_leaf_is_its_own_derivation():
    assert str(explain(Value(2.0, "x"))) == "The formula\n  x = 2\n\ndx/dx: along the only path\n  dx/dx = 1"


def test_the_two_slots_of_a_quotient_are_told_apart():
    a = Value(2.0, "a")
    text = check(named("q", a / a), a)
    assert "∂₁q = 1/a = 1/2 = 0.5\n" in text
    assert "∂₂q = -q/a = -1/2 = -0.5\n" in text
    assert "dq/da = ∂₁q + ∂₂q = 0.5 + (-0.5) = 0\n" in text
    assert "dq/da = 0.5 + (-0.5) = 0" in text


def test_a_contribution_is_added_line_by_line_and_the_sum_told_once():
    a = Value(3.0, "a")
    text = check(a * a + a, a)
    assert text.count("a.grad +=") == 3
    assert text.count("  a.grad = ") == 1
    assert "a.grad = 1 + 3 + 3 = 7" in text


def test_an_inner_node_is_taken_as_given():
    x = Value(0.5, "x")
    h = named("h", x.tanh() * 2)
    text = check(h * h, h)
    assert "tanh" not in text
    assert "  where h ≈ 0.924234\n" in text
    both = check(h * h, [x, h])
    assert "tanh(x)" in both


def test_at_zero_the_convention_of_a_power_is_not_passed_off_as_its_formula():
    x, y = Value(0.0, "x"), Value(2.0, "y")
    text = check(x**y)
    assert "∂v1/∂y = 0" in text
    assert "log" not in text
    assert "∂v1/∂y = x**y*log(x)" in check(Value(2.0, "x") ** Value(0.0, "y"))


def test_at_the_origin_the_convention_of_a_length_is_not_passed_off_as_its_formula():
    x = Value(0.0, "x")
    text = check(autograd.hypot(x, x))
    assert "∂₁v1 = 0\n" in text
    assert "∂₁v1 = x/hypot(x, x)" in check(autograd.hypot(y := Value(3.0, "x"), y))


def test_tenths_are_exact_although_floats_round_them():
    w, x = Value(0.1, "w"), Value(0.7, "x")
    assert "v1 = w*x = 0.1*0.7 = 0.07" in check(w * x)
    assert "v1 ≈ w*0.333333 ≈ 0.1*0.333333 ≈ 0.0333333" in check(w * (1 / 3))
    assert "≈ x**0.333333" in check(x ** (1 / 3))


def test_there_is_no_negative_zero():
    x = Value(2.0, "x")
    text = check((x * 0.0) * (-1.0), x)
    assert "-0" not in text


def test_exact_numbers_stay_exact_until_they_are_too_long():
    a = Value(Fraction(1, 3), "a")
    text = check(a**2 - a)
    assert "≈" not in text
    assert "v2 = v1 - a = 1/9 - 1/3 = -2/9" in text
    long = str(explain(Value(Fraction(2, 3), "a") ** 100))
    assert "= (2/3)**100 ≈ 2.45965e-18" in long
    huge = str(explain(Value(10**5000, "a") * (2 * 10**5000)))
    assert "v1 = a*2e+5000 = 1e+5000*2e+5000 = 2e+10000" in huge


def test_folded_scopes_are_one_step_with_a_name_and_a_number():
    a = Value(2.0, "a")
    with scope("cube"):
        b = a * a * a
    text = check(b * 5, a, fold="cube")
    assert "v2 = cube(a) = cube(2) = 8" in text
    assert "∂v2/∂a = 12" in text
    assert "A folded scope is one step; its local derivatives are sums over the paths inside." in text


def test_the_components_of_a_folded_softmax_are_told_apart():
    zs = [Value(data, f"z{i}") for i, data in enumerate([2.0, 1.0], start=1)]
    with scope("net"), scope("softmax"):
        p = [named(f"p{i}", each) for i, each in enumerate(autograd.softmax(zs), start=1)]
    text = check(p[0] - p[1], zs[0], fold=2)
    assert "p1 = net.softmax[p1](z1, z2) = net.softmax[p1](2, 1) ≈ 0.7310586" in text
    assert r"\text{net.softmax}_{p_{2}}\left(z_{1}, z_{2}\right)" in explain(p[0] - p[1], zs[0], fold=2).to_latex()


def test_a_network_speaks_in_the_names_of_its_parameters():
    model = nn.MLP(2, [3, 1], activation="tanh", seed=0)
    loss = nn.sum_of_squares(model([0.5, -1.0]), [1.0])
    weight = model.layers[0].neurons[1].w[0]
    assert "w1[2,1]" in check(loss, weight)
    assert r"w^{(1)}_{2,1}" in explain(loss, weight).to_latex()
    assert "layer1.neuron2(b1[2], w1[2,1], w1[2,2])" in check(loss, weight, fold=2)


def test_constants_are_written_as_their_numbers():
    order = topological_order(Value(2.0, "a") * 3 + 0.5)
    assert all((node in names(order)) == (type(node) is not Constant) for node in order)
    three = order[1]
    assert "v2" in str(explain(order[-1], three))  # asked for, it has a name


def test_a_closure_with_local_derivatives_is_a_step_without_a_formula():
    a = Value(3.0, "a")
    text = str(explain(2 * Value(9.0, (a,), (6.0,)), a))
    assert "v1 = f(a) = f(3) = 9\n    ∂v1/∂a = 6\n" in text
    odd = Value(9.0, (a,), "^2")
    assert "v3 = «^2»(a) + detach(a) = 12\n" in str(explain(odd + a.detach(), Value(1.0)))


# --- abridged -------------------------------------------------------------------------------------------------------------


def test_many_paths_are_abridged_with_their_number_and_their_share():
    a = Value(1.0, "a")
    b = a
    for _ in range(6):
        b = b * 0.75 + b * 0.25
    text = check(b, a, max_paths=4).replace("\n  ", " ")
    assert "the 4 paths with the largest products, of 64 paths in all" in text
    # the largest has 0.75^6, the next three 0.75^5 * 0.25 each; all sizes add up to 1
    assert f"{100 * (0.75**6 + 3 * 0.75**5 * 0.25):.3g} % of the sum of all |products|" in text
    assert "left out" not in text
    short = check(b, a, max_steps=4)
    assert "… 14 steps are left out here; max_steps shows more." in short
    assert "… 20 lines are left out here" in short


def test_the_share_of_nothing_is_not_told():
    a = Value(-1.0, "a")
    dead = a * 0.0  # a computed 0, at which no path is cut
    text = str(explain(dead * dead * dead * dead + dead * dead, a, max_paths=2))
    assert "of 6 paths in all. The derivative" in text.replace("\n  ", " ")
    assert "dv6/da = 0" in text


def test_what_is_not_on_the_way_is_no_step():
    xs = [Value(float(k), f"x{k}") for k in range(1, 9)]
    noise = autograd.total((x * x).tanh() for x in xs[1:])
    text = str(explain(noise + 3 * xs[0], xs[0], max_steps=5))
    assert "The steps and their local derivatives\n  v21 = 3*x1 = 3*1 = 3\n" in text
    assert " + tanh(x6*x6) ≈ 4.99933\n" in text  # it is no step, and so its number stands in the formula
    assert (
        "  where x2 = 2, x3 = 3\n  … 3 numbers are left out here; max_steps shows more.\n  and x7 = 7, x8 = 8, x1 = 1\n" in text
    )


def test_of_very_many_leaves_ten_are_differentiated_in():
    xs = [Value(float(k), f"x{k}") for k in range(12)]
    text = str(explain(autograd.total(xs)))
    assert len(re.findall(": along the only path", text)) == 10
    assert "There are 2 more leaves. Name those whose derivatives you want: explain(output, source)." in text
    assert len(re.findall(": along the only path", str(explain(autograd.total(xs), xs)))) == 12


def chain(steps):
    x = Value(1.0, "x")
    y = x
    for _ in range(steps):
        y = y * 1.0001
    return y, x


def diamonds(steps):
    x = Value(1.0, "x")
    y = x
    for _ in range(steps):
        y = y + y
    return y, x


def fan(steps):
    x = Value(1.0, "x")
    return autograd.total(x * k for k in range(steps)), x


@pytest.mark.parametrize(("make", "steps"), [(chain, 20_000), (diamonds, 5_000), (fan, 5_000)])
def test_large_graphs_are_explained_in_little_text_and_little_time(make, steps):
    output, source = make(steps)
    start = time.process_time()
    text = str(explain(output, source))
    # measured: half a second to one; what is quadratic anywhere takes minutes
    assert time.process_time() - start < 15
    assert len(text) < 40_000
    assert "left out" in text
    if make is diamonds:
        assert (
            f"of about {TEXT.number(2**steps).text} paths in all" in unbroken(text.replace("\n  ", " "))[-70:][0]
            or "paths in all" in text
        )


def test_a_ladder_of_diamonds_is_counted_without_walking_its_paths():
    output, source = diamonds(60)
    assert f"of {2**60} paths in all" in str(explain(output, source)).replace("\n  ", " ")
    assert count_paths(output, source) == 2**60


# --- what is refused, and what is left alone --------------------------------------------------------------------------


def test_closures_and_strangers_are_refused_at_once():
    a = Value(2.0, "a")
    with pytest.raises(ClosureError, match="'square' is a closure"):
        explain(3 * Value(4.0, (a,), "square"), a)
    for output, source, got in [(2.0, None, "2.0"), (a * a, [[2]], "[2]"), (a * a, 3.0, "3.0"), (a * a, "a", "'a'")]:
        with pytest.raises(TypeError, match=f"but got {re.escape(got)}"):
            explain(output, source)
    for options in ({"max_paths": 0}, {"max_steps": -1}, {"max_steps": 2.5}, {"max_paths": True}):
        with pytest.raises(ValueError, match="a whole number of at least 1"):
            explain(a * a, a, **options)
    with pytest.raises(ValueError, match="no operation was made in the scope 'b'"):
        explain(a * a, a, fold="b")


def test_numbers_that_do_not_belong_together_are_refused():
    w, x = Value(0.5, "w"), Value(2.0, "x")
    y = w * x
    made_before = explain(y)
    before = str(made_before)
    w.data = 7.0
    with pytest.raises(ValueError, match=r"w was assigned after the graph was built: its data is now 7\.0"):
        explain(y)
    assert str(made_before) == before


def test_two_sources_of_which_one_is_inside_a_folded_scope_are_refused():
    x = Value(2.0, "x")
    with scope("a"):
        h = named("h", x * x)
        y = h * h + x
    for source in (x, h):
        check(y * 3, source, fold="a")
    with pytest.raises(ValueError, match="h is inside a folded scope: explain it alone"):
        explain(y * 3, [x, h], fold="a")
    check(y * 3, [x, y], fold="a")


def test_nothing_is_touched():
    a = Value(2.0, "a")
    out = a * a
    out.grad, a.grad = 7.0, 8.0
    shown = explain(out)
    str(shown), shown.to_latex(), shown.to_markdown()
    assert (out.grad, a.grad, out.label) == (7.0, 8.0, "")


def test_a_fractional_power_of_a_fraction_is_explained():
    text = str(explain(Value(Fraction(4), "a") ** Fraction(1, 2)))
    assert "1/2*a**(-1/2)" in text
