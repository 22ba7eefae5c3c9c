"""The tree of errors raised on purpose: four branches by who must act.

The constructor takes facts and builds the message. `code` is the wire word, `status` the HTTP
status of `wire.md` section 10, `retryable` says whether the same attempt may succeed later. The
many refusals of requests lie beside this, in `refusals`.
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
    """A claim on a job expired, and somebody else has it now."""

    code = "LeaseLost"

    def __init__(self, job: int) -> None:
        super().__init__(f"the lease on job {job} is lost")
        self.job = job


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


class TargetRefusedError(OperationError):
    """An address that must not be called; the setting that would allow it is named."""

    code = "TargetRefused"


class FunctionRejectedError(OperationError):
    """A function refused a call, or its answer cannot be used."""

    code = "FunctionRejected"

    def __init__(self, name: str, fault: str) -> None:
        super().__init__(f"the function {name!r} {fault}")


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


class DatabaseError(BackendError):
    """The database failed or cannot be reached; what is stored is as it was before."""


class RefusedRowError(DatabaseError):
    """The database refuses what was to be written, however often it is tried."""

    code = "OutcomeRefused"
    retryable = False


class StoreError(BackendError):
    """An object store failed or refused."""

    code = "ResourceDownloadFailed"

    def __init__(self, key: str, fault: str) -> None:
        super().__init__(f"{key}: {fault}")


class FunctionUnavailableError(BackendError):
    """A function could not be reached, or failed; a later call may succeed."""

    code = "FunctionUnavailable"

    def __init__(self, name: str, fault: str) -> None:
        super().__init__(f"the function {name!r} {fault}")


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
