"""What is said of the project in more than one file is the same in each; pyproject.toml is the one that is right."""

import re
from importlib.metadata import version
from pathlib import Path

from click.testing import CliRunner

from chainrule.cli import cli

ROOT = Path(__file__).parents[2]


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def found(pattern, path):
    """What a pattern finds in a file, line by line."""
    return re.findall(pattern, text(path), re.MULTILINE)


[VERSION] = found(r'^version = "(.*)"$', "pyproject.toml")
PYTHONS = found(r'"Programming Language :: Python :: (3\.\d+)"', "pyproject.toml")


def test_the_version_is_that_of_pyproject():
    assert version("chainrule") == VERSION, 'the installed version is another: run pip install -e ".[dev]"'
    assert found(r"^version: (.*)$", "CITATION.cff") == [VERSION]
    assert found(r"^## (\S+) \(", "CHANGES.md")[0] == VERSION
    assert CliRunner().invoke(cli, ["--version"]).output == f"chainrule, version {VERSION}\n"


def test_no_module_states_the_version():
    stated = [
        path
        for name in ("autograd", "nn", "viz", "chainrule")
        for path in (ROOT / name).rglob("*.py")
        if VERSION in path.read_text()
    ]
    assert stated == []


def test_the_oldest_python_is_the_one_that_is_required():
    assert found(r'^requires-python = ">=(.*)"$', "pyproject.toml") == [PYTHONS[0]]
    assert f"Python {PYTHONS[0]} or newer" in text("README.md")


def test_the_workflow_tests_each_python_that_the_classifiers_name():
    [matrix] = found(r"^ +python: \[(.*)\]$", ".github/workflows/check.yml")
    assert re.findall(r'"(.*?)"', matrix) == PYTHONS
