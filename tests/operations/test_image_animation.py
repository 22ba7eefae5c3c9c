"""Animations: kept from and to GIF and WebP, the first frame for everything else."""

from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageSequence

from tests.operations.image_fixtures import (
    RED,
    alpha,
    animation,
    distance,
    execute,
    pixel,
    rendered,
)

pyvips: Any = pytest.importorskip("pyvips")


def delays(path: Path) -> list[int]:
    """How long each frame of an animation stays, in milliseconds."""
    found = pyvips.Image.new_from_file(str(path), n=-1).get("delay")
    return [int(delay) for delay in found]


@pytest.mark.parametrize("target", ["gif", "webp"])
@pytest.mark.parametrize("source", ["in.gif", "in.webp"])
def test_animation_keeps_frames_and_times(tmp_path: Path, source: str, target: str) -> None:
    """Every frame is resized, transparent where it was, and stays as long as before."""
    animation(tmp_path / source)

    made = rendered(tmp_path, source, f"imageMogr2/thumbnail/40x/format/{target}")

    frames = [frame.convert("RGBA") for frame in ImageSequence.Iterator(made.image)]
    assert [frame.size for frame in frames] == [(40, 30)] * 4
    assert delays(made.path) == [50, 70, 90, 110]
    assert made.image.info["loop"] == 0
    for index, frame in enumerate(frames):
        x = 5 + int(index * 7.5)
        assert distance(pixel(frame, x, 12), RED) < 30
        assert alpha(frame, x, 27) == 0


@pytest.mark.parametrize(
    ("verbs", "size"),
    [
        ("crop/40x30/gravity/center", (40, 30)),
        ("rotate/90", (60, 80)),
        ("rotate/45", (100, 100)),
        ("flip/vertical", (80, 60)),
        ("thumbnail/80x80/pad/1", (80, 80)),
        ("rradius/10/grayscale/1", (80, 60)),
    ],
)
@pytest.mark.parametrize("target", ["gif", "webp"])
def test_every_verb_works_frame_by_frame(
    tmp_path: Path, verbs: str, size: tuple[int, int], target: str
) -> None:
    """A verb never mixes the frames of an animation."""
    animation(tmp_path / "in.gif")

    made = rendered(tmp_path, "in.gif", f"imageMogr2/{verbs}/format/{target}")

    assert getattr(made.image, "n_frames", 1) == 4
    assert distance(made.image.size, size) <= 1


def test_marks_lie_on_every_frame(tmp_path: Path) -> None:
    """A mark is seen on each frame of an animation."""
    animation(tmp_path / "in.gif")
    Image.new("RGB", (20, 10), (0, 0, 255)).save(tmp_path / "m.png")
    url = urlsafe_b64encode(b"http://b.example/m.png").decode()

    made = rendered(tmp_path, "in.gif", f"watermark/1/image/{url}/dissolve/100")

    for frame in ImageSequence.Iterator(made.image):
        assert distance(pixel(frame, 75, 57), (0, 0, 255)) < 10


def test_fewer_frames_take_the_same_time(tmp_path: Path) -> None:
    """`cgif/N` drops frames evenly and gives their time to the ones before."""
    animation(tmp_path / "in.gif")

    made = rendered(tmp_path, "in.gif", "imageMogr2/cgif/2")

    assert delays(made.path) == [120, 200]


@pytest.mark.parametrize("target", ["jpg", "png", "bmp", "tiff"])
def test_other_formats_get_the_first_frame(tmp_path: Path, target: str) -> None:
    """A format without animations gets a still of the first frame."""
    animation(tmp_path / "in.gif")

    made = rendered(tmp_path, "in.gif", f"imageMogr2/format/{target}")

    assert getattr(made.image, "n_frames", 1) == 1
    assert made.image.size == (80, 60)
    assert distance(pixel(made.image.convert("RGBA"), 10, 25), RED) < 12


def test_frames_are_counted(tmp_path: Path) -> None:
    """`imageInfo` tells how many frames there are."""
    animation(tmp_path / "in.webp")

    answer = execute(tmp_path, "in.webp", "imageInfo")[0].read_text()

    assert '"frame_count": "4"' in answer
