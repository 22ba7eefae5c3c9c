"""The operations that this build offers."""

from typing import Any

from penstock.operations import (
    animation,
    concat,
    file_hash,
    media_info,
    no_operation,
    pic_process,
    segment,
    smart_cover,
    snapshot,
    stream_extract,
    transcode,
)
from penstock.operations.base import Family, Operation

OPERATIONS: tuple[Operation[Any], ...] = (
    animation.OPERATION,
    concat.OPERATION,
    file_hash.OPERATION,
    media_info.OPERATION,
    no_operation.OPERATION,
    pic_process.OPERATION,
    segment.OPERATION,
    smart_cover.OPERATION,
    snapshot.OPERATION,
    stream_extract.OPERATION,
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
