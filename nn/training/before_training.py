"""What is refused before training: targets that a loss cannot have, and a loss that does not fit the outputs of the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from autograd import Value
from autograd.text import described, short_repr
from nn.layers import MLP
from nn.losses import LOSSES, one_hot
from nn.training.examples import plain

Loss: TypeAlias = str | Callable[[Any, Any], Value]

LOSSES_OF_CLASSES = ("cross_entropy", "cross_entropy_logits")
"""The losses whose target may be a label even if there is only one output."""

NEVER_NEGATIVE = ("softmax", "sigmoid", "relu")
"""Activations whose outputs cannot fall below 0, as an output for a target of -1 must."""

NEAR = 1e-9  # how far the sum of probabilities is from 1, for rounding


def criterion_for(caller: str, loss: Loss) -> Callable[[Any, Any], Value]:
    """The loss as a function of (outputs, target).

    Raises:
        TypeError: if it is neither a name nor a function.
        ValueError: if no loss has the name.
    """
    if callable(loss):
        return loss
    if not isinstance(loss, str):
        raise TypeError(
            f"{caller} needs a loss: a name, one of {', '.join(LOSSES)}, or a function of (outputs, target), but got {short_repr(loss)}"
        )
    if loss not in LOSSES:
        raise ValueError(f"no loss is called {loss!r}; there are {', '.join(LOSSES)}")
    return LOSSES[loss]


def refuse_what_is_no_model(caller: str, model: Any) -> None:
    """Refuse what cannot be called, or has no parameters.

    Raises:
        TypeError: saying what was given.
    """
    if not callable(model) or not hasattr(model, "parameters"):
        raise TypeError(
            f"{caller} trains a model that is called and has parameters(), an MLP or a class of your own that inherits from Module, "
            f"but got {described(model)}"
        )


def by_name(loss: Loss) -> Loss:
    """The name of a loss of this package that was given as the function: either way it gets the same targets, and the same are refused.

    >>> from nn import cross_entropy_logits
    >>> by_name(cross_entropy_logits)
    'cross_entropy_logits'
    """
    return next((name for name, known in LOSSES.items() if known is loss), loss)


def converter_of_targets(outputs: Any, ys: Sequence[Any], loss: Loss) -> Callable[[Any], Any]:
    """The function from a target, as ``plain`` gives it, to what the loss takes.

    Labels become one-hot vectors, since a compiled loss cannot choose by a number; other targets stay as they are.
    """
    if not isinstance(loss, str) or any(isinstance(y, list) for y in ys):
        return plain
    count = _count(outputs)
    if count == 1 and loss not in LOSSES_OF_CLASSES:
        return plain
    return lambda y: y if isinstance(y, list) else one_hot(label(y), count)


def label(y: Any) -> Any:
    """A label as an int: 1.0 is one too, as data that were read from a file often say.

    Raises:
        ValueError: for a text, which has no place among the outputs.

    >>> label(1.0), label(2)
    (1, 2)
    """
    if isinstance(y, str):
        raise ValueError(
            f"a label is a whole number from 0, the place of the class among the outputs, but got {described(y)}; number the "
            "classes: names = sorted(set(ys)), and then [names.index(y) for y in ys]"
        )
    return int(y) if isinstance(y, float) and y.is_integer() else y


def refuse_wrong_targets(outputs: Any, targets: Sequence[Any], loss: Loss) -> None:
    """Refuse targets that a loss by name cannot have. A compiled loss, whose targets have no numbers, could not tell.

    Raises:
        TypeError, ValueError: naming the first example whose target the loss refuses.
    """
    if not isinstance(loss, str):
        return
    neutral = [Value(0.5)] * _count(outputs)  # where every loss is defined
    checked = set()
    for k, target in enumerate(targets):
        key = repr(target)
        if key not in checked:
            checked.add(key)
            try:
                LOSSES[loss](neutral, target)
            except (TypeError, ValueError) as error:
                raise type(error)(f"example {k}: {error}") from None


def refuse_unfit_outputs(model: Any, outputs: Any, loss: Loss) -> None:
    """Refuse a loss by name that does not fit what a model gives: probabilities for logits, or what is none for probabilities.

    Raises:
        ValueError: saying which loss or output fits.
    """
    numbers = [output.data for output in (outputs if isinstance(outputs, list) else [outputs]) if isinstance(output, Value)]
    activation = getattr(model.layers[-1], "activation", None) if isinstance(model, MLP) else None
    if loss == "cross_entropy" and not all(0 < p <= 1 + NEAR for p in numbers):
        raise ValueError(
            f"cross_entropy takes probabilities, above 0 and at most 1, but the model's outputs for the first example are {numbers}; "
            "take cross_entropy_logits, or a model whose output is softmax"
        )
    if loss == "cross_entropy_logits" and (activation == "softmax" if activation else _are_probabilities(numbers)):
        raise ValueError(
            f"cross_entropy_logits takes logits, of which it takes the softmax itself, but the model's outputs, {numbers}, are "
            "probabilities already; take cross_entropy, or a model whose output is linear"
        )
    if loss == "hinge" and activation in NEVER_NEGATIVE:
        raise ValueError(
            f"hinge takes scores of both signs, above 0 for a target of 1 and below for -1, but the model's output is {activation}, "
            "which is never negative; take a model whose output is linear"
        )


def _are_probabilities(numbers: Sequence[Any]) -> bool:
    """Whether a softmax gives such numbers. Logits of 1 and 0, as a table of weights has that begins as the identity, it does not."""
    return len(numbers) > 1 and all(0 < p < 1 for p in numbers) and abs(sum(numbers) - 1) < NEAR


def _count(outputs: Any) -> int:
    return len(outputs) if isinstance(outputs, list | tuple) else 1
