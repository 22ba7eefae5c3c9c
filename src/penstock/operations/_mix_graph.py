"""Mixes background tracks into sound: ffmpeg's graph.

Everything is brought to one rate and layout. Levels are added as they are. What comes out is
exactly as long as the output: silence fills what is missing, and what is longer is cut.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.domain.errors import InvalidParamsError, UnsupportedInputError
from penstock.operations._ffmpeg import MediaInput
from penstock.operations._mix_params import Mix, MixTrack
from penstock.operations._probe import AudioFacts, probe
from penstock.operations.base import Workspace

IN_STEP = "aresample=async=1:first_pts=0"
"""The filter that puts silence where sound begins late or pauses."""

_FOR_EVER = ("-stream_loop", "-1")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedTrack:
    """A background track at hand.

    Attributes:
        track: What was asked for.
        path: A local file.
        audio: Its sound.
        is_repeated: Whether it is played over and over; the first of two that follow each
            other never is.
    """

    track: MixTrack
    path: Path
    audio: AudioFacts
    is_repeated: bool

    @property
    def media_input(self) -> MediaInput:
        """How ffmpeg reads it."""
        return MediaInput(path=self.path, options=_FOR_EVER if self.is_repeated else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundFrame:
    """What everything is brought to.

    Attributes:
        rate: Samples a second.
        layout: Channels, as ffmpeg names them.
        seconds: Length of the output.
    """

    rate: int
    layout: str
    seconds: float

    @property
    def shape(self) -> str:
        """Filters that bring a stream to it, in step with the pictures."""
        return (
            f"aresample={self.rate}:async=1:first_pts=0,"
            f"aformat=sample_fmts=fltp:sample_rates={self.rate}:channel_layouts={self.layout}"
        )

    @property
    def length(self) -> str:
        """Filters that give a stream the length."""
        return f"apad=whole_dur={self.seconds:.6f},atrim=end={self.seconds:.6f}"


def prepare_tracks(mix: Mix, workspace: Workspace) -> tuple[PreparedTrack, ...]:
    """Fetch the background tracks.

    Raises:
        ObjectNotFoundError: One does not exist.
        UnsupportedInputError: One has no sound.
        InvalidParamsError: One is shorter than the cross-fade.
    """
    prepared = []
    for number, track in enumerate(mix.tracks):
        workspace.checkpoint()
        path = workspace.fetch_other(track.url)
        audio = probe(path, track.url).audio
        if audio is None:
            raise UnsupportedInputError(track.url, "has no sound to mix in")
        if mix.cross_fade_seconds and audio.seconds < mix.cross_fade_seconds:
            message = (
                f"BgmFadeTime is {mix.cross_fade_seconds:g} s, {track.url} is "
                f"{audio.seconds:g} s long"
            )
            raise InvalidParamsError(message)
        is_first_of_two = mix.cross_fade_seconds is not None and number == 0
        prepared.append(
            PreparedTrack(
                track=track,
                path=path,
                audio=audio,
                is_repeated=track.is_repeated and not is_first_of_two,
            )
        )
    return tuple(prepared)


def mix_graph(
    mix: Mix,
    tracks: Sequence[PreparedTrack],
    first_input: int,
    sources: Sequence[str],
    frame: SoundFrame,
) -> tuple[list[str], list[str]]:
    """Mix tracks into every sound track of the source, or put them in its place.

    Args:
        first_input: Number of the input that holds the first track; the second follows.
        sources: Streams or labels of the sound that is kept, such as `0:1`; the background alone
            is heard where there is none.

    Returns:
        Chains of ffmpeg's graph, and the labels of the sound that they make.
    """
    chains = list(_background(mix, tracks, first_input, frame))
    if not sources:
        return [*chains, f"[background]{frame.length}[sound0]"], ["[sound0]"]
    numbers = range(len(sources))
    copies = "".join(f"[background{number}]" for number in numbers)
    chains.append(f"[background]asplit={len(sources)}{copies}")
    for number, source in enumerate(sources):
        chains.append(f"[{source}]{frame.shape}[source{number}]")
        chains.append(
            f"[source{number}][background{number}]amix=inputs=2:duration=longest:normalize=0,"
            f"{frame.length}[sound{number}]"
        )
    return chains, [f"[sound{number}]" for number in numbers]


def _background(
    mix: Mix, tracks: Sequence[PreparedTrack], first_input: int, frame: SoundFrame
) -> Iterator[str]:
    """All background tracks as one, not longer than the output."""
    is_sequence = mix.cross_fade_seconds is not None
    for number, one in enumerate(tracks):
        stream = f"[{first_input + number}:{one.audio.index}]"
        fades = [] if is_sequence else list(_fades(one, one, frame, one.audio.seconds))
        cut = f"atrim=end={frame.seconds:.6f}" if not is_sequence else ""
        filters = ",".join(filter(None, [frame.shape, cut, *fades]))
        yield f"{stream}{filters}[track{number}]"
    labels = "".join(f"[track{number}]" for number in range(len(tracks)))
    if mix.cross_fade_seconds is not None:
        first, last = tracks
        natural = first.audio.seconds + last.audio.seconds - mix.cross_fade_seconds
        fades = list(_fades(first, last, frame, natural))
        filters = ",".join([f"atrim=end={frame.seconds:.6f}", *fades])
        yield f"{labels}acrossfade=d={mix.cross_fade_seconds:.3f},{filters}[background]"
    elif len(tracks) > 1:
        yield f"{labels}amix=inputs={len(tracks)}:duration=longest:normalize=0[background]"
    else:
        yield f"{labels}anull[background]"


def _fades(
    first: PreparedTrack, last: PreparedTrack, frame: SoundFrame, natural_seconds: float
) -> Iterator[str]:
    """Fades at both ends of what is heard."""
    if first.track.fade_in_seconds:
        yield f"afade=t=in:d={first.track.fade_in_seconds:.3f}"
    if last.track.fade_out_seconds:
        end = frame.seconds if last.is_repeated else min(natural_seconds, frame.seconds)
        start = max(end - last.track.fade_out_seconds, 0)
        yield f"afade=t=out:st={start:.6f}:d={min(last.track.fade_out_seconds, end):.6f}"
