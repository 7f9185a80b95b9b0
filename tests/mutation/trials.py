"""Running tests of a checkout in a process of its own, which leaves nothing behind, however it ends."""

import importlib
import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import hypothesis
import pytest

HERE = Path(__file__).resolve().parent
FORK = multiprocessing.get_context("fork")
CPU_SECONDS = 20  # of processor time for one test: whoever needs more loops
WALL_SECONDS = 900  # for one test: whoever needs more waits for something that does not come
MEMORY = 2**33  # of address space, in bytes
PYTEST = ["-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]

PASSED, BROKEN, KILLED, REFUSED, ELSEWHERE = 0, 1, 10, 11, 12
VERDICTS = {PASSED: "survived", KILLED: "killed", REFUSED: "refused", -signal.SIGPROF: "timeout", -signal.SIGALRM: "timeout"}


def files_of(repo: Path) -> list[str]:
    """What belongs to a checkout: what git tracks, and new files that it does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=repo, capture_output=True, text=True, check=True
    )
    return sorted(file for file in listed.stdout.split("\0") if file and (repo / file).is_file())


def copied(repo: Path, files: Sequence[str], folder: Path) -> Path:
    """This process's own copy of a checkout in a folder; it is made once."""
    checkout = folder / str(os.getpid())
    if not checkout.exists():
        for file in files:
            (checkout / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(repo / file, checkout / file)
    return checkout


def module_of(file: str) -> str:
    """The module that a file of a package defines; of a ``__main__``, which runs when it is imported, the package."""
    parts = Path(file).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] in ("__init__", "__main__") else parts)


def set_timers(times: int = 1) -> None:
    """Give a test its time, or so many times as much; when that runs out, a signal ends the process."""
    signal.setitimer(signal.ITIMER_PROF, times * CPU_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, times * WALL_SECONDS)


def end_on_signals() -> None:
    """Let this process end at once when it is told to, and first the trial that it waits for."""

    def end(*_: object) -> None:
        for process in multiprocessing.active_children():
            end_group(process.pid)
        os._exit(1)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)


def end_group(pid: int) -> None:
    """End a process and what it may have started."""
    for kill in (os.killpg, os.kill):  # it may not have made its group yet
        try:
            kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def in_child(checkout: Path, job: Callable[..., int], *arguments: object) -> int:
    """What a job returned that ran in a process of its own, in a checkout; negative is the signal that ended it."""
    log, temporary = checkout.with_suffix(".log"), checkout.with_suffix(".tmp")
    temporary.mkdir(exist_ok=True)
    process = FORK.Process(target=_run, args=(checkout, log, temporary, job, arguments))
    process.start()
    try:
        process.join()
    finally:
        end_group(process.pid)
        process.join()
        shutil.rmtree(temporary, ignore_errors=True)  # what was killed may still be writing
    if process.exitcode == ELSEWHERE:
        raise RuntimeError(f"the tests in {checkout} import another checkout than theirs")
    if process.exitcode == BROKEN:  # so ends an exception as well
        raise RuntimeError(f"tests could not be run:\n{log.read_text(errors='replace')[-2000:]}")
    return process.exitcode


def _run(checkout: Path, log: Path, temporary: Path, job: Callable[..., int], arguments: Sequence[object]) -> None:
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    os.chdir(checkout)
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
    os.dup2(1, 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    set_timers()
    # The checkout stands before any other, however that is installed.
    sys.path[:] = [str(checkout), *(path for path in sys.path if path not in ("", str(HERE)))]
    os.environ |= {"PYTHONPATH": str(checkout), "TMPDIR": str(temporary)}
    tempfile.tempdir = None  # what this process knew of it
    os.environ.pop("PYTEST_ADDOPTS", None)
    # One failure is enough; it need not be shrunk. The profiles of the checkout are made from this one.
    phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
    hypothesis.settings.register_profile("unshrunk", phases=phases, database=None, derandomize=True)
    hypothesis.settings.load_profile("unshrunk")
    status = job(*arguments)
    sys.stdout.flush()
    os._exit(status)


class Selection:
    """A plugin of pytest: these tests alone, in this order but file by file; each within its time. Tells which failed."""

    def __init__(self, tests: Sequence[str], failures: Path) -> None:
        self._rank = {test: rank for rank, test in enumerate(tests)}
        self._files = {file: rank for rank, file in reversed(list(enumerate(test.split("::")[0] for test in tests)))}
        self._failures = failures

    def pytest_collectstart(self) -> None:
        set_timers()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = [item for item in items if item.nodeid in self._rank]
        items[:] = sorted(chosen, key=lambda item: (self._files[item.nodeid.split("::")[0]], self._rank[item.nodeid]))

    def pytest_runtest_logstart(self) -> None:
        set_timers()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failures.write_text(json.dumps(report.nodeid))


def run_tests(checkout: Path, file: str, tests: Sequence[str], failures: Path) -> int:
    """Import the module of a file, then run tests up to the first that fails."""
    try:
        module = importlib.import_module(module_of(file))
    except (Exception, SystemExit):
        return REFUSED
    if not Path(module.__file__).is_relative_to(checkout):
        return ELSEWHERE
    files = dict.fromkeys(test.split("::")[0] for test in tests)
    if not files:
        return PASSED
    status = pytest.main([*PYTEST, "-x", *files], plugins=[Selection(tests, failures)])
    return PASSED if status in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) else KILLED


def outcome(checkout: Path, file: str, tests: Sequence[str]) -> tuple[str, str]:
    """What tests say of a file of a checkout, and the test that failed, if one did."""
    failures = checkout.with_suffix(".failed")
    failures.unlink(missing_ok=True)
    status = in_child(checkout, run_tests, checkout, file, tests, failures)
    failed = json.loads(failures.read_text()) if failures.exists() else ""
    return VERDICTS.get(status, "killed"), failed  # another signal than those of the timers: native code crashed
