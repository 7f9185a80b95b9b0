"""solve: the solution, its derivatives of any order in every mode, and what has none. The oracles are closed forms and mpmath."""

from __future__ import annotations

import gc
import math
import pickle
import weakref
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import strategies as st

import autograd
from autograd import (
    ClosureError,
    DomainError,
    SolutionError,
    Value,
    derivative,
    grad,
    gradient,
    hessian,
    hvp,
    jacobian,
    jacobian_of,
    jvp,
    solve,
    vjp,
)
from autograd.implicit import linear_solutions
from tests.strategies import between, equations, for_all


def root(a):
    return solve(lambda x, a: x * x - a, 1.0, a)


def root_of_closure(a):
    return solve(lambda x: x * x - a, 1.0)


def circle(v, a, b):
    """Its solution near (2, 1): x + y = sqrt(a + 2b), x - y = sqrt(a - 2b)."""
    return [v[0] ** 2 + v[1] ** 2 - a, v[0] * v[1] - b]


def circle_solved(a, b):
    plus, minus = (a + 2 * b) ** 0.5, (a - 2 * b) ** 0.5
    return [(plus + minus) / 2, (plus - minus) / 2]


def kepler(anomaly, eccentricity, mean):
    return anomaly - eccentricity * autograd.sin(anomaly) - mean


# Problems of one parameter: the solution as a function of it, and as mpmath computes it.
PROBLEMS = {
    "root": (root, mpmath.sqrt),
    "of a closure": (root_of_closure, mpmath.sqrt),
    "Kepler": (lambda a: solve(kepler, a, 0.4 * a, a), lambda a: mpmath.findroot(lambda x: x - 0.4 * a * mpmath.sin(x) - a, a)),
    "Lambert": (lambda a: solve(lambda x: x * autograd.exp(x) - a, 1.0), mpmath.lambertw),
    "solved in a residual": (
        lambda a: solve(lambda x, a: x * x - solve(lambda y, a: y**3 - a, 1.0, a), 1.0, a), lambda a: mpmath.root(a, 6)
    ),
    "solved at the unknown": (lambda a: solve(lambda x: x * solve(lambda y: y**3 - x, 1.0) - a, 1.0), lambda a: a ** mpmath.mpf("0.75")),
    "a minimum": (lambda a: solve(lambda x: derivative(lambda z: z**4 / 4 - a * z)(x), 1.0), mpmath.cbrt),
    "the smaller of two unknowns": (lambda a: solve(circle, [2.0, 1.0], 5 * a, 2.0)[1], lambda a: (mpmath.sqrt(5 * a + 4) - mpmath.sqrt(5 * a - 4)) / 2),
}  # fmt: skip
AT = 1.3


def exactly(solution, order):
    with mpmath.workdps(60):
        return float(mpmath.re(mpmath.diff(solution, mpmath.mpf(AT), order, h=mpmath.mpf(10) ** -12)))


@pytest.mark.parametrize("name", PROBLEMS)
def test_derivatives_to_the_third_order_are_those_of_mpmath(name):
    ours, theirs = PROBLEMS[name]
    f = ours
    for order in range(4):
        assert data(f(AT)) == pytest.approx(exactly(theirs, order), rel=1e-11)
        f = derivative(f)


def data(number):
    return number.data if isinstance(number, Value) else number


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_mode_gives_the_same_derivatives(name):
    ours, theirs = PROBLEMS[name]
    first, second = exactly(theirs, 1), exactly(theirs, 2)
    a = Value(AT)
    x = ours(a)
    x.backward()
    [slope] = grad(x, [a], create_graph=True)
    found = [a.grad, grad(x, [a])[0], jvp([x], [a], [1.0])[0], vjp([x], [a], [1.0])[0], jacobian([x], [a])[0][0], slope.data]
    assert found == pytest.approx([first] * len(found), rel=1e-12)
    found = [hessian(x, [a])[0][0], hvp(x, [a], [1.0])[0], jvp([slope], [a], [1.0])[0], grad(slope, [a])[0]]
    assert found == pytest.approx([second] * len(found), rel=1e-11)
    a.grad = 0.0
    slope.backward()
    assert a.grad == pytest.approx(second, rel=1e-11)


@pytest.mark.parametrize("name", sorted(PROBLEMS.keys() - {"solved at the unknown"}))
@pytest.mark.parametrize("executor", ["plain", "numpy", "auto"])
def test_compiled_code_gives_the_same_derivatives(name, executor):
    ours, theirs = PROBLEMS[name]
    expected = [exactly(theirs, order) for order in range(3)]
    program = autograd.compile(ours, executor=executor)
    assert program.per_example([AT, AT]).values == pytest.approx([expected[0]] * 2, rel=1e-12)
    assert program.input_gradients([AT])[0] == pytest.approx([expected[1]], rel=1e-12)
    slope = autograd.compile(derivative(ours), executor=executor)
    assert slope.input_gradients([AT])[0] == pytest.approx([expected[2]], rel=1e-11)
    w = Value(AT, "w")
    assert autograd.compile(lambda t: t * ours(w), [w], executor=executor)([1.0, 1.0]).gradients == pytest.approx(
        [expected[1]], rel=1e-12
    )


def test_several_unknowns_and_several_parameters():
    a, b = Value(5.0), Value(2.0)
    found, closed = solve(circle, [1.9, 1.2], a, b), circle_solved(a, b)
    assert [x.data for x in found] == pytest.approx([2.0, 1.0], rel=1e-15)
    assert np.array(jacobian(found, [a, b])) == pytest.approx(np.array(jacobian(closed, [a, b])), rel=1e-14)
    for x, y in zip(found, closed, strict=True):
        assert np.array(hessian(x, [a, b])) == pytest.approx(np.array(hessian(y, [a, b])), rel=1e-13)
    third = jacobian_of(gradient(lambda p: derivative(lambda t: solve(circle, [2.0, 1.0], t * p[0], p[1])[0])(1.0)))
    same = jacobian_of(gradient(lambda p: derivative(lambda t: circle_solved(t * p[0], p[1])[0])(1.0)))
    assert np.array(third([5.0, 2.0])) == pytest.approx(np.array(same([5.0, 2.0])), rel=1e-11)
    program = autograd.compile(lambda a, b: solve(circle, [1.9, 1.2], a, b)[0])
    points = [5.0, 5.1, 6.0], [2.0, 2.1, 0.5]
    assert program.per_example(*points).values == pytest.approx(
        [circle_solved(*point)[0] for point in zip(*points, strict=True)], rel=1e-12
    )


def test_a_list_an_array_or_a_number_as_start():
    def chain(v):
        return [2 * v[0] - v[1] - 1, 2 * v[1] - v[0] - 1]

    assert solve(chain, [0, 0]) == pytest.approx([1.0, 1.0])
    found = solve(lambda v: v * v - np.array([1.0, 4.0]), np.array([1.5, 0.9]))  # the residual gets an array, and returns one
    assert found == pytest.approx([1.0, 2.0])
    assert type(solve(lambda x: 2 * x - 1, Fraction(1, 3))) is float
    assert solve(lambda x: 2 * x - 1, Value(3.0)) == 0.5  # the start is no argument


def test_numbers_in_numbers_out_and_any_other_value_makes_a_value():
    assert type(solve(lambda x, a: x - a, 1.0, 2.0)) is float
    assert type(root(Value(4.0))) is type(root_of_closure(Value(4.0))) is Value
    a = Value(4.0)
    assert grad(solve(lambda x, pairs: x * x - pairs[0][1], 1.0, [(2.0, a)]), [a]) == [0.25]
    assert grad(solve(lambda x, a, b: x - a * b, 1.0, a, a), [a]) == [8.0]


def test_the_steps_are_not_recorded_and_nothing_keeps_the_graph():
    a = Value(2.0)
    x = root(a)
    assert x.inputs == (a,)
    [slope] = grad(x, [a], create_graph=True)
    gc.collect()
    gc.disable()
    try:
        gone = [weakref.ref(node) for node in (x, slope, x.op.equations.unknowns[0])]
        del x, slope
        assert [node() for node in gone] == [None] * 3
    finally:
        gc.enable()
    copy = pickle.loads(pickle.dumps(root(a)))
    assert grad(copy, [copy.inputs[0]], create_graph=True)[0].data == grad(root(a), [a])[0]


def test_a_thousand_implicit_steps():
    u = Value(1.0)
    y = u
    for _ in range(1000):
        y = solve(lambda z, y: z - y + 0.001 * z, y, y)
    y.backward()
    assert u.grad == pytest.approx(1.001**-1000, rel=1e-12)


def test_a_solution_prints_as_what_it_is():
    a = Value(4.0, "a")
    x = root(a)
    x.label = "x"
    assert "x = solve(a)" in str(autograd.explain(x, a))
    assert "∂x/∂a = 0.25" in str(autograd.explain(x, a))


# --- the method -----------------------------------------------------------------------------------------------------------

HARD = {  # the residual, the start, the solution: plain Newton's method diverges from most of these starts
    "atan": (autograd.atan, 20.0, 0.0),
    "log": (lambda x: autograd.log(x) - 1, 20.0, math.e),
    "flat": (lambda x: (x - 1) * x**20, 30.0, 1.0),
    "steep": (lambda x: autograd.exp(x) - 1e8, 0.0, math.log(1e8)),
    "over a hill": (lambda x: x / (1 + x * x) - 0.4, -0.5, 2.0),
    "tiny": (lambda x: 1e-200 * (x * x - 2), 1.0, math.sqrt(2)),
    "huge": (lambda x: 1e200 * (x * x - 2), 1.0, math.sqrt(2)),
    "far": (lambda x: x * x - 1e-20, 1.0, 1e-10),
}


@pytest.mark.parametrize("name", HARD)
def test_far_starts(name):
    residual, start, solution = HARD[name]
    assert solve(residual, start) == pytest.approx(solution, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("name", sorted(HARD.keys() - {"far", "flat", "steep"}))  # these take more than 24 steps
def test_far_starts_in_compiled_code(name):
    residual, start, solution = HARD[name]
    program = autograd.compile(lambda t: solve(lambda x, t: residual(x) * t, start, t))
    assert program.per_example([1.0]).values == pytest.approx([solution], rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("executor", ["plain", "numpy", "auto"])
def test_a_step_that_leaves_the_domain_is_cut_from_the_derivative(executor):
    """From 20, Newton's first step goes below 0, where the root and its derivative are nan: it is not taken."""
    program = autograd.compile(lambda t: solve(lambda x: autograd.sqrt(x) - t, 20.0), executor=executor)
    assert program.per_example([1.0, 1.5]).values == pytest.approx([1.0, 2.25], rel=1e-14)
    assert program.input_gradients([1.0])[0] == pytest.approx([2.0], rel=1e-14)


@pytest.mark.parametrize("eccentricity", [0.1, 0.9, 0.999])
def test_keplers_equation_everywhere(eccentricity):
    means = np.linspace(0.01, 6.27, 50)
    eager = [solve(kepler, mean, eccentricity, mean) for mean in means.tolist()]
    program = autograd.compile(lambda mean: solve(kepler, mean, eccentricity, mean))
    for anomalies in (np.array(eager), program.per_example(means).values):
        assert np.abs(anomalies - eccentricity * np.sin(anomalies) - means).max() < 2e-15


def test_linear_equations_are_as_accurate_as_their_condition_allows():
    hilbert = [[1 / (i + j + 1) for j in range(6)] for i in range(6)]
    right = [float(i) for i in range(6)]
    with mpmath.workdps(50):
        exact = [float(x) for x in mpmath.lu_solve(mpmath.matrix(hilbert), mpmath.matrix(right))]
    [found] = linear_solutions(hilbert, [right])
    condition = np.linalg.cond(np.array(hilbert))
    assert np.abs(np.array(found) - exact).max() <= 10 * condition * 2**-52 * np.abs(exact).max()


# --- what has no solution, or none with a derivative -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: solve(lambda x: x * x + 1, 2.0), SolutionError, r"found no solution.*Start nearer"),
        (lambda: solve(lambda x: autograd.exp(x), 0.0), SolutionError, "after 100 steps"),
        (lambda: solve(lambda x: 1 / (x - 3), 1.0), SolutionError, "found no solution"),
        (lambda: solve(lambda x: x**3 - 2 * x + 2, 0.0), SolutionError, "it is at 0.8165, where the residuals are 0.9113"),
        (lambda: solve(lambda x: x * x - 2, 0.0), SolutionError, "at 0 the derivative of the residual is 0"),
        (lambda: solve(lambda v: [v[0] + v[1], 2 * v[0] + 2 * v[1] - 1], [0.0, 1.0]), SolutionError, r"Jacobian .* is singular"),
        (lambda: solve(lambda x: (x - 3) ** 2, 1.0), SolutionError, "at the solution 3 the Jacobian of the residuals is singular"),
        (lambda: solve(lambda x: x * x - 6 * x + 9, 1.0), SolutionError, "double root"),
        (lambda: solve(lambda x: x**3, 1.0), SolutionError, "singular"),
        (lambda: solve(autograd.log, -1.0), DomainError, "log"),
        (lambda: solve(lambda x: x.data, 0.0), TypeError, "a plain number has no derivative"),
        (lambda: solve(lambda x: Value(2.0), 0.0), ValueError, "does not depend on x, so no equation says what it is"),
        (lambda: solve(lambda v: [v[0], v[0]], [0.0, 1.0]), ValueError, r"does not depend on v\[1\]"),
        (lambda: solve(lambda v: [v[0]], [0.0, 1.0]), ValueError, "returned 1 residual for 2 unknowns"),
        (lambda: solve(lambda x: [x], 0.0), TypeError, "must return one scalar"),
        (lambda: solve(lambda v: v[0], [0.0]), TypeError, "must return a list"),
        (lambda: solve(Value(2.0), 1.0), TypeError, "solve takes a function"),
        (lambda: solve("x", 1.0), TypeError, r"a function whose zero it finds, solve\(residual, start\), but got 'x' of type str"),
        (lambda: solve(lambda x: x, "1"), TypeError, "real number"),
        (lambda: solve(lambda x: Value(x.data, (x,), "f"), 1.0), ClosureError, "closure"),
        (lambda: solve(lambda x: Value(x.data, (x,), (1.0,)) - Value(2.0), 1.0), ClosureError, "solve needs it at other numbers"),
    ],
)  # fmt: skip
def test_what_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_in_compiled_code_what_does_not_arrive_is_nan_and_check_names_the_example():
    program = autograd.compile(root)
    assert np.isnan(program.per_example([4.0, -1.0]).values).tolist() == [False, True]
    with pytest.raises(DomainError, match=r"example 1, .*test_solving"):
        autograd.compile(lambda a: solve(lambda x: x * x - a, 1.0), check=True).per_example([4.0, -1.0])
    with pytest.raises(DomainError, match=r"example 0, .*1 where solve has arrived"):
        autograd.compile(lambda a: solve(lambda x: x**3 - 2 * x + a, 0.1), check=True).per_example([2.0])


@pytest.mark.parametrize(
    ("residual", "start", "at", "solution"),
    [
        (lambda x, b: autograd.log(x) + b, 1.0, 5.0, math.exp(-5)),
        (lambda x, b: autograd.sqrt(x) - b, 9.0, 1.0, 1.0),
        (lambda x, b: 1 / x - b, 1.0, 3.0, 1 / 3),
        (lambda x, b: autograd.log(x) + b, 1.0, 0.0, 1.0),
    ],
)
def test_check_does_not_accuse_a_step_that_was_tried_and_rejected(residual, start, at, solution, tmp_path):
    program = autograd.compile(lambda b: solve(residual, start, b), check=True)
    assert program.per_example([at]).values == pytest.approx([solution], rel=1e-12)
    program.save(tmp_path / "program.json")
    loaded = autograd.compiled.load(tmp_path / "program.json", check=True)
    assert loaded.per_example([at]).values == pytest.approx([solution], rel=1e-12)


def test_check_accuses_the_users_own_choice_beside_solve_and_a_bad_start():
    def chosen(b):
        return solve(lambda x: autograd.log(x) + b, 1.0) + autograd.where(autograd.log(b) > 0, 1.0, 0.0)

    with pytest.raises(DomainError, match=r"example 1, .*log\(x\) needs x > 0, but x = -1"):
        autograd.compile(chosen, check=True).per_example([5.0, -1.0])
    with pytest.raises(DomainError, match=r"example 0, .*log\(x\) needs x > 0, but x = -2"):
        autograd.compile(lambda b: solve(lambda x: autograd.log(x) + b, -2.0), check=True).per_example([5.0])


NEAR_DOUBLE = {  # functions of b with a double or triple root at b = 0, and a start
    "a square": (lambda x, b: (x - 2) ** 2 - b, 1.9999),
    "a square from far": (lambda x, b: (x - 2) ** 2 - b, 1.0),
    "a square from above": (lambda x, b: (x - 2) ** 2 - b, 3.0),
    "a square, nearly there": (lambda x, b: (x - 2) ** 2 - b, 2 - 1e-12),
    "expanded": (lambda x, b: x * x - 4 * x + 4 - b, 1.9999),
    "a cube": (lambda x, b: (x - 2) ** 3 - b, 1.9999),
    "at 1000": (lambda x, b: (x - 1000) ** 2 - b, 999.9),
    "a cosine": (lambda x, b: 1 - autograd.cos(x) - b, 0.5),
}


@pytest.mark.parametrize("name", NEAR_DOUBLE)
def test_no_gradient_is_invented_at_a_double_root(name):
    residual, start = NEAR_DOUBLE[name]
    with pytest.raises(SolutionError, match=r"Jacobian of the residuals is singular.*double root"):
        derivative(lambda b: solve(lambda x: residual(x, b), start))(0.0)
    for executor in ("plain", "auto"):
        program = autograd.compile(lambda b: solve(lambda x: residual(x, b), start), executor=executor)
        assert np.isnan([program.per_example([0.0]).values, program.input_gradients([0.0])[0]]).all()


def test_no_gradient_is_invented_at_a_double_root_of_two_equations():
    def touching(v, b):
        return [v[0] ** 2 + v[1] ** 2 - b, v[1] - 1]

    with pytest.raises(SolutionError, match=r"Jacobian of the residuals is singular"):
        derivative(lambda b: solve(touching, [1.0, 1.5], b)[0])(1.0)
    with pytest.raises(SolutionError, match=r"Jacobian of the residuals is singular"):
        derivative(lambda b: solve(lambda v: [(v[0] - 2) ** 2 - b, v[1] - v[0]], [2.001, 2.001])[0])(0.0)
    program = autograd.compile(lambda b: solve(touching, [1.0, 1.5], b)[0])
    assert np.isnan(program.per_example([1.0, 2.0]).values).tolist() == [True, False]
    assert np.isnan(program.input_gradients([1.0, 2.0])[0]).tolist() == [True, False]


@pytest.mark.parametrize("distance", [1e-3, 1e-5, 1e-7])
def test_two_solutions_that_are_near_each_other_are_simple(distance):
    """The solutions 1 + d and 1 - d of (x - 1)² = b move by 1 / 2d."""
    slope = derivative(lambda b: solve(lambda x: (x - 1) ** 2 - b, 2.0))(distance**2)
    assert slope == pytest.approx(1 / (2 * distance), rel=1e-8)
    if distance > 1e-5:
        program = autograd.compile(lambda b: solve(lambda x: (x - 1) ** 2 - b, 2.0))
        assert program.input_gradients([distance**2])[0] == pytest.approx([slope], rel=1e-8)


@pytest.mark.parametrize("start", [1e-3, 1.0])
def test_a_solution_that_cancellation_leaves_few_digits_of_is_simple(start):
    assert derivative(lambda b: solve(lambda x: autograd.exp(x) - 1 - b, start))(1e-12) == pytest.approx(1.0, rel=1e-8)


NOT_RECORDED = {
    "math.sin": lambda a: solve(lambda z: z - 0.1 * math.sin(z.data) - a, 1.0),
    "detach": lambda a: solve(lambda z: z - 0.1 * autograd.sin(autograd.detach(z)) - a, 1.0),
    "a factor": lambda a: solve(lambda x: x * x.data - a, 1.0),
    "of two unknowns": lambda a: solve(lambda v: [v[0] - v[1].data ** 2 - a, v[1] - v[0] * 0.1], [1.0, 0.1])[0],
    "little": lambda a: solve(lambda z: z + 0.001 * z.data**2 - a, 1.0),
}


@pytest.mark.parametrize("name", NOT_RECORDED)
def test_a_residual_that_reads_a_number_of_the_unknown_is_told_so(name):
    with pytest.raises(SolutionError, match=r"otherwise than their recorded derivatives say.*\.data, detach it"):
        derivative(NOT_RECORDED[name])(2.0)


DETACHED = {
    **{name: f for name, f in NOT_RECORDED.items() if name == "detach"},
    "of two unknowns": lambda a: solve(lambda v: [v[0] - autograd.detach(v[1]) ** 2 - a, v[1] - v[0] * 0.1], [1.0, 0.1])[0],
    "little": lambda a: solve(lambda z: z + 0.001 * autograd.detach(z) ** 2 - a, 1.0),
    "in a solution": lambda a: solve(lambda z: z - solve(lambda y: y + 0.1 * autograd.detach(z) - a, 1.0), 1.0),
}
DETACHED_AND_RIGHT = {
    "a parameter": (lambda a: solve(lambda x: x * x - autograd.detach(a) * a, 1.0), 2.0, 0.5),
    "a shift": (
        lambda a: solve(lambda x: autograd.logsumexp([x, 2 * x]) - a, 1.0),
        math.log((math.sqrt(1 + 4 * math.e**2) - 1) / 2),
        None,
    ),
    "what cancels": (lambda a: solve(lambda x: x - autograd.detach(x) * 0 - a, 1.0), 2.0, 1.0),
}


@pytest.mark.parametrize("executor", ["plain", "numpy", "auto"])
@pytest.mark.parametrize("name", DETACHED)
def test_a_residual_that_detaches_the_unknown_is_an_error_and_nan_in_compiled_code(name, executor):
    with pytest.raises(SolutionError):
        derivative(DETACHED[name])(2.0)
    program = autograd.compile(DETACHED[name], executor=executor)
    assert np.isnan([program.per_example([2.0]).values, program.input_gradients([2.0])[0]]).all()
    with pytest.raises(DomainError, match="1 where solve has arrived"):
        autograd.compile(DETACHED[name], executor=executor, check=True).per_example([2.0])


@pytest.mark.parametrize("executor", ["plain", "numpy", "auto"])
@pytest.mark.parametrize("name", DETACHED_AND_RIGHT)
def test_a_residual_may_detach_what_its_derivative_does_not_miss(name, executor):
    f, solution, slope = DETACHED_AND_RIGHT[name]
    slope = slope or derivative(f)(2.0)
    for program in (autograd.compile(f, executor=executor), autograd.compile(f, executor=executor, check=True)):
        assert program.per_example([2.0]).values == pytest.approx([solution], rel=1e-12)
        assert program.input_gradients([2.0])[0] == pytest.approx([slope], rel=1e-12)
    assert derivative(f)(2.0) == pytest.approx(slope, rel=1e-12)


NO_SOLUTION_AT_0 = {  # functions of b
    "over the axis": lambda b: solve(lambda x: x * x + 1 + b, 1.0),
    "a triple root": lambda b: solve(lambda x: x**3 - b, 1.0),
    "flat": lambda b: solve(lambda x: autograd.relu(x - b) + 1, 2.0),
    "two unknowns": lambda b: solve(lambda v: [v[0] ** 2 + 1 + b, v[1] - v[0]], [1.0, 1.0])[1],
}


@pytest.mark.parametrize("executor", ["plain", "numpy", "auto"])
@pytest.mark.parametrize("name", NO_SOLUTION_AT_0)
def test_in_compiled_code_what_does_not_arrive_has_the_derivative_nan(name, executor):
    f = NO_SOLUTION_AT_0[name]
    program = autograd.compile(f, executor=executor)
    assert np.isnan(program.per_example([0.0]).values).all()
    assert np.isnan(program.input_gradients([0.0, 0.0])[0]).all()
    assert np.isnan(autograd.compile(derivative(f), executor=executor).per_example([0.0]).values).all()
    w = Value(0.0, "w")
    of_parameter = autograd.compile(lambda t: t * f(w), [w], executor=executor)
    assert np.isnan(of_parameter([1.0]).gradients).all()
    assert np.isnan(of_parameter.jacobian([1.0])).all()
    chosen = autograd.compile(
        lambda b: autograd.where(b > 1, f(b), 3 * b), executor=executor
    )  # a side that is not taken is cut
    assert chosen.input_gradients([0.0])[0].tolist() == [3.0]


def test_in_compiled_code_an_equation_that_is_the_same_for_all_examples_is_solved_as_in_eager_code():
    c = Value(2.0, "c")
    assert autograd.compile(lambda b: b * solve(lambda x: x * x - 2, 1.0)).per_example([3.0]).values == pytest.approx([18**0.5])
    slope = autograd.compile(lambda b: b * grad(solve(lambda x: x * x - c, 1.0), [c], create_graph=True)[0])
    assert slope.per_example([1.0]).values == pytest.approx([8**-0.5])
    for no_solution in (lambda x: x * x + 1, lambda x: x * x + c):
        with pytest.raises(SolutionError, match="solve started at 1 and found no solution"):
            autograd.compile(lambda b, r=no_solution: b + solve(r, 1.0)).per_example([1.0])


# --- properties -----------------------------------------------------------------------------------------------------------


@for_all(equations())
def test_the_derivatives_of_solutions_are_those_of_the_inverse_function(drawn):
    """The function is known in closed form: p = A x + bend sin(x). Its inverse has the derivatives J^-1 and -J^-1 p''(J^-1, J^-1)."""
    size, x = len(drawn.solution), drawn.solution
    jacobian_of_p, bends = np.array(drawn.matrix), np.zeros((size, size, size))
    for k in range(size):
        jacobian_of_p[k, k - 1] += drawn.bend * math.cos(x[k - 1])
        bends[k, k - 1, k - 1] = -drawn.bend * math.sin(x[k - 1])
    inverse = np.linalg.inv(jacobian_of_p)

    def solution(p):
        return solve(drawn.residuals, [0.0] * size, p)

    assert solution(drawn.p) == pytest.approx(x, abs=1e-13)
    assert np.array(jacobian_of(solution)(drawn.p)) == pytest.approx(inverse, abs=1e-13)
    second = jacobian_of(gradient(lambda p: solution(p)[0]))(drawn.p)
    assert np.array(second) == pytest.approx(-np.einsum("i,ijk,jl,km->lm", inverse[0], bends, inverse, inverse), abs=1e-12)


@for_all(equations(most=2), examples=8)
def test_solutions_in_compiled_code_are_the_eager_ones(drawn):
    size = len(drawn.solution)
    program = autograd.compile(lambda p: solve(drawn.residuals, [0.0] * size, p)[0], verify="never")
    assert program.per_example([drawn.p]).values == pytest.approx(drawn.solution[:1], abs=1e-13)
    slopes = gradient(lambda p: solve(drawn.residuals, [0.0] * size, p)[0])(drawn.p)
    assert program.input_gradients([drawn.p])[0][0] == pytest.approx(slopes, abs=1e-13)


@for_all(between(0.25, 3, float), between(-3, 3, float), st.integers(0, 3), st.booleans(), examples=40)
def test_the_roots_of_cubics_have_the_derivatives_of_their_closed_form(p, q, order, by_p):
    """Of x**3 + p x = q with p > 0: 2 sqrt(p/3) sinh(asinh(3q / 2p sqrt(3/p)) / 3)."""

    def closed(p, q):
        return 2 * mpmath.sqrt(p / 3) * mpmath.sinh(mpmath.asinh(3 * q / (2 * p) * mpmath.sqrt(3 / p)) / 3)

    def root(p, q):
        return solve(lambda x: x**3 + p * x - q, 0.0)

    f = (lambda p: root(p, q)) if by_p else (lambda q: root(p, q))
    for _ in range(order):
        f = derivative(f)
    with mpmath.workdps(60):
        orders = (order, 0) if by_p else (0, order)
        expected = (
            mpmath.diff(closed, (mpmath.mpf(p), mpmath.mpf(q)), orders, h=mpmath.mpf(10) ** -12) if order else closed(p, q)
        )
    assert float(f(p if by_p else q)) == pytest.approx(float(expected), rel=1e-10, abs=1e-10)


def test_check_gradients_confirms_solutions_and_has_nothing_to_remark():
    for f in (root, root_of_closure):
        report = autograd.check_gradients(f, at=9.0, order=2)
        assert report
        assert "number" not in str(report)


# --- these tests can fail -------------------------------------------------------------------------------------------------


def test_a_derivative_of_the_steps_would_be_found(monkeypatch):
    """Planted: the last step, with a Jacobian that does not move, has the first derivative and no other."""

    def last_step(self):
        return [Value(number) for number in self.equations.partials[self.index]]

    monkeypatch.setattr("autograd.implicit.Solution.recorded_partials", last_step)
    with pytest.raises(AssertionError):
        test_derivatives_to_the_third_order_are_those_of_mpmath("root")


def test_a_wrong_sign_would_be_found(monkeypatch):
    right = autograd.implicit.linear_solutions
    monkeypatch.setattr("autograd.implicit.linear_solutions", lambda *args: [[-x for x in xs] for xs in right(*args)])
    assert test_the_derivatives_of_solutions_are_those_of_the_inverse_function.can_fail()
    assert test_the_roots_of_cubics_have_the_derivatives_of_their_closed_form.can_fail()


def test_a_loose_root_would_be_found(monkeypatch):
    monkeypatch.setattr("autograd.solving._newton", lambda evaluate, start: [number + 0.5 for number in start])
    assert test_solutions_in_compiled_code_are_the_eager_ones.can_fail()
