"""What a StreamPack node works by: its own bandwidths, and what the nodes of its package say."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.trees import Tree, text
from penstock.operations._pack_config import PackConfig, read_config
from penstock.operations._stream_params import StreamParams
from penstock.operations.params import ParamReader

_MOST_BANDWIDTH = 2_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PackParams:
    """How a package is made of its streams.

    Attributes:
        config: What the config node says.
        segment_seconds: Length of a segment of every stream.
        bandwidths: By the node of each stream, in the order of the index: the most bits a second
            it may have; 0 for no bound.
    """

    config: PackConfig
    segment_seconds: float
    bandwidths: Mapping[str, int]

    @classmethod
    def parse(cls, tree: Tree) -> "PackParams":
        """Read `StreamPackInfo`, and hold the streams of the package against one another.

        Args:
            tree: As `domain.packages.node_settings` gathers it.

        Raises:
            InvalidArgumentError: Some leaves are wrong, or streams do not fit one another or
                their package; names every fault.
        """
        top = ParamReader(tree)
        config = read_config(top)
        names = [text(stream.tree, "Name") for stream in top.blocks("VideoStream")]
        streams = dict(_streams(top))
        bandwidths = _bandwidths(top, names)
        faults = _fault_of(top)
        faults += _type_faults(config, streams)
        faults += _difference_faults(streams)
        if faults:
            raise InvalidArgumentError(*faults)
        seconds = next((one.segment_seconds for one in streams.values()), 0.0)
        return cls(config=config, segment_seconds=seconds, bandwidths=bandwidths)


def _streams(top: ParamReader) -> Iterator[tuple[str, StreamParams]]:
    """The params of the streams that are right; the others complain themselves."""
    for stream in top.blocks("VideoStream"):
        try:
            yield text(stream.tree, "Name"), StreamParams.parse(stream.tree)
        except InvalidArgumentError:
            continue


def _bandwidths(top: ParamReader, names: Sequence[str]) -> dict[str, int]:
    """The bound of each stream; all are named, or none."""
    block = "StreamPackInfo" if top.is_given("StreamPackInfo") else "HlsPackInfo"
    entries = top.block(block).blocks("VideoStreamConfig")
    found: dict[str, int] = {}
    for entry in entries:
        name = entry.required_text("VideoStreamName")
        if name and name not in names:
            entry.fault("VideoStreamName", f"a VideoStream before this node, not {name!r}")
        elif name in found:
            entry.fault("VideoStreamName", f"given once, not {name!r} again")
        found[name] = entry.integer("BandWidth", 0, _MOST_BANDWIDTH) or 0
    if missing := [name for name in names if entries and name not in found]:
        expected = "given for every VideoStream before this node, or for none; "
        top.fault(f"{block}.VideoStreamConfig", f"{expected}{', '.join(missing)} is missing")
    return found or dict.fromkeys(names, 0)


def _fault_of(top: ParamReader) -> list[str]:
    """The faults that a reader has noted."""
    try:
        top.finish()
    except InvalidArgumentError as error:
        return list(error.faults)
    return []


def _type_faults(config: PackConfig, streams: Mapping[str, StreamParams]) -> Iterator[str]:
    for name, stream in streams.items():
        if stream.pack_type is not config.pack_type:
            wanted = config.pack_type.lower()
            yield f"Container.Format of {name} must be {wanted}, as PackType says"


def _difference_faults(streams: Mapping[str, StreamParams]) -> Iterator[str]:
    """Where streams would have key frames at other moments than their neighbours."""
    if not streams:
        return
    (first_name, first), *others = streams.items()
    for name, other in others:
        differing = {
            "Container.ClipConfig.Duration": other.segment_seconds != first.segment_seconds,
            "TimeInterval": other.transcode.cut != first.transcode.cut,
            "Video.Gop": other.gop != first.gop,
            "Video.Fps": bool(first.gop) and other.fps != first.fps,
        }
        for setting in (one for one, differs in differing.items() if differs):
            because = " where Gop is given" if setting == "Video.Fps" else ""
            yield f"{setting} of {name} must be that of {first_name}{because}"
