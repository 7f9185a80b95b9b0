"""Note 1, the matrices: the same without indices, where two products must be taken entry by entry."""

from functools import partial

import numpy as np

import nn
from nn.matrix import MatrixMLP
from tests.derivations.networks import (
    ACTIVATIONS,
    DERIVATIVES,
    complex_step,
    forward,
    model,
    network,
    softmax,
    with_bias,
    with_weights,
)
from tests.derivations.note1 import (
    E_OF,
    ERRORS,
    SQUARE,
    B,
    G,
    L,
    N,
    batch,
    d,
    data,
    dE_dA_by_hand,
    dE_dW_by_hand,
    every,
    graph,
    layers,
    onwards,
    slopes,
)
from tests.derivations.registry import Fails, Holds, definition, false, verified

definition("S1.12", r"X = Z^0", "the base of the forward pass", used_in=("S1.i4", "S1.16"))
definition("S1.13", r"Y = Z^L = f^{L-1}(A^{L-1})", "its end", used_in=("S1.i4", "S1.15"))
definition(
    "S1.14", r"E(Y) = E(Z^L) = E(f^{L-1}(A^{L-1}))", "the error, as a function of the last pre-activations", used_in="S1.15"
)


@false(
    "S1.15",
    r"\frac{\partial E}{\partial A^{L-1}} = \frac{\partial E}{\partial Y} \circ \partial_A f^{L-1}(A^{L-1})",
    "the backward pass begins, entry by entry",
    printed="a matrix product of two arrays that are both N rows high",
)
def output_gradient():
    for b in (B, SQUARE):  # in the second N = K^L: the product exists, and is wrong
        g = graph(b)
        for E in ERRORS.values():
            dE_dY, slope = d(E(g.Z[L], b.T), g.Z[L]), slopes(g.Z[L])
            right = dE_dA_by_hand(b, E, L - 1)
            yield Holds(dE_dY * slope, right)
            yield Fails(partial(np.matmul, dE_dY, slope), right)


@verified(
    "S1.16",
    r"\frac{\partial E}{\partial W^l} = (Z^l)^T \frac{\partial E}{\partial A^l}",
    "for every l from 0 to L-1, the last included, which the heading leaves out; row 0 of the first is the bias",
)
def weights_gradient():
    for E, e, l in every(L - 1):
        computed = data(G.Z[l]).T @ d(e, G.A[l])
        yield Holds(computed, dE_dW_by_hand(B, E, l))
        yield Holds(slope_of_a_step(E, l, computed), -(computed**2).sum())  # S1.19 goes down, as steeply as can be
    yield from bias_feature()
    twin = MatrixMLP.from_model(G.mlp).gradients(B.X, B.T, loss="half_sum_of_squares", reduction="sum")
    for l in range(L):
        yield Holds(data(G.Z[l]).T @ d(E_OF["half the squares"], G.A[l]), twin.weights[l].T)


def slope_of_a_step(E, l, dE_dW):
    """The derivative of E in eta, at 0, when W^l becomes W^l - eta dE/dW^l."""
    Z, _ = layers(B)
    return complex_step(lambda eta: E(onwards(B, l, Z[l] @ (B.W[l] - eta * dE_dW)), B.T), 0.0)


def bias_feature():
    """The network whose first layer has a bias, on the inputs without feature 0: its gradients are those of W^0."""
    mlp = nn.MLP(B.X.shape[1] - 1, [W.shape[1] for W in B.W], B.f[:-1], B.f[-1], bias=[True, False, False], seed=0)
    nn.import_parameters(mlp, B.W, "bias_row")
    E = ERRORS["half the squares"]
    E(np.array([mlp(x) for x in B.X[:, 1:]]), B.T).backward()
    [w0, *_] = nn.export_gradients(mlp, "bias_row")
    yield Holds(w0, dE_dW_by_hand(B, E, 0))
    yield Holds([neuron.b.grad for neuron in mlp.layers[0].neurons], dE_dW_by_hand(B, E, 0)[0])


def printed_recursion(dE_dA, slope, W):
    return dE_dA @ (slope @ W).T


@false(
    "S1.17",
    r"\frac{\partial E}{\partial A^l} = \Big(\frac{\partial E}{\partial A^{l+1}} (W^{l+1})^T\Big) \circ \partial_A f^l(A^l)",
    "the recursion, for l from 0 to L-2",
    printed=r"$\frac{\partial E}{\partial A^{l+1}}(\partial_A f^l(A^l) W^{l+1})^T$, a row for each example and a column for each example",
)
def recursion():
    for E, e, l in every(L - 2):
        dE_dA, slope, right = d(e, G.A[l + 1]), slopes(G.Z[l + 1]), dE_dA_by_hand(B, E, l)
        yield Holds((dE_dA @ B.W[l + 1].T) * slope, right)
        yield Fails(partial(printed_recursion, dE_dA, slope, B.W[l + 1]), right)
        by_rows = [dE_dA[s] @ (np.diag(slope[s]) @ B.W[l + 1]).T for s in range(N)]  # read so, the print is right
        yield Holds(by_rows, right)
    yield from recursion_where_shapes_agree()
    yield from recursion_of_one_sample()
    yield from softmax_rows()
    yield from constant_units()


def recursion_where_shapes_agree():
    """N = K^1: as printed the shape is right, and the numbers are not."""
    g = graph(SQUARE)
    for E in ERRORS.values():
        dE_dA, slope = d(E(g.Z[L], SQUARE.T), g.A[1]), slopes(g.Z[1])
        right = dE_dA_by_hand(SQUARE, E, 0)
        yield Holds((dE_dA @ SQUARE.W[1].T) * slope, right)
        yield Fails(partial(printed_recursion, dE_dA, slope, SQUARE.W[1]), right)


def recursion_of_one_sample():
    """N = 1, and f' the diagonal matrix: as printed it holds."""
    b = batch(N=1, seed=3)
    g = graph(b)
    for E in ERRORS.values():
        for l in range(L - 1):
            dE_dA, slope = d(E(g.Z[L], b.T), g.A[l + 1]), np.diag(slopes(g.Z[l + 1])[0])
            yield Holds(printed_recursion(dE_dA, slope, b.W[l + 1]), dE_dA_by_hand(b, E, l))


def softmax_rows():
    """A function of whole rows: each row goes through its own Jacobian diag(y) - y y^T, in the place of S1.15."""
    b = batch(f=("tanh", "sigmoid", "softmax"))
    g = graph(b)
    y = softmax(layers(b)[1][L - 1])
    for E in ERRORS.values():
        dE_dY = d(E(g.Z[L], b.T), g.Z[L])
        right = dE_dA_by_hand(b, E, L - 1)
        yield Holds([dE_dY[s] @ (np.diag(y[s]) - np.outer(y[s], y[s])) for s in range(N)], right)
        yield Holds(d(E(g.Z[L], b.T), g.A[L - 1]), right)


def constant_units():
    """A bias in every layer without another equation: unit 0 of each hidden layer is the constant 1, with derivative 0."""
    net = network([3, 4, 2, 3], N, "tanh")
    mlp = model(net)
    W = [np.array(w) for w in nn.export_parameters(mlp, "bias_row")]  # 1+3 x 1+4, 1+4 x 1+2, 1+2 x 3
    ERRORS["half the squares"](np.array([mlp(x) for x in net.x]), net.y).backward()
    gradients = nn.export_gradients(mlp, "bias_row")
    Z, slope = [np.column_stack([np.ones(N), net.x])], []
    for w, f, dummies in zip(W, net.activations, (1, 1, 0), strict=True):
        A = Z[-1] @ w
        Z.append(ACTIVATIONS[f](A))
        slope.append(DERIVATIVES[f](A))
        Z[-1][:, :dummies], slope[-1][:, :dummies] = 1, 0
    dE_dA = (Z[-1] - net.y) * slope[-1]
    for l in reversed(range(3)):
        dE_dW = Z[l].T @ dE_dA
        yield Holds(dE_dW, gradients[l])
        yield Holds(
            dE_dW[1:, -net.widths[l + 1] :].T, complex_step(lambda w, l=l: half(with_weights(net, l + 1, w)), net.weights[l])
        )
        yield Holds(dE_dW[0, -net.widths[l + 1] :], complex_step(lambda b, l=l: half(with_bias(net, l + 1, b)), net.biases[l]))
        if l > 0:
            dE_dA = (dE_dA @ W[l].T) * slope[l - 1]
        if l < 2:
            yield Holds(dE_dW[:, 0], np.zeros(len(dE_dW)))  # of the dummies


def half(net):
    return ERRORS["half the squares"](forward(net, net.x)[1][-1], net.y)


@false(
    "S1.18",
    r"\frac{\partial E}{\partial A^l} = \Big(\frac{\partial E}{\partial A^{l+1}} (W^{l+1})^T\Big) \circ \partial_A f^l(Z^l W^l)",
    "the same, with the pre-activations inserted",
    printed="as S1.17",
)
def recursion_inserted():
    for E, e, l in every(L - 2):
        slope = DERIVATIVES[B.f[l]](data(G.Z[l]) @ B.W[l])
        dE_dA, right = d(e, G.A[l + 1]), dE_dA_by_hand(B, E, l)
        yield Holds((dE_dA @ B.W[l + 1].T) * slope, right)
        yield Fails(partial(printed_recursion, dE_dA, slope, B.W[l + 1]), right)


definition(
    "S1.19",
    r"W^l \leftarrow W^l - \eta \frac{\partial E}{\partial W^l}",
    "a step of gradient descent, of the whole batch",
    used_in="S1.16",
)
