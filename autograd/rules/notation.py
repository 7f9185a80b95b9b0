"""How formulas and numbers are written: in plain text, as Python reads it, and in LaTeX.

A notation writes a tree as a ``Piece``, which knows how tightly its outermost operation binds: so parentheses stand where they
are needed and nowhere else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from typing import ClassVar, NamedTuple

from autograd.rules.formula_tree import (
    NEGATION,
    Adjoint,
    Binary,
    Call,
    Comparison,
    Derivative,
    Elision,
    Formula,
    Name,
    Negative,
    Numeral,
    PartialDerivative,
    Product,
    Route,
    Sum,
    Tangent,
)
from autograd.rules.numbers import Number
from autograd.rules.op import OPS
from autograd.text import short_repr

SUM, SIGN, PRODUCT, POWER, ATOM = range(1, 6)  # precedence: a sum binds least, a name most
NUM_DIGITS = 6  # that a number is shown with
MAX_WRITTEN_INT = 10**20  # a numerator or denominator below it is written out


class Piece(NamedTuple):
    """A written formula: its text, its precedence, and where a line may be broken, before its outermost signs."""

    text: str
    precedence: int = ATOM
    breaks: Sequence[int] = ()


class Notation:
    r"""A way to write formulas; ``TEXT`` and ``LATEX`` are two, ``MATHML`` a third.

    A notation states its signs, its templates, in which ``{}`` stands for what they hold, and the methods without a body here.

    >>> a, b, c = map(Name, "abc")
    >>> TEXT.write(Binary("mul", Binary("add", a, b), c))
    '(a + b)*c'
    >>> print(LATEX.write(Binary("div", Call("tanh", [a]), PartialDerivative(b, c))))
    \frac{\tanh\left(a\right)}{\frac{\partial b}{\partial c}}
    """

    relations: ClassVar[Mapping[str, str]]  # by =, ≈ and +=
    operators: ClassVar[Mapping[str, str]]  # by the names of their rows
    comparisons: ClassVar[Mapping[str, str]]  # by Python's signs
    times: str  # between the factors of a path
    comma: str
    leads_to: str  # between the nodes of a path
    and_so_on: str
    indent: str

    integer: str
    scientific: str  # 1.5·10^-7
    infinity: str
    nan: str
    negative: str
    parentheses: str
    brackets: str
    power: str
    fraction: str
    derivative: str  # the total one: output, source
    partial_derivative: str
    operand_derivative: str  # with respect to an operand by its number: number, node
    adjoint: str
    tangent: str
    least_exponent = SUM  # an exponent that stands above the line needs no parentheses

    def name(self, label: str, accent: str = "{}") -> str:
        """Return a label as a name; ``accent`` is a template around its letters."""
        raise NotImplementedError

    def prose(self, words: str, bold: bool = False) -> str:
        """Return words that stand between formulas."""
        raise NotImplementedError

    def subscript(self, number: int) -> str:
        """Return a number that stands below the line."""
        return str(number)

    def call(self, function: str, arguments: Sequence[str], component: str) -> Piece:
        """Return a call of a row of the table, of a closure or of a folded scope; ``component`` says which of its results."""
        raise NotImplementedError

    def width(self, text: str) -> int:
        """Return about how many characters wide a written formula is."""
        raise NotImplementedError

    def number(self, value: Number, digits: int | None = None) -> Piece:
        """Return a number with so many digits, ``NUM_DIGITS`` by default; Fractions are exact, unless they are very long.

        Zero has no sign, and a number with 0 digits is zero.
        """
        if digits == 0:
            return self.number(0)
        if value < 0:
            return Piece(self.negative.format(self.number(-value, digits).text), SIGN)
        if is_written_out(value):
            numerator, denominator = (self.integer.format(part) for part in Fraction(value).as_integer_ratio())
            if Fraction(value).denominator == 1:
                return Piece(numerator)
            return Piece(self.fraction.format(numerator, denominator), POWER)
        mantissa, _, exponent = rounded(value, digits).partition("e")
        if exponent:
            written = self.integer.format(mantissa), self.number(int(exponent)).text
            return Piece(self.scientific.format(*written), PRODUCT)
        return Piece({"inf": self.infinity, "nan": self.nan}.get(mantissa) or self.integer.format(mantissa))

    def write(self, formula: Formula) -> str:
        """Return the formula as a string."""
        return self.piece(formula).text

    def piece(self, formula: Formula) -> Piece:
        """Return the formula with its precedence and its breaks, as a part of a larger one."""
        match formula:
            case Name(label):
                return Piece(self.name(label))
            case Numeral(value, digits):
                return self.number(value, digits)
            case Negative(operand):
                return Piece(self.negative.format(self.operand(self.piece(operand), POWER)), SIGN)
            case Binary("power", base, exponent):
                written = self.operand(self.piece(base), ATOM), self.operand(self.piece(exponent), self.least_exponent)
                return Piece(self.power.format(*written), POWER)
            case Binary("div", numerator, denominator) if self.fraction:
                return Piece(self.fraction.format(self.write(numerator), self.write(denominator)), POWER)
            case Binary(operator, left, right):
                return self._binary(operator, self.piece(left), self.piece(right))
            case Comparison(sign, left, right):
                return Piece(self.brackets.format(self.write(left) + self.comparisons[sign] + self.write(right)))
            case Call(function, arguments, component):
                return self.call(function, list(map(self.write, arguments)), self.write(component) if component else "")
            case Product([factor]) | Sum([factor]):
                return self.piece(factor)
            case Product([first, *rest]):
                factors = [self.operand(self.piece(first), PRODUCT)]
                factors += [self.operand(self.piece(factor), PRODUCT + 1) for factor in rest]
                return _chain(self.times, factors, PRODUCT)
            case Sum([first, *rest]):
                terms = [self.write(first), *(self.operand(self.piece(term), PRODUCT) for term in rest)]
                return _chain(self.operators["add"], terms, SUM)
            case Route(nodes):
                return _chain(self.leads_to, map(self.write, nodes), SUM)
            case Derivative(output, source):
                return Piece(self.derivative.format(self.write(output), self.write(source)))
            case PartialDerivative(node, source, operand):
                return Piece(self.local_derivative(self.write(node), self.write(source), operand))
            case Adjoint(node):
                return Piece(self._accented(self.adjoint, node))
            case Tangent(node):
                return Piece(self._accented(self.tangent, node))
            case Elision():
                return Piece(self.and_so_on)
        raise TypeError(f"a formula is made of the classes of formula_tree, but got {short_repr(formula)}")

    def local_derivative(self, node: str, source: str, operand: int = 0) -> str:
        """Return how the local derivative of a node is written: by the input, or if that says too little by the operand's number."""
        if operand:
            return self.operand_derivative.format(self.subscript(operand), node)
        return self.partial_derivative.format(node, source)

    def operand(self, piece: Piece, at_least: int) -> str:
        """Return the text of a piece, in parentheses if it binds less tightly than ``at_least``."""
        return piece.text if piece.precedence >= at_least else self.parentheses.format(piece.text)

    def _binary(self, operator: str, left: Piece, right: Piece) -> Piece:
        outermost = SUM if operator in ("add", "sub") else PRODUCT
        left_text = self.operand(left, min(outermost, SIGN))
        text = left_text + self.operators[operator] + self.operand(right, max(outermost, SIGN) + 1)
        breaks = left.breaks if (left.precedence == SUM) is (outermost == SUM) else ()  # those of signs of the same kind
        breaks = breaks if operator == "div" else (*breaks, len(left_text))
        begins_with_minus = left.precedence == SIGN  # -a*b is no right operand of a sum
        return Piece(text, min(outermost, SIGN) if begins_with_minus else outermost, breaks)

    def _accented(self, accent: str, node: Formula) -> str:
        return self.name(node.label, accent) if isinstance(node, Name) else accent.format(self.write(node))


def _chain(sign: str, parts: Iterable[str], precedence: int) -> Piece:
    """The parts with a sign between any two, before which a line may be broken."""
    text, breaks = "", []
    for number, part in enumerate(parts):
        if number:
            breaks.append(len(text))
            text += sign
        text += part
    return Piece(text, precedence, breaks)


class _Text(Notation):
    relations: ClassVar[Mapping[str, str]] = {"=": " = ", "≈": " ≈ ", "+=": " += "}
    operators: ClassVar[Mapping[str, str]] = {"add": " + ", "sub": " - ", "mul": "*", "div": "/"}
    comparisons: ClassVar[Mapping[str, str]] = {sign: f" {sign} " for sign in NEGATION}
    times, comma, leads_to, and_so_on, indent = "·", ", ", " → ", "…", "  "

    negative, parentheses, brackets, power, fraction = "-{}", "({})", "[{}]", "{}**{}", ""
    derivative, partial_derivative, operand_derivative = "d{}/d{}", "∂{}/∂{}", "∂{}{}"
    adjoint, tangent = "{}.grad", "{}.tangent"
    least_exponent = ATOM

    def number(self, value: Number, digits: int | None = None) -> Piece:
        shown = "0" if digits == 0 else str(value) if is_written_out(value) else rounded(value, digits)
        if shown.startswith("-"):
            return Piece(shown, SUM if "/" in shown else SIGN)
        return Piece(shown, PRODUCT if "/" in shown else ATOM)

    def subscript(self, number: int) -> str:
        return str(number).translate(_AS_SUBSCRIPTS)

    def name(self, label: str, accent: str = "{}") -> str:
        plain = re.fullmatch(r"(?!(?:inf|nan)$)[^\W\d]\w*'*(\[\w+(,\w+)*\])?", label)
        return accent.format(label if plain else f"«{label}»")

    def prose(self, words: str, bold: bool = False) -> str:
        return words

    def call(self, function: str, arguments: Sequence[str], component: str) -> Piece:
        name = function if re.fullmatch(r"[^\W\d][\w.]*", function) else f"«{function}»"
        which = f"[{component}]" if component else ""
        return Piece(f"{name}{which}({self.comma.join(arguments)})")

    def width(self, text: str) -> int:
        return len(text)


class _Latex(Notation):
    relations: ClassVar[Mapping[str, str]] = {"=": " = ", "≈": r" \approx ", "+=": r" \mathrel{+}= "}
    operators: ClassVar[Mapping[str, str]] = {"add": " + ", "sub": " - ", "mul": r" \cdot "}
    comparisons: ClassVar[Mapping[str, str]] = {
        "<": " < ",
        "<=": r" \le ",
        "==": " = ",
        "!=": r" \ne ",
        ">=": r" \ge ",
        ">": " > ",
    }
    times, comma, leads_to, and_so_on, indent = r" \cdot ", ", ", r" \to ", r"\ldots", r"\quad "

    integer, scientific, infinity, nan = "{}", r"{} \cdot 10^{{{}}}", r"\infty", r"\mathrm{NaN}"
    brackets = r"\left[{}\right]"
    negative, parentheses, power, fraction = "-{}", r"\left({}\right)", "{{{}}}^{{{}}}", r"\frac{{{}}}{{{}}}"
    derivative = r"\frac{{\mathrm{{d}} {}}}{{\mathrm{{d}} {}}}"
    partial_derivative, operand_derivative = r"\frac{{\partial {}}}{{\partial {}}}", r"\partial_{{{}}} {}"
    adjoint, tangent = r"\bar{{{}}}", r"\dot{{{}}}"

    def name(self, label: str, accent: str = "{}") -> str:
        name = indexed(label)
        if name is None:
            return accent.format(self.prose(label))
        above = rf"^{{({name.layer})}}" if name.layer else ""
        below = f"_{{{','.join(map(escaped, name.indices))}}}" if name.indices else ""
        return accent.format(_stem(name.stem)) + name.primes + above + below

    def prose(self, words: str, bold: bool = False) -> str:
        command = "textbf" if bold else "text"
        runs = [
            _symbols(run) if _SYMBOL.match(run) else rf"\{command}{{{escaped(run)}}}" for run in _SYMBOL.split(words) if run
        ]
        return runs[0] if len(runs) == 1 else f"{{{''.join(runs)}}}"

    def call(self, function: str, arguments: Sequence[str], component: str) -> Piece:
        template = OPS[function].latex if function in OPS else self.prose(function)
        if "{x}" in template:
            slots = {"{x}": arguments[0], "{y}": arguments[-1]}
            return Piece(re.sub("{[xy]}", lambda slot: slots[slot.group()], template), POWER)
        which = f"_{{{component}}}" if component else ""
        return Piece(template + which + self.parentheses.format(self.comma.join(arguments)), POWER)

    def width(self, text: str) -> int:
        return len(re.sub(r"\\[A-Za-z]+|[\\{}_^& ]", "", text))  # both parts of a fraction count, which makes up for its ∂


TEXT, LATEX = _Text(), _Latex()


# --- labels -------------------------------------------------------------------------------------------------------------


class Indexed(NamedTuple):
    """A label as mathematics reads it: ``w1[2,3]`` is w with the indices 2 and 3, of layer 1."""

    stem: str
    primes: str
    layer: str
    indices: Sequence[str]


def indexed(label: str) -> Indexed | None:
    """Return the parts of a label, or None if it is not letters with indices.

    >>> indexed("w1[2,3]"), indexed("y_hat"), indexed("my value")
    (Indexed(stem='w', primes='', layer='1', indices=['2', '3']), Indexed(stem='y_hat', primes='', layer='', indices=[]), None)
    """
    match = _INDEXED.fullmatch(label.translate(_SUBSCRIPTS))
    if match is None:
        return None
    stem, digits, subscripts, primes, inside = match.groups()
    indices = [*subscripts.split("_"), *inside.split(",")] if inside else [digits, *subscripts.split("_")]
    return Indexed(stem, primes, digits if inside else "", [index for index in indices if index])


HATTED = ("ŷ", "yhat", "y_hat")
_INDEXED = re.compile(r"(ŷ|y_?hat|[A-Za-z\u0391-\u03A9\u03B1-\u03C9]+?)(\d*)((?:_[A-Za-z0-9]+)*)('*)(?:\[(\w+(?:,\w+)*)\])?")
_GREEK_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega "
    "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
GREEK = dict(zip(_GREEK_NAMES.split(), "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ", strict=True))  # the others are as Latin letters
_COMMANDS = {letter: rf"\{name} " for name, letter in GREEK.items()} | {"ς": r"\sigma "}
_COMMANDS |= {"\\": r"\backslash ", "→": r"\to ", "≈": r"\approx ", "∂": r"\partial ", "·": r"\cdot ", "<": "<", ">": ">"}
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_AS_SUBSCRIPTS = {digit: sign for sign, digit in _SUBSCRIPTS.items()}
_SYMBOL = re.compile(r"([\\→≈∂·<>₀-₉\u0391-\u03A9\u03B1-\u03C9]+)")  # what stands in formulas, but not among words


def _symbols(text: str) -> str:
    return "".join(_COMMANDS.get(sign) or (sign if sign.isalpha() else f"_{sign.translate(_SUBSCRIPTS)}") for sign in text)


def _stem(letters: str) -> str:
    """The letters of a name: upright if they are several, and Greek ones by their names."""
    if letters in HATTED:
        return r"\hat{y}"
    if letters in GREEK:
        return rf"\{letters}"
    typeset = "".join(_COMMANDS.get(letter, letter) for letter in letters)
    return typeset.strip() if len(letters) == 1 else rf"\mathrm{{{typeset}}}"


def escaped(text: str) -> str:
    """Return the text with LaTeX's own signs escaped, and with its quotation marks."""
    marks = {"«": "“", "»": "”", "^": r"\^{}", "~": r"\~{}", **{sign: "\\" + sign for sign in "#$%&_{}"}}
    return "".join(marks.get(sign, sign) for sign in text)


# --- numbers ------------------------------------------------------------------------------------------------------------


def is_written_out(value: Number) -> bool:
    """Return whether an exact number is shown with all its digits."""
    return isinstance(value, int | Fraction) and abs(value.numerator) < MAX_WRITTEN_INT and value.denominator < MAX_WRITTEN_INT


def rounded(value: Number, digits: int | None = None) -> str:
    """Return a number with so many digits, ``NUM_DIGITS`` by default."""
    digits = NUM_DIGITS if digits is None else digits
    if isinstance(value, float):
        return f"{value + 0:.{digits}g}"  # + 0: there is no sign before 0
    quotient = Context(prec=digits).divide(Decimal(value.numerator), Decimal(value.denominator))  # it may be beyond the floats
    return f"{quotient.normalize():g}"


def prints_exactly(value: Number, digits: int | None = None) -> bool:
    """Return whether the digits shown are all there are, apart from the rounding error in a sum such as 0.1 + 0.2.

    >>> prints_exactly(0.1 + 0.2), prints_exactly(1 / 3)
    (True, False)
    """
    if digits == 0:
        return not value
    if not isinstance(value, float):
        return is_written_out(value) or Fraction(rounded(value, digits)) == value
    shown = float(rounded(value, digits))
    return shown == value or value != value or abs(shown - value) <= 4 * math.ulp(value)
