"""DASH: how ffmpeg writes an index and segments, and how they are stored under final names."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_from_bytes

from penstock.domain.errors import OutputRejectedError
from penstock.operations.base import Workspace

_HEAD_PATTERN = "dash_$RepresentationID$_head.m4s"
_SEGMENT_PATTERN = "dash_$RepresentationID$_$Number%05d$.m4s"
_NAME = re.compile(r'"dash_(\$RepresentationID\$_(?:head|\$Number%05d\$)\.m4s)"')
_FILE = re.compile(r"dash_(\d+_(?:head|\d{5,})\.m4s)")


def dash_options(segment_seconds: float) -> Iterator[str]:
    """Options of the muxer `dash`: a whole index, cut at key frames."""
    yield from ("-seg_duration", f"{segment_seconds:g}", "-use_template", "1")
    yield from ("-use_timeline", "1", "-init_seg_name", _HEAD_PATTERN)
    yield from ("-media_seg_name", _SEGMENT_PATTERN)


def join_streams(workspace: Workspace) -> list[Path]:
    """One file of each stream, made of its segments, to be looked into; remove them afterwards.

    Raises:
        OutputRejectedError: A stream has no segments.
    """
    joined = []
    for head in sorted(workspace.scratch.glob("dash_*_head.m4s")):
        number = head.name.split("_")[1]
        segments = sorted(workspace.scratch.glob(f"dash_{number}_[0-9]*.m4s"))
        if not segments:
            message = f"{workspace.key}: stream {number} of the index has no segments"
            raise OutputRejectedError(message)
        path = workspace.scratch / f"joined_{number}.mp4"
        with path.open("wb") as target:
            for one in (head, *segments):
                workspace.checkpoint()
                with one.open("rb") as part:
                    shutil.copyfileobj(part, target)
        joined.append(path)
    return joined


def store_dash(index: Path, workspace: Workspace) -> None:
    """Store the segments under their final names, and write those into the index.

    They are named `<stem of the index>_0_head.m4s`, `<stem>_0_00001.m4s` and so on, beside it.
    """
    stem = workspace.output_stem(extension="mpd")
    for path in sorted(workspace.scratch.glob("dash_*.m4s")):
        if found := _FILE.fullmatch(path.name):
            workspace.checkpoint()
            workspace.put_sidecar(path, f"{stem}_{found[1]}")
    # Percent-encoded, nothing in a name can be taken for XML or for a placeholder.
    stem_url = quote_from_bytes(stem.encode(errors="surrogateescape"))
    text = index.read_text(encoding="utf-8")
    renamed = _NAME.sub(lambda found: f'"{stem_url}_{found[1]}"', text)
    index.write_text(renamed, encoding="utf-8")
