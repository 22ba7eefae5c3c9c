"""Scratch folders of workers on a node: each has its own, and nothing of dead ones stays."""

import subprocess
import sys
from pathlib import Path

import pytest

from penstock.domain.errors import BackendError
from penstock.engine.node_scratch import claim_folder, default_root

CLAIM = (
    "import sys; from pathlib import Path\n"
    "from penstock.engine.node_scratch import claim_folder\n"
    "print(claim_folder(Path(sys.argv[1])), flush=True)\n"
    "sys.stdin.read()\n"
)


def test_scratch_of_dead_workers_is_removed_and_of_living_ones_kept(tmp_path: Path) -> None:
    """Whoever claims a folder sweeps what no living process holds."""
    root = tmp_path / "scratch"
    with subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        (theirs / "object-1").mkdir()
        ours = claim_folder(root)
        assert theirs.is_dir()

        other.kill()

    again = claim_folder(root)

    assert not theirs.exists()
    assert ours.is_dir()
    assert again.is_dir()
    assert ours != again


def test_scratch_is_for_nobody_else_to_read(tmp_path: Path) -> None:
    """Folders that are made let no other user in."""
    folder = claim_folder(tmp_path / "deep" / "scratch")

    assert folder.stat().st_mode & 0o077 == 0
    assert folder.parent.stat().st_mode & 0o077 == 0


def test_scratch_that_cannot_be_made_is_an_error_of_the_node(tmp_path: Path) -> None:
    """A file in the way is told with its path."""
    (tmp_path / "file").touch()

    with pytest.raises(BackendError, match="no scratch folder can be made"):
        claim_folder(tmp_path / "file")


def test_scratch_is_in_the_folder_for_temporary_files_by_default() -> None:
    """Nobody has to say where."""
    assert default_root().name.startswith("penstock-")
