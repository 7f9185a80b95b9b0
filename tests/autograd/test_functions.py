"""The functions: on plain numbers they are math's, on Values they record the same, and compositions stay finite."""

import inspect
import math
import operator
import re
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import strategies as st

import autograd
from autograd import DomainError, Value, compositions, functions, grad
from tests.strategies import for_all

POINTS = [-2.5, -0.75, -0.25, 0.0, 0.25, 0.75, 2.5, 30.0]


def sigma(x):
    return 1 / (1 + mpmath.exp(-x))


# The function, and another's word for it: math's, or its definition in mpmath.
ELEMENTARY = {
    "abs": abs, "exp": math.exp, "expm1": math.expm1, "log": math.log, "log1p": math.log1p, "sqrt": math.sqrt,
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "asin": math.asin, "acos": math.acos, "atan": math.atan,
    "sinh": math.sinh, "cosh": math.cosh, "tanh": math.tanh, "erf": math.erf, "erfc": math.erfc,
    "relu": lambda x: max(x, 0.0), "detach": lambda x: x, "identity": lambda x: x, "sign": lambda x: float((x > 0) - (x < 0)),
    "step": lambda x: float(x > 0), "heaviside": lambda x: ((x > 0) - (x < 0) + 1) / 2,
    "leaky_relu": lambda x: max(x, 0.0) + 0.01 * min(x, 0.0),
    "log2": math.log2, "log10": math.log10, "asinh": math.asinh, "acosh": math.acosh, "atanh": math.atanh,
    "sinc": lambda x: math.sin(math.pi * x) / (math.pi * x) if x else 1.0,
    "exp2": lambda x: 2.0**x, "floor": lambda x: float(math.floor(x)), "rint": lambda x: float(round(x)),
}  # fmt: skip
DEFINED = {
    "sigmoid": sigma,
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "silu": lambda x: x * sigma(x),
    "gelu": lambda x: x * mpmath.ncdf(x),
    "elu": lambda x: x if x > 0 else mpmath.expm1(x),
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "gelu_tanh": lambda x: x / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3))),
}
BINARY = {"maximum": max, "minimum": min}
CONDITIONS = {
    "less": operator.lt, "less_equal": operator.le, "equal": operator.eq,
    "when": lambda x, y: x and x * y, "unless": lambda x, y: (1 - x) and (1 - x) * y,
}  # fmt: skip
OF_TWO = {
    "hypot": math.hypot, "atan2": math.atan2, "mod": operator.mod, "floordiv": operator.floordiv,
    "logaddexp": lambda x, y: float(np.logaddexp(float(x), float(y))),
}  # fmt: skip
COMPOSITIONS = {"clip", "total", "dot", "norm", "softmax", "logsumexp", "where"}


def test_every_public_function_is_tested_here():
    public = {
        name
        for module in (functions, compositions)
        for name, each in vars(module).items()
        if inspect.isfunction(each) and each.__module__ == module.__name__ and name[0] != "_"
    }
    assert public == {*ELEMENTARY, *DEFINED, *BINARY, *OF_TWO, *CONDITIONS} | COMPOSITIONS
    assert public <= set(autograd.__all__)


@pytest.mark.parametrize("x", POINTS)
@pytest.mark.parametrize("name", ELEMENTARY)
def test_on_plain_numbers_they_are_maths(name, x):
    function = getattr(autograd, name)
    try:
        expected = ELEMENTARY[name](x)
    except ValueError:
        with pytest.raises(DomainError):
            function(x)
        with pytest.raises(DomainError):
            function(Value(x))
        return
    assert function(x) == expected
    assert type(function(x)) is float


@pytest.mark.parametrize("x", POINTS)
@pytest.mark.parametrize("name", DEFINED)
def test_activations_are_what_their_definitions_say(name, x):
    with mpmath.workdps(50):
        expected = float(DEFINED[name](mpmath.mpf(x)))
    assert getattr(autograd, name)(x) == pytest.approx(expected, rel=2e-15, abs=1e-300)  # a handful of roundings


@pytest.mark.parametrize("name", [*ELEMENTARY, *DEFINED])
def test_on_values_they_record_the_same_number(name):
    function = getattr(autograd, name)
    for x in [0.25, 0.75, 1, Fraction(1, 4), np.float64(0.5), np.float32(0.1), np.int64(1), True]:
        if name == "acosh":
            x += 1
        if name == "atanh" and x == 1:
            continue
        plain, recorded, method = function(x), function(Value(x)), getattr(Value(x), name)()
        assert type(plain) in (int, float, Fraction)
        assert (type(recorded), type(recorded.data), recorded.data) == (Value, type(plain), plain)
        assert (method.data, method.op) == (plain, recorded.op)


def test_slopes_and_alphas():
    assert (
        autograd.leaky_relu(-2.0, 0.5) == autograd.leaky_relu(Value(-2.0), 0.5).data == Value(-2.0).leaky_relu(0.5).data == -1.0
    )
    assert autograd.leaky_relu(-2.0, slope=0) == 0.0
    assert autograd.elu(-1.0, 2.0) == 2 * math.expm1(-1.0) == Value(-1.0).elu(alpha=2.0).data
    x = Value(-2.0)
    assert grad(autograd.leaky_relu(x, 0.5), [x]) == [0.5]
    assert grad(autograd.elu(x, 3.0), [x]) == pytest.approx([3.0 * math.exp(-2.0)], rel=1e-15)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize(("x", "y"), [(2.0, 3.0), (3, 2), (Fraction(1, 3), Fraction(1, 2)), (2, 2.5), (True, 2), (-1.0, -1.0)])
def test_maximum_and_minimum_in_every_mix(name, x, y):
    function, expected = getattr(autograd, name), BINARY[name](x, y)
    assert function(x, y) == expected
    for left, right in [(Value(x), y), (x, Value(y)), (Value(x), Value(y))]:
        node = function(left, right)
        assert (type(node), node.data) == (Value, expected)
        shares = (0.5, 0.5) if x == y else (float(x == expected), float(y == expected))
        assert node.partials == shares
    assert getattr(Value(x), name)(y).data == expected


@pytest.mark.parametrize("name", CONDITIONS)
@pytest.mark.parametrize(
    ("x", "y"), [(0, 3), (1, 0.25), (Fraction(1), Fraction(1)), (0.0, math.inf), (1, -math.inf), (True, 1)]
)
def test_conditions_and_what_they_choose_in_every_mix(name, x, y):
    function, expected = getattr(autograd, name), CONDITIONS[name](x, y)
    assert function(x, y) == expected
    for left, right in [(Value(x), y), (x, Value(y)), (Value(x), Value(y))]:
        node = function(left, right)
        assert (type(node), node.data) == (Value if name in ("when", "unless") else autograd.Condition, expected)
    assert getattr(Value(x), name)(y).data == expected


ARRAY, TABLE, X = np.array([1.0, 2.0]), np.ones((2, 2)), Value(1.0)
OF_ARRAYS = [
    (lambda: autograd.clip(ARRAY, 0, 1), "autograd.clip takes one number", "np.clip(array, low, high)"),
    (lambda: autograd.maximum(ARRAY, 0), "autograd.maximum takes numbers", "np.maximum(array, y)"),
    (lambda: autograd.maximum(ARRAY, ARRAY), "autograd.maximum takes numbers", "for each pair write np.maximum(xs, ys)"),
    (lambda: autograd.maximum([X], 0), "autograd.maximum takes numbers", "[autograd.maximum(x, y) for x in xs]"),
    (lambda: autograd.minimum(0, ARRAY), "autograd.minimum takes numbers", "np.minimum(x, array)"),
    (lambda: X.maximum(ARRAY), "autograd.maximum takes numbers", "np.maximum(x, array)"),
    (lambda: X.hypot(ARRAY), "autograd.hypot takes numbers", "np.hypot(x, array)"),
    (lambda: X.less(ARRAY), "autograd.less takes numbers", "[autograd.less(x, y) for y in ys]"),
    (lambda: autograd.norm(TABLE), "autograd.norm takes one list", "[autograd.norm(row) for row in rows]"),
    (lambda: autograd.softmax(TABLE), "autograd.softmax takes one list", "[autograd.softmax(row) for row in rows]"),
    (lambda: autograd.logsumexp([[1, 2]]), "autograd.logsumexp takes one list", "[autograd.logsumexp(row) for row in rows]"),
    (lambda: autograd.log(4.0, ARRAY), "autograd.log takes one number", "np.log(array)"),
    (lambda: autograd.log(4.0, ARRAY[1:]), "autograd.log takes one number", "np.log(array)"),
]


@pytest.mark.parametrize(("call", "what", "advice"), OF_ARRAYS)
def test_what_is_given_an_array_says_what_to_write(call, what, advice):
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value).startswith(what)
    assert advice in str(caught.value)


@pytest.mark.parametrize("foreign", ["2", None, 1j], ids=repr)
def test_what_is_not_a_number_is_refused_with_words(foreign):
    for call in [autograd.exp, autograd.relu, lambda x: autograd.maximum(x, 1.0), lambda x: autograd.maximum(Value(1.0), x)]:
        with pytest.raises(TypeError, match="a Value holds a real number"):
            call(foreign)


NUMBERS = [0.25, 0.5]
MANY = {
    "numbers": NUMBERS,
    "Values": [Value(x) for x in NUMBERS],
    "an array": np.array(NUMBERS),
    "an array of Values": np.array([Value(x) for x in NUMBERS]),
}


@pytest.mark.parametrize("many", MANY.values(), ids=list(MANY))
@pytest.mark.parametrize("name", ["exp", "asin", "abs", "sigmoid", "erf", "leaky_relu"])
def test_a_function_of_one_number_says_how_to_take_many(name, many):
    with pytest.raises(TypeError) as caught:
        getattr(autograd, name)(many)
    assert f"autograd.{name} takes one number or Value" in str(caught.value)
    advice = re.search(r"for each entry write (\S+|\[.*\])$", str(caught.value)).group(1)
    numpys = {"exp": "np.exp(array)", "asin": "np.arcsin(array)", "abs": "np.abs(array)"}
    assert advice == numpys.get(name, "") or f"[autograd.{name}(x) for x in xs]" if isinstance(many, np.ndarray) else advice
    found = eval(advice, {"np": np, "autograd": autograd, "array": many, "xs": many})
    for got, x in zip(found, NUMBERS, strict=True):
        assert (got.data if isinstance(got, Value) else got) == pytest.approx(getattr(autograd, name)(x))


def test_a_function_of_two_numbers_says_it_too():
    for call in (
        lambda: autograd.hypot([1.0], 2.0),
        lambda: autograd.maximum(1.0, [2.0]),
        lambda: autograd.mod(Value(1.0), [2]),
    ):
        with pytest.raises(TypeError, match=r"takes numbers and Values, one at a time, but got \[\d(\.0)?\] of type list"):
            call()


def test_outside_the_domain_plain_numbers_are_refused_too():
    with pytest.raises(DomainError, match=r"log\(x\) needs x > 0, but x = -1\.0"):
        autograd.log(-1.0)


@pytest.mark.parametrize("name", OF_TWO)
@pytest.mark.parametrize(("x", "y"), [(2.0, 3.0), (-2.0, 0.5), (3, 2), (Fraction(1, 3), Fraction(-1, 2)), (2, 2.5)])
def test_functions_of_two_numbers_in_every_mix(name, x, y):
    function, expected = getattr(autograd, name), OF_TWO[name](x, y)
    assert function(x, y) == pytest.approx(expected, rel=1e-15)
    for left, right in [(Value(x), y), (x, Value(y)), (Value(x), Value(y))]:
        node = function(left, right)
        assert (type(node), node.data, node.op) == (Value, function(x, y), autograd.OPS[name])
    assert getattr(Value(x), name)(y).data == function(x, y)


def test_logarithms_of_any_base():
    assert [autograd.log(x, 10) for x in (1000.0, 0.01)] == [3.0, -2.0]
    assert autograd.log(2.0**60, 2) == 60.0
    x, base = Value(8.0), Value(3.0)
    y = autograd.log(x, base)
    assert y.data == autograd.log(8.0, 3.0) == pytest.approx(math.log(8, 3), rel=1e-15)
    # d ln x / ln b: 1 / (x ln b) and -ln x / (b ln² b)
    slopes = [1 / (8 * math.log(3)), -math.log(8) / (3 * math.log(3) ** 2)]
    assert grad(y, [x, base]) == pytest.approx(slopes, rel=1e-15)
    assert (autograd.log(x, 2).op, autograd.log(x, 10).op, autograd.log(x, math.e).op.name) == (
        autograd.OPS["log2"],
        autograd.OPS["log10"],
        "div",
    )
    with pytest.raises(DomainError):
        autograd.log(8.0, -1.0)


def test_both_forms_of_gelu():
    x = Value(0.5)
    assert autograd.gelu(x, approximate="tanh").op is x.gelu_tanh().op is autograd.OPS["gelu_tanh"]
    assert autograd.gelu(0.5, "none") == autograd.gelu(0.5)
    with pytest.raises(ValueError, match=r'approximate="tanh", but got \'fast\''):
        autograd.gelu(x, approximate="fast")


# --- of any number of operands ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "chosen"), [("maximum", 3.0), ("minimum", -1.0)])
def test_the_largest_and_the_smallest_of_any_number(name, chosen):
    function, numbers = getattr(autograd, name), [2.0, -1.0, 3.0, 0]
    values = [Value(x) for x in numbers]
    for result in (
        function(*values),
        function(values),
        function(iter(values)),
        values[0].maximum(*values[1:]) if chosen > 0 else values[0].minimum(*values[1:]),
    ):
        assert result.data == chosen
        assert grad(result, values) == [float(x == chosen) for x in numbers]
    assert function(numbers) == function(*numbers) == function(np.array(numbers)) == chosen
    assert function(values[0]) is values[0]
    assert function([Fraction(1, 2)]) == Fraction(1, 2)
    assert math.isnan(function(1.0, math.nan, 2.0))
    a, b, c = (Value(1.0) for _ in range(3))
    assert grad(function(a, b, c), [a, b, c]) == [0.25, 0.25, 0.5]  # from left to right, two at a time
    for nothing in [[], (), np.array([])]:
        with pytest.raises(ValueError, match=f"{name} needs at least one number"):
            function(nothing)
    with pytest.raises(ValueError, match=f"{name} needs at least one number"):
        function()


def test_clip():
    for x, want, slope in [(-2.0, -1, 0.0), (0.25, 0.25, 1.0), (3.0, 1, 0.0), (1.0, 1, 0.5), (-1.0, -1, 0.5)]:
        value = Value(x)
        assert autograd.clip(x, -1, 1) == want == autograd.clip(value, -1, 1).data
        assert grad(autograd.clip(value, -1, 1), [value]) == [slope]
    assert autograd.clip(-2.0, high=1) == autograd.clip(-2.0) == -2.0
    assert autograd.clip(-2.0, low=0) == 0
    assert math.isnan(autograd.clip(math.nan, 0, 1))
    low, x = Value(2.0), Value(1.0)
    assert grad(autograd.clip(x, low, 3.0), [x, low]) == [0.0, 1.0]
    with pytest.raises(ValueError, match="at most the high one, but got 1 and 0"):
        autograd.clip(x, 1, 0)


@pytest.mark.parametrize(
    "numbers", [[3.0, 4.0], [-2.0], [1.0, 2.0, -2.0], [0.0, 5.0, 0.0], [1e-150, 2e-150], [3e200, -4e200, 1.0]]
)
def test_norm_and_its_derivatives(numbers):
    xs = [Value(x) for x in numbers]
    y = autograd.norm(xs)
    with mpmath.workdps(50):
        length = mpmath.norm([mpmath.mpf(x) for x in numbers])
        slopes = [float(x / length) for x in numbers]
    assert y.data == autograd.norm(numbers) == pytest.approx(float(length), rel=1e-15)
    assert grad(y, xs) == pytest.approx(slopes, rel=1e-15)
    curvature = [[((i == j) - slopes[i] * slopes[j]) / float(length) for j in range(len(xs))] for i in range(len(xs))]
    for got, want in zip(autograd.hessian(y, xs), curvature, strict=True):
        assert got == pytest.approx(want, rel=1e-14, abs=1e-15 / float(length))


def test_norm_at_its_ends():
    xs = [Value(0.0), Value(-0.0)]
    assert (autograd.norm(xs).data, grad(autograd.norm(xs), xs)) == (0.0, [0.0, 0.0])
    assert autograd.norm([5e-324, 0.0]) == 5e-324
    assert autograd.norm([math.inf, 1.0]) == math.inf
    assert math.isnan(autograd.norm([math.nan, 1.0]))
    with pytest.raises(ValueError, match="norm needs at least one number"):
        autograd.norm([])


# --- total and dot ---------------------------------------------------------------------------------------------------


def test_total():
    a, b = Value(1.0), Value(2.0)
    assert autograd.total([]) == 0
    assert autograd.total([], start=a) is a
    assert autograd.total([a]) is a
    assert autograd.total([1, Fraction(1, 2)]) == Fraction(3, 2)
    y = autograd.total((each for each in (a, b, a)), start=5)
    assert (y.data, grad(y, [a, b])) == (9.0, [2.0, 1.0])
    assert autograd.total([Value(i) for i in range(5_000)]).data == 12_497_500


def test_total_adds_from_left_to_right():
    numbers = [1e16, 1.0, -1e16, 1.0]  # from the left: 1e16 + 1 rounds to 1e16, so 1.0 is left of the true 2.0
    assert autograd.total([Value(x) for x in numbers]).data == 1.0
    assert (
        autograd.total(numbers) == 1.0
    )  # not compensated, as the sum() of Python 3.12 is, for what is computed is what is recorded
    assert autograd.dot(numbers, [1.0] * 4) == 1.0


def test_dot():
    w, x, b = [Value(2.0), Value(-1.0)], [Value(3.0), Value(5.0)], Value(0.5)
    y = autograd.dot(w, x, start=b)
    assert y.data == 1.5
    assert grad(y, [*w, *x, b]) == [3.0, 5.0, 2.0, -1.0, 1.0]
    assert autograd.dot([1, 2], [3, 4]) == 11
    assert autograd.dot([1, 2], [3, 4], 10) == 21
    assert autograd.dot([], []) == 0
    assert autograd.dot([w[0]], [b]).inputs == (w[0], b)  # w * b, as it is written
    assert autograd.dot(w, np.array([3.0, 5.0])).data == 1.0
    assert autograd.dot((each for each in w), iter([1, 1])).data == 1.0
    # the first operation reads the start: b + w1 x1, as in micrograd's neuron
    assert y.inputs[0].inputs[0] is b


@pytest.mark.parametrize(("n", "m"), [(2, 3), (3, 2), (0, 1)])
def test_dot_refuses_two_lengths_and_names_both(n, m):
    with pytest.raises(ValueError, match=rf"{n} and {m}"):
        autograd.dot([Value(1.0)] * n, [1.0] * m)


# --- softmax and logsumexp -------------------------------------------------------------------------------------------

LOGITS = [[0.3, -1.2, 2.0], [5.0], [0.0, 0.0], [1.0, 2.0, 3.0, 4.0]]


def exact_softmax(zs):
    with mpmath.workdps(50):
        terms = [mpmath.exp(mpmath.mpf(z)) for z in zs]
        return [float(t / mpmath.fsum(terms)) for t in terms]


@pytest.mark.parametrize("logits", LOGITS, ids=str)
def test_softmax_and_its_jacobian(logits):
    zs = [Value(z) for z in logits]
    ys = autograd.softmax(zs)
    p = exact_softmax(logits)
    assert [y.data for y in ys] == pytest.approx(p, rel=1e-15)  # a handful of roundings
    assert autograd.softmax(logits) == [y.data for y in ys]
    jacobian = [grad(y, zs) for y in ys]
    for i, row in enumerate(jacobian):  # diag(y) - y y^T
        assert row == pytest.approx([p[i] * (i == j) - p[i] * p[j] for j in range(len(p))], rel=1e-14, abs=1e-16)


@pytest.mark.parametrize("logits", LOGITS, ids=str)
def test_logsumexp_and_its_gradient(logits):
    zs = [Value(z) for z in logits]
    y = autograd.logsumexp(zs)
    with mpmath.workdps(50):
        expected = float(mpmath.log(mpmath.fsum(mpmath.exp(mpmath.mpf(z)) for z in logits)))
    assert y.data == pytest.approx(expected, rel=1e-15)
    assert autograd.logsumexp(logits) == y.data
    assert grad(y, zs) == pytest.approx(exact_softmax(logits), rel=1e-14)


def test_the_hessian_of_logsumexp_is_the_jacobian_of_softmax():
    zs = [Value(z) for z in (0.5, -0.5, 1.0)]
    p = exact_softmax([0.5, -0.5, 1.0])
    first = grad(autograd.logsumexp(zs), zs, create_graph=True)
    for i, derivative in enumerate(first):
        assert grad(derivative, zs) == pytest.approx([p[i] * (i == j) - p[i] * p[j] for j in range(3)], rel=1e-13, abs=1e-16)


@pytest.mark.parametrize("shift", [-1000.0, 1000.0, 1e300])
def test_logits_of_any_size(shift):
    zs = [Value(shift), Value(shift)]
    assert [y.data for y in autograd.softmax(zs)] == [0.5, 0.5]
    y = autograd.logsumexp(zs)
    assert y.data == pytest.approx(shift + math.log(2), rel=1e-15)
    assert grad(y, zs) == [0.5, 0.5]


@pytest.mark.parametrize("name", ["softmax", "logsumexp"])
def test_the_shift_is_not_differentiated(name):
    zs = [Value(1.0), Value(3.0), Value(2.0)]
    outputs = getattr(autograd, name)(zs)
    for output in outputs if name == "softmax" else [outputs]:
        output.backward()
        shift = [node for node in autograd.topological_order(output) if node._op == "detach"]
        assert [(node.data, node.inputs[0].grad) for node in shift] == [(3.0, 0.0)]


def test_logits_far_apart():
    zs = [Value(-1000.0), Value(1000.0)]
    first, second = autograd.softmax(zs)
    assert (first.data, second.data) == (0.0, 1.0)
    assert grad(first, zs) == grad(second, zs) == [0.0, 0.0]
    assert grad(autograd.logsumexp(zs), zs) == [0.0, 1.0]
    assert autograd.softmax([-math.inf, 0.0]) == [0.0, 1.0]


@for_all(st.lists(st.floats(-50, 50), min_size=1, max_size=6), st.floats(-100, 100), examples=50)
def test_softmax_sums_to_one_and_ignores_a_shift(logits, shift):
    p = autograd.softmax(logits)
    assert sum(p) == pytest.approx(1.0, rel=1e-14)
    # z + shift rounds by 1e-14, and softmax passes differences of logits on one to one
    assert autograd.softmax([z + shift for z in logits]) == pytest.approx(p, rel=1e-12)


@pytest.mark.parametrize("name", ["softmax", "logsumexp"])
def test_softmax_and_logsumexp_take_mixes_arrays_and_iterators(name):
    function = getattr(autograd, name)
    expected = function([1.0, 2.0])
    found = function([Value(1.0), 2])
    assert [each.data for each in found] == expected if name == "softmax" else found.data == expected
    assert function(np.array([1.0, 2.0])) == expected
    assert function(x for x in [1.0, 2.0]) == expected


@pytest.mark.parametrize("name", ["softmax", "logsumexp"])
@pytest.mark.parametrize("empty", [[], (), np.array([])], ids=repr)
def test_an_empty_list_is_refused_with_words(name, empty):
    with pytest.raises(ValueError, match=rf"{name} needs at least one number"):
        getattr(autograd, name)(empty)
