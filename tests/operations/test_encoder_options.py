"""Options of the encoders: a short list, bounds, and the encoders' own word that they obeyed."""

import re
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import InvalidArgumentError
from penstock.operations._encoder_options import ALLOWED, parse_options, passed_on
from penstock.operations._transcode_params import Params
from penstock.operations._transcode_tables import VideoCodec
from tests.operations.made_media import transcode
from tests.operations.media_fixtures import MediaFolder, media

__all__ = ["media"]

# Bounds as documented: lowest, highest, and what lies just outside.
_H264 = {
    "8x8dct": ("0", "1", "2"),
    "aq-mode": ("0", "3", "4"),
    "aq-strength": ("0.1", "3", "3.1"),
    "aud": ("0", "1", "yes"),
    "bframes": ("0", "16", "17"),
    "cabac": ("0", "1", "-1"),
    "ipratio": ("1", "10", "0.9"),
    "mbtree": ("0", "1", "2"),
    "me": ("dia", "umh", "tesa"),
    "nr": ("0", "1000", "1001"),
    "psy": ("0", "1", "2"),
    "qcomp": ("0", "1", "1.1"),
    "qpmax": ("10", "51", "9"),
    "qpmin": ("0", "51", "52"),
    "qpstep": ("2", "51", "1"),
    "rc-lookahead": ("0", "250", "251"),
    "ref": ("1", "16", "0"),
    "subme": ("1", "9", "10"),
    "trellis": ("0", "2", "3"),
    "weightb": ("0", "1", "2"),
    "weightp": ("0", "2", "3"),
}
_H265 = {
    "aq-mode": ("0", "4", "5"),
    "aq-strength": ("0.1", "3", "0"),
    "aud": ("0", "1", ""),
    "bframes": ("0", "16", "17"),
    "cutree": ("0", "1", "2"),
    "max-merge": ("1", "5", "6"),
    "me": ("dia", "star", "full"),
    "psy-rd": ("0", "5", "5.1"),
    "qcomp": ("0.5", "1", "0.4"),
    "qpmax": ("10", "51", "52"),
    "qpmin": ("0", "51", "-1"),
    "rc-lookahead": ("5", "250", "251"),
    "rd": ("1", "6", "7"),
    "rect": ("0", "1", "2"),
    "ref": ("1", "8", "9"),
    "sao": ("0", "1", "2"),
    "signhide": ("0", "1", "2"),
    "strong-intra-smoothing": ("0", "1", "2"),
    "subme": ("0", "7", "8"),
    "weightb": ("0", "1", "2"),
    "weightp": ("0", "1", "2"),
}
_TABLES = {VideoCodec.H264: _H264, VideoCodec.H265: _H265}
_ROWS = [
    (codec, name, bounds) for codec, table in _TABLES.items() for name, bounds in table.items()
]
_METHODS = {"dia": "0", "hex": "1", "umh": "2", "star": "3"}
_SAID_OTHERWISE = {"ipratio": "ip_ratio"}


def _parsed(codec: str, text: str, **leaves: str) -> str:
    video = {"Codec": codec, "StdExtInfo": text, **leaves}
    params = Params.parse({"Transcode": {"Container": {"Format": "mp4"}, "Video": video}})
    assert params.video is not None
    return params.video.encoder_options


def _said(path: Path) -> list[str]:
    """The settings that the encoder wrote into the stream on its own account, as words."""
    found = re.search(rb"options: ([ -~]+)", path.read_bytes())
    assert found is not None
    return found[1].decode().split()


def _units(path: Path) -> bytes:
    """The stream's headers and frames, each behind a start code."""
    with av.open(str(path)) as opened:
        stream = opened.streams.video[0]
        name = "h264_mp4toannexb" if stream.codec.name == "h264" else "hevc_mp4toannexb"
        unpacker = av.BitStreamFilterContext(name, stream)
        packets = [out for one in opened.demux(stream) for out in unpacker.filter(one)]
        return b"".join(bytes(packet) for packet in packets)


def test_encoder_options_tables_are_complete() -> None:
    """The tables here walk every option that is allowed."""
    for codec, table in _TABLES.items():
        assert {*table, "single-pps"} == set(ALLOWED[codec])


@pytest.mark.parametrize(("codec", "name", "bounds"), _ROWS)
def test_encoder_option_is_held_to_its_bounds(
    codec: VideoCodec, name: str, bounds: tuple[str, str, str]
) -> None:
    """Both bounds are taken, what lies outside is named with what was expected."""
    low, high, outside = bounds
    for value in (low, high):
        assert parse_options(f"{name}={value}", codec) == ({name: value}, [])

    with pytest.raises(InvalidArgumentError, match=rf"StdExtInfo must be with {name} as .*, not"):
        _parsed(codec, f"{name}={outside}")


@pytest.mark.slow
@pytest.mark.parametrize(("codec", "name", "bounds"), _ROWS)
def test_encoder_obeys_each_option(
    media: MediaFolder,
    tmp_path: Path,
    codec: VideoCodec,
    name: str,
    bounds: tuple[str, str, str],
) -> None:
    """The encoder writes into the stream that it took both bounds of each option."""
    workspace = media.workspace("silent.mp4", tmp_path)

    for value in bounds[:2]:
        made = transcode(workspace, Video={"Codec": codec, "StdExtInfo": f"{name}={value}"})

        if name == "aud" and codec is VideoCodec.H264:
            assert (b"\0\0\0\1\x09" in _units(made.path)) == (value == "1")
        else:
            assert _as_said(codec, name, value) & set(_said(made.path))


def _as_said(codec: VideoCodec, name: str, value: str) -> set[str]:
    """How an encoder may put it that an option has a value."""
    special = {
        (VideoCodec.H264, "aq-mode", "0"): "aq=1:0.00",  # a mode without any strength
        (VideoCodec.H264, "aq-mode", "3"): "aq=3:1.00",
        (VideoCodec.H264, "rc-lookahead", "0"): "mbtree=0",  # nothing is said of it then
        (VideoCodec.H265, "aq-mode", "0"): "aq-mode=1",
    }
    if said := special.get((codec, name, value)):
        return {said}
    decimal = f"{float(value):.2f}" if value[0].isdigit() else value
    if codec is VideoCodec.H265:
        switch = {"0": f"no-{name}", "1": name}.get(value, "")
        return {f"{name}={_METHODS.get(value, value)}", f"{name}={decimal}", switch}
    if name == "aq-strength":
        return {f"aq=1:{decimal}"}
    key = _SAID_OTHERWISE.get(name, name.replace("-", "_"))
    return {f"{key}={value}", f"{key}={decimal}"}


@pytest.mark.parametrize(("codec", "kind"), [("H.264", 8), ("H.265", 34)])
def test_single_pps_is_what_the_encoders_write(
    media: MediaFolder, tmp_path: Path, codec: str, kind: int
) -> None:
    """`single-pps=1` is kept: the stream has one set of picture parameters, and no more."""
    workspace = media.workspace("silent.mp4", tmp_path)

    made = transcode(workspace, Video={"Codec": codec, "StdExtInfo": "single-pps=1"})

    heads = [unit[0] for unit in re.split(rb"\x00\x00\x01", _units(made.path)) if unit]
    kinds = [head & 31 if codec == "H.264" else head >> 1 & 63 for head in heads]
    assert kinds.count(kind) == 1


def test_encoder_options_go_together(media: MediaFolder, tmp_path: Path) -> None:
    """Several options are set at once, and the others of the node hold beside them."""
    workspace = media.workspace("silent.mp4", tmp_path)
    text = " bframes=2 : ref=5 :aq-mode=2:psy=0"

    made = transcode(workspace, Video={"Gop": "10", "Crf": "30", "StdExtInfo": text})

    assert {"bframes=2", "ref=5", "aq=2:1.00", "psy=0", "keyint=10", "crf=30.0"} <= set(
        _said(made.path)
    )


@pytest.mark.parametrize(
    "text",
    [
        "stats=/etc/passwd", "qpfile=a", "cqmfile=a", "dump-yuv=a", "threads=64", "pass=1",
        "lookahead-threads=9", "opencl=1", "keyint=1", "scenecut=0", "intra-refresh=1",
        "open-gop=1", "csv=a", "analysis-save=a", "pools=9", "zonefile=a", "log-level=full",
        "input=a", "recon=a", "bframes", "=1", ":", "bframes=1:", "BFRAMES=1",
        "bframes=1:bframes=2", "bframes=1:stats=a", "bframes= 0x1", "bframes=1,qpfile=a",
        "bframes=²", "qcomp=nan", "qcomp=1e0", "x" * 2000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("codec", ["H.264", "H.265"])
def test_other_encoder_options_are_refused(codec: str, text: str) -> None:
    """Nothing reaches an encoder that is not on the list, however it is written."""
    with pytest.raises(InvalidArgumentError, match=r"Transcode\.Video\.StdExtInfo must be"):
        _parsed(codec, text)


@pytest.mark.parametrize(
    ("codec", "text", "leaves", "fault"),
    [
        ("H.264", "bframes=1", {"Profile": "baseline"}, "bframes=0 in the profile baseline"),
        ("H.264", "8x8dct=1", {"Profile": "main"}, "8x8dct=0 in the profile main"),
        ("H.264", "aq-mode=1", {"Roi": "low"}, "without aq-mode and aq-strength beside Roi"),
        ("H.264", "weightp=1", {"Interlaced": "true"}, "weightp=0 beside Interlaced"),
        ("H.264", "aq-mode=0:aq-strength=1", {}, "without aq-strength beside aq-mode=0"),
        ("H.264", "bframes=0:weightb=1", {}, "weightb=0 beside bframes=0"),
        ("H.264", "qpmin=30:qpmax=20", {}, "qpmin of at most qpmax"),
        ("H.264", "rc-lookahead=0:mbtree=1", {}, "at least 1 beside mbtree=1"),
        ("H.265", "rc-lookahead=4", {}, "rc-lookahead above bframes, 4"),
        ("H.265", "bframes=0:rc-lookahead=0:cutree=1", {}, "at least 1 beside cutree=1"),
        ("H.265", "rd=2:psy-rd=1", {}, "rd of at least 3 beside psy-rd"),
    ],
)
def test_clashing_encoder_options_are_refused(
    codec: str, text: str, leaves: dict[str, str], fault: str
) -> None:
    """What an encoder would quietly leave out beside another setting is refused."""
    with pytest.raises(InvalidArgumentError, match=fault):
        _parsed(codec, text, **leaves)


def test_encoder_options_are_for_two_codecs() -> None:
    """Encoders of other codecs take none."""
    tree = {"Container": {"Format": "webm"}, "Video": {"StdExtInfo": "bframes=1"}}

    with pytest.raises(InvalidArgumentError, match=r"StdExtInfo must be absent: it is for H\.264"):
        Params.parse({"Transcode": tree})


@given(st.sampled_from(list(VideoCodec)), st.text(max_size=60))
def test_arbitrary_encoder_options_are_rewritten(codec: VideoCodec, text: str) -> None:
    """What is passed on is made of allowed names and of plain values alone."""
    options, _ = parse_options(text, codec)

    assert options.keys() <= ALLOWED.get(codec, {}).keys()
    assert re.fullmatch(r"([a-z0-9-]+=[a-z0-9.]+(:|$))*", passed_on(options))
