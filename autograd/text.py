"""How numbers, names and lists are written in messages, reports and pictures: one function for each way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context
from itertools import islice
from numbers import Rational
from typing import Any

LISTED_MOST = 3  # things of a list that are named; the rest is counted
NAME_CHARS = 40
REPR_CHARS = 60
UNREADABLE = 10**REPR_CHARS  # the size from which on they are told in four digits
EXACT_BELOW = 10**12  # the size below which whole numbers and fractions are written with all their digits
_MARKDOWN = str.maketrans({sign: f"\\{sign}" for sign in r"\`*_[]<>$|~#&"})

# --- how many, and which ------------------------------------------------------------------------------------------------


def counted(count: int, what: str) -> str:
    """A count with its noun.

    >>> counted(1, "node"), counted(3, "pass"), counted(0, "node")
    ('1 node', '3 passes', '0 nodes')
    """
    return f"{count} {what}" + ("" if count == 1 else "es" if what.endswith("s") else "s")


def listed(things: Sequence[Any], write: Callable[[Any], str] = str, conjunction: str = "and") -> str:
    """The first few things in a sentence, and how many more there are.

    >>> listed(["w", "b"]), listed(range(5), conjunction="or")
    ('w and b', '0, 1, 2 or 2 more')
    """
    head, rest = [write(thing) for thing in things[:LISTED_MOST]], len(things) - LISTED_MOST
    last = f"{rest} more" if rest > 0 else head.pop()
    return f"{', '.join(head)} {conjunction} {last}" if head else last


def first_few(names: Iterable[str], most: int = 8) -> str:
    """The names with commas between; of many, the first ones.

    >>> first_few("abc", most=2), first_few([])
    ('a, b, ...', 'none')
    """
    head = list(islice(names, most + 1))
    return ", ".join(head if len(head) <= most else [*head[:most], "..."]) or "none"


def shape_in_words(shape: tuple[int, ...]) -> str:
    """The shape of an array in words.

    >>> shape_in_words(()), shape_in_words((3,)), shape_in_words((2, 3))
    ('one number', 'a list of 3', 'lists of 2 x 3')
    """
    if not shape:
        return "one number"
    return f"a list of {shape[0]}" if len(shape) == 1 else f"lists of {' x '.join(map(str, shape))}"


# --- texts of users -----------------------------------------------------------------------------------------------------


def shortened(text: str, most_chars: int = NAME_CHARS) -> str:
    """The text, cut after so many characters.

    >>> shortened("12345", 4), shortened("1234", 4)
    ('123…', '1234')
    """
    return text if len(text) <= most_chars else text[: most_chars - 1] + "…"


def printable(text: str) -> str:
    r"""The text with escapes, as Python writes them, for the characters that cannot be printed.

    >>> print(printable("a\n\\b"))
    a\n\b
    """
    return text if text.isprintable() else "".join(_as_escape(char) for char in text)


def printable_lines(text: str) -> str:
    r"""The same for a text of several lines: all that goes to a terminal.

    >>> print(printable_lines("a\x1b[31m\nb"))
    a\x1b[31m
    b
    """
    return "\n".join(map(printable, text.split("\n")))


def _as_escape(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode()


def one_line(text: str, most_chars: int = NAME_CHARS) -> str:
    """A label or another text of the user's on one line, not too long."""
    return shortened(printable(text), most_chars)


def same_columns(text: str) -> str:
    r"""The text with "�" for each character that cannot be printed, so that what stands below it still does.

    >>> same_columns("x\ny")
    'x�y'
    """
    return "".join(char if char.isprintable() else "�" for char in text)


def quoted(text: str, most_chars: int = NAME_CHARS) -> str:
    r"""A typed text in quotes, short and without a character that cannot be printed.

    >>> quoted("x\n"), quoted("12345", 4)
    ("'x�'", "'123…'")
    """
    return f"'{same_columns(shortened(text, most_chars))}'"


def short_repr(value: object) -> str:
    """The ``repr`` of any object, cut where it is too long; it never fails.

    >>> short_repr([1.5]), short_repr(10**5000)
    ('[1.5]', '≈1e+5000')
    """
    if isinstance(value, Rational) and abs(int(value.numerator)) * int(value.denominator) >= UNREADABLE:
        return significant(value, 4)
    try:
        return shortened(repr(value), REPR_CHARS)
    except Exception:
        return f"an object of type {type(value).__name__}"


def described(value: object) -> str:
    """An object that stands where it should not: what it is, and of which type.

    >>> described("two"), described(None)
    ("'two' of type str", 'None of type NoneType')
    """
    return f"{short_repr(value)} of type {type(value).__name__}"


def escaped_for_markdown(text: str) -> str:
    r"""The text with a backslash before each sign that Markdown reads as a mark.

    >>> print(escaped_for_markdown("w_1 * x"))
    w\_1 \* x
    """
    return text.translate(_MARKDOWN)


# --- numbers ------------------------------------------------------------------------------------------------------------


def as_printed(number: Any) -> str:
    """A number as Python prints it, cut where it is too long."""
    return shortened(in_full(number))


def in_full(number: Any) -> str:
    """A number as Python prints it; one of thousands of digits, which Python does not print, in four digits.

    >>> in_full(2.5), in_full(-(10**5000))
    ('2.5', '≈-1e+5000')
    """
    try:
        return str(number)
    except ValueError:  # by default Python writes out no more than 4300 digits
        return significant(number, 4) if isinstance(number, Rational) else short_repr(number)


def four_digits(number: Any) -> str:
    """A number in four significant digits; whole numbers and fractions as they are, or rounded (≈) if they are long.

    >>> from fractions import Fraction
    >>> print(*map(four_digits, (2.0, -0.123456, 1e100, float("nan"), 7, 2**100, Fraction(1, 3), Fraction(2**100, 3))))
    2 -0.1235 1e+100 nan 7 ≈1.268e+30 1/3 ≈4.226e+29
    """
    return significant(number, 4)


def significant(number: Any, digits: int) -> str:
    """The same with so many digits; a number with 0 digits is shown as 0, and 0 has no sign.

    >>> significant(0.99998771, 6), significant(-0.0, 4), significant(1e-17, 0)
    ('0.999988', '0', '0')
    """
    if digits == 0:
        return "0"
    if isinstance(number, Rational):
        p, q = int(number.numerator), int(number.denominator)
        if abs(p) * q >= EXACT_BELOW:
            context = Context(prec=digits, Emin=MIN_EMIN, Emax=MAX_EMAX)
            return f"≈{context.normalize(context.divide(p, q)):g}"
        return f"{p}/{q}" if q != 1 else str(p)
    try:
        return f"{number + 0:.{digits}g}"
    except (TypeError, ValueError):  # data and grad may be assigned anything, None for example
        return one_line(str(number))
