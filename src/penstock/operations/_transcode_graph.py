"""ffmpeg's graph for one output: pictures with marks and subtitles, sound with background."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from penstock.operations._companions import Companions
from penstock.operations._image_geometry import Size
from penstock.operations._mix_graph import IN_STEP, SoundFrame, mix_graph
from penstock.operations._probe import AudioFacts
from penstock.operations._subtitle_params import SOFT_CODECS
from penstock.operations._subtitles import drawing_filter
from penstock.operations._transcode_encoders import channel_count
from penstock.operations._transcode_filters import FilterChain
from penstock.operations._transcode_params import Params
from penstock.operations._transcode_settings import AudioParams
from penstock.operations._transcode_tables import LAYOUTS
from penstock.operations._watermark_filters import mark_graph


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one kind of stream takes.

    Attributes:
        chains: Of the graph that reads several inputs; none where one input is filtered.
        options: Where the streams come from, and the filters of one input.
    """

    chains: Sequence[str]
    options: Sequence[str]


def picture_part(
    source: str, chain: FilterChain, filters: Sequence[str], companions: Companions
) -> tuple[Part, Size]:
    """Lay marks, draw subtitles; the size that comes out.

    Args:
        source: The stream of pictures, such as `0:1`.
        chain: What Transcode does to it.
        filters: What is done before that.

    Raises:
        InvalidParamsError: A mark does not fit.
    """
    before = [*filters, *filter(None, [chain.before])]
    ending = list(filter(None, [chain.after]))
    if not companions.marks:
        drawn = [drawing_filter(one, chain.size.height) for one in companions.drawn]
        text = ",".join([*before, *drawn, *ending])
        return Part(
            chains=[], options=["-map", source, *(["-vf", text] if text else [])]
        ), chain.size
    marked = mark_graph(companions.marks, 1, chain.size, chain.layer)
    drawn = [drawing_filter(one, marked.size.height) for one in companions.drawn]
    chains = [
        f"[{source}]{','.join([*before, *filter(None, [chain.label])]) or 'null'}[unmarked]",
        *marked.chains,
        f"[marked]{','.join([*drawn, *ending]) or 'null'}[pictures]",
    ]
    return Part(chains=chains, options=["-map", "[pictures]"]), marked.size


def joined(parts: Sequence[Part]) -> Iterator[str]:
    """The options of several parts, with one graph for all of them."""
    if chains := [chain for part in parts for chain in part.chains]:
        yield from ("-filter_complex", ";".join(chains))
    for part in parts:
        yield from part.options


def subtitle_part(companions: Companions, format_name: str) -> Part:
    """Subtitles as tracks of their own, behind the other streams."""
    numbers = range(companions.first_subtitle, companions.first_subtitle + len(companions.soft))
    options = [word for number in numbers for word in ("-map", f"{number}:0")]
    if options:
        options += ["-c:s", SOFT_CODECS[format_name]]
    return Part(chains=[], options=options)


def sound_part(
    params: Params,
    encoding: AudioParams,
    audios: Sequence[AudioFacts],
    companions: Companions,
    seconds: float,
) -> tuple[Part, Sequence[AudioFacts]]:
    """Mix in background sound; what stands for the sources of the tracks that come out.

    Args:
        encoding: What the params say of sound.
        audios: The source's tracks that are kept.
        seconds: Length of the output.
    """
    mix = params.mix
    if mix is None or not companions.tracks:
        options = [word for track in audios for word in ("-map", f"0:{track.index}")]
        if audios and not params.container.keeps_times:
            options += ["-af", IN_STEP]
        return Part(chains=[], options=options), audios
    sources = [] if mix.replaces_source else audios
    shown = sources or [companions.tracks[0].audio]
    layout = LAYOUTS.get(channel_count(encoding, shown[0]), "stereo")
    frame = SoundFrame(rate=encoding.sample_rate, layout=layout, seconds=seconds)
    streams = [f"0:{track.index}" for track in sources]
    chains, labels = mix_graph(mix, companions.tracks, companions.first_track, streams, frame)
    return Part(chains=chains, options=[word for one in labels for word in ("-map", one)]), shown
