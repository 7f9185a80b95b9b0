"""Derivatives of functions of scalars: no graph is needed, since it is recorded here.

They nest. A derivative is taken with respect to variables of its own, which are told from the arguments that they stand for, and
from the variables of other calls. So ``derivative(derivative(f))`` is the second derivative, to any depth, and an inner function
may read the variable of an outer one.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from typing import Any, TypeVar

from autograd.derivatives import jacobian
from autograd.graph import topological_order
from autograd.interrupts import with_attribute
from autograd.ops import IDENTITY
from autograd.text import described
from autograd.traced import is_traced, is_tracing
from autograd.value import Constant, Value, apply1, as_value

Function = Callable[..., Any]
T = TypeVar("T")


def value_and_grad(f: Function) -> Callable[..., tuple[Any, list[Any]]]:
    r"""The function that returns the value and the gradient of f: :math:`x \mapsto (f(x), \nabla f(x))`.

    Args:
        f: a function of scalars and of (nested) lists of scalars, written with operators and autograd's functions; its result
            is one scalar that it computes from its arguments.

    Returns:
        A function that takes the same arguments: numbers, and lists or NumPy arrays of numbers. It returns the value, a number,
        and a list with the derivative with respect to each argument: a number for a number, a list for a list. If any of the
        arguments is a ``Value``, or f reads the variable of a derivative that encloses this one, all results are Values, which
        can be differentiated again. Other Values that f reads, such as a model's parameters, are constants.

    Raises:
        TypeError: by the function, if an argument is neither number nor list, or f's result is not one scalar, or a plain number.

    Source: Pearlmutter & Siskind, *Lazy multivariate higher-order forward-mode AD* (2007), on variables that must be told apart.

    >>> value_and_grad(lambda x, y: x * x * y)(3.0, 2.0)
    (18.0, [12.0, 9.0])
    >>> value_and_grad(lambda w, b: w[0] * w[1] + b)([3.0, 2.0], 1.0)
    (7.0, [[2.0, 3.0], 1.0])
    >>> x = Value(3.0)
    >>> value, [slope] = value_and_grad(lambda y: y * (x - y))(x)       # x - 2y at y = x, and not the derivative of 0
    >>> slope.backward(); slope.data, x.grad
    (-3.0, -1.0)
    """
    require_function("value_and_grad", f, "grad(output, inputs)")

    @wraps(f, _NAMES, ())
    def value_and_gradient(*arguments: Any) -> tuple[Any, list[Any]]:
        variables = _variables(f, arguments)
        [output], [gradient] = _differentiated(f, variables, (), one_result)
        return output, _of_the_same_shape(variables, iter(gradient))

    return value_and_gradient


def derivative(f: Function) -> Function:
    r"""The derivative of a function of one scalar, as a function: :math:`f'`.

    Args:
        f: a function of one scalar whose result is one scalar. Further arguments are passed to it as they are.

    Returns:
        A function ``(x, *args)`` that returns :math:`f'(x)`: a number, or a ``Value`` where ``value_and_grad`` returns one.

    Raises:
        TypeError: by the function, if x is no scalar, or f's result is not one scalar, or a plain number.

    >>> import autograd
    >>> derivative(lambda x: x**3)(2.0), derivative(derivative(lambda x: x**3))(2.0)
    (12.0, 12.0)
    >>> derivative(lambda x: x + derivative(lambda y: x * y)(2.0))(3.0)           # of x + x
    2.0
    """
    require_function("derivative", f, "grad(output, [x])")

    @wraps(f, _NAMES, ())
    def slope(x: Any, *args: Any) -> Any:
        if is_list(x):
            raise TypeError(
                f"derivative(f) takes one scalar, but got {described(x)}; for a list there are gradient(f), and jacobian_of(f) "
                "if f gives a list"
            )
        _, [[slope]] = _differentiated(f, _variables(f, [x]), args, one_result)
        return slope

    return slope


def gradient(f: Function) -> Callable[..., list[Any]]:
    r"""The gradient of a function of a list of scalars, as a function: :math:`\nabla f`.

    Args:
        f: a function of a list of scalars whose result is one scalar. Further arguments are passed to it as they are.

    Returns:
        A function ``(x, *args)`` that takes a list or an array of numbers and returns the list of the derivatives with respect
        to its entries: numbers, or Values where ``value_and_grad`` returns Values. Where x is a NumPy array, f gets an array too.

    Raises:
        TypeError: by the function, if x is no flat list, or f's result is not one scalar, or a plain number.

    >>> f = lambda x: x[0] * x[0] * x[1]
    >>> gradient(f)([3.0, 2.0])
    [12.0, 9.0]
    >>> jacobian_of(gradient(f))([3.0, 2.0])                                # the Hessian
    [[4.0, 6.0], [6.0, 0.0]]
    """
    require_function("gradient", f, "grad(output, inputs)")

    @wraps(f, _NAMES, ())
    def slopes(x: Any, *args: Any) -> list[Any]:
        _, [slopes] = _differentiated(f, _variables(f, [_flat("gradient", x)]), args, one_result)
        return slopes

    return slopes


def jacobian_of(f: Function) -> Callable[..., list[list[Any]]]:
    r"""The Jacobian of a function from a list of scalars to a list of scalars, as a function: :math:`J_{ij} = \partial f_i/\partial x_j`.

    Args:
        f: a function of a list of scalars whose result is a list of scalars. Further arguments are passed to it as they are.

    Returns:
        A function ``(x, *args)`` that takes a list or an array of numbers and returns the list of the rows of the Jacobian, one
        for each result: numbers, or Values where ``value_and_grad`` returns Values.

    Raises:
        TypeError: by the function, if x or f's result is no flat list, or one of the results is a plain number.

    >>> jacobian_of(lambda x: [x[0] * x[1], x[0] + x[1], 5 * x[1]])([2.0, 3.0])
    [[3.0, 2.0], [1.0, 1.0], [0.0, 5.0]]
    """
    require_function("jacobian_of", f, "jacobian(outputs, inputs)")

    @wraps(f, _NAMES, ())
    def rows(x: Any, *args: Any) -> list[list[Any]]:
        _, rows = _differentiated(f, _variables(f, [_flat("jacobian_of", x)]), args, list_of_results)
        return rows

    return rows


# --- the derivative, in variables of its own ----------------------------------------------------------------------------

_NAMES = ("__name__", "__qualname__")  # what a derivative takes over from its function, for messages
_open_variables: set[Value] = set()  # those of the calls that are running: each call makes its own


class _Here(threading.local):
    """Other Values with respect to which this thread differentiates what it computes."""

    differentiated: frozenset[Value] = frozenset()


_here = _Here()


def _differentiated(
    f: Function, variables: list[Any], rest: Sequence[Any], results: Callable[[Function, Any], list[Value]]
) -> tuple[list[Any], list[list[Any]]]:
    """The results of f, and the rows of their Jacobian with respect to the variables: all numbers, or all Values."""
    inputs = list(leaves(variables))
    _open_variables.update(inputs)
    try:
        outputs = results(f, f(*variables, *rest))
    finally:
        _open_variables.difference_update(inputs)
    stand_for_values = any(type(source) is not Constant for node in inputs for source in node.inputs)
    create_graph = stand_for_values or _holds_value(rest) or _is_differentiated_outside(outputs)
    rows = jacobian(outputs, inputs, create_graph)
    return (outputs if create_graph else [output.data for output in outputs]), rows


def with_derivatives_of(values: Iterable[Value], do: Callable[[], T]) -> T:
    """The result of ``do()``, in which derivatives that depend on these Values are Values too, as while a function is compiled.

    >>> w = Value(3.0)
    >>> with_derivatives_of([w], lambda: derivative(lambda x: w * x)(2.0))
    Value(data=3.0, grad=0.0)
    """
    return with_attribute(_here, "differentiated", frozenset(values), do)


def _is_differentiated_outside(outputs: Sequence[Value]) -> bool:
    """Whether the results depend on a variable of an enclosing call, or on a ``Value`` of a function that is being compiled."""
    variables = _open_variables | _here.differentiated
    if not variables and not is_tracing():
        return False
    order = topological_order(*outputs)
    return not variables.isdisjoint(order) or any(map(is_traced, order))


def _holds_value(arguments: Any) -> bool:
    """Whether one of the arguments is a ``Value``, or a list or an array with one in it."""
    if isinstance(arguments, list | tuple) or (_is_array(arguments) and arguments.dtype == object):
        return any(map(_holds_value, arguments))
    return isinstance(arguments, Value)


def _variables(f: Function, arguments: Sequence[Any]) -> list[Any]:
    names = argument_names(f, len(arguments))
    return [_variable(argument, name) for argument, name in zip(arguments, names, strict=True)]


def _variable(argument: Any, name: str) -> Any:
    """A node that stands for the argument and has its number; for a list, a list of such."""
    if is_list(argument):
        return like(argument, [_variable(entry, f"{name}[{k}]") for k, entry in enumerate(argument)])
    node = apply1(IDENTITY, as_value(number_in(argument)))
    node.label = name
    return node


# --- what is refused ----------------------------------------------------------------------------------------------------


def require_function(who: str, f: Any, on_nodes: str) -> None:
    """Refuse what is no function, and name the question about nodes that it may have been meant for."""
    if not callable(f):
        kind = "a Value" if isinstance(f, Value) else described(f)
        raise TypeError(f"{who} takes a function, but got {kind}; derivatives of nodes are {on_nodes}")


def _flat(who: str, x: Any) -> Any:
    if not is_list(x):
        raise TypeError(f"{who}(f) takes a list of scalars, but got {described(x)}; for one scalar there is derivative(f)")
    entries = x if hasattr(x, "__len__") else list(x)  # a generator is read once
    if any(map(is_list, entries)):
        raise TypeError(f"{who}(f) takes a flat list, but got {described(x)}; for lists of lists there is value_and_grad(f)")
    return entries


def one_result(f: Function, result: Any) -> list[Value]:
    """The result of f, which must be one ``Value``, in a list."""
    if not isinstance(result, Value) and is_list(result):
        raise TypeError(
            f"{_called(f)} must return one scalar, but returned {described(result)}; for a list of results there is jacobian_of(f)"
        )
    return [_result(f, result, "")]


def list_of_results(f: Function, results: Any) -> list[Value]:
    """The results of f, which must be a list of Values."""
    if not is_list(results):
        raise TypeError(
            f"{_called(f)} must return a list of scalars, but returned {described(results)}; for one scalar there is gradient(f)"
        )
    return [_result(f, result, f" as number {k} of its results") for k, result in enumerate(results)]


def _result(f: Function, result: Any, which: str) -> Value:
    if isinstance(result, Value):
        return result
    scalar(f, result)
    raise TypeError(
        f"{_called(f)} returned {described(result)}{which}: a plain number has no derivative. Either it was computed from numbers "
        "that f read (x.data, float(x), math.sin), and must be computed from the Values themselves (autograd.sin); or it is the "
        "same for all arguments, and must be a Value too: 0 * x + c, or Value(c)"
    )


def _called(f: Function) -> str:
    return getattr(f, "__name__", "the function")


# --- arguments as Values, lists as lists ------------------------------------------------------------------------------


def argument_names(f: Function, count: int) -> list[str]:
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
    if is_list(argument):
        return [wrapped(entry, f"{name}[{k}]") for k, entry in enumerate(argument)]
    return Value(number_in(argument), name)


def number_in(argument: Any) -> Any:
    """What an array without axes holds; anything else as it is."""
    return argument[()] if _is_array(argument) and argument.shape == () else argument


def leaves(values: Iterable[Any]) -> Iterator[Value]:
    """The Values in nested lists, from left to right."""
    for entry in values:
        if isinstance(entry, Value):
            yield entry
        else:
            yield from leaves(entry)


def scalar(f: Function, output: Any) -> Value:
    """The result of f, which must be one scalar."""
    try:
        return as_value(output)
    except TypeError:
        hint = "has it no return?" if output is None else "for several outputs make Values and ask for their jacobian"
        raise TypeError(f"{_called(f)} must give one scalar, but gave {described(output)}; {hint}") from None


def is_list(argument: Any) -> bool:
    """Whether an argument is a list of scalars, or of lists: anything that can be looped over, but no text."""
    return hasattr(argument, "__iter__") and not isinstance(argument, str) and getattr(argument, "shape", None) != ()


def _is_array(argument: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(argument, numpy.ndarray)


def like(argument: Any, entries: list[Any]) -> Any:
    """The entries as an array if the argument is one, so that f may compute with it as with the argument; else as a list."""
    if not _is_array(argument):
        return entries
    array = sys.modules["numpy"].empty(argument.shape, object)
    for k, entry in enumerate(entries):
        array[k] = entry
    return array


def _of_the_same_shape(values: Any, numbers: Iterator[Any]) -> Any:
    return next(numbers) if isinstance(values, Value) else [_of_the_same_shape(entry, numbers) for entry in values]
