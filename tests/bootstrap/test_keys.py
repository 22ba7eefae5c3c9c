import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from penstock.bootstrap.databases import open_keys
from penstock.bootstrap.keys import find_root_key, open_sealer, root_key
from penstock.domain.errors import InvalidArgumentError, MasterKeyError
from penstock.settings import read_settings

MASTER_KEY = "0f" * 32


def test_root_key_is_made_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    """The first start makes the root key; later ones find it, and nobody else can read it."""
    settings = read_settings(data=tmp_path)
    assert find_root_key(settings) is None

    first, second = root_key(settings), root_key(settings)

    assert (first.is_new, second.is_new) == (True, False)
    assert (second.secret_id, second.secret_key) == (first.secret_id, first.secret_key)
    assert find_root_key(settings) == second
    assert {path.name for path in tmp_path.iterdir()} == {"root-key.json"}
    assert stat.S_IMODE((tmp_path / "root-key.json").stat().st_mode) == 0o600
    assert first.secret_key not in repr(first)


def test_root_key_of_the_settings_is_not_kept(tmp_path: Path) -> None:
    """A root key that was given needs no file; half of one is a fault."""
    given = read_settings(data=tmp_path, secret_id="me", secret_key="secret")
    half = read_settings(data=tmp_path, secret_id="me")

    assert root_key(given).secret_key == "secret"
    with pytest.raises(InvalidArgumentError, match="set both"):
        root_key(half)
    assert list(tmp_path.iterdir()) == []


def test_master_key_is_made_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    """What was sealed before a restart opens after it."""
    settings = read_settings(data=tmp_path)

    sealed = open_sealer(settings).seal("secret", "AKID")

    assert open_sealer(settings).open(sealed, "AKID") == "secret"
    assert {path.name for path in tmp_path.iterdir()} == {"master-key"}
    assert stat.S_IMODE((tmp_path / "master-key").stat().st_mode) == 0o600


def test_master_key_of_the_settings_wins(tmp_path: Path) -> None:
    """A master key that was given is used in place of the one in the data folder."""
    own = read_settings(data=tmp_path)
    given = read_settings(data=tmp_path, master_key=MASTER_KEY)
    sealed = open_sealer(own).seal("secret", "AKID")

    with pytest.raises(MasterKeyError):
        open_sealer(given).open(sealed, "AKID")
    again = open_sealer(given).seal("secret", "AKID")
    assert open_sealer(given).open(again, "AKID") == "secret"


@pytest.mark.parametrize("text", ["", "0f0f", "zz" * 32])
def test_master_key_that_is_damaged_is_told(tmp_path: Path, text: str) -> None:
    """A file that holds no master key is a fault, not a reason to make another one."""
    (tmp_path / "master-key").write_text(text)

    with pytest.raises(InvalidArgumentError, match="64 hex digits"):
        open_sealer(read_settings(data=tmp_path))


def test_master_key_of_the_settings_is_checked_and_hidden(tmp_path: Path) -> None:
    """A faulty one is refused without being shown, and a good one is not shown either."""
    with pytest.raises(InvalidArgumentError, match="master_key") as caught:
        read_settings(data=tmp_path, master_key="not-so-secret")
    settings = read_settings(data=tmp_path, secret_key="hidden", master_key=MASTER_KEY)

    assert "not-so-secret" not in str(caught.value)
    assert "hidden" not in repr(settings)
    assert MASTER_KEY not in repr(settings)


def test_master_key_is_one_for_all_that_start_together(tmp_path: Path) -> None:
    """Of several processes that find no file each ends up with the same key."""
    settings = read_settings(data=tmp_path)

    with ThreadPoolExecutor(8) as pool:
        sealers = list(pool.map(open_sealer, [settings] * 8))

    sealed = sealers[0].seal("secret", "AKID")
    assert {sealer.open(sealed, "AKID") for sealer in sealers} == {"secret"}
    assert [path.name for path in tmp_path.iterdir()] == ["master-key"]


def test_keys_are_opened_in_a_data_folder_only(tmp_path: Path) -> None:
    """A folder that is none is told, unless the first key is to be made in it."""
    settings = read_settings(data=tmp_path / "new")

    with pytest.raises(InvalidArgumentError, match="no data folder"), open_keys(settings):
        pass
    assert not (tmp_path / "new").exists()
    with open_keys(settings, is_first=True) as keys:
        made = keys.make("ann")
    with open_keys(settings) as keys:
        assert [key.secret_id for key in keys.list()] == [made.secret_id]


def test_keys_know_the_root_key_of_the_data_folder(tmp_path: Path) -> None:
    """Temporary keys can be made from the root key wherever it comes from."""
    settings = read_settings(data=tmp_path)
    root = root_key(settings)
    given = read_settings(data=tmp_path, secret_id="me", secret_key="secret")

    with open_keys(settings, is_first=True) as keys:
        assert keys.make_temporary(root.secret_id, lifetime_seconds=1).token
    with open_keys(given) as keys:
        assert keys.make_temporary("me", lifetime_seconds=1).token
    assert json.loads((tmp_path / "root-key.json").read_text())["secret_id"] == root.secret_id
