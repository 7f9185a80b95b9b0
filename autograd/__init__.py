"""Scalar automatic differentiation that shows its work.

Every operation on a ``Value`` records the local derivatives; ``backward()`` multiplies them along each path to each leaf and
adds up the paths. That is the chain rule, and all there is to it.

>>> import autograd
>>> x = autograd.Value(0.5, "x")
>>> y = autograd.tanh(3 * x)
>>> y.backward()
>>> round(x.grad, 6)
0.54212
"""

from autograd.checking import check_gradients
from autograd.compositions import dot, logsumexp, softmax, total
from autograd.derivatives import grad, hessian, hvp, jacobian, jvp, vjp
from autograd.errors import ClosureError, DomainError, PoleError
from autograd.functional import value_and_grad
from autograd.functions import (
    abs,  # noqa: A004
    acos,
    asin,
    atan,
    cos,
    cosh,
    detach,
    elu,
    erf,
    erfc,
    exp,
    expm1,
    gelu,
    heaviside,
    leaky_relu,
    log,
    log1p,
    maximum,
    minimum,
    relu,
    sigmoid,
    sign,
    silu,
    sin,
    sinh,
    softplus,
    sqrt,
    step,
    tan,
    tanh,
)
from autograd.graph import topological_order
from autograd.ops import OPS, Op
from autograd.scopes import scope
from autograd.value import Constant, Value, apply

__all__ = [
    "OPS",
    "ClosureError",
    "Constant",
    "DomainError",
    "Op",
    "PoleError",
    "Value",
    "abs",
    "acos",
    "apply",
    "asin",
    "atan",
    "check_gradients",
    "cos",
    "cosh",
    "detach",
    "dot",
    "elu",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "gelu",
    "grad",
    "heaviside",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "leaky_relu",
    "log",
    "log1p",
    "logsumexp",
    "maximum",
    "minimum",
    "relu",
    "scope",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "sqrt",
    "step",
    "tan",
    "tanh",
    "topological_order",
    "total",
    "value_and_grad",
    "vjp",
]
