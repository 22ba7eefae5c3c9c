from pathlib import Path

import pytest

from penstock.domain.errors import (
    AttemptCancelledError,
    InvalidParamsError,
    ObjectNotFoundError,
    OperationTimeoutError,
    StoreError,
)
from penstock.domain.selection import ObjectInfo
from penstock.engine.control import Control
from penstock.engine.workspace import (
    Destination,
    NodeInput,
    NodeResults,
    NodeWorkspace,
    SourceObject,
)
from penstock.operations.base import Limits
from penstock.storage.folder import FolderStore
from tests.engine.bench import put
from tests.engine.stores import FarStore, TruncatingStore
from tests.factories import BUCKET

PATTERNS = {"Object": "out/${InputName}-${Number}.${Ext}", "SpriteObject": "out/s-${Time}.${Ext}"}


class Bay:
    """Makes workspaces over one source object."""

    def __init__(self, store: FolderStore, scratch: Path, key: str = "in/a.bin") -> None:
        self.store = store
        self.source = SourceObject(store, ObjectInfo(key), scratch)
        self.results = NodeResults(names=dict)
        self.fractions: list[float] = []
        self.is_cancelled = False
        self.control = Control(
            limits=Limits(seconds=60.0),
            bucket=BUCKET,
            is_cancelled=lambda: self.is_cancelled,
            report=self.fractions.append,
        )

    def workspace(
        self, node_input: NodeInput | None = None, patterns: dict[str, str] | None = None
    ) -> NodeWorkspace:
        """A node's window on the source, or on what a node before it published."""
        return NodeWorkspace(
            self.source,
            node_input or NodeInput(key=self.source.listed.key),
            Destination(
                store=self.store,
                bucket=BUCKET,
                patterns=PATTERNS if patterns is None else patterns,
                is_source=True,
                takes=lambda _found: False,
            ),
            self.results,
            self.control,
        )


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """A bucket with two objects."""
    put(tmp_path / "bucket", "in/a.bin", "side/b.bin")
    return tmp_path / "bucket"


@pytest.fixture
def bay(bucket: Path, scratch: Path) -> Bay:
    """Workspaces over a far store."""
    return Bay(FarStore(bucket), scratch)


def file_in(workspace: NodeWorkspace, name: str = "result", content: bytes = b"made") -> Path:
    """A finished file in a node's scratch folder."""
    path = workspace.scratch / name
    path.write_bytes(content)
    return path


def test_workspace_gives_a_near_object_where_it_lies(bucket: Path, scratch: Path) -> None:
    """An object of a folder is read in place, with the tag and time of its file."""
    bay = Bay(FolderStore(bucket), scratch)
    workspace = bay.workspace()

    assert workspace.fetch() == bucket / "in/a.bin"
    assert workspace.etag() == bay.store.head("in/a.bin").etag == bay.source.version
    assert workspace.modified_ms() == bay.store.head("in/a.bin").modified_ms
    assert list(scratch.iterdir()) == []


def test_workspace_keeps_the_extension_of_a_download(bay: Bay) -> None:
    """Programs that go by the name of a file see the right ending."""
    path = bay.workspace().fetch()

    assert path.suffix == ".bin"
    assert path.read_bytes() == b"abc"


def test_workspace_refuses_a_download_that_ends_early(bucket: Path, scratch: Path) -> None:
    """A file that is shorter than the store said is no input; it may be tried again."""
    bay = Bay(TruncatingStore(bucket), scratch)

    with pytest.raises(StoreError, match="2 of 3 bytes"):
        bay.workspace().fetch()


def test_workspace_stops_a_download_that_is_cancelled(bay: Bay) -> None:
    """A download asks between its blocks whether to go on."""
    bay.is_cancelled = True

    with pytest.raises(AttemptCancelledError):
        bay.workspace().fetch()


@pytest.mark.parametrize("name", ["side/b.bin", f"https://{BUCKET}.cos.x.myqcloud.com/side/b.bin"])
def test_workspace_gives_another_object_of_the_bucket(bay: Bay, name: str) -> None:
    """A side input is named by key or URL, and fetched once for all nodes."""
    first = bay.workspace().fetch_other(name)
    again = bay.workspace().fetch_other(name)

    assert first == again
    assert first.read_bytes() == b"abc"


def test_workspace_refuses_an_object_of_another_bucket(bay: Bay) -> None:
    """A URL of somewhere else is a fault of the params; a missing key is not found."""
    with pytest.raises(InvalidParamsError):
        bay.workspace().fetch_other("https://elsewhere.example.com/x")
    with pytest.raises(ObjectNotFoundError):
        bay.workspace().fetch_other("gone.bin")


def test_workspace_lends_another_object_for_a_moment(bay: Bay, scratch: Path) -> None:
    """What was downloaded to be lent is gone afterwards."""
    workspace = bay.workspace()

    with workspace.borrow_other("side/b.bin") as (found, path):
        content = path.read_bytes()
        assert path.is_relative_to(scratch)

    assert (found.key, content) == ("side/b.bin", b"abc")
    assert not path.exists()


def test_workspace_lends_a_near_object_where_it_lies(bucket: Path, scratch: Path) -> None:
    """A folder's own file is lent as it is, and stays."""
    workspace = Bay(FolderStore(bucket), scratch).workspace()

    with workspace.borrow_other("side/b.bin") as (found, path):
        assert path == bucket / "side/b.bin"

    assert path.exists()
    assert found.size_bytes == path.stat().st_size


def test_workspace_lends_nothing_of_another_bucket(bay: Bay) -> None:
    """A URL has to be one of the job's bucket."""
    with pytest.raises(InvalidParamsError):
        bay.workspace().borrow_other("https://other-1250000000.cos.r.myqcloud.com/side/b.bin")


def test_workspace_lists_the_bucket(bay: Bay) -> None:
    """Objects are listed by prefix."""
    keys = [found.key for found in bay.workspace().list_objects("s")]

    assert keys == ["side/b.bin"]


def test_workspace_publishes_under_any_key(bay: Bay, bucket: Path) -> None:
    """An operation may choose keys itself, but never that of the source."""
    workspace = bay.workspace(patterns={})
    path = file_in(workspace)

    made = workspace.publish_as(path, "any/where.txt")

    assert (made.key, made.bucket, made.target) == ("any/where.txt", BUCKET, "Object")
    assert (bucket / "any/where.txt").read_bytes() == b"made"
    assert workspace.is_source_bucket
    with pytest.raises(InvalidParamsError, match="source"):
        workspace.publish_as(path, "in/a.bin")


def test_workspace_of_a_result_reads_that_result(bay: Bay, tmp_path: Path) -> None:
    """Behind another node the input is its file, which no store has a tag for."""
    made = tmp_path / "made.jpg"
    made.write_bytes(b"x")
    workspace = bay.workspace(NodeInput(key="out/made.jpg", path=made))

    assert workspace.key == "out/made.jpg"
    assert workspace.fetch() == made
    assert workspace.etag() == ""
    assert workspace.modified_ms() == made.stat().st_mtime_ns // 1_000_000


def test_workspace_publishes_under_the_pattern(bay: Bay, bucket: Path) -> None:
    """Number, time and extension go into the key; the output tells where it came from."""
    workspace = bay.workspace()

    first = workspace.publish(file_in(workspace), extension="jpg", number=3)
    second = workspace.publish(
        file_in(workspace, "sprite"), extension="png", time_ms=1500, target="SpriteObject"
    )

    assert (first.bucket, first.key, first.target) == (BUCKET, "out/a-3.jpg", "Object")
    assert (first.size_bytes, first.input_key) == (4, "in/a.bin")
    assert (second.key, second.target) == ("out/s-1500.png", "SpriteObject")
    assert (bucket / "out/a-3.jpg").read_bytes() == b"made"


def test_workspace_names_the_stem_that_publish_will_use(bay: Bay) -> None:
    """Files that belong to an output can be named after it before it is there."""
    workspace = bay.workspace(patterns={"Object": "out/${InputName}.${Ext}"})

    stem = workspace.output_stem(extension="m3u8")
    sidecar = workspace.put_sidecar(file_in(workspace), f"{stem}_0.ts")
    output = workspace.publish(file_in(workspace), extension="m3u8")

    assert sidecar == "out/a_0.ts"
    assert output.key == "out/a.m3u8"


def test_workspace_names_the_stem_of_a_second_result(bay: Bay) -> None:
    """Where a key is taken the stem is that of the key that is free."""
    patterns = {"Object": "out/all.${Ext}"}
    first = bay.workspace(patterns=patterns)
    first.publish(file_in(first), extension="m3u8")

    second = bay.workspace(patterns=patterns)
    stem = second.output_stem(extension="m3u8")
    output = second.publish(file_in(second), extension="m3u8")

    assert output.key == f"out/{stem}.m3u8"
    assert stem == "all_1"


def test_workspace_needs_a_pattern_to_publish(bay: Bay) -> None:
    """An operation that makes something needs to be told where it goes."""
    workspace = bay.workspace(patterns={})

    with pytest.raises(InvalidParamsError, match=r"Output\.Object must be given"):
        workspace.publish(file_in(workspace), extension="jpg")


def test_workspace_publishes_nothing_when_it_is_cancelled(bay: Bay, bucket: Path) -> None:
    """A cancelled attempt leaves no output behind."""
    workspace = bay.workspace()
    path = file_in(workspace)
    bay.is_cancelled = True

    with pytest.raises(AttemptCancelledError):
        workspace.publish(path, extension="jpg")

    assert workspace.is_cancelled()
    assert not (bucket / "out").exists()


def test_workspace_is_out_of_time_behind_its_limit() -> None:
    """A node that takes longer than its limit stops at the next checkpoint; others do not."""
    control = Control(limits=Limits(seconds=-1.0))

    control.checkpoint()
    control.begin()
    with pytest.raises(OperationTimeoutError):
        control.checkpoint()
    assert control.is_over()
    control.end()
    control.checkpoint()
    assert not control.is_over()


def test_workspace_passes_on_how_much_is_done(bay: Bay) -> None:
    """What an operation reports reaches whoever runs it."""
    bay.workspace().report(0.5)

    assert bay.fractions == [0.5]
