"""VideoMontage: the highlights of a video, in order, as one.

Input: one video. Output: one object; for HLS a playlist, and beside it segments, as of Concat.

    {"type": "VideoMontage", "output": "best/${InputName}.${Ext}", "params": {
        "Duration": "20", "Container": {"Format": "mp4"}, "Video": {"Codec": "H.264"}}}

An approximation: the vendor's model knows what people like to see, this knows what moves and what
is loud. Scenes in which most moves and that are loudest are taken (for `Soccer`, where the crowd
tells, loudness counts more), until there is `Duration` of them; without it a fifth of the source,
from one second to a minute. A `Duration` beyond the end of the source fails. An absent `Audio`
keeps sound; `Remove` leaves it out.
"""

from dataclasses import dataclass, replace

from penstock.domain.errors import InvalidParamsError, UnsupportedInputError
from penstock.domain.trees import Tree
from penstock.operations import _concat_params as concat_params
from penstock.operations._concat_plan import Piece, plan_concat
from penstock.operations._cuts import Cut
from penstock.operations._media_output import make_output
from penstock.operations._mix_graph import prepare_tracks
from penstock.operations._montage_choice import choose_parts
from penstock.operations._montage_curves import measure
from penstock.operations._probe import probe
from penstock.operations._transcode_params import read_audio, read_background, read_video
from penstock.operations._transcode_tables import CONTAINERS, VideoCodec
from penstock.operations.base import Family, Kind, Operation, Result, Workspace
from penstock.operations.params import ParamReader

_FORMATS = ("mp4", "flv", "hls", "ts", "mkv")
_CODECS = (VideoCodec.H264, VideoCodec.H265)
_LOUDNESS_WEIGHTS = {"Video": 0.5, "Soccer": 0.7}
_DEFAULT_SHARE, _LEAST_SECONDS, _MOST_SECONDS = 0.2, 1.0, 60.0
_MAX_SECONDS = 10_000_000
_SLACK_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How long the highlights are, what counts as one, and how they are encoded.

    Attributes:
        seconds: Length of all; None is a fifth of the source, from one second to a minute.
        loudness_weight: How much loudness counts against motion, from 0 to 1.
        encoding: What Concat is told.
    """

    seconds: float | None
    loudness_weight: float
    encoding: concat_params.Params

    @classmethod
    def parse(cls, tree: Tree) -> "Params":
        """Read the block `VideoMontage`.

        Raises:
            InvalidArgumentError: Some leaves are wrong or not offered; names them all.
        """
        top = ParamReader(tree)
        reader = top.block("VideoMontage")
        reader.block("Container").required_text("Format")
        name = reader.block("Container").choice("Format", _FORMATS, "mp4")
        codecs = tuple(codec for codec in CONTAINERS[name].videos if codec in _CODECS)
        if not reader.is_given("Video"):
            reader.fault("Video", "given")
        video = read_video(reader, replace(CONTAINERS[name], videos=codecs))
        if video is None:
            reader.fault("Video.Remove", "false: highlights are seen")
        audio = read_audio(reader, name)
        params = cls(
            seconds=reader.decimal("Duration", 0, _MAX_SECONDS, above_low=True),
            loudness_weight=_LOUDNESS_WEIGHTS[reader.choice("Scene", _LOUDNESS_WEIGHTS, "Video")],
            encoding=concat_params.Params(
                before=(),
                after=(),
                format=name,
                video=video,
                audio=audio,
                is_direct=False,
                mix=read_background(top, reader, audio),
            ),
        )
        top.finish()
        return params


def run(params: Params, workspace: Workspace) -> Result:
    """Measure, choose, encode, check, publish.

    Raises:
        ObjectNotFoundError: A background track does not exist.
        UnsupportedInputError: The input or such a track is broken, or the input has no video.
        InvalidParamsError: `Duration` is longer than the source.
        InputLimitError: The output is larger than a limit.
        OutputRejectedError: What came out is not what was asked for.
    """
    path = workspace.fetch()
    media = probe(path, workspace.key)
    if media.video is None:
        raise UnsupportedInputError(workspace.key, "has no video")
    total = media.video.seconds
    wanted = _wanted(params, total)
    curves = measure(path, media, workspace)
    workspace.checkpoint()
    pieces = [
        Piece(
            path=path,
            key=workspace.key,
            media=media,
            cut=Cut(start_seconds=part.start, length_seconds=part.seconds),
        )
        for part in choose_parts(curves, total, wanted, params.loudness_weight)
    ]
    encoding = params.encoding
    tracks = prepare_tracks(encoding.mix, workspace) if encoding.mix and encoding.audio else ()
    plan = plan_concat(encoding, pieces, 0, workspace.limits.threads, tracks)
    return make_output(workspace, plan.inputs, plan.options, plan.expected, encoding.container)


def _wanted(params: Params, total: float) -> float:
    """Length of all highlights in seconds."""
    if params.seconds is None:
        least = max(_DEFAULT_SHARE * total, _LEAST_SECONDS)
        return min(least, _MOST_SECONDS, total)
    if params.seconds > total + _SLACK_SECONDS:
        message = f"VideoMontage.Duration is {params.seconds:g} s, the source has {total:g} s"
        raise InvalidParamsError(message)
    return min(params.seconds, total)


OPERATION = Operation(
    tag="VideoMontage",
    block="VideoMontage",
    family=Family.MEDIA,
    reads=frozenset({Kind.VIDEO}),
    parse=Params.parse,
    run=run,
)
