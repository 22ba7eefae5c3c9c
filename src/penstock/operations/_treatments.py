"""What is done to pictures before Transcode encodes them.

A treatment is filters, and what the pictures are after them; each function here adds one thing.
Colours and sharpness keep the number of bits of a sample; between frames there are 8.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from penstock.domain.errors import InvalidParamsError
from penstock.operations._image_geometry import Size
from penstock.operations._probe import VideoFacts
from penstock.operations._treatment_params import Colours, Enlarging

_FEW_FRAMES = 3
_SHARPNESS_A_LEVEL = 0.15
_MIDDLE = "(minval+maxval)/2"
_ENHANCEMENT = "unsharp=3:3:0.6"


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """What is done, and what comes of it.

    Attributes:
        video: The pictures after all filters.
        filters: ffmpeg's, in order.
        leaves: What `MediaInfo` must tell of the pictures that are encoded.
    """

    video: VideoFacts
    filters: tuple[str, ...] = ()
    leaves: Mapping[str, str] = field(default_factory=dict)

    def then(self, *filters: str, video: VideoFacts | None = None) -> "Treatment":
        """The same with more filters, after which the pictures are `video`."""
        return replace(self, filters=(*self.filters, *filters), video=video or self.video)


def coloured(treatment: Treatment, colours: Colours) -> Treatment:
    """Correct a cast of colour, then spread light and dark, then colours."""
    filters = []
    if colours.correction:
        filters.append(
            "split[seen][cast];[cast]colorcorrect=analyze=average[straight];"
            f"[straight][seen]blend=all_opacity={colours.correction:.4f}"
        )
    if colours.contrast or colours.saturation:
        light, colour = _spread(1 + colours.contrast / 2), _spread(1 + colours.saturation)
        filters.append(f"lutyuv=y='{light}':u='{colour}':v='{colour}'")
    return treatment.then(*filters)


def sharpened(treatment: Treatment, level: float) -> Treatment:
    """Sharpen brightness; level 0 to 10."""
    return treatment.then(f"unsharp=5:5:{level * _SHARPNESS_A_LEVEL:.4f}") if level else treatment


def enlarged(treatment: Treatment, enlarging: Enlarging) -> Treatment:
    """Make pictures larger, upright and with square pixels.

    Raises:
        InvalidParamsError: They are as large as they can become already.
    """
    video = treatment.video
    shown = Size(max(round(video.width * video.aspect), 1), video.height)
    box = enlarging.box if shown.width >= shown.height else Size(*reversed(enlarging.box))
    factor = min(Fraction(box.width, shown.width), Fraction(box.height, shown.height))
    if not enlarging.is_filling:
        factor = min(factor, Fraction(2))
    size = Size(_even(shown.width * factor), _even(shown.height * factor))
    if size.width <= shown.width or size.height <= shown.height:
        message = (
            f"SuperResolution.Resolution {enlarging.word} makes at most {box.width}x{box.height}; "
            f"the source has {shown.width}x{shown.height} already"
        )
        raise InvalidParamsError(message)
    filters = [f"scale={size.width}:{size.height}:flags=lanczos+accurate_rnd", "setsar=1"]
    if enlarging.is_enhanced:
        filters.append(_ENHANCEMENT)
    larger = replace(video, width=size.width, height=size.height, aspect=Fraction(1))
    return treatment.then(*filters, video=larger)


def doubled(treatment: Treatment, key: str) -> Treatment:
    """Put a frame between every two, moved half the way.

    Raises:
        InvalidParamsError: The source does not tell how many frames a second it has.
    """
    video = treatment.video
    if not video.fps:
        message = f"FrameEnhance.FrameDoubling: {key} has no known frame rate"
        raise InvalidParamsError(message)
    fps = 2 * video.fps
    held = 1 if video.seconds * fps > _FEW_FRAMES else 2  # by the filter, at the end
    return treatment.then(
        f"tpad=stop_mode=clone:stop={held}",
        f"minterpolate=fps={fps.numerator}/{fps.denominator}:mi_mode=mci:mc_mode=aobmc:vsbmc=1",
        video=replace(video, fps=fps, is_steady=True),
    )


def _spread(factor: float) -> str:
    return f"clip((val-{_MIDDLE})*{factor:.4f}+{_MIDDLE},minval,maxval)"


def _even(length: Fraction) -> int:
    return max(round(length / 2) * 2, 2)
