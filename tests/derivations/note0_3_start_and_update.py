"""Note 0, third part: the sensitivity of the last layer, where the recursion starts, and the note's summary.

Where the note prints m for M, a network of equal widths is run too: there the printed form has the right shape.
"""

import numpy as np

import nn
from autograd import grad, total
from nn.matrix import MatrixMLP
from tests.derivations.networks import complex_step, forward, network
from tests.derivations.note0 import (
    ALPHA,
    HIDDEN,
    LAYERS,
    NET,
    A,
    Fdot,
    M,
    N,
    X,
    Y,
    data,
    layers,
    local,
    loss,
    moved,
    record,
    sensitivity,
    true_db,
    true_dW,
    true_s,
)
from tests.derivations.registry import Fails, Holds, definition, false, restricted, verified

EQUAL = network([3, 3, 3, 3], examples=7, seed=1)._replace(activations=["tanh", "sigmoid", "tanh"])
SOFTMAX = network([3, 4, 5, 2], examples=7, seed=2, output="softmax")  # its activation is not elementwise


def F(m):
    """What is printed for the matrix of derivatives: f itself on the diagonal."""
    return np.diag(A[m])


definition(
    "S0.27",
    r"\underline s^{(M)}=\frac{\partial(\underline y-\underline a)^T(\underline y-\underline a)}{\partial\underline n^{(M)}}",
    "the loss, and with it the start of the recursion",
    used_in=("S0.28", "S0.31"),
    printed="$(m)$ for $(M)$",
)


@restricted(
    "S0.28",
    r"\frac{\partial J}{\partial n_i^{(M)}}=\frac{\partial}{\partial n_i^{(M)}}\sum_{j=1}^{S^{(M)}}(y_j-a_j)^2",
    "the start written out; only at the last layer is there a target for each unit",
    printed="$m$ for $M$",
)
def start_written_out():
    run = record()
    written = total((y - a) ** 2 for y, a in zip(Y.tolist(), run.a[M], strict=True))
    yield Holds(grad(written, run.n[M]), true_s(M))
    for m in HIDDEN:  # the sum is always over the outputs
        yield Holds(grad(written, run.n[m]), true_s(m))
        yield Fails(lambda m=m: loss(A[m], Y), loss(A[M], Y))  # S(m) activations beside S(M) targets
    x, y = EQUAL.x[0], EQUAL.y[0]
    equal = record(EQUAL, x, y)
    for m in HIDDEN:
        as_printed = nn.sum_of_squares(equal.a[m], y.tolist())
        yield Fails(lambda as_printed=as_printed, m=m: grad(as_printed, equal.n[m]), true_s(m, EQUAL, x, y))


@restricted(
    "S0.29",
    r"=-2(y_i-a_i) \frac{\partial a_i}{\partial n_i^{(M)}}",
    "only the term j = i depends on the unit, if the activation is elementwise; in general the sum over j stays",
    printed="$m$ for $M$",
)
def only_the_own_output():
    run = record()
    yield Holds([-2 * (Y[i] - run.a[M][i].data) * grad(run.a[M][i], [run.n[M][i]])[0] for i in range(len(Y))], true_s(M))
    yield from _own_output_alone(record(EQUAL, EQUAL.x[0], EQUAL.y[0]), EQUAL, HIDDEN)
    yield from _own_output_alone(record(SOFTMAX, SOFTMAX.x[0], SOFTMAX.y[0]), SOFTMAX, [M])
    for m in HIDDEN:
        yield Fails(lambda m=m: -2 * (Y - A[m]) * np.diagonal(Fdot(run, m)), true_s(m))


def _own_output_alone(run, net, places):
    """At a hidden layer, or with softmax: the term j = i is not the derivative, the sum over all outputs is."""
    x, y = net.x[0], net.y[0]
    for m in places:
        a, n = run.a[M], run.n[m]
        slopes = [[grad(a_j, [n_i])[0] for a_j in a] for n_i in n]
        yield Holds([sum(-2 * (y[j] - a[j].data) * row[j] for j in range(len(a))) for row in slopes], true_s(m, net, x, y))
        own = run.a[m]
        printed = [-2 * (y[i] - own[i].data) * grad(own[i], [n[i]])[0] for i in range(len(n))]
        yield Fails(lambda printed=printed: printed, true_s(m, net, x, y))


@false(
    "S0.30",
    r"=-2(y_i-a_i) \dot f^{(M)}(n_i^{(M)})",
    "the derivative of the activation inserted",
    printed=r"$\frac{\partial a_i}{\partial n_i} f(n_i)$, two factors, for $\dot f(n_i)$",
)
def derivative_inserted():
    run = record()
    slopes = [local(NET.activations[M - 1], n_i.data) for n_i in run.n[M]]
    yield Holds([-2 * (Y[i] - A[M][i]) * slopes[i] for i in range(len(Y))], true_s(M))
    own = [grad(a_i, [n_i])[0] for a_i, n_i in zip(run.a[M], run.n[M], strict=True)]
    yield Fails(lambda: [-2 * (Y[i] - A[M][i]) * own[i] * run.a[M][i].data for i in range(len(Y))], true_s(M))


@false(
    "S0.31",
    r"\underline s^{(M)}=-2 \dot F^{(M)}(\underline n^{(M)}) (\underline y-\underline a)",
    "the start of the recursion as a matrix",
    printed=r"$F$ for $\dot F$, and $m$ for $M$",
)
def start_as_a_matrix():
    run = record()
    yield Holds(-2 * Fdot(run, M) @ (Y - A[M]), true_s(M))
    yield Holds(-2 * Fdot(run, M) @ (Y - A[M]), sensitivity(run, M))
    yield Fails(lambda: -2 * F(M) @ (Y - A[M]), true_s(M))
    yield from _started_at_a_hidden_layer()


def _started_at_a_hidden_layer():
    """The printed m for M: the shapes do not match, or if all layers are equally wide the numbers are wrong."""
    run, equal = record(), record(EQUAL, EQUAL.x[0], EQUAL.y[0])
    for m in HIDDEN:
        yield Fails(lambda m=m: -2 * Fdot(run, m) @ (Y - A[M]), true_s(m))
        yield Fails(lambda m=m: -2 * Fdot(equal, m) @ (EQUAL.y[0] - data(equal.a[M])), true_s(m, EQUAL, EQUAL.x[0], EQUAL.y[0]))


# --- the summary ----------------------------------------------------------------------------------------------------


definition(
    "S0.32",
    r"W_{ji}^{(m)}(k+1)=W_{ji}^{(m)}(k)-\alpha \frac{\partial J}{\partial W_{ji}^{(m)}(k)}",
    "the step again, with a capital letter",
    used_in=("S0.35", "S0.36"),
)

definition(
    "S0.33",
    r"b_i^{(m)}(k+1)=b_i^{(m)}(k)-\alpha \frac{\partial J}{\partial b_i^{(m)}(k)}",
    "the step of a bias",
    used_in="S0.38",
)


@verified(
    "S0.34", r"\frac{\partial J}{\partial W_{ji}^{(m)}}=s_i^{(m)}a_j^{(m-1)}", "what backward() leaves, and the matrix twin"
)
def gradient_left_by_backward():
    run = record()
    run.J.backward()
    gradients = nn.export_gradients(run.mlp, "transposed")
    twin = MatrixMLP.from_model(run.mlp).gradients([X], [Y], "sum_of_squares", reduction="sum")
    for m in LAYERS:
        s, a = [n_i.grad for n_i in run.n[m]], data(run.a[m - 1])
        product = [[s_i * a_j for s_i in s] for a_j in a]
        yield Holds(product, true_dW(m))
        yield Holds(gradients[m - 1][0], product)
        yield Holds(twin.weights[m - 1].T, product)


def step():
    """One step of all parameters on one example: their numbers at k and k + 1, and the forward and backward pass at k."""
    run = record()
    before = layers(run.mlp)
    run.J.backward()
    nn.SGD(run.mlp.parameters(), lr=ALPHA).step()
    return run, before, layers(run.mlp)


@verified(
    "S0.35",
    r"W_{ij}^{(m)}(k+1)=W_{ij}^{(m)}(k)-\alpha \frac{\partial J}{\partial W_{ij}^{(m)}(k)},\quad\frac{\partial J}{\partial W_{ij}^{(m)}}=s_j^{(m)}a_i^{(m-1)}",
    "the same with the indices renamed: i is now where the weight comes from",
)
def step_with_renamed_indices():
    run, before, after = step()
    for m in LAYERS:
        W, s, a = before[m - 1][0], [n.grad for n in run.n[m]], data(run.a[m - 1])
        p, q = W.shape
        yield Holds(after[m - 1][0], [[W[i, j] - ALPHA * s[j] * a[i] for j in range(q)] for i in range(p)])
        yield Holds(after[m - 1][0], W - ALPHA * true_dW(m))


@verified(
    "S0.36",
    r"W^{(m)}(k+1)=W^{(m)}(k)-\alpha \underline a^{(m-1)}\underline s^{(m)T}",
    "the step of a matrix: an outer product, p x q",
)
def step_by_an_outer_product():
    run, before, after = step()
    for m in LAYERS:
        a, s = data(run.a[m - 1])[:, np.newaxis], np.array([[n.grad] for n in run.n[m]])  # columns, p x 1 and q x 1
        yield Holds(after[m - 1][0], before[m - 1][0] - ALPHA * a @ s.T)
        yield Holds(after[m - 1][0], moved(NET, X, Y, ALPHA, ALPHA).weights[m - 1].T)


def delta(run, m):
    """The only delta that the notes define, S3.9: minus the derivative with respect to the pre-activation."""
    return -sensitivity(run, m)


@restricted(
    "S0.37",
    r"\frac{\partial J}{\partial b_i^{(m)}}=s_i^{(m)}",
    "the gradient of a bias; right if the printed letter is read as the sensitivity",
    printed=r"$\delta$ for $s$, defined in note 3 alone, as $-\partial J/\partial net$",
)
def bias_gradient_in_the_summary():
    run = record()
    run.J.backward()
    for m in LAYERS:
        yield Holds([n.grad for n in run.n[m]], true_db(m))
        yield Holds([b.grad for b in run.b[m]], sensitivity(run, m))
        yield Fails(lambda m=m: delta(run, m), true_db(m))


@restricted(
    "S0.38",
    r"b_i^{(m)}(k+1)=b_i^{(m)}(k)-\alpha s_i^{(m)}",
    "the step of a bias; with the delta of note 3 it would climb",
    printed=r"$\delta$ for $s$",
)
def bias_step_in_the_summary():
    run, before, after = step()
    for m in LAYERS:
        b, s = before[m - 1][1], sensitivity(run, m)
        yield Holds(after[m - 1][1], b - ALPHA * s)
        yield Holds(after[m - 1][1], b - ALPHA * true_db(m))
        yield Fails(lambda b=b, m=m: b - ALPHA * delta(run, m), after[m - 1][1])
    uphill = complex_step(lambda alpha: loss(forward(moved(NET, X, Y, 0, -alpha), X)[1][-1]), np.array(0.0))
    yield Holds(uphill, sum((delta(run, m) ** 2).sum() for m in LAYERS))


@false(
    "S0.39",
    r"\underline s^{(m)}=\dot F^{(m)}(\underline n^{(m)}) W^{(m+1)}\underline s^{(m+1)}",
    "the recursion in the summary",
    printed=r"$F$ for $\dot F$",
)
def recursion_in_the_summary():
    run = record()
    for m in HIDDEN:
        W, s = NET.weights[m].T, sensitivity(run, m + 1)
        yield Holds(Fdot(run, m) @ W @ s, true_s(m))
        yield Fails(lambda m=m, W=W, s=s: F(m) @ W @ s, true_s(m))


@false(
    "S0.40",
    r"\underline s^{(M)}=-2 \dot F^{(M)}(\underline n^{(M)}) (\underline y-\underline a)",
    "the start in the summary",
    printed=r"$\underline z^{(m)}$, defined nowhere, for $-2$; $F$ for $\dot F$; $m$ for $M$",
)
def start_in_the_summary():
    run = record()
    yield Holds(-2 * Fdot(run, M) @ (Y - A[M]), true_s(M))
    z = N[M]  # the letter of a pre-activation in notes 2 and 4
    yield Fails(lambda: z @ F(M) @ (Y - A[M]), true_s(M))  # a column beside a matrix can only be a row: a number comes out
    yield Fails(lambda: z * (Fdot(run, M) @ (Y - A[M])), true_s(M))  # even entry by entry, and with the dot
    yield Fails(lambda: -2 * F(M) @ (Y - A[M]), true_s(M))  # z as a misread -2: the dot is still missing
    yield from _started_at_a_hidden_layer()


def sweep(start):
    """The sensitivities of layers start, start - 1, ..., 1 by the recursion, from that of layer start."""
    run = record()
    s = {M: -2 * Fdot(run, M) @ (Y - A[M])} if start == M else {start: true_s(start)}
    for m in range(start - 1, 0, -1):
        s[m] = Fdot(run, m) @ NET.weights[m].T @ s[m + 1]
    return s


@restricted(
    "S0.41",
    r"\underline s^{(M)}\to\underline s^{(M-1)}\to\dots\to\underline s^{(1)}",
    "the order of the sweep: from the last layer, where a target is, to the first",
    printed="the first index $m$ for $M$",
)
def whole_sweep():
    s = sweep(M)
    everything = np.concatenate([true_s(m) for m in LAYERS])
    yield Holds(np.concatenate([s[m] for m in LAYERS]), everything)
    for m in HIDDEN:  # a sweep from there needs a start that only the layers above can give, and leaves those out
        yield Fails(lambda m=m: np.concatenate([sweep(m)[k] for k in range(1, m + 1)]), everything)
