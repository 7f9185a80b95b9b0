"""Note 4, the pseudocode: the main loop, the forward and the backward pass; and the derivatives of the activations."""

import numpy as np

import nn
from autograd import Value, exp, grad, log, sigmoid, tanh
from nn import elementary
from nn.matrix import MatrixMLP
from tests.derivations import networks
from tests.derivations.classifier import Example, d, data, flat, theta_of, with_theta
from tests.derivations.networks import DERIVATIVES, complex_step, forward, model, network
from tests.derivations.registry import Fails, Holds, definition, false, fragment, notation, verified

NET = network([2, 4, 5, 3], examples=7, activation="tanh", output="softmax", seed=4)
EQUAL = network([3, 3, 3, 3], examples=7, activation="sigmoid", output="softmax", seed=4)
NOTE = network([3, 3, 3, 2], examples=7, activation="sigmoid", output="softmax", seed=4)  # n = 3, k = 2, as in the note
ALL = [Example(net, n) for net in (NET, EQUAL, NOTE) for n in range(7)]
E = ALL[1]


# --- the main loop ----------------------------------------------------------------------------------------------------


def gradients(E, layers):
    return [entry for k in layers for entry in (*grad(E.loss, flat(E.W[k])), *grad(E.loss, E.b[k]))]


@false(
    "S4.i9",
    r"\nabla_{W_k} L,\ \nabla_{b_k} L,\quad 1 \le k \le L",
    "what the algorithm has: gradients for every layer, with the shapes of their parameters",
    printed=r"$1 \le k < L$: the last layer would have none",
)
def gradients_of_every_layer():
    true = np.concatenate([part for k in (1, 2, 3) for part in (E.d_W(k).ravel(), E.d_b(k))])
    yield Holds(gradients(E, range(1, E.L + 1)), true)
    yield Fails(lambda: gradients(E, range(1, E.L)), true)
    mlp, n, k = model(NOTE), 3, 2
    nn.cross_entropy(mlp(NOTE.x[0].tolist()), 1).backward()
    nabla = nn.export_gradients(mlp, "theta")
    yield Holds([np.shape(W) for W in nabla[:3]], [(n, n), (n, n), (k, n)])
    yield Holds([len(b) for b in nabla[3:]], [n, n, k])


ETA, STEPS = 0.5, 5
THETA_0 = theta_of(NET)


def loss(theta):
    return -np.log(forward(with_theta(NET, theta), E.x)[1][-1][E.l])


def by_graph(theta):
    E = Example(with_theta(NET, theta), 1)
    return np.array(grad(E.loss, E.theta))


def by_hand(theta):
    """The gradient by the note's two procedures."""
    net = with_theta(NET, theta)
    return np.concatenate([array.ravel() for array in back_propagation(net, E.x, E.l, first=len(net.weights))])


def back_propagation(net, x, l, first):
    """The note's backward pass, with k from ``first`` down to 1; what it does not reach stays 0."""
    a, h = forward(net, x)
    a = [None, *a]
    nabla_W, nabla_b = [np.zeros_like(W) for W in net.weights], [np.zeros_like(b) for b in net.biases]
    nabla_a = -(np.eye(len(h[-1]))[l] - h[-1])
    for k in range(first, 0, -1):
        W, g = net.weights[k - 1], net.activations[k - 2]
        nabla_W[k - 1] = np.outer(nabla_a, h[k - 1])
        nabla_b[k - 1] = nabla_a
        nabla_h = np.dot(W.T, nabla_a)
        if k > 1:
            nabla_a = nabla_h * DERIVATIVES[g](a[k - 1])
    return nabla_W + nabla_b


def main_loop(gradient):
    thetas = [THETA_0]
    for t in range(STEPS):
        thetas.append(thetas[t] - ETA * gradient(thetas[t]))
    return thetas


@false(
    "S4.i10",
    r"\Theta_{t+1} \leftarrow \Theta_t - \eta \nabla \Theta_t",
    "the main loop; its backward pass needs the parameters and the input too",
    printed=r"$\nabla \Theta_{t+1}$ on the left, so that the parameters never move; no $\Theta_t$, $h_0$ for `back_propagation`",
)
def main_loop_of_training():
    thetas = main_loop(by_graph)
    yield Holds(thetas, main_loop(lambda theta: complex_step(loss, theta)))
    yield Holds(thetas, main_loop(by_hand))

    def printed():  # Theta_1 is never set
        thetas, nablas = [THETA_0], [by_graph(THETA_0)]
        for t in range(STEPS):
            nablas[t] = by_graph(thetas[t])
            nablas.append(thetas[t] - ETA * nablas[t])
        return thetas

    def printed_in_place():  # as a program would have it, with one variable for each
        theta = THETA_0
        for _ in range(STEPS):
            nabla = by_graph(theta)
            nabla = theta - ETA * nabla
        return theta

    yield Fails(printed, thetas)
    yield Fails(printed_in_place, thetas[-1])
    nabla = by_graph(THETA_0)
    ascent = THETA_0 + ETA * np.array(grad(log(E.y_hat[E.l]), E.theta))  # S4.19: up the logarithm is down the loss
    yield Holds(ascent, thetas[1])
    yield Holds(complex_step(lambda eta: loss(THETA_0 - eta * nabla), 0.0), -(nabla @ nabla))  # and the loss goes down


# --- the forward and the backward pass --------------------------------------------------------------------------------

definition("S4.84", r"a_L = b_L + W_L h_{L-1}", "forward, the last layer", used_in="S4.85")


@false(
    "S4.85",
    r"\hat y = O(a_L)",
    "forward, the output; O is softmax",
    printed=r"$\sigma(a_L)$, the letter of the logistic function, with which S4.86 would be false",
)
def output_of_the_forward_pass():
    for E in ALL:
        W_L, b_L, h = E.net.weights[-1], E.net.biases[-1], forward(E.net, E.x)[1][-2]
        yield Holds(data(E.a[E.L]), b_L + W_L @ h)
        yield Holds(data(E.y_hat), networks.softmax(b_L + W_L @ h))
    a_L, e_l = data(E.a[E.L]), np.eye(len(E.y_hat))[E.l]
    logistic = networks.sigmoid(a_L)
    yield Fails(lambda: logistic, data(E.y_hat))
    yield Fails(lambda: -(e_l - logistic), complex_step(lambda a: -np.log(networks.sigmoid(a)[E.l]), a_L))


@verified("S4.86", r"\nabla_{a_L} L = -(e(y) - \hat y)", "where the backward pass starts")
def start_of_the_backward_pass():
    for E in ALL:
        start = -(nn.one_hot(E.l, len(E.y_hat)) - data(E.y_hat))
        yield Holds(start, E.d_a(E.L))
        yield Holds(grad(E.loss, E.a[E.L]), start)


@false(
    "S4.i11",
    r"k = L, \dots, 1",
    "the backward loop",
    printed=r"$k = L-1$ to $1$: the last layer gets no gradient, and $\nabla_{a_{L-1}} L$ is read before it is set",
)
def backward_loop():
    for E in ALL:
        true = [E.d_W(k) for k in (1, 2, 3)] + [E.d_b(k) for k in (1, 2, 3)]
        yield from map(Holds, back_propagation(E.net, E.x, E.l, first=E.L), true)
        yield Holds(flat([array.ravel().tolist() for array in true]), grad(E.loss, E.theta))

    def printed(E, k):
        return back_propagation(E.net, E.x, E.l, first=E.L - 1)[k - 1]

    unequal, equal = ALL[1], ALL[8]
    yield Fails(lambda: printed(unequal, 2), unequal.d_W(2))  # the only gradient there is, of a_L, has another length
    yield Fails(lambda: printed(equal, 3), equal.d_W(3))  # where all widths are equal it runs, and nothing is right
    yield Fails(lambda: printed(equal, 2), equal.d_W(2))
    yield Fails(lambda: printed(equal, 1), equal.d_W(1))


@verified("S4.87", r"\nabla_{W_k} L = \nabla_{a_k} L h_{k-1}^\mathsf{T}", "the weights of layer k")
def step_for_the_weights():
    for E in ALL:
        for k in range(E.L, 0, -1):
            yield Holds(np.outer(grad(E.loss, E.a[k]), data(E.h[k - 1])), E.d_W(k))
    twin = MatrixMLP.from_model(model(NET)).gradients(NET.x, NET.y, "cross_entropy", reduction="sum")
    for k in (1, 2, 3):
        yield Holds(twin.weights[k - 1], sum(E.d_W(k) for E in ALL[:7]))


@verified("S4.88", r"\nabla_{b_k} L = \nabla_{a_k} L", "the bias of layer k")
def step_for_the_bias():
    for E in ALL:
        for k in range(E.L, 0, -1):
            yield Holds(grad(E.loss, E.a[k]), E.d_b(k))
            yield Holds(E.d_a(k), grad(E.loss, E.b[k]))


@verified(
    "S4.89",
    r"\nabla_{h_{k-1}} L = W_k^\mathsf{T} \nabla_{a_k} L",
    "the layer below; for k = 1 the derivatives with respect to the inputs",
)
def step_to_the_layer_below():
    for E in ALL:
        for k in range(E.L, 0, -1):
            yield Holds(data(E.W[k]).T @ grad(E.loss, E.a[k]), E.d_h(k - 1))
            yield Holds(grad(E.loss, E.h[k - 1]), E.d_h(k - 1))


@verified(
    "S4.90",
    r"\nabla_{a_{k-1}} L = \nabla_{h_{k-1}} L \odot [\dots, g'(a_{k-1,j}), \dots]",
    "through its activation, for k of at least 2",
)
def step_through_the_activation():
    for E in ALL:
        for k in range(E.L, 1, -1):
            yield Holds(grad(E.loss, E.h[k - 1]) * E.slopes(k - 1), E.d_a(k - 1))
            yield Holds(grad(E.loss, E.a[k - 1]), E.d_a(k - 1))


notation(
    "S4.i12",
    r"\nabla_{a_{k-1}} L",
    "the comment beside S4.90: the layer below, pre-activation",
    printed="post-activation",
    reason="a comment in the pseudocode, which computes nothing",
)


# --- the activations --------------------------------------------------------------------------------------------------

Z = [-3.0, -1.25, 0.0, 0.5, 2.0]
SIGMOID = complex_step(networks.sigmoid, np.array(Z)).diagonal()  # the true derivatives
TANH = complex_step(np.tanh, np.array(Z)).diagonal()


def at_each(formula):
    """A formula of a Value z, at every point."""
    return [formula(Value(z)) for z in Z]


definition("S4.91", r"g(z) = \sigma(z)", "the logistic function", used_in=("S4.96", "S4.102"))
definition("S4.92", r"\sigma(z) = \frac{1}{1 + e^{-z}}", "by the exponential", used_in=("S4.96", "S4.102"))
definition("S4.93", r"g(z) = \tanh(z)", "the hyperbolic tangent", used_in=("S4.94", "S4.101"))


@verified("S4.94", r"\tanh z = \frac{e^z - e^{-z}}{e^z + e^{-z}}", "by exponentials")
def tanh_by_exponentials():
    yield Holds([(np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)) for z in Z], np.tanh(Z))
    yield Holds(at_each(lambda z: elementary.tanh(z).data), np.tanh(Z))
    yield Holds(at_each(lambda z: tanh(z).data), np.tanh(Z))
    yield Holds(at_each(lambda z: d(elementary.tanh(z), z)), TANH)


fragment("S4.95", r"\frac{1}{1 + e^{-z}}", "S4.92 once more; its sign was an equals mark")


@verified("S4.96", r"g'(z) = (-1) \frac{1}{(1 + e^{-z})^2} \frac{d}{dz}(1 + e^{-z})", "logistic: the chain rule for 1/u")
def reciprocal():
    yield Holds(at_each(lambda z: -1 / (1 + exp(-z)).data ** 2 * d(1 + exp(-z), z)), SIGMOID)
    u = [Value(1 + np.exp(-z)) for z in Z]
    yield Holds([d(1 / u_i, u_i) for u_i in u], [-1 / u_i.data**2 for u_i in u])
    yield Holds(at_each(lambda z: elementary.sigmoid(z).data), at_each(lambda z: sigmoid(z).data))
    yield Holds(at_each(lambda z: d(elementary.sigmoid(z), z)), SIGMOID)


fragment("S4.97", r"\frac{e^z + e^{-z}}{e^z + e^{-z}}", "a piece of the quotient for tanh")
notation(
    "S4.98",
    r"g'(z) = \frac{(e^z + e^{-z}) \frac{d}{dz}(e^z - e^{-z}) - (e^z - e^{-z}) \frac{d}{dz}(e^z + e^{-z})}{(e^z + e^{-z})^2}",
    "tanh: the quotient rule, which S4.101 runs",
    printed=r"$g(z) = \frac{1}{1 + e^{-z}} \big( \frac{e^z - e^{-z}}{e^z + e^{-z}} \big)$",
    reason="two columns of the page, one of each function, were scanned as one line",
)


@verified("S4.99", r"g'(z) = \frac{-1}{(1 + e^{-z})^2} (-e^{-z})", "logistic: the inner derivative")
def inner_derivative():
    yield Holds([-1 / (1 + np.exp(-z)) ** 2 * -np.exp(-z) for z in Z], SIGMOID)
    yield Holds(at_each(lambda z: d(1 + exp(-z), z)), [-np.exp(-z) for z in Z])


@verified("S4.100", r"g'(z) = \frac{1}{1 + e^{-z}} \frac{1 + e^{-z} - 1}{1 + e^{-z}}", "logistic: as two factors")
def two_factors():
    yield Holds(at_each(lambda z: (1 / (1 + exp(-z)) * (1 + exp(-z) - 1) / (1 + exp(-z))).data), SIGMOID)
    yield Holds(at_each(lambda z: d(1 / (1 + exp(-z)), z)), SIGMOID)


@false(
    "S4.101",
    r"g'(z) = 1 - (g(z))^2",
    "the derivative of tanh",
    printed="$g(z)$ on the left",
)
def derivative_of_tanh():
    yield Holds(at_each(lambda z: (1 - tanh(z) ** 2).data), TANH)
    yield Holds(at_each(lambda z: tanh(z).partials[0]), TANH)
    for g in (tanh, elementary.tanh):
        yield Holds(at_each(lambda z, g=g: d(g(z), z)), TANH)

    def quotient_rule(z):  # S4.98
        above, below = exp(z) - exp(-z), exp(z) + exp(-z)
        return (below.data * d(above, z) - above.data * d(below, z)) / below.data**2

    yield Holds(at_each(quotient_rule), TANH)
    yield Fails(lambda: at_each(lambda z: (1 - tanh(z) ** 2).data), np.tanh(Z))


@verified("S4.102", r"g'(z) = g(z) (1 - g(z))", "the derivative of the logistic function")
def derivative_of_the_logistic_function():
    yield Holds(at_each(lambda z: (sigmoid(z) * (1 - sigmoid(z))).data), SIGMOID)
    yield Holds(at_each(lambda z: sigmoid(z).partials[0]), SIGMOID)
    for g in (sigmoid, elementary.sigmoid):
        yield Holds(at_each(lambda z, g=g: d(g(z), z)), SIGMOID)
