"""Your own operation, in three ways: a row, a composition, a closure. Each is right in every reader that it promises."""

import cmath
import copy
import math
import pickle
from fractions import Fraction

import mpmath
import pytest

import autograd
from autograd import OPS, DomainError, Op, Value, apply, grad, hessian, jvp
from autograd.errors import ClosureError
from nn import MLP

SOFTSIGN = ("x / (1 + abs(x))", ("1 / (1 + abs(x)) ** 2",))
POINTS = [-2.5, -0.1, 0.3, 4.0]


@pytest.fixture
def softsign():
    return Op("softsign", *SOFTSIGN)


@pytest.mark.parametrize("x", POINTS)
def test_a_row_gives_value_and_derivatives_of_any_order(softsign, x):
    def f(t):
        return t / (1 + abs(t))

    v = Value(x)
    y = apply(softsign, v)
    assert y.data == pytest.approx(f(x), rel=1e-15)
    expected = [float(mpmath.diff(f, x, order)) for order in (1, 2, 3)]
    derivatives, node = [], y
    for _ in expected:
        [node] = grad(node, [v], create_graph=True)
        derivatives.append(node.data)
    assert derivatives == pytest.approx(expected, rel=1e-12)
    assert jvp([y], [v], [1.0]) == grad(y, [v])
    assert hessian(y, [v]) == [[derivatives[1]]]
    y.backward()
    assert v.grad == grad(y, [v])[0]


def test_a_row_is_exact_on_fractions_and_takes_plain_numbers(softsign):
    v = Value(Fraction(-1, 2))
    y = apply(softsign, v)
    assert (y.data, grad(y, [v])) == (Fraction(-1, 3), [Fraction(4, 9)])
    assert apply(softsign, Fraction(-1, 2)) == Fraction(-1, 3)
    assert apply(softsign, 1.0) == 0.5
    assert math.isnan(apply(softsign, math.inf))  # inf / inf, by IEEE's rules


def test_a_row_shows_its_symbol_and_survives_pickling_and_copying():
    row = Op("cube", "x ** 3", ("3 * x ** 2",), symbol="³")
    y = apply(row, Value(2.0))
    assert y._op == "³"
    for twin in (pickle.loads(pickle.dumps(y)), copy.deepcopy(y)):
        assert twin.op is row
        assert grad(twin, [*twin.inputs]) == [12.0]


def test_a_row_has_its_domain_and_its_remedy():
    row = Op("half_log", "log(x) / 2", ("1 / (2 * x)",), domain="x > 0", remedy="Add one first.")
    with pytest.raises(DomainError, match=r"half_log|log\(x\) / 2 needs x > 0, but x = -1\.0 \('p'\)\. Add one first\."):
        apply(row, Value(-1.0, "p"))


def test_a_row_of_two_operands_and_a_family():
    length = Op("length", "sqrt(x * x + y * y)", ("x / out", "y / out"))
    x, y = Value(3.0), Value(4.0)
    assert grad(apply(length, x, y), [x, y]) == [0.6, 0.8]
    assert apply(length, x, 4.0).data == apply(length, 3, 4) == 5.0
    scaled = Op("scaled", "c * tanh(x)", ("c * (1 - tanh(x) * tanh(x))",), default=2)
    assert apply(scaled, 0.5) == apply(scaled.at(2), 0.5) == 2 * math.tanh(0.5)
    assert apply(scaled.at(3), Value(0.5)).data == 3 * math.tanh(0.5)


def test_rows_build_on_rows_and_networks_take_them(softsign):
    Op("softsquare", "softsign(x) * softsign(x)", ("2 * softsign(x) / (1 + abs(x)) ** 2",))
    x = Value(0.5)
    [d] = grad(apply(OPS["softsquare"], x), [x])
    assert d == pytest.approx(2 * (0.5 / 1.5) / 1.5**2, rel=1e-15)
    model = MLP(2, [3, 1], activation=lambda z: apply(softsign, z), seed=0)
    out = model([0.5, -1.0])
    assert {node._op for node in autograd.topological_order(out)} == {"", "*", "+", "softsign"}


def test_the_same_row_may_be_made_again_and_another_may_not(softsign):
    again = Op("softsign", *SOFTSIGN)
    assert apply(again, 1.0) == apply(softsign, 1.0) == 0.5
    with pytest.raises(ValueError, match=r"'softsign' is taken by <Op softsign: x / \(1 \+ abs\(x\)\)>"):
        Op("softsign", "x / (2 + abs(x))", SOFTSIGN[1])
    with pytest.raises(ValueError, match="'softsign' is taken"):
        Op("softsign", *SOFTSIGN, domain="x > 0")
    with pytest.raises(ValueError, match="'tanh' is taken"):
        Op("tanh", "x", ("1",))
    assert OPS["softsign"] is again


def test_an_operation_is_applied_to_as_many_operands_as_it_has():
    for operands in ((), (1.0, 2.0), (Value(1.0), Value(2.0))):
        with pytest.raises(TypeError, match=rf"exp is an operation of 1 operand, but got {len(operands)}"):
            apply(OPS["exp"], *operands)
    with pytest.raises(TypeError, match="mul is an operation of 2 operands, but got 1"):
        apply(OPS["mul"], Value(1.0))
    with pytest.raises(TypeError, match="real number"):
        apply(OPS["mul"], Value(1.0), "2")
    with pytest.raises(ValueError, match=r"'scale' has no default constant; give it one: at\(c\)"):
        apply(Op("scale", "c * x", ("c",)), 1.0)


def swish(x, beta=1.5):
    return x / (1 + autograd.exp(-beta * x))


@pytest.mark.parametrize("x", POINTS)
def test_a_composition_needs_no_derivative_at_all(x):
    v = Value(x)
    h = 1e-30
    complex_step = ((x + h * 1j) / (1 + cmath.exp(-1.5 * (x + h * 1j)))).imag / h
    assert grad(swish(v), [v]) == pytest.approx([complex_step], rel=1e-13)
    assert swish(x) == swish(v).data


def test_a_closure_runs_in_backward_and_is_refused_elsewhere():
    x, y = Value(2.0), Value(5.0)
    out = Value(x.data**2 * y.data, (x, y), "x²y")

    def backward():
        x.grad += 2 * x.data * y.data * out.grad
        y.grad += x.data**2 * out.grad

    out._backward = backward
    (3 * out).backward()
    assert (x.grad, y.grad) == (60.0, 12.0)
    with pytest.raises(ClosureError, match="'x²y' is a closure"):
        grad(out, [x])


def test_what_a_row_holds_where_nothing_is_said_and_where_it_is():
    silent = Op("silent", "x * y", ("y", "x"))
    assert (silent.symbol, silent.domain, silent.remedy, silent.kinks) == ("silent", "", "", {})
    assert (silent.samples, silent.default, silent.c) == (((-3.0, 3.0), (-3.0, 3.0)), None, None)
    said = {"symbol": "@", "domain": "x != 0", "remedy": "Try.", "kinks": {"x": "left"}, "samples": ((1.0, 2.0),), "default": 3}
    spoken = Op("spoken", "c * x", ("c",), **said)
    assert {name: getattr(spoken, name) for name in said} == said


def test_a_row_without_a_constant_has_no_members_and_a_family_without_a_default_needs_to_be_told():
    with pytest.raises(ValueError, match=r"row 'exp' reads no constant c, so it has no member at 3"):
        OPS["exp"].at(3)
    with pytest.raises(ValueError, match=r"has no default constant; give it one: at\(c\)"):
        Op("scaled", "c * x", ("c",)).at()


def test_local_derivatives_as_numbers_serve_every_first_derivative():
    x, y = Value(2.0), Value(5.0)
    out = Value(20.0, (x, y), (20.0, 4.0))
    assert out.inputs == (x, y)
    assert out.partials == (20.0, 4.0)
    (3 * out).backward()
    assert [x.grad, y.grad] == grad(3 * out, [x, y]) == [60.0, 12.0]
    assert jvp([out], [x, y], [1.0, 10.0]) == [60.0]
    three = Value(6.0, (x, x, y), [1.0, 1.0, 2])
    assert grad(three, [x, y]) == [2.0, 2]
    three.grad = 0.5
    x.grad = y.grad = 0.0
    three._backward()
    assert (x.grad, y.grad) == (1.0, 1.0)


def test_local_derivatives_must_fit_the_children():
    x = Value(2.0)
    with pytest.raises(
        TypeError, match=r"after its number a Value takes a label, or a tuple of children, but got 2\.0 of type float"
    ):
        Value(1.0, 2.0)
    with pytest.raises(TypeError, match="the children of a Value are a tuple, even if there is only one"):
        Value(4.0, x, "square")
    with pytest.raises(ValueError, match="a local derivative for each child, but got 2 for 1 children"):
        Value(4.0, (x,), (1.0, 2.0))
    with pytest.raises(TypeError, match="real number"):
        Value(4.0, (x,), (x,))
