"""``chainrule demo``: trains a network written in scalars on real data; shows the chain rule first, and checks it."""

from __future__ import annotations

import copy
import math
import random
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

import autograd
import nn
import viz
from autograd import Value, graph, scope, topological_order
from autograd.compiled.program import Program
from autograd.explaining.shown_digits import Digits, claims_of_graph
from autograd.files import write_whole
from autograd.rules.notation import TEXT
from autograd.text import printable_lines
from chainrule.terminal import Terminal
from nn.data import DATASETS, Dataset, load, read_csv, split, standardise
from nn.matrix import MatrixMLP
from viz.dot.digraph import Digraph

HELD_OUT_SHARE = 0.2  # of the examples of each class
TOLERANCE = 1e-12  # of the largest gradient: float64 keeps 16 digits, and a thousand roundings cost two or three
"""How far the gradients of the scalars may be from those of the matrices."""

MAX_PARAMETERS = 50_000
"""Of a network in scalars, each of which is an object of Python."""

MAX_RECORDED_EXAMPLES = 200
"""Gradients of recorded graphs are compared for so many examples at most; those of compiled scalars for all."""

MAX_INPUTS, MAX_FEATURES, MAX_CLASSES = 4, 2, 3
"""What fits into the table of one neuron (inputs) and into the picture of the loss (features, classes). The output says what is left
out."""


def run(
    data: str,
    target: str | None,
    layers: list[int],
    activation: str,
    epochs: int,
    lr: float,
    batch_size: int,
    seed: int,
    out: Path,
    eager: bool = False,
) -> None:
    """Load the data, show one neuron, check all gradients against NumPy, train, report and draw."""
    console = Terminal()
    rng = random.Random(seed)
    raw = _load(data, target, seed)
    train, test = standardise(*split(raw, HELD_OUT_SHARE, rng))
    _refuse_large([len(raw.features), *layers, len(raw.classes)])
    _make(out)
    console.print(f"{raw}; {len(train)} to train, {len(test)} held out")

    model = nn.MLP(len(raw.features), [*layers, len(raw.classes)], activation=activation, init="xavier", seed=seed)
    console.print(
        f"{len(model.parameters())} parameters in layers {_arrows(model)}, {activation}; softmax and cross-entropy on top\n"
    )
    neuron = viz.draw(_one_neuron(console, model, train))  # before training, which changes the numbers that it shows
    _check(console, model, train)

    console.print(
        f"training: {epochs} epochs in batches of {batch_size}, learning rate {lr:g} (change it: --epochs, --batch-size, --lr)"
    )
    console.print(
        "each batch is recorded as a graph, and backward() differentiates it"
        if eager
        else "the scalars of one example are compiled to a program for whole batches (the same graph by graph: --eager)"
    )
    started = time.perf_counter()
    _train(console, model, train, epochs, lr, batch_size, rng, eager)
    seconds, predict = time.perf_counter() - started, autograd.compile(model)
    console.print(
        f"\ntrained in {seconds:.1f} s; accuracy on the training data {_accuracy(predict, train):.1%}, "
        f"on the {len(test)} held-out examples {_accuracy(predict, test):.1%}"
    )
    pictures = {"neuron": neuron, "loss": viz.draw(_small_loss(console, train, seed))}
    written = [path for name, picture in pictures.items() for path in _write(out / name, picture)]
    console.print("pictures: " + ", ".join(map(str, written)), soft_wrap=True)


def _load(data: str, target: str | None, seed: int) -> Dataset:
    if data in DATASETS:
        if target is not None:
            raise click.UsageError(f"--target chooses the column of a CSV file, but --data is {data}")
        return load(data, seed)
    if not data.lower().endswith(".csv"):
        raise click.UsageError(
            f"--data {data!r} is neither a data set ({', '.join(DATASETS)}) nor the path of a file that ends in .csv"
        )
    return read_csv(data, target)


def _refuse_large(widths: list[int]) -> None:
    parameters = sum((inputs + 1) * outputs for inputs, outputs in pairwise(widths))
    if parameters > MAX_PARAMETERS:
        raise click.UsageError(
            f"--layers: a network {' → '.join(map(str, widths))} has {parameters:,} parameters, and one in scalars at most "
            f"{MAX_PARAMETERS:,}; try narrower layers, 16,16 say"
        )


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.UsageError(
            f"--out {str(out)!r} cannot be made: {(error.strerror or str(error)).lower()}; name a folder"
        ) from None


def _arrows(model: nn.MLP) -> str:
    return " → ".join(str(n) for n in [len(model.layers[0].neurons[0].w), *(len(layer.neurons) for layer in model.layers)])


# --- one neuron -----------------------------------------------------------------------------------------------------


def _one_neuron(console: Console, model: nn.MLP, data: Dataset) -> Value:
    """Print every node of the first neuron for the last example: value, local derivatives and gradient. Returns its output."""
    x = [Value(v, f"x{j}") for j, v in enumerate(data.x[-1], start=1)]
    layer = model.layers[0]
    neuron = copy.copy(layer.neurons[0])  # the copy shares the parameters, and may drop some
    assert neuron.b is not None
    products = [w.data * v.data for w, v in zip(neuron.w, x, strict=True)]
    shown = _largest(products, MAX_INPUTS)
    left_out = len(x) - len(shown)
    with scope(layer.name):
        if left_out:
            with scope(neuron.name):
                rest = Value(sum(p for j, p in enumerate(products) if j not in shown), f"rest({left_out})")
                neuron.w, neuron.b = [neuron.w[j] for j in shown], neuron.b + rest
            console.print(
                f"The neuron below reads {len(x)} inputs. Shown are the {len(shown)} with the largest w·x; {rest.label} is the "
                f"sum of w·x over the other {left_out}, whose {4 * left_out} nodes (w, x, product, sum) are left out.\n"
            )
        output = neuron([x[j] for j in shown])
    output.backward()
    names = graph.names(topological_order(output))
    table = Table(title="One neuron: every local derivative, and the gradient they multiply up to", title_justify="left")
    for column, justify in (("node", "left"), ("formula", "left"), ("value", "right"), ("local derivatives", "left")):
        table.add_column(column, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column(f"gradient\n∂{names[output]}/∂node", justify="right")
    digits = Digits(claims_of_graph(names), usual=4)
    for node, name in names.items():
        inputs = [names[source] for source in node.inputs]
        formula = f" {node._op} ".join(inputs) if len(inputs) == 2 else f"{node._op}({inputs[0]})" if inputs else ""
        derivatives = (
            TEXT.local_derivative(name, source, graph.operand_number(node.inputs, slot)) for slot, source in enumerate(inputs)
        )
        local = "\n".join(f"{d} = {digits.text(partial)}" for d, partial in zip(derivatives, node.partials, strict=True))
        table.add_row(name, formula, digits.text(node.data), local, digits.text(node.grad))
    console.print(table)
    return output


def _largest(numbers: Sequence[float], count: int) -> list[int]:
    """The indices of the numbers with the largest absolute values, at most ``count``, in their order."""
    return sorted(sorted(range(len(numbers)), key=lambda j: -abs(numbers[j]))[:count])


# --- the check against matrices -------------------------------------------------------------------------------------


def _check(console: Console, model: nn.MLP, data: Dataset) -> None:
    """Compare every gradient of the untrained model, recorded and compiled, with that of the matrix twin."""
    few = data.take(range(min(MAX_RECORDED_EXAMPLES, len(data))))
    model.zero_grad()
    with console.status("checking all gradients"):
        for x, y in zip(few.x, few.y, strict=True):  # a pass for each example frees its graph before the next one
            (nn.cross_entropy_logits(model(x), y) / len(few)).backward()
    recorded = np.array([p.grad for p in model.parameters()])
    model.zero_grad()
    program = autograd.compile(lambda x, y: nn.cross_entropy_logits(model(x), y), model.parameters())
    compiled = program(data.x, [nn.one_hot(y, len(data.classes)) for y in data.y]).gradients
    console.print(f"\nall {len(recorded)} gradients of the untrained model, beside those of the same network in NumPy matrices")
    for how, gradients, examples in (("recorded graphs", recorded, few), ("compiled scalars", compiled, data)):
        matrices = (
            MatrixMLP.from_model(model)
            .gradients(np.array(examples.x), np.array(examples.y), loss="cross_entropy_logits")
            .flat()
        )
        largest = float(np.max(np.abs(matrices)))
        difference = float(np.max(np.abs(gradients - matrices))) / (largest or 1.0)
        console.print(
            f"  {how}, {len(examples)} examples: largest relative difference {difference:.1e} (of the largest gradient, {largest:.4g})"
        )
        if not difference <= TOLERANCE:
            raise click.ClickException(f"scalars and matrices disagree by {difference:.1e}, more than {TOLERANCE:.0e}")
    console.print()


# --- pictures -------------------------------------------------------------------------------------------------------


def _small_loss(console: Console, data: Dataset, seed: int) -> Value:
    """The loss of a small network on two features and at most three classes of one example, with its gradients."""
    features = _largest(data.x[0], MAX_FEATURES)
    classes = _largest([label == data.y[0] for label in range(len(data.classes))], MAX_CLASSES)
    model = nn.MLP(len(features), [2, len(classes)], activation="tanh", seed=seed)
    x = [Value(data.x[0][j], f"x{k}") for k, j in enumerate(features, start=1)]
    logits = model(x)
    with scope("loss"):
        loss = nn.cross_entropy_logits(logits, classes.index(data.y[0]))
    loss.label = "loss"
    loss.backward()
    inputs = " and ".join(f"{v.label} = {data.features[j]}" for v, j in zip(x, features, strict=True))
    console.print(
        f"the picture of the loss shows a network {_arrows(model)} on {len(features)} of {len(data.features)} features, {inputs}, "
        f"and {len(classes)} of {len(data.classes)} classes"
    )
    return loss


def _write(path: Path, picture: Digraph) -> list[Path]:
    """Write a picture as DOT text, and as SVG if a layout program is installed. Returns the paths."""
    texts = {".dot": picture.source}
    try:
        texts[".svg"] = picture.pipe(format="svg", encoding="utf-8")
    except viz.LayoutError as error:
        click.echo(printable_lines(f"chainrule demo: {error}"), err=True)
    try:
        for suffix, text in texts.items():
            write_whole(path.with_suffix(suffix), text.encode())
    except OSError as error:
        raise click.UsageError(f"{error.filename} cannot be written: {(error.strerror or str(error)).lower()}") from None
    return [path.with_suffix(suffix) for suffix in texts]


# --- training -------------------------------------------------------------------------------------------------------


def _train(
    console: Console, model: nn.MLP, data: Dataset, epochs: int, lr: float, batch_size: int, rng: random.Random, eager: bool
) -> None:
    columns = ("training", BarColumn(), MofNCompleteColumn(), TextColumn("loss {task.fields[loss]:.4f}"), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("training", total=epochs, loss=math.nan)
        try:
            for epoch in nn.epochs(model, data.x, data.y, lr=lr, epochs=epochs, batch_size=batch_size, rng=rng, eager=eager):
                progress.update(task, completed=epoch.number, loss=epoch.loss)
        except FloatingPointError as error:
            raise click.ClickException(f"{error}: try a smaller --lr than {lr:g}") from None


def _accuracy(predict: Program, data: Dataset) -> float:
    return float(np.mean(np.argmax(predict.value(data.x), axis=1) == data.y))
