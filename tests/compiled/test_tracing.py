"""What is refused while tracing, with which words; and that tracing leaves no trace."""

import copy
import json
import math
import numbers
import pdb
import random
import re
import sys
import threading
from functools import lru_cache, singledispatch
from io import StringIO

import numpy as np
import pytest

import autograd
import nn
from autograd import ClosureError, TracingError, Value, grad, hessian, scope, topological_order, where
from autograd import value as value_module
from autograd.compiled import tracing
from autograd.compiled.plain import forward
from autograd.compiled.tracing import trace

w = Value(2.0, "w")


def branch(x):
    if x > 0:
        return x
    return 0 * x


def branch_on_a_parameter(x):
    return x if w < 1 else w * x


def largest(x):
    return max(x, w)


def largest_with_a_number(x):
    return max(0, x)


def in_order(x):
    return sorted([x, 2 * x])[0]


def truth(x):
    return x if x else w


def both(x):
    return where(x > 0 and w < 3, x, w)


def either(x):
    return where(x > w or x < 0, x, w)


def neither(x):
    return where(not x >= 0, x, w)


def between(x):
    return where(0 <= x < w, x, w)


def joined(x):
    return x if (x > 0) & (x < w) else w


def equality_of_two(x):
    return x if x == w else w


def equality(x):
    return x if x == 1 else w


def membership(x):
    return x if x in (1, -1) else w


def inequality(x):
    return x if x != 1 else w


def choice(x):
    return [w, x][x]


def as_float(x):
    return float(x) * w


def exponential(x):
    return math.exp(x) * w


def data(x):
    return x * x.data


def data_of_a_result(x):
    y = w * x
    return y * (y.data + 1)


def data_of_a_parameter(x):
    return x * w.data


def choice_by_data(x):
    return x if x.data > 0 else w


def assignment(x):
    w.data = 3.0
    return w * x


def gradient_that_was(x):
    return x * w.grad


def backward_inside(x):
    y = w * x
    y.backward()
    return y


def numbers_of_a_gradient(x):
    [slope] = grad(w * x * x, [x])
    return slope * w


def labels_in_a_column(y):
    return (w - y) ** 2


def a_factor_from_a_column(y):
    return y * w


def matrix_product(x):
    return x @ w


def number_of_a_hessian(x):
    return hessian(w * x * x, [x])[0][0]


# --- ways to choose by a number without asking for it


def key_of_a_dictionary(x):
    return {1: 5.0}.get(x, 1.0) * w


def member_of_a_set(x):
    return w if x in {1} else 2 * w


def member_of_a_frozen_set(x):
    return w * (x in frozenset({1.0}))


def key_that_is_kept(x):
    return w * len({x, 1.0})


def hashed(x):
    return w * (hash(x) % 2)


@lru_cache
def cached(x):
    return 2 * x


def argument_of_a_cache(x):
    return w * cached(x)


def text(x):
    return w * float(str(x))


def text_of_a_list(x):
    return w * len(str([x]))


def written(x):
    return w * len(repr(x))


def in_a_text(x):
    return w if f"{x}" == "1.0" else 2 * w


def with_digits(x):
    return w * float(f"{x:.2f}")


def with_digits_of_a_result(x):
    return w * float(f"{w * x:.2f}")


def formatted(x):
    return w if "{}".format(x) == "1.0" else 2 * w  # noqa: UP032


def by_percent_s(x):
    return w if "%s" % x == "1.0" else 2 * w  # noqa: UP031


def by_percent_r(x):
    return w if "%r" % x == "1.0" else 2 * w  # noqa: UP031


def by_percent_f(x):
    return w * float("%.3f" % x)  # noqa: UP031


def printed(x):
    print(x)  # noqa: T201
    return w * x


def as_json(x):
    return w * float(json.dumps(x, default=str).strip('"'))


def of_a_class(x):
    return w if isinstance(x, float) else 2 * w


def of_a_class_of_numbers(x):
    return w if isinstance(x, numbers.Real) else 2 * w


def a_scalar_of_numpy(x):
    return w if np.isscalar(x) else 2 * w


def by_a_pattern(x):
    match x:
        case float():
            return w
    return 2 * w


def by_its_class(x):
    return w if x.__class__ is float else 2 * w


@singledispatch
def dispatched(x):
    return 2 * x


@dispatched.register
def _(x: float):
    return 3 * x


def by_single_dispatch(x):
    return w * dispatched(x)


def place_in_a_list(x):
    return w * [0.0, 1.0].index(x)


def swallowed(x):
    try:
        return w if x > 0 else 2 * w
    except Exception:
        return 3 * w


CHOICES, NUMBERS, EQUALITY = (
    "Choose with where(condition, a, b), and join conditions with & | ~",
    "autograd.detach",
    "autograd.equal(a, b)",
)
REFUSED = {
    branch: ("whether x > 0 was asked", "if x > 0:", CHOICES),
    branch_on_a_parameter: ("whether w < 1 was asked", "return x if w < 1 else w * x", CHOICES),
    largest: ("x < w", "return max(x, w)", "autograd.maximum"),
    largest_with_a_number: ("x > 0", "return max(0, x)", "autograd.maximum"),
    in_order: ("a Value < x", "return sorted([x, 2 * x])[0]", CHOICES),
    truth: ("whether x was asked", "return x if x else w", CHOICES),
    both: ("whether x > 0 was asked", "return where(x > 0 and w < 3, x, w)", CHOICES),
    either: ("whether w < x was asked", "return where(x > w or x < 0, x, w)", CHOICES),
    neither: ("whether x >= 0 was asked", "return where(not x >= 0, x, w)", CHOICES),
    between: ("whether x >= 0 was asked", "return where(0 <= x < w, x, w)", CHOICES),
    joined: ("whether a condition was asked", "return x if (x > 0) & (x < w) else w", CHOICES),
    equality: ("x == 1", "return x if x == 1 else w", EQUALITY),
    equality_of_two: ("x == w", "return x if x == w else w", EQUALITY),
    membership: ("x == 1", "return x if x in (1, -1) else w", EQUALITY),
    inequality: ("x == 1", "return x if x != 1 else w", EQUALITY),
    choice: ("x was used as a whole number", "return [w, x][x]", "one_hot"),
    as_float: ("float(x)", "return float(x) * w", "autograd.exp"),
    exponential: ("float(x)", "return math.exp(x) * w", "autograd.exp"),
    data: ("the number of x", "return x * x.data", NUMBERS),
    data_of_a_result: ("the number of a Value", "return y * (y.data + 1)", NUMBERS),
    data_of_a_parameter: ("the number of w", "return x * w.data", NUMBERS),
    choice_by_data: ("the number of x", "return x if x.data > 0 else w", NUMBERS),
    assignment: (".data of w was assigned", "w.data = 3.0", "outside the compiled function"),
    gradient_that_was: (".grad of w", "return x * w.grad", "create_graph=True"),
    number_of_a_hessian: ("as a number", "return hessian(w * x * x, [x])[0][0]", "create_graph=True"),
    backward_inside: ("backward() was called", "y.backward()", "create_graph=True"),
    numbers_of_a_gradient: (
        "a derivative of a Value was asked for as a number",
        "[slope] = grad(w * x * x, [x])",
        "create_graph=True",
    ),
}

TEXT, KEY, CLASS = "print what the program computes", "where(autograd.equal(y, 1), a, b)", "isinstance(x, autograd.Value)"
LOOKS = {
    key_of_a_dictionary: ("the hash of x was asked for", "return {1: 5.0}.get(x, 1.0) * w", KEY),
    member_of_a_set: ("the hash of x", "return w if x in {1} else 2 * w", KEY),
    member_of_a_frozen_set: ("the hash of x", "return w * (x in frozenset({1.0}))", KEY),
    key_that_is_kept: ("the hash of x", "return w * len({x, 1.0})", KEY),
    hashed: ("the hash of x", "return w * (hash(x) % 2)", KEY),
    argument_of_a_cache: ("the hash of x", "return w * cached(x)", KEY),
    text: ("the text of x was asked for", "return w * float(str(x))", TEXT),
    text_of_a_list: ("the text of x", "return w * len(str([x]))", TEXT),
    written: ("the text of x", "return w * len(repr(x))", TEXT),
    in_a_text: ("the text of x", 'return w if f"{x}" == "1.0" else 2 * w', TEXT),
    with_digits: ("the text of x", 'return w * float(f"{x:.2f}")', TEXT),
    with_digits_of_a_result: ("written as a number, with the format '.2f'", 'return w * float(f"{w * x:.2f}")', TEXT),
    formatted: ("the text of x", 'return w if "{}".format(x) == "1.0" else 2 * w', TEXT),
    by_percent_s: ("the text of x", 'return w if "%s" % x == "1.0" else 2 * w', TEXT),
    by_percent_r: ("the text of x", 'return w if "%r" % x == "1.0" else 2 * w', TEXT),
    by_percent_f: ("float(x) was asked for", 'return w * float("%.3f" % x)', NUMBERS),
    printed: ("the text of x", "print(x)", TEXT),
    as_json: ("whether x is of a class", "return w * float(json.dumps(x, default=str)", CLASS),
    of_a_class: ("whether x is of a class", "return w if isinstance(x, float) else 2 * w", CLASS),
    of_a_class_of_numbers: ("whether x is of a class", "return w if isinstance(x, numbers.Real) else 2 * w", CLASS),
    a_scalar_of_numpy: ("whether x is of a class", "return w if np.isscalar(x) else 2 * w", CLASS),
    by_a_pattern: ("whether x is of a class", "case float():", CLASS),
    by_its_class: ("whether x is of a class", "return w if x.__class__ is float else 2 * w", CLASS),
    by_single_dispatch: ("whether x is of a class", "return w * dispatched(x)", CLASS),
    place_in_a_list: ("x == 0.0 was asked", "return w * [0.0, 1.0].index(x)", EQUALITY),
    swallowed: ("whether x > 0 was asked", "return w if x > 0 else 2 * w", CHOICES),
}
REFUSED |= LOOKS

COLUMNS = {
    labels_in_a_column: ("- was asked of w and a list of 1", "return (w - y) ** 2", "(N,) and not (N, 1)"),
    a_factor_from_a_column: ("* was asked of w and a list of 1", "return y * w", "(N,) and not (N, 1)"),
    matrix_product: ("w @ ... was asked", "return x @ w", "autograd.dot"),
}


@pytest.mark.parametrize("function", [*REFUSED, *COLUMNS], ids=lambda function: function.__name__)
def test_refusals_name_the_line_and_what_to_try(function):
    did, line, remedy = {**REFUSED, **COLUMNS}[function]
    with pytest.raises(TracingError, match=re.escape(did)) as caught:
        trace(function, [w], [(1,) if function in COLUMNS else ()])
    text = str(caught.value)
    first = function.__code__.co_firstlineno
    number = int(re.search(r"test_tracing.py, line (\d+): ", text)[1])
    assert first < number <= first + 4
    assert line in text
    assert remedy in text
    assert (type(w), w.data, w.grad) == (Value, 2.0, 0.0)  # whatever happened


@pytest.mark.parametrize(
    "function", [f for f in REFUSED if f not in (gradient_that_was, assignment, *LOOKS)], ids=lambda f: f.__name__
)
def test_in_eager_mode_none_of_this_is_refused(function):
    x = Value(1.0)
    if function in (choice, as_float, exponential):  # refused everywhere, but not for being traced
        with pytest.raises(TypeError) as caught:
            function(x)
        assert not isinstance(caught.value, TracingError)
    else:
        function(x)
    w.data, w.grad = 2.0, 0.0


def test_what_is_known_may_be_looked_at():
    c = Value(3.0, "c")

    def function(x):
        assert c > 2
        assert c.data == 3.0
        assert (c + 1).data == 4.0
        assert x == x
        assert x is not w
        y = x * c
        assert {y: 1, w: 2}[y] == 1
        assert isinstance(x, Value)
        assert hasattr(x, "tanh")
        return (x * c if c else x) + w

    assert trace(function, [w], [()]).constants == (3.0,)


def test_a_computed_value_is_printed_without_a_number(capsys):
    def function(x):
        z = w * x
        print(z)  # noqa: T201
        z.label = "z"
        print(z, w, f"{z}", [z])  # noqa: T201
        return z

    trace(function, [w], [()])
    nothing = "no number yet"
    assert (
        capsys.readouterr().out == f"a Value, {nothing}\nz, {nothing} w, {nothing} z, {nothing} [Value({nothing}, label='z')]\n"
    )


def test_values_are_keys_by_identity_if_they_are_no_inputs():
    def function(x):
        y = w * x
        return sum({w: y, y: w}[z] for z in {w, y})

    assert len(trace(function, [w], [()]).instructions) == 2


def test_a_debugger_may_look():
    out = StringIO()

    def function(x):
        debugger = pdb.Pdb(
            stdin=StringIO("p x\np {x: 1}[x]\np str(x)\np bool(x)\np isinstance(x, float)\ncontinue\n"), stdout=out
        )
        debugger.use_rawinput = False
        debugger.set_trace()
        return w * x

    before = sys.gettrace()  # that of the measurement of coverage, say
    try:
        assert len(trace(function, [w], [()]).instructions) == 1
    finally:
        sys.settrace(before)
    assert "Value(no number yet, label='x')" in out.getvalue()
    assert "'x, no number yet'" in out.getvalue()
    assert "False" in out.getvalue()


def test_a_refusal_that_is_swallowed_is_raised_after_the_trace_and_only_there():
    seen = []

    def function(x):
        try:
            seen.append(x.data)
        except TypeError:
            seen.append("refused")
        return w * x

    with pytest.raises(TracingError, match=r"the number of x was asked for .*seen.append\(x.data\)"):
        trace(function, [w], [()])
    assert seen == ["refused"]
    assert len(trace(lambda x: w * x, [w], [()]).instructions) == 1  # nothing is left of it
    with pytest.raises(KeyError):
        trace(lambda x: {}["nothing"], [w], [()])


def test_errors_of_the_function_itself_say_what_it_was_called_with():
    for function, words in (
        (lambda x: x[0] * w, "'Value' object is not subscriptable"),
        (lambda x: sum(x), "'Value' object is not iterable"),
        (lambda x: len(x), "object of type 'Value' has no len"),
        (lambda x, y, z: x, "missing 1 required positional argument: 'z'"),
    ):
        with pytest.raises(TypeError, match=words) as caught:
            trace(function, [w], [(), (2, 3)] if "z" in words else [()])
        if sys.version_info >= (3, 11):
            told = "x one number, y lists of 2 x 3" if "z" in words else "x one number"
            assert caught.value.__notes__ == [f"(autograd.compile called the function for one example, with {told})"]


def test_a_program_called_inside_another_with_its_parameters_is_refused():
    inner = autograd.compile(lambda x: w * x, [w], executor="plain")
    assert inner.value([1.0]) == 2.0
    with pytest.raises(TracingError, match=r"a program was called with the same parameters .*: call its function"):
        trace(lambda x: x if inner.value([1.0]) > 1 else w, [w], [()])
    assert trace(lambda x: (k * x * w for k in range(2)), [w], [()]).output_shape == (2,)


def test_an_interrupt_leaves_the_graph_engine_as_it_was():
    def interrupted(x):
        assert repr(2 * w * x) == "Value(no number yet)"
        raise KeyboardInterrupt

    with scope("outside"), pytest.raises(KeyboardInterrupt):
        trace(interrupted, [w], [()])
    y = w * 3.0
    y.backward()
    assert (type(y), type(w), y.data, w.grad, y.scope, y.made_at) == (Value, Value, 6.0, 3.0, (), None)
    w.grad = 0.0


def test_a_closure_is_refused_with_its_line():
    def square(x):
        return Value(9.0, (x,), "square") + w

    with pytest.raises(ClosureError, match=r"'square'.*return Value\(9.0.*State it as a row") as caught:
        trace(square, [w], [()])
    assert "test_tracing.py" in str(caught.value)


def test_nan_among_the_data_is_told():
    with pytest.raises(TracingError, match="a constant of the function is nan"):
        trace(lambda x: x * math.nan, [w], [()])
    with pytest.raises(TracingError, match="a constant of the function is nan"):
        trace(lambda x: math.nan, [w], [()])


def test_an_input_that_was_kept_from_an_earlier_call_is_named():
    kept = []

    def keeping(x):
        kept.append(x)
        return w * kept[0]

    trace(keeping, [w], [()])
    with pytest.raises(
        TracingError, match=r"x is no argument of this call .*\(.*return w \* kept\[0\]\): an input of an earlier call"
    ):
        trace(keeping, [w], [()])


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_the_copy_of_an_input_is_the_input(copied):
    tape = trace(lambda xs, y: w * copied(xs)[1] + copied(y), [w], [(2,), ()])
    assert forward(tape, [2.0], [0.0, 3.0, 5.0])[0][-1] == 11.0


def test_the_copy_of_a_parameter_is_refused_as_what_it_is():
    with pytest.raises(TracingError, match=r"w is no argument of this call .*or the copy of a parameter"):
        trace(lambda x: copy.deepcopy(w) * x, [w], [()])


def test_a_constant_too_large_for_a_float():
    with pytest.raises(OverflowError, match="beyond the largest"):
        trace(lambda x: x + 10**400, [], [()])


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (None, "gave None"),
        ("text", "gave 'text'"),
        ([], "an empty list"),
        ([[1.0], 2.0], "rows of the shapes"),
        ({}, "an empty"),
    ],
    ids=repr,
)
def test_results_that_are_none(result, words):
    with pytest.raises(TypeError, match=words):
        trace(lambda x: result, [w], [()])


# --- class indices ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", nn.LOSSES)
def test_a_class_index_is_refused_and_one_hot_is_not(loss):
    model = nn.MLP(2, [3, 3], output="softmax" if loss == "cross_entropy" else "linear", seed=0)
    with pytest.raises((TracingError, ValueError), match="one_hot"):
        autograd.compile(lambda x, y: nn.LOSSES[loss](model(x), y), model.parameters())([[1.0, 2.0]], [2])
    target = [1, -1, 1] if loss == "hinge" else nn.one_hot(2, 3)
    program = autograd.compile(lambda x, y: nn.LOSSES[loss](model(x), y), model.parameters(), executor="plain")
    value, gradients = program([[1.0, 2.0]], [target])
    wanted = nn.LOSSES[loss](model([1.0, 2.0]), target)
    wanted.backward()
    assert value == pytest.approx(wanted.data, rel=1e-15)
    np.testing.assert_allclose(gradients, [p.grad for p in model.parameters()], rtol=1e-13, atol=1e-15)


def test_hinge_takes_traced_targets_and_still_refuses_others():
    assert nn.hinge(Value(0.5), Value(-1)).data == 1.5
    for wrong in (0, math.nan, Value(0.0)):
        with pytest.raises(ValueError, match="-1 or 1"):
            nn.hinge(Value(0.5), wrong)


# --- the tape is the graph ----------------------------------------------------------------------------------------------


def test_instructions_are_in_topological_order_and_none_is_dead():
    x, a = Value(0.5, "x"), Value(0.25, "a")

    def function(x):
        _ = autograd.exp(x * 7)  # leads nowhere
        h = autograd.tanh(a * x + 3)
        return h * h + x / 3 + a

    order = [node for node in topological_order(function(x)) if node.op]
    tape = trace(function, [a], [()])
    assert [instruction.op for instruction in tape.instructions] == [node.op for node in order]
    assert tape.constants == (3.0,)  # 3 and 3 are one constant; 7 is gone
    assert [line.number for line in tape.lines] == [function.__code__.co_firstlineno + k for k in (2, 2, 2, 3, 3, 3, 3)]


def test_constants_are_told_apart_by_their_bits():
    assert trace(lambda x: [x + 0.0, x + -0.0, x + 0, x * 1, x * 1.0], [], [()]).constants == pytest.approx((0.0, -0.0, 1.0))


def test_gradients_of_gradients_are_traced():
    def penalty(x):
        [slope] = grad(autograd.sin(w * x), [x], create_graph=True)
        return slope * slope

    program = autograd.compile(penalty, [w], executor="plain")
    x = Value(0.7)
    wanted = penalty(x)
    w.grad = 0.0
    wanted.backward()
    value, gradients = program([0.7])
    assert (value, gradients[0]) == (wanted.data, w.grad)
    w.grad = 0.0


def test_any_shapes():
    tape = trace(lambda a, b, c: a[0][1] * b + c[2], [w], [(2, 2), (), (3,)])
    assert tape.names == ("w", "a[0][0]", "a[0][1]", "a[1][0]", "a[1][1]", "b", "c[0]", "c[1]", "c[2]")
    assert (tape.inputs, tape.shapes) == (8, ((2, 2), (), (3,)))


# --- nothing is left behind -----------------------------------------------------------------------------------------------


def test_tracing_leaves_nothing_behind():
    make, before = value_module.new_node, vars(value_module)["current_scope"]

    class Mine(Value):
        __slots__ = ()

    p = Mine(1.0, "p")
    for function in (lambda x: p * x, lambda x: p.data * x):
        try:
            trace(function, [p], [()])
        except TracingError:
            pass
        assert type(p) is Mine
        assert value_module.new_node is make is object.__new__
        assert vars(value_module)["current_scope"] is before
        assert type(p * 2) is Value


def test_nodes_that_outlive_the_trace_are_Values_of_nan():
    kept = []

    def keeping(x):
        kept.append(w * x)
        return kept[0]

    trace(keeping, [w], [()])
    [node] = kept
    assert math.isnan(node.data)
    assert not node > 1
    assert node != 1
    assert bool(node)
    node.backward()
    assert math.isnan(w.grad)
    w.grad = 0.0
    with pytest.raises(TypeError, match=r"float\(\) and int\(\) would cut the graph"):
        float(node)


def test_a_trace_in_a_trace():
    def outer(x):
        inner = trace(lambda y: w * y, [w], [()])
        assert len(inner.instructions) == 1
        return x * w + len(inner.instructions)

    assert len(trace(outer, [w], [()]).instructions) == 2
    assert type(w) is Value


def test_other_threads_see_nothing_of_it():
    seen, entered, checked = [], threading.Event(), threading.Event()

    def slow(x):
        entered.set()
        assert checked.wait(10)
        return x * w

    thread = threading.Thread(target=lambda: seen.append(trace(slow, [w], [()])))
    thread.start()
    assert entered.wait(10)
    assert w.data == 2.0
    assert w > 1
    assert bool(w)
    assert w != 1
    y = w * 3
    assert (type(y), y.data) == (Value, 6.0)
    y.backward()
    assert w.grad == 3.0
    checked.set()
    thread.join()
    w.grad = 0.0
    assert len(seen[0].instructions) == 1
    assert type(w) is Value


def test_many_threads_trace_the_same_parameters():
    model = nn.MLP(2, [4, 1], seed=0)
    tapes = []
    threads = [threading.Thread(target=lambda: tapes.append(trace(model, model.parameters(), [(2,)]))) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(tapes) == 8
    assert all(each == tapes[0] for each in tapes)
    assert {type(p) for p in model.parameters()} == {Value}


def test_long_functions_take_time_in_proportion():
    rng = random.Random(0)

    def chain(x):
        for _ in range(20_000):
            x = x * rng.choice([w, 1.5])
        return x

    assert len(trace(chain, [w], [()]).instructions) == 20_000


def test_eager_code_does_not_know_of_tracing():
    """``value.py`` is as fast as ever, since it does not mention it; nodes are of another class only while tracing."""
    assert type(w * 2) is Value
    assert not tracing._tracing.get()
    assert not isinstance(Value.__dict__["data"], property)


def test_is_traced_tells_values_without_a_number_from_all_others():
    p, seen = Value(1.0, "p"), []

    def function(x):
        seen.append([autograd.is_traced(each) for each in (x, p, p * x, Value(2.0) * 3, 2.0, None)])
        return p * x

    trace(function, [p], [()])
    function(Value(float("nan")))
    assert seen == [[True, True, True, False, False, False], [False] * 6]
