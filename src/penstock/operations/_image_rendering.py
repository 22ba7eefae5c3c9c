"""Applies a rule to a picture file and checks what came out.

A picture is decoded once, whatever the number of stages. Where the first verb is a thumbnail,
decoding shrinks on the way, so that a large JPEG costs no more than its small copy needs.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from penstock.domain.errors import InputLimitError, InvalidParamsError, OutputRejectedError
from penstock.operations._blind_marks import check_mark, refuse_moving
from penstock.operations._image_bench import Bench, FfmpegRun
from penstock.operations._image_ends import is_animated_png
from penstock.operations._image_geometry import Size, resized
from penstock.operations._image_quality import jpeg_quality
from penstock.operations._image_result import Rendered, check_result
from penstock.operations._image_save import output_format, quality_for, result_path, save
from penstock.operations._image_steps import AutoOrient, BlindMark, Resize, Rule, Step
from penstock.operations._image_verbs import STREAMED, prepared
from penstock.operations._vips import (
    Header,
    Picture,
    as_srgb,
    as_stored,
    check_pixels,
    frame_times,
    open_frames,
    open_picture,
    open_shrunk,
    read_header,
    translated,
    upright,
    vips,
)
from penstock.operations.base import Limits

_ANIMATED = frozenset({"gif", "webp"})
# These hold no orientation beside the picture, or none that every viewer looks at.
_ALWAYS_UPRIGHT = frozenset({"avif", "bmp", "gif", "heif", "psd"})
_KEEP_PROFILES = frozenset({"jpeg", "png", "webp", "tiff", "avif"})
_BEST = 100


def apply_rule_to_file(
    rule: Rule,
    source: Path,
    target_folder: Path,
    *,
    limits: Limits,
    fetch_other: Callable[[str], Path],
    run_ffmpeg: FfmpegRun | None = None,
) -> Path:
    """Apply a rule to a local picture; for operations that make pictures of their own.

    Args:
        run_ffmpeg: As a `Bench` has it.

    Returns:
        A new file in the target folder.

    Raises:
        OperationError: The picture is broken, too large, or does not fit the rule.
    """
    bench = Bench(
        key=source.name,
        folder=target_folder,
        limits=limits,
        fetch_other=fetch_other,
        run_ffmpeg=run_ffmpeg,
    )
    return render(rule, source, bench).path


def render(rule: Rule, source: Path, bench: Bench) -> Rendered:
    """Apply a rule to a picture and write the result to the bench's folder.

    Raises:
        UnsupportedInputError: The picture, or a mark, is broken or of a kind that is not read.
        InputLimitError: It, or what would be made of it, is too large.
        InvalidParamsError: The rule does not fit it, or the format cannot be written.
        ObjectNotFoundError: A mark does not exist.
        OutputRejectedError: The result is not what was asked for.
    """
    source = plainly_named(source, bench.folder)
    header = read_header(source, bench.key, bench.limits)
    refuse_moving(rule.steps, source, header, bench.key)
    if rule.saving.is_slim and is_animated_png(source):
        return _unchanged(source, header, bench)  # libvips would keep its first frame only
    try:
        return _rendered(rule, source, header, bench)
    except (InvalidParamsError, InputLimitError, OutputRejectedError):
        if not rule.saving.ignores_errors:
            raise
        return _unchanged(source, header, bench)


def _rendered(rule: Rule, source: Path, header: Header, bench: Bench) -> Rendered:
    if rule.is_drawing:
        message = f"format/{rule.saving.format} makes drawings smaller, not {header.format}"
        raise InvalidParamsError(message)
    format_name = output_format(rule.saving, header)
    quality = quality_for(rule.saving, format_name, header, source)
    with translated(bench.key):
        if header.frames > 1 and format_name in _ANIMATED:
            frames, steps = _animation(source, header, rule), [*rule.steps]
        else:
            frames, steps = _still(source, header, rule, bench, format_name)
        before = frames
        for step in _turned_first(steps, format_name):
            bench.checkpoint()
            before, frames = frames, _stepped(step, frames, bench)
        if format_name in _ALWAYS_UPRIGHT:
            frames = [upright(frame) for frame in frames]
        bench.checkpoint()
        quality = save(frames, format_name, rule.saving, quality, bench)
        target = result_path(format_name, bench)
        made = Rendered(target, format_name, Size(frames[0].width, frames[0].height), quality)
        check_result(made, frames, bench)
        check_mark(rule.steps, before[0], made, bench)
    is_larger = target.stat().st_size >= source.stat().st_size
    if is_larger and format_name == header.format and _may_keep_source(rule):
        return _unchanged(source, header, bench)
    return made


def _may_keep_source(rule: Rule) -> bool:
    saving = rule.saving
    is_only_slimmed = saving.is_slim and not rule.steps and not saving.animation_frames
    return not saving.label and (saving.keeps_smaller_source or is_only_slimmed)


def _stepped(step: Step, frames: Sequence[Picture], bench: Bench) -> list[Picture]:
    change = prepared(step, Size(frames[0].width, frames[0].height), bench)
    frames = [change(frame) for frame in frames]
    check_pixels(bench.key, Size(frames[0].width, frames[0].height), len(frames), bench.limits)
    return frames


def _still(
    source: Path, header: Header, rule: Rule, bench: Bench, format_name: str
) -> tuple[list[Picture], list[Step]]:
    """The first frame, and the steps that opening it has not done already."""
    steps = list(rule.steps)
    is_oriented = bool(steps) and isinstance(steps[0], AutoOrient)
    rest = steps[1:] if is_oriented else steps
    if rest and isinstance(rest[0], Resize) and not header.is_decoded_whole:
        size = resized(rest[0], header.oriented_size if is_oriented else header.size)
        check_pixels(bench.key, size, 1, bench.limits)
        image = open_shrunk(source, header, size, is_oriented=is_oriented)
        rest = rest[1:]
        return [image.copy_memory() if rest else image], rest
    is_streamed = all(isinstance(step, STREAMED) for step in steps)
    image = open_picture(source, header, bench.key, is_streamed=is_streamed)
    if _leaves_colours(rule, format_name):
        return [as_stored(image, is_cmyk=header.is_cmyk)], steps
    return [as_srgb(image, is_cmyk=header.is_cmyk)], steps


def _leaves_colours(rule: Rule, format_name: str) -> bool:
    """Whether nothing but a blind mark is asked for, and the colour profile can stay."""
    is_only_marked = len(rule.steps) == 1 and isinstance(rule.steps[0], BlindMark)
    return is_only_marked and format_name in _KEEP_PROFILES and not rule.saving.is_stripped


def _turned_first(steps: list[Step], format_name: str) -> list[Step]:
    """The steps; what is stored upright is turned before a blind mark is hidden in it."""
    if format_name in _ALWAYS_UPRIGHT and steps and isinstance(steps[-1], BlindMark):
        return [*steps[:-1], AutoOrient(), steps[-1]]
    return steps


def _animation(source: Path, header: Header, rule: Rule) -> list[Picture]:
    """The frames to keep; those left out lend their time to the one before."""
    frames = [as_srgb(frame) for frame in open_frames(source, header)]
    most = rule.saving.animation_frames
    if not most or len(frames) <= most:
        return frames
    kept = [i * len(frames) // most for i in range(most)]
    first = frames[0].copy()
    delays = frame_times(first, len(frames))
    sums = [sum(delays[a:b]) for a, b in zip(kept, [*kept[1:], len(frames)], strict=True)]
    first.set_type(vips().GValue.array_int_type, "delay", sums)
    return [first, *(frames[i] for i in kept[1:])]


def _unchanged(source: Path, header: Header, bench: Bench) -> Rendered:
    target = bench.folder / f"unchanged.{header.format}"
    shutil.copyfile(source, target)
    quality = jpeg_quality(source) if header.format == "jpeg" else _BEST
    return Rendered(target, header.format, header.size, quality)


def plainly_named(source: Path, folder: Path) -> Path:
    """The same file under a name in which libvips reads no options and which is UTF-8."""
    name = os.fsencode(source)
    if b"[" not in name and name.decode(errors="replace").encode() == name:
        return source
    link = folder / "source"
    link.unlink(missing_ok=True)
    link.symlink_to(source.resolve())
    return link
