"""The maintainer's chores, each in an environment of its own under ``.nox``: ``nox --list`` tells them all.

``nox`` alone runs the linters, the type checker and the tests; ``.ci/run`` runs more of them. None of them touches ``.venv``.
"""

import os
import re
import shutil
import sys
from pathlib import Path
from zipfile import ZipFile

import nox

PROJECT = nox.project.load_toml("pyproject.toml")
VERSION = PROJECT["project"]["version"]
PYTHONS = nox.project.python_versions(PROJECT)
PACKAGES = ("autograd", "nn", "viz", "chainrule")

# What stands on PATH for pyenv runs the versions that are switched on; each that is installed is wanted here.
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
os.environ["PATH"] = os.pathsep.join([*map(str, sorted(PYENV.glob("versions/3.*/bin"))), os.environ["PATH"]])

FOUND = [version for version in PYTHONS if shutil.which(f"python{version}")]
RUNNING = "{}.{}".format(*sys.version_info)

nox.options.default_venv_backend = "uv"
nox.options.download_python = "never"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", f"tests-{RUNNING}"]


@nox.session
def lint(session: nox.Session) -> None:
    """What .pre-commit-config.yaml names, except the type checker: ruff, the README's table, the workflows."""
    session.install("-e", ".[dev]")
    session.run("pre-commit", "run", "--all-files", *session.posargs, env={"SKIP": "mypy"})


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict."""
    session.install("-e", ".[dev]")
    session.run("mypy", *session.posargs)


@nox.session
def precommit(session: nox.Session) -> None:
    """Every hook of .pre-commit-config.yaml on every file."""
    session.install("-e", ".[dev]")
    session.run("pre-commit", "run", "--all-files", *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The test suite; arguments after -- go to pytest."""
    session.install("-e", ".[dev]")
    session.run("pytest", *session.posargs)


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """The test suite on the oldest Python with the lowest versions that pyproject.toml declares."""
    session.install("--resolution", "lowest-direct", "-e", ".[dev]")
    session.run("pytest", *session.posargs)


@nox.session(python=FOUND[-1] if FOUND else None)
def newest(session: nox.Session) -> None:
    """The test suite on the newest Python that is found."""
    if session.python in (None, RUNNING):
        session.skip("no newer Python is found than the one that runs nox")
    session.install("-e", ".[dev]")
    session.run("pytest", *session.posargs)


@nox.session
def without_llvmlite(session: nox.Session) -> None:
    """The test suite where there is no native code."""
    session.install("-e", ".[dev]")
    session.run("uv", "pip", "uninstall", "llvmlite")
    session.run("pytest", *session.posargs)


@nox.session
def oracles(session: nox.Session) -> None:
    """What the tests ask of JAX and PyTorch, which are no dependencies of the tests."""
    session.install("-e", ".[dev,oracles]")
    session.run("pytest", "tests/autograd/test_other_engines.py", "tests/autograd/test_nested.py", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Every generated page and picture, made anew; git shows what changed."""
    session.install("-e", ".[dev]")
    for generator in sorted(Path("docs").glob("*.py")):
        session.run("python", generator)


@nox.session
def mutate(session: nox.Session) -> None:
    """Mutation testing; see tests/mutation/README.md for the arguments after --."""
    session.install("-e", ".[dev]")
    session.run("python", "tests/mutation/mutate.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """The benchmarks, beside the peers: about ten minutes on a machine that does nothing else."""
    session.install("-e", ".[all,peers]")
    for benchmark in ("eager", "compiled", "load"):
        session.run("python", f"benchmarks/{benchmark}.py")


@nox.session
def package(session: nox.Session) -> None:
    """Build the wheel and the source distribution in dist/, and look at what they hold."""
    session.install("twine")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("uv", "build", "--quiet")
    [wheel], [source] = Path("dist").glob("*.whl"), Path("dist").glob("*.tar.gz")
    session.run("twine", "check", "--strict", str(wheel), str(source))
    files = [path for name in PACKAGES for pattern in ("*.py", "py.typed") for path in Path(name).rglob(pattern)]
    held = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    if difference := held ^ {path.as_posix() for path in files}:
        session.error(f"{wheel} and the packages differ in {sorted(difference)}")


@nox.session(reuse_venv=False)
@nox.parametrize("archive", ["*.whl", "*.tar.gz"], ids=["wheel", "sdist"])
def installed(session: nox.Session, archive: str) -> None:
    """What `package` built as a user gets it: a typed program away from the sources passes the type checker and runs."""
    [built] = Path("dist").resolve().glob(archive)
    session.install(str(built), "mypy")
    session.chdir(shutil.copytree("tests/downstream", session.create_tmp(), dirs_exist_ok=True))
    session.run("mypy")
    session.run("python", "downstream.py")
    session.run("chainrule", "--version")


@nox.session
def release(session: nox.Session) -> None:
    """Say whether the version, CHANGES.md and CITATION.cff agree, then build and try what is to be published."""
    [(change, date), *_] = re.findall(r"^## (\S+) \((.*)\)$", Path("CHANGES.md").read_text(encoding="utf-8"), re.MULTILINE)
    [cited] = re.findall(r"^version: (.*)$", Path("CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    if not VERSION == change == cited:
        session.error(f"pyproject.toml says {VERSION}, CHANGES.md {change}, CITATION.cff {cited}")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", date):
        session.error(f"CHANGES.md calls {VERSION} {date!r}: write the day of the release there, as in 2026-03-01")
    session.notify("package")
    session.notify("installed(wheel)")
    session.notify("installed(sdist)")
