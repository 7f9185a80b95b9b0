"""Training on the graph engine: each batch is recorded as a graph, and ``backward()`` differentiates it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from autograd import DomainError, Value
from autograd.generators import generators_kept
from autograd.interrupts import assign
from autograd.rules.numbers import is_finite
from nn.losses import mean
from nn.training.batches import batches
from nn.training.examples import Examples
from nn.training.optimisers import SGD
from nn.training.trouble import REMEDY, birth_of_gradient, birth_of_loss, with_remedy


class Training(NamedTuple):
    """What both ways of training need: the loss of one example, the examples, and how to make a step."""

    caller: str
    loss: Callable[[Any, Any], Value]
    xs: Examples
    ys: Examples
    optimizer: SGD
    batch_size: int | None
    rng: Any

    def stop(self, epoch: int, batch: int, reason: object, kind: type[Exception] = FloatingPointError) -> NoReturn:
        """End training; the parameters are those before the step that failed.

        Raises:
            FloatingPointError: or another kind, saying where.
        """
        raise kind(f"{self.caller} stopped in epoch {epoch}, batch {batch}: {reason}") from None


def require_value(caller: str, loss: Any) -> Value:
    """The loss itself.

    Raises:
        TypeError: if it is no ``Value``, so that nothing can be differentiated.
    """
    if not isinstance(loss, Value):
        raise TypeError(f"{caller} needs a loss that is a Value, computed from the model's outputs, but it gives {loss!r}")
    return loss


class GraphByGraph:
    """A model in training; ``run_epoch`` goes through the examples once."""

    def __init__(self, training: Training) -> None:
        self._training = training

    def run_epoch(self, number: int) -> float:
        """Train for one epoch, with a graph for each batch, and return the mean loss.

        Raises:
            DomainError: where an operation leaves its domain, naming epoch, batch and example.
            FloatingPointError: where the loss or the gradient becomes infinite or nan.
        """
        training = self._training
        xs, ys = training.xs.lists(), training.ys.lists()
        losses = []
        chosen_of_batches = batches(range(len(xs)), range(len(ys)), training.batch_size, training.rng)
        for batch, (chosen, _) in enumerate(chosen_of_batches, start=1):
            parts = [self._loss(number, batch, k, xs[k], ys[k]) for k in chosen]
            loss = require_value(training.caller, mean(parts))
            if not is_finite(loss.data):
                k, part = next(
                    ((k, part) for k, part in zip(chosen, parts, strict=True) if not is_finite(part.data)), (chosen[0], loss)
                )
                training.stop(number, batch, f"example {k}: {with_remedy(birth_of_loss(part))}")
            self._step(number, batch, loss)
            losses.append(float(loss.data) * len(chosen))
        return math.fsum(losses) / len(xs)

    def _step(self, epoch: int, batch: int, loss: Value) -> None:
        """A training step. However it ends, the parameters and their gradients are as before it, or as after it."""
        optimizer = self._training.optimizer
        before = [(p.data, p.grad) for p in optimizer.params]
        try:
            optimizer.zero_grad()
            loss.backward()
            if not all(is_finite(p.grad) for p in optimizer.params):
                self._training.stop(epoch, batch, f"{birth_of_gradient(loss)}. {REMEDY}")
            optimizer.step()
        except BaseException:
            if all(p.data is data for p, (data, _) in zip(optimizer.params, before, strict=True)):
                assign(optimizer.params, "grad", [grad for _, grad in before])
            raise

    def require_finite_losses(self) -> None:
        """Refuse examples whose loss is not defined, before training.

        Raises:
            DomainError: naming the example.
        """
        with generators_kept():
            for k, (x, y) in enumerate(zip(self._training.xs.lists(), self._training.ys.lists(), strict=True)):
                self._loss(1, 1, k, x, y)

    def _loss(self, epoch: int, batch: int, k: int, x: Any, y: Any) -> Value:
        try:
            return require_value(self._training.caller, self._training.loss(x, y))
        except DomainError as error:
            self._training.stop(epoch, batch, f"example {k}: {error}", type(error))
