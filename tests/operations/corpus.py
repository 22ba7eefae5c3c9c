"""Broken files of each kind, what is asked of them, and a worker that is held to short limits."""

import gzip
import os
import struct
import subprocess  # noqa: TID251  # test material is made without the code under test
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from penstock.domain.trees import Tree
from penstock.engine.runner import Runner
from penstock.operations._ffmpeg import program
from penstock.operations.base import Limits
from penstock.service.workflow_files import read_workflow_file
from tests.engine.stores import open_trouble
from tests.operations.archives import gzipped, locked, rarred, seven_zipped, tarred, zipped
from tests.operations.image_fixtures import animation, noise, png_header

PIXELS = 4_000_000
_MEMORY_BYTES = 3 << 30
_OUTPUT_BYTES = 8 << 20
_MTIME_NS = 1_600_000_000_000_000_000
_LURE = "/etc/passwd"

_ENCODED = "Video: {Codec: H.264, Preset: veryfast, Crf: 30}, Audio: {Codec: aac}"
_TRANSCODE = f"Transcode: {{Container: {{Format: mp4}}, {_ENCODED}}}"
_TRANSCODE_10_BITS = (
    "Transcode: {Container: {Format: mp4}, Video: {Codec: H.265, Crf: 30}, Audio: {Codec: aac}}"
)
_JOINED = "ConcatFragment: [{Url: side/intro.mp4, Mode: Start}], Container: {Format: mp4}"
_ONE = "{type: %s, params: {%s}, output: 'out/%s/${InputNameAndExt}/a${Number}.${Ext}'}"

# What is asked of every file that the operation reads, as the nodes of a workflow file.
_PARAMS: Mapping[str, tuple[str, str]] = {
    "Animation": ("Animation", "Container: {Format: gif}, Video: {Codec: gif}"),
    "Concat": (
        "Concat",
        f"{_JOINED}, {_ENCODED}",
    ),
    "Concat direct": (
        "Concat",
        f"{_JOINED}, DirectConcat: true",
    ),
    "FileCompress": ("FileCompress", "Format: zip, Flatten: 0, Prefix: in/"),
    "NoiseReduction": ("NoiseReduction", "Format: mp3"),
    "PicProcess": ("PicProcess", "ProcessRule: imageMogr2/thumbnail/64x64/format/png"),
    "PicProcess as it is": ("PicProcess", "ProcessRule: imageMogr2/quality/60"),
    "PicProcess view": ("PicProcess", "ProcessRule: imageView2/1/w/40/h/40/format/webp"),
    "PicProcess slim": ("PicProcess", "ProcessRule: imageSlim"),
    "SDRtoHDR": ("SDRtoHDR", f"HdrMode: HLG, {_TRANSCODE_10_BITS}"),
    "Segment": ("Segment", "Format: mkv"),
    "Segment parts": ("Segment", "Format: mp4, Duration: 5"),
    "SmartCover": ("SmartCover", "Count: 2"),
    "Snapshot": ("Snapshot", "Mode: Average, Count: 3"),
    "Snapshot key frames": ("Snapshot", "Mode: KeyFrame, Count: 3"),
    "SuperResolution": ("SuperResolution", f"Resolution: sdtohd, Version: Base, {_TRANSCODE}"),
    "Transcode": ("Transcode", f"Container: {{Format: mp4}}, {_ENCODED}"),
    "Transcode sound": ("Transcode", "Container: {Format: mp3}, Audio: {Codec: mp3}"),
    "Transcode hls": ("Transcode", f"Container: {{Format: hls}}, {_ENCODED}"),
    "VideoEnhance": ("VideoEnhance", f"ColorEnhance: {{Enable: true}}, {_TRANSCODE}"),
    "VideoMontage": ("VideoMontage", f"Duration: 2, Container: {{Format: mp4}}, {_ENCODED}"),
    "VideoProcess": ("VideoProcess", f"ColorEnhance: {{Enable: true}}, {_TRANSCODE}"),
}  # fmt: skip

_NODES: Mapping[str, str] = {
    **{name: _ONE % (*params, name) for name, params in _PARAMS.items()},
    "FileHashCode": "{type: FileHashCode, params: {Type: MD5}}",
    "FileUncompress": "{type: FileUncompress, output: 'out/FileUncompress/${InputNameAndExt}'}",
    "ImageInspect": "{type: ImageInspect}",
    "MediaInfo": "{type: MediaInfo}",
    "Noop": "{type: Noop}",
    "SCF": "{type: SCF, params: {FunctionName: transcribe}}",
    "StreamExtract": (
        "{type: StreamExtract, output: {StreamExtract: "
        "[{Index: 0, Object: 'out/StreamExtract/${InputNameAndExt}/a.mkv'}]}}"
    ),
    "VoiceSeparate": (
        "{type: VoiceSeparate, params: {AudioMode: AudioAndBackground, AudioConfig: {Codec: mp3}},"
        " output: {Object: 'out/VoiceSeparate/${InputNameAndExt}/b.${Ext}',"
        " AuObject: 'out/VoiceSeparate/${InputNameAndExt}/v.${Ext}'}}"
    ),
    "Watermark": (
        "{type: Watermark, params: [{Type: Text, Pos: Bottom, LocMode: Absolute, Dx: 0, Dy: 0, "
        "Text: {Text: x, FontSize: 12, FontColor: '0xFFFFFF', FontType: simfang.ttf, "
        "Transparency: 60}}], output: 'out/Watermark/${InputNameAndExt}/a.${Ext}'}"
    ),
}
_CONDITION = """
  node: {type: Condition, when: %s > 1}
  then: {type: Noop, after: node}
"""
_PACKAGE = """
  package: {type: StreamPackConfig, output: 'out/StreamPack/${InputNameAndExt}/a.${Ext}'}
  small:
    type: VideoStream
    after: package
    params:
      Container: {Format: hls}
      Video: {Codec: H.264, Preset: veryfast, Crf: 30}
      Audio: {Codec: aac}
    output: out/StreamPack/${InputNameAndExt}/small.${Ext}
  all: {type: StreamPack, after: small}
"""


def topologies() -> dict[str, Tree]:
    """What is asked of every file: workflows by a name that begins with the operation's."""
    texts = {name: f"\n  node: {node}\n" for name, node in _NODES.items()}
    texts |= {f"Condition {word}": _CONDITION % word for word in ("ImageWidth", "Duration")}
    texts["StreamPack"] = _PACKAGE
    return {
        name: read_workflow_file(f"name: all\nnodes:{text}", name).topology
        for name, text in texts.items()
    }


def make_runner(argument: str) -> Runner:
    """A runner with short limits; `argument` is its scratch folder and its seconds an object.

    The file `workers` beside the scratch folder tells each process that made one.
    """
    folder, _, seconds = argument.rpartition(":")
    with (Path(folder).parent / "workers").open("a", encoding="ascii") as file:
        file.write(f"{os.getpid()}\n")
    limits = Limits(
        seconds=float(seconds),
        memory_bytes=_MEMORY_BYTES,
        output_bytes=_OUTPUT_BYTES,
        pixels=PIXELS,
    )
    return Runner(
        open_store=open_trouble,
        now_ms=lambda: time.time_ns() // 1_000_000,
        scratch=Path(folder),
        limits=limits,
    )


class Corpus:
    """A bucket of broken files below `in/`, and what operations read beside them below `side/`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "in"
        self.folder.mkdir()
        (root / "side").mkdir()
        self._moving("side/intro.mp4")

    def pictures(self) -> None:
        """Pictures that are whole, cut, too large, or something else."""
        whole = noise(96, 80)
        for extension in ("jpg", "png", "gif", "webp", "avif", "tiff"):
            path = self.folder / f"whole.{extension}"
            whole.save(path)
            content = path.read_bytes()
            for share in (0, 5, 50, 95):
                self.put(f"cut{share}.{extension}", content[: len(content) * share // 100])
        animation(self.folder / "whole-frames.gif")
        content = (self.folder / "whole-frames.gif").read_bytes()
        self.put("cut-frames.gif", content[: len(content) * 2 // 3])
        for name, content in _hostile_pictures():
            self.put(name, content)

    def videos(self) -> None:
        """Videos that are whole, cut, of absurd headers, or something else."""
        whole = self._moving("in/whole.mp4")
        self._copied("whole.mp4", "whole.mkv")
        self._copied("whole.mp4", "whole.ts")
        self._copied("whole.mp4", "front.mp4", "-movflags", "+faststart")
        self._copied("whole.mp4", "parts.mp4", "-movflags", "+frag_keyframe+empty_moov")
        self._run("-i", "in/whole.mp4", "-c:v", "libvpx", "-b:v", "200k", "in/whole.webm")
        for name in ("whole.mkv", "whole.ts", "whole.webm", "front.mp4", "parts.mp4"):
            stem, _, extension = name.partition(".")
            content = (self.folder / name).read_bytes()
            for share in (3, 50):
                self.put(f"cut{share}-{stem}.{extension}", content[: len(content) * share // 100])
        _holed(self.folder / "front.mp4", self.folder / "holes.mp4")
        for name in ("whole.mkv", "whole.ts", "whole.webm", "front.mp4", "parts.mp4"):
            (self.folder / name).unlink()  # one whole file tells that what is asked can be done
        self._run("-f", "lavfi", "-i", "color=red:s=16x16:d=1", "-c:v", "rawvideo", "in/raw.avi")
        raw = (self.folder / "raw.avi").read_bytes()
        (self.folder / "raw.avi").unlink()
        small, huge = struct.pack("<II", 16, 16), struct.pack("<II", 60_000, 60_000)
        self.put("huge.avi", raw.replace(small, huge))
        self.put("no-index.mp4", whole[: whole.index(b"moov")])
        for name, content in _hostile_videos(whole):
            self.put(name, content)

    def sounds(self) -> None:
        """Sound files that are whole, cut, or something else; a whole video beside them."""
        self._moving("in/whole.mp4")
        recipes = {
            "whole.mp3": ("-c:a", "libmp3lame"),
            "whole.wav": (),
            "whole.flac": (),
            "whole.m4a": ("-c:a", "aac", "-movflags", "+faststart"),
            "whole.ogg": ("-c:a", "libvorbis"),
        }
        for name, options in recipes.items():
            self._run(*_SOUND, *options, f"in/{name}")
            content = (self.folder / name).read_bytes()
            extension = name.partition(".")[2]
            for share in (0, 2, 50):
                self.put(f"cut{share}.{extension}", content[: len(content) * share // 100])
        self.put("text.mp3", b"no sound at all " * 200)
        self.put("playlist.mp3", f"#EXTM3U\n#EXTINF:5,\nfile://{_LURE}\n".encode())

    def archives(self) -> None:
        """Archives that are whole, cut, locked or bombs."""
        makers: Mapping[str, Callable[[Path], None]] = {
            "zip": zipped,
            "tar": tarred,
            "tar.gz": lambda path: tarred(path, "w:gz"),
            "gz": lambda path: gzipped(path, os.urandom(20_000)),
            "7z": seven_zipped,
            "rar": rarred,
        }
        for extension, make in makers.items():
            path = self.folder / f"whole.{extension}"
            make(path)
            content = path.read_bytes()
            for share in (0, 4, 50, 90):
                self.put(f"cut{share}.{extension}", content[: len(content) * share // 100])
        locked(self.folder / "locked.zip")
        seven_zipped(self.folder / "locked.7z", password="open sesame")  # noqa: S106  # a test's
        zeros = bytes(_OUTPUT_BYTES * 4)
        with zipfile.ZipFile(self.folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("zeros", zeros)
        self.put("bomb.gz", gzip.compress(zeros))
        tarred(self.folder / "bomb.tar.gz", "w:gz", {"zeros": zeros})
        seven_zipped(self.folder / "bomb.7z", {"zeros": zeros})
        self.put("text.zip", b"no archive at all " * 200)

    def put(self, name: str, content: bytes) -> None:
        """One more file."""
        (self.folder / name).write_bytes(content)

    def seal(self) -> dict[str, tuple[bytes, int]]:
        """Give every file a time long ago; what they hold, and that time, by key."""
        found = {}
        for path in sorted(self.folder.iterdir()):
            if path.is_file():
                os.utime(path, ns=(_MTIME_NS, _MTIME_NS))
        for path in sorted([*self.folder.iterdir(), *(self.root / "side").iterdir()]):
            if path.is_file():
                key = path.relative_to(self.root).as_posix()
                found[key] = (path.read_bytes(), path.stat().st_mtime_ns)
        return found

    def _moving(self, key: str) -> bytes:
        pictures = ("-f", "lavfi", "-i", "testsrc2=s=128x96:r=10:d=3")
        options = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "5")
        self._run(*pictures, *_SOUND, *options, "-c:a", "aac", key)
        return (self.root / key).read_bytes()

    def _copied(self, source: str, target: str, *options: str) -> None:
        self._run("-i", f"in/{source}", "-c", "copy", *options, f"in/{target}")

    def _run(self, *arguments: str) -> None:
        command = [program(), "-v", "error", "-nostdin", "-y", *arguments]
        subprocess.run(command, cwd=self.root, check=True)  # noqa: S603  # our own words


_SOUND = ("-f", "lavfi", "-i", "aevalsrc='sin(2764*t)|sin(2764*t)*0.6+0.1*random(0)':s=44100:d=3")


def _hostile_pictures() -> Iterator[tuple[str, bytes]]:
    yield "bomb.png", png_header(30_000, 30_000)
    yield "edge.png", png_header(2_000_000_000, 1)
    yield "bomb.gif", _gif(60_000, 60_000)
    yield "hollow.png", png_header(200, 200)
    yield (
        "svg.png",
        (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'width="9" height="9"><image xlink:href="file://{_LURE}"/></svg>'
        ).encode(),
    )
    yield "pdf.jpg", b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<<>>\n%%EOF\n"
    yield "ps.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n%%EOF\n"
    yield "mvg.png", f"push graphic-context\nimage over 0,0 0,0 '{_LURE}'\n".encode()
    yield "html.jpg", b"<!DOCTYPE html><html><body>404</body></html>"
    yield "noise.jpg", b"\xff\xd8\xff\xe0" + bytes(range(256)) * 20
    yield "zip.webp", b"PK\x05\x06" + bytes(18)


def _gif(width: int, height: int) -> bytes:
    """A GIF of one frame that promises a size and holds next to nothing."""
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0)
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0)
    return b"GIF89a" + screen + bytes(6) + frame + b"\x02\x02\x4c\x01\x00;"


def _hostile_videos(whole: bytes) -> Iterator[tuple[str, bytes]]:
    yield "empty.mp4", b""
    yield "text.mp4", b"no video at all " * 200
    yield "page.mp4", b"<!DOCTYPE html><html><body>404</body></html>"
    yield "zeros.mp4", bytes(50_000)
    yield "absurd.mp4", _with_length(_with_frame_size(whole, 65_000, 65_000), 0xFFFFFFFE)
    yield "playlist.mp4", f"#EXTM3U\n#EXTINF:5,\nfile://{_LURE}\n#EXT-X-ENDLIST\n".encode()
    yield "lure.mp4", f"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:5,\nconcat:{_LURE}\n".encode()
    yield "script.mp4", f"ffconcat version 1.0\nfile '{_LURE}'\n".encode()
    yield (
        "index.mp4",
        (
            '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period>'
            f"<AdaptationSet><Representation><BaseURL>file://{_LURE}</BaseURL></Representation>"
            "</AdaptationSet></Period></MPD>"
        ).encode(),
    )
    yield "subtitles.mp4", b"1\n00:00:00,000 --> 00:00:02,000\nHello\n\n"
    yield "picture.mp4", png_header(64, 64)


def _with_frame_size(content: bytes, width: int, height: int) -> bytes:
    """An MP4 whose description of the pictures tells a size that the stream does not have."""
    at = content.index(b"avc1", content.index(b"stsd")) + 4 + 24
    return content[:at] + struct.pack(">HH", width, height) + content[at + 4 :]


def _with_length(content: bytes, ticks: int) -> bytes:
    """An MP4 whose headers tell a length."""
    spoilt = bytearray(content)
    for box, offset in ((b"mvhd", 20), (b"mdhd", 20), (b"tkhd", 24)):
        at = -1
        while (at := content.find(box, at + 1)) >= 0:
            spoilt[at + offset : at + offset + 4] = struct.pack(">I", ticks)
    return bytes(spoilt)


def _holed(source: Path, target: Path) -> None:
    """A copy whose media data is overwritten in the middle."""
    content = bytearray(source.read_bytes())
    start = content.index(b"mdat") + (len(content) - content.index(b"mdat")) // 3
    end = start + (len(content) - start) // 2
    content[start:end] = zlib.compress(bytes(end - start)).ljust(end - start, b"\xa5")
    target.write_bytes(content)
