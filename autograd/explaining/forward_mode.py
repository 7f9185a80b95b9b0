"""Forward mode, shown step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add
from typing import Any

from autograd.checking.graph_facts import Subject
from autograd.checking.stale_data import stale_data
from autograd.explaining.derivation import (
    Derivation,
    Line,
    Numbers,
    Section,
    among_words,
    equation,
    product,
    symbols,
    total,
    value,
)
from autograd.explaining.folded import Fold
from autograd.explaining.named_graph import NamedGraph
from autograd.rules.notation import PRODUCT, Notation, Piece
from autograd.value import Value

STEPS = 60  # that are shown
LARGEST = 10**12  # counts beyond are shown with three digits and an exponent


def explain_forward(output: Value, source: Value, fold: Fold = ()) -> Derivation:
    r"""The derivative of an output in one source by forward mode: tangents, from left to right.

    .. math:: \dot v = \sum_{u\,:\,u \to v} \frac{\partial v}{\partial u}\,\dot u, \qquad \dot{source} = 1

    Each node carries its number and its tangent, its derivative in the source; such a pair is a dual number. One pass gives
    the derivative of every node in this source, where ``backward()`` gives that of one output in every source.

    Args:
        output: the value to differentiate.
        source: the value to differentiate in.
        fold: scopes to show as one step each, as in ``explain``.

    Returns:
        A ``Derivation`` that ends in the derivative as ``jvp`` computes it. Of very many steps it shows the first and the last.

    Raises:
        TypeError: if the output or the source is no Value.
        ValueError: if a number was assigned since the output was computed, so that the steps do not hold any more.
        ClosureError: if an operation between them is a closure, which has no local derivatives.

    Source: Wengert, *A simple automatic derivative evaluation program* (1964); Griewank & Walther (2008), section 3.1.

    >>> x, y = Value(2.0, "x"), Value(-3.0, "y")
    >>> print(explain_forward(x * y + x, x))
    Forward mode: the derivative of every step in x, from left to right
      A tangent is the derivative of a node in x. It goes along with the number, and the pair is called a
      dual number. What does not depend on x has the tangent 0, and is left out.
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
    return Derivation(_Forward(output, source, fold).sections)


class _Forward:
    """What ``explain_forward`` says, section by section."""

    def __init__(self, output: Value, source: Value, fold: Fold) -> None:
        self.graph = NamedGraph(output, [source], fold)
        self.steps = steps = self.graph.steps
        self.output, self.source = output, source
        for finding in stale_data(Subject(output)):
            raise ValueError(f"the numbers of a derivation follow from each other, but {finding.message}")
        self.made = [node for node in steps.order if node in steps.between and node is not source]
        self.tangents: dict[Value, Any] = {source: steps.one}
        for node in self.made:
            contributions = [partial * tangent for _, partial, tangent in self.arriving(node)]
            self.tangents[node] = reduce(add, contributions, steps.zero)  # sum() would round otherwise from Python 3.12 on

    def arriving(self, node: Value) -> list[tuple[Value, Any, Any]]:
        """Each input that depends on the source, with the local derivative and the tangent that are to be multiplied."""
        pairs = zip(self.steps.inputs(node), self.steps.partials(node), strict=True)
        return [(each, partial, self.tangents[each]) for each, partial in pairs if each in self.tangents]

    def sections(self, notation: Notation) -> Iterator[Section]:
        source = among_words(notation, self.graph.name(notation, self.source))
        title = f"Forward mode: the derivative of every step in {source}, from left to right"
        yield Section(title, list(self.pass_forward(notation, source)))
        words = (
            f"This pass goes from {source} to all that depends on it: one pass for each source, but for all outputs.",
            "backward() goes the other way: one pass for each output, but for all sources.",
        )
        yield Section("How it differs from backward()", [Line(each, is_prose=True) for each in words])

    def pass_forward(self, notation: Notation, source: str) -> Iterator[Line]:
        """The source, the steps, and the derivative."""
        words = (
            f"A tangent is the derivative of a node in {source}. It goes along with the number, and the pair is called a "
            f"dual number. What does not depend on {source} has the tangent 0, and is left out."
        )
        yield Line(words, is_prose=True)
        name = self.graph.name(notation, self.source)
        yield Line(equation(notation, name, value(notation, self.source.data)))
        yield Line(equation(notation, notation.tangent(name), value(notation, self.steps.one)), 1)
        left_out = max(0, len(self.made) - STEPS)
        yield from self.shown(notation, self.made[: STEPS // 2])
        if left_out:
            yield Line(f"{left_out} steps between are left out.", is_prose=True)
        yield from self.shown(notation, self.made[STEPS // 2 + left_out :])
        derivative = self.graph.derivative(notation, self.output, self.source)
        if self.output in self.tangents:
            tangent = notation.tangent(self.graph.name(notation, self.output))
            yield Line(equation(notation, derivative, tangent, value(notation, self.tangents[self.output])))
        else:
            output = among_words(notation, self.graph.name(notation, self.output))
            yield Line(f"{output} does not depend on {source}.", is_prose=True)
            yield Line(equation(notation, derivative, value(notation, self.steps.zero)))

    def shown(self, notation: Notation, nodes: Sequence[Value]) -> Iterator[Line]:
        """Each step with its number, and below it its tangent: by name, then in numbers."""
        for node in nodes:
            name = self.graph.name(notation, node)
            operands = [self.graph.piece(notation, each) for each in self.steps.inputs(node)]
            written = self.graph.written(notation, node, operands).text
            yield Line(equation(notation, name, written, value(notation, node.data)))
            yield Line(self.tangent(notation, node, name), 1)

    def tangent(self, notation: Notation, node: Value, name: str) -> str:
        """The sum of local derivatives times tangents."""
        named, numbers, values, contributions = [], [], [], []
        for each, partial, tangent in self.arriving(node):
            derivative = self.graph.partial_derivative(notation, node, each)
            of = notation.tangent(self.graph.name(notation, each))
            named.append(Piece(symbols(notation, [derivative, of]), PRODUCT))
            numbers.append(Piece(product(notation, [partial, tangent]).text, PRODUCT))
            values += [partial, tangent]
            contributions.append(partial * tangent)
        left, in_numbers = notation.tangent(name), Numbers(notation.sum(numbers), tuple(values))
        result = value(notation, self.tangents[node])
        return equation(notation, left, notation.sum(named), in_numbers, total(notation, contributions), result)
