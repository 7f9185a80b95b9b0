"""The two depths: a bug beyond the sample is found by ``--long``, which names its case, and that case can be tried alone."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests import sweeps
from tests.strategies import for_all
from tests.sweeps import DEPTH, Sweep, sweep

ROOT = Path(__file__).parents[1]
PLANTED = """
from tests.sweeps import sweep

BROKEN = sweep("planted", sample=3, full=10)
WHOLE = sweep("taken at once", sample=5, full=2000)

def test_of_cases():
    for case in BROKEN.cases("one part"):
        assert BROKEN.error(case % 1_000_000 / 16) < 7 / 16, "the planted bug"

def test_of_all_at_once():
    assert WHOLE.error(1 / WHOLE.take()) > 0

def test_of_all_at_once_again():
    assert WHOLE.error(3 / WHOLE.take()) > 0
"""


@pytest.fixture
def run(tmp_path):
    """Runs pytest on a small folder with the planted tests: (whether they passed, output)."""
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["tests.sweeps"]\n')
    (tmp_path / "test_planted.py").write_text(PLANTED)

    def pytest_in_the_folder(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return done.returncode == 0, done.stdout

    return pytest_in_the_folder


def test_the_sample_passes_and_says_how_to_get_the_rest(run):
    passed, output = run()
    assert passed
    assert "sweeps: a sample of each; --long tries them in full; seed 0" in output
    assert "worst error" not in output


def test_in_full_a_planted_bug_is_found_named_and_can_be_repeated_alone(run):
    passed, output = run("--long")
    assert not passed
    assert "planted, one part: failed at case 7." in output
    [(test, case)] = re.findall(r"^pytest '(.*)' --case (\d+)$", output, re.MULTILINE)
    passed, output = run(test, "--case", case)
    assert not passed
    assert "sweeps: case 7 alone" in output
    assert "the planted bug" in output
    assert run(test, "--case", "6")[0]


def test_another_seed_has_other_cases_and_the_table_has_each_sweep_with_its_count_and_its_worst_error(run):
    passed, output = run("--long", "--seed", "4")
    assert not passed
    assert "failed at case 4000007." in output
    table = re.sub(
        r"\d+\.\d s\b|FAILED test_.*", "", output.partition("sweeps in full, seed 4: cases, seconds, worst error")[2]
    )
    assert [" ".join(line.split()) for line in table.splitlines() if "worst" in line] == [
        "taken at once 4,000 worst 1.5e-03",
        "FAILED planted, one part 8 worst 4.4e-01",
    ]


@pytest.fixture
def drawn(monkeypatch):
    """What a property of five examples draws at a depth."""

    def drawn(long, seed):
        numbers, tried = [], []
        with monkeypatch.context() as patch:
            patch.setattr(sweeps, "TRIED", tried)
            patch.setattr(DEPTH, "long", long)
            patch.setattr(DEPTH, "seed", seed)

            @for_all(st.integers(), examples=5)
            def keep(x):
                numbers.append(x)

            keep()
        assert [(each.name, each.count) for each in tried] == [("properties of test_sweeps", len(numbers))]
        return numbers

    return drawn


def test_properties_have_twenty_times_the_examples_in_full_and_others_for_another_seed(drawn):
    assert len(drawn(long=False, seed=0)) == 5
    assert len(drawn(long=True, seed=0)) == 100
    for long in (False, True):
        assert drawn(long, seed=0) == drawn(long, seed=0) != drawn(long, seed=4)
        assert drawn(long, seed=4) == drawn(long, seed=4) != drawn(long, seed=5)


@pytest.mark.parametrize(("sample", "full"), [(5, 5), (6, 5), (0, 5)])
def test_a_sweep_without_more_in_full_is_refused(sample, full):
    with pytest.raises(ValueError, match=rf"a sweep needs 0 < sample < full, but got sample={sample}, full={full}"):
        Sweep("small", sample, full)


def test_a_name_is_given_once(monkeypatch):
    monkeypatch.setattr(sweeps, "SWEEPS", {})
    sweep("twice", sample=1, full=2)
    with pytest.raises(ValueError, match="there is a sweep 'twice' already"):
        sweep("twice", sample=1, full=3)


def draws_by_itself(source):
    """Whether a test takes hypothesis' own ``given``, which knows nothing of the two depths."""
    return re.search(r"^from hypothesis import .*\bgiven\b", source, re.MULTILINE) is not None


def test_every_property_has_two_depths():
    tests = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("**/*.py")}
    assert [name for name, source in tests.items() if draws_by_itself(source)] == ["strategies.py"]
    assert draws_by_itself("from hypothesis import given, settings")
