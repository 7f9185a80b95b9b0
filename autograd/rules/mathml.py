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

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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
    comparisons: ClassVar[Mapping[str, str]] = {
        sign: f"<mo>{written}</mo>"
        for sign, written in {"<": "&lt;", "<=": "≤", "==": "=", "!=": "≠", ">=": "≥", ">": "&gt;"}.items()
    }
    times, comma, leads_to, and_so_on = "<mo>·</mo>", "<mo>,</mo>", "<mo>→</mo>", "<mo>…</mo>"
    indent = '<mspace width="2em"/>'

    integer = "<mn>{}</mn>"
    scientific = "<mrow>{}<mo>·</mo><msup><mn>10</mn>{}</msup></mrow>"
    infinity, nan = "<mi>∞</mi>", "<mi>NaN</mi>"
    negative, parentheses = "<mrow><mo>\N{MINUS SIGN}</mo>{}</mrow>", "<mrow><mo>(</mo>{}<mo>)</mo></mrow>"
    brackets = parentheses.replace("(", "[").replace(")", "]")
    power = "<msup><mrow>{}</mrow><mrow>{}</mrow></msup>"
    fraction = "<mfrac><mrow>{}</mrow><mrow>{}</mrow></mfrac>"
    derivative = fraction.format('<mi mathvariant="normal">d</mi>{}', '<mi mathvariant="normal">d</mi>{}')
    partial_derivative = fraction.format("<mo>∂</mo>{}", "<mo>∂</mo>{}")
    operand_derivative = "<mrow><msub><mo>∂</mo><mn>{}</mn></msub>{}</mrow>"
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
        name = self.prose(function)
        if function in OPS:
            template, operands = OPS[function].latex, dict(zip(("{x}", "{y}"), arguments, strict=False))
            try:
                name = _from_latex(template, operands)
            except LookupError:  # more LaTeX than is read here
                name, template = _identifier(function), ""
            if "{x}" in template:
                return Piece(name, POWER)
        name = f"<msub>{name}<mrow>{component}</mrow></msub>" if component else name
        return Piece(f"<mrow>{name}<mo>&#8289;</mo>{self.parentheses.format(self.comma.join(arguments))}</mrow>", POWER)

    def width(self, text: str) -> int:
        return len(re.sub("<[^>]*>|&#8289;", "", text))


MATHML = _MathML()


def _row(elements: Sequence[str]) -> str:
    """Several elements as one."""
    return elements[0] if len(elements) == 1 else f"<mrow>{''.join(elements)}</mrow>"


def _token(text: str) -> str:
    return f"<mn>{text}</mn>" if text.isdecimal() else _identifier(text)


def _identifier(letters: str) -> str:
    """A name: MathML sets one letter in italics and several upright."""
    return f"<mi>{GREEK.get(letters, escape(letters, quote=False))}</mi>"


# --- the LaTeX of a row -------------------------------------------------------------------------------------------------

BACKSLASH = "\\"
_DELIMITERS = {"\\lfloor": "⌊", "\\rfloor": "⌋"}
_LATEX_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\{[xy]\}|\d+|\S")


def _from_latex(template: str, operands: Mapping[str, str]) -> str:
    r"""Return what LaTeX says with roots, fractions, scripts, delimiters, Greek letters and upright names.

    Raises:
        LookupError: if it says more.

    >>> _from_latex(r"\left|{x}\right|", {"{x}": "<mi>a</mi>"})
    '<mrow><mo>|</mo><mrow><mi>a</mi></mrow><mo>|</mo></mrow>'
    """
    return _row(_elements(_LATEX_TOKEN.findall(template)[::-1], operands, until=""))


def _elements(tokens: list[str], operands: Mapping[str, str], until: str) -> list[str]:
    """The elements up to a token; a script belongs to the element before it."""
    elements: list[str] = []
    while tokens and (token := tokens.pop()) != until:
        if token in "^_":
            script = "msup" if token == "^" else "msub"
            elements.append(f"<{script}>{elements.pop()}{_element(tokens.pop(), tokens, operands)}</{script}>")
        else:
            elements.append(_element(token, tokens, operands))
    return elements


def _element(token: str, tokens: list[str], operands: Mapping[str, str]) -> str:
    def argument() -> str:
        return _element(tokens.pop(), tokens, operands)

    match token:
        case "{x}" | "{y}":
            return f"<mrow>{operands[token]}</mrow>"
        case "{":
            return _row(_elements(tokens, operands, until="}"))
        case "\\left" | "\\right":
            return f"<mo>{_DELIMITERS.get(sign := tokens.pop(), escape(sign.removeprefix(BACKSLASH)))}</mo>"
        case "\\sqrt" if tokens[-1:] == ["["]:
            tokens.pop()
            degree = _row(_elements(tokens, operands, until="]"))
            return f"<mroot>{argument()}{degree}</mroot>"
        case "\\sqrt":
            return f"<msqrt>{argument()}</msqrt>"
        case "\\frac":
            return f"<mfrac>{argument()}{argument()}</mfrac>"
        case "\\operatorname" | "\\mathrm" | "\\text" if tokens.pop() == "{":
            letters = ""
            while (letter := tokens.pop()) != "}":
                letters += letter.removeprefix(BACKSLASH)
            return _identifier(letters)
    if token.startswith(BACKSLASH):
        if token[1:].isalpha() and not (tokens and tokens[-1].startswith("{")):
            return _identifier(token[1:])
        raise LookupError(f"{token} is not read")
    return _token(token) if token.isalnum() else f"<mo>{escape(token)}</mo>"
