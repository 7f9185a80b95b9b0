"""What every course warns of, planted: check_gradients finds each, and names the line where a number leaves the graph."""

import copy
import math
import pickle
import threading

import numpy as np
import pytest

import autograd
from autograd import Constant, Value, apply, check_gradients, grad, value_and_grad
from autograd.hooks import exchange


def times_its_number(x):
    return x * x.data


def times_the_sine_of_its_number(x):
    return x * math.sin(x.data)


def a_new_value(x):
    return x + Value(x.data**2)


def exponential(a):
    return a * math.exp(a.data)


def copied(x):
    return x * copy.deepcopy(x)


def shallow(x):
    return x * copy.copy(x)


def pickled(x):
    return x * pickle.loads(pickle.dumps(x))


def nested(x):
    return x * grad(x**3, [x])[0]


def nested_backward(x):
    y = x**3
    y.backward()
    return x * x.grad


def solved_outside(a):
    x = Value(1.5)
    while abs((x * x - a).data) > 1e-12:
        x.data -= ((x * x - a) / (2 * x)).data
    return 1.0 * x


def rounded(x):
    return x * round(x.data, 12)


def through_a_float(x):
    return x * float(x.data)


def in_numpy(x):
    return x * float(np.exp(x.data))


def remembered(x, kept={}):  # noqa: B006  (a memory is what is tested)
    kept["x"] = x.data
    return x * kept["x"]


MISUSES = {
    times_its_number: (3.0, 3.0, 6.0, "reads .data"),
    times_the_sine_of_its_number: (0.5, math.sin(0.5), math.sin(0.5) + 0.5 * math.cos(0.5), "reads .data"),
    a_new_value: (3.0, 1.0, 7.0, "reads .data"),
    exponential: (0.5, math.exp(0.5), 1.5 * math.exp(0.5), "reads .data"),
    copied: (2.0, 2.0, 4.0, "copies a Value"),
    shallow: (2.0, 2.0, 4.0, "copies a Value"),
    pickled: (2.0, 2.0, 4.0, "copies a Value"),
    nested: (2.0, 12.0, 36.0, "takes a derivative as a number (create_graph=True would record it)"),
    nested_backward: (2.0, 12.0, 36.0, "reads .grad"),
    solved_outside: (2.0, 0.0, math.sqrt(0.125), "reads .data"),
    through_a_float: (3.0, 3.0, 6.0, "reads .data"),
    in_numpy: (0.5, math.exp(0.5), 1.5 * math.exp(0.5), "reads .data"),
    remembered: (3.0, 3.0, 6.0, "reads .data"),
}


@pytest.mark.parametrize("f", MISUSES, ids=lambda f: f.__name__)
def test_a_number_that_leaves_the_graph_is_missed_and_its_line_named(f):
    at, backward, right, how = MISUSES[f]
    report = check_gradients(f, at)
    [x] = report.inputs
    assert x.verdict == "DIFFERS"
    assert not report
    if f is not nested_backward:  # which adds to x.grad itself
        assert x.backward == pytest.approx(backward, rel=1e-14)
    assert x.numeric == pytest.approx(right, rel=1e-8)
    assert x.complex_step is None or x.complex_step == pytest.approx(right, rel=1e-9)
    file, first = f.__code__.co_filename, f.__code__.co_firstlineno
    told = "\n".join(report.notes)
    assert f"f {how} ({file}, line " in told
    assert ": what is computed from it there is a constant to backward()." in told
    lines = {int(note.split(", line ")[1].split(":")[0]) for note in report.notes if how in note}
    assert lines <= {*range(first + 1, first + 6)}


@pytest.mark.parametrize("f", MISUSES, ids=lambda f: f.__name__)
def test_the_function_and_its_values_are_left_as_they_were(f):
    before = exchange("new_node", object.__new__)
    exchange("new_node", before)
    x = Value(MISUSES[f][0], "x")
    x.grad = 0.0
    check_gradients(f, [x])
    assert type(x) is Value
    assert (x.data, x.grad) == (MISUSES[f][0], 0.0)
    y = 2 * x
    assert type(y) is Value
    assert before is object.__new__


def test_a_cut_that_cancels_agrees_with_a_remark():
    def logsumexp(a, b):
        shift = max(a.data, b.data)
        return ((a - shift).exp() + (b - shift).exp()).log() + shift

    report = check_gradients(logsumexp, [1.0, 2.0])
    assert report
    assert [each.verdict for each in report.inputs] == ["agrees", "agrees"]
    [remark] = report.remarks
    assert remark.startswith("f reads .data (")
    assert "shift = max(a.data, b.data)" in remark
    assert not check_gradients(autograd.logsumexp, [[1.0, 2.0]]).remarks


def test_what_reads_no_number_has_no_remarks():
    assert check_gradients(lambda x, y: (x * y).tanh() if x < y else x.exp(), [0.5, 1.0]).remarks == ()
    assert check_gradients(lambda x: x * Value(3.0).data, 2.0).remarks == ()  # a number that no input moves


# --- kinks and loops --------------------------------------------------------------------------------------------------------


def test_two_kinks_that_make_a_smooth_function_are_named():
    report = check_gradients(lambda x: autograd.relu(x) - autograd.relu(-x), 0.0)
    [x] = report.inputs
    assert (x.backward, x.numeric, x.verdict) == (0.0, 1.0, "DIFFERS")
    assert report.suspect.startswith("f is smooth here, but ReLU (v1) and ReLU (v3) are at their kinks")
    assert check_gradients(lambda x: autograd.relu(x) - autograd.relu(-x), 0.5)
    assert check_gradients(lambda x: autograd.relu(x) + autograd.relu(-x), 0.0).inputs[0].verdict == "kink"


def newton(start, tolerance):
    def root(a):
        x = Value(start)
        while abs((x * x - a).data) > tolerance:
            x = x - (x * x - a) / (2 * x)
        return x

    return root


def test_a_loop_that_converges_is_confirmed():
    report = check_gradients(newton(1.0, 1e-14), 2.0, order=2)
    assert report, report
    assert [each.backward for each in report.entries] == pytest.approx([2**-0.5 / 2, -(2**-1.5) / 4], rel=1e-12)


def test_a_loop_that_starts_near_its_root_has_the_right_gradient_and_hessian_0():
    f = newton(1.41421, 1e-6)
    gradient, hessian = check_gradients(f, 2.0, order=2).entries
    assert (gradient.verdict, hessian.backward, hessian.verdict) == ("agrees", 0.0, "unclear")
    assert not check_gradients(f, 2.0, order=2)
    assert "a loop that ends as soon as it is close enough" in check_gradients(f, 2.0, order=2).remarks[-1]


def test_a_loop_that_does_not_run_is_not_confirmed():
    report = check_gradients(lambda a: newton(math.sqrt(2), 1e-6)(a) + 0 * a, 2.0)
    assert report.inputs[0].backward == 0
    assert not report


# --- closures, and gradients written by hand --------------------------------------------------------------------------------


def tanh_with(slope):
    return lambda a: 3 * Value(math.tanh(a.data), (a,), (slope,))


def test_a_stated_partial_that_is_wrong_is_named():
    right = 1 - math.tanh(1.3) ** 2
    assert check_gradients(tanh_with(right), 1.3)
    report = check_gradients(tanh_with(0.21), 1.3)
    assert report.suspect == (
        "The node v1 states 0.21 as its local derivative with respect to a: stated 0.21, by difference "
        f"{right:.4g}."
    )  # fmt: skip


def test_of_two_stated_partials_the_node_is_named():
    def f(a, b):
        p = Value(a.data * b.data, (a, b), (b.data, 2 * a.data))
        return p * p

    report = check_gradients(f, [2.0, 3.0])
    assert [each.verdict for each in report.inputs] == ["agrees", "DIFFERS"]
    assert report.suspect.startswith(
        "The node v1 states 4 as its local derivative with respect to b: stated 4, by difference 2"
    )


def test_a_gradient_that_was_written_by_hand():
    def f(x, y):
        return math.sin(x) * y[0] * y[1]

    def g(x, y):
        return [math.cos(x) * y[0] * y[1], [math.sin(x) * y[1], math.sin(x) * y[0]]]

    assert check_gradients(f, [1.0, [2.0, 3.0]], gradient=g)
    report = check_gradients(
        f, [1.0, [2.0, 3.0]], gradient=lambda x, y: [math.cos(x) * 6, [math.sin(x) * 3, math.sin(x) * 2.1]]
    )
    assert [each.verdict for each in report.inputs] == ["agrees", "agrees", "DIFFERS"]
    assert str(report).splitlines()[0].split()[2] == "gradient"
    assert check_gradients(lambda x: x**3 * autograd.exp(x), 2.0, gradient=lambda x: (x**3 + 3 * x**2) * autograd.exp(x))


def test_a_gradient_of_arrays_and_one_of_parameters():
    matrix = np.array([[1.0, 2.0], [3.0, 4.0]])

    def f(w):
        return np.sum(np.tanh(matrix @ w))

    assert check_gradients(f, [np.array([0.1, 0.2])], gradient=lambda w: [matrix.T @ (1 - np.tanh(matrix @ w) ** 2)])
    assert not check_gradients(f, [np.array([0.1, 0.2])], gradient=lambda w: [matrix @ (1 - np.tanh(matrix @ w) ** 2)])
    p = Value(3.0, "p")
    assert check_gradients(lambda p: p * p, [p], gradient=lambda p: [2 * p])


def test_what_cannot_be_checked_is_refused():
    with pytest.raises(ValueError, match="the gradient has 1 numbers, but f has 2"):
        check_gradients(lambda x, y: x * y, [1.0, 2.0], gradient=lambda x, y: y)
    with pytest.raises(ValueError, match="order is 1, for the gradient, or 2"):
        check_gradients(lambda x: x, 1.0, order=3)
    with pytest.raises(ValueError, match="no second derivatives to check"):
        check_gradients(lambda x: x, 1.0, gradient=lambda x: 1.0, order=2)
    with pytest.raises(autograd.ClosureError):
        check_gradients(tanh_with(0.2), 1.0, order=2)


# --- the Hessian ------------------------------------------------------------------------------------------------------------


def test_the_hessian_is_checked_pair_by_pair():
    report = check_gradients(lambda x, y: (x * y).exp() + x.sin() * 3, [0.5, -1.0], order=2)
    assert report, report
    assert [each.name for each in report.hessian] == ["x, x", "x, y", "y, y"]
    assert check_gradients(lambda x, y: 2 * x + x * y, [1.0, 2.0], order=2)  # with entries 0
    assert check_gradients(lambda x, y: 2 * x + x * y, [1.0, 2.0]).hessian == ()


def test_a_second_derivative_that_is_wrong_is_found():
    wrong = autograd.Op("wrong_twice", "x * x * x", ("3 * x * abs(x)",))  # right for x > 0, where its own derivative is 6 x
    assert check_gradients(lambda x: apply(wrong, x), 2.0, order=2)
    cut = autograd.Op("cut_twice", "x * x * x", ("3 * x * detach(x)",))
    report = check_gradients(lambda x: apply(cut, x), 2.0, order=2)
    assert [each.verdict for each in report.entries] == ["agrees", "DIFFERS"]
    assert report.suspect.startswith("The gradient is right here and its own derivative is not")
    assert report.hessian[0].backward == 6.0
    assert report.hessian[0].numeric == pytest.approx(12.0)


def test_where_f_refuses_complex_numbers_the_hessian_is_checked_by_differences_of_differences():
    def f(x):
        value = Value(math.exp(x.data))
        return x.exp() * 1.0 + 0 * x * value.data

    assert check_gradients(f, 0.5, order=2).hessian[0].verdict in ("agrees", "unclear")


# --- edges ------------------------------------------------------------------------------------------------------------------


def test_a_constant_takes_no_gradient_and_is_not_accused():
    report = check_gradients(lambda x, y: x * y, [Constant(2.0), 3.0])
    assert report
    assert [each.name for each in report.inputs] == ["y"]


def test_where_a_derivative_is_a_convention_nothing_is_accused():
    report = check_gradients(lambda x: x**x, 0.0)
    assert report.inputs[0].verdict == "unclear"
    assert "by convention" in report.remarks[0]


@pytest.mark.parametrize(("f", "at"), [(autograd.tanh, 17.0), (autograd.sigmoid, 33.3)])
def test_a_saturated_derivative_agrees_as_far_as_it_has_digits(f, at):
    report = check_gradients(f, at)
    assert report
    assert "rounding leaves few digits" in report.remarks[0]

    def wrong(x):
        y = f(x)
        y._dx *= 1.00001
        return y

    assert check_gradients(wrong, at).inputs[0].verdict in ("unclear", "DIFFERS")


def test_a_wrong_way_back_is_not_excused_by_rounding(monkeypatch):
    right = Value.backward

    def twice(self):
        right(self)
        right(self)

    monkeypatch.setattr(Value, "backward", twice)
    assert not check_gradients(autograd.tanh, 17.0)

    def many(x):
        for _ in range(60):  # whose running error bound is far beyond its error
            x = x - (x * x - 2) / (2 * x)
        return x * 0.5 + x.detach()

    assert not check_gradients(lambda x: many(x) + x, 1.4)


def test_f_may_check_differentiate_and_compile_inside():
    def f(x):
        inner = check_gradients(lambda y: y * y * x.detach(), 2.0)
        return x * x * len(inner.inputs)

    assert check_gradients(f, 3.0)
    assert check_gradients(lambda x: x * value_and_grad(lambda y: y * y)(3.0)[1][0], 2.0)
    assert check_gradients(lambda x: x * autograd.compile(lambda y: y * y).value([4.0]), 2.0)


def test_other_threads_are_not_watched():
    made = []

    def f(x):
        other = threading.Thread(target=lambda: made.append(type(2 * Value(1.0))))
        other.start()
        other.join()
        return x * x

    report = check_gradients(f, 3.0)
    assert report
    assert report.remarks == ()
    assert set(made) == {Value}


def test_values_of_a_class_of_the_users_are_checked_too():
    class Parameter(Value):
        pass

    p = Parameter(2.0, "p")
    assert check_gradients(lambda p: p * p, [p])
    assert not check_gradients(lambda p: p * p.data, [p])
    assert type(p) is Parameter


def test_a_derivative_inside_passes_nothing_through_what_is_cut():
    def f(x):
        [slope] = grad(autograd.maximum(x, 0).sqrt() + x * x, [x], create_graph=True)
        return slope * x

    assert check_gradients(f, -0.5)  # where maximum cuts, and sqrt has the derivative inf
    [inner] = check_gradients(lambda x: grad(autograd.maximum(x, 0).sqrt() + x * x, [x])[0] * x, -0.5).inputs
    assert (inner.backward, inner.complex_step) == (-1.0, pytest.approx(-2.0))


def test_what_f_remembers_is_of_its_own_inputs():
    seen = []

    def f(x):
        seen.append(x.data)
        return x * x

    assert check_gradients(f, 3.0)
    assert seen[-1] == 3.0
    assert {type(number) for number in seen} >= {float}


def test_a_watched_value_looks_like_a_value():
    seen = []

    def f(x):
        seen.append((repr(x), type(x).__name__, isinstance(x, Value)))
        return x * x

    check_gradients(f, [Value(2.0, "x")])
    assert seen[0] == ("Value(data=2.0, grad=0.0, label='x')", "Value", True)


def test_the_report_in_a_notebook_is_a_table_of_html():
    report = check_gradients(lambda x: x * x.data, 3.0)
    html = report._repr_html_()
    assert html.count("<tr>") == 2
    assert "<td" in html
    assert "DIFFERS" in html
    assert "f reads .data" in html


def test_a_gradient_by_hand_has_the_form_of_the_arguments():
    def f(v, w):
        return v[0] + w

    at = [[1.0, 2.0], 3.0]
    assert check_gradients(f, at, gradient=lambda v, w: [[1.0, 0.0], 1.0])
    assert check_gradients(f, at, gradient=lambda v, w: ((k for k in (1.0, 0.0)), 1.0))
    for wrong in ([[1.0], [0.0, 1.0]], [1.0, 0.0, 1.0], [[1.0, 0.0, 1.0]]):
        with pytest.raises(ValueError, match=r"the gradient has the form .*, but the arguments of f \[\[x, x\], x\]"):
            check_gradients(f, at, gradient=lambda v, w, wrong=wrong: wrong)
