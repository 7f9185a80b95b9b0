"""What is done with a Value in a first lecture: labels, gradients node by node, a picture drawn by a function of one's own."""

from engine import Value
from graphviz import Digraph

x1, x2 = Value(2.0, label="x1"), Value(0.5, label="x2")
w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
b = Value(6.25, label="b")
x1w1, x2w2 = x1 * w1, x2 * w2
x1w1.label, x2w2.label = "x1*w1", "x2*w2"
both = x1w1 + x2w2
both.label = "x1*w1 + x2*w2"
n = both + b
n.label = "n"
o = n.tanh()
o.label = "o"

# The backward pass by hand, one node after the other.
o.grad = 1.0
o._backward()
n._backward()
both._backward()
x2w2._backward()
x1w1._backward()
by_hand = [v.grad for v in (n, both, b, x1w1, x2w2, x1, w1, x2, w2)]


# The same in an order found by a function.
def topological(root):
    order, seen = [], set()

    def build(v):
        if v not in seen:
            seen.add(v)
            for child in v._prev:
                build(child)
            order.append(v)

    build(root)
    return order


order = topological(o)
for v in order:
    v.grad = 0.0
o.grad = 1.0
for v in reversed(order):
    v._backward()
by_order = [v.grad for v in (n, both, b, x1w1, x2w2, x1, w1, x2, w2)]

for v in order:
    v.grad = 0.0
o.backward()
by_backward = [v.grad for v in (n, both, b, x1w1, x2w2, x1, w1, x2, w2)]


def draw(root):
    dot = Digraph(graph_attr={"rankdir": "LR"})
    for v in topological(root):
        name = str(id(v))
        dot.node(name, f"{{ {v.label} | data {v.data:.4f} | grad {v.grad:.4f} }}", shape="record")
        if v._op:
            dot.node(name + v._op, v._op)
            dot.edge(name + v._op, name)
        for child in v._prev:
            dot.edge(str(id(child)), name + v._op)
    return dot


picture = draw(o)

# The same neuron with tanh taken apart.
e = (2 * n).exp()
o2 = (e - 1) / (e + 1)
for v in order:
    v.grad = 0.0
o2.backward()
taken_apart = [v.grad for v in (b, x1, w1, x2, w2)]
