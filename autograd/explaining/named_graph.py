"""A graph whose nodes have names: what every explanation speaks of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

from autograd.explaining.folded import Fold, Steps
from autograd.graph import label_of, names
from autograd.rules.grammar import names_in
from autograd.rules.notation import Notation, Piece
from autograd.rules.numbers import Number
from autograd.rules.op import Op
from autograd.value import Value

LONG = 60  # signs that a formula may have before its parts get lines of their own, a name or an operation counted as 3


class NamedGraph:
    """The steps from sources to an output, and how nodes, derivatives and steps are called in a notation."""

    def __init__(self, output: Value, sources: Sequence[Value], fold: Fold = ()) -> None:
        self.output, self.sources = output, sources
        self.steps = Steps(output, sources, fold)
        self.names = names(self.steps.everything, sources)

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

    def local_derivative(self, notation: Notation, node: Value, slot: int, in_numbers: bool = False) -> list[str]:
        """The local derivative of a step in one of its inputs, where the table has a formula for it: in names, or in numbers."""
        if self.steps.is_folded(node) or not isinstance(node.op, Op):
            return []
        if node.op.is_convention(*(each.data for each in node.inputs)):
            return []  # and not the formula
        *operands, out = [
            notation.number(each.data) if in_numbers else self.piece(notation, each) for each in (*node.inputs, node)
        ]
        return [notation.partial(node.op, slot, operands, out).text]

    def numbers_in(self, node: Value, slot: int, in_numbers: bool = False) -> tuple[Number, ...]:
        """The numbers that stand in a local derivative: those of constants, or of all that it reads."""
        assert isinstance(node.op, Op)
        read = names_in(node.op.partials[slot])
        pairs = zip((*node.op.operands, "out"), (*node.inputs, node), strict=True)
        numbers = [each.data for name, each in pairs if name in read and (in_numbers or each not in self.names)]
        return (*numbers, *_constant(node))

    def constants(self, node: Value) -> tuple[Number, ...]:
        """The numbers that stand in a step among the names."""
        inputs = self.steps.inputs(node)
        return (*(each.data for each in inputs if each not in self.names), *_constant(node))

    def operand(self, node: Value, slot: int) -> str:
        """Which operand a slot is, in words, where the name alone does not tell: ``operand 1`` of x * x."""
        inputs = self.steps.inputs(node)
        return f"operand {slot + 1}" if inputs.count(inputs[slot]) > 1 else ""

    def written(self, notation: Notation, node: Value, operands: Sequence[Piece]) -> Piece:
        """A step with what it reads: an operation of the table, a closure, or a folded scope."""
        if self.steps.is_folded(node):
            group, others = self.steps.group(node) or (), self._results[self._folded(node)]
            return notation.call(".".join(group), operands, self.name(notation, node) if len(others) > 1 else "")
        if isinstance(node.op, Op):
            return notation.operation(node.op, operands)
        return notation.call(node._op or "f", operands)

    @cached_property
    def _results(self) -> dict[tuple[Any, ...], list[Value]]:
        """The steps that are one folded scope of the same inputs: the components of a softmax, say."""
        results: dict[tuple[Any, ...], list[Value]] = {}
        for node in self.steps.order:
            results.setdefault(self._folded(node), []).append(node)
        return results

    def _folded(self, node: Value) -> tuple[Any, ...]:
        return (self.steps.group(node), *self.steps.inputs(node)) if self.steps.is_folded(node) else ()

    # --- the formula -------------------------------------------------------------------------------------------------

    @cached_property
    def defined(self) -> dict[Value, None]:
        """The steps that have a line of their own in the formula.

        Those are the labelled ones, those used more than once, folded scopes, and the output; the others stand where they are used,
        unless the line becomes too long.
        """
        users: dict[Value, int] = {}
        for node in self.steps.order:
            for each in self.steps.inputs(node):
                users[each] = users.get(each, 0) + 1
        defined: dict[Value, None] = {}
        length: dict[Value, int] = {}
        for node in self.steps.order:
            inputs = self.steps.inputs(node)
            length[node] = 3 + sum(length[each] for each in inputs)
            of_its_own = node is self.output or label_of(node) or users[node] > 1 or self.steps.is_folded(node)
            if inputs and (of_its_own or length[node] > LONG):
                defined[node] = None
                length[node] = 3
        return defined

    def definitions(self, notation: Notation) -> list[tuple[str, str]]:
        """The formula as the learner wrote it: a name and an expression for each line."""
        return [self.definition(notation, node) for node in self.defined]

    def definition(self, notation: Notation, node: Value) -> tuple[str, str]:
        """One line of the formula."""
        return self.name(notation, node), self._expression(notation, node).text

    def _expression(self, notation: Notation, node: Value) -> Piece:
        operands = [
            self._expression(notation, each) if self._stands_in_line(each) else self.piece(notation, each)
            for each in self.steps.inputs(node)
        ]  # no deeper than LONG allows
        return self.written(notation, node, operands)

    def constants_of_line(self, node: Value) -> tuple[Number, ...]:
        """The numbers that stand in a line of the formula."""
        inside = (each for each in self.steps.inputs(node) if self._stands_in_line(each))
        return (*self.constants(node), *(number for each in inside for number in self.constants_of_line(each)))

    def given(self, nodes: Iterable[Value]) -> list[Value]:
        """The leaves whose names stand in the lines of these nodes, in the order of reading."""
        return list(dict.fromkeys(leaf for node in nodes for leaf in self._leaves(node) if leaf in self.names))

    def _leaves(self, node: Value) -> Iterator[Value]:
        for each in self.steps.inputs(node):
            if self._stands_in_line(each):
                yield from self._leaves(each)
            elif each not in self.defined:
                yield each

    def _stands_in_line(self, node: Value) -> bool:
        return node not in self.defined and bool(self.steps.inputs(node))


def _constant(node: Value) -> list[Number]:
    """The constant of a family, the 3 of x**3, as it is shown."""
    return [node.op.c] if isinstance(node.op, Op) and node.op.c is not None else []
