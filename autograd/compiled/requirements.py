"""What must hold before a program answers: that there is a derivative to ask for, and that theta and the data are in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autograd.compiled.domain_check import raise_first_fault
from autograd.compiled.tape import Tape
from autograd.text import counted

if TYPE_CHECKING:
    from autograd.compiled.executor import Array
    from autograd.compiled.parameters import Parameters


class Requirements:
    """The requirements of a traced program. Its answers, and those of its bound programs, ask here first.

    Args:
        tape: what the program runs.
        parameters: from which it reads theta where none is given.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        check: whether each theta and all examples are searched for the first operation that leaves its domain.
    """

    def __init__(self, tape: Tape, parameters: Parameters, reduction: str, check: bool) -> None:
        self._tape, self._parameters, self._reduction, self._check = tape, parameters, reduction, check

    @property
    def gives_one_number(self) -> bool:
        """Whether the value over a batch is one number, which then has a gradient."""
        return not self._tape.output_shape and self._reduction != "none"

    @property
    def always_met(self) -> bool:
        """Whether a gradient can be asked for with any flat float64 array as theta: nothing else could be refused."""
        return self.gives_one_number and not self._check and not self._tape.captured

    def one_number(self) -> None:
        """Refuse a gradient over the batch if the program gives several numbers.

        Raises:
            ValueError: saying what to ask for instead.
        """
        self.one_output("the gradient of a program")
        if self._reduction == "none":
            raise ValueError(
                "this program reduces nothing: ask for per_example(...), or compile it with "
                'reduction="mean" or "sum" for one gradient'
            )

    def one_output(self, what: str) -> None:
        """Refuse a gradient of a function whose result is no scalar.

        Raises:
            ValueError: saying what to ask for instead.
        """
        if self._tape.output_shape:
            raise ValueError(
                f"{what} is of a function that gives one scalar, but this one gives a result of shape {self._tape.output_shape}: its "
                "derivatives are jacobian(...), and those with respect to the data input_jacobian(...)"
            )

    def differentiable(self) -> None:
        """Refuse a gradient with respect to parameters that were forgotten, since it would be empty or all 0.

        Raises:
            ValueError: naming the Values that are constants.
        """
        captured, count = self._tape.captured, self._tape.parameters
        if captured and not any(self._tape.uses[:count]):
            names = ", ".join([label or "one without a label" for label in captured[:3]] + ["..."] * (len(captured) > 3))
            given = (
                f"the function reads none of the {counted(count, 'parameter')}" if count else "the program has no parameters"
            )
            raise ValueError(
                f"a gradient is taken with respect to parameters, but {given}, and other Values are constants in it ({names}): "
                "compile it with parameters=[...], the Values to differentiate with respect to"
            )

    def theta(self, given: Any, examples: Array) -> Array:
        """The numbers of all parameters, given or read from the Values; with ``check`` no operation leaves its domain.

        Raises:
            TypeError, ValueError: if theta has not one real number for each parameter.
            DomainError, FloatingPointError: with ``check``, where an operation leaves its domain or turns nan.
        """
        numbers = self._parameters.flat(given)
        if self._check:
            raise_first_fault(self._tape, numbers, examples)
        return numbers
