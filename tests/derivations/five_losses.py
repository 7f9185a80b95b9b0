"""The losses of the five notes in NumPy, by hand, and two networks to try them on.

Of the table of notations nothing is read but the names.
"""

import numpy as np

from nn import NOTATIONS
from tests.derivations.networks import complex_step, forward, network, with_bias, with_weights

BAR = 1e-12  # of the largest entry
SQUARES, ENTROPY = "half_sum_of_squares", "cross_entropy"
N = 6  # unlike every width, and not 2, where 2/N is 1
NETS = {
    SQUARES: network([3, 4, 5, 2], examples=N, seed=3),
    ENTROPY: network([3, 4, 5, 2], examples=N, output="softmax", seed=3),
}
NAMES = list(NOTATIONS)
CASES = [(loss, name) for loss in NETS for name in NAMES]
OUTPUTS = {SQUARES: "sigmoid", ENTROPY: "softmax"}


def close(computed, expected):
    computed, expected = np.asarray(computed, dtype=float), np.asarray(expected, dtype=float)
    assert computed.shape == expected.shape
    assert np.abs(computed - expected).max() <= BAR * np.abs(expected).max()
    return True


def entropy(a, y):
    return -(y * np.log(a)).sum(axis=-1)


OWN = {  # each note's loss, of the outputs of a batch and its targets, as printed; one example of notes 0 and 2 at a time
    (SQUARES, "sensitivities"): lambda a, y: ((y - a) * (y - a)).sum(),
    (SQUARES, "batches"): lambda a, y: 0.5 * ((a - y) ** 2).sum(),
    (SQUARES, "composed_functions"): lambda a, y: 0.5 * ((a - y) ** 2).sum(),
    (SQUARES, "delta_rule"): lambda a, y: sum(0.5 * ((y_i - a_i) ** 2).sum() for a_i, y_i in zip(a, y, strict=True)),
    (SQUARES, "feed_forward"): lambda a, y: 1 / len(a) * ((a - y) ** 2).sum(),
    (ENTROPY, "sensitivities"): lambda a, y: entropy(a, y).sum(),
    (ENTROPY, "batches"): lambda a, y: entropy(a, y).sum(),
    (ENTROPY, "composed_functions"): lambda a, y: entropy(a, y).sum(),
    (ENTROPY, "delta_rule"): lambda a, y: entropy(a, y).sum(),
    (ENTROPY, "feed_forward"): lambda a, y: entropy(a, y).mean(),
}


def own_gradients(loss, name):
    """The gradients of the note's own loss by complex step: for each layer in W, d_l x d_(l-1), and in b."""
    net, own = NETS[loss], OWN[loss, name]
    for k in (1, 2, 3):
        in_w = complex_step(lambda w, k=k: own(forward(with_weights(net, k, w), net.x)[1][-1], net.y), net.weights[k - 1])
        in_b = complex_step(lambda b, k=k: own(forward(with_bias(net, k, b), net.x)[1][-1], net.y), net.biases[k - 1])
        yield in_w, in_b
