"""Programs as JSON: exact there and back, and no file does harm."""

import copy
import json
import math
import pickle
import random
import sys
from fractions import Fraction

import numpy as np
import pytest

import autograd
import nn
from autograd import OPS, Op, Value, apply
from autograd.compiled import load, saving
from autograd.compiled.program import loaded
from autograd.compiled.saving import from_json, to_json
from autograd.compiled.tape import Instruction, Tape
from autograd.compiled.tracing import trace
from tests.compiled.tapes import drawn
from tests.sweeps import sweep

SAVED = sweep("programs saved and loaded", sample=50, full=1000)
DAMAGED = sweep("damaged files", sample=5000, full=50_000)


def tape_of(seed):
    function = drawn(seed)
    values = function.values()
    return trace(function.function(values), values, [(function.examples.shape[1],)]), function


def test_there_and_back_nothing_changes():
    for case in SAVED.cases():
        tape, function = tape_of(case)
        text = to_json(tape, "mean", function.parameters)
        again, reduction, numbers = from_json(text)
        assert again == tape
        assert (reduction, numbers) == ("mean", function.parameters)
        assert to_json(again, reduction, numbers) == text
        json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


FLOATS = [0.1, -0.0, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, 1 / 3, 2**53 + 2.0, 1e22, -1e-7]


def test_every_float_to_the_last_bit():
    tape = Tape(1, 0, tuple(FLOATS), (Instruction(OPS["add"], 0, 1),), (11,), num_differentiated=1)
    again, _, numbers = from_json(to_json(tape, "", [math.nan]))
    assert np.array(again.constants).tobytes() == np.array(FLOATS).tobytes()
    assert math.isnan(numbers[0])


EXPONENTS = [
    *(2, -1, 0.5, math.inf, 10**20, 10**300, -0.0, math.nan, Fraction(-1, 3), Fraction(3, 1), Fraction(10**400, 10**399 + 1)),
    *(Fraction(10**5000 + 1, 10**5000), Fraction(-1, 10**4400)),  # beyond the digits that Python writes by default
]


@pytest.mark.parametrize("c", EXPONENTS, ids=lambda c: str(float(c)))
def test_constants_of_families(c):
    tape = Tape(1, 0, (), (Instruction(OPS["pow"].at(c), 0),), (1,), num_differentiated=1)
    again, _, _ = from_json(to_json(tape, "", [1.0]))
    read = again.instructions[0].op.c
    assert read == c or (math.isnan(read) and math.isnan(c))
    assert type(read) is type(c)


def ways_back(program, data, folder):
    """The program, and its step, as they come back from a file, from copies and from pickles."""
    program.save(folder / "program.json")
    yield load(folder / "program.json", executor=program.executor)
    yield from (copy.copy(program), copy.deepcopy(program), pickle.loads(pickle.dumps(program)))
    step = program.bind(data)
    for again in copy.copy(step), copy.deepcopy(step), pickle.loads(pickle.dumps(step)):
        assert bits(again.value(), *again.per_example()) == bits(step.value(), *step.per_example())
        yield again.program


def bits(*numbers):
    return [np.asarray(part).tobytes() for part in numbers]


LABELS = ["\x1b[2J", "a\nb", "\ud800", "\udcff x", 7, 3.5, ("a", "tuple"), b"bytes", True, "x" * 500, "\u202e", " ", "é", '"\\']


@pytest.mark.parametrize("executor", ["plain", "numpy", "native"])
@pytest.mark.parametrize("label", LABELS, ids=range(len(LABELS)))
def test_what_compiles_is_saved_copied_and_pickled_whatever_its_labels(executor, label, tmp_path):
    w = Value(0.75)
    w.label = label
    program = autograd.compile(lambda x: (w * x) ** 2, [w], executor=executor, shapes=[()])
    for count in 1, 2, 9:
        data = np.linspace(0.5, 2.0, count)
        for again in ways_back(program, data, tmp_path):
            assert bits(*again(data), *again.per_example(data)) == bits(*program(data), *program.per_example(data))
            assert str(again) == str(program)
            assert all(line.isprintable() for line in str(program).splitlines())


@pytest.mark.parametrize("executor", ["plain", "numpy", "native"])
@pytest.mark.parametrize("c", EXPONENTS, ids=lambda c: str(float(c)))
def test_what_compiles_is_saved_copied_and_pickled_whatever_its_exponents(executor, c, tmp_path):
    w = Value(0.75, "w")
    program = autograd.compile(lambda x: w * x**c, [w], executor=executor, shapes=[()])
    for count in 1, 2, 9:
        data = np.linspace(0.5, 2.0, count)
        with np.errstate(over="ignore", divide="ignore"):
            expected = 0.75 * data ** float(c)
        assert program.value(data, theta=[0.75]) == pytest.approx(expected.mean(), rel=1e-13, nan_ok=True)
        for again in ways_back(program, data, tmp_path):
            assert bits(*again(data), *again.per_example(data)) == bits(*program(data), *program.per_example(data))


def test_a_key_that_occurs_twice_is_refused():
    text = json.dumps(GOOD)
    for twice in text.replace('"inputs": 2', '"inputs": 2, "inputs": 2'), text.replace('{"c": 3}', '{"c": 2, "c": 3}'):
        with pytest.raises(ValueError, match=r"this is no saved tape: it is not JSON \(a key occurs twice"):
            from_json(twice)


DEAD = sweep("tapes with dead rows", sample=25, full=1000)


def test_a_tape_with_dead_rows_runs_alike_on_all_executors():
    names = ["mul", "mul", "add", "add", "sub", "tanh", "exp", "detach", "less", "when", "maximum", "relu", "sigmoid"]
    for case in DEAD.cases():
        rng = random.Random(case)
        rows = []
        for k in range(rng.choice([2, 4, 8, 20])):
            name = rng.choice(names)
            rows.append(
                [name, *(rng.choice([rng.randrange(4 + k), max(0, 3 + k - rng.randrange(3))]) for _ in range(OPS[name].arity))]
            )
        held = {**GOOD, "rows": rows, "outputs": [rng.randrange(4 + len(rows))]}
        data = np.random.default_rng(case).uniform(0.1, 1.0, (rng.choice([1, 2, 5, 17]), 2))
        answers = []
        for executor in "plain", "numpy", "native":
            program = loaded(json.dumps(held), executor)
            assert str(program).startswith("parameters")
            parts = [*program(data), *program.per_example(data), *program.input_gradients(data), program.value(data)]
            answers.append(np.concatenate([np.ravel(part) for part in parts]))
        assert answers[1] == pytest.approx(answers[0], rel=1e-11, abs=1e-11)
        assert answers[2] == pytest.approx(answers[0], rel=1e-11, abs=1e-11)


def test_a_program_saved_and_loaded(tmp_path):
    model = nn.MLP(2, [3, 1], activation="tanh", seed=0)
    loss = lambda x, y: (model(x) - y) ** 2  # noqa: E731
    program = autograd.compile(loss, model.parameters(), reduction="sum", executor="plain", shapes=[(2,), ()])
    program.save(tmp_path / "loss.json")
    loaded = load(tmp_path / "loss.json", executor="plain")
    data = [[0.5, 1.0], [2.0, -1.0]], [1.0, 0.0]
    assert loaded(*data).value == program(*data).value
    assert loaded(*data).gradients.tolist() == program(*data).gradients.tolist()
    assert (loaded.reduction, str(loaded)) == ("sum", str(program))
    assert [p.label for p in loaded.values] == [p.label for p in model.parameters()]
    loaded.write(np.zeros(13))
    assert loaded(*data).value != program(*data).value
    with pytest.raises(ValueError, match="in each example x1 is a list of 2"):
        loaded([[1.0]], [1.0])


OLD_FILE = """{"format": "chainrule tape", "version": 1, "parameters": 4, "inputs": 3, "constants": [0.1], "rows": [["mul", 0, 4],
["add", 2, 8], ["mul", 1, 5], ["add", 9, 10], ["tanh", 11], ["mul", 3, 12], ["sub", 13, 6], ["pow", 14, {"c": 2}],
["leaky_relu", 4, {"c": 0.01}], ["mul", 7, 16], ["add", 15, 17]], "outputs": [18], "names": ["w0", "w1", "w2", "w3", "x[0]", "x[1]",
"y"], "shapes": [[2], []], "output_shape": [], "reduction": "sum", "numbers": [0.5, -0.25, 0.125, 2.0]}"""


def test_a_file_saved_when_instructions_were_called_rows_loads_and_is_written_the_same(tmp_path):
    (tmp_path / "loss.json").write_text(OLD_FILE, encoding="utf-8")
    program = load(tmp_path / "loss.json", executor="plain")

    def loss(x, y):
        return (2.0 * math.tanh(0.125 + 0.5 * x[0] - 0.25 * x[1]) - y) ** 2 + 0.1 * (x[0] if x[0] > 0 else 0.01 * x[0])

    xs, ys = [[0.5, 1.0], [-2.0, 0.25]], [1.0, -1.0]
    assert program(xs, ys).value == pytest.approx(sum(map(loss, xs, ys)), rel=1e-14)
    assert program.to_json() == OLD_FILE.replace("\n", " ")


def test_a_row_of_your_own_must_be_made_before(tmp_path):
    cube = Op("cube", "x * x * x", ("3 * x * x",))
    program = autograd.compile(lambda x: apply(cube, x), shapes=[()], executor="plain")
    program.save(tmp_path / "cube.json")
    assert load(tmp_path / "cube.json", executor="plain").value([2.0]) == 8.0
    del OPS["cube"]
    with pytest.raises(
        ValueError, match="the operation 'cube', which is not in the table; a row of your own must be made before"
    ):
        load(tmp_path / "cube.json")


# --- hostile files ------------------------------------------------------------------------------------------------------

GOOD = {
    "format": "chainrule tape",
    "version": 1,
    "parameters": 1,
    "inputs": 2,
    "constants": [2.0],
    "rows": [["mul", 0, 1], ["pow", 4, {"c": 3}], ["add", 5, 3]],
    "outputs": [6],
    "names": ["w", "x[0]", "x[1]"],
    "shapes": [[2]],
    "output_shape": [],
    "reduction": "",
    "numbers": [0.5],
}
HOSTILE = {
    "an operation that is none": ({"rows": [["__import__", 0]]}, "operation '__import__'"),
    "a method for an operation": ({"rows": [["at", 0, 1]]}, "operation 'at'"),
    "an operation that is a list": ({"rows": [[["mul"], 0, 1]]}, r"operation \['mul'\]"),
    "no operation": ({"rows": [[]]}, "operation None"),
    "a row that is text": ({"rows": ["mul"]}, "a row should be a list"),
    "a slot ahead": ({"rows": [["mul", 0, 4]]}, "from the slots 0 to 3 before it, but reads 0 and 4"),
    "a slot that is itself": ({"rows": [["exp", 4]]}, "from the slots 0 to 3"),
    "a slot below 0": ({"rows": [["mul", 0, -1]]}, "whole numbers from 0, and has -1"),
    "a slot far away": ({"rows": [["mul", 0, 10**15]]}, "but reads 0 and 1000000000000000"),
    "a slot beyond all": ({"rows": [["mul", 0, 10**30]]}, "whole numbers from 0, and has 1000"),
    "a slot that is a float": ({"rows": [["mul", 0, 1.0]]}, "whole numbers from 0, and has 1.0"),
    "a slot that is true": ({"rows": [["mul", 0, True]]}, "whole numbers from 0, and has True"),
    "one operand too few": ({"rows": [["mul", 0]]}, "mul has 1 operands, and needs 2"),
    "one operand too many": ({"rows": [["exp", 0, 1]]}, "exp has 2 operands, and needs 1"),
    "a family without its constant": ({"rows": [["pow", 0]]}, "pow has the constant 0"),
    "a family without anything": ({"rows": [["pow"]]}, "a row of pow has no constant"),
    "a constant that is text": ({"rows": [["pow", 0, {"c": "2; import os"}]]}, "which is no number"),
    "a constant beyond floats": ({"rows": [["pow", 0, {"c": 10**400}]]}, "no number that a float can hold"),
    "a fraction beyond floats": ({"rows": [["pow", 0, {"c": f"{10**400}/1"}]]}, "no number that a float can hold"),
    "a fraction over 0": ({"rows": [["pow", 0, {"c": "1/0"}]]}, "which is no number"),
    "a fraction of a million digits": ({"rows": [["pow", 0, {"c": "1/" + "9" * 10**6}]]}, "which is no number"),
    "a long fraction beyond floats": (
        {"rows": [["pow", 0, {"c": "0x" + "f" * 10**6 + "/0x1"}]]},
        "no number that a float can hold",
    ),
    "a long fraction over 0": ({"rows": [["pow", 0, {"c": "0x1/0x0"}]]}, "which is no number"),
    "a constant that is true": ({"rows": [["pow", 0, {"c": True}]]}, "which is no number"),
    "a constant with more": ({"rows": [["pow", 0, {"c": 1, "d": 2}]]}, "and should have"),
    "an output that is none": ({"outputs": [7]}, "the outputs are slots from 0 to 6"),
    "no outputs": ({"outputs": [], "output_shape": [0]}, "the outputs are slots from 0 to 6"),
    "a huge count of parameters": ({"parameters": 10**12}, "1000000000000 parameters and 1 numbers"),
    "a huge count of inputs": ({"inputs": 10**12}, "1000000000000 inputs and 3 names"),
    "a count below 0": ({"inputs": -1}, "whole numbers from 0, and has -1"),
    "a huge shape": ({"shapes": [[10**12, 10**12]]}, "do not have 2 numbers"),
    "an output shape that does not fit": ({"output_shape": [2, 3]}, "does not have 1 numbers"),
    "a shape below 0": ({"shapes": [[-1, -2]]}, "whole numbers from 0, and has -1"),
    "a shape of many dimensions": ({"shapes": [[2**52] * 100_000]}, "at most 32 dimensions, and has one of 100000"),
    "names that are none": ({"names": ["w", 1, "x"]}, "names that can be printed, and has 1"),
    "a name that moves the cursor": ({"names": ["w", "\x1b[2J", "x"]}, "names that can be printed"),
    "too few names": ({"names": ["w"]}, "and 1 names"),
    "constants that are whole": ({"constants": [2]}, "should hold floats, and has 2"),
    "constants that are text": ({"constants": ["nan"]}, "should hold floats, and has 'nan'"),
    "constants that are none": ({"constants": None}, "constants should be a list"),
    "numbers missing": ({"numbers": []}, "1 parameters and 0 numbers"),
    "another format": ({"format": "pickle"}, 'does not say "format": "chainrule tape"'),
    "another version": ({"version": 2}, "its version is 2, and this is written for 1"),
    "a version that is true": ({"version": True}, "its version is True"),
    "another reduction": ({"reduction": "max"}, "its reduction is 'max'"),
    "a reduction that cannot be hashed": ({"reduction": []}, r"its reduction is \[\]"),
    "an entry too many": ({"code": "import os"}, "its entries are 'code'"),
}


def test_the_good_file_is_good():
    tape, _, numbers = from_json(json.dumps(GOOD))
    assert len(tape.instructions) == 3
    assert numbers == [0.5]


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused(case):
    changed, words = HOSTILE[case]
    sys.set_int_max_str_digits(0)
    try:
        text = json.dumps({**GOOD, **changed})
    finally:
        sys.set_int_max_str_digits(sys.int_info.default_max_str_digits)
    with pytest.raises(ValueError, match=f"^this is no saved tape: .*{words}") as caught:
        from_json(text)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        "NaN",
        '{"format": NaN}',
        "[" * 100_000,
        '{"a":' * 100_000,
        json.dumps(GOOD).replace("2.0", "NaN"),
        json.dumps(GOOD).replace("2.0", "Infinity"),
        json.dumps(GOOD).replace("2.0", "1e999"),
        json.dumps(GOOD).replace("[6]", "[" + "9" * 5000 + "]"),
        json.dumps(GOOD)[:-1],
    ],
    ids=lambda text: text[:12] or "empty",
)
def test_what_is_no_json_is_refused(text):
    with pytest.raises(ValueError, match="this is no saved tape: "):
        from_json(text)


@pytest.mark.parametrize("missing", GOOD)
def test_every_entry_is_needed(missing):
    with pytest.raises(ValueError, match="this is no saved tape: "):
        from_json(json.dumps({key: value for key, value in GOOD.items() if key != missing}))


STRANGE = [None, True, -1, 0, 1, 7, 10**20, 0.5, 1e308, "", "mul", "w", [], [0], [[]], {}, {"c": 1}, "1/2", "inf"]


def damaged(rng, value):
    """The value with one part of it replaced, doubled or removed."""
    if isinstance(value, dict | list) and value and rng.random() < 0.85:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = rng.choice(keys)
        copy = dict(value) if isinstance(value, dict) else list(value)
        change = rng.random()
        if change < 0.1:
            del copy[key]
        elif change < 0.2 and isinstance(copy, list):
            copy.insert(key, copy[key])
        else:
            copy[key] = damaged(rng, value[key])
        return copy
    return rng.choice(STRANGE)


def test_damaged_files_are_refused_or_run():
    """Each is refused with words, or is a tape that runs."""
    refused = 0
    for case in DAMAGED.cases():
        text = json.dumps(damaged(random.Random(case), GOOD))
        try:
            tape, _, numbers = from_json(text)
        except ValueError as error:
            assert str(error).startswith("this is no saved tape: ")  # noqa: PT017
            refused += 1
        else:
            values = [Value(number) for number in numbers]
            program = autograd.compiled.program.Program(None, values, "none", "plain", tape=tape)
            data = [np.ones((1, *shape)) for shape in tape.shapes]
            if data:
                assert program.value(*data).shape == (1, *tape.output_shape)
    assert 0.6 * DAMAGED.count < refused < DAMAGED.count


def test_text_cut_anywhere_is_refused():
    text = json.dumps(GOOD)
    for end in range(len(text)):
        with pytest.raises(ValueError, match="this is no saved tape: "):
            from_json(text[:end])


def test_nothing_of_a_file_is_executed():
    with open(saving.__file__, encoding="utf-8") as file:
        source = file.read()
    assert not any(word in source for word in ("eval(", "exec(", "pickle", "import_module", "getattr("))
