"""Transcode: marks are seen where and when they are asked for, and nowhere else."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from penstock.domain.errors import (
    AttemptCancelledError,
    InputLimitError,
    InvalidParamsError,
    ObjectNotFoundError,
    OperationError,
    UnsupportedInputError,
)
from penstock.domain.trees import Tree, Value
from penstock.operations.base import Limits
from tests.operations.made_media import transcode
from tests.operations.made_signals import Box, coloured_box, likeness, pictures
from tests.operations.media_fixtures import FPS, MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

_FAST: Tree = {"Codec": "H.264", "Preset": "veryfast", "Crf": "10"}
_RED, _BLUE = (255, 0, 0), (0, 0, 255)
_WIDTH, _HEIGHT = 160, 120


def _bucket(media: MediaFolder, folder: Path, key: str = "numbered.mp4") -> FolderWorkspace:
    """A workspace whose bucket also holds a red picture of 40x20 pixels."""
    workspace = media.workspace(key, folder)
    Image.new("RGBA", (40, 20), _RED).save(folder / "red.png")
    return workspace


def _mark(position: str = "TopLeft", dx: str = "", dy: str = "", /, **leaves: Value) -> Tree:
    return {
        "Type": "Image", "Pos": position, "LocMode": "Absolute", "Dx": dx, "Dy": dy,
        "Image": {"Url": "red.png", "Mode": "Original", "Transparency": "100"}, **leaves,
    }  # fmt: skip


def _image(**leaves: str) -> Tree:
    return {"Url": "red.png", "Mode": "Original", "Transparency": "100", **leaves}


def _boxes(workspace: FolderWorkspace, *marks: Tree, video: Tree = _FAST) -> list[Box | None]:
    made = transcode(workspace, Video=video, Watermark=[*marks])
    return [coloured_box(picture, _RED) for picture in pictures(made.path)]


def _assert_near(box: Box | None, expected: tuple[int, int, int, int]) -> None:
    """Colours are stored for two pixels together, so that an edge may lie one beside."""
    assert box is not None
    assert np.abs(np.array(box) - np.array(expected)).max() <= 1


@pytest.mark.parametrize(
    ("position", "corner"),
    [
        ("TopLeft", (10, 6)),
        ("Top", (60, 6)),
        ("TopRight", (110, 6)),
        ("Left", (10, 50)),
        ("Center", (60, 50)),
        ("Right", (110, 50)),
        ("BottomLeft", (10, 94)),
        ("Bottom", (60, 94)),
        ("BottomRight", (110, 94)),
    ],
)
def test_transcode_mark_stands_at_every_position(
    media: MediaFolder, tmp_path: Path, position: str, corner: tuple[int, int]
) -> None:
    """Offsets go inwards from the named side, and have no effect along the middle."""
    first, *_, last = _boxes(_bucket(media, tmp_path), _mark(position, "10", "6"))

    for box in (first, last):
        _assert_near(box, (*corner, corner[0] + 40, corner[1] + 20))


@pytest.mark.parametrize(
    ("leaves", "expected"),
    [
        ({"LocMode": "Relativity", "Dx": "25", "Dy": "50"}, (40, 60, 80, 80)),
        ({"Image": _image(Mode="Fixed", Width="20")}, (0, 0, 20, 10)),
        ({"Image": _image(Mode="Fixed", Height="40")}, (0, 0, 80, 40)),
        ({"Image": _image(Mode="Fixed", Width="30", Height="30")}, (0, 0, 30, 30)),
        ({"Image": _image(Mode="Proportion", Width="50")}, (0, 0, 80, 40)),
        ({"Image": _image(Mode="Proportion", Height="50")}, (0, 0, 120, 60)),
        ({"Image": _image(Mode="Proportion", Width="100", Height="100")}, (0, 0, 160, 120)),
    ],
)
def test_transcode_mark_has_the_size_asked_for(
    media: MediaFolder, tmp_path: Path, leaves: dict[str, Value], expected: tuple[int, ...]
) -> None:
    """Sides are pixels or percent of the video's; one alone keeps the proportions."""
    box = _boxes(_bucket(media, tmp_path), _mark(**leaves))[0]

    left, top, right, bottom = expected
    _assert_near(box, (left, top, right, bottom))


def test_transcode_marks_follow_the_output_not_the_source(
    media: MediaFolder, tmp_path: Path
) -> None:
    """Percent and pixels are those of the picture that is encoded."""
    mark = _mark("BottomRight", Image=_image(Mode="Proportion", Width="25"))

    box = _boxes(_bucket(media, tmp_path), mark, video={**_FAST, "Width": "320"})[0]

    _assert_near(box, (240, 200, 320, 240))


def test_transcode_mark_leaves_everything_else_as_it_is(
    media: MediaFolder, tmp_path: Path
) -> None:
    """Outside of the mark the pictures are those of a transcode without it."""
    workspace = _bucket(media, tmp_path, "clip.mp4")
    video: Tree = {**_FAST, "Crf": "1"}
    plain = pictures(transcode(workspace, Video=video).path)

    marked = pictures(transcode(workspace, Video=video, Watermark=_mark("Center")).path)

    assert len(plain) == len(marked)
    hidden = Box(56, 46, 104, 74)
    assert min(likeness(*pair, hidden) for pair in zip(plain, marked, strict=True)) > 40
    assert likeness(plain[0], marked[0]) < 25


@pytest.mark.parametrize(
    ("leaves", "first", "last"),
    [
        ({"StartTime": "0.8"}, 20, 49),
        ({"EndTime": "0.8"}, 0, 19),
        ({"StartTime": "0.4", "EndTime": "1.2"}, 10, 29),
        ({"StartTime": "1.96", "EndTime": "99"}, 49, 49),
    ],
)
def test_transcode_mark_is_seen_for_a_while(
    media: MediaFolder, tmp_path: Path, leaves: dict[str, Value], first: int, last: int
) -> None:
    """A mark is there from StartTime on, and gone at EndTime."""
    boxes = _boxes(_bucket(media, tmp_path), _mark(**leaves))

    assert len(boxes) == 2 * FPS
    seen = [number for number, box in enumerate(boxes) if box is not None]
    assert seen == list(range(first, last + 1))


@pytest.mark.parametrize("opacity", [1, 25, 50, 99])
def test_transcode_mark_is_as_opaque_as_asked_for(
    media: MediaFolder, tmp_path: Path, opacity: int
) -> None:
    """Transparency counts as opacity: 100 hides what is below."""
    mark = _mark("Center", Image=_image(Transparency=str(opacity)))
    workspace = _bucket(media, tmp_path, "white.mp4")

    made = transcode(workspace, Video=_FAST, Watermark=mark)

    red, green, blue = pictures(made.path)[0][60, 80]
    assert red > 245
    for part in (green, blue):
        assert float(part) == pytest.approx(255 * (100 - opacity) / 100, abs=8)


def test_transcode_mark_slides_from_the_left(media: MediaFolder, tmp_path: Path) -> None:
    """A sliding mark enters at the left and moves by hundredths of the width a second."""
    slide: Tree = {"SlideMode": "ScrollFromLeft", "XSlideSpeed": "10", "YSlideSpeed": "0"}

    boxes = _boxes(_bucket(media, tmp_path), _mark("Center", "9", "9", SlideConfig=slide))

    edges = [0 if box is None else box.right for box in boxes]
    assert edges[0] == 0
    assert edges == sorted(edges)
    assert edges[-1] == pytest.approx(0.1 * _WIDTH * (2 * FPS - 1) / FPS, abs=2)
    assert all(box is None or box.top == 0 for box in boxes)


@pytest.mark.parametrize("name", ["moving.gif", "moving.webp", "moving.png"])
def test_transcode_mark_may_move(media: MediaFolder, tmp_path: Path, name: str) -> None:
    """An animation is shown over and over, at its own speed, to the end of the video."""
    frames = [Image.new("RGB", (32, 32), colour) for colour in (_RED, _BLUE)]
    frames[0].save(
        tmp_path / name, save_all=True, append_images=frames[1:], duration=400, lossless=True
    )
    mark = _mark("Center", Image=_image(Url=name, Mode="Fixed", Width="64"))

    made = transcode(_bucket(media, tmp_path), Video=_FAST, Watermark=mark)

    shown = pictures(made.path)
    assert len(shown) == 2 * FPS
    colours = "".join("rb"[int(picture[60, 80, 2]) > 128] for picture in shown[5::10])
    assert colours == "rbrbr"
    _assert_near(coloured_box(shown[0], _RED), (48, 28, 112, 92))


def test_transcode_background_lies_behind_the_video(media: MediaFolder, tmp_path: Path) -> None:
    """The output is as large as the background, with the whole video on it."""
    workspace = _bucket(media, tmp_path, "clip.mp4")
    plain = pictures(transcode(workspace, Video=_FAST).path)
    image = _image(Mode="Proportion", Width="150", Height="200", Background="true")
    mark = _mark("TopLeft", "-20", "-40", Image=image)

    made = transcode(workspace, Video=_FAST, Watermark=mark)

    assert made.video["size"] == (240, 240)
    for before, after in zip(plain, pictures(made.path), strict=True):
        assert likeness(before, after[40:160, 20:180]) > 30
    corner = pictures(made.path)[0][230, 230]
    assert list(corner) == pytest.approx(list(_RED), abs=10)


def test_transcode_background_is_black_when_it_is_not_seen(
    media: MediaFolder, tmp_path: Path
) -> None:
    """Outside of its time a background is black, and the video stays where it is."""
    image = _image(Mode="Proportion", Width="100", Height="200", Background="true")
    mark = _mark("Center", Image=image, StartTime="1")

    made = transcode(_bucket(media, tmp_path), Video=_FAST, Watermark=mark)

    shown = pictures(made.path)
    assert int(shown[10][20, 80].max()) < 16
    assert list(shown[40][20, 80]) == pytest.approx(list(_RED), abs=10)


def test_transcode_lays_three_marks_in_order(media: MediaFolder, tmp_path: Path) -> None:
    """Later marks cover earlier ones."""
    workspace = _bucket(media, tmp_path)
    Image.new("RGB", (20, 20), _BLUE).save(tmp_path / "blue.jpg", quality=100)
    marks: list[str | Tree] = [
        _mark("Center"), _mark("Center", Image=_image(Url="blue.jpg")), _mark("TopLeft"),
    ]  # fmt: skip

    made = transcode(workspace, Video=_FAST, Watermark=marks)

    shown = pictures(made.path)[0]
    _assert_near(coloured_box(shown, _BLUE), (70, 50, 90, 70))
    assert list(shown[10, 10]) == pytest.approx(list(_RED), abs=10)


def test_transcode_writes_text(media: MediaFolder, tmp_path: Path) -> None:
    """A text has the colour, the size and the place asked for."""
    text = {"Text": "HHH", "FontSize": "40", "FontType": "Arial.ttf", "FontColor": "0xff0000"}
    mark: Tree = {
        "Type": "Text", "Pos": "BottomRight", "LocMode": "Absolute", "Dx": "10", "Dy": "8",
        "Text": {**text, "Transparency": "100"},
    }  # fmt: skip

    box = _boxes(_bucket(media, tmp_path), mark)[0]

    assert box is not None
    assert box.bottom == pytest.approx(_HEIGHT - 8, abs=2)
    assert box.right == pytest.approx(_WIDTH - 10, abs=4)
    assert 20 <= box.bottom - box.top <= 40


def test_transcode_mark_keeps_its_colours_in_high_definition(
    media: MediaFolder, tmp_path: Path
) -> None:
    """A mark is converted by the matrix that the video is labelled with."""
    labels = {"ColorSpace": "bt709", "ColorPrimaries": "bt709", "ColorTrc": "bt709"}
    video: Tree = {**_FAST, "Width": "1280", "ColorParam": labels}
    mark = _mark("Center", Image=_image(Mode="Proportion", Width="20"))

    made = transcode(_bucket(media, tmp_path), Video=video, Watermark=mark)

    with av.open(str(made.path)) as opened:
        frame = next(opened.decode(video=0))
        luma = int(frame.to_ndarray(format="yuv420p")[480, 640])
    # Red has a luma of 63 in BT.709, of 81 in BT.601.
    assert luma == pytest.approx(63, abs=4)


@pytest.mark.parametrize(
    ("video", "pixels"),
    [
        ({"Codec": "H.264", "Pixfmt": "yuv444p", "Preset": "veryfast"}, "yuv444p"),
        ({"Codec": "H.265", "Pixfmt": "yuv420p10le"}, "yuv420p10le"),
    ],
)
def test_transcode_marks_keep_the_pixel_format(
    media: MediaFolder, tmp_path: Path, video: Tree, pixels: str
) -> None:
    """Pixels have the format asked for, with marks as without."""
    workspace = _bucket(media, tmp_path)

    made = transcode(workspace, Video=video, Watermark=_mark("Center"))

    assert made.video["pixels"] == pixels


@pytest.mark.parametrize(
    ("box", "hidden"),
    [
        (("60", "40", "40", "30"), Box(58, 38, 102, 72)),
        (("0", "0", "40", "30"), Box(0, 0, 42, 32)),
        (("100", "60", "100", "100"), Box(98, 58, 160, 120)),
    ],
)
def test_transcode_wipes_a_rectangle(
    media: MediaFolder, tmp_path: Path, box: tuple[str, ...], hidden: Box
) -> None:
    """What is wiped is filled from around it; everything else stays."""
    workspace = _bucket(media, tmp_path, "clip.mp4")
    plain = pictures(transcode(workspace, Video=_FAST).path)
    wipe = dict(zip(("Dx", "Dy", "Width", "Height"), box, strict=True))

    wiped = pictures(transcode(workspace, Video=_FAST, RemoveWatermark=wipe).path)

    assert min(likeness(*pair, hidden) for pair in zip(plain, wiped, strict=True)) > 35
    inner = plain[10][hidden.top : hidden.bottom, hidden.left : hidden.right]
    assert likeness(inner, wiped[10][hidden.top : hidden.bottom, hidden.left : hidden.right]) < 30


def test_transcode_wipes_for_a_while(media: MediaFolder, tmp_path: Path) -> None:
    """A mark on the source is gone between the two times only, under either spelling of them."""
    workspace = _bucket(media, tmp_path)
    first = transcode(workspace, Video=_FAST, Watermark=_mark("Center"))
    (tmp_path / "marked.mp4").write_bytes(first.path.read_bytes())
    workspace.key = "marked.mp4"
    wipe = {"Dx": "56", "Dy": "46", "Width": "48", "Height": "28"}
    times = [{"Startime": "0.4", "Endtime": "1.2"}, {"StartTime": "0.4", "EndTime": "1.2"}]

    made = [
        pictures(
            transcode(workspace, Video=_FAST, DelogoParam={"Switch": "true", **wipe, **one}).path
        )
        for one in times
    ]

    for shown in made:
        seen = [coloured_box(picture, _RED) is not None for picture in shown]
        assert seen == [not 10 <= number < 30 for number in range(2 * FPS)]


def _animate(folder: Path) -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in (_RED, _BLUE)]
    frames[0].save(folder / "red.png", save_all=True, append_images=frames[1:], duration=40)


def _cut_off(folder: Path) -> None:
    noise = Image.effect_noise((200, 200), 90)
    noise.save(folder / "red.png")
    whole = (folder / "red.png").read_bytes()
    (folder / "red.png").write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("spoil", "leaves", "error", "named"),
    [
        (lambda folder: (folder / "red.png").unlink(), {}, ObjectNotFoundError, "red.png"),
        (lambda folder: (folder / "red.png").write_bytes(b""), {}, UnsupportedInputError, "empty"),
        (
            lambda folder: (folder / "red.png").write_text("<svg/>"),
            {},
            UnsupportedInputError,
            "not a picture",
        ),
        (_cut_off, {}, UnsupportedInputError, "red.png"),
        (
            lambda _folder: None,
            {"Image": _image(Mode="Fixed", Height="3000")},
            InvalidParamsError,
            "6000x3000",
        ),
        (
            lambda _folder: None,
            {"Image": _image(Mode="Fixed", Width="200", Background="true")},
            InvalidParamsError,
            "does not surround",
        ),
        (_animate, {"Image": _image(Mode="Fixed", Width="4096")}, InputLimitError, "2 frames"),
    ],
)
def test_transcode_fails_on_marks_that_cannot_be_laid(
    media: MediaFolder,
    tmp_path: Path,
    spoil: Callable[[Path], object],
    leaves: dict[str, Value],
    error: type[OperationError],
    named: str,
) -> None:
    """A mark that is missing, broken or too large fails the object; nothing is published."""
    workspace = _bucket(media, tmp_path)
    workspace.limits = Limits(pixels=20_000_000)
    spoil(tmp_path)

    with pytest.raises(error, match=named):
        transcode(workspace, Video=_FAST, Watermark=_mark(**leaves))

    assert workspace.published_paths == []


def test_transcode_fails_on_letters_that_no_font_has(media: MediaFolder, tmp_path: Path) -> None:
    """Nobody finds boxes in place of letters."""
    text = {"Text": "a\U00013000", "FontSize": "20", "FontType": "simhei.ttf"}
    mark: Tree = {
        "Type": "Text", "Pos": "Top", "LocMode": "Absolute",
        "Text": {**text, "FontColor": "0x000000", "Transparency": "100"},
    }  # fmt: skip

    with pytest.raises(InvalidParamsError, match="no installed font has"):
        transcode(_bucket(media, tmp_path), Video=_FAST, Watermark=mark)


def test_transcode_fails_to_wipe_outside_the_picture(media: MediaFolder, tmp_path: Path) -> None:
    """A rectangle beside the picture is a fault of the params."""
    wipe = {"Dx": "160", "Dy": "0", "Width": "10", "Height": "10"}

    with pytest.raises(InvalidParamsError, match="10x10 at 160,0 lies outside"):
        transcode(_bucket(media, tmp_path), Video=_FAST, RemoveWatermark=wipe)


def test_transcode_lays_no_marks_on_hdr(media: MediaFolder, tmp_path: Path) -> None:
    """A mark would shine on HDR; after tone mapping it is laid."""
    workspace = _bucket(media, tmp_path, "hdr.mkv")

    with pytest.raises(InvalidParamsError, match="IsHdr2Sdr"):
        transcode(workspace, Video=_FAST, Watermark=_mark("Center"))
    made = transcode(
        workspace, Video=_FAST, Watermark=_mark("Center"), TransConfig={"IsHdr2Sdr": "true"}
    )

    assert list(pictures(made.path)[0][60, 80]) == pytest.approx(list(_RED), abs=10)


def test_transcode_with_marks_can_be_cancelled(media: MediaFolder, tmp_path: Path) -> None:
    """Between marks there is a checkpoint."""
    workspace = _bucket(media, tmp_path)
    workspace.cancel_after = 1

    with pytest.raises(AttemptCancelledError):
        transcode(workspace, Video=_FAST, Watermark=[_mark(), _mark()])


def test_transcode_of_sound_has_nothing_to_mark(media: MediaFolder, tmp_path: Path) -> None:
    """A source without video gives an output without it, marks or not."""
    workspace = _bucket(media, tmp_path, "sound.mp3")

    made = transcode(workspace, Video=_FAST, Audio={}, Watermark=_mark())

    assert made.codecs == ["aac"]


def test_transcode_with_a_moving_mark_can_be_cancelled(media: MediaFolder, tmp_path: Path) -> None:
    """Every frame of an animation has a checkpoint before it."""
    workspace = _bucket(media, tmp_path)
    _animate(tmp_path)
    workspace.cancel_after = 2

    with pytest.raises(AttemptCancelledError):
        transcode(workspace, Video=_FAST, Watermark=_mark())

    assert workspace.cancel_after == 0
    assert not (workspace.scratch / "mark_0.png").exists()
