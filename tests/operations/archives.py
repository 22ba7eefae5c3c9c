"""Archives made on the spot, honest and hostile ones."""

import base64
import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import py7zr
import pyzipper

FILES = {
    "a.txt": b"first",
    "deep/b.bin": bytes(range(256)) * 300,
    "deep/er/empty": b"",
    "文件/图.txt": b"named in Chinese",
}
PASSWORD = b"open sesame"
PASSWORD_BASE64 = base64.b64encode(PASSWORD).decode()


def zipped(path: Path, files: Mapping[str, bytes] = FILES) -> None:
    """A zip archive with a folder in it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("a folder")
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def tarred(path: Path, mode: str = "w", files: Mapping[str, bytes] = FILES) -> None:
    """A tar archive with a folder in it; mode `w:gz` for one behind gzip."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]  # any mode
        folder = tarfile.TarInfo("./a folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in files.items():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def seven_zipped(
    path: Path, files: Mapping[str, bytes] = FILES, *, password: str | None = None
) -> None:
    """A 7z archive; with a password its header is encrypted too."""
    is_locked = password is not None
    with py7zr.SevenZipFile(path, "w", password=password, header_encryption=is_locked) as archive:
        for name, content in files.items():
            archive.writestr(content, name)


def locked(path: Path, files: Mapping[str, bytes] = FILES, password: bytes = PASSWORD) -> None:
    """A zip archive whose members are encrypted with AES."""
    with pyzipper.AESZipFile(
        path, "w", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES
    ) as archive:
        archive.setpassword(password)
        for name, content in files.items():
            archive.writestr(name, content)


def gzipped(path: Path, content: bytes) -> None:
    """One file behind gzip."""
    with gzip.open(path, "wb") as file:
        file.write(content)


def zip_with_raw_names(path: Path, names: Mapping[bytes, bytes]) -> None:
    """A zip archive whose names are stored as they are, and not marked as UTF-8."""
    stand_ins = {f"{'x' * (len(name) - 2)}{number:02d}": name for number, name in enumerate(names)}
    with zipfile.ZipFile(path, "w") as archive:
        for stand_in, name in stand_ins.items():
            archive.writestr(stand_in, names[name])
    content = path.read_bytes()
    for stand_in, name in stand_ins.items():
        content = content.replace(stand_in.encode(), name)
    path.write_bytes(content)


def tar_entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    """A header of any kind."""
    entry = tarfile.TarInfo(name)
    entry.type = kind
    entry.linkname = target
    return entry


def rarred(
    path: Path, files: Mapping[str, bytes] = FILES, *, flags: int = 0, mode: int = 0o100644
) -> None:
    """A rar archive of the newer generation whose members are stored as they are.

    Args:
        flags: Of the main header; 1 for one of several volumes.
        mode: Of the members, as on Unix.
    """
    blocks = [b"Rar!\x1a\x07\x01\x00", _rar_header(_vint(1) + _vint(0) + _vint(flags))]
    for name, content in files.items():
        raw = name.encode()
        size = _vint(len(content))
        facts = _vint(4) + size + _vint(mode) + zlib.crc32(content).to_bytes(4, "little")
        facts += _vint(0) + _vint(1) + _vint(len(raw)) + raw  # stored, made on Unix
        blocks += [_rar_header(_vint(2) + _vint(2) + size + facts), content]
    blocks.append(_rar_header(_vint(5) + _vint(0) + _vint(0)))
    path.write_bytes(b"".join(blocks))


def _rar_header(body: bytes) -> bytes:
    sized = _vint(len(body)) + body
    return zlib.crc32(sized).to_bytes(4, "little") + sized


def _vint(value: int) -> bytes:
    """A number of seven bits a byte."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def rarred_long_ago(path: Path, files: Mapping[str, bytes] = FILES) -> None:
    """A rar archive of the older generation; names in ASCII alone."""
    blocks = [b"Rar!\x1a\x07\x00", _old_rar_header(0x73, 0, bytes(6))]
    for name, content in files.items():
        raw = name.encode("ascii")
        size = len(content).to_bytes(4, "little")
        body = size + size + b"\x03" + zlib.crc32(content).to_bytes(4, "little")
        body += bytes(4) + b"\x14\x30" + len(raw).to_bytes(2, "little")
        body += (0o100644).to_bytes(4, "little") + raw
        blocks += [_old_rar_header(0x74, 0x8000, body), content]
    blocks.append(_old_rar_header(0x7B, 0x4000, b""))
    path.write_bytes(b"".join(blocks))


def _old_rar_header(kind: int, flags: int, body: bytes) -> bytes:
    sized = bytes([kind]) + flags.to_bytes(2, "little") + (7 + len(body)).to_bytes(2, "little")
    return (zlib.crc32(sized + body) & 0xFFFF).to_bytes(2, "little") + sized + body
