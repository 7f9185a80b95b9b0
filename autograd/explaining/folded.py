"""Steps: a graph as a list of steps with their local derivatives, in which whole scopes can be folded to one step each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from autograd.graph import topological_order
from autograd.recording import NUMBERS
from autograd.scopes import Scope
from autograd.value import Constant, Value

Fold: TypeAlias = int | str | Iterable[str]


class Steps:
    r"""The nodes that an output was computed from, each with its inputs and its local derivatives.

    A folded scope shows only what leaves it, each such node as one step from what enters the scope:

    .. math:: \frac{\partial h}{\partial x} = \sum_{\text{paths inside the scope}}\;\prod \text{local derivatives}

    Args:
        output: the last node.
        sources: nodes that must stay visible, whatever is folded. The steps start from them: what a source was computed from is
            left out, unless another source is there.
        fold: scopes by name (``"layer1"``, ``"layer1/neuron2"``, or a list of such), or a depth: 1 folds each outermost scope,
            2 each scope inside one.

    Raises:
        TypeError, ValueError: if the output or a source is no Value, or fold is none of these or names a scope without nodes.

    >>> from autograd import scope
    >>> x = Value(2.0, "x")
    >>> with scope("square"):
    ...     y = x * x
    ...     z = y + 3 * x
    >>> steps = Steps(5 * z, [x], fold="square")
    >>> steps.inputs(z) == (x,), steps.partials(z), len(steps.order)          # x, z, 5 and the output
    (True, (7.0,), 4)
    """

    def __init__(self, output: Value, sources: Iterable[Value], fold: Fold = ()) -> None:
        sources = list(sources)
        for each in (output, *sources):
            if not isinstance(each, Value):
                raise TypeError(
                    f"paths and derivations lead from Value to Value, but got {each!r} of type {type(each).__name__}"
                )
        self.output = output
        self.everything = topological_order(output)
        self.zero = type(output.data)()
        self.one = self.zero + 1
        self._given = self._sources_without_sources_before(set(sources))
        self._groups = _groups(self.everything, fold)
        self._hidden = self._nodes_inside_alone({output, *sources}) if self._groups else set()
        self._place = {node: place for place, node in enumerate(self.everything)}
        self._inputs: dict[Value, tuple[Value, ...]] = {}
        self._partials: dict[Value, tuple[Any, ...]] = {}
        visible = {output}
        for node in reversed(self.everything):
            if node in visible:
                visible.update(self.inputs(node))
        self.order = [node for node in self.everything if node in visible]
        self.between = set(sources).intersection(self.order)
        for node in self.order:
            if any(each in self.between for each in self.inputs(node)):
                self.between.add(node)

    def inputs(self, node: Value) -> tuple[Value, ...]:
        """What the step reads: the operands with multiplicity, or of a folded scope each node that enters it, once."""
        if node in self._given:
            return ()
        if not self.is_folded(node):
            return node.inputs
        if node not in self._inputs:
            self._inputs[node] = self._entering(node)
        return self._inputs[node]

    def partials(self, node: Value) -> tuple[Any, ...]:
        """The local derivative of the step in each of its inputs.

        Raises:
            ClosureError: if the step is a closure, or has one inside.
        """
        if node not in self._partials:
            self._partials[node] = (
                self._folded(node)
                if self.is_folded(node)
                else tuple(NUMBERS.partial(node, index) for index in range(len(node.inputs)))
            )
        return self._partials[node]

    def _folded(self, node: Value) -> tuple[Any, ...]:
        adjoints: dict[Value, Any] = {node: self.one}
        for each in reversed(self._inside(node)):
            for index, source in enumerate(each.inputs):
                adjoints[source] = adjoints.get(source, self.zero) + NUMBERS.partial(each, index) * adjoints[each]
        return tuple(adjoints[each] for each in self.inputs(node))

    def is_folded(self, node: Value) -> bool:
        """Whether the step stands for several operations."""
        return bool(self._hidden) and any(each in self._hidden for each in node.inputs)

    def group(self, node: Value) -> Scope | None:
        """The folded scope that the node was made in, if there is one."""
        return self._groups.get(node)

    def _nodes_inside_alone(self, visible: set[Value]) -> set[Value]:
        """The nodes whose every user is in the same folded scope: they neither enter it nor leave it."""
        hidden = {node for node in self._groups if node not in visible}
        for user in self.everything:
            for each in user.inputs:
                if self._groups.get(each) != self._groups.get(user):
                    hidden.discard(each)
        return hidden

    def _sources_without_sources_before(self, sources: set[Value]) -> set[Value]:
        """Those that no other source acts on: the derivation starts from their numbers."""
        behind: set[Value] = set()
        for node in self.everything:
            if any(each in behind or each in sources for each in node.inputs):
                behind.add(node)
        return sources - behind

    def _entering(self, node: Value) -> tuple[Value, ...]:
        """What the operations of a folded step read from outside, in the order of the graph, which is that of reading."""
        read = {source for each in self._inside(node) for source in each.inputs if source not in self._hidden}
        return tuple(sorted((each for each in read if type(each) is not Constant), key=self._place.__getitem__))

    def _inside(self, node: Value) -> list[Value]:
        """The operations that a step stands for: the hidden ones that the node was computed from, and itself, each after its inputs."""
        order, met, path = [], {node}, [(node, iter(node.inputs))]
        while path:
            each, rest = path[-1]
            step = next((source for source in rest if source in self._hidden and source not in met), None)
            if step is not None:
                met.add(step)
                path.append((step, iter(step.inputs)))
            else:
                order.append(each)
                path.pop()
        return order


def _groups(order: list[Value], fold: Fold) -> dict[Value, Scope]:
    """The folded scope of each operation that was made in one; leaves belong to none, since they are what enters."""
    made = [node for node in order if node.inputs]
    if isinstance(fold, bool) or not isinstance(fold, int | str | Iterable):
        raise TypeError(f"fold is a depth, the name of a scope, 'layer1/neuron2', or a list of names, but got {fold!r}")
    if isinstance(fold, int):
        if fold < 1:
            raise ValueError(f"fold as a depth is at least 1, the outermost scopes, but got {fold}")
        return {node: node.scope[:fold] for node in made if len(node.scope) >= fold}
    scopes = [tuple(name.split("/")) for name in ([fold] if isinstance(fold, str) else fold)]
    groups: dict[Value, Scope] = {}
    for scope in scopes:
        inside = {node: scope for node in made if node.scope[: len(scope)] == scope}
        if not inside:
            there = sorted({"/".join(node.scope) for node in made if node.scope})
            raise ValueError(
                f"no operation was made in the scope {'/'.join(scope)!r}; there are {', '.join(there[:10]) or 'none'}"
            )
        groups |= inside
    return groups
