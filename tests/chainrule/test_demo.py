import io
import re
import subprocess
import sys

import pytest
from rich.console import Console

import nn
from autograd import topological_order
from chainrule import demo
from nn.data import DATASETS, load, standardise
from nn.matrix import Gradients


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """A terminal that breaks no line."""
    monkeypatch.setenv("COLUMNS", "200")


def test_the_default_demo_learns_iris_and_says_where_everything_went(chainrule, tmp_path):
    status, out, err = chainrule("demo")
    assert (status, err) == (0, "")
    assert "150 examples, 4 features, 3 classes; 120 to train, 30 held out" in out
    assert "∂v" in out  # local derivatives of one neuron
    recorded, compiled = re.findall(r"largest relative difference (\S+)", out)
    assert max(float(recorded), float(compiled)) < demo.TOLERANCE
    train, test = re.findall(r"accuracy on the training data (\S+)%, on the 30 held-out examples (\S+)%", out)[0]
    assert float(train) >= 93
    assert float(test) >= 93
    for name in re.findall(r"(\S+\.(?:svg|dot))", out):
        assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.parametrize("data", ["iris", "wine"])
def test_the_printed_neuron_multiplies_up(chainrule, data):
    """Each gradient in the table is the sum of local derivative times gradient over the rows that use the node."""
    _, out, _ = chainrule("demo", "--epochs", 1, "--layers", "2", "--data", data)
    table = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if line.count("│") == 6]
    gradients = {name: float(gradient) for name, *_, gradient in table if name}
    sums = dict.fromkeys(gradients, 0.0)
    node = ""
    for name, _, _, local, _ in table:
        node = name or node  # the second local derivative stands in a line of its own
        for source, partial in re.findall(r"/∂(.+) = ([^\s,]+)", local):
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


# --- other data ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", DATASETS)
def test_every_data_set_can_be_learned_from(chainrule, tmp_path, data):
    status, out, err = chainrule("demo", "--data", data, "--layers", 1, "--epochs", 1)
    assert (status, err) == (0, "")
    everything = load(data, 1337)
    assert str(everything) in out
    [train, test] = map(int, re.findall(r"(\d+) to train, (\d+) held out", out)[0])
    assert train + test == len(everything)  # nothing is left out
    assert re.search(r"largest relative difference \S+e-1[5-9]", out)
    assert "training: 1 epochs" in out
    for name in ("neuron", "loss"):
        nodes = (tmp_path / "chainrule-demo" / f"{name}.dot").read_text(encoding="utf-8").count("tooltip=")
        assert 20 < nodes < 140  # boxes, frames and edges: a picture of one screen, not of 258 boxes for the digits' neuron
    wide = len(everything.features) > 4
    assert ("are left out" in out) == wide
    assert f"rest({len(everything.features) - 4})" in out or not wide
    assert (
        f"on 2 of {len(everything.features)} features, x1 = {'x and x2 = y' if everything.features == ('x', 'y') else ''}"
        in out
    )
    assert f"{min(3, len(everything.classes))} of {len(everything.classes)} classes" in out


def test_xor_is_learned_in_a_few_epochs(chainrule):
    status, out, _ = chainrule("demo", "--data", "xor", "--layers", 8, "--epochs", 8, "--batch-size", 2)
    assert status == 0
    assert "training: 8 epochs in batches of 2, learning rate 0.1" in out
    [accuracy] = re.findall(r"40 held-out examples (\S+)%", out)
    assert float(accuracy) >= 90


def test_options_given_go_before_the_settings_of_the_data(chainrule, monkeypatch):
    runs = []
    monkeypatch.setattr(demo, "run", lambda **options: runs.append(options))
    chainrule("demo", "--data", "digits")
    chainrule("demo", "--data", "digits", "--layers", "5,6", "--batch-size", 3)
    chainrule("demo", "--data", "digits.csv")
    settings = [(run["layers"], run["epochs"], run["lr"], run["batch_size"]) for run in runs]
    assert settings == [([16], 2, 0.2, 8), ([5, 6], 2, 0.2, 3), ([16, 16], 40, 0.1, 8)]
    assert {run["target"] for run in runs} == {None}
    _, out, _ = chainrule("demo", "--help")
    words = " ".join(out.split())
    assert "[default: (16,16; digits 16)]" in words
    assert "[default: (40; spirals 150; breast_cancer 10; digits 2); x>=1]" in words
    assert "|".join(DATASETS) + "|PATH.csv" in words


def test_the_neuron_of_wide_data_is_abridged_without_changing_its_numbers():
    [data] = standardise(load("digits"))
    x = data.x[-1]
    model, whole = (nn.MLP(64, [3, 10], activation="tanh", init="xavier", seed=0) for _ in range(2))
    screen = io.StringIO()
    abridged = demo._one_neuron(Console(file=screen, width=300), model, data)
    neuron = whole.layers[0].neurons[0]
    output = neuron(x)
    output.backward()
    assert abs(output.data) < 0.99  # where tanh still has a slope
    # 1e-12: the same 64 products, summed in another order.
    assert abridged.data == pytest.approx(output.data, rel=1e-12)
    labels = {node.label: node for node in topological_order(abridged) if node.label}
    weights = {w.label: w for w in neuron.w}
    shown = [label for label in labels if label.startswith("w")]
    assert len(shown) == 4
    for label in [*shown, "b1[1]"]:
        assert labels[label].grad == pytest.approx({**weights, "b1[1]": neuron.b}[label].grad, rel=1e-12)
    sizes = {w.label: abs(w.data * v) for w, v in zip(neuron.w, x, strict=True)}
    assert sorted(sizes, key=sizes.get)[-4:] == sorted(shown, key=sizes.get)
    # The sum that stands for what is left out takes two nodes, itself and the bias plus it.
    [left_out] = map(int, re.findall(r"whose (\d+) nodes .* are left out", screen.getvalue()))
    assert len(topological_order(output)) - left_out + 2 == len(topological_order(abridged))
    assert [len(layer.neurons[0].w) for layer in model.layers] == [64, 3]  # the model itself is whole


def test_brackets_in_the_names_of_features_are_printed_as_they_are(chainrule, tmp_path):
    (tmp_path / "fruit.csv").write_text("w [bold],kind\n" + "1.0,apple\n2.0,pear\n" * 4)
    _, out, _ = chainrule("demo", "--data", "fruit.csv", "--layers", 2, "--epochs", 1)
    assert "on 1 of 1 features, x1 = w [bold], and 2 of 2 classes" in out


def test_data_without_scikit_learn_is_refused_in_a_line(chainrule, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    status, out, err = chainrule("demo", "--data", "digits")
    assert (status, out) == (2, "")
    assert err == "chainrule demo: the data set digits comes with scikit-learn: pip install scikit-learn\n"
    assert not list(tmp_path.iterdir())


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
    "too many parameters": (["--layers", "9999,9999"], "100,069,995 parameters, and one in scalars at most 50,000"),
    "empty width": (["--layers", ""], "16,16"),
    "unknown activation": (["--activation", "softmax"], "--activation"),
    "unknown data": (["--data", "mnist"], f"'mnist' is neither a data set ({', '.join(DATASETS)}) nor"),
    "target of a data set": (["--data", "digits", "--target", "y"], "--target"),
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


def test_compiled_training_and_the_graph_engine_end_with_the_same_numbers(chainrule):
    ends = []
    for more in ([], ["--eager"]):
        status, out, err = chainrule("demo", "--data", "moons", "--layers", 4, "--epochs", 3, *more)
        assert (status, err) == (0, "")
        assert ("recorded as a graph" in out) == bool(more)
        ends.append(re.findall(r"accuracy on the training data \S+ on the 20 held-out examples \S+%|loss \d\.\d{4}", out))
    assert ends[0] == ends[1] != []


def test_gradients_that_disagree_stop_the_demo(chainrule, monkeypatch):
    right = demo.MatrixMLP.gradients

    def wrong(self, *arguments, **options):
        gradients = right(self, *arguments, **options)
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


def test_a_disagreement_is_told_relative_to_the_largest_gradient(chainrule, monkeypatch):
    right = Gradients.flat
    monkeypatch.setattr(Gradients, "flat", lambda self: right(self) + 0.001 * abs(right(self)).max())
    status, out, err = chainrule("demo", "--data", "moons", "--layers", 2, "--epochs", 1)
    assert status != 0
    largest = float(re.search(r"the largest gradient, (\S+)\)", out)[1])
    assert abs(largest - 1) > 0.1  # so that a difference that is not divided by it is another number
    assert "scalars and matrices disagree by 1.0e-03, more than 1e-12" in err
