"""SmartCover: the frames of a video that make the best covers.

Input: one video. Outputs: pictures, the best one first, numbered from 0.

    {"type": "SmartCover", "params": {"Count": "3", "Width": "640", "DeleteDuplicates": "true"},
     "output": "covers/${InputName}_${Number}.${Ext}"}

What is best is a matter of taste, and this is an approximation: of moments spread evenly over
the video, those are taken that are sharp, colourful and rich in contrast, apart from each other
by at least half a share of the length; nobody looks for faces. There are exactly `Count`
covers, except that with `DeleteDuplicates` pictures that look alike are left out.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from penstock.domain.errors import OutputRejectedError, UnsupportedInputError
from penstock.domain.trees import Tree, child
from penstock.operations._av import main_video, open_media
from penstock.operations._cover_scores import Look, look_at, look_size
from penstock.operations._frames import FrameReader, Shot
from penstock.operations._probe import VideoFacts, probe
from penstock.operations._stills import (
    check_pixels,
    save_jpeg,
    save_png,
    save_webp,
    scaled,
    shown_size,
    still_of,
)
from penstock.operations._vips import read_header
from penstock.operations.base import Family, Kind, Operation, Result, Workspace
from penstock.operations.params import ParamReader, is_empty

_SAVERS = {"jpg": save_jpeg, "png": save_png, "webp": save_webp}
_DEFAULT_COUNT = 3
_LEAST_CANDIDATES = 24
_CANDIDATES_A_COVER = 8
_SHARE_OF_SEARCH = 0.8
_NUMBERED = re.compile(r"\$\{number\}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Which covers to make.

    Attributes:
        format: `jpg`, `png` or `webp`; also the extension.
        width: In pixels; None keeps the ratio, or the source's size.
        height: In pixels; None keeps the ratio, or the source's size.
        count: How many, from 1 to 10.
        is_distinct: Whether pictures that look alike are left out.
    """

    format: str
    width: int | None
    height: int | None
    count: int
    is_distinct: bool

    @classmethod
    def parse(cls, tree: Tree) -> "Params":
        """Read the block `SmartCover`, and check that `Output` can tell the results apart.

        Raises:
            InvalidArgumentError: Some leaves are wrong; names them all.
        """
        top = ParamReader(tree)
        reader = top.block("SmartCover")
        params = cls(
            format=reader.choice("Format", _SAVERS, "jpg"),
            width=reader.integer("Width", 128, 4096),
            height=reader.integer("Height", 128, 4096),
            count=reader.integer("Count", 1, 10) or _DEFAULT_COUNT,
            is_distinct=reader.flag("DeleteDuplicates"),
        )
        if not is_empty(child(tree, "Output")):
            output = top.block("Output")
            pattern = output.required_text("Object")
            if params.count > 1 and pattern and not _NUMBERED.search(pattern):
                output.fault("Object", "a pattern with ${Number}: there can be several results")
        top.finish()
        return params


class _Candidate(NamedTuple):
    """A moment, and what its frame looks like."""

    seconds: Fraction
    look: Look


def run(params: Params, workspace: Workspace) -> Result:
    """Look at moments of the video, choose, and publish the chosen ones.

    Raises:
        UnsupportedInputError: The input has no video, or not one frame can be decoded.
        InputLimitError: A picture has too many pixels.
        OutputRejectedError: What came out is not what was asked for.
    """
    path = workspace.fetch()
    video = probe(path, workspace.key).video
    if video is None:
        raise UnsupportedInputError(workspace.key, "has no video")
    check_pixels(scaled(shown_size(video), params.width, params.height), workspace)
    chosen = _chosen(params, _candidates(params, video, path, workspace))
    covers = _covers(params, chosen, video, path, workspace)
    return Result(
        outputs=tuple(
            workspace.publish(cover, extension=params.format, number=number)
            for number, cover in enumerate(covers)
        )
    )


def _candidates(
    params: Params, video: VideoFacts, path: Path, workspace: Workspace
) -> Sequence[_Candidate]:
    """What the video looks like at moments spread evenly over it."""
    count = max(_CANDIDATES_A_COVER * params.count, _LEAST_CANDIDATES)
    step = Fraction(video.seconds) / count
    first = Fraction(video.span.begin) + step / 2
    times = [first + step * number for number in range(count)]
    small = look_size(shown_size(video))
    candidates = []
    for shot in _shots(times, path, workspace):
        still = still_of(shot.frame, video, small, workspace)
        candidates.append(_Candidate(shot.seconds, look_at(still)))
        workspace.report(_SHARE_OF_SEARCH * len(candidates) / count)
    if not candidates:
        raise UnsupportedInputError(workspace.key, "no frame can be decoded")
    return candidates


def _chosen(params: Params, candidates: Sequence[_Candidate]) -> Sequence[Fraction]:
    """The moments of the best frames, the best first.

    Every choice rules out less than the `Count`th part of the moments, so that there are always
    enough unless pictures that look alike are left out.
    """
    steps = max(len(candidates) - 1, 1)
    length = (candidates[-1].seconds - candidates[0].seconds) * len(candidates) / steps
    apart = length / (2 * params.count)
    chosen: list[_Candidate] = []
    for one in sorted(candidates, key=lambda found: -found.look.score):
        is_near = any(abs(one.seconds - other.seconds) < apart for other in chosen)
        is_repeated = params.is_distinct and any(one.look.is_like(other.look) for other in chosen)
        if not is_near and not is_repeated:
            chosen.append(one)
        if len(chosen) == params.count:
            break
    return [one.seconds for one in chosen]


def _covers(
    params: Params, chosen: Sequence[Fraction], video: VideoFacts, path: Path, workspace: Workspace
) -> Sequence[Path]:
    """One checked file for each moment, in the order given."""
    size = scaled(shown_size(video), params.width, params.height)
    paths = {
        seconds: workspace.scratch / f"cover_{rank}.{params.format}"
        for rank, seconds in enumerate(chosen)
    }
    made = 0
    for shot in _shots(sorted(chosen), path, workspace):
        cover = paths[shot.seconds]
        _SAVERS[params.format](still_of(shot.frame, video, size, workspace), cover, workspace.key)
        made += read_header(cover, workspace.key, workspace.limits).size == size
        workspace.report(_SHARE_OF_SEARCH + (1 - _SHARE_OF_SEARCH) * made / len(chosen))
    if made != len(chosen):
        message = f"expected {len(chosen)} covers of {size.width}x{size.height}, got {made}"
        raise OutputRejectedError(message)
    return list(paths.values())


def _shots(times: Sequence[Fraction], path: Path, workspace: Workspace) -> Iterator[Shot]:
    """The frames shown at rising times."""
    with open_media(path, workspace.key) as media:
        stream = main_video(media)
        if stream is not None:
            yield from FrameReader(media, stream, workspace).at(times)


OPERATION = Operation(
    tag="SmartCover",
    block="SmartCover",
    family=Family.MEDIA,
    reads=frozenset({Kind.VIDEO}),
    parse=Params.parse,
    run=run,
)
