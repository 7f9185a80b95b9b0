"""where and conditions on the graph engine: which side is taken, what is recorded, and what is refused with which words."""

import itertools
import math
import operator
import pickle
import re
from copy import deepcopy
from fractions import Fraction

import numpy as np
import pytest

import autograd
from autograd import (
    Condition,
    DomainError,
    Value,
    equal,
    explain,
    grad,
    hessian,
    jvp,
    less,
    less_equal,
    topological_order,
    where,
)
from autograd.ops import LESS

x, y = Value(-4.0, "x"), Value(3.0, "y")


# --- known conditions: the side itself ----------------------------------------------------------------------------------


@pytest.mark.parametrize("holds", [True, 1, 1.0, Fraction(1), np.True_, np.int64(1), np.float64(1.0), x < y, y > x])
def test_a_known_condition_gives_the_side_itself(holds):
    assert where(holds, x, y) is x
    assert where(holds, x, 0) is x
    assert where(holds, 2, y) == 2


@pytest.mark.parametrize("holds", [False, 0, 0.0, Fraction(0), np.False_, np.int64(0), x > y, y <= x])
def test_a_known_condition_that_fails_gives_the_other(holds):
    assert where(holds, x, y) is y
    assert where(holds, lambda: 1 / 0, y) is y
    assert where(holds, x, lambda: y) is y


def test_a_side_that_is_a_function_is_called_once_and_only_if_taken():
    called = []
    sides = (lambda: called.append("a") or y * y, lambda: called.append("b") or x.sqrt())
    assert where(x < 0, *sides).data == 9.0
    assert where(less(x, 0), *sides).data == 9.0
    assert called == ["a", "a"]
    with pytest.raises(DomainError):
        where(x < 0, y, x.sqrt())  # a side that is no function is computed before


def test_a_chosen_side_is_differentiated_and_the_other_is_not():
    a, b = Value(2.0), Value(0.0)
    where(a > b, a * a, b.sqrt()).backward()
    assert (a.grad, b.grad) == (4.0, 0.0)


# --- conditions that are recorded ---------------------------------------------------------------------------------------


def test_comparisons_of_values_are_conditions_and_of_numbers_numbers():
    for function, compare in ((less, operator.lt), (less_equal, operator.le), (equal, operator.eq)):
        for a, b in itertools.product((-1.0, 0.0, 2.0, math.nan, math.inf), repeat=2):
            recorded = [function(Value(a), Value(b)), function(a, Value(b)), function(Value(a), b)]
            recorded.append(getattr(Value(a), function.__name__)(b))
            assert [(type(each), each.data) for each in recorded] == [(Condition, float(compare(a, b)))] * 4
            assert function(a, b) == float(compare(a, b))
            assert all(bool(each) is compare(a, b) for each in recorded)


@pytest.mark.parametrize("p", [True, False])
@pytest.mark.parametrize("q", [True, False])
def test_and_or_and_not(p, q):
    c, d = less(x, 0 if p else -9), equal(y, 3 if q else 4)
    for both in (c & d, c & q, p & d, p & (d & d), d & c):
        assert (type(both), both.data) == (Condition, float(p and q))
    for either in (c | d, c | q, p | d, d | c):
        assert (type(either), either.data) == (Condition, float(p or q))
    assert (type(~c), (~c).data, (~~c).data) == (Condition, float(not p), float(p))
    assert where(c & ~d, 1, 2).data == (1 if p and not q else 2)


def test_the_formula_that_is_recorded_is_iversons():
    c, a, b = less(x, y), Value(5.0), Value(7.0)
    z = where(c, a, b)
    assert [node.op.name for node in topological_order(z) if node.op] == ["less", "when", "unless", "add"]
    assert z.data == 5.0
    z = where(~c, a, b)
    assert z.data == 7.0
    assert [node.op.name for node in topological_order(where(c, a, 0)) if node.op] == ["less", "when"]
    assert [node.op.name for node in topological_order(where(c, 0.0, b)) if node.op] == ["less", "unless"]
    assert (where(c, 0, 0).data, where(~c, a, 0).data, where(~c, lambda: a, 0).data) == (0.0, 0.0, 0.0)


def test_a_function_that_is_not_taken_leaves_its_term_out():
    z = where(less(x, 0), y, lambda: x.sqrt())
    assert [node.op.name for node in topological_order(z) if node.op] == ["less", "when"]
    assert (z.data, grad(z, [x, y])) == (3.0, [0.0, 1.0])


def test_fractions_stay_exact():
    a, b = Value(Fraction(1, 3)), Value(Fraction(1, 2))
    z = where(less(a, b), a * a, b) + where(equal(a, b), a, b * b)
    assert (z.data, grad(z, [a, b])) == (Fraction(1, 9) + Fraction(1, 4), [Fraction(2, 3), Fraction(1)])
    assert {type(each) for each in (z.data, *grad(z, [a, b]))} == {Fraction}


def test_derivatives_of_every_order_and_forward_mode():
    a, b = Value(0.5), Value(2.0)
    z = where(less(a, b), a**3 * b, b * b)
    assert grad(z, [a, b]) == [1.5, 0.125]
    assert hessian(z, [a, b]) == [[6.0, 0.75], [0.75, 0.0]]
    assert jvp([z], [a, b], [1.0, 10.0]) == [2.75]
    [da, _] = grad(z, [a, b], create_graph=True)
    assert grad(da * da, [a]) == [2 * 1.5 * 6.0]


def test_conditions_can_be_copied_and_pickled():
    for copy in (deepcopy(less(x, y)), pickle.loads(pickle.dumps(less(x, y)))):
        assert (type(copy), copy.data, copy.op) == (Condition, 1.0, LESS)
        assert where(copy, 1, 2).data == 1


@pytest.mark.parametrize(("a", "b"), [(1.0, 2.0), (2.0, 1.0), (1, 2), (Fraction(1), 1), (math.nan, 1.0)])
def test_comparisons_of_plain_numbers_are_bools_which_join_as_conditions_do(a, b):
    joined = less(a, b) & less_equal(0, a) | equal(a, b)
    assert joined is ((a < b and a >= 0) or a == b)
    assert where(joined, 5, 7) == where(less(Value(a), b) & less_equal(0, Value(a)) | equal(Value(a), b), 5, 7).data
    assert where(less(a, b) & Value(a).less(b), 5, 7).data == (5 if a < b else 7)


# --- arrays of Values ---------------------------------------------------------------------------------------------------


def test_numpys_where_takes_arrays_of_values():
    a, b = (np.array([Value(number) for number in numbers]) for numbers in ([-1.0, 4.0], [2.0, 3.0]))
    chosen = np.where(a > b, a, b)
    assert [node.data for node in chosen] == [2.0, 4.0]
    assert chosen[0] is b[0]
    (chosen * chosen).sum().backward()
    assert [node.grad for node in (*a, *b)] == [0.0, 8.0, 4.0, 0.0]


# --- refused ------------------------------------------------------------------------------------------------------------

REFUSED = [
    (lambda: where(x, 1, 2), "but got the number x; compare it, as in x > 0 or autograd.equal(x, 1)"),
    (lambda: where(Value(1.0), 1, 2), "but got a Value, which is a number; compare it"),
    (lambda: where(x < y & y, 1, 2), "comparisons stand in parentheses: (a < b) & (b < c)"),
    (lambda: where(x > 0 & y, 1, 2), "comparisons stand in parentheses"),
    (lambda: where(0 | y, 1, 2), "comparisons stand in parentheses"),
    (lambda: ~x, "comparisons stand in parentheses"),
    (lambda: less(x, y) & y, "but got the number y"),
    (lambda: less(x, y) & 2, "but got 2 of type int"),
    (lambda: where(~(x < y), 1, 2), "~True is -2 in Python and ~False -1"),
    (lambda: where(~less(1.0, 2.0), 1, 2), "~True is -2 in Python and ~False -1"),
    (lambda: where(~False, 1, 2), "write the opposite comparison, or not"),
    (lambda: where(2, 1, 2), "a condition is a comparison, or True or False, but got 2 of type int"),
    (lambda: where(0.5, 1, 2), "but got 0.5 of type float"),
    (lambda: where(math.nan, 1, 2), "but got nan of type float"),
    (lambda: where("x > 0", 1, 2), "np.where"),
    (lambda: where(None, 1, 2), "but got None of type NoneType"),
    (
        lambda: where(np.array([True, False]), [x, x], [y, y]),
        "np.where(conditions, a, b), whose a and b may be arrays of Values",
    ),
    (lambda: where(less(x, y), [x], [y]), "choose for each pair: [where(condition, x, y) for x, y in zip(xs, ys)]"),
    (lambda: where(less(x, y), lambda: "x", y), "but a side is 'x' of type str"),
    (lambda: where(less(x, y), None, y), "a Value holds a real number"),
]


@pytest.mark.filterwarnings("ignore:Bitwise inversion")
@pytest.mark.parametrize(("call", "words"), REFUSED, ids=lambda each: each if isinstance(each, str) else "")
def test_what_is_no_condition_is_refused_with_words(call, words):
    with pytest.raises(TypeError, match=re.escape(words)):
        call()


def test_which_rows_are_comparisons():
    assert {name for name, op in autograd.OPS.items() if op.is_comparison} == {"less", "less_equal", "equal", "improves"}


# --- written ------------------------------------------------------------------------------------------------------------


def formula(output):
    return str(explain(output)).splitlines()[1].strip().partition(" = ")[2]


def test_a_choice_is_written_in_iversons_brackets():
    a, b = Value(2.0, "a"), Value(3.0, "b")
    assert formula(where(less(a, b), a * a, b)) == "[a < b]*(a*a) + [a >= b]*b"
    assert formula(where(less_equal(a, b), a, b)) == "[a <= b]*a + [a > b]*b"
    assert formula(where(equal(a, b), a, b)) == "[a == b]*a + [a != b]*b"
    assert formula(where(less(0, a), a, 5)) == "[a > 0]*a + [a <= 0]*5"
    assert formula(where(less_equal(1, a), a, 0)) == "[a >= 1]*a"
    assert formula(where(less(a, b) & ~equal(b, 2), a, 0)) == "[a < b]*[b != 2]*a"
    assert formula(where(~(less(a, b) | equal(a, 1)), a, 0)) == "(1 - maximum([a < b], [a == 1]))*a"
    shown = explain(where(less_equal(a, b), a, b))
    assert r"\left[a \le b\right] \cdot a + \left[a > b\right] \cdot b" in shown.to_latex()
    assert "<mo>[</mo><mi>a</mi><mo>≤</mo><mi>b</mi><mo>]</mo>" in shown.to_mathml()
    local = [
        line.strip() for line in str(shown).splitlines() if line.strip().startswith("∂v2/") or line.strip().startswith("∂v3/")
    ]
    assert local == ["∂v2/∂a = [a <= b] = 1", "∂v3/∂b = [a > b] = 1 - 1 = 0  (cut: it passes nothing on)"]


def test_a_program_writes_the_choice_too():
    program = autograd.compile(lambda x, w: where(x > 0, x * x, w), shapes=[(), ()])
    assert "v1 = [x > 0]\nv2 = x*x\nv3 = v1*v2\nv4 = (1 - v1)*w\nv5 = v3 + v4" in str(program)


def test_a_recorded_choice_of_minus_0_is_0():
    for x in (where(less(Value(1.0), 2), -0.0, Value(5.0)), where(less(Value(1.0), 2), -Value(0.0), 5.0)):
        assert math.copysign(1.0, x.data) == 1.0
    assert math.copysign(1.0, where(Value(1.0) < 2, -Value(0.0), 5.0).data) == -1.0
