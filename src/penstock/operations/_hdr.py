"""From standard to high dynamic range: the colours of a source, the filters, the labels.

Nothing brighter is invented: reference white stays what it is, at 203 nits (ITU-R BT.2408), and
colours keep their place in the larger space. What is new is the signal.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from penstock.domain.errors import UnsupportedInputError
from penstock.operations._av import assumed_matrix, main_video, open_media
from penstock.operations._transcode_params import Params
from penstock.operations._treatments import Treatment

_WHITE_NITS = 203
_PIXELS = "yuv420p10le"
_CURVES = {"HDR10": "smpte2084", "HLG": "arib-std-b67"}
_UNKNOWN = 2
# A screen of P3 colours, 0.0001 to 1000 nits, in the units of the standard (SMPTE ST 2086).
_SCREEN = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"


def to_hdr(treatment: Treatment, mode: str, path: Path, key: str) -> Treatment:
    """Convert pictures; `hdr_encoding` labels them.

    Args:
        mode: `HLG` or `HDR10`.
        path: The source, whose labels say what its colours mean.

    Raises:
        UnsupportedInputError: The source is HDR already.
    """
    video = treatment.video
    if video.is_hdr:
        raise UnsupportedInputError(key, "is HDR already")
    even = replace(video, width=max(video.width & ~1, 2), height=max(video.height & ~1, 2))
    filters = []
    if even != video:
        filters.append(f"crop={even.width}:{even.height}:0:0:exact=1")
    if labels := ":".join(_assumed(path, key)):
        filters.append(f"setparams={labels}")
    curve = _CURVES[mode]
    filters += [
        f"zscale=t=linear:npl={_WHITE_NITS}",
        "format=gbrpf32le",
        f"zscale=p=bt2020:t={curve}:m=bt2020nc:r=tv:npl={_WHITE_NITS}",
        f"format={_PIXELS}",
    ]
    leaves = {"ColorPrimaries": "bt2020", "ColorTransfer": curve, "PixFormat": _PIXELS}
    converted = treatment.then(*filters, video=replace(even, is_hdr=True))
    return replace(converted, leaves=leaves)


def hdr_encoding(encoding: Params, mode: str) -> Params:
    """The same encoding of pictures, with 10 bits and the labels of HDR."""
    if encoding.video is None:
        return encoding
    mastering = "hdr10=1:repeat-headers=1"
    light = f"master-display={_SCREEN}:max-cll={_WHITE_NITS},{_WHITE_NITS}"
    video = replace(
        encoding.video,
        pixel_format=_PIXELS,
        colours=(
            "range=tv",
            "colorspace=bt2020nc",
            f"color_trc={_CURVES[mode]}",
            "color_primaries=bt2020",
        ),
        mastering=f"{mastering}:{light}" if mode == "HDR10" else "",
    )
    return replace(encoding, video=video)


def _assumed(path: Path, key: str) -> Iterator[str]:
    """Labels for what the source does not tell, by the custom of its size."""
    with open_media(path, key) as media:
        stream = main_video(media)
        if stream is None:
            raise UnsupportedInputError(key, "has no video")
        context = stream.codec_context
        if context.color_primaries == _UNKNOWN:
            yield "color_primaries=bt709"
        if context.color_trc == _UNKNOWN:
            yield "color_trc=bt709"
        if context.colorspace == _UNKNOWN:
            yield f"colorspace={assumed_matrix(context) or 'smpte170m'}"
