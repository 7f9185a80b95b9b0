"""IEEE 754 where Python raises: NumPy's float64 is the witness."""

import itertools
import math

import numpy as np
import pytest
import sympy as sp

from autograd.rules.primitives import PRIMITIVES, divide, power

INF, NAN = math.inf, math.nan
MAGNITUDES = [0.0, 5e-324, 1e-300, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 401.0, 1e15 + 1, 2.0**53, 1e200, 1.7976931348623157e308, INF]
GRID = [NAN, *(sign * each for each in MAGNITUDES for sign in (1.0, -1.0))]


def same(got, want, ulp=0):
    """Equal to within some ulp, the sign of a zero included; nan is nan."""
    if math.isnan(want) or math.isinf(want) or want == 0:
        return math.isnan(got) if math.isnan(want) else got == want and math.copysign(1, got) == math.copysign(1, want)
    return abs(got - want) <= ulp * math.ulp(want)


@pytest.fixture(autouse=True)
def silence():
    with np.errstate(all="ignore"):
        yield


def test_divide_is_numpys():
    for x, y in itertools.product(GRID, GRID):
        assert same(divide(x, y), float(np.float64(x) / np.float64(y))), (x, y)


def test_power_is_numpys():
    for x, y in itertools.product(GRID, GRID):
        # 2 ulp: NumPy may bring a pow of its own
        assert same(power(x, y), float(np.float64(x) ** np.float64(y)), ulp=2), (x, y)


NUMPYS = {
    "abs": np.abs, "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "sqrt": np.sqrt,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "log2": np.log2, "log10": np.log10, "cbrt": np.cbrt, "floor": np.floor, "rint": np.rint,
    "hypot": np.hypot, "atan2": np.arctan2, "fmod": np.fmod,
}  # fmt: skip
# NumPy has no error functions. Their values at the grid's special points:
BY_HAND = {
    "erf":  {NAN: NAN, INF: 1.0, -INF: -1.0, 0.0: 0.0, 1e200: 1.0, -1e200: -1.0},
    "erfc": {NAN: NAN, INF: 0.0, -INF: 2.0, 0.0: 1.0, 1e200: 0.0, -1e200: 2.0},
}  # fmt: skip


def test_every_primitive_has_a_witness():
    assert {*NUMPYS, *BY_HAND} == set(PRIMITIVES)


@pytest.mark.parametrize("name", NUMPYS)
def test_primitives_are_numpys(name):
    for operands in itertools.product(GRID, repeat=PRIMITIVES[name].arity):
        # 4 ulp: NumPy's vector functions promise that much, and the C library 1
        assert same(PRIMITIVES[name].ieee(*operands), float(NUMPYS[name](*map(np.float64, operands))), ulp=4), operands


@pytest.mark.parametrize("name", BY_HAND)
def test_error_functions_at_special_points(name):
    for x, want in BY_HAND[name].items():
        assert same(PRIMITIVES[name].ieee(x), want), x
    assert same(PRIMITIVES["erf"].ieee(-0.0), -0.0)


INSIDE = {"acosh": (1.25, 1.5, 3.0), **dict.fromkeys(("log", "log2", "log10", "sqrt"), (0.07, 0.5, 0.9))}


@pytest.mark.parametrize("name", PRIMITIVES)
def test_the_sympy_column_is_the_same_function(name):
    expression, primitive = sp.sympify(PRIMITIVES[name].sympy), PRIMITIVES[name]
    symbols = sp.symbols("x y")[: primitive.arity]
    assert expression.free_symbols == {*symbols}
    for operands in itertools.product(INSIDE.get(name, (-0.9, -0.3, 0.07, 0.51, 0.9)), repeat=primitive.arity):
        want = expression.subs(dict(zip(symbols, map(sp.Rational, operands), strict=True))).evalf(30)
        assert same(primitive.function(*operands) + 0.0, float(want), ulp=2), (
            operands
        )  # no sign before 0; the C library is right to 1 ulp, or 2


def test_a_witness_can_disagree():
    assert not same(0.0, -0.0)
    assert not same(1.0, NAN)
    assert not same(NAN, 1.0, ulp=4)
    assert not same(1.0, 1.0 + 2.0**-50, ulp=2)
    assert not same(INF, -INF)
