"""Animation: a moving picture out of a video, as GIF or WebP.

Input: one video. Output: one animated picture that is shown for ever. `gif` has one palette for
the whole, `hgif` one for each frame, which is better and larger.

    {"type": "Animation", "output": "previews/${InputName}.${Ext}", "params": {
        "Container": {"Format": "webp"}, "TimeInterval": {"Start": "0", "Duration": "6"},
        "Video": {"Codec": "webp", "Width": "320", "AnimateFramesPerSecond": "8"}}}

Which frames are taken is said by the first of `AnimateFramesPerSecond`,
`AnimateOnlyKeepKeyFrame` and `AnimateTimeIntervalOfFrame` that is given; by none of them, ten a
second. A moment gives the frame shown at it, so that more frames a second than the source has
repeats some, and an interval longer than the source gives one. `Fps` shows the frames at that
speed; without it they stay as long as in the source. Pictures stand upright and are not
distorted unless `Width` and `Height` say so. `Quality` matters for WebP alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from penstock.domain.errors import (
    InvalidParamsError,
    OutputRejectedError,
    UnsupportedInputError,
)
from penstock.operations._animation_params import Params
from penstock.operations._av import main_video, open_media
from penstock.operations._ffmpeg import MediaInput, run_ffmpeg
from penstock.operations._frames import FrameReader
from penstock.operations._image_geometry import Size
from penstock.operations._media_checks import slack
from penstock.operations._pillow import animation_frames
from penstock.operations._probe import VideoFacts, probe
from penstock.operations._stills import check_pixels, scaled, shown_size
from penstock.operations._transcode_filters import TO_SDR, whole_frames
from penstock.operations.base import Family, Kind, Operation, Result, Workspace

_PALETTE = "palette.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """How one source becomes frames, and what must come out.

    Attributes:
        source: What ffmpeg reads.
        stream: Number of the stream of pictures.
        filters: From decoded frames to those shown, without colours.
        timing: Options that keep or set when frames are shown.
        size: Of every frame.
        count: How many frames; None where the source alone knows.
        seconds: How long they are shown in all.
    """

    source: MediaInput
    stream: int
    filters: str
    timing: Sequence[str]
    size: Size
    count: int | None
    seconds: float


def run(params: Params, workspace: Workspace) -> Result:
    """Take the frames, encode, check, publish.

    Raises:
        UnsupportedInputError: The input has no video, or is broken.
        InvalidParamsError: `Start` lies beyond the end, or no key frame in the part to take.
        InputLimitError: A frame has too many pixels, or the output is larger than a limit.
        OutputRejectedError: What came out is not what was asked for.
    """
    path = workspace.fetch()
    video = probe(path, workspace.key).video
    if video is None:
        raise UnsupportedInputError(workspace.key, "has no video")
    plan = _planned(params, video, path)
    check_pixels(plan.size, workspace)
    gif = ["-f", "gif", "-loop", "0"]
    if params.rate is None:
        last = _last_key_seconds(path, params.cut.start_seconds, plan.seconds, workspace)
        if params.fps is None:  # otherwise the last would be gone at once
            gif += ["-final_delay", str(max(round(100 * last), 1))]
    workspace.checkpoint()
    made = workspace.scratch / f"animation.{params.codec}"
    match params.format:
        case "gif":
            _encode_gif(plan, gif, made, workspace)
        case "hgif":
            _encode(plan, _palette_of_each(plan), gif, made, workspace)
        case _:
            _encode(plan, f"{plan.filters},format=yuv420p", _webp(params), made, workspace)
    _check(plan, params, made, workspace)
    return Result(outputs=(workspace.publish(made, extension=params.codec),))


def _planned(params: Params, video: VideoFacts, path: Path) -> _Plan:
    seconds = params.cut.seconds_of(video.span.end, "TimeInterval.Start")
    size = scaled(shown_size(video), params.width, params.height)
    filters = list(whole_frames(video))
    filters += [f"setparams=colorspace={one}" for one in [video.assumed_matrix] if one]
    filters += [TO_SDR] * video.is_hdr
    options = list(params.cut.options)
    count: int | None = None
    if params.rate is None:
        options += ["-skip_frame", "nokey"]
        filters.append(f"trim=end={seconds:.3f}")  # -t counts from the first key frame on
    else:
        # Rounding up gives each moment the frame that began last, not the nearest one.
        filters.append(f"fps={params.rate:.9f}:round=up:start_time=0")
        count = max(math.ceil(round(seconds * params.rate, 3)), 1)
        seconds = count / params.rate
    if params.fps is not None:
        filters.append(f"settb=1/90000,setpts=N/({params.fps:.6f}*TB),fps={params.fps:.6f}")
        seconds = seconds if count is None else count / params.fps
    # Pictures of WebP have no label: whoever shows them takes them to be of BT.601.
    matrix = ":out_color_matrix=bt601:out_range=tv" if params.codec == "webp" else ""
    filters.append(f"scale={size.width}:{size.height}{matrix},setsar=1")
    return _Plan(
        source=MediaInput(path=path, options=options),
        stream=video.index,
        filters=",".join(filters),
        timing=("-fps_mode", "cfr" if params.rate or params.fps else "vfr"),
        size=size,
        count=count,
        seconds=seconds,
    )


def _encode_gif(plan: _Plan, options: Sequence[str], made: Path, workspace: Workspace) -> None:
    """Two passes: the first finds the palette, so that no frame has to wait in memory for it."""
    # Its mode `diff` would leave the colours of the last frame out.
    first = ("-map", f"0:{plan.stream}", "-vf", f"{plan.filters},palettegen=stats_mode=full")
    _run(workspace, [plan.source], (*first, "-frames:v", "1", _PALETTE), 0.0)
    palette = workspace.scratch / _PALETTE
    workspace.checkpoint()
    graph = f"[0:{plan.stream}]{plan.filters}[frames];[frames][1:v]paletteuse"
    second = ("-filter_complex", graph, *plan.timing, *options, made.name)
    _run(workspace, [plan.source, MediaInput(path=palette)], second, plan.seconds)


def _palette_of_each(plan: _Plan) -> str:
    return (
        f"{plan.filters},split[a][b];[a]palettegen=stats_mode=single[p];"
        "[b][p]paletteuse=new=1:dither=sierra2_4a"
    )


def _webp(params: Params) -> Sequence[str]:
    quality = () if params.quality is None else ("-quality", str(params.quality))
    return ("-c:v", "libwebp_anim", *quality, "-f", "webp", "-loop", "0")


def _encode(
    plan: _Plan, filters: str, options: Sequence[str], made: Path, workspace: Workspace
) -> None:
    first = ("-map", f"0:{plan.stream}", "-vf", filters, *plan.timing)
    _run(workspace, [plan.source], (*first, *options, made.name), plan.seconds)


def _run(
    workspace: Workspace, inputs: Sequence[MediaInput], arguments: Sequence[str], seconds: float
) -> None:
    """Run ffmpeg on pictures alone."""
    threads = ("-threads", str(workspace.limits.threads))
    *options, name = arguments
    run_ffmpeg(
        workspace,
        inputs,
        ("-an", "-sn", "-dn", *options, *threads, name),
        expected_seconds=seconds,
    )


def _check(plan: _Plan, params: Params, made: Path, workspace: Workspace) -> None:
    """Decode the result, frame by frame, and hold it against the plan.

    WebP shows equal frames as one, so that it may have fewer than were taken.
    """
    count, shown_ms = _shown(plan, made, workspace)
    allowed = slack(plan.seconds) + (0 if plan.count is None else plan.seconds / plan.count)
    most = math.inf if plan.count is None else plan.count + 1
    least = 1 if plan.count is None or params.codec == "webp" else plan.count - 1
    if not least <= count <= most:
        message = f"expected {plan.count} frames, got {count}"
        raise OutputRejectedError(message)
    is_short = plan.count is not None and shown_ms / 1000 < plan.seconds - allowed
    if count > 1 and (is_short or shown_ms / 1000 > plan.seconds + allowed):
        message = f"expected {plan.seconds:.2f} s, got {shown_ms / 1000:.2f} s"
        raise OutputRejectedError(message)


def _shown(plan: _Plan, made: Path, workspace: Workspace) -> tuple[int, int]:
    """How many frames the result has, and how long they are shown in milliseconds."""
    count, shown_ms = 0, 0
    try:
        for size, milliseconds in animation_frames(made, workspace.key):
            if size != plan.size:
                message = f"expected frames of {plan.size}, got {size}"
                raise OutputRejectedError(message)
            count += 1
            shown_ms += milliseconds
            workspace.checkpoint()
    except UnsupportedInputError as error:
        message = f"{workspace.key}: the output cannot be read back"
        raise OutputRejectedError(message) from error
    return count, shown_ms


def _last_key_seconds(path: Path, start: float, seconds: float, workspace: Workspace) -> float:
    """How long the last key frame is shown in the part to take.

    Raises:
        InvalidParamsError: It has none; ffmpeg would say something else.
    """
    begin = Fraction(start)
    end = begin + Fraction(seconds)
    last = None
    with open_media(path, workspace.key) as media:
        if (stream := main_video(media)) is not None:
            for shot in FrameReader(media, stream, workspace).key_frames_since(begin):
                if shot.seconds >= end:
                    break
                last = shot.seconds
    if last is None:
        message = f"{workspace.key}: no key frame lies in the part that is to be taken"
        raise InvalidParamsError(message)
    return float(end - last)


OPERATION = Operation(
    tag="Animation",
    block="Animation",
    family=Family.MEDIA,
    reads=frozenset({Kind.VIDEO}),
    parse=Params.parse,
    run=run,
)
