"""A job over pictures, a film and a broken object, taken to its end."""

from dataclasses import dataclass

from tests.e2e.media import clip, picture
from tests.e2e.sdk import Answer, Cloud, node, topology


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A job that has come to its end, over three good objects and a broken one.

    Attributes:
        cloud: Where it ran.
        workflow_id: What it ran.
        job_id: Its id.
        detail: Its `JobsDetail` at the end.
    """

    cloud: Cloud
    workflow_id: str
    job_id: str
    detail: Answer


def make_previews(cloud: Cloud) -> Finished:
    """Take the job to its end, once for each server."""
    cloud.put("previews/in/photo.jpg", picture(320, 200, kind="JPEG"))
    cloud.put("previews/in/drawing.png", picture(64, 64))
    cloud.put("previews/in/broken.jpg", b"no picture at all")
    cloud.put("previews/in/clip.mp4", clip())
    nodes = {
        "Small": node(
            "PicProcess",
            "previews/out/${InputName}.${Ext}",
            ProcessRule="imageMogr2/thumbnail/40x40/format/webp",
        ),
        "Web": node(
            "Transcode",
            "previews/out/${InputName}.${Ext}",
            Container={"Format": "mp4"},
            Video={"Codec": "H.264", "Width": "128", "Preset": "veryfast"},
            Audio={"Codec": "aac"},
        ),
        "Cover": node(
            "Snapshot",
            "previews/out/${InputName}_${Number}.jpg",
            Mode="Interval",
            Start="0",
            Count="1",
        ),
        "Facts": node("MediaInfo"),
    }
    order = {"Start": "Small,Web,Facts", "Small": "End", "Web": "Cover"}
    tree = topology(nodes, {**order, "Cover": "End", "Facts": "End"})
    workflow_id = cloud.create_workflow(tree, "previews")
    job_id = cloud.create_job(workflow_id, {"Prefix": "previews/in/"}, "previews")
    detail = cloud.wait(job_id)
    return Finished(cloud=cloud, workflow_id=workflow_id, job_id=job_id, detail=detail)


def run_of(done: Finished, name: str) -> Answer:
    """The execution of one of its objects."""
    (entry,) = done.cloud.executions(BatchJobId=done.job_id, Name=f"previews/in/{name}")
    return done.cloud.execution(str(entry["RunId"]))
