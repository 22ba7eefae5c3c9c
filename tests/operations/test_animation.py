"""Animation: which frames are taken, how they look, and how long they are shown."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from PIL import Image

from penstock.domain.errors import (
    AttemptCancelledError,
    InputLimitError,
    InvalidArgumentError,
    InvalidParamsError,
    OperationError,
    UnsupportedInputError,
)
from penstock.domain.trees import Tree
from penstock.operations._animation_params import Params
from penstock.operations.animation import OPERATION
from penstock.operations.base import Limits
from tests.operations.media_fixtures import FPS, MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

_FORMATS = {"gif": "gif", "hgif": "gif", "webp": "webp"}


class Shown:
    """A published animation, described by Pillow."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.delays: list[int] = []
        self.frames: list[Image.Image] = []
        with Image.open(path) as image:
            self.format = image.format
            self.size = image.size
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                self.frames.append(image.convert("RGB"))
                self.delays.append(int(image.info.get("duration", 0)))
            self.loop = image.info.get("loop")

    @property
    def numbers(self) -> list[int]:
        """The frame numbers that the numbered clips carry in their luma."""
        return [round(_level(frame) * 219 / 255 / 4) for frame in self.frames]


def _level(frame: Image.Image) -> int:
    level = frame.convert("L").getpixel((80, 60))
    assert isinstance(level, int)
    return level


def _tree(
    format_name: str = "webp", interval: Mapping[str, str] | None = None, /, **video: str
) -> Tree:
    return {
        "Animation": {
            "Container": {"Format": format_name},
            "Video": {"Codec": _FORMATS.get(format_name, "gif"), **video},
            "TimeInterval": dict(interval or {}),
        }
    }


def _animate(workspace: FolderWorkspace, tree: Tree) -> Shown:
    result = OPERATION.run(OPERATION.parse(tree), workspace)
    (output,) = result.outputs
    return Shown(workspace.published / output.key)


@pytest.mark.parametrize("format_name", _FORMATS)
def test_animation_takes_frames_at_the_rate_asked_for(
    media: MediaFolder, tmp_path: Path, format_name: str
) -> None:
    """So many frames a second, each the one shown at its moment, for as long as the source."""
    workspace = media.workspace("numbered.mp4", tmp_path)

    made = _animate(workspace, _tree(format_name, AnimateFramesPerSecond="5"))

    assert made.path.suffix == f".{_FORMATS[format_name]}"
    assert made.format == _FORMATS[format_name].upper()
    assert made.numbers == list(range(0, 2 * FPS, 5))
    assert made.delays == [200] * 10
    assert made.loop == 0
    assert workspace.reports == sorted(workspace.reports)


@pytest.mark.parametrize("format_name", _FORMATS)
def test_animation_of_key_frames(media: MediaFolder, tmp_path: Path, format_name: str) -> None:
    """AnimateOnlyKeepKeyFrame takes the key frames and nothing between them, at their times."""
    workspace = media.workspace("numbered.mp4", tmp_path)

    made = _animate(workspace, _tree(format_name, AnimateOnlyKeepKeyFrame="true"))

    assert made.numbers == [0, 10, 20, 30, 40]
    assert made.delays[:4] == [400] * 4


@pytest.mark.parametrize(
    ("leaves", "numbers"),
    [
        ({"AnimateTimeIntervalOfFrame": "0.8"}, [0, 20, 40]),
        ({"AnimateTimeIntervalOfFrame": "10"}, [0]),
        ({}, [0, 2, 5, 7, 10, 12, 15, 17, 20, 22, 25, 27, 30, 32, 35, 37, 40, 42, 45, 47]),
        ({"AnimateFramesPerSecond": "2", "AnimateOnlyKeepKeyFrame": "true"}, [0, 12, 25, 37]),
        (
            {"AnimateOnlyKeepKeyFrame": "true", "AnimateTimeIntervalOfFrame": "0.8"},
            [0, 10, 20, 30, 40],
        ),
        (
            {"AnimateOnlyKeepKeyFrame": "false", "AnimateTimeIntervalOfFrame": "1.2"},
            [0, 30],
        ),
    ],
)
def test_animation_settings_have_an_order(
    media: MediaFolder, tmp_path: Path, leaves: dict[str, str], numbers: list[int]
) -> None:
    """Frames a second win over key frames, these over the interval; nothing means ten."""
    made = _animate(media.workspace("numbered.mp4", tmp_path), _tree("gif", **leaves))

    assert made.numbers == numbers


@pytest.mark.parametrize("format_name", _FORMATS)
@pytest.mark.parametrize(
    "taken", [{"AnimateFramesPerSecond": "5"}, {"AnimateOnlyKeepKeyFrame": "true"}]
)
def test_animation_fps_sets_the_speed(
    media: MediaFolder, tmp_path: Path, format_name: str, taken: dict[str, str]
) -> None:
    """Fps changes how long frames are shown, not which ones."""
    made = _animate(
        media.workspace("numbered.mp4", tmp_path), _tree(format_name, Fps="20", **taken)
    )

    assert set(made.delays) == {50}
    assert made.numbers[:2] in ([0, 5], [0, 10])


def test_animation_repeats_frames_where_the_source_has_fewer(
    media: MediaFolder, tmp_path: Path
) -> None:
    """A rate above the source's repeats frames, so that the length stays."""
    workspace = media.workspace("sparse.mp4", tmp_path)

    made = _animate(
        workspace, _tree("gif", {"Start": "4", "Duration": "2"}, AnimateFramesPerSecond="4")
    )

    assert made.numbers == [4, 4, 4, 4, 5, 5, 5, 5]
    assert sum(made.delays) == 2000


@pytest.mark.parametrize(
    ("interval", "numbers"),
    [
        ({"Start": "0.4", "Duration": "0.8"}, [10, 15, 20, 25]),
        ({"Start": "1.6"}, [40, 45]),
        ({"Duration": "0.4"}, [0, 5]),
        ({"Start": "1.6", "Duration": "600"}, [40, 45]),
    ],
)
def test_animation_cuts_exactly(
    media: MediaFolder, tmp_path: Path, interval: dict[str, str], numbers: list[int]
) -> None:
    """The part begins with the frame shown at Start and ends with the source at the latest."""
    workspace = media.workspace("numbered.mp4", tmp_path)

    made = _animate(workspace, _tree("webp", interval, AnimateFramesPerSecond="5"))

    assert made.numbers == numbers


@pytest.mark.parametrize(
    ("key", "leaves", "expected"),
    [
        ("clip.mp4", {}, (160, 120)),
        ("clip.mp4", {"Width": "128"}, (128, 96)),
        ("clip.mp4", {"Height": "135"}, (180, 135)),
        ("clip.mp4", {"Width": "131", "Height": "200"}, (131, 200)),
        ("turned.mp4", {}, (120, 160)),
        ("wide_pixels.mp4", {}, (320, 120)),
        ("odd.mkv", {}, (160, 120)),
    ],
)
@pytest.mark.parametrize("format_name", ["gif", "webp"])
def test_animation_size_is_the_one_asked_for(
    media: MediaFolder,
    tmp_path: Path,
    format_name: str,
    key: str,
    leaves: dict[str, str],
    expected: tuple[int, int],
) -> None:
    """One side keeps the ratio, both are met exactly, and pixels come out square and upright."""
    tree = _tree(format_name, {"Duration": "0.4"}, AnimateFramesPerSecond="5", **leaves)

    made = _animate(media.workspace(key, tmp_path), tree)

    assert made.size == expected


def test_animation_stands_upright_and_keeps_its_colours(
    media: MediaFolder, tmp_path: Path
) -> None:
    """A clip turned by its display matrix has its corners where a player shows them."""
    made = _animate(media.workspace("turned.mp4", tmp_path), _tree("hgif"))

    frame = made.frames[0]
    near = [frame.getpixel(at) for at in ((10, 10), (110, 10), (10, 150), (110, 150))]
    blue, red, white, green = ((0, 0, 255), (255, 0, 0), (255, 255, 255), (0, 255, 0))
    for found, wanted in zip(near, (blue, red, white, green), strict=True):
        assert isinstance(found, tuple)
        assert all(abs(a - b) < 40 for a, b in zip(found, wanted, strict=True))


def test_animation_formats_differ_in_quality(media: MediaFolder, tmp_path: Path) -> None:
    """`hgif` is closer to the source than `gif`, and a lower WebP Quality makes less bytes."""
    sizes: dict[str, int] = {}
    colours: dict[str, int] = {}
    for name, leaves in {
        "gif": {},
        "hgif": {},
        "low": {"Quality": "1"},
        "high": {"Quality": "99"},
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        format_name = name if name in _FORMATS else "webp"
        made = _animate(media.workspace("clip.mp4", folder), _tree(format_name, **leaves))
        sizes[name] = made.path.stat().st_size
        colours[name] = len({c for f in made.frames for _, c in f.getcolors(1 << 16) or ()})

    assert sizes["low"] * 2 < sizes["high"]
    assert colours["gif"] <= 256 < colours["hgif"]


@pytest.mark.parametrize(
    ("key", "error", "fault"),
    [
        ("sound.mp3", UnsupportedInputError, "has no video"),
        ("covered.mp3", UnsupportedInputError, "has no video"),
        ("picture.jpg", UnsupportedInputError, "a still picture"),
    ],
)
def test_animation_of_no_video_fails(
    media: MediaFolder, tmp_path: Path, key: str, error: type[Exception], fault: str
) -> None:
    """Sound and pictures are errors of this object."""
    workspace = media.workspace(key, tmp_path)

    with pytest.raises(error, match=fault):
        _animate(workspace, _tree())

    assert not workspace.published_paths


@pytest.mark.parametrize("format_name", _FORMATS)
@pytest.mark.parametrize(
    ("interval", "leaves", "fault"),
    [
        ({"Start": "2"}, {}, "TimeInterval.Start is 2 s"),
        (
            {"Start": "0.5", "Duration": "0.2"},
            {"AnimateOnlyKeepKeyFrame": "true"},
            "no key frame lies",
        ),
    ],
)
def test_animation_of_nothing_to_take_fails(
    media: MediaFolder,
    tmp_path: Path,
    format_name: str,
    interval: dict[str, str],
    leaves: dict[str, str],
    fault: str,
) -> None:
    """A part beyond the end, or without a key frame, is an error and not an empty picture."""
    workspace = media.workspace("numbered.mp4", tmp_path)

    with pytest.raises(InvalidParamsError, match=fault):
        _animate(workspace, _tree(format_name, interval, **leaves))

    assert not workspace.published_paths


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _content: b"",
        lambda _content: b"not a video " * 100,
        lambda content: content[: len(content) // 2],
    ],
)
def test_animation_refuses_broken_input(
    media: MediaFolder, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    """Nothing, text, and an MP4 without its index are errors of this object."""
    (tmp_path / "b.mp4").write_bytes(spoil(media.path("clip.mp4").read_bytes()))

    with pytest.raises(UnsupportedInputError, match=r"b\.mp4"):
        _animate(FolderWorkspace(tmp_path, "b.mp4"), _tree())


def test_animation_of_a_truncated_source_is_no_short_success(
    media: MediaFolder, tmp_path: Path
) -> None:
    """A source that promises more than it holds fails."""
    whole = media.path("sparse.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 3])
    workspace = FolderWorkspace(tmp_path, "cut.mkv")

    with pytest.raises(OperationError):
        _animate(workspace, _tree("gif", AnimateFramesPerSecond="1"))

    assert not workspace.published_paths


@pytest.mark.parametrize("checkpoints", [0, 1, 3])
def test_animation_can_be_cancelled(media: MediaFolder, tmp_path: Path, checkpoints: int) -> None:
    """A cancelled attempt stops between and within its steps, and publishes nothing."""
    workspace = media.workspace("clip.mp4", tmp_path)
    workspace.cancel_after = checkpoints

    with pytest.raises(AttemptCancelledError):
        _animate(workspace, _tree("gif"))

    assert not workspace.published_paths


@pytest.mark.parametrize("limits", [Limits(pixels=100), Limits(output_bytes=1000)])
def test_animation_holds_to_its_limits(media: MediaFolder, tmp_path: Path, limits: Limits) -> None:
    """Too many pixels in a frame, or too many bytes, are refused."""
    workspace = media.workspace("clip.mp4", tmp_path, limits=limits)

    with pytest.raises(InputLimitError):
        _animate(workspace, _tree("hgif"))


@pytest.mark.parametrize(
    ("tree", "named"),
    [
        ({"Animation": {}}, "Container.Format must be given"),
        ({"Animation": {"Container": {"Format": "gif"}}}, "Video.Codec must be given"),
        (_tree("apng"), "Container.Format must be one of gif, hgif, webp"),
        (_tree("gif", Codec="webp"), "Video.Codec must be gif"),
        (_tree("webp", Codec="gif"), "Video.Codec must be webp"),
        (_tree(Width="127"), "Video.Width"),
        (_tree(Height="4097"), "Video.Height"),
        (_tree(Fps="0"), "Video.Fps"),
        (_tree(Fps="60.5"), "Video.Fps"),
        (_tree(AnimateFramesPerSecond="0"), "Video.AnimateFramesPerSecond"),
        (_tree(AnimateFramesPerSecond="241"), "Video.AnimateFramesPerSecond"),
        (_tree(AnimateTimeIntervalOfFrame="0"), "Video.AnimateTimeIntervalOfFrame"),
        (
            _tree("gif", {"Duration": "5"}, AnimateTimeIntervalOfFrame="5.1"),
            "Video.AnimateTimeIntervalOfFrame must be at most TimeInterval.Duration",
        ),
        (_tree(AnimateOnlyKeepKeyFrame="maybe"), "Video.AnimateOnlyKeepKeyFrame"),
        (_tree(Quality="0"), "Video.Quality"),
        (_tree(Quality="100"), "Video.Quality"),
        (_tree("gif", {"Start": "-1"}), "TimeInterval.Start"),
        (_tree("gif", {"Duration": "0"}), "TimeInterval.Duration"),
    ],
)
def test_animation_refuses_wrong_params(tree: Tree, named: str) -> None:
    """What is missing or out of range is named."""
    with pytest.raises(InvalidArgumentError, match=named):
        Params.parse(tree)


def test_animation_takes_the_vendor_s_own_templates() -> None:
    """The limits of every range are taken, in any case of letters."""
    for leaves in (
        {"Width": "128", "Height": "4096", "Fps": "60", "Quality": "1"},
        {"AnimateFramesPerSecond": "0.01", "Quality": "99", "Width": "", "Fps": ""},
        {"AnimateOnlyKeepKeyFrame": "TRUE", "Codec": "WEBP"},
        {"AnimateTimeIntervalOfFrame": "600"},
    ):
        params = Params.parse(
            {
                "Animation": {
                    "Container": {"Format": "WEBP"},
                    "Video": {"Codec": "webp", **leaves},
                    "TimeInterval": {"Start": "0", "Duration": "600"},
                }
            }
        )
        assert (params.format, params.cut.length_seconds) == ("webp", 600)
