"""StreamExtract: single streams of a video or sound file, each as an object of its own.

Input: one video or sound object. Outputs: one object for each entry of `Output.StreamExtract`,
whose `Index` is the number of the stream as `MediaInfo` tells it.

    {"type": "StreamExtract", "output": {"StreamExtract": [
        {"Index": "0", "Object": "streams/${InputName}_video.mp4"},
        {"Index": "1", "Object": "streams/${InputName}_sound.m4a"}]}}

Streams are copied, never encoded anew. The extension of `Object` tells the container; with
`${Ext}` it is mp4 for video and m4a for sound, or mkv where these do not take the codec.
Subtitles are not taken out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from penstock.domain.errors import InvalidParamsError
from penstock.domain.planning import has_placeholder
from penstock.domain.selection import extension_of
from penstock.domain.trees import Tree
from penstock.operations._ffmpeg import MediaInput, run_ffmpeg
from penstock.operations._media_checks import Expected, probe_output, slack
from penstock.operations._probe import AudioFacts, Media, VideoFacts, probe
from penstock.operations._remux import COPIED, WRAPPERS, wrapping
from penstock.operations.base import Family, Kind, Operation, Result, Workspace
from penstock.operations.params import ParamReader

_MAX_STREAMS = 10
_EXTENSIONS = tuple(name for name in WRAPPERS if name != "m3u8")
_SAME = {"hevc": "h265", "mka": "mkv", "oga": "ogg", "m4v": "mp4", "adts": "aac"}
"""Extensions that mean the same container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """One stream and where it goes.

    Attributes:
        index: Number of the stream in the source.
        extension: What the pattern ends with; empty for `${Ext}`.
    """

    index: int
    extension: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Which streams to take out.

    Attributes:
        extracts: From one to ten, in the order of `Output.StreamExtract`.
    """

    extracts: tuple[Extract, ...]

    @classmethod
    def parse(cls, tree: Tree) -> "Params":
        """Read `Output.StreamExtract`.

        Raises:
            InvalidArgumentError: It is empty, too long, or an entry is wrong; names all faults.
        """
        output = ParamReader(tree).block("Output")
        entries = output.blocks("StreamExtract")
        if not 1 <= len(entries) <= _MAX_STREAMS:
            output.fault("StreamExtract", f"given 1 to {_MAX_STREAMS} times, not {len(entries)}")
        extracts = tuple(map(_extract, entries))
        output.finish()
        return cls(extracts=extracts)


def run(params: Params, workspace: Workspace) -> Result:
    """Copy all streams in one pass, check each, publish each.

    Raises:
        UnsupportedInputError: The input is broken.
        InvalidParamsError: An index names no video or sound stream, or one that the container
            does not take.
        OutputRejectedError: What came out is not the stream.
    """
    source = workspace.fetch()
    media = probe(source, workspace.key)
    streams = [_stream(extract, media) for extract in params.extracts]
    extensions = [
        _fitting(extract, stream) for extract, stream in zip(params.extracts, streams, strict=True)
    ]
    workspace.checkpoint()
    arguments: list[str] = []
    paths: list[Path] = []
    for number, (stream, extension) in enumerate(zip(streams, extensions, strict=True)):
        paths.append(workspace.scratch / f"stream_{number}.{extension}")
        arguments += ["-map", f"0:{stream.index}", "-c", "copy", "-map_chapters", "-1"]
        arguments += [*wrapping(extension, stream.codec), paths[-1].name]
    run_ffmpeg(
        workspace,
        [MediaInput(path=source, options=COPIED)],
        arguments,
        expected_seconds=media.seconds,
    )
    for stream, path in zip(streams, paths, strict=True):
        workspace.checkpoint()
        _expected(stream, media).check(probe_output(path, workspace.key))
    return Result(
        outputs=tuple(
            workspace.publish(path, extension=extension, target=f"StreamExtract.{number}")
            for number, (path, extension) in enumerate(zip(paths, extensions, strict=True))
        )
    )


def _extract(reader: ParamReader) -> Extract:
    reader.required_text("Index")
    index = reader.integer("Index", 0, 1000) or 0
    pattern = reader.required_text("Object")
    if has_placeholder(pattern[pattern.rfind(".") + 1 :], "Ext"):
        return Extract(index=index, extension="")
    extension = extension_of(pattern)
    extension = _SAME.get(extension, extension)
    if pattern and extension not in _EXTENSIONS:
        known = ", ".join((*_EXTENSIONS, *_SAME))
        reader.fault("Object", f"a key that ends with ${{Ext}} or one of {known}")
    return Extract(index=index, extension=extension)


def _stream(extract: Extract, media: Media) -> VideoFacts | AudioFacts:
    for stream in _streams(media):
        if stream.index == extract.index:
            return stream
    message = f"StreamExtract.Index {extract.index} names no video or sound stream of the source"
    raise InvalidParamsError(message)


def _streams(media: Media) -> Iterator[VideoFacts | AudioFacts]:
    if media.video is not None:
        yield media.video
    yield from media.audios


def _fitting(extract: Extract, stream: VideoFacts | AudioFacts) -> str:
    """The extension of an output; its container takes the stream."""
    if not extract.extension:
        usual = "mp4" if isinstance(stream, VideoFacts) else "m4a"
        return usual if WRAPPERS[usual].takes(stream.codec) else "mkv"
    if not WRAPPERS[extract.extension].takes(stream.codec):
        message = (
            f"stream {stream.index} is {stream.codec}, which a .{extract.extension} does not take"
        )
        raise InvalidParamsError(message)
    return extract.extension


def _expected(stream: VideoFacts | AudioFacts, media: Media) -> Expected:
    is_video = isinstance(stream, VideoFacts)
    return Expected(
        seconds=stream.seconds,
        most_seconds=max(media.seconds, stream.seconds),
        slack_seconds=slack(media.seconds),
        size=None,
        video_codec=stream.codec if is_video else "",
        audio_codecs=() if is_video else (stream.codec,),
    )


OPERATION = Operation(
    tag="StreamExtract",
    block="StreamExtract",
    family=Family.MEDIA,
    reads=frozenset({Kind.VIDEO, Kind.AUDIO}),
    parse=Params.parse,
    run=run,
)
