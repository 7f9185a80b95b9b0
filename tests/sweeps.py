"""Sweeps: tests that try many cases, at two depths.

``pytest`` tries a sample of each sweep, the same one on every run. ``pytest --long`` tries the full number, and ends with a
table of what it tried. A sweep is stated once, beside its tests:

    FUNCTIONS = sweep("random functions", sample=250, full=4000)

    def test_random_functions():
        for case in FUNCTIONS.cases():
            assert FUNCTIONS.error(distance_from_the_oracle(drawn(case))) < 1e-12

A case is a number that seeds one drawing. ``--seed S`` draws others: the cases of seed S begin at S * 1,000,000. A test that
fails names its case, and ``--case C`` tries that case alone. Properties follow the same switches: see ``for_all`` in
strategies.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

CASES_PER_SEED = 1_000_000


@dataclass
class Depth:
    """What the command line asks for: the depth, the seed, and a single case or all."""

    long: bool = False
    seed: int = 0
    case: int | None = None


@dataclass
class Tried:
    """How much of a sweep one test tried, and the case that it is trying now."""

    name: str
    count: int = 0
    worst: float | None = None
    case: int | None = None


DEPTH = Depth()
SWEEPS: dict[str, Sweep] = {}
TRIED: list[Tried] = []  # by the test that is running


@dataclass
class Sweep:
    name: str
    sample: int
    full: int

    def __post_init__(self) -> None:
        if not 0 < self.sample < self.full:
            raise ValueError(f"{self.name}: a sweep needs 0 < sample < full, but got sample={self.sample}, full={self.full}")

    @property
    def count(self) -> int:
        """The number of cases at this depth."""
        return self.full if DEPTH.long else self.sample

    @property
    def seed(self) -> int:
        """The seed, for a test that draws all its cases at once."""
        return DEPTH.seed

    def cases(self, part: str = "") -> Iterator[int]:
        """The cases, one by one. If ``part`` is given, this part of the sweep has a line of its own in the table."""
        tried = self._begin(part)
        first = DEPTH.seed * CASES_PER_SEED
        for tried.case in range(first, first + self.count) if DEPTH.case is None else [DEPTH.case]:
            tried.count += 1
            yield tried.case
        tried.case = None

    def take(self, part: str = "") -> int:
        """The number of cases, counted as tried, for a test that makes all of them itself."""
        tried = self._begin(part)
        tried.count = self.count
        return self.count

    def count_one(self) -> None:
        """Count a case that the test made itself."""
        tried = TRIED[-1] if TRIED else self._begin("")
        tried.count += 1

    def tally(self, part: str, count: int) -> int:
        """Give a count that the test arrived at a line of its own in the table, and return it."""
        self._begin(part).count = count
        return count

    def error(self, error: float) -> float:
        """Record the error of a case for the table, which shows the worst, and return it."""
        tried = TRIED[-1]
        if tried.worst is None or not error <= tried.worst:  # nan is the worst of all
            tried.worst = error
        return error

    def _begin(self, part: str) -> Tried:
        TRIED.append(Tried(f"{self.name}, {part}" if part else self.name))
        return TRIED[-1]


def sweep(name: str, *, sample: int, full: int) -> Sweep:
    """State a sweep: its name in the table, and how many cases ``pytest`` and ``pytest --long`` try."""
    if name in SWEEPS:
        raise ValueError(f"there is a sweep {name!r} already")
    SWEEPS[name] = Sweep(name, sample, full)
    return SWEEPS[name]


# --- pytest -----------------------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("sweeps")
    group.addoption("--long", action="store_true", help="try the full number of cases of each sweep, not a sample")
    group.addoption("--seed", type=int, default=0, help="try the cases of another seed (default: 0)")
    group.addoption("--case", type=int, help="try this case alone")


def pytest_configure(config: pytest.Config) -> None:
    DEPTH.long, DEPTH.seed, DEPTH.case = (config.getoption(name) for name in ("long", "seed", "case"))


def pytest_report_header() -> str:
    depth = "in full" if DEPTH.long else "a sample of each; --long tries them in full"
    return f"sweeps: {depth}; seed {DEPTH.seed}" if DEPTH.case is None else f"sweeps: case {DEPTH.case} alone"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if call.when == "call":
        for tried in TRIED:
            report.user_properties.append(("sweep", [tried.name, tried.count, call.duration, tried.worst]))
            if report.failed and tried.case is not None:
                alone = f"pytest '{item.nodeid}' --case {tried.case}"
                report.sections.append(("sweep", f"{tried.name}: failed at case {tried.case}. This case alone:\n{alone}"))
        TRIED.clear()
    return report


def rows(reports: list[pytest.TestReport]) -> Iterator[str]:
    """A line for each sweep that was tried: its cases, its seconds, and its worst error if it records errors."""
    table: dict[str, tuple[int, float, float | None]] = {}
    for report in reports:
        for key, tried in report.user_properties:
            if key == "sweep":
                name, count, seconds, worst = tried
                before = table.get(name, (0, 0.0, None))
                errors = [error for error in (before[2], worst) if error is not None]
                table[name] = (before[0] + count, before[1] + seconds, max(errors, default=None))
    for name, (count, seconds, worst) in table.items():
        yield f"{name:<52} {count:>11,} {seconds:>9.1f} s" + ("" if worst is None else f"    worst {worst:.1e}")


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if DEPTH.long:
        terminalreporter.section(f"sweeps in full, seed {DEPTH.seed}: cases, seconds, worst error")
        for outcome in ("passed", "failed"):
            for line in rows(terminalreporter.stats.get(outcome, [])):
                terminalreporter.write_line(f"{'FAILED ' if outcome == 'failed' else ''}{line}")
