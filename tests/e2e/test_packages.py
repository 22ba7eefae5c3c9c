"""Adaptive packages: a YAML file through `penstock run`, and the same through the SDK."""

import shutil
from pathlib import Path

import av
import pytest

from tests.e2e.media import clip
from tests.e2e.runs import Run, summary
from tests.e2e.sdk import Cloud, as_list, made, target, tasks, topology
from tests.e2e.servers import BUCKET
from tests.operations.played import frames_played, play_dash, play_hls

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples/workflows/adaptive.yaml"
SECONDS = 9
FRAMES = 25 * SECONDS
WIDTHS = {"High": "160", "Middle": "144", "Low": "128"}


def test_example_workflow_makes_a_package_that_plays(tmp_path: Path) -> None:
    """`penstock run` with the example gives a playlist of three streams that line up and play."""
    source = tmp_path / "in"
    (source / "trips").mkdir(parents=True)
    (source / "trips/lake.mp4").write_bytes(clip(SECONDS))
    (source / "trips/notes.txt").write_text("no video")
    run = Run(tmp_path, source, tmp_path / "out", workflow=EXAMPLE.read_text(encoding="utf-8"))

    ended = run()

    assert (ended.code, summary(ended)) == (0, (1, 0, 0)), ended.prose
    index = tmp_path / "out/trips/lake.m3u8"
    streams = play_hls(index)
    assert [one.told["RESOLUTION"] for one in streams] == ["160x120"] * 3  # never enlarged
    assert [stream.keys for stream in streams] == [pytest.approx([0, 4, 8], abs=1e-4)] * 3
    with av.open(str(index)) as opened:
        assert len(opened.streams.video) == 3
        assert sum(1 for _ in opened.decode(opened.streams.video[2])) == FRAMES
    assert list(frames_played(index).values()).count(FRAMES) == 3


@pytest.mark.parametrize("pack_type", ["HLS", "DASH"])
def test_package_through_the_sdk_plays(cloud: Cloud, tmp_path: Path, pack_type: str) -> None:
    """A stored workflow of Transcode templates packs a video, and its tasks tell what was made."""
    client, here = cloud.client, f"packages/{pack_type}"
    cloud.put(f"{here}/in/a.mp4", clip(SECONDS))
    templates = {
        name: _template(cloud, f"{pack_type}-{name}", pack_type, width)
        for name, width in WIDTHS.items()
    }
    nodes = {
        "Package": {
            "Type": "StreamPackConfig",
            "Operation": {
                "StreamPackConfig": {"PackType": pack_type, "IgnoreFailedStream": "false"},
                "Output": target(f"{here}/out/${{InputName}}_${{RunId}}.${{Ext}}"),
            },
        },
        **{
            name: {
                "Type": "VideoStream",
                "Operation": {
                    "TemplateId": templates[name],
                    "Output": target(f"{here}/out/${{RunId}}_{name}/video.${{Ext}}"),
                },
            }
            for name in WIDTHS
        },
        "Pack": {
            "Type": "StreamPack",
            "Operation": {
                "StreamPackInfo": {
                    "VideoStreamConfig": [
                        {"VideoStreamName": name, "BandWidth": "0"} for name in WIDTHS
                    ]
                }
            },
        },
    }
    order = {"Start": "Package", "Package": ",".join(WIDTHS), **dict.fromkeys(WIDTHS, "Pack")}
    workflow_id = cloud.create_workflow(
        topology(nodes, {**order, "Pack": "End"}), f"streams-{pack_type}"
    )

    answer = client.ci_trigger_workflow(
        Bucket=BUCKET, WorkflowId=workflow_id, Key=f"{here}/in/a.mp4"
    )

    execution = cloud.wait_execution(str(answer["InstanceId"]))
    told, run_id = tasks(execution), execution["RunId"]
    assert execution["State"] == "Success", execution
    extension = {"HLS": "m3u8", "DASH": "mpd"}[pack_type]
    index_key = f"{here}/out/a_{run_id}.{extension}"
    assert {name: task["State"] for name, task in told.items()} == dict.fromkeys(nodes, "Success")
    assert [one["ObjectName"] for one in made(told["Pack"])] == [index_key]
    for name, width in WIDTHS.items():
        (playlist,) = made(told[name])
        assert playlist["ObjectName"] == f"{here}/out/{run_id}_{name}/video.{extension}"
        assert told[name]["TemplateId"] == templates[name]
        job = client.ci_get_media_jobs(Bucket=BUCKET, JobIDs=told[name]["JobId"])
        (detail,) = as_list(job["JobsDetail"])
        found = detail["Operation"]["MediaInfo"]["Stream"]["Video"]
        assert as_list(found)[0]["Width"] == width
    index = _download(cloud, f"{here}/out/", tmp_path) / index_key
    streams = (play_hls if pack_type == "HLS" else play_dash)(index)
    assert [stream.parts[0].size[0] for stream in streams] == [160, 144, 128]
    assert [stream.keys for stream in streams] == [pytest.approx([0, 5], abs=1e-4)] * 3
    assert list(frames_played(index).values()).count(FRAMES) == 3


def _template(cloud: Cloud, name: str, pack_type: str, width: str) -> str:
    """A Transcode template; its id."""
    template = {
        "Tag": "Transcode",
        "Name": name,
        "Container": {"Format": pack_type.lower()},
        "Video": {"Codec": "H.264", "Width": width, "Crf": "30", "Preset": "veryfast"},
        "Audio": {"Codec": "aac", "Bitrate": "64"},
    }
    created = cloud.client.ci_create_template(Bucket=BUCKET, Template=template)
    return str(created["Template"]["TemplateId"])


def _download(cloud: Cloud, prefix: str, folder: Path) -> Path:
    """Everything below a prefix as files."""
    shutil.rmtree(folder / "packages", ignore_errors=True)
    for key in cloud.keys(prefix):
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cloud.get(key))
    return folder
