"""A formula as a tree, before a notation writes it.

A text of the table becomes such a tree, with the names or numbers of a graph in place of its operands.

>>> from autograd.ops import MUL, TANH
>>> operation(TANH, [operation(MUL, [Name("w"), Numeral(2)])])
Call(function='tanh', arguments=(Binary(operator='mul', left=Name(label='w'), right=Numeral(value=2, digits=None)),), component=None)
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias, TypeVar

from autograd.rules.grammar import OPERATORS
from autograd.rules.numbers import Number
from autograd.rules.op import OPS, Op

MAX_SIDE_BY_SIDE = 16  # factors, terms, arguments or names

S = TypeVar("S")
T = TypeVar("T")


class Name(NamedTuple):
    """A node, by its label."""

    label: str


class Numeral(NamedTuple):
    """A number, shown with so many digits: None for the usual ones, 0 for a number that is shown as 0."""

    value: Number
    digits: int | None = None


class Negative(NamedTuple):
    """``-operand``."""

    operand: Formula


class Binary(NamedTuple):
    """A sum, difference, product, quotient or power of two operands; ``operator`` is the name of its row."""

    operator: str
    left: Formula
    right: Formula


class Comparison(NamedTuple):
    """Iverson's bracket, which is 1 where the comparison holds and else 0; ``sign`` is Python's."""

    sign: str
    left: Formula
    right: Formula


class Call(NamedTuple):
    """A row of the table, a closure or a folded scope, applied; ``component`` names one result of several."""

    function: str
    arguments: Sequence[Formula]
    component: Formula | None = None


class Product(NamedTuple):
    """The factors of a path, side by side."""

    factors: Sequence[Formula]


class Sum(NamedTuple):
    """The contributions of paths, side by side."""

    terms: Sequence[Formula]


class Route(NamedTuple):
    """Nodes in the order of a path."""

    nodes: Sequence[Formula]


class Derivative(NamedTuple):
    """The total derivative of a node with respect to another, over all paths: with a straight d."""

    output: Formula
    source: Formula


class PartialDerivative(NamedTuple):
    """The local derivative of a node with respect to one of its inputs, the others held fixed: with a round ∂.

    ``operand`` says with respect to which operand, where the node reads the same input several times; else it is 0.
    """

    node: Formula
    source: Formula
    operand: int = 0


class Adjoint(NamedTuple):
    """The gradient that a node has collected."""

    node: Formula


class Tangent(NamedTuple):
    """The rate at which a node changes with the source."""

    node: Formula


class Elision(NamedTuple):
    """The … in the middle of a long row."""


Formula: TypeAlias = (
    Name
    | Numeral
    | Negative
    | Binary
    | Comparison
    | Call
    | Product
    | Sum
    | Route
    | Derivative
    | PartialDerivative
    | Adjoint
    | Tangent
    | Elision
)


def numerals_in(formula: Formula | Sequence[Formula]) -> Iterator[Numeral]:
    """Yield the numbers that stand in a formula, with their digits."""
    if isinstance(formula, Numeral):
        yield formula
    else:
        for part in formula:
            if isinstance(part, tuple | list):
                yield from numerals_in(part)


def numbers_in(formula: Formula) -> Iterator[Number]:
    """Yield the numbers that stand in a formula.

    >>> list(numbers_in(Binary("add", Product([Numeral(2), Name("x")]), Numeral(3))))
    [2, 3]
    """
    return (numeral.value for numeral in numerals_in(formula))


def replaced(formula: Formula, change: Callable[[Formula], Formula | None]) -> Formula:
    """Return the formula with another for each part for which ``change`` returns one.

    >>> replaced(Product([Numeral(2), Name("x")]), lambda part: Numeral(3) if part == Name("x") else None)
    Product(factors=[Numeral(value=2, digits=None), Numeral(value=3, digits=None)])
    """
    if (other := change(formula)) is not None:
        return other
    return type(formula)(*(_part_replaced(part, change) for part in formula))


def _part_replaced(part: Any, change: Callable[[Formula], Formula | None]) -> Any:
    if hasattr(part, "_fields"):
        return replaced(part, change)
    return [replaced(formula, change) for formula in part] if isinstance(part, tuple | list) else part


def elide_middle(items: Sequence[T], write: Callable[[T], S], elision: S) -> list[S]:
    """Return what ``write`` makes of each item; of more than ``MAX_SIDE_BY_SIDE`` items only of the first and the last.

    >>> "".join(elide_middle("abcdefghijklmnopqrstuvwxyz", str.upper, "..."))
    'ABCDEFGH...STUVWXYZ'
    """
    if len(items) <= MAX_SIDE_BY_SIDE:
        return [write(item) for item in items]
    half = MAX_SIDE_BY_SIDE // 2
    return [*map(write, items[:half]), elision, *map(write, items[-half:])]


def side_by_side(items: Sequence[T], write: Callable[[T], Formula]) -> list[Formula]:
    """Return formulas side by side, likewise."""
    return elide_middle(items, write, Elision())


# --- texts of the table -------------------------------------------------------------------------------------------------


def operation(op: Op, operands: Sequence[Formula]) -> Formula:
    """Return what the learner wrote: an operator or a comparison if the row is one, the operand if it is the identity, else a call.

    [c] y is a product.

    >>> from autograd.ops import LESS, UNLESS
    >>> operation(UNLESS, [operation(LESS, [Numeral(0), Name("x")]), Name("y")])
    Binary(operator='mul', left=Comparison(sign='<=', left=Name(label='x'), right=Numeral(value=0, digits=None)), right=Name(label='y'))
    """
    tree = _parsed(op.value)
    if isinstance(tree, ast.Name) and op.constant_partials == (1,):
        return operands[0]
    arguments = [*operands, *([] if op.c is None else [Numeral(op.c)])]
    is_operator = isinstance(tree, ast.BinOp | ast.UnaryOp)
    if is_operator and not any(isinstance(part, ast.Call | ast.Constant) for part in ast.walk(tree)):
        return _negated(_substituted(tree, dict(zip((*op.operands, "c"), arguments, strict=False))))
    return _bracket(op, operands) or Call(op.name, tuple(arguments))


def partial(op: Op, slot: int, operands: Sequence[Formula], out: Formula) -> Formula:
    """Return a local derivative in symbols: the row's text, with its constant put in.

    >>> from autograd.ops import POW
    >>> partial(POW.at(2), 0, [Name("x")], Name("y"))
    Binary(operator='mul', left=Numeral(value=2, digits=None), right=Name(label='x'))
    """
    return _substituted(_simplified(op, slot), {**dict(zip(op.operands, operands, strict=True)), "out": out})


def _substituted(tree: ast.expr, formulas: Mapping[str, Formula]) -> Formula:
    """A text of the table with formulas in place of its names."""
    match tree:
        case ast.Name(id=name):
            return formulas.get(name, Name(name))
        case ast.Constant(value=value):
            return Numeral(value)  # type: ignore[arg-type]
        case ast.UnaryOp(operand=operand):
            return Negative(_substituted(operand, formulas))
        case ast.BinOp(left=left, op=operator, right=right):
            return Binary(OPERATORS[type(operator)], _substituted(left, formulas), _substituted(right, formulas))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            written = [_substituted(argument, formulas) for argument in arguments]
            if bracket := _bracket(OPS[name], written):
                return bracket
            match _parsed(OPS[name].value):
                case ast.IfExp(test=ast.Compare(ops=[ast.Eq()])) as formula:  # everywhere but at some points
                    return _substituted(formula, dict(zip(OPS[name].operands, written, strict=True)))
            return Call(name, tuple(written))
        case ast.IfExp(test=ast.Compare(ops=[ast.Eq()]), orelse=general):
            return _substituted(general, formulas)
    raise TypeError(f"a value with a choice is written by its name, not as {ast.unparse(tree)!r}")


NEGATION = {"<": ">=", ">=": "<", "<=": ">", ">": "<=", "==": "!=", "!=": "=="}
MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}


def _bracket(op: Op, operands: Sequence[Formula]) -> Formula | None:
    """A comparison, a number on its right; or the product of a condition and what it keeps. None for any other row."""
    match _parsed(op.value):
        case _ if op.is_comparison:
            left, right = operands
            mirrored = isinstance(left, Numeral) and not isinstance(right, Numeral)
            return Comparison(MIRRORED[op.symbol], right, left) if mirrored else Comparison(op.symbol, left, right)
        case ast.IfExp(body=ast.Constant(0), orelse=ast.BinOp(left=condition, op=ast.Mult(), right=ast.Name("y"))):
            formulas = dict(zip(op.operands, operands, strict=True))
            factor, kept = _negated(_substituted(condition, formulas)), formulas["y"]
            return factor if kept == Numeral(1) else Binary("mul", factor, kept)
    return None


def _negated(formula: Formula) -> Formula:
    """1 - [a < b] as [a >= b]; any other formula as it is."""
    match formula:
        case Binary("sub", Numeral(1), Comparison(sign, left, right)):
            return Comparison(NEGATION[sign], left, right)
    return formula


@lru_cache(maxsize=1024)
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@lru_cache(maxsize=1024)
def _simplified(op: Op, slot: int) -> ast.expr:
    """A partial with the constant of its family put in and then simplified: 3 * x ** 2."""
    tree = ast.parse(op.partials[slot], mode="eval").body
    return tree if op.c is None else _Simplify(op.c).visit(tree)


class _Simplify(ast.NodeTransformer):
    def __init__(self, c: Any) -> None:
        self._c = c

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(self._c) if node.id == "c" else node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        test = compile(ast.Expression(node.test), "<row>", "eval")
        chosen = eval(test, {"__builtins__": {}, "c": self._c})  # a row's text, which reads c alone
        return self.visit(node.body if chosen else node.orelse)  # type: ignore[no-any-return]

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.BinOp(left=ast.Constant(value=a), right=ast.Constant(value=b), op=ast.Add() | ast.Sub() | ast.Mult()):
                computed = {ast.Add: a + b, ast.Sub: a - b, ast.Mult: a * b}  # type: ignore[operator]
                return ast.Constant(computed[type(node.op)])
            case ast.BinOp(left=base, right=ast.Constant(value=1), op=ast.Pow() | ast.Mult()):
                return base
            case ast.BinOp(right=ast.Constant(value=0), op=ast.Pow()):
                return ast.Constant(1)
            case ast.BinOp(left=ast.Constant(value=1), right=factor, op=ast.Mult()):
                return factor
        return node
