"""The commands on expressions, as a user runs them: what they print, where, and with which exit status."""

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import autograd
import viz
from autograd import OPS, Value
from autograd.expressions.reader import MAX_PARTS
from chainrule import terminal

NEURON = ["u = w*x; tanh(u + b)", "w=0.5", "x=2", "b=-1"]


def process(*arguments, **environment):
    """The command as a process of its own, its output in bytes."""
    return subprocess.run(
        [sys.executable, "-m", "chainrule", *arguments], capture_output=True, env={**os.environ, **environment}
    )


def neuron():
    w, x, b = Value(0.5, "w"), Value(2.0, "x"), Value(-1.0, "b")
    u = w * x
    u.label = "u"
    return (u + b).tanh(), (w, x, b)


# --- explain ----------------------------------------------------------------------------------------------------------


def test_explain_prints_the_derivation_of_that_graph(chainrule):
    output, sources = neuron()
    assert chainrule("explain", *NEURON) == (0, f"{autograd.explain(output, sources)}\n", "")
    assert "dv2/dw" in chainrule("explain", *NEURON)[1]


def test_explain_takes_some_names_alone_and_those_of_steps_too(chainrule):
    _, out, _ = chainrule("explain", *NEURON, "--wrt", "w", "--wrt", "u")
    assert re.findall(r"^d\S+", out, re.MULTILINE) == ["dv2/dw:", "dv2/du:"]


def test_explain_writes_latex_and_markdown(chainrule):
    output, sources = neuron()
    derivation = autograd.explain(output, sources)
    assert chainrule("explain", *NEURON, "--latex") == (0, derivation.to_latex() + "\n", "")
    assert chainrule("explain", *NEURON, "--markdown") == (0, derivation.to_markdown(), "")


def test_explain_forward_is_a_pass_for_each_name(chainrule):
    output, (w, x, _) = neuron()
    expected = "\n\n".join(str(autograd.explain_forward(output, source)) for source in (w, x))
    assert chainrule("explain", *NEURON, "--forward", "--wrt", "w", "--wrt", "x") == (0, expected + "\n", "")


def test_explain_exact_keeps_fractions(chainrule):
    _, out, _ = chainrule("explain", "y = x**3 / (1 - x)", "x=1/3", "--exact")
    assert "dy/dx = 1/2 + 1/12 = 7/12" in out or "dy/dx = 1/12 + 1/2 = 7/12" in out
    assert "≈" not in out
    assert "≈" in chainrule("explain", "x**3 / (1 - x)", "x=1/3")[1]


def test_explain_shows_as_many_paths_and_steps_as_it_is_told(chainrule):
    text = "u = x + x; v = u + u; w = v + v; y = w + w"
    few, many = (chainrule("explain", text, "x=1", "--max-paths", count)[1] for count in (2, 16))
    assert (few.count("x → "), many.count("x → ")) == (2, 16)
    assert "left out" not in few
    assert "left out" in chainrule("explain", text, "x=1", "--max-steps", 2)[1]


def test_it_may_begin_with_several_and_a_wrong_option_is_still_one(chainrule):
    assert "= -(-x**2)\n" in chainrule("explain", "--x**2", "x=3")[1]
    assert "= -(-(-x))\n" in chainrule("explain", "---x", "x=3")[1]
    for option in ("--latx", "--wrong=x"):
        status, _, err = chainrule("explain", "x", "x=3", option)
        assert (status, "No such option" in err) == (2, True)


def test_an_expression_may_begin_with_a_minus(chainrule):
    for text in ("-x**2", "-(x*x)", "-2*x", "-.5*x", " -x"):
        assert chainrule("explain", text, "x=3")[0] == 0
        assert chainrule("explain", "--exact", text, "x=3")[0] == 0
    assert chainrule("explain", "--", "--x", "x=3")[0] == 0
    assert chainrule("draw", "-o*o", "o=3", "-o", "o.dot")[0] == 0


# --- draw -------------------------------------------------------------------------------------------------------------


def test_draw_writes_the_picture_with_its_gradients(chainrule, tmp_path):
    assert chainrule("draw", *NEURON, "-o", "neuron.dot") == (0, "wrote neuron.dot\n", "")
    output, _ = neuron()
    output.backward()
    assert (tmp_path / "neuron.dot").read_text(encoding="utf-8") == viz.draw(output).source


@pytest.mark.parametrize(("name", "begins"), [("a.svg", b"<?xml"), ("a.PNG", b"\x89PNG"), ("a.pdf", b"%PDF")])
def test_draw_makes_the_format_of_the_ending(chainrule, tmp_path, name, begins):
    assert chainrule("draw", "x*x", "x=3", "--out", name) == (0, f"wrote {name}\n", "")
    assert (tmp_path / name).read_bytes().startswith(begins)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_draw_exact_shows_fractions(chainrule, tmp_path):
    chainrule("draw", "x*x", "x=1/3", "--exact", "-o", "a.gv")
    assert {"1/9", "2/3"} <= set(re.findall(r">([\d/]+)<", (tmp_path / "a.gv").read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", ["a.gif", "a", "svg", ".svg"])
def test_an_unknown_ending_is_refused(chainrule, tmp_path, name):
    status, out, err = chainrule("draw", "x*x", "x=3", "-o", name)
    assert (status, out) == (2, "")
    assert err == f"chainrule draw: --out {name!r} has an unknown ending; a picture ends in .svg, .png, .pdf, .dot, .gv\n"
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_file_that_was_there(chainrule, tmp_path, monkeypatch):
    kept = tmp_path / "a.svg"
    kept.write_text("kept")
    for arguments in (["log(x)", "x=-1"], ["x^2", "x=1"], ["x", "y=1"]):
        assert chainrule("draw", *arguments, "-o", "a.svg")[0] == 2

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    status, out, err = chainrule("draw", "x*x", "x=3", "-o", "a.svg")
    assert (status, out, err) == (2, "", "chainrule draw: --out 'a.svg' cannot be written: no space left on device\n")
    assert kept.read_text() == "kept"
    assert list(tmp_path.iterdir()) == [kept]


@pytest.mark.parametrize("name", ["missing/a.dot", "a" * 300 + ".dot", "a\0.dot", "folder.dot"])
def test_a_file_that_cannot_be_written_is_an_error_of_one_line(chainrule, tmp_path, name):
    (tmp_path / "folder.dot").mkdir()
    status, out, err = chainrule("draw", "x*x", "x=3", "-o", name)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("chainrule draw: ")


def test_a_link_stays_a_link(chainrule, tmp_path):
    (tmp_path / "link.dot").symlink_to("real.dot")
    assert chainrule("draw", "x*x", "x=3", "-o", "link.dot")[0] == 0
    assert (tmp_path / "link.dot").is_symlink()
    assert "digraph" in (tmp_path / "real.dot").read_text(encoding="utf-8")


def test_without_a_layout_program_the_message_passes_through_and_dot_still_works(chainrule, tmp_path, monkeypatch):
    monkeypatch.setattr("viz.dot.layout.shutil.which", lambda program: None)
    monkeypatch.setattr("viz.dot.layout.find_spec", lambda name: None)
    status, out, err = chainrule("draw", "x*x", "x=3", "-o", "a.svg")
    assert (status, out) == (1, "")
    assert "pip install pygraphviz" in err
    assert ".dot file" in err
    assert list(tmp_path.iterdir()) == []
    assert chainrule("draw", "x*x", "x=3", "-o", "a.dot")[0] == 0


def test_the_largest_picture_is_laid_out_too(chainrule, tmp_path):
    # It took minutes: each x has an edge across all sums after it.
    assert chainrule("draw", "+".join("x" * (MAX_PARTS // 2)), "x=3", "-o", "a.svg")[0] == 0
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").count('class="node"') == MAX_PARTS // 2


# --- check ------------------------------------------------------------------------------------------------------------


def test_check_is_a_table_of_three_derivatives_that_agree(chainrule):
    status, out, err = chainrule("check", "tanh(w*x)", "w=0.5", "x=2")
    heading, *rows = [re.split(" {2,}", line) for line in out.splitlines()]
    assert (status, err) == (0, "")
    assert heading == ["input", "at", "backward", "numeric", "complex step", "difference", "verdict"]
    assert [(row[0], float(row[1]), row[-1]) for row in rows] == [("w", 0.5, "agrees"), ("x", 2.0, "agrees")]
    for row, expected in zip(rows, (2 / 2.3810978455418157, 0.5 / 2.3810978455418157), strict=True):  # cosh(1) ** 2
        assert [float(cell) for cell in row[2:5]] == pytest.approx([expected] * 3, rel=1e-9)  # ten digits are shown


def test_a_derivative_that_is_not_confirmed_fails_the_check(chainrule):
    status, out, err = chainrule("check", "x*detach(x)", "x=3")
    assert (status, err) == (1, "")
    assert re.search(r"^x +3 +3 +6 +6 +3 +DIFFERS$", out, re.MULTILINE)
    assert out.splitlines()[-1] == "detach passes nothing on, by design: it has derivative 0. Here it cuts x."


def test_a_planted_bug_fails_the_check(chainrule, monkeypatch):
    monkeypatch.setitem(vars(OPS["sin"]), "kernel", lambda x: (math.sin(x), 1.001 * math.cos(x)))
    status, out, _ = chainrule("check", "sin(x)", "x=0.5")
    assert status == 1
    assert "disagrees: 'sin'" in out


def test_check_shows_a_dash_where_there_is_no_complex_step(chainrule):
    status, out, _ = chainrule("check", "abs(x) + y", "x=0", "y=1")
    assert status == 0
    assert [re.split(" {2,}", line)[4] for line in out.splitlines()[1:3]] == ["-", "1"]
    assert [line.split()[-1] for line in out.splitlines()[1:3]] == ["kink", "agrees"]


def test_check_asks_for_second_derivatives_too(chainrule):
    status, out, _ = chainrule("check", "x*exp(y)", "x=2", "y=0.5", "--order", "2")
    assert status == 0
    assert [re.split(" {2,}", line)[0] for line in out.splitlines()[1:]] == ["x", "y", "x, x", "x, y", "y, y"]


def test_a_jump_fails_the_check(chainrule):
    status, out, _ = chainrule("check", "step(x)", "x=0")
    assert status == 1
    assert "x: f jumps here" in out


def test_check_says_why_it_is_unclear(chainrule):
    status, out, _ = chainrule("check", "x**x", "x=0")
    assert status == 1
    assert out.splitlines()[-1].startswith("x: an operation takes its derivative here by convention")


# --- ops --------------------------------------------------------------------------------------------------------------


def test_ops_lists_every_row_of_the_table(chainrule):
    status, out, err = chainrule("ops")
    heading, *lines = out.splitlines()
    assert (status, err) == (0, "")
    assert re.split(" {2,}", heading) == ["operation", "value", "∂out/∂x", "∂out/∂y", "needs", "kinks and constants"]
    assert [line.split()[0] for line in lines] == list(OPS)
    for op, line in zip(OPS.values(), lines, strict=True):
        cells = [op.name, op.value, *op.partials, *([op.domain] if op.domain else []), *op.kinks.values()]
        assert all(cell in line for cell in cells)
        assert op.default is None or f"c = {op.default} unless given" in line


@pytest.mark.parametrize("name", list(OPS))
def test_ops_shows_each_row_in_detail_with_an_example_that_is_true(chainrule, name):
    status, out, err = chainrule("ops", name)
    op = OPS[name]
    assert (status, err, out.splitlines()[0]) == (0, "", name)
    assert all(text in out for text in [op.value, *op.partials, op.domain, op.remedy, op.latex, *op.kinks.values()])
    point, results = re.search(r"example +at (.*): (.*)$", out, re.MULTILINE).groups()
    operands = [Value(float(x)) for x in re.findall(r"[xy] = (\S+?)(?:,|$)", point)]
    node = autograd.apply(op, *operands)
    # Six digits are shown.
    assert [float(x) for x in re.findall(r" = (\S+?)(?:,|$)", results)] == pytest.approx([node.data, *node.partials], rel=1e-5)


@pytest.mark.parametrize(("name", "row"), [("max", "maximum"), ("**", "power"), ("+", "add"), ("ReLU", "relu")])
def test_ops_knows_other_names_too(chainrule, name, row):
    assert chainrule("ops", name)[1].splitlines()[0] == row


def test_ops_says_what_may_have_been_meant(chainrule):
    assert chainrule("ops", "sigmod") == (
        2,
        "",
        "chainrule ops: 'sigmod' is no operation of the table; did you mean sigmoid?\n",
    )
    assert chainrule("ops", "wombat")[2] == "chainrule ops: 'wombat' is no operation of the table; chainrule ops lists them\n"


# --- what is wrong is said ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["explain", "x^2", "x=1"], "explain: '^' is not allowed; write ** for a power\n  x^2\n   ^"),
        (["check", "log(x)", "x=-1"], "check: log(x) needs x > 0, but x = -1.0 ('x'). If x is a probability, .*\n  log(x)\n  ^^^^^^"),
        (["explain", "w*x", "x=1"], "explain: w has no number; add for example w=1\n  w*x\n  ^"),
        (["explain", "x", "x=1", "y=2"], "explain: y does not occur in the expression; its names are x"),
        (["explain", "x", "x=two"], "explain: x: 'two' is no number; write for example 2, -0.5, 1e-3 or 1/3"),
        (["explain", "x*x", "x=1", "--wrt", "y"], "explain: --wrt: the expression has no name 'y'; it has x"),
        (["explain", "x*x", "x=1", "--latex", "--markdown"], "explain: --latex and --markdown are two ways to write one derivation; choose one"),
        (["explain", "x*x", "x=1", "--max-paths", "0"], "explain: Invalid value for '--max-paths': 0 is not in the range 1<=x<=1000."),
        (["explain"], "explain: Missing argument 'EXPR'."),
        (["draw", "x*x", "x=1"], "draw: Missing option '-o' / '--out'."),
        (["explain", "exp(x)", "x=1e400", "--exact"], "explain: exp needs floats here, and one of its operands is beyond .*\n  exp(x)\n  ^^^^^^"),
    ],
)  # fmt: skip
def test_bad_input_gives_its_message_on_standard_error_and_status_2(chainrule, arguments, message):
    status, out, err = chainrule(*arguments)
    assert (status, out) == (2, "")
    assert re.fullmatch("chainrule " + re.escape(message).replace(r"\.\*", ".*") + "\n", err)


def test_numbers_that_the_engine_cannot_go_on_with_are_bad_input_too(chainrule, monkeypatch):
    def gives_up(*arguments, **options):
        raise OverflowError("planted")

    monkeypatch.setattr(autograd, "explain", gives_up)
    message = "chainrule explain: the numbers are too large or too small to go on with (planted); try others\n"
    assert chainrule("explain", "x*x", "x=2") == (2, "", message)


@pytest.mark.parametrize("name", ["explain", "draw", "check", "ops"])
def test_help_has_examples_that_run(chainrule, name):
    import shlex

    status, out, _ = chainrule(name, "--help")
    examples = re.findall(r"^ +chainrule (.*)$", out.partition("Examples:")[2].partition("Options:")[0], re.MULTILINE)
    assert status == 0
    assert len(examples) >= 2
    for example in examples:
        assert example.startswith(name)
        status, out, err = chainrule(*shlex.split(example))
        assert (status, err) == (0, "")
        assert out


def test_help_states_the_limits(chainrule):
    words = " ".join(chainrule("explain", "--help")[1].split())
    assert "1000 characters, 300 numbers, names and operations, 50 parentheses" in words
    assert "1800 digits" in words


# --- where the output goes ------------------------------------------------------------------------------------------------


def test_in_a_pipe_the_output_is_plain_and_the_same_bytes_on_every_run():
    runs = [
        process("explain", *NEURON, PYTHONHASHSEED=seed, COLUMNS=columns, TERM="xterm-256color", PYTHONIOENCODING="utf-8")
        for seed, columns in (("1", "20"), ("2", "200"))
    ]
    assert runs[0].stdout == runs[1].stdout
    assert b"\x1b" not in runs[0].stdout
    assert "v1 = u + b = 1 + (-1) = 0, with ∂v1/∂u = 1, ∂v1/∂b = 1\n".encode() in runs[0].stdout


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_signs_that_cannot_be_shown_are_written_with_others(encoding):
    done = process("explain", "x**2", "x=1/3", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode(encoding)
    assert "Dv1/Dx = 2*x" in text
    assert "dv1/dx = Dv1/Dx ~= 0.666667" in text
    assert ("·" in text) == (encoding != "ascii")  # those two have it


def test_every_sign_has_another_and_a_letter_is_written_by_its_number():
    assert "·∂→≈…é".encode("ascii", errors="chainrule") == b"*D->~=...\\xe9"
    assert all(sign.isascii() for sign in terminal._SIGNS.values())


def test_bytes_that_cannot_be_read_stay_an_error():
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", errors="chainrule")


def test_errors_can_be_shown_in_ascii_too():
    done = process("explain", "日本^2", "x=1", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"Traceback" not in done.stderr
    assert done.stderr.startswith(b"chainrule explain: '^' is not allowed")


def on_a_terminal(*arguments, **environment):
    """What the command writes where standard output is a terminal."""
    pty = pytest.importorskip("pty", reason="a terminal made in the way of Unix")
    parent, child = pty.openpty()
    names = {"TERM": "xterm", "PYTHONIOENCODING": "utf-8", "COLUMNS": "100", **environment}
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen([sys.executable, "-m", "chainrule", *arguments], stdout=child, env={**kept, **names})
    os.close(child)
    written = b""
    try:
        while block := os.read(parent, 4096):
            written += block
    except OSError:  # Linux's way to say that the other end is closed
        pass
    os.close(parent)
    process.wait()
    return written.decode()


def test_colours_are_for_terminals_and_not_where_they_are_not_wanted():
    coloured = on_a_terminal("check", "x*x", "x=3")
    assert "\x1b[32magrees" in coloured
    plain = on_a_terminal("check", "x*x", "x=3", NO_COLOR="1")
    assert "\x1b[3" not in plain
    assert "agrees" in plain


def test_on_a_terminal_a_derivation_is_as_wide_as_the_terminal():
    expression = "*".join(f"x{k}" for k in range(30))
    arguments = ["explain", expression, *(f"x{k}=1" for k in range(30)), "--wrt", "x0"]
    narrow, wide = (on_a_terminal(*arguments, NO_COLOR="1", COLUMNS=columns) for columns in ("60", "100"))
    for text, columns in ((narrow, 60), (wide, 100)):
        assert columns - 20 <= max(len(re.sub("\x1b\\[[0-9;]*m", "", line)) for line in text.splitlines()) <= columns
    assert len(narrow.splitlines()) > len(wide.splitlines())


def test_a_reader_that_goes_away_is_no_error():
    ladder = "a0 = x*x + x" + "".join(f"; a{k + 1} = a{k}*a{k} + a{k}" for k in range(30))
    long = [sys.executable, "-m", "chainrule", "explain", ladder, "x=0.1", "--max-paths", "1000"]  # more than a pipe holds
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}  # else Python itself takes no notice
    with subprocess.Popen(long, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=buffered) as process:
        assert process.stdout.readline() == b"The formula\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_output_that_cannot_be_written_is_an_error_of_one_line(monkeypatch):
    class Full:
        def write(self, text):
            raise OSError(28, "No space left on device")

        def isatty(self):
            return False

        encoding = "utf-8"

    monkeypatch.setattr(sys, "stdout", Full())
    with pytest.raises(click.ClickException, match="the output cannot be written: no space left on device"):
        terminal.show("text")


def test_a_long_line_is_not_broken_and_markup_is_text(chainrule, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    terminal.show("[bold]" + "x " * 100 + ":smile:")
    _, out, _ = chainrule("explain", "exp(0.1*x + 0.2*x + 0.3*x + 0.4*x)", "x=1")
    assert max(map(len, out.splitlines())) > 40
    assert "[bold]" + "x " * 100 + ":smile:" in out


def test_the_example_of_ops_lies_in_three_quarters_of_the_range(chainrule):
    assert "at x = 0.475: " in chainrule("ops", "asin")[1]
    assert "at x = 1.5, y = 2.3: " in chainrule("ops", "div")[1]


# --- what is known, and who else is there ---------------------------------------------------------------------------------


def test_pi_e_and_ln_on_the_command_line(chainrule):
    status, out, err = chainrule("explain", "sin(pi*x) + ln(x)", "x=0.5")
    assert (status, err) == (0, "")
    assert "log(x)" in out
    status, out, err = chainrule("explain", "pi*x", "x=2", "pi=3")
    assert (status, err) == (0, "")
    assert "dv1/dpi = ∂v1/∂pi = 2" in out
    assert chainrule("check", "e**x + pi", "x=1")[0] == 0
    assert chainrule("check", "e*x", "x=1", "e=2")[0] == 0
    assert "log" in chainrule("ops", "ln")[1]


def hips(folder):
    """What HIPS autograd leaves in an environment, as far as it matters here."""
    package = folder / "autograd"
    package.mkdir()
    (package / "__init__.py").write_text("from .differential_operators import grad\n")
    (package / "differential_operators.py").write_text("grad = None\n")
    return folder


@pytest.mark.parametrize("how", [["-m", "chainrule", "explain", "x*x", "x=2"], ["-c", "import chainrule; chainrule.Value"]])
def test_beside_hips_autograd_it_says_what_happened_and_the_cure(tmp_path, how):
    paths = os.pathsep.join([str(hips(tmp_path)), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, *how],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
    )
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert f"the autograd in {tmp_path / 'autograd'} is HIPS autograd" in message
    assert "make an environment for chainrule alone" in message
    assert how[0] == "-c" or done.stderr.count("\n") == 1


def test_what_else_is_wrong_with_autograd_is_not_laid_on_hips(tmp_path):
    (tmp_path / "autograd.py").write_text("")
    paths = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, "-m", "chainrule"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
    )
    assert (done.returncode, "HIPS" in done.stderr) == (1, False)
    assert "is not that of chainrule" in done.stderr


def test_hints_name_what_can_be_installed():
    """The project is on no package index: its extras cannot be asked for by name."""
    root = Path(__file__).parents[2]
    for package in ("autograd", "nn", "viz", "chainrule"):
        for path in (root / package).glob("**/*.py"):
            assert "chainrule[" not in path.read_text(encoding="utf-8"), path
