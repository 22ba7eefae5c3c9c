"""Small pictures, clips and sounds made on the spot, and independent looks at results."""

import functools
import io
import subprocess  # noqa: TID251  # test material is made without the code under test
import tempfile
from pathlib import Path
from typing import NamedTuple

import av
import imageio_ffmpeg
from PIL import Image

_CLIP = "testsrc2=s=160x120:r=25"
_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def picture(width: int = 160, height: int = 120, *, kind: str = "PNG", seed: int = 0) -> bytes:
    """A picture with a gradient; the seed changes its colours."""
    image = Image.linear_gradient("L").resize((width, height))
    colours = [image.point(lambda value, by=by: (value * by + seed) % 256) for by in (1, 2, 3)]
    target = io.BytesIO()
    Image.merge("RGB", colours).save(target, kind)
    return target.getvalue()


@functools.cache
def clip(seconds: int = 1) -> bytes:
    """An MP4 of a moving test card with a tone."""
    sound = f"sine=f=440:r=44100:d={seconds}"
    return _made("clip.mp4", f"{_CLIP}:d={seconds}", *("-f", "lavfi", "-i", sound, *_H264))


@functools.cache
def tone(seconds: int = 1) -> bytes:
    """A WAV of a tone."""
    return _made("tone.wav", f"sine=f=440:r=44100:d={seconds}")


class Probe(NamedTuple):
    """What a media file really is.

    Attributes:
        format: Names of the container.
        video: Codec of the picture; empty where there is none.
        audio: Codec of the sound; empty where there is none.
        size: Width and height in pixels; zeros where there is no picture.
        seconds: How long it plays.
    """

    format: str
    video: str
    audio: str
    size: tuple[int, int]
    seconds: float


def probe(content: bytes) -> Probe:
    """Open and decode a media file to its end with PyAV."""
    with av.open(io.BytesIO(content), mode="r") as opened:
        video, audio = opened.streams.video, opened.streams.audio
        found = Probe(
            opened.format.name,
            video[0].codec_context.codec.canonical_name if video else "",
            audio[0].codec_context.codec.canonical_name if audio else "",
            (video[0].codec_context.width, video[0].codec_context.height) if video else (0, 0),
            (opened.duration or 0) / 1e6,
        )
        assert list(opened.decode())
    return found


def look(content: bytes) -> tuple[str, tuple[int, int]]:
    """Decode a picture whole; its format and size."""
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        return str(image.format), image.size


def _made(name: str, source: str, *arguments: str) -> bytes:
    """What ffmpeg makes of a source that it invents."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / name
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin"]
        command += ["-f", "lavfi", "-i", source, *arguments, str(target)]
        subprocess.run(command, check=True)  # noqa: S603  # our own words
        return target.read_bytes()
