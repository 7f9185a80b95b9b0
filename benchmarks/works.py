"""The works of ``compiled.py``: networks with data, and the engines that compute their loss and gradient.

Every engine is a function of a ``Work``, written as its users would write it. It prepares all it can, and returns
``(step, gradient)``: ``step()`` computes the loss and its whole gradient once; ``gradient()`` returns the loss and the gradient
as plain floats, neuron by neuron, weights before the bias, so that they can be compared. Parameters, data and compiled code are
made once, outside ``step``; all numbers are float64.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

Prepared = tuple[Callable[[], Any], Callable[[], tuple[float, list[float]]]]


class Work(NamedTuple):
    """A network, its loss and its examples."""

    data: str  # moons or digits
    examples: int
    widths: tuple[int, ...]
    activation: str
    loss: str  # a name from nn.LOSSES
    one_graph: bool = False  # whether our engine also records all examples as one graph

    def numbers(self) -> tuple[Any, Any, Any]:
        """The inputs, N x d_0; the targets, N x d_L (-1 and 1, or one-hot); and the parameters, flat."""
        import nn

        if self.data == "moons":
            data = nn.data.moons(max(self.examples, 2), seed=1)
            x, y = np.array(data.x)[: self.examples], 2.0 * np.array(data.y)[: self.examples, None] - 1
        else:
            data = nn.data.digits()
            x, y = np.array(data.x)[: self.examples] / 16, np.eye(10)[np.array(data.y)[: self.examples]]
        rng = np.random.default_rng(1)
        layers = [rng.normal(size=(b, a + 1)) / np.sqrt(a) for a, b in pairwise(self.widths)]
        return x, y, np.concatenate([layer.ravel() for layer in layers])

    def matrices(self, theta: Any) -> list[Any]:
        """W_1, b_1, W_2, b_2, ...: copies, each contiguous."""
        parts, start = [], 0
        for a, b in pairwise(self.widths):
            rows = theta[start : start + b * (a + 1)].reshape(b, a + 1)
            parts += [rows[:, :-1].copy(), rows[:, -1].copy()]
            start += rows.size
        return parts

    def flat(self, parts: list[Any]) -> list[float]:
        """The inverse of ``matrices``."""
        rows = [np.column_stack([np.asarray(w), np.asarray(b)]).ravel() for w, b in zip(parts[::2], parts[1::2], strict=True)]
        return np.concatenate(rows).tolist()  # type: ignore[no-any-return]


# --- ours -----------------------------------------------------------------------------------------------------------


def network(work: Work) -> tuple[Any, Callable[[Any, Any], Any]]:
    """The model, and the function that computes the loss of one example in scalars."""
    import nn

    model = nn.MLP(work.widths[0], list(work.widths[1:]), activation=work.activation)
    for p, value in zip(model.parameters(), work.numbers()[2].tolist(), strict=True):
        p.data = value
    criterion = nn.LOSSES[work.loss]
    return model, lambda x, y: criterion(model(x), y)


def chainrule(work: Work, **options: Any) -> Prepared:
    import autograd
    import nn

    model, loss = network(work)
    x, y, theta = work.numbers()
    if work.one_graph:  # a single example that holds all of them
        one, loss = loss, lambda xs, ys: nn.mean([one(x, y) for x, y in zip(xs, ys, strict=True)])
        x, y = x[None], y[None]
    step = autograd.compile(loss, parameters=model.parameters(), **options).bind(x, y)

    def gradient() -> tuple[float, list[float]]:
        value, gradients = step(theta)
        return float(value), gradients.tolist()

    return lambda: step(theta), gradient


def chainrule_value(work: Work) -> Prepared:
    """The loss alone, without its gradient."""
    import autograd

    model, loss = network(work)
    x, y, theta = work.numbers()
    step = autograd.compile(loss, parameters=model.parameters(), executor="native", threads=1).bind(x, y)
    return lambda: step.value(theta), lambda: (float(step.value(theta)), [])


def eager(work: Work) -> Prepared:
    """The same scalars, recorded again in each step."""
    from nn import mean

    model, loss = network(work)
    x, y, _ = work.numbers()
    pairs = list(zip(x.tolist(), y.tolist(), strict=True))

    def step() -> Any:
        model.zero_grad()
        value = mean([loss(xi, yi) for xi, yi in pairs])
        value.backward()
        return value

    return step, lambda: (step().data, [p.grad for p in model.parameters()])


# --- peers on arrays ------------------------------------------------------------------------------------------------


def numpy_by_hand(work: Work) -> Prepared:
    x, y, theta = work.numbers()
    parts, n = work.matrices(theta), len(x)
    layers = list(zip(parts[::2], parts[1::2], strict=True))

    def run() -> tuple[Any, list[Any]]:
        h, kept = x, []
        for w, b in layers[:-1]:
            z = h @ w.T
            z += b
            kept.append(h)
            h = np.maximum(z, 0) if work.activation == "relu" else np.tanh(z)
        w, b = layers[-1]
        kept.append(h)
        a = h @ w.T + b
        value, adjoint = loss_by_hand(work.loss, a, y)
        adjoint /= n
        gradients = []
        for (w, _), h, below in zip(reversed(layers), reversed(kept), [*reversed(kept[1:]), None], strict=True):
            gradients += [adjoint.sum(axis=0), adjoint.T @ h]
            if below is not None:
                adjoint = adjoint @ w
                adjoint *= below > 0 if work.activation == "relu" else 1 - below * below
        return value / n, gradients[::-1]

    def gradient() -> tuple[float, list[float]]:
        value, gradients = run()
        return float(value), work.flat(gradients)

    return run, gradient


def loss_by_hand(name: str, a: Any, y: Any) -> tuple[Any, Any]:
    """The sum of the losses of all examples, and its derivative with respect to the outputs."""
    if name == "hinge":
        margin = 1 - y * a
        return np.maximum(margin, 0).sum(), -y * (margin > 0)
    if name == "half_sum_of_squares":
        return ((a - y) ** 2).sum() / 2, a - y
    shifted = a - a.max(axis=1, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(axis=1, keepdims=True)
    return (np.log(total).sum() - (y * shifted).sum()), e / total - y


def jax_jit(work: Work) -> Prepared:
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    x, y, theta = work.numbers()
    parts = [jnp.asarray(part) for part in work.matrices(theta)]
    x, y = jnp.asarray(x), jnp.asarray(y)
    activation = jax.nn.relu if work.activation == "relu" else jnp.tanh

    def loss(parts: Any, x: Any, y: Any) -> Any:
        h = x
        for w, b in zip(parts[:-2:2], parts[1:-2:2], strict=True):
            h = activation(h @ w.T + b)
        a = h @ parts[-2].T + parts[-1]
        if work.loss == "hinge":
            return jax.nn.relu(1 - y * a).sum(axis=1).mean()
        if work.loss == "half_sum_of_squares":
            return ((a - y) ** 2).sum(axis=1).mean() / 2
        return -(y * jax.nn.log_softmax(a)).sum(axis=1).mean()

    function = jax.jit(jax.value_and_grad(loss))

    def gradient() -> tuple[float, list[float]]:
        value, gradients = function(parts, x, y)
        return float(value), work.flat(gradients)

    return lambda: jax.block_until_ready(function(parts, x, y)), gradient


def pytorch(work: Work, threads: int) -> Prepared:
    import torch

    torch.set_num_threads(threads)
    x, y, theta = work.numbers()
    parts = [torch.tensor(part, requires_grad=True) for part in work.matrices(theta)]
    x, y = torch.tensor(x), torch.tensor(y)
    activation = torch.relu if work.activation == "relu" else torch.tanh
    labels = y.argmax(dim=1)

    def run() -> tuple[Any, Any]:
        h = x
        for w, b in zip(parts[:-2:2], parts[1:-2:2], strict=True):
            h = activation(torch.nn.functional.linear(h, w, b))
        a = torch.nn.functional.linear(h, parts[-2], parts[-1])
        if work.loss == "hinge":
            value = torch.relu(1 - y * a).sum() / len(x)
        elif work.loss == "half_sum_of_squares":
            value = ((a - y) ** 2).sum() / (2 * len(x))
        else:
            value = torch.nn.functional.cross_entropy(a, labels)
        return value, torch.autograd.grad(value, parts)

    def gradient() -> tuple[float, list[float]]:
        value, gradients = run()
        return float(value.detach()), work.flat([g.numpy() for g in gradients])

    return run, gradient


# --- peers on scalar graphs -----------------------------------------------------------------------------------------


def micrograd(work: Work) -> Prepared:
    from micrograd.nn import MLP

    x, y, theta = work.numbers()
    model = MLP(work.widths[0], list(work.widths[1:]))
    for p, value in zip(model.parameters(), theta.tolist(), strict=True):
        p.data = value
    pairs = list(zip(x.tolist(), y[:, 0].tolist(), strict=True))

    def step() -> Any:
        losses = [(1 + -yi * model(xi)).relu() for xi, yi in pairs]
        value = sum(losses) * (1.0 / len(losses))
        model.zero_grad()
        value.backward()
        return value

    return step, lambda: (step().data, [p.grad for p in model.parameters()])


def expression(
    work: Work, x: list[Any], y: Any, theta: list[Any], relu: Callable[[Any], Any], tanh: Callable[[Any], Any]
) -> Any:
    """The loss of one example of the moons, in symbols of any package."""
    remaining = iter(theta)
    h = x
    for depth, (_, width) in enumerate(pairwise(work.widths), start=1):
        z = []
        for _ in range(width):
            row = [next(remaining) for _ in h]
            z.append(sum((w * activation for w, activation in zip(row, h, strict=True)), 0.0) + next(remaining))
        last = depth == len(work.widths) - 1
        h = z if last else [relu(zi) if work.activation == "relu" else tanh(zi) for zi in z]
    return relu(1 - y * h[0]) if work.loss == "hinge" else (h[0] - y) ** 2 / 2


def heyoka(work: Work) -> Prepared:
    import heyoka as hy

    x, y, theta = work.numbers()
    names = [f"p{k:05d}" for k in range(len(theta))]
    parameters, inputs = list(hy.make_vars(*names)), list(hy.make_vars(*[f"x{k}" for k in range(work.widths[0])], "y"))
    loss = expression(work, inputs[:-1], inputs[-1], parameters, hy.relu, hy.tanh)
    tensors = hy.diff_tensors([loss], diff_args=parameters, diff_order=1)
    function = hy.cfunc([loss, *tensors.gradient], vars=[*inputs, *parameters])
    columns = np.ascontiguousarray(
        np.concatenate([np.concatenate([x, y], axis=1).T, np.repeat(theta[:, None], len(x), axis=1)])
    )
    results = np.empty((1 + len(theta), len(x)))

    def step() -> Any:
        function(columns, outputs=results)
        return results.sum(axis=1)

    def gradient() -> tuple[float, list[float]]:
        value, *gradients = (step() / len(x)).tolist()
        return value, gradients

    return step, gradient


class KeepingAlive(NamedTuple):
    """A call into C, with the objects that it points to."""

    call: Callable[[], Any]
    held: Any

    def __call__(self) -> Any:
        return self.call()


def casadi(work: Work) -> Prepared:
    import casadi as ca

    x, y, theta = work.numbers()
    inputs, target, parameters = ca.SX.sym("x", work.widths[0]), ca.SX.sym("y"), ca.SX.sym("p", len(theta))
    loss = expression(work, ca.vertsplit(inputs), target, ca.vertsplit(parameters), lambda z: ca.fmax(z, 0), ca.tanh)
    one = ca.Function("one", [inputs, target, parameters], [loss, ca.gradient(loss, parameters)])
    xs, ys, p = ca.MX.sym("x", work.widths[0], len(x)), ca.MX.sym("y", 1, len(x)), ca.MX.sym("p", len(theta))
    values, gradients = one.map(len(x), "serial")(xs, ys, p)  # p is the same for all
    whole = ca.Function("whole", [xs, ys, p], [ca.sum2(values), ca.sum2(gradients)])
    buffer, call = whole.buffer()
    held = [x.ravel(), y.ravel(), theta, np.empty(1), np.empty(len(theta))]  # CasADi's matrices go column by column
    for k in range(3):
        buffer.set_arg(k, memoryview(held[k]))
    for k in range(2):
        buffer.set_res(k, memoryview(held[3 + k]))

    def gradient() -> tuple[float, list[float]]:
        call()
        return float(held[3][0]) / len(x), (held[4] / len(x)).tolist()

    return KeepingAlive(call, (buffer, whole, held)), gradient


class Engine(NamedTuple):
    """How an engine is prepared, and the package that it needs beyond this project's."""

    prepare: Callable[[Work], Prepared]
    package: str = ""


OURS, OURS_TWO, OURS_NUMPY = "chainrule", "chainrule, 2 threads", "chainrule on NumPy"
OURS_VALUE, EAGER = "chainrule, value alone", "chainrule eager"
HAND, TORCH, TORCH_TWO = "NumPy by hand", "PyTorch", "PyTorch, 2 threads"
ENGINES = {
    OURS: Engine(lambda work: chainrule(work, executor="native", threads=1), "llvmlite"),
    OURS_TWO: Engine(lambda work: chainrule(work, executor="native", threads=2), "llvmlite"),
    OURS_NUMPY: Engine(lambda work: chainrule(work, executor="numpy")),
    OURS_VALUE: Engine(chainrule_value, "llvmlite"),
    EAGER: Engine(eager),
    HAND: Engine(numpy_by_hand),
    "jax.jit": Engine(jax_jit, "jax"),
    TORCH: Engine(lambda work: pytorch(work, 1), "torch"),
    TORCH_TWO: Engine(lambda work: pytorch(work, 2), "torch"),
    "micrograd": Engine(micrograd, "micrograd"),
    "heyoka": Engine(heyoka, "heyoka"),
    "CasADi SX": Engine(casadi, "casadi"),
}

MOONS = (2, 16, 16, 1)
DIGITS = (64, 32, 10)
WORKS = {
    "moons relu, 100": Work("moons", 100, MOONS, "relu", "hinge"),
    "moons relu, 1,000": Work("moons", 1_000, MOONS, "relu", "hinge"),
    "moons relu, 10,000": Work("moons", 10_000, MOONS, "relu", "hinge"),
    "moons tanh, 1,000": Work("moons", 1_000, MOONS, "tanh", "half_sum_of_squares"),
    "digits, 1,797": Work("digits", 1_797, DIGITS, "tanh", "cross_entropy_logits"),
    "digits, 32": Work("digits", 32, DIGITS, "tanh", "cross_entropy_logits"),
    "moons relu, 100 in one graph": Work("moons", 100, MOONS, "relu", "hinge", one_graph=True),
}

os.environ.setdefault("JAX_PLATFORMS", "cpu")
