"""check_gradients: whether a gradient is right, by evaluating the function itself beside each input."""

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

RELATIVE_DIFFERENCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)  # from where the series errs to where rounding does
RELATIVE_TOLERANCE = 1e-7  # of the larger of two derivatives: as well as differences can tell
TOLERANCE_OF_LARGEST = 1e-12  # of the largest derivative: what rounding leaves of paths that cancel
EPSILON = 2.0**-52

AGREES, KINK, DIFFERS, UNCLEAR = "agrees", "kink", "DIFFERS", "unclear"


class InputCheck(NamedTuple):
    """The derivative with respect to one input: as ``backward()`` gives it, and as values of f alone give it."""

    name: str
    at: Any
    backward: float
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
        return all(entry.verdict in (AGREES, KINK) for entry in self.inputs)

    def __repr__(self) -> str:
        table = [["input", "at", "backward", "numeric", "complex step", "difference", "verdict"]]
        for entry in self.inputs:
            numbers = (entry.at, entry.backward, entry.numeric, entry.complex_step)
            cells = ["-" if number is None else f"{float(number):.10g}" for number in numbers]
            table.append([entry.name, *cells, f"{entry.difference:.3g}", entry.verdict])
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]
        return "\n".join([*lines, self.suspect] if self.suspect else lines)


def check_gradients(f: Callable[..., Any], at: Any) -> GradientReport:
    r"""Compare the gradient that ``backward()`` gives with two others, which are computed from values of f alone.

    *Central differences* are :math:`(f(x + h) - f(x - h))/2h` for h from large to small. Each pair of neighbours is
    extrapolated to h = 0 (Richardson), and the extrapolation that agrees best with its neighbour is taken. The *complex step*,
    :math:`\mathrm{Im} f(x + ih)/h`, is right to the last digits; it needs a complex form of every operation between the input
    and the output. Where f has a kink, the derivatives from the left and from the right differ: the report then accepts any
    number between the two, and says so.

    If a derivative differs, the report names the first operation whose local derivative is wrong.

    Args:
        f: a function of scalars and lists of scalars, as for ``value_and_grad``.
        at: the list of its arguments: numbers, lists of numbers, or Values, such as the parameters of a model. The data of these
            Values are changed and put back, so f may also read them without its arguments. For one scalar argument, the number.

    Returns:
        A report with an entry for each scalar input. Afterwards all ``grad`` and data are what they were.

    Raises:
        TypeError: if an argument is no number, or f's result is not one scalar.
        ValueError: if f gives two results for the same input.

    Source: Richardson (1911); Squire & Trapp (1998); Griewank & Walther (2008), section 1.1, on what differences cannot do.

    >>> import autograd
    >>> report = check_gradients(lambda x, y: x * autograd.sin(y), at=[2.0, 0.5])
    >>> bool(report)
    True
    >>> print(report)                                                                          # doctest: +ELLIPSIS
    input  at   backward      numeric       complex step  difference  verdict
    x      2    0.4794255386  0.4794255386  0.4794255386  ...         agrees
    y      0.5  1.755165124   1.755165124   1.755165124   ...         agrees

    Micrograd's classic slip, an operation that forgets the gradient of its output:

    >>> def forgetful_square(x):
    ...     out = Value(x.data**2, (x,), "square")
    ...     def backward(): x.grad += 2 * x.data       # times out.grad is missing
    ...     out._backward = backward
    ...     return out
    >>> print(check_gradients(lambda x: 5 * forgetful_square(x), at=3.0))                      # doctest: +ELLIPSIS
    input  at  backward  numeric  complex step  difference  verdict
    x      3   6         30       -             24...       DIFFERS
    Every local derivative in the table agrees. 'square' is a closure, whose backward pass cannot be looked into: ...
    """
    arguments = list(at) if hasattr(at, "__iter__") else [at]
    values = [wrapped(argument, name) for argument, name in zip(arguments, argument_names(f, len(arguments)), strict=True)]
    inputs = list(dict.fromkeys(leaves(values)))
    output = scalar(f, f(*values))
    order = topological_order(output)
    gradient = _gradient(output, order, inputs)

    def as_function_of(source: Value) -> Callable[[float], float]:
        def result(data: float) -> float:
            kept, source.data = source.data, data
            try:
                return float(scalar(f, f(*values)).data)
            finally:
                source.data = kept

        return result

    if inputs and not _same(as_function_of(inputs[0])(inputs[0].data), float(output.data)):
        raise ValueError(
            "f gave two results for the same input, so its derivative means nothing; if it draws random numbers, give it a seed"
        )
    largest = max((abs(derivative) for derivative in gradient if math.isfinite(derivative)), default=0.0)
    kink = any(isinstance(node.op, Op) and node.op.is_kink(*(float(source.data) for source in node.inputs)) for node in order)
    name = names(order, [output, *inputs])
    checks = tuple(
        _check(name[source], as_function_of(source), source.data, derivative, complex_step(order, source), largest, kink)
        for source, derivative in zip(inputs, gradient, strict=True)
    )
    return GradientReport(checks, _suspect(order, name) if any(entry.verdict == DIFFERS for entry in checks) else "")


def _gradient(output: Value, order: list[Value], inputs: list[Value]) -> list[float]:
    """What ``backward()`` adds to the inputs' ``grad``; every ``grad`` is put back afterwards."""
    kept = [(node, node.grad) for node in [*order, *inputs]]
    try:
        for node, _ in kept:
            node.grad = type(node.data)()
        output.backward()
        return [float(source.grad) for source in inputs]
    finally:
        for node, grad in kept:
            node.grad = grad


def _check(
    name: str,
    f: Callable[[float], float],
    at: Any,
    derivative: float,
    by_complex: float | None,
    largest: float,
    kink: bool = False,
) -> InputCheck:
    """The entry for one derivative; ``kink`` says whether an operation of the graph is at one of its kinks."""
    x = float(at)
    numeric, numeric_error = _best(_quotients(f, x, (1, -1)), 2)
    if numeric is None:  # at an end of the domain, f has values on one side only
        numeric, numeric_error = min(_one_sided(f, x), key=lambda found: found[1])
    witness, error = (numeric, numeric_error) if by_complex is None else (by_complex, RESIDUE)
    if witness is None or math.isinf(derivative):
        return InputCheck(name, at, derivative, numeric, by_complex, math.nan, UNCLEAR)
    difference = abs(derivative - witness)
    allowed = RELATIVE_TOLERANCE * max(abs(derivative), abs(witness)) + TOLERANCE_OF_LARGEST * largest
    allowed += EPSILON * abs(f(x)) / (abs(x) or 1.0)
    doubt = 10 * error  # since the error is itself estimated
    if not difference <= allowed + doubt:
        verdict = _without_a_derivative(f, x, derivative, kink) or DIFFERS
    elif numeric is not None and abs(numeric - witness) > allowed + 10 * numeric_error and _is_one_sided(f, x, witness):
        verdict = KINK
    else:
        verdict = AGREES if derivative == 0 or doubt <= max(allowed, 1e-3 * abs(derivative)) else UNCLEAR
    return InputCheck(name, at, derivative, numeric, by_complex, difference, verdict)


def _without_a_derivative(f: Callable[[float], float], x: float, derivative: float, kink: bool) -> str:
    """The verdict if f has a kink or jumps at x; else an empty string."""
    (left, left_error), (right, right_error) = _one_sided(f, x)
    if left is None or right is None:
        return UNCLEAR if kink else ""  # at an end of the domain, one side of the kink cannot be seen
    h = _differences(x)[-1]
    if abs(f(x + h) - f(x - h)) > 0.5 * abs(f(x + 10 * h) - f(x - 10 * h)) > 0:
        return UNCLEAR  # f changes as much over a tenth of the distance, so it jumps
    error = 10 * (left_error + right_error) + RELATIVE_TOLERANCE * max(abs(left), abs(right))
    return KINK if abs(left - right) > error and min(left, right) - error <= derivative <= max(left, right) + error else ""


def _is_one_sided(f: Callable[[float], float], x: float, witness: float) -> bool:
    """Whether the complex step is the derivative from one side alone: at a kink it follows one branch."""
    (left, left_error), (right, right_error) = _one_sided(f, x)
    if left is None or right is None:
        return False
    errors = (10 * error + RELATIVE_TOLERANCE * max(abs(left), abs(right)) for error in (left_error, right_error))
    sides = [abs(side - witness) <= error for side, error in zip((left, right), errors, strict=True)]
    return sides.count(True) == 1


# --- differences ----------------------------------------------------------------------------------------------------


def _differences(x: float) -> list[float]:
    return [relative * (abs(x) if x else 1.0) for relative in RELATIVE_DIFFERENCES]


def _quotients(f: Callable[[float], float], x: float, sides: tuple[int, int]) -> list[tuple[float, float]]:
    """For each h the difference quotient between x + sides[0] h and x + sides[1] h, with a bound of its rounding error."""
    found = []
    for h in _differences(x):
        a, b = (x + side * h for side in sides)
        if a == b:
            continue  # beside the smallest floats, h rounds to nothing
        try:
            p, q = f(a), f(b)
        except DomainError:
            continue  # a smaller h may stay inside
        if math.isfinite(p) and math.isfinite(q):
            found.append(((p - q) / (a - b), EPSILON * abs(p) / abs(a - b) + EPSILON * abs(q) / abs(a - b)))
    return found


def _one_sided(f: Callable[[float], float], x: float) -> list[tuple[float | None, float]]:
    return [_best(_quotients(f, x, (side, 0)), 1) for side in (-1, 1)]


def _best(quotients: list[tuple[float, float]], error_order: int) -> tuple[float | None, float]:
    """The best extrapolation, with its error. Each combines two quotients so that the first term of their error cancels."""
    gain = 10.0**error_order  # by which that term shrinks from one h to the next
    estimates = [(b + (b - a) / (gain - 1), noise) for (a, _), (b, noise) in pairwise(quotients)]
    errors = [(abs(b - a) + noise, b) for (a, _), (b, noise) in pairwise(estimates)]
    error, estimate = min(errors, default=(math.inf, None))
    return estimate, error


def _same(x: float, y: float) -> bool:
    return x == y or (x != x and y != y)


# --- the first operation that is wrong ----------------------------------------------------------------------------------


def _suspect(order: Sequence[Value], name: Mapping[Value, str]) -> str:
    """A sentence on where the gradient of a graph goes wrong."""
    for node in order:
        for index, source in enumerate(node.inputs):
            if isinstance(node.op, Op) and (wrong := _wrong_partial(node.op, node, index)) is not None:
                by_design = f"; {node.op.name} has derivative 0 by design" if node.op.detaches else ""
                return (
                    f"The first operation that disagrees: {node._op!r} ({'/'.join([*node.scope, name[node]])}). Its local derivative "
                    f"with respect to {name.get(source, 'its operand')} = {float(source.data):.10g} is {float(node.partials[index]):.10g}, but "
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
    """What the local derivative should be; None if it is that."""
    operands = [float(source.data) for source in node.inputs]

    def f(x: float) -> float:
        return float(evaluate(op, *operands[:index], x, *operands[index + 1 :])[0])

    entry = _check("", f, operands[index], float(node.partials[index]), None, 0.0)
    return entry.numeric if entry.verdict == DIFFERS else None
