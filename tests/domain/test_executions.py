import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.executions import Address
from tests.factories import make_job

ADDRESSES = st.builds(
    Address,
    job=st.integers(0, (1 << 40) - 1),
    chunk=st.integers(0, (1 << 32) - 1),
    position=st.integers(0, (1 << 24) - 1),
    node=st.integers(0, 255),
    tag=st.text("0123456789abcdef", min_size=6, max_size=6),
)


@given(address=ADDRESSES, letter=st.sampled_from("ijcdasf"))
def test_address_comes_back_from_its_id(address: Address, letter: str) -> None:
    """An id has a letter and 32 hex digits, and says where its record lies."""
    text = address.encode(letter)

    assert len(text) == 33
    assert text.startswith(letter)
    assert Address.decode(text) == address


@given(left=ADDRESSES, right=ADDRESSES)
def test_address_ids_differ_when_addresses_do(left: Address, right: Address) -> None:
    """Two addresses have one id only if they are equal."""
    assert (left.encode("i") == right.encode("i")) == (left == right)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "i",
        "i" + "0" * 31,
        "i" + "0" * 33,
        "i" + "0" * 31 + "g",
        "i" + "0" * 31 + "A",
        "i" + "0" * 31 + " ",
        "i-" + "0" * 31,
        "i" + "0" * 31 + "٣",
    ],
)
def test_address_refuses_what_is_no_id(text: str) -> None:
    """A text of another length or with other digits names nothing."""
    assert Address.decode(text) is None


@given(text=st.text(max_size=40))
def test_address_decoding_never_breaks(text: str) -> None:
    """Any text either is the id of an address or names nothing."""
    address = Address.decode(text)

    assert address is None or address.encode(text[0]) == text


def test_address_of_a_job_carries_its_tag() -> None:
    """A job's addresses carry its number and the last six digits of its id."""
    job = make_job(number=7, id="b" + "0" * 26 + "abc123")

    address = job.address(3, 5, node=2)

    assert address == Address(7, 3, 5, 2, "abc123")
