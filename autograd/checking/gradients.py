"""check_gradients: is the gradient right? Asked of the function itself, which is moved a little, input by input."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from autograd.checking.complex_step import RESIDUE, complex_step
from autograd.errors import DomainError
from autograd.functional import argument_names, leaves, scalar, wrapped
from autograd.graph import names, topological_order
from autograd.rules.evaluate import evaluate
from autograd.rules.op import Op
from autograd.value import Value

STEPS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)  # relative to the input: from errors of the series to errors of rounding
RELATIVE = 1e-7  # two derivatives agree within this part of the larger one: what differences can give
ABSOLUTE = 1e-12  # and within this part of the largest derivative: what rounding leaves of paths that cancel
EPSILON = 2.0**-52

AGREES, KINK, DIFFERS, UNCLEAR = "agrees", "kink", "DIFFERS", "unclear"


class InputCheck(NamedTuple):
    """What was found for one input: ``exact`` is what ``backward()`` gave, the others come from values of f alone."""

    name: str
    at: Any
    exact: float
    numeric: float | None
    complex_step: float | None
    difference: float
    verdict: str


class GradientReport:
    """The result of ``check_gradients``: true if every derivative was confirmed; printed, a table.

    Attributes:
        inputs: an ``InputCheck`` for each scalar input.
        suspect: if a derivative differs, which operation to look at; else empty.
    """

    __slots__ = ("inputs", "suspect")

    def __init__(self, inputs: Sequence[InputCheck], suspect: str) -> None:
        self.inputs, self.suspect = tuple(inputs), suspect

    def __bool__(self) -> bool:
        return all(each.verdict in (AGREES, KINK) for each in self.inputs)

    def __repr__(self) -> str:
        rows = [["input", "at", "exact", "numeric", "complex step", "difference", "verdict"]]
        for each in self.inputs:
            numbers = (each.at, each.exact, each.numeric, each.complex_step)
            shown = ["-" if n is None else f"{float(n):.10g}" for n in numbers]
            rows.append([each.name, *shown, f"{each.difference:.3g}", each.verdict])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, self.suspect] if self.suspect else lines)


def check_gradients(f: Callable[..., Any], at: Any) -> GradientReport:
    r"""Compare the gradient that ``backward()`` gives with two that know nothing of derivatives.

    *Central differences*, :math:`(f(x + h) - f(x - h))/2h`, for steps h from large to small, each pair extrapolated to the step
    0 (Richardson); of these the one that agrees best with its neighbour. The *complex step*, :math:`\mathrm{Im} f(x + ih)/h`,
    exact to the last digits, where every operation on the way has a complex form. Where f has a kink the derivative from the left
    and that from the right differ; any number between the two is accepted, and the report says so.

    If a derivative differs, the operations are checked one by one, and the first whose local derivative is wrong is named.

    Args:
        f: a function of scalars and lists of scalars, as for ``value_and_grad``.
        at: its arguments, a list: numbers, lists of numbers, or Values, the parameters of a model say, which are moved and put
            back (f may then read them where it will). For one scalar argument the number itself will do.

    Returns:
        A report, with an entry for each scalar input. No ``grad`` and no data are changed.

    Raises:
        TypeError: if an argument is no number, or f's result is not one scalar.
        ValueError: if f gives two results for the same input.

    Source: Richardson (1911); Squire & Trapp (1998); Griewank & Walther (2008), section 1.1, on what differences cannot do.

    >>> import autograd
    >>> report = check_gradients(lambda x, y: x * autograd.sin(y), at=[2.0, 0.5])
    >>> bool(report)
    True
    >>> print(report)                                                                          # doctest: +ELLIPSIS
    input  at   exact         numeric       complex step  difference  verdict
    x      2    0.4794255386  0.4794255386  0.4794255386  ...         agrees
    y      0.5  1.755165124   1.755165124   1.755165124   ...         agrees

    Micrograd's classic slip, an operation that forgets the gradient of its output:

    >>> def forgetful_square(x):
    ...     out = Value(x.data**2, (x,), "square")
    ...     def backward(): x.grad += 2 * x.data       # times out.grad is missing
    ...     out._backward = backward
    ...     return out
    >>> print(check_gradients(lambda x: 5 * forgetful_square(x), at=3.0))                      # doctest: +ELLIPSIS
    input  at  exact  numeric  complex step  difference  verdict
    x      3   6      30       -             24...       DIFFERS
    Every local derivative in the table agrees. 'square' is a closure, whose backward pass cannot be looked into: ...
    """
    arguments = list(at) if hasattr(at, "__iter__") else [at]
    values = [wrapped(each, name) for each, name in zip(arguments, argument_names(f, len(arguments)), strict=True)]
    inputs = list(dict.fromkeys(leaves(values)))
    output = scalar(f, f(*values))
    order = topological_order(output)
    exact = _gradient(output, order, inputs)

    def moved(source: Value) -> Callable[[float], float]:
        def result(data: float) -> float:
            kept, source.data = source.data, data
            try:
                return float(scalar(f, f(*values)).data)
            finally:
                source.data = kept

        return result

    if inputs and not _same(moved(inputs[0])(inputs[0].data), float(output.data)):
        raise ValueError(
            "f gave two results for the same input, so its derivative means nothing; if it draws random numbers, give it a seed"
        )
    largest = max((abs(each) for each in exact if math.isfinite(each)), default=0.0)
    kink = any(isinstance(node.op, Op) and node.op.is_kink(*(float(each.data) for each in node.inputs)) for node in order)
    name = names(order, [output, *inputs])
    checks = tuple(
        _check(name[each], moved(each), each.data, derivative, complex_step(order, each), largest, kink)
        for each, derivative in zip(inputs, exact, strict=True)
    )
    return GradientReport(checks, _suspect(order, name) if any(each.verdict == DIFFERS for each in checks) else "")


def _gradient(output: Value, order: list[Value], inputs: list[Value]) -> list[float]:
    """What ``backward()`` adds to the inputs, every ``grad`` put back afterwards."""
    kept = [(node, node.grad) for node in [*order, *inputs]]
    try:
        for node, _ in kept:
            node.grad = type(node.data)()
        output.backward()
        return [float(each.grad) for each in inputs]
    finally:
        for node, grad in kept:
            node.grad = grad


def _check(
    name: str,
    f: Callable[[float], float],
    at: Any,
    exact: float,
    by_complex: float | None,
    largest: float,
    kink: bool = False,
) -> InputCheck:
    """The verdict on one derivative; ``kink`` says whether an operation of the graph stands at a kink."""
    x = float(at)
    numeric, numeric_error = _best(_differences(f, x, (1, -1)), 2)
    if numeric is None:  # at an end of the domain there is one side only
        numeric, numeric_error = min(_one_sided(f, x), key=lambda found: found[1])
    witness, error = (numeric, numeric_error) if by_complex is None else (by_complex, RESIDUE)
    if witness is None or math.isinf(exact):
        return InputCheck(name, at, exact, numeric, by_complex, math.nan, UNCLEAR)
    difference = abs(exact - witness)
    allowed = RELATIVE * max(abs(exact), abs(witness)) + ABSOLUTE * largest + EPSILON * abs(f(x)) / (abs(x) or 1.0)
    doubt = 10 * error  # the estimate of an error is itself only an estimate
    if not difference <= allowed + doubt:
        verdict = _without_a_derivative(f, x, exact, kink) or DIFFERS
    elif numeric is not None and abs(numeric - witness) > allowed + 10 * numeric_error and _is_one_sided(f, x, witness):
        verdict = KINK
    else:
        verdict = AGREES if exact == 0 or doubt <= max(allowed, 1e-3 * abs(exact)) else UNCLEAR
    return InputCheck(name, at, exact, numeric, by_complex, difference, verdict)


def _without_a_derivative(f: Callable[[float], float], x: float, exact: float, kink: bool) -> str:
    """The verdict where f has a kink, or a jump; else empty."""
    (left, left_error), (right, right_error) = _one_sided(f, x)
    if left is None or right is None:
        return UNCLEAR if kink else ""  # at an end of the domain a kink hides its other side
    step = _steps(x)[-1]
    if abs(f(x + step) - f(x - step)) > 0.5 * abs(f(x + 10 * step) - f(x - 10 * step)) > 0:
        return UNCLEAR  # a step ten times smaller, and no smaller a difference: f jumps
    error = 10 * (left_error + right_error) + RELATIVE * max(abs(left), abs(right))
    return KINK if abs(left - right) > error and min(left, right) - error <= exact <= max(left, right) + error else ""


def _is_one_sided(f: Callable[[float], float], x: float, witness: float) -> bool:
    """Whether a complex step is the derivative from one side alone: at a kink it takes the branch that is taken there."""
    (left, left_error), (right, right_error) = _one_sided(f, x)
    if left is None or right is None:
        return False
    errors = (10 * each + RELATIVE * max(abs(left), abs(right)) for each in (left_error, right_error))
    sides = [abs(side - witness) <= error for side, error in zip((left, right), errors, strict=True)]
    return sides.count(True) == 1


# --- differences ----------------------------------------------------------------------------------------------------


def _steps(x: float) -> list[float]:
    return [relative * (abs(x) if x else 1.0) for relative in STEPS]


def _differences(f: Callable[[float], float], x: float, sides: tuple[int, int]) -> list[tuple[float, float]]:
    """Difference quotients for all steps h, between x + sides[0] h and x + sides[1] h, and how much rounding is in each."""
    found = []
    for h in _steps(x):
        a, b = (x + side * h for side in sides)
        if a == b:
            continue  # beside the smallest floats there is no room for the step
        try:
            p, q = f(a), f(b)
        except DomainError:
            continue  # a smaller step may stay inside
        if math.isfinite(p) and math.isfinite(q):
            found.append(((p - q) / (a - b), EPSILON * abs(p) / abs(a - b) + EPSILON * abs(q) / abs(a - b)))
    return found


def _one_sided(f: Callable[[float], float], x: float) -> list[tuple[float | None, float]]:
    return [_best(_differences(f, x, (side, 0)), 1) for side in (-1, 1)]


def _best(found: list[tuple[float, float]], order: int) -> tuple[float | None, float]:
    """The best of the estimates, each made of two differences so that the first term of the error cancels, with its error."""
    gain = 10.0**order  # by which that term shrinks from one step to the next
    estimates = [(b + (b - a) / (gain - 1), noise) for (a, _), (b, noise) in pairwise(found)]
    errors = [(abs(b - a) + noise, b) for (a, _), (b, noise) in pairwise(estimates)]
    error, estimate = min(errors, default=(math.inf, None))
    return estimate, error


def _same(x: float, y: float) -> bool:
    return x == y or (x != x and y != y)


# --- the first operation that is wrong ----------------------------------------------------------------------------------


def _suspect(order: Sequence[Value], name: Mapping[Value, str]) -> str:
    """What to say of the operations of a graph whose gradient is wrong."""
    for node in order:
        for index, source in enumerate(node.inputs):
            if isinstance(node.op, Op) and (wrong := _wrong_partial(node.op, node, index)) is not None:
                by_design = f"; {node.op.name} has derivative 0 by design" if node.op.detaches else ""
                return (
                    f"The first operation that disagrees: {node._op!r} ({'/'.join([*node.scope, name[node]])}). Its local derivative in "
                    f"{name.get(source, 'its operand')} = {float(source.data):.10g} is {float(node.partials[index]):.10g}, but "
                    f"moving that operand gives {wrong:.10g}{by_design}."
                )
    closures = dict.fromkeys(
        node._op or "a node with children" for node in order if node.inputs and not isinstance(node.op, Op)
    )
    if closures:
        return (
            f"Every local derivative in the table agrees. {', '.join(map(repr, closures))} is a closure, whose backward pass cannot "
            "be looked into: does it add (+=), to every input, the local derivative times the gradient of its output?"
        )
    return "Every local derivative agrees with its operation, so they were multiplied or added up wrongly on the way back."


def _wrong_partial(op: Op, node: Value, index: int) -> float | None:
    """What the local derivative should be, if it is not."""
    operands = [float(each.data) for each in node.inputs]

    def f(x: float) -> float:
        return float(evaluate(op, *operands[:index], x, *operands[index + 1 :])[0])

    exact = float(node.partials[index])
    check = _check("", f, operands[index], exact, None, 0.0)
    return check.numeric if check.verdict == DIFFERS else None
