"""Transcode: a video or sound file in another container, codec, size or quality.

Input: one video or sound object. Output: one object; for HLS a playlist, and beside it segments
named `<stem of the playlist>_00000.ts` and so on, which are stored first.

    {"type": "Transcode", "output": "web/${InputName}.${Ext}", "params": {
        "Container": {"Format": "mp4"}, "Video": {"Codec": "H.264", "Width": "640"},
        "Audio": {"Codec": "aac"}}}

Used are the first video stream that is no cover picture and the first sound track. A block that
is absent leaves its kind of stream out, except that containers of sound alone always hold sound.
A source that lacks one of the two gives an output without it. What comes out is probed and held
against what was asked for before it is published. Settings that the vendor documents as without
effect for a codec (`Preset` of H.265 and VP9, `Profile` of others than H.264, `Pixfmt`,
`Bufsize` and `Maxrate` of VP8 and VP9) have none here either.
"""

from penstock.operations._ffmpeg import MediaInput, run_ffmpeg
from penstock.operations._hls import store_segments
from penstock.operations._media_checks import probe_output
from penstock.operations._probe import probe
from penstock.operations._transcode_params import Params
from penstock.operations._transcode_plan import plan_transcode
from penstock.operations.base import Family, Kind, Operation, Result, Workspace


def run(params: Params, workspace: Workspace) -> Result:
    """Plan, encode, check, publish.

    Raises:
        UnsupportedInputError: The input is broken, or has nothing of what is wanted.
        InvalidParamsError: The params do not fit this input, or need what this ffmpeg lacks.
        InputLimitError: The output is larger than a limit.
        OutputRejectedError: What came out is not what was asked for.
    """
    source = workspace.fetch()
    media = probe(source, workspace.key)
    plan = plan_transcode(params, media, workspace.key, workspace.limits.threads)
    workspace.checkpoint()
    made_path = workspace.scratch / f"output.{params.container.extension}"
    run_ffmpeg(
        workspace,
        [MediaInput(path=source, options=plan.input_options)],
        (*plan.options, made_path.name),
        expected_seconds=plan.expected.seconds,
    )
    made = probe_output(made_path, workspace.key)
    plan.expected.check(made)
    if params.format == "hls":
        store_segments(made_path, workspace)
    output = workspace.publish(made_path, extension=params.container.extension)
    return Result(outputs=(output,), facts={"MediaInfo": made.facts})


OPERATION = Operation(
    tag="Transcode",
    block="Transcode",
    family=Family.MEDIA,
    reads=frozenset({Kind.VIDEO, Kind.AUDIO}),
    parse=Params.parse,
    run=run,
)
