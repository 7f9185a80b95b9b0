"""diagnose: says in words what is wrong with a graph and its gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import overload

from autograd.checking.cut_parameters import cut_parameters
from autograd.checking.graph_facts import Finding, Subject
from autograd.checking.network_traps import equal_neurons, gradients_by_depth, softmax_of_one, softmax_of_softmax
from autograd.checking.stale_data import stale_data
from autograd.checking.traps import (
    flat_operations,
    gradient,
    left_over_gradients,
    not_finite,
    starts_at_output,
    unreached_parameters,
    zero_derivatives,
)
from autograd.text import LISTED_MOST, as_printed, counted, described, escaped_for_markdown, listed
from autograd.value import Value

CHECKS = {
    not_finite: "every number and every local derivative is finite",
    stale_data: "every operation agrees with the present numbers of its operands",
    left_over_gradients: "every parameter's grad is 0 or the derivative of the output",
    unreached_parameters: "every parameter is in the graph",
    flat_operations: "no operation of one operand is flat in all the examples",
    zero_derivatives: "every parameter has a way to the output without a local derivative of 0",
    equal_neurons: "no two neurons of a layer have the same parameters and gradients",
    softmax_of_one: "no softmax has a single output",
    softmax_of_softmax: "no softmax is taken of probabilities",
    gradients_by_depth: "gradients neither vanish nor explode from layer to layer",
}
"""The checks in the order of the report, each with what is true if it finds nothing."""

WITH_FUNCTION = {cut_parameters: "every parameter moves the function as its derivative in the graph says"}
"""The check that needs the function; it comes first."""

TOLD_BY_CUTS = ("unreached parameter", "zero derivative")  # kinds that say less of a node than that it is cut

LINE_CHARS = 100  # of a printed report


class Report(Sequence[Finding]):
    """What ``diagnose`` found: a sequence of findings, which is false if it is empty. Printed, it explains itself.

    Attributes:
        unchecked: a tuple of sentences that say what could not be checked, and why.

    >>> x = Value(2.0, "x")
    >>> report = diagnose(x.detach() + 1)
    >>> len(report), report[0].kind, report[0].node is x, report.unchecked
    (1, 'zero derivative', True, ())
    """

    __slots__ = ("_findings", "_about", "unchecked", "_checked")

    def __init__(self, findings: Iterable[Finding], about: str, unchecked: Iterable[str], checked: Iterable[str]) -> None:
        self._findings, self._about, self.unchecked = tuple(findings), about, tuple(unchecked)
        self._checked = tuple(checked)

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Finding, ...]: ...
    def __getitem__(self, index: int | slice) -> Finding | tuple[Finding, ...]:
        return self._findings[index]

    def __len__(self) -> int:
        return len(self._findings)

    def __repr__(self) -> str:
        from textwrap import fill  # here, so that importing autograd stays quick

        return "\n".join(
            [
                self._heading(),
                *(fill(f"{kind}: {message}", LINE_CHARS, subsequent_indent="    ") for kind, message in self._items()),
            ]
        )

    def _repr_markdown_(self) -> str:
        items = (f"- **{kind}**: {escaped_for_markdown(message)}" for kind, message in self._items())
        return "\n".join([escaped_for_markdown(self._heading()), "", *items])

    def _heading(self) -> str:
        return f"{counted(len(self), 'finding') if self else 'No findings'} in {self._about}"

    def _items(self) -> Iterator[tuple[str, str]]:
        """Pairs of a kind and a message: the first few findings of each kind, and how many more there are."""
        for kind in dict.fromkeys(finding.kind for finding in self):
            messages = [finding.message for finding in self if finding.kind == kind]
            yield from ((kind, message) for message in messages[:LISTED_MOST])
            if len(messages) > LISTED_MOST:
                yield kind, f"... and {len(messages) - LISTED_MOST} more of this kind: the report is a sequence of all."
        if not self:
            yield from (("checked", fact) for fact in self._checked)
        yield from (("not checked", sentence) for sentence in self.unchecked)


def diagnose(
    output: Value, parameters: Iterable[Value] | None = None, *, function: Callable[[], Value] | None = None
) -> Report:
    r"""Look for the classic traps of backpropagation in the graph of ``output``, and say what to do about those found.

    ========================  ==========================================================================================
    nan, inf                  where the first number that is not finite was born, and how far it spread
    stale data                data was assigned after the graph was built: derivatives are those of the old numbers
    left-over gradient        a parameter's grad holds more than one pass: nobody set it to 0
    unreached parameter       the output was not computed from it
    dead relu, saturated,     an operation passes no gradient on, in any example: nodes are grouped by their scopes, so
    stationary                that one neuron is one finding, and a relu that is off in some examples only is none
    zero derivative           a parameter all of whose paths have a local derivative of exactly 0
    equal weights             neurons of a layer with the same parameters and the same gradients: training keeps them equal
    softmax of one output     its result is 1 and its derivative 0, whatever the logit
    softmax of softmax        its logits are probabilities already, so that it cannot become sure
    vanishing gradient,       from the last layer to the first the gradient shrinks or grows a thousandfold, step by step
    exploding gradient
    cut                       given ``function``: moving a parameter moves the output in another way than the graph says,
                              because .data, ``detach`` or a function of ``math`` took a number out of the graph
    ========================  ==========================================================================================

    Nodes have the names that explanations and pictures give them: their labels, or v1, v2, ... Of a node that was made inside
    ``debug()`` the report quotes the line of your code. No data and no grad are changed. The time is proportional to the size
    of the graph; a function is called some ten times for each parameter, with its data moved a little, and put back.

    Layers and neurons are scopes, which ``nn`` opens and your own code may: ``with scope("layer1"):``. A layer is a part of the
    network with parameters; in a graph without scopes, the operations of one operand along a path are its depth.

    Args:
        output: the value on which ``backward()`` was called or will be.
        parameters: the values that are trained, such as ``model.parameters()``; by default all leaves that are not constants.
        function: takes no arguments, and computes the output anew from the data of the parameters. With it, cuts are found.

    Returns:
        A sequence of findings, each with ``kind``, ``node`` and ``message``. It is empty if all is well.

    Raises:
        TypeError: if the output or a parameter is no ``Value``, or holds no number; if the function is none, or needs arguments.
        ValueError: if the function does not give the output again.

    The gradients were never set to 0:

    >>> w = Value(3.0, "w")
    >>> for step in range(2):
    ...     loss = (w * 2 - 5) ** 2
    ...     loss.backward()
    >>> diagnose(loss)
    1 finding in the graph of v3, of 6 nodes and 1 parameter
    left-over gradient: w.grad is 8.0, 2 times the derivative of v3 in it, 4.0: backward() adds to what
        is there, and ran that often. What to do: set gradients to 0 before each pass, p.grad = 0 for
        each parameter or zero_grad(); unless you mean to add up several passes.

    A number was taken out of the graph:

    >>> w.grad = 0.0
    >>> prediction = Value(w.data * 2, "prediction")
    >>> diagnose((prediction - 5) ** 2, [w])
    1 finding in the graph of v2, of 4 nodes and 1 parameter
    unreached parameter: w is not in the graph of v2, so its gradient is 0 and it will not learn. What
        to do: look for a number (.data) taken where the Value was meant, for a copy of it, or for a
        layer that is not called.

    Another is read and stays in the graph as a constant: the function knows better than the graph does.

    >>> f = lambda: w * w.data
    >>> [finding] = diagnose(f(), [w], function=f)
    >>> print(finding.kind, finding.message.partition(": .data")[0], sep="\n")
    cut
    moving w moves v1: the derivative by differences is 6, but in the graph it is 3. The number 3.0 in v1 = w * 3.0 follows it, and yet is a constant to backward()

    An overflow, and the line that made it:

    >>> from autograd import debug
    >>> with debug():
    ...     certainty = (400 * w).exp()
    ...     score = 1 + certainty
    >>> [finding] = diagnose(score)
    >>> print(finding.kind, finding.message.partition(" It ")[0], finding.node.made_at.text, sep="\n")
    inf
    v2 = exp(v1) is the first number that is not finite: it is inf, with v1 = 1200.0.
    certainty = (400 * w).exp()
    """
    if not isinstance(output, Value):
        raise TypeError(f"diagnose looks at the graph of a Value, but the output is {described(output)}")
    subject = Subject(output, None if parameters is None else _checked(parameters), _called_without_arguments(function))
    checks = {**(WITH_FUNCTION if function else {}), **CHECKS}
    findings = [_with_line(finding) for check in checks for finding in check(subject)]
    cut = {finding.node for finding in findings if finding.kind == "cut"}
    findings = [finding for finding in findings if finding.kind not in TOLD_BY_CUTS or finding.node not in cut]
    if subject.unmoved:
        checks.pop(cut_parameters)
    size = f"{counted(len(subject.order), 'node')} and {counted(len(subject.parameters), 'parameter')}"
    return Report(findings, f"the graph of {subject.path(output)}, of {size}", _unchecked(subject), checks.values())


def _called_without_arguments(function: Callable[[], Value] | None) -> Callable[[], Value] | None:
    if function is None:
        return None
    if not callable(function):
        raise TypeError(f"the function of diagnose computes the output anew, but got {described(function)}")
    from inspect import signature  # here, because importing it takes longer than importing all of autograd

    try:
        signature(function).bind()
    except TypeError:
        raise TypeError(
            "the function of diagnose takes no arguments, since it reads the data of the parameters: write function=lambda: f(w)"
        ) from None
    except ValueError:  # Python does not know the signature
        pass
    return function


def _checked(parameters: Iterable[Value]) -> list[Value]:
    if isinstance(parameters, Value) or not hasattr(parameters, "__iter__"):
        hint = "write model.parameters()" if hasattr(parameters, "parameters") else "write [w]"
        raise TypeError(f"diagnose takes a list of parameters, but got {described(parameters)}: {hint}")
    parameters = list(parameters)
    for parameter in parameters:
        if not isinstance(parameter, Value):
            raise TypeError(f"the parameters of diagnose are Values, but one is {described(parameter)}")
    return parameters


def _with_line(finding: Finding) -> Finding:
    line = finding.node.made_at
    return finding._replace(message=f"{finding.message} It was made in {line}") if line else finding


def _unchecked(subject: Subject) -> Iterator[str]:
    """Sentences on what cannot be known from this graph."""
    if subject.unmoved:
        names = listed(subject.unmoved, subject.name)
        yield f"whether moving {names} moves the function as the graph says: beside these numbers its values do not tell."
    if subject.closures:
        names = listed(subject.closures, subject.formula)
        yield f"whether the data of closures agree with their inputs ({names}): there is no formula to compute them again."
    behind = [leaf for leaf in subject.parameters if leaf in subject.behind_closures]
    if behind:
        names = listed(behind, subject.name)
        yield f"the gradients of {names}: their derivatives pass through closures that have no local derivatives to read."
    if not starts_at_output(subject):
        yield (
            f"left-over gradients: the grad of {subject.name(subject.output)} is {as_printed(subject.output.grad)}, neither 0 nor 1, so "
            "the last backward() began at another value."
        )
    odd = [leaf for leaf in subject.parameters if gradient(leaf) is None]
    if odd:
        yield f"the grad of {listed(odd, subject.name)}: it is no number; set it to 0 before backward()."
