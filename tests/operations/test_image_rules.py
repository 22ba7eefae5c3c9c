"""The rule language: what each spelling means, and that anything else is refused by name."""

from base64 import b64encode, urlsafe_b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import InvalidArgumentError
from penstock.operations._image_rules import parse_rule
from penstock.operations._image_steps import (
    AutoOrient,
    BlindKind,
    BlindMark,
    Blur,
    Bright,
    Contrast,
    Crop,
    Cut,
    Fit,
    Flip,
    Gravity,
    Oversize,
    Pad,
    PictureMark,
    Placement,
    Quality,
    QualityMode,
    Resize,
    Rotate,
    Round,
    Rule,
    Saving,
    ScaleBy,
    Sharpen,
    Step,
    TextMark,
)

WORDS = st.sampled_from(
    "imageMogr2 imageView2 watermark imageInfo exif | / // 1 2 3 0 -1 300x200 !50p !x5p x 5@ "
    "thumbnail crop cut pad color gravity center dx dy iradius rradius rotate auto-orient flip "
    "blur 3x1.5 quality 80! rquality format webp size-limit 10k! strip cgif interlace text "
    "image fill IzAwZmYwMA== w h q % %7C ² ٣ é style ci-process=x scrop imageSlim "
    "AIGCMetadata Label ContentProducer ProduceID YQ psd svgc type level version 1.0".split()
)


def encoded(text: str) -> str:
    """URL-safe base64 without padding, as the grammar wants it."""
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("verbs", "steps"),
    [
        ("thumbnail/300x", [Resize(fit=Fit.INSIDE, width=300)]),
        ("thumbnail/!75p", [Resize(fit=Fit.PERCENT, width=75, height=75)]),
        ("thumbnail/!75px", [Resize(fit=Fit.PERCENT, width=75)]),
        ("thumbnail/!x75p", [Resize(fit=Fit.PERCENT, height=75)]),
        ("thumbnail/5000@", [Resize(fit=Fit.AREA, width=5000)]),
        ("thumbnail/30x40!", [Resize(fit=Fit.EXACT, width=30, height=40)]),
        ("thumbnail/!30x40r", [Resize(fit=Fit.COVER, width=30, height=40)]),
        ("thumbnail/30x40%3E", [Resize(fit=Fit.INSIDE_SHRINK, width=30, height=40)]),
        ("thumbnail/20000x40", [Resize(fit=Fit.INSIDE, width=10_000, height=40)]),
        ("cut/30x40x1x2", [Cut(width=30, height=40, left=1, top=2)]),
        ("crop/30x", [Crop(width=30)]),
        (
            "crop/30x40/gravity/SouthEast/dx/5/dy/6",
            [Crop(width=30, height=40, gravity=Gravity.SOUTHEAST, dx=5, dy=6)],
        ),
        ("gravity/center/crop/x40", [Crop(height=40, gravity=Gravity.CENTER)]),
        ("iradius/9", [Round(radius=9, is_circle=True)]),
        ("rradius/9", [Round(radius=9, is_circle=False)]),
        ("rotate/90/flip/vertical", [Rotate(degrees=90), Flip(is_vertical=True)]),
        ("auto-orient/flip/horizontal", [AutoOrient(), Flip(is_vertical=False)]),
        ("blur/8x5", [Blur(radius=8, sigma=5)]),
        ("sharpen/70/bright/-10", [Sharpen(percent=70), Bright(percent=-10)]),
        ("contrast/100/grayscale/0", [Contrast(percent=100)]),
        (
            f"thumbnail/30x40/pad/1/color/{encoded('#00ff00')}",
            [
                Resize(fit=Fit.INSIDE, width=30, height=40),
                Pad(width=30, height=40, colour=(0, 255, 0)),
            ],
        ),
        ("thumbnail/30x40/pad/0", [Resize(fit=Fit.INSIDE, width=30, height=40)]),
    ],
)
def test_mogr_verbs_become_steps(verbs: str, steps: list[Step]) -> None:
    """Each verb becomes its step, in the order written."""
    assert list(parse_rule(f"imageMogr2/{verbs}").steps) == steps


@pytest.mark.parametrize(
    ("verbs", "saving"),
    [
        ("format/webp", Saving(format="webp")),
        ("format/JPG/interlace/1", Saving(format="jpg", is_interlaced=True)),
        ("quality/80", Saving(quality=Quality(value=80, mode=QualityMode.AT_MOST))),
        ("quality/80!", Saving(quality=Quality(value=80, mode=QualityMode.FORCED))),
        ("rquality/80", Saving(quality=Quality(value=80, mode=QualityMode.RELATIVE))),
        ("lquality/80", Saving(quality=Quality(value=80, mode=QualityMode.AT_LEAST))),
        ("strip", Saving(is_stripped=True)),
        ("size-limit/15k", Saving(limit_bytes=15 << 10)),
        ("size-limit/2M!", Saving(limit_bytes=2 << 20, keeps_smaller_source=True)),
        ("ignore-error/1", Saving(ignores_errors=True)),
        ("cgif/1", Saving(animation_frames=30)),
        ("cgif/12/", Saving(animation_frames=12)),
    ],
)
def test_mogr_verbs_set_how_the_result_is_saved(verbs: str, saving: Saving) -> None:
    """Verbs about the file become settings and no steps."""
    assert parse_rule(f"imageMogr2/{verbs}") == Rule(saving=saving)


def test_view_parameters_set_how_the_result_is_saved() -> None:
    """`imageView2` has its own short names for the settings of the file."""
    rule = parse_rule("imageView2/2/w/100/format/png/q/85!/interlace/1")

    assert rule.steps == (Resize(fit=Fit.INSIDE_SHRINK, width=100),)
    assert rule.saving.format == "png"
    assert rule.saving.quality == Quality(value=85, mode=QualityMode.FORCED)
    assert rule.saving.is_interlaced


def test_picture_mark_is_read_whole() -> None:
    """Every parameter of `watermark/1` finds its place."""
    url = encoded("http://b.example/logo.png")
    rule = parse_rule(
        f"watermark/1/image/{url}/gravity/north/dx/1/dy/2/blogo/1/scatype/3/spcent/250"
        "/dissolve/50/batch/1/degree/45"
    )

    placement = Placement(gravity=Gravity.NORTH, dx=1, dy=2, opacity=50, is_tiled=True, degrees=45)
    assert rule.steps == (
        PictureMark(
            url="http://b.example/logo.png",
            placement=placement,
            oversize=Oversize.SCALE,
            scale_by=ScaleBy.AREA,
            permille=250,
        ),
    )


def test_blind_mark_is_read_whole() -> None:
    """Every parameter of `watermark/3` and `/4` finds its place; some have no effect."""
    url = encoded("http://b.example/logo.png")

    full = parse_rule(f"watermark/3/type/2/image/{url}/level/3/version/2.0|imageMogr2/quality/90")
    text = parse_rule(f"watermark/3/type/3/text/{encoded('数 ok')}/version/2.0/level/2")
    reading = parse_rule(f"watermark/4/type/3/text/{encoded('any')}/version/3.0")

    mark = BlindMark(kind=BlindKind.FULL, url="http://b.example/logo.png", level=3)
    assert full.steps == (mark,)
    assert full.makes_picture
    assert text.steps == (BlindMark(kind=BlindKind.TEXT, text="数 ok", least_side=512),)
    assert reading.reading == BlindMark(kind=BlindKind.TEXT)
    assert not reading.makes_picture


@pytest.mark.parametrize("padding", ["", "=", "=="])
def test_base64_is_read_with_or_without_padding(padding: str) -> None:
    """Base64 arguments are understood whether or not they are padded."""
    rule = parse_rule(f"watermark/2/text/{encoded('数据 ok')}{padding}/font/{encoded('SimHei')}")

    mark = rule.steps[0]
    assert isinstance(mark, TextMark)
    assert (mark.text, mark.font, mark.points) == ("数据 ok", "SimHei", 13)


@pytest.mark.parametrize("text", ["ÿÿÿ?>ïï", "a?b?c??", "第一行\n？？"])
@pytest.mark.parametrize("behind", ["", "/fontsize/40", "/dx/5"])
def test_base64_with_slashes_is_read_whole(text: str, behind: str) -> None:
    """The slashes of the other alphabet do not end a text."""
    word = b64encode(text.encode()).decode()

    (mark,) = parse_rule(f"watermark/2/text/{word}{behind}").steps
    labelled = parse_rule(
        f"imageMogr2/AIGCMetadata/Label/MQ/ContentProducer/{word}/ProduceID/{word}/format/png"
    ).saving

    assert isinstance(mark, TextMark)
    assert mark.text == text
    assert labelled.format == "png"
    assert dict(labelled.label) == {"Label": "1", "ContentProducer": text, "ProduceID": text}


def test_unknown_name_behind_base64_is_named() -> None:
    """A name that is misspelt is not taken for more of the text before it."""
    with pytest.raises(InvalidArgumentError, match="fontsiz: there is no such parameter"):
        parse_rule(f"watermark/2/text/{encoded('数据')}/fontsiz/40")


def test_stages_become_one_list_of_steps() -> None:
    """A pipeline keeps the order of its stages, and the last setting of the file holds."""
    rule = parse_rule(
        f"imageMogr2/rotate/90/format/png|imageView2/2/w/50%7Cwatermark/2/text/{encoded('a')}"
        "|imageMogr2/format/webp"
    )

    assert [type(step) for step in rule.steps] == [Rotate, Resize, TextMark]
    assert rule.saving.format == "webp"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("", ["a stage must begin with one of imageMogr2"]),
        ("imageMogr3/strip", ["not 'imageMogr3'"]),
        ("imageMogr2", ["imageMogr2: at least one verb"]),
        ("imageMogr2/rotate/361", ["rotate must be a whole number from 0 to 360, not '361'"]),
        ("imageMogr2/rotate", ["rotate must be", "not ''"]),
        ("imageMogr2/thumbnail/0x", ["thumbnail must be one of !Sp"]),
        ("imageMogr2/thumbnail/x", ["thumbnail must be one of !Sp"]),
        ("imageMogr2/crop/0x0", ["crop must be WxH"]),
        ("imageMogr2/cut/10x10", ["cut must be WxHxDXxDY"]),
        ("imageMogr2/pad/1", ["pad needs a thumbnail/WxH"]),
        ("imageMogr2/blur/51x1", ["blur must be RxS"]),
        ("imageMogr2/quality/101", ["quality must be a whole number from 0 to 100"]),
        ("imageMogr2/size-limit/10", ["size-limit must be Nk or Nm"]),
        ("imageMogr2/AIGCMetadata/Label/YQ", ["ContentProducer must be", "ProduceID must be"]),
        ("imageMogr2/AIGCMetadata/Label/!!", ["AIGCMetadata/Label must be URL-safe base64"]),
        ("imageSlim/3", ["imageSlim: it takes no arguments"]),
        ("imageMogr2/format/xyz", ["format must be one of jpg"]),
        ("imageMogr2/gravity/middle", ["gravity must be one of northwest"]),
        ("imageMogr2/thumbnail/9x9/color/Zm9v", ["color must be base64 of #RRGGBB"]),
        ("imageMogr2/spin/3/rotate/999", ["spin: there is no such verb", "rotate must be"]),
        ("imageView2/6/w/1", ["mode must be a whole number from 1 to 5"]),
        ("imageView2", ["a mode from 1 to 5 must be given"]),
        ("imageView2/w/100", ["a mode from 1 to 5 must be given with w or h"]),
        ("imageView2/1/width/3/w/0", ["width: there is no such parameter", "w must be"]),
        ("watermark/5", ["watermark/5: a watermark is 1 for a picture"]),
        ("watermark/1/dx/1", ["watermark/1: image must be given"]),
        ("watermark/1/image/YQ/scatype/3/spcent/251", ["at most 250"]),
        ("watermark/1/image/YQ/scatype/3", ["scatype and spcent must be given together"]),
        ("watermark/2/size/3", ["size: there is no such parameter", "text must be given"]),
        ("watermark/2/text/!!", ["text must be URL-safe base64"]),
        ("watermark/2/text/a", ["text must be URL-safe base64"]),
        ("watermark/2/text/_w", ["text must be URL-safe base64 of UTF-8"]),
        (f"watermark/2/text/{encoded('a' * 60)}/fontsize/1000", ["text must have at most"]),
        ("watermark/3", ["watermark/3: type must be given"]),
        ("watermark/3/type/4", ["type must be one of 1, 2, 3"]),
        ("watermark/3/type/1", ["watermark/3: image must be given"]),
        ("watermark/3/type/1/image/YQ/version/1.0", ["version must be absent with type/1"]),
        ("watermark/3/type/2/image/YQ/level/4", ["level must be a whole number from 1 to 3"]),
        ("watermark/3/type/2/image/YQ/version/3.0", ["version must be one of 1.0, 2.0 with"]),
        ("watermark/3/type/3/dx/3", ["dx: there is no such parameter", "text must be given"]),
        (f"watermark/3/type/3/text/{encoded('no blanks')}", ["letters A to Z and digits"]),
        (f"watermark/3/type/3/text/{encoded('数')}/version/1.0", ["with version/1.0"]),
        (f"watermark/3/type/3/text/{encoded('a' * 257)}", ["at most 256 characters"]),
        (f"watermark/3/type/3/text/{encoded('a' + chr(0))}/version/2.0", ["none of them U+0000"]),
        ("watermark/3/type/3/text/YQ|imageMogr2/thumbnail/9x", ["watermark/3 must be the last"]),
        ("watermark/3/type/3/text/YQ|watermark/3/type/3/text/YQ", ["must be the last step"]),
        ("imageMogr2/ignore-error/1|watermark/3/type/3/text/YQ", ["ignore-error must not be"]),
        ("imageMogr2/size-limit/9k!|watermark/3/type/3/text/YQ", ["size-limit/…! must not be"]),
        ("watermark/4/type/1", ["watermark/4: image must be given"]),
        ("watermark/4/type/3|imageMogr2/strip", ["watermark/4 must stand alone"]),
        ("imageMogr2/format/svgc/thumbnail/9x", ["format/svgc must stand alone"]),
        ("imageMogr2/format/svgc|imageMogr2/strip", ["format/svgc must stand alone"]),
        ("imageMogr2/ignore-error/1/format/svgc", ["format/svgc must stand alone"]),
        ("watermark/3/type/3/text/YQ|imageMogr2/format/svgc", ["format/svgc must stand alone"]),
        ("imageInfo|exif", ["imageInfo must stand alone", "exif must stand alone"]),
        ("|".join(["imageMogr2/strip"] * 11), ["at most 10 stages"]),
    ],
)
def test_faulty_rule_is_refused_by_name(rule: str, words: list[str]) -> None:
    """A faulty rule is refused with every fault: what was given and what is expected."""
    with pytest.raises(InvalidArgumentError) as caught:
        parse_rule(rule)

    for expected in words:
        assert expected in str(caught.value)


@pytest.mark.parametrize(
    "rule",
    [
        "imageMogr2/scrop/10x10",
        "imageMogr2/format/tpg",
        "style/mine",
        "ci-process=detect-label",
    ],
)
def test_what_is_not_offered_is_refused(rule: str) -> None:
    """Parts of the vendor's language that this build lacks are refused when submitted."""
    with pytest.raises(InvalidArgumentError, match="this build does not offer it"):
        parse_rule(rule)


@pytest.mark.parametrize(
    ("rule", "source", "expected"),
    [
        ("imageMogr2/format/webp", "jpg", "webp"),
        ("imageMogr2/format/yjpeg", "png", "jpg"),
        ("imageMogr2/strip", "jpeg", "jpeg"),
        ("imageInfo", "png", "json"),
        ("imageMogr2/format/svgc", "svg", "svg"),
        ("watermark/3/type/3/text/YQ", "jpg", "jpg"),
        ("watermark/4/type/2/image/YQ", "jpg", "png"),
        ("watermark/4/type/3", "jpg", "txt"),
    ],
)
def test_extension_follows_the_format(rule: str, source: str, expected: str) -> None:
    """`${Ext}` is the rule's format, else the source's own extension."""
    assert parse_rule(rule).extension(source) == expected


@given(st.text())
def test_arbitrary_text_is_parsed_or_refused(text: str) -> None:
    """No text makes the parser fail with anything but the error meant for it."""
    with suppress(InvalidArgumentError):
        assert parse_rule(text).extension("jpg")


@given(
    st.sampled_from(["imageMogr2", "imageView2", *(f"watermark/{kind}" for kind in range(1, 5))]),
    st.lists(WORDS | st.text(max_size=6), max_size=12),
)
def test_arbitrary_words_are_parsed_or_refused(stage: str, words: list[str]) -> None:
    """No sequence of known and unknown words makes the parser fail in another way."""
    with suppress(InvalidArgumentError):
        assert parse_rule("/".join([stage, *words])).extension("jpg")
