"""Who is to blame for a wrong gradient: a row, a closure, a number that left the graph, or the way back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from autograd.checking.moved import Moved
from autograd.checking.report import AGREES, DIFFERS
from autograd.checking.rounding import bounds
from autograd.checking.verdicts import FIRST_ORDER, NEGLIGIBLE, Case, Column, Surroundings
from autograd.checking.watching import Read
from autograd.graph import leaves_of, topological_order
from autograd.micrograd import Closure
from autograd.rules.evaluate import evaluate, evaluate_ieee
from autograd.rules.op import Op
from autograd.text import listed
from autograd.value import Constant, Value, apply

PART_OF_A_RANGE = (0.37, 0.57)  # where in its range of samples a row is checked
MEASURED = 1e-6  # of a local derivative at points of the row's own range: as well as values give it there
SAME = 1e-9  # of a local derivative: it is the number that its formula gives
PART = 1e-6  # of a gap: less is rounding, and does not make it
CLOSURE = (
    "is a closure, whose backward pass cannot be looked into: does it add (+=), to every input, the local derivative times the "
    "gradient of its output?"
)

# --- rows ---------------------------------------------------------------------------------------------------------------


def row_partial(op: Op, operands: Sequence[float], place: int, stated: float) -> tuple[str, float | None]:
    """The verdict on a local derivative of a row, from values of the row alone, and what they give."""

    nodes = [Value(number) for number in operands]
    moved = Moved(nodes[place], lambda: apply(op, *nodes), 0.0)
    by_complex = moved.step()
    if by_complex and abs(by_complex.derivative - stated) <= SAME * abs(stated):
        return AGREES, by_complex.derivative
    order = [*nodes, apply(op, *nodes)]
    rounding = bounds(order, nodes)
    column = Column(stated, 2 * rounding.derivatives[place].error, abs(stated))
    about = Surroundings(by_convention=op.is_convention(*operands), has_steps=op.is_staircase)
    differences = moved._replace(noise=rounding.value).differences()
    found = Case(column, by_complex, differences, FIRST_ORDER, about, moved.branches(order)).verdict()
    witness = by_complex or found.numeric
    return found.word, witness.derivative if witness else None


def rows_hold(order: Iterable[Value]) -> bool:
    """Whether all operations are rows, each local derivative is the number that its formula gives, and each formula is right at points
    of the row's own range, where it has all its digits."""
    rows = set()
    for node in order:
        if node.op is None:
            continue
        if not isinstance(node.op, Op):
            return False
        rows.add(node.op)
        formulas = evaluate_ieee(node.op, *(source.data for source in node.inputs))[1:]
        if not all(map(_is_same, map(float, node.partials), map(float, formulas))):
            return False
    return all(_holds(op) for op in rows if not op.detaches)


def _is_same(stated: float, formula: float) -> bool:
    """Whether a local derivative is the number of its formula, be it inf or nan."""
    return stated == formula or (stated != stated and formula != formula) or abs(stated - formula) <= SAME * abs(formula)


def _holds(op: Op) -> bool:
    for part in PART_OF_A_RANGE:
        point = [low + (part + 0.2 * place) * (high - low) for place, (low, high) in enumerate(op.samples)]
        try:
            _, *partials = evaluate(op, *point)
        except (ArithmeticError, ValueError):
            return False
        for place, partial in enumerate(map(float, partials)):
            word, measured = row_partial(op, point, place, partial)
            if word == DIFFERS or (measured is not None and abs(partial - measured) > MEASURED * abs(measured)):
                return False
    return True


def wrong_row(order: Sequence[Value], name: Mapping[Value, str]) -> str:
    """A sentence on the first row whose local derivative is wrong; empty if none is."""
    for node in order:
        if isinstance(node.op, Op) and not node.op.detaches:
            operands = [float(source.data) for source in node.inputs]
            if not (all(map(math.isfinite, operands)) and node.op.defined(*operands)):
                continue
            for place, source in enumerate(node.inputs):
                word, right = row_partial(node.op, operands, place, float(node.partials[place]))
                if word == DIFFERS:
                    return (
                        f"The first operation that disagrees: {node._op!r} ({_called(node, name)}). Its local derivative with "
                        f"respect to {name.get(source, 'its operand')} = {operands[place]:.10g} is {node.partials[place]:.10g}, "
                        f"but moving that operand gives {right:.10g}."
                    )
    return ""


# --- what moves when an input moves ---------------------------------------------------------------------------------------


def slopes(order: Sequence[Value], moved: Moved) -> list[float] | None:
    """How each node's number changes with an input, by a difference; None if f builds another graph beside x.

    The nodes are found again by their places in the order.
    """
    h = 1e-4 * (abs(moved.x) if abs(moved.x) > NEGLIGIBLE else 1.0)
    ends = [moved.of_nodes(end, lambda node: (node.op is None, float(node.data))) for end in (moved.x - h, moved.x + h)]
    leaves = [node.op is None for node in order]
    if any([is_leaf for is_leaf, _ in end] != leaves for end in ends):
        return None
    return [(above - below) / (2 * h) for (_, below), (_, above) in zip(*ends, strict=True)]


def wrong_stated_partial(order: Sequence[Value], found: Sequence[Sequence[float]], name: Mapping[Value, str]) -> str:
    """A sentence on the first node whose stated local derivatives do not say how its number changes; empty if none is found.

    ``found`` has the slopes of all nodes, once for each input.
    """
    place = {node: k for k, node in enumerate(order)}
    for node in order:
        if not (isinstance(node.op, Closure) and node.op.partials):
            continue
        stated = [float(partial) for partial in node.op.partials]
        for by_node in found:
            rates = [by_node[place[source]] for source in node.inputs]
            expected, actual = sum(map(float.__mul__, stated, rates)), by_node[place[node]]
            terms = max((abs(p * rate) for p, rate in zip(stated, rates, strict=True)), default=0.0)
            if abs(expected - actual) > 1e-6 * max(abs(actual), terms):
                moving = [k for k, rate in enumerate(rates) if rate]
                if len(moving) == 1:
                    [k] = moving
                    return (
                        f"The node {name[node]} states {stated[k]:.10g} as its local derivative with respect to "
                        f"{name.get(node.inputs[k], 'its operand')}: stated {stated[k]:.4g}, by difference {actual / rates[k]:.4g}."
                    )
                return (
                    f"The local derivatives that the node {name[node]} states are wrong: by them it changes by {expected:.4g}, "
                    f"by difference by {actual:.4g}."
                )
    return ""


def constants_that_move(order: Sequence[Value], inputs: Sequence[Value], found: Sequence[Sequence[float]]) -> str:
    """A sentence on leaves that are no inputs, but whose numbers move with one; empty if there are none."""
    moving = [
        node for k, node in enumerate(order) if node.op is None and node not in inputs and any(by_node[k] for by_node in found)
    ]
    if not moving:
        return ""
    users = [next((user for user in order if leaf in user.inputs), None) for leaf in moving]
    told = [
        f"{'the constant' if type(leaf) is Constant else 'the Value'} {float(leaf.data):.6g}"
        + (f" in {user._op!r}" if user else "")
        for leaf, user in zip(moving, users, strict=True)
    ]
    return f"Numbers that f computes outside its graph move with its inputs: {listed(told)}. To backward() they are constants."


# --- sentences ------------------------------------------------------------------------------------------------------------


def told_reads(reads: Iterable[Read]) -> list[str]:
    """A sentence for each place where f takes a number out of its graph."""
    return [
        f"f {read.how}{f' ({read.line})' if read.line else ''}: what is computed from it there is a constant to backward()."
        for read in reads
    ]


def told_detached(detached: Sequence[Value], name: Mapping[Value, str]) -> str:
    """A sentence on operations that pass nothing on by design; empty if there are none."""
    if not detached:
        return ""
    where = listed([name.get(node.inputs[0], "a constant") for node in detached])
    return f"detach passes nothing on, by design: it has derivative 0. Here it cuts {where}."


def told_kinks(kinks: Sequence[Value], name: Mapping[Value, str]) -> str:
    """A sentence on operations that take a convention at their kinks, although f is smooth; empty if there are none."""
    if not kinks:
        return ""
    told = listed([f"{node._op} ({_called(node, name)})" for node in kinks])
    are = (
        "is at its kink, where its derivative is a convention"
        if len(kinks) == 1
        else "are at their kinks, where their derivatives are conventions"
    )
    return f"f is smooth here, but {told} {are}: what they give together is not the derivative of f."


def told_closures(order: Iterable[Value]) -> str:
    """A sentence on closures; empty if there are none."""
    closures = dict.fromkeys(
        node._op or "a node with children" for node in order if isinstance(node.op, Closure) and not node.op.partials
    )
    return f"Every local derivative in the table agrees. {', '.join(map(repr, closures))} {CLOSURE}" if closures else ""


SECOND = (
    "The gradient is right here and its own derivative is not: a local derivative hides a part of itself, behind detach or in a "
    "number that f reads."
)
WAY_BACK = "Every local derivative agrees with its operation, so they were multiplied or added up wrongly on the way back."


def cuts(reads: Iterable[Read], order: Iterable[Value], inputs: Sequence[Value]) -> list[Read]:
    """Those that take a number of the inputs out of the graph. A closure reads its operands' numbers and passes their gradients on."""
    operands = {source for node in order if isinstance(node.op, Closure) for source in node.inputs}
    return [
        read
        for read in reads
        if read.node not in operands and not set(inputs).isdisjoint([*leaves_of(topological_order(read.node)), read.node])
    ]


def remembered(order: Iterable[Value], again: Iterable[Value], inputs: Sequence[Value]) -> bool:
    """Whether a second run uses nodes of the first that were computed from the inputs."""
    moving = set(inputs)
    for node in order:
        if not moving.isdisjoint(node.inputs):
            moving.add(node)
    return not moving.difference(inputs).isdisjoint(again)


def at_kinks(order: Iterable[Value]) -> list[Value]:
    """The nodes that are at a kink of their row."""
    return [node for node in order if isinstance(node.op, Op) and node.op.is_kink(*(float(x.data) for x in node.inputs))]


def _called(node: Value, name: Mapping[Value, str]) -> str:
    return "/".join([*node.scope, name[node]])
