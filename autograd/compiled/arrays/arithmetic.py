r"""The products and sums of a buffer: fast ones, and careful ones, which obey the law of the cut.

Careful arithmetic writes *nothing* as -0.0, the number that adds nothing to any other, not even to 0.0. Where a local derivative is
cut, or nothing arrived, nothing is passed on; a product that is -0.0 becomes 0.0, so that nothing arises from cuts alone:

.. math:: \text{passed on} = -0.0 \text{ if cut or } \bar v \text{ is } -0.0, \text{ else } \partial\cdot\bar v + 0.0

A product of matrices may multiply and add in one rounding, so that 1e300 * 1e300 - inf is -inf, and not nan, and it may start from 0.0,
to which -0.0 adds nothing. It is taken as it is where its numbers are finite and not 0; else each product is rounded.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from autograd.compiled.executor import Array

    Product: TypeAlias = Callable[[Array, Array, Array], object]

NOTHING = -0.0
IN_ONE_THREAD = 2**18  # multiplications; with more OpenBLAS uses threads, and each has flags of its own


class Fast:
    """NumPy's own arithmetic; ``doubt`` says whether a number became infinite or nan.

    Attributes:
        careful: whether cuts are asked for.
        start: what adjoints start from.
    """

    careful, start = False, 0.0

    def __init__(self) -> None:
        self.doubt = False

    def flags(self) -> np.errstate:
        """While this context lasts, ``doubt`` takes note of the processor's flags."""
        self.doubt = False
        return np.errstate(over="call", divide="call", invalid="call", under="ignore", call=self._raised)

    def look_at(self, theta: Array) -> None:
        """Take note of parameters that are infinite or nan, or so large that their squares are."""
        if not math.isfinite(theta.dot(theta)):
            self.doubt = True

    def _raised(self, error: str, flag: int) -> None:
        self.doubt = True

    def passed_on(self, partial: Any, adjoint: Array, cut: Any = False) -> Array:
        """What passes to an operand."""
        return partial * adjoint  # type: ignore[no-any-return]

    def sum(self, contributions: Array, axis: int, keepdims: bool = False) -> Array:
        """The sum of adjoints."""
        return contributions.sum(axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def add_at(self, adjoints: Array, index: NDArray[np.intp], contributions: Array) -> None:
        """Add each contribution to the adjoint of its index."""
        adjoints += np.bincount(index, contributions, minlength=len(adjoints))

    def product(self, multiplications: int) -> Product:
        """The product of two matrices of primals, ``product(a, b, out)``, that takes so many multiplications."""
        return np.matmul if multiplications <= IN_ONE_THREAD else self._product_in_threads

    def _product_in_threads(self, a: Array, b: Array, out: Array) -> None:
        np.matmul(a, b, out=out)
        if not math.isfinite(out.sum()):
            self.doubt = True

    def adjoint_product(self, multiplications: int, adjoint_first: bool = False) -> Product:
        """What passes to many operands: the product of a matrix of partials and one of adjoints, or of adjoints and partials."""
        return self.product(multiplications)


class Careful(Fast):
    careful, start = True, NOTHING

    def passed_on(self, partial: Any, adjoint: Array, cut: Any = False) -> Array:
        return np.where(cut | _is_nothing(adjoint), NOTHING, partial * adjoint + 0.0)

    def sum(self, contributions: Array, axis: int, keepdims: bool = False) -> Array:
        return contributions.sum(axis=axis, keepdims=keepdims, initial=NOTHING)  # type: ignore[no-any-return]

    def add_at(self, adjoints: Array, index: NDArray[np.intp], contributions: Array) -> None:
        np.add.at(adjoints, index, contributions)

    def product(self, multiplications: int) -> Product:
        return self._rounded_product

    def _rounded_product(self, a: Array, b: Array, out: Array) -> None:
        np.matmul(a, b, out=out)
        if not (np.isfinite(out) & (out != 0)).all():
            out[...] = reduce(np.add, (a[:, k, None] * b[k] for k in range(len(b))))

    def adjoint_product(self, multiplications: int, adjoint_first: bool = False) -> Product:
        if adjoint_first:
            return lambda adjoint, partials, out: self._passed_on_by_matrix(partials.T, adjoint.T, out.T)
        return self._passed_on_by_matrix

    def _passed_on_by_matrix(self, partials: Array, adjoint: Array, out: Array) -> None:
        np.matmul(partials, adjoint, out=out)
        if np.isfinite(out).all():
            out[...] = np.where(_is_nothing(adjoint).all(axis=0), NOTHING, out + 0.0)
            return
        out.fill(NOTHING)
        for k, row in enumerate(adjoint):
            out += self.passed_on(partials[:, k, None], row)


def _is_nothing(adjoint: Array) -> Any:
    return (adjoint == 0) & np.signbit(adjoint)
