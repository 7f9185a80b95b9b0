"""The README and the package pages say what is true: the examples themselves run as doctests."""

import html
import importlib
import importlib.util
import inspect
import re
import textwrap
from pathlib import Path

import pytest

from autograd import OPS, Value

ROOT = Path(__file__).parent.parent
SPEC = importlib.util.spec_from_file_location("operations", ROOT / "docs" / "operations.py")
operations = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(operations)
README = (ROOT / "README.md").read_text(encoding="utf-8")


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
