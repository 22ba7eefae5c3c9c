"""Scratch space on a node of a cluster, where workers come and go and nobody starts by sweeping.

Every worker process has a folder of its own, and holds a lock on it that the kernel takes back
when the process ends, however that happens. Whoever comes next removes what nobody holds.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from penstock.domain.errors import BackendError

_PREFIX = "worker-"


def claim_folder(root: Path) -> Path:
    """A new, empty folder that is this process's until it ends; leftovers beside it are removed.

    Args:
        root: Where such folders are; made if need be, and for nobody else to read.

    Raises:
        BackendError: It cannot be made, or belongs to another user.
    """
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if root.stat().st_uid != os.getuid():
            message = f"the scratch folder {str(root)!r} belongs to another user"
            raise BackendError(message)
        with _held(root):
            for folder in root.glob(f"{_PREFIX}*"):
                _remove_if_free(folder)
            made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
            fcntl.flock(os.open(made, os.O_RDONLY), fcntl.LOCK_EX)  # open until the process ends
    except OSError as error:
        message = f"no scratch folder can be made in {str(root)!r}: {error.strerror}"
        raise BackendError(message) from error
    return made


def default_root() -> Path:
    """Where scratch space is when nobody says where: in the folder for temporary files."""
    return Path(tempfile.gettempdir()) / f"penstock-{os.getuid()}"


def _remove_if_free(folder: Path) -> None:
    with suppress(OSError), _held(folder, wait=False):
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _held(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a folder; an OSError where another process does and nobody shall wait."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)
