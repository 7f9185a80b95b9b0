"""The training loop: gradient descent on a model's loss, compiled where possible, else graph by graph."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import autograd
from autograd import ClosureError, TracingError, Value
from autograd.rules.numbers import Number
from nn.layers import MLP
from nn.losses import LOSSES, mean, one_hot
from nn.module import Module
from nn.training.batches import batches
from nn.training.optimisers import SGD
from nn.whole_numbers import at_least

if TYPE_CHECKING:
    from autograd.compiled.program import Program

Loss: TypeAlias = str | Callable[[Any, Any], Value]

LOSSES_OF_CLASSES = ("cross_entropy", "cross_entropy_logits")
"""The losses whose target may be a label even if there is only one output."""


class Epoch(NamedTuple):
    """One pass through the examples: its number, from 1, and the mean loss. Each example counts with its loss before its training step.

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
) -> list[Epoch]:
    r"""Train a model by gradient descent on the mean loss of each batch, and return the list of epochs.

    .. math:: \theta \leftarrow \theta - \eta\,\frac1B\sum_{i=1}^B\nabla J_i(\theta)

    The loss of one example is compiled, and the model has the trained numbers after every epoch. With ``eager``, each batch is
    recorded as a graph and ``backward()`` differentiates it. The same happens if the model or the loss cannot be compiled because it
    chooses by a number, contains a closure, or draws from ``random``; a warning is logged. Both ways give the same numbers to
    rounding. To look on while a model is trained, loop over ``epochs``.

    Args:
        model: a module, called with the list of an example's inputs.
        xs: the inputs of each example.
        ys: the target of each example: a number, a list, or for a loss of classes a label from 0.
        loss: a name from ``LOSSES``, or a function of (outputs, target) that returns a ``Value``.
        lr: the learning rate :math:`\eta`.
        epochs: how often to go through the examples.
        batch_size: the number of examples in a training step; None for all.
        rng: a generator that shuffles the examples in each epoch; None keeps their order.
        eager: whether to record every batch as a graph, and compile nothing.
        threads: how many threads compiled code may use; None for one.

    Raises:
        TypeError: if xs or ys is no list, an example holds something else than numbers, or the loss is no ``Value``.
        ValueError: if lengths, shapes, labels, the rate, the number of epochs or the batch size are wrong, or no loss has the name.

    Source: S1.19 and S4.i10 for a full batch, S0.1 for single examples; S4.i4 for the loop.

    >>> from nn import MLP, data
    >>> moons = data.moons(60, seed=0)
    >>> model = MLP(2, [8, 2], activation="tanh", seed=0)
    >>> history = fit(model, moons.x, moons.y, lr=0.5, epochs=50, batch_size=10)
    >>> len(history), history[-1].loss < history[0].loss / 3
    (50, True)
    """
    return list(_epochs("fit", model, xs, ys, loss, lr, epochs, batch_size, rng, eager, threads))


def epochs(
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
    r"""The lazy form of ``fit``: an iterator that trains the model for one epoch each time it is asked for the next.

    .. math:: \theta \leftarrow \theta - \eta\,\frac1B\sum_{i=1}^B\nabla J_i(\theta)

    Between two epochs you can print the loss, draw the model, or leave the loop to stop training. The arguments and the numbers
    are those of ``fit``; both refuse what is wrong with the arguments when they are called, before any training.

    Raises:
        TypeError, ValueError: as ``fit``, when it is called.

    Source: as ``fit``.

    >>> from nn import MLP, data
    >>> moons = data.moons(60, seed=0)
    >>> model = MLP(2, [8, 2], activation="tanh", seed=0)
    >>> for epoch in epochs(model, moons.x, moons.y, lr=0.5, epochs=1000, batch_size=10):
    ...     if epoch.loss < 0.2:
    ...         break
    >>> epoch.number < 50
    True
    """
    return _epochs("epochs", model, xs, ys, loss, lr, epochs, batch_size, rng, eager, threads)


def _epochs(
    caller: str,
    model: Module,
    xs: Sequence[Sequence[Number]],
    ys: Sequence[Any],
    loss: Loss,
    lr: Number,
    epochs: int,
    batch_size: int | None,
    rng: random.Random | None,
    eager: bool,
    threads: int | None,
) -> Iterator[Epoch]:
    """The epochs, trained when they are asked for; what is wrong with the arguments is refused at once."""
    criterion = _criterion(caller, loss)
    if threads is not None:
        at_least(1, threads, caller, "threads")  # also where no compiled code will use them
    optimizer = SGD(model.parameters(), lr)  # refuses what cannot be trained
    epochs = at_least(0, epochs, caller, "epochs")
    for name, examples in (("xs", xs), ("ys", ys)):
        if not hasattr(examples, "__len__") or not hasattr(examples, "__getitem__") or isinstance(examples, Mapping):
            raise TypeError(
                f"{caller} needs {name} as a list or an array, an entry for each example, but got a {type(examples).__name__}"
            )
    batches(xs, ys, batch_size)  # refuses lengths and sizes that do not fit
    if not len(xs):
        raise ValueError(f"{caller} needs at least one example, but got none")

    state = random.getstate()
    outputs = model(xs[0])  # type: ignore[operator]  # a model is called
    targets = _targets(outputs, ys, loss)
    _require_value(caller, criterion(outputs, targets[0]))
    random.setstate(state)  # training draws what it would have drawn without this first run
    training = _Training(caller, lambda x, y: criterion(model(x), y), xs, targets, optimizer, batch_size, rng)  # type: ignore[operator]
    compiled = None if eager else _compiled(training, threads)
    if type(model) is MLP:  # what a model of your own refuses, only a run of it tells
        if compiled is None:
            for x in xs:
                model._inputs(x)
        if isinstance(loss, str) and targets is ys:
            neutral = [Value(0.5)] * (len(outputs) if isinstance(outputs, list) else 1)  # where every loss is defined
            for y in ys:
                criterion(neutral, y)
    run_epoch = compiled or _recorded(training)
    return (Epoch(number, run_epoch()) for number in range(1, epochs + 1))


class _Training(NamedTuple):
    """What both ways of training need: the loss of one example, the examples, and how to make a step."""

    caller: str
    loss: Callable[[Any, Any], Value]
    xs: Sequence[Any]
    ys: Sequence[Any]
    optimizer: SGD
    batch_size: int | None
    rng: random.Random | None


def _criterion(caller: str, loss: Loss) -> Callable[[Any, Any], Value]:
    if callable(loss):
        return loss
    if not isinstance(loss, str):
        raise TypeError(
            f"{caller} needs a loss: a name, one of {', '.join(LOSSES)}, or a function of (outputs, target), but got {loss!r}"
        )
    if loss not in LOSSES:
        raise ValueError(f"no loss is called {loss!r}; there are {', '.join(LOSSES)}")
    return LOSSES[loss]


def _targets(outputs: Any, ys: Sequence[Any], loss: Loss) -> Sequence[Any]:
    """Labels as one-hot vectors, since a compiled loss cannot choose by a number; other targets unchanged."""
    if not isinstance(loss, str) or any(hasattr(y, "__iter__") for y in ys):
        return ys
    count = len(outputs) if isinstance(outputs, list) else 1
    return [one_hot(y, count) for y in ys] if count > 1 or loss in LOSSES_OF_CLASSES else ys


def _require_value(caller: str, loss: Any) -> Value:
    if not isinstance(loss, Value):
        raise TypeError(f"{caller} needs a loss that is a Value, computed from the model's outputs, but it gives {loss!r}")
    return loss


# --- an epoch, in two ways --------------------------------------------------------------------------------------------


def _recorded(training: _Training) -> Callable[[], float]:
    """The function that trains for one epoch on the graph engine, with a graph for each batch, and returns the mean loss."""
    optimizer = training.optimizer

    def run_epoch() -> float:
        losses = []
        for xs, ys in batches(training.xs, training.ys, training.batch_size, training.rng):
            loss = _require_value(training.caller, mean([training.loss(x, y) for x, y in zip(xs, ys, strict=True)]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.data) * len(xs))
        return math.fsum(losses) / len(training.xs)

    return run_epoch


def _compiled(training: _Training, threads: int | None) -> Callable[[], float] | None:
    """The function that does the same in compiled steps; None, with a warning in the log, if the loss cannot be compiled."""
    import numpy as np

    from autograd.compiled.arguments import examples_from

    program = _program(training, threads)
    if program is None:
        return None
    x, y = (
        examples_from([name], [examples])[1].reshape(np.shape(examples))
        for name, examples in (("xs", training.xs), ("ys", training.ys))
    )

    def run_epoch() -> float:
        theta = program.parameters()
        losses = []
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # parameters that diverge become inf or nan, as in floats
                for chosen, _ in batches(range(len(x)), range(len(x)), training.batch_size, training.rng):
                    value, gradients = program.bind(x[chosen], y[chosen])(theta)
                    theta -= float(training.optimizer.lr) * gradients
                    losses.append(value * len(chosen))
        finally:
            program.write(theta)
        return math.fsum(losses) / len(x)

    return run_epoch


def _program(training: _Training, threads: int | None) -> Program | None:
    import numpy as np

    parameters = training.optimizer.params
    if not all(type(p.data) in (int, float) for p in parameters):
        return None  # Fractions stay exact
    program, state = autograd.compile(training.loss, parameters, threads=threads), random.getstate()
    try:
        program.trace([np.shape(training.xs[0]), np.shape(training.ys[0])])
    except (TracingError, ClosureError, TypeError, ValueError) as error:  # graph by graph it can be trained
        logging.getLogger("nn.fit").warning("training on the graph engine, since the loss cannot be compiled: %s", error)
        return None
    if not program.tape.depends_on_wanted[program.tape.outputs[0]]:
        return None  # no parameter is in it, so a program has no gradient
    if random.getstate() != state:
        random.setstate(state)
        logging.getLogger("nn.fit").warning(
            "training on the graph engine, since the model or the loss draws random numbers: compiled, they would be drawn once"
        )
        return None
    return program
