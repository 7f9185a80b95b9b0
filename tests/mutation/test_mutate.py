"""The mutator itself: it changes what computes, leaves alone what only speaks, and tells the killed from the survivors."""

import ast
import subprocess
import sys

import pytest

pytest.importorskip("resource", reason="the mutator limits its processes in the way of Unix")

from tests.mutation import mutate
from tests.mutation.mutate import changes_of_a_formula, mutants_of

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
    return {(each.before, each.after.removeprefix("(").removesuffix(")")) for each in mutants_of("f.py", source)}


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
    assert {ast.unparse(ast.parse(each)) for each in changes_of_a_formula("-out / y", operands=2)} == {
        "-(-out / y)", "out / y", "-x / y", "-out * y", "-out / x", "-out", "y",
    }  # fmt: skip
    row = 'DIV = Op("div", "x / y", ("1 / y", "-out / y"), symbol="/", domain="y != 0", samples=((-3.0, 3.0),))'
    mutants = mutants_of("ops.py", row)
    changed = {each.after for each in mutants}
    assert {'"y / y"', '"1 * y"', '"y == 0"', '"y != 1"', "('-out / y', '1 / y')"} <= changed
    assert all(each.source != row and compile(each.source, "ops.py", "exec") for each in mutants)


def test_the_equations_of_the_lecture_notes_are_among_the_tests_of_a_file():
    def tests_for(file):
        return [set(stage) for stage in mutate.stages(mutate.Mutant(file, 1, "", "", "", ""))]

    first, telling, others = tests_for("nn/textbooks/conventions.py")
    assert first == {"nn"}
    assert telling == {"tests/derivations/test_notations.py"}
    assert {"tests/nn", "tests/derivations"} <= others
    for file, names in mutate.TELLING.items():
        assert "tests/derivations" in tests_for(file)[-1]
        assert all((mutate.ROOT / path).exists() for path in tests_for(file)[1]), names


BODIES = {
    "killed": "assert f(2) == 4",
    "survived": "assert f(2)",
    "timeout": "while f(2): pass",
    "refused": "",
}


def run_outcome(preamble, folders):
    """In a process of its own, which has not imported autograd yet."""
    program = (
        f"import hypothesis, pathlib, pytest, sys{preamble}; from tests.mutation import mutate; mutate.SECONDS = 1\n"
        "for each in sys.argv[1:]: print(mutate.outcome(pathlib.Path(each), ['test_f.py']))"
    )
    run = [sys.executable, "-c", program, *map(str, folders)]
    return subprocess.run(run, cwd=mutate.ROOT, capture_output=True, text=True, timeout=120)


def test_the_verdict_is_that_of_the_tests_in_the_copy(tmp_path):
    """Of projects with one function and one test; in the last the packages do not import."""
    for verdict, body in BODIES.items():
        for package in ("autograd", "nn"):
            (tmp_path / verdict / package).mkdir(parents=True)
            text = "1 / 0" if verdict == "refused" else "def f(x): return x + 1"
            (tmp_path / verdict / package / "__init__.py").write_text(text)
        (tmp_path / verdict / "nn" / "matrix.py").touch()
        (tmp_path / verdict / "test_f.py").write_text(f"from autograd import f\ndef test_f():\n    {body}")
    result = run_outcome("", [tmp_path / verdict for verdict in BODIES])
    assert result.stdout.split() == list(BODIES), result.stderr


def test_tests_that_import_another_checkout_say_nothing(tmp_path):
    result = run_outcome(", autograd", [tmp_path])
    assert result.returncode != 0
    assert f"RuntimeError: the tests in {tmp_path} import another checkout than theirs" in result.stderr
