"""``import chainrule`` offers everything, is as quick as importing nothing, and type checkers see it."""

import subprocess
import sys
from pathlib import Path

import pytest

import autograd
import chainrule
import nn
import viz

ROOT = Path(__file__).parents[2]
HEAVY = ("autograd", "nn", "viz", "click", "rich", "numpy", "graphviz", "llvmlite")


def test_every_name_of_autograd_is_that_of_autograd():
    assert {name: getattr(chainrule, name) for name in autograd.__all__} == {
        name: getattr(autograd, name) for name in autograd.__all__
    }
    assert (chainrule.nn, chainrule.viz) == (nn, viz)
    assert dir(chainrule) == sorted([*autograd.__all__, "nn", "viz"])


def test_a_star_imports_the_same_names():
    names = {}
    exec("from chainrule import *", names)
    assert set(autograd.__all__) | {"nn", "viz"} <= set(names)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'chainrule' has no attribute 'Tensor'"):
        chainrule.Tensor  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Tensor'"):
        exec("from chainrule import Tensor")


def loaded(statement):
    code = f"import sys\n{statement}\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_importing_it_loads_nothing_and_a_name_only_what_it_needs():
    assert loaded("import chainrule") == []
    assert loaded("from chainrule import Value, grad") == ["autograd"]
    assert loaded("from chainrule import nn, viz") == ["autograd", "nn", "viz"]
    assert "click" in loaded("import chainrule.cli")  # so that the list could be wrong


PROGRAM = """
from chainrule import Value, explain, grad, nn, viz

x = Value(3.0, "x")
slopes: list[float] = grad(x * x, [x])
model: nn.MLP = nn.MLP(2, [4, 1])
picture: str = viz.draw(x * x).source
text: str = explain(x * x, x).to_text()
"""


def complaints(folder, program):
    (folder / "program.py").write_text(program)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache"), str(folder / "program.py")]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout


def test_the_strict_type_checker_sees_the_names(tmp_path):
    assert "Success" in complaints(tmp_path, PROGRAM)
    wrong = PROGRAM + "model = x\nx.tahn()\nfrom chainrule import Tensor\n"
    assert "Found 3 errors" in complaints(tmp_path, wrong)
