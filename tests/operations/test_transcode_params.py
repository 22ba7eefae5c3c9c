"""Transcode: what its params may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.trees import Tree, Value
from penstock.operations._transcode_params import Params
from penstock.operations._transcode_settings import Excess, Shape
from penstock.operations._transcode_tables import (
    CONTAINERS,
    SAMPLE_FORMATS,
    AudioCodec,
    VideoCodec,
    channel_counts,
    default_sample_rate,
    sample_rates,
)


def _tree(format_name: str = "mp4", /, **blocks: Value) -> Tree:
    """A node's tree; without other blocks it asks for video."""
    return {
        "Transcode": {"Container": {"Format": format_name}, **(blocks or {"Video": {"Fps": "25"}})}
    }


def _video(**leaves: str) -> Tree:
    return _tree(Video={"Codec": "H.264", **leaves})


@pytest.mark.parametrize(
    ("leaves", "named"),
    [
        ({"Codec": "VP9"}, "Video.Codec"),
        ({"Width": "126"}, "Video.Width"),
        ({"Width": "4098"}, "Video.Width"),
        ({"Height": "241"}, "Video.Height must be even"),
        ({"Fps": "0"}, "Video.Fps"),
        ({"Fps": "60.1"}, "Video.Fps"),
        ({"Bitrate": "9"}, "Video.Bitrate"),
        ({"Bitrate": "50001"}, "Video.Bitrate"),
        ({"Crf": "0"}, "Video.Crf"),
        ({"Crf": "51.5"}, "Video.Crf"),
        ({"Gop": "0"}, "Video.Gop"),
        ({"Gop": "100001"}, "Video.Gop"),
        ({"Preset": "placebo"}, "Video.Preset"),
        ({"Bufsize": "999"}, "Video.Bufsize"),
        ({"Maxrate": "50001"}, "Video.Maxrate"),
        ({"Profile": "high10"}, "Video.Profile"),
        ({"Pixfmt": "rgb24"}, "Video.Pixfmt"),
        ({"Rotate": "360"}, "Video.Rotate"),
        ({"Crop": "1:2:3"}, "Video.Crop"),
        ({"Crop": "0:2:3:4"}, "Video.Crop"),
        ({"Roi": "extreme"}, "Video.Roi"),
        ({"Remove": "perhaps"}, "Video.Remove"),
        ({"StdExtInfo": "single-pps=0"}, "Video.StdExtInfo"),
    ],
)
def test_transcode_refuses_wrong_video(leaves: dict[str, str], named: str) -> None:
    """What is out of range is named."""
    with pytest.raises(InvalidArgumentError, match=f"Transcode.{named}"):
        Params.parse(_video(**leaves))


@pytest.mark.parametrize(
    ("format_name", "leaves", "named"),
    [
        ("mp4", {"Codec": "opus"}, "Audio.Codec"),
        ("mp4", {"Samplerate": "44000"}, "Audio.Samplerate"),
        ("mp4", {"Codec": "mp3", "Samplerate": "8000"}, "Audio.Samplerate"),
        ("flv", {"Codec": "mp3", "Samplerate": "48000"}, "Audio.Samplerate"),
        ("ts", {"Codec": "mp3", "Samplerate": "96000"}, "Audio.Samplerate"),
        ("webm", {"Codec": "opus", "Samplerate": "44100"}, "Audio.Samplerate"),
        ("amr", {"Samplerate": "16000"}, "Audio.Samplerate"),
        ("mp4", {"Bitrate": "7"}, "Audio.Bitrate"),
        ("mp4", {"Bitrate": "1001"}, "Audio.Bitrate"),
        ("mp4", {"Channels": "3"}, "Audio.Channels"),
        ("webm", {"Channels": "1"}, "Audio.Channels"),
        ("amr", {"Channels": "2"}, "Audio.Channels"),
        ("mp4", {"SampleFormat": "s16"}, "Audio.SampleFormat"),
    ],
)
def test_transcode_refuses_wrong_audio(
    format_name: str, leaves: dict[str, str], named: str
) -> None:
    """Sound is held to the tables of its codec and container."""
    with pytest.raises(InvalidArgumentError, match=f"Transcode.{named}"):
        Params.parse(_tree(format_name, Audio=leaves))


@pytest.mark.parametrize(
    "blocks",
    [
        {"DigitalWatermark": {"Message": "m"}},
        {"AIGCMetadata": {"Label": "1"}},
        {"TransConfig": {"DashEncrypt": {"IsEncrypt": "true"}}},
        {"TransConfig": {"CosTag": "a"}},
    ],
)
def test_transcode_names_what_it_does_not_offer(blocks: dict[str, Value]) -> None:
    """Nothing that would change the result is ignored in silence."""
    inner = next(iter(blocks))

    with pytest.raises(InvalidArgumentError, match=rf"{inner}.*does not offer"):
        Params.parse(_tree(Video={"Fps": "25"}, **blocks))


@pytest.mark.parametrize("format_name", ["mxf", "gif"])
def test_transcode_refuses_other_containers(format_name: str) -> None:
    """A container that this build does not make is named, with those that it does."""
    with pytest.raises(InvalidArgumentError, match=rf"Container\.Format.*webm.*{format_name}"):
        Params.parse(_tree(format_name))


def test_transcode_names_all_faults_at_once() -> None:
    """One attempt at submitting tells everything that is wrong."""
    tree = _tree("mp4", Video={"Width": "1", "Fps": "99"}, Audio={"Bitrate": "1"})

    with pytest.raises(InvalidArgumentError) as caught:
        Params.parse(tree)

    assert len(caught.value.faults) == 3


def test_transcode_demands_something_to_make() -> None:
    """Neither video nor sound is no request."""
    for blocks in ({"Video": ""}, {"Video": {"Remove": "true"}, "Audio": {"Remove": "true"}}):
        with pytest.raises(InvalidArgumentError, match="Video or Audio"):
            Params.parse(_tree("mp4", **blocks))


def test_transcode_of_sound_alone_needs_no_block() -> None:
    """A container of sound alone means sound; pictures for it are refused."""
    audio = Params.parse(_tree("mp3", Video={"Remove": "true"})).audio

    assert audio is not None
    assert audio.codec is AudioCodec.MP3
    with pytest.raises(InvalidArgumentError, match=r"Transcode\.Video must be absent"):
        Params.parse(_tree("mp3", Video={"Codec": "H.264"}))


def test_transcode_takes_what_clients_send() -> None:
    """Empty elements are absent, case does not matter, hints and old names are understood."""
    tree = {
        **_tree(
            "hls",
            Video={
                "Codec": "h.264", "Width": "", "Fps": "", "Profile": "", "Bitrate": "1000",
                "Maxrate": "10", "Bufsize": "1000", "Remove": "false", "HlsTsTime": "7",
                "LongShortMode": "false",
            },
            Audio={"Codec": "AAC", "Samplerate": "44100", "Channels": "4", "Remove": ""},
            TransConfig={"HlsEncrypt": {"IsHlsEncrypt": "false"}, "AdjDarMethod": ""},
            Subtitle={"Remove": "true"},
        ),
        "FreeTranscode": "true", "TranscodeConfig": {"FreeTranscode": "true"}, "Watermark": "",
        "TemplateId": "",
    }  # fmt: skip

    params = Params.parse(tree)

    assert params.clip_seconds == 7
    assert params.video is not None
    assert (params.video.codec, params.video.kilobits) == (VideoCodec.H264, 1000)
    assert params.video.crf is None
    assert params.audio is not None
    assert params.audio.channels == 4


def test_transcode_defaults_are_the_documented_ones() -> None:
    """What is left out means what the vendor documents."""
    params = Params.parse(_tree("mp4", Video={"Codec": "H.264"}, Audio={"Codec": "aac"}))

    video, audio = params.video, params.audio
    assert video is not None
    assert audio is not None
    assert (video.crf, video.profile, video.preset) == (25.0, "high", "medium")
    assert (audio.sample_rate, audio.channels, audio.kilobits) == (44100, None, None)
    assert params.clip_seconds == 5
    assert params.adjustments.shape is Shape.NONE
    assert params.adjustments.resolution is Excess.ALLOW


@pytest.mark.parametrize(
    ("pixel_format", "profile", "expected"),
    [
        ("", "main", "main"),
        ("auto", "main", "main"),
        ("yuv444p", "high", ""),
        ("yuv422p", "high", ""),
        ("yuvj420p", "baseline", "baseline"),
    ],
)
def test_transcode_leaves_the_profile_where_pixels_rule_it(
    pixel_format: str, profile: str, expected: str
) -> None:
    """Pixels other than 4:2:0 decide the profile; `auto` forces it to `auto`."""
    video = Params.parse(_video(Pixfmt=pixel_format, Profile=profile)).video

    assert video is not None
    assert video.profile == ("" if pixel_format == "auto" else expected)


@pytest.mark.parametrize(
    ("leaves", "crf", "kilobits", "is_auto"),
    [
        ({}, 25, None, False),
        ({"Bitrate": "500"}, None, 500, False),
        ({"Bitrate": "500", "Crf": "30"}, 30, None, False),
        ({"Bitrate": "auto"}, 25, None, True),
    ],
)
def test_transcode_prefers_quality_to_bit_rate(
    leaves: dict[str, str], crf: float | None, kilobits: int | None, *, is_auto: bool
) -> None:
    """Crf wins over Bitrate; without either, and with `auto`, quality 25 is used."""
    video = Params.parse(_video(**leaves)).video

    assert video is not None
    assert (video.crf, video.kilobits, video.is_auto_bitrate) == (crf, kilobits, is_auto)


@given(
    width=st.integers(64, 2048).map(lambda half: half * 2),
    fps=st.integers(1, 60_000),
    kilobits=st.integers(10, 50_000),
    gop=st.integers(1, 100_000),
    degrees=st.integers(0, 359),
    crop=st.tuples(*[st.integers(1, 9999)] * 2, *[st.integers(0, 9999)] * 2),
)
def test_transcode_reads_back_every_valid_number(
    width: int, fps: int, kilobits: int, gop: int, degrees: int, crop: tuple[int, int, int, int]
) -> None:
    """Numbers within bounds are taken as they are."""
    video = Params.parse(
        _video(
            Width=str(width),
            Fps=str(fps / 1000),
            Bitrate=str(kilobits),
            Gop=str(gop),
            Rotate=str(degrees),
            Crop=":".join(map(str, crop)),
        )
    ).video

    assert video is not None
    assert (video.width, video.fps, video.kilobits, video.gop) == (
        width, fps / 1000, kilobits, gop,
    )  # fmt: skip
    assert (video.degrees, video.crop) == (degrees, crop)


@given(data=st.data())
def test_transcode_takes_sound_of_the_tables(data: st.DataObject) -> None:
    """Every combination that the tables allow is taken, in any case of letters."""
    name = data.draw(st.sampled_from(sorted(CONTAINERS)))
    codec = data.draw(st.sampled_from(CONTAINERS[name].audios))
    rate = data.draw(st.sampled_from(sample_rates(codec, name)))
    channels = data.draw(st.sampled_from(channel_counts(codec, name)))
    sample_format = data.draw(st.sampled_from(sorted(SAMPLE_FORMATS[codec])))

    audio = Params.parse(
        _tree(
            name.upper(),
            Audio={
                "Codec": data.draw(st.sampled_from([codec.upper(), codec.lower()])),
                "Samplerate": str(rate),
                "Channels": str(channels),
                "SampleFormat": sample_format,
            },
        )
    ).audio

    assert audio is not None
    assert (audio.codec, audio.sample_rate, audio.channels) == (codec, rate, channels)
    assert default_sample_rate(codec) in sample_rates(codec, name)
