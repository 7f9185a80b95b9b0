"""The language in which the rows of the table are written, and its readers.

A row is text, such as ``"(1 + out) * (1 - out)"``. When the row is made, Python's own ``ast`` parses it, and whatever is not of
this language is refused:

    names        x, y (the operands), out (the result), c (a constant of the row), pi
    literals     integers, so that Fractions stay exact; the reader for floats makes them floats
    operators    + - * / ** and unary minus
    choice       a if p < q else b, with one comparison (< <= > >= == !=)
    calls        a primitive (``PRIMITIVES``) or another row
    conditions   a domain may also say ``and``, ``or`` and ``whole(x)``, and the condition of a cut, which is derived, ``not``

A reader rewrites the tree for one kind of number, and ``compiled`` makes a Python function of it. Three readers stand here:
``Floats``; ``Exact`` for int and Fraction; and ``Calls``, in which operators are calls of functions too, so that the same text
can be evaluated by the rules of IEEE 754 or recorded on ``Value`` objects.
"""

import ast
import math
from collections.abc import Callable, Container, Iterable, Mapping
from functools import lru_cache, partial, reduce
from types import FunctionType
from typing import Any

from autograd.rules.cut import CUT
from autograd.rules.exact_powers import power
from autograd.rules.numbers import Number
from autograd.rules.primitives import PRIMITIVES

OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "power", ast.USub: "neg",
}  # fmt: skip
MAX_TEXT_CHARS = 1000
EXACT_IN_A_FLOAT = 2**53
COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)


def is_integer(x: Number) -> bool:
    """Whether ``x`` is a finite whole number: the language calls it ``whole(x)``. A negative base has no other exponents."""
    return x == x // 1  # inf // 1 is nan


# --- parsing ------------------------------------------------------------------------------------------------------


def parse(text: str, names: Container[str], arity: Callable[[str], int | None], where: str) -> ast.expr:
    """The tree of a value or a partial.

    ``names`` are what it may read, ``arity`` returns with how many arguments it may call a function, None for not at all, and
    ``where`` is how an error names the text.
    """
    return _checked(text, names, arity, where, condition=False)


def parse_condition(text: str, names: Container[str], where: str) -> ast.expr:
    """The tree of a domain: comparisons joined by ``and`` and ``or``, and ``whole(x)``."""
    return _checked(text, names, {"whole": 1}.get, where, condition=True)


def _checked(text: str, names: Container[str], arity: Callable[[str], int | None], where: str, condition: bool) -> ast.expr:
    if len(text) > MAX_TEXT_CHARS:
        raise ValueError(f"{where} has {len(text)} characters; more than {MAX_TEXT_CHARS} are not a row but a program")
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{where} is not an expression: {text!r} ({error})") from None
    foreign = _foreign(tree, names, arity, condition)
    if foreign is not None:
        raise ValueError(
            f"{where} is {text!r}, and {ast.unparse(foreign)!r} is not of the language of rows: operands, pi, integers, "
            "+ - * / ** (but not / or ** of integers alone), `a if p < q else b` with a comparison, and calls of primitives or "
            "of earlier rows that read no c"
        )
    return tree


def _foreign(tree: ast.expr, names: Container[str], arity: Callable[[str], int | None], condition: bool) -> ast.expr | None:
    """The first part of the tree that is not of the language; None if all are."""
    conditions, numbers = ([tree], list[ast.expr]()) if condition else ([], [tree])  # yet to be looked at; the next is the last
    while conditions:
        match part := conditions.pop():
            case ast.BoolOp(values=values):
                conditions += values
            case ast.Compare(left=left, ops=[comparison], comparators=[right]) if type(comparison) in COMPARISONS:
                numbers += right, left
            case ast.Call():
                numbers.append(part)
            case _:
                return part
    while numbers:
        match part := numbers.pop():
            case ast.Name(id=name) if name in names or name == "pi":
                pass
            case ast.Constant(value=value) if type(value) is int and value < EXACT_IN_A_FLOAT:
                pass
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
                if isinstance(operator, ast.Div | ast.Pow) and _is_of_literals(part):
                    return part  # 1 / 2 and 2 ** -1 would leave the Fractions
                numbers += right, left
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if arity(name) == len(arguments):
                numbers += reversed(arguments)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                numbers.append(operand)
            case ast.IfExp(
                test=ast.Compare(left=left, ops=[comparison], comparators=[right]) as test, body=body, orelse=orelse
            ):
                if type(comparison) not in COMPARISONS:
                    return test
                numbers += orelse, body, right, left
            case ast.IfExp(test=ast.Compare() as test):
                return test
            case _:
                return part
    return None


def _is_of_literals(tree: ast.expr) -> bool:
    match tree:
        case ast.Constant():
            return True
        case ast.UnaryOp(operand=operand):
            return _is_of_literals(operand)
        case ast.BinOp(left=a, right=b) | ast.IfExp(body=a, orelse=b):
            return _is_of_literals(a) and _is_of_literals(b)
    return False


@lru_cache(maxsize=4096)
def names_in(text: str) -> frozenset[str]:
    """The names in a text, those of called functions included."""
    return frozenset(node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name))


# --- readers ------------------------------------------------------------------------------------------------------


class Exact(ast.NodeTransformer):
    """For int and Fraction: the text as it is. Only powers are calls, which refuse results of too many digits."""

    FUNCTIONS: Mapping[str, Callable[..., Any]] = {
        "pow": power,
        **{name: primitive.function for name, primitive in PRIMITIVES.items()},
    }

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        return _call("pow", node.left, node.right) if isinstance(node.op, ast.Pow) else node


class Floats(ast.NodeTransformer):
    """For floats: literals are floats, constants are folded, and ``**`` is C's ``pow``.

    (Python's own power raises nothing for ``(-8.0) ** (1 / 3)``: it returns a complex number.)
    """

    FUNCTIONS: Mapping[str, Callable[..., float]] = {
        "pow": math.pow,
        **{name: primitive.function for name, primitive in PRIMITIVES.items()},
    }

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return ast.Constant(float(node.value))  # type: ignore[arg-type]

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(math.pi) if node.id == "pi" else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        if isinstance(node.op, ast.Pow):
            return self.visit_Call(_call("pow", node.left, node.right))
        self.generic_visit(node)
        return _folded(node, node.left, node.right)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return _folded(node, node.operand)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        node.args = [self.visit(argument) for argument in node.args]
        known = isinstance(node.func, ast.Name) and node.func.id in self.FUNCTIONS
        return _folded(node, *node.args) if known else node


class Calls(ast.NodeTransformer):
    """For any kind of number: an operator is a call, ``x * y`` is ``mul(x, y)``. Choices compare plain numbers."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        return _call(OPERATORS[type(node.op)], self.visit(node.left), self.visit(node.right))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        operand = self.visit(node.operand)
        return ast.UnaryOp(node.op, operand) if isinstance(node.op, ast.Not) else _call("neg", operand)


class Conditions(Calls):
    """For conditions on Values: a comparison is a call of its row, ``x <= 0`` is ``less_equal(x, 0)``, and so are and, or, not."""

    ROWS: Mapping[type[ast.AST], tuple[str, bool]] = {
        ast.Lt: ("less", False), ast.LtE: ("less_equal", False), ast.Eq: ("equal", False),
        ast.Gt: ("less", True), ast.GtE: ("less_equal", True),
    }  # fmt: skip

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        left, right = self.visit(node.left), self.visit(node.comparators[0])
        if isinstance(node.ops[0], ast.NotEq):
            return _negated(_call("equal", left, right))
        name, swapped = self.ROWS[type(node.ops[0])]
        return _call(name, right, left) if swapped else _call(name, left, right)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        name = "mul" if isinstance(node.op, ast.And) else "maximum"
        first, *others = map(self.visit, node.values)
        joined: ast.expr = reduce(partial(_call, name), others, first)
        return joined

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        operand = self.visit(node.operand)
        return _negated(operand) if isinstance(node.op, ast.Not) else _call("neg", operand)


def _negated(condition: ast.expr) -> ast.Call:
    return _call("sub", ast.Constant(1), condition)


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(func=ast.Name(id=name, ctx=ast.Load()), args=list(arguments), keywords=[])


def _folded(node: ast.expr, *parts: ast.expr) -> ast.expr:
    """The number that a constant expression such as ``sqrt(2 * pi)`` is, computed once; any other node as it is."""
    if not all(isinstance(part, ast.Constant) for part in parts):
        return node
    expression = ast.fix_missing_locations(ast.Expression(node))
    return ast.Constant(eval(compile(expression, "<row>", "eval"), {"__builtins__": {}, **Floats.FUNCTIONS}))


def cut_where(condition: str, partial: str) -> str:
    """The text of a partial that is ``CUT`` where the condition holds (``""`` never, ``"True"`` always).

    >>> cut_where("x <= 0", "step(x)"), cut_where("True", "0"), cut_where("", "y")
    ('CUT if x <= 0 else step(x)', 'CUT', 'y')
    """
    return partial if not condition else "CUT" if condition == "True" else f"CUT if {condition} else {partial}"


def compiled(
    reader: type[ast.NodeTransformer], name: str, arguments: Iterable[str], texts: Iterable[str], functions: Mapping[str, Any]
) -> FunctionType:
    """The texts of a row as one Python function of ``arguments``; its docstring is its source.

    The function returns the value of a single text. Of several texts it returns a tuple, and the first is ``out``, which the
    others may read. What the texts call is looked up in ``functions``. They may name ``CUT``.

    >>> compiled(Floats, "square", ["x"], ["x * x", "2 * x"], Floats.FUNCTIONS)(3.0)
    (9.0, 6.0)
    """
    trees = [reader().visit(ast.parse(text, mode="eval").body) for text in texts]
    out, *partials = (ast.unparse(ast.fix_missing_locations(tree)) for tree in trees)
    lines = [f"out = {out}", f"return out, {', '.join(partials)}"] if partials else [f"return {out}"]
    source = f"def {name}_row({', '.join(arguments)}):\n    " + "\n    ".join(lines)
    calls = [node.func for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    called = {callee.id for callee in calls if isinstance(callee, ast.Name)}
    constants = {"__builtins__": {}, "pi": math.pi, "CUT": CUT}
    namespace: dict[str, Any] = {**constants, **{function: functions[function] for function in called}}
    # This exec and the eval above see only texts that passed the grammar when their row was made.
    exec(compile(source, f"<row {name}>", "exec"), namespace)
    function: FunctionType = namespace[f"{name}_row"]
    function.__doc__ = source
    return function
