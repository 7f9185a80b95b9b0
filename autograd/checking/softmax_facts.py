"""Softmax found in a graph, whoever wrote it: exponentials that are divided by their sum, or the logarithm of whose sum is taken."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from autograd.ops import ADD, DIV, EXP, LOG, SUB
from autograd.value import Constant, Value


class Softmax(NamedTuple):
    r"""The exponentials :math:`e^{z_k}` of one sum. Their shares in it are the probabilities :math:`p_k = e^{z_k}/\sum_j e^{z_j}`.

    Attributes:
        exponentials: the nodes that are added, in their order.
        total: their sum; of a single exponential it is that node.

    >>> from autograd import softmax
    >>> z = [Value(2.0, "z1"), Value(1.0, "z2")]
    >>> p = softmax(z)
    >>> found = softmaxes(p)
    >>> found[p[0]] == found[p[1]], found[p[0]].logits == z
    (True, True)
    """

    exponentials: tuple[Value, ...]
    total: Value

    @property
    def logits(self) -> list[Value]:
        """The operands of the exponentials, each without the shift that was subtracted lest it overflow."""
        return [_without_shift(exponential.inputs[0]) for exponential in self.exponentials]


def softmaxes(order: Iterable[Value]) -> dict[Value, Softmax]:
    """For each probability, and each logarithm of a sum of exponentials, the softmax to which it belongs."""
    of_total: dict[Value, Softmax | None] = {}
    found: dict[Value, Softmax] = {}
    for node in order:
        if node.op is LOG or (node.op is DIV and node.inputs[0].op is EXP):
            total = node.inputs[-1]
            if total not in of_total:
                terms = _terms(total)
                of_total[total] = Softmax(tuple(terms), total) if all(term.op is EXP for term in terms) else None
            softmax = of_total[total]
            if softmax is not None and (node.op is LOG or node.inputs[0] in softmax.exponentials):
                found[node] = softmax
    return found


def _terms(total: Value) -> list[Value]:
    """What is added up, from left to right. The walk ends at the first node that is neither a sum nor an exponential."""
    terms: list[Value] = []
    rest = [total]
    while rest and (not terms or terms[-1].op is EXP):
        node = rest.pop()
        if node.op is ADD:
            rest += reversed(node.inputs)
        else:
            terms.append(node)
    return terms


def _without_shift(operand: Value) -> Value:
    """``z`` of ``z - shift``, if no gradient passes through the shift."""
    if operand.op is SUB:
        logit, shift = operand.inputs
        if isinstance(shift, Constant) or getattr(shift.op, "detaches", False):
            return logit
    return operand
