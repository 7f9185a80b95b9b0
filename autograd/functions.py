"""The operations as functions, which take plain numbers too.

``autograd.exp(2.0)`` is a float, ``autograd.exp(Value(2.0))`` a ``Value``. So a formula that is written with these functions
can be evaluated on numbers, and recorded and differentiated on Values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial, reduce
from typing import Any

from autograd import ops
from autograd.rules.numbers import Number, number
from autograd.rules.op import Op
from autograd.text import described, short_repr
from autograd.value import Operand, T, apply
from autograd.value import Value as Value  # the examples use it


def abs(x: T) -> T:  # noqa: A001  (as numpy.abs; Python's own abs(x) does the same)
    """The absolute value; its derivative at 0 is taken to be 0.

    >>> abs(-2.0), abs(Value(-2.0)).data
    (2.0, 2.0)
    """
    return apply(ops.ABS, x)


def exp(x: T) -> T:
    r"""The exponential :math:`e^x`; its derivative is itself. Overflow gives inf.

    >>> y = exp(Value(1.0))
    >>> print(f"{exp(1.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    2.7183 and 2.7183, derivative 2.7183
    """
    return apply(ops.EXP, x)


def exp2(x: T) -> T:
    r""":math:`2^x`; its derivative is :math:`2^x\ln 2`.

    >>> y = exp2(Value(3.0))
    >>> print(f"{exp2(3.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    8.0000 and 8.0000, derivative 5.5452
    """
    return apply(ops.EXP2, x)


def expm1(x: T) -> T:
    r""":math:`e^x - 1` without loss of digits near 0.

    >>> y = expm1(Value(1e-10))
    >>> print(f"{expm1(1e-10):.12g} and {y.data:.12g}, derivative {y.partials[0]:.4f}")
    1.00000000005e-10 and 1.00000000005e-10, derivative 1.0000
    """
    return apply(ops.EXPM1, x)


def log(x: Any, base: Any = None) -> Any:
    r"""The natural logarithm, or :math:`\ln x / \ln base`; its derivative is :math:`1/x`. A ``DomainError`` unless x > 0.

    >>> y = log(Value(2.0))
    >>> print(f"{log(2.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    0.6931 and 0.6931, derivative 0.5000
    >>> log(1000.0, 10), log(9.0, Value(3.0)).data
    (3.0, 2.0)
    """
    if base is None:
        return apply(ops.LOG, x)
    if (
        not isinstance(base, Value) and not hasattr(base, "__iter__") and base in (2, 10)
    ):  # then powers of the base have whole logarithms
        return log2(x) if base == 2 else log10(x)
    return apply(ops.LOG, x) / apply(ops.LOG, base)


def log2(x: T) -> T:
    r"""The logarithm to base 2; its derivative is :math:`1/(x\ln 2)`. A ``DomainError`` unless x > 0.

    >>> y = log2(Value(8.0))
    >>> print(f"{log2(8.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    3.0000 and 3.0000, derivative 0.1803
    """
    return apply(ops.LOG2, x)


def log10(x: T) -> T:
    r"""The logarithm to base 10; its derivative is :math:`1/(x\ln 10)`. A ``DomainError`` unless x > 0.

    >>> y = log10(Value(1000.0))
    >>> print(f"{log10(1000.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    3.0000 and 3.0000, derivative 0.0004
    """
    return apply(ops.LOG10, x)


def log1p(x: T) -> T:
    r""":math:`\ln(1 + x)` without loss of digits near 0. A ``DomainError`` unless x > -1.

    >>> y = log1p(Value(1e-10))
    >>> print(f"{log1p(1e-10):.12g} and {y.data:.12g}, derivative {y.partials[0]:.4f}")
    9.9999999995e-11 and 9.9999999995e-11, derivative 1.0000
    """
    return apply(ops.LOG1P, x)


def sqrt(x: T) -> T:
    r"""The square root; its derivative :math:`1/(2\sqrt x)` is inf at 0. A ``DomainError`` unless x >= 0.

    >>> y = sqrt(Value(4.0))
    >>> print(f"{sqrt(4.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    2.0000 and 2.0000, derivative 0.2500
    """
    return apply(ops.SQRT, x)


def cbrt(x: T) -> T:
    r"""The cube root, of negative numbers too; its derivative :math:`1/(3x^{2/3})` is inf at 0.

    >>> y = cbrt(Value(-8.0))
    >>> print(f"{cbrt(-8.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    -2.0000 and -2.0000, derivative 0.0833
    """
    return apply(ops.CBRT, x)


def hypot(x: Operand, y: Operand) -> Any:
    r"""The length :math:`\sqrt{x^2 + y^2}` without overflow; its derivatives are x and y over the length, and 0 at the origin.

    At the origin there is no derivative, and 0 is the mean of all directions. The length of a longer vector is ``norm``.

    >>> hypot(3.0, 4.0), hypot(Value(3.0), 4.0).partials
    (5.0, (0.6, 0.8))
    """
    return apply(ops.HYPOT, x, y)


def sin(x: T) -> T:
    r"""The sine; its derivative is the cosine.

    >>> y = sin(Value(1.0))
    >>> print(f"{sin(1.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    0.8415 and 0.8415, derivative 0.5403
    """
    return apply(ops.SIN, x)


def cos(x: T) -> T:
    r"""The cosine; its derivative is minus the sine.

    >>> y = cos(Value(1.0))
    >>> print(f"{cos(1.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    0.5403 and 0.5403, derivative -0.8415
    """
    return apply(ops.COS, x)


def tan(x: T) -> T:
    r"""The tangent; its derivative is :math:`1 + \tan^2 x`.

    >>> y = tan(Value(1.0))
    >>> print(f"{tan(1.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    1.5574 and 1.5574, derivative 3.4255
    """
    return apply(ops.TAN, x)


def asin(x: T) -> T:
    r"""The inverse sine; its derivative is :math:`1/\sqrt{1 - x^2}`. A ``DomainError`` unless -1 <= x <= 1.

    >>> y = asin(Value(0.5))
    >>> print(f"{asin(0.5):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    0.5236 and 0.5236, derivative 1.1547
    """
    return apply(ops.ASIN, x)


def acos(x: T) -> T:
    r"""The inverse cosine; its derivative is :math:`-1/\sqrt{1 - x^2}`. A ``DomainError`` unless -1 <= x <= 1.

    >>> y = acos(Value(0.5))
    >>> print(f"{acos(0.5):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    1.0472 and 1.0472, derivative -1.1547
    """
    return apply(ops.ACOS, x)


def atan(x: T) -> T:
    r"""The inverse tangent; its derivative is :math:`1/(1 + x^2)`.

    >>> y = atan(Value(1.0))
    >>> print(f"{atan(1.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    0.7854 and 0.7854, derivative 0.5000
    """
    return apply(ops.ATAN, x)


def atan2(y: Operand, x: Operand) -> Any:
    r"""The angle of the point (x, y), from -π to π; its derivatives are :math:`x/(x^2 + y^2)` and :math:`-y/(x^2 + y^2)`.

    At the origin the angle is 0, and its derivatives are nan. On the negative x axis it jumps from -π to π.

    >>> angle = atan2(Value(1.0), -1.0)
    >>> print(f"{atan2(1.0, -1.0):.4f} and {angle.data:.4f}, derivatives {angle.partials[0]:.2f} and {angle.partials[1]:.2f}")
    2.3562 and 2.3562, derivatives -0.50 and -0.50
    """
    return apply(ops.ATAN2, y, x)


def sinh(x: T) -> T:
    r"""The hyperbolic sine; its derivative is the hyperbolic cosine.

    >>> y = sinh(Value(1.0))
    >>> print(f"{sinh(1.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    1.1752 and 1.1752, derivative 1.5431
    """
    return apply(ops.SINH, x)


def cosh(x: T) -> T:
    r"""The hyperbolic cosine; its derivative is the hyperbolic sine.

    >>> y = cosh(Value(1.0))
    >>> print(f"{cosh(1.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    1.5431 and 1.5431, derivative 1.1752
    """
    return apply(ops.COSH, x)


def tanh(x: T) -> T:
    r"""The hyperbolic tangent; its derivative is :math:`1 - \tanh^2 x` (S4.101).

    >>> y = tanh(Value(1.0))
    >>> print(f"{tanh(1.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    0.7616 and 0.7616, derivative 0.4200
    """
    return apply(ops.TANH, x)


def sinc(x: T) -> T:
    r""":math:`\sin(\pi x)/(\pi x)`, and 1 at 0, as in NumPy; its derivative is :math:`(\cos(\pi x) - \mathrm{sinc}\,x)/x`, and 0 at 0.

    Derivatives up to the eighth are accurate at 0 and near it too. At inf and -inf the value is nan, since the sine is.

    >>> y = sinc(Value(0.5))
    >>> print(f"{sinc(0.5):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}; at 0 {sinc(Value(0.0)).partials[0]}")
    0.6366 and 0.6366, derivative -1.2732; at 0 0.0
    """
    return apply(ops.SINC, x)


def asinh(x: T) -> T:
    r"""The inverse hyperbolic sine; its derivative is :math:`1/\sqrt{1 + x^2}`.

    >>> y = asinh(Value(1.0))
    >>> print(f"{asinh(1.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    0.8814 and 0.8814, derivative 0.7071
    """
    return apply(ops.ASINH, x)


def acosh(x: T) -> T:
    r"""The inverse hyperbolic cosine; its derivative is :math:`1/\sqrt{x^2 - 1}`. A ``DomainError`` unless x >= 1.

    >>> y = acosh(Value(2.0))
    >>> print(f"{acosh(2.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    1.3170 and 1.3170, derivative 0.5774
    """
    return apply(ops.ACOSH, x)


def atanh(x: T) -> T:
    r"""The inverse hyperbolic tangent; its derivative is :math:`1/(1 - x^2)`. A ``DomainError`` unless -1 < x < 1.

    >>> y = atanh(Value(0.5))
    >>> print(f"{atanh(0.5):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    0.5493 and 0.5493, derivative 1.3333
    """
    return apply(ops.ATANH, x)


def erf(x: T) -> T:
    r"""The error function :math:`\frac{2}{\sqrt\pi}\int_0^x e^{-t^2}\,dt`.

    >>> y = erf(Value(1.0))
    >>> print(f"{erf(1.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    0.8427 and 0.8427, derivative 0.4151
    """
    return apply(ops.ERF, x)


def erfc(x: T) -> T:
    r"""The complement :math:`1 - \mathrm{erf}(x)`, accurate where erf is near 1.

    >>> y = erfc(Value(1.0))
    >>> print(f"{erfc(1.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    0.1573 and 0.1573, derivative -0.4151
    """
    return apply(ops.ERFC, x)


def sigmoid(x: T) -> T:
    r"""The logistic function :math:`\sigma(x) = 1/(1 + e^{-x})`; its derivative is :math:`\sigma(1 - \sigma)` (S2.18).

    >>> y = sigmoid(Value(1.0))
    >>> print(f"{sigmoid(1.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    0.7311 and 0.7311, derivative 0.1966
    """
    return apply(ops.SIGMOID, x)


def softplus(x: T) -> T:
    r""":math:`\ln(1 + e^x)`, the smooth relu; its derivative is the sigmoid. Safe for any x.

    >>> y = softplus(Value(1000.0))
    >>> print(f"{softplus(1000.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    1000.0000 and 1000.0000, derivative 1.0000
    """
    return apply(ops.SOFTPLUS, x)


def logaddexp(x: Operand, y: Operand) -> Any:
    r""":math:`\ln(e^x + e^y)` without overflow; its derivatives are :math:`\sigma(x - y)` and :math:`\sigma(y - x)`.

    For more than two terms take ``logsumexp``.

    >>> logaddexp(1000.0, 1000.0), logaddexp(Value(1.0), 1.0).partials
    (1000.6931471805599, (0.5, 0.5))
    """
    return apply(ops.LOGADDEXP, x, y)


def relu(x: T) -> T:
    r""":math:`\max(x, 0)`; its derivative at 0 is taken to be 0.

    >>> y = relu(Value(-1.0))
    >>> print(f"{relu(-1.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    0.0000 and 0.0000, derivative 0.0000
    """
    return apply(ops.RELU, x)


def silu(x: T) -> T:
    r""":math:`x\,\sigma(x)`, also called swish (Hendrycks & Gimpel 2016).

    >>> y = silu(Value(1.0))
    >>> print(f"{silu(1.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    0.7311 and 0.7311, derivative 0.9277
    """
    return apply(ops.SILU, x)


def gelu(x: T, approximate: str = "none") -> T:
    r""":math:`x\,\Phi(x)` with the normal distribution function :math:`\Phi` (Hendrycks & Gimpel 2016): exact, or "tanh", an approximation.

    Raises:
        ValueError: if ``approximate`` is neither "none" nor "tanh".

    >>> y = gelu(Value(1.0))
    >>> print(f"{gelu(1.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    0.8413 and 0.8413, derivative 1.0833
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f'gelu is exact, approximate="none", or approximate="tanh", but got {short_repr(approximate)}')
    return apply(ops.GELU_TANH if approximate == "tanh" else ops.GELU, x)


def gelu_tanh(x: T) -> T:
    r""":math:`\tfrac x2(1 + \tanh(\sqrt{2/\pi}(x + 0.044715x^3)))`, the approximation of ``gelu`` that GPT-2 uses (Hendrycks & Gimpel 2016).

    >>> y = gelu_tanh(Value(1.0))
    >>> print(f"{gelu_tanh(1.0):.4f} and {y.data:.4f}, derivative {y.partials[0]:.4f}")
    0.8412 and 0.8412, derivative 1.0830
    """
    return apply(ops.GELU_TANH, x)


def leaky_relu(x: T, slope: Number | None = None) -> T:
    r""":math:`x` above 0 and :math:`slope\cdot x` below (Maas et al. 2013); the slope is 0.01 unless given.

    >>> leaky_relu(-2.0), leaky_relu(Value(-2.0), 0.5).data
    (-0.02, -1.0)
    """
    return apply(ops.LEAKY_RELU.at(slope), x)


def elu(x: T, alpha: Number | None = None) -> T:
    r""":math:`x` above 0 and :math:`\alpha(e^x - 1)` below (Clevert et al. 2015); alpha is 1 unless given.

    >>> elu(1.0), elu(Value(-1000.0), 2.0).data
    (1.0, -2.0)
    """
    return apply(ops.ELU.at(alpha), x)


def maximum(*operands: Operand | Iterable[Operand]) -> Any:
    """The largest operand, of several or of one list; NaN if one is.

    In a tie of two each takes half of the gradient. Several are compared from left to right, two at a time.

    Raises:
        ValueError: if there is none.

    >>> maximum(2, 3), maximum(Value(2.0), 3).partials, maximum([1.0, 4.0, 2.0])
    (3, (0.0, 1.0), 4.0)
    """
    return _two_at_a_time(ops.MAXIMUM, operands)


def minimum(*operands: Operand | Iterable[Operand]) -> Any:
    """The smallest operand, of several or of one list; NaN if one is.

    In a tie of two each takes half of the gradient. Several are compared from left to right, two at a time.

    Raises:
        ValueError: if there is none.

    >>> minimum(2, 3), minimum(Value(2.0), 3).partials, minimum([1.0, 4.0, 2.0])
    (2, (1.0, 0.0), 1.0)
    """
    return _two_at_a_time(ops.MINIMUM, operands)


def _two_at_a_time(op: Op, operands: Sequence[Any]) -> Any:
    numbers = list(operands[0]) if len(operands) == 1 and hasattr(operands[0], "__iter__") else list(operands)
    if not numbers:
        raise ValueError(f"{op.name} needs at least one number, but got none")
    if len(numbers) == 1:
        return numbers[0] if isinstance(numbers[0], Value) else number(numbers[0])
    return reduce(partial(apply, op), numbers)


def clip(x: Any, low: Operand | None = None, high: Operand | None = None) -> Any:
    """The nearest number from ``low`` to ``high``: ``minimum(maximum(x, low), high)``. A bound that is None does not bound.

    The derivative is 1 between the bounds and 0 beyond them, where nothing passes on; at a bound it is 1/2.

    Raises:
        ValueError: if both bounds are numbers, and low is above high.

    >>> clip(3.5, -1, 1), clip(Value(0.25), -1, 1).data, clip(-2.0, high=0)
    (1.0, 0.25, -2.0)
    """
    if hasattr(x, "__iter__"):
        each = "[autograd.clip(x, low, high) for x in xs]; of an array it is np.clip(array, low, high)"
        raise TypeError(f"autograd.clip takes one number or Value, but got {described(x)}; for each entry write {each}")
    if not (low is None or high is None or isinstance(low, Value) or isinstance(high, Value)) and low > high:
        raise ValueError(f"clip needs a low bound that is at most the high one, but got {short_repr(low)} and {high!r}")
    x = x if low is None else maximum(x, low)
    return x if high is None else minimum(x, high)


def floor(x: T) -> T:
    """The largest whole number that is at most x; its derivative is 0.

    >>> floor(-2.5), floor(Value(2.5)).data
    (-3.0, 2.0)
    """
    return apply(ops.FLOOR, x)


def rint(x: T) -> T:
    """The nearest whole number, the even one of two that are as near; its derivative is 0.

    >>> rint(2.5), rint(Value(-0.75)).data
    (2.0, -1.0)
    """
    return apply(ops.RINT, x)


def mod(x: Operand, y: Operand) -> Any:
    """The remainder ``x % y``, with the sign of y as in Python; its derivatives are 1 and minus the whole quotient.

    Raises:
        PoleError: if y is 0.

    >>> mod(-7, 2), mod(Value(7.5), 2.0).partials
    (1, (1.0, -3.0))
    """
    return apply(ops.MOD, x, y)


def floordiv(x: Operand, y: Operand) -> Any:
    """The whole quotient ``x // y``, rounded down; its derivatives are 0.

    Raises:
        PoleError: if y is 0.

    >>> floordiv(-7.0, 2.0), floordiv(Value(7.5), 2.0).data
    (-4.0, 3.0)
    """
    return apply(ops.FLOORDIV, x, y)


def less(x: Operand, y: Operand) -> Any:
    """The comparison x < y: True or False of numbers, a ``Condition`` of Values. With nan it is false; its derivatives are 0.

    >>> less(1.0, 2.0), less(Value(2.0), 2.0).data
    (True, 0.0)
    """
    return _compared(ops.LESS, x, y)


def less_equal(x: Operand, y: Operand) -> Any:
    """The comparison x <= y: True or False of numbers, a ``Condition`` of Values. With nan it is false; its derivatives are 0.

    >>> less_equal(3.0, 2.0), less_equal(Value(2.0), 2.0).data
    (False, 1.0)
    """
    return _compared(ops.LESS_EQUAL, x, y)


def equal(x: Operand, y: Operand) -> Any:
    """The comparison x = y: True or False of numbers, a ``Condition`` of Values. (``==`` asks whether two Values are the same one.)

    >>> equal(3.0, 2.0), equal(Value(2.0), 2.0).data
    (False, 1.0)
    """
    return _compared(ops.EQUAL, x, y)


def _compared(op: Op, x: Operand, y: Operand) -> Any:
    result = apply(op, x, y)
    return result if isinstance(result, Value) else bool(result)  # a bool has & and |, as a Condition has


def when(x: Operand, y: Operand) -> Any:
    r"""Iverson's bracket as a factor, :math:`[x]\,y`: y where the condition x is 1, and 0 where it is 0, be y inf or nan.

    >>> when(1, 5.0), when(less(2.0, 1.0), float("inf"))
    (5.0, 0.0)
    """
    return apply(ops.WHEN, x, y)


def unless(x: Operand, y: Operand) -> Any:
    r"""The other side, :math:`[\mathrm{not}\ x]\,y`: y where the condition x is 0, and 0 where it is 1, be y inf or nan.

    >>> unless(1, 5.0), unless(less(2.0, 1.0), 5.0)
    (0.0, 5.0)
    """
    return apply(ops.UNLESS, x, y)


def sign(x: T) -> T:
    """-1, 0 or 1; its derivative is 0.

    >>> sign(-2.0), sign(Value(-2.0)).data
    (-1.0, -1.0)
    """
    return apply(ops.SIGN, x)


def step(x: T) -> T:
    """1 above 0, else 0; its derivative is 0.

    >>> step(0.0), step(Value(2.0)).data
    (0.0, 1.0)
    """
    return apply(ops.STEP, x)


def heaviside(x: T) -> T:
    """0 below 0, 1 above, 1/2 at 0; its derivative is 0.

    >>> heaviside(0.0), heaviside(Value(2.0)).data
    (0.5, 1.0)
    """
    return apply(ops.HEAVISIDE, x)


def detach(x: T) -> T:
    """The same number with derivative 0, for a part of the formula that must not be differentiated.

    >>> x = Value(3.0)
    >>> (x * detach(x)).backward(); x.grad          # 3, not 6
    3.0
    """
    return apply(ops.DETACH, x)


def identity(x: T) -> T:
    """The same number with derivative 1, as a node of its own: a variable that is told from x itself.

    >>> x = Value(3.0)
    >>> y = identity(x)
    >>> from autograd import grad
    >>> grad(x * y, [y]), grad(x * y, [x])
    ([3.0], [6.0])
    """
    return apply(ops.IDENTITY, x)
