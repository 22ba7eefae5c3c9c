"""What an Animation node asks for: which frames of a video, and how fast they are shown."""

from dataclasses import dataclass

from penstock.domain.trees import Tree
from penstock.operations._cuts import Cut, read_interval
from penstock.operations.params import ParamReader

FORMATS = {"gif": "gif", "hgif": "gif", "webp": "webp"}
"""Words of `Container.Format`, and the codec that each goes with."""

_DEFAULT_RATE = 10.0
_MAX_RATE = 240
_MAX_SECONDS = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Which frames to take, and what to make of them.

    Attributes:
        format: `gif`, `hgif` or `webp`.
        width: In pixels; None keeps the ratio, or the source's size.
        height: In pixels; None keeps the ratio, or the source's size.
        rate: Frames taken from each second of the source; None takes the key frames alone.
        fps: Frames shown a second; None keeps the timing of the source.
        quality: Of WebP, 1 to 99; None leaves it to the encoder.
        cut: The part of the source that is used.
    """

    format: str
    width: int | None
    height: int | None
    rate: float | None
    fps: float | None
    quality: int | None
    cut: Cut

    @property
    def codec(self) -> str:
        """`gif` or `webp`; also the extension."""
        return FORMATS[self.format]

    @classmethod
    def parse(cls, tree: Tree) -> "Params":
        """Read the block `Animation`.

        Raises:
            InvalidArgumentError: Some leaves are wrong; names them all.
        """
        reader = ParamReader(tree).block("Animation")
        container, video = reader.block("Container"), reader.block("Video")
        container.required_text("Format")
        format_name = container.choice("Format", FORMATS, "gif")
        video.required_text("Codec")
        codec = video.choice("Codec", ("gif", "webp"), FORMATS[format_name])
        if codec != FORMATS[format_name]:
            video.fault("Codec", f"{FORMATS[format_name]} for {format_name}, not {codec}")
        cut = read_interval(reader)
        params = cls(
            format=format_name,
            width=video.integer("Width", 128, 4096),
            height=video.integer("Height", 128, 4096),
            rate=_rate(video, cut),
            fps=video.decimal("Fps", 0, 60, above_low=True),
            quality=video.integer("Quality", 1, 99),
            cut=cut,
        )
        reader.finish()
        return params


def _rate(video: ParamReader, cut: Cut) -> float | None:
    """Frames taken a second, by the first of three settings that is given."""
    rate = video.decimal("AnimateFramesPerSecond", 0, _MAX_RATE, above_low=True)
    is_key_only = video.flag("AnimateOnlyKeepKeyFrame")
    interval = video.decimal("AnimateTimeIntervalOfFrame", 0, _MAX_SECONDS, above_low=True)
    if interval and cut.length_seconds is not None and interval > cut.length_seconds:
        video.fault("AnimateTimeIntervalOfFrame", "at most TimeInterval.Duration")
    if rate is not None:
        return rate
    if is_key_only:
        return None
    return _DEFAULT_RATE if interval is None else 1 / interval
