"""The tape as data, and as the textbook writes it."""

import re

import pytest

import autograd
import nn
from autograd import OPS, Value, detach
from autograd.compiled import print_tape
from autograd.compiled.tape import Instruction, Tape
from autograd.compiled.tracing import trace
from tests.autograd.test_latex import complaints, needs_node
from tests.compiled.tapes import drawn
from tests.oracle import HELPERS
from tests.sweeps import sweep

MUL, ADD, EXP, SIN = OPS["mul"], OPS["add"], OPS["exp"], OPS["sin"]
PRINTED = sweep("printed programs, run as Python", sample=60, full=1200)
TYPESET = sweep("printed programs, typeset", sample=10, full=200)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"instructions": (Instruction(MUL, 0, 3),)},
            "slot 3, mul, needs two operands, from the slots 0 to 2 before it, but reads 0 and 3",
        ),
        ({"instructions": (Instruction(MUL, 0),)}, "slot 3, mul, needs two operands"),
        ({"instructions": (Instruction(EXP, 0, 1),)}, "slot 3, exp, needs one operand"),
        ({"instructions": (Instruction(EXP, -1),)}, "slot 3, exp, needs one operand"),
        ({"instructions": (Instruction(OPS["pow"], 0),)}, "of the family pow, which needs its constant"),
        ({"outputs": (4,)}, "the outputs are slots from 0 to 3"),
        ({"outputs": ()}, "the outputs are slots from 0 to 3"),
        ({"num_differentiated": 3}, "not of 3"),
        ({"names": ("w",)}, "needs as many names"),
        ({"shapes": ((2,),)}, r"arguments of the shapes \(\(2,\),\) do not have 1 numbers"),
        ({"output_shape": (2,)}, r"a result of shape \(2,\) does not have 1 numbers"),
        ({"lines": ("a", "b")}, "1 rows were made in 2 lines"),
        ({"parameters": -1}, "no fewer than 0"),
    ],
)
def test_a_tape_that_cannot_be_is_refused(given, words):
    right = {
        "parameters": 1,
        "inputs": 1,
        "constants": (2.0,),
        "instructions": (Instruction(MUL, 0, 1),),
        "outputs": (3,),
        "num_differentiated": 1,
    }
    Tape(**right)
    with pytest.raises(ValueError, match=words):
        Tape(**{**right, **given})


def test_what_is_derived_of_a_tape():
    # w0, w1, x, 2.0; v = w0 * x; u = exp(w1); s = v + u; t = 2.0 * x
    instructions = (Instruction(MUL, 0, 2), Instruction(EXP, 1), Instruction(ADD, 4, 5), Instruction(MUL, 3, 2))
    tape = Tape(2, 1, (2.0,), instructions, (6, 7), num_differentiated=2)
    assert (tape.leaves, tape.first_slot, tape.num_slots) == (3, 4, 8)
    assert tape.per_example == (False, False, True, False, True, False, True, True)
    assert tape.depends_on_wanted == (True, True, False, False, True, True, True, False)
    assert tape.with_inputs().depends_on_wanted == (True, True, True, False, True, True, True, True)
    assert tape.uses == (1, 1, 2, 1, 1, 1, 1, 1)
    assert tape.last_use == (4, 5, 7, 7, 6, 6, 8, 8)
    assert tape.restrict_to_output(0).instructions == (Instruction(MUL, 0, 2), Instruction(EXP, 1), Instruction(ADD, 3, 4))
    assert tape.restrict_to_output(0).constants == ()
    assert tape.restrict_to_output(1).instructions == (Instruction(MUL, 3, 2),)
    assert hash(tape) == hash(Tape(2, 1, (2.0,), instructions, (6, 7), num_differentiated=2))


# --- as text --------------------------------------------------------------------------------------------------------------


def test_shared_operands_and_several_outputs():
    w = Value(2.0, "w")
    program = autograd.compile(lambda x: [w * w - x, 3 * x], [w], shapes=[()], executor="plain")
    assert str(program).splitlines() == [
        "parameters  w",
        "inputs      x",
        "v1 = w*w",
        "v2 = v1 - x",
        "v3 = 3*x",
        "outputs     v2, v3",
        "adjoints, from v2.grad = 1, v3.grad = 1",
        "v1.grad = v2.grad",
        "w.grad = w·v1.grad",
        "w.grad += w·v1.grad",
    ]


def test_what_leads_into_a_detach_alone_has_no_adjoint_statement():
    w = Value(2.0, "w")
    tape = trace(lambda x: w * detach(w * x), [w], [()])
    text = print_tape.to_text(tape)
    assert tape.depends_on_wanted == (True, False, True, True, True)
    assert tape.carries_gradient == (True, False, True, False, True)
    assert [line for line in text.splitlines() if "grad" in line] == ["adjoints, from v3.grad = 1", "w.grad = v2·v3.grad"]


def test_names_are_each_one_of_its_own():
    a, b, c = Value(1.0, "w"), Value(2.0, "w"), Value(3.0)
    tape = trace(lambda v1: a * v1 + b * c, [a, b, c], [()])
    assert print_tape.names(tape)[:4] == ["w", "w_2", "x1", "v1"]
    assert print_tape.names(tape)[4:] == ["v2", "v3", "v4"]
    clash = trace(lambda x1: c * x1, [c], [()])
    assert print_tape.names(clash) == ["x2", "x1", "v1"]


def test_what_is_printed_computes_the_gradient():
    """The text is run as Python, statement by statement, and gives the program's value and gradients."""
    for case in PRINTED.cases():
        function = drawn(case)
        if len(function.outputs) == 1:
            run_as_python(function)


def run_as_python(function):
    values = function.values()
    program = autograd.compile(function.function(values), values, executor="plain")
    found = program.per_example(function.examples)
    names = {**vars(autograd), **{p.label: p.data for p in values}, "pi": 3.141592653589793}
    names |= {f"x_{k}_": number for k, number in enumerate(function.examples[0].tolist())}
    family = {name: lambda x, c, name=name: OPS[name].at(c).kernel(float(x))[0] for name in ("leaky_relu", "elu")}
    rows = {name: lambda *operands, name=name: OPS[name].kernel(*map(float, operands))[0] for name in HELPERS}
    text = re.sub(r"(?<=\w)\[(\w+)\]", r"_\1_", str(program).replace(".grad", "_grad").replace("·", "*"))
    lines = text.replace("[", "(").replace("]", ")").splitlines()  # Iverson's brackets are Python's conditions
    statements = [each.removeprefix("adjoints, from ") for each in lines if "=" in each]
    scope = {**names, **family, **rows, **{f"{p.label}_grad": 0.0 for p in values}}
    for statement in statements:
        exec(statement, {}, scope)
    last = print_tape.names(program.tape)[program.tape.outputs[0]].replace("[", "_").replace("]", "_")
    if last:
        assert scope[last] == pytest.approx(found.values[0], rel=1e-5, abs=1e-5)  # constants are printed with six digits
    for k, p in enumerate(values):
        assert scope[f"{p.label}_grad"] == pytest.approx(found.gradients[0, k], rel=1e-5, abs=1e-5)


def test_counts():
    model = nn.MLP(2, [3, 1], seed=0)
    program = autograd.compile(model, shapes=[(2,)], executor="plain")
    assert program.counts == {"mul": 9, "add": 9, "relu": 3}


def test_latex_has_a_line_for_each_statement():
    model = nn.MLP(2, [2, 1], activation="tanh", seed=0)
    program = autograd.compile(lambda x, y: (model(x) - y) ** 2 / 3, model.parameters(), shapes=[(2,), ()], executor="plain")
    text, latex = str(program), program.to_latex()
    statements = [line for line in text.splitlines() if "=" in line]
    assert latex.count("&=") + latex.count(r"&\mathrel{+}=") == len(statements)
    assert latex.startswith("\\begin{aligned}\n")
    assert latex.endswith("\n\\end{aligned}")


@needs_node
def test_latex_is_typeset_without_complaint():
    typeset = []
    for case in TYPESET.cases():
        function = drawn(case)
        values = function.values()
        latex = print_tape.to_latex(trace(function.function(values), values, [(function.examples.shape[1],)]))
        typeset.append([latex, True])
    assert complaints(typeset) == [[]] * len(typeset)


def test_whole_constants_are_written_out_and_others_as_floats():
    program = autograd.compile(lambda x: (x * 1e14 + 2.0) * 0.5 - 1e16, shapes=[()], executor="plain")
    assert [line.partition(" = ")[2] for line in str(program).splitlines()[1:5]] == [
        "x*100000000000000",
        "v1 + 2",
        "v2*0.5",
        "v3 - 1e+16",
    ]
