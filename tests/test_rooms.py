"""A newcomer finds the room: each folder has a page that names what is in it, by the question it answers."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("autograd", "nn", "viz", "chainrule")
FOLDERS = sorted({path.parent for package in PACKAGES for path in (ROOT / package).glob("**/*.py")})

# A question, the word of it that the folder's page holds, and where the answer stands.
QUESTIONS = [
    ("Where is the derivative of tanh?", "tanh", "autograd/ops.py"),
    ("In which order does the gradient flow?", "order", "autograd/graph.py"),
    ("What does log(0) answer, outside its domain?", "domain", "autograd/rules/evaluate.py"),
    ("What refuses stale data?", "stale data", "autograd/checking/stale_data.py"),
    ("How does the text w*x + b become a graph?", "become a graph", "autograd/expressions/reader.py"),
    ("Who multiplies along all paths?", "all paths", "autograd/explaining/paths.py"),
    ("Where does a batch become blocks?", "become blocks", "autograd/compiled/native/plan/batch.py"),
    ("Where are exp and tanh computed for vectors of numbers?", "vectors", "autograd/compiled/native/llvm/exp_tanh.py"),
    ("Where would a new loss go?", "new loss", "nn/losses.py"),
    ("What does a training step of gradient descent do?", "training step", "nn/training/optimisers.py"),
    ("What is said of a bad cell in a CSV file?", "CSV", "nn/data/csv.py"),
    ("Who lays out a picture?", "lays out a picture", "viz/dot/layout.py"),
    ("What does the command check do?", "check", "chainrule/commands.py"),
]


def rows(page):
    """What each row of a room's table names, and its question."""
    found = []
    for names, question in re.findall(r"^\| (\[.*?\)) \| (.*) \|$", page, re.MULTILINE):
        found += [(name.removesuffix("/README.md"), question) for name in re.findall(r"\]\(([^)]+)\)", names)]
    return found


def page_of(folder):
    return (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("question", "word", "place"), QUESTIONS, ids=[place for *_, place in QUESTIONS])
def test_the_page_of_a_room_answers_the_question(question, word, place):
    assert word in question
    path = ROOT / place
    assert path.is_file()
    answers = [row for name, row in rows(page_of(path.parent)) if name == path.name]
    assert len(answers) == 1
    assert word in answers[0]


@pytest.mark.parametrize("place", [place for *_, place in QUESTIONS])
def test_the_way_to_the_room_is_on_the_pages_above(place):
    *folders, _ = Path(place).parts
    for depth in range(1, len(folders)):
        above = ROOT.joinpath(*folders[:depth])
        assert folders[depth] in dict(rows(page_of(above)))


def missing_and_strange(folder, page):
    """The modules and rooms of a folder that its page does not name, and the names on it of what is not there."""
    there = {path.name for path in folder.iterdir() if path.suffix == ".py" and not path.name.startswith("__")}
    there |= {path.name for path in folder.iterdir() if (path / "__init__.py").is_file()}
    named = {name for name, _ in rows(page)}
    return there - named, named - there


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_the_page_of_a_room_names_what_is_in_it(folder):
    assert missing_and_strange(folder, page_of(folder)) == (set(), set())


def test_a_module_without_a_row_and_a_row_without_a_module_are_noticed():
    folder = ROOT / "nn" / "training"
    page = page_of(folder)
    assert missing_and_strange(folder, page.replace("fit.py", "fitness.py")) == ({"fit.py"}, {"fitness.py"})


def test_the_page_of_the_tests_names_each_folder_and_each_module():
    there = {path.name for path in (ROOT / "tests").iterdir() if path.suffix == ".py" or path.is_dir()}
    named = {name for name, _ in rows(page_of(ROOT / "tests"))}
    assert {name for name in there if name[0] not in "_."} == named
