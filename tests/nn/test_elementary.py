"""Activations built of elementary steps: the same values and gradients as the single nodes, and the derivation in the graph."""

import math

import pytest

import autograd
from autograd import Value, grad, topological_order
from nn import MLP, Neuron, elementary

NAMES = ["sigmoid", "tanh", "softplus", "relu", "leaky_relu", "elu", "silu", "gelu"]
POINTS = [-4.0, -1.5, -0.2, 0.3, 1.0, 4.0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("at", POINTS)
def test_they_equal_the_single_nodes(name, at):
    z, single = Value(at), Value(at)
    steps, node = getattr(elementary, name)(z), getattr(autograd, name)(single)
    # Sums like 1 + e^-z and e^z - e^-z round at 1e-16 of numbers up to e^4 = 55 times the result.
    assert steps.data == pytest.approx(node.data, rel=1e-13)
    assert grad(steps, [z]) == pytest.approx(grad(node, [single]), rel=1e-12)
    assert getattr(elementary, name)(at) == steps.data  # on plain numbers too


def test_they_are_made_of_more_than_one_step():
    for name in set(NAMES) - {"relu"}:
        operations = [n for n in topological_order(getattr(elementary, name)(Value(0.5))) if n.op is not None]
        assert len(operations) > 2
        assert name not in {n.op.name for n in operations}
    assert elementary.relu(Value(0.5)).op.name == "maximum"


def test_softmax():
    zs = [Value(x) for x in (0.3, -1.2, 2.0)]
    single = [Value(x) for x in (0.3, -1.2, 2.0)]
    for p, q in zip(elementary.softmax(zs), autograd.softmax(single), strict=True):
        assert p.data == pytest.approx(q.data, rel=1e-14)
        assert grad(p, zs) == pytest.approx(grad(q, single), rel=1e-13)


def test_slopes_and_alphas():
    assert elementary.leaky_relu(Value(-2.0), 0.5).data == -1.0
    assert elementary.elu(Value(-1.0), 2.0).data == pytest.approx(2 * math.expm1(-1.0), rel=1e-15)
    assert elementary.leaky_relu(-2.0) == autograd.leaky_relu(-2.0)


def test_the_chain_rule_of_the_sigmoid_is_its_derivation():
    # sigma = 1 / u, u = 1 + v, v = e^w, w = -z:
    # d sigma/dz = (-1/u^2) (1) (e^w) (-1) = e^-z / (1 + e^-z)^2 = sigma (1 - sigma), S2.18
    z = Value(0.8)
    sigma = elementary.sigmoid(z)
    u = sigma.inputs[1]
    v = u.inputs[1]
    w = v.inputs[0]
    assert [n._op for n in (sigma, u, v, w)] == ["/", "+", "exp", "neg"]
    assert w.inputs == (z,)
    factors = [sigma.partials[1], u.partials[1], v.partials[0], w.partials[0]]
    e = math.exp(-0.8)
    assert factors == pytest.approx([-1 / (1 + e) ** 2, 1.0, e, -1.0], rel=1e-15)
    s = 1 / (1 + e)
    assert math.prod(factors) == pytest.approx(s * (1 - s), rel=1e-15)
    assert grad(sigma, [z]) == pytest.approx([s * (1 - s)], rel=1e-15)


def test_the_chain_rule_of_tanh_is_its_derivation():
    # With p = e^z, q = e^-z: tanh = (p - q) / (p + q). Numerator and denominator each reach z over two paths:
    # dtanh/dz = (p + q) / (p + q) - (p - q) (p - q) / (p + q)^2 = 1 - tanh^2, S4.101
    z = Value(0.8)
    out = elementary.tanh(z)
    above, below = out.inputs
    p, q = math.exp(0.8), math.exp(-0.8)
    assert grad(above, [z]) == pytest.approx([p + q], rel=1e-15)
    assert grad(below, [z]) == pytest.approx([p - q], rel=1e-15)
    assert out.partials == pytest.approx([1 / (p + q), -(p - q) / (p + q) ** 2], rel=1e-15)
    assert grad(out, [z]) == pytest.approx([1 - math.tanh(0.8) ** 2], rel=1e-14)
    uses = [n for n in topological_order(out) for source in n.inputs if source is z]
    assert [n._op for n in uses] == ["exp", "neg"]


def test_as_the_activation_of_a_network():
    steps = MLP(2, [3, 1], activation=elementary.tanh, seed=0)
    nodes = MLP(2, [3, 1], activation="tanh", seed=0)
    one, two = steps([0.5, -1.0]), nodes([0.5, -1.0])
    one.backward()
    two.backward()
    assert one.data == pytest.approx(two.data, rel=1e-13)
    expected = [p.grad for p in nodes.parameters()]
    assert [p.grad for p in steps.parameters()] == pytest.approx(expected, rel=1e-12)
    assert repr(steps.layers[0].neurons[0]) == "tanhNeuron(2)"


def test_a_linear_neuron_has_no_activation_node():
    neuron = Neuron(2, nonlin=False, seed=0)
    out = neuron([1.0, 2.0])
    w, b = neuron.w, neuron.b
    assert out.data == b.data + w[0].data * 1.0 + w[1].data * 2.0
    assert {n._op for n in topological_order(out)} == {"", "+", "*"}
