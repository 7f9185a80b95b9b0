"""A program bound to its data: what a training loop calls."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from autograd.compiled.arguments import split_by_argument

if TYPE_CHECKING:
    from autograd.compiled.executor import Array, Bound
    from autograd.compiled.program import Program
    from autograd.compiled.requirements import Requirements


class Evaluated(NamedTuple):
    """The value of a function over a batch, and its gradient: one array (P,), in the order of the parameters."""

    value: float
    gradients: Array


class PerExample(NamedTuple):
    """The value of each example (N,), and its gradient (N, P)."""

    values: Array
    gradients: Array


_ARRAY, _FLOAT, _evaluated = np.ndarray, np.dtype(np.float64), partial(tuple.__new__, Evaluated)


class BoundProgram:
    """A program with its data, checked and converted once: ``program.bind(X, Y)``. Its calls cost microseconds.

    Threads may share it. (Without ``theta`` each reads the parameters from the Values, while another thread may be writing them.)

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

    def __init__(self, program: Program, examples: Array, bound: Bound, requirements: Requirements) -> None:
        self.program = program
        self.examples = examples
        self._bound, self._requirements = bound, requirements
        self._gradient = bound.gradient
        self._theta_shape = (len(program.values),)
        self._always_met = requirements.always_met

    def __call__(self, theta: Any = None) -> Evaluated:
        """The value and the gradient; without theta the parameters are read from the Values."""
        if not (self._always_met and type(theta) is _ARRAY and theta.dtype is _FLOAT and theta.shape == self._theta_shape):
            self._requirements.one_number()
            self._requirements.differentiable()
            theta = self._requirements.theta(theta, self.examples)
        return _evaluated(self._gradient(theta))

    def value(self, theta: Any = None) -> Any:
        """The value, forward only; see ``Program.value``."""
        theta = self._requirements.theta(theta, self.examples)
        if self._requirements.gives_one_number:
            return self._bound.value(theta)
        outputs = self._bound.outputs(theta).reshape(len(self.examples), *self.program.tape.output_shape)
        reduction = self.program.reduction
        return outputs if reduction == "none" else getattr(outputs, reduction)(axis=0)

    def per_example(self, theta: Any = None) -> PerExample:
        """The value and the gradient of each example."""
        self._requirements.one_output("per_example")
        self._requirements.differentiable()
        return PerExample(*self._bound.per_example(self._requirements.theta(theta, self.examples)))

    def __reduce__(self) -> Any:
        """Copied and pickled as its program and its data."""
        return type(self.program).bind, (self.program, *split_by_argument(self.examples, self.program.tape.shapes))
