"""Checks for the traps of whole networks: equal neurons, a softmax in the wrong place, gradients that vanish or explode by layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from itertools import pairwise
from numbers import Rational
from typing import Any, NamedTuple

from autograd.checking.graph_facts import Finding, Subject
from autograd.checking.softmax_facts import Softmax, softmaxes
from autograd.ops import DIV
from autograd.rules.numbers import is_finite
from autograd.rules.op import Op
from autograd.scopes import Scope
from autograd.text import counted, listed
from autograd.value import Value

EQUAL = 1e-9  # the relative difference up to which gradients of two neurons are equal: sums may round in another order

# --- neurons that start equal -------------------------------------------------------------------------------------------


def equal_neurons(subject: Subject) -> Iterator[Finding]:
    r"""A finding for each set of neurons in a layer that have the same parameters and get the same gradients.

    If :math:`\theta_i = \theta_j` and :math:`\partial L/\partial\theta_i = \partial L/\partial\theta_j`, every step of training
    keeps them equal. A neuron is a scope that has parameters, its layer the scope around it. Parameters that are equal but get
    different gradients are healthy: one step tells them apart. The last layer is left out: targets tell its neurons apart, if
    not in these examples then in others.

    Source: Goodfellow, Bengio & Courville, *Deep Learning* (2016), section 8.4.

    >>> a, b, c = Value(0.5, "a"), Value(0.5, "b"), Value(0.25, "c")
    >>> a.scope, b.scope, c.scope = ("layer1", "neuron1"), ("layer1", "neuron2"), ("layer2", "neuron1")
    >>> output = c * ((a * 2).tanh() + (b * 2).tanh())
    >>> output.scope = c.scope
    >>> [finding.kind for finding in equal_neurons(Subject(output))]
    ['equal weights']
    """
    neurons: dict[Scope, list[Value]] = {}
    for parameter in subject.parameters:
        if len(parameter.scope) > 1 and not parameter.inputs:
            neurons.setdefault(tuple(parameter.scope), []).append(parameter)
    layers = {scope[:-1] for scope in neurons}
    last = next((node.scope[:-1] for node in reversed(subject.order) if node.scope[:-1] in layers), None)
    sets: dict[tuple[Any, ...], list[list[Scope]]] = {}
    for scope, own in neurons.items():
        if (
            scope[:-1] != last
            and any(parameter in subject.place for parameter in own)
            and not subject.behind_closures.intersection(own)
        ):
            candidates = sets.setdefault((scope[:-1], *(parameter.data for parameter in own)), [])
            alike = next((group for group in candidates if _same_gradients(subject, neurons[group[0]], own)), None)
            candidates.append([scope]) if alike is None else alike.append(scope)
    for group in (group for candidates in sets.values() for group in candidates if len(group) > 1):
        layer, names = "/".join(group[0][:-1]), listed([scope[-1] for scope in group])
        yield Finding(
            "equal weights",
            neurons[group[0]][0],
            f"{names} of {layer} have the same parameters and get the same gradients, so training keeps them equal: together they "
            "do the work of one. What to do: start from random weights (init='xavier' or 'he', not a constant).",
        )


def _same_gradients(subject: Subject, first: Sequence[Value], second: Sequence[Value]) -> bool:
    pairs = [[subject.derivatives.get(parameter, 0) for parameter in own] for own in (first, second)]
    return all(a == b or abs(a - b) <= EQUAL * abs(a) for a, b in zip(*pairs, strict=True))


# --- softmax ------------------------------------------------------------------------------------------------------------


def softmax_of_one(subject: Subject) -> Iterator[Finding]:
    """A finding for each scope with a softmax, or a cross-entropy of logits, over a single output.

    >>> from autograd import softmax
    >>> [finding.kind for finding in softmax_of_one(Subject(softmax([Value(3.0)])[0]))]
    ['softmax of one output']
    """
    readers = softmaxes(subject.order).items()
    lonely = [found for node, found in readers if len(found.exponentials) == 1 and (node.op is DIV or _is_its_own_shift(found))]
    for found, places in _first_of_each_scope(lonely):
        logit = found.logits[0]
        yield Finding(
            "softmax of one output",
            found.total,
            f"{subject.path_and_formula(found.total)}{places} is the only exponential of a softmax, whose result is 1 whatever "
            f"{subject.name(logit)} is: its derivative is 0, and nothing is learnt. What to do: for two classes take one output with "
            "a sigmoid, or two with softmax.",
        )


def _is_its_own_shift(found: Softmax) -> bool:
    """Whether the only logit was subtracted from itself, as a logsumexp of one does; the log of an exponential may be meant."""
    operand = found.total.inputs[0]
    return operand not in found.logits and operand.inputs[-1].inputs == tuple(found.logits)


def softmax_of_softmax(subject: Subject) -> Iterator[Finding]:
    r"""A finding for each scope with a softmax, or a cross-entropy of logits, whose logits are the probabilities of a softmax.

    Since probabilities lie between 0 and 1, the second softmax of n gives none above :math:`e/(e + n - 1)`.

    >>> from autograd import softmax
    >>> p = softmax(softmax([Value(3.0), Value(-3.0)]))
    >>> [finding.kind for finding in softmax_of_softmax(Subject(p[0]))]
    ['softmax of softmax']
    """
    readers = softmaxes(subject.order)
    shares = {node for node in readers if node.op is DIV}
    twice = [found for found in readers.values() if len(found.logits) > 1 and shares.issuperset(found.logits)]
    for found, places in _first_of_each_scope(twice):
        e = Decimal(1).exp()
        largest = e / (e + len(found.logits) - 1)
        yield Finding(
            "softmax of softmax",
            found.total,
            f"{listed(found.logits, subject.path)}{places}, of which a softmax is taken, are the probabilities of a softmax already. As "
            f"they lie between 0 and 1, no probability after the second exceeds {largest:.3g}, and no loss falls below "
            f"{-largest.ln():.3g}, however well the network does. What to do: give cross_entropy_logits the logits (an output "
            "layer without softmax), or give the probabilities to cross_entropy.",
        )


def _first_of_each_scope(found: Iterable[Softmax]) -> Iterator[tuple[Softmax, str]]:
    """A network runs once for each example: the first of each scope, and in how many places it is."""
    scopes: dict[Scope, dict[Value, Softmax]] = {}
    for each in found:
        scopes.setdefault(tuple(each.total.scope), {})[each.total] = each
    for softmaxes_there in scopes.values():
        first, *others = softmaxes_there.values()
        yield first, f" (and {counted(len(others), 'place')} like it)" if others else ""


# --- gradients by depth -------------------------------------------------------------------------------------------------

RATIO = 3
"""By how many orders of magnitude the gradients of the first and the last layer must differ. At 3, it takes a thousand steps of
training to move the one as far as a single step moves the other."""

MIN_LAYERS = 4  # with fewer there is no depth: a single operation is to blame, if any
MAX_SHARE = Decimal("0.4")  # of the change in one step between neighbours: beyond it, that layer is to blame and not the depth
MAX_VARIATION = Decimal("1.2")  # of all steps up and down, as a multiple of the change: random weights of narrow layers vary

SIZES = Context(prec=9, Emin=MIN_EMIN, Emax=MAX_EMAX)  # for products of any length: floats would underflow


class Level(NamedTuple):
    """A layer, or an activation on a path: its name, a node to look at, and the size of its gradient, which is not 0."""

    name: str
    node: Value
    size: Decimal


def gradients_by_depth(subject: Subject) -> Iterator[Finding]:
    r"""A finding if gradients shrink or grow by more than a thousandfold from the last layer to the first, step by step.

    The gradient of a layer is :math:`\delta = \partial L/\partial h` with respect to the numbers that leave it, and its size their root mean square. A
    layer is an outermost scope with parameters. In a graph with fewer than ``MIN_LAYERS`` of these, the activations (operations
    of one operand) along the path of the largest product to each parameter take their place.

    Source: Glorot & Bengio (2010), *Understanding the difficulty of training deep feedforward neural networks*, section 4.

    >>> y = Value(0.5, "x")
    >>> for _ in range(10):
    ...     y = y.sigmoid()
    >>> [finding.kind for finding in gradients_by_depth(Subject(y))]
    ['vanishing gradient']
    """
    layers = _layers(subject)
    candidates = [layers] if len(layers) >= MIN_LAYERS else _activations_before_parameters(subject)
    steep = [levels for levels in candidates if _is_by_depth(levels)]
    if steep:
        yield _by_depth(max(steep, key=lambda levels: abs(_orders(levels[0], levels[-1]))))


def _is_by_depth(levels: Sequence[Level]) -> bool:
    """Whether first and last differ by the ratio, and nearly every step between neighbours has its part in that."""
    if len(levels) < MIN_LAYERS:
        return False
    steps = [abs(_orders(earlier, later)) for earlier, later in pairwise(levels)]
    change = abs(_orders(levels[0], levels[-1]))
    return change > RATIO and sum(steps) <= MAX_VARIATION * change and max(steps) <= MAX_SHARE * change


def _orders(earlier: Level, later: Level) -> Decimal:
    """How many orders of magnitude the gradient of a level is above that of a later one."""
    return SIZES.log10(SIZES.divide(earlier.size, later.size))


def _by_depth(levels: Sequence[Level]) -> Finding:
    first, last, steps = levels[0], levels[-1], len(levels) - 1
    ratio = SIZES.divide(first.size, last.size)
    average = SIZES.power(ratio, SIZES.divide(1, steps))
    shrinks = ratio < 1
    return Finding(
        f"{'vanishing' if shrinks else 'exploding'} gradient",
        first.node,
        f"the gradient {'vanishes' if shrinks else 'explodes'} by depth: at {last.name} it is {_written(last.size)}, at {first.name} "
        f"{_written(first.size)}, {_written(ratio)} times as much. It {'shrinks' if shrinks else 'grows'} by a factor of {_written(average)} on average "
        f"in each of {counted(steps, 'step')} back, so "
        + (
            "what comes first hardly learns. What to do: relu or tanh in place of sigmoid, weights that start by the rule of "
            "Xavier (tanh) or He (relu), fewer layers, or connections that skip layers."
            if shrinks
            else "a step of training throws the first weights far. What to do: smaller weights at the start (Xavier's or He's rule), "
            "gradients clipped to a largest size, or fewer layers."
        ),
    )


def _written(size: Decimal) -> str:
    return f"{float(size):.2g}" if Decimal("1e-300") < size < Decimal("1e300") else f"{size:.1e}"


def _layers(subject: Subject) -> list[Level]:
    """The layers in the order in which they are computed, without those whose gradient is 0 or not finite."""
    scopes = [tuple(node.scope) for node in subject.order if node.inputs and node.scope]
    depth = 1 + _common(scopes)
    trained = {tuple(parameter.scope[:depth]) for parameter in subject.parameters if len(parameter.scope) >= depth}
    inside = {node: tuple(node.scope[:depth]) for node in subject.order if node.inputs}
    leaving: dict[Scope, dict[Value, None]] = {}
    for node in subject.order:
        for source in node.inputs:
            if inside.get(source) in trained and inside[source] != inside[node]:
                leaving.setdefault(inside[source], {})[source] = None
    if inside.get(subject.output) in trained:
        leaving.setdefault(inside[subject.output], {})[subject.output] = None
    sizes = {scope: _root_mean_square(subject, nodes) for scope, nodes in leaving.items()}
    return [Level("/".join(scope), next(iter(leaving[scope])), size) for scope, size in sizes.items() if size]


def _common(scopes: Sequence[Scope]) -> int:
    """How many outer scopes all of them have in common, leaving each at least one of its own."""
    if not scopes:
        return 0
    depth = min(map(len, scopes)) - 1
    return next((k for k in range(depth) if len({scope[k] for scope in scopes}) > 1), depth)


def _root_mean_square(subject: Subject, nodes: Iterable[Value]) -> Decimal:
    sizes = [_size(subject.derivatives.get(node)) for node in nodes]
    squares = [SIZES.multiply(size, size) for size in sizes]
    return SIZES.sqrt(SIZES.divide(sum(squares, Decimal(0)), len(squares)))


def _size(number: Any) -> Decimal:
    """An absolute value, also of exact numbers beyond the floats; 0 where it is unknown or not finite."""
    if number is None or not is_finite(number):
        return Decimal(0)
    if isinstance(number, Rational):
        return SIZES.divide(abs(int(number.numerator)), int(number.denominator))
    return SIZES.create_decimal_from_float(abs(number))


class _Reached(NamedTuple):
    """The path of the largest product from the output to a node: its size, and the activations on it, the last one first."""

    size: Decimal
    num_activations: int
    nearest: Value | None
    before: _Reached | None


def _activations_before_parameters(subject: Subject) -> Iterator[list[Level]]:
    """For each parameter the activations on the way to the output along which it acts most, the first one first."""
    best = {subject.output: _Reached(Decimal(1), 0, None, None)}
    for node in reversed(subject.order):
        reached = best.get(node)
        if reached is None or not node.partials:
            continue
        if isinstance(node.op, Op) and node.op.arity == 1 and node.op.constant_partials == (None,):
            reached = _Reached(reached.size, reached.num_activations + 1, node, reached)
        for source, partial in zip(node.inputs, node.partials, strict=True):
            size = SIZES.multiply(reached.size, _size(partial))
            if size and (source not in best or best[source].size < size):
                best[source] = reached._replace(size=size)
    for parameter in subject.parameters:
        if parameter in best and best[parameter].num_activations >= MIN_LAYERS:
            yield _levels(subject, best[parameter])


def _levels(subject: Subject, reached: _Reached | None) -> list[Level]:
    """The activations as levels, with the derivatives of the output with respect to each."""
    levels = []
    while reached is not None and reached.nearest is not None:
        size = _size(subject.derivatives.get(reached.nearest))
        if size:
            levels.append(Level(subject.path_and_formula(reached.nearest), reached.nearest, size))
        reached = reached.before
    return levels
