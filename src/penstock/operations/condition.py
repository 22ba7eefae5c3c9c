"""Condition: lets objects through to the nodes behind it, or not.

Input: one object of any kind. Output: none; the nodes behind are skipped for an object of which
the expression is not true. What an expression asks for is looked up when it is needed to decide,
and only then: name and size cost no download. The grammar is ours (`nodes.md` 10.3), for the
vendor has published none; a text that is no expression is kept, and fails the node.

    {"type": "Condition", "params": {"Express": "Width >= 1920 && Duration < 600"}}
"""

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from penstock.domain.condition_parser import parse_condition
from penstock.domain.conditions import Constant, Expression, holds
from penstock.domain.errors import (
    InvalidArgumentError,
    InvalidParamsError,
    UnsupportedInputError,
)
from penstock.domain.selection import (
    AUDIO_EXTENSIONS,
    IMAGE_EXTENSIONS,
    VIDEO_EXTENSIONS,
    extension_of,
)
from penstock.domain.trees import Tree
from penstock.operations._image_rendering import plainly_named
from penstock.operations._probe import Media, probe
from penstock.operations._vips import Header, read_header
from penstock.operations.base import Family, Kind, Operation, Result, Workspace
from penstock.operations.params import ParamReader

_BLOCK = "Condition"
_PICTURE_PROPERTIES = frozenset("ImageWidth ImageHeight ImageDar ImageFormat FrameCount".split())
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """What must be true.

    Attributes:
        expression: The condition; None where the text is none.
        fault: Why it is none.
    """

    expression: Expression | None
    fault: str = ""

    @classmethod
    def parse(cls, tree: Tree) -> "Params":
        """Read `Condition.Express`; keeps a fault in it for later.

        Raises:
            InvalidArgumentError: It is missing, or there is an `Output`.
        """
        reader = ParamReader(tree)
        express = reader.block(_BLOCK).required_text("Express")
        reader.refuse(("Output",))
        reader.finish()
        try:
            return cls(expression=parse_condition(express))
        except InvalidArgumentError as error:
            return cls(expression=None, fault=str(error))


def run(params: Params, workspace: Workspace) -> Result:
    """Decide.

    Raises:
        InvalidParamsError: The text is no expression of our grammar.
        UnsupportedInputError: It asks what a broken object is like.
    """
    if params.expression is None:
        message = f"Condition.Express cannot be read: {params.fault}"
        raise InvalidParamsError(message)
    facts = _Facts(workspace)
    is_true = holds(params.expression, facts.find)
    judgement = {
        "ObjectName": workspace.key,
        "State": "Success" if is_true else "Failed",
        "InputObjectInfo": facts.shown(),
    }
    return Result(facts={"JudgementResult": [judgement]}, hands_on=is_true)


class _Facts:
    """What is known of the input; looks into it at the first question that needs it."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._extension = extension_of(workspace.key)
        self._media: dict[str, Constant] | None = None
        self._picture: dict[str, Constant] | None = None
        self._asked: dict[str, Constant] = {}

    def find(self, name: str) -> Constant | None:
        """A property; None where the object has none such."""
        self._workspace.checkpoint()
        value = self._find(name)
        if value is not None:
            self._asked[name] = value
        return value

    def shown(self) -> dict[str, str]:
        """What was looked up, as text."""
        return {name: _shown(value) for name, value in self._asked.items()}

    def _find(self, name: str) -> Constant | None:
        match name:
            case "Ext":
                return self._extension or None
            case "ContentType":
                return mimetypes.guess_type(f"x.{self._extension}")[0]
            case "Size":
                size_bytes = self._workspace.size_bytes()
                return None if size_bytes < 0 else Fraction(size_bytes)
        if name in _PICTURE_PROPERTIES:
            return self._of_picture().get(name)
        return self._of_media().get(name)

    def _of_media(self) -> Mapping[str, Constant]:
        if self._media is None:
            self._media = {}
            is_named = self._extension in VIDEO_EXTENSIONS | AUDIO_EXTENSIONS
            if is_named or not self._extension:
                try:
                    found = probe(self._workspace.fetch(), self._workspace.key)
                    self._media = _media_facts(found)
                except UnsupportedInputError:
                    if is_named:
                        raise
        return self._media

    def _of_picture(self) -> Mapping[str, Constant]:
        if self._picture is None:
            self._picture = {}
            workspace = self._workspace
            is_named = self._extension in IMAGE_EXTENSIONS
            if is_named or not self._extension:
                path = plainly_named(workspace.fetch(), workspace.scratch)
                try:
                    found = read_header(path, workspace.key, workspace.limits)
                    self._picture = _picture_facts(found)
                except UnsupportedInputError:
                    if is_named:
                        raise
        return self._picture


def _media_facts(media: Media) -> dict[str, Constant]:
    facts: dict[str, Constant | None] = {
        "Duration": _fraction(media.seconds),
        "HasVideo": Fraction(media.video is not None),
        "HasAudio": Fraction(media.audio is not None),
        "Bitrate": _bits(media.facts["Format"].get("Bitrate", "")),
    }
    if media.audio is not None:
        facts["AudioCodec"] = media.audio.codec
    if (video := media.video) is not None:
        facts |= {
            "Width": Fraction(video.width),
            "Height": Fraction(video.height),
            "LongSide": Fraction(max(video.width, video.height)),
            "ShortSide": Fraction(min(video.width, video.height)),
            "Dar": Fraction(video.width, video.height or 1) * video.aspect,
            "Fps": video.fps,
            "VideoCodec": video.codec,
        }
    return {name: value for name, value in facts.items() if value is not None}


def _picture_facts(header: Header) -> dict[str, Constant]:
    width, height = header.oriented_size
    return {
        "ImageWidth": Fraction(width),
        "ImageHeight": Fraction(height),
        "ImageDar": Fraction(width, height),
        "ImageFormat": header.format,
        "FrameCount": Fraction(header.frames),
    }


def _bits(kilobits: str) -> Fraction | None:
    """Bits a second out of a `Bitrate` of MediaInfo; None where that is empty."""
    return Fraction(kilobits) * 1000 if kilobits else None


def _fraction(seconds: float) -> Fraction:
    """To the microsecond, so that a constant can be equal to it."""
    return Fraction(round(seconds * _MILLION), _MILLION)


def _shown(value: Constant) -> str:
    if isinstance(value, str):
        return value
    if value.denominator == 1:
        return str(value.numerator)
    return f"{float(value):.6f}"


OPERATION: Operation[Any] = Operation(
    tag="Condition",
    block=_BLOCK,
    family=Family.MEDIA,
    reads=frozenset(Kind),
    needs_output=False,
    is_node_only=True,
    parse=Params.parse,
    run=run,
)
