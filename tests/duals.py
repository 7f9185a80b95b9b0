"""Random programs in dual numbers with 50 digits, nested to any depth: the oracle of their values and derivatives.

A dual number a + b e, where e * e is 0, carries the derivative b with respect to one variable; a and b may carry those with respect
to the variables further out. Everything runs forwards, by formulas from the textbook. An operand that is left out has no derivative,
which is None and multiplied with nothing. A solution is found by Newton's steps, and these are differentiated, so that it shares
with ``autograd.solve`` neither the steps nor the theorem.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import mpmath

mp = mpmath.MPContext()  # a context of its own: mpmath's common precision stays as it is
mp.dps = 50
STEPS = 80  # of Newton's, for cubics that are solved far from their solution

Number = Any  # a Fraction, or an mpf or mpc, or a Dual
Formula = Callable[..., Any]


class Dual(NamedTuple):
    """A number and its derivative with respect to the variable of a level. None is the derivative of what is left out."""

    level: int
    primal: Number
    tangent: Number

    # fmt: off
    def __add__(self, other): return add(self, other)
    def __radd__(self, other): return add(other, self)
    def __sub__(self, other): return add(self, neg(other))
    def __rsub__(self, other): return add(other, neg(self))
    def __mul__(self, other): return mul(self, other)
    def __rmul__(self, other): return mul(other, self)
    def __truediv__(self, other): return mul(self, inverse(other))
    def __rtruediv__(self, other): return mul(other, inverse(self))
    def __neg__(self): return neg(self)
    def __pow__(self, n): return power(self, n)
    # fmt: on


def base(x: Number) -> Any:
    """The number itself, without its derivatives."""
    return base(x.primal) if isinstance(x, Dual) else x


def level(x: Number) -> int:
    return x.level if isinstance(x, Dual) else 0


def rule(value: Formula, *partials: Formula | None, left_out: Formula | None = None) -> Formula:
    """A function of dual numbers, from its formula for numbers, its partials, and which of its operands are left out."""

    def of_duals(*xs: Number) -> Number:
        deepest = max(map(level, xs))
        if deepest == 0:
            return value(*xs)
        primals = [x.primal if level(x) == deepest else x for x in xs]
        skipped = left_out(*map(base, xs)) if left_out else [False] * len(xs)
        terms = [
            mul(partial(*primals), x.tangent)
            for x, partial, skip in zip(xs, partials, skipped, strict=True)
            if level(x) == deepest and not skip
        ]
        out = of_duals(*primals)
        return Dual(deepest, out, total(terms)) if terms else out

    return of_duals


def total(terms: list[Number]) -> Number:
    first, *rest = terms
    for term in rest:
        first = add(first, term)
    return first


def held(x: Number) -> Number:
    """A number as programs compute with it: a Fraction exactly, any other with 50 digits."""
    return x if isinstance(x, Dual | Fraction) else mp.mpmathify(x)


def real(f: Formula) -> Formula:
    """A formula for numbers with 50 digits, whatever kind they have."""
    return lambda *xs: f(*(mp.mpf(x.numerator) / x.denominator if isinstance(x, Fraction) else mp.mpmathify(x) for x in xs))


def quotient(x):
    """1 / x, by IEEE 754 where x is 0."""
    return 1 / x if isinstance(x, Fraction) else mp.inf if x == 0 else 1 / mp.mpmathify(x)


add = rule(lambda x, y: x + y, lambda x, y: 1, lambda x, y: 1)
neg = rule(lambda x: -x, lambda x: -1)
mul = rule(lambda x, y: x * y, lambda x, y: y, lambda x, y: x)
inverse = rule(quotient, lambda x: neg(mul(inverse(x), inverse(x))))


def power(x: Number, n: int) -> Number:
    return x if n == 1 else mul(x, power(x, n - 1))


# --- the functions of the programs, by their names ------------------------------------------------------------------------

exp = rule(real(mp.exp), lambda x: exp(x))
log = rule(real(mp.log), lambda x: inverse(x))
sin = rule(real(mp.sin), lambda x: cos(x))
cos = rule(real(mp.cos), lambda x: neg(sin(x)))
tanh = rule(real(mp.tanh), lambda x: add(1, neg(mul(tanh(x), tanh(x)))))
atan = rule(real(mp.atan), lambda x: inverse(add(1, mul(x, x))))
sqrt = rule(real(lambda x: _root(x)), lambda x: inverse(mul(2, sqrt(x))))
cbrt = rule(real(lambda x: mp.sign(x) * mp.cbrt(abs(x))), lambda x: inverse(mul(3, mul(cbrt(x), cbrt(x)))))
asin = rule(real(mp.asin), lambda x: inverse(sqrt(add(1, neg(mul(x, x))))))
hypot = rule(real(mp.hypot), lambda x, y: _part_of_length(x, y), lambda x, y: _part_of_length(y, x))
_part_of_length = rule(  # at the origin 0, by convention, but its derivatives do not exist
    real(lambda x, y: x / mp.hypot(x, y) if x or y else x),
    lambda x, y: mul(mul(y, y), inverse(power(hypot(x, y), 3))),
    lambda x, y: mul(neg(mul(x, y)), inverse(power(hypot(x, y), 3))),
)
sigmoid = rule(real(lambda x: 1 / (1 + mp.exp(-x))), lambda x: mul(sigmoid(x), add(1, neg(sigmoid(x)))))
softplus = rule(real(lambda x: mp.log(1 + mp.exp(x))), lambda x: sigmoid(x))
detach = rule(lambda x: x, None, left_out=lambda x: [True])
relu = rule(lambda x: max(x, 0 * x), lambda x: 1, left_out=lambda x: [x <= 0])
absolute = rule(lambda x: abs(x), lambda x: (base(x) > 0) - (base(x) < 0))


def _root(x):
    if mp.im(x) == 0 and mp.re(x) < 0:
        raise ValueError(f"the root of {x}")
    return mp.sqrt(x)


def _larger(x, y):
    return Fraction(1 + (x > y) - (x < y), 2)


def _chosen(x, y):
    share = _larger(base(x), base(y))
    return share if Fraction in map(type, (base(x), base(y))) else real(lambda s: s)(share)


maximum = rule(max, _chosen, lambda x, y: _chosen(y, x), left_out=lambda x, y: [x < y, y < x])
minimum = rule(min, lambda x, y: _chosen(y, x), _chosen, left_out=lambda x, y: [x > y, y > x])


def clip(x: Number, low: Any, high: Any) -> Number:
    return minimum(maximum(x, low), high)


def logsumexp(xs: list[Number]) -> Number:
    """A mask, -inf, adds exp(-inf), which is a computed 0."""
    return log(total([exp(x) for x in xs]))


def softmax(xs: list[Number]) -> list[Number]:
    return [mul(exp(x), inverse(total([exp(x) for x in xs]))) for x in xs]


def where(condition: bool, yes: Any, no: Any) -> Number:
    side = yes if condition else no
    return side() if callable(side) else side


def let(x: Number, body: Callable[[Number], Number]) -> Number:
    return body(x)


class Derivatives:
    """``derivative`` of functions of dual numbers: each call has a level of its own, above those of the calls around it."""

    def __init__(self) -> None:
        self._depth = 0
        self.largest = 1.0  # of the derivatives that were taken

    def __call__(self, f: Callable[[Number], Number]) -> Callable[[Number], Number]:
        def slope(at: Number) -> Number:
            self._depth += 1
            kind = type(base(at))
            try:
                out = f(Dual(self._depth, at, kind(1)))
                found = out.tangent if level(out) == self._depth else kind(0)
            finally:
                self._depth -= 1
            size = abs(base(found))
            if size < math.inf:
                self.largest = max(self.largest, float(size))
            return found

        return slope


def solve(residual: Callable[[Number], Number], start: float) -> Number:
    """Newton's steps on dual numbers: each doubles the digits of the solution and, behind it, of its derivatives."""
    derivative, x = Derivatives(), held(start)
    derivative._depth = 100  # above all levels that the residual may read
    for _ in range(STEPS):
        move = residual(x) / derivative(residual)(x)
        x = x - move
        if all(abs(part) < mp.mpf(10) ** -45 or not mp.isfinite(part) for part in parts(move)):
            return x - residual(x) / derivative(residual)(x)
    raise ValueError("Newton's steps do not arrive")


def parts(x: Number) -> list[Any]:
    """All numbers of which a dual number is made."""
    return [*parts(x.primal), *parts(x.tangent)] if isinstance(x, Dual) else [x]


def world(derivative: Derivatives) -> dict[str, Any]:
    """The names that the text of a program reads."""
    return {
        **dict.fromkeys(("derivative", "by_gradient", "by_value_and_grad", "by_jacobian", "by_jvp"), derivative),
        "exp": exp,
        "log": log,
        "sin": sin,
        "cos": cos,
        "tanh": tanh,
        "atan": atan,
        "asin": asin,
        "sqrt": sqrt,
        "cbrt": cbrt,
        "sigmoid": sigmoid,
        "softplus": softplus,
        "hypot": hypot,
        "logsumexp": logsumexp,
        "softmax": softmax,
        "detach": detach,
        "relu": relu,
        "maximum": maximum,
        "minimum": minimum,
        "clip": clip,
        "abs": absolute,
        "less": lambda x, y: bool(base(x) < base(y)),
        "less_equal": lambda x, y: bool(base(x) <= base(y)),
        "equal": lambda x, y: bool(base(x) == base(y)),
        "where": where,
        "let": let,
        "solve": solve,
        "inf": mp.inf,
        "Fraction": Fraction,
    }
