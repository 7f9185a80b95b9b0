"""How often check_gradients is wrong: no planted fault agrees, nothing right is accused, and few derivatives are unclear.

Two sweeps: points of every row, where the oracle has 50 digits, and random compositions of rows. A *plant* is a relative error of
1e-5 in one local derivative, or a cut, where one is 0. It counts if it moves a derivative by more than 1e-6 of the largest product of
local derivatives along one path. The counts stand in the table of ``pytest --long``.
"""

import math
import random
from collections import Counter
from itertools import islice

import pytest

from autograd import OPS, Value, apply, check_gradients, topological_order
from tests.autograd.test_random_graphs import drawn, spelled
from tests.oracle import EPS, ROWS, WITNESSES, arguments, digits, everywhere, mp, ordinary, scale
from tests.sweeps import DEPTH, sweep

POINTS = sweep("gradient checks of rows", sample=2_000, full=100_000)
COMPOSITIONS = sweep("gradient checks of compositions", sample=60, full=2_000)
KINKS = sweep("gradient checks at kinks", sample=60, full=2_000)
FAULTS = {"factors 1 + 1e-5": 1 + 1e-5, "cuts": 0.0}
MOVES = 1e-6  # of the largest path: a fault that moves a derivative by less does not count
PLANTED_EVERY = 10  # points of a row
FAULTS_IN_EACH = 2  # composition, of each kind
CHECKED = [op for op in ROWS if not op.detaches]  # whose derivative is 0 by design


def close(tried, counts):
    """What both sweeps hold to, written into the table."""
    assert counts[""] >= tried.count
    for name in ("", "derivatives", "unclear", "falsely accused"):
        tried.tally(name, counts[name])
    for kind in FAULTS:
        for name in ("", ", accused", ", falsely agreed"):
            tried.tally(f"planted {kind}{name}", counts[kind, name])
        assert counts[kind, ", falsely agreed"] == 0
        assert counts[kind, ", accused"] >= counts[kind, ""] / 2
        assert counts[kind, ""] >= (1000 if DEPTH.long else 10)
    assert counts["falsely accused"] == 0
    assert counts["unclear"] < 0.01 * counts["derivatives"]


def judged(counts, report, right):
    """Count the verdicts on a function that has no fault."""
    for place, entry in enumerate(report.inputs):
        counts["derivatives"] += 1
        counts["unclear"] += entry.verdict == "unclear"
        counts["falsely accused"] += entry.verdict == "DIFFERS" and right(place, entry.backward)


def planted(counts, kind, entry):
    counts[kind, ""] += 1
    counts[kind, ", accused"] += entry.verdict == "DIFFERS"
    counts[kind, ", falsely agreed"] += entry.verdict == "agrees"


# --- points of every row ----------------------------------------------------------------------------------------------------


def is_right(op, place, point, derivative):
    """Whether a derivative is that of the oracle, within rounding or a millionth."""
    at = arguments(op, point)
    with mp.workdps(digits(op, point)):
        want = WITNESSES[op.name][1 + place](*at)
        return abs(derivative - want) <= MOVES * abs(want) + 8 * EPS * scale(op.name, 1 + place, at, want)


def points(op):
    """Points where the row has a value and derivatives: half of its own range, half of its whole domain.

    A sample takes every so many of them, since those of the whole domain begin at its ends.
    """
    half, stride = -(-POINTS.full // len(CHECKED) // 2), POINTS.full // POINTS.count
    for drawn_points in (ordinary(op), everywhere(op)):
        regular = (point for point in drawn_points if is_finite(apply(op, *map(Value, point))))
        yield from islice(regular, POINTS.seed, POINTS.seed + half, stride)


def is_finite(node):
    return all(map(math.isfinite, (node.data, *node.partials)))


def with_fault(op, place, factor):
    right = op.kernel
    return lambda *operands: tuple(each * factor if k == place + 1 else each for k, each in enumerate(right(*operands)))


def test_points_of_every_row(monkeypatch):
    counts = Counter()
    for op in CHECKED:
        for number, point in enumerate(points(op)):
            counts[""] += 1
            judged(
                counts,
                check_gradients(lambda *operands, op=op: apply(op, *operands), list(point)),
                lambda place, derivative, op=op, point=point: is_right(op, place, point, derivative),
            )
            if number % PLANTED_EVERY:
                continue
            partials = apply(op, *map(Value, point)).partials
            for place, right in enumerate(partials):
                for kind, factor in FAULTS.items():
                    with monkeypatch.context() as plant:
                        plant.setitem(vars(op), "kernel", with_fault(op, place, factor))
                        wrong = apply(op, *map(Value, point)).partials[place]
                        if abs(wrong - right) > MOVES * abs(right):
                            report = check_gradients(lambda *operands, op=op: apply(op, *operands), list(point))
                            planted(counts, kind, report.inputs[place])
    close(POINTS, counts)


# --- random compositions ----------------------------------------------------------------------------------------------------


def composition(nodes, fault=None):
    """A graph of the oracle's as a function; with a fault in one local derivative of one node, if there is one."""
    leaves = len(nodes[0].slopes)

    def f(*values):
        values = list(values)
        for place, node in enumerate(nodes[leaves:], leaves):
            value = spelled(node.op, [values[each] if type(each) is int else each for each in node.operands])
            if fault and place == fault[0]:
                setattr(value, fault[1], getattr(value, fault[1]) * fault[2])
            values.append(value)
        return values[-1]

    return f


def gradient_and_paths(f, at):
    """The gradient, and for each input the largest product of local derivatives along one path."""
    inputs = [Value(number) for number in at]
    output = f(*inputs)
    output.backward()
    order = topological_order(output)
    largest = dict.fromkeys([*order, *inputs], 0.0)
    largest[output] = 1.0
    for node in reversed(order):
        for source, partial in zip(node.inputs, node.partials, strict=True):
            largest[source] = max(largest[source], largest[node] * abs(partial))
    return [(each.grad, largest[each]) for each in inputs]


def graphs():
    """Random graphs without a detach, which is a cut by design."""
    found, case = 0, DEPTH.seed * 1_000_000
    while found < COMPOSITIONS.count:
        nodes = drawn(case)
        case += 1
        if not any(node.op and node.op.detaches for node in nodes):
            found += 1
            yield case, nodes


def test_random_compositions():
    counts = Counter()
    for case, nodes in graphs():
        counts[""] += 1
        rng = random.Random(case)
        leaves = len(nodes[0].slopes)
        at = [float(node.value) for node in nodes[:leaves]]
        right = composition(nodes)
        last = nodes[-1]
        judged(
            counts,
            check_gradients(right, at),
            lambda place, derivative, last=last: abs(derivative - last.slopes[place]) <= MOVES * last.paths[place],
        )
        before = gradient_and_paths(right, at)
        for kind, factor in [*FAULTS.items()] * FAULTS_IN_EACH:
            place = rng.randrange(leaves, len(nodes))
            slots = [slot for slot, each in zip(("_dx", "_dy"), nodes[place].operands, strict=False) if type(each) is int]
            wrong = composition(nodes, (place, rng.choice(slots), factor))
            after = gradient_and_paths(wrong, at)
            moved = [abs(b[0] - a[0]) > MOVES * a[1] for a, b in zip(before, after, strict=True)]
            if any(moved):
                for entry, counted in zip(check_gradients(wrong, at).inputs, moved, strict=True):
                    if counted:
                        planted(counts, kind, entry)
    close(COMPOSITIONS, counts)


# --- kinks and jumps behind a large constant --------------------------------------------------------------------------------

SIDES = {  # the slopes from both sides of 0, and the jump
    "relu": (0.0, 1.0, 0.0),
    "leaky_relu": (0.01, 1.0, 0.0),
    "abs": (-1.0, 1.0, 0.0),
    "silu": (0.5, 0.5, 0.0),
    "step": (0.0, 0.0, 1.0),
    "sign": (0.0, 0.0, 2.0),
}


def test_kinks_and_jumps_behind_a_constant():
    verdicts = Counter()
    for case in KINKS.cases():
        rng = random.Random(case)
        constant = 10 ** rng.uniform(-3, 20)
        terms = [(rng.choice((-2, -1, 1, 2)), rng.choice([*SIDES]), rng.choice((-1, 1))) for _ in range(rng.randint(1, 3))]
        if rng.random() < 0.3:  # f(x) - f(-x)
            factor, name, direction = terms[0]
            terms = [terms[0], (-factor, name, -direction)]
        left = right = jump = 0.0
        for factor, name, direction in terms:
            before, after, height = SIDES[name]
            left += factor * direction * (before if direction > 0 else after)
            right += factor * direction * (after if direction > 0 else before)
            jump += factor * direction * height
        [entry] = check_gradients(
            lambda x, terms=terms, constant=constant: sum((a * getattr(s * x, name)() for a, name, s in terms), constant), 0.0
        ).inputs
        low, high = sorted((left, right))
        verdicts[entry.verdict] += 1
        if entry.verdict != "unclear":
            assert jump == 0
            between = low - 1e-9 <= entry.backward <= high + 1e-9
            assert entry.verdict == ("DIFFERS" if not between else "kink" if high - low > 1e-9 else "agrees")
    assert DEPTH.case is not None or min(verdicts[word] for word in ("agrees", "kink", "DIFFERS", "unclear")) > 0, verdicts


# --- the points of the issues that were accused once ------------------------------------------------------------------------


def spread(low, high, count=40, seed=0):
    rng = random.Random(seed)
    return [rng.uniform(low, high) for _ in range(count)]


def sizes(low, high, count=40):
    return [10**exponent for exponent in spread(low, high, count)]


ACCUSED_ONCE = {
    "tanh": spread(10, 20),
    "sigmoid": spread(30, 40),
    "log1p": [size - 1 for size in sizes(-15, -3)],
    "log": sizes(-300, -100),
    "sqrt": sizes(-300, -100),
    "softplus": [*sizes(-12, -6), *(-size for size in sizes(-12, -6))],
    "erfc": [*sizes(-12, -6), *(-size for size in sizes(-12, -6))],
    "gelu": [*sizes(-12, -6), *(-size for size in sizes(-12, -6))],
    "exp": spread(690, 709.7),
}
SPELLED = {
    "sqrt|x - 1|": (lambda x: abs(x - 1).sqrt(), [1 + sign * size for size in sizes(-12, -3) for sign in (1, -1)]),
    "|x| + 1": (lambda x: abs(x) + 1, [sign * size for size in sizes(-12, -6) for sign in (1, -1)]),
    "x * x": (lambda x: x * x, sizes(-308, -200)),
}


@pytest.mark.parametrize("name", [*ACCUSED_ONCE, *SPELLED])
def test_where_f_changes_on_another_scale_than_x_it_is_confirmed(name):
    f, at = SPELLED[name] if name in SPELLED else (lambda x: getattr(x, name)(), ACCUSED_ONCE[name])
    assert {check_gradients(f, x).inputs[0].verdict for x in at} == {"agrees"}


def test_what_a_complex_step_leaves_of_a_derivative_0_accuses_nobody():
    [entry] = check_gradients(lambda x: 0.9939549654601766 + apply(OPS["hypot_dx"], x.silu(), 0.0), -0.8985046446365019).inputs
    assert (entry.backward, entry.numeric) == (0, 0)
    assert entry.complex_step != 0
    assert entry.verdict == "unclear"


def test_beside_a_subnormal_number_there_is_no_step():
    report = check_gradients(lambda *operands: apply(OPS["hypot_dx"], *operands), [5e-324, 9.999999999999998e-21])
    assert report.inputs[0].verdict != "DIFFERS"
    assert report.inputs[0].complex_step in (None, pytest.approx(1e20))
