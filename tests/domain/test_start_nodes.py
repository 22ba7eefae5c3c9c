"""Which uploads a Start node takes, and what is wrong with one."""

import pytest

from penstock.domain.start_nodes import start_faults, takes_upload
from penstock.domain.trees import Tree
from tests.factories import make_object


@pytest.mark.parametrize(
    ("prefix", "key", "expected"),
    [
        ("", "a.jpg", True),
        ("/", "a.jpg", True),
        ("in/", "in/a.jpg", True),
        ("/in/", "in/a.jpg", True),
        ("//in/", "in/a.jpg", False),
        ("in", "inner/a.jpg", True),
        ("in/", "out/in/a.jpg", False),
    ],
)
def test_upload_is_taken_by_its_prefix(prefix: str, key: str, *, expected: bool) -> None:
    """A key must begin with the prefix, of which one leading slash is ignored."""
    assert takes_upload({"ObjectPrefix": prefix}, make_object(key=key)) is expected


def test_upload_of_a_folder_placeholder_is_not_taken() -> None:
    """An empty object whose key ends in a slash is a folder to people, and starts nothing."""
    assert not takes_upload({}, make_object(key="in/", size_bytes=0))
    assert takes_upload({}, make_object(key="in/", size_bytes=1))


def test_upload_is_taken_by_its_extension() -> None:
    """The filter of the Start node holds for uploads."""
    start: Tree = {"ExtFilter": {"State": "On", "Custom": "true", "CustomExts": "a/.B"}}

    assert takes_upload(start, make_object(key="x.A"))
    assert takes_upload(start, make_object(key="x.b"))
    assert not takes_upload(start, make_object(key="x.c"))


def test_start_without_anything_is_without_fault() -> None:
    """Every child of `Input` may be left out, and empty ones count as absent."""
    empty: Tree = {"ExtFilter": {"State": ""}, "NotifyConfig": {"Url": ""}, "SamplingConfig": ""}

    assert start_faults({}) == []
    assert start_faults(empty) == []


def test_start_faults_are_all_named() -> None:
    """Each wrong leaf has a sentence of its own that begins with its place."""
    start: Tree = {
        "ExtFilter": {"State": "x", "Audio": "x", "CustomExts": "a b"},
        "NotifyConfig": {"State": "x"},
        "SamplingConfig": {"State": "on"},
    }

    places = [fault.split()[0].rstrip(":") for fault in start_faults(start)]

    assert places == [
        "Start.Input.ExtFilter.State",
        "Start.Input.ExtFilter.Audio",
        "Start.Input.ExtFilter.CustomExts",
        "Start.Input.SamplingConfig",
        "Start.Input.NotifyConfig.State",
    ]
