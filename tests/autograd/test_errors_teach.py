"""What is wrong is said: what was asked, what it got, what it needs and what to try; and no message and no repr fails itself."""

import math
import operator
from decimal import Decimal
from fractions import Fraction

import pytest

import autograd
import nn
from autograd import OPS, Op, Value, apply, explain, quiz

HUGE = 10**5000
NUMBERS = {
    "a huge int": HUGE,
    "a huge negative int": -HUGE,
    "a huge Fraction": Fraction(HUGE, 3),
    "a tiny Fraction": Fraction(1, HUGE),
    "beyond the floats": 10**400,
    "nan": math.nan,
    "inf": math.inf,
    "-0": -0.0,
    "the smallest": 5e-324,
}


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
def test_every_number_prints(number):
    import viz

    x, y = Value(number, "x"), Value(2, "y")
    texts = [repr(x), str(x), f"{x}", f"{x:>12}", f"{x:.3e}", f"{x:.2f}"]
    product = x * y
    texts += [str(show(product)) for show in (explain, quiz, autograd.why_plus, autograd.why_order, autograd.diagnose)]
    texts += [str(autograd.explain_forward(product, y)), explain(product).to_latex(), explain(product).to_mathml()]
    texts += [viz.draw(product).source, str(autograd.compare_modes(product)), *map(str, autograd.paths(product, y))]
    texts += [str(each.check(number)) for each in quiz(product)]
    assert all(texts)
    assert not any("-0" in part.split() for text in texts[6:] for part in text.splitlines())


@pytest.mark.parametrize("number", [-HUGE, Fraction(-HUGE, 3), -(10**400)], ids=["int", "Fraction", "beyond the floats"])
def test_an_error_with_a_number_that_python_does_not_print(number):
    with pytest.raises(autograd.DomainError, match="log\\(x\\) needs x > 0, but x = "):
        Value(number, "x").log()
    with pytest.raises(autograd.DomainError, match="needs"):
        Value(-2) ** Value(Fraction(number.numerator, 3)) if number.denominator == 1 else Value(number).sqrt()


def test_a_number_of_thousands_of_digits_is_told_in_four():
    assert repr(Value(-HUGE, "x")) == "Value(data=≈-1e+5000, grad=0, label='x')"
    assert f"{Value(Fraction(2 * HUGE, 3))}" == "≈6.667e+4999"
    assert Decimal(f"{Value(HUGE):.1f}") == Decimal(HUGE)


def wrong(name, value):
    p = Value(1.0, "p")
    q = p * 2
    setattr(p, name, value)
    return p, q


def backward_with(grad):
    _, q = wrong("grad", grad)
    q.backward()


def step_with(name, value):
    p, _ = wrong(name, value)
    nn.SGD([p], 0.1).step()


def compiled_with(name, value):
    p, _ = wrong(name, value)
    autograd.compile(lambda x: x * p, [p])([1.0]).backward() if name == "grad" else autograd.compile(lambda x: x * p, [p])(
        [1.0]
    )


MODEL = nn.MLP(2, [1])
TIMES = autograd.compile(lambda a, b: a * b, [])
ERRORS = {
    "grad = None, backward": (lambda: backward_with(None), TypeError, r"the grad of 'p' is None .* but backward\(\) adds to it: .* zero_grad\(\)"),
    "grad = 'abc', backward": (lambda: backward_with("abc"), TypeError, r"the grad of 'p' is 'abc' of type str"),
    "grad = None, step": (lambda: step_with("grad", None), TypeError, r"the grad of 'p' is None .* a step is the learning rate times it"),
    "data = None, step": (lambda: step_with("data", None), TypeError, r"the data of 'p' is None .* a step moves it: assign a number"),
    "data = 'abc', product": (lambda: wrong("data", "abc")[0] * 2, TypeError, r"mul of p and 2: .* got 'abc' of type str; convert it"),
    "data = 'abc', exp": (lambda: wrong("data", "abc")[0].exp(), TypeError, r"exp of p: .* got 'abc' of type str"),
    "data = 1j": (lambda: wrong("data", 1j)[0].exp(), TypeError, r"exp of p: .* take its real part"),
    "data = 'abc', explain": (lambda: explain(wrong("data", "abc")[1]), TypeError, r"the data of p: .* got 'abc'"),
    "data = '1', compiled": (lambda: compiled_with("data", "1"), TypeError, r"the data of 'p' is '1' of type str, but a program computes with it"),
    "data = None, compiled": (lambda: compiled_with("data", None), TypeError, r"the data of 'p' is None"),
    "SGD(model)": (lambda: nn.SGD(MODEL, 0.1), TypeError, r"SGD takes a list of parameters, but got MLP .* write SGD\(model\.parameters\(\), lr\)"),
    "SGD(model.parameters)": (lambda: nn.SGD(MODEL.parameters, 0.1), TypeError, r"but got <bound method .* write SGD\(model\.parameters\(\)"),
    "SGD of numbers": (lambda: nn.SGD([1.0], 0.1), TypeError, r"one of the parameters is 1\.0 of type float: give it model\.parameters\(\)"),
    "SGD, lr": (lambda: nn.SGD(MODEL.parameters(), "0.1"), TypeError, r"a learning rate, a number above 0, but got '0\.1' of type str"),
    "a lambda as a row": (lambda: Op("sq", lambda x: x * x, ("2*x",)), TypeError, r"the value of a row is a text, but got <function .*write Op\("),
    "a lambda as a partial": (lambda: Op("sq", "x*x", (lambda x: 2 * x,)), TypeError, r"a partial of row 'sq' is a text, but got <function"),
    "a forgotten tuple": (lambda: Op("sq", "x*x", "2*x"), TypeError, r"the partials of row 'sq' are a tuple, with a comma .*\('2\*x',\)"),
    "a forgotten tuple of one letter": (lambda: Op("sq", "x", "1"), TypeError, r"\('1',\), but got a text"),
    "no partials": (lambda: Op("sq", "x*x", None), TypeError, r"a tuple of texts, one for each operand, but got None"),
    "a number as a name": (lambda: Op(3, "x*x", ("2*x",)), TypeError, r"the name of a row is a text, but got 3"),
    "a function as a domain": (lambda: Op("sq", "x*x", ("2*x",), domain=abs), TypeError, r"the domain of a row is a text, but got <built-in"),
    "kinks as a list": (lambda: Op("sq", "x*x", ("2*x",), kinks=["x"]), TypeError, r"the kinks of row 'sq' are a dict"),
    "apply a lambda": (lambda: apply(lambda x: x, Value(1.0)), TypeError, r"apply takes a row of the table, OPS\['mul'\] for one"),
    "apply a name": (lambda: apply("mul", Value(1.0), 2), TypeError, r"but got 'mul' of type str"),
    "a string to a program": (lambda: TIMES("1.0", [2.0]), TypeError, r"a needs real numbers, .* '1\.0'.*convert the texts, with float"),
    "strings to a program": (lambda: TIMES([1.0], ["x"]), TypeError, r"b needs real numbers, .*convert the texts"),
    "complex to a program": (lambda: TIMES([1j], [1.0]), TypeError, r"a needs real numbers, .* take the real parts"),
    "a keyword to a program": (lambda: TIMES(a=[1.0], b=[2.0]), TypeError, r"by position, in the order of the function's arguments, but got a="),
    "a keyword to bind": (lambda: TIMES.bind([1.0], b=[2.0]), TypeError, r"but got b=\.\.\.; write program\(xs, ys\)"),
    "int()": (lambda: int(Value(2.0)), ValueError, r"int\(\) and %d would cut the graph.* round\(x\) .* int\(x\.data\)"),
    "%d": (lambda: operator.mod("%d", Value(2.0)), ValueError, r"int\(\) and %d would cut the graph"),
    "%f": (lambda: operator.mod("%f", Value(2.0)), TypeError, r"float\(\) and int\(\) would cut the graph.* \.data"),
    "round to half a digit": (lambda: round(Value(2.0), 1.5), TypeError, r"round takes a whole number of decimal places, .* got 1\.5 of type float"),
    "round to text": (lambda: round(Value(2.0), "2"), TypeError, r"got '2' of type str"),
}  # fmt: skip


@pytest.mark.parametrize(("do", "kind", "message"), ERRORS.values(), ids=ERRORS)
def test_the_error_teaches(do, kind, message):
    with pytest.raises(kind, match=f"(?s){message}"):
        do()
    assert "sq" not in OPS


def test_a_step_that_fails_moves_no_parameter():
    first, second = Value(1.0, "first"), Value(2.0, "second")
    first.grad, second.grad = 5.0, None
    with pytest.raises(TypeError, match="the grad of 'second'"):
        nn.SGD([first, second], 0.1).step()
    assert (first.data, second.data) == (1.0, 2.0)


def test_what_is_right_stays_right():
    assert (round(Value(2.345), 1).data, round(Value(2.5)).data, f"{Value(2.0):.2f}", operator.mod("%s", Value(1.0))) == (
        2.3,
        2.0,
        "2.00",
        str(Value(1.0)),
    )
    assert Op("errors_teach_square", "x * x", ["2 * x"]).partials == ("2 * x",)
    del OPS["errors_teach_square"]


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no repr")


def test_an_object_that_cannot_be_printed_is_told_by_its_type():
    with pytest.raises(TypeError, match="an object of type Unprintable of type Unprintable"):
        Value(Unprintable())


X = Value(2.0, "x")
Y = X * X
GIVEN = {  # what is asked with a number that has no business there
    "quiz": lambda z: quiz(Y, count=z),
    "explain": lambda z: explain(Y, max_paths=z),
    "explain, source": lambda z: explain(Y, z),
    "fold": lambda z: explain(Y, X, fold=z),
    "top_paths": lambda z: autograd.top_paths(Y, X, k=z),
    "explain_forward": lambda z: autograd.explain_forward(Y, z),
    "why_plus": autograd.why_plus,
    "compare_modes": autograd.compare_modes,
    "grad": lambda z: autograd.grad(z, [X]),
    "hessian": lambda z: autograd.hessian(z, [X]),
    "order": lambda z: autograd.check_gradients(lambda a: a * a, [X], order=z),
    "check_gradients": lambda z: autograd.check_gradients(lambda a: a * a, [Value(z)]),
    "solve": lambda z: autograd.solve(lambda a: a - 1, z),
    "SGD": lambda z: nn.SGD([X], z),
    "MLP": lambda z: nn.MLP(2, [z]),
    "a label": lambda z: nn.cross_entropy_logits([X, Y], z),
    "hinge": lambda z: nn.hinge(X, z),
    "one_hot": lambda z: nn.one_hot(z, 3),
    "a reduction": lambda z: autograd.compile(lambda a: a * X, [X], reduction=z),
    "threads": lambda z: autograd.compile(lambda a: a * X, [X], threads=z),
    "shapes": lambda z: autograd.compile(lambda a: a * X, [X], shapes=z),
    "a parameter": lambda z: autograd.compile(lambda a: a * X, [z]),
    "theta": lambda z: TIMES([1.0], [2.0], theta=z),
    "Embedding": lambda z: nn.Embedding(3, 2)(z),
}


@pytest.mark.parametrize("ask", GIVEN.values(), ids=GIVEN)
@pytest.mark.parametrize("number", [-HUGE, Fraction(-HUGE, 3)], ids=["int", "Fraction"])
def test_no_message_fails_whatever_the_number(ask, number):
    with pytest.raises(Exception) as caught:
        ask(number)
    assert "Exceeds the limit" not in str(caught.value)
    assert "too large to convert" not in str(caught.value)
    assert isinstance(caught.value, TypeError | ValueError | OverflowError)
