"""What a program asks of an executor, which runs a tape over a batch. There are three, and a program may have any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from autograd.compiled.tape import Tape

    Array: TypeAlias = NDArray[np.float64]
else:
    Array: TypeAlias = Any


class Bound(Protocol):
    """A tape with the data of N examples, checked and converted once.

    Parameters are given as theta, a float64 array (P,) of any strides, and copied. Results are new arrays, so that a caller may
    keep two of them.
    """

    def gradient(self, theta: Array) -> tuple[float, Array]:
        """The value and its gradient (P,), reduced over the examples. Of a tape with one output."""

    def value(self, theta: Array) -> float:
        """The value alone, reduced over the examples. Of a tape with one output."""

    def outputs(self, theta: Array) -> Array:
        """All outputs of each example: (N, K)."""

    def per_example(self, theta: Array) -> tuple[Array, Array]:
        """The value (N,) and the gradient (N, num_differentiated) of each example. Of a tape with one output."""


class Executor(Protocol):
    """A tape made ready to run: compiled, or laid out in arrays."""

    tape: Tape

    def bind(self, examples: Array, mean: bool = True) -> Bound:
        """Take the data, a C-contiguous float64 array (N, F) with N >= 1; reductions are means, or else sums."""

    def show(self, what: str) -> str:
        """The code that it runs, as text: ``"llvm"`` or ``"asm"``.

        Raises:
            ValueError: if the executor has no such text, saying what it has.
        """
