"""A program that makes an SVG smaller; started by `_drawings`, never imported.

A drawing may ask for any amount of time and memory, both to be tidied and to be drawn; so that
happens in a process with limits. It reads `drawing.svg` in its working folder and writes
`result.svg`, which looks the same when it is drawn. A last line of output names the width and the
height. Its exit code tells what went wrong, its standard error how.

Entities are refused before any other parser sees the drawing, and nothing that it points at is
read: pictures are not embedded, and it is drawn out of memory, where no reference leads anywhere.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.parsers import expat

import pyvips
from scour import scour

# Exit codes; `_drawings` has them too.
BROKEN = 5
TOO_LARGE = 7
DIFFERENT = 8

_ROOT = "http://www.w3.org/2000/svg svg"
_MAX_DEPTH = 256
_DRAWN_SIDE = 1024
_PARSER_BYTES = 9_000_000  # libxml2 wants to be told of more
_DIFFERS = 32
_MAX_SHARE = 0.0001
_MAX_MEAN = 0.25

_SETTINGS = {
    "quiet": True,
    "embed_rasters": False,  # it would read files, and URLs
    "keep_defs": True,  # others may refer to them: sheets of symbols
    "remove_metadata": True,
    "strip_comments": True,
    "indent_type": "none",
    "newlines": False,
}
_CAREFUL = {
    "digits": 8,
    "group_collapse": False,
    "simple_colors": False,
    "style_to_xml": False,
}


class _UnfitError(Exception):
    """The drawing is not one that this is for."""


class _DifferentError(Exception):
    """What came out does not look the same."""


class _Guard:
    """Reads a document once, to refuse what must not reach the others."""

    def __init__(self) -> None:
        self._depth = 0
        parser = self._parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._open
        parser.EndElementHandler = self._close
        parser.EntityDeclHandler = self._refuse
        parser.ExternalEntityRefHandler = self._refuse
        parser.SkippedEntityHandler = self._refuse

    def check(self, content: bytes) -> None:
        try:
            self._parser.Parse(content, True)  # noqa: FBT003  # expat takes no keywords
        except (expat.ExpatError, LookupError, ValueError) as error:
            message = f"is not well-formed: {error}"
            raise _UnfitError(message) from error

    def _open(self, name: str, _attributes: object) -> None:
        if not self._depth and name not in {_ROOT, "svg"}:
            message = "is not an SVG"
            raise _UnfitError(message)
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            message = f"nests deeper than {_MAX_DEPTH}"
            raise _UnfitError(message)

    def _close(self, _name: str) -> None:
        self._depth -= 1

    def _refuse(self, *_: object) -> int:
        message = "declares or uses entities, which are not accepted"
        raise _UnfitError(message)


def _draw(content: bytes) -> tuple[Any, int, int]:
    """The drawing in pixels on a fixed scale, with the size that it says of itself."""
    try:
        options = {"unlimited": len(content) > _PARSER_BYTES}
        image = pyvips.Image.svgload_buffer(content, **options)
        width, height = image.width, image.height
        options["scale"] = _DRAWN_SIDE / max(width, height)
        drawn = pyvips.Image.svgload_buffer(content, **options)
        return drawn.premultiply().copy_memory(), width, height
    except pyvips.Error as error:
        if "out of memory" in str(error):
            raise MemoryError from error
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        message = f"cannot be drawn: {lines[-1] if lines else 'no reason told'}"
        raise _UnfitError(message) from error


def _is_alike(one: Any, other: Any) -> bool:  # noqa: ANN401  # pyvips ships no types
    if (one.width, one.height) != (other.width, other.height):
        return False
    off = (one - other).abs()
    far = (off > _DIFFERS).bandor().avg() / 255
    return bool(far <= _MAX_SHARE and off.avg() <= _MAX_MEAN)


def _tidied(content: bytes, **settings: object) -> bytes:
    options = scour.sanitizeOptions(SimpleNamespace(**_SETTINGS, **settings))
    made: str = scour.scourString(content, options)
    return made.encode()


def _smaller(content: bytes) -> tuple[bytes, int, int]:
    """The drawing made smaller; or as it is, where that is impossible."""
    drawn, width, height = _draw(content)
    for settings in ({}, _CAREFUL):
        made = _tidied(content, **settings)
        _Guard().check(made)
        other, *size = _draw(made)
        if size == [width, height] and _is_alike(drawn, other):
            return (made if len(made) < len(content) else content), width, height
    message = "looks different when it is made smaller"
    raise _DifferentError(message)


def _end(code: int, said: object) -> int:
    sys.stderr.write(f"{said}\n")
    return code


def main(arguments: Sequence[str]) -> int:
    """Make `drawing.svg` smaller; the exit code.

    Args:
        arguments: How many threads drawing may use.
    """
    pyvips.concurrency_set(int(arguments[0]))
    content = Path("drawing.svg").read_bytes()
    try:
        _Guard().check(content)
        made, width, height = _smaller(content)
    except _DifferentError as error:
        return _end(DIFFERENT, error)
    except _UnfitError as error:
        return _end(BROKEN, error)
    except (MemoryError, RecursionError) as error:
        return _end(TOO_LARGE, type(error).__name__)
    except Exception as error:  # noqa: BLE001  # a broken drawing may do anything to its reader
        return _end(BROKEN, f"cannot be tidied: {type(error).__name__}: {error}")
    Path("result.svg").write_bytes(made)
    sys.stdout.write(f"{width} {height}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
