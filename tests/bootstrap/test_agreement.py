from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from penstock.bootstrap.agreement import agree_on_keys
from penstock.bootstrap.databases import adopt, open_database, open_keys
from penstock.bootstrap.keys import RootKey, find_master_key, find_root_key
from penstock.domain.errors import InvalidArgumentError
from penstock.settings import Settings, read_settings

MASTER_KEY = "0f" * 32
OTHER_MASTER_KEY = "1e" * 32


def make_settings(url: str, folder: Path, **given: Any) -> Settings:  # noqa: ANN401  # typed by Settings
    """Settings of a server on a database."""
    return read_settings(database=url, data=folder, **given)


def agree(settings: Settings) -> RootKey:
    """What a server does when it starts."""
    with closing(open_database(settings)) as database:
        return agree_on_keys(database, settings)


def test_keys_of_the_first_server_are_made_and_kept(postgres_url: str, tmp_path: Path) -> None:
    """A database without servers takes what its first one makes; a restart finds it again."""
    settings = make_settings(postgres_url, tmp_path / "new")

    first, second = agree(settings), agree(settings)

    assert (first.is_new, second.is_new) == (True, False)
    assert (first.secret_id, first.secret_key) == (second.secret_id, second.secret_key)


def test_keys_of_a_second_server_must_be_told(postgres_url: str, tmp_path: Path) -> None:
    """A server that has no keys, beside one that has, makes none and says what to set."""
    agree(make_settings(postgres_url, tmp_path / "a"))
    second = make_settings(postgres_url, tmp_path / "b")

    with pytest.raises(InvalidArgumentError, match="set PENSTOCK_MASTER_KEY"):
        agree(second)

    assert find_master_key(second) is None
    assert find_root_key(second) is None


def test_keys_of_all_servers_are_the_same(postgres_url: str, tmp_path: Path) -> None:
    """A server comes up with the keys of the others, and with no others."""
    keys = {"secret_id": "me", "secret_key": "secret", "master_key": MASTER_KEY}
    agree(make_settings(postgres_url, tmp_path / "a", **keys))

    same = agree(make_settings(postgres_url, tmp_path / "b", **keys))

    assert same.secret_id == "me"
    for change, variable in [
        ({"master_key": OTHER_MASTER_KEY}, "PENSTOCK_MASTER_KEY"),
        ({"secret_key": "another"}, "PENSTOCK_SECRET_KEY"),
        ({"secret_id": "you"}, "PENSTOCK_SECRET_ID"),
    ]:
        with pytest.raises(InvalidArgumentError, match=variable):
            agree(make_settings(postgres_url, tmp_path / "c", **{**keys, **change}))


def test_keys_that_are_kept_cannot_be_guessed_from_the_database(
    postgres_url: str, tmp_path: Path
) -> None:
    """The database holds no key, and of a weak root key nothing that the same key gives again."""
    digests = []
    for master_key in (MASTER_KEY, OTHER_MASTER_KEY):
        keys = {"secret_id": "me", "secret_key": "weak", "master_key": master_key}
        settings = make_settings(postgres_url, tmp_path, **keys)
        agree(settings)
        with closing(open_database(settings)) as database, database.write() as transaction:
            rows = transaction.execute(text("DELETE FROM agreements RETURNING digest")).all()
        digests += [row.digest for row in rows]

    assert len(set(digests)) == 4
    assert not {"weak", MASTER_KEY, OTHER_MASTER_KEY} & set(digests)


def test_keys_of_servers_that_start_together_are_the_same(
    postgres_url: str, tmp_path: Path
) -> None:
    """Of several first servers one makes the keys; the others come up with them or say so."""

    def start(number: int) -> str:
        try:
            return agree(make_settings(postgres_url, tmp_path / str(number))).secret_id
        except InvalidArgumentError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(start, range(4)))

    assert sum(word.startswith("AKID") for word in ended) == 1
    assert sum("PENSTOCK_MASTER_KEY" in word for word in ended) == 3


def test_keys_of_a_database_can_be_replaced(postgres_url: str, tmp_path: Path) -> None:
    """Once other keys are adopted, servers come up with these, and no longer with the old ones."""
    old = {"secret_id": "me", "secret_key": "old", "master_key": MASTER_KEY}
    new = {"secret_id": "me", "secret_key": "new", "master_key": OTHER_MASTER_KEY}
    agree(make_settings(postgres_url, tmp_path, **old))

    adopt(make_settings(postgres_url, tmp_path, **new))

    assert agree(make_settings(postgres_url, tmp_path, **new)).secret_key == "new"
    with pytest.raises(InvalidArgumentError, match="penstock keys adopt"):
        agree(make_settings(postgres_url, tmp_path, **old))


def test_keys_to_adopt_must_be_given(postgres_url: str, tmp_path: Path) -> None:
    """Both keys are needed, and a database that several can use."""
    with pytest.raises(InvalidArgumentError, match="PENSTOCK_MASTER_KEY and PENSTOCK_SECRET_ID"):
        adopt(make_settings(postgres_url, tmp_path))
    with pytest.raises(InvalidArgumentError, match="database"):
        adopt(read_settings(data=tmp_path))


def test_access_keys_are_sealed_under_the_key_of_the_servers_only(
    postgres_url: str, tmp_path: Path
) -> None:
    """Managing access keys with another master key is refused before it seals anything."""
    settings = make_settings(postgres_url, tmp_path / "a", master_key=MASTER_KEY)
    other = make_settings(postgres_url, tmp_path / "b", master_key=OTHER_MASTER_KEY)
    with open_keys(settings, is_first=True) as keys:
        made = keys.make("ann")

    with pytest.raises(InvalidArgumentError, match="PENSTOCK_MASTER_KEY"), open_keys(other):
        pass

    with open_keys(settings) as keys:
        assert [key.secret_id for key in keys.list()] == [made.secret_id]
