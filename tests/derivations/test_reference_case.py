"""The reference case of the five notations to 12 digits: from scalars, from matrices, and from the loss alone."""

import numpy as np
import pytest

from nn import NOTATIONS, backward_quantities
from nn.matrix import MatrixMLP
from tests.derivations.five_losses import ENTROPY, OUTPUTS, OWN, SQUARES
from tests.derivations.networks import Network, complex_step, forward, model, onwards, with_bias, with_weights

# Widths 4-3-2, N = 5, sigmoid; indices from 1. 12 digits, computed once in NumPy by five backward passes in the five notations.

REFERENCE = {
    SQUARES: {
        "loss": "1.29344184351",
        "delta2": "0.136423901246, -0.128233239789",
        "delta1": "0.0132298801054, -0.00852928801357, -0.00995492831514",
        "G1": """0.016111274549, 0.00434788757674, -0.00880639849504, 0.0414496209889
                 -0.0130745475156, -0.00212344058426, 0.00593944083376, -0.0299811962956
                 -0.0126853521383, -0.00375710255831, 0.00505900516261, -0.0312017144286""",
        "g1": "0.0154727076473, -0.00883314250786, -0.012741916995",
        "G2": """0.101299601575, 0.070252106476, 0.0821805915999
                 -0.0713515488813, -0.0443881610775, -0.0551950508813""",
        "g2": "0.188318866255, -0.132325815332",
    },
    ENTROPY: {
        "loss": "3.64636227908",
        "delta2": "0.56467954098, -0.56467954098",
        "delta1": "0.0564552507139, -0.0375590170562, -0.042046447667",
        "G1": """0.0686364111906, 0.0216754948961, -0.0311543224597, 0.171522723942
                 -0.058792371117, -0.0142456604695, 0.0176352719133, -0.125440663911
                 -0.0531333938711, -0.0172013961502, 0.0176704395419, -0.128601581483""",
        "g1": "0.0765036280677, -0.0544984996933, -0.0592958631119",
        "G2": """0.426945795104, 0.296179817752, 0.348056592221
                 -0.426945795104, -0.296179817752, -0.348056592221""",
        "g2": "0.791815390166, -0.791815390166",
    },
}


def reference(loss):
    """The network of the reference case, from its formulas."""

    def w(layer, rows, columns):
        return np.array(
            [[((3 * i + 5 * j + 2 * layer) % 7 - 3) / 10 for j in range(1, columns + 1)] for i in range(1, rows + 1)]
        )

    def b(layer, rows):
        return np.array([((2 * i + layer) % 5 - 2) / 10 for i in range(1, rows + 1)])

    x = np.array([[((2 * n + 3 * j) % 5 - 2) / 2 + n / 10 for j in range(1, 5)] for n in range(1, 6)])
    y = np.eye(2)[[1, 0, 1, 0, 1]]  # classes 2, 1, 2, 1, 2
    return Network([w(1, 3, 4), w(2, 2, 3)], [b(1, 3), b(2, 2)], ["sigmoid", OUTPUTS[loss]], x, y)


def from_values(loss):
    """Everything from the graph: deltas in note 2's notation, gradients in note 3's."""
    net = reference(loss)
    mlp, xs, ys = model(net), net.x.tolist(), net.y.tolist()
    deltas = backward_quantities(mlp, xs, ys, loss)["composed_functions"]
    units = NOTATIONS["delta_rule"].gradients(mlp, xs, ys, loss)
    g1, g2 = np.array(units[:3]), np.array(units[3:])
    total = NOTATIONS["delta_rule"].objective([mlp(x) for x in xs], ys, loss).data
    return total, deltas[1][0], deltas[0][0], g1[:, 1:], g1[:, 0], g2[:, 1:], g2[:, 0]


def from_the_twin(loss):
    net = reference(loss)
    found = MatrixMLP(net.weights, net.biases, net.activations).gradients(net.x, net.y, loss, "sum")
    return (
        found.loss,
        found.deltas[1][0],
        found.deltas[0][0],
        *(array for pair in zip(found.weights, found.biases, strict=True) for array in pair),
    )


def from_the_loss_alone(loss):
    """By complex step, from NumPy's forward pass."""
    net, own = reference(loss), OWN[loss, "batches"]
    z, h = forward(net, net.x)
    deltas = [complex_step(lambda z, k=k: own(onwards(net, k, z), net.y), z[k - 1])[0] for k in (2, 1)]
    gradients = []
    for k in (1, 2):
        gradients += [
            complex_step(lambda w, k=k: own(forward(with_weights(net, k, w), net.x)[1][-1], net.y), net.weights[k - 1]),
            complex_step(lambda b, k=k: own(forward(with_bias(net, k, b), net.x)[1][-1], net.y), net.biases[k - 1]),
        ]
    return own(h[-1], net.y), *deltas, *gradients


@pytest.mark.parametrize("compute", [from_values, from_the_twin, from_the_loss_alone])
@pytest.mark.parametrize("loss", REFERENCE)
def test_the_reference_case_to_12_digits(loss, compute):
    expected = REFERENCE[loss]
    count = 0
    for (name, text), found in zip(expected.items(), compute(loss), strict=True):
        digits = text.replace("\n", ",").replace(" ", "").split(",")
        assert [f"{number:.12g}" for number in np.ravel(found).tolist()] == digits, name
        count += len(digits)
    assert count == 29
