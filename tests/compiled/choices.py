"""Random functions that choose, also inside their derivatives; and what Python's own ``if`` and mpmath say of them.

A function is a tree. ``run`` computes it in an arithmetic: on Values, or in mpmath's numbers with Python's ``if``, where a derivative
is a difference quotient of 50 digits. The side that is not taken may be outside its domain, and often is.
"""

from __future__ import annotations

import operator
import random
from typing import Any, NamedTuple

import mpmath

import autograd
from autograd import Value, grad, where

LIMIT = 50.0  # of numbers and derivatives
MARGIN = 1e-3  # of compared numbers, so that a different rounding makes no other choice
PARAMETERS, INPUTS = ("w0", "w1"), ("x0", "x1")
COMPARISONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
mp = mpmath.MPContext()
mp.dps = 50


class Unfit(Exception):
    """The numbers leave a domain, are near a boundary, or too large."""


class Precise:
    """Numbers of 50 digits, and Python's own choices."""

    def apply(self, name: str, x: Any) -> Any:
        if (name == "log" and x < MARGIN) or (name == "sqrt" and x < MARGIN) or (name == "exp" and x > 4):
            raise Unfit
        return getattr(mp, name)(x)

    def combine(self, sign: str, x: Any, y: Any) -> Any:
        if sign == "/" and abs(y) < 0.1:
            raise Unfit
        result = ARITHMETIC[sign](x, y)
        if abs(result) > LIMIT:
            raise Unfit
        return result

    def compare(self, sign: str, x: Any, y: Any) -> bool:
        if abs(x - y) < MARGIN:
            raise Unfit
        return bool(COMPARISONS[sign](x, y))

    def join(self, sign: str, *parts: bool) -> bool:
        return not parts[0] if sign == "~" else all(parts) if sign == "&" else any(parts)

    def choose(self, holds: bool, a: Any, b: Any) -> Any:
        return a() if holds else b()

    def slope(self, function: Any, x: Any) -> Any:
        return mp.diff(function, x, h=mp.mpf(10) ** -20)


class Recorded:
    """Values. ``known`` conditions are Python's, and only the side that is taken is computed; others are recorded."""

    def __init__(self, known: bool = False, lazy: bool = True) -> None:
        self.known, self.lazy = known, lazy

    def apply(self, name: str, x: Any) -> Any:
        return getattr(autograd, name)(x)

    def combine(self, sign: str, x: Any, y: Any) -> Any:
        return ARITHMETIC[sign](x, y)

    def compare(self, sign: str, x: Any, y: Any) -> Any:
        if self.known or not isinstance(x, Value) or autograd.is_traced(x):
            return COMPARISONS[sign](x, y)
        less = autograd.less if sign in "<>" else autograd.less_equal
        return less(y, x) if ">" in sign else less(x, y)

    def join(self, sign: str, *parts: Any) -> Any:
        if sign == "~":
            return not parts[0] if isinstance(parts[0], bool) else ~parts[0]
        return parts[0] & parts[1] if sign == "&" else parts[0] | parts[1]

    def choose(self, holds: Any, a: Any, b: Any) -> Any:
        return where(holds, a, b) if self.lazy else where(holds, a(), b())

    def slope(self, function: Any, x: Any) -> Any:
        [slope] = grad(function(x) + 0 * x, [x], create_graph=True)  # a side may be a number, and a slope
        return slope + 0 * x


def run(tree: Any, names: dict[str, Any], arithmetic: Any) -> Any:
    """The number of a tree where names have these numbers."""

    def of(part: Any) -> Any:
        return run(part, names, arithmetic)

    match tree:
        case str():
            return names[tree]
        case float():
            return tree
        case ("where", condition, a, b):
            return arithmetic.choose(of(condition), lambda: of(a), lambda: of(b))
        case ("slope", name, part):
            slope = arithmetic.slope(lambda x: run(part, {**names, name: x}, arithmetic), names[name])
            return slope * slope
        case ("~" | "&" | "|" as sign, *parts):
            return arithmetic.join(sign, *map(of, parts))
        case (sign, x, y):
            return (arithmetic.compare if sign in COMPARISONS else arithmetic.combine)(sign, of(x), of(y))
        case (name, x):
            return arithmetic.apply(name, of(x))
    raise AssertionError(tree)


# --- drawing ------------------------------------------------------------------------------------------------------------


def number(rng: random.Random, depth: int) -> Any:
    kind = rng.choice(["unary", "binary", "binary", "where", "where", "guarded", "slope"]) if depth else "leaf"
    if kind == "leaf":
        return rng.choice([*PARAMETERS, *INPUTS, *INPUTS, round(rng.uniform(-2, 2), 2)])
    if kind == "unary":
        return rng.choice(["tanh", "sin", "exp", "log", "sqrt"]), variable(rng, depth - 1)
    if kind == "where":
        return "where", condition(rng, depth - 1), number(rng, depth - 1), number(rng, depth - 1)
    if kind == "guarded":  # the other side is outside its domain
        u, v, bound = variable(rng, depth - 1), number(rng, depth - 1), round(rng.uniform(0.1, 0.5), 2)
        inside = rng.choice([("log", u), ("sqrt", u), ("/", v, u), ("log", ("-", u, bound / 2)), ("sqrt", ("sqrt", u))])
        return rng.choice([("where", (">", u, bound), inside, v), ("where", ("<=", u, bound), v, inside)])
    if kind == "slope":
        part = number(rng, min(depth - 1, 2))
        return "slope", rng.choice([*PARAMETERS, *INPUTS]), part
    return rng.choice("+-*/"), number(rng, depth - 1), number(rng, depth - 1)


def variable(rng: random.Random, depth: int) -> Any:
    """A number that is not the same for all examples: of a constant the logarithm is refused at once, taken or not."""
    while not any(name in repr(tree := number(rng, depth)) for name in (*PARAMETERS, *INPUTS)):
        pass
    return tree


def condition(rng: random.Random, depth: int) -> Any:
    kind = rng.choice(["plain"] * 3 + ["joined", "~"])
    if kind == "joined" and depth:
        return rng.choice("&|"), condition(rng, depth - 1), condition(rng, depth - 1)
    if kind == "~" and depth:
        return "~", condition(rng, depth - 1)
    return rng.choice(list(COMPARISONS)), rng.choice([*INPUTS, number(rng, min(depth, 1))]), number(rng, min(depth, 1))


class Choosing(NamedTuple):
    """A random function, its numbers, and what Python and mpmath say: of each example the value, and the gradient."""

    tree: Any
    parameters: list[float]
    examples: list[list[float]]
    values: list[float]
    gradients: list[list[float]]  # with respect to the parameters, then the inputs

    def function(self, arithmetic: Any, parameters: list[Value]) -> Any:
        def choosing(x: list[Any]) -> Any:
            names = dict(zip((*PARAMETERS, *INPUTS), (*parameters, *x), strict=True))
            return run(self.tree, names, arithmetic) + 0 * x[0]  # it depends on an input whatever was drawn

        return choosing


def drawn(seed: int, examples: int = 4) -> Choosing:
    rng = random.Random(seed)
    while True:
        tree = number(rng, rng.choice([2, 3, 3, 4]))
        if "where" not in repr(tree):
            continue
        parameters = [round(rng.uniform(-2, 2), 3) for _ in PARAMETERS]
        fit: list[tuple[list[float], float, list[float]]] = []
        for _ in range(4 * examples):
            x = [round(rng.uniform(-2, 2), 3) for _ in INPUTS]
            try:
                fit.append((x, *precisely(tree, [*parameters, *x])))
            except Unfit:
                continue
            if len(fit) == examples:
                rows, values, gradients = map(list, zip(*fit, strict=True))
                return Choosing(tree, parameters, rows, values, gradients)


def precisely(tree: Any, point: list[float]) -> tuple[float, list[float]]:
    """The value and the gradient at a point, by Python's choices and difference quotients."""
    leaves = (*PARAMETERS, *INPUTS)
    numbers = dict(zip(leaves, map(mp.mpf, point), strict=True))
    value = mp.mpf(run(tree, numbers, Precise()))
    slopes = [
        mp.diff(lambda t, name=name: mp.mpf(run(tree, {**numbers, name: t}, Precise())), numbers[name], h=mp.mpf(10) ** -10)
        for name in leaves
    ]
    if abs(value) > LIMIT or any(abs(slope) > LIMIT for slope in slopes):
        raise Unfit
    return float(value), [float(slope) for slope in slopes]
