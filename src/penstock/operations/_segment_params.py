"""What a Segment node asks for: another container, and how long its parts are."""

import math
import re
from dataclasses import dataclass

from penstock.domain.trees import Tree, child
from penstock.operations._aigc import read_label
from penstock.operations._cuts import Cut, read_span
from penstock.operations._hls import DEFAULT_SEGMENT_SECONDS, Encryption, read_encryption
from penstock.operations._remux import WRAPPERS, Wrapper
from penstock.operations.params import ParamReader, is_empty

_EXTENSIONS = {
    **{word: word for word in ("aac", "mp3", "flac", "mp4", "ts", "mkv", "avi", "m3u8")},
    "hls": "m3u8",
}
_MAX_SECONDS = 10_000_000
_LEAST_PART = 0.01  # of a whole one
_NUMBERED = re.compile(r"\$\{number\}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How to wrap the source anew.

    Attributes:
        extension: Of the output, which tells the container.
        part_seconds: Length of a part; None makes one output of the whole.
        stream_index: The only stream to keep; None keeps the first video and every sound track.
        cut: The part of the source that is used.
        encryption: How an HLS is encrypted; None leaves it plain.
        label: The label of generated content as JSON; empty for none.
    """

    extension: str
    part_seconds: int | None
    stream_index: int | None
    cut: Cut
    encryption: Encryption | None = None
    label: str = ""

    @property
    def wrapper(self) -> Wrapper:
        """What is known of the container."""
        return WRAPPERS[self.extension]

    @property
    def is_playlist(self) -> bool:
        """Whether parts are named by a playlist instead of being results of their own."""
        return self.extension == "m3u8"

    @property
    def is_split(self) -> bool:
        """Whether there can be several results."""
        return self.part_seconds is not None and not self.is_playlist

    @property
    def is_piecewise(self) -> bool:
        """Whether every part needs a run of its own: a FLAC tells its length in its head."""
        return self.is_split and self.extension == "flac"

    def part_count(self, seconds: float) -> int:
        """How many parts a source makes; what is left over goes to the last if it is tiny."""
        return max(math.ceil(seconds / (self.part_seconds or seconds) - _LEAST_PART), 1)

    @property
    def playlist_seconds(self) -> float:
        """Length of a segment of a playlist."""
        return self.part_seconds or DEFAULT_SEGMENT_SECONDS

    @classmethod
    def parse(cls, tree: Tree) -> "Params":
        """Read the block `Segment`, and check that `Output` can tell the parts apart.

        Raises:
            InvalidArgumentError: Some leaves are wrong or not offered; names them all.
        """
        top = ParamReader(tree)
        reader = top.block("Segment")
        reader.required_text("Format")
        extension = _EXTENSIONS[reader.choice("Format", _EXTENSIONS, "mp4")]
        encryption = read_encryption(reader, top.block("Output").text("Region"))
        if encryption is not None and extension != "m3u8":
            reader.fault("HlsEncrypt", f"off: {extension} is not hls")
        params = cls(
            extension=extension,
            part_seconds=reader.integer("Duration", 5, _MAX_SECONDS),
            stream_index=reader.integer("TranscodeIndex", 0, 1000),
            cut=read_span(reader),
            encryption=encryption,
            label=read_label(reader, extension),
        )
        params._check_output(top)
        top.finish()
        return params

    def _check_output(self, top: ParamReader) -> None:
        """Demand a number in the pattern where there can be several results."""
        if is_empty(child(top.tree, "Output")):
            return
        block = top.block("Output")
        pattern = block.required_text("Object")
        if self.is_split and pattern and not _NUMBERED.search(pattern):
            block.fault("Object", "a pattern with ${Number}: there can be several results")
