"""The training loop: gradient descent on a model's loss, compiled where possible, else graph by graph."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd.generators import generators_kept
from autograd.rules.numbers import Number
from nn.layers import MLP
from nn.module import Module
from nn.training.batches import batches, refuse_what_cannot_shuffle
from nn.training.before_training import (
    Loss,
    by_name,
    converter_of_targets,
    criterion_for,
    refuse_unfit_outputs,
    refuse_what_is_no_model,
    refuse_wrong_targets,
)
from nn.training.examples import Examples, refuse_what_is_no_list
from nn.training.graph_by_graph import GraphByGraph, Training, require_value
from nn.training.optimisers import SGD
from nn.training.trouble import REMEDY, death_warning, has_grown, relus_of
from nn.whole_numbers import at_least

if TYPE_CHECKING:
    from nn.training.compiled_steps import CompiledSteps

LOG = logging.getLogger("nn.fit")


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
    recorded as a graph and ``backward()`` differentiates it. The same happens if the loss cannot be compiled, because it chooses by a
    number say, or draws from ``random``; a warning is logged.

    Both ways give the same numbers to rounding. To make sure, the loss itself runs on the graph engine beside the compiled one: for one
    example of each label before training, and for one example before the epochs 2, 4, 8, ... and the last. If they differ, because the
    loss reads a factor that has changed say, a warning names the example, both numbers and the epochs since the last check that held,
    and training goes on on the graph engine. The runs draw nothing from the global generators of ``random`` and NumPy; what else the
    loss does, counting or printing, it does once more. A loss that counts its calls, to change after so many, is called for these
    examples alone, and does not change. To count epochs, or to look on while a model is trained, loop over ``epochs``.

    Examples are given to model and loss in Python's numbers, as lists, whether xs and ys are lists or arrays, of floats or of eight
    bits. A loss that grows a thousandfold is warned of, and so are relus that give 0 for all examples after training: any if the loss has not
    fallen, else more than half of them.

    Args:
        model: a module, called with the list of an example's inputs.
        xs: the inputs of each example.
        ys: the target of each example: a number, a list, or for a loss of classes a label from 0, also as a float.
        loss: a name from ``LOSSES``, or a function of (outputs, target) that returns a ``Value``.
        lr: the learning rate :math:`\eta`.
        epochs: how often to go through the examples.
        batch_size: the number of examples in a training step; None for all.
        rng: a generator that shuffles the examples in each epoch; None keeps their order.
        eager: whether to record every batch as a graph, and compile nothing.
        threads: how many threads compiled code may use; None for one.

    Raises:
        TypeError: if xs or ys is no list, an example holds something else than numbers, or the loss is no ``Value``.
        ValueError: if lengths, shapes, labels, the rate, the number of epochs or the batch size are wrong, no loss has the name, or a
            loss by name fits neither the targets nor the outputs.
        DomainError, FloatingPointError: if the loss or its gradient becomes infinite or nan: in which epoch and batch, and at which
            operation. The parameters are those before that step.

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
    are those of ``fit``; both refuse what is wrong with the arguments when they are called, before any training. What you change
    between two epochs is used in the next one: numbers in xs and ys, of parameters, and of other Values that the loss reads. A change
    that only the loss itself sees, of a float that it reads say, is found when the next check is due.

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
    criterion, loss = criterion_for(caller, loss), by_name(loss)
    if threads is not None:
        at_least(1, threads, caller, "threads")  # also where no compiled code will use them
    refuse_what_is_no_model(caller, model)
    optimizer = SGD(model.parameters(), lr)  # refuses what cannot be trained
    epochs = at_least(0, epochs, caller, "epochs")
    for name, given in (("xs", xs), ("ys", ys)):
        refuse_what_is_no_list(caller, name, given)
    refuse_what_cannot_shuffle(rng)
    batches(xs, ys, batch_size)  # refuses lengths and sizes that do not fit
    if not len(xs):
        raise ValueError(f"{caller} needs at least one example, but got none")

    run: Callable[[Any], Any] = model  # type: ignore[assignment]  # a model is called
    inputs = Examples("xs", xs)
    with generators_kept():  # training draws what it would have drawn without this first run
        outputs = run(inputs[0])
        targets = Examples("ys", ys, converter_of_targets(outputs, Examples("ys", ys).lists(), loss))
        refuse_wrong_targets(outputs, targets.lists(), loss)
        refuse_unfit_outputs(model, outputs, loss)
        require_value(caller, criterion(outputs, targets[0]))
    training = Training(caller, lambda x, y: criterion(run(x), y), inputs, targets, optimizer, batch_size, rng)
    way = GraphByGraph(training) if eager else _compiled(training, threads)
    if type(model) is MLP and isinstance(way, GraphByGraph):  # what a model of your own refuses, only a run of it tells
        for x in inputs.lists():
            model._inputs(x)
    if loss == "cross_entropy":
        way.require_finite_losses()  # of probabilities at or below 0 there is none
    return _trained(training, way, epochs, run if relus_of(outputs) else None)


def _compiled(training: Training, threads: int | None) -> CompiledSteps | GraphByGraph:
    """Training in compiled steps; on the graph engine, with a warning in the log, if the loss cannot be compiled."""
    from nn.training.compiled_steps import CompilationError, CompiledSteps

    try:
        return CompiledSteps(training, threads)
    except CompilationError as reason:
        return _on_the_graph_engine(training, reason)


def _on_the_graph_engine(training: Training, reason: Exception) -> GraphByGraph:
    if str(reason):
        LOG.warning("training on the graph engine, since %s", reason)
    return GraphByGraph(training)


def _trained(
    training: Training, way: CompiledSteps | GraphByGraph, epochs: int, relus: Callable[[Any], Any] | None
) -> Iterator[Epoch]:
    """Train for one epoch after the other; changes the way if compiled steps no longer do what the loss does.

    ``relus`` is the model, if it has any.
    """
    first = loss = math.nan
    has_been_said = False
    for number in range(1, epochs + 1):
        if not isinstance(way, GraphByGraph):
            way = _checked(training, way, number, number in (epochs, 2 ** (number.bit_length() - 1)))
        loss = way.run_epoch(number)
        first = loss if number == 1 else first
        if has_grown(first, loss) and not has_been_said:
            LOG.warning("the loss has grown from %.4g in epoch 1 to %.4g in epoch %d. %s", first, loss, number, REMEDY)
            has_been_said = True
        yield Epoch(number, loss)
    if epochs and relus and (warning := death_warning(relus, training.xs, has_fallen=loss < first or epochs == 1)):
        LOG.warning("after %d epochs, %s", epochs, warning)


def _checked(training: Training, way: CompiledSteps, number: int, is_due: bool) -> CompiledSteps | GraphByGraph:
    """The same way, with what has changed since the last epoch; the graph engine, if it is not what the loss does."""
    from nn.training.compiled_steps import CompilationError

    try:
        if training.caller == "epochs" or is_due:  # while fit trains, only a run of the loss can change anything
            way.refresh()
        if is_due and number > 1:
            way.check(number)
    except CompilationError as reason:
        return _on_the_graph_engine(training, reason)
    return way
