"""MathML as a notation: what browsers typeset themselves.

Numbers stand in ``<mn>``, names in ``<mi>``, signs in ``<mo>`` and words in ``<mtext>``. How a row of the table is written is
read off its LaTeX, so that it is stated once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import ClassVar

from autograd.rules.notation import GREEK, HATTED, POWER, Notation, Piece, indexed
from autograd.rules.op import OPS


def _accent(sign: str) -> str:
    return f'<mover accent="true">{{}}<mo stretchy="false">{sign}</mo></mover>'


class _MathML(Notation):
    r"""Presentation MathML.

    >>> from autograd.rules.formula_tree import Binary, Call, Name, Numeral
    >>> MATHML.write(Binary("sub", Call("sqrt", [Name("x1")]), Numeral(2)))
    '<msqrt><mrow><msub><mi>x</mi><mn>1</mn></msub></mrow></msqrt><mo>−</mo><mn>2</mn>'
    """

    relations: ClassVar[Mapping[str, str]] = {"=": "<mo>=</mo>", "≈": "<mo>≈</mo>", "+=": "<mo>+=</mo>"}
    operators: ClassVar[Mapping[str, str]] = {"add": "<mo>+</mo>", "sub": "<mo>\N{MINUS SIGN}</mo>", "mul": "<mo>·</mo>"}
    times, comma, leads_to, and_so_on = "<mo>·</mo>", "<mo>,</mo>", "<mo>→</mo>", "<mo>…</mo>"
    indent = '<mspace width="2em"/>'

    integer = "<mn>{}</mn>"
    scientific = "<mrow>{}<mo>·</mo><msup><mn>10</mn>{}</msup></mrow>"
    infinity, nan = "<mi>∞</mi>", "<mi>NaN</mi>"
    negative, parentheses = "<mrow><mo>\N{MINUS SIGN}</mo>{}</mrow>", "<mrow><mo>(</mo>{}<mo>)</mo></mrow>"
    power = "<msup><mrow>{}</mrow><mrow>{}</mrow></msup>"
    fraction = "<mfrac><mrow>{}</mrow><mrow>{}</mrow></mfrac>"
    derivative = fraction.format('<mi mathvariant="normal">d</mi>{}', '<mi mathvariant="normal">d</mi>{}')
    partial_derivative = fraction.format("<mo>∂</mo>{}", "<mo>∂</mo>{}")
    adjoint, tangent = _accent("¯"), _accent("˙")

    def name(self, label: str, accent: str = "{}") -> str:
        name = indexed(label)
        if name is None:
            return accent.format(self.prose(label))
        stem = accent.format(_accent("^").format("<mi>y</mi>") if name.stem in HATTED else _identifier(name.stem))
        indices = [element for index in name.indices for element in (self.comma, _token(index))][1:]
        raised = ["<mo>\N{PRIME}</mo>"] * len(name.primes)
        raised += [self.parentheses.format(_token(name.layer))] if name.layer else []
        element = "m" + "sub" * bool(indices) + "sup" * bool(raised)
        scripts = "".join(_row(script) for script in (indices, raised) if script)
        return f"<{element}>{stem}{scripts}</{element}>" if scripts else stem

    def prose(self, words: str, bold: bool = False) -> str:
        inside = escape(re.sub(_NOT_IN_XML, "\N{REPLACEMENT CHARACTER}", words), quote=False)
        kept = re.sub("^ +| +$", lambda spaces: "&#160;" * len(spaces.group()), inside)  # spaces at the ends would be lost
        return f'<mtext style="font-weight: bold">{kept}</mtext>' if bold else f"<mtext>{kept}</mtext>"

    def call(self, function: str, arguments: Sequence[str], component: str) -> Piece:
        template = OPS[function].latex if function in OPS else ""
        if "{x}" in template:
            return Piece(_from_latex(template, {"{x}": arguments[0], "{y}": arguments[-1]}), POWER)
        name = _from_latex(template, {}) if template else self.prose(function)
        name = f"<msub>{name}<mrow>{component}</mrow></msub>" if component else name
        return Piece(f"<mrow>{name}<mo>&#8289;</mo>{self.parentheses.format(self.comma.join(arguments))}</mrow>", POWER)

    def width(self, text: str) -> int:
        return len(re.sub("<[^>]*>|&#8289;", "", text))


MATHML = _MathML()

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _row(elements: Sequence[str]) -> str:
    """Several elements as one."""
    return elements[0] if len(elements) == 1 else f"<mrow>{''.join(elements)}</mrow>"


def _token(text: str) -> str:
    return f"<mn>{text}</mn>" if text.isdecimal() else _identifier(text)


def _identifier(letters: str) -> str:
    """A name: MathML sets one letter in italics and several upright."""
    return f"<mi>{GREEK.get(letters, escape(letters, quote=False))}</mi>"


# --- the LaTeX of a row -------------------------------------------------------------------------------------------------

_LATEX_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\{[xy]\}|\d+|\S")
_NAMING = ("\\operatorname", "\\mathrm", "\\text")


def _from_latex(template: str, operands: Mapping[str, str]) -> str:
    r"""How a row is written, with its operands: of LaTeX fractions, roots, scripts, delimiters, symbols and names are read.

    >>> _from_latex(r"\left|{x}\right|", {"{x}": "<mi>a</mi>"})
    '<mrow><mo>|</mo><mrow><mi>a</mi></mrow><mo>|</mo></mrow>'
    """
    return _row(_elements(_LATEX_TOKEN.findall(template)[::-1], operands, until=""))


def _elements(tokens: list[str], operands: Mapping[str, str], until: str) -> list[str]:
    """The elements up to a token; scripts belong to the element before them."""
    elements: list[str] = []
    while tokens:
        token = tokens.pop()
        if token == until:
            break
        if token in "^_" and elements:
            script = "msup" if token == "^" else "msub"
            elements[-1] = f"<{script}>{elements[-1]}{_element(tokens.pop(), tokens, operands)}</{script}>"
        else:
            elements.append(_element(token, tokens, operands))
    return elements


def _element(token: str, tokens: list[str], operands: Mapping[str, str]) -> str:
    def argument() -> str:
        return _element(tokens.pop(), tokens, operands)

    if token in operands:
        return f"<mrow>{operands[token]}</mrow>"
    if token == "{":
        return _row(_elements(tokens, operands, until="}"))
    if token in ("\\left", "\\right"):
        return f"<mo>{escape(tokens.pop().lstrip(chr(92)))}</mo>"
    if token == "\\sqrt":
        return f"<msqrt>{argument()}</msqrt>"
    if token == "\\frac":
        return f"<mfrac>{argument()}{argument()}</mfrac>"
    if token == "\\binom":
        return f'<mrow><mo>(</mo><mfrac linethickness="0">{argument()}{argument()}</mfrac><mo>)</mo></mrow>'
    if token in _NAMING:
        tokens.pop()
        letters = ""
        while tokens and (letter := tokens.pop()) != "}":
            letters += letter.removeprefix("\\")
        return _identifier(letters)
    if token.startswith("\\"):
        return _identifier(token[1:])
    if token.isalpha() or token.isdecimal():
        return _token(token)
    return f"<mo>{escape(token)}</mo>"
