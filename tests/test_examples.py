"""The examples: each runs, and prints what its docstring says that it prints."""

import ast
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def announced(source):
    """The output that a docstring shows: the indented lines after the word "prints"."""
    _, shown = ast.get_docstring(ast.parse(source)).split("\nprints\n\n")
    return textwrap.dedent(shown)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_prints_what_it_says(path):
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONWARNINGS": "error"}
    run = subprocess.run([sys.executable, path], cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.rstrip() == announced(path.read_text(encoding="utf-8"))


def test_there_are_examples():
    assert "five_notations" in {path.stem for path in EXAMPLES}
