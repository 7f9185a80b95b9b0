"""A program bound to its data: what a training loop calls."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

if TYPE_CHECKING:
    from autograd.compiled.executor import Array, Bound
    from autograd.compiled.program import Program


class Evaluated(NamedTuple):
    """The value of a function over a batch, and its gradient: one array (P,), in the order of the parameters."""

    value: float
    gradients: Array


class PerExample(NamedTuple):
    """The value of each example (N,), and its gradient (N, P)."""

    values: Array
    gradients: Array


_ARRAY, _FLOAT, _evaluated = np.ndarray, np.dtype(np.float64), partial(tuple.__new__, Evaluated)


@contextmanager
def _nothing_is_garbage() -> Iterator[None]:
    """Python's search for garbage waits: of a long tape hundreds of thousands of objects are made, and all of them are kept."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class BoundProgram:
    """A program with its data, checked and converted once: ``program.bind(X, Y)``. Its calls cost microseconds.

    >>> import autograd, numpy as np
    >>> w = autograd.Value(0.0, "w")
    >>> step = autograd.compile(lambda x, y: (w * x - y) ** 2, [w], executor="plain").bind([1.0, 2.0], [3.0, 6.0])
    >>> theta = np.zeros(1)
    >>> for _ in range(20):
    ...     value, gradients = step(theta)
    ...     theta -= 0.1 * gradients
    >>> theta.round(5)
    array([3.])
    """

    def __init__(self, program: Program, examples: Array) -> None:
        self.program = program
        self.examples = examples
        with _nothing_is_garbage():
            self._bound: Bound = program._ready().bind(examples, program.reduction == "mean")
        self._gradient = self._bound.gradient
        self._flat = (len(program.values),)  # the shape of theta
        self._scalar = len(program.tape.outputs) == 1 and not program.tape.output_shape and program.reduction != "none"
        self._direct = self._scalar and not program._check and not program.tape.captured

    def __call__(self, theta: Any = None) -> Evaluated:
        """The value and the gradient; without theta the parameters are read from the Values."""
        if not (self._direct and type(theta) is _ARRAY and theta.dtype is _FLOAT and theta.shape == self._flat):
            if not self._scalar:
                self._refuse()
            self.program._differentiable()
            theta = self.program._checked(theta, self.examples)
        return _evaluated(self._gradient(theta))

    def __reduce__(self) -> Any:
        """Copied and pickled as its program and its data."""
        return BoundProgram, (self.program, self.examples)

    def value(self, theta: Any = None) -> Any:
        """The value, forward only; see ``Program.value``."""
        program = self.program
        numbers = program._checked(theta, self.examples)
        if self._scalar:
            return self._bound.value(numbers)
        outputs = self._bound.outputs(numbers).reshape(len(self.examples), *program.tape.output_shape)
        return outputs if program.reduction == "none" else getattr(outputs, program.reduction)(axis=0)

    def per_example(self, theta: Any = None) -> PerExample:
        """The value and the gradient of each example."""
        self.program._one_output("per_example")
        self.program._differentiable()
        return PerExample(*self._bound.per_example(self.program._checked(theta, self.examples)))

    def _refuse(self) -> NoReturn:
        self.program._one_output("the gradient of a program")
        raise ValueError(
            'this program reduces nothing: ask for per_example(...), or compile it with reduction="mean" or "sum" for one gradient'
        )
