"""FileUncompress on archives as they ought to be."""

import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.domain.errors import (
    AttemptCancelledError,
    InvalidArgumentError,
    InvalidParamsError,
    UnsupportedInputError,
)
from penstock.domain.trees import Tree, Value
from penstock.operations.base import Kind
from penstock.operations.file_uncompress import OPERATION
from tests.operations.archives import (
    FILES,
    PASSWORD_BASE64,
    gzipped,
    locked,
    seven_zipped,
    tarred,
    zip_with_raw_names,
    zipped,
)
from tests.operations.workspace import FolderWorkspace

MAKERS: dict[str, Callable[..., None]] = {
    "x.zip": zipped,
    "x.apk": zipped,
    "x.tar": tarred,
    "x.tar.gz": lambda path: tarred(path, "w:gz"),
    "x.7z": seven_zipped,
}


def params(**leaves: Value) -> Tree:
    """The `Operation` tree as the SDK sends it."""
    output = {"Region": "ap-beijing", "Bucket": "other-1250000000"}
    return {"FileUncompressConfig": leaves, "Output": output}


def unpack(workspace: FolderWorkspace, **leaves: Value) -> Tree:
    """Run the operation; its result."""
    result = OPERATION.run(OPERATION.parse(params(**leaves)), workspace)
    facts: Tree = result.facts["FileUncompressResult"]
    return facts


def published(workspace: FolderWorkspace) -> dict[str, bytes]:
    """What was published, by key."""
    return {
        path.relative_to(workspace.published).as_posix(): path.read_bytes()
        for path in workspace.published_paths
    }


@pytest.mark.parametrize("name", MAKERS)
def test_uncompress_publishes_every_file(tmp_path: Path, name: str) -> None:
    """Every file of every kind of archive becomes an object with its very bytes."""
    MAKERS[name](tmp_path / name)
    workspace = FolderWorkspace(tmp_path, name)

    facts = unpack(workspace, Prefix="out")

    assert published(workspace) == {f"out/{key}": content for key, content in FILES.items()}
    assert facts == {
        "Region": "ap-beijing",
        "Bucket": "other-1250000000",
        "FileCount": str(len(FILES)),
    }
    assert list(workspace.scratch.glob("[!m]*")) == []


@pytest.mark.parametrize("name", MAKERS)
def test_uncompress_goes_by_the_content(tmp_path: Path, name: str) -> None:
    """A wrong extension does no harm."""
    MAKERS[name](tmp_path / "wrong.txt")
    workspace = FolderWorkspace(tmp_path, "wrong.txt")

    unpack(workspace)

    assert published(workspace) == FILES


def test_uncompress_takes_a_single_gzip_file(tmp_path: Path) -> None:
    """A file behind gzip is named like its archive, without the extension."""
    gzipped(tmp_path / "log.txt.gz", b"line\n" * 1000)
    workspace = FolderWorkspace(tmp_path, "log.txt.gz")

    unpack(workspace, Prefix="/logs/")

    assert published(workspace) == {"logs/log.txt": b"line\n" * 1000}


@pytest.mark.parametrize(
    ("key", "replaced", "expected"),
    [
        ("123/test.zip", "0", "456/image.jpg"),
        ("123/test.zip", "1", "456/test/image.jpg"),
        ("123/test.zip", "2", "456/123/test/image.jpg"),
        ("test.zip", "2", "456/test/image.jpg"),
        ("a/b/c.tar.gz", "2", "456/a/b/c/image.jpg"),
        ("noext", "1", "456/noext/image.jpg"),
    ],
)
def test_uncompress_places_members_as_documented(
    tmp_path: Path, key: str, replaced: str, expected: str
) -> None:
    """The vendor's own example for PrefixReplaced, and its edges."""
    (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
    zipped(tmp_path / key, {"image.jpg": b"x"})
    workspace = FolderWorkspace(tmp_path, key)

    unpack(workspace, Prefix="456", PrefixReplaced=replaced)

    assert list(published(workspace)) == [expected]


def test_uncompress_follows_a_pattern(tmp_path: Path) -> None:
    """A workflow file names the folder by the output's pattern."""
    zipped(tmp_path / "set.zip", {"a": b"x"})
    workspace = FolderWorkspace(
        tmp_path, "set.zip", outputs={"Object": "unpacked/${InputName}/${Ext}"}
    )
    tree: Tree = {"Output": {"Object": "unpacked/${InputName}/${Ext}"}}

    OPERATION.run(OPERATION.parse(tree), workspace)

    assert list(published(workspace)) == ["unpacked/set/a"]


@pytest.mark.parametrize("name", ["x.zip", "x.7z", "x.tar.gz"])
def test_uncompress_takes_what_is_chosen(tmp_path: Path, name: str) -> None:
    """DownloadConfig names members by prefix and by name."""
    MAKERS[name](tmp_path / name)
    workspace = FolderWorkspace(tmp_path, name)

    facts = unpack(workspace, DownloadConfig={"Prefix": "deep/", "Key": ["a.txt"]})

    assert set(published(workspace)) == {"a.txt", "deep/b.bin", "deep/er/empty"}
    assert facts["FileCount"] == "3"


def test_uncompress_misses_what_is_not_there(tmp_path: Path) -> None:
    """A member that is wanted by name and missing fails the whole, before anything is written."""
    zipped(tmp_path / "x.zip")
    workspace = FolderWorkspace(tmp_path, "x.zip")

    with pytest.raises(InvalidParamsError, match=r"no member 'b\.txt'"):
        unpack(workspace, DownloadConfig={"Key": ["a.txt", "b.txt"]})

    assert published(workspace) == {}


@pytest.mark.parametrize(
    "maker", [locked, lambda path: seven_zipped(path, password="open sesame")]
)
def test_uncompress_opens_what_is_encrypted(tmp_path: Path, maker: Callable[..., None]) -> None:
    """The right password opens AES in zip and 7z."""
    maker(tmp_path / "x")
    workspace = FolderWorkspace(tmp_path, "x")

    unpack(workspace, UnCompressKey=PASSWORD_BASE64)

    assert published(workspace) == FILES


@pytest.mark.parametrize("key", ["", "d3Jvbmc="])
@pytest.mark.parametrize(
    "maker", [locked, lambda path: seven_zipped(path, password="open sesame")]
)
def test_uncompress_refuses_a_wrong_password(
    tmp_path: Path, maker: Callable[..., None], key: str
) -> None:
    """Without the password, or with another, nothing is written and the answer says why."""
    maker(tmp_path / "x")
    workspace = FolderWorkspace(tmp_path, "x")

    with pytest.raises(InvalidParamsError, match="UnCompressKey") as caught:
        unpack(workspace, UnCompressKey=key)

    assert caught.value.code == "InvalidArgument"
    assert published(workspace) == {}


def test_uncompress_of_an_empty_archive_gives_nothing(tmp_path: Path) -> None:
    """An archive without members is right, and gives no objects."""
    for name, maker in (("x.zip", zipped), ("x.tar", tarred), ("x.tar.gz", tarred)):
        maker(tmp_path / name, files={})
        assert unpack(FolderWorkspace(tmp_path, name))["FileCount"] == "0"
    with zipfile.ZipFile(tmp_path / "none.zip", "w"):
        pass
    assert unpack(FolderWorkspace(tmp_path, "none.zip"))["FileCount"] == "0"
    with tarfile.open(tmp_path / "none.tar", "w"):
        pass
    assert unpack(FolderWorkspace(tmp_path, "none.tar"))["FileCount"] == "0"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["图片/中文.txt".encode("gbk"), b"plain.txt"], ["图片/中文.txt", "plain.txt"]),
        (["画像/テスト.txt".encode(), b"plain.txt"], ["画像/テスト.txt", "plain.txt"]),
        (["Müller.txt".encode("cp437"), b"plain.txt"], ["Müller.txt", "plain.txt"]),
    ],
)
def test_uncompress_tells_the_encoding_of_names(
    tmp_path: Path, names: list[bytes], expected: list[str]
) -> None:
    """Unmarked names are read as UTF-8, as GBK where they look like Chinese, or as cp437."""
    zip_with_raw_names(tmp_path / "x.zip", dict.fromkeys(names, b"x"))
    workspace = FolderWorkspace(tmp_path, "x.zip")

    unpack(workspace)

    assert list(published(workspace)) == expected


def test_uncompress_believes_a_name_in_the_extra_field(tmp_path: Path) -> None:
    """The Unicode Path of Info-ZIP goes before what would be guessed."""
    entry = zipfile.ZipInfo("plain.txt")
    real = "имя.txt".encode()
    body = b"\x01" + zlib.crc32(b"plain.txt").to_bytes(4, "little") + real
    entry.extra = (0x7075).to_bytes(2, "little") + len(body).to_bytes(2, "little") + body
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(entry, b"x")
    workspace = FolderWorkspace(tmp_path, "x.zip")

    unpack(workspace)

    assert list(published(workspace)) == ["имя.txt"]


@pytest.mark.parametrize("system", [0, 10, 14])
def test_uncompress_reads_the_folders_of_windows(tmp_path: Path, system: int) -> None:
    """Tools on Windows that part folders by backslashes mean folders."""
    made_on_windows(tmp_path / "x.zip", ["d\\", "d\\a.txt", "d\\照片\\b.txt", "c.txt"], system)
    workspace, chosen = FolderWorkspace(tmp_path, "x.zip"), FolderWorkspace(tmp_path, "x.zip")

    unpack(workspace)
    unpack(chosen, DownloadConfig={"Prefix": "d/照片/"})

    assert list(published(workspace)) == ["d/a.txt", "d/照片/b.txt", "c.txt"]
    assert list(published(chosen)) == ["d/照片/b.txt"]


@pytest.mark.parametrize("name", ["..\\evil", "a\\..\\..\\evil", "\\evil", "C:\\evil"])
def test_uncompress_refuses_evil_names_of_windows(tmp_path: Path, name: str) -> None:
    """A backslash that parts folders leads nowhere else either."""
    made_on_windows(tmp_path / "x.zip", ["good.txt", name], 0)
    workspace = FolderWorkspace(tmp_path, "x.zip")

    with pytest.raises(UnsupportedInputError, match="evil"):
        unpack(workspace)

    assert not published(workspace)


def made_on_windows(path: Path, names: list[str], system: int) -> None:
    """A zip archive as some tools there write it."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            entry = zipfile.ZipInfo()
            entry.filename, entry.create_system = name, system
            archive.writestr(entry, b"" if name.endswith("\\") else b"x")


def test_uncompress_reads_gbk_names_in_tar(tmp_path: Path) -> None:
    """A tar archive made on a machine in Chinese keeps its names."""
    with tarfile.open(
        tmp_path / "x.tar", "w", encoding="gbk", format=tarfile.GNU_FORMAT
    ) as archive:
        entry = tarfile.TarInfo("图片/中文.txt")
        entry.size = 1
        archive.addfile(entry, io.BytesIO(b"x"))
    workspace = FolderWorkspace(tmp_path, "x.tar")

    unpack(workspace)

    assert list(published(workspace)) == ["图片/中文.txt"]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_uncompress_knows_the_methods_of_zip(tmp_path: Path, compression: int) -> None:
    """Members may be stored, or compressed by bzip2 or LZMA."""
    with zipfile.ZipFile(tmp_path / "x.zip", "w", compression) as archive:
        archive.writestr("a", b"abc" * 100_000)
    workspace = FolderWorkspace(tmp_path, "x.zip")

    unpack(workspace)

    assert published(workspace) == {"a": b"abc" * 100_000}


def test_uncompress_reads_deep_folders(tmp_path: Path) -> None:
    """A member may lie as deep as its key may be long."""
    name = "d/" * 500 + "f"
    zipped(tmp_path / "x.zip", {name: b"x"})
    workspace = FolderWorkspace(tmp_path, "x.zip")

    unpack(workspace)

    assert published(workspace) == {name: b"x"}


@pytest.mark.parametrize("name", MAKERS)
def test_uncompress_stops_when_cancelled(tmp_path: Path, name: str) -> None:
    """A cancelled attempt unpacks no further."""
    MAKERS[name](tmp_path / name)
    workspace = FolderWorkspace(tmp_path, name)
    workspace.cancel_after = 0

    with pytest.raises(AttemptCancelledError):
        unpack(workspace)

    assert published(workspace) == {}


def test_uncompress_is_repeatable(tmp_path: Path) -> None:
    """A second attempt writes the same keys with the same bytes."""
    tarred(tmp_path / "x.tar.gz", "w:gz")
    first, second = (FolderWorkspace(tmp_path, "x.tar.gz") for _ in range(2))

    unpack(first, Prefix="out")
    unpack(second, Prefix="out")

    assert published(first) == published(second)


@pytest.mark.parametrize(
    ("leaves", "named"),
    [
        ({"PrefixReplaced": "3"}, "PrefixReplaced"),
        ({"PrefixReplaced": "-1"}, "PrefixReplaced"),
        ({"Prefix": "a/../b"}, "Prefix"),
        ({"UnCompressKey": "no base64!"}, "UnCompressKey"),
        ({"Mode": "1"}, "Mode"),
        ({"ListingFile": "list.txt"}, "ListingFile"),
    ],
)
def test_uncompress_refuses_wrong_params(leaves: dict[str, str], named: str) -> None:
    """What is wrong or not offered is named."""
    with pytest.raises(InvalidArgumentError, match=f"FileUncompressConfig.{named}"):
        OPERATION.parse(params(**leaves))


def test_uncompress_names_all_faults_at_once() -> None:
    """Every fault stands in one answer."""
    with pytest.raises(InvalidArgumentError) as caught:
        OPERATION.parse(params(PrefixReplaced="9", Mode="x", UnCompressKey="?"))

    assert len(caught.value.faults) == 3


def test_uncompress_reads_every_kind() -> None:
    """Any object may be an archive."""
    assert OPERATION.reads == frozenset(Kind)
    assert OPERATION.needs_output
