"""What the picture of a computation graph shows: boxes, edges and frames, written in the DOT language."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from numbers import Number
from typing import TYPE_CHECKING, Any

from autograd import Constant, Value, topological_order
from autograd.explaining.shown_digits import Digits, claims_of_graph
from autograd.graph import label_of, names, operand_number
from autograd.rules.notation import TEXT
from autograd.text import described, one_line, printable, short_repr

if TYPE_CHECKING:
    from viz.dot.digraph import Digraph

RANKDIRS = ("LR", "RL", "TB", "BT")
FONT = "Helvetica,Arial,sans-serif"
DATA, GRADIENT = "#0072B2", "#B34700"  # blue and orange: contrast 5.2 and 5.5 on white, and different to colour-blind eyes
INK, GREY = "#222222", "#5A5A5A"
NUM_DIGITS = 4  # of a number, where the arithmetic of the picture comes out with them
MAX_RANKS_CROSSED = 700  # by all edges together; beyond it Graphviz gets the quick layout
QUICK_LAYOUT = {"nslimit": "2", "nslimit1": "2", "splines": "line"}
"""Few rounds of improvement, and straight edges: without both, a chain of hundreds that uses one leaf takes minutes."""


def draw(value: Value, *, rankdir: str = "LR", max_nodes: int | None = 300) -> Digraph:
    r"""The graph that ``value`` was computed from, as a picture.

    One box for each node, with its label (or v1, v2, ... as in explanations), its operation, ``data`` and ``grad``; one
    edge for each operand, with the local derivative on it, so that the chain rule can be read off the picture:

    .. math:: \bar v = \sum_{u\,:\,v \to u} \bar u\,\frac{\partial u}{\partial v}

    the gradient in a box is the sum, over the edges that leave it, of the gradient at the other end times the number on the
    edge. Numbers have four digits, and more where this sum, or an operation, needs them. The picture has gradients if ``value``
    has one, which it gets from ``backward()``. Constants are grey and have no gradient; edges into closures have no numbers. Each
    ``scope`` is a frame around its nodes. No ``Value`` is changed.

    The result is a ``graphviz.Digraph``: a notebook shows the picture, ``.render("name")`` writes it to a file, ``.pipe("png")``
    returns the bytes of such a file, and ``.source`` is the DOT text, the same on every run.

    Args:
        value: the output; the picture shows everything that it was computed from.
        rankdir: the direction of the arrows: LR (left to right), RL, TB (top to bottom) or BT.
        max_nodes: how many nodes a picture may have; None for any number.

    Raises:
        TypeError: if ``value`` is not a ``Value``.
        ValueError: if the graph has more than ``max_nodes`` nodes, or for another ``rankdir``.

    >>> x, y = Value(2.0, "x"), Value(5.0, "y")
    >>> print(*(line.strip() for line in draw(x * y).source.splitlines() if "->" in line), sep="\n")
    n1 -> n3 [id="e3-0" label=" ∂ 5 " tooltip="the local derivative of v1 with respect to operand 1, x: 5"]
    n2 -> n3 [id="e3-1" label=" ∂ 2 " tooltip="the local derivative of v1 with respect to operand 2, y: 2"]
    """
    if not isinstance(value, Value):
        raise TypeError(f"draw shows how a Value was computed, but got {described(value)}; {_hint(value)}")
    if rankdir not in RANKDIRS:
        raise ValueError(f"rankdir is one of {', '.join(RANKDIRS)}, but got {short_repr(rankdir)}")
    order = topological_order(value)
    if max_nodes is not None and len(order) > max_nodes:
        raise ValueError(
            f"the graph has {len(order)} nodes, and max_nodes={short_repr(max_nodes)} is as many as one picture may have. Draw a smaller "
            f"piece, such as one neuron or the loss of one example, or say max_nodes={len(order)} (None: any number)"
        )
    from viz.dot.digraph import Digraph  # here, because it loads the graphviz package

    return Digraph(
        "computation_graph",
        format="svg",
        graph_attr={"rankdir": rankdir, "bgcolor": "white", "fontname": FONT, "nodesep": "0.3", "ranksep": "0.5", "pad": "0.2"}
        | (QUICK_LAYOUT if _ranks_crossed(order) > MAX_RANKS_CROSSED else {}),
        node_attr={"shape": "plain", "fontname": FONT, "fontsize": "12", "fontcolor": INK},
        edge_attr={"fontname": FONT, "fontsize": "11", "fontcolor": INK, "color": GREY, "arrowsize": "0.7"},
        body=[line + "\n" for line in _statements(order)],
    )


def _hint(value: Any) -> str:
    if isinstance(value, Number):
        return "draw the Value itself, not its .data"
    if callable(value):
        return "call it first, and draw the Value that comes out"
    if isinstance(value, (list, tuple)):
        return "draw one of them, or their sum: draw(autograd.total(values))"
    return "give it the result of a computation with Values"


def _ranks_crossed(order: list[Value]) -> int:
    """How many ranks all edges cross together, if every node has the last rank before its users."""
    rank = {order[-1]: 0}
    for node in reversed(order):
        for source in node.inputs:
            rank[source] = min(rank.get(source, 0), rank[node] - 1)
    return sum(rank[node] - rank[source] for node in order for source in node.inputs)


# --- statements ---------------------------------------------------------------------------------------------------------


def _statements(order: list[Value]) -> Iterator[str]:
    """The lines of the DOT text: all boxes, frame by frame, then all edges."""
    ids = {node: f"n{number}" for number, node in enumerate(order, start=1)}
    digits = Digits(claims_of_graph(order), usual=NUM_DIGITS)
    called = {node: digits.text(node.data) for node in order} | names(order)  # constants are called by their numbers
    has_gradients = bool(order[-1].grad != 0)
    depth = 0  # of the innermost frame that is open
    for number, (scope, nodes) in enumerate(_frames(order).items()):
        while depth and depth >= len(scope):
            yield "\t" * depth + "}"
            depth -= 1
        if scope:
            depth += 1
            yield from _indented(depth, _frame(number, scope))
        for node in nodes:
            yield from _indented(
                depth + 1, _box(node, ids[node], called[node], digits, has_gradients, is_output=node is order[-1])
            )
    while depth:
        yield "\t" * depth + "}"
        depth -= 1
    for node in order:
        for operand, (source, partial) in enumerate(zip_longest(node.inputs, node.partials)):
            yield "\t" + _edge(source, node, operand, partial, ids, called, digits)


def _frames(order: list[Value]) -> dict[tuple[str, ...], list[Value]]:
    """The nodes by scope. Each scope comes before those inside it, and neighbours in the order of their first nodes."""
    frames: dict[tuple[str, ...], list[Value]] = {(): []}
    for node in order:
        if node.scope not in frames:
            for depth in range(len(node.scope)):
                frames.setdefault(node.scope[: depth + 1], [])
        frames[node.scope].append(node)
    ancestry: dict[tuple[str, ...], tuple[int, ...]] = {(): ()}
    for position, scope in enumerate(frames):
        ancestry[scope] = (*ancestry[scope[:-1]], position)
    return {scope: frames[scope] for scope in sorted(frames, key=ancestry.__getitem__)}


def _indented(depth: int, lines: list[str]) -> Iterator[str]:
    return ("\t" * depth + line for line in lines)


def _frame(number: int, scope: tuple[str, ...]) -> list[str]:
    fill = ("#EEF1F4", "#F7F9FA")[len(scope) % 2]  # two shades in turn, so that a frame differs from the one around it
    return [
        f"subgraph cluster_{number} {{",
        f'\tgraph [label=<{_html(one_line(scope[-1]))}> tooltip="{_tooltip(" / ".join(scope))}" labeljust=l '
        f'fontsize=11 fontcolor="{GREY}" style="rounded,filled" fillcolor="{fill}" color="#B8C0C8"]',
    ]


def _box(node: Value, identity: str, name: str, digits: Digits, has_gradients: bool, is_output: bool) -> list[str]:
    """A node as a table: the operation in a column on the left; on the right, one below the other, name, data and gradient."""
    constant = isinstance(node, Constant)
    whole = str(node.label) if name.endswith("…") else name
    cells = []
    if label_of(node):
        cells.append(f'<TD COLSPAN="2"><B>{_html(name)}</B></TD>')
    elif not constant:
        cells.append(f'<TD COLSPAN="2"><FONT COLOR="{GREY}">{name}</FONT></TD>')
    data = digits.text(node.data)
    cells.append(_word_and_number("constant", data, GREY) if constant else _word_and_number("data", data, DATA))
    if has_gradients and not constant:
        cells.append(_word_and_number("grad", digits.text(node.grad), GRADIENT))
    if node.op is not None:
        symbol = f'<FONT POINT-SIZE="15">{_html(one_line(node.op.symbol or "closure", 16))}</FONT>'
        cells[0] = f'<TD ROWSPAN="{len(cells)}" BORDER="1" SIDES="R" CELLPADDING="8">{symbol}</TD>{cells[0]}'
    look = 'STYLE="ROUNDED,DASHED" BGCOLOR="#F0F0F0"' if constant else 'STYLE="ROUNDED" BGCOLOR="#FFFFFF"'
    return [
        f'{identity} [id="{identity}" tooltip="{_tooltip(" / ".join((*node.scope, whole)))}" label=<',
        f'\t<TABLE BORDER="{2 if is_output else 1}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3" COLOR="{GREY}" {look}>',
        *(f"\t<TR>{row}</TR>" for row in cells),
        "\t</TABLE>",
        ">]",
    ]


def _word_and_number(word: str, number: str, colour: str) -> str:
    font = f'<FONT COLOR="{colour}">'
    return f'<TD ALIGN="LEFT">{font}{word}</FONT></TD><TD ALIGN="RIGHT">{font}{_html(number)}</FONT></TD>'


def _edge(
    source: Value,
    node: Value,
    operand: int,
    partial: Any,
    ids: Mapping[Value, str],
    called: Mapping[Value, str],
    digits: Digits,
) -> str:
    """The edge from an operand to its node, with the local derivative; closures have none."""
    start, end = ids[source], ids[node]
    of = f"{called[node]} with respect to operand {operand + 1}, {called[source]}"
    if partial is None:
        texts = f'tooltip="{_tooltip(f"no local derivative of {of}: it is a closure")}"'
    else:
        number = digits.text(partial)
        which = operand_number(node.inputs, operand)
        texts = f'label=" ∂{TEXT.subscript(which) if which else ""} {_html(number)} " tooltip="{_tooltip(f"the local derivative of {of}: {number}")}"'
    weight = " weight=4" if source.op else ""  # so that results stand in a straight line, and leaves beside it
    return f'{start} -> {end} [id="e{end[1:]}-{operand}" {texts}{weight}]'


# --- texts --------------------------------------------------------------------------------------------------------------


def _html(text: str) -> str:
    """Any text for an HTML-like label. DOT reads single backslashes: it would replace \\N by the name of the node."""
    return html.escape(printable(text)).replace("\\", r"\\")


def _tooltip(text: str) -> str:
    """Any text for a tooltip, in which DOT reads backslashes twice."""
    return _html(text).replace("\\", r"\\")
