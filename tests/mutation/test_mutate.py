"""The mutator itself: it changes what computes, leaves alone what only speaks, and tells the killed from the survivors."""

import ast
import os
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

pytest.importorskip("resource", reason="the mutator limits its processes in the way of Unix")

import record
from mutants import changes_of_a_formula, mutants_of, sample
from mutate import mutants_at
from telling import digest, sources_of
from trials import files_of

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

WORDS = '''
"""A docstring with 2 numbers."""
import math

LIMIT: int


def f(x: "a < b"):
    """x + 1."""
    raise ValueError(f"not {x + 1} but", 1)
'''


def made(source):
    """What each mutant replaces by what, without the parentheses around it."""
    return {(mutant.before, mutant.after.removeprefix("(").removesuffix(")")) for mutant in mutants_of("f.py", source)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a - b", {("a - b", "a + b")}),
        ("a @ b", {("a @ b", "a * b")}),
        ("-a", {("-a", "a")}),
        ("a < b", {("a < b", "a <= b"), ("a < b", "a >= b"), ("a < b", "a > b")}),
        ("a is b", {("a is b", "a is not b")}),
        ("a and b", {("a and b", "a or b"), ("a and b", "a"), ("a and b", "b")}),
        ("p if q else r", {("p if q else r", "r if q else p")}),
        ("f(True, k=3)", {("True", "False"), ("3", "4")}),
        ("f(a, b)", {("f(a, b)", "f(b, a)")}),
        ("math.exp", {("math.exp", "math.expm1")}),
        ("zip(u, v, strict=True)", {("zip(u, v, strict=True)", "zip(v, u, strict=True)")}),
    ],
)
def test_every_operator_is_changed(source, expected):
    assert made(f"c = {source}") == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("g += h", {("g += h", "g = h"), ("g += h", "g -= h"), ("g += h", "pass")}),
        ("g.a = h", {("g.a = h", "pass")}),
        ("g, h = p, q", {("p, q", "(q, p)"[1:-1])}),
        ("f()", {("f()", "pass")}),
        ("raise KeyError(1)", {("raise KeyError(1)", "pass")}),
        ("while a:\n    break", {("a", "not (a)"), ("break", "continue")}),
        ("def f():\n    return a", {("return a", "return None")}),
        ("try:\n    a\nexcept (B, C):\n    pass", {("(B, C)", "B,"), ("(B, C)", "C,")}),
    ],
)
def test_every_statement_is_changed(source, expected):
    found = {(before, after) for before, after in made(source) if before != "a" or after != "pass"}
    assert found == expected


def test_what_only_speaks_is_left_alone():
    assert made(WORDS) == {('raise ValueError(f"not {x + 1} but", 1)', "pass")}


def test_the_formulas_of_a_row_are_changed_one_place_at_a_time():
    assert {ast.unparse(ast.parse(formula)) for formula in changes_of_a_formula("-out / y", operands=2)} == {
        "-(-out / y)", "out / y", "-x / y", "-out * y", "-out / x", "-out", "y",
    }  # fmt: skip
    row = 'DIV = Op("div", "x / y", ("1 / y", "-out / y"), symbol="/", domain="y != 0", samples=((-3.0, 3.0),))'
    mutants = mutants_of("ops.py", row)
    changed = {mutant.after for mutant in mutants}
    assert {'"y / y"', '"1 * y"', '"y == 0"', '"y != 1"', "('-out / y', '1 / y')"} <= changed
    sources = [mutant.applied(row) for mutant in mutants]
    assert row not in sources
    assert all(compile(source, "ops.py", "exec") for source in sources)


def test_a_change_stands_where_it_was_found_whatever_stands_before_it():
    source = 'é = "∂"; a = b - c  # ∂\nd = e'
    [mutant] = mutants_of("f.py", source)
    assert mutant.applied(source) == source.replace("b - c", "(b + c)")


def test_a_sample_is_the_same_wherever_the_lines_stand():
    def drawn(file, source, seed):
        return [(mutant.line, mutant.after) for mutant in sample(mutants_of(file, source), 5, seed)]

    lines = [f"a{k} = b - {k}\n" for k in range(30)]
    source, moved = "".join(lines), "import os\n\nif os:\n    " + "    ".join(lines[::-1])
    assert len(drawn("f.py", source, 1)) == 5
    assert drawn("f.py", source, 1) == drawn("g.py", moved, 1)[::-1]
    assert drawn("f.py", source, 1) != drawn("f.py", source, 2)


PROJECT = {
    "pyproject.toml": '[tool.pytest.ini_options]\naddopts = ["--import-mode=importlib", "--doctest-modules"]\n',
    "pkg/__init__.py": "",
    "pkg/table.py": """
class Op:
    def __init__(self, name, value, partials):
        self.value = value

NEG = Op("neg", "-x", ("-1",))
LIMIT = 7
""",
    "pkg/code.py": """
from pkg import table

def told(x):
    return x * 2

def untold(x):
    return x - 1

def example(x):
    '''
    >>> example(5)
    8
    '''
    return x + 3

def below(x):
    return x < table.LIMIT

def loop(x):
    while x > 0:
        x -= 1

def negative(x):
    return eval(table.NEG.value)

def unseen(x):
    return x | 4

def shared(x):
    return x & 5

def listed(x):
    open(__file__).close()
    return x + 9
""",
    "pkg/refused.py": "assert 0 < 6\n",
    "tests/test_code.py": """
import inspect
from pkg import code

SEEN = []

def test_told():
    assert code.told(3) == 6

def test_untold():
    code.untold(3)

def test_below():
    assert code.below(6)
    assert not code.below(7)

def test_loop():
    code.loop(2)

def test_negative():
    assert code.negative(1) == -1

def test_that_reads_the_source():
    code.untold(3)
    assert "x - 1" in inspect.getsource(code)

def test_of_what_reads_its_own_source():
    assert code.listed(1) == 10

def test_that_fails_without_any_change():
    assert code.unseen(2) == 4

def test_before_the_next():
    SEEN.append(code.shared(4))

def test_that_needs_the_one_before():
    assert code.shared(4) == SEEN[0] == 4
""",
}
KILLED = [
    "x * 2 -> (x / 2)",
    "x + 3 -> (x - 3)",  # by the example in the docstring
    "x + 9 -> (x - 9)",
    '"-x" -> "x"',  # by the tests that run the lines where NEG and LIMIT stand
    "7 -> (8)",
]
TIMEOUT = ["x -= 1 -> pass"]
REFUSED = ["0 < 6 -> (0 > 6)"]
SURVIVED = [
    "x - 1 -> (x + 1)",  # its line is run, but only a test that reads the text looks at what it does
    "x | 4 -> (x & 4)",  # seen by one test, which fails anyway
    "x & 5 -> (x | 5)",  # seen by one test, which fails by itself
]
# The command on some of the mutants, with so many seconds for each test and with records of its own.
COMMAND = """
import pathlib, sys
import mutate, telling, trials
records, seconds, *wanted = sys.argv[1:]
trials.CPU_SECONDS, telling.RECORDS, mutate.HEAVY = int(seconds), pathlib.Path(records), ()
mutate.os.nice = lambda more: 0  # a test does not wait
mutants_of = mutate.mutants_of
mutate.mutants_of = lambda *of: [m for m in mutants_of(*of) if f"{m.before} -> {m.after}" in wanted]
mutate.main(["--repo", "."])
"""


def test_planted_survivors_survive_all_others_are_noticed_and_nothing_is_left_behind(tmp_path):
    repo, records = tmp_path / "repo", tmp_path / "records"
    for name, text in PROJECT.items():
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text(text)
    subprocess.run(["git", "init", "-q", repo], check=True)
    before = {path: path.read_bytes() for path in repo.rglob("*") if path.is_file()}
    (tmp_path / "temporary").mkdir()

    command = [sys.executable, "-c", COMMAND, records]
    how = {"cwd": repo, "env": {**os.environ, "PYTHONPATH": str(HERE), "TMPDIR": str(tmp_path / "temporary")}, "text": True}
    first = subprocess.run([*command, "1", *KILLED, *TIMEOUT, *REFUSED, *SURVIVED], **how, capture_output=True, check=True)
    *survivors, table = first.stdout.split("\n", len(SURVIVED))
    assert sorted(line.split(": ")[1].replace("  ->  ", " -> ") for line in survivors) == sorted(SURVIVED)
    assert "| `pkg` | all | 10 | 1 | 5 | 1 | 3 | 66.7 |" in table
    assert "which tests run which lines" in first.stderr
    assert "fails without any change: tests/test_code.py::test_that_fails_without_any_change\n" in first.stderr
    assert {path: path.read_bytes() for path in repo.rglob("*") if path.is_file()} == before
    assert list((tmp_path / "temporary").iterdir()) == []

    # On the same files the record is there; and who is stopped in the midst of a loop leaves nothing behind either.
    [kept] = records.iterdir()
    second = subprocess.Popen([*command, "1000", *TIMEOUT], **how, stderr=subprocess.PIPE)
    while second.poll() is None and not any((tmp_path / "temporary").glob("*/*.log")):
        time.sleep(0.1)
    second.terminate()
    told = second.communicate(timeout=30)[1]
    assert told.endswith("Aborted!\n")
    assert "which tests run which lines" not in told
    assert list((tmp_path / "temporary").iterdir()) == []

    (repo / "tests" / "test_code.py").write_text("")
    assert digest(repo, files_of(repo)) != kept.name


def test_a_target_that_is_no_file_of_a_package_is_refused_with_the_packages():
    with pytest.raises(click.BadParameter, match=r"tests/strategies\.py.*\(first, second\)"):
        mutants_at("tests/strategies.py", ROOT, sources_of(["first/__init__.py", "second/__init__.py", "tests/strategies.py"]))


def test_tests_that_import_another_checkout_say_nothing(tmp_path):
    (tmp_path / "nn.py").touch()
    code = f"import nn, pathlib, trials; trials.outcome(pathlib.Path({str(tmp_path)!r}), 'nn.py', [])"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(HERE)}, capture_output=True, text=True
    )
    assert run.returncode != 0
    assert f"RuntimeError: the tests in {tmp_path} import another checkout than theirs" in run.stderr


# --- the record ---------------------------------------------------------------------------------------------------------

SOURCES = {
    str(path): path.read_text(encoding="utf-8") for top in ROOT.glob("*/__init__.py") for path in top.parent.rglob("*.py")
}


def test_no_explanation_of_a_survivor_is_stale():
    assert record.stale(record.read(record.EXPLANATIONS), SOURCES) == []


def test_an_explanation_whose_code_is_gone_is_stale():
    explanations = {"a = b - c": {"(b + c)": "nobody looks"}}
    assert record.stale(explanations, {"f.py": "if a:\n    a = b - c"}) == []
    assert record.stale(explanations, {"f.py": "a = b - d", "g.py": "# a = b - c"}) == ["a = b - c: (b + c)"]


def test_the_page_of_results_is_what_the_record_says():
    assert record.PAGE.read_text(encoding="utf-8") == record.page(record.read(record.RUNS), record.read(record.EXPLANATIONS))


def test_a_run_is_told_with_its_survivors_and_why_they_survive():
    explained, other, *noticed = mutants_of("f.py", "a = b - c\nd = e * f\ng = h - i\nj = -k")
    verdicts = [(explained, "survived"), (other, "survived"), (noticed[0], "killed"), (noticed[1], "refused")]
    run = record.run_of(verdicts, sample=4, seed=1, quick=True, of=4)
    page = record.page({"f.py": run}, {"a = b - c": {"(b + c)": "c is 0"}})
    assert "| `f.py` | 4 of 4, seed 1, quick | 4 | 1 | 1 | 0 | 2 | 33.3 |" in page
    assert "- `` a = b - c ``\n  with `` (b + c) `` for `` b - c ``: c is 0\n" in page
    assert "- `` d = e * f ``\n  with `` (e / f) `` for `` e * f ``: **not explained**\n" in page
