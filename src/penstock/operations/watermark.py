"""Watermark: up to three visible marks, pictures or lines of text, over a video.

Input: one video. Output: one object of the source's container, codec, size and frame rate.

    {"type": "Watermark", "output": "marked/${InputName}.${Ext}", "params": {
        "Type": "Text", "Pos": "BottomRight", "LocMode": "Absolute", "Dx": "16", "Dy": "16",
        "Text": {"Text": "Penstock", "FontSize": "32", "FontType": "arial.ttf",
                 "FontColor": "0xFFFFFF", "Transparency": "60"}}}

Several marks are a list; they are laid in order. Pictures are encoded anew, at a quality at which
it can hardly be seen, with at most the source's bit rate; a source whose
codec or container this build does not write becomes H.264 or mp4. Sound is copied where the
container takes it. Everything else is as in Transcode.
"""

from dataclasses import dataclass

from penstock.domain.errors import UnsupportedInputError
from penstock.domain.trees import Tree
from penstock.operations._companions import Companions, prepare_marks
from penstock.operations._ffmpeg import MediaInput
from penstock.operations._image_geometry import Size
from penstock.operations._media_output import make_output
from penstock.operations._probe import probe, with_rates
from penstock.operations._watermark_params import Watermark, read_watermarks
from penstock.operations._watermark_plan import plan_marks
from penstock.operations.base import Family, Kind, Operation, Result, Workspace
from penstock.operations.params import ParamReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """What is laid over the video.

    Attributes:
        watermarks: One to three, in order.
    """

    watermarks: tuple[Watermark, ...]

    @classmethod
    def parse(cls, tree: Tree) -> "Params":
        """Read every block `Watermark`.

        Raises:
            InvalidArgumentError: Some leaves are wrong, or there is no block; names them all.
        """
        top = ParamReader(tree)
        watermarks = read_watermarks(top)
        if not top.is_given("Watermark") and not top.is_given("WatermarkTemplateId"):
            top.fault("Watermark", "given")
        top.finish()
        return cls(watermarks=watermarks)


def run(params: Params, workspace: Workspace) -> Result:
    """Prepare the marks, plan, encode, check, publish.

    Raises:
        ObjectNotFoundError: The picture of a mark does not exist.
        UnsupportedInputError: The input has no video, is HDR, or it or a picture is broken.
        InvalidParamsError: A mark does not fit, or no font has the letters of a text.
        InputLimitError: A picture or the output is larger than a limit.
        OutputRejectedError: What came out is not what was asked for.
    """
    path = workspace.fetch()
    media = with_rates(probe(path, workspace.key), path, workspace.key)
    if media.video is None:
        raise UnsupportedInputError(workspace.key, "has no video to lay a mark over")
    if media.video.is_hdr:
        raise UnsupportedInputError(workspace.key, "is HDR; marks are laid over SDR only")
    workspace.checkpoint()
    size = Size(media.video.width, media.video.height)
    marks = list(prepare_marks(params.watermarks, size, media.video.aspect, workspace))
    companions = Companions(marks=marks)
    plan = plan_marks(media, media.video, workspace.key, workspace.limits.threads, companions)
    inputs = [MediaInput(path=path), *companions.inputs]
    return make_output(workspace, inputs, plan.options, plan.expected, plan.container)


OPERATION = Operation(
    tag="Watermark",
    block="Watermark",
    family=Family.MEDIA,
    reads=frozenset({Kind.VIDEO}),
    parse=Params.parse,
    run=run,
)
