"""Whether ``autograd.compile`` is tracing: then a ``Value`` has no number, and a function that reads numbers asks first."""

import math

from autograd import value


def is_traced(x: object) -> bool:
    """Whether x is a ``Value`` without a number, since ``autograd.compile`` is tracing the function that computes with it.

    A function that reads numbers, to check them for example, asks this first, since a traced ``Value`` has none to read.

    >>> import autograd
    >>> def root(x):
    ...     if not is_traced(x) and x < 0:
    ...         raise ValueError("no root")
    ...     return autograd.sqrt(x)
    >>> root(autograd.Value(4.0)).data, autograd.compile(root).value([4.0, 9.0])
    (2.0, 2.5)
    """
    return isinstance(x, value.Value) and bool(getattr(x, "_is_traced", False))


def is_tracing() -> bool:
    """Whether ``autograd.compile`` is tracing a function in this thread: then new nodes without a number are traced.

    >>> from autograd import compile
    >>> seen = []
    >>> program = compile(lambda x: seen.append(is_tracing()) or 2 * x, shapes=[()])
    >>> seen, is_tracing()
    ([True], False)
    """
    node = value.new_node(value.Value)
    value.Value.__init__(node, math.nan)
    return is_traced(node)
