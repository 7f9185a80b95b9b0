r"""Losses: how wrong the outputs for one example are, as one ``Value``.

Each takes ``(outputs, target)``. The outputs are one ``Value`` or a list of them. The target is a list with a number for each output
(one-hot, for example), or a class label, an int from 0; for a single output it is the number that the output should be.

    name                   loss of one example                        source
    sum_of_squares         sum_j (y_j - a_j)^2                        S0.27
    half_sum_of_squares    1/2 sum_j (a_j - y_j)^2                    S2.i1
    cross_entropy          -sum_c y_c log p_c, of probabilities p     S4.i5 (with its minus), S4.17
    cross_entropy_logits   the same, of logits                        S4.17 with S4.15, stable
    hinge                  sum_j max(0, 1 - y_j a_j), y_j = -1 or 1   micrograd

For several examples, take the ``mean`` of their losses (S4.14) or ``autograd.total`` (S3.3). A loss of your own can be any function of
Values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from autograd import OPS, Value, apply, is_traced, log, logsumexp, relu, sign, total
from autograd.rules.numbers import number
from autograd.text import described, short_repr
from autograd.value import Operand, as_value, data_of

Outputs: TypeAlias = Value | Sequence[Value]
Target: TypeAlias = Operand | Sequence[Operand]


def one_hot(label: int, classes: int) -> list[int]:
    r"""The vector :math:`e_l`: 1 at the label, 0 elsewhere (S4.16).

    Raises:
        ValueError: if the label is not a whole number from 0 to classes - 1.

    >>> one_hot(2, 5)
    [0, 0, 1, 0, 0]
    """
    index = _index(label)
    if not 0 <= index < classes:
        raise ValueError(
            f"a label among {classes} classes is a whole number from 0 to {classes - 1}, but got {short_repr(label)}"
        )
    return [int(c == index) for c in range(classes)]


def mean(losses: Sequence[Operand]) -> Any:
    r"""The mean of the losses of all examples, :math:`\frac1N\sum_i J_i` (S4.14).

    Raises:
        ValueError: if there are no losses.

    >>> mean([Value(1.0), Value(2.0)])
    Value(data=1.5, grad=0.0)
    """
    losses = list(losses)
    if not losses:
        raise ValueError("the mean over samples needs at least one loss, but got an empty list")
    return total(losses) / len(losses)


def sum_of_squares(outputs: Outputs, target: Target) -> Value:
    r""":math:`\sum_j (y_j - a_j)^2`, without a factor (S0.27): its derivative with respect to :math:`a_j` is :math:`-2(y_j - a_j)`.

    Raises:
        ValueError: if the target does not fit the outputs.

    >>> sum_of_squares([Value(1.0), Value(3.0)], [0.0, 1.0])
    Value(data=5.0, grad=0.0)
    """
    return total((a - y) ** 2 for a, y in _pairs("sum_of_squares", outputs, target))  # type: ignore[no-any-return]


def half_sum_of_squares(outputs: Outputs, target: Target) -> Value:
    r""":math:`\tfrac12\sum_j (a_j - y_j)^2` (S2.i1): its derivative with respect to :math:`a_j` is :math:`a_j - y_j` (S2.13).

    Raises:
        ValueError: if the target does not fit the outputs.

    >>> half_sum_of_squares([Value(1.0), Value(3.0)], [0.0, 1.0])
    Value(data=2.5, grad=0.0)
    """
    return total((a - y) ** 2 for a, y in _pairs("half_sum_of_squares", outputs, target)) / 2  # type: ignore[no-any-return]


def cross_entropy(probabilities: Outputs, target: Target) -> Value:
    r""":math:`-\sum_c y_c\ln p_c`, of probabilities: for a label l it is :math:`-\ln p_l` (S4.17).

    The probabilities are nodes of the graph, so that you can read :math:`\partial L/\partial p_c = -y_c/p_c` there (S4.31). A class
    with :math:`y_c = 0` does not count, whatever its probability. For training, ``cross_entropy_logits`` is the safe form.

    (While ``autograd.compile`` traces this loss, the targets have no numbers yet. The logarithm is then taken of
    :math:`p_c + 1 - \mathrm{sign}(y_c)`: this is :math:`p_c` where :math:`y_c > 0`, and where :math:`y_c = 0` it avoids ln 0. So for targets
    of 0 or more, the value and the derivatives with respect to the probabilities are those above; the derivative with respect to a
    target of 0 has no meaning.)

    Raises:
        ValueError: if the target does not fit the probabilities.
        DomainError: if the probability of the true class is 0.

    >>> from autograd import softmax
    >>> cross_entropy(softmax([Value(0.0), Value(0.0)]), 1)
    Value(data=0.6931471805599453, grad=0.0)
    """
    pairs = _pairs("cross_entropy", probabilities, target, classes=True)
    parts = ((p + (1 - sign(y)) if is_traced(y) else p, y) for p, y in pairs if not _is_number(y, 0))
    return as_value(-total(log(p) if _is_number(y, 1) else y * log(p) for p, y in parts))


def cross_entropy_logits(logits: Outputs, target: Target) -> Value:
    r""":math:`-\sum_c y_c\ln\mathrm{softmax}(z)_c`, of logits: for a label l it is :math:`\ln\sum_j e^{z_j} - z_l`.

    It is finite for logits of any size, and its derivative with respect to the logits is :math:`p - y` (S4.45). A class with
    :math:`y_c = 0` does not count, so its logit may be -inf.

    Raises:
        ValueError: if the target does not fit the logits.

    >>> cross_entropy_logits([Value(0.0), Value(800.0)], 0)
    Value(data=800.0, grad=0.0)
    """
    pairs = _pairs("cross_entropy_logits", logits, target, classes=True)
    log_sum = logsumexp([z for z, _ in pairs])
    terms = [log_sum - z if _is_number(y, 1) else _weighted(y, log_sum - z) for z, y in pairs if not _is_number(y, 0)]
    return as_value(total(terms))


def hinge(outputs: Outputs, target: Target) -> Value:
    r""":math:`\sum_j\max(0, 1 - y_j a_j)` with each :math:`y_j` -1 or 1: micrograd's loss on the moons.

    (While ``autograd.compile`` traces this loss, the targets have no numbers yet, and it takes them to be -1 or 1.)

    Raises:
        ValueError: if a target is neither -1 nor 1, or there is not one for each output.

    >>> hinge(Value(0.25), 1), hinge(Value(0.25), -1)
    (Value(data=0.75, grad=0.0), Value(data=1.25, grad=0.0))
    """
    pairs = _pairs("hinge", outputs, target)
    for _, y in pairs:
        if not is_traced(y) and data_of(y) not in (1, -1):
            found = f"{short_repr(target)} for {len(pairs)} outputs" if len(pairs) > 1 else short_repr(target)
            raise ValueError(
                f"hinge needs targets of -1 or 1, one for each output, but got {found}; of a label 0 or 1 make 2 * label - 1"
            )
    return total(relu(1 + -y * a) for a, y in pairs)  # type: ignore[no-any-return]


LOSSES: dict[str, Callable[[Any, Any], Value]] = {
    loss.__name__: loss for loss in (sum_of_squares, half_sum_of_squares, cross_entropy, cross_entropy_logits, hinge)
}
"""The losses by name."""


def _pairs(name: str, outputs: Outputs, target: Target, classes: bool = False) -> list[tuple[Value, Any]]:
    """Each output with its target. A label becomes one-hot; a number is the target of a single output, unless of ``classes``."""
    outputs = [as_value(output) for output in outputs] if hasattr(outputs, "__iter__") else [as_value(outputs)]
    if not outputs:
        raise ValueError(f"{name} needs at least one output, but got an empty list")
    if hasattr(target, "__iter__"):
        targets = [y if isinstance(y, Value) else number(y) for y in target]
    elif len(outputs) > 1 or classes:
        targets = [*one_hot(target, len(outputs))]  # type: ignore[arg-type]
    else:
        targets = [target]
    if classes and any(not isinstance(y, Value) and not y >= 0 for y in targets):
        raise ValueError(f"{name} needs targets of at least 0, the probabilities of the classes, but got {short_repr(target)}")
    if len(targets) != len(outputs):
        raise ValueError(f"{name} needs one target for each output, but got {len(outputs)} outputs and {len(targets)} targets")
    return list(zip(outputs, targets, strict=True))


def _weighted(y: Any, loss: Value) -> Any:
    """``y * loss``; but a target that is 0, and known only when the program runs, weighs an infinite loss 0 too."""
    return apply(OPS["vanish"], y, loss) if isinstance(y, Value) else y * loss


def _index(label: Any) -> int:
    if isinstance(label, Value):
        raise ValueError(
            f"a label is a whole number, which chooses an output, but got {short_repr(label)}: no number of a graph can choose a node. In a "
            "compiled loss, and wherever targets are Values, give them one-hot: one_hot(label, classes), a number for each output"
        )
    try:
        return label.__index__()  # type: ignore[no-any-return]
    except AttributeError:
        raise ValueError(
            f"a label is a whole number, but got {described(label)}; "
            "a target that is not a label is a list with one number for each output"
        ) from None


def _is_number(y: Any, number: int) -> bool:
    return not isinstance(y, Value) and y == number
