"""The registry, and the operation that does nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from penstock.operations.base import Family, Kind, Result
from penstock.operations.registry import OPERATIONS, find
from tests.operations.workspace import FolderWorkspace

WITHOUT_OUTPUT = {"Condition", "FileHashCode", "ImageInspect", "MediaInfo", "Noop", "SCF"}


def test_registry_finds_each_operation_by_its_tag() -> None:
    """Tags are unique and lead to their operation; others lead nowhere."""
    tags = [operation.tag for operation in OPERATIONS]

    assert len(set(tags)) == len(tags)
    assert all(find(operation.tag) is operation for operation in OPERATIONS)
    assert find("Nothing") is None
    assert {"FileHashCode", "MediaInfo", "Noop", "PicProcess", "Snapshot", "Transcode"} <= {*tags}
    assert {"Animation", "Concat", "Segment", "SmartCover", "StreamExtract"} <= {*tags}


def test_registry_imports_no_heavy_library() -> None:
    """Listing the operations costs neither PyAV nor libvips nor Pillow."""
    code = (
        "import sys, penstock.operations.registry;"
        "print([n for n in ('av', 'pyvips', 'PIL', 'imageio_ffmpeg') if n in sys.modules])"
    )

    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.tag)
def test_operations_that_report_only_need_no_output(operation: object) -> None:
    """Exactly the operations that make no object work without an output."""
    tag = getattr(operation, "tag", "")

    found = find(tag)

    assert found is not None
    assert found.needs_output == (tag not in WITHOUT_OUTPUT)


def test_noop_does_not_touch_its_object(tmp_path: Path) -> None:
    """Noop succeeds although the object does not exist, and for every kind."""
    operation = find("Noop")
    assert operation is not None

    result = operation.run(operation.parse({}), FolderWorkspace(tmp_path, "missing.bin"))

    assert result == Result()
    assert operation.reads == frozenset(Kind)
    assert operation.family is Family.FILE
