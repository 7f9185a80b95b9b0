"""Training: gradient descent on a model's loss, compiled where that can be, scalar by scalar where it cannot or should be seen."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import autograd
from autograd import ClosureError, TracingError, Value
from autograd.rules.numbers import Number
from nn.losses import LOSSES, mean, one_hot
from nn.module import Module
from nn.training.batches import batches
from nn.training.optimisers import SGD

if TYPE_CHECKING:
    from autograd.compiled.program import Program

Loss: TypeAlias = str | Callable[[Any, Any], Value]

OF_CLASSES = ("cross_entropy", "cross_entropy_logits")
"""The losses whose target may be a label even where there is one output."""


class Epoch(NamedTuple):
    """What came of one pass through the examples: its number, from 1, and the mean loss, each example's before its step.

    >>> from nn import MLP
    >>> [epoch] = fit(MLP(1, [1], bias=False, init=lambda rng, nin, nout: 2.0), [[1.0]], [3.0], "sum_of_squares", lr=0.1, epochs=1)
    >>> epoch
    Epoch(number=1, loss=1.0)
    """

    number: int
    loss: float


def fit(
    model: Module,
    xs: Sequence[Sequence[Number]],
    ys: Sequence[Any],
    loss: Loss = "cross_entropy_logits",
    *,
    lr: Number,
    epochs: int,
    batch_size: int | None = None,
    rng: random.Random | None = None,
    eager: bool = False,
    threads: int | None = None,
) -> Iterator[Epoch]:
    r"""Train a model by gradient descent on the mean loss of each batch; an iterator over the epochs, to be looped over.

    .. math:: \theta \leftarrow \theta - \eta\,\frac1B\sum_{i=1}^B\nabla J_i(\theta)

    The loss of one example is compiled, and the parameters live in one flat array; the model has their numbers again whenever an
    epoch is handed out. With ``eager``, and where the model or the loss cannot be compiled (it chooses by a number, or an
    operation is a closure, or it draws from ``random``; this is logged), each batch is recorded as a graph and differentiated by ``backward()``. Both ways
    give the same numbers to rounding.

    Args:
        model: a module, called with the list of an example's inputs.
        xs, ys: the inputs of each example, and its target: a number, a list, or a label from 0 where there are classes.
        loss: a name from ``LOSSES``, or a function of (outputs, target) that gives a ``Value``.
        lr: the learning rate :math:`\eta`.
        epochs: how often to go through the examples.
        batch_size: the number of examples in a step, 1 for per-sample descent, None for all.
        rng: a generator that shuffles the examples in each epoch; None keeps their order.
        eager: whether to record every graph, as ``backward()`` needs.
        threads: of compiled code, at most; None for one.

    Raises:
        TypeError: if the examples are no lists, or the loss is no ``Value``.
        ValueError: if lengths, labels, the rate or the batch size are wrong, or the loss has no such name.

    Source: S1.19 and S4.i10 for a full batch, S0.1 for single samples; S4.i4 for the loop.

    >>> from nn import MLP, data
    >>> moons = data.moons(60, seed=0)
    >>> model = MLP(2, [8, 2], activation="tanh", seed=0)
    >>> losses = [epoch.loss for epoch in fit(model, moons.x, moons.y, lr=0.5, epochs=50, batch_size=10)]
    >>> losses[-1] < losses[0] / 3
    True
    """
    criterion = _criterion(loss)
    optimizer = SGD(model.parameters(), lr)  # refuses what cannot be trained
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 0:
        raise ValueError(f"fit needs a whole number of epochs, at least 0, but got {epochs!r}")
    for name, given in (("xs", xs), ("ys", ys)):
        if not hasattr(given, "__len__") or not hasattr(given, "__getitem__") or isinstance(given, Mapping):
            raise TypeError(
                f"fit needs {name} as a list or an array, an entry for each example, but got a {type(given).__name__}"
            )
    batches(xs, ys, batch_size)  # refuses lengths and sizes that do not fit
    if not len(xs):
        raise ValueError("fit needs at least one example, but got none")
    targets = _targets(model, xs[0], ys, loss)
    training = _Training(lambda x, y: criterion(model(x), y), xs, targets, optimizer, batch_size, rng)  # type: ignore[operator]
    epoch = None if eager else _compiled(training, threads)
    return _epochs(epoch or _recorded(training), epochs)


class _Training(NamedTuple):
    """What is trained: the loss of one example, the examples, and how the steps go."""

    loss: Callable[[Any, Any], Value]
    xs: Sequence[Any]
    ys: Sequence[Any]
    optimizer: SGD
    batch_size: int | None
    rng: random.Random | None


def _epochs(epoch: Callable[[], float], epochs: int) -> Iterator[Epoch]:
    return (Epoch(number, epoch()) for number in range(1, epochs + 1))


def _criterion(loss: Loss) -> Callable[[Any, Any], Value]:
    if not isinstance(loss, str):
        return loss
    if loss not in LOSSES:
        raise ValueError(f"no loss is called {loss!r}; there are {', '.join(LOSSES)}")
    return LOSSES[loss]


def _targets(model: Module, x: Sequence[Number], ys: Sequence[Any], loss: Loss) -> Sequence[Any]:
    """Labels as one-hot vectors, since a compiled loss cannot choose by a number; other targets as they are."""
    if not isinstance(loss, str) or any(hasattr(y, "__iter__") for y in ys):
        return ys
    outputs = model(x)  # type: ignore[operator]  # a model is called
    count = len(outputs) if isinstance(outputs, list) else 1
    return [one_hot(y, count) for y in ys] if count > 1 or loss in OF_CLASSES else ys


def _recorded(training: _Training) -> Callable[[], float]:
    """An epoch on the graph engine: a graph for each batch."""

    optimizer = training.optimizer

    def epoch() -> float:
        losses = []
        for xs, ys in batches(training.xs, training.ys, training.batch_size, training.rng):
            loss = mean([training.loss(x, y) for x, y in zip(xs, ys, strict=True)])
            if not isinstance(loss, Value):
                raise TypeError(f"fit needs a loss that is a Value, computed from the model's outputs, but it gives {loss!r}")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.data) * len(xs))
        return math.fsum(losses) / len(training.xs)

    return epoch


def _compiled(training: _Training, threads: int | None) -> Callable[[], float] | None:
    """An epoch of compiled steps; None if the loss cannot be compiled, which is said."""
    import numpy as np

    from autograd.compiled.arguments import examples_from

    program = _program(training, threads)
    if program is None:
        return None
    x, y = (
        examples_from([name], [each])[1].reshape(np.shape(each)) for name, each in (("xs", training.xs), ("ys", training.ys))
    )

    def epoch() -> float:
        theta = program.parameters()
        losses = []
        try:
            for rows, _ in batches(range(len(x)), range(len(x)), training.batch_size, training.rng):
                value, gradients = program.bind(x[rows], y[rows])(theta)
                theta -= float(training.optimizer.lr) * gradients
                losses.append(value * len(rows))
        finally:
            program.write(theta)
        return math.fsum(losses) / len(x)

    return epoch


def _program(training: _Training, threads: int | None) -> Program | None:
    import numpy as np

    parameters = training.optimizer.params
    if not all(type(p.data) in (int, float) for p in parameters):
        return None  # Fractions stay exact
    program, drawn = autograd.compile(training.loss, parameters, threads=threads), random.getstate()
    try:
        program.trace([np.shape(training.xs[0]), np.shape(training.ys[0])])
    except (TracingError, ClosureError, TypeError, ValueError) as error:  # the eager way answers, or says what is wrong
        logging.getLogger("nn.fit").warning("training on the graph engine, since the loss cannot be compiled: %s", error)
        return None
    if not program.tape.depends_on_wanted[program.tape.outputs[0]]:
        return None  # no parameter is in it: the eager way says so
    if random.getstate() != drawn:
        random.setstate(drawn)
        logging.getLogger("nn.fit").warning(
            "training on the graph engine, since the model or the loss draws random numbers: compiled, they would be drawn once"
        )
        return None
    return program
