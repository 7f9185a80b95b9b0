"""An expression as a learner types it, ``"u = w*x; tanh(u + b)"``, becomes a graph: read by Python's ``ast``, never by ``eval``.

The parser says what binds how tightly; what its tree may hold is listed here, once, and everything else is refused. The same walk
over the tree reads the names, when the expression is made, and computes, on Values or on plain numbers, as often as it is asked.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias
from unicodedata import normalize

from autograd.compositions import where
from autograd.errors import DomainError
from autograd.expressions.callable_rows import CALLABLE, FUNCTIONS, KNOWN, ROWS, Composition, arguments, no_function, takes
from autograd.expressions.errors import ExpressionError, OutsideDomainError, Place
from autograd.expressions.numerals import MAX_EXACT_BITS, MAX_EXACT_DIGITS, number
from autograd.expressions.tokens import ALLOWED, check_tokens
from autograd.ops import EQUAL, LESS, LESS_EQUAL, NEG, OPS, POW, POWER, Op
from autograd.rules.exact_powers import bits, bits_of_power
from autograd.rules.grammar import EXACT_IN_A_FLOAT, OPERATORS, is_integer
from autograd.rules.numbers import Number
from autograd.text import described, first_few, quoted
from autograd.value import Condition, Operand, Value, apply, as_condition, data_of

Compute: TypeAlias = (
    Op | Callable[..., Any]
)  # what is applied to operands: a row, a function made of rows, or how conditions are joined

SIGNS = {**OPERATORS, ast.FloorDiv: "floordiv", ast.Mod: "mod"}
MAX_PARTS = 300
"""Numbers, names and operations that an expression may have: enough for a small network."""


COMPARISONS: dict[type[ast.cmpop], tuple[Op, bool, bool]] = {  # the row, whether its operands are exchanged, and its result negated
    ast.Lt: (LESS, False, False), ast.LtE: (LESS_EQUAL, False, False), ast.Eq: (EQUAL, False, False),
    ast.Gt: (LESS, True, False), ast.GtE: (LESS_EQUAL, True, False), ast.NotEq: (EQUAL, False, True),
}  # fmt: skip


class Graph(NamedTuple):
    """What was recorded: the result, and every named node."""

    output: Value
    nodes: dict[str, Value]


def expression(text: str, exact: bool = False) -> Expression:
    """Read a formula as a learner types it; the result makes its graph at any numbers.

    Args:
        text: names, decimal numbers, ``+ - * / // % **``, unary minus, calls of the table's functions (``max`` and ``min`` are
            ``maximum`` and ``minimum``, ``ln`` is ``log``), of ``clip``, ``norm`` and ``logsumexp``, and choices ``where(x < y, a, b)``, whose
            conditions are comparisons, joined with ``and``, ``or`` and ``not``; before the result, definitions such as ``u = w*x;``.
            ``pi`` and ``e`` are known where they are given no other number.
        exact: whether decimals are Fractions instead of floats.

    Returns:
        An ``Expression``: its ``names``, and ``graph(numbers)``.

    Raises:
        TypeError: if it is no text.
        ExpressionError: for anything else; the message underlines the place.

    >>> neuron = expression("u = w*x; tanh(u + b)")
    >>> neuron.names
    ('w', 'x', 'b')
    >>> output, nodes = neuron.graph({"w": 0.5, "x": 2.0, "b": -1.0})
    >>> output.backward()
    >>> output.data, nodes["w"].grad, nodes["u"]
    (0.0, 2.0, Value(data=1.0, grad=1.0, label='u'))
    """
    return Expression(text, exact)


class Expression:
    """A formula that was read. ``autograd.expression`` makes it, and says what it may hold.

    Numbers alone are computed at once, as Python does: in ``x**(1/2)`` the exponent is a constant.

    Attributes:
        names: which need a number, in the order in which they occur.
        known: those among ``pi`` and ``e`` that occur; they need none, and may be given one.
        definitions: the names that definitions give, ``u`` in ``u = w*x;``.

    >>> Expression("u = w*x; tanh(u + b)").definitions
    ('u',)
    """

    def __init__(self, text: str, exact: bool = False) -> None:
        if not isinstance(text, str):
            raise TypeError(f"an expression is a text, 'w*x + b' say, but got {described(text)}")
        self.text, self.exact = " ".join(text.split()), exact
        check_tokens(self.text)
        self._bytes = self.text.encode()  # in which ast counts its columns
        self._statements = self._parsed()
        read, self.definitions = self._read_names()
        self.names = tuple(name for name in read if name not in KNOWN)
        self.known = tuple(name for name in read if name in KNOWN)

    # --- reading -------------------------------------------------------------------------------------------------------

    def _parsed(self) -> list[tuple[ast.Name | None, ast.expr]]:
        """The definitions and the result: of each the name it gives, if it gives one, and its tree."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the parser has opinions on style
                statements = ast.parse(self.text).body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            column = (error.offset or 1) - 1 if isinstance(error, SyntaxError) else 0
            reason = str(getattr(error, "msg", "") or "too deeply nested").partition(";")[0]
            raise ExpressionError(f"this is no expression: {reason}", self.text, (column, column)) from None
        parts = [node for statement in statements for node in ast.walk(statement) if isinstance(node, ast.expr)]
        if len(parts) > MAX_PARTS:  # so no tree is too deep to be walked by recursion
            message = f"the expression has {len(parts)} numbers, names and operations, more than {MAX_PARTS}"
            raise ExpressionError(message, self.text, (0, 0))
        return [self._statement(node, is_result=node is statements[-1]) for node in statements]

    def _statement(self, node: ast.stmt, is_result: bool) -> tuple[ast.Name | None, ast.expr]:
        match node:
            case ast.Assign(targets=[ast.Name(id=name) as target], value=tree):
                if name in CALLABLE:
                    raise self._error(f"{name} is a function, so no definition can have its name", target)
                return target, tree
            case ast.Expr(value=tree) if is_result:
                return None, tree
            case ast.Expr(value=tree):
                raise self._error("a definition before the result has a name: write u = ... and then use u", tree)
            case _:
                raise self._error(f"this is not allowed; {ALLOWED}", node)

    def _walk(
        self, node: ast.expr, name: Callable[[ast.Name], Any], apply: Callable[[Compute, list[Any], ast.expr], Any]
    ) -> Any:
        """What an expression may hold: numbers, names, operators and calls. Operands come before their operation.

        The sides of a choice are functions, so that only the side that is taken is computed.
        """
        function: Compute
        match node:
            case ast.Constant():
                return self._number(node)
            case ast.Name(id=word):
                if word in CALLABLE:
                    raise self._error(f"{word} is a function: call it, as {word}(x), or choose another name", node)
                return name(node)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                function, operands = NEG, [operand]
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in SIGNS:
                function, operands = OPS[SIGNS[type(operator)]], [left, right]
            case ast.Call(func=ast.Name(id="where"), args=[condition, *sides], keywords=[]) if len(sides) == 2:
                holds = self._condition(condition, name, apply)
                return apply(where, [holds, *(partial(self._walk, side, name, apply) for side in sides)], node)
            case ast.Call(func=ast.Name(id="where")):
                raise self._error("where takes 3 arguments, a condition and two sides: where(x < y, a, b)", node)
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                raise self._error("a comparison is the condition of a choice: where(x < y, a, b)", node)
            case ast.Call(func=ast.Name(id=word) as called, args=operands, keywords=[]):
                if word not in FUNCTIONS:
                    raise self._error(no_function(word), called)
                named = FUNCTIONS[word]
                if not takes(named, len(operands)):
                    raise self._error(f"{word} takes {arguments(named)}, but has {len(operands)}", node)
                function = named.compute if isinstance(named, Composition) else named
            case ast.Tuple():
                raise self._error("a comma separates the arguments of a function, and nothing else", node)
            case _:
                raise self._error(f"this is not allowed; {ALLOWED}", node)
        return apply(function, [self._walk(operand, name, apply) for operand in operands], node)

    def _condition(
        self, node: ast.expr, name: Callable[[ast.Name], Any], apply: Callable[[Compute, list[Any], ast.expr], Any]
    ) -> Any:
        """What a condition may hold: comparisons, also in a row as in 0 < x < 1, joined with ``and``, ``or`` and ``not``."""
        match node:
            case ast.Compare(left=left, ops=signs, comparators=others) if all(type(sign) in COMPARISONS for sign in signs):
                sides = [self._walk(side, name, apply) for side in (left, *others)]
                parts = []
                for sign, pair in zip(signs, pairwise(sides), strict=True):
                    op, is_exchanged, is_negated = COMPARISONS[type(sign)]
                    part = apply(op, list(pair[::-1] if is_exchanged else pair), node)
                    parts.append(apply(_negation, [part], node) if is_negated else part)
                return apply(_conjunction, parts, node)
            case ast.BoolOp(op=junction, values=values):
                parts = [self._condition(value, name, apply) for value in values]
                return apply(_conjunction if isinstance(junction, ast.And) else _disjunction, parts, node)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return apply(_negation, [self._condition(operand, name, apply)], node)
            case ast.Call(func=ast.Name(id=word)) if word in ROWS and ROWS[word].is_comparison:
                return self._walk(node, name, apply)
        raise self._error(
            "the condition of where is a comparison, as in where(x < y, a, b); and, or and not join several", node
        )

    def _number(self, node: ast.expr) -> Number:
        place = self._place(node)
        try:
            return number(self.text[slice(*place)], self.exact)
        except ValueError as error:
            raise ExpressionError(str(error), self.text, place) from None

    def _read_names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names that are read and not defined, and those that are; a name is defined once, and then read."""
        read: dict[str, None] = {}
        defined: dict[str, None] = {}

        def name(node: ast.Name) -> None:
            if node.id not in defined:
                read[node.id] = None

        for target, tree in self._statements:
            self._walk(tree, name, _read)
            if target is not None:
                if target.id in defined or target.id in read:
                    before = "is defined already" if target.id in defined else "is read before it is defined"
                    raise self._error(f"{target.id} {before}; a name stands for one number only, so choose another", target)
                defined[target.id] = None
        return tuple(read), tuple(defined)

    # --- computing -----------------------------------------------------------------------------------------------------

    def graph(self, numbers: Mapping[str, Operand]) -> Graph:
        """The graph at these numbers, one for each of ``names``; others are ignored, and a ``Value`` is taken as it is.

        Raises:
            TypeError: if they are no mapping from names to numbers.
            ExpressionError: if a name has no number, a definition is given one, the result depends on no name, or exact numbers
                grow too large.
            DomainError: if an operation has no value there, as log(-1); it is an ``ExpressionError`` too.

        >>> expression("x*x").graph({"x": 3.0}).output
        Value(data=9.0, grad=0.0)
        """
        self._check_names(numbers)
        taken = {name: numbers[name] for name in self.given(numbers)}
        leaves = {name: given if isinstance(given, Value) else Value(given, name) for name, given in taken.items()}
        output, named = self._computed(leaves)
        if not isinstance(output, Value):
            message = "the result depends on no name, so there is nothing to differentiate; write for example x**2, and x=3"
            raise self._error(message, self._statements[-1][0] or self._statements[-1][1])
        return Graph(output, {name: node for name, node in named.items() if isinstance(node, Value)})

    def given(self, numbers: Mapping[str, Any]) -> list[str]:
        """The names that have a number among these: all of ``names``, and those of ``known`` that are given another than their own.

        >>> expression("e*x + pi").given({"x": 1.0, "e": 2.0, "y": 3.0})
        ['x', 'e']
        """
        return [*self.names, *(name for name in self.known if name in numbers)]

    def number(self, numbers: Mapping[str, Number]) -> Any:
        """The result as a plain number; nothing is recorded.

        Raises:
            TypeError: also if a number is a ``Value``.
            ExpressionError, DomainError: as ``graph``, but a result that depends on no name is one.

        >>> expression("2*x + 1").number({"x": 3.0})
        7.0
        """
        self._check_names(numbers)
        for name in self.given(numbers):
            if isinstance(numbers[name], Value):
                raise TypeError(f"number() takes plain numbers, but {name} is a Value: take graph(), or its data")
        return self._computed(numbers)[0]

    def _computed(self, numbers: Mapping[str, Operand]) -> tuple[Operand, dict[str, Operand]]:
        """The result, and what every name stands for."""
        named: dict[str, Operand] = {name: KNOWN[name] for name in self.known} | dict(numbers)
        given = {id(number) for number in numbers.values()}
        result: Operand = 0
        bits_so_far = 0

        def apply_to(op: Compute, operands: list[Operand], node: ast.expr) -> Operand:
            nonlocal bits_so_far
            made = self._applied(op, operands, self._place(node))
            bits_so_far += bits(made.data) + sum(map(bits, made.partials)) if isinstance(made, Value) else bits(made)
            self._check_size(bits_so_far, self._place(node))
            return made

        for target, tree in self._statements:
            result = self._walk(tree, lambda node: named[node.id], apply_to)
            if target is not None:
                named[target.id] = result
                if isinstance(result, Value) and not result.label and id(result) not in given:
                    result.label = target.id
        return result, named

    def _check_names(self, numbers: Mapping[str, Operand]) -> None:
        if not isinstance(numbers, Mapping):
            raise TypeError(f"an expression takes a number for each name, as in {{'x': 2.0}}, but got {described(numbers)}")
        for name in self.definitions:
            if name in numbers:
                raise ExpressionError(f"{name} {_why_not(name, self)}", "", (0, 0))
        missing = [name for name in self.names if name not in numbers]
        if missing:
            trees = (node for _, tree in self._statements for node in ast.walk(tree))
            first = min((node for node in trees if isinstance(node, ast.Name) and node.id == missing[0]), key=self._place)
            need = "has no number" if len(missing) == 1 else "have no numbers"
            raise self._error(f"{first_few(missing)} {need}; add for example {missing[0]}=1", first)

    def _applied(self, op: Compute, operands: Sequence[Operand], place: Place) -> Operand:
        try:
            if isinstance(op, Op):
                row, operands = self._with_its_constant(op, operands, place)
                op = partial(apply, row)
            result: Operand = op(*operands)
            return result
        except ExpressionError:
            raise
        except DomainError as error:
            raise OutsideDomainError(str(error), self.text, place) from None
        except (OverflowError, ValueError) as error:
            raise ExpressionError(str(error), self.text, place) from None

    def _with_its_constant(self, op: Op, operands: Sequence[Operand], place: Place) -> tuple[Op, Sequence[Operand]]:
        """A power whose exponent is a number, and a function such as leaky_relu(x, 0.1), have operations of their own."""
        if op is POWER:
            base, exponent = map(data_of, operands)
            self._check_size(bits_of_power(base, exponent), place)  # before it is computed
            if not isinstance(operands[1], Value):
                return POW.at(_constant(exponent)), operands[:1]
        elif len(operands) > op.arity:
            *rest, c = operands
            if isinstance(c, Value):
                message = f"the last argument of {op.name} is its constant, a number; this one depends on a name"
                raise ExpressionError(message, self.text, place)
            return op.at(_constant(c)), rest
        return op, operands

    def _check_size(self, size: Number, place: Place) -> None:
        if size > MAX_EXACT_BITS:
            message = f"exact numbers may have {MAX_EXACT_DIGITS} digits in all, local derivatives included; floats have no such limit"
            raise ExpressionError(message, self.text, place)

    # --- places --------------------------------------------------------------------------------------------------------

    def _place(self, node: ast.AST) -> Place:
        """The columns of a part of the tree, which counts bytes."""
        start, end = (len(self._bytes[: getattr(node, name)].decode()) for name in ("col_offset", "end_col_offset"))
        return start, end

    def _error(self, message: str, node: ast.AST) -> ExpressionError:
        return ExpressionError(message, self.text, self._place(node))


def _read(op: Compute, operands: list[Any], node: ast.expr) -> None:
    """Compute nothing, and read both sides of a choice."""
    for operand in operands:
        if callable(operand):
            operand()


def _conjunction(*parts: Any) -> Any:
    return reduce(operator.and_, map(as_condition, parts))


def _disjunction(*parts: Any) -> Any:
    return reduce(operator.or_, map(as_condition, parts))


def _negation(part: Any) -> Any:
    holds = as_condition(part)
    return ~holds if isinstance(holds, Condition) else not holds


def _constant(c: Number) -> Number:
    """Whole constants as ints, so that a square is shown as ``**2``."""
    return int(c) if is_integer(c) and -EXACT_IN_A_FLOAT < c < EXACT_IN_A_FLOAT else c


def read_numbers(assignments: Sequence[str], expression: Expression) -> dict[str, Number]:
    """The numbers given as ``NAME=NUMBER``, for the names of an expression.

    Raises:
        ValueError: if one is not of this form, a name is given two or does not occur, or a number is none.

    >>> read_numbers(["w=0.5", "x=2"], Expression("w*x"))
    {'w': 0.5, 'x': 2.0}
    """
    numbers: dict[str, Number] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = normalize("NFKC", name.strip())  # as Python reads names
        if not equals or not name.isidentifier():
            raise ValueError(f"{quoted(assignment)} does not give a number to a name; write for example x=2, without spaces")
        if name in numbers:
            raise ValueError(f"{name} has two numbers; give it one")
        if name not in (*expression.names, *expression.known):
            raise ValueError(f"{name} {_why_not(name, expression)}")
        try:
            numbers[name] = number(text, expression.exact)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return numbers


def _why_not(name: str, expression: Expression) -> str:
    if name in CALLABLE:
        return "is the name of a function, so it cannot have a number"
    if name in expression.definitions:
        return "is defined in the expression, so it has its number already"
    return f"does not occur in the expression; its names are {first_few((*expression.names, *expression.known))}"
