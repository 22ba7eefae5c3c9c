"""From the source's picture to the one that is encoded: filters in order, and the size they make.

Order: from fields to frames, tone mapping, wiping, crop, turn, size, then whatever is laid over
the pictures, then frame rate, fields, pixel format, labels of colour. ffmpeg itself applies the
display matrix before the first of them.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from penstock.domain.errors import InvalidParamsError
from penstock.operations._image_geometry import Size
from penstock.operations._probe import VideoFacts
from penstock.operations._transcode_settings import Adjustments, Excess, Shape, VideoParams
from penstock.operations._transcode_tables import VideoCodec
from penstock.operations._watermark_params import during

_NTSC, _NTSC_RATES, _NTSC_SLACK = 1.001, frozenset({24, 30, 48, 60}), 0.006
_DEEP = re.compile(r"p(9|1\d)")
_HDR_PIXELS = "yuv420p10le"
_TRANSPOSES = {90: "transpose=clock", 180: "hflip,vflip", 270: "transpose=cclock"}
TO_SDR = (
    "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0,"
    "zscale=t=bt709:m=bt709:r=tv,format=yuv420p"
)
"""The filters that bring HDR to SDR."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterChain:
    """What happens to every picture.

    Attributes:
        before: ffmpeg's filters up to the final size; empty for none.
        after: Those behind whatever is laid over the pictures; empty for none.
        size: Of the encoded picture.
        aspect: Width of a pixel of it over its height.
        layer: How ffmpeg names the pixels in which something is laid over the pictures, so that
            nothing else of them is changed.
        label: The filter that tells their matrix to whatever is laid over them, where the params
            name it; empty where the pictures tell it themselves.
        fps: Frames a second of the output; None where neither params nor source tell.
    """

    before: str
    after: str
    size: Size
    aspect: Fraction
    layer: str
    label: str
    fps: float | None

    @property
    def text(self) -> str:
        """All filters, where nothing is laid over the pictures."""
        return ",".join(filter(None, [self.before, self.after]))


def filter_chain(params: VideoParams, adjustments: Adjustments, video: VideoFacts) -> FilterChain:
    """Build the filters for one source.

    Raises:
        InvalidParamsError: The crop or what is wiped lies outside the picture, or the source has
            less than is asked for and the params say to fail then.
    """
    filters = list(whole_frames(video, are_fields_kept=_has_fields(params)))
    if adjustments.is_sdr_wanted and video.is_hdr:
        filters.append(TO_SDR)
    size, aspect = Size(video.width, video.height), video.aspect
    _wipe(params, size, filters)
    size = _crop(params, size, filters)
    size, aspect = _turn(params, size, aspect, filters)
    size, aspect = _resize(params, adjustments, size, aspect, filters)
    ending: list[str] = []
    fps = _frame_rate(params, adjustments, video, ending)
    if params.is_depth_free and video.is_hdr and not adjustments.is_sdr_wanted:
        params = replace(params, pixel_format=_HDR_PIXELS)
    _pixels(params, video, ending)
    return FilterChain(
        before=",".join(filters),
        after=",".join(ending),
        size=size,
        aspect=aspect,
        layer=_layer(params.pixel_format or video.pixel_format),
        label=next((f"setparams={one}" for one in params.colours if "colorspace" in one), ""),
        fps=fps,
    )


def whole_frames(video: VideoFacts, *, are_fields_kept: bool = False) -> Iterator[str]:
    """Filters that make frames of one moment each; nothing where they are that already.

    Args:
        are_fields_kept: Whether there is one for every field, so that fields can be made anew.
    """
    if video.is_interlaced:
        mode = "send_field" if are_fields_kept else "send_frame"
        yield f"bwdif=mode={mode}:deint=interlaced"


def _has_fields(params: VideoParams) -> bool:
    return params.is_interlaced and params.codec is VideoCodec.H264


def _layer(pixel_format: str) -> str:
    """The format of the overlay filter that comes nearest to a pixel format."""
    is_deep = _DEEP.search(pixel_format) is not None
    whole = "444" in pixel_format or pixel_format.startswith(("gbr", "rgb", "bgr"))
    sampling = "yuv444" if whole else "yuv422" if "422" in pixel_format else "yuv420"
    return f"{sampling}p10" if is_deep else sampling


def _wipe(params: VideoParams, size: Size, filters: list[str]) -> None:
    """Fill a rectangle from its surroundings, of which one pixel must be left on every side."""
    if (box := params.delogo) is None:
        return
    left, top = max(box.left, 1), max(box.top, 1)
    right = min(box.left + box.width, size.width - 1)
    bottom = min(box.top + box.height, size.height - 1)
    if left >= right or top >= bottom:
        message = (
            f"RemoveWatermark {box.width}x{box.height} at {box.left},{box.top} lies outside the "
            f"picture of {size.width}x{size.height}"
        )
        raise InvalidParamsError(message)
    rectangle = f"x={left}:y={top}:w={right - left}:h={bottom - top}"
    filters.append(f"delogo={rectangle}{during(box.span)}")


def _crop(params: VideoParams, size: Size, filters: list[str]) -> Size:
    if params.crop is None:
        return size
    width, height, left, top = params.crop
    if left + width > size.width or top + height > size.height:
        message = (
            f"Crop {width}:{height}:{left}:{top} lies outside the picture of "
            f"{size.width}x{size.height}"
        )
        raise InvalidParamsError(message)
    filters.append(f"crop={width}:{height}:{left}:{top}:exact=1")
    return Size(width, height)


def _turn(
    params: VideoParams, size: Size, aspect: Fraction, filters: list[str]
) -> tuple[Size, Fraction]:
    if not params.degrees:
        return size, aspect
    if params.degrees in _TRANSPOSES:
        filters.append(_TRANSPOSES[int(params.degrees)])
        is_sideways = params.degrees in {90, 270}
        return (Size(size.height, size.width), 1 / aspect) if is_sideways else (size, aspect)
    if aspect != 1:  # otherwise what is upright would lean, and what is round would be oblong
        size, aspect = Size(_even(size.width * aspect), size.height), Fraction(1)
        filters += [f"scale={size.width}:{size.height}", "setsar=1"]
    angle = math.radians(params.degrees)
    across, along = abs(math.cos(angle)), abs(math.sin(angle))
    turned = Size(
        _even_up(size.width * across + size.height * along),
        _even_up(size.width * along + size.height * across),
    )
    filters.append(f"rotate={angle:.6f}:ow={turned.width}:oh={turned.height}:c=black")
    return turned, aspect


def _resize(
    params: VideoParams,
    adjustments: Adjustments,
    size: Size,
    aspect: Fraction,
    filters: list[str],
) -> tuple[Size, Fraction]:
    width, height = _wanted_sides(params, adjustments, size, aspect)
    if width is None and height is None:
        even = Size(max(size.width & ~1, 2), max(size.height & ~1, 2))
        if even != size:
            filters.append(f"crop={even.width}:{even.height}:0:0:exact=1")
        return even, aspect
    shown = Fraction(size.width, size.height) * aspect
    if width is None or height is None:
        target = Size(
            width or _even(Fraction((height or 0) * size.width, size.height)),
            height or _even(Fraction((width or 0) * size.height, size.width)),
        )
        filters.append(f"scale={target.width}:{target.height}")
        return target, shown * target.height / target.width
    target = Size(width, height)
    filters += fitted(adjustments.shape, target, size.width * aspect, size.height)
    is_kept = adjustments.shape is Shape.NONE
    return target, shown * height / width if is_kept else Fraction(1)


def _wanted_sides(
    params: VideoParams, adjustments: Adjustments, size: Size, aspect: Fraction
) -> tuple[int | None, int | None]:
    """Width and height as asked for, bent by the source; None follows the other, or the source."""
    width, height = params.width, params.height
    if params.is_long_short and size.height > size.width * aspect:
        width, height = height, width
    is_larger = (width or 0) > size.width or (height or 0) > size.height
    if not is_larger or adjustments.resolution is Excess.ALLOW:
        return width, height
    if adjustments.resolution is Excess.FAIL:
        message = (
            f"the target of {width or 'any'}x{height or 'any'} is larger than the source of "
            f"{size.width}x{size.height}"
        )
        raise InvalidParamsError(message)
    return None, None


def fitted(shape: Shape, target: Size, shown_width: Fraction, height: int) -> list[str]:
    """Filters from a picture of the given shown size to exactly the target."""
    width_ratio, height_ratio = target.width / shown_width, Fraction(target.height, height)
    exact = f"{target.width}:{target.height}"
    match shape:
        case Shape.NONE:
            return [f"scale={exact}"]
        case Shape.SCALE:
            return [f"scale={exact}", "setsar=1"]
        case Shape.CROP:
            factor = max(width_ratio, height_ratio)
            inner = f"{_even_up(float(shown_width * factor))}:{_even_up(float(height * factor))}"
            return [f"scale={inner}", f"crop={exact}", "setsar=1"]
        case Shape.PAD:
            factor = min(width_ratio, height_ratio)
            inner = f"{_even(shown_width * factor)}:{_even(height * factor)}"
            return [f"scale={inner}", f"pad={exact}:(ow-iw)/2:(oh-ih)/2", "setsar=1"]


def _frame_rate(
    params: VideoParams, adjustments: Adjustments, video: VideoFacts, filters: list[str]
) -> float | None:
    source = video.fps
    wanted = None if params.fps is None else exact_rate(params.fps)
    if wanted and source and wanted > source and adjustments.fps is not Excess.ALLOW:
        if adjustments.fps is Excess.FAIL:
            told = f"{float(source):g} frames a second of the source"
            message = f"Fps {params.fps:g} is above the {told}"
            raise InvalidParamsError(message)
        wanted = None
    fps = wanted or source
    if _has_fields(params) and fps:
        filters += [f"fps={2 * fps}", "interlace"]  # two pictures become one of two fields
    elif wanted:
        filters.append(f"fps={wanted}")
    return float(fps) if fps else None


def exact_rate(fps: float) -> Fraction:
    """A frame rate, of which 29.97 and its like are what the standards mean by them."""
    whole = round(fps * _NTSC)
    is_ntsc = whole in _NTSC_RATES and abs(whole / _NTSC - fps) < _NTSC_SLACK
    return Fraction(whole * 1000, 1001) if is_ntsc else Fraction(fps).limit_denominator(1000)


def _pixels(params: VideoParams, video: VideoFacts, filters: list[str]) -> None:
    if params.codec is VideoCodec.VP8:  # which is always of BT.601
        filters += [f"setparams=colorspace={one}" for one in [video.assumed_matrix] if one]
        filters.append("scale=out_color_matrix=bt601:out_range=tv")
    if params.pixel_format.startswith("yuvj"):
        filters += ["scale=out_range=full", f"format={params.pixel_format.replace('j', '', 1)}"]
    elif params.pixel_format:
        filters.append(f"format={params.pixel_format}")
    if params.colours:
        filters.append(f"setparams={':'.join(params.colours)}")


def _even(length: Fraction) -> int:
    """The nearest even length, at least 2."""
    return max(round(length / 2) * 2, 2)


def _even_up(length: float) -> int:
    """The next even length; a hair's breadth above one counts as that one."""
    return max(math.ceil(round(length / 2, 6)) * 2, 2)
