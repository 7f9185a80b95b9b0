"""grad: derivatives of any node in any other, of any order, against oracles that share no code with the engine."""

import cmath
import itertools
import math
from fractions import Fraction
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest
import sympy

import autograd
from autograd import Constant, Value, grad

# Each function is written once, for any namespace of functions: autograd's, cmath's, SymPy's.
FUNCTIONS = {
    "polynomial": lambda m, x, y: 3 * x**3 - 2 * x * y + y**2 - 7,
    "quotient": lambda m, x, y: (x - y) / (x * x + y * y + 1),
    "shared": lambda m, x, y: (lambda u: u * u + u / (u + 2) - x * u)(x * y + 3),
    "exponential": lambda m, x, y: m.exp(m.sin(x) * y),
    "logarithm": lambda m, x, y: m.log(x + 2) * m.sqrt(y + 1) / m.exp(-x),
    "trigonometric": lambda m, x, y: m.sin(x) * m.cos(y) + m.tan(x * y / 4) - m.atan(x - y),
    "hyperbolic": lambda m, x, y: m.tanh(x * y) + m.sinh(x / 2) * m.cosh(y / 3),
    "power": lambda m, x, y: x**y + y**x + 2**x,
    "inverse": lambda m, x, y: m.asin(x / 4) * m.acos(y / 5) + 1 / x**2,
    "nested": lambda m, x, y: m.tanh(m.tanh(m.tanh(x + y) * x) * y) ** 2,
}
POINTS = [(0.7, 1.3), (1.9, 0.4), (0.25, 2.5)]
CMATH_NAMES = ["exp", "log", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"]
CMATH = SimpleNamespace(**{name: getattr(cmath, name) for name in CMATH_NAMES})


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("point", POINTS, ids=str)
def test_backward_and_grad_against_the_complex_step(name, point):
    f = FUNCTIONS[name]
    x, y = map(Value, point)
    output = f(autograd, x, y)
    assert output.data == pytest.approx(f(CMATH, *map(complex, point)).real, rel=1e-13)
    step = 1e-30  # Im f(x + ih) / h has no cancellation, so h may be as small as we like
    expected = [
        f(CMATH, complex(point[0], step), complex(point[1])).imag / step,
        f(CMATH, complex(point[0]), complex(point[1], step)).imag / step,
    ]
    found = grad(output, [x, y])
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-13)  # tens of roundings of numbers of size 1
    assert (x.grad, y.grad, output.grad) == (0.0, 0.0, 0.0)
    output.backward()
    assert [x.grad, y.grad] == found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_derivatives_against_sympy(name):
    f, point = FUNCTIONS[name], POINTS[0]
    symbols = sympy.symbols("x y", positive=True)
    formula = f(sympy, *symbols)
    at = dict(zip(symbols, map(sympy.Float, map(repr, point), [40, 40]), strict=True))
    leaves = list(map(Value, point))
    first = grad(f(autograd, *leaves), leaves, create_graph=True)
    for symbol, derivative in zip(symbols, first, strict=True):
        assert derivative.data == pytest.approx(float(sympy.diff(formula, symbol).evalf(30, subs=at)), rel=1e-12)
        for other, second in zip(symbols, grad(derivative, leaves), strict=True):
            expected = float(sympy.diff(formula, symbol, other).evalf(30, subs=at))
            assert second == pytest.approx(expected, rel=1e-11, abs=1e-12)  # hundreds of roundings


# --- which nodes -----------------------------------------------------------------------------------------------------


def test_intermediate_nodes():
    x = Value(2.0)
    u = x * x
    v = u * x + u
    y = v * v + u
    # dy/dv = 2v = 24, dy/du = 24 (x + 1) + 1 = 73 (v as a function of u), dv/du = x + 1 = 3
    assert grad(y, [v, u]) == [24.0, 73.0]
    assert grad(v, [u]) == [3.0]
    assert grad(y, [x]) == [73.0 * 4 + 24.0 * 4]


def test_an_input_without_a_path_has_derivative_exactly_zero():
    x, other = Value(2.0), Value(math.inf)
    y = x * x
    assert grad(y, [other, x]) == [0.0, 4.0]
    assert type(grad(y, [other])[0]) is float
    assert type(grad(Value(Fraction(1)) * 2, [other])[0]) is Fraction
    [zero] = grad(y, [other], create_graph=True)
    assert (type(zero), zero.data) == (Constant, 0.0)
    assert grad(x, [y]) == [0.0]  # a later node is no input of an earlier one


def test_the_output_among_the_inputs_and_inputs_named_twice():
    x = Value(3.0)
    y = x * x
    assert grad(y, [y, x, x, y]) == [1.0, 6.0, 6.0, 1.0]
    assert grad(x, [x]) == [1.0]
    again = grad(y, [y, x, x], create_graph=True)
    assert [each.data for each in again] == [1.0, 6.0, 6.0]
    assert all(isinstance(each, Value) for each in again)
    assert grad(y, []) == []


def test_no_grad_is_read_or_written():
    x = Value(3.0)
    u = x * x
    y = u.tanh() * 3
    for node, mark in ((x, 11.0), (u, 12.0), (y, 13.0)):
        node.grad = mark
    grad(y, [x, u])
    grad(y, [x, u], create_graph=True)
    assert (x.grad, u.grad, y.grad) == (11.0, 12.0, 13.0)


def test_backward_through_a_recorded_gradient():
    # a gradient penalty: d/dx (dy/dx)^2 = 2 y' y'' = 2 * 3x^2 * 6x = 36 x^3
    x = Value(2.0)
    [dy] = grad(x**3, [x], create_graph=True)
    (dy * dy).backward()
    assert x.grad == 36 * 8.0


def test_wrong_arguments_are_refused_with_words():
    x = Value(1.0)
    with pytest.raises(TypeError, match=r"write \[x\], not x"):
        grad(x * x, x)
    with pytest.raises(TypeError, match=r"output is 2\.0 of type float"):
        grad(2.0, [x])
    with pytest.raises(TypeError, match="one of the inputs is 'x' of type str"):
        grad(x * x, ["x"])
    assert grad(x * x, (each for each in [x])) == [2.0]


# --- higher derivatives ----------------------------------------------------------------------------------------------


def derivatives(f, at, order):
    """The values of f and its derivatives up to the order, each the gradient of the one before."""
    x = Value(at)
    nodes = [f(x)]
    for _ in range(order):
        nodes += grad(nodes[-1], [x], create_graph=True)
    return [node.data for node in nodes]


@pytest.mark.parametrize("at", [-1.5, 0.0, 0.3, 2.0])
def test_the_fifth_derivative_of_tanh(at):
    t = math.tanh(at)
    # By (tanh)' = 1 - t^2 five times over.
    expected = [
        t,
        1 - t**2,
        -2 * t * (1 - t**2),
        (1 - t**2) * (6 * t**2 - 2),
        (1 - t**2) * (16 * t - 24 * t**3),
        16 - 136 * t**2 + 240 * t**4 - 120 * t**6,
    ]
    assert derivatives(autograd.tanh, at, 5) == pytest.approx(expected, rel=1e-11, abs=1e-11)  # terms of size 240 cancel


def test_a_cube_ends():
    assert derivatives(lambda x: x**3, 2.0, 5) == [8.0, 12.0, 12.0, 6.0, 0.0, 0.0]
    assert derivatives(lambda x: x**3, 0.0, 5) == [0.0, 0.0, 0.0, 6.0, 0.0, 0.0]
    assert derivatives(lambda x: x * x * x, 2.0, 5) == [8.0, 12.0, 12.0, 6.0, 0.0, 0.0]
    assert derivatives(lambda x: x**3, -2.0, 4) == [-8.0, 12.0, -12.0, 6.0, 0.0]


MPMATH = {
    "1/x": (lambda x: 1 / x, lambda x: 1 / x, 0.7),
    "x**-2": (lambda x: x**-2, lambda x: x**-2, -0.7),
    "x**0.5": (lambda x: x**0.5, mpmath.sqrt, 1.7),
    "exp(sin x)": (lambda x: x.sin().exp(), lambda x: mpmath.exp(mpmath.sin(x)), 0.4),
    "softplus": (autograd.softplus, lambda x: mpmath.log(1 + mpmath.exp(x)), -0.6),
    "softplus at 3": (autograd.softplus, lambda x: mpmath.log(1 + mpmath.exp(x)), 3.0),
    "sigmoid": (autograd.sigmoid, lambda x: 1 / (1 + mpmath.exp(-x)), 0.9),
    "silu": (autograd.silu, lambda x: x / (1 + mpmath.exp(-x)), -0.9),
    "gelu": (autograd.gelu, lambda x: x * mpmath.ncdf(x), 0.8),
    "erf": (autograd.erf, mpmath.erf, 0.5),
    "log": (autograd.log, mpmath.log, 1.6),
    "asin": (autograd.asin, mpmath.asin, 0.3),
    "atan": (autograd.atan, mpmath.atan, 1.2),
    "tan": (autograd.tan, mpmath.tan, 0.6),
    "cosh": (autograd.cosh, mpmath.cosh, 0.6),
    "x**x": (lambda x: x**x, lambda x: x**x, 1.4),
    "2**x": (lambda x: 2**x, lambda x: mpmath.mpf(2) ** x, 1.4),
}


@pytest.mark.parametrize("name", MPMATH)
def test_four_derivatives_against_mpmath(name):
    recorded, reference, at = MPMATH[name]
    with mpmath.workdps(50):
        expected = [float(mpmath.diff(reference, mpmath.mpf(at), n)) for n in range(5)]
    assert derivatives(recorded, at, 4) == pytest.approx(expected, rel=1e-11, abs=1e-12)  # hundreds of roundings


def nth_of_sinc(n, x):
    """The nth derivative of the integral of cos(pi x t) for t from 0 to 1, by its series; beyond 1, by Leibniz's rule."""

    def wave(k, x):  # the kth derivative of sin(pi x)
        return (-1) ** (k // 2) * mpmath.pi**k * (mpmath.cospi(x) if k % 2 else mpmath.sinpi(x))

    if abs(x) <= 1:
        powers = range(n + n % 2, 80, 2)  # of t in the series of cos(pi x t), those that n derivatives leave
        return sum(wave(m + 1, 0) * x ** (m - n) / ((m + 1) * mpmath.factorial(m - n)) for m in powers) / mpmath.pi
    poles = [(-1) ** k * mpmath.factorial(k) / x ** (k + 1) for k in range(n + 1)]
    return sum(mpmath.binomial(n, k) * wave(n - k, x) * poles[k] for k in range(n + 1)) / mpmath.pi


NEAR_HALF = [math.nextafter(0.5, 0), 0.5, math.nextafter(0.5, 1), 0.51]


@pytest.mark.parametrize("x", [0.0, 5e-324, 1e-155, 1e-20, 1e-8, 1e-3, 0.25, 0.49, *NEAR_HALF, 1.0, 1.43, 3.0, 1e3, 1e8, 1e155])
def test_eight_derivatives_of_sinc_at_0_near_it_and_far_away(x):
    allowed = [5e-15] * 5 + [5e-14, 2e-13, 6e-13, 2e-12]  # relative to the largest that a derivative is
    orders = 8 if x in (0.0, 0.49, 0.5) else 4
    for at in (x, -x):
        with mpmath.workdps(50):
            expected = [nth_of_sinc(n, mpmath.mpf(at)) for n in range(orders + 1)]
        for n, (got, want) in enumerate(zip(derivatives(autograd.sinc, at, orders), expected, strict=True)):
            assert abs(got - want) <= allowed[n] * math.pi**n / (n + 1)
            if 0 < x < 1e-3 and n % 2:  # an odd one is small where x is small
                assert abs(got - want) <= 1e-14 * abs(want) + 5e-323


def test_mixed_second_partials_of_a_power():
    x, y = Value(1.7), Value(2.3)
    dx, dy = grad(x**y, [x, y], create_graph=True)
    (dxx, dxy), (dyx, dyy) = grad(dx, [x, y]), grad(dy, [x, y])
    a, b = 1.7, 2.3
    expected = [b * (b - 1) * a ** (b - 2), a ** (b - 1) * (1 + b * math.log(a)), a**b * math.log(a) ** 2]
    assert [dxx, dxy, dyy] == pytest.approx(expected, rel=1e-14)  # some ten roundings
    assert dyx == pytest.approx(dxy, rel=1e-14)  # Schwarz


def test_at_the_edge_of_the_domain_derivatives_follow_ieee_and_raise_nothing():
    x = Value(0.0)
    [first] = grad(x.sqrt(), [x], create_graph=True)
    assert first.data == math.inf  # 1 / (2 sqrt x) from the right
    [second] = grad(first, [x])
    assert second == -math.inf  # -1 / (4 x^1.5)
    [of_power] = grad(x**0.5, [x], create_graph=True)
    assert of_power.data == math.inf
    assert grad(of_power, [x]) == [-math.inf]


INF = math.inf
# d^n x^c / dx^n at 0 from the right, for n = 0, 1, 2, ...
AT_BASE_0 = {
    0.5: [0, INF, -INF, INF, -INF],
    1.5: [0, 0, INF, -INF, INF],
    2.0: [0, 0, 2, 0, 0],
    2.5: [0, 0, 0, INF, -INF],
    3.0: [0, 0, 0, 6, 0],
    4.0: [0, 0, 0, 0, 24],
}


@pytest.mark.parametrize("c", AT_BASE_0)
def test_the_derivatives_of_powers_at_base_0(c):
    assert derivatives(lambda x: x**c, 0.0, 4) == derivatives(lambda x: x ** Value(c), 0.0, 4) == AT_BASE_0[c]
    assert derivatives(lambda p: 0.0**p, c, 4) == [0.0] * 5


@pytest.mark.parametrize(
    ("p", "hessian"),
    [  # p (p - 1) x^(p-2), x^(p-1) (1 + p ln x), x^p ln² x, as x falls to 0
        (0.5, [[-INF, -INF], [-INF, 0]]),
        (1.0, [[0, -INF], [-INF, 0]]),
        (1.5, [[INF, 0], [0, 0]]),
        (2.0, [[2, 0], [0, 0]]),
        (3.0, [[0, 0], [0, 0]]),
    ],
)
def test_the_hessian_of_a_power_at_base_0(p, hessian):
    x, y = Value(0.0), Value(p)
    assert autograd.hessian(x**y, [x, y]) == hessian


def limit_at_base_0(p, m, n):
    """The limit, as x falls to 0, of the nth derivative with respect to p of p (p-1) ... (p-m+1) x**(p-m).

    It is x**(p-m) times a polynomial in ln x, whose leading term is the first derivative of the product that is not 0.
    """
    falling = np.polynomial.Polynomial.fromroots(range(m)) if m else np.polynomial.Polynomial([1.0])
    if p > m:
        return 0.0
    factors = [falling.deriv(k)(p) if k else falling(p) for k in range(n + 1)]
    k = next((k for k, factor in enumerate(factors) if factor), None)
    if k is None or (p == m and n == 0):
        return factors[0]
    return math.copysign(INF, factors[k] * (-1) ** (n - k))


ALL_ORDERS = [which for order in (1, 2, 3, 4) for which in itertools.product((0, 1), repeat=order)]


@pytest.mark.parametrize("p", [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0])
def test_all_mixed_derivatives_of_a_power_at_base_0(p):
    for which in ALL_ORDERS:
        assert derivative_along(lambda x, y: x**y, (0.0, p), which) == limit_at_base_0(p, which.count(0), which.count(1)), which


@pytest.mark.parametrize("executor", ["plain", "numpy", "auto"])
def test_mixed_derivatives_of_a_power_at_base_0_in_compiled_code(executor):
    for which in [which for which in ALL_ORDERS if len(which) < 4]:
        program = autograd.compile(lambda x, y, which=which: recorded_along(x**y, (x, y), which), executor=executor)
        found = program.per_example([0.0, 0.0, 2.0], [1.0, 2.5, 3.0]).values
        want = [limit_at_base_0(p, which.count(0), which.count(1)) for p in (1.0, 2.5)]
        want.append(derivative_along(lambda x, y: x**y, (2.0, 3.0), which))
        np.testing.assert_allclose(found, want, rtol=1e-12, err_msg=str(which))


def recorded_along(node, leaves, which):
    for index in which:
        [node] = grad(node, [leaves[index]], create_graph=True)
    return node


def derivative_along(f, point, which):
    leaves = [Value(each) for each in point]
    return recorded_along(f(*leaves), leaves, which).data


@pytest.mark.parametrize("point", [(2.0, 0.0), (1.0, 3.0), (1.0, 0.0), (0.5, 1.0), (3.0, 2.0), (1.4, 1.4)], ids=str)
def test_all_mixed_derivatives_of_a_power(point):
    """Where y, y - 1 or ln x is 0 a factor vanishes, and its derivative does not."""
    for order in (2, 3, 4):
        for which in itertools.product((0, 1), repeat=order):
            with mpmath.workdps(60):
                counts = (which.count(0), which.count(1))
                want = float(mpmath.diff(lambda a, b: a**b, tuple(map(mpmath.mpf, point)), counts))
            found = derivative_along(lambda x, y: x**y, point, which)
            assert found == pytest.approx(want, rel=1e-11, abs=1e-11), which


def test_second_derivatives_at_exponent_0_of_a_tiny_base():
    x, y = Value(1e-200), Value(0.0)
    assert autograd.hessian(x**y, [x, y]) == [
        [0.0, pytest.approx(1e200)],
        [pytest.approx(1e200), pytest.approx(math.log(1e-200) ** 2)],
    ]


def test_a_negative_base_has_no_derivatives_with_respect_to_the_exponent():
    x, y = Value(-2.0), Value(3.0)
    (dxx, dxy), (dyx, dyy) = autograd.hessian(x**y, [x, y])
    assert dxx == -12.0
    assert all(map(math.isnan, (dxy, dyx, dyy)))


EDGES = {
    # asin'' = x / (1 - x²)^1.5 and so on: all terms have one sign
    "asin at 1": (autograd.asin, 1.0, [math.pi / 2, INF, INF, INF, INF]),
    "asin at -1": (autograd.asin, -1.0, [-math.pi / 2, INF, -INF, INF, -INF]),
    "acos at 1": (autograd.acos, 1.0, [0, -INF, -INF, -INF, -INF]),
    "acos at -1": (autograd.acos, -1.0, [math.pi, -INF, INF, -INF, INF]),
    "acosh at 1": (autograd.acosh, 1.0, [0, INF, -INF, INF, -INF]),
    "cbrt at 0": (autograd.cbrt, 0.0, [0, INF, -INF, INF, -INF]),
    "cbrt at -0": (autograd.cbrt, -0.0, [0, INF, INF, INF, INF]),
    **{
        f"{name} at {x:g}": (getattr(autograd, name), x, [value, slope, 0, 0, 0])
        for x in (1e155, -1e155, 1e300, -1e300)
        for name, value, slope in [
            ("erf", math.copysign(1, x), 0),
            ("erfc", 1 - math.copysign(1, x), 0),
            ("gelu", max(x, 0), float(x > 0)),
            ("gelu_tanh", max(x, 0), float(x > 0)),
            ("silu", max(x, 0), float(x > 0)),
            ("atan", math.copysign(math.pi / 2, x), 1e-310 if abs(x) == 1e155 else 0),
            ("asinh", math.copysign(math.log(2 * abs(x) / 1e100) + 100 * math.log(10), x), 1 / abs(x)),
        ]
    },
}


@pytest.mark.parametrize("name", EDGES)
def test_four_derivatives_at_the_ends_of_domains_and_far_out(name):
    f, at, expected = EDGES[name]
    # below 1e-300 is 0: the second derivative of asinh at 1e155 is -1e-310
    assert derivatives(f, at, 4) == pytest.approx(expected, rel=1e-12, abs=1e-300)


def test_a_kink_has_second_derivative_zero():
    for f in (autograd.relu, autograd.abs, autograd.leaky_relu):
        for at in (-1.0, 0.0, 2.0):
            assert derivatives(f, at, 2)[2] == 0.0


def test_fractions_stay_fractions_in_recorded_gradients():
    x = Fraction(2, 3)
    found = derivatives(lambda x: (x**3 + 1) / x - x * 5, x, 3)
    # x^2 + 1/x - 5x
    assert found == [x**2 + 1 / x - 5 * x, 2 * x - 1 / x**2 - 5, 2 + 2 / x**3, -6 / x**4]
    assert {type(each) for each in found} == {Fraction}


def test_a_number_of_the_user_times_infinity_is_recorded_as_it_is_computed():
    x = Value(2.0)
    y = (0.0 * x).sqrt()  # the derivative is inf * 0, which is nan
    [number], [recorded] = grad(y, [x]), grad(y, [x], create_graph=True)
    assert math.isnan(number)
    assert math.isnan(recorded.data)


def test_second_derivatives_in_a_constant():
    y = 2.0 ** Value(3.0)
    base = y.inputs[0]  # d2/db2 b^3 = 6 b = 12
    [first] = grad(y, [base], create_graph=True)
    assert first.data == 12.0
    assert grad(first, [base]) == [12.0]


def test_a_recorded_gradient_has_no_factor_1_no_product_with_0_and_no_sum_with_0():
    x, y = Value(0.5), Value(2.0)

    def recorded(output):
        """For each input the operations of its derivative, in their order; of a constant its number."""
        found = grad(output, [x, y], create_graph=True)
        return [[node.op.name for node in autograd.topological_order(each) if node.op] or each.data for each in found]

    assert recorded(x.sin()) == [["cos"], 0]
    assert recorded(x + x) == [2, 0]
    assert recorded(x.step() * y) == [0, ["step"]]
    assert recorded(x.step() + x * y) == recorded(x * y + x.step()) == [2, 0.5]
    assert recorded((x * y).sin()) == [["mul", "cos", "mul"], ["mul", "cos", "mul"]]
    assert recorded(x * y + x.exp()) == [["exp", "add"], 0.5]
    assert grad(x.step() * Value(math.inf), [x], create_graph=True)[0].data == 0


def test_a_deep_graph_is_differentiated_twice():
    x = Value(1.0)
    y = x
    for _ in range(3_000):
        y = y * 1.0 + x * 0.001
    [first] = grad(y * y, [x], create_graph=True)
    # y = 4x, y^2 = 16 x^2
    assert first.data == pytest.approx(32.0, rel=1e-10)  # thousands of roundings
    assert grad(first, [x]) == pytest.approx([32.0], rel=1e-10)


@pytest.mark.parametrize("f", [autograd.asinh, autograd.atan, autograd.acosh])
def test_second_derivatives_at_infinity_are_their_limit(f):
    x = Value(math.inf)
    assert autograd.hessian(f(x), [x]) == [[0.0]]


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ((1e-155, 1e-155), [-math.inf, 0.0, 0.0, math.inf]),
        ((1e-200, 2e-200), [-math.inf, -math.inf, -math.inf, math.inf]),
        ((0.0, 1e-200), [0.0, -math.inf, -math.inf, 0.0]),
        ((1e-120, 1e-120), [pytest.approx(-5e239), 0.0, 0.0, pytest.approx(5e239)]),
    ],
)
def test_the_hessian_of_the_angle_near_the_origin(point, expected):
    x, y = map(Value, point)
    [[xx, xy], [yx, yy]] = autograd.hessian(autograd.atan2(x, y), [x, y])
    assert [xx, xy, yx, yy] == expected
