"""The rows of the table as functions of NumPy arrays, which take many examples at once.

A row's text is compiled as it is, except that a choice ``a if p else b`` becomes ``where(p, a, b)``, which computes both sides and
keeps one of them for each entry.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache, reduce
from typing import Any

import numpy as np

from autograd.rules.grammar import OPERATORS, Floats
from autograd.rules.op import CallTable, Op
from autograd.rules.primitives import PRIMITIVES

LARGEST_WHOLE = 2**53  # up to here floats hold every whole number


class Where(Floats):
    """Reads a row for arrays: as for floats, but each entry makes its own choice."""

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:  # noqa: N802  (ast's naming)
        parts = [self.visit(part) for part in (node.test, node.body, node.orelse)]
        return _call("where", *parts)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:  # noqa: N802
        name = "logical_and" if isinstance(node.op, ast.And) else "logical_or"
        parts: list[ast.expr] = [self.visit(value) for value in node.values]
        return reduce(lambda a, b: _call(name, a, b), parts)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:  # noqa: N802
        if isinstance(node.op, ast.Not):
            return _call("logical_not", self.visit(node.operand))
        return super().visit_UnaryOp(node)


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(func=ast.Name(id=name, ctx=ast.Load()), args=list(arguments), keywords=[])


def _one_by_one(function: Callable[[float], float]) -> Callable[[Any], Any]:
    """A Python function, called for each entry, in the place of one that NumPy lacks."""
    called = np.frompyfunc(function, 1, 1)
    return lambda x: np.asarray(called(x), dtype=np.float64)


def _power(x: Any, y: Any) -> Any:
    """C's ``pow``. If y is 1/2, NumPy may take the square root, which is nan at -inf, and -0.0 at -0.0."""
    power = np.power(x, y)
    if not isinstance(y, np.ndarray) and y != 0.5:
        return power
    return np.where(y == 0.5, np.where(x == -np.inf, np.inf, power + 0.0), power)


UFUNCS: dict[str, Callable[..., Any]] = {
    name: getattr(np, primitive.numpy or name) for name, primitive in PRIMITIVES.items() if primitive.numpy is not None
}
"""NumPy's functions by their names in the table."""

ARITHMETIC = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}
COMPARISONS: dict[type[ast.AST], Callable[..., Any]] = {ast.Lt: np.less, ast.LtE: np.less_equal, ast.Eq: np.equal}

ARRAYS = CallTable(
    Where,
    {
        **UFUNCS,
        **{name: _one_by_one(primitive.function) for name, primitive in PRIMITIVES.items() if primitive.numpy is None},
        "pow": _power,
        **{name: getattr(np, name) for name in ("where", "logical_and", "logical_or", "logical_not")},
    },
)
"""The functions that a row's text calls."""


@lru_cache(maxsize=4096)
def value(op: Op) -> Callable[..., None]:
    """The result of a row, written into the array ``out``: ``value(op)(x, y, out)``.

    >>> from autograd import OPS
    >>> out = np.empty(3)
    >>> _ = value(OPS["relu"])(np.array([-1.0, 2.0, np.nan]), out)
    >>> out
    array([ 0.,  2., nan])
    """
    direct = _ufunc(op)
    if direct is None:
        compute = _of_floats(op).compile_value(ARRAYS)
        return lambda *arrays: np.copyto(arrays[-1], compute(*arrays[:-1]))
    if op.arity == 1:
        return lambda x, out: direct(x, out=out)
    return lambda x, y, out: direct(x, y, out=out)


def _of_floats(op: Op) -> Op:
    """The row with a constant that NumPy computes with: a fraction or a very large whole number would make arrays of objects."""
    return op.at(float(op.c)) if isinstance(op.c, Fraction) or (isinstance(op.c, int) and abs(op.c) > LARGEST_WHOLE) else op


def _ufunc(op: Op) -> Callable[..., Any] | None:
    """The ufunc that computes the whole row, if there is one: it needs no temporary array."""
    match ast.parse(op.value, mode="eval").body:
        case ast.BinOp(left=ast.Name(id="x"), op=operator, right=ast.Name(id="y")):
            return ARITHMETIC.get(OPERATORS[type(operator)])
        case ast.IfExp(test=ast.Compare(ops=[comparison])) if op.is_comparison:
            return COMPARISONS.get(type(comparison))
        case ast.UnaryOp(operand=ast.Name(id="x")):
            return np.negative
        case ast.Call(func=ast.Name(id=name), args=[ast.Name(id="x")] | [ast.Name(id="x"), ast.Name(id="y")]):
            return UFUNCS.get(name)
    return None


@lru_cache(maxsize=4096)
def partial(op: Op, index: int) -> Callable[..., Any]:
    """The local derivative of a row with respect to operand ``index``, from the arrays of its operands and its result.

    >>> from autograd import OPS
    >>> partial(OPS["mul"], 0)(np.array([2.0]), np.array([5.0]), np.array([10.0]))
    array([5.])
    """
    return _of_floats(op).compile_partial(ARRAYS, index)


@lru_cache(maxsize=4096)
def cut(op: Op, index: int) -> Callable[..., Any]:
    """Where operand ``index`` of a row is cut, from the arrays of its operands and its result.

    >>> from autograd import OPS
    >>> cut(OPS["relu"], 0)(np.array([-1.0, 2.0]), np.array([0.0, 2.0]))
    array([ True, False])
    """
    return _of_floats(op).compile_cut(ARRAYS, index) if op.cuts[index] else lambda *arrays: False
