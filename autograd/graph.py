"""The topological order of a graph, its leaves, and the names of its nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count
from typing import TYPE_CHECKING

from autograd.text import one_line

if TYPE_CHECKING:
    from autograd.value import Value


def topological_order(*roots: Value) -> list[Value]:
    """The nodes that the roots were computed from, and the roots: each once, and each after its inputs.

    The walk is depth-first and takes the first operand first, so the order depends on the expression alone and is the same on
    every run. The walk keeps its path in a list and does not call itself, so Python's recursion limit does not bound the depth
    of a graph.

    Why is an order needed? In ``b = a + a; c = b + a`` the gradient of ``a`` is complete only when both ``c`` and ``b`` have
    passed theirs on, and ``b`` must wait for ``c``. In the reverse of this order each node comes after all its users.

    Source: Griewank & Walther, *Evaluating Derivatives* (2008), section 3.2; Knuth, TAOCP 1, section 2.2.3.

    >>> from autograd import Value
    >>> a = Value(1.0, "a")
    >>> b = a + a; b.label = "b"
    >>> c = b + a; c.label = "c"
    >>> [node.label for node in topological_order(c)]
    ['a', 'b', 'c']
    """
    order: list[Value] = []
    visited: set[Value] = set()
    path: list[Value] = []  # from the root to the node: each has an input that is not in the order yet
    rest: dict[Value, Iterator[Value]] = {}  # the inputs of a closure, which may be many, that have not been looked at
    for root in roots:
        if root in visited:
            continue
        visited.add(root)
        node = root
        while True:
            x, y = node._x, node._y
            if x is None:
                source = _next_of_closure(node, rest, visited) if node.op else None
            elif x not in visited:
                source = x
            else:
                source = y if y is not None and y not in visited else None

            if source is not None:
                visited.add(source)
                path.append(node)
                node = source
                continue
            order.append(node)
            if not path:
                break
            node = path.pop()
    return order


def _next_of_closure(node: Value, rest: dict[Value, Iterator[Value]], visited: set[Value]) -> Value | None:
    """The next input that is not visited yet. Each input is looked at once, however many there are."""
    for source in rest.setdefault(node, iter(node.inputs)):
        if source not in visited:
            return source
    return None


def leaves_of(nodes: Iterable[Value]) -> list[Value]:
    """The leaves among the nodes that are no constants: derivatives are with respect to these, if no others are named.

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
    """The names of a graph's nodes, the same in explanations, pictures, programs and messages.

    A node with a label has it as its name; if several nodes have the same label, all but the first get a number behind it.
    Results without a label are v1, v2, ... in their order, leaves without one x1, x2, ... A constant stands for its number and
    has no name. (A program lists its parameters first, and then its inputs: there leaves are counted in that order.)

    Args:
        order: the nodes, each after its inputs.
        sources: nodes that get names even if they are constants or not in the graph.

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


def operand_number(inputs: Sequence[Value], slot: int) -> int:
    """Which operand a local derivative is with respect to, where a node reads the same input several times: 1, 2, ...; else 0.

    Then ∂v/∂x would have several meanings. So ∂₁v and ∂₂v are the derivatives with respect to the first and the second operand,
    the other held fixed, and their sum is dv/dx. All that is shown has these names: explanations, pictures, quizzes.

    >>> from autograd import Value
    >>> x, y = Value(2.0), Value(3.0)
    >>> operand_number((x * x).inputs, 1), operand_number((x * y).inputs, 1)
    (2, 0)
    """
    return slot + 1 if inputs.count(inputs[slot]) > 1 else 0


def label_of(node: Value) -> str:
    """The label on one line, cut if it is long; an empty string for a blank one."""
    label = str(node.label or "")
    return "" if label.isspace() else one_line(label)


def unique_names(labels: Sequence[str], stems: Sequence[str]) -> list[str]:
    """A different name for each: its label, with a number where others have that label; without a label, its stem and a number.

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
