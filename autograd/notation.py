"""How formulas and numbers are written: in plain text, as Python reads it, and in LaTeX.

A text of the table is a tree of operators and calls; a notation turns it into a ``Piece``, a string that knows how tightly it
binds, so that parentheses stand where they are needed and nowhere else.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from autograd.language import OPERATORS
from autograd.number import Number
from autograd.row import OPS, Op

SUM, SIGN, PRODUCT, POWER, ATOM = range(1, 6)  # how tightly: a sum least, a name most
DIGITS = 6  # that a number is shown with
MOST = 16  # factors or terms that are shown side by side


class Piece(NamedTuple):
    """A written expression, and how tightly its outermost operation binds."""

    text: str
    binds: int = ATOM


class Notation:
    """A way to write expressions; ``TEXT`` and ``LATEX`` are the two.

    >>> TEXT.operation(OPS["mul"], [Piece("a + b", SUM), Piece("c")]).text
    '(a + b)*c'
    >>> LATEX.operation(OPS["tanh"], [Piece("x")]).text
    '\\\\tanh\\\\left(x\\\\right)'
    """

    equals, approximately, times, plus, adds, leads_to, and_so_on = " = ", " ≈ ", "·", " + ", " += ", " → ", "…"

    def number(self, value: Number) -> Piece:
        """A number with ``DIGITS`` digits; Fractions are exact."""
        raise NotImplementedError

    def name(self, label: str) -> str:
        """A label as a name."""
        raise NotImplementedError

    def derivative(self, output: str, source: str) -> str:
        """The (total) derivative of one name in another, over all paths."""
        raise NotImplementedError

    def partial_derivative(self, output: str, source: str) -> str:
        """The local derivative of a step in one of its inputs, the others held fixed."""
        raise NotImplementedError

    def adjoint(self, name: str) -> str:
        """The gradient that a node has collected."""
        raise NotImplementedError

    def tangent(self, name: str) -> str:
        """The rate at which a node changes with the source."""
        raise NotImplementedError

    def prose(self, text: str) -> str:
        """Words between formulas."""
        raise NotImplementedError

    def call(self, name: str, arguments: Sequence[Piece]) -> Piece:
        """A function of the table, or what a user's operation or a scope is called."""
        raise NotImplementedError

    def binary(self, operator: str, left: Piece, right: Piece) -> Piece:
        """A sum, difference, product, quotient or power, by the name of its row."""
        raise NotImplementedError

    def in_parentheses(self, text: str) -> str:
        """The text as an operand that binds as tightly as can be."""
        raise NotImplementedError

    def at_least(self, binds: int, piece: Piece) -> str:
        """The piece as an operand where only what binds so tightly may stand without parentheses."""
        return piece.text if piece.binds >= binds else self.in_parentheses(piece.text)

    def operation(self, op: Op, operands: Sequence[Piece]) -> Piece:
        """What the learner wrote: an operator where the row is one, else a call by name."""
        tree = _parsed(op.value)
        pieces = [*operands, *([] if op.c is None else [self.number(op.c)])]
        if isinstance(tree, ast.BinOp | ast.UnaryOp) and not any(
            isinstance(each, ast.Call | ast.Constant) for each in ast.walk(tree)
        ):
            return self.expression(tree, dict(zip((*op.operands, "c"), pieces, strict=False)))
        return self.call(op.name, pieces)

    def expression(self, tree: ast.expr, names: Mapping[str, Piece]) -> Piece:
        """A text of the table with names for its operands."""
        match tree:
            case ast.Name(id=name):
                return names[name] if name in names else Piece(self.name(name))
            case ast.Constant(value=value):
                return self.number(value)  # type: ignore[arg-type]
            case ast.UnaryOp(operand=operand):
                return Piece("-" + self.at_least(POWER, self.expression(operand, names)), SIGN)
            case ast.BinOp(left=left, op=operator, right=right):
                return self.binary(OPERATORS[type(operator)], self.expression(left, names), self.expression(right, names))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                pieces = [self.expression(each, names) for each in arguments]
                match _parsed(OPS[name].value):
                    case ast.IfExp(test=ast.Compare(ops=[ast.Eq()]), orelse=general):  # but for one point it is a formula
                        return self.expression(general, dict(zip(OPS[name].operands, pieces, strict=True)))
                return self.call(name, pieces)
        raise TypeError(f"a value with a choice is written by its name, not as {ast.unparse(tree)!r}")

    def partial(self, op: Op, index: int, operands: Sequence[Piece], out: Piece) -> Piece:
        """A local derivative in symbols: the row's text, with its constant put in."""
        return self.expression(_simplified(op, index), {**dict(zip(op.operands, operands, strict=True)), "out": out})

    def product(self, factors: Sequence[Piece]) -> str:
        """Factors side by side; of very many the first and the last."""
        first = PRODUCT if len(factors) > 1 else SUM
        return self.times.join(
            self.abridged([self.at_least(PRODUCT + 1 if k else first, each) for k, each in enumerate(factors)])
        )

    def sum(self, terms: Sequence[Piece]) -> str:
        """Terms side by side; of very many the first and the last."""
        return self.plus.join(self.abridged([self.at_least(PRODUCT if k else SUM, each) for k, each in enumerate(terms)]))

    def route(self, names: Sequence[str]) -> str:
        """Nodes in the order of a path."""
        return self.leads_to.join(self.abridged(names))

    def abridged(self, parts: Sequence[str]) -> Sequence[str]:
        """The parts, or where there are more than ``MOST`` the first and the last of them."""
        return parts if len(parts) <= MOST else [*parts[: MOST // 2], self.and_so_on, *parts[-MOST // 2 :]]


class _Text(Notation):
    _SIGNS: Mapping[str, tuple[str, int]] = {
        "add": (" + ", SUM),
        "sub": (" - ", SUM),
        "mul": ("*", PRODUCT),
        "div": ("/", PRODUCT),
    }

    def number(self, value: Number) -> Piece:
        shown = str(value) if isinstance(value, int | Fraction) else f"{value:.{DIGITS}g}"
        return Piece(shown, SIGN if shown.startswith("-") else PRODUCT if "/" in shown else ATOM)

    def name(self, label: str) -> str:
        return label if re.fullmatch(r"[^\W\d]\w*'*(\[\w+(,\w+)*\])?", label) else f"«{label}»"

    def derivative(self, output: str, source: str) -> str:
        return f"d{output}/d{source}"

    def partial_derivative(self, output: str, source: str) -> str:
        return f"∂{output}/∂{source}"

    def adjoint(self, name: str) -> str:
        return f"{name}.grad"

    def tangent(self, name: str) -> str:
        return f"{name}.tangent"

    def prose(self, text: str) -> str:
        return text

    def call(self, name: str, arguments: Sequence[Piece]) -> Piece:
        return Piece(f"{name}({', '.join(each.text for each in arguments)})")

    def binary(self, operator: str, left: Piece, right: Piece) -> Piece:
        if operator == "power":
            return Piece(f"{self.at_least(ATOM, left)}**{self.at_least(ATOM, right)}", POWER)
        sign, binds = self._SIGNS[operator]
        text = self.at_least(min(binds, SIGN), left) + sign + self.at_least(max(binds, SIGN) + 1, right)
        return Piece(text, min(binds, left.binds))  # -a*b begins with its minus, and is no right operand of a sum

    def in_parentheses(self, text: str) -> str:
        return f"({text})"


class _Latex(Notation):
    approximately, times, adds, leads_to = r" \approx ", r" \cdot ", r" \mathrel{+}= ", r" \to "
    and_so_on = r"\cdots"

    _SIGNS: Mapping[str, tuple[str, int]] = {"add": (" + ", SUM), "sub": (" - ", SUM), "mul": (r" \cdot ", PRODUCT)}

    def number(self, value: Number) -> Piece:
        sign, size = ("-", -value) if value < 0 or (value == 0 and str(value).startswith("-")) else ("", value)
        shown, binds = self._size(size)
        return Piece(sign + shown, SIGN if sign else binds)

    @staticmethod
    def _size(size: Number) -> tuple[str, int]:
        if isinstance(size, Fraction) and size.denominator != 1:
            return rf"\frac{{{size.numerator}}}{{{size.denominator}}}", POWER
        if isinstance(size, int | Fraction):
            return str(size), ATOM
        if not math.isfinite(size):
            return (r"\infty", ATOM) if math.isinf(size) else (r"\mathrm{NaN}", ATOM)
        mantissa, _, exponent = f"{size:.{DIGITS}g}".partition("e")
        return (rf"{mantissa} \cdot 10^{{{int(exponent)}}}", PRODUCT) if exponent else (mantissa, ATOM)

    def name(self, label: str) -> str:
        match = re.fullmatch(r"([A-Za-z]+?)(\d*)((?:_[A-Za-z0-9]+)*)('*)(?:\[(\w+(?:,\w+)*)\])?", label)
        if match is None:
            return rf"\text{{{escaped(label)}}}"
        stem, digits, subscripts, primes, indices = match.groups()
        base = rf"\{stem}" if stem in _GREEK else stem if len(stem) == 1 else rf"\mathrm{{{stem}}}"
        below = [
            each
            for each in [*([digits] if digits and not indices else []), *subscripts.split("_"), *(indices or "").split(",")]
            if each
        ]
        above = rf"^{{({digits})}}" if digits and indices else ""
        return base + primes + above + (f"_{{{','.join(map(escaped, below))}}}" if below else "")

    def derivative(self, output: str, source: str) -> str:
        return rf"\frac{{\mathrm{{d}} {output}}}{{\mathrm{{d}} {source}}}"

    def partial_derivative(self, output: str, source: str) -> str:
        return rf"\frac{{\partial {output}}}{{\partial {source}}}"

    def adjoint(self, name: str) -> str:
        return rf"\bar{{{name}}}"

    def tangent(self, name: str) -> str:
        return rf"\dot{{{name}}}"

    def prose(self, text: str) -> str:
        return rf"\text{{{escaped(text)}}}"

    def call(self, name: str, arguments: Sequence[Piece]) -> Piece:
        template = OPS[name].latex if name in OPS else self.prose(name)
        if "{x}" in template:
            for slot, each in zip(("{x}", "{y}"), arguments, strict=False):
                template = template.replace(slot, each.text)
            return Piece(template, POWER)
        return Piece(rf"{template}\left({', '.join(each.text for each in arguments)}\right)", POWER)

    def binary(self, operator: str, left: Piece, right: Piece) -> Piece:
        if operator == "power":
            return Piece(f"{{{self.at_least(ATOM, left)}}}^{{{right.text}}}", POWER)
        if operator == "div":
            return Piece(rf"\frac{{{left.text}}}{{{right.text}}}", POWER)
        sign, binds = self._SIGNS[operator]
        text = self.at_least(min(binds, SIGN), left) + sign + self.at_least(max(binds, SIGN) + 1, right)
        return Piece(text, min(binds, left.binds))  # -a*b begins with its minus, and is no right operand of a sum

    def in_parentheses(self, text: str) -> str:
        return rf"\left({text}\right)"


TEXT, LATEX = _Text(), _Latex()

_GREEK = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "pi",
        "rho",
        "sigma",
        "tau",
        "upsilon",
        "phi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Xi",
        "Pi",
        "Sigma",
        "Upsilon",
        "Phi",
        "Psi",
        "Omega",
    ]
)


def escaped(text: str) -> str:
    """The text with the signs that LaTeX reads as commands made harmless."""
    marks = {"\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}", **{each: "\\" + each for each in "#$%&_{}"}}
    return "".join(marks.get(each, each) for each in text)


# --- texts of the table --------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@lru_cache(maxsize=1024)
def _simplified(op: Op, index: int) -> ast.expr:
    """A partial with the constant of its family put in, and what can be computed then computed: 3 * x ** 2."""
    tree = ast.parse(op.partials[index], mode="eval").body
    return tree if op.c is None else _Simplify(op.c).visit(tree)


class _Simplify(ast.NodeTransformer):
    def __init__(self, c: Any) -> None:
        self._c = c

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(self._c) if node.id == "c" else node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        test = ast.fix_missing_locations(ast.Expression(self.visit(node.test)))
        chosen = eval(compile(test, "<row>", "eval"), {"__builtins__": {}})  # of a row's text, on c alone
        return self.visit(node.body if chosen else node.orelse)  # type: ignore[no-any-return]

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.BinOp(left=ast.Constant(value=a), right=ast.Constant(value=b), op=ast.Add() | ast.Sub() | ast.Mult()):
                computed = {ast.Add: a + b, ast.Sub: a - b, ast.Mult: a * b}  # type: ignore[operator]
                return ast.Constant(computed[type(node.op)])
            case ast.BinOp(left=base, right=ast.Constant(value=1), op=ast.Pow()):
                return base
            case ast.BinOp(right=ast.Constant(value=0), op=ast.Pow()):
                return ast.Constant(1)
            case ast.BinOp(left=ast.Constant(value=1), right=factor, op=ast.Mult()):
                return factor
            case ast.BinOp(left=factor, right=ast.Constant(value=1), op=ast.Mult()):
                return factor
        return node
