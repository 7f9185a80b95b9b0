"""The decisions and the pages for maintainers: records are in order, citations lead to records, and named paths exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "docs" / "decisions"
PACKAGES = ["autograd", "nn", "viz", "chainrule"]
INDEX = RECORDS / "README.md"
PAGES = [*sorted(RECORDS.glob("*.md")), *(ROOT / f"{name}.md" for name in ("CONTRIBUTING", "RELEASE", "SECURITY"))]
PAGES += sorted((ROOT / ".github").glob("*.md"))
CITING = [path for folder in (*PACKAGES, "docs", "tests", "benchmarks", "examples") for path in (ROOT / folder).glob("**/*.py")]
CITING += [path for folder in (*PACKAGES, "docs", "tests", "benchmarks") for path in (ROOT / folder).glob("**/*.md")]
CITING += ROOT.glob("*.md")

HEADINGS = ["Context", "Decision", "Rejected", "Consequences"]
MAX_LINES = 60


def number_of(record):
    """The number in a record's title, ``# D3: What a Value is``; None if the title is not of that form."""
    title = re.match(r"# D([1-9][0-9]*): \S", record)
    return int(title.group(1)) if title else None


def faults_of_form(record):
    """What a record lacks: its title, its status, one of the four headings, or brevity."""
    lines = record.splitlines()
    faults = [] if number_of(record) else ["the first line is no title such as '# D3: What a Value is'"]
    if not (len(lines) > 2 and re.match(r"Status: .+", lines[2])):
        faults.append("the third line is no status")
    headings = [line.removeprefix("## ") for line in lines if line.startswith("## ")]
    if headings != HEADINGS:
        faults.append(f"the headings are {headings}")
    if len(lines) >= MAX_LINES:
        faults.append(f"it has {len(lines)} lines")
    return faults


def faults_of_order(records):
    """Where the numbers of ``{file name: text}`` are not 1, 2, 3, ..., or a file is named after another number."""
    numbers = {name: number_of(text) for name, text in records.items()}
    faults = [f"{name} holds D{number}" for name, number in numbers.items() if number and not name.startswith(f"D{number:02}-")]
    if sorted(filter(None, numbers.values())) != list(range(1, len(records) + 1)):
        faults.append(f"the numbers are {numbers}")
    return faults


def faults_of_index(index, records):
    """What the index says of ``{file name: text}`` that is not so: each record has one line, in the order of the numbers."""
    lines = re.findall(r"^\| \[D(\d+)\]\(([^)]+)\) \| \S.* \|$", index, re.MULTILINE)
    wanted = sorted((number_of(text) or 0, name) for name, text in records.items())
    return [] if [(int(number), name) for number, name in lines] == wanted else [f"the index has {lines}, the folder {wanted}"]


def citations(path, text):
    """The numbers of the records that a page, or a docstring or comment of Python code, cites."""
    if path.suffix == ".py":
        comments = re.findall(r"#[^\n]*", text)
        docstrings = [
            ast.get_docstring(node) or ""
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        text = "\n".join([*comments, *docstrings])
    prose = re.sub(r"^```.*?^```|`+[^`]+`+|noqa: [A-Z0-9, ]*", "", text, flags=re.MULTILINE | re.DOTALL)
    return {int(number) for number in re.findall(r"(?<![\w/])D([1-9][0-9]?)\b(?!-)", prose)}


NAMED = re.compile(
    r"(?:autograd|nn|viz|chainrule|docs|tests|benchmarks|examples|\.ci|\.github)/[\w./-]*|[\w./-]+\.(?:py|md|toml|cff|ya?ml|in)"
)
"""A path from the top: it begins with one of the folders, or ends like a file. ``dy/dx`` and ``nn.matrix`` are none."""


def named_paths(text):
    """The paths that a page names between single backticks."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return {name for name in re.findall(r"(?<!`)`([^`]+)`(?!`)", text) if NAMED.fullmatch(name)}


def missing_paths(text, root):
    """Those that are not there. A name that ends with a slash has to be a folder."""
    return sorted(
        name for name in named_paths(text) if not ((root / name).is_dir() if name.endswith("/") else (root / name).exists())
    )


def sessions(noxfile):
    """The names of the sessions that a noxfile defines."""
    found = set()
    for node in ast.parse(noxfile).body:
        for decorator in getattr(node, "decorator_list", []):
            call = decorator.func if isinstance(decorator, ast.Call) else decorator
            if ast.unparse(call) in ("nox.session", "session"):
                keywords = {each.arg: each.value for each in getattr(decorator, "keywords", [])}
                found.add(ast.literal_eval(keywords["name"]) if "name" in keywords else node.name)
    return found


def named_sessions(text):
    """The sessions of nox that a page tells its reader to run."""
    return set(re.findall(r"\bnox -s (\w+)", text))


def addresses(text):
    """The places on the forge at which a text says that the project is: ``owner/name``."""
    return set(re.findall(r"https://github\.com/([\w.-]+/chainrule)\b", text))


def read(path):
    return path.read_text(encoding="utf-8")


def records():
    return {path.name: read(path) for path in sorted(RECORDS.glob("*.md")) if path != INDEX}


# --- what holds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", records())
def test_a_record_is_short_and_says_what_was_rejected(name):
    assert faults_of_form(records()[name]) == []


def test_the_numbers_are_consecutive():
    assert len(records()) >= 10
    assert faults_of_order(records()) == []


def test_the_index_has_a_line_for_each_record():
    assert faults_of_index(read(INDEX), records()) == []


def test_every_citation_leads_to_a_record():
    known = {number_of(text) for text in records().values()}
    cited = {path: citations(path, read(path)) for path in CITING if path != Path(__file__)}
    assert {str(path): numbers - known for path, numbers in cited.items() if numbers - known} == {}
    assert any(cited.values())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_paths_that_a_page_names_exist(page):
    assert missing_paths(read(page), ROOT) == []


def test_the_sessions_that_pages_name_are_those_of_the_noxfile():
    defined = sessions(read(ROOT / "noxfile.py"))
    named = set.union(*(named_sessions(read(page)) for page in PAGES))
    assert named >= {"lint", "types", "tests", "docs", "mutate", "bench", "release"}
    assert named <= defined


def test_the_project_has_one_address():
    files = [ROOT / "pyproject.toml", ROOT / "CITATION.cff", *PAGES, *(ROOT / ".github").glob("**/*.yml"), *ROOT.glob("*.md")]
    assert len(set.union(*(addresses(read(path)) for path in files))) == 1


# --- the checks can fail ---------------------------------------------------------------------------------------------

GOOD = "# D1: A thing\n\nStatus: built.\n\n## Context\n\n## Decision\n\n## Rejected\n\n## Consequences\n"


@pytest.mark.parametrize(
    "planted",
    [
        GOOD.replace("# D1: A", "# A"),
        GOOD.replace("D1:", "D0:"),
        GOOD.replace("Status: built.", "It is built."),
        GOOD.replace("## Rejected\n\n", ""),
        GOOD.replace("## Context", "## Decision", 1),
        GOOD + "\n" * MAX_LINES,
        "",
    ],
)
def test_a_record_of_another_form_is_caught(planted):
    assert faults_of_form(planted)
    assert not faults_of_form(GOOD)


SECOND = GOOD.replace("D1", "D2")


@pytest.mark.parametrize(
    "planted",
    [
        {"D01-a.md": GOOD, "D03-b.md": GOOD.replace("D1", "D3")},  # a gap
        {"D01-a.md": GOOD, "D01-b.md": GOOD},  # a number twice
        {"D01-a.md": GOOD, "D02-b.md": SECOND.replace("# D2: ", "# ")},  # no number
        {"D02-a.md": GOOD, "D01-b.md": SECOND},  # the wrong names
    ],
)
def test_numbers_out_of_order_are_caught(planted):
    assert faults_of_order(planted)
    assert not faults_of_order({"D01-a.md": GOOD, "D02-b.md": SECOND})


ROWS = ["| [D1](D01-a.md) | A thing |", "| [D2](D02-b.md) | Another |"]


@pytest.mark.parametrize(
    "planted",
    [
        ROWS[:1],
        ROWS[::-1],
        [*ROWS, ROWS[1]],
        [*ROWS, "| [D3](D03-c.md) | Of no file |"],
        [ROWS[0], ROWS[1].replace("D02", "D01")],
        [ROWS[0], ROWS[1].replace("Another", "")],
    ],
)
def test_an_index_that_is_not_of_the_folder_is_caught(planted):
    folder = {"D01-a.md": GOOD, "D02-b.md": SECOND}
    assert faults_of_index("\n".join(planted), folder)
    assert not faults_of_index("\n".join(ROWS), folder)


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.md", "as decided (D99), and D4 too", {99, 4}),
        ("a.md", "see [D7](D07-micrograd.md)", {7}),
        ("a.md", "`D98`, ``D97`` and the rule D105, AD1, 2-D2x, D0", set()),
        ("a.py", '"""A module, for which see D97."""', {97}),
        ("a.py", "def f():\n    'Returns 1 (D96).'\n    return 1  # as D95 says", {96, 95}),
        ("a.py", "D94 = 1\nx = 'D93'  # noqa: D1", set()),
    ],
)
def test_citations_are_found_where_readers_read_and_nowhere_else(name, text, found):
    assert citations(Path(name), text) == found


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("`autograd/no_such_file.py`", ["autograd/no_such_file.py"]),
        ("in `autograd/value.py/` there is", ["autograd/value.py/"]),
        ("`a code\nspan`, `no_such_page.md` and `.ci/no_such_file`", [".ci/no_such_file", "no_such_page.md"]),
        ("`value.py` of another folder than the top", ["value.py"]),
        ("`autograd/value.py`, `nn/`, `pyproject.toml`, `docs/decisions`, `.ci/run`", []),
        ("`x / y`, `dy/dx`, `1/3`, `nn.matrix`, `(out, dx, dy)`, `nox -s tests`, ``a/b``", []),
        ("```text\n`nn/no_such`\n```\n", []),
    ],
)
def test_a_path_that_is_not_there_is_caught(text, missing):
    assert missing_paths(text, ROOT) == missing


def test_sessions_are_read_off_the_decorators():
    source = '@nox.session\ndef a(s): ...\n@nox.session(name="b-c", reuse=True)\ndef b(s): ...\n@other\ndef d(s): ...\n'
    assert sessions(source) == {"a", "b-c"}
    assert named_sessions("run `nox -s lint`, then\n`nox -s docs`; nox itself") == {"lint", "docs"}


def test_a_second_address_is_caught():
    assert addresses("https://github.com/someone/chainrule/issues and https://github.com/other/chainrule.") == {
        "someone/chainrule",
        "other/chainrule",
    }
    assert addresses("https://github.com/HIPS/autograd") == set()
