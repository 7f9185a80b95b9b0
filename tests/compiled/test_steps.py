"""What the recogniser finds in a tape, what it must leave alone, and that no contribution is lost."""

import math
import random
import sys
from itertools import chain

import pytest

import autograd
from autograd import OPS, Value, equal, less, total, unless, when, where
from autograd.compiled.steps import Group, Matrix, steps_by_level
from autograd.compiled.tape import Instruction, Tape
from autograd.ops import ADD, MUL
from tests.compiled.oracle import EXECUTORS


def traced(fn, parameters, *shapes):
    return autograd.compile(fn, parameters, shapes=shapes).tape


def values(count):
    return [Value(float(k + 1), f"w{k}") for k in range(count)]


def told(steps):
    return [str(step) for step in steps]


def layer(w, b, x):
    """Two neurons of two inputs, written by hand."""
    return [b[0] + w[0] * x[0] + w[1] * x[1], b[1] + w[2] * x[0] + w[3] * x[1]]


# --- matrices --------------------------------------------------------------------------------------------------------


def test_a_layer_is_a_matrix():
    w = values(6)
    tape = traced(lambda x: layer(w[:4], w[4:], x), w, (2,))
    [matrix] = steps_by_level(tape).examples
    assert matrix.weights == [[0, 1], [2, 3]]
    assert matrix.start == [4, 5]
    assert matrix.operands == [6, 7]
    assert matrix.out == [*tape.outputs]


FORMS = {
    "with bias": lambda w, x: w[2] + w[0] * x[0] + w[1] * x[1],
    "without bias": lambda w, x: w[0] * x[0] + w[1] * x[1],
    "factors the other way round": lambda w, x: w[2] + x[0] * w[0] + x[1] * w[1],
    "terms the other way round": lambda w, x: w[1] * x[1] + (w[0] * x[0] + w[2]),
    "constant weights": lambda w, x: 0.5 * x[0] + 2.0 * x[1],
    "starts from an input": lambda w, x: x[2] + w[0] * x[0] + w[1] * x[1],
    "the same weight twice": lambda w, x: w[0] * x[0] + w[0] * x[1],
    "a computed weight": lambda w, x: (w[0] * w[1]) * x[0] + w[2] * x[1],
}


@pytest.mark.parametrize("name", FORMS)
def test_forms_of_a_chain(name):
    w = values(3)
    _, examples = steps_by_level(traced(lambda x: FORMS[name](w, x), w, (3,)))
    [matrix] = [step for step in examples if isinstance(step, Matrix)]
    assert len(examples) == 1
    assert len(matrix.operands) == 2


OTHERS = {
    "a square": lambda w, x: x[0] * x[0] + x[1] * x[1],
    "a difference": lambda w, x: x[2] - w[0] * x[0] - w[1] * x[1],
    "one product": lambda w, x: w[2] + w[0] * x[0],
    "no product of a weight": lambda w, x: x[0] * x[1] + x[1] * x[2],
    "all shared": lambda w, x: w[0] * w[1] + w[1] * w[2] + x[0],
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_matrix(name):
    w = values(3)
    shared, examples = steps_by_level(traced(lambda x: OTHERS[name](w, x), w, (3,)))
    assert not any(isinstance(step, Matrix) for step in (*shared, *examples))


def test_a_link_or_product_that_is_used_elsewhere_stays_a_row():
    w = values(3)

    def product_used(x):
        p = w[1] * x[1]
        return (w[0] * x[0] + p + w[2] * x[2]) * p

    def link_used(x):
        s = w[0] * x[0] + w[1] * x[1]
        return (s + w[2] * x[2]) * s

    for fn in (product_used, link_used):
        tape = traced(fn, w, (3,))
        used = {slot for slot in range(tape.first_slot, tape.num_slots) if tape.uses[slot] > 1}
        assert len(used) == 1
        assert used <= {slot for step in steps_by_level(tape).examples for slot in step.out}


def test_an_output_inside_a_chain_is_computed():
    w = values(3)

    def fn(x):
        s = w[0] * x[0] + w[1] * x[1]
        return [s, s + w[2] * x[2]]

    tape = traced(fn, w, (3,))
    assert set(tape.outputs) <= {slot for step in steps_by_level(tape).examples for slot in step.out}


def test_no_operand_stands_twice_in_a_matrix():
    w = values(3)
    tape = traced(lambda x: w[0] * x[0] + w[1] * x[1] + w[2] * x[0], w, (2,))
    matrices = [step for step in steps_by_level(tape).examples if isinstance(step, Matrix)]
    assert matrices
    assert all(len({*step.operands}) == len(step.operands) for step in matrices)


def test_rows_with_permuted_operands_join_one_matrix_in_a_batch():
    w = values(4)
    tape = traced(lambda x: [w[0] * x[0] + w[1] * x[1], w[2] * x[1] + w[3] * x[0]], w, (2,))
    [matrix] = steps_by_level(tape).examples
    assert matrix.operands == [4, 5]
    assert matrix.weights == [[0, 1], [3, 2]]


def test_rows_of_different_operands_are_different_matrices():
    w = values(4)
    tape = traced(lambda x: [w[0] * x[0] + w[1] * x[1], w[2] * x[1] + w[3] * x[2]], w, (3,))
    assert told(steps_by_level(tape).examples) == ["matrix 1 x 2", "matrix 1 x 2"]


def test_what_depends_on_no_input_is_shared():
    w = values(2)
    tape = traced(lambda x: x[0] * w[0].exp() + total(each * each for each in w), w, (1,))
    shared, examples = steps_by_level(tape)
    assert sorted(told(shared)) == ["1 x +", "1 x exp", "2 x *"]
    assert told(examples) == ["1 x *", "1 x +"]


# --- choices ---------------------------------------------------------------------------------------------------------


CHOICES = {
    "a comparison": lambda x: where(x[0] < x[1], x[0] * x[1], x[2]),
    "its terms the other way round": lambda x: unless(c := less(x[0], x[1]), x[2]) + when(c, x[0]),
    "conditions joined": lambda x: where((x[0] < x[1]) & ~equal(x[0], 2) | (x[2] <= 0), x[0] * x[1], x[2]),
    "a constant beside a number": lambda x: where(x[0] < x[1], 1.0, x[2]),
    "one condition for two choices": lambda x: where(c := x[0] < x[1], x[0], x[2]) * where(c, x[1], x[0]),
    "a choice in a choice": lambda x: where(x[0] < x[1], where(x[1] < x[2], x[0], x[1]), x[2]),
}


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_is_one_step(name):
    steps = told(steps_by_level(traced(CHOICES[name], [], (3,))).examples)
    assert any(step.endswith(" x where") for step in steps)
    assert not any(step.endswith((" x when", " x unless")) for step in steps)


NO_CHOICES = {
    "one side": lambda x: where(x[0] < x[1], x[0], 0.0),
    "a term that is used again": lambda x: (kept := when(less(x[0], x[1]), x[0])) + unless(kept * 0 + 1, x[1]) + kept,
    "two conditions": lambda x: when(less(x[0], x[1]), x[0]) + unless(less(x[0], x[2]), x[1]),
    "a weight that is no condition": lambda x: when(x[2], x[0]) + unless(x[2], x[1]),
    "a difference": lambda x: when(c := less(x[0], x[1]), x[0]) - unless(c, x[1]),
    "the same side twice": lambda x: when(c := less(x[0], x[1]), x[0]) + when(c, x[1]),
}


@pytest.mark.parametrize("name", NO_CHOICES)
def test_what_only_looks_like_a_choice_is_none(name):
    assert not any("where" in step for step in told(steps_by_level(traced(NO_CHOICES[name], [], (3,))).examples))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_choice_has_the_bits_of_its_formula(executor):
    numbers = [-1.0, -0.0, 0.0, 1.0, math.inf, -math.inf, math.nan]
    rows = [[x, y, z] for x in numbers for y in numbers for z in numbers]
    function = CHOICES["a comparison"]
    values = autograd.compile(function, executor=executor).per_example(rows).values
    wanted = autograd.compile(function, executor="plain").per_example(rows).values
    assert repr(values.tolist()) == repr(wanted.tolist())  # 0.0 and -0.0 are told apart, and nan is nan


# --- groups and orders -----------------------------------------------------------------------------------------------


def random_tape(seed, size=60):
    rng = random.Random(seed)
    parameters, inputs = rng.randint(1, 4), rng.randint(0, 3)
    rows, slots = [], parameters + inputs
    for _ in range(size):
        op = rng.choice([ADD, MUL, ADD, MUL, OPS["tanh"], OPS["sub"]])
        x, y = (rng.randrange(max(0, slots - 15), slots) if rng.random() < 0.7 else rng.randrange(slots) for _ in range(2))
        rows.append(Instruction(op, x, y) if op.arity == 2 else Instruction(op, x))
        slots += 1
    return Tape(parameters, inputs, (), tuple(rows), (slots - 1,), num_differentiated=parameters).restrict_to_output(0)


def ready(tape, steps, known):
    """Whether every step reads what is known, or what was computed before it, and all that is read is there."""
    known = set(known)
    for step in steps:
        sources = (*chain(*step.columns),) if isinstance(step, Group) else (*step.operands, *step.start, *chain(*step.weights))
        assert known.issuperset(sources)
        known.update(step.out)
    return known


@pytest.mark.parametrize("seed", range(60))
def test_steps_stand_after_what_they_read(seed):
    tape = random_tape(seed)
    shared, examples = steps_by_level(tape)
    known = ready(tape, [*shared, *examples], range(tape.first_slot))
    assert known >= {*tape.outputs}


def received(step):
    """The slots that get a contribution of the step in the backward pass, once for each."""
    if isinstance(step, Group):
        return [*chain(*step.columns)]
    return [*step.operands * len(step.out), *chain(*step.weights), *step.start]


def test_no_contribution_is_lost():
    for seed in range(60):
        tape = random_tape(seed)
        given = sorted(slot for step in chain(*steps_by_level(tape)) for slot in received(step) if slot < tape.first_slot)
        assert given == sorted(slot for row in tape.instructions for slot in row.operands if slot < tape.first_slot)


def test_what_varies_may_be_said():
    """Where all operations do, those on parameters alone are steps of the examples too."""
    w = values(3)
    tape = traced(lambda x: (w[0] * w[1]) * x[0] + w[2] * x[1], w, (2,))
    shared, examples = steps_by_level(tape, [*tape.per_example[: tape.first_slot], *[True] * len(tape.instructions)])
    assert shared == []
    assert told(examples) == ["1 x *", "1 x *", "1 x *", "1 x +"]


def test_the_time_is_linear_in_the_tape():
    """Not measured: counted, in operations of the interpreter on tapes of which one is ten times the other."""

    def calls(size):
        w, count = values(3), 0
        tape = traced(lambda x: total((w[0] + w[1] * x[0] + w[2] * x[1]).tanh() * each for each in range(size)), w, (2,))

        def tick(frame, event, argument):
            nonlocal count
            count += 1

        sys.setprofile(tick)
        try:
            steps_by_level(tape)
        finally:
            sys.setprofile(None)
        return count

    assert calls(1000) < 12 * calls(100)
