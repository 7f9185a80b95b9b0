"""Note 3: the delta rule. Units with a weight vector each, sigmoid everywhere, the loss summed over the examples.

In the note's letters: units are numbered r = 1 .. m + k, hidden ones first, here from 0; unit r has the weights w_rq and the
inputs u_rq, of which q = 0 is the bias and its 1; net_r is their sum of products, o_r the sigmoid of it. J is the sum of the J_i, each half
a sum of squares, and delta_r = -dJ/dnet_r. The note has one hidden layer; what holds for any unit is tried on two as well.
"""

from functools import partial
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np

import nn
from autograd import Value, grad, jacobian, total
from tests.derivations.networks import Network, complex_step, forward, model, network, onwards, sigmoid
from tests.derivations.registry import Fails, Holds, definition, false, restricted, verified

NET = network([3, 4, 2], examples=5, seed=3)
DEEP = network([3, 4, 5, 2], examples=7, seed=4)
ONE_OUTPUT = network([3, 4, 1], examples=5, seed=5)
ETA = 0.5


# --- by hand: NumPy, real or complex ----------------------------------------------------------------------------------


def places(net):
    """For each unit r its layer, from 1, and its row there."""
    return [(layer, i) for layer, width in enumerate(net.widths[1:], start=1) for i in range(width)]


def outputs(net):
    """The numbers r of the output units."""
    return range(len(places(net)))[-net.widths[-1] :]


def vector(net, r):
    """The weights w_r of a unit, the bias first."""
    layer, i = places(net)[r]
    return np.array([net.biases[layer - 1][i], *net.weights[layer - 1][i]])


def with_vector(net, r, w):
    """The same network with other weights in unit r."""
    layer, i = places(net)[r]
    weights, biases = [array.astype(complex) for array in net.weights], [array.astype(complex) for array in net.biases]
    weights[layer - 1][i], biases[layer - 1][i] = w[1:], w[0]
    return net._replace(weights=weights, biases=biases)


def J(net):
    return ((net.y - forward(net, net.x)[1][-1]) ** 2).sum() / 2


def dJ_dw(net, r):
    """The derivative of J in w_r, by complex step."""
    return complex_step(lambda w: J(with_vector(net, r, w)), vector(net, r))


def dJi_dnet(net, i):
    """The derivatives of J_i in net_r for all r, by complex step."""
    pre_activations, _ = forward(net, net.x[i])
    return np.concatenate(
        [
            complex_step(lambda z, layer=layer: ((net.y[i] - onwards(net, layer, z)) ** 2).sum() / 2, z)
            for layer, z in enumerate(pre_activations, start=1)
        ]
    )


# --- by the engine: Values --------------------------------------------------------------------------------------------


class Example(NamedTuple):
    """The graph of one example, unit by unit."""

    net: list[Value]
    o: list[Value]
    u: list[list[float]]
    J: Value


def graph(net: Network):
    """The weights w_rq as Values, and for each example its graph."""
    mlp = model(net)
    return nn.parameters_in_layout(mlp, "units"), [example(mlp, x, y) for x, y in zip(net.x, net.y, strict=True)]


def example(mlp, x, y):
    trace = mlp.trace(x)
    layers = [trace.inputs, *trace.activations]
    u = [[1.0, *(h.data for h in below)] for below, units in pairwise(layers) for _ in units]
    loss = nn.half_sum_of_squares(layers[-1], y.tolist())
    return Example(list(chain(*trace.pre_activations)), list(chain(*trace.activations)), u, loss)


def data(values):
    return np.array([value.data for value in values])


def deltas(net, w, e, y):
    """The delta rule: of the output units S3.10; of a hidden unit j, o_j (1 - o_j) times the deltas above it, each by its weight."""
    o, delta = data(e.o), {}
    for l, y_l in zip(outputs(net), y, strict=True):
        delta[l] = (y_l - o[l]) * o[l] * (1 - o[l])
    for j in reversed(range(outputs(net)[0])):
        layer, i = places(net)[j]
        above = [r for r, (its_layer, _) in enumerate(places(net)) if its_layer == layer + 1]
        delta[j] = o[j] * (1 - o[j]) * sum(delta[l] * w[l][1 + i].data for l in above)
    return np.array([delta[r] for r in range(len(o))])


# --- the update -------------------------------------------------------------------------------------------------------


def update(net, units):
    """One step for some units: by the gradients of all J_i as they accumulate, of J in one pass, and by the delta rule."""
    ways = [accumulated(net), in_one_pass(net), by_the_delta_rule(net)]
    for r in units:
        right = vector(net, r) - ETA * dJ_dw(net, r)
        for way in ways:
            yield Holds(way[r], right)


def accumulated(net):
    w, examples = graph(net)
    for e in examples:
        e.J.backward()  # adds dJ_i/dw_rq to the gradient of w_rq
    return [np.array([w_rq.data - ETA * w_rq.grad for w_rq in w_r]) for w_r in w]


def in_one_pass(net):
    w, examples = graph(net)
    total(e.J for e in examples).backward()
    return [np.array([w_rq.data - ETA * w_rq.grad for w_rq in w_r]) for w_r in w]


def by_the_delta_rule(net):
    w, examples = graph(net)
    delta = [deltas(net, w, e, y) for e, y in zip(examples, net.y, strict=True)]
    sums = [sum(delta_i[r] * np.array(e.u[r]) for delta_i, e in zip(delta, examples, strict=True)) for r in range(len(w))]
    return [data(w_r) + ETA * step for w_r, step in zip(w, sums, strict=True)]  # plus: delta has the sign of the descent


@verified(
    "S3.i1",
    r"\mathbf w_j \leftarrow \mathbf w_j - \eta \frac{\partial J}{\partial \mathbf w_j}"
    r" = \mathbf w_j - \eta \sum_{i=1}^N \frac{\partial J_i}{\partial \mathbf w_j}",
    "a step for a hidden unit; the delta rule gives the same",
)
def step_of_hidden_units():
    for net in (NET, DEEP):
        yield from update(net, range(outputs(net)[0]))


@verified(
    "S3.i2",
    r"\mathbf w_l \leftarrow \mathbf w_l - \eta \frac{\partial J}{\partial \mathbf w_l}"
    r" = \mathbf w_l - \eta \sum_{i=1}^N \frac{\partial J_i}{\partial \mathbf w_l}",
    "a step for an output unit",
)
def step_of_output_units():
    for net in (NET, DEEP):
        yield from update(net, outputs(net))


definition(
    "S3.1",
    r"\nabla J_i = \Big[\frac{\partial J_i}{\partial \mathbf w_1};\ \frac{\partial J_i}{\partial \mathbf w_2};\ \dots;"
    r"\ \frac{\partial J_i}{\partial \mathbf w_{m+k}}\Big]",
    "the gradient of one example, unit under unit",
    used_in="S3.3",
)
definition(
    "S3.2",
    r"\frac{\partial J_i}{\partial \mathbf w_r} = \Big[\frac{\partial J_i}{\partial w_{r1}};\ \frac{\partial J_i}{\partial w_{r2}};\ \dots\Big]",
    "the part of one unit",
    used_in="S3.3",
)


@verified(
    "S3.3",
    r"w_{rq} \leftarrow w_{rq} - \eta \frac{\partial J}{\partial w_{rq}} = w_{rq} - \eta \sum_{i=1}^N \frac{\partial J_i}{\partial w_{rq}}",
    "the gradient of the sum is the sum of the gradients; the step goes down",
)
def gradient_of_the_sum():
    for net in (NET, DEEP):
        w, examples = graph(net)
        stacked = list(chain(*w))  # w_1, then w_2, ...
        nabla_J = np.concatenate([dJ_dw(net, r) for r in range(len(w))])
        nabla_Ji = [grad(e.J, stacked) for e in examples]
        yield Holds(np.sum(nabla_Ji, axis=0), nabla_J)
        for e in examples:
            e.J.backward()  # adds
        yield Holds([entry.grad for entry in stacked], nabla_J)
        yield Holds(grad(total(e.J for e in examples), stacked), nabla_J)  # one pass, on the summed loss
        yield Holds(slope_of_a_step(net, nabla_J), -(nabla_J**2).sum())


def slope_of_a_step(net, nabla_J):
    """The derivative of J in eta, at 0, when every w_rq becomes w_rq - eta dJ/dw_rq."""
    parts = np.split(nabla_J, np.cumsum([len(vector(net, r)) for r in range(len(places(net)))])[:-1])

    def stepped(eta):
        moved = net
        for r, part in enumerate(parts):
            moved = with_vector(moved, r, vector(net, r) - eta * part)
        return J(moved)

    return complex_step(stepped, 0.0)


# --- Observation 1 ----------------------------------------------------------------------------------------------------


@false(
    "S3.i3",
    r"net_r = \sum_q w_{rq} u_{rq}",
    "the weighted sum of a unit's inputs",
    printed=r"$\sum_i$, but i counts the examples; the terms carry q",
)
def weighted_sum():
    w, examples = graph(NET)
    for r, (layer, row) in enumerate(places(NET)):
        net_r = forward(NET, NET.x)[0][layer - 1][:, row]  # of each example
        u_r, w_r = np.array([e.u[r] for e in examples]), data(w[r])
        yield Holds([e.net[r].data for e in examples], net_r)
        yield Holds(u_r @ w_r, net_r)
        yield Fails(
            partial(np.einsum, "q,iq->q", w_r, u_r), net_r
        )  # q is free: one number for each input, not for each example
        for q in range(len(w_r)):  # nor with a single example, for any q
            yield Fails(partial(np.multiply, w_r[q], u_r[0, q]), net_r[0])


definition("S3.i4", r"u_{rq}", "input q of unit r", used_in=("S3.i3", "S3.4"))


@verified(
    "S3.4",
    r"\frac{\partial J}{\partial w_{rq}} = \frac{\partial J}{\partial net_r} \frac{\partial net_r}{\partial w_{rq}}"
    r" = \frac{\partial J}{\partial net_r} u_{rq}",
    "a weight acts through its unit alone, hidden or output",
)
def through_the_unit():
    for net in (NET, DEEP):
        w, examples = graph(net)
        for r in range(len(w)):
            dJi_dnet_r = [grad(e.J, [e.net[r]])[0] for e in examples]
            dnet_r_dw_r = [grad(e.net[r], w[r]) for e in examples]
            yield Holds(dnet_r_dw_r, [e.u[r] for e in examples])
            yield Holds(dJi_dnet_r, [dJi_dnet(net, i)[r] for i in range(len(examples))])
            yield Holds(np.einsum("i,iq->q", dJi_dnet_r, dnet_r_dw_r), dJ_dw(net, r))
            for other in neighbours(net, r):
                yield Holds(grad(examples[0].net[r], w[other]), np.zeros(len(w[other])))


def neighbours(net, r):
    """The other units of the layer, whose weights net_r does not depend on."""
    return [other for other, place in enumerate(places(net)) if place[0] == places(net)[r][0] and other != r]


# --- Observation 2 ----------------------------------------------------------------------------------------------------


@verified(
    "S3.5",
    r"\frac{\partial J}{\partial net_l} = \frac{\partial J}{\partial o_l} \frac{\partial o_l}{\partial net_l}",
    "an output unit acts through its output alone",
)
def through_the_output():
    _, examples = graph(NET)
    for i, e in enumerate(examples):
        for l in outputs(NET):
            computed = grad(e.J, [e.o[l]])[0] * e.o[l].partials[0]
            yield Holds(computed, dJi_dnet(NET, i)[l])
            yield Holds(computed, grad(e.J, [e.net[l]])[0])


def dJ_do(net, i):
    """The derivatives of J_i in the outputs, by complex step."""
    return complex_step(lambda o: ((net.y[i] - o) ** 2).sum() / 2, forward(net, net.x[i])[1][-1])


@restricted(
    "S3.6",
    r"\frac{\partial J}{\partial o_l} = \frac{\partial}{\partial o_l} \frac12 \sum_{l'=1}^k (y_{l'} - o_{l'})^2",
    "the loss inserted",
    printed=r"the sum counts by $l$, which is taken; so it needs $k = 1$, or another letter",
)
def loss_inserted():
    for net in (NET, ONE_OUTPUT):
        _, examples = graph(net)
        for i, e in enumerate(examples):
            o, y = [e.o[l] for l in outputs(net)], net.y[i]
            yield Holds(grad(e.J, o), dJ_do(net, i))
            inner = [grad((y_l - o_l) ** 2 / 2, [o_l])[0] for y_l, o_l in zip(y, o, strict=True)]
            printed = [sum(inner)] * len(o)  # every l in it counts: the same number for each output
            yield Holds(printed, dJ_do(net, i)) if net is ONE_OUTPUT else Fails(partial(np.array, printed), dJ_do(net, i))


@verified(
    "S3.7",
    r"\frac{\partial J}{\partial o_l} = \frac{\partial}{\partial o_l} \frac12 (y_l - o_l)^2 = -(y_l - o_l)",
    "one term of the loss depends on one output",
)
def one_term():
    _, examples = graph(NET)
    for i, e in enumerate(examples):
        o, y = [e.o[l] for l in outputs(NET)], NET.y[i]
        terms = [(y_l - o_l) ** 2 / 2 for y_l, o_l in zip(y, o, strict=True)]
        yield Holds(jacobian(terms, o), np.diag(dJ_do(NET, i)))  # zeros off the diagonal
        yield Holds(-(y - data(o)), dJ_do(NET, i))


@verified(
    "S3.8",
    r"\frac{\partial o_l}{\partial net_l} = \frac{\partial \sigma(net_l)}{\partial net_l} = o_l(1 - o_l)",
    "the slope of the sigmoid",
)
def slope_of_the_sigmoid():
    _, examples = graph(NET)
    for e in examples:
        for l in outputs(NET):
            right = complex_step(sigmoid, e.net[l].data)
            yield Holds(e.o[l].partials[0], right)
            yield Holds(e.o[l].data * (1 - e.o[l].data), right)


@verified("S3.9", r"\frac{\partial J}{\partial net_l} = -(y_l - o_l) o_l(1 - o_l)", "the product of both")
def product_of_both():
    _, examples = graph(NET)
    for i, e in enumerate(examples):
        for l, y_l in zip(outputs(NET), NET.y[i], strict=True):
            o_l = e.o[l].data
            yield Holds(-(y_l - o_l) * o_l * (1 - o_l), dJi_dnet(NET, i)[l])
            yield Holds(grad(e.J, [e.net[l]])[0], dJi_dnet(NET, i)[l])


definition("S3.10", r"\delta_l = (y_l - o_l) o_l(1 - o_l)", "the delta of an output unit", used_in=("S3.11", "S3.i1", "S3.i2"))


@verified(
    "S3.11",
    r"\frac{\partial J}{\partial net_l} = -\delta_l",
    "delta has the other sign; so for hidden units, by their own rule",
)
def sign_of_delta():
    for net in (NET, DEEP):
        w, examples = graph(net)
        for i, e in enumerate(examples):
            yield Holds(-deltas(net, w, e, net.y[i]), dJi_dnet(net, i))
            yield Holds(grad(e.J, e.net), dJi_dnet(net, i))
