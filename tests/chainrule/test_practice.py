"""``chainrule quiz``: questions on standard output, answers from standard input."""

import io
import subprocess
import sys

import pytest

import autograd
from autograd import Value
from chainrule import cli

SUM = ["x*y + x", "x=2", "y=-3", "--seed", "1"]


def exercises(**options):
    x, y = Value(2.0, "x"), Value(-3.0, "y")
    return autograd.quiz(x * y + x, seed=1, **options)


@pytest.fixture
def chainrule(capsys, monkeypatch):
    def run(answers, *arguments):
        monkeypatch.setattr(sys, "argv", ["chainrule", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(answers))
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        return exit_.value.code, *capsys.readouterr()

    return run


def test_right_answers_give_status_0(chainrule):
    answers = "".join(f"{each.answer}\n" for each in exercises())
    status, out, err = chainrule(answers, "quiz", *SUM)
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == f"{len(exercises())} of {len(exercises())} right."
    assert all(each.question in out for each in exercises())


def test_a_slip_is_named_and_may_be_mended(chainrule):
    [first] = exercises(count=1)
    status, out, _ = chainrule(f"{-first.answer}\n{first.answer}\n", "quiz", *SUM, "--count", 1)
    assert status == 0
    assert "the sign is wrong" in out
    status, out, _ = chainrule("77\n78\n", "quiz", *SUM, "--count", 1)
    assert status == 1
    assert out.splitlines()[-2:] == [f"It is {first.answer:g}.", "0 of 1 right."]


def test_the_end_of_the_input_ends_the_quiz(chainrule):
    status, out, err = chainrule("", "quiz", *SUM)
    assert (status, err) == (1, "")
    assert out.startswith("1. ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["x +", "x=1"], "x +"),
        (["2 + 3"], "depends on no name"),
        (["x", "x=1"], "no derivative to ask for"),
        (["log(x)", "x=-1"], "needs x > 0"),
        ([*SUM, "--count", "0"], "count"),
    ],
)
def test_bad_input_gives_status_2_and_a_message(chainrule, arguments, words):
    status, out, err = chainrule("", "quiz", *arguments)
    assert (status, out) == (2, "")
    assert words in err


def test_as_a_process_it_reads_a_pipe():
    done = subprocess.run(
        [sys.executable, "-m", "chainrule", "quiz", *SUM, "--count", "1"],
        input=f"{exercises(count=1)[0].answer}\n",
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 of 1 right." in done.stdout
