"""Concat: the input joined with other objects of its bucket, one behind the other.

Input: one video or sound object. Output: one object; for HLS a playlist, and beside it segments
named `<stem of the playlist>_00000.ts` and so on, which are stored first.

    {"type": "Concat", "output": "joined/${InputName}.${Ext}", "params": {
        "ConcatFragment": [{"Url": "intro.mp4", "Mode": "Start"}],
        "Container": {"Format": "mp4"}, "Video": {"Codec": "H.264", "Width": "1280"},
        "Audio": {"Codec": "aac"}}}

All pieces get the size, the shape and the frame rate of the input, with bars where the ratio
differs; a piece without sound is silent, one without video black. `Video` and `Audio` then mean
what they mean in Transcode, except that an absent block keeps its kind of stream. With
`DirectConcat` streams are joined as they are, cuts and settings are ignored, and pieces that
differ in anything fail. `AudioMix` is heard under all pieces together, from the first to the last.
"""

from collections.abc import Sequence
from pathlib import Path

from penstock.domain.errors import UnsupportedInputError
from penstock.operations._concat_direct import plan_direct
from penstock.operations._concat_params import Fragment, Params
from penstock.operations._concat_plan import Piece, plan_concat
from penstock.operations._cuts import Cut
from penstock.operations._lengths import held_seconds
from penstock.operations._media_checks import slack
from penstock.operations._media_output import make_output
from penstock.operations._mix_graph import prepare_tracks
from penstock.operations._probe import demand_size, probe
from penstock.operations.base import Family, Kind, Operation, Result, Workspace


def run(params: Params, workspace: Workspace) -> Result:
    """Fetch the pieces, plan, encode or copy, check, publish.

    Raises:
        ObjectNotFoundError: A fragment does not exist.
        UnsupportedInputError: A piece is broken, or none has what is wanted.
        InvalidParamsError: The params do not fit the pieces.
        InputLimitError: The output is larger than a limit.
        OutputRejectedError: What came out is not what was asked for.
    """
    path = workspace.fetch()
    main = _piece(path, workspace.key, Cut())
    before = _pieces(params.before, workspace)
    pieces = [*before, main, *_pieces(params.after, workspace)]
    if params.is_direct:
        plan = plan_direct(params, pieces, workspace)
    else:
        tracks = prepare_tracks(params.mix, workspace) if params.mix and params.audio else ()
        plan = plan_concat(params, pieces, len(before), workspace.limits.threads, tracks)
    return make_output(workspace, plan.inputs, plan.options, plan.expected, params.container)


def _pieces(fragments: Sequence[Fragment], workspace: Workspace) -> Sequence[Piece]:
    pieces = []
    for fragment in fragments:
        workspace.checkpoint()
        path = workspace.fetch_other(fragment.url)
        pieces.append(_piece(path, fragment.url, fragment.cut))
    return pieces


def _piece(path: Path, key: str, cut: Cut) -> Piece:
    """One of the sources; sound that ends early would be made up for by silence, and is refused.

    Where there are pictures, the length of the output tells.
    """
    media = probe(path, key)
    demand_size(media, key)
    if media.video is None and media.audio is not None:
        promised, held = max(media.seconds, media.audio.seconds), held_seconds(path, key)
        if 0 < held < promised - slack(promised):
            fault = f"is cut off: it holds {held:.2f} s of {promised:.2f} s"
            raise UnsupportedInputError(key, fault)
    return Piece(path=path, key=key, media=media, cut=cut)


OPERATION = Operation(
    tag="Concat",
    block="ConcatTemplate",
    family=Family.MEDIA,
    reads=frozenset({Kind.VIDEO, Kind.AUDIO}),
    parse=Params.parse,
    run=run,
)
