"""StreamPack: the streams of an adaptive package, cut into segments, with an index over them.

Input: the renditions that the VideoStream nodes before it have made of one video. Output: under
the `output` of the StreamPackConfig the index, a master playlist or an MPD; under the `output` of
each VideoStream the playlist of its stream, and beside it its segments. Segments are stored
first, then the playlists, the index last.

    {"type": "StreamPack", "after": ["low", "high"]}

Nothing is stored unless all is whole: every segment is read back and begins with a frame that
decodes by itself, and segments and key frames lie at the same moments in all streams. What the
index says of a stream (bits a second, size, codecs) is measured.
"""

from collections.abc import Mapping, Sequence

from penstock.domain.errors import OutputRejectedError, UnsupportedInputError
from penstock.operations import _pack_dash, _pack_hls
from penstock.operations._lengths import held_span
from penstock.operations._pack_config import PackType
from penstock.operations._pack_params import PackParams
from penstock.operations._pack_streams import Packer, PackStream, check_keys, check_streams
from penstock.operations._probe import VideoFacts, probe
from penstock.operations.base import Branch, Family, Kind, Operation, Result, Workspace

_PACKERS: Mapping[PackType, Packer] = {
    PackType.HLS: _pack_hls.PACKER,
    PackType.DASH: _pack_dash.PACKER,
}
_SLACK_SECONDS = 0.1
_MEASURED = 0.8  # share of the work that is done before anything is stored


def run(params: PackParams, workspace: Workspace) -> Result:
    """Cut, measure, compare, store; the index last.

    Raises:
        UnsupportedInputError: A stream has failed, and is not to be left out.
        InvalidParamsError: Two outputs have the same key, or one that no URL can name.
        OutputRejectedError: The streams do not fit one another, or break a bandwidth.
    """
    packer = _PACKERS[params.config.pack_type]
    branches = _branches(params, workspace)
    streams = []
    for done, branch in enumerate(branches, 1):
        workspace.checkpoint()
        streams.append(_stream(branch, packer, params.segment_seconds))
        workspace.report(_MEASURED * done / len(branches))
    index_key = workspace.planned_key(extension=packer.extension)
    check_streams(streams, params.bandwidths)
    check_keys(index_key, streams)
    index_path = workspace.scratch / f"index.{packer.extension}"
    index_path.write_text(
        packer.write_index(streams, index_key, params.bandwidths), encoding="utf-8"
    )
    for stream in streams:
        packer.store_stream(stream)
    joined = {stream.branch.name: _published(stream, packer) for stream in streams}
    output = workspace.publish(index_path, extension=packer.extension)
    return Result(outputs=(output,), joined=joined)


def _branches(params: PackParams, workspace: Workspace) -> Sequence[Branch]:
    """The streams that there are, in the order of the index."""
    branches = {branch.name: branch for branch in workspace.branches}
    missing = [name for name in params.bandwidths if name not in branches]
    if not branches or (missing and not params.config.ignores_failed):
        fault = f"the streams {', '.join(missing)} of the package have failed"
        raise UnsupportedInputError(workspace.key, fault)
    return [branches[name] for name in params.bandwidths if name in branches]


def _stream(branch: Branch, packer: Packer, segment_seconds: float) -> PackStream:
    """Cut and measure one stream."""
    video = probe(branch.path, branch.workspace.key).video
    if video is None:
        message = f"{branch.name}: its rendition has no video"
        raise OutputRejectedError(message)
    stream = PackStream(
        branch=branch,
        key=branch.workspace.planned_key(extension=packer.extension),
        video=video,
        tracks=packer.cut_stream(branch, segment_seconds),
        facts=packer.stream_facts(branch),
    )
    _check_whole(stream, video)
    return stream


def _check_whole(stream: PackStream, video: VideoFacts) -> None:
    """Complain if segments do not add up to the rendition that they were cut from."""
    allowed = _SLACK_SECONDS + 2 * float(stream.frame_seconds)
    # What its header tells may leave out how long the last frames are shown.
    held = held_span(stream.branch.path, stream.branch.workspace.key, video.index).seconds
    if abs(stream.pictures.seconds - held) > allowed:
        found = f"{stream.pictures.seconds:.3f} s of {held:.3f} s"
        message = f"{stream.branch.name}: its segments hold {found}"
        raise OutputRejectedError(message)


def _published(stream: PackStream, packer: Packer) -> Result:
    output = packer.publish_stream(stream)
    return Result(outputs=(output,), facts={"MediaInfo": stream.facts})


OPERATION = Operation(
    tag="StreamPack",
    block="StreamPackInfo",
    family=Family.MEDIA,
    reads=frozenset({Kind.VIDEO}),
    is_node_only=True,
    parse=PackParams.parse,
    run=run,
)
