"""HLS: how ffmpeg writes playlist and segments, and how they are stored under final names.

With encryption (AES-128) every playlist has a key of its own. It is stored beside the playlist;
where there is a key server, the playlist names that, and tells it the key of that object.
"""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_from_bytes

from penstock.operations.base import Workspace
from penstock.operations.params import ParamReader

DEFAULT_SEGMENT_SECONDS = 5.0
_SEGMENT_PATTERN = "segment_%05d.ts"
_SEGMENT_LINE = re.compile(r"^segment_(\d{5,})\.ts$", re.MULTILINE)
_KEY_BYTES = 16
_KEY_FILE = "key.ts"  # readers of local playlists refuse the extensions that they do not know
_KEY_INFO = "key.info"
_KEY_LINE = f'URI="{_KEY_FILE}"'
_SERVER = re.compile(r"https?://[!#-;=?-~]{1,1024}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption:
    """How players come by the key.

    Attributes:
        server_url: Where they ask for it; empty sends them to the file beside the playlist.
        region: What the key server is told as `KMSRegion`.
    """

    server_url: str
    region: str


def read_encryption(reader: ParamReader, region: str) -> Encryption | None:
    """Read the block `HlsEncrypt`; None where it is absent or off.

    Args:
        region: Of the output.
    """
    block = reader.block("HlsEncrypt")
    switches = [block.flag(name) for name in ("IsHlsEncrypt", "IsEncrypt")]
    url = block.text("UriKey")
    if url and not _SERVER.fullmatch(url):
        block.fault("UriKey", f"an http or https URL, not {url[:80]!r}")
    return Encryption(server_url=url, region=region) if any(switches) else None


def hls_options(segment_seconds: float, *, is_encrypted: bool = False) -> Iterator[str]:
    """Options of the muxer `hls`: a whole playlist, cut at key frames."""
    yield from ("-hls_time", f"{segment_seconds:g}")
    yield from ("-hls_playlist_type", "vod", "-hls_list_size", "0")
    yield from ("-hls_segment_filename", _SEGMENT_PATTERN)
    if is_encrypted:
        yield from ("-hls_key_info_file", _KEY_INFO)


def write_key(workspace: Workspace) -> None:
    """Make a new key, for ffmpeg to find under the names that `hls_options` tells it."""
    (workspace.scratch / _KEY_FILE).write_bytes(secrets.token_bytes(_KEY_BYTES))
    # The first line is what the playlist says, the second where ffmpeg reads it.
    lines = f"{_KEY_FILE}\n{_KEY_FILE}\n"
    (workspace.scratch / _KEY_INFO).write_text(lines, encoding="ascii")


def store_segments(
    playlist: Path, workspace: Workspace, encryption: Encryption | None = None
) -> None:
    """Store the segments under their final names, and write those into the playlist.

    They are named `<stem of the playlist>_00000.ts` and so on, beside the playlist; the key, if
    there is one, `<stem of the playlist>.key`.
    """
    stem = workspace.output_stem(extension="m3u8")
    for segment in sorted(workspace.scratch.glob("segment_*.ts")):
        workspace.checkpoint()
        workspace.put_sidecar(segment, f"{stem}_{segment.stem.removeprefix('segment_')}.ts")
    stem_url = quote_from_bytes(stem.encode(errors="surrogateescape"))
    text = playlist.read_text(encoding="utf-8")
    renamed = _SEGMENT_LINE.sub(lambda found: f"{stem_url}_{found[1]}.ts", text)
    if encryption is not None:
        key = workspace.put_sidecar(workspace.scratch / _KEY_FILE, f"{stem}.key")
        uri = _key_uri(encryption, key) if encryption.server_url else f"{stem_url}.key"
        renamed = renamed.replace(_KEY_LINE, f'URI="{uri}"')
    playlist.write_text(renamed, encoding="utf-8")


def _key_uri(encryption: Encryption, key: str) -> str:
    """The key server's address with the two names that the vendor gives it."""
    url = encryption.server_url
    sign = "&" if "?" in url else "?"
    name = quote(key.encode(errors="surrogateescape"), safe="")
    return f"{url}{sign}Ciphertext={name}&KMSRegion={quote(encryption.region, safe='')}"
