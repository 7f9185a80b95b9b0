"""Derivatives of functions of scalars, for those who have a function and no graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from autograd.derivatives import grad
from autograd.value import Value, as_value


def value_and_grad(f: Callable[..., Any]) -> Callable[..., tuple[Any, list[Any]]]:
    r"""The function that gives f and its gradient at once: :math:`x \mapsto (f(x), \nabla f(x))`.

    Args:
        f: a function of scalars and of (nested) lists of scalars, written with operators and autograd's functions; its result
            is one scalar.

    Returns:
        A function of the same arguments, given as numbers. It returns the value, a number, and a list with the derivative in
        each argument: a number for a number, a list for a list. (A ``Value`` is taken as it is: f sees that very node.)

    Raises:
        TypeError: by the function, if an argument is neither number nor list, or f's result is not one scalar.

    >>> value_and_grad(lambda x, y: x * x * y)(3.0, 2.0)
    (18.0, [12.0, 9.0])
    >>> value_and_grad(lambda w, b: w[0] * w[1] + b)([3.0, 2.0], 1.0)
    (7.0, [[2.0, 3.0], 1.0])
    """

    def evaluated(*arguments: Any) -> tuple[Any, list[Any]]:
        values = [wrapped(each, name) for each, name in zip(arguments, argument_names(f, len(arguments)), strict=True)]
        output = scalar(f, f(*values))
        gradient = iter(grad(output, list(leaves(values))))
        return output.data, _of_the_same_shape(values, gradient)

    return evaluated


# --- arguments as Values, lists as lists ------------------------------------------------------------------------------


def argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """The names of a function's positional arguments; x1, x2, ... where it tells none."""
    import inspect  # here, because it takes longer to import than all of autograd

    numbered = [f"x{k}" for k in range(1, count + 1)]
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return numbered
    named = [each.name for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    return [*named, *numbered[len(named) :]][:count]


def wrapped(argument: Any, name: str) -> Any:
    """A labelled ``Value`` for a number, a list of such for a list."""
    if isinstance(argument, Value):
        return argument
    if hasattr(argument, "__iter__") and not isinstance(argument, str):
        return [wrapped(each, f"{name}[{k}]") for k, each in enumerate(argument)]
    return Value(argument, name)


def leaves(values: Sequence[Any]) -> Iterator[Value]:
    """The Values in nested lists, from left to right."""
    for each in values:
        if isinstance(each, Value):
            yield each
        else:
            yield from leaves(each)


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
    return next(numbers) if isinstance(values, Value) else [_of_the_same_shape(each, numbers) for each in values]
