"""A language model of seven tokens, in the manner of a GPT of 200 lines: lists of lists of Values, and nothing else."""
# ruff: noqa: B905  (as such programs are written)

import random

from microgpt import Value

random.seed(1)
words = ["abba", "baobab", "cab", "boa", "ada", "dab"] * 2
letters = sorted(set("".join(words)))
END = len(letters)
tokens = END + 1
n_embd, n_head, block_size = 6, 2, 6
head_dim = n_embd // n_head


def matrix(rows, columns):
    return [[Value(random.gauss(0, 0.4)) for _ in range(columns)] for _ in range(rows)]


state = {
    "token": matrix(tokens, n_embd),
    "position": matrix(block_size, n_embd),
    "query": matrix(n_embd, n_embd),
    "key": matrix(n_embd, n_embd),
    "value": matrix(n_embd, n_embd),
    "output": matrix(n_embd, n_embd),
    "up": matrix(2 * n_embd, n_embd),
    "down": matrix(n_embd, 2 * n_embd),
    "head": matrix(tokens, n_embd),
}
params = [p for m in state.values() for row in m for p in row]
start = [p.data for p in params]


def dot(xs, ys):
    """An operation of one's own: its number, its children, and the derivative in each of them."""
    data = sum(x.data * y.data for x, y in zip(xs, ys))
    return Value(data, (*xs, *ys), (*[y.data for y in ys], *[x.data for x in xs]))


def linear(x, w):
    return [sum(wi * xi for wi, xi in zip(row, x)) for row in w]


def softmax(logits):
    largest = max(v.data for v in logits)
    exps = [(v - largest).exp() for v in logits]
    total = sum(exps)
    return [e / total for e in exps]


def rmsnorm(x):
    mean_square = sum(xi * xi for xi in x) / len(x)
    scale = (mean_square + 1e-5) ** -0.5
    return [xi * scale for xi in x]


def gpt(token, position, keys, values):
    x = [t + p for t, p in zip(state["token"][token], state["position"][position])]
    x = rmsnorm(x)
    residual = x
    x = rmsnorm(x)
    q = linear(x, state["query"])
    keys.append(linear(x, state["key"]))
    values.append(linear(x, state["value"]))
    attended = []
    for h in range(0, n_embd, head_dim):
        scores = [dot(q[h : h + head_dim], k[h : h + head_dim]) / head_dim**0.5 for k in keys]
        weights = softmax(scores)
        attended += [sum(w * v[h + j] for w, v in zip(weights, values)) for j in range(head_dim)]
    x = [a + r for a, r in zip(linear(attended, state["output"]), residual)]
    residual = x
    x = [xi.relu() for xi in linear(rmsnorm(x), state["up"])]
    x = [a + r for a, r in zip(linear(x, state["down"]), residual)]
    return linear(x, state["head"])


m, v = [0.0] * len(params), [0.0] * len(params)
steps = len(words)
losses = []
for step in range(steps):
    word = words[step]
    sequence = [END, *map(letters.index, word), END]
    keys, values, terms = [], [], []
    for position in range(min(block_size, len(sequence) - 1)):
        probs = softmax(gpt(sequence[position], position, keys, values))
        terms.append(-probs[sequence[position + 1]].log())
    loss = (1 / len(terms)) * sum(terms)
    loss.backward()
    rate = 0.05 * (1 - step / steps)
    for i, p in enumerate(params):
        m[i] = 0.9 * m[i] + 0.1 * p.grad
        v[i] = 0.95 * v[i] + 0.05 * p.grad**2
        p.data -= rate * (m[i] / (1 - 0.9 ** (step + 1))) / ((v[i] / (1 - 0.95 ** (step + 1))) ** 0.5 + 1e-8)
        p.grad = 0
    losses.append(loss.data)


# What the engine recorded: the same pass once more by a loop of one's own.
def topological(root):
    order, seen, rest = [], set(), [(root, False)]
    while rest:
        node, done = rest.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            rest.append((node, True))
            rest.extend((child, False) for child in node._children)
    return order


p = softmax(gpt(END, 0, [], []))[0]
p.backward()
by_backward = [param.grad for param in params]
order = topological(p)
edges = sum(len(node._children) for node in order)
gradient = dict.fromkeys(order, 0.0)
gradient[p] = 1.0
for node in reversed(order):
    for child, local_grad in zip(node._children, node._local_grads):
        gradient[child] += local_grad * gradient[node]
by_loop = [gradient.get(param, 0.0) for param in params]
