import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.planning import (
    FIRST_CHUNK,
    LARGEST_CHUNK,
    TARGET_SECONDS,
    blend_seconds,
    has_placeholder,
    input_names,
    last_chunk_size,
    leased_chunk_size,
    numbered_key,
    output_key,
    output_patterns,
    pack_objects,
    plan_warnings,
    planned_chunk_size,
    unpack_objects,
)
from penstock.domain.selection import ObjectInfo
from penstock.domain.trees import Tree

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates included
OBJECTS = st.lists(
    st.builds(ObjectInfo, ANY_TEXT, st.integers(-1, 1 << 62), st.integers(-1, 1 << 62), ANY_TEXT),
    max_size=20,
)
SECONDS = st.floats(0, 1e9)


@given(objects=OBJECTS, data=st.data())
def test_pack_is_exact_for_any_text(objects: list[ObjectInfo], data: st.DataObject) -> None:
    """Objects, and any run of them, come back as they were, undecodable keys included."""
    start = data.draw(st.integers(0, len(objects)))
    size = data.draw(st.integers(0, len(objects) - start))

    packed = pack_objects(objects)

    assert unpack_objects(packed) == objects
    assert unpack_objects(packed, start, size) == objects[start : start + size]


def test_pack_keeps_surrogates_apart() -> None:
    """Two surrogates that would make one character together stay two."""
    odd = ObjectInfo("\ud83d\ude00", etag="\udcff")

    (found,) = unpack_objects(pack_objects([odd]))

    assert found == odd


def test_pack_shrinks_keys_that_are_alike() -> None:
    """A thousand keys of one folder take a fraction of their text."""
    objects = [ObjectInfo(f"photos/2024/{number:08}.jpg") for number in range(1000)]

    packed = pack_objects(objects)

    assert len(packed) < sum(len(found.key) for found in objects) / 3


def test_planned_size_doubles_until_work_is_measured() -> None:
    """Chunks start small and grow to the largest while nothing is known."""
    sizes = [0]
    while sizes[-1] < LARGEST_CHUNK:
        sizes.append(planned_chunk_size(sizes[-1], None))

    assert sizes[1:4] == [FIRST_CHUNK, 2 * FIRST_CHUNK, 4 * FIRST_CHUNK]
    assert planned_chunk_size(LARGEST_CHUNK, None) == LARGEST_CHUNK


@given(previous=st.integers(0, LARGEST_CHUNK), seconds=SECONDS)
def test_chunk_sizes_aim_at_two_seconds(previous: int, seconds: float) -> None:
    """A measured chunk is within bounds and never much longer than the target."""
    planned = planned_chunk_size(previous, seconds)

    assert planned == leased_chunk_size(seconds)
    assert 1 <= planned <= LARGEST_CHUNK
    assert planned == 1 or planned * seconds <= TARGET_SECONDS * 1.0001


def test_first_lease_takes_one_object() -> None:
    """Before anything is measured one worker takes one object, however long the chunk."""
    assert leased_chunk_size(None) == 1


@given(st.integers(1, 5000), st.integers(1, 16), st.floats(0.001, 10))
def test_last_chunks_shrink_until_all_is_shared_out(
    left: int, sharers: int, seconds: float
) -> None:
    """The last objects go out in ever smaller chunks, none below a quarter of a second."""
    size = leased_chunk_size(seconds)
    taken: list[int] = []
    while sum(taken) < left:
        rest = left - sum(taken)
        taken.append(min(rest, last_chunk_size(size, seconds, left=rest, sharers=sharers)))

    assert sum(taken) == left
    assert taken[:-1] == sorted(taken[:-1], reverse=True)
    assert all(1 <= one <= size for one in taken)
    assert all(one == size or one * seconds >= 0.25 for one in taken[:-1])


def test_last_chunk_is_half_of_a_fair_share() -> None:
    """Forty objects of 50 ms for two workers are not taken at once by the first that asks."""
    assert last_chunk_size(40, 0.05, left=40, sharers=2) == 10
    assert last_chunk_size(40, 0.05, left=400, sharers=2) == 40
    assert last_chunk_size(40, 0.05, left=8, sharers=2) == 5


def test_blend_starts_with_the_first_measure_and_follows_later_ones() -> None:
    """The first chunk sets the mean; each later one moves it part of the way."""
    first = blend_seconds(None, 2.0)

    assert first == 2.0
    assert 2.0 < blend_seconds(first, 4.0) < 4.0


@pytest.mark.parametrize(
    ("key", "path", "name", "whole"),
    [
        ("a.jpg", "", "a", "a.jpg"),
        ("in/2024/a.b.jpg", "in/2024", "a.b", "a.b.jpg"),
        ("/in/a", "in", "a", "a"),
        ("in//a.jpg", "in", "a", "a.jpg"),
        ("in/.hidden", "in", ".hidden", ".hidden"),
        ("in.d/a", "in.d", "a", "a"),
        ("in/图.png", "in", "图", "图.png"),
    ],
)
def test_input_names_split_a_key(key: str, path: str, name: str, whole: str) -> None:
    """Folder without slashes at its ends, stem and full name of the object."""
    assert input_names(key) == {"inputpath": path, "inputname": name, "inputnameandext": whole}


@pytest.mark.parametrize(
    ("key", "pattern", "more", "expected"),
    [
        pytest.param(
            "test1.mp4",
            "${InputNameAndExt}_${RunId}.${Ext}",
            {"runid": "000001", "ext": "flv"},
            "test1.mp4_000001.flv",
            id="sample of the docs",
        ),
        pytest.param(
            "in/a.mov", "${InputPath}/${InputName}.${Ext}", {"ext": "mp4"}, "in/a.mp4", id="folder"
        ),
        pytest.param(
            "a.mov", "${InputPath}/${InputName}.${Ext}", {"ext": "mp4"}, "a.mp4", id="at the root"
        ),
        pytest.param("a.mov", "/out//${InputName}", {}, "out/a", id="slashes collapse"),
        pytest.param("a.mov", "${inputname}.{Ext}", {"ext": "mp4"}, "a.mp4", id="without dollar"),
        pytest.param("a.mov", "${INPUTNAME}.${ext}", {"ext": "mp4"}, "a.mp4", id="any case"),
        pytest.param("a.mov", "{InputName}.x", {}, "{InputName}.x", id="only Ext without dollar"),
        pytest.param("a.mov", "${Date}-${Ext}", {}, "${Date}-${Ext}", id="unknown ones stay"),
        pytest.param(
            "${Ext}.mov", "${InputName}.${Ext}", {"ext": "mp4"}, "${Ext}.mp4", id="no second pass"
        ),
        pytest.param("a.mov", "out/${InputPath}x", {}, "out/x", id="empty folder in the middle"),
    ],
)
def test_output_key_follows_the_rules(
    key: str, pattern: str, more: dict[str, str], expected: str
) -> None:
    """Placeholders are replaced once, without case; the key has no doubled or leading slash."""
    assert output_key(pattern, {**input_names(key), **more}) == expected


@given(key=st.text(min_size=1), pattern=st.text())
def test_output_key_is_a_sound_key(key: str, pattern: str) -> None:
    """Whatever key and pattern, the result begins with no slash and doubles none."""
    made = output_key(pattern + "${InputPath}/${InputName}", input_names(key))

    assert not made.startswith("/")
    assert "//" not in made


@pytest.mark.parametrize(
    ("pattern", "names", "expected"),
    [
        ("a-${Number}.jpg", ("Number",), True),
        ("a-${number}.jpg", ("Number", "Time"), True),
        ("a.{Ext}", ("Ext",), True),
        ("a-{Number}.jpg", ("Number",), False),
        ("a.jpg", ("Number",), False),
    ],
)
def test_has_placeholder_finds_what_a_pattern_contains(
    pattern: str, names: tuple[str, ...], *, expected: bool
) -> None:
    """A placeholder counts in any case, and without dollar only where it is `Ext`."""
    assert has_placeholder(pattern, *names) is expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("out/a.jpg", "out/a_2.jpg"),
        ("a", "a_2"),
        ("out.d/a", "out.d/a_2"),
        ("out/.hidden", "out/.hidden_2"),
        ("a.tar.gz", "a.tar_2.gz"),
    ],
)
def test_numbered_key_puts_the_number_before_the_extension(key: str, expected: str) -> None:
    """Results that would share one key are told apart without losing their extension."""
    assert numbered_key(key, 2) == expected


def test_plan_warnings_name_the_outputs_that_overwrite_each_other() -> None:
    """A pattern that does not vary with the object is warned of; the others are not."""
    patterns = {
        "fixed": "out/result.jpg",
        "folder": "${InputPath}/x.${Ext}",
        "named": "${InputName}.jpg",
        "by run": "${RunId}.jpg",
        "by job": "${JobId}.jpg",
        "by full name": "${InputNameAndExt}",
        "nothing": "",
    }

    warnings = plan_warnings(patterns)

    assert [re.split(":", line)[0] for line in warnings] == ["fixed", "folder"]
    assert "'out/result.jpg'" in warnings[0]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({}, {}),
        ({"Region": "r", "Bucket": "b", "Object": "o"}, {"Object": "o"}),
        ({"Object": "o", "SpriteObject": ""}, {"Object": "o", "SpriteObject": ""}),
        (
            {"Bucket": "b", "StreamExtract": [{"Object": "x"}, {"Object": "y"}]},
            {"StreamExtract.0": "x", "StreamExtract.1": "y"},
        ),
        ({"StreamExtract": {"Object": "x"}}, {"StreamExtract.0": "x"}),
    ],
)
def test_output_patterns_go_by_the_child_that_holds_them(
    output: Tree, expected: dict[str, str]
) -> None:
    """Each child but the place is a pattern; entries of a repeated child are told apart."""
    assert output_patterns(output) == expected
