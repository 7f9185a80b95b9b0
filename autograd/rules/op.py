"""Op: one operation, as a row of the table of derivatives (``ops.py``), and the functions compiled from its texts."""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import FunctionType
from typing import Any

from autograd.interrupts import cached
from autograd.rules import grammar, primitives
from autograd.rules.cut import cut_condition
from autograd.rules.exact_powers import bits
from autograd.rules.numbers import Number, number
from autograd.text import described, short_repr

OPS: "dict[str, Op]" = {}  # every row by its name
MAX_SYMBOL_BITS = 1000  # of a constant that a symbol shows with all its digits
AS_TEXT = "write Op('square', 'x * x', ('2 * x',)): each reader of the table makes its own function of the texts"
STAIRCASES = {"floor", "rint", "fmod"}  # the primitives with steps


class CallTable(dict[str, Callable[..., Any]]):
    """The functions that the texts of rows call, as one reader needs them: the primitives, and on demand the values of rows."""

    def __init__(self, reader: type[ast.NodeTransformer], functions: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__(functions)
        self.reader = reader

    def __missing__(self, name: str) -> Callable[..., Any]:
        row = OPS[name]
        self[name] = grammar.compiled(self.reader, name, row.operands, (row.value,), self)
        return self[name]


FLOATS = CallTable(grammar.Floats, grammar.Floats.FUNCTIONS)
EXACT = CallTable(grammar.Exact, grammar.Exact.FUNCTIONS)
DOMAIN = CallTable(grammar.Exact, {"whole": grammar.is_integer})
IEEE = CallTable(
    grammar.Calls,
    {
        "add": operator.add, "sub": operator.sub, "mul": operator.mul, "neg": operator.neg,
        "div": primitives.divide, "power": primitives.power,
        **{name: primitive.ieee for name, primitive in primitives.PRIMITIVES.items()},
    },
)  # fmt: skip


class Op:
    r"""One operation: a row of the table.

    For :math:`out = f(x, y)` the row states :math:`f`, :math:`\partial f/\partial x` and :math:`\partial f/\partial y`. When a
    row is made, it is checked and entered in ``OPS``; then every reader knows it. ``autograd.apply(op, x)`` applies a row of
    your own. The same row may be made again, as when a notebook's cell is run twice.

    Args:
        name: the function's name, unique in the table.
        value: the result, from the operands x (and y).
        partials: the derivatives of the result with respect to the operands; they may also read ``out``.
        symbol: what a graph shows; the name if left out. ``{c}`` stands for the constant.
        latex: the function's name in LaTeX, or the whole formula with ``{x}`` (and ``{y}``) for its operands.
        domain: the condition under which finite operands have a result; empty: always.
        remedy: what to try when an operand lies outside the domain.
        kinks: expressions that are 0 where the row has a kink, each with the convention taken there.
        convention: the condition under which the derivatives are a convention, and not what their formulas say; empty: never.
        samples: the ranges from which tests and examples draw the operands.
        default: the constant of a family (a row that reads c) if none is given.

    Raises:
        TypeError: if something is no text, or the partials are no tuple.
        ValueError: if a text is not of the language, a partial chooses on anything but c, or the name is taken by another row.

    Source: Griewank & Walther, *Evaluating Derivatives* (2008), table 2.3: elementals and their partials.

    >>> from autograd.ops import MUL, POW
    >>> OPS["tanh"].partials
    ('(1 + out) * (1 - out)',)
    >>> MUL.kernel(2.0, 5.0)                  # the result, then the local derivatives
    (10.0, 5.0, 2.0)
    >>> POW.at(3).symbol, POW.at(3).kernel(2.0)
    ('**3', (8.0, 12.0))
    """

    def __init__(
        self,
        name: str,
        value: str,
        partials: tuple[str, ...],
        *,
        symbol: str = "",
        latex: str = "",
        domain: str = "",
        remedy: str = "",
        kinks: Mapping[str, str] | None = None,
        convention: str = "",
        samples: tuple[tuple[float, float], ...] = (),
        default: Number | None = None,
    ) -> None:
        texts = {"symbol": symbol, "latex": latex, "domain": domain, "remedy": remedy, "convention": convention}
        self._require_texts(name, value, partials, texts)
        if not isinstance(kinks or {}, Mapping):
            raise TypeError(
                f"the kinks of row {name!r} are a dict, from each formula to its convention, but got {described(kinks)}"
            )
        partials = tuple(partials)
        if not (name.isidentifier() and name.isascii()):
            raise ValueError(f"a row needs a name, an identifier of ASCII letters, but got {short_repr(name)}")
        if not 1 <= len(partials) <= 2:
            raise ValueError(f"row {name!r} needs one partial for each of its 1 or 2 operands, but has {len(partials)}")
        self.name, self.value, self.partials = name, value, partials
        self.symbol, self.domain, self.remedy = symbol or name, domain, remedy
        self.latex = latex or rf"\operatorname{{{name}}}".replace("_", r"\_")
        self.kinks, self.convention, self.default = dict(kinks or {}), convention, default
        self.samples = samples or ((-3.0, 3.0),) * len(partials)
        self.c: Number | None = None  # the constant, in a member of a family
        taken = OPS.get(name)
        if taken and {**vars(taken), **vars(self)} != vars(taken):
            raise ValueError(f"a row needs a name of its own, but {name!r} is taken by {taken!r}")
        self._check()
        OPS[name] = self

    @staticmethod
    def _require_texts(name: Any, value: Any, partials: Any, others: Mapping[str, Any]) -> None:
        """Refuse what is not written as a row is: as texts, with a tuple of partials."""
        for what, text in {"name": name, "value": value, **others}.items():
            if not isinstance(text, str):
                raise TypeError(f"the {what} of a row is a text, but got {described(text)}; {AS_TEXT}")
        if isinstance(partials, str):
            raise TypeError(
                f"the partials of row {name!r} are a tuple, with a comma also if there is one, ({partials!r},), but got a text"
            )
        if not isinstance(partials, tuple | list):
            raise TypeError(
                f"the partials of row {name!r} are a tuple of texts, one for each operand, but got {described(partials)}; {AS_TEXT}"
            )
        for partial in partials:
            if not isinstance(partial, str):
                raise TypeError(f"a partial of row {name!r} is a text, but got {described(partial)}; {AS_TEXT}")

    def _check(self) -> None:
        grammar.parse(self.value, (*self.operands, "c"), _arity, f"the value of row {self.name!r}")
        names = (*self.operands, "c") if self.is_family else self.operands
        arity = _arity if self.is_family else lambda name: self.arity if name == self.name else _arity(name)
        for operand, partial in zip(self.operands, self.partials, strict=True):
            where = f"the partial in {operand} of row {self.name!r}"
            tree = grammar.parse(partial, (*names, "out"), arity, where)
            if "if" in partial and _names_chosen_on(tree) - {"c"}:  # few texts choose, and the table has many
                raise ValueError(f"{where} may choose on the constant c alone; say it with step, sign or heaviside")
        for what, condition in (("domain", self.domain), ("convention", self.convention)):
            if condition:
                grammar.parse_condition(condition, names, f"the {what} of row {self.name!r}")
        for kink in self.kinks:
            grammar.parse(kink, names, arity, f"a kink of row {self.name!r}")

    def __repr__(self) -> str:
        constant = "" if self.c is None else f".at({self.c!r})"
        return f"<Op {self.name}{constant}: {self.value}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _find, (self.name, self.c)  # so a copy of a graph shares the table

    @property
    def arity(self) -> int:
        """The number of operands: 1 or 2."""
        return len(self.partials)

    @property
    def operands(self) -> tuple[str, ...]:
        """The names of the operands in the row's texts."""
        return ("x", "y")[: self.arity]

    @property
    def formula(self) -> str:
        """The operation as messages write it.

        >>> OPS["mod"].formula, OPS["atan2"].formula, OPS["pow"].formula
        ('x % y', 'atan2(x, y)', 'x ** c')
        """
        if self.is_family:
            return self.value
        return (
            f"{self.name}({', '.join(self.operands)})" if self.arity == 1 or self.symbol == self.name else f"x {self.symbol} y"
        )

    @cached
    def is_family(self) -> bool:
        """Whether the row reads a constant c; ``at`` gives it one."""
        return re.search(r"\bc\b", self.value) is not None  # quicker than its tree, for each row at import

    @cached
    def constant_partials(self) -> tuple[int | None, ...]:
        """For each operand the local derivative if it is the same number everywhere, 0, 1 or -1; else None.

        >>> OPS["sub"].constant_partials, OPS["mul"].constant_partials, OPS["step"].constant_partials
        ((1, -1), (None, None), (0,))
        """
        return tuple(int(partial) if partial in ("0", "1", "-1") else None for partial in self.partials)

    @cached
    def cuts(self) -> tuple[str, ...]:
        """For each operand the condition, in the language of rows, under which it is not chosen and its partial passes nothing on.

        It is read off the partial's text: where that arrives at a literal 0. ``""`` is never, and ``"True"`` always.

        >>> OPS["relu"].cuts, OPS["maximum"].cuts, OPS["detach"].cuts, OPS["mul"].cuts
        (('x <= 0',), ('x < y', 'y < x'), ('True',), ('', ''))
        """
        return tuple(cut_condition(partial, OPS, self.c) for partial in self.partials)

    @property
    def detaches(self) -> bool:
        """Whether the result is the operand itself, and yet no gradient passes."""
        return self.value == "x" and self.cuts == ("True",)

    @cached
    def _ignored(self) -> tuple[Callable[..., bool] | None, ...]:
        match ast.parse(self.value, mode="eval").body:
            case ast.IfExp(test=test, body=body):
                read = grammar.names_in(ast.unparse(test)) | grammar.names_in(ast.unparse(body))
                return tuple(None if name in read else self._compiled(DOMAIN, (ast.unparse(test),)) for name in self.operands)
        return (None,) * self.arity

    def ignores(self, *operands: float) -> tuple[bool, ...]:
        """For each operand whether the value is chosen without a look at it.

        >>> OPS["when"].ignores(0.0, 5.0), OPS["when"].ignores(1.0, 5.0), OPS["relu"].ignores(-1.0)
        ((False, True), (False, False), (False,))
        """
        return tuple(test is not None and test(*operands) for test in self._ignored)

    @cached
    def is_comparison(self) -> bool:
        """Whether the result is a condition on both operands: 1 where it holds, else 0.

        >>> OPS["less"].is_comparison, OPS["step"].is_comparison
        (True, False)
        """
        match ast.parse(self.value, mode="eval").body:
            case ast.IfExp(
                test=ast.Compare(left=ast.Name("x"), comparators=[ast.Name("y")]), body=ast.Constant(1), orelse=ast.Constant(0)
            ):
                return True
        return False

    @cached
    def is_staircase(self) -> bool:
        """Whether the value has steps without end, as that of ``floor`` has: differences may pass over any number of them.

        >>> OPS["floordiv"].is_staircase, OPS["step"].is_staircase
        (True, False)
        """
        called = grammar.names_in(self.value)
        return not called.isdisjoint(STAIRCASES) or any(
            OPS[name].is_staircase for name in called & (OPS.keys() - primitives.PRIMITIVES.keys())
        )

    @cached
    def is_rectifier(self) -> bool:
        """Whether the result is the operand or 0, as relu's is, and the derivative at 0 is 0.

        Then the derivative at the operand equals the derivative at the result, so a backward pass can do without the operand.
        """
        match ast.parse(self.value, mode="eval").body:
            case ast.IfExp(body=ast.Constant(value=0), orelse=ast.Name(id="x")) if self.arity == 1:
                return bool(self.ieee(0.0)[1] == 0)
        return False

    def at(self, c: Number | None = None) -> "Op":
        """The member of the family with this constant, or the default: ``POW.at(3)`` is the operation of ``x ** 3``.

        >>> from autograd.ops import LEAKY_RELU
        >>> LEAKY_RELU.at(0.5).kernel(-2.0)
        (-1.0, 0.5)
        """
        if c is None and self.default is None:
            raise ValueError(f"row {self.name!r} has no default constant; give it one: at(c)")
        return _member(self, self.default if c is None else number(c))

    # --- the readers: each compiles the row for its kind of number, when it is first asked ----------------------------

    @cached
    def kernel(self) -> Callable[..., tuple[Any, ...]]:
        """For floats: ``kernel(x, y)`` is ``(out, dx, dy)``, the result and its local derivatives, ``CUT`` where they are cut."""
        return self._compiled(FLOATS, self._texts)

    @cached
    def exact(self) -> Callable[..., tuple[Any, ...]]:
        """The same for int and Fraction: the literals are integers, so Fractions stay Fractions."""
        return self._compiled(EXACT, self._texts)

    @cached
    def ieee(self) -> Callable[..., tuple[Any, ...]]:
        """The same for floats by the rules of IEEE 754: overflow and poles give inf or nan, and nothing raises."""
        return self._compiled(IEEE, self._texts)

    @cached
    def defined(self) -> Callable[..., bool]:
        """Whether finite operands lie in the row's domain."""
        return self._compiled(DOMAIN, (self.domain or "0 == 0",))

    @cached
    def is_convention(self) -> Callable[..., bool]:
        """Whether the derivatives at these operands are a convention, and not what their formulas say.

        >>> OPS["power"].is_convention(0.0, 2.0), OPS["power"].is_convention(3.0, 2.0), OPS["mul"].is_convention(0.0, 2.0)
        (True, False, False)
        """
        return self._compiled(DOMAIN, (self.convention or "0 == 1",))

    @cached
    def _kinks(self) -> tuple[Callable[..., Any], ...]:
        return tuple(self._compiled(IEEE, (kink,)) for kink in self.kinks)

    def kink_values(self, *operands: float) -> tuple[float, ...]:
        """The values of the expressions that are 0 where the row has a kink.

        >>> OPS["maximum"].kink_values(2.0, 5.0)
        (-3.0,)
        """
        return tuple(kink(*operands) for kink in self._kinks)

    def is_kink(self, *operands: float) -> bool:
        """Whether the row has a kink at these operands, where its derivative is a convention.

        >>> OPS["relu"].is_kink(0.0), OPS["maximum"].is_kink(2.0, 2.0), OPS["exp"].is_kink(0.0)
        (True, True, False)
        """
        return 0 in self.kink_values(*operands)

    @cached
    def _branches(self) -> tuple[Callable[..., Any], ...]:
        tests = (node for node in ast.walk(ast.parse(self.value, mode="eval")) if isinstance(node, ast.Compare))
        texts = (f"({ast.unparse(test.left)}) - ({ast.unparse(test.comparators[0])})" for test in tests)
        return tuple(self._compiled(IEEE, (text,)) for text in texts)

    def is_tied(self, *operands: float) -> bool:
        """Whether the row has a kink at these operands, or its value takes another branch there.

        >>> OPS["elu"].is_tied(0.0), OPS["elu"].is_tied(1.0)
        (True, False)
        """
        return self.is_kink(*operands) or any(branch(*operands) == 0 for branch in self._branches)

    def distance_from_kink(self, *operands: float) -> float:
        """How far the expression that is 0 at a kink of the row is from 0; inf for a row without kinks.

        >>> OPS["relu"].distance_from_kink(-2.0), OPS["maximum"].distance_from_kink(2.0, 5.0), OPS["exp"].distance_from_kink(0.0)
        (2.0, 3.0, inf)
        """
        return min((abs(kink(*operands)) for kink in self._kinks), default=math.inf)

    def compile_value(self, functions: "CallTable") -> Callable[..., Any]:
        """The function that computes the result from the operands, by calling ``functions``, which decide the number type.

        >>> OPS["silu"].compile_value(FLOATS)(0.0)
        0.0
        """
        return self._compiled(functions, (self.value,))

    def compile_partial(self, functions: "CallTable", index: int) -> Callable[..., Any]:
        """The function that computes partial ``index`` from ``(*operands, out)``, by calling ``functions``.

        ``functions`` decide the number type. If they record, the derivative is a graph of its own.

        >>> OPS["tanh"].compile_partial(FLOATS, 0)(1.0, 0.5)          # (1 + out)(1 - out)
        0.75
        """
        return self._compiled(functions, (self.partials[index],), (*self.operands, "out"))

    def compile_cut(self, functions: "CallTable", index: int) -> Callable[..., Any]:
        """The function that computes from ``(*operands, out)`` whether partial ``index`` is cut, by calling ``functions``.

        >>> OPS["relu"].compile_cut(FLOATS, 0)(-1.0, 0.0)
        True
        """
        return self._compiled(functions, (self.cuts[index],), (*self.operands, "out"))

    @property
    def _texts(self) -> tuple[str, ...]:
        return self.value, *map(grammar.cut_where, self.cuts, self.partials)

    def _compiled(self, functions: "CallTable", texts: tuple[str, ...], arguments: tuple[str, ...] = ()) -> FunctionType:
        arguments = arguments or self.operands
        if not self.is_family:
            return grammar.compiled(functions.reader, self.name, arguments, texts, functions)
        function = grammar.compiled(functions.reader, self.name, (*arguments, "c"), texts, functions)
        function.__defaults__ = (self.c,)  # so a call need not pass the constant
        return function


def _names_chosen_on(tree: ast.expr) -> set[str]:
    tests = [node.test for node in ast.walk(tree) if isinstance(node, ast.IfExp)]
    return {node.id for test in tests for node in ast.walk(test) if isinstance(node, ast.Name)}


def _arity(name: str) -> int | None:
    """The number of operands of a primitive or a row, by its name; None for a family, which needs a constant too."""
    called = primitives.PRIMITIVES.get(name) or OPS.get(name)
    return None if called is None or (isinstance(called, Op) and called.is_family) else called.arity


@lru_cache(maxsize=4096, typed=True)
def _member(family: Op, c: Number) -> Op:
    if not family.is_family:
        raise ValueError(f"row {family.name!r} reads no constant c, so it has no member at {c!r}")
    member = object.__new__(Op)
    for_the_family = (
        "kernel",
        "exact",
        "ieee",
        "defined",
        "is_convention",
        "_kinks",
        "_branches",
        "cuts",
        "_ignored",
    )  # without the constant
    vars(member).update({key: value for key, value in vars(family).items() if key not in for_the_family})
    member.c, member.symbol = c, family.symbol.format(c=c if bits(c) <= MAX_SYMBOL_BITS else f"({bits(c)} bits)")
    return member


def _find(name: str, c: Number | None) -> Op:
    return OPS[name] if c is None else OPS[name].at(c)
