"""softmax and logsumexp with -inf among the logits: what is masked is as if it were not there, in every mode and executor.

The oracle leaves the masked logits out: value and derivatives are those of the others alone, and 0 with respect to the masked.
"""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import strategies as st

import autograd
from autograd import Value, grad, hessian, hvp, jacobian, jvp, logsumexp, softmax, vjp
from autograd.compiled.executors import EXECUTORS
from nn import cross_entropy_logits, one_hot
from tests.strategies import between, for_all

INF, NAN = math.inf, math.nan
MASKED = [
    [-INF, 0.5], [0.5, -INF], [-INF, -INF, 0.0], [-INF, 1.0, -INF, 2.0], [1.0, -INF, -INF, 2.0, -1.0], [0.25, 700.0, -INF],
]  # fmt: skip


def oracle(logits):
    """The log of the sum of exponentials, its gradient (the probabilities), and its Hessian."""
    with mpmath.workdps(50):
        terms = [mpmath.exp(mpmath.mpf(z)) if z > -INF else mpmath.mpf(0) for z in logits]
        p = [term / mpmath.fsum(terms) for term in terms]
        second = [[float(p[i] * (i == j) - p[i] * p[j]) for j in range(len(p))] for i in range(len(p))]
        return float(mpmath.log(mpmath.fsum(terms))), [*map(float, p)], second


def near(values):
    return pytest.approx(values, rel=1e-13, abs=1e-15)


def numbers(nodes):
    return [node.data if isinstance(node, Value) else node for node in nodes]


@pytest.mark.parametrize("logits", MASKED, ids=str)
def test_what_is_masked_is_as_if_it_were_not_there(logits):
    value, p, second = oracle(logits)
    zs = [Value(z) for z in logits]
    y, ps = logsumexp(zs), softmax(zs)
    assert y.data == logsumexp(logits) == near(value)
    assert numbers(ps) == softmax(logits) == near(p)
    assert grad(y, zs) == numbers(grad(y, zs, create_graph=True)) == vjp([y], zs, [1.0]) == near(p)
    y.backward()
    assert [z.grad for z in zs] == near(p)
    assert [jvp([y], zs, unit)[0] for unit in np.eye(len(zs)).tolist()] == near(p)
    for found in (jacobian(ps, zs), hessian(y, zs), [hvp(y, zs, unit) for unit in np.eye(len(zs)).tolist()]):
        assert [entry for row in found for entry in row] == near([entry for row in second for entry in row])


@pytest.mark.parametrize("logits", MASKED, ids=str)
def test_a_mask_is_added(logits):
    """As in attention: the scores are Values, and the mask is 0 or -inf, floats or Values."""
    scores = [z if z > -INF else 0.75 for z in logits]
    masks = [0.0 if z > -INF else -INF for z in logits]
    _, p, second = oracle(logits)
    for mask in (masks, [Value(m) for m in masks]):
        zs = [Value(score) for score in scores]
        y = logsumexp([z + m for z, m in zip(zs, mask, strict=True)])
        assert grad(y, zs) == near(p)
        assert np.array(hessian(y, zs)) == pytest.approx(np.array(second), rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("logits", MASKED, ids=str)
def test_compiled_programs_mask_too(executor, logits):
    value, p, second = oracle(logits)
    n, X = len(logits), np.array([logits, [0.5] * len(logits), logits[::-1]])
    program = autograd.compile(logsumexp, shapes=[(n,)], executor=executor)
    assert program.per_example(X).values[0] == near(value)
    gradients = len(X) * program.input_gradients(X)[0]  # of the mean
    assert list(gradients[0]) == list(gradients[2][::-1]) == near(p)
    assert list(gradients[1]) == near([1 / n] * n)
    for index in range(n):
        program = autograd.compile(lambda z, k=index: softmax(z)[k], shapes=[(n,)], executor=executor)
        gradients = len(X) * program.input_gradients(X)[0]
        assert list(gradients[0]) == near(second[index])
        slope = lambda z, k=index: grad(logsumexp(z), [z[k]], create_graph=True)[0]  # noqa: E731
        gradients = len(X) * autograd.compile(slope, shapes=[(n,)], executor=executor).input_gradients(X)[0]
        assert list(gradients[0]) == near(second[index])


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("logits", MASKED, ids=str)
def test_masks_that_are_constants_and_parameters(executor, logits):
    _, p, _ = oracle(logits)
    masks = [0.0 if z > -INF else -INF for z in logits]
    weights = [Value(z if z > -INF else 0.75) for z in logits]
    program = autograd.compile(
        lambda x: logsumexp([x * w + m for w, m in zip(weights, masks, strict=True)]), weights, executor=executor
    )
    assert list(program([1.0, 1.0]).gradients) == near(p)
    parameters = [Value(z) for z in logits]
    program = autograd.compile(lambda x: logsumexp([x + w for w in parameters]), parameters, executor=executor)
    assert list(program([0.0, 0.0]).gradients) == near(p)


# --- no logit is finite: as PyTorch, whose results are written out here ---------------------------------------------------

ENDS = [  # logits, log of the sum, its gradient, softmax
    ([-INF, -INF], -INF, [NAN, NAN], [NAN, NAN]),
    ([-INF], -INF, [NAN], [NAN]),
    ([INF, 0.0], INF, [NAN, 0.0], [NAN, NAN]),
    ([0.0, INF, -INF], INF, [0.0, NAN, 0.0], [NAN, NAN, NAN]),
    ([NAN, 0.0], NAN, [NAN, NAN], [NAN, NAN]),
]


@pytest.mark.parametrize(("logits", "value", "slopes", "p"), ENDS, ids=str)
def test_the_ends_are_those_of_pytorch(logits, value, slopes, p):
    zs = [Value(z) for z in logits]
    y = logsumexp(zs)
    np.testing.assert_equal([logsumexp(logits), y.data], [value] * 2)
    np.testing.assert_equal([softmax(logits), numbers(softmax(zs))], [p] * 2)
    np.testing.assert_equal([grad(y, zs), numbers(grad(y, zs, create_graph=True))], [slopes] * 2)
    for executor in EXECUTORS:
        program = autograd.compile(logsumexp, shapes=[(len(logits),)], executor=executor)
        np.testing.assert_equal(program.per_example([logits]).values[0], value)
        np.testing.assert_equal(program.input_gradients([logits])[0][0], slopes)
        for index, probability in enumerate(p):
            program = autograd.compile(lambda z, k=index: softmax(z)[k], shapes=[(len(logits),)], executor=executor)
            np.testing.assert_equal(program.per_example([logits]).values[0], probability)


# --- the loss of logits ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("logits", MASKED, ids=str)
def test_cross_entropy_of_masked_logits(logits):
    n, label = len(logits), max(range(len(logits)), key=logits.__getitem__)
    value, p, _ = oracle(logits)
    wanted = [p[k] - (k == label) for k in range(n)]
    for target in (label, one_hot(label, n), [Value(float(t)) for t in one_hot(label, n)]):
        zs = [Value(z) for z in logits]
        loss = cross_entropy_logits(zs, target)
        assert loss.data == near(value - logits[label])
        assert grad(loss, zs) == near(wanted)
    for executor in EXECUTORS:
        program = autograd.compile(cross_entropy_logits, shapes=[(n,), (n,)], executor=executor)
        [gradients, _] = program.input_gradients([logits], [one_hot(label, n)])
        assert list(gradients[0]) == near(wanted)
        assert program.per_example([logits], [one_hot(label, n)]).values[0] == near(value - logits[label])


def test_the_weight_of_a_class_that_is_0_can_be_differentiated():
    """The derivative of the gradient p sum(y) - y with respect to y, at y = 0 too."""
    zs, ys = [Value(z) for z in (0.5, -1.0, 2.0)], [Value(y) for y in (0.0, 1.0, 0.0)]
    _, p, _ = oracle([0.5, -1.0, 2.0])
    slopes = grad(cross_entropy_logits(zs, ys), zs, create_graph=True)
    for i, slope in enumerate(slopes):
        assert grad(slope, ys) == near([p[i] - (i == j) for j in range(3)])


# --- any logits, masked in any places -------------------------------------------------------------------------------------

LOGITS = st.lists(st.just(-INF) | between(-3, 3, float) | st.sampled_from([-700.0, 700.0]), min_size=1, max_size=6).filter(
    lambda logits: max(logits) > -INF
)


@for_all(LOGITS, examples=80)
def test_any_masked_logits_have_the_derivatives_of_the_others(logits):
    value, p, second = oracle(logits)
    zs = [Value(z) for z in logits]
    y, ps = logsumexp(zs), softmax(zs)
    assert y.data == near(value)
    for found in (ps, grad(y, zs), grad(y, zs, create_graph=True), [jvp([y], [z], [1.0])[0] for z in zs]):
        assert numbers(found) == near(p)
    for found in (jacobian(ps, zs), hessian(y, zs)):
        assert [entry for row in found for entry in row] == near([entry for row in second for entry in row])
    program = autograd.compile(logsumexp, shapes=[(len(zs),)], executor="numpy")
    assert list(program.input_gradients([logits])[0][0]) == near(p)


def test_a_mask_that_is_left_in_the_shift_would_be_found(monkeypatch):
    """Planted: the shift is the last logit, be it masked."""
    monkeypatch.setattr("autograd.compositions._largest", lambda name, xs, instead_of_infinity=None: xs[-1].detach())
    assert test_any_masked_logits_have_the_derivatives_of_the_others.can_fail()
