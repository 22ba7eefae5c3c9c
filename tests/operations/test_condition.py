"""Condition: what can be asked of an object, and what it costs."""

from pathlib import Path

import pytest
from PIL import Image

from penstock.domain.errors import InvalidArgumentError, InvalidParamsError, UnsupportedInputError
from penstock.domain.trees import Tree
from penstock.operations.base import Result
from penstock.operations.condition import OPERATION
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]


def tree(express: str) -> Tree:
    """A node's `Operation`."""
    return {"Condition": {"Express": express}}


def judge(workspace: FolderWorkspace, express: str) -> Result:
    """Decide on the input of a workspace."""
    return OPERATION.run(OPERATION.parse(tree(express)), workspace)


class UnreadWorkspace(FolderWorkspace):
    """A workspace whose input must not be looked into."""

    def fetch(self) -> Path:
        """Nobody may ask."""
        raise AssertionError(self.key)


@pytest.fixture
def film(media: MediaFolder, tmp_path: Path) -> FolderWorkspace:
    """A film of 160x120 pixels, 25 frames a second, two seconds, with sound."""
    return media.workspace("clip.mp4", tmp_path)


@pytest.fixture
def picture(tmp_path: Path) -> FolderWorkspace:
    """A picture that lies on its side: 30x20 pixels as it is shown."""
    image = Image.new("RGB", (20, 30))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif)
    return FolderWorkspace(tmp_path, "a.jpg")


@pytest.mark.parametrize(
    "express",
    [
        "Width == 160 && Height == 120 && LongSide == 160 && ShortSide == 120",
        "Dar == 4:3 && Fps == 25",
        "Duration >= 1.9 && Duration <= 2.1",
        "VideoCodec == 'H264' && AudioCodec in ['aac']",
        "HasVideo == true && HasAudio == true",
        "Bitrate > 10K && Bitrate < 10M",
        "Size > 1K && Ext == 'mp4' && ContentType == 'video/mp4'",
        "!(ImageWidth > 0) && !(FrameCount > 0)",
    ],
)
def test_condition_knows_films(film: FolderWorkspace, express: str) -> None:
    """Every property of a film has the value that other programs tell, in the documented unit."""
    assert judge(film, express).hands_on


@pytest.mark.parametrize(
    "express",
    [
        "ImageWidth == 30 && ImageHeight == 20",
        "ImageDar == 3:2 && ImageFormat == 'jpeg' && FrameCount == 1",
        "!(Width > 0) && !(HasVideo == false) && !(Duration < 1)",
    ],
)
def test_condition_knows_pictures(picture: FolderWorkspace, express: str) -> None:
    """Pictures are measured as they are shown; they have nothing of films."""
    assert judge(picture, express).hands_on


def test_condition_knows_sound_without_pictures(media: MediaFolder, tmp_path: Path) -> None:
    """Sound has a length and a codec and no width."""
    workspace = media.workspace("sound.mp3", tmp_path)

    result = judge(workspace, "HasVideo == false && AudioCodec == 'mp3' && !(Width >= 0)")

    assert result.hands_on


def test_condition_measures_films_as_they_are_shown(media: MediaFolder, tmp_path: Path) -> None:
    """A film that was taken upright is upright."""
    workspace = media.workspace("turned.mp4", tmp_path)

    assert judge(workspace, "Width == 120 && Height == 160 && Dar == 3:4").hands_on


def test_condition_tells_what_it_looked_at(film: FolderWorkspace) -> None:
    """The answer has what was asked for until it was decided, and nothing else."""
    result = judge(film, "Width > 200 && Height > 5 || Fps < 1")

    assert not result.hands_on
    assert result.outputs == ()
    assert result.facts == {
        "JudgementResult": [
            {
                "ObjectName": "clip.mp4",
                "State": "Failed",
                "InputObjectInfo": {"Width": "160", "Fps": "25"},
            }
        ]
    }


def test_condition_writes_parts_of_numbers(media: MediaFolder, tmp_path: Path) -> None:
    """A value that is no whole number is told with six decimals."""
    workspace = media.workspace("clip.mp4", tmp_path)

    (judged,) = judge(workspace, "Dar > 1").facts["JudgementResult"]

    assert judged["InputObjectInfo"] == {"Dar": "1.333333"}


@pytest.mark.parametrize(
    ("key", "express"),
    [
        ("a.mp4", "Size > 1 && Ext == 'mp4' || Width > 1"),
        ("a.mp4", "ContentType == 'video/mp4'"),
        ("a.mp4", "!(ImageWidth > 1)"),
        ("a.jpg", "!(Width > 1)"),
        ("a.txt", "!(Width > 1) && !(ImageWidth > 1)"),
        ("plain", "!(Ext == 'a') && !(ContentType == 'a')"),
    ],
)
def test_condition_looks_into_nothing_that_it_need_not(
    tmp_path: Path, key: str, express: str
) -> None:
    """What name and store tell, and properties of other kinds, are not looked for in the file."""
    (tmp_path / key).write_bytes(b"no more than a few bytes")

    assert judge(UnreadWorkspace(tmp_path, key), express).hands_on


def test_condition_finds_the_kind_of_a_nameless_object(media: MediaFolder, tmp_path: Path) -> None:
    """An object without an extension is looked into for whatever is asked."""
    (tmp_path / "film").symlink_to(media.path("clip.mp4"))
    (tmp_path / "text").write_text("nothing to see")
    Image.new("RGB", (5, 5)).save(tmp_path / "picture", format="PNG")

    def is_true(key: str, express: str) -> bool:
        return judge(FolderWorkspace(tmp_path, key), express).hands_on

    assert is_true("film", "Width == 160 && !(ImageWidth > 0)")
    assert is_true("picture", "ImageWidth == 5 && !(Width > 0)")
    assert is_true("text", "!(ImageWidth > 0) && !(Width > 0)")


@pytest.mark.parametrize(("key", "express"), [("a.mp4", "Width > 1"), ("a.jpg", "FrameCount > 1")])
def test_condition_on_a_broken_object_fails(tmp_path: Path, key: str, express: str) -> None:
    """What is named like a film or picture and is none fails, and is not merely left out."""
    (tmp_path / key).write_bytes(b"broken")

    with pytest.raises(UnsupportedInputError, match=key):
        judge(FolderWorkspace(tmp_path, key), express)


def test_condition_that_cannot_be_read_is_kept_until_it_runs(tmp_path: Path) -> None:
    """The text of another grammar is accepted, and fails with what was expected where."""
    params = OPERATION.parse(tree("Width.gt(5)"))

    with pytest.raises(InvalidParamsError, match=r"cannot be read: character 6: cannot read"):
        OPERATION.run(params, FolderWorkspace(tmp_path, "a.txt"))


def test_condition_needs_an_expression_and_no_output() -> None:
    """Both faults are told at once."""
    with pytest.raises(InvalidArgumentError) as caught:
        OPERATION.parse({"Output": {"Object": "a"}})

    assert list(caught.value.faults) == [
        "Condition.Express must be given",
        "Output must be absent: this build does not offer it",
    ]
