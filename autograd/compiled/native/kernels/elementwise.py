"""Kernels of single operations: forward, and backward with the local derivatives computed anew from the table.

A kernel runs a group of n equal operations, and for each of them one vector of examples after the other. An operand varies
(``v``: a number for each example of the block) or is shared (``s``: one number for all). The backward kernel does with an
operand's adjoint what was decided when the tape was laid out:

    none     nothing: the operand depends on no wanted leaf
    first    store the contribution: it is the first, so nothing has to be cleared
    add      add the contribution; a shared operand has a sum in each lane until the call ends

What a contribution is, in fast code and in careful code, says ``products.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from autograd.compiled.native.kernels.products import passed_on
from autograd.compiled.native.kernels.row_facts import read_backward
from autograd.compiled.native.llvm.formula import MAX_PRODUCT_EXPONENT, Formula, operation_name
from autograd.compiled.native.llvm.ir import WORD_BYTES, Code, Number
from autograd.compiled.native.llvm.jit import ARGUMENTS, next_kernel
from autograd.rules.grammar import names_in
from autograd.rules.op import Op


def fixed_constant(op: Op) -> float | None:
    """The constant of a family if kernels are compiled for it, as for small powers; others stand in the stream."""
    fixed = op.c is not None and op.c in range(MAX_PRODUCT_EXPONENT + 1)
    return float(op.c) if fixed and op.c is not None else None


class ElementwiseKernel(NamedTuple):
    """A group of equal operations: forward if ``actions`` is empty, else backward, with an action for each operand's adjoint.

    ``kinds`` has a letter for each operand, ``v`` or ``s``. The instruction: kernel, n, vectors, the constant unless the kernel
    is compiled for it; for each operation its ``fields``. In ``careful`` code each product is rounded, and what is cut passes
    nothing on.
    """

    op: Op
    constant: float | None
    lanes: int
    kinds: str
    actions: tuple[str, ...] = ()
    careful: bool = False

    @property
    def name(self) -> str:
        """For example ``mul.vs.first.add.x8``."""
        careful = ["careful"] * self.careful
        return ".".join([operation_name(self.op, self.constant), self.kinds, *self.actions, f"x{self.lanes}", *careful])

    @property
    def fields(self) -> list[str]:
        """What the instruction holds for each operation: the offsets of primals, and backward also of adjoints."""
        operands = self.op.operands
        adjoints = [f"{name} adjoint" for name, action in zip(operands, self.actions, strict=False) if action != "none"]
        return [*operands, "out", *(["out adjoint"] if self.actions else []), *adjoints]

    def write(self) -> Code:
        op = self.op
        code = Code(self.name, ARGUMENTS, self.lanes, fused=not self.careful)
        count, vectors = code.word("%pc", 1), code.word("%pc", 2)
        constants: dict[str, Number] = {}
        start = 3 * WORD_BYTES
        if op.is_family:
            constants["c"] = self.constant if self.constant is not None else code.broadcast(code.at("%pc", start))
            start += WORD_BYTES * (self.constant is None)
        cursor = code.variable("ptr", code.at("%pc", start))
        with code.repeat(count):
            offsets = code.let(f"load ptr, ptr {cursor}")
            addresses = {field: code.at("%base", code.word(offsets, i)) for i, field in enumerate(self.fields)}
            if self.lanes == 1:
                self._vector(code, op, constants, addresses, 0)
            else:
                with code.repeat(vectors) as u:
                    self._vector(code, op, constants, addresses, code.times(u, self.lanes * WORD_BYTES))
            code.emit(f"store ptr {code.at(offsets, len(self.fields) * WORD_BYTES)}, ptr {cursor}")
        next_kernel(code, code.let(f"load ptr, ptr {cursor}"))
        return code

    def _vector(
        self, code: Code, op: Op, constants: Mapping[str, Number], addresses: Mapping[str, str], offset: str | int
    ) -> None:
        """One vector of one operation, ``offset`` bytes after the block's first."""
        formula = Formula(code)
        texts = op.partials if self.actions else (op.value,)
        names = dict(constants)
        for operand, kind in zip(op.operands, self.kinds, strict=True):
            if any(operand in names_in(text) for text in texts):
                reads_operand = not self.actions or operand in read_backward(op)
                address = addresses[operand if reads_operand else "out"]  # a rectifier's derivative at its result is the same
                names[operand] = code.broadcast(address) if kind == "s" else code.load(code.at(address, offset))
        if not self.actions:
            code.store(formula.of(op.value, names), code.at(addresses["out"], offset))
            return
        if any("out" in names_in(text) for text in texts):
            names["out"] = code.load(code.at(addresses["out"], offset))
        adjoint = code.load(code.at(addresses["out adjoint"], offset))
        contributions = [
            None if action == "none" else passed_on(code, formula.of(text, names), adjoint, self.careful, cut)
            for text, cut, action in zip(texts, self._cuts(formula, names), self.actions, strict=True)
        ]
        for operand, kind, action, contribution in zip(op.operands, self.kinds, self.actions, contributions, strict=True):
            if contribution is not None:
                address = code.at(addresses[f"{operand} adjoint"], offset if kind == "v" else 0)
                total = contribution if action == "first" else code.binary("fadd", code.load(address), contribution)
                code.store(total, address)

    def _cuts(self, formula: Formula, names: Mapping[str, Number]) -> list[bool | str]:
        """For each operand where it is cut, if that is of interest."""
        wanted = [
            self.careful and cut != "" and action != "none" for cut, action in zip(self.op.cuts, self.actions, strict=True)
        ]
        return [want and formula.holds(cut, names) for cut, want in zip(self.op.cuts, wanted, strict=True)]
