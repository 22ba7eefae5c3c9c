"""StreamPack: whole packages of a real walk, played and measured independently."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import av
import pytest

from penstock.domain.errors import StoreError
from penstock.domain.executions import NodeOutcome
from penstock.domain.records import unpack_outcomes
from penstock.domain.selection import ObjectInfo
from penstock.domain.trees import Tree
from tests.engine.bench import Bench, assign, job_over
from tests.engine.stores import FarStore
from tests.factories import NOW_MS, make_node, make_topology
from tests.operations.media_fixtures import MediaFolder, media
from tests.operations.played import (
    Stream,
    frames_played,
    play_dash,
    play_hls,
    sounds_of,
)
from tests.waiting import Clock

__all__ = ["media"]

PLAYERS = {"HLS": play_hls, "DASH": play_dash}
EXTENSIONS = {"HLS": "m3u8", "DASH": "mpd"}
FAST: Tree = {"Preset": "veryfast", "Crf": "30"}
SOUND: Tree = {"Codec": "aac"}
STREAMS: Mapping[str, Tree] = {
    "high": {"Video": {**FAST, "Width": "256"}, "Audio": SOUND},
    "mid": {"Video": {**FAST, "Width": "192", "Profile": "main"}, "Audio": SOUND},
    "low": {"Video": {**FAST, "Width": "128", "Profile": "baseline"}, "Audio": SOUND},
}
PROFILES = {"High": "64", "Main": "4d", "Constrained Baseline": "42"}


class Packager:
    """Runs packages over one object in a bucket of its own."""

    def __init__(self, bench: Bench, bucket: Path) -> None:
        self.bench = bench
        self.bucket = bucket
        self.message = ""

    def run(  # noqa: PLR0913  # the settings of three nodes
        self,
        source: Path,
        streams: Mapping[str, Tree],
        *,
        key: str = "in/a.mp4",
        seconds: str = "1",
        config: Mapping[str, str] | None = None,
        info: Tree | None = None,
        outputs: Mapping[str, str] | None = None,
    ) -> dict[str, NodeOutcome]:
        """The outcomes of a package's nodes, by name."""
        config = {"PackType": "HLS", **(config or {})}
        outputs = outputs or {}
        pattern = outputs.get("package", "p/${InputName}.${Ext}")
        nodes = {
            "package": make_node("StreamPackConfig", pattern, {"StreamPackConfig": config}),
            **{
                name: make_node(
                    "VideoStream",
                    outputs.get(name, f"p/${{InputName}}/{name}.${{Ext}}"),
                    {"Transcode": _transcode(blocks, config["PackType"], seconds)},
                )
                for name, blocks in streams.items()
            },
            "all": make_node("StreamPack", after_type={"StreamPackInfo": info or {}}),
        }
        edges = {"Start": "package", "package": ",".join(streams), "all": "End"}
        topology = make_topology(nodes, {**edges, **dict.fromkeys(streams, "all")})
        target = self.bucket / key
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
        found = ObjectInfo(key, source.stat().st_size)
        (row,) = self.bench.rows(assign(job_over(self.bucket, topology), [found]))
        self.message = row.message
        names = ["package", *streams, "all"]
        return dict(zip(names, unpack_outcomes(row.nodes), strict=True))

    def published(self) -> set[str]:
        """Every key but the source's."""
        keys = {
            path.relative_to(self.bucket).as_posix()
            for path in self.bucket.rglob("*")
            if path.is_file()
        }
        return {key for key in keys if not key.startswith("in/")}


def _transcode(blocks: Tree, pack_type: str, seconds: str) -> Tree:
    container: Tree = {"Format": pack_type.lower(), "ClipConfig": {"Duration": seconds}}
    return {"Container": container, **blocks}


def states(outcomes: Mapping[str, NodeOutcome]) -> dict[str, str]:
    """What each node came to."""
    return {name: str(outcome.state) for name, outcome in outcomes.items()}


@pytest.fixture
def packager(tmp_path: Path) -> Iterator[Packager]:
    """A packager; afterwards its scratch space must be empty."""
    scratch, bucket = tmp_path / "scratch", tmp_path / "bucket"
    scratch.mkdir()
    bucket.mkdir()
    yield Packager(Bench(scratch, Clock(NOW_MS)), bucket)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("pack_type", ["HLS", "DASH"])
def test_package_plays_and_its_streams_line_up(
    packager: Packager, media: MediaFolder, pack_type: str
) -> None:
    """Each segment decodes by itself, and segments and key frames are where the others' are."""
    outcomes = packager.run(media.path("parts.mp4"), STREAMS, config={"PackType": pack_type})

    assert set(states(outcomes).values()) == {"Success"}, packager.message
    extension = EXTENSIONS[pack_type]
    index = packager.bucket / f"p/a.{extension}"
    high, *others = streams = PLAYERS[pack_type](index)
    assert len(high.parts) == 12
    assert high.keys == pytest.approx(range(12), abs=1e-4)
    assert high.seconds == pytest.approx(12, abs=1e-4)
    for other in others:
        assert other.keys == pytest.approx(high.keys, abs=1e-4)
        assert [part.begin for part in other.parts] == pytest.approx(
            [part.begin for part in high.parts], abs=1e-4
        )
        assert other.seconds == pytest.approx(high.seconds, abs=1e-4)
    assert {sum(part.frames for part in stream.parts) for stream in streams} == {60}
    played = frames_played(index)
    sounds = 3 if pack_type == "HLS" else 1
    assert list(played.values()).count(60) == 3
    assert len(played) == 3 + sounds
    for name in STREAMS:
        assert 60 in frames_played(packager.bucket / f"p/a/{name}.{extension}").values()


@pytest.mark.parametrize("pack_type", ["HLS", "DASH"])
def test_index_tells_the_truth(packager: Packager, media: MediaFolder, pack_type: str) -> None:
    """Rates, sizes, codecs and frame rates in the index are those that a player finds."""
    packager.run(media.path("parts.mp4"), STREAMS, config={"PackType": pack_type})

    streams = PLAYERS[pack_type](packager.bucket / f"p/a.{EXTENSIONS[pack_type]}")

    sizes = [(256, 192), (192, 144), (128, 96)]
    for stream, size in zip(streams, sizes, strict=True):
        assert stream.parts[0].size == size
        _check_told(stream, pack_type)


def _check_told(stream: Stream, pack_type: str) -> None:
    told, part = stream.told, stream.parts[0]
    is_hls = pack_type == "HLS"
    video = told["CODECS" if is_hls else "codecs"].split(",")[0]
    assert video.startswith(f"avc1.{PROFILES[part.profile]}")
    assert int(video[-2:], 16) == part.level
    if is_hls:
        assert told["CODECS"].split(",")[1:] == ["mp4a.40.2"]
        assert told["RESOLUTION"] == "{}x{}".format(*part.size)
        assert float(told["FRAME-RATE"]) == pytest.approx(5)
        assert int(told["AVERAGE-BANDWIDTH"]) == pytest.approx(stream.mean_bits, rel=1e-3)
        assert int(told["BANDWIDTH"]) == pytest.approx(stream.peak_bits, rel=1e-3)
    else:
        assert (int(told["width"]), int(told["height"])) == part.size
        assert told["frameRate"] == "5"
        assert int(told["bandwidth"]) == pytest.approx(stream.peak_bits, rel=1e-3)


def test_results_stand_with_the_nodes_that_name_them(
    packager: Packager, media: MediaFolder
) -> None:
    """The index is the pack's result, each playlist its stream's, with the facts of what plays."""
    outcomes = packager.run(media.path("clip.mp4"), STREAMS)

    assert {name: [one.key for one in outcome.outputs] for name, outcome in outcomes.items()} == {
        "package": [],
        **{name: [f"p/a/{name}.m3u8"] for name in STREAMS},
        "all": ["p/a.m3u8"],
    }
    assert all(one.input_key == "in/a.mp4" for one in outcomes["low"].outputs)
    video = outcomes["low"].facts["MediaInfo"]["Stream"]["Video"][0]
    assert (video["Width"], video["Height"]) == ("128", "96")
    segments = {f"p/a/{name}_{number:05d}.ts" for name in STREAMS for number in range(2)}
    assert packager.published() == segments | {"p/a.m3u8"} | {f"p/a/{n}.m3u8" for n in STREAMS}


def test_list_of_streams_orders_the_index_and_names_rates(
    packager: Packager, media: MediaFolder
) -> None:
    """The index has the streams as they are listed, with the bound as rate where there is one."""
    entries: list[str | Tree] = [
        {"VideoStreamName": "low", "BandWidth": "5000000"},
        {"VideoStreamName": "mid", "BandWidth": "0"},
        {"VideoStreamName": "high"},
    ]

    packager.run(media.path("clip.mp4"), STREAMS, info={"VideoStreamConfig": entries})

    low, mid, high = play_hls(packager.bucket / "p/a.m3u8")
    assert [stream.parts[0].size[0] for stream in (low, mid, high)] == [128, 192, 256]
    assert low.told["BANDWIDTH"] == "5000000"
    assert int(mid.told["BANDWIDTH"]) == pytest.approx(mid.peak_bits, rel=1e-3)


@pytest.mark.parametrize("pack_type", ["HLS", "DASH"])
def test_stream_above_its_bandwidth_publishes_nothing(
    packager: Packager, media: MediaFolder, pack_type: str
) -> None:
    """A bound that is not kept fails the package and says why; the bucket is as it was."""
    streams = {name: STREAMS[name] for name in ("high", "low")}
    entries: list[str | Tree] = [
        {"VideoStreamName": "high"},
        {"VideoStreamName": "low", "BandWidth": "1000"},
    ]

    outcomes = packager.run(
        media.path("clip.mp4"),
        streams,
        config={"PackType": pack_type},
        info={"VideoStreamConfig": entries},
    )

    assert outcomes["all"].code == "OutputRejected"
    assert "more than its BandWidth 1000" in outcomes["all"].message
    assert packager.published() == set()
    assert outcomes["low"].outputs == ()
    assert outcomes["low"].facts == {}


FAILING: Tree = {
    "Video": {**FAST, "Width": "1280"},
    "TransConfig": {"IsCheckReso": "true", "ResoAdjMethod": "1"},
}


def test_package_is_made_without_a_stream_that_failed(
    packager: Packager, media: MediaFolder
) -> None:
    """With IgnoreFailedStream, as by default, the others are packaged and the node tells why."""
    outcomes = packager.run(media.path("clip.mp4"), {**STREAMS, "huge": FAILING})

    assert states(outcomes)["huge"] == "Failed"
    assert states(outcomes)["all"] == "Success"
    assert packager.message.startswith("huge: the target of")
    assert len(play_hls(packager.bucket / "p/a.m3u8")) == 3


def test_package_fails_with_a_stream_where_none_is_to_be_left_out(
    packager: Packager, media: MediaFolder
) -> None:
    """Without IgnoreFailedStream nothing is published, and the stream that failed is named."""
    outcomes = packager.run(
        media.path("clip.mp4"),
        {"low": STREAMS["low"], "huge": FAILING},
        config={"IgnoreFailedStream": "false"},
    )

    assert states(outcomes) == {
        "package": "Success",
        "low": "Success",
        "huge": "Failed",
        "all": "Failed",
    }
    assert "the streams huge of the package have failed" in outcomes["all"].message
    assert packager.published() == set()


def test_package_without_any_stream_is_not_made(packager: Packager, media: MediaFolder) -> None:
    """Where every stream failed there is nothing to run the pack on."""
    outcomes = packager.run(media.path("clip.mp4"), {"huge": FAILING})

    assert states(outcomes) == {"package": "Success", "huge": "Failed", "all": "Cancel"}


def test_package_of_a_picture_is_skipped(packager: Packager, media: MediaFolder) -> None:
    """An object that is no video is skipped by every node."""
    outcomes = packager.run(media.path("picture.jpg"), STREAMS, key="in/a.jpg")

    assert set(states(outcomes).values()) == {"Skipped"}


def test_package_of_a_broken_video_fails(packager: Packager, tmp_path: Path) -> None:
    """A video that cannot be read fails each stream, and nothing is published."""
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\x00\x00\x00\x18ftypmp42" + b"x" * 1000)

    outcomes = packager.run(broken, STREAMS)

    assert states(outcomes)["low"] == "Failed"
    assert outcomes["low"].code == "ResourceNotSupported"
    assert packager.published() == set()


@pytest.mark.parametrize(
    "outputs",
    [
        {"package": "p/${InputName}.m3u8", "low": "p/${InputName}.m3u8"},
        {"package": "p/${InputName}.m3u8", "low": "p/a.${Ext}x"},
        {"low": "p/x.m3u8", "mid": "p/x.m3u8"},
    ],
)
def test_outputs_that_would_overwrite_one_another_publish_nothing(
    packager: Packager, media: MediaFolder, outputs: Mapping[str, str]
) -> None:
    """Patterns that give one name to two files of a package fail the object."""
    streams = {name: STREAMS[name] for name in ("low", "mid")}

    outcomes = packager.run(media.path("clip.mp4"), streams, outputs=outputs)

    assert outcomes["all"].code == "InvalidArgument"
    assert "both outputs of the package" in outcomes["all"].message
    assert packager.published() == set()


@pytest.mark.parametrize("pack_type", ["HLS", "DASH"])
def test_package_of_an_odd_name_plays(
    packager: Packager, media: MediaFolder, pack_type: str
) -> None:
    """Blanks, signs and letters of any kind in keys do not break the paths in playlists."""
    pattern = "${InputName} & more/"
    packager.run(
        media.path("clip.mp4"),
        {"low": STREAMS["low"]},
        key='in/ä 100% #1?$"x".mp4',
        config={"PackType": pack_type},
        outputs={"package": f"{pattern}i.${{Ext}}", "low": f"o/{pattern}${{InputName}}.${{Ext}}"},
    )

    (stream,) = PLAYERS[pack_type](
        packager.bucket / f'ä 100% #1?$"x" & more/i.{EXTENSIONS[pack_type]}'
    )

    assert sum(part.frames for part in stream.parts) == 50


@pytest.mark.parametrize("pack_type", ["HLS", "DASH"])
def test_streams_of_other_frame_rates_line_up_to_a_frame(
    packager: Packager, media: MediaFolder, pack_type: str
) -> None:
    """A stream of fewer frames begins its segments within a frame of the others."""
    streams: dict[str, Tree] = {
        "whole": {"Video": FAST},
        "part": {"Video": {**FAST, "Fps": "12"}},
    }

    packager.run(media.path("silent.mp4"), streams, config={"PackType": pack_type})

    whole, part = PLAYERS[pack_type](packager.bucket / f"p/a.{EXTENSIONS[pack_type]}")
    assert len(whole.parts) == len(part.parts) == 2
    assert part.keys == pytest.approx(whole.keys, abs=1 / 12)


def test_h265_and_mp3_make_a_package(packager: Packager, media: MediaFolder) -> None:
    """HLS takes H.265 and MP3 as well, and names them as players ask for them."""
    streams: dict[str, Tree] = {
        "new": {"Video": {"Codec": "H.265", "Crf": "35"}, "Audio": {"Codec": "mp3"}},
        "old": {"Video": FAST, "Audio": {"Codec": "mp3", "Samplerate": "8000"}},
    }

    packager.run(media.path("clip.mp4"), streams)

    new, old = play_hls(packager.bucket / "p/a.m3u8")
    assert new.told["CODECS"].startswith("hvc1.1.6.L")
    assert old.told["CODECS"].split(",")[1] == "mp4a.40.34"
    assert new.keys == pytest.approx(old.keys, abs=1e-3)


def test_dash_without_sound_has_none(packager: Packager, media: MediaFolder) -> None:
    """A silent video gives pictures alone."""
    outcomes = packager.run(
        media.path("silent.mp4"),
        STREAMS,
        config={"PackType": "DASH", "IgnoreFailedStream": "false"},
    )

    assert states(outcomes)["all"] == "Success", packager.message
    assert sounds_of(packager.bucket / "p/a.mpd") == []


def test_dash_names_like_sounds_once(packager: Packager, media: MediaFolder) -> None:
    """Streams whose sound is the same byte for byte share it; others are named beside it."""
    streams: dict[str, Tree] = {
        **{name: STREAMS[name] for name in ("high", "mid")},
        "low": {**STREAMS["low"], "Audio": {"Codec": "aac", "Bitrate": "32"}},
        "one": {**STREAMS["low"], "Audio": {"Codec": "aac", "Channels": "2"}},
    }

    packager.run(media.path("clip.mp4"), streams, config={"PackType": "DASH"})

    sounds = sounds_of(packager.bucket / "p/a.mpd")
    assert [told["id"] for told, _ in sounds] == ["high-sound", "low-sound", "one-sound"]
    for told, paths in sounds:
        assert told["codecs"] == "mp4a.40.2"
        whole = packager.bucket.parent / "sound.mp4"
        whole.write_bytes(b"".join(path.read_bytes() for path in paths))
        with av.open(str(whole)) as opened:
            frames = list(opened.decode(audio=0))
            samples = sum(frame.samples for frame in frames)
        assert samples / 44100 == pytest.approx(2, abs=0.1)


class NotingStore(FarStore):
    """A store elsewhere that notes what is stored, and fails once at a key."""

    def __init__(self, root: Path, failing: str) -> None:
        super().__init__(root)
        self.stored: list[str] = []
        self._failing = failing

    def put_file(self, key: str, path: Path, *, content_type: str = "") -> ObjectInfo:
        """Store, or fail the first time that the key comes."""
        is_first = key not in self.stored
        self.stored.append(key)
        if is_first and key == self._failing:
            raise StoreError(key, "out of order")
        return super().put_file(key, path, content_type=content_type)


@pytest.mark.parametrize("failing", ["", "p/a/low_00001.ts", "p/a/low.m3u8", "p/a.m3u8"])
def test_package_is_stored_index_last_and_again_where_a_store_failed(
    tmp_path: Path, media: MediaFolder, failing: str
) -> None:
    """Segments, playlists, index: in this order, under the same keys in each attempt."""
    scratch, bucket = tmp_path / "scratch", tmp_path / "bucket"
    scratch.mkdir()
    bucket.mkdir()
    store = NotingStore(bucket, failing)
    bench = Bench(scratch, Clock(NOW_MS), open_store=lambda _url: store, retry_seconds=[0])
    streams = {name: STREAMS[name] for name in ("high", "low")}

    outcomes = Packager(bench, bucket).run(media.path("clip.mp4"), streams)

    assert states(outcomes)["all"] == "Success"
    segments = [f"p/a/{name}_{number:05d}.ts" for name in streams for number in range(2)]
    whole = [*segments, "p/a/high.m3u8", "p/a/low.m3u8", "p/a.m3u8"]
    first = whole[: whole.index(failing) + 1] if failing else []
    assert store.stored == [*first, *whole]
    assert [one.key for one in outcomes["low"].outputs] == ["p/a/low.m3u8"]
    assert store.opened == ["in/a.mp4"], "the source is downloaded once for the whole tree"
    assert list(scratch.iterdir()) == []


def test_package_stops_when_cancelled(packager: Packager, media: MediaFolder) -> None:
    """A job that is cancelled while streams are encoded publishes nothing and leaves nothing."""
    asked: list[bool] = []

    def is_cancelled() -> bool:
        asked.append(True)
        return len(asked) > 20

    packager.bench.is_cancelled = is_cancelled

    with pytest.raises(ValueError, match="not enough values"):
        packager.run(media.path("clip.mp4"), STREAMS)
    assert packager.published() == set()
