"""The one object that a caller names, before a job of it is made."""

from penstock.domain.errors import InvalidArgumentError, ObjectNotFoundError, OperationError
from penstock.domain.refusals import ResourceNotFoundError
from penstock.domain.selection import ObjectInfo
from penstock.storage.base import ObjectStore


def find_object(store: ObjectStore, key: str) -> ObjectInfo:
    """One object of a bucket.

    Raises:
        ResourceNotFoundError: It does not exist.
        InvalidArgumentError: The store cannot hold such a key, or refuses access.
    """
    try:
        return store.head(key)
    except ObjectNotFoundError as error:
        raise ResourceNotFoundError(key, kind="object") from error
    except OperationError as error:
        raise InvalidArgumentError(str(error)) from error
