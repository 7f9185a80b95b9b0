"""Paths: the chain rule before it is made quick. The gradient is the sum over all paths of the products of local derivatives."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from typing import Any, NamedTuple

from autograd.explaining.folded import Fold, FoldedGraph
from autograd.value import Value


class Path(NamedTuple):
    r"""One way on which the source acts on the output, and what it contributes to the derivative.

    Attributes:
        nodes: from the output back to the source, in the order in which the chain rule writes its factors.
        slots: for each step, which operand of ``nodes[i]`` is ``nodes[i + 1]``: ``x * x`` has two paths, by slot 0 and by 1.
        partials: for each step the local derivative of ``nodes[i]`` in ``nodes[i + 1]``.
        product: of the partials: the contribution.

    >>> x = Value(3.0, "x")
    >>> [path.product for path in paths(x * x + 5 * x, x)]
    [3.0, 3.0, 5.0]
    """

    nodes: tuple[Value, ...]
    slots: tuple[int, ...]
    partials: tuple[Any, ...]
    product: Any


def paths(output: Value, source: Value, fold: Fold = ()) -> Iterator[Path]:
    r"""Every path from ``source`` to ``output``, one after the other, first operands first.

    .. math:: \frac{\partial\,output}{\partial\,source} = \sum_{\text{paths}}\;\prod_{\text{steps}} \frac{\partial v_i}{\partial v_j}

    There may be very many: they are made as you ask for them, and ``count_paths`` says beforehand how many there are.

    Args:
        output, source: any two nodes. If they are the same there is one path, without a step; if the output does not depend on
            the source there is none.
        fold: scopes to take as one step each, as in ``explain``.

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
    """Depth first, with a path of its own instead of recursion."""
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
            for begun in (slots, partials, products):
                begun.pop()


def count_paths(output: Value, source: Value, fold: Fold = ()) -> int:
    """How many paths there are: the paths to a node are those to its inputs. Exact, and none of them is walked.

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
    graph = FoldedGraph(output, [source], fold)
    counts = {source: 1}
    for node in graph.order:
        if node in graph.between and node is not source:
            counts[node] = sum(counts.get(operand, 0) for operand in graph.inputs(node))
    return counts.get(output, 0) if source in graph.between else 0


def top_paths(output: Value, source: Value, k: int, fold: Fold = ()) -> list[Path]:
    r"""The k paths that contribute most: those of the largest :math:`|\text{product}|`, the largest first.

    Dynamic programming: the k best paths to a node begin with some of the k best to its inputs. So the time is proportional to k and
    to the size of the graph, and not to the number of paths. A product that is nan counts as larger than any number.

    Args:
        output, source, fold: as for ``paths``.
        k: how many; fewer are given if there are fewer.

    Raises:
        ValueError: if k is not a whole number of at least 1.
        TypeError, ClosureError: as for ``paths``.

    >>> x = Value(3.0, "x")
    >>> [path.product for path in top_paths(x * x * 10 - x, x, k=2)]
    [30.0, 30.0]
    """
    if isinstance(k, bool) or not hasattr(k, "__index__") or operator.index(k) < 1:
        raise ValueError(f"top_paths gives the k largest, a whole number of at least 1, but k is {k!r}")
    graph = FoldedGraph(output, [source], fold)
    if source not in graph.between:
        return []
    best: dict[Value, list[_Best]] = {source: [_Best(graph.one, source, -1, None)]}
    for node in graph.order:
        if node in graph.between and node is not source:
            found = [
                _Best(partial * begun.product, node, slot, begun)
                for slot, (operand, partial) in enumerate(zip(graph.inputs(node), graph.partials(node), strict=True))
                for begun in best.get(operand, ())
            ]
            best[node] = sorted(found, key=_size, reverse=True)[: operator.index(k)]
    return [_path(graph, path) for path in best[output]]


class _Best(NamedTuple):
    """A path from the source to a node, as its last step and the path before it."""

    product: Any
    node: Value
    slot: int
    begun: _Best | None


def _size(path: _Best) -> Any:
    return math.inf if path.product != path.product else abs(path.product)


def _path(graph: FoldedGraph, last: _Best) -> Path:
    nodes, slots, partials, product = [last.node], [], [], graph.one
    while last.begun is not None:
        partial = graph.partials(last.node)[last.slot]
        nodes.append(last.begun.node)
        slots.append(last.slot)
        partials.append(partial)
        product = partial * product
        last = last.begun
    return Path(tuple(nodes), tuple(slots), tuple(partials), product)


def _choices(graph: FoldedGraph, node: Value, source: Value) -> Iterator[int]:
    """The slots by which a path can go on from a node; at the source it ends."""
    if node is source:
        return iter(())
    return iter([slot for slot, operand in enumerate(graph.inputs(node)) if operand in graph.between])
