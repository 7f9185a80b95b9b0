"""Program: what ``autograd.compile`` makes of a function of one example, to run it forward and backward over many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.compiled import print_steps, print_tape, saving
from autograd.compiled.arguments import batch, counted, flat
from autograd.compiled.bound_program import BoundProgram, Evaluated, PerExample
from autograd.compiled.domain_check import check
from autograd.compiled.executors import chosen, executor
from autograd.compiled.tape import Shape, Tape
from autograd.compiled.tracing import refuse_traced_parameters, trace
from autograd.functional import argument_names
from autograd.micrograd import Closure
from autograd.value import Value

if TYPE_CHECKING:
    from autograd.compiled.executor import Array, Executor

REDUCTIONS = ("mean", "sum", "none")


def compile(  # noqa: A001  (as jax.jit and torch.compile; Python's own compile is for text)
    fn: Callable[..., Any],
    parameters: Iterable[Value] | None = None,
    *,
    shapes: Sequence[Shape] | None = None,
    reduction: str | None = None,
    executor: str = "auto",
    threads: int | None = None,
    check: bool = False,
) -> Program:
    r"""A program that runs a function of one example, and its gradient, over whole batches at machine speed.

    The function is called once, with inputs that have no numbers yet, and the graph that it records is flattened to a tape.
    The program runs the tape for each example and averages or adds up:

    .. math:: J = \frac1N\sum_i J_i \qquad \nabla J = \frac1N\sum_i \nabla J_i

    Args:
        fn: a function of scalars and of nested lists of scalars, ``loss(x, y)`` say, that gives a scalar or a list of scalars;
            or a model. It must not choose by a number, and what it computes from other things than Values, once, is constant.
        parameters: the Values to differentiate in; if left out those of ``fn.parameters()``, or none. Other Values that the
            function reads are constants.
        shapes: of the arguments for one example, ``[(2,), ()]`` for two features and a label, to trace at once; if left out, those
            of the data at the first call.
        reduction: ``"mean"`` or ``"sum"`` over the examples, or ``"none"``: values are told for each example. If left out it is
            ``"mean"``, and for models and several outputs ``"none"``.
        executor: ``"native"`` machine code (needs llvmlite), ``"numpy"``, ``"plain"`` Python floats, or ``"auto"``, the fastest
            that is there.
        threads: of native code, at most; if left out one. Results are the same for the same number.
        check: look for the first operation and example that leave their domain or turn nan, in every call; slow.

    Returns:
        A ``Program``; call it with the data, ``program(X, Y)``.

    Raises:
        TypeError, ValueError: if an argument is not of that kind.
        TracingError, ClosureError: when the function is traced, if it chooses by a number or an operation is a closure.

    Source: Wengert (1964) for the tape; Griewank & Walther (2008), section 4, for running it.

    >>> from autograd import tanh
    >>> w, b = Value(0.5, "w"), Value(-0.25, "b")
    >>> program = compile(lambda x, y: (tanh(w * x + b) - y) ** 2, [w, b])
    >>> value, gradients = program([1.0, 2.0, 3.0], [0.0, 1.0, 1.0])
    >>> round(value, 6), gradients.round(6).tolist()
    (0.07204, [-0.221822, -0.019988])
    >>> print(program)
    parameters  w, b
    inputs      x, y
    v1 = w*x
    v2 = v1 + b
    v3 = tanh(v2)
    v4 = v3 - y
    v5 = v4**2
    adjoints, from v5.grad = 1
    v4.grad = 2*v4·v5.grad
    v3.grad = v4.grad
    v2.grad = ((1 + v3)*(1 - v3))·v3.grad
    v1.grad = v2.grad
    b.grad = v2.grad
    w.grad = x·v1.grad
    """
    if not callable(fn):
        raise TypeError(f"compile takes a function of one example, or a model, but got {fn!r} of type {type(fn).__name__}")
    model = hasattr(fn, "parameters")
    values = _parameters(fn.parameters() if parameters is None and model else parameters)  # type: ignore[attr-defined]
    if reduction not in (None, *REDUCTIONS):
        raise ValueError(f"a reduction is {', '.join(map(repr, REDUCTIONS))}, but got {reduction!r}")
    program = Program(fn, values, reduction or ("none" if model else ""), executor, threads, check)
    if shapes is not None:
        program.trace(shapes)
    return program


class Program:
    """A function of one example, made ready to run over batches. ``autograd.compile`` makes it.

    In all methods ``data`` is one array, or nested lists, for each argument of the function, with one entry for each example; and
    ``theta`` are the numbers of all parameters in one flat array, where they are not to be read from the Values.

    >>> w = Value(3.0, "w")
    >>> square = compile(lambda x: (w * x) ** 2, [w], executor="plain")
    >>> square([1.0, 2.0])
    Evaluated(value=22.5, gradients=array([15.]))
    >>> square.value([1.0, 2.0], theta=[1.0]), square.per_example([1.0, 2.0]).values.tolist()
    (2.5, [9.0, 36.0])
    """

    def __init__(
        self,
        fn: Callable[..., Any] | None,
        values: list[Value],
        reduction: str = "",
        executor: str = "auto",
        threads: int | None = None,
        check: bool = False,
        tape: Tape | None = None,
    ) -> None:
        self.values = values
        self._fn, self._reduction, self._check, self._threads = fn, reduction, check, _whole(threads)
        self.executor = chosen(executor)
        self._tape = tape
        self._names: list[str] = []  # of the arguments
        self._executors: dict[tuple[int | None, bool], Executor] = {}

    # --- what it is ----------------------------------------------------------------------------------------------------

    @property
    def tape(self) -> Tape:
        """The Wengert list.

        Raises:
            ValueError: if the function has not been traced yet.
        """
        if self._tape is None:
            raise ValueError("the function is traced at the first call: call the program, or compile it with shapes=")
        return self._tape

    def trace(self, shapes: Sequence[Shape]) -> Tape:
        """Trace the function now, for arguments of these shapes in one example.

        >>> compile(lambda x: x[0] * x[1]).trace([(2,)]).shapes
        ((2,),)
        """
        wanted = _shapes(shapes)
        if self._tape is None:
            with np.errstate(all="ignore"):  # NumPy warns of nan where arrays of Values meet
                self._tape = trace(self._fn, self.values, wanted)  # type: ignore[arg-type]
        elif self._tape.shapes != wanted:
            raise ValueError(f"the program was traced for arguments of the shapes {self._tape.shapes}, not {wanted}")
        return self._tape

    @property
    def reduction(self) -> str:
        """``"mean"``, ``"sum"`` or ``"none"``."""
        return self._reduction or ("none" if self.tape.output_shape else "mean")

    @property
    def steps(self) -> str:
        """The matrices that were recognised in the tape, and the operations that stand together; see ``print_steps``."""
        return self.show("steps")

    def show(self, what: str = "tape") -> str:
        """The program as text: ``"tape"``, ``"latex"``, ``"steps"``, and of native code ``"llvm"`` and ``"asm"``.

        Raises:
            ValueError: if the executor has no such thing.
        """
        if what in ("tape", "latex"):
            return print_tape.to_text(self.tape) if what == "tape" else print_tape.to_latex(self.tape)
        if what == "steps":
            return print_steps.to_text(self.tape)
        return self._ready().show(what)

    def to_latex(self) -> str:
        """The tape and its adjoint statements in LaTeX."""
        return self.show("latex")

    @property
    def counts(self) -> dict[str, int]:
        """How many operations of each kind there are, the most frequent first."""
        return print_tape.counts(self.tape)

    def __str__(self) -> str:
        return repr(self) if self._tape is None else self.show()

    def __repr__(self) -> str:
        name = getattr(self._fn, "__name__", type(self._fn).__name__) if self._fn else "loaded"
        if self._tape is None:
            return f"<Program {name}, not traced yet>"
        return (
            f"<Program {name}: {counted(self._tape.parameters, 'parameter')}, {counted(self._tape.inputs, 'input')}, "
            f"{counted(len(self._tape.instructions), 'operation')}, {self.executor}>"
        )

    # --- running it ----------------------------------------------------------------------------------------------------

    def __call__(self, *data: Any, theta: Any = None) -> Evaluated:
        """The value over the batch, and its gradient in the parameters.

        Raises:
            TypeError, ValueError: if the data do not fit the function; if it has several outputs or no reduction.
            DomainError, FloatingPointError: with ``check``, where an operation leaves its domain or turns nan.
        """
        return self.bind(*data)(theta)

    def value(self, *data: Any, theta: Any = None) -> Any:
        """The value over the batch, forward only; without a reduction an array with the outputs of each example, (N, ...)."""
        return self.bind(*data).value(theta)

    def per_example(self, *data: Any, theta: Any = None) -> PerExample:
        """The value and the gradient of each example."""
        return self.bind(*data).per_example(theta)

    def bind(self, *data: Any) -> BoundProgram:
        """Check and convert the data once. The result is called as often as needed: ``step()``, or ``step(theta)``."""
        return BoundProgram(self, self._batch(data))

    def _one_output(self, what: str) -> None:
        if self.tape.output_shape:
            raise ValueError(
                f"{what} is of a function that gives one scalar, but this one gives a result of shape {self.tape.output_shape}: its "
                "derivatives are jacobian(...), and those in the data input_jacobian(...)"
            )

    def _differentiable(self) -> None:
        """Refuse a gradient in parameters where they were forgotten, for it would be empty or all 0."""
        frozen, count = self.tape.captured, self.tape.parameters
        if frozen and not any(self.tape.uses[:count]):
            names = ", ".join([each or "one without a label" for each in frozen[:3]] + ["..."] * (len(frozen) > 3))
            given = (
                f"the function reads none of the {counted(count, 'parameter')}" if count else "the program has no parameters"
            )
            raise ValueError(
                f"a gradient is in the parameters, but {given}, and other Values are constants in it ({names}): compile it with "
                "parameters=[...], the Values to differentiate in"
            )

    def input_gradients(self, *data: Any, theta: Any = None) -> tuple[Array, ...]:
        """The gradient of the value in the data: for each argument an array of its shape. A mean divides it by N."""
        found = self.input_jacobian(*data, theta=theta)
        self._one_output("input_gradients")
        return tuple(each / len(each) for each in found) if self.reduction == "mean" else found

    def jacobian(self, *data: Any, theta: Any = None) -> Array:
        """The derivatives of each example's outputs in the parameters: (N, ..., P), where the dots are the outputs' shape."""
        examples = self._batch(data)
        self._differentiable()
        return self._jacobian(examples, theta, False)

    def input_jacobian(self, *data: Any, theta: Any = None) -> tuple[Array, ...]:
        """The derivatives of each example's outputs in its inputs: for each argument (N, outputs' shape, argument's shape)."""
        all_inputs = self._jacobian(self._batch(data), theta, True)[..., self.tape.parameters :]
        ends = np.cumsum([int(np.prod(shape)) for shape in self.tape.shapes])[:-1]
        parts = np.split(all_inputs, ends, axis=-1)
        return tuple(part.reshape(*part.shape[:-1], *shape) for part, shape in zip(parts, self.tape.shapes, strict=True))

    def _jacobian(self, examples: Array, given: Any, inputs: bool) -> Array:
        numbers = self._checked(given, examples)
        count = len(self.tape.outputs)
        jacobians = [self._ready(k, inputs).bind(examples).per_example(numbers)[1] for k in range(count)]
        return np.stack(jacobians, axis=1).reshape(len(examples), *self.tape.output_shape, -1)

    def _batch(self, data: Sequence[Any]) -> Array:
        if len(self._names) != len(data):
            self._names = argument_names(self._fn or self, len(data))
        shapes, examples = batch(self._names, data, self._tape.shapes if self._tape else None)
        self.trace(shapes)
        return examples

    def _ready(self, output: int | None = None, inputs: bool = False) -> Executor:
        """The executor of the tape: of all outputs or one of them, and differentiated in the inputs too or not."""
        key = (output, inputs)
        if key not in self._executors:
            tape = self.tape if output is None else self.tape.restrict_to_output(output)
            self._executors[key] = executor(self.executor, tape.with_inputs() if inputs else tape, self._threads)
        return self._executors[key]

    # --- parameters ----------------------------------------------------------------------------------------------------

    def parameters(self) -> Array:
        """The numbers of all parameters, in one flat array.

        >>> w, b = Value(2.0), Value(3)
        >>> compile(lambda x: w * x + b, [w, b]).parameters()
        array([2., 3.])
        """
        try:
            numbers = np.array([each.data for each in self.values], dtype=np.float64)
        except OverflowError:
            raise OverflowError("a parameter is beyond the largest float, 1.8e308, and programs compute with floats") from None
        refuse_traced_parameters(self.values)
        return numbers

    def write(self, theta: Any) -> None:
        """Write the numbers of all parameters back into the Values.

        >>> w = Value(2.0, "w")
        >>> compile(lambda x: w * x, [w]).write([5.0]); w
        Value(data=5.0, grad=0.0, label='w')
        """
        for each, number in zip(self.values, self._theta(theta).tolist(), strict=True):
            each.data = number

    def write_gradients(self, gradients: Any) -> None:
        """Add a gradient to the Values' ``grad``, as ``backward()`` does.

        >>> w = Value(2.0, "w")
        >>> program = compile(lambda x: w * x, [w], executor="plain")
        >>> program.write_gradients(program([3.0]).gradients); w.grad
        3.0
        """
        for each, number in zip(self.values, self._theta(gradients).tolist(), strict=True):
            each.grad += number

    def _theta(self, given: Any) -> Array:
        return self.parameters() if given is None else flat(given, len(self.values))

    def _checked(self, given: Any, examples: Array) -> Array:
        """The numbers of all parameters; with ``check`` the tape was gone through with them."""
        numbers = self._theta(given)
        if self._check:
            check(self.tape, numbers, examples)
        return numbers

    def __reduce__(self) -> Any:
        """Copied and pickled as it is saved: so a copy has Values of its own, and neither function nor machine code."""
        return loaded, (self.to_json(), self.executor, self._threads, self._check)

    def to_json(self) -> str:
        """The tape and the parameters' numbers as JSON; ``autograd.compiled.load`` reads it."""
        return saving.to_json(self.tape, self._reduction, self.parameters().tolist())

    def save(self, path: Any) -> None:
        """Write ``to_json`` to a file."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.to_json())


def loaded(text: str, executor: str = "auto", threads: int | None = None, check: bool = False) -> Program:
    """The program of a text that ``Program.to_json`` gave."""
    tape, reduction, numbers = saving.from_json(text)
    values = [Value(number, label=name) for number, name in zip(numbers, tape.names, strict=False)]
    return Program(None, values, reduction, executor, threads, check, tape)


# --- arguments --------------------------------------------------------------------------------------------------------


def _parameters(given: Any) -> list[Value]:
    """The parameters as a list of different leaves."""
    given = given.parameters() if hasattr(given, "parameters") else () if given is None else given
    if not hasattr(given, "__iter__"):
        one = ": for one parameter, parameters=[...]" if isinstance(given, Value) else ""
        raise TypeError(f"parameters are a list of Values, but got {given!r} of type {type(given).__name__}{one}")
    values = list(given)
    for each in values:
        if not isinstance(each, Value):
            raise TypeError(f"parameters are Values, but one of them is {each!r} of type {type(each).__name__}")
        if each.op is not None:
            kind = "closure" if isinstance(each.op, Closure) else each.op.name
            raise ValueError(f"a parameter is a leaf, but one of them was computed, by {kind}: {each!r}")
    if len(set(values)) < len(values):
        raise ValueError("a parameter is listed twice: each has one place in the gradient")
    return values


def _shapes(given: Any) -> tuple[Shape, ...]:
    """The shapes of the arguments; 2 is short for (2,)."""
    try:
        shapes = [(each,) if hasattr(each, "__index__") else tuple(each) for each in given]
        sizes = [[size.__index__() for size in shape] for shape in shapes]
    except (TypeError, AttributeError):
        sizes = [[-1]]
    if any(size < 0 for shape in sizes for size in shape):
        raise TypeError(
            f"shapes are those of the arguments for one example, as in [(2,), ()] for two features and a label, but got {given!r}"
        )
    return tuple(map(tuple, sizes))


def _whole(threads: int | None) -> int | None:
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
        raise ValueError(f"threads are a whole number, at least 1, but got {threads!r}")
    return threads
