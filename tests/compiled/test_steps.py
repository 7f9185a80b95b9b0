"""What the recogniser finds in a tape, what it must leave alone, and that contributions keep their order."""

import random
import sys
from itertools import chain

import pytest

import autograd
from autograd import OPS, Value, total
from autograd.compiled.steps import Group, Matrix, contributions, steps_by_level, steps_in_order
from autograd.compiled.tape import Instruction, Tape
from autograd.ops import ADD, MUL
from tests.sweeps import sweep

TAPES = sweep("steps of random tapes", sample=60, full=1200)


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
    assert steps_in_order(tape) == [matrix]


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


def test_a_link_or_product_that_is_used_elsewhere_stays_an_instruction():
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
        for steps in (steps_by_level(tape).examples, steps_in_order(tape)):
            assert used <= {slot for step in steps for slot in step.out}


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
    for steps in (steps_by_level(tape).examples, steps_in_order(tape)):
        for step in steps:
            if isinstance(step, Matrix):
                assert len({*step.operands}) == len(step.operands)


def test_chains_with_permuted_operands_join_one_matrix_in_a_batch():
    w = values(4)
    tape = traced(lambda x: [w[0] * x[0] + w[1] * x[1], w[2] * x[1] + w[3] * x[0]], w, (2,))
    [matrix] = steps_by_level(tape).examples
    assert matrix.operands == [4, 5]
    assert matrix.weights == [[0, 1], [3, 2]]
    assert len(steps_in_order(tape)) == 2  # their sums go in different orders


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


# --- groups and orders -----------------------------------------------------------------------------------------------


def random_tape(seed, size=60):
    rng = random.Random(seed)
    parameters, inputs = rng.randint(1, 4), rng.randint(0, 3)
    instructions, slots = [], parameters + inputs
    for _ in range(size):
        op = rng.choice([ADD, MUL, ADD, MUL, OPS["tanh"], OPS["sub"]])
        x, y = (rng.randrange(max(0, slots - 15), slots) if rng.random() < 0.7 else rng.randrange(slots) for _ in range(2))
        instructions.append(Instruction(op, x, y) if op.arity == 2 else Instruction(op, x))
        slots += 1
    return Tape(parameters, inputs, (), tuple(instructions), (slots - 1,), num_differentiated=parameters).restrict_to_output(0)


def ready(tape, steps, known):
    """Whether every step reads what is known, or what was computed before it, and all that is read is there."""
    known = set(known)
    for step in steps:
        sources = (*step.x, *step.y) if isinstance(step, Group) else (*step.operands, *step.start, *chain(*step.weights))
        assert known.issuperset(sources)
        known.update(step.out)
    return known


def test_steps_stand_after_what_they_read():
    for case in TAPES.cases():
        tape = random_tape(case)
        shared, examples = steps_by_level(tape)
        known = ready(tape, [*shared, *examples], range(tape.first_slot))
        assert known >= {*tape.outputs}
        assert ready(tape, steps_in_order(tape), range(tape.first_slot)) >= {*tape.outputs}


def tape_contributions(tape):
    """Eager's backward pass: each slot with the instructions that contribute to it, in order."""
    received = {}
    for slot in range(tape.num_slots - 1, tape.first_slot - 1, -1):
        for operand in tape.instructions[slot - tape.first_slot].operands:
            received.setdefault(operand, []).append(slot)
    return received


def test_in_order_each_slot_takes_its_contributions_as_in_the_tape():
    for case in TAPES.cases():
        tape = random_tape(case)
        received = {}
        for step in reversed(steps_in_order(tape)):
            for slot, giver in contributions(step):
                received.setdefault(slot, []).append(giver)
        for slot, givers in tape_contributions(tape).items():
            if slot in received:  # inner links of chains have one user, and no memory
                assert received[slot] == givers or (len(givers) == 2 and sorted(received[slot]) == sorted(givers))


def test_no_contribution_is_lost():
    for case in TAPES.cases():
        tape = random_tape(case)
        for steps in ([*steps_by_level(tape).shared, *steps_by_level(tape).examples], steps_in_order(tape)):
            given = sorted(pair for step in steps for pair in contributions(step) if pair[0] < tape.first_slot)
            wanted = [(slot, giver) for slot, givers in tape_contributions(tape).items() for giver in givers]
            assert given == sorted(pair for pair in wanted if pair[0] < tape.first_slot)


def test_a_skip_connection_changes_the_order_and_is_taken_row_by_row():
    w = values(12)

    def fn(x):
        hidden = [(w[3 * k] + w[3 * k + 1] * x[0] + w[3 * k + 2] * x[1]).tanh() for k in range(2)]
        made = [(w[6 + 3 * k] + w[7 + 3 * k] * hidden[0] + w[8 + 3 * k] * hidden[1]) for k in range(2)]
        return total((a + h).tanh() for a, h in zip(made, hidden, strict=True))

    tape = traced(fn, w, (2,))
    assert sum(isinstance(step, Matrix) for step in steps_by_level(tape).examples) == 2
    inside = [step for step in steps_in_order(tape) if isinstance(step, Matrix)]
    assert all(max(step.operands) < tape.first_slot for step in inside)  # only the first layer


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
            steps_by_level(tape), steps_in_order(tape)
        finally:
            sys.setprofile(None)
        return count

    assert calls(1000) < 12 * calls(100)
