"""FoldedGraph: nodes with their inputs and local derivatives, where whole scopes can be folded to one node each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from autograd.graph import topological_order
from autograd.recording import NUMBERS
from autograd.rules.cut import CUT
from autograd.rules.op import Op
from autograd.scopes import Scope
from autograd.text import described, short_repr
from autograd.value import Constant, Value

Fold: TypeAlias = int | str | Iterable[str]


class FoldedGraph:
    r"""The nodes that an output was computed from, each with its inputs and its local derivatives.

    An edge is cut where the local derivative is ``CUT``: the operand is not chosen, and nothing is passed on to it. Paths end there.

    Of a folded scope only the nodes that leave it remain, each as one operation on the nodes that enter the scope:

    .. math:: \frac{\partial h}{\partial x} = \sum_{\text{paths inside the scope}}\;\prod \text{local derivatives}

    Args:
        output: the last node.
        sources: nodes that stay visible, whatever is folded. The graph starts from them: it leaves out what a source was
            computed from, unless another source is among it.
        fold: scopes by name (``"layer1"``, ``"layer1/neuron2"``, or a list of names), or a depth: 1 folds each outermost scope,
            2 each scope inside one.

    Attributes:
        order: the nodes that are visible, each after its inputs.
        reached: those to which the backward pass comes from the output.
        between: those on a path from a source to the output that is cut nowhere.
        told: these, and those on a way from the output to an operation that cuts a path at these numbers, as a dead relu does:
            what an explanation speaks of. (``detach`` and ``step`` cut at all numbers: there is nothing to tell of that way.)

    Raises:
        TypeError: if the output or a source is no Value, or fold is none of these.
        ValueError: if fold is a depth below 1, or names a scope in which no operation was made.

    >>> from autograd import scope
    >>> x = Value(2.0, "x")
    >>> with scope("square"):
    ...     y = x * x
    ...     z = y + 3 * x
    >>> folded = FoldedGraph(5 * z, [x], fold="square")
    >>> folded.inputs(z) == (x,), folded.partials(z), len(folded.order)          # x, z, 5 and the output
    (True, (7.0,), 4)
    """

    def __init__(self, output: Value, sources: Iterable[Value], fold: Fold = ()) -> None:
        sources = list(sources)
        for end in (output, *sources):
            if not isinstance(end, Value):
                raise TypeError(f"paths and derivations lead from Value to Value, but got {described(end)}")
        self.output = output
        self.all_nodes = topological_order(output)
        self.zero = type(output.data)()
        self.one = self.zero + 1
        self._given = self._sources_without_sources_before(set(sources))
        self._groups = _groups(self.all_nodes, fold)
        self._hidden = self._nodes_inside_alone({output, *sources}) if self._groups else set()
        self._place = {node: place for place, node in enumerate(self.all_nodes)}
        self._inputs: dict[Value, tuple[Value, ...]] = {}
        self._partials: dict[Value, tuple[Any, ...]] = {}
        self._passing: dict[Value, set[Value]] = {}  # for a folded node, what the backward pass comes to inside
        visible = {output}
        for node in reversed(self.all_nodes):
            if node in visible:
                visible.update(self.inputs(node))
        self.order = [node for node in self.all_nodes if node in visible]
        sources = set(sources).intersection(self.order)
        self.reached = reached = self._reached_from_output()
        self.depending = self._depending_on(sources)
        self.between = self._leading_to(sources & reached, reached)
        ends = {node for node in reached if any(self.cuts_here(node, slot) for slot in range(len(self.inputs(node))))}
        self.told = self._leading_to((sources & reached) | ends, reached)

    def _reached_from_output(self) -> set[Value]:
        """The nodes to which the backward pass comes."""
        reached = {self.output}
        for node in reversed(self.order):
            if node in reached:
                reached.update(source for slot, source in enumerate(self.inputs(node)) if self.passes(node, slot))
        return reached

    def _leading_to(self, ends: set[Value], reached: set[Value]) -> set[Value]:
        """The nodes among those reached from which the backward pass comes to one of the ends."""
        leading = set(ends)
        for node in self.order:
            if node in reached and any(
                source in leading and self.passes(node, slot) for slot, source in enumerate(self.inputs(node))
            ):
                leading.add(node)
        return leading

    def _depending_on(self, sources: set[Value]) -> set[Value]:
        """The nodes that are computed from the sources, whether a derivative passes or not."""
        depending = set(sources)
        for node in self.order:
            if any(source in depending for source in self.inputs(node)):
                depending.add(node)
        return depending

    # --- edges ----------------------------------------------------------------------------------------------------------

    def passes(self, node: Value, slot: int) -> bool:
        """Whether the local derivative of the node with respect to an input passes anything on: it does unless it is cut."""
        if not self.is_folded(node):
            return not (node.cuts and node.cuts[slot])
        if node not in self._passing:
            reached = {node}
            for user in reversed(self._inside(node)):
                if user in reached:
                    cuts = user.cuts or (False,) * len(user.inputs)
                    reached.update(source for source, cut in zip(user.inputs, cuts, strict=True) if not cut)
            self._passing[node] = reached
        return self.inputs(node)[slot] in self._passing[node]

    def cuts_here(self, node: Value, slot: int) -> bool:
        """Whether a path ends here at these numbers, though not at all numbers."""
        if self.passes(node, slot) or self.inputs(node)[slot] not in self.depending:
            return False
        return self.is_folded(node) or not isinstance(node.op, Op) or node.op.cuts[slot] != "True"

    def slots(self, node: Value) -> list[int]:
        """The slots through which paths go on towards a source."""
        return [slot for slot, source in enumerate(self.inputs(node)) if source in self.between and self.passes(node, slot)]

    def told_slots(self, node: Value) -> list[int]:
        """The slots whose local derivatives an explanation tells: those that pass something on, and those that cut it here."""
        return [
            slot
            for slot, source in enumerate(self.inputs(node))
            if self.cuts_here(node, slot) or (source in self.told and self.passes(node, slot))
        ]

    # --- nodes ----------------------------------------------------------------------------------------------------------

    def inputs(self, node: Value) -> tuple[Value, ...]:
        """What the node reads: its operands, with multiplicity; of a folded scope each node that enters it, once."""
        if node in self._given:
            return ()
        if not self.is_folded(node):
            return node.inputs
        if node not in self._inputs:
            self._inputs[node] = self._entering(node)
        return self._inputs[node]

    def partials(self, node: Value) -> tuple[Any, ...]:
        """The local derivatives of the node with respect to its inputs.

        Raises:
            ClosureError: if the node is a closure, or has one inside.
        """
        if node not in self._partials:
            self._partials[node] = (
                self._folded(node)
                if self.is_folded(node)
                else tuple(NUMBERS.partial(node, slot) for slot in range(len(node.inputs)))
            )
        return self._partials[node]

    def _folded(self, node: Value) -> tuple[Any, ...]:
        adjoints: dict[Value, Any] = {node: self.one}
        for user in reversed(self._inside(node)):
            for slot, source in enumerate(user.inputs):
                partial = NUMBERS.partial(user, slot)
                if user in adjoints and partial is not CUT:
                    adjoints[source] = adjoints.get(source, self.zero) + partial * adjoints[user]
        return tuple(adjoints.get(source, CUT) for source in self.inputs(node))

    def is_folded(self, node: Value) -> bool:
        """Whether the node stands for several operations."""
        return bool(self._hidden) and any(source in self._hidden for source in node.inputs)

    def group(self, node: Value) -> Scope | None:
        """The folded scope that the node was made in, or None."""
        return self._groups.get(node)

    def _nodes_inside_alone(self, visible: set[Value]) -> set[Value]:
        """The nodes all of whose users are in the same folded scope: they neither enter it nor leave it."""
        hidden = {node for node in self._groups if node not in visible}
        for user in self.all_nodes:
            for source in user.inputs:
                if self._groups.get(source) != self._groups.get(user):
                    hidden.discard(source)
        return hidden

    def _sources_without_sources_before(self, sources: set[Value]) -> set[Value]:
        """The sources on which no other source acts: the derivation starts from their numbers."""
        behind: set[Value] = set()
        for node in self.all_nodes:
            if any(source in behind or source in sources for source in node.inputs):
                behind.add(node)
        return sources - behind

    def _entering(self, node: Value) -> tuple[Value, ...]:
        """What a folded scope reads from outside to compute the node, in the order of the graph."""
        read = {source for user in self._inside(node) for source in user.inputs if source not in self._hidden}
        return tuple(sorted((source for source in read if type(source) is not Constant), key=self._place.__getitem__))

    def _inside(self, node: Value) -> list[Value]:
        """The operations that a node stands for, each after its inputs: hidden ones that it was computed from, and itself."""
        order, visited, path = [], {node}, [(node, iter(node.inputs))]
        while path:
            user, rest = path[-1]
            source = next((source for source in rest if source in self._hidden and source not in visited), None)
            if source is not None:
                visited.add(source)
                path.append((source, iter(source.inputs)))
            else:
                order.append(user)
                path.pop()
        return order


def _groups(order: list[Value], fold: Fold) -> dict[Value, Scope]:
    """The folded scope of each operation that was made in one. Leaves belong to no scope: they enter it."""
    operations = [node for node in order if node.inputs]
    if isinstance(fold, bool) or not isinstance(fold, int | str | Iterable):
        raise TypeError(
            f"fold is a depth, the name of a scope, 'layer1/neuron2', or a list of names, but got {short_repr(fold)}"
        )
    if isinstance(fold, int):
        if fold < 1:
            raise ValueError(f"fold as a depth is at least 1, the outermost scopes, but got {short_repr(fold)}")
        return {node: node.scope[:fold] for node in operations if len(node.scope) >= fold}
    scopes = [tuple(name.split("/")) for name in ([fold] if isinstance(fold, str) else fold)]
    groups: dict[Value, Scope] = {}
    for scope in scopes:
        inside = {node: scope for node in operations if node.scope[: len(scope)] == scope}
        if not inside:
            there = sorted({"/".join(node.scope) for node in operations if node.scope})
            raise ValueError(
                f"no operation was made in the scope {'/'.join(scope)!r}; there are {', '.join(there[:10]) or 'none'}"
            )
        groups |= inside
    return groups
