"""compile(verify="first"): real examples go through the function beside the program; what is frozen is named, and rounding is not."""

import copy
import itertools
import logging
import math
import random
import threading
import time
import weakref

import numpy as np
import pytest

import autograd
import nn
from autograd import TracingError, Value, derivative, detach, dot, log, relu, solve, tanh, where
from autograd.compiled import load, reality_check
from autograd.compiled.reality_check import difference, one_of_each
from autograd.compiled.tracing import trace
from autograd.generators import generators_kept, states_of_generators
from tests.sweeps import sweep

w = Value(2.0, "w")
SHUFFLED = sweep("functions that add in another order at each call", sample=60, full=2000)


def counted(function):
    """The function, and the list of what it was called with."""
    calls = []

    def called(*arguments):
        calls.append(arguments)
        return function(*arguments)

    return called, calls


# --- what is frozen --------------------------------------------------------------------------------------------------------


def a_counter():
    count = itertools.count()
    return lambda x, y: (1 + next(count)) * w * x - y


def an_iterator():
    factors = iter([1.0, 1.01, 1.02, 1.03])
    return lambda x, y: next(factors) * w * x - y


def a_clock():
    start = time.perf_counter()
    return lambda x, y: (time.perf_counter() - start) * w * x


def random_numbers():
    return lambda x, y: random.random() * w * x


def an_own_generator():
    rng = random.Random(0)
    return lambda x, y: rng.random() * w * x


def a_generator_of_numpy():
    rng = np.random.default_rng(0)
    return lambda x, y: float(rng.normal()) * w * x


def the_type_of_an_argument():
    return lambda x, y: w * x if type(y) is float else 2 * w * x


def the_identity_of_a_number():
    return lambda x, y: w * x if y is True or type(y).__name__ == "float" else 2 * w * x


def a_factor_of_one_percent():
    factors = iter([1.0, 1.01])
    return lambda x, y: next(factors, 1.01) * (w * x - y) ** 2


def the_number_of_results():
    counts = itertools.count(1)
    return lambda x, y: [w * x] * next(counts)


FROZEN = [
    a_counter, an_iterator, a_clock, random_numbers, an_own_generator, a_generator_of_numpy, the_type_of_an_argument,
    the_identity_of_a_number, a_factor_of_one_percent, the_number_of_results,
]  # fmt: skip


@pytest.mark.parametrize("executor", ["plain", "numpy", "native"])
@pytest.mark.parametrize("make", FROZEN, ids=lambda make: make.__name__)
def test_what_is_frozen_is_refused_with_the_example_and_both_numbers(make, executor):
    program = autograd.compile(make(), [w], executor=executor)
    with pytest.raises(TracingError, match=r"for example 0 .* is .* by the function itself, and .* by the program"):
        program([1.0, 2.0], [0.5, 0.5])
    unverified = autograd.compile(make(), [w], executor=executor, verify="never", reduction="none")
    assert np.isfinite(unverified.value([1.0, 2.0], [0.5, 0.5])).all()


def test_both_numbers_are_those():
    program = autograd.compile(a_factor_of_one_percent(), [w])
    with pytest.raises(
        TracingError, match=r"for example 0 the result is 2\.2725 by the function itself, and 2\.25 by the program"
    ):
        program([1.0, 2.0], [0.5, 0.5])


def test_derivatives_that_differ_alone_are_warned_of(caplog):
    stops = iter([False, True, True])
    with caplog.at_level(logging.WARNING, "autograd.compile"):
        program = autograd.compile(lambda x, y: (detach(w * x) if next(stops) else w * x) - y, [w])
        assert program([1.0], [0.5]).gradients.tolist() == [1.0]
    assert "for example 0 the derivative with respect to w is 0.0 by the function itself, and 1.0 by the program" in caplog.text
    caplog.clear()
    nested = autograd.compile(lambda x: derivative(lambda y: w * y * y)(x), [w])
    assert nested([3.0]).gradients.tolist() == [6.0]
    assert not caplog.records  # with Values the function agrees


def test_a_program_that_was_refused_is_refused_again():
    program = autograd.compile(the_type_of_an_argument(), [w])
    for _ in range(2):
        with pytest.raises(TracingError, match='verify="never" compares nothing'):
            program([1.0], [0.5])


def test_an_example_of_each_label_is_compared():
    def loss(x, y):
        return w * x * (1 if type(y) is not int or y != 7 else 3)

    with pytest.raises(TracingError, match="for example 3 "):
        autograd.compile(loss, [w])([1.0] * 5, [2, 5, 2, 7, 5])
    function, calls = counted(lambda x, y: w * x - y)
    autograd.compile(function, [w])([1.0] * 5, [2, 5, 2, 7, 5])
    assert [y for _, y in calls[1:]] == [2, 5, 7]
    assert one_of_each(range(40)) == [0]  # no labels
    assert one_of_each([*range(40), 0]) == [0]  # too many
    assert one_of_each([b"a", b"b", b"a"]) == [0, 1]


def test_the_first_data_are_compared_and_no_others():
    function, calls = counted(lambda x: w * x)
    program = autograd.compile(function, [w], shapes=[()])
    assert len(calls) == 1
    for _ in range(3):
        program([1.0, 2.0])
    program.value([3.0])
    assert len(calls) == 2
    assert type(calls[1][0]) is float
    function, calls = counted(lambda x: w * x)
    autograd.compile(function, [w], verify="never")([1.0])
    assert len(calls) == 1


def test_a_loaded_program_has_no_function_to_compare(tmp_path):
    program = autograd.compile(the_type_of_an_argument(), [w], shapes=[(), ()])
    program.save(tmp_path / "tape.json")
    for other in (load(tmp_path / "tape.json"), copy.deepcopy(program)):
        assert other.value([1.0], [0.5]) == 4.0


def test_an_unknown_word_is_refused():
    with pytest.raises(ValueError, match="verify is 'first' or 'never', but got 'always'"):
        autograd.compile(lambda x: x, verify="always")


# --- what a check leaves as it was ------------------------------------------------------------------------------------------


def test_nothing_is_left_of_a_check():
    kept = []
    model = nn.MLP(2, [3, 1], seed=0)
    for p in model.parameters():
        p.grad = 7.0

    def loss(x, y):
        random.random()
        np.random.random()  # noqa: NPY002
        output = model(x)
        kept.append(weakref.ref(output))
        return (output - y) ** 2

    tape = trace(loss, model.parameters(), [(2,), ()])
    states = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    assert difference(loss, tape, model.parameters(), [[0.5, -1.0], 1.0]) is None
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states  # noqa: NPY002
    assert len(kept) == 2
    assert kept[1]() is None
    assert {p.grad for p in model.parameters()} == {7.0}


def test_whatever_kind_of_generator_numpys_global_one_is_it_is_put_back():
    before = np.random.get_bit_generator()
    np.random.set_bit_generator(np.random.PCG64(1))
    try:
        with generators_kept():
            drawn = np.random.random(), states_of_generators()  # noqa: NPY002
        assert states_of_generators() != drawn[1]
        assert np.random.random() == drawn[0]  # noqa: NPY002
        assert states_of_generators() == drawn[1]
    finally:
        np.random.set_bit_generator(before)


def test_a_program_called_in_a_trace_is_verified_at_its_next_call():
    c = Value(3.0, "c")
    function, calls = counted(lambda x: c * x)
    inner = autograd.compile(function, [c])
    outer = autograd.compile(lambda x: w * x * inner([2.0]).value, [w])
    assert outer.value([1.0]) == 12.0
    assert len(calls) == 2  # traced in the trace of the outer one, compared when that was compared


# --- who is not accused -----------------------------------------------------------------------------------------------------


def test_what_is_defined_by_ieee_alone_is_not_compared():
    for function, data in (
        (lambda x: log(x) * w, [0.0, 1.0]),
        (lambda x: where(x > 0, log(x), x) * w, [-1.0, 1.0]),
        (lambda x: w / x, [0.0]),
    ):
        value = autograd.compile(function, [w], reduction="none").value(data)
        assert len(value) == len(data)


def test_what_the_function_itself_refuses_is_refused():
    with pytest.raises(ValueError, match="hinge needs targets of -1 or 1"):
        autograd.compile(lambda x, y: nn.hinge(w * x, y), [w])([1.0], [0])
    assert autograd.compile(lambda x, y: nn.hinge(w * x, y), [w], verify="never")([1.0], [0]).value == 1.0


def test_a_function_that_needs_values_gets_them():
    function, calls = counted(lambda x: x.tanh() * w)
    assert autograd.compile(function, [w]).value([0.5]) == pytest.approx(2 * math.tanh(0.5))
    assert [type(x).__name__ for [x] in calls] == ["Value", "float", "Value"]


@pytest.mark.filterwarnings("ignore:Bitwise inversion")  # of True, since Python 3.12
def test_a_function_that_can_only_be_traced_is_not_compared_and_that_is_said(caplog):
    with caplog.at_level(logging.WARNING, "autograd.compile"):
        assert autograd.compile(lambda x: where(~(x < 0), w, 3 * w)).value([1.0, -1.0]) == 4.0
    assert "the program is not verified" in caplog.text


def test_exact_numbers_agree_with_the_programs_floats():
    p = Value(3, "p")
    assert autograd.compile(lambda x: p**20 * x / 7, [p])([3])[0] == pytest.approx(3**21 / 7)


def test_equations_that_are_solved_agree():
    p = Value(0.5, "p")
    program = autograd.compile(lambda x: solve(lambda u: u**3 + u - p * x, 0.1), [p])
    [u] = program.per_example([2.0]).values
    assert u**3 + u == pytest.approx(1.0, rel=1e-12)


def shuffled(case, factor=1.0):
    """A random network and loss, which adds everything in another order at each call; and data for one example of it.

    Sums are ill-conditioned on purpose: they hold large terms that cancel.
    """
    rng, order = random.Random(case), random.Random(case)
    width, depth = rng.randint(1, 6), rng.randint(1, 4)
    parameters = [Value(rng.gauss(0, 1) * 10 ** rng.uniform(-2, 2), f"p{k}") for k in range((width + 1) * width * depth)]
    large = 10 ** rng.uniform(0, 8)
    activations = [rng.choice([tanh, relu, autograd.sigmoid, autograd.sin, autograd.softplus]) for _ in range(depth)]
    calls = itertools.count()

    def added(terms):
        result = 0.0
        for term in order.sample(terms, len(terms)):
            result = result + term
        return result

    def loss(x, y):
        scale = factor if next(calls) else 1.0
        weights = iter(parameters)
        h = x
        for activation in activations:
            rows = [[next(weights) for _ in range(width + 1)] for _ in range(width)]
            h = [
                activation(added([*(a * b for a, b in zip(row, h, strict=False)), row[-1], large * h[0], -large * h[0]]))
                for row in rows
            ]
        return scale * added([(a - y) ** 2 for a in h])

    return loss, parameters, [[rng.gauss(0, 1) for _ in range(width)], rng.gauss(0, 1)]


def found(case, factor=1.0):
    loss, parameters, example = shuffled(case, factor)
    return difference(loss, trace(loss, parameters, [(len(example[0]),), ()]), parameters, example)


def test_another_order_of_adding_accuses_nobody():
    for case in SHUFFLED.cases():
        assert found(case) is None


def test_a_factor_of_one_percent_is_found_in_all_of_them():
    for case in SHUFFLED.cases():
        assert found(case, factor=1.01) is not None


def test_without_a_tolerance_rounding_would_be_accused(monkeypatch):
    monkeypatch.setattr(reality_check, "MARGIN", 0)
    assert sum(found(case) is not None for case in range(20)) > 15


def test_a_parameter_that_another_thread_moves_meanwhile_accuses_nobody():
    p = Value(1.0, "p")

    def moving(x):
        other = threading.Thread(target=setattr, args=(p, "data", 5.0))
        other.start()
        other.join()
        return p * x

    tape = trace(lambda x: p * x, [p], [()])
    assert difference(moving, tape, [p], [2.0]) is None
    assert difference(lambda x: 2 * p * x, tape, [p], [2.0]) is not None


def test_a_sum_over_a_set_is_not_accused():
    terms = [Value(random.Random(k).gauss(0, 1), f"t{k}") for k in range(50)]

    def function(x):
        return sum({t * x for t in terms}) + dot(terms, terms)

    for x in (0.5, -3.0, 1e8):
        assert autograd.compile(function, terms).value([x]) == pytest.approx(function(x).data, rel=1e-9)
