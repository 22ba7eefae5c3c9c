import pytest

from penstock.domain.policy_conditions import (
    CONDITION_KEYS,
    OPERATORS,
    Condition,
    Quantifier,
    value_fault,
)

KEY = "qcs:ip"


def holds(
    operator: str,
    given: list[str],
    actual: list[str],
    *,
    quantifier: Quantifier = Quantifier.NONE,
    is_if_exist: bool = False,
) -> bool:
    """Whether a condition holds for these values of a request."""
    condition = Condition(
        operator=operator,
        key=KEY,
        values=tuple(given),
        quantifier=quantifier,
        is_if_exist=is_if_exist,
    )
    return condition.holds({KEY: actual} if actual else {})


@pytest.mark.parametrize(
    ("operator", "given", "met", "missed"),
    [
        ("string_equal", "a", "a", "A"),
        ("string_equal_ignore_case", "a", "A", "b"),
        ("string_like", "a*c", "abbc", "abb"),
        ("numeric_equal", "1.0", "1", "2"),
        ("numeric_less_than", "10", "9", "10"),
        ("numeric_less_than_equal", "10", "10", "11"),
        ("numeric_greater_than", "10", "11", "10"),
        ("numeric_greater_than_equal", "10", "10", "9"),
        ("date_equal", "2024-06-01T02:00:00+02:00", "2024-06-01", "2024-06-01T00:00:01Z"),
        ("date_less_than", "2024-06-01 00:00:00", "2024-05-31T23:59:59Z", "2024-06-01"),
        ("date_less_than_equal", "2024-06-01", "2024-06-01T00:00:00Z", "2024-06-02"),
        ("date_greater_than", "2024-06-01", "2024-06-01T00:00:01Z", "2024-06-01"),
        ("date_greater_than_equal", "2024-06-01", "2024-06-01", "2024-05-31"),
        ("bool_equal", "True", "true", "false"),
        ("binary_equal", "YWI=", "ab", "YWI="),
        ("ip_equal", "10.0.0.0/8", "10.1.2.3", "11.0.0.1"),
        ("ip_equal", "10.217.182.3/24", "10.217.182.200", "10.217.183.3"),
        ("ip_equal", "192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ("ip_equal", "10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.0.0.1"),
        ("ip_equal", "2001:db8::/32", "2001:db8::1", "10.0.0.1"),
    ],
)
def test_condition_compares(operator: str, given: str, met: str, missed: str) -> None:
    """Each operator tells what meets it from what does not, and its negation the reverse."""
    negated = operator.replace("_equal", "_not_equal").replace("_like", "_not_like")

    assert holds(operator, [given], [met])
    assert not holds(operator, [given], [missed])
    if negated in OPERATORS.keys() - {operator}:
        assert not holds(negated, [given], [met])
        assert holds(negated, [given], [missed])


@pytest.mark.parametrize(
    ("operator", "given"),
    [
        ("numeric_equal", "1"),
        ("date_equal", "2024-06-01"),
        ("ip_equal", "10.0.0.0/8"),
        ("bool_equal", "true"),
    ],
)
def test_condition_on_a_value_of_another_kind_is_not_met(operator: str, given: str) -> None:
    """What cannot be compared is not equal, and no error."""
    assert not holds(operator, [given], ["words"])


def test_condition_is_met_by_any_of_its_values() -> None:
    """Values are alternatives; for a negated operator all of them are ruled out."""
    assert holds("string_equal", ["a", "b"], ["b"])
    assert not holds("string_equal", ["a", "b"], ["c"])
    assert holds("string_not_equal", ["a", "b"], ["c"])
    assert not holds("string_not_equal", ["a", "b"], ["b"])


def test_condition_on_a_missing_key() -> None:
    """Nothing equals a value that is not there; `_if_exist` passes it."""
    assert not holds("string_equal", ["a"], [])
    assert holds("string_not_equal", ["a"], [])
    assert holds("string_equal", ["a"], [], is_if_exist=True)
    assert not holds("string_equal", ["a"], ["b"], is_if_exist=True)
    assert holds("string_equal", ["a"], [], quantifier=Quantifier.ALL)
    assert not holds("string_equal", ["a"], [], quantifier=Quantifier.ANY)
    assert not holds("string_not_equal", ["a"], [], quantifier=Quantifier.ANY)


@pytest.mark.parametrize(
    ("operator", "actual", "every", "some"),
    [
        ("string_equal", ["a", "b"], True, True),
        ("string_equal", ["a", "c"], False, True),
        ("string_equal", ["c", "d"], False, False),
        ("string_not_equal", ["a", "b"], False, False),
        ("string_not_equal", ["a", "c"], False, True),
        ("string_not_equal", ["c", "d"], True, True),
    ],
)
def test_condition_on_several_values(
    operator: str, actual: list[str], *, every: bool, some: bool
) -> None:
    """`for_all_value:` asks every value of the request, `for_any_value:` one."""
    given = ["a", "b"]

    assert holds(operator, given, actual, quantifier=Quantifier.ALL) is every
    assert holds(operator, given, actual, quantifier=Quantifier.ANY) is some


def test_condition_on_being_missing() -> None:
    """`null_equal` with true wants the key missing, with false present."""
    assert holds("null_equal", ["true"], [])
    assert not holds("null_equal", ["true"], ["a"])
    assert holds("null_equal", ["false"], ["a"])
    assert not holds("null_equal", ["false"], [])


@pytest.mark.parametrize(
    ("operator", "value", "words"),
    [
        ("numeric_equal", "ten", "a number"),
        ("numeric_equal", "NaN", "finite"),
        ("date_equal", "tomorrow", "a time"),
        ("bool_equal", "yes", "true or false"),
        ("null_equal", "1", "true or false"),
        ("binary_equal", "?", "base64"),
        ("ip_equal", "10.0.0.0/40", "an IP address"),
        ("string_equal", "anything", ""),
        ("ip_not_equal", "::1", ""),
    ],
)
def test_condition_value_faults(operator: str, value: str, words: str) -> None:
    """A value that the operator cannot compare is told, with what was expected."""
    assert words in value_fault(operator, value)
    assert bool(value_fault(operator, value)) is bool(words)


def test_condition_keys_are_lower_case() -> None:
    """Documents are read in any case, and keys looked up in lower case."""
    assert all(key == key.lower() for key in CONDITION_KEYS)
