"""Value: a number that remembers how it was made. The chain rule is in ``backward``, at the end of the class.

The names of micrograd's programs (``_prev``, ``_backward``, ...) stand in ``micrograd.py``, those that NumPy looks for in
``numpy_names.py``. Two names here are hooks: ``new_node`` and ``current_scope`` are looked up at each operation, and ``hooks.py``
exchanges them while ``debug()`` or a trace is open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from functools import partial, reduce, wraps
from sys import float_info
from typing import Any, TypeAlias, TypeVar, Union, overload

from autograd import ops
from autograd.errors import TracingError
from autograd.graph import label_of, topological_order
from autograd.micrograd import Closure, Micrograd, closure_of, step_back
from autograd.numpy_names import NumpyNames, one_at_a_time
from autograd.rules.cut import CUT
from autograd.rules.evaluate import evaluate
from autograd.rules.exact_powers import base_of_power
from autograd.rules.numbers import Number, number
from autograd.rules.op import Op
from autograd.scopes import Scope, current_scope
from autograd.text import counted, described, in_full

Operand: TypeAlias = Union["Value", int, float, Fraction]
Evaluate: TypeAlias = Callable[..., tuple[Any, ...]]
T = TypeVar("T", "Value", float)  # a function of one scalar returns a Value for a Value, a number for a number


def require_numbers(nodes: Iterable[Value], name: str, what: str) -> None:
    """Say which node has something that is no number in its ``data`` or ``grad``, if one has.

    Raises:
        TypeError: if one has.

    >>> p = Value(1.0, "p"); p.grad = None
    >>> require_numbers([p], "grad", "backward() adds to it")
    Traceback (most recent call last):
        ...
    TypeError: the grad of 'p' is None of type NoneType, but backward() adds to it: assign a number. For a gradient that is 0, as \
zero_grad() does
    """
    for node in nodes:
        try:
            number(getattr(node, name))
        except TypeError:
            which = f"'{label_of(node)}'" if label_of(node) else "a Value without a label"
            remedy = (
                ". For a gradient that is 0, as zero_grad() does"
                if name == "grad"
                else ", as Value() takes it: int, float or Fraction"
            )
            is_now = described(getattr(node, name))
            raise TypeError(f"the {name} of {which} is {is_now}, but {what}: assign a number{remedy}") from None


def says_which_grad_is_no_number(backward: Callable[[Value], None]) -> Callable[[Value], None]:
    """The pass, which fails where a gradient was set to None, say; then the error names it."""

    @wraps(backward)
    def checked(self: Value) -> None:
        try:
            backward(self)
        except TypeError:
            require_numbers(topological_order(self), "grad", "backward() adds to it")
            raise

    return checked


class Value(Micrograd, NumpyNames):
    """A number in a computation graph, with its gradient.

    Arithmetic on ``Value`` objects computes and records: the result knows its operation, its inputs, and its local derivative
    with respect to each input. ``backward()`` on a result then finds its derivative with respect to every value it was computed
    from.

    Args:
        data: an int, float or Fraction, kept as given; bools and NumPy scalars become Python numbers.
        label: a name for pictures and messages. (micrograd's ``Value(data, children, op)`` and a microgpt's ``Value(data,
            children, local_derivatives)`` are understood too: see ``Closure``.)

    Attributes:
        data: the number (the *primal*). Assign to it to train: ``p.data -= 0.1 * p.grad``.
        grad: the derivative of an output with respect to this value (the *adjoint*), after ``backward()`` on the output. Inner
            nodes hold that of the latest pass, leaves the sum over all passes since it was set to 0.
        op: the row of the table that made it; None on leaves.
        inputs, partials, cuts: the operands of that row, the local derivatives with respect to them, and which of these are cut.
        label, scope: its name, and the names of the scopes that it was made in.

    Raises:
        TypeError: if the data is not a real number.

    Source: micrograd (Karpathy 2020) in form; the equations of backpropagation, S4.84-S4.90, in substance.

    >>> x, y = Value(2.0, "x"), Value(-3.0, "y")
    >>> z = x * y + x**2
    >>> z.backward()
    >>> z.data, x.grad, y.grad
    (-2.0, 1.0, 2.0)
    """

    __slots__ = ("data", "grad", "op", "scope", "_x", "_y", "_dx", "_dy", "__dict__", "__weakref__")  # fmt: skip
    data: Any
    grad: Any
    op: Op | Closure | None
    label: str = ""  # no slot: few nodes have one, and they keep it in __dict__, beside the attributes that users set
    scope: Scope
    _x: Value | None  # the operands, and the local derivatives with respect to them. They have slots of their own,
    _y: Value | None  # and not tuples, so that a node is one object for the garbage collector and not five
    _dx: Any
    _dy: Any

    def __init__(
        self, data: Number, _children: str | Iterable[Value] = (), _op: str | Iterable[Number] = "", label: str = ""
    ) -> None:
        if isinstance(_children, str):
            label, _children = _children, ()
        self._x = self._y = self._dx = self._dy = None
        self.data = number(data)
        self.grad = type(self.data)()  # the zero of the same kind: Fraction(0) for a Fraction
        self.op = closure_of(_children, _op) if _op or _children else None
        if label:
            self.label = label
        self.scope = current_scope()

    # --- reading a node -------------------------------------------------------------------------------------------

    @property
    def inputs(self) -> tuple[Value, ...]:
        """The operands in order: ``x * x`` has x twice."""
        if self._y is not None:
            return (self._x, self._y)  # type: ignore[return-value]
        if self._x is not None:
            return (self._x,)
        return self.op.inputs if isinstance(self.op, Closure) else ()

    @property
    def partials(self) -> tuple[Any, ...]:
        """The derivatives of this node with respect to its inputs, as numbers. A closure that is a function has none."""
        return tuple(type(self.data)() if slope is CUT else slope for slope in self._slopes)

    @property
    def cuts(self) -> tuple[bool, ...]:
        """For each input whether it was not chosen, so that its derivative is 0 and nothing passes, not even 0 times infinity."""
        return tuple(slope is CUT for slope in self._slopes)

    @property
    def _slopes(self) -> tuple[Any, ...]:
        """The partials as the chain rule takes them: ``CUT`` where nothing passes."""
        if isinstance(self.op, Op):
            return (self._dx, self._dy)[: self.op.arity]
        return self.op.partials if self.op else ()

    @property
    def made_at(self) -> Any:
        """The line of your code that made it, if that was inside ``debug()``: a ``Line``; else None."""
        return getattr(self.scope, "line", None)

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        return f"{type(self).__name__}(data={in_full(self.data)}, grad={in_full(self.grad)}{label})"

    def __format__(self, spec: str) -> str:
        if not spec:
            return in_full(self.data)
        try:
            return format(
                float(self.data) if isinstance(self.data, Fraction) else self.data, spec
            )  # Python 3.11 formats no Fraction
        except OverflowError:  # beyond the floats
            return format(Decimal(self.data.numerator) / self.data.denominator, spec)
        except ValueError:  # of thousands of digits, which Python does not print; or a spec that is none
            return format(in_full(self.data) if isinstance(self.data, int) else self.data, spec)

    def __getstate__(self) -> tuple[Any, ...]:
        """What ``copy`` and ``pickle`` keep of a node, after the nodes that it was computed from: see ``copying.py``."""
        from autograd.copying import inputs_before, slots_of

        names = slots_of(type(self))  # type: ignore[arg-type]  # a class can be hashed
        return inputs_before(self), self.__dict__, *(getattr(self, name, ...) for name in names)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        from autograd.copying import slots_of

        _, attributes, *held = state
        self.__dict__.update(attributes)
        for name, part in zip(slots_of(type(self)), held, strict=True):  # type: ignore[arg-type]
            if part is not ...:  # a slot that was empty
                setattr(self, name, part)

    # fmt: off
    # --- operators: a number on either side becomes a constant ------------------------------------------------------

    def __add__(self, other: Operand) -> Value: return apply2(ops.ADD, self, other)
    def __radd__(self, other: Operand) -> Value: return self if type(other) is int and other == 0 else apply2(ops.ADD, other, self)  # sum() starts at 0
    def __sub__(self, other: Operand) -> Value: return apply2(ops.SUB, self, other)
    def __rsub__(self, other: Operand) -> Value: return apply2(ops.SUB, other, self)
    def __mul__(self, other: Operand) -> Value: return apply2(ops.MUL, self, other)
    def __rmul__(self, other: Operand) -> Value: return apply2(ops.MUL, other, self)
    def __truediv__(self, other: Operand) -> Value: return apply2(ops.DIV, self, other)
    def __rtruediv__(self, other: Operand) -> Value: return apply2(ops.DIV, other, self)
    def __pow__(self, other: Operand) -> Value: return apply_power(self, other)
    def __floordiv__(self, other: Operand) -> Value: return apply2(ops.FLOORDIV, self, other)
    def __rfloordiv__(self, other: Operand) -> Value: return apply2(ops.FLOORDIV, other, self)
    def __mod__(self, other: Operand) -> Value: return apply2(ops.MOD, self, other)
    def __rmod__(self, other: Operand) -> Value: return apply2(ops.MOD, other, self)
    def __divmod__(self, other: Operand) -> tuple[Value, Value]: return self // other, self % other
    def __rdivmod__(self, other: Operand) -> tuple[Value, Value]: return other // self, other % self
    def __rpow__(self, other: Operand) -> Value: return apply2(ops.POWER, base_of_power(other), self)
    def __neg__(self) -> Value: return apply1(ops.NEG, self)
    def __pos__(self) -> Value: return self
    def __abs__(self) -> Value: return apply1(ops.ABS, self)
    def __floor__(self) -> Value: return apply1(ops.FLOOR, self)
    def __ceil__(self) -> Value: return -(-self).floor()
    def __trunc__(self) -> Value: return self.sign() * abs(self).floor()
    def __round__(self, digits: int = 0) -> Value: return rounded(self, digits)

    # --- the rows of the table by name ------------------------------------------------------------------------------

    def abs(self) -> Value: return apply1(ops.ABS, self)
    def sign(self) -> Value: return apply1(ops.SIGN, self)
    def step(self) -> Value: return apply1(ops.STEP, self)
    def heaviside(self) -> Value: return apply1(ops.HEAVISIDE, self)
    def detach(self) -> Value: return apply1(ops.DETACH, self)
    def identity(self) -> Value: return apply1(ops.IDENTITY, self)
    def less(self, other: Operand) -> Condition: return condition(ops.LESS, self, other)
    def less_equal(self, other: Operand) -> Condition: return condition(ops.LESS_EQUAL, self, other)
    def equal(self, other: Operand) -> Condition: return condition(ops.EQUAL, self, other)
    def when(self, other: Operand) -> Value: return apply_named(ops.WHEN, self, other)
    def unless(self, other: Operand) -> Value: return apply_named(ops.UNLESS, self, other)
    def maximum(self, *others: Operand) -> Value: return reduce(partial(apply_named, ops.MAXIMUM), others, self)
    def minimum(self, *others: Operand) -> Value: return reduce(partial(apply_named, ops.MINIMUM), others, self)
    def floor(self) -> Value: return apply1(ops.FLOOR, self)
    def rint(self) -> Value: return apply1(ops.RINT, self)
    def mod(self, other: Operand) -> Value: return apply_named(ops.MOD, self, other)
    def floordiv(self, other: Operand) -> Value: return apply_named(ops.FLOORDIV, self, other)
    def exp(self) -> Value: return apply1(ops.EXP, self)
    def exp2(self) -> Value: return apply1(ops.EXP2, self)
    def expm1(self) -> Value: return apply1(ops.EXPM1, self)
    def log(self) -> Value: return apply1(ops.LOG, self)
    def log2(self) -> Value: return apply1(ops.LOG2, self)
    def log10(self) -> Value: return apply1(ops.LOG10, self)
    def log1p(self) -> Value: return apply1(ops.LOG1P, self)
    def sqrt(self) -> Value: return apply1(ops.SQRT, self)
    def cbrt(self) -> Value: return apply1(ops.CBRT, self)
    def hypot(self, other: Operand) -> Value: return apply_named(ops.HYPOT, self, other)
    def sin(self) -> Value: return apply1(ops.SIN, self)
    def cos(self) -> Value: return apply1(ops.COS, self)
    def tan(self) -> Value: return apply1(ops.TAN, self)
    def asin(self) -> Value: return apply1(ops.ASIN, self)
    def acos(self) -> Value: return apply1(ops.ACOS, self)
    def atan(self) -> Value: return apply1(ops.ATAN, self)
    def atan2(self, x: Operand) -> Value: return apply_named(ops.ATAN2, self, x)
    def sinc(self) -> Value: return apply1(ops.SINC, self)
    def sinh(self) -> Value: return apply1(ops.SINH, self)
    def cosh(self) -> Value: return apply1(ops.COSH, self)
    def tanh(self) -> Value: return apply1(ops.TANH, self)
    def asinh(self) -> Value: return apply1(ops.ASINH, self)
    def acosh(self) -> Value: return apply1(ops.ACOSH, self)
    def atanh(self) -> Value: return apply1(ops.ATANH, self)
    def erf(self) -> Value: return apply1(ops.ERF, self)
    def erfc(self) -> Value: return apply1(ops.ERFC, self)
    def sigmoid(self) -> Value: return apply1(ops.SIGMOID, self)
    def softplus(self) -> Value: return apply1(ops.SOFTPLUS, self)
    def logaddexp(self, other: Operand) -> Value: return apply_named(ops.LOGADDEXP, self, other)
    def relu(self) -> Value: return apply1(ops.RELU, self)
    def leaky_relu(self, slope: Number | None = None) -> Value: return apply1(ops.LEAKY_RELU.at(slope), self)
    def elu(self, alpha: Number | None = None) -> Value: return apply1(ops.ELU.at(alpha), self)
    def silu(self) -> Value: return apply1(ops.SILU, self)
    def gelu(self) -> Value: return apply1(ops.GELU, self)
    def gelu_tanh(self) -> Value: return apply1(ops.GELU_TANH, self)

    # --- comparisons go by value; == and hash by identity, so that a Value can be a key -------------------------------

    def __lt__(self, other: Operand) -> bool: return self.data < data_of(other)  # type: ignore[no-any-return]
    def __le__(self, other: Operand) -> bool: return self.data <= data_of(other)  # type: ignore[no-any-return]
    def __gt__(self, other: Operand) -> bool: return self.data > data_of(other)  # type: ignore[no-any-return]
    def __ge__(self, other: Operand) -> bool: return self.data >= data_of(other)  # type: ignore[no-any-return]
    def __bool__(self) -> bool: return bool(self.data)

    # --- and, or, not: of conditions, which less(x, y) and the like record --------------------------------------------

    def __and__(self, other: Condition | bool) -> Condition: return condition(ops.MUL, as_condition(self), as_condition(other))
    def __or__(self, other: Condition | bool) -> Condition: return condition(ops.MAXIMUM, as_condition(self), as_condition(other))
    def __invert__(self) -> Condition: return condition(ops.SUB, 1, as_condition(self))
    __rand__, __ror__ = __and__, __or__
    # fmt: on

    def __float__(self) -> float:
        raise TypeError(
            "float() and int() would cut the graph: the derivative could not pass through them. For functions of a Value use "
            "autograd's (autograd.exp, not math.exp); for its number alone say .data"
        )

    def __int__(self) -> int:
        try:
            return int(float(self))
        except TracingError:
            raise
        except TypeError:  # of which "%d" % value would show nothing
            raise ValueError(
                "int() and %d would cut the graph: the derivative could not pass through them. For a whole number that is recorded "
                "say round(x) or autograd.floor(x), whose derivative is 0; for its number alone int(x.data)"
            ) from None

    # --- the chain rule ---------------------------------------------------------------------------------------------

    @says_which_grad_is_no_number
    def backward(self) -> None:
        r"""Add :math:`\partial\,self/\partial\,v` to the ``grad`` of every leaf v that this value was computed from.

        One pass goes from this value back to the leaves. The gradient of a node v is a sum over its users u, of the user's
        gradient times the user's local derivative:

        .. math:: \bar v = \sum_{u\,:\,v \to u} \bar u\,\frac{\partial u}{\partial v}

        An operand that was not chosen, as x in ``detach(x)`` or below 0 in ``maximum(x, 0)``, receives nothing: its local
        derivative is cut. A node that has received nothing passes nothing on, not even 0 times infinity.

        Inner nodes hold the gradient of the latest pass. Leaves add up the gradients of all passes, until their ``grad`` is set
        to 0. Constants keep the gradient 0. Two threads must not do this at the same time on graphs that share nodes: for that
        there is ``grad``, which writes to none.

        Source: Griewank & Walther (2008), section 3.2; S0.14, S4.49.

        >>> x = Value(3.0)
        >>> y = x * x
        >>> y.backward(); x.grad
        6.0
        >>> y.backward(); x.grad          # a second pass adds the same again
        12.0
        """
        order = topological_order(self)
        nothing = type(self.data)()  # a zero of its own: a sum makes a new number, adding what is cut keeps this one
        for node in order:
            if node._x is not None or node.inputs:
                node.grad = nothing
        self.grad += nothing + 1  # d(self) / d(self)
        for node in reversed(order):
            if node.grad is nothing:
                continue
            x, y = node._x, node._y
            if x is not None:
                x.grad += node._dx * node.grad
                if y is not None:
                    y.grad += node._dy * node.grad
            elif node.op is not None:
                step_back(node)()
            elif type(node) is Constant:
                node.grad = type(node.data)()


class Constant(Value):
    """A leaf made of a plain number that stood beside a ``Value``: it takes no gradient, and pictures show it in grey.

    >>> x = Value(2.0)
    >>> (x * 10).inputs
    (Value(data=2.0, grad=0.0), Constant(data=10, grad=0))
    """

    __slots__ = ()


class Condition(Value):
    """A comparison that is recorded: 1 where it holds and 0 where not, Iverson's bracket. ``where`` chooses by it.

    ``less``, ``less_equal`` and ``equal`` make conditions, and so do ``<``, ``<=``, ``>`` and ``>=`` while ``autograd.compile``
    traces a function. They are joined with ``&``, ``|`` and ``~``, in parentheses.

    >>> x = Value(2.0)
    >>> x.less(3.0) & ~x.equal(1.0)
    Condition(data=1.0, grad=0.0)
    """

    __slots__ = ()


# --- recording ------------------------------------------------------------------------------------------------------

new_node = object.__new__


def apply1(op: Op, x: Value, fallback: Evaluate = evaluate) -> Value:
    """Compute an operation of one operand and record it: returns a node with the result, its input and the local derivative.

    ``fallback`` computes what the kernel for floats cannot: other numbers, overflow, and the edges of the domain.

    Raises:
        DomainError: if a finite operand lies outside the domain of the operation.

    >>> from autograd import ops
    >>> node = apply1(ops.EXP, Value(0.0))
    >>> node.data, node.partials
    (1.0, (1.0,))
    """
    node = new_node(Value)
    node.op = op
    node.scope = current_scope()
    node._x = x
    node._y = node._dy = None
    a = x.data
    if type(a) is float:
        node.grad = 0.0
        try:
            node.data, node._dx = op.kernel(a)
            return node
        except (ArithmeticError, ValueError):
            pass  # fallback() returns a result, or raises an error that says what is wrong
    node.data, node._dx = fallback(op, a, labels=(x.label,))
    node.grad = type(node.data)()
    return node


def apply2(op: Op, x: Any, y: Any, fallback: Evaluate = evaluate, kind: type[Value] = Value) -> Value:
    """The same for two operands, of which one may be a plain number: it becomes a constant.

    If an operand is no number at all it returns ``NotImplemented``, so that Python asks the type of that operand. (A NumPy
    array then computes entry by entry.)

    >>> from autograd import ops
    >>> node = apply2(ops.MUL, Value(2.0), 5.0)
    >>> node.data, node.partials
    (10.0, (5.0, 2.0))
    """
    if not isinstance(x, Value):
        x = _constant(x)
        if x is NotImplemented:
            return NotImplemented  # type: ignore[no-any-return]
    if not isinstance(y, Value):
        y = _constant(y)
        if y is NotImplemented:
            return NotImplemented  # type: ignore[no-any-return]
    node = new_node(kind)
    node.op = op
    node.scope = current_scope()
    node._x = x
    node._y = y
    a = x.data
    b = y.data
    if type(a) is float and type(b) is float:
        node.grad = 0.0
        try:
            node.data, node._dx, node._dy = op.kernel(a, b)
            return node
        except (ArithmeticError, ValueError):
            pass
    node.data, node._dx, node._dy = fallback(op, a, b, labels=(x.label, y.label))
    node.grad = type(node.data)()
    return node


@overload
def apply(op: Op, x: T, /, *, fallback: Evaluate = ...) -> T: ...
@overload
def apply(op: Op, x: Value, y: Operand, /, *, fallback: Evaluate = ...) -> Value: ...
@overload
def apply(op: Op, x: Operand, y: Value, /, *, fallback: Evaluate = ...) -> Value: ...
@overload
def apply(op: Op, x: float, y: float, /, *, fallback: Evaluate = ...) -> float: ...
@overload
def apply(op: Op, *operands: Operand, fallback: Evaluate = ...) -> Any: ...
def apply(op: Op, *operands: Operand, fallback: Evaluate = evaluate) -> Any:
    """Compute an operation, and record it if an operand is a ``Value``; if all are plain numbers, so is the result.

    Args:
        op: the row, which may be your own. A family stands for its member with the default constant.
        operands: as many as the row has partials.

    Raises:
        DomainError: if a finite operand lies outside the domain of the operation.
        TypeError, ValueError: if there are too many operands or too few, one is no number, or a family has no default.

    >>> from autograd import OPS
    >>> apply(OPS["mul"], Value(2.0), 5.0), apply(OPS["exp"], 0.0)
    (Value(data=10.0, grad=0.0), 1.0)
    """
    try:
        arity = op.arity
    except AttributeError:
        raise TypeError(
            f"apply takes a row of the table, OPS['mul'] for one, and its operands, but got {described(op)}"
        ) from None
    if len(operands) != arity:
        raise TypeError(f"{op.name} is an operation of {counted(op.arity, 'operand')}, but got {len(operands)}")
    if op.is_family and op.c is None:
        op = op.at()
    try:
        if not any(isinstance(operand, Value) for operand in operands):
            return fallback(op, *operands)[0]
        x, *y = map(as_value, operands)
    except TypeError:
        if any(hasattr(operand, "__iter__") and not isinstance(operand, str) for operand in operands):
            raise TypeError(one_at_a_time(op, operands)) from None
        raise
    return apply2(op, x, y[0], fallback, Condition if op.is_comparison else Value) if y else apply1(op, x, fallback)


def apply_named(op: Op, x: Operand, y: Operand, kind: type[Value] = Value) -> Value:
    """The same for the methods of two operands; ``apply`` says what is wrong with one if it is no number."""
    node = apply2(op, x, y, kind=kind)
    return node if node is not NotImplemented else apply(op, x, y)  # type: ignore[return-value]


def condition(op: Op, x: Operand, y: Operand) -> Condition:
    """The same for an operation whose result is a condition: a comparison, or conditions joined."""
    return apply_named(op, x, y, Condition)  # type: ignore[return-value]


def apply_power(x: Value, exponent: Operand) -> Value:
    """``x ** exponent``. If the exponent is a number, the row is POW, whose derivative needs no log of x."""
    if isinstance(exponent, Value):
        return apply2(ops.POWER, x, exponent)
    c = _constant(exponent)
    return apply1(ops.POW.at(c.data), x) if c is not NotImplemented else NotImplemented


def rounded(x: Value, digits: int) -> Value:
    """The nearest multiple of ``10**-digits``, of two the one that is even, as NumPy rounds; exact of exact numbers.

    A float whose neighbours lie further apart is such a multiple but for rounding, and stays what it is.

    >>> round(Value(2.345), 1).data, round(Value(1e300), 10).data, round(Value(Fraction(500, 3)), -1).data
    (2.3, 1e+300, Fraction(170, 1))
    """
    if not digits:
        return x.rint()
    if not isinstance(digits, int):
        raise TypeError(f"round takes a whole number of decimal places, as in round(x, 2), but got {described(digits)}")
    is_float = isinstance(x.data, float)
    if is_float and abs(digits) > float_info.max_10_exp:  # a unit beyond the floats
        return x.detach() if digits > 0 else x.detach() * 0
    unit = Fraction(10) ** abs(digits)
    if digits < 0:
        return (x / unit).rint() * unit
    nearest = (x * unit).rint() / unit
    if not is_float:
        return nearest
    stays = condition(ops.LESS_EQUAL, float(2**53 / unit), abs(x))
    return stays.when(x.detach()) + stays.unless(nearest)


def as_value(operand: Operand) -> Value:
    """The operand itself if it is a ``Value``; a constant if it is a number.

    Raises:
        TypeError: for anything else.
    """
    return operand if isinstance(operand, Value) else Constant(operand)


def as_condition(given: Any) -> Condition | bool:
    """A condition itself; True for 1, and False for 0.

    Raises:
        TypeError: for anything else, saying what may have been meant.

    >>> as_condition(0)
    False
    >>> as_condition(-2)
    Traceback (most recent call last):
        ...
    TypeError: a condition is a comparison, or True or False, but got -2 of type int; ~True is -2 in Python and ~False -1: write \
the opposite comparison, or not. (~ is for conditions that are recorded, as autograd.less of Values is.)
    """
    if isinstance(given, Condition):
        return given
    what, hint = described(given), ""
    if isinstance(given, Value):
        what = f"the number {given.label}" if given.label else "a Value, which is a number"
        hint = (
            "; compare it, as in x > 0 or autograd.equal(x, 1). & and | bind more tightly than <, so comparisons stand in "
            "parentheses: (a < b) & (b < c)"
        )
    elif hasattr(given, "__iter__"):
        hint = "; for an array of conditions there is np.where(conditions, a, b), whose a and b may be arrays of Values"
    elif given in (0, 1):
        return bool(given)
    elif given in (-1, -2):
        hint = (
            "; ~True is -2 in Python and ~False -1: write the opposite comparison, or not. "
            "(~ is for conditions that are recorded, as autograd.less of Values is.)"
        )
    raise TypeError(f"a condition is a comparison, or True or False, but got {what}{hint}")


def data_of(operand: Operand) -> Any:
    """The number of a ``Value``; a number itself."""
    return operand.data if isinstance(operand, Value) else operand


def _constant(operand: Any) -> Any:
    try:
        return Constant(operand)
    except TypeError:
        return NotImplemented
