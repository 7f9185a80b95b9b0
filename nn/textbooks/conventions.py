r"""Five notations of backpropagation: what each calls the backward quantity, and by which factor it differs from the others.

All five pass back the derivative of a loss with respect to the pre-activations. They differ in the loss's constant, in a sign,
in whether the loss is the mean over the examples, and in the layout of the parameters (``nn.LAYOUTS``). ``NOTATIONS`` says how.

Their factors are relative to one loss, :math:`C = \sum_n \tfrac12\lVert\hat y_n - y_n\rVert^2` over N examples, and to its backward
quantity :math:`\delta = \partial C/\partial z`. A notation whose gradient is k times the gradient of C makes the same training
steps as C if its learning rate is eta / k. For softmax with cross-entropy the losses have no factors of their own; what remains is
the mean, 1/N, and the sign. ``compare_notations`` checks all this on a network of yours, and prints it as a table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from autograd import Value, grad, total
from autograd.rules.numbers import Number, number
from autograd.text import described, short_repr
from nn.layers import MLP
from nn.losses import LOSSES, Outputs, Target, mean
from nn.textbooks.layouts import Nested, map_nested, parameters_in_layout
from nn.whole_numbers import is_whole

Quantity: TypeAlias = list[list[list[Any]]]  # [l][n][i]: a number for layer l, example n, neuron i

RELATIVE_TOLERANCE = 1e-12  # of the largest entry: a backward pass of some hundred operations keeps more digits than that
HALF = "half_sum_of_squares"
REFERENCE_LOSSES = (HALF, "cross_entropy", "cross_entropy_logits")  # what C can be
MULTIPLES_OF_HALF = {"sum_of_squares": 2, HALF: 1}


@dataclass(frozen=True)
class Notation:
    r"""One of the five notations.

    Attributes:
        name: the key in ``NOTATIONS``.
        note: the number of the lecture note.
        layout: how it writes the parameters, a name from ``LAYOUTS``.
        pre_activation, activation: its letters for them.
        quantity: what it passes back, in its letters.
        sign: the sign of that quantity, relative to the derivative of its loss with respect to the pre-activation.
        squares: its squared error of one example, a name from ``LOSSES``.
        batch: whether a training step uses all examples together, and not one.
        average: whether the loss of a batch is the mean over the examples, and not the sum.

    >>> NOTATIONS["sensitivities"].quantity, NOTATIONS["sensitivities"].layout
    ('s = ∂J/∂n', 'transposed')
    """

    name: str
    note: int
    layout: str
    pre_activation: str
    activation: str
    quantity: str
    sign: int
    squares: str
    batch: bool
    average: bool

    def scale(self, samples: int, loss: str = HALF) -> Fraction:
        """The gradient of this notation's loss relative to the gradient of C, as an exact Fraction.

        Args:
            samples: N, the number of examples in the batch; without influence where a training step uses one example.
            loss: C for one example: ``"half_sum_of_squares"``, ``"cross_entropy"`` or ``"cross_entropy_logits"``.

        Raises:
            TypeError, ValueError: if N is not a whole number of at least 1, or the loss is another one.

        >>> [str(notation.scale(6)) for notation in NOTATIONS.values()]
        ['2', '1', '1', '1', '1/3']
        """
        _require_reference(loss)
        _require_count(samples)
        return Fraction(MULTIPLES_OF_HALF[self.squares] if loss == HALF else 1, int(samples) if self.average else 1)

    def factor(self, samples: int, loss: str = HALF) -> Fraction:
        r"""The backward quantity relative to :math:`\delta = \partial C/\partial z`: the scale times the sign.

        Raises:
            TypeError, ValueError: as ``scale``.

        >>> [str(notation.factor(6)) for notation in NOTATIONS.values()]
        ['2', '1', '1', '-1', '1/3']
        """
        return self.sign * self.scale(samples, loss)

    def rate(self, eta: Number, samples: int, loss: str = HALF) -> Any:
        """The learning rate that makes the same training steps as the rate eta on C.

        Raises:
            TypeError, ValueError: as ``scale``, or if eta is not a number.

        >>> [str(notation.rate(Fraction(1, 10), 6)) for notation in NOTATIONS.values()]
        ['1/20', '1/10', '1/10', '1/10', '3/10']
        """
        return number(eta) / self.scale(samples, loss)

    def constant(self, samples: int, loss: str = HALF) -> Fraction:
        """The constant before the sum in the loss: the sum of all (y - a)^2, or for cross-entropy of all -y ln a.

        Raises:
            TypeError, ValueError: as ``scale``.

        >>> [str(notation.constant(6)) for notation in NOTATIONS.values()]
        ['1', '1/2', '1/2', '1/2', '1/6']
        """
        return self.scale(samples, loss) / (2 if loss == HALF else 1)

    def objective(self, outputs: Sequence[Outputs], targets: Sequence[Target], loss: str = HALF) -> Value:
        """The loss of this notation, with its constant, summed or averaged over examples.

        A notation whose training step uses one example has a sum over several: they share only the parameters, so the backward
        quantity of each is what it would be alone.

        Args:
            outputs: the outputs of the network for each example.
            targets: a target for each example, as the losses take it.
            loss: C for one example; in place of ``"half_sum_of_squares"`` each notation has its own multiple of it.

        Raises:
            ValueError: if there are no examples, or not one target for each.

        >>> outputs, targets = [[Value(1.0)], [Value(3.0)]], [[0.0], [0.0]]
        >>> [notation.objective(outputs, targets).data for notation in NOTATIONS.values()]
        [10.0, 5.0, 5.0, 5.0, 5.0]
        """
        if not len(outputs) == len(targets) >= 1:
            raise ValueError(
                f"a loss over examples needs one target for each, but got {len(outputs)} outputs and {len(targets)} targets"
            )
        _require_reference(loss)
        loss_of_one = LOSSES[self.squares if loss == HALF else loss]
        losses = [loss_of_one(a, y) for a, y in zip(outputs, targets, strict=True)]
        return mean(losses) if self.average else total(losses)

    def backward_quantity(self, model: MLP, xs: Sequence[Any], ys: Sequence[Target], loss: str = HALF) -> Quantity:
        """What this notation passes back: the derivatives of its own loss with respect to all pre-activations, times its sign.

        Args:
            model: the network; its ``grad`` attributes do not change.
            xs, ys: inputs and targets, one for each example.
            loss: as in ``objective``.

        Returns:
            Numbers: ``[l][n][i]`` belongs to layer l, example n, neuron i, all from 0. So each layer has a matrix with examples as
            rows.

        Raises:
            TypeError, ValueError: if the model is no ``MLP``, or the examples do not fit it or the loss.

        >>> model = MLP(1, [1], init=lambda rng, nin, nout: 0.5)
        >>> [NOTATIONS[name].backward_quantity(model, [[2.0]], [[0.0]]) for name in ("sensitivities", "delta_rule")]
        [[[[2.0]]], [[[-1.0]]]]
        """
        pre_activations, outputs = _forward(model, xs)
        derivatives = _derivatives(self.objective(outputs, ys, loss), pre_activations)
        return _times(self.sign, derivatives)

    def gradients(self, model: MLP, xs: Sequence[Any], ys: Sequence[Target], loss: str = HALF) -> Nested:
        """The gradient of this notation's loss with respect to all parameters, in its own layout.

        Args:
            model, xs, ys, loss: as for ``backward_quantity``. Give one example where a training step uses one.

        Returns:
            Numbers, nested like what ``export_gradients`` returns.

        Raises:
            TypeError, ValueError: as ``backward_quantity``.

        >>> model = MLP(2, [1], init=lambda rng, nin, nout: 0.5)
        >>> NOTATIONS["sensitivities"].gradients(model, [[1.0, 3.0]], [[0.0]])
        [[[[4.0], [12.0]], [4.0]]]
        >>> NOTATIONS["delta_rule"].gradients(model, [[1.0, 3.0]], [[0.0]])
        [[2.0, 2.0, 6.0]]
        """
        _, outputs = _forward(model, xs)
        parameters = model.parameters()
        gradient = dict(zip(parameters, grad(self.objective(outputs, ys, loss), parameters), strict=True))
        arranged = parameters_in_layout(model, self.layout)
        return map_nested(lambda p: gradient.get(p, type(p.data)()), arranged)  # type: ignore[no-any-return]  # 0 for a dummy


NOTATIONS: dict[str, Notation] = {
    notation.name: notation
    for notation in (
        #        name                 note layout        letters       quantity          sign  squares           batch  average
        Notation("sensitivities",      0, "transposed", "n", "a",     "s = ∂J/∂n",        1, "sum_of_squares",   False, False),
        Notation("batches",            1, "bias_row",   "A", "Z",     "∂E/∂A",            1, HALF,               True,  False),
        Notation("composed_functions", 2, "matrices",   "z", "a",     "∂C/∂z",            1, HALF,               False, False),
        Notation("delta_rule",         3, "units",      "net", "o",   "δ = -∂J/∂net",    -1, HALF,               True,  False),
        Notation("feed_forward",       4, "theta",      "a", "h",     "∇ₐL",              1, "sum_of_squares",   True,  True),
    )
}  # fmt: skip
"""The five notations by name, in the order of the lecture notes."""


def backward_quantities(model: MLP, xs: Sequence[Any], ys: Sequence[Target], loss: str = HALF) -> dict[str, Quantity]:
    r"""The backward quantities of all five notations, from one backward pass: each is :math:`\delta = \partial C/\partial z` times a factor.

    Args:
        model, xs, ys: as for ``Notation.backward_quantity``.
        loss: C for one example: ``"half_sum_of_squares"``, ``"cross_entropy"`` or ``"cross_entropy_logits"``.

    Returns:
        For each name of ``NOTATIONS`` numbers ``[l][n][i]``, for layer l, example n, neuron i.

    Raises:
        TypeError, ValueError: as ``Notation.backward_quantity``.

    >>> model = MLP(1, [1], init=lambda rng, nin, nout: 0.5)
    >>> [quantity for [[[quantity]]] in backward_quantities(model, [[2.0]], [[0.0]]).values()]
    [2.0, 1.0, 1.0, -1.0, 2.0]
    """
    pre_activations, outputs = _forward(model, xs)
    delta = _derivatives(NOTATIONS["composed_functions"].objective(outputs, ys, loss), pre_activations)
    return {name: _times(notation.factor(len(xs), loss), delta) for name, notation in NOTATIONS.items()}


def compare_notations(
    model: MLP, xs: Sequence[Any], ys: Sequence[Target], loss: str = HALF, eta: Number = 0.1
) -> NotationReport:
    """Check the factors on a network: one backward pass times each factor, beside a backward pass of each notation's own loss.

    Args:
        model, xs, ys, loss: as for ``backward_quantities``.
        eta: the learning rate on C, to which the printed rates are equivalent.

    Returns:
        A report, which is true if every backward quantity agrees within 1e-12 of its largest entry, and is printed as a table.

    Raises:
        TypeError, ValueError: as ``Notation.backward_quantity``.

    >>> report = compare_notations(MLP(2, [3, 2], activation="tanh", seed=0), [[0.5, -1.0], [1.0, 2.0], [0.0, 1.0]], [0, 1, 1])
    >>> bool(report)
    True
    >>> print(report)
    note  notation            layout      step   constant  backward quantity  / δ  gradient  rate  check
    0     sensitivities       transposed  one    1         s = ∂J/∂n          2    2         0.05  agrees
    1     batches             bias_row    batch  1/2       ∂E/∂A              1    1         0.1   agrees
    2     composed_functions  matrices    one    1/2       ∂C/∂z              1    1         0.1   agrees
    3     delta_rule          units       batch  1/2       δ = -∂J/∂net       -1   1         0.1   agrees
    4     feed_forward        theta       batch  1/3       ∇ₐL                2/3  2/3       0.15  agrees
    """
    ours = backward_quantities(model, xs, ys, loss)
    errors = {name: _error(ours[name], notation.backward_quantity(model, xs, ys, loss)) for name, notation in NOTATIONS.items()}
    return NotationReport(len(xs), loss, eta, errors)


@dataclass(frozen=True, repr=False)
class NotationReport:
    """What ``compare_notations`` found: true if every notation agrees.

    Attributes:
        samples: the number of examples.
        loss, eta: the arguments of ``compare_notations``.
        errors: for each notation the largest difference between its backward quantity and δ times its factor, relative to the
            largest entry.
    """

    samples: int
    loss: str
    eta: Number
    errors: dict[str, float]

    def __bool__(self) -> bool:
        return all(error <= RELATIVE_TOLERANCE for error in self.errors.values())

    def __repr__(self) -> str:
        lines = [["note", "notation", "layout", "step", "constant", "backward quantity", "/ δ", "gradient", "rate", "check"]]
        lines += [self._cells(NOTATIONS[name], error) for name, error in self.errors.items()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )

    def _cells(self, notation: Notation, error: float) -> list[str]:
        case = self.samples, self.loss
        return [
            str(notation.note),
            notation.name,
            notation.layout,
            "batch" if notation.batch else "one",
            str(notation.constant(*case)),
            notation.quantity,
            str(notation.factor(*case)),
            str(notation.scale(*case)),
            f"{float(notation.rate(self.eta, *case)):g}",
            "agrees" if error <= RELATIVE_TOLERANCE else f"off by {error:.1g}",
        ]


def _require_reference(loss: str) -> None:
    if loss not in REFERENCE_LOSSES:
        raise ValueError(f"the notations are compared for the losses {', '.join(REFERENCE_LOSSES)}, but got {short_repr(loss)}")


def _require_count(samples: int) -> None:
    if not is_whole(samples):
        raise TypeError(f"the number of examples is a whole number, but got {described(samples)}")
    if samples < 1:
        raise ValueError(f"there is at least one example, but got samples={samples!r}")


def _forward(model: MLP, xs: Sequence[Any]) -> tuple[list[list[list[Value]]], list[list[Value]]]:
    """The pre-activations ``[l][n][i]`` and the outputs ``[n][i]``."""
    if not isinstance(model, MLP):
        raise TypeError(f"the notations are of an MLP, but got {described(model)}")
    traces = [model.trace(x) for x in xs]
    pre_activations = [[trace.pre_activations[k] for trace in traces] for k in range(len(model.layers))]
    if not all(map(all, pre_activations)):
        raise ValueError("a layer with a __call__ of its own has no pre-activations, so there is no backward quantity in it")
    return pre_activations, [trace.activations[-1] for trace in traces]


def _derivatives(objective: Value, nodes: list[list[list[Value]]]) -> Quantity:
    """The derivatives with respect to nodes, nested like them, from one backward pass."""
    derivatives = iter(grad(objective, list(_entries(nodes))))
    return map_nested(lambda node: next(derivatives), nodes)  # type: ignore[no-any-return]


def _times(factor: Number, quantity: Quantity) -> Quantity:
    return map_nested(lambda entry: factor * entry, quantity)  # type: ignore[no-any-return]


def _entries(quantity: Any) -> Iterator[Any]:
    return (entry for layer in quantity for example in layer for entry in example)


def _error(ours: Quantity, theirs: Quantity) -> float:
    """The largest difference, relative to the largest entry; infinite if an entry is nan or infinite."""
    pairs = [(float(a), float(b)) for a, b in zip(_entries(ours), _entries(theirs), strict=True)]
    if not all(math.isfinite(a) and math.isfinite(b) for a, b in pairs):
        return math.inf
    return max(abs(a - b) for a, b in pairs) / (max(abs(b) for _, b in pairs) or 1.0)
