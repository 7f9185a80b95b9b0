"""quiz: right answers are accepted in any form, and each classic slip is called by its name."""

import math
from fractions import Fraction

import pytest
from hypothesis import strategies as st

from autograd import Value, grad, quiz
from autograd.errors import ClosureError
from autograd.explaining.answers import AnswerError, number_from
from autograd.expressions.numerals import MAX_EXPRESSION_CHARS
from tests.strategies import for_all


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
