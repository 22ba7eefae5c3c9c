"""Transcode: subtitles are drawn when they should be, or become tracks that players show."""

from collections.abc import Callable
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import (
    InvalidParamsError,
    ObjectNotFoundError,
    OperationError,
    UnsupportedInputError,
)
from penstock.domain.trees import Tree
from penstock.operations._subtitles import Cue, cut_cues, read_cues, written
from tests.operations.made_media import transcode
from tests.operations.made_signals import Box, coloured_box, likeness, pictures
from tests.operations.media_fixtures import FPS, MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

_FAST: Tree = {"Codec": "H.264", "Preset": "veryfast", "Crf": "5"}
_RED = (255, 0, 0)
_CUES = "1\n00:00:00,400 --> 00:00:00,800\nHHH\n\n2\n00:00:01,200 --> 00:00:09,000\n<i>HHH</i>\n"


def _bucket(media: MediaFolder, folder: Path, content: bytes | str = _CUES) -> FolderWorkspace:
    workspace = media.workspace("clip.mp4", folder)
    content = content.encode() if isinstance(content, str) else content
    (folder / "texts.srt").write_bytes(content)
    return workspace


def _drawn(**leaves: str) -> Tree:
    return {"Subtitle": {"Url": "texts.srt", "FontColor": "0xFF0000", "FontSize": "40", **leaves}}


def _boxes(workspace: FolderWorkspace, subtitles: Tree) -> list[Box | None]:
    made = transcode(workspace, Video=_FAST, Subtitles=subtitles)
    return [coloured_box(picture, _RED) for picture in pictures(made.path)]


def test_transcode_draws_subtitles_while_they_last(media: MediaFolder, tmp_path: Path) -> None:
    """Every frame between two times has the text, no other has; the rest stays as it is."""
    workspace = _bucket(media, tmp_path)
    plain = pictures(transcode(workspace, Video=_FAST).path)

    drawn = pictures(transcode(workspace, Video=_FAST, Subtitles=_drawn()).path)

    changed = [
        number
        for number, pair in enumerate(zip(plain, drawn, strict=True))
        if likeness(*pair) < 30
    ]
    assert changed == [*range(10, 20), *range(30, 2 * FPS)]
    assert (
        min(likeness(one[:60], other[:60]) for one, other in zip(plain, drawn, strict=True)) > 35
    )


def test_transcode_subtitles_follow_a_cut(media: MediaFolder, tmp_path: Path) -> None:
    """Times are those of the source, wherever the part that is taken begins."""
    workspace = media.workspace("white.mp4", tmp_path)
    (tmp_path / "texts.srt").write_text(_CUES)

    made = transcode(workspace, Video=_FAST, Subtitles=_drawn(), TimeInterval={"Start": "0.6"})

    seen = [coloured_box(picture, _RED) is not None for picture in pictures(made.path)]
    assert seen == [number < 5 or number >= 15 for number in range(35)]


def test_transcode_subtitles_have_the_size_and_place_asked_for(
    media: MediaFolder, tmp_path: Path
) -> None:
    """Size and distance from the lower edge are pixels of the output."""
    boxes = []
    for leaves in ({}, {"VMargin": "40"}, {"FontSize": "20"}):
        folder = tmp_path / "-".join(["f", *leaves.values()])
        folder.mkdir()
        workspace = media.workspace("white.mp4", folder)
        (folder / "texts.srt").write_text(_CUES)
        found = _boxes(workspace, _drawn(**leaves))[15]
        assert found is not None
        boxes.append(found)

    plain, raised, small = boxes
    assert plain.bottom - raised.bottom == pytest.approx(40 - 120 / 28.8, abs=3)
    assert (small.bottom - small.top) * 2 == pytest.approx(plain.bottom - plain.top, abs=4)


@pytest.mark.parametrize(
    ("format_name", "codec"), [("mp4", "mov_text"), ("mov", "mov_text"), ("mkv", "subrip")]
)
def test_transcode_adds_subtitles_as_a_track(
    media: MediaFolder, tmp_path: Path, format_name: str, codec: str
) -> None:
    """With Embed false, texts and times are in a track, and pictures are left alone."""
    workspace = _bucket(media, tmp_path)
    subtitles: Tree = {"Subtitle": {"Url": "texts.srt", "Embed": "false"}}

    made = transcode(workspace, format_name, Video=_FAST, Audio={}, Subtitles=subtitles)

    assert made.codecs == ["h264", "aac", codec]
    assert made.seconds == pytest.approx(2, abs=0.1)
    with av.open(str(made.path)) as opened:
        stream = opened.streams.subtitles[0]
        base = stream.time_base
        assert base is not None
        times = [float(one.pts * base) for one in opened.demux(stream) if one.size and one.pts]
    assert {0.4, 1.2} <= {round(time, 1) for time in times}


def test_transcode_adds_several_subtitles(media: MediaFolder, tmp_path: Path) -> None:
    """Drawn ones and tracks may stand side by side."""
    subtitles: Tree = {
        "Subtitle": [
            {"Url": "texts.srt", "Embed": "false"}, {"Url": "texts.srt", "FontColor": "0xFF0000"},
            {"Url": "texts.srt", "Embed": "false"},
        ]
    }  # fmt: skip

    made = transcode(_bucket(media, tmp_path), "mkv", Video=_FAST, Subtitles=subtitles)

    assert made.codecs == ["h264", "subrip", "subrip"]


@pytest.mark.slow
def test_transcode_adds_subtitles_to_webm(media: MediaFolder, tmp_path: Path) -> None:
    """A webm holds them as WebVTT."""
    subtitles: Tree = {"Subtitle": {"Url": "texts.srt", "Embed": "false"}}

    made = transcode(_bucket(media, tmp_path), "webm", Video={}, Subtitles=subtitles)

    assert made.codecs == ["vp8", "webvtt"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_subtitles_are_read_in_unicode(tmp_path: Path, encoding: str) -> None:
    """A mark of the byte order is understood, and so are the line ends of Windows."""
    path = tmp_path / "a.srt"
    path.write_bytes("1\r\n0:00:01.5 --> 00:00:02,000 X1:5\r\n中 文\r\nb\r\n\r\n".encode(encoding))

    assert read_cues(path, "a.srt") == [Cue(1500, 2000, "中 文\nb")]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10_000_000),
            st.integers(1, 100_000),
            st.text("abc äö中<>&{}", min_size=1).filter(lambda text: bool(text.strip())),
        ),
        min_size=1,
    )
)
def test_subtitles_survive_being_written(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[int, int, str]]
) -> None:
    """What is written is read back as it was."""
    cues = sorted(Cue(start, start + length, text) for start, length, text in entries)
    path = tmp_path_factory.getbasetemp() / "written.srt"

    path.write_text(written(cues), encoding="utf-8")

    assert read_cues(path, "a") == cues


@given(
    start=st.integers(0, 5000), length=st.integers(1, 5000), begin=st.integers(0, 10_000),
    lasting=st.integers(1, 10_000),
)  # fmt: skip
def test_subtitles_of_a_part_lie_within_it(
    start: int, length: int, begin: int, lasting: int
) -> None:
    """A text that reaches into a part is shown there for just as long; no other is."""
    overlap = min(begin + lasting, start + length) - max(begin, start)

    cut = cut_cues([Cue(begin, begin + lasting, "a")], start, length)

    if overlap <= 0:
        assert cut == []
    else:
        ((found_start, found_end, _),) = cut
        assert found_end - found_start == overlap
        assert 0 <= found_start < found_end <= length


@pytest.mark.parametrize(
    ("content", "error", "named"),
    [
        (None, ObjectNotFoundError, "texts.srt"),
        ("", UnsupportedInputError, "has no subtitles"),
        ("Hello", UnsupportedInputError, "is not SubRip: 'Hello'"),
        ("1\nfrom 1 to 2\nHello", UnsupportedInputError, "is not SubRip"),
        ("1\n00:00:01,0 --> 00:00:02,0\n中".encode("gb18030"), UnsupportedInputError, "UTF-8"),
        ("1\n00:01:00,0 --> 00:02:00,0\nlate", InvalidParamsError, "no text for the part"),
        ("1\n00:00:01,0 --> 00:00:02,0\n\U00013000", InvalidParamsError, "no installed font"),
    ],
)
def test_transcode_fails_on_subtitles_that_cannot_be_drawn(
    media: MediaFolder,
    tmp_path: Path,
    content: bytes | str | None,
    error: type[OperationError],
    named: str,
) -> None:
    """Whatever would not be seen as it was meant fails the object; nothing is published."""
    workspace = _bucket(media, tmp_path, content or "")
    spoil: Callable[[], object] = (tmp_path / "texts.srt").unlink
    if content is None:
        spoil()

    with pytest.raises(error, match=named):
        transcode(workspace, Video=_FAST, Subtitles=_drawn())

    assert workspace.published_paths == []
