"""quiz: exercises about the learner's own expression, which name the slip behind a wrong answer."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import islice
from typing import Any, NamedTuple

from autograd.derivatives import grad
from autograd.explaining.answers import AnswerError, number_from
from autograd.explaining.chain_rule import explain
from autograd.explaining.named_graph import NamedGraph
from autograd.explaining.paths import Path, count_paths, paths
from autograd.graph import leaves_of, operand_number
from autograd.rules.evaluate import evaluate_ieee
from autograd.rules.formula_tree import Formula, Numeral, Route
from autograd.rules.notation import TEXT
from autograd.rules.numbers import is_finite
from autograd.rules.op import Op
from autograd.value import Value

RELATIVE_TOLERANCE = 2e-3  # an answer with three digits is right
MAX_CANDIDATES = 50  # nodes of a large graph from which paths are taken
MAX_PATHS = 12  # whose sum an exercise asks for
MAX_FACTORS = 8  # of a path that an exercise asks about
MAX_DEFINITIONS = 8  # lines of a formula in a question


class Slip(NamedTuple):
    """A classic mistake, and the wrong answer that it gives."""

    answer: Any
    name: str


class Feedback(NamedTuple):
    """What ``check`` says about an answer.

    >>> bool(Feedback(True, "Right.")), str(Feedback(False, "The sign is wrong."))
    (True, 'The sign is wrong.')
    """

    right: bool
    message: str

    def __bool__(self) -> bool:
        return self.right

    def __str__(self) -> str:
        return self.message


class Exercise:
    """A question about a graph, its answer, and the slips that lead to wrong answers.

    Attributes:
        kind: ``"local derivative"``, ``"path product"`` or ``"adjoint"``.
        question: the text.
        answer: the number asked for.
    """

    def __init__(self, kind: str, question: str, answer: Any, slips: Sequence[Slip], names: dict[str, Any]) -> None:
        self.kind, self.question, self.answer = kind, question, answer
        self._slips, self._names = slips, names

    def check(self, answer: Any) -> Feedback:
        """Return whether an answer is right, to three digits, and if not, which slip would give it.

        Args:
            answer: a number, or a text such as ``"1/3"`` or ``"2*(-3)"``: numbers, + - * / **, the functions of the table and
                the names of the graph.

        >>> x, y = Value(2.0, "x"), Value(-3.0, "y")
        >>> exercise = quiz(x * y, seed=1)[0]
        >>> bool(exercise.check(exercise.answer))
        True
        """
        try:
            number = number_from(answer, self._names)
        except AnswerError as error:
            return Feedback(False, str(error))
        if _close(number, self.answer):
            return Feedback(True, f"Right: it is {_text(Numeral(self.answer))}.")
        slips = [slip for slip in self._slips if _close(number, slip.answer) and not _close(slip.answer, self.answer)]
        if slips:
            nearest = min(slips, key=lambda slip: abs(slip.answer - number))
            return Feedback(False, f"Not {_text(Numeral(number))}: {nearest.name}.")
        return Feedback(False, f"Not {_text(Numeral(number))}. Look at the steps once more.")

    def __repr__(self) -> str:
        return self.question


class Quiz(Sequence[Exercise]):
    """The exercises of ``quiz``, as a sequence; ``ask()`` asks them one by one in a terminal."""

    def __init__(self, exercises: Sequence[Exercise], solution: Callable[[], str]) -> None:
        self._exercises, self.solution = list(exercises), solution

    def __getitem__(self, index: Any) -> Any:
        return self._exercises[index]

    def __len__(self) -> int:
        return len(self._exercises)

    def ask(self, read: Callable[[str], str] = input, write: Callable[[str], None] = print) -> int:
        """Ask every question, with a second try after a wrong answer; return the number of right answers.

        Args:
            read: asks for a line, as ``input`` does. An end of input ends the quiz.
            write: shows a line, as ``print`` does.

        >>> x, y = Value(2.0, "x"), Value(-3.0, "y")
        >>> answers = iter([str(exercise.answer) for exercise in quiz(x * y, count=2, seed=1)])
        >>> quiz(x * y, count=2, seed=1).ask(read=lambda prompt: next(answers), write=lambda line: None)
        2
        """
        right = 0
        for number, exercise in enumerate(self, start=1):
            write(f"{number}. {exercise.question}")
            for attempt in (1, 2):
                try:
                    feedback = exercise.check(read("> "))
                except EOFError:
                    return right
                write(str(feedback))
                right += feedback.right
                if feedback.right:
                    break
                if attempt == 2:
                    write(f"It is {_text(Numeral(exercise.answer))}.")
        write(f"{right} of {len(self)} right.")
        return right

    def __repr__(self) -> str:
        return "\n".join(f"{number}. {exercise.question}" for number, exercise in enumerate(self, start=1))

    def _repr_markdown_(self) -> str:
        return repr(self)


def quiz(output: Value, count: int = 5, seed: int | None = None) -> Quiz:
    r"""Make exercises about an expression: local derivatives, products along a path, and adjoints.

    Answers are compared as numbers, so ``1/3`` and ``2*(-3)`` are answers too. A wrong one is compared with what the usual
    slips give: a forgotten path, overwriting instead of adding, a missing upstream factor, a derivative taken at the output, a
    wrong sign.

    Args:
        output: the value whose graph the exercises ask about.
        count: the largest number of exercises; a small graph has fewer.
        seed: gives the same exercises every time.

    Returns:
        A sequence of ``Exercise``; print it, ``check`` an answer to one, or ``ask()`` them all in a terminal.

    Raises:
        TypeError: if the output is no Value.
        ValueError: if its graph has no operation with a derivative to ask for, or count is not at least 1.
        ClosureError: if the graph has a closure, which has no local derivatives.

    >>> x, y = Value(2.0, "x"), Value(-3.0, "y")
    >>> exercise = quiz(x * y + x, seed=3)[2]
    >>> print(exercise)
    v2 = x*y + x, where x = 2, y = -3. What is dv2/dx?
    >>> print(exercise.check("-3 + 1"))
    Right: it is -2.
    >>> print(exercise.check("-3"))
    Not -3: the path x → v2 is overwritten (=) or forgotten; contributions are added (+=).
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"quiz makes a number of exercises, at least 1, but count is {count!r}")
    graph = NamedGraph(output, [])
    leaves = leaves_of(graph.folded.all_nodes)
    graph = NamedGraph(output, leaves)
    operations = [node for node in graph.folded.order if graph.folded.inputs(node) and node in graph.folded.told]
    if not operations:
        raise ValueError("quiz needs an expression with an operation on a Value: there is no derivative to ask for")
    rng = random.Random(seed)
    makers = [_local_derivatives(graph, operations, rng), _path_products(graph, leaves, rng), _adjoints(graph, leaves, rng)]
    exercises = list(islice(_in_turn(makers), count))
    return Quiz(exercises, lambda: str(explain(output)))


def _in_turn(makers: list[Iterator[Exercise]]) -> Iterator[Exercise]:
    """One of each kind, again and again, until no kind has any left."""
    asked = set()
    while makers:
        for maker in list(makers):
            exercise = next((exercise for exercise in maker if exercise.question not in asked), None)
            if exercise is None:
                makers.remove(maker)
            else:
                asked.add(exercise.question)
                yield exercise


# --- the kinds of exercises ---------------------------------------------------------------------------------------------


def _local_derivatives(graph: NamedGraph, operations: list[Value], rng: random.Random) -> Iterator[Exercise]:
    slots = [(node, slot) for node in operations for slot in graph.folded.told_slots(node)]
    rng.shuffle(slots)
    slots.sort(key=lambda pair: abs(graph.folded.partials(pair[0])[pair[1]]) == 1)  # those that are 1 or -1 come last
    for node, slot in slots:
        partial = graph.folded.partials(node)[slot]
        repeated = operand_number(node.inputs, slot)
        which = f", the derivative with respect to operand {repeated}" if repeated else ""
        question = (
            f"{_text(graph.name(node))} = {_text(graph.written_by_names(node))}, where {_numbers(graph, node.inputs)}. "
            f"What is the local derivative {_text(graph.partial_derivative(node, slot))}{which}?"
        )
        slips = [Slip(-partial, "the sign is wrong"), *_at_the_output(node, slot)]
        others = [other for place, other in enumerate(node.partials) if place != slot]
        slips += [Slip(other, "that is the derivative with respect to the other operand") for other in others]
        if repeated:
            whole = _text(graph.derivative(node, node.inputs[slot]))
            slips.append(Slip(sum(node.partials), f"that is {whole}, the sum over both operands"))
        slips += [Slip(node.data, f"that is the value of {_text(graph.name(node))}, not its derivative")]
        yield _exercise(graph, "local derivative", question, partial, slips)


def _at_the_output(node: Value, slot: int) -> Iterator[Slip]:
    """The slip of reading f'(f(x)) for f'(x)."""
    if isinstance(node.op, Op):
        operands = [read.data for read in node.inputs]
        operands[slot] = node.data
        yield Slip(
            evaluate_ieee(node.op, *operands)[1 + slot], "the derivative was taken at the output, and belongs at the input"
        )


def _path_products(graph: NamedGraph, leaves: list[Value], rng: random.Random) -> Iterator[Exercise]:
    near = _near(graph)
    found = _short_paths(graph, [node for node in leaves if node in near], rng) or _short_paths(graph, list(near), rng)
    rng.shuffle(found)
    for path in found:
        factors = [_text(graph.partial_derivative(*edge)) for edge in zip(path.nodes, path.slots, strict=False)]
        route = _route(graph, path)
        known = ", ".join(f"{name} = {_text(Numeral(partial))}" for name, partial in zip(factors, path.partials, strict=True))
        of = _text(graph.derivative(path.nodes[0], path.nodes[-1]))
        question = f"Along the path {route} the local derivatives are {known}. What does this path contribute to {of}?"
        slips = [
            Slip(-path.product, "the sign is wrong"),
            Slip(sum(path.partials), "along a path derivatives are multiplied, not added"),
        ]
        for place, name in enumerate(factors):
            rest = math.prod(path.partials[:place] + path.partials[place + 1 :])
            slips.append(Slip(rest, f"the factor {name} is missing"))
        yield _exercise(graph, "path product", question, path.product, slips)


def _short_paths(graph: NamedGraph, nodes: list[Value], rng: random.Random) -> list[Path]:
    sources = rng.sample(nodes, min(len(nodes), MAX_CANDIDATES))
    ways = (path for source in sources for path in islice(paths(graph.output, source), MAX_PATHS))
    return [path for path in ways if 1 < len(path.partials) <= MAX_FACTORS]


def _near(graph: NamedGraph) -> dict[Value, None]:
    """The nodes that a short path leads to from the output."""
    near = reached = {graph.output: None}
    for _ in range(MAX_FACTORS):
        reached = {
            source: None
            for node in reached
            for source in (graph.folded.inputs(node)[slot] for slot in graph.folded.slots(node))
            if source not in near
        }
        near = near | reached
    return near


def _adjoints(graph: NamedGraph, leaves: list[Value], rng: random.Random) -> Iterator[Exercise]:
    """Questions about the leaves and about the nodes that have a line of their own in the formula."""
    definitions = graph.definitions()
    if len(definitions) > MAX_DEFINITIONS:
        return
    named = [node for node in graph.defined if node not in leaves]
    asked = [
        node for node in [*leaves, *named] if 1 <= count_paths(graph.output, node) <= MAX_PATHS and node is not graph.output
    ]
    rng.shuffle(asked)
    asked.sort(key=lambda node: count_paths(graph.output, node) == 1)  # sums first
    formula = "; ".join(f"{_text(name)} = {_text(written)}" for name, written in definitions)
    for node in asked:
        question = f"{formula}, where {_numbers(graph, leaves)}. What is {_text(graph.derivative(graph.output, node))}?"
        [gradient] = grad(graph.output, [node])
        yield _exercise(graph, "adjoint", question, gradient, list(_slips_of_a_sum(graph, node, gradient)))


def _slips_of_a_sum(graph: NamedGraph, node: Value, gradient: Any) -> Iterator[Slip]:
    yield Slip(-gradient, "the sign is wrong")
    users = [user for user in reversed(graph.folded.order) if user in graph.folded.reached]
    edges = [
        (user, slot)
        for user in users
        for slot, read in enumerate(user.inputs)
        if read is node and graph.folded.passes(user, slot)
    ]
    users = [user for user, _ in edges]
    adjoints = dict(zip(users, grad(graph.output, users), strict=True))
    contributions = [graph.folded.partials(user)[slot] * adjoints[user] for user, slot in edges]
    ways = list(paths(graph.output, node))
    if len(ways) > 1:
        for path in ways:
            rest = gradient - path.product
            lost = "overwritten (=) or forgotten" if len(edges) > 1 and _close(rest, contributions[-1]) else "forgotten"
            yield Slip(rest, f"the path {_route(graph, path)} is {lost}; contributions are added (+=)")
        yield Slip(contributions[-1], "the contributions are added (+=), and here the last overwrote the others (=)")
        for path in ways:
            yield Slip(path.product, f"that is the path {_route(graph, path)} alone; the contributions of all paths are added")
    yield Slip(
        sum(graph.folded.partials(user)[slot] for user, slot in edges),
        "the upstream factor is missing: a local derivative is multiplied by the gradient that arrives from the output",
    )


def _exercise(graph: NamedGraph, kind: str, question: str, answer: Any, slips: Sequence[Slip]) -> Exercise:
    names = {TEXT.name(name): node.data for node, name in graph.names.items()}
    return Exercise(kind, question, answer, slips, names)


def _route(graph: NamedGraph, path: Path) -> str:
    return _text(Route([graph.name(node) for node in reversed(path.nodes)]))


def _numbers(graph: NamedGraph, nodes: Sequence[Value]) -> str:
    named = [node for node in dict.fromkeys(nodes) if node in graph.names]
    return ", ".join(f"{_text(graph.name(node))} = {_text(Numeral(node.data))}" for node in named)


def _text(formula: Formula) -> str:
    return TEXT.write(formula)


def _close(x: Any, y: Any) -> bool:
    try:
        return math.isclose(x, y, rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-9) or (x != x and y != y)
    except OverflowError:  # a Fraction beyond the floats
        difference, size = abs(x - y), max(abs(x), abs(y))
        return bool(is_finite(size) and difference <= Fraction(RELATIVE_TOLERANCE) * size)
