"""The two modes: forward mode shown step by step, and what paths, forward and reverse mode cost on the learner's own graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import reduce
from operator import add, or_
from typing import Any, NamedTuple

from autograd.derivation import Derivation, Line, Numbers, Section, among_words, equation, product, symbols, total, value
from autograd.graph import topological_order
from autograd.named import NamedGraph, names_of
from autograd.notation import PRODUCT, TEXT, Notation, Piece
from autograd.recording import NUMBERS
from autograd.stale import stale_data
from autograd.steps import Fold, leaves_of
from autograd.subject import Subject
from autograd.value import Value

STEPS = 60  # that are shown
LARGEST = 10**12  # counts beyond are shown with three digits and an exponent

# --- forward mode -------------------------------------------------------------------------------------------------------


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
      v3 = x*y = -6
        v3.tangent = ∂v3/∂x·x.tangent = (-3)·1 = -3
      v4 = v3 + x = -4
        v4.tangent = ∂v4/∂v3·v3.tangent + ∂v4/∂x·x.tangent = 1·(-3) + 1·1 = -3 + 1 = -2
      dv4/dx = v4.tangent = -2
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


# --- what each way costs ------------------------------------------------------------------------------------------------


class Cost(NamedTuple):
    """The work of one way to the derivatives: over how many paths or in how many passes, and in which operations.

    >>> Cost(passes=1, multiplications=4, additions=2).operations
    6
    """

    passes: int
    multiplications: int
    additions: int

    @property
    def operations(self) -> int:
        """Multiplications and additions together."""
        return self.multiplications + self.additions


class Comparison(NamedTuple):
    """What the derivatives of an output in its sources cost in each of three ways; printed, a table and what follows from it.

    Attributes:
        output: the name of the output.
        sources: how many sources the output depends on.
        paths, forward, reverse: the costs; ``paths.passes`` is the number of paths.

    >>> x = Value(3.0, "x")
    >>> compare_modes(x * x).paths
    Cost(passes=2, multiplications=0, additions=1)
    """

    output: str
    sources: int
    paths: Cost
    forward: Cost
    reverse: Cost

    def __str__(self) -> str:
        rows = [[f"{cell:>{width}}" for cell, width in zip(row, (0, 15, 15, 9), strict=True)] for row in self._rows()]
        table = ["  ".join([f"{name:<14}", *cells]) for name, *cells in rows]
        return "\n".join([self._title(), *table, "", *self._words()])

    def __repr__(self) -> str:
        return str(self)

    def to_markdown(self) -> str:
        """The same as Markdown."""
        head, *rows = ("| " + " | ".join(row) + " |" for row in self._rows())
        table = "\n".join([head, "|---|---:|---:|---:|", *rows])
        return "\n\n".join([f"**{self._title()}**", table, " ".join(self._words())]) + "\n"

    def _repr_markdown_(self) -> str:
        return self.to_markdown()

    def _title(self) -> str:
        return f"The derivatives of {self.output} in {_counted(self.sources, 'source')}"

    def _rows(self) -> Iterator[list[str]]:
        yield ["", "paths or passes", "multiplications", "additions"]
        for name, cost in (("path by path", self.paths), ("forward mode", self.forward), ("reverse mode", self.reverse)):
            yield [name, *map(_shown, cost)]

    def _words(self) -> Iterator[str]:
        """The conclusion from these numbers, the rule behind them, and what was counted."""
        paths, forward, reverse = (each.operations for each in (self.paths, self.forward, self.reverse))
        passes = _counted(self.forward.passes, "pass")
        if not self.sources:
            yield f"{self.output} depends on none of the sources: every derivative is 0."
            return
        by_forward, by_reverse = _counted(forward, "operation"), _counted(reverse, "operation")
        if forward > reverse:
            times = f"{forward / reverse:.3g} times as many"
            yield f"Reverse mode is cheaper here: {by_reverse} in 1 pass; forward mode needs {by_forward} in {passes}, {times}."
        elif forward < reverse:
            yield f"Forward mode is cheaper here: {by_forward} in {passes}; reverse mode needs {by_reverse} in 1 pass."
        else:
            yield f"Both modes cost the same here: forward mode {by_forward} in {passes}, reverse mode as many in 1 pass."
        if paths > min(forward, reverse):
            yield f"Path by path it takes {_shown(paths)}: what paths have in common is computed anew for each."
        else:
            yield "Path by path costs no more: the paths have nothing in common that is worth keeping."
        yield "Forward mode takes a pass for each source, reverse mode one for each output: training has one output, the loss,"
        yield "and many sources, the parameters; with one source and many outputs it is the other way round."
        yield "Counted are the products and sums of the chain rule: a path of s steps needs s - 1 multiplications, since a product"
        yield "with the seed 1 is none; contributions that join need additions. Local derivatives, the same for all, are not counted."


def compare_modes(output: Value, sources: Value | Iterable[Value] | None = None) -> Comparison:
    r"""How many operations the derivatives of an output in all the sources take: path by path, in forward and in reverse mode.

    The convention: counted are the products and sums that each way makes on this very graph. A factor that happens to be 1
    counts, but the seed 1 does not. A path of s steps is s - 1 multiplications; k contributions join with k - 1 additions.
    The local derivatives, which all three ways need, are not counted. With E edges between V nodes on the way from the sources
    to the output (``x * x`` has two edges), reverse mode makes a multiplication for each edge but those into the output, and
    E - (V - 1) additions. Forward mode makes for each source, on its own part of the graph, a multiplication for each edge but
    those out of the source, and E - (V - 1) additions. No path is walked, however many there are.

    Args:
        output: the value to differentiate.
        sources: the values to differentiate it in, a list or a single one; None takes all leaves that are not constants.
            Those on which the output does not depend cost nothing.

    Returns:
        A ``Comparison``: print it, show it in a notebook, or read ``paths``, ``forward`` and ``reverse``, exact integers.

    Raises:
        TypeError: if the output or a source is no Value.
        ClosureError: if an operation between them is a closure, with which no way would work.

    Source: Baur & Strassen (1983); Griewank & Walther (2008), sections 3.1 to 3.3.

    >>> x = Value(1.0, "x")
    >>> y = x
    >>> for _ in range(200):
    ...     y = y + y                                # a ladder of 200 diamonds
    >>> costs = compare_modes(y)
    >>> costs.paths.passes == 2**200, costs.forward.operations, costs.reverse.operations
    (True, 598, 598)
    """
    given = None if sources is None else list(sources) if hasattr(sources, "__iter__") else [sources]
    for each in (output, *(given or ())):
        if not isinstance(each, Value):
            raise TypeError(f"compare_modes counts from Values to a Value, but got {each!r} of type {type(each).__name__}")
    order = topological_order(output)
    starts = set(leaves_of(order) if given is None else given).intersection(order)
    inputs: Inputs = {}
    for node in order:
        edges = [(slot, each) for slot, each in enumerate(node.inputs) if each in inputs]
        if edges or node in starts:
            inputs[node] = [each for _, each in edges]
        if edges:
            NUMBERS.partial(node, edges[0][0])  # refuses a closure
    return Comparison(
        output=TEXT.name(names_of(order, [output])[output]),
        sources=len(starts),
        paths=_path_by_path(output, starts, inputs),
        forward=_forward(starts, inputs),
        reverse=_reverse(output, inputs),
    )


Inputs = dict[Value, list[Value]]  # of each node that counts, those of its inputs that do; in topological order


def _path_by_path(output: Value, sources: set[Value], inputs: Inputs) -> Cost:
    """From the output back: how many paths lead to each node, and how many steps they have in all."""
    paths, steps = {output: 1}, {output: 0}
    for node in reversed(inputs):
        for each in inputs[node]:
            paths[each] = paths.get(each, 0) + paths[node]
            steps[each] = steps.get(each, 0) + steps[node] + paths[node]
        if node not in sources:
            del paths[node], steps[node]  # numbers of thousands of digits, perhaps
    ends = [each for each in sources if each is not output]  # the path from a node to itself needs nothing
    return Cost(
        passes=sum(paths[each] for each in sources),
        multiplications=sum(steps[each] - paths[each] for each in ends),
        additions=sum(paths[each] - 1 for each in ends),
    )


def _forward(sources: set[Value], inputs: Inputs) -> Cost:
    """The passes from all sources at once: each node with the set of sources that reach it, one bit for each."""
    uses = Counter(each for edges in inputs.values() for each in edges)
    reaching: dict[Value, int] = {}
    bits = multiplications = additions = 0
    for node, edges in inputs.items():
        arriving = [reaching[each] for each in edges]
        joined = reduce(or_, arriving, 0)
        contributions = sum(each.bit_count() for each in arriving)
        multiplications += contributions - sum(each in sources for each in edges)  # but those with the seed
        additions += contributions - joined.bit_count()
        if node in sources:
            joined |= 1 << bits
            bits += 1
        reaching[node] = joined
        for each in edges:
            uses[each] -= 1
            if not uses[each]:
                del reaching[each]  # sets of many thousand bits, perhaps
    return Cost(len(sources), multiplications, additions)


def _reverse(output: Value, inputs: Inputs) -> Cost:
    edges = sum(map(len, inputs.values()))
    return Cost(1, edges - len(inputs[output]), edges - (len(inputs) - 1)) if inputs else Cost(0, 0, 0)


def _shown(count: int) -> str:
    return str(count) if count < LARGEST else f"{Decimal(count):.2e}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "es" if what.endswith("s") else "s")
