"""jacobian, vjp, jvp, hessian and hvp, against SymPy and against each other on exact numbers."""

from fractions import Fraction

import pytest
import sympy

import autograd
from autograd import Constant, Value, grad, hessian, hvp, jacobian, jvp, vjp
from autograd.errors import ClosureError

# Each written once, for any namespace of functions: autograd's, SymPy's.
SMOOTH = {
    "rational": lambda m, x, y, z: [x * y / (z + 3), (x - z) ** 3 - 2 * y, x * x, z / (1 + x * y) + y, Fraction(1, 3) * y],
    "transcendental": lambda m, x, y, z: [m.exp(x * y) * z, m.tanh(x + m.sin(y)), m.log(x + 2) / m.sqrt(z), y**z, x + y],
    "softmax": lambda m, x, y, z: [m.exp(each) / (m.exp(x) + m.exp(y) + m.exp(z)) for each in (x, y, z)],
}
POINT = (Fraction(1, 2), Fraction(5, 4), Fraction(3, 4))
SYMBOLS = sympy.symbols("x y z")
PLUGGED = dict(zip(SYMBOLS, (sympy.Rational(p.numerator, p.denominator) for p in POINT), strict=True))


def at_the_point(matrix):
    """The entries of a SymPy matrix at the point: 25 digits, rounded to floats once."""
    return [[float(sympy.N(entry.subs(PLUGGED), 25)) for entry in row] for row in matrix.tolist()]


def nodes(name, kind=float):
    xs = [Value(kind(p)) for p in POINT]
    return SMOOTH[name](autograd, *xs), xs


def close(rows):
    return [pytest.approx(row, rel=1e-13, abs=1e-14) for row in rows]  # a dozen operations on numbers near 1, each within 1e-16


@pytest.mark.parametrize("name", SMOOTH)
def test_the_jacobian_against_sympy(name):
    outputs, xs = nodes(name)
    assert jacobian(outputs, xs) == close(at_the_point(sympy.Matrix(SMOOTH[name](sympy, *SYMBOLS)).jacobian(SYMBOLS)))


@pytest.mark.parametrize("name", SMOOTH)
def test_hessians_against_sympy(name):
    outputs, xs = nodes(name)
    for output, formula in zip(outputs, SMOOTH[name](sympy, *SYMBOLS), strict=True):
        assert hessian(output, xs) == close(at_the_point(sympy.hessian(formula, SYMBOLS)))


def test_all_five_on_fractions_against_sympy_exactly():
    outputs, xs = nodes("rational", Fraction)
    formulas = sympy.Matrix(SMOOTH["rational"](sympy, *SYMBOLS))
    J = [[Fraction(int(e.p), int(e.q)) for e in row] for row in formulas.jacobian(SYMBOLS).subs(PLUGGED).tolist()]
    v, t = [Fraction(k, 7) for k in range(-2, 3)], [Fraction(2, 3), Fraction(-1), Fraction(5)]
    assert jacobian(outputs, xs) == J
    assert vjp(outputs, xs, v) == [sum(a * row[j] for a, row in zip(v, J, strict=True)) for j in range(3)]
    assert jvp(outputs, xs, t) == [sum(e * b for e, b in zip(row, t, strict=True)) for row in J]
    H = sympy.hessian(formulas[3], SYMBOLS).subs(PLUGGED)
    H = [[Fraction(int(e.p), int(e.q)) for e in row] for row in H.tolist()]
    assert hessian(outputs[3], xs) == H
    assert hvp(outputs[3], xs, t) == [sum(e * b for e, b in zip(row, t, strict=True)) for row in H]
    assert all(type(e) is Fraction for row in jacobian(outputs, xs) for e in row)


@pytest.mark.parametrize("name", SMOOTH)
def test_the_jacobian_is_made_of_gradients_and_of_tangents(name):
    outputs, xs = nodes(name)
    J = jacobian(outputs, xs)
    assert [grad(output, xs) for output in outputs] == J  # bit for bit: the same products, added in the same order
    units = [[1.0 if i == j else 0.0 for i in range(3)] for j in range(3)]
    columns = [jvp(outputs, xs, unit) for unit in units]
    assert [list(row) for row in zip(*columns, strict=True)] == close(J)


def test_intermediate_nodes_on_either_side():
    x, y = Value(2.0), Value(3.0)
    u = x * y
    w = u + x
    assert jacobian([w, u, x], [u, x, w]) == [[1.0, 4.0, 1.0], [1.0, 3.0, 0.0], [0.0, 1.0, 0.0]]
    assert vjp([w, u], [u], [1.0, 10.0]) == [11.0]
    assert jvp([w], [u, x], [1.0, 10.0]) == [41.0]  # a tangent given to u adds to the one that comes from x
    assert hessian(w * w, [u, x]) == [[2.0, 8.0], [8.0, 32.0]]  # w = u + x with u = xy: dw = (1, 1 + y)


def test_inputs_and_outputs_named_twice():
    x = Value(3.0)
    y = x * x
    assert jacobian([y, y], [x, x]) == [[6.0, 6.0], [6.0, 6.0]]
    assert vjp([y, y], [x], [1.0, 10.0]) == [66.0]
    assert jvp([y], [x, x], [1.0, 10.0]) == [66.0]


def test_without_dependence_derivatives_are_exactly_zero_and_no_infinity_leaks():
    x, y = Value(0.0), Value(2.0)
    steep, other = x.sqrt(), y * 3  # the local derivative of sqrt at 0 is inf, and 0 * inf would be nan
    assert jacobian([steep, other], [x, y]) == [[float("inf"), 0.0], [0.0, 3.0]]
    assert vjp([other], [x], [1.0]) == [0.0]
    assert jvp([steep + other], [y], [1.0]) == [3.0]
    assert jvp([other], [x], [1.0]) == [0.0]
    assert hessian(other, [x, y]) == [[0.0, 0.0], [0.0, 0.0]]
    assert hvp(other, [x, y], [1.0, 1.0]) == [0.0, 0.0]
    assert jacobian([], [x]) == []
    assert jacobian([y], []) == [[]]


def test_no_grad_is_read_or_written():
    x = Value(2.0)
    u = x * x
    y = u.tanh()
    for node, mark in ((x, 11.0), (u, 12.0), (y, 13.0)):
        node.grad = mark
    for recorded in (False, True):
        jacobian([y, u], [x, u], recorded)
        vjp([y, u], [x], [1.0, 2.0], recorded)
        jvp([y, u], [x], [1.0], recorded)
        hessian(y, [x, u], recorded)
        hvp(y, [x], [1.0], recorded)
    assert (x.grad, u.grad, y.grad) == (11.0, 12.0, 13.0)


def test_recorded_derivatives_are_differentiated_again():
    x, y = Value(Fraction(2)), Value(Fraction(3))
    f = x**3 * y**2
    [[fxx, fxy], [_, fyy]] = hessian(f, [x, y], create_graph=True)
    assert (fxx.data, fxy.data, fyy.data) == (108, 72, 16)
    assert grad(fxx, [x, y]) == [54, 72]  # 6 y^2, 12 x y
    assert grad(fxy, [x, y]) == [72, 24]  # 12 x y, 6 x^2
    [h, _] = hvp(f, [x, y], [1, 0], create_graph=True)
    assert grad(h, [x, y]) == [54, 72]
    [[jx, _]] = jacobian([f], [x, y], create_graph=True)
    assert grad(jx, [x]) == [108]


def test_weights_that_are_values_are_recorded_too():
    x, v = Value(3.0), Value(5.0)
    [pulled] = vjp([x * x], [x], [v], create_graph=True)
    [pushed] = jvp([x * x], [x], [v], create_graph=True)
    assert pulled.data == pushed.data == 30.0
    assert grad(pulled, [v, x]) == grad(pushed, [v, x]) == [6.0, 10.0]  # d(2xv): 2x, 2v
    [unconnected] = jvp([Value(1.0)], [x], [v], create_graph=True)
    assert isinstance(unconnected, Constant)
    assert unconnected.data == 0.0


def test_a_closure_is_refused_where_a_derivative_passes_it_and_only_there():
    x, y = Value(2.0), Value(3.0)
    closed = Value(4.0, (x,), "square")
    for ask in (
        lambda: jacobian([closed * y], [x]),
        lambda: vjp([closed * y], [x], [1.0]),
        lambda: jvp([closed * y], [x], [1.0]),
        lambda: hessian(closed * y, [x]),
        lambda: hvp(closed * y, [x], [1.0]),
    ):
        with pytest.raises(ClosureError, match="'square' is a closure"):
            ask()
    assert jacobian([closed * y], [y]) == [[4.0]]
    assert jvp([closed * y], [y], [1.0]) == [4.0]


def test_local_derivatives_given_as_numbers_carry_first_derivatives_only():
    x = Value(3.0)
    square = Value(9.0, (x,), (6.0,))
    assert grad(2 * square, [x]) == jvp([2 * square], [x], [1.0]) == [12.0]
    with pytest.raises(ClosureError, match="have no formulas to record"):
        hessian(square * square, [x])


REFUSED = {
    "no list of outputs": (lambda x: jacobian(x * x, [x]), TypeError, r"jacobian takes a list of outputs"),
    "no list of inputs": (lambda x: vjp([x * x], x, [1.0]), TypeError, r"vjp takes a list of inputs"),
    "a number as output": (lambda x: jvp([2.0], [x], [1.0]), TypeError, r"one of the outputs is 2\.0 of type float"),
    "a list to grad": (lambda x: grad([x * x], [x]), TypeError, r"for a list of outputs there is jacobian"),
    "a number to hessian": (lambda x: hessian(2.0, [x]), TypeError, r"hessian differentiates a Value"),
    "too few weights": (lambda x: vjp([x, x * x], [x], [1.0]), ValueError, r"one number for each output, but got 1 for 2"),
    "too many tangents": (lambda x: jvp([x], [x], [1.0, 2.0]), ValueError, r"one number for each input, but got 2 for 1"),
    "a number for a list": (lambda x: hvp(x * x, [x], 1.0), TypeError, r"a list with one number for each input"),
    "text": (lambda x: jvp([x], [x], ["1"]), TypeError, r"a real number"),
    "recording not asked for": (lambda x: vjp([x * x], [x], [x]), TypeError, r"create_graph=True"),
}


@pytest.mark.parametrize(("ask", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_wrong_arguments_are_refused_with_words(ask, error, message):
    with pytest.raises(error, match=message):
        ask(Value(2.0))


LISTS = {  # each call with a bare Value where its list should be
    ("grad", "inputs"): lambda x: grad(x, x),
    ("vjp", "outputs"): lambda x: vjp(x, [x], [1.0]),
    ("vjp", "inputs"): lambda x: vjp([x], x, [1.0]),
    ("jvp", "outputs"): lambda x: jvp(x, [x], [1.0]),
    ("jvp", "inputs"): lambda x: jvp([x], x, [1.0]),
    ("jacobian", "outputs"): lambda x: jacobian(x, [x]),
    ("jacobian", "inputs"): lambda x: jacobian([x], x),
    ("hessian", "inputs"): lambda x: hessian(x, x),
    ("hvp", "inputs"): lambda x: hvp(x, x, [1.0]),
}
WEIGHTS = {  # and with one number too many
    ("vjp", "output"): lambda x: vjp([x], [x], [1.0, 2.0]),
    ("jvp", "input"): lambda x: jvp([x], [x], [1.0, 2.0]),
    ("hvp", "input"): lambda x: hvp(x, [x], [1.0, 2.0]),
}
OUTPUTS = {  # and with a number as output
    "grad": lambda x: grad(2.0, [x]),
    "hessian": lambda x: hessian(2.0, [x]),
    "hvp": lambda x: hvp(2.0, [x], [1.0]),
}


def test_an_error_says_whose_argument_it_is():
    x = Value(2.0)
    for (who, what), ask in LISTS.items():
        with pytest.raises(TypeError, match=f"^{who} takes a list of {what} and gives"):
            ask(x)
    with pytest.raises(TypeError, match=r"^grad takes a list of inputs and gives .*; but the inputs are 2\.0$"):
        grad(x, 2.0)
    for (who, what), ask in WEIGHTS.items():
        with pytest.raises(ValueError, match=f"^{who} needs one number for each {what}, but got 2 for 1 {what}s$"):
            ask(x)
    for who, ask in OUTPUTS.items():
        with pytest.raises(TypeError, match=rf"^{who} differentiates a Value, but the output is 2\.0 of type float$"):
            ask(x)


def test_a_long_chain_goes_forward_and_back():
    x = Value(1.0)
    y = x
    for _ in range(100_000):
        y = y * 1.0
    assert jvp([y], [x], [1.0]) == vjp([y], [x], [1.0]) == [1.0]


def test_a_weight_of_zero_is_the_users_and_is_recorded_as_it_is_computed():
    x = Value(0.0)
    for recorded in (False, True):
        for ask in (jvp, vjp):
            [found] = ask([x.sqrt()], [x], [0.0], recorded)  # inf * 0
            assert (found.data if recorded else found) != (found.data if recorded else found)


def test_a_recorded_zero_is_of_the_outputs_kind():
    for number in (0.5, Fraction(1, 2)):
        [found] = grad(Value(number).step(), [x := Value(number)], create_graph=True)
        assert type(found.data) is type(number)
        [found] = grad(x.step(), [x], create_graph=True)
        assert type(found.data) is type(number)
        assert found.data == 0


@pytest.mark.parametrize("weights", [lambda: [Value(1.0), 2.0], lambda: [2.0, Value(1.0)]])
def test_one_value_among_the_weights_is_enough_to_ask_for_a_graph(weights):
    x = Value(3.0)
    for product in (vjp, jvp):
        with pytest.raises(TypeError, match="got Values where it takes numbers: pass create_graph=True"):
            product([x * x, 2 * x] if product is vjp else [x * x], [x] if product is vjp else [x, Value(1.0)], weights())
