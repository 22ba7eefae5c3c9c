"""Every error raised on purpose: one tree, four branches by who must act.

The constructor takes facts and builds the message. `code` is the wire word, `status` the HTTP
status of `wire.md` section 10, `retryable` says whether the same attempt may succeed later.
"""

from collections.abc import Sequence
from typing import ClassVar


class PenstockError(Exception):
    """Anything Penstock raises on purpose.

    Attributes:
        code: The word clients see.
        status: The HTTP status that goes with it.
        retryable: Whether the same call can succeed later without a change by the caller.
    """

    code: ClassVar[str] = "InternalError"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False


# --- the caller must act ------------------------------------------------------------------


class RequestError(PenstockError):
    """The request cannot be carried out as it was sent."""

    code = "InvalidArgument"
    status = 400


class InvalidArgumentError(RequestError):
    """One or more parameters are wrong; all faults found are named in one message."""

    def __init__(self, *faults: str) -> None:
        self.faults: Sequence[str] = faults
        super().__init__("; ".join(faults))


class MissingContentError(RequestError):
    """A body was expected and none came."""

    code = "MissingContent"

    def __init__(self) -> None:
        super().__init__("the request needs a body")


class InvalidContentError(RequestError):
    """A body or file is malformed."""

    code = "InvalidContent"

    def __init__(self, what: str, fault: str) -> None:
        super().__init__(f"{what}: {fault}")


class ContentTooLargeError(RequestError):
    """A body is larger than the limit."""

    code = "InvalidContent"
    status = 413

    def __init__(self, *, limit_bytes: int) -> None:
        super().__init__(f"the body is larger than {limit_bytes} bytes")


class MissingContentLengthError(RequestError):
    """A body came without its length."""

    code = "MissingContentLength"
    status = 411

    def __init__(self) -> None:
        super().__init__("the request needs a Content-Length header")


class InvalidDigestError(RequestError):
    """Content-MD5 is malformed, or the body does not have it."""

    code = "BadDigest"

    def __init__(self, *, expected: str) -> None:
        super().__init__(f"the body does not have the Content-MD5 {expected!r}")


class InvalidRangeError(RequestError):
    """A Range header asks for bytes that the object does not have."""

    code = "InvalidRange"
    status = 416

    def __init__(self, *, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        super().__init__(f"the requested range lies outside the object's {size_bytes} bytes")


class InvalidUrlError(RequestError):
    """No call has this path."""

    code = "InvalidUrl"
    status = 404

    def __init__(self, method: str, path: str) -> None:
        super().__init__(f"there is no call {method} {path}")


class MethodNotAllowedError(RequestError):
    """The path exists, the method does not."""

    code = "MethodNotAllowed"
    status = 405

    def __init__(self, method: str, path: str) -> None:
        super().__init__(f"{path} does not take {method}")


class InvalidHostError(RequestError):
    """The Host header names no bucket."""

    code = "InvalidHost"

    def __init__(self, host: str) -> None:
        super().__init__(f"cannot tell the bucket from Host {host!r}")


class ResourceNotFoundError(RequestError):
    """A named workflow, job, execution or object does not exist."""

    code = "ResourceNotFound"

    def __init__(self, name: str, *, kind: str) -> None:
        self.kind = kind
        self.name = name
        super().__init__(f"there is no {kind} {name!r}")


class TemplateNotFoundError(ResourceNotFoundError):
    """A named template does not exist."""

    code = "TemplateNotFound"

    def __init__(self, name: str) -> None:
        super().__init__(name, kind="template")


class QueueNotFoundError(ResourceNotFoundError):
    """A named queue does not exist."""

    code = "QueueNotFound"

    def __init__(self, name: str) -> None:
        super().__init__(name, kind="queue")


class BucketNotBoundError(RequestError):
    """The bucket is not bound to this server."""

    code = "MediaBucketUnBinded"

    def __init__(self, bucket: str) -> None:
        super().__init__(f"bucket {bucket!r} is not bound")


class FamilyNotOpenError(BucketNotBoundError):
    """A service family is not open on the bucket; each family has a code of its own."""

    def __init__(self, bucket: str, family: str) -> None:
        RequestError.__init__(self, f"the service {family!r} is not open on bucket {bucket!r}")
        self.code = f"{family.capitalize()}BucketUnBinded"  # type: ignore[misc]  # one a family


class FamilyAlreadyOpenError(RequestError):
    """A service family is opened that is open; each family has a code of its own."""

    code = "MediaBucketAlreadyBinded"
    status = 403

    def __init__(self, bucket: str, family: str) -> None:
        self.code = f"{family.capitalize()}BucketAlreadyBinded"  # type: ignore[misc]  # as above
        super().__init__(f"the service {family!r} is open on bucket {bucket!r} already")


class NoBucketStorageError(RequestError):
    """A bucket is bound that the server knows no storage for."""

    code = "NoSuchBucket"
    status = 404

    def __init__(self, bucket: str) -> None:
        super().__init__(
            f"no storage is known for bucket {bucket!r}: start the server with "
            f"--bucket {bucket}=URL, or set bind_root"
        )


class OfficialTemplateError(RequestError):
    """A built-in template is changed or deleted."""

    code = "AccessDenied"
    status = 403

    def __init__(self, template_id: str) -> None:
        super().__init__(f"template {template_id!r} is built in; create one of your own")


class NoSuchBucketError(RequestError):
    """An object call names a bucket that is not bound."""

    code = "NoSuchBucket"
    status = 404

    def __init__(self, bucket: str) -> None:
        super().__init__(f"there is no bucket {bucket!r}")


class NoSuchKeyError(RequestError):
    """An object call names a key that does not exist."""

    code = "NoSuchKey"
    status = 404

    def __init__(self, key: str) -> None:
        super().__init__(f"there is no object {key!r}")


class NoSuchUploadError(RequestError):
    """A multipart upload is unknown, finished or aborted."""

    code = "NoSuchUpload"
    status = 404

    def __init__(self, upload_id: str) -> None:
        super().__init__(f"there is no multipart upload {upload_id!r}")


class MissingAuthorizationError(RequestError):
    """The request is not signed."""

    code = "MissingAuthorization"
    status = 401

    def __init__(self) -> None:
        super().__init__("the request is not signed")


class InvalidAuthorizationError(RequestError):
    """The signature cannot be read or does not match."""

    code = "InvalidAuthorization"
    status = 401

    def __init__(self, fault: str) -> None:
        super().__init__(fault)


class UnknownSecretIdError(RequestError):
    """The access key does not exist."""

    code = "SecretidNotExist"
    status = 401

    def __init__(self, secret_id: str) -> None:
        super().__init__(f"there is no access key {secret_id!r}")


class SignatureExpiredError(RequestError):
    """The signature is outside its time of validity."""

    code = "SignatureExpired"
    status = 401

    def __init__(self, fault: str = "the signature has expired") -> None:
        super().__init__(fault)


class SecurityTokenError(RequestError):
    """The security token of a temporary key is missing or another."""

    code = "AccessDenied"
    status = 401

    def __init__(self, fault: str) -> None:
        super().__init__(fault)


class ExpiredTokenError(RequestError):
    """The access key, temporary or not, has come to its end."""

    code = "ExpiredToken"

    def __init__(self, secret_id: str) -> None:
        super().__init__(f"access key {secret_id!r} has expired")


class AccessDeniedError(RequestError):
    """The access key may not do this."""

    code = "AccessDenied"
    status = 403

    def __init__(self, secret_id: str, action: str, resource: str, *, is_denied: bool) -> None:
        reason = "a policy denies it" if is_denied else "no policy allows it"
        super().__init__(f"access key {secret_id!r} may not {action} on {resource}: {reason}")


class LimitExceededError(RequestError):
    """A configured limit of the server would be passed."""

    status = 403

    def __init__(self, code: str, message: str) -> None:
        self.code = code  # type: ignore[misc]  # one class for the vendor's many limit codes
        super().__init__(message)


# --- right request, wrong moment ----------------------------------------------------------


class ConflictError(PenstockError):
    """The request is right, but not at this moment."""

    code = "Conflict"
    status = 409


class ActiveWorkflowError(ConflictError):
    """An active workflow is changed or deleted."""

    code = "ActiveWorkflowForbiddenUpdate"
    status = 403

    def __init__(self, workflow_id: str) -> None:
        super().__init__(f"workflow {workflow_id!r} is Active; pause it first")


class QueuePausedError(ConflictError):
    """A job is sent to a paused queue, and the server is set to refuse such jobs."""

    code = "QueuePaused"
    status = 403

    def __init__(self, queue_id: str) -> None:
        super().__init__(f"queue {queue_id!r} is Paused")


class QueueSaturatedError(ConflictError):
    """No more can wait; it will be accepted when something has ended."""

    code = "QueueSaturated"
    status = 403

    def __init__(self, message: str) -> None:
        super().__init__(message)


class SlowDownError(ConflictError):
    """A key sends calls faster than it may."""

    code = "SlowDown"
    status = 429
    retryable = True

    def __init__(self, *, per_second: float) -> None:
        super().__init__(f"this access key may make {per_second:g} calls a second")


class AlreadyRunningError(ConflictError):
    """Another process holds the data folder."""

    code = "AlreadyRunning"

    def __init__(self, folder: str) -> None:
        super().__init__(f"another penstock process uses the data folder {folder!r}")


class LeaseLostError(ConflictError):
    """A claim expired and may belong to somebody else."""

    code = "LeaseLost"

    def __init__(self, what: str) -> None:
        super().__init__(f"the lease on {what} is lost")


# --- this input cannot be processed -------------------------------------------------------


class OperationError(PenstockError):
    """This input cannot be processed; trying again gives the same answer."""

    code = "ResourceNotSupported"
    status = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)


class UnsupportedInputError(OperationError):
    """The object is broken, or of a kind that the operation cannot read."""

    def __init__(self, key: str, fault: str) -> None:
        super().__init__(f"{key}: {fault}")


class InputLimitError(OperationError):
    """The object, or what would be made of it, is larger than a limit."""

    code = "LimitExceeded"


class InvalidParamsError(OperationError):
    """The node's params do not fit this object."""

    code = "InvalidArgument"


class ObjectNotFoundError(OperationError):
    """A source or side input does not exist."""

    code = "ResourceNotFound"

    def __init__(self, key: str) -> None:
        super().__init__(f"there is no object {key!r}")


class KeyNotStorableError(OperationError):
    """A store cannot hold this key."""

    code = "InvalidKey"

    def __init__(self, key: str, fault: str) -> None:
        super().__init__(f"the store cannot hold the key {key!r}: {fault}")


class OperationTimeoutError(OperationError):
    """The object took longer than its time limit."""

    code = "OperationTimeout"

    def __init__(self, *, limit_seconds: float) -> None:
        super().__init__(f"stopped after the time limit of {limit_seconds:g} s")


class WorkerCrashedError(OperationError):
    """The object killed the worker process that ran it."""

    code = "WorkerCrashed"

    def __init__(self, *, attempts: int, cause: str) -> None:
        super().__init__(f"the worker died in each of {attempts} attempts ({cause})")


class OutputRejectedError(OperationError):
    """What an operation made is not what was asked for; nothing was published."""

    code = "OutputRejected"


class InventoryError(OperationError):
    """A manifest, one of its parts, or a URL file cannot be used; fails the whole job."""

    code = "InvalidContent"

    def __init__(self, key: str, fault: str) -> None:
        super().__init__(f"{key}: {fault}")


# --- a store, database or cluster failed --------------------------------------------------


class BackendError(PenstockError):
    """A store, database or cluster failed; the same attempt may succeed later."""

    code = "ServiceUnavailable"
    status = 503
    retryable = True

    def __init__(self, message: str) -> None:
        super().__init__(message)


class StoreError(BackendError):
    """An object store failed or refused."""

    code = "ResourceDownloadFailed"

    def __init__(self, key: str, fault: str) -> None:
        super().__init__(f"{key}: {fault}")


class StoreAccessDeniedError(OperationError):
    """The store refuses access with the credentials it was given."""

    code = "ResourceAccessDenied"

    def __init__(self, key: str) -> None:
        super().__init__(f"the store denies access to {key!r}")


class MasterKeyError(BackendError):
    """The master key does not open the stored secret of an access key."""

    def __init__(self, secret_id: str) -> None:
        super().__init__(
            f"the secret of access key {secret_id!r} was sealed under another master key"
        )


class AttemptCancelledError(PenstockError):
    """Control flow: raised at checkpoints of a cancelled attempt; never logged as a failure."""

    code = "Cancel"
