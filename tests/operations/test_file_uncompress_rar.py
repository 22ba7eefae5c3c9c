"""FileUncompress on rar archives, where bsdtar is installed and where it is not."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.domain.errors import OperationError
from penstock.operations.file_uncompress import OPERATION
from tests.operations.archives import FILES, rarred, rarred_long_ago
from tests.operations.workspace import FolderWorkspace


@pytest.fixture
def _bsdtar() -> None:
    """Skip the test on a machine without bsdtar; fail it in CI."""
    if shutil.which("bsdtar") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("bsdtar is not installed")
        pytest.skip("bsdtar is not installed")


def run(folder: Path) -> FolderWorkspace:
    """Unpack the archive; the workspace afterwards."""
    workspace = FolderWorkspace(folder, "x.rar")
    OPERATION.run(OPERATION.parse({}), workspace)
    return workspace


def refusal(folder: Path) -> OperationError:
    """How the archive is refused; nothing of it may have been published."""
    workspace = FolderWorkspace(folder, "x.rar")
    with pytest.raises(OperationError) as caught:
        OPERATION.run(OPERATION.parse({}), workspace)
    assert workspace.published_paths == []
    return caught.value


@pytest.mark.usefixtures("_bsdtar")
def test_uncompress_reads_rar(tmp_path: Path) -> None:
    """Every file of a rar archive becomes an object with its very bytes."""
    rarred(tmp_path / "x.rar")

    workspace = run(tmp_path)

    published = {
        path.relative_to(workspace.published).as_posix(): path.read_bytes()
        for path in workspace.published_paths
    }
    assert published == FILES
    assert not (workspace.scratch / "converted.tar").exists()


@pytest.mark.usefixtures("_bsdtar")
@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a\\b"])
def test_uncompress_checks_names_in_rar(tmp_path: Path, name: str) -> None:
    """Names that lead elsewhere refuse a rar archive too."""
    rarred(tmp_path / "x.rar", {"good": b"x", name: b"x"})

    assert refusal(tmp_path).code == "ResourceNotSupported"


@pytest.mark.usefixtures("_bsdtar")
def test_uncompress_reads_old_rar(tmp_path: Path) -> None:
    """The generation before the present one is read too."""
    files = {"a": b"first", "b/c": os.urandom(70_000)}
    rarred_long_ago(tmp_path / "x.rar", files)

    workspace = run(tmp_path)

    assert [path.read_bytes() for path in workspace.published_paths] == list(files.values())


@pytest.mark.usefixtures("_bsdtar")
@pytest.mark.parametrize("maker", [rarred, rarred_long_ago])
def test_uncompress_compares_checksums_of_rar(
    tmp_path: Path, maker: Callable[[Path, dict[str, bytes]], None]
) -> None:
    """A broken member refuses the archive, also where bsdtar does not notice."""
    maker(tmp_path / "x.rar", {"a": b"a" * 5000})
    broken = (tmp_path / "x.rar").read_bytes().replace(b"a" * 4000, b"a" * 3999 + b"!", 1)
    (tmp_path / "x.rar").write_bytes(broken)

    assert refusal(tmp_path).code == "ResourceNotSupported"


@pytest.mark.usefixtures("_bsdtar")
def test_uncompress_refuses_a_rar_that_is_read_in_part(tmp_path: Path) -> None:
    """A member that bsdtar leaves out with a mere warning fails the whole."""
    rarred(tmp_path / "x.rar", {"good": b"x"})
    rarred(tmp_path / "odd.rar", {"odd": b"x"}, mode=0o644)
    end_bytes = len(b"crc32") + 3
    joined = (tmp_path / "x.rar").read_bytes()[:-end_bytes]
    start_bytes = 16
    (tmp_path / "x.rar").write_bytes(joined + (tmp_path / "odd.rar").read_bytes()[start_bytes:])

    assert "odd" in str(refusal(tmp_path))


@pytest.mark.usefixtures("_bsdtar")
@pytest.mark.parametrize("part", [0.2, 0.6, 0.9])
def test_uncompress_notices_a_rar_that_was_cut_short(tmp_path: Path, part: float) -> None:
    """A part of a rar archive is refused."""
    rarred(tmp_path / "x.rar", {"a": os.urandom(5000), "b": os.urandom(5000)})
    content = (tmp_path / "x.rar").read_bytes()
    (tmp_path / "x.rar").write_bytes(content[: int(len(content) * part)])

    assert refusal(tmp_path).code == "ResourceNotSupported"


@pytest.mark.usefixtures("_bsdtar")
def test_uncompress_refuses_volumes_of_rar(tmp_path: Path) -> None:
    """One of several volumes would give a part of what was packed."""
    rarred(tmp_path / "x.rar", flags=1)

    assert "several volumes" in str(refusal(tmp_path))


def test_uncompress_says_what_reads_rar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without bsdtar, the answer names it and the package that has it."""
    rarred(tmp_path / "x.rar")
    monkeypatch.setenv("PATH", str(tmp_path))

    error = refusal(tmp_path)

    assert error.code == "ResourceNotSupported"
    assert "needs the program bsdtar" in str(error)
    assert "libarchive-tools" in str(error)
