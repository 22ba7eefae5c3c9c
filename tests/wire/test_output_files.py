import pytest

from penstock.domain.executions import OutputObject
from penstock.domain.trees import Tree
from penstock.domain.views import NodeJob
from penstock.domain.workflows import Node
from penstock.wire.output_files import encode_files
from tests.factories import BUCKET, make_id, make_node_job, make_node_view, make_outcome

REGION = "ap-test"
MD5 = "0123456789abcdef0123456789abcdef"


def output(key: str, target: str = "Object", etag: str = MD5) -> OutputObject:
    """One object that was made of `in/photo.jpg`."""
    return OutputObject(BUCKET, key, 3, etag, target, "in/photo.jpg")


def node_job(type_: str, patterns: Tree, *outputs: OutputObject) -> NodeJob:
    """A node job that published objects by patterns."""
    operation = {"Output": patterns}
    node = Node(number=1, name="n", type=type_, operation=operation, predecessors=(0,))
    view = make_node_view(node=node, job_id=make_id("j", 1), outcome=make_outcome(outputs=outputs))
    return make_node_job(view=view)


def test_file_of_a_transcode_has_its_full_key_and_md5() -> None:
    """One file: no prefix, its key and its MD5."""
    found = node_job("Transcode", {"Object": "out/${InputName}.mp4"}, output("out/photo.mp4"))

    encoded = encode_files(found, REGION)

    assert encoded == {
        "Bucket": BUCKET,
        "Region": REGION,
        "ObjectPrefix": "",
        "ObjectName": ["out/photo.mp4"],
        "Md5Info": [{"ObjectName": "out/photo.mp4", "Md5": MD5}],
    }


def test_file_tells_the_region_that_was_asked_for() -> None:
    """The region of an output is the one that its author wrote."""
    found = node_job("Transcode", {"Region": "mine", "Object": "a"}, output("a"))

    assert encode_files(found, REGION)["Region"] == "mine"


def test_file_without_md5_has_an_empty_one() -> None:
    """A tag of the store that is no MD5 is not told as one."""
    found = node_job("Transcode", {"Object": "a"}, output("a", etag="0123-2"))

    assert encode_files(found, REGION)["Md5Info"] == [{"ObjectName": "a", "Md5": ""}]


@pytest.mark.parametrize(
    ("pattern", "keys", "prefix", "names"),
    [
        ("out/snap-${Number}.jpg", ["out/snap-0.jpg", "out/snap-1.jpg"], "out/snap-", None),
        ("o/${InputName}_${number}", ["o/photo_0", "o/photo_1"], "o/photo_", ["0", "1"]),
        ("${InputPath}/${Number}.jpg", ["in/0.jpg"], "in/", ["0.jpg"]),
        ("${Number}.jpg", ["0.jpg", "1.jpg"], "", ["0.jpg", "1.jpg"]),
        ("out/${Time}.jpg", ["out/40.jpg"], "", ["out/40.jpg"]),
        ("out/${Time}_${Number}.jpg", ["out/40_0.jpg"], "", ["out/40_0.jpg"]),
    ],
)
def test_files_with_numbers_share_a_prefix(
    pattern: str, keys: list[str], prefix: str, names: list[str] | None
) -> None:
    """Of snapshots, the prefix is what stands before the number, and names are the rest."""
    found = node_job("Snapshot", {"Object": pattern}, *map(output, keys))

    encoded = encode_files(found, REGION)

    assert encoded["ObjectPrefix"] == prefix
    assert encoded["ObjectName"] == (names or ["0.jpg", "1.jpg"])
    assert encoded["Md5Info"] == ""


def test_files_of_a_split_share_a_prefix_and_have_md5s_with_full_keys() -> None:
    """The MD5s of a split name the full keys, also where the other names are short."""
    keys = ["out/a-0", "out/a-1"]
    found = node_job("Segment", {"Object": "out/a-${Number}"}, *map(output, keys))

    encoded = encode_files(found, REGION)

    assert (encoded["ObjectPrefix"], encoded["ObjectName"]) == ("out/a-", ["0", "1"])
    assert encoded["Md5Info"] == [{"ObjectName": key, "Md5": MD5} for key in keys]


def test_files_of_covers_have_full_keys() -> None:
    """Covers are numbered, but the vendor tells them by their full keys."""
    found = node_job("SmartCover", {"Object": "c${Number}.jpg"}, output("c0.jpg"))

    encoded = encode_files(found, REGION)

    assert (encoded["ObjectPrefix"], encoded["ObjectName"]) == ("", ["c0.jpg"])
    assert encoded["Md5Info"] == ""


def test_sprites_stand_in_a_file_of_their_own() -> None:
    """Sheets are told apart from the single pictures, with a prefix of their own."""
    patterns = {"Object": "a${Number}.jpg", "SpriteObject": "sheets/b${Number}.jpg"}
    found = node_job(
        "Snapshot",
        patterns,
        output("a0.jpg"),
        output("sheets/b0.jpg", "SpriteObject"),
        output("sheets/b1.jpg", "SpriteObject"),
    )

    encoded = encode_files(found, REGION)

    assert (encoded["ObjectPrefix"], encoded["ObjectName"]) == ("a", ["0.jpg"])
    sprites = encoded["SpriteOutputFile"]
    assert isinstance(sprites, dict)
    assert (sprites["ObjectPrefix"], sprites["ObjectName"]) == ("sheets/b", ["0.jpg", "1.jpg"])


def test_sprites_alone_leave_the_file_without_names() -> None:
    """Where only sheets were made, they still stand where clients look for sheets."""
    patterns = {"SpriteObject": "b${Number}.jpg"}
    found = node_job("Snapshot", patterns, output("b0.jpg", "SpriteObject"))

    encoded = encode_files(found, REGION)

    assert (encoded["ObjectPrefix"], encoded["ObjectName"]) == ("", [])
    assert "SpriteOutputFile" in encoded
