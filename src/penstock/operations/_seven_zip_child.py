"""A program that reads a 7z archive; started by `_seven_zip`, never imported.

The headers of a 7z archive may ask for any amount of memory, and py7zr cannot be stopped; so it
works in a process with limits. It reads `request.json` in its working folder and writes the
members to `members.jsonl`, or the wanted ones to files, and says each on a line of its own when
its checksum was right. Its exit code tells what went wrong, its standard error how.
"""

import errno
import json
import sys
from pathlib import Path
from typing import Any

import py7zr
from py7zr.exceptions import PasswordRequired, UnsupportedCompressionMethodError
from py7zr.io import Py7zIO, WriterFactory

BROKEN = 3
LOCKED = 4
UNSUPPORTED = 5
TOO_LARGE = 6
FAILED = 7


class _File(Py7zIO):
    """A member on its way to a file."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._file = Path(str(index)).open("wb")  # noqa: SIM115  # closed with the member
        self._size = 0

    def write(self, s: bytes | bytearray) -> int:
        self._size += len(s)
        return self._file.write(s)

    def read(self, size: int | None = None) -> bytes:
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0

    def seekable(self) -> bool:
        return False

    def flush(self) -> None:
        self._file.flush()

    def size(self) -> int:
        return self._size

    def close(self) -> None:
        """Called when all of it is there and its checksum was right."""
        self._file.close()
        sys.stdout.write(f"{self._index}\n")
        sys.stdout.flush()


class _Files(WriterFactory):
    """Makes a file for each member that is wanted."""

    def __init__(self, indexes: dict[str, int]) -> None:
        self._indexes = indexes

    def create(self, filename: str) -> Py7zIO:
        return _File(self._indexes[filename])


def _kind(member: Any) -> str:  # noqa: ANN401  # a record of the library's own
    if member.is_directory:
        return "folder"
    if member.is_symlink or member.is_junction:
        return "link"
    return "device" if member.is_socket else "file"


def _list(archive: py7zr.SevenZipFile) -> None:
    with Path("members.jsonl").open("w", encoding="utf-8") as file:
        for member in archive.files:
            row = (member.filename, member.uncompressed, _kind(member))
            file.write(f"{json.dumps(row)}\n")


def _run(request: dict[str, Any]) -> None:
    with (
        Path(request["path"]).open("rb") as file,
        py7zr.SevenZipFile(file, password=request["password"] or None) as archive,
    ):
        wanted = request["wanted"]
        if wanted is None:
            _list(archive)
        else:
            archive.extract(targets=list(wanted), factory=_Files(_paths(wanted)))


def _paths(wanted: dict[str, int]) -> dict[str, int]:
    """Wanted members by the name that the library gives their files."""
    return {Path(name).as_posix(): index for name, index in wanted.items()}


def _end(code: int, error: BaseException) -> int:
    sys.stderr.write(f"{type(error).__name__}: {error}\n")
    return code


def main() -> int:
    """Carry out the request; the exit code."""
    request = json.loads(Path("request.json").read_text(encoding="utf-8"))
    try:
        _run(request)
    except PasswordRequired as error:
        return _end(LOCKED, error)
    except (UnsupportedCompressionMethodError, NotImplementedError) as error:
        return _end(UNSUPPORTED, error)
    except MemoryError as error:
        return _end(TOO_LARGE, error)
    except OSError as error:
        code = TOO_LARGE if error.errno == errno.EFBIG else FAILED
        return _end(BROKEN if error.errno is None else code, error)
    except Exception as error:  # noqa: BLE001  # a broken archive may do anything to its reader
        return _end(BROKEN, error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
