"""Training in compiled steps, with a look at the function itself now and then: what it was when it was traced may have changed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, NoReturn

import autograd
from autograd.compiled.domain_check import raise_first_fault
from autograd.compiled.reality_check import REASONS, difference, one_of_each
from autograd.debugging import line_of_error
from autograd.errors import DomainError, TracingError
from autograd.generators import generators_kept, states_of_generators
from nn.training.batches import batches
from nn.training.graph_by_graph import Training
from nn.training.trouble import REMEDY, with_remedy

if TYPE_CHECKING:
    from autograd.compiled.bound_program import BoundProgram
    from autograd.compiled.program import Program

RANDOM = "the model or the loss draws random numbers: compiled, they would be drawn once"


class CompilationError(Exception):
    """Why training goes on the graph engine."""


class CompiledSteps:
    """A model in training; ``run_epoch`` goes through the examples once.

    Args:
        training: what is trained.
        threads: that compiled code may use.

    Raises:
        CompilationError: if the loss or the examples cannot be compiled, or the loss computes something else for one example of each
            label than what was traced; with the reason, if it is worth a word.
        Exception: what the loss raises for these examples.
    """

    def __init__(self, training: Training, threads: int | None) -> None:
        self._training, self._threads = training, threads
        self._held_in = 1  # the epoch at whose beginning the last check held
        self._steps: list[tuple[list[int], BoundProgram]] = []
        self._program = self._compiled()
        for k in one_of_each([y.tobytes() for y in training.ys.array()]):
            if found := self._difference(k):
                raise CompilationError(f"{found}: {REASONS}")

    # --- the program and its data ----------------------------------------------------------------------------------------

    def _compiled(self) -> Program:
        """The program of the loss, and the examples as arrays."""
        training = self._training
        parameters = training.optimizer.params
        if not all(type(p.data) in (int, float) for p in parameters):
            raise CompilationError  # Fractions stay exact
        shapes = self._read()
        program = autograd.compile(training.loss, parameters, threads=self._threads, verify="never")
        before = states_of_generators()
        with generators_kept():
            try:
                program.trace(shapes)
            except Exception as error:  # whatever it is: on the graph engine the loss of one example was computed without it
                line = None if isinstance(error, TracingError) else line_of_error(error)
                raise CompilationError(f"the loss cannot be compiled: {_told(error)}{f' ({line})' if line else ''}") from None
            if states_of_generators() != before:
                raise CompilationError(RANDOM)
        if not program.tape.depends_on_wanted[program.tape.outputs[0]]:
            raise CompilationError  # no parameter is in it, so a program has no gradient
        return program

    def _read(self) -> list[tuple[int, ...]]:
        """Read the examples into an array with a row for each, and return the shapes of an input and a target."""
        import numpy as np

        try:
            x, y = self._training.xs.array(), self._training.ys.array()
        except (TypeError, ValueError, OverflowError) as error:
            raise CompilationError(f"the loss cannot be compiled for these examples: {error}") from None
        self._rows = np.concatenate([x.reshape(len(x), -1), y.reshape(len(y), -1)], axis=1)
        return [x.shape[1:], y.shape[1:]]

    def refresh(self) -> None:
        """Take in what was changed since the last epoch: the examples, and the numbers of Values that are no parameters.

        Raises:
            CompilationError: as when it was made.
        """
        if self._program.captured_values_changed():
            self._program, self._steps = self._compiled(), []
        elif self._training.xs.changed() or self._training.ys.changed():
            if self._read() != [*self._program.tape.shapes]:
                self._program = self._compiled()
            self._steps = []

    # --- the reality check ---------------------------------------------------------------------------------------------

    def check(self, epoch: int) -> None:
        """Compare the loss itself with the program, for one example, before an epoch.

        Raises:
            CompilationError: if they differ, naming the example, both numbers, and the epochs since the last check that held.
        """
        if found := self._difference(epoch % len(self._training.xs)):
            since = f"epoch {epoch - 1}" if self._held_in == epoch - 1 else f"the epochs {self._held_in} to {epoch - 1}"
            raise CompilationError(f"before epoch {epoch}, {found}. What was trained in {since} may be wrong: {REASONS}")
        self._held_in = epoch

    def _difference(self, k: int) -> str:
        training = self._training
        found = difference(training.loss, self._program.tape, training.optimizer.params, [training.xs[k], training.ys[k]])
        return f"for example {k} {found}" if found else ""

    def require_finite_losses(self) -> None:
        """Refuse examples whose loss is not defined, before training.

        Raises:
            DomainError: naming the example.
        """
        if not math.isfinite(self._program.bind_examples(self._rows).value()):
            self._stop(1, 1, list(range(len(self._rows))), self._program.parameters())

    # --- an epoch ------------------------------------------------------------------------------------------------------

    def run_epoch(self, number: int) -> float:
        """Train for one epoch and return the mean loss. The parameters have their new numbers afterwards, whatever happens.

        Raises:
            DomainError, FloatingPointError: where the loss or the gradient becomes infinite or nan: which operation was the first.
        """
        return copy_context().run(self._run_epoch, number)  # in which NumPy keeps how it handles its flags

    def _run_epoch(self, number: int) -> float:
        import numpy as np

        program, rate = self._program, float(self._training.optimizer.lr)
        theta = before = program.parameters()
        losses, chosen, batch = [], [0], 0
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                for following, step in self._batches():
                    value, gradients = step(theta)
                    if not math.isfinite(value):
                        break
                    before, chosen, batch = theta, following, batch + 1
                    theta = theta - rate * gradients
                    losses.append(value * len(chosen))
                else:
                    if np.isfinite(theta).all():
                        return math.fsum(losses) / len(self._rows)
                    following = chosen
            if batch and not np.isfinite(theta).all():
                theta = before  # the last step is to blame
            else:
                chosen, batch = following, batch + 1
            self._stop(number, batch, chosen, theta)
        finally:
            program.write(theta)

    def _batches(self) -> Iterator[tuple[list[int], BoundProgram]]:
        """The examples of each batch, with the program bound to them; in the same order they are bound once for all epochs."""
        training = self._training
        if self._steps:
            yield from self._steps
            return
        steps = []
        indices = range(len(self._rows))
        for chosen, _ in batches(indices, indices, training.batch_size, training.rng):
            bound = self._program.bind_examples(self._rows[chosen])
            if training.rng is None:
                steps.append((chosen, bound))
            yield chosen, bound
        self._steps = steps

    def _stop(self, epoch: int, batch: int, chosen: list[int], theta: Any) -> NoReturn:
        try:
            raise_first_fault(self._program.tape, theta, self._rows[chosen], called=chosen, infinite=True)
        except DomainError as error:
            self._training.stop(epoch, batch, error, type(error))
        except FloatingPointError as error:
            self._training.stop(epoch, batch, with_remedy(str(error)))
        self._training.stop(epoch, batch, f"the sum over the examples is not finite. {REMEDY}")


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, TypeError | ValueError) else f"{type(error).__name__}: {error}"
