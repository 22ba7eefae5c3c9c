"""Where buckets come to lie that are made by their name alone."""

from pathlib import Path

import pytest

from penstock.domain.errors import StoreError
from penstock.storage.placing import place_bucket


@pytest.mark.parametrize("is_url", [False, True])
def test_place_below_a_folder_is_made(tmp_path: Path, *, is_url: bool) -> None:
    """A path or a file URL gets a folder named like the bucket; doing it again is no error."""
    root = tmp_path / "all my buckets"
    text = root.as_uri() if is_url else str(root)

    first = place_bucket(text, "demo-1")
    second = place_bucket(text, "demo-1")

    assert first == second == (root / "demo-1").as_uri()
    assert (root / "demo-1").is_dir()


def test_place_below_a_store_is_a_prefix() -> None:
    """A bucket of a store gets a root of its own, and keeps the options of the URL."""
    assert place_bucket("s3://all/deep/?endpoint=http://h:1", "demo-1") == (
        "s3://all/deep/demo-1?endpoint=http://h:1"
    )
    assert place_bucket("s3://all", "demo-1") == "s3://all/demo-1"


def test_place_that_cannot_be_made_is_told_without_its_path(tmp_path: Path) -> None:
    """A failure names the bucket and the reason, and no path of the machine."""
    file = tmp_path / "file"
    file.write_bytes(b"")

    with pytest.raises(StoreError, match="demo-1: no folder can be made") as caught:
        place_bucket(str(file), "demo-1")

    assert str(tmp_path) not in str(caught.value)
