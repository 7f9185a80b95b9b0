"""What NumPy looks for on the entries of an array of objects: ``np.arctan(array)`` calls ``arctan()`` of each.

So ``np.arctan``, ``np.std`` and ``np.round`` work on an array of Values. A test tries all of NumPy, and writes docs/numpy.md.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

from autograd.rules.op import Op
from autograd.rules.primitives import PRIMITIVES
from autograd.text import described

if TYPE_CHECKING:
    from autograd.value import Operand


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


def one_at_a_time(op: Op, many: Any) -> str:
    """What to say where an operation of numbers was given a list or an array: how to apply it to each entry.

    >>> from autograd import OPS
    >>> print(one_at_a_time(OPS["sigmoid"], [1.0, 2.0]))
    autograd.sigmoid takes one number or Value, but got [1.0, 2.0] of type list; for each entry write \
[autograd.sigmoid(x) for x in xs]
    """
    name = f"autograd.{op.name}"
    if op.arity == 2:
        each = f"[{name}(x, y) for x, y in zip(xs, ys)]"
        return f"{name} takes numbers and Values, one at a time, but got {described(many)}; for each pair write {each}"
    each = f"[{name}(x) for x in xs]"
    primitive = PRIMITIVES.get(op.name)
    if "numpy" in sys.modules and isinstance(many, sys.modules["numpy"].ndarray) and primitive and primitive.numpy is not None:
        each = f"np.{primitive.numpy or op.name}(array)"
    return f"{name} takes one number or Value, but got {described(many)}; for each entry write {each}"
