"""NoiseReduction: the sound of a recording with less steady noise, in one channel.

Input: one video or sound object; of several tracks the first, of several channels their mean.
Output: one sound object.

    {"type": "NoiseReduction", "output": "clean/${InputName}.${Ext}", "params": {
        "Format": "mp3", "Samplerate": "44100"}}

An approximation: the vendor's model knows speech, this takes out what is steady. The level of the
quietest tenth of the recording is measured and counts as noise, of all frequencies alike, and as
much is taken from the spectrum, at most 24 decibels. Hiss of tape, fans and microphones goes; hum
and traffic go in part; music, other voices and knocks stay. Where nothing in a recording is
quieter than the rest, noise is taken to lie 10 decibels below it; where a tenth is silent, there
is none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.domain.errors import UnsupportedInputError
from penstock.domain.trees import Tree
from penstock.operations._ffmpeg import MediaInput
from penstock.operations._media_checks import Expected, slack
from penstock.operations._media_output import make_output
from penstock.operations._probe import AudioFacts, probe
from penstock.operations._sound_levels import SILENCE_DECIBELS, sound_levels
from penstock.operations._transcode_encoders import audio_options
from penstock.operations._transcode_settings import AudioParams, Excess
from penstock.operations._transcode_tables import AUDIO_NAMES, CONTAINERS
from penstock.operations.base import Family, Kind, Operation, Result, Workspace
from penstock.operations.params import ParamReader

_FORMATS = ("mp3", "m4a", "wav")
_RATES = (8000, 12000, 16000, 24000, 32000, 44100, 48000)
_DEFAULT_RATE = 44100
_LEAST_NOISE, _MOST_NOISE = -80.0, -20.0  # what the filter takes
_STEADY_SPREAD, _STEADY_DISTANCE = 6.0, 10.0
# Without the bound two equal channels would become louder than each.
_MEAN = "aresample=out_chlayout=mono:out_sample_fmt=fltp:rematrix_maxval=1"
_DELAYS_A_SECOND = 40  # the filter lets sound out a fortieth of a second late


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """What the result is.

    Attributes:
        format: `mp3`, `m4a` or `wav`.
        sample_rate: Samples a second; None keeps the source's where it is one of those allowed.
    """

    format: str
    sample_rate: int | None

    @classmethod
    def parse(cls, tree: Tree) -> "Params":
        """Read the block `NoiseReduction`.

        Raises:
            InvalidArgumentError: Some leaves are wrong; names them all.
        """
        top = ParamReader(tree)
        reader = top.block("NoiseReduction")
        rate = reader.choice("Samplerate", map(str, _RATES))
        params = cls(
            format=reader.choice("Format", _FORMATS, "mp3"),
            sample_rate=int(rate) if rate else None,
        )
        top.finish()
        return params


def run(params: Params, workspace: Workspace) -> Result:
    """Measure the noise, take it out, encode, check, publish.

    Raises:
        UnsupportedInputError: The input is broken, or has no sound.
        InputLimitError: The output is larger than a limit.
        OutputRejectedError: What came out is not what was asked for.
    """
    path = workspace.fetch()
    audio = probe(path, workspace.key).audio
    if audio is None:
        raise UnsupportedInputError(workspace.key, "has no sound")
    levels = sound_levels(path, audio.index, _MEAN, workspace)
    container = CONTAINERS[params.format]
    encoding = _encoding(params, audio)
    expected = Expected(
        seconds=audio.span.end,
        most_seconds=audio.span.end,
        slack_seconds=slack(audio.span.end),
        size=None,
        video_codec="",
        audio_codecs=(AUDIO_NAMES[encoding.codec],),
    )
    filters = _filters(encoding.sample_rate, noise_floor(levels))
    options = [
        *("-map", f"0:{audio.index}", "-af", filters),
        *audio_options(encoding, audio, Excess.ALLOW),
        *("-f", container.muxer, *container.options),
    ]
    result = make_output(workspace, [MediaInput(path=path)], options, expected, container)
    return Result(outputs=result.outputs)


def noise_floor(levels: Sequence[float]) -> float:
    """The level of the noise in a recording, told from its levels over time, in decibels."""
    sounding = [place for place, level in enumerate(levels) if level > SILENCE_DECIBELS]
    if not sounding:
        return SILENCE_DECIBELS
    heard = sorted(levels[sounding[0] : sounding[-1] + 1])  # without silence that pads the ends
    quiet, loud = heard[len(heard) // 10], heard[len(heard) * 9 // 10]
    return quiet if loud - quiet >= _STEADY_SPREAD else quiet - _STEADY_DISTANCE


def _encoding(params: Params, audio: AudioFacts) -> AudioParams:
    kept = audio.sample_rate if audio.sample_rate in _RATES else _DEFAULT_RATE
    return AudioParams(
        codec=CONTAINERS[params.format].audios[0],
        sample_rate=params.sample_rate or kept,
        kilobits=None,
        channels=1,
        keeps_two_tracks=False,
        switches_tracks=False,
        sample_format="",
    )


def _filters(rate: int, floor: float) -> str:
    """One channel without noise, as long as it was, beginning where it began."""
    lowered = min(_MOST_NOISE - floor, 0.0)  # louder noise than the filter takes
    noise = max(floor + lowered, _LEAST_NOISE)
    delay = rate // _DELAYS_A_SECOND
    return (
        f"{_MEAN},aresample={rate}:async=1:first_pts=0,"
        f"volume={lowered:.2f}dB,apad=pad_len={delay},afftdn=nr=24:nf={noise:.2f},"
        f"volume={-lowered:.2f}dB,atrim=start_sample={delay},asetpts=PTS-STARTPTS"
    )


OPERATION = Operation(
    tag="NoiseReduction",
    block="NoiseReduction",
    family=Family.MEDIA,
    reads=frozenset({Kind.VIDEO, Kind.AUDIO}),
    parse=Params.parse,
    run=run,
)
