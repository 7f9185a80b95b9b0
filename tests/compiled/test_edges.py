"""Random tapes on 0, 1e300 and infinity: all executors agree whether a result is finite, infinite or nan, and on what is finite.

``plain`` is the reference; the graph engine is beside it in tests/autograd. Where rounding decides, executors may differ: 1 / (x - y)
is infinite or just large. So a difference is forgiven if plain floats differ from themselves once each result and each local
derivative is off in its last digits.
"""

import itertools
import math
import random
import sys
from dataclasses import replace

import numpy as np
import pytest

import autograd
import nn
from autograd import OPS, Value
from autograd.compiled import optimism, plain
from autograd.compiled.arrays import arithmetic, ufuncs
from autograd.compiled.executors import make_executor
from autograd.compiled.tape import Instruction, Tape
from tests import cut_tapes
from tests.compiled.oracle import EXECUTORS
from tests.sweeps import sweep

TAPES = sweep("tapes on 0, 1e300 and infinity", sample=400, full=100_000)
NUMBERS = [0.0, 0.0, 1.0, -1.0, 2.0, 0.5, -0.5, 1e300, -1e300, float("inf"), float("-inf")]
TAME = [0.0, 1.0, -1.0, 2.0, 0.5, -0.5, -2.0]
COMMON = ["mul", "mul", "add", "add", "sub", "div", "maximum", "minimum", "relu", "detach", "sqrt", "abs", "when"]
EPSILON = sys.float_info.epsilon
SATURATING = {"tanh", "sigmoid"}  # 1 - tanh² is what rounding left
MAY_DIFFER = 0.01  # of the tapes: that many may be decided by rounding


def member(rng, op):
    return op.at(rng.choice([0, 1, 2, -1, 0.5, 3])) if op.is_family else op


def any_tape(rng):
    """Rows in any order; most read what is new."""
    parameters, inputs, size = rng.randint(0, 4), rng.randint(1, 3), rng.randint(2, 14)
    constants = tuple(dict.fromkeys(rng.choices(NUMBERS, k=rng.randint(0, 3))))
    first = parameters + inputs + len(constants)
    instructions = []
    for slot in range(first, first + size):
        op = member(rng, OPS[rng.choice(COMMON)] if rng.random() < 0.7 else rng.choice([*OPS.values()]))
        near = [slot - 1, rng.randrange(slot), rng.randrange(max(0, slot - 4), slot)]
        instructions.append(Instruction(op, *(rng.choice(near) for _ in range(op.arity))))
    output = first + size - 1
    return Tape(parameters, inputs, constants, tuple(instructions), (output,), parameters).restrict_to_output(0)


def layered_tape(rng):
    """Sums of products, as networks have them: rows of matrices, and activations between them."""
    inputs, width, depth = rng.randint(1, 4), rng.randint(1, 9), rng.randint(1, 2)
    parameters = rng.randint(1, 6)
    constants = tuple(dict.fromkeys(rng.choices(NUMBERS, k=2)))
    before, weights = [*range(parameters, parameters + inputs)], [*range(parameters)]
    slot = parameters + inputs + len(constants)
    starts = range(parameters + inputs, slot)
    instructions = []

    def add(op, *operands):
        nonlocal slot
        instructions.append(Instruction(op, *operands))
        slot += 1
        return slot - 1

    if rng.random() < 0.4:
        weights.append(add(OPS[rng.choice(["sqrt", "relu", "detach", "exp"])], rng.choice(weights)))  # shared, and computed
    for _ in range(depth):
        sums = []
        for _ in range(width):
            total = rng.choice([None, rng.choice(weights), rng.choice([*starts]), rng.choice(before)])
            for operand in before[: rng.choice([2, 9])]:
                product = add(OPS["mul"], *rng.sample([rng.choice([*weights, *starts]), operand], 2))
                total = product if total is None else add(OPS["add"], total, product)
            sums.append(total)
        op = OPS[rng.choice(["relu", "relu", "tanh", "sqrt", "abs", "detach"])]
        before = [add(op, each) for each in sums]
    total = before[0]
    for each in before[1:]:
        total = add(OPS[rng.choice(["add", "add", "maximum"])], total, each)
    return Tape(parameters, inputs, constants, tuple(instructions), (total,), parameters).restrict_to_output(0)


def drawn(seed):
    """A tape with its parameters and examples."""
    rng = random.Random(seed)
    if rng.random() < 0.25:  # a tape on which the graph engine has been compared with the rule by hand
        case = cut_tapes.drawn(seed, examples=rng.choice([1, 2, 9]))
        tape = replace(case.tape, num_differentiated=case.tape.parameters)
        return tape, np.array(case.parameters), case.examples
    tape = rng.choice([any_tape, layered_tape])(rng)
    numbers = NUMBERS if rng.random() < 0.6 else TAME
    theta = np.array([rng.choice(numbers) for _ in range(tape.parameters)])
    size = rng.choice([1, 1, 2, 7, 9, 40])
    examples = np.array([[rng.choice(numbers) for _ in range(tape.inputs)] for _ in range(size)])
    return tape, theta, examples


def answers(executor, tape, theta, examples):
    """All that a program is asked for."""
    bound = make_executor(executor, tape).bind(examples, False)
    whole = bound.gradient(theta)  # plain adds up the gradients of the examples
    values, slopes = make_executor(executor, tape.with_inputs()).bind(examples).per_example(theta)
    return {
        "outputs": bound.outputs(theta)[:, 0],
        "sum": np.array([whole[0], bound.value(theta)]),
        "gradient": whole[1],
        "values": values,
        "slopes": slopes,
    }


def same(found, wanted):
    """Whether classes agree, and finite numbers."""
    finite = np.isfinite(wanted)
    infinite = np.isinf(wanted)
    if not (np.isfinite(found) == finite).all() or not (np.isinf(found) == infinite).all():
        return False
    if not (found[infinite] == wanted[infinite]).all():
        return False
    largest = np.abs(wanted[finite]).max(initial=0.0)
    return bool((np.abs(found[finite] - wanted[finite]) <= 1e-9 * largest + 1e-14).all())  # 1 - tanh² is what rounding left


def differences(case, executor):
    tape, theta, examples = drawn(case)
    with np.errstate(all="ignore"):
        found, wanted = answers(executor, tape, theta, examples), answers("plain", tape, theta, examples)
        return [what for what in wanted if not same(found[what], wanted[what])]


def is_decided_by_rounding(case, monkeypatch):
    """Whether plain floats differ from themselves once each number is off in its last digits."""
    tape, theta, examples = drawn(case)
    exact, rng = plain.computed, random.Random(0)

    def off(op, *operands):
        absolute = 4 * EPSILON if op.name in SATURATING else 0.0
        primal, *partials = (each * (1 + rng.uniform(-1, 1) * 1e-13) for each in exact(op, *operands))
        return [primal, *(each + rng.uniform(-1, 1) * absolute for each in partials)]

    with np.errstate(all="ignore"):
        wanted = answers("plain", tape, theta, examples)
        for _ in range(8):
            with monkeypatch.context() as patched:
                patched.setattr(plain, "computed", off)
                found = answers("plain", tape, theta, examples)
            if not all(same(found[what], wanted[what]) for what in wanted):
                return True
    return False


@pytest.mark.parametrize("executor", EXECUTORS[1:])
def test_executors_agree_where_numbers_are_infinite(executor, monkeypatch):
    forgiven = tried = 0
    for case in TAPES.cases(executor):
        tried += 1
        if found := differences(case, executor):
            assert is_decided_by_rounding(case, monkeypatch), (found, drawn(case))
            forgiven += 1
    assert forgiven <= MAY_DIFFER * tried + 1


# --- planted bugs -----------------------------------------------------------------------------------------------------


def poles():
    """Functions in which one small step is decisive: a root at 0 to which nothing comes, a product that overflows."""
    r, v, p = Value(0.0), Value(0.5), Value(1e300)
    return [
        (lambda x, y: (r.sqrt() * x - 9).relu(), r, 1.0),
        (lambda x, y: (r.sqrt() * x + v * y - 9).relu(), r, 1.0),
        (lambda x, y: (v * (r * x).sqrt() + v * y - 9).relu(), r, 1.0),
        (lambda x, y: (p * x - p * y).tanh() + (p * x + p * y).tanh(), p, 1e300),
        (lambda x, y: (r.sqrt() * x - 9).relu() + (r.sqrt() * y + r.sqrt() * x * x - 9).relu(), r, 1.0),
        (lambda x, y: ((r * x).sqrt() * y - 9).relu() + (r * y).sqrt().detach(), r, 1.0),
        (lambda x, y: (r * x + v * y).relu() + (r.sqrt() * x + v * y).detach(), r, 1.0),
        (lambda x, y: ((root := (r * x).sqrt()) * x - 9).relu() + (root * y - 9).relu(), r, 1.0),
    ]


def poles_differ(executor):
    found, wanted = [], []
    for function, parameter, x in poles():
        for name, results in ((executor, found), ("plain", wanted)):
            step = autograd.compile(function, [parameter], executor=name).bind([x] * 9, [-x] * 9)
            results += [step.value(), *step().gradients]
    return not same(np.array(found), np.array(wanted))


@pytest.mark.parametrize("executor", EXECUTORS[1:])
def test_at_poles_executors_agree(executor):
    assert not poles_differ(executor)


@pytest.mark.parametrize("executor", EXECUTORS[1:])
def test_fast_code_alone_is_caught(executor, monkeypatch):
    monkeypatch.setattr(optimism.FastOrCareful, "ask", lambda self, question, theta: question(self._make(False), theta)[0])
    assert poles_differ(executor)


@pytest.mark.parametrize("executor", EXECUTORS[2:])
def test_sums_that_begin_with_zero_in_native_code_are_caught(executor, monkeypatch):
    from autograd.compiled.native.plan import batch, shared

    monkeypatch.setattr(batch, "NOTHING", 0.0)
    monkeypatch.setattr(shared, "NOTHING", 0.0)
    assert poles_differ(executor)


def fused_product(self, multiplications):
    """A product of matrices that rounds sums alone, as that of many processors does."""
    return lambda a, b, out: np.ldexp(np.ldexp(a, -500) @ np.ldexp(b, -500), 1000, out=out)


@pytest.mark.parametrize(
    ("owner", "name", "wrong"),
    [
        (arithmetic.Careful, "start", 0.0),
        (arithmetic.Careful, "sum", arithmetic.Fast.sum),
        (arithmetic.Careful, "add_at", arithmetic.Fast.add_at),
        (arithmetic.Careful, "product", fused_product),
        (arithmetic.Careful, "adjoint_product", lambda self, multiplications, adjoint_first=False: np.matmul),
        (ufuncs, "cut", lambda op, index: lambda *arrays: False),
    ],
)
def test_a_careless_step_of_arrays_is_caught(owner, name, wrong, monkeypatch):
    monkeypatch.setattr(owner, name, wrong)
    assert poles_differ("numpy")


# --- single functions -------------------------------------------------------------------------------------------------

INF, NAN = math.inf, math.nan
KNOWN = {
    "a branch that is not chosen": (lambda w, x: autograd.maximum(w * x, 0.0).sqrt(), 1.0, -1e-17, 0.0, 0.0),
    "a clipped argument": (lambda w, x: autograd.minimum(w * x, 1.0).asin(), 1.0, 1.5, math.pi / 2, 0.0),
    "a detached root": (lambda w, x: w * x + (w * x).sqrt().detach(), 1.0, 0.0, 0.0, 0.0),
    "a dead unit before a pole": (lambda w, x: (w * x).sqrt().relu(), 1.0, 0.0, 0.0, 0.0),
    "a computed zero": (lambda w, x: (0.0 * w * x).sqrt(), 1.0, 1.0, 0.0, NAN),
    "infinite and not chosen": (lambda w, x: autograd.maximum(w, x), 2.0, INF, INF, 0.0),
    "nan behind a condition": (lambda w, x: autograd.where(x > 0, w * x, 0.0), 2.0, NAN, 0.0, 0.0),
    "a product that overflows": (lambda w, x: (x * w + x * w - INF).relu(), 1e300, 1e300, NAN, NAN),
    "an infinite constant": (lambda w, x: autograd.logsumexp([w * x, Value(-INF)]), 2.0, 3.0, 6.0, 3.0),
    "an infinite parameter": (lambda w, x: autograd.exp(-w) * x, INF, 1.0, 0.0, 0.0),
    "a nan parameter": (lambda w, x: w.detach() * 0.0 + x, NAN, 1.0, NAN, 0.0),
}


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("count", [1, 3, 9, 40])
def test_what_is_cut_passes_nothing_on(name, executor, count):
    function, number, x, value, slope = KNOWN[name]
    w = Value(number)
    step = autograd.compile(lambda x: function(w, x), [w], executor=executor, reduction="sum").bind([x] * count)
    np.testing.assert_allclose(step.value(), value * count, rtol=1e-12)
    np.testing.assert_allclose(step()[1], [slope * count], rtol=1e-12)
    np.testing.assert_allclose(step.per_example().gradients, [[slope]] * count, rtol=1e-12)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_one_example_at_a_pole_leaves_the_others_alone(executor):
    w = Value(1.0)
    found = autograd.compile(lambda x: autograd.maximum(w * x, 0.0).sqrt(), [w], executor=executor).per_example(
        [-1.0, 4.0, 0.0, 9.0]
    )
    np.testing.assert_allclose(found.gradients[:, 0], [0.0, 1.0, NAN, 1.5])  # at the tie 1/2 of an infinite slope: see below


ZERO, LARGE = Value(0.0), Value(INF)
SHARED = [  # functions of what all examples share, whose local derivatives are infinite; the parameters; an example's gradient
    (lambda x: ZERO.sqrt() * x, [ZERO], lambda x: [x * INF]),
    (lambda x: ZERO.sqrt() * x.relu(), [ZERO], lambda x: [x * INF if x > 0 else NAN]),
    (lambda x: autograd.cbrt(ZERO) * x, [ZERO], lambda x: [x * INF]),
    (lambda x: (ZERO.sqrt() * x + 0.5).relu(), [ZERO], lambda x: [x * INF]),
    (lambda x: (ZERO.sqrt() * x + x).relu(), [ZERO], lambda x: [x * INF if x > 0 else 0.0]),
    (lambda x: autograd.norm([LARGE, x.detach() * 0 + 1]), [LARGE], lambda x: [NAN]),
    (lambda x: autograd.norm([LARGE, Value(1.0)]), [LARGE], lambda x: [NAN]),
]


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("points", [[0.0, 1.0], [-1.0, 1.0], [1.0, 2.0], [-1.0, -2.0], [2.0, 0.0, -3.0] * 30])
@pytest.mark.parametrize(("function", "parameters", "slopes"), SHARED)
def test_the_gradient_of_a_batch_is_the_sum_of_the_gradients_of_its_examples(function, parameters, slopes, points, executor):
    wanted = np.array([slopes(x) for x in points])
    for reduction in ("sum", "mean"):
        step = autograd.compile(function, parameters, executor=executor, reduction=reduction).bind(points)
        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal(step.per_example().gradients, wanted)
            np.testing.assert_array_equal(step().gradients, getattr(wanted, reduction)(axis=0))


@pytest.mark.parametrize("executor", EXECUTORS[1:])
def test_equal_calls_give_equal_bits_whatever_was_asked_between(executor):
    rng = np.random.default_rng(0)
    w = [Value(each) for each in rng.normal(size=6)]
    program = autograd.compile(lambda x: sum((a * x).tanh() * b for a, b in itertools.pairwise(w)) / w[0], w, executor=executor)
    step, theta = program.bind(rng.normal(size=37)), program.parameters()
    zero = theta * [0.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    first = step(theta)
    for _ in range(2):
        for _ in range(3):
            assert not np.isfinite(step(zero).gradients).all()
        for _ in range(3):
            again = step(theta)
            assert (again.value, again.gradients.tolist()) == (first.value, first.gradients.tolist())


TARGET = [0.0, 1.0, 0.0]
CAREFREE = {
    "activations": lambda ws, x: autograd.total((w * x).relu().sigmoid() for w in ws),
    "softmax": lambda ws, x: autograd.softmax([w * x for w in ws])[1],
    "logsumexp": lambda ws, x: autograd.logsumexp([w * x for w in ws]),
    "norm": lambda ws, x: autograd.norm([w * x for w in ws]),
    "where": lambda ws, x: autograd.where(x < 0, lambda: ws[0] * x, lambda: ws[1].exp() / x),
    "cross_entropy": lambda ws, x: nn.cross_entropy(autograd.softmax([w * x for w in ws]), TARGET),
    "cross_entropy_logits": lambda ws, x: nn.cross_entropy_logits([w * x for w in ws], TARGET),
    "cross_entropy_logits, x in the target": lambda ws, x: nn.cross_entropy_logits([w * x for w in ws], [x, 1 - x, 0]),
}


@pytest.mark.parametrize("executor", EXECUTORS[1:])
@pytest.mark.parametrize("name", CAREFREE)
def test_finite_numbers_need_no_care(executor, name):
    ws = [Value(-0.3), Value(0.2), Value(0.7)]
    step = autograd.compile(lambda x: CAREFREE[name](ws, x), ws, executor=executor).bind(np.linspace(-2.0, 2.0, 50))
    step(), step.value(), step.per_example()
    ways = [each for each in vars(step._bound).values() if isinstance(each, optimism.FastOrCareful)]
    assert ways
    assert not any(way._careful for way in ways)


@pytest.mark.parametrize("executor", EXECUTORS[2:])
def test_threads_are_careful_too(executor, monkeypatch):
    from autograd.compiled.native import bound

    monkeypatch.setattr(bound, "OPERATIONS_PER_THREAD", 1)
    for case in range(40):
        tape, theta, examples = drawn(case)
        examples = np.resize(examples, (100, examples.shape[1]))
        with np.errstate(all="ignore"):
            one = make_executor("native", tape).bind(examples, False).gradient(theta)
            three = make_executor("native", tape, threads=3).bind(examples, False).gradient(theta)
        assert same(np.array(three[0]), np.array(one[0]))
        assert same(three[1], one[1])


@pytest.mark.parametrize("name", [*ufuncs.UFUNCS, "power"])
def test_numpy_notes_what_becomes_infinite_or_nan(name):
    """On it rests that fast code is trusted."""
    function = np.power if name == "power" else ufuncs.UFUNCS[name]
    seconds = (-1.0, 0.5, 3.0, 0.0, 1e300) if function.nin == 2 else (1.0,)
    for number, second, size in itertools.product(EXTREME, seconds, (1, 8, 33)):
        x, fast = np.full(size, 0.5), arithmetic.Fast()
        x[0] = number
        with fast.flags():
            found = function(*[x, second][: function.nin])
        assert fast.doubt or math.isfinite(found[0]), (number, second)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_quotients_and_remainders_are_pythons(executor):
    rng = random.Random(7)
    points = [
        (1e16, 3.0),
        (-28620507386377.88e2, 0.1),
        (9007199254740991.0, -0.3),
        (1e300, 7.0),
        (-5.0, math.inf),
        (2.0**53, -1.0),
    ]
    points += [(rng.uniform(-1, 1) * 10 ** rng.uniform(0, 18), rng.choice([3.0, 0.1, -0.3, 7.0, -1e-3])) for _ in range(3000)]
    xs, ys = np.array(points).T
    for f in (lambda x, y: x // y, lambda x, y: x % y):
        found = autograd.compile(lambda x, y, f=f: f(x, y), executor=executor).per_example(xs, ys).values
        assert found.ravel().tolist() == [f(x, y) for x, y in points]
    assert [(Value(x) // y).data for x, y in points] == [x // y for x, y in points]


@pytest.mark.parametrize("executor", EXECUTORS[2:])
@pytest.mark.parametrize("lanes", [8, 4, 2, 1])
def test_native_code_notes_what_becomes_infinite_or_nan(executor, lanes):
    from autograd.compiled.native import Native

    for op in [op for op in OPS.values() if op.arity == 1 and not op.is_family] + [OPS["pow"].at(c) for c in (-1, 0.5, 3, 7)]:
        tape = Tape(0, 1, (), (Instruction(op, 0),), (1,), 0)
        for number in EXTREME:
            x = np.full((lanes, 1), 0.5)
            x[0] = number
            found, raised = Native(tape, lanes=lanes).bind(x)._batch._make(False).outputs(np.zeros(0))
            assert raised or np.isfinite(found).all(), (op, number)
    for op in (OPS[name] for name in ("hypot", "atan2", "mod", "floordiv", "logaddexp", "power")):
        tape = Tape(0, 2, (), (Instruction(op, 0, 1),), (2,), 0)
        for numbers in itertools.product(EXTREME, EXTREME):
            x = np.full((lanes, 2), 0.5)
            x[0] = numbers
            found, raised = Native(tape, lanes=lanes).bind(x)._batch._make(False).outputs(np.zeros(0))
            assert raised or np.isfinite(found).all(), (op, numbers)


EXTREME = [0.0, -0.0, 0.5, 1.0, -1.0, 1.5, -2.0, 20.0, 300.0, -300.0, 709.0, 710.0, -710.0, 1e5, -1e5, 1e300, -1e300]


def test_a_large_product_of_matrices_is_looked_at():
    """The library of matrices may use threads, and flags belong to a thread."""
    a, b, fast = np.ones((300, 300)), np.ones((300, 300)), arithmetic.Fast()
    a[:, -1] = b[-1, -1] = 1e300
    with fast.flags():
        fast.product(300**3)(a, b, np.empty((300, 300)))
    assert fast.doubt
