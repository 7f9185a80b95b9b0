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

import typing as _typing

from autograd.compositions import dot, logsumexp, norm, softmax, total, where
from autograd.errors import ClosureError, DomainError, ExactPowerError, PoleError, SolutionError, TracingError
from autograd.functions import (
    abs,  # noqa: A004
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cbrt,
    clip,
    cos,
    cosh,
    detach,
    elu,
    equal,
    erf,
    erfc,
    exp,
    exp2,
    expm1,
    floor,
    floordiv,
    gelu,
    gelu_tanh,
    heaviside,
    hypot,
    identity,
    leaky_relu,
    less,
    less_equal,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    maximum,
    minimum,
    mod,
    relu,
    rint,
    sigmoid,
    sign,
    silu,
    sin,
    sinc,
    sinh,
    softplus,
    sqrt,
    step,
    tan,
    tanh,
    unless,
    when,
)
from autograd.graph import topological_order
from autograd.ops import OPS, Op
from autograd.scopes import scope
from autograd.traced import is_traced
from autograd.value import Condition, Constant, Value, apply

if _typing.TYPE_CHECKING:
    from autograd.checking.diagnosis import diagnose
    from autograd.checking.gradients import check_gradients
    from autograd.compiled.program import compile, load  # noqa: A004
    from autograd.debugging import debug
    from autograd.derivatives import grad, hessian, hvp, jacobian, jvp, vjp
    from autograd.explaining.chain_rule import explain
    from autograd.explaining.costs import compare_modes
    from autograd.explaining.forward_mode import explain_forward
    from autograd.explaining.paths import Path, count_paths, paths, top_paths
    from autograd.explaining.quiz import quiz
    from autograd.explaining.why_backward import why_order, why_plus
    from autograd.expressions.errors import ExpressionError
    from autograd.expressions.reader import expression
    from autograd.functional import derivative, gradient, jacobian_of, value_and_grad
    from autograd.solving import solve

__all__ = [
    "OPS",
    "ClosureError",
    "Condition",
    "Constant",
    "DomainError",
    "ExactPowerError",
    "ExpressionError",
    "Op",
    "Path",
    "PoleError",
    "SolutionError",
    "TracingError",
    "Value",
    "abs",
    "acos",
    "acosh",
    "apply",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "check_gradients",
    "clip",
    "compare_modes",
    "compile",
    "cos",
    "cosh",
    "count_paths",
    "debug",
    "derivative",
    "detach",
    "diagnose",
    "dot",
    "elu",
    "equal",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "explain",
    "explain_forward",
    "expm1",
    "expression",
    "floor",
    "floordiv",
    "gelu",
    "gelu_tanh",
    "grad",
    "gradient",
    "heaviside",
    "hessian",
    "hvp",
    "hypot",
    "identity",
    "is_traced",
    "jacobian",
    "jacobian_of",
    "jvp",
    "leaky_relu",
    "less",
    "less_equal",
    "load",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logsumexp",
    "maximum",
    "minimum",
    "mod",
    "norm",
    "paths",
    "quiz",
    "relu",
    "rint",
    "scope",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinc",
    "sinh",
    "softmax",
    "softplus",
    "solve",
    "sqrt",
    "step",
    "tan",
    "tanh",
    "top_paths",
    "topological_order",
    "total",
    "unless",
    "value_and_grad",
    "vjp",
    "when",
    "where",
    "why_order",
    "why_plus",
]

# What asks questions of a graph is imported when it is first used: a program that only trains need not wait for it.
_ON_DEMAND = {
    "check_gradients": "checking.gradients",
    **dict.fromkeys(["compile", "load"], "compiled.program"),
    "debug": "debugging",
    "diagnose": "checking.diagnosis",
    "explain": "explaining.chain_rule",
    "ExpressionError": "expressions.errors",
    "expression": "expressions.reader",
    "quiz": "explaining.quiz",
    "solve": "solving",
    **dict.fromkeys(["grad", "hessian", "hvp", "jacobian", "jvp", "vjp"], "derivatives"),
    **dict.fromkeys(["derivative", "gradient", "jacobian_of", "value_and_grad"], "functional"),
    "compare_modes": "explaining.costs",
    "explain_forward": "explaining.forward_mode",
    **dict.fromkeys(["why_order", "why_plus"], "explaining.why_backward"),
    **dict.fromkeys(["Path", "count_paths", "paths", "top_paths"], "explaining.paths"),
}


if not _typing.TYPE_CHECKING:  # hidden from type checkers, to which it would say that every name is there

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name == "compiled":
            return import_module("autograd.compiled")
        if name not in _ON_DEMAND:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f"autograd.{_ON_DEMAND[name]}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted(__all__)
