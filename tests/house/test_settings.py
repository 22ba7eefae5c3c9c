"""The reference of settings names exactly the settings that exist."""

import re
from pathlib import Path

from penstock.settings import Settings

PAGE = Path(__file__).parents[2] / "docs/reference/settings.md"
ROW = re.compile(r"^\| `PENSTOCK_([A-Z_]+)` \|", re.MULTILINE)


def test_settings_page_names_every_setting() -> None:
    """Each setting has a row, in the order of the code."""
    documented = ROW.findall(PAGE.read_text(encoding="utf-8"))

    assert documented == [name.upper() for name in Settings.model_fields]
