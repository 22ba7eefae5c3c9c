"""HLS: how ffmpeg writes playlist and segments, and how they are stored under final names."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_from_bytes

from penstock.operations.base import Workspace

DEFAULT_SEGMENT_SECONDS = 5.0
_SEGMENT_PATTERN = "segment_%05d.ts"
_SEGMENT_LINE = re.compile(r"^segment_(\d{5,})\.ts$", re.MULTILINE)


def hls_options(segment_seconds: float) -> Iterator[str]:
    """Options of the muxer `hls`: a whole playlist, cut at key frames."""
    yield from ("-hls_time", f"{segment_seconds:g}")
    yield from ("-hls_playlist_type", "vod", "-hls_list_size", "0")
    yield from ("-hls_segment_filename", _SEGMENT_PATTERN)


def store_segments(playlist: Path, workspace: Workspace) -> None:
    """Store the segments under their final names, and write those into the playlist.

    They are named `<stem of the playlist>_00000.ts` and so on, beside the playlist.
    """
    stem = workspace.output_stem(extension="m3u8")
    for segment in sorted(workspace.scratch.glob("segment_*.ts")):
        workspace.checkpoint()
        workspace.put_sidecar(segment, f"{stem}_{segment.stem.removeprefix('segment_')}.ts")
    stem_url = quote_from_bytes(stem.encode(errors="surrogateescape"))
    text = playlist.read_text(encoding="utf-8")
    renamed = _SEGMENT_LINE.sub(lambda found: f"{stem_url}_{found[1]}.ts", text)
    playlist.write_text(renamed, encoding="utf-8")
