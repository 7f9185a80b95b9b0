"""Note 2, the backward quantity of the output, with the derivative of the sigmoid step by step."""

import numpy as np

from autograd import Value, exp, grad, jacobian, paths, sigmoid
from nn import elementary
from tests.derivations import networks
from tests.derivations.networks import complex_step, forward
from tests.derivations.note2 import NET, ONE, composed, cost, dC_dz, product
from tests.derivations.registry import Fails, Holds, restricted, verified

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
    sigma = np.array(jacobian([z_i.sigmoid() for z_i in z], z))
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
