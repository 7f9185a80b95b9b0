"""Derivatives of any nodes with respect to any others; no ``.grad`` is read or written.

All are parts or products of the Jacobian J of the outputs with respect to the inputs, and each computes no more of it than it
needs:

    vjp        v J       one pass from the outputs back (reverse mode); grad is its case of one output
    jvp        J t       one pass from the inputs forward (forward mode)
    jacobian   J         a reverse pass for each output
    hessian    J of the gradient
    hvp        J t of the gradient: a reverse pass, then a forward one

All take lists and return lists. The derivative with respect to an input that the output does not depend on is exactly 0: so it is
where the only paths between them are cut (``rules/cut.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from autograd.graph import topological_order
from autograd.recording import NUMBERS, number_of, recorded
from autograd.rules.cut import CUT
from autograd.rules.numbers import Number, number
from autograd.text import described
from autograd.value import Value, as_value


def grad(output: Value, inputs: Sequence[Value] | None = None, create_graph: bool = False) -> list[Any]:
    r"""The derivatives :math:`\partial\,output/\partial\,v` for each v of ``inputs``, from one backward pass.

    The inputs may be any nodes, not leaves alone. The derivative with respect to an input that the output does not depend on is
    exactly 0. No node's ``grad`` is read or written, so threads may ask one graph at the same time.

    Args:
        output: the value to differentiate.
        inputs: the list of values to differentiate it with respect to.
        create_graph: return ``Value`` objects instead of numbers: the derivatives are then recorded as graphs of their own, and
            can be differentiated again.

    Returns:
        A list as long as ``inputs``.

    Raises:
        TypeError: if the output is no Value, or the inputs are no list of Values. (The gradient of a function is ``gradient(f)``.)
        ClosureError: if an operation between them is a closure, which has no local derivatives.

    Source: Griewank & Walther (2008), section 3.2, and 5.1 for derivatives of derivatives.

    >>> x = Value(2.0)
    >>> y = x**3
    >>> grad(y, [x])
    [12.0]
    >>> [dy] = grad(y, [x], create_graph=True)
    >>> [d2y] = grad(dy, [x], create_graph=True)
    >>> grad(d2y, [x])                              # the third derivative of x**3
    [6.0]
    """
    return _jacobian([_value("grad", output)], _values("grad", "inputs", inputs), create_graph)[0]


def vjp(outputs: Sequence[Value], inputs: Sequence[Value], v: Sequence[Any], create_graph: bool = False) -> list[Any]:
    r"""The vector-Jacobian product :math:`\bar x_j = \sum_i v_i\,\partial y_i/\partial x_j`, from one reverse pass.

    It is the gradient of :math:`\sum_i v_i y_i`: what a layer passes back when it has received the gradient v.

    Args:
        outputs: the values :math:`y_i`.
        inputs: the values :math:`x_j`.
        v: a weight for each output: numbers, or with ``create_graph`` Values too.
        create_graph: as in ``grad``.

    Returns:
        A list as long as ``inputs``.

    Raises:
        TypeError, ValueError: if an argument is not such a list, or v is not as long as ``outputs``.
        ClosureError: as in ``grad``.

    Source: Griewank & Walther (2008), section 3.2; S0.26, S4.89.

    >>> x, y = Value(2.0), Value(3.0)
    >>> vjp([x * y, x + y], [x, y], [1.0, 10.0])    # 1 (y, x) + 10 (1, 1)
    [13.0, 12.0]
    """
    outputs, inputs = _values("vjp", "outputs", outputs), _values("vjp", "inputs", inputs)
    seeds = _weights("vjp", "output", outputs, v, create_graph)
    order = topological_order(*outputs)
    return _reverse(order, outputs, seeds, inputs, _between(order, inputs), _zero(outputs), create_graph)


def jvp(outputs: Sequence[Value], inputs: Sequence[Value], t: Sequence[Any], create_graph: bool = False) -> list[Any]:
    r"""The Jacobian-vector product :math:`\dot y_i = \sum_j \partial y_i/\partial x_j\;t_j`, from one forward pass.

    This is forward mode: the *tangent* of a node is the sum of its local derivatives times the tangents of its inputs. The
    product is the rate at which the outputs change when the inputs move in the direction t.

    Args:
        outputs: the values :math:`y_i`.
        inputs: the values :math:`x_j`.
        t: the tangent of each input: numbers, or with ``create_graph`` Values too.
        create_graph: as in ``grad``.

    Returns:
        A list as long as ``outputs``.

    Raises:
        TypeError, ValueError: if an argument is not such a list, or t is not as long as ``inputs``.
        ClosureError: as in ``grad``.

    Source: Wengert (1964); Griewank & Walther (2008), section 3.1.

    >>> x, y = Value(2.0), Value(3.0)
    >>> jvp([x * y, x + y], [x, y], [1.0, 0.0])     # the first column of the Jacobian
    [3.0, 1.0]
    """
    outputs, inputs = _values("jvp", "outputs", outputs), _values("jvp", "inputs", inputs)
    seeds = _weights("jvp", "input", inputs, t, create_graph)
    return _forward(outputs, inputs, seeds, _zero(outputs), create_graph)


def jacobian(outputs: Sequence[Value], inputs: Sequence[Value], create_graph: bool = False) -> list[list[Any]]:
    r"""The Jacobian :math:`J_{ij} = \partial y_i/\partial x_j`: row i is the gradient of output i.

    Args:
        outputs: the values :math:`y_i`.
        inputs: the values :math:`x_j`.
        create_graph: as in ``grad``.

    Returns:
        A list of rows, one for each output, each as long as ``inputs``.

    Raises:
        TypeError, ClosureError: as in ``grad``.

    Source: S0.15-S0.25, S4.26.

    >>> x, y = Value(2.0), Value(3.0)
    >>> jacobian([x * y, x + y, 5 * y], [x, y])
    [[3.0, 2.0], [1.0, 1.0], [0.0, 5.0]]
    """
    return _jacobian(_values("jacobian", "outputs", outputs), _values("jacobian", "inputs", inputs), create_graph)


def hessian(output: Value, inputs: Sequence[Value], create_graph: bool = False) -> list[list[Any]]:
    r"""The Hessian :math:`H_{ij} = \partial^2 output/\partial x_i\,\partial x_j`: the Jacobian of the gradient.

    Args:
        output: the value to differentiate.
        inputs: the values :math:`x_j`.
        create_graph: as in ``grad``.

    Returns:
        A list of rows, as many and as long as there are inputs.

    Raises:
        TypeError, ClosureError: as in ``grad``.

    Source: Griewank & Walther (2008), section 5.1.

    >>> x, y = Value(2.0), Value(3.0)
    >>> hessian(x * x * y, [x, y])                  # [[2y, 2x], [2x, 0]]
    [[6.0, 4.0], [4.0, 0.0]]
    """
    output, inputs = _value("hessian", output), _values("hessian", "inputs", inputs)
    [gradient] = _jacobian([output], inputs, create_graph=True)
    return _jacobian(gradient, inputs, create_graph, _zero([output]))


def hvp(output: Value, inputs: Sequence[Value], v: Sequence[Any], create_graph: bool = False) -> list[Any]:
    r"""The Hessian-vector product :math:`\sum_j \partial^2 output/\partial x_i\,\partial x_j\;v_j`, without the Hessian.

    It takes one forward pass over the graph of the gradient, and so costs as much as a few gradients, however many inputs there
    are.

    Args:
        output: the value to differentiate.
        inputs: the values :math:`x_j`.
        v: a number for each input, or with ``create_graph`` a Value.
        create_graph: as in ``grad``.

    Returns:
        A list as long as ``inputs``.

    Raises:
        TypeError, ValueError, ClosureError: as in ``jvp``.

    Source: Pearlmutter, *Fast exact multiplication by the Hessian* (1994).

    >>> x, y = Value(2.0), Value(3.0)
    >>> hvp(x * x * y, [x, y], [1.0, 10.0])         # [2y + 20x, 2x]
    [46.0, 4.0]
    """
    output, inputs = _value("hvp", output), _values("hvp", "inputs", inputs)
    seeds = _weights("hvp", "input", inputs, v, create_graph)
    [gradient] = _jacobian([output], inputs, create_graph=True)
    return _forward(gradient, inputs, seeds, _zero([output]), create_graph)


# --- the two modes --------------------------------------------------------------------------------------------------


def _reverse(
    order: list[Value],
    outputs: list[Value],
    seeds: list[Any],
    inputs: list[Value],
    between: set[Value],
    zero: Number,
    create_graph: bool,
) -> list[Any]:
    """The adjoints of the inputs: the nodes, the last first, pass theirs on to their inputs."""
    partial, times, plus = recorded() if create_graph else NUMBERS
    start = CUT if create_graph else zero  # of each sum; adding to CUT records nothing
    adjoints: dict[Value, Any] = {}  # only of nodes that have received something: elsewhere 0 * inf would give nan
    for output, seed in zip(outputs, seeds, strict=True):
        adjoints[output] = plus(adjoints.get(output, start), seed)
    for node in reversed(order):
        if node in adjoints:
            for index, source in enumerate(node.inputs):
                if source in between and (slope := partial(node, index)) is not CUT:
                    adjoints[source] = plus(adjoints.get(source, start), times(slope, adjoints[node]))
    return _in_the_form_asked_for([adjoints.get(source, zero) for source in inputs], zero, create_graph)


def _forward(outputs: list[Value], inputs: list[Value], seeds: list[Any], zero: Number, create_graph: bool) -> list[Any]:
    """The tangents of the outputs: the nodes, the first first, take theirs from their inputs."""
    partial, times, plus = recorded() if create_graph else NUMBERS
    start = CUT if create_graph else zero  # of each sum; adding to CUT records nothing
    tangents: dict[Value, Any] = {}
    for source, seed in zip(inputs, seeds, strict=True):
        tangents[source] = plus(tangents.get(source, start), seed)
    for node in topological_order(*outputs):
        for index, source in enumerate(node.inputs):
            if source in tangents and (slope := partial(node, index)) is not CUT:
                tangents[node] = plus(tangents.get(node, start), times(slope, tangents[source]))
    return _in_the_form_asked_for([tangents.get(output, zero) for output in outputs], zero, create_graph)


def _jacobian(outputs: list[Value], inputs: list[Value], create_graph: bool, zero: Number | None = None) -> list[list[Any]]:
    order = topological_order(*outputs)
    between = _between(order, inputs)
    zeros = [_zero([output]) if zero is None else zero for output in outputs]
    return [
        _reverse(order, [output], [zero + 1], inputs, between, zero, create_graph)
        for output, zero in zip(outputs, zeros, strict=True)
    ]


def _between(order: list[Value], inputs: list[Value]) -> set[Value]:
    """The nodes on paths from the inputs to the outputs: no others contribute to a derivative."""
    between = set(inputs).intersection(order)
    for node in order:
        if any(source in between for source in node.inputs):
            between.add(node)
    return between


def _zero(outputs: list[Value]) -> Number:
    """The zero of the outputs' kind of number: for Fractions a Fraction."""
    zero: Number = sum(type(output.data)() for output in outputs)
    return zero


def _in_the_form_asked_for(derivatives: list[Any], zero: Number, create_graph: bool) -> list[Any]:
    """Numbers; or with ``create_graph`` Values, those without a graph as constants of the outputs' kind of number."""
    if not create_graph:
        return derivatives
    results = map(number_of, derivatives)
    return [derivative if isinstance(derivative, Value) else as_value(zero + derivative) for derivative in results]


# --- arguments ------------------------------------------------------------------------------------------------------


_OF_FUNCTIONS = {
    "grad": "derivatives of a function f are derivative(f), gradient(f) and value_and_grad(f)",
    "jacobian": "the Jacobian of a function f is jacobian_of(f)",
    "hessian": "the Hessian of a function f is jacobian_of(gradient(f))",
}


def _refuse_function(who: str, f: Any) -> None:
    if callable(f):
        instead = _OF_FUNCTIONS.get(who, "call the function on Values, and give it the result")
        raise TypeError(f"{who} takes Values, but got {described(f)}; {instead}")


def _value(who: str, output: Value) -> Value:
    _refuse_function(who, output)
    if not isinstance(output, Value):
        hint = "; for a list of outputs there is jacobian" if hasattr(output, "__iter__") else ""
        raise TypeError(f"{who} differentiates a Value, but the output is {described(output)}{hint}")
    return output


def _values(who: str, what: str, nodes: Iterable[Value] | None) -> list[Value]:
    _refuse_function(who, nodes)
    if nodes is None or not hasattr(nodes, "__iter__"):
        raise TypeError(
            f"{who} takes a list of {what} and gives a list of derivatives: write [x], not x; but the {what} are {nodes!r}"
        )
    nodes = list(nodes)
    for node in nodes:
        if not isinstance(node, Value):
            raise TypeError(f"{who} takes Values, but one of the {what} is {described(node)}")
    return nodes


def _weights(who: str, what: str, nodes: list[Value], weights: Iterable[Any], create_graph: bool) -> list[Any]:
    if not hasattr(weights, "__iter__"):
        raise TypeError(f"{who} takes a list with one number for each {what}, but got {described(weights)}")
    weights = list(weights)
    if len(weights) != len(nodes):
        raise ValueError(f"{who} needs one number for each {what}, but got {len(weights)} for {len(nodes)} {what}s")
    if not create_graph and any(isinstance(weight, Value) for weight in weights):
        raise TypeError(f"{who} got Values where it takes numbers: pass create_graph=True to record the result, or their .data")
    numbers = [weight if isinstance(weight, Value) else number(weight) for weight in weights]
    if not create_graph:
        return numbers
    return [as_value(weight) for weight in numbers]  # as Values, their 0 and 1 are recorded like any number of the user's
