"""The words of an expression, from left to right: what may stand where. Errors speak of the expression, not of Python."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from typing import NamedTuple, NoReturn
from unicodedata import normalize

from autograd.expressions.callable_rows import CALLABLE
from autograd.expressions.errors import ExpressionError, Place
from autograd.expressions.numerals import MAX_EXPRESSION_CHARS, NUMERAL

MAX_PARENTHESES = 50
"""How deep parentheses may be nested."""

ALLOWED = (
    "allowed are names, numbers, + - * / // % **, parentheses, calls such as tanh(x), choices such as where(x < y, x, 2*y), "
    "and definitions such as u = w*x; before the result"
)
CHOICE = "for a choice write where(x < y, a, b)"

_HINTS = {
    **dict.fromkeys("^", "write ** for a power"),
    **dict.fromkeys("×·⋅∙∗", "write * for a product"),  # noqa: RUF001  (they look alike: that is the point)
    **dict.fromkeys("÷:", "write / for a quotient"),
    **dict.fromkeys("−–—", "write - for a minus"),  # noqa: RUF001
    **dict.fromkeys("[]{}", "write round parentheses"),
    "|": "write abs(x); between comparisons write or",
    "&": "between comparisons write and",
    "!": "write != between two sides, or not before a comparison",
    "≤": "write <=",
    "≥": "write >=",
    "≠": "write !=",
    "?": CHOICE,
    "√": "write sqrt(x)",
    "²": "write **2",
    "³": "write **3",
}
_TOKEN = re.compile(rf" ?(?:(?P<number>{NUMERAL})|(?P<name>\w+)|(?P<sign>\*\*|//|[<>=!]=|[-+*/%(),;=<>]))")
_WORDS = ("and", "or", "not")  # that are signs: they join comparisons


class Token(NamedTuple):
    """A number, a name or a sign, and its column."""

    kind: str
    text: str
    column: int

    @property
    def place(self) -> Place:
        """Where it begins and ends."""
        return self.column, self.column + len(self.text)

    @property
    def ends_an_operand(self) -> bool:
        """Whether an operator can follow."""
        return self.kind != "sign" or self.text == ")"

    @property
    def begins_an_operand(self) -> bool:
        """Whether an operator can stand before it; a minus does either."""
        return self.kind != "sign" or self.text == "("


def check_tokens(text: str) -> None:
    """Refuse whatever cannot be an expression, or the definitions ``u = ...;`` before one.

    Spaces must stand one at a time. What passes is left to Python's parser, which knows what binds how tightly.

    Raises:
        ExpressionError: at the first place that is wrong.

    >>> check_tokens("u = w*x; tanh(u + b)")
    >>> check_tokens("2x + 1")
    Traceback (most recent call last):
        ...
    autograd.expressions.errors.ExpressionError: an operator is missing between 2 and x; for a product write *
      2x + 1
       ^
    """
    if len(text) > MAX_EXPRESSION_CHARS:
        raise ExpressionError(
            f"the expression has {len(text)} characters, more than {MAX_EXPRESSION_CHARS}",
            text,
            (MAX_EXPRESSION_CHARS, MAX_EXPRESSION_CHARS),
        )
    start = Token("sign", ";", 0)  # before the first definition as before any other
    before, last = start, start
    open_parentheses: list[Token] = []
    for token in _tokens(text):
        _check_neighbours(text, before, last, token, bool(open_parentheses))
        if token.text == "(":
            open_parentheses.append(token)
            if len(open_parentheses) > MAX_PARENTHESES:
                raise ExpressionError(f"parentheses are nested more than {MAX_PARENTHESES} deep", text, token.place)
        elif token.text == ")":
            if not open_parentheses:
                raise ExpressionError("this parenthesis closes nothing", text, token.place)
            open_parentheses.pop()
        before, last = last, token
    if last is start:
        raise ExpressionError("the expression is empty; write for example w*x + b", text, (0, 0))
    if not last.ends_an_operand:
        raise ExpressionError(
            f"the expression ends after {last.text!r}, where a name or a number should follow", text, (len(text), len(text))
        )
    if open_parentheses:
        raise ExpressionError("this parenthesis is never closed", text, open_parentheses[-1].place)


def _tokens(text: str) -> Iterator[Token]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            _refuse(text, position + (text[position] == " "))
        kind, word, column = match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)
        if word in _WORDS:
            kind = "sign"
        elif kind == "name":
            _check_name(text, word, column)
        yield Token(kind, word, column)
        position = match.end()


def _refuse(text: str, column: int) -> NoReturn:
    char = text[column]
    raise ExpressionError(f"{char!r} is not allowed; {_HINTS.get(char, ALLOWED)}", text, (column, column + 1))


def _check_name(text: str, word: str, column: int) -> None:
    if not word.isidentifier():  # x², or a digit of another script
        _refuse(text, column + next(k for k in range(len(word)) if not word[: k + 1].isidentifier()))
    if keyword.iskeyword(normalize("NFKC", word)):  # as Python's parser reads it
        advice = CHOICE if word in ("if", "else") else f"{word}_ can"
        raise ExpressionError(
            f"{word!r} is a word of Python, so it cannot be a name; {advice}", text, (column, column + len(word))
        )


def _check_neighbours(text: str, before: Token, last: Token, token: Token, inside: bool) -> None:
    if token.text == "=" and (last.kind != "name" or before.text != ";"):
        raise ExpressionError("'=' gives a name to a part, as in u = w*x; tanh(u); to compare write ==", text, token.place)
    if last.ends_an_operand and token.begins_an_operand and not (last.kind == "name" and token.text == "("):
        advice = f"call it, as {last.text}(...)" if last.text in CALLABLE else "for a product write *"
        message = f"an operator is missing between {last.text} and {token.text}; {advice}"
        raise ExpressionError(message, text, token.place)
    empty_call = token.text == ")" and last.text == "(" and before.kind == "name"  # of which the arguments are counted later
    if not last.ends_an_operand and not token.begins_an_operand and token.text not in ("-", "not") and not empty_call:
        raise ExpressionError(f"a name or a number is missing before {token.text!r}", text, token.place)
    if token.text == ";" and inside:
        raise ExpressionError("';' ends a definition, and parentheses are still open", text, token.place)
