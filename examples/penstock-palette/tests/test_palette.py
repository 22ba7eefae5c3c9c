"""The operation without an engine: over a folder that stands for the bucket."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from penstock.plugins import InvalidArgumentError, Limits, OutputObject, UnsupportedInputError
from penstock_palette.operation import OPERATION, Params, run


class FolderWorkspace(SimpleNamespace):
    """What this operation uses of a workspace."""

    def __init__(self, folder: Path, key: str) -> None:
        super().__init__(key=key, scratch=folder, limits=Limits())

    def fetch(self) -> Path:
        """The input."""
        return self.scratch / self.key

    def checkpoint(self) -> None:
        """Nobody cancels."""

    def publish(self, path: Path, *, extension: str) -> OutputObject:
        """Leave the file where it is."""
        return OutputObject("bucket", f"out.{extension}", path.stat().st_size, "", "Object")


def test_palette_tells_and_draws_the_colours(tmp_path: Path) -> None:
    """A picture of a quarter blue and the rest red has these two colours, with their shares."""
    picture = Image.new("RGB", (40, 40), (200, 0, 0))
    picture.paste((0, 0, 200), (0, 0, 40, 10))
    picture.save(tmp_path / "in.png")

    result = run(Params(colours=4, swatch=8), FolderWorkspace(tmp_path, "in.png"))

    assert result.facts == {
        "PaletteResult": {
            "Colour": [
                {"Hex": "#c80000", "Share": "0.7500"},
                {"Hex": "#0000c8", "Share": "0.2500"},
            ]
        }
    }
    with Image.open(tmp_path / "palette.png") as made:
        assert made.size == (16, 8)
        assert made.getpixel((3, 3)) == (200, 0, 0)
        assert made.getpixel((12, 3)) == (0, 0, 200)


def test_palette_refuses_what_is_no_picture(tmp_path: Path) -> None:
    """A text named like a picture fails with a message that names it."""
    (tmp_path / "in.jpg").write_text("no picture")

    with pytest.raises(UnsupportedInputError, match=r"in\.jpg"):
        run(Params(colours=4, swatch=8), FolderWorkspace(tmp_path, "in.jpg"))


def test_palette_names_all_faults_of_its_params() -> None:
    """Wrong params are told together."""
    with pytest.raises(InvalidArgumentError, match=r"Colours .*Swatch"):
        OPERATION.parse({"Palette": {"Colours": "1", "Swatch": "1000"}})
