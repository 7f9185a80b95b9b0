"""Examples as a model and a loss see them: in Python's numbers, the same whether a loss is compiled or not.

NumPy's small integers wrap around (2 * y - 1 is 255 for a y of 0 in eight bits) and its small floats round early; booleans are no
numbers to compute with. So an example becomes a list of ints, floats and Fractions before anything is done with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autograd.rules.numbers import number
from autograd.text import described

if TYPE_CHECKING:
    from numpy import ndarray

    Array = ndarray


def plain(example: Any) -> Any:
    """An example in Python's numbers: nested lists of them, or one. What is no number, a text say, stays what it is.

    >>> import numpy as np
    >>> plain(np.array([[0, 1]], dtype=np.uint8)), plain((True, np.float32(0.5))), plain("a word")
    ([[0, 1]], [1, 0.5], 'a word')
    """
    if hasattr(example, "dtype") and hasattr(example, "tolist"):
        example = example.tolist()
    kind = type(example)
    if kind is float or kind is int:
        return example
    if isinstance(example, list | tuple):
        return [plain(part) for part in example]
    try:
        return number(example)
    except TypeError:
        return example


def refuse_what_is_no_list(caller: str, name: str, examples: Any) -> None:
    """Refuse what has no entry for each example, and an array that hides some of its numbers.

    Raises:
        TypeError: saying what was given.
        ValueError: if entries of a masked array are masked: what is under the mask would be trained on.
    """
    has_entries = hasattr(examples, "__len__") and hasattr(examples, "__getitem__") and getattr(examples, "shape", None) != ()
    if not has_entries or isinstance(examples, Mapping | str):
        raise TypeError(
            f"{caller} needs {name} as a list or an array, an entry for each example, but got {described(examples)}"
        )
    if hasattr(examples, "__array__"):
        from autograd.compiled.arguments import refuse_masked

        refuse_masked(caller, name, examples)


class Examples:
    """The examples that a user gave, read anew whenever they may have been changed in place.

    Args:
        name: for messages.
        given: an entry for each example.
        convert: from an entry to what the model or the loss takes.

    >>> given = [[1, 2], [3, 4]]
    >>> examples = Examples("xs", given)
    >>> examples.array().tolist(), examples.changed()
    ([[1.0, 2.0], [3.0, 4.0]], False)
    >>> given[0][1] = 5
    >>> examples.changed(), examples.array().tolist()
    (True, [[1.0, 5.0], [3.0, 4.0]])
    """

    def __init__(self, name: str, given: Sequence[Any], convert: Callable[[Any], Any] = plain) -> None:
        self._name, self._given, self._convert = name, given, convert
        self._read: Any = None

    def __len__(self) -> int:
        return len(self._given)

    def __getitem__(self, k: int) -> Any:
        """One example as it is now."""
        return self._convert(plain(_by_place(self._given)[k]))

    def lists(self) -> list[Any]:
        """The examples as they are now, one after the other."""
        return [self._convert(plain(example)) for example in _by_place(self._given)]

    def array(self) -> Array:
        """The same as one array of floats, as a program takes them.

        Raises:
            TypeError, ValueError: if they are no numbers, or differ in shape.
        """
        from autograd.compiled.arguments import examples_from

        self._read = _copied(self._given)
        [shape], examples = examples_from([self._name], [self._given if self._convert is plain else self.lists()])
        return examples.reshape(len(examples), *shape)

    def changed(self) -> bool:
        """Whether an entry is another than when ``array`` was called last."""
        return not _are_equal(self._given, self._read)


def _by_place(given: Any) -> Any:
    """The examples, which an index counts: a series of pandas goes by its own labels, and is not read so."""
    if not hasattr(given, "__array__"):
        return given
    import numpy as np

    return np.asarray(given)


def _copied(given: Any) -> Any:
    """Nested lists and arrays, copied."""
    if type(given) in (list, tuple):
        return type(given)([_copied(part) for part in given])
    return given.copy() if hasattr(given, "__array__") else given


def _are_equal(given: Any, read: Any) -> bool:
    """Whether nested lists and arrays hold the same. For long lists of numbers, ``==`` takes a fraction of the time of any loop."""
    try:
        return bool(given == read)
    except ValueError:  # an array has as many answers as entries
        if hasattr(given, "__array__"):
            return given.shape == read.shape and bool(_by_place(given == read).all())
        return len(given) == len(read) and all(map(_are_equal, given, read))
