"""The oracle of the table: every row in mpmath, written from the textbook, and how far a float is from its result.

The oracle does not read the texts of the rows. It reads only which rows there are, how many operands they take, where their
kinks are, and from which ranges points are drawn.
"""

import itertools
import math
import random
from typing import Any, NamedTuple

import mpmath

from autograd import OPS
from autograd.rules.evaluate import evaluate

# Parts of partials, which are rows so that they can be differentiated too.
HELPERS = {
    *["exceeds", "vanish", "beside", "absorb", "factor", "power_dx", "power_dy", "power_dyy", "power_dyyy"],
    *["improves", "rint_down", "hypot_dx", "atan2_dx", "asin_dx", "bounded", "gelu_inner"],
}
POWERS = {"power", "power_dx", "power_dy", "power_dyy", "power_dyyy"}
DIVISIONS = {"mod", "floordiv"}
CONSTANTS = {
    "pow": (2, -2, 0, 1, 3, 10, 0.5, -0.5, 1 / 3, 2.5),
    "leaky_relu": (0.01, 0.2),
    "elu": (1, 2, 0.5),
}
FAMILIES = [op for op in OPS.values() if op.is_family]
MEMBERS = [op.at(c) for op in FAMILIES for c in CONSTANTS[op.name]]
ROWS = [op for op in OPS.values() if not op.is_family] + MEMBERS


def row_id(op):
    return op.name if op.c is None else f"{op.name}({op.c:.3g})"


# --- values and partials --------------------------------------------------------------------------------------------

mp = mpmath.MPContext()  # a context of its own: mpmath's common precision stays as it is
DIGITS = mp.dps = 50
mpf = mp.mpf
E = mp.exp


def const(c):
    return lambda *operands: mpf(c)


def ln(x):  # a negative base has only whole powers, so no derivative with respect to the exponent
    return mp.log(x) if x > 0 else mp.nan


def logistic(x):
    return 1 / (1 + E(-x))


def bell(x):
    return mp.sech(x / 2) ** 2 / 4


def erfc(x):  # mpmath's own fails for arguments of this size, where the nearest float has long been 0 or 2
    return mp.erfc(x) if abs(x) < 1000 else mpf(0 if x > 0 else 2)


def normal(x):
    return erfc(-x / mp.sqrt(2)) / 2


def gauss(x):
    return E(-x * x / 2) / mp.sqrt(2 * mp.pi)


def cube_root(x):
    return mp.sign(x) * mp.cbrt(abs(x))


def sinc_slope(x):  # near 0, where the difference cancels, the spherical Bessel function -pi j1(pi x)
    bessel = -(mp.pi**2) * x / 3 * mp.hyp0f1(mpf("2.5"), -((mp.pi * min(abs(x), 1) / 2) ** 2))
    return bessel if abs(x) < 1 else (mp.cospi(x) - mp.sincpi(x)) / x


def quotient(x, y):
    return mp.floor(x / y)


def gelu_inner(x):
    return mp.sqrt(8 / mp.pi) * (x + mpf("0.044715") * x**3)


def gelu_inner_slope(x):
    return mp.sqrt(8 / mp.pi) * (1 + mpf("0.134145") * x**2)


def power_dy_witness(n):
    """The derivative of x**y with respect to y, taken n times, and its partials."""
    return (
        lambda x, y: x**y * ln(x) ** n,
        lambda x, y: x ** (y - 1) * ln(x) ** (n - 1) * (y * ln(x) + n),
        lambda x, y: x**y * ln(x) ** (n + 1),
    )


# The value and the partials of every row as functions of x, y and c, written from the textbook and not from the table.
WITNESSES = {
    "step":       (lambda x: mpf(x > 0), const(0)),
    "sign":       (mp.sign, const(0)),
    "heaviside":  (lambda x: (1 + mp.sign(x)) / 2, const(0)),
    "exceeds":    (lambda x, y: (1 + mp.sign(x - y)) / 2, const(0), const(0)),
    "detach":     (lambda x: x, const(0)),
    "identity":   (lambda x: x, const(1)),
    "neg":        (lambda x: -x, const(-1)),
    "add":        (lambda x, y: x + y, const(1), const(1)),
    "sub":        (lambda x, y: x - y, const(1), const(-1)),
    "mul":        (lambda x, y: x * y, lambda x, y: y, lambda x, y: x),
    "div":        (lambda x, y: x / y, lambda x, y: 1 / y, lambda x, y: -x / y**2),
    "abs":        (abs, mp.sign),
    "maximum":    (max, lambda x, y: mpf(x > y), lambda x, y: mpf(y > x)),
    "minimum":    (min, lambda x, y: mpf(x < y), lambda x, y: mpf(y < x)),
    "less":       (lambda x, y: mpf(x < y), const(0), const(0)),
    "improves":   (lambda x, y: mpf(x < y), const(0), const(0)),
    "less_equal": (lambda x, y: mpf(x <= y), const(0), const(0)),
    "equal":      (lambda x, y: mpf(x == y), const(0), const(0)),
    "when":       (lambda x, y: x * y, lambda x, y: y, lambda x, y: x),
    "unless":     (lambda x, y: y - x * y, lambda x, y: -y, lambda x, y: 1 - x),
    "floor":      (mp.floor, const(0)),
    "rint":       (mp.nint, const(0)),
    "rint_down":  (lambda x: mp.ceil(x - mpf(0.5)), const(0)),
    "floordiv":   (quotient, const(0), const(0)),
    "mod":        (lambda x, y: x - y * quotient(x, y), const(1), lambda x, y: -quotient(x, y)),
    "pow":        (lambda x, c: x**c, lambda x, c: c * x ** (c - 1) if c else mpf(0)),
    "power":      (lambda x, y: x**y, lambda x, y: y * x ** (y - 1), lambda x, y: x**y * ln(x)),
    "vanish":     (lambda x, y: x * y, lambda x, y: y, lambda x, y: x),
    "beside":     (lambda x, y: y, const(0), const(1)),
    "absorb":     (lambda x, y: x * y, lambda x, y: y, lambda x, y: x),
    "factor":     (lambda x, y: y, const(0), const(1)),
    "power_dx":   (lambda x, y: y * x ** (y - 1), lambda x, y: y * (y - 1) * x ** (y - 2), lambda x, y: x ** (y - 1) * (1 + y * ln(x))),
    "power_dy":   power_dy_witness(1),
    "power_dyy":  power_dy_witness(2),
    "power_dyyy": power_dy_witness(3),
    "exp":        (E, E),
    "exp2":       (lambda x: mpf(2) ** x, lambda x: mp.ln2 * mpf(2) ** x),
    "expm1":      (mp.expm1, E),
    "log":        (mp.log, lambda x: 1 / x),
    "log2":       (lambda x: mp.log(x) / mp.ln2, lambda x: 1 / (x * mp.ln2)),
    "log10":      (lambda x: mp.log(x) / mp.ln10, lambda x: 1 / (x * mp.ln10)),
    "log1p":      (mp.log1p, lambda x: 1 / (1 + x)),
    "sqrt":       (mp.sqrt, lambda x: x ** mpf(-0.5) / 2),
    "cbrt":       (cube_root, lambda x: 1 / (3 * cube_root(x) ** 2)),
    "hypot_dx":   (lambda x, y: x / mp.hypot(x, y), lambda x, y: y**2 / mp.hypot(x, y) ** 3, lambda x, y: -x * y / mp.hypot(x, y) ** 3),
    "hypot":      (mp.hypot, lambda x, y: x / mp.hypot(x, y), lambda x, y: y / mp.hypot(x, y)),
    "atan2_dx":   (lambda x, y: y / (x**2 + y**2), lambda x, y: -2 * x * y / (x**2 + y**2) ** 2, lambda x, y: (x - y) * (x + y) / (x**2 + y**2) ** 2),
    "atan2":      (mp.atan2, lambda x, y: y / (x**2 + y**2), lambda x, y: -x / (x**2 + y**2)),
    "sin":        (mp.sin, mp.cos),
    "cos":        (mp.cos, lambda x: -mp.sin(x)),
    "tan":        (mp.tan, lambda x: mp.sec(x) ** 2),
    "asin_dx":    (lambda x: (1 - x**2) ** mpf(-0.5), lambda x: x * (1 - x**2) ** mpf(-1.5)),
    "asin":       (mp.asin, lambda x: (1 - x**2) ** mpf(-0.5)),
    "acos":       (mp.acos, lambda x: -((1 - x**2) ** mpf(-0.5))),
    "atan":       (mp.atan, lambda x: 1 / (1 + x**2)),
    "sinh":       (mp.sinh, mp.cosh),
    "cosh":       (mp.cosh, mp.sinh),
    "tanh":       (mp.tanh, lambda x: mp.sech(x) ** 2),
    "sinc":       (mp.sincpi, sinc_slope),
    "asinh":      (mp.asinh, lambda x: 1 / mp.sqrt(1 + x**2)),
    "acosh":      (mp.acosh, lambda x: 1 / mp.sqrt((x - 1) * (x + 1))),
    "atanh":      (mp.atanh, lambda x: 1 / (1 - x**2)),
    "bounded":    (lambda x: max(mpf(-40), min(x, mpf(40))), lambda x: mpf(-40 < x < 40)),
    "erf":        (mp.erf, lambda x: 2 / mp.sqrt(mp.pi) * E(-x * x)),
    "erfc":       (erfc, lambda x: -2 / mp.sqrt(mp.pi) * E(-x * x)),
    "sigmoid":    (logistic, bell),
    "softplus":   (lambda x: max(x, mpf(0)) + mp.log1p(E(-abs(x))), logistic),
    "logaddexp":  (lambda x, y: max(x, y) + mp.log1p(E(-abs(x - y))), lambda x, y: logistic(x - y), lambda x, y: logistic(y - x)),
    "relu":       (lambda x: max(x, mpf(0)), lambda x: mpf(x > 0)),
    "leaky_relu": (lambda x, c: x if x > 0 else c * x, lambda x, c: mpf(1) if x > 0 else c),
    "elu":        (lambda x, c: x if x > 0 else c * mp.expm1(x), lambda x, c: mpf(1) if x > 0 else c * E(x)),
    "silu":       (lambda x: x * logistic(x), lambda x: logistic(x) + x * bell(x)),
    "gelu":       (lambda x: x * normal(x), lambda x: normal(x) + x * gauss(x)),
    "gelu_inner": (gelu_inner, gelu_inner_slope),
    "gelu_tanh":  (lambda x: x * logistic(gelu_inner(x)), lambda x: logistic(gelu_inner(x)) + x * bell(gelu_inner(x)) * gelu_inner_slope(x)),
}  # fmt: skip


def arguments(op, point):
    """The arguments of a witness: the operands, and for a family its constant."""
    return [*map(mpf, point), *([] if op.c is None else [mpf(float(op.c))])]


def digits(op, point):
    """The digits to compute with: fifty; more where digits before the point tell even from odd, or remainders cancel."""
    if op.name in DIVISIONS:
        return DIGITS + max(0, int((math.frexp(point[0])[1] - math.frexp(point[1])[1]) * math.log10(2)))
    return DIGITS + (max(0, int(math.frexp(point[1])[1] * math.log10(2))) if op.name in POWERS else 0)


# --- errors ---------------------------------------------------------------------------------------------------------

EPS = 2.0**-52
TINY = mpf(2) ** -1022  # the smallest float that has all its digits: 2.2e-308
LIMIT = mpf(2) ** 1024  # where floats end


def clamped(z):
    return max(-LIMIT, min(z, LIMIT))


def distance(got, want):
    """The distance of a float from the true number. inf counts as 2**1024, and so does every number beyond that."""
    if mp.isnan(want) or math.isnan(got):
        return mpf(0) if mp.isnan(want) and math.isnan(got) else mp.inf
    return abs(clamped(mpf(got)) - clamped(want))


def ulp(want):
    """The distance of neighbouring floats where the true number lies: 2**-1074 at least, 2**971 at most."""
    exponent = mp.frexp(clamped(want))[1] if want and not mp.isnan(want) else -1021
    return mp.ldexp(1, min(max(exponent, -1021), 1024) - 53)


class Weak(NamedTuple):
    """A value or partial that has fewer digits somewhere than a float could hold, and relative to what its error is small."""

    scale: Any  # the number relative to which it is small, as a function of the operands; inf where nothing is promised
    formula: str  # the function as the page writes it
    why: str


def overflow(*factors):
    """0, or inf if one of the factors of a product overflows, even if the product does not."""
    return 0 if all(abs(factor) < LIMIT for factor in factors) else mp.inf


def growth(exponent, x):
    """The factor by which the rounding of an exponent grows in x ** exponent; 1 if the exponent is a float already."""
    return 1 if exponent == float(exponent) else 1 + abs(exponent * mp.log(abs(x)))


def power_dx(x, y):
    factor = x ** (y - 1)
    return abs(y) * (abs(factor) * growth(y - 1, x) + TINY) + overflow(factor)


def power_dx_dx(x, y):
    power = x ** (y - 2)
    factor = (y - 1) * power
    rounded = max(growth(y - 1, x), growth(y - 2, x))
    return abs(y) * (abs(factor) * rounded + (1 + abs(y - 1)) * TINY) + overflow(power, factor)


def power_dy(n):
    def scale(x, y):
        power, slope = x**y, abs(ln(x)) ** n
        return slope * abs(power) + (1 + abs(ln(x))) ** n * TINY + overflow(power, power * slope)

    return scale


def logs(text, n):
    """The text for this number of logarithms."""
    for written, simpler in {"ln^1": "ln", "|ln^0 x| ": "", ")^1": ")"}.items():
        text = text.format(n, n - 1).replace(written, simpler)
    return text


def power_dy_dx(n):
    def scale(x, y):
        power, slope = x ** (y - 1), abs(ln(x))
        rounded = slope ** (n - 1) * (n + abs(y) * slope) * power * growth(y - 1, x)
        return rounded + (1 + abs(y)) * (1 + slope) ** n * TINY + overflow(power, power * slope**n)

    return scale


def part_of_length(x, y):
    return abs(x) / mp.hypot(x, y) + TINY / mp.hypot(x, y) + overflow(mp.hypot(x, y))


def bend_across(x, y):
    return y**2 / mp.hypot(x, y) ** 3 + TINY / mp.hypot(x, y) ** 2 + TINY / mp.hypot(x, y) + overflow(mp.hypot(x, y))


def bend_along(x, y):
    return abs(x * y) / mp.hypot(x, y) ** 3 + TINY / mp.hypot(x, y) ** 2 + TINY / mp.hypot(x, y) + overflow(mp.hypot(x, y))


def angle_bend(x, y):
    r = mp.hypot(x, y)
    return 1 / r**2 + TINY / r**3 + TINY / r**2 + TINY / r + TINY + overflow(r)


def gate(x):
    return (1 + abs(gelu_inner(x))) * logistic(gelu_inner(x))


CANCEL = "two terms cancel: the derivative is 0 at {}"
EXPONENT = "{} is rounded, and the larger an exponent is, the more that costs"
UNDERFLOW = "{} may underflow although the result does not"
OVERFLOW = "{} may underflow or overflow although the result does not"
SATURATED = "1 - out keeps only the digits that the rounding of out left"
TURNS = "π x is rounded, and the larger it is, the more that costs"
LENGTH = "the length r = hypot(x, y) may overflow or have few digits, below tiny, although the result has all"
PART = "{} / r + tiny / r"
GATE = "z, the operand of the sigmoid, is rounded, and the larger it is, the more that costs"
POWER_DX = "|y x^(y-1)| (1 + |(y-1) ln x|) + |y| tiny"
POWER_DX_DX = "|y (y-1) x^(y-2)| (1 + |(y-2) ln x|) + |y| (1 + |y-1|) tiny"
POWER_DY = "|x^y ln^{0} x| + (1 + |ln x|)^{0} tiny"
POWER_DY_DX = "x^(y-1) |ln^{1} x| ({0} + |y ln x|) (1 + |(y-1) ln x|) + (1 + |y|) (1 + |ln x|)^{0} tiny"

WEAK = {
    ("div", 2):      Weak(lambda x, y: abs(x / y**2) + TINY / abs(y), "|x / y²| + tiny / |y|", UNDERFLOW.format("x / y")),
    ("pow", 1):      Weak(power_dx, "|c x^(c-1)| (1 + |(c-1) ln x|) + |c| tiny", EXPONENT.format("c - 1")),
    **{
        key: weak
        for n, name in enumerate(("power_dy", "power_dyy", "power_dyyy"), start=1)
        for key, weak in {
            (name, 0): Weak(power_dy(n), logs(POWER_DY, n), OVERFLOW.format("x ** y")),
            (name, 1): Weak(power_dy_dx(n), logs(POWER_DY_DX, n), CANCEL.format(f"y ln x = -{n}")),
            (name, 2): Weak(power_dy(n + 1), logs(POWER_DY, n + 1), OVERFLOW.format("x ** y")),
        }.items()
    },
    ("power_dx", 0): Weak(power_dx, POWER_DX, EXPONENT.format("y - 1")),
    ("power_dx", 1): Weak(power_dx_dx, POWER_DX_DX, EXPONENT.format("y - 2")),
    ("power_dx", 2): Weak(power_dy_dx(1), logs(POWER_DY_DX, 1), CANCEL.format("y ln x = -1")),
    ("power", 1):    Weak(power_dx, POWER_DX, EXPONENT.format("y - 1")),
    ("power", 2):    Weak(power_dy(1), logs(POWER_DY, 1), OVERFLOW.format("x ** y")),
    ("hypot_dx", 0): Weak(part_of_length, PART.format("|x|"), LENGTH),
    ("hypot_dx", 1): Weak(bend_across, "y² / r³ + (1 + 1/r) tiny / r", LENGTH),
    ("hypot_dx", 2): Weak(bend_along, "|x y| / r³ + (1 + 1/r) tiny / r", LENGTH),
    ("hypot", 1):    Weak(part_of_length, PART.format("|x|"), LENGTH),
    ("hypot", 2):    Weak(lambda x, y: part_of_length(y, x), PART.format("|y|"), LENGTH),
    ("atan2_dx", 0): Weak(lambda x, y: part_of_length(y, x) / mp.hypot(x, y) + TINY / mp.hypot(x, y), "|y| / r² + (1 + 1/r) tiny / r", LENGTH),
    ("atan2_dx", 1): Weak(angle_bend, "(1 + tiny / r) / r² + (1 + 1/r) tiny / r", LENGTH),
    ("atan2_dx", 2): Weak(angle_bend, "(1 + tiny / r) / r² + (1 + 1/r) tiny / r", CANCEL.format("x = ±y")),
    ("atan2", 1):    Weak(lambda x, y: part_of_length(y, x) / mp.hypot(x, y) + TINY / mp.hypot(x, y), "|y| / r² + (1 + 1/r) tiny / r", LENGTH),
    ("atan2", 2):    Weak(lambda x, y: part_of_length(x, y) / mp.hypot(x, y) + TINY / mp.hypot(x, y), "|x| / r² + (1 + 1/r) tiny / r", LENGTH),
    ("asin_dx", 1):  Weak(lambda x: 3 * abs(x) * (1 - x**2) ** mpf(-1.5), "3 |x| / (1 - x²)^1.5", "the error of out counts three times"),
    ("logaddexp", 0): Weak(lambda x, y: abs(max(x, y)) + mp.log1p(E(-abs(x - y))), "|max(x, y)| + ln(1 + exp(-|x - y|))",
                           "two terms cancel: the value is 0 at exp(x) + exp(y) = 1"),
    ("logaddexp", 1): Weak(lambda x, y: (1 + abs(x - y)) * logistic(x - y), "sigmoid(x - y) (1 + |x - y|)", EXPONENT.format("x - y")),
    ("logaddexp", 2): Weak(lambda x, y: (1 + abs(x - y)) * logistic(y - x), "sigmoid(y - x) (1 + |x - y|)", EXPONENT.format("x - y")),
    ("gelu_inner", 0): Weak(lambda x: abs(gelu_inner(x)) + overflow(44715 * x**3), "the value", "x³ may overflow although the result does not"),
    ("gelu_inner", 1): Weak(lambda x: gelu_inner_slope(x) + overflow(134145 * x**2), "the derivative", "x² may overflow although the result does not"),
    ("gelu_tanh", 0): Weak(lambda x: abs(x) * (gate(x) + TINY), "|gelu_tanh(x)| (1 + |z|) + |x| tiny", GATE),
    ("gelu_tanh", 1): Weak(lambda x: gate(x) * (1 + abs(x) * logistic(-gelu_inner(x)) * gelu_inner_slope(x)) + (1 + abs(x) ** 3) * TINY,
                           "sigmoid(z) (1 + |z|) (1 + |x z'| sigmoid(-z)) + (1 + |x|³) tiny", CANCEL.format("x = -0.753") + "; " + GATE),
    ("sinc", 0):     Weak(lambda x: 1 + overflow(mp.pi * x), "1", TURNS),
    ("sinc", 1):     Weak(lambda x: mp.pi * min(abs(x), 1) + overflow(mp.pi * x), "π min(|x|, 1)", TURNS),
    ("tanh", 1):     Weak(const(1), "1", SATURATED),
    ("erf", 1):      Weak(lambda x: (1 + x * x) * E(-x * x), "(1 + x²) exp(-x²)", EXPONENT.format("-x²")),
    ("erfc", 1):     Weak(lambda x: (1 + x * x) * E(-x * x), "(1 + x²) exp(-x²)", EXPONENT.format("-x²")),
    ("sigmoid", 1):  Weak(logistic, "sigmoid(x)", SATURATED),
    ("silu", 0):     Weak(lambda x: abs(x) * (logistic(x) + TINY), "|silu(x)| + |x| tiny", UNDERFLOW.format("sigmoid(x)")),
    ("silu", 1):     Weak(lambda x: logistic(x) * (1 + abs(x) * logistic(-x)) + abs(x) * TINY,
                          "sigmoid(x) (1 + |x| sigmoid(-x)) + |x| tiny", CANCEL.format("x = -1.278")),
    ("gelu", 0):     Weak(lambda x: abs(x) * (normal(x) * (1 + min(x, 0) ** 2) + TINY),
                          "|gelu(x)| (1 + min(x, 0)²) + |x| tiny", EXPONENT.format("-x / √2, and with it the exponent in erfc,")),
    ("gelu", 1):     Weak(lambda x: (normal(x) + abs(x) * gauss(x)) * (1 + min(x, 0) ** 2) + abs(x) * TINY,
                          "(Φ(x) + |x| φ(x)) (1 + min(x, 0)²) + |x| tiny", CANCEL.format("x = -0.752") + "; in the tail, as for the value"),
}  # fmt: skip


def scale(name, index, operands, want):
    """The number relative to which the error of a result is small: its own size, unless the result is in ``WEAK``."""
    weak = WEAK.get((name, index))
    return weak.scale(*operands) + TINY if weak and not mp.isnan(want) else ulp(want) / EPS


class Error(NamedTuple):
    """The error of one result at one point: in ulp of the true result, and relative to its scale."""

    ulps: float
    scaled: float
    point: tuple[float, ...]
    got: float
    want: Any


def errors(op, point, witness=""):
    """The errors of a row's value and partials, as a user gets them, beside the row's own witness or that of another row."""
    name, operands, found = witness or op.name, arguments(op, point), []
    with mp.workdps(digits(op, point)):
        for index, (function, got) in enumerate(zip(WITNESSES[name], evaluate(op, *point), strict=True)):
            want = function(*operands)
            off, against = distance(got, want), scale(name, index, operands, want)
            scaled = mpf(0) if mp.isinf(against) else off / against
            found.append(Error(float(off / ulp(want)), float(scaled), point, got, want))
    return found


# --- samples --------------------------------------------------------------------------------------------------------

# Open conditions: where they hold, the row is differentiable with respect to x (and to y, but for powers of a negative base).
INTERIOR = {
    "div": lambda x, y: y != 0,
    "pow": lambda x, c: x > 0 or (x < 0 and c == math.floor(c)),
    "power": lambda x, y: x > 0 or (x < 0 and y == math.floor(y)),
    "power_dx": lambda x, y: x > 0 or (x < 0 and y == math.floor(y)),
    **dict.fromkeys(("beside", "factor"), lambda x, y: x != 0),
    **dict.fromkeys(("power_dy", "power_dyy", "power_dyyy"), lambda x, y: x > 0),
    "log": lambda x: x > 0,
    "floordiv": lambda x, y: y != 0,
    "mod": lambda x, y: y != 0,
    "log2": lambda x: x > 0,
    "log10": lambda x: x > 0,
    "log1p": lambda x: x > -1,
    "cbrt": lambda x: x != 0,
    "hypot_dx": lambda x, y: x != 0 or y != 0,
    "atan2_dx": lambda x, y: x != 0 or y != 0,
    "atan2": lambda x, y: x != 0 or y > 0,
    "acosh": lambda x: x > 1,
    "atanh": lambda x: -1 < x < 1,
    "sqrt": lambda x: x > 0,
    "asin": lambda x: -1 < x < 1,
    "asin_dx": lambda x: -1 < x < 1,
    "acos": lambda x: -1 < x < 1,
}


def is_interior(op, operands):
    return op.name not in INTERIOR or INTERIOR[op.name](*operands)


def is_regular(op, point):
    """Whether a point is finite, inside the domain, and not on a kink, where a convention takes the place of the derivative."""
    return (
        all(map(math.isfinite, point)) and not op.is_kink(*point) and is_interior(op, [*point, op.c] if op.is_family else point)
    )


def ordinary(op):
    """Points of the range that the row names, without end: evenly spread and random ones in turn, the same on every run."""
    rng = random.Random(row_id(op))
    for k in itertools.count(1):
        spread = [k * step % 1 for step in (0.7548776662466927, 0.5698402909980532)]  # Roberts' sequence, which leaves no gaps
        for fractions in (spread, [rng.random(), rng.random()]):
            point = tuple(low + (high - low) * part for (low, high), part in zip(op.samples, fractions, strict=False))
            if is_regular(op, point):
                yield point


def everywhere(op):
    """Points of the whole domain, without end: first the ends of the domain and of the floats; the same on every run."""
    rng = random.Random(f"{row_id(op)} everywhere")
    points = line(rng) if op.arity == 1 else powers(rng) if op.name in POWERS else plane(rng)
    return (point for point in points if is_regular(op, point))


HUGE = 1.7976931348623157e308
# The ends of the floats (the smallest and largest subnormal and normal ones, and those whose squares are), 1, and the places where
# a function or its derivative has a root, saturates, overflows or underflows.
MARKS = (
    0.0, 5e-324, 1e-310, float(TINY), 1e-300, 1.4916681462400413e-154, 1e-20, 1e-8, 0.5, 0.7517915246935645, 1.0, 1.2784645427610738,
    math.pi / 2, 2.0, math.e, math.pi, 8.0, 19.06, 20.0, 26.5, 27.2, 36.7, 37.0, 37.5, 38.6, 100.0, 709.78, 710.4, 744.4, 745.1,
    1000.0, 1e8, 1.3407807929942596e154, 1e155, 1e300, HUGE,
)  # fmt: skip
PAIRS = (0.0, 5e-324, float(TINY), 1e-300, 1e-20, 0.5, 1.0, 3.0, 1000.0, 1e155, 1e300, HUGE)
BASES, EXPONENTS = (1e-300, 1e-100, 1e-20, 0.5, 1.0, 700.0, 1e20, 1e100, 1e300), (0.0, 1e-20, 0.5, 1.0, 2.0, 3.0, 1000.0)


def around(marks, count=1):
    """The marks, so many floats on either side of each, and the negatives of all these."""
    for mark in marks:
        above = below = mark
        yield from (mark, -mark)
        for _ in range(count):
            above, below = math.nextafter(above, math.inf), math.nextafter(below, -math.inf)
            yield from (above, -above, below, -below)


def any_float(rng):
    return rng.choice((1, -1)) * math.ldexp(rng.uniform(1, 2), rng.randint(-1074, 1023))


def near_one(rng):
    return 1 + rng.choice((1, -1)) * 2 ** rng.uniform(-53, 0)


def line(rng):
    for mark in itertools.cycle(around(MARKS, 2)):
        yield (mark,)
        yield (any_float(rng),)
        yield (rng.uniform(-40, 40),)  # where activations bend and saturate
        yield (rng.uniform(-750, 750),)  # where exp overflows and underflows
        yield (rng.choice((1, -1)) * near_one(rng),)
        yield (rng.randint(0, 2 ** rng.randint(1, 50)) * (math.pi / 2),)  # roots and poles


def plane(rng):
    marks = list(around(PAIRS))
    while True:
        x = any_float(rng)
        yield rng.choice(marks), rng.choice(marks)
        yield x, any_float(rng)
        yield x, x * near_one(rng)
        yield math.ldexp(x, -1000), 2 ** rng.uniform(-60, 0)  # x and y are both small


def powers(rng):
    bases, exponents = list(around(BASES)), list(around(EXPONENTS))
    while True:
        yield rng.choice(bases), rng.choice(exponents)
        yield any_float(rng), any_float(rng)
        for x in (any_float(rng), rng.uniform(0.1, 5), near_one(rng)):
            y = rng.uniform(-750, 750) / (math.log(abs(x)) or 1)  # the power reaches from underflow to overflow
            yield from ((abs(x), y), (x, float(round(y))))
