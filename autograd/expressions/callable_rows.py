"""The functions that an expression may call, by the names that ``autograd`` gives them: rows of the table, and a few made of rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, NamedTuple

from autograd import compositions, functions
from autograd.ops import OPS, Op
from autograd.text import counted


class Composition(NamedTuple):
    """A function made of rows: of at least and at most so many numbers, as many as you like if ``most`` is None."""

    name: str
    compute: Callable[..., Any]
    least: int
    most: int | None


def _of_a_list(function: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda *numbers: function(numbers)


ROWS: dict[str, Op] = {name: op for name, op in OPS.items() if hasattr(functions, name)}
COMPOSITIONS = {
    each.name: each
    for each in (
        Composition("maximum", functions.maximum, 1, None),
        Composition("minimum", functions.minimum, 1, None),
        Composition("max", functions.maximum, 1, None),
        Composition("min", functions.minimum, 1, None),
        Composition("clip", functions.clip, 3, 3),
        Composition("log", functions.log, 1, 2),
        Composition("norm", _of_a_list(compositions.norm), 1, None),
        Composition("logsumexp", _of_a_list(compositions.logsumexp), 1, None),
    )
}
FUNCTIONS: dict[str, Op | Composition] = {**ROWS, **COMPOSITIONS, "ln": OPS["log"]}

KNOWN = {"pi": math.pi, "e": math.e}
"""Names that stand for these numbers where they are given no other."""

CALLABLE = {*FUNCTIONS, "where"}
"""All that may be called: the rows, and the choice between two sides."""


def closest(name: str) -> str:
    """What the name may have been meant to be; empty if nothing is near.

    >>> closest("sigmod"), closest("wombat")
    ('did you mean sigmoid?', '')
    """
    near = get_close_matches(name, sorted(CALLABLE), n=1)
    return f"did you mean {near[0]}?" if near else ""


def no_function(name: str) -> str:
    """What to say where the name is called.

    >>> no_function("pow")
    'pow is written as an operator: x ** c'
    """
    if name in OPS and OPS[name].symbol != name:
        return f"{name} is written as an operator: {OPS[name].value}"
    return f"{name} is no function that can be called; {closest(name) or f'for a product write {name}*(...)'}"


def takes(function: Op | Composition, count: int) -> bool:
    """Whether a call may have so many arguments: the constant of a family is the last, and may be left out.

    >>> takes(OPS["leaky_relu"], 2), takes(OPS["exp"], 2), takes(COMPOSITIONS["max"], 5)
    (True, False, True)
    """
    if isinstance(function, Composition):
        return function.least <= count <= (function.most or count)
    return function.arity <= count <= function.arity + function.is_family


def arguments(function: Op | Composition) -> str:
    """How many arguments a call has, and which.

    >>> arguments(OPS["hypot"]), arguments(OPS["leaky_relu"]), arguments(COMPOSITIONS["max"]), arguments(COMPOSITIONS["log"])
    ('2 arguments', '1 argument, or 2 with its constant', '1 argument or more', '1 argument or 2')
    """
    if isinstance(function, Op):
        count = counted(function.arity, "argument")
        return f"{count}, or {function.arity + 1} with its constant" if function.is_family else count
    count = counted(function.least, "argument")
    return count if function.least == function.most else f"{count} or {function.most or 'more'}"
