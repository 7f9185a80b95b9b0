"""The table: SymPy proves every partial, mpmath measures every kernel, and the edges are written out by hand."""

import ast
import math
import operator
from fractions import Fraction
from itertools import islice

import pytest
import sympy as sp

import autograd
from autograd import OPS, Op, Value, grad, ops
from autograd.errors import DomainError, PoleError
from autograd.rules.cut import CUT
from autograd.rules.evaluate import evaluate
from autograd.rules.primitives import PRIMITIVES
from autograd.value import apply
from tests.oracle import (
    CONSTANTS,
    DIVISIONS,
    EPS,
    FAMILIES,
    HELPERS,
    HUGE,
    POWERS,
    ROWS,
    WITNESSES,
    arguments,
    errors,
    everywhere,
    is_interior,
    mp,
    mpf,
    ordinary,
    row_id,
)
from tests.sweeps import sweep

ORDINARY = sweep("points of each row's range against 50 digits", sample=40, full=4000)
EVERYWHERE = sweep("points of each row's domain against 50 digits", sample=200, full=4000)
BITWISE = sweep("points of each row by all readers, bit for bit", sample=40, full=4000)

INF, NAN = math.inf, math.nan
TINY = 5e-324  # the smallest positive float


def each(rows):
    return pytest.mark.parametrize("op", rows, ids=row_id)


# --- 1. SymPy proves every partial, branches apart ------------------------------------------------------------------
# A region is a part of the plane in which no choice changes: the signs of x and y and their order are fixed. A symbol with
# that sign stands for the operand, and a point inside decides the choices.

PYTHON = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv, ast.Pow: operator.pow,
}  # fmt: skip
ORDER = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge}
EQUAL = {ast.Eq: operator.eq, ast.NotEq: operator.ne}

HALF, THIRD = sp.Rational(1, 2), sp.Rational(1, 3)
SIDES = [(sp.Symbol("x", positive=True), HALF), (sp.Symbol("x", negative=True), -HALF)]
POSITIVE, NEGATIVE = SIDES
ABOVE, BELOW, WHOLE = sp.Symbol("y", positive=True), sp.Symbol("y", negative=True), sp.Symbol("n", integer=True)
ABOVE_ONE = (1 + sp.Symbol("x", positive=True), 1 + HALF)
BEYOND_HALF = [(HALF + POSITIVE[0], 1), (NEGATIVE[0] - HALF, -1)]
LINE = [(side,) for side in SIDES]
PLANE = [
    *[(POSITIVE, y) for y in [(ABOVE, 2 * THIRD), (ABOVE, THIRD), (BELOW, -HALF)]],
    *[(NEGATIVE, y) for y in [(BELOW, -2 * THIRD), (BELOW, -THIRD), (ABOVE, HALF)]],
]
# A whole exponent keeps still: those of negative bases, and those that rows single out.
WHOLE_EXPONENTS = [(side, y) for side in SIDES for y in [(WHOLE, 3), (sp.Integer(0), 0), (sp.Integer(1), 1)]]
# For every constant at once; a negative base has whole ones.
GENERAL = [(sp.Symbol("c", real=True), THIRD), (WHOLE, 3)]


# Between the jumps of these, the result of a primitive, or a part of it, is one whole number.
WHOLE_PARTS = {
    "floor": lambda at, x: sp.floor(at(x)),
    "rint": lambda at, x: sp.floor(at(x) + HALF),
    "fmod": lambda at, x, y: x - y * sp.Integer(int(at(x) / at(y))),
}


def regions_of(op):
    if op is ops.ACOSH:
        return [(ABOVE_ONE,)]
    if op is ops.SINC:  # nearer to 0 its slope is a part of a series: see the next test
        return [(side,) for side in BEYOND_HALF]
    return LINE if op.arity == 1 else PLANE + WHOLE_EXPONENTS if op.name in POWERS else PLANE


# Remainders and roundings are proved between two jumps, and all others are like it; sinc on either side of 1/2; what calls ``bounded``,
# up to 40, where all else has vanished.
NARROW = {*DIVISIONS, "rint_down", "sinc", "bounded", "erf", "erfc", "gelu", "gelu_tanh"}


class Point(dict):
    """The numbers of a point. In a region that is ``narrow``, choices may come out otherwise than at the point."""

    is_narrow = False


def expression(text, names, point):
    """The text of a row in SymPy: ``names`` are its operands, and ``point`` lies in the region and makes the choices."""
    return _expression(ast.parse(text, mode="eval").body, names, point)


def _expression(node, names, point):
    def of(part):
        return _expression(part, names, point)

    match node:
        case ast.Name(id="pi"):
            return sp.pi
        case ast.Name(id=name):
            return names[name]
        case ast.Constant(value=value):
            return sp.Integer(value)
        case ast.UnaryOp(operand=operand):
            return -of(operand)
        case ast.BinOp(left=left, op=sign, right=right):
            return PYTHON[type(sign)](of(left), of(right))
        case ast.IfExp(test=ast.Compare(left=left, ops=[sign], comparators=[right]), body=body, orelse=orelse):
            return of(body if chosen(type(sign), of(left) - of(right), point) else orelse)
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in WHOLE_PARTS:
            return WHOLE_PARTS[name](lambda part: sp.sympify(part).subs(point), *map(of, arguments))
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in PRIMITIVES:
            formula, operands = sp.sympify(PRIMITIVES[name].sympy), zip(sp.symbols("x y"), map(of, arguments), strict=False)
            return formula.subs(list(operands), simultaneous=True)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return expression(OPS[name].value, dict(zip("xy", map(of, arguments), strict=False)), point)
    raise AssertionError(f"the proof cannot read {ast.unparse(node)}")


def chosen(sign, difference, point):
    """How the comparison of ``difference`` with 0 comes out at the point, and so in its whole region."""
    at = difference.subs(point)
    if sign in EQUAL:  # true only on a line; whole operands visit it
        return EQUAL[sign](at, 0)
    x, y = [*point, 0, 0][:2]
    known = difference.is_positive or difference.is_negative or {difference, -difference} & {x - y}
    assert known or point.is_narrow, f"{difference} may change sign in a region"
    return ORDER[sign](at, 0)


def unproved(op):
    """The partials of a row that SymPy does not prove: for each the region and what is left of the difference."""
    constants = [()] if not op.is_family else [(pair,) for pair in GENERAL] if op.c is None else [((sp.Rational(op.c),) * 2,)]
    regions = [region + c for region in regions_of(op) for c in constants]
    regions = [region for region in regions if is_interior(op, [at for _, at in region])]
    assert regions
    wrong = []
    for region in regions:
        names = dict(zip((*op.operands, "c"), (symbol for symbol, _ in region), strict=False))
        point = Point(
            (next(iter(term.free_symbols)), at - term.subs(dict.fromkeys(term.free_symbols, 0)))
            for term, at in region
            if term.free_symbols
        )
        point.is_narrow = op.name in NARROW
        out = expression(op.value, names, point)
        for operand, partial in zip(op.operands, op.partials, strict=True):
            if names[operand].is_integer:
                continue
            stated = expression(partial, {**names, "out": out}, point)
            rest = sp.simplify(sp.diff(out, *names[operand].free_symbols) - stated)
            if rest != 0:
                wrong.append(f"d({op.value})/d{operand} is not {partial} around {point}: they differ by {rest}")
    return wrong


@each([op for op in [*ROWS, *FAMILIES] if op is not ops.DETACH])
def test_sympy_proves_every_partial(op):
    assert unproved(op) == []


def test_sinc_near_0_and_its_slope_are_the_beginnings_of_their_series():
    x = sp.Symbol("x", positive=True)
    point = Point({x: THIRD})
    point.is_narrow = True
    series = sum((-1) ** k * (sp.pi * x) ** (2 * k) / sp.factorial(2 * k + 1) for k in range(13))
    out = expression(ops.SINC.value, {"x": x}, point)
    assert sp.expand(out - series) == 0
    assert sp.expand(expression(ops.SINC.partials[0], {"x": x, "out": out}, point) - sp.diff(series, x)) == 0


def test_detach_alone_is_not_the_derivative():
    left_of_0, right_of_0 = unproved(ops.DETACH)  # x, whose derivative is 1 and is stated to be 0
    assert left_of_0.endswith("they differ by 1")
    assert right_of_0.endswith("they differ by 1")


# --- 2. mpmath measures every kernel --------------------------------------------------------------------------------

# Allowed errors, in ulp of the exact result, or in 2.2e-16 of the scale of a weak one: a call of the C library is right to 1 ulp
# in glibc and to 2 elsewhere, and a row adds up to four roundings of half an ulp.
ALLOWED = 4


def inaccurate(op, points, witness=""):
    """Where value or partials of a row are further from those of its witness than allowed."""
    return [
        f"{('out', 'dx', 'dy')[index]} at {point}: got {error.got!r}, not {float(error.want)!r}"
        for point in points
        for index, error in enumerate(errors(op, point, witness))
        if not error.scaled <= ALLOWED * EPS
    ]


def test_every_row_has_a_witness():
    assert set(WITNESSES) == set(OPS)
    assert set(CONSTANTS) == {op.name for op in FAMILIES}


@each([op for op in ROWS if op is not ops.DETACH])
def test_the_witnesses_partials_are_the_derivatives_of_its_value(op):
    value, *partials = WITNESSES[op.name]
    for point in islice(ordinary(op), 5):
        operands = arguments(op, point)
        for index, partial in enumerate(partials):
            order = tuple(int(index == each) for each in range(len(operands)))
            slope = mp.diff(value, tuple(operands), order)
            # 50 digits, of which the difference quotient keeps about 45
            assert mp.almosteq(slope, partial(*operands), rel_eps=mpf("1e-40"), abs_eps=mpf("1e-40"))


@each(ROWS)
def test_mpmath_measures_every_row_on_its_samples(op):
    assert inaccurate(op, islice(ordinary(op), ORDINARY.take())) == []


@each(ROWS)
def test_the_readers_of_a_row_agree_bitwise_on_its_samples(op):
    for point in islice(ordinary(op), BITWISE.take()):
        assert op.kernel(*point) == op.exact(*point) == op.ieee(*point) == evaluate(op, *point)


@each(ROWS)
def test_mpmath_measures_every_row_everywhere(op):
    assert inaccurate(op, islice(everywhere(op), EVERYWHERE.take())) == []


# --- 3. special values ----------------------------------------------------------------------------------------------

# Each line: a row, its operands, the value and the partials.
SPECIAL = [
    ("neg",       (0.0,),          (-0.0, -1)),
    ("neg",       (INF,),          (-INF, -1)),
    ("add",       (INF, -INF),     (NAN, 1, 1)),
    ("add",       (HUGE, HUGE),    (INF, 1, 1)),
    ("sub",       (INF, INF),      (NAN, 1, -1)),
    ("mul",       (1e300, -1e300), (-INF, -1e300, 1e300)),
    ("mul",       (0.0, INF),      (NAN, INF, 0.0)),
    ("mul",       (1e-300, 1e-300), (0.0, 1e-300, 1e-300)),
    ("div",       (1.0, INF),      (0.0, 0.0, -0.0)),
    ("div",       (1.0, TINY),     (INF, INF, -INF)),
    ("div",       (INF, INF),      (NAN, 0.0, NAN)),
    ("abs",       (-INF,),         (INF, -1)),
    ("abs",       (-0.0,),         (0.0, -0.0)),
    ("maximum",   (INF, 1.0),      (INF, 1, 0)),
    ("minimum",   (-INF, 1.0),     (-INF, 1, 0)),
    ("floor",     (-0.0,),         (-0.0, 0)),
    ("floor",     (-TINY,),        (-1, 0)),
    ("floor",     (1e300,),        (1e300, 0)),
    ("floor",     (-INF,),         (-INF, 0)),
    ("rint",      (-0.5,),         (-0.0, 0)),
    ("rint",      (1.5,),          (2, 0)),
    ("rint",      (INF,),          (INF, 0)),
    ("mod",       (1.0, 0.1),      (0.09999999999999995, 1, -9)),  # 1 - 9 * 0.1, exactly; 0.1 is a little more than a tenth
    ("mod",       (-7.0, 2.0),     (1, 1, 4)),
    ("mod",       (7.0, -2.0),     (-1, 1, 4)),
    ("mod",       (5.0, INF),      (5, 1, -0.0)),
    ("mod",       (-5.0, INF),     (INF, 1, 1)),
    ("mod",       (INF, 2.0),      (NAN, 1, NAN)),
    ("floordiv",  (-5.0, INF),     (-1, 0, 0)),
    ("floordiv",  (1e300, 1e-300), (INF, 0, 0)),
    ("exp",       (0.0,),          (1, 1)),
    ("exp",       (1000.0,),       (INF, INF)),
    ("exp",       (-1000.0,),      (0, 0)),
    ("exp",       (INF,),          (INF, INF)),
    ("exp",       (-INF,),         (0, 0)),
    ("exp2",      (10.0,),         (1024, 1024 * math.log(2))),
    ("exp2",      (2000.0,),       (INF, INF)),
    ("exp2",      (-2000.0,),      (0, 0)),
    ("expm1",     (-0.0,),         (-0.0, 1)),
    ("expm1",     (1000.0,),       (INF, INF)),
    ("expm1",     (-1000.0,),      (-1, 0)),
    ("log",       (1.0,),          (0, 1)),
    ("log",       (INF,),          (INF, 0)),
    ("log",       (-INF,),         (NAN, -0.0)),
    ("log",       (TINY,),         (-744.4400719213812, INF)),
    ("log2",      (TINY,),         (-1074, INF)),
    ("log2",      (INF,),          (INF, 0)),
    ("log10",     (1000.0,),       (3, 1 / math.log(10) / 1000)),
    ("log1p",     (-0.0,),         (-0.0, 1)),
    ("log1p",     (INF,),          (INF, 0)),
    ("sqrt",      (0.0,),          (0, INF)),
    ("sqrt",      (INF,),          (INF, 0)),
    ("sqrt",      (-INF,),         (NAN, NAN)),
    ("cbrt",      (0.0,),          (0, INF)),
    ("cbrt",      (-0.0,),         (-0.0, INF)),
    ("cbrt",      (-27.0,),        (-3, 1 / 27)),
    ("cbrt",      (-INF,),         (-INF, 0)),
    ("hypot",     (3 * 2.0**600, 4 * 2.0**600), (5 * 2.0**600, 0.6, 0.8)),
    ("hypot",     (0.0, -2.0),     (2, 0, -1)),
    ("hypot",     (-INF, NAN),     (INF, NAN, NAN)),
    ("hypot",     (INF, 1.0),      (INF, 1, 0)),
    ("hypot",     (INF, -INF),     (INF, NAN, NAN)),
    ("atan2",     (1.0, -INF),     (math.pi, -0.0, -0.0)),
    ("atan2",     (0.0, 0.0),      (0, NAN, NAN)),
    ("atan2",     (0.0, -2.0),     (math.pi, -0.5, -0.0)),
    ("atan2",     (-0.0, -2.0),    (-math.pi, -0.5, 0.0)),
    ("atan2",     (1e-300, 1e-300), (math.pi / 4, 5e299, -5e299)),
    ("sin",       (-0.0,),         (-0.0, 1)),
    ("sin",       (INF,),          (NAN, NAN)),
    ("cos",       (0.0,),          (1, -0.0)),
    ("cos",       (-INF,),         (NAN, NAN)),
    ("tan",       (-0.0,),         (-0.0, 1)),
    ("tan",       (INF,),          (NAN, NAN)),
    ("asin",      (1.0,),          (math.pi / 2, INF)),
    ("asin",      (-1.0,),         (-math.pi / 2, INF)),
    ("acos",      (1.0,),          (0, -INF)),
    ("acos",      (-1.0,),         (math.pi, -INF)),
    ("asin",      (INF,),          (NAN, NAN)),
    ("atan",      (INF,),          (math.pi / 2, 0)),
    ("atan",      (-INF,),         (-math.pi / 2, 0)),
    ("sinc",      (0.0,),          (1, 0.0)),
    ("sinc",      (-0.0,),         (1, 0.0)),
    ("sinc",      (TINY,),         (1, -3 * TINY)),
    ("sinc",      (1.0,),          (math.sin(math.pi) / math.pi, -1)),  # the sine of the float next to π, as in NumPy
    ("sinc",      (-1.0,),         (math.sin(math.pi) / math.pi, 1)),
    ("sinc",      (INF,),          (NAN, NAN)),
    ("sinc",      (-INF,),         (NAN, NAN)),
    ("sinh",      (1000.0,),       (INF, INF)),
    ("sinh",      (-1000.0,),      (-INF, INF)),
    ("cosh",      (1000.0,),       (INF, INF)),
    ("cosh",      (-1000.0,),      (INF, -INF)),
    ("tanh",      (1000.0,),       (1, 0)),
    ("tanh",      (-1000.0,),      (-1, 0)),
    ("tanh",      (INF,),          (1, 0)),
    ("tanh",      (-0.0,),         (-0.0, 1)),
    ("asinh",     (-0.0,),         (-0.0, 1)),
    ("asinh",     (1e300,),        (691.4686750787736, 1e-300)),
    ("asinh",     (-INF,),         (-INF, 0)),
    ("acosh",     (1.0,),          (0, INF)),
    ("acosh",     (1e300,),        (691.4686750787736, 1e-300)),
    ("acosh",     (INF,),          (INF, 0)),
    ("acosh",     (-INF,),         (NAN, NAN)),
    ("atanh",     (-0.0,),         (-0.0, 1)),
    ("atanh",     (INF,),          (NAN, -0.0)),
    ("erf",       (1000.0,),       (1, 0)),
    ("erf",       (-INF,),         (-1, 0)),
    ("erfc",      (1000.0,),       (0, -0.0)),
    ("erfc",      (-INF,),         (2, -0.0)),
    ("sigmoid",   (0.0,),          (0.5, 0.25)),
    ("sigmoid",   (1000.0,),       (1, 0)),
    ("sigmoid",   (-1000.0,),      (0, 0)),
    ("sigmoid",   (INF,),          (1, 0)),
    ("sigmoid",   (-INF,),         (0, 0)),
    ("softplus",  (0.0,),          (math.log(2), 0.5)),
    ("softplus",  (1000.0,),       (1000, 1)),
    ("softplus",  (-1000.0,),      (0, 0)),
    ("softplus",  (INF,),          (INF, 1)),
    ("softplus",  (-INF,),         (0, 0)),
    ("relu",      (-0.0,),         (0.0, 0)),
    ("relu",      (1000.0,),       (1000, 1)),
    ("relu",      (-1000.0,),      (0, 0)),
    ("relu",      (INF,),          (INF, 1)),
    ("relu",      (-INF,),         (0, 0)),
    ("relu",      (NAN,),          (NAN, NAN)),
    ("silu",      (1000.0,),       (1000, 1)),
    ("silu",      (-1000.0,),      (-0.0, -0.0)),
    ("silu",      (-INF,),         (NAN, NAN)),  # -inf * 0
    ("gelu",      (1000.0,),       (1000, 1)),
    ("gelu",      (-1000.0,),      (-0.0, 0)),
    ("gelu",      (-INF,),         (NAN, 0)),  # -inf * 0
    ("gelu_tanh", (1000.0,),       (1000, 1)),
    ("gelu_tanh", (-1000.0,),      (-0.0, -0.0)),
    ("gelu_tanh", (1e155,),        (1e155, 1)),
    ("gelu_tanh", (-INF,),         (NAN, -0.0)),
    ("logaddexp", (1000.0, 1000.0), (1000 + math.log(2), 0.5, 0.5)),
    ("logaddexp", (-INF, 1.0),     (1, 0, 1)),
    ("logaddexp", (INF, 1.0),      (INF, 1, 0)),
    ("logaddexp", (-INF, -INF),    (-INF, NAN, NAN)),
    ("logaddexp", (INF, INF),      (INF, NAN, NAN)),
    ("step",      (INF,),          (1, 0)),
    ("sign",      (-INF,),         (-1, 0)),
    ("heaviside", (-INF,),         (0, 0)),
    ("detach",    (-INF,),         (-INF, 0)),
    ("identity",  (-INF,),         (-INF, 1)),
    ("identity",  (-0.0,),         (-0.0, 1)),
    ("less",      (1.0, INF),      (1, 0, 0)),
    ("less",      (INF, INF),      (0, 0, 0)),
    ("less",      (-0.0, 0.0),     (0, 0, 0)),
    ("less",      (NAN, 1.0),      (0, 0, 0)),   # comparisons with nan are false, so both executors take the branch that Python takes
    ("less_equal", (INF, INF),     (1, 0, 0)),
    ("less_equal", (-0.0, 0.0),    (1, 0, 0)),
    ("less_equal", (1.0, NAN),     (0, 0, 0)),
    ("equal",     (INF, INF),      (1, 0, 0)),
    ("equal",     (-0.0, 0.0),     (1, 0, 0)),
    ("equal",     (NAN, NAN),      (0, 0, 0)),
    ("when",      (0.0, INF),      (0, INF, 0)),
    ("when",      (-0.0, NAN),     (0, NAN, 0)),
    ("when",      (1.0, INF),      (INF, INF, 1)),
    ("when",      (1.0, -0.0),     (-0.0, -0.0, 1)),
    ("unless",    (1.0, INF),      (0, -INF, 0)),
    ("unless",    (1.0, NAN),      (0, NAN, 0)),
    ("unless",    (0.0, INF),      (INF, -INF, 1)),
    ("unless",    (0.0, -0.0),     (-0.0, 0.0, 1)),
    ("power",     (0.0, 0.0),      (1, 0, 0)),   # the convention; the next three are IEEE's, as in C
    ("power",     (NAN, 0.0),      (1, 0, NAN)),
    ("power",     (1.0, NAN),      (1, NAN, 0)),
    ("power",     (-1.0, INF),     (1, INF, NAN)),
    ("power",     (0.0, 2.0),      (0, 0, 0)),
    ("power",     (0.0, 0.5),      (0, INF, 0)),
    ("power",     (-2.0, 3.0),     (-8, 12, NAN)),
    ("power",     (2.0, INF),      (INF, INF, INF)),
    ("power",     (0.5, INF),      (0, NAN, -0.0)),
    ("power",     (10.0, 400.0),   (INF, INF, INF)),
    ("power",     (10.0, -400.0),  (0, -0.0, 0)),
]  # fmt: skip
SPECIAL_CONSTANTS = [
    (ops.POW.at(0),             0.0,     (1, 0)),
    (ops.POW.at(0),             NAN,     (1, 0)),
    (ops.POW.at(1),             0.0,     (0, 1)),
    (ops.POW.at(0.5),           0.0,     (0, INF)),
    (ops.POW.at(2),             1e200,   (INF, 2e200)),
    (ops.POW.at(3),             -1e200,  (-INF, INF)),
    (ops.POW.at(-1),            INF,     (0, -0.0)),
    (ops.POW.at(-2),            TINY,    (INF, -INF)),
    (ops.LEAKY_RELU.at(0.2),    -INF,    (-INF, 0.2)),
    (ops.LEAKY_RELU.at(0.2),    1000.0,  (1000, 1)),
    (ops.ELU.at(2),             -1000.0, (-2, 0)),
    (ops.ELU.at(2),             -INF,    (-2, 0)),
    (ops.ELU.at(2),             INF,     (INF, 1)),
]  # fmt: skip


def same(got, want):
    """Equal, the sign of a zero included; nan is nan."""
    return got != got if want != want else got == want and math.copysign(1, got) == math.copysign(1, want)


@pytest.mark.parametrize(("name", "operands", "want"), SPECIAL, ids=str)
def test_special_values(name, operands, want):
    assert all(map(same, evaluate(OPS[name], *operands), want)), evaluate(OPS[name], *operands)


@pytest.mark.parametrize(("op", "operand", "want"), SPECIAL_CONSTANTS, ids=str)
def test_special_values_of_families(op, operand, want):
    assert all(map(same, evaluate(op, operand), want)), evaluate(op, operand)


COMPARISONS = (ops.LESS, ops.IMPROVES, ops.LESS_EQUAL, ops.EQUAL)


CHOOSES_BY_X = ("beside", "factor")  # whether it is 0


@each([op for op in ROWS if op not in (ops.POW.at(0), *COMPARISONS)])  # x ** 0 is 1 for every x in IEEE 754
def test_nan_in_gives_nan_out(op):
    for index in range(op.name in CHOOSES_BY_X, op.arity):
        operands = [2.0] * op.arity
        operands[index] = NAN
        assert math.isnan(evaluate(op, *operands)[0])


@each(COMPARISONS)
def test_a_comparison_with_nan_is_false(op):
    assert all(evaluate(op, *point) == op.ieee(*point) == (0, 0, 0) for point in [(NAN, 2.0), (2.0, NAN), (NAN, NAN)])


# --- 4. kinks -------------------------------------------------------------------------------------------------------

# For each row with a kink: points on it, the value there, and the partials by convention.
KINKS = {
    ops.STEP:               {(0.0,): (0, 0)},
    ops.SIGN:               {(0.0,): (0, 0)},
    ops.HEAVISIDE:          {(0.0,): (0.5, 0)},
    ops.EXCEEDS:            {(0.0, 0.0): (0.5, 0, 0), (2.0, 2.0): (0.5, 0, 0)},
    ops.ABS:                {(0.0,): (0, 0)},
    ops.FLOOR:              {(0.0,): (0, 0)},
    ops.RINT:               {(0.5,): (0, 0)},
    ops.RINT_DOWN:          {(0.5,): (0, 0)},
    ops.MOD:                {(0.0, 2.0): (0, 1, 0)},
    ops.FLOORDIV:           {(0.0, 2.0): (0, 0, 0)},
    ops.HYPOT:              {(0.0, 0.0): (0, 0, 0)},
    ops.BOUNDED:            {(40.0,): (40, 0.5)},
    ops.RELU:               {(0.0,): (0, 0)},
    ops.LEAKY_RELU.at(0.2): {(0.0,): (0, 0.2)},
    ops.ELU.at(2):          {(0.0,): (0, 2)},
    ops.MAXIMUM:            {(0.0, 0.0): (0, 0.5, 0.5), (2.0, 2.0): (2, 0.5, 0.5), (-3.0, -3.0): (-3, 0.5, 0.5)},
    ops.MINIMUM:            {(0.0, 0.0): (0, 0.5, 0.5), (2.0, 2.0): (2, 0.5, 0.5), (-3.0, -3.0): (-3, 0.5, 0.5)},
    ops.LESS:               {(0.0, 0.0): (0, 0, 0), (2.0, 2.0): (0, 0, 0)},
    ops.IMPROVES:           {(0.0, 0.0): (0, 0, 0), (2.0, 2.0): (0, 0, 0)},
    ops.LESS_EQUAL:         {(0.0, 0.0): (1, 0, 0), (2.0, 2.0): (1, 0, 0)},
    ops.EQUAL:              {(0.0, 0.0): (1, 0, 0), (2.0, 2.0): (1, 0, 0)},
}  # fmt: skip


def test_the_constants_of_families_where_none_is_given():
    assert {op.name: op.at().c for op in FAMILIES} == {"pow": 2, "leaky_relu": 0.01, "elu": 1}


def test_every_kink_has_its_convention_written_out_here():
    assert {op.name for op in KINKS} == {op.name for op in OPS.values() if op.kinks}
    for op, points in KINKS.items():
        for index in range(len(op.kinks)):
            assert any(op.kink_values(*point)[index] == 0 for point in points)


@each(KINKS)
def test_the_convention_at_each_kink(op):
    for point, want in KINKS[op].items():
        assert evaluate(op, *point) == want
        assert evaluate(op, *(-each for each in point))[1:] == want[1:]  # at -0.0 too
        assert evaluate(op, *map(Fraction, point)) == want


# --- 5. domains -----------------------------------------------------------------------------------------------------

# For each row with a domain: points inside, points outside, and points outside that are poles.
DOMAINS = {
    ops.DIV:         ([(0.0, 2.0), (1.0, -1e-300)], [], [(0.0, 0.0), (1.0, 0.0), (-1.0, -0.0)]),
    ops.POW.at(-2):  ([(2.0,), (-2.0,)], [], [(0.0,), (-0.0,)]),
    ops.POW.at(0):   ([(2.0,), (-2.0,), (0.0,)], [], []),
    ops.POW.at(3):   ([(2.0,), (-2.0,), (0.0,)], [], []),
    ops.POW.at(0.5): ([(2.0,), (0.0,)], [(-2.0,), (-TINY,)], []),
    ops.POW.at(-0.5): ([(2.0,)], [(-2.0,)], [(0.0,)]),
    ops.POW.at(1 / 3): ([(8.0,)], [(-8.0,)], []),
    ops.POWER:       ([(2.0, -3.0), (0.0, 0.0), (0.0, 0.5), (-2.0, 3.0), (-2.0, -3.0)], [(-8.0, 1 / 3), (-TINY, 0.5)], [(0.0, -1.0)]),
    ops.POWER_DX:    ([(2.0, -3.0), (0.0, 1.0), (-2.0, 3.0)], [(-8.0, 1 / 3), (-8.0, 1.5)], [(0.0, 0.5), (0.0, -1.0)]),
    **dict.fromkeys((ops.POWER_DY, ops.POWER_DYY, ops.POWER_DYYY),
                     ([(2.0, -3.0), (0.0, 0.5)], [(-8.0, 1 / 3), (-2.0, 3.0)], [(0.0, 0.0), (0.0, -1.0)])),
    ops.MOD:         ([(0.0, 2.0), (1.0, -1e-300)], [], [(0.0, 0.0), (1.0, 0.0), (-1.0, -0.0)]),
    ops.FLOORDIV:    ([(0.0, 2.0), (1.0, -1e-300)], [], [(0.0, 0.0), (1.0, 0.0), (-1.0, -0.0)]),
    ops.LOG:         ([(TINY,), (5.0,)], [(-TINY,), (-1.0,)], [(0.0,), (-0.0,)]),
    ops.LOG2:        ([(TINY,), (5.0,)], [(-TINY,), (-1.0,)], [(0.0,), (-0.0,)]),
    ops.LOG10:       ([(TINY,), (5.0,)], [(-TINY,), (-1.0,)], [(0.0,), (-0.0,)]),
    ops.ACOSH:       ([(1.0,), (1e300,)], [(1 - EPS,), (-2.0,)], []),
    ops.ATANH:       ([(1 - EPS,), (0.0,)], [(1 + EPS,), (-2.0,)], [(1.0,), (-1.0,)]),
    ops.LOG1P:       ([(-1 + EPS / 2,), (0.0,)], [(-1 - EPS,), (-5.0,)], [(-1.0,)]),
    ops.SQRT:        ([(0.0,), (-0.0,), (TINY,)], [(-TINY,), (-4.0,)], []),
    ops.ASIN_DX:     ([(-1.0 + EPS,), (1.0 - EPS,)], [(1 + EPS,), (-2.0,)], [(1.0,), (-1.0,)]),
    ops.ASIN:        ([(-1.0,), (1.0,)], [(1 + EPS,), (-2.0,)], []),
    ops.ACOS:        ([(-1.0,), (1.0,)], [(1 + EPS,), (-2.0,)], []),
}  # fmt: skip


def test_every_domain_has_its_points_here():
    assert {op.name for op in DOMAINS} == {op.name for op in OPS.values() if op.domain}
    assert all(op.remedy for op in DOMAINS)


@each(DOMAINS)
def test_points_inside_the_domain_compute(op):
    for point in DOMAINS[op][0]:
        assert math.isfinite(apply(op, *map(Value, point)).data)


@each(DOMAINS)
def test_the_domain_as_stated_holds_the_points_inside_and_no_other(op):
    inside, outside, poles = DOMAINS[op]
    assert all(op.defined(*point) for point in inside)
    assert not any(op.defined(*point) for point in outside + poles)


@each(DOMAINS)
def test_points_outside_the_domain_are_errors_that_teach(op):
    _, outside, poles = DOMAINS[op]
    for point in outside + poles:
        operands = [Value(data, f"the {name}") for name, data in zip(op.operands, point, strict=True)]
        with pytest.raises(DomainError) as caught:
            apply(op, *operands)
        message = str(caught.value)
        assert message.startswith(f"{op.formula} needs {op.domain}, but ")
        for name, data in zip(op.operands, point, strict=True):
            assert f"{name} = {data!r} ('the {name}')" in message
        assert op.c is None or f"c = {op.c!r}" in message
        assert message.endswith(op.remedy)
        assert isinstance(caught.value, PoleError) == isinstance(caught.value, ZeroDivisionError) == (point in poles)


@pytest.mark.parametrize(
    ("op", "operands", "error"),
    [
        (ops.LOG, (-1,), DomainError),
        (ops.LOG, (Fraction(0),), PoleError),
        (ops.DIV, (Fraction(1, 2), 0), PoleError),
        (ops.DIV, (1, Fraction(0)), PoleError),
        (ops.POW.at(-1), (0,), PoleError),
        (ops.POW.at(0.5), (-8,), DomainError),  # where Python answers with a complex number
        (ops.POW.at(Fraction(1, 3)), (Fraction(-8),), DomainError),
        (ops.POWER, (-8, Fraction(1, 3)), DomainError),
        (ops.ASIN, (2,), DomainError),
    ],
    ids=str,
)
def test_exact_numbers_outside_the_domain_are_errors_too(op, operands, error):
    with pytest.raises(DomainError) as caught:
        evaluate(op, *operands)
    assert type(caught.value) is error


def test_the_words_of_a_domain_error():
    with pytest.raises(DomainError) as caught:
        Value(-1.0, "p").log()
    assert str(caught.value) == (
        "log(x) needs x > 0, but x = -1.0 ('p'). "
        "If x is a probability, take the cross-entropy of the logits: it never takes the log of 0."
    )


# --- 6. Fractions ---------------------------------------------------------------------------------------------------

F = Fraction
EXACT = [
    (ops.NEG, (F(2, 3),), (F(-2, 3), F(-1))),
    (ops.ADD, (F(1, 3), F(1, 6)), (F(1, 2), F(1), F(1))),
    (ops.SUB, (F(1, 3), F(1, 6)), (F(1, 6), F(1), F(-1))),
    (ops.MUL, (F(2, 3), F(9, 4)), (F(3, 2), F(9, 4), F(2, 3))),
    (ops.DIV, (F(2, 3), F(4, 9)), (F(3, 2), F(9, 4), F(-27, 8))),
    (ops.POW.at(3), (F(2, 3),), (F(8, 27), F(4, 3))),
    (ops.POW.at(-2), (F(2, 3),), (F(9, 4), F(-27, 4))),
    (ops.POW.at(0), (F(2, 3),), (F(1), F(0))),
    (ops.ABS, (F(-2, 3),), (F(2, 3), F(-1))),
    (ops.MAXIMUM, (F(1, 3), F(1, 6)), (F(1, 3), F(1), F(0))),
    (ops.MAXIMUM, (F(1, 3), F(1, 3)), (F(1, 3), F(1, 2), F(1, 2))),
    (ops.MINIMUM, (F(1, 3), F(1, 6)), (F(1, 6), F(0), F(1))),
    (ops.RELU, (F(-2, 3),), (F(0), F(0))),
    (ops.RELU, (F(2, 3),), (F(2, 3), F(1))),
    (ops.LEAKY_RELU.at(F(1, 4)), (F(-2, 3),), (F(-1, 6), F(1, 4))),
    (ops.LEAKY_RELU.at(F(1, 4)), (F(2, 3),), (F(2, 3), F(1))),
    (ops.STEP, (F(2, 3),), (F(1), F(0))),
    (ops.SIGN, (F(-2, 3),), (F(-1), F(0))),
    (ops.HEAVISIDE, (F(0),), (F(1, 2), F(0))),
    (ops.DETACH, (F(2, 3),), (F(2, 3), F(0))),
    (ops.IDENTITY, (F(2, 3),), (F(2, 3), F(1))),
    (ops.LESS, (F(1, 3), F(2, 3)), (F(1), F(0), F(0))),
    (ops.LESS_EQUAL, (F(2, 3), F(1, 3)), (F(0), F(0), F(0))),
    (ops.EQUAL, (F(1, 3), F(1, 3)), (F(1), F(0), F(0))),
    (ops.WHEN, (F(1), F(2, 3)), (F(2, 3), F(2, 3), F(1))),
    (ops.WHEN, (F(0), F(2, 3)), (F(0), F(2, 3), F(0))),
    (ops.UNLESS, (F(0), F(2, 3)), (F(2, 3), F(-2, 3), F(1))),
    (ops.UNLESS, (F(1), F(2, 3)), (F(0), F(-2, 3), F(0))),
    (ops.FLOOR, (F(-2, 3),), (F(-1), F(0))),
    (ops.RINT, (F(5, 2),), (F(2), F(0))),
    (ops.MOD, (F(-7, 3), F(1, 2)), (F(1, 6), F(1), F(5))),
    (ops.MOD, (F(10**30 + 1), F(-3)), (F(-1), F(1), F((10**30 + 2) // 3))),
    (ops.FLOORDIV, (F(-7, 3), F(1, 2)), (F(-5), F(0), F(0))),
]


@pytest.mark.parametrize(("op", "operands", "want"), EXACT, ids=lambda each: getattr(each, "name", ""))
def test_fractions_stay_exact(op, operands, want):
    got = evaluate(op, *operands)
    assert got == want
    assert {type(each) for each in got if each is not CUT} == {Fraction}
    assert {type(each) for each in apply(op, *map(Value, operands)).partials} == {Fraction}


# --- 7. every row has its name on Value -----------------------------------------------------------------------------

OPERATORS = {
    "neg": operator.neg, "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "power": operator.pow, "pow": lambda x: x**2,
}  # fmt: skip


# --- what follows from a row -------------------------------------------------------------------------------------------


def test_the_partials_that_are_one_number_everywhere():
    found = {name: op.constant_partials for name, op in OPS.items() if set(op.constant_partials) != {None}}
    flat = dict.fromkeys(("step", "sign", "heaviside", "detach", "floor", "rint", "rint_down"), (0,))
    flat |= dict.fromkeys(("exceeds", "less", "improves", "less_equal", "equal", "floordiv"), (0, 0))
    steady = {"identity": (1,), "neg": (-1,), "add": (1, 1), "sub": (1, -1), "mod": (1, None)}
    assert found == {**flat, **steady, "beside": (0, None), "factor": (0, None)}


def test_which_rows_detach_and_rectify():
    assert [name for name, op in OPS.items() if op.detaches] == ["detach"]
    assert [name for name, op in OPS.items() if op.is_rectifier] == ["relu"]
    assert Op("own_relu", "0 if x <= 0 else x", ("step(x)",)).is_rectifier
    assert not Op("shifted", "0 if x <= 1 else x", ("heaviside(x)",)).is_rectifier  # at the result 0 its derivative is 1/2
    assert not Op("flat_at_nothing", "0 if x < 0 else x", ("1 / x",)).is_rectifier


def test_where_the_derivatives_of_powers_are_a_convention():
    at_base_0 = {*POWERS, "beside", "factor"}
    assert {name for name, op in OPS.items() if op.convention} == {*at_base_0, "hypot", "hypot_dx"}
    assert all(op.is_convention(0.0, 2.0) and not op.is_convention(0.1, 0.0) for op in map(OPS.get, at_base_0))
    with pytest.raises(ValueError, match="the convention of row 'odd'"):
        Op("odd", "x", ("1",), convention="x")


def test_every_row_is_reachable_from_value_and_as_a_function():
    for op in OPS.values():
        if op.name in HELPERS:
            assert not hasattr(Value, op.name)
            assert op.name not in autograd.__all__
            continue
        operands = [Value(1.5 if op is ops.ACOSH else 0.5), Value(0.25)][: op.arity]
        ways = [OPERATORS[op.name]] if op.name in OPERATORS else [getattr(Value, op.name), getattr(autograd, op.name)]
        for way in ways:
            node = way(*operands)
            assert node.op.name == op.name
            assert node.inputs == tuple(operands)


def test_every_primitive_in_a_partial_has_a_row():
    for op in OPS.values():
        for partial in op.partials:
            called = {node.func.id for node in ast.walk(ast.parse(partial)) if isinstance(node, ast.Call)}
            assert called <= set(OPS), "else the derivative could not be recorded"


# --- 8. second derivatives ------------------------------------------------------------------------------------------


@each(ROWS)
def test_recorded_partials_give_the_second_derivatives(op):
    value = WITNESSES[op.name][0]
    for point in islice(ordinary(op), 5):
        operands = [Value(data) for data in point]
        for row, first in enumerate(grad(apply(op, *operands), operands, create_graph=True)):
            for column, got in enumerate(grad(first, operands)):
                order = tuple((row == each) + (column == each) for each in range(len(arguments(op, point))))
                want = mp.diff(value, tuple(arguments(op, point)), order)
                # a hundred roundings, relative to the result and, where terms cancel, to numbers about 1
                assert got == pytest.approx(float(want), rel=100 * EPS, abs=100 * EPS)


# --- 9. the checks can fail -----------------------------------------------------------------------------------------

PLANTED = [
    ("tanh(x)", ("-(1 + out) * (1 - out)",), "tanh", "flipped sign"),
    ("sin(x)", ("2 * cos(x)",), "sin", "factor 2"),
    ("sigmoid(x)", ("1001 * out * (1 - out) / 1000",), "sigmoid", "factor 1.001"),
    ("x / y", ("1 / x", "-out / y"), "div", "operand swapped"),
    ("x - y", ("-1", "1"), "sub", "partials swapped"),
    ("exp(x)", ("0",), "exp", "dropped"),
    ("0 if x <= 0 else x", ("1 - step(x)",), "relu", "branches swapped"),
    ("maximum(x, y)", ("heaviside(y - x)", "heaviside(x - y)"), "maximum", "branches swapped"),
    ("x * sigmoid(x)", ("sigmoid(x)",), "silu", "a term forgotten"),
]


@pytest.mark.parametrize(
    ("value", "partials", "witness", "bug"), PLANTED, ids=lambda each: each if isinstance(each, str) else ""
)
def test_a_planted_bug_is_reported(value, partials, witness, bug):
    wrong = Op("planted", value, partials, samples=OPS[witness].samples)
    assert unproved(wrong)
    assert inaccurate(wrong, islice(ordinary(wrong), 40), witness)
    right = Op("unplanted", value, OPS[witness].partials, samples=OPS[witness].samples)
    assert not unproved(right)


def test_a_planted_loss_of_digits_is_reported():
    naive = Op("planted", "log(1 + exp(x))", ("exp(x) / (1 + exp(x))",))
    assert not unproved(naive)  # the mathematics is right
    report = inaccurate(naive, islice(everywhere(naive), 2000), "softplus")
    assert "out at (1000.0,): got inf, not 1000.0" in report
    assert "dx at (1000.0,): got nan, not 1.0" in report
    assert any("out at (-37.0,)" in line for line in report)
