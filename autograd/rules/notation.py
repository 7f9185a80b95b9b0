"""How formulas and numbers are written: in plain text, as Python reads it, and in LaTeX.

A text of the table is a tree of operators and calls; a notation turns it into a ``Piece``, a string that knows how tightly it
binds, so that parentheses stand where they are needed and nowhere else.
"""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from autograd.rules.grammar import OPERATORS
from autograd.rules.numbers import Number
from autograd.rules.op import OPS, Op

SUM, SIGN, PRODUCT, POWER, ATOM = range(1, 6)  # how tightly: a sum least, a name most
DIGITS = 6  # that a number is shown with
LONGEST = 10**20  # a numerator or denominator below it is written out
MOST = 16  # factors, terms or arguments that are shown side by side


T = TypeVar("T")


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

    equals, approximately, times, star, plus, adds, leads_to, and_so_on = " = ", " ≈ ", "·", "*", " + ", " += ", " → ", "…"

    def number(self, value: Number) -> Piece:
        """A number with ``DIGITS`` digits; Fractions are exact, unless they are very long. Zero has no sign."""
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
        return text

    def call(self, name: str, arguments: Sequence[Piece], component: str = "") -> Piece:
        """A function of the table, or what a user's operation or a scope is called; of several results the one so named."""
        raise NotImplementedError

    def binary(self, operator: str, left: Piece, right: Piece) -> Piece:
        """A sum, difference, product, quotient or power, by the name of its row."""
        binds = SUM if operator in ("add", "sub") else PRODUCT
        sign = {"add": self.plus, "sub": " - ", "mul": self.star, "div": "/"}[operator]
        text = self.at_least(min(binds, SIGN), left) + sign + self.at_least(max(binds, SIGN) + 1, right)
        begins_with_minus = left.binds == SIGN  # -a*b is no right operand of a sum
        return Piece(text, min(binds, SIGN) if begins_with_minus else binds)

    def in_parentheses(self, text: str) -> str:
        """The text as an operand that binds as tightly as can be."""
        return f"({text})"

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
    def number(self, value: Number) -> Piece:
        shown = str(value) if is_written_out(value) else rounded(value)
        if shown.startswith("-"):
            return Piece(shown, SUM if "/" in shown else SIGN)
        return Piece(shown, PRODUCT if "/" in shown else ATOM)

    def name(self, label: str) -> str:
        return label if re.fullmatch(r"(?!(?:inf|nan)$)[^\W\d]\w*'*(\[\w+(,\w+)*\])?", label) else f"«{label}»"

    def derivative(self, output: str, source: str) -> str:
        return f"d{output}/d{source}"

    def partial_derivative(self, output: str, source: str) -> str:
        return f"∂{output}/∂{source}"

    def adjoint(self, name: str) -> str:
        return f"{name}.grad"

    def tangent(self, name: str) -> str:
        return f"{name}.tangent"

    def call(self, name: str, arguments: Sequence[Piece], component: str = "") -> Piece:
        name = name if re.fullmatch(r"[^\W\d][\w.]*", name) else f"«{name}»"
        which = f"[{component}]" if component else ""
        return Piece(f"{name}{which}({', '.join(self.abridged([each.text for each in arguments]))})")

    def binary(self, operator: str, left: Piece, right: Piece) -> Piece:
        if operator == "power":
            return Piece(f"{self.at_least(ATOM, left)}**{self.at_least(ATOM, right)}", POWER)
        return super().binary(operator, left, right)


class _Latex(Notation):
    approximately, times, star, adds = r" \approx ", r" \cdot ", r" \cdot ", r" \mathrel{+}= "
    leads_to, and_so_on = r" \to ", r"\ldots"

    def number(self, value: Number) -> Piece:
        shown, binds = self._size(abs(value))
        return Piece(f"-{shown}", SIGN) if value < 0 else Piece(shown, binds)

    @staticmethod
    def _size(size: Any) -> tuple[str, int]:
        if is_written_out(size):
            size = Fraction(size)
            if size.denominator == 1:
                return str(size), ATOM
            return rf"\frac{{{size.numerator}}}{{{size.denominator}}}", POWER
        mantissa, _, exponent = rounded(size).partition("e")
        if exponent:
            return rf"{mantissa} \cdot 10^{{{int(exponent)}}}", PRODUCT
        return {"inf": r"\infty", "nan": r"\mathrm{NaN}"}.get(mantissa, mantissa), ATOM

    def name(self, label: str) -> str:
        match = re.fullmatch(
            r"(ŷ|y_?hat|[A-Za-z\u0391-\u03A9\u03B1-\u03C9]+?)(\d*)((?:_[A-Za-z0-9]+)*)('*)(?:\[(\w+(?:,\w+)*)\])?",
            label.translate(_SUBSCRIPTS),
        )
        if match is None:
            return self.prose(label)
        stem, digits, subscripts, primes, indices = match.groups()
        indices = indices or ""
        below = [each for each in [digits * (not indices), *subscripts.split("_"), *indices.split(",")] if each]
        above = rf"^{{({digits})}}" if digits and indices else ""
        return _stem(stem) + primes + above + (f"_{{{','.join(map(escaped, below))}}}" if below else "")

    def derivative(self, output: str, source: str) -> str:
        return rf"\frac{{\mathrm{{d}} {output}}}{{\mathrm{{d}} {source}}}"

    def partial_derivative(self, output: str, source: str) -> str:
        return rf"\frac{{\partial {output}}}{{\partial {source}}}"

    def adjoint(self, name: str) -> str:
        return _accented("bar", name)

    def tangent(self, name: str) -> str:
        return _accented("dot", name)

    def prose(self, text: str, command: str = "text") -> str:
        runs = [_symbols(run) if _SYMBOL.match(run) else rf"\{command}{{{escaped(run)}}}" for run in _SYMBOL.split(text) if run]
        return runs[0] if len(runs) == 1 else f"{{{''.join(runs)}}}"

    def call(self, name: str, arguments: Sequence[Piece], component: str = "") -> Piece:
        template = OPS[name].latex if name in OPS else self.prose(name)
        if "{x}" in template:
            slots = {"{x}": arguments[0].text, "{y}": arguments[-1].text}
            return Piece(re.sub("{[xy]}", lambda slot: slots[slot.group()], template), POWER)
        which = f"_{{{component}}}" if component else ""
        return Piece(rf"{template}{which}\left({', '.join(self.abridged([each.text for each in arguments]))}\right)", POWER)

    def binary(self, operator: str, left: Piece, right: Piece) -> Piece:
        if operator == "power":
            return Piece(f"{{{self.at_least(ATOM, left)}}}^{{{right.text}}}", POWER)
        if operator == "div":
            return Piece(rf"\frac{{{left.text}}}{{{right.text}}}", POWER)
        return super().binary(operator, left, right)

    def in_parentheses(self, text: str) -> str:
        return rf"\left({text}\right)"


TEXT, LATEX = _Text(), _Latex()

_GREEK = re.compile(
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|upsilon|phi|chi|psi|omega|"
    "Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega"
)
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_SYMBOL = re.compile(r"([\\→≈∂·₀-₉\u0391-\u03A9\u03B1-\u03C9]+)")  # what stands in formulas, but not among words


def _symbols(text: str) -> str:
    known = {"\\": r"\backslash ", "→": r"\to ", "≈": r"\approx ", "∂": r"\partial ", "·": r"\cdot "}
    return "".join(known.get(each) or (_greek(each) if each.isalpha() else f"_{each.translate(_SUBSCRIPTS)}") for each in text)


def _stem(letters: str) -> str:
    """The letters of a name: upright if they are several, and Greek ones by their names."""
    if letters in ("ŷ", "yhat", "y_hat"):
        return r"\hat{y}"
    if _GREEK.fullmatch(letters):
        return rf"\{letters}"
    typeset = "".join(each if each.isascii() else _greek(each) for each in letters)
    return typeset.strip() if len(letters) == 1 else rf"\mathrm{{{typeset}}}"


def _accented(accent: str, name: str) -> str:
    """A name with an accent on its letters, before its indices."""
    return re.sub(r"^(\{?\\text\{.*\}|\\[A-Za-z]+(\{[^{}]*\})?|.)", lambda stem: rf"\{accent}{{{stem.group()}}}", name)


def _greek(letter: str) -> str:
    _, size, _, name = unicodedata.name(letter).replace("FINAL ", "").replace("LAMDA", "LAMBDA").lower().split()
    name = name.capitalize() if size == "capital" else name
    return rf"\{name} " if _GREEK.fullmatch(name) else letter  # omicron, and capitals that are as Latin ones


def ends(things: Sequence[T]) -> Sequence[T]:
    """As many from both ends of a long row as decide what ``abridged`` makes of it: the others need not be written."""
    return things if len(things) <= 2 * MOST else [*things[:MOST], *things[-MOST:]]


def is_written_out(value: Number) -> bool:
    """Whether an exact number is shown with all its digits."""
    return isinstance(value, int | Fraction) and abs(value.numerator) < LONGEST and value.denominator < LONGEST


def rounded(value: Number) -> str:
    """A number with ``DIGITS`` digits."""
    if isinstance(value, float):
        return f"{value + 0:.{DIGITS}g}"  # + 0: there is no sign before 0
    exact = Context(prec=DIGITS).divide(Decimal(value.numerator), Decimal(value.denominator))  # it may be beyond the floats
    return f"{exact.normalize():g}"


def escaped(text: str) -> str:
    """The text with the signs that LaTeX reads as commands made harmless, and quoted as it quotes."""
    marks = {"«": "“", "»": "”", "^": r"\^{}", "~": r"\~{}", **{each: "\\" + each for each in "#$%&_{}"}}
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
        test = compile(ast.Expression(node.test), "<row>", "eval")
        chosen = eval(test, {"__builtins__": {}, "c": self._c})  # of a row's text, on c alone
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
