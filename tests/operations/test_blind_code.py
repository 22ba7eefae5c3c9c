"""The code of blind texts: what it repairs, and that nothing else passes for a text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.operations._blind_code import (
    LENGTHS,
    bit_count,
    gathered,
    length_for,
    most_length,
    spread,
)
from penstock.operations._reed_solomon import protect, protected_length, repair

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=256)


@given(st.binary(min_size=1, max_size=1100))
def test_protected_data_comes_back(data: bytes) -> None:
    """What is whole comes back as it was, in as many bytes as announced."""
    coded = protect(data)

    assert len(coded) == protected_length(len(data))
    assert repair(coded, len(data)) == data


@given(st.binary(min_size=1, max_size=170), st.data())
def test_a_quarter_of_the_parity_may_be_wrong(data: bytes, choice: st.DataObject) -> None:
    """Half as many bytes as there are parity bytes are repaired, wherever they are."""
    coded = bytearray(protect(data))
    parity = len(coded) - len(data)
    places = choice.draw(st.sets(st.integers(0, len(coded) - 1), max_size=parity // 2))
    for place in places:
        coded[place] ^= choice.draw(st.integers(1, 255))

    assert repair(bytes(coded), len(data)) == data


def test_every_codeword_repairs_itself() -> None:
    """Long data is several codewords, of which each has its own share of wrong bytes."""
    data = np.random.default_rng(1).bytes(1028)
    coded = bytearray(protect(data))
    for start in range(0, len(coded) - 30, 221):
        for place in range(start, start + 30):
            coded[place] ^= 255

    assert repair(bytes(coded), len(data)) == data


def test_too_much_noise_is_told() -> None:
    """What cannot be repaired is told, and never made up."""
    random = np.random.default_rng(2)
    for length in (9, 20, 132, 516):
        noise = random.bytes(protected_length(length))

        assert repair(noise, length) is None


@given(TEXTS)
def test_text_is_spread_and_gathered(text: str) -> None:
    """A text comes back out of the places that hold it, by its length alone."""
    content = text.encode()
    places = 8 * (64 if bit_count(length_for(content)) <= 512 else 4096)

    leanings = [2.0 * bit - 1 for bit in spread(content, places)]

    assert gathered(leanings, length_for(content)) == content
    for length in LENGTHS:
        if length != length_for(content) and bit_count(length) <= places:
            assert gathered(leanings, length) is None


@pytest.mark.parametrize("wrong", [0.0, 0.1, 0.2, 0.3])
def test_many_copies_outvote_wrong_ones(wrong: float) -> None:
    """Where each bit has many places, a part of them may be wrong."""
    random = np.random.default_rng(3)
    bits = spread(b"penstock 2026", 32_768)

    leanings = [(2.0 * bit - 1) * (-1 if random.random() < wrong else 1) for bit in bits]

    assert gathered(leanings, 16) == b"penstock 2026"


def test_noise_holds_no_text() -> None:
    """Out of noise, and out of nothing, no text is read."""
    random = np.random.default_rng(4)
    for places in (512, 2048, 8192):
        for leanings in (
            [0.0] * places,
            [1.0] * places,
            [float(one) for one in random.normal(size=places)],
        ):
            for length in LENGTHS:
                if bit_count(length) <= places:
                    assert gathered(leanings, length) is None


@pytest.mark.parametrize(
    ("places", "length"), [(100, 0), (512, 32), (2048, 128), (8192, 512), (32_768, 1024)]
)
def test_room_is_known(places: int, length: int) -> None:
    """The longest text for so many places is told beforehand."""
    assert most_length(places) == length
