"""Snapshot: pictures out of a video, one by one or on sheets.

Input: one video. Outputs: JPEG pictures (or what `CIParam` makes of them) under `Output.Object`,
JPEG sheets under `Output.SpriteObject`. `${Number}` counts from 0, `${Time}` is in milliseconds.

    {"type": "Snapshot", "params": {"Mode": "Interval", "Start": "1", "TimeInterval": "10"},
     "output": "covers/${InputName}_${Number}.jpg"}

The display matrix and the shape of pixels are honoured: pictures stand upright and are not
distorted; of two fields one is shown, and HDR becomes SDR. Nothing is stored before every picture
is made. `IsCheckBlack` matters only where `Start` is 0, `IsCheckCount` only with a
`TimeInterval`.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from penstock.domain.errors import InvalidParamsError, UnsupportedInputError
from penstock.domain.executions import OutputObject
from penstock.operations._av import main_video, open_media
from penstock.operations._ffmpeg import ffmpeg_on
from penstock.operations._frames import FrameReader, Shot
from penstock.operations._image_geometry import Size
from penstock.operations._image_rendering import apply_rule_to_file
from penstock.operations._image_steps import Rule
from penstock.operations._probe import VideoFacts, probe
from penstock.operations._snapshot_params import MAX_COUNT, BlackCheck, Mode, Params, Sprite
from penstock.operations._stills import (
    cell_size,
    is_black,
    save_jpeg,
    save_png,
    scaled,
    sheet_of,
    shown_size,
    still_of,
)
from penstock.operations._vips import Picture
from penstock.operations.base import Family, Kind, Operation, Result, Workspace

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

_JPEG_EXTENSIONS = frozenset({"jpg", "jpeg"})


def run(params: Params, workspace: Workspace) -> Result:
    """Take the pictures, and publish them when all are there.

    Raises:
        UnsupportedInputError: The input has no video, not one frame can be decoded, or it ends
            before the last picture.
        InvalidParamsError: `Start` lies beyond the end.
        InputLimitError: A frame, a picture or a sheet has too many pixels.
    """
    path = workspace.fetch()
    video = probe(path, workspace.key).video
    if video is None:
        raise UnsupportedInputError(workspace.key, "has no video")
    if params.start >= video.span.end:
        message = f"Start is {float(params.start):g} s, the video ends at {video.span.end:g} s"
        raise InvalidParamsError(message)
    outputs = _Outputs(params, video, workspace)
    with open_media(path, workspace.key) as media:
        stream = main_video(media)
        if stream is not None:
            for shot in _shots(params, video, media, stream, workspace):
                outputs.take(shot)
    return Result(outputs=outputs.finish())


class _Still(NamedTuple):
    """A picture that is not published yet: its file, its extension, its time in milliseconds."""

    path: Path
    extension: str
    time_ms: int


class _Outputs:
    """Makes of each frame what is asked for, and publishes everything at the end."""

    def __init__(self, params: Params, video: VideoFacts, workspace: Workspace) -> None:
        self._params = params
        self._video = video
        self._workspace = workspace
        self._size = scaled(shown_size(video), params.width, params.height)
        self._taken = 0
        self._pictures: list[_Still] = []
        self._sheets = (
            None if params.sprite is None else _Sheets(params.sprite, self._size, workspace)
        )

    def take(self, shot: Shot) -> None:
        """Use one more frame."""
        workspace = self._workspace
        if self._params.has_snapshots:
            still = still_of(shot.frame, self._video, self._size, workspace)
            self._pictures.append(self._made(still, shot.seconds))
        if self._sheets is not None:
            inner = self._sheets.picture_size
            self._sheets.add(still_of(shot.frame, self._video, inner, workspace))
        self._taken += 1
        end = Fraction(self._video.span.end)
        workspace.report(min(float(shot.seconds / end), 1.0))
        workspace.checkpoint()

    def finish(self) -> tuple[OutputObject, ...]:
        """Publish pictures, then sheets.

        Raises:
            UnsupportedInputError: There was not one frame.
        """
        if not self._taken:
            raise UnsupportedInputError(self._workspace.key, "no frame can be decoded")
        pictures = []
        for number, one in enumerate(self._pictures):
            self._workspace.checkpoint()
            pictures.append(
                self._workspace.publish(
                    one.path, extension=one.extension, number=number, time_ms=one.time_ms
                )
            )
        sheets = () if self._sheets is None else self._sheets.finish()
        return (*pictures, *sheets)

    def _made(self, still: Picture, seconds: Fraction) -> _Still:
        workspace, rule = self._workspace, self._params.rule
        # A name of its own: the nodes behind read every picture, after the last was made.
        folder = workspace.scratch / f"snapshot_{self._taken}"
        folder.mkdir()
        path, extension = folder / "snapshot.jpg", "jpg"
        if rule is None:
            save_jpeg(still, path, workspace.key)
        else:
            extension = rule.extension("jpg")
            path = _ruled(rule, still, folder, workspace)
        return _Still(path, extension, round(seconds * 1000))


def _ruled(rule: Rule, still: Picture, folder: Path, workspace: Workspace) -> Path:
    """The file that a picture rule makes of a still."""
    if rule.extension("jpg") in _JPEG_EXTENSIONS:
        path = folder / "snapshot.jpg"
        save_jpeg(still, path, workspace.key)
    else:
        path = folder / "snapshot.png"
        save_png(still, path, workspace.key)
    made = apply_rule_to_file(
        rule,
        path,
        folder,
        limits=workspace.limits,
        fetch_other=workspace.fetch_other,
        run_ffmpeg=ffmpeg_on(workspace),
    )
    if made != path:
        path.unlink()
    return made


class _Sheets:
    """Collects the cells of one sheet at a time, and makes it when it is full."""

    def __init__(self, sprite: Sprite, snapshot: Size, workspace: Workspace) -> None:
        self._sprite = sprite
        self._workspace = workspace
        self._cell, self.picture_size = cell_size(sprite, snapshot)
        self._waiting: list[Picture] = []
        self._made: list[Path] = []

    def add(self, picture: Picture) -> None:
        """Put a picture into the next cell."""
        self._waiting.append(picture)
        if len(self._waiting) == self._sprite.cells:
            self._make()

    def finish(self) -> tuple[OutputObject, ...]:
        """Make the last sheet, however empty, and publish all."""
        if self._waiting:
            self._make()
        return tuple(
            self._workspace.publish(path, extension="jpg", number=number, target="SpriteObject")
            for number, path in enumerate(self._made)
        )

    def _make(self) -> None:
        sheet = sheet_of(self._waiting, self._sprite, self._cell, self._workspace)
        path = self._workspace.scratch / f"sheet_{len(self._made)}.jpg"
        save_jpeg(sheet, path, self._workspace.key)
        self._made.append(path)
        self._waiting = []


def _shots(
    params: Params,
    video: VideoFacts,
    media: "InputContainer",
    stream: "VideoStream",
    workspace: Workspace,
) -> Iterator[Shot]:
    """The frames that the params ask for, in order, at most `Count`."""
    reader = FrameReader(media, stream, workspace)
    start = params.start
    if params.black is not None and not start:
        start = _end_of_black(reader, params.black)
    if params.mode is Mode.KEY_FRAME:
        shots = reader.key_frames_since(start)
    elif params.mode is Mode.INTERVAL and params.interval is None:
        shots = reader.since(start)
    else:
        times = _times(params, start, Fraction(video.span.end))
        shots = reader.at(times, is_strict=True)
    for _, shot in zip(range(params.count or MAX_COUNT), shots, strict=False):
        yield shot


def _times(params: Params, start: Fraction, end: Fraction) -> Iterator[Fraction]:
    """The moments of modes Interval and Average: `Start + k * step`, before the end."""
    count = params.count or MAX_COUNT
    step = params.interval
    is_too_short = step is not None and start + (count - 1) * step >= end
    is_evened = params.is_count_checked and params.count is not None and is_too_short
    if step is None or is_evened or params.mode is Mode.AVERAGE:
        step = (end - start) / count
    for number in range(count):
        seconds = start + number * step
        if seconds >= end:
            return
        yield seconds


def _end_of_black(reader: FrameReader, check: BlackCheck) -> Fraction:
    """When the first frame that is not black begins; 0 where all are."""
    for shot in reader.since(Fraction(0)):
        if not is_black(shot.frame, check):
            return max(shot.seconds, Fraction(0))
    return Fraction(0)


OPERATION = Operation(
    tag="Snapshot",
    block="Snapshot",
    family=Family.MEDIA,
    reads=frozenset({Kind.VIDEO}),
    parse=Params.parse,
    run=run,
)
