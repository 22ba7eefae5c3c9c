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

import re
from pathlib import Path
from urllib.parse import quote_from_bytes

from penstock.domain.errors import OutputRejectedError, UnsupportedInputError
from penstock.operations._ffmpeg import MediaInput, run_ffmpeg
from penstock.operations._probe import Media, probe
from penstock.operations._transcode_params import Params
from penstock.operations._transcode_plan import plan_transcode
from penstock.operations.base import Family, Kind, Operation, Result, Workspace

_SEGMENT_LINE = re.compile(r"^segment_(\d{5,})\.ts$", re.MULTILINE)


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
        expected_seconds=plan.seconds,
    )
    made = _probe_output(made_path, workspace.key)
    plan.check(made)
    if params.format == "hls":
        _store_segments(made_path, workspace)
    output = workspace.publish(made_path, extension=params.container.extension)
    return Result(outputs=(output,), facts={"MediaInfo": made.facts})


def _probe_output(path: Path, key: str) -> Media:
    try:
        return probe(path, key, is_playlist_allowed=True)
    except UnsupportedInputError as error:
        message = f"{key}: the output cannot be read back"
        raise OutputRejectedError(message) from error


def _store_segments(playlist: Path, workspace: Workspace) -> None:
    """Store the segments under their final names, and write those into the playlist."""
    stem = workspace.output_stem(extension="m3u8")
    for segment in sorted(workspace.scratch.glob("segment_*.ts")):
        workspace.checkpoint()
        workspace.put_sidecar(segment, f"{stem}_{segment.stem.removeprefix('segment_')}.ts")
    stem_url = quote_from_bytes(stem.encode(errors="surrogateescape"))
    text = playlist.read_text(encoding="utf-8")
    renamed = _SEGMENT_LINE.sub(lambda found: f"{stem_url}_{found[1]}.ts", text)
    playlist.write_text(renamed, encoding="utf-8")


OPERATION = Operation(
    tag="Transcode",
    block="Transcode",
    family=Family.MEDIA,
    reads=frozenset({Kind.VIDEO, Kind.AUDIO}),
    parse=Params.parse,
    run=run,
)
