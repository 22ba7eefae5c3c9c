"""Measures a video from end to end: motion, changes of scene, loudness."""

from collections.abc import Iterator
from pathlib import Path

from penstock.operations._ffmpeg import MediaInput, run_ffmpeg
from penstock.operations._montage_choice import Curves, Sample
from penstock.operations._probe import Media
from penstock.operations.base import Workspace

_PICTURES, _SOUND = "pictures.txt", "sound.txt"
_MOTION, _CHANGE, _LOUDNESS = "lavfi.scd.mafd", "lavfi.scd.score", "lavfi.r128.M"
_LEAST_CHANGE = 10.0  # what the filter itself takes for a change of scene
_TIME = "pts_time:"


def measure(path: Path, media: Media, workspace: Workspace) -> Curves:
    """Decode all of it once, small.

    Raises:
        UnsupportedInputError: The file is broken.
    """
    graph: list[str] = []
    maps: list[str] = []
    if media.video is not None:
        graph.append(
            f"[0:{media.video.index}]scale=160:-2,scdet=threshold={_LEAST_CHANGE:g},"
            f"metadata=print:file={_PICTURES}[pictures]"
        )
        maps += ["-map", "[pictures]"]
    if media.audio is not None:
        graph.append(
            f"[0:{media.audio.index}]ebur128=metadata=1,"
            f"ametadata=print:key={_LOUDNESS}:file={_SOUND}[sound]"
        )
        maps += ["-map", "[sound]"]
    options = ("-filter_complex", ";".join(graph), *maps, "-fps_mode", "passthrough")
    run_ffmpeg(workspace, [MediaInput(path=path)], (*options, "-f", "null", "nothing"))
    pictures, sound = workspace.scratch / _PICTURES, workspace.scratch / _SOUND
    curves = Curves(
        motion=[*_samples(pictures, _MOTION)],
        loudness=[*_samples(sound, _LOUDNESS)],
        cuts=[one.seconds for one in _samples(pictures, _CHANGE) if one.value >= _LEAST_CHANGE],
    )
    pictures.unlink(missing_ok=True)
    sound.unlink(missing_ok=True)
    return curves


def _samples(notes: Path, key: str) -> Iterator[Sample]:
    """One value of each frame that a filter made notes of."""
    if not notes.exists():
        return
    seconds = 0.0
    with notes.open(encoding="ascii") as lines:
        for line in lines:
            name, _, value = line.strip().partition("=")
            if name == key:
                yield Sample(seconds, float(value))
            elif _TIME in line:
                seconds = float(line.partition(_TIME)[2])
