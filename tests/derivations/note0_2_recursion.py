"""Note 0, second part: the recursion that carries a sensitivity back through a layer."""

import numpy as np

import autograd
from autograd import count_paths, grad, jacobian, paths
from tests.derivations.networks import ACTIVATIONS, DERIVATIVES, complex_step
from tests.derivations.note0 import (
    HIDDEN,
    LAYERS,
    NET,
    Fdot,
    N,
    data,
    local,
    preactivations,
    record,
    sensitivity,
    true_jacobian,
    true_s,
)
from tests.derivations.registry import Fails, Holds, false, fragment, notation, verified


@verified(
    "S0.14",
    r"\frac{\partial J}{\partial n_i^{(m)}}=\sum_{j=1}^{S^{(m+1)}}\frac{\partial J}{\partial n_j^{(m+1)}} \frac{\partial n_j^{(m+1)}}{\partial n_i^{(m)}}",
    "a sum over the units of the next layer: over all paths, sorted by the unit through which they lead",
)
def sum_over_the_next_layer():
    run = record()
    for m in HIDDEN:
        above = run.n[m + 1]
        terms = [[grad(run.J, [n_j])[0] * grad(n_j, [n_i])[0] for n_j in above] for n_i in run.n[m]]
        yield Holds(np.sum(terms, axis=1), true_s(m))
        by_paths = [[sum(p.product for p in paths(run.J, n_i) if n_j in p.nodes) for n_j in above] for n_i in run.n[m]]
        yield Holds(by_paths, terms)
        predicted = np.prod(NET.widths[m + 1 :])  # the widths of all later layers
        yield Holds([count_paths(run.J, n_i) for n_i in run.n[m]], np.full(len(run.n[m]), predicted))
        yield Holds([sum(1 for _ in paths(run.J, n_i)) for n_i in run.n[m]], np.full(len(run.n[m]), predicted))


@verified(
    "S0.15",
    r"\left[\frac{\partial J}{\partial\underline n^{(m)}}\right]_ i=\sum_{j=1}^{S^{(m+1)}}"
    r"\left[\frac{\partial\underline n^{(m+1)}}{\partial\underline n^{(m)}}\right]_ {ji}\left[\frac{\partial J}{\partial\underline n^{(m+1)}}\right]_ j",
    "the same with the Jacobian, by its column i",
)
def sum_by_the_jacobian():
    run = record()
    for m in HIDDEN:
        D, g = jacobian(run.n[m + 1], run.n[m]), grad(run.J, run.n[m + 1])
        yield Holds([sum(D[j][i] * g[j] for j in range(len(g))) for i in range(len(run.n[m]))], true_s(m))
        yield Holds(D, true_jacobian(m))


@verified(
    "S0.16",
    r"\frac{\partial J}{\partial\underline n^{(m)}}=\left[\frac{\partial\underline n^{(m+1)}}{\partial\underline n^{(m)}}\right]^T\frac{\partial J}{\partial\underline n^{(m+1)}}",
    "the same as a product of a matrix and a column",
)
def matrix_form():
    run = record()
    for m in HIDDEN:
        yield Holds(np.array(jacobian(run.n[m + 1], run.n[m])).T @ grad(run.J, run.n[m + 1]), true_s(m))


@verified(
    "S0.17",
    r"\underline s^{(m)}=\left[\frac{\partial\underline n^{(m+1)}}{\partial\underline n^{(m)}}\right]^T\frac{\partial J}{\partial\underline n^{(m+1)}}",
    "the same with the sensitivity at the left: what vjp gives",
)
def sensitivity_by_vjp():
    run = record()
    for m in HIDDEN:
        computed = autograd.vjp(run.n[m + 1], run.n[m], grad(run.J, run.n[m + 1]))
        yield Holds(computed, sensitivity(run, m))
        yield Holds(computed, true_s(m))


fragment("S0.18", r"\frac{\partial\underline n^{(m+1)}}{\partial\underline n^{(m)}}", "names the Jacobian")


@verified(
    "S0.19",
    r"\frac{\partial n_i^{(m+1)}}{\partial n_j^{(m)}}=\frac{\partial}{\partial n_j^{(m)}}\Big(\sum_{l=1}^{S^{(m)}}w_{li}^{(m+1)}a_l^{(m)}+b_i^{(m+1)}\Big)",
    "an entry of the Jacobian, with the sum inserted",
)
def entry_of_the_jacobian():
    run = record()
    for m in HIDDEN:
        sums = preactivations(run, m + 1)
        yield Holds([[grad(n_i, [n_j])[0] for n_j in run.n[m]] for n_i in sums], true_jacobian(m))
        yield Holds(jacobian(sums, run.n[m]), jacobian(run.n[m + 1], run.n[m]))


@verified(
    "S0.20",
    r"=w_{ji}^{(m+1)} \frac{\partial a_j^{(m)}}{\partial n_j^{(m)}}",
    "of the sum, only the term l = j depends on unit j",
)
def one_term_of_the_sum():
    run = record()
    for m in HIDDEN:
        a, n, W = run.a[m], run.n[m], run.W[m + 1]
        q, r = len(n), len(run.n[m + 1])
        yield Holds(np.array(jacobian(a, n)) == 0, ~np.eye(q, dtype=bool))  # no other activation does: exact zeros
        yield Holds([[W[j][i].data * grad(a[j], [n[j]])[0] for j in range(q)] for i in range(r)], true_jacobian(m))


@verified("S0.21", r"=w_{ji}^{(m+1)} \frac{\partial f^{(m)}(n_j^{(m)})}{\partial n_j^{(m)}}", "since a is f of n")
def derivative_of_f():
    run = record()
    for m in HIDDEN:
        W, f = run.W[m + 1], NET.activations[m - 1]
        slopes = [local(f, n_j.data) for n_j in run.n[m]]
        computed = [[W[j][i].data * slopes[j] for j in range(len(slopes))] for i in range(len(run.n[m + 1]))]
        yield Holds(computed, true_jacobian(m))
        yield Holds(slopes, DERIVATIVES[f](N[m]))


notation(
    "S0.22",
    r"\frac{\partial f^{(m)}(n_j^{(m)})}{\partial n_j^{(m)}}\equiv\dot f^{(m)}(n_j^{(m)})",
    "names the last factor",
    printed=r"as a next line, $\equiv\dot f^{(m)}(n_j^{(m)})$ alone, which would drop $w_{ji}$",
    reason="a label under a factor, printed as if it were a line of its own; it defines a name and claims no number",
)


@verified(
    "S0.23",
    r"\frac{\partial\underline n^{(m+1)}}{\partial\underline n^{(m)}}=[W^{(m+1)}]^T \dot F^{(m)}(\underline n^{(m)})",
    "the Jacobian of a layer as a matrix, r x q",
)
def jacobian_of_a_layer():
    run = record()
    for m in HIDDEN:
        computed = NET.weights[m] @ Fdot(run, m)  # NET.weights[m] is the transpose of the note's W(m+1)
        yield Holds(computed, jacobian(run.n[m + 1], run.n[m]))
        yield Holds(computed, true_jacobian(m))


fragment("S0.24", r"\dot F^{(m)}(\underline n^{(m)})=", "the left side of the next formula; its dot is missing in print")


@false(
    "S0.25",
    r"\dot F^{(m)}=\mathrm{diag}\big(\dot f^{(m)}(n_1^{(m)}),\dots,\dot f^{(m)}(n_{S^{(m)}}^{(m)})\big)",
    "the derivatives of a layer as a diagonal matrix; beside the diagonal exact zeros",
    printed=r"$f$ on the diagonal for $\dot f$",
)
def diagonal_of_derivatives():
    run = record()
    for m in LAYERS:
        f = NET.activations[m - 1]
        true = complex_step(ACTIVATIONS[f], N[m])
        yield Holds(Fdot(run, m), np.diag(DERIVATIVES[f](N[m])))
        yield Holds(Fdot(run, m), true)
        yield Holds(Fdot(run, m) == 0, ~np.eye(len(N[m]), dtype=bool))
        yield Fails(lambda m=m: np.diag(data(run.a[m])), true)


@verified(
    "S0.26",
    r"\underline s^{(m)}=\left[\frac{\partial\underline n^{(m+1)}}{\partial\underline n^{(m)}}\right]^T\underline s^{(m+1)}"
    r"=\left\lbrace [W^{(m+1)}]^T\dot F^{(m)}\right\rbrace^T\underline s^{(m+1)}=\dot F^{(m)}W^{(m+1)}\underline s^{(m+1)}",
    "the recursion, in all three lines: the transposes are right because a diagonal matrix is its own transpose",
)
def recursion():
    run = record()
    for m in HIDDEN:
        F, W, s = Fdot(run, m), NET.weights[m].T, sensitivity(run, m + 1)
        lines = [np.array(jacobian(run.n[m + 1], run.n[m])).T @ s, (W.T @ F).T @ s, F @ W @ s]
        yield Holds(lines, [true_s(m)] * 3)
