"""Adaptive packages: three node types that make sense together only (`nodes.md` 5.10).

    Start → StreamPackConfig → VideoStream, VideoStream, … → StreamPack → End

The StreamPackConfig says what kind of package is made and where its index goes, each VideoStream
makes one rendition, and the StreamPack, which has no settings of its own but bandwidths, joins
them: what it works by is gathered here.
"""

from collections.abc import Iterator, Sequence

from penstock.domain.trees import Tree, child, text
from penstock.domain.workflows import START, Node

CONFIG = "StreamPackConfig"
STREAM = "VideoStream"
PACK = "StreamPack"


def package_faults(nodes: Sequence[Node]) -> list[str]:
    """What is wrong with where the nodes of a package stand, one sentence each.

    Args:
        nodes: Every node of a topology but Start.
    """
    faults: list[str] = []
    for type_ in (CONFIG, PACK):
        found = [node.name for node in nodes if node.type == type_]
        faults += (f"{name}: there may be one {type_} only" for name in found[1:])
    for node in nodes:
        faults += _place_faults(node, nodes)
    return [*faults, *_bucket_faults(nodes)]


def node_settings(node: Node, nodes: Sequence[Node]) -> Tree:
    """What a node's operation works by: its `Operation`, for a StreamPack with its package's.

    A StreamPack gets the `StreamPackConfig` and the `Output` of the config node, and the
    `Operation` of every stream before it as a `VideoStream`, with the node's name as `Name`.
    """
    if node.type != PACK:
        return node.operation
    config = next((one.operation for one in nodes if one.type == CONFIG), {})
    streams: list[str | Tree] = [
        {**one.operation, "Name": one.name}
        for one in nodes
        if one.type == STREAM and one.number in node.predecessors
    ]
    return {
        **node.operation,
        CONFIG: child(config, CONFIG),
        "Output": child(config, "Output"),
        STREAM: streams,
    }


def _place_faults(node: Node, nodes: Sequence[Node]) -> Iterator[str]:
    """A node's neighbours, so far as one of them belongs to a package."""
    types = {0: START, **{one.number: one.type for one in nodes}}
    before = [types[number] for number in node.predecessors]
    after = [one.type for one in nodes if node.number in one.predecessors]
    match node.type:
        case "StreamPackConfig":
            yield from _only(node, "directly behind", before, START)
            yield from _only(node, "before", after, STREAM)
        case "VideoStream":
            yield from _only(node, "directly behind", before, CONFIG)
            yield from _only(node, "before", after, PACK)
        case "StreamPack":
            yield from _only(node, "directly behind", before, STREAM)
            if after:
                yield f"{node.name}: nothing may follow a {PACK}"


def _only(node: Node, where: str, types: Sequence[str], wanted: str) -> Iterator[str]:
    if set(types) != {wanted}:
        others = ", ".join(sorted(set(types) - {wanted})) or "nothing of the kind"
        yield f"{node.name}: a {node.type} must stand {where} {wanted}, and not {others}"


def _bucket_faults(nodes: Sequence[Node]) -> Iterator[str]:
    """Streams that lie where the index cannot name them by a path."""
    config = next((node for node in nodes if node.type == CONFIG), None)
    if config is None:
        return
    bucket = text(child(config.operation, "Output"), "Bucket")
    for node in nodes:
        found = text(child(node.operation, "Output"), "Bucket")
        if node.type == STREAM and found != bucket:
            yield (
                f"{node.name}: Output.Bucket must be that of {config.name}, {bucket!r}: "
                "an index names its streams by paths"
            )
