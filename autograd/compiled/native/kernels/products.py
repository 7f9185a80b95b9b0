r"""What a local derivative passes on: its product with an adjoint, in fast code and in careful code.

Fast code multiplies and adds, in one rounding where the machine can. That is right as long as no number is infinite or nan. Careful
code obeys the law of the cut: where a local derivative is cut, nothing is passed on, and where nothing arrived, nothing is passed
on, while a computed zero times infinity is nan. *Nothing* is -0.0, the number that adds nothing to any other, not even to 0.0; a
product that is -0.0 becomes 0.0, so that nothing arises from cuts alone:

.. math:: \text{passed on} = -0.0 \text{ if cut or } \bar v \text{ is } -0.0, \text{ else } \partial\cdot\bar v + 0.0

Careful code also rounds each product: 1e300 * 1e300 - inf is nan, and in one rounding it would be -inf.
"""

from __future__ import annotations

from autograd.compiled.native.llvm.ir import Code, Number

NOTHING, BITS_OF_NOTHING = -0.0, -(2**63)


def passed_on(code: Code, partial: Number, adjoint: Number, careful: bool, cut: bool | str = False) -> Number:
    """What passes to an operand. A partial of 1 or -1 costs no multiplication."""
    if careful and cut is True:
        return NOTHING
    if partial == 1.0:
        product: Number = adjoint
    elif partial == -1.0:
        product = code.let(f"fneg {code.type} {code.number(adjoint)}")
    else:
        product = code.binary("fmul", partial, adjoint)
    if not careful:
        return product
    nothing = is_nothing(code, adjoint)
    if isinstance(cut, str):
        nothing = code.let(f"or {code.bits} {nothing}, {cut}")
    return code.select(nothing, NOTHING, code.binary("fadd", product, 0.0))


def is_nothing(code: Code, adjoint: Number) -> str:
    """The mask of lanes to which nothing came."""
    return code.let(f"icmp eq {code.integers} {code.bits_of(adjoint)}, {code.integer(BITS_OF_NOTHING)}")


def add_passed_on(code: Code, weight: str, adjoint: str, total: str, careful: bool) -> str:
    """The total with what passes to an operand by a weight. In careful code ``settled`` is to follow the last one."""
    if not careful:
        return code.multiply_add(weight, adjoint, total)
    something = code.let(f"icmp ne {code.integers} {code.bits_of(adjoint)}, {code.integer(BITS_OF_NOTHING)}")
    return code.select(something, code.binary("fadd", total, code.binary("fmul", weight, adjoint)), total)


def settled(code: Code, total: str, nothing_came: str) -> str:
    """A total of products in careful code: what is -0.0 becomes 0.0, where anything was added."""
    return code.select(nothing_came, total, code.binary("fadd", total, 0.0))
