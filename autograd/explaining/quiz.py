"""quiz: exercises about the learner's own expression, which name the slip behind a wrong answer."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import islice
from typing import Any, NamedTuple

from autograd.derivatives import grad
from autograd.explaining.answers import AnswerError, number_from
from autograd.explaining.chain_rule import explain
from autograd.explaining.named_graph import NamedGraph
from autograd.explaining.paths import Path, count_paths, paths
from autograd.explaining.shown_digits import Digits, claims_of_graph
from autograd.graph import leaves_of, operand_number
from autograd.rules.evaluate import evaluate_ieee
from autograd.rules.formula_tree import Formula, Numeral, Route
from autograd.rules.notation import TEXT
from autograd.rules.numbers import is_finite
from autograd.rules.op import IEEE, Op
from autograd.text import escaped_for_markdown, short_repr
from autograd.value import Value

RELATIVE_TOLERANCE = 2e-3  # an answer with three digits is right
MAX_CANDIDATES = 50  # nodes of a large graph from which paths are taken
MAX_PATHS = 12  # whose sum an exercise asks for
MAX_FACTORS = 8  # of a path that an exercise asks about
ORDINALS = {1: "first", 2: "second"}
MAX_DEFINITIONS = 8  # lines of a formula in a question
NAMES = re.compile(r"«[^»]*»|(?<![\w.])[^\W\d][\w.]*'*(\[\w[\w,]*\])?")
PRINTED = re.compile(r"(?:(?<![\w)\]] )-)?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


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
        self._printed = {Fraction(number) for number in PRINTED.findall(NAMES.sub("", question))}

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
            nearest = min(slips, key=lambda slip: _distance(slip.answer, number))
            return Feedback(False, f"Not {_text(Numeral(number))}: {nearest.name}.")
        return Feedback(False, f"Not {_text(Numeral(number))}. Look at the steps once more.")

    def gives_away(self, other: Exercise) -> bool:
        """Whether one of both questions prints the answer to the other, which does not print it itself."""
        return self._prints(other) or other._prints(self)

    def _prints(self, other: Exercise) -> bool:
        found = {number for number in self._printed if _close(number, other.answer)}
        return self.question == other.question or not found <= other._printed

    def __repr__(self) -> str:
        return self.question

    def _repr_markdown_(self) -> str:
        return escaped_for_markdown(self.question)


class Quiz(Sequence[Exercise]):
    """The exercises of ``quiz``, as a sequence; ``ask()`` asks them one by one in a terminal."""

    def __init__(self, exercises: Sequence[Exercise], output: Value) -> None:
        self._exercises, self._output = list(exercises), output
        self._solution = ""

    def __getitem__(self, index: Any) -> Any:
        return self._exercises[index]

    def __len__(self) -> int:
        return len(self._exercises)

    def solution(self) -> str:
        """Return the derivation of all that is asked."""
        self._solution = self._solution or str(explain(self._output))
        return self._solution

    def __getstate__(self) -> dict[str, Any]:
        """A pickle has the solution in place of the graph."""
        return {"_exercises": self._exercises, "_solution": self.solution()}

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
        return "\n".join(f"{number}. {escaped_for_markdown(each.question)}" for number, each in enumerate(self, start=1))


def quiz(output: Value, count: int = 5, seed: int | None = None) -> Quiz:
    r"""Make exercises about an expression: local derivatives, products along a path, and adjoints.

    Answers are compared as numbers, so ``1/3`` and ``2*(-3)`` are answers too. A wrong one is compared with what the usual
    slips give: a forgotten path, overwriting instead of adding, a missing upstream factor, a chain that stopped early, a wrong sign,
    a derivative taken at the output, or with the input where it has the result, as 1 - x² for 1 - tanh(x)². No question prints
    the answer to another.

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
        raise ValueError(f"quiz makes a number of exercises, at least 1, but count is {short_repr(count)}")
    maker = _Maker(output, random.Random(seed))
    if not maker.operations:
        raise ValueError("quiz needs an expression with an operation on a Value: there is no derivative to ask for")
    return Quiz(list(islice(_in_turn(maker.kinds()), count)), output)


def _in_turn(makers: list[Iterator[Exercise]]) -> Iterator[Exercise]:
    """One of each kind, again and again, until no kind has any left. No question prints the answer to another."""
    asked: list[Exercise] = []
    while makers:
        for maker in list(makers):
            exercise = next((each for each in maker if not any(each.gives_away(other) for other in asked)), None)
            if exercise is None:
                makers.remove(maker)
            else:
                asked.append(exercise)
                yield exercise


# --- the kinds of exercises ---------------------------------------------------------------------------------------------


class _Maker:
    """Makes exercises about one graph."""

    def __init__(self, output: Value, rng: random.Random) -> None:
        leaves = leaves_of(NamedGraph(output, []).folded.all_nodes)
        self.graph, self.leaves, self.rng = NamedGraph(output, leaves), leaves, rng
        self.folded = self.graph.folded
        self.operations = [node for node in self.folded.order if self.folded.inputs(node) and node in self.folded.told]
        self.digits = Digits(claims_of_graph(self.folded.order))
        self.numbers = {TEXT.name(name): node.data for node, name in self.graph.names.items()}

    def kinds(self) -> list[Iterator[Exercise]]:
        """The exercises of each kind."""
        return [self.local_derivatives(), self.path_products(), self.adjoints()]

    def exercise(self, kind: str, question: str, answer: Any, slips: Iterable[Slip]) -> Exercise:
        return Exercise(kind, question, answer, list(slips), self.numbers)

    # --- local derivatives --------------------------------------------------------------------------------------------

    def local_derivatives(self) -> Iterator[Exercise]:
        """Questions about single operations."""
        slots = [(node, slot) for node in self.operations for slot in self.folded.told_slots(node)]
        self.rng.shuffle(slots)
        slots.sort(key=lambda edge: abs(self._partial(*edge)) == 1)  # those that are 1 or -1 come last
        for node, slot in slots:
            repeated = operand_number(node.inputs, slot)
            which = f", the derivative with respect to the {ORDINALS.get(repeated, 'last')} operand" if repeated else ""
            question = f"{self._step(node)}, where {self._given(node.inputs)}. What is the local derivative {self._d(node, slot)}{which}?"
            yield self.exercise("local derivative", question, self._partial(node, slot), self._slips_of_a_partial(node, slot))

    def _slips_of_a_partial(self, node: Value, slot: int) -> Iterator[Slip]:
        yield Slip(-self._partial(node, slot), "the sign is wrong")
        for partial, how in self._wrong_partials(node, slot):
            yield Slip(partial, how)
        for place, other in enumerate(node.partials):
            if place != slot:
                yield Slip(other, "that is the derivative with respect to the other operand")
        if operand_number(node.inputs, slot):
            whole = _text(self.graph.derivative(node, node.inputs[slot]))
            yield Slip(sum(node.partials), f"that is {whole}, the sum over both operands")
        yield Slip(node.data, f"that is the value of {self._name(node)}, not its derivative")

    def _wrong_partials(self, node: Value, slot: int) -> Iterator[tuple[Any, str]]:
        """What is taken for a local derivative by mistake: with the wrong sign, or at a number that belongs elsewhere."""
        yield -self._partial(node, slot), f"the sign of {self._d(node, slot)} is wrong"
        if isinstance(node.op, Op):
            operands = [read.data for read in node.inputs]
            x, out = self._name(node.inputs[slot]), self._name(node)
            if "out" in re.findall(r"\w+", node.op.partials[slot]):
                formula = node.op.compile_partial(IEEE, slot)
                yield (
                    formula(*operands, operands[slot]),
                    f"in {self._d(node, slot)} stands the input {x} where the result {out} belongs",
                )
            operands[slot] = node.data
            yield (
                evaluate_ieee(node.op, *operands)[1 + slot],
                f"{self._d(node, slot)} was taken at the output {out}, and belongs at the input {x}",
            )

    # --- products along a path ----------------------------------------------------------------------------------------

    def path_products(self) -> Iterator[Exercise]:
        """Questions about short paths."""
        near = self._near()
        found = self._short_paths([node for node in self.leaves if node in near]) or self._short_paths(list(near))
        self.rng.shuffle(found)
        for path in found:
            steps = path.nodes[-2::-1]
            given = dict.fromkeys(read for node in steps for read in node.inputs if read not in steps)
            formulas = "; ".join(map(self._step, steps))
            through = [self._d(*edge) for edge in _edges(path) if operand_number(edge[0].inputs, edge[1])]
            way = f"the path {self._route(path)}" + f", through {' and '.join(through)}," * bool(through)
            of = _text(self.graph.derivative(path.nodes[0], path.nodes[-1]))
            question = f"{formulas}, where {self._given(given)}. What does {way} contribute to {of}?"
            yield self.exercise("path product", question, path.product, self._slips_of_a_path(path))

    def _slips_of_a_path(self, path: Path) -> Iterator[Slip]:
        yield Slip(-path.product, "the sign is wrong")
        factors = list(path.partials)
        for place, (node, slot) in enumerate(_edges(path)):
            before, after = math.prod(factors[:place]), math.prod(factors[place + 1 :])
            early = f"the chain stopped early at {self._name(node)}; " if place == len(factors) - 1 else ""
            yield Slip(before * after, f"{early}the factor {self._d(node, slot)} is missing")
            if 0 < place < len(factors) - 1:
                goes_on = " and ".join(self._d(*edge) for edge in _edges(path)[place:])
                yield Slip(before, f"the chain stopped early at {self._name(node)}; {goes_on} are missing")
            for partial, how in self._wrong_partials(node, slot):
                yield Slip(before * partial * after, how)
        yield Slip(sum(path.partials), "along a path derivatives are multiplied, not added")

    def _short_paths(self, nodes: list[Value]) -> list[Path]:
        sources = self.rng.sample(nodes, min(len(nodes), MAX_CANDIDATES))
        ways = (path for source in sources for path in islice(paths(self.graph.output, source), MAX_PATHS))
        return [path for path in ways if 1 < len(path.partials) <= MAX_FACTORS]

    def _near(self) -> dict[Value, None]:
        """The nodes that a short path leads to from the output."""
        near = reached = {self.graph.output: None}
        for _ in range(MAX_FACTORS):
            reached = {
                source: None
                for node in reached
                for source in (self.folded.inputs(node)[slot] for slot in self.folded.slots(node))
                if source not in near
            }
            near = near | reached
        return near

    # --- adjoints -----------------------------------------------------------------------------------------------------

    def adjoints(self) -> Iterator[Exercise]:
        """Questions about the leaves and about the nodes that have a line of their own in the formula."""
        output, definitions = self.graph.output, self.graph.definitions()
        if len(definitions) > MAX_DEFINITIONS:
            return
        named = [node for node in self.graph.defined if node not in self.leaves]
        asked = [node for node in [*self.leaves, *named] if 1 <= count_paths(output, node) <= MAX_PATHS and node is not output]
        self.rng.shuffle(asked)
        asked.sort(key=lambda node: count_paths(output, node) == 1)  # sums first
        formula = "; ".join(f"{_text(name)} = {_text(written)}" for name, written in definitions)
        for node in asked:
            question = f"{formula}, where {self._given(self.leaves)}. What is {_text(self.graph.derivative(output, node))}?"
            [gradient] = grad(output, [node])
            yield self.exercise("adjoint", question, gradient, self._slips_of_a_sum(node, gradient))

    def _slips_of_a_sum(self, node: Value, gradient: Any) -> Iterator[Slip]:
        yield Slip(-gradient, "the sign is wrong")
        ways = list(paths(self.graph.output, node))
        users = [user for user in reversed(self.folded.order) if user in self.folded.reached]
        edges = [
            (user, slot)
            for user in users
            for slot, read in enumerate(user.inputs)
            if read is node and self.folded.passes(user, slot)
        ]
        adjoints = dict(zip([user for user, _ in edges], grad(self.graph.output, [user for user, _ in edges]), strict=True))
        contributions = [self._partial(user, slot) * adjoints[user] for user, slot in edges]
        if len(ways) > 1:
            for path in ways:
                rest = gradient - path.product
                lost = "overwritten (=) or forgotten" if len(edges) > 1 and _close(rest, contributions[-1]) else "forgotten"
                yield Slip(rest, f"the path {self._route(path)} is {lost}; contributions are added (+=)")
            yield Slip(contributions[-1], "the contributions are added (+=), and here the last overwrote the others (=)")
            for path in ways:
                alone = f"that is the path {self._route(path)} alone; the contributions of all paths are added"
                yield Slip(path.product, alone)
        for user, slot in edges:
            if user is not self.graph.output:
                stopped = f"the chain stopped early at {self._name(user)}; go on with {self._d(user, slot)}"
                yield Slip(adjoints[user], stopped)
        yield Slip(
            sum(self._partial(user, slot) for user, slot in edges),
            "the upstream factor is missing: a local derivative is multiplied by the gradient that arrives from the output",
        )
        for edge in dict.fromkeys(edge for path in ways for edge in _edges(path)):
            through = [path for path in ways if edge in _edges(path)]
            others = sum(path.product for path in ways if path not in through)
            for partial, how in self._wrong_partials(*edge):
                yield Slip(others + sum(_product_with(path, edge, partial) for path in through), how)

    # --- words --------------------------------------------------------------------------------------------------------

    def _partial(self, node: Value, slot: int) -> Any:
        return self.folded.partials(node)[slot]

    def _name(self, node: Value) -> str:
        return _text(self.graph.name(node))

    def _d(self, node: Value, slot: int) -> str:
        return _text(self.graph.partial_derivative(node, slot))

    def _step(self, node: Value) -> str:
        return f"{self._name(node)} = {_text(self.graph.written_by_names(node))}"

    def _route(self, path: Path) -> str:
        return _text(Route([self.graph.name(node) for node in reversed(path.nodes)]))

    def _given(self, nodes: Iterable[Value]) -> str:
        named = [node for node in dict.fromkeys(nodes) if node in self.graph.names]
        return ", ".join(f"{self._name(node)} = {_text(self.digits.shown(Numeral(node.data)))}" for node in named)


def _edges(path: Path) -> list[tuple[Value, int]]:
    return list(zip(path.nodes, path.slots, strict=False))


def _product_with(path: Path, edge: tuple[Value, int], partial: Any) -> Any:
    """The product along a path with another number in place of one local derivative."""
    return math.prod(partial if each == edge else factor for each, factor in zip(_edges(path), path.partials, strict=True))


def _text(formula: Formula) -> str:
    return TEXT.write(formula)


def _distance(x: Any, y: Any) -> Any:
    try:
        return abs(x - y)
    except OverflowError:  # beyond the floats
        return abs(Fraction(x) - Fraction(y))


def _close(x: Any, y: Any) -> bool:
    try:
        return math.isclose(x, y, rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-9) or (x != x and y != y)
    except OverflowError:  # beyond the floats
        if not (is_finite(x) and is_finite(y)):
            return False
        a, b = Fraction(x), Fraction(y)
        return abs(a - b) <= Fraction(RELATIVE_TOLERANCE) * max(abs(a), abs(b))
