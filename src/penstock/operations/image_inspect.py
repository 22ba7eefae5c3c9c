"""ImageInspect: whether a picture carries a file of another kind.

Input: a JPEG, PNG, GIF, WebP or BMP, told by its content, or a bare MPEG transport stream under
a picture's name. Output: none; the result is an `ImageInspectResult`. Nothing is decoded: the
container is followed to the picture's logical end, and what lies behind is searched for
MPEG-TS, ZIP, RAR, 7z, MP4 and gzip.

    {"type": "ImageInspect"}

The vendor's `AutoProcess`, which moves, hides or deletes what was found, is refused: stored
objects are never changed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

from penstock.domain.errors import UnsupportedInputError
from penstock.domain.trees import Tree
from penstock.operations._hidden_files import MPEG_TS, HiddenFile, find_hidden
from penstock.operations._image_ends import Content, has_end, picture_end
from penstock.operations._vips import sniff
from penstock.operations.base import Family, Kind, Operation, Result, Workspace
from penstock.operations.params import ParamReader

_BLOCK = "ImageInspect"
_PROCESS_TYPES = ("BackupObject", "SwitchObjectToPrivate", "DeleteObject")
_NAMES = {"jpeg": "JPG"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """ImageInspect has no settings of its own."""

    @classmethod
    def parse(cls, tree: Tree) -> "Params":
        """Read the block `ImageInspect`, which may be absent.

        Raises:
            InvalidArgumentError: `AutoProcess` is asked for, or a leaf is wrong.
        """
        reader = ParamReader(tree).block(_BLOCK)
        reader.choice("ProcessType", _PROCESS_TYPES)
        if reader.flag("AutoProcess"):
            reader.fault("AutoProcess", "false: stored objects are never changed")
        reader.finish()
        return cls()


def run(_params: Params, workspace: Workspace) -> Result:
    """Look into the input.

    Raises:
        UnsupportedInputError: The input is no picture of these kinds and no transport stream,
            or is cut off and carries nothing else.
        AttemptCancelledError: The attempt was cancelled.
    """
    path = workspace.fetch()
    format_name = sniff(path)
    with _opened(path, workspace.key) as content:
        found = _find(content, format_name, workspace)
        facts = {
            "PicSize": str(len(content)),
            "PicType": _NAMES.get(format_name, format_name.upper()),
            "Suspicious": str(found is not None).lower(),
            **(_described(found) if found else {}),
        }
    result = {
        "State": "Success",
        "Code": "Success",
        "Message": "",
        "InputObjectName": workspace.key,
        "ProcessResult": facts,
    }
    return Result(facts={"ImageInspectResult": result})


def _find(content: Content, format_name: str, workspace: Workspace) -> HiddenFile | None:
    if not has_end(format_name):
        found = find_hidden(content, 0, workspace.checkpoint)
        if format_name or found is None or found.kind != MPEG_TS or found.first:
            fault = "is not a JPEG, PNG, GIF, WebP or BMP, and no MPEG transport stream"
            raise UnsupportedInputError(workspace.key, fault)
        return found
    end = picture_end(content, format_name)
    found = find_hidden(content, end.at, workspace.checkpoint)
    if found is None and not end.is_complete:
        raise UnsupportedInputError(workspace.key, "is cut off or broken")
    return found


def _described(found: HiddenFile) -> dict[str, str]:
    return {
        "SuspiciousBeginByte": str(found.first),
        "SuspiciousEndByte": str(found.last),
        "SuspiciousSize": str(found.size_bytes),
        "SuspiciousType": found.kind,
    }


@contextmanager
def _opened(path: Path, key: str) -> Iterator[Content]:
    """The file's bytes, mapped and not read."""
    if not path.stat().st_size:
        raise UnsupportedInputError(key, "is empty")
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        yield content


OPERATION = Operation(
    tag="ImageInspect",
    block=_BLOCK,
    family=Family.PICTURE,
    reads=frozenset({Kind.IMAGE}),
    needs_output=False,
    parse=Params.parse,
    run=run,
)
