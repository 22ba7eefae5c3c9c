"""FileCompress."""

import base64
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
import pyzipper
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import (
    AttemptCancelledError,
    InvalidArgumentError,
    InvalidParamsError,
    ObjectNotFoundError,
    UnsupportedInputError,
)
from penstock.domain.trees import Tree, Value
from penstock.operations.base import Kind
from penstock.operations.file_compress import OPERATION
from tests.operations.archives import PASSWORD, PASSWORD_BASE64
from tests.operations.workspace import FolderWorkspace

FILES = {
    "in/a.txt": b"first" * 1000,
    "in/deep/a.txt": b"second",
    "in/deep/empty": b"",
    "in/文件/图.bin": bytes(range(256)) * 5000,
}
OUTPUT = {"Object": "out/packed.${Ext}"}


def params(**leaves: Value) -> Tree:
    """The `Operation` tree as the SDK sends it."""
    output = {"Region": "ap-beijing", "Bucket": "b-1250000000", "Object": OUTPUT["Object"]}
    return {
        "FileCompressConfig": {"Flatten": "0", "Format": "zip", **leaves},
        "Output": output,
    }


def make(folder: Path, files: dict[str, bytes] | None = None) -> FolderWorkspace:
    """A bucket with files, and a node without an input in it."""
    for key, content in (FILES if files is None else files).items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(content)
        os.utime(folder / key, (1_700_000_000, 1_700_000_000))
    return FolderWorkspace(folder, "", outputs=OUTPUT)


def pack(workspace: FolderWorkspace, **leaves: Value) -> tuple[Path, Tree]:
    """Run the operation: the archive, and the result."""
    result = OPERATION.run(OPERATION.parse(params(**leaves)), workspace)
    (path,) = workspace.published_paths
    facts: Tree = result.facts["FileCompressResult"]
    return path, facts


def members(path: Path, password: bytes = b"") -> dict[str, bytes]:
    """What an archive holds, by name."""
    if path.name.endswith(".zip"):
        with pyzipper.AESZipFile(path) as archive:
            archive.setpassword(password or None)
            return {name: archive.read(name) for name in archive.namelist()}
    with tarfile.open(path) as tar:
        found = {entry.name: tar.extractfile(entry) for entry in tar}
        return {name: content.read() for name, content in found.items() if content}


@pytest.mark.parametrize("format_", ["zip", "tar", "tar.gz"])
def test_compress_packs_all_below_a_prefix(tmp_path: Path, format_: str) -> None:
    """Every object becomes a member under its key, with its very bytes."""
    workspace = make(tmp_path)

    path, facts = pack(workspace, Format=format_, Prefix="in/")

    assert path.name == f"packed.{format_}"
    assert members(path) == FILES
    assert facts == {
        "Region": "ap-beijing",
        "Bucket": workspace.bucket,
        "Object": f"out/packed.{format_}",
        "CompressFileCount": "4",
        "ErrorCount": "0",
        "ErrorDetail": {"ErrorCount": "0", "ErrorFile": []},
    }


@pytest.mark.parametrize("format_", ["zip", "tar", "tar.gz"])
def test_compress_flattens_to_unique_names(tmp_path: Path, format_: str) -> None:
    """On one level, names that are taken get a number, in the order of the objects."""
    files = {"a.txt": b"1", "b/a.txt": b"2", "b/a_1.txt": b"3", "c/a.txt": b"4"}
    workspace = make(tmp_path, {f"in/{key}": content for key, content in files.items()})

    path, _ = pack(workspace, Format=format_, Prefix="in/", Flatten="1")

    found = members(path)
    assert found == {"a.txt": b"1", "a_1.txt": b"2", "a_1_1.txt": b"3", "a_2.txt": b"4"}


@given(names=st.lists(st.sampled_from(["a", "a.b", "a_1", "a_1.b", "a_1_1", "b"]), min_size=1))
def test_compress_names_never_meet(names: list[str]) -> None:
    """However names follow each other, each member gets one of its own."""
    from penstock.operations.file_compress import _Packing  # noqa: PLC0415  # a part of it

    packing = _Packing(OPERATION.parse(params(Prefix="x")), None, Path())  # type: ignore[arg-type]

    given_names = [packing._free_name(name) for name in names]

    assert len(set(given_names)) == len(names)


def test_compress_takes_keys_in_their_order(tmp_path: Path) -> None:
    """Objects may be named one by one, with or without a slash before the key."""
    path, facts = pack(make(tmp_path), Key=["/in/deep/a.txt", "in/a.txt"])

    assert list(members(path)) == ["in/deep/a.txt", "in/a.txt"]
    assert facts["CompressFileCount"] == "2"


def test_compress_renames_by_key_config(tmp_path: Path) -> None:
    """KeyConfig gives a member another folder and another name."""
    config: list[str | Tree] = [
        {"Key": "in/a.txt", "Folder": "/x/y/", "Rename": "b.txt"},
        {"Key": "in/deep/a.txt", "Folder": "z"},
        {"Key": "in/deep/empty", "Rename": "none"},
    ]

    path, _ = pack(make(tmp_path), KeyConfig=config)

    assert list(members(path)) == ["x/y/b.txt", "z/a.txt", "in/deep/none"]


def test_compress_reads_a_list_of_urls(tmp_path: Path) -> None:
    """The first column of a CSV names objects, without the rest, empty lines and a mark."""
    rows = "\ufeffhttps://b-1250000000.cos.ap-beijing.myqcloud.com/in/a.txt,more\r\n\r\n"
    rows += '"https://b-1250000000.cos.ap-beijing.myqcloud.com/in/%E6%96%87%E4%BB%B6/图.bin"\n'
    workspace = make(tmp_path)
    (tmp_path / "list.csv").write_text(rows, encoding="utf-8")

    path, _ = pack(workspace, UrlList="/list.csv", Prefix="ignored", Key=["ignored"])

    assert list(members(path)) == ["in/a.txt", "in/文件/图.bin"]


def test_compress_refuses_what_is_no_list(tmp_path: Path) -> None:
    """A list that is no text is said to be none."""
    workspace = make(tmp_path)
    (tmp_path / "list.csv").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(UnsupportedInputError, match=r"list\.csv"):
        pack(workspace, UrlList="list.csv")


def test_compress_encrypts(tmp_path: Path) -> None:
    """With a CompressKey the members of a zip archive open with that password alone."""
    workspace = make(tmp_path)

    path, _ = pack(workspace, Prefix="in/", CompressKey=PASSWORD_BASE64)

    assert members(path, PASSWORD) == FILES
    with pytest.raises(RuntimeError):
        members(path, b"wrong")
    with zipfile.ZipFile(path) as archive:
        assert all(entry.flag_bits & 1 for entry in archive.infolist())


@pytest.mark.parametrize("format_", ["zip", "tar.gz"])
def test_compress_has_levels(tmp_path: Path, format_: str) -> None:
    """`better` gives a smaller archive than `faster`."""
    text = b" ".join(str(number * number).encode() for number in range(50_000))
    sizes = []
    for level in ("faster", "better"):
        folder = tmp_path / level
        folder.mkdir()
        path, _ = pack(make(folder, {"in/a": text}), Format=format_, Prefix="in/", Type=level)
        sizes.append(path.stat().st_size)

    assert sizes[1] < sizes[0] * 0.95


@pytest.mark.parametrize("format_", ["zip", "tar", "tar.gz"])
def test_compress_repeats_the_very_bytes(tmp_path: Path, format_: str) -> None:
    """A second attempt makes the same archive, and does not pack that of the first."""
    first, _ = pack(make(tmp_path), Format=format_, Prefix="/")
    before = first.read_bytes()

    again = FolderWorkspace(tmp_path, "", outputs=OUTPUT)
    second, _ = pack(again, Format=format_, Prefix="/")

    assert second.read_bytes() == before


def test_compress_keeps_times_and_modes(tmp_path: Path) -> None:
    """Members carry the time of their object and are readable by all."""
    workspace = make(tmp_path)
    path, _ = pack(workspace, Prefix="in/")

    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("in/a.txt")

    assert entry.date_time == (2023, 11, 14, 22, 13, 20)
    assert entry.external_attr >> 16 == 0o100644


def test_compress_leaves_out_what_fails_where_told(tmp_path: Path) -> None:
    """With IgnoreError the objects that cannot be packed are counted and named."""
    path, facts = pack(
        make(tmp_path), Key=["in/a.txt", "in/missing", "in/deep/a.txt"], IgnoreError="true"
    )

    assert list(members(path)) == ["in/a.txt", "in/deep/a.txt"]
    assert facts["CompressFileCount"] == "2"
    assert facts["ErrorDetail"] == {"ErrorCount": "1", "ErrorFile": ["in/missing"]}


def test_compress_fails_where_one_object_fails(tmp_path: Path) -> None:
    """Without IgnoreError one missing object fails the whole, and nothing is published."""
    workspace = make(tmp_path)

    with pytest.raises(ObjectNotFoundError, match="in/missing"):
        pack(workspace, Key=["in/a.txt", "in/missing"])

    assert workspace.published_paths == []


@pytest.mark.parametrize(
    "leaves", [{"Prefix": "nothing/"}, {"Key": ["in/missing"], "IgnoreError": "true"}]
)
def test_compress_makes_no_empty_archive(tmp_path: Path, leaves: dict[str, Value]) -> None:
    """Where there is nothing to pack, the job fails."""
    workspace = make(tmp_path)

    with pytest.raises(InvalidParamsError):
        pack(workspace, **leaves)

    assert workspace.published_paths == []


def test_compress_refuses_names_that_would_do_harm(tmp_path: Path) -> None:
    """An object whose key is no honest name of a member is an error of that object."""
    workspace = make(tmp_path, {"in/good": b"x", "in/a\\b": b"x"})

    with pytest.raises(InvalidParamsError, match="backslash"):
        pack(workspace, Prefix="in/")

    _, facts = pack(workspace, Prefix="in/", IgnoreError="true")
    assert facts["ErrorDetail"] == {"ErrorCount": "1", "ErrorFile": ["in/a\\b"]}


def test_compress_stops_when_cancelled(tmp_path: Path) -> None:
    """A cancelled attempt publishes nothing."""
    workspace = make(tmp_path)
    workspace.cancel_after = 5

    with pytest.raises(AttemptCancelledError):
        pack(workspace, Prefix="in/")

    assert workspace.published_paths == []


@pytest.mark.parametrize(
    ("leaves", "named"),
    [
        ({"Prefix": "x", "Flatten": ""}, "Flatten"),
        ({"Prefix": "x", "Flatten": "2"}, "Flatten"),
        ({"Prefix": "x", "Format": "rar"}, "Format"),
        ({"Prefix": "x", "Format": ""}, "Format"),
        ({}, "UrlList"),
        ({"Prefix": "x", "Type": "best"}, "Type"),
        ({"Prefix": "x", "CompressKey": "?"}, "CompressKey"),
        ({"Prefix": "x", "CompressKey": base64.b64encode(bytes(97)).decode()}, "CompressKey"),
        ({"Prefix": "x", "CompressKey": PASSWORD_BASE64, "Format": "tar"}, "CompressKey"),
        ({"Key": ["a"] * 1001}, "Key"),
        ({"Prefix": "x", "IgnoreError": "perhaps"}, "IgnoreError"),
        ({"KeyConfig": [{"Folder": "x"}]}, r"KeyConfig\[0\].Key"),
        ({"KeyConfig": [{"Key": "a", "Rename": "b/c"}]}, r"KeyConfig\[0\].Rename"),
        ({"KeyConfig": [{"Key": "a", "Folder": "../b"}]}, r"KeyConfig\[0\].Folder"),
        ({"KeyConfig": [{"Key": "a", "ImageParams": "x"}]}, r"KeyConfig\[0\].ImageParams"),
    ],
)
def test_compress_refuses_wrong_params(leaves: dict[str, Value], named: str) -> None:
    """What is missing, wrong or not offered is named."""
    with pytest.raises(InvalidArgumentError, match=f"FileCompressConfig.{named}"):
        OPERATION.parse(params(**leaves))


def test_compress_accepts_params_at_their_limits() -> None:
    """A thousand keys and a password of 128 characters in base64 are allowed."""
    password = base64.b64encode(bytes(96)).decode()

    found = OPERATION.parse(params(Key=["a"] * 1000, CompressKey=password))

    assert (len(found.entries), len(found.password)) == (1000, 96)


def test_compress_never_shows_its_password() -> None:
    """The password stands in no message and no representation."""
    found = OPERATION.parse(params(Prefix="x", CompressKey=PASSWORD_BASE64))

    assert "sesame" not in repr(found)
    with pytest.raises(InvalidArgumentError) as caught:
        OPERATION.parse(params(CompressKey=PASSWORD_BASE64))
    assert PASSWORD_BASE64 not in str(caught.value)


def test_compress_reads_every_kind_and_writes_one_object() -> None:
    """The input does not matter, and an output is asked for."""
    assert OPERATION.reads == frozenset(Kind)
    assert OPERATION.needs_output
