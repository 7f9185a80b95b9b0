"""An editable install is found by type checkers: a program outside the checkout is checked against the packages' own types.

It is the environment that runs the tests that is looked at, so nothing is downloaded.
"""

import json
import subprocess
import sys
from importlib.metadata import distributions

import pytest

# The checkout itself, which stands on the path too, may hold what a build has left and no word of where it was installed from.
ORIGINS = [json.loads(found.read_text("direct_url.json") or "{}") for found in distributions(name="chainrule")]
EDITABLE = any(origin.get("dir_info", {}).get("editable", False) for origin in ORIGINS)

pytestmark = pytest.mark.skipif(not EDITABLE, reason="chainrule is not installed with pip install -e")

PROGRAM = """
import autograd
import nn
import viz
from autograd import Value
from nn.matrix import MatrixMLP

x = Value(2.0, "x")
y: Value = autograd.tanh(x) * 3
parameters: list[Value] = nn.MLP(1, [2, 1]).parameters()
twin: type[MatrixMLP] = MatrixMLP
source: str = viz.draw(y).source
"""

WRONG = [
    "label: int = x.label",  # a str
    "parameters = nn.MLP('wide', [1])",  # an int is needed
    "picture: int = viz.draw",  # a function
    "import autograd.nowhere",
]


def mypy(program):
    """What mypy at its strictest complains of, each with its line."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary", "--no-pretty", program.name]
    run = subprocess.run(command, cwd=program.parent, capture_output=True, text=True, check=False)
    assert run.returncode in (0, 1), run.stdout + run.stderr
    complaints = [line.split(":", 2) for line in run.stdout.splitlines() if ": error: " in line]
    return [(int(line), text) for _, line, text in complaints]


def pyright(program):
    """What pyright at its strictest complains of, each with its line."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, program.name]
    run = subprocess.run(command, cwd=program.parent, capture_output=True, encoding="utf-8", check=False)
    assert run.returncode in (0, 1), run.stdout + run.stderr
    complaints = json.loads(run.stdout)["generalDiagnostics"]
    return [(complaint["range"]["start"]["line"] + 1, complaint["message"]) for complaint in complaints]


@pytest.fixture(params=[mypy, pyright], ids=lambda check: check.__name__)
def check(request, tmp_path):
    """What a type checker says of a program in a folder of its own."""

    def complaints(source):
        program = tmp_path / "program.py"
        program.write_text(source, encoding="utf-8")
        return request.param(program)

    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}', encoding="utf-8")
    return complaints


def test_a_program_outside_the_checkout_is_checked(check):
    assert check(PROGRAM) == []


def test_each_wrong_type_and_module_is_caught(check):
    right = len(PROGRAM.splitlines())
    assert {line for line, _ in check(PROGRAM + "\n".join(WRONG))} == {right + i for i in range(1, len(WRONG) + 1)}
