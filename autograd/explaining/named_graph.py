"""A graph whose nodes have names: what every explanation speaks of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from autograd.explaining.folded import Fold, FoldedGraph
from autograd.explaining.statements import Prose
from autograd.graph import label_of, names, operand_number
from autograd.interrupts import cached
from autograd.rules.formula_tree import (
    Adjoint,
    Call,
    Derivative,
    Formula,
    Name,
    Numeral,
    PartialDerivative,
    Tangent,
    operation,
    partial,
    side_by_side,
)
from autograd.rules.op import Op
from autograd.text import one_line, printable
from autograd.value import Condition, Value

MAX_FORMULA_CHARS = 60  # about; of a longer formula parts get lines of their own
CHARS_OF_A_NAME = 3  # or of an operation, about


class NamedGraph:
    """The nodes from sources to an output, and the formulas that speak of them."""

    def __init__(self, output: Value, sources: Sequence[Value], fold: Fold = ()) -> None:
        self.output, self.sources = output, sources
        self.folded = FoldedGraph(output, sources, fold)
        self.names = names(self.folded.all_nodes, sources)

    def name(self, node: Value) -> Name | Numeral:
        """The name of a node; a constant is its number."""
        return Name(self.names[node]) if node in self.names else Numeral(node.data)

    def derivative(self, output: Value, source: Value) -> Derivative:
        """The derivative of one node with respect to another, by name."""
        return Derivative(self.name(output), self.name(source))

    def partial_derivative(self, node: Value, slot: int) -> PartialDerivative:
        """The local derivative of a node with respect to one of its operands, by name: ∂v1/∂x, and ∂₁v1 of x * x."""
        inputs = self.folded.inputs(node)
        return PartialDerivative(self.name(node), self.name(inputs[slot]), operand_number(inputs, slot))

    def legend(self, nodes: Iterable[Value]) -> Iterator[Prose]:
        """What ∂₁ and ∂₂ mean, if one of the nodes reads the same input twice."""
        if any(len(set(inputs)) < len(inputs) for inputs in map(self.folded.inputs, nodes)):
            yield Prose(["Where both operands are one node, ∂₁ and ∂₂ are the derivatives with respect to each."])

    def adjoint(self, node: Value) -> Adjoint:
        """The gradient of a node, by name."""
        return Adjoint(self.name(node))

    def tangent(self, node: Value) -> Tangent:
        """The tangent of a node, by name."""
        return Tangent(self.name(node))

    def local_derivative(self, node: Value, slot: int, in_numbers: bool = False) -> list[Formula]:
        """The formula of a local derivative, in names or in numbers; none where the table has no formula for it."""
        if self.folded.is_folded(node) or not isinstance(node.op, Op):
            return []
        if node.op.is_convention(*(read.data for read in node.inputs)):
            return []  # there the derivative is a convention, not the formula
        *operands, out = [Numeral(read.data) if in_numbers else self.read(read) for read in (*node.inputs, node)]
        return [partial(node.op, slot, operands, out)]

    def written(self, node: Value, in_numbers: bool = False) -> Formula:
        """The formula by which a node is computed, its inputs by name or in numbers.

        An input that is no step of its own, and has no line in the formula, is written out.
        """
        return self._applied(node, [Numeral(read.data) if in_numbers else self.read(read) for read in self.folded.inputs(node)])

    def written_by_names(self, node: Value) -> Formula:
        """The formula by which a node is computed, every input by its name."""
        return self._applied(node, [self.name(read) for read in self.folded.inputs(node)])

    def read(self, node: Value) -> Formula:
        """What stands for a node in a line: its name; for one that no line tells, how it is computed."""
        return self._expression(node) if self._stands_in_line(node) and node not in self.steps else self.name(node)

    @cached
    def steps(self) -> dict[Value, None]:
        """The operations that a derivation tells: those on the way, and what the operand is that is not chosen at the end of one."""
        folded, steps = self.folded, dict.fromkeys(node for node in self.folded.told if self.folded.inputs(node))
        ended = [
            folded.inputs(node)[slot] for node in steps for slot in folded.told_slots(node) if not folded.passes(node, slot)
        ]
        steps |= dict.fromkeys(node for node in ended if folded.inputs(node))
        return {node: None for node in folded.order if node in steps}

    def _applied(self, node: Value, operands: Sequence[Formula]) -> Formula:
        """An operation of the table, a closure, or a folded scope."""
        if isinstance(node.op, Op) and not self.folded.is_folded(node):
            return operation(node.op, operands)
        arguments = side_by_side(operands, lambda operand: operand)
        if not self.folded.is_folded(node):
            return Call(one_line(node._op or "f"), arguments)
        several = len(self._results[self._call(node)]) > 1
        return Call(printable(".".join(self.folded.group(node) or ())), arguments, self.name(node) if several else None)

    @cached
    def _results(self) -> dict[tuple[Any, ...], list[Value]]:
        """The nodes that one folded scope computes from the same inputs: the components of a softmax, say."""
        results: dict[tuple[Any, ...], list[Value]] = {}
        for node in self.folded.order:
            results.setdefault(self._call(node), []).append(node)
        return results

    def _call(self, node: Value) -> tuple[Any, ...]:
        return (self.folded.group(node), *self.folded.inputs(node)) if self.folded.is_folded(node) else ()

    # --- the formula -------------------------------------------------------------------------------------------------

    @cached
    def defined(self) -> dict[Value, None]:
        """The nodes that have a line of their own in the formula.

        These are the nodes with a label, those used more than once, folded scopes, and the output. The others stand where they
        are used, unless that line becomes too long. Comparisons are short, and stand in the two terms of a choice.
        """
        num_users: dict[Value, int] = {}
        for node in self.folded.order:
            for source in self.folded.inputs(node):
                num_users[source] = num_users.get(source, 0) + 1
        defined: dict[Value, None] = {}
        length: dict[Value, int] = {}
        for node in self.folded.order:
            inputs = self.folded.inputs(node)
            length[node] = CHARS_OF_A_NAME + sum(length[source] for source in inputs)
            repeated = num_users.get(node, 0) > 1 and not isinstance(node, Condition)
            of_its_own = node is self.output or label_of(node) or repeated or self.folded.is_folded(node)
            if inputs and (of_its_own or length[node] > MAX_FORMULA_CHARS):
                defined[node] = None
                length[node] = CHARS_OF_A_NAME
        return defined

    def definitions(self) -> list[tuple[Name | Numeral, Formula]]:
        """The formula as the learner wrote it: a name and an expression for each line."""
        return [self.definition(node) for node in self.defined]

    def definition(self, node: Value) -> tuple[Name | Numeral, Formula]:
        """One line of the formula."""
        return self.name(node), self._expression(node)

    def _expression(self, node: Value) -> Formula:
        operands = [
            self._expression(source) if self._stands_in_line(source) else self.name(source)
            for source in self.folded.inputs(node)
        ]  # no deeper than MAX_FORMULA_CHARS allows
        return self._applied(node, operands)

    def leaves_in(self, nodes: Iterable[Value]) -> list[Value]:
        """The leaves whose names stand in the lines of these nodes, in the order of reading."""
        return list(dict.fromkeys(leaf for node in nodes for leaf in self._leaves(node) if leaf in self.names))

    def _leaves(self, node: Value) -> Iterator[Value]:
        for source in self.folded.inputs(node):
            if self._stands_in_line(source):
                yield from self._leaves(source)
            elif source not in self.defined:
                yield source

    def _stands_in_line(self, node: Value) -> bool:
        return node not in self.defined and bool(self.folded.inputs(node))
