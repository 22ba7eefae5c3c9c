"""The operations that this build offers, and those that plug-ins add to them."""

from functools import cache
from typing import Any

from penstock.operations import (
    animation,
    concat,
    condition,
    file_compress,
    file_hash,
    file_uncompress,
    image_inspect,
    media_info,
    no_operation,
    noise_reduction,
    pic_process,
    scf,
    sdr_to_hdr,
    segment,
    smart_cover,
    snapshot,
    stream_extract,
    stream_pack,
    stream_pack_config,
    super_resolution,
    transcode,
    video_enhance,
    video_montage,
    video_process,
    video_stream,
    voice_separate,
    watermark,
)
from penstock.operations.base import Family, Operation
from penstock.operations.catalogue import Catalogue, read_plugins

OPERATIONS: tuple[Operation[Any], ...] = (
    animation.OPERATION,
    concat.OPERATION,
    condition.OPERATION,
    file_compress.OPERATION,
    file_hash.OPERATION,
    file_uncompress.OPERATION,
    image_inspect.OPERATION,
    media_info.OPERATION,
    no_operation.OPERATION,
    noise_reduction.OPERATION,
    pic_process.OPERATION,
    scf.OPERATION,
    sdr_to_hdr.OPERATION,
    segment.OPERATION,
    smart_cover.OPERATION,
    snapshot.OPERATION,
    stream_extract.OPERATION,
    stream_pack.OPERATION,
    stream_pack_config.OPERATION,
    super_resolution.OPERATION,
    transcode.OPERATION,
    video_enhance.OPERATION,
    video_montage.OPERATION,
    video_process.OPERATION,
    video_stream.OPERATION,
    voice_separate.OPERATION,
    watermark.OPERATION,
)


@cache
def catalogue() -> Catalogue:
    """Everything there is, plug-ins loaded; read at the first call, then kept."""
    return Catalogue(OPERATIONS, read_plugins())


def available() -> list[Operation[Any]]:
    """The operations that nodes can be, built-in ones first."""
    return catalogue().available


def find(tag: str) -> Operation[Any] | None:
    """The operation that serves a node type; None where there is none that can be used."""
    return catalogue().find(tag)


def is_known(tag: str) -> bool:
    """Whether there is such an operation, available or not."""
    return catalogue().is_known(tag)


def absence(tag: str) -> str:
    """Why `find` finds nothing, and what would change that; part of a sentence."""
    return catalogue().absence(tag)


def family_of(tag: str) -> Family:
    """The service family of a node type, available or not; media where it is unknown."""
    return catalogue().family_of(tag)
