"""Paths: a gradient is the sum over all paths of the products of local derivatives. Accumulation computes the same faster."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from autograd.explaining.folded import Fold, FoldedGraph
from autograd.explaining.line_breaks import rows
from autograd.explaining.shown_digits import with_digits
from autograd.explaining.statements import Line, Section, equation, product
from autograd.graph import names, operand_number, topological_order
from autograd.rules.formula_tree import Name, Numeral, PartialDerivative, Product, Route, side_by_side
from autograd.rules.notation import TEXT
from autograd.text import short_repr
from autograd.value import Value


class Path(NamedTuple):
    r"""One way in which the source acts on the output, and what it contributes to the derivative; printed, by the names of its nodes.

    Attributes:
        nodes: from the output back to the source, in the order in which the chain rule writes its factors.
        slots: ``nodes[i + 1]`` is operand ``slots[i]`` of ``nodes[i]``: ``x * x`` has two paths, by slot 0 and by slot 1.
        partials: ``partials[i]`` is the local derivative of ``nodes[i]`` with respect to ``nodes[i + 1]``.
        product: the product of the partials, which is what the path contributes.

    >>> x = Value(3.0, "x")
    >>> [path.product for path in paths(x * x + 5 * x, x)]
    [3.0, 3.0, 5.0]
    >>> print(*paths(x * x + 5 * x, x), sep="\n")
    x → v1 → v3: ∂v3/∂v1·∂₁v1 = 1·3 = 3
    x → v1 → v3: ∂v3/∂v1·∂₂v1 = 1·3 = 3
    x → v2 → v3: ∂v3/∂v2·∂v2/∂x = 1·5 = 5
    """

    nodes: tuple[Value, ...]
    slots: tuple[int, ...]
    partials: tuple[Any, ...]
    product: Any

    def __repr__(self) -> str:
        called = names(topological_order(self.nodes[0]), self.nodes[-1:])
        formulas = [Name(called[node]) if node in called else Numeral(node.data) for node in self.nodes]
        edges = [
            PartialDerivative(formulas[place], formulas[place + 1], self._operand(place)) for place in range(len(self.partials))
        ]
        factors = [Product(side_by_side(edges, lambda edge: edge)), product(self.partials)] if edges else []
        [section] = with_digits([Section([], [Line(equation(*factors, Numeral(self.product)))])])
        [(_, written)] = rows(TEXT, section.lines[0], width=sys.maxsize)
        return f"{TEXT.write(Route(side_by_side(formulas[::-1], lambda node: node)))}: {written}"

    def _operand(self, place: int) -> int:
        """The operand by its number, where the node reads it several times; a folded node reads each once."""
        inputs, slot = self.nodes[place].inputs, self.slots[place]
        reads_it = slot < len(inputs) and inputs[slot] is self.nodes[place + 1]
        return operand_number(inputs, slot) if reads_it else 0


def paths(output: Value, source: Value, fold: Fold = ()) -> Iterator[Path]:
    r"""Yield every path from ``source`` to ``output``, those through first operands first.

    .. math:: \frac{\partial\,output}{\partial\,source} = \sum_{\text{paths}}\;\prod_{\text{steps}} \frac{\partial v_i}{\partial v_j}

    A path ends where an operation passes nothing on, as ``detach`` does, or a relu below 0: such paths are left out, and
    ``count_paths`` counts them. There may be very many paths: each is found when you ask for it, and ``count_paths`` says beforehand how many there are.

    Args:
        output, source: any two nodes. From a node to itself there is one path, with no factor; if the output does not depend on
            the source there is none.
        fold: scopes to show as one node each, as in ``explain``.

    Raises:
        TypeError: if one of them is no Value.
        ClosureError: when a path leads through a closure, which has no local derivatives.

    Source: S0.14, S4.49; Bauer, *Computational graphs and rounding error* (1974).

    >>> x, y = Value(2.0, "x"), Value(-3.0, "y")
    >>> for path in paths(x * y + x, x):
    ...     print(path.partials, path.product)
    (1.0, -3.0) -3.0
    (1.0,) 1.0
    """
    return _walked(FoldedGraph(output, [source], fold), source)


def _walked(graph: FoldedGraph, source: Value) -> Iterator[Path]:
    """Walk depth first, with a stack instead of recursion."""
    if source not in graph.between:
        return
    output = graph.output
    nodes: list[Value] = [output]
    slots: list[int] = []
    partials: list[Any] = []
    products = [graph.one]  # of the first 0, 1, 2, ... partials
    choices = [_choices(graph, output, source)]
    while choices:
        slot = next(choices[-1], None)
        if slot is not None:
            node = nodes[-1]
            partial = graph.partials(node)[slot]
            nodes.append(graph.inputs(node)[slot])
            slots.append(slot)
            partials.append(partial)
            products.append(partial * products[-1])  # as backward() multiplies
            choices.append(_choices(graph, nodes[-1], source))
            continue
        choices.pop()
        if nodes[-1] is source:
            yield Path(tuple(nodes), tuple(slots), tuple(partials), products[-1])
        nodes.pop()
        if choices:
            for stack in (slots, partials, products):
                stack.pop()


class PathCount(int):
    """How many paths there are: an exact integer, which knows more.

    Attributes:
        ends: the operations that cut other paths, those next to the output first, each with how many end there.

    >>> x = Value(-2.0, "x")
    >>> count = count_paths(x.relu() + x.detach() * x, x)
    >>> int(count), count.cut, [(end.node.op.name, end.num_paths) for end in count.ends]
    (1, 2, [('detach', 1), ('relu', 1)])
    """

    ends: tuple[PathEnd, ...]

    def __new__(cls, count: int, ends: Iterable[PathEnd] = ()) -> PathCount:
        found = super().__new__(cls, count)
        found.ends = tuple(ends)
        return found

    @property
    def cut(self) -> int:
        """How many paths end before they come to the source."""
        return sum(end.num_paths for end in self.ends)


class PathEnd(NamedTuple):
    """Where paths end on their way from the output: at an operation that passes nothing on to operand ``slot``."""

    node: Value
    slot: int
    num_paths: int


def count_paths(output: Value, source: Value, fold: Fold = ()) -> PathCount:
    """Return how many paths lead from ``source`` to ``output``: an exact integer, for which no path is walked.

    As many lead to a node as to all its inputs together. Its ``cut`` says how many more there would be if nothing were cut, and
    its ``ends`` where they are: at ``detach``, at a relu below 0, at the operand that a maximum does not choose.

    Args, Raises:
        as for ``paths``, but closures are no obstacle.

    Source: Griewank & Walther (2008), section 3.2: what makes the sum over paths hopeless and accumulation cheap.

    >>> x = Value(1.0)
    >>> y = x
    >>> for _ in range(200):
    ...     y = y + y                                # a ladder of 200 diamonds
    >>> count_paths(y, x) == 2**200
    True
    """
    return counted_paths(FoldedGraph(output, [source], fold), source)


def counted_paths(graph: FoldedGraph, source: Value) -> PathCount:
    """The same on a graph at hand."""
    live, all_of_them = {source: 1}, {source: 1}  # from the source to each node: those that are cut nowhere, and all
    for node in graph.order:
        if node in graph.depending and node is not source:
            inputs = graph.inputs(node)
            all_of_them[node] = sum(all_of_them.get(operand, 0) for operand in inputs)
            live[node] = sum(live.get(operand, 0) for slot, operand in enumerate(inputs) if graph.passes(node, slot))
    if live.get(graph.output, 0) == all_of_them.get(graph.output, 0):
        return PathCount(live.get(graph.output, 0))
    return PathCount(live[graph.output], _ends(graph, source, all_of_them))


def _ends(graph: FoldedGraph, source: Value, from_source: dict[Value, int]) -> Iterator[PathEnd]:
    """Where the paths end that are cut, with how many: from the output to there, times from the source to there."""
    to_output = {graph.output: 1}
    for node in reversed(graph.order):
        if node not in to_output or node is source:
            continue
        for slot, operand in enumerate(graph.inputs(node)):
            if operand in from_source:
                if graph.passes(node, slot):
                    to_output[operand] = to_output.get(operand, 0) + to_output[node]
                elif from_source[operand]:
                    yield PathEnd(node, slot, to_output[node] * from_source[operand])


def top_paths(output: Value, source: Value, k: int, fold: Fold = ()) -> list[Path]:
    r"""Return the k paths that contribute most, those with the largest :math:`|\text{product}|`, the largest first.

    This is dynamic programming: the k best paths to a node begin with some of the k best paths to its inputs. So the time is
    proportional to k and to the size of the graph, not to the number of paths. A product that is nan counts as the largest.

    Args:
        output, source, fold: as for ``paths``.
        k: how many paths; if there are fewer, all of them are returned.

    Raises:
        ValueError: if k is not a whole number of at least 1.
        TypeError, ClosureError: as for ``paths``.

    >>> x = Value(3.0, "x")
    >>> [path.product for path in top_paths(x * x * 10 - x, x, k=2)]
    [30.0, 30.0]
    """
    if isinstance(k, bool) or not hasattr(k, "__index__") or operator.index(k) < 1:
        raise ValueError(f"top_paths gives the k largest, a whole number of at least 1, but k is {short_repr(k)}")
    graph = FoldedGraph(output, [source], fold)
    if source not in graph.between:
        return []
    best: dict[Value, list[_Best]] = {source: [_Best(graph.one, source, -1, None)]}
    for node in graph.order:
        if node in graph.between and node is not source:
            found = [
                _Best(graph.partials(node)[slot] * before.product, node, slot, before)
                for slot in graph.slots(node)
                for before in best.get(graph.inputs(node)[slot], ())
            ]
            best[node] = sorted(found, key=_size, reverse=True)[: operator.index(k)]
    return [_path(graph, path) for path in best[output]]


class _Best(NamedTuple):
    """A path from the source to a node: its last edge, and the path before it."""

    product: Any
    node: Value
    slot: int
    before: _Best | None


def _size(path: _Best) -> Any:
    return math.inf if path.product != path.product else abs(path.product)


def _path(graph: FoldedGraph, last: _Best) -> Path:
    nodes, slots, partials, product = [last.node], [], [], graph.one
    while last.before is not None:
        partial = graph.partials(last.node)[last.slot]
        nodes.append(last.before.node)
        slots.append(last.slot)
        partials.append(partial)
        product = partial * product
        last = last.before
    return Path(tuple(nodes), tuple(slots), tuple(partials), product)


def _choices(graph: FoldedGraph, node: Value, source: Value) -> Iterator[int]:
    """The slots through which a path can go on from a node; at the source it ends."""
    return iter(()) if node is source else iter(graph.slots(node))
