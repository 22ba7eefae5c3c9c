"""Segment: a video or sound file in another container, whole or in parts, without encoding.

Input: one video or sound object. Output: one object; with `Duration` several, numbered from 0;
for `hls` a playlist, and beside it segments named `<stem of the playlist>_00000.ts` and so on, and
with `HlsEncrypt` the key that opens them, `<stem of the playlist>.key`.

    {"type": "Segment", "output": "parts/${InputName}_${Number}.${Ext}", "params": {
        "Format": "mp4", "Duration": "60"}}

Streams are copied: the first video and every sound track, or the one that `TranscodeIndex`
names. Cuts lie at key frames, so that a part is as long as asked or longer, and the part that
`StartTime` begins may begin at the key frame before. A codec that the container does not take
fails the object; only sound for `aac`, `mp3` and `flac` is encoded where it has to be.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from penstock.domain.errors import OutputRejectedError
from penstock.operations._av import library, open_media
from penstock.operations._cuts import Cut
from penstock.operations._ffmpeg import MediaInput, run_ffmpeg
from penstock.operations._hls import store_segments, write_key
from penstock.operations._media_checks import Expected, check_label, probe_output, slack
from penstock.operations._probe import Media, probe
from penstock.operations._remux import COPIED
from penstock.operations._segment_params import Params
from penstock.operations._segment_plan import PART_PREFIX, Plan, plan_segment
from penstock.operations.base import Family, Kind, Operation, Result, Workspace

_SLACK_OF_A_PART = 0.1
_RUN_UP_SECONDS = 1.0  # that decoders get: what they make of a first packet may be missing


def run(params: Params, workspace: Workspace) -> Result:
    """Plan, copy, check, publish.

    Raises:
        UnsupportedInputError: The input is broken, or holds what the container does not take.
        InvalidParamsError: The params do not fit this input.
        InputLimitError: An output is larger than a limit.
        OutputRejectedError: What came out is not what was asked for.
    """
    source = workspace.fetch()
    plan = plan_segment(params, probe(source, workspace.key), workspace.key)
    lead = _lead_seconds(source, plan, params, workspace)
    workspace.checkpoint()
    if params.encryption is not None:
        write_key(workspace)
    if params.is_piecewise:
        _make_pieces(plan, params, source, workspace)
    else:
        name = f"{PART_PREFIX}%05d" if params.is_split else "output"
        run_ffmpeg(
            workspace,
            [MediaInput(path=source, options=(*COPIED, *params.cut.options))],
            (*plan.options, f"{name}.{params.extension}"),
            expected_seconds=plan.seconds,
        )
    if params.is_split:
        return _published_parts(plan, params, lead, workspace)
    made_path = workspace.scratch / f"output.{params.extension}"
    made = probe_output(made_path, workspace.key)
    _expected(plan, lead).check(made)
    if params.label:
        check_label(made_path, workspace.key, params.label)
    if params.is_playlist:
        store_segments(made_path, workspace, params.encryption)
    output = workspace.publish(made_path, extension=params.extension)
    return Result(outputs=(output,), facts={"MediaInfo": made.facts})


def _make_pieces(plan: Plan, params: Params, source: Path, workspace: Workspace) -> None:
    """Make every part by a run of its own."""
    length = params.part_seconds or 1
    count = params.part_count(plan.seconds)
    for number in range(count):
        start = params.cut.start_seconds + number * length
        is_last = number == count - 1
        early = Cut(start_seconds=max(start - _RUN_UP_SECONDS, 0.0))
        cut = Cut(
            start_seconds=start - early.start_seconds,
            length_seconds=plan.seconds - number * length if is_last else length,
        )
        run_ffmpeg(
            workspace,
            [MediaInput(path=source, options=early.options)],
            (*cut.options, *plan.options, f"{PART_PREFIX}{number:05d}.{params.extension}"),
        )
        workspace.report((number + 1) / count)


def _published_parts(plan: Plan, params: Params, lead: float, workspace: Workspace) -> Result:
    """Check all parts, then publish them in order; the facts are those of the first."""
    paths = sorted(workspace.scratch.glob(f"{PART_PREFIX}*.{params.extension}"))
    made = _checked_parts(plan, paths, lead, workspace)
    for path in paths if params.label else ():
        check_label(path, workspace.key, params.label)
    outputs = []
    for number, path in enumerate(paths):
        workspace.checkpoint()
        outputs.append(workspace.publish(path, extension=params.extension, number=number))
    return Result(outputs=tuple(outputs), facts={"MediaInfo": made[0].facts})


def _checked_parts(
    plan: Plan, paths: Sequence[Path], lead: float, workspace: Workspace
) -> Sequence[Media]:
    """Look into every part: each has the streams, and together they are as long as expected."""
    if not paths:
        message = f"{workspace.key}: no part was made"
        raise OutputRejectedError(message)
    made = []
    for path in paths:
        workspace.checkpoint()
        part = probe_output(path, workspace.key)
        _expected(plan, lead).check_streams(part)
        made.append(part)
    total = sum(part.seconds for part in made)
    allowed = slack(plan.seconds) + _SLACK_OF_A_PART * len(made)
    if not plan.least_seconds - allowed <= total <= plan.seconds + lead + allowed:
        message = f"expected parts of {plan.seconds:.2f} s in all, got {total:.2f} s"
        raise OutputRejectedError(message)
    return made


def _expected(plan: Plan, lead: float) -> Expected:
    return Expected(
        seconds=plan.least_seconds,
        most_seconds=plan.seconds + lead,
        slack_seconds=slack(plan.seconds),
        size=None,
        video_codec=plan.video_codec,
        audio_codecs=plan.audio_codecs,
    )


def _lead_seconds(source: Path, plan: Plan, params: Params, workspace: Workspace) -> float:
    """How far before `StartTime` the key frame lies at which the copy begins.

    A file that was trimmed without encoding it anew has some before its own beginning.
    """
    start = params.cut.start_seconds
    if plan.video is None:
        return 0.0
    with open_media(source, workspace.key) as media:
        stream = media.streams[plan.video.index]
        tick = stream.time_base
        if tick is None or media.start_time is None:
            return start
        origin = media.start_time / 1e6
        with suppress(library().FFmpegError):
            media.seek(int((start + origin) / tick), stream=stream)
            for packet in media.demux(stream):
                if packet.pts is not None:
                    return max(start - (float(packet.pts * tick) - origin), 0.0)
    return start


OPERATION = Operation(
    tag="Segment",
    block="Segment",
    family=Family.MEDIA,
    reads=frozenset({Kind.VIDEO, Kind.AUDIO}),
    parse=Params.parse,
    run=run,
)
