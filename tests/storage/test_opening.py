"""From storage URLs to stores."""

from pathlib import Path

import pytest

from penstock.domain.errors import InvalidArgumentError
from penstock.storage.folder import FolderStore
from penstock.storage.opening import open_store
from penstock.storage.s3 import S3Store
from tests.storage.objects import list_keys, put


def test_folder_has_many_spellings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path, a relative path and an encoded file URL name the same folder."""
    monkeypatch.chdir(tmp_path)
    put(open_store(str(tmp_path / "a b")), "k")

    for url in ("a b", f"file://{tmp_path}/a%20b", f"FILE://localhost{tmp_path}/a%20b/"):
        store = open_store(url)
        assert isinstance(store, FolderStore)
        assert list_keys(store) == ["k"]


def test_opening_makes_nothing(tmp_path: Path) -> None:
    """The folder appears with the first object."""
    open_store(str(tmp_path / "later"))

    assert list(tmp_path.iterdir()) == []


def test_s3_url_opens_s3() -> None:
    """The scheme decides, in any case of letters."""
    assert isinstance(open_store("S3://bucket?anonymous=true"), S3Store)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a\0b",
        "file://",
        "file://host/path",
        "file:///a?b",
        "file:///a#b",
        "file:///a%00b",
        "ftp://host/path",
        "s3://?endpoint=x",
    ],
)
def test_unknown_url_is_refused(url: str) -> None:
    """What names no store is the caller's mistake."""
    with pytest.raises(InvalidArgumentError):
        open_store(url)
