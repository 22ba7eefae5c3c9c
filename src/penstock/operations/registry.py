"""The operations that this build offers."""

from typing import Any

from penstock.operations import (
    file_hash,
    media_info,
    no_operation,
    pic_process,
    snapshot,
    transcode,
)
from penstock.operations.base import Family, Operation

OPERATIONS: tuple[Operation[Any], ...] = (
    file_hash.OPERATION,
    media_info.OPERATION,
    no_operation.OPERATION,
    pic_process.OPERATION,
    snapshot.OPERATION,
    transcode.OPERATION,
)
_BY_TAG = {operation.tag: operation for operation in OPERATIONS}


def find(tag: str) -> Operation[Any] | None:
    """The operation that serves a node type; None where this build offers none."""
    return _BY_TAG.get(tag)


def family_of(tag: str) -> Family:
    """The service family of a node type; media where this build offers no such operation."""
    operation = _BY_TAG.get(tag)
    return Family.MEDIA if operation is None else operation.family
