"""explain_forward: forward mode on the learner's own expression, tangent by tangent."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import add
from typing import Any

from autograd.checking.stale_data import require_consistent
from autograd.explaining.cut_paths import ends_in_words
from autograd.explaining.derivation import Derivation
from autograd.explaining.folded import Fold
from autograd.explaining.named_graph import NamedGraph
from autograd.explaining.paths import counted_paths
from autograd.explaining.statements import MAX_OPERATIONS, Excerpt, Line, Prose, Section, equation, phrase, total
from autograd.rules.formula_tree import Name, Numeral, Product, Sum, side_by_side
from autograd.value import Value


def explain_forward(output: Value, source: Value, fold: Fold = ()) -> Derivation:
    r"""Derive the derivative of an output with respect to one source by forward mode: tangents, from left to right.

    .. math:: \dot v = \sum_{u\,:\,u \to v} \frac{\partial v}{\partial u}\,\dot u, \qquad \dot{source} = 1

    Each node carries its number and its tangent, which is its derivative with respect to the source; such a pair is a dual
    number. One pass gives the derivative of every node with respect to this source; ``backward()`` gives the derivative of one
    output with respect to every source.

    Args:
        output: the value to differentiate.
        source: the value to differentiate with respect to.
        fold: scopes to show as one step each, as in ``explain``.

    Returns:
        A ``Derivation`` that ends in the derivative as ``jvp`` computes it. Of more than 60 steps it shows the first and last.

    Raises:
        TypeError: if the output or the source is no Value.
        ValueError: if a number was assigned since the output was computed, so that the steps no longer hold.
        ClosureError: if an operation between them is a closure, which has no local derivatives.

    Source: Wengert, *A simple automatic derivative evaluation program* (1964); Griewank & Walther (2008), section 3.1.

    >>> x, y = Value(2.0, "x"), Value(-3.0, "y")
    >>> print(explain_forward(x * y + x, x))
    Forward mode: the derivative of every step with respect to x, from left to right
      A tangent is the derivative of a node with respect to x. It goes along with the number, and the
      pair is called a dual number. What does not depend on x has the tangent 0, and is left out.
      x = 2
        x.tangent = 1
      v1 = x*y = -6
        v1.tangent = ∂v1/∂x·x.tangent = (-3)·1 = -3
      v2 = v1 + x = -4
        v2.tangent = ∂v2/∂v1·v1.tangent + ∂v2/∂x·x.tangent = 1·(-3) + 1·1 = -3 + 1 = -2
      dv2/dx = v2.tangent = -2
    <BLANKLINE>
    How it differs from backward()
      This pass goes from x to all that depends on it: one pass for each source, but for all outputs.
      backward() goes the other way: one pass for each output, but for all sources.
    """
    return Derivation(_Forward(output, source, fold).sections())


class _Forward:
    """What ``explain_forward`` says, section by section."""

    def __init__(self, output: Value, source: Value, fold: Fold) -> None:
        self.graph = NamedGraph(output, [source], fold)
        self.folded = folded = self.graph.folded
        self.output, self.source = output, source
        require_consistent(output)
        self.operations = [node for node in self.graph.steps if node is not source]
        self.tangents: dict[Value, Any] = {source: folded.one}
        for node in self.operations:
            if node not in folded.told:
                continue  # it is read where nothing is passed on
            contributions = [partial * tangent for _, _, partial, tangent in self.arriving(node)]
            self.tangents[node] = reduce(add, contributions, folded.zero)  # sum() would round otherwise from Python 3.12 on

    def arriving(self, node: Value) -> list[tuple[int, Value, Any, Any]]:
        """The operands that depend on the source, each with the local derivative and the tangent that are multiplied."""
        slots = [slot for slot in self.folded.told_slots(node) if self.folded.passes(node, slot)]
        inputs, partials = self.folded.inputs(node), self.folded.partials(node)
        return [(slot, inputs[slot], partials[slot], self.tangents[inputs[slot]]) for slot in slots]

    def sections(self) -> Iterator[Section]:
        source = self.graph.name(self.source)
        title = phrase("Forward mode: the derivative of every step with respect to {}, from left to right", source)
        yield Section(title, list(self.pass_forward(source)))
        this = "This pass goes from {} to all that depends on it: one pass for each source, but for all outputs."
        other = "backward() goes the other way: one pass for each output, but for all sources."
        yield Section(["How it differs from backward()"], [Prose(phrase(this, source)), Prose([other])])

    def pass_forward(self, source: Name | Numeral) -> Iterator[Line | Prose]:
        """The source, the operations, and the derivative."""
        graph = self.graph
        words = (
            "A tangent is the derivative of a node with respect to {}. It goes along with the number, and the pair is called a "
            "dual number. What does not depend on {} has the tangent 0, and is left out."
        )
        yield Prose(phrase(words, source, source))
        yield from graph.legend(self.tangents.keys() - {self.source})
        yield Line(equation(source, Numeral(self.source.data)))
        yield Line(equation(graph.tangent(self.source), Numeral(self.folded.one)), 1)
        operations = Excerpt(self.operations, MAX_OPERATIONS)
        yield from operations.lines(self.shown, Prose([f"{operations.num_left_out} steps between are left out."]))
        derivative = graph.derivative(self.output, self.source)
        count = counted_paths(self.folded, self.source)
        if count.cut:
            yield Prose(ends_in_words(graph, count))
        if self.output in self.tangents:
            yield Line(equation(derivative, graph.tangent(self.output), Numeral(self.tangents[self.output])))
        elif count.cut:
            yield Line(equation(derivative, Numeral(self.folded.zero)))
        else:
            yield Prose(phrase("{} does not depend on {}.", graph.name(self.output), source))
            yield Line(equation(derivative, Numeral(self.folded.zero)))

    def shown(self, node: Value) -> Iterator[Line]:
        """An operation with its number, and below it its tangent: by name, then in numbers."""
        yield Line(equation(self.graph.name(node), self.graph.written(node), Numeral(node.data)))
        if node in self.tangents:
            yield self.tangent(node)

    def tangent(self, node: Value) -> Line:
        """The sum of local derivatives times tangents."""
        arriving = self.arriving(node)
        if not arriving:
            return Line(equation(self.graph.tangent(node), Numeral(self.tangents[node])), 1, ["  (cut: it passes nothing on)"])
        named = side_by_side(
            arriving, lambda term: Product([self.graph.partial_derivative(node, term[0]), self.graph.tangent(term[1])])
        )
        numbers = side_by_side(arriving, lambda term: Product([Numeral(term[2]), Numeral(term[3])]))
        contributions = total([partial * tangent for _, _, partial, tangent in arriving])
        return Line(
            equation(self.graph.tangent(node), Sum(named), Sum(numbers), contributions, Numeral(self.tangents[node])), 1
        )
