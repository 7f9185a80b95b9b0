"""Note 4, the parameters: the gradient of the weights as an outer product, and of the bias."""

import numpy as np

from autograd import grad, jacobian
from nn.matrix import MatrixMLP
from tests.derivations.classifier import Example, d, data
from tests.derivations.networks import complex_step, forward, model, network
from tests.derivations.registry import Fails, Holds, definition, false, fragment, restricted, verified

UNEQUAL = Example(network([2, 4, 5, 3], examples=7, activation="tanh", output="softmax", seed=4), 1)
SQUARES = Example(network([5, 4, 3, 2], examples=7, activation="sigmoid", output="linear", seed=4), 1, "squares")
THREES = network([3, 3, 3, 3], examples=7, activation="sigmoid", output="softmax", seed=4)
EQUAL = Example(THREES, 1)
NO_BIAS = Example(THREES._replace(biases=[np.zeros(3)] * 3), 1)
LAYERS = [(E, k) for E in (UNEQUAL, SQUARES, EQUAL) for k in (1, 2, 3)]  # every layer k, not only 2


def for_each_weight(E, k, formula):
    """A formula in the receiving neuron i and the sending neuron j: row i, column j."""
    return [[formula(i, j) for j in range(len(E.h[k - 1]))] for i in range(len(E.a[k]))]


fragment("S4.62", r"\nabla_{W_k} L", "what is wanted")
fragment("S4.63", r"\frac{\partial L}{\partial W_{kij}}", "one entry of it")
definition("S4.64", r"a_k = b_k + W_k h_{k-1}", "the layer again", used_in=("S4.65", "S4.79"))


@verified(
    "S4.65",
    r"\frac{\partial L}{\partial W_{kij}} = \frac{\partial L}{\partial a_{ki}} \frac{\partial a_{ki}}{\partial W_{kij}}",
    "a weight acts through the neuron that receives it",
)
def weight_through_its_neuron():
    for E, k in LAYERS:
        chain = for_each_weight(E, k, lambda i, j, E=E, k=k: d(E.loss, E.a[k][i]) * d(E.a[k][i], E.W[k][i][j]))
        yield Holds(chain, E.d_W(k))
        w_k12, others = E.W[k][0][1], [a for i, a in enumerate(E.a[k]) if i != 0]
        yield Holds([d(a, w_k12) for a in others], np.zeros(len(others)))  # and through no other: exact zeros


# --- an example without bias, width 3 ---------------------------------------------------------------------------------

H1 = data(NO_BIAS.h[1])
PRE_ACTIVATIONS = forward(NO_BIAS.net, NO_BIAS.x)[0]


def below(k):
    return data(NO_BIAS.h[k - 1])


@restricted(
    "S4.66",
    r"a_k = \begin{bmatrix} W_{k11} & W_{k12} & W_{k13} \cr W_{k21} & W_{k22} & W_{k23} \cr W_{k31} & W_{k32} & W_{k33} \end{bmatrix}"
    r" \begin{bmatrix} h_{k-1,1} \cr h_{k-1,2} \cr h_{k-1,3} \end{bmatrix}",
    "written out for width 3, without bias",
    printed=r"$h_{11}, h_{12}, h_{13}$: right for $k = 2$ only",
)
def layer_written_out():
    for k in (1, 2, 3):
        yield Holds(data(NO_BIAS.W[k]) @ below(k), PRE_ACTIVATIONS[k - 1])
    yield Holds(data(NO_BIAS.W[2]) @ H1, PRE_ACTIVATIONS[1])
    for k in (1, 3):
        yield Fails(lambda k=k: data(NO_BIAS.W[k]) @ H1, PRE_ACTIVATIONS[k - 1])
    yield Fails(lambda: np.dot(data(UNEQUAL.W[3]), data(UNEQUAL.h[1])), data(UNEQUAL.a[3]))


@restricted(
    "S4.67",
    r"a_{k2} = W_{k21} h_{k-1,1} + W_{k22} h_{k-1,2} + W_{k23} h_{k-1,3}",
    "its second row",
    printed=r"$h_{11}, h_{12}, h_{13}$: right for $k = 2$ only",
)
def second_row():
    def row(k, h):
        _, (w_k21, w_k22, w_k23), _ = data(NO_BIAS.W[k])
        return w_k21 * h[0] + w_k22 * h[1] + w_k23 * h[2]

    for k in (1, 2, 3):
        yield Holds(row(k, below(k)), PRE_ACTIVATIONS[k - 1][1])
    yield Holds(row(2, H1), PRE_ACTIVATIONS[1][1])
    for k in (1, 3):
        yield Fails(lambda k=k: row(k, H1), PRE_ACTIVATIONS[k - 1][1])


@restricted(
    "S4.68",
    r"\frac{\partial a_{k2}}{\partial W_{k22}} = h_{k-1,2}",
    "its derivative is what the weight multiplies",
    printed=r"$h_{12}$, with $(k)$ in the margin: right for $k = 2$ only",
)
def derivative_is_the_activation_below():
    for k in (1, 2, 3):
        h = forward(NO_BIAS.net, NO_BIAS.x)[1][k - 1]
        true = complex_step(lambda w, k=k, h=h: NO_BIAS.net.weights[k - 1][1] @ h + w * h[1], 0.0)
        yield Holds(d(NO_BIAS.a[k][1], NO_BIAS.W[k][1][1]), true)
        yield Holds(below(k)[1], true)
    yield Holds(H1[1], d(NO_BIAS.a[2][1], NO_BIAS.W[2][1][1]))
    for k in (1, 3):
        yield Fails(lambda: H1[1], d(NO_BIAS.a[k][1], NO_BIAS.W[k][1][1]))


# --- all weights of a layer -------------------------------------------------------------------------------------------


@verified("S4.69", r"\frac{\partial L}{\partial W_{kij}} = \frac{\partial L}{\partial a_{ki}} h_{k-1,j}", "one weight")
def one_weight():
    for E, k in LAYERS:
        result = for_each_weight(E, k, lambda i, j, E=E, k=k: d(E.loss, E.a[k][i]) * E.h[k - 1][j].data)
        yield Holds(result, E.d_W(k))
        yield Holds([grad(E.loss, row) for row in E.W[k]], result)


fragment("S4.70", r"\partial w_{kij}", "a stray denominator of S4.69")
fragment("S4.71", r"\partial a_{ki}", "another")


@false(
    "S4.72",
    r"\nabla_{W_k} L = \Big[ \frac{\partial L}{\partial w_{kij}} \Big]_ {ij}",
    "the layout: as the weights",
    printed=r"$\frac{\partial L}{w_{knn}}$ for the last entry, over the weight and not over its change",
)
def layout():
    for E, k in LAYERS:
        yield Holds(for_each_weight(E, k, lambda i, j, E=E, k=k: d(E.loss, E.W[k][i][j])), E.d_W(k))

    def printed(dw=1e-6):
        result = np.array([grad(EQUAL.loss, row) for row in EQUAL.W[3]])
        result[2, 2] = result[2, 2] * dw / EQUAL.W[3][2][2].data  # the change of L over w
        return result

    yield Fails(printed, EQUAL.d_W(3))


definition(
    "S4.73",
    r"\nabla_{W_k} L = \begin{bmatrix} \frac{\partial L}{\partial w_{k11}} & \frac{\partial L}{\partial w_{k12}}"
    r" & \frac{\partial L}{\partial w_{k13}} \cr \frac{\partial L}{\partial w_{k21}} & \frac{\partial L}{\partial w_{k22}}"
    r" & \frac{\partial L}{\partial w_{k23}} \cr \frac{\partial L}{\partial w_{k31}} & \frac{\partial L}{\partial w_{k32}}"
    r" & \frac{\partial L}{\partial w_{k33}} \end{bmatrix}",
    "the layout for width 3",
    used_in=("S4.72", "S4.75"),
)


@verified(
    "S4.74",
    r"\frac{\partial L}{\partial w_{kij}} = \frac{\partial L}{\partial a_{ki}} \frac{\partial a_{ki}}{\partial w_{kij}}",
    "S4.65 again",
)
def weight_through_its_neuron_by_accumulation():
    for E, k in LAYERS:
        for parameter in E.theta:
            parameter.grad = 0.0
        E.loss.backward()
        chain = for_each_weight(E, k, lambda i, j, E=E, k=k: E.a[k][i].grad * d(E.a[k][i], E.W[k][i][j]))
        yield Holds(chain, E.d_W(k))
        yield Holds([[w.grad for w in row] for row in E.W[k]], chain)


FILLED_IN = [[rf"\frac{{\partial L}}{{\partial a_{{k{i}}}}} h_{{k-1,{j}}}" for j in (1, 2, 3)] for i in (1, 2, 3)]


@restricted(
    "S4.75",
    r"\nabla_{W_k} L = \begin{bmatrix} " + r" \cr ".join(" & ".join(row) for row in FILLED_IN) + r" \end{bmatrix}",
    "filled in for width 3",
    printed="two rows and dots; the third row stands apart, as S4.76",
)
def filled_in():
    def rows(k, n):
        return [[d(EQUAL.loss, EQUAL.a[k][i]) * h.data for h in EQUAL.h[k - 1]] for i in range(n)]

    for k in (1, 2, 3):
        yield Holds(rows(k, 3), EQUAL.d_W(k))
        yield Holds([*rows(k, 2), rows(k, 3)[2]], EQUAL.d_W(k))  # with the row that stands apart
    yield Fails(lambda: rows(2, 2), EQUAL.d_W(2))


@restricted(
    "S4.76",
    r"\begin{bmatrix} " + " & ".join(FILLED_IN[2]) + r" \end{bmatrix}",
    "the third row of S4.75",
    printed="the row by itself, as if it were the whole",
)
def third_row():
    def row(k):
        return [d(EQUAL.loss, EQUAL.a[k][2]) * h.data for h in EQUAL.h[k - 1]]

    for k in (1, 2, 3):
        yield Holds(row(k), EQUAL.d_W(k)[2])
    yield Fails(lambda: [row(2)], EQUAL.d_W(2))


@verified(
    "S4.77",
    r"\nabla_{W_k} L = \begin{bmatrix} \frac{\partial L}{\partial a_{k1}} \cr \frac{\partial L}{\partial a_{k2}} \cr"
    r" \frac{\partial L}{\partial a_{k3}} \end{bmatrix} \begin{bmatrix} h_{k-1,1} & h_{k-1,2} & h_{k-1,3} \end{bmatrix}",
    "a column times a row",
)
def column_times_row():
    for k in (1, 2, 3):
        column, row = np.reshape(grad(EQUAL.loss, EQUAL.a[k]), (3, 1)), np.reshape(data(EQUAL.h[k - 1]), (1, 3))
        yield Holds(column @ row, EQUAL.d_W(k))


@verified("S4.78", r"\nabla_{W_k} L = \nabla_{a_k} L h_{k-1}^\mathsf{T}", "the gradient of the weights: an outer product")
def outer_product():
    for E, k in LAYERS:
        yield Holds(np.outer(grad(E.loss, E.a[k]), data(E.h[k - 1])), E.d_W(k))
        yield Holds(np.outer(E.d_a(k), forward(E.net, E.x)[1][k - 1]), [grad(E.loss, row) for row in E.W[k]])
    twin = MatrixMLP.from_model(model(UNEQUAL.net)).gradients([UNEQUAL.x], [UNEQUAL.l], "cross_entropy")
    for k in (1, 2, 3):
        yield Holds(twin.weights[k - 1], UNEQUAL.d_W(k))


# --- the bias ---------------------------------------------------------------------------------------------------------


@false(
    "S4.79",
    r"a_{ki} = b_{ki} + \sum_j w_{kij} h_{k-1,j}",
    "one neuron with its bias",
    printed=r"$b_{ki} + w_{kij} h_{k-1,j}$: no sum, and $j$ is free on the right only",
)
def one_neuron():
    for E, k in LAYERS:
        b, W, h = data(E.b[k]), data(E.W[k]), data(E.h[k - 1])
        true = forward(E.net, E.x)[0][k - 1]
        yield Holds([b[i] + sum(W[i, j] * h[j] for j in range(len(h))) for i in range(len(b))], true)
        yield Holds(data(E.a[k]), true)
    b, W, h = data(UNEQUAL.b[2]), data(UNEQUAL.W[2]), data(UNEQUAL.h[1])
    yield Fails(lambda: [b[i] + W[i, 0] * h[0] for i in range(len(b))], data(UNEQUAL.a[2]))  # j = 1
    yield Fails(lambda: [b[i] + W[i] * h for i in range(len(b))], data(UNEQUAL.a[2]))  # every j


@verified(
    "S4.80",
    r"\frac{\partial L}{\partial b_{ki}} = \frac{\partial L}{\partial a_{ki}} \frac{\partial a_{ki}}{\partial b_{ki}}",
    "a bias acts through its neuron",
)
def bias_through_its_neuron():
    for E, k in LAYERS:
        yield Holds([d(E.loss, a) * d(a, b) for a, b in zip(E.a[k], E.b[k], strict=True)], E.d_b(k))


@verified(
    "S4.81",
    r"\frac{\partial a_{ki}}{\partial b_{ki}} = 1,\quad \frac{\partial L}{\partial b_{ki}} = \frac{\partial L}{\partial a_{ki}}",
    "the factor is 1",
)
def factor_is_1():
    for E, k in LAYERS:
        yield Holds(jacobian(E.a[k], E.b[k]), np.eye(len(E.b[k])))
        yield Holds([d(E.loss, b) for b in E.b[k]], [d(E.loss, a) for a in E.a[k]])
        yield Holds(E.d_b(k), [d(E.loss, a) for a in E.a[k]])


@restricted(
    "S4.82",
    r"\nabla_{b_k} L = \nabla_{a_k} L = \begin{bmatrix} \frac{\partial L}{\partial a_{k1}} \cr \vdots \cr"
    r" \frac{\partial L}{\partial a_{kn}} \end{bmatrix}",
    "the gradient of the bias is that of the pre-activations",
    printed="the first two entries; the rest stands apart, as S4.83",
)
def gradient_of_the_bias():
    for E, k in LAYERS:
        yield Holds(grad(E.loss, E.a[k]), E.d_b(k))
        yield Holds(E.d_a(k), grad(E.loss, E.b[k]))
    yield Holds(grad(SQUARES.loss, SQUARES.a[3][:2]), SQUARES.d_b(3))  # the layer has no more than two
    yield Fails(lambda: grad(UNEQUAL.loss, UNEQUAL.a[2][:2]), UNEQUAL.d_b(2))


@restricted(
    "S4.83",
    r"\begin{bmatrix} \frac{\partial L}{\partial a_{k2}} \cr \vdots \cr \frac{\partial L}{\partial a_{kn}} \end{bmatrix}",
    "the rest of the column of S4.82",
    printed="by itself, with entry 2 a second time",
)
def rest_of_the_column():
    for E, k in LAYERS:
        rest = grad(E.loss, E.a[k][1:])
        yield Holds(rest, E.d_b(k)[1:])
        yield Holds([*grad(E.loss, E.a[k][:1]), *rest], E.d_b(k))  # below entry 1, instead of the second
    rest = grad(UNEQUAL.loss, UNEQUAL.a[2][1:])
    yield Fails(lambda: rest, UNEQUAL.d_b(2))
    yield Fails(lambda: [*grad(UNEQUAL.loss, UNEQUAL.a[2][:2]), *rest], UNEQUAL.d_b(2))
