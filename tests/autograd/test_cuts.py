"""What is not chosen is cut: its derivative passes nothing on, not even 0 times infinity, in every mode of the engine."""

import copy
import math
import pickle
import subprocess
import sys
from fractions import Fraction
from functools import partial
from itertools import product

import numpy as np
import pytest

import autograd
import nn
from autograd import OPS, Op, Value, apply, asin, grad, hessian, hvp, jacobian, jvp, maximum, minimum, ops, relu, sqrt, vjp
from autograd.checking.complex_step import complex_step
from autograd.compiled.plain import Plain
from autograd.rules.cut import CUT
from autograd.rules.grammar import Exact, compiled
from tests import cut_tapes
from tests.compiled.oracle import EXECUTORS
from tests.cut_tapes import NUMBERS, by_hand, drawn, left_out, same
from tests.oracle import FAMILIES, ROWS, row_id
from tests.sweeps import sweep

TAPES = sweep("random tapes with cuts, 0, 1e300 and inf, by all modes", sample=1000, full=100_000)
RECORDED = sweep("derivatives of random tapes with cuts, recorded and traced", sample=150, full=10_000)

INF, NAN = math.inf, math.nan


# --- where rows are cut --------------------------------------------------------------------------------------------------

CONDITIONS = {
    **dict.fromkeys(("step", "sign", "heaviside", "detach", "floor", "rint", "rint_down"), ("True",)),
    **dict.fromkeys(("exceeds", "less", "improves", "less_equal", "equal", "floordiv"), ("True", "True")),
    "maximum": ("x < y", "y < x"),
    "minimum": ("y < x", "x < y"),
    "relu": ("x <= 0",),
    "bounded": ("40 - abs(x) < 0",),
    "when": ("", "x == 0"),
    "unless": ("", "x == 1"),
    "power": ("abs(x) + abs(y) == 0", "abs(x) + abs(y) == 0"),
    "power_dyyy": ("", "x == 0"),
    "beside": ("True", "x == 0"),
    "absorb": ("", "sign(abs(x) + less(abs(y) / 2, abs(y) + 1)) == 0"),
    "factor": ("True", "sign(abs(x) + equal(y, 0)) == 0"),
}


def test_the_rows_that_are_cut_and_where():
    assert {row_id(op): op.cuts for op in ROWS if any(op.cuts)} == {**CONDITIONS, "pow(0)": ("True",)}
    assert ops.LEAKY_RELU.at(0).cuts == ops.ELU.at(0).cuts == ("x <= 0",)
    assert ops.LEAKY_RELU.at(Fraction(1, 3)).cuts == ops.ELU.at(2.5).cuts == ops.POW.at(3).cuts == ("",)
    assert not any(OPS[name].cuts != ("",) for name in ("abs", "silu", "gelu", "tanh", "sigmoid", "softplus"))


@pytest.mark.parametrize("op", [*ROWS, *cut_tapes.MEMBERS], ids=row_id)
def test_a_row_is_cut_where_it_leaves_an_operand_out(op):
    for operands in product([*NUMBERS, NAN], repeat=op.arity):
        _, *partials = op.ieee(*operands)
        assert tuple(partial is CUT for partial in partials) == left_out(op, *operands), operands


def test_a_family_says_for_which_constants():
    for family in FAMILIES:
        holds = compiled(Exact, family.name, [*family.operands, "c"], [family.cuts[0] or "0 == 1"], {})
        for c, x in product((0, 1, 2, Fraction(1, 2), -1.5), (-2.0, 0.0, 3.0)):
            assert holds(x, c) == (family.at(c).cuts[0] == "True" or (family.at(c).cuts[0] == "x <= 0" and x <= 0))


def test_rows_of_ones_own_obey_without_saying_anything():
    hinge = Op("hinge", "0 if 1 - x <= 0 else 1 - x", ("-step(1 - x)",))
    band = Op("band", "0 if x <= 0 else 2 if x >= 2 else x", ("step(x) * step(2 - x)",))
    above = Op("above", "0 if x <= c else x - c", ("step(x - c)",), default=1)
    left = Op("left_square", "x * x if x < 0 else 0", ("2 * minimum(x, 0)",))
    picked = Op("picked", "when(less(x, y), x) + 3 * y", ("less(x, y)", "3"))
    assert hinge.cuts == ("1 - x <= 0",)
    assert band.cuts == ("x <= 0 or 2 - x <= 0",)
    assert above.at(2).cuts == above.at(3).cuts == ("x - c <= 0",)
    assert left.cuts == ("not x < 0 and 0 <= x",)
    assert picked.cuts == ("not x < y", "")
    for op, at in [(hinge, 4.0), (band, -1.0), (band, 9.0), (above.at(5), 4.0), (left, 4.0)]:
        x = Value(at)
        behind = apply(op, x + 0 * x) if at < 0 else apply(op, ((x - at).sqrt() + at))
        (behind * INF).backward()
        assert x.grad == 0


TEXTS = [
    ("0", "True"), ("-0", "True"), ("x", ""), ("0 * x", "True"), ("x * step(y)", "y <= 0"), ("step(x) + 1", ""),
    ("step(x) - step(y)", "x <= 0 and y <= 0"), ("step(x) / y", "x <= 0"), ("y / step(x)", ""), ("-step(x) ** 2", "x <= 0"),
    ("step(x) ** y", ""), ("sign(x)", ""), ("exp(step(x))", ""), ("abs(step(x))", ""), ("out", ""), ("heaviside(x)", "x < 0"),
    ("1 - step(x)", ""), ("step(x) * step(x)", "x <= 0"), ("minimum(x, 0)", "not x < 0 and 0 <= x"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "condition"), TEXTS)
def test_a_text_is_cut_where_it_arrives_at_a_literal_0(text, condition):
    assert Op("own", "x + y", (text, "1")).cuts == (condition, "")


def test_a_partial_that_only_rounds_to_0_is_not_cut():
    assert apply(ops.ELU, Value(-1000.0)).cuts == (False,)
    assert (Value(1e-200) * Value(1e-200)).exp().cuts == (False,)
    assert Value(1000.0).tanh().partials == (0.0,)
    assert Value(1000.0).tanh().cuts == (False,)


def test_the_two_sides_of_a_choice_are_never_both_cut():
    blend = Op(
        "blend", "x * y", ("when(less(x, y), y) + unless(less(x, y), y)", "when(equal(x, 0), 0) + unless(equal(x, 0), x)")
    )
    assert blend.cuts == ("", "x == 0")
    assert ops.SINC.cuts == ("",)


def test_conditions_are_read_when_they_are_asked_for():
    """Importing does not pay: no row has its conditions until its kernel is compiled."""
    code = "import autograd; print(any('cuts' in vars(op) for op in autograd.OPS.values()))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


# --- CUT as a number -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [2.0, INF, -INF, NAN, -0.0])
def test_a_product_with_cut_is_cut_and_a_sum_is_the_other_term(other):
    assert CUT * other is CUT
    assert other * CUT is CUT
    assert other + CUT is other
    assert CUT + other is other


@pytest.mark.parametrize("other", [3, Fraction(2, 3), 2 + 1j])
def test_exact_numbers_stay_exact_beside_cut(other):
    assert CUT * other == 0
    assert type(CUT * other) is type(other)
    assert CUT + other is other


def test_cut_is_a_0_of_which_there_is_one():
    assert CUT == 0
    assert isinstance(CUT, float)
    assert repr(CUT) == "0.0"
    assert copy.copy(CUT) is copy.deepcopy([CUT])[0] is pickle.loads(pickle.dumps(CUT)) is CUT
    assert type(-CUT) is float
    with pytest.raises(TypeError):
        CUT * "a"
    with pytest.raises(TypeError):
        CUT + None


def test_a_copied_graph_is_cut_where_it_was():
    x = Value(0.0)
    y = copy.deepcopy(x + sqrt(x).detach())
    y.backward()
    assert y.inputs[0].grad == 1.0


def test_a_node_says_which_of_its_partials_are_cut():
    assert (maximum(Value(1.0), Value(2.0)).partials, maximum(Value(1.0), Value(2.0)).cuts) == ((0.0, 1.0), (True, False))
    assert (Value(2.0) * 0.0).cuts == (False, False)
    assert Value(1.0).cuts == ()
    assert Value(1.0, (Value(2.0),), (0.0,)).cuts == (False,)  # numbers that the user states are numbers
    assert [type(partial) for partial in relu(Value(Fraction(-1))).partials] == [Fraction]
    assert [type(partial) for partial in relu(Value(-1)).partials] == [int]


# --- the faults that led to the law, in every mode ---------------------------------------------------------------------------

FAULTS = {
    "x + sqrt(x).detach()": (lambda x: x + sqrt(x).detach(), 0.0, 1.0),
    "maximum(x, 0).sqrt()": (lambda x: maximum(x, 0).sqrt(), -1e-17, 0.0),
    "maximum(x, 0) ** 0.5": (lambda x: maximum(x, 0) ** 0.5, -1e-17, 0.0),
    "clipped asin": (lambda x: asin(minimum(maximum(x, -1), 1)), 1 + 2**-52, 0.0),
    "clipped acos": (lambda x: autograd.acos(minimum(maximum(x, -1), 1)), -1 - 2**-52, 0.0),
    "relu(sqrt(x))": (lambda x: relu(sqrt(x)), 0.0, 0.0),
    "sqrt(relu(x))": (lambda x: sqrt(relu(x)), -1.0, 0.0),
    "maximum(sqrt(x), 1)": (lambda x: maximum(sqrt(x), 1), 0.0, 0.0),
    "x + step(sqrt(x))": (lambda x: x + sqrt(x).step(), 0.0, 1.0),
    "sqrt(x) ** 0": (lambda x: sqrt(x) ** 0, 0.0, 0.0),
    "sqrt(x) ** y at y = 0": (lambda x: sqrt(x) ** Value(0.0), 0.0, 0.0),
    "leaky_relu(sqrt(x), 0)": (lambda x: sqrt(x).leaky_relu(0), 0.0, 0.0),
    "maximum of infinities": (lambda x: maximum(x, INF), INF, 0.5),
    "a computed 0": (lambda x: (0 * x).sqrt(), 1.0, NAN),
    "a partial that is 0": (lambda x: sqrt(x) ** 2, 0.0, NAN),
    "a gradient that cancels": (lambda x: (lambda y: y - y)(sqrt(x)), 0.0, NAN),
    "abs at 0, a mean": (lambda x: abs(sqrt(x)), 0.0, NAN),
    "relu of nan": (lambda x: relu(0 * x * INF), 1.0, NAN),
}


def in_every_mode(f, at):
    """The derivative of f, by every mode of the engine."""

    def fresh():
        x = Value(at)
        return x, f(x)

    x, y = fresh()
    y.backward()
    yield x.grad
    for create_graph in (False, True):
        x, y = fresh()
        found = [grad(y, [x], create_graph)[0], vjp([y], [x], [1.0], create_graph)[0]]
        found += [jvp([y], [x], [1.0], create_graph)[0], jacobian([y], [x], create_graph)[0][0]]
        yield from (each.data if create_graph else each for each in found)
    parameter = Value(at)
    yield autograd.compile(lambda _: f(parameter), [parameter], executor="plain")([0.0])[1][0]
    yield autograd.compile(f, executor="plain").input_gradients([at])[0][0]
    for recorded in (lambda x: grad(f(x), [x], create_graph=True)[0], lambda x: jvp([f(x)], [x], [1.0], create_graph=True)[0]):
        yield autograd.compile(recorded, executor="plain").value([at])


@pytest.mark.parametrize("name", FAULTS)
def test_what_led_to_the_law(name):
    f, at, want = FAULTS[name]
    for found in in_every_mode(f, at):
        assert same(found, want)


@pytest.mark.parametrize("name", [name for name, (_, _, want) in FAULTS.items() if want == want])
def test_second_derivatives_of_what_is_cut(name):
    f, at, _ = FAULTS[name]
    x = Value(at)
    assert hessian(f(x), [x]) == [[0.0]]
    assert hvp(f(x), [x], [1.0]) == [0.0]
    assert hessian(f(x) + x**3, [x]) == [[pytest.approx(6 * at)]]


@pytest.mark.parametrize("number", [int, Fraction])
def test_exact_numbers_obey_too(number):
    x, y = Value(number(-1)), Value(number(3))
    (maximum(x, 0).sqrt() + x * y).backward()
    assert (x.grad, y.grad) == (3, -1)
    x, y = Value(number(-2)), Value(number(3))
    (maximum(x, y) * x.detach()).backward()
    assert (x.grad, y.grad) == (0, -2)
    assert (type(x.grad), type(y.grad)) == (number, number)


def test_a_closure_that_received_nothing_is_not_asked():
    x = Value(2.0)
    y = Value(x.data**2, (x,), "square")

    def backward():
        x.grad += INF * y.grad

    y._backward = backward
    (x + y.detach()).backward()
    assert x.grad == 1.0
    stated = Value(0.0, (x,), (INF,))  # a microgpt's local derivatives
    (x + stated.detach()).backward()
    assert x.grad == 2.0


def test_the_loops_of_other_engines_obey_at_each_edge():
    x = Value(-1.0)
    y = maximum(x, 0).sqrt()
    y.grad = 1.0
    y._backward()
    y.inputs[0]._backward()
    assert x.grad == 0.0
    assert [slope is CUT for slope in y.inputs[0]._local_grads] == [True, False]


def test_a_computed_0_passes_on():
    """The gradient of y is 1 - 1: a number, and no nothing."""
    x = Value(0.0)
    y = sqrt(x)
    (y - y).backward()
    assert math.isnan(x.grad)


# --- random tapes, in every mode ----------------------------------------------------------------------------------------------


def test_random_tapes_have_one_gradient_by_all_modes():
    compare_all(TAPES.cases())


def compare_all(cases):
    for case in cases:
        compare(drawn(case))


def compare(case):
    leaves, output = case.graph(case.examples[0])
    values, partials = by_hand(case.tape, case.leaves(case.examples[0]))
    want = cut_tapes.reverse(case.tape, partials)
    assert same(output.data, values[case.tape.outputs[0]])
    output.backward()
    assert bits(leaf.grad for leaf in leaves) == bits(want)
    assert bits(grad(output, leaves)) == bits(want)
    assert bits(Plain(case.tape).bind(case.examples).per_example(np.array(case.parameters))[1][0]) == bits(want)
    assert all(same(slope.data, number) for slope, number in zip(grad(output, leaves, create_graph=True), want, strict=True))
    for index, leaf in enumerate(leaves):
        tangent = cut_tapes.forward(case.tape, partials, index)
        assert bits(jvp([output], [leaf], [1.0])) == bits([tangent])
        assert same(jvp([output], [leaf], [1.0], create_graph=True)[0].data, tangent)


def bits(numbers):
    """Bit patterns, of nan one, and of 0 one: the sign of a 0 depends on the 0 with which a sum starts."""
    return ["nan" if number != number else (float(number) + 0.0).hex() for number in numbers]


def test_random_tapes_are_what_they_are_said_to_be():
    cases = [drawn(case) for case in range(400)]
    gradients, cut, strong = [], 0, 0
    for case in cases:
        _, partials = by_hand(case.tape, case.leaves(case.examples[0]))
        gradients += cut_tapes.reverse(case.tape, partials)
        cut += any(None in local for local in partials)
        without = [tuple(0.0 if partial is None else partial for partial in local) for local in partials]
        strong += bits(cut_tapes.reverse(case.tape, without)) != bits(cut_tapes.reverse(case.tape, partials))
    assert cut > 150  # tapes in which an operand is cut
    assert strong > 30  # tapes in which it matters
    finite = [g for g in gradients if math.isfinite(g)]
    assert len(finite) > 0.5 * len(gradients)
    assert sum(g != 0 for g in finite) > 50
    assert sum(math.isinf(g) for g in gradients) > 10
    assert sum(math.isnan(g) for g in gradients) > 20


PLANTED = {
    "an ordinary 0 in place of CUT": lambda op: lambda *operands: tuple(map(float, op.ieee(*operands))),
    "every 0 is strong": lambda op: (
        lambda *operands: (lambda out, *d: (out, *[CUT if p == 0 else p for p in d]))(*op.ieee(*operands))
    ),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug, monkeypatch):
    for op in {id(op): op for op in [*ROWS, *cut_tapes.MEMBERS]}.values():
        monkeypatch.setitem(vars(op), "kernel", PLANTED[bug](op))
    with pytest.raises(AssertionError):
        compare_all(range(300))


# --- recorded derivatives -----------------------------------------------------------------------------------------------------


def test_derivatives_of_random_tapes_recorded_while_traced_are_those_recorded_at_numbers():
    for case in RECORDED.cases():
        tapes = drawn(case)
        numbers = tapes.leaves(tapes.examples[0])

        def derivatives(xs, tape=tapes.tape):
            return grad(cut_tapes.run(tape, xs), xs, create_graph=True)

        program = autograd.compile(derivatives, executor="plain")
        leaves = [Value(number) for number in numbers]
        for got, want in zip(program.value([numbers])[0], derivatives(leaves), strict=True):
            assert same(float(got), want.data)


def slope_behind(op, x, b):
    return grad(apply(op, x + sqrt(b)), [b], create_graph=True)[0]


def test_every_kind_of_condition_is_recorded_while_tracing():
    """Also behind nan, of which every comparison is false, and not the opposite true."""
    unlike = Op("unlike", "0 if x != 1 else 2 * x", ("unlike(x) * step(x)",))
    rows = [
        unlike,
        Op("between", "0 if x <= 0 else 2 if x >= 2 else x", ("step(x) * step(2 - x)",)),
        Op("left_square", "x * x if x < 0 else 0", ("2 * minimum(x, 0)",)),
        Op("right_square", "x * x if x >= 0 else 0", ("2 * maximum(x, 0)",)),
        Op("half", "0 if x == 0 else x", ("step(x) / 2 + 0 * x",)),
    ]
    assert unlike.cuts == ("x != 1 or x <= 0",)
    points = [-2.0, -0.0, 0.5, 1.0, 3.0, INF, NAN]
    for op in rows:
        program = autograd.compile(partial(slope_behind, op), executor="plain")
        found = program.per_example(points, [0.0] * len(points)).values
        for at, got in zip(points, found, strict=True):
            x, b = Value(at), Value(0.0)
            assert same(got, grad(apply(op, x + sqrt(b)), [b])[0]), (op.name, at)


RECORDED_DERIVATIVES = {
    "grad": lambda y, x: grad(y, [x], create_graph=True)[0],
    "jvp": lambda y, x: jvp([y], [x], [1.0], create_graph=True)[0],
    "hessian": lambda y, x: hessian(y, [x], create_graph=True)[0][0],
}


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_cut_may_read_the_result(executor):
    """Where relu is cut its result is 0; the root before it has an infinite slope at 0, and a nan on the left."""
    rectifier = Op("rectifier", "x if x > 0 else 0", ("step(out)",))
    smaller = Op("smaller", "x if x < y else y", ("step(y - out)", "step(x - out)"))
    assert (rectifier.cuts, smaller.cuts) == (("out <= 0",), ("y - out <= 0", "x - out <= 0"))
    for function, points in [
        (lambda x: apply(rectifier, sqrt(x) * x), [4.0, 0.0, 9.0]),
        (lambda x: sqrt(apply(rectifier, x)), [4.0, -1.0, 0.25]),
        (lambda x: apply(smaller, sqrt(x), x + 1) + apply(smaller, x - 4, sqrt(x)), [4.0, 0.0, 0.25]),
    ]:
        [found] = autograd.compile(function, executor=executor, reduction="sum").input_gradients(points)
        leaves = [Value(at) for at in points]
        np.testing.assert_allclose(found, [grad(function(x), [x])[0] for x in leaves], rtol=1e-12)
        for derivative in RECORDED_DERIVATIVES.values():
            program = autograd.compile(lambda x, f=function, d=derivative: d(f(x), x), executor=executor)
            found = program.per_example(points).values
            np.testing.assert_allclose(found, [derivative(function(x), x).data for x in leaves], rtol=1e-12)


def test_the_complex_step_of_a_derivative_asks_where_a_result_is_cut():
    rectifier = Op("rectifier", "x if x > 0 else 0", ("step(out)",))
    for at, slope in ((2.0, 12.0), (-2.0, 0.0)):
        found = complex_step(lambda z: grad(apply(rectifier, (x := Value(z)) * x * x), [x])[0], at)
        assert found.derivative == pytest.approx(slope, rel=1e-12)


def test_a_slope_beyond_1e16_leaves_the_1_of_the_other_side():
    assert Value(2.0).leaky_relu(1e17).partials == (1.0,)
    assert Value(-2.0).leaky_relu(1e17).partials == (1e17,)


def test_masked_data_may_be_nan():
    """A parameter of a program whose example is missing: its derivative, recorded while tracing, is 0 and not nan."""
    w = Value(3.0, "w")

    def slope(x, known):
        loss = autograd.where(autograd.equal(known, 1.0), lambda: (w * x - 1) ** 2, 0.0)
        return grad(loss, [w], create_graph=True)[0]

    program = autograd.compile(slope, [w], executor="plain")
    assert program.per_example([2.0, NAN], [1.0, 0.0]).values.tolist() == [20.0, 0.0]


def test_a_layers_matrix_is_multiplied_without_conditions():
    model = nn.MLP(3, [4, 4, 1], activation="relu", seed=0)
    program = autograd.compile(lambda x: grad(model(x), x, create_graph=True)[0], model.parameters(), shapes=[(3,)])
    names = [instruction.op.name for instruction in program.tape.instructions]
    assert names.count("when") == 8  # one for each relu
    assert names.count("maximum") == 3  # the reaches of a layer's neurons are joined once, and not for each neuron before it
