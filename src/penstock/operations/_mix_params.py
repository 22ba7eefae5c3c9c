"""Background sound that is mixed into an output (`nodes.md` 4.5)."""

from dataclasses import dataclass

from penstock.operations.params import ParamReader, is_empty

_MOST_TRACKS = 2
_MAX_SECONDS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class MixTrack:
    """One background track.

    Attributes:
        url: A key of the bucket, or a URL that names one.
        is_repeated: Whether it is played over and over, to the end.
        fade_in_seconds: How long it takes to become as loud as it is; 0 at once.
        fade_out_seconds: How long it takes to fall silent; 0 at once.
    """

    url: str
    is_repeated: bool
    fade_in_seconds: float
    fade_out_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """What is mixed into the sound of the source.

    Attributes:
        tracks: One or two. Without a cross-fade they sound at the same time, with one the
            second follows the first.
        replaces_source: Whether the source's own sound is left out.
        cross_fade_seconds: How long the first of two tracks goes over into the second; None
            plays them together.
    """

    tracks: tuple[MixTrack, ...]
    replaces_source: bool
    cross_fade_seconds: float | None


def read_mix(reader: ParamReader) -> Mix | None:
    """Read `AudioMixArray`, or else `AudioMix`; None where neither is given."""
    name = "AudioMixArray" if reader.is_given("AudioMixArray") else "AudioMix"
    blocks = [block for block in reader.blocks(name) if not is_empty(block.tree)]
    if not blocks:
        if reader.is_given(name):
            reader.fault(name, "a block")
        return None
    most = _MOST_TRACKS if name == "AudioMixArray" else 1
    if len(blocks) > most:
        reader.fault(name, f"given at most {most} times, not {len(blocks)}")
    replacing = [block.flag("Replace") for block in blocks]
    fades = [
        _fade(block.block("EffectConfig"), "EnableBgmFade", "BgmFadeTime") for block in blocks
    ]
    return Mix(
        tracks=tuple(map(_track, blocks)),
        replaces_source=any(replacing),
        cross_fade_seconds=(max(fades) or None) if len(blocks) == _MOST_TRACKS else None,
    )


def _track(block: ParamReader) -> MixTrack:
    effects = block.block("EffectConfig")
    return MixTrack(
        url=block.required_text("AudioSource"),
        is_repeated=block.choice("MixMode", ("Repeat", "Once"), "Repeat") == "Repeat",
        fade_in_seconds=_fade(effects, "EnableStartFadein", "StartFadeinTime"),
        fade_out_seconds=_fade(effects, "EnableEndFadeout", "EndFadeoutTime"),
    )


def _fade(block: ParamReader, switch: str, name: str) -> float:
    """Length of a fade in seconds; 0 where it is not switched on."""
    seconds = block.decimal(name, 0, _MAX_SECONDS, above_low=True)
    if not block.flag(switch):
        return 0.0
    if seconds is None and not block.is_given(name):
        block.fault(name, f"given where {switch} is true")
    return seconds or 0.0
