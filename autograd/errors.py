"""The engine's own errors, as a tree.

ValueError
 ├─ SolutionError       equations that ``solve`` finds no solution of, or one without a derivative
 ├─ DomainError         a finite operand outside the domain of an operation: log(-1), asin(2)
 │   └─ PoleError       the same where it divides by zero, so a ZeroDivisionError too: 1 / 0, 0 ** -1
 └─ ExpressionError     a text that cannot become a graph (``autograd.expression``); it shows the place
TypeError
 ├─ ClosureError        a derivative of an operation that is a closure, and has none to read
 └─ TracingError        while it is traced, a function reads a number or chooses by one; or its program does not do what it does
OverflowError
 └─ ExactPowerError     a power of exact numbers that would have hundreds of thousands of digits
"""


class DomainError(ValueError):
    """A finite operand lies outside the domain of the operation.

    >>> import autograd
    >>> autograd.Value(-1.0, "p").log()
    Traceback (most recent call last):
        ...
    autograd.errors.DomainError: log(x) needs x > 0, but x = -1.0 ('p'). If x is a probability, take the \
cross-entropy of the logits: it never takes the log of 0.
    """


class PoleError(DomainError, ZeroDivisionError):
    """A :class:`DomainError` where the operation divides by zero, so a ``ZeroDivisionError`` too.

    >>> import autograd
    >>> try:
    ...     1 / autograd.Value(0.0)
    ... except ZeroDivisionError as error:
    ...     print(error)
    x / y needs y != 0, but x = 1, y = 0.0. Keep the denominator away from 0, for example by adding a small constant.
    """


class SolutionError(ValueError):
    """``autograd.solve`` finds no solution, or one at which the derivative of the residuals is singular.

    >>> import autograd
    >>> autograd.solve(lambda x: x * x + 1, 2.0)                                                     # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    autograd.errors.SolutionError: solve started at 2 and found no solution: after ... Start nearer to a solution, and make sure \
that there is one
    """


class ClosureError(TypeError):
    """An operation made of a closure (micrograd's ``out._backward = ...``) has no local derivatives to read.

    >>> import autograd
    >>> x = autograd.Value(3.0)
    >>> autograd.grad(autograd.Value(9.0, (x,), "square"), [x])
    Traceback (most recent call last):
        ...
    autograd.errors.ClosureError: 'square' is a closure: backward() can run it, but it has no local derivatives to \
read. State it as a row, Op(name, value, partials), or compose it of operations that are rows.
    """


class ExactPowerError(OverflowError):
    """A power of exact numbers that would have too many digits.

    >>> import autograd
    >>> autograd.Value(3) ** 10**400
    Traceback (most recent call last):
        ...
    autograd.errors.ExactPowerError: the exact power x ** y of x = 3 and a y of 1330 bits would have more than 300000 digits; \
take a smaller exponent, or a float for x, whose powers are rounded
    """


class TracingError(TypeError):
    """While ``autograd.compile`` traces a function, it reads the number of a ``Value`` or chooses by it; or afterwards it computes,
    for the first data, something else than the program.

    >>> import autograd
    >>> autograd.compile(lambda x: x if x > 0 else 0 * x)([1.0, 2.0])
    Traceback (most recent call last):
        ...
    autograd.errors.TracingError: whether x > 0 was asked while autograd.compile traces the function (<doctest \
autograd.errors.TracingError[1]>, line 1: autograd.compile(lambda x: x if x > 0 else 0 * x)([1.0, 2.0])): if, and, or, not and \
a < x < b decide once, while tracing, for all examples alike. Choose with where(condition, a, b), and join conditions with & | ~, \
each in parentheses; or say it with autograd.maximum, minimum, relu or abs
    """
