"""The content type that an object is stored with, told by the extension of its key."""

import mimetypes
from pathlib import PurePosixPath

_MISSING = {  # what the standard library of Python 3.11 does not know
    ".avif": "image/avif",
    ".flac": "audio/flac",
    ".heic": "image/heic",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".m4a": "audio/mp4",
    ".m4s": "video/iso.segment",
    ".mkv": "video/x-matroska",
    ".mpd": "application/dash+xml",
    ".ts": "video/mp2t",
    ".webp": "image/webp",
}


def content_type_of(key: str) -> str:
    """The content type of an object; empty where its extension tells none."""
    suffix = PurePosixPath(key).suffix.lower()
    return _MISSING.get(suffix) or mimetypes.guess_type(f"x{suffix}")[0] or ""
