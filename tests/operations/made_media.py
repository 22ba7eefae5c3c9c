"""What a transcode published, described by PyAV on its own account."""

from pathlib import Path
from typing import Any

import av
from PIL import Image

from penstock.domain.trees import Tree, Value
from penstock.operations.transcode import OPERATION
from tests.operations.workspace import FolderWorkspace


class Made:
    """A published output, opened once and described."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with av.open(str(path)) as opened:
            self.seconds = (opened.duration or 0) / 1e6
            self.metadata = dict(opened.metadata)
            self.codecs = [stream.codec_context.codec.canonical_name for stream in opened.streams]
            self.video = self._video(opened)
            self.audio = self._audio(opened)

    @staticmethod
    def _video(opened: av.container.InputContainer) -> dict[str, Any]:
        if not opened.streams.video:
            return {}
        stream = opened.streams.video[0]
        context = stream.codec_context
        found = {
            "size": (context.width, context.height),
            "fps": stream.average_rate,
            "tag": context.codec_tag,
            "profile": context.profile,
            "pixels": context.pix_fmt,
            "aspect": context.sample_aspect_ratio,
            "range": context.color_range,
            "primaries": context.color_primaries,
            "transfer": context.color_trc,
        }
        frames = list(opened.decode(stream))
        keys = [float(frame.time) for frame in frames if frame.key_frame]
        return found | {
            "begin": float(frames[0].time),
            "frames": len(frames),
            "keys": keys,
            "image": _image(frames[0]),
        }

    @staticmethod
    def _audio(opened: av.container.InputContainer) -> dict[str, Any]:
        if not opened.streams.audio:
            return {}
        context = opened.streams.audio[0].codec_context
        return {
            "rate": context.sample_rate,
            "channels": context.channels,
            "layout": context.layout.name,
            "format": context.format.name,
        }


def _image(frame: av.VideoFrame) -> Image.Image:
    rgb = frame.reformat(format="rgb24")
    plane = rgb.planes[0]
    size = (rgb.width, rgb.height)
    return Image.frombytes("RGB", size, bytes(plane), "raw", "RGB", plane.line_size)


def transcode(workspace: FolderWorkspace, format_name: str = "mp4", /, **blocks: Value) -> Made:
    """Transcode a workspace's input into one format, and look at what was published."""
    tree: Tree = {"Transcode": {"Container": {"Format": format_name}, **blocks}}
    result = OPERATION.run(OPERATION.parse(tree), workspace)
    return Made(workspace.published / result.outputs[0].key)
