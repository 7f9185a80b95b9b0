r"""Five layouts: how five textbooks write the parameters of the same network in arrays.

Layer l = 1 .. L of an ``MLP`` has :math:`d_l` neurons, weights :math:`W_l`, :math:`d_l \times d_{l-1}` (row i goes to neuron i,
column j comes from neuron j of the layer below), and the bias :math:`b_l`. ``LAYOUTS`` has five ways to write them down:

    name          parameters                                                                    from
    transposed    [[W_1^T, b_1], ..., [W_L^T, b_L]]: row j of a matrix comes from neuron j      S0.4, S0.36
    bias_row      [W^0, ..., W^(L-1)]: W_l^T with b_l as row 0 on top, for data in rows         S1.2, S1.15-S1.17
    matrices      [[W_1, b_1], ..., [W_L, b_L]]: row i of a matrix goes to neuron i             S2.1
    units         [w_1, w_2, ...]: for each neuron (b, its row of W), numbered layer by layer   S3.1, S3.2
    theta         [W_1, ..., W_L, b_1, ..., b_L]                                                S4.10; gradients S4.11-S4.13

In ``bias_row`` a bias is the weight from unit 0 of the layer below, whose value is always 1. So a hidden layer has one more unit,
the constant 1, and the matrix that leads to this layer has one more column, column 0, which nothing reads. Its entries are
dummies: they and their gradients are always 0.

For a layer without bias, ``transposed``, ``matrices`` and ``theta`` have None in the place of :math:`b_l`; ``units`` has the row of
W alone; ``bias_row`` has no row 0, and the layer below has no constant unit, hence no dummies (S1.i1 has the bias in the first
layer only).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from autograd import Constant, Value
from autograd.rules.numbers import Number, number
from autograd.text import described
from nn.layers import MLP, Layer

Nested: TypeAlias = list[Any]  # lists of lists of ... of Values or numbers, with None for no bias


def export_parameters(model: MLP, layout: str) -> Nested:
    """The numbers of all parameters as nested lists in a layout; none is converted, so Fractions stay Fractions.

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
    return map_nested(lambda parameter: parameter.data, parameters_in_layout(model, layout))  # type: ignore[no-any-return]


def export_gradients(model: MLP, layout: str) -> Nested:
    """The gradients of all parameters as nested lists in a layout, shaped like ``export_parameters`` (S4.11-S4.13).

    Raises:
        TypeError, ValueError: as ``export_parameters``.

    >>> model = MLP(2, [1], seed=0)
    >>> model([3.0, 5.0]).backward()
    >>> export_gradients(model, "theta")
    [[[3.0, 5.0]], [1.0]]
    """
    return map_nested(lambda parameter: parameter.grad, parameters_in_layout(model, layout))  # type: ignore[no-any-return]


def import_parameters(model: MLP, parameters: Any, layout: str) -> None:
    """Give all parameters new numbers, from nested lists or arrays in a layout; none is converted.

    Args:
        model: the network. Its gradients do not change; ``zero_grad()`` sets them to the zero of the new numbers' type.
        parameters: lists, tuples or NumPy arrays, nested like what ``export_parameters`` returns.
        layout: a name from ``LAYOUTS``.

    Raises:
        TypeError: if the model is not an ``MLP``, or an entry is not a number.
        ValueError: if there is no such layout, a shape is wrong, a dummy of ``bias_row`` is not 0, or there are two numbers for a
            parameter that stands in two places.

    After an error all parameters have their old numbers.

    >>> model = MLP(2, [1])
    >>> import_parameters(model, [[[0.5], [-1.0]], None], "theta")
    Traceback (most recent call last):
        ...
    ValueError: layout 'theta': parameters[0] needs the shape (1, 2), but has the shape (2, 1)
    """
    new: dict[Value, Number] = {}
    arranged = parameters_in_layout(model, layout)
    for where, parameter, entry in _pairs(f"layout {layout!r}: parameters", arranged, _as_lists(parameters)):
        try:
            data = number(entry)
        except TypeError as error:
            raise TypeError(f"{where} is not a number: {error}") from None
        if isinstance(parameter, Constant) and data != 0:
            raise ValueError(f"{where} is a dummy that nothing reads, and must be 0, but is {data}")
        if parameter in new and data != new[parameter]:
            raise ValueError(f"{where} stands in another place too, with the number {new[parameter]}, but here is {data}")
        new[parameter] = data
    for parameter, data in new.items():
        parameter.data = data


def parameters_in_layout(model: MLP, layout: str) -> Nested:
    """The parameters themselves, as nested lists of ``Value`` objects in a layout; dummies are constants.

    Raises:
        TypeError: if the model is not an ``MLP``.
        ValueError: if there is no such layout.

    >>> model = MLP(3, [2, 1])
    >>> w1, w2, b1, b2 = parameters_in_layout(model, "theta")
    >>> w1[1][2].label, b2[0].label
    ('w1[2,3]', 'b2[1]')
    """
    if not isinstance(model, MLP):
        raise TypeError(f"a layout is of the parameters of an MLP, but got {described(model)}")
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
"""The layouts by name, as functions from the layers to nested lists of their parameters."""


# --- nested lists ---------------------------------------------------------------------------------------------------


def map_nested(function: Callable[[Any], Any], nested: Any) -> Any:
    """The nested lists with the function applied to every entry; None, where there is no bias, stays None."""
    if isinstance(nested, list):
        return [map_nested(function, part) for part in nested]
    return None if nested is None else function(nested)


def _as_lists(nested: Any) -> Any:
    if hasattr(nested, "tolist"):  # an array of NumPy, say
        return nested.tolist()
    return [_as_lists(part) for part in nested] if isinstance(nested, list | tuple) else nested


def _pairs(where: str, parameters: Any, entries: Any) -> Iterator[tuple[str, Value, Any]]:
    """Each parameter with the entry in its place, and the words for the place."""
    need, has = _shape(parameters), _shape(entries)
    if need != has and not (isinstance(need, list) and isinstance(entries, list) and len(entries) == len(need)):
        raise ValueError(f"{where} needs {_in_words(need)}, but has {_in_words(has)}")
    if isinstance(parameters, list):
        for k, (inner_parameters, inner_entries) in enumerate(zip(parameters, entries, strict=True)):
            yield from _pairs(f"{where}[{k}]", inner_parameters, inner_entries)
    elif parameters is not None:
        yield where, parameters, entries


def _shape(nested: Any) -> Any:
    """The shape as a tuple, as NumPy has it; where parts differ, the list of their shapes; for no bias, None."""
    if not isinstance(nested, list):
        return None if nested is None else ()
    shapes = [_shape(part) for part in nested]
    if shapes and isinstance(shapes[0], tuple) and all(shape == shapes[0] for shape in shapes):
        return (len(shapes), *shapes[0])
    return shapes or (0,)


def _in_words(shape: Any) -> str:
    if shape is None:
        return "None (no bias)"
    return f"the shape {shape}" if isinstance(shape, tuple) else f"parts of the shapes {shape}"
