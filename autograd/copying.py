"""How a graph is copied and pickled: node by node, each after its inputs, however deep it is.

``copy.deepcopy`` and ``pickle`` save an object by saving what it refers to, within each other. Along a graph this would reach Python's
recursion limit after a few hundred nodes. So a node says first, as the first part of its state, which nodes it was computed from that
are not saved yet, in topological order. Each of them then finds its own inputs saved. Whatever is in one dump, several outputs and
a list of parameters beside them, is shared in the copy as it was, as these modules promise of any object.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from functools import lru_cache
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any
from weakref import ref

if TYPE_CHECKING:
    from autograd.value import Value


class Saved:
    """The nodes that a dump has saved, or a copy has copied. It lives as long as the dump, which remembers what refers to it.

    Nothing tells a node which dump it is part of. But a dump saves no node twice: where one is to be saved again, another has begun.
    And nothing but the depth of the recursion depends on it.
    """

    __slots__ = ("__weakref__", "nodes")

    def __init__(self) -> None:
        self.nodes: set[Value] = set()
        _latest.set(ref(self))


_latest: ContextVar[ref[Saved] | None] = ContextVar("saved", default=None)  # in this thread


def inputs_before(node: Value) -> Before | None:
    """What is to be saved before a node; None if its inputs are saved. The node itself counts as saved from now on."""
    latest = _latest.get()
    saved = latest() if latest else None
    if saved is None or node in saved.nodes:
        saved = Saved()
    before = None if saved.nodes.issuperset(node.inputs) else Before(node, saved)
    saved.nodes.add(node)
    return before


@lru_cache(maxsize=256)
def slots_of(kind: type) -> tuple[str, ...]:
    """The names of the slots of a class of nodes: those of ``Value``, and those that a subclass of the user's adds."""
    parts = (item for base in reversed(kind.__mro__) for item in vars(base).items())
    return tuple(name for name, part in parts if isinstance(part, MemberDescriptorType))


class Before:
    """The nodes that a node was computed from, without those that are saved. They are looked for only if the inputs are copied too."""

    __slots__ = ("node", "saved")

    def __init__(self, node: Value, saved: Saved) -> None:
        self.node, self.saved = node, saved

    def __reduce__(self) -> Any:
        return tuple, (_in_order(self.node, self.saved.nodes),)


def _in_order(root: Value, saved: set[Value]) -> list[Value]:
    """The nodes that the root was computed from and that are not saved, each after its inputs."""
    order: list[Value] = []
    found: set[Value] = set()
    path: list[tuple[Value, Iterator[Value]]] = [(root, iter(root.inputs))]
    while path:
        _, rest = path[-1]
        for source in rest:
            if source not in saved and source not in found:
                found.add(source)
                path.append((source, iter(source.inputs)))
                break
        else:
            order.append(path.pop()[0])
    return order[:-1]
