"""Note 2: the network as composed functions, sigmoid in every layer, half the sum of squares."""

import numpy as np

from autograd import jacobian
from tests.derivations.networks import complex_step, forward, model, network, with_weights
from tests.derivations.registry import Holds, definition, verified

NET = network([3, 4, 5, 2], examples=7, seed=2)
X, Y = NET.x[0], NET.y[0]
Z, A = forward(NET, X)


definition("S2.1", r"z^l = W^l a^{l-1} + b^l", "the pre-activation", used_in="S2.23", printed="$*$ for the product; $b$ without $l$")


@verified("S2.23", r"\frac{\partial z^{l+1}}{\partial a^l} = W^{l+1}", "the Jacobian of a layer is its weights")
def jacobian_of_a_layer():
    trace = model(NET).trace(X.tolist())
    for l in (1, 2):
        computed = jacobian(trace.pre_activations[l], trace.activations[l - 1])
        yield Holds(computed, NET.weights[l])
        yield Holds(computed, complex_step(lambda a, l=l: NET.weights[l] @ a + NET.biases[l], A[l]))
