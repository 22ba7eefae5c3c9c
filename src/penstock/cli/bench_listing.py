"""`penstock bench listing`: a folder as a bucket, beside a bare walk and obstore.

All list the same files in turn, and of each the best turn counts.
"""

import importlib
import os
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from penstock.cli.bench_printing import best_seconds, print_figure, print_rates
from penstock.storage.folder import FolderStore

_FILES_A_FOLDER = 1000

# No part of Penstock needs it: it is imported by name, where somebody has it.
_OBSTORE = "obstore"


def listing(files: int, turns: int) -> None:
    """Make a folder of empty files, list it in every way, and print rates and ratios.

    Args:
        files: How many, a thousand a folder.
        turns: How often each way is taken.
    """
    print_figure("files", f"{files:,}")
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as temporary:
        folder = Path(temporary)
        _make_files(folder, files)
        ways: dict[str, Callable[[], int]] = {
            "Penstock": lambda: sum(1 for _ in FolderStore(folder).list_objects()),
            "walk by os.scandir": lambda: _walk(temporary),
        }
        if find_spec(_OBSTORE) is not None:
            ways["obstore"] = lambda: _list_obstore(temporary)
        seconds = best_seconds(ways, expected=files, turns=turns)
    print_rates(seconds, files, "files")
    if find_spec(_OBSTORE) is None:
        print_figure("obstore", "skipped: pip install obstore")


def _make_files(folder: Path, files: int) -> None:
    for first in range(0, files, _FILES_A_FOLDER):
        below = folder / f"{first // _FILES_A_FOLDER:06}"
        below.mkdir()
        for number in range(first, min(first + _FILES_A_FOLDER, files)):
            (below / f"IMG_{number:09}.jpg").touch()


def _walk(folder: str) -> int:
    """Files below a folder with their sizes and times, in no order."""
    found = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                found += _walk(entry.path)
            else:
                entry.stat()
                found += 1
    return found


def _list_obstore(folder: str) -> int:
    obstore: Any = importlib.import_module(_OBSTORE)
    stores: Any = importlib.import_module(f"{_OBSTORE}.store")
    return sum(len(page) for page in obstore.list(stores.LocalStore(folder)))
