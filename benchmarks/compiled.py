"""Compiled scalars beside their peers: array libraries, compilers of scalar graphs, and the same scalars recorded one by one.

Each engine computes one loss and its whole gradient over a batch, in a process of its own. The processes live through all
rounds and take turns: while one is timed, the others wait for a line on their input. A ratio is the peer's median time divided
by ours in the same round; the table shows the median of the ratios and their range. All engines must agree on the loss and on
every gradient before any of them is timed.

    python benchmarks/compiled.py [--rounds N] [--seconds S] [--works NAME ...] [--scaling] [--json FILE]
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import platform
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from common import positive, refuse_if_different
from works import EAGER, ENGINES, HAND, OURS, OURS_NUMPY, OURS_TWO, OURS_VALUE, TORCH, TORCH_TWO, WORKS

PAUSE_SECONDS = 0.1  # between engines: threads of the last one may still spin


class Comparison(NamedTuple):
    """Two engines at one work, and the target of their ratio (peer's time / ours): at least that, or with a minus at most."""

    work: str
    ours: str
    peer: str
    target: float | None = None


COMPARISONS = [
    Comparison("moons relu, 100", OURS, "micrograd", 50_000),
    Comparison("moons relu, 100", OURS, TORCH, 14),
    Comparison("moons relu, 100", OURS, HAND, 7),
    Comparison("moons relu, 100", OURS, "jax.jit", 6),
    Comparison("moons relu, 100", OURS, "heyoka", 6),
    Comparison("moons relu, 100", OURS, "CasADi SX", 60),
    Comparison("moons relu, 1,000", OURS, TORCH, 4.5),
    Comparison("moons relu, 1,000", OURS, TORCH_TWO),
    Comparison("moons relu, 1,000", OURS, HAND, 4.5),
    Comparison("moons relu, 1,000", OURS, "jax.jit", 3.5),
    Comparison("moons relu, 1,000", OURS, "heyoka", 6),
    Comparison("moons relu, 1,000", OURS, "CasADi SX", 60),
    Comparison("moons relu, 1,000", OURS_NUMPY, HAND, 0.5),
    Comparison("moons relu, 1,000", OURS_VALUE, OURS, -3),
    Comparison("moons relu, 10,000", OURS, TORCH),
    Comparison("moons relu, 10,000", OURS, HAND),
    Comparison("moons relu, 10,000", OURS, "jax.jit"),
    Comparison("moons tanh, 1,000", OURS, TORCH, 2.5),
    Comparison("moons tanh, 1,000", OURS, HAND),
    Comparison("moons tanh, 1,000", OURS, "jax.jit", 2.5),
    Comparison("moons tanh, 1,000", OURS_VALUE, OURS, -3),
    Comparison("digits, 1,797", OURS_TWO, TORCH_TWO, 1.5),
    Comparison("digits, 1,797", OURS_TWO, "jax.jit", 2),
    Comparison("digits, 1,797", OURS, HAND),
    Comparison("digits, 1,797", OURS_VALUE, OURS, -3),
    Comparison("digits, 32", OURS, TORCH, 5),
    Comparison("digits, 32", OURS, HAND),
    Comparison("digits, 32", OURS, "jax.jit", 2.5),
    Comparison("moons relu, 100 in one graph", OURS, EAGER, 800),
]


# --- in a process of its own ----------------------------------------------------------------------------------------


def serve(engine: str, work: str) -> None:
    """Prepare an engine and print its loss and gradient; then time steps for as many seconds as each line of input says."""
    started = time.perf_counter()
    step, gradient = ENGINES[engine].prepare(WORKS[work])
    value, gradients = gradient()
    say({"seconds": time.perf_counter() - started, "value": value, "gradient": gradients})
    for line in sys.stdin:
        say(timed(step, float(line)))


def timed(step: Any, seconds: float) -> dict[str, Any]:
    """The shortest and the median time of a step. Several quick steps are timed together."""
    started = time.perf_counter()
    step()
    once = time.perf_counter() - started
    several = max(1, min(100, int(20e-6 / max(once, 1e-7))))
    times = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        started = time.perf_counter()
        for _ in range(several):
            step()
        times.append((time.perf_counter() - started) / several)
    return {"shortest": min(times), "median": median(times), "steps": several * len(times)}


def say(what: Any) -> None:
    print(json.dumps(what), flush=True)


class Process:
    """An engine at a work, in a process that waits between its turns."""

    def __init__(self, engine: str, work: str) -> None:
        arguments = [sys.executable, __file__, "--serve", engine, "--work", work]
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.prepared = self.answer()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"an engine stopped: {self.process.args!r}")
        return json.loads(line)

    def time(self, seconds: float) -> Any:
        assert self.process.stdin is not None
        print(seconds, file=self.process.stdin, flush=True)
        return self.answer()

    def close(self) -> None:
        self.process.communicate()


# --- the table ------------------------------------------------------------------------------------------------------


def available(engine: str) -> bool:
    package = ENGINES[engine].package
    return not package or importlib.util.find_spec(package) is not None


def measure(work: str, rounds: int, seconds: float) -> dict[str, Any]:
    """The times of all engines of a work, round by round, and the ratios of its comparisons."""
    comparisons = [one for one in COMPARISONS if one.work == work and available(one.ours) and available(one.peer)]
    names = list(dict.fromkeys(name for comparison in comparisons for name in (comparison.ours, comparison.peer)))
    processes = {name: Process(name, work) for name in names}
    reference = processes[names[0]].prepared
    for name, process in processes.items():
        if name != OURS_VALUE:
            refuse_if_different("gradient", reference["gradient"], process.prepared["gradient"], names[0], name)
        refuse_if_different("loss", [reference["value"]], [process.prepared["value"]], names[0], name)
    times: dict[str, list[Any]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            time.sleep(PAUSE_SECONDS)
            times[name].append(processes[name].time(seconds))
    for process in processes.values():
        process.close()
    return {
        "engines": {
            name: {
                "shortest": min(turn["shortest"] for turn in times[name]),
                "median": median(turn["median"] for turn in times[name]),
                "prepared in": processes[name].prepared["seconds"],
            }
            for name in names
        },
        "ratios": [ratio(comparison, times) for comparison in comparisons],
    }


def ratio(comparison: Comparison, times: dict[str, list[Any]]) -> dict[str, Any]:
    turns = zip(times[comparison.peer], times[comparison.ours], strict=True)
    ratios = sorted(peer["median"] / ours["median"] for peer, ours in turns)
    return {**comparison._asdict(), "ratio": median(ratios), "lowest": ratios[0], "highest": ratios[-1]}


def show(work: str, result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, width=112)
    table = Table("engine", title=work)
    for heading in ("shortest us", "median us", "compared with", "ratio", "range", "target"):
        table.add_column(heading, justify="right")
    for name, times in result["engines"].items():
        for found in [found for found in result["ratios"] if found["peer"] == name] or [None]:
            cells = [f"{1e6 * times['shortest']:,.1f}", f"{1e6 * times['median']:,.1f}"]
            if found is not None:
                digits = ",.0f" if found["ratio"] >= 100 else ".2f"
                lowest_to_highest = f"{found['lowest']:{digits}} - {found['highest']:{digits}}"
                cells += [found["ours"], f"{found['ratio']:{digits}}", lowest_to_highest, bound(found["target"])]
            table.add_row(name, *cells)
    console.print(table)


def bound(target: float | None) -> str:
    return "" if target is None else f"<= {-target:g}" if target < 0 else f">= {target:,g}"


def versions() -> str:
    packages = dict.fromkeys(engine.package for engine in ENGINES.values() if engine.package)
    found = [f"{name} {importlib.metadata.version(name)}" for name in ("numpy", *packages) if importlib.util.find_spec(name)]
    return ", ".join([f"Python {platform.python_version()}", f"{platform.system()} {platform.machine()}", *found])


def main() -> None:
    parser = argparse.ArgumentParser(description="Time compiled scalars beside their peers.")
    parser.add_argument("--rounds", type=positive, default=9, metavar="N", help="turns of each engine (9)")
    parser.add_argument("--seconds", type=float, default=0.2, metavar="S", help="the least duration of a turn (0.2)")
    parser.add_argument("--works", nargs="+", choices=WORKS, default=list(WORKS), metavar="NAME", help="; ".join(WORKS))
    parser.add_argument("--scaling", action="store_true", help="compile time, memory, batch sizes and threads instead")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results to FILE")
    parser.add_argument("--serve", choices=ENGINES, help=argparse.SUPPRESS)  # the task of a process
    parser.add_argument("--work", choices=WORKS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        return serve(arguments.serve, arguments.work)
    results: dict[str, Any] = {"versions": versions()}
    if arguments.scaling:
        import scaling

        results["scaling"] = scaling.measure_and_show()
    else:
        for work in arguments.works:
            results[work] = measure(work, arguments.rounds, arguments.seconds)
            show(work, results[work])
        skipped = [name for name in ENGINES if not available(name)]
        if skipped:
            print(f"skipped, because their packages are not installed: {', '.join(skipped)}")
    print(results["versions"])
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    return None


if __name__ == "__main__":
    main()
