"""VideoStream: one rendition of an adaptive package, such as the one for small screens.

Input: one video object, handed on by a StreamPackConfig. Output: what its `output` names is the
playlist of this rendition alone; StreamPack stores it, with its segments, once every rendition
is there.

    {"type": "VideoStream", "after": "package", "output": "hls/${InputName}/low.${Ext}",
     "params": {"Container": {"Format": "hls"}, "Video": {"Codec": "H.264", "Width": "640"},
                "Audio": {"Codec": "aac"}}}

Encoded as Transcode encodes, except for key frames: they stand where segments begin, every
`ClipConfig.Duration` seconds, and between them every `Gop` frames if that is given, but at no
change of scene. So they stand at the same moments in all renditions. The rendition lies in
scratch space until it is packaged; nothing is published here.
"""

from collections.abc import Iterator
from dataclasses import replace

from penstock.domain.errors import UnsupportedInputError
from penstock.operations._companions import gather
from penstock.operations._ffmpeg import MediaInput, run_ffmpeg
from penstock.operations._media_checks import probe_output
from penstock.operations._stream_params import StreamParams
from penstock.operations._transcode_plan import plan_transcode
from penstock.operations._transcode_run import looked_into
from penstock.operations.base import Family, Kind, Operation, Result, Workspace

_RENDITION = "mov"  # takes every codec of a package, and keeps times exactly
_NEVER = 100_000  # frames; the longest distance of key frames that encoders take


def run(params: StreamParams, workspace: Workspace) -> Result:
    """Plan, encode, check, keep.

    Raises:
        UnsupportedInputError: The input is broken, or has no video.
        InvalidParamsError: The params do not fit this input, or need what this ffmpeg lacks.
        InputLimitError: The rendition is larger than a limit.
        OutputRejectedError: What came out is not what was asked for.
    """
    source = workspace.fetch()
    media = looked_into(params.transcode, source, workspace.key)
    if media.video is None:
        raise UnsupportedInputError(workspace.key, "has no video to make a stream of")
    transcode = replace(params.transcode, format=_RENDITION)
    companions = gather(transcode, media, workspace)
    threads = workspace.limits.threads
    plan = plan_transcode(transcode, media, workspace.key, threads, companions=companions)
    workspace.checkpoint()
    made_path = workspace.scratch / f"rendition.{_RENDITION}"
    run_ffmpeg(
        workspace,
        [MediaInput(path=source, options=plan.input_options), *plan.inputs],
        (*plan.options, *_key_frames(params), made_path.name),
        expected_seconds=plan.expected.seconds,
    )
    plan.expected.check(probe_output(made_path, workspace.key))
    return Result(kept=made_path)


def _key_frames(params: StreamParams) -> Iterator[str]:
    """Key frames at the beginnings of segments, and every so many frames between."""
    distance = str(params.gop or _NEVER)
    yield from ("-g", distance, "-keyint_min", distance, "-sc_threshold", "0")
    yield from ("-force_key_frames", f"expr:gte(t,n_forced*{params.segment_seconds:g})")
    yield from ("-forced-idr", "1")  # nothing before a segment is needed to decode it


OPERATION = Operation(
    tag="VideoStream",
    block="Transcode",
    template_tag="Transcode",
    family=Family.MEDIA,
    reads=frozenset({Kind.VIDEO}),
    hands_on_input=True,
    is_node_only=True,
    parse=StreamParams.parse,
    run=run,
)
