import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import MasterKeyError
from penstock.state.sealing import MASTER_KEY_BYTES, Sealer

MASTER_KEY = bytes(range(MASTER_KEY_BYTES))


@given(secret=st.text(st.characters(codec="utf-8")), name=st.text(st.characters(codec="utf-8")))
def test_sealed_secret_opens_under_its_name(secret: str, name: str) -> None:
    """What was sealed comes back, also with another instance of the same master key."""
    sealed = Sealer(MASTER_KEY, os.urandom).seal(secret, name)

    assert Sealer(MASTER_KEY, os.urandom).open(sealed, name) == secret


def test_sealed_secret_cannot_be_read_and_differs_each_time() -> None:
    """The same secret, sealed twice, gives two texts, and neither has it in plain."""
    sealer = Sealer(MASTER_KEY, os.urandom)

    first, second = sealer.seal("secret", "AKID"), sealer.seal("secret", "AKID")

    assert first != second
    assert b"secret" not in first


@pytest.mark.parametrize("flaw", ["other key", "other name", "changed", "cut", "empty"])
def test_sealed_secret_opens_under_nothing_else(flaw: str) -> None:
    """Another master key, another name, and damage are told as what they are."""
    sealed = Sealer(MASTER_KEY, os.urandom).seal("secret", "AKID1")
    other = Sealer(bytes(MASTER_KEY_BYTES), os.urandom)
    sealer = other if flaw == "other key" else Sealer(MASTER_KEY, os.urandom)
    damaged = {"changed": sealed[:-1] + bytes([sealed[-1] ^ 1]), "cut": sealed[:15], "empty": b""}

    with pytest.raises(MasterKeyError, match="another master key"):
        sealer.open(damaged.get(flaw, sealed), "AKID2" if flaw == "other name" else "AKID1")
