"""The order in which a graph is walked: every node after its inputs; its leaves; and what its nodes are called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count
from typing import TYPE_CHECKING

from autograd.text import one_line

if TYPE_CHECKING:
    from autograd.value import Value


def topological_order(*roots: Value) -> list[Value]:
    """All nodes that the roots were computed from, each once, each after its inputs; of a single root, it is the last.

    A depth-first walk, first operand first, so the order follows from the expression alone: the same on each run. The walk
    keeps its own path instead of calling itself: a chain of a million nodes is no deeper for Python than one of ten.

    Why an order at all? In ``b = a + a; c = b + a`` the gradient of ``a`` is complete only when both ``c`` and ``b`` have
    passed theirs on, and ``b`` must not pass on before ``c`` has. In reverse of this order each node comes after all its users.

    Source: Griewank & Walther, *Evaluating Derivatives* (2008), section 3.2; Knuth, TAOCP 1, section 2.2.3.

    >>> from autograd import Value
    >>> a = Value(1.0, "a")
    >>> b = a + a; b.label = "b"
    >>> c = b + a; c.label = "c"
    >>> [node.label for node in topological_order(c)]
    ['a', 'b', 'c']
    """
    order: list[Value] = []
    met: set[Value] = set()
    path: list[Value] = []  # from root to node: all have an input that is not in the order yet
    rest: dict[Value, Iterator[Value]] = {}  # of closures, which may have many inputs: those still to be visited
    for root in roots:
        if root in met:
            continue
        met.add(root)
        node = root
        while True:
            x, y = node._x, node._y
            if x is None:
                step = _next_of_closure(node, rest, met) if node.op else None
            elif x not in met:
                step = x
            else:
                step = y if y is not None and y not in met else None

            if step is not None:
                met.add(step)
                path.append(node)
                node = step
                continue
            order.append(node)
            if not path:
                break
            node = path.pop()
    return order


def _next_of_closure(node: Value, rest: dict[Value, Iterator[Value]], met: set[Value]) -> Value | None:
    """The next input that was not met yet; each input is looked at once, however many there are."""
    for source in rest.setdefault(node, iter(node.inputs)):
        if source not in met:
            return source
    return None


def leaves_of(nodes: Iterable[Value]) -> list[Value]:
    """The leaves among the nodes but for plain numbers: what one differentiates in, if nothing is named.

    >>> from autograd import Value
    >>> x = Value(2.0, "x")
    >>> leaves_of(topological_order(x * x + 5)) == [x]
    True
    """
    return [node for node in nodes if not node.inputs and not _is_constant(node)]


def _is_constant(node: Value) -> bool:
    from autograd.value import Constant  # above this module: a Value finds its order here

    return type(node) is Constant


# --- names --------------------------------------------------------------------------------------------------------------


def names(order: Iterable[Value], sources: Iterable[Value] = ()) -> dict[Value, str]:
    """What the nodes of a graph are called: in explanations, pictures, programs and messages alike.

    A node with a label is called by it; where several nodes have one label, all but the first get a number. Of the nodes without
    a label, results are called v1, v2, ... in their order, and leaves x1, x2, ... A constant is its number, and has no name.

    Args:
        order: the nodes, each after its inputs.
        sources: nodes that have names whether they are in the graph or not, and constants or not.

    >>> from autograd import Value
    >>> x, y = Value(2.0, "x"), Value(3.0, "x")
    >>> list(names(topological_order(5 * x * y + Value(4.0))).values())
    ['x', 'v1', 'x_2', 'v2', 'x1', 'v3']
    """
    sources = dict.fromkeys(sources)
    labels = {node: label_of(node) for node in chain(order, sources)}
    nodes = [node for node, label in labels.items() if label or node in sources or not _is_constant(node)]
    return dict(
        zip(nodes, unique_names([labels[node] for node in nodes], ["v" if node.op else "x" for node in nodes]), strict=True)
    )


def label_of(node: Value) -> str:
    """The label, on one line and not too long; of one that is blank nothing."""
    label = str(node.label or "")
    return "" if label.isspace() else one_line(label)


def unique_names(labels: Sequence[str], stems: Sequence[str]) -> list[str]:
    """Labels made unique by numbers; and where there is no label, the stem with the next number that is free.

    >>> unique_names(["x", "", "x", "v1", ""], ["x", "v", "x", "v", "v"])
    ['x', 'v2', 'x_2', 'v1', 'v3']
    """
    found, taken = [""] * len(labels), set()
    candidates: dict[tuple[str, str], Iterator[str]] = {}
    for place in sorted(range(len(labels)), key=lambda place: not labels[place]):  # those with a label first
        label, stem = labels[place], stems[place]
        if label:
            names = candidates.setdefault((label, ""), _with_numbers_if_repeated(label))
        else:
            names = candidates.setdefault(("", stem), (stem + str(number) for number in count(1)))
        found[place] = next(name for name in names if name not in taken)
        taken.add(found[place])
    return found


def _with_numbers_if_repeated(label: str) -> Iterator[str]:
    return chain([label], (f"{label}_{number}" for number in count(2)))
