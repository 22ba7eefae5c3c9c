"""Holds a finished video or sound file against what was asked for, before it is published."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from penstock.domain.errors import OutputRejectedError, UnsupportedInputError
from penstock.operations._aigc import has_label
from penstock.operations._av import open_media
from penstock.operations._image_geometry import Size
from penstock.operations._probe import Media, probe

_SLACK_SECONDS = 0.5
_SLACK_SHARE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an output must be like.

    Attributes:
        seconds: Its length at least.
        most_seconds: Its length at most.
        slack_seconds: How far a length may lie outside.
        size: Of the pictures; None where there are none, or where any will do.
        video_codec: As a probe names it; empty where there are no pictures.
        audio_codecs: Of the sound tracks, as a probe names them, in order.
        leaves: What `MediaInfo` must tell of the pictures, such as `PixFormat`.
        subtitles: How many tracks of subtitles it has.
        label: The label of generated content that it carries; empty for none.
    """

    seconds: float
    most_seconds: float
    slack_seconds: float
    size: Size | None
    video_codec: str
    audio_codecs: tuple[str, ...]
    leaves: Mapping[str, str] = field(default_factory=dict)
    subtitles: int = 0
    label: str = ""

    def check(self, made: Media) -> None:
        """Hold a finished output against this.

        Raises:
            OutputRejectedError: It is not what was asked for; names every difference.
        """
        _reject([*self._stream_faults(made), *self._length_faults(made)])

    def check_streams(self, made: Media) -> None:
        """Hold the streams of a part against this, whatever its length.

        Raises:
            OutputRejectedError: They are not what was asked for; names every difference.
        """
        _reject([*self._stream_faults(made)])

    def _stream_faults(self, made: Media) -> Iterator[str]:
        video = made.video
        video_codec = "" if video is None else video.codec
        if video_codec != self.video_codec:
            yield f"expected {self.video_codec or 'no'} video, got {video_codec or 'none'}"
        elif video is not None:
            if not video.is_decodable:
                yield "its first frame cannot be decoded"
            if self.size is not None and (video.width, video.height) != self.size:
                expected = f"{self.size.width}x{self.size.height}"
                yield f"expected {expected} pixels, got {video.width}x{video.height}"
            yield from self._leaf_faults(made, str(video.index))
        codecs = tuple(track.codec for track in made.audios)
        if list(map(_layer, codecs)) != list(map(_layer, self.audio_codecs)):
            yield f"expected sound tracks of {_listed(self.audio_codecs)}, got {_listed(codecs)}"
        subtitles = len(made.facts["Stream"]["Subtitle"])
        if subtitles != self.subtitles:
            yield f"expected {self.subtitles} tracks of subtitles, got {subtitles}"

    def _leaf_faults(self, made: Media, index: str) -> Iterator[str]:
        told = next(one for one in made.facts["Stream"]["Video"] if one["Index"] == index)
        for name, value in self.leaves.items():
            if told[name] != value:
                yield f"expected {name} {value}, got {told[name]}"

    def _length_faults(self, made: Media) -> Iterator[str]:
        low, high = self.seconds - self.slack_seconds, self.most_seconds + self.slack_seconds
        if not low <= made.seconds <= high:
            yield f"expected {self.seconds:.2f} s, got {made.seconds:.2f} s"


def slack(seconds: float, fps: float | None = None) -> float:
    """How far the length of an output may lie from what was computed, in seconds.

    Half a second, two hundredths of the length, or one frame, whichever is most.
    """
    return max(_SLACK_SECONDS, _SLACK_SHARE * seconds, 1 / fps if fps else 0)


def probe_output(path: Path, key: str) -> Media:
    """Look into what was just made; it may be a playlist.

    Raises:
        OutputRejectedError: It cannot be read back.
    """
    try:
        return probe(path, key, is_playlist_allowed=True)
    except UnsupportedInputError as error:
        message = f"{key}: the output cannot be read back"
        raise OutputRejectedError(message) from error


def check_label(path: Path, key: str, label: str) -> None:
    """Make sure that a finished file carries the label of generated content.

    Raises:
        OutputRejectedError: It does not.
    """
    with open_media(path, key) as media:
        if not has_label(media.metadata, label):
            message = f"{key}: the output does not carry its AIGCMetadata"
            raise OutputRejectedError(message)


def _layer(codec: str) -> str:
    """A sound codec, as MP4 tells it: the layers of MPEG sound have one name there."""
    return "mp3" if codec == "mp2" else codec


def _reject(faults: list[str]) -> None:
    if faults:
        raise OutputRejectedError("; ".join(faults))


def _listed(codecs: tuple[str, ...]) -> str:
    return ", ".join(codecs) or "no codec"
