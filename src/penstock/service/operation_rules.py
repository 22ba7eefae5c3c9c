"""Checks one operation of a job against what this build offers (`wire.md` 2.4 to 2.6)."""

from collections.abc import Iterator, Sequence
from typing import Any

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.operation_rules import OperationRule
from penstock.domain.refusals import QueueNotFoundError
from penstock.domain.trees import Tree, child, text
from penstock.operations.base import Family, Operation
from penstock.operations.registry import absence, available, find, is_known
from penstock.state import resources
from penstock.state.database import Transaction

_WITHOUT_NAME = "FileUncompress"  # its params say where members go
# Which children of `Output` may name results; one of them must.
_TARGETS = {
    "Snapshot": ("Object", "SpriteObject"),
    "VoiceSeparate": ("Object", "AuObject"),
    "StreamExtract": ("StreamExtract",),
}
_TEMPLATES = ("TemplateId", "TranscodeTemplateId", "WatermarkTemplateId")


def rule_faults(
    tag: str,
    operation: Tree,
    *,
    family: str = "",
    operations: Sequence[Operation[Any]] | None = None,
) -> list[str]:
    """What is wrong with a tag, its params and its output, one sentence each.

    Templates are not looked up here: where one is named, params are looked at when it is put in
    place.

    Args:
        operation: The `Operation` tree of a node.
        family: Take only tags of this service family; empty takes all.
        operations: What there is to choose from; None for everything that can be used.
    """
    known = available() if operations is None else operations
    alone = [one for one in known if not one.is_node_only]
    offered = {one.tag: one for one in alone if family in {"", one.family}}
    found = offered.get(tag)
    if found is None:
        return [_unknown(tag, sorted(offered), family)]
    faults = list(_output_faults(tag, operation)) if found.needs_output else []
    if not any(text(operation, leaf) for leaf in _TEMPLATES):
        try:
            found.parse(operation)
        except InvalidArgumentError as error:
            faults += error.faults
    return list(dict.fromkeys(faults))  # operations look at their outputs as well


def rule_queue_ids(
    transaction: Transaction, bucket: str, families: set[Family], rule: OperationRule
) -> tuple[str, ...]:
    """The queue that a rule names; none when it leaves the choice to its family.

    Raises:
        QueueNotFoundError: The bucket has no such queue in the family of the operation.
    """
    wanted = rule.queue_id or rule.queue_type
    if not wanted:
        return ()
    for queue in resources.list_queues(transaction, bucket):
        if queue.family in families and wanted in {queue.id, queue.category}:
            return (queue.id,)
    raise QueueNotFoundError(wanted)


def _unknown(tag: str, offered: list[str], family: str) -> str:
    where = f"this build's family {family}" if family else "this build"
    node = find(tag)
    if node is not None and node.is_node_only:
        return f"Tag must not be {tag}, which is a node of workflows only"
    if node is None and is_known(tag):
        return f"Tag: {absence(tag)}"
    if not offered:
        return f"Tag {tag!r} is not offered: {where} has no operation"
    given = f"not {tag!r}" if tag else "and must be given"
    return f"Tag must be an operation of {where} ({', '.join(offered)}), {given}"


def _output_faults(tag: str, operation: Tree) -> Iterator[str]:
    output = child(operation, "Output")
    if not output:
        yield "Output must be given"
        return
    for name in ("Region", "Bucket"):
        if not text(output, name):
            yield f"Output.{name} must be given"
    targets = _TARGETS.get(tag, ("Object",))
    if tag != _WITHOUT_NAME and not any(output.get(name) for name in targets):
        yield f"Output.{' or Output.'.join(targets)} must be given"
