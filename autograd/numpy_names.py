"""What NumPy looks for on the entries of an array of objects: ``np.arctan(array)`` calls ``arctan()`` of each.

So ``np.arctan``, ``np.std`` and ``np.round`` work on an array of Values. A test tries all of NumPy, and writes docs/numpy.md.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autograd.rules.op import Op
from autograd.rules.primitives import PRIMITIVES
from autograd.text import described

if TYPE_CHECKING:
    from autograd.value import Operand


OF_NUMPY = {"maximum", "minimum", "mod"}
"""Rows that are no primitives, and functions of NumPy by the same name."""


class NumpyNames:
    """The functions of a ``Value`` that NumPy calls otherwise than the table does."""

    __slots__ = ()

    # fmt: off
    def arcsin(self: Any) -> Any: return self.asin()
    def arccos(self: Any) -> Any: return self.acos()
    def arctan(self: Any) -> Any: return self.atan()
    def arctan2(self: Any, x: Operand) -> Any: return self.atan2(x)
    def arcsinh(self: Any) -> Any: return self.asinh()
    def arccosh(self: Any) -> Any: return self.acosh()
    def arctanh(self: Any) -> Any: return self.atanh()
    def fmod(self: Any, y: Operand) -> Any: return self.sign() * (abs(self) % abs(y))
    def fabs(self: Any) -> Any: return abs(self)
    def conjugate(self: Any) -> Any: return self
    def degrees(self: Any) -> Any: return self * (180 / math.pi)
    def radians(self: Any) -> Any: return self * (math.pi / 180)
    rad2deg, deg2rad = degrees, radians
    # fmt: on


def one_at_a_time(op: Op, operands: Sequence[Any]) -> str:
    """What to say where an operation of numbers was given a list or an array: how to apply it to each entry.

    >>> from autograd import OPS
    >>> print(one_at_a_time(OPS["sigmoid"], [[1.0, 2.0]]))
    autograd.sigmoid takes one number or Value, but got [1.0, 2.0] of type list; for each entry write \
[autograd.sigmoid(x) for x in xs]
    >>> print(one_at_a_time(OPS["logaddexp"], [0.0, [1.0, 2.0]]))
    autograd.logaddexp takes numbers and Values, one at a time, but got [1.0, 2.0] of type list; for each entry write \
[autograd.logaddexp(x, y) for y in ys]
    """
    name = f"autograd.{op.name}"
    many = {operand: given for operand, given in zip(op.operands, operands, strict=True) if hasattr(given, "__iter__")}
    lists = [f"{operand}s" for operand in many]
    over = lists[0] if len(many) == 1 else f"zip({', '.join(lists)})"
    each = f"[{name}({', '.join(op.operands)}) for {', '.join(many)} in {over}]"
    primitive = PRIMITIVES.get(op.name)
    numpys = op.name if op.name in OF_NUMPY else primitive and primitive.numpy is not None and (primitive.numpy or op.name)
    if numpys and "numpy" in sys.modules and any(isinstance(given, sys.modules["numpy"].ndarray) for given in many.values()):
        arrays = dict.fromkeys(many, "array") if len(many) == 1 else dict(zip(many, lists, strict=True))
        each = f"np.{numpys}({', '.join(arrays.get(operand, operand) for operand in op.operands)})"
    takes = "one number or Value" if op.arity == 1 else "numbers and Values, one at a time"
    entry = "entry" if len(many) == 1 else "pair"
    return f"{name} takes {takes}, but got {described(next(iter(many.values())))}; for each {entry} write {each}"
