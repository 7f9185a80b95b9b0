"""f as a function of one of its Values, whose data are moved and put back: on real numbers, on complex ones, and beside a branch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from autograd.checking.complex_step import Analytic, Witness, complex_step
from autograd.checking.differences import JUMP, Differences
from autograd.graph import topological_order
from autograd.interrupts import with_attribute
from autograd.rules.evaluate import evaluate_ieee
from autograd.rules.op import Op
from autograd.value import Value, data_of

T = TypeVar("T")

LEVEL = 1e-3  # of a number: a row that changes by less over ``JUMP`` does not jump


class Branches(NamedTuple):
    """Whether f takes another branch at x, and what its derivatives are on both sides.

    Attributes:
        is_tied: whether an operation, or f itself, takes another one.
        may_jump: whether the value may jump there.
        sides: gives the derivatives from the left and from the right by complex steps, or None.
    """

    is_tied: bool = False
    may_jump: bool = False
    sides: Callable[[], Sequence[Witness | None]] = lambda: (None, None)


class Moved(NamedTuple):
    """f as a function of the data of one of its Values, and a bound of the rounding error of f."""

    source: Value
    run: Callable[[], Any]
    noise: float

    @property
    def x(self) -> float:
        return float(self.source.data)

    def at(self, data: Any, do: Callable[[], T]) -> T:
        """The result of ``do()`` while the Value has other data."""
        return with_attribute(self.source, "data", data, do)

    def real(self, x: float) -> float:
        return self.at(x, lambda: float(data_of(self.run())))

    def complex(self, x: Analytic) -> Any:
        return self.at(x, lambda: data_of(self.run()))

    def step(self) -> Witness | None:
        """The derivative by complex steps."""
        return complex_step(self.complex, self.x)

    def differences(self) -> Differences:
        return Differences(self.real, self.x, self.noise)

    def of_nodes(self, x: float, read: Callable[[Value], Any]) -> list[Any]:
        """What is read of each node in the graph of f(x), in its topological order; empty where f has no value."""
        try:
            return self.at(x, lambda: [read(node) for node in topological_order(self.run())])
        except Exception:  # f may refuse numbers beside x with whatever error it likes
            return []

    # --- branches ---------------------------------------------------------------------------------------------------

    def branches(self, order: Sequence[Value]) -> Branches:
        """The rows of a graph that are tied, and are not any more beside x. Beside 0 that may be at any distance."""
        tied = [place for place, node in enumerate(order) if is_tied(node)]
        scale = math.frexp(self.x)[1]
        distances = [2.0 ** max(min(scale, 0) - 33, scale - 48)] if self.x else [2.0**-300, 2.0**-33]
        for distance in distances if tied else ():
            beside = [self.of_nodes(self.x + side * distance, is_tied) for side in (-1, 1)]
            leaving = [order[place] for place in tied if not all(place < len(nodes) and nodes[place] for nodes in beside)]
            if leaving:
                return Branches(True, any(map(jumps, leaving)), partial(self._sides, distance))
        return Branches()

    def _sides(self, distance: float) -> list[Witness | None]:
        """The derivatives once, twice and four times as far from x, extrapolated to x.

        The distance is a power of 2, so that a kink at x is one to the last bit.
        """
        return [
            _extrapolated([complex_step(self.complex, self.x + side * times * distance) for times in (1, 2, 4)])
            for side in (-1, 1)
        ]


def _extrapolated(witnesses: Sequence[Witness | None]) -> Witness | None:
    near, far, further = witnesses
    if not (near and far and further):
        return None
    slope = 2 * near.derivative - far.derivative
    return Witness(slope, near.error + abs(2 * far.derivative - further.derivative - slope))


def is_tied(node: Value) -> bool:
    """Whether a node is where the value of its row takes another branch."""
    return isinstance(node.op, Op) and node.op.is_tied(*(float(source.data) for source in node.inputs))


def jumps(node: Value) -> bool:
    """Whether the value of a row jumps where it takes another branch."""
    assert isinstance(node.op, Op)
    x, *others = (float(source.data) for source in node.inputs)
    below, above = (float(evaluate_ieee(node.op, x + side * JUMP * max(1.0, abs(x)), *others)[0]) for side in (-1, 1))
    return not abs(above - below) <= LEVEL * max(1.0, abs(x))
