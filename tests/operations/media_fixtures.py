"""Small media files made on the spot by ffmpeg, whose content tells where it comes from."""

import functools
import subprocess  # noqa: TID251  # test material is made without the code under test
from collections.abc import Mapping
from pathlib import Path

import pytest

from penstock.operations._ffmpeg import program
from penstock.operations.base import Limits
from tests.operations.workspace import FolderWorkspace

SECONDS = 2
FPS = 25
_PICTURES = f"testsrc2=s=160x120:r={FPS}:d={SECONDS}"
_SOUND = f"sine=f=440:r=44100:d={SECONDS}"
# The luma of frame n is 16 + 4 * n: a frame tells its number.
_NUMBERED = f"color=black:s=160x120:r={FPS}:d={SECONDS},geq=lum='16+4*N':cb=128:cr=128"
_SPARSE = "color=black:s=160x120:r=1:d=40,geq=lum='16+4*N':cb=128:cr=128"
_SLOW = "color=black:s=160x120:r=5:d=12,geq=lum='16+2*N':cb=128:cr=128"
# Top left red, top right green, bottom left blue, bottom right white.
_CORNERS = (
    f"color=red:s=160x120:r={FPS}:d=1,"
    "drawbox=80:0:80:60:lime:fill,drawbox=0:60:80:60:blue:fill,drawbox=80:60:80:60:white:fill"
)
_DARK_START = (
    f"color=black:s=160x120:r={FPS}:d=1[a];color=white:s=160x120:r={FPS}:d=1[b];[a][b]concat"
)
_MOSTLY_PLAIN = (
    "color=black:s=160x120:r=5:d=4[a];testsrc2=s=160x120:r=5:d=2[b];"
    "color=white:s=160x120:r=5:d=4[c];[a][b][c]concat=n=3"
)
_HDR = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
_ZOOM = "mandelbrot=s=320x240:r=5:end_scale=0.1,trim=duration=1"
_DULL = "lutyuv=y='70+val/4':u='96+val/4':v='96+val/4'"
_CAST = "lutyuv=u='clip(val+24,16,240)':v='clip(val-20,16,240)'"
_TO_709 = "zscale=m=bt709:p=bt709:t=bt709:r=tv:pin=bt709:tin=bt709,format=yuv420p"
_SCENES = (
    "color=0x404040:s=160x120:r=10:d=10[still];testsrc2=s=160x120:r=10:d=10,format=gray[moving];"
    "[still][moving]overlay=enable='eq(mod(floor(t/2),2),1)',format=yuv420p,"
    "geq=lum='lum(X,Y)':cb='128+80*eq(floor(T/2),1)-40*eq(floor(T/2),3)'"
    ":cr='128-40*eq(floor(T/2),1)+80*eq(floor(T/2),3)'"
)
_QUIET_AND_LOUD = "sine=f=440:r=44100:d=10,volume='if(eq(mod(floor(t/2),2),1),4,0.01)':eval=frame"
# White for one frame, and a tone, at each of the first three full seconds.
_FLASHES = (
    f"color=black:s=160x120:r={FPS}:d=4,"
    "drawbox=color=white:t=fill:enable='lt(mod(t,1),0.03)*gt(t,0.5)'"
)
_TONES = "aevalsrc='if(lt(mod(t,1),0.04)*gt(t,0.5),sin(2*PI*1000*t),0)':s=48000:d=4"
# Sixty frames a second, and then six.
_UNSTEADY = "select='if(lt(t,1),1,not(mod(n,10)))'"
_FIELDS = "color=black:s=160x120:r=50:d=2[a];color=red:s=20x80:r=50:d=2[b];[a][b]overlay=t*60:20"
_TO_PQ = (
    "scale=out_color_matrix=bt709,format=yuv420p,"
    "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv,"
    "zscale=t=linear:npl=203,format=gbrpf32le,"
    "zscale=p=bt2020:t=smpte2084:m=bt2020nc:r=tv:npl=203,format=yuv420p10le"
)
_TO_LARGE = "scale=out_color_matrix=bt709,format=yuv420p"
_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")

_RECIPES: Mapping[str, tuple[str, ...]] = {
    "clip.mp4": (
        *("-f", "lavfi", "-i", _PICTURES, "-f", "lavfi", "-i", _SOUND),
        *(*_H264, "-c:a", "aac", "-g", "10", "-metadata", "title=A clip"),
    ),
    "silent.mp4": ("-f", "lavfi", "-i", _PICTURES, *_H264),
    "sound.mp3": ("-f", "lavfi", "-i", _SOUND, "-c:a", "libmp3lame"),
    "sound.aac": ("-f", "lavfi", "-i", _SOUND, "-c:a", "aac"),
    "numbered.mp4": ("-f", "lavfi", "-i", _NUMBERED, *_H264, "-qp", "1", "-g", "10"),
    "white.mp4": (
        *("-f", "lavfi", "-i", f"color=white:s=160x120:r={FPS}:d={SECONDS}", *_H264),
    ),
    "numbered.ts": ("-i", "numbered.mp4", "-c", "copy"),
    "numbered.mkv": ("-i", "numbered.mp4", "-c", "copy"),
    # One frame a second, whose luma is 16 + 4 * second.
    "sparse.mp4": ("-f", "lavfi", "-i", _SPARSE, *_H264, "-qp", "1", "-g", "5"),
    "sparse.ts": ("-i", "sparse.mp4", "-c", "copy"),
    "sparse.mkv": ("-i", "sparse.mp4", "-c", "copy"),
    "numbered.h264": ("-i", "numbered.mp4", "-c", "copy"),
    "corners.mp4": ("-f", "lavfi", "-i", _CORNERS, *_H264, "-qp", "1"),
    "corners709.mp4": (
        *("-f", "lavfi", "-i", f"{_CORNERS},format=gbrp,{_TO_709}", *_H264, "-qp", "1"),
    ),
    "turned.mp4": ("-display_rotation", "-90", "-i", "corners.mp4", "-c", "copy"),
    "mirrored.mp4": ("-display_hflip", "-i", "corners.mp4", "-c", "copy"),
    "wide_pixels.mp4": (
        *("-f", "lavfi", "-i", f"{_PICTURES},setsar=2", *_H264),
    ),
    "dark_start.mp4": ("-f", "lavfi", "-i", _DARK_START, *_H264),
    "mostly_plain.mp4": ("-f", "lavfi", "-i", _MOSTLY_PLAIN, *_H264),
    "odd.mkv": ("-f", "lavfi", "-i", f"testsrc2=s=161x121:r={FPS}:d=1", "-c:v", "ffv1"),
    "two_tracks.mkv": (
        *("-f", "lavfi", "-i", _PICTURES, "-f", "lavfi", "-i", _SOUND),
        *("-f", "lavfi", "-i", f"sine=f=880:r=44100:d={SECONDS}", "-map", "0", "-map", "1"),
        *("-map", "2", *_H264, "-c:a", "aac", "-metadata:s:a:1", "language=eng"),
    ),
    "covered.mp3": (
        *("-f", "lavfi", "-i", _SOUND, "-f", "lavfi", "-i", "color=red:s=64x64:d=0.04"),
        *("-map", "0", "-map", "1", "-c:a", "libmp3lame", "-c:v", "mjpeg"),
        *("-disposition:v", "attached_pic"),
    ),
    "hdr.mkv": (
        *("-f", "lavfi", "-i", f"testsrc2=s=160x120:r={FPS}:d=1,format=yuv420p10le,{_HDR}"),
        *("-c:v", "libx265", "-x265-params", "log-level=error"),
    ),
    "long.mp4": (
        *("-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=40", *_H264, "-g", "250"),
    ),
    # Key frames every two seconds; the luma of frame n is 16 + 2 * n.
    "parts.mp4": (
        *("-f", "lavfi", "-i", _SLOW, "-f", "lavfi", "-i", "sine=f=440:r=44100:d=12"),
        *(*_H264, "-qp", "1", "-g", "10", "-c:a", "aac"),
    ),
    # Fine detail; its half, in which some of it is lost; little contrast; a cast; soft edges.
    "detail.mkv": ("-f", "lavfi", "-i", f"{_ZOOM},format=yuv420p", "-c:v", "ffv1"),
    "half.mkv": ("-i", "detail.mkv", "-vf", "scale=160:120:flags=area", "-c:v", "ffv1"),
    "dull.mp4": ("-f", "lavfi", "-i", f"{_PICTURES},{_DULL}", *_H264, "-qp", "1", "-t", "0.4"),
    "cast.mp4": ("-f", "lavfi", "-i", f"{_PICTURES},{_CAST}", *_H264, "-qp", "1", "-t", "0.4"),
    "soft.mp4": (
        *("-f", "lavfi", "-i", f"{_PICTURES},gblur=sigma=1.5", *_H264, "-qp", "1", "-t", "0.4"),
    ),
    "uneven.mkv": (
        *("-f", "lavfi", "-i", f"testsrc2=s=162x122:r={FPS}:d=1"),
        *("-vf", "format=yuv420p,crop=161:121:exact=1", "-c:v", "ffv1"),
    ),
    # Five scenes of two seconds: only in the second, blue, and the fourth, red, does anything
    # move, and there it is loud.
    "highlights.mp4": (
        *("-f", "lavfi", "-i", _SCENES, "-f", "lavfi", "-i", _QUIET_AND_LOUD),
        *(*_H264, "-qp", "4", "-g", "10", "-c:a", "aac", "-t", "10"),
    ),
    "full_hd.mp4": ("-f", "lavfi", "-i", "color=gray:s=1920x1080:r=5:d=0.4", *_H264),
    "beats.mp4": (
        *("-f", "lavfi", "-i", _FLASHES, "-f", "lavfi", "-i", _TONES, *_H264, "-c:a", "aac"),
    ),
    "late_sound.mp4": (
        *("-i", "beats.mp4", "-itsoffset", "0.5", "-i", "beats.mp4"),
        *("-map", "0:v", "-map", "1:a", "-c", "copy"),
    ),
    "late_video.mp4": (
        *("-itsoffset", "1", "-i", "beats.mp4", "-i", "beats.mp4"),
        *("-map", "0:v", "-map", "1:a", "-c", "copy"),
    ),
    "late_clock.mkv": ("-i", "beats.mp4", "-c", "copy", "-output_ts_offset", "10"),
    "short_video.mkv": (
        *("-f", "lavfi", "-i", _PICTURES, "-f", "lavfi", "-i", _TONES, *_H264, "-c:a", "aac"),
    ),
    "beats.avi": ("-i", "beats.mp4", "-c:v", "mpeg4", "-c:a", "libmp3lame"),
    "beats.flv": ("-i", "beats.mp4", "-c", "copy"),
    "beats.mpg": ("-i", "beats.mp4", "-c:v", "mpeg2video", "-c:a", "mp2"),
    "trimmed.mp4": ("-ss", "1.5", "-i", "parts.mp4", "-c", "copy"),
    "live.webm": (
        *("-i", "beats.mp4", "-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libvorbis"),
        *("-f", "webm", "-live", "1"),
    ),
    **dict.fromkeys(("unsteady.mkv", "unsteady.mp4"), (
        *("-f", "lavfi", "-i", "testsrc2=s=160x120:r=60:d=3", "-vf", _UNSTEADY),
        *("-fps_mode", "vfr", *_H264),
    )),
    # A hair's breadth longer than two parts, and than two segments.
    "ten.mp4": (
        *("-f", "lavfi", "-i", "color=gray:s=160x120:r=5:d=10"),
        *("-f", "lavfi", "-i", "sine=f=440:r=44100:d=10.03", *_H264, "-c:a", "aac"),
    ),
    "crumb.mp4": (
        *("-f", "lavfi", "-i", f"testsrc2=s=160x120:r={FPS}:d=4.04"),
        *("-f", "lavfi", "-i", "sine=f=440:r=44100:d=4.04", *_H264, "-c:a", "aac"),
    ),
    # What tells of its rate tells the mean.
    "unknown_rate.mkv": ("-i", "unsteady.mp4", "-c", "copy"),
    "fields.mp4": (
        *("-f", "lavfi", "-i", _FIELDS, "-vf", "format=yuv420p,interlace=lowpass=off"),
        *(*_H264, "-qp", "1", "-flags", "+ilme+ildct"),
    ),
    "large.mp4": (
        *("-f", "lavfi", "-i", f"color=0xC02040:s=1280x720:r=5:d=0.4,{_TO_LARGE}"),
        *("-c:v", "libx264", "-qp", "1", "-x264-params", "colormatrix=undef"),
    ),
    "large709.mp4": (
        *("-f", "lavfi", "-i", f"color=0xC02040:s=1280x720:r=5:d=0.4,{_TO_LARGE}"),
        *("-c:v", "libx264", "-qp", "1", "-colorspace", "bt709"),
    ),
    "glow.mkv": (
        *("-f", "lavfi", "-i", f"color=0xE07030:s=160x120:r=5:d=0.4,{_TO_PQ}"),
        *("-c:v", "libx265", "-x265-params", "log-level=error"),
    ),
    "picture.jpg": ("-f", "lavfi", "-i", "testsrc2=s=160x120:d=0.04", "-frames:v", "1"),
}  # fmt: skip
_SOURCES = {
    **dict.fromkeys(("numbered.ts", "numbered.mkv", "numbered.h264"), "numbered.mp4"),
    **dict.fromkeys(("sparse.ts", "sparse.mkv"), "sparse.mp4"),
    "half.mkv": "detail.mkv",
    **dict.fromkeys(("turned.mp4", "mirrored.mp4"), "corners.mp4"),
    **dict.fromkeys(("beats.avi", "beats.flv", "beats.mpg", "live.webm"), "beats.mp4"),
    **dict.fromkeys(("late_sound.mp4", "late_video.mp4", "late_clock.mkv"), "beats.mp4"),
    "trimmed.mp4": "parts.mp4",
    "unknown_rate.mkv": "unsteady.mp4",
}


class MediaFolder:
    """A bucket of test media; each file is made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made = functools.cache(self._make)

    def path(self, key: str) -> Path:
        """A file of `_RECIPES`, made if need be."""
        return self._made(key)

    def workspace(
        self,
        key: str,
        folder: Path,
        *,
        outputs: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> FolderWorkspace:
        """A workspace in a folder of its own whose input is one of the files."""
        (folder / key).symlink_to(self.path(key))
        return FolderWorkspace(folder, key, outputs=outputs, limits=limits)

    def _make(self, key: str) -> Path:
        if key in _SOURCES:
            self.path(_SOURCES[key])
        command = [program(), "-v", "error", "-nostdin", "-y", *_RECIPES[key], key]
        subprocess.run(command, cwd=self.folder, check=True)  # noqa: S603  # our own words
        return self.folder / key


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> MediaFolder:
    """The bucket of test media of this session."""
    return MediaFolder(tmp_path_factory.mktemp("media"))
