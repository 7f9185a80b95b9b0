"""explain: every statement it prints is read back and found true, and the classics stand as golden texts."""

import math
import re
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import autograd
from autograd import OPS, Constant, Value, apply, explain, grad, scope, topological_order
from autograd.named import names_of
from autograd.notation import TEXT
from tests.strategies import expressions, for_all

# --- reading a derivation back ----------------------------------------------------------------------------------------

NAME = r"(?:«[^»]*»|[^\W\d]\w*'*(?:\[[\w,]+\])?)"
NUMBER = r"(?<![\w.])(?:\d+\.?\d*(?:e[+-]?\d+)?|inf\b|nan\b)"
TOKEN = re.compile(rf"(?P<derivative>[d∂]{NAME}/[d∂]{NAME})|(?P<number>{NUMBER})|(?P<name>{NAME}(?:\.grad)?)")
REMARK = re.compile(r"  \((operand \d+[^()]*)\)$")
PROSE = re.compile(
    r"where$|A folded scope is one step;|… \d+ (line|step|number)s? (is|are) left out here; max_steps shows more\.$"
    r"|There are \d+ more leaves\.|These are the \d+ paths with the largest products|.* does not depend on .*\.$"
)
SIGN = re.compile(r" (=|≈|\+=) (?![^«]*»)")
SHOWN = 5.1e-6  # half a unit in the last of six digits, relatively, and what floats add to it
WHOLE = 2e-14  # some units in the last digit of a float: what stands after an = has lost no more

FUNCTIONS = {name: lambda *xs, op=op: np.float64(apply(op, *map(float, xs))) for name, op in OPS.items() if not op.is_family}
FUNCTIONS |= {
    name: lambda x, c, op=op: np.float64(apply(op.at(float(c)), float(x))) for name, op in OPS.items() if op.is_family
}


class Reader:
    """What the names in a derivation stand for, found without it: by ``grad``, and by computing again."""

    def __init__(self, output, sources):
        self.output = output
        self.order = topological_order(output)
        self.node = {TEXT.name(name): node for node, name in names_of(self.order, sources).items()}
        self.scopes = {"/".join(node.scope[:k]) for node in self.order for k in range(1, len(node.scope) + 1)}
        self.entering = {scope_: {} for scope_ in self.scopes}  # for each step of a folded scope, what it is computed from
        self.known = {}
        self.slots = {}  # which operand the line at hand speaks of, by the name of the step

    def learn(self, step, written):
        """Of a folded scope only its text says what enters it."""
        name, _, arguments = written.partition("(")
        names = arguments[:-1].split(", ")
        if name in self.scopes and set(names) <= set(self.node):
            self.entering[name][self.node[step]] = [self.node[each] for each in names]

    def again(self, node, given):
        """A node computed once more, from other inputs."""
        if node in given or not node.inputs:
            return given.get(node, node.data)
        return apply(node.op, *(self.again(each, given) for each in node.inputs))

    def call(self, scope_, numbers):
        """A folded scope as a function: that of its steps whose inputs are, but for rounding, these."""
        steps = [(node, inputs) for node, inputs in self.entering[scope_].items() if len(inputs) == len(numbers)]
        node, inputs = min(steps, key=lambda step: math.dist([float(each.data) for each in step[1]], numbers))
        return np.float64(self.again(node, dict(zip(inputs, map(float, numbers), strict=True))))

    def folded(self, step):
        """What enters a step of a folded scope, as its text tells it; of another step nothing."""
        return next((steps[step] for steps in self.entering.values() if step in steps), None)

    def fact(self, text):
        """The number that a name or a derivative stands for, and how far rounding may have put it off."""
        if text in self.node:
            return np.float64(self.node[text].data), 0.0
        if text.startswith("∂"):
            names = re.fullmatch(f"∂({NAME})/∂({NAME})", text).groups()
            step, source = (self.node[name] for name in names)
            if not self.folded(step):
                slot = self.slots[names[0]] if step.inputs.count(source) > 1 else step.inputs.index(source)
                assert step.inputs[slot] is source
                return np.float64(step.partials[slot]), 0.0
        if text not in self.known:
            self.known[text] = self.derivative(text)
        return self.known[text]

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
        functions, holes, offs = dict(FUNCTIONS), [], []
        for k, scope_ in enumerate(sorted(self.scopes, key=len, reverse=True)):
            text = re.sub(rf"(?<![\w/]){re.escape(scope_)}\(", f"scope{k}_(", text)
            functions[f"scope{k}_"] = lambda *numbers, scope_=scope_: self.call(scope_, numbers)

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


def unbroken(text):
    """The lines of a derivation, equations that go on below put together again."""
    return re.sub(r"\n +(?=[=≈] )", " ", text).splitlines()


def slots_of(remark, body):
    """``operand 1 of c, d; operand 2 of e``, or ``operand 1`` of the step whose local derivative stands there."""
    slots = {}
    for each in remark.split("; "):
        number, _, steps = each.removeprefix("operand ").partition(" of ")
        for step in steps.split(", ") if steps else re.findall(f"∂({NAME})/∂", body)[:1]:
            slots[step] = int(number) - 1
    return slots


def edges_and_ways(output, sources):
    """How many local derivatives there are between sources and output, and for each source how many paths."""
    order = topological_order(output)
    between = {node for node in order if node in sources}
    for node in order:
        between.update([node] if any(each in between for each in node.inputs) else [])
    edges = sum(each in between for node in order for each in node.inputs)
    ways = []
    for source in sources:
        to = {source: 1}
        for node in order:
            to.setdefault(node, sum(to[each] for each in node.inputs))
        ways.append(to.get(output, 0))
    return edges, ways


def check(output, source=None, **options):
    """Every equation is true, every path is one, and of paths, local derivatives and contributions none is missing."""
    text = str(explain(output, source, **options))
    sources = [source] if isinstance(source, Value) else list(source or [])
    reader = Reader(output, sources)
    lines = unbroken(text)
    for line in lines:
        if "…" not in line and len(parts := line.strip().split(" = ")) > 1 and parts[0] in reader.node:
            reader.learn(parts[0], parts[1].split(" ≈ ")[0])
    section, route, local, routes, received = "", [], 0, 0, {}
    for number, line in enumerate(lines):
        body = REMARK.sub("", line.strip())
        if not line.startswith(" "):
            section = line
        elif " → " in body:
            route = body.split(" → ")
            routes += 1
            for before, after in pairwise(route):
                assert "…" in (before, after) or reader.node[before] in (
                    reader.folded(reader.node[after]) or reader.node[after].inputs
                ), body
        elif SIGN.search(body):
            remark = REMARK.search(line)
            reader.slots = slots_of(remark[1], body) if remark else {}
            first, *rest = SIGN.split(body)
            if route:
                assert "…" in first or first == "·".join(
                    f"∂{after}/∂{before}" for before, after in reversed([*pairwise(route)])
                )
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
    if "left out" not in text and "in all" not in text and not options.get("fold"):
        leaves = [each for each in reader.order if not each.inputs and type(each) is not Constant]
        edges, ways = edges_and_ways(output, sources or leaves)
        assert local == edges
        assert routes == sum(each for each in ways if each > 1)
        assert sum(map(len, received.values())) == edges
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
    "shared": lambda x, y, z: (lambda u: u * u + u.tanh() / u)(x * y + z),
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
    names = list(expression.steps)
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
