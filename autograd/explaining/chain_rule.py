"""explain: the chain rule for the learner's own expression, path by path and as ``backward()`` accumulates it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import add
from typing import Any, NamedTuple

from autograd.checking.stale_data import require_consistent
from autograd.explaining.cut_paths import ends_in_words
from autograd.explaining.derivation import Derivation
from autograd.explaining.folded import Fold, FoldedGraph
from autograd.explaining.named_graph import NamedGraph
from autograd.explaining.paths import Path, PathCount, counted_paths, paths, top_paths
from autograd.explaining.probabilities import InProbabilities
from autograd.explaining.statements import (
    MAX_OPERATIONS,
    Excerpt,
    Line,
    Phrase,
    Prose,
    Section,
    Side,
    equation,
    phrase,
    product,
    stated,
    total,
)
from autograd.graph import leaves_of
from autograd.rules.formula_tree import Derivative, Numeral, Product, Route, Sum, side_by_side
from autograd.rules.notation import TEXT, prints_exactly
from autograd.rules.op import Op
from autograd.text import short_repr
from autograd.value import Value

NEARLY_ALL = 99.9  # percent of the whole: some paths of many never claim all of it
MAX_LEAVES = 10  # that explain takes as sources if none is named


def explain(
    output: Value,
    source: Value | Iterable[Value] | None = None,
    fold: Fold = (),
    max_paths: int = 10,
    max_steps: int = MAX_OPERATIONS,
) -> Derivation:
    r"""Derive the derivative of an output: its formula, its steps, the sum over all paths, and the same by accumulation.

    .. math:: \frac{\mathrm{d} L}{\mathrm{d} w} = \sum_{\text{paths}} \frac{\partial L}{\partial v_n}\cdots\frac{\partial v_1}{\partial w}

    A round ∂ marks a local derivative, of one step with respect to one of its inputs; a straight d a total one, over all paths.
    Where both operands of a step are one node, ∂₁ and ∂₂ are the derivatives with respect to each. Numbers have the digits from which
    the arithmetic that is shown comes out, six at least; one that is nothing but rounding is shown as 0.
    The steps are those on a path; of what is not, the number stands in the formula. A path ends where an operation passes
    nothing on, such as ``detach`` or a dead relu: a sentence says how many do, and where. If the derivative is made of the
    probabilities of a softmax, the last line says so: p - y, of a cross-entropy.

    Args:
        output: the value to differentiate.
        source: the value to differentiate with respect to, or a list of values; None takes the leaves that are not constants,
            at most ten.
        fold: scopes to show as one step each: by name (``"layer1/neuron2"``, or a list), or by depth (1: the outermost).
        max_paths: how many paths to show for a source; of more, those with the largest products, and their share of the whole.
        max_steps: how many steps to show; of more, the first and the last that depend on a source, and how many are left out.

    Returns:
        A ``Derivation``: print it, show it in a notebook, or take its ``to_latex()``, ``to_markdown()`` or ``to_mathml()``.

    Raises:
        TypeError: if the output or a source is no Value.
        ValueError: if a number was assigned since the output was computed, so that the steps no longer hold; if a limit is no
            whole number of at least 1; or if fold names no scope.
        ClosureError: if an operation on a path is a closure, which has no local derivatives.

    Source: the chains of S2.11 and S4.21, the sums over paths of S0.14 and S4.49.

    >>> x, y = Value(2.0, "x"), Value(-3.0, "y")
    >>> print(explain(x * y + x, x))
    The formula
      v2 = x*y + x
      where x = 2, y = -3
    <BLANKLINE>
    The steps and their local derivatives
      v1 = x*y = 2*(-3) = -6
        ∂v1/∂x = y = -3
      v2 = v1 + x = -6 + 2 = -4, with ∂v2/∂v1 = 1, ∂v2/∂x = 1
    <BLANKLINE>
    dv2/dx: the sum over all paths
      x → v1 → v2
        ∂v2/∂v1·∂v1/∂x = 1·(-3) = -3
      x → v2
        ∂v2/∂x = 1
      dv2/dx = -3 + 1 = -2
    <BLANKLINE>
    The same by accumulation, as backward() goes
      v2.grad = dv2/dv2 = 1
      v1.grad += ∂v2/∂v1·v2.grad = 1·1 = 1
      x.grad += ∂v2/∂x·v2.grad = 1·1 = 1
      x.grad += ∂v1/∂x·v1.grad = (-3)·1 = -3
        x.grad = 1 + (-3) = -2
    """
    for name, limit in {"max_paths": max_paths, "max_steps": max_steps}.items():
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise ValueError(f"{name} is how many to show, a whole number of at least 1, but got {short_repr(limit)}")
    if source is None:
        sources = leaves_of(FoldedGraph(output, []).all_nodes)
    else:
        sources = list(source) if isinstance(source, Iterable) else [source]
    shown = sources[:MAX_LEAVES] if source is None else sources
    return Derivation(_Explanation(output, shown, len(sources) - len(shown), fold, max_paths, max_steps).sections())


class _Edge(NamedTuple):
    """What a node passes on to one of its inputs in the backward pass."""

    user: Value
    slot: int
    source: Value
    contribution: Any


class _Explanation:
    """What ``explain`` says, section by section."""

    def __init__(
        self, output: Value, sources: Sequence[Value], more_leaves: int, fold: Fold, max_paths: int, max_steps: int
    ) -> None:
        self.graph = NamedGraph(output, sources, fold)
        self.folded = self.graph.folded
        self.output, self.sources = output, dict.fromkeys(sources)
        self.more_leaves, self.fold, self.max_paths, self.max_steps = more_leaves, fold, max_paths, max_steps
        self._require_explainable()
        self.operations = list(self.graph.steps)
        self.adjoints: dict[Value, Any] = {output: self.folded.one}
        self.sizes: dict[Value, Any] = {output: self.folded.one}  # of their products, added up
        self.edges = list(self._backward())
        self.counts = {source: counted_paths(self.folded, source) for source in self.sources}
        self.shown = {source: self._shown_paths(source) for source in self.sources}

    def _require_explainable(self) -> None:
        require_consistent(self.output)
        if self.fold and len(self.sources) > 1:  # paths from one source would run through the folded scope of another
            visible = FoldedGraph(self.output, [], self.fold).order
            for inside in self.folded.between.intersection(self.sources).difference(visible):
                name = TEXT.write(self.graph.name(inside))
                raise ValueError(f"{name} is inside a folded scope: explain it alone, or do not fold that scope")

    def _backward(self) -> Iterator[_Edge]:
        for node in reversed(self.operations):
            if node not in self.folded.told:
                continue
            for slot in self.folded.told_slots(node):
                if self.folded.passes(node, slot):
                    source, partial = self.folded.inputs(node)[slot], self.folded.partials(node)[slot]
                    contribution = partial * self.adjoints[node]
                    self.adjoints[source] = self.adjoints.get(source, self.folded.zero) + contribution
                    self.sizes[source] = self.sizes.get(source, self.folded.zero) + abs(partial) * self.sizes[node]
                    yield _Edge(node, slot, source, contribution)

    def _shown_paths(self, source: Value) -> list[Path]:
        if self.counts[source] <= self.max_paths:
            return list(paths(self.output, source, self.fold))
        return top_paths(self.output, source, self.max_paths, self.fold)

    def sections(self) -> Iterator[Section]:
        """The whole derivation."""
        yield Section(["The formula"], list(self.formula()))
        if self.operations:
            yield Section(["The steps and their local derivatives"], list(self.local_derivatives()))
        for source in self.sources:
            count = self.counts[source]
            several = "the sum over all paths" + (" that are not cut" if count.cut else "")
            only = "along the only path" + (" that is not cut" if count.cut else "")
            title = several if count > 1 else only if count else "every path is cut" if count.cut else "no path"
            derivative = self.graph.derivative(self.output, source)
            yield Section([title], list(self.by_paths(source, derivative)), derivative)
        if self.edges:
            yield Section(["The same by accumulation, as backward() goes"], list(self.by_accumulation()))

    # --- the formula -------------------------------------------------------------------------------------------------

    def formula(self) -> Iterator[Line | Prose]:
        """What the learner wrote, and the numbers of its leaves."""
        graph = self.graph
        defined = Excerpt(list(graph.defined), self.max_steps, self.folded.told.__contains__)
        yield from defined.lines(self._definition, _left_out(defined, "line"))
        leaves = graph.leaves_in(defined.shown) if graph.defined else [self.output]
        if leaves == [self.output]:
            yield Line(equation(graph.name(self.output), Numeral(self.output.data)))
        elif leaves:
            given = Excerpt(leaves, self.max_steps)
            first, *last = (self._numbers(part) for part in given.parts)
            yield Prose(phrase("where {}", first))
            if last:
                yield _left_out(given, "number")
                yield Prose(phrase("and {}", *last))
        if self.more_leaves:
            yield Prose(
                [f"There are {self.more_leaves} more leaves. Name those whose derivatives you want: explain(output, source)."]
            )

    def _definition(self, node: Value) -> Iterator[Line]:
        """A line of the formula, with its number if the node is no step."""
        number = [] if node in self.graph.steps else [Numeral(node.data)]
        yield Line(equation(*self.graph.definition(node), *number))

    def _numbers(self, leaves: Sequence[Value]) -> Phrase:
        return phrase(", ".join(["{}"] * len(leaves)), *(stated(self.graph.name(leaf), leaf.data) for leaf in leaves))

    # --- the steps ---------------------------------------------------------------------------------------------------

    def local_derivatives(self) -> Iterator[Line | Prose]:
        """Each operation as an equation, in symbols and in numbers, and below it its derivatives on the way to the sources."""
        operations = Excerpt(self.operations, self.max_steps)
        if any(map(self.folded.is_folded, operations.shown)):
            yield Prose(["A folded scope is one step; its local derivatives are sums over the paths inside."])
        yield from self.graph.legend(node for node in operations.shown if node in self.folded.told)
        yield from operations.lines(self._operation, _left_out(operations, "step"))

    def _operation(self, node: Value) -> Iterator[Line]:
        """The step, with its local derivatives behind it where they are 1 or -1 everywhere, and below it the others."""
        graph, slots = self.graph, self.folded.told_slots(node) if node in self.folded.told else []
        behind = [slot for slot in slots if self._is_constant(node, slot)]
        written = graph.written(node), graph.written(node, in_numbers=True)
        constants = [
            phrase("{} = {}", graph.partial_derivative(node, slot), Numeral(self.folded.partials(node)[slot]))
            for slot in behind
        ]
        remark = phrase(f", with {', '.join(['{}'] * len(behind))}", *constants) if behind else []
        yield Line(equation(graph.name(node), *written, Numeral(node.data)), remark=remark)
        for slot in slots:
            if slot not in behind:
                formulas = [*graph.local_derivative(node, slot), *graph.local_derivative(node, slot, in_numbers=True)]
                partial = Numeral(self.folded.partials(node)[slot])
                ends = [] if self.folded.passes(node, slot) else ["  (cut: it passes nothing on)"]
                yield Line(equation(graph.partial_derivative(node, slot), *formulas, partial), 1, ends)
        yield from self._sums(node, slots)

    def _sums(self, node: Value, slots: Sequence[int]) -> Iterator[Line]:
        """The derivative of a step with respect to what all its operands are: the sum over them."""
        source, *others = set(self.folded.inputs(node))
        if others or len(slots) < 2:
            return
        partials = [self.folded.partials(node)[slot] for slot in slots]
        named = Sum([self.graph.partial_derivative(node, slot) for slot in slots])
        whole = Numeral(reduce(add, partials, self.folded.zero))
        yield Line(equation(self.graph.derivative(node, source), named, total(partials), whole), 1)

    def _is_constant(self, node: Value, slot: int) -> bool:
        if self.folded.is_folded(node) or not isinstance(node.op, Op):
            return False
        return node.op.constant_partials[slot] in (1, -1)

    # --- the sum over paths --------------------------------------------------------------------------------------------

    def by_paths(self, source: Value, derivative: Derivative) -> Iterator[Line | Prose]:
        """Each path as a product of named factors and of numbers; then the sum of all."""
        count, shown = self.counts[source], self.shown[source]
        result = Numeral(self.adjoints.get(source, self.folded.zero))
        if count == 1:
            yield Line(equation(derivative, *self._product(shown[0])))
            yield from self._ends(count)
            return
        if count == 0 and not count.cut:
            names = self.graph.name(self.output), self.graph.name(source)
            yield Line([Side("", phrase("{} does not depend on {}.", *names))])
        for path in shown:
            yield Line(equation(Route(side_by_side(path.nodes[::-1], self.graph.name))))
            first, *rest = self._product(path)
            yield Line(equation(first, *rest), 1)
        yield from self._ends(count)
        if count > len(shown):
            yield Prose([self._share(source)])
            yield Line(equation(derivative, result))
        else:
            yield Line(equation(derivative, *[total([path.product for path in shown])] * (count > 0), result))

    def _ends(self, count: PathCount) -> Iterator[Prose]:
        """Where the other paths end, in one sentence."""
        if count.ends:
            yield Prose(ends_in_words(self.graph, count))

    def _product(self, path: Path) -> list[Any]:
        edges = list(zip(path.nodes, path.slots, strict=False))
        factors = side_by_side(edges, lambda edge: self.graph.partial_derivative(*edge))
        written = [Product(factors), product(path.partials)] if factors else []
        return [*written, Numeral(path.product)]

    def _share(self, source: Value) -> str:
        count, shown, size = self.counts[source], self.shown[source], self.sizes[source]
        many = ("" if prints_exactly(count) else "about ") + TEXT.write(Numeral(count))
        message = f"These are the {len(shown)} paths with the largest products, of {many} paths in all"
        if 0 < size < math.inf and shown[-1].product == 0:
            message += "; the product of each of the others is 0"
        elif 0 < size < math.inf:
            share = float(100 * sum(abs(path.product) for path in shown) / size)
            percent = f"{share:.3g}" if share < NEARLY_ALL else f"more than {NEARLY_ALL}"
            message += f"; together they have {percent} % of the sum of all |products|"
        return f"{message}. The derivative itself is found by accumulation, below."

    # --- accumulation ----------------------------------------------------------------------------------------------------

    def by_accumulation(self) -> Iterator[Line | Prose]:
        """The backward pass: every node passes its gradient on once all its contributions have arrived."""
        graph = self.graph
        yield Line(equation(graph.adjoint(self.output), graph.derivative(self.output, self.output), Numeral(self.folded.one)))
        edges_to: dict[Value, list[_Edge]] = {}
        for edge in self.edges:
            edges_to.setdefault(edge.source, []).append(edge)
        edges = Excerpt(self.edges, self.max_steps)
        yield from edges.lines(lambda edge: self._accumulated(edge, edges_to[edge.source]), _left_out(edges, "line"))
        if not self.fold:
            yield from InProbabilities(self.graph, self.shown, self.counts, self.adjoints).lines()

    def _accumulated(self, edge: _Edge, edges: Sequence[_Edge]) -> Iterator[Line]:
        """A contribution, and after the last one to a node their sum."""
        user, slot, source, contribution = edge
        adjoint = self.graph.adjoint(source)
        sides = equation(
            Product([self.graph.partial_derivative(user, slot), self.graph.adjoint(user)]),
            product([self.folded.partials(user)[slot], self.adjoints[user]]),
            Numeral(contribution),
            relation="+=",
        )
        yield Line([Side("", [adjoint]), *sides])
        if len(edges) > 1 and edge is edges[-1]:
            yield Line(equation(adjoint, total([arrived.contribution for arrived in edges]), Numeral(self.adjoints[source])), 1)


def _left_out(excerpt: Excerpt[Any], what: str, level: int = 0) -> Prose:
    several = "s are" if excerpt.num_left_out > 1 else " is"
    return Prose([f"… {excerpt.num_left_out} {what}{several} left out here; max_steps shows more."], level)
