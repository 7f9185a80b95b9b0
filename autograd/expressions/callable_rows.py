"""The functions that an expression may call: rows of the table, by the names that ``autograd`` gives them."""

from __future__ import annotations

from difflib import get_close_matches

from autograd import functions
from autograd.ops import OPS, Op
from autograd.text import counted

FUNCTIONS: dict[str, Op] = {
    **{name: op for name, op in OPS.items() if hasattr(functions, name)},
    "max": OPS["maximum"],
    "min": OPS["minimum"],
}

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


def arguments(op: Op) -> str:
    """How many arguments a call has, and which.

    >>> arguments(OPS["maximum"]), arguments(OPS["leaky_relu"])
    ('2 arguments', '1 argument, or 2 with its constant')
    """
    count = counted(op.arity, "argument")
    return f"{count}, or {op.arity + 1} with its constant" if op.is_family else count
