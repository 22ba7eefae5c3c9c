"""Joins pieces whose streams are equal in everything, without encoding them anew."""

from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from penstock.domain.errors import InvalidParamsError, UnsupportedInputError
from penstock.operations._av import has_decoder, library, main_video, open_media
from penstock.operations._concat_params import Params
from penstock.operations._concat_plan import Piece, Plan
from penstock.operations._ffmpeg import MediaInput
from penstock.operations._hls import DEFAULT_SEGMENT_SECONDS
from penstock.operations._media_checks import Expected, slack
from penstock.operations._remux import WRAPPERS, wrapping
from penstock.operations.base import Workspace

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

_LIST = "pieces.txt"


def plan_direct(params: Params, pieces: Sequence[Piece], workspace: Workspace) -> Plan:
    """Plan the joining of streams as they are; writes a list for ffmpeg.

    Raises:
        InvalidParamsError: Two pieces differ, or the container does not take the streams.
        UnsupportedInputError: The pieces have nothing of what is wanted, or end early.
    """
    first = pieces[0]
    shapes = [_shapes(piece, params, workspace) for piece in pieces]
    for piece, found in zip(pieces, shapes, strict=True):
        differing = [name for name, value in shapes[0].items() if found.get(name) != value]
        if differing or len(found) != len(shapes[0]):
            what = ", ".join(differing) or "number of streams"
            message = f"DirectConcat: {piece.key} differs from {first.key} in {what}"
            raise InvalidParamsError(message)
    extension = params.container.extension
    video = first.media.video if WRAPPERS[extension].videos and params.video else None
    audio = first.media.audio if params.audio else None
    streams = [stream for stream in (video, audio) if stream is not None]
    if not streams:
        raise UnsupportedInputError(first.key, "has nothing of what the output is made of")
    for stream in streams:
        if not WRAPPERS[extension].takes(stream.codec):
            message = f"DirectConcat: {stream.codec} cannot be put into a .{extension}"
            raise InvalidParamsError(message)
    seconds = sum(piece.media.seconds for piece in pieces)
    maps = [word for stream in streams for word in ("-map", f"0:{stream.index}")]
    video_codec = "" if video is None else video.codec
    muxing = wrapping(extension, video_codec, segment_seconds=DEFAULT_SEGMENT_SECONDS)
    return Plan(
        inputs=[_listed(pieces, workspace)],
        options=(*maps, "-c", "copy", *muxing),
        expected=Expected(
            seconds=seconds,
            most_seconds=seconds,
            slack_seconds=slack(seconds) + 0.1 * len(pieces),
            size=None,
            video_codec=video_codec,
            audio_codecs=() if audio is None else (audio.codec,),
        ),
    )


def _showing(piece: Piece) -> dict[str, Any]:
    """How pictures are to be shown; of several pieces a player believes the first."""
    video = piece.media.video
    return {} if video is None else {"turn": video.turn, "shape of pixels": video.aspect}


def _listed(pieces: Sequence[Piece], workspace: Workspace) -> MediaInput:
    """A list of links in scratch space: names of ours, whatever the pieces are called."""
    lines = []
    for number, piece in enumerate(pieces):
        link = workspace.scratch / f"piece_{number}"
        link.symlink_to(piece.path)
        lines.append(f"file {link.name}\n")
    path = workspace.scratch / _LIST
    path.write_text("".join(lines), encoding="ascii")
    return MediaInput(path=path, options=("-f", "concat"))


def _shapes(piece: Piece, params: Params, workspace: Workspace) -> dict[str, Any]:
    """Everything in which the pieces must be equal, by a name for messages."""
    shapes: dict[str, Any] = {}
    with open_media(piece.path, piece.key) as media:
        video = main_video(media) if params.video else None
        if video is not None:
            context = video.codec_context
            shapes |= {
                "size": (context.width, context.height),
                "pixels": context.pix_fmt,
                **_showing(piece),
                **_coding("video", video),
            }
        audio = next(filter(has_decoder, media.streams.audio), None) if params.audio else None
        if audio is not None:
            sound = audio.codec_context
            shapes |= {
                "sample rate": sound.sample_rate,
                "channels": sound.layout.name,
                **_coding("sound", audio),
            }
        if main := video or audio:
            _demand_whole(piece, media, main, workspace)
    return shapes


def _demand_whole(
    piece: Piece, media: "InputContainer", stream: "Stream", workspace: Workspace
) -> None:
    """Read a piece through: one that ends early would leave a gap that no length tells of."""
    end = Fraction(0)
    origin = Fraction(media.start_time or 0, 1_000_000)
    with suppress(library().FFmpegError):
        for packet in media.demux(stream):
            workspace.checkpoint()
            if packet.pts is not None and packet.time_base is not None:
                ticks = packet.pts + (packet.duration or 0)
                end = max(end, ticks * packet.time_base - origin)
    facts = (piece.media.video, *piece.media.audios)
    ends = [one.span.end for one in facts if one is not None and one.index == stream.index]
    promised = min(piece.media.seconds, *ends)
    if end and end + Fraction(slack(promised)) < promised:
        fault = f"ends at {float(end):.2f} s, although it promises {promised:.2f} s"
        raise UnsupportedInputError(piece.key, fault)


def _coding(kind: str, stream: "Stream") -> dict[str, Any]:
    context = stream.codec_context
    return {
        f"number of the {kind} stream": stream.index,
        f"{kind} codec": context.codec.canonical_name,
        f"settings of the {kind} encoder": bytes(context.extradata or b""),
    }
