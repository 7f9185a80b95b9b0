"""Note 2, one layer back, and the derivatives with respect to the parameters of a layer."""

import numpy as np

from autograd import grad
from nn.matrix import MatrixMLP
from tests.derivations.networks import complex_step, forward
from tests.derivations.note2 import EQUAL, NET, composed, dC_db, dC_dW, dC_dz
from tests.derivations.registry import Fails, Holds, definition, false, restricted, verified

# --- one layer back --------------------------------------------------------------------------------------------------


@verified(
    "S2.21",
    r"\frac{\partial C}{\partial z^l} = \frac{\partial C}{\partial z^{l+1}} \frac{\partial z^{l+1}}{\partial a^l}"
    r" \frac{\partial a^l}{\partial z^l}",
    "one layer back",
)
def one_layer_back():
    for k in (1, 2):
        yield Holds(composed().chain(f"C z{k + 1} a{k} z{k}"), dC_dz(NET, k))
        yield Holds(composed().grad(f"z{k}"), dC_dz(NET, k))


definition(
    "S2.22",
    r"\frac{\partial z^{l+1}}{\partial a^l} = \frac{\partial [W^{l+1} a^l + b^{l+1}]}{\partial a^l}",
    "insert the pre-activation",
    used_in="S2.23",
)


@verified("S2.23", r"\frac{\partial z^{l+1}}{\partial a^l} = W^{l+1}", "the Jacobian of a layer is its weights")
def jacobian_of_a_layer():
    for k in (1, 2):
        w, b, a = NET.weights[k], NET.biases[k], forward(NET, NET.x[0])[1][k]
        yield Holds(composed().d(f"z{k + 1}", f"a{k}"), w)
        yield Holds(composed().d(f"z{k + 1}", f"a{k}"), complex_step(lambda a, w=w, b=b: w @ a + b, a))


@false(
    "S2.24",
    r"\frac{\partial C}{\partial z^l} = \left([W^{l+1}]^T \frac{\partial C}{\partial z^{l+1}}\right) \circ \sigma'(z^l)",
    "the recursion, in columns",
    printed=r"$\sigma'(z^L)$, of the output layer",
)
def recursion():
    def slopes(net, k):
        return np.diag(net.d(f"a{k}", f"z{k}"))

    net = composed()
    for k in (1, 2):
        w, back = NET.weights[k], net.grad(f"z{k + 1}")
        right = (w.T @ back) * slopes(net, k)
        yield Holds(right, dC_dz(NET, k))
        yield Holds(
            right, MatrixMLP.from_model(net.mlp).gradients(NET.x[:1], NET.y[:1], "half_sum_of_squares").deltas[k - 1][0]
        )
        yield Fails(lambda w=w, back=back: (w.T @ back) * slopes(net, 3), dC_dz(NET, k))
    equal = composed("EQUAL")
    for k in (1, 2):
        w, back = EQUAL.weights[k], equal.grad(f"z{k + 1}")
        yield Fails(lambda w=w, back=back: (w.T @ back) * slopes(equal, 3), dC_dz(EQUAL, k))
    # Nor may the entrywise product be taken first: for l = L - 1 that has the right shape and the wrong numbers.
    yield Fails(lambda: NET.weights[2].T @ (net.grad("z3") * slopes(net, 3)), dC_dz(NET, 2))


# --- the parameters of a layer ---------------------------------------------------------------------------------------

definition(
    "S2.25",
    r"\frac{\partial z^l}{\partial W^l} = \frac{\partial [W^l a^{l-1} + b^l]}{\partial W^l}",
    "insert the pre-activation",
    used_in="S2.26",
)


@restricted(
    "S2.26",
    r"\frac{\partial z^l_i}{\partial W^l_{jk}} = \delta_{ij} a^{l-1}_ k",
    "a weight acts on its own neuron only",
    printed=r"$\partial z^l/\partial W^l = a^{l-1}$, which holds for one neuron and its row of weights",
)
def pre_activations_in_the_weights():
    net = composed()
    for k in (1, 2, 3):
        w, b, a = NET.weights[k - 1], NET.biases[k - 1], net.data(f"a{k - 1}")
        local = net.d(f"z{k}", f"W{k}")
        yield Holds(local, complex_step(lambda w, b=b, a=a: w @ a + b, w))
        expected = np.einsum("ij,k->ijk", np.eye(len(w)), a)
        yield Holds(local[expected == 0], expected[expected == 0])  # exact zeros: another neuron's weights
        yield Holds(local, expected)
        neuron, z = net.nodes[f"W{k}"][-1], net.nodes[f"z{k}"][-1]
        yield Holds(grad(z, neuron), a)  # the restriction
        yield Fails(lambda a=a: a, local)
        yield Holds(np.outer(net.grad(f"z{k}"), a), dC_dW(NET, k))  # what it is used for


definition(
    "S2.27",
    r"\frac{\partial z^l}{\partial b^l} = \frac{\partial [W^l a^{l-1} + b^l]}{\partial b^l}",
    "insert the pre-activation",
    used_in="S2.28",
)


@restricted(
    "S2.28",
    r"\frac{\partial z^l}{\partial b^l} = I",
    "a bias acts on its own neuron only",
    printed="1, which holds for one neuron",
)
def pre_activations_in_the_bias():
    net = composed()
    for k in (1, 2, 3):
        w, b, a = NET.weights[k - 1], NET.biases[k - 1], net.data(f"a{k - 1}")
        local = net.d(f"z{k}", f"b{k}")
        yield Holds(local, np.eye(len(b)))
        yield Holds(local, complex_step(lambda b, w=w, a=a: w @ a + b, b))
        yield Holds(grad(net.nodes[f"z{k}"][-1], [net.nodes[f"b{k}"][-1]]), [1])  # the restriction
        yield Fails(lambda: 1, local)
        yield Fails(lambda b=b: np.ones((len(b), len(b))), local)  # nor a matrix of ones
        yield Holds(net.grad(f"z{k}"), dC_db(NET, k))  # what it is used for
