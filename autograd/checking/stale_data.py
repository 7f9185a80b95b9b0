"""Stale data: nodes that no longer agree with the numbers of their operands, and which assignment explains that."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from autograd.checking.graph_facts import Finding, Subject
from autograd.rules.evaluate import evaluate_ieee
from autograd.rules.grammar import names_in
from autograd.rules.numbers import is_finite
from autograd.rules.op import Op
from autograd.text import as_printed, listed
from autograd.value import Constant, Value


def stale_data(subject: Subject) -> Iterator[Finding]:
    """Each node whose data was assigned since the operations that read it were computed.

    Every operation is computed again, from the present data of its operands. Where the result or a local derivative is another
    number than the recorded one, an operand was assigned, or the node itself. Which one, is inferred:

    1.  A local derivative that depends on one operand alone and is another number now: that operand was assigned.
    2.  Numbers that are all the same, though the derivative in an operand is not 0: that operand was not.
    3.  Of those that are left, the fewest that explain the rest are named; where the numbers cannot tell, the alternatives too.

    >>> x = Value(3.0, "x")
    >>> y = x * x + 1
    >>> x.data = 5.0
    >>> [(finding.kind, finding.node is x) for finding in stale_data(Subject(y))]
    [('stale data', True)]
    """
    evidence = _Evidence(subject)
    readers: dict[Value, list[Value]] = {}
    for node in evidence.now:
        for source in dict.fromkeys(node.inputs):
            readers.setdefault(source, []).append(node)
    for node, alternatives in evidence.assigned().items():
        yield Finding("stale data", node, _message(subject, evidence, node, alternatives, readers.get(node, [])))


def require_consistent(output: Value) -> None:
    """Refuse a graph in which an operation disagrees with the present numbers of its operands.

    Raises:
        ValueError: saying which number was assigned.
    """
    for finding in stale_data(Subject(output)):
        raise ValueError(f"the numbers of a derivation follow from each other, but {finding.message}")


class _Evidence:
    """What the operations, computed again, say about who was assigned."""

    def __init__(self, subject: Subject) -> None:
        self.place = subject.place
        self.now: dict[Value, tuple[Any, ...]] = {}  # what operations give now that had another result or local derivative
        self.certain: dict[Value, None] = {}  # assigned, by rule 1
        self.excluded: set[Value] = set()  # not assigned, by rule 2
        for node in subject.order:
            if isinstance(node.op, Op):
                now = _computed_again(node.op, node)
                if not all(map(same, _recorded(node), now)):
                    self.now[node] = now
        for node in subject.order if self.now else ():
            if isinstance(node.op, Op):
                self._weigh(node, node.op, self.now.get(node))

    def _weigh(self, node: Value, op: Op, now: tuple[Any, ...] | None) -> None:
        if now is None and is_finite(node.data):
            slopes: dict[Value, Any] = {}  # the derivative in each operand, once for both places of x in x - x
            for source, partial in zip(node.inputs, node.partials, strict=True):
                slopes[source] = slopes.get(source, 0) + partial
            self.excluded.update(source for source, slope in slopes.items() if slope != 0)
        for text, old, new in zip(op.partials, node.partials, now[1:] if now else node.partials, strict=True):
            if not same(old, new):
                read = {node.inputs[index] for index in _read(text, op.operands)}
                self.certain.update(dict.fromkeys(read) if len(read) == 1 else {})
            elif text in op.operands:  # as in x * y, whose local derivative in x is y itself
                self.excluded.add(node.inputs[op.operands.index(text)])

    def _suspects(self, node: Value, found: dict[Value, list[Value]]) -> list[Value]:
        """Who may have been assigned to make this node stale, the likeliest first: leaves, then other operands, then itself."""
        everyone = list(dict.fromkeys([*node.inputs, node]))
        suspects = [each for each in everyone if each not in self.excluded and self._is_suspect(each, found)]
        if not all(map(same, node.partials, self.now[node][1:])):
            suspects = [each for each in suspects if each is not node]  # its own data has no part in its local derivatives
        suspects = [each for each in suspects if not isinstance(each, Constant)] or suspects or everyone
        return sorted(suspects, key=lambda each: (each.op is not None, each is node))

    def _is_suspect(self, node: Value, found: dict[Value, list[Value]]) -> bool:
        if not isinstance(node.op, Op):
            return True
        disagrees = node in self.now and not same(node.data, self.now[node][0])
        return disagrees and found.keys().isdisjoint(node.inputs)  # otherwise these explain it

    def assigned(self) -> dict[Value, list[Value]]:
        """The nodes that were assigned, in topological order, each with the alternatives to it."""
        found: dict[Value, list[Value]] = {node: [] for node in self.certain}
        found |= {suspects[0]: [] for suspects in self._unexplained(found).values() if len(suspects) == 1}
        unexplained = self._unexplained(found)
        explains: dict[Value, list[Value]] = {}
        for node, suspects in unexplained.items():
            for each in suspects:
                explains.setdefault(each, []).append(node)
        for suspect in sorted(explains, key=lambda each: -len(explains[each])):
            nodes = [node for node in explains[suspect] if node in unexplained]
            if nodes:
                alternatives = set.intersection(*(set(unexplained.pop(node)) for node in nodes)) - {suspect}
                found[suspect] = sorted(alternatives, key=self.place.__getitem__)
        return {node: found[node] for node in sorted(found, key=self.place.__getitem__)}

    def _unexplained(self, found: dict[Value, list[Value]]) -> dict[Value, list[Value]]:
        """The stale nodes that no assignment found so far explains, with their suspects."""
        stale = [node for node in self.now if node not in found and found.keys().isdisjoint(node.inputs)]
        return {node: self._suspects(node, found) for node in stale}


def _recorded(node: Value) -> tuple[Any, ...]:
    return (node.data, *node.partials)


def _computed_again(op: Op, node: Value) -> tuple[Any, ...]:
    try:
        return evaluate_ieee(op, *(source.data for source in node.inputs))
    except OverflowError:  # an operand was assigned a Fraction beyond the floats
        return (math.nan,) * (1 + op.arity)


def same(x: Any, y: Any) -> bool:
    """Whether two numbers are the same bit for bit; all nans count as one.

    >>> same(0.1 + 0.2, 0.3), same(0.0, -0.0), same(math.nan, math.nan), same(2, 2.0)
    (False, False, True, True)
    """
    if x == y:
        return bool(x != 0) or math.copysign(1, x) == math.copysign(1, y)
    return bool(x != x and y != y)


@lru_cache(maxsize=4096)
def _read(text: str, operands: tuple[str, ...]) -> list[int]:
    """The operands that a partial depends on."""
    names = names_in(text)
    return [index for index, operand in enumerate(operands) if operand in names or "out" in names]


# --- words ----------------------------------------------------------------------------------------------------------


def _message(subject: Subject, evidence: _Evidence, node: Value, alternatives: list[Value], readers: list[Value]) -> str:
    told = f"{subject.path(node)} was assigned after the graph was built: its data is now {as_printed(node.data)}"
    if node in evidence.now and not same(node.data, evidence.now[node][0]):
        told += f", but {subject.formula(node)} gives {as_printed(evidence.now[node][0])}"
    told += "."
    if readers:
        told += f" {listed(readers, subject.formula)} used another number: {_contrast(subject, evidence, readers[0])}."
    if alternatives:
        told += f" (It may have been {listed(alternatives, subject.name, 'or')} instead: the numbers cannot tell.)"
    if node.op is None:
        return (
            f"{told} backward() gives the gradient at the old numbers. After a step of training, p.data -= rate * p.grad, that is "
            "normal. What to do: build the graph anew, that is, compute the output again, before the next backward()."
        )
    return (
        f"{told} It is the result of an operation, which an assignment does not undo: backward() goes on to its operands as before. "
        "What to do: assign leaves only, and build the graph anew."
    )


def _contrast(subject: Subject, evidence: _Evidence, node: Value) -> str:
    """The first number that is not the same any more."""
    now, *partials_now = evidence.now[node]
    if not same(node.data, now):
        return f"{subject.name(node)} is {as_printed(node.data)}, and would now be {as_printed(now)}"
    pairs = zip(node.inputs, node.partials, partials_now, strict=True)
    source, old, new = next((source, old, new) for source, old, new in pairs if not same(old, new))
    return f"the local derivative of {subject.name(node)} in {subject.name(source)} is {as_printed(old)}, and would now be {as_printed(new)}"
