"""Formula turns a text of the table of derivatives into machine instructions, for one number or for a vector of them.

It is the third reader of a row, beside Python's functions and the recorder of derivatives. The tree of
``"(1 + out) * (1 - out)"`` becomes an addition, a subtraction and a multiplication. A choice computes both sides and selects
one; a call of another row becomes the formula of that row.

A single number takes the C library's functions. A vector of two lanes or more takes the functions of ``exp_tanh``, then the C
library's vector functions where they exist (off by at most 4 units in the last place). Small integer powers are products.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import reduce

from autograd.compiled.native.llvm import exp_tanh
from autograd.compiled.native.llvm.c_library import scalar_function, vector_function
from autograd.compiled.native.llvm.ir import Code, Number
from autograd.compiled.native.llvm.jit import native_lanes
from autograd.rules.grammar import Floats
from autograd.rules.op import OPS, Op
from autograd.rules.primitives import PRIMITIVES

INSTRUCTIONS: dict[type[ast.AST], str] = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}
COMPARISONS: dict[type[ast.AST], str] = {
    ast.Lt: "olt", ast.LtE: "ole", ast.Gt: "ogt", ast.GtE: "oge", ast.Eq: "oeq", ast.NotEq: "une",
}  # fmt: skip
MAX_PRODUCT_EXPONENT = 4  # integer powers up to this one are products


class Formula:
    """Writes to ``code`` how the value of a text is computed. A name in the text stands for a computed value or a constant.

    >>> code = Code("f", "ptr %p", lanes=1)
    >>> x = code.load("%p")
    >>> code.store(Formula(code).of("0 if x <= 0 else x", {"x": x}), "%p")
    >>> print(code.text())
    define void @f(ptr %p) {
    begin:
      %v1 = load double, ptr %p, align 8
      %v2 = fcmp ole double %v1, 0x0000000000000000
      %v3 = select i1 %v2, double 0x0000000000000000, double %v1
      store double %v3, ptr %p, align 8
    }
    """

    def __init__(self, code: Code) -> None:
        self.code = code

    def of(self, text: str, names: Mapping[str, Number]) -> Number:
        """The value of the text: a name in the code, or a constant."""
        tree = Floats().visit(ast.parse(text, mode="eval").body)  # literals are floats, and ** is a call of pow
        return self._of(tree, names)

    def holds(self, text: str, names: Mapping[str, Number]) -> bool | str:
        """Whether a condition holds: a mask in the code, or a bool if that is known now."""
        return self._holds(Floats().visit(ast.parse(text, mode="eval").body), names)

    def _holds(self, tree: ast.expr, names: Mapping[str, Number]) -> bool | str:
        match tree:
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                return self._comparison(COMPARISONS[type(operator)], self._of(left, names), self._of(right, names))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                holds = self._holds(operand, names)
                return not holds if isinstance(holds, bool) else self.code.negated(holds)
            case ast.BoolOp(op=operator, values=values):
                decisive = isinstance(operator, ast.Or)
                parts = [self._holds(value, names) for value in values]
                masks = [part for part in parts if isinstance(part, str)]
                if any(part is decisive for part in parts) or not masks:
                    return any(part is decisive for part in parts) is decisive
                instruction = "or" if decisive else "and"
                return reduce(lambda a, b: self.code.let(f"{instruction} {self.code.bits} {a}, {b}"), masks)
            case ast.Constant(value=bool(value)):
                return value
            case _:
                raise AssertionError(ast.dump(tree))

    def _of(self, tree: ast.expr, names: Mapping[str, Number]) -> Number:
        match tree:
            case ast.Name(id=name):
                return names[name]
            case ast.Constant(value=float(value)):
                return value
            case ast.UnaryOp(operand=operand):
                return self._negative(self._of(operand, names))
            case ast.BinOp(left=left, op=operator, right=right):
                return self._binary(INSTRUCTIONS[type(operator)], self._of(left, names), self._of(right, names))
            case ast.IfExp(test=ast.Compare() as test, body=body, orelse=orelse):
                return self._choice(test, body, orelse, names)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._call(name, [self._of(argument, names) for argument in arguments])
            case _:
                raise AssertionError(ast.dump(tree))  # the grammar was checked when the row was made

    def _negative(self, x: Number) -> Number:
        return -x if isinstance(x, float) else self.code.let(f"fneg {self.code.type} {x}")

    def _binary(self, instruction: str, x: Number, y: Number) -> Number:
        if isinstance(x, float) and isinstance(y, float) and instruction != "fdiv":
            return {"fadd": x + y, "fsub": x - y, "fmul": x * y}[instruction]
        return self.code.binary(instruction, x, y)

    def _choice(self, test: ast.Compare, body: ast.expr, orelse: ast.expr, names: Mapping[str, Number]) -> Number:
        holds = self._holds(test, names)
        if isinstance(holds, bool):
            return self._of(body if holds else orelse, names)
        return self.code.select(holds, self._of(body, names), self._of(orelse, names))

    def _comparison(self, comparison: str, x: Number, y: Number) -> bool | str:
        if isinstance(x, float) and isinstance(y, float):
            return {"olt": x < y, "ole": x <= y, "ogt": x > y, "oge": x >= y, "oeq": x == y, "une": x != y}[comparison]
        return self.code.let(f"fcmp {comparison} {self.code.type} {self.code.number(x)}, {self.code.number(y)}")

    def _call(self, name: str, arguments: list[Number]) -> Number:
        if name == "pow":
            return self._power(*arguments)
        if name not in PRIMITIVES:
            row = OPS[name]
            return self.of(row.value, dict(zip(row.operands, arguments, strict=True)))
        return self._function(name, PRIMITIVES[name].llvm, arguments)

    def _power(self, x: Number, exponent: Number) -> Number:
        if isinstance(exponent, float) and exponent in range(MAX_PRODUCT_EXPONENT + 1):
            product: Number = 1.0
            for _ in range(int(exponent)):
                product = x if product == 1.0 else self._binary("fmul", product, x)
            return product
        return self._function("pow", "", [x, exponent])

    def _function(self, name: str, intrinsic: str, arguments: list[Number]) -> str:
        """A primitive: an instruction of the machine, or a function for all lanes at once, or one for lane after lane."""
        code = self.code
        operands = [code.number(argument) for argument in arguments]
        if intrinsic:
            return code.call(f"{intrinsic}.{code.suffix}", *operands)
        if code.lanes == 1:
            return code.call(scalar_function(name), *operands)
        if name in exp_tanh.FUNCTIONS:
            return exp_tanh.FUNCTIONS[name](code, *operands)
        if code.lanes <= native_lanes() and (vector := vector_function(name, code.lanes, len(operands))):
            return code.call(vector.name, *operands, convention=vector.convention)
        return self._lane_by_lane(scalar_function(name), operands)

    def _lane_by_lane(self, function: str, arguments: list[str]) -> str:
        code, result = self.code, "poison"
        for k in range(code.lanes):
            parts = [code.lane(argument, k) for argument in arguments]
            result = code.with_lane(result, k, code.call_of_doubles(function, *parts))
        return result


_NAMES: dict[str, tuple[object, ...]] = {}


def operation_name(op: Op, constant: float | None = None) -> str:
    """The name of an operation in the names of kernels. No other operation has it, although the user may call a row ``pow2``,
    or give a name again that another row had before."""
    name = op.name + ("" if constant is None else f"{constant:g}")
    texts = (op.name, op.value, op.partials, op.cuts)
    while _NAMES.setdefault(name, texts) != texts:
        name += "_"
    return name
