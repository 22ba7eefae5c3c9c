"""What a VideoStream node asks for: a Transcode to HLS or DASH, with what a package demands."""

from dataclasses import dataclass

from penstock.domain.trees import Tree
from penstock.operations._pack_config import PackType, check_output
from penstock.operations._transcode_params import Params as TranscodeParams
from penstock.operations._transcode_tables import CONTAINERS
from penstock.operations.params import ParamReader

_FORMATS = {name: CONTAINERS[name] for name in ("hls", "dash")}
_TWO_TRACKS = "false: a stream of a package has one sound track"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamParams:
    """How one rendition is made.

    Attributes:
        transcode: How it is encoded; its format is hls or dash.
        fps: Frames a second as asked for; None is the source's.
        gop: Frames between key frames; None sets them at the beginnings of segments alone.
    """

    transcode: TranscodeParams
    fps: float | None
    gop: int | None

    @property
    def pack_type(self) -> PackType:
        """The kind of package it fits."""
        return PackType(self.transcode.format.upper())

    @property
    def segment_seconds(self) -> float:
        """Length of a segment."""
        return self.transcode.clip_seconds

    @classmethod
    def parse(cls, tree: Tree) -> "StreamParams":
        """Read the block `Transcode`, and refuse what a stream of a package cannot have.

        Raises:
            InvalidArgumentError: Some leaves are wrong or not offered; names them all.
        """
        transcode = TranscodeParams.parse(tree, formats=_FORMATS)
        top = ParamReader(tree)
        reader = top.block("Transcode")
        if transcode.encryption is not None:
            reader.block("TransConfig").fault("HlsEncrypt", "off: a package is not encrypted")
        video, audio = transcode.video, transcode.audio
        if video is None:
            reader.fault("Video", "given and not removed: a stream of a package has pictures")
        if audio is not None and audio.keeps_two_tracks:
            reader.block("Audio").fault("KeepTwoTracks", _TWO_TRACKS)
        check_output(top)
        top.finish()
        return cls(
            transcode=transcode,
            fps=None if video is None else video.fps,
            gop=None if video is None else video.gop,
        )
