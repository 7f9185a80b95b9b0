"""What goes wrong while a model is trained: where the first nan or inf was born, a loss that grows, relus that have died."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd import DomainError, Value
from autograd.generators import generators_kept
from autograd.graph import names, topological_order
from autograd.ops import RELU
from autograd.rules.numbers import is_finite
from nn.training.examples import Examples

GROWTH = 1000
"""How many times the loss of the first epoch is a loss that has grown."""

MOST_EXAMPLES = 100  # that are looked at for relus which never pass anything on, evenly among all, which may be sorted by class

REMEDY = "Take a smaller learning rate, or scale the inputs and the initial weights down"


def with_remedy(birth: str) -> str:
    """What went wrong, and what to do. A number that no operation made was given, and no learning rate mends it.

    >>> with_remedy("x[0] is nan before any operation")
    'x[0] is nan before any operation. It was given: leave such examples out, or fill them in, and look at the parameters'
    """
    given = "It was given: leave such examples out, or fill them in, and look at the parameters"
    return f"{birth}. {given if birth.endswith('before any operation') else REMEDY}"


def birth_of_loss(loss: Value) -> str:
    """Where a loss became infinite or nan: the first node that is, of operands that are not.

    >>> from autograd import exp
    >>> print(birth_of_loss(exp(Value(800.0, "z")) / 2))
    v1 = exp(z) is inf, where z = 800.0
    """
    order = topological_order(loss)
    called = names(order)
    for node in order:
        if not is_finite(node.data) and all(is_finite(source.data) for source in node.inputs):
            if not node.inputs:
                return f"{called.get(node, 'a constant')} is {node.data} before any operation"
            return f"{_statement(node, called)} is {node.data}, where {_operands(node, called)}"
    return f"the loss is {loss.data}"


def birth_of_gradient(loss: Value) -> str:
    """The same for a derivative, after ``backward()``: the first operation that passes on what is infinite or nan.

    >>> from autograd import sqrt
    >>> y = sqrt(Value(0.0, "x")); y.backward()
    >>> print(birth_of_gradient(y))
    x.grad is not finite: v1 = sqrt(x) passes on its local derivative inf times 1.0, where x = 0.0
    """
    order = topological_order(loss)
    called = names(order)
    for node in reversed(order):
        for source, partial in zip(node.inputs, node.partials, strict=False):
            if is_finite(node.grad) and not is_finite(partial * node.grad):
                return (
                    f"{called.get(source, 'a constant')}.grad is not finite: {_statement(node, called)} passes on its local derivative "
                    f"{partial} times {node.grad}, where {_operands(node, called)}"
                )
    return "a sum of derivatives is not finite"


def _statement(node: Value, called: dict[Value, str]) -> str:
    operands = ", ".join(called.get(source, str(source.data)) for source in node.inputs)
    return f"{called[node]} = {getattr(node.op, 'name', node._op)}({operands})"


def _operands(node: Value, called: dict[Value, str]) -> str:
    return ", ".join(f"{called[source]} = {source.data}" for source in dict.fromkeys(node.inputs) if source in called)


def has_grown(first: float, loss: float) -> bool:
    """Whether a loss is a thousand times that of the first epoch.

    >>> has_grown(0.5, 600.0), has_grown(0.0, 600.0)
    (True, False)
    """
    return loss > GROWTH * first > 0


def death_warning(model: Callable[[Any], Any], xs: Sequence[Any] | Examples, has_fallen: bool) -> str | None:
    """What to say of relus of a model that give 0 for all of the examples, and so pass no derivative on.

    None if there are none; and if the loss has fallen, as long as at least half of the relus live: many a good network has dead ones.

    >>> from autograd import relu
    >>> w = Value(-1.0)
    >>> print(death_warning(lambda x: relu(w * x) + relu(x - w), [1.0, 2.0], has_fallen=False))
    1 of 2 relus gives 0 for all examples, so no derivative passes it. Take a smaller learning rate, or scale the inputs and the \
initial weights down
    """
    alive: list[bool] = []
    count = min(len(xs), MOST_EXAMPLES)
    with generators_kept():
        for k in range(count):
            try:
                passes = [relu.data > 0 for relu in relus_of(model(xs[k * len(xs) // count]))]
            except DomainError:
                return None
            alive = alive or [False] * len(passes)
            if len(passes) != len(alive):
                return None  # the graph differs from example to example
            alive = [before or now for before, now in zip(alive, passes, strict=True)]
            if all(alive) or (has_fallen and 2 * alive.count(True) >= len(alive)):
                return None
    dead = alive.count(False)
    examples = "all examples" if count == len(xs) else f"{count} of {len(xs)} examples, evenly among them"
    give, it = ("gives", "it") if dead == 1 else ("give", "them")
    return f"{dead} of {len(alive)} relus {give} 0 for {examples}, so no derivative passes {it}. {REMEDY}"


def relus_of(outputs: Any) -> list[Value]:
    """The relus that the outputs of a model were computed with."""
    roots = outputs if isinstance(outputs, list | tuple) else [outputs]
    return [node for node in topological_order(*(root for root in roots if isinstance(root, Value))) if node.op is RELU]
