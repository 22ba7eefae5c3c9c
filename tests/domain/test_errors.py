import pytest

from penstock.domain import errors, refusals


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errors.InvalidArgumentError("a must be 1", "b is missing"), "a must be 1; b is missing"),
        (refusals.MissingContentError(), "needs a body"),
        (refusals.InvalidContentError("body", "no XML"), "body: no XML"),
        (refusals.ContentTooLargeError(limit_bytes=10), "10 bytes"),
        (refusals.MissingContentLengthError(), "Content-Length"),
        (refusals.InvalidDigestError(expected="abc"), "'abc'"),
        (refusals.InvalidRangeError(size_bytes=7), "7 bytes"),
        (refusals.InvalidUrlError("GET", "/x"), "GET /x"),
        (refusals.MethodNotAllowedError("PUT", "/x"), "/x does not take PUT"),
        (refusals.InvalidHostError("x"), "'x'"),
        (refusals.ResourceNotFoundError("w1", kind="workflow"), "workflow 'w1'"),
        (refusals.TemplateNotFoundError("t1"), "template 't1'"),
        (refusals.QueueNotFoundError("p1"), "queue 'p1'"),
        (refusals.BucketNotBoundError("b"), "'b' is not bound"),
        (refusals.FamilyNotOpenError("b", "media"), "'media' is not open on bucket 'b'"),
        (refusals.FamilyAlreadyOpenError("b", "media"), "is open on bucket 'b' already"),
        (refusals.NoBucketStorageError("b"), "--bucket b=URL"),
        (refusals.OfficialTemplateError("t1"), "'t1' is built in"),
        (refusals.NoSuchBucketError("b"), "bucket 'b'"),
        (refusals.NoSuchKeyError("k"), "object 'k'"),
        (refusals.NoSuchUploadError("u"), "'u'"),
        (refusals.MissingAuthorizationError(), "not signed"),
        (refusals.InvalidAuthorizationError("bad"), "bad"),
        (refusals.UnknownSecretIdError("id"), "'id'"),
        (refusals.SignatureExpiredError(), "expired"),
        (refusals.LimitExceededError("TooMany", "too many jobs"), "too many jobs"),
        (errors.ActiveWorkflowError("w1"), "pause it first"),
        (errors.QueuePausedError("p1"), "'p1' is Paused"),
        (errors.QueueSaturatedError("full"), "full"),
        (errors.SlowDownError(per_second=2.5), "2.5 calls a second"),
        (errors.AlreadyRunningError("/data"), "'/data'"),
        (errors.LeaseLostError(7), "job 7"),
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
    assert refusals.LimitExceededError("WorkflowLimit", "x").code == "WorkflowLimit"


def test_errors_that_may_pass_are_those_of_back_ends() -> None:
    """Only a failure of a store, database or cluster is worth another try as it is."""
    assert errors.BackendError("x").retryable
    assert errors.StoreError("k", "x").retryable
    assert not errors.ObjectNotFoundError("k").retryable
    assert not errors.StoreAccessDeniedError("k").retryable


def test_errors_of_service_families_have_a_code_each() -> None:
    """The vendor has one word a family for what is not open, and for what is."""
    assert refusals.FamilyNotOpenError("b", "pic").code == "PicBucketUnBinded"
    assert refusals.FamilyAlreadyOpenError("b", "asr").code == "AsrBucketAlreadyBinded"
