import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.policies import (
    AccessRequest,
    Effect,
    Resource,
    ResourcePattern,
    Statement,
    applies,
    decide,
)
from penstock.domain.policy_conditions import Condition

BUCKET = Resource("ci", "ap-a", "1250000000", "bucket/demo-1250000000/*")
CONTEXT = {"qcs:uin": ["ann"], "qcs:owner_uin": ["root"], "qcs:ip": ["10.0.0.1"]}

ACTIONS = st.sampled_from(["*", "ci:*", "ci:describe*", "ci:describemediaqueues", "cos:*", "c*"])
PATTERNS = st.one_of(
    st.none(),
    st.builds(
        ResourcePattern,
        st.sampled_from(["ci", "cos", "*"]),
        st.sampled_from(["", "ap-a", "ap-*", "ap-b"]),
        st.sampled_from(["", "uid/1250000000", "uid/*", "uid/1", "uin/7"]),
        st.sampled_from(["*", "bucket/demo-1250000000/*", "bucket/${uin}-*", "other"]),
    ),
)
CONDITIONS = st.builds(
    Condition,
    operator=st.sampled_from(["string_equal", "string_not_equal", "null_equal"]),
    key=st.sampled_from(["qcs:uin", "cos:prefix"]),
    values=st.lists(st.sampled_from(["true", "false"]), min_size=1, max_size=2).map(tuple),
    is_if_exist=st.booleans(),
)
STATEMENTS = st.builds(
    Statement,
    effect=st.sampled_from(Effect),
    actions=st.lists(ACTIONS, min_size=1, max_size=2).map(tuple),
    resources=st.lists(PATTERNS, min_size=1, max_size=2).map(tuple),
    conditions=st.lists(CONDITIONS, max_size=1).map(tuple),
)
LISTS = st.lists(STATEMENTS, max_size=5)
REQUESTS = st.builds(
    AccessRequest,
    actions=st.sampled_from(
        [
            ("ci:DescribeMediaQueues",),
            ("cos:GetObject",),
            ("ci:CreateInventoryTriggerJob", "ci:TriggerMediaWorkflow"),
        ]
    ),
    resource=st.sampled_from([None, BUCKET, Resource("cos", "ap-b", "1", "demo-1/a b")]),
    context=st.just(CONTEXT),
)


def statement(
    effect: Effect = Effect.ALLOW,
    *,
    action: str = "*",
    resource: ResourcePattern | None = None,
) -> Statement:
    """A statement of one action and resource."""
    return Statement(effect=effect, actions=(action,), resources=(resource,))


def asking(
    *actions: str, resource: Resource | None = BUCKET, context: dict[str, list[str]] | None = None
) -> AccessRequest:
    """A request of `ann` for the bucket unless told."""
    names = actions or ("ci:DescribeMediaQueues",)
    return AccessRequest(actions=names, resource=resource, context={**CONTEXT, **(context or {})})


@given(statements=LISTS, request=REQUESTS)
def test_decision_is_the_vendors_rule(statements: list[Statement], request: AccessRequest) -> None:
    """Any denial that applies denies; else any allowance allows; else nothing is allowed."""
    effects = {one.effect for one in statements if applies(one, request)}

    decision = decide(statements, request)

    assert decision.is_allowed is (effects == {Effect.ALLOW})
    if decision.statement is None:
        assert not effects
    else:
        assert decision.statement in statements
        assert (decision.statement.effect is Effect.ALLOW) is decision.is_allowed


@given(statements=LISTS, denial=STATEMENTS, request=REQUESTS)
def test_decision_denied_once_is_denied(
    statements: list[Statement], denial: Statement, request: AccessRequest
) -> None:
    """One denial that applies outweighs whatever else is there."""
    deny = statement(Effect.DENY, action=denial.actions[0], resource=denial.resources[0])

    decision = decide([*statements, deny], request)

    assert not (applies(deny, request) and decision.is_allowed)


@given(statements=LISTS, added=STATEMENTS, request=REQUESTS)
def test_decision_more_allowances_never_take_away(
    statements: list[Statement], added: Statement, request: AccessRequest
) -> None:
    """What was allowed stays allowed when another statement allows something."""
    allow = statement(action=added.actions[0], resource=added.resources[0])

    before, after = decide(statements, request), decide([*statements, allow], request)

    assert after.is_allowed or not before.is_allowed


@given(statements=LISTS, request=REQUESTS, data=st.data())
def test_decision_does_not_depend_on_order(
    statements: list[Statement], request: AccessRequest, data: st.DataObject
) -> None:
    """The same statements in another order decide the same."""
    shuffled = data.draw(st.permutations(statements))

    assert decide(shuffled, request).is_allowed is decide(statements, request).is_allowed


@given(request=REQUESTS)
def test_decision_without_statements_denies(request: AccessRequest) -> None:
    """Nothing is allowed by default."""
    decision = decide([], request)

    assert not decision.is_allowed
    assert decision.statement is None


@pytest.mark.parametrize(
    ("pattern", "is_covered"),
    [
        ("ci:describemediaqueues", True),
        ("ci:describe*", True),
        ("ci:*", True),
        ("*", True),
        ("*:describemediaqueues", True),
        ("ci:describemediaqueue", False),
        ("cos:*", False),
        ("", False),
    ],
)
def test_action_patterns(pattern: str, *, is_covered: bool) -> None:
    """Actions are compared in lower case, with wildcards, and whole."""
    assert decide([statement(action=pattern)], asking()).is_allowed is is_covered


@pytest.mark.parametrize(
    ("pattern", "is_covered"),
    [
        (ResourcePattern("ci", "ap-a", "uid/1250000000", "bucket/demo-1250000000/*"), True),
        (ResourcePattern("ci", "", "uid/1250000000", "bucket/demo-1250000000/*"), True),
        (ResourcePattern("ci", "ap-*", "", "*"), True),
        (ResourcePattern("*", "*", "uid/*", "bucket/demo-*"), True),
        (ResourcePattern("ci", "", "uin/100000000001", "*"), True),
        (ResourcePattern("ci", "", "uid/${app_id}", "bucket/demo-${app_id}/*"), True),
        (ResourcePattern("ci", "ap-b", "", "*"), False),
        (ResourcePattern("cos", "", "", "*"), False),
        (ResourcePattern("ci", "", "uid/1", "*"), False),
        (ResourcePattern("ci", "", "", "bucket/demo-1250000000"), False),
        (ResourcePattern("ci", "", "", "bucket/${uin}-1250000000/*"), False),
    ],
)
def test_resource_patterns(pattern: ResourcePattern, *, is_covered: bool) -> None:
    """Each segment counts; an empty region or account stands for all."""
    assert decide([statement(resource=pattern)], asking()).is_allowed is is_covered


def test_resource_variables_name_who_asks() -> None:
    """`${uin}` opens to each sub-account its own folder, `${owner_uin}` names the root."""
    own = statement(resource=ResourcePattern("cos", "", "", "demo-1/${owner_uin}/${uin}/*"))

    def may(account: str) -> bool:
        resource = Resource("cos", "ap-a", "1", "demo-1/root/ann/x")
        return decide([own], asking(resource=resource, context={"qcs:uin": [account]})).is_allowed

    assert may("ann")
    assert not may("bob")


def test_resource_of_the_whole_account_needs_a_star() -> None:
    """A statement that names a resource does not cover a call on the account, even with `*`."""
    everything = ResourcePattern("*", "*", "*", "*")

    assert not decide([statement(resource=everything)], asking(resource=None)).is_allowed
    assert decide([statement()], asking(resource=None)).is_allowed


def test_region_does_not_narrow_a_denial() -> None:
    """The region is the caller's choice, so naming another one is no way around a denial."""
    elsewhere = ResourcePattern("ci", "ap-b", "", "*")

    decision = decide([statement(), statement(Effect.DENY, resource=elsewhere)], asking())

    assert not decision.is_allowed


def test_action_with_two_names_is_allowed_by_either_and_denied_by_either() -> None:
    """The batch job of a workflow goes by two names."""
    names = ("ci:CreateInventoryTriggerJob", "ci:TriggerMediaWorkflow")
    first = statement(action="ci:createinventorytriggerjob")
    second = statement(action="ci:triggermediaworkflow")
    denial = statement(Effect.DENY, action="ci:triggermediaworkflow")

    assert decide([first], asking(*names)).is_allowed
    assert decide([second], asking(*names)).is_allowed
    assert not decide([first, denial], asking(*names)).is_allowed


def test_conditions_must_all_hold() -> None:
    """A statement counts when every one of its conditions is true."""
    conditions = (
        Condition(operator="ip_equal", key="qcs:ip", values=("10.0.0.0/8",)),
        Condition(operator="string_equal", key="qcs:uin", values=("ann", "bob")),
    )
    rule = Statement(effect=Effect.ALLOW, actions=("*",), resources=(None,), conditions=conditions)

    assert decide([rule], asking()).is_allowed
    assert not decide([rule], asking(context={"qcs:uin": ["eve"]})).is_allowed
    assert not decide([rule], asking(context={"qcs:ip": ["192.0.2.1"]})).is_allowed


def test_resource_is_shown_in_its_six_segments() -> None:
    """Messages name a resource as policies do."""
    assert str(BUCKET) == "qcs::ci:ap-a:uid/1250000000:bucket/demo-1250000000/*"
