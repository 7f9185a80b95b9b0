import re
import subprocess
import sys

import pytest

from chainrule import cli, demo


@pytest.fixture
def chainrule(capsys, monkeypatch, tmp_path):
    """Runs the command in this process, in an empty folder: (status, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["chainrule", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        return exit_.value.code, *capsys.readouterr()

    return run


def test_the_default_demo_learns_iris_and_says_where_everything_went(chainrule, tmp_path):
    status, out, err = chainrule("demo")
    assert (status, err) == (0, "")
    assert "150 examples, 4 features, 3 classes; 120 to train, 30 held out" in out
    assert "∂v" in out  # local derivatives of one neuron
    [difference] = re.findall(r"largest relative difference (\S+)", out)
    assert float(difference) < demo.TOLERANCE
    train, test = re.findall(r"accuracy on the training data (\S+)%, on the 30 held-out examples (\S+)%", out)[0]
    assert float(train) >= 93
    assert float(test) >= 93
    for name in re.findall(r"(\S+\.(?:svg|dot))", out):
        assert (tmp_path / name).stat().st_size > 1000


def test_the_printed_neuron_multiplies_up(chainrule):
    """Each gradient in the table is the sum of local derivative times gradient over the rows that use the node."""
    _, out, _ = chainrule("demo", "--epochs", 1, "--layers", "2")
    table = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if line.count("│") == 6]
    gradients = {name: float(gradient) for name, *_, gradient in table if name}
    sums = dict.fromkeys(gradients, 0.0)
    node = ""
    for name, _, _, local, _ in table:
        node = name or node  # the second local derivative stands in a line of its own
        for source, partial in re.findall(r"/∂(\S+) = ([^\s,]+)", local):
            sums[source] += float(partial) * gradients[node]
    *_, output = gradients
    sums[output] = 1.0
    assert len(gradients) > 10
    # The table shows 4 digits.
    assert sums == pytest.approx(gradients, abs=2e-3)


def test_the_drawn_neuron_is_the_printed_one(chainrule, tmp_path):
    """Training moves the weights between the print and the writing: the picture must not move with them."""
    _, out, _ = chainrule("demo", "--epochs", 2, "--layers", "2")
    printed = {cells[1].strip(): cells[3] for line in out.splitlines() if len(cells := line.split("│")) == 7}
    dot = (tmp_path / "chainrule-demo" / "neuron.dot").read_text(encoding="utf-8")
    assert len(printed) > 10
    for name, value in printed.items():
        if name and not name.startswith("v"):
            [drawn] = re.findall(rf"<B>{re.escape(name)}</B>.*?>data<.*?>([-\d.e]+)<", dot, re.DOTALL)
            assert float(drawn) == pytest.approx(float(value), abs=1e-4), name  # 4 digits each


def test_other_data_and_options(chainrule, tmp_path):
    (tmp_path / "fruit.csv").write_text("kind,w\n" + "apple,1.0\npear,2.0\n" * 10)
    status, out, _ = chainrule(
        "demo", "--data", "fruit.csv", "--target", "kind", "--layers", 3, "--epochs", 20, "--out", "here/there"
    )
    assert status == 0
    assert "held-out examples 100.0%" in out
    assert (tmp_path / "here" / "there" / "loss.dot").exists()
    status, out, _ = chainrule(
        "demo", "--data", "moons", "--activation", "relu", "--layers", "4,4", "--epochs", 1, "--batch-size", 100
    )
    assert status == 0
    assert "2 features, 2 classes" in out


BAD = {
    "unknown option": (["--epoch", "3"], "--epoch"),
    "no number": (["--epochs", "many"], "--epochs"),
    "no epochs": (["--epochs", "0"], "--epochs"),
    "negative rate": (["--lr", "-1"], "--lr"),
    "rate nan": (["--lr", "nan"], "--lr"),
    "no batch": (["--batch-size", "0"], "--batch-size"),
    "no widths": (["--layers", "16,x"], "'16,x'"),
    "width 0": (["--layers", "16,0"], "'16,0'"),
    "empty width": (["--layers", ""], "16,16"),
    "unknown activation": (["--activation", "softmax"], "--activation"),
    "unknown data": (["--data", "mnist"], "'mnist'"),
    "no such file": (["--data", "nowhere.csv"], "nowhere.csv cannot be read: no such file"),
    "target without a file": (["--target", "y"], "--target"),
    "bad seed": (["--seed", "-1"], "--seed"),
    "out is a file": (["--out", "file"], "'file'"),
    "a ragged file": (["--data", "ragged.csv"], "ragged.csv, line 3: 1 columns where the header has 2"),
    "an argument": (["extra"], "extra"),
}


@pytest.mark.parametrize(("arguments", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_said_in_a_line_or_two_and_nothing_is_written(chainrule, tmp_path, arguments, words):
    (tmp_path / "file").write_text("")
    (tmp_path / "ragged.csv").write_text("a,y\n1,0\n2\n")
    before = sorted(tmp_path.iterdir())
    status, out, err = chainrule("demo", *arguments)
    assert (status, out) == (2, "")
    assert words in err
    assert "Traceback" not in err
    assert 1 <= len(err.splitlines()) <= 2
    assert sorted(tmp_path.iterdir()) == before


def test_gradients_of_features_that_are_constant_agree(chainrule, tmp_path):
    (tmp_path / "flat.csv").write_text("a,b,c\n" + "1,2,x\n1,2,y\n" * 4)
    status, out, err = chainrule("demo", "--data", "flat.csv", "--layers", 2, "--epochs", 1)
    assert (status, err) == (0, "")
    assert "difference 0.0e+00" in out


def test_the_command_alone_says_what_it_can_do(chainrule):
    status, out, err = chainrule()
    assert (status, err) == (0, "")
    assert "demo" in out


def test_a_loss_that_diverges_is_said(chainrule, tmp_path):
    status, _, err = chainrule("demo", "--lr", "1e300", "--layers", "2", "--activation", "relu")
    assert status == 1
    assert "smaller --lr" in err
    assert "Traceback" not in err
    assert not list(tmp_path.rglob("*.svg"))


def test_gradients_that_disagree_stop_the_demo(chainrule, monkeypatch):
    flat = demo.MatrixMLP.gradients

    def wrong(self, *arguments, **options):
        gradients = flat(self, *arguments, **options)
        gradients.weights[0][0, 0] *= 1 + 1e-9
        return gradients

    monkeypatch.setattr(demo.MatrixMLP, "gradients", wrong)
    status, _, err = chainrule("demo", "--epochs", 1)
    assert status == 1
    assert "disagree" in err


def test_without_a_layout_program_the_dot_texts_are_kept(chainrule, monkeypatch, tmp_path):
    import viz

    def none(*arguments, **options):
        raise viz.LayoutError("no layout program")

    monkeypatch.setattr(type(viz.draw(demo.Value(1.0))), "pipe", none)
    status, out, err = chainrule("demo", "--epochs", 1, "--layers", 2)
    assert status == 0
    assert "no layout program" in err
    assert not list(tmp_path.rglob("*.svg"))
    assert "neuron.dot" in out


def test_the_installed_command_and_the_module_are_one():
    for command in (["-m", "chainrule", "--help"], ["-m", "chainrule", "demo", "--help"]):
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True)
        assert "Usage: chainrule" in done.stdout
    done = subprocess.run([sys.executable, "-m", "chainrule", "demo", "--lr", "x"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--lr" in done.stderr
    assert done.stdout == ""
