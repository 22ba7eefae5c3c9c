"""Runs a Transcode from source to published object, with or without a treatment before it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from penstock.domain.errors import UnsupportedInputError
from penstock.operations._companions import gather
from penstock.operations._ffmpeg import MediaInput
from penstock.operations._media_output import make_output
from penstock.operations._probe import Media, demand_size, probe, with_rates
from penstock.operations._stills import check_pixels, shown_size
from penstock.operations._transcode_filters import whole_frames
from penstock.operations._transcode_params import Params
from penstock.operations._transcode_plan import plan_transcode
from penstock.operations._treatments import Treatment
from penstock.operations.base import Result, Workspace


def run_transcode(params: Params, workspace: Workspace) -> Result:
    """Gather, plan, encode, check, publish.

    Raises:
        ObjectNotFoundError: A mark, a background track or a file of subtitles does not exist.
        UnsupportedInputError: The input or one of those is broken, or the input has nothing of
            what is wanted.
        InvalidParamsError: The params do not fit this input, or need what this ffmpeg lacks.
        InputLimitError: The output is larger than a limit.
        OutputRejectedError: What came out is not what was asked for.
    """
    path = workspace.fetch()
    media = looked_into(params, path, workspace.key)
    return _run(params, path, media, None, workspace)


def run_treated(
    params: Params, workspace: Workspace, treat: Callable[[Treatment, Path], Treatment]
) -> Result:
    """The same of a video whose pictures are treated before anything that the params say.

    Args:
        treat: Adds what is to be done to an empty treatment of the source at a path.

    Raises:
        ObjectNotFoundError: As of `run_transcode`.
        UnsupportedInputError: Likewise; or the input has no video.
        InvalidParamsError: Likewise.
        InputLimitError: Likewise; or a treated picture has too many pixels.
        OutputRejectedError: Likewise.
    """
    path = workspace.fetch()
    media = looked_into(params, path, workspace.key)
    if media.video is None:
        raise UnsupportedInputError(workspace.key, "has no video")
    demand_size(media, workspace.key)
    whole = replace(media.video, is_interlaced=False)
    begun = Treatment(video=whole, filters=tuple(whole_frames(media.video)))
    treatment = treat(begun, path)
    check_pixels(shown_size(treatment.video), workspace)
    return _run(params, path, replace(media, video=treatment.video), treatment, workspace)


def looked_into(params: Params, path: Path, key: str) -> Media:
    """What a source holds, with its bit rates where the params are held against them.

    Raises:
        UnsupportedInputError: The input is broken.
    """
    media = probe(path, key)
    return with_rates(media, path, key) if params.asks_for_rates else media


def _run(
    params: Params, path: Path, media: Media, treatment: Treatment | None, workspace: Workspace
) -> Result:
    plan = plan_transcode(
        params,
        media,
        workspace.key,
        workspace.limits.threads,
        filters=() if treatment is None else treatment.filters,
        leaves={} if treatment is None else treatment.leaves,
        companions=gather(params, media, workspace),
    )
    return make_output(
        workspace,
        [MediaInput(path=path, options=plan.input_options), *plan.inputs],
        plan.options,
        plan.expected,
        params.container,
        encryption=params.encryption,
    )
