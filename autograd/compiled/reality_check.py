"""The reality check: one real example goes through the function itself, on the graph engine, beside the tape that was traced from it.

What a function reads besides its arguments and parameters, a factor or a random number say, is frozen in its tape. So are answers
that cannot be refused, as that of ``type(y) is float``. The check shows them, and names what differs.

Both compute the same operations, and may add in another order. How far rounding can move a result, the function says itself: the tape
runs a few times more, with each intermediate result moved by a few units in its last place, up or down at random (the stochastic
arithmetic of Vignes, 1974). What differs by much more than these runs do among themselves is no rounding.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from autograd.compiled.plain import backward, computed, forward
from autograd.compiled.print_tape import Writer
from autograd.compiled.tape import NO_OPERAND, Tape
from autograd.compiled.tracing import flattened
from autograd.derivatives import grad
from autograd.errors import ClosureError
from autograd.functional import with_derivatives_of
from autograd.generators import generators_kept
from autograd.rules.notation import TEXT
from autograd.value import Value

MOVED = 4 * sys.float_info.epsilon
"""How far each intermediate result is moved, relative to it. One operation rounds by half an epsilon."""

RUNS = 8
MARGIN = 8
"""How many times as far as in these runs a number may be off; it is never taken to be right by less than a few roundings of its own."""

WHOLE = 2.0**40  # beyond it rounding shows in whole numbers too

MOST_LABELS = 32


class Difference(NamedTuple):
    """Where the function and the program that was traced from it differ, for one example."""

    what: str
    function: Any
    program: Any
    is_of_derivative: bool = False

    def __str__(self) -> str:
        return (
            f"{self.what} is {self.function} by the function itself, and {self.program} by the program that was traced from it"
        )


REASONS = (
    "a program keeps what was so when its function was traced: a number that the function reads besides its arguments and parameters "
    "and that has changed since, a random number, an answer to type(y) is float. Pass what changes as an argument or a parameter"
)


def difference(fn: Callable[..., Any], tape: Tape, parameters: Sequence[Value], arguments: Sequence[Any]) -> Difference | None:
    """The first difference between a function and its tape, beyond rounding; None if there is none.

    Compared are the results and, of a function that gives one scalar, the derivatives with respect to the parameters. If the function
    leaves a domain, for which the tape has infinity or nan, there is nothing to compare.

    The function runs on the graph engine. No ``grad`` is written, the graph is dropped, and the global generators of ``random`` and
    NumPy are put back; what else the function does to the world, it does: it may count, print, or draw from a generator of its own.

    Args:
        fn: the function.
        tape: what was traced from it.
        parameters: the Values that the function reads as parameters.
        arguments: for one example, numbers and nested lists of numbers.

    Raises:
        Exception: what the function raises, unless it leaves a domain.

    >>> from autograd.compiled.tracing import trace
    >>> w, factor = Value(3.0, "w"), [1.0]
    >>> f = lambda x: factor[0] * w * x
    >>> tape = trace(f, [w], [()])
    >>> difference(f, tape, [w], [2.0])
    >>> factor[0] = 1.01
    >>> print(difference(f, tape, [w], [2.0]))
    the result is 6.0600000000000005 by the function itself, and 6.0 by the program that was traced from it
    """
    leaves = [*(_float(p) for p in parameters), *_numbers(arguments), *tape.constants]
    numbers, partials = forward(tape, leaves[: tape.parameters], leaves[tape.parameters : tape.leaves])
    outputs: list[Value] = []
    with generators_kept():
        try:
            shape = flattened(fn, with_derivatives_of(parameters, lambda: fn(*arguments)), outputs)
            slopes = _slopes(tape, outputs, parameters)
        except (ArithmeticError, ValueError):
            if all(map(math.isfinite, numbers)):
                raise
            return None
    if shape != tape.output_shape:
        return Difference("the shape of the result", shape, tape.output_shape)
    function, program = [*map(_float, outputs)], [numbers[slot] for slot in tape.outputs]
    if slopes is not None:
        function, program = function + slopes, program + backward(tape, partials)[: tape.parameters]
    suspects = [k for k, (found, there) in enumerate(zip(function, program, strict=True)) if not _nearly_equal(found, there)]
    if not suspects:
        return None
    if any(_float(p) != number for p, number in zip(parameters, leaves, strict=False)):
        return None  # another thread has moved them meanwhile
    for moved in _moved_by_rounding(tape, leaves, program):
        suspects = [k for k in suspects if not abs(function[k] - program[k]) <= MARGIN * moved[k]]
        if not suspects:
            return None
    k = suspects[0]
    return Difference(_called(tape, k), function[k], program[k], is_of_derivative=k >= len(outputs))


def _called(tape: Tape, k: int) -> str:
    """What number ``k`` of those that are compared is: the results come first, and then the derivatives."""
    count = len(tape.outputs)
    if k >= count:
        return f"the derivative with respect to {Writer(tape, TEXT).names[k - count]}"
    return f"result {k}" if tape.output_shape else "the result"


def one_of_each(labels: Sequence[Any]) -> list[int]:
    """The first example of each label. If there are more than ``MOST_LABELS``, or none comes twice, they are no labels: the first one.

    >>> one_of_each([0, 0, 2, 1, 0, 2]), one_of_each([0.5, 0.25, 0.75])
    ([0, 2, 3], [0])
    """
    first: dict[Any, int] = {}
    for k, label in enumerate(labels):
        first.setdefault(label, k)
        if len(first) > MOST_LABELS:
            return [0]
    return list(first.values()) if len(first) < len(labels) else [0]


# --- equal but for rounding -----------------------------------------------------------------------------------------------


def _nearly_equal(found: float, program: float) -> bool:
    """Whether two numbers are equal but for a few roundings of their own."""
    if found == program or (found != found and program != program):
        return True
    return abs(found - program) <= MARGIN * MOVED * abs(found) < math.inf


def _moved_by_rounding(tape: Tape, leaves: Sequence[float], program: Sequence[float]) -> Iterator[list[float]]:
    """How far the results, and the derivatives where they are compared, have moved at most, run after run that rounds all anew."""
    rng = random.Random(0)
    moved = [0.0] * len(program)
    for _ in range(RUNS):
        numbers, partials = _forward_with_noise(tape, leaves, rng)
        again = [numbers[slot] for slot in tape.outputs]
        if len(program) > len(again):
            again += backward(tape, partials)[: tape.parameters]
        distances = [0.0 if there == other else abs(there - other) for there, other in zip(program, again, strict=True)]
        moved = [max(before, now) if now == now else math.inf for before, now in zip(moved, distances, strict=True)]
        yield moved


def _forward_with_noise(tape: Tape, leaves: Sequence[float], rng: random.Random) -> tuple[list[float], list[tuple[float, ...]]]:
    """``plain.forward``, with results and local derivatives moved a little; whole numbers are not rounded, conditions for example."""
    numbers, partials = [*leaves], []
    for op, *operands in tape.instructions:
        exact = computed(op, *(numbers[slot] for slot in operands if slot != NO_OPERAND))
        out, *local = (
            number if number % 1 == 0 and abs(number) < WHOLE else number * (1 + rng.choice((-MOVED, MOVED)))
            for number in exact
        )
        numbers.append(out)
        partials.append(tuple(local))
    return numbers, partials


def _slopes(tape: Tape, outputs: Sequence[Value], parameters: Sequence[Value]) -> list[float] | None:
    """The derivatives of one scalar with respect to the parameters, from the graph, whose ``grad`` stay as they are.

    None if there is none to compare: of several results, or through a closure, which only ``backward()`` can run.
    """
    if len(outputs) != 1 or tape.output_shape or not parameters:
        return None
    try:
        return [*map(_float, grad(outputs[0], parameters))]
    except ClosureError:
        return None


def _float(number: Any) -> float:
    number = number.data if isinstance(number, Value) else number
    try:
        return float(number)
    except OverflowError:
        return math.copysign(math.inf, number)


def _numbers(arguments: Any) -> Iterator[float]:
    """All numbers in nested lists, in order."""
    for argument in arguments:
        if hasattr(argument, "__iter__"):
            yield from _numbers(argument)
        else:
            yield _float(argument)
