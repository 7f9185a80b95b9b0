"""What is not chosen is cut: its local derivative passes nothing on, not even 0 times infinity.

``maximum(x, 0)`` does not count x where x is negative, and ``detach`` nowhere. There the derivative is 0 whatever stands behind x:
an infinity times a computed 0 would be nan, by IEEE 754, and nothing times an infinity is nothing. The text of a partial says where
that is: where it arrives at a literal 0. ``cut_condition`` reads it off; kernels return ``CUT`` there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias

from autograd.rules.primitives import PRIMITIVES

if TYPE_CHECKING:
    from autograd.rules.numbers import Number
    from autograd.rules.op import Op

Condition: TypeAlias = ast.expr | bool


class Cut(float):
    """The type of ``CUT``, the local derivative that passes nothing on: products with it are nothing, sums do not change.

    As a number it is 0. A product with an int or a Fraction is the 0 of that kind.

    >>> CUT, CUT * float("inf"), 2.0 + CUT, CUT * Fraction(1, 2)
    (0.0, 0.0, 2.0, Fraction(0, 1))
    >>> CUT * float("inf") is CUT
    True
    """

    __slots__ = ()

    def __mul__(self, other: Any) -> Any:
        if type(other) is float or isinstance(other, float):  # asking for the type is faster
            return self
        return type(other)() if isinstance(other, int | Fraction | complex) else NotImplemented

    __rmul__ = __mul__

    def __add__(self, other: Any) -> Any:
        if type(other) is float:
            return other
        return other if isinstance(other, int | float | Fraction | complex) else NotImplemented

    __radd__ = __add__

    def __reduce__(self) -> str:
        return "CUT"  # copies and pickles are the one instance


CUT = Cut()


# --- where a partial is cut -------------------------------------------------------------------------------------------


def cut_condition(partial: str, rows: Mapping[str, Op], c: Number | None = None) -> str:
    """The condition under which a partial is cut, in the language of rows: ``""`` never, ``"True"`` always.

    A literal 0 is cut, so a product is if one factor is, a sum if both terms are, a quotient if its numerator is. A choice is cut
    as the side that it takes. Called rows are read too, primitives are not: what they return is computed. So is ``out``.

    Args:
        partial: the text.
        rows: the rows that it may call.
        c: the constant that it reads, if it is known.

    >>> from autograd.rules.op import OPS
    >>> cut_condition("step(x) * y", OPS), cut_condition("x * y", OPS), cut_condition("0", OPS), cut_condition("c * x", OPS, 0)
    ('x <= 0', '', 'True', 'True')
    """
    condition = _Reading(rows, c).cut(ast.parse(partial, mode="eval").body)
    return ast.unparse(condition) if isinstance(condition, ast.expr) else "True" if condition else ""


class _Reading:
    def __init__(self, rows: Mapping[str, Op], c: Number | None) -> None:
        self._rows, self._c = rows, c

    def cut(self, tree: ast.expr) -> Condition:
        """Where the tree arrives at a literal 0."""
        match tree:
            case ast.Constant(value=0):
                return True
            case ast.Name(id="c"):
                return self._holds(ast.Compare(tree, [ast.Eq()], [ast.Constant(0)]))
            case ast.UnaryOp(operand=operand) | ast.BinOp(left=operand, op=ast.Div()):
                return self.cut(operand)
            case ast.BinOp(left=base, op=ast.Pow(), right=ast.Constant(value=int(exponent))) if exponent > 0:
                return self.cut(base)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return _either(self.cut(left), self.cut(right))
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
                return _both(self.cut(left), self.cut(right))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                holds, first, second = self._holds(test), self.cut(body), self.cut(orelse)
                if first is True:
                    return _either(holds, second)
                return _either(_both(holds, first), _both(_not(holds), second))
            case ast.Call(func=ast.Name(id=name), args=arguments) if name not in PRIMITIVES:
                row = self._rows[name]
                return self.cut(_Substitute(row.operands, arguments).visit(ast.parse(row.value, mode="eval").body))
        return False

    def _holds(self, test: ast.expr) -> Condition:
        """A comparison; if it reads numbers alone, whether it holds. ``less(x, y) == 1`` is ``x < y``, and with 0 it is ``not x < y``."""
        match test:
            case ast.Compare(ast.Call(ast.Name(id=name), arguments), [ast.Eq()], [ast.Constant(value=0 | 1 as value)]):
                if name in self._rows and self._rows[name].is_comparison:
                    row = self._rows[name]
                    choice = _Substitute(row.operands, arguments).visit(ast.parse(row.value, mode="eval").body)
                    return choice.test if value else _not(choice.test)
        known = {} if self._c is None else {"c": self._c}
        if any(isinstance(part, ast.Name) and part.id not in known for part in ast.walk(test)):
            return test
        expression = ast.fix_missing_locations(ast.Expression(test))  # of a row's text, which was checked when it was made
        return bool(eval(compile(expression, "<row>", "eval"), {"__builtins__": {}, **known}))


class _Substitute(ast.NodeTransformer):
    def __init__(self, names: Iterable[str], trees: Iterable[ast.expr]) -> None:
        self._trees = dict(zip(names, trees, strict=True))

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._trees.get(node.id, node)


def _either(a: Condition, b: Condition) -> Condition:
    if isinstance(a, bool) or isinstance(b, bool):
        return a is True or b is True or (b if a is False else a)
    if ast.unparse(a) == ast.unparse(b):
        return a
    return ast.BoolOp(ast.Or(), [a, b])


def _both(a: Condition, b: Condition) -> Condition:
    if isinstance(a, bool) or isinstance(b, bool):
        return a is not False and b is not False and (b if a is True else a)
    if ast.unparse(a) == ast.unparse(b):
        return a
    if _is_negation(a, b) or _is_negation(b, a):
        return False  # the two sides of one choice
    return ast.BoolOp(ast.And(), [a, b])


def _is_negation(a: ast.expr, b: ast.expr) -> bool:
    return ast.unparse(ast.UnaryOp(ast.Not(), a)) == ast.unparse(b)


def _not(a: Condition) -> Condition:
    return not a if isinstance(a, bool) else ast.UnaryOp(ast.Not(), a)
