import json

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.policies import Effect, ResourcePattern, Statement
from penstock.domain.policy_conditions import Condition, Quantifier
from penstock.domain.policy_documents import MOST_CHARACTERS, parse_policy

RULE = {"effect": "allow", "action": "*", "resource": "*"}


def policy(*statements: object, version: object = "2.0") -> str:
    """A document with these statements."""
    return json.dumps({"version": version, "statement": list(statements)})


def faults_of(text: str) -> str:
    """Everything that is wrong with a document."""
    with pytest.raises(InvalidArgumentError) as caught:
        parse_policy(text)
    return "\n".join(caught.value.faults)


def test_policy_is_read_whole() -> None:
    """Every element of a statement arrives, in the form that decisions need."""
    (found,) = parse_policy(
        policy(
            {
                "effect": "deny",
                "action": ["name/cos:GetObject", "ci:Describe*"],
                "resource": ["*", "qcs::CI:AP-a:uid/1:bucket/demo-1/a:b/*"],
                "condition": {
                    "ip_equal": {"qcs:ip": ["10.0.0.0/8", "::1"], "qcs:uin": "::1"},
                    "for_any_value:string_like_if_exist": {"cos:prefix": "a*"},
                    "bool_equal": {"cos:secure-transport": True},
                    "numeric_less_than": {"cos:max-keys": 10},
                },
            }
        )
    )

    assert found == Statement(
        effect=Effect.DENY,
        actions=("cos:getobject", "ci:describe*"),
        resources=(None, ResourcePattern("ci", "ap-a", "uid/1", "bucket/demo-1/a:b/*")),
        conditions=(
            Condition(operator="ip_equal", key="qcs:ip", values=("10.0.0.0/8", "::1")),
            Condition(operator="ip_equal", key="qcs:uin", values=("::1",)),
            Condition(
                operator="string_like",
                key="cos:prefix",
                values=("a*",),
                quantifier=Quantifier.ANY,
                is_if_exist=True,
            ),
            Condition(operator="bool_equal", key="cos:secure-transport", values=("true",)),
            Condition(operator="numeric_less_than", key="cos:max-keys", values=("10",)),
        ),
    )


def test_policy_keywords_count_in_any_case() -> None:
    """Documents that write `Effect` and `Allow` are read alike."""
    text = json.dumps(
        {
            "Version": "2.0",
            "Statement": {"Effect": "Allow", "Action": "CI:Get*", "Resource": "*"},
        }
    )

    assert parse_policy(text) == (
        Statement(effect=Effect.ALLOW, actions=("ci:get*",), resources=(None,)),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[" * 6000, "policy:"),
        ("[]", "must be a JSON object"),
        (policy(RULE, version="1.0"), "version must be '2.0', not '1.0'"),
        (policy(RULE, version=None), "version must be '2.0', not missing"),
        (policy(), "at least one statement"),
        ('{"version": "2.0"}', "at least one statement"),
        (policy("allow"), "statement 1: must be a JSON object"),
        (policy({**RULE, "effect": "permit"}), "effect must be allow or deny, not 'permit'"),
        (policy({**RULE, "effect": {}}), "effect must be allow or deny, not an object"),
        (policy({"effect": "allow", "resource": "*"}), "action must be a text"),
        (policy({**RULE, "action": []}), "action must be a text"),
        (policy({**RULE, "action": ["*", 1]}), "action must be a text"),
        (policy({**RULE, "action": "DescribeJobs"}), "action 'DescribeJobs' is neither"),
        (policy({**RULE, "action": "ci:a b"}), "action 'ci:a b' is neither"),
        (policy({"effect": "allow", "action": "*"}), "resource must be a text"),
        (policy({**RULE, "resource": "demo"}), "resource 'demo' is neither"),
        (policy({**RULE, "resource": "arn:a:b:c:d:e"}), "is neither"),
        (policy({**RULE, "resource": "qcs:p:ci::uid/1:*"}), "names a project"),
        (policy({**RULE, "resource": "qcs::ci::1250000000:*"}), "the account '1250000000'"),
        (policy({**RULE, "resource": "qcs::::uid/1:"}), "must name a service and a resource"),
        (policy({**RULE, "resource": "qcs::ci::uid/1:${user}/*"}), "may have the variables"),
        (policy({**RULE, "resource": "qcs::ci:${uin}:uid/1:*"}), "may have the variables"),
        (policy({**RULE, "resource": "qcs::ci::uid/1:${uin"}), "may have the variables"),
        (policy({**RULE, "principal": "*"}), "principal has no place"),
        (policy({**RULE, "notaction": "*"}), "unknown element 'notaction'"),
        (json.dumps({"version": "2.0", "statement": RULE, "x": 1}), "unknown element 'x'"),
        (
            policy(RULE).replace('"effect"', '"Effect": "deny", "effect"'),
            "effect is there twice",
        ),
        (policy({**RULE, "condition": []}), "condition: must be a JSON object"),
        (policy({**RULE, "condition": {"like": {}}}), "unknown operator 'like'"),
        (
            policy({**RULE, "condition": {"null_equal_if_exist": {"qcs:ip": True}}}),
            "unknown operator 'null_equal_if_exist'",
        ),
        (
            policy({**RULE, "condition": {"for_one:string_equal": {"qcs:ip": "a"}}}),
            "unknown operator 'for_one:string_equal'",
        ),
        (policy({**RULE, "condition": {"ip_equal": "10.0.0.0"}}), "must be a JSON object"),
        (policy({**RULE, "condition": {"ip_equal": {"qcs:vpc": "::1"}}}), "unknown key"),
        (policy({**RULE, "condition": {"ip_equal": {"qcs:ip": []}}}), "at least one value"),
        (policy({**RULE, "condition": {"ip_equal": {"qcs:ip": [None]}}}), "values must be"),
        (policy({**RULE, "condition": {"ip_equal": {"qcs:ip": "x"}}}), "'x' is not an IP"),
        (policy(RULE) + " " * MOST_CHARACTERS, "6144 are the most"),
    ],
)
def test_policy_faults(text: str, words: str) -> None:
    """What is no policy of an access key is refused, and the fault is named."""
    assert words in faults_of(text)


def test_policy_faults_are_told_all_at_once() -> None:
    """Faults of several statements stand in one error, each with the statement's number."""
    wrong = {"effect": "maybe", "action": "x", "resource": "y", "condition": {"z": {}}}

    faults = faults_of(policy(wrong, RULE, {**wrong, "principal": "me"}, version="1"))

    assert len(faults.splitlines()) == 1 + 4 + 5
    assert "statement 1: effect" in faults
    assert "statement 3: principal" in faults
    assert "statement 2" not in faults


def test_policy_of_the_greatest_length_is_read() -> None:
    """The limit itself is allowed."""
    text = policy(RULE)

    assert parse_policy(text + " " * (MOST_CHARACTERS - len(text)))
