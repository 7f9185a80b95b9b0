"""An expression as a learner types it, ``"u = w*x; tanh(u + b)"``, becomes a graph: read by Python's ``ast``, never by ``eval``.

The parser says what binds how tightly; what its tree may hold is listed here, and all else is refused. The tree becomes a short
program for a stack of operands, each step of it an operation of the table; to run it is to record the graph.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from unicodedata import normalize

from autograd.errors import DomainError
from autograd.expressions.callable_rows import FUNCTIONS, arguments, no_function
from autograd.expressions.errors import ExpressionError, OutsideDomainError, Place, some, visible
from autograd.expressions.numerals import MOST_BITS, MOST_DIGITS, number
from autograd.expressions.tokens import ALLOWED, check_tokens
from autograd.ops import OPS, Op
from autograd.rules.exact_powers import bits, bits_of_power
from autograd.rules.grammar import EXACT_IN_A_FLOAT, OPERATORS
from autograd.rules.numbers import Number
from autograd.value import Operand, Value, apply, data_of

MOST_PARTS = 300
"""Numbers, names and operations that an expression may have: enough for a small network."""

POW, POWER = OPS["pow"], OPS["power"]


class Graph(NamedTuple):
    """What was recorded: the result, and every named node."""

    output: Value
    nodes: dict[str, Value]


class _Number(NamedTuple):
    """Push a number."""

    number: Number
    place: Place


class _Name(NamedTuple):
    """Push what has this name."""

    name: str
    place: Place


class _Apply(NamedTuple):
    """Replace the last ``arity`` operands by the result of an operation on them."""

    op: Op
    arity: int
    place: Place


class _Give(NamedTuple):
    """Give a name to the last result."""

    name: str
    place: Place


_Instruction = _Number | _Name | _Apply | _Give


class Expression:
    """A formula that makes a graph of the numbers it is given, again and again if need be.

    Args:
        text: names, decimal numbers, ``+ - * / **``, unary minus, and calls of the table's functions (``max`` and ``min`` are
            ``maximum`` and ``minimum``); before it, steps with names, ``u = w*x;``.
        exact: whether decimals are Fractions, and not floats.

    Numbers alone are computed at once, as Python does: in ``x**(1/2)`` the exponent is a constant.

    Attributes:
        names: which need a number, in the order in which they occur.
        steps: the names that steps give.

    Raises:
        ExpressionError: for anything else, at its place.

    >>> expression = Expression("u = w*x; tanh(u + b)")
    >>> expression.names
    ('w', 'x', 'b')
    >>> output, nodes = expression.graph({"w": 0.5, "x": 2.0, "b": -1.0})
    >>> output.data, nodes["u"]
    (0.0, Value(data=1.0, grad=0.0, label='u'))
    """

    def __init__(self, text: str, exact: bool = False) -> None:
        self.text, self.exact = " ".join(text.split()), exact
        check_tokens(self.text)
        self._bytes = self.text.encode()  # in which ast counts its columns
        *steps, result = self._parsed()
        self._program = [each for step in steps for each in self._step(step)]
        self._program += self._step(result) if isinstance(result, ast.Assign) else self._instructions(result)
        self.names = tuple(self._unknown())
        self.steps = tuple(each.name for each in self._program if isinstance(each, _Give))

    # --- reading -------------------------------------------------------------------------------------------------------

    def _parsed(self) -> list[ast.AST]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the parser has opinions on style
                statements = ast.parse(self.text).body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            column = (error.offset or 1) - 1 if isinstance(error, SyntaxError) else 0
            reason = str(getattr(error, "msg", "") or "too deeply nested").partition(";")[0]
            raise ExpressionError(f"this is no expression: {reason}", self.text, (column, column)) from None
        parts = [node for statement in statements for node in ast.walk(statement) if isinstance(node, ast.expr)]
        if len(parts) > MOST_PARTS:
            message = f"the expression has {len(parts)} numbers, names and operations, more than {MOST_PARTS}"
            raise ExpressionError(message, self.text, (0, 0))
        return [each.value if isinstance(each, ast.Expr) else each for each in statements]

    def _step(self, step: ast.AST) -> Iterator[_Instruction]:
        match step:
            case ast.Assign(targets=[ast.Name(id=name) as target], value=value):
                if name in FUNCTIONS:
                    raise self._error(f"{name} is a function, so no step can have its name", target)
                yield from self._instructions(value)
                yield _Give(name, self._place(target))
            case _:
                raise self._error("a step before the result has a name: write u = ... and then use u", step)

    def _instructions(self, node: ast.AST) -> Iterator[_Instruction]:
        match node:
            case ast.Constant():
                yield _Number(self._number(self._place(node)), self._place(node))
            case ast.Name(id=name):
                if name in FUNCTIONS:
                    raise self._error(f"{name} is a function: call it, as {name}(x), or choose another name", node)
                yield _Name(name, self._place(node))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                yield from self._instructions(operand)
                yield _Apply(OPS["neg"], 1, self._place(node))
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
                yield from self._instructions(left)
                yield from self._instructions(right)
                yield _Apply(OPS[OPERATORS[type(operator)]], 2, self._place(node))
            case ast.Call(func=ast.Name(id=name) as called, args=args, keywords=[]):
                if name not in FUNCTIONS:
                    raise self._error(no_function(name), called)
                op = FUNCTIONS[name]
                if not op.arity <= len(args) <= op.arity + op.is_family:
                    raise self._error(f"{name} takes {arguments(op)}, but has {len(args)}", node)
                for each in args:
                    yield from self._instructions(each)
                yield _Apply(op, len(args), self._place(node))
            case ast.Tuple():
                raise self._error("a comma separates the arguments of a function, and nothing else", node)
            case _:
                raise self._error(f"this is not allowed; {ALLOWED}", node)

    def _number(self, place: Place) -> Number:
        try:
            return number(self.text[slice(*place)], self.exact)
        except ValueError as error:
            raise ExpressionError(str(error), self.text, place) from None

    def _unknown(self) -> Iterator[str]:
        """The names that are read and not given by a step; a name is given once, and then read."""
        given: set[str] = set()
        met: set[str] = set()
        for each in self._program:
            if isinstance(each, _Name) and each.name not in given | met:
                met.add(each.name)
                yield each.name
            if isinstance(each, _Give):
                if each.name in given | met:
                    before = "names another step" if each.name in given else "is read before it is given"
                    message = f"{each.name} {before}; a name stands for one number only, so choose another"
                    raise ExpressionError(message, self.text, each.place)
                given.add(each.name)

    # --- running -------------------------------------------------------------------------------------------------------

    def graph(self, numbers: Mapping[str, Operand]) -> Graph:
        """The graph at these numbers, one for each of ``names``; a ``Value`` is taken as it is.

        Raises:
            ExpressionError: if a name has no number, the result depends on no name, or exact numbers grow too large.
            OutsideDomainError: if an operation has no value there, as log(-1); it is a ``DomainError`` too.
        """
        self._check_names(numbers)
        nodes: dict[str, Operand] = {
            name: each if isinstance(each, Value) else Value(each, name) for name, each in numbers.items()
        }
        stack: list[Operand] = []
        spent = 0
        for each in self._program:
            match each:
                case _Number(number):
                    stack.append(number)
                case _Name(name):
                    stack.append(nodes[name])
                case _Apply(op, arity):
                    operands = stack[-arity:]
                    stack[-arity:] = [made] = [self._applied(op, operands, each.place)]
                    spent += bits(made.data) + sum(map(bits, made.partials)) if isinstance(made, Value) else bits(made)
                    self._check_size(spent, each.place)
                case _Give(name):
                    nodes[name] = made = stack[-1]
                    if isinstance(made, Value) and not made.label:
                        made.label = name
        output = stack[-1]
        if not isinstance(output, Value):
            message = "the result depends on no name, so there is nothing to differentiate; write for example x**2, and x=3"
            raise ExpressionError(message, self.text, self._program[-1].place)
        return Graph(output, {name: each for name, each in nodes.items() if isinstance(each, Value)})

    def _check_names(self, numbers: Mapping[str, Operand]) -> None:
        missing = [name for name in self.names if name not in numbers]
        if missing:
            place = next(each.place for each in self._program if isinstance(each, _Name) and each.name == missing[0])
            need = "has no number" if len(missing) == 1 else "have no numbers"
            message = f"{some(missing)} {need}; add for example {missing[0]}=1"
            raise ExpressionError(message, self.text, place)

    def _applied(self, op: Op, operands: Sequence[Operand], place: Place) -> Operand:
        try:
            op, operands = self._with_its_constant(op, operands, place)
            result: Operand = apply(op, *operands)
            return result
        except DomainError as error:
            raise OutsideDomainError(str(error), self.text, place) from None
        except OverflowError as error:
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
        if size > MOST_BITS:
            message = (
                f"exact numbers may have {MOST_DIGITS} digits in all, local derivatives included; floats have no such limit"
            )
            raise ExpressionError(message, self.text, place)

    # --- places --------------------------------------------------------------------------------------------------------

    def _place(self, node: ast.AST) -> Place:
        """The columns of a part of the tree, which counts bytes."""
        start, end = (len(self._bytes[: getattr(node, name)].decode()) for name in ("col_offset", "end_col_offset"))
        return start, end

    def _error(self, message: str, node: ast.AST) -> ExpressionError:
        return ExpressionError(message, self.text, self._place(node))


def _is_whole(number: Number) -> bool:
    return number.is_integer() if isinstance(number, float) else number.denominator == 1


def _constant(c: Number) -> Number:
    """Whole constants as ints, so that a square is shown as ``**2``."""
    return int(c) if _is_whole(c) and -EXACT_IN_A_FLOAT < c < EXACT_IN_A_FLOAT else c


def read_numbers(assignments: Sequence[str], expression: Expression) -> dict[str, Number]:
    """The numbers given as ``NAME=NUMBER``, for the names of an expression.

    Raises:
        ValueError: if one is not of this form, a name is given two or does not occur, or a number is none.

    >>> read_numbers(["w=0.5", "x=2"], Expression("w*x"))
    {'w': 0.5, 'x': 2.0}
    """
    numbers: dict[str, Number] = {}
    for each in assignments:
        name, equals, text = each.partition("=")
        name = normalize("NFKC", name.strip())  # as Python reads names
        if not equals or not name.isidentifier():
            raise ValueError(f"{visible(each)} does not give a number to a name; write for example x=2, without spaces")
        if name in numbers:
            raise ValueError(f"{name} has two numbers; give it one")
        if name not in expression.names:
            raise ValueError(f"{name} {_why_not(name, expression)}")
        try:
            numbers[name] = number(text, expression.exact)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return numbers


def _why_not(name: str, expression: Expression) -> str:
    if name in FUNCTIONS:
        return "is the name of a function, so it cannot have a number"
    if name in expression.steps:
        return "is a step of the expression, so it has its number already"
    return f"does not occur in the expression; its names are {some(expression.names)}"
