"""The checks can fail: the bugs of published engines, planted one by one, are each caught.

``failures()`` is the check: gradients over a corpus of expressions against the complex step, which shares no code with the
engine, and the semantics of a second pass. On the true engine it finds nothing; with any of the bugs below it does.
"""

import cmath
from types import SimpleNamespace

import pytest

import autograd
from autograd import Constant, Value, grad, ops, topological_order

CMATH = SimpleNamespace(exp=cmath.exp, log=cmath.log, tanh=cmath.tanh, sin=cmath.sin, sqrt=cmath.sqrt)


def diamond(m, x, y):
    b, c = x * y, x + y
    return b * c


def late_user(m, x, y):
    """x is read early and, through a longer path, late: the node b has to wait for c."""
    b = x * 3
    c = b * y
    d = c * b
    return d * b + d


def early_user(m, x, y):
    """The other way round: a depth-first walk meets b at the output, before c, which reads b too."""
    b = x * 3
    return b + b * y


def doubled(m, x, y):
    b = x + x
    return b + b


CORPUS = {
    "sum": lambda m, x, y: x + 2 * y,
    "difference": lambda m, x, y: x - y,
    "product": lambda m, x, y: x * y,
    "quotient": lambda m, x, y: x / y,
    "square": lambda m, x, y: x * x * y,
    "cube": lambda m, x, y: x**3 - y**-2,
    "power": lambda m, x, y: x**y,
    "chain": lambda m, x, y: m.exp(m.sin(m.tanh(x * y))),
    "logarithms": lambda m, x, y: m.log(x) * m.sqrt(y),
    "doubled": doubled,
    "diamond": diamond,
    "late user": late_user,
    "early user": early_user,
}
POINT = (0.7, 1.3)


def complex_step(f):
    step = 1e-30  # nothing cancels, so the step may be as small as we like
    return [
        f(CMATH, complex(POINT[0], step), complex(POINT[1])).imag / step,
        f(CMATH, complex(POINT[0]), complex(POINT[1], step)).imag / step,
    ]


def failures():
    """The names of all that is wrong with the engine as it stands."""
    found = set()
    for name, f in CORPUS.items():
        x, y = map(Value, POINT)
        output = f(autograd, x, y)
        output.backward()
        close = pytest.approx(complex_step(f), rel=1e-12)  # tens of roundings
        if [x.grad, y.grad] != close:
            found.add(name)
        if grad(output, [x, y]) != close:
            found.add(f"grad of {name}")
        if any(node.grad != 0 for node in topological_order(output) if type(node) is Constant):
            found.add("a constant took a gradient")
    a, b, d = Value(2.0), Value(3.0), Value(1.0)
    e = (a + b) * d
    e.backward()
    e.backward()
    if (a.grad, b.grad, d.grad) != (2.0, 2.0, 10.0):
        found.add("second pass")
    return found


def backward(self, order=None, inputs=lambda node: zip(node.inputs, node.partials, strict=True), upstream=lambda g: g):
    """A pass that is right unless one of its parts is replaced, so that each plant below is one change."""
    order = (order or topological_order)(self)
    for node in order:
        if node.op is not None:
            node.grad = 0.0
    self.grad += 1.0
    for node in reversed(order):
        for source, partial in inputs(node):
            if type(source) is not Constant:
                source.grad += partial * upstream(node.grad)


def test_the_true_engine_passes():
    assert failures() == set()


def test_the_pass_into_which_bugs_are_planted_is_right_without_them(monkeypatch):
    monkeypatch.setattr(Value, "backward", lambda self: backward(self))
    assert failures() == set()


# --- wrong rules -----------------------------------------------------------------------------------------------------

RULES = {
    "sign flipped in -": (ops.SUB, lambda out, dx, dy: (out, dx, -dy), {"difference", "cube"}),
    "sign flipped in /": (ops.DIV, lambda out, dx, dy: (out, dx, -dy), {"quotient"}),
    "sign flipped in tanh": (ops.TANH, lambda out, dx: (out, -dx), {"chain"}),
    "factor 2 in tanh": (ops.TANH, lambda out, dx: (out, 2 * dx), {"chain"}),
    "factor 2 in log": (ops.LOG, lambda out, dx: (out, 2 * dx), {"logarithms"}),
    "partials of * swapped": (ops.MUL, lambda out, dx, dy: (out, dy, dx), {"product", "diamond"}),
    "partial of ** in the exponent dropped": (ops.POWER, lambda out, dx, dy: (out, dx, 0.0), {"power"}),
    "derivative of exp read off its input": (ops.EXP, lambda out, dx: (out, cmath.log(out).real), {"chain"}),
    "a part in a thousand in sin": (ops.SIN, lambda out, dx: (out, 1.001 * dx), {"chain"}),
}


@pytest.mark.parametrize("bug", RULES)
def test_a_wrong_rule_is_caught(monkeypatch, bug):
    op, wrong, expected = RULES[bug]
    right = op.kernel
    monkeypatch.setattr(op, "kernel", lambda *operands: wrong(*right(*operands)))
    found = failures()
    assert expected <= found
    assert {f"grad of {name}" for name in expected} <= found
    monkeypatch.undo()
    assert failures() == set()


# --- wrong passes ----------------------------------------------------------------------------------------------------


def assigned(self):
    """``=`` for ``+=``."""
    self.grad = 1.0
    for node in reversed(topological_order(self)):
        for source, partial in zip(node.inputs, node.partials, strict=True):
            source.grad = partial * node.grad


def not_reset(self):
    """Inner nodes keep the gradient of the pass before: 3.0 where the second pass gives 2.0."""
    self.grad = 1.0
    for node in reversed(topological_order(self)):
        for source, partial in zip(node.inputs, node.partials, strict=True):
            if type(source) is not Constant:
                source.grad += partial * node.grad


def all_reset(self):
    """Leaves are reset too, so the second pass adds nothing."""
    for node in topological_order(self):
        node.grad = 0.0
    backward(self)


def operands_in_a_set(node):
    """micrograd keeps a set: of the two edges of x * x one is lost."""
    partials = dict(zip(node.inputs, node.partials, strict=True))
    return [(source, partials[source]) for source in node._prev]


PASSES = {
    "= for +=": (assigned, {"square", "diamond", "doubled"}),
    "inner gradients not reset": (not_reset, {"second pass"}),
    "leaves reset": (all_reset, {"second pass"}),
    "upstream factor dropped": (lambda self: backward(self, upstream=lambda g: 1.0), {"chain", "square", "diamond"}),
    "upstream factor squared": (lambda self: backward(self, upstream=lambda g: g * g), {"chain", "square"}),
    "an operand lost in x * x": (lambda self: backward(self, inputs=operands_in_a_set), {"square", "doubled"}),
    "the second operand lost": (
        lambda self: backward(self, inputs=lambda node: list(zip(node.inputs, node.partials, strict=True))[:1]),
        {"sum", "product"},
    ),
}


@pytest.mark.parametrize("bug", PASSES)
def test_a_wrong_pass_is_caught(monkeypatch, bug):
    wrong, expected = PASSES[bug]
    monkeypatch.setattr(Value, "backward", wrong)
    assert expected <= failures()


# --- wrong orders ----------------------------------------------------------------------------------------------------


def preorder(root):
    """A node before its inputs, depth first: what a plain recursion visits. Reversed, as the pass expects it."""
    order, stack, met = [], [root], set()
    while stack:
        node = stack.pop()
        if node not in met:
            met.add(node)
            order.append(node)
            stack.extend(reversed(node.inputs))
    return order[::-1]


def breadth_first(root):
    order = [root]
    for node in order:
        order.extend(source for source in node.inputs if source not in order)
    return order[::-1]


def upside_down(root):
    return topological_order(root)[::-1]


def with_a_node_twice(root):
    """As a walk that forgets to mark what it met: inner nodes pass on twice."""
    order = topological_order(root)
    return [*order[:-1], *order[-2:]]


ORDERS = {
    "depth first, preorder": (preorder, {"early user"}),
    "breadth first": (breadth_first, {"late user", "early user"}),
    "inputs before the output": (upside_down, {"chain"}),
    "a node twice": (with_a_node_twice, {"chain"}),
}


@pytest.mark.parametrize("module", ["value", "derivatives"])
@pytest.mark.parametrize("bug", ORDERS)
def test_a_wrong_order_is_caught(monkeypatch, bug, module):
    wrong, expected = ORDERS[bug]
    monkeypatch.setattr(f"autograd.{module}.topological_order", wrong)
    found = failures()
    assert found
    assert {f"grad of {name}" if module == "derivatives" else name for name in expected} <= found
