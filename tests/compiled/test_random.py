"""Random functions on every executor beside the eager engine; and that bugs planted in the executors are caught."""

import itertools
import random
from functools import cache

import numpy as np
import pytest

import autograd
from autograd import OPS, Value, apply
from autograd.compiled import plain
from autograd.compiled.arrays import buffers, executor, ufuncs
from tests.compiled import tapes
from tests.compiled.oracle import EXECUTORS, eager, errors, program
from tests.compiled.tapes import Drawn, Sketch, any_rows, drawn, layers
from tests.sweeps import sweep

TOLERANCE = 1e-12  # of the largest entry: what vectors may differ by; the worst of 3,000 functions is 1e-14
FUNCTIONS = sweep("random functions", sample=250, full=4000)
NESTED = sweep("gradients of gradients of random functions", sample=120, full=1200)

truth = cache(lambda case: eager(drawn(case)))


def off(case, executor):
    """The largest error of a random function."""
    return max(errors(drawn(case), executor, truth(case)).values())


def worst_of_arrays():
    """The largest error in NumPy of the first hundred, which show a planted bug."""
    return max(off(case, "numpy") for case in range(100))


def test_the_functions_are_what_they_are_said_to_be():
    functions = [drawn(case) for case in range(FUNCTIONS.sample)]
    assert {op.name for each in functions for op, _ in each.lines} == {*OPS}
    assert {len(each.examples) for each in functions} >= {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33}
    assert {len(each.outputs) for each in functions} == {1, 3}
    reads = [[operand for _, operands in each.lines for operand in operands] for each in functions]
    assert sum(len({*each}) < len(each) for each in reads) > len(functions) / 2  # fan-out
    assert any(type(operand) is float for each in reads for operand in each)
    unused = [{*range(len(each.parameters))} - {*read} for each, read in zip(functions, reads, strict=True)]
    assert any(unused)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_random_functions(executor):
    for case in FUNCTIONS.cases(executor):
        assert FUNCTIONS.error(off(case, executor)) < TOLERANCE


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("size", [2000])
def test_a_deep_function(executor, size):
    deep = any_rows(random.Random(1), size, 3)
    assert len(deep.lines) == size
    assert max(errors(deep, executor).values()) < TOLERANCE


@pytest.fixture(scope="module")
def wide():
    drawn_ones = (layers(random.Random(seed), 200, 2, 33) for seed in itertools.count())
    function = next(each for each in drawn_ones if len(each.lines) > 1000)
    return function, eager(function)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_wide_function(wide, executor):
    function, expected = wide
    assert max(errors(function, executor, expected).values()) < TOLERANCE


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", [*OPS])
def test_each_row_alone(name, executor):
    rng = random.Random(0)
    for constant in range(9 if OPS[name].is_family else 1):
        op = OPS[name].at(tapes.CONSTANTS[constant]) if OPS[name].is_family else OPS[name]
        sketch = Sketch(rng, 1, 1, 33)
        for k, (low, high) in enumerate([*op.samples, *op.samples][:2]):
            numbers = [rng.uniform(low, high) for _ in range(33)]
            sketch.numbers[k] = [numbers[0]] * 33 if k == 0 else numbers
        sketch.leaves, sketch.examples = [sketch.numbers[0][0]], np.array([sketch.numbers[1]]).T
        low, high = op.samples[0]
        if op.arity == 1:
            sketch.leaves, sketch.examples = [0.0], np.array([[rng.uniform(low, high)] for _ in range(33)])
            lines = [tapes.Line(op, (1,)), tapes.Line(OPS["add"], (2, 0))]
        else:
            lines = [tapes.Line(op, (0, 1))]
        assert max(errors(Drawn(sketch.leaves, sketch.examples, lines, [len(lines) + 1]), executor).values()) < TOLERANCE


@pytest.mark.parametrize("executor", EXECUTORS)
def test_gradients_of_gradients(executor):
    """Each function and its slopes are added up, and differentiated once more."""
    checked = 0
    for case in NESTED.cases(executor):
        function = drawn(case)
        if len(function.outputs) > 1 or len(function.lines) > 25:
            continue

        def with_slopes(parameters, function=function):
            first = function.function(parameters)

            def second(x):
                output = first(x)
                slopes = autograd.grad(output, [*parameters, *x], create_graph=True)
                return [output + 0.125 * autograd.total(slopes)]

            return lambda x: second(x)[0]

        values = function.values()
        compiled = autograd.compile(with_slopes(values), values, executor=executor)
        found = compiled.per_example(function.examples)
        reduced = compiled(function.examples).gradients
        slopes = []
        for value, gradient, example in zip(found.values, found.gradients, function.examples.tolist(), strict=True):
            parameters = function.values()
            output = with_slopes(parameters)([Value(each) for each in example])
            output.backward()
            slopes.append([each.grad for each in parameters])
            scale = max(1.0, abs(output.data), *map(abs, slopes[-1])) if parameters else 1.0
            assert abs(value - output.data) < 1e-11 * max(1.0, abs(output.data))
            assert np.abs(gradient - slopes[-1]).max(initial=0.0) < 1e-9 * scale
        assert np.abs(reduced - np.mean(slopes, axis=0)).max(initial=0.0) < 1e-9 * max(1.0, np.abs(slopes).max(initial=0.0))
        checked += 1
    assert checked > 0.4 * NESTED.count


@pytest.mark.parametrize("executor", EXECUTORS)
def test_sums_of_every_kind(executor):
    """Terms that are repeated, shared by all examples, read elsewhere, constant, and links that are."""

    def sums(parameters):
        a, b, c, d = parameters

        def function(x):
            twice = x[0] + a + x[0] + b + x[0] + 2.5 + x[1]
            shared = a * a + (b * b + (c * c + (d * d + a)))
            link = x[0] + x[1] + a + b
            return twice * shared + (link + x[1] + c + d) * link + (b + b + b + b + b)

        return function

    numbers, data = [0.5, -1.5, 2.0, 0.25], np.random.default_rng(0).normal(size=(33, 2))
    values = [Value(each) for each in numbers]
    found = autograd.compile(sums(values), values, executor=executor)
    each = found.per_example(data)
    for n, example in enumerate(data.tolist()):
        parameters, inputs = [Value(number) for number in numbers], [Value(number) for number in example]
        output = sums(parameters)(inputs)
        output.backward()
        assert each.values[n] == pytest.approx(output.data, rel=1e-13)
        np.testing.assert_allclose(each.gradients[n], [p.grad for p in parameters], rtol=1e-12)
    np.testing.assert_allclose(found(data).gradients, each.gradients.mean(axis=0), rtol=1e-12)
    if executor == "numpy":
        assert found.steps.count("sum of ") == 5


# --- bit for bit ------------------------------------------------------------------------------------------------------


def same_bits(case):
    function, wanted = drawn(case), truth(case)
    compiled = program(function, "plain")
    if len(function.outputs) > 1:
        pairs = [(compiled.value(function.examples), wanted.outputs), (compiled.jacobian(function.examples), wanted.slopes)]
    else:
        found = compiled.per_example(function.examples)
        pairs = [(found.values, wanted.outputs[:, 0]), (found.gradients, wanted.slopes[:, 0])]
    return all(np.array_equal(got, expected) for got, expected in pairs)


def test_plain_floats_equal_backward_bit_for_bit():
    for case in FUNCTIONS.cases("bit for bit"):
        assert same_bits(case)


def test_of_several_outputs_each_is_added_up_in_its_own_order():
    """Of this one, a leaf takes three contributions, which the order of all outputs together would add up otherwise."""
    assert same_bits(389)


def test_at_kinks_and_infinities_plain_floats_equal_backward():
    numbers = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -2.0, 1e-300, 1e300, float("inf"), float("-inf"), float("nan")]
    for op in (
        member
        for family in OPS.values()
        for member in ([family.at(c) for c in (-1, 0, 1, 2, 0.5)] if family.is_family else [family])
    ):
        for x in numbers:
            for y in numbers if op.arity == 2 else [1.0]:
                w, v = Value(x), Value(y)
                try:
                    out = apply(op, *[w, v][: op.arity])
                except ValueError:
                    continue  # outside the domain the engine raises
                out.backward()
                function = (lambda y, op=op, w=w: apply(op, w, y)) if op.arity == 2 else (lambda y, op=op, w=w: apply(op, w))
                compiled = autograd.compile(function, [w], executor="plain")
                value, gradients = compiled([y])
                np.testing.assert_array_equal([value, gradients[0]], [out.data, w.grad], err_msg=f"{op} at {x}, {y}")
                w.grad = 0.0


# --- planted bugs -----------------------------------------------------------------------------------------------------


def test_a_lost_contribution_is_caught(monkeypatch):
    right = plain.backward

    def losing(tape, partials):
        short = [
            local if len(local) == 1 else (local[0], 0.0) if instruction.x == instruction.y else local
            for instruction, local in zip(tape.instructions, partials, strict=True)
        ]
        return right(tape, short)

    monkeypatch.setattr(plain, "backward", losing)
    assert not all(map(same_bits, range(FUNCTIONS.sample)))


def test_a_wrong_order_is_caught(monkeypatch):
    """By depth from the last to the first: each instruction still comes after all that read it."""

    def by_depth(tape, partials):
        depth = [0] * tape.num_slots
        for slot, instruction in enumerate(tape.instructions, start=tape.first_slot):
            depth[slot] = 1 + max(depth[source] for source in instruction.operands)
        adjoints = [0.0] * tape.num_slots
        adjoints[tape.outputs[0]] = 1.0
        for slot in sorted(range(tape.first_slot, tape.num_slots), key=lambda slot: -depth[slot]):
            for source, partial in zip(
                tape.instructions[slot - tape.first_slot].operands, partials[slot - tape.first_slot], strict=True
            ):
                adjoints[source] += partial * adjoints[slot]
        return adjoints

    monkeypatch.setattr(plain, "backward", by_depth)
    assert not all(map(same_bits, range(FUNCTIONS.sample)))  # the last bits of some differ


def test_an_integer_where_is_caught(monkeypatch):
    ufuncs.value.cache_clear()
    ufuncs.partial.cache_clear()
    monkeypatch.setitem(ufuncs.ARRAYS, "where", lambda p, a, b: np.where(p, np.asarray(a).astype(int), b))
    caught = worst_of_arrays()
    monkeypatch.undo()
    ufuncs.value.cache_clear()
    ufuncs.partial.cache_clear()
    assert caught > TOLERANCE


@pytest.mark.parametrize("name", ["_accumulate", "_sum_over_examples"])
def test_a_lost_contribution_of_arrays_is_caught(name, monkeypatch):
    """Of the contributions to one slot only the last counts: what NumPy's ``a[index] += b`` does."""

    def losing(adjoints, lines, *rest):
        index, first = np.array(lines), rest[0] is True

        def give(given):
            given = given if given.shape[1] == adjoints.shape[1] else given.sum(axis=1, keepdims=True)
            adjoints[index] = given if first else adjoints[index] + given

        return give

    monkeypatch.setattr(buffers, name, losing)
    assert worst_of_arrays() > TOLERANCE


def test_a_contribution_that_overwrites_is_caught(monkeypatch):
    right = buffers._accumulate
    monkeypatch.setattr(
        buffers, "_accumulate", lambda adjoints, lines, first, arithmetic: right(adjoints, lines, True, arithmetic)
    )
    assert worst_of_arrays() > TOLERANCE


def test_a_matrix_turned_round_is_caught(monkeypatch):
    monkeypatch.setattr(executor.Shared, "gathered", turned(executor.Shared.gathered))
    assert worst_of_arrays() > TOLERANCE


def turned(right):
    def gathered(self, slots):
        return right(self, [row[::-1] for row in slots])

    return gathered


def test_blocks_of_any_size_give_the_same(monkeypatch):
    monkeypatch.setattr(executor, "BLOCK_BYTES", 2000)
    assert worst_of_arrays() < TOLERANCE
