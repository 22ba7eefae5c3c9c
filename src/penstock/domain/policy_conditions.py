"""Conditions of policy statements: the operators, and when a condition holds (`wire.md` 12.2).

An operator compares each value of a key in the request with each value in the policy. A condition
holds when a request's value matches any of the policy's; one with a negated operator, such as
`string_not_equal`, when it matches none. A key that the request lacks matches nothing, so it
fails a plain operator and passes a negated one. `_if_exist` always passes such a request, so does
`for_all_value:`, since it has no value that fails, and `for_any_value:` never.
"""

import base64
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from operator import eq, ge, gt, le, lt
from typing import NamedTuple

from penstock.domain.wildcards import matches_wildcard

Context = Mapping[str, Sequence[str]]
"""The values of a request's condition keys; a key that is not there has none."""

CONDITION_KEYS = {
    "qcs:ip": "the address that the connection comes from",
    "qcs:current_time": "when the request came in",
    "qcs:uin": "the sub-account of the access key",
    "qcs:owner_uin": "the root account, `root`",
    "cos:secure-transport": "`true` for a connection with TLS, else `false`",
    "cos:prefix": "the `prefix` of a listing",
    "cos:max-keys": "the `max-keys` of a listing",
    "cos:content-type": "the Content-Type header",
    "cos:content-length": "the Content-Length header, in bytes",
}
NULL_EQUAL = "null_equal"
IF_EXIST = "_if_exist"


class Quantifier(StrEnum):
    """How many values of a key must match, where the request has several."""

    NONE = ""
    ALL = "for_all_value"
    ANY = "for_any_value"


class _Operator(NamedTuple):
    """One comparison.

    Attributes:
        read: Checks a policy's value; raises `ValueError` for one that it cannot compare.
        holds: Whether a request's value matches a policy's; may raise `ValueError`.
        is_negated: Whether no value may match.
    """

    read: Callable[[str], object]
    holds: Callable[[str, str], bool]
    is_negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One key that a statement looks at.

    Attributes:
        operator: The plain word, such as `ip_equal`, without prefix and suffix.
        key: A condition key in lower case.
        values: What it is compared with; any of them may match.
        quantifier: How many of the request's values must match.
        is_if_exist: Whether a request without the key passes.
    """

    operator: str
    key: str
    values: tuple[str, ...]
    quantifier: Quantifier = Quantifier.NONE
    is_if_exist: bool = False

    def holds(self, context: Context) -> bool:
        """Whether a request meets the condition."""
        actual = context.get(self.key, ())
        if self.operator == NULL_EQUAL:
            return any(_read_bool(value) == (not actual) for value in self.values)
        if self.is_if_exist and not actual:
            return True
        results = [self._matches(value) for value in actual]
        if self.quantifier is Quantifier.ALL:
            return all(results)
        if self.quantifier is Quantifier.NONE and OPERATORS[self.operator].is_negated:
            return all(results)
        return any(results)

    def _matches(self, actual: str) -> bool:
        """Whether one value of the request is what the operator asks for."""
        operator = OPERATORS[self.operator]
        is_found = any(_holds(operator, actual, given) for given in self.values)
        return is_found is not operator.is_negated


def value_fault(operator: str, value: str) -> str:
    """What a policy's value should have been; empty for one that the operator can compare."""
    try:
        OPERATORS[operator].read(value)
    except ValueError as error:
        return str(error)
    return ""


def _holds(operator: _Operator, actual: str, given: str) -> bool:
    try:
        return operator.holds(actual, given)
    except ValueError:  # the request's value is of another kind
        return False


def _read_number(text: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation as error:
        message = "a number"
        raise ValueError(message) from error
    if not number.is_finite():
        message = "a finite number"
        raise ValueError(message)
    return number


def _read_date(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        message = "a time such as 2024-06-01T00:00:00Z"
        raise ValueError(message) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _read_bool(text: str) -> bool:
    word = text.strip().lower()
    if word not in {"true", "false"}:
        message = "true or false"
        raise ValueError(message)
    return word == "true"


def _read_bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        message = "base64"
        raise ValueError(message) from error


def _read_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        message = "an IP address or a block such as 10.0.0.0/8"
        raise ValueError(message) from error


def _is_within(actual: str, given: str) -> bool:
    address = ipaddress.ip_address(actual)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped  # how a socket for both families shows an IPv4 client
    return address in _read_network(given)


def _compared(compare: Callable[[Decimal, Decimal], bool]) -> _Operator:
    return _Operator(
        _read_number, lambda actual, given: compare(_read_number(actual), _read_number(given))
    )


def _dated(compare: Callable[[datetime, datetime], bool]) -> _Operator:
    return _Operator(
        _read_date, lambda actual, given: compare(_read_date(actual), _read_date(given))
    )


def _ignoring_case(actual: str, given: str) -> bool:
    return actual.casefold() == given.casefold()


def _like(actual: str, given: str) -> bool:
    return matches_wildcard(given, actual)


def _same_bool(actual: str, given: str) -> bool:
    return _read_bool(actual) == _read_bool(given)


def _same_bytes(actual: str, given: str) -> bool:
    return actual.encode(errors="surrogateescape") == _read_bytes(given)


def _negated(operator: _Operator) -> _Operator:
    return operator._replace(is_negated=True)


_EQUAL = _Operator(str, eq)
_EQUAL_IGNORE_CASE = _Operator(str, _ignoring_case)
_LIKE = _Operator(str, _like)
_NUMBER = _compared(eq)
_DATE = _dated(eq)
_IP = _Operator(_read_network, _is_within)

OPERATORS: Mapping[str, _Operator] = {
    "string_equal": _EQUAL,
    "string_not_equal": _negated(_EQUAL),
    "string_equal_ignore_case": _EQUAL_IGNORE_CASE,
    "string_not_equal_ignore_case": _negated(_EQUAL_IGNORE_CASE),
    "string_like": _LIKE,
    "string_not_like": _negated(_LIKE),
    "numeric_equal": _NUMBER,
    "numeric_not_equal": _negated(_NUMBER),
    "numeric_less_than": _compared(lt),
    "numeric_less_than_equal": _compared(le),
    "numeric_greater_than": _compared(gt),
    "numeric_greater_than_equal": _compared(ge),
    "date_equal": _DATE,
    "date_not_equal": _negated(_DATE),
    "date_less_than": _dated(lt),
    "date_less_than_equal": _dated(le),
    "date_greater_than": _dated(gt),
    "date_greater_than_equal": _dated(ge),
    "bool_equal": _Operator(_read_bool, _same_bool),
    "binary_equal": _Operator(_read_bytes, _same_bytes),
    "ip_equal": _IP,
    "ip_not_equal": _negated(_IP),
    NULL_EQUAL: _Operator(_read_bool, lambda _actual, _given: False),
}
