"""Subject: the graph that is diagnosed, with its nodes' names and formulas, and the derivatives of its output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from autograd.derivatives import grad
from autograd.graph import label_of, leaves_of, names, topological_order
from autograd.interrupts import cached
from autograd.micrograd import Closure
from autograd.rules.numbers import EPSILON, is_finite, number
from autograd.text import LISTED_MOST, as_printed, one_line
from autograd.value import Value


class Finding(NamedTuple):
    """Something that is wrong: its kind, the node to look at, and a message that says what to do."""

    kind: str
    node: Value
    message: str


class Subject:
    """A graph with its parameters, and the facts that checks need.

    Args:
        output: the last node.
        parameters: the values that are trained; None for all leaves that are not constants.
        function: computes the output anew from the present data of the parameters; None if it is not known.

    Raises:
        TypeError: if a node of the graph holds no number.

    >>> x, y = Value(2.0, "x"), Value(3.0)
    >>> subject = Subject(3 * x + y**2)
    >>> subject.name(x), subject.name(y), subject.formula(subject.output)
    ('x', 'x1', 'v3 = v1 + v2')
    >>> [subject.derivatives[parameter] for parameter in subject.parameters]
    [3.0, 6.0]
    """

    def __init__(
        self,
        output: Value,
        parameters: Iterable[Value] | None = None,
        function: Callable[[], Value] | None = None,
    ) -> None:
        self.output, self.function = output, function
        self.order = topological_order(output)
        self.place = {node: place for place, node in enumerate(self.order, start=1)}
        if parameters is None:
            parameters = leaves_of(self.order)
        self.parameters = list(dict.fromkeys(parameters))
        self.unmoved: list[Value] = []  # parameters that could not be moved, or not to any effect that values tell
        self._names = names(self.order, [output, *self.parameters])
        for node in self.order:
            try:
                number(node.data)
            except TypeError as error:
                raise TypeError(f"the data of {self.name(node)}: {error}") from None

    # --- derivatives ------------------------------------------------------------------------------------------------

    @cached
    def closures(self) -> list[Value]:
        """The nodes whose numbers the user's own code computed."""
        return [node for node in self.order if isinstance(node.op, Closure)]

    @cached
    def behind_closures(self) -> set[Value]:
        """The nodes with a path to the output through a closure that is a function: their derivative is unknown."""
        behind: set[Value] = set()
        for node in reversed(self.order):
            if node in behind or (isinstance(node.op, Closure) and not node.partials):
                behind.update(node.inputs)
        return behind

    @cached
    def derivatives(self) -> dict[Value, Any]:
        """The derivatives of the output with respect to nodes, where they are known: the sums of ``backward()``, in its order."""
        known = [node for node in self.order if node not in self.behind_closures]
        return dict(zip(known, grad(self.output, known), strict=True))

    @cached
    def rounding(self) -> dict[Value, float]:
        """A bound on the rounding error of a leaf's gradient after one pass: n terms give n eps times the sum of their sizes."""
        count: Counter[Value] = Counter()
        size: dict[Value, Any] = {}
        for node in self.order:
            for source, partial in zip(node.inputs, node.partials):  # noqa: B905  (a closure may have no partials)
                if not source.inputs and node in self.derivatives:
                    count[source] += 1
                    size[source] = size.get(source, 0) + abs(partial * self.derivatives[node])
        bounds = {leaf: count[leaf] * EPSILON * float(size[leaf]) for leaf in count if type(leaf.grad) is float}
        return {leaf: bound for leaf, bound in bounds.items() if is_finite(bound)}

    # --- names ------------------------------------------------------------------------------------------------------

    def name(self, node: Value) -> str:
        """The node's name; of a constant its number, of an unlabelled parameter outside the graph its position in the list."""
        if node not in self.place and not label_of(node):
            return f"parameters[{self.parameters.index(node)}]"
        return self._names.get(node) or as_printed(node.data)

    def equality(self, node: Value) -> str:
        """The name and the number, ``w = 2.0``; of a constant the number alone."""
        return f"{self._names[node]} = {as_printed(node.data)}" if node in self._names else as_printed(node.data)

    def path(self, node: Value) -> str:
        """The name with its scopes: ``layer1/neuron2/v3``."""
        return "/".join([*node.scope, self.name(node)])

    def path_and_formula(self, node: Value) -> str:
        """The formula with its scopes: ``layer1/neuron2/v3 = tanh(v2)``."""
        return "/".join([*node.scope, self.formula(node)])

    def formula(self, node: Value) -> str:
        """How the result of an operation was computed: ``v1 = w * x``."""
        assert node.op is not None
        operands = [self.name(source) for source in node.inputs]
        symbol = one_line(node.op.symbol or "closure")
        if symbol[0].isalpha() or not 1 <= len(operands) <= 2:
            return f"{self.name(node)} = {symbol}({', '.join([*operands[:LISTED_MOST], *['...'] * (len(operands) > LISTED_MOST)])})"
        return f"{self.name(node)} = {f' {symbol} '.join(operands) if len(operands) > 1 else f'{operands[0]}{symbol}'}"
