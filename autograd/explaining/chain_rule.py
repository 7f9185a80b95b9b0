"""explain: the chain rule for the learner's own expression, path by path and as ``backward()`` goes."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Generic, NamedTuple, TypeVar

from autograd.checking.graph_facts import Subject
from autograd.checking.stale_data import stale_data
from autograd.explaining.derivation import (
    Derivation,
    Line,
    Numbers,
    Section,
    equation,
    product,
    shown_exactly,
    symbols,
    total,
    value,
)
from autograd.explaining.folded import Fold, Steps
from autograd.explaining.named_graph import NamedGraph
from autograd.explaining.paths import Path, paths, top_paths
from autograd.graph import leaves_of
from autograd.rules.notation import TEXT, Notation, ends
from autograd.value import Value

MOST_LEAVES = 10  # that are differentiated in if no source is named

T = TypeVar("T")


def explain(
    output: Value,
    source: Value | Iterable[Value] | None = None,
    fold: Fold = (),
    max_paths: int = 10,
    max_steps: int = 60,
) -> Derivation:
    r"""The derivative of an output, derived: its formula, its steps, the sum over all paths, and the same by accumulation.

    .. math:: \frac{\mathrm{d} L}{\mathrm{d} w} = \sum_{\text{paths}} \frac{\partial L}{\partial v_n}\cdots\frac{\partial v_1}{\partial w}

    Local derivatives, of one step in one of its inputs, are written with a round ∂, those over all paths with a straight d.

    Args:
        output: the value to differentiate.
        source: the value to differentiate in, or a list of such; None takes the leaves that are not constants, at most ten.
        fold: scopes to show as one step each: by name (``"layer1/neuron2"``, or a list), or by depth (1: the outermost).
        max_paths: how many paths to show for a source: if there are more, those of the largest products, and which share they are.
        max_steps: how many steps to show: if there are more, the first and the last on the way, and how many are left out.

    Returns:
        A ``Derivation``: print it, show it in a notebook, or take its ``to_latex()`` or ``to_markdown()``.

    Raises:
        TypeError: if the output or a source is no Value.
        ValueError: if a number was assigned since the output was computed, so that the steps do not hold any more; or if a
            limit is no whole number of at least 1, or fold names no scope.
        ClosureError: if an operation on a path is a closure, which has no local derivatives.

    Source: the chains of S2.11 and S4.21, the sums over paths of S0.14 and S4.49.

    >>> x, y = Value(2.0, "x"), Value(-3.0, "y")
    >>> print(explain(x * y + x, x))
    The formula
      v2 = x*y + x
      where
        x = 2
        y = -3
    <BLANKLINE>
    The steps and their local derivatives
      v1 = x*y = 2*(-3) = -6
        ∂v1/∂x = y = -3
      v2 = v1 + x = -6 + 2 = -4
        ∂v2/∂v1 = 1
        ∂v2/∂x = 1
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
            raise ValueError(f"{name} is how many to show, a whole number of at least 1, but got {limit!r}")
    if source is None:
        sources = leaves_of(Steps(output, []).everything)
    else:
        sources = list(source) if isinstance(source, Iterable) else [source]
    shown = sources[:MOST_LEAVES] if source is None else sources
    return Derivation(_Explanation(output, shown, len(sources) - len(shown), fold, max_paths, max_steps).sections)


class _Edge(NamedTuple):
    """What a step passes on to one of its inputs in the backward pass."""

    step: Value
    slot: int
    source: Value
    contribution: Any


class _Explanation:
    """What ``explain`` says, section by section."""

    def __init__(
        self, output: Value, sources: Sequence[Value], more_leaves: int, fold: Fold, max_paths: int, max_steps: int
    ) -> None:
        self.graph = NamedGraph(output, sources, fold)
        self.steps = self.graph.steps
        self.output, self.sources = output, dict.fromkeys(sources)
        self.more_leaves, self.fold, self.max_paths, self.max_steps = more_leaves, fold, max_paths, max_steps
        self._refuse_what_does_not_hold_together()
        self.made = [node for node in self.steps.order if self.steps.inputs(node)]
        self.adjoints: dict[Value, Any] = {output: self.steps.one}
        self.counts = {output: 1}  # of the paths to a source
        self.sizes: dict[Value, Any] = {output: self.steps.one}  # of their products, added up
        self.edges = list(self._backward())
        self.shown = {source: self._shown_paths(source) for source in self.sources}

    def _refuse_what_does_not_hold_together(self) -> None:
        for finding in stale_data(Subject(self.output)):
            raise ValueError(f"the numbers of a derivation follow from each other, but {finding.message}")
        if self.fold and len(self.sources) > 1:  # a path from one of them would be told with the scope of another folded
            visible = Steps(self.output, [], self.fold).order
            for inside in self.steps.between.intersection(self.sources).difference(visible):
                name = self.graph.name(TEXT, inside)
                raise ValueError(f"{name} is inside a folded scope: explain it alone, or do not fold that scope")

    def _backward(self) -> Iterator[_Edge]:
        for node in reversed(self.made):
            if node not in self.steps.between:
                continue
            count = self.counts[node] if node in self.sources else self.counts.pop(node)  # they may be long numbers
            for slot, each in enumerate(self.steps.inputs(node)):
                if each in self.steps.between:
                    partial = self.steps.partials(node)[slot]
                    contribution = partial * self.adjoints[node]
                    self.adjoints[each] = self.adjoints.get(each, self.steps.zero) + contribution
                    self.counts[each] = self.counts.get(each, 0) + count
                    self.sizes[each] = self.sizes.get(each, self.steps.zero) + abs(partial) * self.sizes[node]
                    yield _Edge(node, slot, each, contribution)

    def _shown_paths(self, source: Value) -> list[Path]:
        if self.counts.get(source, 0) <= self.max_paths:
            return list(paths(self.output, source, self.fold))
        return top_paths(self.output, source, self.max_paths, self.fold)

    def sections(self, notation: Notation) -> Iterator[Section]:
        """The whole derivation."""
        yield Section("The formula", list(self.formula(notation)))
        if self.made:
            yield Section("The steps and their local derivatives", list(self.local_derivatives(notation)))
        for source in self.sources:
            count = self.counts.get(source, 0)
            title = "the sum over all paths" if count > 1 else "along the only path" if count else "no path"
            derivative = self.graph.derivative(notation, self.output, source)
            yield Section(title, list(self.by_paths(notation, source, derivative)), derivative)
        if self.edges:
            yield Section("The same by accumulation, as backward() goes", list(self.by_accumulation(notation)))

    # --- the formula -------------------------------------------------------------------------------------------------

    def formula(self, notation: Notation) -> Iterator[Line]:
        """What the learner wrote, and the numbers of its leaves."""
        graph = self.graph
        defined = self._abridged(list(graph.defined), "line", self.steps.between)
        yield from defined.lines(lambda node: [self._line(notation, node)])
        leaves = graph.given(defined.shown) if graph.defined else [self.output]
        level = int(leaves != [self.output])
        if leaves and level:
            yield Line("where", is_prose=True)
        yield from self._abridged(leaves, "number").lines(
            lambda leaf: [Line(equation(notation, graph.name(notation, leaf), value(notation, leaf.data)), level)], level
        )
        if self.more_leaves:
            yield Line(
                f"There are {self.more_leaves} more leaves. Name those whose derivatives you want: explain(output, source).",
                is_prose=True,
            )

    def _line(self, notation: Notation, node: Value) -> Line:
        name, written = self.graph.definition(notation, node)
        return Line(equation(notation, name, Numbers(written, self.graph.constants_of_line(node))))

    # --- the steps ---------------------------------------------------------------------------------------------------

    def local_derivatives(self, notation: Notation) -> Iterator[Line]:
        """Each step as an equation, in symbols and in numbers, and below it its derivatives on the way to the sources."""
        made = self._abridged(self.made, "step", self.steps.between)
        if any(map(self.steps.is_folded, made.shown)):
            yield Line("A folded scope is one step; its local derivatives are sums over the paths inside.", is_prose=True)
        yield from made.lines(lambda node: self._step(notation, node))

    def _step(self, notation: Notation, node: Value) -> Iterator[Line]:
        graph, inputs = self.graph, self.steps.inputs(node)
        written = graph.written(notation, node, [graph.piece(notation, each) for each in inputs]).text
        substituted = graph.written(notation, node, [notation.number(each.data) for each in inputs]).text
        formulas = [
            Numbers(written, graph.constants(node)),
            Numbers(substituted, (*(each.data for each in inputs), *graph.constants(node))),
        ]
        yield Line(equation(notation, graph.name(notation, node), *formulas, value(notation, node.data)))
        for slot, each in enumerate(inputs):
            if each in self.steps.between:
                formulas = [
                    Numbers(formula, graph.numbers_in(node, slot, in_numbers))
                    for in_numbers in (False, True)
                    for formula in graph.local_derivative(notation, node, slot, in_numbers)
                ]
                derivative, partial = graph.partial_derivative(notation, node, each), self.steps.partials(node)[slot]
                written = equation(notation, derivative, *formulas, value(notation, partial))
                yield Line(written + self._remark(notation, graph.operand(node, slot)), 1)

    # --- the sum over paths --------------------------------------------------------------------------------------------

    def by_paths(self, notation: Notation, source: Value, derivative: str) -> Iterator[Line]:
        """Each path as a product of named factors, then of numbers; then their sum."""
        count, shown = self.counts.get(source, 0), self.shown[source]
        exact = value(notation, self.adjoints.get(source, self.steps.zero))
        if count == 1:
            yield Line(equation(notation, derivative, *self._product(notation, shown[0])))
            return
        if count == 0:
            output, without = (self.graph.name(notation, each) for each in (self.output, source))
            yield Line(output + notation.prose(" does not depend on ") + without + notation.prose("."))
        for path in shown:
            yield Line(notation.route([self.graph.name(notation, node) for node in reversed(ends(path.nodes))]))
            remark = self._operands(notation, path)
            yield Line(equation(notation, *self._product(notation, path)) + remark, 1)
        if count > len(shown):
            yield Line(self._share(source), is_prose=True)
            yield Line(equation(notation, derivative, exact))
        else:
            yield Line(
                equation(notation, derivative, *[total(notation, [path.product for path in shown])] * (count > 0), exact)
            )

    def _product(self, notation: Notation, path: Path) -> list[Any]:
        factors = [self.graph.partial_derivative(notation, *step) for step in ends(list(pairwise(path.nodes)))]
        written = [symbols(notation, factors), product(notation, path.partials)] if factors else []
        return [*written, value(notation, path.product)]

    def _operands(self, notation: Notation, path: Path) -> str:
        """Which way the path goes where a step reads the same node twice."""
        steps: dict[str, list[Value]] = {}
        for step, slot in zip(path.nodes, path.slots, strict=False):
            steps.setdefault(self.graph.operand(step, slot), []).append(step)
        steps.pop("", None)
        told = []
        for operand in sorted(steps):
            names = notation.abridged([self.graph.name(notation, step) for step in ends(steps[operand])])
            told.append(notation.prose(f"{operand} of ") + ", ".join(names))
        return notation.prose("  (") + "; ".join(told) + notation.prose(")") if told else ""

    def _share(self, source: Value) -> str:
        count, shown, size = self.counts[source], self.shown[source], self.sizes[source]
        many = ("" if shown_exactly(count) else "about ") + TEXT.number(count).text
        told = f"These are the {len(shown)} paths with the largest products, of {many} paths in all"
        if 0 < size < math.inf:
            share = float(100 * sum(abs(path.product) for path in shown) / size)
            told += f"; together they have {share:.3g} % of the sum of all |products|"
        return f"{told}. The derivative itself is found by accumulation, below."

    # --- accumulation ----------------------------------------------------------------------------------------------------

    def by_accumulation(self, notation: Notation) -> Iterator[Line]:
        """The backward pass: every node, once it has all its contributions, passes them on."""
        name = self.graph.name(notation, self.output)
        one = value(notation, self.steps.one)
        yield Line(equation(notation, notation.adjoint(name), notation.derivative(name, name), one))
        to: dict[Value, list[_Edge]] = {}
        for edge in self.edges:
            to.setdefault(edge.source, []).append(edge)
        yield from self._abridged(self.edges, "line").lines(lambda edge: self._accumulated(notation, edge, to[edge.source]))

    def _accumulated(self, notation: Notation, edge: _Edge, edges: Sequence[_Edge]) -> Iterator[Line]:
        """A contribution; and after the last one to a node their sum."""
        step, slot, source, contribution = edge
        to, upstream = (notation.adjoint(self.graph.name(notation, each)) for each in (source, step))
        right = equation(
            notation,
            symbols(notation, [self.graph.partial_derivative(notation, step, source), upstream]),
            product(notation, [self.steps.partials(step)[slot], self.adjoints[step]]),
            value(notation, contribution),
        )
        yield Line(to + notation.adds + right + self._remark(notation, self.graph.operand(step, slot)))
        if len(edges) > 1 and edge is edges[-1]:
            so_far = total(notation, [each.contribution for each in edges])
            yield Line(equation(notation, to, so_far, value(notation, self.adjoints[source])), 1)

    # --- words -----------------------------------------------------------------------------------------------------------

    @staticmethod
    def _remark(notation: Notation, text: str) -> str:
        return notation.prose(f"  ({text})") if text else ""

    def _abridged(self, things: Sequence[T], what: str, on_the_way: Container[T] | None = None) -> _Abridged[T]:
        return _Abridged(things, self.max_steps, what, on_the_way)


class _Abridged(Generic[T]):
    """Things, or of too many the first and the last: of those on the way from source to output, if it is said which are."""

    def __init__(self, things: Sequence[T], most: int, what: str, on_the_way: Container[T] | None) -> None:
        if len(things) > most and on_the_way is not None:
            chosen = [each for each in things if each in on_the_way] or things
        else:
            chosen = things
        self._first, self._last = (chosen[: most // 2], chosen[most // 2 - most :]) if len(chosen) > most else ([], chosen)
        self.shown = [*self._first, *self._last]
        self._left_out, self._what = len(things) - len(self.shown), what

    def lines(self, write: Callable[[T], Iterable[Line]], level: int = 0) -> Iterator[Line]:
        """What there is to say of each of them, and how many are left out."""
        for each in self._first:
            yield from write(each)
        if self._left_out:
            several = "s are" if self._left_out > 1 else " is"
            yield Line(f"… {self._left_out} {self._what}{several} left out here; max_steps shows more.", level, is_prose=True)
        for each in self._last:
            yield from write(each)
