"""The complex step: a derivative that needs no subtraction and none of the table's partials.

For an analytic f and a tiny h, f(x + ih) = f(x) + ih f'(x) + O(h^2): the imaginary part divided by h is the derivative, to the
last digits. Nothing is subtracted, so no digits cancel.
"""

from __future__ import annotations

import ast
import cmath
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from autograd.rules.grammar import Floats
from autograd.rules.op import CallTable, Op
from autograd.rules.primitives import PRIMITIVES
from autograd.value import Value

IMAGINARY_STEP = 1e-100  # its square vanishes beside any number
RESIDUE = 1e-50  # its root: what it gives in place of a derivative 0 where a function is not analytic, as x ** 1.5 at 0


class _NotAnalyticError(Exception):
    """A row calls a primitive without a complex form, such as abs or erf."""


def _refuse(*_: Any) -> complex:
    raise _NotAnalyticError


class _Complex(Floats):
    """For complex numbers: choices compare real parts, and the power is Python's."""

    def visit_Compare(self, node: ast.Compare) -> ast.expr:  # noqa: N802  (ast's naming)
        self.generic_visit(node)
        node.left = ast.Attribute(node.left, "real", ast.Load())
        node.comparators = [ast.Attribute(side, "real", ast.Load()) for side in node.comparators]
        return node


def _power(x: complex, y: complex) -> complex:
    """Python's power. With a negative base it is analytic in the base only, and real for whole exponents only."""
    return _refuse() if isinstance(y, complex) and x.real < 0 else x**y


_FUNCTIONS: Mapping[str, Callable[..., complex]] = {
    "pow": _power,
    **{name: getattr(cmath, name, _refuse) for name in PRIMITIVES},
}
_COMPLEX = CallTable(_Complex, _FUNCTIONS)


def complex_step(order: list[Value], source: Value) -> float | None:
    """The derivative of the last node of ``order`` with respect to ``source``; None if an operation between is not analytic.

    Args:
        order: the nodes of a graph, each after its inputs.
        source: a node.

    Source: Squire & Trapp, *Using complex variables to estimate derivatives of real functions* (1998).

    >>> from autograd import Value, topological_order
    >>> x = Value(2.0)
    >>> complex_step(topological_order(x**3 * x.log()), x) == 12 * x.log().data + 4
    True
    """
    numbers: dict[Value, complex] = {source: complex(source.data, IMAGINARY_STEP)}
    try:
        for node in order:
            if any(operand in numbers for operand in node.inputs):
                if not isinstance(node.op, Op):
                    return None
                operands = [numbers.get(operand, operand.data) for operand in node.inputs]
                numbers[node] = _value(node.op)(*operands)
    except (_NotAnalyticError, ArithmeticError, ValueError):
        return None
    return numbers[order[-1]].imag / IMAGINARY_STEP if order[-1] in numbers else 0.0


@lru_cache(maxsize=4096)
def _value(op: Op) -> Callable[..., complex]:
    return op.compile_value(_COMPLEX)
