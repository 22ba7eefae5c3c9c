"""Draws a text as a mask, with whatever fonts the machine has.

Pango never fails for want of a font: it draws a box with the letter's number in it. A letter is
missing when its outline is that of the box around a code point that no font has. A text with
missing letters is drawn in Pillow's own font, which has those of English; a text that this
font lacks too is refused, so that nobody finds boxes on a million pictures.
"""

import re
from functools import lru_cache
from html import escape
from unicodedata import category

from penstock.domain.errors import InvalidParamsError
from penstock.operations import _pillow
from penstock.operations._vips import Picture, vips

# The vendor's font names that say which of three kinds is meant; after them comes what the
# machine has. Latin names are looked up as they stand: substitutes are fontconfig's business.
_SERIF = "Noto Serif CJK SC, AR PL UMing CN, SimSun, Noto Sans CJK SC, WenQuanYi Zen Hei, serif"
_SANS = "Noto Sans CJK SC, WenQuanYi Zen Hei, WenQuanYi Micro Hei, Droid Sans Fallback"
_SUBSTITUTES = {
    "simfang": f"FangSong, {_SERIF}",
    "simkai": f"KaiTi, AR PL UKai CN, {_SERIF}",
    "simsun": _SERIF,
    "simhei": _SANS,
    "stheiti-light": f"STHeiti, {_SANS}",
    "stheiti-medium": f"STHeiti, {_SANS}",
    "youyuan": _SANS,
    "ahronbd": "Aharoni, Arial Bold",
    "ariblk": "Arial Black",
    "helveticaneue": "Helvetica Neue, Helvetica",
}
_FILE_SUFFIX = re.compile(r"\.(ttf|ttc|otf|dfont)$", re.IGNORECASE)
_STYLE = re.compile(
    r"(?:[ -](?:Thin|Light|Medium|Bold|Black|Heavy|Italic|Oblique))+$", re.IGNORECASE
)
_UNSAFE = re.compile(r"[^\w .-]+")
# Code points that Unicode will never assign; the box of the second is wider.
_UNASSIGNED = "\ufdd0"
_UNASSIGNED_ASTRAL = "\U0001fffe"
_PROBE_PIXELS = 20
_INKLESS = frozenset({"Cc", "Cf"})


def text_mask(text: str, font: str, pixels: int) -> Picture:
    """A text as a one-band picture: 255 where there is ink.

    Args:
        font: A family, a file name, or one of the vendor's names.
        pixels: Size of the letters.

    Raises:
        InvalidParamsError: No font at hand has all of its letters.
    """
    family = _family(font)
    text = "".join(letter for letter in text if letter == "\n" or category(letter) != "Cc")
    letters = frozenset(letter for letter in text if letter.strip() and category(letter) != "Cf")
    if not letters:
        message = "watermark: text must have at least one visible letter"
        raise InvalidParamsError(message)
    missing = _missing(letters, family)
    if not missing:
        return _rendered(text, f"{family} {pixels}")
    drawn = _pillow.draw_text(text, pixels)
    if drawn is None:
        shown = "".join(sorted(missing)[:10])
        message = f"watermark: no installed font has {shown!r}; install one that does"
        raise InvalidParamsError(message)
    mask, size = drawn
    return vips().Image.new_from_memory(mask, size.width, size.height, 1, "uchar")


def missing_letters(text: str, font: str) -> frozenset[str]:
    """Visible letters of a text that no installed font has.

    Args:
        font: A family, a file name, or one of the vendor's names.
    """
    letters = frozenset(one for one in text if one.strip() and category(one) not in _INKLESS)
    return _missing(letters, _family(font)) if letters else letters


def first_family(font: str) -> str:
    """The one family that comes nearest to a font; a font that is missing is substituted."""
    return _family(font).partition(",")[0]


def _family(font: str) -> str:
    """Families in order, and behind them the style that the name ends with, if any."""
    name = _FILE_SUFFIX.sub("", _UNSAFE.sub("", font)).strip()
    families = _SUBSTITUTES.get(name.lower(), name)
    if not families:
        return "sans"
    style = _STYLE.search(families)
    if not style:
        return f"{families}, sans"
    # Some fonts are families of their own; of the others this is the style of a family.
    return f"{families}, {families[: style.start()]}, sans{style[0].replace('-', ' ')}"


@lru_cache(maxsize=64)
def _missing(letters: frozenset[str], family: str) -> frozenset[str]:
    font = f"{family} {_PROBE_PIXELS}"
    boxes = {_outline(_UNASSIGNED, font), _outline(_UNASSIGNED_ASTRAL, font)}
    return frozenset(letter for letter in letters if _outline(letter, font) in boxes)


def _outline(letter: str, font: str) -> tuple[int, int, bytes, bytes] | None:
    pyvips = vips()
    try:
        mask = _rendered(letter, font)
    except pyvips.Error:  # a letter without ink, such as a joiner
        return None
    top = mask.crop(0, 0, mask.width, 1).write_to_memory()
    left = mask.crop(0, 0, 1, mask.height).write_to_memory()
    return mask.width, mask.height, bytes(top), bytes(left)


def _rendered(text: str, font: str) -> Picture:
    # libvips reads markup; at 72 dots an inch a point is a pixel.
    return vips().Image.text(escape(text, quote=False), font=font, dpi=72)
