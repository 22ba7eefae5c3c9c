"""ffmpeg: what it is told, and what its failures mean."""

from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.domain.errors import (
    AttemptCancelledError,
    BackendError,
    InputLimitError,
    InvalidParamsError,
    UnsupportedInputError,
)
from penstock.domain.trees import Tree
from penstock.operations._ffmpeg import MediaInput, run_ffmpeg
from penstock.operations.base import Limits
from penstock.operations.transcode import OPERATION
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

_H264: Tree = {
    "Transcode": {
        "Container": {"Format": "mp4"},
        "Video": {"Codec": "H.264", "Preset": "slower"},
    }
}


class WatchfulWorkspace(FolderWorkspace):
    """A workspace that is cancelled once a condition holds."""

    condition: Callable[[], bool] = staticmethod(lambda: False)
    _is_cancelled = False

    def is_cancelled(self) -> bool:
        """Whether the condition has held once."""
        self._is_cancelled = self._is_cancelled or self.condition()
        return self._is_cancelled


def _children_on(folder: Path) -> list[int]:
    """Processes whose working folder is the given one."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").resolve() == folder:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_ffmpeg_stops_when_it_is_cancelled(media: MediaFolder, tmp_path: Path) -> None:
    """A long transcode ends soon after it is cancelled, and no process is left."""
    (tmp_path / "long.mp4").symlink_to(media.path("long.mp4"))
    workspace = WatchfulWorkspace(tmp_path, "long.mp4")
    scratch = workspace.scratch.resolve()
    seen: list[int] = []

    def is_encoding() -> bool:
        seen.extend(_children_on(scratch))
        return any(report > 0 for report in workspace.reports)

    workspace.condition = is_encoding

    with pytest.raises(AttemptCancelledError):
        OPERATION.run(OPERATION.parse(_H264), workspace)

    assert seen
    assert not _children_on(scratch)
    assert not workspace.published_paths


def test_ffmpeg_reports_progress(media: MediaFolder, tmp_path: Path) -> None:
    """Fractions rise to the end."""
    workspace = media.workspace("clip.mp4", tmp_path)

    OPERATION.run(OPERATION.parse(_H264), workspace)

    assert workspace.reports == sorted(workspace.reports)
    assert workspace.reports[-1] == pytest.approx(1, abs=0.1)


def test_ffmpeg_output_above_the_limit_is_an_error_of_the_object(
    media: MediaFolder, tmp_path: Path
) -> None:
    """A file that grows too large is refused with the limit in the message."""
    workspace = media.workspace("clip.mp4", tmp_path, limits=Limits(output_bytes=5000))

    with pytest.raises(InputLimitError, match="5000 bytes"):
        OPERATION.run(OPERATION.parse(_H264), workspace)

    assert not workspace.published_paths


def test_ffmpeg_says_what_is_wrong_without_local_paths(tmp_path: Path) -> None:
    """The message names the object and the fault, and no folder of this machine."""
    (tmp_path / "b.mp4").write_bytes(b"no media at all")
    workspace = FolderWorkspace(tmp_path, "b.mp4")

    with pytest.raises(UnsupportedInputError) as caught:
        run_ffmpeg(workspace, [MediaInput(path=tmp_path / "b.mp4")], ["-f", "null", "-"])

    message = str(caught.value)
    assert message == "b.mp4: moov atom not found"
    assert str(tmp_path) not in message


@pytest.mark.parametrize(
    "arguments", [["-c:v", "no_such_encoder", "out.mp4"], ["-vf", "no_such_filter", "out.mp4"]]
)
def test_ffmpeg_that_lacks_something_says_so(
    media: MediaFolder, tmp_path: Path, arguments: list[str]
) -> None:
    """An encoder or filter that the installation lacks is a matter of the params."""
    workspace = media.workspace("clip.mp4", tmp_path)

    with pytest.raises(InvalidParamsError, match=r"of this installation.*no_such"):
        run_ffmpeg(workspace, [MediaInput(path=workspace.fetch())], arguments)


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile 'http://127.0.0.1:9/x.mp4'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
    ],
)
def test_ffmpeg_reaches_no_network(tmp_path: Path, text: str) -> None:
    """A list that points at the network is not followed."""
    (tmp_path / "b.mp4").write_text(text)
    workspace = FolderWorkspace(tmp_path, "b.mp4")

    with pytest.raises(UnsupportedInputError):
        run_ffmpeg(workspace, [MediaInput(path=tmp_path / "b.mp4")], ["-f", "null", "-"])


def test_ffmpeg_by_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PENSTOCK_FFMPEG names another program; one that does not exist is a fault of the machine."""
    monkeypatch.setenv("PENSTOCK_FFMPEG", "/nowhere/ffmpeg")
    (tmp_path / "clip.mp4").write_bytes(b"")
    workspace = FolderWorkspace(tmp_path, "clip.mp4")

    with pytest.raises(BackendError, match="cannot start ffmpeg"):
        run_ffmpeg(workspace, [MediaInput(path=tmp_path / "clip.mp4")], ["-f", "null", "-"])
