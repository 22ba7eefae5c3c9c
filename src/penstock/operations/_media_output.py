"""Makes one video or sound object: encodes it, holds it against what was asked for, publishes."""

from collections.abc import Sequence
from dataclasses import replace

from penstock.domain.errors import OutputRejectedError
from penstock.operations._dash import join_streams, store_dash
from penstock.operations._ffmpeg import MediaInput, run_ffmpeg
from penstock.operations._hls import Encryption, store_segments, write_key
from penstock.operations._media_checks import Expected, check_label, probe_output
from penstock.operations._probe import Media
from penstock.operations._transcode_tables import Container
from penstock.operations.base import Result, Workspace


def make_output(
    workspace: Workspace,
    inputs: Sequence[MediaInput],
    options: Sequence[str],
    expected: Expected,
    container: Container,
    *,
    encryption: Encryption | None = None,
) -> Result:
    """Encode, check, publish; of a playlist its segments first.

    Args:
        options: What ffmpeg is told behind the inputs, up to the output's name.
        encryption: How the segments of a playlist are encrypted, as `options` say too.

    Returns:
        The object, with `MediaInfo` as its facts.

    Raises:
        UnsupportedInputError: An input is broken.
        InvalidParamsError: This ffmpeg lacks what is asked for.
        InputLimitError: The output is larger than a limit.
        OutputRejectedError: What came out is not what was asked for.
    """
    workspace.checkpoint()
    path = workspace.scratch / f"output.{container.extension}"
    if encryption is not None:
        write_key(workspace)
    run_ffmpeg(workspace, inputs, (*options, path.name), expected_seconds=expected.seconds)
    made = (
        _probe_index(workspace) if container.muxer == "dash" else probe_output(path, workspace.key)
    )
    expected.check(made)
    if expected.label:
        check_label(path, workspace.key, expected.label)
    if container.muxer == "hls":
        store_segments(path, workspace, encryption)
    elif container.muxer == "dash":
        store_dash(path, workspace)
    output = workspace.publish(path, extension=container.extension)
    return Result(outputs=(output,), facts={"MediaInfo": made.facts})


def _probe_index(workspace: Workspace) -> Media:
    """What the segments of an index hold, stream by stream, as if they were one file.

    Raises:
        OutputRejectedError: A stream cannot be read back.
    """
    streams = []
    size_bytes = 0
    for number, path in enumerate(join_streams(workspace)):
        streams.append(_numbered(probe_output(path, workspace.key), number))
        size_bytes += path.stat().st_size
        path.unlink()
    if not streams:
        message = f"{workspace.key}: no segment was made"
        raise OutputRejectedError(message)
    seconds = max(made.seconds for made in streams)
    kinds = {
        kind: found
        for kind in ("Video", "Audio")
        if (found := [one for made in streams for one in made.facts["Stream"].get(kind, [])])
    }
    return replace(
        streams[0],
        format_names="dash",
        seconds=seconds,
        video=next((made.video for made in streams if made.video is not None), None),
        audios=tuple(track for made in streams for track in made.audios),
        stream_count=len(streams),
        facts={
            "Format": {
                **streams[0].facts["Format"],
                "NumStream": str(len(streams)),
                "FormatName": "dash",
                "FormatLongName": "Dynamic Adaptive Streaming over HTTP",
                "Duration": f"{seconds:.6f}",
                "Bitrate": f"{size_bytes / 125 / max(seconds, 0.001):.6f}",
                "Size": str(size_bytes),
            },
            "Stream": {**kinds, "Subtitle": ""},
        },
    )


def _numbered(made: Media, number: int) -> Media:
    """A file of one stream, as the given one of several."""
    streams = {
        kind: [{**one, "Index": str(number)} for one in found]
        for kind, found in made.facts["Stream"].items()
        if found
    }
    return replace(
        made,
        video=None if made.video is None else replace(made.video, index=number),
        audios=tuple(replace(track, index=number) for track in made.audios),
        facts={**made.facts, "Stream": streams},
    )
