"""Background sound in Transcode and Concat: heard when it should be, as loud as it should be."""

import math
from collections.abc import Sequence
from pathlib import Path

import av
import pytest

from penstock.domain.errors import (
    InvalidParamsError,
    ObjectNotFoundError,
    OperationError,
    UnsupportedInputError,
)
from penstock.domain.trees import Tree, Value
from penstock.operations.concat import OPERATION as CONCAT
from tests.operations.made_media import Made, transcode
from tests.operations.made_signals import samples, tone
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

_FAST: Tree = {"Codec": "H.264", "Preset": "veryfast"}
_OWN, _LOW, _HIGH = 440, 1000, 2000
_LOUD, _SILENT = 0.1, 0.005
_SOURCE_LEVEL = 1 / 8  # of ffmpeg's source of tones
_TIMES = (0.3, 0.7, 1.2, 1.7)


def _bucket(media: MediaFolder, folder: Path, key: str = "clip.mp4") -> FolderWorkspace:
    """A workspace whose bucket also holds tones of 1000 Hz and 2000 Hz, as long as they say."""
    workspace = media.workspace(key, folder)
    for name, hertz, seconds in (
        ("low1.wav", _LOW, 1.0), ("low9.wav", _LOW, 9.0),
        ("high1.wav", _HIGH, 1.0), ("high9.wav", _HIGH, 9.0),
    ):  # fmt: skip
        _write_tone(folder / name, hertz, seconds)
    return workspace


def _write_tone(path: Path, hertz: int, seconds: float) -> None:
    rate = 22_050
    with av.open(str(path), "w") as opened:
        stream = opened.add_stream("pcm_s16le", rate=rate, layout="mono")
        frame = av.AudioFrame(format="s16", layout="mono", samples=round(rate * seconds))
        frame.sample_rate = rate
        wave = memoryview(bytearray(frame.samples * 2)).cast("h")
        for at in range(frame.samples):
            wave[at] = round(4096 * math.sin(2 * math.pi * hertz * at / rate))
        frame.planes[0].update(bytes(wave.cast("b")).ljust(frame.planes[0].buffer_size, b"\0"))
        opened.mux([*stream.encode(frame), *stream.encode(None)])


def _heard(path: Path, hertz: int, times: Sequence[float] = _TIMES) -> list[float]:
    sound = samples(path)
    return [tone(sound, hertz, time) for time in times]


def _pattern(path: Path, hertz: int) -> str:
    """Where a tone is heard: `+` loud, `-` not at all, `?` neither."""
    return "".join(
        "+" if level > _LOUD else "-" if level < _SILENT else "?" for level in _heard(path, hertz)
    )


@pytest.mark.parametrize(
    ("leaves", "own", "low"),
    [
        ({"AudioSource": "low9.wav"}, "++++", "++++"),
        ({"AudioSource": "low1.wav"}, "++++", "++++"),
        ({"AudioSource": "low1.wav", "MixMode": "Once"}, "++++", "++--"),
        ({"AudioSource": "low1.wav", "Replace": "true"}, "----", "++++"),
        ({"AudioSource": "low1.wav", "Replace": "true", "MixMode": "once"}, "----", "++--"),
        ({"AudioSource": "https://test-1250000000.cos.local/low9.wav"}, "++++", "++++"),
    ],
)
def test_transcode_mixes_one_track(
    media: MediaFolder, tmp_path: Path, leaves: Tree, own: str, low: str
) -> None:
    """A track is repeated to the end or played once, beside the source's sound or instead."""
    made = transcode(_bucket(media, tmp_path), Video=_FAST, Audio={}, AudioMix=leaves)

    assert _pattern(made.path, _OWN) == own
    assert _pattern(made.path, _LOW) == low
    assert made.seconds == pytest.approx(2, abs=0.1)
    assert len(samples(made.path)) / 8000 == pytest.approx(2, abs=0.1)


def test_transcode_mixing_keeps_levels(media: MediaFolder, tmp_path: Path) -> None:
    """Neither the source nor the background becomes louder or softer by being mixed."""
    workspace = _bucket(media, tmp_path)

    made = transcode(workspace, Video=_FAST, Audio={}, AudioMix={"AudioSource": "low9.wav"})

    for hertz in (_OWN, _LOW):
        assert _heard(made.path, hertz) == pytest.approx([_SOURCE_LEVEL] * 4, rel=0.1)


def test_transcode_fades_background_in_and_out(media: MediaFolder, tmp_path: Path) -> None:
    """Fades begin with the first sample and end with the last, and leave the source alone."""
    effects = {
        "EnableStartFadein": "true", "StartFadeinTime": "0.8",
        "EnableEndFadeout": "true", "EndFadeoutTime": "0.8",
    }  # fmt: skip
    mix: Tree = {"AudioSource": "low1.wav", "EffectConfig": effects}

    made = transcode(_bucket(media, tmp_path), Video=_FAST, Audio={}, AudioMix=mix)

    begin, early, middle, late, end = _heard(made.path, _LOW, (0, 0.2, 0.9, 1.6, 1.8))
    assert begin < early / 2
    assert early < middle / 1.5
    assert middle == pytest.approx(_SOURCE_LEVEL, rel=0.1)
    assert late < middle / 1.5
    assert end < late / 2
    assert _heard(made.path, _OWN) == pytest.approx([_SOURCE_LEVEL] * 4, rel=0.1)


def test_transcode_mixes_two_tracks_at_once(media: MediaFolder, tmp_path: Path) -> None:
    """Two tracks sound at the same time, each by its own mode; one that replaces is enough."""
    tracks: list[str | Tree] = [
        {"AudioSource": "low1.wav", "MixMode": "Once", "Replace": "true"},
        {"AudioSource": "high1.wav"},
    ]

    made = transcode(_bucket(media, tmp_path), Video=_FAST, Audio={}, AudioMixArray=tracks)

    assert _pattern(made.path, _OWN) == "----"
    assert _pattern(made.path, _LOW) == "++--"
    assert _pattern(made.path, _HIGH) == "++++"


def test_transcode_fades_one_track_into_the_next(media: MediaFolder, tmp_path: Path) -> None:
    """With a cross-fade the second track follows the first, and is repeated to the end."""
    fade = {"EnableBgmFade": "true", "BgmFadeTime": "0.4"}
    tracks: list[str | Tree] = [
        {"AudioSource": "low1.wav", "EffectConfig": fade}, {"AudioSource": "high1.wav"},
    ]  # fmt: skip

    made = transcode(_bucket(media, tmp_path), Video=_FAST, Audio={}, AudioMixArray=tracks)

    first, second = (_heard(made.path, hertz, (0.2, 0.7, 1.2, 1.7)) for hertz in (_LOW, _HIGH))
    assert first[0] == pytest.approx(_SOURCE_LEVEL, rel=0.1)
    assert second[0] < _SILENT
    assert 0.01 < first[1] < 0.12
    assert 0.01 < second[1] < 0.12
    assert first[2] < _SILENT
    assert second[2:] == pytest.approx([_SOURCE_LEVEL] * 2, rel=0.1)


def test_transcode_mixes_into_a_silent_video(media: MediaFolder, tmp_path: Path) -> None:
    """Background sound becomes the sound of a video that has none."""
    workspace = _bucket(media, tmp_path, "silent.mp4")

    made = transcode(workspace, Video=_FAST, Audio={}, AudioMix={"AudioSource": "low1.wav"})

    assert made.codecs == ["h264", "aac"]
    assert _pattern(made.path, _LOW) == "++++"


def test_transcode_mixes_into_sound_alone(media: MediaFolder, tmp_path: Path) -> None:
    """Sound of its own stays as long as it is, whatever replaces it."""
    mix = {"AudioSource": "low1.wav", "MixMode": "Once", "Replace": "true"}

    made = transcode(_bucket(media, tmp_path, "sound.mp3"), "mp3", AudioMix=mix)

    assert made.seconds == pytest.approx(2, abs=0.1)
    assert _pattern(made.path, _LOW) == "++--"


def test_transcode_mixes_into_both_tracks(media: MediaFolder, tmp_path: Path) -> None:
    """Where two tracks are kept, the background is heard in both."""
    audio = {"KeepTwoTracks": "true"}
    workspace = _bucket(media, tmp_path, "two_tracks.mkv")

    made = transcode(workspace, "mkv", Audio=audio, AudioMix={"AudioSource": "low9.wav"})

    assert made.codecs == ["aac", "aac"]
    for track, own in enumerate((440, 880)):
        sound = samples(made.path, track)
        assert min(tone(sound, own, 1), tone(sound, _LOW, 1)) > _LOUD


def test_transcode_mix_is_cut_with_the_video(media: MediaFolder, tmp_path: Path) -> None:
    """Background sound begins with the part that is taken, and ends with it."""
    made = transcode(
        _bucket(media, tmp_path),
        Video=_FAST,
        Audio={},
        AudioMix={"AudioSource": "low1.wav", "MixMode": "Once"},
        TimeInterval={"Start": "0.5", "Duration": "1.2"},
    )

    assert made.seconds == pytest.approx(1.2, abs=0.1)
    assert _heard(made.path, _LOW, (0.1, 0.7)) == pytest.approx([_SOURCE_LEVEL] * 2, rel=0.1)


def test_transcode_mix_has_no_effect_without_sound(media: MediaFolder, tmp_path: Path) -> None:
    """As the vendor documents it, a mix is for outputs that keep sound."""
    audio = {"Remove": "true"}

    made = transcode(
        _bucket(media, tmp_path), Video=_FAST, Audio=audio, AudioMix={"AudioSource": "gone.wav"}
    )

    assert made.codecs == ["h264"]


@pytest.mark.parametrize(
    ("mix", "error", "named"),
    [
        ({"AudioMix": {"AudioSource": "gone.wav"}}, ObjectNotFoundError, "gone.wav"),
        ({"AudioMix": {"AudioSource": "broken.mp3"}}, UnsupportedInputError, "broken.mp3"),
        ({"AudioMix": {"AudioSource": "silent.mp4"}}, UnsupportedInputError, "has no sound"),
        (
            {
                "AudioMixArray": [
                    {"AudioSource": "low1.wav"},
                    {
                        "AudioSource": "high9.wav",
                        "EffectConfig": {"EnableBgmFade": "true", "BgmFadeTime": "1.5"},
                    },
                ]
            },
            InvalidParamsError,
            "BgmFadeTime is 1.5 s, low1.wav is 1 s",
        ),
    ],
)
def test_transcode_fails_on_background_that_cannot_be_mixed(
    media: MediaFolder,
    tmp_path: Path,
    mix: dict[str, Value],
    error: type[OperationError],
    named: str,
) -> None:
    """A track that is missing, broken, silent or too short fails the object."""
    workspace = _bucket(media, tmp_path)
    (tmp_path / "broken.mp3").write_bytes(b"ID3 and nothing else")
    (tmp_path / "silent.mp4").symlink_to(media.path("silent.mp4"))

    with pytest.raises(error, match=named):
        transcode(workspace, Video=_FAST, Audio={}, **mix)

    assert workspace.published_paths == []


@pytest.mark.parametrize(
    ("leaves", "own", "low"),
    [
        ({"AudioSource": "low1.wav"}, "++++", "++++"),
        ({"AudioSource": "low1.wav", "Replace": "true", "MixMode": "Once"}, "----", "++--"),
    ],
)
def test_concat_mixes_under_all_pieces(
    media: MediaFolder, tmp_path: Path, leaves: Tree, own: str, low: str
) -> None:
    """Background sound runs through what is joined, from its beginning to its end."""
    workspace = _bucket(media, tmp_path)
    tree: Tree = {
        "ConcatTemplate": {
            "ConcatFragment": {"Url": "clip.mp4"},
            "Container": {"Format": "mp4"},
            "Video": _FAST,
            "AudioMix": leaves,
        }
    }

    result = CONCAT.run(CONCAT.parse(tree), workspace)

    made = Made(workspace.published / result.outputs[0].key)
    assert made.seconds == pytest.approx(4, abs=0.1)
    assert _pattern(made.path, _OWN) == own
    assert _pattern(made.path, _LOW) == low
