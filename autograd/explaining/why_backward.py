"""Why backward() is as it is: the same pass in another order, and with = for +=, on the learner's own graph and numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any, NamedTuple

from autograd.derivatives import grad
from autograd.explaining.derivation import (
    Derivation,
    Line,
    Section,
    among_words,
    equation,
    product,
    symbols,
    total,
    value,
    words,
)
from autograd.explaining.named_graph import NamedGraph
from autograd.graph import leaves_of, topological_order
from autograd.rules.notation import MOST, TEXT, Notation
from autograd.value import Value

LINES = 30  # of a pass, or of gradients, that are shown
VISITS = 10_000  # that a walk without a memory is followed for


def why_order(output: Value) -> Derivation:
    r"""Why ``backward()`` needs a topological order: the same pass in a naive one, and the node at which it goes wrong.

    The naive order is that of many first attempts: a node passes its gradient on when it is first met, then its inputs are
    visited, first operand first. A node with several users may so pass on before all of them have contributed:

    .. math:: \bar v = \sum_{u\,:\,v \to u} \bar u\,\frac{\partial u}{\partial v} \quad\text{is complete only after every user } u

    Where this order happens to give the right gradients, the derivation says so, and why; and what comes of a walk that does not
    even remember which nodes it has met.

    Args:
        output: the value that ``backward()`` would start from.

    Raises:
        TypeError: if the output is no Value.
        ClosureError: if an operation between the leaves and the output is a closure, which has no local derivatives.

    Source: Griewank & Walther (2008), section 3.2; Knuth, TAOCP 1, section 2.2.3.

    >>> x = Value(2.0, "x")
    >>> n = x * 3; n.label = "n"
    >>> print(why_order(n + n * 5))
    The backward pass in a naive order
      A node passes its gradient on when it is first met; then its inputs are visited in turn.
      v2 → n → v1
      v2.grad = 1
      n.grad += ∂v2/∂n·v2.grad = 1·1 = 1
      v1.grad += ∂v2/∂v1·v2.grad = 1·1 = 1
      x.grad += ∂n/∂x·n.grad = 3·1 = 3
      n.grad += ∂v1/∂n·v1.grad = 5·1 = 5  (too late: n has passed on)
    <BLANKLINE>
    Where it first goes wrong: n
      n passes on too early. Contributed by then: v2; still to come: v1.
      n.grad = 1  (when n passes on)
      n.grad = 1 + 5 = 6  (in the end)
    <BLANKLINE>
    The gradients
      x.grad = 3, but dv2/dx = 18
      All others are right.
    <BLANKLINE>
    Why the order matters
      In a topological order every node stands after its inputs; in reverse, as backward() goes, after all
      its users. So when a node's turn comes its gradient is complete, and it passes on once and for all.
    """
    return Derivation(_Order(_Graph(output)).sections)


def why_plus(output: Value) -> Derivation:
    r"""Why ``backward()`` says ``+=``: the same pass with ``=``, and the node at which a contribution is overwritten.

    A node that is used twice acts on the output in two ways, and its gradient is the sum over both, the chain rule of several
    variables:

    .. math:: \bar v = \sum_{u\,:\,v \to u} \bar u\,\frac{\partial u}{\partial v}

    Args:
        output: the value that ``backward()`` would start from.

    Raises:
        TypeError: if the output is no Value.
        ClosureError: if an operation between the leaves and the output is a closure, which has no local derivatives.

    Source: S0.14, S4.49.

    >>> x = Value(3.0, "x")
    >>> print(why_plus(x * x))
    The backward pass with = in place of +=
      v1.grad = 1
      x.grad = ∂v1/∂x·v1.grad = 3·1 = 3
      x.grad = ∂v1/∂x·v1.grad = 3·1 = 3  (overwrites 3)
    <BLANKLINE>
    Where a contribution is first lost: x
      x is used 2 times. What v1 (operand 1) contributes is overwritten by what v1 (operand 2) does.
      x.grad = 3  (after these two, with =)
      x.grad = 3 + 3 = 6  (with +=)
    <BLANKLINE>
    The gradients
      x.grad = 3, but dv1/dx = 6
      All others are right.
    <BLANKLINE>
    Why contributions are added
      The output depends on a node along each of its uses, so the gradient is a sum; = keeps the last.
    """
    return Derivation(_Plus(_Graph(output)).sections)


# --- the graph, and a backward pass over it in any way ------------------------------------------------------------------


class _Graph:
    """The nodes between the leaves and the output, with names, users, and the gradients that are right."""

    def __init__(self, output: Value) -> None:
        order = topological_order(output) if isinstance(output, Value) else []
        self.named = NamedGraph(output, leaves_of(order))
        self.output, self.steps = output, self.named.steps
        self.backwards = [node for node in reversed(self.steps.order) if node in self.steps.between]
        self.edges = {
            node: [(slot, each) for slot, each in enumerate(self.steps.inputs(node)) if each in self.steps.between]
            for node in self.backwards
        }
        self.passing = [node for node in self.backwards if self.edges[node]]
        self.users: dict[Value, list[Value]] = {node: [] for node in self.backwards}  # with multiplicity
        for node in self.passing:
            for _, each in self.edges[node]:
                self.users[each].append(node)
        self.right = dict(zip(self.backwards, grad(output, self.backwards), strict=True))

    def name(self, notation: Notation, node: Value) -> str:
        """The name of a node among words."""
        return among_words(notation, self.named.name(notation, node))

    def behind(self, nodes: Iterable[Value]) -> list[Value]:
        """All that some of the nodes pass on to, directly or not."""
        behind = {each for node in nodes for _, each in self.edges[node]}
        for node in self.backwards:
            if node in behind:
                behind.update(each for _, each in self.edges[node])
        return [node for node in self.backwards if node in behind]

    def as_met(self, remembering: bool = True) -> list[Value]:
        """The nodes that pass on, in the order in which a walk meets them; without a memory it meets some again and again."""
        order, met, rest = [], set(), [self.output]
        while rest:
            node = rest.pop()
            if self.edges.get(node) and not (remembering and node in met):
                met.add(node)
                order.append(node)
                rest += [each for _, each in reversed(self.edges[node])]
        return order


class _Contribution(NamedTuple):
    """What a user passes to one of its operands: the local derivative times the gradient that the user has by then."""

    user: Value
    slot: int
    to: Value
    partial: Any
    gradient: Any
    amount: Any


class _Pass:
    """A backward pass over the nodes in the order given; each contribution is combined with the gradient so far."""

    def __init__(self, graph: _Graph, order: Iterable[Value], combine: Callable[[Any, Any], Any] = add) -> None:
        self.graph = graph
        self.gradients: dict[Value, Any] = {graph.output: graph.steps.one}
        self.made: list[_Contribution] = []
        for node in order:
            gradient = self.gradients[node]
            for slot, each in graph.edges[node]:
                partial = graph.steps.partials(node)[slot]
                self.made.append(_Contribution(node, slot, each, partial, gradient, partial * gradient))
                self.gradients[each] = combine(self.gradients.get(each, graph.steps.zero), self.made[-1].amount)

    def lines(self, notation: Notation, sign: str, remarks: Mapping[int, str]) -> Iterator[Line]:
        """The contributions one by one, with a remark on some."""
        yield self.gradient(notation, self.graph.output, self.graph.steps.one)
        named = self.graph.named
        for k, each in enumerate(self.made[:LINES]):
            of = notation.adjoint(named.name(notation, each.user))
            factors = symbols(notation, [named.partial_derivative(notation, each.user, each.to), of])
            numbers = product(notation, [each.partial, each.gradient])
            right = equation(notation, factors, numbers, value(notation, each.amount))
            remark = words(f"  ({remarks[k]})", notation.prose) if k in remarks else ""
            yield Line(notation.adjoint(named.name(notation, each.to)) + sign + right + remark)
        if len(self.made) > LINES:
            yield _words(f"{len(self.made) - LINES} more contributions are left out.")

    def gradient(self, notation: Notation, node: Value, number: Any, terms: Sequence[Any] = (), remark: str = "") -> Line:
        """A gradient, where there are terms as their sum."""
        parts = [*([total(notation, terms)] if terms else []), value(notation, number)]
        shown = equation(notation, notation.adjoint(self.graph.named.name(notation, node)), *parts)
        return Line(shown + (words(f"  ({remark})", notation.prose) if remark else ""))

    def compared(self, notation: Notation, doubtful: Sequence[Value]) -> Iterator[Line]:
        """The gradients that are wrong beside the derivatives, those of leaves first."""
        right = self.graph.right
        wrong = [node for node in reversed(doubtful) if not _same(self.gradients[node], right[node])]
        for node in sorted(wrong, key=lambda node: bool(self.graph.edges[node]))[:LINES]:
            got, derivative = self.gradients[node], self.graph.named.derivative(notation, self.graph.output, node)
            so_it_is = equation(notation, derivative, value(notation, right[node]))
            text = self.gradient(notation, node, got).text + notation.prose(", but ") + so_it_is
            if notation.number(got) == notation.number(right[node]):  # they differ in digits that are not shown
                text += notation.prose(", and the difference is ") + notation.number(right[node] - got).text
            yield Line(text)
        if len(wrong) > LINES:
            yield _words(f"{len(wrong) - LINES} more gradients are wrong.")
        yield _words("All others are right." if wrong else "All are right all the same: with these numbers it does not show.")


def _same(a: Any, b: Any) -> bool:
    """Whether two gradients are equal but for rounding, which depends on the order of a sum; exact numbers are not rounded."""
    if isinstance(a, float) or isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-12) or (a != a and b != b)
    return bool(a == b)


def _words(text: str) -> Line:
    return Line(text, is_prose=True)


# --- in another order ---------------------------------------------------------------------------------------------------


class _Order:
    """What ``why_order`` says, section by section."""

    def __init__(self, graph: _Graph) -> None:
        self.graph, self.met = graph, graph.as_met()
        self.naive = _Pass(graph, self.met)
        self.place = {node: k for k, node in enumerate(self.met)}
        self.late = [k for k, each in enumerate(self.naive.made) if self._is_late(each)]
        self.early = sorted({self.naive.made[k].to for k in self.late}, key=self.place.__getitem__)

    def _is_late(self, contribution: _Contribution) -> bool:
        return contribution.to in self.place and self.place[contribution.to] < self.place[contribution.user]

    def sections(self, notation: Notation) -> Iterator[Section]:
        lines = [_words("A node passes its gradient on when it is first met; then its inputs are visited in turn.")]
        if self.met:
            ends = self.met if len(self.met) <= 2 * MOST else self.met[:MOST] + self.met[-MOST:]
            lines.append(Line(notation.route([self.graph.named.name(notation, node) for node in ends])))
        remarks = {
            k: f"too late: {self.graph.name(notation, self.naive.made[k].to)} has passed on" for k in self.late if k < LINES
        }
        yield Section("The backward pass in a naive order", [*lines, *self.naive.lines(notation, notation.adds, remarks)])
        if self.early:
            node = self.early[0]
            yield Section(f"Where it first goes wrong: {self.graph.name(notation, node)}", list(self.too_early(notation, node)))
            yield Section("The gradients", list(self.naive.compared(notation, self.graph.behind(self.early))))
        else:
            yield Section("Why it happens to be right here", [_words(each) for each in self.by_luck(notation)])
            yield from self.forgetting(notation)
        why = (
            "In a topological order every node stands after its inputs; in reverse, as backward() goes, after all its users. "
            "So when a node's turn comes its gradient is complete, and it passes on once and for all."
        )
        yield Section("Why the order matters", [_words(why)])

    def too_early(self, notation: Notation, node: Value) -> Iterator[Line]:
        """Who had contributed when the node passed on, and what came after."""
        came = [each for each in self.naive.made if each.to is node]
        before, after = ([each for each in came if self._is_late(each) is late] for late in (False, True))
        name = self.graph.name(notation, node)
        users = [list(dict.fromkeys(self.graph.name(notation, each.user) for each in part)) for part in (before, after)]
        by_then, to_come = (", ".join(TEXT.abridged(each)) for each in users)
        yield _words(f"{name} passes on too early. Contributed by then: {by_then}; still to come: {to_come}.")
        then = [each.amount for each in before]
        end = then + [each.amount for each in after]
        yield self.naive.gradient(notation, node, reduce(add, then), then, f"when {name} passes on")
        yield self.naive.gradient(notation, node, self.naive.gradients[node], end, "in the end")
        if len(self.early) > 1:
            yield _words(f"{len(self.early)} nodes in all pass on too early.")

    def by_luck(self, notation: Notation) -> Iterator[str]:
        """Why no node passes on before all its users have."""
        users = {node: len(set(self.graph.users[node])) for node in self.met}
        shared = [node for node in self.met if users[node] > 1]
        if not shared:
            yield "No node that passes on has several users, so each has its whole gradient when it is met."
            return
        yield f"A node with several users is met after all of them, as {self.graph.name(notation, shared[0])} after its {users[shared[0]]}."
        yield "Nothing in the walk sees to that: it follows the order in which the operands are written."

    def forgetting(self, notation: Notation) -> Iterator[Section]:
        """A walk that does not remember which nodes it has met, where that makes a difference."""
        visits = {self.graph.output: 1}
        for node in self.graph.passing:
            for _, each in self.graph.edges[node]:
                visits[each] = min(visits.get(each, 0) + visits[node], VISITS + 1)
        again = [node for node in self.met if visits[node] > 1]
        if again:
            name, often = self.graph.name(notation, again[0]), visits[again[0]]
            if sum(visits[node] for node in self.met) > VISITS:
                lines = [_words(f"Then {name} is the first to pass on again; in all there are more than {VISITS} visits.")]
            else:
                forgetful = _Pass(self.graph, self.graph.as_met(remembering=False))
                lines = [_words(f"Then {name} passes its gradient on {often} times, once for each way that leads to it.")]
                lines += forgetful.compared(notation, self.graph.behind(again))
            yield Section("And if the walk forgets which nodes it has met", lines)


# --- with = for += ------------------------------------------------------------------------------------------------------


class _Plus:
    """What ``why_plus`` says, section by section."""

    def __init__(self, graph: _Graph) -> None:
        self.graph = graph
        self.overwriting = _Pass(graph, graph.passing, combine=lambda gradient, amount: amount)
        latest: dict[Value, _Contribution] = {}
        self.lost: dict[int, _Contribution] = {}  # by the place of the contribution that overwrites it
        for k, each in enumerate(self.overwriting.made):
            if each.to in latest:
                self.lost[k] = latest[each.to]
            latest[each.to] = each

    def sections(self, notation: Notation) -> Iterator[Section]:
        remarks = {k: f"overwrites {TEXT.number(each.amount).text}" for k, each in self.lost.items() if k < LINES}
        lines = list(self.overwriting.lines(notation, notation.equals, remarks))
        yield Section("The backward pass with = in place of +=", lines)
        if not self.lost:
            same = "No node is used twice: none gets more than one contribution c, and 0 + c is c."
            but = "After a second backward() there is a difference: leaves add up over passes, and = forgets the first."
            yield Section("Why nothing changes here", [_words(same), _words(but)])
            return
        k, first = next(iter(self.lost.items()))
        title = f"Where a contribution is first lost: {self.graph.name(notation, first.to)}"
        yield Section(title, list(self.overwritten(notation, first, self.overwriting.made[k])))
        yield Section("The gradients", list(self.overwriting.compared(notation, self.graph.backwards)))
        why = "The output depends on a node along each of its uses, so the gradient is a sum; = keeps the last."
        yield Section("Why contributions are added", [_words(why)])

    def overwritten(self, notation: Notation, first: _Contribution, second: _Contribution) -> Iterator[Line]:
        """Both contributions, and what becomes of them in either way."""
        name, users = self.graph.name(notation, first.to), len(self.graph.users[first.to])
        by = [f"{self.graph.name(notation, each.user)} (operand {each.slot + 1})" for each in (first, second)]
        yield _words(f"{name} is used {users} times. What {by[0]} contributes is overwritten by what {by[1]} does.")
        both = [first.amount, second.amount]
        yield self.overwriting.gradient(notation, first.to, second.amount, remark="after these two, with =")
        yield self.overwriting.gradient(notation, first.to, reduce(add, both), both, "with +=")
