"""Private files of the data folder that are made once, and kept."""

import os
import secrets
from pathlib import Path


def keep(path: Path, text: str) -> str:
    """What a private file holds; one that is missing gets this text, at once and for good.

    Of several processes that start together one makes the file, whole, and all of them read it.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            _link(draft, path)
        finally:
            draft.unlink()
    return path.read_text()


def _link(draft: Path, path: Path) -> None:
    """Let a complete file appear under its name, unless another has it, and fix that on disk."""
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
