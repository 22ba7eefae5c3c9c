"""Marks, background sound and subtitles: what their params may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.trees import Tree, Value
from penstock.operations._image_geometry import Size
from penstock.operations._image_steps import Gravity
from penstock.operations._transcode_params import Params
from penstock.operations._watermark_params import (
    FONTS,
    PictureContent,
    Sizing,
    TextContent,
    Watermark,
)
from penstock.operations._watermark_pictures import Canvas, shown_size

_BASE: Tree = {"Pos": "TopLeft", "LocMode": "Absolute", "Dx": "1", "Dy": "2"}
_IMAGE = {"Url": "a.png", "Mode": "Original", "Transparency": "100"}
_TEXT = {
    "Text": "abc", "FontSize": "20", "FontType": "simfang.ttf", "FontColor": "0x000000",
    "Transparency": "30",
}  # fmt: skip


def _picture(*, outer: Tree | None = None, **leaves: str) -> Tree:
    return {"Type": "Image", **_BASE, **(outer or {}), "Image": {**_IMAGE, **leaves}}


def _text(*, outer: Tree | None = None, **leaves: str) -> Tree:
    return {"Type": "Text", **_BASE, **(outer or {}), "Text": {**_TEXT, **leaves}}


def _parse(beside: Tree, *, codec: str = "H.264", audio: Value = "") -> Params:
    block: Tree = {"Container": {"Format": "mp4"}, "Video": {"Codec": codec}, "Audio": audio}
    return Params.parse({"Transcode": block, **beside})


def _mark(tree: Tree) -> Watermark:
    (mark,) = _parse({"Watermark": tree}).watermarks
    return mark


@pytest.mark.parametrize(
    ("tree", "named"),
    [
        ({**_picture(), "Type": ""}, r"Watermark\[0\].Type must be Text or Image"),
        ({**_picture(), "Type": "Film"}, "Type must be one of"),
        (_picture(outer={"Pos": ""}), "Pos must be given"),
        (_picture(outer={"Pos": "Middle"}), "Pos must be one of"),
        (_picture(outer={"LocMode": ""}), "LocMode must be given"),
        (_picture(outer={"LocMode": "Percent"}), "LocMode must be one of"),
        (_picture(outer={"Dx": "-1"}), "Dx must be a number from 0 to 4096"),
        (_picture(outer={"Dy": "4097"}), "Dy must be a number from 0 to 4096"),
        (_picture(outer={"LocMode": "Relativity", "Dx": "101"}), "Dx must be .* 0 to 100"),
        (_picture(outer={"Dx": "1"}, Background="true"), "Dx must be .* -4096 to 0"),
        (
            _picture(outer={"LocMode": "Relativity", "Dx": "-301"}, Background="true"),
            "Dx must be a number from -300 to 0",
        ),
        (_picture(outer={"StartTime": "-1"}), "StartTime"),
        (_picture(outer={"StartTime": "2", "EndTime": "2"}), "EndTime must be above StartTime"),
        (_picture(outer={"SlideConfig": {"SlideMode": "Jump"}}), "SlideMode must be one of"),
        (_picture(outer={"SlideConfig": {"XSlideSpeed": "11"}}), "XSlideSpeed"),
        (_picture(outer={"SlideConfig": {"YSlideSpeed": "0.5"}}), "YSlideSpeed"),
        (
            _picture(
                outer={"Dx": "0", "Dy": "0", "SlideConfig": {"SlideMode": "ScrollFromLeft"}},
                Background="true",
            ),
            "SlideMode must be Default where the picture is a background",
        ),
        (_picture(Url=""), "Image.Url must be given"),
        (_picture(Mode=""), "Image.Mode must be given"),
        (_picture(Mode="Stretch"), "Image.Mode must be one of"),
        (_picture(Width="100"), "Image.Width must be absent"),
        (_picture(Mode="Fixed"), "Image.Width or Height must be given"),
        (_picture(Mode="Fixed", Width="7"), "Image.Width must be a number from 8 to 4096"),
        (_picture(Mode="Fixed", Height="4097"), "Image.Height must be a number from 8 to 4096"),
        (_picture(Mode="Proportion", Width="0"), "Image.Width must be a number from 1 to 100"),
        (_picture(Mode="Proportion", Width="101"), "Image.Width must be a number from 1 to 100"),
        (
            _picture(
                outer={"Dx": "0", "Dy": "0"}, Mode="Proportion", Width="99", Background="true"
            ),
            "Image.Width must be a number from 100 to 300",
        ),
        (_picture(Transparency=""), "Image.Transparency must be given"),
        (_picture(Transparency="0"), "Image.Transparency must be a whole number from 1 to 100"),
        (_text(Text=""), "Text.Text must be given"),
        (_text(Text="a" * 65), "Text.Text must be at most 64 printable letters"),
        (_text(Text="a\tb"), "Text.Text must be at most 64 printable letters"),
        (_text(FontSize="4"), "Text.FontSize must be a whole number from 5 to 100"),
        (_text(FontSize="101"), "Text.FontSize"),
        (_text(FontSize=""), "Text.FontSize must be given"),
        (_text(FontType="comic.ttf"), "Text.FontType must be one of simfang"),
        (_text(FontType=""), "Text.FontType must be given"),
        (_text(FontColor="red"), "Text.FontColor must be a colour 0xRRGGBB"),
        (_text(FontColor=""), "Text.FontColor must be given"),
        (_text(Transparency="101"), "Text.Transparency"),
    ],
)
def test_marks_refuse_wrong_params(tree: Tree, named: str) -> None:
    """What is missing, out of range or does not go together is named."""
    with pytest.raises(InvalidArgumentError, match=named):
        _parse({"Watermark": tree})


@pytest.mark.parametrize(
    ("beside", "named"),
    [
        ({"Watermark": [_text()] * 4}, "Watermark must be given at most 3 times, not 4"),
        ({"Watermark": "a.png"}, "Watermark must be a block"),
        ({"WatermarkTemplateId": "t1"}, "WatermarkTemplateId must be the id of a template"),
        ({"AudioMix": {"AudioSource": "a.mp3"}}, "Audio must be given where there is an AudioMix"),
        ({"Subtitles": {"Subtitle": {"Url": ""}}}, "Subtitle"),
        ({"Subtitles": {"Subtitle": {"Url": "a", "FontSize": "3"}}}, "FontSize"),
        ({"Subtitles": {"Subtitle": {"Url": "a", "VMargin": "-1"}}}, "VMargin"),
        ({"Subtitles": {"Subtitle": {"Url": "a", "OutlineColor": "0x1"}}}, "OutlineColor"),
        ({"Subtitles": {"Subtitle": [{"Url": "a"}] * 9}}, "Subtitle must be given at most 8"),
        ({"RemoveWatermark": {"Dx": "1"}}, "RemoveWatermark.Dy must be given"),
        (
            {"RemoveWatermark": {"Dx": "0", "Dy": "0", "Width": "0", "Height": "4097"}},
            "RemoveWatermark.Width must be .* 1 to 4096.*RemoveWatermark.Height must be",
        ),
        (
            {
                "RemoveWatermark": {
                    "Dx": "0", "Dy": "0", "Width": "9", "Height": "9", "Startime": "5",
                    "Endtime": "4",
                }
            },
            "Endtime must be above Startime",
        ),
    ],
)  # fmt: skip
def test_companions_refuse_wrong_params(beside: Tree, named: str) -> None:
    """Everything beside the block is checked as well."""
    with pytest.raises(InvalidArgumentError, match=named):
        _parse(beside)


@pytest.mark.parametrize(
    ("mix", "named"),
    [
        ({"AudioMix": {"MixMode": "Once"}}, "AudioSource must be given"),
        ({"AudioMix": {"AudioSource": "a", "MixMode": "Twice"}}, "MixMode must be one of"),
        ({"AudioMix": {"AudioSource": "a", "Replace": "1"}}, "Replace must be one of"),
        ({"AudioMix": [{"AudioSource": "a"}] * 2}, "AudioMix must be given at most 1 times"),
        ({"AudioMixArray": [{"AudioSource": "a"}] * 3}, "AudioMixArray must be .* 2 times"),
        ({"AudioMix": "a.mp3"}, "AudioMix must be a block"),
        (
            {"AudioMix": {"AudioSource": "a", "EffectConfig": {"EnableStartFadein": "true"}}},
            "StartFadeinTime must be given where EnableStartFadein is true",
        ),
        (
            {"AudioMix": {"AudioSource": "a", "EffectConfig": {"EndFadeoutTime": "0"}}},
            "EndFadeoutTime must be a number above 0",
        ),
    ],
)
def test_mix_refuses_wrong_params(mix: Tree, named: str) -> None:
    """A background track names its source, and a fade its length."""
    with pytest.raises(InvalidArgumentError, match=named):
        _parse(mix, audio={"Codec": "aac"})


@pytest.mark.parametrize(
    ("beside", "named"),
    [
        (
            {"Watermark": _text(outer={"SlideConfig": {"SlideMode": "ScrollFromLeft"}})},
            "SlideMode must be Default for H.265",
        ),
        (
            {"RemoveWatermark": {"Dx": "1", "Dy": "1", "Width": "9", "Height": "9"}},
            "RemoveWatermark must be absent: it is not for H.265",
        ),
    ],
)
def test_marks_of_h265_neither_slide_nor_are_wiped(beside: Tree, named: str) -> None:
    """What the vendor does not offer for H.265 is refused, not left out."""
    with pytest.raises(InvalidArgumentError, match=named):
        _parse(beside, codec="H.265")


@pytest.mark.parametrize(
    ("name", "value"),
    [("Watermark", _text()), ("Subtitles", {"Subtitle": {"Url": "a.srt"}})],
)
def test_marks_need_pictures(name: str, value: Tree) -> None:
    """Nothing can be drawn where the output has no video."""
    tree: Tree = {"Transcode": {"Container": {"Format": "mp3"}}, name: value}

    with pytest.raises(InvalidArgumentError, match=f"{name} must be absent"):
        Params.parse(tree)


def test_marks_may_stand_in_the_block_or_beside_it() -> None:
    """Jobs have them beside the block, workflow files inside; those beside win."""
    wipe = {"Dx": "1", "Dy": "2", "Width": "3", "Height": "4"}
    inner: Tree = {
        "Container": {"Format": "mp4"}, "Video": {"Codec": "H.264"}, "Watermark": _text(),
        "Subtitles": {"Subtitle": {"Url": "a.srt"}}, "RemoveWatermark": wipe,
    }  # fmt: skip

    alone = Params.parse({"Transcode": inner})
    both = Params.parse({"Transcode": inner, "Watermark": [_picture(), _text()]})

    assert [len(one.watermarks) for one in (alone, both)] == [1, 2]
    assert len(alone.subtitles) == 1
    assert alone.video is not None
    assert alone.video.delogo is not None
    assert (alone.video.delogo.left, alone.video.delogo.height) == (1, 4)


def test_wiping_can_be_switched_off() -> None:
    """The older name of the block has a switch; without it nothing is wiped."""
    for switch in ("", "false"):
        video = _parse({"DelogoParam": {"Switch": switch, "Dx": "", "Dy": "7"}}).video
        assert video is not None
        assert video.delogo is None


def test_mix_array_wins_over_the_single_mix() -> None:
    """Where both are sent, the array counts."""
    both: Tree = {
        "AudioMix": {"AudioSource": "a.mp3"},
        "AudioMixArray": {"AudioSource": "b.mp3", "MixMode": "ONCE", "Replace": "True"},
    }

    mix = _parse(both, audio={"Codec": "aac"}).mix

    assert mix is not None
    assert [track.url for track in mix.tracks] == ["b.mp3"]
    assert mix.replaces_source
    assert not mix.tracks[0].is_repeated


@given(
    offsets=st.tuples(st.integers(0, 100), st.integers(0, 100)),
    opacity=st.integers(1, 100),
    size=st.integers(5, 100),
    font=st.sampled_from([*FONTS, "SIMHEI.TTF"]),
    text=st.text(
        st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=64
    ),
    words=st.tuples(
        st.sampled_from(["TopLeft", "top", "BOTTOMRIGHT", "center"]),
        st.sampled_from(["Relativity", "absolute"]),
    ),
)
def test_text_marks_read_back_every_valid_value(
    offsets: tuple[int, int],
    opacity: int,
    size: int,
    font: str,
    text: str,
    words: tuple[str, str],
) -> None:
    """Values within bounds are taken as they are, words in any case."""
    dx, dy = offsets
    outer: Tree = {"Pos": words[0], "LocMode": words[1], "Dx": str(dx), "Dy": str(dy)}

    mark = _mark(
        _text(outer=outer, Text=text, FontSize=str(size), FontType=font, Transparency=str(opacity))
    )

    assert isinstance(mark.content, TextContent)
    assert (mark.dx, mark.dy, mark.opacity, mark.content.pixels) == (dx, dy, opacity, size)
    assert mark.content.text == text
    assert mark.content.font.lower() == font.lower()
    assert mark.is_percent == (words[1] == "Relativity")


@given(side=st.integers(8, 4096), height=st.integers(8, 4096))
def test_fixed_marks_read_back_every_valid_size(side: int, height: int) -> None:
    """Sides within bounds are taken as they are."""
    content = _mark(_picture(Mode="fixed", Width=str(side), Height=str(height))).content

    assert isinstance(content, PictureContent)
    assert (content.sizing, content.width, content.height) == (Sizing.FIXED, side, height)


@given(
    percent=st.integers(1, 100), width=st.integers(1, 2000), height=st.integers(1, 2000),
    is_wide=st.booleans(),
)  # fmt: skip
def test_marks_keep_their_proportions(
    percent: int, width: int, height: int, *, is_wide: bool
) -> None:
    """One side alone is as asked for, the other follows to the nearest pixel."""
    sides = (percent, None) if is_wide else (None, percent)
    content = PictureContent(
        url="a", sizing=Sizing.PROPORTION, width=sides[0], height=sides[1], is_background=False
    )
    asked = (1000 if is_wide else 500) * percent / 100
    other = asked * height / width if is_wide else asked * width / height

    if round(other) > 4096:
        return
    found = shown_size(content, Size(width, height), Canvas(Size(1000, 500)))

    pair = found if is_wide else Size(found.height, found.width)
    assert pair.width == max(round(asked), 1)
    assert pair.height == max(round(other), 1)


def test_marks_default_to_the_documented_values() -> None:
    """What is left out means what the vendor documents."""
    mark = _mark({**_picture(), "Dx": "", "Dy": ""})

    assert (mark.dx, mark.dy, mark.gravity) == (0, 0, Gravity.NORTHWEST)
    assert (mark.span.start_seconds, mark.span.end_seconds) == (0, None)
    assert mark.slide is None
    assert not mark.is_background
