"""How much the engine carries: millions of nodes in one graph, and a hundred thousand graphs one after the other.

Three tasks, each in a process of its own. Python's garbage collector is switched off, so that only the last reference to an
object frees it:

    one graph    the chain z = tanh(w z + x), three nodes in each link: built, differentiated, dropped; seconds and memory
    counted      100,000 nodes of the same chain under tracemalloc, which counts every byte, but takes time and memory itself
    many graphs  a network's loss on one example, differentiated and dropped, again and again: memory must not grow

After each task the collector runs. If there are no reference cycles, it finds nothing.

    python benchmarks/load.py [--nodes N] [--graphs N] [--json FILE]
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import platform
import resource
import subprocess
import sys
import time
import tracemalloc
import weakref
from pathlib import Path
from typing import Any

from common import positive

import nn
from autograd import Value, topological_order

COUNTED_NODES = 100_000  # under tracemalloc
WARM_UP_GRAPHS = 1_000  # before memory is measured: Python keeps some freed objects and uses them again
NODES_PER_LINK = 3


# --- in a process of its own ------------------------------------------------------------------------------------------


def peak() -> int:
    """The most memory that this process has held, in bytes."""
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else 1024 * largest  # the units differ


def chain(nodes: int) -> tuple[Value, Value]:
    """The output of a graph of that many nodes, or up to two more, and the leaf w at its far end."""
    w, x = Value(0.9), Value(0.1)
    z = x
    for _ in range(-(-nodes // NODES_PER_LINK)):
        z = (w * z + x).tanh()
    return z, w


def by_hand(nodes: int) -> float:
    """dz/dw of the same chain in plain floats, forward: z' = (1 - tanh^2) (z + w z')."""
    z, slope = 0.1, 0.0
    for _ in range(-(-nodes // NODES_PER_LINK)):
        out = math.tanh(0.9 * z + 0.1)
        z, slope = out, (1 - out * out) * (z + 0.9 * slope)
    return slope


def without_collector() -> None:
    """Collect what compiling the rows left behind; from here on only the last reference to an object frees it."""
    gc.collect()
    gc.disable()


def one_graph(nodes: int) -> dict[str, Any]:
    chain(NODES_PER_LINK)[0].backward()
    without_collector()
    limit, before = sys.getrecursionlimit(), peak()
    start = time.perf_counter()
    z, w = chain(nodes)
    built, held = time.perf_counter(), peak()
    z.backward()
    passed, most = time.perf_counter(), peak()
    inner, gradient = weakref.ref(z.inputs[0]), w.grad
    del z
    freed = time.perf_counter()
    return {
        "build_s": built - start,
        "backward_s": passed - built,
        "free_s": freed - passed,
        "graph_bytes": held - before,
        "peak_bytes": most - before,
        "difference": abs(gradient / by_hand(nodes) - 1),
        "freed": inner() is None,
        "garbage": gc.collect(),
        "limit_untouched": sys.getrecursionlimit() == limit,
    }


def counted() -> dict[str, Any]:
    chain(NODES_PER_LINK)[0].backward()
    without_collector()
    tracemalloc.start()
    z, _ = chain(COUNTED_NODES)
    built = tracemalloc.get_traced_memory()[0]
    z.backward()
    passed, most = tracemalloc.get_traced_memory()
    del z, _
    left = tracemalloc.get_traced_memory()[0]
    return {name: held / COUNTED_NODES for name, held in (("built", built), ("passed", passed), ("most", most), ("left", left))}


def many_graphs(graphs: int) -> dict[str, Any]:
    model = nn.MLP(2, [4, 1], activation="tanh", seed=0)

    def one(k: int) -> Value:
        loss = (model([k % 7 - 3.0, k % 5 - 2.0]) - 1.0) ** 2
        model.zero_grad()
        loss.backward()
        return loss

    nodes = len(topological_order(one(0)))
    without_collector()
    tracemalloc.start()
    for k in range(WARM_UP_GRAPHS):
        one(k)
    traced, tracked, most = tracemalloc.get_traced_memory()[0], gc.get_count()[0], peak()
    start = time.perf_counter()
    for k in range(graphs):
        one(k)
    return {
        "nodes": nodes,
        "seconds": time.perf_counter() - start,
        "traced_growth": tracemalloc.get_traced_memory()[0] - traced,
        "object_growth": gc.get_count()[0] - tracked,
        "peak_growth": peak() - most,
        "garbage": gc.collect(),
    }


# --- the table --------------------------------------------------------------------------------------------------------


def child(task: str, count: int = 0) -> Any:
    """The result of one task, run in a new interpreter."""
    done = subprocess.run([sys.executable, __file__, "--task", task, str(count)], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def measure(nodes: int, graphs: int) -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "nodes": nodes,
        "graphs": graphs,
        "one_graph": child("one", nodes),
        "counted": child("counted"),
        "many_graphs": child("many", graphs),
    }


def show(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    one, counted, many = result["one_graph"], result["counted"], result["many_graphs"]
    nodes, graphs = result["nodes"], result["graphs"]
    table = Table("phase", title=f"One graph of {nodes:,} nodes, no garbage collector")
    for heading in ("seconds", "ns/node", "bytes/node", "peak RSS/node"):
        table.add_column(heading, justify="right")
    for phase, seconds, traced, peak_rss in (
        ("build", one["build_s"], counted["built"], f"{one['graph_bytes'] / nodes:.0f}"),
        ("backward", one["backward_s"], counted["passed"], f"{one['peak_bytes'] / nodes:.0f}"),
        ("drop", one["free_s"], counted["left"], ""),
    ):
        table.add_row(phase, f"{seconds:.2f}", f"{1e9 * seconds / nodes:.0f}", f"{traced:.0f}", peak_rss)
    console.print(table)
    console.print(
        f"bytes/node: what is held afterwards, by tracemalloc, on {COUNTED_NODES:,} nodes; "
        f"during backward() {counted['most']:.0f}, for its list of the nodes and its set of those it visited"
    )
    console.print(
        f"{'every node freed at once' if one['freed'] else 'NOT FREED'}; garbage found: {one['garbage']} objects; "
        f"recursion limit {'untouched' if one['limit_untouched'] else 'CHANGED'}; "
        f"dz/dw by hand differs by {one['difference']:.0e} of it"
    )
    console.print(
        f"{graphs:,} graphs of {many['nodes']} nodes made, differentiated and dropped in {many['seconds']:.1f} s, "
        f"tracemalloc on: memory held grew by {many['traced_growth']:,} bytes and {many['object_growth']} objects, "
        f"peak RSS by {many['peak_growth']:,} bytes; garbage found: {many['garbage']} objects"
    )
    console.print(f"Python {result['python']}, {result['machine']}")


TASKS = {"one": one_graph, "counted": lambda _: counted(), "many": many_graphs}


def main() -> None:
    parser = argparse.ArgumentParser(description="Build, differentiate and drop one large graph, and many small ones.")
    parser.add_argument("--nodes", type=positive, default=100_000, metavar="N", help="of the large graph (100,000)")
    parser.add_argument("--graphs", type=positive, default=10_000, metavar="N", help="how many small ones (10,000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result to FILE")
    parser.add_argument("--task", nargs=2, help=argparse.SUPPRESS)  # of the processes
    arguments = parser.parse_args()
    if arguments.task:
        task, count = arguments.task
        print(json.dumps(TASKS[task](int(count))))
        return
    result = measure(arguments.nodes, arguments.graphs)
    show(result)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
