import pytest

from penstock.domain import errors


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errors.InvalidArgumentError("a must be 1", "b is missing"), "a must be 1; b is missing"),
        (errors.MissingContentError(), "needs a body"),
        (errors.InvalidContentError("body", "no XML"), "body: no XML"),
        (errors.ContentTooLargeError(limit_bytes=10), "10 bytes"),
        (errors.MissingContentLengthError(), "Content-Length"),
        (errors.InvalidDigestError(expected="abc"), "'abc'"),
        (errors.InvalidRangeError(size_bytes=7), "7 bytes"),
        (errors.InvalidUrlError("GET", "/x"), "GET /x"),
        (errors.MethodNotAllowedError("PUT", "/x"), "/x does not take PUT"),
        (errors.InvalidHostError("x"), "'x'"),
        (errors.ResourceNotFoundError("w1", kind="workflow"), "workflow 'w1'"),
        (errors.TemplateNotFoundError("t1"), "template 't1'"),
        (errors.QueueNotFoundError("p1"), "queue 'p1'"),
        (errors.BucketNotBoundError("b"), "'b' is not bound"),
        (errors.FamilyNotOpenError("b", "media"), "'media' is not open on bucket 'b'"),
        (errors.FamilyAlreadyOpenError("b", "media"), "is open on bucket 'b' already"),
        (errors.NoBucketStorageError("b"), "--bucket b=URL"),
        (errors.OfficialTemplateError("t1"), "'t1' is built in"),
        (errors.NoSuchBucketError("b"), "bucket 'b'"),
        (errors.NoSuchKeyError("k"), "object 'k'"),
        (errors.NoSuchUploadError("u"), "'u'"),
        (errors.MissingAuthorizationError(), "not signed"),
        (errors.InvalidAuthorizationError("bad"), "bad"),
        (errors.UnknownSecretIdError("id"), "'id'"),
        (errors.SignatureExpiredError(), "expired"),
        (errors.LimitExceededError("TooMany", "too many jobs"), "too many jobs"),
        (errors.ActiveWorkflowError("w1"), "pause it first"),
        (errors.QueuePausedError("p1"), "'p1' is Paused"),
        (errors.QueueSaturatedError("full"), "full"),
        (errors.SlowDownError(per_second=2.5), "2.5 calls a second"),
        (errors.AlreadyRunningError("/data"), "'/data'"),
        (errors.LeaseLostError("chunk 3"), "chunk 3"),
        (errors.UnsupportedInputError("k", "broken"), "k: broken"),
        (errors.ObjectNotFoundError("k"), "'k'"),
        (errors.KeyNotStorableError("k", "empty segment"), "empty segment"),
        (errors.OperationTimeoutError(limit_seconds=90.0), "90 s"),
        (errors.WorkerCrashedError(attempts=3, cause="signal SIGKILL"), "3 attempts"),
        (errors.InventoryError("k", "no such column"), "k: no such column"),
        (errors.StoreError("k", "timed out"), "k: timed out"),
        (errors.StoreAccessDeniedError("k"), "'k'"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_error_says_what_it_was_given(error: errors.PenstockError, words: str) -> None:
    """Every message names the thing and the expectation, and every error has a code."""
    assert words in str(error)
    assert error.code


def test_error_of_a_limit_carries_its_own_code() -> None:
    """The vendor has a code for each limit; one class has them all."""
    assert errors.LimitExceededError("WorkflowLimit", "x").code == "WorkflowLimit"


def test_errors_that_may_pass_are_those_of_back_ends() -> None:
    """Only a failure of a store, database or cluster is worth another try as it is."""
    assert errors.BackendError("x").retryable
    assert errors.StoreError("k", "x").retryable
    assert not errors.ObjectNotFoundError("k").retryable
    assert not errors.StoreAccessDeniedError("k").retryable


def test_errors_of_service_families_have_a_code_each() -> None:
    """The vendor has one word a family for what is not open, and for what is."""
    assert errors.FamilyNotOpenError("b", "pic").code == "PicBucketUnBinded"
    assert errors.FamilyAlreadyOpenError("b", "asr").code == "AsrBucketAlreadyBinded"
