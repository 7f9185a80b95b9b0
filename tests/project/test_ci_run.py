"""`.ci/run` works in a copy of what git lists: it neither needs nor touches what the contributor's checkout holds besides."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = (Path(__file__).parents[2] / ".ci" / "run").read_text(encoding="utf-8")

pytestmark = pytest.mark.skipif(os.name != "posix" or not shutil.which("git"), reason="the script is for Unix, and asks git")

# Stands for the first program that the script runs in its copy: it says where, lists what is there, and makes .venv.
PYTHON = """#!/bin/sh
pwd > "$REPORT/folder"
find . -type f | sort > "$REPORT/files"
mkdir -p .venv && echo made > .venv/marker
exit 3
"""


@pytest.fixture
def run(tmp_path):
    """Runs a script as .ci/run of a small checkout up to its first program, and returns what happened to the contributor's files."""
    checkout, programs, temporary = (tmp_path / name for name in ("a checkout", "programs", "temporary"))
    for folder in (checkout / ".ci", checkout / ".venv", checkout / "pages", programs, temporary):
        folder.mkdir(parents=True)

    def write(path, text):
        (checkout / path).write_text(text, encoding="utf-8")

    def outcome(script):
        write(".ci/run", script)
        for path in ("tracked.py", "pages/a page.md", "deleted.py"):
            write(path, "as committed")
        write(".gitignore", ".venv/\nbuilt.*\n")
        for command in (["init", "--quiet"], ["add", "--all"]):
            subprocess.run(["git", *command], cwd=checkout, check=True)
        (checkout / "deleted.py").unlink()
        write("tracked.py", "as changed")
        write("new.py", "")
        write("built.txt", "")
        write(".venv/marker", "the contributor's")
        (programs / "python3").write_text(PYTHON)
        (programs / "python3").chmod(0o755)
        environment = {
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "REPORT": str(tmp_path),
            "TMPDIR": str(temporary),
        }
        finished = subprocess.run(
            ["bash", ".ci/run"], cwd=checkout, env=environment, capture_output=True, text=True, check=False
        )
        assert finished.returncode == 3, finished.stderr
        marker = checkout / ".venv" / "marker"
        return {
            "ran in the checkout": Path((tmp_path / "folder").read_text().strip()) == checkout,
            "copied": set((tmp_path / "files").read_text().splitlines()),
            "left behind": list(temporary.iterdir()),
            "marker": marker.read_text() if marker.exists() else None,
        }

    return outcome


def test_it_runs_in_a_copy_of_what_git_lists_and_leaves_the_environment_alone(run):
    assert run(SCRIPT) == {
        "ran in the checkout": False,
        "copied": {"./.ci/run", "./.gitignore", "./new.py", "./pages/a page.md", "./tracked.py"},
        "left behind": [],
        "marker": "the contributor's",
    }


@pytest.mark.parametrize(("right", "wrong"), [('cd "$copy"\n', ""), ("copy=$(mktemp -d)", "rm -rf .venv; copy=$(mktemp -d)")])
def test_a_script_that_touches_the_environment_is_caught(run, right, wrong):
    assert SCRIPT.count(right) == 1
    assert run(SCRIPT.replace(right, wrong))["marker"] != "the contributor's"
