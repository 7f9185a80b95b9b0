"""The README and the package pages say what is true. Their examples run as doctests; here are the claims of their sentences."""

import html
import importlib
import importlib.util
import inspect
import re
import textwrap
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

import autograd
from autograd import OPS, DomainError, Value
from chainrule.cli import cli
from nn.data import DATASETS
from tests.derivations.notes import EQUATIONS

ROOT = Path(__file__).parent.parent
SPEC = importlib.util.spec_from_file_location("operations", ROOT / "docs" / "operations.py")
operations = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(operations)
README = (ROOT / "README.md").read_text(encoding="utf-8")
WORDS = " ".join(README.split())  # without the ends of lines


def test_start_is_two_commands_of_one_line_each():
    [start] = re.findall(r"^## Start\n(.*?)^## ", README, re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"^```bash\n(.*?)^```", start, re.MULTILINE | re.DOTALL)
    assert blocks == [
        'python3 -m venv .venv && .venv/bin/pip install -e ".[all]" && .venv/bin/chainrule demo\n',
        'python3 -m venv .venv && .venv/bin/pip install -e ".[dev]" && .venv/bin/pytest\n',
    ]
    assert start.count("```") == 4


def test_the_backward_loop_of_the_readme_is_the_one_of_the_source():
    [loop] = re.findall(r"```python\n(for node in reversed\(order\):\n.*?)```", README, re.DOTALL)
    source = (ROOT / "autograd" / "value.py").read_text(encoding="utf-8")
    assert textwrap.indent(loop, " " * 8) in source


def test_the_loop_of_the_source_has_four_more_lines_for_closures_and_constants():
    _, rest = inspect.getsource(Value.backward).split("y.grad += node._dy * node.grad\n")
    assert len(rest.splitlines()) == 4
    assert "four more lines of the loop serve closures and constants" in WORDS


def imports(page):
    """The imports in the examples of a page, without those of the standard library's fractions."""
    lines = re.findall(r"^>>> ((?:from|import) [^#\n]*[^#\s])", page, re.MULTILINE)
    return [line for line in lines if line != "from fractions import Fraction"]


ONE_FORM = re.compile(r"from autograd import [\w, ]+|import (nn|viz|nn\.matrix)")


def test_the_readme_imports_in_one_form_and_says_which():
    assert "The examples on this page import names from `autograd`, and `nn` and `viz` as a whole." in WORDS
    found = imports(README)
    assert "from autograd import Value, grad" in found
    assert "import nn" in found
    assert [line for line in found if not ONE_FORM.fullmatch(line)] == []


@pytest.mark.parametrize("planted", ["import autograd", "from nn import MLP", "from chainrule import Value", "import nn as n"])
def test_another_form_of_import_is_caught(planted):
    [line] = imports(f"text\n>>> {planted}   # with a remark\n")
    assert line == planted
    assert not ONE_FORM.fullmatch(line)


def test_the_readme_is_right_where_others_are_not():
    a, b, d = Value(2.0), Value(3.0), Value(1.0)
    e = (a + b) * d
    e.backward()
    assert a.grad == 1.0
    e.backward()
    assert a.grad == 2.0
    assert "the gradient of a is then 2.0, twice that of one call" in WORDS
    x = Value(3.0)
    assert (x * x).inputs == (x, x)
    assert (autograd.tanh(1000.0), autograd.sigmoid(-1000.0)) == (1.0, 0.0)
    with pytest.raises(DomainError, match="log"):
        autograd.log(0.0)


def test_the_readme_names_the_data_sets_of_the_demo():
    [names] = re.findall(r"Other names for `--data` are (.*?);", WORDS)
    assert {*re.findall(r"\w+", names)} - {"and"} == {*DATASETS} - {"iris", "digits"}


def test_the_demo_gets_as_many_digits_right_as_the_readme_says(tmp_path):
    done = CliRunner().invoke(cli, ["demo", "--data", "digits", "--out", str(tmp_path)])
    [claimed] = re.findall(r"digits and gets (\d+) % of the held-out ones right", WORDS)
    [seen] = re.findall(r"held-out\s+examples\s+(\d+)\.\d%", done.output)
    assert seen == claimed


def test_the_extras_that_the_readme_calls_part_of_all_are():
    extras = re.findall(r"extra `(\w+)` \(part of `all`\)", WORDS)
    assert extras == ["fast", "layout"]
    [everything] = re.findall(
        r'^all = \["chainrule\[(.*)\]"\]$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {*extras} <= {*everything.split(",")}


def strange_names(prose):
    """The names between backticks that no package, command or extra has: ``autograd.sine``, ``expalin``."""
    known = {*dir(autograd), *dir(Value), *cli.commands, "fast", "layout", "all", "autograd", "nn", "viz"}
    packages = {name: importlib.import_module(name) for name in ("autograd", "nn", "viz")}
    for name in re.findall(r"`([A-Za-z_][\w.]*)`", prose):
        package, _, attribute = name.partition(".")
        if package in packages and attribute:
            found = hasattr(packages[package], attribute) or importlib.util.find_spec(name) is not None
        else:
            found = name in known
        if not found:
            yield name


def test_the_readme_names_what_there_is():
    [section] = re.findall(r"^## What it does\n(.*?)^## ", README, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", section, flags=re.MULTILINE | re.DOTALL)
    assert prose.count("`") > 80
    assert list(strange_names(prose)) == []


def test_a_name_that_is_not_there_is_caught():
    prose = "`explain`, `expalin`, `nn.fit`, `nn.matrix`, `nn.tif`, `draw`, `Value`, `_prev`, `x * x`"
    assert list(strange_names(prose)) == ["expalin", "nn.tif"]


@pytest.mark.parametrize("page", ["README.md", "docs/derivations/README.md"])
def test_the_formulas_of_the_notes_are_counted(page):
    counts = Counter(equation.note for equation in EQUATIONS.values())
    text = (ROOT / page).read_text(encoding="utf-8")
    assert set(re.findall(r"(\d+) formulas", re.sub(r"note \d, \d+ formulas", "", text))) == {str(counts.total())}
    for note, count in re.findall(r"note (\d), (\d+) formulas", text):
        assert counts[int(note)] == int(count), note


def test_the_table_of_operations_is_current():
    assert operations.refreshed(README) == README, "stale: run python docs/operations.py"


def test_the_table_of_operations_has_each_row_and_a_stale_one_is_noticed():
    lines = operations.markdown().splitlines()[2:]
    assert [re.match(r"\| `(\w+)` \|", line).group(1) for line in lines] == list(OPS)
    stale = README.replace("`(1 + out) * (1 - out)`", "`1 - out * out`")
    assert stale != README
    assert operations.refreshed(stale) == README
    assert README.count(operations.BEGIN) == README.count(operations.END) == 1


def public(module):
    """The functions and classes of a module that users call, and the methods of those classes."""
    names = getattr(module, "__all__", vars(module))
    held = {name: getattr(module, name) for name in names}
    held = {name: thing for name, thing in held.items() if getattr(thing, "__module__", "").startswith(module.__name__)}
    for name, thing in held.items():
        if not name.startswith("_") and callable(thing):
            yield f"{module.__name__}.{name}", thing
            for method, function in vars(thing).items() if inspect.isclass(thing) else ():
                function = getattr(function, "__func__", function)
                if inspect.isfunction(function) and not method.startswith("_") and thing is not Value:
                    yield f"{module.__name__}.{name}.{method}", function


MODULES = [importlib.import_module(name) for name in ("autograd", "nn", "nn.data", "nn.matrix", "viz")]


@pytest.mark.parametrize(
    ("name", "thing"), [pair for module in MODULES for pair in public(module)], ids=lambda x: x if isinstance(x, str) else ""
)
def test_every_public_name_has_an_example_that_runs(name, thing):
    # Doctests run what is here. The one-line methods of Value are documented as the functions of the same names.
    assert ">>>" in (thing.__doc__ or ""), f"{name} has no example"


ROOMS = ("autograd", "nn", "viz", "chainrule", "docs", "benchmarks", "tests")
CODE_OR_MATHEMATICS = re.compile(r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL)


@pytest.mark.parametrize(
    "page",
    [*ROOT.glob("*.md"), *[page for room in ROOMS for page in (ROOT / room).glob("**/*.md")]],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_links_lead_to_files(page):
    prose = CODE_OR_MATHEMATICS.sub("", page.read_text(encoding="utf-8"))  # f[0](x) is no link
    links = re.findall(r"\]\(([^)#]+)", prose)
    missing = [link for link in links if not link.startswith("http") and not (page.parent / link).exists()]
    assert not missing


def test_the_picture_of_the_readme_shows_the_numbers_of_its_example():
    text = html.unescape(re.sub(r"<[^>]+>", " ", (ROOT / "docs" / "neuron.svg").read_text(encoding="utf-8")))
    for number in ("-0.4621", "1.573", "0.3932", "0.7864", "0.5", "-1.5"):
        assert number in text, number
