"""Policy documents: from JSON to statements (`wire.md` 12.1). Every fault found is named.

Keywords count in any case. What this version does not know, an element, a variable or a condition
key, is a fault: to pass over it would allow or deny something else than its author meant.
"""

import json
import re
from collections.abc import Mapping

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.policies import (
    APP_ID,
    VARIABLES,
    Effect,
    ResourcePattern,
    Statement,
)
from penstock.domain.policy_conditions import (
    CONDITION_KEYS,
    IF_EXIST,
    NULL_EQUAL,
    OPERATORS,
    Condition,
    Quantifier,
    value_fault,
)

MOST_CHARACTERS = 6144
VERSION = "2.0"

_ACTION = re.compile(r"(?:name/)?([a-z0-9*]+:[a-z0-9*]+)", re.ASCII)
_VARIABLES = [f"${{{name}}}" for name in (*VARIABLES, APP_ID)]
_SEGMENTS = 6
_SHOWN_CHARACTERS = 100

Json = object


def parse_policy(text: str) -> tuple[Statement, ...]:
    """Read a policy document.

    Raises:
        InvalidArgumentError: It is no policy that can be attached to an access key; names every
            fault found.
    """
    if len(text) > MOST_CHARACTERS:
        fault = f"policy: it has {len(text)} characters; {MOST_CHARACTERS} are the most"
        raise InvalidArgumentError(fault)
    faults: list[str] = []
    document = _elements("policy", _load(text), faults)
    _refuse_unknown("policy", document, {"version", "statement"}, faults)
    if document.get("version") != VERSION:
        faults.append(f"policy: version must be {VERSION!r}, not {_shown(document, 'version')}")
    given = document.get("statement")
    listed = given if isinstance(given, list) else [given] if given is not None else []
    if not listed:
        faults.append("policy: statement must hold at least one statement")
    statements = tuple(
        _statement(f"statement {number}", entry, faults)
        for number, entry in enumerate(listed, start=1)
    )
    if faults:
        raise InvalidArgumentError(*dict.fromkeys(faults))
    return statements


def _load(text: str) -> Json:
    try:
        loaded: Json = json.loads(text, object_pairs_hook=_Pairs)
    except ValueError as error:
        fault = f"policy: it is not JSON: {error}"
        raise InvalidArgumentError(fault) from error
    except RecursionError as error:
        fault = "policy: it nests too deeply"
        raise InvalidArgumentError(fault) from error
    return loaded


class _Pairs:
    """The names and values of a JSON object, repeated names included."""

    def __init__(self, pairs: list[tuple[str, Json]]) -> None:
        self.pairs = pairs

    def __repr__(self) -> str:
        return "an object"


def _elements(where: str, value: Json, faults: list[str]) -> dict[str, Json]:
    """A JSON object with its names in lower case."""
    if not isinstance(value, _Pairs):
        faults.append(f"{where}: must be a JSON object")
        return {}
    found: dict[str, Json] = {}
    for name, inner in value.pairs:
        if name.lower() in found:
            faults.append(f"{where}: {name} is there twice")
        found[name.lower()] = inner
    return found


def _refuse_unknown(
    where: str, elements: Mapping[str, Json], known: set[str], faults: list[str]
) -> None:
    for name in elements:
        if name == "principal":
            faults.append(f"{where}: principal has no place in the policy of an access key")
        elif name not in known:
            faults.append(f"{where}: unknown element {name[:_SHOWN_CHARACTERS]!r}")


def _statement(where: str, value: Json, faults: list[str]) -> Statement:
    elements = _elements(where, value, faults)
    _refuse_unknown(where, elements, {"effect", "action", "resource", "condition"}, faults)
    effect = elements.get("effect")
    word = effect.lower() if isinstance(effect, str) else ""
    if word not in list(Effect):
        faults.append(f"{where}: effect must be allow or deny, not {_shown(elements, 'effect')}")
    condition = elements.get("condition")
    return Statement(
        effect=Effect(word) if word in list(Effect) else Effect.DENY,
        actions=tuple(
            _action(where, text, faults) for text in _texts(where, elements, "action", faults)
        ),
        resources=tuple(
            _resource(where, text, faults) for text in _texts(where, elements, "resource", faults)
        ),
        conditions=()
        if condition is None
        else tuple(_conditions(f"{where}: condition", condition, faults)),
    )


def _texts(where: str, elements: Mapping[str, Json], name: str, faults: list[str]) -> list[str]:
    value = elements.get(name)
    listed = value if isinstance(value, list) else [value]
    texts = [entry for entry in listed if isinstance(entry, str) and entry]
    if len(texts) != len(listed) or not texts:
        faults.append(f"{where}: {name} must be a text or a list of texts, none empty")
    return texts


def _action(where: str, text: str, faults: list[str]) -> str:
    word = text.strip().lower()
    if word == "*":
        return word
    found = _ACTION.fullmatch(word)
    if found is None:
        faults.append(f"{where}: action {text!r} is neither * nor <service>:<name>")
        return ""
    return found[1]


def _resource(where: str, text: str, faults: list[str]) -> ResourcePattern | None:
    if text.strip() == "*":
        return None
    segments = text.strip().split(":", _SEGMENTS - 1)
    if len(segments) != _SEGMENTS or segments[0].lower() != "qcs":
        faults.append(
            f"{where}: resource {text!r} is neither * nor "
            "qcs::<service>:<region>:<account>:<resource>"
        )
        return None
    _, project, service, region, account, path = segments
    if project:
        faults.append(f"{where}: resource {text!r} names a project; there are none")
    if account and not account.startswith(("uid/", "uin/")):
        faults.append(
            f"{where}: resource {text!r} has the account {account!r}; "
            "it must be uid/<appid>, uin/<uin> or empty"
        )
    if not service or not path:
        faults.append(f"{where}: resource {text!r} must name a service and a resource")
    rest = account + path
    for variable in _VARIABLES:
        rest = rest.replace(variable, "")
    if "${" in service + region + rest:
        known = ", ".join(_VARIABLES)
        faults.append(f"{where}: resource {text!r} may have the variables {known} in its end")
    return ResourcePattern(service.lower(), region.lower(), account, path)


def _conditions(where: str, value: Json, faults: list[str]) -> list[Condition]:
    found = []
    for word, keys in _elements(where, value, faults).items():
        quantifier, operator, is_if_exist = _read_operator(word)
        if operator not in OPERATORS or (operator == NULL_EQUAL and operator != word):
            faults.append(f"{where}: unknown operator {word[:_SHOWN_CHARACTERS]!r}")
            continue
        for key, given in _elements(f"{where}: {word}", keys, faults).items():
            place = f"{where}: {word}: {key[:_SHOWN_CHARACTERS]}"
            if key not in CONDITION_KEYS:
                faults.append(f"{place}: unknown key; there are {', '.join(CONDITION_KEYS)}")
            found.append(
                Condition(
                    operator=operator,
                    key=key,
                    values=_condition_values(place, operator, given, faults),
                    quantifier=quantifier,
                    is_if_exist=is_if_exist,
                )
            )
    return found


def _read_operator(word: str) -> tuple[Quantifier, str, bool]:
    """The parts of `for_any_value:string_like_if_exist`."""
    prefix, colon, rest = word.partition(":")
    is_quantified = bool(colon) and prefix in {Quantifier.ALL, Quantifier.ANY}
    plain = rest if is_quantified else word
    quantifier = Quantifier(prefix) if is_quantified else Quantifier.NONE
    return quantifier, plain.removesuffix(IF_EXIST), plain.endswith(IF_EXIST)


def _condition_values(
    where: str, operator: str, value: Json, faults: list[str]
) -> tuple[str, ...]:
    values = []
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, bool):
            values.append(str(entry).lower())
        elif isinstance(entry, str | int | float):
            values.append(str(entry))
        else:
            faults.append(f"{where}: values must be texts, numbers, true or false")
    if value == []:
        faults.append(f"{where}: at least one value must be given")
    for text in values:
        fault = value_fault(operator, text)
        if fault:
            faults.append(f"{where}: {text[:_SHOWN_CHARACTERS]!r} is not {fault}")
    return tuple(values)


def _shown(elements: Mapping[str, Json], name: str) -> str:
    value = elements.get(name)
    return "missing" if value is None else repr(value)[:_SHOWN_CHARACTERS]
