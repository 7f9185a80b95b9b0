"""Operations that micrograd has not, written by its user as closures, and added to the class as methods."""

import math

from micrograd.engine import Value


def tanh(self):
    t = math.tanh(self.data)
    out = Value(t, (self,), "tanh")

    def _backward():
        self.grad += (1 - t**2) * out.grad

    out._backward = _backward
    return out


def exp(self):
    out = Value(math.exp(self.data), (self,), "exp")

    def _backward():
        self.grad += out.data * out.grad

    out._backward = _backward
    return out


def mean(values):
    """One node with many children."""
    out = Value(sum(v.data for v in values) / len(values), values, "mean")

    def _backward():
        for v in values:
            v.grad += out.grad / len(values)

    out._backward = _backward
    return out


Value.tanh = tanh
Value.exp = exp

x, y = Value(0.25), Value(-0.75)
z = mean([(x * y).tanh(), (x + 2 * y).exp(), x, x])
out = 3 * z.tanh() + y / z
out.backward()
