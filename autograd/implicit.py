"""The solution of equations as an operation: its derivative is that of the implicit function theorem.

The equations r(x, p) = 0 still hold when p moves a little, and x with it: dr/dx dx + dr/dp dp = 0. So a solution moves by

    dx/dp = -(dr/dx)^-1 dr/dp

whichever way it was found. This is a formula in x and p, and can be differentiated again: any order is right.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from autograd import value
from autograd.compositions import dot, total, where
from autograd.derivatives import jacobian
from autograd.errors import SolutionError
from autograd.functions import abs, detach, maximum, sqrt  # noqa: A004
from autograd.graph import topological_order
from autograd.interrupts import cached
from autograd.micrograd import Closure
from autograd.ops import IMPROVES
from autograd.recording import closure_error
from autograd.rules.evaluate import evaluate_ieee
from autograd.rules.numbers import EPSILON
from autograd.rules.op import Op
from autograd.scopes import Scope
from autograd.traced import is_traced
from autograd.value import Constant, Operand, Value, apply, condition, data_of

Matrix = Sequence[Sequence[Any]]

STEPS = 24  # of Newton's method in compiled code, which cannot stop when it has arrived
ARRIVED = 1e-8  # the last step, as a part of the way, at most: after it about the square of this is left
BESIDE = 1e-6  # of the way: a distance from the solution that is above rounding
CLOSE = 0.25  # of a distance from a regular solution: a step of Newton's leads back as near as this, from a double root half the way
DISTANCES = (1e-5, 1e-7, 1e-3, 1e-9)  # from a solution, as parts of a length: one is between rounding and curvature
MISSED = 1e-4  # of what the Jacobian says that the residuals change by: more is no rounding at all distances


class Formulas(NamedTuple):
    """A graph as functions of some of its nodes, the sources."""

    sources: Sequence[Value]
    results: Sequence[Value]

    def at(self, nodes: Sequence[Value]) -> list[Value]:
        """The results with these nodes in the places of the sources.

        >>> x = Value(2.0)
        >>> Formulas([x], [x * x + 1]).at([Value(3.0)])
        [Value(data=10.0, grad=0.0)]
        """
        return _replayed(topological_order(*self.results), dict(zip(self.sources, nodes, strict=True)), self.results)


def _replayed(order: Iterable[Value], instead: dict[Value, Value], results: Sequence[Value]) -> list[Value]:
    """The results, computed again from the nodes that stand instead of others."""
    for node in order:
        if node not in instead and any(source in instead for source in node.inputs):
            instead[node] = _again(node, [instead.get(source, source) for source in node.inputs])
    return [instead.get(result, result) for result in results]


def _again(node: Value, operands: Sequence[Value]) -> Value:
    if isinstance(node.op, Solution):
        made = node.op.equations.solution(node.op.index, tuple(operands))
    elif isinstance(node.op, Op):
        made = apply(node.op, *operands, fallback=evaluate_ieee)
    else:
        raise closure_error(node, "its formula is not known, and solve needs it at other numbers")
    made.scope = node.scope
    if node.label:
        made.label = node.label
    return made


class Equations:
    """Residuals r(x, p) that are to be 0, as formulas in leaves of their own, and a solution x at some p.

    Args:
        unknowns: leaves, which hold the solution.
        parameters: leaves, which stand for the nodes that the solution depends on.
        residuals: computed from both.
        start: where compiled code starts: for each unknown a number, or one of the parameters.

    >>> x, p = Value(3.0, "x"), Value(9.0, "p")
    >>> equations = Equations([x], [p], [x * x - p], [1.0])
    >>> equations.partials                                            # dx/dp = 1 / 2x
    [(0.16666666666666666,)]
    """

    def __init__(
        self, unknowns: Sequence[Value], parameters: Sequence[Value], residuals: Sequence[Value], start: Sequence[Any]
    ) -> None:
        self.unknowns, self.parameters, self.residuals, self.start = unknowns, parameters, residuals, start

    @cached
    def partials(self) -> list[tuple[Any, ...]]:
        """For each unknown its derivatives with respect to the parameters, as numbers."""
        if is_traced(self.unknowns[0]):
            return [(math.nan,) * len(self.parameters)] * len(self.unknowns)
        return self._partials(jacobian(self.residuals, [*self.unknowns, *self.parameters]))

    @cached
    def formulas(self) -> list[Formulas]:
        """The same as formulas in the unknowns and the parameters."""
        sources = [*self.unknowns, *self.parameters]
        return [Formulas(sources, row) for row in self._partials(jacobian(self.residuals, sources, create_graph=True))]

    def _partials(self, rows: Matrix) -> list[tuple[Any, ...]]:
        count = len(self.unknowns)
        moves = linear_solutions([row[:count] for row in rows], [*zip(*(row[count:] for row in rows), strict=True)])
        return [tuple(-move[k] for move in moves) for k in range(count)]

    def solution(self, index: int, inputs: tuple[Value, ...]) -> Value:
        """An unknown as a node that depends on the inputs, which stand for the parameters."""
        known = not any(map(is_traced, (self.unknowns[index], *inputs)))
        node = unknown(self.unknowns[index].data if known else math.nan)
        node.op = Solution(self, index, inputs)
        return node

    def solutions(self, inputs: tuple[Value, ...]) -> list[Value]:
        """All unknowns as such nodes."""
        return [self.solution(index, inputs) for index in range(len(self.unknowns))]

    @cached
    def _step(self) -> Formulas:
        """Newton's step for each unknown, and each residual. The Jacobian is detached: it multiplies what is 0 in the end."""
        sources = [*self.unknowns, *self.parameters]
        rows = jacobian(self.residuals, self.unknowns, create_graph=True)
        [step] = linear_solutions([[detach(entry) for entry in row] for row in rows], [self.residuals])
        return Formulas(sources, [*step, *self.residuals])

    @cached
    def _weakest(self) -> Formulas:
        """A direction in which the residuals change little: where the Jacobian is nearly singular, least."""
        rows = jacobian(self.residuals, self.unknowns, create_graph=True)
        [weakest] = linear_solutions(rows, [[Constant(weight) for weight in weights(len(rows))]])
        return Formulas([*self.unknowns, *self.parameters], weakest)

    @cached
    def _residuals_and_rows(self) -> Formulas:
        """The residuals, and the entries of their Jacobian, row by row."""
        rows = jacobian(self.residuals, self.unknowns, create_graph=True)
        return Formulas([*self.unknowns, *self.parameters], [*self.residuals, *(entry for row in rows for entry in row)])

    @cached
    def _detaches_an_unknown(self) -> bool:
        depends = set(self.unknowns)
        for node in topological_order(*self.residuals):
            if not depends.isdisjoint(node.inputs):
                if isinstance(node.op, Op) and node.op.detaches:
                    return True
                depends.add(node)
        return False

    def _is_recorded(self, x: Sequence[Value], direction: Sequence[Value], way: Value, inputs: Sequence[Value]) -> Any:
        """The condition that the residuals change as their Jacobian says, at one of the distances from x."""
        count = len(x)

        def at(place: Iterable[Value]) -> tuple[Sequence[Value], Matrix]:
            results = self._residuals_and_rows.at([*place, *inputs])
            return results[:count], [results[count * k :][:count] for k in range(1, count + 1)]

        _, rows = at(x)
        found = []
        for part in DISTANCES:
            move = [part * way * entry for entry in direction]
            above, below = (at(old + side * step for old, step in zip(x, move, strict=True)) for side in (1, -1))
            found.append(condition(IMPROVES, 0.0, is_derivative(move, rows, above, below)))
        return reduce(or_, found)

    def in_rows(self, inputs: Sequence[Value]) -> list[Value]:
        """The unknowns by rows of the table alone: a number of Newton's steps that is fixed, then one that carries the derivative.

        Each step is halved twice if the largest residual does not become smaller. Where the steps have not become small in the
        end, or do not lead back from beside the solution, as at a double root, the result is nan. So it is where the residuals
        detach an unknown that they depend on.
        """
        count = len(self.unknowns)

        def step_at(x: list[Value]) -> tuple[list[Value], Value]:
            results = self._step.at([*x, *inputs])
            return results[:count], reduce(maximum, map(abs, results[count:]))

        place = dict(zip(self.parameters, inputs, strict=True))
        x = start = [place[entry] if isinstance(entry, Value) else Constant(entry) for entry in self.start]
        step, size = _detached(step_at(x))
        part: Operand = 1.0
        for _ in range(STEPS):
            tried = [detach(old - part * move) for old, move in zip(x, step, strict=True)]
            tried_step, tried_size = _detached(step_at(tried))
            better = condition(IMPROVES, tried_size, size)
            better.label = "1 where solve takes the step, else 0"
            x = [where(better, new, old) for new, old in zip(tried, x, strict=True)]
            step = [where(better, new, old) for new, old in zip(tried_step, step, strict=True)]
            size, part = where(better, tried_size, size), where(better, 1.0, part / 4)
        way = total(abs(new) + abs(new - old) for new, old in zip(x, start, strict=True))
        close = total(map(abs, step)) <= ARRIVED * way
        weakest = self._weakest.at([*x, *inputs])
        length = total(map(abs, weakest))
        move = [detach(BESIDE * way * (entry / length)) for entry in weakest]
        misses = []
        for side in (1.0, -1.0):
            back, _ = step_at([detach(old - last + side * away) for old, last, away in zip(x, step, move, strict=True)])
            misses.append(total(abs(detach(there) - side * away) for there, away in zip(back, move, strict=True)))
        arrived = close & (reduce(maximum, misses) <= CLOSE * total(map(abs, move)))
        if self._detaches_an_unknown:
            arrived = arrived & self._is_recorded(x, [entry / length for entry in weakest], way, inputs)
        verdict = where(arrived, Constant(1.0), Constant(-1.0))
        verdict.label = "1 where solve has arrived, else -1"
        x = [detach(old - move) for old, move in zip(x, step, strict=True)]
        step, _ = step_at(x)
        nothing = verdict**0.5 * total(inputs)  # nan where it counts, and so is its derivative with respect to every input
        return [where(arrived, old - move, nothing) for old, move in zip(x, step, strict=True)]


def is_derivative(
    move: Sequence[Any], rows: Matrix, above: tuple[Sequence[Any], Matrix], below: tuple[Sequence[Any], Matrix]
) -> Any:
    """Whether residuals change as the mean of the Jacobians on both sides says, unless they are too curved to tell.

    Args:
        move: the way from the middle to the place above, of numbers or of Values.
        rows: of the Jacobian in the middle.
        above, below: the residuals and the rows there, and as far on the other side.
    """
    holds: Any = True
    for k, row in enumerate(rows):
        terms = [slope * step for _, there in (above, below) for slope, step in zip(there[k], move, strict=True)]
        bends = [slope * step - term for slope, step, term in zip([*row, *row], [*move, *move], terms, strict=True)]
        said = total(map(abs, terms))
        holds = holds & (
            (abs(above[0][k] - below[0][k] - total(terms)) <= MISSED * said) | (total(map(abs, bends)) >= said / 2)
        )
    return holds


def _detached(step_and_size: tuple[list[Value], Value]) -> tuple[list[Value], Value]:
    step, size = step_and_size
    return [*map(detach, step)], detach(size)


class Solution(Closure):
    """The operation of a node that solves equations: its local derivatives are those of the implicit function theorem."""

    __slots__ = ("equations", "index")

    def __init__(self, equations: Equations, index: int, inputs: tuple[Value, ...]) -> None:
        super().__init__("solve", inputs, equations.partials[index])
        self.equations, self.index = equations, index

    def recorded_partials(self) -> Sequence[Value]:
        """The local derivatives as formulas in the solution and in its inputs, so that they can be differentiated."""
        return self.equations.formulas[self.index].at([*self.equations.solutions(self.inputs), *self.inputs])


def unknown(number: Any, name: str = "") -> Value:
    """A leaf. While ``autograd.compile`` traces a function it is traced, if the number is nan."""
    node = value.new_node(Value)
    Value.__init__(node, number, name)
    return node


def read(
    unknowns: Sequence[Value], residuals: Sequence[Value], start: Sequence[Any], stands_for: Mapping[Value, Value]
) -> tuple[Equations, tuple[Value, ...]]:
    """The equations that a graph states, and the nodes from outside that enter it: what the solution depends on.

    Args:
        unknowns: leaves.
        residuals: computed from them, and from any other nodes.
        start: for each unknown a number, or any node.
        stands_for: leaves of the graph, with the nodes that they stand for.
    """
    inside, order = {*unknowns, *stands_for}, []
    entering = {}
    for node in topological_order(*residuals):
        if node in stands_for:
            entering[node] = stands_for[node]
        elif any(source in inside for source in node.inputs):
            inside.add(node)
            order.append(node)
    for node in order:
        entering.update({source: source for source in node.inputs if source not in inside and type(source) is not Constant})
    entering.update({entry: entry for entry in start if isinstance(entry, Value)})
    leaves = {node: unknown(data_of(node), node.label) for node in entering}
    own = _replayed(order, {**{node: node for node in unknowns}, **leaves}, residuals)
    equations = Equations(unknowns, [*leaves.values()], own, [leaves.get(entry, entry) for entry in start])
    return equations, tuple(entering.values())


def in_rows(outputs: Sequence[Value]) -> list[Value]:
    """The outputs of a graph computed by rows of the table alone, as a tape needs them: solutions become Newton's steps."""
    order = topological_order(*outputs)
    if not any(isinstance(node.op, Solution) for node in order):
        return list(outputs)
    instead: dict[Value, Value] = {}
    solved: dict[tuple[Any, ...], list[Value]] = {}  # so that unknowns of the same equations share the steps
    for node in order:
        inputs = [instead.get(source, source) for source in node.inputs]
        if isinstance(node.op, Solution) and not is_traced(node):
            instead[node] = Constant(node.data)  # the same for all examples, and solved when the function was traced
        elif isinstance(node.op, Solution):
            key = (node.op.equations, *inputs)
            if key not in solved:
                solved[key] = node.op.equations.in_rows(inputs)
                _set_scope(solved[key], node.scope, outside=inputs)
            instead[node] = solved[key][node.op.index]
        elif any(source in instead for source in node.inputs):
            instead[node] = _again(node, inputs)
    return in_rows([instead.get(output, output) for output in outputs])  # the equations may themselves hold solutions


def _set_scope(nodes: Iterable[Value], scope: Scope, outside: Iterable[Value]) -> None:
    """Let the nodes, and all that they were computed from inside the equations, stand at the line of the solution."""
    rest, visited = list(nodes), set(outside)
    while rest:
        node = rest.pop()
        if node.op is not None and node not in visited:
            visited.add(node)
            node.scope = scope
            rest.extend(node.inputs)


# --- linear equations -----------------------------------------------------------------------------------------------------


def linear_solutions(matrix: Matrix, rights: Sequence[Sequence[Any]]) -> list[list[Any]]:
    r"""The solutions x of :math:`A x = b` for several b, in scalars: numbers, or Values, which record.

    The columns of A are made orthogonal, each to those before it (Gram and Schmidt's method in its modified form), and so are the
    right sides. It needs no pivots, which would be choices by numbers, and so can be recorded and compiled.

    Raises:
        SolutionError: if the matrix is singular, to rounding.

    Source: Björck, *Solving linear least squares problems by Gram-Schmidt orthogonalization* (1967): as accurate as Householder's.

    >>> linear_solutions([[0.0, 2.0], [1.0, 1.0]], [[4.0, 3.0], [2.0, 1.0]])
    [[1.0, 2.0], [0.0, 1.0]]
    """
    count = len(matrix)
    if count == 1:
        [[only]] = matrix
        if data_of(only) == 0:
            raise SolutionError("the derivative of the residual is 0")
        return [[right / only] for [right] in rights]
    columns = [list(column) for column in (*zip(*matrix, strict=True), *rights)]
    sizes = [max(map(_size, column)) for column in columns[:count]]
    lengths, overlaps = [], []
    for k in range(count):
        length = sqrt(dot(columns[k], columns[k]))
        if data_of(length) <= count * EPSILON * sizes[k]:
            raise SolutionError("the Jacobian of the residuals is singular")
        direction = [entry / length for entry in columns[k]]
        overlap = [dot(direction, column) for column in columns[k + 1 :]]
        columns[k + 1 :] = [
            [entry - part * along for entry, along in zip(column, direction, strict=True)]
            for column, part in zip(columns[k + 1 :], overlap, strict=True)
        ]
        lengths.append(length)
        overlaps.append(overlap)
    return [_back_substituted(lengths, overlaps, which) for which in range(len(rights))]


def _back_substituted(lengths: Sequence[Any], overlaps: Matrix, which: int) -> list[Any]:
    count = len(lengths)
    solution: list[Any] = []
    for k in reversed(range(count)):
        right = overlaps[k][count - 1 - k + which]
        solution.insert(0, (right - dot(overlaps[k][: len(solution)], solution)) / lengths[k])
    return solution


def weights(count: int) -> list[float]:
    """Numbers in no simple ratio: a right side to which a singular matrix is hardly blind.

    >>> [round(weight, 3) for weight in weights(3)]
    [1.0, 1.618, 1.236]
    """
    return [1 + 0.618 * k % 1 for k in range(count)]


def _size(entry: Any) -> Any:
    return math.fabs(data_of(entry))
