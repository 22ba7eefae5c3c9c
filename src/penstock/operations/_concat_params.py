"""What a Concat node asks for: other objects before and behind the input, as one output."""

from dataclasses import dataclass, replace

from penstock.domain.trees import Tree
from penstock.operations._cuts import Cut, read_span
from penstock.operations._mix_params import Mix
from penstock.operations._transcode_params import read_audio, read_background, read_video
from penstock.operations._transcode_settings import AudioParams, VideoParams
from penstock.operations._transcode_tables import CONTAINERS, Container, VideoCodec
from penstock.operations.params import ParamReader

_FORMATS = ("mp4", "flv", "hls", "ts", "mp3", "aac")
_MAX_FRAGMENTS = 100
_NOT_OFFERED = ("Watermark", "WatermarkTemplateId", "AIGCMetadata")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """Another object that is joined to the input.

    Attributes:
        url: A key of the same bucket, or a URL that names one.
        cut: The part of it that is used.
    """

    url: str
    cut: Cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """What is joined, in which order, and what it becomes.

    Attributes:
        before: Fragments before the input, in order.
        after: Fragments behind the input, in order.
        format: Word of `Container.Format`.
        video: None leaves pictures out.
        audio: None leaves sound out.
        is_direct: Whether streams are joined as they are.
        mix: Background sound; None leaves the sound as it is.
    """

    before: tuple[Fragment, ...]
    after: tuple[Fragment, ...]
    format: str
    video: VideoParams | None
    audio: AudioParams | None
    is_direct: bool
    mix: Mix | None = None

    @property
    def container(self) -> Container:
        """What is known of the format."""
        return CONTAINERS[self.format]

    @classmethod
    def parse(cls, tree: Tree) -> "Params":
        """Read the block `ConcatTemplate`.

        Raises:
            InvalidArgumentError: Some leaves are wrong or not offered; names them all.
        """
        top = ParamReader(tree)
        top.refuse(_NOT_OFFERED)
        reader = top.block("ConcatTemplate")
        reader.refuse(_NOT_OFFERED)
        _refuse_transitions(reader.block("SceneChangeInfo"))
        reader.block("Container").required_text("Format")
        name = reader.block("Container").choice("Format", _FORMATS, "mp4")
        before, after = _fragments(reader)
        audio = read_audio(reader, name)
        params = cls(
            before=before,
            after=after,
            format=name,
            video=_video(reader, CONTAINERS[name]),
            audio=audio,
            is_direct=reader.flag("DirectConcat"),
            mix=read_background(top, reader, audio),
        )
        if params.video is None and params.audio is None:
            reader.fault("Video or Audio", "kept")
        top.finish()
        return params


def _video(reader: ParamReader, container: Container) -> VideoParams | None:
    """How pictures are encoded; unlike in Transcode, an absent block keeps them."""
    if not container.videos and not reader.is_given("Video"):
        return None
    only = (VideoCodec.H264,) if container.videos else ()
    return read_video(reader, replace(container, videos=only))


def _refuse_transitions(block: ParamReader) -> None:
    mode = block.text("Mode")
    if mode and mode.lower() != "default":
        block.fault("Mode", f"Default: this build does not offer transitions, not {mode!r}")


def _fragments(reader: ParamReader) -> tuple[tuple[Fragment, ...], tuple[Fragment, ...]]:
    """The fragments before and behind the input.

    `Index` counts how many of them stand before it; without `Index`, each fragment's `Mode`
    says it; a fragment without either stands behind.
    """
    blocks = reader.blocks("ConcatFragment")
    if not 1 <= len(blocks) <= _MAX_FRAGMENTS:
        expectation = f"given 1 to {_MAX_FRAGMENTS} times, not {len(blocks)}"
        reader.fault("ConcatFragment", expectation)
    entries = []
    for block in blocks:
        number = block.integer("FragmentIndex", 0, 100_000) or 0
        is_before = block.choice("Mode", ("Start", "End"), "End") == "Start"
        cut = read_span(block, has_duration=True)
        entries.append((number, is_before, Fragment(url=block.required_text("Url"), cut=cut)))
    entries.sort(key=lambda entry: entry[0])
    index = reader.integer("Index", 0, max(len(entries), 1))
    if index is not None:
        ordered = tuple(fragment for _, _, fragment in entries)
        return ordered[:index], ordered[index:]
    return (
        tuple(fragment for _, is_before, fragment in entries if is_before),
        tuple(fragment for _, is_before, fragment in entries if not is_before),
    )
