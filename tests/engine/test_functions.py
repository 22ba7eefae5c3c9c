"""Functions over HTTP: a real receiver answers."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from penstock.domain.addresses import parse_allowed
from penstock.domain.errors import (
    AttemptCancelledError,
    FunctionRejectedError,
    FunctionUnavailableError,
    InvalidParamsError,
    OperationTimeoutError,
    TargetRefusedError,
)
from penstock.engine.control import FunctionCall, no_functions
from penstock.engine.functions import MOST_POLL_FAILURES, FunctionCaller, FunctionSettings
from penstock.engine.http_exchange import MOST_ANSWER_BYTES
from penstock.wire.callbacks import sign_body
from tests.receiver import Answered, Received, Receiver, closed_port, receive
from tests.waiting import wait_until

CALL = FunctionCall(
    name="work",
    words={"FunctionName": "work", "Region": "here"},
    event_id="j1-abcd",
    run_id="i1",
    job_id="j1",
    bucket="demo-1250000000",
    key="in/图.jpg",
)
MADE = {"Objects": ["out/a.txt"]}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A running function."""
    with receive() as running:
        yield running


def call(receiver: Receiver, **settings: Any) -> Any:  # noqa: ANN401  # JSON
    """Call the function that the receiver is."""
    return caller(receiver.url("/work"), **settings).call(CALL, lambda: None)


def caller(url: str, **settings: Any) -> FunctionCaller:  # noqa: ANN401  # any setting
    """A caller that knows one function."""
    return FunctionCaller(
        FunctionSettings(urls={"work": url}, region="ap-x", **settings), now_ms=lambda: 1_000_000
    )


def said(body: object, status: int = 200, **headers: str) -> Answered:
    """An answer in JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answered(status=status, headers=named, body=json.dumps(body).encode())


def in_turn(*answers: Answered) -> Callable[[Received], Answered]:
    """These answers, one behind the other; the last again and again."""
    left = list(answers)
    return lambda _request: left.pop(0) if len(left) > 1 else left[0]


@contextmanager
def silence(receiver: Receiver) -> Iterator[None]:
    """A function that says nothing until the block ends."""
    end = threading.Event()

    def wait(_request: Received) -> Answered:
        end.wait()
        return Answered()

    receiver.answer = wait
    try:
        yield
    finally:
        end.set()


def test_function_is_told_its_object(receiver: Receiver) -> None:
    """It gets one POST with the object in JSON and an id that tells repeats."""
    receiver.answer = in_turn(said(MADE))

    assert call(receiver) == MADE

    (request,) = receiver.received
    assert (request.method, request.path, request.event_id) == ("POST", "/work", "j1-abcd")
    assert request.headers["content-type"] == "application/json"
    assert "x-penstock-signature" not in request.headers
    assert request.json() == {
        "EventId": "j1-abcd",
        "RunId": "i1",
        "JobId": "j1",
        "ObjectInfo": {"BucketId": "demo-1250000000", "Region": "ap-x", "Object": "in/图.jpg"},
        "Function": {"FunctionName": "work", "Region": "here"},
    }


def test_function_is_called_with_a_signature(receiver: Receiver) -> None:
    """Where there is a secret, the body is signed as callbacks are."""
    call(receiver, secret="hush")

    (request,) = receiver.received
    expected = sign_body("hush", 1_000_000, request.body)
    assert request.headers["x-penstock-signature"] == expected


@pytest.mark.parametrize("status", [200, 204])
def test_function_may_answer_nothing(receiver: Receiver, status: int) -> None:
    """An empty answer is an answer that says nothing."""
    receiver.answer = in_turn(Answered(status=status))

    assert call(receiver) == {}


def test_function_may_take_its_time(receiver: Receiver) -> None:
    """Behind 202 the place that it names is asked until it answers 200."""
    receiver.answer = in_turn(
        said({}, 202, Location="jobs/7?x=1", Retry_After="0"),
        said({}, 202, Retry_After="0"),
        said({}, 202, Location="/elsewhere", Retry_After="0"),
        said(MADE),
    )

    assert call(receiver) == MADE

    asked = [(request.method, request.path) for request in receiver.received]
    assert asked == [
        ("POST", "/work"),
        ("GET", "/jobs/7?x=1"),
        ("GET", "/jobs/7?x=1"),
        ("GET", "/elsewhere"),
    ]


def test_function_that_stumbles_while_it_is_asked_is_forgiven(receiver: Receiver) -> None:
    """A few failures in a row between do not begin the work anew."""
    pending = said({}, 202, Location="jobs/7", Retry_After="0")
    failures = [said({}, 503)] * MOST_POLL_FAILURES
    receiver.answer = in_turn(pending, *failures, said({}, 202, Retry_After="0"), said(MADE))

    assert call(receiver) == MADE

    assert set(receiver.paths()[1:]) == {"/jobs/7"}


def test_function_that_fails_while_it_is_asked_has_failed(receiver: Receiver) -> None:
    """One failure more than is forgiven ends the call."""
    pending = said({}, 202, Location="jobs/7", Retry_After="0")
    receiver.answer = in_turn(pending, said({}, 500))

    with pytest.raises(FunctionUnavailableError, match="'work' answered 500"):
        call(receiver)

    assert len(receiver.received) == MOST_POLL_FAILURES + 2


@pytest.mark.parametrize("status", [500, 503, 429])
def test_function_that_fails_may_be_called_again(receiver: Receiver, status: int) -> None:
    """Failures of the server, and too many calls, are told apart from refusals."""
    receiver.answer = in_turn(said({}, status))

    with pytest.raises(FunctionUnavailableError, match=f"answered {status}") as caught:
        call(receiver)

    assert caught.value.retryable


@pytest.mark.parametrize(
    ("answered", "words"),
    [
        (said({}, 400), "answered 400"),
        (said({}, 302, Location="/there"), "answered 302"),
        (said({}, 201), "answered 201"),
        (said({}, 202), "answered 202 without a Location"),
        (Answered(body=b"<html>"), "answered something that is no JSON"),
        (Answered(body=b"\xff"), "answered something that is no JSON"),
        (Answered(body=b" " * (MOST_ANSWER_BYTES + 1)), "more than 1048576 bytes"),
    ],
)
def test_function_that_refuses_is_not_called_again(
    receiver: Receiver, answered: Answered, words: str
) -> None:
    """What another call would not mend is final, and the message names function and fault."""
    receiver.answer = in_turn(answered)

    with pytest.raises(FunctionRejectedError, match=words) as caught:
        call(receiver)

    assert not caught.value.retryable
    assert "'work'" in str(caught.value)


def test_function_that_nobody_answers_for_is_unavailable() -> None:
    """A closed port may be open later."""
    with closed_port() as port, pytest.raises(FunctionUnavailableError, match="cannot be reached"):
        caller(f"http://127.0.0.1:{port}/").call(CALL, lambda: None)


def test_function_that_is_unknown_is_named_with_those_that_are_known(receiver: Receiver) -> None:
    """A name that the table lacks is a fault of the node."""
    lost = FunctionCall(
        name="lost", words={}, event_id="", run_id="", job_id="", bucket="", key=""
    )

    with pytest.raises(InvalidParamsError, match="'lost'; the setting functions has work"):
        caller(receiver.url()).call(lost, lambda: None)
    with pytest.raises(InvalidParamsError, match="no function 'lost'"):
        no_functions(lost, lambda: None)


def test_function_cannot_send_us_to_places_that_are_not_allowed(receiver: Receiver) -> None:
    """The host of the table is allowed by standing there; a Location elsewhere is checked."""
    elsewhere = receiver.url("/jobs/7", host="127.0.0.2")
    receiver.answer = in_turn(said({}, 202, Location=elsewhere, Retry_After="0"))

    with pytest.raises(TargetRefusedError, match="setting function_allow can allow it"):
        call(receiver)

    assert len(receiver.received) == 1


def test_function_may_send_us_where_the_operator_allows(receiver: Receiver) -> None:
    """What `function_allow` names may be asked for the answer, beyond the table's hosts."""
    with receive() as other:
        receiver.answer = in_turn(said({}, 202, Location=other.url("/jobs/7"), Retry_After="0"))
        other.answer = in_turn(said(MADE))

        assert call(receiver, allowed=parse_allowed("127.0.0.0/8")) == MADE


def test_function_that_takes_too_long_is_given_up(receiver: Receiver) -> None:
    """Silence ends with the time limit of functions, and another call would not help."""
    with silence(receiver), pytest.raises(OperationTimeoutError, match=r"0\.3 s"):
        call(receiver, seconds=0.3)


def test_function_that_never_ends_is_given_up(receiver: Receiver) -> None:
    """Asking for the answer counts against the same limit."""
    receiver.answer = in_turn(said({}, 202, Location="jobs/7", Retry_After="0"))

    with pytest.raises(OperationTimeoutError):
        call(receiver, seconds=0.5)


def test_function_in_silence_is_cancelled_at_once(receiver: Receiver) -> None:
    """A cancellation ends the waiting within two seconds, while the function says nothing."""
    cancelled = threading.Event()
    ended: list[float] = []

    def checkpoint() -> None:
        if cancelled.is_set():
            raise AttemptCancelledError

    def work() -> None:
        try:
            caller(receiver.url("/work")).call(CALL, checkpoint)
        except AttemptCancelledError:
            ended.append(time.monotonic())

    with silence(receiver):
        thread = threading.Thread(target=work)
        thread.start()
        wait_until(lambda: bool(receiver.received), "the call to arrive")

        began = time.monotonic()
        cancelled.set()
        thread.join(10)

    assert ended[0] - began < 2
