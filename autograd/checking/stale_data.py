"""Stale data: nodes that disagree with the present numbers of their operands, and the assignment that explains it."""

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
    """A finding for each node that was assigned after the operations that read it were computed.

    Every operation is computed again, from the present data of its operands. If the result or a local derivative differs from
    the recorded number, an operand or the node itself was assigned. Three rules infer which:

    1.  If a local derivative depends on one operand alone and differs, that operand was assigned. 2.  If nothing differs,
    although the derivative with respect to an operand is not 0, that operand was not assigned. 3.  Of the others, the fewest
    that explain all that is left were assigned. If the numbers cannot tell, alternatives are named too.

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
        ValueError: if there is one; it says which number was assigned.
    """
    for finding in stale_data(Subject(output)):
        raise ValueError(f"the numbers of a derivation follow from each other, but {finding.message}")


class _Evidence:
    """What computing the operations again tells about which nodes were assigned."""

    def __init__(self, subject: Subject) -> None:
        self.place = subject.place
        self.now: dict[Value, tuple[Any, ...]] = {}  # results and local derivatives that differ from those recorded
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
            slopes: dict[Value, Any] = {}  # the derivative with respect to each operand; x stands twice in x - x
            for source, partial in zip(node.inputs, node.partials, strict=True):
                slopes[source] = slopes.get(source, 0) + partial
            self.excluded.update(source for source, slope in slopes.items() if slope != 0)
        for text, old, new in zip(op.partials, node.partials, now[1:] if now else node.partials, strict=True):
            if not same(old, new):
                read = {node.inputs[index] for index in _read(text, op.operands)}
                self.certain.update(dict.fromkeys(read) if len(read) == 1 else {})
            elif text in op.operands:  # as for x * y, whose local derivative with respect to x is y itself
                self.excluded.add(node.inputs[op.operands.index(text)])

    def _suspects(self, node: Value, found: dict[Value, list[Value]]) -> list[Value]:
        """The nodes whose assignment may have made this node stale, the likeliest first: leaves, other operands, the node itself."""
        candidates = list(dict.fromkeys([*node.inputs, node]))
        suspects = [suspect for suspect in candidates if suspect not in self.excluded and self._is_suspect(suspect, found)]
        if not all(map(same, node.partials, self.now[node][1:])):
            suspects = [suspect for suspect in suspects if suspect is not node]  # its data does not enter its local derivatives
        suspects = [suspect for suspect in suspects if not isinstance(suspect, Constant)] or suspects or candidates
        return sorted(suspects, key=lambda suspect: (suspect.op is not None, suspect is node))

    def _is_suspect(self, node: Value, found: dict[Value, list[Value]]) -> bool:
        if not isinstance(node.op, Op):
            return True
        disagrees = node in self.now and not same(node.data, self.now[node][0])
        return disagrees and found.keys().isdisjoint(node.inputs)  # else these explain it

    def assigned(self) -> dict[Value, list[Value]]:
        """The nodes that were assigned, in topological order, each with its alternatives."""
        found: dict[Value, list[Value]] = {node: [] for node in self.certain}
        found |= {suspects[0]: [] for suspects in self._unexplained(found).values() if len(suspects) == 1}
        unexplained = self._unexplained(found)
        explains: dict[Value, list[Value]] = {}
        for node, suspects in unexplained.items():
            for suspect in suspects:
                explains.setdefault(suspect, []).append(node)
        for suspect in sorted(explains, key=lambda suspect: -len(explains[suspect])):
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
    """Whether two numbers are the same bit by bit; any two nans are the same.

    >>> same(0.1 + 0.2, 0.3), same(0.0, -0.0), same(math.nan, math.nan), same(2, 2.0)
    (False, False, True, True)
    """
    if x == y:
        return bool(x != 0) or math.copysign(1, x) == math.copysign(1, y)
    return bool(x != x and y != y)


@lru_cache(maxsize=4096)
def _read(text: str, operands: tuple[str, ...]) -> list[int]:
    """The positions of the operands that a partial depends on."""
    names = names_in(text)
    return [index for index, operand in enumerate(operands) if operand in names or "out" in names]


# --- words ----------------------------------------------------------------------------------------------------------


def _message(subject: Subject, evidence: _Evidence, node: Value, alternatives: list[Value], readers: list[Value]) -> str:
    message = f"{subject.path(node)} was assigned after the graph was built: its data is now {as_printed(node.data)}"
    if node in evidence.now and not same(node.data, evidence.now[node][0]):
        message += f", but {subject.formula(node)} gives {as_printed(evidence.now[node][0])}"
    message += "."
    if readers:
        message += f" {listed(readers, subject.formula)} used another number: {_contrast(subject, evidence, readers[0])}."
    if alternatives:
        message += f" (It may have been {listed(alternatives, subject.name, 'or')} instead: the numbers cannot tell.)"
    if node.op is None:
        return (
            f"{message} backward() gives the gradient at the old numbers. After a step of training, p.data -= rate * p.grad, that is "
            "normal. What to do: build the graph anew, that is, compute the output again, before the next backward()."
        )
    return (
        f"{message} It is the result of an operation, which an assignment does not undo: backward() goes on to its operands as before. "
        "What to do: assign leaves only, and build the graph anew."
    )


def _contrast(subject: Subject, evidence: _Evidence, node: Value) -> str:
    """The first number that differs, as it was and as it would be now."""
    now, *partials_now = evidence.now[node]
    if not same(node.data, now):
        return f"{subject.name(node)} is {as_printed(node.data)}, and would now be {as_printed(now)}"
    pairs = zip(node.inputs, node.partials, partials_now, strict=True)
    source, old, new = next((source, old, new) for source, old, new in pairs if not same(old, new))
    return (
        f"the local derivative of {subject.name(node)} with respect to {subject.name(source)} is {as_printed(old)}, and would now be "
        f"{as_printed(new)}"
    )
