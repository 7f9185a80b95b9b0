"""Cut parameters: a parameter that moves the output, though the graph does not know it, or not the whole of it.

The witness is the function itself. It is evaluated with a parameter moved a little to both sides, and what it gives is compared with
the derivative in the graph. Where the two differ, the graph of the moved function tells where the number went: a leaf that is no
parameter has changed with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from autograd.checking.graph_facts import Finding, Subject
from autograd.checking.moved import Moved
from autograd.checking.report import DIFFERS, UNCLEAR
from autograd.checking.rounding import bounds
from autograd.checking.verdicts import Case, Column, Surroundings, Tolerance
from autograd.debugging import debug
from autograd.functional import scalar
from autograd.graph import topological_order
from autograd.rules.op import Op
from autograd.text import as_printed, four_digits, listed
from autograd.value import Value

TOLERANCE = Tolerance(1e-3, 1e-2)  # a cut changes a derivative by much; check_gradients judges small differences
MOVE = 1e-3  # of a parameter


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
    parameters = [each for each in subject.parameters if not each.inputs and each not in subject.behind_closures]
    rounding = bounds(order, parameters)
    has_steps = any(isinstance(node.op, Op) and node.op.is_staircase for node in order)
    about = Surroundings(all_rows=False, has_steps=has_steps)  # what the function computes outside rows is not known
    for parameter, by_paths, path in zip(parameters, rounding.derivatives, rounding.paths, strict=True):
        by_graph = float(subject.derivatives.get(parameter, 0))
        moved = Moved(parameter, lambda: _evaluated(subject), rounding.value)
        column = Column(by_graph, by_paths.error, path)
        found = Case(column, None, moved.differences(), TOLERANCE, about, moved.branches(order)).verdict()
        if found.word == DIFFERS and found.numeric:
            yield Finding("cut", parameter, _message(subject, moved, by_graph, found.numeric.derivative, order))
        elif found.word == UNCLEAR:
            subject.unmoved.append(parameter)


def _evaluated(subject: Subject) -> Value:
    assert subject.function is not None
    return scalar(subject.function, subject.function())


def _same(a: Any, b: Any) -> bool:
    return bool(a == b) or (a != a and b != b) or (math.isfinite(a) and math.isclose(a, b, rel_tol=1e-12))


# --- where the number went ----------------------------------------------------------------------------------------------


def _message(subject: Subject, moved: Moved, by_graph: float, by_differences: float, order: Sequence[Value]) -> str:
    parameter = moved.source
    return (
        f"moving {subject.path(parameter)} moves {subject.name(subject.output)}: the derivative by differences is "
        f"{four_digits(by_differences)}, but in the graph it is {four_digits(by_graph)}. {_where(subject, moved, order)} What to do: "
        f"compute with {subject.name(parameter)} itself and autograd's functions (autograd.sin, not math.sin of .data); if the cut is "
        "meant, as by detach(), nothing."
    )


def _where(subject: Subject, moved: Moved, order: Sequence[Value]) -> str:
    """The place of the cut: a leaf that changed with the parameter, or an operation that passes nothing on."""
    parameter = moved.source
    after = moved.of_nodes(moved.x * (1 + MOVE) or MOVE, lambda node: (node.op, node.data))
    if [op for op, _ in after] == [node.op for node in order]:
        changed = [
            node
            for node, (_, data) in zip(order, after, strict=True)
            if not node.inputs and node is not parameter and not _same(data, node.data)
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
