"""`penstock run`: outputs, exit codes, reports, plans, and going on after any interruption."""

import csv
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.inventories import MANIFEST, Row, cos_inventory
from tests.e2e.media import look, picture
from tests.e2e.runs import SLOW, SMALL, Run, summary
from tests.e2e.servers import s3_environment, s3_url
from tests.storage.servers import S3Server

GOING_ON = "going on where it stopped"
MANY = 120


def fill(folder: Path, *names: str) -> Path:
    """A folder with a small picture under each name."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(32, 16, seed=number))
    return folder


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures that take a while, to be read only."""
    folder = tmp_path_factory.mktemp("pictures")
    content = picture(900, 900, kind="JPEG")
    for number in range(MANY):
        (folder / f"{number:04}.jpg").write_bytes(content)
    return folder


@pytest.fixture
def heard_interrupts() -> Iterator[None]:
    """Child processes hear Ctrl-C, also where the tests themselves run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def files_of(folder: Path) -> set[str]:
    """Every file below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_run_over_a_folder_makes_every_output(tmp_path: Path) -> None:
    """All objects of a folder go through the workflow: code 0, and results as they should be."""
    source = fill(tmp_path / "in", "a.png", "sub/b c.png", "sub/deep/图.png")
    run = Run(tmp_path, source, tmp_path / "out")

    ended = run()

    assert (ended.code, ended.data) == (0, "")
    assert summary(ended) == (3, 0, 0)
    assert files_of(tmp_path / "out") == {"a.png", "sub/b c.png", "sub/deep/图.png"}
    for name in files_of(tmp_path / "out"):
        assert look((tmp_path / "out" / name).read_bytes()) == ("PNG", (8, 4))
    assert files_of(source) == {"a.png", "sub/b c.png", "sub/deep/图.png"}


@pytest.mark.slow
def test_run_between_buckets_makes_every_output(s3: S3Server, tmp_path: Path) -> None:
    """What a run puts into a bucket on S3, another run takes out of it into a folder."""
    source = fill(tmp_path / "in", "a.png", "sub/b+c d.png")
    bucket = s3_url(s3, "output")
    keys = s3_environment(s3)
    up, down = (tmp_path / "up", tmp_path / "down")
    for folder in (up, down):
        folder.mkdir()

    sent = Run(up, source, bucket, environment=keys)()
    fetched = Run(down, bucket, tmp_path / "out", "--prefix", "sub/", environment=keys)()

    assert (sent.code, summary(sent)) == (0, (2, 0, 0)), sent
    assert (fetched.code, summary(fetched)) == (0, (1, 0, 0)), fetched
    assert files_of(tmp_path / "out") == {"sub/b+c d.png"}
    made = (tmp_path / "out/sub/b+c d.png").read_bytes()
    assert look(made) == ("PNG", (8, 4))


def test_run_with_a_broken_object_ends_with_1_and_reports(tmp_path: Path) -> None:
    """Some objects failed: code 1, the failure is named, and reports have a line an object."""
    source = fill(tmp_path / "in", "good.png", "worse/good.png")
    (source / "broken.png").write_bytes(b"no picture")
    (source / "notes.txt").write_bytes(b"not a picture, and not to be one")
    lines, table = tmp_path / "report.jsonl", tmp_path / "report.csv"

    first = Run(tmp_path, source, tmp_path / "out", "--report", lines)()
    second = Run(tmp_path, source, tmp_path / "out", "--report", table)()

    for ended in (first, second):
        assert ended.code == 1
        assert summary(ended) == (2, 1, 1)
        assert "failed: broken.png: ResourceNotSupported" in ended.prose
    told = {line["key"]: line for line in map(json.loads, lines.read_text().splitlines())}
    assert {key: line["state"] for key, line in told.items()} == {
        "broken.png": "Failed",
        "good.png": "Success",
        "notes.txt": "Skipped",
        "worse/good.png": "Success",
    }
    size = (tmp_path / "out/worse/good.png").stat().st_size
    output = {"node": "small", "key": "worse/good.png", "size_bytes": size}
    assert told["worse/good.png"]["outputs"] == [output]
    assert told["broken.png"]["outputs"] == []
    assert "broken.png" in told["broken.png"]["message"]
    with table.open(newline="") as file:
        rows = {row["key"]: row for row in csv.DictReader(file)}
    assert rows.keys() == told.keys()
    for key, row in rows.items():
        assert (row["state"], row["code"]) == (told[key]["state"], told[key]["code"])
    assert rows["worse/good.png"]["outputs"] == "worse/good.png"


@pytest.mark.parametrize(
    ("workflow", "place", "word"),
    [
        ("name: x\nnodes:\n  a:\n    type: Nonsense\n", "4:11", "Nonsense"),
        ("name: x\nnodes:\n  a: [unclosed\n", "4:1", "expected"),
    ],
    ids=["unknown type", "no YAML"],
)
def test_run_names_the_place_of_a_fault(
    tmp_path: Path, workflow: str, place: str, word: str
) -> None:
    """A fault of the workflow file is told with file, line and column: code 2."""
    ended = Run(tmp_path, fill(tmp_path / "in", "a.png"), tmp_path / "out", workflow=workflow)()

    assert ended.code == 2
    assert f"{tmp_path / 'workflow.yaml'}:{place}: " in ended.prose
    assert word in ended.prose
    assert "Traceback" not in ended.prose


def test_run_refuses_bad_usage(tmp_path: Path) -> None:
    """Every option that makes no sense is named at once: code 2, and nothing is made."""
    options = ("--modified-after", "yesterday", "--prefix", "a", "--object", "b")

    ended = Run(tmp_path, tmp_path / "nowhere", tmp_path / "out", *options)()

    assert ended.code == 2
    assert "--modified-after" in ended.prose
    assert "Input must have exactly one" in ended.prose
    assert str(tmp_path / "nowhere") in ended.prose
    assert {path.name for path in tmp_path.iterdir()} <= {"workflow.yaml", "data"}


@pytest.mark.parametrize("options", [("--nonsense",), ("--workers", "0")])
def test_run_refuses_unknown_options(tmp_path: Path, options: tuple[str, ...]) -> None:
    """An option that there is not, or a value out of bounds, is named: code 2."""
    ended = Run(tmp_path, fill(tmp_path / "in", "a.png"), tmp_path / "out", *options)()

    assert ended.code == 2
    assert options[0] in ended.prose


def test_run_that_cannot_be_carried_out_ends_with_3(tmp_path: Path) -> None:
    """A missing inventory fails the job itself: code 3, with the reason."""
    source = fill(tmp_path / "in", "a.png")

    ended = Run(tmp_path, source, tmp_path / "out", "--manifest", "none.json")()

    assert ended.code == 3
    assert "ResourceNotFound" in ended.prose
    assert "none.json" in ended.prose


@pytest.mark.slow
def test_run_over_an_inventory_takes_its_rows(tmp_path: Path) -> None:
    """An inventory in the folder decides which objects are taken."""
    source = fill(tmp_path / "in", "a b.png", "c.png", "d.png")
    for key, content in cos_inventory("list", [[Row("a b.png")], [Row("d.png")]]).items():
        (source / key).parent.mkdir(parents=True, exist_ok=True)
        (source / key).write_bytes(content.replace(b'"demo"', b'"input"'))

    ended = Run(tmp_path, source, tmp_path / "out", "--manifest", f"list/{MANIFEST}")()

    assert (ended.code, summary(ended)) == (0, (2, 0, 0)), ended
    assert files_of(tmp_path / "out") == {"a b.png", "d.png"}


@pytest.mark.slow
def test_dry_run_is_the_plan_that_is_run(tmp_path: Path) -> None:
    """A dry run lists the objects and makes nothing; the run then takes exactly these."""
    source = fill(tmp_path / "in", "a.png", "b.png")
    run = Run(tmp_path, source, tmp_path / "out")

    planned = run("--dry-run")
    made_by_plan = files_of(tmp_path / "out")
    fill(source, "late.png")
    ended = run()

    assert (planned.code, planned.data.splitlines()) == (0, ["a.png", "b.png"])
    assert "2 objects" in planned.prose
    assert made_by_plan == set()
    assert (ended.code, summary(ended)) == (0, (2, 0, 0))
    assert files_of(tmp_path / "out") == {"a.png", "b.png"}
    assert run.jobs() == ["Success"]


@pytest.mark.slow
def test_same_command_after_the_end_starts_anew(tmp_path: Path) -> None:
    """When a run has ended, the same command takes the folder as it is now."""
    source = fill(tmp_path / "in", "a.png")
    run = Run(tmp_path, source, tmp_path / "out")

    first = run()
    fill(source, "b.png")
    second = run()

    assert (first.code, second.code) == (0, 0)
    assert (summary(first), summary(second)) == ((1, 0, 0), (2, 0, 0))
    assert GOING_ON not in second.prose
    assert run.jobs() == ["Success", "Success"]


@pytest.mark.slow
@pytest.mark.parametrize("output", ["in/out", "in"], ids=["below the input", "the input itself"])
def test_run_does_not_take_up_its_own_results(tmp_path: Path, output: str) -> None:
    """Results within the input folder are not objects of this run, nor of the next."""
    source = fill(tmp_path / "in", "a.png", "b.png")
    workflow = SMALL.replace("${InputName}", "${InputName}.small")
    run = Run(tmp_path, source, tmp_path / output, workflow=workflow)
    made = {"a.small.png", "b.small.png"}
    prefix = "out/" if output == "in/out" else ""

    ended = run()

    assert (ended.code, summary(ended)) == (0, (2, 0, 0))
    assert files_of(source) == {"a.png", "b.png"} | {f"{prefix}{name}" for name in made}
    if prefix:
        assert summary(run()) == (2, 0, 0)


@pytest.mark.slow
@pytest.mark.usefixtures("heard_interrupts")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_run_goes_on_after_an_interruption(
    pictures: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """Interrupted half way, the same command goes on, and in the end all is there once."""
    output, report = tmp_path / "out", tmp_path / "report.jsonl"
    run = Run(tmp_path, pictures, output, "--report", report, workflow=SLOW)

    broken_off = run.interrupt(number, output)
    assert broken_off.code == (130 if number is signal.SIGINT else -signal.SIGKILL)
    assert 0 < len(list(output.glob("*.png"))) < MANY
    assert not report.exists()
    ended = run()

    assert ended.code == 0, ended
    assert GOING_ON in ended.prose
    assert summary(ended) == (MANY, 0, 0)
    assert {path.name for path in output.glob("*.png")} == {
        f"{name:04}.png" for name in range(MANY)
    }
    for path in output.glob("*.png"):
        assert look(path.read_bytes()) == ("PNG", (16, 16))
    told = [json.loads(line)["key"] for line in report.read_text().splitlines()]
    assert sorted(told) == [f"{name:04}.jpg" for name in range(MANY)]
    assert run.recorded() == {"Success": MANY}
    assert run.jobs() == ["Success"]


@pytest.mark.slow
def test_run_finds_its_state_without_being_told_where(pictures: Path, tmp_path: Path) -> None:
    """Without --data, the state of an interrupted run is found by its command line."""
    output = tmp_path / "out"
    run = Run(tmp_path, pictures, output, workflow=SLOW, has_data=False)

    run.interrupt(signal.SIGKILL, output)
    ended = run()

    assert (ended.code, summary(ended)) == (0, (MANY, 0, 0))
    assert GOING_ON in ended.prose
    assert not run.data.exists()
