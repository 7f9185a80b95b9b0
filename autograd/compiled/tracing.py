"""Tracing: a function runs once, on Values without numbers, and the graph that it records becomes a tape.

A choice by a number would be made once, for all examples alike. So traced Values hold nan, and choosing by one, or reading it, raises
a TracingError that names the line. So does asking an input for its text, its hash or its class. Code outside tracing pays nothing: nodes made while tracing are of a class of their own,
``Traced``, and so are the parameters until the trace ends.
"""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, NoReturn

from autograd.compiled.tape import NO_OPERAND, Instruction, Shape, Tape
from autograd.debugging import Line, debug, is_asked_by_user, is_debugger_asking, users_line
from autograd.errors import ClosureError, TracingError
from autograd.functional import argument_names
from autograd.graph import label_of, topological_order
from autograd.hooks import with_nodes_made_by
from autograd.implicit import in_rows
from autograd.micrograd import Closure
from autograd.ops import LESS, LESS_EQUAL
from autograd.rules.op import Op
from autograd.text import shape_in_words
from autograd.traced import is_traced
from autograd.value import Condition, Constant, Value, as_value, condition

_tracing: ContextVar[bool] = ContextVar("tracing", default=False)
_refusals: ContextVar[list[TracingError] | None] = ContextVar("refusals", default=None)
"""What the trace of this thread has refused: code of the user's may catch the error, and go on without the number."""
_new = object.__new__
_data, _grad = Value.__dict__["data"], Value.__dict__["grad"]

CHOICES = (
    "if, and, or, not and a < x < b decide once, while tracing, for all examples alike. Choose with where(condition, a, b), and join "
    "conditions with & | ~, each in parentheses; or say it with autograd.maximum, minimum, relu or abs"
)
EQUALITY = (
    "== of Values asks whether they are the same one, as `is` does, and would be answered once, for all examples alike; "
    "autograd.equal(a, b) compares their numbers, for where(condition, a, b)"
)
CLASSES = "it is no number before the program runs, and cannot choose; give a class label one-hot (nn.one_hot), one number for each class"
NUMBERS = (
    "there is none before the program runs, and what is computed from it would be frozen; compute with the Value itself, or with "
    "autograd.detach(x) where no derivative is to flow; an operation of your own is a row: Op(name, value, partials)"
)
NO_TEXT = (
    "there is no number to write yet, and whatever is chosen by the text would be chosen once, for all examples alike; print what the "
    "program computes, or call the function itself with numbers"
)
NO_KEY = (
    "in a dict or a set it is found by identity, and not by its number, so {1: a}.get(y, b) and y in {1} would be answered once, for "
    "all examples alike; choose with where(autograd.equal(y, 1), a, b)"
)
NO_CLASS = (
    "it is a Value here, and may be a float when the function is called with numbers, so the answer would hold for one of both; ask "
    "isinstance(x, autograd.Value), or hasattr(x, '__iter__') to tell lists from numbers"
)
FORGOTTEN = "a program does nothing but compute its result; change numbers outside the compiled function"
ARRAYS = "a compiled function is written in scalars, and its lists are Python's"
INSIDE = "the program differentiates its result itself; inside the function there is autograd.grad(..., create_graph=True)"


# --- Values without a number ---------------------------------------------------------------------------------------------


def _refuse(did: str, instead: str) -> NoReturn:
    line = users_line()
    error = TracingError(f"{did} while autograd.compile traces the function{f' ({line})' if line else ''}: {instead}")
    refusals = _refusals.get()
    if refusals is not None and not is_debugger_asking():
        refusals.append(error)
    raise error


def _asked_by_user() -> bool:
    return _tracing.get() and is_asked_by_user(sys._getframe(2))


def _comparison(name: str) -> Callable[[Any, Any], Any]:
    op, reverse = _COMPARISONS[name]

    def compare(self: Value, other: Any) -> Any:
        if is_traced(self) or is_traced(other):
            return condition(op, other, self) if reverse else condition(op, self, other)
        return getattr(super(Traced, self), name)(other)

    return compare


def _called(operand: Any) -> str:
    if isinstance(operand, Constant):
        return repr(operand.data)
    if isinstance(operand, Value):
        return operand.label or ("a condition" if isinstance(operand, Condition) else "a Value")
    return repr(operand)


def _question(node: Value) -> str:
    """What was asked when the truth of a node was: a comparison is written with a number last, as x > 0."""
    if not (isinstance(node.op, Op) and node.op.is_comparison):
        return _called(node)
    (x, y), sign = node.inputs, node.op.symbol
    return (
        f"{_called(y)} {sign.replace('<', '>')} {_called(x)}"
        if isinstance(x, Constant)
        else f"{_called(x)} {sign} {_called(y)}"
    )


def _with_no_list(name: str) -> Callable[[Any, Any], Any]:
    def operate(self: Value, other: Any) -> Any:
        if isinstance(other, list | tuple):
            one = "; to compute with the one number in it, give the data of shape (N,) and not (N, 1), or take its [0]" * (
                len(other) == 1
            )
            _refuse(f"{_OPERATIONS[name]} was asked of {_called(self)} and a list of {len(other)}", ARRAYS + one)
        return getattr(super(Traced, self), name)(other)

    return operate


_OPERATIONS = {
    f"__{side}{name}__": sign
    for name, sign in {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "**"}.items()
    for side in ("", "r")
}
_COMPARISONS = {"__lt__": (LESS, False), "__le__": (LESS_EQUAL, False), "__gt__": (LESS, True), "__ge__": (LESS_EQUAL, True)}


def _is_unknown(node: Value) -> bool:
    number = _data.__get__(node)
    return bool(number != number) or _tracing.get()


class Traced(Value):
    """A node made while tracing. Once the tape is complete it behaves as a ``Value`` whose number is nan."""

    __slots__ = ()

    def _number(self) -> Any:
        number = _data.__get__(self)
        if number != number and _asked_by_user():
            _refuse(f"the number of {_called(self)} was asked for (.data)", NUMBERS)
        return number

    def _set_number(self, number: Any) -> None:
        if _asked_by_user():
            _refuse(f"the .data of {_called(self)} was assigned", FORGOTTEN)
        if number == number and (is_traced(self._x) or is_traced(self._y)):
            number = math.nan  # nan < 1 is a number, and so is nan**0: known, and frozen then
        _data.__set__(self, number)

    def _gradient(self) -> Any:
        if _asked_by_user():
            _refuse(f"the .grad of {_called(self)} was asked for", INSIDE)
        return _grad.__get__(self)

    data = property(_number, _set_number)
    grad = property(_gradient, _grad.__set__)

    def __repr__(self) -> str:
        if not _is_unknown(self):
            return super().__repr__()
        return f"{type(self).__name__}(no number yet{f', label={self.label!r}' if self.label else ''})"

    def __str__(self) -> str:
        return f"{self.label or 'a Value'}, no number yet" if _is_unknown(self) else super().__str__()

    def __format__(self, spec: str) -> str:
        if spec and _asked_by_user():
            _refuse(f"{_called(self)} was to be written as a number, with the format {spec!r}", NO_TEXT)
        return str(self) if _is_unknown(self) else super().__format__(spec)

    @property
    def _is_traced(self) -> bool:
        number = _data.__get__(self)
        return _tracing.get() and bool(number != number)

    __lt__, __le__, __gt__, __ge__ = map(_comparison, _COMPARISONS)

    def __eq__(self, other: object) -> bool:
        if self is not other and _asked_by_user():
            _refuse(f"{_called(self)} == {_called(other)} was asked", EQUALITY)
        return self is other

    __hash__ = Value.__hash__

    def __bool__(self) -> bool:
        if is_traced(self):
            _refuse(f"whether {_question(self)} was asked", CHOICES)
        return bool(self.data)

    def __float__(self) -> float:
        if _tracing.get():
            _refuse(f"float({_called(self)}) was asked for", NUMBERS + "; for functions of a Value there are autograd.exp, ...")
        return super().__float__()

    def __index__(self) -> int:
        _refuse(f"{_called(self)} was used as a whole number", CLASSES)

    __add__, __radd__, __sub__, __rsub__, __mul__, __rmul__, __truediv__, __rtruediv__, __pow__, __rpow__ = map(
        _with_no_list, _OPERATIONS
    )

    def __matmul__(self, other: Any) -> NoReturn:
        _refuse(f"{_called(self)} @ ... was asked", f"{ARRAYS}; for the product of two of them there is autograd.dot(a, b)")

    __rmatmul__ = __matmul__

    @property
    def _slopes(self) -> tuple[Any, ...]:
        """Refused while they are nan: reading them is how ``autograd.grad`` computes numbers."""
        numbers = super()._slopes
        if _tracing.get() and any(number != number for number in numbers):
            _refuse(f"a derivative of {_called(self)} was asked for as a number", INSIDE)
        return numbers

    def backward(self) -> None:
        """Refused: it would leave nan in the parameters' gradients."""
        if _tracing.get():
            _refuse("backward() was called", INSIDE)
        super().backward()


class TracedInput(Traced):
    """An argument of the function. What is asked of its text, its hash or its class is asked to choose by its number."""

    __slots__ = ()

    def __repr__(self) -> str:
        if _asked_by_user():
            _refuse(f"the text of {_called(self)} was asked for", NO_TEXT)
        return super().__repr__()

    def __str__(self) -> str:
        if _asked_by_user():
            _refuse(f"the text of {_called(self)} was asked for", NO_TEXT)
        return super().__str__()

    def __format__(self, spec: str) -> str:
        if _asked_by_user():
            _refuse(f"the text of {_called(self)} was asked for", NO_TEXT)
        return super().__format__(spec)

    def __hash__(self) -> int:
        if _asked_by_user():
            _refuse(f"the hash of {_called(self)} was asked for", NO_KEY)
        return super().__hash__()

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """What ``isinstance`` asks if the object itself is of another class. ``type(x)`` asks nobody."""
        if _asked_by_user():
            _refuse(f"whether {_called(self)} is of a class was asked", NO_CLASS)
        return type(self)

    __eq__ = Traced.__eq__

    def __copy__(self) -> TracedInput:
        """It is a number when the function is called, and the copy of a number is the number."""
        return self

    def __deepcopy__(self, memo: object) -> TracedInput:
        return self


class TracedCondition(Traced, Condition):
    """A comparison made while tracing, which differs from example to example."""

    __slots__ = ()


class TracedParameter(Traced):
    """A parameter while its function is traced: nan in the thread that traces, its own number in the others."""

    __slots__ = ()

    def _hidden(self) -> Any:
        if not _tracing.get():
            return _data.__get__(self)
        if _asked_by_user():
            _refuse(f"the number of {_called(self)} was asked for (.data)", NUMBERS)
        return math.nan

    data = property(_hidden, Traced._set_number)
    _is_traced = property(lambda self: _tracing.get())
    _is_parameter = True


TracedCondition.__name__ = "Condition"
Traced.__name__ = TracedInput.__name__ = TracedParameter.__name__ = "Value"  # the name that Python's own messages give them


def refuse_traced_parameters(parameters: Sequence[Value]) -> None:
    """Refuse to read parameters while a function of them is traced: a program is then called inside that function."""
    if _tracing.get() and any(isinstance(parameter, TracedParameter) for parameter in parameters):
        _refuse("a program was called with the same parameters", "call its function, which is then part of this one")


def in_a_trace() -> bool:
    """Whether this thread is in a function that is being traced."""
    return _tracing.get()


@lru_cache(maxsize=256)
def _traced_class(kind: type) -> type:
    """The class that parameters of the given class have while they are traced."""
    return (
        kind
        if issubclass(kind, TracedParameter)
        else TracedParameter
        if kind is Value
        else type(kind.__name__, (TracedParameter, kind), {"__slots__": ()})
    )


def _new_node(kind: type[Value]) -> Value:
    return _new((TracedCondition if kind is Condition else Traced) if _tracing.get() else kind)


def _traced(parameters: Sequence[Value], do: Callable[[], Tape]) -> Tape:
    """The result of ``do()``, in which, in this thread, new nodes are ``Traced`` and the parameters have no number. One thread traces
    at a time. What ``do`` sets in context variables, as these here, ends with it."""

    def trace_and_do() -> Tape:
        _tracing.set(True)
        _refusals.set([])
        with debug():
            return do()

    return with_nodes_made_by(_new_node, parameters, _traced_class, trace_and_do)


# --- from the function to the tape --------------------------------------------------------------------------------------


def trace(
    fn: Callable[..., Any], parameters: Sequence[Value], shapes: Sequence[Shape], captured: list[Value] | None = None
) -> Tape:
    """The tape of a function of scalars, recorded in one call of it.

    Args:
        fn: takes numbers and nested lists of numbers, and returns a scalar or a nested list of scalars.
        parameters: leaves that the function reads; all other Values that it reads are constants.
        shapes: of the arguments for one example: ``()`` a number, ``(2,)`` a list of two.
        captured: a list to which the Values are appended that the function reads although they are no parameters.

    Raises:
        TracingError: if the function chooses by a number or looks at one.
        ClosureError: if an operation is a closure, which has no local derivatives.

    >>> w = Value(2.0, "w")
    >>> tape = trace(lambda x: w * x[0] + x[1], [w], [(2,)])
    >>> tape.names, [(op.name, x, y) for op, x, y in tape.instructions]
    (('w', 'x[0]', 'x[1]'), [('mul', 0, 1), ('add', 3, 2)])
    """
    names = argument_names(fn, len(shapes))

    def record() -> Tape:
        inputs: list[Value] = []
        arguments = [_unknown(name, shape, inputs) for name, shape in zip(names, shapes, strict=True)]
        outputs: list[Value] = []
        output_shape = flattened(fn, _called_once(fn, names, shapes, arguments), outputs)
        for refusal in _refusals.get() or ():
            raise refusal  # which code of the user's has caught: what it did instead would hold for all examples
        leaves = [*parameters, *inputs]
        return _tape(
            leaves,
            len(parameters),
            in_rows(outputs),
            tuple(map(tuple, shapes)),
            output_shape,
            [] if captured is None else captured,
        )

    return _traced(parameters, record)


def _called_once(fn: Callable[..., Any], names: Sequence[str], shapes: Sequence[Shape], arguments: list[Any]) -> Any:
    """The function's result. An error that it raises gets a note with what it was called with, where Python has notes (3.11)."""
    try:
        return fn(*arguments)
    except (TypeError, LookupError) as error:
        if hasattr(error, "add_note") and not isinstance(error, TracingError):
            shapes_told = ", ".join(f"{name} {shape_in_words(shape)}" for name, shape in zip(names, shapes, strict=True))
            error.add_note(f"(autograd.compile called the function for one example, with {shapes_told or 'no argument'})")
        raise


def _unknown(name: str, shape: Shape, inputs: list[Value]) -> Any:
    """An argument of the shape: an input, or a nested list of inputs, which are appended to ``inputs``."""
    if shape:
        return [_unknown(f"{name}[{k}]", shape[1:], inputs) for k in range(shape[0])]
    node = _new(TracedInput)
    Value.__init__(node, math.nan, name)
    inputs.append(node)
    return node


def flattened(fn: Any, result: Any, outputs: list[Value]) -> Shape:
    """The shape of a result, whose scalars are appended to ``outputs``."""
    if not hasattr(result, "__iter__") or isinstance(result, str):
        try:
            outputs.append(as_value(result))
        except TypeError:
            name = getattr(fn, "__name__", type(fn).__name__)
            raise TypeError(
                f"a compiled function gives a scalar or a list of scalars, but {name} gave {result!r} of type "
                f"{type(result).__name__}"
            ) from None
        return ()
    result = list(result)
    shapes = {flattened(fn, part, outputs) for part in result}
    if len(shapes) != 1:
        problem = f"rows of the shapes {sorted(shapes)}" if shapes else "an empty list"
        raise TypeError(f"a compiled function gives a scalar or a list of scalars, all rows of one length, but gave {problem}")
    return (len(result), *shapes.pop())


def _tape(
    leaves: list[Value], parameters: int, outputs: list[Value], shapes: tuple[Shape, ...], result: Shape, captured: list[Value]
) -> Tape:
    order, known_leaves = topological_order(*outputs), set(leaves)
    captured += [node for node in order if node not in known_leaves and node.op is None and type(node) is not Constant]
    operations = [node for node in order if node.op is not None]
    slots = {leaf: slot for slot, leaf in enumerate(leaves)}
    constants: list[float] = []
    constant_slots: dict[bytes, int] = {}  # by bits, since 0.0 == -0.0
    for node in order:
        if node.op is None and node not in slots:
            number = _constant(node, operations)
            bits = struct.pack("d", number)
            if bits not in constant_slots:
                constant_slots[bits] = len(leaves) + len(constants)
                constants.append(number)
            slots[node] = constant_slots[bits]
    instructions = []
    for slot, node in enumerate(operations, start=len(leaves) + len(constants)):
        if isinstance(node.op, Closure):
            raise _closure(node)
        slots[node] = slot
        instructions.append(Instruction(node.op, slots[node._x], NO_OPERAND if node._y is None else slots[node._y]))  # type: ignore[arg-type,index]
    return Tape(
        parameters,
        len(leaves) - parameters,
        tuple(constants),
        tuple(instructions),
        tuple(slots[node] for node in outputs),
        num_differentiated=parameters,
        names=tuple(map(label_of, leaves)),
        shapes=shapes,
        output_shape=result,
        labels=tuple(map(label_of, operations)),
        lines=tuple(node.made_at for node in operations),
        captured=tuple(node.label for node in captured),
    )


def _constant(node: Value, operations: list[Value]) -> float:
    """The number of a leaf that is neither parameter nor input."""
    try:
        number = float(node.data)
    except OverflowError:
        raise OverflowError(f"a program computes with floats, and {node.data!r} is beyond the largest, 1.8e308") from None
    if number == number:
        return number
    line = next((reader.made_at for reader in operations if any(source is node for source in reader.inputs)), None)
    if isinstance(node, Traced):
        raise TracingError(
            f"{_called(node)} is no argument of this call and no parameter, but has no number{_at(line)}: an input of an earlier call, which "
            "the function, or something that it calls, has kept in a cache, a list or an attribute; or the copy of a parameter. Compute "
            "with the arguments of each call, and with the parameters themselves"
        )
    raise TracingError(
        f"a constant of the function is nan{_at(line)}: either it is nan in your data, or it was computed from numbers of "
        f"Values, and while autograd.compile traces the function {NUMBERS}"
    )


def _closure(node: Value) -> ClosureError:
    return ClosureError(
        f"{node._op or 'a node with children'!r}{_at(node.made_at)} is a closure: backward() can run it, but a program has no "
        "local derivatives to compile. State it as a row, Op(name, value, partials), or compose it of operations that are rows."
    )


def _at(line: Line | None) -> str:
    return f" ({line})" if line else ""
