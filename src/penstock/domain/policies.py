"""Who may do what: statements of policies, and how a request is decided (`wire.md` section 12).

Nothing is allowed unless a statement allows it, and one statement that denies outweighs all that
allow. The order of statements does not matter.

A server has one root account and one set of buckets, whatever region a host names. So `uin/…`
and an empty account stand for that account; and since the region is the caller's choice, it
narrows what a statement allows and never what it denies.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from penstock.domain.policy_conditions import Condition, Context
from penstock.domain.wildcards import matches_wildcard

ROOT_ACCOUNT = "root"
VARIABLES = {"uin": "qcs:uin", "owner_uin": "qcs:owner_uin"}
APP_ID = "app_id"


class Effect(StrEnum):
    """What a statement that applies does."""

    ALLOW = "allow"
    DENY = "deny"


class Resource(NamedTuple):
    """What a request is about.

    Attributes:
        service: `ci` or `cos`.
        region: As the host names it.
        app_id: The digits behind the bucket's name; empty where it has none.
        path: `bucket/<bucket>/*` for `ci`, `<bucket>/<key>` for `cos`.
    """

    service: str
    region: str
    app_id: str
    path: str

    def __str__(self) -> str:
        """The six segments."""
        return f"qcs::{self.service}:{self.region}:uid/{self.app_id}:{self.path}"


class ResourcePattern(NamedTuple):
    """Resources that a statement is about; each part may have wildcards.

    Attributes:
        service: In lower case.
        region: In lower case; empty for all.
        account: `uid/…`, `uin/…`, or empty.
        path: May have variables, such as `${uin}`.
    """

    service: str
    region: str
    account: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One rule of a policy.

    Attributes:
        effect: Allow or deny.
        actions: Patterns in lower case, such as `ci:describe*`.
        resources: Patterns; None stands for `*`, which is everything.
        conditions: All of them must hold.
    """

    effect: Effect
    actions: tuple[str, ...]
    resources: tuple[ResourcePattern | None, ...]
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    """What somebody wants to do.

    Attributes:
        actions: The names that the call goes by, such as `ci:DescribeMediaQueues`. Most have one;
            for a call with several it is enough that one is allowed, and each may be denied.
        resource: What it is about; None for a call on the whole account, which only `*` covers.
        context: Values by condition key.
    """

    actions: tuple[str, ...]
    resource: Resource | None
    context: Context = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What came of a request.

    Attributes:
        is_allowed: Whether it may go on.
        statement: What decided it; None where no statement applies.
    """

    is_allowed: bool
    statement: Statement | None


def decide(statements: Iterable[Statement], request: AccessRequest) -> Decision:
    """Whether the statements, taken together, allow a request."""
    allowing = None
    for statement in statements:
        if not applies(statement, request):
            continue
        if statement.effect is Effect.DENY:
            return Decision(is_allowed=False, statement=statement)
        allowing = allowing or statement
    return Decision(is_allowed=allowing is not None, statement=allowing)


def applies(statement: Statement, request: AccessRequest) -> bool:
    """Whether a statement's action, resource and conditions all fit a request."""
    return (
        any(
            matches_wildcard(pattern, action.lower())
            for pattern in statement.actions
            for action in request.actions
        )
        and any(_covers(pattern, statement.effect, request) for pattern in statement.resources)
        and all(condition.holds(request.context) for condition in statement.conditions)
    )


def _covers(pattern: ResourcePattern | None, effect: Effect, request: AccessRequest) -> bool:
    if pattern is None:
        return True
    resource = request.resource
    if resource is None:
        return False
    values = _variable_values(request.context, resource)
    return (
        matches_wildcard(pattern.service, resource.service)
        and (
            effect is Effect.DENY
            or not pattern.region
            or matches_wildcard(pattern.region, resource.region.lower())
        )
        and _is_account(_filled(pattern.account, values), resource)
        and matches_wildcard(_filled(pattern.path, values), resource.path)
    )


def _is_account(pattern: str, resource: Resource) -> bool:
    if not pattern or pattern.startswith("uin/"):
        return True
    return matches_wildcard(pattern, f"uid/{resource.app_id}")


def _variable_values(context: Context, resource: Resource) -> Mapping[str, str]:
    found = {name: "".join(context.get(key, ())) for name, key in VARIABLES.items()}
    return {**found, APP_ID: resource.app_id}


def _filled(pattern: str, values: Mapping[str, str]) -> str:
    """A pattern with its variables replaced; what they stand for never has a wildcard."""
    for name, value in values.items():
        pattern = pattern.replace(f"${{{name}}}", value)
    return pattern
