"""Transcode: every container with every codec it takes."""

from pathlib import Path

import av
import pytest

from penstock.operations._transcode_tables import (
    AUDIO_NAMES,
    CONTAINERS,
    VIDEO_NAMES,
    AudioCodec,
    VideoCodec,
)
from penstock.operations.transcode import OPERATION
from tests.operations.media_fixtures import SECONDS, MediaFolder, media

__all__ = ["media"]

_PAIRS = [
    (name, video, audio)
    for name, container in CONTAINERS.items()
    if name != "dash"  # several files, which PyAV cannot follow: see test_transcode_streams
    for video in container.videos or (None,)
    for audio in container.audios
]


@pytest.mark.parametrize(("name", "video", "audio"), _PAIRS)
def test_transcode_makes_every_pair_of_the_tables(
    media: MediaFolder,
    tmp_path: Path,
    name: str,
    video: VideoCodec | None,
    audio: AudioCodec,
) -> None:
    """Container, codecs and length are those asked for, by PyAV's own account."""
    workspace = media.workspace("clip.mp4", tmp_path)
    block = {"Container": {"Format": name}, "Audio": {"Codec": audio.lower()}}
    if video is not None:
        block["Video"] = {"Codec": video.lower(), "Preset": ""}

    result = OPERATION.run(OPERATION.parse({"Transcode": block}), workspace)

    made = workspace.published / result.outputs[0].key
    assert made.suffix == f".{CONTAINERS[name].extension}"
    with av.open(str(made)) as opened:
        assert [stream.codec_context.codec.canonical_name for stream in opened.streams] == [
            *([] if video is None else [VIDEO_NAMES[video]]),
            AUDIO_NAMES[audio],
        ]
        ends = [
            (packet.pts + (packet.duration or 0)) * packet.time_base
            for packet in opened.demux()
            if packet.pts is not None
        ]
        begin = (opened.start_time or 0) / 1e6
    assert float(max(ends)) - begin == pytest.approx(SECONDS, abs=0.2)
    stream_facts = result.facts["MediaInfo"]["Stream"]
    assert stream_facts["Audio"][0]["CodecName"] == AUDIO_NAMES[audio]
    assert workspace.reports == sorted(workspace.reports)
