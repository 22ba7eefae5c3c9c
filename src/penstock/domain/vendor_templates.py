"""The vendor's official templates (`nodes.md` 12), under the ids that programs know them by.

They belong to no bucket and are never stored.
"""

from collections.abc import Iterator

from penstock.domain.resources import OFFICIAL, Template
from penstock.domain.trees import Tree

# Size and video bitrate (kbps), then the ids for mp4, hls, flv.
_TRANSCODES = """
    640   512  t0e2b9f4cd25184c6ab73d0c85a6ee9cb5 t0e634622e8dfb49339ba478d60ddc7188
               t0e165bef65ed24d568eeecc8661248af6
    720  1024  t0876739cd865042d1957d73c78f0484fb t0fa5bdbf58bb348e88bf73fae5d674fdf
               t057d0410c32444e48b9220f9571e6097a
    1280 2000  t0852e7ff4acd4484e99ba104f3840d3cb t09d0f419921e44ed98190f355ec9fd629
               t00daf332ba39049f8bfb899c1ed0134b0
    1920 3500  t04df9eb0c373c4a8780ec894ce05469a7 t080ae8a06f9074f3daa46201078f8d4b1
               t0d41905a814434c8a81897ecb54d53a32
    2048 4800  t09d027135634d47048e5a30dc1e19ee90 t0ab68939cef0f40d19c4a135df540239f
               t0e287e59454b94a8983ba78a6a30ee864
"""
# Width, height, seconds between pictures, id.
_SNAPSHOTS = """
    320  180  2  t01d40e440761448fc8c538fb8d5a5b81e
    640  360  10 t0a60a2bc71a4b40c7b3d7f7e8a2779a81
    1280 720  10 t07740e32081b44ad7a0aea03adcffd54a
"""
# Format, width, height, then the ids for key frames, a frame each 10 s, ten frames a second.
_ANIMATIONS = """
    gif  320  180 t04373959a69c04d47b62fd214dd13d8e9 t0341b0ab2b8a340ff826e9cb4f3a7baea
                  t046b1d8e5bdf842c6a58d8028b48eafee
    gif  640  360 t0ef2077f215864c018a2fca73614ceca6 t0d21406ca737a40869973a37a5daa349a
                  t0878a9c9c1f054cb5bca68b8b06e556c2
    gif  1280 720 t0dae821708cea4ba5b3e271810ac80a21 t03fef67ad94d2466b9c0c89252ed72e87
                  t030a64e9f9f5a4f53a9ef64bb7ce490b5
    webp 320  180 t03b0e9eca4fc34e2cba9da89d9c7c13a2 t016fcddf6bc3c44b793e9b7b07119b4ee
                  t0bf1f1ce6d2404b258c0f81fbb9aaece1
    webp 640  360 t098d6d3fcfd2c45309a408594a42559f6 t0169a6a9c2eec4b51972eb63bafcbf08d
                  t0ef9ba537011e4876b8777aebc19d10a5
    webp 1280 720 t02743d344b5e74c579e50e9e135b432b8 t0dd27c136ff2741538bec96981e058868
                  t00ad05235d67a45a9a697b553052b7346
"""
_SAMPLINGS = (  # name, param, value: in the order of the ids above
    ("key-frames", "AnimateOnlyKeepKeyFrame", "true"),
    ("10-seconds", "AnimateTimeIntervalOfFrame", "10"),
    ("10-fps", "AnimateFramesPerSecond", "10"),
)


def vendor_templates() -> list[Template]:
    """Every official template, in the order of the vendor's page."""
    return [*_transcodes(), *_snapshots(), *_animations()]


def find_vendor_template(template_id: str) -> Template | None:
    """The official template of an id; None when there is none."""
    return next((one for one in vendor_templates() if one.id == template_id), None)


def _rows(table: str, width: int) -> Iterator[tuple[str, ...]]:
    words = table.split()
    return (tuple(words[first : first + width]) for first in range(0, len(words), width))


def _transcodes() -> Iterator[Template]:
    for width, bitrate, *ids in _rows(_TRANSCODES, 5):
        for format_, template_id in zip(("mp4", "hls", "flv"), ids, strict=True):
            body: Tree = {
                "Container": {"Format": format_},
                "Video": {"Codec": "H.264", "Width": width, "Bitrate": bitrate},
                "Audio": {"Codec": "aac", "Bitrate": "128"},
            }
            yield _official(template_id, "Transcode", f"{format_}-{width}", body)


def _snapshots() -> Iterator[Template]:
    for width, height, interval, template_id in _rows(_SNAPSHOTS, 4):
        body: Tree = {
            "Mode": "Interval",
            "Start": "0",
            "TimeInterval": interval,
            "Count": "5",
            "Width": width,
            "Height": height,
        }
        yield _official(template_id, "Snapshot", f"jpg-{width}x{height}", body)


def _animations() -> Iterator[Template]:
    for format_, width, height, *ids in _rows(_ANIMATIONS, 6):
        is_webp = format_ == "webp"
        for (name, param, value), template_id in zip(_SAMPLINGS, ids, strict=True):
            video = {"Codec": format_, "Width": width, "Height": height, param: value}
            is_short = is_webp and value == "true"
            body: Tree = {
                "Container": {"Format": format_},
                "Video": {**video, "Quality": "75"} if is_webp else video,
                "TimeInterval": {"Start": "0", "Duration": "60" if is_short else "600"},
            }
            full_name = f"{format_}-{width}x{height}-{name}"
            yield _official(template_id, "Animation", full_name, body)


def _official(template_id: str, tag: str, name: str, body: Tree) -> Template:
    return Template(
        id=template_id,
        bucket="",
        tag=tag,
        name=name,
        body=body,
        category=OFFICIAL,
        created_ms=0,
        updated_ms=0,
    )
