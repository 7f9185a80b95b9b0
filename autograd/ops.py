"""The table of derivatives: it states every operation once, in one row, and everything else reads it.

    Op(name, value, (partial with respect to x, partial with respect to y), ...)

The value and the partials (local derivatives) are texts in the small language of ``rules/grammar.py``: x and y are the
operands, ``out`` is the result, c a constant of the row. Three laws hold for every row:

1.  Only values choose by operands (``a if x < y else b``). A partial calls a row instead (``step``, ``sign``, ``heaviside``,
    ``minimum``), so that the gradient of a gradient can be recorded. It may choose by the constant c.
2.  The branch that keeps NaN stands last, since every comparison with NaN is false. (Comparisons themselves are rows too:
    false is their answer to NaN, so that a formula chooses as Python does.)
3.  What is not chosen is cut: where the text of a partial arrives at a literal 0, as ``step(x)`` does where x <= 0, nothing is passed
    on, not even 0 times infinity. A 0 that was computed multiplies as IEEE 754 says. (``rules/cut.py``) So a literal 0 stands where the
    derivative is 0 all around; if it is 0 at one point alone, say ``x`` for it, as ``power_dy`` does.

A row also says where its formulas hold: ``domain`` is where operands have a result, and ``remedy`` what to try outside;
``kinks`` are where the derivative jumps, each with the one taken there; under ``convention`` the derivatives are not what their
formulas say. ``samples`` are the ranges from which tests draw.

To add an operation, add a row here and a line on ``Value`` that names it. A row may call primitives, itself, and rows above it.
"""

from autograd.rules.op import OPS as OPS
from autograd.rules.op import Op as Op

# fmt: off

# Rows whose derivative is 0. With the first three, partials say what values say by a choice.

STEP      = Op("step",      "0 if x <= 0 else 1 if x > 0 else x",          ("0",), kinks={"x": "the value is 0, the left limit"})
SIGN      = Op("sign",      "-1 if x < 0 else 1 if x > 0 else x",          ("0",), kinks={"x": "the value is 0, the mean of both sides"})
HEAVISIDE = Op("heaviside", "0 if x < 0 else 1 if x > 0 else (1 + x) / 2", ("0",), kinks={"x": "the value is 1/2, the mean of both sides"})
EXCEEDS   = Op("exceeds",   "0 if x < y else 1 if x > y else x ** 0 / 2 if x == y else x + y", ("0", "0"),
               kinks={"x - y": "the value is 1/2"})  # heaviside(x - y), except where that is inf - inf; 1/2 of the operand's kind
DETACH    = Op("detach",    "x",                                           ("0",))

# The operand itself: the variable that a derivative of a function takes for each argument, so that it is told from the argument.

IDENTITY = Op("identity", "x", ("1",), symbol="=")

# Arithmetic.

NEG = Op("neg", "-x",     ("-1",))
ADD = Op("add", "x + y",  ("1", "1"),            symbol="+")
SUB = Op("sub", "x - y",  ("1", "-1"),           symbol="-")
MUL = Op("mul", "x * y",  ("y", "x"),            symbol="*")
DIV = Op("div", "x / y",  ("1 / y", "-out / y"), symbol="/", domain="y != 0", samples=((-3.0, 3.0), (0.2, 3.0)),
         remedy="Keep the denominator away from 0, for example by adding a small constant.")
ABS = Op("abs", "abs(x)", ("sign(x)",),          latex=r"\left|{x}\right|", kinks={"x": "the derivative is 0, the mean of both sides"})

MAXIMUM = Op("maximum", "x if x > y else y if y >= x else x + y", ("exceeds(x, y)", "exceeds(y, x)"), latex=r"\max",
             kinks={"x - y": "in a tie each operand takes 1/2"})
MINIMUM = Op("minimum", "x if x < y else y if y <= x else x + y", ("exceeds(y, x)", "exceeds(x, y)"), latex=r"\min",
             kinks={"x - y": "in a tie each operand takes 1/2"})

# Conditions: Iverson's bracket [x < y] is 1 or 0. `when` and `unless` are [x]*y and [not x]*y; the side that x leaves out is 0,
# be y inf or nan. Their sum is `where`. IMPROVES is `less` in a search, which may try numbers outside of a domain.

JUMP = "the value is {}, and the derivative 0"

LESS       = Op("less",       "1 if x < y else 0",  ("0", "0"), symbol="<",  kinks={"x - y": JUMP.format(0)})
LESS_EQUAL = Op("less_equal", "1 if x <= y else 0", ("0", "0"), symbol="<=", kinks={"x - y": JUMP.format(1)})
EQUAL      = Op("equal",      "1 if x == y else 0", ("0", "0"), symbol="==", kinks={"x - y": JUMP.format(1)})
IMPROVES   = Op("improves",   "1 if x < y else 0",  ("0", "0"), symbol="<",  kinks={"x - y": JUMP.format(0)})
WHEN       = Op("when",       "0 if x == 0 else x * y",       ("y", "when(x, 1)"))
UNLESS     = Op("unless",     "0 if x == 1 else (1 - x) * y", ("-y", "unless(x, 1)"))

# Whole numbers, as Python's: the remainder has the sign of y. The quotient of the rest of x is whole but for rounding, and the nearest
# whole number is taken, of two the lower, as CPython does. So x == y * (x // y) + x % y for Fractions, and for floats where Python's
# own have it: large quotients are rounded, and so may x % y be where the signs of x and y differ.

JUMPS = "the value jumps, and the derivative is that between the jumps"
APART = "Keep the divisor away from 0."

FLOOR    = Op("floor",    "floor(x)", ("0",), kinks={"x - rint(x)": JUMPS}, latex=r"\left\lfloor {x}\right\rfloor")
RINT     = Op("rint",     "rint(x)",  ("0",), kinks={"2 * (x - floor(x)) - 1": JUMPS})
RINT_DOWN = Op("rint_down", "floor(x) if 2 * (x - floor(x)) <= 1 else floor(x) + 1", ("0",), kinks={"2 * (x - floor(x)) - 1": JUMPS})
FLOORDIV = Op("floordiv", "rint_down((x - fmod(x, y)) / y - step(-fmod(x, y) * sign(y)))",        ("0", "0"), symbol="//",
              domain="y != 0", remedy=APART, kinks={"x - y * rint(x / y)": JUMPS}, samples=((-3.0, 3.0), (0.2, 3.0)))
MOD      = Op("mod",      "fmod(x, y) + y if fmod(x, y) * sign(y) < 0 else fmod(x, y)", ("1", "-floordiv(x, y)"), symbol="%",
              domain="y != 0", remedy=APART, kinks={"x - y * rint(x / y)": JUMPS}, samples=((-3.0, 3.0), (0.2, 3.0)))

# Powers. If the exponent is a number c, the row is POW, which needs no log of x. At x = y = 0 the power is 1 and both
# derivatives are 0. A negative base has powers for whole exponents only, so its derivative with respect to the exponent is nan.
# (docs/accuracy.md says how rounding affects whole exponents beyond 2**53.)

REAL = "A negative base has only whole powers, and 0 has none below 0."
BASE = ((0.1, 5.0), (-3.0, 3.0))
LIMIT = "x > 0 or x == 0 and y > 0"

VANISH = Op("vanish", "x if x == 0 else x * y", ("y", "x"))  # the product, but 0 times inf is 0
POW    = Op("pow",    "x ** c",                 ("c * x ** (c - 1) if c != 0 else 0",), symbol="**{c}", default=2,
            domain="x > 0 or x == 0 and c >= 0 or x < 0 and whole(c)", remedy=REAL, samples=((0.1, 5.0),))

# If the exponent varies, derivatives at base 0 are the limits from the right of factors of y, x**y and ln(x)**n. A positive power of
# x outweighs all powers of ln x, so 0 times inf is 0 in what ABSORBs. The highest power of ln x outweighs the others: they stand
# BESIDE it, and a FACTOR counts as a constant, unless it is 0. From the fourth derivative with respect to y on all are taken to be 0.

BESIDE = Op("beside", "0 if x == 0 else y",                        ("0", "unless(equal(x, 0), 1)"),                      convention="x == 0")
ABSORB = Op("absorb", "(x if y == y else y) if x == 0 else x * y", ("y", "when(sign(abs(x) + less(abs(y) / 2, abs(y) + 1)), x)"))
FACTOR = Op("factor", "y + x if x == 0 else y",                    ("0", "when(sign(abs(x) + equal(y, 0)), 1)"),         convention="x == 0")

def power_dy_dx(row: str, rest: str) -> str:
    """The derivative of a row x**y ln(x)**n with respect to x: y x**(y-1) ln(x)**n, and ``rest``, n x**(y-1) ln(x)**(n-1)."""
    return f"absorb(factor(x, y), {row}(x, y - 1)) + beside(abs(x) + equal(y, 0), {rest})"

POWER_DYYY = Op("power_dyyy", "(log(x) ** 3 if y <= 0 else x if y > 0 else y) if x == 0 else x ** y * log(x) ** 3",
                (power_dy_dx("power_dyyy", "x ** (y - 1) * (3 * log(x) ** 2)"), "beside(x, out * log(x))"),
                domain=LIMIT, remedy=REAL, samples=BASE, convention="x == 0")
POWER_DYY  = Op("power_dyy",  "(log(x) ** 2 if y <= 0 else x if y > 0 else y) if x == 0 else x ** y * log(x) ** 2",
                (power_dy_dx("power_dyy", "x ** (y - 1) * (2 * log(x))"), "power_dyyy(x, y)"),
                domain=LIMIT, remedy=REAL, samples=BASE, convention="x == 0")
POWER_DY   = Op("power_dy",   "(log(x) if y <= 0 else x if y > 0 else y) if x == 0 else x ** y * log(x)",
                (power_dy_dx("power_dy", "x ** (y - 1)"), "power_dyy(x, y)"),
                domain=LIMIT, remedy=REAL, samples=BASE, convention="x == 0")
POWER_DX   = Op("power_dx",   "y if y == 0 else y * x ** (y - 1)",
                ("absorb(factor(x, y), power_dx(x, y - 1))", power_dy_dx("power_dy", "x ** (y - 1)")),
                domain="x > 0 or x == 0 and y >= 1 or x < 0 and whole(y)", remedy=REAL, samples=BASE, convention="x == 0")
POWER      = Op("power", "x ** y", ("beside(abs(x) + abs(y), power_dx(x, y))", "beside(abs(x) + abs(y), power_dy(x, y))"), symbol="**",
                domain="x > 0 or x == 0 and y >= 0 or x < 0 and whole(y)", remedy=REAL, samples=BASE, convention="x == 0")

# Exponentials and logarithms.

POSITIVE = "Keep x above 0, for example by adding a small constant."

EXP   = Op("exp",   "exp(x)",   ("out",),           latex=r"e^{{x}}")
EXP2  = Op("exp2",  "2 ** x",   ("log(2) * out",),  latex=r"2^{{x}}")
EXPM1 = Op("expm1", "expm1(x)", ("exp(x)",))
LOG   = Op("log",   "log(x)",   ("1 / x",),         latex=r"\ln",        domain="x > 0",  samples=((0.1, 5.0),),
           remedy="If x is a probability, take the cross-entropy of the logits: it never takes the log of 0.")
LOG2  = Op("log2",  "log2(x)",  ("1 / log(2) / x",),  latex=r"\log_2",    domain="x > 0", samples=((0.1, 5.0),), remedy=POSITIVE)
LOG10 = Op("log10", "log10(x)", ("1 / log(10) / x",), latex=r"\log_{10}", domain="x > 0", samples=((0.1, 5.0),), remedy=POSITIVE)
LOG1P = Op("log1p", "log1p(x)", ("1 / (1 + x)",),   domain="x > -1", samples=((-0.9, 5.0),),
           remedy="log1p(x) is log(1 + x): keep x above -1.")
SQRT  = Op("sqrt",  "sqrt(x)",  ("1 / (2 * out)",), latex=r"\sqrt{{x}}", domain="x >= 0", samples=((0.1, 5.0),),
           remedy="Rounding can push a variance below 0: take the maximum with 0 first.")
CBRT  = Op("cbrt",  "cbrt(x)",  ("out ** -2 / 3",), latex=r"\sqrt[3]{{x}}")

# The length of the vector (x, y), and its angle: atan2(y, x), whose first operand is the height. At the origin the length takes
# the derivatives 0, the mean of all directions; its second derivatives and those of the angle are nan there. Of an infinite operand
# beside a finite one the direction is its sign. ATAN2_DX is y over the square of the length: its own partials have no difference of
# two terms that overflow, so that the Hessian of the angle is symmetric, and 0 or inf near the origin.

HYPOT_DX = Op("hypot_dx", "x if hypot(x, y) == 0 else sign(x) if x / 2 == x - 0 * y else x / hypot(x, y)",
               ("hypot_dx(y, x) ** 2 / hypot(x, y)", "-out * hypot_dx(y, x) / hypot(x, y)"),
              convention="x == 0 and y == 0")
HYPOT    = Op("hypot",    "hypot(x, y)", ("hypot_dx(x, y)", "hypot_dx(y, x)"), latex=r"\sqrt{{x}^2 + {y}^2}",
              kinks={"hypot(x, y)": "the derivatives are 0, the mean of all directions"},
              convention="x == 0 and y == 0")
ATAN2_DX = Op("atan2_dx", "hypot_dx(y, x) / hypot(x, y)",
              ("-2 * hypot_dx(x, y) * hypot_dx(y, x) / hypot(x, y) / hypot(x, y)",
               "(hypot_dx(x, y) - hypot_dx(y, x)) * (hypot_dx(x, y) + hypot_dx(y, x)) / hypot(x, y) / hypot(x, y)"))
ATAN2    = Op("atan2",    "atan2(x, y)", ("atan2_dx(x, y)", "-atan2_dx(y, x)"))

# Trigonometric and hyperbolic functions.

CLIP = "Rounding can push a sine or cosine past 1: clip it first, clip(x, -1, 1)."

ASIN_DX = Op("asin_dx", "1 / sqrt((1 - x) * (1 + x))", ("x * out ** 3",), domain="x > -1 and x < 1", remedy=CLIP, samples=((-0.95, 0.95),))

SIN  = Op("sin",  "sin(x)",  ("cos(x)",),                       latex=r"\sin")
COS  = Op("cos",  "cos(x)",  ("-sin(x)",),                      latex=r"\cos")
TAN  = Op("tan",  "tan(x)",  ("1 + out * out",),                latex=r"\tan",    samples=((-1.4, 1.4),))
ASIN = Op("asin", "asin(x)", ("asin_dx(x)",),                   latex=r"\arcsin", samples=((-0.95, 0.95),), domain="x >= -1 and x <= 1", remedy=CLIP)
ACOS = Op("acos", "acos(x)", ("-asin_dx(x)",),                  latex=r"\arccos", samples=((-0.95, 0.95),), domain="x >= -1 and x <= 1", remedy=CLIP)
ATAN = Op("atan", "atan(x)", ("(1 / hypot(1, x)) ** 2",),       latex=r"\arctan")
SINH = Op("sinh", "sinh(x)", ("cosh(x)",),                      latex=r"\sinh")
COSH = Op("cosh", "cosh(x)", ("sinh(x)",),                      latex=r"\cosh")
TANH = Op("tanh", "tanh(x)", ("(1 + out) * (1 - out)",),        latex=r"\tanh")   # 1 - out * out would round once more

# NumPy's sinc. Its slope (cos(pi * x) - sinc(x)) / x cancels near 0, and at 0 it is nan. Where 2 |x| < 1 the value is the series at 0
# to x**24, and the slope to x**23, which are right to rounding; docs/accuracy.md says how right the derivatives of the slope are.

def sinc_series(n: int, terms: int) -> str:
    """1 - z**2 / (2 * (2 + n)) * (1 - z**2 / (4 * (4 + n)) * (...)) with z = pi * x: sin(z) / z if n is 1, and if n is 3 its slope over -z / 3."""
    return "".join(f"(1 - (pi * x) ** 2 / {2 * k * (2 * k + n)} * " for k in range(1, terms)) + "1" + ")" * (terms - 1)

SINC = Op("sinc", f"{sinc_series(1, terms=13)} if 4 * x * x < 1 else sin(pi * x) / (pi * x)",
          (f"when(less(4 * x * x, 1), -(pi ** 2) * x / 3 * {sinc_series(3, terms=12)}) + unless(less(4 * x * x, 1), (cos(pi * x) - out) / x)",),
          latex=r"\operatorname{sinc}")

ASINH = Op("asinh", "asinh(x)", ("1 / hypot(1, x)",))
ACOSH = Op("acosh", "acosh(x)", ("1 / sqrt(x - 1) / sqrt(x + 1)",)  , samples=((1.05, 5.0),), domain="x >= 1",
           remedy="Rounding can push a hyperbolic cosine below 1: take the maximum with 1 first.")
ATANH = Op("atanh", "atanh(x)", ("1 / ((1 - x) * (1 + x))",),         samples=((-0.95, 0.95),), domain="x > -1 and x < 1",
           remedy="Rounding can push a tanh to 1: atanh(x) needs x strictly between -1 and 1.")


# Beyond 40 the bell curve has long become 0. There its formulas take 40 for x, so that no power of a large x meets that 0.

BOUNDED = Op("bounded", "-40 if x < -40 else 40 if x > 40 else x", ("heaviside(40 - abs(x))",), kinks={"abs(x) - 40": "the derivative is 1/2"})
ERF     = Op("erf",     "erf(x)",  ("2 / sqrt(pi) * exp(-bounded(x) ** 2)",))
ERFC    = Op("erfc",    "erfc(x)", ("-2 / sqrt(pi) * exp(-bounded(x) ** 2)",))

# Activations. Each stays finite where the textbook's formula overflows. Where tanh and sigmoid saturate, rounding leaves few
# digits of 1 - out: the absolute error of their derivatives is at most 3e-16, and they become 0 near x = 19 and x = 37.

LEFT = "the derivative is {}, the left one"

SIGMOID    = Op("sigmoid",    "1 / (1 + exp(-x)) if x >= 0 else exp(x) / (1 + exp(x))", ("out * (1 - out)",), latex=r"\sigma")
SOFTPLUS   = Op("softplus",   "maximum(x, 0) + log1p(exp(-abs(x)))",                    ("sigmoid(x)",))
LOGADDEXP  = Op("logaddexp", "x + log(2) if x == y else maximum(x, y) + log1p(exp(minimum(x, y) - maximum(x, y)))",
                ("sigmoid(x - y)", "sigmoid(y - x)"))
RELU       = Op("relu",       "0 if x <= 0 else x",            ("step(x)",),               kinks={"x": LEFT.format(0)}, symbol="ReLU")
LEAKY_RELU = Op("leaky_relu", "c * x if x <= 0 else x",        ("step(x) + c * (1 - step(x))",), kinks={"x": LEFT.format("c")}, default=0.01)
ELU        = Op("elu",        "c * expm1(x) if x <= 0 else x", ("step(x) + (1 - step(x)) * c * exp(minimum(x, 0))",),
                kinks={"x": LEFT.format("c")}, default=1)
SILU       = Op("silu",       "x * sigmoid(x)",                ("sigmoid(x) * (1 + x * sigmoid(-x))",))
GELU       = Op("gelu",       "x / 2 * erfc(-x / sqrt(2))",    ("erfc(-x / sqrt(2)) / 2 + bounded(x) * exp(-bounded(x) ** 2 / 2) / sqrt(2 * pi)",))
GELU_INNER = Op("gelu_inner", "sqrt(8 / pi) * (x + 44715 * x ** 3 / 1000000)", ("sqrt(8 / pi) * (1 + 134145 * x ** 2 / 1000000)",))
GELU_TANH  = Op("gelu_tanh",  "x * sigmoid(gelu_inner(bounded(x)))",
                ("sigmoid(gelu_inner(bounded(x))) * (1 + bounded(x) * sigmoid(-gelu_inner(bounded(x))) * sqrt(8 / pi) * (1 + 134145 * bounded(x) ** 2 / 1000000))",))
