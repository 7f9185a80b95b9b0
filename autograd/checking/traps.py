"""Checks for the classic traps of backpropagation. They read the graph and change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from autograd.checking.graph_facts import Finding, Subject
from autograd.checking.stale_data import same
from autograd.rules.evaluate import evaluate_ieee
from autograd.rules.numbers import Number, is_finite, number
from autograd.rules.op import Op
from autograd.text import as_printed, counted, four_digits, listed
from autograd.value import Constant, Value

RELATIVE_DISTANCE = Fraction(1, 1024)  # at which a derivative beside a flat point is looked at


# --- numbers that are not finite --------------------------------------------------------------------------------------


def not_finite(subject: Subject) -> Iterator[Finding]:
    """The first node that is nan or infinite, or has such a local derivative, although its operands are finite.

    >>> x = Value(1000.0, "x")
    >>> [(finding.kind, finding.node.op) for finding in not_finite(Subject(x.exp() + 1))]
    [('inf', <Op exp: exp(x)>)]
    """
    sick = {node for node in subject.order if not is_finite(node.data) or _steep_inputs(node)}
    born = [node for node in subject.order if node in sick and all(is_finite(source.data) for source in node.inputs)]
    if not born:
        return
    first, *others = born
    spread = {first}
    for node in subject.order:
        if node in sick and any(source in spread and not is_finite(source.data) for source in node.inputs):
            spread.add(node)
    lost = sum(not is_finite(derivative) for node, derivative in subject.derivatives.items() if not isinstance(node, Constant))
    sentences = [_birth(subject, first)]
    if len(spread) > 1:
        sentences.append(f"It spread to {counted(len(spread) - 1, 'node')} after it.")
    if lost:
        sentences.append(f"The derivative of the output is not finite in {counted(lost, 'node')}.")
    if others:
        sentences.append(
            f"(The same happens anew at {counted(len(others), 'further node')}, first at {subject.path(others[0])}.)"
        )
    sentences.append(f"What to do: {_cure(first)}.")
    is_nan = first.data != first.data or any(partial != partial for _, partial in _steep_inputs(first))
    yield Finding("nan" if is_nan else "inf", first, " ".join(sentences))


def _steep_inputs(node: Value) -> list[tuple[Value, Any]]:
    """The inputs in which the local derivative is not finite; in a constant none is ever used."""
    pairs = zip(node.inputs, node.partials)  # noqa: B905  (a closure may have inputs and no partials)
    return [(source, partial) for source, partial in pairs if not is_finite(partial) and not isinstance(source, Constant)]


def _birth(subject: Subject, node: Value) -> str:
    first = "is the first number that is not finite"
    if isinstance(node, Constant) and node is not subject.output:
        reader = next(user for user in subject.order if node in user.inputs)
        return f"The constant {as_printed(node.data)} {first}; {subject.path_and_formula(reader)} reads it."
    if node.op is None:
        return f"{subject.path(node)} {first}: it is a leaf, and was given as {as_printed(node.data)}."
    operands = listed([*dict.fromkeys(node.inputs)], subject.equality)
    if not is_finite(node.data):
        return f"{subject.path_and_formula(node)} {first}: it is {as_printed(node.data)}, with {operands}."
    source, partial = _steep_inputs(node)[0]
    return (
        f"{subject.path_and_formula(node)} is the first with a local derivative that is not finite: with respect to "
        f"{subject.name(source)} it is "
        f"{as_printed(partial)}, with {operands}."
    )


def _cure(node: Value) -> str:
    if isinstance(node, Constant):
        return "if it is meant, as in a mask, nothing; else look where the number comes from"
    if node.op is None:
        return "look where the number comes from: a gap in the data, or a step of training with a gradient that was not finite"
    if not isinstance(node.op, Op):
        return "look into the code that computed it: it is a closure"
    if not is_finite(node.data):
        return (
            "make the operands smaller (inputs scaled, a lower learning rate), or take a form that does not overflow, such as "
            "logsumexp, softmax or softplus"
        )
    return "keep the operand away from that point, for example by adding a small constant"


# --- gradients that hold more than they should ------------------------------------------------------------------------


def left_over_gradients(subject: Subject) -> Iterator[Finding]:
    r"""A finding for each leaf among the parameters whose grad is neither 0 nor the derivative of the output.

    In floats k passes may round differently from k times one pass. With n terms :math:`t_i` in the sum of a leaf, the two
    differ by at most :math:`kn\,\epsilon\,k\sum_i|t_i|`, where :math:`\epsilon = 2^{-52}`; within that bound they count as
    equal.

    Source: Higham, *Accuracy and Stability of Numerical Algorithms* (2002), section 4.2.

    >>> x = Value(3.0, "x")
    >>> y = x * x
    >>> y.backward(); y.backward()
    >>> [finding.message[:50] for finding in left_over_gradients(Subject(y))]
    ['x.grad is 12.0, 2 times the derivative of v1 in it']
    """
    if not starts_at_output(subject):
        return
    describe = _of_several_passes if subject.output.grad != 0 else _of_an_earlier_pass
    for leaf in subject.parameters:
        held = gradient(leaf)
        if not leaf.inputs and held is not None and held != 0:
            words = describe(subject, leaf, held)
            if words:
                yield Finding("left-over gradient", leaf, f"{subject.path(leaf)}.grad is {as_printed(held)}, {words}")


def _of_an_earlier_pass(subject: Subject, leaf: Value, held: Number) -> str:
    return (
        f"but backward() has not run from {subject.name(subject.output)}, whose grad is 0: this is of an earlier pass, and would "
        "count once more. What to do: set gradients to 0 before backward(), p.grad = 0 for each parameter or zero_grad()."
    )


def _of_several_passes(subject: Subject, leaf: Value, held: Number) -> str:
    derivative = subject.derivatives.get(leaf, 0)
    times = _times(subject, leaf, held, derivative)
    if times == 1 or leaf in subject.behind_closures:
        return ""
    output = subject.name(subject.output)
    reason = (
        "backward() adds to what is there, and ran that often"
        if times
        else f"backward() added to what was there from an earlier pass, or began at a value that was computed from {output}, or the "
        "grad was changed afterwards (clipped, say)"
    )
    return (
        f"{f'{times} times' if times else 'not'} the derivative of {output} in it, {as_printed(derivative)}: {reason}. What to do: set "
        "gradients to 0 before each pass, p.grad = 0 for each parameter or zero_grad(); unless you mean to add up several passes."
    )


def starts_at_output(subject: Subject) -> bool:
    """Whether the last pass, if there was one, began at the output: only then is the output's grad 1."""
    return subject.output.op is None or subject.output.grad in (0, 1)


def gradient(node: Value) -> Number | None:
    """The grad if it is a number, else None: users may assign anything."""
    try:
        return number(node.grad)
    except TypeError:
        return None


def _times(subject: Subject, leaf: Value, held: Number, derivative: Number) -> int:
    """How many times the derivative a leaf holds; 0 if it is no multiple of it."""
    if same(held, derivative) or not (is_finite(held) or is_finite(derivative)):
        return 1  # infinity is any multiple of itself
    if derivative == 0 or not (is_finite(held) and is_finite(derivative)):
        return 0
    held, derivative, bound = Fraction(held), Fraction(derivative), Fraction(subject.rounding.get(leaf, 0))
    if abs(held - derivative) <= bound:
        return 1
    times = round(held / derivative)
    if abs(held - times * derivative) > times**2 * bound or times**2 * bound > abs(derivative) / 2:
        return 0  # beyond the bound, or the bound is so large that any number is within it
    return max(times, 0)


# --- parameters without a gradient ------------------------------------------------------------------------------------


def unreached_parameters(subject: Subject) -> Iterator[Finding]:
    """A finding for each parameter that the output was not computed from.

    >>> w = Value(2.0, "w")
    >>> [finding.kind for finding in unreached_parameters(Subject(w.data * Value(3.0), [w]))]
    ['unreached parameter']
    """
    for parameter in subject.parameters:
        if parameter not in subject.place:
            yield Finding(
                "unreached parameter",
                parameter,
                f"{subject.path(parameter)} is not in the graph of {subject.name(subject.output)}, so its gradient is 0 and it will "
                "not learn. What to do: look for a number (.data) taken where the Value was meant, for a copy of it, or for a "
                "layer that is not called.",
            )


def zero_derivatives(subject: Subject) -> Iterator[Finding]:
    """A finding for each parameter if every path from it to the output has a local derivative of exactly 0.

    >>> w = Value(2.0, "w")
    >>> [finding.kind for finding in zero_derivatives(Subject(w.detach() * 3 + w.step(), [w]))]
    ['zero derivative']
    """
    alive = {subject.output}
    barrier: dict[Value, Value] = {}  # for nodes that are not alive, an operation that passes nothing on to them
    for node in reversed(subject.order):
        unknown = [None] * len(node.inputs)  # a closure's local derivatives may be any numbers
        for source, partial in zip(node.inputs, node.partials or unknown, strict=True):
            if partial != 0 and node in alive:
                alive.add(source)
            else:
                barrier.setdefault(source, node if partial == 0 else barrier[node])
    for parameter in subject.parameters:
        if parameter in subject.place and parameter not in alive:
            where = barrier[parameter]
            always = isinstance(where.op, Op) and set(where.op.constant_partials) == {0}
            why = "whose derivative is 0 everywhere" if always else "whose local derivative is 0 at these numbers"
            yield Finding(
                "zero derivative",
                parameter,
                f"{subject.path(parameter)} reaches {subject.name(subject.output)}, but through local derivatives of exactly 0 alone, "
                f"so its gradient is 0: at {subject.formula(where)}, {why}. What to do: if that is meant, or other examples would "
                "let a gradient through, nothing; else take another operation there, or start from other numbers.",
            )


# --- operations that pass nothing on ----------------------------------------------------------------------------------


def flat_operations(subject: Subject) -> Iterator[Finding]:
    """A finding for each operation of one operand whose local derivative is 0 at all its nodes in a scope, but not everywhere.

    If the scope names a neuron, these nodes are that neuron for all the examples; a relu that is off for some of them is healthy.
    Nodes outside every scope are judged one by one.

    >>> x = Value(-2.0, "x")
    >>> [finding.kind for finding in flat_operations(Subject(x.relu() + (20 * x).tanh() + (x + 2).cos()))]
    ['dead relu', 'saturated', 'stationary']
    """
    groups: dict[Any, list[Value]] = {}
    for node in subject.order:
        if isinstance(node.op, Op) and node.op.arity == 1 and node.op.constant_partials != (0,):
            groups.setdefault((node.scope, node.op) if node.scope else node, []).append(node)
    for nodes in groups.values():
        if all(node.partials[0] == 0 for node in nodes):
            yield _flat(subject, nodes)


def _flat(subject: Subject, nodes: list[Value]) -> Finding:
    first, op, several = nodes[0], nodes[0].op, len(nodes) > 1
    assert isinstance(op, Op)
    where = f"{op.symbol} in {'/'.join(first.scope)}" if several else subject.path_and_formula(first)
    at_all = f"at all its {len(nodes)} nodes the" if several else "the"
    operands = listed(nodes, lambda node: four_digits(node.inputs[0].data))
    if op.is_rectifier:
        verdict = "the neuron is dead in all these examples" if several else "if it is so in every example, the neuron is dead"
        return Finding(
            "dead relu",
            first,
            f"{where} is off: {at_all} result is 0 with derivative 0, at {operands}, so no gradient passes; {verdict}. What to do: "
            "start from other weights, take a lower learning rate, or leaky_relu.",
        )
    if any(_is_level_around(op, node) for node in nodes):
        message = (
            f"{where} is saturated: {at_all} local derivative is exactly 0, since the operand, {operands}, lies where the function is "
            "level; no gradient passes. What to do: scale the inputs, start from smaller weights, or take a lower learning rate."
        )
        return Finding("saturated", first, message)
    message = (
        f"{where} is stationary: {at_all} local derivative is exactly 0, at the operand {operands}, though not beside it: a minimum, a "
        "maximum or a kink; no gradient passes. What to do: if the output is as good as it can be, nothing; else start beside it."
    )
    return Finding("stationary", first, message)


def _is_level_around(op: Op, node: Value) -> bool:
    """Whether the derivative is 0 also to the left or to the right of the operand."""
    x = node.inputs[0].data
    distance = RELATIVE_DISTANCE * max(abs(x), 1)
    return any(evaluate_ieee(op, beside)[1] == 0 for beside in (x - distance, x + distance))
