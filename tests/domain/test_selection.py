import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.selection import ObjectFilter, ObjectInfo, extension_of, showable
from tests.factories import make_object


def is_taken(found: ObjectInfo, chosen: ObjectFilter) -> bool:
    """Whether a filter lets one object through."""
    return list(chosen.select([found])) == [found]


@pytest.mark.parametrize(
    ("modified_ms", "expected"), [(99, False), (100, True), (200, True), (201, False), (-1, True)]
)
def test_filter_bounds_of_time_are_inclusive(modified_ms: int, *, expected: bool) -> None:
    """Both bounds belong to the interval; an object of unknown time passes."""
    chosen = ObjectFilter(modified_from_ms=100, modified_to_ms=200)

    assert is_taken(make_object(modified_ms=modified_ms), chosen) is expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [("a.jpg", True), ("d/A.JPG", True), ("a.png", False), ("jpg", False), (".jpg", False)],
)
def test_filter_compares_extensions_without_case(key: str, *, expected: bool) -> None:
    """Only the extension of the file name counts, in upper or lower case."""
    chosen = ObjectFilter(extensions=frozenset({"jpg"}))

    assert is_taken(make_object(key=key), chosen) is expected


@pytest.mark.parametrize(
    ("key", "expected"), [("out/a", False), ("out", True), ("output", True), ("in/out/", True)]
)
def test_filter_leaves_out_a_prefix(key: str, *, expected: bool) -> None:
    """The excluded prefix is a string prefix of the key, and of nothing else."""
    chosen = ObjectFilter(excluded_prefix="out/")

    assert is_taken(make_object(key=key), chosen) is expected


@pytest.mark.parametrize(
    ("key", "size_bytes", "expected"),
    [("in/", 0, False), ("in/", -1, False), ("in/", 5, True), ("in/a", 0, True)],
)
def test_filter_drops_folder_placeholders(key: str, size_bytes: int, *, expected: bool) -> None:
    """An empty object whose key ends with a slash is a folder, not something to work on."""
    assert is_taken(make_object(key=key, size_bytes=size_bytes), ObjectFilter()) is expected


@given(
    times=st.lists(st.integers(-2, 6), max_size=8),
    low=st.none() | st.integers(0, 5),
    high=st.none() | st.integers(0, 5),
)
def test_places_in_time_are_those_of_select(
    times: list[int], low: int | None, high: int | None
) -> None:
    """Exactly the times for which `select` refuses nobody are named, in order."""
    chosen = ObjectFilter(modified_from_ms=low, modified_to_ms=high)
    objects = [make_object(modified_ms=time) for time in times]
    expected = [place for place, found in enumerate(objects) if is_taken(found, chosen)]

    assert list(chosen.places_in_time(times)) == expected


@given(keys=st.lists(st.text(st.characters(exclude_characters="/")), max_size=20))
def test_filter_keeps_the_order(keys: list[str]) -> None:
    """An open filter passes everything on, in order."""
    objects = [make_object(key=key) for key in keys]

    assert list(ObjectFilter().select(objects)) == objects


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a.jpg", "jpg"),
        ("a.tar.GZ", "gz"),
        ("a.b/c", ""),
        (".hidden", ""),
        ("d/.hidden", ""),
        ("a.", ""),
        ("", ""),
        ("d/", ""),
    ],
)
def test_extension_is_that_of_the_file_name(key: str, expected: str) -> None:
    """The extension follows the last dot of the name, unless the name begins with it."""
    assert extension_of(key) == expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("in/photo.jpg", "in/photo.jpg"),
        ("图.jpg", "图.jpg"),
        ("a\udce9b", r"a\udce9b"),
        ("a\0b", r"a\x00b"),
        ("图\0", r"图\x00"),
        ("tab\tand\nline", "tab\tand\nline"),
    ],
)
def test_showable_escapes_what_a_database_refuses(text: str, shown: str) -> None:
    """Undecodable bytes and U+0000 become visible; everything else stays as it is."""
    assert showable(text) == shown
    assert showable(shown) == shown
