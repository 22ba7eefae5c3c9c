"""An adaptive package as DASH: segments of pictures and of sound, and descriptions of them.

Every text that goes into a description is a number, a name of a node or a quoted URL, so that
none needs to be escaped.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from penstock.domain.executions import OutputObject
from penstock.operations._ffmpeg import MediaInput, run_ffmpeg
from penstock.operations._pack_streams import Packer, PackStream, relative_url
from penstock.operations._pack_tracks import Track, measure_track
from penstock.operations._probe import probe
from penstock.operations.base import Branch

_EXTENSION = "mpd"
_KINDS = ("video", "audio")
_ALIGNED_SECONDS = 0.001
_CHANNELS = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011"


def _cut_stream(branch: Branch, segment_seconds: float) -> tuple[Track, ...]:
    """Cut a rendition into segments of pictures, and of sound where it has some.

    Raises:
        OutputRejectedError: A segment is not what it must be.
    """
    workspace = branch.workspace
    media = probe(branch.path, workspace.key)
    kinds = _KINDS if media.audio is not None else _KINDS[:1]
    # The muxer counts from each cut anew, and a segment may be short of its length by a frame.
    frame = 0.0 if media.video is None or not media.video.fps else float(1 / media.video.fps)
    least = {"video": max(segment_seconds - frame, segment_seconds / 2), "audio": segment_seconds}
    options = [word for kind in kinds for word in _options(kind, least[kind])]
    run_ffmpeg(workspace, [MediaInput(path=branch.path)], options)
    return tuple(
        measure_track(
            sorted(workspace.scratch.glob(f"{kind}_*.m4s")),
            workspace,
            workspace.scratch / f"{kind}_init.mp4",
        )
        for kind in kinds
    )


def _stream_facts(branch: Branch) -> Mapping[str, object]:
    """A `MediaInfo` result of the rendition that the segments were cut from."""
    return probe(branch.path, branch.workspace.key).facts


def _store_stream(stream: PackStream) -> None:
    """Store the segments of a stream."""
    workspace = stream.branch.workspace
    stem = workspace.output_stem(extension=_EXTENSION)
    for track in stream.tracks:
        for path in (track.init, *(segment.path for segment in track.segments)):
            if path is not None:
                workspace.checkpoint()
                workspace.put_sidecar(path, f"{stem}_{path.name}")


def _publish_stream(stream: PackStream) -> OutputObject:
    """Publish the description of one stream, whose segments are stored."""
    workspace = stream.branch.workspace
    path = workspace.scratch / f"stream.{_EXTENSION}"
    text = _write_index([stream], stream.key, {stream.branch.name: 0})
    path.write_text(text, encoding="utf-8")
    return workspace.publish(path, extension=_EXTENSION)


def _write_index(
    streams: Sequence[PackStream], index_key: str, bandwidths: Mapping[str, int]
) -> str:
    """The description of the whole package."""
    longest = max(stream.pictures.target_seconds for stream in streams)
    seconds = max(track.seconds for stream in streams for track in stream.tracks)
    sets = [_picture_set(streams, index_key, bandwidths), *_sound_sets(streams, index_key)]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" '
        'profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static" '
        f'mediaPresentationDuration="PT{seconds:.3f}S" minBufferTime="PT{longest}S">\n'
        f'<Period id="0" start="PT0S">\n{"".join(sets)}</Period>\n</MPD>\n'
    )


def _options(kind: str, segment_seconds: float) -> Iterator[str]:
    """One output of the muxer `dash`, which holds pictures or sound alone."""
    yield from ("-map", "0:v:0" if kind == "video" else "0:a:0", "-c", "copy", "-f", "dash")
    yield from ("-seg_duration", f"{segment_seconds:g}")
    yield from ("-init_seg_name", f"{kind}_init.mp4")
    yield from ("-media_seg_name", f"{kind}_$Number%05d$.m4s", f"{kind}.mpd")


def _picture_set(
    streams: Sequence[PackStream], index_key: str, bandwidths: Mapping[str, int]
) -> str:
    representations = []
    for stream in streams:
        track, video, name = stream.pictures, stream.video, stream.branch.name
        width, height = track.size or (0, 0)
        rate = "" if not video.fps else f' frameRate="{video.fps}"'
        aspect = f"{video.aspect.numerator}:{video.aspect.denominator}"
        attributes = f'width="{width}" height="{height}" sar="{aspect}"{rate}'
        bits = bandwidths[name] or track.peak_bits
        template = _template(stream, track, "video", index_key)
        representations.append(_representation(name, track, "video", bits, attributes, template))
    aligned = str(_is_aligned(streams)).lower()
    return _set(f'contentType="video" segmentAlignment="{aligned}"', representations)


def _sound_sets(streams: Sequence[PackStream], index_key: str) -> Iterator[str]:
    """A set for each kind of sound; what several streams have alike is named once."""
    kinds: dict[tuple[object, ...], dict[str, str]] = {}
    for stream in streams:
        for track in stream.tracks[1:]:
            kind = (track.codecs, track.sample_rate, track.channels)
            name = f"{stream.branch.name}-sound"
            attributes = f'audioSamplingRate="{track.sample_rate}"'
            channels = f'<AudioChannelConfiguration schemeIdUri="{_CHANNELS}" '
            template = (
                f'{channels}value="{track.channels}"/>\n'
                f"{_template(stream, track, 'audio', index_key)}"
            )
            made = _representation(name, track, "audio", track.peak_bits, attributes, template)
            kinds.setdefault(kind, {}).setdefault(track.digest(), made)
    for made_by_digest in kinds.values():
        yield _set('contentType="audio"', list(made_by_digest.values()))


def _set(attributes: str, representations: Sequence[str]) -> str:
    inner = "".join(representations)
    return f'<AdaptationSet {attributes} startWithSAP="1">\n{inner}</AdaptationSet>\n'


def _representation(  # the attributes of one element
    name: str, track: Track, kind: str, bits: int, attributes: str, template: str
) -> str:
    return (
        f'<Representation id="{name}" mimeType="{kind}/mp4" codecs="{",".join(track.codecs)}" '
        f'bandwidth="{bits}" {attributes}>\n{template}</Representation>\n'
    )


def _template(stream: PackStream, track: Track, kind: str, index_key: str) -> str:
    stem = stream.branch.workspace.output_stem(extension=_EXTENSION)
    folder, slash, _ = stream.key.rpartition("/")
    url = relative_url(f"{folder}{slash}{stem}_{kind}", index_key)
    ticks = [round(max(segment.start, Fraction(0)) / track.tick) for segment in track.segments]
    last = track.segments[-1]
    end = round((last.start + last.seconds) / track.tick)
    timeline = "".join(
        f'<S t="{begin}" d="{after - begin}"/>\n'
        for begin, after in zip(ticks, [*ticks[1:], end], strict=True)
    )
    return (
        f'<SegmentTemplate timescale="{track.tick.denominator}" startNumber="1" '
        f'initialization="{url}_init.mp4" media="{url}_$Number%05d$.m4s">\n'
        f"<SegmentTimeline>\n{timeline}</SegmentTimeline>\n</SegmentTemplate>\n"
    )


def _is_aligned(streams: Sequence[PackStream]) -> bool:
    """Whether segments begin at the very same moments in all streams."""
    starts = [[segment.start for segment in one.pictures.segments] for one in streams]
    return all(
        abs(mine - theirs) <= _ALIGNED_SECONDS
        for others in starts[1:]
        for mine, theirs in zip(starts[0], others, strict=True)
    )


PACKER = Packer(
    extension=_EXTENSION,
    cut_stream=_cut_stream,
    stream_facts=_stream_facts,
    store_stream=_store_stream,
    publish_stream=_publish_stream,
    write_index=_write_index,
)
