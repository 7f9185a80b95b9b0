"""Tapes as JSON: names of operations and numbers of slots. Nothing in a file is executed, and a file that does not fit is refused.

    {"format": "chainrule tape", "version": 1,
     "parameters": 1, "inputs": 1, "constants": [2.0], "rows": [["mul", 0, 1], ["pow", 3, {"c": 2}]], "outputs": [4],
     "names": ["w", "x"], "shapes": [[]], "output_shape": [], "reduction": "", "numbers": [0.5]}

"rows" are the instructions. Floats are written with so many digits that reading returns the same bits; what JSON has no number for is
"inf", "-inf" and "nan". A fraction is "1/3", and in hexadecimal digits, "0x1/0x3", if it is long.
"""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any, NoReturn

from autograd.compiled.tape import NO_OPERAND, Instruction, Tape
from autograd.rules.numbers import Number
from autograd.rules.op import OPS, Op
from autograd.text import short_repr, shortened

FORMAT, VERSION = "chainrule tape", 1
INFINITIES = {"inf": math.inf, "-inf": -math.inf}
NO_NUMBERS = {**INFINITIES, "nan": math.nan}
MAX_COUNT = 2**53  # of anything, or the number of a slot, in a file
MAX_DIMENSIONS = 32  # of an array
MAX_DECIMAL_CHARS = 700  # of a fraction; reading decimal digits takes a time that grows with the square of their number
MAX_REASON_CHARS = 300  # of a message
KEYS = (
    "format", "version", "parameters", "inputs", "constants", "rows", "outputs", "names", "shapes", "output_shape", "reduction",
    "numbers",
)  # fmt: skip


def to_json(tape: Tape, reduction: str, numbers: list[float]) -> str:
    """The tape, and what else a program needs: its reduction, and the numbers of its parameters."""
    held = {
        "format": FORMAT,
        "version": VERSION,
        "parameters": tape.parameters,
        "inputs": tape.inputs,
        "constants": [_written(number) for number in tape.constants],
        "rows": [
            [op.name, x, *([] if y == NO_OPERAND else [y]), *([] if op.c is None else [_constant(op.c)])]
            for op, x, y in tape.instructions
        ],
        "outputs": tape.outputs,
        "names": tape.names,
        "shapes": tape.shapes,
        "output_shape": tape.output_shape,
        "reduction": reduction,
        "numbers": [_written(number) for number in numbers],
    }
    return json.dumps(held, allow_nan=False)


def _written(number: float) -> float | str:
    return number if math.isfinite(number) else str(number)


def _constant(c: Number) -> dict[str, Any]:
    if not isinstance(c, Fraction):
        return {"c": _written(c)}
    long = c.numerator.bit_length() + c.denominator.bit_length() > 3 * MAX_DECIMAL_CHARS
    return {"c": f"{c.numerator:#x}/{c.denominator:#x}" if long else f"{c.numerator}/{c.denominator}"}


def from_json(text: str) -> tuple[Tape, str, list[float]]:
    """The tape, the reduction and the numbers of the parameters that ``to_json`` wrote.

    Raises:
        ValueError: if the text is anything else, saying what is wrong, and where.

    >>> from autograd.compiled.tape import Instruction
    >>> tape = Tape(1, 1, (0.1,), (Instruction(OPS["mul"], 0, 1), Instruction(OPS["pow"].at(3), 3)), (4,), num_differentiated=1)
    >>> from_json(to_json(tape, "sum", [0.5])) == (tape, "sum", [0.5])
    True
    >>> from_json(to_json(tape, "sum", [0.5]).replace('"mul", 0, 1', '"mul", 0, 4'))
    Traceback (most recent call last):
        ...
    ValueError: this is no saved tape: slot 3, mul, needs two operands, from the slots 0 to 2 before it, but reads 0 and 4
    """
    try:
        held = json.loads(text, parse_constant=_no_number, object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError) as error:
        _refuse(f"it is not JSON ({str(error)[:100]})")
    if not isinstance(held, dict) or held.get("format") != FORMAT:
        _refuse(f'it does not say "format": "{FORMAT}"')
    if held.get("version") != VERSION or isinstance(held["version"], bool):
        _refuse(f"its version is {short_repr(held.get('version'))}, and this is written for {VERSION}")
    if set(held) != set(KEYS):
        _refuse(f"its entries are {', '.join(map(short_repr, sorted(held)))}, and should be {', '.join(KEYS)}")
    count = _whole("parameters", held["parameters"])
    fields = {
        "parameters": count,
        "inputs": _whole("inputs", held["inputs"]),
        "constants": tuple(_float("constants", number) for number in _list("constants", held["constants"])),
        "instructions": tuple(_instruction(row) for row in _list("rows", held["rows"])),
        "outputs": tuple(_whole("outputs", slot) for slot in _list("outputs", held["outputs"])),
        "names": tuple(_name(name) for name in _list("names", held["names"])),
        "shapes": tuple(_shape("shapes", shape) for shape in _list("shapes", held["shapes"])),
        "output_shape": _shape("output_shape", held["output_shape"]),
    }
    reduction = held["reduction"]
    if reduction not in ("", "mean", "sum", "none"):
        _refuse(f"its reduction is {short_repr(reduction)}")
    numbers = [_float("numbers", number, nan=True) for number in _list("numbers", held["numbers"])]
    if len(numbers) != count:
        _refuse(f"it has {count} parameters and {len(numbers)} numbers for them")
    if len(fields["names"]) != count + fields["inputs"]:  # type: ignore[arg-type,operator]
        _refuse(f"it has {count} parameters, {fields['inputs']} inputs and {len(fields['names'])} names")  # type: ignore[arg-type]
    try:
        return Tape(**fields, num_differentiated=count), reduction, numbers  # type: ignore[arg-type]
    except ValueError as error:
        _refuse(str(error))


# --- entries ----------------------------------------------------------------------------------------------------------


def _refuse(reason: str) -> NoReturn:
    raise ValueError(f"this is no saved tape: {shortened(reason, MAX_REASON_CHARS)}") from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    held = dict(pairs)
    if len(held) < len(pairs):
        raise ValueError("a key occurs twice")
    return held


def _list(where: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        _refuse(f"{where} should be a list, and is {short_repr(value)}")
    return value


def _whole(where: str, value: Any) -> int:
    if type(value) is not int or not 0 <= value < MAX_COUNT:
        _refuse(f"{where} should hold whole numbers from 0, and has {short_repr(value)}")
    return value


def _float(where: str, value: Any, nan: bool = False) -> float:
    if isinstance(value, str) and value in (NO_NUMBERS if nan else INFINITIES):
        return NO_NUMBERS[value]
    if type(value) is not float or not math.isfinite(value):
        _refuse(f"{where} should hold floats, and has {short_repr(value)}")
    return value


def _shape(where: str, value: Any) -> tuple[int, ...]:
    if len(_list(where, value)) > MAX_DIMENSIONS:
        _refuse(f"{where} should hold shapes of at most {MAX_DIMENSIONS} dimensions, and has one of {len(value)}")
    return tuple(_whole(where, size) for size in value)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        _refuse(f"names should hold names that can be printed, and has {short_repr(value)}")
    return value


def _instruction(value: Any) -> Instruction:
    """An instruction from the name of its operation, one or two slots, and the constant if the operation is of a family."""
    name, *operands = _list("a row", value) or [None]
    op = OPS.get(name) if isinstance(name, str) else None
    if op is None:
        _refuse(f"a row has the operation {short_repr(name)}, which is not in the table; a row of your own must be made before")
    if op.is_family:
        if not operands:
            _refuse(f"a row of {name} has no constant")
        op = _member(op, operands.pop())
    if len(operands) != op.arity:
        _refuse(f"a row of {name} has {len(operands)} operands, and needs {op.arity}")
    x, y = [*(_whole("a row", slot) for slot in operands), NO_OPERAND][:2]
    return Instruction(op, x, y)


def _member(family: Op, held: Any) -> Op:
    """The member with the constant ``{"c": ...}``: an int, a float, or a Fraction as text."""
    if not isinstance(held, dict) or set(held) != {"c"}:
        _refuse(f"a row of {family.name} has the constant {short_repr(held)}, and should have {{'c': number}}")
    c = held["c"]
    try:
        if isinstance(c, str):
            c = NO_NUMBERS[c] if c in NO_NUMBERS else _fraction(c)
        if type(c) not in (int, float, Fraction):
            raise ValueError
        float(c)
        return family.at(c)
    except (ValueError, ArithmeticError):
        _refuse(f"a row of {family.name} has the constant {short_repr(held['c'])}, which is no number that a float can hold")


def _fraction(text: str) -> Fraction:
    numerator, slash, denominator = text.partition("/")
    base = 16 if "x" in text else 10
    if not slash or (base == 10 and len(text) > MAX_DECIMAL_CHARS):
        raise ValueError
    return Fraction(int(numerator, base), int(denominator, base))
