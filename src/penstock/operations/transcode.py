"""Transcode: a video or sound file in another container, codec, size or quality.

Input: one video or sound object. Output: one object; for HLS a playlist, and beside it segments
named `<stem of the playlist>_00000.ts` and so on, which are stored first.

    {"type": "Transcode", "output": "web/${InputName}.${Ext}", "params": {
        "Container": {"Format": "mp4"}, "Video": {"Codec": "H.264", "Width": "640"},
        "Audio": {"Codec": "aac"}}}

Marks (`Watermark`, `WatermarkTemplateId`, `RemoveWatermark`), background sound (`AudioMix`,
`AudioMixArray`) and `Subtitles` may stand in the block or, as on the wire, beside it; what they
name lies in the same bucket. DASH has an index and segments named `<stem of the index>_0_head.m4s`
and so on. An encrypted HLS has its key beside it, as `<stem of the playlist>.key`.

Approximate are `Roi`, for which textured areas get more care, and the glyphs of the vendor's
fonts where the machine lacks them.

Used are the first video stream that is no cover picture and the first sound track. A block that
is absent leaves its kind of stream out, except that containers of sound alone always hold sound.
A source that lacks one of the two gives an output without it. What comes out is probed and held
against what was asked for before it is published. Settings that the vendor documents as without
effect for a codec (`Preset` of H.265 and VP9, `Profile` of others than H.264, `Pixfmt`, `Bufsize`
and `Maxrate` of VP8 and VP9) have none here either.
"""

from penstock.operations._transcode_params import Params
from penstock.operations._transcode_run import run_transcode
from penstock.operations.base import Family, Kind, Operation

OPERATION = Operation(
    tag="Transcode",
    block="Transcode",
    family=Family.MEDIA,
    reads=frozenset({Kind.VIDEO, Kind.AUDIO}),
    parse=Params.parse,
    run=run_transcode,
)
