"""Kernels of single operations: forward, and backward with the local derivatives computed anew from the table.

A kernel works on n equal rows, and for each on one vector of examples after the other. An operand is *per example* (``v``: as
many numbers as the block has examples) or *shared* (``s``: one number for all). What the backward kernel does with an
operand's adjoint was decided when the tape was laid out:

    none     it leads to nothing that is wanted
    first    this is the first contribution: store it, so that nothing has to be cleared
    add      add to what is there; a shared operand sums over examples, in each lane for itself until the call ends
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from autograd.compiled.native.kernels.row_facts import read_backward
from autograd.compiled.native.llvm.formula import MAX_PRODUCT_EXPONENT, Formula, spelled
from autograd.compiled.native.llvm.ir import WORD_BYTES, Code, Number
from autograd.compiled.native.llvm.jit import ARGUMENTS, next_kernel
from autograd.rules.grammar import names_in
from autograd.rules.op import Op


def fixed_constant(op: Op) -> float | None:
    """The constant of a family if the kernel is made for it: small powers are products. Others are read from the stream."""
    fixed = op.c is not None and op.c in range(MAX_PRODUCT_EXPONENT + 1)
    return float(op.c) if fixed and op.c is not None else None


class ElementwiseKernel(NamedTuple):
    """``actions`` is empty for the forward kernel, else it says for each operand what becomes of its adjoint."""

    op: Op
    constant: float | None
    lanes: int
    kinds: str
    actions: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For example ``mul.vs.first.add.x8``."""
        return ".".join([spelled(self.op, self.constant), self.kinds, *self.actions, f"x{self.lanes}"])

    @property
    def fields(self) -> list[str]:
        """What stands in the instruction for each row: offsets of primals, and of adjoints where there are any."""
        operands = self.op.operands
        adjoints = [f"{each} adjoint" for each, action in zip(operands, self.actions, strict=False) if action != "none"]
        return [*operands, "out", *(["out adjoint"] if self.actions else []), *adjoints]

    def write(self) -> Code:
        """The loop over rows. The instruction: kernel, n, vectors, the constant if it is not fixed, and the fields of each row."""
        op = self.op
        code = Code(self.name, ARGUMENTS, self.lanes, fused=True)
        count, vectors = code.word("%pc", 1), code.word("%pc", 2)
        constants: dict[str, Number] = {}
        start = 3 * WORD_BYTES
        if op.is_family:
            constants["c"] = self.constant if self.constant is not None else code.broadcast(code.at("%pc", start))
            start += WORD_BYTES * (self.constant is None)
        place = code.variable("ptr", code.at("%pc", start))
        with code.repeat(count):
            row = code.let(f"load ptr, ptr {place}")
            addresses = {field: code.at("%base", code.word(row, i)) for i, field in enumerate(self.fields)}
            if self.lanes == 1:
                self._vector(code, op, constants, addresses, 0)
            else:
                with code.repeat(vectors) as u:
                    self._vector(code, op, constants, addresses, code.times(u, self.lanes * WORD_BYTES))
            code.emit(f"store ptr {code.at(row, len(self.fields) * WORD_BYTES)}, ptr {place}")
        next_kernel(code, code.let(f"load ptr, ptr {place}"))
        return code

    def _vector(
        self, code: Code, op: Op, constants: Mapping[str, Number], addresses: Mapping[str, str], offset: str | int
    ) -> None:
        """One vector of one row; ``offset`` is its place in the block."""
        formula = Formula(code)
        texts = op.partials if self.actions else (op.value,)
        names = dict(constants)
        for operand, kind in zip(op.operands, self.kinds, strict=True):
            if any(operand in names_in(text) for text in texts):
                kept = not self.actions or operand in read_backward(op)
                address = addresses[operand if kept else "out"]
                names[operand] = code.broadcast(address) if kind == "s" else code.load(code.at(address, offset))
        if not self.actions:
            code.store(formula.of(op.value, names), code.at(addresses["out"], offset))
            return
        if any("out" in names_in(text) for text in texts):
            names["out"] = code.load(code.at(addresses["out"], offset))
        adjoint = code.load(code.at(addresses["out adjoint"], offset))
        terms = [
            None if action == "none" else self._times(code, formula.of(text, names), adjoint)
            for text, action in zip(texts, self.actions, strict=True)
        ]
        for operand, kind, action, term in zip(op.operands, self.kinds, self.actions, terms, strict=True):
            if term is not None:
                address = code.at(addresses[f"{operand} adjoint"], offset if kind == "v" else 0)
                code.store(term if action == "first" else code.binary("fadd", code.load(address), term), address)

    @staticmethod
    def _times(code: Code, partial: Number, adjoint: str) -> str:
        """The contribution. A partial of 1 or -1 leaves an addition or subtraction."""
        if partial == 1.0:
            return adjoint
        if partial == -1.0:
            return code.let(f"fneg {code.type} {adjoint}")
        return code.binary("fmul", partial, adjoint)
