"""Random programs: what is left out, masks, infinities behind both, shared operands, nested derivatives and solutions, in one text.

Each is differentiated in every mode and by every executor, and beside the engine by nested dual numbers with 50 digits, which share
no formula with it (``tests/duals.py``). At the end of the file each property is shown to be able to fail.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from fractions import Fraction
from importlib.util import find_spec
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase, assume, find, settings
from hypothesis.errors import NoSuchExample

import autograd
import autograd.checking.complex_step as complex_step_module
from autograd import (
    OPS,
    Constant,
    Value,
    grad,
    gradient,
    hessian,
    hvp,
    implicit,
    jacobian,
    jacobian_of,
    jvp,
    topological_order,
    vjp,
)
from autograd.checking.complex_step import Analytic, Step, complex_step
from autograd.compiled import plain
from autograd.rules.complex_primitives import NotAnalyticError
from autograd.rules.numbers import Guest
from autograd.value import as_value
from tests import duals
from tests.strategies import ANALYTIC, DERIVATIVES, EXACT, FORMS, Program, for_all, programs

EXECUTORS = ["plain", "numpy", *(["native"] if find_spec("llvmlite") else [])]
RATIONAL, REAL = programs(Fraction), programs(float)


# --- by the oracle --------------------------------------------------------------------------------------------------------


class Truth(NamedTuple):
    """A program's value, gradient and Hessian in dual numbers, and the largest derivative that was met."""

    value: Any
    gradient: list[Any]
    hessian: list[list[Any]]
    largest: float


def truth(program: Program) -> Truth:
    D = duals.Derivatives()
    f, at = program.function(duals.world(D)), [*map(duals.held, program.at)]

    def partial(f: Callable[..., Any], k: int) -> Callable[..., Any]:
        return lambda *xs: D(lambda x: f(*xs[:k], x, *xs[k + 1 :]))(xs[k])

    n = range(len(at))
    first = [duals.base(partial(f, k)(*at)) for k in n]
    second = [[duals.base(partial(partial(f, k), j)(*at)) for j in n] for k in n]
    return Truth(duals.base(f(*at)), first, second, D.largest)


def test_the_oracle_has_the_derivatives_that_are_done_by_hand():
    D = duals.Derivatives()
    names = duals.world(D)

    def at(text: str, x: float) -> list[float]:
        f = eval(f"lambda x: {text}", names)
        x = duals.held(x)
        return [float(duals.base(each(x))) for each in (f, D(f), D(D(f)), D(D(D(f))))]

    assert at("x**4", 2.0) == [16, 32, 48, 48]
    assert at("1 / x", 2.0) == [0.5, -0.25, 0.25, -0.375]
    assert at("sqrt(x)", 4.0) == [2, 0.25, -1 / 32, 3 / 256]
    assert at("cbrt(x)", 8.0) == pytest.approx([2, 1 / 12, -1 / 144, 5 / 3456])
    assert at("exp(log(x) * 2)", 3.0) == pytest.approx([9, 6, 2, 0])
    assert at("sin(x) + cos(x)", 0.0) == [1, 1, -1, -1]
    assert at("tanh(x)", 0.0) == [0, 1, 0, -2]
    assert at("atan(x)", 1.0) == pytest.approx([math.pi / 4, 1 / 2, -1 / 2, 1 / 2])
    assert at("asin(x)", 0.0) == [0, 1, 0, 1]
    assert at("softplus(x) - sigmoid(x)", 0.0) == pytest.approx([math.log(2) - 0.5, 0.25, 0.25, 0.125])
    assert at("hypot(x, 3)", 4.0) == pytest.approx([5, 4 / 5, 9 / 125, -108 / 3125])
    assert at("logsumexp([x, x, -inf])", 1.0) == pytest.approx([1 + math.log(2), 1, 0, 0])
    assert at("softmax([x, -inf, 0])[0]", 0.0) == pytest.approx([0.5, 0.25, 0, -0.125])
    assert at("x + sqrt(x - 1 + detach(x - x)) * 0 + detach(sqrt(x - 1))", 5.0) == [7, 1, 0, 0]
    assert at("relu(sqrt(x) - 1) + maximum(x, -inf)", 0.0) == [0, 1, 0, 0]
    assert at("where(less(x, 1) & equal(x, 0), lambda: 3 * x, lambda: 1 / x)", 0.0) == [0, 3, 0, 0]
    assert at("derivative(lambda y: x * y**3)(x)", 2.0) == [24, 36, 36, 18]  # 3 x**3
    assert at("derivative(lambda y: y * (x - y))(x)", 2.0) == [-2, -1, 0, 0]
    assert at("solve(lambda v: v**2 - x, 1.0)", 4.0) == pytest.approx([2, 0.25, -1 / 32, 3 / 256])
    assert math.isinf(at("sqrt(x)", 0.0)[1])
    assert math.isnan(at("sqrt(x * 0)", 1.0)[1])


# --- the programs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "forms"), [(float, FORMS), (Fraction, EXACT)])
def test_programs_are_made_of_every_form_and_every_derivative(kind, forms):
    words = {name for form in forms for text in FORMS[form] for name in re.findall(r"[a-z_]{3,}(?=\()", text)}
    expected = words | set(DERIVATIVES) | ({"inf"} if kind is float else {"depth 3"})
    met: set[str] = set()

    def is_complete(program: Program) -> bool:
        met.update(word for word in words | set(DERIVATIVES) | {"inf"} if word in program.text)
        met.update(["depth 3"] if nesting(program.text) == 3 else [])
        return met >= expected

    with suppress(NoSuchExample):
        find(programs(kind), is_complete, settings=settings(max_examples=600, phases=[Phase.generate]))
    assert expected - met == set()


def nesting(text: str) -> int:
    """How deep derivatives stand in the functions of others."""
    deepest, open_at, depth = 0, [], 0
    for token in re.finditer(r"(derivative|by_\w+)\(|\(|\)", text):
        if token[0] == ")":
            open_at.pop()
        else:
            open_at.append(bool(token[1]))
        depth = sum(open_at)
        deepest = max(deepest, depth)
    return deepest


def test_a_program_is_printed_as_its_text():
    assert repr(Program("x0 * sin(x1)", (1.0, 0.5))) == "\n    x0 * sin(x1)\n    at x0 = 1.0, x1 = 0.5"


def test_a_counterexample_is_small():
    assert find(REAL, lambda program: "solve" in program.text).text == (
        "let(x0, lambda w0: solve(lambda v1: v1 - sin(v1) / 2 - w0, 0.5))"
    )


# --- in every mode --------------------------------------------------------------------------------------------------------


def graph(program: Program) -> tuple[list[Value], Value]:
    leaves = [Value(number) for number in program.at]
    return leaves, as_value(program.function()(*leaves))


def data(numbers: Iterable[Any]) -> list[Any]:
    return [number.data if isinstance(number, Value) else number for number in numbers]


def reverse_modes(program: Program) -> dict[str, list[Any]]:
    """The gradient, by everything that runs backwards."""
    leaves, output = graph(program)
    f = program.function()
    output.backward()
    return {
        "backward": [leaf.grad for leaf in leaves],
        "grad": grad(output, leaves),
        "create_graph": data(grad(output, leaves, create_graph=True)),
        "vjp": vjp([output], leaves, [1]),
        "jacobian": jacobian([output], leaves)[0],
        "jacobian, create_graph": data(jacobian([output], leaves, create_graph=True)[0]),
        "gradient(f)": gradient(lambda xs: as_value(f(*xs)))(program.at),
    }


def forward_modes(program: Program) -> dict[str, list[Any]]:
    leaves, output = graph(program)
    return {
        "jvp": [jvp([output], [leaf], [1])[0] for leaf in leaves],
        "jvp, create_graph": data(jvp([output], [leaf], [1], create_graph=True)[0] for leaf in leaves),
    }


def hessians(program: Program) -> dict[str, list[list[Any]]]:
    leaves, output = graph(program)
    f = program.function()
    slopes = grad(output, leaves, create_graph=True)
    columns = [jvp(slopes, [leaf], [1]) for leaf in leaves]
    return {
        "hessian": hessian(output, leaves),
        "hessian, create_graph": [data(row) for row in hessian(output, leaves, create_graph=True)],
        "jacobian of the gradient": jacobian(slopes, leaves),
        "jacobian_of(gradient(f))": jacobian_of(gradient(lambda xs: as_value(f(*xs))))(program.at),
        "jvp of the gradient": [list(row) for row in zip(*columns, strict=True)],
    }


def hessian_times_ones(program: Program) -> list[Any]:
    leaves, output = graph(program)
    return hvp(output, leaves, [1] * len(leaves))


@for_all(RATIONAL, examples=120)
def test_exact_programs_have_the_derivatives_of_dual_numbers_in_every_mode(program):
    expected = truth(program)
    assert graph(program)[1].data == expected.value
    for mode, found in {**reverse_modes(program), **forward_modes(program)}.items():
        assert found == expected.gradient, mode
    for mode, rows in hessians(program).items():
        assert rows == expected.hessian, mode
    assert hessian_times_ones(program) == [sum(row) for row in expected.hessian]
    assert expected.hessian == [list(column) for column in zip(*expected.hessian, strict=True)]


# --- floats: modes and executors ------------------------------------------------------------------------------------------


def same(found: Iterable[float], expected: Iterable[float], size: float) -> bool:
    """Whether numbers are of one class each (finite, inf, -inf, nan), and the finite ones agree, to the rounding of a size."""
    pairs = zip(map(float, found), map(float, expected), strict=True)
    return all(
        abs(a - b) <= 1e-9 * size if math.isfinite(a) and math.isfinite(b) else a == b or (math.isnan(a) and math.isnan(b))
        for a, b in pairs
    )


def is_infinite(number: Any) -> bool:
    return not math.isfinite(number)


def confirmed(found: Iterable[float], expected: Iterable[Any], size: float) -> bool:
    """Whether numbers are finite where those of the oracle are, which has no -0.0 and so other signs of 1 / 0, and agree there."""
    pairs = zip(found, expected, strict=True)
    return all(is_infinite(a) if is_infinite(b) else same([a], [b], size) for a, b in pairs)


def infinite_paths(output: Value, leaf: Value) -> int:
    """How many paths from a leaf have an infinite local derivative, or nan, and are not cut."""
    paths: dict[Value, tuple[int, int]] = {}  # all, and those that are finite
    for node in topological_order(output):
        edges = [
            (paths[source], math.isfinite(partial))
            for source, partial, cut in zip(node.inputs, node.partials, node.cuts, strict=True)
            if not cut
        ]
        every = sum(count for (count, _), _ in edges)
        finite = sum(count for (_, count), is_finite in edges if is_finite)
        paths[node] = (every + (node is leaf), finite + (node is leaf))
    every, finite = paths[output]
    return every - finite


@for_all(REAL, examples=100)
def test_modes_agree_in_class_and_where_they_are_finite_in_value(program):
    """Backwards with each other, and forwards with the oracle; both ways too, unless two infinities meet."""
    expected = truth(program)
    leaves, output = graph(program)
    assert same([output.data], [expected.value], 100)
    backwards, forwards = reverse_modes(program), forward_modes(program)
    for mode, found in backwards.items():
        assert same(found, backwards["backward"], expected.largest), mode
    for mode, found in forwards.items():
        assert same(found, forwards["jvp"], expected.largest), mode
        assert confirmed(found, expected.gradient, expected.largest), mode
    for k, leaf in enumerate(leaves):
        if infinite_paths(output, leaf) <= 1:
            assert same([backwards["backward"][k]], [forwards["jvp"][k]], expected.largest)


@for_all(REAL, examples=60)
def test_hessians_agree_and_are_symmetric(program):
    expected = truth(program)
    found = hessians(program)
    for product, row in zip(hessian_times_ones(program), expected.hessian, strict=True):
        assert is_infinite(sum(row)) or same([product], [sum(row)], expected.largest)
    for mode, rows in found.items():
        for row, wanted, oracle in zip(rows, found["hessian"], expected.hessian, strict=True):
            assert mode == "jvp of the gradient" or same(row, wanted, expected.largest), mode
            for number, true in zip(row, oracle, strict=True):
                assert is_infinite(true) or same([number], [true], expected.largest), mode
    for i, row in enumerate(expected.hessian):
        for j, true in enumerate(row):
            assert is_infinite(true) or same([true], [expected.hessian[j][i]], expected.largest)


@for_all(programs(forms=["infinities"], most=2) | REAL, examples=15)
def test_compiled_programs_agree_with_eager_ones(program):
    """Values and gradients, with respect to inputs and to parameters, and the same of the gradient: nested once more."""
    leaves, output = graph(program)
    assume(not isinstance(output, Constant))
    size, at, f = truth(program).largest, [[number] for number in program.at], program.function()
    slopes = grad(output, leaves, create_graph=True)

    def last_slope(*xs: Value) -> Any:
        return grad(f(*xs), [*xs], create_graph=True)[-1]

    def last_tangent(*xs: Value) -> Any:
        return jvp([f(*xs)], [xs[-1]], [1], create_graph=True)[0]

    functions = {"f": (f, output), "grad": (last_slope, slopes[-1])}
    functions["jvp"] = last_tangent, jvp([output], [leaves[-1]], [1], create_graph=True)[0]
    for executor in EXECUTORS:
        for name, (function, eager) in functions.items():
            expected = grad(eager, leaves)
            compiled = autograd.compile(function, executor=executor, reduction="sum")
            for count in (1, 9):
                columns = [each * count for each in at]
                where = f"{name} of {count} by {executor}"
                assert same(compiled.per_example(*columns).values, [eager.data] * count, size), where
                for column, number in zip(compiled.input_gradients(*columns), expected, strict=True):
                    assert same(column, [number] * count, size), where
        parameters = [Value(number) for number in program.at]
        step = autograd.compile(lambda t, ws=parameters: t * f(*ws), parameters, executor=executor, reduction="sum")
        for count in (1, 9):
            assert same(step.per_example([1.0] * count).gradients[0], grad(output, leaves), size), executor
            assert same(step([1.0] * count).gradients, [count * slope for slope in grad(output, leaves)], count * size), (
                executor
            )


# --- complex Values -------------------------------------------------------------------------------------------------------


@for_all(programs(forms=ANALYTIC), examples=60)
def test_a_complex_step_through_values_is_the_derivative_of_dual_numbers(program):
    """As check_gradients moves f: each input by a tiny imaginary part, through f and through its gradient."""
    expected, f = truth(program), program.function()

    def moved(k: int, z: Any) -> list[Value]:
        return [Value(z if j == k else number) for j, number in enumerate(program.at)]

    for k, number in enumerate(program.at):
        found = complex_step(lambda z, k=k: as_value(f(*moved(k, z))).data, number)
        assume(found is not None)  # else at a place where a row's text has a kink, or all that is left underflows
        assert same([found.derivative], [expected.gradient[k]], expected.largest)

        def slope(z: Any, k: int = k) -> Any:
            leaves = moved(k, z)
            return grad(as_value(f(*leaves)), [leaves[0]])[0]

        found = complex_step(slope, number)
        assume(found is not None)
        assert same([found.derivative], [expected.hessian[0][k]], expected.largest)


H = 2.0**-120


@for_all(programs(forms=ANALYTIC), examples=60)
def test_complex_values_are_those_of_complex_numbers_with_50_digits(program):
    """Real and imaginary part. mpmath computes with a program's own text, and differentiates nothing but what the text does."""
    step = Step()
    leaves = [Value(Analytic(complex(x, H * (k + 1)), step)) for k, x in enumerate(program.at)]
    try:
        number = as_value(program.function()(*leaves)).data
    except NotAnalyticError:  # at a place where a row's text has a kink, though its function has none
        assume(False)
    z = number.z if isinstance(number, Guest) else complex(number)
    f = program.function(duals.world(D := duals.Derivatives()))
    w = duals.base(f(*[duals.mp.mpc(x, H * (k + 1)) for k, x in enumerate(program.at)]))
    assert same([z.real, z.imag / H], [w.real, w.imag / H], max(D.largest, truth(program).largest))


# --- every property can fail ----------------------------------------------------------------------------------------------


def confused(outputs: list[Value], variables: list[Value], create_graph: bool) -> Any:
    """A derivative in the caller's own variable in place of its own."""
    arguments = [variable.inputs[0] for variable in variables]
    pairs = zip(variables, arguments, strict=True)
    return jacobian(outputs, [v if type(a) is Constant else a for v, a in pairs], create_graph)


def an_ordinary_0(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of what is cut."""
    for op in autograd.OPS.values():
        if not op.is_family:
            monkeypatch.setitem(vars(op), "kernel", lambda *operands, op=op: tuple(map(float, op.ieee(*operands))))


def solutions_turned_round(monkeypatch: pytest.MonkeyPatch) -> None:
    right = implicit.linear_solutions
    monkeypatch.setattr(implicit, "linear_solutions", lambda *args: [[-x for x in xs] for xs in right(*args)])


def in_place_of(owner: Any, name: str, wrong: Any) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda monkeypatch: monkeypatch.setattr(owner, name, wrong)


def partials_off(monkeypatch: pytest.MonkeyPatch) -> None:
    right = plain.computed
    monkeypatch.setattr(plain, "computed", lambda op, *xs: [number * (1 + 1e-6) for number in right(op, *xs)])


def without_imaginary_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """In rows of one operand."""
    right = complex_step_module._value
    monkeypatch.setattr(complex_step_module, "_value", lambda op: (lambda z: right(op)(z.real)) if op.arity == 1 else right(op))


PLANTED: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], list[Any]]] = {
    "detach lets the derivative pass": (
        in_place_of(OPS["detach"], "exact", lambda x: (x, 1)),
        [test_exact_programs_have_the_derivatives_of_dual_numbers_in_every_mode],
    ),
    "perturbations are confused": (
        in_place_of(autograd.functional, "jacobian", confused),
        [
            test_exact_programs_have_the_derivatives_of_dual_numbers_in_every_mode,
            test_complex_values_are_those_of_complex_numbers_with_50_digits,
        ],
    ),
    "an ordinary 0 where an operand is left out": (
        an_ordinary_0,
        [test_modes_agree_in_class_and_where_they_are_finite_in_value],
    ),
    "a solution moves the other way": (
        solutions_turned_round,
        [test_modes_agree_in_class_and_where_they_are_finite_in_value, test_hessians_agree_and_are_symmetric],
    ),
    "a partial of plain floats is off by 1e-6": (
        partials_off,
        [test_compiled_programs_agree_with_eager_ones],
    ),
    "an imaginary part that is lost": (
        without_imaginary_parts,
        [
            test_a_complex_step_through_values_is_the_derivative_of_dual_numbers,
            test_complex_values_are_those_of_complex_numbers_with_50_digits,
        ],
    ),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug, monkeypatch):
    plant, properties = PLANTED[bug]
    plant(monkeypatch)
    assert [each.__name__ for each in properties if not each.can_fail()] == []


def test_a_bug_is_planted_for_every_property():
    properties = {name for name, test in globals().items() if hasattr(test, "can_fail")}
    assert properties == {test.__name__ for _, tests in PLANTED.values() for test in tests}
