"""Note 1, the elements: its variables, and the chain rule with every index written out."""

from functools import partial

import numpy as np

from tests.derivations.networks import ACTIVATIONS, DERIVATIVES, complex_step
from tests.derivations.note1 import B, G, L, N, d, data, dE_dA_by_hand, dE_dW_by_hand, every, layers, slopes
from tests.derivations.registry import Fails, Holds, definition, false, restricted, verified

# --- the variables ----------------------------------------------------------------------------------------------------

definition(
    "S1.i1",
    r"X_{ij},\quad 0 \le i < N,\ 0 \le j < K^{(0)} = K + 1,\quad X_{i0} = 1",
    "examples are rows; feature 0 is the bias",
    used_in=("S1.16", "S1.17"),
)
definition(
    "S1.i2",
    r"W^{(l)}_ {ij},\quad 0 \le l < L,\ 0 \le i < K^{(l)},\ 0 \le j < K^{(l+1)}",
    "a weight leads from unit i to unit j",
    used_in="S1.1",
)
definition("S1.i3", r"A^l = Z^l W^l,\quad 0 \le l < L,\quad Z^0 = X", "pre-activations, N rows of them", used_in="S1.i4")


@false(
    "S1.i4",
    r"Z^l = f^{l-1}(A^{l-1}),\quad 1 \le l \le L",
    "the outputs of each layer, the last included",
    printed=r"$1 \le l < L$, which leaves the output $Y = Z^L$ undefined",
)
def outputs_of_each_layer():
    Z, A = layers(B)
    for l in range(1, L + 1):
        yield Holds(data(G.Z[l]), ACTIVATIONS[B.f[l - 1]](A[l - 1]))
        yield Holds(data(G.A[l - 1]), data(G.Z[l - 1]) @ B.W[l - 1])
    printed = [B.X] + [ACTIVATIONS[B.f[l - 1]](A[l - 1]) for l in range(1, L)]
    yield Fails(lambda: printed[-1], Z[L])  # the last one that the printed range defines is not Y


definition("S1.i5", r"f^l(A^l) = f^l(Z^l W^l)", "the activation function of a layer, elementwise", used_in=("S1.8", "S1.18"))
definition(
    "S1.i6",
    r"Y_{ij},\ 0 \le i < N,\ 0 \le j < K^{(L)},\quad Y = Z^L",
    "the output",
    used_in="S1.15",
    printed=r"$\tilde Y$ here only",
)
definition("S1.i7", r"T_{ij},\quad 0 \le i < N,\ 0 \le j < K^{(L)}", "the targets", used_in="S1.15")
definition("S1.i8", r"E(Y, T) = E(Z^{(L)})", "any differentiable error of the whole batch", used_in=("S1.1", "S1.7"))


# --- the derivative in the weights ------------------------------------------------------------------------------------


@verified(
    "S1.1",
    r"\frac{\partial E}{\partial W^l_{ij}} = \sum_{s,t} \frac{\partial E}{\partial A^l_{st}} \frac{\partial A^l_{st}}{\partial W^l_{ij}}",
    "the chain rule, over every pre-activation of the layer and the batch",
)
def chain_rule_for_the_weights():
    for E, e, l in every(L - 1):
        computed = np.einsum("st,stij->ij", d(e, G.A[l]), d(G.A[l], G.W[l]))
        yield Holds(computed, dE_dW_by_hand(B, E, l))
        yield Holds(computed, d(e, G.W[l]))


definition("S1.2", r"A^l_{st} = \sum_k Z^l_{sk} W^l_{kt}", "one pre-activation", used_in=("S1.3", "S1.4"))


@restricted(
    "S1.3",
    r"\frac{\partial A^l_{st}}{\partial W^l_{ij}} = \sum_k Z^l_{sk} \delta_{ki} \delta_{tj}",
    "a weight acts on one column only, through one input",
    printed=r"without $\sum_k$: right if a repeated index is summed, which the note does nowhere else",
)
def deltas_of_a_layer():
    for l in range(L):
        Z, delta_ki, delta_tj = data(G.Z[l]), np.eye(B.W[l].shape[0]), np.eye(B.W[l].shape[1])
        right = complex_step(lambda W, Z=Z: np.einsum("sk,kt->st", Z, W), B.W[l])
        yield Holds(np.einsum("sk,ki,tj->stij", Z, delta_ki, delta_tj), right)
        yield Holds(d(G.A[l], G.W[l]), right)
        yield Fails(partial(np.einsum, "sk,ki,tj->stijk", Z, delta_ki, delta_tj), right)  # k is free: one index too many
        for k in range(len(delta_ki)):  # nor is it right for any one k
            yield Fails(partial(np.einsum, "s,i,tj->stij", Z[:, k], delta_ki[k], delta_tj), right)


@verified(
    "S1.4",
    r"\frac{\partial A^l_{st}}{\partial W^l_{ij}} = Z^l_{si} \delta_{tj}",
    "the sum contracted; exact zeros off the column",
)
def deltas_contracted():
    for l in range(L):
        expected = np.einsum("si,tj->stij", data(G.Z[l]), np.eye(B.W[l].shape[1]))
        computed = d(G.A[l], G.W[l])
        yield Holds(computed, complex_step(lambda W, l=l: layers(B)[0][l] @ W, B.W[l]))
        yield Holds(computed, expected)
        yield Holds(computed == 0, expected == 0)


@verified(
    "S1.5",
    r"\frac{\partial E}{\partial W^l_{ij}} = \sum_{s,t} \frac{\partial E}{\partial A^l_{st}} Z^l_{si} \delta_{tj}",
    "the deltas in the chain rule",
)
def deltas_in_the_chain_rule():
    for E, e, l in every(L - 1):
        delta_tj = np.eye(B.W[l].shape[1])
        computed = np.einsum("st,si,tj->ij", d(e, G.A[l]), data(G.Z[l]), delta_tj)
        yield Holds(computed, dE_dW_by_hand(B, E, l))


@verified(
    "S1.6",
    r"\frac{\partial E}{\partial W^l_{ij}} = \sum_s \frac{\partial E}{\partial A^l_{sj}} Z^l_{si}",
    "only the sum over the batch is left",
)
def sum_over_the_batch():
    for E, e, l in every(L - 1):
        yield Holds(np.einsum("sj,si->ij", d(e, G.A[l]), data(G.Z[l])), dE_dW_by_hand(B, E, l))


# --- the derivative in the pre-activations ----------------------------------------------------------------------------


@verified(
    "S1.7",
    r"\frac{\partial E}{\partial A^l_{sj}} = \sum_{u,v} \frac{\partial E}{\partial A^{l+1}_ {uv}} \frac{\partial A^{l+1}_ {uv}}{\partial A^l_{sj}}",
    "the chain rule to the next layer",
)
def chain_rule_to_the_next_layer():
    for E, e, l in every(L - 2):
        computed = np.einsum("uv,uvsj->sj", d(e, G.A[l + 1]), d(G.A[l + 1], G.A[l]))
        yield Holds(computed, dE_dA_by_hand(B, E, l))
        yield Holds(computed, d(e, G.A[l]))


@verified(
    "S1.8",
    r"\frac{\partial E}{\partial A^l_{sj}} = \sum_{u,v} \frac{\partial E}{\partial A^{l+1}_ {uv}} \frac{\partial}{\partial A^l_{sj}}"
    r"\Big(\sum_p [f^l(A^l)]_ {up} W^{l+1}_ {pv}\Big)",
    "the next layer inserted",
)
def next_layer_inserted():
    for E, e, l in every(L - 2):
        inserted = G.Z[l + 1] @ B.W[l + 1]  # a graph of its own, from A^l through f^l
        yield Holds(data(inserted), layers(B)[1][l + 1])
        yield Holds(np.einsum("uv,uvsj->sj", d(e, G.A[l + 1]), d(inserted, G.A[l])), dE_dA_by_hand(B, E, l))


@verified(
    "S1.9",
    r"\frac{\partial E}{\partial A^l_{sj}} = \sum_{u,v} \frac{\partial E}{\partial A^{l+1}_ {uv}}"
    r"\Big(\sum_p [\partial_A f^l(A^l)]_ {up} \delta_{su} \delta_{jp} W^{l+1}_ {pv}\Big)",
    "an elementwise function depends on its own entry only",
)
def elementwise_function():
    for E, e, l in every(L - 2):
        delta_su, delta_jp, slope = np.eye(N), np.eye(B.W[l].shape[1]), slopes(G.Z[l + 1])
        computed = np.einsum("uv,up,su,jp,pv->sj", d(e, G.A[l + 1]), slope, delta_su, delta_jp, B.W[l + 1])
        yield Holds(computed, dE_dA_by_hand(B, E, l))
        of_f = d(G.Z[l + 1], G.A[l])
        yield Holds(of_f, np.einsum("up,us,pj->upsj", DERIVATIVES[B.f[l]](layers(B)[1][l]), delta_su, delta_jp))
        yield Holds(of_f != 0, np.einsum("us,pj->upsj", delta_su, delta_jp))


@verified(
    "S1.10",
    r"\frac{\partial E}{\partial A^l_{sj}} = \sum_{u,v} \frac{\partial E}{\partial A^{l+1}_ {uv}}"
    r"\big([\partial_A f^l(A^l)]_ {uj} \delta_{su} W^{l+1}_ {jv}\big)",
    "the sum over p contracted",
)
def units_contracted():
    for E, e, l in every(L - 2):
        computed = np.einsum("uv,uj,su,jv->sj", d(e, G.A[l + 1]), slopes(G.Z[l + 1]), np.eye(N), B.W[l + 1])
        yield Holds(computed, dE_dA_by_hand(B, E, l))


@verified(
    "S1.11",
    r"\frac{\partial E}{\partial A^l_{sj}} = \sum_v \frac{\partial E}{\partial A^{l+1}_ {sv}} \big([\partial_A f^l(A^l)]_ {sj} W^{l+1}_ {jv}\big)",
    "the sum over u contracted: examples do not mix",
)
def examples_contracted():
    for E, e, l in every(L - 2):
        computed = np.einsum("sv,sj,jv->sj", d(e, G.A[l + 1]), slopes(G.Z[l + 1]), B.W[l + 1])
        yield Holds(computed, dE_dA_by_hand(B, E, l))
