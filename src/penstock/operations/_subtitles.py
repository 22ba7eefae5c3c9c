"""Subtitles of a job: SubRip files read, checked, cut to the part that is used, written anew.

What ffmpeg reads is always a file of ours in UTF-8, whose times count from the beginning of the
output. Letters that no font has would be drawn as boxes or not at all, and are refused.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import NamedTuple

from penstock.domain.errors import InputLimitError, InvalidParamsError, UnsupportedInputError
from penstock.operations._image_steps import Colour
from penstock.operations._image_text import first_family, missing_letters
from penstock.operations._subtitle_params import Subtitle
from penstock.operations.base import Workspace

_MOST_BYTES = 16 << 20
_SCRIPT_HEIGHT = 288  # lines of the script that ffmpeg makes of SubRip, whatever the video
_TIMES = re.compile(
    r"^\s*(\d{1,3}):(\d{2}):(\d{2})[,.](\d{1,3})\s*-->\s*(\d{1,3}):(\d{2}):(\d{2})[,.](\d{1,3})"
)
_MARKUP = re.compile(r"<[^>]*>|\{\\[^}]*\}")


class Cue(NamedTuple):
    """One text, and when it is shown, in milliseconds."""

    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedSubtitle:
    """Subtitles as ffmpeg gets them.

    Attributes:
        subtitle: What was asked for.
        path: A SubRip file in scratch space, whose name needs no quoting.
    """

    subtitle: Subtitle
    path: Path


def prepare_subtitle(
    subtitle: Subtitle,
    number: int,
    start_seconds: float,
    length_seconds: float,
    workspace: Workspace,
) -> PreparedSubtitle:
    """Write one file of subtitles for a part of the source.

    Args:
        number: Which one it is, from 0.
        start_seconds: Where the part begins in the source.
        length_seconds: How long it is.

    Raises:
        ObjectNotFoundError: The file does not exist.
        UnsupportedInputError: It is not SubRip in UTF-8 or UTF-16.
        InputLimitError: It is too large.
        InvalidParamsError: No font has its letters, or it has none for this part.
    """
    source = workspace.fetch_other(subtitle.url)
    cues = read_cues(source, subtitle.url)
    shown = cut_cues(cues, round(start_seconds * 1000), round(length_seconds * 1000))
    if not shown:
        message = f"{subtitle.url} has no text for the part of the source that is used"
        raise InvalidParamsError(message)
    if subtitle.is_drawn:
        _demand_letters(shown, subtitle)
    path = workspace.scratch / f"subtitle_{number}.srt"
    path.write_text(written(shown), encoding="utf-8")
    return PreparedSubtitle(subtitle=subtitle, path=path)


def read_cues(path: Path, key: str) -> list[Cue]:
    """Every text of a SubRip file, in order of time; what is not understood fails the file.

    Raises:
        UnsupportedInputError: It is not SubRip, or not in UTF-8 or UTF-16.
        InputLimitError: It is too large.
    """
    if path.stat().st_size > _MOST_BYTES:
        message = f"{key}: subtitles of more than {_MOST_BYTES} bytes"
        raise InputLimitError(message)
    content = path.read_bytes()
    encoding = "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnsupportedInputError(key, "is not text in UTF-8 or UTF-16") from error
    blocks = re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n").replace("\r", "\n").strip("\n"))
    cues = [_cue(block.split("\n"), key) for block in blocks if block.strip()]
    if not cues:
        raise UnsupportedInputError(key, "has no subtitles")
    return sorted(cues)


def cut_cues(cues: Sequence[Cue], start_ms: int, length_ms: int) -> list[Cue]:
    """The texts that are shown in a part of the source, with times counted from its start."""
    moved = [
        Cue(max(cue.start_ms - start_ms, 0), min(cue.end_ms - start_ms, length_ms), cue.text)
        for cue in cues
    ]
    return [cue for cue in moved if cue.end_ms > cue.start_ms]


def written(cues: Sequence[Cue]) -> str:
    """The same as a SubRip file."""
    return "".join(
        f"{number}\n{_clock(cue.start_ms)} --> {_clock(cue.end_ms)}\n{cue.text}\n\n"
        for number, cue in enumerate(cues, 1)
    )


def drawing_filter(prepared: PreparedSubtitle, height: int) -> str:
    """The filter of ffmpeg that draws the texts on pictures of this height, in pixels."""
    style = ",".join(_style(prepared.subtitle, height))
    return f"subtitles=filename={prepared.path.name}" + (
        f":force_style='{style}'" if style else ""
    )


def _style(subtitle: Subtitle, height: int) -> Iterator[str]:
    if subtitle.font:
        yield f"FontName={first_family(subtitle.font)}"
    if subtitle.pixels is not None:
        yield f"FontSize={subtitle.pixels * _SCRIPT_HEIGHT / height:.3f}"
    if subtitle.colour is not None:
        yield f"PrimaryColour={_code(subtitle.colour)}"
    if subtitle.outline is not None:
        yield f"OutlineColour={_code(subtitle.outline)}"
    if subtitle.bottom_pixels is not None:
        yield f"MarginV={round(subtitle.bottom_pixels * _SCRIPT_HEIGHT / height)}"


def _code(colour: Colour) -> str:
    red, green, blue = colour
    return f"&H00{blue:02X}{green:02X}{red:02X}"


def _cue(lines: list[str], key: str) -> Cue:
    """One block: a number, which may be missing, the times, and the text."""
    number = 0 if _TIMES.match(lines[0]) or len(lines) == 1 else 1
    found = _TIMES.match(lines[number])
    if found is None:
        raise UnsupportedInputError(key, f"is not SubRip: {lines[number].strip()[:40]!r}")
    hours, minutes, seconds, thousandths = (found.groups()[at::4] for at in range(4))
    begin, end = (
        (int(hours[at]) * 3600 + int(minutes[at]) * 60 + int(seconds[at])) * 1000
        + int(thousandths[at].ljust(3, "0"))
        for at in (0, 1)
    )
    return Cue(begin, end, "\n".join(line for line in lines[number + 1 :] if line.strip()))


def _demand_letters(cues: Sequence[Cue], subtitle: Subtitle) -> None:
    text = unescape(_MARKUP.sub("", "".join(cue.text for cue in cues)))
    if missing := missing_letters(text, subtitle.font):
        shown = "".join(sorted(missing)[:10])
        message = f"{subtitle.url}: no installed font has {shown!r}; install one that does"
        raise InvalidParamsError(message)


def _clock(ms: int) -> str:
    seconds, thousandths = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02},{thousandths:03}"
