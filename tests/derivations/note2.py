"""Note 2: the network as composed functions, sigmoid in every layer, half the sum of squares."""

from functools import cache, reduce
from itertools import pairwise

import numpy as np

from autograd import Value, exp, grad, jacobian, paths, sigmoid
from nn import SGD, elementary, half_sum_of_squares
from nn.matrix import MatrixMLP
from tests.derivations import networks
from tests.derivations.networks import complex_step, forward, model, network, onwards, with_bias, with_weights
from tests.derivations.registry import Fails, Holds, Malformed, definition, false, restricted, verified

NET = network([3, 4, 5, 2], examples=7, seed=2)
EQUAL = network([4, 4, 4, 4], examples=7, seed=2)  # equal widths, where wrong forms have the right shapes
ONE = network([3, 4, 1], examples=7, seed=2)  # one output neuron
ALPHA = 0.1  # the learning rate


class Composed:
    """The graph of C(a^3(z^3(W^3, b^3, ...)), y) for the first example, with its parts under the note's names."""

    def __init__(self, net):
        self.mlp = model(net)
        trace = self.mlp.trace(net.x[0].tolist())
        self.nodes = {"C": half_sum_of_squares(trace.activations[-1], net.y[0].tolist()), "a0": trace.inputs}
        for k, layer in enumerate(self.mlp.layers, start=1):
            self.nodes[f"z{k}"], self.nodes[f"a{k}"] = trace.pre_activations[k - 1], trace.activations[k - 1]
            self.nodes[f"W{k}"] = [neuron.w for neuron in layer.neurons]
            self.nodes[f"b{k}"] = [neuron.b for neuron in layer.neurons]
        self.nodes["C"].backward()

    def d(self, u, v):
        """du/dv, of the shape of u followed by that of v."""
        u, v = np.array(self.nodes[u]), np.array(self.nodes[v])
        return np.array(jacobian(u.ravel().tolist(), v.ravel().tolist())).reshape(u.shape + v.shape)

    def chain(self, names):
        """A product of derivatives: ``chain("C a3 z3")`` is dC/da^3 da^3/dz^3, row vector times matrix times matrix."""
        return reduce(product, (self.d(u, v) for u, v in pairwise(names.split())))

    def grad(self, name):
        """What one ``backward()`` left in ``grad``."""
        return np.vectorize(lambda node: node.grad)(np.array(self.nodes[name]))

    def data(self, name):
        return np.vectorize(lambda node: node.data)(np.array(self.nodes[name]))


def product(left, right):
    """The last index of the left with the first of the right."""
    return np.tensordot(left, right, axes=1)


@cache
def composed(key="NET"):
    return Composed({"NET": NET, "EQUAL": EQUAL, "ONE": ONE}[key])


def cost(a, y):
    return ((a - y) ** 2).sum() / 2


def C(net):
    """The cost of the first example, in NumPy."""
    return cost(forward(net, net.x[0])[1][-1], net.y[0])


def dC_dW(net, k):
    return complex_step(lambda w: C(with_weights(net, k, w)), net.weights[k - 1])


def dC_db(net, k):
    return complex_step(lambda b: C(with_bias(net, k, b)), net.biases[k - 1])


def dC_dz(net, k):
    return complex_step(lambda z: cost(onwards(net, k, z), net.y[0]), forward(net, net.x[0])[0][k - 1])


def rate_of_descent(along, gradient):
    """dC/d(alpha) at alpha = 0, of the cost after the update S2.3 or S2.4 with that alpha: it must be -||gradient||^2."""
    return complex_step(lambda alpha: along(-alpha * gradient), 0.0)


def weights_chain(k, names):
    """What S2.6, S2.8 and S2.10 claim: the chain is dC/dW^k, and the update goes down."""
    net, w = composed(), NET.weights[k - 1]
    gradient = net.chain(names)
    yield Holds(gradient, dC_dW(NET, k))
    yield Holds(gradient, net.grad(f"W{k}"))
    slope = rate_of_descent(lambda step: C(with_weights(NET, k, w + step)), gradient)
    yield Holds(slope, -(gradient**2).sum())
    yield Holds(after_a_step("W", k), w - ALPHA * gradient)


def bias_chain(k, names):
    """What S2.7, S2.9 and S2.11 claim: the chain is dC/db^k, and the update goes down."""
    net, b = composed(), NET.biases[k - 1]
    gradient = net.chain(names)
    yield Holds(gradient, dC_db(NET, k))
    yield Holds(gradient, net.grad(f"b{k}"))
    slope = rate_of_descent(lambda step: C(with_bias(NET, k, b + step)), gradient)
    yield Holds(slope, -(gradient**2).sum())
    yield Holds(after_a_step("b", k), b - ALPHA * gradient)


def after_a_step(letter, k):
    """W^k_new or b^k_new, by the optimiser."""
    net = Composed(NET)
    SGD(net.mlp.parameters(), lr=ALPHA).step()
    return net.data(f"{letter}{k}")


# --- the network and its update --------------------------------------------------------------------------------------

definition(
    "S2.1",
    r"z^l = W^l a^{l-1} + b^l",
    "the pre-activation",
    used_in="S2.23",
    printed="`*` for the product; $b$ without $l$",
)
definition("S2.2", r"a^l = \sigma(z^l)", "the activation", used_in=("S2.5", "S2.12"))
definition(
    "S2.i1",
    r"C = \tfrac12 \sum_j (a_j^L - y_j)^2",
    "the cost of one example",
    used_in=("S2.5", "S2.13"),
    printed=r"$\frac12(a^L - y)^2$, a number for one output only",
)
definition(
    "S2.3",
    r"W^l_{new} = W^l_{old} - \alpha \frac{\partial C}{\partial W^l}",
    "the update of the weights",
    used_in=("S2.6", "S2.8", "S2.10"),
    printed=r"$\partial C/\partial W$ without $l$",
)
definition(
    "S2.4",
    r"b^l_{new} = b^l_{old} - \alpha \frac{\partial C}{\partial b^l}",
    "the update of the biases",
    used_in=("S2.7", "S2.9", "S2.11"),
    printed=r"$\partial C/\partial b$ without $l$",
)

COMPOSITION = "C(a3(z3(W3, b3, a2(z2(W2, b2, a1(z1(W1, b1, a0)))))), y)"
PRINTED = "C(a3(z3(W3, b3, a2(z2, (W2, b2, a1(z1(W1, b1, a0))))))))"


def evaluate(text):
    """The number that a composition stands for, in NumPy; what is no expression, or has the wrong operands, has none."""
    names = {f"W{k}": w for k, w in enumerate(NET.weights, start=1)} | {f"b{k}": b for k, b in enumerate(NET.biases, start=1)}
    names |= dict.fromkeys(("z1", "z2", "z3"), lambda w, b, a: w @ a + b)
    names |= dict.fromkeys(("a1", "a2", "a3"), networks.sigmoid)
    names |= {"C": cost, "y": NET.y[0], "a0": NET.x[0]}
    try:
        return eval(text, names)
    except SyntaxError:
        raise Malformed("brackets do not match") from None
    except TypeError:
        raise Malformed("a function has too many or too few operands") from None


@false(
    "S2.5",
    r"C\big(a^3(z^3(W^3, b^3, a^2(z^2(W^2, b^2, a^1(z^1(W^1, b^1, a^0)))))), y\big)",
    "the network is a composition of functions",
    printed=r"a comma after $z^2$, 8 closing brackets for 7 opening ones, no $y$",
)
def network_as_a_composition():
    value = composed().nodes["C"].data
    yield Holds(value, evaluate(COMPOSITION))
    yield Fails(lambda: evaluate(PRINTED), value)
    with_seven = PRINTED[:-1]
    yield Fails(lambda: evaluate(with_seven), value)
    without_the_comma = with_seven.replace("z2, (", "z2(")
    yield Fails(lambda: evaluate(without_the_comma), value)
    yield Fails(lambda: evaluate(without_the_comma[:-1] + ", 0)"), value)


# --- the chains ------------------------------------------------------------------------------------------------------


@verified(
    "S2.6",
    r"\frac{\partial C}{\partial W^3} = \frac{\partial C}{\partial a^3} \frac{\partial a^3}{\partial z^3}"
    r" \frac{\partial z^3}{\partial W^3}",
    "three factors for the weights of layer 3",
)
def chain_to_the_weights_3():
    yield from weights_chain(3, "C a3 z3 W3")


@verified(
    "S2.7",
    r"\frac{\partial C}{\partial b^3} = \frac{\partial C}{\partial a^3} \frac{\partial a^3}{\partial z^3}"
    r" \frac{\partial z^3}{\partial b^3}",
    "three factors for the bias of layer 3",
)
def chain_to_the_bias_3():
    yield from bias_chain(3, "C a3 z3 b3")


@verified(
    "S2.8",
    r"\frac{\partial C}{\partial W^2} = \frac{\partial C}{\partial a^3} \frac{\partial a^3}{\partial z^3}"
    r" \frac{\partial z^3}{\partial a^2} \frac{\partial a^2}{\partial z^2} \frac{\partial z^2}{\partial W^2}",
    "five factors for the weights of layer 2",
)
def chain_to_the_weights_2():
    yield from weights_chain(2, "C a3 z3 a2 z2 W2")


@verified(
    "S2.9",
    r"\frac{\partial C}{\partial b^2} = \frac{\partial C}{\partial a^3} \frac{\partial a^3}{\partial z^3}"
    r" \frac{\partial z^3}{\partial a^2} \frac{\partial a^2}{\partial z^2} \frac{\partial z^2}{\partial b^2}",
    "five factors for the bias of layer 2",
)
def chain_to_the_bias_2():
    yield from bias_chain(2, "C a3 z3 a2 z2 b2")


@verified(
    "S2.10",
    r"\frac{\partial C}{\partial W^1} = \frac{\partial C}{\partial a^3} \frac{\partial a^3}{\partial z^3}"
    r" \frac{\partial z^3}{\partial a^2} \frac{\partial a^2}{\partial z^2} \frac{\partial z^2}{\partial a^1}"
    r" \frac{\partial a^1}{\partial z^1} \frac{\partial z^1}{\partial W^1}",
    "seven factors for the weights of layer 1",
)
def chain_to_the_weights_1():
    yield from weights_chain(1, "C a3 z3 a2 z2 a1 z1 W1")


@false(
    "S2.11",
    r"\frac{\partial C}{\partial b^1} = \frac{\partial C}{\partial a^3} \frac{\partial a^3}{\partial z^3}"
    r" \frac{\partial z^3}{\partial a^2} \frac{\partial a^2}{\partial z^2} \frac{\partial z^2}{\partial a^1}"
    r" \frac{\partial a^1}{\partial z^1} \frac{\partial z^1}{\partial b^1}",
    "seven factors for the bias of layer 1",
    printed=r"six factors: $\partial z^2/\partial a^1$ is missing",
)
def chain_to_the_bias_1():
    yield from bias_chain(1, "C a3 z3 a2 z2 a1 z1 b1")

    def printed(net):
        return product(net.chain("C a3 z3 a2 z2"), net.chain("a1 z1 b1"))

    yield Fails(lambda: printed(composed()), dC_db(NET, 1))
    yield Fails(lambda: printed(composed("EQUAL")), dC_db(EQUAL, 1))


# --- the output ------------------------------------------------------------------------------------------------------


@verified(
    "S2.12",
    r"\frac{\partial C}{\partial z^L} = \frac{\partial C}{\partial a^L} \frac{\partial a^L}{\partial z^L}"
    r" = \frac{\partial C}{\partial a^L} \frac{\partial \sigma(z^L)}{\partial z^L}",
    "the output's backward quantity",
)
def output_gradient():
    net = composed()
    yield Holds(net.chain("C a3 z3"), dC_dz(NET, 3))
    yield Holds(net.grad("z3"), dC_dz(NET, 3))
    z = [Value(number) for number in net.data("z3").tolist()]
    sigma = np.array(jacobian([each.sigmoid() for each in z], z))
    yield Holds(product(net.d("C", "a3"), sigma), dC_dz(NET, 3))
    yield Holds(sigma, complex_step(networks.sigmoid, net.data("z3")))
    yield Holds(sigma - np.diag(np.diag(sigma)), np.zeros((2, 2)))  # an activation reads one pre-activation: exact zeros


@verified("S2.13", r"\frac{\partial C}{\partial a^L} = a^L - y", "the half cancels the 2")
def cost_in_the_output():
    net = composed()
    yield Holds(net.d("C", "a3"), net.data("a3") - NET.y[0])
    yield Holds(net.d("C", "a3"), complex_step(lambda a: cost(a, NET.y[0]), forward(NET, NET.x[0])[1][3]))


# --- the derivative of the sigmoid, step by step ---------------------------------------------------------------------

NUMBERS = np.array([-4.0, -1.5, -0.3, 0.0, 0.7, 2.0, 5.0])


def slope(f):
    """f'(z) at ``NUMBERS``, by the engine."""
    zs = [Value(number) for number in NUMBERS.tolist()]
    return np.array([grad(f(z), [z])[0] for z in zs])


def sigmoid_slope():
    return np.diag(complex_step(networks.sigmoid, NUMBERS))


def one_plus(z):
    return 1 + exp(-z)


@verified(
    "S2.14",
    r"\sigma(z) = \frac{1}{1 + e^{-z}}, \quad \sigma' = \frac{\partial (1 + e^{-z})^{-1}}{\partial z}",
    "the sigmoid is a reciprocal",
)
def sigmoid_as_a_reciprocal():
    yield Holds([(one_plus(z) ** -1).data for z in map(Value, NUMBERS.tolist())], networks.sigmoid(NUMBERS))
    yield Holds(slope(lambda z: one_plus(z) ** -1), sigmoid_slope())


@verified(
    "S2.15",
    r"\sigma' = -\frac{1}{(1 + e^{-z})^2} \frac{\partial (1 + e^{-z})}{\partial z}",
    "the reciprocal rule",
)
def reciprocal_rule():
    yield Holds(-1 / (1 + np.exp(-NUMBERS)) ** 2 * slope(one_plus), sigmoid_slope())


@verified(
    "S2.16",
    r"\sigma' = -\frac{1}{(1 + e^{-z})^2} e^{-z} \frac{\partial (-z)}{\partial z} = \frac{e^{-z}}{(1 + e^{-z})^2}",
    "the exponent rule",
)
def exponent_rule():
    e = np.exp(-NUMBERS)
    yield Holds(-1 / (1 + e) ** 2 * e * slope(lambda z: -z), sigmoid_slope())
    yield Holds(e / (1 + e) ** 2, sigmoid_slope())
    for z in map(Value, NUMBERS.tolist()):  # the same factors stand on the one path of the graph of 1 / (1 + e^-z)
        [path] = paths(elementary.sigmoid(z), z)
        u = 1 + np.exp(-z.data)
        yield Holds(path.partials, [-1 / u**2, 1, np.exp(-z.data), -1])


@verified(
    "S2.17",
    r"\sigma' = \frac{e^{-z} + 1 - 1}{(1 + e^{-z})^2}"
    r" = \frac{1}{1 + e^{-z}} \left[\frac{1 + e^{-z}}{1 + e^{-z}} - \frac{1}{1 + e^{-z}}\right]",
    "add and subtract 1",
)
def add_and_subtract_one():
    e = np.exp(-NUMBERS)
    yield Holds((e + 1 - 1) / (1 + e) ** 2, slope(elementary.sigmoid))
    yield Holds(1 / (1 + e) * ((1 + e) / (1 + e) - 1 / (1 + e)), slope(elementary.sigmoid))
    yield Holds(slope(elementary.sigmoid), sigmoid_slope())


@verified("S2.18", r"\sigma' = \sigma(z^L) [1 - \sigma(z^L)]", "the result")
def sigmoid_by_itself():
    s = networks.sigmoid(NUMBERS)
    yield Holds(slope(sigmoid), s * (1 - s))
    yield Holds(slope(sigmoid), sigmoid_slope())


@verified("S2.19", r"\sigma' = a^L (1 - a^L)", "in terms of the output")
def sigmoid_by_the_output():
    net = composed()
    for k in (1, 2, 3):
        a = net.data(f"a{k}")
        yield Holds(net.d(f"a{k}", f"z{k}"), np.diag(a * (1 - a)))
        yield Holds(a * (1 - a), networks.DERIVATIVES["sigmoid"](forward(NET, NET.x[0])[0][k - 1]))


@restricted(
    "S2.20",
    r"\frac{\partial C}{\partial z^L} = (a^L - y) \circ a^L \circ (1 - a^L)",
    "the output's backward quantity, entry by entry",
    printed=r"without $\circ$: a product of three columns, which exists for one output only",
)
def output_gradient_by_entries():
    net = composed()
    a, y = net.data("a3"), NET.y[0]
    yield Holds((a - y) * a * (1 - a), dC_dz(NET, 3))
    yield Holds((a - y) * a * (1 - a), net.grad("z3"))

    def printed(a, y):
        a, y = a[:, np.newaxis], y[:, np.newaxis]
        return ((a - y) @ a @ (1 - a)).ravel()

    yield Holds(printed(composed("ONE").data("a2"), ONE.y[0]), dC_dz(ONE, 2))
    yield Fails(lambda: printed(a, y), dC_dz(NET, 3))
    yield Fails(lambda: (a - y) @ a * (1 - a), dC_dz(NET, 3))  # nor as an inner product


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
