"""Derivatives of functions nest: each is taken in variables of its own. The oracles are closed forms, Fractions, SymPy and mpmath."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import strategies as st

import autograd
from autograd import (
    TracingError,
    Value,
    check_gradients,
    derivative,
    grad,
    gradient,
    hessian,
    jacobian,
    jacobian_of,
    jvp,
    topological_order,
    value_and_grad,
)
from tests.strategies import between, for_all, nested_programs

F = Fraction


def by_value_and_grad(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: value_and_grad(f)(x)[1][0]


def by_gradient(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: gradient(lambda xs: f(xs[0]))([x])[0]


def by_jacobian(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: jacobian_of(lambda xs: [f(xs[0])])([x])[0][0]


DERIVATIVES = [derivative, by_value_and_grad, by_gradient, by_jacobian]
each_derivative = pytest.mark.parametrize("D", DERIVATIVES, ids=lambda each: each.__name__)

# Programs of nested derivatives, each with its derivative at 3, by hand.
PROGRAMS = {
    "the second derivative": (lambda D, x: D(lambda y: y**3)(x), 18),
    "of the third": (lambda D, x: D(D(lambda y: y**4))(x), 72),
    "an inner function of both variables": (lambda D, x: D(lambda y: y * (x - y))(x), -1),  # x - 2y at y = x
    "the variable of the outer function alone": (lambda D, x: x * D(lambda y: x + 0 * y)(x), 0),
    "numbers inside": (lambda D, x: x + D(lambda y: x * y)(2), 2),
    "a constant inside": (lambda D, x: x * D(lambda y: x + y)(1), 1),  # of x * 1, in the words of Siskind and Pearlmutter
    "the inner variable in both places": (lambda D, x: D(lambda y: x * y * y)(x * x), 3 * 2 * 9),  # 2 x y at y = x**2
    "three variables": (lambda D, x: D(lambda y: D(lambda z: x * y * z * z)(y))(x), 4 * 2 * 3),  # (2 x y**2)' = 4 x y = 4 x**2
    "a value and a derivative": (lambda D, x: value_and_grad(lambda y: y * y * x)(x)[0], 27),
    "two inner derivatives": (lambda D, x: D(lambda y: y * y)(x) * D(lambda y: x * y)(x), 12),  # (2 x * x)'
}


@each_derivative
@pytest.mark.parametrize("name", PROGRAMS)
def test_nested_derivatives_in_numbers(D, name):
    program, expected = PROGRAMS[name]
    for three in (3, 3.0, F(3), np.float64(3), np.array(3.0)):
        found = D(lambda x: program(D, x))(three)
        assert found == expected
        assert not isinstance(found, Value)
    assert type(D(lambda x: program(D, x))(F(3))) is Fraction


@each_derivative
@pytest.mark.parametrize("name", sorted(PROGRAMS.keys() - {"numbers inside"}))
def test_nested_derivatives_in_the_graph_of_another(D, name):
    """Outside are backward, grad, jvp, jacobian and hessian, of a Value that no call differentiates."""
    program, expected = PROGRAMS[name]
    x = Value(F(3), "x")
    y = program(D, x)
    assert isinstance(y, Value)
    y.backward()
    assert x.grad == grad(y, [x])[0] == jvp([y], [x], [1])[0] == jacobian([y], [x])[0][0] == expected
    [slope] = grad(y, [x], create_graph=True)
    assert slope.data == expected
    h = F(1, 10**6)
    left, right = (D(lambda x: program(D, x))(F(3) + side) for side in (-h, h))
    assert abs((right - left) / (2 * h) - hessian(y, [x])[0][0]) < F(1, 10**9)


@each_derivative
@pytest.mark.parametrize("name", PROGRAMS)
def test_nested_derivatives_in_compiled_code(D, name):
    program, expected = PROGRAMS[name]
    for executor in ("plain", "numpy", "auto"):
        compiled = autograd.compile(lambda x: program(D, x), executor=executor)
        points = [3.0, -0.5, 1.25]
        expected_values = [float(data(program(D, Value(p)))) for p in points]
        assert compiled.per_example(points).values == pytest.approx(expected_values, rel=1e-14, abs=1e-14)
        for point in points:
            assert compiled.input_gradients([point])[0] == pytest.approx(
                [D(lambda x: program(D, x))(point)], rel=1e-14, abs=1e-14
            )
        w = Value(3.0, "w")
        of_a_parameter = autograd.compile(lambda x, w=w: x * program(D, w), [w], executor=executor)
        assert of_a_parameter([1.0, 1.0]).gradients == pytest.approx([expected], rel=1e-14, abs=1e-14)


def data(number: Any) -> Any:
    return number.data if isinstance(number, Value) else number


def test_the_programs_of_the_report():
    D = lambda f, x: value_and_grad(f)(x)[1][0]  # noqa: E731
    assert D(lambda x: D(lambda y: y**3, x), 2.0) == 12.0
    x = Value(1.0)
    assert value_and_grad(lambda y: y * (x - y))(x)[1][0].data == -1.0
    assert derivative(lambda x: x + derivative(lambda y: x * y)(2.0))(3.0) == 2.0


def test_numbers_in_numbers_out_and_values_in_values_out():
    x, w = Value(2.0), Value(5.0)
    assert type(derivative(lambda x: w * x * x)(2.0)) is float  # a parameter that is closed over is a constant
    for result in (
        derivative(lambda x: x * x)(x),
        derivative(lambda x, a: a * x)(2.0, x),
        derivative(lambda x, rows: rows[0][0] * x)(2.0, ([x], "text", None)),
        derivative(lambda x, a: a[0] * x)(2.0, np.array([x, x])),
        *gradient(lambda v: v[0] * v[1])([1.0, x]),
        *value_and_grad(lambda a, b: a * b[0])(1.0, [x])[1][1],
        value_and_grad(lambda a, b: a * b)(1.0, x)[0],
        jacobian_of(lambda v: [3 * v[0]])(np.array([x]))[0][0],
    ):
        assert isinstance(result, Value)
    assert derivative(lambda x, a, name: a * x)(2.0, 3.0, "name") == 3.0
    linear = derivative(lambda x: 3 * x)(x)  # a Value, although it is the same everywhere
    assert (linear.data, grad(linear, [x])) == (3.0, [0.0])


def test_no_gradient_is_left_behind_and_no_variable_stays_open():
    x = Value(2.0)
    derivative(lambda y: y * x)(x)
    assert x.grad == 0.0
    with pytest.raises(ZeroDivisionError):
        derivative(lambda x: 1 / (x - x))(3.0)
    assert autograd.functional._open_variables == set()
    kept = []
    derivative(lambda x: kept.append(x) or x)(3.0)
    assert derivative(lambda y: kept[0] * y)(2.0) == 3.0  # its call is over: a number like any other


def test_an_inner_derivative_in_another_thread():
    def f(x):
        results = []
        thread = threading.Thread(target=lambda: results.append(derivative(lambda y: x * y)(2.0)))
        thread.start()
        thread.join()
        return x + results[0]

    assert derivative(f)(3.0) == 2.0


def test_while_compile_traces_other_threads_compute_numbers():
    w = Value(5.0, "w")
    results = []

    def traced(x):
        thread = threading.Thread(target=lambda: results.append(derivative(lambda y: w * y)(2.0)))
        thread.start()
        thread.join()
        return w * derivative(lambda y: w * y)(x)

    program = autograd.compile(traced, [w], shapes=[()])
    assert results == [5.0]
    assert program([1.0]).gradients.tolist() == [10.0]


@pytest.mark.parametrize("executor", ["plain", "numpy", "auto"])
def test_a_compiled_equation_with_a_derivative_in_it_has_the_derivatives_of_its_parameters(executor, caplog):
    """A network that is to solve u' = -u: its slope at a number depends on the parameters."""
    w, b = Value(0.5, "w"), Value(-0.25, "b")

    def loss(t):
        return (derivative(lambda t: autograd.tanh(w * t + b))(0.75) + autograd.tanh(w * t + b)) ** 2 + w * b

    t, u = 0.75, math.tanh(0.5 * 0.75 - 0.25)
    residual, bend = 0.5 * (1 - u * u) + u, (1 - u * u)
    by_w = 2 * residual * (bend - 0.5 * 2 * u * bend * t + bend * t) - 0.25
    by_b = 2 * residual * (-0.5 * 2 * u * bend + bend) + 0.5
    value, gradient = autograd.compile(loss, [w, b], executor=executor)([t])
    assert value == pytest.approx(residual**2 - 0.125)
    assert gradient.tolist() == pytest.approx([by_w, by_b])
    assert not caplog.records  # no warning of the check, which moves the parameters as the program does
    assert derivative(lambda t: w * t)(t) == 0.5  # a number again


def test_the_names_of_variables():
    def f(w, b):
        return w[0] * w[1] + b

    _, [[slope, _], _] = value_and_grad(f)([Value(2.0), Value(3.0)], Value(1.0))
    assert {node.label for node in topological_order(slope)} >= {"w[1]"}
    assert derivative(f).__name__ == "f"


def test_a_variable_prints_as_the_equation_that_it_is():
    x = Value(2.0, "x")
    slope = derivative(lambda y: y**3)(x)
    slope.label = "slope"
    text = str(autograd.explain(slope, x))
    assert "y = x" in text
    assert "identity" not in text
    assert "identity" not in autograd.explain(slope, x).to_latex()


# --- SciPy's arguments ----------------------------------------------------------------------------------------------------


def test_where_the_argument_is_an_array_the_function_gets_an_array():
    def norm(x):
        assert isinstance(x, np.ndarray)
        return (x[1:] ** 2).sum() + x @ x

    at = np.array([1.0, 2.0, 3.0])
    assert gradient(norm)(at) == [2.0, 8.0, 12.0]
    assert jacobian_of(gradient(norm))(at) == [[2.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]]
    assert value_and_grad(lambda a: (a @ a).sum())(np.eye(2)) == (2.0, [[[2.0, 2.0], [2.0, 2.0]]])  # row sum j + column sum i
    assert jacobian_of(lambda x: 2 * x)(at) == [[2.0, 0, 0], [0, 2.0, 0], [0, 0, 2.0]]
    assert gradient(lambda x: Value(0.0))(np.zeros((0, 2))[:0, 0]) == []


def test_extra_arguments_are_passed_as_they_are():
    seen = []

    def f(x, *args):
        seen.append(args)
        return x * x

    array = np.array([1.0])
    assert derivative(f)(3.0, "a", array, None) == 6.0
    assert seen[0][0] == "a"
    assert seen[0][1] is array


# --- what is refused ------------------------------------------------------------------------------------------------------

X = Value(2.0, "x")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: derivative(lambda x: x.data**2)(2.0), r"returned 4.0 of type float: a plain number has no derivative.*\.data.*0 \* x"),
        (lambda: derivative(lambda x: 7)(X), r"returned 7 of type int"),
        (lambda: value_and_grad(lambda x: x > 1)(2.0), r"returned True of type bool"),
        (lambda: gradient(lambda x: np.float64(2))([2.0]), r"a plain number"),
        (lambda: jacobian_of(lambda x: [x[0], 2.0])([2.0]), r"returned 2.0 of type float as number 1 of its results"),
        (lambda: derivative(lambda x: [x])(2.0), r"must return one scalar, but returned .*jacobian_of\(f\)"),
        (lambda: derivative(lambda x: None)(2.0), r"must give one scalar, but gave None"),
        (lambda: jacobian_of(lambda x: x[0])([2.0]), r"must return a list of scalars.*gradient\(f\)"),
        (lambda: jacobian_of(lambda x: [[x[0]]])([2.0]), r"must give one scalar"),
        (lambda: derivative(lambda x: x)([1.0]), r"takes one scalar, but got \[1.0\] of type list.*gradient\(f\).*jacobian_of\(f\)"),
        (lambda: gradient(lambda x: x)(2.0), r"takes a list of scalars, but got 2.0.*derivative\(f\)"),
        (lambda: jacobian_of(lambda x: x)(X), r"takes a list of scalars, but got Value"),
        (lambda: gradient(lambda x: x[0][0])([[2.0]]), r"takes a flat list, but got \[\[2.0\]\].*value_and_grad\(f\)"),
        (lambda: gradient(lambda x: x[0])(["two"]), r"a Value holds a real number"),
        (lambda: derivative(lambda x: x)(1j), r"a Value holds a real number"),
        (lambda: grad(lambda x: x), r"grad takes Values, but got <function.*derivative\(f\), gradient\(f\)"),
        (lambda: grad(lambda x: x, [2.0]), r"gradient\(f\)"),
        (lambda: grad(X), r"grad takes a list of inputs.*write \[x\], not x; but the inputs are None"),
        (lambda: jacobian(lambda x: x, [2.0]), r"jacobian_of\(f\)"),
        (lambda: hessian(lambda x: x, [2.0]), r"jacobian_of\(gradient\(f\)\)"),
        (lambda: jvp(lambda x: x, [2.0], [1.0]), r"call the function on Values"),
        (lambda: autograd.vjp(lambda x: x, [2.0], [1.0]), r"call the function on Values"),
        (lambda: autograd.hvp(lambda x: x, [2.0], [1.0]), r"call the function on Values"),
        (lambda: gradient(X), r"gradient takes a function, but got a Value; derivatives of nodes are grad\(output, inputs\)"),
        (lambda: derivative(X), r"grad\(output, \[x\]\)"),
        (lambda: value_and_grad(X), r"grad\(output, inputs\)"),
        (lambda: jacobian_of([X]), r"jacobian\(outputs, inputs\)"),
    ],
)  # fmt: skip
def test_what_is_refused_and_what_there_is_instead(call, words):
    with pytest.raises(TypeError, match=words):
        call()


def test_inside_compile_a_choice_by_a_variable_is_refused():
    with pytest.raises(TracingError, match="x > 0 was asked"):
        autograd.compile(lambda t: derivative(lambda x: x if x > 0 else -x)(t))([1.0])


def test_a_value_that_is_closed_over_is_a_constant_and_check_gradients_says_so():
    """On numbers an inner derivative is a number, unless a call around it differentiates what it reads: then nothing is cut."""
    f = lambda x: x * derivative(lambda y: x * y)(2.0)  # noqa: E731
    assert derivative(f)(3.0) == 6.0
    report = check_gradients(f, at=3.0)
    assert not report
    assert "takes a derivative as a number" in str(report)
    assert check_gradients(lambda x: x * derivative(lambda y: x * y)(0 * x + 2.0), at=3.0, order=2)


# --- properties -----------------------------------------------------------------------------------------------------------

SMALL = between(-3, 3, Fraction)
POLYNOMIALS = st.lists(st.integers(-4, 4), min_size=1, max_size=6)


def polynomial(coefficients: list[int]) -> Callable[[Any], Any]:
    return lambda x: sum((c * x**k for k, c in enumerate(coefficients)), 0 * x)


def differentiated(coefficients: list[int]) -> list[int]:
    return [k * c for k, c in enumerate(coefficients)][1:] or [0]


@for_all(POLYNOMIALS, st.integers(0, 4), SMALL, st.sampled_from(DERIVATIVES))
def test_derivatives_of_any_order_of_polynomials(coefficients, order, x, D):
    f = polynomial(coefficients)
    for _ in range(order):
        f, coefficients = D(f), differentiated(coefficients)
    expected = sum(c * x**k for k, c in enumerate(coefficients))
    assert data(f(Value(x) if order == 0 else x)) == expected


@for_all(nested_programs(), SMALL, st.sampled_from(DERIVATIVES), examples=40)
def test_programs_of_nested_derivatives_are_those_of_sympy(program, x, D):
    """Perturbations are never confused: SymPy substitutes, and has none. Numbers, graphs and jvp give one answer, in Fractions."""
    ours, theirs = program
    f, g = (eval(f"lambda x0: {ours} + 0*x0", {"D": D, "zero": zero}) for zero in (lambda x: 0, lambda x: 0 * x))
    x0, *inner = sympy.symbols("x0:4")
    names = {f"x{k}": symbol for k, symbol in enumerate([x0, *inner])}
    closed = sympy.sympify(eval(theirs, {"diff": lambda body, name: sympy.diff(sympy.sympify(body), name), **names}))
    point = sympy.Rational(x.numerator, x.denominator)
    expected = [F(str(sympy.diff(closed, x0, order).subs(x0, point))) for order in range(3)]
    variable = Value(x)
    y = g(variable)
    [slope] = grad(y, [variable], create_graph=True)
    assert [y.data, slope.data, grad(slope, [variable])[0]] == expected
    assert jvp([y], [variable], [1]) == [expected[1]]
    assert jvp([slope], [variable], [1]) == [expected[2]]
    assert [D(f)(x), D(D(f))(x)] == expected[1:]


SMOOTH = {
    "sin": (autograd.sin, mpmath.sin), "exp": (autograd.exp, mpmath.exp), "tanh": (autograd.tanh, mpmath.tanh),
    "softplus": (autograd.softplus, lambda x: mpmath.log1p(mpmath.exp(x))), "square": (lambda x: x * x, lambda x: x * x),
    "sigmoid": (autograd.sigmoid, lambda x: 1 / (1 + mpmath.exp(-x))),
}  # fmt: skip


@for_all(st.lists(st.sampled_from(sorted(SMOOTH)), min_size=1, max_size=3), between(-1, 1, float), st.integers(1, 4))
def test_derivatives_of_compositions_are_those_of_mpmath(names, x, order):
    def ours(x):
        for name in names:
            x = SMOOTH[name][0](x)
        return x

    def theirs(x):
        for name in names:
            x = SMOOTH[name][1](x)
        return x

    f = ours
    for _ in range(order):
        f = derivative(f)
    with mpmath.workdps(60):
        expected = mpmath.diff(theirs, x, order, h=mpmath.mpf(10) ** -9)
        size = max(abs(mpmath.diff(theirs, x, k, h=mpmath.mpf(10) ** -9)) for k in range(order + 1))
    assert float(f(x)) == pytest.approx(float(expected), abs=1e-9 * max(1.0, float(size)))


def test_other_engines_give_the_same_nested_derivatives():
    jax = pytest.importorskip("jax", reason="jax is no dependency of the tests")
    jax.config.update("jax_enable_x64", True)
    for program, _ in PROGRAMS.values():
        if program is not PROGRAMS["a value and a derivative"][0]:
            peer = jax.grad(lambda x, program=program: 1.0 * program(lambda f: lambda y: jax.grad(f)(1.0 * y), x))(3.0)
            assert derivative(lambda x, program=program: program(derivative, x))(3.0) == pytest.approx(float(peer))


def test_torch_func_gives_the_same_nested_derivatives():
    torch = pytest.importorskip("torch", reason="torch is no dependency of the tests")
    D = lambda f: lambda y: torch.func.grad(f)(torch.as_tensor(y, dtype=torch.float64))  # noqa: E731
    for program, _ in PROGRAMS.values():
        if program is not PROGRAMS["a value and a derivative"][0]:
            peer = torch.func.grad(lambda x, program=program: program(D, x))(torch.tensor(3.0, dtype=torch.float64))
            assert derivative(lambda x, program=program: program(derivative, x))(3.0) == pytest.approx(float(peer))


# --- these tests can fail -------------------------------------------------------------------------------------------------


def test_a_derivative_in_the_callers_own_variable_would_be_found(monkeypatch):
    """Planted: with respect to the argument itself, so perturbations are confused."""

    def confused(outputs, variables, create_graph):
        arguments = [variable.inputs[0] for variable in variables]
        pairs = zip(variables, arguments, strict=True)
        return jacobian(outputs, [v if type(a) is autograd.Constant else a for v, a in pairs], create_graph)

    monkeypatch.setattr("autograd.functional.jacobian", confused)
    assert test_programs_of_nested_derivatives_are_those_of_sympy.can_fail()


def test_a_closure_that_is_cut_would_be_found(monkeypatch):
    monkeypatch.setattr("autograd.functional._is_differentiated_outside", lambda outputs: False)
    with pytest.raises((AssertionError, TypeError)):
        test_nested_derivatives_in_numbers(derivative, "numbers inside")


def test_a_generator_is_an_argument_as_a_list_is():
    assert gradient(lambda v: v[0] * v[1])(float(n) for n in (2, 3)) == [3.0, 2.0]
    assert jacobian_of(lambda v: [v[0] * v[1]])(float(n) for n in (2, 3)) == [[3.0, 2.0]]
