"""FileUncompress on archives that are broken, or made to do harm."""

import gzip
import io
import os
import stat
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import py7zr
import pytest

from penstock.domain.errors import InputLimitError, OperationError, UnsupportedInputError
from penstock.operations.base import Limits
from penstock.operations.file_uncompress import OPERATION
from tests.operations.archives import (
    FILES,
    gzipped,
    seven_zipped,
    tar_entry,
    tarred,
    zipped,
)
from tests.operations.workspace import FolderWorkspace

_BOMB_MIB = 512
EVIL_NAMES = [
    "../evil",
    "a/../../evil",
    "a/..",
    "/etc/evil",
    "a\\b",
    "..\\evil",
    "C:evil",
    "c:/evil",
    "\\\\host\\share",
]


def run(path: Path, name: str, *, limits: Limits | None = None) -> FolderWorkspace:
    """Unpack an archive; the workspace afterwards."""
    workspace = FolderWorkspace(path, name, limits=limits)
    OPERATION.run(OPERATION.parse({"Output": {"Bucket": "b", "Region": "r"}}), workspace)
    return workspace


def refusal(path: Path, name: str) -> OperationError:
    """How an archive is refused; nothing of it may have been published."""
    workspace = FolderWorkspace(path, name)
    with pytest.raises(OperationError) as caught:
        OPERATION.run(OPERATION.parse({"Output": {"Bucket": "b", "Region": "r"}}), workspace)
    assert workspace.published_paths == []
    return caught.value


@pytest.mark.parametrize("name", EVIL_NAMES)
@pytest.mark.parametrize("maker", [zipped, tarred])
def test_uncompress_refuses_names_that_lead_elsewhere(
    tmp_path: Path, maker: Callable[..., None], name: str
) -> None:
    """A name that is no plain relative path refuses the archive, good members included."""
    files = {"good.txt": b"x", name: b"x"}
    if maker is zipped:
        zipped(tmp_path / "x", files)
    else:
        with tarfile.open(tmp_path / "x", "w") as archive:
            for one in files:
                archive.addfile(tar_entry(one))

    error = refusal(tmp_path, "x")

    assert (error.code, type(error)) == ("ResourceNotSupported", UnsupportedInputError)
    assert repr(name) in str(error)


def test_uncompress_refuses_a_nul_in_a_name(tmp_path: Path) -> None:
    """What stands behind a NUL is not dropped in silence."""
    zipped(tmp_path / "x.zip", {"a.txt": b"x"})
    content = (tmp_path / "x.zip").read_bytes().replace(b"a.txt", b"a\0txt")
    (tmp_path / "x.zip").write_bytes(content)

    assert "NUL" in str(refusal(tmp_path, "x.zip"))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_uncompress_refuses_two_members_of_one_name(tmp_path: Path) -> None:
    """Which of the two would be meant cannot be told, also where they differ by a dot."""
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a", b"1")
        archive.writestr("a", b"2")
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        tar.addfile(tar_entry("a"))
        tar.addfile(tar_entry("./a"))

    assert "two members" in str(refusal(tmp_path, "x.zip"))
    assert "two members" in str(refusal(tmp_path, "x.tar"))


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (tarfile.SYMTYPE, "link"),
        (tarfile.LNKTYPE, "link"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.BLKTYPE, "device"),
        (tarfile.FIFOTYPE, "device"),
        (tarfile.GNUTYPE_SPARSE, "sparse"),
    ],
)
def test_uncompress_refuses_what_is_no_file(tmp_path: Path, kind: bytes, word: str) -> None:
    """Links, devices and sparse files cannot be objects."""
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.addfile(tar_entry("good"))
        archive.addfile(tar_entry("odd", kind, "/etc/passwd"))

    error = refusal(tmp_path, "x.tar")

    assert error.code == "ResourceNotSupported"
    assert word in str(error)


@pytest.mark.parametrize(("mode", "word"), [(stat.S_IFLNK, "link"), (stat.S_IFCHR, "device")])
def test_uncompress_refuses_links_in_zip(tmp_path: Path, mode: int, word: str) -> None:
    """The mode of a member tells what it is."""
    entry = zipfile.ZipInfo("odd")
    entry.external_attr = (mode | 0o644) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(entry, b"/etc/passwd")

    assert word in str(refusal(tmp_path, "x.zip"))


def test_uncompress_refuses_links_in_7z(tmp_path: Path) -> None:
    """A symbolic link in a 7z archive is no file either."""
    (tmp_path / "link").symlink_to("/etc/passwd")
    with py7zr.SevenZipFile(tmp_path / "x.7z", "w") as archive:
        archive.write(tmp_path / "link", "link")

    assert "link" in str(refusal(tmp_path, "x.7z"))


def _bomb(path: Path, kind: str) -> None:
    """An archive of zeros."""
    zeros = bytes(1 << 20)
    if kind == "zip":
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("zeros", "w") as member,
        ):
            for _ in range(_BOMB_MIB):
                member.write(zeros)
        return
    with gzip.open(path, "wb") as file:
        if kind == "tar.gz":
            entry = tarfile.TarInfo("zeros")
            entry.size = _BOMB_MIB << 20
            file.write(entry.tobuf())
        for _ in range(_BOMB_MIB):
            file.write(zeros)
        file.write(bytes(1024))


@pytest.mark.parametrize("kind", ["zip", "gz", "tar.gz"])
def test_uncompress_refuses_bombs(tmp_path: Path, kind: str) -> None:
    """A small archive that unpacks to much more than 200 times its size is refused."""
    _bomb(tmp_path / f"x.{kind}", kind)

    error = refusal(tmp_path, f"x.{kind}")

    assert (error.code, type(error)) == ("LimitExceeded", InputLimitError)
    assert not list((tmp_path / "scratch").glob("zeros"))


def test_uncompress_refuses_a_declared_bomb(tmp_path: Path) -> None:
    """Sizes that a 7z archive admits to are enough to refuse it."""
    seven_zipped(tmp_path / "x.7z", {"zeros": bytes(300 << 20)})

    assert refusal(tmp_path, "x.7z").code == "LimitExceeded"


def test_uncompress_refuses_overlapping_members(tmp_path: Path) -> None:
    """Members that share their bytes are the flat kind of bomb."""
    zipped(tmp_path / "x.zip", {"a": os.urandom(1000), "b": os.urandom(1000)})
    content = bytearray((tmp_path / "x.zip").read_bytes())
    first = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4)
    second = content.index(b"PK\x01\x02", first + 4)
    content[second + 42 : second + 46] = content[first + 42 : first + 46]
    (tmp_path / "x.zip").write_bytes(content)

    assert "overlap" in str(refusal(tmp_path, "x.zip"))


def test_uncompress_refuses_too_many_members(tmp_path: Path) -> None:
    """The number of members is bounded."""
    header = tar_entry("f").tobuf()
    with gzip.open(tmp_path / "x.tar.gz", "wb", compresslevel=1) as file:
        folder = tar_entry("d", tarfile.DIRTYPE).tobuf()
        file.write(header)
        for _ in range(100):
            file.write(folder * 1000)

    error = refusal(tmp_path, "x.tar.gz")

    assert error.code == "LimitExceeded"
    assert "100000 members" in str(error)


def test_uncompress_does_not_follow_archives_in_archives(tmp_path: Path) -> None:
    """An archive in an archive is a file like others."""
    zipped(tmp_path / "inner.zip")
    inner = (tmp_path / "inner.zip").read_bytes()
    zipped(tmp_path / "x.zip", {"inner.zip": inner})

    workspace = run(tmp_path, "x.zip")

    assert [path.read_bytes() for path in workspace.published_paths] == [inner]


def test_uncompress_bounds_headers(tmp_path: Path) -> None:
    """A header that claims hundreds of megabytes is refused before they are read."""
    entry = tar_entry("x", tarfile.XHDTYPE)
    entry.size = 500 << 20
    with gzip.open(tmp_path / "x.tar.gz", "wb", compresslevel=1) as file:
        file.write(tar_entry("good").tobuf() + entry.tobuf())
        file.write(bytes(40 << 20))

    tracemalloc.start()
    error = refusal(tmp_path, "x.tar.gz")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert error.code == "LimitExceeded"
    assert peak < 8 << 20


def test_uncompress_compares_checksums_before_it_publishes(tmp_path: Path) -> None:
    """Of a zip archive with a broken member, those before it stay and are counted."""
    files = {name: name.encode() * 5000 for name in ("a", "b", "c")}
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    broken = (tmp_path / "x.zip").read_bytes().replace(b"b" * 5000, b"b" * 4999 + b"!")
    (tmp_path / "x.zip").write_bytes(broken)
    workspace = FolderWorkspace(tmp_path, "x.zip")

    with pytest.raises(UnsupportedInputError, match="1 of 3 files had been written") as caught:
        OPERATION.run(OPERATION.parse({}), workspace)

    assert caught.value.code == "ResourceNotSupported"
    assert "'b'" in str(caught.value)
    assert [path.name for path in workspace.published_paths] == ["a"]


def test_uncompress_compares_the_checksum_of_gzip_first(tmp_path: Path) -> None:
    """Of a broken tar.gz archive, nothing is published."""
    tarred(tmp_path / "x.tar.gz", "w:gz")
    content = bytearray((tmp_path / "x.tar.gz").read_bytes())
    content[-8] ^= 1
    (tmp_path / "x.tar.gz").write_bytes(content)

    assert "CRC" in str(refusal(tmp_path, "x.tar.gz"))


def test_uncompress_compares_checksums_of_7z(tmp_path: Path) -> None:
    """A broken 7z archive gives nothing."""
    with py7zr.SevenZipFile(
        tmp_path / "x.7z", "w", filters=[{"id": py7zr.FILTER_COPY}]
    ) as archive:
        archive.writestr(b"a" * 5000, "a")
    broken = (tmp_path / "x.7z").read_bytes().replace(b"a" * 5000, b"a" * 4999 + b"!")
    (tmp_path / "x.7z").write_bytes(broken)

    assert "broken" in str(refusal(tmp_path, "x.7z"))


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz", "x.7z", "x.gz"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_uncompress_notices_archives_that_were_cut_short(
    tmp_path: Path, name: str, part: float
) -> None:
    """Whatever the cut, the archive is refused, and nothing of it published."""
    files = {**FILES, "noise": os.urandom(30_000)}
    makers: dict[str, Callable[[Path], None]] = {
        "x.zip": lambda path: zipped(path, files),
        "x.tar": lambda path: tarred(path, files=files),
        "x.tar.gz": lambda path: tarred(path, "w:gz", files),
        "x.7z": lambda path: seven_zipped(path, files),
        "x.gz": lambda path: gzipped(path, os.urandom(30_000)),
    }
    makers[name](tmp_path / name)
    content = (tmp_path / name).read_bytes().rstrip(b"\0")  # a tar archive is padded
    (tmp_path / name).write_bytes(content[: int(len(content) * part)])

    assert refusal(tmp_path, name).code == "ResourceNotSupported"


def test_uncompress_notices_a_tar_cut_between_members(tmp_path: Path) -> None:
    """A tar archive that ends without the mark of its end may be half of one."""
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.addfile(tar_entry("a"))
        archive.addfile(tar_entry("b"))
    (tmp_path / "x.tar").write_bytes((tmp_path / "x.tar").read_bytes()[:512])

    assert "no end" in str(refusal(tmp_path, "x.tar"))


def test_uncompress_notices_a_broken_header_in_the_middle(tmp_path: Path) -> None:
    """What Python would take for the end of a tar archive is none."""
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.addfile(tar_entry("a"))
        archive.addfile(tar_entry("b"))
    content = bytearray((tmp_path / "x.tar").read_bytes())
    content[512] ^= 1
    (tmp_path / "x.tar").write_bytes(content)

    assert "no end" in str(refusal(tmp_path, "x.tar"))


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"just text", "no archive"),
        (b"PK\x03\x04 but no more", "broken"),
        (b"7z\xbc\xaf\x27\x1c but no more", "broken"),
        (b"\x1f\x8b\x08 but no more", "broken"),
        (b"BZh91AY&SY", "no archive"),
    ],
)
def test_uncompress_refuses_what_is_no_archive(tmp_path: Path, content: bytes, word: str) -> None:
    """What is no archive, or of a kind that is not read, is said to be that."""
    (tmp_path / "x.zip").write_bytes(content)

    error = refusal(tmp_path, "x.zip")

    assert error.code == "ResourceNotSupported"
    assert word in str(error)


def test_uncompress_refuses_keys_that_are_too_long(tmp_path: Path) -> None:
    """A member that no store would take refuses the archive."""
    zipped(tmp_path / "x.zip", {"a": b"x", "n" * 1025: b"x"})

    assert "1024 bytes" in str(refusal(tmp_path, "x.zip"))


def test_uncompress_bounds_the_size_of_a_member(tmp_path: Path) -> None:
    """A member larger than the limit on files fails, and says so."""
    gzipped(tmp_path / "x.gz", os.urandom(3 << 20))

    with pytest.raises(InputLimitError):
        run(tmp_path, "x.gz", limits=Limits(output_bytes=2 << 20))


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_uncompress_holds_no_member_in_memory(tmp_path: Path, kind: str) -> None:
    """A member of 64 MiB takes a few MiB of memory."""
    block = os.urandom(1 << 20)
    path = tmp_path / f"x.{kind}"
    if kind == "zip":
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open("a", "w") as member,
        ):
            for _ in range(64):
                member.write(block)
    else:
        entry = tarfile.TarInfo("a")
        entry.size = 64 << 20
        with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as tar:
            tar.addfile(entry, io.BytesIO(block * 64))

    tracemalloc.start()
    workspace = LastingWorkspace(tmp_path, path.name)
    OPERATION.run(OPERATION.parse({}), workspace)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert workspace.sizes == [64 << 20]
    assert peak < 8 << 20


class LastingWorkspace(FolderWorkspace):
    """Notes the sizes of what is published and stores nothing, so that it takes no memory."""

    sizes: list[int]

    def _store(self, path: Path, key: str) -> None:
        self.sizes = [*getattr(self, "sizes", []), path.stat().st_size]
        path.write_bytes(b"")
        super()._store(path, key)
