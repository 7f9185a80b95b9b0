"""The door for data: the arguments of many examples become one array with a row for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from math import prod
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.compiled.tape import Shape, shown
from autograd.value import Value

if TYPE_CHECKING:
    from autograd.compiled.executor import Array


def batch(names: Sequence[str], data: Sequence[Any], shapes: Sequence[Shape] | None = None) -> tuple[tuple[Shape, ...], Array]:
    """The shapes of the arguments of one example, and all numbers: (N, F), float64.

    Args:
        names: of the arguments, for messages.
        data: for each argument an array or nested lists with one entry for each example.
        shapes: what the shapes must be, if that is decided.

    Raises:
        TypeError: if the data are not real numbers.
        ValueError: if there are no examples, not equally many for all arguments, or the shapes are others.

    >>> shapes, examples = batch(["x", "y"], [[[1, 2], [3, 4], [5, 6]], [-1, 1, 1]])
    >>> shapes, examples.shape, examples[0].tolist()
    (((2,), ()), (3, 3), [1.0, 2.0, -1.0])
    """
    if shapes is not None and len(data) != len(shapes):
        raise TypeError(f"the program was compiled for {counted(len(shapes), 'argument')}, but got {len(data)}")
    if not data:
        raise TypeError("a function of no arguments has no examples to run over: let it take the inputs of one example")
    arrays = [_array(name, each) for name, each in zip(names, data, strict=True)]
    counts = {name: len(each) for name, each in zip(names, arrays, strict=True)}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{count} of {name}" for name, count in counts.items())
        raise ValueError(f"all arguments need equally many examples, but there are {told}")
    if not len(arrays[0]):
        raise ValueError(f"there are no examples: {names[0]} is empty")
    found = tuple(each.shape[1:] for each in arrays)
    for name, got, wanted in zip(names, found, found if shapes is None else shapes, strict=True):
        if got != wanted:
            raise ValueError(
                f"in each example {name} is {shown(wanted)}, as the program was compiled, but got {shown(got)}{_column(got, wanted)}"
            )
    return found, np.ascontiguousarray(np.concatenate([each.reshape(len(each), -1) for each in arrays], axis=1))


def _array(name: str, data: Any) -> Array:
    if isinstance(data, Value) or (hasattr(data, "__iter__") and not hasattr(data, "__array__") and _holds_values(data)):
        raise TypeError(f"{name} holds Values, but a program takes numbers: the Values that it reads are its parameters")
    if isinstance(data, Mapping | Set | Iterator):
        raise TypeError(
            f"{name} needs an array, or lists, with one entry for each example, but got a {type(data).__name__}: make a list of it"
        )
    if isinstance(data, np.ma.MaskedArray) and np.ma.is_masked(data):
        raise ValueError(
            f"{name} has masked entries, and a program computes with all: leave their examples out, or fill them in"
        )
    try:
        array = np.asarray(data)
    except ValueError:
        raise ValueError(
            f"{name} is no array: its examples, or lists inside them, differ in length; a program takes examples of one shape"
        ) from None
    if array.dtype.kind not in "fiub":
        array = _exact(name, array)
    if array.ndim == 0:
        raise ValueError(
            f"{name} needs one entry for each example, but got the number {array}; for one example give a list of one"
        )
    return array.astype(np.float64)


def _exact(name: str, array: Any) -> Any:
    """Fractions and long ints as floats."""
    try:
        if array.dtype.kind == "O" and all(isinstance(each, Real) for each in array.flat):
            return array.astype(np.float64)
    except OverflowError:
        raise OverflowError(f"{name} has a number beyond the largest float, 1.8e308") from None
    raise TypeError(f"{name} needs real numbers, but has the dtype {array.dtype}{_first(array)}")


def _first(array: Any) -> str:
    """The first entry that is no real number, if the array has objects."""
    strange = next((each for each in array.flat if not isinstance(each, Real)), None) if array.dtype.kind == "O" else None
    return f", with an entry of type {type(strange).__name__}" if array.dtype.kind == "O" else ""


def _holds_values(data: Any) -> bool:
    first = next(iter(data), None) if isinstance(data, list | tuple) else None
    return isinstance(first, Value) or (isinstance(first, list | tuple) and _holds_values(first))


def _column(got: Shape, wanted: Shape) -> str:
    """What to do about a column where numbers are wanted, or the other way round."""
    if prod(got) != prod(wanted):
        return ""
    return f"; there are as many numbers: give them in the shape {('N', *wanted)}".replace("'N'", "N")


def counted(count: int, what: str) -> str:
    """How many there are of what, for messages."""
    return f"{count} {what}{'s' * (count != 1)}"


def flat(values: Any, count: int) -> Array:
    """All parameters as the flat array that executors read.

    Raises:
        TypeError, ValueError: if they are not ``count`` real numbers.
    """
    if type(values) is np.ndarray and values.dtype == np.float64 and values.shape == (count,) and values.flags.c_contiguous:
        return values
    if not np.ndim(values):
        raise ValueError(f"theta needs all {count} parameters in one flat array, in their order, but got {values!r}")
    array = _array("theta", values)
    if array.shape != (count,):
        raise ValueError(
            f"theta needs all {count} parameters in one flat array, in their order, but got an array of shape {array.shape}"
        )
    return np.ascontiguousarray(array)
