"""micrograd's networks, used by all of their names, and a module of one's own."""
# ruff: noqa: B905  (as such programs are written)

import random

from micrograd.engine import Value
from micrograd.nn import MLP, Layer, Module, Neuron

random.seed(3)
model = MLP(3, [4, 2])
first = random.Random(3).uniform(-1, 1)
shown, count = repr(model), len(model.parameters())

for layer in model.layers:
    for i, neuron in enumerate(layer.neurons):
        neuron.b.data = 0.1 * i
for j in range(3):
    model.layers[0].neurons[1].w[j].data = 0.5 - j
weights = [[[w.data for w in neuron.w] for neuron in layer.neurons] for layer in model.layers]
biases = [[neuron.b.data for neuron in layer.neurons] for layer in model.layers]

x = [1.0, -2, Value(0.5)]
outputs = model(x)
loss = sum((o - 1) ** 2 for o in outputs)
loss.backward()
gradient = [p.grad for p in model.parameters()]
model.zero_grad()
zeroed = [p.grad for p in model.parameters()]


class TanhLike(Neuron):
    """A neuron that computes something else."""

    def __call__(self, x):
        act = sum((wi * xi for wi, xi in zip(self.w, x)), self.b)
        return act / (1 + act * act)


class Mixture(Module):
    """Two parts and a weight between them; its parameters are listed by hand."""

    def __init__(self, nin):
        self.straight = Neuron(nin, nonlin=False)
        self.bent = TanhLike(nin)
        self.layer = Layer(2, 2, nonlin=False)
        self.share = Value(0.25)

    def __call__(self, x):
        a, b = self.layer([self.straight(x), self.bent(x)])
        return self.share * a + (1 - self.share) * b

    def parameters(self):
        return [*self.straight.parameters(), *self.bent.parameters(), *self.layer.parameters(), self.share]


mixture = Mixture(2)
start = [p.data for p in mixture.parameters()]
out = mixture([0.5, -1.0])
out.backward()
slopes = [p.grad for p in mixture.parameters()]
mixture.zero_grad()
still = [p.grad for p in mixture.parameters()]
