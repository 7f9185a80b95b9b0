"""What a kernel must know of a row of the table: what its derivatives read, and whether it is a few instructions."""

from __future__ import annotations

import ast
from functools import lru_cache

from autograd.rules.grammar import names_in
from autograd.rules.op import OPS, Op
from autograd.rules.primitives import PRIMITIVES


def read_backward(op: Op) -> set[str]:
    """Which of its operands and out the local derivatives of an operation read. Those of a rectifier follow from the result alone."""
    names = {name for text in op.partials for name in names_in(text)} & {*op.operands, "out"}
    return {"out"} if names and op.is_rectifier else names


def is_light(op: Op) -> bool:
    """Whether the operation has one operand, and its value and its derivative take a few instructions each."""
    return op.arity == 1 and not op.is_family and all(_is_light(text) for text in (op.value, *op.partials))


@lru_cache(maxsize=4096)
def _is_light(text: str) -> bool:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Pow | ast.Div):
            return False
        if isinstance(node, ast.Call):
            name = node.func.id  # type: ignore[attr-defined]  # the grammar allows no other calls
            if not (PRIMITIVES[name].llvm == "llvm.fabs" if name in PRIMITIVES else _is_light(OPS[name].value)):
                return False
    return True
