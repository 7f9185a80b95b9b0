"""Which tests tell of a line: those that run it, the quick and narrow ones first.

One run of all tests under coverage.py, with a context for each test, says which lines each test runs. Its record is kept beside
this file under the hash of all that was run, so that a second run on the same files starts at once.
"""

import ast
import hashlib
import importlib
import json
import linecache
import os
import re
import shutil
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, as_completed
from functools import cache
from pathlib import Path

import click
import pytest
from coverage import Coverage, CoverageData
from mutants import Mutant
from trials import BROKEN, CPU_SECONDS, HERE, PASSED, PYTEST, copied, in_child, module_of, set_timers

RECORDS = HERE / ".records"
KEPT = 4  # records: for a comparison of two commits, and some to spare
OWN = "tests/mutation/"  # no test of the mutator tells of the product
IMPORT = "import"  # the context of what runs when a package is imported
COLLECTED, MEASURED = "collected", "measured"


def digest(repo: Path, files: Sequence[str]) -> str:
    """The hash of the files of a checkout, of the modules that read them here, and of Python."""
    found = hashlib.sha256(sys.version.encode())
    own = [Path(__file__), HERE / "trials.py"]
    for name, path in [
        *((file, repo / file) for file in files if not file.startswith(OWN)),
        *((path.name, path) for path in own),
    ]:
        found.update(f"{name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return found.hexdigest()[:16]


def packages_of(files: Iterable[str]) -> list[str]:
    """The packages of a checkout: the folders at its top that have an ``__init__.py``."""
    return [file.removesuffix("/__init__.py") for file in files if re.fullmatch(r"\w+/__init__\.py", file)]


def sources_of(files: Sequence[str]) -> list[str]:
    """The Python files of the packages."""
    packages = packages_of(files)
    return [file for file in files if file.endswith(".py") and file.split("/")[0] in packages]


# --- the measurement --------------------------------------------------------------------------------------------------


class Collector:
    """A plugin of pytest: the files that hold tests."""

    def __init__(self, out: Path) -> None:
        self._out = out

    def pytest_collectstart(self) -> None:
        set_timers()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._out.write_text(json.dumps(sorted({item.nodeid.split("::")[0] for item in session.items})))


def processor_time() -> float:
    """The seconds of this process and of those it has waited for: whatever else the machine does, they are the same."""
    return time.process_time() + sum(os.times()[2:4])


class Meter:
    """A plugin of pytest: names the running test to coverage.py, and notes its seconds, failures and the texts it reads."""

    def __init__(self, checkout: Path, packages: Sequence[str], coverage: Coverage) -> None:
        self._root = f"{checkout}{os.sep}"
        self._packages = packages
        self._coverage = coverage
        self._now = ""
        self.seconds: dict[str, float] = {}
        self.not_passed: dict[str, str] = {}  # but failed or skipped
        self.reads: dict[str, list[str]] = defaultdict(list)
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple) -> None:
        """Note the source or page that a test's own code opens: it would miss the old text, whatever the new one does."""
        if event == "open" and self._now and isinstance(arguments[0], str) and arguments[0].endswith((".py", ".md")):
            frame = sys._getframe()
            while frame and not frame.f_code.co_filename.startswith(self._root):
                frame = frame.f_back
            if frame and frame.f_code.co_filename.removeprefix(self._root).split(os.sep)[0] not in self._packages:
                self.reads[self._now].append(os.path.abspath(arguments[0]).removeprefix(self._root))

    def _timed(self, context: str) -> Iterator[None]:
        linecache.clearcache()  # else only the first test that reads a source opens it
        set_timers(10)  # coverage.py slows the tests down
        self._coverage.switch_context(context or IMPORT)
        self._now, start = context, processor_time()
        try:
            return (yield)
        finally:
            self.seconds[context] = processor_time() - start
            self._now = ""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        return (yield from self._timed(item.nodeid))

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Iterator[None]:
        return (yield from self._timed(collector.nodeid.split("::")[0]))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self.not_passed[report.nodeid] = report.outcome


def collect(out: Path) -> int:
    status = pytest.main([*PYTEST, "--collect-only", f"--ignore={OWN}"], plugins=[Collector(out)])
    return PASSED if status == pytest.ExitCode.OK else BROKEN


def measure(checkout: Path, modules: Sequence[str], tests: Sequence[str], out: Path) -> int:
    """Run the tests of some files under coverage.py; the modules of the packages are imported before."""
    os.environ["COVERAGE_CORE"] = "ctrace"  # sys.monitoring knows no contexts
    packages = sorted({module.split(".")[0] for module in modules})
    coverage = Coverage(data_file=out, config_file=False, source=packages)
    coverage.set_option("run:relative_files", True)
    coverage.start()
    coverage.switch_context(IMPORT)
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError:  # of what is optional and not installed
            pass
    meter = Meter(checkout, packages, coverage)
    status = pytest.main([*PYTEST, *tests], plugins=[meter])
    coverage.stop()
    coverage.save()
    facts = {"seconds": meter.seconds, "not passed": meter.not_passed, "reads": meter.reads}
    out.with_suffix(".json").write_text(json.dumps(facts))
    return PASSED if status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) else BROKEN


def _measured(repo: Path, files: Sequence[str], folder: Path, number: int, tests: Sequence[str]) -> Path:
    """The measurement of a group of test files, in this process's own copy of the checkout."""
    out = folder / f"{MEASURED}{number}"
    checkout = copied(repo, files, folder)
    modules = list(dict.fromkeys(map(module_of, sources_of(files))))
    in_child(checkout, measure, checkout, modules, tests, out)
    return out


def _collected(repo: Path, files: Sequence[str], folder: Path) -> list[str]:
    out = folder / COLLECTED
    in_child(copied(repo, files, folder), collect, out)
    return json.loads(out.read_text())


def record_of(repo: Path, files: Sequence[str], folder: Path, pool: Executor) -> Path:
    """The folder that records which test runs which lines; it is made by running all tests once, if it is not there yet."""
    record = RECORDS / digest(repo, files)
    if record.exists():
        record.touch()
        return record
    groups: dict[str, list[str]] = defaultdict(list)
    for file in pool.submit(_collected, repo, files, folder).result():
        # A process for each file of tests, and one for all examples of a package, of the docs and of the READMEs of the tests.
        groups[file if Path(file).name.startswith("test_") else file.split("/")[0]].append(file)
    fresh = folder / "record"
    fresh.mkdir()
    lines = CoverageData(basename=fresh / "lines")
    facts: dict[str, dict] = defaultdict(dict)
    measured = [pool.submit(_measured, repo, files, folder, number, tests) for number, tests in enumerate(groups.values())]
    for count, future in enumerate(as_completed(measured), start=1):
        click.echo(
            f"\rwhich tests run which lines: {count} of {len(measured)} groups of tests ", nl=count == len(measured), err=True
        )
        out = future.result()
        part = CoverageData(basename=out)
        part.read()
        lines.update(part)
        for fact, of_tests in json.loads(out.with_suffix(".json").read_text()).items():
            facts[fact].update(of_tests)
    breadth: Counter[str] = Counter()
    for file in lines.measured_files():
        for contexts in lines.contexts_by_lineno(file).values():
            breadth.update(contexts)
    lines.close()
    (fresh / "facts.json").write_text(json.dumps({**facts, "breadth": breadth}))
    RECORDS.mkdir(exist_ok=True)
    shutil.copytree(fresh, record)
    for old in sorted(RECORDS.iterdir(), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old)
    return record


# --- the choice ---------------------------------------------------------------------------------------------------------


class Telling:
    """The tests of a checkout, and which of them tell of a line."""

    def __init__(self, record: Path, repo: Path, files: Sequence[str]) -> None:
        facts = json.loads((record / "facts.json").read_text())
        self._seconds: dict[str, float] = facts["seconds"]
        self._reads: dict[str, list[str]] = facts["reads"]
        self._breadth: dict[str, int] = facts["breadth"]  # how many lines a test runs
        self.failed = {test for test, outcome in facts["not passed"].items() if outcome == "failed"}
        self._of: dict[str, set[str]] = defaultdict(set)  # each file of tests, and each test by itself
        for test, seconds in self._seconds.items():
            if "::" in test and test not in facts["not passed"] and seconds < CPU_SECONDS:
                self._of[test] = {test}
                self._of[test.split("::")[0]].add(test)
        self._sources = sources_of(files)
        data = CoverageData(basename=record / "lines")
        data.read()
        self._contexts = cache(data.contexts_by_lineno)
        self.source = cache(lambda file: (repo / file).read_text(encoding="utf-8"))
        self._statements = cache(
            lambda file: [node for node in ast.walk(ast.parse(self.source(file))) if isinstance(node, ast.stmt)]
        )

    def of(self, mutant: Mutant) -> list[str]:
        """The tests that run the mutant's line, then those that run anything else of its file; the most telling first.

        A line that runs at import alone defines something: there those come first that run a line where its name stands.
        """
        around = [node for node in self._statements(mutant.file) if node.lineno <= mutant.number <= node.end_lineno]
        statement = max(around, key=lambda node: (node.lineno, -node.end_lineno))
        names = [node.name for node in around if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        near = self._running(mutant.file, [mutant.number])
        if not near:
            defined = names_defined(statement)
            near = self._running(mutant.file, range(statement.lineno, statement.end_lineno + 1)) | self._naming(defined)
            names += defined
        far = self._running(mutant.file, self._contexts(mutant.file)) | self._of[mutant.file]
        return [*self._ranked(near, names, mutant.file), *self._ranked(far - near, names, mutant.file)]

    def within(self, tests: Sequence[str], seconds: float) -> list[str]:
        """The first tests that fit into so many seconds, with the collection of their files; at least one."""
        found: list[str] = []
        files: set[str] = set()
        for test in tests:
            file = test.split("::")[0]
            cost = self._seconds[test] + (file not in files) * self._seconds[file]
            if cost <= seconds or not found:
                found.append(test)
                files.add(file)
                seconds -= cost
        return found

    def _running(self, file: str, lines: Iterable[int]) -> set[str]:
        """The tests that run one of these lines, or whose file runs one while it is collected."""
        contexts = {context for line in lines for context in self._contexts(file).get(line, ())}
        return set().union(*(self._of.get(context, ()) for context in contexts))

    def _naming(self, names: Sequence[str]) -> set[str]:
        """The tests that run a line of the packages where one of these names stands."""
        if not names:
            return set()
        word = re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b")
        found = {
            file: [k for k, line in enumerate(self.source(file).splitlines(), 1) if word.search(line)] for file in self._sources
        }
        return set().union(*(self._running(file, lines) for file, lines in found.items() if lines))

    def _ranked(self, tests: Iterable[str], names: Sequence[str], file: str) -> list[str]:
        """The tests but those that read the file's text: first those named after what changed, then those quick and narrow.

        The cases of one test are alike: they take turns with those of the others.
        """
        word = re.compile(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, names)) or '(?!)'})(?![^\W_])", re.IGNORECASE)
        costs = {
            test: (self._seconds[test] + 0.02) * self._breadth.get(test, 1)
            for test in tests
            if not self._reads_text(test, file)
        }
        turns: Counter[str] = Counter()
        ranked = []
        for test in sorted(costs, key=lambda test: (costs[test], test)):
            named = bool(word.search(test.partition("::")[2]))
            function = f"{test.partition('[')[0]} {named}"
            ranked.append((not named, turns[function], costs[test], test))
            turns[function] += 1
        return [test for *_, test in sorted(ranked)]

    def _reads_text(self, test: str, file: str) -> bool:
        """Whether a test, or its file while it is collected, opens this source, or any page."""
        return any(
            text == file or text.endswith(".md") for name in (test, test.split("::")[0]) for text in self._reads.get(name, ())
        )


def names_defined(statement: ast.stmt) -> list[str]:
    """The names that a statement gives to something; of a call by itself its first text."""
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Expr(value=ast.Call(args=[ast.Constant(value=str(name)), *_])):
            return [name]
    return []
