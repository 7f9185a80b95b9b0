"""The five layouts: laid out by hand, read by each note's own equations, and there and back without changing a bit."""

import copy
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import strategies as st

from autograd import Constant, Value, total
from nn import (
    LAYOUTS,
    MLP,
    Layer,
    export_gradients,
    export_parameters,
    half_sum_of_squares,
    import_parameters,
    parameters_in_layout,
)
from nn.matrix import MatrixMLP
from tests.strategies import for_all

# --- by hand ---------------------------------------------------------------------------------------------------------
# 2 inputs, 3 hidden neurons, 1 output. 21 is the weight to neuron 2 from input 1, and 20 the bias of neuron 2; those of the
# output have a 1 before them.


def numbered(bias=True):
    model = MLP(2, [3, 1], bias=bias)
    for hundreds, layer in zip((0, 100), model.layers, strict=True):
        for i, neuron in enumerate(layer.neurons, start=1):
            for j, w in enumerate(neuron.w, start=1):
                w.data = hundreds + 10 * i + j
            if neuron.b is not None:
                neuron.b.data = hundreds + 10 * i
    return model


BY_HAND = {
    "transposed": [
        [[[11, 21, 31], [12, 22, 32]], [10, 20, 30]],
        [[[111], [112], [113]], [110]],
    ],
    "bias_row": [
        [[0, 10, 20, 30], [0, 11, 21, 31], [0, 12, 22, 32]],
        [[110], [111], [112], [113]],
    ],
    "matrices": [
        [[[11, 12], [21, 22], [31, 32]], [10, 20, 30]],
        [[[111, 112, 113]], [110]],
    ],
    "units": [[10, 11, 12], [20, 21, 22], [30, 31, 32], [110, 111, 112, 113]],
    "theta": [[[11, 12], [21, 22], [31, 32]], [[111, 112, 113]], [10, 20, 30], [110]],
}

WITHOUT_BIAS = {
    ("transposed", True, False): [[[[11, 21, 31], [12, 22, 32]], [10, 20, 30]], [[[111], [112], [113]], None]],
    # S1 to the letter: the bias of the first layer only, so that the hidden layer has no constant neuron and no dummies.
    ("bias_row", True, False): [[[10, 20, 30], [11, 21, 31], [12, 22, 32]], [[111], [112], [113]]],
    ("bias_row", False, True): [[[0, 11, 21, 31], [0, 12, 22, 32]], [[110], [111], [112], [113]]],
    ("bias_row", False, False): [[[11, 21, 31], [12, 22, 32]], [[111], [112], [113]]],
    ("matrices", False, True): [[[[11, 12], [21, 22], [31, 32]], None], [[[111, 112, 113]], [110]]],
    ("units", False, True): [[11, 12], [21, 22], [31, 32], [110, 111, 112, 113]],
    ("theta", False, True): [[[11, 12], [21, 22], [31, 32]], [[111, 112, 113]], None, [110]],
}


@pytest.mark.parametrize("layout", BY_HAND)
def test_each_layout_is_the_one_laid_out_by_hand(layout):
    assert export_parameters(numbered(), layout) == BY_HAND[layout]
    model = MLP(2, [3, 1], seed=0)
    import_parameters(model, BY_HAND[layout], layout)
    assert [p.data for p in model.parameters()] == [p.data for p in numbered().parameters()]


@pytest.mark.parametrize(("layout", "first", "second"), WITHOUT_BIAS)
def test_layers_without_bias(layout, first, second):
    expected = WITHOUT_BIAS[layout, first, second]
    assert export_parameters(numbered([first, second]), layout) == expected
    model = MLP(2, [3, 1], bias=[first, second])
    import_parameters(model, expected, layout)
    assert [p.data for p in model.parameters()] == [p.data for p in numbered([first, second]).parameters()]


def test_the_hand_made_cases_are_of_all_layouts():
    assert list(BY_HAND) == list(LAYOUTS)
    assert {layout for layout, *_ in WITHOUT_BIAS} == set(LAYOUTS)


# --- what the arrays mean: each note's own equations, in NumPy ----------------------------------------------------------


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def forward_transposed(p, x):  # S0.4 in matrix form: n = W^T a + b
    for w, b in p:
        x = sigmoid(np.array(w).T @ x + np.array(b))
    return x


def forward_bias_row(p, x):  # S1.i3 with one sample in a row, and unit 0 of each layer but the last the constant 1
    z = np.array([[1.0, *x]])
    for k, w in enumerate(p):
        z = sigmoid(z @ np.array(w))
        if k < len(p) - 1:
            z[:, 0] = 1
    return z[0]


def forward_matrices(p, x):  # S2.1, S2.2
    for w, b in p:
        x = sigmoid(np.array(w) @ x + np.array(b))
    return x


def forward_units(p, x):  # S3.i3 with u_r0 = 1; which units form a layer follows from the widths 2-3-4-2
    for units in (p[:3], p[3:7], p[7:]):
        u = [1.0, *x]
        x = [sigmoid(np.dot(w, u)) for w in units]
    return np.array(x)


def forward_theta(p, x):  # S4.9
    depth = len(p) // 2
    for w, b in zip(p[:depth], p[depth:], strict=True):
        x = sigmoid(np.array(b) + np.array(w) @ x)
    return x


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_equations_of_each_note_read_its_layout(layout):
    model = MLP(2, [3, 4, 2], activation="sigmoid", output="sigmoid", init="xavier", seed=3)
    for k, p in enumerate(model.parameters()):
        p.data += k / 100  # biases too
    x = np.array([0.5, -1.5])
    outputs = globals()[f"forward_{layout}"](export_parameters(model, layout), x)
    # 1e-12: a few dozen roundings, in another order
    np.testing.assert_allclose(outputs, [y.data for y in model(x)], rtol=1e-12)


def test_theta_is_what_the_matrix_twin_takes():
    model = MLP(3, [4, 2], bias=[False, True], seed=1)
    theta = export_parameters(model, "theta")
    twin = MatrixMLP.from_model(model)
    for mine, its in zip(theta, [*twin.weights, *twin.biases], strict=True):
        assert (mine is None) == (its is None)
        assert mine is None or np.array_equal(mine, its)


# --- gradients -------------------------------------------------------------------------------------------------------
# Worked out elsewhere by complex step, to 12 digits: widths 4-3-2, sigmoid, the sum of the half squared errors of 5 examples;
# indices from 1: W_l[i,j] = (((3i + 5j + 2l) mod 7) - 3) / 10, b_l[i] = (((2i + l) mod 5) - 2) / 10,
# x_n[j] = (((2n + 3j) mod 5) - 2) / 2 + n / 10, classes 2, 1, 2, 1, 2 as one-hot targets.

G1 = np.array(
    [
        [0.016111274549, 0.00434788757674, -0.00880639849504, 0.0414496209889],
        [-0.0130745475156, -0.00212344058426, 0.00593944083376, -0.0299811962956],
        [-0.0126853521383, -0.00375710255831, 0.00505900516261, -0.0312017144286],
    ]
)
g1 = np.array([0.0154727076473, -0.00883314250786, -0.012741916995])
G2 = np.array([[0.101299601575, 0.070252106476, 0.0821805915999], [-0.0713515488813, -0.0443881610775, -0.0551950508813]])
g2 = np.array([0.188318866255, -0.132325815332])

GRADIENTS = {
    "transposed": [G1.T, g1, G2.T, g2],
    "bias_row": [np.column_stack([np.zeros(5), np.vstack([g1, G1.T])]), np.vstack([g2, G2.T])],
    "matrices": [G1, g1, G2, g2],
    "units": [np.array([g[i], *G[i]]) for G, g in ((G1, g1), (G2, g2)) for i in range(len(g))],
    "theta": [G1, G2, g1, g2],
}


def reference_model():
    model = MLP(4, [3, 2], activation="sigmoid", output="sigmoid")
    widths = [4, 3, 2]
    weights = [
        [[((3 * i + 5 * j + 2 * k) % 7 - 3) / 10 for j in range(1, widths[k - 1] + 1)] for i in range(1, widths[k] + 1)]
        for k in (1, 2)
    ]
    biases = [[((2 * i + k) % 5 - 2) / 10 for i in range(1, widths[k] + 1)] for k in (1, 2)]
    import_parameters(model, weights + biases, "theta")
    return model


@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradients_of_the_reference_case_have_the_layout_of_the_parameters(layout):
    model = reference_model()
    inputs = [[((2 * n + 3 * j) % 5 - 2) / 2 + n / 10 for j in range(1, 5)] for n in range(1, 6)]
    total(half_sum_of_squares(model(x), label) for x, label in zip(inputs, [1, 0, 1, 0, 1], strict=True)).backward()
    gradients = export_gradients(model, layout)
    if layout in ("transposed", "matrices"):
        gradients = [part for layer in gradients for part in layer]
    assert len(gradients) == len(GRADIENTS[layout])
    for got, expected in zip(gradients, GRADIENTS[layout], strict=True):
        assert np.shape(got) == expected.shape
        # half a unit in the 12th digit is at most 5e-12 of the number; a dummy's gradient is 0 exactly
        np.testing.assert_allclose(got, expected, rtol=5e-12, atol=0)


# --- there and back --------------------------------------------------------------------------------------------------

NUMBERS = st.one_of(st.floats(), st.fractions(), st.integers())


@st.composite
def models(draw):
    widths = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    bias = draw(st.lists(st.booleans(), min_size=len(widths) - 1, max_size=len(widths) - 1))
    model = MLP(widths[0], widths[1:], bias=bias, seed=0)
    parameters = model.parameters()
    data = draw(st.lists(NUMBERS, min_size=len(parameters), max_size=len(parameters)))
    for p, number in zip(parameters, data, strict=True):
        p.data = number
    return model


def bits(model):
    return [(type(p.data), repr(p.data)) for p in model.parameters()]


@for_all(models(), st.sampled_from(list(LAYOUTS)), st.sampled_from(list(LAYOUTS)))
def test_the_very_same_numbers_come_back_through_any_two_layouts(model, one, other):
    before, objects = bits(model), model.parameters()
    twin = copy.deepcopy(model)
    for p in twin.parameters():
        p.data = 0.5
    import_parameters(twin, export_parameters(model, one), one)
    assert bits(twin) == before
    import_parameters(model, export_parameters(twin, other), other)
    assert bits(model) == before
    assert model.parameters() == objects  # the numbers are new, the Values are the same


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_parameters_are_those_of_the_model_each_once(layout):
    def flat(nested):
        return [value for part in nested for value in flat(part)] if isinstance(nested, list) else [nested]

    model = MLP(3, [2, 4], seed=0)
    values = flat(parameters_in_layout(model, layout))
    parameters = [value for value in values if type(value) is not Constant]
    assert set(parameters) == set(model.parameters())
    assert len(parameters) == len(model.parameters())
    assert len(values) - len(parameters) == (4 if layout == "bias_row" else 0)  # a dummy for the bias and each of 3 inputs


def test_fractions_stay_fractions_and_so_do_the_dummies():
    model = MLP(1, [1, 1], activation="linear")
    thirds = [[Fraction(1, 3), Fraction(2, 3)], [Fraction(0), Fraction(-5, 7)]]
    import_parameters(model, thirds, "units")
    model.zero_grad()
    model([Fraction(3)]).backward()
    numbers = export_parameters(model, "bias_row") + export_gradients(model, "bias_row")
    assert numbers == [
        [[0, Fraction(1, 3)], [0, Fraction(2, 3)]], [[0], [Fraction(-5, 7)]],
        [[0, Fraction(-5, 7)], [0, Fraction(-15, 7)]], [[1], [Fraction(7, 3)]],
    ]  # fmt: skip
    assert {type(number) for matrix in numbers for row in matrix for number in row} == {Fraction}


def test_arrays_tuples_and_numpy_numbers_are_welcome():
    model = MLP(2, [3, 1])
    w1, w2 = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]), np.array([[1, 2, 3]])
    import_parameters(model, (w1, w2, [np.float64(7.5), np.int64(8), 9], np.array([Fraction(1, 3)], dtype=object)), "theta")
    assert export_parameters(model, "theta") == [w1.tolist(), [[1, 2, 3]], [7.5, 8, 9], [Fraction(1, 3)]]
    assert {type(p.data) for p in model.parameters()} == {float, int, Fraction}  # Python's own, not NumPy's
    import_parameters(model, [np.float32(0.1) * np.ones(3)] * 3 + [np.zeros(4)], "units")
    assert model.parameters()[0].data == float(np.float32(0.1))  # the very number
    square = MLP(2, [2, 2], bias=False)
    import_parameters(square, np.arange(8).reshape(2, 2, 2), "bias_row")  # equal shapes make one array
    assert [p.data for p in square.parameters()] == [0, 2, 1, 3, 4, 6, 5, 7]


def test_training_in_a_layout_is_training():
    """One step of gradient descent on Theta, S4.i10, by arrays: what the step on the parameters themselves gives."""
    model, other = MLP(2, [3, 1], seed=5), MLP(2, [3, 1], seed=5)
    half_sum_of_squares(model([1.0, -2.0]), 0.5).backward()
    theta, nabla = export_parameters(model, "theta"), export_gradients(model, "theta")
    import_parameters(other, [np.array(t) - 0.1 * np.array(g) for t, g in zip(theta, nabla, strict=True)], "theta")
    for p in model.parameters():
        p.data -= 0.1 * p.grad
    assert [p.data for p in other.parameters()] == [p.data for p in model.parameters()]


# --- what is refused -------------------------------------------------------------------------------------------------


def replaced(layout, *path, by):
    parameters = copy.deepcopy(BY_HAND[layout])
    part = parameters
    for k in path[:-1]:
        part = part[k]
    part[path[-1]] = by
    return parameters


WRONG = {
    "rows for columns": ("matrices", replaced("matrices", 0, 0, by=[[1, 2, 3], [4, 5, 6]]), ["[0][0]", "(3, 2)", "(2, 3)"]),
    "one layer too few": ("transposed", BY_HAND["transposed"][:1], ["[(2, 3), (3,)]", "[(3, 1), (1,)]"]),
    "a ragged matrix": ("theta", replaced("theta", 0, 1, by=[1]), ["[0]", "(3, 2)", "[(2,), (1,), (2,)]"]),
    "a bias too long": ("theta", replaced("theta", 3, by=[1, 2]), ["[3]", "(1,)", "(2,)"]),
    "a bias missing": ("theta", replaced("theta", 3, by=None), ["[3]", "(1,)", "None"]),
    "no dummies": ("bias_row", [[[10, 20, 30], [11, 21, 31], [12, 22, 32]], [[0]] * 4], ["[0]", "(3, 4)", "(3, 3)"]),
    "a dummy that is not 0": ("bias_row", replaced("bias_row", 0, 1, 0, by=7), ["[0][1][0]", "dummy", "0", "7"]),
    "a unit without its bias": ("units", replaced("units", 1, by=[1, 2]), ["[1]", "(3,)", "(2,)"]),
    "a number for a list": ("units", 5.0, ["[(3,), (3,), (3,), (4,)]", "()"]),
    "nothing": ("units", [], ["(0,)"]),
    "a word": ("units", replaced("units", 3, 3, by="0.5"), ["[3][3]", "'0.5'", "number"]),
    "None for a number": ("units", replaced("units", 3, 3, by=None), ["[3]", "(4,)", "None"]),
    "a complex number": ("theta", replaced("theta", 3, 0, by=1j), ["[3][0]", "1j"]),
    "a Value": ("theta", replaced("theta", 3, 0, by=Value(1.0)), ["[3][0]", "Value"]),
}


@pytest.mark.parametrize(("layout", "parameters", "words"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused_with_the_place_and_both_shapes_and_changes_nothing(layout, parameters, words):
    model = MLP(2, [3, 1], seed=0)
    model([1.0, 1.0]).backward()
    before = bits(model), export_gradients(model, "theta")
    with pytest.raises((ValueError, TypeError)) as caught:
        import_parameters(model, parameters, layout)
    message = str(caught.value)
    assert all(word in message for word in [repr(layout), "parameters", *words]), message
    assert (bits(model), export_gradients(model, "theta")) == before


def test_a_bias_for_a_layer_that_has_none_is_refused():
    model = numbered([False, True])
    with pytest.raises(ValueError, match=r"parameters\[2\] needs None \(no bias\), but has the shape \(3,\)"):
        import_parameters(model, BY_HAND["theta"], "theta")


def test_two_numbers_for_one_shared_parameter_are_refused():
    model = numbered()
    model.layers[0].neurons[1].w[0] = model.layers[0].neurons[0].w[0]
    with pytest.raises(ValueError, match=r"another place too, with the number 11, but here is 21"):
        import_parameters(model, BY_HAND["theta"], "theta")
    parameters = replaced("theta", 0, 1, by=[11, 22])
    import_parameters(model, parameters, "theta")
    assert export_parameters(model, "theta") == parameters


@pytest.mark.parametrize("function", [parameters_in_layout, export_parameters, export_gradients])
def test_unknown_layouts_and_other_things_than_networks_are_refused(function):
    with pytest.raises(ValueError, match="no layout is called 'rows'; there are transposed, bias_row, matrices, units, theta"):
        function(MLP(1, [1]), "rows")
    with pytest.raises(TypeError, match=r"of an MLP, but got .* of type Layer"):
        function(Layer(1, 1), "theta")


def test_numbers_that_are_not_finite_come_back_too():
    model = MLP(1, [1])
    import_parameters(model, [[math.inf, math.nan]], "units")
    assert repr(export_parameters(model, "units")) == "[[inf, nan]]"
