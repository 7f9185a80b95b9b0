r"""Five layouts of the same parameters: how textbooks write the weights of a network in arrays.

Layer l = 1 .. L of an ``MLP`` has :math:`d_l` neurons, weights :math:`W_l`, :math:`d_l \times d_{l-1}` (row i goes to neuron i,
column j comes from neuron j of the layer below), and the bias :math:`b_l`. ``LAYOUTS`` holds five ways to write them down:

    name          parameters                                                                    from
    transposed    [[W_1^T, b_1], ..., [W_L^T, b_L]]: row j of a matrix comes from neuron j      S0.4, S0.36
    bias_row      [W^0, ..., W^(L-1)]: W_l^T with b_l as row 0 on top, for data in rows         S1.2, S1.15-S1.17
    matrices      [[W_1, b_1], ..., [W_L, b_L]]: row i of a matrix goes to neuron i             S2.1
    units         [w_1, w_2, ...]: for each neuron (b, its row of W), numbered layer by layer   S3.1, S3.2
    theta         [W_1, ..., W_L, b_1, ..., b_L]                                                S4.10; gradients S4.11-S4.13

In ``bias_row`` a bias is the weight from unit 0 of the layer below, whose value is always 1. So a hidden layer has one neuron
more, the constant 1, and the matrix that leads to it a column 0 that nothing reads: a dummy, always 0, and so is its gradient.

A layer without bias: ``transposed``, ``matrices`` and ``theta`` have None in the place of :math:`b_l`; ``units`` has the row of
W alone; ``bias_row`` has no row for it, and the layer below has no constant unit, hence no dummies (S1.i1 has the bias in the
first layer only).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from autograd import Constant, Value
from autograd.rules.numbers import Number, number
from nn.layers import MLP, Layer

Nested: TypeAlias = list[Any]  # lists of lists of ..., in the end Values or numbers, or None for no bias


def export_parameters(model: MLP, layout: str) -> Nested:
    """The numbers of all parameters, as nested lists in a layout: those very numbers, Fractions too.

    Args:
        model: the network.
        layout: a name from ``LAYOUTS``.

    Raises:
        TypeError: if the model is not an ``MLP``.
        ValueError: if there is no such layout.

    >>> model = MLP(2, [1])
    >>> import_parameters(model, [[0.25, 0.5, -1.0]], "units")
    >>> export_parameters(model, "theta")
    [[[0.5, -1.0]], [0.25]]
    >>> export_parameters(model, "bias_row")
    [[[0.25], [0.5], [-1.0]]]
    """
    return each(arrange(model, layout), lambda value: value.data)  # type: ignore[no-any-return]


def export_gradients(model: MLP, layout: str) -> Nested:
    """The gradients of all parameters, in the order and the shapes of ``export_parameters`` (S4.11-S4.13).

    Raises:
        TypeError, ValueError: as ``export_parameters``.

    >>> model = MLP(2, [1], seed=0)
    >>> model([3.0, 5.0]).backward()
    >>> export_gradients(model, "theta")
    [[[3.0, 5.0]], [1.0]]
    """
    return each(arrange(model, layout), lambda value: value.grad)  # type: ignore[no-any-return]


def import_parameters(model: MLP, parameters: Any, layout: str) -> None:
    """Give all parameters new numbers, from nested lists or arrays in a layout; a number is kept as it is given.

    Args:
        model: the network. Its gradients are left alone; ``zero_grad()`` makes them the zero of the new numbers' kind.
        parameters: lists, tuples or NumPy arrays, nested as ``export_parameters`` would give them.
        layout: a name from ``LAYOUTS``.

    Raises:
        TypeError: if the model is not an ``MLP``, or an entry is not a number.
        ValueError: if there is no such layout, a shape is wrong, a dummy of ``bias_row`` is not 0, or a parameter that stands
            in two places is given two numbers.

    If anything is wrong, nothing is changed.

    >>> model = MLP(2, [1])
    >>> import_parameters(model, [[[0.5], [-1.0]], None], "theta")
    Traceback (most recent call last):
        ...
    ValueError: layout 'theta': parameters[0] needs the shape (1, 2), but has the shape (2, 1)
    """
    new: dict[Value, Number] = {}
    for where, value, given in _pairs(f"layout {layout!r}: parameters", arrange(model, layout), _as_lists(parameters)):
        try:
            data = number(given)
        except TypeError as error:
            raise TypeError(f"{where} is not a number: {error}") from None
        if isinstance(value, Constant) and data != 0:
            raise ValueError(f"{where} is a dummy that nothing reads, and must be 0, but is {data}")
        if value in new and data != new[value]:
            raise ValueError(f"{where} stands in another place too, with the number {new[value]}, but here is {data}")
        new[value] = data
    for value, data in new.items():
        value.data = data


def arrange(model: MLP, layout: str) -> Nested:
    """The parameters themselves, the ``Value`` objects, as nested lists in a layout; dummies are constants.

    Raises:
        TypeError: if the model is not an ``MLP``.
        ValueError: if there is no such layout.

    >>> model = MLP(3, [2, 1])
    >>> w1, w2, b1, b2 = arrange(model, "theta")
    >>> w1[1][2].label, b2[0].label
    ('w1[2,3]', 'b2[1]')
    """
    if not isinstance(model, MLP):
        raise TypeError(f"a layout is of the parameters of an MLP, but got {model!r} of type {type(model).__name__}")
    if layout not in LAYOUTS:
        raise ValueError(f"no layout is called {layout!r}; there are {', '.join(LAYOUTS)}")
    return LAYOUTS[layout](model.layers)


# --- the layouts ----------------------------------------------------------------------------------------------------


def _weights(layer: Layer) -> Nested:
    return [neuron.w for neuron in layer.neurons]


def _bias(layer: Layer) -> Nested | None:
    bias = [neuron.b for neuron in layer.neurons]
    return None if all(b is None for b in bias) else bias


def _transpose(rows: Nested) -> Nested:
    return [list(column) for column in zip(*rows, strict=True)]


def _bias_row(layers: list[Layer]) -> Nested:
    matrices = []
    for layer, above in zip(layers, [*layers[1:], None], strict=True):
        rows, bias = _transpose(_weights(layer)), _bias(layer)
        if bias is not None:
            rows.insert(0, bias)
        if above is not None and _bias(above) is not None:
            rows = [[Constant(type(row[0].data)()), *row] for row in rows]
        matrices.append(rows)
    return matrices


def _units(layers: list[Layer]) -> Nested:
    neurons = [neuron for layer in layers for neuron in layer.neurons]
    return [neuron.w if neuron.b is None else [neuron.b, *neuron.w] for neuron in neurons]


LAYOUTS: dict[str, Callable[[list[Layer]], Nested]] = {
    "transposed": lambda layers: [[_transpose(_weights(layer)), _bias(layer)] for layer in layers],
    "bias_row": _bias_row,
    "matrices": lambda layers: [[_weights(layer), _bias(layer)] for layer in layers],
    "units": _units,
    "theta": lambda layers: [*map(_weights, layers), *map(_bias, layers)],
}
"""The layouts by name: each arranges the parameters of the layers in nested lists."""


# --- nested lists ---------------------------------------------------------------------------------------------------


def each(nested: Any, read: Callable[[Any], Any]) -> Any:
    """The same nested lists, of what is read from each entry; None, where there is no bias, stays None."""
    if isinstance(nested, list):
        return [each(part, read) for part in nested]
    return None if nested is None else read(nested)


def _as_lists(given: Any) -> Any:
    if hasattr(given, "tolist"):  # an array of NumPy, say
        return given.tolist()
    return [_as_lists(part) for part in given] if isinstance(given, list | tuple) else given


def _pairs(where: str, ours: Any, given: Any) -> Iterator[tuple[str, Value, Any]]:
    """Each parameter with what is given for it, and the place."""
    need, has = _shape(ours), _shape(given)
    if need != has and not (isinstance(need, list) and isinstance(given, list) and len(given) == len(need)):
        raise ValueError(f"{where} needs {_said(need)}, but has {_said(has)}")
    if isinstance(ours, list):
        for k, (part, given_part) in enumerate(zip(ours, given, strict=True)):
            yield from _pairs(f"{where}[{k}]", part, given_part)
    elif ours is not None:
        yield where, ours, given


def _shape(nested: Any) -> Any:
    """As NumPy's, a tuple; where parts differ, the list of their shapes; of no bias None."""
    if not isinstance(nested, list):
        return None if nested is None else ()
    shapes = [_shape(part) for part in nested]
    if shapes and isinstance(shapes[0], tuple) and all(shape == shapes[0] for shape in shapes):
        return (len(shapes), *shapes[0])
    return shapes or (0,)


def _said(shape: Any) -> str:
    if shape is None:
        return "None (no bias)"
    return f"the shape {shape}" if isinstance(shape, tuple) else f"parts of the shapes {shape}"
