"""Mutation testing: does some test fail if this line is wrong? Change it and see, for every line, by machine.

    python tests/mutation/mutate.py [TARGETS...] [--sample N] [--seed S] [--quick]

A target is a package, a folder, a file, or a line of it (file:line); without any, each package. A mutant is the source with one
small change: a sign in a row of the table, a comparison, a forgotten statement. Each is tried in a copy of the checkout, with the
tests that run its line. A mutant that no test notices survives: then a test is missing, or the code does nothing. README.md tells
more, and results.md what the last runs found.
"""

import os
import signal
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from importlib import import_module
from importlib.util import cache_from_source
from multiprocessing import active_children
from pathlib import Path

import click
from mutants import Mutant, mutants_of, sample
from record import EXPLANATIONS, PAGE, RUNS, page, read, run_of, stale, table, write
from telling import Telling, packages_of, record_of, sources_of
from trials import FORK, HERE, copied, end_on_signals, files_of, outcome

ROOT = HERE.parents[1]
HEAVY = ("mpmath", "numpy", "sympy")  # imported once, and not in each process
STEPS = (2.0, 8.0)  # seconds: tests that fit into these run first, the most telling; with --quick no others do


def mutants_at(target: str, repo: Path, sources: Sequence[str]) -> list[Mutant]:
    """The mutants of a target."""
    path, _, number = target.partition(":")
    files = [file for file in sources if file == path or file.startswith(f"{path}/")]
    if not files:
        raise click.BadParameter(
            f"{target}: no such file of a package ({', '.join(packages_of(sources))}), and no such folder."
        )
    found = [mutant for file in files for mutant in mutants_of(file, (repo / file).read_text(encoding="utf-8"))]
    return [mutant for mutant in found if number in ("", str(mutant.number))]


def stages(telling: Telling, mutant: Mutant, quick: bool) -> list[list[str]]:
    """The tests for a mutant; each stage is run if those before it noticed nothing."""
    tests = telling.of(mutant)
    found = []
    for seconds in STEPS:
        found.append(telling.within(tests, seconds))
        tests = [test for test in tests if test not in found[-1]]
    return [found[0], *(stage for stage in [*found[1:], [] if quick else tests] if stage)]


@cache
def passes_alone(checkout: Path, file: str, test: str) -> bool:
    """Whether a test passes without any change: only then does its failure tell of a mutant."""
    return outcome(checkout, file, [test])[0] == "survived"


def tried(job: tuple[Mutant, list[list[str]]], repo: Path, files: Sequence[str], folder: Path) -> str:
    """What becomes of a mutant, in this process's own copy of the checkout."""
    mutant, tests = job
    checkout = copied(repo, files, folder)
    target = checkout / mutant.file
    original, times = target.read_bytes(), target.stat()
    target.write_bytes(mutant.applied(original.decode()).encode())
    try:
        for stage in tests:
            verdict, failed = outcome(checkout, mutant.file, stage)
            if verdict != "survived":
                break
    finally:
        target.write_bytes(original)
        os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))
        Path(cache_from_source(str(target))).unlink(missing_ok=True)
    if failed and not passes_alone(checkout, mutant.file, failed):
        return tried((mutant, [[test for test in stage if test != failed] for stage in tests]), repo, files, folder)
    return verdict


@click.command(help=__doc__)
@click.argument("targets", nargs=-1)
@click.option("--sample", "size", default=0, help="Try so many mutants of each target. Default: all.")
@click.option("--seed", default=0, help="Which ones.")
@click.option("--quick", is_flag=True, help="Only the most telling tests: who survives them may yet be killed by others.")
@click.option("--jobs", default=2, help="How many at a time.")
@click.option(
    "--repo", default=ROOT, type=click.Path(exists=True, file_okay=False, path_type=Path), help="Another checkout to try."
)
def main(targets: Sequence[str], size: int, seed: int, quick: bool, jobs: int, repo: Path) -> None:
    os.nice(max(0, 10 - os.nice(0)))
    for module in HEAVY:
        import_module(module)
    repo = repo.resolve()
    files = files_of(repo)
    sources = sources_of(files)
    targets = [target.rstrip("/") for target in targets] or packages_of(files)
    found = {target: mutants_at(target, repo, sources) for target in targets}
    chosen = {target: sample(mutants, size, seed) if size else mutants for target, mutants in found.items()}
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # however it is stopped, nothing is left behind
    runs = {}
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(jobs, FORK, end_on_signals) as pool:
        try:
            telling = Telling(record_of(repo, files, Path(folder), pool), repo, files)
            for test in sorted(telling.failed):
                click.echo(f"left out, since it fails without any change: {test}", err=True)
            for target, mutants in chosen.items():
                trials = [(mutant, stages(telling, mutant, quick)) for mutant in mutants]
                verdicts = pool.map(partial(tried, repo=repo, files=files, folder=Path(folder)), trials)
                told = shown(target, mutants, verdicts)
                runs[target] = run_of(told, sample=size, seed=seed, quick=quick, of=len(found[target]))
                if repo == ROOT and ":" not in target:
                    keep(target, runs[target], {file: telling.source(file) for file in sources})
        except BaseException:
            for worker in active_children():
                worker.terminate()
            raise
    click.echo(table(runs))


def shown(target: str, mutants: Sequence[Mutant], verdicts: Iterable[str]) -> Iterator[tuple[Mutant, str]]:
    """The mutants with their verdicts, which are told as they come."""
    for count, (mutant, verdict) in enumerate(zip(mutants, verdicts, strict=True), start=1):
        click.echo(f"\r{target}: {count} of {len(mutants)} ", nl=count == len(mutants), err=True)
        if verdict == "survived":
            click.echo(f"{mutant.file}:{mutant.number}: {mutant.before}  ->  {mutant.after}")
        yield mutant, verdict


def keep(target: str, run: dict, sources: dict[str, str]) -> None:
    """Put a run into the record, and write the page anew."""
    record = read(RUNS) | {target: run}
    write(RUNS, record)
    explanations = read(EXPLANATIONS)
    PAGE.write_text(page(record, explanations), encoding="utf-8")
    for explanation in stale(explanations, sources):
        click.echo(f"explained, but no mutant any more: {explanation}", err=True)


if __name__ == "__main__":
    main()
