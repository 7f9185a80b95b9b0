"""Note 0, first part: the gradients of weights and biases by sensitivities, and the step they make."""

import numpy as np

import nn
from autograd import grad, jacobian
from tests.derivations.networks import complex_step, forward, model
from tests.derivations.note0 import (
    ALPHA,
    LAYERS,
    NET,
    A,
    X,
    Y,
    data,
    layers,
    loss,
    moved,
    preactivations,
    record,
    sensitivity,
    true_db,
    true_dW,
)
from tests.derivations.registry import Holds, definition, fragment, notation, verified

definition(
    "S0.1",
    r"w_{ji}^{(m)}(k+1)=w_{ji}^{(m)}(k)-\alpha \frac{\partial J}{\partial w_{ji}^{(m)}(k)}",
    "a step of stochastic gradient descent",
    used_in="S0.12",
)


@verified(
    "S0.2",
    r"\frac{\partial J}{\partial w_{ji}^{(m)}}=\frac{\partial J}{\partial n_i^{(m)}} \frac{\partial n_i^{(m)}}{\partial w_{ji}^{(m)}}",
    "a weight reaches the loss through the one unit that it leads to",
)
def weight_through_its_unit():
    run = record()
    for m in LAYERS:
        n, W = run.n[m], run.W[m]
        product = [[grad(run.J, [n[i]])[0] * grad(n[i], [w])[0] for i, w in enumerate(row)] for row in W]
        yield Holds(product, true_dW(m))
        yield Holds([grad(run.J, row) for row in W], product)


@verified(
    "S0.3",
    r"\frac{\partial J}{\partial b_i^{(m)}}=\frac{\partial J}{\partial n_i^{(m)}} \frac{\partial n_i^{(m)}}{\partial b_i^{(m)}}",
    "so does a bias",
)
def bias_through_its_unit():
    run = record()
    for m in LAYERS:
        n, b = run.n[m], run.b[m]
        product = [grad(run.J, [n[i]])[0] * grad(n[i], [b[i]])[0] for i in range(len(b))]
        yield Holds(product, true_db(m))
        yield Holds(grad(run.J, b), product)


definition(
    "S0.4",
    r"n_i^{(m)}=\sum_{j=1}^{S^{(m-1)}}w_{ji}^{(m)}a_j^{(m-1)}+b_i^{(m)}",
    "the pre-activation of a unit",
    used_in=("S0.5", "S0.6", "S0.19"),
    printed=r"upper limit $s^{(m-1)}$, which is a width and no sensitivity; $(k)$ on $b$ alone",
)


@verified(
    "S0.5",
    r"\frac{\partial n_{i'}^{(m)}}{\partial w_{ji}^{(m)}}=\delta_{i'i} a_j^{(m-1)}",
    "the derivative with respect to a weight is the activation that it multiplies; for a weight of another unit it is exactly 0",
)
def derivative_in_a_weight():
    run = record()
    for m in LAYERS:
        p, q = len(run.W[m]), len(run.b[m])
        weights = [w for row in run.W[m] for w in row]
        computed = np.reshape(jacobian(preactivations(run, m), weights), (q, p, q))  # [i', j, i]
        yield Holds(computed, np.einsum("ki,j->kji", np.eye(q), A[m - 1]))
        yield Holds(computed == 0, np.broadcast_to(~np.eye(q, dtype=bool)[:, None, :], (q, p, q)))  # exact zeros, nowhere else
        yield Holds(computed, complex_step(lambda W, m=m: W.T @ A[m - 1] + NET.biases[m - 1], NET.weights[m - 1].T))


@verified(
    "S0.6",
    r"\frac{\partial n_{i'}^{(m)}}{\partial b_i^{(m)}}=\delta_{i'i}",
    "the derivative with respect to the bias is 1, for the bias of another unit exactly 0",
)
def derivative_in_a_bias():
    run = record()
    for m in LAYERS:
        computed = np.array(jacobian(preactivations(run, m), run.b[m]))
        yield Holds(computed, np.eye(len(run.b[m])))
        yield Holds(computed == 0, ~np.eye(len(run.b[m]), dtype=bool))
        yield Holds(computed, complex_step(lambda b, m=m: NET.weights[m - 1] @ A[m - 1] + b, NET.biases[m - 1]))


fragment("S0.7", r"\frac{\partial J}{\partial n_i^{(m)}}", "names the factor that is hard to compute")

definition("S0.8", r"s_i^{(m)}=\frac{\partial J}{\partial n_i^{(m)}}", "the sensitivity of a unit", used_in=("S0.10", "S0.11"))

definition(
    "S0.9",
    r"\underline s^{(m)}=\frac{\partial J}{\partial\underline n^{(m)}}",
    "the sensitivities of a layer, a column with one entry for each unit",
    used_in=("S0.17", "S0.26"),
)

notation(
    "S0.i1",
    r"s_i^{(m)}\text{ is the sensitivity of }J\text{ to changes of }n_i^{(m)}",
    "names it",
    printed=r"$\underline u^{(m)}$ for $\underline n^{(m)}$",
    reason="no $u$ is defined anywhere in the note: a name in a sentence, without a number or a shape",
)


@verified("S0.10", r"\frac{\partial J}{\partial w_{ji}^{(m)}}=s_i^{(m)}a_j^{(m-1)}", "sensitivity times activation")
def weight_gradient():
    run = record()
    for m in LAYERS:
        s, a = sensitivity(run, m), run.a[m - 1]
        yield Holds([[s[i] * a[j].data for i in range(len(s))] for j in range(len(a))], true_dW(m))


@verified("S0.11", r"\frac{\partial J}{\partial b_i^{(m)}}=s_i^{(m)}", "the sensitivity itself")
def bias_gradient():
    run = record()
    for m in LAYERS:
        yield Holds(sensitivity(run, m), true_db(m))
        yield Holds(sensitivity(run, m), grad(run.J, run.b[m]))


@verified(
    "S0.12",
    r"w_{ji}^{(m)}(k+1)=w_{ji}^{(m)}(k)-\alpha s_i^{(m)}a_j^{(m-1)}",
    "the step of a weight, one example after the other; it goes downhill",
)
def step_of_the_weights():
    net, mlp = NET, model(NET)
    weights = [w for layer in mlp.layers for neuron in layer.neurons for w in neuron.w]
    for x, y in zip(NET.x[:3], NET.y[:3], strict=True):  # k = 0, 1, 2
        run = record(net, x, y, mlp)
        s, a = [sensitivity(run, m) for m in LAYERS], [data(values) for values in run.a]
        predicted = [
            w - ALPHA * np.array([[s_i * a_j for s_i in s[m]] for a_j in a[m]]) for m, (w, _) in enumerate(layers(mlp))
        ]
        mlp.zero_grad()
        run.J.backward()
        nn.SGD(weights, lr=ALPHA).step()
        net = moved(net, x, y, weights=ALPHA, biases=0)
        for m, (w, _) in enumerate(layers(mlp)):
            yield Holds(w, predicted[m])
            yield Holds(w, net.weights[m].T)
    slope = complex_step(lambda alpha: loss(forward(moved(NET, X, Y, alpha, 0), X)[1][-1]), np.array(0.0))
    run = record()
    yield Holds(slope, -sum((np.outer(data(run.a[m - 1]), sensitivity(run, m)) ** 2).sum() for m in LAYERS))  # -|dJ/dw|^2


@verified("S0.13", r"b_i^{(m)}(k+1)=b_i^{(m)}(k)-\alpha s_i^{(m)}", "the step of a bias")
def step_of_the_biases():
    net, mlp = NET, model(NET)
    for x, y in zip(NET.x[:3], NET.y[:3], strict=True):
        run = record(net, x, y, mlp)
        predicted = [b - ALPHA * sensitivity(run, m) for m, (_, b) in enumerate(layers(mlp), start=1)]
        mlp.zero_grad()
        run.J.backward()
        nn.SGD([b for biases in run.b[1:] for b in biases], lr=ALPHA).step()
        net = moved(net, x, y, weights=0, biases=ALPHA)
        for m, (_, b) in enumerate(layers(mlp)):
            yield Holds(b, predicted[m])
            yield Holds(b, net.biases[m])
    slope = complex_step(lambda alpha: loss(forward(moved(NET, X, Y, 0, alpha), X)[1][-1]), np.array(0.0))
    yield Holds(slope, -sum((sensitivity(record(), m) ** 2).sum() for m in LAYERS))


fragment("S0.i2", r"\frac{\partial J}{\partial\underline n^{(M)}}", "the only easy one, at the last layer")
