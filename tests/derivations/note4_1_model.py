"""Note 4, the model: layers of pre-activations and activations, the loop of gradient descent, the two losses."""

import numpy as np

import nn
from autograd import log
from nn import elementary
from tests.derivations.classifier import Example, data, flat, theta_of, with_theta
from tests.derivations.networks import complex_step, forward, model, network
from tests.derivations.registry import Fails, Holds, definition, false, fragment, restricted, verified

NET = network([2, 4, 5, 3], examples=7, activation="tanh", output="softmax", seed=4)
RATINGS = network([2, 4, 5, 3], examples=7, activation="tanh", output="linear", seed=4)
EQUAL = network([3, 3, 3, 3], examples=7, activation="sigmoid", output="softmax", seed=4)
NOTE = network([3, 3, 3, 2], examples=7, activation="sigmoid", output="softmax", seed=4)  # n = 3, k = 2, as drawn in the note


@false(
    "S4.i1",
    r"W_i \in \mathbb{R}^{n_i \times n_{i-1}},\quad b_i \in \mathbb{R}^{n_i},\quad 1 \le i \le L",
    "the parameters between layers i-1 and i",
    printed=r"$0 \le i \le L$, but layer 0 has no weights; 2 neurons in each hidden layer, for n",
)
def shapes_of_the_parameters():
    E = Example(NET)
    yield Holds([np.shape(W) for W in E.W[1:]], [(4, 2), (5, 4), (3, 5)])
    yield Holds([len(b) for b in E.b[1:]], [4, 5, 3])
    E, n, k = Example(NOTE), 3, 2
    yield Holds([np.shape(W) for W in E.W[1:]], [(n, n)] * (E.L - 1) + [(k, n)])
    yield Fails(lambda: [(n, n) for i in range(E.L)] + [(k, n)], [np.shape(W) for W in E.W[1:]])
    yield Fails(lambda: [2 for i in range(1, E.L)], [len(h) for h in E.h[1 : E.L]])


definition("S4.1", r"h_L = \hat y = \hat f(x)", "the output", used_in="S4.20")
definition("S4.2", r"a_i = b_i + W_i h_{i-1}", "the pre-activations of layer i", used_in="S4.3")


@restricted(
    "S4.3",
    r"\begin{bmatrix} a_{i1} \cr a_{i2} \cr a_{i3} \end{bmatrix} = \begin{bmatrix} b_{i1} \cr b_{i2} \cr b_{i3} \end{bmatrix}"
    r" + \begin{bmatrix} w_{i11} & w_{i12} & w_{i13} \cr w_{i21} & w_{i22} & w_{i23} \cr w_{i31} & w_{i32} & w_{i33} \end{bmatrix} h_{i-1}",
    "the same, written out for width 3",
    printed="$x$ for $h_{i-1}$, which is so in layer 1 only",
)
def pre_activations_written_out():
    E, pre_activations = Example(EQUAL), forward(EQUAL, EQUAL.x[0])[0]
    b, w, x = data(E.b[1:]), data(E.W[1:]), data(E.h[0])

    def written_out(i, h):
        return [b[i - 1, p] + w[i - 1, p, 0] * h[0] + w[i - 1, p, 1] * h[1] + w[i - 1, p, 2] * h[2] for p in range(3)]

    for i in (1, 2, 3):
        yield Holds(written_out(i, data(E.h[i - 1])), pre_activations[i - 1])
        yield Holds(data(E.a[i]), pre_activations[i - 1])
    yield Holds(written_out(1, x), pre_activations[0])
    for i in (2, 3):
        yield Fails(lambda i=i: written_out(i, x), pre_activations[i - 1])
    E = Example(NET)
    yield Fails(lambda: data(E.b[2]) + np.dot(data(E.W[2]), data(E.h[0])), data(E.a[2]))


definition("S4.4", r"h_i = g(a_i)", "the activations of layer i", used_in=("S4.20", "S4.60"))
definition(
    "S4.5",
    r"g\begin{bmatrix} a_{i1} \cr a_{i2} \cr a_{i3} \end{bmatrix} = \begin{bmatrix} g(a_{i1}) \cr g(a_{i2}) \cr g(a_{i3}) \end{bmatrix}",
    "g goes entry by entry",
    used_in="S4.61",
)
fragment("S4.6", r"\frac{1}{1 + e^{-a_{i1}}}, \dots", "the logistic g: first part of a vector that the scan cut in two")
fragment("S4.7", r"\frac{1}{1 + e^{-a_{i2}}},\ \frac{1}{1 + e^{-a_{i3}}}", "its second part")
definition("S4.8", r"f(x) = h_L(x) = O(a_L(x))", "the output activation, softmax or linear", used_in="S4.20")
definition(
    "S4.9", r"a_i = b_i + W_i h_{i-1},\quad h_i = g(a_i),\quad f(x) = h_L = O(a_L)", "the network in short", used_in="S4.20"
)
definition("S4.i2", r"\hat y_i = O(W_3 g(W_2 g(W_1 x_i + b_1) + b_2) + b_3)", "the model for example i", used_in="S4.20")
definition(
    "S4.i3", r"\min \frac1N \sum_{i=1}^N \sum_{j=1}^k (\hat y_{ij} - y_{ij})^2", "the loss of N examples", used_in="S4.i4"
)


# --- gradient descent -------------------------------------------------------------------------------------------------

ETA, STEPS = 0.05, 6


def gradient_by_graph(theta):
    """The gradient of the mean of squares at theta, in the order of S4.10, from the graph."""
    mlp = model(with_theta(RATINGS, theta))
    nn.mean([nn.sum_of_squares(mlp(x), y) for x, y in zip(RATINGS.x.tolist(), RATINGS.y.tolist(), strict=True)]).backward()
    return np.concatenate([flat(part) for part in nn.export_gradients(mlp, "theta")])


def gradient_by_step(theta):
    """The same by complex step from the plain forward pass."""

    def loss(theta):
        y_hat = forward(with_theta(RATINGS, theta), RATINGS.x)[1][-1]
        return ((y_hat - RATINGS.y) ** 2).sum() / len(RATINGS.x)

    return complex_step(loss, theta)


def corrected(gradient, max_iterations):
    thetas = [theta_of(RATINGS)]
    for t in range(max_iterations):
        thetas.append(thetas[t] - ETA * gradient(thetas[t]))
    return thetas


def as_printed(gradient, max_iterations):
    thetas, t = [theta_of(RATINGS)], 0
    while t < max_iterations:
        t += 1  # t++: compared first, then counted, all before the body
        thetas.append(thetas[t] - ETA * gradient(thetas[t]))
    return thetas


@false(
    "S4.i4",
    r"\Theta_{t+1} \leftarrow \Theta_t - \eta \nabla \Theta_t,\quad t = 0, \dots, \mathtt{max} - 1",
    "the loop of gradient descent: max updates, starting from the initial parameters",
    printed=r"`while t++ < max`: the first pass has $t = 1$ and reads $\Theta_1$, which nothing has set",
)
def loop_of_gradient_descent():
    thetas = corrected(gradient_by_graph, STEPS)
    yield Holds(len(thetas) - 1, STEPS)
    yield Holds(thetas, corrected(gradient_by_step, STEPS))
    yield Fails(lambda: as_printed(gradient_by_graph, STEPS), thetas)


definition("S4.10", r"\Theta = [W_1, \dots, W_L, b_1, \dots, b_L]", "the parameters in one list", used_in="S4.i4")
definition(
    "S4.11",
    r"\nabla \Theta_t = \Big[ \frac{\partial L}{\partial W_{1,t}}, \dots, \frac{\partial L}{\partial W_{L,t}},"
    r" \frac{\partial L}{\partial b_{1,t}}, \dots, \frac{\partial L}{\partial b_{L,t}} \Big]^\mathsf{T}",
    "their gradients in the same order",
    used_in="S4.i4",
)
definition(
    "S4.12",
    r"\nabla W_1, \dots, \nabla W_{L-1} \in \mathbb{R}^{n \times n},\quad \nabla W_L \in \mathbb{R}^{k \times n}",
    "a gradient has the shape of its weights",
    used_in="S4.i9",
)
definition(
    "S4.13",
    r"\nabla b_1, \dots, \nabla b_{L-1} \in \mathbb{R}^n,\quad \nabla b_L \in \mathbb{R}^k",
    "and that of its bias",
    used_in="S4.i9",
)
definition(
    "S4.14",
    r"L(\theta) = \frac1N \sum_{i=1}^N \sum_{j=1}^3 (\hat y_{ij} - y_{ij})^2",
    "the mean of squares for three outputs",
    used_in="S4.i4",
)


# --- softmax and cross-entropy ----------------------------------------------------------------------------------------


@verified("S4.15", r"\hat y_j = O(a_L)_ j = \frac{e^{a_{Lj}}}{\sum_{i=1}^k e^{a_{Li}}}", "softmax: positive, and of sum 1")
def softmax_by_hand():
    for n in range(7):
        E = Example(NET, n)
        exponentials = np.exp(data(E.a[3]))
        yield Holds(data(E.y_hat), exponentials / exponentials.sum())
        yield Holds(data(elementary.softmax(E.a[3])), exponentials / exponentials.sum())
        yield Holds(data(E.y_hat).sum(), 1.0)


@false(
    "S4.i5",
    r"L(\Theta) = -\sum_{c=1}^k y_c \log \hat y_c",
    "the cross-entropy",
    printed=r"$\sum_{i=1}^k y_c \log \hat y_c$: no minus, and a sum over $i$ of terms in $c$",
)
def cross_entropy():
    E = Example(NET)
    y_hat, soft = data(E.y_hat), np.array([0.2, 0.5, 0.3])
    for y in (*np.eye(3), soft):
        loss = -(y[0] * np.log(y_hat[0]) + y[1] * np.log(y_hat[1]) + y[2] * np.log(y_hat[2]))
        yield Holds(nn.cross_entropy(E.y_hat, y.tolist()).data, loss)
        yield Holds(nn.cross_entropy_logits(E.a[3], y.tolist()).data, loss)
    yield Fails(lambda: (soft * np.log(y_hat)).sum(), loss)
    yield Fails(lambda: sum(soft * np.log(y_hat) for i in range(3)), loss)


definition("S4.16", r"y_c = \mathbb 1_{c=l}", "the one-hot target of the true class l", used_in=("S4.17", "S4.33"))


@verified("S4.17", r"L(\Theta) = -\log \hat y_l", "the cross-entropy of a one-hot target")
def cross_entropy_of_a_label():
    E = Example(NET)
    y_hat = forward(NET, NET.x[0])[1][-1]
    for l in range(3):
        y = nn.one_hot(l, 3)
        yield Holds((-log(E.y_hat[l])).data, -np.log(y_hat[l]))
        yield Holds(nn.cross_entropy(E.y_hat, y).data, -np.log(y_hat[l]))
        yield Holds(nn.cross_entropy(E.y_hat, y).data, -(y @ np.log(y_hat)))
        yield Holds(nn.cross_entropy_logits(E.a[3], l).data, -np.log(y_hat[l]))


definition("S4.18", r"\min_\Theta -\log \hat y_l", "the objective of classification", used_in="S4.i10")
definition("S4.19", r"\max_\Theta \log \hat y_l", "the same as a maximum", used_in="S4.i10")


@verified("S4.20", r"\hat y_l = \big[ O(W_3 g(W_2 g(W_1 x + b_1) + b_2) + b_3) \big]_ l", "the probability of the true class")
def probability_of_the_true_class():
    for net, g in ((NET, np.tanh), (EQUAL, lambda a: 1 / (1 + np.exp(-a)))):
        (W1, W2, W3), (b1, b2, b3) = net.weights, net.biases
        for n in range(7):
            E = Example(net, n)
            exponentials = np.exp(W3 @ g(W2 @ g(W1 @ net.x[n] + b1) + b2) + b3)
            yield Holds(E.y_hat[E.l].data, (exponentials / exponentials.sum())[E.l])
