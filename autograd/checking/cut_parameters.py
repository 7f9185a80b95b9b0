"""Cut parameters: a parameter that moves the output, though the graph does not know it, or not the whole of it.

The witness is the function itself. It is evaluated with a parameter moved a little to both sides, and what it gives is compared with
the derivative in the graph. Where the two differ, the graph of the moved function tells where the number went: a leaf that is no
parameter has changed with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from autograd.checking.complex_step import Witness
from autograd.checking.graph_facts import Finding, Subject
from autograd.checking.rounding import EPSILON
from autograd.debugging import debug
from autograd.functional import scalar
from autograd.graph import topological_order
from autograd.rules.op import Op
from autograd.text import as_printed, four_digits, listed
from autograd.value import Value

RELATIVE_MOVES = (1e-3, 1e-5)  # of a parameter; the second, smaller one is for a kink that lies beside it
RELATIVE_TOLERANCE = 1e-3  # a cut changes a derivative by much; check_gradients judges small differences
CAUTION = 20.0  # times the estimated error of a difference, since that is itself an estimate


def cut_parameters(subject: Subject) -> Iterator[Finding]:
    """A finding for each parameter whose derivative in the graph is not that of the function, if the function is known.

    Raises:
        ValueError: if the function does not give the output again.

    >>> x = Value(3.0, "x")
    >>> f = lambda: x * x.data
    >>> [finding.kind for finding in cut_parameters(Subject(f(), [x], f))]
    ['cut']
    """
    if subject.function is None:
        return
    with debug():
        again = _evaluated(subject)
    if not _same(again.data, subject.output.data):
        raise ValueError(
            f"the function gives {as_printed(again.data)}, but {subject.name(subject.output)} is {as_printed(subject.output.data)}: "
            "diagnose needs the function that computed the output, from the present data and without new random numbers"
        )
    order = topological_order(again)
    for parameter in subject.parameters:
        if not parameter.inputs and parameter not in subject.behind_closures:
            by_graph = float(subject.derivatives.get(parameter, 0))
            witness = _witness(subject, parameter)
            if CAUTION * witness.error > max(abs(by_graph), abs(witness.derivative)) > 0 or not math.isfinite(witness.error):
                subject.unmoved.append(parameter)
            if abs(witness.derivative - by_graph) > (
                RELATIVE_TOLERANCE * max(abs(witness.derivative), abs(by_graph)) + CAUTION * witness.error
            ):
                yield Finding("cut", parameter, _message(subject, parameter, by_graph, witness, order))


def _evaluated(subject: Subject) -> Value:
    assert subject.function is not None
    return scalar(subject.function, subject.function())


def _same(a: Any, b: Any) -> bool:
    return bool(a == b) or (a != a and b != b) or (math.isfinite(a) and math.isclose(a, b, rel_tol=1e-12))


# --- the witness --------------------------------------------------------------------------------------------------------


def _witness(subject: Subject, parameter: Value) -> Witness:
    """The derivative by differences: the best of two distances on the scale of 1, and of two on the parameter's own if it is smaller."""
    size = abs(float(parameter.data)) or 1.0
    distances = [move * scale for scale in {max(size, 1.0), size} for move in RELATIVE_MOVES]
    return min((_differences(subject, parameter, h) for h in distances), key=lambda found: found.error)


def _differences(subject: Subject, parameter: Value, h: float) -> Witness:
    """Central differences over h and h/2, extrapolated to 0 (Richardson); the error is infinite where the function has a kink."""
    x = float(parameter.data)
    try:
        centre = float(subject.output.data)
        wide, narrow = ([_moved(subject, parameter, x + side * step) for side in (1, -1)] for step in (h, h / 2))
    except Exception:  # the function may refuse numbers beside x with whatever error it likes
        return Witness(math.nan, math.inf)
    if not all(map(math.isfinite, (*wide, *narrow, centre))):
        return Witness(math.nan, math.inf)
    first, second = (wide[0] - wide[1]) / (2 * h), (narrow[0] - narrow[1]) / h
    derivative = second + (second - first) / 3
    left, right = (centre - narrow[1]) / (h / 2), (narrow[0] - centre) / (h / 2)
    noise = 4 * EPSILON * max(map(abs, (*wide, *narrow, centre))) / h
    if abs(right - left) > 0.1 * max(abs(right), abs(left)) + CAUTION * noise:
        return Witness(derivative, math.inf)  # a kink, or a curve that is too sharp for this distance
    return Witness(derivative, abs(derivative - second) + noise)


def _moved(subject: Subject, parameter: Value, data: float) -> float:
    kept, parameter.data = parameter.data, data
    try:
        return float(_evaluated(subject).data)
    finally:
        parameter.data = kept


# --- where the number went ----------------------------------------------------------------------------------------------


def _message(subject: Subject, parameter: Value, by_graph: float, witness: Witness, order: Sequence[Value]) -> str:
    name, output = subject.path(parameter), subject.name(subject.output)
    return (
        f"moving {name} moves {output}: the derivative by differences is {four_digits(witness.derivative)}, but in the graph it is "
        f"{four_digits(by_graph)}. {_where(subject, parameter, order)} What to do: compute with {subject.name(parameter)} itself and "
        "autograd's functions (autograd.sin, not math.sin of .data); if the cut is meant, as by detach(), nothing."
    )


def _where(subject: Subject, parameter: Value, order: Sequence[Value]) -> str:
    """The place of the cut: a leaf that changed with the parameter, or an operation that passes nothing on."""
    numbers = [node.data for node in order]
    kept, parameter.data = parameter.data, float(parameter.data) * (1 + RELATIVE_MOVES[0]) or RELATIVE_MOVES[0]
    try:
        moved = topological_order(_evaluated(subject))
    except Exception:
        moved = []
    finally:
        parameter.data = kept
    if [node.op for node in moved] == [node.op for node in order]:
        pairs = zip(order, moved, numbers, strict=True)
        changed = [
            node for node, after, before in pairs if not node.inputs and node is not parameter and not _same(after.data, before)
        ]
        if changed:
            return _reading(subject, changed, order)
    passing_nothing = [
        node for node in subject.order if isinstance(node.op, Op) and "True" in node.op.cuts and _depends(node, parameter)
    ]
    if passing_nothing:
        return f"It is cut at {listed(passing_nothing, subject.path_and_formula)}, whose derivative is 0 everywhere."
    return "Where it is cut, the graph does not tell: look for .data, for float() and for a copy."


def _depends(node: Value, parameter: Value) -> bool:
    return parameter in topological_order(node)


def _reading(subject: Subject, changed: Sequence[Value], order: Sequence[Value]) -> str:
    """The first operation that reads the number as a constant, with its line."""
    from_graph = dict(zip(order, subject.order, strict=False)) if len(order) == len(subject.order) else {}
    reader = next((node for node in order if changed[0] in node.inputs), changed[0])
    same = from_graph.get(reader)
    formula = f" in {subject.path_and_formula(same)}" if same is not None and same.inputs else ""
    line = f" ({reader.made_at})" if reader.made_at else ""
    return (
        f"The number {as_printed(changed[0].data)}{formula} follows it, and yet is a constant to backward(): .data was read there, or "
        f"before{line}."
    )
