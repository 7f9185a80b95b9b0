"""A network written by the user on nothing but Value, and Adam that keeps its averages on the nodes."""
# ruff: noqa: B905, RUF005  (as such programs are written)

import random

from micrograd.engine import Value


class Neuron:
    def __init__(self, nin):
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(random.uniform(-1, 1))

    def __call__(self, x):
        act = sum((wi * xi for wi, xi in zip(self.w, x)), self.b)
        return act.relu() + 0.1 * act

    def parameters(self):
        return self.w + [self.b]


class Layer:
    def __init__(self, nin, nout):
        self.neurons = [Neuron(nin) for _ in range(nout)]

    def __call__(self, x):
        outs = [n(x) for n in self.neurons]
        return outs[0] if len(outs) == 1 else outs

    def parameters(self):
        return [p for neuron in self.neurons for p in neuron.parameters()]


class MLP:
    def __init__(self, nin, nouts):
        sizes = [nin] + nouts
        self.layers = [Layer(sizes[i], sizes[i + 1]) for i in range(len(nouts))]

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]


random.seed(7)
model = MLP(3, [4, 4, 1])
start = [p.data for p in model.parameters()]
xs = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1, 1], [1, 1.0, -1.0]]
ys = [1.0, -1.0, -1.0, 1]

for p in model.parameters():
    p.m = p.v = 0.0

losses = []
for k in range(1, 41):
    loss = sum((model(x) - y) ** 2 for x, y in zip(xs, ys)) / len(xs)
    for p in model.parameters():
        p.grad = 0
    loss.backward()
    for p in model.parameters():
        p.m = 0.9 * p.m + 0.1 * p.grad
        p.v = 0.99 * p.v + 0.01 * p.grad**2
        p.data -= 0.05 * (p.m / (1 - 0.9**k)) / ((p.v / (1 - 0.99**k)) ** 0.5 + 1e-8)
    losses.append(loss.data)
