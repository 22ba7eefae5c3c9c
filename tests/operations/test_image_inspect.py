"""ImageInspect: finds what is hidden behind a picture, and nothing where nothing is."""

import gzip
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from penstock.domain.errors import (
    AttemptCancelledError,
    InvalidArgumentError,
    UnsupportedInputError,
)
from penstock.operations._hidden_files import find_hidden
from penstock.operations._image_ends import picture_end
from penstock.operations.image_inspect import OPERATION
from tests.operations.archives import rarred, rarred_long_ago
from tests.operations.image_fixtures import animation, noise, png_header, quarters
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.workspace import FolderWorkspace

__all__ = ["media"]

FORMATS = {"JPEG": "JPG", "PNG": "PNG", "GIF": "GIF", "WEBP": "WEBP", "BMP": "BMP"}


def inspected(folder: Path, content: bytes, key: str = "photos/in.jpg") -> dict[str, str]:
    """What the operation says of a file with this content."""
    (folder / key).parent.mkdir(exist_ok=True)
    (folder / key).write_bytes(content)
    result = OPERATION.run(OPERATION.parse({}), FolderWorkspace(folder, key))
    (facts,) = result.facts.values()
    assert facts["State"] == facts["Code"] == "Success"
    assert facts["InputObjectName"] == key
    found = facts["ProcessResult"]
    assert isinstance(found, dict)
    return found


def saved(format_name: str, image: Image.Image | None = None) -> bytes:
    """A picture in a format."""
    file = io.BytesIO()
    (image or noise()).save(file, format_name)
    return file.getvalue()


@pytest.fixture(scope="session")
def stream(media: MediaFolder) -> bytes:
    """A real transport stream."""
    return media.path("numbered.ts").read_bytes()


@pytest.mark.parametrize(("pillow_format", "word"), FORMATS.items())
def test_clean_picture_is_not_suspicious(tmp_path: Path, pillow_format: str, word: str) -> None:
    """A picture that ends where its file does is clean, and its size and type are told."""
    content = saved(pillow_format)

    found = inspected(tmp_path, content)

    assert found == {"PicSize": str(len(content)), "PicType": word, "Suspicious": "false"}


@pytest.mark.parametrize("padding", [b"", bytes(100), b"made by a camera\n"], ids=len)
@pytest.mark.parametrize("pillow_format", FORMATS)
def test_transport_stream_behind_a_picture_is_found(
    tmp_path: Path, pillow_format: str, padding: bytes, stream: bytes
) -> None:
    """A transport stream behind a picture is found to the byte, after padding too."""
    picture = saved(pillow_format) + padding

    found = inspected(tmp_path, picture + stream)

    assert found["Suspicious"] == "true"
    assert found["SuspiciousType"] == "MPEG-TS"
    assert found["SuspiciousBeginByte"] == str(len(picture))
    assert found["SuspiciousEndByte"] == str(len(picture + stream) - 1)
    assert found["SuspiciousSize"] == str(len(stream))
    assert found["PicSize"] == str(len(picture + stream))


@pytest.mark.parametrize("key", ["photos/in.jpg", "photos/in.png", "photos/in"])
def test_bare_stream_is_found_under_any_name(tmp_path: Path, key: str, stream: bytes) -> None:
    """A transport stream under a picture's name is suspicious from its first byte on."""
    found = inspected(tmp_path, stream, key)

    assert found == {
        "PicSize": str(len(stream)),
        "PicType": "",
        "Suspicious": "true",
        "SuspiciousBeginByte": "0",
        "SuspiciousEndByte": str(len(stream) - 1),
        "SuspiciousSize": str(len(stream)),
        "SuspiciousType": "MPEG-TS",
    }


def test_stream_behind_a_broken_picture_is_found(tmp_path: Path, stream: bytes) -> None:
    """The few bytes of a picture that only serve as a disguise do not hide a stream."""
    for disguise in (png_header(10, 10), b"GIF89a" + bytes(20), b"BM" + bytes(52)):
        found = inspected(tmp_path, disguise + stream)

        assert found["SuspiciousType"] == "MPEG-TS"
        assert found["SuspiciousBeginByte"] == str(len(disguise))


def hidden_archive() -> bytes:
    """A ZIP archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("hidden.txt", "hidden" * 100)
    return file.getvalue()


def test_archives_and_films_behind_a_picture_are_found(tmp_path: Path, media: MediaFolder) -> None:
    """Archives of every kind and MP4 behind a picture are found too."""
    rarred(tmp_path / "new.rar")
    rarred_long_ago(tmp_path / "old.rar", {"a.txt": b"hidden"})
    hidden = {
        "ZIP": hidden_archive(),
        "7Z": b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(range(200)),
        "GZIP": gzip.compress(b"hidden" * 100),
        "MP4": media.path("silent.mp4").read_bytes(),
    }

    for kind, content in hidden.items():
        found = inspected(tmp_path, saved("PNG") + content)

        assert (found["Suspicious"], found["SuspiciousType"]) == ("true", kind)
        assert found["SuspiciousSize"] == str(len(content))
    for name in ("new.rar", "old.rar"):
        found = inspected(tmp_path, saved("JPEG") + (tmp_path / name).read_bytes())
        assert found["SuspiciousType"] == "RAR"


@pytest.mark.parametrize(
    "trailer",
    [
        bytes(5000),
        b"G" * 5000,
        b"PK\x03\x04 is how archives begin",
        b"\x1f\x8b\x08\x00 is how gzip begins",
        b"\x1f\x8b\x08" + bytes(7),  # and nothing behind it
        b"Rar! and 7z are how others begin",
        b"....ftyp",
        b"a note by the photographer " * 50,
    ],
    ids=len,
)
def test_harmless_trailers_are_not_suspicious(tmp_path: Path, trailer: bytes) -> None:
    """Padding, notes and bare magic numbers behind a picture are no files."""
    assert inspected(tmp_path, saved("JPEG") + trailer)["Suspicious"] == "false"


def test_second_picture_behind_a_jpeg_is_not_suspicious(tmp_path: Path) -> None:
    """Phones put further pictures behind the first; they are pictures all the same."""
    assert inspected(tmp_path, saved("JPEG") + saved("JPEG"))["Suspicious"] == "false"


@pytest.mark.parametrize("name", ["in.gif", "in.webp"])
def test_animations_are_followed_to_their_end(tmp_path: Path, name: str, stream: bytes) -> None:
    """The end of an animation is that of its last frame."""
    animation(tmp_path / name)
    content = (tmp_path / name).read_bytes()

    assert inspected(tmp_path, content)["Suspicious"] == "false"
    assert inspected(tmp_path, content + stream)["SuspiciousBeginByte"] == str(len(content))


@pytest.mark.parametrize("pillow_format", FORMATS)
def test_truncated_picture_is_refused(tmp_path: Path, pillow_format: str) -> None:
    """A picture that ends early and hides nothing is broken, which is said."""
    content = saved(pillow_format)

    with pytest.raises(UnsupportedInputError, match="is cut off or broken"):
        inspected(tmp_path, content[: len(content) * 2 // 3])


@pytest.mark.parametrize("content", [b"", b"just some text", b"%PDF-1.7\n", b"II*\0" + bytes(60)])
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    """What is neither one of the pictures nor a stream is not judged."""
    with pytest.raises(UnsupportedInputError):
        inspected(tmp_path, content)


def test_nothing_is_decoded(tmp_path: Path) -> None:
    """A picture that would decode to gigapixels is looked into all the same."""
    bomb = png_header(60_000, 60_000)
    ending = bytes(4) + b"IEND" + bytes(4)

    assert inspected(tmp_path, bomb + ending)["Suspicious"] == "false"


@pytest.mark.parametrize("type_", ["BackupObject", "SwitchObjectToPrivate", "DeleteObject"])
def test_automatic_treatment_is_refused(type_: str) -> None:
    """What would move, hide or delete a stored object is refused by name."""
    tree = {"ImageInspect": {"AutoProcess": "true", "ProcessType": type_}}

    with pytest.raises(InvalidArgumentError, match=r"ImageInspect\.AutoProcess must be false"):
        OPERATION.parse(tree)


def test_settings_without_effect_are_accepted() -> None:
    """A treatment that is switched off may be named; a wrong one is refused."""
    OPERATION.parse({"ImageInspect": {"AutoProcess": "false", "ProcessType": "DeleteObject"}})
    with pytest.raises(InvalidArgumentError, match=r"ImageInspect\.ProcessType must be one of"):
        OPERATION.parse({"ImageInspect": {"ProcessType": "Burn"}})


def test_cancelled_attempt_stops(tmp_path: Path) -> None:
    """The search for streams stops at the next checkpoint."""
    (tmp_path / "in.png").write_bytes(saved("PNG") + bytes(3 << 20))
    workspace = FolderWorkspace(tmp_path, "in.png")
    workspace.cancel_after = 2

    with pytest.raises(AttemptCancelledError):
        OPERATION.run(OPERATION.parse({}), workspace)


@given(st.sampled_from(["jpeg", "png", "gif", "webp", "bmp"]), st.binary(max_size=300))
def test_any_bytes_have_an_end(format_name: str, content: bytes) -> None:
    """Whatever a file holds, its end lies inside of it."""
    end = picture_end(content, format_name)

    assert 0 <= end.at <= len(content)


@given(st.binary(max_size=2000), st.integers(0, 2000))
def test_any_bytes_can_be_searched(content: bytes, start: int) -> None:
    """Whatever a file holds, what is found in it lies behind where the search began."""
    found = find_hidden(content, start, lambda: None)

    assert found is None or start <= found.first <= found.last < len(content)


@given(st.binary(max_size=400), st.integers(5, 9))
def test_packets_are_found_wherever_they_begin(noise_before: bytes, packets: int) -> None:
    """A transport stream of five packets or more is found at any offset."""
    packet = b"G\x40\x11\x10" + bytes(184)

    found = find_hidden(noise_before + packet * packets, 0, lambda: None)

    assert found is not None
    assert found.kind == "MPEG-TS" or found.first < len(noise_before)
    assert found.first <= len(noise_before)


def test_quarters_are_clean(tmp_path: Path) -> None:
    """A flat picture, full of equal bytes, is not taken for packets."""
    assert inspected(tmp_path, saved("BMP", quarters(700, 500)))["Suspicious"] == "false"
