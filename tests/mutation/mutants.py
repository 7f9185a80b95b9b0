"""The mutants of a Python file: its text with one small change, in code or in the formulas of a row of the table."""

import ast
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from copy import copy
from itertools import accumulate
from typing import NamedTuple


class Mutant(NamedTuple):
    """One change of one file."""

    file: str
    number: int  # of the line where the change begins
    line: str  # the text of that line
    before: str
    after: str
    start: int  # what is replaced, in bytes of the file
    end: int

    def applied(self, source: str) -> str:
        """The source with the change made."""
        return replaced(source, self.start, self.end, self.after)


def replaced(source: str, start: int, end: int, text: str) -> str:
    """The source with another text from one byte to another."""
    raw = source.encode()
    return (raw[:start] + text.encode() + raw[end:]).decode()


# --- the changes ----------------------------------------------------------------------------------------------------

SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.Mod: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.MatMult: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.And: ast.Or, ast.Or: ast.And,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
BOUNDS = (ast.Lt, ast.LtE, ast.GtE, ast.Gt)
PAIRS = (
    "exp expm1", "log log1p", "sin cos", "asin acos", "sinh cosh", "tan tanh", "atan tanh", "erf erfc", "step heaviside",
    "sign step", "power_dx power_dy", "minimum maximum", "min max", "any all", "add sub", "mul div", "sigmoid tanh", "silu gelu",
    "relu softplus", "less less_equal", "when unless", "_x _y", "_dx _dy", "x y", "left right",
)  # fmt: skip
SIBLING = {a: b for pair in PAIRS for a, b in [pair.split(), pair.split()[::-1]]}
UNORDERED = ("maximum", "minimum", "max", "min", "isinstance", "hasattr")  # no use in swapping their arguments
SIBLING |= {a.upper(): b.upper() for a, b in SIBLING.items()}


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of an expression, in Python and in the formulas of the table."""

    def but(**fields: object) -> ast.AST:
        changed = copy(node)
        for name, value in fields.items():
            setattr(changed, name, value)
        return changed

    match node:
        case ast.BinOp(op=op) if type(op) in SWAPPED:
            yield but(op=SWAPPED[type(op)]())
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            yield operand
        case ast.BoolOp(op=op, values=values):
            yield but(op=SWAPPED[type(op)]())
            for k in range(len(values)):
                yield but(values=values[:k] + values[k + 1 :]) if len(values) > 2 else values[1 - k]
        case ast.Compare(ops=ops):
            for k, op in enumerate(ops):
                others = (
                    [bound for bound in BOUNDS if not isinstance(op, bound)] if isinstance(op, BOUNDS) else [SWAPPED[type(op)]]
                )
                yield from (but(ops=[*ops[:k], other(), *ops[k + 1 :]]) for other in others)
        case ast.IfExp(body=body, orelse=orelse):
            yield but(body=orelse, orelse=body)
        case ast.Constant(value=bool(value)):
            yield but(value=not value)
        case ast.Constant(value=int(value) | float(value)):
            yield but(value=value + 1)
        case ast.Name(id=name) if name in SIBLING and len(name) > 1:
            yield but(id=SIBLING[name])
        case ast.Attribute(attr=name) if name in SIBLING:
            yield but(attr=SIBLING[name])
        case ast.Call(args=[first, second, *rest]) if ast.unparse(node.func).removeprefix("np.") not in UNORDERED:
            if not isinstance(first, ast.Starred) and not isinstance(second, ast.Starred):
                yield but(args=[second, first, *rest])


def changes_of_a_statement(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """What may stand in the place of a statement or of its condition."""
    match node:
        case ast.If(test=test) | ast.While(test=test):
            yield test, f"(not ({ast.unparse(test)}))"
        case ast.AugAssign(target=target, op=op, value=value):
            yield node, f"{ast.unparse(target)} = {ast.unparse(value)}"
            if type(op) in SWAPPED:
                yield node, ast.unparse(ast.AugAssign(target, SWAPPED[type(op)](), value))
            yield node, "pass"
        case ast.Expr() | ast.Raise() | ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield node, "pass"
        case ast.Assign(targets=[ast.Tuple()], value=ast.Tuple(elts=[first, second, *rest]) as values):
            yield values, ast.unparse(ast.Tuple([second, first, *rest], ast.Load()))
        case ast.Return(value=ast.expr()):
            yield node, "return None"
        case ast.Break():
            yield node, "continue"
        case ast.Continue():
            yield node, "break"
        case ast.ExceptHandler(type=ast.Tuple(elts=kinds) as caught):
            for kind in kinds:
                yield caught, ast.unparse(ast.Tuple([other for other in kinds if other is not kind], ast.Load()))


def changes_of_a_formula(text: str, operands: int) -> Iterator[str]:
    """The formulas that differ from a text of the table in one place."""
    tree, place = ast.parse(text, mode="eval").body, Lines(text)
    if not isinstance(tree, ast.Compare | ast.BoolOp):
        yield f"-({text})"
    for node in ast.walk(tree):
        others = list(changes(node))
        match node:
            case ast.Name(id="x" | "y" as name) if operands == 2:
                others.append(ast.Name("y" if name == "x" else "x"))
            case ast.Name(id="out"):
                others.append(ast.Name("x"))
            case ast.BinOp(left=left, right=right):
                others += [left, right]  # a factor or a term is forgotten
        yield from (replaced(text, *place.span(node), f"({ast.unparse(other)})") for other in others)


class Lines:
    """The lines of a source, and where a node stands in it, in bytes: ast counts bytes."""

    def __init__(self, source: str) -> None:
        raw = source.encode().splitlines(keepends=True)
        self.texts = [line.decode().strip() for line in raw]
        self._starts = [0, *accumulate(map(len, raw))]

    def span(self, node: ast.AST) -> tuple[int, int]:
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[node.end_lineno - 1] + node.end_col_offset


# --- where they are made ----------------------------------------------------------------------------------------------


def parts(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a tree that do something: no docstrings, annotations, decorators, imports or messages."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.JoinedStr() | ast.Expr(value=ast.Constant()) | ast.AnnAssign(value=None):
            return
        case ast.FunctionDef(decorator_list=[ast.Name(id="overload")]) | ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return
        case ast.keyword(arg="strict" | "samples" | "kinks"):  # a guard of zip against ourselves; ranges of tests; words
            return
    yield node
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func).endswith("Error"):
        return
    for name, field in ast.iter_fields(node):
        if name not in ("annotation", "returns", "decorator_list"):
            for child in field if isinstance(field, list) else [field]:
                if isinstance(child, ast.AST):
                    yield from parts(child)


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def same(node: ast.AST, text: str) -> bool:
    """Whether a text says what the node says."""
    other = ast.parse(text, mode="eval").body if isinstance(node, ast.expr) else ast.parse(text).body[0]
    return ast.dump(node) == ast.dump(other)


def mutants_of(file: str, source: str) -> list[Mutant]:
    """All mutants of a Python file; of its calls ``Op(name, value, partials, ...)`` those of the formulas."""
    lines = Lines(source)
    found: dict[tuple[int, int, str], Mutant] = {}

    def add(node: ast.AST, text: str) -> None:
        if not same(node, text):
            start, end = lines.span(node)
            before = source.encode()[start:end].decode()
            mutant = Mutant(file, node.lineno, lines.texts[node.lineno - 1], before, text, start, end)
            found.setdefault((start, end, text), mutant)

    for node in parts(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id="Op"), args=[name, value, ast.Tuple(elts=partials) as both], keywords=keywords) if (
                all(map(is_text, [name, value, *partials]))
            ):
                domains = [keyword.value for keyword in keywords if keyword.arg == "domain" and is_text(keyword.value)]
                for text in [value, *partials, *domains]:
                    for formula in changes_of_a_formula(text.value, len(partials)):
                        if not same(ast.parse(text.value, mode="eval").body, formula):
                            add(text, f'"{ast.unparse(ast.parse(formula))}"')
                if len(partials) == 2:
                    add(both, ast.unparse(ast.Tuple(partials[::-1], ast.Load())))
            case ast.expr():
                for other in changes(node):
                    add(node, f"({ast.unparse(other)})")
            case _:
                for place, text in changes_of_a_statement(node):
                    add(place, text)
    return list(found.values())


def sample(mutants: Iterable[Mutant], size: int, seed: int) -> list[Mutant]:
    """So many of the mutants, in their order: the same ones wherever the lines stand and whatever the files are called."""
    seen: Counter[tuple[str, ...]] = Counter()
    drawn = []
    for place, mutant in enumerate(mutants):
        words = (mutant.line, mutant.before, mutant.after)
        seen[words] += 1
        lot = hashlib.sha256(repr((seed, words, seen[words])).encode()).digest()
        drawn.append((lot, place, mutant))
    return [mutant for _, _, mutant in sorted(sorted(drawn)[:size], key=lambda draw: draw[1])]
