"""Program: what ``autograd.compile`` makes of a function of one example, to run it forward and backward over many."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from autograd.compiled import print_steps, print_tape, saving
from autograd.compiled.arguments import examples_from, map_numbers, plain_example, shapes_from, split_by_argument
from autograd.compiled.bound_program import BoundProgram, Evaluated, PerExample
from autograd.compiled.executors import check_threads, choose_executor, make_executor, without_gc
from autograd.compiled.parameters import Parameters, leaves_from
from autograd.compiled.reality_check import REASONS, Difference, difference, one_of_each
from autograd.compiled.requirements import Requirements
from autograd.compiled.tape import Shape, Tape
from autograd.compiled.tracing import in_a_trace, trace
from autograd.errors import TracingError
from autograd.files import write_whole
from autograd.functional import argument_names
from autograd.interrupts import cached
from autograd.text import counted, described, short_repr
from autograd.value import Value

if TYPE_CHECKING:
    from autograd.compiled.executor import Array, Executor

LOG = logging.getLogger("autograd.compile")

REDUCTIONS = ("mean", "sum", "none")
VERIFY = ("first", "never")

P = ParamSpec("P")
R = TypeVar("R")


def compile(  # noqa: A001  (as jax.jit and torch.compile; Python's own compile is for text)
    fn: Callable[..., Any],
    parameters: Iterable[Value] | None = None,
    *,
    shapes: Sequence[Shape] | None = None,
    reduction: str | None = None,
    executor: str = "auto",
    threads: int | None = None,
    check: bool = False,
    verify: str = "first",
) -> Program:
    r"""A program that runs a function of one example, and its gradient, over whole batches at machine speed.

    The function is called once, with inputs that have no numbers yet, and the graph that it records is flattened to a tape.
    The program runs the tape for each example and returns the mean or the sum:

    .. math:: J = \frac1N\sum_i J_i \qquad \nabla J = \frac1N\sum_i \nabla J_i

    Args:
        fn: a function of scalars and of nested lists of scalars, ``loss(x, y)`` say, that returns a scalar or a list of scalars;
            or a model. It must not choose by a number. What it computes from anything but Values is computed once, and constant.
        parameters: the Values to differentiate with respect to; if left out those of ``fn.parameters()``, or none. Other Values
            that the function reads are constants.
        shapes: of the arguments for one example, ``[(2,), ()]`` for two features and a label, to trace at once; if left out, those
            of the data at the first call.
        reduction: over the examples: ``"mean"`` or ``"sum"``, or ``"none"`` for the values of each example. If left out it is
            ``"mean"``, and for models and several outputs ``"none"``.
        executor: ``"native"`` machine code (needs llvmlite), ``"numpy"``, ``"plain"`` Python floats, or ``"auto"``, the fastest
            that is installed.
        threads: that native code uses at most; if left out one. The same number of threads gives the same results.
        check: search every call for the first operation and example that leave their domain or turn nan; slow.
        verify: ``"first"``: of the first data, one example of each label (the last argument) goes through the function itself too, with
            numbers, on the graph engine, and must give what the program gives, to rounding. So the function runs a few times more.
            ``"never"`` compares nothing.

    Returns:
        A ``Program``; call it with the data, ``program(X, Y)``.

    Raises:
        TypeError, ValueError: if an argument is not as described.
        TracingError, ClosureError: when the function is traced, if it chooses by a number or an operation is a closure; with the first
            data, if the function itself gives something else than the program.

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
    v2.grad = (1 + v3)*(1 - v3)·v3.grad
    v1.grad = v2.grad
    b.grad = v2.grad
    w.grad = x·v1.grad
    """
    if not callable(fn):
        raise TypeError(f"compile takes a function of one example, or a model, but got {described(fn)}")
    model = hasattr(fn, "parameters")
    values = leaves_from(fn.parameters() if parameters is None and model else parameters)  # type: ignore[attr-defined]
    if reduction not in (None, *REDUCTIONS):
        raise ValueError(f"a reduction is {', '.join(map(repr, REDUCTIONS))}, but got {short_repr(reduction)}")
    if verify not in VERIFY:
        raise ValueError(f"verify is {' or '.join(map(repr, VERIFY))}, but got {short_repr(verify)}")
    program = Program(fn, values, reduction or ("none" if model else ""), executor, threads, check, verify=verify)
    if shapes is not None:
        program.trace(shapes)
    return program


def by_position(method: Callable[P, R]) -> Callable[P, R]:
    """The method, which says how data are given if they are given by name."""

    @wraps(method)
    def checked(*data: P.args, **options: P.kwargs) -> R:
        named = [name for name in options if name != "theta"]
        if named:
            raise TypeError(
                f"a program takes its data by position, in the order of the function's arguments, but got {named[0]}=...; write "
                "program(xs, ys)"
            )
        return method(*data, **options)

    return checked


class Program:
    """A function of one example, made ready to run over batches. ``autograd.compile`` makes it.

    In all methods ``data`` are one array, or nested lists, for each argument of the function, with one entry for each example;
    ``theta`` is a flat array with the numbers of all parameters. Without ``theta`` they are read from the Values.

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
        verify: str = "never",
    ) -> None:
        self._fn, self._reduction, self._check, self._threads = fn, reduction, check, check_threads(threads)
        self._to_be_verified = verify == "first"
        self._parameters = Parameters(values)
        self.executor = choose_executor(executor)
        self._tape = tape
        self._captured: list[tuple[Value, Any]] = []  # Values that are constants of the tape, each with its number there
        self._argument_names: list[str] = []
        self._executors: dict[tuple[int | None, bool], Executor] = {}

    # --- what it is ----------------------------------------------------------------------------------------------------

    @property
    def values(self) -> list[Value]:
        """The parameters, in their order."""
        return self._parameters.values

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
        wanted = shapes_from(shapes)
        if self._tape is None:
            captured: list[Value] = []
            tape = self._traced(wanted, captured)
            self._captured = [(value, value.data) for value in captured]
            self._tape = tape
        elif self._tape.shapes != wanted:
            raise ValueError(f"the program was traced for arguments of the shapes {self._tape.shapes}, not {wanted}")
        return self._tape

    @np.errstate(all="ignore")  # NumPy warns of nan in arrays of Values
    def _traced(self, shapes: tuple[Shape, ...], captured: list[Value]) -> Tape:
        return trace(self._fn, self.values, shapes, captured)  # type: ignore[arg-type]

    def captured_values_changed(self) -> bool:
        """Whether a Value that the function reads although it is no parameter has another number than when it was traced.

        >>> w, c = Value(2.0, "w"), Value(3.0, "c")
        >>> program = compile(lambda x: w * x + c, [w], shapes=[()])
        >>> c.data = 4.0
        >>> program.captured_values_changed()
        True
        """
        return any(value.data != number for value, number in self._captured)

    @property
    def reduction(self) -> str:
        """``"mean"``, ``"sum"`` or ``"none"``."""
        return self._reduction or ("none" if self.tape.output_shape else "mean")

    @property
    def steps(self) -> str:
        """The matrices and the groups of equal operations that were found in the tape, one a line."""
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
        return self._executor_for().show(what)

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

    @by_position
    def __call__(self, *data: Any, theta: Any = None) -> Evaluated:
        """The value over the batch, and its gradient with respect to the parameters.

        Raises:
            TypeError, ValueError: if the data do not fit the function; if it has several outputs or no reduction.
            DomainError, FloatingPointError: with ``check``, where an operation leaves its domain or turns nan.
        """
        return self.bind(*data)(theta)

    @by_position
    def value(self, *data: Any, theta: Any = None) -> Any:
        """The value over the batch, forward only; without a reduction an array with the outputs of each example, (N, ...)."""
        return self.bind(*data).value(theta)

    @by_position
    def per_example(self, *data: Any, theta: Any = None) -> PerExample:
        """The value and the gradient of each example."""
        return self.bind(*data).per_example(theta)

    @by_position
    def bind(self, *data: Any) -> BoundProgram:
        """Check and convert the data once. The result is called as often as needed: ``step()``, or ``step(theta)``."""
        return self.bind_examples(self._examples(data))

    def bind_examples(self, examples: Array) -> BoundProgram:
        """The same for data that are one array of floats already, (N, F): the numbers of all arguments of an example in a row.

        Nothing is checked or converted, and nothing verified; the function has been traced.
        """
        bound = without_gc(lambda: self._executor_for().bind(examples, self.reduction == "mean"))
        return BoundProgram(self, examples, bound, self._requirements)

    @by_position
    def input_gradients(self, *data: Any, theta: Any = None) -> tuple[Array, ...]:
        """The gradient of the value with respect to the data: for each argument an array of its shape. A mean divides it by N."""
        examples = self._examples(data)
        self._requirements.one_output("input_gradients")
        gradients = self._input_jacobian(examples, theta)
        return tuple(gradient / len(gradient) for gradient in gradients) if self.reduction == "mean" else gradients

    @by_position
    def jacobian(self, *data: Any, theta: Any = None) -> Array:
        """The derivatives of each example's outputs with respect to the parameters: (N, shape of the outputs, P)."""
        examples = self._examples(data)
        self._requirements.differentiable()
        return self._jacobian(examples, theta)

    @by_position
    def input_jacobian(self, *data: Any, theta: Any = None) -> tuple[Array, ...]:
        """The derivatives of each example's outputs with respect to its inputs.

        For each argument an array (N, shape of the outputs, shape of the argument).
        """
        return self._input_jacobian(self._examples(data), theta)

    def _input_jacobian(self, examples: Array, theta: Any) -> tuple[Array, ...]:
        jacobian = self._jacobian(examples, theta, inputs=True)
        return split_by_argument(jacobian[..., self.tape.parameters :], self.tape.shapes)

    def _jacobian(self, examples: Array, theta: Any, inputs: bool = False) -> Array:
        numbers = self._requirements.theta(theta, examples)
        executors = [self._executor_for(output, inputs) for output in range(len(self.tape.outputs))]
        gradients = [executor.bind(examples).per_example(numbers)[1] for executor in executors]
        return np.stack(gradients, axis=1).reshape(len(examples), *self.tape.output_shape, -1)

    def _examples(self, data: Sequence[Any]) -> Array:
        """The data as one array, for which the function is traced if it has not been yet."""
        if len(self._argument_names) != len(data):
            self._argument_names = argument_names(self._fn or self, len(data))
        shapes, examples = examples_from(self._argument_names, data, self._tape.shapes if self._tape else None)
        self.trace(shapes)
        if self._to_be_verified and not in_a_trace():
            self._verify(data, examples)
            self._to_be_verified = False
        return examples

    def _verify(self, data: Sequence[Any], examples: Array) -> None:
        """Compare the program with its function, for one example of each label.

        If only derivatives differ, a warning is logged.

        Raises:
            TracingError: if the results differ beyond rounding.
        """
        parts = split_by_argument(examples, self.tape.shapes)
        for k in one_of_each([row.tobytes() for row in parts[-1]] if len(parts) > 1 else range(len(examples))):
            numbers = [plain_example(part[k], like=given) for part, given in zip(parts, data, strict=True)]
            found = self._difference(numbers)
            if found is not None and found.is_of_derivative:
                LOG.warning("for example %d %s; the results agree, so one of both ways cuts a derivative", k, found)
            elif found is not None:
                raise TracingError(f'for example {k} {found}: {REASONS}; verify="never" compares nothing')

    def _difference(self, numbers: list[Any]) -> Difference | None:
        """Where the function differs, called with numbers; if it does not take them, as ``x.tanh()`` does not, with Values."""
        try:
            return difference(self._fn, self.tape, self.values, numbers)  # type: ignore[arg-type]
        except Exception:  # what the function raises for Values too, it raises below
            pass
        try:
            return difference(self._fn, self.tape, self.values, map_numbers(Value, numbers))  # type: ignore[arg-type]
        except (TypeError, AttributeError, Warning) as error:  # it is written for tracing only, as ~(x < 0) is
            LOG.warning(
                "the program is not verified: its function cannot be called with numbers, nor with Values that have numbers (%s)",
                error,
            )
            return None

    @cached
    def _requirements(self) -> Requirements:
        return Requirements(self.tape, self._parameters, self.reduction, self._check)

    def _executor_for(self, output: int | None = None, inputs: bool = False) -> Executor:
        """The executor of all outputs, or of one; with ``inputs`` it differentiates with respect to the inputs too."""
        key = (output, inputs)
        if key not in self._executors:
            tape = self.tape if output is None else self.tape.restrict_to_output(output)
            self._executors[key] = make_executor(self.executor, tape.with_inputs() if inputs else tape, self._threads)
        return self._executors[key]

    # --- parameters, and how it is saved ---------------------------------------------------------------------------------

    def parameters(self) -> Array:
        """The numbers of all parameters, in one flat array.

        >>> w, b = Value(2.0), Value(3)
        >>> compile(lambda x: w * x + b, [w, b]).parameters()
        array([2., 3.])
        """
        return self._parameters.read()

    def write(self, theta: Any) -> None:
        """Write the numbers of all parameters back into the Values.

        >>> w = Value(2.0, "w")
        >>> compile(lambda x: w * x, [w]).write([5.0]); w
        Value(data=5.0, grad=0.0, label='w')
        """
        self._parameters.write(theta)

    def write_gradients(self, gradients: Any) -> None:
        """Add a gradient to the Values' ``grad``, as ``backward()`` does.

        >>> w = Value(2.0, "w")
        >>> program = compile(lambda x: w * x, [w], executor="plain")
        >>> program.write_gradients(program([3.0]).gradients); w.grad
        3.0
        """
        self._parameters.add_gradients(gradients)

    def to_json(self) -> str:
        """The tape and the parameters' numbers as JSON."""
        return saving.to_json(self.tape, self._reduction, self.parameters().tolist())

    def save(self, path: Any) -> None:
        """Write ``to_json`` to a file, whole or not at all; ``autograd.load`` reads it."""
        write_whole(path, self.to_json().encode())

    def __reduce__(self) -> Any:
        """Copied and pickled as it is saved: a copy has Values of its own, and neither the function nor machine code."""
        return loaded, (self.to_json(), self.executor, self._threads, self._check)


def load(path: str | os.PathLike[str], executor: str = "auto", threads: int | None = None, check: bool = False) -> Program:
    """The program that ``Program.save`` wrote: its tape, and its parameters with their numbers.

    Args:
        path: of the file, none of which is executed.
        executor, threads, check: as for ``autograd.compile``.

    Raises:
        ValueError: if the file is no saved program.

    >>> import tempfile, os
    >>> w = Value(3.0, "w")
    >>> program = compile(lambda x: w * x, [w], shapes=[()], executor="plain")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     program.save(os.path.join(folder, "line.json"))
    ...     loaded = load(os.path.join(folder, "line.json"), executor="plain")
    >>> loaded.value([1.0, 2.0]), loaded.values
    (4.5, [Value(data=3.0, grad=0.0, label='w')])
    """
    with open(path, encoding="utf-8") as file:
        return loaded(file.read(), executor, threads, check)


def loaded(text: str, executor: str = "auto", threads: int | None = None, check: bool = False) -> Program:
    """The program that ``Program.to_json`` described."""
    tape, reduction, numbers = saving.from_json(text)
    values = [Value(number, label=name) for number, name in zip(numbers, tape.names, strict=False)]
    return Program(None, values, reduction, executor, threads, check, tape)
