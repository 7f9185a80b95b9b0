r"""The derivative in probabilities: that of a softmax is :math:`p_i(\delta_{ij} - p_j)`, that of a cross-entropy :math:`p - y`.

Along a path the local derivatives are multiplied, and most of them are products, quotients and powers of nodes: so the product of a path
is a *monomial*, :math:`c\,u^a v^b\cdots`. The paths are added, and where only shares :math:`p_k = e^{z_k}/\sum_j e^{z_j}` are left in it,
their sum is a polynomial in probabilities.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from itertools import islice
from typing import Any, NoReturn, TypeAlias

from autograd.checking.softmax_facts import Softmax, softmaxes
from autograd.explaining.named_graph import NamedGraph
from autograd.explaining.paths import Path, paths
from autograd.explaining.statements import Line, equation, phrase
from autograd.ops import DIV
from autograd.rules.formula_tree import Binary, Formula, Name, Negative, Numeral
from autograd.rules.grammar import Calls
from autograd.rules.op import CallTable, Op
from autograd.value import Constant, Value

MAX_FACTORS = 8  # of a product that is multiplied out
MAX_CLASSES = 16  # of a softmax whose targets are looked for
MAX_TERMS = 4  # of a polynomial that is shown
TOLERANCE = 1e-12  # in which coefficients are equal: they are sums of numbers of the learner's


class _NotAMonomialError(Exception):
    pass


@dataclass(frozen=True)
class Monomial:
    """A number times nodes to whole powers."""

    coefficient: Any
    powers: Mapping[Value, int]

    def times(self, other: Monomial, sign: int = 1) -> Monomial:
        """Return the product with another, or with ``sign`` -1 the quotient."""
        powers = Counter(self.powers)
        for node, power in other.powers.items():
            powers[node] += sign * power
        coefficient = self.coefficient * other.coefficient if sign > 0 else self.coefficient / other.coefficient
        return Monomial(coefficient, {node: power for node, power in powers.items() if power})

    def __lt__(self, other: Any) -> bool:  # a row that chooses by its operands is no product
        raise _NotAMonomialError

    __le__ = __gt__ = __ge__ = __lt__


class _Monomials(CallTable):
    """What the text of a row calls: products and quotients of monomials are monomials, and nothing else is."""

    def __missing__(self, name: str) -> Callable[..., NoReturn]:
        return _refuse


def _refuse(*operands: Any) -> NoReturn:
    raise _NotAMonomialError


def _monomial(factor: Any) -> Monomial:
    return factor if isinstance(factor, Monomial) else Monomial(factor, {})


_MONOMIALS = _Monomials(
    Calls,
    {
        "mul": lambda a, b: _monomial(a).times(_monomial(b)),
        "div": lambda a, b: _monomial(a).times(_monomial(b), -1),
        "neg": lambda a: _monomial(a).times(_monomial(-1)),
    },
)

Polynomial: TypeAlias = list[Monomial]


class Probabilities:
    """The softmaxes of a graph, and derivatives as polynomials in their probabilities.

    >>> from autograd import log, softmax, topological_order
    >>> from autograd.explaining.paths import paths
    >>> z = [Value(2.0, "z1"), Value(1.0, "z2")]
    >>> p = softmax(z)
    >>> loss = -log(p[0])
    >>> found = Probabilities(topological_order(loss))
    >>> [(term.coefficient, [found.place[e] for e in term.powers]) for term in found.polynomial(paths(loss, z[0]))]
    [(-1.0, []), (1.0, [1])]
    """

    def __init__(self, order: Sequence[Value]) -> None:
        readers = softmaxes(order)
        self.softmaxes = list({found.total: found for found in readers.values()}.values())
        self.shares = {node.inputs[0]: node for node in readers if node.op is DIV}  # by the exponential
        self.of = {exponential: found for found in self.softmaxes for exponential in found.exponentials}
        self.place = {e: place for found in self.softmaxes for place, e in enumerate(found.exponentials, start=1)}
        self._written: dict[Value, Monomial] = {}
        for node in order if self.softmaxes else ():
            self._written[node] = self._as_monomial(node)

    def polynomial(self, ways: Iterable[Path]) -> Polynomial:
        """The sum of the products of paths; its powers are of exponentials, each of which stands for its probability.

        It is empty if the sum is not made of probabilities and numbers alone.
        """
        total: dict[frozenset[tuple[Value, int]], Any] = {}
        try:
            for path in ways:
                term = self._in_probabilities(self._product(path))
                key = frozenset(term.powers.items())
                total[key] = total.get(key, 0) + term.coefficient
        except _NotAMonomialError:
            return []
        terms = [Monomial(coefficient, dict(key)) for key, coefficient in total.items() if abs(coefficient) > TOLERANCE]
        return terms if any(term.powers for term in terms) and len(terms) <= MAX_TERMS else []

    def _product(self, path: Path) -> Monomial:
        product = _monomial(1)
        for node, slot in zip(path.nodes, path.slots, strict=False):
            if not isinstance(node.op, Op):
                raise _NotAMonomialError
            operands = [self._written[read] for read in (*node.inputs, node)]
            product = product.times(_monomial(node.op.compile_partial(_MONOMIALS, slot)(*operands)))
        return product

    def _as_monomial(self, node: Value) -> Monomial:
        """A number as itself, a product or quotient as that of its operands, any other node as itself to the power 1."""
        if isinstance(node, Constant):
            return _monomial(node.data)
        if isinstance(node.op, Op):
            with suppress(_NotAMonomialError):
                written = _monomial(node.op.compile_value(_MONOMIALS)(*(self._written[read] for read in node.inputs)))
                if len(written.powers) <= MAX_FACTORS:
                    return written
        return Monomial(1, {node: 1})

    def _in_probabilities(self, term: Monomial) -> Monomial:
        """The term with each exponential over its sum as one probability."""
        rest = dict(term.powers)
        for found in self.softmaxes:
            if sum(rest.get(exponential, 0) for exponential in found.exponentials) + rest.pop(found.total, 0) != 0:
                raise _NotAMonomialError
        if any(node not in self.of or power < 0 for node, power in rest.items()):
            raise _NotAMonomialError
        return Monomial(term.coefficient, rest)

    def targets(self, softmax: Softmax, polynomials: Sequence[Polynomial]) -> list[Any]:
        """The :math:`y_k`, if the derivative with respect to each logit is :math:`p_k - y_k` and they add up to 1; else none."""
        found = [_difference(terms, exponential) for exponential, terms in zip(softmax.exponentials, polynomials, strict=True)]
        known = [y for y in found if y is not None and y >= 0]
        return known if len(known) == len(found) and abs(sum(known) - 1) <= TOLERANCE else []

    def value(self, terms: Polynomial) -> Any:
        """The polynomial in numbers."""
        return sum(
            term.coefficient * math.prod(self.probability(e) ** power for e, power in term.powers.items()) for term in terms
        )

    def probability(self, exponential: Value) -> Any:
        """The number that an exponential's share is."""
        return exponential.data / self.of[exponential].total.data


def _difference(terms: Polynomial, exponential: Value) -> Any:
    """The y of a polynomial that is p - y, with the probability p of the exponential; None of any other."""
    by_powers = {frozenset(term.powers.items()): term.coefficient for term in terms}
    share = by_powers.pop(frozenset({(exponential, 1)}), 0)
    constant = by_powers.pop(frozenset(), 0)
    return -constant if not by_powers and abs(share - 1) <= TOLERANCE else None


# --- in words -----------------------------------------------------------------------------------------------------------


class InProbabilities:
    """The lines that say derivatives in probabilities, where they are such: ``dL/dz1 = p1 - y1``."""

    def __init__(
        self,
        graph: NamedGraph,
        shown: Mapping[Value, Sequence[Path]],
        counts: Mapping[Value, int],
        adjoints: Mapping[Value, Any],
    ) -> None:
        self.graph, self.shown, self.counts, self.adjoints = graph, shown, counts, adjoints
        self.found = Probabilities(graph.folded.all_nodes)
        self._targets: dict[Value, list[Any]] = {}
        taken = set(graph.names.values())
        self._p, self._y = (_free_stem(stem, len(self.found.place), taken) for stem in ("pq", "yt"))

    def lines(self) -> Iterator[Line]:
        """A line for each source whose derivative is a polynomial in probabilities. Of several softmaxes nothing is said."""
        for source, ways in self.shown.items() if len(self.found.softmaxes) == 1 else ():
            terms = self.found.polynomial(ways) if len(ways) == self.counts[source] else []
            if terms and math.isclose(self.found.value(terms), self.adjoints[source], rel_tol=1e-9, abs_tol=1e-12):
                yield self._line(source, terms)

    def _line(self, source: Value, terms: Polynomial) -> Line:
        exponentials = list(dict.fromkeys(exponential for term in terms for exponential in term.powers))
        y = self._target(exponentials[0])
        if y is None or _difference(terms, exponentials[0]) != y:
            y = None
            sides = _written(terms, self._name), _written(terms, self._number)
        else:
            target = Name(f"{self._y}{self.found.place[exponentials[0]]}")
            sides = Binary("sub", self._name(exponentials[0]), target), Binary("sub", self._number(exponentials[0]), Numeral(y))
        meanings = [phrase("{} = {}", self._name(e), self._share(e)) for e in exponentials if self._name(e) != self._share(e)]
        meanings += [phrase("{} = {}", target, Numeral(y))] if y is not None else []
        remark = phrase(f"  ({', '.join(['{}'] * len(meanings))})", *meanings) if meanings else []
        derivative = self.graph.derivative(self.graph.output, source)
        return Line(equation(derivative, *sides, Numeral(self.adjoints[source])), remark=remark)

    def _target(self, exponential: Value) -> Any:
        """The y of a cross-entropy that belongs to the exponential; None if the derivatives are not all p - y."""
        softmax = self.found.of[exponential]
        if softmax.total not in self._targets:
            ways = [list(islice(paths(self.graph.output, logit), MAX_TERMS + 1)) for logit in softmax.logits[: MAX_CLASSES + 1]]
            few = len(ways) <= MAX_CLASSES and all(len(of_logit) <= MAX_TERMS for of_logit in ways)
            self._targets[softmax.total] = (
                self.found.targets(softmax, [self.found.polynomial(of_logit) for of_logit in ways]) if few else []
            )
        targets = self._targets[softmax.total]
        return targets[softmax.exponentials.index(exponential)] if targets else None

    def _name(self, exponential: Value) -> Name | Numeral:
        """The name of a probability: that of its node, if it has a label."""
        node = self.found.shares.get(exponential)
        return self.graph.name(node) if node is not None and node.label else Name(f"{self._p}{self.found.place[exponential]}")

    def _share(self, exponential: Value) -> Formula:
        """The node that is the probability, or the quotient."""
        node = self.found.shares.get(exponential)
        if node is not None:
            return self.graph.name(node)
        return Binary("div", self.graph.read(exponential), self.graph.read(self.found.of[exponential].total))

    def _number(self, exponential: Value) -> Numeral:
        return Numeral(self.found.probability(exponential))


def _free_stem(stems: str, count: int, taken: set[str]) -> str:
    """The first stem that makes no node's name with one of so many numbers."""
    candidates: list[str] = [*stems, *(stems[0] * times for times in range(2, len(taken) + 3))]
    return next(stem for stem in candidates if taken.isdisjoint(f"{stem}{k}" for k in range(1, count + 1)))


def _written(terms: Polynomial, write: Callable[[Value], Formula]) -> Formula:
    """The polynomial as a formula, its number last."""
    written: Formula | None = None
    for term in sorted(terms, key=lambda term: not term.powers):
        factors = [write(exponential) for exponential, power in term.powers.items() for _ in range(power)]
        size = abs(term.coefficient)
        if not factors or abs(size - 1) > TOLERANCE:
            factors.insert(0, Numeral(size))
        if written is None:
            if term.coefficient < 0:
                factors[0] = Negative(factors[0])
            written = _multiplied(factors)
        else:
            written = Binary("sub" if term.coefficient < 0 else "add", written, _multiplied(factors))
    assert written is not None
    return written


def _multiplied(factors: Sequence[Formula]) -> Formula:
    return reduce(lambda a, b: Binary("mul", a, b), factors)
