"""Conditions: what an expression means, and what is no expression."""

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.condition_parser import DEEPEST, MOST_CHARACTERS, parse_condition
from penstock.domain.conditions import (
    EQUALITIES,
    NUMBERS,
    OPERATORS,
    PROPERTIES,
    TEXTS,
    Comparison,
    Conjunction,
    Constant,
    Disjunction,
    Expression,
    Negation,
    holds,
    names_of,
)
from penstock.domain.errors import InvalidArgumentError

FILM: dict[str, Constant] = {
    "Width": Fraction(1920),
    "Height": Fraction(1080),
    "Dar": Fraction(16, 9),
    "Duration": Fraction("12.5"),
    "Size": Fraction(10_500_000),
    "VideoCodec": "h264",
    "HasAudio": Fraction(0),
    "Ext": "mp4",
}


def is_true(text: str) -> bool:
    """Whether an expression holds for a film."""
    return holds(parse_condition(text), FILM.get)


def written_constant(constant: Constant) -> str:
    """A constant as the grammar has it."""
    if isinstance(constant, str):
        return "'" + constant.replace("'", "''") + "'"
    return f"{constant.numerator}:{constant.denominator}"


def written(expression: Expression) -> str:
    """An expression as text, with more brackets than it needs."""
    match expression:
        case Comparison(name=name, operator=operator, constants=constants):
            words = ",".join(map(written_constant, constants))
            return f"{name} {operator} " + (f"[{words}]" if operator == "in" else words)
        case Negation(part=part):
            return f"!({written(part)})"
        case Conjunction(parts=parts):
            return "&&".join(f"({written(part)})" for part in parts)
        case Disjunction(parts=parts):
            return "||".join(f"({written(part)})" for part in parts)


def comparisons(
    names: frozenset[str], constants: st.SearchStrategy[Constant]
) -> st.SearchStrategy[Expression]:
    """Comparisons of properties of one kind."""
    single = sorted((OPERATORS if names is NUMBERS else EQUALITIES) - {"in"})
    return st.one_of(
        st.builds(
            lambda name, operator, constant: Comparison(
                name=name, operator=operator, constants=(constant,)
            ),
            st.sampled_from(sorted(names)),
            st.sampled_from(single),
            constants,
        ),
        st.builds(
            lambda name, many: Comparison(name=name, operator="in", constants=tuple(many)),
            st.sampled_from(sorted(names)),
            st.lists(constants, min_size=1, max_size=3),
        ),
    )


number = st.fractions(max_denominator=1000).filter(lambda one: abs(one.numerator) < 10**17)
leaf: st.SearchStrategy[Expression] = st.one_of(
    comparisons(NUMBERS, number),
    comparisons(TEXTS, st.text(max_size=8)),
)


def joined(parts: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    """Expressions made of others."""
    many = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        st.builds(lambda part: Negation(part=part), parts),
        st.builds(lambda found: Conjunction(parts=found), many),
        st.builds(lambda found: Disjunction(parts=found), many),
    )


expressions = st.recursive(leaf, joined, max_leaves=8)


@given(expressions)
def test_condition_written_is_read_back(expression: Expression) -> None:
    """Every expression can be written, and what is written is read as what it was."""
    assert parse_condition(written(expression)) == expression


@given(st.text(alphabet="WidthEx =!<>&|()[],'0123456789.KMG:-", max_size=40))
def test_condition_of_any_text_is_read_or_refused(text: str) -> None:
    """No text does anything but give an expression or be refused with a place."""
    fault, names = "character ", set[str]()

    try:
        names = set(names_of(parse_condition(text)))
    except InvalidArgumentError as error:
        fault = str(error)

    assert fault.startswith("character ")
    assert names <= PROPERTIES


@given(expressions, st.dictionaries(st.sampled_from(sorted(NUMBERS)), number))
def test_condition_and_its_negation_never_agree(
    expression: Expression, facts: dict[str, Fraction]
) -> None:
    """Whatever is known of an object, an expression is either true or false of it."""
    assert holds(expression, facts.get) != holds(Negation(part=expression), facts.get)


@pytest.mark.parametrize(
    "text",
    [
        "Width == 1920",
        "width == 1920",
        "Width >= 1920 && Height <= 1080",
        "Width < 100 || Height < 2000",
        "!(Width < 100)",
        "!Width < 100",
        "Size > 10M && Size < 10.6M && Size < 1G && Size > 10499K",
        "Dar == 16:9",
        "Dar > 1.7 && Dar < 1.8",
        "Duration == 12.5",
        "Duration in [1, 12.5]",
        "VideoCodec == 'H264'",
        "VideoCodec in ['hevc', 'h264']",
        "VideoCodec != 'hevc'",
        "HasAudio == false",
        "HasAudio != true",
        "Height > -1",
        "Ext == 'mov' || Ext == 'mp4' && Width > 1",
        "\tExt=='mp4'\n",
    ],
)
def test_condition_is_true(text: str) -> None:
    """Comparisons, units, ratios, words in any case and joints mean what they say."""
    assert is_true(text)


@pytest.mark.parametrize(
    "text",
    [
        "Width != 1920",
        "Width > 1920",
        "Width < 1920",
        "Ext in ['mov', 'avi']",
        "Ext != 'MP4'",
        "(Ext == 'mov' || Ext == 'mp4') && Width > 9K",
        "Duration in [1, 2]",
    ],
)
def test_condition_is_false(text: str) -> None:
    """An expression that does not hold is false."""
    assert not is_true(text)


@pytest.mark.parametrize("operator", sorted(OPERATORS - {"in"}))
def test_condition_on_a_missing_property_is_false(operator: str) -> None:
    """What an object does not have is neither equal, nor different, nor larger, nor smaller."""
    assert not is_true(f"ImageWidth {operator} 5")
    assert is_true(f"!(ImageWidth {operator} 5)")


def test_condition_asks_for_no_more_than_decides() -> None:
    """A part that cannot change the answer is not looked at."""
    asked: list[str] = []

    def lookup(name: str) -> Constant | None:
        asked.append(name)
        return FILM.get(name)

    holds(parse_condition("Ext == 'mov' && Width > 1"), lookup)
    holds(parse_condition("Size > 1 || Height > 1"), lookup)

    assert asked == ["Ext", "Size"]


def test_condition_joins_bind_as_usual() -> None:
    """`!` binds closest, then `&&`, then `||`."""
    found = parse_condition("Width > 1 || !Height > 2 && Dar > 3")

    assert isinstance(found, Disjunction)
    assert isinstance(found.parts[1], Conjunction)
    assert isinstance(found.parts[1].parts[0], Negation)
    assert list(names_of(found)) == ["Width", "Height", "Dar"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "character 1: expected one of AudioCodec, "),
        ("Colour == 1", "not 'Colour'"),
        ("Width", "character 6: expected, behind Width, one of != < <= == > >= in, not the end"),
        ("Width >", "character 8: expected a number to compare Width with, not the end"),
        ("Width > 'a'", "expected a number"),
        ("Dar == 1:0", "expected a number"),
        ("Ext > 'a'", "behind Ext, one of != == in, not '>'"),
        ("Ext == mp4", "expected a text in single quotes to compare Ext with, not 'mp4'"),
        ("(Width > 1", "character 11: expected ), not the end"),
        ("Width > 1 Height > 2", "character 11: expected && or || or the end, not 'Height'"),
        ("Width in 1", "expected [, not '1'"),
        ("Width in [1 2]", "expected ], not '2'"),
        ("Width in []", "expected a number"),
        ("Width > 1x", "character 9: cannot read '1x'"),
        ("Width > 1 & Height > 1", "character 11: cannot read '&'"),
        ("Ext == 'mp4", 'cannot read "\'mp4"'),
        ("Width > size()", "not 'size'"),
        ("__import__('os')", "character 1: cannot read"),
    ],
)
def test_condition_that_is_none_is_refused_with_its_place(text: str, words: str) -> None:
    """The message says where reading stopped and what was expected there."""
    with pytest.raises(InvalidArgumentError) as raised:
        parse_condition(text)

    assert words in str(raised.value)


def test_condition_has_bounds() -> None:
    """Neither a long nor a deep text costs more than its message."""
    with pytest.raises(InvalidArgumentError, match="characters, not"):
        parse_condition("!" * (MOST_CHARACTERS + 1))
    with pytest.raises(InvalidArgumentError, match=f"no more than {DEEPEST} levels"):
        parse_condition("(" * MOST_CHARACTERS)


def test_condition_quotes_a_quote_by_doubling_it() -> None:
    """Two quotes within a text are one."""
    assert parse_condition("Ext == 'a''b'") == Comparison(
        name="Ext", operator="==", constants=("a'b",)
    )


def test_condition_on_a_number_is_never_true_of_a_text() -> None:
    """Facts of another kind than the property has do no harm."""
    facts: Callable[[str], Constant | None] = {"Width": "wide"}.get

    assert not holds(parse_condition("Width == 5"), facts)
    assert not holds(Comparison(name="Width", operator=">", constants=("a",)), FILM.get)
