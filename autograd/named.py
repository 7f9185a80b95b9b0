"""A graph whose nodes have names: what every explanation speaks of."""

from __future__ import annotations

from collections.abc import Sequence

from autograd.notation import Notation, Piece
from autograd.row import Op
from autograd.steps import Fold, Steps
from autograd.value import Constant, Value

LONG = 60  # signs that a formula may have before its parts get lines of their own, a name or an operation counted as 3


class NamedGraph:
    """The steps from sources to an output, and how nodes, derivatives and steps are called in a notation."""

    def __init__(self, output: Value, sources: Sequence[Value], fold: Fold = ()) -> None:
        self.output, self.sources = output, sources
        self.steps = Steps(output, sources, fold)
        self.names = names_of(self.steps.everything)
        for each in sources:
            self.names.setdefault(each, each.label or "v")

    def piece(self, notation: Notation, node: Value) -> Piece:
        """The name of a node; a constant is its number."""
        if node in self.names:
            return Piece(notation.name(self.names[node]))
        return notation.number(node.data)

    def name(self, notation: Notation, node: Value) -> str:
        """The same as a string."""
        return self.piece(notation, node).text

    def derivative(self, notation: Notation, output: Value, source: Value) -> str:
        """The derivative of one node in another, by name."""
        return notation.derivative(self.name(notation, output), self.name(notation, source))

    def partial_derivative(self, notation: Notation, step: Value, source: Value) -> str:
        """The local derivative of a step in one of its inputs, by name."""
        return notation.partial_derivative(self.name(notation, step), self.name(notation, source))

    def local_derivative(self, notation: Notation, node: Value, slot: int) -> list[str]:
        """The local derivative of a step in one of its inputs in symbols, where the table has a formula for it."""
        if self.steps.is_folded(node) or not isinstance(node.op, Op):
            return []
        operands = [self.piece(notation, each) for each in node.inputs]
        return [notation.partial(node.op, slot, operands, self.piece(notation, node)).text]

    def written(self, notation: Notation, node: Value, operands: Sequence[Piece]) -> Piece:
        """A step with what it reads: an operation of the table, a closure, or a folded scope."""
        if self.steps.is_folded(node):
            return notation.call("/".join(self.steps.group(node) or ()), operands)
        if isinstance(node.op, Op):
            return notation.operation(node.op, operands)
        return notation.call(node._op or "f", operands)

    def definitions(self, notation: Notation) -> list[tuple[str, str]]:
        """The formula as the learner wrote it: a name and an expression for each step that has a name of its own.

        Those are the labelled ones, those used more than once, and the output; the others stand where they are used, unless the
        line becomes too long.
        """
        named = self._with_a_name_of_their_own()
        pieces: dict[Value, Piece] = {}
        definitions = []
        for node in self.steps.order:
            pieces[node] = self.piece(notation, node)
            if self.steps.inputs(node):
                written = self.written(notation, node, [pieces[each] for each in self.steps.inputs(node)])
                if node in named:
                    definitions.append((pieces[node].text, written.text))
                else:
                    pieces[node] = written
        return definitions

    def _with_a_name_of_their_own(self) -> set[Value]:
        users: dict[Value, int] = {}
        for node in self.steps.order:
            for each in self.steps.inputs(node):
                users[each] = users.get(each, 0) + 1
        named = set()
        length: dict[Value, int] = {}
        for node in self.steps.order:
            inputs = self.steps.inputs(node)
            length[node] = 3 + sum(length[each] for each in inputs)
            if inputs and (node is self.output or node.label or users[node] > 1 or length[node] > LONG):
                named.add(node)
                length[node] = 3
        return named


def names_of(order: Sequence[Value]) -> dict[Value, str]:
    """A name for every node of a graph but its plain constants: its label, else v1, v2, ... by its place in the order.

    Where several nodes have one label, all but the first get a number.

    >>> x, y = Value(1.0, "x"), Value(2.0, "x")
    >>> z = x * y
    >>> list(names_of([x, y, z]).values())
    ['x', 'x_2', 'v3']
    """
    taken: set[str] = set()
    names = {}
    for labelled in (True, False):
        for position, node in enumerate(order, start=1):
            if bool(node.label) is labelled and (labelled or type(node) is not Constant):
                wanted = name = node.label or f"v{position}"
                count = 1
                while name in taken:
                    count += 1
                    name = f"{wanted}_{count}"
                taken.add(name)
                names[node] = name
    return {node: names[node] for node in order if node in names}
