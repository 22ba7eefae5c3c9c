"""Conditions on what an object is: expressions, and whether they hold (`nodes.md` 10.3).

An expression compares properties of an object with constants and joins comparisons by `&&`, `||`
and `!`. It is data, not a program: it calls nothing and takes time that is linear in its length.
A property that an object does not have makes a comparison false, whatever it compares.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

NUMBERS = frozenset(
    "Width Height LongSide ShortSide Dar Duration Size Fps Bitrate HasAudio HasVideo "
    "ImageWidth ImageHeight ImageDar FrameCount".split()
)
TEXTS = frozenset("VideoCodec AudioCodec ImageFormat ContentType Ext".split())
PROPERTIES = NUMBERS | TEXTS
"""Everything that can be compared."""

EQUALITIES = frozenset({"==", "!=", "in"})
OPERATORS = EQUALITIES | {">", ">=", "<", "<="}

Constant: TypeAlias = Fraction | str
Lookup: TypeAlias = Callable[[str], Constant | None]
"""From a property to its value; None where the object does not have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A property held against constants.

    Attributes:
        name: One of `PROPERTIES`.
        operator: One of `OPERATORS`; those of texts are in `EQUALITIES`.
        constants: What it is held against: one, save for `in`, which has at least one.
    """

    name: str
    operator: str
    constants: tuple[Constant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Negation:
    """True where its part is false."""

    part: "Expression"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conjunction:
    """True where all of its parts are; looks at them in order until one is false."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disjunction:
    """True where one of its parts is; looks at them in order until one is true."""

    parts: tuple["Expression", ...]


Expression: TypeAlias = Comparison | Negation | Conjunction | Disjunction


def holds(expression: Expression, lookup: Lookup) -> bool:
    """Whether an expression is true of an object.

    Args:
        lookup: Tells the object's properties; asked for no more of them than decide.
    """
    match expression:
        case Comparison():
            return _is_true(expression, lookup(expression.name))
        case Negation(part=part):
            return not holds(part, lookup)
        case Conjunction(parts=parts):
            return all(holds(part, lookup) for part in parts)
    return any(holds(part, lookup) for part in expression.parts)


def names_of(expression: Expression) -> Iterator[str]:
    """The properties that an expression names, in its order; some may come twice."""
    if isinstance(expression, Comparison):
        yield expression.name
        return
    parts = (expression.part,) if isinstance(expression, Negation) else expression.parts
    for part in parts:
        yield from names_of(part)


def _is_true(comparison: Comparison, value: Constant | None) -> bool:
    if value is None:
        return False
    constants = comparison.constants
    if isinstance(value, str):
        is_among = value.casefold() in {str(one).casefold() for one in constants}
        return is_among != (comparison.operator == "!=")
    if comparison.operator in EQUALITIES:
        return (value in constants) != (comparison.operator == "!=")
    return _is_ordered(value, comparison.operator, constants[0])


def _is_ordered(value: Fraction, operator: str, constant: Constant) -> bool:
    if isinstance(constant, str):  # the parser refuses it
        return False
    match operator:
        case ">":
            return value > constant
        case ">=":
            return value >= constant
        case "<":
            return value < constant
        case _:
            return value <= constant
