"""The quality of a JPEG, told from its tables."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.operations._image_quality import jpeg_quality
from tests.operations.image_fixtures import quarters

START = b"\xff\xd8"
TABLE_OF_ONES = b"\xff\xdb\x00\x43\x00" + b"\x01" * 64


@pytest.mark.parametrize("quality", [1, 10, 25, 49, 50, 51, 75, 90, 99, 100])
def test_quality_is_told_exactly(tmp_path: Path, quality: int) -> None:
    """The quality of any encoder with the standard tables is told exactly."""
    quarters(16, 16).save(tmp_path / "in.jpg", quality=quality)

    assert jpeg_quality(tmp_path / "in.jpg") == quality


@pytest.mark.parametrize(
    "content",
    [
        START + TABLE_OF_ONES,
        START + b"\xff\xff" + TABLE_OF_ONES[1:],
        START + b"\xff\xe0\x00\x04ab" + TABLE_OF_ONES,
        START + b"\xff\xd0" + TABLE_OF_ONES,
        START + b"\xff\xdb\x00\x84\x01" + b"\x09" * 64 + b"\x00" + b"\x01" * 64,
        START + b"\xff\xdb\x00\x83\x10" + b"\x00\x01" * 64,
    ],
)
def test_tables_are_found_where_the_standard_allows(tmp_path: Path, content: bytes) -> None:
    """Fill bytes, other segments, a second table and 16-bit entries are all understood."""
    (tmp_path / "in.jpg").write_bytes(content)

    assert jpeg_quality(tmp_path / "in.jpg") == 100


@given(st.binary(max_size=200))
def test_any_bytes_have_a_quality(content: bytes) -> None:
    """A file without tables counts as the best; no bytes make the reader fail."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.jpg"
        path.write_bytes(START + content)

        assert 1 <= jpeg_quality(path) <= 100
