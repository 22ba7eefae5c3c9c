"""What a StreamPackConfig node says of its package (`nodes.md` 5.10)."""

from dataclasses import dataclass
from enum import StrEnum

from penstock.operations.params import ParamReader


class PackType(StrEnum):
    """Kinds of package, as the wire spells them."""

    HLS = "HLS"
    DASH = "DASH"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackConfig:
    """How a package is made.

    Attributes:
        pack_type: Its kind.
        ignores_failed: Whether it is made although a stream failed.
    """

    pack_type: PackType
    ignores_failed: bool


def read_config(top: ParamReader) -> PackConfig:
    """Read the block `StreamPackConfig`; its `ReserveAllStreamNode` has no effect."""
    reader = top.block("StreamPackConfig")
    reader.flag("ReserveAllStreamNode")  # not explained anywhere; every stream is kept
    return PackConfig(
        pack_type=PackType(reader.choice("PackType", list(PackType), PackType.HLS)),
        ignores_failed=reader.flag("IgnoreFailedStream", default=True),
    )


def check_output(top: ParamReader) -> None:
    """Complain about an output without a key, before anything has been encoded for it."""
    if top.is_given("Output"):
        top.block("Output").required_text("Object")
