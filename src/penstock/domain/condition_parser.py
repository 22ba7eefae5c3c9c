"""Reads the text of a condition (`nodes.md` 10.3).

    expression = conjunction *( "||" conjunction )
    conjunction = unary *( "&&" unary )
    unary = "!" unary / "(" expression ")" / comparison
    comparison = property operator constant
    operator = "==" / "!=" / ">" / ">=" / "<" / "<=" / "in"
    constant = number [ "K" / "M" / "G" ] / number ":" number / "true" / "false"
             / "'" text "'" / "[" constant *( "," constant ) "]"

A recursive descent over a list of tokens, bounded in length and depth. `K`, `M` and `G` are
thousands, millions and milliards; `true` and `false` are 1 and 0; two quotes within a text are
one.
"""

import re
from fractions import Fraction
from typing import NamedTuple, NoReturn

from penstock.domain.conditions import (
    EQUALITIES,
    NUMBERS,
    OPERATORS,
    PROPERTIES,
    Comparison,
    Conjunction,
    Constant,
    Disjunction,
    Expression,
    Negation,
)
from penstock.domain.errors import InvalidArgumentError

MOST_CHARACTERS = 4096
DEEPEST = 32

_TOKEN = re.compile(
    r"(?P<mark>\|\||&&|[=!<>]=|[<>!()\[\],])"
    r"|(?P<number>-?[0-9]{1,18}(?:\.[0-9]{1,18})?(?::[0-9]{1,18}|[KMG])?(?![\w.:]))"
    r"|(?P<text>'(?:[^']|'')*')"
    r"|(?P<word>[A-Za-z]\w*)",
    re.ASCII,
)
_UNITS = {"K": 10**3, "M": 10**6, "G": 10**9}
_FLAGS = {"true": Fraction(1), "false": Fraction(0)}
_PROPERTIES = {name.lower(): name for name in PROPERTIES}


def parse_condition(text: str) -> Expression:
    """Read an expression.

    Raises:
        InvalidArgumentError: It is none; says at which character, counted from 1.
    """
    if len(text) > MOST_CHARACTERS:
        message = f"a condition may have {MOST_CHARACTERS} characters, not {len(text)}"
        raise InvalidArgumentError(message)
    return _Parser(text).read()


class _Token(NamedTuple):
    """One word of an expression; the last one is empty and of kind `end`."""

    kind: str
    text: str
    place: int


class _Parser:
    """One pass over one text."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0

    def read(self) -> Expression:
        expression = self._disjunction()
        if self._token.kind != "end":
            self._refuse("expected && or || or the end")
        return expression

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self, *texts: str) -> str:
        """The present token's text, gone past, if it is one of these; else nothing."""
        token = self._token
        if token.kind in {"text", "end"} or token.text.lower() not in texts:
            return ""
        self._next += 1
        return token.text.lower()

    def _expect(self, text: str) -> None:
        if not self._take(text):
            self._refuse(f"expected {text}")

    def _disjunction(self) -> Expression:
        parts = [self._conjunction()]
        while self._take("||"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else Disjunction(parts=tuple(parts))

    def _conjunction(self) -> Expression:
        parts = [self._unary()]
        while self._take("&&"):
            parts.append(self._unary())
        return parts[0] if len(parts) == 1 else Conjunction(parts=tuple(parts))

    def _unary(self) -> Expression:
        if self._depth == DEEPEST:
            self._refuse(f"expected no more than {DEEPEST} levels of ! and ()")
        self._depth += 1
        if self._take("!"):
            found: Expression = Negation(part=self._unary())
        elif self._take("("):
            found = self._disjunction()
            self._expect(")")
        else:
            found = self._comparison()
        self._depth -= 1
        return found

    def _comparison(self) -> Expression:
        name = _PROPERTIES.get(self._token.text.lower(), "")
        if self._token.kind != "word" or not name:
            self._refuse(f"expected one of {', '.join(sorted(PROPERTIES))}")
        self._next += 1
        operators = EQUALITIES if name not in NUMBERS else OPERATORS
        operator = self._take(*operators)
        if not operator:
            self._refuse(f"expected, behind {name}, one of {' '.join(sorted(operators))}")
        constants = self._list(name) if operator == "in" else (self._constant(name),)
        return Comparison(name=name, operator=operator, constants=constants)

    def _list(self, name: str) -> tuple[Constant, ...]:
        self._expect("[")
        constants = [self._constant(name)]
        while self._take(","):
            constants.append(self._constant(name))
        self._expect("]")
        return tuple(constants)

    def _constant(self, name: str) -> Constant:
        token = self._token
        if name not in NUMBERS:
            if token.kind != "text":
                self._refuse(f"expected a text in single quotes to compare {name} with")
            self._next += 1
            return token.text[1:-1].replace("''", "'")
        if flag := self._take(*_FLAGS):
            return _FLAGS[flag]
        number = _number(token.text) if token.kind == "number" else None
        if number is None:
            self._refuse(f"expected a number to compare {name} with")
        self._next += 1
        return number

    def _refuse(self, expectation: str) -> NoReturn:
        token = self._token
        found = f"not {token.text!r}" if token.text else "not the end"
        message = f"character {token.place}: {expectation}, {found}"
        raise InvalidArgumentError(message)


def _tokens(text: str) -> list[_Token]:
    found = []
    place = 0
    while rest := text[place:].lstrip():
        place = len(text) - len(rest)
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            shown = rest.split()[0][:20]
            message = f"character {place + 1}: cannot read {shown!r}"
            raise InvalidArgumentError(message)
        found.append(_Token(match.lastgroup, match[0], place + 1))
        place = match.end()
    return [*found, _Token("end", "", len(text) + 1)]


def _number(text: str) -> Fraction | None:
    """The value of a number with its unit, or of a ratio; None where that has none."""
    if text[-1] in _UNITS:
        return Fraction(text[:-1]) * _UNITS[text[-1]]
    upper, _, lower = text.partition(":")
    if not lower:
        return Fraction(upper)
    return Fraction(upper) / int(lower) if int(lower) else None
