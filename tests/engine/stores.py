"""Stores for tests: folders that count, that are far away, or that make trouble."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from penstock.domain.errors import StoreError
from penstock.storage.folder import FileReader, FolderStore

_POLL_SECONDS = 0.01


class FarStore(FolderStore):
    """A folder that looks like a store elsewhere: objects must be downloaded."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.opened: list[str] = []

    def local_path(self, _key: str) -> Path | None:
        """No object lies on this machine."""
        return None

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> FileReader:
        """Count the downloads."""
        self.opened.append(key)
        return super().open(key, start=start, length=length)


class FailingStore(FarStore):
    """A store elsewhere that fails a few times before it answers."""

    def __init__(self, root: Path, *, failures: int) -> None:
        super().__init__(root)
        self._failures = failures

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> FileReader:
        """Fail, or open."""
        reader = super().open(key, start=start, length=length)
        if len(self.opened) <= self._failures:
            reader.close()
            raise StoreError(key, "timed out")
        return reader


class TruncatingStore(FarStore):
    """A store elsewhere whose downloads end a byte too early."""

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> FileReader:
        """A reader that tells the whole size and gives less."""
        whole = super().open(key, start=start, length=length)
        short = super().open(key, length=whole.found.size_bytes - 1)
        short.found = whole.found
        whole.close()
        return short


class TroubleStore(FolderStore):
    """A folder whose keys say what happens to the process that reads them.

    `kill`: it is killed; `exit`: it ends itself; `break`: an error that nobody expects; `hang`:
    it hears nothing any more, `once`: the first time; `gate`: it waits until the object `open`
    exists; `endless`: it reads forever, but asks between the blocks whether to go on. The objects
    `hanging` and `waiting` tell which process has come to a `hang` or a `gate`.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._folder = root

    def local_path(self, key: str) -> Path | None:
        """Make the trouble that the key asks for."""
        trouble: dict[str, Callable[[], object]] = {
            "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
            "exit": lambda: os._exit(3),
            "break": lambda: os.environ["NO_SUCH_ENTRY"],
            "hang": self._hang,
            "gate": self._wait_for_gate,
            "once": self._hang_once,
        }
        name = key.partition(".")[0].partition("-")[0]
        trouble.get(name, lambda: None)()
        return None if name == "endless" else super().local_path(key)

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> FileReader:
        """A reader that never ends, where the key asks for it."""
        reader = super().open(key, start=start, length=length)
        return EndlessReader(reader) if key.startswith("endless") else reader

    def _hang(self) -> None:
        (self._folder / "hanging").write_text(str(os.getpid()))
        threading.Event().wait()

    def _hang_once(self) -> None:
        if not (self._folder / "hanging").exists():
            self._hang()

    def _wait_for_gate(self) -> None:
        (self._folder / "waiting").write_text(str(os.getpid()))
        while not (self._folder / "open").exists():
            threading.Event().wait(_POLL_SECONDS)


class EndlessReader(FileReader):
    """A download that goes on for ever, a byte at a time."""

    def __init__(self, reader: FileReader) -> None:
        self.found = reader.found
        self.content_type = reader.content_type
        self._reader = reader

    def read(self, _size: int = -1, /) -> bytes:
        """One more byte."""
        threading.Event().wait(_POLL_SECONDS)
        return b"x"

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()


def open_trouble(url: str) -> TroubleStore:
    """The folder of a `file://` URL, with trouble in it."""
    return TroubleStore(Path(url.removeprefix("file://")))
