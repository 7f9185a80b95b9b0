"""quiz: right answers are accepted in any form, and each classic slip is called by its name."""

import math
import pickle
import re
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import strategies as st

from autograd import Value, grad, quiz
from autograd.errors import ClosureError
from autograd.explaining.answers import AnswerError, number_from
from autograd.explaining.quiz import Exercise
from autograd.expressions.numerals import MAX_EXPRESSION_CHARS
from tests.strategies import expressions, for_all


def diamond():
    x, y = Value(0.5, "x"), Value(-0.75, "y")
    u = x * y
    u.label = "u"
    out = u.tanh() * x + u * 4
    out.label = "L"
    return out, x, y, u


def asked(exercises, kind, ending):
    [exercise] = [each for each in exercises if each.kind == kind and each.question.endswith(ending)]
    return exercise


def test_every_answer_is_accepted_and_every_question_asked_once():
    exercises = quiz(diamond()[0], count=50, seed=0)
    assert {each.kind for each in exercises} == {"local derivative", "path product", "adjoint"}
    assert len({each.question for each in exercises}) == len(exercises)
    for each in exercises:
        assert each.check(each.answer)
        assert each.check(repr(each.answer))
        assert each.check(f"{each.answer:.4g}") or each.answer == 0
        assert each.check(f"({each.answer!r}) * 2 / 2")
        assert not each.check(each.answer + 1 + abs(each.answer))


def test_answers_to_adjoints_are_the_gradients():
    out, x, y, u = diamond()
    exercises = quiz(out, count=50, seed=0)
    for node, name in ((x, "x"), (y, "y"), (u, "u")):
        assert asked(exercises, "adjoint", f"What is dL/d{name}?").answer == grad(out, [node])[0]


def test_a_forgotten_or_overwritten_path_is_named():
    exercise = asked(quiz(diamond()[0], count=50, seed=0), "adjoint", "What is dL/dx?")
    t = math.tanh(-0.375)
    direct, through_tanh, through_four = t, 0.5 * (1 - t * t) * -0.75, 4.0 * -0.75
    assert exercise.answer == pytest.approx(direct + through_tanh + through_four, rel=1e-12)
    for left_out, rest in ((direct, through_tanh + through_four), (through_four, direct + through_tanh)):
        assert "forgotten" in str(exercise.check(rest)), left_out
    assert "x → u → v3 → L" in str(exercise.check(direct + through_tanh))
    assert "that is the path x → v2 → L alone" in str(exercise.check(direct))


def test_overwriting_instead_of_adding_is_named():
    x = Value(3.0, "x")
    out = x * 2 + x * 5 + x * 11
    exercise = asked(quiz(out, count=50, seed=0), "adjoint", "/dx?")
    assert exercise.answer == 18.0
    # backward() reaches 2x last: with = in place of += only its 2 would be left
    assert "the last overwrote the others (=)" in str(exercise.check(2))
    assert "forgotten" in str(exercise.check(7))
    assert "alone" in str(exercise.check(5))


def test_a_missing_upstream_factor_is_named():
    x = Value(0.5, "x")
    out = x.tanh() * 7
    exercise = asked(quiz(out, count=50, seed=0), "adjoint", "/dx?")
    assert "upstream factor is missing" in str(exercise.check(1 - math.tanh(0.5) ** 2))


def test_a_derivative_taken_at_the_output_is_named():
    x = Value(0.5, "x")
    exercise = asked(quiz(x.sin() * 3, count=50, seed=0), "local derivative", "∂v1/∂x?")
    assert exercise.check("cos(0.5)")
    assert "taken at the output" in str(exercise.check(math.cos(math.sin(0.5))))
    assert "the sign is wrong" in str(exercise.check("-cos(x)"))
    assert "not its derivative" in str(exercise.check("sin(x)"))


def test_factors_of_a_path_are_named_and_sums_of_them():
    x = Value(0.5, "x")
    exercise = asked(quiz((x * 3).exp() * 5, count=50, seed=0), "path product", "?")
    e = math.exp(1.5)
    assert exercise.answer == pytest.approx(15 * e, rel=1e-15)
    assert "the factor ∂v1/∂x is missing" in str(exercise.check(5 * e))
    assert "multiplied, not added" in str(exercise.check(5 + e + 3))


def test_the_other_operand_is_named():
    x, y = Value(2.0, "x"), Value(7.0, "y")
    exercise = asked(quiz(x * y, count=50, seed=0), "local derivative", "∂v1/∂x?")
    assert "the derivative with respect to the other operand" in str(exercise.check(2))


def test_what_is_no_answer_is_said_so():
    exercise = quiz(diamond()[0], seed=0)[0]
    for text in (
        "",
        "two",
        "x = 3",
        "__import__('os')",
        "x.y",
        "1 if x else 2",
        "'a'",
        "True",
        "[1]",
        "1e999 - 1e999 +",
        "9**9**9**9",
    ):
        feedback = exercise.check(text)
        assert not feedback
        assert feedback.message
    assert "real number" in str(exercise.check(None))
    assert "x / y needs y != 0" in str(exercise.check("1/0"))


@for_all(st.text(max_size=MAX_EXPRESSION_CHARS + 20), examples=100)
def test_no_text_breaks_an_answer(text):
    try:
        found = number_from(text, {"x": 2.0})
    except AnswerError:
        return
    assert isinstance(found, int | float)


ANSWERS = {
    "1/3": 1 / 3,
    "-2": -2,
    "+3": 3,
    "2·3": 6,
    "2^3": 8,
    "w1[2,3] + 1": 5.5,
    "w1[2, 3]": 4.5,
    "maximum(1, 2)": 2,
    " 0.5 ": 0.5,
}


@pytest.mark.parametrize("text", ANSWERS)
def test_small_expressions_are_numbers(text):
    assert number_from(text, {"w1[2,3]": 4.5}) == pytest.approx(ANSWERS[text], rel=1e-15)


def test_exact_graphs_have_exact_answers():
    x = Value(Fraction(1, 3), "x")
    exercise = asked(quiz(x * x * 2, count=50, seed=0), "adjoint", "/dx?")
    assert exercise.answer == Fraction(4, 3)
    assert exercise.check("4/3")
    assert exercise.check(Fraction(4, 3))
    assert "Right: it is 4/3." in str(exercise.check("1 + 1/3"))


def test_the_same_seed_asks_the_same():
    assert repr(quiz(diamond()[0], seed=5)) == repr(quiz(diamond()[0], seed=5))
    assert len({repr(quiz(diamond()[0], seed=k)) for k in range(5)}) > 1
    assert len(quiz(diamond()[0], count=2, seed=0)) == 2


def test_in_a_terminal_there_is_a_second_try_and_an_end():
    exercises = quiz(diamond()[0], count=2, seed=0)
    shown = []
    answers = iter(["nonsense", str(exercises[0].answer), "0.123", "0.123"])
    assert exercises.ask(lambda prompt: next(answers), shown.append) == 1
    assert shown[-1] == "1 of 2 right."
    assert any(line.startswith("It is ") for line in shown)

    def ended(prompt):
        raise EOFError

    assert exercises.ask(ended, shown.append) == 0


def test_in_a_notebook_it_is_an_object():
    exercises = quiz(diamond()[0], seed=0)
    assert exercises._repr_markdown_().startswith("1. ")
    assert exercises[:2] == list(exercises)[:2]
    assert "The formula" in exercises.solution()


def test_nothing_is_touched_and_wrong_arguments_are_refused():
    out, x, _, _ = diamond()
    out.grad = x.grad = 5.0
    for each in quiz(out, seed=0):
        each.check(1)
    assert (out.grad, x.grad) == (5.0, 5.0)
    with pytest.raises(ValueError, match="no derivative to ask for"):
        quiz(Value(1.0))
    with pytest.raises(ValueError, match="count is 0"):
        quiz(out, count=0)
    with pytest.raises(TypeError, match=r"but got 2\.0"):
        quiz(2.0)
    with pytest.raises(ClosureError):
        quiz(Value(4.0, (x,), "square") * 2)


@pytest.mark.parametrize("length", [200, 3000])
def test_of_a_long_graph_only_short_questions_are_asked(length):
    w = Value(2.0, "w")
    y = w
    for _ in range(length):
        y = (y * w).tanh() + 0.5
    exercises = quiz(y, count=6, seed=1)  # it took minutes, and asked for products of hundreds of factors
    assert {"local derivative", "path product"} <= {each.kind for each in exercises}
    assert max(len(each.question) for each in exercises) < 500
    for each in exercises:
        assert each.check(each.answer)
        assert len(str(each.check("no such thing"))) < 500


def test_an_answer_of_any_size_is_an_answer():
    [exercise, *_] = quiz(diamond()[0], seed=0)
    for text in ("10**400", "9**999", "((9**999)**999)**999", "10**10**10", "1e999", "(-1)**10**400"):
        assert not exercise.check(text), text
    assert str(exercise.check("0**-1\n")).startswith("'0**-1' has no value")


def test_a_label_with_brackets_is_a_name_beside_any_other():
    a, b = Value(2.0, "w[1,2]"), Value(-3.0, "w_1_2_")
    assert number_from("w[1,2] - w_1_2_", {"w[1,2]": a.data, "w_1_2_": b.data}) == 5.0
    first, second = Value(2.0, "w1[2,3]"), Value(-3.0, "w1[2,3]")
    exercise = quiz(first * second + first, seed=1)[0]
    assert "Not -3" in str(exercise.check("w1[2,3]_2")) or exercise.check("w1[2,3]_2")
    with pytest.raises(AnswerError, match=r"missing between w1\[2,3\] and 4"):
        number_from("w1[2,3] 4", {"w1[2,3]": 2.0})


def test_infinity_and_nan_are_answers():
    exercise = quiz(Value(1000.0, "x").exp(), seed=1)[0]
    assert exercise.check("inf")
    assert not exercise.check("1")
    assert math.isnan(number_from("nan", {}))


def test_fractions_beyond_the_floats_are_compared_as_fractions():
    x = Value(Fraction(10**400, 3), "x")
    exercise = asked(quiz(x * x, count=50, seed=1), "adjoint", "/dx?")
    assert exercise.check("2*x")
    assert not exercise.check("3*x")


# --- what a question gives away -----------------------------------------------------------------------------------------


def printed(question):
    """The numbers that stand in a question, as texts; the digits of names and of indices are no numbers."""
    return set(re.findall(r"(?:(?<![\w\])] )-)?(?<![\w.])\d+(?:\.\d+)?(?:e[+-]?\d+)?", question))


def as_shown(answer):
    return f"{answer + 0:.6g}"


@for_all(expressions(), examples=150, full=1500)
def test_no_question_prints_the_answer_to_another(expression):
    output = expression.graph()[expression.output]
    try:
        exercises = quiz(output, count=30, seed=0)
    except ValueError as error:
        assert "no derivative to ask for" in str(error)  # noqa: PT017  (of detach and comparisons alone)
        return
    for one, other in permutations(exercises, 2):
        assert not re.search(r"[∂d]\S*/[∂d]\S* [=≈]|∂[₁₂]\S* [=≈]", one.question)
        answer = as_shown(other.answer)
        assert answer not in printed(one.question) or answer in printed(other.question), f"{one}\n{other}"


def test_it_is_seen_where_one_does(monkeypatch):
    monkeypatch.setattr(Exercise, "gives_away", lambda self, other: self.question == other.question)
    assert test_no_question_prints_the_answer_to_another.can_fail()


# --- the slips that students make ---------------------------------------------------------------------------------------

X = 0.3
TANH, EXP, SIGMOID = math.tanh(X), math.exp(X), 1 / (1 + math.exp(-X))
LOCAL = {  # of v1 = f(x): what a student writes, and what is said
    "x for exp(x)": (lambda x: x.exp(), X, "stands the input x where the result v1 belongs"),
    "1 - x² for 1 - out²": (lambda x: x.tanh(), 1 - X**2, "stands the input x where the result v1 belongs"),
    "x(1 - x) for out(1 - out)": (lambda x: x.sigmoid(), X * (1 - X), "stands the input x where the result v1 belongs"),
    "tanh' at the output": (
        lambda x: x.tanh(),
        1 - math.tanh(TANH) ** 2,
        "was taken at the output v1, and belongs at the input x",
    ),
    "the slope of a sigmoid at the output": (
        lambda x: x.sigmoid(),
        1 / (2 + math.exp(SIGMOID) + math.exp(-SIGMOID)),
        "was taken at the output v1, and belongs at the input x",
    ),
    "the sign": (lambda x: x.cos(), math.sin(X), "the sign is wrong"),
}


@pytest.mark.parametrize(("f", "answer", "said"), LOCAL.values(), ids=LOCAL)
def test_a_slip_in_a_local_derivative_is_named(f, answer, said):
    x = Value(X, "x")
    exercise = asked(quiz(f(x) * 3 + 7, count=50, seed=0), "local derivative", "∂v1/∂x?")
    assert said in str(exercise.check(answer))
    assert said not in str(exercise.check(exercise.answer))


CHAINS = {  # of L = (f(2x) + 1)·5, whose derivative is 5·f'(2x)·2: what a student writes, and what is said
    "x·upstream for exp": (lambda x: x.exp(), 5 * 2 * X * 2, "stands the input v1 where the result v2 belongs"),
    "1 - x² for 1 - out²": (lambda x: x.tanh(), 5 * (1 - (2 * X) ** 2) * 2, "stands the input v1 where the result v2 belongs"),
    "at the output": (lambda x: x.tanh(), 5 * (1 - math.tanh(math.tanh(2 * X)) ** 2) * 2, "was taken at the output v2"),
    "stopped early": (lambda x: x.tanh(), 5 * (1 - math.tanh(2 * X) ** 2), "the chain stopped early at v1"),
    "the sign": (lambda x: x.tanh(), -5 * (1 - math.tanh(2 * X) ** 2) * 2, "sign is wrong"),
}


@pytest.mark.parametrize("kind", ["adjoint", "path product"])
@pytest.mark.parametrize(("f", "answer", "said"), CHAINS.values(), ids=CHAINS)
def test_a_slip_in_a_chain_is_named(f, answer, said, kind):
    x = Value(X, "x")
    output = (f(x * 2) + 1) * 5
    output.label = "L"
    [exercise] = [
        exercise
        for seed in range(3)
        for exercise in quiz(output, count=50, seed=seed)
        if exercise.kind == kind and "dL/dx?" in exercise.question
    ][:1]
    assert said in str(exercise.check(answer))


def test_the_sign_of_one_term_of_a_sum_is_named():
    x, y = Value(0.5, "x"), Value(3.0, "y")
    output = x.tanh() * y - x * 5
    exercise = asked(quiz(output, count=50, seed=0), "adjoint", "/dx?")
    slope = 3 * (1 - math.tanh(0.5) ** 2)
    assert exercise.check(slope - 5)
    assert "the sign of ∂v4/∂v3 is wrong" in str(exercise.check(slope + 5))


def test_a_chain_of_three_that_stopped_early_is_named():
    x = Value(0.5, "x")
    [exercise, *_] = [each for each in quiz((x.sin().exp() * 3).tanh(), count=50, seed=0) if each.kind == "path product"]
    e = math.exp(math.sin(0.5))
    assert "the chain stopped early at v3" in str(exercise.check(1 - math.tanh(3 * e) ** 2))
    assert "the chain stopped early at v2" in str(exercise.check((1 - math.tanh(3 * e) ** 2) * 3))


# --- Markdown and pickles -------------------------------------------------------------------------------------------------


def test_in_markdown_no_sign_is_a_mark():
    x, y = Value(2.0, "x"), Value(3.0, "y_1")
    exercises = quiz(x * y * x, count=50, seed=0)
    text = exercises._repr_markdown_()
    assert r"x\*y\_1" in text
    assert not re.search(r"(?<!\\)[*_<>]", text)
    assert exercises[0]._repr_markdown_() == text.splitlines()[0].removeprefix("1. ")


def test_a_quiz_can_be_pickled():
    w = Value(2.0, "w")
    y = w
    for _ in range(2000):
        y = (y * w).tanh() + 0.5
    for output in (diamond()[0], y):
        exercises = quiz(output, seed=1)
        again = pickle.loads(pickle.dumps(exercises))
        assert repr(again) == repr(exercises)
        assert again.solution() == exercises.solution()
        assert [str(each.check("12345")) for each in again] == [str(each.check("12345")) for each in exercises]
