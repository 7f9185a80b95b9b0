"""Note 4, backpropagation begins: the chain for one weight, and the gradients in the outputs, before and after softmax."""

from functools import reduce
from itertools import pairwise

import numpy as np

import nn
from autograd import Value, exp, explain, grad, jacobian, log, paths, softmax, total
from nn.matrix import MatrixMLP
from tests.derivations import networks
from tests.derivations.classifier import Example, d, data
from tests.derivations.networks import complex_step, model, network
from tests.derivations.registry import Fails, Holds, definition, false, fragment, restricted, verified

NET = network([2, 4, 5, 3], examples=7, activation="tanh", output="softmax", seed=4)
SECOND = int(NET.y[:, 1].argmax())  # an example of class 2, neither 1 nor L, so that a wrong index shows
WIDE = [Example(NET, SECOND), Example(NET, SECOND, "squares")]
THIN = [Example(network([1] * 4, 5, output=output, seed=4), 0, "squares") for output in ("linear", "sigmoid")]
E = WIDE[0]
K, delta = range(3), np.eye(3)  # the classes, and the Kronecker delta
e_l, y_hat, a_L = delta[E.l], data(E.y_hat), data(E.a[3])


def for_each(formula):
    """A formula in the true class l and the output i: row l, column i."""
    return [[formula(l, i) for i in K] for l in K]


# --- one weight -------------------------------------------------------------------------------------------------------


def chain(E):
    """The nodes of a thin network from the loss back to the first weight."""
    return [E.loss, E.y_hat[0], E.a[3][0], E.h[2][0], E.a[2][0], E.h[1][0], E.a[1][0], E.W[1][0][0]]


def explained(E):
    """What ``explain`` says of the first weight: the product along its only path, with the note's names."""
    names = ["L", "ŷ", "a31", "h21", "a21", "h11", "a11", "w111"]
    for node, name in zip(reversed(chain(E)), reversed(names), strict=True):
        node.label = name
    return str(explain(E.loss, E.W[1][0][0])).split("along the only path")[1]


@false(
    "S4.21",
    r"\frac{\partial L}{\partial w_{111}} = \frac{\partial L}{\partial \hat y} \frac{\partial \hat y}{\partial a_{L1}}"
    r" \frac{\partial a_{L1}}{\partial h_{21}} \frac{\partial h_{21}}{\partial a_{21}} \frac{\partial a_{21}}{\partial h_{11}}"
    r" \frac{\partial h_{11}}{\partial a_{11}} \frac{\partial a_{11}}{\partial w_{111}}",
    "the chain of a deep, thin network: one neuron in each layer",
    printed=r"$\frac{\partial \hat y}{\partial a_{11}} \frac{\partial a_{11}}{\partial h_{21}}$ for factors 2 and 3: the latter is 0",
)
def thin_chain():
    for E in THIN:
        L, y_hat, _, h_21, a_21, h_11, a_11, w_111 = chain(E)
        factors = [d(up, down) for up, down in pairwise(chain(E))]
        yield Holds(np.prod(factors), E.d_W(1)[0, 0])
        [path] = paths(L, w_111)
        yield Holds(path.product, E.d_W(1)[0, 0])
        derived, shown = explained(E), ["∂h21/∂a21", "∂h11/∂a11", f"≈ {E.d_W(1)[0, 0]:.6g}"]
        assert sorted(shown, key=derived.index) == shown
        yield Holds(grad(a_11, [h_21]), [0])
        printed = [(L, y_hat), (y_hat, a_11), (a_11, h_21), (h_21, a_21), (a_21, h_11), (h_11, a_11), (a_11, w_111)]
        yield Fails(lambda pairs=printed: np.prod([d(up, down) for up, down in pairs]), E.d_W(1)[0, 0])
    alone = Example(network([1] * 4, 5, output="softmax", seed=4))  # softmax of one output is 1, whatever the parameters
    yield Holds(alone.y_hat[0].data, 1)
    yield Holds(grad(alone.loss, alone.theta), np.zeros(6))
    yield Holds(alone.d_W(1), [[0]])


@verified(
    "S4.22",
    r"\frac{\partial L}{\partial w_{111}} = \frac{\partial L}{\partial h_{11}} \frac{\partial h_{11}}{\partial w_{111}}",
    "the chain compressed; in a wide network too",
)
def chain_compressed():
    for E in THIN + WIDE:
        h_11, w_111 = E.h[1][0], E.W[1][0][0]
        yield Holds(d(E.loss, h_11) * d(h_11, w_111), E.d_W(1)[0, 0])


@verified(
    "S4.23",
    r"\frac{\partial L}{\partial w_{211}} = \frac{\partial L}{\partial h_{21}} \frac{\partial h_{21}}{\partial w_{211}}",
    "the same in layer 2",
)
def chain_compressed_in_layer_2():
    for E in THIN + WIDE:
        h_21, w_211 = E.h[2][0], E.W[2][0][0]
        yield Holds(d(E.loss, h_21) * d(h_21, w_211), E.d_W(2)[0, 0])


fragment("S4.24", r"\frac{\partial L}{\partial h_{11}},\ \frac{\partial L}{\partial h_{21}}", "what is needed")


@restricted(
    "S4.25",
    r"\frac{\partial L}{\partial w_{L11}} = \sum_c \frac{\partial L}{\partial h_{Lc}} \frac{\partial h_{Lc}}{\partial w_{L11}}",
    "the last layer: softmax makes every output depend on the weight",
    printed=r"$\frac{\partial L}{\partial h_L} \frac{\partial h_L}{\partial w_{L''}}$, $L11$ read as $L''$: enough for one output",
)
def chain_in_the_last_layer():
    for E in THIN:
        [h_L], w_L11 = E.h[3], E.W[3][0][0]
        yield Holds(d(E.loss, h_L) * d(h_L, w_L11), E.d_W(3)[0, 0])
    for E in WIDE:
        in_h, of_h = np.array(grad(E.loss, E.h[3])), np.array(jacobian(E.h[3], [E.W[3][0][0]]))  # k, k x 1
        yield Holds(sum(in_h[c] * of_h[c, 0] for c in K), E.d_W(3)[0, 0])
        yield Fails(lambda in_h=in_h, of_h=of_h: in_h[0] * of_h[0, 0], E.d_W(3)[0, 0])
        yield Fails(lambda in_h=in_h, of_h=of_h: np.dot(in_h.reshape(3, 1), of_h), E.d_W(3)[0, 0])


@verified(
    "S4.26",
    r"\frac{\partial L}{\partial W_{111}} = \frac{\partial L}{\partial \hat y} \frac{\partial \hat y}{\partial a_3}"
    r" \frac{\partial a_3}{\partial h_2} \frac{\partial h_2}{\partial a_2} \frac{\partial a_2}{\partial h_1}"
    r" \frac{\partial h_1}{\partial a_1} \frac{\partial a_1}{\partial W_{111}}",
    "the road map: a product of Jacobians, from a row to a column",
)
def product_of_jacobians():
    for E in WIDE:
        stations = [[E.loss], E.y_hat, E.a[3], E.h[2], E.a[2], E.h[1], E.a[1], [E.W[1][0][0]]]
        jacobians = [np.array(jacobian(up, down)) for up, down in pairwise(stations)]
        yield Holds([J.shape for J in jacobians], [(1, 3), (3, 3), (3, 5), (5, 5), (5, 4), (4, 4), (4, 1)])
        yield Holds(reduce(np.matmul, jacobians), [[E.d_W(1)[0, 0]]])


# --- the outputs ------------------------------------------------------------------------------------------------------


@false(
    "S4.i6",
    r"\frac{\partial L}{\partial \hat y_i} = (\nabla_{\hat y} L)_ i",
    "the derivative with respect to output i",
    printed=r"$\nabla_{a_i} L$, the derivative with respect to a pre-activation",
)
def derivative_in_an_output():
    yield Holds(grad(E.loss, E.y_hat), E.d_h(3))
    yield Fails(lambda: grad(E.loss, E.a[3]), E.d_h(3))


definition("S4.27", r"L = -\log \hat y_l", "the loss, l the true class", used_in="S4.28")
IN_Y_HAT = complex_step(lambda y: -np.log(y), y_hat)  # row l: the derivatives of -log y_hat_l, y_hat as free coordinates
IN_A_L = complex_step(lambda a: -np.log(networks.softmax(a)), a_L)  # row l: the same in the pre-activations
LOSSES = [-log(y) for y in E.y_hat]  # the loss if the true class were the first, the second, the third


@verified(
    "S4.28",
    r"\frac{\partial L}{\partial \hat y_i} = \frac{\partial}{\partial \hat y_i}(-\log \hat y_l)",
    "the outputs are taken as free coordinates",
)
def loss_inserted():
    yield Holds(jacobian(LOSSES, E.y_hat), IN_Y_HAT)
    yield Holds(grad(E.loss, E.y_hat), IN_Y_HAT[E.l])
    yield Holds(grad(nn.cross_entropy(E.y_hat, E.l), E.y_hat), IN_Y_HAT[E.l])


@verified("S4.29", r"\frac{\partial L}{\partial \hat y_i} = -\frac{1}{\hat y_l}\quad (i = l)", "at the true class")
def at_the_true_class():
    for l, loss in enumerate(LOSSES):
        yield Holds(d(loss, E.y_hat[l]), -1 / y_hat[l])
        yield Holds(-1 / y_hat[l], IN_Y_HAT[l, l])


@verified("S4.30", r"\frac{\partial L}{\partial \hat y_i} = 0\quad (i \ne l)", "elsewhere, exactly 0")
def at_the_other_classes():
    for l, loss in enumerate(LOSSES):
        others = [i for i in K if i != l]
        yield Holds(grad(loss, [E.y_hat[i] for i in others]), [0, 0])
        yield Holds(IN_Y_HAT[l, others], [0, 0])


@false(
    "S4.31",
    r"\frac{\partial L}{\partial \hat y_i} = -\frac{\mathbb 1_{i=l}}{\hat y_l}",
    "both cases in one",
    printed=r"$-1/\hat y_l$ for every $i$, against S4.30",
)
def both_cases():
    yield Holds(for_each(lambda l, i: -(i == l) / y_hat[l]), IN_Y_HAT)
    yield Holds(jacobian(LOSSES, E.y_hat), IN_Y_HAT)
    yield Fails(lambda: for_each(lambda l, i: -1 / y_hat[l]), IN_Y_HAT)


@verified(
    "S4.32",
    r"\nabla_{\hat y} L = -\frac{1}{\hat y_l} \begin{bmatrix} \mathbb 1_{l=1} \cr \vdots \cr \mathbb 1_{l=K} \end{bmatrix}",
    "as a vector",
)
def gradient_as_a_vector():
    indicators = np.array([E.l == 0, E.l == 1, E.l == 2])
    yield Holds(-1 / y_hat[E.l] * indicators, E.d_h(3))
    yield Holds(grad(E.loss, E.y_hat), -1 / y_hat[E.l] * indicators)


@verified("S4.33", r"e_3 = [0, 0, 1, 0, 0]^\mathsf{T}", "the one-hot vector for l = 3, K = 5")
def one_hot_vector():
    yield Holds(nn.one_hot(3 - 1, 5), [0, 0, 1, 0, 0])
    five = [Value(0.1 + 0.1 * c) for c in range(5)]
    yield Holds(-five[2].data * np.array(grad(-log(five[2]), five)), [0, 0, 1, 0, 0])


fragment("S4.34", r"[0, \dots, 0]^\mathsf{T}", "remains of a one-hot vector")


@false(
    "S4.35",
    r"\nabla_{\hat y} L = -\frac{1}{\hat y_l} e_l",
    "by the one-hot vector",
    printed=r"$\nabla_{y_l} L = -\frac{1}{g_l} e_l$: the hats lost, the left side a derivative with respect to the target, $g$ the activation",
)
def gradient_by_the_one_hot_vector():
    yield Holds(-1 / y_hat[E.l] * e_l, E.d_h(3))
    yield Holds(grad(E.loss, E.y_hat), -1 / y_hat[E.l] * e_l)
    y = [Value(c) for c in e_l]
    yield Fails(lambda: d(nn.cross_entropy(E.y_hat, y), y[E.l]), E.d_h(3))
    yield Fails(lambda: -1 / np.tanh(a_L[E.l]) * e_l, E.d_h(3))


# --- through softmax --------------------------------------------------------------------------------------------------

E_A = [exp(a) for a in E.a[3]]  # softmax once more, in its steps
SUM = total(E_A)
Y_HAT = [e / SUM for e in E_A]
e_a, S = data(E_A), SUM.data


@verified(
    "S4.36",
    r"\frac{\partial L}{\partial a_{Li}} = \frac{\partial(-\log \hat y_l)}{\partial \hat y_l} \frac{\partial \hat y_l}{\partial a_{Li}}",
    "all goes through the output of the true class",
)
def through_the_true_class():
    yield Holds(for_each(lambda l, i: d(LOSSES[l], E.y_hat[l]) * d(E.y_hat[l], E.a[3][i])), IN_A_L)
    yield Holds(jacobian(LOSSES, E.a[3]), IN_A_L)


@false(
    "S4.37",
    r"\hat y_l = \frac{e^{a_{Ll}}}{\sum_{i'} e^{a_{Li'}}}",
    "the output of the true class",
    printed=r"$e^{a_{Li}}$ above, and $i$ once more in the sum: right for $i = l$ only",
)
def output_of_the_true_class():
    expected = for_each(lambda l, i: networks.softmax(a_L)[l])
    yield Holds(for_each(lambda l, i: (E_A[l] / SUM).data), expected)
    yield Holds(for_each(lambda l, i: E.y_hat[l].data), expected)
    yield Fails(lambda: for_each(lambda l, i: (E_A[i] / SUM).data), expected)


@verified(
    "S4.38",
    r"\frac{\partial}{\partial a_{Li}}(-\log \hat y_l) = -\frac{1}{\hat y_l} \frac{\partial}{\partial a_{Li}} \operatorname{softmax}(a_L)_ l",
    "the logarithm differentiated",
)
def logarithm_differentiated():
    slopes = jacobian(softmax(E.a[3]), E.a[3])
    yield Holds(for_each(lambda l, i: -1 / y_hat[l] * slopes[l][i]), IN_A_L)
    yield Holds(for_each(lambda l, i: -1 / y_hat[l] * d(E.y_hat[l], E.a[3][i])), IN_A_L)


@false(
    "S4.39",
    r"\hat y = \Big[ \frac{e^{a_{L1}}}{\sum_i e^{a_{Li}}}, \dots, \frac{e^{a_{Lk}}}{\sum_i e^{a_{Li}}} \Big]",
    "softmax, a reminder",
    printed=r"$e^{L_1}, e^{L_2}, \dots$: the letter $a$ lost, and $L$ is one number, here the depth",
)
def softmax_as_a_reminder():
    yield Holds(data([e / SUM for e in E_A]), networks.softmax(a_L))
    yield Fails(lambda: [np.exp(E.L) / sum(np.exp(E.L) for i in K) for j in K], networks.softmax(a_L))


@false(
    "S4.40",
    r"-\frac{1}{\hat y_l} \frac{\partial}{\partial a_{Li}} \frac{e^{a_{Ll}}}{\sum_{i'} e^{a_{Li'}}}",
    "softmax inserted",
    printed=r"$e^{a_{Li}}$ above",
)
def softmax_inserted():
    yield Holds(for_each(lambda l, i: -1 / y_hat[l] * d(E_A[l] / SUM, E.a[3][i])), IN_A_L)
    yield Fails(lambda: for_each(lambda l, i: -1 / y_hat[l] * d(E_A[i] / SUM, E.a[3][i])), IN_A_L)


@false(
    "S4.41",
    r"-\frac{1}{\hat y_l} \bigg[ \frac{\frac{\partial}{\partial a_{Li}} e^{a_{Ll}}}{\sum_{i'} e^{a_{Li'}}}"
    r" - \frac{e^{a_{Ll}} \frac{\partial}{\partial a_{Li}} \sum_{i'} e^{a_{Li'}}}{\big(\sum_{i'} e^{a_{Li'}}\big)^2} \bigg]",
    "the quotient rule",
    printed=r"$e^{a_{Li}}$ for both $e^{a_{Ll}}$",
)
def quotient_rule():
    def quotient(l, i, above):
        return -1 / y_hat[l] * (d(E_A[above], E.a[3][i]) / S - e_a[above] * d(SUM, E.a[3][i]) / S**2)

    yield Holds(for_each(lambda l, i: quotient(l, i, l)), IN_A_L)
    yield Holds(jacobian(E_A, E.a[3]), np.diag(np.exp(a_L)))
    yield Holds(np.array(jacobian(E_A, E.a[3])) != 0, delta)  # the indicator: exact zeros for i other than l
    yield Holds(grad(SUM, E.a[3]), np.exp(a_L))
    yield Holds(Y_HAT[E.l].partials, [1 / S, -e_a[E.l] / S**2])
    yield Fails(lambda: for_each(lambda l, i: quotient(l, i, i)), IN_A_L)


@false(
    "S4.42",
    r"-\frac{1}{\hat y_l} \Big[ \frac{\mathbb 1_{l=i} e^{a_{Ll}}}{\sum_{i'} e^{a_{Li'}}} - \frac{e^{a_{Ll}}}{\sum_{i'} e^{a_{Li'}}}"
    r" \frac{e^{a_{Li}}}{\sum_{i'} e^{a_{Li'}}} \Big] = -\frac{1}{\hat y_l} [\mathbb 1_{l=i} \hat y_l - \hat y_l \hat y_i]"
    r" = -[\mathbb 1_{l=i} - \hat y_i]",
    "simplified",
    printed=r"line 1 without its exponentials, line 2 with $e^{a_{Li}}$ for both $e^{a_{Ll}}$; the other lines are right",
)
def simplified():
    yield Holds(for_each(lambda l, i: -1 / y_hat[l] * (delta[l, i] * e_a[l] / S - e_a[l] / S * e_a[i] / S)), IN_A_L)
    yield Holds(for_each(lambda l, i: -1 / y_hat[l] * (delta[l, i] * y_hat[l] - y_hat[l] * y_hat[i])), IN_A_L)
    yield Holds(for_each(lambda l, i: -1 / y_hat[l] * y_hat[l] * (delta[l, i] - y_hat[i])), IN_A_L)
    yield Holds(jacobian([-log(y) for y in Y_HAT], E.a[3]), for_each(lambda l, i: -(delta[l, i] - y_hat[i])))
    yield Fails(lambda: for_each(lambda l, i: -1 / y_hat[l] * (1 / S - np.exp(-(a_L[i] - y_hat[l]) / S) / S**2)), IN_A_L)
    yield Fails(lambda: for_each(lambda l, i: -1 / y_hat[l] * (delta[l, i] * e_a[i] / S - e_a[i] / S * e_a[i] / S)), IN_A_L)


@verified(
    "S4.i13",
    r"\frac{\partial \hat y_l}{\partial a_{Li}} = \hat y_l (\mathbb 1_{l=i} - \hat y_i)",
    "the Jacobian of softmax, symmetric",
)
def jacobian_of_softmax():
    expected = complex_step(networks.softmax, a_L)
    yield Holds(for_each(lambda l, i: y_hat[l] * (delta[l, i] - y_hat[i])), expected)
    yield Holds(np.diag(y_hat) - np.outer(y_hat, y_hat), expected)
    yield Holds(jacobian(E.y_hat, E.a[3]), expected)
    yield Holds(jacobian(Y_HAT, E.a[3]), expected)  # and by the elementary steps


@verified(
    "S4.43",
    r"\frac{\partial L}{\partial a_{Li}} = -(\mathbb 1_{l=i} - \hat y_i)",
    "the derivative with respect to a pre-activation of the last layer",
)
def derivative_in_a_pre_activation():
    yield Holds(for_each(lambda l, i: -(delta[l, i] - y_hat[i])), IN_A_L)
    yield Holds(jacobian(LOSSES, E.a[3]), for_each(lambda l, i: -(delta[l, i] - y_hat[i])))


@verified(
    "S4.44",
    r"\nabla_{a_L} L = \begin{bmatrix} -(\mathbb 1_{l=1} - \hat y_1) \cr \vdots \cr -(\mathbb 1_{l=k} - \hat y_k) \end{bmatrix}",
    "stacked",
)
def stacked():
    yield Holds([-((E.l == i) - y_hat[i]) for i in K], E.d_a(3))
    yield Holds(grad(E.loss, E.a[3]), E.d_a(3))


@false(
    "S4.45",
    r"\nabla_{a_L} L = -(e_l - \hat y)",
    "as vectors: probabilities minus target",
    printed=r"$\nabla_{\alpha_L} L = -(\hat e_L - \hat y)$: the one-hot vector of the depth, not of the class",
)
def probabilities_minus_target():
    yield Holds(-(e_l - y_hat), E.d_a(3))
    yield Holds(grad(E.loss, E.a[3]), -(e_l - y_hat))
    yield Holds(grad(nn.cross_entropy_logits(E.a[3], E.l), E.a[3]), -(e_l - y_hat))  # fused
    twin = MatrixMLP.from_model(model(NET._replace(activations=["tanh", "tanh", "linear"])))
    yield Holds(twin.gradients([E.x], [E.l], "cross_entropy_logits").deltas[-1], [-(e_l - y_hat)])
    yield Fails(lambda: -(np.eye(3)[E.L - 1] - y_hat), E.d_a(3))
