"""`imageSlim`, labels of generated content, and PSD."""

import json
import re
import struct
from base64 import urlsafe_b64encode
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps, ImageSequence

from penstock.domain.errors import InvalidParamsError, UnsupportedInputError
from penstock.operations._vips import vips
from tests.operations.image_fixtures import (
    QUARTERS,
    corners,
    execute,
    looks_like,
    noise,
    quarters,
    rendered,
)
from tests.operations.real_pictures import difference

LABEL = {
    "Label": "1",
    "ContentProducer": 'Acme "Studio" <生成>',
    "ProduceID": "id-7",
    "ReservedCode1": "cmVzZXJ2ZWQ",
}


def label_words(values: dict[str, str]) -> str:
    """The verb that asks for a label."""
    words = (f"{k}/{urlsafe_b64encode(v.encode()).decode()}" for k, v in values.items())
    return f"AIGCMetadata/{'/'.join(words)}"


def label_in(path: Path) -> dict[str, str]:
    """The label that a picture carries, read by Pillow."""
    with Image.open(path) as image:
        info: dict[Any, Any] = image.info
        xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
        if not xmp and image.format == "TIFF":
            xmp = image.getexif()[0x02BC]
    text = xmp if isinstance(xmp, str) else bytes(xmp).decode()
    (value,) = re.findall(r'TC260:AIGC="([^"]*)"', text)
    found = json.loads(unescape(value))
    assert isinstance(found, dict)
    return found


def gradient() -> Image.Image:
    """Colours that run into each other."""
    bands = [Image.linear_gradient("L").rotate(angle).resize((200, 150)) for angle in (0, 90, 180)]
    return Image.merge("RGB", bands)


@pytest.mark.parametrize("name", ["in.jpg", "in.png", "in.gif"])
def test_slim_file_is_smaller_and_looks_the_same(tmp_path: Path, name: str) -> None:
    """The format and the size stay, the file shrinks, and hardly anything is to be seen of it."""
    source = Image.blend(gradient(), noise(200, 150), 0.2)
    source.save(tmp_path / name, quality=97)

    made = rendered(tmp_path, name, "imageSlim")

    with Image.open(tmp_path / name) as before:
        assert (made.image.format, made.image.size) == (before.format, (200, 150))
        assert difference(made.image, before) < 8
    assert made.path.stat().st_size < 0.9 * (tmp_path / name).stat().st_size


def test_slim_animation_keeps_its_frames(tmp_path: Path) -> None:
    """A slim GIF has every frame of its source."""
    frames = [Image.blend(gradient(), noise(200, 150), n / 10) for n in range(4)]
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:], duration=80)

    made = rendered(tmp_path, "in.gif", "imageSlim")

    assert len(list(ImageSequence.Iterator(made.image))) == 4
    assert made.path.stat().st_size < (tmp_path / "in.gif").stat().st_size


@pytest.mark.parametrize("name", ["in.jpg", "in.png", "in.gif"])
def test_source_is_kept_that_is_slim_already(tmp_path: Path, name: str) -> None:
    """Where nothing smaller comes out, the source itself is the result."""
    Image.new("L", (16, 16), 7).save(tmp_path / name, quality=10, optimize=True)

    path, _ = execute(tmp_path, name, "imageSlim")

    assert path.read_bytes() == (tmp_path / name).read_bytes()


def test_changed_picture_is_never_given_up_for_a_small_source(tmp_path: Path) -> None:
    """A slim source does not stand in for a result that a rule has changed."""
    Image.new("L", (16, 16), 7).save(tmp_path / "in.png")

    made = rendered(tmp_path, "in.png", "imageMogr2/thumbnail/300x300!|imageSlim")

    assert made.image.size == (300, 300)


def test_animated_png_is_not_reduced_to_its_first_frame(tmp_path: Path) -> None:
    """A moving PNG, which would lose its frames, stays as it is."""
    frames = [quarters(), quarters().rotate(180)]
    frames[0].save(tmp_path / "in.png", save_all=True, append_images=frames[1:])

    path, _ = execute(tmp_path, "in.png", "imageSlim")

    assert path.read_bytes() == (tmp_path / "in.png").read_bytes()


@pytest.mark.parametrize("rule", ["imageSlim", "imageMogr2/format/webp|imageSlim"])
def test_slim_is_for_three_formats(tmp_path: Path, rule: str) -> None:
    """Formats that `imageSlim` has no way to make smaller are refused with their name."""
    quarters().save(tmp_path / "in.webp")

    with pytest.raises(InvalidParamsError, match="imageSlim makes jpeg, png, gif smaller"):
        execute(tmp_path, "in.webp", rule)


@pytest.mark.parametrize("word", ["jpg", "png", "webp", "tiff", "avif"])
@pytest.mark.parametrize("verb", ["", "/strip"])
def test_label_is_written(tmp_path: Path, word: str, verb: str) -> None:
    """The label is in the picture, also where other metadata is stripped."""
    exif = Image.Exif()
    exif[0x010F] = "Acme"
    quarters().save(tmp_path / "in.jpg", exif=exif)

    made = rendered(tmp_path, "in.jpg", f"imageMogr2/{label_words(LABEL)}/format/{word}{verb}")

    assert label_in(made.path) == LABEL
    if word != "tiff":  # libvips writes no EXIF there
        assert ("Acme" in made.image.getexif().values()) is not bool(verb)


def test_label_joins_the_metadata_there_is(tmp_path: Path) -> None:
    """What a picture's XMP said before, it says still."""
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        b'dc:source="kept"/></rdf:RDF></x:xmpmeta>'
    )
    quarters().save(tmp_path / "in.jpg", xmp=xmp)

    made = rendered(tmp_path, "in.jpg", f"imageMogr2/{label_words(LABEL)}")

    assert label_in(made.path) == LABEL
    assert b'dc:source="kept"' in made.image.info["xmp"]
    assert made.image.info["xmp"].count(b"</rdf:RDF>") == 1


@pytest.mark.parametrize("word", ["gif", "bmp", "psd"])
def test_label_is_refused_where_it_has_no_place(tmp_path: Path, word: str) -> None:
    """A format that holds no label fails; it is never left out."""
    quarters().save(tmp_path / "in.jpg")

    with pytest.raises(InvalidParamsError, match="holds no label"):
        execute(tmp_path, "in.jpg", f"imageMogr2/{label_words(LABEL)}/format/{word}")


def test_labelled_result_is_never_replaced_by_the_source(tmp_path: Path) -> None:
    """A source without label is not passed on, however small it is."""
    quarters().save(tmp_path / "in.jpg", quality=20)
    verbs = f"{label_words(LABEL)}/quality/95!/size-limit/500k!"

    path, _ = execute(tmp_path, "in.jpg", f"imageMogr2/{verbs}")

    assert label_in(path) == LABEL


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_psd_is_written_for_others_to_read(tmp_path: Path, mode: str) -> None:
    """A PSD has the picture's colours, over white where it is transparent."""
    quarters(121, 83).convert(mode).save(tmp_path / "in.png")

    made = rendered(tmp_path, "in.png", "imageMogr2/format/psd")

    assert made.image.format == "PSD"
    assert difference(made.image, quarters(121, 83).convert(mode).convert("RGB")) < 1


def test_psd_is_read(tmp_path: Path) -> None:
    """A PSD becomes any other format."""
    quarters().save(tmp_path / "in.png")
    (tmp_path / "in.psd").write_bytes(
        execute(tmp_path, "in.png", "imageMogr2/format/psd")[0].read_bytes()
    )

    made = rendered(tmp_path, "in.psd", "imageMogr2/thumbnail/60x/format/jpg")

    assert made.image.size == (60, 40)
    assert looks_like(made.image, QUARTERS)


@pytest.mark.parametrize("name", ["p3.jpg", "print.jpg"])
def test_profile_of_a_psd_is_applied(tmp_path: Path, name: str) -> None:
    """A PSD of wide colours, or of those of print, looks as a JPEG of the same does."""
    profile = "p3" if name == "p3.jpg" else "cmyk"
    quarters().save(tmp_path / "in.png")
    image = vips().Image.new_from_file(str(tmp_path / "in.png"))
    image.icc_export(output_profile=profile).jpegsave(str(tmp_path / name), Q=100)
    psd_with_profile(Image.open(tmp_path / name), tmp_path / "in.psd")

    expected = rendered(tmp_path, name, "imageMogr2/format/png").image
    found = rendered(tmp_path, "in.psd", "imageMogr2/format/png").image
    small = rendered(tmp_path, "in.psd", "imageMogr2/thumbnail/60x/format/png").image

    assert difference(found, expected) < 1
    assert looks_like(small, corners(expected), within=4)


def psd_with_profile(image: Image.Image, path: Path) -> None:
    """Save a picture as a PSD with the colour profile that it has, and ink turned over."""
    is_print = image.mode == "CMYK"
    bands = [ImageOps.invert(one) if is_print else one for one in image.split()]
    size = (image.height, image.width)
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, len(bands), *size, 8, 4 if is_print else 3)
    profile = image.info["icc_profile"]
    profile += bytes(len(profile) % 2)
    resource = struct.pack(">4sHHI", b"8BIM", 1039, 0, len(profile)) + profile
    start = head + bytes(4) + struct.pack(">I", len(resource)) + resource
    path.write_bytes(start + bytes(4 + 2) + b"".join(band.tobytes() for band in bands))


@pytest.mark.parametrize("length", [10, 26, 40, 5000])
def test_truncated_psd_is_refused(tmp_path: Path, length: int) -> None:
    """A PSD that ends early is refused."""
    quarters().save(tmp_path / "in.png")
    path, _ = execute(tmp_path, "in.png", "imageMogr2/format/psd")
    (tmp_path / "in.psd").write_bytes(path.read_bytes()[:length])

    with pytest.raises(UnsupportedInputError):
        execute(tmp_path, "in.psd", "imageMogr2/format/png")
