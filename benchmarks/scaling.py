"""How compiled scalars scale: time to compile by operations, time of a step by examples and threads, memory, and limits.

``compiled.py --scaling`` runs this. Each measurement is made in a process of its own.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
from works import ENGINES, HAND, MOONS, OURS, OURS_NUMPY, OURS_TWO, Work

LINKS = [21, 100, 333, 1_000, 3_333, 10_000, 33_333]  # of a chain, three operations in each link: 63 to 99,999
EXAMPLES = [1, 2, 3, 8, 10, 32, 100, 316, 1_000, 3_162, 10_000, 31_623, 100_000]
LARGE = 100_000  # examples
SECONDS = 0.2


# --- in processes of their own --------------------------------------------------------------------------------------


def compile_times(executor: str) -> list[dict[str, float]]:
    """For chains of growing length: the operations, the seconds to trace and compile, and the seconds of a step."""
    import autograd
    from autograd import Value

    w, b = Value(0.9), Value(0.1)
    rows = []
    for links in [LINKS[0], *LINKS]:  # the first also compiles the kernels, which later ones find ready

        def chain(x: Any, links: int = links) -> Any:
            z = x
            for _ in range(links):
                z = (w * z + b).tanh()
            return z

        started = time.perf_counter()
        step = autograd.compile(chain, parameters=[w, b], executor=executor).bind(np.array([0.3]))
        theta = np.array([0.9, 0.1])
        step(theta)
        compiled = time.perf_counter() - started
        rows.append({"operations": 3 * links, "compile": compiled, "step": shortest(lambda: step(theta))})  # noqa: B023
    return rows


def batch_times(engine: str) -> list[dict[str, float]]:
    """For batches of growing size: the shortest time of a step."""
    rows = []
    for examples in EXAMPLES:
        step, _ = ENGINES[engine].prepare(Work("moons", examples, MOONS, "relu", "hinge"))
        rows.append({"examples": examples, "shortest": shortest(step)})
    return rows


def memory(engine: str) -> float:
    """The bytes by which the peak of the process rises for a large batch, prepared and computed; its data exist before."""
    work = Work("moons", LARGE, MOONS, "relu", "hinge")
    small, _ = ENGINES[engine].prepare(work._replace(examples=100))
    small()
    work.numbers()
    before = peak()
    step, _ = ENGINES[engine].prepare(work)
    step()
    return peak() - before


def limits() -> dict[str, float]:
    """The best that NumPy reaches on one core here: flops a second in a product of matrices, bytes a second in a copy."""
    a, b = np.random.default_rng(0).normal(size=(2, 768, 768))
    source, target = np.ones((2, 1 << 24))
    return {
        "flops": 2 * 768**3 / shortest(lambda: a @ b),
        "bytes": 2 * source.nbytes / shortest(lambda: np.copyto(target, source)),
    }


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def shortest(step: Any) -> float:
    times = []
    end = time.perf_counter() + SECONDS
    while not times or time.perf_counter() < end:
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    return min(times) if len(times) > 2 else median(times)


# --- tables ---------------------------------------------------------------------------------------------------------

TASKS = {"compile": compile_times, "batch": batch_times, "memory": memory, "limits": limits}


def in_a_process(task: str, *arguments: str) -> Any:
    one_core = {**os.environ, "OPENBLAS_NUM_THREADS": "1"} if task == "limits" else None
    command = [sys.executable, __file__, task, *arguments]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=one_core).stdout)


def measure_and_show() -> dict[str, Any]:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, width=112)

    def table(title: str, headings: list[str], rows: list[list[str]]) -> None:
        made = Table(title=title)
        for heading in headings:
            made.add_column(heading, justify="right")
        for row in rows:
            made.add_row(*row)
        console.print(made)

    compiled = {executor: in_a_process("compile", executor) for executor in ("native", "numpy")}
    first = {executor: rows.pop(0) for executor, rows in compiled.items()}
    table(
        "A chain of tanh(w*z + b), one example",
        ["operations", "native: compile ms", "step us", "ns/operation", "NumPy: compile ms", "step us"],
        [
            [
                f"{n['operations']:,.0f}",
                f"{1e3 * n['compile']:.1f}",
                f"{1e6 * n['step']:,.1f}",
                f"{1e9 * n['step'] / n['operations']:.2f}",
                f"{1e3 * p['compile']:.1f}",
                f"{1e6 * p['step']:,.1f}",
            ]
            for n, p in zip(compiled["native"], compiled["numpy"], strict=True)
        ],
    )
    console.print(f"the first program of a process, native: {1e3 * first['native']['compile']:.0f} ms\n")

    engines = [OURS, OURS_TWO, OURS_NUMPY, HAND]
    batches = {engine: in_a_process("batch", engine) for engine in engines}
    weights = sum(a * b for a, b in pairwise(MOONS))
    flops = 6 * weights  # two for each weight, three times: forward, gradient of the inputs, gradient of the weights
    best = in_a_process("limits")
    table(
        "Moons relu, microseconds a step",
        ["examples", *engines, f"{OURS}: ns/example", "Gflop/s", "of a product of matrices"],
        [
            [
                f"{rows[0]['examples']:,}",
                *[f"{1e6 * row['shortest']:,.1f}" for row in rows],
                f"{1e9 * rows[0]['shortest'] / rows[0]['examples']:,.0f}",
                f"{flops * rows[0]['examples'] / rows[0]['shortest'] / 1e9:.1f}",
                f"{flops * rows[0]['examples'] / rows[0]['shortest'] / best['flops']:.0%}",
            ]
            for rows in zip(*batches.values(), strict=True)
        ],
    )
    console.print(
        f"one core here: a product of 768 x 768 matrices {best['flops'] / 1e9:.1f} Gflop/s, a copy {best['bytes'] / 1e9:.1f} GB/s\n"
        f"an example of this network: {flops:,} flops in its matrices, {8 * (MOONS[0] + 1)} bytes of data: "
        f"{flops / (8 * (MOONS[0] + 1)):.0f} flops a byte\n"
    )
    held = {engine: in_a_process("memory", engine) for engine in engines}
    table(
        f"Memory of one step on {LARGE:,} examples beyond its data",
        ["engine", "MB"],
        [[engine, f"{held_bytes / 1e6:.1f}"] for engine, held_bytes in held.items()],
    )
    return {"compile": compiled, "first": first, "batches": batches, "limits": best, "memory": held}


if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](*sys.argv[2:])))
