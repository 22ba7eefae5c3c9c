"""`format/svgc`: drawings become smaller, look the same, and reach nothing outside themselves."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from penstock.domain.errors import (
    AttemptCancelledError,
    InputLimitError,
    InvalidParamsError,
    OperationTimeoutError,
    UnsupportedInputError,
)
from penstock.operations.base import Limits
from penstock.operations.pic_process import OPERATION
from tests.operations.blind_fixtures import photograph
from tests.operations.image_fixtures import execute
from tests.operations.workspace import FolderWorkspace

RULE = "imageMogr2/format/svgc"
HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
DRAWING = f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<!-- Made by an editor -->
{HEAD} width="200" height="100" viewBox="0 0 200 100">
  <metadata><made by="somebody"/></metadata>
  <title>A drawing</title>
  <defs>
    <linearGradient id="shade">
      <stop offset="0" style="stop-color:#ff0000;stop-opacity:1"/>
      <stop offset="1" stop-color="rgb(0, 0, 255)"/>
    </linearGradient>
    <symbol id="for-others"><rect width="3" height="3"/></symbol>
  </defs>
  <g><g><rect x="10.00000" y="10.000" width="80.00" height="80.0" fill="url(#shade)"/></g></g>
  <path style="fill:#00ff00;stroke:#000000;stroke-width:2.0000000;"
        d="M 110.00000,10.000000 L 190.0000,10.000 C 190.0,50.0 150.0,90.0 110.000,90.0 Z"/>
</svg>
"""


def drawn(content: bytes) -> Image.Image:
    """A drawing on white, three times as large as it says; by a process of its own.

    Where pictures are read, libvips is told to draw nothing.
    """
    program = (
        "import sys, pyvips\n"
        "image = pyvips.Image.svgload_buffer(sys.stdin.buffer.read(), scale=3)\n"
        "image = image.flatten(background=[255, 255, 255])\n"
        "sys.stdout.buffer.write(image.pngsave_buffer())"
    )
    end = subprocess.run(
        [sys.executable, "-c", program], input=content, capture_output=True, check=True
    )
    return Image.open(BytesIO(end.stdout)).convert("RGB")


def minified(folder: Path, content: str | bytes, limits: Limits | None = None) -> bytes:
    """What is published of a drawing."""
    source = content.encode() if isinstance(content, str) else content
    (folder / "in.svg").write_bytes(source)
    path, _ = execute(folder, "in.svg", RULE, limits=limits)
    assert path.suffix == ".svg"
    return path.read_bytes()


def boxed(inside: str) -> str:
    """A small drawing of this."""
    return f'{HEAD} width="50" height="50">{inside}</svg>'


def test_drawing_becomes_smaller_and_looks_the_same(tmp_path: Path) -> None:
    """Comments, metadata and idle digits go; what is seen, names and titles stay."""
    made = minified(tmp_path, DRAWING)

    assert len(made) < 0.7 * len(DRAWING)
    difference = ImageChops.difference(drawn(DRAWING.encode()), drawn(made))
    assert max(ImageStat.Stat(difference).extrema[band][1] for band in range(3)) <= 8
    for kept in (b"A drawing", b"for-others", b"shade"):
        assert kept in made
    for gone in (b"editor", b"metadata", b"10.000"):
        assert gone not in made


def test_result_tells_the_drawing(tmp_path: Path) -> None:
    """Size and format are told of the result, and of the source where that is asked for."""
    (tmp_path / "in.svg").write_text(DRAWING, encoding="utf-8")

    path, result = execute(tmp_path, "in.svg", RULE, IsPicInfo="true")

    told = result.facts["PicProcessResult"]
    assert told["ProcessResult"]["Size"] == str(path.stat().st_size)
    for facts in (told["ProcessResult"], told["OriginalInfo"]["ImageInfo"]):
        assert (facts["Format"], facts["Width"], facts["Height"]) == ("svg", "200", "100")


def test_drawing_without_anything_to_save_stays(tmp_path: Path) -> None:
    """Where nothing smaller comes out, the source's own bytes are published."""
    once = minified(tmp_path, DRAWING)
    tiny = b'<svg xmlns="http://www.w3.org/2000/svg" width="5" height="5"/>'

    assert minified(tmp_path, once) == once
    assert minified(tmp_path, tiny) == tiny


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "utf-8-sig"])
def test_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    """A drawing is read in the encoding that it declares."""
    declared = DRAWING.replace("UTF-8", encoding.removesuffix("-sig"))
    source = declared.replace("A drawing", "Ein Bäumchen").encode(encoding)

    assert "Ein Bäumchen".encode() in minified(tmp_path, source)


@pytest.mark.parametrize(
    "subset",
    [
        '<!ENTITY x "text">',
        '<!ENTITY x SYSTEM "file:///etc/hostname">',
        '<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd"> %x;',
        "".join(
            f'<!ENTITY {name} "{f"&{inner};" * 10}">'
            for name, inner in zip("bcdefghij", "abcdefghi", strict=True)
        ),
    ],
)
def test_entities_are_refused(tmp_path: Path, subset: str) -> None:
    """Nothing is declared, expanded or fetched: not from files, not from the network."""
    source = f"<!DOCTYPE svg [{subset}]>{boxed('<title>T</title>')}"

    with pytest.raises(UnsupportedInputError, match="entities, which are not accepted"):
        minified(tmp_path, source)


def test_entity_of_a_foreign_list_is_refused(tmp_path: Path) -> None:
    """A reference that only the document type might explain is not looked up."""
    source = f'<!DOCTYPE svg SYSTEM "file:///etc/hostname">{boxed("<title>&x;</title>")}'

    with pytest.raises(UnsupportedInputError, match="entities, which are not accepted"):
        minified(tmp_path, source)


def test_pictures_that_a_drawing_points_at_are_not_read(tmp_path: Path) -> None:
    """No file and no address is read into the result, and none is drawn."""
    photograph(20, 20).save(tmp_path / "near.png")
    targets = (
        "near.png",
        str(tmp_path / "near.png"),
        f"file://{tmp_path}/near.png",
        "http://[::1]:9/x.png",
    )
    images = "".join(f'<image width="9.000" height="9" xlink:href="{one}"/>' for one in targets)

    made = minified(tmp_path, boxed(f"{images}<rect x='30.000' width='5.000' height='5'/>"))

    assert b"base64" not in made
    for target in targets:
        assert target.encode() in made


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is not well-formed"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "is not well-formed"),
        (DRAWING.encode()[:-40], "is not well-formed"),
        (b"<html><svg/></html>", "is not an SVG"),
        (boxed("<title>&x;</title>").encode(), "is not well-formed"),
        (boxed("<g>" * 5000 + "</g>" * 5000).encode(), "nests deeper than 256"),
        (boxed("").replace('"50"', '"0"').encode(), "cannot be drawn"),
        (boxed("").replace('"50"', '"1e9"').encode(), "cannot be drawn"),
        (b"\x1f\x8b\x08" + bytes(99), "is not well-formed"),
    ],
)
def test_what_is_no_drawing_gets_a_clear_code(tmp_path: Path, content: bytes, fault: str) -> None:
    """Broken, cut off, empty, of another kind, of impossible size: named with its fault."""
    with pytest.raises(UnsupportedInputError, match=rf"in\.svg: {fault}"):
        minified(tmp_path, content)


@pytest.mark.slow
def test_drawing_of_endless_copies_ends(tmp_path: Path) -> None:
    """A few lines that would draw for years are given up on."""
    groups = "".join(
        f'<g id="a{number + 1}">' + f'<use xlink:href="#a{number}"/>' * 9 + "</g>"
        for number in range(30)
    )

    with pytest.raises((UnsupportedInputError, OperationTimeoutError)):
        minified(tmp_path, boxed(f'<g id="a0"><rect/></g>{groups}'), Limits(seconds=20))


def test_large_drawing_is_refused(tmp_path: Path) -> None:
    """A drawing above 32 MiB is not looked at."""
    with pytest.raises(InputLimitError, match="exceed the 33554432 of a drawing"):
        minified(tmp_path, boxed(" " * (32 << 20)))


@pytest.mark.slow
def test_drawing_that_needs_too_much_time_or_memory_is_refused(tmp_path: Path) -> None:
    """Limits hold for tidying and for drawing."""
    many = boxed("".join(f'<path d="M {i} {i} L {i + 1} 3"/>' for i in range(40_000)))

    with pytest.raises(OperationTimeoutError):
        minified(tmp_path, many, Limits(seconds=0.5))
    for megabytes in (200, 300):
        with pytest.raises(InputLimitError, match="more memory"):
            minified(tmp_path, many, Limits(memory_bytes=megabytes << 20))


def test_picture_of_pixels_is_not_a_drawing(tmp_path: Path) -> None:
    """`svgc` of a photograph fails, and so does a drawing in any other rule."""
    photograph(40, 30).save(tmp_path / "in.png")
    (tmp_path / "in.svg").write_text(DRAWING, encoding="utf-8")

    with pytest.raises(UnsupportedInputError, match=r"in\.png: is not well-formed"):
        execute(tmp_path, "in.png", RULE)
    with pytest.raises(UnsupportedInputError, match=r"in\.svg: is not a picture"):
        execute(tmp_path, "in.svg", "imageMogr2/format/png")


def test_rule_for_drawings_is_not_applied_to_pictures(tmp_path: Path) -> None:
    """Operations that make pictures of their own do not take the rule by another way."""
    from penstock.operations._image_rendering import apply_rule_to_file  # noqa: PLC0415
    from penstock.operations._image_rules import parse_rule  # noqa: PLC0415

    photograph(40, 30).save(tmp_path / "in.png")

    with pytest.raises(InvalidParamsError, match="makes drawings smaller, not png"):
        apply_rule_to_file(
            parse_rule(RULE),
            tmp_path / "in.png",
            tmp_path,
            limits=Limits(),
            fetch_other=lambda _: tmp_path,
        )


def test_cancelled_drawing_is_not_published(tmp_path: Path) -> None:
    """A cancelled attempt ends its child and publishes nothing."""
    (tmp_path / "in.svg").write_text(DRAWING, encoding="utf-8")
    workspace = FolderWorkspace(tmp_path, "in.svg")
    workspace.cancel_after = 1

    with pytest.raises(AttemptCancelledError):
        OPERATION.run(OPERATION.parse({"PicProcess": {"ProcessRule": RULE}}), workspace)

    assert not workspace.published_paths
