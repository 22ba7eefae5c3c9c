"""StreamPackConfig: it does nothing but stand there."""

from pathlib import Path

import pytest

from penstock.domain.errors import AttemptCancelledError
from penstock.operations.base import Kind, Result
from penstock.operations.stream_pack_config import OPERATION
from tests.operations.workspace import FolderWorkspace


def test_config_does_not_touch_its_object(tmp_path: Path) -> None:
    """It succeeds without a look at the object, and hands it on."""
    params = OPERATION.parse({"StreamPackConfig": "", "Output": {"Object": "a.m3u8"}})

    result = OPERATION.run(params, FolderWorkspace(tmp_path, "missing.mp4"))

    assert result == Result()
    assert OPERATION.hands_on_input
    assert OPERATION.reads == {Kind.VIDEO}


def test_config_stops_when_cancelled(tmp_path: Path) -> None:
    """A cancelled attempt ends here too."""
    workspace = FolderWorkspace(tmp_path, "missing.mp4")
    workspace.cancel_after = 0
    params = OPERATION.parse({"Output": {"Object": "a.m3u8"}})

    with pytest.raises(AttemptCancelledError):
        OPERATION.run(params, workspace)
