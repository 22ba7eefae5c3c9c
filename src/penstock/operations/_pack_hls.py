"""An adaptive package as HLS: a playlist of segments for each stream, and one that names them."""

from collections.abc import Iterator, Mapping, Sequence

from penstock.domain.executions import OutputObject
from penstock.operations._ffmpeg import MediaInput, run_ffmpeg
from penstock.operations._hls import hls_options, store_segments
from penstock.operations._media_checks import probe_output
from penstock.operations._pack_streams import Packer, PackStream, relative_url
from penstock.operations._pack_tracks import Track, measure_track
from penstock.operations.base import Branch

_EXTENSION = "m3u8"
_PLAYLIST = "stream.m3u8"
# Without it streams would begin at different times: those whose encoder looks further ahead later.
_BEGIN_SECONDS = "1"


def _cut_stream(branch: Branch, segment_seconds: float) -> tuple[Track, ...]:
    """Cut a rendition into MPEG transport streams of pictures and sound.

    Raises:
        OutputRejectedError: A segment is not what it must be.
    """
    options = ("-map", "0:v:0", "-map", "0:a?", "-c", "copy", "-output_ts_offset", _BEGIN_SECONDS)
    run_ffmpeg(
        branch.workspace,
        [MediaInput(path=branch.path)],
        (*options, "-f", "hls", *hls_options(segment_seconds), _PLAYLIST),
    )
    paths = sorted(branch.workspace.scratch.glob("segment_*.ts"))
    return (measure_track(paths, branch.workspace),)


def _stream_facts(branch: Branch) -> Mapping[str, object]:
    """A `MediaInfo` result of the stream as it is played.

    Raises:
        OutputRejectedError: It cannot be played.
    """
    return probe_output(branch.workspace.scratch / _PLAYLIST, branch.workspace.key).facts


def _store_stream(stream: PackStream) -> None:
    """Store the segments of a stream."""
    workspace = stream.branch.workspace
    store_segments(workspace.scratch / _PLAYLIST, workspace)


def _publish_stream(stream: PackStream) -> OutputObject:
    """Publish the playlist of a stream, whose segments are stored."""
    workspace = stream.branch.workspace
    return workspace.publish(workspace.scratch / _PLAYLIST, extension=_EXTENSION)


def _write_index(
    streams: Sequence[PackStream], index_key: str, bandwidths: Mapping[str, int]
) -> str:
    """The playlist of playlists."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:6", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for stream in streams:
        attributes = ",".join(_attributes(stream, bandwidths[stream.branch.name]))
        lines += [f"#EXT-X-STREAM-INF:{attributes}", relative_url(stream.key, index_key)]
    return "\n".join([*lines, ""])


def _attributes(stream: PackStream, bandwidth: int) -> Iterator[str]:
    track = stream.pictures
    yield f"BANDWIDTH={bandwidth or track.peak_bits}"
    yield f"AVERAGE-BANDWIDTH={track.mean_bits}"
    yield f'CODECS="{",".join(track.codecs)}"'
    if track.size is not None:
        yield f"RESOLUTION={track.size.width}x{track.size.height}"
    if stream.video.fps:
        yield f"FRAME-RATE={float(stream.video.fps):.3f}"


PACKER = Packer(
    extension=_EXTENSION,
    cut_stream=_cut_stream,
    stream_facts=_stream_facts,
    store_stream=_store_stream,
    publish_stream=_publish_stream,
    write_index=_write_index,
)
