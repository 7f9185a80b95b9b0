"""compare_modes: what paths, forward mode and reverse mode cost on the learner's own graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import NamedTuple

from autograd.explaining.folded import FoldedGraph
from autograd.graph import leaves_of, names, topological_order
from autograd.recording import NUMBERS
from autograd.rules.notation import TEXT
from autograd.text import counted, described, escaped_for_markdown
from autograd.value import Value

MAX_WRITTEN_COUNT = 10**12  # a count below it is written out


class Cost(NamedTuple):
    """The work of one way to the derivatives: how many paths or passes it takes, and how many operations.

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
    """What the derivatives of an output cost in each of three ways; printed, a table and what follows from it.

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
        title, words = map(escaped_for_markdown, (self._title(), " ".join(self._words())))
        return "\n\n".join([f"**{title}**", table, words]) + "\n"

    def _repr_markdown_(self) -> str:
        return self.to_markdown()

    def _title(self) -> str:
        return f"The derivatives of {self.output} with respect to {counted(self.sources, 'source')}"

    def _rows(self) -> Iterator[list[str]]:
        yield ["", "paths or passes", "multiplications", "additions"]
        for name, cost in (("path by path", self.paths), ("forward mode", self.forward), ("reverse mode", self.reverse)):
            yield [name, *map(_as_cell, cost)]

    def _words(self) -> Iterator[str]:
        """The conclusion from these numbers, the rule behind them, and what was counted."""
        paths, forward, reverse = self.paths.operations, self.forward.operations, self.reverse.operations
        passes = counted(self.forward.passes, "pass")
        if not self.sources:
            yield f"{self.output} depends on none of the sources: every derivative is 0."
            return
        by_forward, by_reverse = counted(forward, "operation"), counted(reverse, "operation")
        if forward > reverse:
            times = f"{forward / reverse:.3g} times as many"
            yield f"Reverse mode is cheaper here: {by_reverse} in 1 pass; forward mode needs {by_forward} in {passes}, {times}."
        elif forward < reverse:
            yield f"Forward mode is cheaper here: {by_forward} in {passes}; reverse mode needs {by_reverse} in 1 pass."
        else:
            yield f"Both modes cost the same here: forward mode {by_forward} in {passes}, reverse mode as many in 1 pass."
        if paths > min(forward, reverse):
            yield f"Path by path it takes {_as_cell(paths)}: what paths have in common is computed again for each."
        else:
            yield "Path by path costs no more: the paths have nothing in common that is worth keeping."
        yield "Forward mode takes a pass for each source, reverse mode one for each output: training has one output, the loss,"
        yield "and many sources, the parameters; with one source and many outputs it is the other way round."
        yield "The counts are the products and sums of the chain rule: a path of s steps needs s - 1 multiplications, since"
        yield "the product with the seed 1 is not counted; contributions that join need additions. Local derivatives, the same"
        yield "for all, are not counted."


def compare_modes(output: Value, sources: Value | Iterable[Value] | None = None) -> Comparison:
    r"""Count the operations for the derivatives of an output in each of three ways: by paths, in forward and in reverse mode.

    The counts are the products and sums of each way on this very graph. A factor that happens to be 1 counts, but the seed 1
    does not. A path of s edges takes s - 1 multiplications; k contributions join with k - 1 additions. The local derivatives,
    which all three ways need, are not counted. With E edges between V nodes on the way from the sources to the output
    (``x * x`` has two edges), reverse mode takes a multiplication for each edge except those into the output, and E - (V - 1)
    additions. Forward mode takes, for each source and the part of the graph that depends on it, a multiplication for each edge
    except those out of the source, and E - (V - 1) additions. No path is walked, however many there are. Edges at which paths are
    cut, and what lies behind, cost nothing: all three ways leave them out.

    Args:
        output: the value to differentiate.
        sources: the values to differentiate with respect to, a list or a single one; None takes all leaves that are not
            constants. A source on which the output does not depend costs nothing.

    Returns:
        A ``Comparison``: print it, show it in a notebook, or read ``paths``, ``forward`` and ``reverse``, exact integers.

    Raises:
        TypeError: if the output or a source is no Value.
        ClosureError: if an operation between them is a closure, which has no local derivatives.

    Source: Baur & Strassen (1983); Griewank & Walther (2008), sections 3.1 to 3.3.

    >>> x = Value(1.0, "x")
    >>> y = x
    >>> for _ in range(200):
    ...     y = y + y                                # a ladder of 200 diamonds
    >>> costs = compare_modes(y)
    >>> costs.paths.passes == 2**200, costs.forward.operations, costs.reverse.operations
    (True, 598, 598)
    """
    named = None if sources is None else list(sources) if isinstance(sources, Iterable) else [sources]
    for end in (output, *(named or ())):
        if not isinstance(end, Value):
            raise TypeError(f"compare_modes counts from Values to a Value, but got {described(end)}")
    sources = leaves_of(topological_order(output)) if named is None else named
    graph = FoldedGraph(output, sources)
    starts = graph.between.intersection(sources)
    inputs: Inputs = {}
    for node in graph.order:
        if node in graph.between:
            slots = graph.slots(node)
            inputs[node] = [node.inputs[slot] for slot in slots]
            if slots:
                NUMBERS.partial(node, slots[0])  # refuses a closure
    return Comparison(
        output=TEXT.name(names(graph.order, [output])[output]),
        sources=len(starts),
        paths=_path_by_path(output, starts, inputs),
        forward=_forward(starts, inputs),
        reverse=_reverse(output, inputs),
    )


Inputs = dict[Value, list[Value]]  # the nodes that depend on a source, in topological order, each with its inputs that do


def _path_by_path(output: Value, sources: set[Value], inputs: Inputs) -> Cost:
    """Count, from the output back, the paths from each node and their edges."""
    paths, edges = {output: 1}, {output: 0}
    for node in reversed(inputs):
        for source in inputs[node]:
            paths[source] = paths.get(source, 0) + paths[node]
            edges[source] = edges.get(source, 0) + edges[node] + paths[node]
        if node not in sources:
            del paths[node], edges[node]  # they may be numbers of thousands of digits
    ends = [source for source in sources if source is not output]  # the path from a node to itself costs nothing
    return Cost(
        passes=sum(paths[source] for source in sources),
        multiplications=sum(edges[source] - paths[source] for source in ends),
        additions=sum(paths[source] - 1 for source in ends),
    )


def _forward(sources: set[Value], inputs: Inputs) -> Cost:
    """Count the passes from all sources at once: each node holds the set of the sources that reach it, one bit for each."""
    num_uses = Counter(source for read in inputs.values() for source in read)
    reaching: dict[Value, int] = {}
    num_bits = multiplications = additions = 0
    for node, read in inputs.items():
        arriving = [reaching[source] for source in read]
        joined = reduce(or_, arriving, 0)
        contributions = sum(bits.bit_count() for bits in arriving)
        multiplications += contributions - sum(source in sources for source in read)  # those with the seed 1 are not counted
        additions += contributions - joined.bit_count()
        if node in sources:
            joined |= 1 << num_bits
            num_bits += 1
        reaching[node] = joined
        for source in read:
            num_uses[source] -= 1
            if not num_uses[source]:
                del reaching[source]  # it may be a set of many thousand bits
    return Cost(len(sources), multiplications, additions)


def _reverse(output: Value, inputs: Inputs) -> Cost:
    num_edges = sum(map(len, inputs.values()))
    return Cost(1, num_edges - len(inputs[output]), num_edges - (len(inputs) - 1)) if inputs else Cost(0, 0, 0)


def _as_cell(count: int) -> str:
    return str(count) if count < MAX_WRITTEN_COUNT else f"{Decimal(count):.2e}"
