"""Other objects that a Transcode reads besides its source: marks, background sound, subtitles."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from penstock.domain.errors import InvalidParamsError
from penstock.operations._ffmpeg import MediaInput
from penstock.operations._image_geometry import Size
from penstock.operations._mix_graph import PreparedTrack, prepare_tracks
from penstock.operations._probe import Media, VideoFacts
from penstock.operations._subtitles import PreparedSubtitle, prepare_subtitle
from penstock.operations._transcode_filters import filter_chain
from penstock.operations._transcode_params import Params
from penstock.operations._watermark_params import Watermark
from penstock.operations._watermark_pictures import Canvas, PreparedMark, prepare_mark
from penstock.operations.base import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Companions:
    """What is at hand besides the source, in the order in which ffmpeg reads it.

    Attributes:
        marks: To be laid over the pictures, in order.
        tracks: Background sound.
        subtitles: Drawn ones and such as become tracks.
    """

    marks: Sequence[PreparedMark] = ()
    tracks: Sequence[PreparedTrack] = ()
    subtitles: Sequence[PreparedSubtitle] = ()

    @property
    def drawn(self) -> Sequence[PreparedSubtitle]:
        """Subtitles that become part of the pictures."""
        return [one for one in self.subtitles if one.subtitle.is_drawn]

    @property
    def soft(self) -> Sequence[PreparedSubtitle]:
        """Subtitles that become tracks."""
        return [one for one in self.subtitles if not one.subtitle.is_drawn]

    @property
    def inputs(self) -> Sequence[MediaInput]:
        """What ffmpeg reads behind the source; drawn subtitles are read by a filter."""
        return [
            *(one.media_input for one in self.marks),
            *(one.media_input for one in self.tracks),
            *(MediaInput(path=one.path, options=("-f", "srt")) for one in self.soft),
        ]

    @property
    def first_track(self) -> int:
        """Number of ffmpeg's input that holds the first background track."""
        return 1 + len(self.marks)

    @property
    def first_subtitle(self) -> int:
        """Number of ffmpeg's input that holds the first subtitles of their own."""
        return self.first_track + len(self.tracks)


NO_COMPANIONS = Companions()


def gather(params: Params, media: Media, workspace: Workspace) -> Companions:
    """Fetch and prepare whatever the params name besides the source.

    Args:
        media: The source; its video as it is when Transcode's own filters begin.

    Raises:
        ObjectNotFoundError: One of them does not exist.
        UnsupportedInputError: One of them is broken, or not what it is to be.
        InputLimitError: One of them is too large.
        InvalidParamsError: One of them does not fit the source.
    """
    video = None if params.video is None else media.video
    marks: list[PreparedMark] = []
    if video is not None and params.video is not None and params.watermarks:
        chain = filter_chain(params.video, params.adjustments, video)
        marks += prepare_marks(params.watermarks, chain.size, chain.aspect, workspace)
    tracks = prepare_tracks(params.mix, workspace) if params.mix and params.audio else ()
    companions = Companions(
        marks=marks, tracks=tracks, subtitles=list(_subtitles(params, video, media, workspace))
    )
    is_drawn_on = bool(companions.marks or companions.drawn)
    if is_drawn_on and video is not None and video.is_hdr and not params.adjustments.is_sdr_wanted:
        message = "marks and subtitles are drawn on SDR only: set TransConfig.IsHdr2Sdr"
        raise InvalidParamsError(message)
    return companions


def prepare_marks(
    watermarks: Sequence[Watermark], size: Size, aspect: Fraction, workspace: Workspace
) -> Iterator[PreparedMark]:
    """Prepare marks in order, for a video of this size; a background changes it.

    Args:
        aspect: Width of a pixel of the video over its height.

    Raises:
        ObjectNotFoundError: A picture does not exist.
        UnsupportedInputError: It cannot be read.
        InputLimitError: It is too large.
        InvalidParamsError: It does not fit, or no font has the letters of a text.
    """
    for number, mark in enumerate(watermarks):
        workspace.checkpoint()
        prepared = prepare_mark(mark, number, Canvas(size, aspect), workspace)
        size = prepared.size if mark.is_background else size
        yield prepared


def _subtitles(
    params: Params, video: VideoFacts | None, media: Media, workspace: Workspace
) -> Iterator[PreparedSubtitle]:
    if video is None:
        return
    for number, subtitle in enumerate(params.subtitles):
        workspace.checkpoint()
        seconds = params.cut.seconds_of(media.seconds, "TimeInterval.Start")
        yield prepare_subtitle(subtitle, number, params.cut.start_seconds, seconds, workspace)
