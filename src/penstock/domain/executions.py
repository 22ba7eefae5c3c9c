"""Executions and node outcomes, and ids that are addresses.

The id of an execution (`RunId`) and of each of its nodes (`JobId`) is a letter and 32 hex
digits that say where the record lies: job (10 digits), chunk (8), position in the chunk (6),
node (2), and 6 digits of the job's own tag, so that an id of another database is not mistaken
for one of ours. Looking one up never searches.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from penstock.domain.states import ExecutionState

_HEX_DIGITS = frozenset("0123456789abcdef")
_ID_LENGTH = 33


class Address(NamedTuple):
    """Where an execution, or one of its nodes, is recorded.

    Attributes:
        job: Number of the job, below 2^40.
        chunk: Number of the chunk it was planned in, below 2^32.
        position: Index within that chunk, below 2^24.
        node: 0 for the execution itself, else the node's number from 1 to 255.
        tag: The job's tag, six hex digits.
    """

    job: int
    chunk: int
    position: int
    node: int
    tag: str

    def encode(self, letter: str) -> str:
        """The id that names this address: a letter and 32 hex digits."""
        return (
            f"{letter}{self.job:010x}{self.chunk:08x}{self.position:06x}{self.node:02x}{self.tag}"
        )

    @classmethod
    def decode(cls, text: str) -> "Address | None":
        """Read an id back; None when the text is not of that form."""
        digits = text[1:]
        if len(text) != _ID_LENGTH or not _HEX_DIGITS.issuperset(digits):
            return None
        return cls(
            job=int(digits[:10], 16),
            chunk=int(digits[10:18], 16),
            position=int(digits[18:24], 16),
            node=int(digits[24:26], 16),
            tag=digits[26:],
        )


class OutputObject(NamedTuple):
    """One object that a node published.

    Attributes:
        bucket: Name of the bucket it lies in.
        key: Its key there.
        size_bytes: Its size.
        etag: MD5 of its bytes in hex, or the store's own tag; empty where unknown.
        target: The child of `Output` whose pattern named it: `Object`, `SpriteObject`, …
        input_key: The object it was made from.
    """

    bucket: str
    key: str
    size_bytes: int
    etag: str
    target: str = "Object"
    input_key: str = ""


class NodeOutcome(NamedTuple):
    """What one node of one execution came to; a tuple, since there are 10^8.

    Attributes:
        number: The node's number in its topology, from 1.
        state: Success, Failed, Skipped or Cancel.
        code: `Success`, or the code of what went wrong.
        message: Empty, or one sentence for a person.
        started_ms: When it began, milliseconds since 1970 UTC; 0 when it never did.
        ended_ms: When it ended.
        outputs: What it published.
        facts: What it found out, in the vendor's result shape.
    """

    number: int
    state: ExecutionState
    code: str = "Success"
    message: str = ""
    started_ms: int = 0
    ended_ms: int = 0
    outputs: tuple[OutputObject, ...] = ()
    facts: Mapping[str, Any] = MappingProxyType({})
