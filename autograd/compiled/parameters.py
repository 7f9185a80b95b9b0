"""The parameters of a program: Values for the user, one flat array for the executors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.compiled.arguments import flat
from autograd.compiled.tracing import refuse_traced_parameters
from autograd.interrupts import assign
from autograd.micrograd import Closure
from autograd.text import described
from autograd.value import Value, require_numbers

if TYPE_CHECKING:
    from autograd.compiled.executor import Array


class Parameters:
    """Values whose numbers are read into an array and written back.

    >>> w, b = Value(2.0, "w"), Value(3)
    >>> parameters = Parameters([w, b])
    >>> parameters.read(), parameters.flat([0, 1])
    (array([2., 3.]), array([0., 1.]))
    """

    def __init__(self, values: list[Value]) -> None:
        self.values = values

    def read(self) -> Array:
        """The numbers of the Values.

        Raises:
            OverflowError: if one is beyond the largest float.
            TracingError: if a function of these parameters is being traced.
        """
        try:
            numbers = np.array([value.data for value in self.values])
            if numbers.dtype.kind not in "fiu":  # as for Fractions; but None would become nan, and text a number
                require_numbers(self.values, "data", "a program computes with it")
            numbers = numbers.astype(np.float64, copy=False)
        except OverflowError:
            raise OverflowError("a parameter is beyond the largest float, 1.8e308, and programs compute with floats") from None
        refuse_traced_parameters(self.values)
        return numbers

    def flat(self, theta: Any) -> Array:
        """``theta`` as a flat array with a number for each parameter; without one the numbers of the Values."""
        return self.read() if theta is None else flat(theta, len(self.values))

    def write(self, theta: Any) -> None:
        """Write the numbers back into the Values."""
        assign(self.values, "data", self.flat(theta).tolist())

    def add_gradients(self, gradients: Any) -> None:
        """Add a gradient to the Values' ``grad``."""
        require_numbers(self.values, "grad", "the gradient of the program is added to it")
        pairs = zip(self.values, self.flat(gradients).tolist(), strict=True)
        assign(self.values, "grad", [value.grad + number for value, number in pairs])


def leaves_from(given: Any) -> list[Value]:
    """The parameters that a user gave, a list of Values or a model, as a list.

    Raises:
        TypeError, ValueError: if they are not Values, each of them a leaf and listed once.
    """
    given = given.parameters() if hasattr(given, "parameters") else () if given is None else given
    if not hasattr(given, "__iter__"):
        one = ": for one parameter, parameters=[...]" if isinstance(given, Value) else ""
        raise TypeError(f"parameters are a list of Values, but got {described(given)}{one}")
    values = list(given)
    for value in values:
        if not isinstance(value, Value):
            raise TypeError(f"parameters are Values, but one of them is {described(value)}")
        if value.op is not None:
            kind = "closure" if isinstance(value.op, Closure) else value.op.name
            raise ValueError(f"a parameter is a leaf, but one of them was computed, by {kind}: {value!r}")
    if len(set(values)) < len(values):
        raise ValueError("a parameter is listed twice: each has one place in the gradient")
    return values
