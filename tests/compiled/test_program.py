"""Programs as they are used: data of every form in, values and gradients out, and what is refused at the door."""

import ast
import copy
import gc
import importlib
import inspect
import logging
import pickle
import re
import subprocess
import sys
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

import autograd
import nn
from autograd import DomainError, Value
from autograd.compiled import executors
from tests.compiled.oracle import EXECUTORS

X = np.array([[1.0, 2.0], [0.5, -1.0], [-3.0, 0.25]])
Y = np.array([1.0, -1.0, 1.0])


def model_and_loss():
    model = nn.MLP(2, [4, 1], activation="tanh", seed=0)
    return model, lambda x, y: (model(x) - y) ** 2


def by_hand(model, loss):
    """The values and gradients of each example, from the eager engine."""
    values, slopes = [], []
    for x, y in zip(X.tolist(), Y.tolist(), strict=True):
        model.zero_grad()
        out = loss(x, y)
        out.backward()
        values.append(out.data)
        slopes.append([p.grad for p in model.parameters()])
    model.zero_grad()
    return np.array(values), np.array(slopes)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("reduction", [None, "mean", "sum"])
def test_value_and_gradients(executor, reduction):
    model, loss = model_and_loss()
    values, slopes = by_hand(model, loss)
    program = autograd.compile(loss, model.parameters(), executor=executor, reduction=reduction)
    reduced = np.sum if reduction == "sum" else np.mean
    value, gradients = program(X, Y)
    assert type(value) is float
    assert value == pytest.approx(reduced(values), rel=1e-13)
    np.testing.assert_allclose(gradients, reduced(slopes, axis=0), rtol=1e-12)
    assert program.value(X, Y) == pytest.approx(value, rel=1e-13)
    found = program.per_example(X, Y)
    np.testing.assert_allclose(found.values, values, rtol=1e-12)
    np.testing.assert_allclose(found.gradients, slopes, rtol=1e-12)
    assert program.reduction == (reduction or "mean")


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_bound_step_on_the_flat_array(executor):
    model, loss = model_and_loss()
    program = autograd.compile(loss, model.parameters(), executor=executor)
    step = program.bind(X, Y)
    theta = program.parameters()
    first, again = step(theta), step(theta)
    assert first.gradients is not again.gradients
    assert (first.value, first.gradients.tolist()) == (again.value, again.gradients.tolist())
    np.testing.assert_array_equal(step().gradients, first.gradients)
    moved = theta - 0.1 * first.gradients
    assert step(moved).value < first.value
    assert step.value(moved) == pytest.approx(step(moved).value, rel=1e-13)
    np.testing.assert_array_equal(step(theta).gradients, first.gradients)  # theta was not written on
    np.testing.assert_array_equal(first.gradients, again.gradients)  # nor was the earlier result


@pytest.mark.parametrize("executor", EXECUTORS)
def test_training_compiled_is_training_eager(executor):
    model, loss = model_and_loss()
    twin, twin_loss = model_and_loss()
    program = autograd.compile(loss, model.parameters(), executor=executor)
    step, theta = program.bind(X, Y), program.parameters()
    for _ in range(20):
        value, gradients = step(theta)
        theta -= 0.05 * gradients
        twin.zero_grad()
        eager = nn.mean([twin_loss(x, y) for x, y in zip(X.tolist(), Y.tolist(), strict=True)])
        eager.backward()
        for p in twin.parameters():
            p.data -= 0.05 * p.grad
        assert value == pytest.approx(eager.data, rel=1e-10)
    program.write(theta)
    np.testing.assert_allclose([p.data for p in model.parameters()], [p.data for p in twin.parameters()], rtol=1e-10)


def test_parameters_are_read_when_it_is_called():
    w = Value(2, "w")
    program = autograd.compile(lambda x: w * x, [w], executor="plain")
    assert program([3.0]).value == 6.0
    w.data = Fraction(1, 2)
    assert program([3.0]).value == 1.5
    assert program([3.0], theta=[10]).value == 30.0
    assert w.data == Fraction(1, 2)


def test_write_and_write_gradients():
    w, b = Value(1.0), Value(2)
    program = autograd.compile(lambda x: w * x + b, [w, b], executor="plain")
    program.write(np.array([5.0, 6.0]))
    assert (w.data, b.data, type(b.data)) == (5.0, 6.0, float)
    for _ in range(2):
        program.write_gradients(program([3.0]).gradients)
    assert (w.grad, b.grad) == (6.0, 2.0)
    with pytest.raises(ValueError, match=r"all 2 parameters in one flat array.*shape \(3,\)"):
        program.write([1.0, 2.0, 3.0])


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_model_gives_its_outputs_for_each_example(executor):
    for outputs in ([4, 1], [4, 3]):
        model = nn.MLP(2, outputs, seed=1)
        program = autograd.compile(model, executor=executor)
        wanted = [model(x) for x in X.tolist()]
        wanted = [each.data if isinstance(each, Value) else [a.data for a in each] for each in wanted]
        np.testing.assert_allclose(program.value(X), wanted, rtol=1e-12)
        np.testing.assert_allclose(autograd.compile(model, model.parameters(), executor=executor).value(X), wanted, rtol=1e-12)
        assert program.reduction == "none"
    with pytest.raises(
        ValueError, match=r"one scalar, but this one gives a result of shape \(3,\): its derivatives are jacobian"
    ):
        program(X)
    one = autograd.compile(nn.MLP(2, [1], seed=0), executor=executor)
    with pytest.raises(ValueError, match=r'per_example.*reduction="mean"'):
        one(X)
    assert one.per_example(X).gradients.shape == (3, 3)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_jacobians(executor):
    w, b = Value(2.0), Value(3.0)
    program = autograd.compile(lambda x, t: [[w * x[0], x[1] * t], [b, x[0] * x[0]]], [w, b], executor=executor)
    jacobian = program.jacobian(X, Y)
    assert jacobian.shape == (3, 2, 2, 2)
    np.testing.assert_allclose(jacobian[:, 0, 0, 0], X[:, 0])
    np.testing.assert_allclose(jacobian[:, 1, 0], [[0, 1]] * 3)
    assert np.count_nonzero(jacobian) == 6
    dx, dt = program.input_jacobian(X, Y)
    assert (dx.shape, dt.shape) == ((3, 2, 2, 2), (3, 2, 2))
    np.testing.assert_allclose(dx[:, 1, 1, 0], 2 * X[:, 0])
    np.testing.assert_allclose(dt[:, 0, 1], X[:, 1])
    np.testing.assert_allclose(program.value(X, Y)[:, 0, 0], 2 * X[:, 0])


@pytest.mark.parametrize("executor", EXECUTORS)
def test_gradients_in_the_inputs_are_those_of_the_value(executor):
    model, loss = model_and_loss()
    for reduction, share in (("mean", 3), ("sum", 1)):
        program = autograd.compile(loss, model.parameters(), executor=executor, reduction=reduction)
        dx, dy = program.input_gradients(X, Y)
        for n in range(3):
            x, y = [Value(each) for each in X[n]], Value(Y[n])
            loss(x, y).backward()
            np.testing.assert_allclose(dx[n] * share, [each.grad for each in x], rtol=1e-12)
            assert dy[n] * share == pytest.approx(y.grad, rel=1e-12)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_newton_steps_compile(executor):
    def newton(x):
        y = x**3 - 2
        [slope] = autograd.grad(y, [x], create_graph=True)
        return x - y / slope

    program = autograd.compile(newton, executor=executor, reduction="none")
    x = np.array([1.0, 2.0, 1.5])
    for _ in range(8):
        x = program.value(x)
    np.testing.assert_allclose(x, 2 ** (1 / 3), rtol=1e-14)
    assert program.parameters().shape == (0,)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_function_that_does_not_depend_on_the_data(executor):
    w = Value(3.0)
    for reduction, factor in (("mean", 1), ("sum", 4)):
        program = autograd.compile(lambda x: w * w + 1, [w], executor=executor, reduction=reduction)
        value, gradients = program([1.0, 2.0, 3.0, 4.0])
        assert (value, gradients.tolist()) == (10.0 * factor, [6.0 * factor])
        np.testing.assert_array_equal(program.per_example([1.0, 2.0]).gradients, [[6.0], [6.0]])
        np.testing.assert_array_equal(program.input_gradients([1.0, 2.0])[0], [0.0, 0.0])
    number = autograd.compile(lambda x: 7, executor=executor)
    assert number([1.0, 2.0]).value == 7.0


@pytest.mark.parametrize("executor", EXECUTORS)
def test_leaves_are_outputs_too(executor):
    w = Value(3.0)
    program = autograd.compile(lambda x: x, [w], executor=executor)
    value, gradients = program([1.0, 2.0])
    assert (value, gradients.tolist()) == (1.5, [0.0])
    assert autograd.compile(lambda x: w, [w], executor=executor)([1.0, 2.0]).gradients.tolist() == [1.0]
    outputs = autograd.compile(lambda x: [w, x, x, 5], [w], executor=executor).value([1.0, 2.0])
    np.testing.assert_array_equal(outputs, [[3.0, 1.0, 1.0, 5.0], [3.0, 2.0, 2.0, 5.0]])


@pytest.mark.parametrize("executor", EXECUTORS)
def test_nan_runs_through_and_stays_in_its_example(executor):
    w = Value(2.0)
    program = autograd.compile(lambda x: autograd.relu(w * x[0]) + x[1], [w], executor=executor)
    data = np.array([[1.0, 1.0]] * 37)
    data[[3, 36], 0] = np.nan
    found = program.per_example(data)
    assert np.flatnonzero(np.isnan(found.values)).tolist() == [3, 36]
    assert np.flatnonzero(np.isnan(found.gradients)).tolist() == [3, 36]
    assert np.isnan(program(data).value)


# --- data of every form -------------------------------------------------------------------------------------------------

FORMS = {
    "lists": (X.tolist(), Y.tolist()),
    "tuples": (tuple(map(tuple, X)), tuple(Y)),
    "float32": (X.astype(np.float32), Y.astype(np.float32)),
    "ints for labels": (X, Y.astype(int)),
    "bytes for labels": (X, Y.astype(np.int8)),
    "columns first": (np.asfortranarray(X), Y),
    "every second": (np.repeat(X, 2, axis=0)[::2], np.repeat(Y, 2)[::2]),
    "backwards": (X[::-1].copy()[::-1], Y[::-1].copy()[::-1]),
    "fractions": ([[Fraction(each) for each in row] for row in X.tolist()], Y),
}


@pytest.mark.parametrize("form", FORMS)
def test_data_of_any_form(form):
    model, loss = model_and_loss()
    wanted = autograd.compile(loss, model.parameters(), executor="plain")(X, Y)
    got = autograd.compile(loss, model.parameters(), executor="plain")(*FORMS[form])
    assert got.value == wanted.value
    assert got.gradients.tolist() == wanted.gradients.tolist()


def test_the_data_are_copied():
    w = Value(2.0)
    data = np.array([1.0, 2.0])
    step = autograd.compile(lambda x: w * x, [w], executor="numpy").bind(data)
    data[:] = 100
    assert step().value == 3.0


REFUSED = {
    "other features": (
        (np.ones((3, 3)), Y),
        ValueError,
        "in each example x is a list of 2, as the program was compiled, but got a list of 3$",
    ),
    "a column of labels": (
        (X, Y[:, None]),
        ValueError,
        r"y is one number, .* but got a list of 1; .* give them in the shape \(N,\)",
    ),
    "a row alone": ((X[0], Y), ValueError, "equally many examples, but there are 2 of x, 3 of y"),
    "fewer labels": ((X, Y[:2]), ValueError, "equally many examples, but there are 3 of x, 2 of y"),
    "no examples": ((X[:0], Y[:0]), ValueError, "there are no examples: x is empty"),
    "one argument": ((X,), TypeError, "compiled for 2 arguments, but got 1"),
    "none": ((), TypeError, "compiled for 2 arguments, but got 0"),
    "one number": ((X, 1.0), ValueError, "y needs one entry for each example, but got the number 1.0"),
    "ragged": (
        ([[1.0, 2.0], [1.0]], [1, 2]),
        ValueError,
        "x is no array: its examples, or lists inside them, differ in length",
    ),
    "text": ((X, ["a", "b", "c"]), TypeError, "y needs real numbers, but has the dtype <U1"),
    "complex": ((X * 1j, Y), TypeError, "x needs real numbers, but has the dtype complex128"),
    "nothing": ((X, None), TypeError, "y needs real numbers, but has the dtype object, with an entry of type NoneType"),
    "masked": ((np.ma.masked_array(X, X > 1), Y), ValueError, "x has masked entries"),
    "a generator": ((X, (y for y in Y)), TypeError, "y needs an array, or lists, .* but got a generator: make a list of it"),
    "a dictionary": ((X, {"y": Y}), TypeError, "y needs an array, or lists, .* but got a dict: make a list of it"),
    "dates": ((X, np.array(["2020-01-01"] * 3, dtype="M8[D]")), TypeError, "y needs real numbers, but has the dtype"),
    "Values": (([[Value(1.0), Value(2.0)]], [1.0]), TypeError, "x holds Values"),
    "huge": ((X, [10**400, 1, 1]), OverflowError, "y has a number beyond the largest float"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_at_the_door(case):
    data, kind, words = REFUSED[case]
    model, loss = model_and_loss()
    program = autograd.compile(loss, model.parameters(), shapes=[(2,), ()], executor="plain")
    for ask in (program, program.value, program.per_example, program.bind, program.input_gradients, program.jacobian):
        with pytest.raises(kind, match=words):
            ask(*data)


def test_theta_is_checked():
    model, loss = model_and_loss()
    step = autograd.compile(loss, model.parameters(), executor="plain").bind(X, Y)
    with pytest.raises(ValueError, match=r"theta needs all 17 parameters in one flat array, in their order, but got 1\.0"):
        step(1.0)
    for wrong in (np.zeros(3), np.zeros((17, 1)), [0.0] * 16):
        with pytest.raises(ValueError, match="theta needs"):
            step(wrong)
    with pytest.raises(TypeError, match="real numbers"):
        step(["a"] * 17)
    for right in (np.zeros(17, dtype=np.float32), [0] * 17, np.zeros(34)[::2], np.zeros(17)):
        assert step(right).value == step(np.zeros(17)).value


def test_arguments_of_compile_are_checked():
    w = Value(1.0, "w")
    with pytest.raises(TypeError, match="parameters are a list of Values, but got 3"):
        autograd.compile(lambda x: x, 3)
    with pytest.raises(TypeError, match=r"but got Value\(.*\) of type Value: for one parameter, parameters=\[\.\.\.\]"):
        autograd.compile(lambda x: x, w)
    with pytest.raises(TypeError, match=r"compile takes a function of one example, or a model, but got 3\.0 of type float"):
        autograd.compile(3.0, [w])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"parameters are Values, but one of them is 2\.0"):
        autograd.compile(lambda x: x, [w, 2.0])
    with pytest.raises(ValueError, match="a parameter is a leaf, but one of them was computed, by mul"):
        autograd.compile(lambda x: x, [2 * w])
    with pytest.raises(ValueError, match="listed twice"):
        autograd.compile(lambda x: x, [w, w])
    with pytest.raises(ValueError, match="a reduction is 'mean', 'sum', 'none', but got 'average'"):
        autograd.compile(lambda x: x, [w], reduction="average")
    with pytest.raises(ValueError, match="no executor is called 'cuda'; there are auto, native, numpy, plain"):
        autograd.compile(lambda x: x, [w], executor="cuda")
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="threads are a whole number"):
            autograd.compile(lambda x: x, [w], threads=wrong)
    with pytest.raises(TypeError, match="no arguments"):
        autograd.compile(lambda: w, [w])()


def test_a_model_is_its_own_list_of_parameters():
    model = nn.MLP(2, [1], seed=0)
    loss = lambda x, y: (model(x) - y) ** 2  # noqa: E731
    assert autograd.compile(loss, model).values == model.parameters()


def test_traced_at_once_from_shapes():
    w = Value(2.0, "w")
    program = autograd.compile(lambda x, y: w * x[0] + y, [w], shapes=[2, ()], executor="plain")
    assert program.tape.shapes == ((2,), ())
    with pytest.raises(ValueError, match=r"was traced for arguments of the shapes \(\(2,\), \(\)\), not \(\(3,\), \(\)\)"):
        program.trace([(3,), ()])
    for wrong in (3, "x", [(2.5,)], [(-1,)], [None], [["a"]]):
        with pytest.raises(TypeError, match=r"shapes are those of the arguments for one example, as in \[\(2,\), \(\)\]"):
            autograd.compile(lambda x: w * x, [w], shapes=wrong)
    late = autograd.compile(lambda x: w * x, [w], executor="plain")
    with pytest.raises(ValueError, match="traced at the first call"):
        _ = late.tape
    assert repr(late) == str(late) == "<Program <lambda>, not traced yet>"
    late([1.0])
    assert repr(late) == "<Program <lambda>: 1 parameter, 1 input, 1 operation, plain>"


# --- executors ----------------------------------------------------------------------------------------------------------


def test_without_llvmlite_numpy_runs_it_and_says_so_once(monkeypatch, caplog):
    monkeypatch.setattr(executors, "find_spec", lambda name: None)
    executors._note_that_llvmlite_is_missing.cache_clear()
    w = Value(2.0)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            program = autograd.compile(lambda x: w * x, [w])
            assert (program.executor, program([3.0]).value) == ("numpy", 6.0)
    assert [each.message for each in caplog.records] == [
        "compiled programs run on NumPy; with llvmlite they run as machine code, which is faster: pip install llvmlite"
    ]
    with pytest.raises(ImportError, match=r"native code needs llvmlite: pip install"):
        autograd.compile(lambda x: w * x, [w], executor="native")
    executors._note_that_llvmlite_is_missing.cache_clear()


def test_compiled_is_there_without_an_import_of_its_own():
    code = "import sys, autograd; assert 'numpy' not in sys.modules; print(autograd.compiled.load.__name__)"
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True)
    assert done.stdout == "load\n"


def test_numpy_and_llvmlite_are_imported_when_they_are_used():
    code = (
        "import sys, autograd; assert 'numpy' not in sys.modules; w = autograd.Value(2.0);"
        "p = autograd.compile(lambda x: w * x, [w], executor='numpy'); assert p([1.0]).value == 2.0;"
        "assert 'llvmlite' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_what_there_is_to_show():
    model, loss = model_and_loss()
    program = autograd.compile(loss, model.parameters(), shapes=[(2,), ()], executor="numpy")
    assert program.steps.splitlines()[:2] == ["matrix 4 x 2 with bias", "4 x tanh"]
    assert program.show() == str(program) == program.show("tape")
    assert program.show("latex") == program.to_latex()
    with pytest.raises(ValueError, match=r"native code has 'llvm' and 'asm'"):
        program.show("llvm")
    with pytest.raises(ValueError, match="the plain executor runs the tape as it is"):
        autograd.compile(loss, model.parameters(), shapes=[(2,), ()], executor="plain").show("asm")


@pytest.mark.parametrize("executor", EXECUTORS)
def test_steps_are_listed_alike_for_all_executors(executor):
    model = nn.MLP(2, [3, 3, 3, 3, 1], activation="tanh", seed=0)

    def loss(x):
        return model(x) + 0.1 * sum(p * p for p in model.parameters())

    program = autograd.compile(loss, model.parameters(), shapes=[(2,)], executor=executor)
    assert program.steps.splitlines() == [
        f"once: {len(model.parameters())} x *",
        f"once: sum of {len(model.parameters())}",
        "once: 1 x *",
        "matrix 3 x 2 with bias",
        "3 x tanh",
        *["matrix 3 x 3 with bias", "3 x tanh"] * 3,
        "matrix 1 x 3 with bias",
        "1 x +",
    ]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_forgotten_parameters_are_told_where_a_gradient_is_asked(executor):
    w, b, other = Value(2.0, "w"), Value(1.0), Value(1.0, "other")
    for parameters, words in (((), "the program has no parameters"), ([other], "the function reads none of the 1 parameter")):
        program = autograd.compile(lambda x: w * x + b, parameters, executor=executor)
        step = program.bind([1.0, 2.0])
        for ask in (step, step.per_example, lambda: program([1.0]), lambda: program.jacobian([1.0])):  # noqa: B023
            with pytest.raises(
                ValueError, match=rf"{words}, and other Values are constants in it \(w, one without a label\): .*parameters="
            ):
                ask()
        with pytest.raises(ValueError, match=words):
            step(np.ones(len(parameters)))
        assert (step.value(), program.value([1.0])) == (4.0, 3.0)
        assert program.input_gradients([1.0, 2.0])[0].tolist() == [1.0, 1.0]
    assert autograd.compile(lambda x: w * x + b, [w], executor=executor)([3.0]).gradients.tolist() == [3.0]
    assert autograd.compile(lambda x: 3 * x, executor=executor)([3.0]).gradients.tolist() == []


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_copies_have_values_of_their_own(executor, duplicate):
    w = Value(2.0, "w")
    program = autograd.compile(lambda x, y: (w * x - y) ** 2, [w], executor=executor, reduction="sum")
    step = program.bind([1.0, 2.0], [1.0, 1.0])
    expected = step()
    again, other = duplicate(step), duplicate(program)
    w.data = 5.0
    assert again() == other([1.0, 2.0], [1.0, 1.0]) == expected
    assert (other.executor, again.program.executor) == (executor, executor)
    other.write([7.0])
    assert w.data == 5.0
    with pytest.raises(ValueError, match="traced at the first call"):  # its function may read the Values of the original
        duplicate(autograd.compile(lambda x: w * x, [w], executor=executor))


def private_names_of_others(source):
    """Attributes that begin with one underscore and are not read of ``self``."""
    return [
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and re.match("_[^_]", node.attr)
        and not (isinstance(node.value, ast.Name) and node.value.id == "self")
    ]


def test_a_program_and_what_it_binds_do_not_read_private_names_of_each_other():
    for name in ("bound_program", "program", "requirements", "parameters"):
        source = inspect.getsource(importlib.import_module(f"autograd.compiled.{name}"))
        assert private_names_of_others(source) == []
    assert private_names_of_others("self._tape; program.tape; self.program._tape; program._check") == ["_tape", "_check"]


# --- check=True -----------------------------------------------------------------------------------------------------------


def test_check_names_the_first_operation_and_example_outside_its_domain():
    p = Value(0.5, "p")

    def loss(x):
        y = p * x
        return autograd.log(y)

    data = [2.0, 1.0, -1.0, 0.0]
    for executor in ("plain", "numpy"):
        program = autograd.compile(loss, [p], executor=executor, check=True)
        words = r"^example 2, v2 = log\(v1\) \(.*test_program.py, line \d+: return autograd.log\(y\)\): log\(x\) needs x > 0, but x = -0.5 \('v1'\)"
        for ask in (program, program.value, program.per_example, program.input_gradients, program.jacobian):
            with pytest.raises(DomainError, match=words):
                ask(data)
        assert program([2.0, 1.0]).value == pytest.approx(np.log([1.0, 0.5]).mean())
    silent = autograd.compile(loss, [p], executor="numpy").per_example(data).values
    np.testing.assert_array_equal(silent, [0.0, np.log(0.5), np.nan, -np.inf])


def test_check_names_what_turns_nan():
    p = Value(1e200, "p")
    square = lambda x: (p * p) * x - p * p  # noqa: E731
    with pytest.raises(FloatingPointError, match=r"example 0, v\d = .* turns nan: v\d = inf, v\d = inf"):
        autograd.compile(square, [p], check=True, executor="plain")([2.0])
    with pytest.raises(FloatingPointError, match=r"example 1: x is nan before any operation"):
        autograd.compile(lambda x: p * x, [p], check=True, executor="plain")([1.0, np.nan])
    p.data = float("nan")
    with pytest.raises(FloatingPointError, match=r"example 0: p is nan before any operation"):
        autograd.compile(lambda x: p * x, [p], check=True, executor="plain")([1.0])


def test_check_of_several_outputs_looks_at_values_alone():
    p = Value(0.0, "p")
    program = autograd.compile(lambda x: [autograd.sqrt(p * x) * 0, x], [p], check=True, executor="plain")
    assert program.value([1.0]).tolist() == [[0.0, 1.0]]


def test_check_names_the_adjoint_that_turns_nan():
    p = Value(0.0, "p")
    with pytest.raises(
        FloatingPointError, match=r"the adjoint of v1 turns nan, by the local derivative inf times 0.0, where v1 = 0.0"
    ):
        autograd.compile(lambda x: autograd.sqrt(p * x) * 0, [p], check=True, executor="plain")([1.0])


def test_numpy_arrays_of_values_are_traced():
    w = [Value(1.0), Value(2.0)]
    program = autograd.compile(lambda x: np.dot(np.array(w), np.array(x)) + sum(x), w, executor="plain")
    assert program([[3.0, 4.0]]).value == 18.0
    assert program([[3.0, 4.0]]).gradients.tolist() == [3.0, 4.0]


def test_a_value_of_ones_own_kind_is_a_parameter():
    class Weight(Value):
        __slots__ = ("decay",)

    w = Weight(3.0, "w")
    w.decay = 0.5
    program = autograd.compile(lambda x: w * x * w.decay, [w], executor="plain")
    assert program([2.0]).value == 3.0
    assert (type(w), w.decay) == (Weight, 0.5)


def test_memory_is_that_of_a_block():
    w = Value(0.5)

    def deep(x):
        for _ in range(300):
            x = autograd.sin(w * x)
        return x

    data = np.linspace(-1, 1, 20_000)
    program = autograd.compile(deep, [w], executor="numpy")
    step = program.bind(data[:10])
    del step
    tracemalloc.start()
    step = program.bind(data)
    step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12e6  # all numbers and adjoints of the batch would be 192 MB


def test_garbage_is_collected_again_once_data_are_bound():
    w = Value(2.0)
    program = autograd.compile(lambda x: w * x, [w], executor="numpy")
    for enabled in (True, False):
        (gc.enable if enabled else gc.disable)()
        program.bind([1.0])
        assert gc.isenabled() == enabled
    gc.enable()
