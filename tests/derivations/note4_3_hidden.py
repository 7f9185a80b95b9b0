"""Note 4, the hidden units: the sum over all paths, the transposed weights, the derivative of the activation."""

import numpy as np

from autograd import count_paths, grad, jacobian, paths
from nn.matrix import MatrixMLP
from tests.derivations.classifier import Example, d, data
from tests.derivations.networks import DERIVATIVES, complex_step, forward, model, network
from tests.derivations.registry import Fails, Holds, definition, false, fragment, restricted, verified

EXAMPLES = {g: Example(network([2, 4, 5, 3], examples=7, activation=g, output="softmax", seed=4), 1) for g in DERIVATIVES}
SQUARES = Example(network([2, 4, 5, 3], examples=7, activation="tanh", output="linear", seed=4), 1, "squares")
MANY_CLASSES = Example(network([2, 3, 4, 6], examples=7, activation="tanh", output="softmax", seed=4), 1)
TWO_CLASSES = Example(network([5, 4, 3, 2], examples=7, activation="tanh", output="softmax", seed=4), 1)  # k = 2, n = 3
ALL = [*EXAMPLES.values(), SQUARES, MANY_CLASSES, TWO_CLASSES]


def each_hidden_layer(examples=ALL):
    """Every example with every hidden layer i, not only with L-1, where the number of neurons above is that of the classes."""
    return [(E, i) for E in examples for i in range(1, E.L)]


# --- one hidden unit --------------------------------------------------------------------------------------------------

definition("S4.46", r"a_{i+1} = W_{i+1} h_i + b_{i+1}", "the layer above", used_in=("S4.48", "S4.51"))
definition("S4.47", r"z = h_{ij}", "neuron j of layer i, renamed", used_in="S4.49")


@false(
    "S4.48",
    r"q_m(z) = a_{i+1,m}",
    "the intermediate quantities through which z acts on the loss",
    printed=r"$\nabla_m(z) = a_{Lm}$: $q$ read as the sign of the gradient, $i + 1$ as $L$",
)
def intermediate_quantities():
    for E, i in each_hidden_layer():
        W, b, h = E.net.weights[i], E.net.biases[i], forward(E.net, E.x)[1][i]
        yield Holds(data(E.a[i + 1]), W @ h + b)
        yield Holds(jacobian(E.a[i + 1], E.h[i]), complex_step(lambda h, W=W, b=b: W @ h + b, h))
    E = EXAMPLES["tanh"]
    yield Fails(lambda: grad(E.loss, E.a[E.L]), data(E.a[E.L]))
    yield Fails(lambda: data(E.a[E.L]), data(E.a[2]))


@restricted(
    "S4.49",
    r"\frac{\partial p}{\partial z} = \sum_m \frac{\partial p}{\partial q_m} \frac{\partial q_m}{\partial z}",
    "the sum over all paths",
    printed=r"$\nabla_m$, which must be read as $q_m$",
)
def sum_over_paths():
    for E, i in each_hidden_layer():
        p = E.loss
        for above in range(i + 1, E.L + 1):  # every layer above will do
            yield Holds([sum(d(p, q) * d(q, z) for q in E.a[above]) for z in E.h[i]], E.d_h(i))
    p = SQUARES.loss
    for i, number in {1: 5 * 3, 2: 3}.items():
        yield Holds([count_paths(p, z) for z in SQUARES.h[i]], [number] * len(SQUARES.h[i]))
        yield Holds([sum(path.product for path in paths(p, z)) for z in SQUARES.h[i]], SQUARES.d_h(i))
    yield Holds([[count_paths(p, w) for w in row] for row in SQUARES.W[1]], np.full((4, 2), 15))
    yield Holds([[sum(path.product for path in paths(p, w)) for w in row] for row in SQUARES.W[1]], SQUARES.d_W(1))
    E, z = SQUARES, SQUARES.h[1][0]
    nabla = grad(E.loss, E.a[2], create_graph=True)  # the symbol at its word: the loss is no function of its own gradient
    yield Fails(lambda: sum(d(E.loss, slope) * d(slope, z) for slope in nabla), E.d_h(1)[0])


def limited(summed):
    """Sums of n terms, with the printed n = k: right in layer L-1, below it there are more terms, or fewer."""
    for E in ALL:
        yield Holds(summed(E, E.L - 1, len(E.y_hat)), E.d_h(E.L - 1))
    for E in (EXAMPLES["tanh"], MANY_CLASSES):
        yield Fails(lambda E=E: summed(E, 1, len(E.y_hat)), E.d_h(1))


def by_the_weights(E, i, n):
    """For each neuron j of layer i the sum of dL/da_(i+1,m) w_(i+1,m,j) over the first n neurons m above."""
    return [sum(d(E.loss, E.a[i + 1][m]) * E.W[i + 1][m][j].data for m in range(n)) for j in range(len(E.h[i]))]


@restricted(
    "S4.50",
    r"\frac{\partial L}{\partial h_{ij}}"
    r" = \sum_{m=1}^{n_{i+1}} \frac{\partial L}{\partial a_{i+1,m}} \frac{\partial a_{i+1,m}}{\partial h_{ij}}",
    "applied: as many terms as layer i+1 has neurons",
    printed=r"$\sum_{m=1}^k$, with the number of classes: right for $i = L - 1$ only",
)
def applied():
    def summed(E, i, n):
        return [sum(d(E.loss, E.a[i + 1][m]) * d(E.a[i + 1][m], h) for m in range(n)) for h in E.h[i]]

    for E, i in each_hidden_layer():
        yield Holds(summed(E, i, len(E.a[i + 1])), E.d_h(i))
    yield from limited(summed)


@restricted(
    "S4.51",
    r"\frac{\partial L}{\partial h_{ij}} = \sum_{m=1}^{n_{i+1}} \frac{\partial L}{\partial a_{i+1,m}} w_{i+1,m,j}",
    "the weight inserted",
    printed=r"$\sum_{m=1}^k$: right for $i = L - 1$ only",
)
def weight_inserted():
    for E, i in each_hidden_layer():
        yield Holds(by_the_weights(E, i, len(E.a[i + 1])), E.d_h(i))
        yield Holds(jacobian(E.a[i + 1], E.h[i]), data(E.W[i + 1]))
    yield from limited(by_the_weights)


# --- an example: k = 2 classes, n = 3 neurons below ---------------------------------------------------------------------

EXAMPLE = (
    r"\begin{bmatrix} a_{31} \cr a_{32} \end{bmatrix}"
    r" = \begin{bmatrix} w_{311} & w_{312} & w_{313} \cr w_{321} & w_{322} & w_{323} \end{bmatrix}"
    r" \begin{bmatrix} h_{21} \cr h_{22} \cr h_{23} \end{bmatrix} + \begin{bmatrix} b_{31} \cr b_{32} \end{bmatrix}"
)
definition("S4.52", EXAMPLE, "an example with k = 2, n = 3", used_in="S4.55")
definition("S4.53", EXAMPLE, "the same with its shapes", used_in="S4.55")
definition("S4.54", r"a_{31} = w_{311} h_{21} + w_{312} h_{22} + w_{313} h_{23} + b_{31}", "its first row", used_in="S4.55")


@verified("S4.55", r"\frac{\partial a_{31}}{\partial h_{22}} = 0 + w_{312} + 0 + 0 = w_{312}", "its derivative is the weight")
def derivative_is_the_weight():
    E = TWO_CLASSES
    (w_311, w_312, w_313), _ = E.W[3]
    (h_21, h_22, h_23), b_31, (a_31, a_32) = E.h[2], E.b[3][0], E.a[3]
    yield Holds(np.shape(E.W[3]), (2, 3))
    yield Holds(data(E.W[3]) @ data(E.h[2]) + data(E.b[3]), forward(E.net, E.x)[0][2])
    row = w_311 * h_21 + w_312 * h_22 + w_313 * h_23 + b_31
    yield Holds(row.data, a_31.data)
    yield Holds([d(term, h_22) for term in (w_311 * h_21, w_312 * h_22, w_313 * h_23, b_31)], [0, w_312.data, 0, 0])
    yield Holds([d(row, h_22), d(a_31, h_22)], [w_312.data] * 2)
    yield Holds(d(a_32, h_22), E.net.weights[2][1, 1])


# --- all hidden units of a layer --------------------------------------------------------------------------------------

definition(
    "S4.i7",
    r"\nabla_{a_{i+1}} L = \Big[ \frac{\partial L}{\partial a_{i+1,m}} \Big]_ m,\quad w_{i+1,\cdot,j} = [w_{i+1,m,j}]_ m",
    "the gradient above, and column j of the weights: an entry for each neuron of layer i+1",
    used_in=("S4.56", "S4.57"),
    printed="$k$ entries each",
)


def by_columns(E, i):
    """The gradient above times each column of the weights above."""
    return [np.dot([row[j].data for row in E.W[i + 1]], grad(E.loss, E.a[i + 1])) for j in range(len(E.h[i]))]


@restricted(
    "S4.56",
    r"(w_{i+1,\cdot,j})^\mathsf{T} \nabla_{a_{i+1}} L"
    r" = \sum_{m=1}^{n_{i+1}} \frac{\partial L}{\partial a_{i+1,m}} w_{i+1,m,j}",
    "the sum is a product of vectors",
    printed=r"$\sum_{m=1}^k$: right for $i = L - 1$ only",
)
def product_of_vectors():
    for E, i in each_hidden_layer():
        yield Holds(by_the_weights(E, i, len(E.a[i + 1])), by_columns(E, i))
        yield Holds(by_columns(E, i), E.d_h(i))
    yield from limited(by_the_weights)


@verified(
    "S4.57",
    r"\frac{\partial L}{\partial h_{ij}} = (w_{i+1,\cdot,j})^\mathsf{T} \nabla_{a_{i+1}} L",
    "one hidden unit",
)
def one_hidden_unit():
    for E, i in each_hidden_layer():
        yield Holds(by_columns(E, i), E.d_h(i))
        yield Holds([d(E.loss, h) for h in E.h[i]], E.d_h(i))


fragment("S4.58", r"\frac{\partial L}{\partial h_{i1}},\ (w_{i+1,\cdot,1})^\mathsf{T} \nabla_{a_{i+1}} L", "first row of S4.59")


@false(
    "S4.59",
    r"\nabla_{h_i} L = \begin{bmatrix} \frac{\partial L}{\partial h_{i1}} \cr \vdots \cr \frac{\partial L}{\partial h_{in}} \end{bmatrix}"
    r" = \begin{bmatrix} (w_{i+1,\cdot,1})^\mathsf{T} \nabla_{a_{i+1}} L \cr \vdots \cr"
    r" (w_{i+1,\cdot,n})^\mathsf{T} \nabla_{a_{i+1}} L \end{bmatrix}",
    "all of a layer",
    printed=r"$\partial h_{i1} / \partial \theta$ for the first entry, which is an array as long as $\theta$ and no entry",
)
def all_of_a_layer():
    for E, i in each_hidden_layer():
        yield Holds(by_columns(E, i), E.d_h(i))
        yield Holds(grad(E.loss, E.h[i]), E.d_h(i))
    E = EXAMPLES["tanh"]
    yield Fails(lambda: np.array([grad(E.h[1][0], E.theta), *grad(E.loss, E.h[1][1:])]), E.d_h(1))


@verified("S4.i8", r"\nabla_{h_i} L = (W_{i+1})^\mathsf{T} \nabla_{a_{i+1}} L", "as matrices")
def transposed_weights():
    for E, i in each_hidden_layer():
        yield Holds(data(E.W[i + 1]).T @ grad(E.loss, E.a[i + 1]), E.d_h(i))
        yield Holds(E.net.weights[i].T @ E.d_a(i + 1), grad(E.loss, E.h[i]))


# --- through the activation -------------------------------------------------------------------------------------------


@verified(
    "S4.60",
    r"\frac{\partial L}{\partial a_{ij}} = \frac{\partial L}{\partial h_{ij}} \frac{\partial h_{ij}}{\partial a_{ij}}"
    r" = \frac{\partial L}{\partial h_{ij}} g'(a_{ij})",
    "through g, for logistic, tanh and linear",
)
def through_g():
    for E, i in each_hidden_layer():
        true = E.d_a(i)
        yield Holds([d(E.loss, h) * d(h, a) for h, a in zip(E.h[i], E.a[i], strict=True)], true)
        yield Holds([d(E.loss, h) * slope for h, slope in zip(E.h[i], E.slopes(i), strict=True)], true)


@verified(
    "S4.61",
    r"\nabla_{a_i} L = \begin{bmatrix} \frac{\partial L}{\partial h_{i1}} g'(a_{i1}) \cr \vdots \cr"
    r" \frac{\partial L}{\partial h_{in}} g'(a_{in}) \end{bmatrix} = \nabla_{h_i} L \odot g'(a_i)",
    "entry by entry",
)
def entry_by_entry():
    for E, i in each_hidden_layer():
        yield Holds(grad(E.loss, E.h[i]) * E.slopes(i), E.d_a(i))
        yield Holds(grad(E.loss, E.a[i]), E.d_a(i))
        yield Holds(jacobian(E.h[i], E.a[i]), np.diag(E.slopes(i)))
        yield Holds(np.array(jacobian(E.h[i], E.a[i])) != 0, np.eye(len(E.h[i])))  # exact zeros between neurons
    E = EXAMPLES["tanh"]
    twin = MatrixMLP.from_model(model(E.net)).gradients([E.x], [E.l], "cross_entropy")
    for i in (1, 2, 3):
        yield Holds(twin.deltas[i - 1], [E.d_a(i)])
