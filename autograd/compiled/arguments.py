"""What users give: the data of many examples become one array, the parameters another; shapes are checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from math import prod
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.compiled.tape import Shape
from autograd.text import counted, shape_in_words, short_repr
from autograd.value import Value

if TYPE_CHECKING:
    from autograd.compiled.executor import Array


def examples_from(
    names: Sequence[str], data: Sequence[Any], shapes: Sequence[Shape] | None = None
) -> tuple[tuple[Shape, ...], Array]:
    """The shapes of the arguments of one example, and the numbers of all examples: (N, F), float64.

    Args:
        names: of the arguments, for messages.
        data: for each argument an array or nested lists with one entry for each example.
        shapes: that the arguments must have, if the program has been traced.

    Raises:
        TypeError: if the data are not real numbers.
        ValueError: if there are no examples, not equally many for all arguments, or the shapes are others.

    >>> shapes, examples = examples_from(["x", "y"], [[[1, 2], [3, 4], [5, 6]], [-1, 1, 1]])
    >>> shapes, examples.shape, examples[0].tolist()
    (((2,), ()), (3, 3), [1.0, 2.0, -1.0])
    """
    if shapes is not None and len(data) != len(shapes):
        raise TypeError(f"the program was compiled for {counted(len(shapes), 'argument')}, but got {len(data)}")
    if not data:
        raise TypeError("a function of no arguments has no examples to run over: let it take the inputs of one example")
    arrays = [_array(name, given) for name, given in zip(names, data, strict=True)]
    counts = {name: len(array) for name, array in zip(names, arrays, strict=True)}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} of {name}" for name, count in counts.items())
        raise ValueError(f"all arguments need equally many examples, but there are {listed}")
    if not len(arrays[0]):
        raise ValueError(f"there are no examples: {names[0]} is empty")
    found = tuple(array.shape[1:] for array in arrays)
    for name, got, wanted in zip(names, found, found if shapes is None else shapes, strict=True):
        if got != wanted:
            raise ValueError(
                f"in each example {name} is {shape_in_words(wanted)}, as the program was compiled, "
                f"but got {shape_in_words(got)}{_column(got, wanted)}"
            )
    return found, np.ascontiguousarray(np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1))


def split_by_argument(array: Array, shapes: Sequence[Shape]) -> tuple[Array, ...]:
    """The inverse of joining: an array (..., F) in one part for each argument, (..., shape of the argument).

    >>> [part.tolist() for part in split_by_argument(np.array([[1.0, 2.0, -1.0]]), [(2,), ()])]
    [[[1.0, 2.0]], [-1.0]]
    """
    ends = np.cumsum([prod(shape) for shape in shapes])[:-1]
    parts = np.split(array, ends, axis=-1)
    return tuple(part.reshape(*part.shape[:-1], *shape) for part, shape in zip(parts, shapes, strict=True))


def plain_example(example: Any, like: Any) -> Any:
    """One example of an argument, an array of floats, in Python's numbers: ints if the data were whole by type, as labels are.

    >>> plain_example(np.array([1.0, 2.0]), like=[[1, 2], [3, 4]]), plain_example(np.array(1.0), like=[0.5, 1.0])
    ([1, 2], 1.0)
    """
    return example.astype(np.int64 if np.asarray(like).dtype.kind in "iub" else np.float64).tolist()


def map_numbers(function: Any, numbers: Any) -> Any:
    """A function applied to each number of nested lists.

    >>> map_numbers(abs, [-1, [2, -3]])
    [1, [2, 3]]
    """
    return [map_numbers(function, part) for part in numbers] if isinstance(numbers, list) else function(numbers)


def shapes_from(given: Any) -> tuple[Shape, ...]:
    """The shapes of the arguments; 2 is short for (2,).

    Raises:
        TypeError: if they are no shapes.
    """
    try:
        shapes = [(shape,) if hasattr(shape, "__index__") else tuple(shape) for shape in given]
        sizes = [[size.__index__() for size in shape] for shape in shapes]
    except (TypeError, AttributeError):
        sizes = [[-1]]
    if any(size < 0 for shape in sizes for size in shape):
        raise TypeError(
            f"shapes are those of the arguments for one example, as in [(2,), ()] for two features and a label, but got {short_repr(given)}"
        )
    return tuple(map(tuple, sizes))


def refuse_masked(caller: str, name: str, data: Any) -> None:
    """Refuse an array of which some entries are masked: they would be computed with like the others.

    Raises:
        ValueError: naming the array.
    """
    if isinstance(data, np.ma.MaskedArray) and np.ma.is_masked(data):
        raise ValueError(
            f"{name} has masked entries, and {caller} computes with all: leave their examples out, or fill them in"
        )


def _array(name: str, data: Any) -> Array:
    if isinstance(data, Value) or (hasattr(data, "__iter__") and not hasattr(data, "__array__") and _holds_values(data)):
        raise TypeError(f"{name} holds Values, but a program takes numbers: the Values that it reads are its parameters")
    if isinstance(data, Mapping | Set | Iterator):
        raise TypeError(
            f"{name} needs an array, or lists, with one entry for each example, but got a {type(data).__name__}: make a list of it"
        )
    refuse_masked("a program", name, data)
    try:
        array = np.asarray(data)
    except ValueError:
        raise ValueError(
            f"{name} is no array: its examples, or lists inside them, differ in length; a program takes examples of one shape"
        ) from None
    if array.dtype.kind not in "fiub":
        array = _floats(name, array)
    if array.ndim == 0:
        raise ValueError(
            f"{name} needs one entry for each example, but got the number {array}; for one example give a list of one"
        )
    return array.astype(np.float64)


def _floats(name: str, array: Any) -> Any:
    """An array of Fractions or long ints as floats."""
    try:
        if array.dtype.kind == "O" and all(isinstance(number, Real) for number in array.flat):
            return array.astype(np.float64)
    except OverflowError:
        raise OverflowError(f"{name} has a number beyond the largest float, 1.8e308") from None
    raise TypeError(f"{name} needs real numbers, but has the dtype {array.dtype}{_offender(array)}")


def _offender(array: Any) -> str:
    """The first entry that is no real number, and what to do."""
    entry = next((entry for entry in array.ravel().tolist() if not isinstance(entry, Real)), None)
    remedies = {
        "U": "; convert the texts, with float(...)",
        "S": "; convert the texts, with float(...)",
        "c": "; take the real parts",
    }
    return f", with an entry of type {type(entry).__name__}, {short_repr(entry)}{remedies.get(array.dtype.kind, '')}"


def _holds_values(data: Any) -> bool:
    first = next(iter(data), None) if isinstance(data, list | tuple) else None
    return isinstance(first, Value) or (isinstance(first, list | tuple) and _holds_values(first))


def _column(got: Shape, wanted: Shape) -> str:
    """What to do if a column was given for single numbers, or single numbers for a column."""
    if prod(got) != prod(wanted):
        return ""
    return f"; there are as many numbers: give them in the shape {('N', *wanted)}".replace("'N'", "N")


def flat(values: Any, count: int) -> Array:
    """The numbers of all parameters as the flat array that executors read.

    Raises:
        TypeError, ValueError: if they are not ``count`` real numbers.
    """
    if type(values) is np.ndarray and values.dtype == np.float64 and values.shape == (count,) and values.flags.c_contiguous:
        return values
    if not np.ndim(values):
        raise ValueError(f"theta needs all {count} parameters in one flat array, in their order, but got {short_repr(values)}")
    array = _array("theta", values)
    if array.shape != (count,):
        raise ValueError(
            f"theta needs all {count} parameters in one flat array, in their order, but got an array of shape {array.shape}"
        )
    return np.ascontiguousarray(array)
