import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.callback_rules import notify_faults, rule_faults, url_faults
from penstock.domain.trees import Tree

WHERE = "Start.Input.NotifyConfig"
URL = "http://hooks.example/done"


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "https://hooks.example",
        "HTTP://hooks.example:8080/a?b=c#d",
        "http://10.0.0.5/cb",
        "http://[2606:4700::1]:81/",
        "http://hooks.example/naïve",
    ],
)
def test_url_of_http_and_https_is_taken(url: str) -> None:
    """Where it leads is looked at when it is called."""
    assert url_faults(url, "Url") == []


@pytest.mark.parametrize(
    "url",
    [
        "hooks.example/done",
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "http://",
        "http:///done",
        "http://hooks.example:0/",
        "http://hooks.example:99999/",
        "http://hooks.example:port/",
        "http://[::1",
        "http://hooks.example/a b",
        "http://hooks.example/a\nHost: other",
        "http://me:secret@hooks.example/",
        "http://hööks.example/",
        "http://[fe80::1%25eth0]/",
        "http://hooks.example/" + "a" * 2048,
    ],
)
def test_url_that_cannot_be_called_is_refused(url: str) -> None:
    """Each fault names the parameter."""
    faults = url_faults(url, "Url")

    assert len(faults) == 1
    assert faults[0].startswith("Url ")


@given(url=st.text())
def test_url_is_never_an_accident(url: str) -> None:
    """Whatever text comes, there is an answer."""
    assert isinstance(url_faults(url, "Url"), list)


def test_url_faults_do_not_repeat_a_password() -> None:
    """A URL with a password is refused without showing it."""
    assert "secret" not in url_faults("http://me:secret@hooks.example/", "Url")[0]


@pytest.mark.parametrize(
    "notify",
    [
        {},
        {"Url": "", "Type": "", "Event": "", "State": "", "ResultFormat": ""},
        {"State": "Off"},
        {"State": "On", "Url": URL, "Event": "TaskFinish", "Type": "Url", "ResultFormat": "JSON"},
        {"State": "on", "Url": URL, "Event": "TaskFinish, WorkflowFinish", "Type": ""},
        {"Url": URL, "Event": "WorkflowFinish,WorkflowStart", "Type": "Url"},
        {"State": "On", "Event": "TaskFinish", "Type": "TDMQ", "MqName": "q", "MqRegion": "sh"},
        {"State": "On", "Event": "TaskFinish", "Type": "Kafka", "KafkaConfig": {"Topic": "t"}},
    ],
)
def test_notify_config_that_can_be_followed_is_taken(notify: Tree) -> None:
    """Empty elements count as absent, and message queues are taken as they are."""
    assert notify_faults(notify, WHERE) == []


@pytest.mark.parametrize(
    ("notify", "name"),
    [
        ({"State": "Maybe"}, "State"),
        ({"State": "On", "Url": URL, "Event": "TaskFinish", "Type": "Smoke"}, "Type"),
        ({"State": "On", "Url": URL, "Event": "TaskStart", "Type": "Url"}, "Event"),
        ({"State": "On", "Url": URL, "Type": "Url"}, "Event"),
        ({"State": "On", "Event": "TaskFinish"}, "Url"),
        ({"State": "On", "Url": "ftp://x/", "Event": "TaskFinish"}, "Url"),
        ({"State": "Off", "Url": "hooks.example"}, "Url"),
        ({"Url": URL, "Event": "TaskFinish", "ResultFormat": "YAML"}, "ResultFormat"),
    ],
)
def test_notify_config_that_cannot_be_followed_is_refused(notify: Tree, name: str) -> None:
    """One sentence names the place."""
    faults = notify_faults(notify, WHERE)

    assert len(faults) == 1
    assert faults[0].startswith(f"{WHERE}.{name} ")


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"CallBack": URL, "CallBackFormat": "XML", "CallBackType": "Url"},
        {"CallBack": "no"},
        {
            "CallBackType": "TDMQ",
            "CallBackMqConfig": {"MqRegion": "sh", "MqMode": "Topic", "MqName": "q"},
        },
        {
            "CallBackType": "Kafka",
            "CallBackKafkaConfig": {"Region": "r", "InstanceId": "i", "Topic": "t"},
        },
    ],
)
def test_rule_that_can_be_followed_is_taken(rule: Tree) -> None:
    """A job's own callbacks go to a URL, to a message queue, or nowhere."""
    assert rule_faults(rule) == []


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ({"CallBack": "hooks.example"}, "CallBack,"),
        ({"CallBack": "NO"}, "CallBack,"),
        ({"CallBackFormat": "json"}, "CallBackFormat"),
        ({"CallBackType": "Pigeon"}, "CallBackType"),
        (
            {"CallBackType": "TDMQ", "CallBackMqConfig": {"MqRegion": "sh"}},
            "CallBackMqConfig.MqName",
        ),
        (
            {"CallBackType": "TDMQ", "CallBackMqConfig": {"MqRegion": "eu", "MqName": "q"}},
            "CallBackMqConfig.MqRegion",
        ),
        (
            {"CallBackType": "Kafka", "CallBackKafkaConfig": {"Region": "r", "Topic": "t"}},
            "CallBackKafkaConfig.InstanceId",
        ),
    ],
)
def test_rule_that_cannot_be_followed_is_refused(rule: Tree, name: str) -> None:
    """One sentence names the element."""
    faults = rule_faults(rule)

    assert len(faults) == 1
    assert faults[0].startswith(f"{name} ")
