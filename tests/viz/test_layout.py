"""From text to picture: with a ``dot`` made up here, with a pygraphviz made up here, with neither, and with the real ones."""

import importlib.util
import os
import re
import shutil
import stat
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import graphviz
import pytest

import viz
import viz.dot.digraph
import viz.dot.layout
from autograd import Value, scope, tanh
from viz import LayoutError

real_layout = pytest.mark.skipif(
    shutil.which("dot") is None and importlib.util.find_spec("pygraphviz") is None,
    reason="lays out for real, and neither dot nor pygraphviz is installed here",
)

# It writes what it was asked, and the text it was given, as its "picture": to a file or to stdout, as dot does.
ECHO = """
import sys
options = sys.argv[1:]
source = options[-1] if {"-o", "-O"} & set(options) else None
text = open(source, encoding="utf-8").read() if source else sys.stdin.buffer.read().decode()
picture = " ".join(option for option in options if option[:2] in ("-K", "-T", "-n")) + "\\n" + text
kinds = next(option[2:] for option in options if option.startswith("-T")).split(":")
if "-o" in options:
    out = open(options[options.index("-o") + 1], "wb")
elif "-O" in options:
    out = open(".".join([source, *reversed(kinds)]), "wb")
else:
    out = sys.stdout.buffer
begin, end = {"svg": (b"<svg>", b"</svg>"), "png": (b"\\x89PNG", b""), "pdf": (b"%PDF", b"")}.get(kinds[0], (b"", b""))
out.write(begin + picture.encode() + end)
"""


@pytest.fixture
def picture():
    x = Value(3.0, "x")
    y = x * x
    y.backward()
    return viz.draw(y)


@pytest.fixture
def nothing(monkeypatch, tmp_path):
    """A machine without dot and without pygraphviz; the current directory is new and empty."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


@pytest.fixture
def dot(nothing):
    """Puts a ``dot`` on the PATH that is this Python program."""

    def install(program=ECHO):
        script = nothing / "bin" / "dot.py"
        script.write_text(program, encoding="utf-8")
        command = nothing / "bin" / ("dot.bat" if os.name == "nt" else "dot")
        start = '@"{}" -I -S "{}" %*\n' if os.name == "nt" else '#!/bin/sh\nexec "{}" -I -S "{}" "$@"\n'
        command.write_text(start.format(sys.executable, script), encoding="utf-8")
        command.chmod(command.stat().st_mode | stat.S_IXUSR)

    return install


@pytest.fixture
def pygraphviz(nothing, monkeypatch):
    """Puts a ``pygraphviz`` on the path that is this Python program."""

    def install(program):
        package = nothing / "site" / "pygraphviz"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(program, encoding="utf-8")
        monkeypatch.delitem(sys.modules, "pygraphviz")
        monkeypatch.syspath_prepend(package.parent)
        monkeypatch.setenv("PYTHONPATH", str(package.parent))

    return install


STUB = """
class AGraph:
    def __init__(self, string):
        self.string = string
    def draw(self, prog, format):
        begin, end = (b"<svg>", b"</svg>") if format == "svg" else (b"\\x89PNG", b"")
        return begin + f"{prog} {format}\\n{self.string}".encode() + end
"""


def echo(command, source):
    """What ``ECHO`` writes."""
    kind = command.partition("-T")[2][:3]
    begin, end = {"svg": (b"<svg>", b"</svg>"), "png": (b"\x89PNG", b""), "pdf": (b"%PDF", b"")}[kind]
    return begin + f"{command}\n{source}".encode() + end


def files():
    return {
        path.as_posix(): path.read_text(encoding="utf-8", errors="surrogateescape")
        for path in Path().rglob("*")
        if path.is_file()
    }


# --- which program ----------------------------------------------------------------------------------------------------


def test_dot_is_asked_first(dot, pygraphviz, picture):
    dot()
    pygraphviz("raise SystemExit('pygraphviz was asked')")
    assert picture.pipe() == echo("-Kdot -Tsvg", picture.source)


def test_pygraphviz_stands_in_for_dot(pygraphviz, picture):
    pygraphviz(STUB)
    assert picture.pipe() == f"<svg>dot svg\n{picture.source}</svg>".encode()
    assert picture.pipe("png", engine="neato") == b"\x89PNG" + f"neato png\n{picture.source}".encode()
    assert (
        picture.pipe("png", renderer="cairo", formatter="gd", neato_no_op=2)
        == b"\x89PNG" + f"nop2 png:cairo:gd\n{picture.source}".encode()
    )


def test_pygraphviz_runs_in_a_process_of_its_own(pygraphviz, picture):
    """Graphviz can abort; the session of whoever asked for the picture must not end with it."""
    pygraphviz("import os; os.abort()")
    with pytest.raises(LayoutError, match=r"pygraphviz could not lay out the picture: .*(SIGABRT|exit status)") as error:
        picture.pipe()
    assert error.value.source == picture.source
    assert len(str(error.value)) < 250


def test_files_in_the_current_directory_are_not_taken_for_modules(pygraphviz, picture):
    pygraphviz("import random\n" + STUB)
    Path("random.py").write_text("raise SystemExit('the wrong random')", encoding="utf-8")
    assert picture.pipe().startswith(b"<svg>dot svg\n")


def test_a_python_that_does_not_know_its_own_program(pygraphviz, picture, monkeypatch):
    """Where Python is embedded in another program, ``sys.executable`` may be empty."""
    pygraphviz(STUB)
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(LayoutError, match="no program is installed"):
        picture.pipe()


def test_a_pygraphviz_that_cannot_be_imported_is_named(pygraphviz, picture):
    pygraphviz("raise ImportError('libcgraph.so.8: no such file')")
    with pytest.raises(LayoutError, match=r"ImportError: libcgraph\.so\.8: no such file") as error:
        picture.pipe()
    assert "Traceback" not in str(error.value)


def test_without_any_program_the_error_names_both_remedies_and_keeps_the_text(nothing, picture):
    for attempt in picture.pipe, picture.render, picture.view:
        with pytest.raises(LayoutError) as error:
            attempt()
        for words in "pip install pygraphviz", "graphviz.org/download", '.save("graph.gv")', ".source":
            assert words in str(error.value)
        assert error.value.source == picture.source
    assert files() == {}
    picture.save("graph.gv")
    assert files() == {"graph.gv": picture.source}


def test_a_dot_that_cannot_be_started(nothing, picture):
    broken = nothing / "bin" / ("dot.exe" if os.name == "nt" else "dot")
    broken.write_bytes(b"\x7fELF, but no further")
    broken.chmod(0o755)
    with pytest.raises(LayoutError, match=r"dot.* could not be started: .*pip install"):
        picture.pipe()


# --- pipe -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options", "command"),
    [
        ((), {}, "-Kdot -Tsvg"),
        (("png",), {}, "-Kdot -Tpng"),
        (("PDF",), {}, "-Kdot -Tpdf"),
        ((), {"engine": "neato", "neato_no_op": 2}, "-Kneato -Tsvg -n2"),
        (("svg",), {"renderer": "cairo", "formatter": "gd"}, "-Kdot -Tsvg:cairo:gd"),
    ],
)
def test_pipe_asks_dot(dot, picture, arguments, options, command):
    dot()
    assert picture.pipe(*arguments, **options) == echo(command, picture.source)
    assert picture.pipe(*arguments, **options, encoding="latin-1") == echo(command, picture.source).decode("latin-1")
    assert files() == {}


def test_pipe_keeps_to_the_attributes_of_the_picture(dot, picture):
    dot()
    picture.format, picture.engine, picture.renderer, picture.formatter = "png", "circo", "cairo", "gd"
    assert picture.pipe().startswith(b"\x89PNG-Kcirco -Tpng:cairo:gd\n")


@pytest.mark.parametrize("wrong", [{"format": "doc"}, {"engine": "dott"}, {"renderer": "crayon"}])
def test_what_graphviz_does_not_know_is_refused(nothing, picture, wrong):
    with pytest.raises(ValueError, match="unknown"):
        picture.pipe(**wrong)


def test_an_argument_that_graphviz_does_not_have_is_refused(nothing, picture):
    with pytest.raises(TypeError, match="fromat"):
        picture.pipe(fromat="png")


def test_warnings_of_a_picture_that_succeeded(dot, picture, capsys):
    dot(ECHO + "sys.stderr.write('Fontconfig warning: line 6\\nWarning: box too small\\n')")
    picture.pipe()
    assert capsys.readouterr() == ("", "Warning: box too small\n")
    picture.pipe(quiet=True)
    assert capsys.readouterr() == ("", "")


# --- errors of the program --------------------------------------------------------------------------------------------

REFUSES = """
import sys
sys.stdin.read()
sys.stdout.write("<svg half of a pic")
sys.stderr.write("Fontconfig warning: line 6\\nWarning: something\\nError: <stdin>: syntax error in line 3 near 'oops'\\n")
sys.stderr.write("and so on\\n" * 10_000)
raise SystemExit(1)
"""


def test_an_error_is_a_line_and_not_a_wall(dot, picture, capsys):
    dot(REFUSES)
    picture.body = ["\toops [\n"]
    with pytest.raises(LayoutError) as error:
        picture.pipe()
    message = str(error.value)
    assert "dot could not lay out the picture: Error: <stdin>: syntax error in line 3 near 'oops'; line 3 is 'node [" in message
    assert len(message) < 400
    assert "\n" not in message
    assert error.value.source == picture.source
    assert capsys.readouterr() == ("", "")


def test_an_error_without_words(dot, picture):
    dot("raise SystemExit(3)")
    with pytest.raises(LayoutError, match="exit status 3"):
        picture.pipe()


def test_an_error_with_too_many_words(dot, picture):
    dot("raise SystemExit('never mind' * 1000)")
    with pytest.raises(LayoutError, match="never mind") as error:
        picture.pipe()
    assert len(str(error.value)) < 400


def test_a_dot_that_hangs_is_stopped(dot, picture, monkeypatch):
    dot("import time\nwhile True: time.sleep(1)")
    monkeypatch.setattr(viz.dot.layout, "LIMIT_SECONDS", 0.5, raising=False)
    with pytest.raises(LayoutError, match=r"dot was stopped after 0.5 seconds; draw a smaller part") as error:
        picture.pipe()
    assert error.value.source == picture.source


GARBAGE = {
    "nothing": ("", "svg"),
    "text": ("usage: dot [options]", "svg"),
    "half a picture": ("<?xml version='1.0'?><svg><g>", "svg"),
    "a picture of another kind": ("<svg></svg>", "png"),
    "nothing, in any format": ("", "xdot"),
}


@pytest.mark.parametrize(("words", "kind"), GARBAGE.values(), ids=GARBAGE)
def test_a_dot_that_prints_garbage_is_not_believed(dot, picture, words, kind):
    dot(f"print({words!r}, end='')")
    Path(f"square.{kind}").write_text("the old picture", encoding="utf-8")
    with pytest.raises(LayoutError, match="what it wrote is no picture in the format that was asked for") as error:
        picture.render(outfile=f"square.{kind}")
    assert error.value.source == picture.source
    assert files() == {f"square.{kind}": "the old picture"}


def test_a_failed_render_leaves_the_files_that_were_there(dot, picture):
    dot(REFUSES)
    Path("square.svg").write_text("the old picture", encoding="utf-8")
    for call in {"filename": "square"}, {"filename": "square", "cleanup": True}, {"outfile": "square.svg", "directory": "new"}:
        with pytest.raises(LayoutError):
            picture.render(**call)
        assert files() == {"square.svg": "the old picture"}
    assert not Path("new").exists()


def test_a_full_disk_leaves_the_files_that_were_there(dot, picture, monkeypatch):
    dot()
    Path("square.svg").write_text("the old picture", encoding="utf-8")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        picture.render("square")
    assert files() == {"square.svg": "the old picture"}


# --- render -----------------------------------------------------------------------------------------------------------

CALLS = {
    "nothing": {},
    "filename": {"filename": "square"},
    "suffix": {"filename": "square.gv", "format": "png"},
    "directory": {"filename": "square", "directory": "a/b"},
    "cleanup": {"filename": "square", "cleanup": True},
    "outfile": {"outfile": "square.png"},
    "outfile in a directory": {"outfile": "a/square.pdf"},
    "outfile and filename": {"outfile": "square.png", "filename": "text.gv", "cleanup": True},
    "outfile and directory": {"outfile": "square.png", "directory": "a"},
    "path": {"outfile": Path("a") / "square.SVG"},
    "renderer": {"filename": "square", "renderer": "cairo", "formatter": "gd", "engine": "neato", "quiet": True},
    "over its text": {"outfile": "square.gv", "overwrite_source": True},
    "unknown suffix": {"outfile": "square", "format": "png"},
}


@pytest.mark.parametrize("options", CALLS.values(), ids=CALLS)
@pytest.mark.filterwarnings("ignore:unknown outfile suffix")
def test_render_writes_what_the_graphviz_package_writes(dot, picture, options):
    """The same text given to the package's own class, with the same dot, is the oracle."""
    dot()
    path = picture.render(**options)
    ours, names = files(), (picture.filename, picture.directory)
    for name in ours:
        Path(name).unlink()
    theirs = graphviz.Digraph("computation_graph", format="svg")
    theirs.graph_attr, theirs.node_attr, theirs.edge_attr = picture.graph_attr, picture.node_attr, picture.edge_attr
    theirs.body = picture.body
    assert theirs.render(**options) == path
    assert files() == ours
    assert (str(theirs.filename), str(theirs.directory)) == names


def test_the_directory_of_the_picture_is_used_once(dot):
    dot()
    picture = viz.dot.digraph.Digraph("g", directory="out")
    assert picture.render(outfile="g.svg") == str(Path("out", "g.svg"))
    assert picture.render(outfile="h.svg", directory="texts") == "h.svg"
    assert set(files()) == {"out/g.gv", "out/g.svg", "texts/h.gv", "h.svg"}


def test_render_refuses_what_would_lose_a_file(dot, picture):
    dot()
    Path("square.svg").write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError, match=r"square\.svg"):
        picture.render("square", raise_if_result_exists=True)
    with pytest.raises(ValueError, match=r"would both be 'square\.gv'"):
        picture.render(outfile="square.gv")
    with pytest.raises(ValueError, match="contradict"):
        picture.render("square", raise_if_result_exists=True, overwrite_source=True)
    assert files() == {"square.svg": "mine"}


def test_render_opens_the_picture(dot, picture, monkeypatch):
    dot()
    opened = []
    monkeypatch.setattr(graphviz, "view", lambda path, quiet: opened.append((str(path), quiet)))
    picture.render("a", view=True)
    picture.render("b", quiet_view=True)
    picture.view("c")
    assert opened == [("a.svg", False), ("b.svg", True), ("c.svg", False)]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes, and links only for administrators")
def test_render_writes_through_links_and_into_pipes(dot, picture):
    dot()
    Path("target.svg").write_text("old", encoding="utf-8")
    Path("link.svg").symlink_to("target.svg")
    picture.render(outfile="link.svg", cleanup=True)
    assert Path("link.svg").is_symlink()
    assert Path("target.svg").read_text(encoding="utf-8").startswith("<svg>-Kdot -Tsvg")

    os.mkfifo("pipe.svg")
    reader = os.open("pipe.svg", os.O_RDONLY | os.O_NONBLOCK)
    picture.render(outfile="pipe.svg", cleanup=True)
    assert Path("pipe.svg").is_fifo()
    assert os.read(reader, 100).startswith(b"<svg>-Kdot -Tsvg")
    os.close(reader)


# --- notebooks --------------------------------------------------------------------------------------------------------


def test_a_notebook_gets_svg(dot, picture):
    dot()
    assert picture._repr_mimebundle_() == {"image/svg+xml": echo("-Kdot -Tsvg", picture.source).decode()}
    assert picture._repr_mimebundle_(include=["image/png"]) == {"image/png": echo("-Kdot -Tpng", picture.source)}
    assert picture._repr_mimebundle_(include=["image/png"], exclude=["image/png"]) == {}


def test_a_notebook_without_a_program_gets_the_text_and_what_to_install(nothing, picture):
    bundle = picture._repr_mimebundle_()
    assert list(bundle) == ["text/plain"]
    first, rest = bundle["text/plain"].split("\n", 1)
    assert re.match(r"// .*pip install pygraphviz", first)
    assert rest == picture.source


def test_a_notebook_survives_a_program_that_fails(dot, picture):
    dot(REFUSES)
    assert "syntax error" in picture._repr_mimebundle_()["text/plain"]


# --- the real ones ----------------------------------------------------------------------------------------------------

ODD = ['<b>"&\n{|}', "∂L/∂w₁", "\\N \\n \\G \\\\ \\", "&lt; &amp;amp;", "tab\t, \x7f\u202e", "]]>-->", "%s\\", "日本"]


def svg(picture):
    return ET.fromstring(picture.pipe("svg", quiet=True))


def texts(tree):
    """What can be seen; Graphviz writes double spaces with a no-break space."""
    return [text.text.replace("\xa0", " ").strip() for text in tree.iter("{http://www.w3.org/2000/svg}text")]


def tooltips(tree):
    return [link.get("{http://www.w3.org/1999/xlink}title") for link in tree.iter("{http://www.w3.org/2000/svg}a")]


def ids(tree):
    return [group.get("id") for group in tree.iter("{http://www.w3.org/2000/svg}g")]


@real_layout
def test_the_svg_shows_every_box_and_edge():
    x, y = Value(2.0, "x"), Value(-3.0, "y")
    with scope("layer"), scope("neuron"):
        out = tanh(x * y + x * x)
    out.backward()
    tree = svg(viz.draw(out))
    assert {f"n{i}" for i in range(1, 7)} | {"e3-0", "e3-1", "e4-0", "e4-1", "e5-0", "e5-1", "e6-0"} <= set(ids(tree))
    seen = texts(tree)
    assert {"layer", "neuron", "x", "y", "v1", "v2", "*", "+", "tanh", "∂ -3", "∂ 2", "∂ 1"} <= set(seen)
    assert [seen.count(text) for text in ("data", "grad", "∂ 2", "∂₁ 2", "∂₂ 2", "∂ 1")] == [6, 6, 1, 1, 1, 2]
    assert "the local derivative of v1 with respect to operand 1, x: -3" in tooltips(tree)
    assert {"layer", "layer / neuron", "layer / neuron / v1"} <= set(tooltips(tree))


@real_layout
@pytest.mark.parametrize("label", ODD, ids=ascii)
def test_the_svg_shows_any_label_letter_by_letter(label):
    with scope(label):
        tree = svg(viz.draw(Value(1.0, label)))
    seen = "".join(c if c.isprintable() else repr(c)[1:-1] for c in label)
    assert texts(tree) == [seen, seen, "data", "1"]
    assert tooltips(tree) == [seen, f"{seen} / {seen}"]


@real_layout
def test_the_svg_of_empty_names():
    with scope(""), scope(" "):
        tree = svg(viz.draw(Value(2.0, (Value(1.0),), " ")))
    assert [text for text in texts(tree) if text] == ["x1", "data", "1", "v1", "data", "2"]


@real_layout
@pytest.mark.parametrize(("kind", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml"), ("json", b"{")])
@pytest.mark.parametrize("rankdir", ["LR", "BT"])
def test_real_files(tmp_path, kind, magic, rankdir):
    x = Value(3.0, "x")
    path = viz.draw(x * x, rankdir=rankdir).render(outfile=tmp_path / f"square.{kind}", quiet=True)
    assert Path(path).read_bytes().startswith(magic)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(["square.gv", f"square.{kind}"])


@real_layout
def test_a_real_syntax_error(picture):
    picture.body.append("\tn1 -> ;\n")
    with pytest.raises(LayoutError, match=r"syntax error in line \d+ near ';'; line \d+ is 'n1 -> ;'"):
        picture.pipe()


@real_layout
def test_a_real_notebook_bundle(picture, monkeypatch):
    bundle = picture._repr_mimebundle_()
    assert list(bundle) == ["image/svg+xml"]
    assert "∂₁ 3" in bundle["image/svg+xml"]
