"""micrograd's demo: an MLP learns the two moons."""
# ruff: noqa: B905, NPY002  (as such programs are written)

import random

import numpy as np
from micrograd.engine import Value
from micrograd.nn import MLP
from sklearn.datasets import make_moons  # before the seeds: the first import of scikit-learn may draw from `random`

np.random.seed(1337)
random.seed(1337)

X, y = make_moons(n_samples=100, noise=0.1)
y = y * 2 - 1  # -1 or 1

model = MLP(2, [16, 16, 1])
start = [p.data for p in model.parameters()]


def loss():
    inputs = [list(map(Value, row)) for row in X]
    scores = list(map(model, inputs))
    margins = [(1 + -yi * score).relu() for yi, score in zip(y, scores)]
    data_loss = sum(margins) * (1.0 / len(margins))
    reg_loss = 1e-4 * sum(p * p for p in model.parameters())
    right = [(yi > 0) == (score.data > 0) for yi, score in zip(y, scores)]
    return data_loss + reg_loss, sum(right) / len(right)


losses, accuracies = [], []
for k in range(100):
    total, accuracy = loss()
    model.zero_grad()
    total.backward()
    for p in model.parameters():
        p.data -= (1.0 - 0.9 * k / 100) * p.grad
    losses.append(total.data)
    accuracies.append(accuracy)
