"""`penstock bench operations`: runs both sides, tells their ratio, counts downloads."""

import re
from http.client import HTTPConnection
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from penstock.cli.app import app
from penstock.cli.bench_downloads import counting_store
from penstock.cli.bench_jobs import Taken, cpu_seconds
from penstock.cli.bench_pictures import make_pictures
from tests.operations.image_fixtures import quarters


@pytest.mark.slow
def test_bench_operations_prints_its_figures(tmp_path: Path) -> None:
    """A small run ends well, with every figure; no execution downloads its source twice."""
    (tmp_path / "photographs").mkdir()
    quarters(640, 480).save(tmp_path / "photographs" / "photo.JPG")
    sizes = "--pictures 12 --films 2 --film-seconds 1 --turns 1 --workers 2".split()
    options = [*sizes, "--photographs", str(tmp_path / "photographs")]

    done = CliRunner().invoke(app, ["bench", "operations", *options])

    assert done.exit_code == 0, done.output
    lines = dict(re.findall(r"^ *(.*?) {2,}(.*)$", done.stdout, re.MULTILINE))
    assert lines["thumbnails"] == "12 a turn, 1 turns"
    assert lines["films"] == "2 of 1 s a turn, 1 turns"
    assert {"Penstock", "libvips", "ffmpeg", "ratio", "ratio of processor time"} <= lines.keys()
    assert float(lines["ratio"]) > 0
    assert [lines[f"downloads for {nodes} nodes"] for nodes in (1, 2, 4)] == ["1", "1", "1"]


def test_made_pictures_have_twelve_megapixels(tmp_path: Path) -> None:
    """Where no photographs are named, pictures as large as a camera's are made."""
    make_pictures(tmp_path / "in", 2)

    found = sorted((tmp_path / "in").iterdir())
    assert [path.name for path in found] == ["IMG_000000.jpg", "IMG_000001.jpg"]
    for path in found:
        with Image.open(path) as image:
            assert image.size == (4000, 3000)
    assert found[0].read_bytes() != found[1].read_bytes()


def test_store_counts_what_is_asked_for(tmp_path: Path) -> None:
    """The store behind the count of downloads counts each request, by method and key."""
    (tmp_path / "a b.txt").write_bytes(b"abc")
    with counting_store(tmp_path) as store:
        connection = HTTPConnection("127.0.0.1", store.server_address[1])

        connection.request("GET", "/counted/a%20b.txt")
        content = connection.getresponse().read()
        connection.close()

    assert content == b"abc"
    assert store.asked == {("GET", "a b.txt"): 1}


def test_processor_time_grows_with_work() -> None:
    """Processor time of this process is seen, and the better of two figures is the smaller."""
    before = cpu_seconds()
    sum(number * number for number in range(3_000_000))

    assert cpu_seconds() > before
    assert Taken(2.0, 1.0).better_of(Taken(1.0, 3.0)) == Taken(1.0, 1.0)
