"""What a VoiceSeparate node asks for: which parts of the sound, and how they are encoded."""

from dataclasses import dataclass

from penstock.domain.trees import Tree, child
from penstock.operations._transcode_settings import AudioParams
from penstock.operations._transcode_tables import CHANNELS, CONTAINERS, AudioCodec, Container
from penstock.operations.params import ParamReader, is_empty

VOICE, BACKGROUND = "AuObject", "Object"
"""Children of `Output` that name the two parts."""

_PARTS = {
    "IsAudio": (VOICE,),
    "IsBackground": (BACKGROUND,),
    "AudioAndBackground": (BACKGROUND, VOICE),
}
_MUSIC = "MusicMode"
_CODECS = (AudioCodec.AAC, AudioCodec.MP3, AudioCodec.FLAC, AudioCodec.AMR)
_RATES = (11025, 22050, 32000, 44100, 48000, 96000)
_RATES_OF = {AudioCodec.AMR: (8000,), AudioCodec.MP3: _RATES[:-1]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Which parts to make.

    Attributes:
        parts: Children of `Output` under which they go, in order.
        encoding: How each is encoded.
    """

    parts: tuple[str, ...]
    encoding: AudioParams

    @property
    def container(self) -> Container:
        """What is known of the format, which is named like the codec."""
        return CONTAINERS[self.encoding.codec]

    @classmethod
    def parse(cls, tree: Tree) -> "Params":
        """Read the block `VoiceSeparate`, and check that `Output` names every part.

        Raises:
            InvalidArgumentError: Some leaves are wrong or not offered; names them all.
        """
        top = ParamReader(tree)
        reader = top.block("VoiceSeparate")
        mode = reader.required_text("AudioMode")
        parts: tuple[str, ...] = ()
        if mode.lower() == _MUSIC.lower():
            fault = f"another: this build cannot tell bass and drums apart, as {_MUSIC} asks"
            reader.fault("AudioMode", fault)
        else:
            parts = _PARTS[reader.choice("AudioMode", _PARTS, "AudioAndBackground")]
        if not is_empty(child(tree, "Output")):
            output = top.block("Output")
            output.refuse(("BassObject", "DrumObject"))
            for part in parts if mode else ():
                output.required_text(part)
        params = cls(parts=parts, encoding=_encoding(reader.block("AudioConfig")))
        top.finish()
        return params


def _encoding(block: ParamReader) -> AudioParams:
    codec = AudioCodec(block.choice("Codec", _CODECS, AudioCodec.AAC))
    rates = _RATES_OF.get(codec, _RATES)
    rate = block.choice("Samplerate", map(str, rates))
    channels = block.choice("Channels", map(str, CHANNELS[codec]))
    return AudioParams(
        codec=codec,
        sample_rate=int(rate) if rate else max(set(rates) & {8000, 44100}),
        kilobits=block.integer("Bitrate", 8, 1000),
        channels=int(channels) if channels else None,
        keeps_two_tracks=False,
        switches_tracks=False,
        sample_format="",
    )
