"""Refusals: the errors that a caller must act on, one class a reason; see `errors`."""

from penstock.domain.errors import InvalidArgumentError, RequestError


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


class TargetNotBoundError(RequestError):
    """A node writes to a bucket that is not bound."""

    code = "WriteTargetBucketDenied"
    status = 403

    def __init__(self, bucket: str) -> None:
        super().__init__(f"the output bucket {bucket!r} is not bound")


class PreconditionFailedError(RequestError):
    """The object is not, or is, the version that a header names."""

    code = "PreconditionFailed"
    status = 412

    def __init__(self, header: str) -> None:
        super().__init__(f"the object does not meet the condition {header}")


class TemplateNameTakenError(InvalidArgumentError):
    """The bucket has another template of that name."""

    code = "TemplateNameDuplicate"

    def __init__(self, name: str) -> None:
        super().__init__(f"there is a template {name!r} already")
