"""The blocks by which pictures are treated before they are encoded, and Transcode beside them."""

from dataclasses import dataclass

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.trees import Tree, child
from penstock.operations import _transcode_params as transcode_params
from penstock.operations._image_geometry import Size
from penstock.operations._transcode_settings import VideoParams
from penstock.operations._transcode_tables import VideoCodec
from penstock.operations.params import ParamReader, is_empty

_BOXES = {"sdtohd": Size(1920, 1080), "hdto4k": Size(3840, 2160)}
_AUTO_SHARE = 0.25
_AUTO_SHARPNESS = 3.0
HDR_MODES = ("HLG", "HDR10")
"""Words of `HdrMode`."""

# What a template is checked with: it holds the treatment alone.
_NO_ENCODING: Tree = {"Container": {"Format": "mp4"}, "Video": {"Codec": "H.265"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """How colours are enhanced, each as a share of the most there is, from 0 to 1.

    Attributes:
        contrast: How far light and dark are spread.
        correction: How far a cast of colour is taken out.
        saturation: How far colours are spread.
    """

    contrast: float
    correction: float
    saturation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Enlarging:
    """How pictures are enlarged.

    Attributes:
        word: `sdtohd` or `hdto4k`.
        is_filling: Whether they become as large as the word allows, and not twice as large.
        is_enhanced: Whether they are sharpened as well.
    """

    word: str
    is_filling: bool
    is_enhanced: bool

    @property
    def box(self) -> Size:
        """The largest size, lying."""
        return _BOXES[self.word]


def read_colours(reader: ParamReader) -> Colours | None:
    """Read the block `ColorEnhance`; None where it is absent or off."""
    block = reader.block("ColorEnhance")
    is_on = block.flag("Enable")
    colours = Colours(
        contrast=_share(block, "Contrast", 100),
        correction=_share(block, "Correction", 1000),
        saturation=_share(block, "Saturation", 300),
    )
    return colours if is_on else None


def read_sharpness(reader: ParamReader) -> float | None:
    """Read the block `MsSharpen`: a level from 0 to 10; None where it is absent or off."""
    block = reader.block("MsSharpen")
    is_on = block.flag("Enable")
    level = block.decimal("SharpenLevel", 0, 10)
    level = _AUTO_SHARPNESS if level is None else level
    return level if is_on else None


def read_enlarging(block: ParamReader) -> Enlarging:
    """Read what stands in a block `SuperResolution`."""
    block.required_text("Resolution")
    return Enlarging(
        word=block.choice("Resolution", _BOXES, "sdtohd"),
        is_filling=block.flag("EnableScaleUp"),
        is_enhanced=block.choice("Version", ("Base", "Enhance"), "Base") == "Enhance",
    )


def read_hdr_mode(block: ParamReader) -> str:
    """Read what stands in a block `SDRtoHDR`: one of `HDR_MODES`."""
    block.required_text("HdrMode")
    return block.choice("HdrMode", HDR_MODES, HDR_MODES[0])


def read_encoding(
    tree: Tree, name: str, top: ParamReader, *, is_hdr: bool = False
) -> transcode_params.Params:
    """Read `Transcode`, beside a block or inside of it.

    It must be there where there is an `Output`: only the params of a template have neither.

    Args:
        name: Of the block.
        top: Takes the faults.
        is_hdr: Whether HDR is encoded, which takes H.265 with 10 bits a sample.
    """
    fallback = transcode_params.Params.parse({"Transcode": _NO_ENCODING})
    beside, inside = child(tree, "Transcode"), child(child(tree, name), "Transcode")
    found = beside if not is_empty(beside) else inside
    if is_empty(found):
        if not is_empty(child(tree, "Output")):
            top.fault("Transcode", "given, or TranscodeTemplateId")
        return fallback
    try:
        encoding = transcode_params.Params.parse({**tree, "Transcode": found})
    except InvalidArgumentError as error:
        top.take(error.faults)
        return fallback
    if encoding.video is None:
        top.fault("Transcode.Video", "given and not removed: it is pictures that are treated")
    elif encoding.video.delogo is not None:
        top.fault("RemoveWatermark", "absent: it is of Transcode and VideoStream alone")
    elif is_hdr:
        _demand_hdr(encoding, encoding.video, ParamReader(child(found, "Video")), top)
    return encoding


def _demand_hdr(
    encoding: transcode_params.Params, video: VideoParams, block: ParamReader, top: ParamReader
) -> None:
    if video.codec is not VideoCodec.H265:
        top.fault("Transcode.Video.Codec", "H.265, which alone carries HDR here")
    if block.text("Pixfmt").lower() not in {"", "auto", "yuv420p10le"}:
        top.fault("Transcode.Video.Pixfmt", "yuv420p10le: HDR takes 10 bits a sample")
    if block.is_given("ColorParam"):
        top.fault("Transcode.Video.ColorParam", "absent: HdrMode says what the colours are")
    if encoding.adjustments.is_sdr_wanted:
        top.fault("Transcode.TransConfig.IsHdr2Sdr", "false where HDR is asked for")
    if encoding.watermarks or any(one.is_drawn for one in encoding.subtitles):
        top.fault("Watermark and Subtitles", "absent: this build draws on SDR only")


def _share(block: ParamReader, name: str, most: int) -> float:
    value = block.decimal(name, 0, most)
    return _AUTO_SHARE if value is None else value / most
