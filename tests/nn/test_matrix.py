"""The matrix twin: right by oracles that know neither it nor the scalars, then equal to the scalars, and able to fail.

Three computations of the same derivatives meet here. The oracle evaluates the loss by plain loops (below) and differentiates it
by nudging one number at a time: by a complex step, exact to rounding, or at 50 digits. The scalars are ``nn`` and its graph. The
twin is ``nn.matrix``.
"""

from __future__ import annotations

import ast
import cmath
import functools
import inspect
import types
from typing import Any

import mpmath
import numpy as np
import pytest

import nn
from autograd import Value
from nn import matrix
from nn.matrix import Gradients, MatrixMLP
from tests.strategies import ACTIVATIONS, LOSSES, PROBABILITIES, Problem, for_all, problem, problems


def by_twin(p: Problem, module: Any = matrix) -> Gradients:
    return module.MatrixMLP(p.weights, p.biases, p.activations).gradients(p.inputs, p.targets, p.loss, p.reduction)


# --- the oracle: the loss by loops over scalars, differentiated by nudging --------------------------------------------
# Formulas as in the textbooks, without regard to overflow; f is cmath or mpmath, so the numbers may be complex or long.

FORMULAS = {
    "linear": lambda f, z: z,
    "relu": lambda f, z: z if z.real > 0 else 0 * z,
    "leaky_relu": lambda f, z: z if z.real > 0 else z / 100,
    "elu": lambda f, z: z if z.real > 0 else f.exp(z) - 1,
    "silu": lambda f, z: z / (1 + f.exp(-z)),
    "gelu": lambda f, z: z * f.ncdf(z),
    "softplus": lambda f, z: f.log(1 + f.exp(z)),
    "sigmoid": lambda f, z: 1 / (1 + f.exp(-z)),
    "tanh": lambda f, z: (f.exp(z) - f.exp(-z)) / (f.exp(z) + f.exp(-z)),
}


def activate(f, name, a):
    if name != "softmax":
        return [FORMULAS[name](f, z) for z in a]
    e = [f.exp(z - max(z.real for z in a)) for z in a]
    return [entry / sum(e) for entry in e]


def loss_of_sample(f, name, y, t):
    if name == "sum_of_squares":
        return sum((a - b) ** 2 for a, b in zip(t, y, strict=True))
    if name == "half_sum_of_squares":
        return sum((a - b) ** 2 for a, b in zip(t, y, strict=True)) / 2
    if name == "cross_entropy":
        return -sum(a * f.log(b) for a, b in zip(t, y, strict=True) if a != 0)
    if name == "cross_entropy_logits":
        return -sum(a * f.log(f.exp(b) / sum(map(f.exp, y))) for a, b in zip(t, y, strict=True))
    return sum(1 - a * b for a, b in zip(t, y, strict=True) if (1 - a * b).real > 0)


def loss_and_outputs(f, p: Problem, weights, biases, inputs, shifts, targets):
    """The loss, with ``shifts`` added to the pre-activations: the derivative in a shift is the layer's delta."""
    total, outputs = 0, []
    for n, h in enumerate(inputs):
        for k, name in enumerate(p.activations):
            a = []
            for i, row in enumerate(weights[k]):
                start = 0 if p.biases[k] is None else biases[k][i]
                a.append(sum((w * x for w, x in zip(row, h, strict=True)), start) + shifts[k][n][i])
            h = activate(f, name, a)
        outputs.append(h)
        total += loss_of_sample(f, p.loss, h, targets[n])
    return (total / len(inputs) if p.reduction == "mean" else total), outputs


def by_nudging(p: Problem, f, number, slope) -> Gradients:
    """All derivatives, one number at a time: ``slope`` measures a function of a nudge to that number."""

    def numbers(array):
        return np.array([number(entry) for entry in np.ravel(array).tolist()], dtype=object).reshape(np.shape(array))

    weights = [numbers(w) for w in p.weights]
    biases = [numbers(np.zeros(len(w)) if b is None else b) for w, b in zip(p.weights, p.biases, strict=True)]
    shifts = [numbers(np.zeros((len(p.inputs), len(w)))) for w in p.weights]
    inputs, targets = numbers(p.inputs), numbers(p.target_rows())

    def loss():
        return loss_and_outputs(f, p, weights, biases, inputs, shifts, targets)

    def derivatives(array):
        result = np.empty(array.shape)
        for index in np.ndindex(array.shape):
            kept = array[index]

            def nudged(nudge, index=index, kept=kept):
                array[index] = kept + nudge
                return loss()[0]

            result[index] = slope(nudged)
            array[index] = kept
        return result

    value, outputs = loss()
    return Gradients(
        float(value.real),
        np.array([[float(y.real) for y in row] for row in outputs]),
        [derivatives(shift) for shift in shifts],
        [derivatives(weight) for weight in weights],
        [None if b is None else derivatives(bias) for b, bias in zip(p.biases, biases, strict=True)],
        derivatives(inputs),
    )


def by_complex_step(p: Problem) -> Gradients:
    """Exact to rounding, for all but gelu; Squire & Trapp (1998)."""
    return by_nudging(p, cmath, complex, lambda nudged: nudged(1e-30j).imag / 1e-30)


def by_fifty_digits(p: Problem) -> Gradients:
    """Central differences at 50 digits: with a step of 1e-20 the error is about 1e-30."""
    with mpmath.workdps(50):
        h = mpmath.mpf("1e-20")
        return by_nudging(p, mpmath, mpmath.mpf, lambda nudged: float((nudged(h) - nudged(-h)) / (2 * h)))


# --- the scalars ------------------------------------------------------------------------------------------------------


def by_scalars(p: Problem) -> tuple[Gradients, list[float]]:
    """One backward pass over the graph of the batch; also the parameters' gradients in the model's own order."""
    model = p.model()
    traces = [model.trace([Value(x) for x in row]) for row in p.inputs.tolist()]
    losses = [
        nn.LOSSES[p.loss](trace.activations[-1], target) for trace, target in zip(traces, p.targets.tolist(), strict=True)
    ]
    loss = p.reduced(losses)
    loss.backward()

    def grads(values):
        return np.array([v.grad for v in values])

    gradients = Gradients(
        loss.data,
        np.array([[y.data for y in trace.activations[-1]] for trace in traces]),
        [np.array([grads(trace.pre_activations[k]) for trace in traces]) for k in range(len(p.weights))],
        [np.array([grads(neuron.w) for neuron in layer.neurons]) for layer in model.layers],
        [
            None if b is None else grads(neuron.b for neuron in layer.neurons)
            for layer, b in zip(model.layers, p.biases, strict=True)
        ],
        np.array([grads(trace.inputs) for trace in traces]),
    )
    return gradients, [parameter.grad for parameter in model.parameters()]


# --- the comparison ---------------------------------------------------------------------------------------------------

TOLERANCE = 1e-12  # of an array's largest entry: rounding of some hundred terms in another order, and no cancellation beyond


def named_arrays(g: Gradients) -> list[tuple[str, Any]]:
    """Weights and bias of a layer are one array, as in S1.i3: where the examples' bias gradients cancel, rounding is all."""
    parameters = [w if b is None else np.column_stack([w, b]) for w, b in zip(g.weights, g.biases, strict=True)]
    return [
        *[("loss", g.loss), ("outputs", g.outputs), ("inputs", g.inputs)],
        *[(f"deltas {k}", delta) for k, delta in enumerate(g.deltas, start=1)],
        *[(f"parameters {k}", gradient) for k, gradient in enumerate(parameters, start=1)],
    ]


def disagreements(got: Gradients, expected: Gradients, tolerance: float = TOLERANCE) -> list[str]:
    """The arrays in which two computations differ, with how much."""
    found = []
    for (name, ours), (_, theirs) in zip(named_arrays(got), named_arrays(expected), strict=True):
        if np.shape(ours) != np.shape(theirs):
            found.append(f"{name}: {np.shape(ours)} against {np.shape(theirs)}")
            continue
        error, scale = np.max(np.abs(np.subtract(ours, theirs))), np.max(np.abs(theirs))
        if not error <= tolerance * scale:  # so that NaN counts as a disagreement
            found.append(f"{name}: {error} of {scale}")
    return found


# --- (a) the twin against the oracle ----------------------------------------------------------------------------------


def outputs_for(activation: str, loss: str) -> str:
    return "softmax" if loss == "cross_entropy" and activation not in PROBABILITIES else activation


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_twin_agrees_with_differences_at_fifty_digits(activation, loss):
    p = problem(1, [1, 3, 2], [activation, outputs_for(activation, loss)], loss, examples=2, reduction="sum")
    assert disagreements(by_twin(p), by_fifty_digits(p)) == []


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name != "gelu"])
def test_twin_agrees_with_complex_step(activation, loss):
    names = [activation, "tanh", outputs_for(activation, loss)]
    p = problem(2, [3, 2, 5, 4], names, loss, bias=[True, False, True], examples=3)
    assert disagreements(by_twin(p), by_complex_step(p)) == []


@pytest.mark.parametrize("at", [-1000.0, -700.0, -30.0, -5.0, -0.3, 0.3, 5.0, 30.0, 700.0, 1000.0])
@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name != "softmax"])
def test_each_activation_keeps_its_digits_where_it_saturates(activation, at):
    # 1 - sigmoid(1000) is 1e-435: the oracle needs more digits than that. In floats e^z has relative error |z| times 1e-16, which
    # is 1e-13 at 700, and at -30 in gelu, whose tail is e^-450.
    function, derivative = matrix.ACTIVATIONS[activation]
    with mpmath.workdps(800):
        z, h = mpmath.mpf(at), mpmath.mpf("1e-60")
        expected = FORMULAS[activation](mpmath, z)
        slope = (FORMULAS[activation](mpmath, z + h) - FORMULAS[activation](mpmath, z - h)) / (2 * h)
    assert function(np.array([[at]])).item() == pytest.approx(float(expected), rel=1e-12, abs=0)
    assert derivative(np.array([[at]])).item() == pytest.approx(float(slope), rel=1e-12, abs=0)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_large_numbers_neither_warn_nor_become_nan(activation, loss):
    if loss == "cross_entropy":  # probabilities that are not 0
        net, large = MatrixMLP([np.eye(2), np.eye(2)], [None, None], [activation, "softmax"]), [100.0, 300.0]
    else:
        net, large = MatrixMLP([np.eye(2)], [None], [activation]), [1000.0, 1e300]
    inputs = [[sign * size, -sign * size] for size in large for sign in (1, -1)]
    gradients = net.gradients(inputs, [[1.0, -1.0] if loss == "hinge" else [1.0, 0.0]] * 4, loss)
    assert not any(np.isnan(found).any() for found in (gradients.loss, gradients.outputs, gradients.inputs, gradients.flat()))


def test_overflow_gives_infinity_without_a_warning():
    assert MatrixMLP([[[1e200]]], [None], ["linear"]).forward([[1e200]]).activations[-1].item() == np.inf


def test_a_probability_of_zero_for_the_true_class_loses_infinitely():
    assert MatrixMLP([np.eye(2)], [None], ["softmax"]).gradients([[0.0, 1000.0]], [0], "cross_entropy").loss == np.inf
    assert MatrixMLP([np.eye(2)], [None], ["softmax"]).gradients([[0.0, 1000.0]], [1], "cross_entropy").loss == 0
    assert MatrixMLP([np.eye(2)], [None], ["linear"]).gradients([[0.0, 1000.0]], [0], "cross_entropy_logits").loss == 1000


@pytest.mark.parametrize(("activation", "slope"), [("relu", 0.0), ("leaky_relu", 0.01), ("elu", 1.0)])
def test_derivative_at_a_kink_is_the_left_one_as_in_the_scalars(activation, slope):
    p = Problem([np.zeros((1, 1))], [np.zeros(1)], [activation], np.array([[3.0]]), np.array([[1.0]]), "sum_of_squares", "mean")
    assert by_twin(p).deltas[0].tolist() == [[-2 * slope]]
    assert disagreements(by_scalars(p)[0], by_twin(p), tolerance=0) == []


def test_hinge_with_margin_exactly_one_has_no_derivative_as_in_the_scalars():
    one = np.array([[1.0]])
    p = Problem([one], [None], ["linear"], np.array([[1.0], [-1.0], [0.5]]), np.array([[1.0], [-1.0], [1.0]]), "hinge", "sum")
    assert by_twin(p).deltas[0].tolist() == [[0.0], [0.0], [-1.0]]
    assert disagreements(by_scalars(p)[0], by_twin(p), tolerance=0) == []


# --- (b) a case worked out by complex step, to 12 digits ----------------------------------------------------------------
# Widths 4-3-2, sigmoid, N = 5; indices from 1: W_l[i,j] = (((3i + 5j + 2l) mod 7) - 3) / 10,
# b_l[i] = (((2i + l) mod 5) - 2) / 10, x_n[j] = (((2n + 3j) mod 5) - 2) / 2 + n / 10, classes 2, 1, 2, 1, 2.

REFERENCE = {
    "half_sum_of_squares": {
        "loss": 1.29344184351,
        "delta_2": [0.136423901246, -0.128233239789],
        "delta_1": [0.0132298801054, -0.00852928801357, -0.00995492831514],
        "G_1": [
            [0.016111274549, 0.00434788757674, -0.00880639849504, 0.0414496209889],
            [-0.0130745475156, -0.00212344058426, 0.00593944083376, -0.0299811962956],
            [-0.0126853521383, -0.00375710255831, 0.00505900516261, -0.0312017144286],
        ],
        "g_1": [0.0154727076473, -0.00883314250786, -0.012741916995],
        "G_2": [[0.101299601575, 0.070252106476, 0.0821805915999], [-0.0713515488813, -0.0443881610775, -0.0551950508813]],
        "g_2": [0.188318866255, -0.132325815332],
    },
    "cross_entropy": {
        "loss": 3.64636227908,
        "delta_2": [0.56467954098, -0.56467954098],
        "delta_1": [0.0564552507139, -0.0375590170562, -0.042046447667],
        "G_1": [
            [0.0686364111906, 0.0216754948961, -0.0311543224597, 0.171522723942],
            [-0.058792371117, -0.0142456604695, 0.0176352719133, -0.125440663911],
            [-0.0531333938711, -0.0172013961502, 0.0176704395419, -0.128601581483],
        ],
        "g_1": [0.0765036280677, -0.0544984996933, -0.0592958631119],
        "G_2": [[0.426945795104, 0.296179817752, 0.348056592221], [-0.426945795104, -0.296179817752, -0.348056592221]],
        "g_2": [0.791815390166, -0.791815390166],
    },
}


def reference_problem(loss: str) -> Problem:
    widths = [4, 3, 2]
    weights = [
        np.array(
            [[((3 * i + 5 * j + 2 * k) % 7 - 3) / 10 for j in range(1, widths[k - 1] + 1)] for i in range(1, widths[k] + 1)]
        )
        for k in (1, 2)
    ]
    biases = [np.array([((2 * i + k) % 5 - 2) / 10 for i in range(1, widths[k] + 1)]) for k in (1, 2)]
    inputs = np.array([[((2 * n + 3 * j) % 5 - 2) / 2 + n / 10 for j in range(1, 5)] for n in range(1, 6)])
    output = "softmax" if loss == "cross_entropy" else "sigmoid"
    return Problem(weights, biases, ["sigmoid", output], inputs, np.array([1, 0, 1, 0, 1]), loss, "sum")


@pytest.mark.parametrize("loss", REFERENCE)
@pytest.mark.parametrize("by", [by_twin, lambda p: by_scalars(p)[0]], ids=["twin", "scalars"])
def test_reference_case_to_twelve_digits(by, loss):
    got = by(reference_problem(loss))
    shown = {
        "loss": got.loss, "delta_2": got.deltas[1][0], "delta_1": got.deltas[0][0],
        "G_1": got.weights[0], "g_1": got.biases[0], "G_2": got.weights[1], "g_2": got.biases[1],
    }  # fmt: skip
    for name, expected in REFERENCE[loss].items():
        # half a unit in the 12th digit is at most 5e-12 of the number
        np.testing.assert_allclose(shown[name], expected, rtol=5e-12, atol=0, err_msg=name)


# --- (c) the scalars against the twin ----------------------------------------------------------------------------------


def scalar_disagreements(twin: Gradients, scalars: tuple[Gradients, list[float]]) -> list[str]:
    """Also of all parameters together, in the order of the model."""
    gradients, flat = scalars
    error, scale = np.max(np.abs(twin.flat() - flat)), np.max(np.abs(flat))
    return disagreements(twin, gradients) + ([] if error <= TOLERANCE * scale else [f"flat: {error} of {scale}"])


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_scalars_agree_with_twin_for_each_activation_and_loss(activation, loss):
    p = problem(3, [4, 5, 3, 2], [activation, "tanh", outputs_for(activation, loss)], loss, examples=6)
    assert scalar_disagreements(by_twin(p), by_scalars(p)) == []


# The same examples in every run: among endless ones some would lose digits by cancellation, in any arithmetic.
@for_all(problems(), examples=200, full=15_000)
def test_scalars_agree_with_twin_on_random_networks(p):
    assert scalar_disagreements(by_twin(p), by_scalars(p)) == []


# --- (d) from a model and back -----------------------------------------------------------------------------------------

DELICATE = [0.1, 1 / 3, -0.0, 5e-324, -1e308, 2.0**-1074 * 3, float("inf"), 1 + 2.0**-52]


def bits(model: nn.MLP) -> list[str]:
    return [float(parameter.data).hex() for parameter in model.parameters()]


@pytest.mark.parametrize("bias", [True, False, [True, False, True]])
def test_parameters_go_to_the_twin_and_back_bit_by_bit(bias):
    model = nn.MLP(3, [4, 2, 1], activation=["gelu", "softmax"], output="sigmoid", bias=bias, seed=1)
    for parameter, number in zip(model.parameters(), DELICATE, strict=False):
        parameter.data = number
    twin = MatrixMLP.from_model(model)
    assert twin.activations == ["gelu", "softmax", "sigmoid"]
    assert [w.shape for w in twin.weights] == [(4, 3), (2, 4), (1, 2)]
    assert twin.weights[0].tolist() == [[w.data for w in neuron.w] for neuron in model.layers[0].neurons]
    other = nn.MLP(3, [4, 2, 1], bias=bias, seed=2)
    assert bits(other) != bits(model)
    twin.to_model(other)
    assert bits(other) == bits(model)
    assert {type(parameter.data) for parameter in other.parameters()} == {float}


def test_the_twin_is_a_copy():
    model = nn.MLP(2, [3, 1], seed=0)
    before = bits(model)
    MatrixMLP.from_model(model).weights[0][:] = 0
    assert bits(model) == before
    weights, bias, inputs = np.ones((1, 2)), np.ones(1), np.ones((1, 2))
    twin = MatrixMLP([weights], [bias], ["linear"])
    forward = twin.forward(inputs)
    weights[:] = bias[:] = inputs[:] = 0
    assert (twin.weights[0].tolist(), twin.biases[0].tolist(), forward.inputs.tolist()) == ([[1, 1]], [1], [[1, 1]])


@pytest.mark.parametrize(
    ("other", "shapes"),
    [
        ({"nin": 3, "nouts": [4, 3]}, ["(3, 4)", "(2, 4)"]),  # differs in the last layer only: the first must stay as it is
        ({"nin": 2, "nouts": [4, 2]}, ["(4, 2)", "(4, 3)"]),
        ({"nin": 3, "nouts": [4, 2, 2]}, ["(2, 2)"]),
        ({"nin": 3, "nouts": [4, 2], "bias": [True, False]}, ["((2, 4), ())", "((2, 4), (2,))"]),
    ],
)
def test_export_to_other_shapes_is_refused_and_changes_nothing(other, shapes):
    twin = MatrixMLP.from_model(nn.MLP(3, [4, 2], seed=1))
    model = nn.MLP(**other, seed=2)
    before = bits(model)
    with pytest.raises(ValueError, match="export needs a model of the same widths") as error:
        twin.to_model(model)
    assert all(shape in str(error.value) for shape in shapes)
    assert bits(model) == before


def test_an_activation_that_is_a_function_is_refused_by_import_but_not_by_export():
    model = nn.MLP(2, [3, 1], activation=lambda z: z * z, seed=0)
    with pytest.raises(ValueError, match=r"layer 1 has the function .* whose derivative the matrix twin cannot know"):
        MatrixMLP.from_model(model)
    twin = MatrixMLP.from_model(nn.MLP(2, [3, 1], seed=1))
    twin.to_model(model)
    assert bits(model) == bits(nn.MLP(2, [3, 1], seed=1))


# --- what does not fit is refused ---------------------------------------------------------------------------------------

ONE = MatrixMLP([[[1.0, 2.0]]], [[0.0]], ["tanh"])
TWO = MatrixMLP([np.ones((2, 3))], [None], ["linear"])
X = np.ones((4, 3))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: MatrixMLP([], [], []), "for each of its layers, but got 0, 0 and 0"),
        (lambda: MatrixMLP([[[1.0]]], [None, None], ["relu"]), "but got 1, 2 and 1"),
        (lambda: MatrixMLP([[1.0]], [None], ["relu"]), r"layer 1 need a row for each neuron .* but have shape \(1,\)"),
        (lambda: MatrixMLP([np.ones((0, 2))], [None], ["relu"]), r"but have shape \(0, 2\)"),
        (lambda: MatrixMLP([np.ones((3, 2)), np.ones((1, 2))], [None] * 2, ["relu"] * 2), r"layer 2 .* 3 columns.*\(1, 2\)"),
        (
            lambda: MatrixMLP([np.ones((3, 2))], [np.ones(2)], ["relu"]),
            r"layer 1 has shape \(2,\), but .* \(3, 2\) need \(3,\)",
        ),
        (lambda: MatrixMLP([[[1.0]]], [None], ["rely"]), "activation 'rely', but the matrix twin knows linear, relu"),
        (lambda: ONE.forward([1.0, 2.0]), r"shape \(2,\), but the first layer's weights \(1, 2\) need \(N, 2\)"),
        (lambda: ONE.forward(np.ones((0, 2))), r"shape \(0, 2\), but .* one row for each of N samples"),
        (lambda: TWO.forward(np.ones((4, 2))), r"shape \(4, 2\), but the first layer's weights \(2, 3\) need \(N, 3\)"),
        (lambda: TWO.gradients(X, np.ones((4, 3))), r"shape \(4, 3\) .* outputs of shape \(4, 2\)"),
        (lambda: TWO.gradients(X, [0, 1, 1]), r"shape \(3,\) .* outputs of shape \(4, 2\)"),
        (lambda: TWO.gradients(X, [0, 1, 2, 0]), "whole number from 0 to 1"),
        (lambda: TWO.gradients(X, [0, 1, -1, 0]), "whole number from 0 to 1"),
        (lambda: TWO.gradients(X, [0.0, 1.0, 1.0, 0.0]), "type float64 .* whole number from 0 to 1"),
        (lambda: ONE.gradients([[1, 2]], [1]), "whole number from 0 to 0"),
        (lambda: TWO.gradients(X, [0, 1, 1, 0], "hinge"), r"-1 or 1, .* but got \[0. 1.\]"),
        (lambda: TWO.gradients(X, [0, 1, 1, 0], "hinges"), "one of sum_of_squares, .* but got 'hinges' and 'mean'"),
        (lambda: TWO.gradients(X, [0, 1, 1, 0], reduction="none"), "mean or sum, but got 'cross_entropy_logits' and 'none'"),
    ],
)
def test_errors_name_what_was_given_and_what_is_needed(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_the_twin_is_independent_and_complete():
    imports = [node for node in ast.walk(ast.parse(inspect.getsource(matrix))) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports}
    assert names == {"__future__", "math", "collections.abc", "typing", "numpy", "numpy.typing", "nn.layers"}
    assert not hasattr(matrix, "MLP")  # nn.layers is read by type checkers only
    assert tuple(matrix.ACTIVATIONS) == nn.ACTIVATIONS == tuple(ACTIVATIONS)
    assert list(matrix.LOSSES) == list(nn.LOSSES) == LOSSES


# --- (e) planted bugs: all widths and N are 3, so that every wrong formula has the right shape --------------------------

PLANTED = {
    "f for f' (S0.25 as printed)": ("slopes = ACTIVATIONS[self.activations[k]][1]", "slopes = ACTIVATIONS[self.activations[k]][0]"),
    "f' at the activation": ("[1](pre_activations[k])", "[1](activations[k])"),
    "matrix product for elementwise (S1.15, S1.17 as printed)": ("return d_h * slopes", "return d_h @ slopes"),
    "weights transposed backward": ("d_h = delta @ self.weights[k]", "d_h = delta @ self.weights[k].T"),
    "weights transposed forward": ("h @ w.T + b", "h @ w + b"),
    "weight gradient transposed": ("delta.T @ below[k]", "below[k].T @ delta"),
    "activations of the wrong layer": ("delta.T @ below[k]", "delta.T @ below[k + 1]"),
    "bias gradient of one sample": ("delta.sum(axis=0)", "delta[0]"),
    "factor 2 lost": ("lambda y, t: -2 * (t - y)", "lambda y, t: -(t - y)"),
    "factor 2 gained": ("lambda y, t: y - t", "lambda y, t: 2 * (y - t)"),
    "the sign of delta (S3.10)": ("lambda y, t: y - t", "lambda y, t: t - y"),
    "N dropped in the mean": ('1 / len(y) if reduction == "mean" else 1.0', "1.0"),
    "N dropped in the gradient only": ("d_h = scale * derivative(y, t)", "d_h = derivative(y, t)"),
    "softmax without its off-diagonal": ("(np.eye(y.shape[1]) - y[:, np.newaxis, :])", "np.eye(y.shape[1]) * (1 - y[:, np.newaxis, :])"),
    "-1/y for every class (S4.31 as printed)": ("lambda y, t: -t / _where_wanted(y, t)", "lambda y, t: -1 / y"),
    "softmax left out of the logits' derivative": ("* _softmax(y) - t", "* y - t"),
    "hinge without its sign": ("lambda y, t: -t * np.heaviside", "lambda y, t: -np.heaviside"),
}  # fmt: skip


@functools.cache
def equal_widths(loss: str) -> tuple[Problem, Gradients, tuple[Gradients, list[float]]]:
    """A problem with what the oracle and the scalars say of it."""
    p = problem(4, [3, 3, 3, 3], ["sigmoid", "softmax", outputs_for("tanh", loss)], loss, examples=3)
    return p, by_complex_step(p), by_scalars(p)


def with_bug(right: str, wrong: str) -> types.ModuleType:
    """The twin with one place of its text changed."""
    text = inspect.getsource(matrix)
    assert text.count(right) == 1, f"{right!r} stands {text.count(right)} times in nn/matrix.py"
    module = types.ModuleType("matrix_with_a_bug")
    exec(compile(text.replace(right, wrong), module.__name__, "exec"), vars(module))
    return module


@pytest.mark.parametrize("loss", LOSSES)
def test_without_a_bug_equal_widths_agree(loss):
    p, oracle, scalars = equal_widths(loss)
    assert disagreements(by_twin(p), oracle) == scalar_disagreements(by_twin(p), scalars) == []


@pytest.mark.parametrize("name", PLANTED)
def test_planted_bug_is_seen_by_the_oracle_and_by_the_scalars(name):
    module = with_bug(*PLANTED[name])
    seen = []
    for p, oracle, scalars in map(equal_widths, LOSSES):
        wrong = by_twin(p, module)
        seen.append((bool(disagreements(wrong, oracle)), bool(scalar_disagreements(wrong, scalars))))
    assert (True, True) in seen
    assert not {(True, False), (False, True)} & set(seen)


@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name != "linear"])
def test_planted_slip_in_one_derivative_is_seen(activation, monkeypatch):
    function, derivative = matrix.ACTIVATIONS[activation]
    p = problem(5, [1, 3, 2], [activation, "linear"], "sum_of_squares", examples=4)
    oracle, scalars = by_fifty_digits(p), by_scalars(p)
    assert disagreements(by_twin(p), oracle) == scalar_disagreements(by_twin(p), scalars) == []
    monkeypatch.setitem(matrix.ACTIVATIONS, activation, (function, lambda a: derivative(a) * (1 + 1e-9)))
    assert disagreements(by_twin(p), oracle)
    assert scalar_disagreements(by_twin(p), scalars)


def test_a_gradient_of_nan_or_of_another_shape_is_a_disagreement():
    good = by_twin(equal_widths("hinge")[0])
    assert disagreements(good, good, tolerance=0) == []
    assert disagreements(good._replace(inputs=good.inputs * np.nan), good)
    assert disagreements(good._replace(biases=[None, *good.biases[1:]]), good)
    assert disagreements(good._replace(inputs=good.inputs[:1]), good)
