import pytest

from penstock.domain.jobs import InputKind
from penstock.domain.requests import name_faults, read_input


@pytest.mark.parametrize(
    "name", ["a", "web-previews_2", "夜间任务", "㐀", "a—b", "-", "n" * 128, "图" * 128]
)
def test_name_of_letters_digits_and_signs_is_taken(name: str) -> None:
    """A name has up to 128 letters, digits, Chinese characters, hyphens, dashes, underscores."""
    assert name_faults(name) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "must be given"),
        ("n" * 129, "at most 128 characters, not 129"),
        ("a b", "may hold"),
        ("a/b", "may hold"),
        ("a–b", "may hold"),
        ("é", "may hold"),
        ("a\n", "may hold"),
    ],
)
def test_name_with_a_fault_is_refused(name: str, words: str) -> None:
    """An empty, overlong or oddly spelt name has exactly one fault that says so."""
    (fault,) = name_faults(name, "TopologyName")

    assert fault.startswith("TopologyName")
    assert words in fault


def test_name_may_have_two_faults() -> None:
    """A name that is too long and oddly spelt is told both."""
    faults = name_faults("a b" * 50)

    assert len(faults) == 2
    assert len(faults[1]) < 300


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (InputKind.OBJECT, "in/a.jpg", "in/a.jpg"),
        (InputKind.OBJECT, "/in/a.jpg", "in/a.jpg"),
        (InputKind.PREFIX, "/", ""),
        (InputKind.PREFIX, "//in", "/in"),
        (InputKind.URL_FILE, "/urls.txt", "/urls.txt"),
        (InputKind.MANIFEST, "https://x/manifest.json", "https://x/manifest.json"),
    ],
)
def test_input_is_read_as_its_kind_wants(kind: InputKind, value: str, expected: str) -> None:
    """One leading slash is dropped from keys and prefixes, and from nothing else."""
    faults: list[str] = []

    found = read_input(dict.fromkeys(InputKind, "") | {kind: value}, faults)

    assert (found.kind, found.value) == (kind, expected)
    assert faults == []


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({}, "none"),
        ({InputKind.PREFIX: ""}, "none"),
        ({InputKind.PREFIX: "in/", InputKind.OBJECT: "a"}, "Prefix, Object"),
        (dict.fromkeys(InputKind, "x"), "Object, UrlFile, Manifest, Prefix"),
    ],
)
def test_input_must_be_exactly_one(values: dict[InputKind, str], named: str) -> None:
    """No way, or several ways, of naming objects is refused, and the answer says which came."""
    faults: list[str] = []

    read_input(values, faults)

    assert faults == [
        f"Input must have exactly one of Object, UrlFile, Manifest, Prefix; it has {named}"
    ]
