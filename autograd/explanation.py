"""explain: the chain rule for the learner's own expression, path by path and as ``backward()`` goes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from autograd.derivation import Derivation, Line, Numbers, Section, equation, product, symbols, total, value
from autograd.derivatives import grad
from autograd.named import NamedGraph
from autograd.notation import TEXT, Notation
from autograd.path import Path, count_paths, paths, top_paths
from autograd.steps import Fold, Steps
from autograd.value import Constant, Value


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
        source: the value to differentiate in, or a list of such; None takes all leaves that are not constants.
        fold: scopes to show as one step each: by name (``"layer1/neuron2"``, or a list), or by depth (1: the outermost).
        max_paths: how many paths to show for a source: if there are more, those of the largest products, and which share they are.
        max_steps: how many steps to show: if there are more, the last, and how many are left out.

    Returns:
        A ``Derivation``: print it, show it in a notebook, or take its ``to_latex()`` or ``to_markdown()``.

    Raises:
        TypeError: if the output or a source is no Value.
        ClosureError: if an operation on a path is a closure, which has no local derivatives.

    Source: the chains of S2.11 and S4.21, the sums over paths of S0.14 and S4.49.

    >>> x, y = Value(2.0, "x"), Value(-3.0, "y")
    >>> print(explain(x * y + x, x))
    The formula
      v4 = x*y + x
      where
        x = 2
        y = -3
    <BLANKLINE>
    The steps, each with its local derivatives
      v3 = x*y = 2*(-3) = -6
        ∂v3/∂x = y = -3
      v4 = v3 + x = -6 + 2 = -4
        ∂v4/∂v3 = 1
        ∂v4/∂x = 1
    <BLANKLINE>
    dv4/dx: the sum over all paths
      x → v3 → v4
        ∂v4/∂v3·∂v3/∂x = 1·(-3) = -3
      x → v4
        ∂v4/∂x = 1
      dv4/dx = -3 + 1 = -2
    <BLANKLINE>
    The same by accumulation, as backward() goes
      v4.grad = 1
      v3.grad += ∂v4/∂v3·v4.grad = 1·1 = 1
      x.grad += ∂v4/∂x·v4.grad = 1·1 = 1
      x.grad += ∂v3/∂x·v3.grad = (-3)·1 = -3
        x.grad = 1 + (-3) = -2
    """
    sources = _sources(output, source)
    return Derivation(_Explanation(output, sources, fold, max_paths, max_steps).sections)


def _sources(output: Value, source: Value | Iterable[Value] | None) -> list[Value]:
    if isinstance(source, Value):
        return [source]
    if source is not None:
        return list(dict.fromkeys(source))
    steps = Steps(output, [])
    return [node for node in steps.everything if not node.inputs and type(node) is not Constant]


class _Explanation:
    """What ``explain`` says, section by section."""

    def __init__(self, output: Value, sources: Sequence[Value], fold: Fold, max_paths: int, max_steps: int) -> None:
        self.graph = NamedGraph(output, sources, fold)
        self.steps = self.graph.steps
        self.output, self.sources, self.fold = output, sources, fold
        self.max_paths, self.max_steps = max_paths, max_steps
        self.made = [node for node in self.steps.order if self.steps.inputs(node)]

    def sections(self, notation: Notation) -> Iterator[Section]:
        yield Section("The formula", list(self.formula(notation)))
        yield Section("The steps, each with its local derivatives", list(self.local_derivatives(notation)))
        for source in self.sources:
            of = self.graph.derivative(TEXT, self.output, source)
            yield Section(f"{of}: the sum over all paths", list(self.by_paths(notation, source)))
        yield Section("The same by accumulation, as backward() goes", list(self.by_accumulation(notation)))

    # --- the formula -------------------------------------------------------------------------------------------------

    def formula(self, notation: Notation) -> Iterator[Line]:
        """What the learner wrote, and the numbers of its leaves."""
        definitions = self.graph.definitions(notation)
        yield from self._last([Line(equation(notation, name, written)) for name, written in definitions], "formulas")
        leaves = [node for node in self.steps.order if not self.steps.inputs(node) and node in self.graph.names]
        given = [Line(equation(notation, self.graph.name(notation, each), value(notation, each.data)), 1) for each in leaves]
        if given:
            yield Line("where", is_prose=True)
            yield from self._last(given, "numbers")

    # --- the steps ---------------------------------------------------------------------------------------------------

    def local_derivatives(self, notation: Notation) -> Iterator[Line]:
        """Each step as an equation, in symbols and in numbers, and below it its derivatives on the way to the sources."""
        for node in self._shown(self.made):
            inputs = self.steps.inputs(node)
            name = self.graph.name(notation, node)
            operands = [self.graph.piece(notation, each) for each in inputs]
            numbers = [notation.number(each.data) for each in inputs]
            substituted = Numbers(self.graph.written(notation, node, numbers).text, tuple(each.data for each in inputs))
            written = self.graph.written(notation, node, operands).text
            yield Line(equation(notation, name, written, substituted, value(notation, node.data)))
            for slot, each in enumerate(inputs):
                if each in self.steps.between:
                    symbol = self.graph.local_derivative(notation, node, slot)
                    number = value(notation, self.steps.partials(node)[slot])
                    operand = notation.prose(f"  (operand {slot + 1})") if inputs.count(each) > 1 else ""
                    derivative = self.graph.partial_derivative(notation, node, each)
                    yield Line(equation(notation, derivative, *symbol, number) + operand, 1)
        yield from self._left_out(self.made, "earlier steps are")

    # --- the sum over paths --------------------------------------------------------------------------------------------

    def by_paths(self, notation: Notation, source: Value) -> Iterator[Line]:
        """Each path as a product of named factors, then of numbers; then their sum."""
        count = count_paths(self.output, source, self.fold)
        derivative = self.graph.derivative(notation, self.output, source)
        if count == 0:
            yield Line(
                f"There is no path: {self.graph.name(TEXT, self.output)} does not depend on {self.graph.name(TEXT, source)}.",
                is_prose=True,
            )
            yield Line(equation(notation, derivative, value(notation, self.steps.zero)))
            return
        [exact] = grad(self.output, [source])
        if count <= self.max_paths:
            shown = list(paths(self.output, source, self.fold))
        else:
            shown = top_paths(self.output, source, self.max_paths, self.fold)
        for path in shown:
            if count > 1:
                yield Line(notation.route([self.graph.name(notation, node) for node in reversed(path.nodes)]))
            yield Line(self._product(notation, path, derivative if count == 1 else ""), int(count > 1))
        if count > len(shown):
            share = sum(abs(path.product) for path in shown) / self._size_of_all(source)
            yield Line(
                f"These are the {len(shown)} paths of the largest products, of {count} paths in all; together they have "
                f"{100 * float(share):.3g} % of the sum of all |products|.",
                is_prose=True,
            )
            yield Line(equation(notation, derivative, value(notation, exact)))
        elif count > 1:
            contributions = total(notation, [path.product for path in shown])
            yield Line(equation(notation, derivative, contributions, value(notation, exact)))

    def _product(self, notation: Notation, path: Path, derivative: str) -> str:
        factors = [self.graph.partial_derivative(notation, step, each) for step, each in pairwise(path.nodes)]
        parts: list[Any] = [symbols(notation, factors)] if factors else []
        parts += [product(notation, path.partials)] if len(factors) > 1 else []
        first, *rest = [derivative, *parts] if derivative else parts
        return equation(notation, first, *rest, value(notation, path.product))

    def _size_of_all(self, source: Value) -> Any:
        """The sum of all |products|, as one backward pass with |local derivatives|."""
        sizes: dict[Value, Any] = {source: self.steps.one}
        for node in self.steps.order:
            if node in self.steps.between and node is not source:
                pairs = zip(self.steps.inputs(node), self.steps.partials(node), strict=True)
                sizes[node] = sum(abs(partial) * sizes.get(each, self.steps.zero) for each, partial in pairs)
        return sizes[self.output]

    # --- accumulation ----------------------------------------------------------------------------------------------------

    def by_accumulation(self, notation: Notation) -> Iterator[Line]:
        """The backward pass: every node, once it has all its contributions, passes them on."""
        adjoints: dict[Value, Any] = {self.output: self.steps.one}
        contributions: dict[Value, list[Any]] = {}
        lines = [
            Line(equation(notation, notation.adjoint(self.graph.name(notation, self.output)), value(notation, self.steps.one)))
        ]
        for node in reversed(self.made):
            if node not in adjoints or node not in self.steps.between:
                continue
            for slot, each in enumerate(self.steps.inputs(node)):
                if each in self.steps.between:
                    partial = self.steps.partials(node)[slot]
                    contribution = partial * adjoints[node]
                    contributions.setdefault(each, []).append(contribution)
                    adjoints[each] = adjoints.get(each, self.steps.zero) + contribution
                    to = notation.adjoint(self.graph.name(notation, each))
                    factors = [
                        self.graph.partial_derivative(notation, node, each),
                        notation.adjoint(self.graph.name(notation, node)),
                    ]
                    right = equation(
                        notation,
                        symbols(notation, factors),
                        product(notation, [partial, adjoints[node]]),
                        value(notation, contribution),
                    )
                    lines.append(Line(to + notation.adds + right))
                    if len(contributions[each]) > 1:
                        so_far = total(notation, contributions[each])
                        lines.append(Line(equation(notation, to, so_far, value(notation, adjoints[each])), 1))
        yield from self._last(lines, "lines")

    # --- abridging -------------------------------------------------------------------------------------------------------

    def _shown(self, nodes: Sequence[Value]) -> Sequence[Value]:
        return nodes[-self.max_steps :]

    def _left_out(self, nodes: Sequence[Any], what: str) -> Iterator[Line]:
        if len(nodes) > self.max_steps:
            yield Line(f"{len(nodes) - self.max_steps} {what} left out; max_steps shows more.", is_prose=True)

    def _last(self, lines: list[Line], what: str) -> Iterator[Line]:
        yield from lines[-self.max_steps :]
        yield from self._left_out(lines, f"more {what} are")
