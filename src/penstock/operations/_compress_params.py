"""Params of FileCompress: the block `FileCompressConfig` (`nodes.md` 8.2)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from penstock.domain.trees import Tree, child, text, texts
from penstock.operations._archive_opening import decode_password
from penstock.operations._archive_zip import AES
from penstock.operations.params import ParamReader
from penstock.operations.requirements import missing_sentence

BLOCK = "FileCompressConfig"
MOST_KEYS = 1000
_MOST_KEY_CHARACTERS = 128
_LEVELS: Mapping[str, int] = {"faster": 1, "default": 6, "better": 9}


class Format(StrEnum):
    """The formats of archives that are written."""

    ZIP = "zip"
    TAR = "tar"
    TAR_GZ = "tar.gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One object to pack.

    Attributes:
        source: Its key or URL.
        folder: Where it goes in the archive, in place of its own folder; None for its own.
        name: Its file name in the archive; empty for its own.
    """

    source: str
    folder: str | None = None
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """What to pack, and how.

    Attributes:
        url_list: Key or URL of a list of URLs; empty where there is none.
        prefix: Pack what begins with it; None where the list or the entries count.
        entries: Objects by name.
        format: Of the archive.
        is_flat: Whether all members lie on one level.
        level: Of compression, from 1 to 9.
        password: Encrypts a zip archive; empty for none.
        ignores_errors: Whether objects that cannot be packed are left out and named.
        region: As in `Output`, for the result.
    """

    url_list: str = ""
    prefix: str | None = None
    entries: tuple[Entry, ...] = ()
    format: Format
    is_flat: bool
    level: int = 6
    password: bytes = field(default=b"", repr=False)
    ignores_errors: bool = False
    region: str = ""


def parse(tree: Tree) -> Params:
    """Read the block `FileCompressConfig`.

    Raises:
        InvalidArgumentError: Something is missing, wrong or not offered; names every fault.
    """
    reader = ParamReader(tree).block(BLOCK)
    for name in ("Flatten", "Format"):
        reader.required_text(name)
    format_ = Format(reader.choice("Format", tuple(Format), Format.ZIP))
    if not any(map(reader.is_given, ("UrlList", "Prefix", "Key", "KeyConfig"))):
        reader.fault("UrlList", "given, or else Prefix, Key or KeyConfig")
    found = Params(
        url_list=reader.text("UrlList").removeprefix("/"),
        prefix=reader.text("Prefix").removeprefix("/") if reader.is_given("Prefix") else None,
        entries=tuple(_read_entries(reader)),
        format=format_,
        is_flat=reader.choice("Flatten", ("0", "1")) == "1",
        level=_LEVELS[_read_level(reader, format_)],
        password=_read_password(reader, format_),
        ignores_errors=reader.flag("IgnoreError"),
        region=text(child(tree, "Output"), "Region"),
    )
    if len(found.entries) > MOST_KEYS:
        reader.fault("Key", f"given at most {MOST_KEYS} times")
    reader.finish()
    return found


def _read_entries(reader: ParamReader) -> Iterator[Entry]:
    for key in texts(reader.tree, "Key"):
        yield Entry(source=key.removeprefix("/"))
    for block in reader.blocks("KeyConfig"):
        block.refuse(("ImageParams",))
        folder, name = block.text("Folder").strip("/"), block.text("Rename")
        if "/" in name:
            block.fault("Rename", "a file name; Folder says where it goes")
        if {"..", "."} & {*folder.split("/"), name}:
            block.fault("Folder", "without '..' and '.', and Rename too")
        yield Entry(
            source=block.required_text("Key").removeprefix("/"),
            folder=folder or None,
            name=name,
        )


def _read_level(reader: ParamReader, format_: Format) -> str:
    """The word for a level, which tar has none of: the vendor ignores it there."""
    level = reader.choice("Type", tuple(_LEVELS), "default")
    return "default" if format_ is Format.TAR else level


def _read_password(reader: ParamReader, format_: Format) -> bytes:
    given = reader.text("CompressKey")
    if not given:
        return b""
    if format_ is not Format.ZIP:
        reader.fault("CompressKey", "absent: only zip archives can be encrypted")
    elif not AES.is_met():
        reader.take([f"{BLOCK}.CompressKey {missing_sentence(AES)}"])
    try:
        password = decode_password(given)
    except ValueError:
        password = b""
    if not password or len(given) > _MOST_KEY_CHARACTERS:
        expectation = f"a password in base64 of at most {_MOST_KEY_CHARACTERS} characters"
        reader.fault("CompressKey", expectation)
    return password
