"""Note 2: the network as composed functions, sigmoid in every layer, half the sum of squares."""

from functools import cache, reduce
from itertools import pairwise

import numpy as np

from autograd import jacobian
from nn import SGD, half_sum_of_squares
from tests.derivations.networks import complex_step, forward, model, network, onwards, with_bias, with_weights
from tests.derivations.registry import Holds

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


def chain(letter, k, names):
    """What S2.6 to S2.11 claim: the chain is dC/dW^k or dC/db^k, and the update goes down."""
    parts = {"W": (NET.weights, dC_dW, with_weights), "b": (NET.biases, dC_db, with_bias)}
    arrays, true, changed = parts[letter]
    net, numbers = composed(), arrays[k - 1]
    gradient = net.chain(names)
    yield Holds(gradient, true(NET, k))
    yield Holds(gradient, net.grad(f"{letter}{k}"))
    slope = rate_of_descent(lambda step: C(changed(NET, k, numbers + step)), gradient)
    yield Holds(slope, -(gradient**2).sum())
    yield Holds(after_a_step(letter, k), numbers - ALPHA * gradient)


def after_a_step(letter, k):
    """W^k_new or b^k_new, by the optimiser."""
    net = Composed(NET)
    SGD(net.mlp.parameters(), lr=ALPHA).step()
    return net.data(f"{letter}{k}")
