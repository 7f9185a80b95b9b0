"""With how many digits is each number shown? With the fewest, but no fewer than usual, from which the shown arithmetic comes out.

Beside tanh(6) ≈ 0.999988 stands its derivative (1 + v1)*(1 - v1) ≈ 2.45765e-05. With these digits of v1 a reader finds 2.39999e-05; so v1 is
shown as 0.9999877117. Whatever is shown as an equation of numbers is such a *claim*: whoever computes one side from the digits that
stand there finds the other, up to one unit in its last digit.

A number that the bound of its own rounding error covers has no digit that means anything: it is shown as 0, as that of
0.1 + 0.2 - 0.3 is. A tiny number that was given, or computed from such without cancellation, has its digits, and is shown.
"""

from __future__ import annotations

import math
import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from typing import Any, NamedTuple

from autograd.checking.rounding import Rounded, applied
from autograd.explaining.statements import Line, Phrase, Prose, Run, Section, Side
from autograd.ops import ADD, MUL, NEG, OPS
from autograd.rules import notation
from autograd.rules.formula_tree import (
    Binary,
    Call,
    Comparison,
    Formula,
    Name,
    Negative,
    Numeral,
    PartialDerivative,
    Product,
    Sum,
    numbers_in,
    numerals_in,
    operation,
    partial,
    replaced,
)
from autograd.rules.notation import is_written_out, prints_exactly, rounded
from autograd.rules.numbers import EPSILON, Number
from autograd.rules.op import Op
from autograd.text import significant
from autograd.value import Value

RESIDUE = 1e-10  # of the numbers that it is left of, at most: beyond, the error is that of a jump or a pole
MOST_DIGITS = 17  # of a float: they give it back
EQUALS = ("=", "≈")
NEARBY = 1.001  # times a number: there no smooth function has the same float, unless it is rounded to a limit
LARGEST_POWER = 1000  # that is computed in all digits
ARITHMETIC = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv}
COMPARISONS = {"<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">=": operator.ge, ">": operator.gt}


class Claim(NamedTuple):
    """That a formula of numbers has this result."""

    formula: Formula
    result: Number


class Digits:
    """How many digits the numbers in some claims need.

    Args:
        claims: what a reader may compute again.
        usual: how many digits a number is shown with that needs no more; None for those of a notation.

    >>> v1 = math.tanh(6)
    >>> digits = Digits([Claim(Binary("sub", Numeral(1.0), Numeral(v1)), 1 - v1)])
    >>> digits.shown(Numeral(v1)), digits.shown(Numeral(1 - v1))
    (Numeral(value=0.9999877116507956, digits=10), Numeral(value=1.2288349204414573e-05, digits=6))
    >>> residue = 0.1 + 0.2 - 0.3
    >>> Digits([Claim(Binary("sub", Numeral(0.1 + 0.2), Numeral(0.3)), residue)]).shown(Numeral(residue))
    Numeral(value=5.551115123125783e-17, digits=0)
    """

    def __init__(self, claims: Iterable[Claim], usual: int | None = None) -> None:
        self.usual = notation.NUM_DIGITS if usual is None else usual
        self._digits: dict[Number, int] = {}  # by the size of the number, whatever its sign
        claims = [claim for claim in claims if self._comes_out(claim, MOST_DIGITS)]
        self._drop_residues(claims)
        self._add_digits(claims)

    def shown(self, numeral: Numeral) -> Numeral:
        """The number with its digits: 0 of them if it is shown as 0."""
        return numeral._replace(digits=self.of(numeral.value))

    def of(self, number: Number) -> int:
        """How many digits the number is shown with."""
        return self._digits.get(_size(number), self.usual)

    def text(self, number: Any) -> str:
        """The number with its digits as text; what is no number as it is."""
        return significant(number, self.of(number) if isinstance(number, int | float | Fraction) else self.usual)

    # --- what is shown as 0 -------------------------------------------------------------------------------------------

    def _drop_residues(self, claims: Sequence[Claim]) -> None:
        """Find the results that are nothing but rounding, with the bounds of a running error analysis."""
        errors: dict[Number, float] = {}
        scales: dict[Number, float] = {}  # of the numbers that a residue is left of

        def operand(number: Number) -> Rounded:
            shown = 0.0 if self.of(number) == 0 else float(number)
            return Rounded(shown, errors.get(number, _error_of_a_given(number)))

        for formula, result in claims:
            bound = _computed(formula, operand)
            if bound is None or not isinstance(result, float) or not math.isfinite(result):
                continue
            errors[result] = max(errors.get(result, 0.0), bound.error)
            scale = max((scales.get(number, abs(float(number))) for number in numbers_in(formula)), default=0.0)
            error = bound.error / 2  # the errors are those of twice the roundings: to the next float, not half the way
            if 0 < abs(result) <= error <= RESIDUE * scale and abs(bound.number) <= error:
                self._digits[_size(result)], scales[result] = 0, scale

    # --- what needs more digits -----------------------------------------------------------------------------------------

    def _add_digits(self, claims: Sequence[Claim]) -> None:
        """Add digits one by one, always where they bring the result nearest, until every claim comes out."""
        readers: dict[Number, list[int]] = defaultdict(list)
        for place, claim in enumerate(claims):
            for number in {claim.result, *numbers_in(claim.formula)}:
                readers[_size(number)].append(place)
        rest = dict.fromkeys(range(len(claims)))
        while rest:
            place = next(iter(rest))
            coarsest = None if self._comes_out(claims[place]) else self._coarsest(claims[place])
            if coarsest is None:
                del rest[place]
            else:
                self._digits[_size(coarsest)] = max(self.of(coarsest) + 1, self.usual)
                rest |= dict.fromkeys(readers[_size(coarsest)])

    def _coarsest(self, claim: Claim) -> Number | None:
        """The operand whose rounding moves the result most; None if that of none does."""
        numbers = [number for number in dict.fromkeys(numbers_in(claim.formula)) if self.of(number) < MOST_DIGITS]
        effects = {number: self._effect(claim, number) for number in numbers}
        return max((number for number in numbers if effects[number] > 0), key=effects.__getitem__, default=None)

    def _effect(self, claim: Claim, exact: Number) -> float:
        """How far the result moves if this number is not rounded."""

        def operand(number: Number) -> Rounded:
            return Rounded(float(number) if _size(number) == _size(exact) else self._as_read(number))

        now, then = _computed(claim.formula, lambda number: Rounded(self._as_read(number))), _computed(claim.formula, operand)
        if now is None or then is None or now.number == then.number:
            return 0.0
        moved = abs(then.number - now.number)
        return math.inf if math.isnan(moved) else moved

    def _comes_out(self, claim: Claim, digits: int | None = None) -> bool:
        """Whether the formula has the result: with the digits shown, or else with so many."""
        try:
            found = _computed(claim.formula, lambda number: Rounded(self._as_read(number, digits)))
            result = self._as_read(claim.result)
        except OverflowError:  # exact numbers beyond the floats
            return digits is None
        if found is None:
            return False
        if not math.isfinite(found.number) or not math.isfinite(result):
            return found.number == result or (found.number != found.number and result != result)
        of = result or max((abs(self._as_read(number)) for number in numbers_in(claim.formula)), default=1.0) or 1.0
        unit = 10.0 ** (Decimal(of).adjusted() + 1 - max(self.of(claim.result), self.usual))
        return abs(found.number - result) <= unit

    def _as_read(self, number: Number, digits: int | None = None) -> float:
        """The number that a reader sees."""
        digits = self.of(number) if digits is None else digits
        return float(number) if is_written_out(number) else float(rounded(number, digits)) if digits else 0.0


def _size(number: Number) -> Number:
    return number if number >= 0 else -number


def _error_of_a_given(number: Number) -> float:
    """How far the next float is from one that is not the decimal that was meant, as 0.5 is; it may be off by half of that."""
    if not isinstance(number, float) or not math.isfinite(number) or Fraction(Decimal(repr(number))) == Fraction(number):
        return 0.0
    return math.ulp(number)


# --- formulas of numbers ------------------------------------------------------------------------------------------------


def _computed(formula: Formula, operand: Callable[[Number], Rounded]) -> Rounded | None:
    """What a formula of numbers comes to; None if it has parts that are no numbers, or none of the table."""
    try:
        return _value(formula, operand)
    except (LookupError, OverflowError, ZeroDivisionError, TypeError, ValueError):
        return None


def _value(formula: Formula, operand: Callable[[Number], Rounded]) -> Rounded:
    def value(part: Formula) -> Rounded:
        return _value(part, operand)

    match formula:
        case Numeral(number):
            return operand(number)
        case Name("pi"):
            return Rounded(math.pi, EPSILON)
        case Negative(part):
            return applied(NEG, value(part))
        case Binary(name, left, right):
            return applied(OPS[name], value(left), value(right))
        case Comparison(sign, left, right):
            return Rounded(float(COMPARISONS[sign](value(left), value(right))))
        case Call(name, arguments, None):
            row, operands = OPS[name], list(map(value, arguments))
            member = row.at(operands.pop().number) if len(operands) > row.arity else row
            return applied(member, *operands)
        case Product(factors):
            return reduce(lambda a, b: applied(MUL, a, b), map(value, factors))
        case Sum(terms):
            return reduce(lambda a, b: applied(ADD, a, b), map(value, terms))
    raise LookupError(f"no number: {formula!r}")


# --- in a graph ---------------------------------------------------------------------------------------------------------


def claims_of_graph(order: Iterable[Value]) -> Iterator[Claim]:
    """What the numbers of a graph say together: each result, each local derivative, and the gradients by the chain rule.

    >>> from autograd import topological_order
    >>> x = Value(3.0, "x")
    >>> list(claims_of_graph(topological_order(-x)))[1]
    Claim(formula=Negative(operand=Numeral(value=1, digits=None)), result=-1.0)
    """
    arriving: dict[Value, list[Formula]] = defaultdict(list)
    for node in order:
        read = [*node.inputs, node]
        if not all(isinstance(number, int | float | Fraction) for each in read for number in (each.data, each.grad)):
            continue  # anything may be assigned
        for source, slope in zip(node.inputs, node.partials, strict=False):
            arriving[source].append(Product([Numeral(slope), Numeral(node.grad)]))
        if isinstance(node.op, Op):
            *operands, out = [Numeral(each.data) for each in read]
            yield Claim(operation(node.op, operands), node.data)
            if not node.op.is_convention(*(each.data for each in node.inputs)):
                yield from (Claim(partial(node.op, slot, operands, out), slope) for slot, slope in enumerate(node.partials))
    yield from (Claim(Sum(terms), node.grad) for node, terms in arriving.items())


# --- in a derivation ----------------------------------------------------------------------------------------------------


def with_digits(sections: Sequence[Section]) -> list[Section]:
    """Return the sections with the digits of each number, and with ≈ beside those that were rounded.

    >>> from autograd.explaining.statements import equation
    >>> [section] = with_digits([Section(["A third"], [Line(equation(Name("y"), Numeral(1 / 3)))])])
    >>> section.lines[0].sides[1].relation
    '≈'
    """
    digits = Digits(_claims(sections))
    return [
        section._replace(title=_numbered(section.title, digits), lines=[_line(line, digits) for line in section.lines])
        for section in sections
    ]


def _claims(sections: Sequence[Section]) -> Iterator[Claim]:
    """What the lines say in numbers, or in names whose numbers they give."""
    lines = [line for section in sections for line in section.lines]
    named = dict(pair for line in lines for pair in _given(line))

    def number(part: Formula) -> Formula | None:
        return named.get(part) if isinstance(part, Name | PartialDerivative) else None

    for line in lines:
        if isinstance(line, Line) and isinstance(last := line.sides[-1].phrase[-1], Numeral):
            for side in line.sides[1:-1]:
                if len(side.phrase) == 1 and not isinstance(side.phrase[0], str):
                    yield Claim(replaced(side.phrase[0], number), last.value)


def _given(line: Line | Prose) -> Iterator[tuple[Formula, Numeral]]:
    """The names that a line gives a number: those of nodes, and of their local derivatives."""
    if isinstance(line, Line):
        first, last = line.sides[0].phrase, line.sides[-1]
        name, number = first[0], last.phrase[0]
        alone = len(first) == len(last.phrase) == 1 and last.relation in EQUALS
        if alone and isinstance(number, Numeral) and isinstance(name, Name | PartialDerivative):
            yield name, number
        return
    for name, sign, number in zip(line.phrase, line.phrase[1:], line.phrase[2:], strict=False):
        if isinstance(name, Name) and isinstance(number, Numeral) and str(sign).strip() in EQUALS:
            yield name, number


def _line(line: Line | Prose, digits: Digits) -> Line | Prose:
    if isinstance(line, Prose):
        return line._replace(phrase=_numbered(line.phrase, digits))
    sides = [Side(side.relation, _numbered(side.phrase, digits)) for side in line.sides]
    for place in range(1, len(sides)):
        before, side = sides[place - 1], sides[place]
        if side.relation in EQUALS:
            is_rounded = (
                _is_rounded(side.phrase[0])
                or (place > 1 and _is_rounded(before.phrase[-1]))
                or _is_absorbed(before.phrase[-1], side.phrase[0])
            )
            sides[place] = side._replace(relation="≈" if is_rounded else "=")
    return line._replace(sides=sides, remark=_numbered(line.remark, digits))


def _numbered(said: Sequence[Run], digits: Digits) -> Phrase:
    """The words with the digits of each number among them."""
    runs = [
        run if isinstance(run, str) else replaced(run, lambda part: digits.shown(part) if isinstance(part, Numeral) else None)
        for run in said
    ]
    for place, (sign, number) in enumerate(pairwise(runs)):
        if isinstance(sign, str) and sign.strip() in EQUALS:
            runs[place] = sign.replace(sign.strip(), "≈" if _is_rounded(number) else "=")
    return runs


def _is_rounded(run: Run) -> bool:
    return not isinstance(run, str) and not all(prints_exactly(each.value, each.digits) for each in numerals_in(run))


# --- equations that hold in floats only -----------------------------------------------------------------------------------


def _is_absorbed(before: Run, after: Run) -> bool:
    """Whether numbers that are written out are equal in floats only, as 1e17 + 1 and 1e17 are, or tanh(20) and 1.

    >>> million = Numeral(1e6)
    >>> _is_absorbed(Binary("add", Numeral(1e17), Numeral(1.0)), Numeral(1e17)), _is_absorbed(million, million)
    (True, False)
    """
    if isinstance(before, str) or isinstance(after, str):
        return False
    try:
        return _is_rounded_by(before, after) or _exactly(before) != _exactly(after)
    except (LookupError, ArithmeticError, TypeError, ValueError):  # a function, or what is no number: nothing is known
        return False


def _exactly(formula: Formula) -> Fraction:
    """What a reader finds who reckons with all digits that are shown."""
    match formula:
        case Numeral(number, digits):
            return Fraction(number if isinstance(number, Fraction) else rounded(number, digits))
        case Negative(part):
            return -_exactly(part)
        case Binary("power", base, Numeral(int() | float() as exponent)) if (
            exponent % 1 == 0 and abs(exponent) <= LARGEST_POWER
        ):
            return _exactly(base) ** int(exponent)
        case Binary(name, left, right) if name in ARITHMETIC:
            result: Fraction = ARITHMETIC[name](_exactly(left), _exactly(right))
            return result
        case Product(factors):
            return reduce(operator.mul, map(_exactly, factors))
        case Sum(terms):
            return reduce(operator.add, map(_exactly, terms))
    raise LookupError(f"no arithmetic: {formula!r}")


def _is_rounded_by(formula: Formula, result: Formula) -> bool:
    """Whether a smooth function of a number is rounded: to a limit, so that it has the same float nearby; to its operand, as softplus(50)
    is; or to as many digits as a float has."""
    match formula, result:
        case Negative(part), _:
            return _is_rounded_by(part, result)
        case Call(name, (Numeral(number),), None), Numeral(shown) if number and OPS[name].value != "x":
            row = OPS[name]
            if row.kinks or row.is_staircase:
                return False
            here, nearby = (applied(row, Rounded(float(operand))).number for operand in (number, number * NEARBY))
            follows = here == number and nearby == number * NEARBY
            return here == nearby or follows or (isinstance(shown, float) and float(f"{shown:.{MOST_DIGITS - 2}g}") != shown)
    return False
