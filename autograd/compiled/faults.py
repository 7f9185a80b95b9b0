"""check=True: which operation, at which example, is the first that leaves its domain or turns nan.

Compiled code cannot stop at an example, so it answers by IEEE's rules. This goes through the tape in plain floats and stops.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NoReturn

from autograd.compiled.plain import computed
from autograd.compiled.tape import Tape
from autograd.compiled.wengert import Writer
from autograd.errors import DomainError
from autograd.evaluate import evaluate
from autograd.notation import TEXT

if TYPE_CHECKING:
    from autograd.compiled.executor import Array


def check(tape: Tape, theta: Array, examples: Array) -> None:
    """Find the first fault, forward and then backward, in the first example that has one.

    Raises:
        DomainError: where a finite operand lies outside the domain of an operation: as the eager engine does.
        FloatingPointError: where a parameter or input is nan, or the first result or adjoint turns nan.

    >>> from autograd import Value, compile
    >>> p = Value(0.5, "p")
    >>> compile(lambda x: (p * x).log(), [p], check=True, executor="plain")([2.0, 1.0, -1.0])
    Traceback (most recent call last):
        ...
    autograd.errors.DomainError: example 2, v2 = log(v1) (<doctest autograd.compiled.faults.check[2]>, line 1: compile(lambda x: \
(p * x).log(), [p], check=True, executor="plain")([2.0, 1.0, -1.0])): log(x) needs x > 0, but x = -0.5 ('v1'). If x is a probability, \
take the cross-entropy of the logits: it never takes the log of 0.
    """
    parameters = theta.tolist()
    for k, example in enumerate(examples.tolist()):
        values = [*parameters, *example, *tape.constants]
        for slot, number in enumerate(values[: tape.leaves]):
            if number != number:
                raise FloatingPointError(f"example {k}: {_name(tape, slot)} is nan before any operation")
        partials = []
        for slot, row in enumerate(tape.rows, start=tape.first):
            operands = [values[each] for each in row.operands]
            try:
                out, *local = evaluate(row.op, *operands, labels=[""] * len(operands))
            except DomainError as error:
                _raise_with_names(tape, k, slot, operands, error)
            if out != out and not any(each != each for each in operands):
                raise FloatingPointError(f"{_where(tape, k, slot)} turns nan: {_told(tape, slot, operands)}")
            values.append(out)
            partials.append(local)
        if len(tape.outputs) == 1:
            _check_adjoints(tape, k, values)


def _check_adjoints(tape: Tape, k: int, values: list[float]) -> None:
    adjoints = [0.0] * tape.size
    adjoints[tape.outputs[0]] = 1.0
    for slot in range(tape.size - 1, tape.first - 1, -1):
        row = tape.rows[slot - tape.first]
        operands = [values[each] for each in row.operands]
        _, *local = computed(row.op, *operands)
        for source, partial in zip(row.operands, local, strict=True):
            adjoints[source] += partial * adjoints[slot]
            if math.isnan(adjoints[source]) and tape.active[source]:
                raise FloatingPointError(
                    f"{_where(tape, k, slot)}: the adjoint of {_name(tape, source)} turns nan, by the local derivative {partial} "
                    f"times {adjoints[slot]}, where {_told(tape, slot, operands)}"
                )


def _name(tape: Tape, slot: int) -> str:
    return Writer(tape, TEXT).pieces[slot].text


def _where(tape: Tape, k: int, slot: int) -> str:
    line = tape.lines[slot - tape.first] if tape.lines else None
    return f"example {k}, {Writer(tape, TEXT).row(slot)}{f' ({line})' if line else ''}"


def _told(tape: Tape, slot: int, operands: list[float]) -> str:
    sources = tape.rows[slot - tape.first].operands
    known = [(_name(tape, each), number) for each, number in zip(sources, operands, strict=True)]
    return ", ".join(f"{name} = {number!r}" for name, number in known if name != repr(number)) or "of constants"


def _raise_with_names(tape: Tape, k: int, slot: int, operands: list[float], error: DomainError) -> NoReturn:
    """The error that the engine raises, with the names of the operands, the operation and the example."""
    row = tape.rows[slot - tape.first]
    try:
        evaluate(row.op, *operands, labels=[_name(tape, each) for each in row.operands])
    except DomainError as named:
        raise type(error)(f"{_where(tape, k, slot)}: {named}") from None
    raise error
