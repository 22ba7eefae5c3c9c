"""VoiceSeparate: the voice of a stereo recording, what is behind it, or both.

Input: one video or sound object; of several tracks the first. Outputs: the background under
`Output.Object`, the voice under `Output.AuObject`.

    {"type": "VoiceSeparate", "params": {"AudioMode": "AudioAndBackground"},
     "output": {"Object": "back/${InputName}.${Ext}", "AuObject": "voice/${InputName}.${Ext}"}}

An approximation: the vendor's model knows voices, this knows where sound stands. What is equal in
both channels is taken for the voice, from 90 to 12000 Hz, as singers and speakers are mixed into
the middle; all else is background, and the two add up to the source. What else stands in the
middle (drums, solo instruments) goes with the voice, a voice at the side stays behind, and echo of
the voice stays behind in part. A source of one channel, or of two that are alike, fails: there is
nothing to tell by. More than two channels are mixed down to two first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from penstock.domain.errors import UnsupportedInputError
from penstock.operations._ffmpeg import MediaInput, run_ffmpeg
from penstock.operations._media_checks import Expected, probe_output, slack
from penstock.operations._probe import AudioFacts, probe
from penstock.operations._sound_levels import sound_levels
from penstock.operations._transcode_encoders import audio_options
from penstock.operations._transcode_settings import AudioParams, Excess
from penstock.operations._transcode_tables import AUDIO_NAMES, AudioCodec
from penstock.operations._voice_params import BACKGROUND, VOICE, Params
from penstock.operations.base import Family, Kind, Operation, Result, Workspace

_RATE = 44_100
_WINDOW = 4096
_OVERLAP = 0.75
_DELAY = int(_WINDOW * _OVERLAP)  # samples by which the filter lets sound out late
_LOWEST, _HIGHEST = 90, 12_000
_LEAST_SIDE = -50.0  # decibels between the channels' difference and their sum
_MOST_KILOBITS = 320
_STEREO = f"aresample={_RATE}:out_chlayout=stereo:out_sample_fmt=fltp:rematrix_maxval=1"
_SUM = ("real(b,0)+real(b,1)", "imag(b,0)+imag(b,1)")
_DIFFERENCE = ("real(b,0)-real(b,1)", "imag(b,0)-imag(b,1)")
# Half the sum where the channels are equal, nothing where they have nothing in common.
_SHARE = (
    f"between(b*sr/{_WINDOW},{_LOWEST},{_HIGHEST})*"
    f"max(0,0.5-0.5*hypot({','.join(_DIFFERENCE)})/(hypot({','.join(_SUM)})+1e-9))"
)


def run(params: Params, workspace: Workspace) -> Result:
    """Separate, encode, check each part, publish.

    Raises:
        UnsupportedInputError: The input is broken, has no sound, or has one channel.
        InputLimitError: An output is larger than a limit.
        OutputRejectedError: What came out is not what was asked for.
    """
    path = workspace.fetch()
    audio = probe(path, workspace.key).audio
    if audio is None:
        raise UnsupportedInputError(workspace.key, "has no sound")
    _demand_sides(path, audio, workspace)
    workspace.checkpoint()
    paths = [workspace.scratch / f"{part}.{params.container.extension}" for part in params.parts]
    options = [*_options(params, audio, paths)]
    run_ffmpeg(workspace, [MediaInput(path=path)], options, expected_seconds=audio.span.end)
    for made in paths:
        _expected(audio, params.encoding.codec).check(probe_output(made, workspace.key))
    return Result(
        outputs=tuple(
            workspace.publish(made, extension=params.container.extension, target=part)
            for part, made in zip(params.parts, paths, strict=True)
        )
    )


def _demand_sides(path: Path, audio: AudioFacts, workspace: Workspace) -> None:
    """Complain where both channels say the same."""
    if audio.channels == 1:
        fault = "has one channel: voice is told from background by where it stands in stereo"
        raise UnsupportedInputError(workspace.key, fault)
    sums, sides = (
        sound_levels(path, audio.index, f"{_STEREO},pan=mono|c0={mix}", workspace)
        for mix in ("0.5*c0+0.5*c1", "0.5*c0-0.5*c1")
    )
    if not sums or not sides:
        raise UnsupportedInputError(workspace.key, "has no sound that can be decoded")
    if max(sides) - max(sums) < _LEAST_SIDE:
        fault = "has the same in both channels: nothing tells voice from background"
        raise UnsupportedInputError(workspace.key, fault)


def _options(params: Params, audio: AudioFacts, paths: Sequence[Path]) -> Iterator[str]:
    # The filter reads each channel while another thread writes it: one thread, one channel.
    yield from ("-filter_complex_threads", "1")
    yield from ("-filter_complex", ";".join(_graph(params, audio)))
    stereo = replace(audio, channels=2)
    for part, path in zip(params.parts, paths, strict=True):
        yield from ("-map", f"[{part}]")
        yield from audio_options(_with_bit_rate(params.encoding, audio), stereo, Excess.ALLOW)
        yield from ("-f", params.container.muxer, *params.container.options, path.name)


def _graph(params: Params, audio: AudioFacts) -> Iterator[str]:
    """The voice by its spectrum, the background as the source without the voice.

    Both are as long as the source, and begin where it begins.
    """
    yield f"[0:{audio.index}]{_STEREO}:async=1:first_pts=0,asplit[source][spectrum]"
    real, imaginary = (f"{_SHARE}*({words})" for words in _SUM)
    yield (
        f"[spectrum]apad=pad_len={_DELAY},"
        f"afftfilt=win_size={_WINDOW}:overlap={_OVERLAP}:real='{real}':imag='{imaginary}',"
        f"pan=stereo|c0=c0|c1=c0,atrim=start_sample={_DELAY},asetpts=PTS-STARTPTS,"
        f"asplit[{VOICE}][taken]"
    )
    yield "[taken]pan=stereo|c0=-1*c0|c1=-1*c1[without]"
    yield f"[source][without]amix=normalize=0[{BACKGROUND}]"
    for part in {VOICE, BACKGROUND} - {*params.parts}:
        yield f"[{part}]anullsink"


def _with_bit_rate(encoding: AudioParams, audio: AudioFacts) -> AudioParams:
    """The bit rate of the source where none is asked for, as far as encoders go."""
    if encoding.kilobits is not None or encoding.codec is AudioCodec.AMR or not audio.kilobits:
        return encoding
    return replace(encoding, kilobits=max(min(round(audio.kilobits), _MOST_KILOBITS), 8))


def _expected(audio: AudioFacts, codec: AudioCodec) -> Expected:
    return Expected(
        seconds=audio.span.end,
        most_seconds=audio.span.end,
        slack_seconds=slack(audio.span.end),
        size=None,
        video_codec="",
        audio_codecs=(AUDIO_NAMES[codec],),
    )


OPERATION = Operation(
    tag="VoiceSeparate",
    block="VoiceSeparate",
    family=Family.MEDIA,
    reads=frozenset({Kind.VIDEO, Kind.AUDIO}),
    parse=Params.parse,
    run=run,
)
