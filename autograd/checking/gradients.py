"""check_gradients: whether a gradient is right, by evaluating the function itself beside each input."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from autograd.checking import suspects
from autograd.checking.complex_step import Witness, takes_a_step
from autograd.checking.differences import SAFETY, Differences
from autograd.checking.moved import Branches, Moved
from autograd.checking.report import DIFFERS, GradientReport, InputCheck
from autograd.checking.rounding import bounds
from autograd.checking.verdicts import FIRST_ORDER, SECOND_ORDER, Case, Column, Surroundings, Tolerance
from autograd.checking.watching import Read, watched
from autograd.derivatives import hessian
from autograd.functional import argument_names, is_list, leaves, number_in, require_function, scalar, wrapped
from autograd.graph import names, topological_order
from autograd.interrupts import assign, with_undo
from autograd.rules.numbers import EPSILON, as_float
from autograd.rules.op import Op
from autograd.text import described, short_repr
from autograd.value import Constant, Value, as_value, data_of

NEAR = 1e-3  # of two operands: so close is a kink of their difference that differences see both sides
NEAREST = 1e-300  # of one operand: so close to 0 floats hardly tell the sides apart


def check_gradients(
    f: Callable[..., Any], at: Any, *, gradient: Callable[..., Any] | None = None, order: int = 1
) -> GradientReport:
    r"""Compare the gradient that ``backward()`` gives with two others, which are computed from values of f alone.

    *Central differences* are :math:`(f(x + h) - f(x - h))/2h` for h from large to small, extrapolated to h = 0 (Richardson). The
    *complex step*, :math:`\mathrm{Im} f(x + ih)/h`, is right to the last digits: f itself runs on complex numbers, and where it
    refuses them, as ``math.sin`` does, that column is empty. Each has an estimate of its own error, and two columns that disagree
    by more than that never agree. Where a derivative has few digits or none, a remark says so. Where f takes another branch, its
    derivatives from the left and from the right are measured: if they differ that is a kink, and the report accepts any number
    between the two, and says so. Where f jumps, or rounding hides one side, there is no derivative to confirm, and the verdict is
    unclear.

    What f computes outside its graph, from ``x.data`` say, is a constant to ``backward()`` and moves in the other two: the report
    names the lines where numbers leave the graph. If a derivative differs, it names the first operation whose local derivative is
    wrong.

    Args:
        f: a function of scalars and lists of scalars, as for ``value_and_grad``.
        at: the list of its arguments: numbers, lists of numbers, or Values, such as the parameters of a model. The data of these
            Values are changed and put back, so f may also read them without its arguments. For one scalar argument, the number.
        gradient: a gradient of f that was written by hand, to be checked in place of ``backward()``: a function of the same
            arguments, which returns as many numbers, in lists of the same form. It and f are then called with plain numbers.
        order: 2 checks the Hessian too, against differences of the complex step, or of differences where there is none.

    Returns:
        A report with an entry for each scalar input, and with ``order=2`` one for each pair; it is true if all are confirmed.
        Afterwards all ``grad`` and data are what they were.

    Raises:
        TypeError: if an argument is no number, or f's result is not one scalar.
        ValueError: if f gives two results for the same input, the gradient has not as many numbers as f has inputs, or not in lists
            of the same form, or the order is neither 1 nor 2.
        ClosureError: with ``order=2`` if an operation is a closure, whose second derivatives nobody states.

    Source: Richardson (1911); Squire & Trapp (1998); Griewank & Walther (2008), section 1.1, on what differences cannot do.

    >>> import autograd, math
    >>> report = check_gradients(lambda x, y: x * autograd.sin(y), at=[2.0, 0.5])
    >>> bool(report)
    True
    >>> print(report)                                                                          # doctest: +ELLIPSIS
    input  at   backward      numeric       complex step  difference  verdict
    x      2    0.4794255386  0.4794255386  0.4794255386  ...         agrees
    y      0.5  1.755165124   1.755165124   1.755165124   ...         agrees

    A number that leaves the graph takes its derivative with it:

    >>> print(check_gradients(lambda x: x * math.sin(x.data), at=2.0))                         # doctest: +ELLIPSIS
    input  at  backward      numeric        complex step  difference  verdict
    x      2   0.9092974268  0.07700375373  -             0.832       DIFFERS
    f reads .data (...): what is computed from it there is a constant to backward().

    Micrograd's classic slip, an operation that forgets the gradient of its output:

    >>> def forgetful_square(x):
    ...     out = Value(x.data**2, (x,), "square")
    ...     def backward(): x.grad += 2 * x.data       # times out.grad is missing
    ...     out._backward = backward
    ...     return out
    >>> print(check_gradients(lambda x: 5 * forgetful_square(x), at=3.0))                      # doctest: +ELLIPSIS
    input  at  backward  numeric  complex step  difference  verdict
    x      3   6         30       30            24          DIFFERS
    Every local derivative in the table agrees. 'square' is a closure, whose backward pass cannot be looked into: ...

    A gradient that was written by hand:

    >>> bool(check_gradients(lambda x, y: x * x * y, at=[2.0, 3.0], gradient=lambda x, y: [2 * x * y, x * x]))
    True
    """
    if order not in (1, 2):
        raise ValueError(f"order is 1, for the gradient, or 2, for the Hessian too; but got {short_repr(order)}")
    require_function("check_gradients", f, "checked by giving the function that makes them")
    if gradient is not None and not callable(gradient):
        raise TypeError(
            f"check_gradients takes a gradient as a function of the same arguments as f, but got {described(gradient)}; "
            "numbers are the result of a function too: gradient=lambda *arguments: numbers"
        )
    arguments = list(at) if is_list(at) else [at]
    values = [wrapped(argument, name) for argument, name in zip(arguments, argument_names(f, len(arguments)), strict=True)]
    given = list(dict.fromkeys(leaves(values)))
    inputs = [source for source in given if type(source) is not Constant]
    if gradient is not None and order == 2:
        raise ValueError("a gradient that was written by hand is checked with order=1: it has no second derivatives to check")
    data = [source.data for source in inputs]

    def check() -> GradientReport:
        if gradient is None:
            return _check_backward(f, values, inputs, order)
        return _check_by_hand(f, gradient, arguments, values, given)

    return with_undo(check, lambda: assign(inputs, "data", data))  # f may change them, as a step of training does


# --- backward() -------------------------------------------------------------------------------------------------------------


def _check_backward(f: Callable[..., Any], values: Sequence[Any], inputs: list[Value], order: int) -> GradientReport:
    grads = [source.grad for source in inputs]
    for source in inputs:
        as_float(source.data, "an input of check_gradients")

    def run() -> Value:
        return with_undo(lambda: scalar(f, f(*values)), lambda: assign(inputs, "grad", grads))  # f may call backward()

    output, noted = watched(inputs, run)
    nodes = topological_order(output)
    reads = suspects.cuts(noted.values(), nodes, inputs)
    again, noted_again = watched(inputs, run)
    _refuse_two_results(lambda: float(again.data), float(output.data))
    read_again = {(read.how, read.line) for read in noted_again.values()}
    remembers = suspects.remembered(nodes, topological_order(again), inputs) or any(
        (read.how, read.line) not in read_again for read in reads
    )
    rounding = bounds(nodes, inputs)
    columns = [
        Column(derivative, 2 * by_paths.error, path)  # of its own, and of a witness
        for derivative, by_paths, path in zip(
            _gradient(output, nodes, inputs), rounding.derivatives, rounding.paths, strict=True
        )
    ]
    are_sums = all(
        abs(column.derivative - by_paths.number) <= suspects.SAME * max(column.path, abs(column.derivative))
        for column, by_paths in zip(columns, rounding.derivatives, strict=True)
    )
    about = _surroundings(nodes, reads, are_sums)._replace(remembers=remembers)
    name = names(nodes, [output, *inputs])
    moved = [Moved(source, run, rounding.value) for source in inputs]
    checked = [
        _check(one, name[one.source], column, about, one.branches(nodes)) for one, column in zip(moved, columns, strict=True)
    ]
    checked_pairs = list(_check_hessian(output, moved, columns, name, about)) if order == 2 else []
    run()  # so what f may remember of its last run is of these inputs
    remarks = [f"{one.entry.name}: {one.remark}." for one in [*checked, *checked_pairs] if one.remark]
    told = suspects.told_reads(reads)
    suspect = ""
    if any(one.entry.verdict == DIFFERS for one in checked):
        gaps = {
            one.source: found.entry.difference
            for one, found in zip(moved, checked, strict=True)
            if found.entry.verdict == DIFFERS
        }
        suspect = _suspect(nodes, inputs, run, name, told, gaps)
    elif any(one.entry.verdict == DIFFERS for one in checked_pairs):
        suspect = suspects.told_kinks(suspects.at_kinks(nodes), name) or suspects.SECOND
    return GradientReport(
        [one.entry for one in checked],
        suspect,
        [sentence for sentence in (*told, *remarks) if sentence not in suspect],
        [one.entry for one in checked_pairs],
    )


def _suspect(
    nodes: list[Value],
    inputs: list[Value],
    run: Callable[[], Value],
    name: dict[Value, str],
    told: Sequence[str],
    gaps: dict[Value, float],
) -> str:
    """What to look at if a derivative differs: the first of these that there is. ``gaps`` says by how much, for each input."""
    if wrong := suspects.wrong_row(nodes, name):
        return wrong
    found = {source: suspects.slopes(nodes, Moved(source, run, 0.0)) for source in inputs}
    measured = [by_node for by_node in found.values() if by_node is not None]
    moving = suspects.constants_that_move(nodes, inputs, measured)
    told_read = told[0] if told else ""
    return (
        suspects.wrong_stated_partial(nodes, measured, name)
        or (told_read if moving or None in found.values() else "")  # else no constant holds what f reads
        or suspects.told_detached(_detached(nodes, [(found[source], gap) for source, gap in gaps.items()]), name)
        or suspects.told_kinks(suspects.at_kinks(nodes), name)
        or moving
        or suspects.told_closures(nodes)
        or told_read
        or suspects.WAY_BACK
    )


def _detached(nodes: list[Value], found: Sequence[tuple[Sequence[float] | None, float]]) -> list[Value]:
    """The nodes that pass nothing on where a part of the gap would have passed, as far as values tell: a softmax's shift cancels."""
    detached = [node for node in nodes if isinstance(node.op, Op) and node.op.detaches]
    adjoints = _gradient(nodes[-1], nodes, detached)
    place = {node: k for k, node in enumerate(nodes)}
    return [
        node
        for node, adjoint in zip(detached, adjoints, strict=True)
        if any(by_node is None or abs(adjoint * by_node[place[node]]) > suspects.PART * gap for by_node, gap in found)
    ]


def _surroundings(nodes: Sequence[Value], reads: Sequence[Read], are_sums: bool) -> Surroundings:
    points = [(node.op, [float(source.data) for source in node.inputs]) for node in nodes if isinstance(node.op, Op)]
    return Surroundings(
        near_kink=any(op.kinks and _is_near_kink(op, operands) for op, operands in points),
        by_convention=any(op.is_convention(*operands) or takes_a_step(op, operands) for op, operands in points),
        reads_numbers=bool(reads),
        has_steps=any(op.is_staircase for op, _ in points),
        detaches=any(op.detaches for op, _ in points),
        all_rows=all(isinstance(node.op, Op) for node in nodes if node.op),
        rows_hold=cache(lambda: are_sums and not reads and suspects.rows_hold(nodes)),
    )


def _is_near_kink(op: Op, operands: Sequence[float]) -> bool:
    reach = NEAR * max(map(abs, operands)) if len(operands) > 1 else 0.0
    return op.distance_from_kink(*operands) <= max(reach, NEAREST)


def _gradient(output: Value, order: list[Value], inputs: list[Value]) -> list[float]:
    """What ``backward()`` adds to the inputs' ``grad``; every ``grad`` is put back afterwards."""
    nodes = [*order, *inputs]
    grads = [node.grad for node in nodes]

    def derivatives() -> list[float]:
        assign(nodes, "grad", [type(node.data)() for node in nodes])
        output.backward()
        return [float(source.grad) for source in inputs]

    return with_undo(derivatives, lambda: assign(nodes, "grad", grads))


def _refuse_two_results(run: Callable[[], float], result: float) -> None:
    again = run()
    if again != result and (again == again or result == result):
        raise ValueError(
            "f gave two results for the same input, so its derivative means nothing; if it draws random numbers, give it a seed, and "
            "if it changes the data of its arguments, or something else that it reads, let it begin anew each time"
        )


class Checked(NamedTuple):
    """An entry of the report, with a remark on its verdict."""

    entry: InputCheck
    remark: str


def _check(one: Moved, name: str, column: Column, about: Surroundings, branches: Branches) -> Checked:
    return _checked(name, one.source.data, column, one.step(), one.differences(), FIRST_ORDER, about, branches)


def _checked(
    name: str,
    at: Any,
    column: Column,
    by_complex: Witness | None,
    differences: Differences,
    tolerance: Tolerance,
    about: Surroundings,
    branches: Branches,
) -> Checked:
    found = Case(column, by_complex, differences, tolerance, about, branches).verdict()
    numeric, step = (witness.derivative if witness else None for witness in (found.numeric, by_complex))
    return Checked(InputCheck(name, at, column.derivative, numeric, step, found.difference, found.word), found.remark)


# --- the Hessian --------------------------------------------------------------------------------------------------------------


def _check_hessian(
    output: Value, moved: Sequence[Moved], columns: Sequence[Column], name: dict[Value, str], about: Surroundings
) -> Iterator[Checked]:
    """An entry for each pair of inputs: differences of the first derivative, as values of f give it."""
    inputs = [one.source for one in moved]
    second = hessian(output, inputs)
    for i, first in enumerate(moved):
        analytic = first.step()
        for j in range(i, len(moved)):
            other = moved[j]

            def slope(x: float, first: Moved = first, other: Moved = other, by_step: bool = analytic is not None) -> float:
                witness = other.at(x, first.step if by_step else lambda: first.differences().central())
                return witness.derivative if witness else math.nan

            witness = analytic or first.differences().central()
            noise = columns[i].rounding + (SAFETY * witness.error if witness else 0.0)
            scale = columns[i].path / max(1.0, abs(other.x))
            column = Column(float(second[i][j]), 0.0, max(abs(float(second[i][j])), scale))
            both = f"{name[inputs[i]]}, {name[inputs[j]]}"
            yield _checked(both, None, column, None, Differences(slope, other.x, noise), SECOND_ORDER, about, Branches())


# --- a gradient that was written by hand ----------------------------------------------------------------------------------------


def _check_by_hand(
    f: Callable[..., Any], gradient: Callable[..., Any], arguments: Sequence[Any], values: Sequence[Any], inputs: list[Value]
) -> GradientReport:
    def called(function: Callable[..., Any]) -> Any:
        return function(*(_as_given(argument, value) for argument, value in zip(arguments, values, strict=True)))

    def run() -> Any:
        return scalar(f, called(f)).data

    _refuse_two_results(lambda: float(run()), float(run()))
    if (by_hand := _as_lists(called(gradient))) is None:
        raise TypeError("the gradient gave None: has it no return?")
    stated = [float(data_of(number)) for number in _flat(by_hand)]
    if len(stated) != len(inputs):
        raise ValueError(f"the gradient has {len(stated)} numbers, but f has {len(inputs)} scalar inputs")
    is_once = len(list(_flat(values))) == len(inputs)  # each input: a Value that is given twice has one derivative
    forms = [_form(values), *(map(_form, values) if len(values) == 1 else [])]
    if is_once and _form(by_hand) not in forms:
        raise ValueError(
            f"the gradient has the form {_form(by_hand)}, but the arguments of f {forms[0]}: a gradient has its numbers in "
            "lists of the same form, one number for each scalar argument"
        )
    name = names(inputs, inputs)
    about = Surroundings(all_rows=False)
    checked = [
        _check(Moved(source, run, 0.0), name[source], Column(number, 4 * EPSILON * abs(number), abs(number)), about, Branches())
        for source, number in zip(inputs, stated, strict=True)
    ]
    run()  # so what f may remember of its last run is of these inputs
    remarks = [f"{one.entry.name}: {one.remark}." for one in checked if one.remark]
    return GradientReport([one.entry for one in checked], remarks=remarks, column="gradient")


def _as_given(argument: Any, value: Any) -> Any:
    """The numbers that a Value or lists of them hold now, in the form in which they were given: Values stay Values."""
    if isinstance(argument, Value):
        return argument
    if isinstance(value, Value):
        return value.data
    numbers = [_as_given(inner, entry) for inner, entry in zip(argument, value, strict=True)]
    return sys.modules["numpy"].array(numbers) if type(argument).__module__ == "numpy" else numbers


def _as_lists(numbers: Any) -> Any:
    if is_list(numbers):
        return [_as_lists(entry) for entry in numbers]
    return number_in(numbers)


def _form(numbers: Any) -> str:
    """How numbers stand in lists: ``[[x, x], x]``."""
    return f"[{', '.join(map(_form, numbers))}]" if is_list(numbers) else "x"


def _flat(numbers: Any) -> Iterator[Any]:
    if is_list(numbers):
        for entry in numbers:
            yield from _flat(entry)
    else:
        yield as_value(numbers)
