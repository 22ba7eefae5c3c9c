"""Brings pictures of high dynamic range to the standard one, as `IsHdr2Sdr` does for films.

Light is taken as it leaves the screen, 1 for 100 nits; colours go from BT.2020 to BT.709; what is
brighter than a screen of standard range is bent under it by the curve of Hable, in which 1000 nits
become white.
"""

import array
import functools
import math
from collections.abc import Callable

from penstock.operations._vips import Picture, vips

_LEVELS = 1 << 16
_PQ, _HLG = 16, 18
_TO_BT709 = ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187))
_LUMINANCE = ((0.2627, 0.6780, 0.0593),)
_PEAK = 10.0
_SYSTEM_GAMMA, _SCREEN_GAMMA = 1.2, 2.4
_DARK = 1e-6


def is_high_range(transfer: int) -> bool:
    """Whether a transfer characteristic, by its number, is that of HDR10 or HLG."""
    return transfer in {_PQ, _HLG}


def to_standard_range(picture: Picture, transfer: int) -> Picture:
    """An 8-bit picture in sRGB out of one of 16 bits a sample in BT.2020.

    Args:
        transfer: Number of its transfer characteristic; that of HDR10 or HLG.
    """
    pyvips = vips()
    light = picture.maplut(_table(transfer))
    if transfer == _HLG:  # the light of the scene, which a screen shows with more contrast
        luminance = light.recomb(pyvips.Image.new_from_array(_lists(_LUMINANCE)))
        light = light * (luminance + _DARK) ** (_SYSTEM_GAMMA - 1) * _PEAK
    light = light.recomb(pyvips.Image.new_from_array(_lists(_TO_BT709)))
    light = (light > 0).ifthenelse(light, 0)
    red, green, blue = light.bandsplit()
    brightest = red.bandrank([green, blue], index=2) + _DARK
    shown = light * (_bent(brightest) / (brightest * _bent(_PEAK)))
    levels = ((shown > 1).ifthenelse(1, shown) ** (1 / _SCREEN_GAMMA) * 255).rint()
    return levels.cast("uchar").copy(interpretation="srgb")


@functools.cache
def _table(transfer: int) -> Picture:
    """The light of every level."""
    curve: Callable[[float], float] = _pq if transfer == _PQ else _hlg
    light = array.array("f", (curve(level / (_LEVELS - 1)) for level in range(_LEVELS)))
    return vips().Image.new_from_memory(light.tobytes(), _LEVELS, 1, 1, "float")


def _pq(signal: float) -> float:
    """SMPTE ST 2084: what a screen shows."""
    root = signal ** (1 / 78.84375)
    share = max(root - 0.8359375, 0.0) / (18.8515625 - 18.6875 * root)
    return 100 * math.pow(share, 1 / 0.1593017578125)


def _hlg(signal: float) -> float:
    """ARIB STD-B67: what a camera has seen, up to 1."""
    if signal <= 0.5:  # noqa: PLR2004  # where the curve changes
        return signal * signal / 3
    return (math.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12


def _bent(light: Picture) -> Picture:
    """Hable's curve, of a number or of every pixel."""
    above = light * (0.15 * light + 0.05) + 0.004
    below = light * (0.15 * light + 0.5) + 0.06
    return above / below - 1 / 15


def _lists(matrix: tuple[tuple[float, ...], ...]) -> list[list[float]]:
    return [list(row) for row in matrix]
