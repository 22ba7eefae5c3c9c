"""A folder as an object store: the contract, and what is special about folders."""

import os
import stat
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.domain.errors import (
    KeyNotStorableError,
    ObjectNotFoundError,
    StoreAccessDeniedError,
    StoreError,
)
from penstock.storage.base import ObjectStore
from penstock.storage.folder import FolderStore
from tests.storage.contract import ObjectStoreContract
from tests.storage.objects import get, list_keys, put

PARTIAL = ".penstock-partial"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of the bucket; not made yet."""
    folder = tmp_path / "bucket"
    folder.mkdir()
    return folder


@pytest.fixture
def store(root: Path) -> FolderStore:
    """An empty bucket."""
    return FolderStore(root)


class TestFolderContract(ObjectStoreContract):
    """The contract over a local folder."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        """An empty bucket."""
        folder = tmp_path / "contract"
        folder.mkdir()
        return FolderStore(folder)


def test_undecodable_name_is_a_key(root: Path, store: FolderStore) -> None:
    """A name that is not UTF-8 is listed, read and deleted through surrogate escapes."""
    (Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9"))).write_bytes(b"latin")

    [key] = list_keys(store)

    assert key == "caf\udce9"
    assert get(store, key) == b"latin"
    store.delete(key)
    assert list_keys(store) == []


def test_escapes_that_spell_another_key_are_refused(store: FolderStore) -> None:
    """Escaped bytes that are valid UTF-8 together would name a file twice."""
    put(store, "é")

    with pytest.raises(KeyNotStorableError):
        store.head("\udcc3\udca9")


@pytest.mark.parametrize(
    "key", ["../outside", "a/../../outside", "/etc/passwd", "a\0b", "n" * 256, f"{PARTIAL}/x"]
)
def test_key_never_leaves_the_root(root: Path, store: FolderStore, key: str) -> None:
    """Keys that point elsewhere are refused, and nothing is written anywhere."""
    before = sorted(root.parent.rglob("*"))

    with pytest.raises(KeyNotStorableError):
        put(store, key)

    assert sorted(root.parent.rglob("*")) == before
    assert store.local_path(key) is None


def test_file_in_the_way_is_a_key_that_cannot_be_stored(store: FolderStore) -> None:
    """A folder cannot hold both `a` and `a/b`; the second one is refused."""
    put(store, "a")
    put(store, "b/c")

    with pytest.raises(KeyNotStorableError):
        put(store, "a/b")
    with pytest.raises(KeyNotStorableError):
        put(store, "b")

    with pytest.raises(ObjectNotFoundError):
        store.head("a/b")
    store.delete("a/b")
    store.delete("b")

    assert list_keys(store) == ["a", "b/c"]


def test_empty_folder_is_nothing(root: Path, store: FolderStore) -> None:
    """Empty folders are not listed, not found, and give way to an object."""
    (root / "empty").mkdir()

    assert list_keys(store) == []
    with pytest.raises(ObjectNotFoundError):
        store.head("empty")
    put(store, "empty")
    assert get(store, "empty") == b"content"


def test_delete_removes_emptied_folders(root: Path, store: FolderStore) -> None:
    """With its last object a folder goes, so that its name is free for an object."""
    put(store, "a/b/c")
    put(store, "a/d")

    store.delete("a/b/c")
    assert sorted(path.name for path in (root / "a").iterdir()) == ["d"]
    store.delete("a/d")

    assert not (root / "a").exists()
    assert root.exists()


def test_link_to_a_file_is_an_object(root: Path, store: FolderStore, tmp_path: Path) -> None:
    """Links to files are listed with the file's size, read, replaced and deleted as objects."""
    target = tmp_path / "target"
    target.write_bytes(b"linked")
    (root / "link").symlink_to(target)

    [found] = store.list_objects()

    assert (found.key, found.size_bytes) == ("link", 6)
    assert get(store, "link") == b"linked"
    put(store, "link", b"own")
    assert get(store, "link") == b"own"
    assert target.read_bytes() == b"linked"


def test_broken_link_is_listed_and_not_found(root: Path, store: FolderStore) -> None:
    """A broken link is not silently skipped: it fails when it is read."""
    (root / "broken").symlink_to(root / "nowhere")
    (root / "loop").symlink_to(root / "loop")

    assert [(found.key, found.size_bytes) for found in store.list_objects()] == [
        ("broken", -1),
        ("loop", -1),
    ]
    for key in ("broken", "loop"):
        with pytest.raises(ObjectNotFoundError):
            store.open(key)


def test_link_to_a_folder_is_not_followed(root: Path, store: FolderStore, tmp_path: Path) -> None:
    """Neither listing nor reading nor writing goes through a link to a folder."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (root / "way").symlink_to(outside)

    assert list_keys(store) == []
    assert list_keys(store, "way/") == []
    with pytest.raises(KeyNotStorableError):
        store.open("way/secret")
    with pytest.raises(KeyNotStorableError):
        put(store, "way/new")
    with pytest.raises(KeyNotStorableError):
        put(store, "way/deep/new")
    store.delete("way/secret")
    assert sorted(path.name for path in outside.iterdir()) == ["secret"]


def test_special_file_is_no_object(root: Path, store: FolderStore) -> None:
    """A named pipe is neither listed nor opened, and nobody waits for its writer."""
    os.mkfifo(root / "pipe")

    assert list_keys(store) == []
    with pytest.raises(ObjectNotFoundError):
        store.open("pipe")
    with pytest.raises(ObjectNotFoundError):
        store.head("pipe")


def test_missing_root_is_an_error_of_the_listing(tmp_path: Path) -> None:
    """A mistyped folder is not an empty bucket; the first put makes it."""
    store = FolderStore(tmp_path / "not" / "yet")

    with pytest.raises(StoreError):
        list(store.list_objects())
    with pytest.raises(ObjectNotFoundError):
        store.head("k")
    put(store, "k")

    assert list_keys(store) == ["k"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every folder")
def test_unreadable_folder_is_raised(root: Path, store: FolderStore) -> None:
    """A folder that may not be read is an error, never skipped."""
    put(store, "a/b")
    (root / "a").chmod(0)

    try:
        with pytest.raises(StoreAccessDeniedError):
            list(store.list_objects())
        with pytest.raises(StoreAccessDeniedError):
            store.head("a/b")
    finally:
        (root / "a").chmod(0o700)


def test_path_over_the_limit_of_the_system_is_refused(store: FolderStore) -> None:
    """A path may be too long although each of its names is not."""
    with pytest.raises(KeyNotStorableError):
        put(store, "/".join(["n" * 200] * 30))
    with pytest.raises(ObjectNotFoundError):
        store.head("/".join(["n" * 200] * 30))


def test_listing_bounds_may_be_any_text(store: FolderStore) -> None:
    """A prefix or bound that no key can have finds what sorts there, without an error."""
    put(store, "k")

    assert list_keys(store, "\ud800") == []
    assert list_keys(store, start_after="\ud800") == []
    assert list_keys(store, "a\0/b") == []
    assert list_keys(store, "a//b") == []
    assert list_keys(store, "k/") == []


def test_start_after_does_not_read_what_it_skips(root: Path, store: FolderStore) -> None:
    """Whole folders before the bound are never opened: one that vanished is not missed."""
    put(store, "a/1")
    put(store, "b/1")
    put(store, "b/2")
    opened: list[bytes] = []
    scandir = os.scandir

    def record(path: bytes) -> "os._ScandirIterator[bytes]":
        opened.append(path)
        return scandir(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", record)
        keys = list_keys(store, start_after="b/1")

    assert keys == ["b/2"]
    assert opened == [os.fsencode(root) + b"/", os.fsencode(root) + b"/b/"]


def test_file_that_vanishes_while_listing_is_left_out(root: Path, store: FolderStore) -> None:
    """A listing goes on when a file or folder is removed under it."""
    for key in ("a", "b", "c/d", "e"):
        put(store, key)

    listing = store.list_objects()
    first = next(listing).key
    (root / "b").unlink()
    store.delete("c/d")

    assert [first, *(found.key for found in listing)] == ["a", "e"]


def test_file_changed_in_place_gets_another_tag(root: Path, store: FolderStore) -> None:
    """The noted MD5 holds only for the content that it was made of."""
    put(store, "k", b"one")
    noted = store.head("k").etag

    (root / "k").write_bytes(b"two")
    os.utime(root / "k", ns=(1, 1))

    changed = store.head("k").etag
    assert changed != noted
    assert "-" in changed
    assert store.head("k").etag == changed


def test_foreign_file_has_a_stable_tag(root: Path, store: FolderStore) -> None:
    """A file that others wrote has a tag of its own, which lists and reads agree on."""
    (root / "k").write_bytes(b"x")

    with closing(store.open("k")) as reader:
        assert reader.found.etag == store.head("k").etag
        assert reader.content_type == ""


def test_stored_file_obeys_the_umask(root: Path, store: FolderStore) -> None:
    """Objects get the permissions of any new file, not those of a temporary one."""
    (root / "plain").touch()

    put(store, "k")

    assert stat.S_IMODE((root / "k").stat().st_mode) == stat.S_IMODE(
        (root / "plain").stat().st_mode
    )


def test_file_that_shrinks_while_it_is_read_is_an_error(root: Path, store: FolderStore) -> None:
    """A short read is never taken for the end of the object."""
    put(store, "k", b"x" * 100)

    with closing(store.open("k")) as reader:
        os.truncate(root / "k", 10)
        with pytest.raises(StoreError):
            reader.read()


def test_missing_source_file_is_an_error_of_ours(store: FolderStore, tmp_path: Path) -> None:
    """Nothing of the operating system's errors escapes."""
    with pytest.raises(StoreError):
        store.put_file("k", tmp_path / "absent")


SEGMENT = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=6
).filter(lambda segment: segment not in {".", "..", PARTIAL})
SEGMENTS = st.one_of(
    st.sampled_from(["a", "a-", "a.", "a0", "ab", "b", "é", "\uffff", "😀"]), SEGMENT
)
KEYS = st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(keys=st.lists(KEYS, max_size=12), prefix=KEYS | st.just(""), after=KEYS | st.just(""))
def test_listing_equals_the_sorted_keys(
    tmp_path_factory: pytest.TempPathFactory, keys: list[str], prefix: str, after: str
) -> None:
    """For any tree, prefix and bound, a listing is the sorted keys cut to them."""
    root = tmp_path_factory.mktemp("tree")
    stored = set()
    for key in keys:
        path = root / key
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("ab").close()
        except OSError:  # a file is in the way of a folder, or the other way round
            continue
        stored.add(key)
    expected = sorted(
        (key for key in stored if key.startswith(prefix) and key.encode() > after.encode()),
        key=str.encode,
    )

    assert list_keys(FolderStore(root), prefix, start_after=after) == expected
