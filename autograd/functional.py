"""Derivatives of functions of scalars: no graph is needed, since it is recorded here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from autograd.derivatives import grad
from autograd.value import Value, as_value


def value_and_grad(f: Callable[..., Any]) -> Callable[..., tuple[Any, list[Any]]]:
    r"""The function that returns the value and the gradient of f: :math:`x \mapsto (f(x), \nabla f(x))`.

    Args:
        f: a function of scalars and of (nested) lists of scalars, written with operators and autograd's functions; its result
            is one scalar.

    Returns:
        A function that takes the same arguments as numbers. It returns the value, a number, and a list with the derivative with
        respect to each argument: a number for a number, a list for a list. (An argument that is a ``Value`` is passed to f as
        it is.)

    Raises:
        TypeError: by the function, if an argument is neither number nor list, or f's result is not one scalar.

    >>> value_and_grad(lambda x, y: x * x * y)(3.0, 2.0)
    (18.0, [12.0, 9.0])
    >>> value_and_grad(lambda w, b: w[0] * w[1] + b)([3.0, 2.0], 1.0)
    (7.0, [[2.0, 3.0], 1.0])
    """

    def evaluated(*arguments: Any) -> tuple[Any, list[Any]]:
        values = [wrapped(argument, name) for argument, name in zip(arguments, argument_names(f, len(arguments)), strict=True)]
        output = scalar(f, f(*values))
        gradient = iter(grad(output, list(leaves(values))))
        return output.data, _of_the_same_shape(values, gradient)

    return evaluated


# --- arguments as Values, lists as lists ------------------------------------------------------------------------------


def argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """The names of a function's positional arguments; x1, x2, ... where Python does not know them."""
    import inspect  # here, because importing it takes longer than importing all of autograd

    numbered = [f"x{k}" for k in range(1, count + 1)]
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return numbered
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    named = [parameter.name for parameter in parameters if parameter.kind in positional]
    return [*named, *numbered[len(named) :]][:count]


def wrapped(argument: Any, name: str) -> Any:
    """The number as a labelled ``Value``, the list as a list of such."""
    if isinstance(argument, Value):
        return argument
    if hasattr(argument, "__iter__") and not isinstance(argument, str):
        return [wrapped(entry, f"{name}[{k}]") for k, entry in enumerate(argument)]
    return Value(argument, name)


def leaves(values: Sequence[Any]) -> Iterator[Value]:
    """The Values in nested lists, from left to right."""
    for entry in values:
        if isinstance(entry, Value):
            yield entry
        else:
            yield from leaves(entry)


def scalar(f: Callable[..., Any], output: Any) -> Value:
    """The result of f, which must be one scalar."""
    try:
        return as_value(output)
    except TypeError:
        name = getattr(f, "__name__", "the function")
        raise TypeError(
            f"{name} must give one scalar, but gave {output!r} of type {type(output).__name__}; for several outputs make "
            "Values and ask for their jacobian"
        ) from None


def _of_the_same_shape(values: Any, numbers: Iterator[Any]) -> Any:
    return next(numbers) if isinstance(values, Value) else [_of_the_same_shape(entry, numbers) for entry in values]
