"""Plug-ins: a package beside Penstock adds an operation, and a broken one breaks nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from penstock import __version__
from tests.e2e.media import picture
from tests.e2e.runs import Run, summary
from tests.e2e.sdk import XML, Cloud, as_list, node, target, tasks, topology
from tests.e2e.servers import BUCKET, PROGRAM, Server
from tests.waiting import wait_until

EXAMPLE = Path(__file__).parents[2] / "examples/penstock-palette"
METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 0.{number}\n"
WORKFLOW = (EXAMPLE / "palette.yaml").read_text(encoding="utf-8")


def plug_in(folder: Path, name: str, module: str, *lines: str, code: str = "") -> None:
    """A package as pip would leave it: a module, and the entry points of its distribution."""
    (folder / f"{module}.py").write_text(code)
    facts = folder / f"{module}-0.1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(METADATA.format(name=name, number=1))
    (facts / "entry_points.txt").write_text("\n".join(["[penstock.operations]", *lines]))


@contextmanager
def running(server: Server) -> Iterator[None]:
    """Run a server until the block ends."""
    try:
        server.start()
        yield
        assert server.terminate() == 0, server.log()
    finally:
        server.kill()


def listed(*folders: Path) -> list[dict[str, Any]]:
    """What `penstock operations` tells, with these folders on the path of modules."""
    done = subprocess.run(
        [*PROGRAM, "operations", "--output", "json"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))},
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def palette(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package, built and installed into a folder of its own."""
    folder = tmp_path_factory.mktemp("palette")
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target"]
    command = [sys.executable, "-m", "pip", "install", *options, str(folder), str(EXAMPLE)]
    subprocess.run(command, check=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    return folder


@pytest.mark.slow
def test_plugin_is_listed_with_its_package(palette: Path) -> None:
    """The operation of an installed package stands beside the built-in ones, with its origin."""
    rows = {row["operation"]: row for row in listed(palette)}

    mine, ours = rows["Palette"], rows["PicProcess"]
    assert (mine["available"], mine["package"], mine["version"]) == (
        True,
        "penstock-palette",
        "1.0.0",
    )
    assert (mine["family"], mine["reads"], mine["needs_output"]) == ("pic", ["image"], True)
    assert (ours["package"], ours["version"]) == ("penstock", __version__)


@pytest.mark.slow
def test_plugin_runs_over_real_files(palette: Path, tmp_path: Path) -> None:
    """A workflow file uses the operation like any other: results, facts, failures, one by one."""
    source = tmp_path / "in"
    source.mkdir()
    two = Image.new("RGB", (40, 40), (200, 0, 0))
    two.paste((0, 0, 200), (0, 0, 40, 10))
    two.save(source / "two.png")
    (source / "noisy.jpg").write_bytes(picture(64, 48, kind="JPEG"))
    (source / "broken.jpg").write_bytes(b"no picture")
    report = tmp_path / "report.jsonl"
    environment = {"PYTHONPATH": str(palette)}
    run = Run(
        tmp_path,
        source,
        tmp_path / "out",
        *("--report", report),
        workflow=WORKFLOW,
        environment=environment,
    )

    ended = run()

    assert ended.code == 1
    assert summary(ended) == (2, 1, 0)
    assert "broken.jpg: cannot be read as a picture" in ended.prose
    (told,) = [line for line in report.read_text().splitlines() if '"two.png"' in line]
    assert '{"Hex": "#c80000", "Share": "0.7500"}' in json.dumps(json.loads(told))
    with Image.open(tmp_path / "out/palettes/two.png") as made:
        assert made.size == (128, 64)
        assert made.getpixel((100, 30)) == (0, 0, 200)
    with Image.open(tmp_path / "out/palettes/noisy.png") as made:
        assert made.size == (320, 64)


@pytest.mark.slow
def test_plugin_that_is_gone_is_told_before_anything_runs(tmp_path: Path) -> None:
    """Without the package the workflow is refused with line and column."""
    (tmp_path / "in").mkdir()
    run = Run(tmp_path, tmp_path / "in", tmp_path / "out", workflow=WORKFLOW)

    ended = run()

    assert ended.code == 2
    assert "5:11: colours: this build has no operation 'Palette'; use " in ended.prose


@pytest.mark.slow
def test_plugin_that_is_broken_is_a_line_of_the_list(palette: Path, tmp_path: Path) -> None:
    """A package that cannot be loaded, claims a built-in tag, or is no operation harms nobody."""
    plug_in(
        tmp_path,
        "broken-things",
        "broken_things",
        "fails = broken_things:nothing_there",
        "wrong = broken_things:NUMBER",
        "exits = broken_exit:ANYTHING",
        "taken = broken_things:TAKEN",
        code=(
            "import dataclasses\n"
            "from penstock.operations.file_hash import OPERATION\n"
            "NUMBER = 7\n"
            "TAKEN = dataclasses.replace(OPERATION, block='FileHashCode')\n"
        ),
    )
    (tmp_path / "broken_exit.py").write_text("raise SystemExit('no\\nlicence')\n")

    rows = listed(palette, tmp_path)

    faults = {row["operation"]: row["reason"] for row in rows if not row["available"]}
    mine = [row for row in rows if row["package"] == "broken-things"]
    assert {row["version"] for row in mine} == {"0.1"}
    assert len(mine) == 4
    assert faults["exits"] == "cannot be loaded: SystemExit: no licence"
    assert faults["fails"].startswith("cannot be loaded: AttributeError: ")
    assert faults["wrong"] == "is no Operation: broken_things:NUMBER is a int"
    assert faults["FileHashCode"] == "claims the tag FileHashCode, which is built in"
    assert any(row["operation"] == "Palette" and row["available"] for row in rows)
    assert any(row["operation"] == "FileHashCode" and row["available"] for row in rows)


@pytest.mark.slow
def test_example_plugin_passes_its_own_tests(palette: Path, tmp_path: Path) -> None:
    """The tests of the example run without the engine, against the installed package."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-c", os.devnull, "--rootdir", str(tmp_path), str(EXAMPLE / "tests")),
        ],
        env={**os.environ, "PYTHONPATH": str(palette), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_plugin_serves_templates_and_jobs(palette: Path, tmp_path: Path) -> None:
    """On a server the operation has templates, single jobs, and nodes with inline params."""
    bucket = tmp_path / "bucket"
    server = Server(tmp_path, bucket.as_uri(), workers=1, environment={"PYTHONPATH": str(palette)})
    with running(server):
        cloud = Cloud(server.client())
        cloud.put("a.png", picture(32, 16))
        client = cloud.client
        template = {"Tag": "Palette", "Name": "four", "Palette": {"Colours": "4"}}
        made = client.ci_create_template(Bucket=BUCKET, Template=template)["Template"]
        job = {
            "Tag": "Palette",
            "Input": {"Object": "a.png"},
            "Operation": {"TemplateId": made["TemplateId"], "Output": target("job.png")},
        }
        (started,) = client.ci_create_media_jobs(Bucket=BUCKET, Jobs=job, Lst={}, ContentType=XML)[
            "JobsDetail"
        ]
        tree = topology(
            {"Colours": node("Palette", "flow/${InputName}.${Ext}", Colours="2")},
            {"Start": "Colours", "Colours": "End"},
        )
        batch = cloud.create_job(cloud.create_workflow(tree), {"Object": "a.png"})

        assert cloud.wait(batch)["State"] == "Success"
        wait_until(lambda: cloud.keys("job.png") == ["job.png"], "the single job's result")
        execution = cloud.only_execution(batch)

    assert started["Tag"] == "Palette"
    found = as_list(tasks(execution)["Colours"]["PaletteResult"]["Colour"])
    assert len(found) == 2
    assert (bucket / "flow/a.png").exists()
