"""What the picture says: its text is read back here, and compared with the graph it was drawn from."""

import math
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from fractions import Fraction
from pathlib import Path

import graphviz
import pytest
from hypothesis import strategies as st

import viz
import viz.dot.draw
from autograd import Constant, Value, scope, sin, tanh, where
from tests.strategies import for_all

GOLDEN = Path(__file__).parent / "golden"
ROOT = Path(__file__).parents[2]


# --- graphs ---------------------------------------------------------------------------------------------------------


def neuron():
    x1, x2, w1, w2, b = (
        Value(data, label) for data, label in [(2, "x1"), (0, "x2"), (-3, "w1"), (1, "w2"), (6.8813735870195432, "b")]
    )
    out = tanh(w1 * x1 + w2 * x2 + b)
    out.label = "o"
    return out


def square():
    x = Value(3.0, "x")
    return x * x


def diamond():
    a = Value(2, "a")
    return (a * 3) / (a + Fraction(1, 3))


def nested():
    x = Value(0.5, "x")
    with scope("layer1"):
        with scope("neuron1"):
            first = tanh(Value(1.5, "w") * x)
        with scope("neuron2"):
            second = tanh(Value(-0.5, "w") * x)
    with scope("loss"):
        return (first - second) ** 2


# --- reading a picture back -------------------------------------------------------------------------------------------


class Box:
    """One node, as the text tells it."""

    def __init__(self, name, path, table):
        self.name, self.path = name, path
        self.table = ET.fromstring(table)  # the label is well-formed XML, or this raises
        self.cells = ["".join(cell.itertext()) for cell in self.table.iter("TD")]
        self.colours = {font.text: font.get("COLOR") for font in self.table.iter("FONT")}

    def __getitem__(self, word):
        return self.cells[self.cells.index(word) + 1]

    def __contains__(self, word):
        return word in self.cells


def boxes(picture):
    """Every node by its name, with the names of the frames around it."""
    found, path, table = {}, [], None
    for line in picture.source.splitlines()[1:-1]:
        line = line.strip()
        if line.startswith("subgraph"):
            path.append(None)
        elif line.startswith("graph [label=<"):
            path[-1] = re.match(r"graph \[label=<(.*?)>", line)[1]
        elif line == "}":
            path.pop()
        elif opened := re.match(r"(n\d+) \[id=\"\1\" .*label=<$", line):
            name, table = opened[1], []
        elif line == ">]":
            assert name not in found, "each Value is one node"
            found[name] = Box(name, tuple(path), "".join(table))
            table = None
        elif table is not None:
            table.append(line)
    assert not path, "frames that open close again"
    return found


def edges(picture):
    """(tail, head, the number on it or None) for every edge."""
    found = re.findall(r"^\t(n\d+) -> (n\d+) \[id=\"e\d+-\d+\" (?:label=\" ∂[₁₂]? (\S+) \")?", picture.source, re.M)
    assert len(found) == picture.source.count("->")
    return [(tail, head, number or None) for tail, head, number in found]


def reachable(root):
    nodes, todo = {root}, [root]
    while todo:
        new = set(todo.pop().inputs) - nodes
        nodes |= new
        todo += new
    return nodes


def writes(text, number):
    """Whether a text is the number in four digits, or in more, which the arithmetic of a picture may need."""
    return (
        text in [format(number, f".{digits}g") for digits in range(4, 18)] if isinstance(number, float) else text == str(number)
    )


def check_structure(root):
    """As many boxes as Values, as many edges as operands: between the right data, in the right number."""
    picture = viz.draw(root, max_nodes=None)
    nodes, drawn = reachable(root), boxes(picture)
    data = {name: box["constant" if "constant" in box else "data"] for name, box in drawn.items()}
    found = {}  # the box of each node
    for node in nodes:
        found[node] = [name for name, text in data.items() if writes(text, node.data)]
        assert found[node]
    assert len(data) == len(nodes)
    expected = Counter((data[found[source][0]], data[found[node][0]]) for node in nodes for source in node.inputs)
    assert Counter((data[tail], data[head]) for tail, head, _ in edges(picture)) == expected


# --- the text as a whole ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [neuron, square, diamond, nested], ids=lambda make: make.__name__)
def test_golden_text(make):
    """Read the files; to renew one after a wanted change, ``viz.draw(...).save(...)`` it and read it again."""
    value = make()
    value.backward()
    assert viz.draw(value).source == (GOLDEN / f"{make.__name__}.gv").read_text(encoding="utf-8")


def test_the_text_does_not_depend_on_the_hash_seed():
    program = """if True:
        import viz
        from autograd import Value, scope
        out = Value(0.5)
        for name in "abcabd":
            with scope(name), scope("inner"):
                out = out * Value(1.5, name) + out
        out.backward()
        print(viz.draw(out).source)"""
    texts = set()
    for seed in "0", "1", "4242":
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONUTF8": "1"}
        texts.add(
            subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, check=True).stdout
        )
    assert len(texts) == 1
    assert texts.pop().count(b"->") == 24


def test_importing_viz_loads_no_library():
    program = "import sys, viz; print(sorted({'graphviz', 'pygraphviz', 'numpy', 'nn'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"


def test_the_picture_is_a_digraph_of_graphviz():
    picture = viz.draw(square(), rankdir="TB")
    assert isinstance(picture, graphviz.Digraph)
    assert (picture.graph_attr["rankdir"], picture.format, picture.filename) == ("TB", "svg", "computation_graph.gv")
    picture.node("mine", "my note")
    picture.edge("mine", "n1")
    assert "mine -> n1" in picture.copy().source


# --- boxes and edges --------------------------------------------------------------------------------------------------


def test_a_square_has_one_leaf_and_two_edges():
    assert edges(viz.draw(square())) == [("n1", "n2", "3"), ("n1", "n2", "3")]


@pytest.mark.parametrize("make", [neuron, square, diamond, nested], ids=lambda make: make.__name__)
def test_each_value_is_one_box_and_each_operand_one_edge(make):
    check_structure(make())


def test_the_structure_check_catches_collapsed_edges(monkeypatch):
    """micrograd's drawing keeps edges in a set, so of x * x it shows one."""
    monkeypatch.setattr(viz.dot.draw, "zip_longest", lambda inputs, partials: dict(zip(inputs, partials, strict=True)).items())
    check_structure(Value(2.0) * Value(3.0))
    with pytest.raises(AssertionError):
        check_structure(square())


def test_a_neuron_by_hand():
    """d tanh = 1 - tanh(0.8814)**2 = 0.5, times each weight or input; the numbers of Karpathy's lecture."""
    out = neuron()
    out.backward()
    picture = viz.draw(out)
    drawn = {box.cells[-5 if "grad" in box.cells else 0]: box for box in boxes(picture).values()}
    assert {name: (box["data"], box["grad"]) for name, box in drawn.items() if name in ("x1", "w1", "x2", "w2", "b", "o")} == {
        "x1": ("2", "-1.5"),
        "w1": ("-3", "1"),
        "x2": ("0", "0.5"),
        "w2": ("1", "0"),
        "b": ("6.8814", "0.5"),  # -6 + 6.8814 is 0.8814, which is shown too
        "o": ("0.7071", "1"),
    }
    assert [number for _, _, number in edges(picture)] == ["2", "-3", "0", "1", "1", "1", "1", "1", "0.5"]


def test_names_are_labels_or_counted():
    a = Value(1.0, "a")
    names = [box.cells[-3] for box in boxes(viz.draw(sin(a * Value(2.0)))).values()]
    assert names == ["a", "x1", "v1", "v2"]


def test_operations_show_their_symbols():
    x = Value(2.0, "x")
    out = ((x + 1) * x - x) / x
    out = sin(-(out**3)).relu()
    symbols = [box.cells[0] for box in boxes(viz.draw(out)).values() if box.table.find(".//TD[@ROWSPAN]") is not None]
    assert symbols == ["+", "*", "-", "/", "**3", "neg", "sin", "ReLU"]


expressions = st.recursive(
    st.sampled_from("abc"),
    lambda inner: st.tuples(st.sampled_from("+-*"), inner, inner) | st.tuples(st.sampled_from(["sin", "tanh"]), inner),
    max_leaves=12,
)


def build(expression, leaves):
    if isinstance(expression, str):
        return leaves[expression]
    operation, *operands = expression
    operands = [build(operand, leaves) for operand in operands]
    if operation in ("sin", "tanh"):
        return {"sin": sin, "tanh": tanh}[operation](*operands)
    x, y = operands
    return x + y if operation == "+" else x - y if operation == "-" else x * y


@for_all(expressions)
def test_the_chain_rule_can_be_read_off_the_picture(expression):
    """The gradient in each box is the sum over its edges of the number on the edge times the gradient at the other end."""
    out = build(expression, {"a": Value(0.7, "a"), "b": Value(-1.3, "b"), "c": Value(0.4, "c")})
    out.backward()
    check_structure(out)
    picture = viz.draw(out)
    drawn = boxes(picture)
    sums, sizes = Counter(), Counter()
    for tail, head, number in edges(picture):
        term = float(number) * float(drawn[head]["grad"])
        sums[tail] += term
        sizes[tail] += abs(term)
    *rest, output = drawn
    assert drawn[output]["grad"] == "1"
    for name in rest:  # up to a unit in the last of four digits
        unit = 10.0 ** (math.floor(math.log10(abs(float(drawn[name]["grad"])) or sizes[name] or 1)) - 3)
        assert float(drawn[name]["grad"]) == pytest.approx(sums[name], abs=1.001 * unit, rel=0)


# --- gradients and constants ------------------------------------------------------------------------------------------


def test_before_backward_there_are_no_gradients():
    out = neuron()
    assert "grad" not in viz.draw(out).source
    out.backward()
    assert all("grad" in box for box in boxes(viz.draw(out)).values())


def test_a_gradient_of_zero_is_shown_if_the_output_has_one():
    x = Value(-1.0, "x")
    out = x.relu()
    out.backward()
    assert boxes(viz.draw(out))["n1"]["grad"] == "0"


def test_part_of_a_graph_shows_the_gradients_of_the_whole():
    x = Value(3.0, "x")
    part = x * 2
    (part * 5).backward()
    assert boxes(viz.draw(part))["n3"]["grad"] == "5"


def test_constants_are_grey_and_have_no_gradient():
    out = 3 * Value(2.0, "x")
    out.backward()
    constant, leaf, product = boxes(viz.draw(out)).values()
    assert (constant["constant"], "data" in constant, "grad" in constant) == ("3", False, False)
    assert set(constant.colours.values()) == {viz.dot.draw.GREY}
    assert "DASHED" in constant.table.get("STYLE")
    assert "grad" in leaf
    assert "grad" in product
    assert "constant" in boxes(viz.draw(Constant(3)))["n1"]


def test_data_and_gradient_differ_in_word_and_colour():
    out = square()
    out.backward()
    box = boxes(viz.draw(out))["n1"]
    assert (box.colours["data"], box.colours["3"]) == (viz.dot.draw.DATA, viz.dot.draw.DATA)
    assert (box.colours["grad"], box.colours["6"]) == (viz.dot.draw.GRADIENT, viz.dot.draw.GRADIENT)


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        (viz.dot.draw.DATA, "#FFFFFF"),
        (viz.dot.draw.GRADIENT, "#FFFFFF"),
        (viz.dot.draw.INK, "#FFFFFF"),
        (viz.dot.draw.GREY, "#F0F0F0"),
        (viz.dot.draw.GREY, "#EEF1F4"),
    ],
)
def test_contrast(ink, paper):
    """WCAG 2.2, success criterion 1.4.3: at least 4.5 to 1."""

    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    assert (luminance(paper) + 0.05) / (luminance(ink) + 0.05) >= 4.5


def test_drawing_writes_on_no_value():
    out = nested()
    out.backward()
    out.note = "mine"
    nodes = reachable(out)

    def snapshot():
        slots = ("data", "grad", "op", "label", "scope", "_x", "_y", "_dx", "_dy")
        return {node: ([id(getattr(node, slot)) for slot in slots], dict(vars(node))) for node in nodes}

    before = snapshot()
    viz.draw(out)
    assert snapshot() == before


# --- closures ---------------------------------------------------------------------------------------------------------


def test_closures_have_edges_without_numbers():
    a, b = Value(2.0, "a"), Value(5.0, "b")
    out = Value(12.0, (a, b, b), "sum3")
    picture = viz.draw(2 * out)
    assert edges(picture) == [("n2", "n4", None), ("n3", "n4", None), ("n3", "n4", None), ("n1", "n5", "12"), ("n4", "n5", "2")]
    assert "sum3" in boxes(picture)["n4"]


def test_a_closure_without_a_name_is_called_closure():
    assert "closure" in boxes(viz.draw(Value(1.0, (Value(2.0),))))["n2"]


# --- scopes -----------------------------------------------------------------------------------------------------------


def test_scopes_are_frames_within_frames():
    out = nested()
    paths = Counter(box.path for box in boxes(viz.draw(out)).values())
    assert paths == Counter(node.scope for node in reachable(out))
    assert paths == {(): 1, ("layer1", "neuron1"): 3, ("layer1", "neuron2"): 3, ("loss",): 2}


@for_all(st.lists(st.lists(st.sampled_from(["a", "b", ""]), max_size=4), min_size=1, max_size=8))
def test_any_scopes(paths):
    """In any order and depth, entered again, with equal and empty names: each node is in its own frames, and none is empty."""
    out = Value(0.0)
    for path in paths:
        scopes = [scope(name) for name in path]
        for opened in scopes:
            opened.__enter__()
        out = out + Value(1.0)
        for opened in reversed(scopes):
            opened.__exit__(None, None, None)
    picture = viz.draw(out)
    assert Counter(box.path for box in boxes(picture).values()) == Counter(node.scope for node in reachable(out))
    frames = {tuple(path[:depth]) for path in paths for depth in range(1, len(path) + 1)}
    assert picture.source.count("subgraph ") == len(frames)
    assert len(set(re.findall(r"cluster_\d+", picture.source))) == len(frames)


def test_scopes_deeper_than_the_recursion_limit():
    opened = [scope("s") for _ in range(1100)]
    for frame in opened:
        frame.__enter__()
    inside = Value(1.0)
    for frame in reversed(opened):
        frame.__exit__(None, None, None)
    assert viz.draw(inside).source.count("subgraph ") == 1100


# --- names and numbers ------------------------------------------------------------------------------------------------

ODD = [
    '<b>"&\n{|}',
    "∂L/∂w₁",
    "a\\N\\l\\",
    "&lt;",
    "tab\t, bell\a, \x7f, \u202e\u2028",
    "\ud800",
    "]]>-->",
    "  two  spaces",
    "'",
    "日本",
]


@pytest.mark.parametrize("label", ODD, ids=ascii)
def test_any_label_and_scope_is_text(label):
    with scope(label):
        picture = viz.draw(Value(1.0, label))
    seen = "".join(c if c.isprintable() else repr(c)[1:-1] for c in label)
    box = boxes(picture)["n1"]
    assert box.cells[0].replace("\\\\", "\\") == seen
    assert ET.fromstring(f"<x>{box.path[0]}</x>").text.replace("\\\\", "\\") == seen
    assert picture.source.isprintable() or set(filter(lambda c: not c.isprintable(), picture.source)) == {"\n", "\t"}
    picture.source.encode()


def test_a_long_label_is_cut_and_whole_in_the_tooltip():
    label = "loss of the example " * 10
    picture = viz.draw(Value(1.0, label))
    (name, *_) = boxes(picture)["n1"].cells
    assert (len(name), name[:-1], name[-1]) == (40, label[:39], "…")
    assert f'tooltip="{label}"' in picture.source


@pytest.mark.parametrize("label", ["", " ", "\n\t", None])
def test_a_label_that_cannot_be_seen_is_no_name(label):
    x = Value(1.0)
    x.label = label
    assert boxes(viz.draw(x))["n1"].cells[0] == "x1"


NUMBERS = [
    (3.14159265, "3.142"),
    (2.0, "2"),
    (-0.00012346, "-0.0001235"),
    (1e-300, "1e-300"),
    (float("inf"), "inf"),
    (float("-inf"), "-inf"),
    (float("nan"), "nan"),
    (123456, "123456"),
    (-7, "-7"),
    (999_999_999_999, "999999999999"),
    (2**100, "≈1.268e+30"),
    (-(10**5000), "≈-1e+5000"),
    (Fraction(1, 3), "1/3"),
    (Fraction(-22, 7), "-22/7"),
    (Fraction(4, 2), "2"),
    (Fraction(10**40, 3), "≈3.333e+39"),
    (Fraction(1, 10**40), "≈1e-40"),
]


@pytest.mark.parametrize(("number", "text"), NUMBERS, ids=[text for _, text in NUMBERS])
def test_numbers(number, text):
    assert boxes(viz.draw(Value(number)))["n1"]["data"] == text


def test_data_that_is_no_number_is_shown_as_it_is():
    x = Value(1.0)
    x.data = None
    assert boxes(viz.draw(x))["n1"]["data"] == "None"


# --- what is refused --------------------------------------------------------------------------------------------------


def test_a_graph_over_the_budget_is_refused_with_its_size():
    x = Value(0.5)
    for _ in range(300):
        x = sin(x)
    with pytest.raises(ValueError) as error:
        viz.draw(x)
    for words in ("301 nodes", "max_nodes=300", "smaller piece", "max_nodes=301", "None"):
        assert words in str(error.value)
    assert len(boxes(viz.draw(x, max_nodes=301))) == 301
    assert len(edges(viz.draw(x, max_nodes=None))) == 300


def test_a_chain_deeper_than_the_recursion_limit():
    x = Value(0.5)
    for _ in range(5000):
        x = sin(x)
    assert viz.draw(x, max_nodes=None).source.count("->") == 5000


@pytest.mark.parametrize(
    ("given_", "hint"),
    [
        (3.0, "not its .data"),
        ([Value(1.0)], "autograd.total"),
        (neuron, "call it first"),
        ("x", "the result of a computation"),
        (None, "the result of a computation"),
    ],
    ids=["number", "list", "function", "string", "None"],
)
def test_what_is_not_a_value_is_refused_with_a_hint(given_, hint):
    with pytest.raises(
        TypeError, match=f"draw shows how a Value was computed, but got .* of type {type(given_).__name__}"
    ) as error:
        viz.draw(given_)
    assert hint in str(error.value)
    assert len(str(error.value)) < 250


@pytest.mark.parametrize("rankdir", ["LR", "RL", "TB", "BT"])
def test_directions(rankdir):
    assert f"rankdir={rankdir} " in viz.draw(square(), rankdir=rankdir).source


@pytest.mark.parametrize("rankdir", ["lr", "", 'LR"] evil [', None])
def test_other_directions_are_refused(rankdir):
    with pytest.raises(ValueError, match="rankdir is one of LR, RL, TB, BT, but got"):
        viz.draw(square(), rankdir=rankdir)


def along_a_chain(uses):
    """One leaf, used at each second step of a chain."""
    x = Value(0.5, "x")
    out = x
    for _ in range(uses):
        out = (out * x).tanh()
    return out


def test_long_edges_are_drawn_in_little_time_and_short_ones_with_care():
    settings = {name: viz.draw(along_a_chain(uses)).graph_attr.get("splines") for name, uses in {"few": 5, "many": 75}.items()}
    assert settings == {"few": None, "many": "line"}
    wide = sin(Value(1.0))
    for k in range(55):
        wide = wide + Value(float(k)).tanh() * 2.0  # more nodes, and no long edge
    assert "splines" not in viz.draw(wide).graph_attr


def test_the_ranks_crossed_counts_ranks():
    x, y = Value(1.0), Value(2.0)
    a = x * y  # x and y one rank before
    b = a + x  # a one, x two
    c = b * a  # b one, a two
    assert viz.dot.draw._ranks_crossed([x, y, a, b, c]) == 1 + 1 + 1 + 2 + 1 + 2
    assert viz.dot.draw._ranks_crossed([x]) == 0


def test_a_comparison_is_drawn_by_its_sign():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    assert '<FONT POINT-SIZE="15">&lt;=</FONT>' in viz.draw(where(x.less_equal(y), x, y)).source
