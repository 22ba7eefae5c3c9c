"""FileUncompress: takes the members out of an archive, each an object of its own.

Input: one archive: zip, apk, tar, tar.gz, gz, 7z, rar; its content tells which, not its name.
Outputs: one object a file, below `Prefix`; folders give none. The result is a
`FileUncompressResult`.

    {"type": "FileUncompress", "output": "unpacked/${InputName}"}

Where neither `Prefix` nor `PrefixReplaced` is given, the output may name the folder, as above: the
vendor's outputs of this operation have a bucket alone.

The whole archive is looked through before the first member is published, and each member is
unpacked and its checksum compared before it is. If a later one is broken, those before it stay.
"""

from dataclasses import dataclass, field
from pathlib import Path

from penstock.domain.errors import OperationError
from penstock.domain.trees import Tree, child, text, texts
from penstock.operations._archive_members import (
    Archive,
    Choice,
    PlannedMember,
    plan_members,
)
from penstock.operations._archive_opening import archive_stem, decode_password, open_archive
from penstock.operations._archive_zip import AES
from penstock.operations._rar import BSDTAR
from penstock.operations._seven_zip import SEVEN_ZIP
from penstock.operations.base import Family, Kind, Operation, Result, Workspace
from penstock.operations.params import ParamReader

_BLOCK = "FileUncompressConfig"


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """What to take out, and where to put it.

    Attributes:
        prefix: Where members go, with a slash at its end; empty for the root.
        placing: 0 directly below the prefix, 1 below it in a folder named like the archive, 2
            below it in folders named like the archive and its folders.
        password: Of an encrypted archive; empty where none is given.
        choice: Which members.
        is_patterned: Whether the output's pattern gives the folder, in place of the prefix.
        region: As in `Output`, for the result.
        bucket: As in `Output`, for the result.
    """

    prefix: str = ""
    placing: int = 0
    password: bytes = b""
    choice: Choice = field(default_factory=Choice)
    is_patterned: bool = False
    region: str = ""
    bucket: str = ""

    @classmethod
    def parse(cls, tree: Tree) -> "Params":
        """Read the block `FileUncompressConfig`.

        Raises:
            InvalidArgumentError: Something is wrong or not offered; names every fault.
        """
        reader = ParamReader(tree).block(_BLOCK)
        reader.refuse(("Mode", "ListingFile"))
        wanted = reader.block("DownloadConfig")
        output = child(tree, "Output")
        found = cls(
            prefix=_read_prefix(reader),
            placing=reader.integer("PrefixReplaced", 0, 2) or 0,
            password=_read_password(reader),
            choice=Choice(prefix=wanted.text("Prefix"), names=tuple(texts(wanted.tree, "Key"))),
            is_patterned=bool(text(output, "Object"))
            and not any(map(reader.is_given, ("Prefix", "PrefixReplaced"))),
            region=text(output, "Region"),
            bucket=text(output, "Bucket"),
        )
        reader.finish()
        return found

    def folder_of(self, archive_key: str) -> str:
        """Where the members of an archive go, with a slash at its end; empty for the root."""
        if self.placing == 0:
            return self.prefix
        stem = archive_stem(archive_key)
        folder = archive_key.rpartition("/")[0].strip("/")
        inner = f"{folder}/{stem}" if folder and self.placing == 2 else stem  # noqa: PLR2004
        return f"{self.prefix}{inner}/"


def _read_prefix(reader: ParamReader) -> str:
    prefix = reader.text("Prefix").strip("/")
    if ".." in prefix.split("/"):
        reader.fault("Prefix", "a folder without '..'")
    return f"{prefix}/" if prefix else ""


def _read_password(reader: ParamReader) -> bytes:
    try:
        return decode_password(reader.text("UnCompressKey"))
    except ValueError:
        reader.fault("UnCompressKey", "a password in base64")
        return b""


def run(params: Params, workspace: Workspace) -> Result:
    """Unpack the input.

    Raises:
        UnsupportedInputError: It is no archive, is broken, or holds what cannot be an object.
        InputLimitError: It unpacks to more than an honest archive does.
        InvalidParamsError: The password is missing or wrong, or a wanted member is not there.
        AttemptCancelledError: The attempt was cancelled between two blocks.
    """
    path = workspace.fetch()
    folder = _folder(params, workspace)
    with open_archive(path, workspace, params.password) as archive:
        planned = plan_members(
            workspace.key,
            archive.members(),
            archive_bytes=path.stat().st_size,
            choice=params.choice,
            key_of=lambda name: f"{folder}{name}",
        )
        _publish(archive, planned, workspace)
    facts = {"Region": params.region, "Bucket": params.bucket, "FileCount": str(len(planned))}
    return Result(facts={"FileUncompressResult": facts}, hands_on=False)


def _folder(params: Params, workspace: Workspace) -> str:
    if not params.is_patterned:
        return params.folder_of(workspace.key)
    folder = workspace.planned_key(extension="").strip("/")
    return f"{folder}/" if folder else ""


def _publish(archive: Archive, planned: list[PlannedMember], workspace: Workspace) -> None:
    done = 0

    def take(member: PlannedMember, path: Path) -> None:
        nonlocal done
        workspace.publish_as(path, member.key)
        done += 1
        workspace.report(done / len(planned))

    try:
        archive.extract(planned, take)
    except OperationError as error:
        if done:
            error.args = (f"{error}; {done} of {len(planned)} files had been written",)
        raise


OPERATION = Operation(
    tag="FileUncompress",
    block=_BLOCK,
    family=Family.FILE,
    reads=frozenset(Kind),
    optional={
        "7z archives": SEVEN_ZIP,
        "rar archives": BSDTAR,
        "zip archives encrypted with AES": AES,
    },
    parse=Params.parse,
    run=run,
)
