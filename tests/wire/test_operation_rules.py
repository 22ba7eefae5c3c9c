import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.trees import Tree
from penstock.wire.operation_rules import read_rule


def accept(_tag: str, _operation: Tree) -> list[str]:
    """Find nothing wrong with any operation."""
    return []


def refuse(tag: str, operation: Tree) -> list[str]:
    """Find everything wrong with any operation."""
    return [f"{tag} is wrong", f"so is {sorted(operation)}"]


def faults_of(echo: Tree, tag: str = "Transcode") -> list[str]:
    """What is wrong with a rule; nothing when it is right."""
    try:
        read_rule(tag, {}, echo, accept)
    except InvalidArgumentError as error:
        return list(error.faults)
    return []


def test_rule_holds_params_output_and_lane() -> None:
    """A rule has the params and output as a node's operation, and its queue and level."""
    params = {"TemplateId": "t1"}
    output = {"Region": "r", "Bucket": "b", "Object": "${InputName}"}
    echo: Tree = {"Output": output, "QueueId": "p1", "JobLevel": "2", "UserData": "x"}

    rule = read_rule("Concat", params, echo, accept)

    assert rule.tag == "Concat"
    assert rule.operation == {"TemplateId": "t1", "Output": output}
    assert (rule.queue_id, rule.queue_type, rule.priority) == ("p1", "", 2)
    assert rule.echo is echo


def test_rule_without_output_has_none() -> None:
    """An operation that says nothing of an output gets no empty one."""
    rule = read_rule("MediaInfo", {}, {"Output": ""}, accept)

    assert rule.operation == {}
    assert rule.priority == 0


@pytest.mark.parametrize(
    ("sent", "known"),
    [("Animatin", "Animation"), ("VoiceSpearte", "VoiceSeparate"), ("SDR2HDR", "SDRtoHDR")],
)
def test_rule_reads_tags_that_the_vendor_misspells(sent: str, known: str) -> None:
    """The two tags that the vendor's table misspells are taken for what they mean."""
    assert read_rule(sent, {}, {}, accept).tag == known


def test_rule_names_faults_of_the_operation_and_of_the_lane_at_once() -> None:
    """What the check finds and what is wrong here come in one error."""
    with pytest.raises(InvalidArgumentError) as caught:
        read_rule("X", {"A": "1"}, {"JobLevel": "3"}, refuse)

    assert caught.value.faults == (
        "X is wrong",
        "so is ['A']",
        "JobLevel must be one of 0, 1, 2, not '3'",
    )


@pytest.mark.parametrize("data", ["", "x" * 1024, " ~!{}"])
def test_rule_takes_printable_user_data(data: str) -> None:
    """Any printable ASCII of up to 1024 characters is passed through."""
    assert faults_of({"UserData": data}) == []


@pytest.mark.parametrize("data", ["x" * 1025, "é", "a\tb", "a\nb", {"a": "b"}, ["a", "b"]])
def test_rule_refuses_other_user_data(data: object) -> None:
    """Longer texts, other characters and anything but one text are refused."""
    tree: Tree = {"UserData": data}  # type: ignore[dict-item]  # what a caller may send

    (fault,) = faults_of(tree)

    assert "1024 printable ASCII" in fault


@pytest.mark.parametrize(
    ("echo", "tag", "queue_type"),
    [
        ({"QueueType": "SpeedTranscoding"}, "Transcode", "SpeedTranscoding"),
        ({"QueueType": "SpeedTranscoding", "QueueId": "p1"}, "Transcode", ""),
        ({"QueueType": "SpeedTranscoding"}, "Snapshot", ""),
        ({"QueueType": "whatever"}, "Snapshot", ""),
        ({}, "Transcode", ""),
    ],
)
def test_rule_looks_at_the_queue_type_of_transcodes_only(
    echo: Tree, tag: str, queue_type: str
) -> None:
    """The queue type counts for Transcode without a queue id, as the vendor documents."""
    assert read_rule(tag, {}, echo, accept).queue_type == queue_type


def test_rule_refuses_an_unknown_queue_type() -> None:
    """Where the queue type counts, there is one value."""
    (fault,) = faults_of({"QueueType": "Slow"})

    assert fault == "QueueType must be SpeedTranscoding, not 'Slow'"


@pytest.mark.parametrize(
    "echo",
    [
        {"CallBack": "no"},
        {"CallBack": "http://10.0.0.5/cb"},
        {"CallBack": "https://example.org:8443/a?b=c", "CallBackFormat": "JSON"},
        {"CallBack": "http://[::1]:80/", "CallBackType": "Url"},
        {"CallBackType": "TDMQ", "CallBackMqConfig": {"MqRegion": "sh", "MqName": "q"}},
        {
            "CallBackType": "Kafka",
            "CallBackKafkaConfig": {"Region": "x", "InstanceId": "i", "Topic": "t"},
        },
    ],
)
def test_rule_takes_callbacks(echo: Tree) -> None:
    """Every documented way to be called back is accepted."""
    assert faults_of(echo) == []


@pytest.mark.parametrize(
    ("echo", "words"),
    [
        ({"CallBack": "example.org/cb"}, ["example.org/cb"]),
        ({"CallBack": "ftp://example.org/"}, ["CallBack"]),
        ({"CallBack": "http://"}, ["CallBack"]),
        ({"CallBack": "http://a b/"}, ["CallBack"]),
        ({"CallBack": "http://a:port/"}, ["CallBack"]),
        ({"CallBackFormat": "YAML"}, ["CallBackFormat"]),
        ({"CallBackType": "Mail"}, ["CallBackType"]),
        ({"CallBackType": "TDMQ"}, ["CallBackMqConfig.MqRegion", "CallBackMqConfig.MqName"]),
        (
            {
                "CallBackType": "TDMQ",
                "CallBackMqConfig": {"MqRegion": "xx", "MqName": "q", "MqMode": "Heap"},
            },
            ["CallBackMqConfig.MqRegion", "CallBackMqConfig.MqMode"],
        ),
        (
            {"CallBackType": "Kafka"},
            [
                "CallBackKafkaConfig.Region",
                "CallBackKafkaConfig.InstanceId",
                "CallBackKafkaConfig.Topic",
            ],
        ),
    ],
)
def test_rule_refuses_wrong_callbacks(echo: Tree, words: list[str]) -> None:
    """A callback that could never be sent is refused, and each fault is named."""
    faults = faults_of(echo)

    assert len(faults) == len(words)
    assert all(word in fault for word, fault in zip(words, faults, strict=True))
