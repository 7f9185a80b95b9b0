"""Where paths are cut, in words."""

from __future__ import annotations

from autograd.explaining.named_graph import MAX_FORMULA_CHARS, NamedGraph
from autograd.explaining.paths import PathCount
from autograd.explaining.statements import Phrase, phrase
from autograd.rules.formula_tree import Numeral
from autograd.rules.notation import TEXT
from autograd.rules.op import Op
from autograd.text import LISTED_MOST
from autograd.value import Value


def ends_in_words(graph: NamedGraph, count: PathCount) -> Phrase:
    """Return a sentence that says how many paths end, and at which operations.

    >>> from autograd.explaining.paths import count_paths
    >>> from autograd.explaining.line_breaks import written
    >>> from autograd.rules.notation import TEXT
    >>> x = Value(-2.0, "x")
    >>> y = 3 * x.relu() + x.detach() * x
    >>> print(written(TEXT, ends_in_words(NamedGraph(y, [x]), count_paths(y, x))))
    2 paths end where nothing is passed on: 1 at v3 = detach(x), 1 at v1 = relu(x), a dead relu.
    """
    at: dict[Value, int] = {}
    for end in count.ends:
        at[end.node] = at.get(end.node, 0) + end.num_paths
    if len(at) == 1:
        [node] = at
        paths_end = "path ends" if count.cut == 1 else "paths end"
        words = f"{{}} {paths_end} at {{}}, which passes nothing on{{}}."
        return phrase(words, Numeral(count.cut), _operation(graph, node), _to_whom(graph, node))
    shown = [phrase("{} at {}", Numeral(at[node]), _operation(graph, node)) for node in [*at][:LISTED_MOST]]
    rest = [*at.values()][LISTED_MOST:]
    more = [phrase(f"{{}} at {len(rest)} more", Numeral(sum(rest)))] if rest else []
    listed = phrase(", ".join(["{}"] * len(shown + more)), *shown, *more)
    return phrase("{} paths end where nothing is passed on: {}.", Numeral(count.cut), listed)


def _operation(graph: NamedGraph, node: Value) -> Phrase:
    dead = isinstance(node.op, Op) and node.op.is_rectifier and not graph.folded.is_folded(node)
    written = graph.written(node)
    if TEXT.width(TEXT.write(written)) > MAX_FORMULA_CHARS:
        written = graph.written_by_names(node)
    return phrase("{} = {}" + ", a dead relu" * dead, graph.name(node), written)


def _to_whom(graph: NamedGraph, node: Value) -> Phrase:
    """To which of two operands nothing is passed on."""
    if not isinstance(node.op, Op) or node.op.arity == 1 or graph.folded.is_folded(node):
        return []
    ended = [graph.read(source) for slot, source in enumerate(node.inputs) if graph.folded.cuts_here(node, slot)]
    return phrase(" to {} at these numbers", *ended) if len(ended) == 1 else []
