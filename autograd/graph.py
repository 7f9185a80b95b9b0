"""The order in which a graph is walked: every node after its inputs; and its leaves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

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
    from autograd.value import Constant  # above this module: a Value finds its order here

    return [node for node in nodes if not node.inputs and type(node) is not Constant]
