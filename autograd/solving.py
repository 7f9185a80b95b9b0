"""solve: the solution of equations, by Newton's method, with the derivative that the solution has and not that of the method."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple, TypeAlias

from autograd.derivatives import jacobian
from autograd.errors import DomainError, SolutionError
from autograd.functional import argument_names, is_list, like, list_of_results, one_result
from autograd.graph import topological_order
from autograd.implicit import CLOSE, DISTANCES, Equations, is_derivative, linear_solutions, read, unknown, weights
from autograd.rules.numbers import EPSILON, as_float
from autograd.text import counted, described, four_digits, listed
from autograd.traced import is_traced, is_tracing
from autograd.value import Constant, Value, data_of

Numbers: TypeAlias = list[float]

MAX_STEPS = 100
ARRIVED = 4 * EPSILON  # a step of this part of x is rounding
ROUNDING = 1e-6  # of the way: where steps that do not help are taken for rounding errors


def solve(residual: Callable[..., Any], start: Any, *args: Any) -> Any:
    r"""The solution x of :math:`r(x, a) = 0`, with the derivative :math:`-(\partial r/\partial x)^{-1}\,\partial r/\partial a`.

    Newton's method finds the solution; it shortens a step that does not make the largest residual smaller. The derivative is that
    of the solution, by the implicit function theorem, and not that of the steps, which are not recorded. It is itself a formula in
    the solution, so derivatives of any order are right.

    In a function that ``autograd.compile`` traces, the steps become part of the program: 24 of them, since it cannot stop early,
    shortened in the same way. Where eager code raises a ``SolutionError``, because they do not arrive or the solution has no
    derivative, the result and its derivatives are nan, and ``check=True`` names the example.

    Args:
        residual: a function ``(x, *args)`` of Values; x is a scalar or a list of scalars, as ``start`` is, and so is the result:
            one residual for each unknown. The result may depend on any other Values too.
        start: a number for each unknown, near the solution. Of a ``Value`` only its number counts: the solution does not depend
            on where the search began, if it leads to the same solution.
        args: further arguments of the residual, passed as they are.

    Returns:
        A ``Value``, or a list of them, if the residual depends on a Value beside x; else numbers.

    Raises:
        SolutionError: if the steps do not arrive, or the derivative of the residuals with respect to x is singular, or not all of
            it is recorded, since the residual reads ``.data`` or detaches x.
        TypeError, ValueError: if the residual does not return as many Values as there are unknowns, or ignores an unknown.

    Source: Deuflhard, *Newton Methods for Nonlinear Problems* (2011), on damping; Griewank & Walther (2008), chapter 15, on the
    derivative; Krantz & Parks, *The Implicit Function Theorem* (2003).

    >>> from autograd import Value, derivative
    >>> a = Value(9.0, "a")
    >>> root = solve(lambda x, a: x * x - a, 1.0, a)
    >>> root.backward(); root.data, a.grad                                  # 1 / (2 sqrt(a))
    (3.0, 0.16666666666666666)
    >>> derivative(derivative(lambda a: solve(lambda x: x * x - a, 1.0)))(1.0)          # -1 / (4 a sqrt(a))
    -0.25
    >>> [x, y] = solve(lambda v: [v[0] * v[1] - 6, v[0] - v[1] - 1], [2.0, 1.0])
    >>> print(f"{x:.12f} {y:.12f}")
    3.000000000000 2.000000000000
    """
    if not callable(residual):
        kind = "a Value" if isinstance(residual, Value) else described(residual)
        raise TypeError(f"solve takes a function whose zero it finds, solve(residual, start), but got {kind}")
    several = is_list(start)
    begin = list(start) if several else [start]
    [name] = argument_names(residual, 1)
    labels = [f"{name}[{k}]" for k in range(len(begin))] if several else [name]

    stands_for: dict[Value, Value] = {}
    leaves = [_as_leaves(arg, stands_for) for arg in args]  # so that a walk over the residual ends here

    def at(numbers: Sequence[float], start_at: Sequence[Any] = ()) -> tuple[Equations, tuple[Value, ...]]:
        unknowns = [unknown(number, label) for number, label in zip(numbers, labels, strict=True)]
        result = residual(like(start, unknowns) if several else unknowns[0], *leaves)
        residuals = list_of_results(residual, result) if several else one_result(residual, result)
        _require_equations(residual, unknowns, residuals)
        return read(unknowns, residuals, start_at or numbers, stands_for)

    inputs: tuple[Value, ...] = ()
    if is_tracing():
        traced_start = [entry.detach() if isinstance(entry, Value) else as_float(entry, "a start of solve") for entry in begin]
        equations, inputs = at([math.nan] * len(begin), traced_start)
    if not any(map(is_traced, inputs)):  # else every example has a solution of its own
        numbers = _newton(lambda x: _evaluated(at(x)[0]), [as_float(data_of(entry), "a start of solve") for entry in begin])
        equations, inputs = at(numbers)
        if not inputs:
            return numbers if several else numbers[0]
    solutions = equations.solutions(inputs)
    return solutions if several else solutions[0]


def _as_leaves(argument: Any, stands_for: dict[Value, Value]) -> Any:
    """The argument with a leaf in the place of each of its Values; ``stands_for`` gets what each leaf stands for."""
    if isinstance(argument, Value) and type(argument) is not Constant:
        leaf = unknown(argument.data, argument.label)
        stands_for[leaf] = argument
        return leaf
    return [_as_leaves(entry, stands_for) for entry in argument] if type(argument) in (list, tuple) else argument


def _require_equations(residual: Callable[..., Any], unknowns: list[Value], residuals: list[Value]) -> None:
    who = getattr(residual, "__name__", "the residual")
    if len(residuals) != len(unknowns):
        raise ValueError(
            f"solve needs as many equations as unknowns, but {who} returned {counted(len(residuals), 'residual')} for "
            f"{counted(len(unknowns), 'unknown')}"
        )
    read_by_residuals = set(topological_order(*residuals))
    if ignored := [node.label for node in unknowns if node not in read_by_residuals]:
        raise ValueError(
            f"{who} does not depend on {listed(ignored)}, so no equation says what it is: compute the residual from the argument "
            "itself, and not from its .data"
        )


# --- Newton's method, on numbers --------------------------------------------------------------------------------------------


class Evaluated(NamedTuple):
    """At some numbers: the residuals, Newton's step, and the rows of the Jacobian."""

    residuals: Numbers
    step: Numbers
    rows: list[Numbers]


def _evaluated(equations: Equations) -> Evaluated:
    numbers = [float(residual.data) for residual in equations.residuals]
    rows = jacobian(equations.residuals, equations.unknowns)
    try:
        [step] = linear_solutions(rows, [numbers])
    except SolutionError as error:
        x = _written([node.data for node in equations.unknowns])
        raise SolutionError(f"at {x} {error}: no step of Newton's leads on, and a solution there has no derivative") from None
    return Evaluated(numbers, step, rows)


def _newton(evaluate: Callable[[Numbers], Evaluated], start: Numbers) -> Numbers:
    """The numbers at which the residuals are 0, as nearly as floats can say.

    Raises:
        SolutionError: where the steps end in no solution, or in one at which the Jacobian is singular.
    """
    x, found, part, steps = start, evaluate(start), 1.0, 0
    for _ in range(MAX_STEPS):
        if _length(found.step) <= ARRIVED * _length(x):
            break
        tried = [old - part * move for old, move in zip(x, found.step, strict=True)]
        if tried == x or part < ARRIVED:
            break
        there = _evaluated_or_none(evaluate, tried)
        if there is None or not _largest(there.residuals) < _largest(found.residuals):
            part /= 4
        else:
            x, found, part, steps = tried, there, 1.0, steps + 1
    if _length(found.step) <= ARRIVED * _length(x):
        x = [new - move for new, move in zip(x, found.step, strict=True)]
    arrived = not any(found.residuals) or _length(found.step) <= ROUNDING * _way(x, start)
    _require_regular(evaluate, x, found.rows, start, arrived)
    if arrived:
        return x
    raise SolutionError(
        f"solve started at {_written(start)} and found no solution: after {counted(steps, 'step')} of Newton's it is at "
        f"{_written(x)}, where the residuals are {_written(found.residuals)}. Start nearer to a solution, and make sure that there "
        "is one"
    )


def _evaluated_or_none(evaluate: Callable[[Numbers], Evaluated], x: Numbers) -> Evaluated | None:
    """None where the residuals are not defined, or no step leads on."""
    try:
        found = evaluate(x)
    except (DomainError, SolutionError, OverflowError):
        return None
    return found if all(map(math.isfinite, (*found.residuals, *found.step))) else None


def _require_regular(
    evaluate: Callable[[Numbers], Evaluated], x: Numbers, rows: list[Numbers], start: Numbers, arrived: bool
) -> None:
    """Refuse a place whose Jacobian is not the derivative, and a solution at which it is singular.

    Both are asked beside x, in the direction in which the residuals change least. From there one of Newton's steps leads back to
    a regular solution; at a double root it goes half the way, at any distance.
    """
    whole, back, seen = False, not arrived, False
    for move, above, below in _beside(evaluate, x, rows, start):
        seen = True
        whole = whole or is_derivative(move, rows, (above.residuals, above.rows), (below.residuals, below.rows))
        back = back or max(_miss(above.step, move, 1), _miss(below.step, move, -1)) <= CLOSE * _length(move)
        if whole and back:
            return
    if seen and not whole:
        raise SolutionError(
            f"at {_written(x)} the residuals change otherwise than their recorded derivatives say, at every distance: they read the "
            "unknown by its .data, detach it, or compute with numbers made from it. Compute them from the Values themselves, "
            "else neither Newton's steps nor the derivative of the solution are right"
        )
    if seen:
        raise SolutionError(
            f"at the solution {_written(x)} the Jacobian of the residuals is singular, as far as floats can tell: from beside it, a "
            "step of Newton's does not lead back, as at a double root. There the solution has no derivative"
        )


def _beside(
    evaluate: Callable[[Numbers], Evaluated], x: Numbers, rows: list[Numbers], start: Numbers
) -> Iterator[tuple[Numbers, Evaluated, Evaluated]]:
    """Moves away from x, each with what is found there and as far on the other side."""
    [weakest] = linear_solutions(rows, [weights(len(x))])
    for part, length in product(DISTANCES, (_length(x), _way(x, start), 1.0)):
        move = [part * length * (entry / _length(weakest)) for entry in weakest]
        above = _evaluated_or_none(evaluate, [old + step for old, step in zip(x, move, strict=True)])
        below = _evaluated_or_none(evaluate, [old - step for old, step in zip(x, move, strict=True)])
        if above and below and any(move):
            yield move, above, below


def _miss(step: Numbers, move: Numbers, side: int) -> float:
    return _length([back - side * away for back, away in zip(step, move, strict=True)])


def _length(step: Numbers) -> float:
    return math.fsum(map(abs, step))


def _largest(residuals: Numbers) -> float:
    return max(map(abs, residuals))


def _way(x: Numbers, start: Numbers) -> float:
    return _length(x) + _length([new - old for new, old in zip(x, start, strict=True)])


def _written(numbers: Numbers) -> str:
    return listed(numbers, four_digits)
