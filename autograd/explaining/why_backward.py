"""why_order and why_plus: what the backward pass gives in another order, and with = in place of +=, on one's own graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any, NamedTuple

from autograd.derivatives import grad
from autograd.explaining.derivation import Derivation
from autograd.explaining.named_graph import NamedGraph
from autograd.explaining.statements import Line, Phrase, Prose, Section, Side, equation, listed, phrase, product, total
from autograd.graph import leaves_of, topological_order
from autograd.rules.formula_tree import Name, Numeral, Product, Route, side_by_side
from autograd.rules.notation import TEXT
from autograd.value import Value

MAX_LINES = 30  # of a pass, or of gradients
MAX_VISITS = 10_000  # of a walk that does not remember which nodes it has met


def why_order(output: Value) -> Derivation:
    r"""Show why ``backward()`` needs a topological order: the same pass in a naive one, and the node at which it goes wrong.

    Many first attempts take the naive order: a node passes its gradient on when the walk first meets it; then the walk visits
    its inputs, first operand first. So a node with several users may pass on before all of them have contributed:

    .. math:: \bar v = \sum_{u\,:\,v \to u} \bar u\,\frac{\partial u}{\partial v} \quad\text{is complete only after every user } u

    Where this order happens to give the right gradients, the derivation says why. It also shows what a walk computes that does
    not remember which nodes it has met.

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
      In a topological order every node stands after its inputs; in reverse, as backward() goes, after
      all its users. So when a node's turn comes its gradient is complete, and it passes on once and for
      all.
    """
    return Derivation(_Order(_Graph(output)).sections())


def why_plus(output: Value) -> Derivation:
    r"""Show why ``backward()`` says ``+=``: the same pass with ``=``, and the node at which a contribution is overwritten.

    A node that is used twice acts on the output in two ways. Its gradient is the sum over both, by the chain rule for several
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
      Where both operands are one node, ∂₁ and ∂₂ are the derivatives with respect to each.
      v1.grad = 1
      x.grad = ∂₁v1·v1.grad = 3·1 = 3
      x.grad = ∂₂v1·v1.grad = 3·1 = 3  (overwrites 3)
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
    return Derivation(_Plus(_Graph(output)).sections())


# --- the graph, and a backward pass over it in any way ------------------------------------------------------------------


class _Graph:
    """The nodes between the leaves and the output, with their names, their users and their true gradients."""

    def __init__(self, output: Value) -> None:
        order = topological_order(output) if isinstance(output, Value) else []
        self.named = NamedGraph(output, leaves_of(order))
        self.output, self.folded = output, self.named.folded
        self.backwards = [node for node in reversed(self.folded.order) if node in self.folded.between]
        self.edges = {
            node: [(slot, self.folded.inputs(node)[slot]) for slot in self.folded.slots(node)] for node in self.backwards
        }
        self.passing = [node for node in self.backwards if self.edges[node]]
        self.users: dict[Value, list[Value]] = {node: [] for node in self.backwards}  # with multiplicity
        for node in self.passing:
            for _, source in self.edges[node]:
                self.users[source].append(node)
        self.right = dict(zip(self.backwards, grad(output, self.backwards), strict=True))

    def name(self, node: Value) -> Name | Numeral:
        return self.named.name(node)

    def behind(self, nodes: Iterable[Value]) -> list[Value]:
        """The nodes to which one of these passes its gradient on, directly or through others."""
        behind = {source for node in nodes for _, source in self.edges[node]}
        for node in self.backwards:
            if node in behind:
                behind.update(source for _, source in self.edges[node])
        return [node for node in self.backwards if node in behind]

    def as_visited(self, remembering: bool = True) -> list[Value]:
        """The nodes that pass on, in the order in which a walk meets them: repeatedly, if it does not remember them."""
        order, visited, rest = [], set(), [self.output]
        while rest:
            node = rest.pop()
            if self.edges.get(node) and not (remembering and node in visited):
                visited.add(node)
                order.append(node)
                rest += [source for _, source in reversed(self.edges[node])]
        return order


class _Contribution(NamedTuple):
    """What a user passes to one of its operands: the local derivative times the gradient that the user has at that time."""

    user: Value
    slot: int
    to: Value
    partial: Any
    gradient: Any
    amount: Any


class _Pass:
    """A backward pass over nodes in any order, which combines each contribution with the gradient so far."""

    def __init__(self, graph: _Graph, order: Iterable[Value], combine: Callable[[Any, Any], Any] = add) -> None:
        self.graph = graph
        self.gradients: dict[Value, Any] = {graph.output: graph.folded.one}
        self.contributions: list[_Contribution] = []
        for node in order:
            gradient = self.gradients[node]
            for slot, source in graph.edges[node]:
                partial = graph.folded.partials(node)[slot]
                amount = partial * gradient
                self.contributions.append(_Contribution(node, slot, source, partial, gradient, amount))
                self.gradients[source] = combine(self.gradients.get(source, graph.folded.zero), amount)

    def lines(self, relation: str, remarks: Mapping[int, Phrase]) -> Iterator[Line | Prose]:
        """The contributions one by one, some with a remark."""
        named = self.graph.named
        yield from named.legend(contribution.user for contribution in self.contributions[:MAX_LINES])
        yield Line(self.gradient(self.graph.output, self.graph.folded.one))
        for number, (user, slot, to, partial, gradient, amount) in enumerate(self.contributions[:MAX_LINES]):
            factors = Product([named.partial_derivative(user, slot), named.adjoint(user)])
            sides = equation(factors, product([partial, gradient]), Numeral(amount), relation=relation)
            yield Line([Side("", [named.adjoint(to)]), *sides], remark=remarks.get(number, []))
        if len(self.contributions) > MAX_LINES:
            yield Prose([f"{len(self.contributions) - MAX_LINES} more contributions are left out."])

    def gradient(self, node: Value, number: Any, terms: Sequence[Any] = ()) -> list[Side]:
        """A gradient, and if terms are given that it is their sum."""
        return equation(self.graph.named.adjoint(node), *([total(terms)] if terms else []), Numeral(number))

    def compared(self, doubtful: Sequence[Value]) -> Iterator[Line | Prose]:
        """The wrong gradients beside the derivatives, those of leaves first."""
        right = self.graph.right
        wrong = [node for node in reversed(doubtful) if not _same(self.gradients[node], right[node])]
        for node in sorted(wrong, key=lambda node: bool(self.graph.edges[node]))[:MAX_LINES]:
            *first, (relation, got) = self.gradient(node, self.gradients[node])
            (_, derivative), *last = equation(self.graph.named.derivative(self.graph.output, node), Numeral(right[node]))
            sides = [*first, Side(relation, phrase("{}, but {}", got, derivative)), *last]
            if TEXT.number(self.gradients[node]) == TEXT.number(right[node]):  # they differ in digits that are not shown
                difference = Numeral(right[node] - self.gradients[node])
                sides[-1] = Side(sides[-1].relation, phrase("{}, and the difference is {}", sides[-1].phrase, difference))
            yield Line(sides)
        if len(wrong) > MAX_LINES:
            yield Prose([f"{len(wrong) - MAX_LINES} more gradients are wrong."])
        yield Prose(
            ["All others are right." if wrong else "All are right all the same: with these numbers the mistake does not show."]
        )


def _same(a: Any, b: Any) -> bool:
    """Whether two gradients differ by rounding at most, which depends on the order of a sum. Exact numbers are not rounded."""
    if isinstance(a, float) or isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-12) or (a != a and b != b)
    return bool(a == b)


# --- in another order ---------------------------------------------------------------------------------------------------


class _Order:
    """What ``why_order`` says, section by section."""

    def __init__(self, graph: _Graph) -> None:
        self.graph, self.visited = graph, graph.as_visited()
        self.naive = _Pass(graph, self.visited)
        self.place = {node: place for place, node in enumerate(self.visited)}
        self.late = [number for number, sent in enumerate(self.naive.contributions) if self._is_late(sent)]
        self.early = sorted({self.naive.contributions[number].to for number in self.late}, key=self.place.__getitem__)

    def _is_late(self, contribution: _Contribution) -> bool:
        return contribution.to in self.place and self.place[contribution.to] < self.place[contribution.user]

    def sections(self) -> Iterator[Section]:
        lines: list[Line | Prose] = [
            Prose(["A node passes its gradient on when it is first met; then its inputs are visited in turn."])
        ]
        if self.visited:
            lines.append(Line(equation(Route(side_by_side(self.visited, self.graph.name)))))
        remarks = {
            number: phrase("  (too late: {} has passed on)", self.graph.name(self.naive.contributions[number].to))
            for number in self.late
            if number < MAX_LINES
        }
        yield Section(["The backward pass in a naive order"], [*lines, *self.naive.lines("+=", remarks)])
        if self.early:
            node = self.early[0]
            yield Section(phrase("Where it first goes wrong: {}", self.graph.name(node)), list(self.too_early(node)))
            yield Section(["The gradients"], list(self.naive.compared(self.graph.behind(self.early))))
        else:
            yield Section(["Why it happens to be right here"], list(self.by_luck()))
            yield from self.forgetting()
        why = (
            "In a topological order every node stands after its inputs; in reverse, as backward() goes, after all its users. "
            "So when a node's turn comes its gradient is complete, and it passes on once and for all."
        )
        yield Section(["Why the order matters"], [Prose([why])])

    def too_early(self, node: Value) -> Iterator[Line | Prose]:
        """Who had contributed when the node passed on, and what came after."""
        arrived = [contribution for contribution in self.naive.contributions if contribution.to is node]
        before = [contribution for contribution in arrived if not self._is_late(contribution)]
        after = [contribution for contribution in arrived if self._is_late(contribution)]
        name = self.graph.name(node)
        by_then, to_come = (
            listed(list(dict.fromkeys(self.graph.name(contribution.user) for contribution in part))) for part in (before, after)
        )
        yield Prose(phrase("{} passes on too early. Contributed by then: {}; still to come: {}.", name, by_then, to_come))
        then = [contribution.amount for contribution in before]
        end = then + [contribution.amount for contribution in after]
        yield Line(self.naive.gradient(node, reduce(add, then), then), remark=phrase("  (when {} passes on)", name))
        yield Line(self.naive.gradient(node, self.naive.gradients[node], end), remark=["  (in the end)"])
        if len(self.early) > 1:
            yield Prose([f"{len(self.early)} nodes in all pass on too early."])

    def by_luck(self) -> Iterator[Prose]:
        """Why no node passes on before all its users have."""
        num_users = {node: len(set(self.graph.users[node])) for node in self.visited}
        shared = [node for node in self.visited if num_users[node] > 1]
        if not shared:
            yield Prose(["No node that passes on has several users, so each has its whole gradient when it is met."])
            return
        after = f"A node with several users is met after all of them, as {{}} after its {num_users[shared[0]]}."
        yield Prose(phrase(after, self.graph.name(shared[0])))
        yield Prose(["Nothing in the walk sees to that: it follows the order in which the operands are written."])

    def forgetting(self) -> Iterator[Section]:
        """What a walk computes that does not remember which nodes it has met, where that makes a difference."""
        visits = {self.graph.output: 1}
        for node in self.graph.passing:
            for _, source in self.graph.edges[node]:
                visits[source] = min(visits.get(source, 0) + visits[node], MAX_VISITS + 1)
        again = [node for node in self.visited if visits[node] > 1]
        if again:
            name, often = self.graph.name(again[0]), visits[again[0]]
            if sum(visits[node] for node in self.visited) > MAX_VISITS:
                many = f"Then {{}} is the first to pass on again; in all there are more than {MAX_VISITS} visits."
                lines: list[Line | Prose] = [Prose(phrase(many, name))]
            else:
                forgetful = _Pass(self.graph, self.graph.as_visited(remembering=False))
                times = f"Then {{}} passes its gradient on {often} times, once for each way that leads to it."
                lines = [Prose(phrase(times, name)), *forgetful.compared(self.graph.behind(again))]
            yield Section(["And if the walk forgets which nodes it has met"], lines)


# --- with = for += ------------------------------------------------------------------------------------------------------


class _Plus:
    """What ``why_plus`` says, section by section."""

    def __init__(self, graph: _Graph) -> None:
        self.graph = graph
        self.overwriting = _Pass(graph, graph.passing, combine=lambda gradient, amount: amount)
        latest: dict[Value, _Contribution] = {}
        self.lost: dict[int, _Contribution] = {}  # by the place of the contribution that overwrites it
        for number, contribution in enumerate(self.overwriting.contributions):
            if contribution.to in latest:
                self.lost[number] = latest[contribution.to]
            latest[contribution.to] = contribution

    def sections(self) -> Iterator[Section]:
        remarks: dict[int, Phrase] = {
            number: [f"  (overwrites {TEXT.write(Numeral(lost.amount))})"]
            for number, lost in self.lost.items()
            if number < MAX_LINES
        }
        yield Section(["The backward pass with = in place of +="], list(self.overwriting.lines("=", remarks)))
        if not self.lost:
            same = "No node is used twice: none gets more than one contribution c, and 0 + c is c."
            but = "After a second backward() there is a difference: leaves add up over passes, and = forgets the first."
            yield Section(["Why nothing changes here"], [Prose([same]), Prose([but])])
            return
        number, first = next(iter(self.lost.items()))
        title = phrase("Where a contribution is first lost: {}", self.graph.name(first.to))
        yield Section(title, list(self.overwritten(first, self.overwriting.contributions[number])))
        yield Section(["The gradients"], list(self.overwriting.compared(self.graph.backwards)))
        why = "The output depends on a node along each of its uses, so the gradient is a sum; = keeps the last."
        yield Section(["Why contributions are added"], [Prose([why])])

    def overwritten(self, first: _Contribution, second: _Contribution) -> Iterator[Line | Prose]:
        """Both contributions, and the gradient with = and with +=."""
        users = f"{{}} is used {len(self.graph.users[first.to])} times. "
        by = f"What {{}} (operand {first.slot + 1}) contributes is overwritten by what {{}} (operand {second.slot + 1}) does."
        yield Prose(phrase(users + by, *map(self.graph.name, (first.to, first.user, second.user))))
        both = [first.amount, second.amount]
        yield Line(self.overwriting.gradient(first.to, second.amount), remark=["  (after these two, with =)"])
        yield Line(self.overwriting.gradient(first.to, reduce(add, both), both), remark=["  (with +=)"])
