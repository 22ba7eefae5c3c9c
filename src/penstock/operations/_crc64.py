"""The CRC-64 of ECMA-182 as COS computes it (`x-cos-hash-crc64ecma`), by ISA-L.

The `isal` wheel carries the whole library, but its Python side has no call for this checksum; so
it is called in the shared object itself. A core checks tens of gigabytes a second, far more than
any store delivers.
"""

import ctypes
import functools
from collections.abc import Callable

from penstock.domain.errors import BackendError


class Crc64:
    """A checksum that grows with the bytes it is fed."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, block: bytes) -> None:
        """Take in more bytes."""
        self._value = _function()(self._value, block, len(block))

    def text(self) -> str:
        """The checksum as COS writes it: a decimal number without sign."""
        return str(self._value)


@functools.cache
def _function() -> Callable[[int, bytes, int], int]:
    """The library's function: from a checksum and a block with its length to the next one."""
    from isal import isal_zlib  # noqa: PLC0415  # loaded where it is needed

    try:
        found = ctypes.CDLL(isal_zlib.__file__).crc64_ecma_refl
    except (OSError, AttributeError) as error:
        message = "the isal library of this machine has no CRC-64"
        raise BackendError(message) from error
    found.restype = ctypes.c_uint64
    found.argtypes = [ctypes.c_uint64, ctypes.c_char_p, ctypes.c_uint64]
    return found
